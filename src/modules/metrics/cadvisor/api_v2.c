/* Endpoints of v2.0 and v2.1. */
#include "modules/metrics/cadvisor/api_internal.h"

enum sample_shape { SHAPE_DEPRECATED, SHAPE_CONTAINER, SHAPE_MACHINE };

struct sample_writer {
        struct buf *out;
        const struct machine *machine;
        const struct container_spec *spec;
        enum sample_shape shape;
        bool any;
};

static int put_sample(const struct container_stats *stats, void *cookie)
{
        struct sample_writer *writer = cookie;
        if (!writer->any && writer->shape == SHAPE_CONTAINER) {
                go_key(writer->out, "stats"); /* absent when there is none */
                go_begin(writer->out, '[');
        } else if (!writer->any) {
                go_begin(writer->out, '[');
        }
        writer->any = true;
        if (writer->shape == SHAPE_DEPRECATED)
                api_put_stats_deprecated(writer->out, writer->machine, writer->spec, stats);
        else if (writer->shape == SHAPE_CONTAINER)
                api_put_stats_v2(writer->out, writer->machine, writer->spec, stats);
        else
                api_put_stats_machine(writer->out, writer->spec, stats);
        return writer->out->failed;
}

static void put_samples(struct api_call *call, const struct container *container, enum sample_shape shape)
{
        struct sample_writer writer = { .out = call->out,
                .machine = registry_machine(call->cadvisor->registry),
                .spec = container_spec(container),
                .shape = shape };
        size_t max = call->options.count < 0 ? SIZE_MAX : (size_t)call->options.count;
        container_samples(container, max, 0, 0, put_sample, &writer);
        if (writer.any)
                buf_putc(call->out, ']');
        else if (shape == SHAPE_DEPRECATED)
                buf_puts(call->out, "[]");
        else if (shape == SHAPE_MACHINE)
                buf_puts(call->out, "null");
}

void api_version_text(struct api_call *call)
{
        go_text(call->out, call->cadvisor->version);
}

void api_attributes(struct api_call *call)
{
        api_put_attributes(call->out, registry_machine(call->cadvisor->registry), call->cadvisor->version);
}

void api_stats_v20(struct api_call *call)
{
        cleanup(api_selection_done) struct api_selection selection = { 0 };
        if (api_select(call, "", &selection) < 0)
                return;
        api_select_sampled(&selection);
        go_begin(call->out, '{');
        for (size_t i = 0; i < selection.count && !call->out->failed; i++) {
                go_map_key(call->out, sv_of(container_ref(selection.items[i])->name));
                put_samples(call, selection.items[i], SHAPE_DEPRECATED);
        }
        buf_putc(call->out, '}');
}

void api_stats_v21(struct api_call *call)
{
        cleanup(api_selection_done) struct api_selection selection = { 0 };
        if (api_select(call, "", &selection) < 0)
                return;
        api_select_sampled(&selection);
        const struct machine *machine = registry_machine(call->cadvisor->registry);
        go_begin(call->out, '{');
        for (size_t i = 0; i < selection.count && !call->out->failed; i++) {
                const struct container *container = selection.items[i];
                const struct container_ref *ref = container_ref(container);
                if (strcmp(ref->name, "/") == 0) /* its samples are machinestats */
                        continue;
                go_map_key(call->out, sv_of(ref->name));
                go_begin(call->out, '{');
                go_key(call->out, "spec");
                struct container_spec spec;
                api_put_spec_v2(call->out, machine, ref, api_spec_shown(call, container, &spec));
                put_samples(call, container, SHAPE_CONTAINER);
                buf_putc(call->out, '}');
        }
        buf_putc(call->out, '}');
}

void api_machinestats(struct api_call *call)
{
        cleanup(api_selection_done) struct api_selection selection = { 0 };
        memcpy(call->name, "/", 2);
        if (api_select(call, "", &selection) < 0)
                return;
        for (size_t i = 0; i < selection.count; i++) {
                if (strcmp(container_ref(selection.items[i])->name, "/") != 0)
                        continue;
                put_samples(call, selection.items[i], SHAPE_MACHINE);
                return;
        }
        buf_puts(call->out, "null"); /* type=docker&recursive=true: the machine is not among them */
}

void api_spec(struct api_call *call)
{
        cleanup(api_selection_done) struct api_selection selection = { 0 };
        if (api_select(call, "", &selection) < 0)
                return;
        go_begin(call->out, '{');
        for (size_t i = 0; i < selection.count && !call->out->failed; i++) {
                const struct container *container = selection.items[i];
                go_map_key(call->out, sv_of(container_ref(container)->name));
                struct container_spec spec;
                api_put_spec_v2(call->out, registry_machine(call->cadvisor->registry), container_ref(container),
                        api_spec_shown(call, container, &spec));
        }
        buf_putc(call->out, '}');
}

void api_summary(struct api_call *call)
{
        cleanup(api_selection_done) struct api_selection selection = { 0 };
        if (api_select(call, "", &selection) < 0)
                return;
        go_begin(call->out, '{');
        for (size_t i = 0; i < selection.count && !call->out->failed; i++) {
                struct container_summary summary = { 0 };
                container_summary(selection.items[i], &summary); /* before the first sample all is zero */
                go_map_key(call->out, sv_of(container_ref(selection.items[i])->name));
                api_put_summary(call->out, &summary);
        }
        buf_putc(call->out, '}');
}

/* ---- storage: file systems as the machine's newest sample has them ---- */

static void put_by_uuid(struct api_call *call, const char *uuid, const struct container_stats *stats)
{
        const struct machine *machine = registry_machine(call->cadvisor->registry);
        for (size_t i = 0; i < stats->filesystem_count; i++) {
                const struct filesystem_stats *filesystem = &stats->filesystems[i];
                const struct machine_filesystem *mounted = api_find_filesystem(machine, filesystem->device);
                if (!mounted || !mounted->uuid || strcmp(mounted->uuid, uuid) != 0)
                        continue;
                api_put_storage(call->out, machine, stats->time_ns, filesystem);
                return;
        }
        api_error(call, "cadvisor: no such device");
}

static void put_storage(struct api_call *call, const char *label, const struct container_stats *stats)
{
        const struct machine *machine = registry_machine(call->cadvisor->registry);
        if (label && !api_storage_has_label(machine, NULL, label)) {
                api_error(call, "non-existent label %q", label);
                return;
        }
        go_begin(call->out, '[');
        for (size_t i = 0; i < stats->filesystem_count; i++) {
                const struct filesystem_stats *filesystem = &stats->filesystems[i];
                if (!label || api_storage_has_label(machine, filesystem->device, label))
                        api_put_storage(call->out, machine, stats->time_ns, filesystem);
        }
        buf_putc(call->out, ']');
}

void api_storage(struct api_call *call)
{
        cleanup(arena_done) struct arena arena;
        cleanup(buf_done) struct buf scratch;
        arena_init(&arena, MACHINE_MEMORY);
        buf_init(&scratch, API_NAME_MAX);
        struct container_stats stats = { 0 };
        struct container *root = registry_find(call->cadvisor->registry, SV("/"));
        if (!root || !container_latest(root, &arena, &stats)) {
                api_error(call, "unable to find data in memory cache");
                return;
        }
        const char *uuid = api_query(call->request->query, "uuid", &scratch);
        if (uuid && *uuid) {
                put_by_uuid(call, uuid, &stats);
                return;
        }
        const char *label = api_query(call->request->query, "label", &scratch);
        put_storage(call, label && *label ? label : NULL, &stats);
}

/* ---- application metrics ---- */

/* One value without its label, which is its key. */
static void put_basic_value(struct buf *out, const struct app_metric *metric)
{
        go_begin(out, '{');
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

struct app_row { /* in the arena of the request */
        const char *name, *label;
        size_t order;
        struct app_metric metric;
};

struct app_rows {
        struct app_row *items;
        size_t count, capacity;
        struct arena arena;
};

enum { APP_ROWS_MAX = 1 << 16 };

static int collect_apps(const struct container_stats *stats, void *cookie)
{
        struct app_rows *rows = cookie;
        for (size_t i = 0; i < stats->app_count; i++) {
                struct app_row *row = vec_add(rows, APP_ROWS_MAX);
                if (!row)
                        return -1;
                row->name = arena_strdup(&rows->arena, stats->apps[i].name);
                row->label = arena_strdup(&rows->arena, stats->apps[i].label ? stats->apps[i].label : "");
                row->order = rows->count;
                row->metric = stats->apps[i];
                if (!row->name || !row->label)
                        return -1;
        }
        return 0;
}

static int compare_apps(const void *a, const void *b)
{
        const struct app_row *one = a, *other = b;
        int order = strcmp(one->name, other->name);
        if (!order)
                order = strcmp(one->label, other->label);
        return order ? order : (one->order > other->order) - (one->order < other->order);
}

/* name -> label -> values in the order of time */
static void put_apps(struct buf *out, const struct app_rows *rows)
{
        go_begin(out, '{');
        for (size_t i = 0; i < rows->count;) {
                const char *name = rows->items[i].name;
                go_map_key(out, sv_of(name));
                go_begin(out, '{');
                while (i < rows->count && strcmp(rows->items[i].name, name) == 0) {
                        const char *label = rows->items[i].label;
                        go_map_key(out, sv_of(label));
                        go_begin(out, '[');
                        for (; i < rows->count && strcmp(rows->items[i].name, name) == 0 &&
                                strcmp(rows->items[i].label, label) == 0;
                                i++)
                                put_basic_value(out, &rows->items[i].metric);
                        buf_putc(out, ']');
                }
                buf_putc(out, '}');
        }
        buf_putc(out, '}');
}

void api_appmetrics(struct api_call *call)
{
        cleanup(api_selection_done) struct api_selection selection = { 0 };
        if (api_select(call, "", &selection) < 0)
                return;
        struct app_rows rows = { 0 };
        arena_init(&rows.arena, MACHINE_MEMORY);
        size_t max = call->options.count < 0 ? SIZE_MAX : (size_t)call->options.count;
        go_begin(call->out, '{');
        if (selection.count) { /* of several the last, under the name that was asked for: cAdvisor's way */
                container_samples(selection.items[selection.count - 1], max, 0, 0, collect_apps, &rows);
                if (rows.count)
                        qsort(rows.items, rows.count, sizeof(*rows.items), compare_apps);
                go_map_key(call->out, sv_of(call->name));
                put_apps(call->out, &rows);
        }
        buf_putc(call->out, '}');
        vec_done(&rows);
        arena_done(&rows.arena);
}
