/* Loading: files are merged (rules_files.c), then every rule is checked against its table and compiled. */
#include "modules/watch/rules/rules_load.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "schema/flags.h"

const char *const rule_action_names[] = { "alert", "tag", "kill", NULL };
static const char *const severity_names[] = { "low", "medium", "high", "critical", NULL };

struct exception_text {
        const char *name, *condition;
};

struct threshold_text {
        int64_t count, window_ns;
        struct string_list by;
};

struct suppress_text {
        int64_t window_ns;
        struct string_list by;
};

struct rule_text {
        const char *name, *summary, *condition, *output;
        int severity, action;
        struct list types;
        LIST(struct exception_text) exceptions;
        bool has_threshold, has_suppress, enabled;
        struct threshold_text threshold;
        struct suppress_text suppress;
        struct string_list tags, mitre;
};

static const struct field exception_fields[] = {
        FIELD_STRING(struct exception_text, name, .help = "what it is about", .required = true),
        FIELD_STRING(struct exception_text, condition, .help = "events that are no hit", .required = true),
};

static const struct field threshold_fields[] = {
        FIELD_INT(struct threshold_text, count, .help = "matches that make one hit"),
        FIELD_DURATION(struct threshold_text, window_ns, .json = "window", .help = "time in which they must fall"),
        FIELD_STRINGS(
                struct threshold_text, by, .help = "fields whose values are counted apart", .max_items = RULES_BY_MAX),
};

static const struct field suppress_fields[] = {
        FIELD_DURATION(struct suppress_text, window_ns, .json = "window",
                .help = "time in which the same alert is told once; 0: every one is told", .min = 0, .max = 7 * DAY,
                .def = "60s"),
        FIELD_STRINGS(
                struct suppress_text, by, .help = "fields whose values make it the same", .max_items = RULES_BY_MAX),
};

static const struct field rule_fields[] = {
        FIELD_STRING(struct rule_text, name, .help = "a-z, 0-9, _ and -", .required = true),
        FIELD_STRING(struct rule_text, summary, .help = "one sentence", .max_length = 1024),
        FIELD_ENUM(struct rule_text, severity, severity_names, .help = "of its alerts", .def = "medium"),
        { .name = "types",
                .type = FIELD_TYPE_ENUM,
                .container = FIELD_LIST,
                .offset = offsetof(struct rule_text, types),
                .item_size = sizeof(int),
                .names = event_type_names,
                .help = "of the events it looks at",
                .required = true,
                .min_length = 1,
                .max_items = EVENT_TYPES },
        FIELD_STRING(struct rule_text, condition, .help = "what must be true", .required = true),
        FIELD_RECORDS(struct rule_text, exceptions, struct exception_text, exception_fields,
                .help = "what is no hit all the same", .max_items = 64),
        FIELD_RECORD(struct rule_text, threshold, struct threshold_text, threshold_fields,
                .help = "so many matches are a hit", .has = HAS(struct rule_text, has_threshold)),
        FIELD_RECORD(struct rule_text, suppress, struct suppress_text, suppress_fields,
                .help = "how often the same alert is told", .has = HAS(struct rule_text, has_suppress)),
        FIELD_STRINGS(struct rule_text, tags, .help = "words of your own", .max_items = 32),
        FIELD_STRINGS(struct rule_text, mitre, .help = "techniques of MITRE ATT&CK", .max_items = 32),
        FIELD_ENUM(struct rule_text, action, rule_action_names, .help = "what a hit does", .def = "alert"),
        FIELD_STRING(struct rule_text, output, .help = "the alert's sentence", .max_length = 1024),
        FIELD_BOOL(struct rule_text, enabled, .help = "is it used", .def = "true"),
};

static const struct record rule_record = {
        .fields = rule_fields,
        .count = sizeof(rule_fields) / sizeof(rule_fields[0]),
        .size = sizeof(struct rule_text),
        .name = "rule",
};

/* --- names of lists and macros, for the parser --- */

static const char *find_macro(void *cookie, struct sv name)
{
        struct loader *loader = cookie;
        struct macro_text *macro = map_get(&loader->macros, name);
        if (!macro)
                return NULL;
        macro->used = true;
        return macro->text;
}

static const struct sv *find_list(void *cookie, struct sv name, size_t *ret_count)
{
        static const struct sv none[1];
        struct loader *loader = cookie;
        struct list_value *list = map_get(&loader->lists, name);
        if (!list)
                return NULL;
        list->used = true;
        *ret_count = list->count;
        return list->count ? list->items : none;
}

static const char *near_name(void *cookie, struct sv name, bool list)
{
        struct loader *loader = cookie;
        const struct map *map = list ? &loader->lists : &loader->macros;
        char word[128];
        const char *best = NULL;
        snprintf(word, sizeof(word), "%.*s", (int)(name.n > 100 ? 100 : name.n), name.p);
        for (size_t i = 0; i < map->count; i++) {
                const char *pair[2] = { best, map->entries[i].key };
                const char *near = nearest_word(word, best ? pair : pair + 1, best ? 2 : 1);
                best = near ? near : best;
        }
        return best;
}

static struct name_table names_of(struct loader *loader)
{
        return (struct name_table){ find_macro, find_list, near_name, loader };
}

/* --- one rule --- */

/* "severity: …" names the member whose line is meant. */
static struct place member_place(const struct loader *loader, const struct rule_entry *entry, const char *message)
{
        char key[64];
        snprintf(key, sizeof(key), "%.*s", (int)strcspn(message, ":[."), message);
        return loader_place(loader, json_object_get(entry->members, key), entry->place);
}

static int unknown_member(struct loader *loader, const struct rule_entry *entry)
{
        const char *names[32];
        size_t count = 0;
        const char *key;
        json_t *value;
        for (; count < rule_record.count; count++)
                names[count] = field_json_name(&rule_fields[count]);
        json_object_foreach(entry->members, key, value)
        {
                if (record_find(&rule_record, key))
                        continue;
                const char *near = nearest_word(key, names, count);
                return fail(loader->err, E_INVALID, "%.60s: a rule has no such member%s%s%s", key,
                        near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
        }
        return 0;
}

static int bad_member(struct loader *loader, const struct rule_entry *entry)
{
        char context[96];
        snprintf(context, sizeof(context), "rule %s", entry->name);
        return loader_bad(loader, member_place(loader, entry, loader->err->message), context);
}

/* A condition; 1 when it was bad and that does not end the loading. */
static int parse_at(struct loader *loader, struct place place, const char *context, const char *text, size_t *spent,
        const struct node **ret)
{
        struct name_table names = names_of(loader);
        unsigned line = 0;
        if (rules_parse(loader->rules, &names, sv_of(text), spent, ret, &line, loader->err) == 0)
                return 0;
        place.line += line;
        return loader_bad(loader, place, context) < 0 ? -1 : 1;
}

static int by_fields(
        struct loader *loader, const struct string_list *by, const char *member, uint16_t *ret, unsigned *ret_count)
{
        for (size_t i = 0; i < by->count; i++)
                if (rules_operand(loader->rules, sv_of(by->items[i]), false, &ret[i], loader->err) < 0)
                        return error_prefix(loader->err, "%s: by", member);
        *ret_count = (unsigned)by->count;
        return 0;
}

static void drop_memory(void *memory)
{
        free(memory);
}

/* Zeroed pages that cost nothing until they are used, unlike the arena's. */
static void *table_new(struct loader *loader, size_t count, size_t size)
{
        void *table = calloc(count, size);
        if (!table || arena_defer(&loader->rules->arena, drop_memory, table) < 0) {
                free(table);
                fail(loader->err, E_NO_MEMORY, "no memory for the rules");
                return NULL;
        }
        return table;
}

static int build_window(struct loader *loader, const struct rule_text *text, struct compiled_rule *rule)
{
        struct window *window = &rule->window;
        static char *execution[] = { (char *)"process.exec_id" };
        static const struct string_list by_execution = { .items = execution, .count = 1 };
        const struct string_list *by = &by_execution;
        if (text->has_threshold) {
                if (text->threshold.count < 2 || text->threshold.count > RULES_COUNT_MAX)
                        return fail(loader->err, E_INVALID, "threshold.count: from 2 to %d", RULES_COUNT_MAX);
                if (text->threshold.window_ns < MILLISECOND || text->threshold.window_ns > 7 * DAY)
                        return fail(loader->err, E_INVALID, "threshold.window: from 1ms to 7d");
                window->count = (uint32_t)text->threshold.count;
                window->window_ns = text->threshold.window_ns;
                window->groups = table_new(loader, RULES_GROUPS_MAX, sizeof(*window->groups));
                window->times = table_new(loader, (size_t)RULES_GROUPS_MAX * window->count, sizeof(*window->times));
                if (!window->groups || !window->times ||
                        by_fields(loader, &text->threshold.by, "threshold", window->by, &window->by_count) < 0)
                        return -1;
                by = &text->threshold.by;
        }
        rule->suppress_ns = loader->suppress_ns;
        if (text->has_suppress) {
                rule->suppress_ns = text->suppress.window_ns;
                by = text->suppress.by.count ? &text->suppress.by : by;
        }
        return by_fields(loader, by, "suppress", rule->suppress_by, &rule->suppress_by_count);
}

static int build_condition(
        struct loader *loader, const struct rule_entry *entry, const struct rule_text *text, struct compiled_rule *rule)
{
        const struct node *condition, *exceptions[64];
        const json_t *list = json_object_get(entry->members, "exceptions");
        char context[256];
        size_t spent = 0;
        struct place place = loader_place(loader, json_object_get(entry->members, "condition"), entry->place);
        rule->rule.file = place.file;
        rule->rule.line = place.line;
        snprintf(context, sizeof(context), "rule %s: condition", text->name);
        int result = parse_at(loader, place, context, text->condition, &spent, &condition);
        for (size_t i = 0; i < text->exceptions.count && result >= 0; i++) {
                const struct exception_text *exception = &text->exceptions.items[i];
                place = loader_place(loader, json_object_get(json_array_get(list, i), "condition"), entry->place);
                snprintf(context, sizeof(context), "rule %s: exception %.64s", text->name, exception->name);
                int one = parse_at(loader, place, context, exception->condition, &spent, &exceptions[i]);
                result = one ? one : result;
        }
        if (result)
                return result;
        return rules_compile(loader->rules, condition, exceptions, text->exceptions.count, rule, loader->err);
}

static int build_rule(struct loader *loader, const struct rule_entry *entry, struct compiled_rule *rule)
{
        struct rule_text text;
        if (unknown_member(loader, entry) < 0 ||
                record_read(&rule_record, entry->members, &text, &loader->rules->arena, READ_STRICT, loader->err) < 0)
                return bad_member(loader, entry);
        rule->rule.name = entry->name;
        rule->rule.summary = text.summary ? text.summary : "";
        rule->rule.severity = severity_names[text.severity];
        rule->rule.action = (enum rule_action)text.action;
        rule->rule.enabled = text.enabled;
        rule->rule.tags = text.tags;
        rule->rule.mitre = text.mitre;
        const int *types = text.types.items;
        for (size_t i = 0; i < text.types.count; i++)
                rule->rule.types |= UINT64_C(1) << types[i];
        int result = build_condition(loader, entry, &text, rule);
        if (result)
                return result < 0 ? -1 : 0;
        if (build_window(loader, &text, rule) < 0)
                return bad_member(loader, entry);
        const char *output = text.output ? text.output : rule->rule.summary;
        if (output_parse(loader->rules, sv_of(*output ? output : rule->rule.name), rule, loader->err) < 0) {
                error_prefix(loader->err, "output");
                return bad_member(loader, entry);
        }
        return 0;
}

/* Each macro by itself, so that a bad one is told at its own line. */
static int check_macros(struct loader *loader)
{
        for (size_t i = 0; i < loader->macros.count; i++) {
                const struct macro_text *macro = loader->macros.entries[i].value;
                char context[96];
                size_t spent = 0;
                const struct node *unused;
                snprintf(context, sizeof(context), "macro %s", loader->macros.entries[i].key);
                if (parse_at(loader, macro->place, context, macro->text, &spent, &unused) < 0)
                        return -1;
        }
        map_foreach (entry, &loader->macros)
                ((struct macro_text *)entry->value)->used = false; /* only rules count */
        return 0;
}

static void warn_unused(struct loader *loader)
{
        char text[256];
        if (!loader->problem)
                return;
        map_foreach (entry, &loader->lists) {
                const struct list_value *list = entry->value;
                snprintf(text, sizeof(text), "%s:%u: nothing uses the list %s", list->place.file, list->place.line,
                        entry->key);
                if (!list->used)
                        loader->problem(loader->cookie, true, text);
        }
        map_foreach (entry, &loader->macros) {
                const struct macro_text *macro = entry->value;
                snprintf(text, sizeof(text), "%s:%u: nothing uses the macro %s", macro->place.file, macro->place.line,
                        entry->key);
                if (!macro->used)
                        loader->problem(loader->cookie, true, text);
        }
}

static int index_types(struct loader *loader)
{
        struct rules *rules = loader->rules;
        for (int type = 0; type < EVENT_TYPES; type++) {
                rules->by_type[type] = arena_array(&rules->arena, rules->count, sizeof(uint16_t));
                if (!rules->by_type[type])
                        return fail(loader->err, E_NO_MEMORY, "no memory for the rules");
                for (size_t i = 0; i < rules->count; i++)
                        if (rules->rules[i].rule.enabled && (rules->rules[i].rule.types & (UINT64_C(1) << type)))
                                rules->by_type[type][rules->by_type_count[type]++] = (uint16_t)i;
        }
        return 0;
}

int loader_build(struct loader *loader)
{
        struct rules *rules = loader->rules;
        rules->rules = arena_array(&rules->arena, loader->entry_count + 1, sizeof(*rules->rules));
        rules->silences = table_new(loader, RULES_SILENCED_MAX, sizeof(*rules->silences));
        if (!rules->rules || !rules->silences)
                return fail(loader->err, E_NO_MEMORY, "no memory for the rules");
        if (check_macros(loader) < 0)
                return -1;
        for (size_t i = 0; i < loader->entry_count; i++)
                if (build_rule(loader, &loader->entries[i], &rules->rules[rules->count++]) < 0)
                        return -1;
        warn_unused(loader);
        return index_types(loader);
}

/* --- from outside --- */

void loader_init(struct loader *loader, const struct rules_options *options, struct error *err)
{
        loader->err = err;
        loader->suppress_ns = options && options->suppress_ns ? options->suppress_ns : 60 * SECOND;
        map_init(&loader->lists, RULES_LIST_MAX);
        map_init(&loader->macros, RULES_LIST_MAX);
        loader->rules = calloc(1, sizeof(*loader->rules));
        if (!loader->rules)
                return;
        loader->rules->seed = options ? options->seed : 0;
        arena_init(&loader->rules->arena, RULES_MEMORY_MAX);
        loader->rules->operands = arena_array(&loader->rules->arena, RULES_OPERANDS_MAX, sizeof(struct operand));
        loader->entries = calloc(RULES_MAX, sizeof(*loader->entries));
}

void loader_done(struct loader *loader)
{
        for (size_t i = 0; i < loader->entry_count; i++)
                json_decref(loader->entries[i].members);
        for (size_t i = 0; i < loader->file_count; i++) {
                json_decref(loader->files[i].root);
                map_done(&loader->files[i].lines);
        }
        map_done(&loader->lists);
        map_done(&loader->macros);
        free(loader->entries);
        rules_free(loader->rules);
}

static int load(struct loader *loader, const char *const *paths, const char *name, struct sv text)
{
        if (!loader->rules || !loader->rules->operands || !loader->entries)
                return fail(loader->err, E_NO_MEMORY, "no memory for the rules");
        if (name && loader_add_text(loader, name, text) < 0)
                return -1;
        for (; paths && *paths; paths++)
                if (loader_add_path(loader, *paths) < 0)
                        return -1;
        return loader_build(loader);
}

static int load_all(
        const struct rules_options *options, const char *name, struct sv text, struct rules **ret, struct error *err)
{
        struct error unused;
        struct loader *loader = calloc(1, sizeof(*loader));
        if (!loader)
                return fail(err, E_NO_MEMORY, "no memory for the rules");
        loader_init(loader, options, err ? err : &unused);
        int result = load(loader, options ? options->paths : NULL, name, text);
        if (result == 0)
                *ret = take_ptr(loader->rules);
        loader_done(loader);
        free(loader);
        return result;
}

int rules_load(const struct rules_options *options, struct rules **ret, struct error *err)
{
        return load_all(options, NULL, (struct sv){ NULL, 0 }, ret, err);
}

int rules_load_text(const char *name, struct sv text, struct rules **ret, struct error *err)
{
        return load_all(NULL, name, text, ret, err);
}

int rules_check(const struct rules_options *options, rules_problem_fn *problem, void *cookie, struct error *err)
{
        struct error inner = { 0 };
        struct loader *loader = calloc(1, sizeof(*loader));
        if (!loader)
                return fail(err, E_NO_MEMORY, "no memory for the rules");
        loader_init(loader, options, &inner);
        loader->problem = problem;
        loader->cookie = cookie;
        int result = load(loader, options->paths, NULL, (struct sv){ NULL, 0 });
        if (result < 0 && err)
                *err = inner;
        else if (result == 0)
                result = loader->problems;
        loader_done(loader);
        free(loader);
        return result;
}

void rules_free(struct rules *rules)
{
        if (!rules)
                return;
        arena_done(&rules->arena);
        free(rules);
}
