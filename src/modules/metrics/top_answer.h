/* Who uses most, as rows: what `tarsier metrics top`, GET /top and GET /short-lived tell. A look is one reading of
 * /proc and of the sockets; two make rates. */
#pragma once

#include "modules/metrics/collect/top.h"
#include "modules/metrics/top_groups.h"
#include "schema/field.h"

enum top_sum { TOP_BY_PROCESS, TOP_BY_CONTAINER, TOP_SUMS };
extern const char *const top_sum_names[]; /* "process", "container", NULL-terminated */

enum { TOP_COUNT_MAX = 1000 };

struct top_asked {
        const char *container; /* a word of top_group_matches; NULL or "": all */
        enum top_order order;
        size_t count;
        enum top_sum sum;
};

/* One row of either kind. Texts are valid during the call only. */
struct top_told {
        const char *container, *id, *engine, *unit, *group;
        int64_t pid;
        const char *name, *executable, *command_line, *user;
        int64_t start_ns; /* Unix */
        uint64_t processes;
        double cpu; /* CPUs */
        uint64_t memory;
        double read, write, receive, send; /* bytes a second */
        uint64_t execs, forks, failures;
        int64_t cpu_time_ns, cpu_each_ns, lived_each_ns;
        uint64_t memory_peak, read_bytes, write_bytes;
        int64_t last_ns;
        bool is_living, is_ended, is_process, has_io, has_network;
};
extern const struct record top_told_record;

void top_told_identity(const struct top_group *group, struct top_told *told);

typedef int top_told_fn(const struct top_told *told, void *cookie);

struct top_figures { /* of an answer, for statistics */
        uint64_t looked_at, containers, shown, refused, without_io, without_network;
        int64_t span_ns; /* between the looks; of the ledger since it began */
};

struct top_source {
        const struct registry *registry; /* NULL: names come from the engines' files */
        int root, proc;                  /* open */
        const struct top_netlink *netlinks;
        size_t netlink_count;
};

/* The first look: there is nothing to tell yet. */
int top_look_first(struct top *top, const struct top_source *source, struct error *err);
/* Another look, and what was used since the last. Non-zero of each stops, and is returned. E_NOT_FOUND when no process
 * is in such a container. */
int top_answer(struct top *top, const struct top_source *source, const struct top_asked *asked, top_told_fn *each,
        void *cookie, struct top_figures *ret, struct error *err);
/* What ended: by CPU time, highest memory, or bytes read and written. since_ns: monotonic, when the ledger began. */
int top_answer_ended(const struct ledger *ledger, int64_t since_ns, const struct top_source *source,
        const struct top_asked *asked, top_told_fn *each, void *cookie, struct top_figures *ret, struct error *err);
