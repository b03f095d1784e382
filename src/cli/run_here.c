/* A run on this machine, with the terminal's signals as its stop. */
#include "base/cleanup.h"
#include "base/path.h"
#include "base/timefmt.h"
#include "cli/cli.h"
#include "cli/show_lines.h"
#include "module/execution.h"
#include "module/local_agent.h"
#include "schema/json.h"
#include "term/spinner.h"

#include <errno.h>

struct local_run {
        struct loop *loop;
        struct execution *execution;
        struct buf stop_line;
        loop_id stop_id;
        int stop_fd;
        int interrupts;
        bool ended; /* end of file on stop_fd */
        struct shower *shower;
        bool hold_timed;        /* the moment for which rows are held has begun */
        struct spinner spinner; /* on stderr */
};

static void on_done(struct execution *execution, void *cookie)
{
        struct local_run *run = cookie;
        (void)execution;
        loop_stop(run->loop);
}

static void on_signal(struct loop *loop, loop_id id, const struct signalfd_siginfo *signal, void *cookie)
{
        struct local_run *run = cookie;
        (void)loop;
        (void)id;
        (void)signal;
        if (++run->interrupts > 1)
                _exit(128 + SIGINT);
        execution_stop(run->execution, "interrupted");
}

/* A line that says stop ends the run; others mean nothing. */
static void take_lines(struct local_run *run)
{
        struct sv line;
        struct sv rest = sv_n(buf_text(&run->stop_line), run->stop_line.len);
        while (rest.n && (sv_find(rest, '\n') < rest.n || run->ended) && sv_line(&rest, &line)) {
                cleanup(json_decref) json_t *message = json_parse(line, false, NULL);
                const char *class = json_string_value(json_get_nocase(message, "class"));
                if (class && strcmp(class, "stop") == 0)
                        execution_stop(run->execution, "stopped");
        }
        buf_consume(&run->stop_line, run->stop_line.len - rest.n);
}

/* The contract lets a stop message follow the parameters on standard input. End of file means nothing else. */
static void on_input(struct loop *loop, loop_id id, uint32_t events, void *cookie)
{
        struct local_run *run = cookie;
        (void)events;
        char *room = buf_reserve(&run->stop_line, 4096);
        ssize_t got = room ? read(run->stop_fd, room, 4096) : 0;
        if (got < 0 && errno == EINTR)
                return;
        if (got <= 0) {
                loop_remove(loop, id);
                run->ended = true; /* a last line needs no line break */
        } else {
                run->stop_line.len += (size_t)got;
                run->stop_line.data[run->stop_line.len] = '\0';
        }
        take_lines(run);
}

static void write_talk(const struct buf *text)
{
        if (text->len) /* a drawing that cannot be written is no failure of the run */
                write_all(STDERR_FILENO, text->data, text->len, NULL);
}

static void on_spin(struct loop *loop, loop_id id, void *cookie)
{
        struct local_run *run = cookie;
        cleanup(buf_done) struct buf text;
        buf_init(&text, 4096);
        spinner_draw(&run->spinner, time_monotonic_ns(), &text);
        write_talk(&text);
        if (run->spinner.ended)
                loop_remove(loop, id);
}

static void begin_spinning(struct local_run *run, const struct run_request *request)
{
        struct error ignored;
        if (!request->spin || !cli_err()->cursor)
                return;
        spinner_init(
                &run->spinner, cli_err(), NULL, STYLE_ACCENT, NULL, request->entry->module->name, time_monotonic_ns());
        loop_add_timer(run->loop, SPINNER_DELAY_MS * MILLISECOND, run->spinner.set->interval_ms * MILLISECOND, on_spin,
                run, NULL, &ignored);
}

static void end_spinning(struct local_run *run)
{
        cleanup(buf_done) struct buf text;
        buf_init(&text, 4096);
        if (run->spinner.term)
                spinner_end(&run->spinner, &text);
        write_talk(&text);
}

static void on_release(struct loop *loop, loop_id id, void *cookie)
{
        struct local_run *run = cookie;
        (void)loop;
        (void)id;
        shower_release(run->shower);
}

static void on_row(struct execution *execution, struct sv label, struct sv json, void *cookie)
{
        struct local_run *run = cookie;
        (void)execution;
        (void)label;
        struct error ignored;
        end_spinning(run);
        show_row(run->shower, json);
        if (run->hold_timed || !shower_holds(run->shower))
                return;
        run->hold_timed = true;
        if (loop_add_timer(run->loop, LINES_HOLD_MS * MILLISECOND, 0, on_release, run, NULL, &ignored) < 0)
                shower_release(run->shower);
}

struct execution *run_here(const struct run_request *request, struct error *err)
{
        const struct run_stop *stop = request->stop;
        struct local_run run = {
                .stop_fd = stop ? stop->fd : -1, .ended = stop && stop->fd < 0, .shower = request->shower
        };
        char socket[LOCAL_AGENT_SOCKET_MAX];
        struct execution_options options = { .entry = request->entry,
                .api_socket = local_agent_any(socket),
                .message = request->message,
                .budget = request->budget,
                .privacy = request->privacy,
                .strict = request->strict,
                .relay_stderr = true,
                .on_row = request->shower ? on_row : NULL,
                .on_done = on_done,
                .cookie = &run };
        if (request->target) {
                options.agent = request->target->agent;
                options.token = request->target->token;
                options.bridge = request->target->bridge;
        }
        run.loop = loop_new(NULL, err);
        if (!run.loop)
                return NULL;
        buf_init(&run.stop_line, 1 << 20);
        struct error ignored;
        begin_spinning(&run, request);
        loop_add_signal(run.loop, SIGINT, on_signal, &run, NULL, &ignored);
        loop_add_signal(run.loop, SIGTERM, on_signal, &run, NULL, &ignored);
        run.execution = execution_start(run.loop, &options, err);
        if (run.execution) {
                if (stop) {
                        buf_append(&run.stop_line, stop->read.p, stop->read.n);
                        take_lines(&run);
                }
                if (run.stop_fd >= 0) /* a regular file cannot be polled and cannot say stop later */
                        loop_add_fd(
                                run.loop, run.stop_fd, LOOP_READ, LOOP_LEVEL, on_input, &run, &run.stop_id, &ignored);
                if (loop_run(run.loop, err) < 0) {
                        execution_free(run.execution);
                        run.execution = NULL;
                }
        }
        end_spinning(&run);
        buf_done(&run.stop_line);
        if (run.execution)
                execution_detach(run.execution);
        loop_free(run.loop);
        return run.execution;
}

int run_and_show(struct run_request *request, const struct run_flags *flags)
{
        struct error err;
        struct shower *shower = shower_new(request->entry, flags, &err);
        if (!shower)
                return cli_fail(&err);
        request->shower = shower_is_live(shower) ? shower : NULL;
        struct execution *execution = run_here(request, &err);
        int status = execution ? show_result(shower, execution_result(execution)) : cli_fail(&err);
        execution_free(execution);
        shower_free(shower);
        return status;
}
