#include "modules/metrics/export/statsd.h"

#include "modules/metrics/export/figures.h"

struct statsd {
        const char *name_space, *container;
        struct buf *out;
        size_t refused;
};

/* The figures that the driver pushes, and what it calls them. */
static const char *const names[][2] = { { "cpu_usage_total", "cpu_cumulative_usage" },
        { "cpu_usage_system", "cpu_usage_system" }, { "cpu_usage_user", "cpu_usage_user" },
        { "load_average", "cpu_load_average" }, { "memory_usage", "memory_usage" },
        { "memory_working_set", "memory_working_set" }, { "memory_rss", "memory_rss" },
        { "memory_mapped_file", "memory_mapped_file" }, { "rx_bytes", "rx_bytes" }, { "rx_errors", "rx_errors" },
        { "tx_bytes", "tx_bytes" }, { "tx_errors", "tx_errors" }, { "fs_limit", "fs_limit" },
        { "fs_usage", "fs_usage" } };

/* What would end the name or the line. */
static void put_name(struct buf *out, const char *text)
{
        for (const char *p = text; *p; p++)
                buf_putc(out, (unsigned char)*p <= ' ' || *p == ':' || *p == '|' || *p == '@' ? '_' : *p);
}

static void line(const struct figure *figure, void *cookie)
{
        struct statsd *statsd = cookie;
        struct figure named = *figure;
        size_t i = 0, count = sizeof(names) / sizeof(names[0]);
        while (i < count && strcmp(names[i][0], figure->name) != 0)
                i++;
        if (i == count)
                return;
        named.name = names[i][1];
        char name[FIGURE_NAME_MAX];
        figure_flat_name(&named, name);
        struct buf *out = statsd->out;
        size_t start = out->len;
        put_name(out, statsd->name_space);
        buf_putc(out, '.');
        put_name(out, statsd->container);
        buf_putc(out, '.');
        put_name(out, name);
        buf_printf(out, ":%llu|g\n", (unsigned long long)figure->value);
        if (!out->failed && out->len - start > STATSD_PACKET_MAX) {
                out->len = start;
                out->data[start] = '\0';
                statsd->refused++;
        }
}

size_t statsd_render(
        const char *name_space, const struct container_ref *ref, const struct container_stats *stats, struct buf *out)
{
        struct statsd statsd = { .name_space = name_space, .container = figures_container_name(ref), .out = out };
        figures_each(stats, line, &statsd);
        return statsd.refused;
}
