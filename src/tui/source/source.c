/* Workers as jobs, and the life of a source: begun, live, down, begun again. */
#include "tui/source/source_internal.h"

#include "schema/json.h"
#include "schema/json_writer.h"
#include "tui/model/model.h"

/* A worker of the bridge: its rows are what an agent sends. */
static struct module fetch_module = {
        .name = "fetch",
        .summary = "what an agent sends",
        .shape = SHAPE_LIST,
        .stream = true,
};

/* ---- jobs ---- */

static void job_free(struct job *job)
{
        execution_free(job->execution);
        buf_done(&job->gathered);
        free(job);
}

static void reap(struct loop *loop, loop_id id, void *cookie)
{
        struct sources *sources = cookie;
        (void)loop;
        (void)id;
        sources->reap_id = 0;
        for (size_t i = 0; i < SOURCE_JOBS_MAX; i++)
                if (sources->jobs[i] && sources->jobs[i]->done) {
                        job_free(sources->jobs[i]);
                        sources->jobs[i] = NULL;
                }
}

static void on_row(struct execution *execution, struct sv label, struct sv json, void *cookie)
{
        struct job *job = cookie;
        (void)execution;
        (void)label;
        if (job->dropped)
                return;
        if (sv_eq(json, SV("{\"event\":\"open\",\"data\":null}"))) { /* of the bridge */
                if (job->on_open)
                        job->on_open(job);
                return;
        }
        job->rows++;
        if (job->on_row)
                job->on_row(job, json);
}

/* The execution is not freed within its own callback. */
static void on_done(struct execution *execution, void *cookie)
{
        struct job *job = cookie;
        struct sources *sources = job->sources;
        (void)execution;
        job->done = true;
        if (!job->dropped && job->on_end)
                job->on_end(job);
        if (!sources->reap_id)
                loop_add_timer(sources->options.loop, 0, 0, reap, sources, &sources->reap_id, NULL);
}

static struct job *job_start(struct sources *sources, const struct catalog_entry *entry, const char *agent,
        struct sv message, struct error *err)
{
        size_t place = 0;
        while (place < SOURCE_JOBS_MAX && sources->jobs[place])
                place++;
        if (place == SOURCE_JOBS_MAX)
                return fail_null(err, E_TOO_LARGE, "too much is under way");
        struct job *job = calloc(1, sizeof(*job));
        if (!job)
                return fail_null(err, E_NO_MEMORY, "no memory for a worker");
        job->sources = sources;
        buf_init(&job->gathered, SOURCE_RECORD_MAX);
        struct execution_options options = { .entry = entry,
                .message = message,
                .budget.wall_ns = 365 * DAY,
                .strict = true,
                .agent = agent,
                .token = sources->token,
                .bridge = sources->bridge,
                .on_row = on_row,
                .on_done = on_done,
                .cookie = job };
        job->execution = execution_start(sources->options.loop, &options, err);
        if (!job->execution) {
                job_free(job);
                return NULL;
        }
        sources->jobs[place] = job;
        return job;
}

struct job *job_run(struct sources *sources, const char *module, struct sv parameters, struct error *err)
{
        cleanup(buf_done) struct buf message;
        const struct catalog_entry *entry = catalog_find(sources->catalog, module, err);
        if (!entry)
                return NULL;
        buf_init(&message, JSON_MESSAGE_MAX);
        buf_puts(&message, "{\"class\":\"parameters\",\"parameters\":");
        buf_append(&message, parameters.p, parameters.n);
        buf_puts(&message, "}");
        return job_start(sources, entry, NULL, sv_n(buf_text(&message), message.len), err);
}

static struct job *job_at_agent(struct sources *sources, const char *agent, struct buf *message, struct error *err)
{
        if (message->failed)
                return fail_null(err, E_TOO_LARGE, "the request is too long");
        return job_start(sources, &sources->bridge_entry, agent, sv_n(buf_text(message), message->len), err);
}

struct job *job_fetch(struct sources *sources, const char *agent, const char *method, const char *path, struct sv body,
        struct error *err)
{
        struct json_writer writer;
        cleanup(buf_done) struct buf message;
        buf_init(&message, JSON_MESSAGE_MAX);
        json_writer_init(&writer, &message, 0);
        json_begin_object(&writer);
        json_key(&writer, "fetch");
        json_begin_object(&writer);
        json_field(&writer, "method", json_put_text, method);
        json_field(&writer, "path", json_put_text, path);
        if (body.n)
                json_field(&writer, "body", json_put_raw, body);
        json_end_object(&writer);
        json_end_object(&writer);
        return job_at_agent(sources, agent, &message, err);
}

struct job *job_run_at(
        struct sources *sources, const char *agent, const char *module, struct sv parameters, struct error *err)
{
        struct json_writer writer;
        cleanup(buf_done) struct buf message;
        buf_init(&message, JSON_MESSAGE_MAX);
        json_writer_init(&writer, &message, 0);
        json_begin_object(&writer);
        json_field(&writer, "module", json_put_text, module);
        json_field(&writer, "parameters", json_put_raw, parameters);
        json_end_object(&writer);
        return job_at_agent(sources, agent, &message, err);
}

void job_drop(struct job *job)
{
        if (!job)
                return;
        job->dropped = true;
        job->source = NULL;
        if (!job->done)
                execution_stop(job->execution, "not needed any more");
}

const char *job_error(struct job *job)
{
        struct result *result = execution_result(job->execution);
        if (result_error_count(result))
                return result_error(result, 0);
        return result_partial(result) ? result_partial(result) : "it ended";
}

/* ---- records ---- */

void sources_tell(struct sources *sources, struct sv record)
{
        if (!sources->ending)
                sources->options.on_record(record, sources->options.cookie);
}

void sources_tell_kind(struct sources *sources, struct sv kind, struct sv json)
{
        struct buf *record = &sources->record;
        buf_clear(record);
        buf_puts(record, "{\"");
        buf_append(record, kind.p, kind.n);
        buf_puts(record, "\":");
        buf_append(record, json.p, json.n);
        buf_puts(record, "}");
        if (!record->failed)
                sources_tell(sources, sv_n(buf_text(record), record->len));
}

static void tell_state(struct source *source, enum source_state state, const char *message)
{
        static const char *const names[] = { "off", "starting", "live", "down" };
        struct json_writer writer;
        cleanup(buf_done) struct buf text;
        if (source->state == (int)state && strcmp(source->message, message) == 0)
                return;
        source->state = (int)state;
        snprintf(source->message, sizeof(source->message), "%s", message);
        buf_init(&text, 4096);
        json_writer_init(&writer, &text, 0);
        json_begin_object(&writer);
        json_field(&writer, "name", json_put_text, source->name);
        json_field(&writer, "state", json_put_text, names[state]);
        json_field(&writer, "message", json_put_text, source->message);
        json_end_object(&writer);
        sources_tell_kind(source->sources, SV("source"), sv_n(buf_text(&text), text.len));
}

/* ---- a source's life ---- */

enum { STEADY_SECONDS = 10, BACKOFF_MAX_SECONDS = 30 };

static void on_retry(struct loop *loop, loop_id id, void *cookie)
{
        struct source *source = cookie;
        (void)loop;
        (void)id;
        source->retry_id = 0;
        source_restart(source);
}

static void retry_in(struct source *source, int64_t delay_ns)
{
        struct loop *loop = source->sources->options.loop;
        if (source->retry_id)
                loop_remove(loop, source->retry_id);
        source->retry_id = 0;
        loop_add_timer(loop, delay_ns, 0, on_retry, source, &source->retry_id, NULL);
}

void source_starts(struct source *source, const char *message)
{
        tell_state(source, SOURCE_STARTING, message);
}

void source_is_live(struct source *source)
{
        if (source->state != SOURCE_LIVE)
                tell_state(source, SOURCE_LIVE, "");
}

void source_is_off(struct source *source, const char *message)
{
        tell_state(source, SOURCE_OFF, message);
        retry_in(source, BACKOFF_MAX_SECONDS * SECOND); /* an agent may come */
}

void source_failed(struct source *source, const char *message, int64_t least_ns)
{
        const struct sources *sources = source->sources;
        if (sources->ending)
                return;
        if (loop_now_ns(sources->options.loop) - source->began_ns > STEADY_SECONDS * SECOND)
                source->backoff_ns = 0; /* it did well for a while */
        source->backoff_ns = source->backoff_ns ? source->backoff_ns * 2 : SECOND;
        if (source->backoff_ns < least_ns)
                source->backoff_ns = least_ns;
        if (source->backoff_ns > BACKOFF_MAX_SECONDS * SECOND)
                source->backoff_ns = BACKOFF_MAX_SECONDS * SECOND;
        tell_state(source, SOURCE_DOWN, message);
        retry_in(source, source->backoff_ns);
}

void source_restart(struct source *source)
{
        struct job *job = take_ptr(source->job);
        if (source->retry_id)
                loop_remove(source->sources->options.loop, source->retry_id);
        source->retry_id = 0;
        job_drop(job);
        source->began_ns = loop_now_ns(source->sources->options.loop);
        source->begin(source);
}

/* ---- all of them ---- */

const char *sources_agent(const struct sources *sources)
{
        if (sources->agent)
                return sources->agent;
        return local_agent_answers(sources->socket) ? sources->socket : NULL;
}

static void source_init(
        struct sources *sources, struct source *source, const char *name, void (*begin)(struct source *))
{
        *source = (struct source){ .name = name, .sources = sources, .begin = begin, .state = -1 };
        retry_in(source, 0); /* from the loop: who made us is not ready for records yet */
}

struct sources *sources_new(const struct sources_options *options, struct error *err)
{
        struct sources *sources = calloc(1, sizeof(*sources));
        if (!sources)
                return fail_null(err, E_NO_MEMORY, "no memory for sources");
        sources->options = *options;
        buf_init(&sources->record, SOURCE_RECORD_MAX);
        sources->agent = options->agent ? strdup(options->agent) : NULL;
        sources->token = options->token ? strdup(options->token) : NULL;
        sources->catalog = catalog_new(NULL, NULL, NULL, NULL, err);
        if (!sources->catalog) {
                sources_free(sources);
                return NULL;
        }
        snprintf(sources->bridge, sizeof(sources->bridge), "%s/tarsier-remote", catalog_libexec(sources->catalog));
        sources->bridge_entry = (struct catalog_entry){ .module = &fetch_module,
                .origin = ORIGIN_PROGRAM,
                .area = "",
                .program = sources->bridge,
                .program_fd = -1 };
        (void)local_agent_socket(sources->socket);
        source_init(sources, &sources->feed, "feed", feed_begin);
        source_init(sources, &sources->events, "events", events_begin);
        source_init(sources, &sources->alerts, "alerts", alerts_begin);
        return sources;
}

static bool any_runs(const struct sources *sources)
{
        for (size_t i = 0; i < SOURCE_JOBS_MAX; i++)
                if (sources->jobs[i] && !sources->jobs[i]->done)
                        return true;
        return false;
}

void sources_free(struct sources *sources)
{
        struct source *all[] = { &sources->feed, &sources->events, &sources->alerts };
        struct error ignored;
        if (!sources)
                return;
        struct loop *loop = sources->options.loop;
        sources->ending = true;
        for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
                if (all[i]->retry_id)
                        loop_remove(loop, all[i]->retry_id);
        for (size_t i = 0; i < SOURCE_JOBS_MAX; i++)
                job_drop(sources->jobs[i]);
        int64_t deadline = time_monotonic_ns() + SOURCES_STOP_NS;
        while (any_runs(sources) && time_monotonic_ns() < deadline)
                if (loop_run_once(loop, 50 * MILLISECOND, &ignored) < 0)
                        break;
        if (sources->reap_id)
                loop_remove(loop, sources->reap_id);
        for (size_t i = 0; i < SOURCE_JOBS_MAX; i++)
                if (sources->jobs[i])
                        job_free(sources->jobs[i]);
        if (sources->catalog)
                catalog_free(sources->catalog);
        buf_done(&sources->record);
        free(sources->agent);
        free(sources->token);
        free(sources);
}

void sources_set_interval(struct sources *sources, int64_t interval_ns)
{
        if (sources->options.interval_ns == interval_ns)
                return;
        sources->options.interval_ns = interval_ns;
        source_restart(&sources->feed);
}

void sources_want_events(struct sources *sources)
{
        if (sources->events.wanted)
                return;
        sources->events.wanted = true;
        if (!sources->events.job)
                source_restart(&sources->events);
}
