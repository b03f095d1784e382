/* What fronts ask, and the answers. */
#include "agent/config_write.h"
#include "agent/front_internal.h"
#include "agent/status.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "schema/json.h"
#include "schema/json_writer.h"

#include <errno.h>
#include <limits.h>

enum { TEXT_MAX = 8 << 20 };

struct run_ask {
        char *module;
        bool privacy;
        bool follow;
        double max_cpu;
        uint64_t max_io;
        uint64_t max_memory;
        int64_t max_time_ns;
};

static const struct field run_ask_fields[] = {
        FIELD_STRING(struct run_ask, module, .required = true, .max_length = 64),
        FIELD_BOOL(struct run_ask, privacy),
        FIELD_BOOL(struct run_ask, follow),
        FIELD_DOUBLE(struct run_ask, max_cpu),
        FIELD_SIZE(struct run_ask, max_io, .max = INT64_MAX),
        FIELD_SIZE(struct run_ask, max_memory, .max = INT64_MAX),
        FIELD_DURATION(struct run_ask, max_time_ns, .json = "max_time", .min = 1, .max = 366 * DAY),
};

const char *front_text(const struct front_stream *stream, const char *key)
{
        return json_string_value(json_object_get(stream->parameters, key));
}

static void put_run(struct json_writer *writer, void *cookie)
{
        json_field(writer, "run", json_put_text, cookie);
}

/* ---- run, follow, cancel, result ---- */

static void follow(struct front_stream *stream, const char *run)
{
        struct agent *agent = stream->front->agent;
        struct error err;
        runs_flush(agent, run);
        stream->fd = results_open(agent, run, &err);
        if (stream->fd < 0) {
                front_refuse(stream, &err);
                return;
        }
        snprintf(stream->run, sizeof(stream->run), "%s", run);
        stream->kind = FRONT_STREAM_RUN;
        front_pump(stream);
}

const char *front_door(const struct front_stream *stream)
{
        return stream->front->accepted[0] && stream->caller.remote ? "http" : "socket";
}

void front_started(struct front_stream *stream, char *run, bool wanted)
{
        front_answer(stream, "run", put_run, run);
        if (wanted)
                follow(stream, run);
        else
                front_end_stream(stream);
}

void front_body(struct front_stream *stream, struct sv body)
{
        struct agent *agent = stream->front->agent;
        struct run_ask ask;
        struct arena arena;
        struct error err;
        char run[RUN_ID_MAX];
        const struct catalog_entry *entry = NULL;
        arena_init(&arena, 64 << 10);
        int status = record_read(RECORD(struct run_ask, run_ask_fields), stream->parameters, &ask, &arena, 0, &err);
        if (status == 0 && !(entry = catalog_find(agent->catalog, ask.module, &err)))
                status = -1;
        if (status == 0)
                status = authority_check_module(&stream->caller, entry->module, &err);
        if (status == 0) {
                struct run_request request = { .entry = entry,
                        .caller = &stream->caller,
                        .door = front_door(stream),
                        .parameters = body,
                        .privacy = ask.privacy,
                        .budget = { .cpu_share = ask.max_cpu,
                                .io_rate = ask.max_io,
                                .memory = ask.max_memory,
                                .wall_ns = ask.max_time_ns } };
                status = runs_start(agent, &request, run, &err);
        }
        bool wanted = status == 0 && ask.follow;
        arena_done(&arena);
        if (status < 0)
                front_refuse(stream, &err);
        else
                front_started(stream, run, wanted);
}

/* Results of others may be seen by who may investigate; a viewer sees that there was a run, not what it found. */
static int ask_run(struct front_stream *stream, char *ret_run, struct error *err)
{
        const char *run = front_text(stream, "run");
        if (!run || !results_id_valid(run))
                return fail(err, E_INVALID, "run: the ID of a run");
        snprintf(ret_run, RUN_ID_MAX, "%s", run);
        return 0;
}

static int do_follow(struct front_stream *stream, struct error *err)
{
        char run[RUN_ID_MAX];
        if (ask_run(stream, run, err) < 0)
                return -1;
        int fd = results_open(stream->front->agent, run, err);
        if (fd < 0)
                return -1;
        close(fd);
        front_answer(stream, "run", put_run, run);
        follow(stream, run);
        return 0;
}

static int do_cancel(struct front_stream *stream, struct error *err)
{
        char run[RUN_ID_MAX];
        char why[160];
        if (ask_run(stream, run, err) < 0)
                return -1;
        snprintf(why, sizeof(why), "stopped by %s", stream->caller.identity);
        if (runs_cancel(stream->front->agent, run, why, err) < 0)
                return -1;
        front_answer(stream, "ok", NULL, NULL);
        front_end_stream(stream);
        return 0;
}

static int do_result(struct front_stream *stream, struct error *err)
{
        char run[RUN_ID_MAX];
        if (ask_run(stream, run, err) < 0)
                return -1;
        if (runs_live(stream->front->agent, run))
                return fail(err, E_UNAVAILABLE, "run %s is not over; follow it, or ask again", run);
        if (results_render(stream->front->agent, run, &stream->fd, err) < 0)
                return -1;
        front_answer(stream, "ok", NULL, NULL);
        stream->kind = FRONT_STREAM_DATA;
        front_pump(stream);
        return 0;
}

/* ---- what is answered by text ---- */

int front_send_text(struct front_stream *stream, int status, struct error *err)
{
        if (status == 0 && stream->input.failed)
                status = fail(err, E_TOO_LARGE, "the answer is too long");
        if (status < 0)
                return -1;
        front_answer(stream, "ok", NULL, NULL);
        stream->kind = FRONT_STREAM_DATA;
        front_pump(stream);
        return 0;
}

static int do_runs(struct front_stream *stream, struct error *err)
{
        struct agent *agent = stream->front->agent;
        const char *one = front_text(stream, "run");
        if (one) {
                buf_putc(&stream->input, '[');
                int status = runlog_show(agent->log, one, &stream->input, err);
                buf_putc(&stream->input, ']');
                return front_send_text(stream, status, err);
        }
        json_int_t limit = json_integer_value(json_object_get(stream->parameters, "limit"));
        struct runlog_filter filter = { .before = front_text(stream, "before"),
                .module = front_text(stream, "module"),
                .state = front_text(stream, "state") };
        filter.limit = limit > 0 ? limit < RUNLOG_LIST_MAX ? (unsigned)limit : RUNLOG_LIST_MAX : 0;
        return front_send_text(stream, runlog_list(agent->log, &filter, &stream->input, err), err);
}

static void put_verdict(struct json_writer *writer, void *cookie)
{
        const struct runlog_verdict *verdict = cookie;
        json_field(writer, "rows", json_put_uint, verdict->rows);
        json_field(writer, "intact", json_put_bool, verdict->intact);
        json_field(writer, "message", json_put_text, verdict->message);
        json_field(writer, "head", json_put_text, verdict->head);
}

static int do_verify(struct front_stream *stream, struct error *err)
{
        struct runlog_verdict verdict;
        if (runlog_verify(stream->front->agent->log, NULL, &verdict, err) < 0)
                return -1;
        front_answer(stream, "ok", put_verdict, &verdict);
        front_end_stream(stream);
        return 0;
}

static int do_status(struct front_stream *stream, struct error *err)
{
        status_write(stream->front->agent, &stream->input);
        return front_send_text(stream, 0, err);
}

static int do_config(struct front_stream *stream, struct error *err)
{
        return front_send_text(stream, config_write(stream->front->agent, &stream->input, err), err);
}

static int do_metrics(struct front_stream *stream, struct error *err)
{
        metrics_write(stream->front->agent, &stream->input);
        return front_send_text(stream, 0, err);
}

static int do_describe(struct front_stream *stream, struct error *err)
{
        struct agent *agent = stream->front->agent;
        const char *name = front_text(stream, "module");
        const struct catalog_entry *const *entries;
        const struct catalog_entry *one = NULL;
        struct json_writer writer;
        if (name && !(one = catalog_find(agent->catalog, name, err)))
                return -1;
        size_t count = one ? 1 : catalog_all(agent->catalog, &entries, NULL, err);
        json_writer_init(&writer, &stream->input, 0);
        json_begin_array(&writer);
        for (size_t i = 0; i < count; i++) {
                const struct catalog_entry *entry = one ? one : entries[i];
                if (catalog_describe(agent->catalog, entry, &writer, err) == 0)
                        continue;
                if (one)
                        return -1;
                log_warning("module %s is left out: %s", entry->module->name, err->message);
        }
        json_end_array(&writer);
        return front_send_text(stream, 0, err);
}

static void put_caller(struct json_writer *writer, void *cookie)
{
        const struct caller *caller = cookie;
        json_field(writer, "identity", json_put_text, caller->identity);
        json_field(writer, "role", json_put_text, config_role_name(caller->role));
}

static int do_authorize(struct front_stream *stream, struct error *err)
{
        const char *role = front_text(stream, "role");
        const char *name = front_text(stream, "module");
        if (role && config_role(role) == ROLE_NONE)
                return fail(err, E_INVALID, "role: viewer, investigator or admin");
        if (role && authority_check(&stream->caller, config_role(role), err) < 0)
                return -1;
        const struct catalog_entry *entry = name ? catalog_find(stream->front->agent->catalog, name, err) : NULL;
        if (name && (!entry || authority_check_module(&stream->caller, entry->module, err) < 0))
                return -1;
        front_answer(stream, "ok", put_caller, &stream->caller);
        front_end_stream(stream);
        return 0;
}

/* Whoever has a credential may know what it is worth; a local user without a role too. */
static void put_whoami(struct json_writer *writer, void *cookie)
{
        const struct front_stream *stream = cookie;
        char host[HOST_NAME_MAX + 1] = "";
        gethostname(host, sizeof(host) - 1);
        json_field(writer, "identity", json_put_text, stream->caller.identity);
        json_field(writer, "role", json_put_text, config_role_name(stream->caller.role));
        json_field(writer, "host", json_put_text, host);
        json_field(writer, "version", json_put_text, TARSIER_VERSION);
        json_field(writer, "privacy", json_put_bool, stream->front->agent->config->privacy);
}

static int do_whoami(struct front_stream *stream, struct error *err)
{
        (void)err;
        front_answer(stream, "ok", put_whoami, stream);
        front_end_stream(stream);
        return 0;
}

static void put_health(struct json_writer *writer, void *cookie)
{
        const struct agent *agent = cookie;
        char message[256];
        bool ready = status_health(agent, message, sizeof(message));
        json_field(writer, "ready", json_put_bool, ready);
        json_field(writer, "message", json_put_text, message);
}

static int do_health(struct front_stream *stream, struct error *err)
{
        (void)err;
        front_answer(stream, "ok", put_health, stream->front->agent);
        front_end_stream(stream);
        return 0;
}

/* The parameters come in a frame of their own. */
static int do_run(struct front_stream *stream, struct error *err)
{
        (void)err;
        stream->kind = FRONT_STREAM_BODY;
        return 0;
}

static const struct verb {
        const char *class;
        enum role role; /* ROLE_NONE: checked by the verb itself */
        bool anonymous;
        int (*answer)(struct front_stream *stream, struct error *err);
} verbs[] = {
        { "run", ROLE_NONE, false, do_run }, /* the module decides */
        { "follow", ROLE_INVESTIGATOR, false, do_follow },
        { "cancel", ROLE_INVESTIGATOR, false, do_cancel },
        { "result", ROLE_INVESTIGATOR, false, do_result },
        { "runs", ROLE_VIEWER, false, do_runs },
        { "saved", ROLE_VIEWER, false, front_saved },
        { "save", ROLE_INVESTIGATOR, false, front_save },
        { "forget", ROLE_INVESTIGATOR, false, front_forget },
        { "run-saved", ROLE_VIEWER, false, front_run_saved }, /* then its module decides */
        { "verify", ROLE_VIEWER, false, do_verify },
        { "status", ROLE_VIEWER, false, do_status },
        { "config", ROLE_ADMIN, false, do_config },
        { "metrics", ROLE_VIEWER, false, do_metrics },
        { "describe", ROLE_VIEWER, false, do_describe },
        { "authorize", ROLE_NONE, false, do_authorize },
        { "whoami", ROLE_NONE, false, do_whoami },
        { "health", ROLE_NONE, true, do_health },
};

static int identify(struct front_stream *stream, struct error *err)
{
        struct front *front = stream->front;
        const json_t *credential = json_object_get(stream->parameters, "credential");
        const char *token = json_string_value(json_object_get(credential, "token"));
        const char *client = front_text(stream, "client");
        int status;
        if (token)
                status = authority_of_token(front->agent, token, &stream->caller, err);
        else if (!json_is_true(json_object_get(credential, "connection")))
                status = fail(err, E_UNAUTHENTICATED, "who asks? a token is needed");
        else if (!front->accepted[0]) /* a stranger might attach a connection that is not its own */
                status = authority_of_connection(front->agent, link_fd(front->link), NULL, &stream->caller, err);
        else if (stream->attached < 0)
                status = fail(err, E_UNAUTHENTICATED, "no connection came with the request");
        else
                status = authority_of_connection(front->agent, stream->attached, front->accepted, &stream->caller, err);
        fd_close(&stream->attached);
        if (status == 0 && client)
                snprintf(stream->caller.client, sizeof(stream->caller.client), "%s", client);
        if (token) /* held no longer than needed */
                json_object_del(stream->parameters, "credential");
        return status;
}

void front_request(struct front_stream *stream, struct sv text)
{
        struct error err;
        stream->front->agent->counters.requests++;
        cleanup(json_decref) json_t *message = json_parse(text, true, &err);
        const char *class = json_string_value(json_object_get(message, "class"));
        const json_t *parameters = json_object_get(message, "parameters");
        stream->parameters = json_is_object(parameters) ? json_deep_copy(parameters) : json_object();
        const struct verb *verb = NULL;
        for (size_t i = 0; class && i < sizeof(verbs) / sizeof(verbs[0]); i++)
                if (strcmp(verbs[i].class, class) == 0)
                        verb = &verbs[i];
        int status = 0;
        if (!verb)
                status = fail(&err, E_INVALID, "no such request: %.64s", class ? class : "it has no class");
        else if (!verb->anonymous &&
                 (identify(stream, &err) < 0 || authority_check(&stream->caller, verb->role, &err) < 0))
                status = -1;
        if (status == 0)
                status = verb->answer(stream, &err);
        if (status < 0)
                front_refuse(stream, &err);
}
