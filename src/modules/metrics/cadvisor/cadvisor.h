/* cAdvisor's answers: its HTTP API v1.0 to v2.1 and its metrics, as text. Pure: a registry and the words of a request
 * in, bytes out. The compatibility port (metrics_http.c) and the agent's routes both ask here. */
#pragma once

#include "base/buf.h"
#include "modules/metrics/collect/registry.h"
#include "modules/metrics/export/exposition.h"

struct process_series;

struct cadvisor_request {
        const char *method;
        const char *path;  /* decoded, from "/api" on: "/api/v1.3/containers/docker" */
        const char *query; /* raw, "" for none */
        struct sv body;
};

struct cadvisor_reply {
        int status;
        const char *content_type; /* NULL: none is sent */
        const char *location;     /* of a redirect; in body's memory or static */
        struct buf body;          /* initialised by the caller with its ceiling */
        bool nosniff;             /* X-Content-Type-Options: nosniff is due, as with Go's errors */
        bool stream;              /* the events follow as they happen: those that match `events` */
        struct event_query events;
        char events_container[4096]; /* the memory of events.container */
};

struct cadvisor {
        struct registry *registry;
        const struct metrics_options *options;
        const char *version;              /* what we say that we are */
        bool privacy;                     /* names of processes are masked, variables of the environment left out */
        struct process_series *processes; /* of the programs of containers; NULL: not told */
        bool compatible; /* the compatibility port: /metrics has go_* too, which cAdvisor's users expect of it */
};

/* Any path below /api, and exactly what cAdvisor says to wrong ones. */
void cadvisor_api(
        const struct cadvisor *cadvisor, const struct cadvisor_request *request, struct cadvisor_reply *reply);
/* Any path of the port: true when Go's mux would send it elsewhere ("//x", "/a/../b", "/containers" without its slash),
 * and the reply does. */
bool cadvisor_redirect(
        const struct cadvisor *cadvisor, const struct cadvisor_request *request, struct cadvisor_reply *reply);
/* One event as an object of the stream, with its newline. */
void cadvisor_event_json(const struct container_event *event, struct buf *out);

/* /metrics: all containers and the machine (prometheus_http.c). The query takes ?type= and ?max_age= as v2 does. */
void cadvisor_metrics(const struct cadvisor *cadvisor, const char *query, enum exposition_format format,
        struct cadvisor_reply *reply);
/* The same, not yet written; the caller's. NULL: the reply says why. */
struct exposition *cadvisor_gather(const struct cadvisor *cadvisor, const char *query, struct cadvisor_reply *reply);
/* The parts of it, for tests with data of their own. */
struct cadvisor_container_metrics { /* one container as the exposition sees it */
        const struct container_ref *ref;
        const struct container_spec *spec;
        const struct container_stats *stats; /* newest; NULL: none yet */
        const struct container_pair *extra;  /* labels under their own names: "unit"; may be NULL */
        size_t extra_count;
};
/* machine names the devices of I/O figures; NULL: they are "MAJOR:MINOR". now_ns (Unix) is container_last_seen: the
 * scrape, as in cAdvisor. containers NULL: container_scrape_error is 1. */
int cadvisor_expose_containers(const struct metrics_options *options, const struct machine *machine,
        const struct cadvisor_container_metrics *containers, size_t count, int64_t now_ns, struct exposition *out,
        struct error *err);
/* machine NULL: machine_scrape_error is 1. */
int cadvisor_expose_machine(const struct metrics_options *options, const struct machine *machine,
        struct exposition *out, struct error *err);
/* cadvisor_version_info. */
void cadvisor_expose_version(const char *kernel_version, const char *os_version, const char *docker_version,
        const char *version, const char *revision, struct exposition *out);
/* process_* of this process; go: go_goroutines, go_threads and go_info, which say that there is no Go. */
void cadvisor_expose_process(int proc, bool go, struct exposition *out);

/* /validate/: the self-check as text. */
void cadvisor_validate(const struct cadvisor *cadvisor, struct cadvisor_reply *reply);
/* /containers/…, /docker/…, /podman/…: the pages (pages.c); "/" redirects. */
void cadvisor_page(
        const struct cadvisor *cadvisor, const struct cadvisor_request *request, struct cadvisor_reply *reply);
