/* The machine: /proc/{stat,meminfo,loadavg,uptime,pressure}. */
#include "modules/metrics/feed_internal.h"

#include "base/path.h"
#include "linux/host.h"
#include "linux/kernel_stat.h"
#include "linux/meminfo.h"
#include "linux/pressure.h"

static const int64_t NAMES_NS = MINUTE;

/* Names change rarely, and their files are a dozen. */
static void look_at_names(struct feed *feed)
{
        struct feed_host_past *past = &feed->host_past;
        struct host_identity identity;
        if (past->named_ns && feed->now_ns - past->named_ns < NAMES_NS)
                return;
        past->named_ns = feed->now_ns ? feed->now_ns : 1;
        past->hostname = past->kernel = past->os = NULL;
        arena_done(&past->names);
        if (host_read_identity(feed->source.root, &past->names, &identity, NULL) < 0)
                return;
        past->hostname = identity.hostname;
        past->kernel = identity.kernel_release;
        past->os = identity.os.pretty_name;
}

/* "cpu  user nice system idle iowait irq softirq steal guest guest_nice" (proc(5)); guests are in user and nice. */
static bool parse_cpu(struct sv line, struct feed_cpu *ret)
{
        enum { USER, NICE, SYSTEM, IDLE, IOWAIT, IRQ, SOFTIRQ, STEAL, TIMES };
        uint64_t times[TIMES] = { 0 };
        uint64_t number = 0;
        struct sv word;
        if (!sv_starts(line, SV("cpu")) || !sv_word(&line, &word))
                return false;
        if (word.n > 3 && !sv_parse_u64(sv_n(word.p + 3, word.n - 3), 10, &number))
                return false;
        for (size_t i = 0; i < TIMES && sv_word(&line, &word); i++)
                if (!sv_parse_u64(word, 10, &times[i]))
                        return false;
        *ret = (struct feed_cpu){ .number = (unsigned)number,
                .user = times[USER] + times[NICE],
                .kernel = times[SYSTEM] + times[IRQ] + times[SOFTIRQ],
                .iowait = times[IOWAIT],
                .steal = times[STEAL] };
        ret->busy = ret->user + ret->kernel;
        ret->total = ret->busy + ret->iowait + ret->steal + times[IDLE];
        return true;
}

/* The kernel lets idle and iowait fall at times: then nothing passed. */
static double share(uint64_t from, uint64_t to, uint64_t total)
{
        double part = to > from && total ? (double)(to - from) / (double)total : 0;
        return feed_rounded(part < 1 ? part : 1);
}

/* The CPUs that are online, each at its place; they come and go, which ends their rates once. */
static void look_at_cores(struct feed *feed, struct sv text)
{
        struct feed_host_past *past = &feed->host_past;
        struct sv line;
        size_t at = 0;
        bool same = true;
        past->shares.count = 0;
        while (sv_line(&text, &line) && sv_starts(line, SV("cpu"))) {
                struct feed_cpu core;
                if (sv_starts(line, SV("cpu ")) || !parse_cpu(line, &core))
                        continue;
                bool known = at < past->cores.count && past->cores.items[at].number == core.number;
                struct feed_cpu *before =
                        at < past->cores.count ? &past->cores.items[at] : vec_add(&past->cores, MACHINE_CPUS_MAX);
                double *slot = before ? vec_add(&past->shares, MACHINE_CPUS_MAX) : NULL;
                if (!slot)
                        break;
                *slot = known ? share(before->busy, core.busy, feed_grown(before->total, core.total)) : 0;
                same = same && known;
                *before = core;
                at++;
        }
        past->cores.count = at;
        if (!same)
                past->shares.count = 0;
}

static void look_at_times(struct feed *feed, struct feed_host *host, int64_t span_ns)
{
        struct feed_host_past *past = &feed->host_past;
        struct sv text = feed_read(feed, feed->source.proc, "stat");
        struct kernel_stat stat;
        struct feed_cpu now;
        if (kernel_stat_parse(text, &stat, NULL) < 0 || !parse_cpu(text, &now))
                return;
        look_at_cores(feed, text);
        host->cpus = stat.cpus;
        host->running = stat.running;
        host->blocked = stat.blocked;
        host->has_rates = span_ns > 0 && now.total > past->all.total;
        if (host->has_rates) {
                const uint64_t total = now.total - past->all.total;
                const double cpus = (double)stat.cpus;
                host->cpu = feed_rounded(cpus * share(past->all.busy, now.busy, total));
                host->cpu_user = feed_rounded(cpus * share(past->all.user, now.user, total));
                host->cpu_system = feed_rounded(cpus * share(past->all.kernel, now.kernel, total));
                host->cpu_iowait = feed_rounded(cpus * share(past->all.iowait, now.iowait, total));
                host->cpu_steal = feed_rounded(cpus * share(past->all.steal, now.steal, total));
                host->context_switches =
                        feed_rate((double)feed_grown(past->context_switches, stat.context_switches), span_ns);
                host->forks = feed_rate((double)feed_grown(past->forks, stat.forks), span_ns);
                host->cores.items = past->shares.items;
                host->cores.count = past->shares.count;
        }
        past->all = now;
        past->context_switches = stat.context_switches;
        past->forks = stat.forks;
}

static void look_at_memory(struct feed *feed, struct feed_host *host)
{
        struct meminfo memory;
        host->has_memory = meminfo_parse(feed_read(feed, feed->source.proc, "meminfo"), &memory, NULL) == 0;
        if (!host->has_memory)
                return;
        host->memory_total = memory.total;
        host->memory_available = memory.available;
        host->memory_free = memory.free;
        host->memory_cached = memory.cached + memory.buffers + memory.slab_reclaimable;
        host->swap_total = memory.swap_total;
        host->swap_used = memory.swap_total > memory.swap_free ? memory.swap_total - memory.swap_free : 0;
}

static void look_at_load(struct feed *feed, struct feed_host *host)
{
        struct loadavg load;
        struct uptime uptime;
        if (uptime_parse(feed_read(feed, feed->source.proc, "uptime"), &uptime, NULL) == 0)
                host->uptime_ns = uptime.uptime_ns;
        host->has_load = loadavg_parse(feed_read(feed, feed->source.proc, "loadavg"), &load, NULL) == 0;
        if (!host->has_load)
                return;
        host->load1 = load.load1;
        host->load5 = load.load5;
        host->load15 = load.load15;
        host->threads = load.total;
}

static void look_at_pressure(const struct feed *feed, struct feed_host *host)
{
        static const char *const paths[] = { "pressure/cpu", "pressure/memory", "pressure/io" };
        double *const into[] = { &host->psi_cpu, &host->psi_memory, &host->psi_io };
        struct pressure pressure;
        for (size_t i = 0; i < 3; i++)
                if (pressure_read(feed->source.proc, paths[i], &pressure, NULL) == 0 && pressure.has_some) {
                        *into[i] = pressure.some.avg10;
                        host->has_pressure = true;
                }
}

void feed_host_look(struct feed *feed, int64_t span_ns)
{
        struct feed_host *host = &feed->host;
        memset(host, 0, sizeof(*host));
        look_at_names(feed);
        host->hostname = feed->host_past.hostname;
        host->kernel = feed->host_past.kernel;
        host->os = feed->host_past.os;
        look_at_times(feed, host, span_ns);
        look_at_memory(feed, host);
        look_at_load(feed, host);
        look_at_pressure(feed, host);
        host->processes = feed->looks[FEED_PART_PROCESSES].looked_ns == feed->now_ns
                                  ? feed->processes.rows.count + feed->processes.refused
                                  : feed_processes_count(feed);
        host->receive = feed->sums.receive;
        host->send = feed->sums.send;
        host->has_network = feed->sums.has_network;
        host->read = feed->sums.read;
        host->write = feed->sums.write;
        host->has_disk = feed->sums.has_disk;
        feed->host_changed = feed->look;
}

void feed_host_done(struct feed *feed)
{
        vec_done(&feed->host_past.cores);
        vec_done(&feed->host_past.shares);
        arena_done(&feed->host_past.names);
}
