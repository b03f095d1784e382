/* What the files of the module metrics share: the run in the foreground (metrics_module.c), the agent's service
 * (metrics_service.c) with its HTTP (metrics_routes.c), and the modules that ask it. */
#pragma once

#include "modules/metrics/metrics.h"
#include "modules/metrics/top_answer.h"

struct metrics_config {
        struct metrics_settings settings;
        uint64_t history_bytes;
        int64_t history_ns, history_step_ns;
        bool short_lived;
        struct string_list history_labels;
};

struct metrics_service {
        struct metrics metrics;
        struct service *service;
        struct history *history;
        bool history_told; /* that it has a problem */
        loop_id tick_id;
        struct row_follower *rows; /* of the agent's stream of events */
        struct top *top;           /* while somebody asks who uses most */
        int diag;                  /* netlink socket of connections, with top; else -1 */
        struct feed_service *feed; /* while somebody follows the feed */
        int64_t boot_unix_ns;      /* by which the feed tells when processes began: the same for all who ask */
        int64_t ended_since_ns, room_ns;
        char ended_problem[200]; /* why there is no ledger; "" */
};

int metrics_start(struct service *service, struct error *err);
void metrics_stop(struct service *service);
void metrics_rows_take(struct metrics_service *metrics, const struct container_event *event);
void metrics_rows_end(struct metrics_service *metrics);

/* metrics_host.c: proc is open on /proc. What cannot be read is left out. */
void metrics_host_read(int proc, struct history_host *ret);

/* GET /query (metrics_ask.c) */
void metrics_on_query(struct service *service, struct request *request);

/* metrics_processes.c. Without the right to it the ledger is not kept: that is logged, and told to who asks. */
void metrics_processes_start(struct metrics_service *metrics, bool short_lived);
void metrics_processes_tick(struct metrics_service *metrics);
void metrics_processes_stop(struct metrics_service *metrics);
void metrics_on_top(struct service *service, struct request *request);
void metrics_on_short_lived(struct service *service, struct request *request);
/* What the processes used since the last look, or in the last quarter of a second when there was none. */
int metrics_top(struct metrics_service *metrics, const struct top_asked *asked, top_told_fn *each, void *cookie,
        struct top_figures *ret, struct error *err);
/* What ended since the start of the service. */
int metrics_ended(struct metrics_service *metrics, const struct top_asked *asked, top_told_fn *each, void *cookie,
        struct top_figures *ret, struct error *err);

/* metrics_follow.c: GET /feed */
void metrics_on_feed(struct service *service, struct request *request);
void metrics_feed_end(struct metrics_service *metrics);

/* For modules that ask. */
struct history *metrics_service_history(struct service *service);

extern const struct route metrics_routes[];
extern const struct module *const metrics_queries[];

/* Flags of cAdvisor that have no meaning here, and are taken all the same. */
struct metrics_ignored {
        char *docker, *docker_tls_ca, *docker_tls_cert, *docker_tls_key, *docker_env_metadata_whitelist;
        char *containerd, *containerd_namespace, *containerd_env_metadata_whitelist, *crio_client_timeout, *podman;
        char *collector_cert, *collector_key, *referenced_reset_interval, *resctrl_interval;
        char *bq_account, *bq_credentials_file, *bq_id, *bq_project_id, *bq_secret;
        char *es_host, *es_index, *es_type, *kafka_broker_list, *kafka_ssl_ca, *kafka_ssl_cert, *kafka_ssl_key,
                *kafka_topic;
        char *http_auth_realm, *http_digest_realm;
        char *stderrthreshold, *v, *vmodule, *log_dir, *log_file, *log_file_max_size, *log_backtrace_at, *log_level,
                *log_format;
        unsigned max_procs;
        bool docker_tls, profiling, es_enable_sniffer, kafka_ssl_verify;
        bool logtostderr, alsologtostderr, add_dir_header, one_output, skip_headers, skip_log_headers;
        /* refused when they are not empty: to pass over them would promise what is not so */
        char *http_auth_file, *http_digest_file, *perf_events_config;
};
