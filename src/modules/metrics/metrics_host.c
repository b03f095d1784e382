/* What the history keeps of the host beside its groups: /proc/{stat,loadavg,meminfo,pressure}. */
#include "modules/metrics/metrics_module.h"

#include "base/cleanup.h"
#include "base/path.h"
#include "linux/kernel_stat.h"
#include "linux/meminfo.h"
#include "linux/pressure.h"

enum { TEXT_MAX = 2 << 20 }; /* /proc/stat of a machine with many thousand interrupts */

/* The text is valid until the next one. Nothing where it cannot be read. */
static struct sv text_of(int proc, const char *path, struct buf *buf)
{
        buf_clear(buf);
        return file_read(proc, path, buf, NULL) == 0 ? sv_n(buf->data, buf->len) : SV("");
}

static void read_times(int proc, struct buf *text, struct history_host *host)
{
        struct kernel_stat stat;
        const uint64_t tick_ns = (uint64_t)(SECOND / sysconf(_SC_CLK_TCK));
        host->has_times = kernel_stat_parse(text_of(proc, "stat", text), &stat, NULL) == 0;
        if (!host->has_times)
                return;
        host->iowait_ns = stat.iowait * tick_ns;
        host->steal_ns = stat.steal * tick_ns;
        host->forks = stat.forks;
}

static void read_load(int proc, struct buf *text, struct history_host *host)
{
        struct loadavg load;
        host->has_load = loadavg_parse(text_of(proc, "loadavg", text), &load, NULL) == 0;
        if (!host->has_load)
                return;
        host->load1 = load.load1;
        host->load5 = load.load5;
        host->load15 = load.load15;
        host->threads = load.total;
}

static void read_memory(int proc, struct buf *text, struct history_host *host)
{
        struct meminfo memory;
        host->has_memory =
                meminfo_parse(text_of(proc, "meminfo", text), &memory, NULL) == 0 && memory.total > memory.available;
        if (host->has_memory)
                host->memory_used = memory.total - memory.available;
}

static void read_pressure(int proc, struct history_host *host)
{
        static const char *const paths[] = { "pressure/cpu", "pressure/memory", "pressure/io" };
        for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
                struct pressure pressure;
                host->has_pressure[i] = pressure_read(proc, paths[i], &pressure, NULL) == 0 && pressure.has_some &&
                                        pressure.some.total_ns >= 0;
                if (host->has_pressure[i])
                        host->pressure_ns[i] = (uint64_t)pressure.some.total_ns;
        }
}

void metrics_host_read(int proc, struct history_host *ret)
{
        cleanup(buf_done) struct buf text;
        buf_init(&text, TEXT_MAX);
        *ret = (struct history_host){ 0 };
        read_times(proc, &text, ret);
        read_load(proc, &text, ret);
        read_memory(proc, &text, ret);
        read_pressure(proc, ret);
}
