/* tarsier saved: the runs that are saved with the agent of this host. */
#include "agent/ask.h"
#include "agent/select.h"
#include "agent/verbs.h"
#include "base/cleanup.h"
#include "schema/field.h"
#include "schema/json.h"
#include "schema/print.h"
#include "term/style.h"

enum { PATH_SIZE = 4096, TEXT_MAX = 16 << 20, TEXTS_ARENA = 1 << 20 };

struct saved_flags {
        int action;
        char *name;
        char *state, *run_dir;
        char *module, *parameters, *description, *every, *cron, *max_time;
        bool disabled, privacy, json;
        const char *chosen; /* --json=A,B.C */
};

static const char *const actions[] = { "list", "show", "put", "delete", "run", NULL };
enum action { LIST_ALL, SHOW, PUT, DELETE, RUN };

static const struct field saved_fields[] = {
        FIELD_ENUM(struct saved_flags, action, actions, .positional = true, .option = "", .def = "list",
                .help = "list them, show one, put one, delete one, run one now"),
        FIELD_STRING(struct saved_flags, name, .positional = true, .option = "", .help = "which one"),
        FIELD_PATH(struct saved_flags, state, .metavar = "DIR", .help = "the agent's state directory"),
        FIELD_PATH(struct saved_flags, run_dir, .option = "run-dir", .metavar = "DIR", .help = "where its sockets are"),
        FIELD_STRING(struct saved_flags, module, .help = "put: module to run"),
        FIELD_STRING(struct saved_flags, parameters, .metavar = "JSON", .help = "put: its parameters"),
        FIELD_STRING(struct saved_flags, description, .help = "put: what it is for"),
        FIELD_STRING(struct saved_flags, every, .metavar = "DURATION", .help = "put: time from one run to the next"),
        FIELD_STRING(struct saved_flags, cron, .help = "put: points in time as in crontab(5): \"30 3 * * *\""),
        FIELD_STRING(struct saved_flags, max_time, .option = "max-time", .metavar = "DURATION",
                .help = "put: time after which a run ends with what it has"),
        FIELD_BOOL(struct saved_flags, disabled, .help = "put: not by the clock, only by hand"),
        FIELD_BOOL(struct saved_flags, privacy, .help = "put: mask what tells about people and contents"),
        FIELD_BOOL(struct saved_flags, json, .help = "as JSON; --json=A,B.C: these fields of it"),
};

static const struct field row_fields[] = {
        { .name = "name", .type = FIELD_TYPE_STRING },
        { .name = "module", .type = FIELD_TYPE_STRING },
        { .name = "when", .type = FIELD_TYPE_STRING },
        { .name = "saved_by", .type = FIELD_TYPE_STRING },
        { .name = "description", .type = FIELD_TYPE_STRING },
};

static const struct record row_record = {
        .fields = row_fields, .count = sizeof(row_fields) / sizeof(row_fields[0]), .name = "saved"
};

static json_t *make_row(const json_t *saved)
{
        char when[256];
        const char *every = json_string_value(json_object_get(saved, "every"));
        const char *cron = json_string_value(json_object_get(saved, "cron"));
        bool enabled = json_is_true(json_object_get(saved, "enabled"));
        bool suspended = json_string_value(json_object_get(saved, "suspended"));
        const char *off = !enabled ? " (off)" : suspended ? " (suspended)" : "";
        if (every)
                snprintf(when, sizeof(when), "every %.100s%s", every, off);
        else
                snprintf(when, sizeof(when), "%.200s%s", cron ? cron : "by hand", cron ? off : "");
        return json_pack("{sO? sO? ss sO? sO?}", "name", json_object_get(saved, "name"), "module",
                json_object_get(saved, "module"), "when", when, "saved_by", json_object_get(saved, "saved_by"),
                "description", json_object_get(saved, "description"));
}

static int print_list(const json_t *list, struct error *err)
{
        struct term term;
        size_t index;
        json_t *saved;
        term_open(&term, STDOUT_FILENO, COLOUR_AUTO);
        struct printer_options options = {
                .format = PRINT_TABLE, .width = term.width, .colour = term.depth != COLOUR_NONE
        };
        cleanup(printer_free) struct printer *printer = printer_new(stdout, &options, err);
        if (!printer || printer_begin(printer, &row_record, NULL, err) < 0)
                return -1;
        json_array_foreach(list, index, saved)
        {
                cleanup(json_decref) json_t *row = make_row(saved);
                if (printer_row(printer, row, err) < 0)
                        return -1;
        }
        return printer_end(printer, err) < 0 ? -1 : printer_finish(printer, err);
}

static int print_json(const json_t *value, struct error *err)
{
        cleanup(free) char *text = json_dumps(value, JSON_INDENT(2));
        if (!text)
                return fail(err, E_NO_MEMORY, "no memory for the answer");
        puts(text);
        return 0;
}

static int show(const char *socket, const struct saved_flags *flags, struct error *err)
{
        cleanup(buf_done) struct buf text;
        bool one = flags->action == SHOW;
        buf_init(&text, TEXT_MAX);
        if (ask_agent(socket, "saved", one ? json_pack("{s:s}", "name", flags->name) : NULL, &text, NULL, err) < 0)
                return -1;
        cleanup(json_decref) json_t *list = json_parse(sv_n(buf_text(&text), text.len), false, err);
        if (!list)
                return -1;
        const json_t *value = one ? json_array_get(list, 0) : list;
        if (flags->chosen) {
                cleanup(json_decref) json_t *chosen = select_fields(value, flags->chosen, err);
                return chosen ? print_json(chosen, err) : -1;
        }
        if (one)
                return print_json(value, err);
        return flags->json ? print_json(list, err) : print_list(list, err);
}

static void set_text(json_t *entry, const char *key, const char *text)
{
        if (text && *text)
                json_object_set_new(entry, key, json_string(text));
}

static int put(const char *socket, const struct saved_flags *flags, struct error *err)
{
        cleanup(json_decref) json_t *entry =
                json_pack("{s:b, s:b}", "enabled", !flags->disabled, "privacy", flags->privacy);
        set_text(entry, "module", flags->module);
        set_text(entry, "description", flags->description);
        set_text(entry, "every", flags->every);
        set_text(entry, "cron", flags->cron);
        set_text(entry, "max_time", flags->max_time);
        if (flags->parameters && *flags->parameters) {
                json_t *parameters = json_parse(sv_of(flags->parameters), true, err);
                if (!parameters)
                        return error_prefix(err, "parameters");
                json_object_set_new(entry, "parameters", parameters);
        }
        return ask_agent(socket, "save", json_pack("{s:s, s:O}", "name", flags->name, "entry", entry), NULL, NULL, err);
}

/* Its ID alone, for $(tarsier saved run NAME). */
static int run(const char *socket, const struct saved_flags *flags, struct error *err)
{
        json_t *answer = NULL;
        if (ask_agent(socket, "run-saved", json_pack("{s:s}", "name", flags->name), NULL, &answer, err) < 0)
                return -1;
        const char *id = json_string_value(json_object_get(answer, "run"));
        puts(id ? id : "");
        json_decref(answer);
        return 0;
}

static int act(const char *socket, const struct saved_flags *flags, struct error *err)
{
        if (flags->action != LIST_ALL && (!flags->name || !*flags->name))
                return fail(err, E_INVALID, "name: which one?");
        switch ((enum action)flags->action) {
        case PUT:
                return put(socket, flags, err);
        case DELETE:
                return ask_agent(socket, "forget", json_pack("{s:s}", "name", flags->name), NULL, NULL, err);
        case RUN:
                return run(socket, flags, err);
        default:
                return show(socket, flags, err);
        }
}

int cmd_saved(int argc, char **argv)
{
        struct saved_flags flags;
        struct arena arena;
        struct error err = { 0 };
        char path[PATH_SIZE];
        char directory[PATH_SIZE];
        const char *chosen = select_take(argc, argv);
        arena_init(&arena, TEXTS_ARENA);
        if (verb_flags(RECORD(struct saved_flags, saved_fields), "saved",
                    "list, save, remove and start the runs that are saved with the agent", argc, argv, &flags,
                    &arena) < 0)
                return 2;
        flags.chosen = chosen;
        verb_run_directory(flags.run_dir, flags.state, directory);
        snprintf(path, sizeof(path), "%.4000s/agent.sock", directory);
        int status = act(path, &flags, &err) < 0 ? verb_fail(&err) : 0;
        arena_done(&arena);
        return status;
}
