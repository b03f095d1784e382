/* metrics: figures of containers and of the host. `tarsier metrics` is a run in the foreground that stands in for the
 * binary of cAdvisor, or of node_exporter with --node; in the agent it keeps a history as well. */
#include "modules/metrics/metrics_module.h"

#include "base/timefmt.h"
#include "module/lines.h"

struct metrics_params {
        struct metrics_settings settings;
        bool node;
        int port;
        char *listen_ip;
        struct string_list listen_address;
        int64_t duration_ns;
        struct metrics_ignored ignored;
        bool version;
};

#define IGNORED(T)                                                                                                     \
        FIELD_RECORD(T, ignored, struct metrics_ignored, metrics_ignored_fields, .json = "ignored",                    \
                .help = "flags of cAdvisor that mean nothing here")

#define G struct metrics_ignored
static const struct field metrics_ignored_fields[] = {
        FIELD_STRING(G, docker, .help = "no engine is asked; taken for compatibility, as those that follow"),
        FIELD_STRING(G, docker_tls_ca, .option = "docker-tls-ca", .help = "see docker"),
        FIELD_STRING(G, docker_tls_cert, .option = "docker-tls-cert", .help = "see docker"),
        FIELD_STRING(G, docker_tls_key, .option = "docker-tls-key", .help = "see docker"),
        FIELD_BOOL(G, docker_tls, .option = "docker-tls", .help = "see docker"),
        FIELD_STRING(G, docker_env_metadata_whitelist, .help = "see env_metadata_whitelist"),
        FIELD_STRING(G, containerd, .help = "see docker"),
        FIELD_STRING(G, containerd_namespace, .option = "containerd-namespace", .help = "see docker"),
        FIELD_STRING(G, containerd_env_metadata_whitelist, .help = "see env_metadata_whitelist"),
        FIELD_STRING(G, crio_client_timeout, .help = "see docker"),
        FIELD_STRING(G, podman, .help = "see docker"),
        FIELD_UINT(G, max_procs, .help = "there is one thread"),
        FIELD_STRING(G, collector_cert, .help = "see docker"),
        FIELD_STRING(G, collector_key, .help = "see docker"),
        FIELD_STRING(G, referenced_reset_interval, .help = "see docker"),
        FIELD_STRING(G, resctrl_interval, .help = "see docker"),
        FIELD_BOOL(G, profiling, .help = "see docker"),
        FIELD_STRING(G, bq_account, .help = "BigQuery is no storage driver here; so the others of this name"),
        FIELD_STRING(G, bq_credentials_file, .help = "see bq_account"),
        FIELD_STRING(G, bq_id, .help = "see bq_account"),
        FIELD_STRING(G, bq_project_id, .help = "see bq_account"),
        FIELD_STRING(G, bq_secret, .secret = true, .help = "see bq_account"),
        FIELD_STRING(G, es_host, .option = "storage_driver_es_host", .help = "Elasticsearch: see bq_account"),
        FIELD_STRING(G, es_index, .option = "storage_driver_es_index", .help = "see bq_account"),
        FIELD_STRING(G, es_type, .option = "storage_driver_es_type", .help = "see bq_account"),
        FIELD_BOOL(G, es_enable_sniffer, .option = "storage_driver_es_enable_sniffer", .help = "see bq_account"),
        FIELD_STRING(G, kafka_broker_list, .option = "storage_driver_kafka_broker_list", .help = "see bq_account"),
        FIELD_STRING(G, kafka_ssl_ca, .option = "storage_driver_kafka_ssl_ca", .help = "see bq_account"),
        FIELD_STRING(G, kafka_ssl_cert, .option = "storage_driver_kafka_ssl_cert", .help = "see bq_account"),
        FIELD_STRING(G, kafka_ssl_key, .option = "storage_driver_kafka_ssl_key", .help = "see bq_account"),
        FIELD_BOOL(G, kafka_ssl_verify, .option = "storage_driver_kafka_ssl_verify", .help = "see bq_account"),
        FIELD_STRING(G, kafka_topic, .option = "storage_driver_kafka_topic", .help = "see bq_account"),
        FIELD_STRING(G, http_auth_file, .help = "refused: there is no password on the pages"),
        FIELD_STRING(G, http_auth_realm, .help = "see http_auth_file"),
        FIELD_STRING(G, http_digest_file, .help = "see http_auth_file"),
        FIELD_STRING(G, http_digest_realm, .help = "see http_auth_file"),
        FIELD_STRING(G, perf_events_config, .help = "refused: perf events are not read"),
        FIELD_BOOL(G, logtostderr, .help = "glog's flags: taken for compatibility"),
        FIELD_BOOL(G, alsologtostderr, .help = "see logtostderr"),
        FIELD_STRING(G, stderrthreshold, .help = "see logtostderr"),
        FIELD_STRING(G, v, .help = "see logtostderr"),
        FIELD_STRING(G, vmodule, .help = "see logtostderr"),
        FIELD_STRING(G, log_dir, .help = "see logtostderr"),
        FIELD_STRING(G, log_file, .help = "see logtostderr"),
        FIELD_STRING(G, log_file_max_size, .help = "see logtostderr"),
        FIELD_STRING(G, log_backtrace_at, .help = "see logtostderr"),
        FIELD_BOOL(G, add_dir_header, .help = "see logtostderr"),
        FIELD_BOOL(G, one_output, .help = "see logtostderr"),
        FIELD_BOOL(G, skip_headers, .help = "see logtostderr"),
        FIELD_BOOL(G, skip_log_headers, .help = "see logtostderr"),
        FIELD_STRING(G, log_level, .option = "log.level", .help = "see logtostderr"),
        FIELD_STRING(G, log_format, .option = "log.format", .help = "see logtostderr"),
};

#define P struct metrics_params
static const struct field params_fields[] = {
        FIELD_BOOL(P, node, .help = "be node_exporter instead of cAdvisor"),
        FIELD_INT(P, port, .min = 0, .max = 65535, .help = "port to listen on; default 8080, with --node 9100"),
        FIELD_STRING(P, listen_ip, .metavar = "IP", .help = "address to listen on; default all"),
        FIELD_STRINGS(P, listen_address, .option = "web.listen-address", .max_items = 8, .metavar = "HOST:PORT",
                .help = "addresses to listen on, instead of listen_ip and port"),
        FIELD_DURATION(P, duration_ns, .json = "duration", .min = 0, .max = 365 * DAY,
                .help = "end after this time; 0 is never"),
        FIELD_BOOL(P, version, .help = "print the version and end"),
        METRICS_SETTINGS(P),
        IGNORED(P),
};

static int metrics_validate(const void *given, struct error *err)
{
        const struct metrics_params *params = given;
        const struct metrics_ignored *ignored = &params->ignored;
        if ((ignored->http_auth_file && *ignored->http_auth_file) ||
                (ignored->http_digest_file && *ignored->http_digest_file))
                return fail(err, E_UNSUPPORTED,
                        "http_auth_file, http_digest_file: there is no password here; put a proxy before the port, or "
                        "use the agent's doors");
        if (ignored->perf_events_config && *ignored->perf_events_config)
                return fail(err, E_UNSUPPORTED, "perf_events_config: perf events are not read");
        return metrics_settings_check(&params->settings, err);
}

/* ---- the foreground ---- */

struct foreground {
        struct run *run;
        struct metrics metrics;
        struct loop *loop;
        struct error err;
        bool failed;
};

static void print_event(struct metrics *metrics, const struct container_event *event)
{
        struct foreground *foreground = metrics->owner;
        struct metrics_row row;
        if (foreground->failed)
                return;
        if (run_would_block(foreground->run)) { /* the ports go on whether anyone reads the events here or not */
                metrics->rows_dropped++;
                return;
        }
        metrics_row_fill(metrics, event, &row);
        if (run_emit(foreground->run, NULL, &row, &foreground->err) < 0) {
                foreground->failed = true;
                loop_stop(foreground->loop);
        }
}

/* A sample of the storage driver stdout is a row among the events. */
static bool print_sample(struct metrics *metrics, const struct container_ref *ref, int64_t time_ns, const char *line)
{
        struct foreground *foreground = metrics->owner;
        const struct metrics_row row = { .time_ns = time_ns,
                .type = METRICS_ROW_SAMPLE,
                .container = ref->name,
                .name = ref->alias_count ? ref->aliases[0] : NULL,
                .line = line };
        if (foreground->failed || run_would_block(foreground->run))
                return false;
        if (run_emit(foreground->run, NULL, &row, &foreground->err) == 0)
                return true;
        foreground->failed = true;
        loop_stop(foreground->loop);
        return false;
}

static void note(struct metrics *metrics, const char *text)
{
        (void)metrics;
        fprintf(stderr, "%s\n", text);
}

static void on_stop(struct loop *loop, loop_id id, uint32_t events, void *cookie)
{
        struct foreground *foreground = cookie;
        (void)id;
        (void)events;
        if (run_checkpoint(foreground->run))
                loop_stop(loop);
}

static void on_beat(struct loop *loop, loop_id id, void *cookie)
{
        struct foreground *foreground = cookie;
        run_would_block(foreground->run); /* sends what gathered */
        on_stop(loop, id, 0, cookie);
}

static void on_duration(struct loop *loop, loop_id id, void *cookie)
{
        (void)id;
        (void)cookie;
        loop_stop(loop);
}

enum { DOORS_MAX = 8 };

static int open_door(struct foreground *foreground, const struct metrics_params *params, const char *address,
        int *ret_fd, struct error *err)
{
        int fd = http_bind(address, err);
        if (fd < 0)
                return -1;
        *ret_fd = fd;
        fprintf(stderr, "%s answers on %s\n", params->node ? "node_exporter's metrics" : "cAdvisor's API", address);
        return params->node ? metrics_serve_node(&foreground->metrics, fd, err)
                            : metrics_serve_cadvisor(&foreground->metrics, fd, err);
}

static int open_doors(struct foreground *foreground, const struct metrics_params *params, int *doors, struct error *err)
{
        char address[300];
        size_t at = 0;
        list_foreach (given, &params->listen_address)
                if (open_door(foreground, params, *given, &doors[at++], err) < 0)
                        return -1;
        if (at)
                return 0;
        const char *ip = params->listen_ip ? params->listen_ip : "";
        bool bare_v6 = strchr(ip, ':') && ip[0] != '[';
        snprintf(address, sizeof(address), bare_v6 ? "[%s]:%d" : "%s:%d", ip,
                params->port   ? params->port
                : params->node ? 9100
                               : 8080);
        return open_door(foreground, params, address, &doors[0], err);
}

static int foreground_loop(struct foreground *foreground, const struct metrics_params *params, struct error *err)
{
        struct loop *loop = foreground->loop;
        if (loop_add_fd(loop, run_stop_fd(foreground->run), LOOP_READ, LOOP_LEVEL, on_stop, foreground, NULL, err) <
                        0 ||
                loop_add_timer(loop, SECOND, SECOND, on_beat, foreground, NULL, err) < 0)
                return -1;
        if (params->duration_ns && loop_add_timer(loop, params->duration_ns, 0, on_duration, NULL, NULL, err) < 0)
                return -1;
        return loop_run(loop, err);
}

static int metrics_run(struct run *run, struct error *err)
{
        const struct metrics_params *params = run->params;
        const struct metrics_sink sink = { .event = print_event, .log = note, .line = print_sample };
        struct foreground foreground = { .run = run };
        struct metrics *metrics = &foreground.metrics;
        int doors[DOORS_MAX] = { -1, -1, -1, -1, -1, -1, -1, -1 };
        *metrics = (struct metrics){ .settings = &params->settings, .sink = &sink, .owner = &foreground };
        if (params->version)
                return run_emit(run, NULL,
                        &(struct metrics_row){ .time_ns = time_unix_ns(),
                                .type = METRICS_ROW_VERSION,
                                .container = "/",
                                .line = "cAdvisor's API by Tarsier version " TARSIER_VERSION },
                        err);
        struct loop *loop = foreground.loop = loop_new(NULL, err);
        if (!loop)
                return -1;
        int status = metrics_open(metrics, loop, !params->node, err);
        if (status == 0)
                status = open_doors(&foreground, params, doors, err);
        if (status == 0)
                status = foreground_loop(&foreground, params, err);
        if (metrics->registry)
                registry_tell_waiting(metrics->registry);
        metrics_count(metrics, run_statistics(run));
        metrics_close(metrics);
        loop_free(loop);
        for (size_t i = 0; i < DOORS_MAX; i++)
                if (doors[i] >= 0)
                        close(doors[i]);
        if (status == 0 && foreground.failed) {
                *err = foreground.err;
                status = -1;
        }
        return status;
}

static void print_row(struct line_printer *printer, const char *group, const char *label, const void *row)
{
        const struct metrics_row *event = row;
        char when[TIME_TEXT_MAX], victim[400] = "";
        (void)group;
        (void)label;
        if (event->line) { /* as cAdvisor prints it */
                print_line(printer, "%s", event->line);
                return;
        }
        time_format_rfc3339(event->time_ns, when);
        if (event->pid)
                snprintf(victim, sizeof(victim), " pid %lld %.64s %.300s", (long long)event->pid,
                        event->process ? event->process : "", event->command_line ? event->command_line : "");
        if (event->has_exit_code)
                snprintf(victim, sizeof(victim), " status %lld", (long long)event->exit_code);
        print_line(printer, "%s %s %s %s%s", when, metrics_row_types[event->type], event->container,
                event->name ? event->name : "", victim);
}

/* ---- the agent ---- */

static const char *const state_paths[] = { "/var/lib/tarsier/modules/metrics", NULL };

#define F struct metrics_config
static const struct field config_fields[] = {
        FIELD_SIZE(F, history_bytes, .json = "history", .def = "256m", .min = 4 << 20, .max = INT64_MAX,
                .help = "size of the history on disk, beyond which the oldest goes"),
        FIELD_DURATION(F, history_ns, .json = "history_time", .def = "8760h", .min = HOUR, .max = 3650 * DAY,
                .help = "age at which history goes"),
        FIELD_DURATION(F, history_step_ns, .json = "history_step", .def = "10s", .min = SECOND, .max = HOUR,
                .help = "finest step of the history"),
        FIELD_STRINGS(F, history_labels, .max_items = 24, .metavar = "LABEL",
                .help = "labels of containers that the history keeps; default: those of Compose and Kubernetes"),
        FIELD_BOOL(F, short_lived, .def = "true", .help = "keep a ledger of what processes cost that ended"),
        METRICS_SETTINGS(F),
};

static const struct listener listeners[] = { { "cadvisor", NULL }, { "node", NULL }, { 0 } };

static const struct module_example examples[] = {
        { "metrics --port 8080", "in place of cAdvisor: its API, its metrics, its pages" },
        { "metrics --docker_only --housekeeping_interval=10s --store_container_labels=false",
                "with cAdvisor's own flags" },
        { "metrics --node --port 9100", "in place of node_exporter" },
        { "metrics query 'cpu{container=\"web\"}' --since 6h --step 1m",
                "what a container used, from the agent's history" },
        { 0 },
};

const struct module metrics_module = {
        .name = "metrics",
        .summary = "figures of containers and of the host, as cAdvisor and node_exporter tell them",
        .description =
                "Finds every control group of the host, knows which are containers and of which engine, samples what "
                "they "
                "use, and answers on a port as cAdvisor does: its HTTP API v1.0 to v2.1, its Prometheus metrics, its "
                "pages. With --node it answers as node_exporter does. No engine is asked, so containers of Docker, "
                "containerd, podman (rootless too), CRI-O, systemd-nspawn, runc and plain units are all there.\n"
                "Here it runs until it is stopped and prints what happens to containers; flags may have one dash or "
                "two, "
                "as the peers' have. In an agent it keeps a history on disk, which `tarsier metrics query` asks; the "
                "listeners cadvisor and node of the configuration open the ports.",
        .params = RECORD(P, params_fields),
        .element = &metrics_row_record,
        .shape = SHAPE_LIST,
        .statistics = &metrics_statistics_record,
        .config = RECORD(F, config_fields),
        .sandbox = { .capabilities = CAP_BIT(CAP_DAC_READ_SEARCH) | CAP_BIT(CAP_SYS_PTRACE) | CAP_BIT(CAP_SYSLOG) |
                                     CAP_BIT(CAP_NET_ADMIN) | CAP_BIT(CAP_NET_BIND_SERVICE),
                .network = true,
                .netlink = true,
                .processes = true,
                .read_all = true,
                .write_paths = state_paths },
        .limits = { .wall_ns = 3650 * DAY, .memory = 256 * MIB, .result = 256 * MIB },
        .role = ROLE_VIEWER,
        .persistent = true,
        .foreground = true,
        .stream = true,
        .queries = metrics_queries,
        .examples = examples,
        .validate = metrics_validate,
        .run = metrics_run,
        .print_row = print_row,
        .start = metrics_start,
        .stop = metrics_stop,
        .routes = metrics_routes,
        .listeners = listeners,
};
