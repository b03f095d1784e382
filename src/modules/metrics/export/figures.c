#include "modules/metrics/export/figures.h"

#include "base/encode.h"

struct scalar {
        const char *name;
        size_t offset;
};

#define STATS(field) offsetof(struct container_stats, field)

static const struct scalar cpu_scalars[] = { { "cpu_usage_total", STATS(cgroup.cpu.total_ns) },
        { "cpu_usage_system", STATS(cgroup.cpu.system_ns) }, { "cpu_usage_user", STATS(cgroup.cpu.user_ns) },
        { NULL, 0 } };

static const struct scalar memory_scalars[] = { { "memory_usage", STATS(cgroup.memory.usage) },
        { "memory_max_usage", STATS(cgroup.memory.max_usage) }, { "memory_cache", STATS(cgroup.memory.cache) },
        { "memory_rss", STATS(cgroup.memory.rss) }, { "memory_swap", STATS(cgroup.memory.swap) },
        { "memory_mapped_file", STATS(cgroup.memory.mapped_file) },
        { "memory_working_set", STATS(cgroup.memory.working_set) }, { "memory_failcnt", STATS(cgroup.memory.failcnt) },
        { NULL, 0 } };

#define INTERFACE(field) offsetof(struct net_interface_stats, field)

static const struct scalar interface_scalars[] = { { "rx_bytes", INTERFACE(rx_bytes) },
        { "rx_errors", INTERFACE(rx_errors) }, { "tx_bytes", INTERFACE(tx_bytes) },
        { "tx_errors", INTERFACE(tx_errors) }, { NULL, 0 } };

static void scalars(const struct scalar *scalar, const void *base, figure_fn *each, void *cookie)
{
        for (; scalar->name; scalar++) {
                struct figure figure = { .name = scalar->name };
                memcpy(&figure.value, (const char *)base + scalar->offset, sizeof(figure.value));
                each(&figure, cookie);
        }
}

/* One figure with one tag, whose value is its flat name's end too. */
static void tagged(const char *name, uint64_t value, const char *tag, const char *text, figure_fn *each, void *cookie)
{
        each(
                &(struct figure){
                        .name = name, .value = value, .tags = { { tag, text } }, .tag_count = 1, .after = { text } },
                cookie);
}

static const char *number_text(uint64_t value, char text[DECIMAL_MAX + 1])
{
        text[decimal_format(value, text)] = '\0';
        return text;
}

static void cpu(const struct container_stats *stats, figure_fn *each, void *cookie)
{
        char instance[DECIMAL_MAX + 1];
        scalars(cpu_scalars, stats, each, cookie);
        for (size_t i = 0; i < stats->cgroup.cpu.per_cpu_count; i++)
                tagged("cpu_usage_per_cpu", stats->cgroup.cpu.per_cpu_ns[i], "instance", number_text(i, instance), each,
                        cookie);
        each(&(struct figure){ .name = "load_average",
                     .value = stats->load_average > 0 ? (uint64_t)stats->load_average : 0 },
                cookie);
}

static void memory(const struct container_stats *stats, figure_fn *each, void *cookie)
{
        const struct cgroup_memory *memory = &stats->cgroup.memory;
        const struct {
                const char *type, *scope;
                uint64_t value;
        } failures[] = { { "pgfault", "container", memory->pgfault }, { "pgmajfault", "container", memory->pgmajfault },
                { "pgfault", "hierarchical", memory->hierarchical_pgfault },
                { "pgmajfault", "hierarchical", memory->hierarchical_pgmajfault } };
        scalars(memory_scalars, stats, each, cookie);
        for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++)
                each(&(struct figure){ .name = "memory_failure",
                             .value = failures[i].value,
                             .tags = { { "failure_type", failures[i].type }, { "scope", failures[i].scope } },
                             .tag_count = 2,
                             .after = { failures[i].scope, failures[i].type } },
                        cookie);
}

static void huge_pages(const struct container_stats *stats, figure_fn *each, void *cookie)
{
        for (size_t i = 0; i < stats->cgroup.huge_count; i++) {
                const struct cgroup_huge *huge = &stats->cgroup.huge[i];
                tagged("hugetlb_usage", huge->usage, "page_size", huge->size, each, cookie);
                tagged("hugetlb_max_usage", huge->max_usage, "page_size", huge->size, each, cookie);
                tagged("hugetlb_failcnt", huge->failcnt, "page_size", huge->size, each, cookie);
        }
}

static void perf(const struct container_stats *stats, figure_fn *each, void *cookie)
{
        for (size_t i = 0; i < stats->perf_count; i++) {
                char number[16], ratio[32];
                snprintf(number, sizeof(number), "%d", stats->perf[i].cpu);
                snprintf(ratio, sizeof(ratio), "%.10g", stats->perf[i].scaling_ratio);
                each(&(struct figure){ .name = "perf_stat",
                             .value = stats->perf[i].value,
                             .tags = { { "cpu", number }, { "name", stats->perf[i].name }, { "scaling_ratio", ratio } },
                             .tag_count = 3,
                             .after = { stats->perf[i].name, number } },
                        cookie);
        }
}

static void resctrl(const struct container_stats *stats, figure_fn *each, void *cookie)
{
        char node[DECIMAL_MAX + 1];
        for (size_t i = 0; i < stats->resctrl.bandwidth_count; i++) {
                number_text(i, node);
                tagged("resctrl_memory_bandwidth_total", stats->resctrl.bandwidth[i].total_bytes, "node_id", node, each,
                        cookie);
                tagged("resctrl_memory_bandwidth_local", stats->resctrl.bandwidth[i].local_bytes, "node_id", node, each,
                        cookie);
        }
        for (size_t i = 0; i < stats->resctrl.llc_count; i++)
                tagged("resctrl_llc_occupancy", stats->resctrl.llc_occupancy[i], "node_id", number_text(i, node), each,
                        cookie);
}

static void filesystems(const struct container_stats *stats, figure_fn *each, void *cookie)
{
        uint64_t limit = 0, usage = 0;
        if (!stats->has_filesystems || stats->filesystem_count == 0)
                return;
        for (size_t i = 0; i < stats->filesystem_count; i++) {
                const struct filesystem_stats *filesystem = &stats->filesystems[i];
                limit += filesystem->capacity;
                usage += filesystem->usage;
                each(&(struct figure){ .name = "fs_usage",
                             .value = filesystem->usage,
                             .before = filesystem->device,
                             .tags = { { "device", filesystem->device }, { "type", "usage" } },
                             .tag_count = 2 },
                        cookie);
                each(&(struct figure){ .name = "fs_limit",
                             .value = filesystem->capacity,
                             .before = filesystem->device,
                             .tags = { { "device", filesystem->device }, { "type", "limit" } },
                             .tag_count = 2 },
                        cookie);
        }
        each(&(struct figure){ .name = "fs_limit", .value = limit, .before = "fs_summary", .summary = true }, cookie);
        each(&(struct figure){ .name = "fs_usage", .value = usage, .before = "fs_summary", .summary = true }, cookie);
}

void figures_each(const struct container_stats *stats, figure_fn *each, void *cookie)
{
        if (stats->cgroup.has_cpu)
                cpu(stats, each, cookie);
        /* the drivers push the first interface alone */
        if (stats->has_net && stats->net.interface_count > 0)
                scalars(interface_scalars, &stats->net.interfaces[0], each, cookie);
        if (stats->tasks.referenced_bytes)
                each(&(struct figure){ .name = "referenced_memory", .value = stats->tasks.referenced_bytes }, cookie);
        if (stats->cgroup.has_memory)
                memory(stats, each, cookie);
        huge_pages(stats, each, cookie);
        perf(stats, each, cookie);
        resctrl(stats, each, cookie);
        filesystems(stats, each, cookie);
}

void figure_flat_name(const struct figure *figure, char ret[FIGURE_NAME_MAX])
{
        snprintf(ret, FIGURE_NAME_MAX, "%s%s%s%s%s%s%s", figure->before ? figure->before : "",
                figure->before ? "." : "", figure->name, figure->after[0] ? "." : "",
                figure->after[0] ? figure->after[0] : "", figure->after[1] ? "." : "",
                figure->after[1] ? figure->after[1] : "");
}

const char *figures_container_name(const struct container_ref *ref)
{
        return ref->alias_count > 0 ? ref->aliases[0] : ref->name;
}
