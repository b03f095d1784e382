/* -F, -C and -S. */
#include "lib/auditrule/internal.h"

#include <grp.h>
#include <libaudit.h>
#include <pwd.h>

enum { NAME_MAX_HERE = 128 };

int builder_add(struct builder *builder, uint32_t field, uint32_t relation, uint32_t value, struct error *err)
{
        struct rule_head *head = &builder->head;
        if (head->field_count >= AUDIT_MAX_FIELDS)
                return fail(err, E_TOO_LARGE, "an audit rule has at most %d fields", AUDIT_MAX_FIELDS);
        head->fields[head->field_count] = field;
        head->values[head->field_count] = value;
        head->fieldflags[head->field_count++] = relation;
        return 0;
}

int builder_text(struct builder *builder, uint32_t field, uint32_t relation, struct sv text, struct error *err)
{
        if (builder_add(builder, field, relation, (uint32_t)text.n, err) < 0)
                return -1;
        buf_append(&builder->strings, text.p, text.n);
        return builder->strings.failed ? fail(err, E_TOO_LARGE, "the texts of an audit rule are too long") : 0;
}

static bool to_name(struct sv text, char ret[NAME_MAX_HERE])
{
        if (text.n == 0 || text.n >= NAME_MAX_HERE)
                return false;
        memcpy(ret, text.p, text.n);
        ret[text.n] = '\0';
        return true;
}

/* As strtoul(…, 0) with a sign, into 32 bits. */
static bool to_number(struct sv text, uint32_t *ret)
{
        bool negative = text.n > 0 && text.p[0] == '-';
        if (negative)
                text = sv_n(text.p + 1, text.n - 1);
        int base = 10;
        if (sv_starts(text, SV("0x")) || sv_starts(text, SV("0X"))) {
                base = 16;
                text = sv_n(text.p + 2, text.n - 2);
        } else if (text.n > 1 && text.p[0] == '0') {
                base = 8;
                text = sv_n(text.p + 1, text.n - 1);
        }
        uint64_t value;
        if (!sv_parse_u64(text, base, &value) || value > UINT32_MAX || (negative && value > (uint64_t)INT32_MAX + 1))
                return false;
        *ret = negative ? (uint32_t)-value : (uint32_t)value;
        return true;
}

static bool ask_user(const char *name, uint32_t *ret)
{
        struct passwd entry, *found = NULL;
        char text[4096];
        if (getpwnam_r(name, &entry, text, sizeof(text), &found) != 0 || !found)
                return false;
        *ret = found->pw_uid;
        return true;
}

static bool ask_group(const char *name, uint32_t *ret)
{
        struct group entry, *found = NULL;
        char text[16384];
        if (getgrnam_r(name, &entry, text, sizeof(text), &found) != 0 || !found)
                return false;
        *ret = found->gr_gid;
        return true;
}

static bool to_id(const struct builder *builder, struct sv text, bool group, uint32_t *ret)
{
        char name[NAME_MAX_HERE];
        const struct auditrule_options *options = builder->options;
        if (to_number(text, ret))
                return true;
        if (!group && sv_eq(text, SV("unset"))) {
                *ret = UINT32_MAX;
                return true;
        }
        if (!to_name(text, name))
                return false;
        if (group)
                return options->group ? options->group(options->cookie, name, ret) : ask_group(name, ret);
        return options->user ? options->user(options->cookie, name, ret) : ask_user(name, ret);
}

static bool to_errno(struct sv text, uint32_t *ret)
{
        char name[NAME_MAX_HERE];
        bool negative = text.n > 0 && text.p[0] == '-';
        if (to_number(text, ret))
                return true;
        if (!to_name(negative ? sv_n(text.p + 1, text.n - 1) : text, name))
                return false;
        int number = audit_name_to_errno(name);
        if (number == 0)
                return false;
        *ret = (uint32_t)(negative ? -number : number);
        return true;
}

static bool to_message_type(struct sv text, uint32_t *ret)
{
        char name[NAME_MAX_HERE];
        if (to_number(text, ret))
                return true;
        if (!to_name(text, name))
                return false;
        int number = audit_name_to_msg_type(name);
        *ret = (uint32_t)number;
        return number >= 0;
}

int builder_permissions(struct builder *builder, struct sv text, uint32_t *ret, struct error *err)
{
        static const struct number_name letters[] = { { AUDIT_PERM_READ, "r" }, { AUDIT_PERM_WRITE, "w" },
                { AUDIT_PERM_EXEC, "x" }, { AUDIT_PERM_ATTR, "a" }, { 0, NULL } };
        uint32_t permissions = 0;
        int64_t bit;
        for (size_t i = 0; i < text.n; i++) {
                char letter = text.p[i] >= 'A' && text.p[i] <= 'Z' ? (char)(text.p[i] + 32) : text.p[i];
                if (!number_of_name(letters, sv_n(&letter, 1), &bit))
                        return fail(err, E_INVALID, "permissions are of r, w, x and a, not \"%.*s\"", SV_ARG(text));
                permissions |= (uint32_t)bit;
        }
        if (!permissions)
                return fail(err, E_INVALID, "permissions are of r, w, x and a");
        builder->has_permission = true;
        *ret = permissions;
        return 0;
}

static int add_arch(struct builder *builder, uint32_t relation, struct sv value, struct error *err)
{
        int machine = machine_of(value, builder->native);
        if (builder->has_calls)
                return fail(err, E_INVALID, "arch must stand before the system calls (-S)");
        if (machine < 0)
                return fail(err, E_INVALID, "architecture \"%.*s\" is not known here", SV_ARG(value));
        builder->machine = machine;
        builder->has_arch = true;
        return builder_add(builder, AUDIT_ARCH, relation, audit_machine_to_elf(machine), err);
}

static int add_text(struct builder *builder, const struct field_of_rule *field, uint32_t relation, struct sv value,
        struct error *err)
{
        if (field->number == AUDIT_FILTERKEY) {
                if (value.n == 0 || value.n > AUDIT_MAX_KEY_LEN)
                        return fail(err, E_INVALID, "a key has 1 to %d bytes", AUDIT_MAX_KEY_LEN);
                if (builder->key.len > 0)
                        buf_putc(&builder->key, AUDIT_KEY_SEPARATOR);
                buf_append(&builder->key, value.p, value.n);
                return 0;
        }
        if (field->kind == FIELD_PATH && (value.n == 0 || value.p[0] != '/' || value.n >= 4096))
                return fail(err, E_INVALID, "%s= needs an absolute path, not \"%.*s\"", field->name, SV_ARG(value));
        if (value.n == 0)
                return fail(err, E_INVALID, "%s= needs a text", field->name);
        return builder_text(builder, field->number, relation, value, err);
}

static int add_value(struct builder *builder, const struct field_of_rule *field, uint32_t relation, struct sv value,
        struct error *err)
{
        uint32_t number = 0;
        int64_t named = 0;
        bool good = false;
        switch (field->kind) {
        case FIELD_TEXT:
        case FIELD_PATH:
                return add_text(builder, field, relation, value, err);
        case FIELD_ARCH:
                return add_arch(builder, relation, value, err);
        case FIELD_PERMISSION:
                if (builder_permissions(builder, value, &number, err) < 0)
                        return -1;
                return builder_add(builder, field->number, relation, number, err);
        case FIELD_USER:
        case FIELD_GROUP:
                good = to_id(builder, value, field->kind == FIELD_GROUP, &number);
                break;
        case FIELD_EXIT:
                good = to_errno(value, &number);
                break;
        case FIELD_MESSAGE:
                good = to_message_type(value, &number);
                break;
        case FIELD_FILE_TYPE:
        case FIELD_FS_TYPE:
                good = number_of_name(field->kind == FIELD_FS_TYPE ? fs_type_names : file_type_names, value, &named);
                number = (uint32_t)named;
                good = good || to_number(value, &number);
                break;
        case FIELD_SESSION:
                good = to_number(value, &number);
                if (sv_eq(value, SV("unset"))) {
                        number = UINT32_MAX;
                        good = true;
                }
                break;
        case FIELD_NUMBER:
        case FIELD_REGISTER:
                good = to_number(value, &number);
                break;
        }
        if (!good)
                return fail(err, E_INVALID, "\"%.*s\" is no value for %s", SV_ARG(value), field->name);
        return builder_add(builder, field->number, relation, number, err);
}

/* The first place in the text at which an relation stands. */
static const struct relation_of_rule *split(struct sv text, struct sv *ret_left, struct sv *ret_right)
{
        for (size_t at = 0; at < text.n; at++)
                for (size_t i = 0; i < relations_count; i++) {
                        struct sv relation = sv_of(relations[i].text);
                        struct sv rest = sv_n(text.p + at, text.n - at);
                        if (!sv_starts(rest, relation))
                                continue;
                        *ret_left = sv_trim(sv_n(text.p, at));
                        *ret_right = sv_n(rest.p + relation.n, rest.n - relation.n);
                        return &relations[i];
                }
        return NULL;
}

static int check_list(const struct builder *builder, const struct field_of_rule *field, struct error *err)
{
        uint32_t list = builder->head.flags & ~(uint32_t)AUDIT_FILTER_PREPEND;
        bool exit_only = field->number == AUDIT_EXIT || field->number == AUDIT_SUCCESS ||
                         field->number == AUDIT_WATCH || field->number == AUDIT_DIR || field->number == AUDIT_PERM ||
                         field->number == AUDIT_FILETYPE || field->number == AUDIT_INODE ||
                         field->number == AUDIT_SADDR_FAM;
        if (exit_only && list != AUDIT_FILTER_EXIT && list != AUDIT_FILTER_URING_EXIT)
                return fail(err, E_INVALID, "%s can only be asked on the list \"exit\"", field->name);
        if (field->number == AUDIT_MSGTYPE && list != AUDIT_FILTER_EXCLUDE && list != AUDIT_FILTER_USER)
                return fail(err, E_INVALID, "msgtype can only be asked on the lists \"exclude\" and \"user\"");
        if (field->number == AUDIT_FSTYPE && list != AUDIT_FILTER_FS)
                return fail(err, E_INVALID, "fstype can only be asked on the list \"filesystem\"");
        return 0;
}

int builder_field(struct builder *builder, struct sv text, struct error *err)
{
        struct sv name, value;
        const struct relation_of_rule *relation = split(text, &name, &value);
        if (!relation)
                return fail(err, E_INVALID, "-F \"%.*s\": an operator is missing", SV_ARG(text));
        const struct field_of_rule *field = field_by_name(name);
        if (!field)
                return fail(err, E_INVALID, "-F \"%.*s\": there is no field \"%.*s\"", SV_ARG(text), SV_ARG(name));
        bool equality = relation->number == AUDIT_EQUAL || relation->number == AUDIT_NOT_EQUAL;
        if (field->equality_only && !equality)
                return fail(err, E_INVALID, "-F %s takes = and != only", field->name);
        if (check_list(builder, field, err) < 0 || add_value(builder, field, relation->number, value, err) < 0)
                return error_prefix(err, "-F \"%.*s\"", SV_ARG(text));
        return 0;
}

int builder_comparison(struct builder *builder, struct sv text, struct error *err)
{
        struct sv left, right;
        const struct relation_of_rule *relation = split(text, &left, &right);
        if (!relation || (relation->number != AUDIT_EQUAL && relation->number != AUDIT_NOT_EQUAL))
                return fail(err, E_INVALID, "-C \"%.*s\" needs = or !=", SV_ARG(text));
        const struct field_of_rule *field = field_by_name(left), *other = field_by_name(sv_trim(right));
        uint32_t comparison = field && other ? comparison_of(field->number, other->number) : 0;
        if (!comparison)
                return fail(err, E_INVALID, "-C \"%.*s\": these two cannot be compared", SV_ARG(text));
        return builder_add(builder, AUDIT_FIELD_COMPARE, relation->number, comparison, err);
}

int builder_calls(struct builder *builder, struct sv text, struct error *err)
{
        struct sv part;
        builder->has_calls = true;
        while (sv_split(&text, ',', &part)) {
                char name[NAME_MAX_HERE];
                uint64_t number;
                if (sv_eq(part, SV("all"))) {
                        memset(builder->head.mask, 0xff, CALLS_MAX / 8);
                        continue;
                }
                if (!sv_parse_u64(part, 10, &number)) {
                        bool named = builder->head.flags != AUDIT_FILTER_URING_EXIT && to_name(part, name);
                        int call = named ? audit_name_to_syscall(name, builder->machine) : -1;
                        if (call < 0)
                                return fail(err, E_INVALID, "-S \"%.*s\": no system call of %s", SV_ARG(part),
                                        audit_machine_to_name(builder->machine));
                        number = (uint64_t)call;
                }
                if (number >= CALLS_MAX)
                        return fail(
                                err, E_INVALID, "-S \"%.*s\": the highest number is %d", SV_ARG(part), CALLS_MAX - 1);
                builder->head.mask[number / 32] |= UINT32_C(1) << (number % 32);
        }
        return 0;
}
