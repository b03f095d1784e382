#include "linux/cgroup_stats_parse.h"

#include "base/timefmt.h"

#include <stddef.h>

/* A line "key value" whose value goes to a uint64_t of a structure. Tables stand in the kernel's order: a search begins
 * behind the last find, so a line that is wanted is mostly the first tried. */
struct key {
        const char *name;
        uint8_t length;
        uint16_t offset;
};

#define KEY(structure, text, member)                                                                                   \
        {                                                                                                              \
                text, sizeof(text) - 1, offsetof(structure, member)                                                    \
        }

struct keys {
        const struct key *rows;
        size_t count;
};

#define KEYS(array) ((struct keys){ (array), sizeof(array) / sizeof(*(array)) })

/* Digits up to `end` and nothing else. */
static bool parse_digits(const char *p, const char *end, uint64_t *ret)
{
        uint64_t value = 0;
        if (p == end)
                return false;
        for (; p < end; p++) {
                unsigned digit = (unsigned char)*p - (unsigned)'0';
                if (digit > 9 || __builtin_mul_overflow(value, 10, &value) ||
                        __builtin_add_overflow(value, digit, &value))
                        return false;
        }
        *ret = value;
        return true;
}

static bool parse_view(struct sv text, uint64_t *ret)
{
        return parse_digits(text.p, text.p + text.n, ret);
}

bool cgroup_parse_number(struct sv text, uint64_t *ret)
{
        if (text.n && text.p[text.n - 1] == '\n')
                text.n--;
        if (text.n == 3 && memcmp(text.p, "max", 3) == 0) {
                *ret = CGROUP_NO_LIMIT;
                return true;
        }
        return parse_view(text, ret);
}

static const struct key *find_key(struct keys keys, struct sv name, size_t *next)
{
        for (size_t i = 0; i < keys.count; i++) {
                size_t at = *next + i < keys.count ? *next + i : *next + i - keys.count;
                const struct key *key = &keys.rows[at];
                if (key->length != name.n || memcmp(key->name, name.p, name.n) != 0)
                        continue;
                *next = at + 1 < keys.count ? at + 1 : 0;
                return key;
        }
        return NULL;
}

static void *member(void *structure, const struct key *key)
{
        return (char *)structure + key->offset;
}

/* Takes one "name value" line off *text; false at the end. A line without a blank has an empty value. */
static bool next_pair(struct sv *text, struct sv *ret_name, struct sv *ret_value)
{
        if (text->n == 0)
                return false;
        const char *end = text->p + text->n;
        const char *newline = memchr(text->p, '\n', text->n);
        const char *stop = newline ? newline : end;
        size_t length = (size_t)(stop - text->p);
        const char *blank = length ? memchr(text->p, ' ', length) : NULL;
        *ret_name = sv_n(text->p, blank ? (size_t)(blank - text->p) : length);
        *ret_value = blank ? sv_n(blank + 1, (size_t)(stop - blank - 1)) : sv_n(stop, 0);
        *text = newline ? sv_n(newline + 1, (size_t)(end - newline - 1)) : sv_n(end, 0);
        return true;
}

/* How many of the keys were there. */
static size_t parse_pairs(struct sv text, struct keys keys, void *structure, uint64_t scale, size_t *refused)
{
        size_t next = 0;
        size_t found = 0;
        struct sv name;
        struct sv value;
        while (next_pair(&text, &name, &value)) {
                uint64_t number;
                const struct key *key = find_key(keys, name, &next);
                if (!key)
                        continue;
                if (!parse_view(value, &number) || __builtin_mul_overflow(number, scale, &number)) {
                        ++*refused;
                        continue;
                }
                *(uint64_t *)member(structure, key) = number;
                found++;
        }
        return found;
}

void cgroup_parse_cpu_stat_v1(struct sv text, struct cgroup_cpu *cpu, size_t *refused)
{
        static const struct key keys[] = {
                KEY(struct cgroup_cpu, "nr_periods", periods),
                KEY(struct cgroup_cpu, "nr_throttled", throttled_periods),
                KEY(struct cgroup_cpu, "throttled_time", throttled_ns),
                KEY(struct cgroup_cpu, "nr_bursts", burst_periods),
                KEY(struct cgroup_cpu, "burst_time", burst_ns),
        };
        parse_pairs(text, KEYS(keys), cpu, 1, refused);
}

bool cgroup_parse_cpu_stat_v2(struct sv text, struct cgroup_cpu *cpu, size_t *refused)
{
        static const struct key times[] = {
                KEY(struct cgroup_cpu, "usage_usec", total_ns),
                KEY(struct cgroup_cpu, "user_usec", user_ns),
                KEY(struct cgroup_cpu, "system_usec", system_ns),
                KEY(struct cgroup_cpu, "throttled_usec", throttled_ns),
                KEY(struct cgroup_cpu, "burst_usec", burst_ns),
        };
        static const struct key counts[] = {
                KEY(struct cgroup_cpu, "nr_periods", periods),
                KEY(struct cgroup_cpu, "nr_throttled", throttled_periods),
                KEY(struct cgroup_cpu, "nr_bursts", burst_periods),
        };
        parse_pairs(text, KEYS(counts), cpu, 1, refused);
        return parse_pairs(text, KEYS(times), cpu, MICROSECOND, refused) > 0;
}

void cgroup_parse_cpuacct_stat(struct sv text, uint64_t hertz, struct cgroup_cpu *cpu, size_t *refused)
{
        static const struct key keys[] = {
                KEY(struct cgroup_cpu, "user", user_ns),
                KEY(struct cgroup_cpu, "system", system_ns),
        };
        parse_pairs(text, KEYS(keys), cpu, (uint64_t)SECOND / (hertz ? hertz : 1), refused);
}

int cgroup_parse_per_cpu(
        struct sv text, struct arena *arena, struct cgroup_cpu *cpu, size_t *refused, struct error *err)
{
        struct sv rest = sv_trim(text);
        struct sv word;
        size_t count = 0;
        for (struct sv counted = rest; sv_word(&counted, &word);)
                count++;
        if (count > CGROUP_CPUS_MAX) {
                *refused += count - CGROUP_CPUS_MAX;
                count = CGROUP_CPUS_MAX;
        }
        if (count == 0)
                return 0;
        uint64_t *times = arena_array(arena, count, sizeof(*times));
        if (!times)
                return fail(err, E_NO_MEMORY, "no memory for %zu processors of a control group", count);
        for (size_t i = 0; i < count && sv_word(&rest, &word); i++)
                if (!parse_view(word, &times[i]))
                        ++*refused; /* its place stays, 0: the others keep their numbers */
        cpu->per_cpu_ns = times;
        cpu->per_cpu_count = count;
        return 0;
}

#define STAT(text, member) KEY(struct cgroup_memory_stat, text, member)

void cgroup_parse_memory_stat_v1(
        struct sv text, struct cgroup_memory_stat *ret_own, struct cgroup_memory_stat *ret_total, size_t *refused)
{
        static const struct key keys[] = {
                STAT("cache", cache),
                STAT("rss", rss),
                STAT("mapped_file", mapped_file),
                STAT("dirty", dirty),
                STAT("writeback", writeback),
                STAT("workingset_refault_anon", refault_anon),
                STAT("workingset_refault_file", refault_file),
                STAT("swap", swap),
                STAT("pgfault", pgfault),
                STAT("pgmajfault", pgmajfault),
                STAT("inactive_anon", inactive_anon),
                STAT("active_anon", active_anon),
                STAT("inactive_file", inactive_file),
                STAT("active_file", active_file),
        };
        struct cgroup_memory_stat own = { 0 };
        struct cgroup_memory_stat total = { 0 };
        size_t next = 0;
        struct sv name;
        struct sv value;
        while (next_pair(&text, &name, &value)) {
                struct cgroup_memory_stat *stat = &own;
                if (name.n > 6 && memcmp(name.p, "total_", 6) == 0) {
                        stat = &total;
                        name = sv_n(name.p + 6, name.n - 6);
                }
                const struct key *key = find_key(KEYS(keys), name, &next);
                if (key && !parse_view(value, member(stat, key)))
                        ++*refused;
        }
        *ret_own = own;
        *ret_total = total;
}

void cgroup_parse_memory_stat_v2(struct sv text, struct cgroup_memory_stat *ret, size_t *refused)
{
        static const struct key keys[] = {
                STAT("anon", rss),
                STAT("file", cache),
                STAT("kernel", kernel),
                STAT("kernel_stack", kernel_stack),
                STAT("pagetables", pagetables),
                STAT("percpu", percpu),
                STAT("vmalloc", vmalloc),
                STAT("file_mapped", mapped_file),
                STAT("file_dirty", dirty),
                STAT("file_writeback", writeback),
                STAT("inactive_anon", inactive_anon),
                STAT("active_anon", active_anon),
                STAT("inactive_file", inactive_file),
                STAT("active_file", active_file),
                STAT("slab", slab),
                STAT("workingset_refault", refault_file), /* before Linux 5.9 files alone were counted */
                STAT("workingset_refault_anon", refault_anon),
                STAT("workingset_refault_file", refault_file),
                STAT("pgscan", pgscan),
                STAT("pgsteal", pgsteal),
                STAT("pgfault", pgfault),
                STAT("pgmajfault", pgmajfault),
        };
        struct cgroup_memory_stat stat = { 0 };
        parse_pairs(text, KEYS(keys), &stat, 1, refused);
        *ret = stat;
}

void cgroup_parse_memory_events(struct sv text, struct cgroup_memory *memory, size_t *refused)
{
        static const struct key keys[] = {
                KEY(struct cgroup_memory, "low", events_low),
                KEY(struct cgroup_memory, "high", events_high),
                KEY(struct cgroup_memory, "max", events_max),
                KEY(struct cgroup_memory, "oom", events_oom),
                KEY(struct cgroup_memory, "oom_kill", events_oom_kill),
                KEY(struct cgroup_memory, "oom_group_kill", events_oom_group_kill),
        };
        parse_pairs(text, KEYS(keys), memory, 1, refused);
}

void cgroup_parse_swap_events(struct sv text, struct cgroup_memory *memory, size_t *refused)
{
        static const struct key keys[] = {
                KEY(struct cgroup_memory, "high", swap_events_high),
                KEY(struct cgroup_memory, "max", swap_events_max),
                KEY(struct cgroup_memory, "fail", swap_events_fail),
        };
        parse_pairs(text, KEYS(keys), memory, 1, refused);
}

void cgroup_parse_oom_control(struct sv text, struct cgroup_memory *memory, size_t *refused)
{
        static const struct key keys[] = { KEY(struct cgroup_memory, "oom_kill", events_oom_kill) };
        parse_pairs(text, KEYS(keys), memory, 1, refused);
}

void cgroup_parse_huge_events(struct sv text, uint64_t *failcnt, size_t *refused)
{
        static const struct key keys[] = { { "max", 3, 0 } };
        parse_pairs(text, KEYS(keys), failcnt, 1, refused);
}

bool cgroup_parse_freezer_state(struct sv text)
{
        text = sv_trim(text);
        return sv_eq(text, SV("FROZEN")) || sv_eq(text, SV("FREEZING"));
}

bool cgroup_parse_events_frozen(struct sv text)
{
        static const struct key keys[] = { { "frozen", 6, 0 } };
        uint64_t frozen = 0;
        size_t refused = 0;
        parse_pairs(text, KEYS(keys), &frozen, 1, &refused);
        return frozen != 0;
}

bool cgroup_parse_cpu_max(struct sv text, uint64_t *ret_quota_us, uint64_t *ret_period_us)
{
        struct sv rest = sv_trim(text);
        struct sv quota_text;
        struct sv period_text;
        uint64_t quota;
        uint64_t period;
        if (!sv_word(&rest, &quota_text) || !sv_word(&rest, &period_text) || sv_trim(rest).n)
                return false;
        if (!cgroup_parse_number(quota_text, &quota) || !parse_view(period_text, &period))
                return false;
        *ret_quota_us = quota == CGROUP_NO_LIMIT ? 0 : quota;
        *ret_period_us = period;
        return true;
}

uint64_t cgroup_weight_to_shares(uint64_t weight)
{
        return weight < 1 || weight > 10000 ? 0 : 2 + ((weight - 1) * 262142) / 9999;
}
