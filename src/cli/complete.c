/* tarsier __complete INDEX WORD…: candidates for the shell scripts in packaging/completions, one "WORD<tab>HELP" a
 * line. */
#include "schema/complete.h"
#include "cli/cli.h"

static void complete_first(const char *prefix, struct buf *out)
{
        const struct catalog_entry *const *entries;
        struct error err;
        size_t length = strlen(prefix);
        for (const struct verb *verb = cli_verbs; verb->name; verb++)
                if (verb->summary && strncmp(verb->name, prefix, length) == 0)
                        buf_printf(out, "%s\t%s\n", verb->name, verb->summary);
        size_t count = catalog_all(cli_catalog(), &entries, NULL, &err);
        for (size_t i = 0; i < count; i++)
                if (strncmp(entries[i]->module->name, prefix, length) == 0)
                        buf_printf(out, "%s\t%s\n", entries[i]->module->name, entries[i]->module->summary);
}

int cmd_complete(int argc, char **argv)
{
        uint64_t at;
        struct error err;
        struct buf out;
        if (argc < 2 || !sv_parse_u64(sv_of(argv[1]), 10, &at) || at > 4096)
                return 2;
        const char *const *words = (const char *const *)(argv + 2);
        size_t count = (size_t)argc - 2;
        buf_init(&out, 1 << 20);
        if (at == 0 || count == 0) {
                complete_first(count ? words[0] : "", &out);
        } else {
                const struct verb *verb = cli_find_verb(words[0]);
                bool names = verb && (verb->main == cmd_schema || verb->main == cmd_help);
                const struct catalog_entry *entry = verb ? NULL : catalog_find(cli_catalog(), words[0], &err);
                if (names && at == 1)
                        complete_first(count > 1 ? words[1] : "", &out);
                if (entry) {
                        record_complete(entry->module->params, words + 1, count - 1, (size_t)at - 1, &out);
                        record_complete(&run_flags_record, words + 1, count - 1, (size_t)at - 1, &out);
                }
        }
        fputs(buf_text(&out), stdout);
        buf_done(&out);
        return 0;
}
