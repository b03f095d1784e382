/* Rule files: where they are, their YAML, and what they say merged by name. */
#include "modules/watch/rules/rules_load.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/path.h"
#include "schema/flags.h"
#include "schema/yaml.h"

#include <fcntl.h>
#include <sys/stat.h>

enum { RULE_NAME_MAX = 64, LINES_MAX = 1 << 17 };

/* --- problems --- */

int loader_bad(struct loader *loader, struct place place, const char *context)
{
        error_prefix(loader->err, "%s:%u%s%s", place.file, place.line, *context ? ": " : "", context);
        loader->problems++;
        if (!loader->problem || (loader->err->code != E_INVALID && loader->err->code != E_TOO_LARGE))
                return -1;
        loader->problem(loader->cookie, false, loader->err->message);
        error_clear(loader->err);
        return 0;
}

int loader_problem(struct loader *loader, struct place place, const char *format, ...)
{
        char text[400];
        va_list args;
        va_start(args, format);
        vsnprintf(text, sizeof(text), format, args); /* NOLINT(clang-analyzer-valist.Uninitialized): it was started */
        va_end(args);
        fail(loader->err, E_INVALID, "%s", text);
        return loader_bad(loader, place, "");
}

static int no_memory(struct loader *loader)
{
        return fail(loader->err, E_NO_MEMORY, "the rules need more than %d bytes", RULES_MEMORY_MAX);
}

/* --- reading --- */

struct place loader_place(const struct loader *loader, const json_t *value, struct place otherwise)
{
        uint64_t key = (uintptr_t)value;
        for (size_t i = 0; i < loader->file_count; i++) {
                void *line = map_get(&loader->files[i].lines, map_key_u64(&key));
                if (line)
                        return (struct place){ loader->files[i].name, (unsigned)(uintptr_t)line };
        }
        return otherwise;
}

/* "line 3, column 7: …" of the parser becomes "FILE:3: column 7: …". */
static int bad_yaml(struct loader *loader, const char *name)
{
        struct error *err = loader->err;
        struct sv text = sv_of(err->message), number;
        uint64_t line;
        size_t comma = sv_find(text, ',');
        if (sv_starts(text, SV("line ")) && comma < text.n) {
                number = sv_n(text.p + 5, comma - 5);
                if (sv_parse_u64(number, 10, &line)) {
                        const char *rest = number.p + number.n + 2;
                        memmove(err->message, rest, strlen(rest) + 1);
                        return loader_bad(loader, (struct place){ name, (unsigned)line }, "");
                }
        }
        return loader_bad(loader, (struct place){ name, 1 }, "");
}

int loader_add_text(struct loader *loader, const char *name, struct sv text)
{
        if (loader->file_count == RULES_FILES_MAX)
                return fail(loader->err, E_TOO_LARGE, "more than %d rule files", RULES_FILES_MAX);
        if (text.n > RULES_TEXT_MAX)
                return fail(loader->err, E_TOO_LARGE, "%s is larger than %d bytes", name, RULES_TEXT_MAX);
        struct rules_file *file = &loader->files[loader->file_count];
        file->name = arena_strdup(&loader->rules->arena, name);
        if (!file->name)
                return no_memory(loader);
        map_init(&file->lines, LINES_MAX);
        file->root = yaml_parse_lines(text, true, &file->lines, loader->err);
        loader->file_count++;
        if (!file->root)
                return bad_yaml(loader, file->name);
        return loader_merge(loader, file);
}

static int add_file(struct loader *loader, const char *path)
{
        cleanup(buf_done) struct buf text;
        buf_init(&text, RULES_TEXT_MAX);
        if (file_read(AT_FDCWD, path, &text, loader->err) < 0)
                return error_prefix(loader->err, "rules %s", path);
        return loader_add_text(loader, path, sv_of(buf_text(&text)));
}

static int is_yaml(const struct dirent *entry)
{
        return entry->d_name[0] != '.' && sv_ends(sv_of(entry->d_name), SV(".yaml"));
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
        return strcmp((*a)->d_name, (*b)->d_name);
}

static int add_directory(struct loader *loader, const char *path)
{
        struct dirent **entries = NULL;
        int count = scandir(path, &entries, is_yaml, by_bytes), result = 0;
        if (count < 0)
                return fail_errno(loader->err, "rules %s", path);
        for (int i = 0; i < count; i++) {
                char *name =
                        result == 0 ? arena_printf(&loader->rules->arena, "%s/%s", path, entries[i]->d_name) : NULL;
                if (result == 0)
                        result = name ? add_file(loader, name) : no_memory(loader);
                free(entries[i]);
        }
        free(entries);
        return result;
}

int loader_add_path(struct loader *loader, const char *path)
{
        struct stat status;
        if (!strcmp(path, "starter"))
                return loader_add_text(loader, "starter.yaml", rules_starter);
        if (stat(path, &status) < 0) {
                size_t length = strlen(path);
                if (errno == ENOENT && !sv_ends(sv_of(path), SV(".yaml")) && length)
                        return 0; /* a directory that nobody made */
                return fail_errno(loader->err, "rules %s", path);
        }
        return S_ISDIR(status.st_mode) ? add_directory(loader, path) : add_file(loader, path);
}

/* --- merging --- */

static bool is_name(const char *text)
{
        size_t length = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_-");
        return length && length <= RULE_NAME_MAX && !text[length] && text[0] != '-';
}

static bool is_reserved(const char *name)
{
        static const char *const words[] = { "and", "or", "not", "in", "exists", "contains", "startswith", "endswith",
                "matches", "glob", "intersects", "basename" };
        for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
                if (!strcmp(name, words[i]))
                        return true;
        return operand_exists(sv_of(name));
}

/* The texts of one item: itself, or all of another list. */
static int list_item(struct loader *loader, const char *list, const json_t *item, struct list_value *value)
{
        struct place place = loader_place(loader, item, value->place);
        const char *text = json_string_value(item);
        const struct list_value *other = NULL;
        struct sv one;
        if (text && text[0] == '$') {
                struct list_value *found = map_get(&loader->lists, sv_of(text + 1));
                if (!found)
                        return loader_problem(loader, place, "list %s: no list %s stands above it", list, text);
                found->used = true;
                other = found;
        } else if (json_is_integer(item)) {
                text = arena_printf(&loader->rules->arena, "%lld", (long long)json_integer_value(item));
                if (!text)
                        return no_memory(loader);
        } else if (!text) {
                return loader_problem(
                        loader, place, "list %s: texts and whole numbers only (quote what is none)", list);
        }
        one = sv_of(text);
        size_t more = other ? other->count : 1;
        if (value->count + more > RULES_LIST_MAX)
                return loader_problem(loader, place, "list %s: more than %d values", list, RULES_LIST_MAX);
        struct sv *items = arena_array(&loader->rules->arena, value->count + more, sizeof(*items));
        if (!items)
                return no_memory(loader);
        if (value->count)
                memcpy(items, value->items, value->count * sizeof(*items));
        if (more)
                memcpy(items + value->count, other ? other->items : &one, more * sizeof(*items));
        if (!other) {
                char *copy = arena_strndup(&loader->rules->arena, one.p, one.n);
                if (!copy)
                        return no_memory(loader);
                items[value->count] = sv_n(copy, one.n);
        }
        value->items = items;
        value->count += more;
        return 0;
}

static int merge_list(struct loader *loader, const char *name, const json_t *items, struct place place)
{
        struct list_value *value = arena_new(&loader->rules->arena, struct list_value);
        const json_t *item;
        size_t i;
        if (!value)
                return no_memory(loader);
        value->place = loader_place(loader, items, place);
        if (!is_name(name))
                return loader_problem(loader, value->place, "\"%.64s\": names are of a-z, 0-9, _ and -", name);
        if (!json_is_array(items))
                return loader_problem(loader, value->place, "list %s: expected a list", name);
        json_array_foreach(items, i, item)
        {
                if (list_item(loader, name, item, value) < 0)
                        return -1;
        }
        struct list_value *before = map_get(&loader->lists, sv_of(name));
        value->used = before && before->used;
        if (map_put(&loader->lists, sv_of(name), value) < 0)
                return fail(loader->err, E_TOO_LARGE, "too many lists");
        return 0;
}

static int merge_macro(struct loader *loader, const char *name, const json_t *text, struct place place)
{
        struct macro_text *macro = arena_new(&loader->rules->arena, struct macro_text);
        if (!macro)
                return no_memory(loader);
        macro->place = loader_place(loader, text, place);
        if (!is_name(name))
                return loader_problem(loader, macro->place, "\"%.64s\": names are of a-z, 0-9, _ and -", name);
        if (is_reserved(name))
                return loader_problem(
                        loader, macro->place, "macro %s: that is a word of the language, or a field", name);
        if (!json_is_string(text))
                return loader_problem(loader, macro->place, "macro %s: expected a condition as text", name);
        macro->text = arena_strdup(&loader->rules->arena, json_string_value(text));
        if (!macro->text || map_put(&loader->macros, sv_of(name), macro) < 0)
                return no_memory(loader);
        return 0;
}

static const char *nearest_rule(const struct loader *loader, const char *name)
{
        const char *names[RULES_MAX];
        for (size_t i = 0; i < loader->entry_count; i++)
                names[i] = loader->entries[i].name;
        return nearest_word(name, names, loader->entry_count);
}

/* Exceptions add to those there are; one of the same name takes its place. */
static int merge_exceptions(json_t *members, json_t *added)
{
        json_t *before = json_object_get(members, "exceptions"), *all = json_array(), *one, *other;
        size_t i, j;
        int result = all ? 0 : -1;
        json_array_foreach(before, i, one)
        {
                bool replaced = false;
                json_array_foreach(added, j, other)
                {
                        json_t *name = json_object_get(one, "name");
                        replaced |= name && json_equal(name, json_object_get(other, "name"));
                }
                if (!replaced)
                        result |= json_array_append(all, one);
        }
        json_array_foreach(added, j, other) result |= json_array_append(all, other);
        if (result < 0) {
                json_decref(all);
                return -1;
        }
        return json_object_set_new(members, "exceptions", all);
}

static int merge_members(json_t *members, json_t *rule)
{
        const char *key;
        json_t *value;
        json_object_foreach(rule, key, value)
        {
                int result = !strcmp(key, "exceptions") && json_is_array(value) ? merge_exceptions(members, value)
                                                                                : json_object_set(members, key, value);
                if (result < 0)
                        return -1;
        }
        return 0;
}

static int merge_rule(struct loader *loader, json_t *rule, struct place place)
{
        const char *name = json_string_value(json_object_get(rule, "name"));
        size_t i = 0;
        if (!json_is_object(rule) || !name)
                return loader_problem(loader, place, "a rule is a group of members, one of which is its name");
        if (!is_name(name))
                return loader_problem(loader, place, "rule \"%.64s\": names are of a-z, 0-9, _ and -", name);
        while (i < loader->entry_count && strcmp(loader->entries[i].name, name) != 0)
                i++;
        /* what this file has changed already has its place in it */
        if (i < loader->entry_count && loader->entries[i].place.file == place.file)
                return loader_problem(loader, place, "rule %s stands twice in this file", name);
        if (i == loader->entry_count) {
                if (!json_object_get(rule, "condition")) {
                        const char *near = nearest_rule(loader, name);
                        return loader_problem(loader, place,
                                "rule %s has no condition, and no rule before has this name%s%s%s", name,
                                near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
                }
                if (loader->entry_count == RULES_MAX)
                        return fail(loader->err, E_TOO_LARGE, "more than %d rules", RULES_MAX);
                loader->entries[i].name = arena_strdup(&loader->rules->arena, name);
                loader->entries[i].members = json_object();
                if (!loader->entries[i].name || !loader->entries[i].members)
                        return no_memory(loader);
                loader->entry_count++;
        }
        loader->entries[i].place = place;
        return merge_members(loader->entries[i].members, rule) < 0 ? no_memory(loader) : 0;
}

static int merge_rules(struct loader *loader, json_t *rules, struct place place)
{
        size_t i;
        json_t *rule;
        if (!json_is_array(rules))
                return loader_problem(loader, place, "rules: expected a list");
        json_array_foreach(rules, i, rule)
        {
                if (merge_rule(loader, rule, loader_place(loader, rule, place)) < 0)
                        return -1;
        }
        return 0;
}

static int merge_section(struct loader *loader, const char *key, json_t *value, struct place place)
{
        static const char *const sections[] = { "lists", "macros", "rules" };
        const char *name;
        json_t *item;
        if (!strcmp(key, "rules"))
                return merge_rules(loader, value, place);
        bool lists = !strcmp(key, "lists");
        if (!lists && strcmp(key, "macros") != 0) {
                const char *near = nearest_word(key, sections, 3);
                return loader_problem(loader, place, "unknown %.64s%s%s%s (a file has lists, macros and rules)", key,
                        near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
        }
        if (!json_is_object(value))
                return loader_problem(loader, place, "%s: expected names with values", key);
        json_object_foreach(value, name, item)
        {
                if (lists ? merge_list(loader, name, item, place) < 0 : merge_macro(loader, name, item, place) < 0)
                        return -1;
        }
        return 0;
}

int loader_merge(struct loader *loader, const struct rules_file *file)
{
        struct place place = { file->name, 1 };
        const char *key;
        json_t *value;
        if (json_is_null(file->root))
                return 0;
        if (!json_is_object(file->root))
                return loader_problem(loader, place, "a file has lists, macros and rules");
        json_object_foreach(file->root, key, value)
        {
                if (merge_section(loader, key, value, loader_place(loader, value, place)) < 0)
                        return -1;
        }
        return 0;
}
