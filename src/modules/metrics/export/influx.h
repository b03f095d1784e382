/* InfluxDB's line protocol, for POST /write?db=… (v1) and /api/v2/write (v2): one line a figure, with cAdvisor's
 * measurements and tags. */
#pragma once

#include "base/buf.h"
#include "modules/metrics/stats.h"

/* Appends the lines of one sample; machine is the tag of that name. Time in nanoseconds (precision=ns, the default). */
void influx_render(const char *machine, const struct container_ref *ref, const struct container_spec *spec,
        const struct container_stats *stats, struct buf *out);
/* The target of the request: "/write?db=DB&rp=POLICY" or "/api/v2/write?org=ORG&bucket=DB&precision=ns" when org is not
 * NULL; policy may be NULL. Values are percent-encoded. */
void influx_target(const char *db, const char *policy, const char *org, struct buf *out);
