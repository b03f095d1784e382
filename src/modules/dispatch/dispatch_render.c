/* How an event looks outside. */
#include "dispatch.h"

#include "base/cleanup.h"
#include "schema/json.h"
#include "schema/json_writer.h"

static const char *const severities[] = { "low", "medium", "high", "critical" };

enum severity event_severity(struct sv json, char *ret_summary, size_t summary_size)
{
        cleanup(json_decref) json_t *event = json_parse(json, false, NULL);
        const char *severity = json_string_value(json_object_get(event, "severity"));
        const char *text = json_string_value(json_object_get(event, "alert"));
        if (ret_summary)
                snprintf(ret_summary, summary_size, "%s", text ? text : "event");
        for (int i = SEVERITY_LOW; severity && i <= SEVERITY_CRITICAL; i++)
                if (strcmp(severity, severities[i]) == 0)
                        return i;
        return SEVERITY_HIGH; /* what does not say how bad it is is not filtered away */
}

void render_id(const struct dispatch *dispatch, uint64_t number, char ret[40])
{
        snprintf(ret, 40, "%016llx-%llu", (unsigned long long)dispatch->spool.instance, (unsigned long long)number);
}

static void put_tags(const struct dispatch *dispatch, struct json_writer *writer)
{
        const string_map *tags = &dispatch->config->tags;
        json_key(writer, "tags");
        json_begin_object(writer);
        for (size_t i = 0; i < tags->count; i++)
                json_field(writer, tags->keys[i], json_put_text, tags->items[i]);
        json_end_object(writer);
}

static void put_environment(const struct dispatch *dispatch, struct json_writer *writer)
{
        json_key(writer, "environment");
        json_begin_object(writer);
        json_field(writer, "os", json_put_text, "linux");
        json_field(writer, "ident", json_put_text, dispatch->ident);
        if (dispatch->config->environment && dispatch->config->environment[0])
                json_field(writer, "name", json_put_text, dispatch->config->environment);
        json_end_object(writer);
}

static void put_event(const struct dispatch *dispatch, const struct spool_event *event, struct json_writer *writer)
{
        char id[40], when[TIME_TEXT_MAX];
        render_id(dispatch, event->number, id);
        time_format_rfc3339(event->time_ns, when);
        json_begin_object(writer);
        json_field(writer, "hostname", json_put_text, dispatch->hostname);
        put_environment(dispatch, writer);
        put_tags(dispatch, writer);
        json_field(writer, "event", json_put_raw, event->json);
        json_field(writer, "id", json_put_text, id);
        json_field(writer, "time", json_put_text, when);
        json_end_object(writer);
}

/* The fields that MIG filled in for MozDef (reference of its dispatch module). */
static void put_mozdef(const struct dispatch *dispatch, const struct spool_event *event, struct json_writer *writer)
{
        static const char *const words[] = { "INFO", "WARNING", "ERROR", "CRITICAL" };
        char when[TIME_TEXT_MAX];
        time_format_rfc3339(event->time_ns, when);
        json_begin_object(writer);
        json_field(writer, "timestamp", json_put_text, when);
        json_field(writer, "hostname", json_put_text, dispatch->hostname);
        json_field(writer, "processname", json_put_text, "tarsier");
        json_field(writer, "processid", json_put_int, getpid());
        json_field(writer, "severity", json_put_text, words[event_severity(event->json, NULL, 0)]);
        json_field(writer, "summary", json_put_text, "mig dispatch event");
        json_field(writer, "category", json_put_text, "mig");
        json_key(writer, "tags");
        json_begin_array(writer);
        json_put_text(writer, "mig-dispatch");
        json_end_array(writer);
        json_key(writer, "details");
        put_event(dispatch, event, writer);
        json_end_object(writer);
}

void render_event(
        const struct dispatch *dispatch, enum output_format format, const struct spool_event *event, struct buf *out)
{
        struct json_writer writer;
        json_writer_init(&writer, out, 0);
        if (format == FORMAT_MOZDEF)
                put_mozdef(dispatch, event, &writer);
        else
                put_event(dispatch, event, &writer);
}
