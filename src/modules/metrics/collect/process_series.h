/* Counters of the processes of each container, by the name of their program, for who asks for them in the exposition.
 * Processes come and go, and a sum over those that live now would fall: so what each used since the last look is added
 * to its row, and the row goes with its last process. What a process used between the last look and its end is not in
 * it (taskstats tells that: top.h).
 *
 * Looks are made when somebody scrapes. All is bounded; what did not fit is counted. */
#pragma once

#include "base/error.h"
#include "base/sv.h"
#include "modules/metrics/collect/registry.h"

enum {
        PROCESS_SERIES_SHOWN_MAX = 100, /* rows of one container */
        PROCESS_SERIES_ROWS_MAX = 16384,
        PROCESS_SERIES_PROCESSES_MAX = 32768,
        PROCESS_SERIES_NAME_MAX = 16
};

struct process_sample { /* as it is */
        pid_t pid;
        uint64_t start_ticks; /* with the pid who it is */
        char comm[PROCESS_SERIES_NAME_MAX];
        uint64_t cpu_ns, rss, read_bytes, write_bytes; /* bytes; of the storage layer */
        bool has_io;
};

struct process_counters {
        char comm[PROCESS_SERIES_NAME_MAX];
        pid_t pid; /* 0: of all of that name */
        uint64_t cpu_ns, read_bytes, write_bytes;
        uint64_t rss, processes; /* of those that live */
        bool has_io;             /* of one of them at least */
        double weight;           /* CPU time of late, by which rows are chosen */
};

struct process_series;

/* by_pid: a row each process. */
struct process_series *process_series_new(bool by_pid, struct error *err);
void process_series_free(struct process_series *series);

/* A look by hand: begin (monotonic), each process with the name of its container, end. */
void process_series_begin(struct process_series *series, int64_t now_ns);
void process_series_add(struct process_series *series, struct sv container, const struct process_sample *sample);
void process_series_end(struct process_series *series);

/* process_series_look.c: all of /proc, unless the last look was less than a second ago. A process belongs to the
 * innermost container that is its group or above it. */
int process_series_look(
        struct process_series *series, const struct registry *registry, int proc, int64_t now_ns, struct error *err);

/* The rows of this container that used most CPU of late, at most limit (PROCESS_SERIES_SHOWN_MAX), the most first; the
 * pointers are good until the next look. *ret_left: how many there are besides. */
size_t process_series_of(const struct process_series *series, struct sv container, size_t limit,
        const struct process_counters **ret, size_t *ret_left);
size_t process_series_count(const struct process_series *series); /* rows */
/* Processes that did not fit, since the start. */
uint64_t process_series_refused(const struct process_series *series);
int64_t process_series_looked_ns(const struct process_series *series); /* 0: never */
