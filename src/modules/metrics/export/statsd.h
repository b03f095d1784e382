/* StatsD: "NAMESPACE.CONTAINER.FIGURE:VALUE|g", one a line, with the names of cAdvisor's driver. */
#pragma once

#include "base/buf.h"
#include "modules/metrics/stats.h"

enum { STATSD_PACKET_MAX = 1432 /* below Ethernet's 1500 with IPv6 and options: what StatsD servers recommend */ };

/* Appends a line a figure. name_space is "cadvisor" by default there (--storage_driver_db). Lines longer than a packet
 * are left out; how many. */
size_t statsd_render(
        const char *name_space, const struct container_ref *ref, const struct container_stats *stats, struct buf *out);
