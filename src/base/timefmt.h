/* Time is int64_t nanoseconds everywhere (suffix _ns): monotonic for distances, Unix for dates. */
#pragma once

#include "base/sv.h"

#define MICROSECOND INT64_C(1000)
#define MILLISECOND INT64_C(1000000)
#define SECOND INT64_C(1000000000)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

#define KIB (UINT64_C(1) << 10)
#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

int64_t time_monotonic_ns(void);
int64_t time_unix_ns(void);
int64_t time_boot_ns(void);      /* since the boot, sleep of the machine counted: the clock of processes' starts */
int64_t time_boot_unix_ns(void); /* when that was, by the clocks as they are now */
int64_t time_cpu_ns(void);       /* CPU time of this process */

enum { TIME_TEXT_MAX = 64 };

/* RFC 3339 in UTC with as many fraction digits as needed: "2026-11-21T21:54:10.5Z". ret has TIME_TEXT_MAX bytes. */
void time_format_rfc3339(int64_t unix_ns, char *ret);

/* Go's time.String of a UTC time, as MIG prints it: "2026-11-21 21:54:10.5 +0000 UTC". */
void time_format_go_utc(int64_t unix_ns, char *ret);

/* RFC 3339 with Z or an offset; also "2026-11-21" and "2026-11-21 21:54:10" in UTC. */
bool time_parse(struct sv text, int64_t *ret_unix_ns);

/* Go's Duration.String: "1.5s", "1h2m0.5s", "100ms", "0s". */
void duration_format(int64_t duration_ns, char *ret);

/* Go's ParseDuration ("300ms", "-1.5h", "2h45m") and also d for days and w for weeks. A bare number needs a unit unless
 * 0. */
bool duration_parse(struct sv text, int64_t *ret_ns);

/* "10", "10k", "4m", "1g", "2t" in powers of 1024, either case, optionally followed by "b" or "ib". */
bool size_parse(struct sv text, uint64_t *ret_bytes);

/* "1.5 KiB", "460.1 GiB" into ret (TIME_TEXT_MAX bytes). */
void size_format(uint64_t bytes, char *ret);
