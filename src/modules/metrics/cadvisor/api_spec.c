/* Who a container is and what it may use, in the two shapes of the API. */
#include "modules/metrics/cadvisor/api_internal.h"

static void put_texts(struct buf *out, const char *const *texts, size_t count)
{
        go_begin(out, '[');
        for (size_t i = 0; i < count; i++)
                go_text(out, texts[i]);
        buf_putc(out, ']');
}

void api_put_reference(struct buf *out, const struct container_ref *ref)
{
        if (ref->id && *ref->id) {
                go_key(out, "id");
                go_text(out, ref->id);
        }
        go_key(out, "name");
        go_text(out, ref->name);
        if (ref->alias_count) {
                go_key(out, "aliases");
                put_texts(out, ref->aliases, ref->alias_count);
        }
        if (ref->name_space && *ref->name_space) {
                go_key(out, "namespace");
                go_text(out, ref->name_space);
        }
}

static void put_pairs(struct buf *out, const struct container_pair *pairs, size_t count)
{
        go_begin(out, '{');
        for (size_t i = 0; i < count; i++) {
                go_map_key(out, sv_of(pairs[i].name));
                go_text(out, pairs[i].value);
        }
        buf_putc(out, '}');
}

static void put_times(struct buf *out, const struct container_spec *spec)
{
        go_key(out, "creation_time");
        go_time(out, spec->created_ns);
        go_key(out, "start_time");
        go_time(out, spec->started_ns);
}

static void put_labels(struct buf *out, const struct container_spec *spec)
{
        if (spec->label_count) {
                go_key(out, "labels");
                put_pairs(out, spec->labels, spec->label_count);
        }
        if (spec->env_count) {
                go_key(out, "envs");
                put_pairs(out, spec->envs, spec->env_count);
        }
}

/* v2 has members for quota and period, but what fills it leaves them out. */
static void put_cpu(struct buf *out, const struct container_spec *spec, bool v1)
{
        static const struct container_spec none;
        static const struct go_field fields[] = {
                GO_OMIT(struct container_spec, limits.cpu_mask, "mask"),
                GO_LAST,
        };
        static const struct go_field bandwidth[] = {
                GO_OMIT(struct container_spec, limits.cpu_quota_us, "quota"),
                GO_OMIT(struct container_spec, limits.cpu_period_us, "period"),
                GO_LAST,
        };
        const struct container_spec *shown = spec->has_cpu ? spec : &none;
        go_key(out, "has_cpu");
        go_bool(out, spec->has_cpu);
        go_key(out, "cpu");
        go_begin(out, '{');
        go_key(out, "limit");
        go_uint(out, shown->limits.cpu_shares);
        go_key(out, "max_limit");
        go_uint(out, 0);
        go_members(out, fields, shown);
        if (v1)
                go_members(out, bandwidth, shown);
        buf_putc(out, '}');
}

static void put_memory(struct buf *out, const struct machine *machine, const struct container_spec *spec)
{
        static const struct go_field fields[] = {
                GO_OMIT(struct cgroup_limits, memory_limit, "limit"),
                GO_OMIT(struct cgroup_limits, memory_reservation, "reservation"),
                GO_OMIT(struct cgroup_limits, swap_limit, "swap_limit"),
                GO_LAST,
        };
        struct cgroup_limits shown = { 0 };
        if (spec->has_memory) {
                shown = spec->limits;
                if (shown.memory_limit == 0) /* none: the machine's memory is the limit */
                        shown.memory_limit = machine ? machine->memory : 0;
        }
        go_key(out, "has_memory");
        go_bool(out, spec->has_memory);
        go_key(out, "memory");
        go_object(out, fields, &shown);
}

static void put_has(struct buf *out, const char *key, size_t length, bool has)
{
        go_plain_key(out, key, length);
        go_bool(out, has);
}
#define HAS(out, text, has) put_has(out, "\"" text "\":", sizeof("\"" text "\":") - 1, has)

static void put_processes(struct buf *out, const struct container_spec *spec)
{
        HAS(out, "has_processes", spec->has_processes);
        go_key(out, "processes");
        go_begin(out, '{');
        if (spec->has_processes && spec->limits.pids_limit) {
                go_key(out, "limit");
                go_uint(out, spec->limits.pids_limit);
        }
        buf_putc(out, '}');
}

static void put_image(struct buf *out, const struct container_spec *spec)
{
        if (spec->image && *spec->image) {
                go_key(out, "image");
                go_text(out, spec->image);
        }
}

const struct container_spec *api_spec_shown(
        const struct api_call *call, const struct container *container, struct container_spec *scratch)
{
        if (!call->cadvisor->privacy)
                return container_spec(container);
        *scratch = *container_spec(container);
        scratch->env_count = 0;
        return scratch;
}

void api_put_spec_v1(struct buf *out, const struct machine *machine, const struct container_spec *spec)
{
        go_begin(out, '{');
        put_times(out, spec);
        put_labels(out, spec);
        put_cpu(out, spec, true);
        put_memory(out, machine, spec);
        HAS(out, "has_hugetlb", spec->has_hugetlb);
        HAS(out, "has_network", spec->has_network);
        put_processes(out, spec);
        HAS(out, "has_filesystem", spec->has_filesystem);
        HAS(out, "has_diskio", spec->has_diskio);
        HAS(out, "has_custom_metrics", spec->has_custom_metrics);
        put_image(out, spec);
        buf_putc(out, '}');
}

void api_put_spec_v2(struct buf *out, const struct machine *machine, const struct container_ref *ref,
        const struct container_spec *spec)
{
        go_begin(out, '{');
        put_times(out, spec);
        if (ref->alias_count) {
                go_key(out, "aliases");
                put_texts(out, ref->aliases, ref->alias_count);
        }
        if (ref->name_space && *ref->name_space) {
                go_key(out, "namespace");
                go_text(out, ref->name_space);
        }
        put_labels(out, spec);
        put_cpu(out, spec, false);
        put_memory(out, machine, spec);
        HAS(out, "has_hugetlb", spec->has_hugetlb);
        HAS(out, "has_custom_metrics", spec->has_custom_metrics);
        put_processes(out, spec);
        HAS(out, "has_network", spec->has_network);
        HAS(out, "has_filesystem", spec->has_filesystem);
        HAS(out, "has_diskio", spec->has_diskio);
        put_image(out, spec);
        buf_putc(out, '}');
}

/* ---- summaries ---- */

static void put_percentiles(struct buf *out, const void *value)
{
        static const struct go_field fields[] = {
                GO(struct percentiles, present, "present"),
                GO(struct percentiles, mean, "mean"),
                GO(struct percentiles, std, "std"),
                GO(struct percentiles, max, "max"),
                GO(struct percentiles, fifty, "fifty"),
                GO(struct percentiles, ninety, "ninety"),
                GO(struct percentiles, ninetyfive, "ninetyfive"),
                GO(struct percentiles, count, "count"),
                GO_LAST,
        };
        go_object(out, fields, value);
}

static void put_usage(struct buf *out, const void *value)
{
        static const struct go_field fields[] = {
                GO(struct usage_summary, percent_complete, "percent_complete"),
                GO_PUT(struct usage_summary, cpu, "cpu", put_percentiles),
                GO_PUT(struct usage_summary, memory, "memory", put_percentiles),
                GO_LAST,
        };
        go_object(out, fields, value);
}

static void put_instant(struct buf *out, const void *value)
{
        static const struct go_field fields[] = {
                GO(struct container_summary, latest_cpu, "cpu"),
                GO(struct container_summary, latest_memory, "memory"),
                GO_LAST,
        };
        go_object(out, fields, value);
}

static void put_summary_time(struct buf *out, const void *value)
{
        go_time(out, *(const int64_t *)value);
}

void api_put_summary(struct buf *out, const struct container_summary *summary)
{
        static const struct go_field fields[] = {
                GO_PUT(struct container_summary, time_ns, "timestamp", put_summary_time),
                { GO_KEY("latest_usage"), .kind = GO_VALUE, .put = put_instant },
                GO_PUT(struct container_summary, minute, "minute_usage", put_usage),
                GO_PUT(struct container_summary, hour, "hour_usage", put_usage),
                GO_PUT(struct container_summary, day, "day_usage", put_usage),
                GO_LAST,
        };
        go_object(out, fields, summary);
}

/* ---- application metrics: by name, then what the samples say ---- */

static void put_app_value(struct buf *out, const struct app_metric *metric)
{
        go_begin(out, '{');
        if (metric->label && *metric->label) {
                go_key(out, "label");
                go_text(out, metric->label);
        }
        if (metric->label_count) {
                go_key(out, "labels");
                put_pairs(out, metric->labels, metric->label_count);
        }
        go_key(out, "timestamp");
        go_time(out, metric->time_ns);
        if (metric->is_float && metric->real != 0) {
                go_key(out, "float_value");
                go_double(out, metric->real);
        } else if (!metric->is_float && metric->integer) {
                go_key(out, "int_value");
                go_int(out, metric->integer);
        }
        buf_putc(out, '}');
}

/* The name that follows `last` in the alphabet, NULL when there is none. */
static const char *next_app_name(const struct container_stats *stats, const char *last)
{
        const char *next = NULL;
        for (size_t i = 0; i < stats->app_count; i++) {
                const char *name = stats->apps[i].name;
                if ((!last || strcmp(name, last) > 0) && (!next || strcmp(name, next) < 0))
                        next = name;
        }
        return next;
}

void api_put_custom_metrics(struct buf *out, const struct container_stats *stats)
{
        go_begin(out, '{');
        for (const char *name = NULL; (name = next_app_name(stats, name)) != NULL;) {
                go_map_key(out, sv_of(name));
                go_begin(out, '[');
                for (size_t i = 0; i < stats->app_count; i++)
                        if (strcmp(stats->apps[i].name, name) == 0)
                                put_app_value(out, &stats->apps[i]);
                buf_putc(out, ']');
        }
        buf_putc(out, '}');
}
