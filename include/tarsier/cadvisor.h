/* libtarsier-cadvisor: a client of cAdvisor's HTTP API, for any C program. It speaks to a real cAdvisor and to
 * Tarsier's compatibility port alike. Links libcurl and jansson.
 *
 *     struct tarsier_cadvisor *client = tarsier_cadvisor_new("http://127.0.0.1:8080", 0);
 *     struct tarsier_cadvisor_containers *found;
 *     if (tarsier_cadvisor_subcontainers(client, "/", 1, &found) < 0)
 *             fprintf(stderr, "%s\n", tarsier_cadvisor_error(client));
 *     else
 *             for (size_t i = 0; i < found->count; i++)
 *                     printf("%s\n", found->items[i].name);
 *     tarsier_cadvisor_containers_free(found);
 *     tarsier_cadvisor_free(client);
 *
 * Functions return 0, or -1 and a text in tarsier_cadvisor_error. A client belongs to one thread at a time; none of
 * them writes to stdout or stderr or raises SIGPIPE. Times are nanoseconds since 1970, 0 where the server does not
 * tell; numbers it does not tell are 0, texts "". */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TARSIER_CADVISOR_VERSION "1.0.0"

enum {
        TARSIER_CADVISOR_ANSWER_MAX = 256 << 20, /* bytes of one answer */
        TARSIER_CADVISOR_EVENT_MAX = 1 << 20,    /* bytes of one event of a stream */
};

struct tarsier_cadvisor;

/* url: "http://host:8080", with a path where a proxy adds one. timeout_ns: of one whole answer; 0 is 30 s. NULL only
 * without memory. */
struct tarsier_cadvisor *tarsier_cadvisor_new(const char *url, int64_t timeout_ns);
void tarsier_cadvisor_free(struct tarsier_cadvisor *client);
/* Of the last call that failed: "http://…: 500: failed to get container …". */
const char *tarsier_cadvisor_error(const struct tarsier_cadvisor *client);
/* The status of the last answer, 0 when there was none. */
int tarsier_cadvisor_status(const struct tarsier_cadvisor *client);

/* ---- any path, as text ---- */

/* GET, or POST when body is not NULL: "/api/v2.1/stats/docker?recursive=true". The text ends with a NUL that is not
 * counted, and is the caller's to free(). */
int tarsier_cadvisor_get(
        struct tarsier_cadvisor *client, const char *path, const char *body, char **ret_text, size_t *ret_size);

/* ---- the machine ---- */

struct tarsier_cadvisor_machine {
        unsigned cores, physical_cores, sockets;
        uint64_t frequency_khz, memory, swap;
        char machine_id[80], system_uuid[80], boot_id[80];
};
int tarsier_cadvisor_machine(struct tarsier_cadvisor *client, struct tarsier_cadvisor_machine *ret);

/* ---- containers ---- */

struct tarsier_cadvisor_stats {
        int64_t time_ns;
        uint64_t cpu_total_ns, cpu_user_ns, cpu_system_ns;
        uint64_t memory_usage, memory_working_set, memory_rss, memory_cache, memory_swap;
        uint64_t rx_bytes, tx_bytes, rx_packets, tx_packets; /* all interfaces */
        uint64_t read_bytes, written_bytes;                  /* all devices */
};

struct tarsier_cadvisor_container {
        char *name;     /* "/docker/4a5b…" */
        char **aliases; /* NULL-terminated, never NULL */
        char *name_space, *image;
        char **subcontainers; /* names, NULL-terminated, never NULL */
        char **labels;        /* names and values in turn, NULL-terminated, never NULL */
        int64_t created_ns;
        uint64_t cpu_shares, cpu_quota_us, cpu_period_us, memory_limit; /* UINT64_MAX: no limit */
        struct tarsier_cadvisor_stats *stats;                           /* oldest first */
        size_t stats_count;
};

struct tarsier_cadvisor_containers {
        struct tarsier_cadvisor_container *items;
        size_t count;
};

/* num_stats: the newest so many samples; 0 none, -1 all. name: "/" or "/docker/4a5b…". All give a list to free. */
int tarsier_cadvisor_container(
        struct tarsier_cadvisor *client, const char *name, int num_stats, struct tarsier_cadvisor_containers **ret);
int tarsier_cadvisor_subcontainers(
        struct tarsier_cadvisor *client, const char *name, int num_stats, struct tarsier_cadvisor_containers **ret);
/* name: Docker's name or id; NULL: all of Docker's. */
int tarsier_cadvisor_docker(
        struct tarsier_cadvisor *client, const char *name, int num_stats, struct tarsier_cadvisor_containers **ret);
void tarsier_cadvisor_containers_free(struct tarsier_cadvisor_containers *containers);

/* ---- events ---- */

struct tarsier_cadvisor_event {
        const char *container, *type; /* "oom", "oomKill", "containerCreation", "containerDeletion" */
        int64_t time_ns;
        int64_t pid;         /* of an OOM kill */
        const char *process; /* the same; "" else */
        int64_t exit_code;   /* of a deletion: with which status its program ended; -1: not known */
};
/* Valid during the call; non-zero ends, and is returned. */
typedef int tarsier_cadvisor_event_fn(const struct tarsier_cadvisor_event *event, void *cookie);

/* query: "?creation_events=true&deletion_events=true&oom_events=true&subcontainers=true". Those that were. */
int tarsier_cadvisor_events(
        struct tarsier_cadvisor *client, const char *query, tarsier_cadvisor_event_fn *each, void *cookie);
/* Those that come, until each() ends it (0 is returned then too), the server does (-1), or stop_fd, unless -1, becomes
 * readable (0). */
int tarsier_cadvisor_events_stream(
        struct tarsier_cadvisor *client, const char *query, int stop_fd, tarsier_cadvisor_event_fn *each, void *cookie);

#ifdef __cplusplus
}
#endif
