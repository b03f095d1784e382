/* Events and alerts. Of an agent they are streams of its modules watch and alerts. Without one, events are a run of
 * watch here with the starter rules, which the model makes alerts of. */
#include "tui/model/model.h"
#include "tui/model/scan.h"
#include "tui/source/source_internal.h"

static const int64_t RARE_NS = 15 * SECOND; /* between looks for what is not there */

/* ---- events ---- */

static void take_event(struct job *job, struct sv event)
{
        double id;
        if (scan_number(scan_find(event, "id"), &id) && id > 0)
                job->source->last_id = (uint64_t)id;
        sources_tell_kind(job->sources, SV("event"), event);
}

static void on_own_event(struct job *job, struct sv json)
{
        if (!job->source)
                return;
        source_is_live(job->source);
        take_event(job, json);
}

static void on_fetched_event(struct job *job, struct sv json)
{
        char kind[32];
        struct sv event = scan_find(json, "data");
        size_t length = scan_text(scan_find(json, "event"), kind, sizeof(kind));
        if (!job->source || !event.n)
                return;
        source_is_live(job->source);
        if (length == 7 && memcmp(kind, "dropped", 7) == 0)
                sources_tell_kind(job->sources, SV("dropped"), event);
        else
                take_event(job, event);
}

static void on_stream_end(struct job *job)
{
        struct source *source = job->source;
        if (!source)
                return;
        source->job = NULL;
        enum error_code code = result_code(execution_result(job->execution));
        if (code == E_NOT_FOUND && !job->sources->agent && source == &job->sources->events && !source->lacking) {
                source->lacking = true;
                source_restart(source);
                return;
        }
        source->lacking = false; /* the next attempt asks the agent again */
        source_failed(source, job_error(job), code == E_NOT_FOUND || code == E_PERMISSION ? RARE_NS : 0);
}

/* Without words from the kernel there are no rows: it counts as live once it stands for a while. */
static struct job *watch_here(struct source *source, struct error *err)
{
        return job_run(source->sources, "watch", SV("{\"rules\":[\"starter\"]}"), err);
}

void events_begin(struct source *source)
{
        struct error err;
        struct sources *sources = source->sources;
        const char *agent = source->lacking ? NULL : sources_agent(sources);
        const char *lack = source->lacking ? "the agent has no watch" : "no agent answers";
        char message[128];
        char path[128];
        if (!agent && geteuid() != 0) {
                snprintf(message, sizeof(message), "%s: watching from here needs root", lack);
                source_is_off(source, message);
                return;
        }
        if (!agent && !source->wanted) {
                snprintf(message, sizeof(message), "%s: open the view events to watch from here", lack);
                source_is_off(source, message);
                return;
        }
        if (source->last_id && agent)
                snprintf(
                        path, sizeof(path), "/v1/modules/watch/stream?after=%llu", (unsigned long long)source->last_id);
        else
                snprintf(path, sizeof(path), "/v1/modules/watch/stream?since=1m");
        struct job *job = agent ? job_fetch(sources, agent, "GET", path, sv_n("", 0), &err) : watch_here(source, &err);
        if (!job) {
                source_failed(source, err.message, 0);
                return;
        }
        job->source = source;
        job->on_row = agent ? on_fetched_event : on_own_event;
        job->on_end = on_stream_end;
        source->job = job;
        if (source->state != SOURCE_DOWN)
                source_starts(source, agent ? "waiting for the first event" : "watch begins here");
}

/* ---- alerts ---- */

static void on_alerts(struct job *job, struct sv json)
{
        struct sv alerts = scan_find(json, "data");
        if (!alerts.n)
                return;
        source_is_live(&job->sources->alerts);
        sources_tell_kind(job->sources, SV("alerts"), alerts);
}

/* Without the list the stream is not all: both again. */
static void lack_list(struct source *source, const char *why)
{
        if (!source->job)
                return;
        job_drop(take_ptr(source->job));
        source_failed(source, why, 0);
}

static void on_list_end(struct job *job)
{
        if (!result_success(execution_result(job->execution)))
                lack_list(&job->sources->alerts, job_error(job));
}

/* Once the stream stands, so that nothing falls between them. */
static void ask_list(struct job *stream)
{
        struct error err;
        struct sources *sources = stream->sources;
        const char *agent = sources_agent(sources);
        if (!agent)
                return; /* the stream is about to end */
        struct job *job = job_fetch(sources, agent, "GET", "/v1/modules/alerts/alerts?limit=1000", sv_n("", 0), &err);
        if (!job) {
                lack_list(&sources->alerts, err.message);
                return;
        }
        job->on_row = on_alerts;
        job->on_end = on_list_end;
}

static void on_alert(struct job *job, struct sv json)
{
        struct sv alert = scan_find(json, "data");
        if (!job->source || !alert.n || alert.p[0] != '{')
                return;
        source_is_live(job->source);
        sources_tell_kind(job->sources, SV("alert"), alert);
}

void alerts_begin(struct source *source)
{
        struct error err;
        const char *agent = sources_agent(source->sources);
        if (!agent) {
                source_is_off(source, "no agent answers: alerts are those of the events seen here");
                return;
        }
        struct job *job = job_fetch(source->sources, agent, "GET", "/v1/modules/alerts/stream", sv_n("", 0), &err);
        if (!job) {
                source_failed(source, err.message, 0);
                return;
        }
        job->source = source;
        job->on_open = ask_list;
        job->on_row = on_alert;
        job->on_end = on_stream_end;
        source->job = job;
        if (source->state != SOURCE_DOWN)
                source_starts(source, "asking the agent");
}
