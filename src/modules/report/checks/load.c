/* Checks: is there enough CPU, memory and I/O for what runs? */
#include "modules/report/checks/checks.h"

#include "linux/meminfo.h"
#include "linux/pressure.h"

static double share(uint64_t part, uint64_t whole)
{
        return whole ? (double)part * 100 / (double)whole : 0;
}

static uint64_t grown(uint64_t before, uint64_t after)
{
        return after > before ? after - before : 0;
}

static void check_load(struct look *look, struct finding *finding)
{
        struct error err;
        struct loadavg load;
        if (loadavg_read(look->root, &load, &err) < 0) {
                finding_blind(finding, "/proc/loadavg", err.message);
                return;
        }
        double most = load.load15 / look->cpus; /* 15 minutes: a compiler's run is no trouble */
        if (most < 2)
                return;
        finding_say(finding, most >= 4 ? REPORT_MEDIUM : REPORT_LOW,
                "More work waits than the CPUs can do: the load of 15 minutes is %.1f for each CPU", most);
        finding_show(finding, REPORT_LOW, "load %.2f %.2f %.2f, %u CPUs, %u of %u tasks want to run", load.load1,
                load.load5, load.load15, look->cpus, load.runnable, load.total);
}

static uint64_t all_ticks(const struct kernel_stat *stat)
{
        /* guest times are within user and nice (proc(5)) */
        return stat->user + stat->nice + stat->kernel + stat->idle + stat->iowait + stat->irq + stat->softirq +
               stat->steal;
}

static void check_steal(struct look *look, struct finding *finding)
{
        const struct kernel_stat *before = &look->before.cpu, *after = &look->after.cpu;
        if (!look->after.has_cpu) {
                finding_blind(finding, "/proc/stat", "not readable");
                return;
        }
        double ever = share(after->steal, all_ticks(after));
        double now = share(grown(before->steal, after->steal), grown(all_ticks(before), all_ticks(after)));
        /* the sample is short: alone it says little */
        if (ever < 5 && (now < 25 || ever < 1))
                return;
        finding_say(finding, ever >= 15 ? REPORT_MEDIUM : REPORT_LOW,
                "The hypervisor gives CPU time of this machine to others");
        finding_show(finding, REPORT_LOW, "steal %.1f %% since the boot, %.1f %% now", ever, now);
}

/* some/full: percent of the last minute and of the last five at which it is a finding; 0: does not count. */
struct pressure_limits {
        double some_low, some_medium, full_medium, full_high;
};

static void check_pressure(struct look *look, struct finding *finding, const char *what, const char *waits,
        const struct pressure_limits *limits)
{
        struct error err;
        struct pressure pressure;
        const char *path = look_text(look, "proc/pressure/%s", what);
        if (pressure_read(look->root, path, &pressure, &err) < 0) {
                if (err.code == E_NOT_FOUND || err.code == E_UNSUPPORTED)
                        finding_absent(finding); /* CONFIG_PSI is off, or psi=0 */
                else
                        finding_blind(finding, path, err.message);
                return;
        }
        /* both windows: a burst of a minute is over soon, five minutes alone may be over already */
        double some = pressure.some.avg60 < pressure.some.avg300 ? pressure.some.avg60 : pressure.some.avg300;
        double full = pressure.full.avg60 < pressure.full.avg300 ? pressure.full.avg60 : pressure.full.avg300;
        enum report_severity severity = REPORT_OK;
        if (limits->some_low > 0 && some >= limits->some_low)
                severity = REPORT_LOW;
        if ((limits->some_medium > 0 && some >= limits->some_medium) ||
                (limits->full_medium > 0 && full >= limits->full_medium))
                severity = REPORT_MEDIUM;
        if (limits->full_high > 0 && full >= limits->full_high)
                severity = REPORT_HIGH;
        if (severity == REPORT_OK)
                return;
        finding_say(finding, severity, "Processes wait for %s: some of them %.0f %% of the time, all of them %.0f %%",
                waits, some, full);
        finding_show(finding, severity, "some avg10=%.2f avg60=%.2f avg300=%.2f", pressure.some.avg10,
                pressure.some.avg60, pressure.some.avg300);
        finding_show(finding, severity, "full avg10=%.2f avg60=%.2f avg300=%.2f", pressure.full.avg10,
                pressure.full.avg60, pressure.full.avg300);
}

static void check_cpu_pressure(struct look *look, struct finding *finding)
{
        static const struct pressure_limits limits = { .some_low = 50, .some_medium = 80 };
        check_pressure(look, finding, "cpu", "a CPU", &limits);
}

static void check_memory_pressure(struct look *look, struct finding *finding)
{
        static const struct pressure_limits limits = {
                .some_low = 5, .some_medium = 15, .full_medium = 5, .full_high = 20
        };
        check_pressure(look, finding, "memory", "memory", &limits);
}

static void check_io_pressure(struct look *look, struct finding *finding)
{
        static const struct pressure_limits limits = { .some_low = 60, .full_medium = 60 };
        check_pressure(look, finding, "io", "a disk", &limits);
}

static void check_memory(struct look *look, struct finding *finding)
{
        struct error err;
        struct meminfo memory;
        if (meminfo_read(look->root, &memory, &err) < 0 || memory.total == 0) {
                finding_blind(finding, "/proc/meminfo", "not readable");
                return;
        }
        char available[TIME_TEXT_MAX], total[TIME_TEXT_MAX];
        double left = share(memory.available, memory.total);
        size_format(memory.available, available);
        size_format(memory.total, total);
        if (left >= 10)
                return;
        finding_say(finding,
                left < 2   ? REPORT_CRITICAL
                : left < 5 ? REPORT_HIGH
                           : REPORT_MEDIUM,
                "Only %.0f %% of the memory is available", left);
        finding_show(finding, REPORT_MEDIUM, "%s of %s available", available, total);
}

static void check_swap(struct look *look, struct finding *finding)
{
        struct error err;
        struct meminfo memory;
        if (meminfo_read(look->root, &memory, &err) < 0) {
                finding_blind(finding, "/proc/meminfo", "not readable");
                return;
        }
        if (memory.swap_total == 0) {
                finding_absent(finding);
                return;
        }
        uint64_t used = grown(memory.swap_free, memory.swap_total);
        double percent = share(used, memory.swap_total);
        double seconds = (double)(look->after.at_ns - look->before.at_ns) / (double)SECOND;
        uint64_t pages = 0;
        if (look->before.has_vmstat && look->after.has_vmstat)
                pages = grown(look->before.vmstat.swapped_in, look->after.vmstat.swapped_in) +
                        grown(look->before.vmstat.swapped_out, look->after.vmstat.swapped_out);
        double rate = seconds > 0 ? (double)pages / seconds : 0;
        char text[TIME_TEXT_MAX];
        size_format(used, text);
        if (rate >= 1000)
                finding_say(finding, REPORT_MEDIUM, "Memory is swapped in and out at %.0f pages a second", rate);
        else if (percent >= 90)
                finding_say(finding, REPORT_LOW, "The swap space is %.0f %% full", percent);
        else
                return;
        finding_show(finding, REPORT_LOW, "%s of swap used, %.0f %%; %.0f pages a second", text, percent, rate);
}

static void check_oom(struct look *look, struct finding *finding)
{
        if (!look->after.has_vmstat) {
                finding_blind(finding, "/proc/vmstat", "not readable");
                return;
        }
        uint64_t kills = look->after.vmstat.out_of_memory_kills;
        if (kills == 0)
                return;
        /* A group at its own limit is its owner's matter and no danger to the host: the kernel's log tells which it
         * was, as far back as it goes. The counter has no times, so old and new are told by the uptime. */
        struct report_kills log;
        look_kills(look, &log);
        bool recent = look->uptime_ns > 0 && look->uptime_ns < DAY;
        bool groups_only = log.of_groups > 0 && log.of_host == 0;
        finding_say(finding, log.of_host || (recent && log.readable && !groups_only) ? REPORT_MEDIUM : REPORT_LOW,
                "%llu %s killed since the boot because memory ran out%s", (unsigned long long)kills,
                kills == 1 ? "process was" : "processes were", groups_only ? " in their group" : "");
        finding_show(finding, REPORT_LOW, "oom_kill %llu in /proc/vmstat, up for %lld hours", (unsigned long long)kills,
                (long long)(look->uptime_ns / HOUR));
        if (log.of_groups || log.of_host)
                finding_show(finding, REPORT_LOW,
                        "in the kernel's log: %u of groups at their limit, %u of the host; last: %s", log.of_groups,
                        log.of_host, log.last);
}

/* Kinds of use of a table with a ceiling, as the kernel tells them. */
static void judge_table(struct finding *finding, const char *what, uint64_t used, uint64_t max)
{
        double percent = share(used, max);
        if (max == 0 || percent < 80)
                return;
        finding_say(finding, percent >= 95 ? REPORT_HIGH : REPORT_MEDIUM,
                "%s: %.0f %% of what this host allows is used", what, percent);
        finding_show(finding, REPORT_MEDIUM, "%llu of %llu", (unsigned long long)used, (unsigned long long)max);
}

static void check_files(struct look *look, struct finding *finding)
{
        /* allocated, free (always 0), maximum: Documentation/admin-guide/sysctl/fs.rst */
        struct sv line = look_line(look, "proc/sys/fs/file-nr"), used, spare, max;
        uint64_t files, ceiling;
        if (!sv_word(&line, &used) || !sv_word(&line, &spare) || !sv_word(&line, &max) ||
                !sv_parse_u64(used, 10, &files) || !sv_parse_u64(max, 10, &ceiling)) {
                finding_blind(finding, "/proc/sys/fs/file-nr", "not readable");
                return;
        }
        judge_table(finding, "Open files", files, ceiling);
}

static void check_threads(struct look *look, struct finding *finding)
{
        struct error err;
        struct loadavg load;
        uint64_t threads = UINT64_MAX, pids = UINT64_MAX;
        bool known = look_number(look, "proc/sys/kernel/threads-max", &threads);
        known |= look_number(look, "proc/sys/kernel/pid_max", &pids);
        if (!known || loadavg_read(look->root, &load, &err) < 0) {
                finding_blind(finding, "/proc/sys/kernel/threads-max", "not readable");
                return;
        }
        judge_table(finding, "Processes and threads", load.total, threads < pids ? threads : pids);
}

const struct report_check report_load_checks[] = {
        { "load", AREA_CPU, check_load, "The load fits the CPUs", "tarsier ps", false },
        { "cpu-steal", AREA_CPU, check_steal, "The hypervisor takes no CPU time away", "tarsier host", true },
        { "cpu-pressure", AREA_CPU, check_cpu_pressure, "Processes get a CPU when they want one", "tarsier ps", false },
        { "memory-available", AREA_MEMORY, check_memory, "There is enough memory", "tarsier mem --all", false },
        { "memory-pressure", AREA_MEMORY, check_memory_pressure, "Processes do not wait for memory",
                "tarsier mem --all", false },
        { "swap", AREA_MEMORY, check_swap, "The swap space has room and is quiet", "tarsier mem --watch --count 5",
                true },
        { "oom-kills", AREA_MEMORY, check_oom, "No process was killed for want of memory since the boot",
                "tarsier mem --all", true },
        { "io-pressure", AREA_DISK, check_io_pressure, "Processes do not wait long for disks", "tarsier disk", false },
        { "open-files", AREA_KERNEL, check_files, "The table of open files has room", "tarsier sockstat", false },
        { "threads", AREA_PROCESSES, check_threads, "There is room for more processes and threads", "tarsier ps",
                false },
        { 0 },
};
