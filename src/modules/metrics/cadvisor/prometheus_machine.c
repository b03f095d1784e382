/* cAdvisor's metrics of the machine. All have its three identities as labels; the time is that of the reading. */
#include "modules/metrics/cadvisor/cadvisor.h"

#include "base/encode.h"

#define MILLION 1000000

struct machine_exposer {
        const struct machine *machine;
        struct exposition *out;
        const struct exposition_labels *labels;
        int64_t time_ms;
};

enum { OWN_LABELS_MAX = 4 };

static struct exposition_family *gauge(const struct machine_exposer *exposer, const char *name, const char *help)
{
        return exposition_family(exposer->out, name, EXPOSITION_GAUGE, help);
}

static void add(const struct machine_exposer *exposer, struct exposition_family *family,
        const struct exposition_label *labels, size_t count, double value)
{
        exposition_add_to(family, exposer->labels, labels, count, value, exposer->time_ms);
}

static const char *number_text(int64_t value, char text[DECIMAL_MAX + 2])
{
        snprintf(text, DECIMAL_MAX + 2, "%lld", (long long)value);
        return text;
}

static void expose_counts(const struct machine_exposer *exposer)
{
        const struct machine *machine = exposer->machine;
        const struct {
                const char *name, *help;
                double value;
        } rows[] = { { "machine_cpu_physical_cores", "Number of physical CPU cores.", machine->physical_cores },
                { "machine_cpu_cores", "Number of logical CPU cores.", machine->cores },
                { "machine_cpu_sockets", "Number of CPU sockets.", machine->sockets },
                { "machine_cpu_books", "Number of CPU books.", machine->books },
                { "machine_cpu_drawers", "Number of CPU drawers.", machine->drawers },
                { "machine_memory_bytes", "Amount of memory installed on the machine.", (double)machine->memory },
                { "machine_swap_bytes", "Amount of swap memory available on the machine.", (double)machine->swap },
                { "machine_nvm_avg_power_budget_watts", "NVM power budget.", (double)machine->nvm_power_budget } };
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
                add(exposer, gauge(exposer, rows[i].name, rows[i].help), NULL, 0, rows[i].value);
}

static void expose_memory(const struct machine_exposer *exposer)
{
        const struct machine *machine = exposer->machine;
        struct exposition_family *count = gauge(exposer, "machine_dimm_count",
                "Number of RAM DIMM (all types memory modules) value labeled by dimm type.");
        struct exposition_family *capacity = gauge(exposer, "machine_dimm_capacity_bytes",
                "Total RAM DIMM capacity (all types memory modules) value labeled by dimm type.");
        for (size_t i = 0; i < machine->dimm_count; i++) {
                const struct exposition_label type = { "type", machine->dimms[i].type };
                add(exposer, count, &type, 1, machine->dimms[i].count);
                add(exposer, capacity, &type, 1, (double)machine->dimms[i].capacity);
        }
        struct exposition_family *nvm = gauge(exposer, "machine_nvm_capacity",
                "NVM capacity value labeled by NVM mode (memory mode or app direct mode).");
        add(exposer, nvm, &(struct exposition_label){ "mode", "app_direct_mode" }, 1, (double)machine->nvm_app_direct);
        add(exposer, nvm, &(struct exposition_label){ "mode", "memory_mode" }, 1, (double)machine->nvm_memory_mode);
}

/* core: "" for a cache of the whole node. */
static void expose_caches(const struct machine_exposer *exposer, const char *node, const char *core,
        const struct machine_cache *caches, size_t count)
{
        struct exposition_family *family = gauge(
                exposer, "machine_cpu_cache_capacity_bytes", "Cache size in bytes assigned to NUMA node and CPU core.");
        for (size_t i = 0; i < count; i++) {
                char level[DECIMAL_MAX + 2];
                add(exposer, family,
                        (struct exposition_label[OWN_LABELS_MAX]){ { "core_id", core },
                                { "level", number_text(caches[i].level, level) }, { "node_id", node },
                                { "type", caches[i].type } },
                        4, (double)caches[i].size);
        }
}

static void expose_core(const struct machine_exposer *exposer, const char *node, const struct machine_core *core)
{
        char id[DECIMAL_MAX + 2], thread[DECIMAL_MAX + 2];
        number_text(core->id, id);
        expose_caches(exposer, node, id, core->caches, core->cache_count);
        expose_caches(exposer, node, id, core->uncore_caches, core->uncore_cache_count);
        struct exposition_family *siblings =
                gauge(exposer, "machine_thread_siblings_count", "Number of CPU thread siblings.");
        for (size_t i = 0; i < core->thread_count; i++)
                add(exposer, siblings,
                        (struct exposition_label[OWN_LABELS_MAX]){ { "core_id", id }, { "node_id", node },
                                { "thread_id", number_text(core->threads[i], thread) } },
                        3, (double)core->thread_count);
}

static void expose_node(const struct machine_exposer *exposer, const struct machine_node *node)
{
        char id[DECIMAL_MAX + 2], other[DECIMAL_MAX + 2];
        number_text(node->id, id);
        for (size_t i = 0; i < node->core_count; i++)
                expose_core(exposer, id, &node->cores[i]);
        expose_caches(exposer, id, "", node->caches, node->cache_count);
        add(exposer, gauge(exposer, "machine_node_memory_capacity_bytes", "Amount of memory assigned to NUMA node."),
                &(struct exposition_label){ "node_id", id }, 1, (double)node->memory);
        struct exposition_family *huge =
                gauge(exposer, "machine_node_hugepages_count", "Numer of hugepages assigned to NUMA node.");
        for (size_t i = 0; i < node->huge_pages_count; i++)
                add(exposer, huge,
                        (struct exposition_label[OWN_LABELS_MAX]){ { "node_id", id },
                                { "page_size", number_text((int64_t)node->huge_pages[i].page_kib, other) } },
                        2, (double)node->huge_pages[i].pages);
        struct exposition_family *distance =
                gauge(exposer, "machine_node_distance", "Distance between NUMA node and target NUMA node.");
        for (size_t i = 0; i < node->distance_count; i++) /* cAdvisor: the place in the row, not the node's number */
                add(exposer, distance,
                        (struct exposition_label[OWN_LABELS_MAX]){
                                { "node_id", id }, { "target_node_id", number_text((int64_t)i, other) } },
                        2, (double)node->distances[i]);
}

int cadvisor_expose_machine(
        const struct metrics_options *options, const struct machine *machine, struct exposition *out, struct error *err)
{
        exposition_put(out, "machine_scrape_error", EXPOSITION_GAUGE,
                "1 if there was an error while getting machine metrics, 0 otherwise.", machine == NULL);
        if (!machine)
                return 0;
        struct machine_exposer exposer = { .machine = machine, .out = out };
        exposer.time_ms = options->timestamps ? machine->read_unix_ns / MILLION : EXPOSITION_NO_TIME;
        exposer.labels = exposition_labels(out,
                (struct exposition_label[]){ { "boot_id", machine->boot_id }, { "machine_id", machine->machine_id },
                        { "system_uuid", machine->system_uuid } },
                3);
        if (!exposer.labels)
                return fail(err, E_TOO_LARGE, "the metrics of the machine do not fit");
        expose_counts(&exposer);
        expose_memory(&exposer);
        for (size_t i = 0; options->kinds & 1u << METRIC_CPU_TOPOLOGY && i < machine->node_count; i++)
                expose_node(&exposer, &machine->nodes[i]);
        return 0;
}
