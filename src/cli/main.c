/* tarsier: asks a host, or an agent, a question. */
#include "cli/cli.h"

#include "base/log.h"
#include "module/foreign.h"
#include "module/program.h"
#include "schema/flags.h"

#include <errno.h>
#include <locale.h>

const struct verb cli_verbs[] = {
        { "-m", NULL, cmd_message, NULL },
        { "--describe", NULL, cmd_describe, NULL },
        { "__complete", NULL, cmd_complete, NULL },
        { "confine", NULL, cmd_confine, NULL },
        { "help", "what there is, or the help of one module or command", cmd_help, NULL },
        { "man", NULL, cmd_man, NULL },
        { "modules", "list every module of this installation", cmd_modules, &modules_flags_record },
        { "runs", "list what the agent ran, and verify its log", cmd_agent_verb, NULL },
        { "saved", "list, save, remove and start the runs that are saved with the agent", cmd_agent_verb, NULL },
        { "schema", "print the JSON Schema of a module", cmd_schema, &schema_flags_record },
        { "serve", "run the agent in the foreground", cmd_agent_verb, NULL },
        { "spawn", "start a program by the worker handshake and wait for it", cmd_spawn, &spawn_flags_record },
        { "status", "tell how the agent and its services are", cmd_agent_verb, NULL },
        { "term", "show what this terminal can: tarsier term demo", cmd_term, &term_flags_record },
        { "top", "see live what this host and its containers do", cmd_agent_verb, NULL },
        { "version", "print the version", cmd_version, NULL },
        { "worker", NULL, cmd_worker, NULL },
        { NULL, NULL, NULL, NULL },
};

const struct verb *cli_find_verb(const char *name)
{
        for (const struct verb *verb = cli_verbs; verb->name; verb++)
                if (strcmp(verb->name, name) == 0)
                        return verb;
        return NULL;
}

static struct catalog *the_catalog;

static void free_catalog(void)
{
        catalog_free(the_catalog);
}

static bool is_verb(const char *name)
{
        return cli_find_verb(name) != NULL;
}

struct catalog *cli_catalog(void)
{
        struct error err;
        if (the_catalog)
                return the_catalog;
        const char *modules_dir = getenv("TARSIER_MODULES_DIR");
        the_catalog = catalog_new(host_modules, "host", NULL, modules_dir ? modules_dir : TARSIER_MODULES_DIR, &err);
        if (!the_catalog)
                exit(cli_fail(&err));
        atexit(free_catalog);
        catalog_reserve(the_catalog, is_verb);
        return the_catalog;
}

int cmd_version(int argc, char **argv)
{
        (void)argc;
        (void)argv;
        puts("tarsier " TARSIER_VERSION);
        return 0;
}

/* For the build: the agent and `tarsier-remote` find the host's modules by their descriptors, as those of any area. */
int cmd_describe(int argc, char **argv)
{
        char *words[] = { argv[0], argv[0], argc > 1 ? argv[1] : NULL, NULL };
        return program_main(host_modules, "host", argc > 1 ? 3 : 2, words);
}

int cmd_worker(int argc, char **argv)
{
        if (argc == 3 && strcmp(argv[1], "--foreign") == 0)
                return foreign_worker_main(argv[2]);
        const struct module *module = argc == 2 ? module_find(host_modules, argv[1]) : NULL;
        if (module)
                return worker_main(module);
        fputs("tarsier worker is started by a parent, not by hand\n", stderr);
        return 2;
}

int cmd_confine(int argc, char **argv)
{
        return argc < 2 ? 2 : foreign_confine_main(argv + 1);
}

/* An unknown word: names the nearest verb or module. */
static int unknown(const char *word, const struct error *why)
{
        enum { WORDS_MAX = 1100 };
        const char *words[WORDS_MAX];
        size_t count = 0;
        const struct catalog_entry *const *entries;
        struct error err;
        if (why->code != E_NOT_FOUND)
                return cli_fail(why);
        size_t modules = catalog_all(cli_catalog(), &entries, NULL, &err);
        for (size_t i = 0; i < modules && count < WORDS_MAX; i++)
                words[count++] = entries[i]->module->name;
        for (const struct verb *verb = cli_verbs; verb->name && count < WORDS_MAX; verb++)
                if (verb->summary)
                        words[count++] = verb->name;
        const char *near = nearest_word(word, words, count);
        if (near)
                fail(&err, E_NOT_FOUND, "there is no module or command \"%.64s\"; did you mean %s?", word, near);
        else
                fail(&err, E_NOT_FOUND, "there is no module or command \"%.64s\"; `tarsier help` lists them", word);
        return cli_fail(&err);
}

/* `tarsier metrics query …` is the module metrics-query. */
static const struct catalog_entry *sub_command(int argc, char **argv)
{
        char name[128];
        struct error err;
        if (argc < 3 || argv[2][0] < 'a' || argv[2][0] > 'z')
                return NULL;
        int n = snprintf(name, sizeof(name), "%s-%s", argv[1], argv[2]);
        return n > 0 && (size_t)n < sizeof(name) ? catalog_find(cli_catalog(), name, &err) : NULL;
}

static int run_command(int argc, char **argv)
{
        if (argc < 2)
                return cmd_help(1, argv);
        /* what stands before the verb: --color WHEN, --verbose and --agent URL */
        int words;
        while ((words = cli_take_colour(&argc, &argv)) > 0)
                ;
        if (words < 0)
                return 2;
        if (argc < 2)
                return cmd_help(1, argv);
        while (argc > 2 && strcmp(argv[1], "--verbose") == 0) {
                log_set_level(LOG_LEVEL_DEBUG);
                argc--;
                argv++;
        }
        char *agent = NULL;
        if (argc > 3 && strcmp(argv[1], "--agent") == 0) {
                agent = argv[2];
                argc -= 2;
                argv += 2;
        }
        const char *word = argv[1];
        if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
                word = "help";
        if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0)
                word = "version";
        const struct verb *verb = cli_find_verb(word);
        if (verb)
                return verb->main(argc - 1, argv + 1);
        struct error err;
        const struct catalog_entry *entry = sub_command(argc, argv);
        if (entry) {
                argc--;
                argv++;
        } else {
                entry = catalog_find(cli_catalog(), word, &err);
        }
        if (!entry)
                return unknown(word, &err);
        if (!agent)
                return cmd_module(entry, argc - 1, argv + 1);
        /* the words stand in the order `NAME --agent URL …`, which is how the module's flags are read */
        argv[-1] = argv[1];
        argv[0] = (char[]){ "--agent" };
        argv[1] = agent;
        return cmd_module(entry, argc + 1, argv - 1);
}

int main(int argc, char **argv)
{
        setlocale(LC_CTYPE, ""); /* the width of letters in tables */
        int status = run_command(argc, argv);
        if (fflush(stdout) == 0 && !ferror(stdout))
                return status;
        struct error err;
        fail(&err, E_IO, "standard output: %s", errno_text(errno));
        return status ? status : cli_fail(&err);
}
