/* A block holds an hour of records: varint of a mask with a bit a figure that changed (bit 6: the minute has CPU), then
 * the zigzag distances. Memory figures are multiples of a page mostly, and so are their distances; they are shifted by
 * 12 where both are (bit 7 of the mask). */
#include "modules/metrics/collect/summary.h"

#include <math.h>

enum { HAS_CPU = 1 << 6, PAGES = 1 << 7, PAGE_SHIFT = 12, RECORD_MAX = 2 + 6 * PACKED_BYTES_MAX };

struct summary_block {
        struct summary_block *next;
        struct summary_minute before; /* the record that the first one differs from */
        uint16_t used, size, count;
        uint8_t bytes[];
};

enum { BLOCK_SIZE_FIRST = 48, BLOCK_SIZE_MAX = SUMMARY_BLOCK_MINUTES * RECORD_MAX };

bool summary_cpu_rate(int64_t from_ns, uint64_t from, int64_t to_ns, uint64_t to, uint64_t *ret)
{
        if (to_ns - from_ns < 10 * MILLISECOND || to < from)
                return false;
        *ret = (uint64_t)((__uint128_t)(to - from) * 1000 / (uint64_t)(to_ns - from_ns));
        return true;
}

static int by_value(const void *a, const void *b)
{
        uint64_t x = *(const uint64_t *)a;
        uint64_t y = *(const uint64_t *)b;
        return x < y ? -1 : x > y;
}

uint64_t summary_percentile(uint64_t *values, size_t count, double share)
{
        if (count == 0)
                return 0;
        qsort(values, count, sizeof(*values), by_value);
        double rank = share * ((double)count + 1);
        size_t index = rank < 1 ? 1 : (size_t)rank;
        if (index >= count)
                return values[count - 1];
        /* cAdvisor takes no share of the distance at the lowest rank */
        double part = index > 1 ? rank - floor(rank) : 0;
        return (uint64_t)((double)values[index - 1] + part * (double)(values[index] - values[index - 1]));
}

/* ---- figures of one resource ---- */

struct figures {
        uint64_t *values; /* what percentiles are of */
        size_t count, max;
        uint64_t seen, highest;
        double mean, squares; /* Welford's */
};

static void add_figure(struct figures *figures, uint64_t mean, uint64_t highest, uint64_t value)
{
        if (figures->count < figures->max)
                figures->values[figures->count++] = value;
        if (highest > figures->highest)
                figures->highest = highest;
        figures->seen++;
        double distance = (double)mean - figures->mean;
        figures->mean += distance / (double)figures->seen;
        figures->squares += distance * ((double)mean - figures->mean);
}

static struct percentiles percentiles_of(struct figures *figures)
{
        return (struct percentiles){ .present = true,
                .mean = (uint64_t)figures->mean,
                .std = figures->seen ? (uint64_t)sqrt(figures->squares / (double)figures->seen) : 0,
                .max = figures->highest,
                .fifty = summary_percentile(figures->values, figures->count, 0.5),
                .ninety = summary_percentile(figures->values, figures->count, 0.9),
                .ninetyfive = summary_percentile(figures->values, figures->count, 0.95),
                .count = figures->seen };
}

/* ---- records ---- */

static uint64_t *figure(struct summary_minute *minute, size_t i)
{
        return i < SUMMARY_FIGURES ? &minute->cpu[i] : &minute->memory[i - SUMMARY_FIGURES];
}

static size_t write_record(const struct summary_minute *before, const struct summary_minute *now, uint8_t *ret)
{
        struct summary_minute a = *before;
        struct summary_minute b = *now;
        uint64_t low = 0;
        for (size_t i = SUMMARY_FIGURES; i < 2 * SUMMARY_FIGURES; i++)
                low |= *figure(&b, i) - *figure(&a, i);
        bool pages = (low & ((1 << PAGE_SHIFT) - 1)) == 0;
        unsigned mask = (b.has_cpu ? HAS_CPU : 0) | (pages ? PAGES : 0);
        for (size_t i = 0; i < 2 * SUMMARY_FIGURES; i++)
                mask |= *figure(&a, i) != *figure(&b, i) ? 1u << i : 0;
        size_t n = packed_put_varint(mask ^ PAGES, ret); /* pages are the rule: one byte then */
        for (size_t i = 0; i < 2 * SUMMARY_FIGURES; i++) {
                if (!(mask & 1u << i))
                        continue;
                int64_t distance = (int64_t)(*figure(&b, i) - *figure(&a, i));
                if (pages && i >= SUMMARY_FIGURES)
                        distance >>= PAGE_SHIFT;
                n += packed_put_varint(packed_zigzag(distance), ret + n);
        }
        return n;
}

static size_t read_record(const uint8_t *bytes, size_t size, struct summary_minute *minute)
{
        uint64_t mask;
        size_t n = packed_get_varint(bytes, size, &mask);
        if (!n)
                return 0;
        mask ^= PAGES;
        for (size_t i = 0; i < 2 * SUMMARY_FIGURES; i++) {
                uint64_t distance;
                if (!(mask & 1u << i))
                        continue;
                size_t m = packed_get_varint(bytes + n, size - n, &distance);
                if (!m)
                        return 0;
                unsigned shift = mask & PAGES && i >= SUMMARY_FIGURES ? PAGE_SHIFT : 0;
                *figure(minute, i) += (uint64_t)packed_unzigzag(distance) << shift;
                n += m;
        }
        minute->has_cpu = mask & HAS_CPU;
        return n;
}

static void drop_block(struct summary *summary)
{
        struct summary_block *block = summary->oldest;
        summary->oldest = block->next;
        if (!summary->oldest)
                summary->newest = NULL;
        summary->count -= block->count;
        summary->bytes -= sizeof(*block) + block->size;
        free(block);
}

void summary_done(struct summary *summary)
{
        while (summary->oldest)
                drop_block(summary);
}

static int begin_block(struct summary *summary, struct error *err)
{
        struct summary_block *block = calloc(1, sizeof(*block) + BLOCK_SIZE_FIRST);
        if (!block)
                return fail(err, E_NO_MEMORY, "no memory for a summary");
        block->size = BLOCK_SIZE_FIRST;
        block->before = summary->last;
        summary->bytes += sizeof(*block) + block->size;
        if (summary->newest)
                summary->newest->next = block;
        else
                summary->oldest = block;
        summary->newest = block;
        return 0;
}

static int add_minute(struct summary *summary, const struct summary_minute *minute, struct error *err)
{
        uint8_t record[RECORD_MAX];
        if ((!summary->newest || summary->newest->count == SUMMARY_BLOCK_MINUTES) && begin_block(summary, err) < 0)
                return -1;
        struct summary_block *block = summary->newest;
        size_t n = write_record(&summary->last, minute, record);
        if (n > (size_t)(block->size - block->used)) {
                size_t size = block->size + n + block->size / 2;
                size = size > BLOCK_SIZE_MAX ? BLOCK_SIZE_MAX : size;
                struct summary_block **link = &summary->oldest;
                while (*link != block)
                        link = &(*link)->next;
                struct summary_block *grown = realloc(block, sizeof(*block) + size);
                if (!grown)
                        return fail(err, E_NO_MEMORY, "no memory for a summary");
                summary->bytes += size - grown->size;
                grown->size = (uint16_t)size;
                *link = summary->newest = block = grown;
        }
        memcpy(block->bytes + block->used, record, n);
        block->used += (uint16_t)n;
        block->count++;
        summary->count++;
        summary->last = *minute;
        while (summary->count - summary->oldest->count >= SUMMARY_DAY)
                drop_block(summary);
        return 0;
}

/* ---- a minute out of samples ---- */

struct gathering {
        struct figures cpu, memory;
        int64_t first_ns, last_ns;
        uint64_t last_cpu;
        bool any;
};

static int gather(const struct packed *packed, void *cookie)
{
        struct gathering *gathering = cookie;
        int64_t time_ns = (int64_t)packed->values[PACKED_TIME];
        uint64_t cpu = packed->values[PACKED_CPU_TOTAL];
        uint64_t memory = packed->values[PACKED_WORKING_SET];
        uint64_t rate;
        if (gathering->any) {
                /* as cAdvisor: a sample too near to the one before counts in neither */
                if (!summary_cpu_rate(gathering->last_ns, gathering->last_cpu, time_ns, cpu, &rate))
                        return 0;
                add_figure(&gathering->cpu, rate, rate, rate);
        } else {
                gathering->first_ns = time_ns;
                gathering->any = true;
        }
        add_figure(&gathering->memory, memory, memory, memory);
        gathering->last_ns = time_ns;
        gathering->last_cpu = cpu;
        return 0;
}

static int percent_complete(int64_t range_ns)
{
        return range_ns >= 58 * SECOND ? 100 : (int)(range_ns * 100 / MINUTE);
}

static struct summary_minute minute_of(const struct usage_summary *usage)
{
        return (struct summary_minute){
                .cpu = { usage->cpu.mean, usage->cpu.max, usage->cpu.ninety },
                .memory = { usage->memory.mean, usage->memory.max, usage->memory.ninety },
                .has_cpu = usage->cpu.count > 0,
        };
}

int summary_note(
        struct summary *summary, int64_t time_ns, const struct ring *ring, struct packed *packed, struct error *err)
{
        if (!summary->minute_ns || time_ns < summary->minute_ns) /* the first, or the clock was set back */
                summary->minute_ns = time_ns;
        if (time_ns - summary->minute_ns <= MINUTE)
                return 0;
        size_t max = ring_count(ring, summary->minute_ns, time_ns);
        max = max < SUMMARY_SAMPLES_MAX ? max : SUMMARY_SAMPLES_MAX;
        uint64_t *values = calloc(2 * max + 1, sizeof(*values));
        if (!values)
                return fail(err, E_NO_MEMORY, "no memory for a summary of %zu samples", max);
        struct gathering gathering = { .cpu = { .values = values, .max = max },
                .memory = { .values = values + max, .max = max } };
        ring_each(ring, packed, summary->minute_ns, time_ns, 0, gather, &gathering);
        summary->minute =
                (struct usage_summary){ .percent_complete = percent_complete(gathering.last_ns - gathering.first_ns),
                        .cpu = percentiles_of(&gathering.cpu),
                        .memory = percentiles_of(&gathering.memory) };
        free(values);
        summary->minute_ns = time_ns;
        struct summary_minute minute = minute_of(&summary->minute);
        return add_minute(summary, &minute, err);
}

/* ---- hour and day out of minutes ---- */

static void derive(const struct summary *summary, size_t minutes, uint64_t *values, struct usage_summary *ret)
{
        size_t count = summary->count < minutes ? summary->count : minutes;
        size_t skip = summary->count - count;
        struct figures cpu = { .values = values, .max = count };
        struct figures memory = { .values = values + count, .max = count };
        for (const struct summary_block *block = summary->oldest; block; block = block->next) {
                struct summary_minute minute = block->before;
                size_t n;
                for (size_t at = 0; at < block->used && (n = read_record(block->bytes + at, block->used - at, &minute));
                        at += n) {
                        if (skip) {
                                skip--;
                                continue;
                        }
                        if (minute.has_cpu)
                                add_figure(&cpu, minute.cpu[SUMMARY_MEAN], minute.cpu[SUMMARY_MAX],
                                        minute.cpu[SUMMARY_NINETY]);
                        add_figure(&memory, minute.memory[SUMMARY_MEAN], minute.memory[SUMMARY_MAX],
                                minute.memory[SUMMARY_NINETY]);
                }
        }
        *ret = (struct usage_summary){ .percent_complete = (int)(count * 100 / minutes),
                .cpu = percentiles_of(&cpu),
                .memory = percentiles_of(&memory) };
}

void summary_derive(const struct summary *summary, struct usage_summary *ret_hour, struct usage_summary *ret_day)
{
        *ret_hour = *ret_day = (struct usage_summary){ 0 };
        uint64_t *values = summary->count ? calloc(2 * (size_t)SUMMARY_DAY, sizeof(*values)) : NULL;
        if (!values)
                return;
        derive(summary, SUMMARY_HOUR, values, ret_hour);
        derive(summary, SUMMARY_DAY, values, ret_day);
        free(values);
}
