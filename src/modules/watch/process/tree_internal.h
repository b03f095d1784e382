/* How the tree keeps its processes. Everything is an index or a reference into tables of one struct tree; slot 0 of the
 * processes is nobody: its children are those without a parent, and what finds no room is described in it for the time
 * of one event.
 *
 * The processes that had one pid form a line in time, the newest first, without overlap: first_ns … end_ns. Which of
 * them an observation is about is decided there (tree_line.c). */
#pragma once

#include "base/map.h"
#include "linux/container.h"
#include "modules/watch/process/tree.h"

enum {
        TREE_PID_MAX = 1 << 22, /* PID_MAX_LIMIT (include/linux/threads.h) */
        TREE_SLAB = 64,         /* processes allocated at once */
        TREE_PROCESSES_MAX = 1 << 21,
        TREE_CGROUPS_MAX = 16384,
        TREE_CONTAINERS_MAX = 4096,
        TREE_TEXT_MAX = 4096,     /* bytes of a text that is kept: PATH_MAX */
        TREE_ARGV_KEPT = 256,     /* bytes of arguments kept for later events; the exec's own event carries all */
        TREE_ARGC_MAX = 1 << 16,  /* arguments in one event */
        TREE_DEPTH_MAX = 1024,    /* ancestors counted */
        TREE_GHOSTS_LEAST = 1024, /* dead ancestors kept: this, or a sixteenth of processes_max */
        TREE_RECENT = 256,        /* execs that a second source may tell again */
        TREE_COMM = 16,
        TREE_BYTES_LEAST = 1 << 20,
        TREE_SLACK = 64 << 10, /* free bytes wanted before an observation is applied */
        TREE_STEP = 64,        /* observations from before TREE_REORDER_NS in a row: the clock was set back */
};

#define TREE_JITTER_NS (INT64_C(50) * 1000 * 1000) /* between the stamps of two sources for one fact */
#define TREE_REORDER_NS (INT64_C(10) * 1000 * 1000 * 1000)
#define TREE_CONTAINER_KEEP_NS (INT64_C(60) * 1000 * 1000 * 1000) /* names of a stopped container */
#define TREE_TICK_NS (INT64_C(10) * 1000 * 1000) /* USER_HZ is 100 on every architecture that matters here */

/* Bytes that several processes share. NUL-terminated. */
struct text {
        struct text *next; /* of the same hash bucket */
        uint32_t refs;
        uint32_t length : 13; /* up to TREE_TEXT_MAX */
        uint32_t tag : 15;    /* of a cgroup's or a container's key: where its entry is, 0 for none */
        char bytes[];
};

/* Shared like a text: few differ. The terminal's name follows. */
struct credential {
        uint32_t uid, euid, gid, egid, auid, session;
        uint32_t capabilities[2];
        uint32_t has; /* HAS_UIDS | HAS_GIDS | HAS_SESSION | HAS_CAPABILITIES */
};

/* The part that a program plays in starting containers. */
enum tree_role {
        ROLE_NONE,
        ROLE_SHIM,    /* stays as long as the container: containerd-shim, conmon, systemd-nspawn, lxc monitor */
        ROLE_RUNTIME, /* works and goes: runc, crun */
        ROLE_INIT,    /* runc init: becomes the container's program by exec */
};

struct tree_process {
        uint64_t pid : 22;
        uint64_t id_ticks : 42; /* in exec ids; does not change once handed out */
        uint64_t start_ns;      /* since boot; 0 not known */
        int64_t first_ns;       /* the fork, or the first sight */
        int64_t end_ns;         /* 0 while it lives */
        int64_t exec_ns;        /* of the exec whose program is kept; 0 none */
        int64_t cgroup_ns;      /* of the last exact cgroup; 0 none */
        struct text *exe, *cwd, *argv, *credential;
        uint32_t self, parent;
        uint32_t child;          /* the first by time */
        uint32_t next, previous; /* siblings; previous of the first is the last */
        uint32_t older;          /* in the bucket of its pid's hash */
        uint32_t queue_next, queue_previous;
        uint16_t cgroup, container, container_before; /* before cgroup_ns */
        uint16_t lineage;                             /* container that the shim above works for */
        uint32_t pid_namespace;
        uint16_t execs;
        unsigned fork_seen : 1, exit_seen : 1, repaired : 1, queued : 1, ghost : 1, id_fixed : 1;
        unsigned silent : 1; /* its end is nothing to tell: never seen living, or told already */
        unsigned argv_cut : 1, role : 2, attribution : 2, used : 1;
        unsigned fork_source : 3, exit_source : 3, credential_source : 3;
        char comm[TREE_COMM];
};

struct tree_cgroup {
        struct text *text, *unit;
        uint32_t container; /* 0 for none */
        uint32_t refs;
        uint32_t next_free;
        bool helper; /* the engine's own processes */
        bool mute;   /* the root group, or seen through a cgroup namespace: tells nothing */
};

struct container_entry {
        enum container_engine engine;
        struct text *key, *id, *name, *image, *pod;
        uint32_t processes; /* living */
        uint32_t refs;      /* processes and groups that name it */
        uint32_t last;      /* the process that left last */
        uint32_t next;      /* in the list of the empty, or of the free */
        pid_t pid;          /* of its first process */
        int64_t first_ns, empty_ns;
        bool used, started, waiting;
};

struct recent_exec {
        uint32_t process, comm;
        unsigned sources;
        int64_t time_ns;
};

struct scratch {
        char *bytes;
        size_t size, used;
};

struct tree {
        struct tree_options options;
        struct tree_counters counters;
        int64_t now_ns, begun_ns;
        unsigned clock_back; /* observations in a row from long before now_ns */
        unsigned sources;    /* a bit for each that told of forks, execs and exits */

        struct tree_process **slabs;
        size_t slab_count;
        uint32_t free_process;
        uint32_t *buckets; /* of pids */
        size_t bucket_count;

        struct text **texts; /* hash buckets */
        size_t text_buckets, text_count;
        uint32_t hash_seed;

        uint32_t ended_first, ended_last; /* wait for their delay, in the order they ended */
        uint32_t ghost_first, ghost_last;
        size_t ghosts_max;

        struct tree_cgroup *cgroups;
        size_t cgroup_count, cgroup_capacity;
        uint32_t free_cgroup;
        struct container_entry *containers;
        size_t container_count, container_capacity;
        uint32_t empty_first, empty_last;
        int64_t swept_ns;

        struct recent_exec recent[TREE_RECENT];
        size_t recent_next;

        /* of the call in progress */
        tree_emit_fn *emit;
        void *cookie;
        const struct observation *observation;
        enum source_kind last_source;
        int64_t time_ns; /* its time on the tree's clock */

        struct event event;
        struct scratch scratch;
        char ids[EVENT_ANCESTORS_MAX + 3][EVENT_ID_MAX];
        struct event_ancestor ancestors[EVENT_ANCESTORS_MAX];
        char **arguments;
        size_t arguments_capacity;
        struct {
                uint64_t mask;
                char *text;
        } capabilities[4];
        unsigned capabilities_next;
};

/* --- tree_store.c: memory and links ---------------------------------------------------------------------------- */
struct tree_process *tree_at(const struct tree *tree, uint32_t index);
int tree_store_init(struct tree *tree, struct error *err);
void tree_store_done(struct tree *tree);
/* NULL without room: nothing is thrown out for it. */
void *tree_memory(struct tree *tree, void *old, size_t old_size, size_t size);
void tree_memory_free(struct tree *tree, void *old, size_t old_size);
struct text *tree_text(struct tree *tree, struct sv bytes); /* with a reference; NULL when empty or without room */
struct text *tree_text_ref(struct text *text);
void tree_text_unref(struct tree *tree, struct text *text);
void tree_text_set(struct tree *tree, struct text **text, struct sv bytes); /* keeps the old when there is no room */
struct tree_process *tree_process_new(struct tree *tree);                   /* slot 0, emptied, when there is no room */
void tree_process_delete(struct tree *tree, struct tree_process *process);  /* unlinked already */
void tree_line_link(struct tree *tree, struct tree_process *process);
void tree_line_unlink(struct tree *tree, struct tree_process *process);
void tree_sibling_link(struct tree *tree, struct tree_process *process, uint32_t parent); /* in order of first_ns */
void tree_sibling_unlink(struct tree *tree, struct tree_process *process);

/* --- tree_life.c: ends, delays and room --------------------------------------------------------------------------- */
void tree_end(struct tree *tree, struct tree_process *process, int64_t end_ns);
/* A child of it was found to be another's: a ghost without children goes when time advances. */
void tree_child_left(struct tree *tree, struct tree_process *parent);
void tree_unend(struct tree *tree, struct tree_process *process);
void tree_expire(struct tree *tree, int64_t now_ns);
void tree_make_room(struct tree *tree);

/* --- tree_line.c: who had this pid then ----------------------------------------------------------------------- */
struct tree_spot {
        struct tree_process *owner; /* the newest that began at or before the time, may have ended before it */
        struct tree_process *newer; /* the next one behind it */
};
struct tree_spot tree_spot(const struct tree *tree, pid_t pid, int64_t time_ns);
bool tree_lives_at(const struct tree_process *process, int64_t time_ns);
/* The process that the observation is of; made when it is not known. Never NULL, maybe slot 0. */
struct tree_process *tree_resolve(struct tree *tree, const struct observation *observation, int64_t time_ns);
/* The parent of a fork at that time; made when it is not known. */
struct tree_process *tree_resolve_parent(struct tree *tree, pid_t pid, int64_t time_ns);
struct tree_process *tree_forked(
        struct tree *tree, const struct observation *observation, int64_t time_ns, bool *ret_new);
/* NULL when this exit was told already. */
struct tree_process *tree_exited(struct tree *tree, const struct observation *observation, int64_t time_ns);
struct tree_process *tree_seen(struct tree *tree, const struct observation *observation, int64_t time_ns);

/* --- tree_container.c ------------------------------------------------------------------------------------------ */
void tree_container_done(struct tree *tree);
uint32_t tree_container_get(struct tree *tree, enum container_engine engine, struct sv id); /* 0 without room */
void tree_container_name(struct tree *tree, const struct observation *observation);
void tree_container_left(struct tree *tree, struct tree_process *process);    /* it ended */
void tree_container_entered(struct tree *tree, struct tree_process *process); /* it lives all the same */
void tree_container_due(struct tree *tree, struct tree_process *process);     /* its delay is over */
void tree_container_lose(struct tree *tree, struct tree_process *process);    /* its slot goes */
void tree_container_expire(struct tree *tree, int64_t now_ns);                /* stops */
void tree_container_sweep(struct tree *tree, int64_t now_ns);                 /* forgets */
void tree_container_fill(const struct tree *tree, uint32_t container, struct event_container *ret);
void tree_set_container(struct tree *tree, struct tree_process *process, uint32_t container, enum attribution how);
void tree_set_lineage(struct tree *tree, struct tree_process *process, uint32_t container);
void tree_set_before(struct tree *tree, struct tree_process *process, uint32_t container);
void tree_set_cgroup(struct tree *tree, struct tree_process *process, uint32_t cgroup);
uint32_t tree_cgroup_get(struct tree *tree, struct sv text); /* 0 without room; used at once, or by tree_cgroup_drop */
void tree_cgroup_drop(struct tree *tree, uint32_t cgroup);   /* gone unless a process is in it */

/* --- tree_attribute.c: which container, by what is known ------------------------------------------------------- */
/* What it has from its parent as of its fork; then the same down its descendants. */
void tree_inherit(struct tree *tree, struct tree_process *process);
/* What changed at time_ns goes down to the children forked since, as far as they have it from there. */
void tree_propagate(struct tree *tree, struct tree_process *process, int64_t time_ns);
void tree_cgroup_told(struct tree *tree, struct tree_process *process, struct sv text, int64_t time_ns);
/* After the program of the process was set: its role, and lineage where the group does not tell. */
void tree_program_changed(struct tree *tree, struct tree_process *process, struct sv argv, bool exact);

/* --- tree_shim.c: pure ------------------------------------------------------------------------------------------ */
struct shim {
        enum tree_role role;
        enum container_engine engine;
        struct sv id; /* points into the arguments; empty when they do not tell */
};
void tree_recognise_shim(struct sv exe, struct sv comm, struct sv argv, struct shim *ret);

/* --- tree_event.c ------------------------------------------------------------------------------------------------ */
void tree_event_done(struct tree *tree);
void tree_emit(struct tree *tree, enum event_type type, struct tree_process *process);
/* An event of its own behind that of the exec. */
void tree_emit_capability(struct tree *tree, struct tree_process *process, uint64_t gained);
void tree_emit_gone(struct tree *tree, struct tree_process *process);
void tree_emit_container(
        struct tree *tree, uint32_t container, struct tree_process *process, bool start, int64_t time_ns);
