/* Every container that is known, its samples in memory, and what happened to containers. Fed by discovery and
 * housekeeping on the loop; read by the API, the exposition and the pages in the same thread: nothing changes during a
 * call, and what a reader gets is valid until it returns to the loop.
 *
 * Samples lie packed (packed.h): the difference to the one before, so that an idle container costs a few bytes a
 * sample. All rings together keep below options->memory_limit: then the oldest samples of the largest go first, and
 * are counted.
 *
 * While the CPU time of a group stands still, nothing in it ran, and its figures move only by what others do to it:
 * reclaim, writeback, packets that nobody takes, averages of PSI that fall. Then the newest sample is repeated with the
 * new time; what it tells was read at most 10 s before. registry_refresh always reads, and so does everything with
 * --enable_load_reader, whose averages move by time. */
#pragma once

#include "loop/loop.h"
#include "modules/metrics/options.h"

struct registry;
struct container;

struct container_event {
        uint64_t id;
        int64_t time_ns;
        enum event_kind kind;
        const char *container;            /* its name */
        pid_t pid;                        /* oom kill: the victim */
        const char *process, *constraint; /* of an OOM kill; "" else */
        int exit_code;                    /* deletion; -1: not known */
        const char *command_line;         /* oom kill: of the victim, when it was known */
        uint64_t memory_before[16]; /* oom kill: working set of the container in the samples before, oldest first */
        size_t memory_before_count;
};

struct registry_hooks { /* all may be NULL */
        void (*sampled)(const struct container *container, const struct container_stats *stats, void *cookie);
        /* NULL: always. False: `sampled` need not be called with a sample that repeats the one before. */
        bool (*wants_repeated)(void *cookie);
        void (*created)(const struct container *container, void *cookie);
        void (*deleted)(const struct container *container, void *cookie);
        void (*event)(const struct container_event *event, void *cookie);
        void (*log)(const char *text, void *cookie);
        void *cookie;
};

/* Reads the machine, finds the groups there are, and begins housekeeping on the loop. options must live as long. */
struct registry *registry_new(const struct metrics_options *options, struct loop *loop,
        const struct registry_hooks *hooks, struct error *err);
void registry_free(struct registry *registry);

/* ---- containers ---- */

struct container *registry_find(const struct registry *registry, struct sv name);
/* By engine's name, alias or id (at least 4 digits of it, if unique): cAdvisor's docker/NAME. name_space NULL: any. */
struct container *registry_find_alias(const struct registry *registry, const char *name_space, struct sv alias);
size_t registry_count(const struct registry *registry);
struct container *registry_at(const struct registry *registry, size_t index); /* sorted by name: "/" first */
/* The first of those below `container`, and how many: they stand together behind it in the sorted order. */
size_t registry_descendants(const struct registry *registry, const struct container *container, size_t *ret_first);

const struct container_ref *container_ref(const struct container *container);
const struct container_spec *container_spec(const struct container *container);
/* Found anew each time, since it is large: valid until the next call, also for another container. */
const struct container_identity *container_identity(const struct container *container);
int64_t container_last_seen_ns(const struct container *container); /* Unix: of the newest sample */
pid_t container_pid(const struct container *container);            /* some process of it; 0 for none */
bool container_is_root(const struct container *container);

/* ---- samples ---- */

/* At most max (0: none; SIZE_MAX: all) of the newest between start and end (Unix ns, 0: open), oldest first. each
 * returning non-zero stops, and that is returned. The sample is valid during the call. */
int container_samples(const struct container *container, size_t max, int64_t start_ns, int64_t end_ns,
        int (*each)(const struct container_stats *stats, void *cookie), void *cookie);
/* The newest, unpacked into the arena; false when there is none yet. */
bool container_latest(const struct container *container, struct arena *arena, struct container_stats *ret);
/* Housekeeping now when the newest sample is older than max_age_ns (0: always): cAdvisor's max_age. */
int registry_refresh(struct registry *registry, struct container *container, int64_t max_age_ns, struct error *err);
/* The same, but a group whose CPU time stands still since its newest sample was read is left as it is, for 10 s at
 * most: *ret_still is true then, and the sample tells what is now. After that only what others may have changed in it
 * is read (memory, pressure, I/O of pages that are written back, packets), and all of it once a minute. */
int registry_look(
        struct registry *registry, struct container *container, int64_t max_age_ns, bool *ret_still, struct error *err);
/* When the newest sample that was read, not repeated, was read: the loop's clock; 0: never. */
int64_t container_read_ns(const struct container *container);
/* Its tasks now (threads count), those of groups below it too: for where samples have none. False: not told. */
bool container_tasks(const struct container *container, uint64_t *ret);

/* ---- summaries: percentiles as cAdvisor's v2.0 summary has them ---- */

struct percentiles {
        bool present;
        uint64_t mean, std, max, fifty, ninety, ninetyfive, count;
};
struct usage_summary {
        int percent_complete;
        struct percentiles cpu, memory; /* millicores; bytes */
};
struct container_summary {
        int64_t time_ns;
        uint64_t latest_cpu, latest_memory;
        struct usage_summary minute, hour, day;
};
bool container_summary(const struct container *container, struct container_summary *ret); /* false: no sample yet */

/* ---- the machine ---- */

const struct machine *registry_machine(const struct registry *registry);

/* ---- events ---- */

struct event_query {
        int64_t start_ns, end_ns; /* 0: open */
        const char *container;    /* NULL: all */
        bool subcontainers;
        unsigned kinds; /* bits; none asked: none told */
        size_t max;     /* 0: all; the newest are kept. Filtered first, then cut: cAdvisor does it the other way round
                         * and misses some */
};
bool event_matches(const struct event_query *query, const struct container_event *event);
/* Deletions that wait for the status of their end are told now, with what is known: before the registry goes. */
void registry_tell_waiting(struct registry *registry);
/* Oldest first. */
int registry_events(const struct registry *registry, const struct event_query *query,
        int (*each)(const struct container_event *event, void *cookie), void *cookie);

/* ---- counters, all of them in view ---- */

struct registry_counters {
        uint64_t containers, created, deleted, missed_created, missed_deleted; /* missed: came by reconciliation only */
        uint64_t samples, samples_repeated, samples_bytes, samples_dropped, housekeeping_ns, housekeeping_late,
                housekeeping_failed;
        uint64_t events, events_dropped, watch_overflows, watches, watches_refused, oom_lines, refused;
};
void registry_count_all(const struct registry *registry, struct registry_counters *ret);
