#include "linux/kernel_stat.h"

#include "base/cleanup.h"
#include "base/path.h"
#include "base/timefmt.h"
#include "linux/decimal.h"

enum { STAT_TEXT_MAX = 16 << 20 /* one "intr" line has a number for each of up to half a million interrupts */ };

static int read_text(int root, const char *path, size_t max, struct buf *buf, struct sv *ret, struct error *err)
{
        buf_init(buf, max);
        if (file_read(root, path, buf, err) < 0)
                return -1;
        *ret = sv_n(buf_text(buf), buf->len);
        return 0;
}

/* "0.21 0.37 0.39 1/719 19737" */
int loadavg_parse(struct sv text, struct loadavg *ret, struct error *err)
{
        struct loadavg load;
        double *const averages[] = { &load.load1, &load.load5, &load.load15 };
        struct sv rest = sv_trim(text);
        struct sv word;
        for (size_t i = 0; i < 3; i++) {
                int64_t billionths;
                if (!sv_word(&rest, &word) || !decimal_parse(word, &billionths))
                        return fail(err, E_CORRUPT, "loadavg: \"%.*s\"", SV_ARG(text));
                *averages[i] = (double)billionths / 1e9;
        }
        uint64_t runnable;
        uint64_t total;
        uint64_t last;
        struct sv pid;
        if (!sv_word(&rest, &word) || !sv_word(&rest, &pid))
                return fail(err, E_CORRUPT, "loadavg: \"%.*s\"", SV_ARG(text));
        size_t slash = sv_find(word, '/');
        if (slash == word.n || !sv_parse_u64(sv_n(word.p, slash), 10, &runnable) ||
                !sv_parse_u64(sv_n(word.p + slash + 1, word.n - slash - 1), 10, &total) ||
                !sv_parse_u64(pid, 10, &last) || runnable > UINT32_MAX || total > UINT32_MAX || last > INT32_MAX)
                return fail(err, E_CORRUPT, "loadavg: \"%.*s\"", SV_ARG(text));
        load.runnable = (uint32_t)runnable;
        load.total = (uint32_t)total;
        load.last_pid = (pid_t)last;
        *ret = load;
        return 0;
}

int loadavg_read(int root, struct loadavg *ret, struct error *err)
{
        cleanup(buf_done) struct buf buf;
        struct sv text;
        if (read_text(root, "proc/loadavg", 4096, &buf, &text, err) < 0)
                return -1;
        return loadavg_parse(text, ret, err);
}

int uptime_parse(struct sv text, struct uptime *ret, struct error *err)
{
        struct uptime uptime;
        struct sv rest = sv_trim(text);
        struct sv up;
        struct sv idle;
        /* billionths of a second are nanoseconds */
        if (!sv_word(&rest, &up) || !sv_word(&rest, &idle) || !decimal_parse(up, &uptime.uptime_ns) ||
                !decimal_parse(idle, &uptime.idle_ns))
                return fail(err, E_CORRUPT, "uptime: \"%.*s\"", SV_ARG(text));
        *ret = uptime;
        return 0;
}

int uptime_read(int root, struct uptime *ret, struct error *err)
{
        cleanup(buf_done) struct buf buf;
        struct sv text;
        if (read_text(root, "proc/uptime", 4096, &buf, &text, err) < 0)
                return -1;
        return uptime_parse(text, ret, err);
}

static bool parse_cpu_times(struct sv rest, struct kernel_stat *into)
{
        uint64_t *const columns[] = { &into->user, &into->nice, &into->kernel, &into->idle, &into->iowait, &into->irq,
                &into->softirq, &into->steal, &into->guest, &into->guest_nice };
        struct sv word;
        size_t i = 0;
        for (; i < sizeof(columns) / sizeof(*columns) && sv_word(&rest, &word); i++)
                if (!sv_parse_u64(word, 10, columns[i]))
                        return false;
        return i >= 4; /* the later ones came one by one with Linux 2.5.41 to 2.6.33 */
}

static bool parse_stat_line(struct sv key, struct sv rest, struct kernel_stat *into, bool *ret_boot)
{
        if (sv_eq(key, SV("cpu")))
                return parse_cpu_times(rest, into);
        if (sv_starts(key, SV("cpu"))) {
                into->cpus++;
                return true;
        }
        uint64_t running = 0;
        uint64_t blocked = 0;
        uint64_t boot = 0;
        const struct {
                struct sv key;
                uint64_t *into;
        } rows[] = {
                { SV("intr"), &into->interrupts },
                { SV("ctxt"), &into->context_switches },
                { SV("processes"), &into->forks },
                { SV("softirq"), &into->softirqs },
                { SV("procs_running"), &running },
                { SV("procs_blocked"), &blocked },
                { SV("btime"), &boot },
        };
        for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
                struct sv word;
                if (sv_eq(key, rows[i].key) && (!sv_word(&rest, &word) || !sv_parse_u64(word, 10, rows[i].into)))
                        return false;
        }
        if (running > UINT32_MAX || blocked > UINT32_MAX || boot > (uint64_t)(INT64_MAX / SECOND))
                return false;
        if (sv_eq(key, SV("procs_running")))
                into->running = (uint32_t)running;
        if (sv_eq(key, SV("procs_blocked")))
                into->blocked = (uint32_t)blocked;
        if (sv_eq(key, SV("btime"))) {
                into->boot_unix_ns = (int64_t)boot * SECOND;
                *ret_boot = true;
        }
        return true;
}

int kernel_stat_parse(struct sv text, struct kernel_stat *ret, struct error *err)
{
        struct kernel_stat stat = { 0 };
        bool has_boot = false;
        struct sv line;
        while (sv_line(&text, &line)) {
                struct sv key;
                struct sv rest = line;
                if (sv_word(&rest, &key) && !parse_stat_line(key, rest, &stat, &has_boot))
                        return fail(err, E_CORRUPT, "stat: row %.*s", SV_ARG(key));
        }
        if (!has_boot)
                return fail(err, E_CORRUPT, "stat: no btime");
        *ret = stat;
        return 0;
}

int kernel_stat_read(int root, struct kernel_stat *ret, struct error *err)
{
        cleanup(buf_done) struct buf buf;
        struct sv text;
        if (read_text(root, "proc/stat", STAT_TEXT_MAX, &buf, &text, err) < 0)
                return -1;
        return kernel_stat_parse(text, ret, err);
}

struct vmstat_row {
        struct sv key;
        size_t offset;
        bool prefix; /* allocstall is told by zone: allocstall_dma, … */
};

#define VMSTAT(key, member, prefix)                                                                                    \
        {                                                                                                              \
                { key, sizeof(key) - 1 }, offsetof(struct vmstat, member), prefix                                      \
        }

static const struct vmstat_row vmstat_rows[] = {
        VMSTAT("pgfault", page_faults, false),
        VMSTAT("pgmajfault", major_faults, false),
        VMSTAT("pgpgin", paged_in_kib, false),
        VMSTAT("pgpgout", paged_out_kib, false),
        VMSTAT("pswpin", swapped_in, false),
        VMSTAT("pswpout", swapped_out, false),
        VMSTAT("pgscan_direct", scanned_direct, false),
        VMSTAT("pgscan_kswapd", scanned_kswapd, false),
        VMSTAT("pgsteal_direct", stolen_direct, false),
        VMSTAT("pgsteal_kswapd", stolen_kswapd, false),
        VMSTAT("allocstall", allocation_stalls, true),
        VMSTAT("compact_stall", compaction_stalls, false),
        VMSTAT("oom_kill", out_of_memory_kills, false),
};

int vmstat_parse(struct sv text, struct vmstat *ret, struct error *err)
{
        struct vmstat stat = { 0 };
        bool has_faults = false;
        struct sv line;
        while (sv_line(&text, &line)) {
                struct sv key;
                struct sv rest = line;
                uint64_t value;
                if (!sv_word(&rest, &key) || !sv_parse_u64(sv_trim(rest), 10, &value))
                        continue;
                for (size_t i = 0; i < sizeof(vmstat_rows) / sizeof(*vmstat_rows); i++) {
                        const struct vmstat_row *row = &vmstat_rows[i];
                        if (row->prefix ? !sv_starts(key, row->key) : !sv_eq(key, row->key))
                                continue;
                        uint64_t *into = (uint64_t *)(void *)((char *)&stat + row->offset);
                        if (__builtin_add_overflow(*into, value, into))
                                return fail(err, E_CORRUPT, "vmstat: %.*s overflows", SV_ARG(key));
                }
                has_faults |= sv_eq(key, SV("pgfault"));
        }
        if (!has_faults)
                return fail(err, E_CORRUPT, "vmstat: no pgfault");
        *ret = stat;
        return 0;
}

int vmstat_read(int root, struct vmstat *ret, struct error *err)
{
        cleanup(buf_done) struct buf buf;
        struct sv text;
        if (read_text(root, "proc/vmstat", 1 << 20, &buf, &text, err) < 0)
                return -1;
        return vmstat_parse(text, ret, err);
}
