#include "modules/investigate/scribe_objects.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/path.h"
#include "lib/pkgdb/evr.h"
#include "lib/pkgdb/pkgdb.h"
#include "lib/regex/regex.h"
#include "lib/walk/walk.h"
#include "module/run.h"

#include <fcntl.h>

static int add(struct scribe_evaluation *evaluation, struct scribe_criteria *criteria, struct sv identifier,
        struct sv value, struct error *err)
{
        struct scribe_criterion *criterion = vec_add(&criteria->list, SCRIBE_VALUES_MAX);
        if (!criterion)
                return fail(err, E_TOO_LARGE, "more than %d values", SCRIBE_VALUES_MAX);
        size_t count = criteria->list.count;
        const char *before = count > 1 ? criteria->list.items[count - 2].identifier : NULL;
        bool same = before && sv_eq(sv_of(before), identifier); /* values of one file stand together */
        criterion->identifier = same ? before : arena_strndup(&evaluation->run->arena, identifier.p, identifier.n);
        criterion->value = arena_strndup(&evaluation->run->arena, value.p, value.n);
        if (!criterion->identifier || !criterion->value) {
                criteria->list.count--;
                return fail(err, E_NO_MEMORY, "no memory for the values of an object");
        }
        return 0;
}

/* ${KEY} by its value, one variable after the other as they stand in the document. NULL: no memory. */
static char *expand(
        struct scribe_evaluation *evaluation, const struct scribe_variable *variables, size_t count, const char *text)
{
        struct buf now;
        struct buf next;
        buf_init(&now, 1 << 20);
        buf_init(&next, 1 << 20);
        buf_puts(&now, text);
        for (size_t i = 0; i < count; i++) {
                char key[256];
                if (snprintf(key, sizeof(key), "${%s}", variables[i].key) >= (int)sizeof(key))
                        continue;
                buf_clear(&next);
                const char *at = buf_text(&now);
                for (const char *found; (found = strstr(at, key)); at = found + strlen(key)) {
                        buf_append(&next, at, (size_t)(found - at));
                        buf_puts(&next, variables[i].value);
                }
                buf_puts(&next, at);
                struct buf swap = now;
                now = next;
                next = swap;
        }
        char *ret = now.failed || next.failed ? NULL : arena_strdup(&evaluation->run->arena, buf_text(&now));
        buf_done(&now);
        buf_done(&next);
        return ret;
}

/* ---- files ---- */

struct found_file {
        char *path;
};

struct locating {
        struct scribe_evaluation *evaluation;
        struct regex *name;
        VEC(struct found_file) files;
        bool full;
};

static enum walk_verdict on_file(void *cookie, const struct walk_entry *entry)
{
        struct locating *locating = cookie;
        struct sv name = path_base(entry->path);
        if (entry->target != DT_REG || !regex_match(locating->name, name))
                return run_checkpoint(locating->evaluation->run) ? WALK_STOP : WALK_ON;
        struct found_file *file = vec_add(&locating->files, SCRIBE_FILES_MAX);
        if (file)
                file->path = arena_strndup(&locating->evaluation->run->arena, entry->path.p, entry->path.n);
        if (!file || !file->path) {
                locating->files.count -= file != NULL;
                locating->full = true;
                return WALK_STOP;
        }
        return WALK_ON;
}

static enum walk_verdict on_error(void *cookie, struct sv path, enum walk_stage stage, int errnum)
{
        struct locating *locating = cookie;
        if (stage != WALK_STAGE_FOLLOW && errnum != ENOENT)
                run_skipped(locating->evaluation->run, path.p, "%s", errno_text(errnum));
        return WALK_ON;
}

static bool checkpoint(void *cookie)
{
        return run_checkpoint(((struct locating *)cookie)->evaluation->run);
}

static int by_path(const void *a, const void *b)
{
        return strcmp(((const struct found_file *)a)->path, ((const struct found_file *)b)->path);
}

static int locate(struct locating *locating, const char *root, const char *pattern, struct error *err)
{
        locating->name = regex_new(sv_of(pattern), 0, err);
        if (!locating->name)
                return -1;
        /* "/etc/" and "/etc" are the same tree and the same paths */
        struct sv trimmed = sv_of(root);
        while (trimmed.n > 1 && trimmed.p[trimmed.n - 1] == '/')
                trimmed.n--;
        char *path = arena_strndup(&locating->evaluation->run->arena, trimmed.p, trimmed.n);
        if (!path)
                return fail(err, E_NO_MEMORY, "no memory for a path");
        struct walk_options options = {
                .max_depth = SCRIBE_DEPTH_MAX,
                .follow_files = true,
                .on_file = on_file,
                .on_error = on_error,
                .checkpoint = checkpoint,
                .cookie = locating,
        };
        if (walk_tree(AT_FDCWD, path, &options, NULL, err) < 0)
                return -1;
        if (locating->full)
                return fail(err, E_TOO_LARGE, "more than %d files", SCRIBE_FILES_MAX);
        if (locating->files.count > 0)
                qsort(locating->files.items, locating->files.count, sizeof(*locating->files.items), by_path);
        return 0;
}

/* One line: 1 when it matches. With criteria its groups are added. */
static int take_line(struct scribe_evaluation *evaluation, const struct regex *expression, struct sv line,
        const char *path, struct scribe_criteria *criteria, struct error *err)
{
        struct regex_capture captures[REGEX_CAPTURES_MAX];
        if (line.n > 0 && line.p[line.n - 1] == '\r')
                line.n--;
        size_t groups = regex_groups(expression);
        if (groups > REGEX_CAPTURES_MAX - 1)
                groups = REGEX_CAPTURES_MAX - 1;
        int found = regex_find(expression, line, 0, captures, groups + 1, err);
        for (size_t i = 1; found == 1 && criteria && i <= groups; i++) {
                struct sv value = SV("");
                if (captures[i].start != REGEX_NONE)
                        value = sv_n(line.p + captures[i].start, captures[i].end - captures[i].start);
                if (add(evaluation, criteria, sv_of(path), value, err) < 0)
                        return -1;
        }
        return found;
}

/* Looks at the lines that are whole in *text, or at all of it at the end, and takes them off. */
static int take_lines(struct scribe_evaluation *evaluation, const struct regex *expression, struct buf *text, bool end,
        const char *path, struct scribe_criteria *criteria, bool *ret_found, struct error *err)
{
        struct sv rest = sv_n(text->data ? text->data : "", text->len);
        while (rest.n > 0) {
                size_t length = sv_find(rest, '\n');
                bool whole = length < rest.n;
                if (!whole && !end && rest.n < SCRIBE_LINE_MAX)
                        break;
                int found = take_line(evaluation, expression, sv_n(rest.p, length), path, criteria, err);
                if (found < 0)
                        return -1;
                *ret_found = *ret_found || found;
                rest = sv_n(rest.p + length + whole, rest.n - length - whole);
        }
        buf_consume(text, text->len - rest.n);
        return 0;
}

/* Reads a file line by line. A file that cannot be read is skipped: *ret_read says which it was. */
static int read_file(struct scribe_evaluation *evaluation, const struct regex *expression, const char *path,
        struct scribe_criteria *criteria, bool *ret_read, bool *ret_found, struct error *err)
{
        enum { CHUNK = 64 << 10 };
        struct error soft;
        cleanup(buf_done) struct buf text;
        buf_init(&text, SCRIBE_LINE_MAX + CHUNK);
        *ret_read = *ret_found = false;
        cleanup(fd_close) int fd = walk_open_regular(AT_FDCWD, path, WALK_OPEN_FOLLOW, NULL, &soft);
        if (fd < 0) {
                run_skipped(evaluation->run, path, "%s", soft.message);
                return 0;
        }
        for (ssize_t got = 1; got > 0 && !run_checkpoint(evaluation->run);) {
                char *room = buf_reserve(&text, CHUNK);
                if (!room)
                        return fail(err, E_NO_MEMORY, "no memory for a block of %s", path);
                got = read_all(fd, room, CHUNK, &soft);
                if (got < 0) {
                        run_skipped(evaluation->run, path, "%s", soft.message);
                        return 0;
                }
                text.len += (size_t)got;
                run_charge_io(evaluation->run, (uint64_t)got);
                if (take_lines(evaluation, expression, &text, got == 0, path, criteria, ret_found, err) < 0)
                        return -1;
        }
        *ret_read = true;
        return 0;
}

static int prepare_content(struct scribe_evaluation *evaluation, const struct locating *located,
        const struct scribe_file *file, bool line, struct scribe_criteria *ret, struct error *err)
{
        struct regex *expression = regex_new(sv_of(file->expression), 0, err);
        int status = expression ? 0 : -1;
        for (size_t i = 0; status == 0 && i < located->files.count && !run_stopped(evaluation->run); i++) {
                const char *path = located->files.items[i].path;
                bool was_read;
                bool found;
                status = read_file(evaluation, expression, path, line ? NULL : ret, &was_read, &found, err);
                if (status == 0 && line && was_read)
                        status = add(evaluation, ret, sv_of(path), found ? SV("true") : SV("false"), err);
        }
        regex_free(expression);
        return status;
}

/* The first group of the name is the value. */
static int prepare_names(struct scribe_evaluation *evaluation, const struct locating *located,
        struct scribe_criteria *ret, struct error *err)
{
        if (regex_groups(located->name) == 0)
                return 0;
        for (size_t i = 0; i < located->files.count; i++) {
                struct regex_capture captures[2];
                struct sv path = sv_of(located->files.items[i].path);
                struct sv name = path_base(path);
                if (regex_find(located->name, name, 0, captures, 2, err) < 0)
                        return -1;
                struct sv value = SV("");
                if (captures[1].start != REGEX_NONE)
                        value = sv_n(name.p + captures[1].start, captures[1].end - captures[1].start);
                if (add(evaluation, ret, path, value, err) < 0)
                        return -1;
        }
        return 0;
}

static int prepare_files(struct scribe_evaluation *evaluation, enum scribe_source source,
        const struct scribe_file *file, const struct scribe_variable *variables, size_t count,
        struct scribe_criteria *ret, struct error *err)
{
        const char *path = expand(evaluation, variables, count, file->path);
        /* a filename's pattern is not expanded: MIG does not either */
        const char *name = source == SCRIBE_NAME ? file->file : expand(evaluation, variables, count, file->file);
        if (!path || !name)
                return fail(err, E_NO_MEMORY, "no memory for a path");
        struct locating locating = { .evaluation = evaluation };
        int status = locate(&locating, path, name, err);
        if (status == 0 && source == SCRIBE_NAME)
                status = prepare_names(evaluation, &locating, ret, err);
        else if (status == 0)
                status = prepare_content(evaluation, &locating, file, source == SCRIBE_LINE, ret, err);
        vec_done(&locating.files);
        regex_free(locating.name);
        return status;
}

/* ---- packages ---- */

static int on_package(const struct package *package, void *cookie)
{
        struct scribe_evaluation *evaluation = cookie;
        if (add(evaluation, &evaluation->packages, sv_of(package->name), sv_of(package->version), evaluation->err) < 0)
                evaluation->no_memory = true;
        return evaluation->no_memory || run_checkpoint(evaluation->run);
}

static void on_problem(const char *path, const struct error *err, void *cookie)
{
        run_skipped(((struct scribe_evaluation *)cookie)->run, path, "%s", err->message);
}

static int read_packages(struct scribe_evaluation *evaluation, struct error *err)
{
        if (evaluation->packages_read)
                return 0;
        evaluation->packages_read = true;
        cleanup(fd_close) int root = open(evaluation->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (root < 0)
                return fail_errno(err, "%s", evaluation->root);
        struct pkgdb_visitor visitor = { .package = on_package, .problem = on_problem, .cookie = evaluation };
        evaluation->err = err;
        if (pkgdb_read(root, &visitor, NULL, err) < 0)
                return -1;
        return evaluation->no_memory ? -1 : 0;
}

static int prepare_package(struct scribe_evaluation *evaluation, const struct scribe_package *package,
        const struct scribe_variable *variables, size_t count, struct scribe_criteria *ret, struct error *err)
{
        const char *name = expand(evaluation, variables, count, package->name);
        bool collect = *package->collect_match;
        struct regex *pattern = NULL;
        if (!name)
                return fail(err, E_NO_MEMORY, "no memory for a name");
        if (read_packages(evaluation, err) < 0)
                return -1;
        if (collect && !(pattern = regex_new(sv_of(package->collect_match), 0, err)))
                return -1;
        int status = 0;
        vec_foreach (found, &evaluation->packages.list) {
                struct sv version = sv_of(found->value);
                if (pattern ? !regex_match(pattern, sv_of(found->identifier)) : strcmp(found->identifier, name) != 0)
                        continue;
                if (package->only_newest && ret->list.count > 0) {
                        if (evr_compare(EVR_SCRIBE, sv_of(ret->list.items[0].value), version) < 0)
                                ret->list.items[0] = *found;
                } else if ((status = add(evaluation, ret, sv_of(found->identifier), version, err)) < 0) {
                        break;
                }
        }
        regex_free(pattern);
        return status;
}

/* ---- objects ---- */

static int prepare(struct scribe_evaluation *evaluation, const struct scribe_object *object,
        const struct scribe_variable *variables, size_t count, struct scribe_criteria *ret, struct error *err)
{
        enum scribe_source source = scribe_source_of(object);
        switch (source) {
        case SCRIBE_PACKAGE:
                return prepare_package(evaluation, &object->package, variables, count, ret, err);
        case SCRIBE_CONTENT:
                return prepare_files(evaluation, source, &object->content, variables, count, ret, err);
        case SCRIBE_NAME:
                return prepare_files(evaluation, source, &object->name, variables, count, ret, err);
        case SCRIBE_LINE:
                return prepare_files(evaluation, source, &object->line, variables, count, ret, err);
        case SCRIBE_RAW:
                list_foreach (identifier, &object->raw.identifiers)
                        if (add(evaluation, ret, sv_of(identifier->identifier), sv_of(identifier->value), err) < 0)
                                return -1;
                return 0;
        case SCRIBE_NONE:
                break;
        }
        return fail(err, E_INVALID, "object has no valid interface");
}

/* The values of one identifier joined, in the order of their first one. */
static int join(struct scribe_evaluation *evaluation, const struct scribe_criteria *from, const char *between,
        struct scribe_criteria *ret, struct error *err)
{
        cleanup(map_done) struct map places;
        map_init(&places, SCRIBE_VALUES_MAX);
        vec_foreach (criterion, &from->list) {
                struct sv key = sv_of(criterion->identifier);
                size_t place = (size_t)(uintptr_t)map_get(&places, key);
                if (place == 0) {
                        if (add(evaluation, ret, key, sv_of(criterion->value), err) < 0)
                                return -1;
                        if (map_put(&places, key, (void *)(uintptr_t)ret->list.count) < 0)
                                return fail(err, E_NO_MEMORY, "no memory for the values of an object");
                        continue;
                }
                struct scribe_criterion *joined = &ret->list.items[place - 1];
                joined->value = *joined->value ? arena_printf(&evaluation->run->arena, "%s%s%s", joined->value, between,
                                                         criterion->value)
                                               : criterion->value;
                if (!joined->value)
                        return fail(err, E_NO_MEMORY, "no memory for the values of an object");
        }
        return 0;
}

/* What others see of these values: joined where the object says so. *ret is added to. */
static int show(struct scribe_evaluation *evaluation, const struct scribe_object *object,
        const struct scribe_criteria *own, struct scribe_criteria *ret, struct error *err)
{
        if (scribe_source_of(object) == SCRIBE_CONTENT && *object->content.concat)
                return join(evaluation, own, object->content.concat, ret, err);
        vec_foreach (criterion, &own->list)
                if (add(evaluation, ret, sv_of(criterion->identifier), sv_of(criterion->value), err) < 0)
                        return -1;
        return 0;
}

/* For each file that `own` has values of: the objects of the chain are filled with ${chain_root} as that file's
 * directory, and what they hold becomes values of that file. */
static int fire_chain(struct scribe_evaluation *evaluation, const struct scribe_object *object,
        struct scribe_criteria *own, unsigned depth, struct error *err)
{
        const struct string_list *chain = &object->content.import_chain;
        if (scribe_source_of(object) != SCRIBE_CONTENT || chain->count == 0)
                return 0;
        if (depth >= SCRIBE_CHAIN_DEPTH_MAX)
                return fail(err, E_TOO_LARGE, "import chains are nested too deep");
        int status = 0;
        size_t roots = own->list.count;
        const char *before = NULL;
        for (size_t i = 0; status == 0 && i < roots && !run_checkpoint(evaluation->run); i++) {
                const char *path = own->list.items[i].identifier;
                if (before && strcmp(path, before) == 0) /* values of one file stand together */
                        continue;
                before = path;
                struct sv directory = sv_of(path);
                while (directory.n > 0 && directory.p[directory.n - 1] != '/')
                        directory.n--;
                char key[] = "chain_root";
                struct scribe_variable root = { .key = key,
                        .value = arena_strndup(&evaluation->run->arena, directory.p, directory.n) };
                if (!root.value)
                        return fail(err, E_NO_MEMORY, "no memory for a path");
                for (size_t j = 0; status == 0 && j < chain->count; j++) {
                        const struct scribe_object *link =
                                &evaluation->document->objects
                                         .items[scribe_find_object(evaluation->document, chain->items[j])];
                        struct scribe_criteria held = { 0 };
                        struct scribe_criteria shown = { 0 };
                        status = prepare(evaluation, link, &root, 1, &held, err);
                        if (status == 0)
                                status = fire_chain(evaluation, link, &held, depth + 1, err);
                        if (status == 0)
                                status = show(evaluation, link, &held, &shown, err);
                        for (size_t k = 0; status == 0 && k < shown.list.count; k++)
                                status = add(evaluation, own, sv_of(path), sv_of(shown.list.items[k].value), err);
                        vec_done(&held.list);
                        vec_done(&shown.list);
                }
        }
        return status;
}

int scribe_prepare_objects(struct scribe_evaluation *evaluation, struct error *err)
{
        const struct scribe_document *document = evaluation->document;
        evaluation->objects =
                arena_array(&evaluation->run->arena, document->objects.count, sizeof(*evaluation->objects));
        if (!evaluation->objects)
                return fail(err, E_NO_MEMORY, "no memory for the objects");
        for (size_t i = 0; i < document->objects.count && !run_checkpoint(evaluation->run); i++) {
                const struct scribe_object *object = &document->objects.items[i];
                struct scribe_state *state = &evaluation->objects[i];
                state->chain =
                        scribe_source_of(object) == SCRIBE_CONTENT && strstr(object->content.path, "${chain_root}");
                if (state->chain)
                        continue;
                state->prepared = true;
                state->failed = prepare(evaluation, object, document->variables.items, document->variables.count,
                                        &state->criteria, &state->error) < 0 ||
                                fire_chain(evaluation, object, &state->criteria, 0, &state->error) < 0;
        }
        return 0;
}

void scribe_release_objects(struct scribe_evaluation *evaluation)
{
        for (size_t i = 0; evaluation->objects && i < evaluation->document->objects.count; i++)
                vec_done(&evaluation->objects[i].criteria.list);
        vec_done(&evaluation->packages.list);
}

int scribe_criteria_of(
        struct scribe_evaluation *evaluation, size_t object, struct scribe_criteria *ret, struct error *err)
{
        return show(evaluation, &evaluation->document->objects.items[object], &evaluation->objects[object].criteria,
                ret, err);
}
