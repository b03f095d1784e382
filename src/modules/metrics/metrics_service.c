/* The agent's metrics: samples into the history, events to whoever follows, the ports where they are configured. */
#include "modules/metrics/metrics_module.h"

enum { LISTENER_CADVISOR, LISTENER_NODE };

static void keep_sample(struct metrics *metrics, const struct container *container, const struct container_stats *stats)
{
        struct metrics_service *service = metrics->owner;
        if (!service->history)
                return;
        if (strcmp(container_ref(container)->name, "/") == 0) {
                struct history_host host;
                metrics_host_read(metrics->options.proc, &host);
                history_set_host(service->history, &host);
        }
        history_append(service->history, container_ref(container), container_spec(container), stats);
}

static void keep_event(struct metrics *metrics, const struct container_event *event)
{
        struct metrics_service *service = metrics->owner;
        if (event->kind == EVENT_DELETION && service->history)
                history_ended(service->history, event->container);
        metrics_rows_take(service, event);
}

static void note(struct metrics *metrics, const char *text)
{
        struct metrics_service *service = metrics->owner;
        service_log(service->service, "%s", text);
}

static void on_tick(struct loop *loop, loop_id id, void *cookie)
{
        struct metrics_service *metrics = cookie;
        (void)loop;
        (void)id;
        history_tick(metrics->history, time_unix_ns());
        metrics_processes_tick(metrics);
        const char *problem = history_problem(metrics->history);
        if (problem && !metrics->history_told)
                service_log(metrics->service, "the history is not written: %s", problem);
        if (!problem && metrics->history_told)
                service_log(metrics->service, "the history is written again");
        metrics->history_told = problem != NULL;
}

struct history *metrics_service_history(struct service *service)
{
        struct metrics_service *metrics = service->state;
        return metrics->history;
}

static int serve_ports(struct metrics_service *metrics, struct service *service, struct error *err)
{
        int cadvisor = service_listener(service, LISTENER_CADVISOR), node = service_listener(service, LISTENER_NODE);
        if (cadvisor >= 0 && metrics_serve_cadvisor(&metrics->metrics, cadvisor, err) < 0)
                return -1;
        return node >= 0 ? metrics_serve_node(&metrics->metrics, node, err) : 0;
}

int metrics_start(struct service *service, struct error *err)
{
        static struct metrics_service metrics; /* one a process */
        static const struct metrics_sink sink = { .event = keep_event, .sampled = keep_sample, .log = note };
        static const char *const usual[] = { "com.docker.compose.project", "com.docker.compose.service",
                "io.kubernetes.pod.namespace", "io.kubernetes.pod.name", "io.kubernetes.container.name", NULL };
        const struct metrics_config *config = service->config;
        const char *labels[HISTORY_LABELS_MAX] = { NULL };
        for (size_t i = 0; i < config->history_labels.count; i++)
                labels[i] = config->history_labels.items[i];
        metrics.service = service;
        metrics.diag = -1;
        metrics.boot_unix_ns = time_boot_unix_ns();
        service->state = &metrics;
        if (!service->state_directory)
                return fail(err, E_INVALID, "metrics keeps its history in a state directory, and has none");
        struct history_options history = { .directory = service->state_directory,
                .retain_bytes = config->history_bytes,
                .retain_ns = config->history_ns,
                .step_ns = config->history_step_ns,
                .label_names = config->history_labels.count ? labels : usual };
        metrics.history = history_open(&history, time_unix_ns(), err);
        if (!metrics.history)
                return -1;
        metrics.metrics = (struct metrics){
                .settings = &config->settings, .sink = &sink, .owner = &metrics, .privacy = service->privacy
        };
        if (metrics_open(&metrics.metrics, service->loop, true, err) < 0 || serve_ports(&metrics, service, err) < 0 ||
                loop_add_timer(service->loop, SECOND, SECOND, on_tick, &metrics, &metrics.tick_id, err) < 0) {
                metrics_stop(service);
                return -1;
        }
        metrics_processes_start(&metrics, config->short_lived);
        return 0;
}

void metrics_stop(struct service *service)
{
        struct metrics_service *metrics = service->state;
        if (metrics->tick_id)
                loop_remove(service->loop, metrics->tick_id);
        metrics->tick_id = 0;
        if (metrics->metrics.registry)
                registry_tell_waiting(metrics->metrics.registry);
        metrics_rows_end(metrics);
        metrics_feed_end(metrics);
        metrics_processes_stop(metrics);
        metrics_close(&metrics->metrics);
        history_close(metrics->history);
        metrics->history = NULL;
}
