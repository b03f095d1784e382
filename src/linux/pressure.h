/* Pressure stall figures (PSI, Documentation/accounting/psi.rst): /proc/pressure/ and the cgroup files. */
#pragma once

#include "base/error.h"
#include "base/sv.h"

struct pressure_line {
        double avg10, avg60, avg300; /* percent */
        int64_t total_ns;            /* time stalled since boot */
};

struct pressure {
        struct pressure_line some, full;
        bool has_some, has_full;
};

int pressure_parse(struct sv text, struct pressure *ret, struct error *err);
/* path below dirfd: "proc/pressure/memory", or a cgroup's "memory.pressure". E_UNSUPPORTED when PSI is off
 * (EOPNOTSUPP), E_NOT_FOUND when the kernel has none. */
int pressure_read(int dirfd, const char *path, struct pressure *ret, struct error *err);
