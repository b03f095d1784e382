#include "module/execution.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "module/program.h"
#include "module/relay.h"
#include "module/starved.h"
#include "module/wire.h"
#include "module/worker.h"
#include "schema/json.h"
#include "tarsier/child.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>

struct execution {
        struct loop *loop;
        const struct catalog_entry *entry;
        struct execution_options options;
        struct worker *worker;
        struct result *result;
        int frames;         /* our end of the socket */
        struct relay *said; /* its stderr; NULL: it has ours */
        struct buf in;
        struct buf out; /* the message and a stop, until the worker takes them */
        loop_id frames_id;
        loop_id status_id;
        loop_id write_id;
        loop_id pidfd_id;
        loop_id deadline_id;
        loop_id kill_id;
        loop_id stuck_id; /* it was killed: does it end? */
        loop_id ready_id; /* the time for the handshake */
        int64_t cpu_ns;
        int64_t stop_cpu_ns; /* what the worker had used when it was asked to stop */
        int64_t spared_ms;   /* given to it beyond the time of every worker */
        uint64_t peak;
        char reason[64]; /* why it was stopped, "" if it was not */
        bool wall;       /* stopped by its deadline */
        bool frames_ended;
        bool exited;
        bool unready;  /* killed because it never said ready */
        bool stuck;    /* killed, and it does not end: it is not waited for */
        bool finished; /* on_done was called */
        bool handshake_failed;
        bool broken; /* it broke the protocol and was killed for it */
        struct worker_exit exit;
};

enum { LINGER_MS = 1000, HANDSHAKE_SECONDS = 30, REST_MAX = 16 << 20, SPARED_MS_MAX = 1000, STUCK_LOOK_MS = 250 };

static void finish_if_over(struct execution *execution);

static void drop(struct execution *execution, loop_id *id)
{
        if (*id)
                loop_remove(execution->loop, *id);
        *id = 0;
}

static void on_stuck(struct loop *loop, loop_id id, void *cookie);

/* Its end shows at the pidfd; without a timer it is waited for as long as that takes. */
static void kill_worker(struct execution *execution)
{
        worker_kill(execution->worker, NULL);
        drop(execution, &execution->deadline_id); /* why it was killed is settled */
        drop(execution, &execution->ready_id);
        drop(execution, &execution->status_id); /* the pidfd tells the rest; looking at its end may close these */
        drop(execution, &execution->write_id);
        if (!execution->stuck_id && !execution->exited)
                loop_add_timer(execution->loop, STUCK_LOOK_MS * MILLISECOND, STUCK_LOOK_MS * MILLISECOND, on_stuck,
                        execution, &execution->stuck_id, NULL);
}

static void set_config(struct tarsier_config *config, const char *key, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

static void set_config(struct tarsier_config *config, const char *key, const char *format, ...)
{
        char text[256];
        va_list args;
        va_start(args, format);
        vsnprintf(text, sizeof(text), format, args);
        va_end(args);
        tarsier_config_set(config, key, text);
}

static struct tarsier_config *make_config(const struct execution_options *options)
{
        struct tarsier_config *config = tarsier_config_new();
        if (!config)
                return NULL;
        set_config(config, WORKER_CONFIG_BUILD, "%s", TARSIER_BUILD);
        set_config(config, WORKER_CONFIG_MODE, "run");
        set_config(config, WORKER_CONFIG_PRIVACY, options->privacy ? "on" : "off");
        set_config(config, WORKER_CONFIG_STRICT, options->strict ? "on" : "off");
        if (options->modules_state)
                set_config(config, WORKER_CONFIG_STATE, "%s", options->modules_state);
        if (options->api_socket)
                set_config(config, WORKER_CONFIG_AGENT, "%s", options->api_socket);
        if (options->budget.cpu_share > 0)
                set_config(config, WORKER_CONFIG_CPU_SHARE, "%.6f", options->budget.cpu_share);
        if (options->budget.io_rate)
                set_config(config, WORKER_CONFIG_IO_RATE, "%llu", (unsigned long long)options->budget.io_rate);
        /* the bridge to an agent needs what HTTP needs, whatever the module would */
        uint64_t memory = options->budget.memory ? options->budget.memory
                          : options->agent       ? 256 * MIB
                                                 : module_memory(options->entry->module);
        set_config(config, WORKER_CONFIG_MEMORY, "%llu", (unsigned long long)memory);
        return config;
}

static int make_worker(struct execution *execution, int child_end, struct error *err)
{
        const struct catalog_entry *entry = execution->entry;
        struct tarsier_config *config = make_config(&execution->options);
        const struct execution_options *asked = &execution->options;
        bool foreign = entry->origin == ORIGIN_FOREIGN && !asked->agent;
        /* a foreign module is bridged by our own program, which locks itself before it executes the file */
        const char *program = asked->agent ? asked->bridge : foreign ? "/proc/self/exe" : entry->program;
        const char *argv[] = { foreign ? "tarsier" : program, "worker", entry->module->name, NULL, NULL, NULL };
        if (asked->agent) {
                argv[3] = asked->agent;
        } else if (foreign) {
                argv[2] = "--foreign";
                argv[3] = entry->program;
        }
        const char *environment[] = { "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                "LANG=C.UTF-8", NULL, NULL, NULL, NULL };
        char zone[300];
        char asan[512];
        char authority[4096];
        size_t count = 2;
        if (getenv("TZ") && snprintf(zone, sizeof(zone), "TZ=%s", getenv("TZ")) < (int)sizeof(zone))
                environment[count++] = zone;
        if (getenv("ASAN_OPTIONS")) {
                snprintf(asan, sizeof(asan), "ASAN_OPTIONS=%s", getenv("ASAN_OPTIONS"));
                environment[count++] = asan;
        }
        if (asked->agent && getenv("TARSIER_CA")) {
                snprintf(authority, sizeof(authority), "TARSIER_CA=%s", getenv("TARSIER_CA"));
                environment[count++] = authority;
        }
        struct worker_option options[] = {
                entry->program_fd >= 0 && !foreign && !asked->agent
                        ? WORKER_OPT_PROGRAM_FD(entry->program_fd, entry->program)
                        : WORKER_OPT_PROGRAM(program),
                WORKER_OPT_ARGV(argv),
                WORKER_OPT_ENVIRONMENT(environment),
                WORKER_OPT_CONFIG(config),
                WORKER_OPT_SECRET(asked->token ? asked->token : "", asked->token ? strlen(asked->token) : 0),
                WORKER_OPT_FILE(child_end),
                WORKER_OPT_STDIN(-1),
                WORKER_OPT_STDOUT(-1),
                WORKER_OPT_DEATH_SIGNAL(SIGKILL),
                WORKER_OPT_END,
                WORKER_OPT_END,
        };
        cleanup(fd_close) int said = -1;
        if (config && (!asked->relay_stderr || relay_new(execution->loop, &execution->said, &said, err) == 0)) {
                if (said >= 0)
                        options[sizeof(options) / sizeof(options[0]) - 2] = WORKER_OPT_STDERR(said);
                execution->worker = worker_new(options, err);
        }
        tarsier_config_free(config);
        return execution->worker ? worker_start(execution->worker, err) : -1;
}

static void flush(struct execution *execution)
{
        size_t sent = 0;
        while (sent < execution->out.len) {
                ssize_t put = send(execution->frames, execution->out.data + sent, execution->out.len - sent,
                        MSG_NOSIGNAL | MSG_DONTWAIT);
                if (put < 0 && errno == EINTR)
                        continue;
                if (put < 0)
                        break;
                sent += (size_t)put;
        }
        bool blocked = sent < execution->out.len && errno == EAGAIN;
        buf_consume(&execution->out, blocked ? sent : execution->out.len);
        if (execution->frames_id)
                loop_modify_fd(
                        execution->loop, execution->frames_id, blocked ? LOOP_READ | LOOP_WRITE : LOOP_READ, NULL);
}

static void report_row(struct execution *execution, const struct frame_header *header, struct sv payload)
{
        struct sv label;
        struct sv json;
        if (header->type == FRAME_ROW && execution->options.on_row &&
                frame_split_row(payload, &label, &json, NULL) == 0)
                execution->options.on_row(execution, label, json, execution->options.cookie);
}

static void break_off(struct execution *execution, const struct error *why)
{
        result_fail(execution->result, why);
        if (!result_partial(execution->result) && !result_done(execution->result))
                result_set_partial(execution->result, "worker broke the protocol");
        execution->broken = true;
        execution->frames_ended = true;
        kill_worker(execution);
}

/* A worker that breaks the protocol is ended; what it sent before stays. */
static void take_frames(struct execution *execution)
{
        struct frame_header header;
        struct sv payload;
        size_t size;
        size_t at = 0;
        struct error err;
        int have = 0;
        while (!execution->frames_ended &&
                (have = frame_next(&execution->in, at, &header, &payload, &size, &err)) > 0) {
                if (result_add_frame(execution->result, &header, payload, &err) < 0) {
                        have = -1;
                        break;
                }
                report_row(execution, &header, payload);
                if (execution->options.on_frame)
                        execution->options.on_frame(execution, &header, payload, execution->options.cookie);
                at += size;
        }
        if (have < 0)
                break_off(execution, &err);
        else if (result_full(execution->result)) /* what it would still find has no place */
                execution_stop(execution, "result limit");
        buf_consume(&execution->in, at);
}

static int64_t stop_ms(const struct execution *execution)
{
        int64_t own_ns = execution->entry->module->limits.stop_ns;
        return own_ns ? own_ns / MILLISECOND : EXECUTION_KILL_MS;
}

/* A foreign program answers through a bridge, which rests until it does. */
static bool wants_cpu(const struct execution *execution, int64_t *ret_cpu_ns)
{
        bool bridged = execution->entry->origin == ORIGIN_FOREIGN && !execution->options.agent;
        return process_wants_cpu(worker_pid(execution->worker), bridged, ret_cpu_ns);
}

static void end_soon(struct execution *execution, int64_t ms);

/* A worker that the host gave too little CPU since it was asked had no chance to obey: it gets the time once more. */
static bool was_starved(struct execution *execution, int64_t grace_ms)
{
        int64_t cpu_ns = 0;
        if (!execution->reason[0] || execution->spared_ms + grace_ms > SPARED_MS_MAX)
                return false;
        /* in the handshake it may rest because we were given none */
        if (!wants_cpu(execution, &cpu_ns) && !execution->ready_id)
                return false;
        if (!cpu_was_short(cpu_ns - execution->stop_cpu_ns, grace_ms * MILLISECOND))
                return false;
        execution->spared_ms += grace_ms;
        return true;
}

static void on_kill(struct loop *loop, loop_id id, void *cookie)
{
        struct execution *execution = cookie;
        int64_t grace_ms = stop_ms(execution);
        (void)loop;
        (void)id;
        execution->kill_id = 0;
        if (was_starved(execution, grace_ms))
                end_soon(execution, grace_ms);
        else
                kill_worker(execution);
}

/* Kills the worker after this time, or at once when no timer can be had. An earlier time that was set stays. */
static void end_soon(struct execution *execution, int64_t ms)
{
        if (execution->kill_id || execution->exited)
                return;
        if (loop_add_timer(execution->loop, ms * MILLISECOND, 0, on_kill, execution, &execution->kill_id, NULL) < 0)
                kill_worker(execution);
}

static void on_frames(struct loop *loop, loop_id id, uint32_t events, void *cookie)
{
        struct execution *execution = cookie;
        (void)loop;
        (void)id;
        if (events & LOOP_WRITE)
                flush(execution);
        for (int turns = 0; turns < 16 && !execution->frames_ended; turns++) {
                char *room = buf_reserve(&execution->in, 64 << 10);
                if (!room) {
                        struct error err;
                        fail(&err, E_NO_MEMORY, "no memory for what the worker sends");
                        break_off(execution, &err);
                        break;
                }
                ssize_t got = recv(execution->frames, room, 64 << 10, MSG_DONTWAIT);
                if (got < 0 && errno == EINTR)
                        continue;
                if (got < 0 && errno == EAGAIN)
                        break;
                if (got <= 0) {
                        execution->frames_ended = true;
                        break;
                }
                execution->in.len += (size_t)got;
                take_frames(execution);
        }
        if (execution->frames_ended)
                drop(execution, &execution->frames_id);
        if (execution->frames_ended || result_done(execution->result))
                end_soon(execution, LINGER_MS);
        finish_if_over(execution);
}

/* What is still in the socket when the worker is gone was sent before it died: it counts. */
static void read_rest(struct execution *execution)
{
        /* bounded: a process the worker left behind may go on writing */
        for (size_t taken = 0; !execution->frames_ended && taken < REST_MAX;) {
                char *room = buf_reserve(&execution->in, 64 << 10);
                ssize_t got = room ? recv(execution->frames, room, 64 << 10, MSG_DONTWAIT) : 0;
                if (got < 0 && errno == EINTR)
                        continue;
                if (got <= 0)
                        break;
                execution->in.len += (size_t)got;
                taken += (size_t)got;
                take_frames(execution);
        }
        execution->frames_ended = true;
        drop(execution, &execution->frames_id);
}

/* What came so far is the result; execution_free leaves the process to worker_lost. */
static void on_stuck(struct loop *loop, loop_id id, void *cookie)
{
        struct execution *execution = cookie;
        (void)loop;
        (void)id;
        if (execution->exited || !worker_stuck(execution->worker))
                return;
        execution->stuck = true;
        read_rest(execution);
        finish_if_over(execution);
}

static void watch_worker(struct execution *execution);

static void on_worker(struct loop *loop, loop_id id, uint32_t events, void *cookie)
{
        struct execution *execution = cookie;
        (void)loop;
        (void)id;
        (void)events;
        drop(execution, &execution->status_id); /* an fd leaves the loop before it is closed */
        drop(execution, &execution->write_id);
        worker_progress(execution->worker);
        bool exited = worker_exited(execution->worker, &execution->exit);
        enum worker_state state = worker_progress(execution->worker); /* its end may be the verdict */
        if (state == WORKER_FAILED && !execution->handshake_failed && !execution->unready) {
                struct error why;
                worker_verdict(execution->worker, &why);
                error_prefix(&why, "module %s", execution->entry->module->name);
                result_fail(execution->result, &why);
                execution->handshake_failed = true;
                kill_worker(execution);
        }
        if (exited && !execution->exited) {
                execution->exited = true;
                execution->cpu_ns = execution->exit.cpu_ns;
                execution->peak = execution->exit.max_rss;
                read_rest(execution);
        }
        if (state != WORKER_HANDSHAKE)
                drop(execution, &execution->ready_id);
        watch_worker(execution);
        finish_if_over(execution);
}

/* The worker's fds come and go with the handshake. */
static void watch_worker(struct execution *execution)
{
        bool killed = execution->stuck_id != 0;
        int status = killed ? -1 : worker_status_fd(execution->worker);
        int data = killed ? -1 : worker_write_fd(execution->worker);
        if (status >= 0)
                loop_add_fd(execution->loop, status, LOOP_READ, LOOP_LEVEL, on_worker, execution, &execution->status_id,
                        NULL);
        if (data >= 0)
                loop_add_fd(execution->loop, data, LOOP_WRITE, LOOP_LEVEL, on_worker, execution, &execution->write_id,
                        NULL);
        if (execution->exited)
                drop(execution, &execution->pidfd_id);
}

static void explain_death(struct execution *execution)
{
        struct error why;
        struct worker_exit *end = &execution->exit;
        if (execution->reason[0])
                fail(&why, execution->wall ? E_TIMEOUT : E_STOPPED, "%s; ended %d ms later, with what there was",
                        execution->reason, (int)(stop_ms(execution) + execution->spared_ms));
        else if (execution->unready)
                fail(&why, E_TIMEOUT, "the worker was not ready within %d seconds", HANDSHAKE_SECONDS);
        else if (end->signal)
                fail(&why, E_FAILED, "the worker died: signal %d (%s)%s", end->signal, sigabbrev_np(end->signal),
                        end->signal == SIGABRT || end->signal == SIGSEGV ? ", perhaps out of memory" : "");
        else
                fail(&why, E_FAILED, "the worker ended with status %d before its result was complete", end->status);
        result_fail(execution->result, &why);
        if (!result_partial(execution->result))
                result_set_partial(execution->result, execution->reason[0] ? execution->reason : "worker died");
}

/* A whole result stays one: then it is only left behind. */
static void explain_stuck(struct execution *execution)
{
        struct error why;
        char because[sizeof(execution->reason) + 2] = "";
        if (execution->reason[0])
                snprintf(because, sizeof(because), "%s; ", execution->reason);
        fail(&why,
                execution->wall || execution->unready ? E_TIMEOUT
                : execution->reason[0]                ? E_STOPPED
                                                      : E_FAILED,
                "%sthe worker (process %d) was killed and does not end: it is in uninterruptible sleep (state D), as "
                "when a file server does not answer; it is left behind, and here is what there was",
                because, (int)worker_pid(execution->worker));
        result_fail(execution->result, &why);
        if (!result_partial(execution->result))
                result_set_partial(execution->result, execution->reason[0] ? execution->reason : "worker does not end");
}

static void finish_if_over(struct execution *execution)
{
        if (execution->finished || !(execution->exited || execution->stuck) || !execution->frames_ended)
                return;
        execution->finished = true;
        drop(execution, &execution->deadline_id);
        drop(execution, &execution->kill_id);
        drop(execution, &execution->stuck_id);
        drop(execution, &execution->ready_id);
        relay_end(execution->said);
        if (execution->stuck) { /* nothing of it is listened to any more */
                drop(execution, &execution->pidfd_id);
                drop(execution, &execution->status_id);
                drop(execution, &execution->write_id);
        }
        if (execution->stuck && !result_done(execution->result))
                explain_stuck(execution);
        else if (!result_done(execution->result) && !execution->handshake_failed && !execution->broken)
                explain_death(execution);
        else if (execution->reason[0] && result_partial(execution->result) && !result_full(execution->result))
                result_set_partial(execution->result, execution->reason);
        if (execution->wall && result_code(execution->result) == E_STOPPED)
                result_set_code(execution->result, E_TIMEOUT);
        execution->options.on_done(execution, execution->options.cookie);
}

void execution_stop(struct execution *execution, const char *reason)
{
        if (execution->finished || execution->reason[0])
                return;
        snprintf(execution->reason, sizeof(execution->reason), "%s", reason);
        frame_append(&execution->out, FRAME_MESSAGE, 0, SV("{\"class\":\"stop\"}"));
        flush(execution);
        drop(execution, &execution->kill_id);
        wants_cpu(execution, &execution->stop_cpu_ns);
        end_soon(execution, stop_ms(execution));
}

static void on_deadline(struct loop *loop, loop_id id, void *cookie)
{
        struct execution *execution = cookie;
        (void)loop;
        (void)id;
        execution->deadline_id = 0;
        execution->wall = true;
        execution_stop(execution, "out of time");
}

static void on_unready(struct loop *loop, loop_id id, void *cookie)
{
        struct execution *execution = cookie;
        (void)loop;
        (void)id;
        execution->ready_id = 0;
        execution->unready = true;
        kill_worker(execution);
}

static void on_gone(struct loop *loop, loop_id id, void *cookie)
{
        struct execution *execution = cookie;
        execution->pidfd_id = 0;
        on_worker(loop, id, 0, execution);
}

/* A worker that ended at once has no pidfd any more; its end is told from the loop all the same. */
static int watch_end(struct execution *execution, struct error *err)
{
        int pidfd = worker_pidfd(execution->worker);
        if (pidfd < 0)
                return loop_add_timer(execution->loop, 0, 0, on_gone, execution, &execution->pidfd_id, err);
        return loop_add_fd(
                execution->loop, pidfd, LOOP_READ, LOOP_LEVEL, on_worker, execution, &execution->pidfd_id, err);
}

struct execution *execution_start(struct loop *loop, const struct execution_options *options, struct error *err)
{
        const struct module *module = options->entry->module;
        int pair[2] = { -1, -1 };
        if (module->persistent && !module->foreground && !options->agent)
                return fail_null(err, E_INVALID, "module %s keeps running in the agent; ask the agent", module->name);
        if (options->message.n > JSON_MESSAGE_MAX)
                return fail_null(err, E_TOO_LARGE, "a message of %zu bytes: at most %d are taken", options->message.n,
                        JSON_MESSAGE_MAX);
        struct execution *execution = calloc(1, sizeof(*execution));
        if (!execution)
                return fail_null(err, E_NO_MEMORY, "no memory for a run");
        execution->loop = loop;
        execution->entry = options->entry;
        execution->options = *options;
        execution->frames = -1;
        buf_init(&execution->in, FRAME_LENGTH_MAX + (128 << 10));
        buf_init(&execution->out, FRAME_LENGTH_MAX + 4096);
        execution->result = result_new(module->shape, module_result_size(module), err);
        if (!execution->result)
                goto failed;
        if (module->stream && options->on_row)
                result_keep_no_rows(execution->result);
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
                fail_errno(err, "socketpair");
                goto failed;
        }
        execution->frames = pair[0];
        if (make_worker(execution, pair[1], err) < 0)
                goto failed;
        fd_close(&pair[1]);
        if (frame_append(&execution->out, FRAME_MESSAGE, 0, options->message) < 0) {
                fail(err, E_NO_MEMORY, "no memory for the message");
                goto failed;
        }
        int64_t wall = options->budget.wall_ns ? options->budget.wall_ns : module_wall_ns(module);
        if (loop_add_fd(loop, execution->frames, LOOP_READ, LOOP_LEVEL, on_frames, execution, &execution->frames_id,
                    err) < 0 ||
                watch_end(execution, err) < 0 ||
                loop_add_timer(loop, wall, 0, on_deadline, execution, &execution->deadline_id, err) < 0 ||
                loop_add_timer(loop, HANDSHAKE_SECONDS * SECOND, 0, on_unready, execution, &execution->ready_id, err) <
                        0)
                goto failed;
        watch_worker(execution);
        flush(execution);
        return execution;
failed:
        fd_close(&pair[1]);
        execution_free(execution);
        return NULL;
}

void execution_detach(struct execution *execution)
{
        loop_id *ids[] = { &execution->frames_id, &execution->status_id, &execution->write_id, &execution->pidfd_id,
                &execution->deadline_id, &execution->kill_id, &execution->stuck_id, &execution->ready_id };
        for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++)
                drop(execution, ids[i]);
        relay_end(execution->said);
}

void execution_free(struct execution *execution)
{
        if (!execution)
                return;
        execution_detach(execution);
        if (execution->stuck)
                worker_give_up(execution->worker);
        else
                worker_free(execution->worker);
        relay_free(execution->said);
        fd_close(&execution->frames);
        buf_done(&execution->in);
        buf_done(&execution->out);
        result_free(execution->result);
        free(execution);
}

struct result *execution_result(struct execution *execution)
{
        return execution->result;
}

pid_t execution_pid(const struct execution *execution)
{
        return worker_pid(execution->worker);
}

bool execution_stuck(const struct execution *execution)
{
        return execution->stuck;
}

int64_t execution_cpu_ns(const struct execution *execution)
{
        return execution->cpu_ns;
}

uint64_t execution_peak(const struct execution *execution)
{
        return execution->peak;
}
