/* tarsier modules, schema, help, man. */
#include "base/cleanup.h"
#include "cli/cli.h"
#include "module/descriptor.h"
#include "module/prove.h"
#include "schema/json_schema.h"
#include "schema/json_writer.h"
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

static void print_json_list(const struct catalog_entry *const *entries, size_t count)
{
        struct buf out;
        struct json_writer writer;
        buf_init(&out, 256 << 20);
        json_writer_init(&writer, &out, 0);
        json_begin_array(&writer);
        for (size_t i = 0; i < count; i++) {
                const struct module *module = entries[i]->module;
                json_begin_object(&writer);
                json_field(&writer, "name", json_put_text, module->name);
                json_field(&writer, "summary", json_put_text, module->summary);
                json_field(&writer, "area", json_put_text, entries[i]->area);
                json_field(&writer, "kind", json_put_text, module->persistent ? "persistent" : "standard");
                json_field(&writer, "role", json_put_text, role_name(module_role(module)));
                json_field(&writer, "local_only", json_put_bool, module->local_only);
                json_field(&writer, "foreign", json_put_bool, entries[i]->origin == ORIGIN_FOREIGN);
                json_end_object(&writer);
        }
        json_end_array(&writer);
        puts(buf_text(&out));
        buf_done(&out);
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

int cmd_modules(int argc, char **argv)
{
        struct error err;
        const struct catalog_entry *const *entries;
        size_t refused;
        bool json = take_word(&argc, argv, "--json");
        if (argc == 3 && strcmp(argv[1], "--prove") == 0)
                return prove(argv[2], json);
        if (argc > 1) {
                fprintf(stderr, "usage: tarsier modules [--prove MODULE] [--json]\n");
                return 2;
        }
        size_t count = catalog_all(cli_catalog(), &entries, &refused, &err);
        if (json) {
                print_json_list(entries, count);
                return 0;
        }
        int status = cli_out()->tty ? show_table(entries, count) : print_lines(entries, count);
        if (refused)
                fprintf(stderr, "%zu modules were left out\n", refused);
        return status;
}

int cmd_schema(int argc, char **argv)
{
        struct error err;
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
