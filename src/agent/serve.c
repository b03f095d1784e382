/* tarsier serve: the agent's life, from the flags to the last module's end. */
#include "agent/authority.h"
#include "agent/front.h"
#include "agent/listen.h"
#include "agent/notify.h"
#include "agent/reload.h"
#include "agent/runs.h"
#include "agent/schedule.h"
#include "agent/supervise.h"
#include "agent/verbs.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/path.h"
#include "schema/json.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>

static const char *const level_names[] = { "error", "warning", "notice", "info", "debug", NULL };

struct serve_flags {
        char *state;
        char *run_dir;
        char *listen;
        char *config;
        int log_level;
        bool check;
};

static const struct field serve_fields[] = {
        FIELD_PATH(struct serve_flags, state, .metavar = "DIR",
                .help = "where results, the run log and modules' own data are kept"),
        FIELD_PATH(struct serve_flags, run_dir, .option = "run-dir", .metavar = "DIR",
                .help = "where sockets are; default: DIR/run with --state, else /run/tarsier or "
                        "$XDG_RUNTIME_DIR/tarsier"),
        FIELD_STRING(struct serve_flags, listen, .metavar = "ADDR:PORT",
                .help = "where the HTTP API listens, instead of the configuration's; \"none\": only on its socket"),
        FIELD_PATH(struct serve_flags, config, .metavar = "FILE",
                .help = "configuration; default: none, all settings as shipped"),
        FIELD_ENUM(struct serve_flags, log_level, level_names, .option = "log-level", .def = "notice",
                .help = "what is logged"),
        FIELD_BOOL(struct serve_flags, check, .help = "check the configuration and end"),
};

/* ---- the graph ---- */

static void start_node(struct agent *agent, size_t node)
{
        struct error err;
        struct persist *persist = supervise_node(agent, node);
        const char *name = agent->graph.nodes[node].name;
        if (persist) {
                persist_start(persist);
        } else if (strcmp(name, "scheduler") == 0) {
                bool started = schedule_start(agent, &err) == 0;
                if (!started)
                        log_error("scheduler: %s", err.message);
                graph_set(&agent->graph, node, started ? GRAPH_READY : GRAPH_DOWN);
        } else { /* opened before the loop: without them there is no agent */
                graph_set(&agent->graph, node, strcmp(name, "catalog") == 0 ? GRAPH_COMPLETED : GRAPH_READY);
        }
}

/* The token goes to a terminal only, where somebody sits who may read the file anyhow; in the fragment, which a browser
 * sends to nobody. A log gets the file's name. */
static void say_page(const struct agent *agent, const char *http)
{
        char path[AGENT_PATH_MAX];
        cleanup(buf_done) struct buf text;
        buf_init(&text, 4096);
        snprintf(path, sizeof(path), "%.4000s/admin.token", agent->state);
        if (agent->config->tokens.count) {
                fprintf(stderr, "tarsier: page, %s/ (with a token of the configuration)\n", http);
        } else if (!isatty(STDERR_FILENO) || file_read(AT_FDCWD, path, &text, NULL) < 0) {
                fprintf(stderr, "tarsier: page, %s/ (its token is in %s)\n", http, path);
        } else {
                struct sv token = sv_trim(sv_n(buf_text(&text), text.len));
                fprintf(stderr, "tarsier: page, %s/#token=%.*s\n", http, SV_ARG(token));
                explicit_bzero(text.data, text.len);
        }
}

static void say_ready(struct agent *agent)
{
        char missing[256] = "";
        char http[LISTEN_TEXT_MAX + 16] = "";
        const char *local = "";
        const struct persist *api = supervise_find(agent, "api");
        const struct module *module = api ? persist_module(api) : NULL;
        agent->ready_ns = time_monotonic_ns();
        for (size_t i = 0; module && module->listeners && module->listeners[i].name; i++) {
                const char *at = persist_listens(api, i);
                if (strcmp(module->listeners[i].name, "socket") == 0)
                        local = at;
                else if (at[0])
                        snprintf(http, sizeof(http), "%s://%s", agent->config->tls.certificate ? "https" : "http", at);
        }
        for (size_t i = 0; i < agent->graph.count; i++) {
                const struct graph_node *node = &agent->graph.nodes[i];
                if (node->state != GRAPH_READY && node->state != GRAPH_COMPLETED &&
                        strlen(missing) < sizeof(missing) - 80)
                        snprintf(missing + strlen(missing), sizeof(missing) - strlen(missing), "%s%s",
                                missing[0] ? ", " : "; not up: ", node->name);
        }
        char own[AGENT_PATH_MAX];
        snprintf(own, sizeof(own), "%.4000s/agent.sock", agent->run);
        local = local[0] ? local : own;
        if (http[0])
                fprintf(stderr, "tarsier: ready, %s (pid %d), %s%s\n", http, (int)getpid(), local, missing);
        else
                fprintf(stderr, "tarsier: ready, %s (pid %d)%s\n", local, (int)getpid(), missing);
        if (http[0])
                say_page(agent, http);
        notify_send("READY=1\nSTATUS=ready, %s%s", http[0] ? http : local, missing);
        malloc_trim(0);
}

static void advance_stop(struct agent *agent)
{
        size_t nodes[GRAPH_NODES_MAX];
        size_t count;
        if (agent->runs.count)
                return; /* they end first: their results are worth more than some milliseconds */
        while ((count = graph_stoppable(&agent->graph, nodes)) > 0) {
                bool waits = true;
                for (size_t i = 0; i < count; i++) {
                        struct persist *persist = supervise_node(agent, nodes[i]);
                        if (persist)
                                persist_stop(persist);
                        else
                                graph_set(&agent->graph, nodes[i], GRAPH_STOPPED);
                        waits = waits && agent->graph.nodes[nodes[i]].state == GRAPH_STOPPING;
                }
                if (waits)
                        break;
        }
        if (graph_quiet(&agent->graph))
                loop_stop(agent->loop);
}

void agent_advance(struct agent *agent)
{
        size_t nodes[GRAPH_NODES_MAX];
        size_t count;
        if (agent->advancing)
                return; /* a start that ends at once comes back here; the loop below sees it */
        agent->advancing = true;
        if (agent->stopping) {
                advance_stop(agent);
        } else {
                reload_advance(agent);
                while ((count = graph_startable(&agent->graph, nodes)) > 0)
                        for (size_t i = 0; i < count; i++)
                                start_node(agent, nodes[i]);
                if (!agent->ready_ns && graph_settled(&agent->graph))
                        say_ready(agent);
        }
        agent->advancing = false;
}

void agent_stop(struct agent *agent, const char *why)
{
        if (agent->stopping)
                return;
        agent->stopping = true;
        log_info("stopping: %s", why);
        notify_send("STOPPING=1\nSTATUS=stopping: %s", why);
        schedule_stop(agent);
        front_tell_stop(agent);
        runs_cancel_all(agent, "the agent stops");
        agent_advance(agent);
}

/* ---- signals ---- */

static void on_end_signal(struct loop *loop, loop_id id, const struct signalfd_siginfo *signal, void *cookie)
{
        struct agent *agent = cookie;
        (void)loop;
        (void)id;
        if (agent->stopping && signal->ssi_signo == SIGINT) {
                log_warning("stopping at once");
                loop_stop(agent->loop);
                return;
        }
        agent_stop(agent, signal->ssi_signo == SIGINT ? "interrupted" : "asked to");
}

/* A daemon reloads; a run whose terminal was closed ends: credentials(7), "the controlling terminal is lost". */
static void on_hangup(struct loop *loop, loop_id id, const struct signalfd_siginfo *signal, void *cookie)
{
        struct agent *agent = cookie;
        struct error err;
        (void)loop;
        (void)id;
        (void)signal;
        if (agent->had_terminal) {
                int terminal = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
                if (terminal < 0) {
                        agent_stop(agent, "the terminal is gone");
                        return;
                }
                close(terminal);
        }
        notify_send("RELOADING=1\nMONOTONIC_USEC=%lld", (long long)(time_monotonic_ns() / MICROSECOND));
        if (agent_reload(agent, &err) < 0)
                log_error("the configuration was not reloaded: %s", err.message);
        if (agent->ready_ns) /* else say_ready says so, when it is true */
                notify_send("READY=1");
}

static void on_watchdog(struct loop *loop, loop_id id, void *cookie)
{
        (void)loop;
        (void)id;
        (void)cookie;
        notify_send("WATCHDOG=1");
}

/* The head of the log stands in the journal too, where a cut tail cannot take it along. */
static void note_head(struct agent *agent)
{
        char head[128];
        runlog_head(agent->log, head, sizeof(head));
        if (strcmp(head, agent->noted_head) == 0)
                return;
        snprintf(agent->noted_head, sizeof(agent->noted_head), "%s", head);
        log_info("run log head %s", head);
        notify_journal("run log head %s", head);
}

static void on_note(struct loop *loop, loop_id id, void *cookie)
{
        (void)loop;
        (void)id;
        note_head(cookie);
        supervise_lost_workers(cookie);
}

static int watch_signals(struct agent *agent, struct error *err)
{
        int64_t watchdog = notify_watchdog_ns();
        if (loop_add_signal(agent->loop, SIGTERM, on_end_signal, agent, NULL, err) < 0 ||
                loop_add_signal(agent->loop, SIGINT, on_end_signal, agent, NULL, err) < 0 ||
                loop_add_signal(agent->loop, SIGHUP, on_hangup, agent, NULL, err) < 0 ||
                loop_add_timer(agent->loop, 10 * SECOND, 10 * SECOND, on_note, agent, NULL, err) < 0)
                return -1;
        return watchdog ? loop_add_timer(agent->loop, watchdog, watchdog, on_watchdog, agent, NULL, err) : 0;
}

/* ---- beginning and end ---- */

static int make_directories(struct agent *agent, struct error *err)
{
        static const char *const parts[] = { "", "/results", "/modules" };
        char path[AGENT_PATH_MAX];
        for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
                snprintf(path, sizeof(path), "%.4000s%s", agent->state, parts[i]);
                if (path_make(path, 0700, err) < 0)
                        return -1;
        }
        /* others may come in: their sockets judge them */
        mode_t mask = umask(022);
        int status = path_make(agent->run, 0755, err);
        umask(mask);
        return status;
}

/* Two agents on one directory would write one log. */
static int lock_state(struct agent *agent, struct error *err)
{
        char path[AGENT_PATH_MAX];
        snprintf(path, sizeof(path), "%.4000s/agent.lock", agent->state);
        agent->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (agent->lock < 0)
                return fail_errno(err, "%s", path);
        if (flock(agent->lock, LOCK_EX | LOCK_NB) < 0)
                return fail(err, E_EXISTS, "another agent runs on %s", agent->state);
        return 0;
}

static int open_log(struct agent *agent, struct error *err)
{
        char path[AGENT_PATH_MAX];
        uint64_t lost = 0;
        snprintf(path, sizeof(path), "%.4000s/runs.db", agent->state);
        agent->log = runlog_open(path, false, err);
        if (agent->log)
                runlog_set_max(agent->log, (uint64_t)agent->config->limits.log_rows);
        if (!agent->log || runlog_close_open(agent->log, "the agent ended before the run did", &lost, err) < 0)
                return -1;
        if (lost)
                log_warning("%llu runs were lost when the agent ended", (unsigned long long)lost);
        return 0;
}

static int open_saved(struct agent *agent, struct error *err)
{
        char path[AGENT_PATH_MAX];
        snprintf(path, sizeof(path), "%.4000s/saved.json", agent->state);
        agent->saved = saved_open(path, err);
        if (agent->saved && saved_problem(agent->saved)[0])
                log_error("saved runs: %s", saved_problem(agent->saved));
        return agent->saved ? 0 : -1;
}

static int open_socket(struct agent *agent, struct error *err)
{
        char path[AGENT_PATH_MAX];
        char text[LISTEN_TEXT_MAX];
        snprintf(path, sizeof(path), "%.4000s/agent.sock", agent->run);
        int fd = listen_open(path, 0666, text, err); /* who connects is judged by credentials */
        return fd < 0 ? -1 : front_listen(agent, fd, err);
}

static int set_up(struct agent *agent, struct error *err)
{
        signal(SIGPIPE, SIG_IGN);
        if (make_directories(agent, err) < 0 || lock_state(agent, err) < 0 || open_log(agent, err) < 0 ||
                open_saved(agent, err) < 0 || catalog_pin(agent->catalog, err) < 0)
                return -1;
        agent->authority = authority_new(agent, err);
        if (!agent->authority)
                return -1;
        agent->loop = loop_new(NULL, err);
        if (!agent->loop)
                return -1;
        agent->schedule = schedule_new(agent, time_unix_ns, err);
        if (!agent->schedule || watch_signals(agent, err) < 0 || open_socket(agent, err) < 0 ||
                alerts_init(&agent->alerts, err) < 0 || supervise_declare(agent, err) < 0)
                return -1;
        results_prune(agent);
        agent_advance(agent);
        return 0;
}

static void tear_down(struct agent *agent)
{
        char path[AGENT_PATH_MAX];
        if (agent->log && agent->loop)
                note_head(agent);
        if (agent->loop)
                runs_free(agent);
        for (size_t i = 0; i < agent->modules.count; i++)
                persist_free(agent->modules.items[i]);
        vec_done(&agent->modules);
        if (agent->listener >= 0) {
                snprintf(path, sizeof(path), "%.4000s/agent.sock", agent->run);
                unlink(path);
        }
        front_close_all(agent);
        schedule_free(agent->schedule);
        saved_close(agent->saved);
        loop_free(agent->loop);
        fd_close(&agent->listener);
        authority_free(agent->authority);
        runlog_close(agent->log);
        supervise_alerts_lost(agent);
        alerts_done(&agent->alerts);
        fd_close(&agent->lock);
        config_free(agent->config);
        catalog_free(agent->catalog);
}

/* A reload that is asked for while the agent comes up waits for its loop; by default it would be the agent's end. */
static void hold_reloads(void)
{
        sigset_t hangup;
        sigemptyset(&hangup);
        sigaddset(&hangup, SIGHUP);
        pthread_sigmask(SIG_BLOCK, &hangup, NULL);
}

static int serve(struct agent *agent, const struct serve_flags *flags, struct error *err)
{
        hold_reloads();
        const char *modules_dir = getenv("TARSIER_MODULES_DIR");
        agent->catalog = catalog_new(NULL, NULL, NULL, modules_dir ? modules_dir : TARSIER_MODULES_DIR, err);
        if (!agent->catalog)
                return -1;
        catalog_keep_brief(agent->catalog);
        agent->config = config_load(flags->config, agent->catalog, err);
        agent->reload.loaded_ns = time_unix_ns();
        if (!agent->config)
                return -1;
        if (flags->check) {
                fprintf(stderr, "tarsier: %s is valid\n", flags->config ? flags->config : "the default configuration");
                return 0;
        }
        if (set_up(agent, err) < 0)
                return -1;
        return loop_run(agent->loop, err);
}

int cmd_serve(int argc, char **argv)
{
        struct serve_flags flags;
        struct arena arena;
        struct error err = { 0 };
        static struct agent agent; /* some 100 kB of tables */
        arena_init(&arena, 1 << 20);
        if (verb_flags(RECORD(struct serve_flags, serve_fields), "serve",
                    "run the agent in the foreground: schedule, API, persistent modules, run log", argc, argv, &flags,
                    &arena) < 0)
                return 2;
        log_set_level((enum log_level)(LOG_LEVEL_ERROR + flags.log_level));
        umask(077);
        agent.started_ns = time_monotonic_ns();
        agent.listener = agent.lock = -1;
        agent.listen = flags.listen;
        agent.config_path = flags.config;
        verb_state_directory(flags.state, agent.state);
        verb_run_directory(flags.run_dir, flags.state, agent.run);
        int terminal = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
        agent.had_terminal = terminal >= 0;
        fd_close(&terminal);
        int status = serve(&agent, &flags, &err) < 0 ? verb_fail(&err) : 0;
        tear_down(&agent);
        arena_done(&arena);
        return status;
}
