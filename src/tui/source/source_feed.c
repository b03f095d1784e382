/* The feed: `metrics-feed` run here, or GET /v1/modules/metrics/feed of an agent. */
#include "tui/model/model.h"
#include "tui/model/scan.h"
#include "tui/source/source_internal.h"

static const char PARTS[] = "host,containers,processes,network,disks";

/* The first row of a new feed begins a whole picture: what it does not tell is gone. */
static struct source *source_of_row(struct job *job)
{
        struct source *source = job->source;
        if (source && job->rows == 1) {
                sources_tell_kind(job->sources, SV("begin"), SV("{}"));
                source_is_live(source);
        }
        return source;
}

static void on_own_row(struct job *job, struct sv json)
{
        if (source_of_row(job))
                sources_tell(job->sources, json);
}

/* {"event":KIND,"data":RECORD} */
static void on_fetched_row(struct job *job, struct sv json)
{
        char kind[32];
        size_t length = scan_text(scan_find(json, "event"), kind, sizeof(kind));
        struct sv record = scan_find(json, "data");
        if (length && record.n && source_of_row(job))
                sources_tell_kind(job->sources, sv_n(kind, length), record);
}

static void on_end(struct job *job)
{
        struct source *source = job->source;
        if (!source)
                return;
        source->job = NULL;
        source_failed(source, job_error(job), 0);
}

static struct job *start_at_agent(struct source *source, struct error *err)
{
        char path[256];
        char interval[TIME_TEXT_MAX];
        duration_format(source->sources->options.interval_ns, interval);
        snprintf(path, sizeof(path), "/v1/modules/metrics/feed?interval=%s&parts=%s", interval, PARTS);
        return job_fetch(source->sources, source->sources->agent, "GET", path, sv_n("", 0), err);
}

static struct job *start_here(struct source *source, struct error *err)
{
        char parameters[256];
        char interval[TIME_TEXT_MAX];
        duration_format(source->sources->options.interval_ns, interval);
        snprintf(parameters, sizeof(parameters),
                "{\"interval\":\"%s\",\"parts\":[\"host\",\"containers\",\"processes\",\"network\",\"disks\"]}",
                interval);
        return job_run(source->sources, "metrics-feed", sv_of(parameters), err);
}

void feed_begin(struct source *source)
{
        struct error err;
        bool remote = source->sources->agent != NULL;
        struct job *job = remote ? start_at_agent(source, &err) : start_here(source, &err);
        if (!job) {
                source_failed(source, err.message, 0);
                return;
        }
        job->source = source;
        job->on_row = remote ? on_fetched_row : on_own_row;
        job->on_end = on_end;
        source->job = job;
        if (source->state != SOURCE_DOWN)
                source_starts(source, remote ? "asking the agent" : "taking the first look");
}
