#include "module/foreign.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "base/path.h"
#include "module/catalog.h"
#include "module/channel.h"
#include "module/describe_cache.h"
#include "module/envelope.h"
#include "module/program.h"
#include "module/service_run.h"
#include "module/starved.h"
#include "module/worker.h"
#include "schema/json.h"
#include "tarsier/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum { DESCRIPTION_MAX = 1 << 20, DESCRIBE_SECONDS = 5, NOBODY = 65534, CLOSED_SECONDS = 5 };
/* The parent kills us later than that, also where it spares us (execution.c). */
enum { LAST_WORDS_MS = 60, LAST_WORDS_MAX_MS = 900 };

static int check_owner(const struct stat *file, const char *path, struct error *err)
{
        if (file->st_uid != 0 && file->st_uid != geteuid())
                return fail(err, E_PERMISSION, "%s belongs to user %u, not to root", path, file->st_uid);
        if (file->st_mode & (S_IWGRP | S_IWOTH))
                return fail(err, E_PERMISSION, "%s can be written by others", path);
        return 0;
}

int foreign_check_file(const char *path, struct error *err)
{
        struct stat file;
        struct stat directory;
        char parent[4096];
        snprintf(parent, sizeof(parent), "%.*s", SV_ARG(path_dir(sv_of(path))));
        if (stat(path, &file) < 0 || stat(parent, &directory) < 0)
                return fail_errno(err, "%s", path);
        if (!S_ISREG(file.st_mode) || !(file.st_mode & S_IXUSR))
                return fail(err, E_INVALID, "%s is not an executable file", path);
        return check_owner(&file, path, err) < 0 || check_owner(&directory, parent, err) < 0 ? -1 : 0;
}

/* Everything the worker writes until it closes its output, in bounds of time and size. */
static int read_output(int fd, struct buf *out, struct error *err)
{
        int64_t deadline = time_monotonic_ns() + DESCRIBE_SECONDS * SECOND;
        for (;;) {
                int64_t left = deadline - time_monotonic_ns();
                struct pollfd ready = { fd, POLLIN, 0 };
                int polled = left <= 0 ? 0 : poll(&ready, 1, (int)(left / MILLISECOND) + 1);
                if (polled < 0)
                        continue;
                if (polled == 0)
                        return fail(err, E_TIMEOUT, "no description within %d seconds", DESCRIBE_SECONDS);
                char *room = buf_reserve(out, 16 << 10);
                ssize_t got = room ? read(fd, room, 16 << 10) : -1;
                if (!room)
                        return fail(err, E_TOO_LARGE, "a description of more than %d bytes", DESCRIPTION_MAX);
                if (got < 0 && errno == EINTR)
                        continue;
                if (got <= 0)
                        return 0;
                out->len += (size_t)got;
                out->data[out->len] = '\0';
        }
}

/* What it prints, as it is. */
static int ask_description(const char *path, const char *tarsier, struct buf *out, struct error *err)
{
        int ends[2];
        if (pipe2(ends, O_CLOEXEC) < 0)
                return fail_errno(err, "pipe");
        cleanup(fd_close) int output = ends[0];
        cleanup(fd_close) int input = ends[1];
        const char *argv[] = { tarsier, "confine", path, "--describe", NULL };
        const char *environment[] = { "PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8", NULL };
        struct worker_option options[] = {
                WORKER_OPT_PROGRAM(tarsier),
                WORKER_OPT_ARGV(argv),
                WORKER_OPT_ENVIRONMENT(environment),
                WORKER_OPT_STDIN(-1),
                WORKER_OPT_STDOUT(input),
                WORKER_OPT_STDERR(-1),
                WORKER_OPT_PROTOCOL(false),
                WORKER_OPT_DIRECTORY("/"),
                WORKER_OPT_SESSION(true),
                WORKER_OPT_DEATH_SIGNAL(SIGKILL),
                geteuid() == 0 ? WORKER_OPT_UID(NOBODY) : WORKER_OPT_END,
                WORKER_OPT_GID(NOBODY),
                WORKER_OPT_END,
        };
        cleanup(worker_free) struct worker *worker = worker_new(options, err);
        if (!worker || worker_start(worker, err) < 0)
                return -1;
        fd_close(&input);
        struct error why;
        int told = read_output(output, out, &why);
        if (told == 0) { /* its end, before it is reaped: until then its process group is surely its own */
                struct pollfd end = { worker_pidfd(worker), POLLIN, 0 };
                poll(&end, 1, DESCRIBE_SECONDS * 1000);
        }
        kill(-worker_pid(worker), SIGKILL); /* with whatever it started */
        if (told < 0 || worker_wait(worker, SECOND, &why) < 0)
                return fail(err, why.code, "%s --describe: %s", path, why.message);
        return 0;
}

static struct module *read_description(const char *path, const struct buf *text, struct arena *arena, struct error *err)
{
        struct error why;
        cleanup(json_decref) json_t *description = json_parse(sv_n(buf_text(text), text->len), true, &why);
        struct module *module = description ? module_load(description, arena, &why) : NULL;
        return module ? module : fail_null(err, why.code, "%s --describe: %s", path, why.message);
}

struct module *foreign_describe_cached(
        const char *path, const char *tarsier, const char *cache, struct arena *arena, struct error *err)
{
        struct stat file;
        struct error ignored;
        cleanup(buf_done) struct buf text;
        buf_init(&text, DESCRIPTION_MAX);
        if (stat(path, &file) < 0)
                return fail_errno_null(err, "%s", path);
        if (describe_cache_get(cache, path, &file, time_unix_ns(), &text)) {
                struct module *known = read_description(path, &text, arena, &ignored);
                if (known)
                        return known;
        }
        buf_clear(&text);
        if (ask_description(path, tarsier, &text, err) < 0)
                return NULL;
        struct module *module = read_description(path, &text, arena, err);
        if (module)
                describe_cache_put(cache, path, &file, time_unix_ns(), sv_n(buf_text(&text), text.len));
        return module;
}

struct module *foreign_describe(const char *path, const char *tarsier, struct arena *arena, struct error *err)
{
        return foreign_describe_cached(path, tarsier, NULL, arena, err);
}

int foreign_confine_main(char *const *argv)
{
        static const struct sandbox sandbox = {
                .exec = true, .read_all = true, .limits = { .data = 256 << 20, .file_size = 1 << 20, .files = 64 }
        };
        struct error err;
        if (sandbox_apply(&sandbox, NULL, &err) < 0) {
                log_error("%s", err.message);
                return 1;
        }
        execv(argv[0], argv);
        log_error("%s: %s", argv[0], errno_text(errno));
        return 127;
}

/* ---- a run ---- */

static int start_program(struct bridge *bridge, struct error *err)
{
        int in[2];
        int out[2];
        if (pipe2(in, O_CLOEXEC) < 0)
                return fail_errno(err, "pipe");
        if (pipe2(out, O_CLOEXEC) < 0) {
                close(in[0]);
                close(in[1]);
                return fail_errno(err, "pipe");
        }
        bridge->pid = fork();
        if (bridge->pid == 0) {
                prctl(PR_SET_PDEATHSIG, SIGKILL); /* the parent kills the bridge when time is up */
                signal(SIGPIPE, SIG_DFL);
                dup2(in[0], STDIN_FILENO);
                dup2(out[1], STDOUT_FILENO);
                close_range(3, ~0U, 0); /* the frame socket is not for it */
                char *const argv[] = { (char *)(uintptr_t)bridge->path, NULL };
                execv(bridge->path, argv);
                _exit(127);
        }
        close(in[0]);
        close(out[1]);
        bridge->input_fd = in[1];
        bridge->output_fd = out[0];
        return bridge->pid < 0 ? fail_errno(err, "starting %s", bridge->path) : 0;
}

/* 1 = more may come, 0 = its output has ended. */
static int take_output(struct bridge *bridge, struct error *err)
{
        char *room = buf_reserve(&bridge->output, 64 << 10);
        if (!room)
                return fail(err, E_TOO_LARGE, "%s printed more than %d bytes", bridge->path, JSON_MESSAGE_MAX);
        ssize_t got = read(bridge->output_fd, room, 64 << 10);
        if (got < 0 && errno == EINTR)
                return 1;
        if (got <= 0)
                return 0;
        bridge->output.len += (size_t)got;
        bridge->output.data[bridge->output.len] = '\0';
        return 1;
}

/* Has it been given too little CPU since before_ns of it were used? */
static bool was_starved(const struct bridge *bridge, int64_t before_ns)
{
        int64_t cpu_ns;
        return process_wants_cpu(bridge->pid, true, &cpu_ns) &&
               cpu_was_short(cpu_ns - before_ns, LAST_WORDS_MS * MILLISECOND);
}

/* Passes the stop on; the program has a moment to say what it has, and another one when it was given no CPU for it. */
static int last_words(struct bridge *bridge, bool heard, struct error *err)
{
        static const char stop[] = "{\"class\":\"stop\"}\n";
        int64_t began = time_monotonic_ns();
        int64_t before_ns;
        process_wants_cpu(bridge->pid, true, &before_ns);
        if (!heard || write(bridge->input_fd, stop, sizeof(stop) - 1) < 0)
                return 0;
        for (int64_t ms = LAST_WORDS_MS; ms <= LAST_WORDS_MAX_MS;) {
                int64_t left = began + ms * MILLISECOND - time_monotonic_ns();
                struct pollfd ready = { bridge->output_fd, POLLIN, 0 };
                if (left <= 0 && !was_starved(bridge, before_ns))
                        break;
                if (left <= 0)
                        ms += LAST_WORDS_MS;
                if (poll(&ready, 1, left > 0 ? (int)(left / MILLISECOND) + 1 : 0) <= 0)
                        continue;
                int more = take_output(bridge, err);
                if (more <= 0)
                        return more;
        }
        return 0;
}

/* Writes the message as one line and reads until the program closes its output. */
static int exchange(struct run *run, struct bridge *bridge, struct error *err)
{
        size_t written = 0;
        struct buf line;
        int more = 1;
        buf_init(&line, JSON_MESSAGE_MAX + 1);
        buf_append(&line, bridge->message.p, bridge->message.n);
        buf_putc(&line, '\n');
        if (line.failed)
                more = fail(err, E_NO_MEMORY, "no memory for the message");
        fcntl(bridge->input_fd, F_SETFL, O_NONBLOCK);
        while (more > 0) {
                struct pollfd fds[2] = { { bridge->output_fd, POLLIN, 0 },
                        { written < line.len ? bridge->input_fd : -1, POLLOUT, 0 } };
                struct error why;
                if (run_poll(run, fds, 2, -1, &why) < 0) {
                        more = why.code == E_STOPPED ? last_words(bridge, written == line.len, err)
                                                     : fail(err, why.code, "%s", why.message);
                        break;
                }
                if (fds[1].revents) {
                        ssize_t put = write(bridge->input_fd, line.data + written, line.len - written);
                        if (put >= 0)
                                written += (size_t)put;
                        else if (errno != EAGAIN && errno != EINTR) /* it reads no further; that is its own affair */
                                written = line.len;
                }
                if (fds[0].revents)
                        more = take_output(bridge, err);
        }
        buf_done(&line);
        return more;
}

/* Its status, once it ended: by itself within some seconds of closing its output, or killed. */
static int wait_for_end(struct run *run, pid_t pid)
{
        int ended = 0;
        int64_t deadline = time_monotonic_ns() + CLOSED_SECONDS * SECOND;
        while (waitpid(pid, &ended, WNOHANG) == 0) {
                struct error err;
                if (time_monotonic_ns() < deadline && run_poll(run, NULL, 0, MILLISECOND, &err) == 0)
                        continue;
                kill(pid, SIGKILL);
                while (waitpid(pid, &ended, 0) < 0 && errno == EINTR)
                        ;
                break;
        }
        return ended;
}

static int foreign_run(struct run *run, struct error *err)
{
        struct bridge *bridge = run->state;
        buf_init(&bridge->output, JSON_MESSAGE_MAX);
        if (start_program(bridge, err) < 0)
                return -1;
        int status = exchange(run, bridge, err);
        close(bridge->input_fd);
        close(bridge->output_fd);
        if (status < 0 || run_stopped(run))
                kill(bridge->pid, SIGKILL);
        int ended = wait_for_end(run, bridge->pid);
        struct sv text = sv_trim(sv_n(buf_text(&bridge->output), bridge->output.len));
        if (status == 0 && text.n == 0 && !run_stopped(run))
                status = fail(err, E_FAILED, "%s printed no result (status %d)", bridge->path,
                        WIFEXITED(ended) ? WEXITSTATUS(ended) : 128 + WTERMSIG(ended));
        else if (status == 0 && text.n)
                status = run_emit_envelope(run, text, err);
        buf_done(&bridge->output);
        return status;
}

int foreign_worker_main(const char *path)
{
        static struct bridge bridge;
        static struct arena arena;
        struct error err;
        char self[4096];
        ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
        self[length > 0 ? length : 0] = '\0';
        arena_init(&arena, 64 << 20);
        struct sv directory = path_dir(sv_of(path));
        const char *cache = describe_cache_directory(sv_eq(directory, SV(TARSIER_MODULES_DIR)));
        struct module *module =
                foreign_check_file(path, &err) < 0 ? NULL : foreign_describe_cached(path, self, cache, &arena, &err);
        if (!module)
                return worker_refuse(&err);
        bridge.path = path;
        bridge.input_fd = bridge.output_fd = -1;
        module->run = foreign_run;
        /* what it may do: read, use the network, start programs; not write, not gain rights */
        module->sandbox = (struct sandbox){ .exec = true, .read_all = true, .network = true, .unix_sockets = true };
        return worker_main_bridged(module, &bridge);
}
