#include "modules/metrics/export/json.h"

#include "base/timefmt.h"
#include "modules/metrics/export/figures.h"
#include "schema/json_writer.h"

/* A space or control byte would begin another field or line. */
static void put_word(struct buf *out, const char *text)
{
        for (const char *p = text; *p; p++)
                buf_putc(out, (unsigned char)*p <= ' ' ? '_' : *p);
}

static void put_field(struct buf *out, const char *name, uint64_t value)
{
        buf_putc(out, ' ');
        put_word(out, name);
        buf_printf(out, "=%llu", (unsigned long long)value);
}

static void field(const struct figure *figure, void *cookie)
{
        char name[FIGURE_NAME_MAX];
        figure_flat_name(figure, name);
        if (strcmp(name, "cpu_usage_total") == 0) /* its older name; the driver says both */
                put_field(cookie, "cpu_cumulative_usage", figure->value);
        put_field(cookie, name, figure->value);
}

void stdout_render(const char *host, const struct container_ref *ref, const struct container_stats *stats,
        int64_t now_ns, struct buf *out)
{
        buf_puts(out, "cName=");
        put_word(out, figures_container_name(ref));
        buf_puts(out, " host=");
        put_word(out, host);
        put_field(out, "timestamp", (uint64_t)now_ns);
        figures_each(stats, field, out);
        buf_putc(out, '\n');
}

static void member(const struct figure *figure, void *cookie)
{
        struct json_writer *writer = cookie;
        char name[FIGURE_NAME_MAX];
        figure_flat_name(figure, name);
        json_field(writer, name, json_put_uint, figure->value);
}

void json_render(const char *machine, const struct container_ref *ref, const struct container_spec *spec,
        const struct container_stats *stats, struct buf *out)
{
        struct json_writer writer;
        char time[TIME_TEXT_MAX];
        json_writer_init(&writer, out, 0);
        time_format_rfc3339(stats->time_ns, time);
        json_begin_object(&writer);
        json_field(&writer, "time", json_put_text, time);
        json_field(&writer, "machine", json_put_text, machine);
        json_field(&writer, "container", json_put_text, ref->name);
        json_field(&writer, "name", json_put_text, figures_container_name(ref));
        json_field(&writer, "namespace", json_put_text, ref->name_space ? ref->name_space : "");
        json_field(&writer, "image", json_put_text, spec->image ? spec->image : "");
        json_key(&writer, "labels");
        json_begin_object(&writer);
        for (size_t i = 0; i < spec->label_count; i++)
                json_field(&writer, spec->labels[i].name, json_put_text, spec->labels[i].value);
        json_end_object(&writer);
        json_key(&writer, "figures");
        json_begin_object(&writer);
        figures_each(stats, member, &writer);
        json_end_object(&writer);
        json_end_object(&writer);
        buf_putc(out, '\n');
}
