/* System calls on files as OBSERVED_FILE (audit_observe.h): which of the PATH records is the one that matters. Their
 * nametypes: kernel/auditsc.c, audit_log_name; PARENT stands before CREATE and DELETE. */
#include "modules/watch/source/audit_translate.h"

#include <fcntl.h>

uint64_t audit_flags_of(const struct audit_facts *facts)
{
        unsigned flags = facts->call->flags;
        return flags >= 1 && flags <= 4 ? facts->a[flags - 1] : 0;
}

void audit_take_file_id(const struct audit_path *path, struct observation *observation)
{
        if (!path->has_id)
                return;
        observation->has |= HAS_FILE_ID;
        observation->inode = path->inode;
        observation->mode = path->mode;
        observation->owner = path->owner;
}

static const struct audit_path *path_of_type(const struct audit_facts *facts, enum audit_nametype type, bool last)
{
        const struct audit_path *found = NULL;
        for (size_t i = 0; i < facts->path_count && (last || !found); i++)
                if (facts->paths[i].type == type)
                        found = &facts->paths[i];
        return found;
}

/* What the call was about, when nothing was created or deleted: no directory above it if possible. */
const struct audit_path *audit_path_plain(const struct audit_facts *facts)
{
        for (size_t i = 0; i < facts->path_count; i++)
                if (facts->paths[i].type != NAMETYPE_PARENT)
                        return &facts->paths[i];
        return facts->path_count ? &facts->paths[0] : NULL;
}

static struct sv open_operation(const struct audit_facts *facts)
{
        uint64_t flags = audit_flags_of(facts);
        bool told = facts->call->kind == CALL_OPEN;
        struct audit_field field;

        if (path_of_type(facts, NAMETYPE_CREATE, false))
                return SV("create");
        if (facts->side[SIDE_OPENAT2] && audit_field_find(facts->side[SIDE_OPENAT2]->body, SV("oflag"), &field))
                told = audit_value_u64(field.value, 8, &flags);
        if (!told)
                return SV("open");
        return (flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC) ? SV("write") : SV("read");
}

struct file_operation {
        struct sv name;
        const struct audit_path *path, *path2;
};

static struct file_operation file_operation_of(const struct audit_facts *facts)
{
        const struct audit_path *created = path_of_type(facts, NAMETYPE_CREATE, true);
        const struct audit_path *deleted = path_of_type(facts, NAMETYPE_DELETE, false);
        const struct audit_path *plain = audit_path_plain(facts);

        switch (facts->call->kind) {
        case CALL_OPEN:
        case CALL_OPENAT2:
                return (struct file_operation){ open_operation(facts), created ? created : plain, NULL };
        case CALL_FILE_WRITE:
                return (struct file_operation){ created ? SV("create") : SV("write"), created ? created : plain, NULL };
        case CALL_FILE_CREATE:
                return (struct file_operation){ SV("create"), created ? created : plain, NULL };
        case CALL_FILE_DELETE:
                return (struct file_operation){ SV("delete"), deleted ? deleted : plain, NULL };
        case CALL_FILE_RENAME:
                if (!created) /* it failed */
                        return (struct file_operation){ SV("rename"), plain, NULL };
                return (struct file_operation){ SV("rename"), created, deleted ? deleted : plain };
        case CALL_FILE_LINK:
                return (struct file_operation){ SV("link"), created ? created : plain, created ? plain : NULL };
        case CALL_FILE_SYMLINK:
                return (struct file_operation){ SV("symlink"), created ? created : plain,
                        created && plain != created ? plain : NULL };
        case CALL_FILE_ATTRIBUTE:
                return (struct file_operation){ SV("attribute"), plain, NULL };
        default:
                return (struct file_operation){ SV("open"), plain, NULL };
        }
}

bool audit_translate_file(
        struct audit_translation *translation, struct audit_facts *facts, struct observation *observation)
{
        struct audit_scratch *scratch = &translation->scratch;
        const struct audit_call *call = facts->call;

        audit_facts_paths(facts, AUDIT_PATHS_MAX, scratch);
        if (!facts->path_count)
                return false;
        struct file_operation operation = file_operation_of(facts);
        observation->type = OBSERVED_FILE;
        observation->operation = operation.name;
        observation->flags = audit_flags_of(facts);
        if (operation.path) {
                observation->path = audit_path_absolute(facts, operation.path->name, call->directory, scratch);
                audit_take_file_id(operation.path, observation);
        }
        if (operation.path2) /* a symbolic link's text is nobody's path */
                observation->path2 = call->kind == CALL_FILE_SYMLINK ? operation.path2->name
                                                                     : audit_path_absolute(facts, operation.path2->name,
                                                                               call->directory2, scratch);
        return true;
}
