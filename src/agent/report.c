/* tarsier runs, tarsier status: what there is to read, and the question to the running agent. */
#include "agent/runlog.h"
#include "agent/verbs.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/path.h"
#include "module/agent_wire.h"
#include "schema/field.h"
#include "schema/json.h"
#include "schema/print.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>

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
};

static const char *const only_names[] = { "running", "completed", "lost", NULL };

static const struct field runs_fields[] = {
        FIELD_STRING(struct runs_flags, action, .positional = true, .option = "",
                .help = "\"verify\": check the log; an ID: show that run; else list the runs"),
        FIELD_PATH(struct runs_flags, state, .metavar = "DIR", .help = "the agent's state directory"),
        FIELD_STRING(struct runs_flags, module, .help = "only runs of this module"),
        FIELD_STRING(
                struct runs_flags, only, .metavar = "STATE", .help = "only runs that are running, completed or lost"),
        FIELD_STRING(struct runs_flags, head, .metavar = "'NUMBER HASH'",
                .help = "verify: a head noted elsewhere (\"run log head …\" in the journal) that must be in the log"),
        FIELD_INT(struct runs_flags, limit, .flag = 'n', .def = "20", .min = 1, .max = RUNLOG_LIST_MAX,
                .help = "how many"),
        FIELD_BOOL(struct runs_flags, json, .help = "as JSON"),
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

static int print_rows(const char *text, size_t size, struct error *err)
{
        struct printer_options options = { .format = PRINT_TABLE };
        cleanup(json_decref) json_t *runs = json_parse(sv_n(text, size), false, err);
        cleanup(printer_free) struct printer *printer = runs ? printer_new(stdout, &options, err) : NULL;
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
                status = flags->json ? print_text(&text, err) : print_rows(buf_text(&text), text.len, err);
        runlog_close(log);
        return status;
}

int cmd_runs(int argc, char **argv)
{
        struct runs_flags flags;
        struct arena arena;
        struct error err = { 0 };
        arena_init(&arena, TEXTS_ARENA);
        int status = 2;
        if (verb_flags(RECORD(struct runs_flags, runs_fields), "runs", "list what the agent ran, and verify its log",
                    argc, argv, &flags, &arena) == 0)
                status = do_runs(&flags, &err) < 0 ? verb_fail(&err) : 0;
        arena_done(&arena);
        return status;
}

/* ---- status ---- */

struct status_flags {
        char *state;
        char *run_dir;
        bool json;
};

static const struct field status_fields[] = {
        FIELD_PATH(struct status_flags, state, .metavar = "DIR", .help = "the agent's state directory"),
        FIELD_PATH(
                struct status_flags, run_dir, .option = "run-dir", .metavar = "DIR", .help = "where its sockets are"),
        FIELD_BOOL(struct status_flags, json, .help = "as JSON"),
};

static int connect_agent(const char *path, struct error *err)
{
        struct sockaddr_un at = { .sun_family = AF_UNIX };
        if (strlen(path) >= sizeof(at.sun_path))
                return fail(err, E_INVALID, "%s: the path is too long for a socket", path);
        memcpy(at.sun_path, path, strlen(path));
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        struct timeval patience = { .tv_sec = 10 };
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
        if (connect(fd, (struct sockaddr *)&at, sizeof(at)) < 0) {
                int status = errno == ENOENT || errno == ECONNREFUSED
                                     ? fail(err, E_UNAVAILABLE, "no agent answers on %s", path)
                                     : fail_errno(err, "%s", path);
                close(fd);
                return status;
        }
        return fd;
}

static int grant(int fd, uint32_t bytes, struct error *err)
{
        cleanup(buf_done) struct buf frame;
        buf_init(&frame, 64);
        frame_append(&frame, FRAME_CREDIT, 1, sv_n((const char *)&bytes, sizeof(bytes)));
        return write_all(fd, frame.data, frame.len, err);
}

/* One frame of the answer; 1 = it is over. */
static int take(int fd, const struct frame_header *header, struct sv payload, struct buf *out, struct error *err)
{
        if (header->type == FRAME_END)
                return 1;
        if (header->type == FRAME_DATA) {
                buf_append(out, payload.p, payload.n);
                return grant(fd, (uint32_t)payload.n, err);
        }
        cleanup(json_decref) json_t *message = json_parse(payload, false, NULL);
        const char *class = json_string_value(json_object_get(message, "class"));
        const json_t *parameters = json_object_get(message, "parameters");
        const char *why = json_string_value(json_object_get(parameters, "message"));
        if (class && strcmp(class, "refused") == 0)
                return fail(err, E_PERMISSION, "%s", why ? why : "refused");
        return 0;
}

static int ask(int fd, struct buf *out, struct error *err)
{
        static const char question[] = "{\"class\":\"status\",\"parameters\":{\"credential\":{\"connection\":true}}}";
        cleanup(buf_done) struct buf frames;
        buf_init(&frames, FRAME_LENGTH_MAX);
        frame_append(&frames, FRAME_MESSAGE, 1, sv_of(question));
        if (write_all(fd, frames.data, frames.len, err) < 0)
                return -1;
        buf_clear(&frames);
        for (;;) {
                struct frame_header header;
                struct sv payload;
                size_t size;
                int have = frame_next(&frames, 0, &header, &payload, &size, err);
                if (have > 0) {
                        int over = take(fd, &header, payload, out, err);
                        if (over)
                                return over < 0 ? -1 : 0;
                        buf_consume(&frames, size);
                        continue;
                }
                char *room = have < 0 ? NULL : buf_reserve(&frames, 64 << 10);
                ssize_t got = room ? recv(fd, room, 64 << 10, 0) : -1;
                if (have < 0)
                        return -1;
                if (got <= 0)
                        return fail(err, E_UNAVAILABLE, "the agent gave no answer");
                frames.len += (size_t)got;
        }
}

static const char *text_at(const json_t *object, const char *key)
{
        const char *text = json_string_value(json_object_get(object, key));
        return text ? text : "";
}

static void print_service(const json_t *service)
{
        cleanup(buf_done) struct buf line;
        buf_init(&line, 4096);
        buf_printf(&line, "  %-18s %-10s", text_at(service, "name"), text_at(service, "state"));
        json_int_t pid = json_integer_value(json_object_get(service, "pid"));
        json_int_t restarts = json_integer_value(json_object_get(service, "restarts"));
        double wait = json_number_value(json_object_get(service, "next_start_seconds"));
        if (pid)
                buf_printf(&line, " pid %lld", (long long)pid);
        if (restarts)
                buf_printf(&line, ", %lld restarts", (long long)restarts);
        if (text_at(service, "reason")[0])
                buf_printf(&line, ", %s", text_at(service, "reason"));
        if (wait > 0)
                buf_printf(&line, ", next start in %.1f s", wait);
        if (text_at(service, "waits_for")[0])
                buf_printf(&line, " for %s", text_at(service, "waits_for"));
        const char *name;
        const json_t *address;
        json_object_foreach(json_object_get(service, "listens"), name, address) if (json_string_value(address)[0])
                buf_printf(&line, ", %s %s", name, json_string_value(address));
        cleanup(buf_done) struct buf shown;
        buf_init(&shown, 16 << 10);
        print_escape(&shown, sv_n(buf_text(&line), line.len));
        puts(buf_text(&shown));
}

static int print_status(const struct buf *text, struct error *err)
{
        cleanup(json_decref) json_t *status = json_parse(sv_n(buf_text(text), text->len), false, err);
        if (!status)
                return -1;
        json_t *runs = json_object_get(status, "runs");
        printf("%s, pid %lld, up %.0f s, %s\n", text_at(status, "message"),
                (long long)json_integer_value(json_object_get(status, "pid")),
                json_number_value(json_object_get(status, "uptime_seconds")), text_at(status, "state_directory"));
        printf("runs: %lld running, %lld queued; log: %lld rows\n",
                (long long)json_integer_value(json_object_get(runs, "running")),
                (long long)json_integer_value(json_object_get(runs, "queued")),
                (long long)json_integer_value(json_object_get(json_object_get(status, "log"), "rows")));
        size_t index;
        json_t *item;
        json_array_foreach(json_object_get(status, "services"), index, item) print_service(item);
        json_array_foreach(json_object_get(status, "schedule"), index, item) printf(
                "  schedule %s: %s, next %s\n", text_at(item, "name"), text_at(item, "module"), text_at(item, "next"));
        return 0;
}

int cmd_status(int argc, char **argv)
{
        struct status_flags flags;
        struct arena arena;
        struct error err = { 0 };
        char path[PATH_SIZE];
        char run[PATH_SIZE];
        arena_init(&arena, TEXTS_ARENA);
        if (verb_flags(RECORD(struct status_flags, status_fields), "status", "tell how the agent and its services are",
                    argc, argv, &flags, &arena) < 0)
                return 2;
        verb_run_directory(flags.run_dir, flags.state, run);
        snprintf(path, sizeof(path), "%.4000s/agent.sock", run);
        cleanup(buf_done) struct buf text;
        buf_init(&text, TEXT_MAX);
        int fd = connect_agent(path, &err);
        int status = fd < 0 ? -1 : ask(fd, &text, &err);
        if (fd >= 0)
                close(fd);
        if (status == 0)
                status = flags.json ? print_text(&text, &err) : print_status(&text, &err);
        arena_done(&arena);
        return status < 0 ? verb_fail(&err) : 0;
}
