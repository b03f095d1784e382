/* Usage: gauges, CPU, memory, network and file systems of a container over its last samples. */
#include "modules/metrics/cadvisor/pages_internal.h"

#include "base/timefmt.h"

#include <math.h>

enum figure {
        FIGURE_CPU,
        FIGURE_USER,
        FIGURE_SYSTEM,
        FIGURE_MEMORY,
        FIGURE_WORKING_SET,
        FIGURE_RX,
        FIGURE_TX,
        FIGURE_RX_ERRORS,
        FIGURE_TX_ERRORS,
        FIGURES
};

struct usage {
        const char *interface; /* that is shown */
        size_t count;
        int64_t times_ns[PAGE_POINTS_MAX];
        double values[FIGURES][PAGE_POINTS_MAX]; /* as the samples have them; counters become rates */
        double cores[PAGE_CORES_MAX][PAGE_POINTS_MAX];
        size_t core_count;
};

static const struct net_interface_stats *find_interface(const struct container_stats *stats, const char *name)
{
        for (size_t i = 0; name && i < stats->net.interface_count; i++)
                if (strcmp(stats->net.interfaces[i].name, name) == 0)
                        return &stats->net.interfaces[i];
        return NULL;
}

static int take_sample(const struct container_stats *stats, void *cookie)
{
        struct usage *usage = cookie;
        if (usage->count == PAGE_POINTS_MAX)
                return 1;
        size_t at = usage->count++;
        const struct cgroup_cpu *cpu = &stats->cgroup.cpu;
        const struct net_interface_stats *interface = find_interface(stats, usage->interface);
        usage->times_ns[at] = stats->time_ns;
        usage->values[FIGURE_CPU][at] = (double)cpu->total_ns / 1e9;
        usage->values[FIGURE_USER][at] = (double)cpu->user_ns / 1e9;
        usage->values[FIGURE_SYSTEM][at] = (double)cpu->system_ns / 1e9;
        usage->values[FIGURE_MEMORY][at] = (double)stats->cgroup.memory.usage / (double)MIB;
        usage->values[FIGURE_WORKING_SET][at] = (double)stats->cgroup.memory.working_set / (double)MIB;
        usage->values[FIGURE_RX][at] = interface ? (double)interface->rx_bytes / (double)KIB : NAN;
        usage->values[FIGURE_TX][at] = interface ? (double)interface->tx_bytes / (double)KIB : NAN;
        usage->values[FIGURE_RX_ERRORS][at] = interface ? (double)interface->rx_errors : NAN;
        usage->values[FIGURE_TX_ERRORS][at] = interface ? (double)interface->tx_errors : NAN;
        size_t cores = cpu->per_cpu_count < PAGE_CORES_MAX ? cpu->per_cpu_count : PAGE_CORES_MAX;
        for (size_t i = 0; i < cores; i++)
                usage->cores[i][at] = (double)cpu->per_cpu_ns[i] / 1e9;
        usage->core_count = cores;
        return 0;
}

/* A counter's values become its rates a second; the first has none, and one that went back neither. */
static void to_rates(double *values, const int64_t *times_ns, size_t count)
{
        for (size_t i = count; i-- > 0;) {
                double seconds = i ? (double)(times_ns[i] - times_ns[i - 1]) / 1e9 : 0;
                double rate = i && seconds > 0 ? (values[i] - values[i - 1]) / seconds : NAN;
                values[i] = rate >= 0 ? rate : NAN;
        }
}

static void collect(struct page *page, struct usage *usage)
{
        container_samples(page->container, PAGE_POINTS_MAX, 0, 0, take_sample, usage);
        static const enum figure counters[] = { FIGURE_CPU, FIGURE_USER, FIGURE_SYSTEM, FIGURE_RX, FIGURE_TX,
                FIGURE_RX_ERRORS, FIGURE_TX_ERRORS };
        for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++)
                to_rates(usage->values[counters[i]], usage->times_ns, usage->count);
        for (size_t i = 0; i < usage->core_count; i++)
                to_rates(usage->cores[i], usage->times_ns, usage->count);
}

static void put_overview(struct page *page, const struct usage *usage, const struct container_stats *newest)
{
        const struct machine *machine = registry_machine(page->cadvisor->registry);
        const struct container_spec *spec = container_spec(page->container);
        uint64_t limit = spec->limits.memory_limit;
        if (limit == 0 || limit > machine->memory)
                limit = machine->memory;
        double cpu = usage->count ? usage->values[FIGURE_CPU][usage->count - 1] : 0;
        buf_puts(page->out, "<h3>Overview</h3><div class=\"gauges\">");
        if (spec->has_cpu)
                page_gauge(page, "CPU", machine->cores ? cpu * 100 / machine->cores : 0);
        if (spec->has_memory)
                page_gauge(page, "Memory", limit ? (double)newest->cgroup.memory.usage * 100 / (double)limit : 0);
        for (size_t i = 0; i < newest->filesystem_count && i < 16; i++) {
                const struct filesystem_stats *filesystem = &newest->filesystems[i];
                char name[24];
                snprintf(name, sizeof(name), "FS #%zu", i + 1);
                page_gauge(page, name,
                        filesystem->capacity ? (double)filesystem->usage * 100 / (double)filesystem->capacity : 0);
        }
        buf_puts(page->out, "</div>\n");
}

static void put_cpu(struct page *page, const struct usage *usage)
{
        const struct page_series total[] = { { "total", usage->values[FIGURE_CPU] } };
        const struct page_series parts[] = { { "user", usage->values[FIGURE_USER] },
                { "kernel", usage->values[FIGURE_SYSTEM] } };
        page_section(page, "CPU");
        buf_puts(page->out, "<h3>Total usage</h3>");
        page_chart(page, total, 1, usage->times_ns, usage->count, "cores");
        if (usage->core_count) {
                struct page_series cores[PAGE_CORES_MAX];
                char names[PAGE_CORES_MAX][32];
                for (size_t i = 0; i < usage->core_count; i++) {
                        snprintf(names[i], sizeof(names[i]), "core %zu", i);
                        cores[i] = (struct page_series){ names[i], usage->cores[i] };
                }
                buf_puts(page->out, "<h3>Usage per core</h3>");
                page_chart(page, cores, usage->core_count, usage->times_ns, usage->count, "cores");
        }
        buf_puts(page->out, "<h3>Usage breakdown</h3>");
        page_chart(page, parts, 2, usage->times_ns, usage->count, "cores");
}

static void put_memory(struct page *page, const struct usage *usage, const struct container_stats *newest)
{
        const struct page_series lines[] = { { "total", usage->values[FIGURE_MEMORY] },
                { "hot", usage->values[FIGURE_WORKING_SET] } };
        const struct machine *machine = registry_machine(page->cadvisor->registry);
        const struct cgroup_memory *memory = &newest->cgroup.memory;
        uint64_t limit = container_spec(page->container)->limits.memory_limit;
        if (limit == 0 || limit > machine->memory)
                limit = machine->memory;
        page_section(page, "Memory");
        buf_puts(page->out, "<h3>Total usage</h3>");
        page_chart(page, lines, 2, usage->times_ns, usage->count, "MiB");
        double whole = limit ? (double)limit : 1;
        uint64_t cold = memory->usage > memory->working_set ? memory->usage - memory->working_set : 0;
        buf_puts(page->out, "<h3>Usage breakdown</h3>");
        page_bar(page, (double)memory->working_set * 100 / whole, (double)cold * 100 / whole);
        buf_puts(page->out, "<p>hot ");
        page_size(page->out, memory->working_set);
        buf_puts(page->out, ", cold ");
        page_size(page->out, cold);
        buf_puts(page->out, ", of ");
        page_size(page->out, limit);
        buf_puts(page->out, "</p>\n");
}

static void put_network(struct page *page, const struct usage *usage, const struct container_stats *newest)
{
        const struct page_series bytes[] = { { "received", usage->values[FIGURE_RX] },
                { "sent", usage->values[FIGURE_TX] } };
        const struct page_series errors[] = { { "received", usage->values[FIGURE_RX_ERRORS] },
                { "sent", usage->values[FIGURE_TX_ERRORS] } };
        page_section(page, "Network");
        buf_puts(page->out, "<p>");
        for (size_t i = 0; i < newest->net.interface_count; i++) {
                const char *name = newest->net.interfaces[i].name;
                if (strcmp(name, usage->interface) == 0) {
                        buf_puts(page->out, "<b>");
                        page_text(page->out, name);
                        buf_puts(page->out, "</b> ");
                        continue;
                }
                buf_puts(page->out, "<a href=\"?interface=");
                for (const char *at = name; *at; at++)
                        buf_printf(page->out, "%%%02X", (unsigned char)*at);
                buf_puts(page->out, "\">");
                page_text(page->out, name);
                buf_puts(page->out, "</a> ");
        }
        buf_puts(page->out, "</p><h3>Throughput</h3>");
        page_chart(page, bytes, 2, usage->times_ns, usage->count, "KiB/s");
        buf_puts(page->out, "<h3>Errors</h3>");
        page_chart(page, errors, 2, usage->times_ns, usage->count, "/s");
}

static void put_filesystems(struct page *page, const struct container_stats *newest)
{
        page_section(page, "Filesystem");
        for (size_t i = 0; i < newest->filesystem_count; i++) {
                const struct filesystem_stats *filesystem = &newest->filesystems[i];
                double used = filesystem->capacity ? (double)filesystem->usage * 100 / (double)filesystem->capacity : 0;
                buf_printf(page->out, "<h3>FS #%zu: ", i + 1);
                page_text(page->out, filesystem->device);
                buf_puts(page->out, "</h3>");
                page_bar(page, 0, used);
                buf_puts(page->out, "<p>");
                page_size(page->out, filesystem->usage);
                buf_puts(page->out, " of ");
                page_size(page->out, filesystem->capacity);
                buf_printf(page->out, " (%.0f%%)</p>\n", used);
        }
}

static void put_app_metrics(struct page *page, const struct container_stats *newest)
{
        page_section(page, "Application Metrics");
        buf_puts(page->out, "<table>");
        for (size_t i = 0; i < newest->app_count; i++) {
                const struct app_metric *metric = &newest->apps[i];
                buf_puts(page->out, "<tr><th>");
                page_text(page->out, metric->name);
                buf_puts(page->out, "</th><td>");
                page_text(page->out, metric->label);
                if (metric->is_float)
                        buf_printf(page->out, "</td><td class=\"n\">%g</td></tr>\n", metric->real);
                else
                        buf_printf(page->out, "</td><td class=\"n\">%lld</td></tr>\n", (long long)metric->integer);
        }
        buf_puts(page->out, "</table>");
}

void page_usage(struct page *page)
{
        struct container_stats newest = { 0 };
        page_section(page, "Usage");
        struct usage *usage = arena_new(&page->arena, struct usage);
        if (!usage || !container_latest(page->container, &page->arena, &newest)) {
                buf_puts(page->out, "<p class=\"quiet\">no sample yet</p>\n");
                return;
        }
        cleanup(buf_done) struct buf scratch;
        buf_init(&scratch, API_NAME_MAX);
        const char *asked = api_query(page->query, "interface", &scratch);
        const struct net_interface_stats *interface = find_interface(&newest, asked);
        if (!interface && newest.net.interface_count)
                interface = &newest.net.interfaces[0];
        usage->interface = interface ? interface->name : "";
        collect(page, usage);
        const struct container_spec *spec = container_spec(page->container);
        put_overview(page, usage, &newest);
        page_processes(page);
        if (spec->has_cpu)
                put_cpu(page, usage);
        if (spec->has_memory)
                put_memory(page, usage, &newest);
        if (interface)
                put_network(page, usage, &newest);
        if (newest.filesystem_count)
                put_filesystems(page, &newest);
        if (newest.app_count)
                put_app_metrics(page, &newest);
}
