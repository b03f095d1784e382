/* What the agent's metrics and a run of it in the foreground share: the registry of containers, the node's collectors,
 * and the ports that speak as cAdvisor and node_exporter do. */
#pragma once

#include "lib/http/http_server.h"
#include "module/run.h"
#include "module/service.h"
#include "modules/metrics/cadvisor/cadvisor.h"
#include "modules/metrics/collect/top.h"
#include "modules/metrics/history/history.h"
#include "modules/metrics/settings.h"

enum { METRICS_FOLLOWERS_MAX = 64, METRICS_REPLY_MAX = 64 << 20, METRICS_SCRAPES_MAX = 16 };

struct metrics;
struct event_follower;
struct push;
struct collector_notes;

struct metrics_sink { /* all may be NULL */
        void (*event)(struct metrics *metrics, const struct container_event *event);
        void (*sampled)(
                struct metrics *metrics, const struct container *container, const struct container_stats *stats);
        void (*log)(struct metrics *metrics, const char *text);
        /* one of the storage driver stdout; false when nobody takes it now. NULL: the driver is refused */
        bool (*line)(struct metrics *metrics, const struct container_ref *ref, int64_t time_ns, const char *line);
};

struct metrics {
        const struct metrics_settings *settings;
        const struct metrics_sink *sink;
        void *owner;  /* the run or the service */
        bool privacy; /* on the ports too: no command lines, no variables of the environment */
        struct loop *loop;
        struct arena arena; /* of the options */
        struct metrics_options options;
        struct node_options node_options;
        struct registry *registry; /* NULL: only the node */
        struct cadvisor cadvisor;
        struct node *node;
        struct http_server *cadvisor_port, *node_port;
        struct event_follower *followers[METRICS_FOLLOWERS_MAX];
        uint64_t rows_dropped; /* in the foreground: nobody reads them */
        uint64_t followers_refused, followers_dropped, scrapes, node_scrapes[3]; /* by status: 200, 500, 503 */
        uint64_t feed_followers, feed_looks, feed_passed_over;                   /* in the agent */
        struct collector_notes *collector_notes; /* what was logged of the node's collectors */
        struct process_series *processes;        /* NULL: nobody asked for them */
        unsigned scraping;                       /* of cAdvisor's port: under way */
        struct push *push;                       /* samples to the storage drivers; NULL: none */
        loop_id usage_id;
        struct ledger *ended; /* of processes, and where they are told; NULL: not kept */
        struct taskstats_listener *exits;
        loop_id exits_id;
};

/* containers: the registry and what stands on it. settings and sink must live as long. */
int metrics_open(struct metrics *metrics, struct loop *loop, bool containers, struct error *err);
void metrics_close(struct metrics *metrics);

/* metrics_port.c: answers on this listening socket, which stays the caller's, as cAdvisor or node_exporter would. */
int metrics_serve_cadvisor(struct metrics *metrics, int fd, struct error *err);
int metrics_serve_node(struct metrics *metrics, int fd, struct error *err);
/* "/api/v2.0/ps…", whatever containers are called: other spellings of it are redirected, not answered. */
bool metrics_is_process_list(const char *path);
void metrics_tell_followers(struct metrics *metrics, const struct container_event *event);

/* metrics_scrape.c: answers with cAdvisor's metrics. At most METRICS_SCRAPES_MAX at once: a client that does not read
 * holds its builder. */
void metrics_scrape(struct metrics *metrics, struct http_exchange *exchange, const struct http_request *request,
        enum exposition_format format);

/* metrics_collectors.c: logs what changed since the last scrape; how many failed in it. now_ns is monotonic. */
void metrics_note_collectors(struct metrics *metrics, int64_t now_ns);
uint64_t metrics_collectors_failed(const struct metrics *metrics);

struct metrics_statistics {
        uint64_t containers, created, deleted, missed_created, missed_deleted;
        uint64_t samples, samples_bytes, samples_dropped, housekeeping_late, housekeeping_failed;
        double housekeeping_seconds;
        uint64_t events, events_dropped, watches, watches_refused, watch_overflows, refused;
        uint64_t requests, requests_refused, connections, scrapes, rows_dropped;
        uint64_t samples_repeated, followers_refused, followers_dropped;
        uint64_t exits, exits_lost, exits_refused, ended_processes, ended_rows, ended_refused, ended_unknown_group;
        uint64_t pushed, push_lost;
        uint64_t feed_followers, feed_looks, feed_passed_over;
        uint64_t process_series, process_series_refused;
        uint64_t node_collectors_failed, node_refused;
};
extern const struct record metrics_statistics_record;
void metrics_count(const struct metrics *metrics, struct metrics_statistics *ret);

/* One event as a row: what `tarsier metrics` prints, and the agent's stream sends; or one sample of the storage driver
 * stdout. */
struct metrics_row {
        uint64_t id;
        int64_t time_ns;
        int type; /* enum event_kind, or METRICS_ROW_… */
        const char *container, *name, *process, *constraint, *command_line;
        const char *line; /* a sample as text, or the version */
        int64_t pid, exit_code;
        bool has_exit_code;
        struct {
                uint64_t *items;
                size_t count;
        } memory_before;
};
enum { METRICS_ROW_SAMPLE = EVENT_KINDS, METRICS_ROW_VERSION };
extern const char *const metrics_row_types[];
extern const struct record metrics_row_record;
void metrics_row_fill(const struct metrics *metrics, const struct container_event *event, struct metrics_row *ret);
