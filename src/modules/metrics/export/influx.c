/* Line protocol: MEASUREMENT,TAG=VALUE,… value=Ni TIME. In tags a comma, an equals sign and a space stand behind a
 * backslash. A newline cannot be said: it is a space here; a backslash at the end would hide the separator, and a tag
 * without a value is not allowed (InfluxDB's "line protocol" reference). */
#include "modules/metrics/export/influx.h"

#include "base/encode.h"
#include "modules/metrics/export/figures.h"

struct influx {
        const struct container_spec *spec;
        struct container_pair common[2];
        int64_t time_ns;
        struct buf *out;
};

static void put_escaped(struct buf *out, const char *text)
{
        for (const char *p = text; *p; p++) {
                bool control = (unsigned char)*p < ' ';
                if (control || *p == ',' || *p == '=' || *p == ' ')
                        buf_putc(out, '\\');
                buf_putc(out, control ? ' ' : *p);
        }
        if (out->len > 0 && *text && text[strlen(text) - 1] == '\\')
                out->data[out->len - 1] = '_';
}

static void put_tag(struct buf *out, const char *name, const char *value)
{
        if (!value || !*value || !*name)
                return;
        buf_putc(out, ',');
        put_escaped(out, name);
        buf_putc(out, '=');
        put_escaped(out, value);
}

/* A container's label of the same name stands instead of a tag, as in cAdvisor. */
static bool is_label(const struct container_spec *spec, const char *name)
{
        for (size_t i = 0; i < spec->label_count; i++)
                if (strcmp(spec->labels[i].name, name) == 0)
                        return true;
        return false;
}

static void put_tags(const struct influx *influx, const struct container_pair *tags, size_t count)
{
        for (size_t i = 0; i < count; i++)
                if (!is_label(influx->spec, tags[i].name))
                        put_tag(influx->out, tags[i].name, tags[i].value);
}

static void line(const struct figure *figure, void *cookie)
{
        const struct influx *influx = cookie;
        if (figure->summary)
                return;
        buf_puts(influx->out, figure->name);
        put_tags(influx, figure->tags, figure->tag_count);
        put_tags(influx, influx->common, 2);
        for (size_t i = 0; i < influx->spec->label_count; i++)
                put_tag(influx->out, influx->spec->labels[i].name, influx->spec->labels[i].value);
        /* integers are signed */
        uint64_t value = figure->value > INT64_MAX ? INT64_MAX : figure->value;
        buf_printf(influx->out, " value=%llui %lld\n", (unsigned long long)value, (long long)influx->time_ns);
}

void influx_render(const char *machine, const struct container_ref *ref, const struct container_spec *spec,
        const struct container_stats *stats, struct buf *out)
{
        struct influx influx = { .spec = spec,
                .common = { { "container_name", figures_container_name(ref) }, { "machine", machine } },
                .time_ns = stats->time_ns,
                .out = out };
        figures_each(stats, line, &influx);
}

static void put_percent(struct buf *out, const char *text)
{
        for (const char *p = text; *p; p++) {
                unsigned char c = (unsigned char)*p;
                bool plain = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || strchr("-._~", c);
                if (plain)
                        buf_putc(out, (char)c);
                else
                        buf_printf(out, "%%%02X", c);
        }
}

void influx_target(const char *db, const char *policy, const char *org, struct buf *out)
{
        buf_puts(out, org ? "/api/v2/write?org=" : "/write?db=");
        put_percent(out, org ? org : db);
        if (org) {
                buf_puts(out, "&bucket=");
                put_percent(out, db);
                buf_puts(out, "&precision=ns");
        } else if (policy && *policy) {
                buf_puts(out, "&rp=");
                put_percent(out, policy);
        }
}
