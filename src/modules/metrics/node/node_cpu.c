/* cpu and stat: both are in /proc/stat, which is dear on large machines and therefore read once a scrape. */
#include "modules/metrics/node/node_internal.h"
#include "modules/metrics/node/node_parse.h"

#include "base/timefmt.h"

#include <fcntl.h>
#include <inttypes.h>

enum { IDLE = 3, JUMP_BACK_TICKS = 3 * 100 };

/* USER_HZ is 100 on every architecture of today (include/asm-generic/param.h). */
static double seconds(uint64_t ticks)
{
        return (double)ticks / 100.0;
}

/* Counters that fell by rounding or by the kernel's own races stay where they were; idle that fell by three seconds or
 * more is a CPU that was taken away and came back: it begins anew (node_exporter issues 1903, 2133). */
static void cpu_take(struct node_cpu_times *times, const uint64_t ticks[NODE_CPU_MODES])
{
        if (times->ticks[IDLE] >= ticks[IDLE] + JUMP_BACK_TICKS)
                memset(times->ticks, 0, sizeof(times->ticks));
        for (size_t i = 0; i < NODE_CPU_MODES; i++)
                if (ticks[i] > times->ticks[i])
                        times->ticks[i] = ticks[i];
        times->present = true;
}

static int cpu_room(struct node *node, uint32_t cpu)
{
        if (cpu >= NODE_CPUS_MAX)
                return -1;
        if (cpu >= node->cpu_capacity) {
                size_t capacity = (size_t)cpu + 8;
                struct node_cpu_times *cpus = realloc(node->cpus, capacity * sizeof(*cpus));
                if (!cpus)
                        return -1;
                node->cpus = cpus;
                node->cpu_capacity = capacity;
        }
        for (; node->cpu_count <= cpu; node->cpu_count++)
                node->cpus[node->cpu_count] = (struct node_cpu_times){ 0 };
        return 0;
}

static void take_line(struct node *node, struct sv line, bool *seen)
{
        uint32_t cpu;
        uint64_t ticks[NODE_CPU_MODES];
        if (cpu_line_parse(line, &cpu, ticks)) {
                if (cpu_room(node, cpu) < 0) {
                        node->refused++;
                        return;
                }
                cpu_take(&node->cpus[cpu], ticks);
                seen[cpu] = true;
                return;
        }
        struct sv word;
        uint64_t total;
        if (!sv_word(&line, &word) || !sv_eq(word, SV("softirq")) || !sv_word(&line, &word) ||
                !sv_parse_u64(word, 10, &total))
                return;
        node->softirq_count = 0;
        while (node->softirq_count < NODE_SOFTIRQS && sv_word(&line, &word) &&
                sv_parse_u64(word, 10, &node->softirqs[node->softirq_count]))
                node->softirq_count++;
}

int node_stat_load(struct node *node, struct error *err)
{
        struct sv text;
        struct sv line;
        if (node->stat_scrape == node->scrape)
                return 0;
        bool *seen = arena_array(&node->arena, NODE_CPUS_MAX, sizeof(*seen));
        if (!seen)
                return fail(err, E_NO_MEMORY, "no memory for the CPUs");
        if (node_read(node, node->options.proc, "stat", &text, err) < 0 ||
                kernel_stat_parse(text, &node->stat, err) < 0)
                return -1;
        node->softirq_count = 0;
        while (sv_line(&text, &line))
                take_line(node, line, seen);
        for (size_t i = 0; i < node->cpu_count; i++)
                if (!seen[i]) /* offline: nothing of it is told, and it begins anew */
                        node->cpus[i] = (struct node_cpu_times){ 0 };
        node->stat_scrape = node->scrape;
        return 0;
}

int node_collect_stat(struct node *node, struct exposition *out, struct error *err)
{
        static const char *const vectors[NODE_SOFTIRQS] = { "hi", "timer", "net_tx", "net_rx", "block", "block_iopoll",
                "tasklet", "sched", "hrtimer", "rcu" };
        if (node_stat_load(node, err) < 0)
                return -1;
        const struct kernel_stat *stat = &node->stat;
        int64_t boot = stat->boot_unix_ns / SECOND; /* as the kernel told it */
        node_count(out, "node_intr_total", "Total number of interrupts serviced.", (double)stat->interrupts);
        node_count(out, "node_context_switches_total", "Total number of context switches.",
                (double)stat->context_switches);
        node_count(out, "node_forks_total", "Total number of forks.", (double)stat->forks);
        node_put(out, "node_boot_time_seconds", "Node boot time, in unixtime.", (double)boot);
        node_put(out, "node_procs_running", "Number of processes in runnable state.", stat->running);
        node_put(out, "node_procs_blocked", "Number of processes blocked waiting for I/O to complete.", stat->blocked);
        if (!node->options.stat_softirq)
                return 0;
        struct exposition_family *softirqs = node_counter(out, "node_softirqs_total", "Number of softirq calls.");
        for (size_t i = 0; i < node->softirq_count; i++)
                node_add(softirqs, "vector", vectors[i], (double)node->softirqs[i]);
        return 0;
}

static void collect_times(const struct node *node, struct exposition *out)
{
        static const char *const modes[] = { "user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal" };
        enum { MODES = sizeof(modes) / sizeof(*modes), GUEST = MODES, GUEST_NICE };
        struct exposition_family *times =
                node_counter(out, "node_cpu_seconds_total", "Seconds the CPUs spent in each mode.");
        struct exposition_family *guests = node_counter(
                out, "node_cpu_guest_seconds_total", "Seconds the CPUs spent in guests (VMs) for each mode.");
        for (size_t i = 0; i < node->cpu_count; i++) {
                const struct node_cpu_times *cpu = &node->cpus[i];
                char number[24];
                if (!cpu->present)
                        continue;
                snprintf(number, sizeof(number), "%zu", i);
                for (size_t mode = 0; mode < MODES; mode++)
                        node_add2(times, "cpu", number, "mode", modes[mode], seconds(cpu->ticks[mode]));
                if (!node->options.cpu_guest)
                        continue;
                node_add2(guests, "cpu", number, "mode", "user", seconds(cpu->ticks[GUEST]));
                node_add2(guests, "cpu", number, "mode", "nice", seconds(cpu->ticks[GUEST_NICE]));
        }
}

/* The words of a field that the pattern matches; without a pattern none. */
static void collect_words(struct node *node, struct exposition_family *family, const char *label, struct sv words,
        const struct regex *pattern)
{
        struct sv word;
        while (pattern && sv_word(&words, &word)) {
                const char *text = regex_match(pattern, word) ? node_copy(node, word) : NULL;
                if (text)
                        node_add(family, label, text, 1);
        }
}

static int collect_cpuinfo(struct node *node, struct exposition *out, struct error *err)
{
        struct sv text;
        struct cpuinfo cpu;
        if (node_read(node, node->options.proc, "cpuinfo", &text, err) < 0)
                return -1;
        struct exposition_family *info = node_gauge(out, "node_cpu_info", "CPU information from /proc/cpuinfo.");
        struct exposition_family *frequency =
                node_gauge(out, "node_cpu_frequency_hertz", "CPU frequency in hertz from /proc/cpuinfo.");
        struct exposition_family *flags = node_gauge(out, "node_cpu_flag_info",
                "The `flags` field of CPU information from /proc/cpuinfo taken from the first core.");
        struct exposition_family *bugs = node_gauge(out, "node_cpu_bug_info",
                "The `bugs` field of CPU information from /proc/cpuinfo taken from the first core.");
        for (size_t i = 0; cpuinfo_next(&text, &cpu); i++) {
                const struct exposition_label labels[] = {
                        { "package", node_copy(node, cpu.physical_id) },
                        { "core", node_copy(node, cpu.core_id) },
                        { "cpu", node_copy(node, cpu.processor) },
                        { "vendor", node_copy(node, cpu.vendor) },
                        { "family", node_copy(node, cpu.family) },
                        { "model", node_copy(node, cpu.model) },
                        { "model_name", node_copy(node, cpu.model_name) },
                        { "microcode", node_copy(node, cpu.microcode) },
                        { "stepping", node_copy(node, cpu.stepping) },
                        { "cachesize", node_copy(node, cpu.cache_size) },
                };
                double mhz = 0;
                exposition_add(info, labels, sizeof(labels) / sizeof(*labels), 1, EXPOSITION_NO_TIME);
                node_parse_double(cpu.mhz, &mhz);
                exposition_add(frequency, labels, 3, mhz * 1e6, EXPOSITION_NO_TIME);
                if (i > 0)
                        continue;
                collect_words(node, flags, "flag", cpu.flags, node->cpu_flags);
                collect_words(node, bugs, "bug", cpu.bugs, node->cpu_bugs);
        }
        return 0;
}

struct throttle {
        uint64_t package, core, count;
};

/* What was told once a package and once a core. */
struct throttles {
        struct node *node;
        VEC(struct throttle) packages;
        VEC(struct throttle) cores;
        struct exposition_family *online; /* NULL: this machine's CPUs cannot go offline */
};

static bool throttle_known(const struct throttle *rows, size_t count, uint64_t package, uint64_t core)
{
        for (size_t i = 0; i < count; i++)
                if (rows[i].package == package && rows[i].core == core)
                        return true;
        return false;
}

static bool cpu_directory(const char *name)
{
        if (strncmp(name, "cpu", 3) != 0)
                return false;
        size_t digits = strspn(name + 3, "0123456789");
        return digits > 0 && name[3 + digits] == '\0';
}

static int take_cpu(int directory, const char *name, void *cookie)
{
        struct throttles *throttles = cookie;
        uint64_t package;
        uint64_t core;
        uint64_t value;
        if (!cpu_directory(name))
                return 0;
        cleanup(fd_close) int cpu = openat(directory, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (cpu < 0)
                return 0;
        if (throttles->online)
                node_add(throttles->online, "cpu", name + 3, node_read_u64(cpu, "online", &value) && value);
        /* no such directory on AMD and in virtual machines: nothing more to read of this one */
        cleanup(fd_close) int throttle = openat(cpu, "thermal_throttle", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (throttle < 0 || !node_read_u64(cpu, "topology/physical_package_id", &package) ||
                !node_read_u64(cpu, "topology/core_id", &core))
                return 0;
        if (!throttle_known(throttles->cores.items, throttles->cores.count, package, core) &&
                node_read_u64(throttle, "core_throttle_count", &value)) {
                struct throttle *row = vec_add(&throttles->cores, NODE_CPUS_MAX);
                if (row)
                        *row = (struct throttle){ package, core, value };
                else
                        throttles->node->refused++;
        }
        if (!throttle_known(throttles->packages.items, throttles->packages.count, package, 0) &&
                node_read_u64(throttle, "package_throttle_count", &value)) {
                struct throttle *row = vec_add(&throttles->packages, NODE_CPUS_MAX);
                if (row)
                        *row = (struct throttle){ package, 0, value };
                else
                        throttles->node->refused++;
        }
        return 0;
}

static void collect_throttles(struct node *node, struct exposition *out)
{
        struct throttles throttles = { .node = node };
        uint64_t online;
        if (node_read_u64(node->options.sys, "devices/system/cpu/cpu0/online", &online))
                throttles.online = node_gauge(out, "node_cpu_online", "CPUs that are online and being scheduled.");
        node_directory(node->options.sys, "devices/system/cpu", take_cpu, &throttles, NULL);
        struct exposition_family *cores =
                node_counter(out, "node_cpu_core_throttles_total", "Number of times this CPU core has been throttled.");
        struct exposition_family *packages = node_counter(
                out, "node_cpu_package_throttles_total", "Number of times this CPU package has been throttled.");
        char package[24];
        char core[24];
        vec_foreach (row, &throttles.cores) {
                snprintf(package, sizeof(package), "%" PRIu64, row->package);
                snprintf(core, sizeof(core), "%" PRIu64, row->core);
                node_add2(cores, "package", package, "core", core, (double)row->count);
        }
        vec_foreach (row, &throttles.packages) {
                snprintf(package, sizeof(package), "%" PRIu64, row->package);
                node_add(packages, "package", package, (double)row->count);
        }
        vec_done(&throttles.cores);
        vec_done(&throttles.packages);
}

static void add_isolated(uint32_t cpu, void *cookie)
{
        struct exposition_family *family = cookie;
        char number[16];
        snprintf(number, sizeof(number), "%u", cpu);
        node_add(family, "cpu", number, 1);
}

int node_collect_cpu(struct node *node, struct exposition *out, struct error *err)
{
        char into[NODE_SMALL_MAX];
        struct sv text;
        if (node->options.cpu_info && collect_cpuinfo(node, out, err) < 0)
                return -1;
        if (node_stat_load(node, err) < 0)
                return -1;
        collect_times(node, out);
        if (node_read_small(node->options.sys, "devices/system/cpu/isolated", into, &text) == 0)
                cpu_list_parse(text, add_isolated,
                        node_gauge(out, "node_cpu_isolated",
                                "Whether each core is isolated, information from /sys/devices/system/cpu/isolated."));
        collect_throttles(node, out);
        return 0;
}
