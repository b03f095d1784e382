/* GET /metrics: one builder for the containers, the machine and ourselves; then its text. */
#include "base/cleanup.h"
#include "base/timefmt.h"
#include "modules/metrics/cadvisor/api_internal.h"
#include "modules/metrics/cadvisor/prometheus_internal.h"
#include "modules/metrics/collect/process_series.h"

enum {
        METRICS_MEMORY_MAX = 128 << 20, /* of one answer, before it is text: 1,000 containers need 6 MB */
        SAMPLE_MEMORY_MAX = 4 << 20     /* one container's newest sample */
};

struct registry_source {
        const struct cadvisor *cadvisor;
        const struct api_selection *selection;
        struct arena arena;
        struct container_stats stats;
        struct container_pair unit;
};

static int registry_at_index(
        void *cookie, size_t index, bool stats, struct cadvisor_container_metrics *ret, struct error *err)
{
        struct registry_source *source = cookie;
        const struct container *container = source->selection->items[index];
        const struct container_identity *identity = container_identity(container);
        (void)err;
        *ret = (struct cadvisor_container_metrics){ .ref = container_ref(container),
                .spec = container_spec(container) };
        if (source->cadvisor->options->unit_labels && identity && identity->unit[0]) {
                source->unit = (struct container_pair){ "unit", identity->unit };
                ret->extra = &source->unit;
                ret->extra_count = 1;
        }
        if (!stats)
                return 0;
        arena_done(&source->arena);
        if (container_latest(container, &source->arena, &source->stats))
                ret->stats = &source->stats;
        return 0;
}

static int expose_all(const struct cadvisor *cadvisor, const struct api_selection *selection, struct exposition *out,
        struct error *err)
{
        struct registry_source source = { .cadvisor = cadvisor, .selection = selection };
        arena_init(&source.arena, SAMPLE_MEMORY_MAX);
        const struct container_source containers = {
                .count = selection->count, .at = registry_at_index, .cookie = &source
        };
        const struct machine *machine = registry_machine(cadvisor->registry);
        int result = cadvisor_expose_source(cadvisor->options, machine, &containers, time_unix_ns(), out, err);
        arena_done(&source.arena);
        struct process_series *programs = cadvisor->processes;
        if (result == 0 && programs) {
                result = process_series_look(
                        programs, cadvisor->registry, cadvisor->options->proc, time_monotonic_ns(), err);
                if (result == 0)
                        cadvisor_expose_programs(cadvisor->options, programs, &containers, out);
        }
        if (result < 0 || cadvisor_expose_machine(cadvisor->options, machine, out, err) < 0)
                return -1;
        /* "Unknown": what cAdvisor says where no Docker answers; nobody is asked here */
        cadvisor_expose_version(machine ? machine->kernel_version : "", machine ? machine->os_version : "", "Unknown",
                cadvisor->version, "", out);
        cadvisor_expose_process(cadvisor->options->proc, cadvisor->compatible, out);
        return 0;
}

static void answer_error(struct cadvisor_reply *reply, const char *text)
{
        cleanup(buf_done) struct buf body;
        buf_init(&body, 64 * 1024);
        buf_puts(&body, "No metrics gathered, last error:\n\n");
        buf_puts(&body, text);
        api_error_status(reply, 500, sv_n(buf_text(&body), body.len));
}

static void exposition_free_p(struct exposition **exposition)
{
        exposition_free(*exposition);
}

struct exposition *cadvisor_gather(const struct cadvisor *cadvisor, const char *query, struct cadvisor_reply *reply)
{
        struct error err;
        cleanup(buf_done) struct buf problem;
        buf_init(&problem, 4 * API_NAME_MAX);
        struct api_call call = { .cadvisor = cadvisor, .reply = reply, .out = &reply->body, .name = "/" };
        if (api_options_parse(query ? query : "", &call.options, &problem) < 0) {
                answer_error(reply, buf_text(&problem));
                return NULL;
        }
        call.options.recursive = true;
        cleanup(api_selection_done) struct api_selection selection = { 0 };
        if (api_select(&call, "", &selection) < 0)
                return NULL;
        cleanup(exposition_free) struct exposition *out = exposition_new(METRICS_MEMORY_MAX, &err);
        if (!out || expose_all(cadvisor, &selection, out, &err) < 0) {
                answer_error(reply, err.message);
                return NULL;
        }
        struct exposition *ret = out;
        out = NULL;
        return ret;
}

void cadvisor_metrics(
        const struct cadvisor *cadvisor, const char *query, enum exposition_format format, struct cadvisor_reply *reply)
{
        struct error err;
        cleanup(exposition_free) struct exposition *out = cadvisor_gather(cadvisor, query, reply);
        if (!out)
                return;
        if (exposition_write(out, format, &reply->body, &err) < 0) {
                buf_clear(&reply->body);
                answer_error(reply, err.message);
                return;
        }
        reply->status = 200;
        reply->content_type = exposition_content_types[format];
}
