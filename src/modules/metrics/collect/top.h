/* Who uses what, now: the processes of a container by CPU, memory, I/O and network since the last look; and what
 * processes cost that did not live long enough to be looked at (the ledger, fed by taskstats' exits).
 *
 * A `struct top` belongs to one container and lives while somebody looks; the ledger is one for the machine. Both are
 * bounded, and what did not fit is counted. The accumulation is pure; top_look and ledger_drain read /proc. */
#pragma once

#include "base/error.h"
#include "base/sv.h"
#include "linux/taskstats_netlink.h"

#include <sys/types.h>

enum {
        TOP_PROCESSES_MAX = 32768,
        TOP_SOCKETS_MAX = 65536,
        TOP_NAME_MAX = 16,
        LEDGER_ROWS_MAX = 4096,    /* at most; of all containers */
        LEDGER_PENDING_MAX = 1024, /* processes some of whose threads have ended */
        LEDGER_GROUP_MAX = 1024    /* bytes of a group's path */
};

/* ---- processes since the last look ---- */

struct top_sample { /* counters of one process as they are */
        pid_t pid;
        uint64_t start_ticks; /* with the pid who it is */
        int64_t start_unix_ns;
        char comm[TOP_NAME_MAX];
        uint32_t uid;
        int64_t cpu_ns;
        uint64_t rss, read_bytes, write_bytes; /* bytes; of the storage layer */
        bool has_io, has_network;              /* may be read; its sockets are told */
        uint32_t group;                        /* the caller's number of it */
};

struct top_row {
        pid_t pid;
        uint32_t group;
        uint64_t start_ticks;
        int64_t start_unix_ns;
        char comm[TOP_NAME_MAX];
        uint32_t uid;
        double cpu;                                            /* CPUs: 1.0 is one whole */
        uint64_t rss;                                          /* bytes */
        double read_rate, write_rate, receive_rate, send_rate; /* bytes a second; TCP only */
        bool has_io, has_network;
};

enum top_order { TOP_CPU, TOP_MEMORY, TOP_READ, TOP_WRITE, TOP_RECEIVE, TOP_SEND, TOP_IO, TOP_NETWORK, TOP_ORDERS };
extern const char *const top_order_names[]; /* "cpu", "memory", "read" …, NULL-terminated */

struct top;

struct top *top_new(struct error *err);
void top_free(struct top *top);
int64_t top_looked_ns(
        const struct top *top); /* monotonic; 0: never. Two looks make rates; one since the start of each */
uint64_t top_refused(const struct top *top);
size_t top_memory(const struct top *top); /* bytes held */

/* A look by hand: begin, each process, its sockets, finish. now_ns is monotonic, now_unix_ns for those that have not
 * been seen: their rates are since their start. */
void top_begin(struct top *top, int64_t now_ns, int64_t now_unix_ns);
/* False when it does not fit. */
bool top_add(struct top *top, const struct top_sample *sample);
/* The counters of a socket of process pid, which was added. One that two processes hold is told once. */
void top_add_socket(struct top *top, pid_t pid, uint64_t cookie, uint64_t received, uint64_t sent);
/* The first `limit` in that order, the most first; how many. */
size_t top_finish(struct top *top, enum top_order order, struct top_row *ret, size_t limit);
/* The same for a caller that chooses: every process by pid, and the place of one among the most. */
void top_finish_each(struct top *top, void (*each)(const struct top_row *row, void *cookie), void *cookie);
size_t top_insert(struct top_row *rows, size_t count, size_t limit, const struct top_row *row, enum top_order order);

/* Sockets are told by a netlink socket of the network namespace they are in (linux/netns.h). */
struct top_netlink {
        uint64_t netns; /* inode */
        int fd;
};

struct top_query {
        int proc;
        const char *group; /* NULL: all */
        bool subgroups;
        const pid_t *pids; /* NULL: found by their group */
        size_t pid_count;
        const struct top_netlink *netlinks;
        size_t netlink_count;
        enum top_order order;
        size_t limit;
        uint32_t (*number)(const char *group, void *cookie);   /* of a process's group, for top_row; NULL: 0 */
        void (*each)(const struct top_row *row, void *cookie); /* NULL: order and limit say what comes to ret */
        void *cookie;
};

/* With each, ret and ret_count are not used. */
int top_look(struct top *top, const struct top_query *query, struct top_row *ret, size_t *ret_count, struct error *err);

/* ---- the ledger of processes that ended ---- */

struct ledger_row {
        const char *group;                 /* path; "" for what did not fit in the table */
        char comm[TASKSTATS_COMM_MAX + 1]; /* of the thread that stood for the process: its program's name */
        uint64_t execs, forks;             /* processes: that executed a program; that only forked */
        uint64_t failures;                 /* of both: ended by a signal or with another status than 0 */
        uint64_t cpu_ns, elapsed_ns, read_bytes, write_bytes; /* sums */
        uint64_t rss_peak;                                    /* bytes: the highest */
        int64_t last_unix_ns;
};

struct ledger_counters {
        uint64_t records, processes;
        uint64_t rows_refused;    /* processes put into the row without a name, since the table was full */
        uint64_t pending_refused; /* threads whose process was not kept: their use stands under the thread's own name */
        uint64_t unknown_group;   /* it and its parent were gone before their group could be read: put under "/" */
};

struct ledger;

/* max_rows: at most LEDGER_ROWS_MAX. */
struct ledger *ledger_new(size_t max_rows, struct error *err);
void ledger_free(struct ledger *ledger);
/* One record of an exit. group is looked at for the last thread of a process only. */
void ledger_add(struct ledger *ledger, const struct task_usage *usage, struct sv group, int64_t now_unix_ns);
/* Takes out the rows of a container that is gone, those below it too. */
void ledger_forget(struct ledger *ledger, struct sv group);
size_t ledger_count(const struct ledger *ledger);
const struct ledger_row *ledger_at(const struct ledger *ledger, size_t index); /* in no order */
/* The `limit` rows with most CPU time of the group (n 0: all) and those below it. */
size_t ledger_top(const struct ledger *ledger, struct sv group, const struct ledger_row **ret, size_t limit);
void ledger_count_all(const struct ledger *ledger, struct ledger_counters *ret);

/* The group of a process that has just ended: its own while it is not reaped, else its parent's (which a v1 kernel
 * needs always: there the dead are in "/"). False, and "/", when neither is told. ret has LEDGER_GROUP_MAX bytes. */
bool ledger_group_of(int proc, const struct task_usage *usage, char *ret);
/* What the listener has, at most `batches` system calls; true when there may be more. */
bool ledger_drain(struct ledger *ledger, struct taskstats_listener *listener, int proc, size_t batches);
