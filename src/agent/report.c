/* tarsier runs: what the agent ran, from its log. */
#include "agent/runlog.h"
#include "agent/verbs.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/path.h"
#include "schema/field.h"
#include "schema/json.h"
#include "schema/print.h"
#include "term/pager.h"
#include "term/table.h"

enum { PATH_SIZE = 4096, TEXT_MAX = 64 << 20, TEXTS_ARENA = 1 << 20 };

/* ---- runs ---- */

struct runs_flags {
        char *action;
        char *state;
        char *module;
        char *only;
        char *head;
        int limit;
        bool json;
        int format;
        bool no_header;
        char *fields, *row_template;
};

static const char *const action_names[] = { "verify", NULL }; /* or an ID */
static const char *const only_names[] = { "running", "completed", "lost", NULL };

static const struct field runs_fields[] = {
        FIELD_STRING(struct runs_flags, action, .names = action_names, .positional = true, .option = "",
                .help = "\"verify\": check the log; an ID: show that run; else list the runs"),
        FIELD_PATH(struct runs_flags, state, .metavar = "DIR", .help = "the agent's state directory"),
        FIELD_STRING(struct runs_flags, module, .help = "only runs of this module"),
        FIELD_STRING(struct runs_flags, only, .names = only_names, .metavar = "STATE",
                .help = "only runs that are running, completed or lost"),
        FIELD_STRING(struct runs_flags, head, .metavar = "'NUMBER HASH'",
                .help = "verify: a head noted elsewhere (\"run log head …\" in the journal) that must be in the log"),
        FIELD_INT(struct runs_flags, limit, .flag = 'n', .def = "20", .min = 1, .max = RUNLOG_LIST_MAX,
                .help = "how many"),
        FIELD_BOOL(struct runs_flags, json, .help = "as JSON"),
        { FIELD_BASE(struct runs_flags, format, FIELD_TYPE_ENUM, int, int), .names = print_format_names, .def = "table",
                .help = "how the list is shown" },
        FIELD_BOOL(struct runs_flags, no_header, .option = "no-header", .help = "print no column names"),
        FIELD_STRING(struct runs_flags, fields, .metavar = "A,B", .help = "show only these fields, in this order"),
        FIELD_STRING(struct runs_flags, row_template, .json = "template", .metavar = "TEXT",
                .help = "a line a run: '{{run}} {{upper module}}'"),
};

static const struct field row_fields[] = {
        { .name = "run", .type = FIELD_TYPE_STRING },
        { .name = "started", .type = FIELD_TYPE_STRING },
        { .name = "module", .type = FIELD_TYPE_STRING },
        { .name = "state", .type = FIELD_TYPE_STRING },
        { .name = "result", .type = FIELD_TYPE_STRING },
        { .name = "rows", .type = FIELD_TYPE_UINT },
        { .name = "who", .type = FIELD_TYPE_STRING },
};

static const struct record row_record = {
        .fields = row_fields, .count = sizeof(row_fields) / sizeof(row_fields[0]), .name = "run"
};

static json_t *make_row(const json_t *run)
{
        const json_t *summary = json_object_get(run, "summary");
        const char *partial = json_string_value(json_object_get(summary, "partial"));
        const char *result = "";
        if (json_object_get(summary, "success"))
                result = !json_is_true(json_object_get(summary, "success")) ? "failed"
                         : partial                                          ? "partial"
                         : json_is_true(json_object_get(summary, "found"))  ? "found"
                                                                            : "nothing";
        return json_pack("{sO? sO? sO? sO? ss so sO?}", "run", json_object_get(run, "run"), "started",
                json_object_get(run, "started"), "module", json_object_get(run, "module"), "state",
                json_object_get(run, "state"), "result", result, "rows",
                json_integer(json_integer_value(json_object_get(summary, "rows"))), "who",
                json_object_get(run, "identity"));
}

static enum style_role role_of_state(const char *state)
{
        return strcmp(state, "running") == 0 ? STYLE_ACCENT : strcmp(state, "lost") == 0 ? STYLE_ERROR : STYLE_PLAIN;
}

static enum style_role role_of_result(const char *result)
{
        return strcmp(result, "failed") == 0    ? STYLE_ERROR
               : strcmp(result, "partial") == 0 ? STYLE_WARNING
               : strcmp(result, "found") == 0   ? STYLE_SUCCESS
                                                : STYLE_DIM;
}

/* For people: fits their terminal and goes through their pager. */
static int show_rows(const json_t *runs, const struct term *term, bool header, struct error *err)
{
        enum { CELL_ROWS = 5, CELLS = 7 };
        static const struct table_column columns[CELLS] = {
                { .title = "RUN", .role = STYLE_COMMAND, .least = 36 },
                { .title = "STARTED", .role = STYLE_DIM, .priority = 2, .least = 20 },
                { .title = "MODULE", .least = 8 },
                { .title = "STATE", .role_of = role_of_state, .least = 9 },
                { .title = "RESULT", .role_of = role_of_result, .least = 7 },
                { .title = "ROWS", .right = true, .priority = 1, .least = 4 },
                { .title = "WHO", .priority = 3, .least = 6 },
        };
        cleanup(term_table_free) struct term_table *table = term_table_new(columns, CELLS, err);
        cleanup(buf_done) struct buf out;
        size_t index;
        json_t *run;
        if (!table)
                return -1;
        buf_init(&out, TEXT_MAX);
        json_array_foreach(runs, index, run)
        {
                cleanup(json_decref) json_t *row = make_row(run);
                const char *cells[CELLS];
                char rows[32];
                for (size_t i = 0; i < CELLS; i++)
                        cells[i] = json_string_value(json_object_get(row, row_fields[i].name));
                snprintf(rows, sizeof(rows), "%lld", (long long)json_integer_value(json_object_get(row, "rows")));
                cells[CELL_ROWS] = rows;
                if (term_table_row(table, cells, err) < 0)
                        return -1;
        }
        term_table_put(&out, term, table, header);
        return pager_show(term, sv_n(buf_text(&out), out.len), err);
}

/* "a,b.c" into at most `max` names and a NULL; text is cut in place. */
static void split_names(char *text, const char **ret, size_t max)
{
        size_t count = 0;
        for (char *at = text; at && count < max; count++) {
                char *comma = strchr(at, ',');
                ret[count] = at;
                if (comma)
                        *comma++ = '\0';
                at = comma;
        }
        ret[count] = NULL;
}

static int print_rows(const char *text, size_t size, const struct runs_flags *flags, struct error *err)
{
        enum { NAMES_MAX = 64 };
        const char *names[NAMES_MAX + 1];
        struct term term;
        cleanup(json_decref) json_t *runs = json_parse(sv_n(text, size), false, err);
        if (!runs)
                return -1;
        term_open(&term, STDOUT_FILENO, COLOUR_AUTO);
        enum print_format format = flags->row_template ? PRINT_TEMPLATE : (enum print_format)flags->format;
        if (format == PRINT_TABLE && !flags->fields && term.tty)
                return show_rows(runs, &term, !flags->no_header, err);
        split_names(flags->fields, names, NAMES_MAX);
        struct printer_options options = { .format = format,
                .no_header = flags->no_header,
                .fields = flags->fields ? names : NULL,
                .row_template = flags->row_template,
                .width = term.width,
                .colour = term.depth != COLOUR_NONE };
        cleanup(printer_free) struct printer *printer = printer_new(stdout, &options, err);
        if (!printer || printer_begin(printer, &row_record, NULL, err) < 0)
                return -1;
        size_t index;
        json_t *run;
        json_array_foreach(runs, index, run)
        {
                cleanup(json_decref) json_t *row = make_row(run);
                if (printer_row(printer, row, err) < 0)
                        return -1;
        }
        return printer_end(printer, err) < 0 ? -1 : printer_finish(printer, err);
}

static int print_text(const struct buf *text, struct error *err)
{
        if (write_all(STDOUT_FILENO, buf_text(text), text->len, err) < 0 || write_all(STDOUT_FILENO, "\n", 1, err) < 0)
                return -1;
        return 0;
}

static int verify(struct runlog *log, const struct runs_flags *flags, struct error *err)
{
        struct runlog_verdict verdict;
        if (runlog_verify(log, flags->head, &verdict, err) < 0)
                return -1;
        if (flags->json) {
                cleanup(json_decref) json_t *object = json_pack("{sI sb ss ss}", "rows", (json_int_t)verdict.rows,
                        "intact", verdict.intact, "message", verdict.message, "head", verdict.head);
                json_dumpf(object, stdout, 0);
                putchar('\n');
                return verdict.intact
                               ? 0
                               : fail(err, E_CORRUPT, "the run log is not what was written: %s", verdict.message);
        }
        if (!verdict.intact)
                return fail(err, E_CORRUPT, "the run log is not what was written: %s", verdict.message);
        printf("intact: %llu rows, head %.16s\n", (unsigned long long)verdict.rows, verdict.head);
        return 0;
}

static int do_runs(const struct runs_flags *flags, struct error *err)
{
        char path[PATH_SIZE];
        char state[PATH_SIZE];
        verb_state_directory(flags->state, state);
        snprintf(path, sizeof(path), "%.4000s/runs.db", state);
        bool known = !flags->only;
        for (size_t i = 0; only_names[i] && !known; i++)
                known = strcmp(flags->only, only_names[i]) == 0;
        if (!known)
                return fail(err, E_INVALID, "--only: running, completed or lost");
        struct runlog *log = runlog_open(path, true, err);
        if (!log)
                return -1;
        cleanup(buf_done) struct buf text;
        buf_init(&text, TEXT_MAX);
        struct runlog_filter filter = {
                .limit = (unsigned)flags->limit, .module = flags->module, .state = flags->only
        };
        int status;
        if (flags->action && strcmp(flags->action, "verify") == 0)
                status = verify(log, flags, err);
        else if (flags->action)
                status = runlog_show(log, flags->action, &text, err) < 0 ? -1 : print_text(&text, err);
        else if (runlog_list(log, &filter, &text, err) < 0)
                status = -1;
        else
                status = flags->json ? print_text(&text, err) : print_rows(buf_text(&text), text.len, flags, err);
        runlog_close(log);
        return status;
}

int cmd_runs(int argc, char **argv)
{
        struct runs_flags flags;
        struct arena arena;
        struct error err = { 0 };
        arena_init(&arena, TEXTS_ARENA);
        static char form[] = "--format=json";
        const char *chosen = NULL;
        int status = 2;
        for (int i = 1; i < argc; i++) /* --json=A,B: these fields */
                if (strncmp(argv[i], "--json=", 7) == 0 && strcmp(argv[i] + 7, "true") != 0 &&
                        strcmp(argv[i] + 7, "false") != 0) {
                        chosen = argv[i] + 7;
                        argv[i] = form;
                }
        if (verb_flags(RECORD(struct runs_flags, runs_fields), "runs", "list what the agent ran, and verify its log",
                    argc, argv, &flags, &arena) == 0) {
                flags.fields = chosen ? arena_strdup(&arena, chosen) : flags.fields;
                status = do_runs(&flags, &err) < 0 ? verb_fail(&err) : 0;
        }
        arena_done(&arena);
        return status;
}
