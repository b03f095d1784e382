/* Families of ours, on request: the programs of each container that used most CPU of late. They never have a time: what
 * ended is gone from the next scrape. */
#include "base/timefmt.h"
#include "modules/metrics/cadvisor/prometheus_internal.h"
#include "modules/metrics/collect/process_series.h"

enum { PROGRAM_LABELS = 5 };

struct program_families {
        struct exposition_family *cpu, *memory, *read, *write, *processes, *refused;
};

static void families_make(struct exposition *out, bool by_pid, struct program_families *ret)
{
        *ret = (struct program_families){
                .cpu = exposition_family(out, "tarsier_process_cpu_seconds_total", EXPOSITION_COUNTER,
                        "CPU time of the container's processes of this name."),
                .memory = exposition_family(out, "tarsier_process_resident_memory_bytes", EXPOSITION_GAUGE,
                        "Resident memory of the container's processes of this name; shared pages count for each."),
                .read = exposition_family(out, "tarsier_process_read_bytes_total", EXPOSITION_COUNTER,
                        "Bytes that the container's processes of this name had read from storage."),
                .write = exposition_family(out, "tarsier_process_written_bytes_total", EXPOSITION_COUNTER,
                        "Bytes that the container's processes of this name sent to storage."),
                .processes = by_pid ? NULL
                                    : exposition_family(out, "tarsier_processes", EXPOSITION_GAUGE,
                                              "Processes of this name in the container."),
                .refused = exposition_family(out, "tarsier_process_series_refused", EXPOSITION_GAUGE,
                        "Names (or processes) of the container that are not shown: they used less CPU of late."),
        };
}

/* of: the labels of the container. */
static void put_row(const struct program_families *families, const struct exposition_label *of, size_t count,
        const struct process_counters *row)
{
        struct exposition_label labels[PROGRAM_LABELS];
        char pid[16];
        memcpy(labels, of, count * sizeof(*labels));
        labels[count++] = (struct exposition_label){ "comm", row->comm };
        if (row->pid) {
                snprintf(pid, sizeof(pid), "%d", row->pid);
                labels[count++] = (struct exposition_label){ "pid", pid };
        }
        exposition_add(families->cpu, labels, count, (double)row->cpu_ns / (double)SECOND, EXPOSITION_NO_TIME);
        exposition_add(families->memory, labels, count, (double)row->rss, EXPOSITION_NO_TIME);
        exposition_add(families->processes, labels, count, (double)row->processes, EXPOSITION_NO_TIME);
        if (!row->has_io) /* without the right to it */
                return;
        exposition_add(families->read, labels, count, (double)row->read_bytes, EXPOSITION_NO_TIME);
        exposition_add(families->write, labels, count, (double)row->write_bytes, EXPOSITION_NO_TIME);
}

void cadvisor_expose_programs(const struct metrics_options *options, const struct process_series *series,
        const struct container_source *source, struct exposition *out)
{
        const size_t limit = options->process_series;
        const struct process_counters *rows[PROCESS_SERIES_SHOWN_MAX];
        struct cadvisor_container_metrics container;
        struct program_families families;
        families_make(out, options->process_pids, &families);
        for (size_t i = 0; i < source->count; i++) {
                struct exposition_label labels[PROGRAM_LABELS];
                size_t left;
                size_t count = 0;
                if (source->at(source->cookie, i, false, &container, NULL) < 0)
                        continue;
                const struct container_ref *ref = container.ref;
                size_t shown = process_series_of(series, sv_of(ref->name), limit, rows, &left);
                if (!shown)
                        continue;
                labels[count++] = (struct exposition_label){ "id", ref->name };
                labels[count++] = (struct exposition_label){ "name", ref->alias_count ? ref->aliases[0] : "" };
                if (options->unit_labels)
                        labels[count++] = (struct exposition_label){ "unit",
                                container.extra_count ? container.extra[0].value : "" };
                exposition_add(families.refused, labels, count, (double)left, EXPOSITION_NO_TIME);
                for (size_t k = 0; k < shown; k++)
                        put_row(&families, labels, count, rows[k]);
        }
}
