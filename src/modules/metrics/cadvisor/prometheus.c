/* cAdvisor's metrics of containers. Two passes over the containers: their specifications give the labels and the order
 * of writing; then each container's newest sample is taken once and says what all families ask of it. */
#include "base/cleanup.h"
#include "modules/metrics/cadvisor/prometheus_internal.h"
#include "modules/metrics/cadvisor/prometheus_labels.h"

#define MEMORY_UNLIMITED ((uint64_t)1 << 62) /* cAdvisor: more is no limit, and shown as 0 */
#define NANOSECONDS 1000000000
#define MILLION 1000000

struct ordered {
        size_t index; /* of the source */
        struct exposition_labels *labels;
};

struct exposer {
        const struct metrics_options *options;
        const struct machine *machine;
        struct exposition *out;
        int64_t now_ns;
        struct exposition_family *families[METRIC_ROWS_MAX]; /* by row; NULL: off */
        struct ordered *order;
        size_t count;
};

static int64_t seconds_of(int64_t ns)
{
        return ns / NANOSECONDS;
}

static int64_t time_of(const struct metrics_options *options, int64_t ns)
{
        return options->timestamps ? ns / MILLION : EXPOSITION_NO_TIME;
}

static void families_make(struct exposer *exposer)
{
        for (size_t i = 0; metric_rows[i].name && i < METRIC_ROWS_MAX; i++) {
                const struct metric_row *row = &metric_rows[i];
                if (row->proposed && !exposer->options->memory_events)
                        continue;
                if (row->kind == METRIC_ALWAYS || exposer->options->kinds & 1u << row->kind)
                        exposer->families[i] = exposition_family(exposer->out, row->name, row->type, row->help);
        }
}

static void put(struct exposer *exposer, const struct exposition_labels *labels, const char *name, const char *help,
        double value)
{
        exposition_add_to(exposition_family(exposer->out, name, EXPOSITION_GAUGE, help), labels, NULL, 0, value,
                EXPOSITION_NO_TIME);
}

static double memory_value(uint64_t bytes)
{
        return bytes > MEMORY_UNLIMITED ? 0 : (double)bytes;
}

/* These never have a time: cAdvisor gives none. */
static void expose_spec(
        struct exposer *exposer, const struct container_spec *spec, const struct exposition_labels *labels)
{
        int64_t started_ns = spec->started_ns ? spec->started_ns : spec->created_ns;
        if (spec->created_ns)
                put(exposer, labels, "container_creation_time_seconds",
                        "Container creation time since unix epoch in seconds.", (double)seconds_of(spec->created_ns));
        if (started_ns)
                put(exposer, labels, "container_start_time_seconds",
                        "Start time of the container since unix epoch in seconds.", (double)seconds_of(started_ns));
        const struct cgroup_limits *limits = &spec->limits;
        if (spec->has_cpu) {
                put(exposer, labels, "container_spec_cpu_period", "CPU period of the container.",
                        (double)limits->cpu_period_us);
                if (limits->cpu_quota_us)
                        put(exposer, labels, "container_spec_cpu_quota", "CPU quota of the container.",
                                (double)limits->cpu_quota_us);
                put(exposer, labels, "container_spec_cpu_shares", "CPU share of the container.",
                        (double)limits->cpu_shares);
        }
        if (spec->has_memory) {
                put(exposer, labels, "container_spec_memory_limit_bytes", "Memory limit for the container.",
                        memory_value(limits->memory_limit));
                put(exposer, labels, "container_spec_memory_swap_limit_bytes", "Memory swap limit for the container.",
                        memory_value(limits->swap_limit));
                put(exposer, labels, "container_spec_memory_reservation_limit_bytes",
                        "Memory reservation limit for the container.", memory_value(limits->memory_reservation));
        }
}

/* Metrics that an application in the container tells: no time either. */
static void expose_apps(
        struct exposer *exposer, const struct container_stats *stats, const struct exposition_labels *labels)
{
        for (size_t i = 0; i < stats->app_count; i++) {
                const struct app_metric *app = &stats->apps[i];
                struct exposition_label own[LABEL_COLUMNS_MAX];
                size_t count = 0;
                for (; count < app->label_count && count < LABEL_COLUMNS_MAX; count++) {
                        struct buf name;
                        buf_init(&name, 4096);
                        buf_puts(&name, "app_");
                        exposition_label_name(&name, app->labels[count].name);
                        const char *copy = exposition_text(exposer->out, buf_text(&name));
                        buf_done(&name);
                        if (!copy)
                                return;
                        own[count] = (struct exposition_label){ copy, app->labels[count].value };
                }
                exposition_add_to(
                        exposition_family(exposer->out, app->name, EXPOSITION_GAUGE, "Custom application metric."),
                        labels, own, count, app->is_float ? app->real : (double)app->integer, EXPOSITION_NO_TIME);
        }
}

/* What a sample cannot say because that option is off, while other options have families of it (sched, pressure,
 * memory_numa), the specification says. */
static bool has_part(const struct metrics_options *options, enum metric_kind kind, bool sampled, bool specified)
{
        return options->kinds & 1u << kind ? sampled : specified;
}

static unsigned has_of(const struct metrics_options *options, const struct cadvisor_container_metrics *container)
{
        const struct container_stats *stats = container->stats;
        const struct container_spec *spec = container->spec;
        return (has_part(options, METRIC_CPU, stats->cgroup.has_cpu, spec->has_cpu) ? NEED_CPU : 0) |
               (has_part(options, METRIC_MEMORY, stats->cgroup.has_memory, spec->has_memory) ? NEED_MEMORY : 0) |
               (has_part(options, METRIC_DISK_IO, stats->cgroup.has_io, spec->has_diskio) ? NEED_IO : 0) |
               (stats->has_net ? NEED_NET : 0) | (stats->has_tasks ? NEED_TASKS : 0) |
               (spec->limits.cpu_quota_us ? NEED_QUOTA : 0);
}

static void expose_one(struct exposer *exposer, const struct cadvisor_container_metrics *container,
        const struct exposition_labels *labels)
{
        expose_spec(exposer, container->spec, labels);
        if (!container->stats)
                return;
        const struct container_view view = { .options = exposer->options,
                .machine = exposer->machine,
                .spec = container->spec,
                .stats = container->stats,
                .labels = labels,
                .time_ms = time_of(exposer->options, container->stats->time_ns),
                .now_ms = time_of(exposer->options, exposer->now_ns),
                .now_s = seconds_of(exposer->now_ns) };
        unsigned has = has_of(exposer->options, container);
        for (size_t i = 0; metric_rows[i].name && i < METRIC_ROWS_MAX; i++) {
                const struct metric_row *row = &metric_rows[i];
                if (exposer->families[i] && (row->need & has) == row->need)
                        row->samples(&view, row, exposer->families[i]);
        }
        if (exposer->options->kinds & 1u << METRIC_APP)
                expose_apps(exposer, container->stats, labels);
}

static int by_labels(const void *a, const void *b)
{
        const struct ordered *x = a, *y = b;
        return exposition_labels_compare(x->labels, y->labels);
}

/* The sets of labels of all containers, in the order of writing. */
static int order_make(
        struct exposer *exposer, const struct container_source *source, size_t *ret_refused, struct error *err)
{
        cleanup(label_columns_done) struct label_columns columns;
        label_columns_init(&columns, exposer->options, exposer->out);
        struct cadvisor_container_metrics container;
        for (size_t i = 0; i < source->count; i++) {
                if (source->at(source->cookie, i, false, &container, err) < 0)
                        return -1;
                label_columns_note(&columns, &container);
        }
        exposer->order = calloc(source->count ? source->count : 1, sizeof(*exposer->order));
        if (!exposer->order || label_columns_close(&columns) < 0)
                return fail(err, E_NO_MEMORY, "no memory for the labels of %zu containers", source->count);
        for (size_t i = 0; i < source->count; i++) {
                if (source->at(source->cookie, i, false, &container, err) < 0)
                        return -1;
                struct exposition_labels *labels = label_columns_set(&columns, &container);
                if (!labels)
                        return fail(err, E_TOO_LARGE, "the labels of %zu containers do not fit", source->count);
                exposer->order[exposer->count++] = (struct ordered){ .index = i, .labels = labels };
        }
        qsort(exposer->order, exposer->count, sizeof(*exposer->order), by_labels);
        for (size_t i = 1; i < exposer->count; i++)
                exposition_labels_follow(exposer->order[i].labels, exposer->order[i - 1].labels);
        *ret_refused = columns.refused;
        return 0;
}

static void exposer_done_p(struct exposer *exposer)
{
        free(exposer->order);
}

int cadvisor_expose_source(const struct metrics_options *options, const struct machine *machine,
        const struct container_source *source, int64_t now_ns, struct exposition *out, struct error *err)
{
        cleanup(exposer_done) struct exposer exposer = {
                .options = options, .machine = machine, .out = out, .now_ns = now_ns
        };
        size_t refused = 0;
        families_make(&exposer);
        if (order_make(&exposer, source, &refused, err) < 0)
                return -1;
        for (size_t i = 0; i < exposer.count; i++) {
                struct cadvisor_container_metrics container;
                if (source->at(source->cookie, exposer.order[i].index, true, &container, err) < 0)
                        return -1;
                expose_one(&exposer, &container, exposer.order[i].labels);
        }
        exposition_put(out, "container_scrape_error", EXPOSITION_GAUGE,
                "1 if there was an error while getting container metrics, 0 otherwise", refused > 0);
        return 0;
}

static int array_at(void *cookie, size_t index, bool stats, struct cadvisor_container_metrics *ret, struct error *err)
{
        (void)stats;
        (void)err;
        *ret = ((const struct cadvisor_container_metrics *)cookie)[index];
        return 0;
}

int cadvisor_expose_containers(const struct metrics_options *options, const struct machine *machine,
        const struct cadvisor_container_metrics *containers, size_t count, int64_t now_ns, struct exposition *out,
        struct error *err)
{
        if (!containers) {
                exposition_put(out, "container_scrape_error", EXPOSITION_GAUGE,
                        "1 if there was an error while getting container metrics, 0 otherwise", 1);
                return 0;
        }
        const struct container_source source = { .count = count, .at = array_at, .cookie = (void *)containers };
        return cadvisor_expose_source(options, machine, &source, now_ns, out, err);
}

void cadvisor_expose_version(const char *kernel_version, const char *os_version, const char *docker_version,
        const char *version, const char *revision, struct exposition *out)
{
        exposition_add(exposition_family(out, "cadvisor_version_info", EXPOSITION_GAUGE,
                               "A metric with a constant '1' value labeled by kernel version, OS version, docker "
                               "version, cadvisor version & cadvisor revision."),
                (struct exposition_label[]){ { "kernelVersion", kernel_version }, { "osVersion", os_version },
                        { "dockerVersion", docker_version }, { "cadvisorVersion", version },
                        { "cadvisorRevision", revision } },
                5, 1, EXPOSITION_NO_TIME);
}
