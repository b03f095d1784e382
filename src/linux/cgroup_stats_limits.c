/* What a group may use. Read when a container is found and now and then; never at every sample. */
#include "base/cleanup.h"
#include "linux/cgroup_stats_internal.h"
#include "linux/meminfo.h"

#include <errno.h>

struct limits_call {
        struct cgroup_reader reader;
        bool pure_v2; /* every controller is there, though a group may not have it switched on */
        unsigned cpus;
        struct arena *arena;
        struct cgroup_limits limits;
};

/* "" is all processors of the machine (cAdvisor's FixCpuMask). NULL when there is no memory. */
static const char *fix_mask(struct limits_call *call, struct sv mask)
{
        mask = sv_trim(mask);
        if (mask.n)
                return arena_strndup(call->arena, mask.p, mask.n);
        return call->cpus > 1 ? arena_printf(call->arena, "0-%u", call->cpus - 1) : "0";
}

/* cpu.weight and cpu.max of v2. */
static bool read_cpu_v2(struct limits_call *call, int dir)
{
        struct cgroup_reader *reader = &call->reader;
        struct cgroup_limits *limits = &call->limits;
        uint64_t weight = 0;
        struct sv text;
        bool found = cgroup_reader_number(reader, dir, "cpu.weight", &weight);
        limits->cpu_shares = cgroup_weight_to_shares(weight);
        if (cgroup_reader_file(reader, dir, "cpu.max", &text)) {
                found = true;
                if (!cgroup_parse_cpu_max(text, &limits->cpu_quota_us, &limits->cpu_period_us))
                        ++*reader->refused;
        }
        return found;
}

static void read_cpu(struct limits_call *call)
{
        struct cgroup_reader *reader = &call->reader;
        struct cgroup_limits *limits = &call->limits;
        int dir = reader->dirs[CGROUP_ROLE_CPU];
        struct sv text;
        if (dir < 0) {
                /* CPU time alone is told by cpuacct, and by cpu.stat of every group of v2 */
                int unified = reader->dirs[CGROUP_ROLE_UNIFIED];
                limits->has_cpu =
                        read_cpu_v2(call, unified) || reader->dirs[CGROUP_ROLE_CPUACCT] >= 0 ||
                        (unified >= 0 && (call->pure_v2 || cgroup_reader_file(reader, unified, "cpu.stat", &text)));
                return;
        }
        limits->has_cpu = true;
        cgroup_reader_number(reader, dir, "cpu.shares", &limits->cpu_shares);
        cgroup_reader_number(reader, dir, "cpu.cfs_period_us", &limits->cpu_period_us);
        /* -1 is none */
        if (cgroup_reader_file(reader, dir, "cpu.cfs_quota_us", &text) && !sv_starts(text, SV("-")) &&
                !cgroup_parse_number(text, &limits->cpu_quota_us))
                ++*reader->refused;
}

static int read_mask(struct limits_call *call, struct error *err)
{
        struct cgroup_reader *reader = &call->reader;
        struct sv text = { "", 0 };
        int dir = reader->dirs[CGROUP_ROLE_CPUSET];
        if (dir >= 0) {
                if (!cgroup_reader_file(reader, dir, "cpuset.cpus", &text))
                        text = SV("");
        } else if (!cgroup_reader_file(reader, reader->dirs[CGROUP_ROLE_UNIFIED], "cpuset.cpus.effective", &text)) {
                if (!call->pure_v2 || reader->dirs[CGROUP_ROLE_UNIFIED] < 0)
                        return 0;
                text = SV("");
        }
        call->limits.has_cpu = true;
        call->limits.cpu_mask = fix_mask(call, text);
        return call->limits.cpu_mask ? 0 : fail(err, E_NO_MEMORY, "no memory for a mask of processors");
}

static void read_memory(struct limits_call *call)
{
        struct cgroup_reader *reader = &call->reader;
        struct cgroup_limits *limits = &call->limits;
        int dir = reader->dirs[CGROUP_ROLE_MEMORY];
        if (dir >= 0) {
                limits->has_memory = true;
                cgroup_reader_number(reader, dir, "memory.limit_in_bytes", &limits->memory_limit);
                cgroup_reader_number(reader, dir, "memory.memsw.limit_in_bytes", &limits->swap_limit);
                cgroup_reader_number(reader, dir, "memory.soft_limit_in_bytes", &limits->memory_reservation);
                return;
        }
        dir = reader->dirs[CGROUP_ROLE_UNIFIED];
        if (!cgroup_reader_number(reader, dir, "memory.max", &limits->memory_limit))
                return;
        limits->has_memory = true;
        cgroup_reader_number(reader, dir, "memory.min", &limits->memory_reservation);
        cgroup_reader_number(reader, dir, "memory.swap.max", &limits->swap_limit);
}

static void read_machine_memory(struct limits_call *call, int root)
{
        struct meminfo info;
        if (meminfo_read(root, &info, NULL) < 0)
                return;
        call->limits.has_memory = true;
        call->limits.memory_limit = info.total;
        call->limits.swap_limit = info.swap_total;
}

/* Has it files hugetlb.*? The root group of v2 is told all controllers and has none of the files. */
static bool has_huge_v2(struct limits_call *call, int dir, bool is_root)
{
        char sizes[CGROUP_HUGE_SIZES_MAX][16];
        struct sv rest;
        struct sv controller;
        if (is_root || !cgroup_reader_file(&call->reader, dir, "cgroup.controllers", &rest))
                return cgroup_huge_sizes(dir, sizes, call->reader.refused) > 0;
        while (sv_word(&rest, &controller))
                if (sv_eq(controller, SV("hugetlb")))
                        return true;
        return false;
}

static void read_others(struct limits_call *call, bool is_root)
{
        struct cgroup_reader *reader = &call->reader;
        struct cgroup_limits *limits = &call->limits;
        int unified = reader->dirs[CGROUP_ROLE_UNIFIED];
        int pids = reader->dirs[CGROUP_ROLE_PIDS];
        bool all = call->pure_v2 && unified >= 0;
        struct sv text;
        limits->has_pids = cgroup_reader_number(reader, pids >= 0 ? pids : unified, "pids.max", &limits->pids_limit) ||
                           pids >= 0 || all;
        limits->has_io =
                reader->dirs[CGROUP_ROLE_BLKIO] >= 0 || all || cgroup_reader_file(reader, unified, "io.stat", &text);
        limits->has_huge = reader->dirs[CGROUP_ROLE_HUGETLB] >= 0 || has_huge_v2(call, unified, is_root);
}

int cgroup_limits_read(int root, const struct cgroup_mounts *mounts, const struct cgroup_dirs *dirs, bool is_root,
        unsigned cpus, struct arena *arena, struct cgroup_limits *ret, struct error *err)
{
        struct limits_call call;
        size_t refused = 0;
        call.pure_v2 = mounts->layout == CGROUP_V2;
        call.cpus = cpus;
        call.arena = arena;
        call.limits = (struct cgroup_limits){ 0 };
        cgroup_reader_init(&call.reader, mounts, dirs, &refused);
        read_cpu(&call);
        int result = read_mask(&call, err);
        if (result == 0) {
                read_memory(&call);
                if (is_root)
                        read_machine_memory(&call, root);
                read_others(&call, is_root);
        }
        size_t files = call.reader.files;
        cgroup_reader_done(&call.reader);
        if (result < 0)
                return -1;
        if (files == 0 && !is_root && cgroup_dirs_vanished(mounts, dirs))
                return fail(err, E_NOT_FOUND, "the control group is gone");
        *ret = call.limits;
        return 0;
}
