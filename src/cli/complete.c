/* tarsier __complete INDEX WORD…: candidates for the shell scripts in packaging/completions, one "WORD<tab>HELP" a
 * line. Flags and their values come from the tables that --help is made of; those of a command that is in another
 * program that one tells, asked with "COMMAND __complete INDEX WORD…". */
#include "schema/complete.h"

#include "base/cleanup.h"
#include "cli/cli.h"

enum { WORDS_MAX = 4096, CANDIDATES_MAX = 1 << 20 };

/* The words behind `tarsier`, the one under the cursor at `at` (at == count: an empty new one). */
struct line {
        char *const *words;
        size_t count;
        size_t at;
};

static const char *typed(const struct line *line)
{
        return line->at < line->count ? line->words[line->at] : "";
}

static void offer(struct buf *out, const char *prefix, const char *name, const char *help)
{
        if (strncmp(name, prefix, strlen(prefix)) == 0)
                buf_printf(out, "%s\t%s\n", name, help);
}

static void offer_modules(const char *prefix, struct buf *out)
{
        const struct catalog_entry *const *entries;
        struct error err;
        size_t count = catalog_all(cli_catalog(), &entries, NULL, &err);
        for (size_t i = 0; i < count; i++)
                offer(out, prefix, entries[i]->module->name, entries[i]->module->summary);
}

static void offer_verbs(const char *prefix, struct buf *out)
{
        for (const struct verb *verb = cli_verbs; verb->name; verb++)
                if (verb->summary)
                        offer(out, prefix, verb->name, verb->summary);
}

static void complete_first(const char *prefix, struct buf *out)
{
        offer_verbs(prefix, out);
        offer_modules(prefix, out);
        if (prefix[0] != '-')
                return;
        offer(out, prefix, "--agent", "ask the agent at this URL");
        offer(out, prefix, "--color", "use colours");
        offer(out, prefix, "--help", "what there is");
        offer(out, prefix, "--verbose", "log more");
        offer(out, prefix, "--version", "print the version");
}

/* Skips what may stand before the first word proper. False: the cursor is in it. */
static bool skip_common(struct line *line, struct buf *out)
{
        while (line->at > 0 && line->count && line->words[0][0] == '-') {
                const char *word = line->words[0];
                bool colour = strcmp(word, "--color") == 0;
                size_t skip = colour || strcmp(word, "--agent") == 0 ? 2 : 1;
                if (skip > line->at) {
                        for (size_t i = 0; colour && colour_wish_names[i]; i++)
                                offer(out, typed(line), colour_wish_names[i], "");
                        return false;
                }
                line->words += skip;
                line->at -= skip;
                line->count -= skip < line->count ? skip : line->count;
        }
        return true;
}

static void complete_record(const struct record *record, const struct line *line, size_t skip, struct buf *out)
{
        record_complete(record, (const char *const *)line->words + skip, line->count - skip, line->at - skip, out);
}

/* Does not come back: the program that holds the command answers. */
static void ask_program(const struct verb *verb, const struct line *line)
{
        char index[24];
        char *words[WORDS_MAX + 4] = { line->words[0], (char[]){ "__complete" }, index };
        snprintf(index, sizeof(index), "%zu", line->at - 1);
        for (size_t i = 1; i < line->count && i <= WORDS_MAX; i++)
                words[i + 2] = line->words[i];
        verb->main((int)line->count + 2, words);
}

static void complete_verb(const struct verb *verb, const struct line *line, struct buf *out)
{
        const char *word = typed(line);
        if (verb->main == cmd_agent_verb) {
                ask_program(verb, line);
                return;
        }
        if (line->at == 1 && word[0] != '-' && verb->main == cmd_help)
                complete_first(word, out);
        if (line->at == 1 && word[0] != '-' && (verb->main == cmd_schema || verb->main == cmd_man))
                offer_modules(word, out);
        if (!verb->flags)
                return;
        complete_record(verb->flags, line, 1, out);
        if (word[0] == '-')
                offer(out, word, "--help", "what it does and its options");
}

static void complete_module(const struct catalog_entry *entry, const struct line *line, size_t skip, struct buf *out)
{
        complete_record(entry->module->params, line, skip, out);
        complete_record(&run_flags_record, line, skip, out);
}

/* `tarsier metrics query` is the module metrics-query. */
static const struct catalog_entry *sub_command(const struct line *line)
{
        char name[128];
        struct error err;
        if (line->at < 2 || line->count < 2)
                return NULL;
        int length = snprintf(name, sizeof(name), "%s-%s", line->words[0], line->words[1]);
        return length > 0 && (size_t)length < sizeof(name) ? catalog_find(cli_catalog(), name, &err) : NULL;
}

static void offer_sub_commands(const struct line *line, struct buf *out)
{
        const struct catalog_entry *const *entries;
        struct error err;
        size_t length = strlen(line->words[0]);
        size_t count = catalog_all(cli_catalog(), &entries, NULL, &err);
        for (size_t i = 0; i < count; i++) {
                const struct module *module = entries[i]->module;
                if (strncmp(module->name, line->words[0], length) == 0 && module->name[length] == '-')
                        offer(out, typed(line), module->name + length + 1, module->summary);
        }
}

int cmd_complete(int argc, char **argv)
{
        uint64_t at;
        struct error err;
        if (argc < 2 || !sv_parse_u64(sv_of(argv[1]), 10, &at) || at > WORDS_MAX || argc - 2 > WORDS_MAX)
                return 2;
        struct line line = { argv + 2, (size_t)argc - 2, at };
        cleanup(buf_done) struct buf out;
        buf_init(&out, CANDIDATES_MAX);
        if (line.at > line.count)
                return 0;
        bool command = skip_common(&line, &out); /* else it is a value of what stands before it */
        if (command && (line.at == 0 || !line.count)) {
                complete_first(typed(&line), &out);
        } else if (command) {
                const struct verb *verb = cli_find_verb(line.words[0]);
                const struct catalog_entry *sub = verb ? NULL : sub_command(&line);
                const struct catalog_entry *entry =
                        verb || sub ? NULL : catalog_find(cli_catalog(), line.words[0], &err);
                if (verb)
                        complete_verb(verb, &line, &out);
                else if (!sub && line.at == 1 && typed(&line)[0] != '-')
                        offer_sub_commands(&line, &out);
                if (sub || entry)
                        complete_module(sub ? sub : entry, &line, sub ? 2 : 1, &out);
        }
        fputs(buf_text(&out), stdout);
        return 0;
}
