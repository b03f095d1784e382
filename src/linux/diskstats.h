/* /proc/diskstats (Documentation/admin-guide/iostats.rst), one row a block device or partition. */
#pragma once

#include "base/sv.h"

enum { DISKSTATS_NAME_MAX = 32, DISKSTATS_FIELDS_MAX = 17 };

struct diskstats {
        uint32_t major, minor;
        char name[DISKSTATS_NAME_MAX];
        uint64_t reads_completed, reads_merged, sectors_read, read_time_ms;
        uint64_t writes_completed, writes_merged, sectors_written, write_time_ms;
        uint64_t io_in_progress, io_time_ms, weighted_io_time_ms;
        uint64_t discards_completed, discards_merged, sectors_discarded, discard_time_ms; /* Linux 4.18 */
        uint64_t flushes_completed, flush_time_ms;                                        /* Linux 5.5 */
        uint8_t fields; /* counters in the row: 11, 15, 17 or, of a partition before 2.6.25, 4 */
};

/* False when malformed. A sector is 512 bytes whatever the device has. */
bool diskstats_parse_line(struct sv line, struct diskstats *ret);
