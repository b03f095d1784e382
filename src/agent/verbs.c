#include "agent/verbs.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "schema/complete.h"
#include "schema/flags.h"
#include "schema/json.h"
#include "schema/usage.h"
#include "term/style.h"

enum { PATH_SIZE = 4096, USAGE_MAX = 64 << 10 };

int verb_fail(const struct error *err)
{
        struct term term;
        cleanup(buf_done) struct buf line;
        term_open(&term, STDERR_FILENO, COLOUR_AUTO);
        buf_init(&line, 4096);
        style_put(&line, &term, STYLE_ERROR, SV("tarsier:"));
        fprintf(stderr, "%s %s\n", buf_text(&line), err->message);
        return error_exit_status(err->code);
}

void verb_state_directory(const char *given, char *ret)
{
        const char *home = getenv("HOME");
        const char *state = getenv("XDG_STATE_HOME");
        char here[PATH_SIZE] = "";
        if (given && given[0] == '/')
                snprintf(ret, PATH_SIZE, "%s", given);
        else if (given) /* workers run elsewhere: paths are absolute */
                snprintf(ret, PATH_SIZE, "%.2000s/%.2000s", getcwd(here, sizeof(here)) ? here : "", given);
        else if (geteuid() == 0)
                snprintf(ret, PATH_SIZE, "/var/lib/tarsier");
        else if (state && state[0] == '/')
                snprintf(ret, PATH_SIZE, "%.4000s/tarsier", state);
        else
                snprintf(ret, PATH_SIZE, "%.4000s/.local/state/tarsier", home ? home : "");
}

void verb_run_directory(const char *given, const char *given_state, char *ret)
{
        const char *run = getenv("XDG_RUNTIME_DIR");
        if (given) {
                verb_state_directory(given, ret);
        } else if (given_state && strcmp(given_state, "/var/lib/tarsier") != 0) {
                char state[PATH_SIZE];
                verb_state_directory(given_state, state);
                snprintf(ret, PATH_SIZE, "%.4000s/run", state);
        } else if (geteuid() == 0) {
                snprintf(ret, PATH_SIZE, "/run/tarsier");
        } else if (run && run[0] == '/') {
                snprintf(ret, PATH_SIZE, "%.4000s/tarsier", run);
        } else {
                char state[PATH_SIZE];
                verb_state_directory(NULL, state);
                snprintf(ret, PATH_SIZE, "%.4000s/run", state);
        }
}

int verb_flags(const struct record *record, const char *verb, const char *summary, int argc, char **argv, void *ret,
        struct arena *arena)
{
        struct error err;
        cleanup(buf_done) struct buf candidates;
        buf_init(&candidates, USAGE_MAX);
        if (record_complete_asked(record, argc, argv, &candidates)) {
                fwrite(buf_text(&candidates), 1, candidates.len, stdout);
                exit(0);
        }
        for (int i = 1; i < argc; i++) {
                if (strcmp(argv[i], "--help") != 0 && strcmp(argv[i], "-h") != 0)
                        continue;
                cleanup(buf_done) struct buf text;
                char command[64];
                buf_init(&text, USAGE_MAX);
                snprintf(command, sizeof(command), "tarsier %s", verb);
                usage_print(&text, command, summary, NULL, record, NULL, 0);
                fwrite(buf_text(&text), 1, text.len, stdout);
                exit(0);
        }
        cleanup(json_decref) json_t *json = flags_parse(record, argc - 1, argv + 1, &err);
        if (!json || record_read(record, json, ret, arena, READ_STRICT, &err) < 0) {
                verb_fail(&err);
                return -1;
        }
        return 0;
}
