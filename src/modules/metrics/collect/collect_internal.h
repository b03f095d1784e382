/* What the files of collect/ share; nobody else includes it but tests. */
#pragma once

#include "base/vec.h"
#include "linux/taskstats_netlink.h"
#include "modules/metrics/collect/events.h"
#include "modules/metrics/collect/hints.h"
#include "modules/metrics/collect/registry.h"
#include "modules/metrics/collect/ring.h"
#include "modules/metrics/collect/summary.h"

enum {
        REGISTRY_CONTAINERS_MAX = 1 << 16,
        REGISTRY_WATCHES_MAX = 1 << 19,
        REGISTRY_HIERARCHIES_SPARE = 4,     /* that may be mounted later */
        REGISTRY_NAME_MAX = 4000,           /* bytes of a group's path */
        REGISTRY_TEXTS_MAX = 64 * 1024,     /* bytes of one container's labels and the like */
        REGISTRY_ENVS_MAX = 64,             /* variables kept of one container */
        REGISTRY_SAMPLE_MEMORY = 8 << 20,   /* arena of one sample */
        REGISTRY_EXIT_DIRECTORIES_MAX = 16, /* one a user who runs podman */
        REGISTRY_EXITS_KEPT = 32,           /* statuses a user whose container's group is still there */
        REGISTRY_PROBES_MAX = 2000 /* files that stay open, of all containers; half of what the process may open */
};

/* What a test puts in the place of the machine's own. */
struct registry_seams {
        int64_t (*unix_ns)(void *cookie); /* NULL: time_unix_ns */
        int64_t (*cpu_ns)(void *cookie);  /* NULL: the thread's CPU time */
        void *cookie;
        bool no_kmsg; /* the kernel's log is not read */
};

struct registry *registry_new_with(const struct metrics_options *options, struct loop *loop,
        const struct registry_hooks *hooks, const struct registry_seams *seams, struct error *err);

struct container {
        struct registry *registry;
        char *name; /* "/", "/docker/4a5b…" */
        uint32_t name_size;
        uint32_t present;                        /* bit: which of the watched hierarchies have it */
        bool hidden;                             /* a group that is watched but is no container (options, *.mount) */
        bool own_network;                        /* in a network namespace that is not the host's */
        bool shares_network;                     /* one of a pod, whose sandbox shows the network */
        bool announced;                          /* its creation is an event already */
        uint8_t engine;                          /* enum container_engine */
        uint8_t lookups;                         /* of its names */
        uint32_t position;                       /* in the heap of deadlines + 1 */
        int64_t due_ns, interval_ns, sampled_ns; /* the loop's clock */
        int64_t lookup_ns, limits_ns, netns_ns, commands_ns, pid_ns;
        struct ring ring;
        struct summary summary;
        uint64_t last_total, last_user, last_system; /* of the newest sample */
        uint64_t rate_total, rate_user, rate_system;
        uint64_t *per_cpu; /* rates, then the newest sample's figures: 2 * per_cpu_count */
        uint32_t per_cpu_count;
        bool has_rate, had_cpu; /* had_cpu: the newest sample told its CPU time */
        int64_t latest_ns;      /* Unix: of the newest sample */
        double load, load_d;
        uint64_t oom_events, oom_kills_told; /* told: the group's own counter */
        bool oom_known;
        pid_t pid;
        struct container_ref ref;
        const char *aliases[2];
        struct container_spec spec;
        char *texts; /* id, names, image, labels, envs and their arrays: one block */
        char *cpu_mask;
        const struct container_hint *hint; /* NULL: none */
        struct task_history history;
        struct cgroup_probe probe; /* fd -1: none */
        uint64_t probed;           /* its CPU time just before the newest sample that was read */
        bool has_probed;
        int64_t read_ns;   /* the loop's clock: when that was */
        int64_t whole_ns;  /* when all of it was read */
        int32_t watches[]; /* by watched hierarchy; 0: none */
};

struct watched {                 /* a hierarchy whose directories are watched */
        const char *mount_point; /* below the root, absolute; "" for "/" */
        uint32_t index;          /* in mounts.hierarchies */
};

struct watch_row {
        int32_t wd; /* 0: free */
        uint32_t hierarchy;
        struct container *container;
};

struct watch_table { /* open addressing, a power of two */
        struct watch_row *rows;
        size_t size, count;
};

struct to_scan {
        struct container *container; /* NULL: it went meanwhile */
        uint32_t hierarchy;
};

typedef VEC(struct container *) container_vec;

struct command_line { /* of a process that may be the victim of an OOM kill soon */
        pid_t pid;
        int64_t seen_ns;
        char text[EVENT_TEXT_MAX];
};
enum { COMMAND_LINES_MAX = 32 };

struct kept_exit {
        char id[80]; /* "": free */
        int status;
};

struct exit_directory {
        int wd;
        uint32_t owner_uid; /* whose containers it tells of, and of no others: whoever owns it writes what he likes */
        size_t next;
        struct kept_exit kept[REGISTRY_EXITS_KEPT];
};

struct registry {
        const struct metrics_options *options;
        struct loop *loop;
        struct registry_hooks hooks;
        struct registry_seams seams;
        struct registry_counters counters;

        struct arena mounts_arena;
        struct cgroup_mounts mounts;
        struct watched watched[CGROUP_HIERARCHIES_MAX];
        uint32_t watched_count, watched_room;

        container_vec nodes;   /* all groups, sorted */
        container_vec visible; /* those that are containers, sorted */

        int inotify;
        loop_id inotify_id;
        struct watch_table watches;
        VEC(struct to_scan) to_scan;
        bool discovering; /* a group that appears now is not missed by the watches */
        loop_id reconcile_timer;
        char reconcile_at[REGISTRY_NAME_MAX + 1]; /* the group that was looked at last */
        bool reconciling, reconcile_again;

        container_vec heap; /* by due_ns */
        loop_id housekeeping_timer;
        uint64_t random;
        int64_t cpu_debt_ns, cpu_debt_at_ns;
        size_t probes, probes_max;
        struct ring_scratch scratch;
        size_t memory; /* of all rings and summaries */

        struct arena machine_arena;
        struct machine machine;
        int64_t machine_ns;
        loop_id machine_timer;
        struct arena filesystems_arena;
        struct filesystem_stats *filesystems;
        size_t filesystem_count;
        int64_t filesystems_ns;
        uint64_t host_netns;
        int64_t boot_unix_ns;

        struct arena hints_arena;
        struct container_hints hints;

        struct taskstats_socket taskstats;
        bool has_taskstats;

        struct event_store events;
        struct deletion *deletions; /* that wait to be told, oldest first */
        size_t deletion_count;
        loop_id deletions_timer;
        int exits_inotify; /* -1: none */
        loop_id exits_id;
        struct exit_directory exit_directories[REGISTRY_EXIT_DIRECTORIES_MAX];
        size_t exit_directory_count;
        struct command_line *commands; /* COMMAND_LINES_MAX, made when the first is needed */
        struct oom_watch *oom;
        struct container_identity identity; /* what container_identity gave last */
};

static inline int64_t registry_unix_ns(const struct registry *registry)
{
        return registry->seams.unix_ns ? registry->seams.unix_ns(registry->seams.cookie) : time_unix_ns();
}

void registry_log(const struct registry *registry, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* ---- registry_find.c: sorted arrays ---- */

/* Children stand behind their parent and before what merely begins with its name. */
int name_compare(struct sv a, struct sv b);
/* The index of the name, or where it belongs. */
bool find_name(const container_vec *containers, struct sv name, size_t *ret_index);
int insert_container(container_vec *containers, struct container *container, struct error *err);
void remove_container(container_vec *containers, const struct container *container);
/* One behind the last container below that at `index`. */
size_t end_of_descendants(const container_vec *containers, size_t index);

/* ---- discovery.c ---- */

int discovery_start(struct registry *registry, struct error *err);
void discovery_stop(struct registry *registry);
/* Looks for itself, in steps: events were lost, or the time has come. */
void discovery_reconcile(struct registry *registry);

/* ---- registry.c: the life of a container ---- */

struct container *container_new(struct registry *registry, struct sv name, struct error *err);
/* Out of all tables, told as deleted. */
void container_end(struct container *container);
void registry_add_event(struct registry *registry, struct container_event *event);

/* ---- deletions.c: the events of containers that went ---- */

/* Tells the event, with the status of its end where its engine notes that; where that is not written yet, a moment
 * later, and those that follow after it. */
void deletion_tell(struct container *container);
/* A container of this name comes: what waits to be told of one of that name is told now. */
void deletions_tell_before(struct registry *registry, struct sv name);
void deletions_forget(struct registry *registry);

/* ---- exits.c: with which status podman's containers ended ---- */

/* Watches where its status will be written, if it is one of podman's. */
void exits_watch(const struct container *container);
/* The status that its podman wrote last for it, once. */
bool exits_take(const struct container *container, int *ret);
void exits_forget(struct registry *registry);

/* ---- identity.c ---- */

/* What the path alone tells: the engine, whether it is shown. */
void identity_begin(struct container *container);
/* Names, labels, image, environment from state files, when the time has come to look (again). */
void identity_look_up(struct container *container, const struct cgroup_dirs *dirs);
/* Containers are renamed while they live. */
void identity_look_again(struct container *container);
/* Is it time to look for names (again)? */
bool names_are_due(const struct container *container, int64_t now_ns);
/* Has one of the two something to do now? */
bool identity_is_due(const struct container *container, int64_t now_ns);
void limits_look_up(struct container *container, const struct cgroup_dirs *dirs, struct arena *arena);

/* ---- sample.c ---- */

static inline bool registry_collects(const struct registry *registry, enum metric_kind kind)
{
        return registry->options->kinds & 1u << kind;
}

/* The machine's file systems now, at most each 10 s. */
void registry_read_filesystems(struct registry *registry);
/* Some process of the group, or of one below it; 0 for none. Into container->pid, once a turn of the loop. */
pid_t sample_find_process(struct container *container, const struct cgroup_dirs *dirs);
/* Is its network read? */
bool sample_has_network(const struct container *container);
/* Are there file systems that a hint gives it? Hints are for groups that no engine made. */
static inline bool sample_has_hinted_mounts(const struct container *container)
{
        return container->hint && container->hint->mount_count && container->engine == CONTAINER_NONE &&
               !container_is_root(container);
}
/* cpu_inst: into per_cpu (as many as stats has) and stats; none when a counter fell or the CPUs changed. */
void sample_rates(const struct container_stats *before, struct container_stats *stats, uint64_t *per_cpu);

/* Of a group in which nothing ran since `stats` was read: what others may have changed meanwhile, into stats. That is
 * memory, by reclaim; pressure; I/O while pages are written back or swapped; packets. */
int sample_read_changes(
        struct container *container, struct arena *arena, struct container_stats *stats, struct error *err);
/* What of a group is read: bits of cgroup_read_flags. */
unsigned sample_group_flags(const struct registry *registry);
/* One sample of the container as it is now, into the arena. */
int sample_read(struct container *container, const struct cgroup_dirs *dirs, struct arena *arena,
        struct container_stats *ret, struct error *err);

/* ---- housekeeping.c ---- */

int housekeeping_start(struct registry *registry, struct error *err);
void housekeeping_add(struct container *container);
void housekeeping_remove(struct container *container);
/* Reads, keeps and tells one sample; never one that repeats the one before. */
int housekeeping_now(struct container *container, struct error *err);
/* Like housekeeping_now for a group in which nothing ran since its newest sample was read: only what others may have
 * changed meanwhile is read, the rest is as it was. *ret false: that is not so, or all was read long ago. */
int housekeeping_glance(struct container *container, bool *ret, struct error *err);
/* Has nothing run in it since its newest sample was read, and is that recent? */
bool housekeeping_stands_still(const struct container *container);
/* Within a second instead of when its interval ends. */
void housekeeping_soon(struct container *container);
/* Closes the file that stays open. */
void housekeeping_drop_probe(struct container *container);
void keep_below_memory_limit(struct registry *registry);

/* ---- oom.c ---- */

int oom_start(struct registry *registry, struct error *err);
void oom_stop(struct registry *registry);
/* After each sample: the group's own counters where the kernel's log is not there, and command lines when it is near
 * its limit. */
void oom_note_sample(struct container *container, const struct container_stats *stats, const struct cgroup_dirs *dirs);
