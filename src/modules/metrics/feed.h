/* The feed: one picture of the host after the other, in rows that say themselves what they are. Two looks make rates,
 * so a picture is told after the second. The first that a reader gets is whole; later ones tell what changed since the
 * last it got, and what is gone: who keeps rows by their key has the whole picture after each tick. A row always comes
 * whole.
 *
 * Collecting and telling are apart: what is collected once is told to any number of readers, each at its own pace. A
 * reader that is slow gets the newest state, never a queue.
 *
 * Rates are a second's, CPU is in CPUs (1.0 is one whole), sizes are bytes, shares 0 to 1. What is not known is absent:
 * its has_ is false, or the text empty. */
#pragma once

#include "modules/metrics/collect/registry.h"
#include "schema/field.h"

enum feed_part {
        FEED_PART_HOST,
        FEED_PART_CONTAINERS,
        FEED_PART_PROCESSES,
        FEED_PART_NETWORK,
        FEED_PART_DISKS,
        FEED_PARTS
};
extern const char *const feed_part_names[]; /* "host", "containers" …, NULL-terminated */
enum { FEED_ALL = (1 << FEED_PARTS) - 1 };

enum feed_kind {
        FEED_GONE, /* first in a picture: a row that follows may bear the key of one that went */
        FEED_HOST,
        FEED_CONTAINER,
        FEED_PROCESS,
        FEED_NETWORK,
        FEED_DISK,
        FEED_FILESYSTEM,
        FEED_TICK, /* ends a picture */
        FEED_KINDS
};
extern const char *const feed_kind_names[]; /* "gone", "host" …, NULL-terminated */

enum {
        FEED_CONTAINERS_MAX = 16384,
        FEED_PROCESSES_MAX = 32768,
        FEED_NETWORKS_MAX = 4096,
        FEED_DISKS_MAX = 4096,
        FEED_FILESYSTEMS_MAX = 1024,
        FEED_GRAVES_MAX = 65536, /* rows that went and that some reader has not been told of */
        FEED_ADDRESSES_MAX = 64  /* of one network device */
};

struct feed_host {
        const char *hostname, *kernel, *os;
        int64_t uptime_ns;
        uint64_t cpus;
        double cpu, cpu_user, cpu_system, cpu_iowait, cpu_steal;
        LIST(double) cores; /* share of each that is online */
        double load1, load5, load15;
        uint64_t memory_total, memory_available, memory_cached, memory_free, swap_total, swap_used;
        double psi_cpu, psi_memory, psi_io; /* "some" of the last 10 s, percent */
        double receive, send, read, write;
        uint64_t processes, threads, running, blocked;
        double context_switches, forks;
        bool has_rates, has_memory, has_load, has_pressure, has_network, has_disk;
};

enum feed_container_kind { FEED_IS_CONTAINER, FEED_IS_UNIT, FEED_IS_GROUP, FEED_IS_ROOT };

struct feed_container {
        const char *name; /* path of its group */
        int kind;         /* enum feed_container_kind */
        const char *engine, *id, *alias, *image, *unit;
        double cpu, cpu_user, cpu_system, throttled; /* throttled: CPUs that it would have taken */
        uint64_t memory /* working set */, memory_usage, memory_cache, memory_rss, swap, memory_limit;
        double cpu_limit;
        uint64_t processes, processes_limit; /* tasks: threads count */
        double receive, send, read, write;
        double psi_cpu, psi_memory, psi_io;
        int64_t started_ns; /* Unix */
        bool has_cpu, has_memory, has_processes, has_network, has_io, has_pressure;
};

struct feed_process {
        int64_t pid, ppid;
        int64_t start_ns; /* Unix; with the pid who it is */
        const char *user;
        uint64_t uid;
        const char *state; /* a letter, as ps */
        int64_t nice, priority;
        uint64_t threads;
        double cpu;
        int64_t cpu_time_ns;
        uint64_t memory /* resident */, virtual_size;
        double read, write, receive, send;
        const char *name, *executable, *command_line;
        const char *group, *container; /* name of a feed_container; what its engine calls it */
        bool kernel, has_user, has_cpu, has_io, has_network;
};

struct feed_network {
        const char *name, *state;
        double receive, send, receive_packets, send_packets, receive_errors, send_errors, receive_drops, send_drops;
        uint64_t speed; /* bits a second */
        const char *mac;
        uint64_t mtu;
        struct string_list addresses;
        bool has_rates;
};

struct feed_disk {
        const char *name;
        double read, write, reads, writes, busy, queue;
        const char *model;
        uint64_t size;
        bool has_rates;
};

struct feed_filesystem {
        const char *mountpoint, *device, *type;
        uint64_t size, used, available, inodes, inodes_used;
        bool read_only;
};

struct feed_key {
        int64_t pid, start_ns;
};

struct feed_gone {
        struct string_list containers, networks, disks, filesystems;
        LIST(struct feed_key) processes;
        bool all; /* more went than is kept: what was told before is void, the whole picture follows */
};

struct feed_tick {
        int64_t time_ns; /* Unix */
        uint64_t sequence;
        int64_t interval_ns;            /* what rates are over */
        uint64_t containers, processes; /* rows of the whole picture */
        double cpu;                     /* of the host's row, for those who want one line */
        uint64_t memory_used, memory_total;
        uint64_t refused;
        bool has_host, has_containers, has_processes;
};

/* What a run emits: one of them is there. */
struct feed_element {
        bool is[FEED_KINDS];
        union {
                struct feed_gone gone;
                struct feed_host host;
                struct feed_container container;
                struct feed_process process;
                struct feed_network network;
                struct feed_disk disk;
                struct feed_filesystem filesystem;
                struct feed_tick tick;
        };
};
extern const struct record feed_element_record;
extern const struct record *const feed_records[FEED_KINDS];

/* ---- the engine ---- */

struct feed;

struct feed_source {
        int root, proc, sys;       /* open */
        struct registry *registry; /* NULL: nothing is told of containers */
        int64_t boot_unix_ns;      /* 0: of the clocks now. Starts of processes are told by it */
        /* Asked between two processes or containers; true: nobody wants the picture any more, the look ends half-way
         * and what was collected must not be told. NULL: never. */
        bool (*unwanted)(void *cookie);
        void *cookie;
};

struct feed *feed_new(const struct feed_source *source, struct error *err);
void feed_free(struct feed *feed);
DEFINE_CLEANUP(struct feed *, feed_free);

/* Looks at these parts (bits) now; what cannot be read is not told. now_ns: monotonic. freshness_ns: the age up to
 * which a container's sample still serves. */
void feed_collect(struct feed *feed, unsigned parts, int64_t now_ns, int64_t freshness_ns);
/* When a part was looked at last, and how often; 0: never. */
int64_t feed_looked_ns(const struct feed *feed, enum feed_part part);
/* When the next may begin: the kernel counts CPU time in ticks of 10 ms, and between two looks that follow one another
 * at once, the first having been held up, none may have passed. Monotonic. */
int64_t feed_rested_ns(const struct feed *feed);
uint64_t feed_looks(const struct feed *feed, enum feed_part part);

struct feed_reader {
        unsigned parts;
        bool full;               /* everything in each picture */
        uint64_t seen, pictures; /* zero to begin */
};

/* One picture: every record is valid during its call. Non-zero of told stops and is returned; then the reader has to
 * begin anew. */
typedef int feed_told_fn(enum feed_kind kind, const void *record, void *cookie);
int feed_tell(struct feed *feed, struct feed_reader *reader, feed_told_fn *told, void *cookie);
/* No reader will ask for what went before this: the lowest `seen` of all. */
void feed_forget(struct feed *feed, uint64_t seen);

/* ---- asking for it ---- */

struct feed_params {
        int64_t interval_ns;
        LIST(int) parts; /* enum feed_part; none: all */
        unsigned count;
        bool full;
};
extern const struct record feed_params_record;
unsigned feed_parts_of(const struct feed_params *params);

/* Between the first two looks, at most: rates need both. */
#define FEED_FIRST_NS (200 * MILLISECOND)
/* Between the end of a look and the next, at least. */
#define FEED_REST_NS (30 * MILLISECOND)

extern const struct module metrics_feed_module;
