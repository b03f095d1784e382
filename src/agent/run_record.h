/* What the run log says about a run. */
#pragma once

#include "agent/runs.h"

/* asked: as the caller put it; granted: after the ceilings. */
int run_record_intent(struct agent *agent, const char *id, const struct run_request *asked,
        const struct run_request *granted, struct error *err);

struct run_summary {
        struct result *result;
        const char *ended_by; /* who or what stopped it, or NULL */
        int64_t cpu_ns;
        uint64_t peak;
        int64_t took_ns;
        uint64_t size; /* bytes of frames */
};

int run_record_completed(struct agent *agent, const char *id, const char *module, const char *identity,
        const char *door, const struct run_summary *summary, struct error *err);

/* The DONE frame's JSON for a result that the worker did not end by itself. */
void run_record_done(const struct result *result, struct buf *out);
