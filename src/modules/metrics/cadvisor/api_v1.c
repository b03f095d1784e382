/* Endpoints of v1.0 to v1.3: containers with their samples, Docker's by name, and events. */
#include "modules/metrics/cadvisor/api_internal.h"

struct sample_writer {
        struct buf *out;
        const struct machine *machine;
        bool any;
};

static int put_sample(const struct container_stats *stats, void *cookie)
{
        struct sample_writer *writer = cookie;
        if (!writer->any) {
                go_key(writer->out, "stats");
                go_begin(writer->out, '[');
                writer->any = true;
        }
        api_put_stats_v1(writer->out, writer->machine, stats);
        return writer->out->failed; /* beyond the ceiling nothing is worth unpacking */
}

static void put_samples(struct api_call *call, const struct container *container, const struct api_body *body)
{
        struct sample_writer writer = { call->out, registry_machine(call->cadvisor->registry), false };
        size_t max = body->num_stats < 0 ? SIZE_MAX : (size_t)body->num_stats;
        if (body->start_ns && body->end_ns && body->start_ns > body->end_ns)
                return;
        container_samples(container, max, body->start_ns, body->end_ns, put_sample, &writer);
        if (writer.any)
                buf_putc(call->out, ']');
}

/* The groups directly below: names only. */
static void put_children(struct api_call *call, const struct container *container)
{
        const struct registry *registry = call->cadvisor->registry;
        const char *name = container_ref(container)->name;
        size_t length = strcmp(name, "/") == 0 ? 0 : strlen(name), first = 0;
        size_t count = registry_descendants(registry, container, &first);
        bool any = false;
        for (size_t i = first; i < first + count; i++) {
                const char *below = container_ref(registry_at(registry, i))->name;
                if (strlen(below) < length + 2 || strchr(below + length + 1, '/'))
                        continue;
                if (!any) {
                        go_key(call->out, "subcontainers");
                        go_begin(call->out, '[');
                        any = true;
                }
                go_begin(call->out, '{');
                go_key(call->out, "name");
                go_text(call->out, below);
                buf_putc(call->out, '}');
        }
        if (any)
                buf_putc(call->out, ']');
}

static void put_container(struct api_call *call, const struct container *container, const struct api_body *body)
{
        go_begin(call->out, '{');
        api_put_reference(call->out, container_ref(container));
        put_children(call, container);
        go_key(call->out, "spec");
        struct container_spec spec;
        api_put_spec_v1(call->out, registry_machine(call->cadvisor->registry), api_spec_shown(call, container, &spec));
        put_samples(call, container, body);
        buf_putc(call->out, '}');
}

static int read_body(struct api_call *call, struct api_body *ret)
{
        cleanup(buf_done) struct buf problem;
        buf_init(&problem, 4 * API_NAME_MAX);
        if (api_body_parse(call->request->body, ret, &problem) == 0)
                return 0;
        api_error(call, "%s", buf_text(&problem));
        return -1;
}

void api_containers(struct api_call *call)
{
        struct api_body body;
        if (read_body(call, &body) < 0)
                return;
        struct container *container = registry_find(call->cadvisor->registry, sv_of(call->name));
        if (!container)
                api_error(call, "failed to get container %q with error: unknown container %q", call->name, call->name);
        else if (!container_last_seen_ns(container))
                api_error(
                        call, "failed to get container %q with error: unable to find data in memory cache", call->name);
        else
                put_container(call, container, &body);
}

void api_subcontainers(struct api_call *call)
{
        struct api_body body;
        cleanup(api_selection_done) struct api_selection selection = { 0 };
        if (read_body(call, &body) < 0)
                return;
        if (api_select_below(call->cadvisor->registry, call->name, &selection) < 0 || !selection.count) {
                api_error(call, "failed to get subcontainers for container %q with error: no containers found",
                        call->name);
                return;
        }
        api_select_sampled(&selection);
        go_begin(call->out, '[');
        for (size_t i = 0; i < selection.count && !call->out->failed; i++)
                put_container(call, selection.items[i], &body);
        buf_putc(call->out, ']');
}

static void all_docker(struct api_call *call, const struct api_body *body)
{
        cleanup(api_selection_done) struct api_selection selection = { 0 };
        if (api_select_namespace(call->cadvisor->registry, "docker", &selection) < 0) {
                api_error(call, "failed to get all Docker containers with error: no memory");
                return;
        }
        api_select_sampled(&selection);
        go_begin(call->out, '{');
        for (size_t i = 0; i < selection.count && !call->out->failed; i++) {
                go_map_key(call->out, sv_of(container_ref(selection.items[i])->name));
                put_container(call, selection.items[i], body);
        }
        buf_putc(call->out, '}');
}

static void one_docker(struct api_call *call, const char *name, const struct api_body *body)
{
        cleanup(buf_done) struct buf problem;
        buf_init(&problem, 4 * API_NAME_MAX);
        struct container *container = api_find_alias(call->cadvisor->registry, "docker", name, &problem);
        if (!container) {
                api_error(call, "failed to get Docker container %q with error: %s", name, buf_text(&problem));
                return;
        }
        go_begin(call->out, '{');
        go_map_key(call->out, sv_of(container_ref(container)->name));
        put_container(call, container, body);
        buf_putc(call->out, '}');
}

void api_docker(struct api_call *call)
{
        struct api_body body;
        char name[API_NAME_MAX];
        if (read_body(call, &body) < 0)
                return;
        struct sv args = call->args.n ? sv_n(call->args.p + 1, call->args.n - 1) : call->args;
        snprintf(name, sizeof(name), "%.*s", SV_ARG(args));
        if (!*name) {
                all_docker(call, &body);
        } else if (!strchr(name, '/')) {
                one_docker(call, name, &body);
        } else {
                for (char *at = name; *at; at++)
                        if (*at == '/')
                                *at = ' '; /* a list, as Go prints it */
                api_error(call, "unknown request for Docker container [%s]", name);
        }
}

void api_machine(struct api_call *call)
{
        api_put_machine(call->out, registry_machine(call->cadvisor->registry));
}

/* ---- events ---- */

static void put_event(struct buf *out, const struct container_event *event, bool privacy)
{
        go_begin(out, '{');
        go_key(out, "container_name");
        go_text(out, event->container);
        go_key(out, "timestamp");
        go_time(out, event->time_ns);
        go_key(out, "event_type");
        go_text(out, event_kind_names[event->kind]);
        go_key(out, "event_data");
        go_begin(out, '{');
        if (event->kind == EVENT_OOM_KILL) {
                go_key(out, "oom");
                go_begin(out, '{');
                go_key(out, "pid");
                go_int(out, event->pid);
                go_key(out, "process_name");
                go_text(out, privacy && event->process && *event->process ? "masked" : event->process);
                go_key(out, "constraint");
                go_text(out, event->constraint);
                buf_putc(out, '}');
        } else if (event->kind == EVENT_DELETION) {
                go_key(out, "container_deletion");
                go_begin(out, '{');
                go_key(out, "exit_code");
                go_int(out, event->exit_code);
                buf_putc(out, '}');
        }
        buf_puts(out, "}}");
}

void cadvisor_event_json(const struct container_event *event, struct buf *out)
{
        if (out->len && out->data[out->len - 1] != '\n')
                buf_putc(out, '\n');
        put_event(out, event, false);
        buf_putc(out, '\n');
}

static int put_past_event(const struct container_event *event, void *cookie)
{
        struct api_call *call = cookie;
        put_event(call->out, event, call->cadvisor->privacy);
        return call->out->failed;
}

void api_events(struct api_call *call)
{
        struct cadvisor_reply *reply = call->reply;
        bool stream;
        api_events_parse(call->request->query, &reply->events, &stream);
        _Static_assert(sizeof(reply->events_container) >= API_NAME_MAX, "a name fits");
        memcpy(reply->events_container, call->name, strlen(call->name) + 1);
        reply->events.container = reply->events_container;
        if (stream) { /* Go sends the head before it knows what comes: no Content-Type */
                reply->stream = true;
                reply->content_type = NULL;
                return;
        }
        go_begin(call->out, '[');
        registry_events(call->cadvisor->registry, &reply->events, put_past_event, call);
        buf_putc(call->out, ']');
}
