/* tarsier modules, schema, help, man. */
#include "base/cleanup.h"
#include "cli/cli.h"
#include "module/descriptor.h"
#include "module/prove.h"
#include "schema/flags.h"
#include "schema/json.h"
#include "schema/json_schema.h"
#include "schema/print.h"
#include "schema/usage.h"
#include "term/table.h"

static bool take_word(int *argc, char **argv, const char *word)
{
        for (int i = 1; i < *argc; i++) {
                if (strcmp(argv[i], word) != 0)
                        continue;
                for (; i + 1 < *argc; i++)
                        argv[i] = argv[i + 1];
                (*argc)--;
                return true;
        }
        return false;
}

struct modules_flags {
        bool json, no_header;
        char *prove, *fields, *row_template;
        int format;
};

static const struct field modules_fields[] = {
        FIELD_BOOL(struct modules_flags, json, .help = "as JSON; --json=A,B: with these fields"),
        { FIELD_BASE(struct modules_flags, format, FIELD_TYPE_ENUM, int, int), .names = print_format_names,
                .help = "how the list is shown" },
        FIELD_BOOL(struct modules_flags, no_header, .option = "no-header", .help = "print no column names"),
        FIELD_STRING(struct modules_flags, fields, .metavar = "A,B", .help = "show only these fields, in this order"),
        FIELD_STRING(struct modules_flags, row_template, .json = "template", .metavar = "TEXT",
                .help = "a line a module: '{{name}} {{upper area}}'"),
        FIELD_STRING(struct modules_flags, prove, .metavar = "MODULE",
                .help = "lock this process as the module's worker and try what it may not do"),
};

const struct record modules_flags_record = { modules_fields, sizeof(modules_fields) / sizeof(modules_fields[0]),
        sizeof(struct modules_flags), "modules_flags" };

struct schema_flags {
        char *module;
        bool result;
};

static const struct field schema_fields[] = {
        FIELD_STRING(struct schema_flags, module, .positional = true, .option = "", .required = true,
                .help = "which module"),
        FIELD_BOOL(struct schema_flags, result, .help = "of a row of its result instead of its parameters"),
};

const struct record schema_flags_record = { schema_fields, sizeof(schema_fields) / sizeof(schema_fields[0]),
        sizeof(struct schema_flags), "schema_flags" };

bool cli_verb_help(const char *name, int argc, char **argv)
{
        const struct verb *verb = cli_find_verb(name);
        bool asked = false;
        for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
                asked = asked || strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0;
        if (!asked || !verb->flags)
                return false;
        char command[64];
        cleanup(buf_done) struct buf text;
        buf_init(&text, 1 << 20);
        snprintf(command, sizeof(command), "tarsier %s", name);
        usage_print(&text, command, verb->summary, NULL, verb->flags, NULL, cli_out()->width);
        cli_show_help(sv_n(buf_text(&text), text.len));
        return true;
}

/* One module in the list. */
static const struct field entry_fields[] = {
        { .name = "name", .type = FIELD_TYPE_STRING },
        { .name = "summary", .type = FIELD_TYPE_STRING },
        { .name = "area", .type = FIELD_TYPE_STRING },
        { .name = "kind", .type = FIELD_TYPE_STRING },
        { .name = "role", .type = FIELD_TYPE_STRING },
        { .name = "local_only", .type = FIELD_TYPE_BOOL },
        { .name = "foreign", .type = FIELD_TYPE_BOOL },
};

static const struct record entry_record = {
        .fields = entry_fields, .count = sizeof(entry_fields) / sizeof(entry_fields[0]), .name = "module"
};

static json_t *entry_json(const struct catalog_entry *entry)
{
        const struct module *module = entry->module;
        return json_pack("{ss ss ss ss ss sb sb}", "name", module->name, "summary", module->summary, "area",
                entry->area, "kind", module->persistent ? "persistent" : "standard", "role",
                role_name(module_role(module)), "local_only", module->local_only, "foreign",
                entry->origin == ORIGIN_FOREIGN);
}

static int print_json_list(const struct catalog_entry *const *entries, size_t count)
{
        cleanup(json_decref) json_t *list = json_array();
        for (size_t i = 0; i < count; i++)
                json_array_append_new(list, entry_json(entries[i]));
        cleanup(free) char *text = json_dumps(list, JSON_COMPACT);
        puts(text ? text : "[]");
        return 0;
}

static int print_forms(const struct catalog_entry *const *entries, size_t count, const struct modules_flags *flags,
        enum print_format format)
{
        enum { NAMES_MAX = 16 };
        const char *names[NAMES_MAX + 1];
        struct error err;
        cli_split_names(flags->fields, names, NAMES_MAX);
        struct printer_options options = { .format = format,
                .no_header = flags->no_header,
                .fields = flags->fields ? names : NULL,
                .row_template = flags->row_template,
                .width = cli_out()->width,
                .colour = cli_out()->depth != COLOUR_NONE };
        cleanup(printer_free) struct printer *printer = printer_new(stdout, &options, &err);
        if (!printer || printer_begin(printer, &entry_record, NULL, &err) < 0)
                return cli_fail(&err);
        for (size_t i = 0; i < count; i++) {
                cleanup(json_decref) json_t *row = entry_json(entries[i]);
                if (printer_row(printer, row, &err) < 0)
                        return cli_fail(&err);
        }
        return printer_end(printer, &err) < 0 || printer_finish(printer, &err) < 0 ? cli_fail(&err) : 0;
}

/* By the program that holds the module, which is the one that locks itself for a run. */
static int prove(const char *name, bool json)
{
        struct error err;
        const struct catalog_entry *entry = catalog_find(cli_catalog(), name, &err);
        if (!entry)
                return cli_fail(&err);
        const char *lines = json ? NULL : "--lines";
        if (entry->origin == ORIGIN_BUILTIN)
                return prove_main(module_find(host_modules, entry->module->name), !json);
        if (entry->origin == ORIGIN_PROGRAM) {
                execl(entry->program, entry->program, "prove", entry->module->name, lines, NULL);
                fail_errno(&err, "%s", entry->program);
        } else {
                fail(&err, E_UNSUPPORTED, "%s is not part of Tarsier: no module of it declares a sandbox",
                        entry->module->name);
        }
        return cli_fail(&err);
}

static const char *area_of(const struct catalog_entry *entry)
{
        return *entry->area ? entry->area : "(foreign)";
}

/* For scripts: always the same columns. */
static int print_lines(const struct catalog_entry *const *entries, size_t count)
{
        for (size_t i = 0; i < count; i++) {
                const struct module *module = entries[i]->module;
                printf("%-16s %-12s %s%s\n", module->name, area_of(entries[i]), module->summary,
                        module->persistent ? " (persistent)" : "");
        }
        return 0;
}

/* For people: cut to their terminal. */
static int show_table(const struct catalog_entry *const *entries, size_t count)
{
        static const struct table_column columns[] = {
                { .title = "MODULE", .role = STYLE_COMMAND, .least = 17 },
                { .title = "AREA", .role = STYLE_DIM, .priority = 1, .least = 9 },
                { .title = "WHAT IT TELLS", .least = 20 },
                { .title = "KIND", .priority = 2, .least = 10 },
        };
        struct error err;
        cleanup(buf_done) struct buf out;
        cleanup(term_table_free) struct term_table *table = term_table_new(columns, 4, &err);
        buf_init(&out, 16 << 20);
        for (size_t i = 0; table && i < count; i++) {
                const struct module *module = entries[i]->module;
                const char *const cells[] = { module->name, area_of(entries[i]), module->summary,
                        module->persistent ? "persistent" : "" };
                if (term_table_row(table, cells, &err) < 0)
                        return cli_fail(&err);
        }
        if (!table)
                return cli_fail(&err);
        term_table_put(&out, cli_out(), table, true);
        return cli_page(sv_n(buf_text(&out), out.len));
}

/* The flags, also "--json=A,B". -1 after a message. */
static int modules_flags_read(int argc, char **argv, struct modules_flags *ret, bool *ret_formed, struct arena *arena)
{
        struct error err;
        static char plain[] = "--json";
        const char *chosen = NULL;
        for (int i = 1; i < argc; i++) {
                const char *fields = cli_json_fields(argv[i]);
                chosen = fields ? fields : chosen;
                argv[i] = fields ? plain : argv[i];
        }
        const struct record *record = &modules_flags_record;
        cleanup(json_decref) json_t *json = flags_parse(record, argc - 1, argv + 1, &err);
        if (!json || record_read(record, json, ret, arena, READ_STRICT, &err) < 0)
                return cli_fail(&err), -1;
        if (chosen)
                ret->fields = arena_strdup(arena, chosen);
        if (chosen)
                ret->format = PRINT_JSON;
        if (ret->row_template)
                ret->format = PRINT_TEMPLATE;
        *ret_formed = chosen || ret->fields || ret->row_template || json_object_get(json, "format");
        return 0;
}

int cmd_modules(int argc, char **argv)
{
        struct error err;
        struct modules_flags flags;
        bool formed;
        cleanup(arena_done) struct arena arena;
        const struct catalog_entry *const *entries;
        size_t refused;
        arena_init(&arena, 1 << 20);
        if (cli_verb_help("modules", argc, argv))
                return 0;
        if (modules_flags_read(argc, argv, &flags, &formed, &arena) < 0)
                return 2;
        if (flags.prove)
                return prove(flags.prove, flags.json);
        size_t count = catalog_all(cli_catalog(), &entries, &refused, &err);
        int status = formed           ? print_forms(entries, count, &flags, (enum print_format)flags.format)
                     : flags.json     ? print_json_list(entries, count)
                     : cli_out()->tty ? show_table(entries, count)
                                      : print_lines(entries, count);
        if (refused && !flags.json)
                fprintf(stderr, "%zu modules were left out\n", refused);
        return status;
}

int cmd_schema(int argc, char **argv)
{
        struct error err;
        if (cli_verb_help("schema", argc, argv))
                return 0;
        bool result = take_word(&argc, argv, "--result");
        if (argc != 2) {
                fprintf(stderr, "usage: tarsier schema MODULE [--result]\n");
                return 2;
        }
        const struct catalog_entry *entry = catalog_find(cli_catalog(), argv[1], &err);
        if (!entry)
                return cli_fail(&err);
        const struct module *module = entry->module;
        const struct record *record = result ? module->element : module->params;
        char id[128];
        snprintf(id, sizeof(id), "urn:tarsier:module:%s:%s", module->name, result ? "element" : "parameters");
        json_t *schema =
                record ? record_json_schema(record, module->name, id, result ? JSON_SCHEMA_RESULT : JSON_SCHEMA_STRICT)
                       : json_object();
        if (!schema)
                return 1;
        json_dumpf(schema, stdout, JSON_INDENT(2) | JSON_ENCODE_ANY);
        putchar('\n');
        json_decref(schema);
        return 0;
}

int cmd_man(int argc, char **argv)
{
        struct error err;
        const struct catalog_entry *entry = argc == 2 ? catalog_find(cli_catalog(), argv[1], &err) : NULL;
        if (argc != 2)
                return 2;
        return entry ? module_manual(entry) : cli_fail(&err);
}

int cmd_help(int argc, char **argv)
{
        struct error err;
        if (argc > 1 && argv[1][0] != '-') {
                const struct catalog_entry *entry = catalog_find(cli_catalog(), argv[1], &err);
                if (entry)
                        return module_help(entry);
                const struct verb *verb = cli_find_verb(argv[1]);
                if (!verb || !verb->summary)
                        return cli_fail(&err);
                char *words[] = { argv[1], (char[]){ "--help" }, NULL };
                if (verb->main == cmd_agent_verb)
                        return verb->main(2, words);
                if (cli_verb_help(verb->name, 2, words))
                        return 0;
                printf("tarsier %s: %s\n", verb->name, verb->summary);
                return 0;
        }
        cleanup(buf_done) struct buf text;
        buf_init(&text, 4 << 20);
        buf_puts(&text, "tarsier asks this host, or an agent, a question.\n\n"
                        "  tarsier file --path /etc --name '\\.conf$' --content 'PermitRootLogin yes'\n"
                        "  tarsier netstat --listeningport 22\n"
                        "  tarsier ps --tree\n"
                        "  tarsier -m ping < message.json\n"
                        "  tarsier --agent http://127.0.0.1:7077 ping 127.0.0.1\n\n"
                        "usage: tarsier [--agent URL] MODULE [flags]      tarsier MODULE --help explains them\n"
                        "       tarsier COMMAND [arguments]\n\nCommands:\n");
        for (const struct verb *verb = cli_verbs; verb->name; verb++)
                if (verb->summary)
                        buf_printf(&text, "  %-10s %s\n", verb->name, verb->summary);
        buf_puts(&text, "\nModules:\n");
        const struct catalog_entry *const *entries;
        size_t count = catalog_all(cli_catalog(), &entries, NULL, &err);
        for (size_t i = 0; i < count; i++)
                buf_printf(&text, "  %-16s %s\n", entries[i]->module->name, entries[i]->module->summary);
        return cli_show_help(sv_n(buf_text(&text), text.len));
}
