/* Samples as lines: cAdvisor's stdout driver ("cName=web host=… cpu_usage_total=1 …") and one JSON object a sample. */
#pragma once

#include "base/buf.h"
#include "modules/metrics/stats.h"

/* One line with its newline. host is --storage_driver_host there; now_ns (Unix) is its field timestamp. */
void stdout_render(const char *host, const struct container_ref *ref, const struct container_stats *stats,
        int64_t now_ns, struct buf *out);
/* {"time":…,"machine":…,"container":…,"name":…,"namespace":…,"image":…,"labels":{…},"figures":{…}} and a newline. */
void json_render(const char *machine, const struct container_ref *ref, const struct container_spec *spec,
        const struct container_stats *stats, struct buf *out);
