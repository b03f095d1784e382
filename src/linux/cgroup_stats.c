#include "linux/cgroup_stats.h"

#include "base/cleanup.h"
#include "base/timefmt.h"
#include "linux/cgroup_stats_internal.h"
#include "linux/kernel_stat.h"
#include "linux/meminfo.h"

#include <unistd.h>

static uint64_t hertz(void)
{
        long ticks = sysconf(_SC_CLK_TCK);
        return ticks > 0 ? (uint64_t)ticks : 100;
}

/* What was read of a group that went away in the middle is no sample of it. */
static bool removed_meanwhile(struct cgroup_read_call *call, int dir, bool complete)
{
        if (complete || dir < 0 || !cgroup_dir_vanished(dir))
                return false;
        call->lost = true;
        return true;
}

/* The machine since boot, for a root group whose hierarchy does not tell. */
static bool read_root_cpu(struct cgroup_read_call *call)
{
        struct sv text;
        struct kernel_stat stat;
        struct cgroup_cpu *cpu = &call->stats.cpu;
        if (!cgroup_reader_file(&call->reader, call->root, "proc/stat", &text) ||
                kernel_stat_parse(text, &stat, NULL) < 0)
                return false;
        uint64_t tick_ns = (uint64_t)SECOND / hertz();
        cpu->user_ns = (stat.user + stat.nice) * tick_ns;
        cpu->system_ns = (stat.kernel + stat.irq + stat.softirq) * tick_ns;
        cpu->total_ns = cpu->user_ns + cpu->system_ns;
        return true;
}

/* The sum of cpuacct.usage_percpu is cpuacct.usage (cpuacct_cpuusage_read() of each possible CPU in both): one file
 * less. */
static int read_cpuacct_usage(struct cgroup_read_call *call, int acct, bool *ret)
{
        struct cgroup_cpu *cpu = &call->stats.cpu;
        size_t before = call->stats.refused;
        struct sv text;
        if ((call->flags & CGROUP_READ_PER_CPU) &&
                cgroup_reader_file(&call->reader, acct, "cpuacct.usage_percpu", &text) &&
                cgroup_parse_per_cpu(text, call->arena, cpu, &call->stats.refused, call->err) < 0)
                return -1;
        *ret = cpu->per_cpu_count && call->stats.refused == before;
        for (size_t i = 0; *ret && i < cpu->per_cpu_count; i++)
                cpu->total_ns += cpu->per_cpu_ns[i];
        if (!*ret)
                *ret = cgroup_reader_number(&call->reader, acct, "cpuacct.usage", &cpu->total_ns);
        return 0;
}

static int read_cpu(struct cgroup_read_call *call)
{
        struct cgroup_reader *reader = &call->reader;
        struct cgroup_cpu *cpu = &call->stats.cpu;
        size_t *refused = &call->stats.refused;
        int acct = reader->dirs[CGROUP_ROLE_CPUACCT];
        struct sv text;
        bool usage = false;
        if (read_cpuacct_usage(call, acct, &usage) < 0)
                return -1;
        bool modes = cgroup_reader_file(reader, acct, "cpuacct.stat", &text);
        if (modes)
                cgroup_parse_cpuacct_stat(text, hertz(), cpu, refused);
        if (removed_meanwhile(call, acct, usage && modes)) {
                *cpu = (struct cgroup_cpu){ 0 };
                usage = false;
        }
        /* a unit that systemd has in its own hierarchy and in v2 only, beside the controllers of v1 */
        if (!usage && cgroup_reader_file(reader, reader->dirs[CGROUP_ROLE_UNIFIED], "cpu.stat", &text))
                usage = cgroup_parse_cpu_stat_v2(text, cpu, refused);
        bool throttling = cgroup_reader_file(reader, reader->dirs[CGROUP_ROLE_CPU], "cpu.stat", &text);
        if (throttling)
                cgroup_parse_cpu_stat_v1(text, cpu, refused);
        if (!usage && call->is_root)
                usage = read_root_cpu(call);
        call->stats.has_cpu = usage || throttling;
        return 0;
}

static void take_memory_stat(struct cgroup_memory *memory, const struct cgroup_memory_stat *stat)
{
        memory->cache = stat->cache;
        memory->rss = stat->rss;
        memory->mapped_file = stat->mapped_file;
        memory->dirty = stat->dirty;
        memory->writeback = stat->writeback;
        memory->active_file = stat->active_file;
        memory->inactive_file = stat->inactive_file;
        memory->active_anon = stat->active_anon;
        memory->inactive_anon = stat->inactive_anon;
        memory->pgscan = stat->pgscan;
        memory->pgsteal = stat->pgsteal;
        memory->refault_file = stat->refault_file;
        memory->refault_anon = stat->refault_anon;
        memory->pgfault = memory->hierarchical_pgfault = stat->pgfault;
        memory->pgmajfault = memory->hierarchical_pgmajfault = stat->pgmajfault;
}

/* memory.use_hierarchy says which of them is meant. It is always 1 since Linux 5.11, and a group without children need
 * not ask. */
static void take_memory_stat_v1(struct cgroup_read_call *call, int dir, const struct cgroup_memory_stat *own,
        const struct cgroup_memory_stat *total)
{
        struct cgroup_memory *memory = &call->stats.memory;
        uint64_t hierarchy = 0;
        const struct cgroup_memory_stat *stat = own;
        if (memcmp(own, total, sizeof(*own)) != 0 &&
                (!cgroup_reader_number(&call->reader, dir, "memory.use_hierarchy", &hierarchy) || hierarchy))
                stat = total;
        take_memory_stat(memory, stat);
        memory->swap = stat->swap;
        memory->pgfault = own->pgfault;
        memory->pgmajfault = own->pgmajfault;
}

static bool read_memory_v1(struct cgroup_read_call *call)
{
        struct cgroup_reader *reader = &call->reader;
        struct cgroup_memory *memory = &call->stats.memory;
        int dir = reader->dirs[CGROUP_ROLE_MEMORY];
        struct cgroup_memory_stat own;
        struct cgroup_memory_stat total;
        struct sv text;
        bool usage = cgroup_reader_number(reader, dir, "memory.usage_in_bytes", &memory->usage);
        bool stat = cgroup_reader_file(reader, dir, "memory.stat", &text);
        if (stat) {
                cgroup_parse_memory_stat_v1(text, &own, &total, &call->stats.refused);
                take_memory_stat_v1(call, dir, &own, &total);
        }
        if (!(call->flags & CGROUP_READ_MEMORY_BRIEF)) {
                cgroup_reader_number(reader, dir, "memory.max_usage_in_bytes", &memory->max_usage);
                cgroup_reader_number(reader, dir, "memory.failcnt", &memory->failcnt);
                cgroup_reader_number(reader, dir, "memory.kmem.usage_in_bytes", &memory->kernel);
                if (cgroup_reader_file(reader, dir, "memory.oom_control", &text))
                        cgroup_parse_oom_control(text, memory, &call->stats.refused);
        }
        if (removed_meanwhile(call, dir, usage && stat)) {
                *memory = (struct cgroup_memory){ 0 };
                return false;
        }
        return usage || stat;
}

static uint64_t meminfo_bytes(const struct meminfo *info, const char *name)
{
        for (size_t i = 0; i < info->count; i++)
                if (strcmp(info->rows[i].name, name) == 0)
                        return info->rows[i].value;
        return 0;
}

/* The root group of v2 has memory.stat at most: the rest as cAdvisor does, usage is what is anonymous and what is of
 * files, swap that of the machine. */
static bool read_root_memory(struct cgroup_read_call *call, bool stat)
{
        struct cgroup_memory *memory = &call->stats.memory;
        struct meminfo info;
        struct sv text;
        if (cgroup_reader_file(&call->reader, call->root, "proc/meminfo", &text) &&
                meminfo_parse(text, &info, NULL) == 0) {
                memory->swap = info.swap_total > info.swap_free ? info.swap_total - info.swap_free : 0;
                if (!stat)
                        take_memory_stat(memory, &(struct cgroup_memory_stat){ .cache = info.cached + info.buffers,
                                                         .rss = info.anonymous,
                                                         .mapped_file = info.mapped,
                                                         .dirty = info.dirty,
                                                         .writeback = info.writeback,
                                                         .active_file = meminfo_bytes(&info, "Active(file)"),
                                                         .inactive_file = meminfo_bytes(&info, "Inactive(file)"),
                                                         .active_anon = meminfo_bytes(&info, "Active(anon)"),
                                                         .inactive_anon = meminfo_bytes(&info, "Inactive(anon)") });
                stat = true;
        }
        memory->usage = memory->rss + memory->cache;
        return stat;
}

static bool read_memory_v2(struct cgroup_read_call *call)
{
        struct cgroup_reader *reader = &call->reader;
        struct cgroup_memory *memory = &call->stats.memory;
        int dir = reader->dirs[CGROUP_ROLE_UNIFIED];
        struct cgroup_memory_stat v2;
        struct sv text;
        bool usage = cgroup_reader_number(reader, dir, "memory.current", &memory->usage);
        if (!usage && !call->is_root)
                return false; /* the controller is not switched on for this group */
        bool stat = cgroup_reader_file(reader, dir, "memory.stat", &text);
        if (stat) {
                cgroup_parse_memory_stat_v2(text, &v2, &call->stats.refused);
                take_memory_stat(memory, &v2);
                memory->kernel =
                        v2.kernel ? v2.kernel : v2.kernel_stack + v2.pagetables + v2.percpu + v2.slab + v2.vmalloc;
        }
        if (!usage)
                return read_root_memory(call, stat);
        cgroup_reader_number(reader, dir, "memory.swap.current", &memory->swap);
        if (!(call->flags & CGROUP_READ_MEMORY_BRIEF)) {
                cgroup_reader_number(reader, dir, "memory.peak", &memory->max_usage);
                if (cgroup_reader_file(reader, dir, "memory.events", &text))
                        cgroup_parse_memory_events(text, memory, &call->stats.refused);
                if ((call->flags & CGROUP_READ_SWAP_EVENTS) &&
                        cgroup_reader_file(reader, dir, "memory.swap.events", &text))
                        cgroup_parse_swap_events(text, memory, &call->stats.refused);
                memory->failcnt = memory->events_max;
        }
        if (removed_meanwhile(call, dir, stat)) {
                *memory = (struct cgroup_memory){ 0 };
                return false;
        }
        return true;
}

static int read_numa(struct cgroup_read_call *call, bool v1)
{
        struct cgroup_reader *reader = &call->reader;
        int dir = reader->dirs[v1 ? CGROUP_ROLE_MEMORY : CGROUP_ROLE_UNIFIED];
        struct cgroup_memory *memory = &call->stats.memory;
        long page = sysconf(_SC_PAGESIZE);
        struct sv text;
        if (!cgroup_reader_file(reader, dir, "memory.numa_stat", &text))
                return 0;
        if (v1)
                return cgroup_parse_numa_stat_v1(text, call->arena, memory, &call->stats.refused, call->err);
        return cgroup_parse_numa_stat_v2(
                text, page > 0 ? (uint64_t)page : 4096, call->arena, memory, &call->stats.refused, call->err);
}

static int read_memory(struct cgroup_read_call *call)
{
        struct cgroup_memory *memory = &call->stats.memory;
        bool v1 = call->reader.dirs[CGROUP_ROLE_MEMORY] >= 0 && read_memory_v1(call);
        call->stats.has_memory = v1 || read_memory_v2(call);
        if (!call->stats.has_memory)
                return 0;
        memory->working_set = memory->usage > memory->inactive_file ? memory->usage - memory->inactive_file : 0;
        return call->flags & CGROUP_READ_NUMA ? read_numa(call, v1) : 0;
}

static void read_pids(struct cgroup_read_call *call)
{
        struct cgroup_reader *reader = &call->reader;
        struct cgroup_stats *stats = &call->stats;
        struct sv text;
        struct loadavg load;
        int dir = reader->dirs[CGROUP_ROLE_PIDS];
        stats->has_pids = cgroup_reader_number(reader, dir, "pids.current", &stats->pids);
        if (!stats->has_pids) {
                dir = reader->dirs[CGROUP_ROLE_UNIFIED];
                stats->has_pids = cgroup_reader_number(reader, dir, "pids.current", &stats->pids);
        }
        if (stats->has_pids) {
                cgroup_reader_number(reader, dir, "pids.max", &stats->pids_limit);
        } else if (call->is_root && cgroup_reader_file(reader, call->root, "proc/loadavg", &text) &&
                   loadavg_parse(text, &load, NULL) == 0) {
                stats->pids = load.total; /* no root group has the files */
                stats->pids_limit = CGROUP_NO_LIMIT;
                stats->has_pids = true;
        }
}

static void read_one_pressure(
        struct cgroup_read_call *call, const char *name, const char *of_machine, struct pressure *ret)
{
        struct cgroup_reader *reader = &call->reader;
        struct sv text;
        if (!cgroup_reader_file(reader, reader->dirs[CGROUP_ROLE_UNIFIED], name, &text) &&
                !(call->is_root && cgroup_reader_file(reader, call->root, of_machine, &text)))
                return;
        if (pressure_parse(text, ret, NULL) == 0)
                call->stats.has_pressure = true;
        else
                call->stats.refused++;
}

static void read_freezer(struct cgroup_read_call *call)
{
        struct cgroup_reader *reader = &call->reader;
        struct sv text;
        bool v1 = cgroup_reader_file(reader, reader->dirs[CGROUP_ROLE_FREEZER], "freezer.state", &text);
        if (v1)
                call->stats.frozen = cgroup_parse_freezer_state(text);
        call->stats.has_frozen = v1;
        /* systemd and runc on v2 freeze there, whatever v1 says */
        if (!call->stats.frozen &&
                cgroup_reader_file(reader, reader->dirs[CGROUP_ROLE_UNIFIED], "cgroup.events", &text)) {
                call->stats.frozen = cgroup_parse_events_frozen(text);
                call->stats.has_frozen = true;
        }
}

static int read_parts(struct cgroup_read_call *call)
{
        struct cgroup_stats *stats = &call->stats;
        if ((call->flags & CGROUP_READ_CPU) && read_cpu(call) < 0)
                return -1;
        if ((call->flags & (CGROUP_READ_MEMORY | CGROUP_READ_MEMORY_BRIEF)) && read_memory(call) < 0)
                return -1;
        if ((call->flags & (CGROUP_READ_MEMORY | CGROUP_READ_NUMA)) == CGROUP_READ_NUMA &&
                read_numa(call, call->reader.dirs[CGROUP_ROLE_MEMORY] >= 0) < 0)
                return -1;
        if ((call->flags & CGROUP_READ_IO) && cgroup_read_io(call) < 0)
                return -1;
        if (call->flags & CGROUP_READ_PIDS)
                read_pids(call);
        if ((call->flags & CGROUP_READ_HUGE) && cgroup_read_huge(call) < 0)
                return -1;
        if ((call->flags & CGROUP_READ_RDMA) && cgroup_read_rdma(call) < 0)
                return -1;
        if (call->flags & CGROUP_READ_PRESSURE) {
                read_one_pressure(call, "cpu.pressure", "proc/pressure/cpu", &stats->cpu_pressure);
                read_one_pressure(call, "memory.pressure", "proc/pressure/memory", &stats->memory_pressure);
                read_one_pressure(call, "io.pressure", "proc/pressure/io", &stats->io_pressure);
        }
        if (call->flags & CGROUP_READ_CPUSET)
                stats->has_cpuset = cgroup_reader_number(&call->reader, call->reader.dirs[CGROUP_ROLE_CPUSET],
                        "cpuset.memory_migrate", &stats->memory_migrate);
        if (call->flags & CGROUP_READ_FREEZER)
                read_freezer(call);
        return 0;
}

int cgroup_stats_read(int root, const struct cgroup_mounts *mounts, const struct cgroup_dirs *dirs, bool is_root,
        unsigned flags, struct arena *arena, struct cgroup_stats *ret, struct error *err)
{
        struct cgroup_read_call call;
        call.root = root;
        call.is_root = is_root;
        call.flags = flags;
        call.absent_io = mounts->absent_io;
        call.lost = false;
        call.arena = arena;
        call.err = err;
        call.stats = (struct cgroup_stats){ 0 };
        cgroup_reader_init(&call.reader, mounts, dirs, &call.stats.refused);
        int result = read_parts(&call);
        cgroup_reader_done(&call.reader);
        if (result < 0)
                return -1;
        if ((call.lost || call.reader.files == 0) && cgroup_dirs_vanished(mounts, dirs))
                return fail(err, E_NOT_FOUND, "the control group is gone");
        *ret = call.stats;
        return 0;
}
