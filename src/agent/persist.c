#include "agent/persist.h"

#include "agent/front.h"
#include "agent/persist_spawn.h"
#include "agent/supervise.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "module/link.h"
#include "module/worker.h"
#include "schema/json.h"
#include "schema/json_writer.h"

#include <errno.h>
#include <sys/socket.h>

enum { MESSAGE_MAX = 1 << 20, LOG_LINE_MAX = 4096, STUCK_LOOK_MS = 250 };

struct persist {
        struct agent *agent;
        const struct catalog_entry *entry;
        size_t node;
        struct worker *worker;
        bool judged; /* the verdict of its handshake was seen */
        struct link *link;
        struct persist_spawn spawn; /* what outlives a worker: listeners */
        int requests;               /* persist_spawn.h */
        loop_id status_id, write_id, pidfd_id, start_id, ping_id, kill_id, stuck_id, retry_id;
        int64_t started_ns;
        int64_t since_ns;
        int64_t answered_ns;
        int64_t retry_ns;
        int64_t backoff_ns;
        uint64_t restarts;
        bool up;
        bool stopping; /* by us */
        bool again;    /* … to be started anew */
        bool stuck;    /* its process was killed and does not end */
        char reason[256];
        struct persist_query *queries[PERSIST_QUERIES_MAX];
        uint16_t next_stream;
};

static void drop(struct persist *persist, loop_id *id)
{
        if (*id)
                loop_remove(persist->agent->loop, *id);
        *id = 0;
}

static void watch(struct persist *persist);

/* Why it went is kept for status; the first reason is the cause, what follows are consequences. */
static void because(struct persist *persist, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void because(struct persist *persist, const char *format, ...)
{
        char text[sizeof(persist->reason)];
        va_list args;
        va_start(args, format);
        vsnprintf(text, sizeof(text), format, args);
        va_end(args);
        if (!persist->reason[0] && !persist->stopping)
                memcpy(persist->reason, text, sizeof(text));
}

static void on_stuck(struct loop *loop, loop_id id, void *cookie);

/* Its end shows at the pidfd, if it can end. */
static void kill_worker(struct persist *persist)
{
        if (!persist->worker)
                return;
        worker_kill(persist->worker, NULL);
        drop(persist, &persist->status_id); /* the pidfd tells the rest; looking at its end may close these */
        drop(persist, &persist->write_id);
        if (!persist->stuck_id)
                loop_add_timer(persist->agent->loop, STUCK_LOOK_MS * MILLISECOND, STUCK_LOOK_MS * MILLISECOND, on_stuck,
                        persist, &persist->stuck_id, NULL);
}

int persist_send(struct persist *persist, struct sv json)
{
        return persist->link && persist->up ? link_send(persist->link, FRAME_MESSAGE, 0, json) : -1;
}

static void on_retry(struct loop *loop, loop_id id, void *cookie)
{
        struct persist *persist = cookie;
        (void)loop;
        (void)id;
        persist->retry_id = 0;
        persist->retry_ns = 0;
        persist->restarts++;
        persist->agent->counters.restarts++;
        persist_start(persist);
}

/* Done, or, after a reload, about to start anew. */
static void set_stopped(struct persist *persist)
{
        struct agent *agent = persist->agent;
        bool again = persist->again && !agent->stopping;
        persist->again = false;
        persist->backoff_ns = 0;
        persist->stopping = !again;
        log_info("module %s has ended", persist->entry->module->name);
        if (!again) { /* who connects is told that nobody is there */
                persist_spawn_close(&persist->spawn);
                supervise_ended(agent, persist);
        }
        graph_set(&agent->graph, persist->node, again ? GRAPH_IDLE : GRAPH_STOPPED);
}

static void set_down(struct persist *persist)
{
        struct agent *agent = persist->agent;
        int64_t now = loop_now_ns(agent->loop);
        bool was_up = persist->up;
        persist->up = false;
        persist->since_ns = now;
        for (size_t i = 0; i < PERSIST_QUERIES_MAX; i++) {
                struct persist_query *query = persist->queries[i];
                persist->queries[i] = NULL;
                if (query)
                        query->on_gone(query->cookie, persist->reason[0] ? persist->reason : "the module was stopped");
        }
        if (was_up)
                supervise_module_changed(agent, persist, false);
        if (persist->stopping || agent->graph.nodes[persist->node].leaving) {
                set_stopped(persist);
                agent_advance(agent);
                return;
        }
        if (was_up && now - persist->started_ns >= PERSIST_HEALTHY_S * SECOND)
                persist->backoff_ns = 0;
        persist->backoff_ns = persist->backoff_ns ? persist->backoff_ns * 2 : PERSIST_BACKOFF_MIN_MS * MILLISECOND;
        if (persist->backoff_ns > PERSIST_BACKOFF_MAX_S * SECOND)
                persist->backoff_ns = PERSIST_BACKOFF_MAX_S * SECOND;
        persist->retry_ns = now + persist->backoff_ns;
        char delay[TIME_TEXT_MAX];
        duration_format(persist->backoff_ns, delay);
        log_warning("module %s is down: %s; next start in %s", persist->entry->module->name, persist->reason, delay);
        loop_add_timer(agent->loop, persist->backoff_ns, 0, on_retry, persist, &persist->retry_id, NULL);
        graph_set(&agent->graph, persist->node, GRAPH_DOWN);
        agent_advance(agent);
}

/* The worker is gone, reaped and its fds closed; one that is stuck is reaped later. */
static void bury(struct persist *persist)
{
        loop_id *ids[] = { &persist->status_id, &persist->write_id, &persist->pidfd_id, &persist->start_id,
                &persist->ping_id, &persist->kill_id, &persist->stuck_id };
        for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++)
                drop(persist, ids[i]);
        link_free(persist->link);
        persist->link = NULL;
        if (persist->stuck)
                worker_give_up(persist->worker);
        else
                worker_free(persist->worker);
        persist->worker = NULL;
        persist->stuck = false;
        fd_close(&persist->requests);
}

/* What it said before is heard; the service goes on without the process. */
static void on_stuck(struct loop *loop, loop_id id, void *cookie)
{
        struct persist *persist = cookie;
        int pid = (int)worker_pid(persist->worker);
        (void)loop;
        (void)id;
        if (!worker_stuck(persist->worker))
                return;
        because(persist, "process %d was killed and does not end: it is in uninterruptible sleep", pid);
        log_warning("module %s: process %d was killed and does not end: it is in uninterruptible sleep (state D); it "
                    "is left behind",
                persist->entry->module->name, pid);
        if (persist->link)
                link_drain(persist->link);
        persist->stuck = true;
        bury(persist);
        set_down(persist);
}

static void on_ping(struct loop *loop, loop_id id, void *cookie)
{
        struct persist *persist = cookie;
        (void)id;
        if (loop_now_ns(loop) - persist->answered_ns >= PERSIST_SILENCE_S * SECOND) {
                because(persist, "no answer to pings for %d s", PERSIST_SILENCE_S);
                kill_worker(persist);
                return;
        }
        persist_send(persist, SV("{\"class\":\"ping\",\"parameters\":{}}"));
}

static void set_up(struct persist *persist)
{
        struct agent *agent = persist->agent;
        persist->up = true;
        persist->reason[0] = '\0';
        persist->answered_ns = persist->since_ns = loop_now_ns(agent->loop);
        drop(persist, &persist->start_id);
        loop_add_timer(agent->loop, PERSIST_PING_S * SECOND, PERSIST_PING_S * SECOND, on_ping, persist,
                &persist->ping_id, NULL);
        log_info("module %s is ready, pid %d", persist->entry->module->name, (int)worker_pid(persist->worker));
        graph_set(&agent->graph, persist->node, GRAPH_READY);
        supervise_module_changed(agent, persist, true);
        agent_advance(agent);
}

/* The handshake may be over, and the worker too, before anything was waited for: worker_start and worker_exited read as
 * well. So the verdict is taken when it is first seen, not when the state changes in one call. */
static void advance(struct persist *persist)
{
        struct worker_exit end;
        drop(persist, &persist->status_id); /* an fd leaves the loop before it is closed */
        drop(persist, &persist->write_id);
        bool exited = worker_exited(persist->worker, &end);
        enum worker_state state = worker_state(persist->worker);
        bool verdict = state != WORKER_HANDSHAKE && !persist->judged;
        persist->judged = state != WORKER_HANDSHAKE;
        if (verdict && state == WORKER_FAILED) {
                struct error why;
                worker_verdict(persist->worker, &why);
                because(persist, "%s", why.message);
                kill_worker(persist);
        }
        if (exited) {
                if (end.signal)
                        because(persist, "ended by signal %d (%s)", end.signal, sigabbrev_np(end.signal));
                else
                        because(persist, "ended with status %d", end.status);
                if (persist->link) /* its last words may stand in the socket */
                        link_drain(persist->link);
                bury(persist);
                set_down(persist);
                return;
        }
        watch(persist);
        if (verdict && state == WORKER_READY && !persist->stopping) /* killed as it came up: its end follows */
                set_up(persist);
}

static void on_worker(struct loop *loop, loop_id id, uint32_t events, void *cookie)
{
        (void)loop;
        (void)id;
        (void)events;
        advance(cookie);
}

/* The worker's fds come and go with the handshake. */
static void watch(struct persist *persist)
{
        struct loop *loop = persist->agent->loop;
        int status = persist->stuck_id ? -1 : worker_status_fd(persist->worker);
        int data = persist->stuck_id ? -1 : worker_write_fd(persist->worker);
        if (status >= 0)
                loop_add_fd(loop, status, LOOP_READ, LOOP_LEVEL, on_worker, persist, &persist->status_id, NULL);
        if (data >= 0)
                loop_add_fd(loop, data, LOOP_WRITE, LOOP_LEVEL, on_worker, persist, &persist->write_id, NULL);
}

static int take_ack(struct persist *persist, const json_t *parameters)
{
        uint64_t sender;
        const char *text = json_string_value(json_object_get(parameters, "sender"));
        json_int_t number = json_integer_value(json_object_get(parameters, "id"));
        if (!text || number <= 0 || !sv_parse_u64(sv_of(text), 16, &sender))
                return -1;
        return supervise_alerts_taken(persist->agent, persist, sender, (uint64_t)number);
}

static int take_message(struct persist *persist, struct sv payload)
{
        cleanup(json_decref) json_t *message = payload.n <= MESSAGE_MAX ? json_parse(payload, false, NULL) : NULL;
        const char *class = json_string_value(json_object_get(message, "class"));
        const json_t *parameters = json_object_get(message, "parameters");
        const char *text = json_string_value(json_object_get(parameters, "message"));
        const char *name = persist->entry->module->name;
        if (!class)
                return -1;
        if (strcmp(class, "ping") == 0)
                persist->answered_ns = loop_now_ns(persist->agent->loop);
        else if (strcmp(class, "log") == 0 && text)
                log_notice("[%s] %.*s", name, LOG_LINE_MAX, text);
        else if (strcmp(class, "alert") == 0 && text)
                supervise_alert(persist->agent, name, text);
        else if (strcmp(class, "ack") == 0)
                return take_ack(persist, parameters);
        else if (strcmp(class, "register") != 0)
                return -1;
        return 0;
}

static int on_frame(struct link *link, const struct frame_header *header, struct sv payload, void *cookie)
{
        struct persist *persist = cookie;
        (void)link;
        if (header->stream) {
                for (size_t i = 0; i < PERSIST_QUERIES_MAX; i++) {
                        struct persist_query *query = persist->queries[i];
                        if (!query || query->stream != header->stream)
                                continue;
                        if (header->type == FRAME_DONE)
                                persist->queries[i] = NULL;
                        query->on_frame(query->cookie, header, payload);
                        break;
                }
                return 0; /* a query that was given up may still be answered */
        }
        if (header->type == FRAME_MESSAGE && take_message(persist, payload) == 0)
                return 0;
        because(persist, "it sent a message of an unknown kind");
        return -1;
}

static void on_gone(struct link *link, const struct error *why, void *cookie)
{
        struct persist *persist = cookie;
        persist->link = NULL;
        link_free(link);
        if (why)
                because(persist, "%s", why->message);
        kill_worker(persist); /* its end is noticed through the pidfd; a module without its channel is none */
}

static void on_late(struct loop *loop, loop_id id, void *cookie)
{
        struct persist *persist = cookie;
        (void)loop;
        (void)id;
        persist->start_id = 0;
        because(persist, "it was not ready within %d s", PERSIST_START_S);
        kill_worker(persist);
}

static int start(struct persist *persist, struct error *err)
{
        struct agent *agent = persist->agent;
        struct persist_ends ends = { -1, -1 };
        persist->worker = persist_spawn(&persist->spawn, agent, persist->entry, &ends, err);
        if (!persist->worker)
                return -1;
        persist->requests = ends.requests;
        struct link_options options = {
                .on_frame = on_frame, .on_gone = on_gone, .cookie = persist, .frame_max = FRAME_LENGTH_MAX
        };
        persist->link = link_new(agent->loop, ends.frames, &options, err);
        if (!persist->link) {
                close(ends.frames);
                return -1;
        }
        if (loop_add_timer(agent->loop, PERSIST_START_S * SECOND, 0, on_late, persist, &persist->start_id, err) < 0)
                return -1;
        return loop_add_fd(agent->loop, worker_pidfd(persist->worker), LOOP_READ, LOOP_LEVEL, on_worker, persist,
                &persist->pidfd_id, err);
}

void persist_start(struct persist *persist)
{
        struct error err = { 0 };
        if (persist->worker)
                return;
        persist->stopping = persist->judged = false;
        persist->reason[0] = '\0';
        persist->started_ns = persist->since_ns = loop_now_ns(persist->agent->loop);
        graph_set(&persist->agent->graph, persist->node, GRAPH_STARTING);
        if (start(persist, &err) < 0) {
                because(persist, "%s", err.message);
                bury(persist);
                set_down(persist);
                return;
        }
        advance(persist);
}

static void on_kill(struct loop *loop, loop_id id, void *cookie)
{
        struct persist *persist = cookie;
        (void)loop;
        (void)id;
        persist->kill_id = 0;
        log_warning("module %s did not end within %d s; killed", persist->entry->module->name, PERSIST_STOP_S);
        kill_worker(persist);
}

void persist_stop(struct persist *persist)
{
        struct agent *agent = persist->agent;
        if (persist->stopping)
                return;
        persist->stopping = true;
        drop(persist, &persist->start_id);
        drop(persist, &persist->retry_id);
        persist->retry_ns = 0;
        if (!persist->worker) {
                set_stopped(persist);
                return;
        }
        graph_set(&agent->graph, persist->node, GRAPH_STOPPING);
        if (persist_send(persist, SV("{\"class\":\"stop\",\"parameters\":{}}")) < 0)
                kill_worker(persist);
        loop_add_timer(agent->loop, PERSIST_STOP_S * SECOND, 0, on_kill, persist, &persist->kill_id, NULL);
}

int persist_plan_reload(struct persist *persist, enum persist_reload *ret_how, const char **ret_what, struct error *err)
{
        static const char *const texts[] = { "", "its settings", "where it listens", "privacy" };
        const struct module *module = persist->entry->module;
        enum persist_change change;
        if (persist_spawn_compare(&persist->spawn, persist->agent, module, &change, err) < 0)
                return error_prefix(err, "module %s", module->name);
        bool told = change == PERSIST_NEW_SETTINGS && module->reloads && persist->up;
        *ret_what = texts[change];
        *ret_how = change == PERSIST_SAME ? PERSIST_KEEP : told ? PERSIST_CONFIGURE : PERSIST_RESTART;
        return 0;
}

int persist_configure(struct persist *persist)
{
        struct error err;
        cleanup(buf_done) struct buf settings;
        cleanup(buf_done) struct buf text;
        buf_init(&settings, MESSAGE_MAX);
        buf_init(&text, MESSAGE_MAX + 64);
        if (persist_spawn_config(persist->agent, persist->entry->module, &settings, &err) < 0)
                return -1;
        buf_printf(&text, "{\"class\":\"config\",\"parameters\":{\"config\":%s}}", buf_text(&settings));
        if (text.failed || persist_send(persist, sv_n(buf_text(&text), text.len)) < 0)
                return -1;
        return persist_spawn_given(&persist->spawn, buf_text(&settings), &err);
}

void persist_retry_now(struct persist *persist)
{
        if (persist->worker || !persist->retry_id)
                return;
        drop(persist, &persist->retry_id);
        persist->retry_ns = persist->backoff_ns = 0;
        graph_set(&persist->agent->graph, persist->node, GRAPH_IDLE);
}

void persist_start_again(struct persist *persist, bool again)
{
        persist->again = again;
}

void persist_set_node(struct persist *persist, size_t node)
{
        persist->node = node;
}

struct persist *persist_new(struct agent *agent, const struct catalog_entry *entry, size_t node, struct error *err)
{
        struct persist *persist = calloc(1, sizeof(*persist));
        if (!persist)
                return fail_null(err, E_NO_MEMORY, "no memory for module %s", entry->module->name);
        persist->agent = agent;
        persist->entry = entry;
        persist->node = node;
        persist->requests = -1;
        persist_spawn_init(&persist->spawn);
        return persist;
}

void persist_free(struct persist *persist)
{
        if (!persist)
                return;
        drop(persist, &persist->retry_id);
        bury(persist);
        persist_spawn_done(&persist->spawn);
        free(persist);
}

const struct module *persist_module(const struct persist *persist)
{
        return persist->entry->module;
}

size_t persist_node(const struct persist *persist)
{
        return persist->node;
}

bool persist_up(const struct persist *persist)
{
        return persist->up;
}

pid_t persist_pid(const struct persist *persist)
{
        return persist->worker ? worker_pid(persist->worker) : 0;
}

const char *persist_reason(const struct persist *persist)
{
        return persist->reason;
}

uint64_t persist_restarts(const struct persist *persist)
{
        return persist->restarts;
}

int64_t persist_since_ns(const struct persist *persist)
{
        return persist->since_ns;
}

int64_t persist_retry_ns(const struct persist *persist)
{
        return persist->retry_ns;
}

int64_t persist_answered_ns(const struct persist *persist)
{
        return persist->answered_ns;
}

const char *persist_listens(const struct persist *persist, size_t index)
{
        return index < PERSIST_LISTENERS_MAX ? persist->spawn.addresses[index] : "";
}

int persist_wire_fd(const struct persist *persist)
{
        return persist->requests;
}

int persist_connect_api(struct persist *persist)
{
        int pair[2];
        union {
                struct cmsghdr header;
                char room[CMSG_SPACE(sizeof(int))];
        } control = { 0 };
        struct iovec part = { (void *)"", 1 };
        struct msghdr message = {
                .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control.room)
        };
        if (!persist->up || persist->requests < 0 || !persist->entry->module->routes ||
                socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
                return -1;
        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_RIGHTS;
        control.header.cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(&control.header), &pair[1], sizeof(int));
        ssize_t sent = sendmsg(persist->requests, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
        close(pair[1]);
        if (sent == 1)
                return pair[0];
        close(pair[0]);
        return -1;
}

int persist_ask(
        struct persist *persist, struct persist_query *query, const char *module, struct sv message, struct error *err)
{
        const char *name = persist->entry->module->name;
        if (persist->up && persist->stopping)
                return fail(
                        err, E_UNAVAILABLE, "module %s is being %s", name, persist->again ? "restarted" : "stopped");
        if (!persist->up)
                return fail(err, E_UNAVAILABLE, "module %s is down: %s", name,
                        persist->reason[0] ? persist->reason : "not started yet");
        size_t place = 0;
        while (place < PERSIST_QUERIES_MAX && persist->queries[place])
                place++;
        if (place == PERSIST_QUERIES_MAX)
                return fail(err, E_UNAVAILABLE, "module %s has %d queries waiting", name, PERSIST_QUERIES_MAX);
        if (++persist->next_stream == 0)
                persist->next_stream = 1;
        query->stream = persist->next_stream;
        cleanup(buf_done) struct buf ask;
        uint16_t length = (uint16_t)strlen(module);
        buf_init(&ask, FRAME_LENGTH_MAX);
        buf_append(&ask, &length, sizeof(length));
        buf_append(&ask, module, length);
        buf_append(&ask, message.p, message.n);
        if (ask.failed || link_send(persist->link, FRAME_ASK, query->stream, sv_n(ask.data, ask.len)) < 0)
                return fail(err, E_UNAVAILABLE, "module %s does not read what is sent to it", name);
        persist->queries[place] = query;
        return 0;
}

void persist_forget(struct persist *persist, struct persist_query *query)
{
        for (size_t i = 0; i < PERSIST_QUERIES_MAX; i++)
                if (persist->queries[i] == query)
                        persist->queries[i] = NULL;
}
