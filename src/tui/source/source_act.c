/* What the screen may do to the host: each action is a worker, whose end is told as {"answer":{"ok","message"}}. */
#include "base/encode.h"
#include "schema/json_writer.h"
#include "tui/source/source_internal.h"

static void tell_answer(struct sources *sources, bool ok, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

static void tell_answer(struct sources *sources, bool ok, const char *format, ...)
{
        char message[512];
        struct json_writer writer;
        cleanup(buf_done) struct buf text;
        va_list args;
        va_start(args, format);
        vsnprintf(message, sizeof(message), format, args);
        va_end(args);
        buf_init(&text, 8192);
        json_writer_init(&writer, &text, 0);
        json_begin_object(&writer);
        json_field(&writer, "ok", json_put_bool, ok);
        json_field(&writer, "message", json_put_text, message);
        json_end_object(&writer);
        sources_tell_kind(sources, SV("answer"), sv_n(buf_text(&text), text.len));
}

static void on_acted(struct job *job)
{
        bool ok = result_success(execution_result(job->execution));
        if (ok)
                tell_answer(job->sources, true, "%s", job->what);
        else
                tell_answer(job->sources, false, "%s: %s", job->what, job_error(job));
}

static void follow(struct sources *sources, struct job *job, const struct error *err, const char *what)
{
        if (!job) {
                tell_answer(sources, false, "%s: %s", what, err->message);
                return;
        }
        snprintf(job->what, sizeof(job->what), "%s", what);
        job->on_end = on_acted;
}

void sources_kill(struct sources *sources, double pid, const char *start, const char *signal)
{
        struct error err;
        struct json_writer writer;
        char what[64];
        cleanup(buf_done) struct buf parameters;
        buf_init(&parameters, 4096);
        json_writer_init(&writer, &parameters, 0);
        json_begin_object(&writer);
        json_field(&writer, "pid", json_put_int, (int64_t)pid);
        if (start)
                json_field(&writer, "start", json_put_text, start);
        json_field(&writer, "signal", json_put_text, signal);
        json_end_object(&writer);
        snprintf(what, sizeof(what), "%s to %.0f", signal, pid);
        struct sv text = sv_n(buf_text(&parameters), parameters.len);
        struct job *job = sources->agent ? job_run_at(sources, sources->agent, "kill", text, &err)
                                         : job_run(sources, "kill", text, &err);
        follow(sources, job, &err, what);
}

/* An action on the agent's alerts. */
static void ask_alerts(struct sources *sources, const char *method, const char *path, struct sv body, const char *what)
{
        struct error err;
        const char *agent = sources_agent(sources);
        if (!agent) {
                tell_answer(sources, false, "%s: no agent answers", what);
                return;
        }
        follow(sources, job_fetch(sources, agent, method, path, body, &err), &err, what);
}

static void put_text(struct json_writer *writer, const char *key, const char *text)
{
        if (text && *text)
                json_field(writer, key, json_put_text, text);
}

void sources_acknowledge(struct sources *sources, uint64_t alert, const char *comment)
{
        struct json_writer writer;
        char path[128];
        char what[64];
        cleanup(buf_done) struct buf body;
        buf_init(&body, 8192);
        json_writer_init(&writer, &body, 0);
        json_begin_object(&writer);
        put_text(&writer, "comment", comment);
        json_end_object(&writer);
        snprintf(path, sizeof(path), "/v1/modules/alerts/alerts/%llu/acknowledge", (unsigned long long)alert);
        snprintf(what, sizeof(what), "alert %llu acknowledged", (unsigned long long)alert);
        ask_alerts(sources, "POST", path, sv_n(buf_text(&body), body.len), what);
}

void sources_unacknowledge(struct sources *sources, uint64_t alert)
{
        char path[128];
        char what[64];
        snprintf(path, sizeof(path), "/v1/modules/alerts/alerts/%llu/acknowledge", (unsigned long long)alert);
        snprintf(what, sizeof(what), "alert %llu open again", (unsigned long long)alert);
        ask_alerts(sources, "DELETE", path, sv_n("", 0), what);
}

void sources_mute(struct sources *sources, const char *module, const char *rule, const char *container,
        const char *duration, const char *comment)
{
        struct json_writer writer;
        char what[64];
        cleanup(buf_done) struct buf body;
        buf_init(&body, 16384);
        json_writer_init(&writer, &body, 0);
        json_begin_object(&writer);
        put_text(&writer, "module", module);
        put_text(&writer, "rule", rule);
        put_text(&writer, "container", container);
        put_text(&writer, "for", duration);
        put_text(&writer, "comment", comment);
        json_end_object(&writer);
        snprintf(what, sizeof(what), "muted for %.20s", duration);
        ask_alerts(sources, "POST", "/v1/modules/alerts/mutes", sv_n(buf_text(&body), body.len), what);
}

/* ---- connections ---- */

static void gather(struct job *job, struct sv json)
{
        buf_puts(&job->gathered, job->gathered.len ? "," : "[");
        buf_append(&job->gathered, json.p, json.n);
}

static void on_gathered(struct job *job)
{
        if (!result_success(execution_result(job->execution))) {
                tell_answer(job->sources, false, "connections: %s", job_error(job));
                return;
        }
        buf_puts(&job->gathered, job->gathered.len ? "]" : "[]");
        if (job->gathered.failed)
                tell_answer(job->sources, false, "connections: too many to show");
        else
                sources_tell_kind(job->sources, SV("connections"), sv_n(buf_text(&job->gathered), job->gathered.len));
}

void sources_ask_connections(struct sources *sources)
{
        struct error err;
        const struct sv parameters = SV("{\"all\":true,\"namespaces\":true}");
        struct job *job = sources->agent ? job_run_at(sources, sources->agent, "netstat", parameters, &err)
                                         : job_run(sources, "netstat", parameters, &err);
        if (!job) {
                tell_answer(sources, false, "connections: %s", err.message);
                return;
        }
        job->on_row = gather;
        job->on_end = on_gathered;
}
