/* What is known of the host: the feed's picture (docs/modules/metrics-feed.md) with a bounded past for each row, the
 * latest events, and alerts. Pure: it is told JSON records and draws nothing.
 *
 * A record is an object with one member, which says its kind:
 *      {"host":…} {"container":…} {"process":…} {"network":…} {"disk":…} {"filesystem":…} {"gone":…} {"tick":…}
 *      {"event":…}                     an event of watch
 *      {"alert":…}                     an alert, new or changed
 *      {"alerts":{"alerts":[…]}}       the alerts there are, newest first: those before are forgotten
 *      {"source":{"name","state","message"}}   how one of the sources does
 *      {"begin":{}}                    a feed begins anew: rows that its first picture does not tell are gone
 *      {"dropped":{"dropped":N}}       so many events did not come
 *      {"answer":{"ok","message"}}     what became of an action
 *      {"connections":[…]}             sockets as netstat tells them: those before are forgotten
 *
 * Figures are doubles as the feed has them: bytes, bytes a second, CPUs, shares, nanoseconds; NAN is not known. Texts
 * are NULL when not known; they are of any origin and must be filtered before they are drawn. */
#pragma once

#include "base/cleanup.h"
#include "base/error.h"
#include "base/map.h"
#include "base/vec.h"
#include "tui/model/history.h"

enum {
        MODEL_CONTAINERS_MAX = 16384,
        MODEL_PROCESSES_MAX = 65536,
        MODEL_DEVICES_MAX = 4096, /* of networks, disks and file systems, each */
        MODEL_CORES_MAX = 1024,
        MODEL_TEXT_MAX = 4096, /* bytes of one text; longer ones are cut */
        MODEL_HISTORY = 120,   /* samples of the host, containers, devices */
        MODEL_PROCESS_HISTORY = 60,
        MODEL_PROCESS_HISTORIES_MAX = 4096, /* processes with a past */
        MODEL_EVENTS_MAX = 10000,
        MODEL_EVENT_BYTES_MAX = 16 << 20, /* all events' texts */
        MODEL_ALERTS_MAX = 1000,
        MODEL_SOURCES_MAX = 8,
        MODEL_CONNECTIONS_MAX = 20000,
};

/* Every row begins with this. */
struct row {
        uint32_t epoch; /* the feed that told it last */
        uint64_t id;    /* of this row in all pictures, never another's: what a grid knows it by */
        char *key;      /* NUL-terminated */
        uint64_t since; /* number of the picture that brought it first */
};

struct host_row {
        struct row row;
        char *hostname, *kernel, *os;
        double uptime, cpus, cpu, cpu_user, cpu_system, cpu_iowait, cpu_steal, load1, load5, load15;
        double memory_total, memory_available, memory_cached, memory_free, swap_total, swap_used;
        double psi_cpu, psi_memory, psi_io, receive, send, read, write;
        double processes, threads, running, blocked, context_switches, forks;
        float *cores;
        unsigned core_count;
        struct history cpu_past, memory_past, receive_past, send_past, read_past, write_past, forks_past, psi_cpu_past,
                psi_memory_past, psi_io_past;
};

enum container_kind { CONTAINER_CONTAINER, CONTAINER_UNIT, CONTAINER_GROUP, CONTAINER_ROOT, CONTAINER_KINDS_MAX };
extern const char *const container_kind_names[];

struct container_row {
        struct row row; /* key: the cgroup's path */
        char *name, *kind_name, *engine, *id, *alias, *image, *unit, *started;
        double cpu, cpu_user, cpu_system, throttled, memory, memory_usage, memory_cache, memory_rss, swap, memory_limit,
                cpu_limit, processes, processes_limit, receive, send, read, write, psi_cpu, psi_memory, psi_io;
        enum container_kind kind;
        bool leaf;   /* nothing is below it */
        bool inside; /* below a container or a unit: a part of that */
        struct history cpu_past, memory_past, receive_past, send_past, read_past, write_past;
};

struct process_row {
        struct row row; /* key: "PID START" */
        char *start, *user, *state, *name, *executable, *command_line, *group, *container;
        double pid, ppid, uid, nice, priority, threads, cpu, cpu_time, memory, virtual_memory, read, write, receive,
                send;
        bool kernel; /* a thread of the kernel */
        struct history cpu_past, memory_past;
};

struct network_row {
        struct row row;
        char *name, *state, *mac, *addresses;
        double receive, send, receive_packets, send_packets, receive_errors, send_errors, receive_drops, send_drops,
                speed, mtu;
        struct history receive_past, send_past;
};

struct disk_row {
        struct row row;
        char *name, *model;
        double read, write, reads, writes, busy, queue, size;
        struct history read_past, write_past, busy_past;
};

struct filesystem_row {
        struct row row;
        char *mountpoint, *device, *type;
        double size, used, available, inodes, inodes_used;
        bool read_only;
};

/* One kind of rows by key; rows lie in no order. */
struct row_table {
        struct map rows;  /* struct …_row * */
        uint64_t refused; /* rows that found no place */
};

struct event {
        uint64_t number; /* counts from 1 on this screen: what a grid knows it by */
        int64_t time_ns;
        char *type, *container, *container_id, *program, *exe, *user, *detail; /* detail: the rest in a line */
        double pid;
        char *json; /* the event as it came */
        bool alert; /* a rule matched */
};

enum severity { SEVERITY_LOW, SEVERITY_MEDIUM, SEVERITY_HIGH, SEVERITY_CRITICAL, SEVERITIES_MAX };
extern const char *const severity_names[];

enum alert_state { ALERT_OPEN, ALERT_ACKNOWLEDGED, ALERT_MUTED };

struct alert {
        uint64_t number; /* what a grid knows it by */
        uint64_t id;     /* 0: of no agent, nothing can be done with it */
        int64_t time_ns, last_ns;
        enum severity severity;
        enum alert_state state;
        char *module, *rule, *message, *container, *user, *exe, *by;
        double pid, count;
        char *json;
};

enum source_state { SOURCE_OFF, SOURCE_STARTING, SOURCE_LIVE, SOURCE_DOWN };

struct source_status {
        char name[16]; /* "feed", "events", "alerts" */
        enum source_state state;
        char message[256]; /* what it waits for or why it is down; "" */
        int64_t since_ns;
};

/* Of the module netstat. */
struct connection {
        uint64_t number; /* from 1 */
        char *protocol, *state, *local, *remote, *namespace, *process;
        double pid, local_port, remote_port;
};

struct model {
        uint64_t row_id; /* the last one given */
        int64_t now_ns;  /* when the last record came */
        struct host_row host;
        bool have_host;
        struct row_table containers, processes, networks, disks, filesystems;
        struct event *events; /* a ring of MODEL_EVENTS_MAX */
        size_t event_first, event_count, event_bytes;
        uint64_t event_number, events_dropped; /* the oldest, to make room */
        uint64_t events_missed;                /* did not come: the reader was too slow */
        uint32_t execs[MODEL_HISTORY];         /* exec events in each of the last seconds, [0] the one under way */
        int64_t execs_second;
        VEC(struct alert) alerts; /* newest first */
        uint64_t alert_number, alerts_refused;
        VEC(struct connection) connections;
        uint64_t connections_asked; /* answers so far; 0: never */
        uint64_t connections_refused;
        struct {
                uint64_t number; /* grows with each */
                uint64_t shown;  /* the last one that the user was told: set by the views */
                bool ok;
                char message[512];
        } answer;              /* to the last action */
        bool containers_moved; /* some came or went since their places were looked at */
        uint32_t epoch;        /* feeds that began */
        bool sweeping;         /* rows of the feed before go with this picture's end, unless they came again */
        struct source_status sources[MODEL_SOURCES_MAX];
        size_t source_count;
        uint64_t ticks;     /* pictures so far */
        int64_t time_ns;    /* of the last picture */
        double interval_ns; /* between the last two */
        uint64_t changes;   /* grows with every record: what was derived before is old */
        uint64_t rows_taken, malformed, unknown;
        size_t histories; /* of processes */
};

struct model *model_new(struct error *err);
void model_free(struct model *model);
DEFINE_CLEANUP(struct model *, model_free);

/* As new, but for the numbers of rows, which are never given twice. */
void model_clear(struct model *model);

/* Takes one record, which came at unix_ns. What is none is counted in `malformed`, a kind that is not known in
 * `unknown`. */
void model_apply(struct model *model, struct sv record, int64_t unix_ns);

/* NULL when it is not there (any more). */
struct container_row *model_container(const struct model *model, const char *name);
struct process_row *model_process(const struct model *model, const char *key);
struct process_row *model_process_by_pid(const struct model *model, double pid);

/* The container's parent among those that are known, NULL for the root. */
struct container_row *model_container_parent(const struct model *model, const struct container_row *container);

/* Is the container `inner` this one or below it, by the names of their cgroups? */
bool model_container_within(const char *inner, const char *outer);

/* What a person calls it: alias, unit or the last part of the cgroup's name. */
const char *container_title(const struct container_row *container);

/* The event `back` steps ago, 0 the newest; NULL beyond the oldest. */
const struct event *model_event(const struct model *model, size_t back);
const struct alert *model_alert(const struct model *model, uint64_t id);
size_t model_alerts_open(const struct model *model, enum severity at_least);

/* Execs in the last `seconds` whole seconds, a second; NAN while events do not come. */
double model_exec_rate(const struct model *model, unsigned seconds);

const struct source_status *model_source(const struct model *model, const char *name);
