#include "linux/diskstats.h"

static bool next_number(struct sv *rest, uint64_t *ret)
{
        struct sv word;
        return sv_word(rest, &word) && sv_parse_u64(word, 10, ret);
}

bool diskstats_parse_line(struct sv line, struct diskstats *ret)
{
        struct diskstats row = { 0 };
        uint64_t major;
        uint64_t minor;
        struct sv name;
        if (!next_number(&line, &major) || !next_number(&line, &minor) || major > UINT32_MAX || minor > UINT32_MAX ||
                !sv_word(&line, &name) || name.n >= sizeof(row.name) || memchr(name.p, '\0', name.n))
                return false;
        row.major = (uint32_t)major;
        row.minor = (uint32_t)minor;
        memcpy(row.name, name.p, name.n);
        uint64_t counters[DISKSTATS_FIELDS_MAX] = { 0 };
        struct sv rest = sv_trim(line);
        while (rest.n && row.fields < DISKSTATS_FIELDS_MAX) /* later kernels append more */
                if (!next_number(&rest, &counters[row.fields++]))
                        return false;
        uint64_t *const into[DISKSTATS_FIELDS_MAX] = { &row.reads_completed, &row.reads_merged, &row.sectors_read,
                &row.read_time_ms, &row.writes_completed, &row.writes_merged, &row.sectors_written, &row.write_time_ms,
                &row.io_in_progress, &row.io_time_ms, &row.weighted_io_time_ms, &row.discards_completed,
                &row.discards_merged, &row.sectors_discarded, &row.discard_time_ms, &row.flushes_completed,
                &row.flush_time_ms };
        if (row.fields == 4) { /* reads, sectors read, writes, sectors written */
                row.reads_completed = counters[0];
                row.sectors_read = counters[1];
                row.writes_completed = counters[2];
                row.sectors_written = counters[3];
        } else if (row.fields < 11) {
                return false;
        } else {
                for (size_t i = 0; i < row.fields; i++)
                        *into[i] = counters[i];
        }
        *ret = row;
        return true;
}
