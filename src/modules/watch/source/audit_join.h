/* Audit's records and the process connector's events as one stream of observations, in an order that the process tree
 * can follow. Pure: live messages and replayed lines take the same way, and time is what the caller says.
 *
 * Who tells what. With the connector, fork, exit, comm and the moment of an exec come from it, all else from audit: the
 * program, its arguments and the credentials of an exec too. What the host's own rules make audit tell of fork and exit
 * is then handed on as OBSERVED_SYSCALL. Without the connector (no line of it seen yet) audit tells all it can.
 *
 * Order. Audit stamps an event with the coarse clock at the entry of its system call (kernel/auditsc.c): up to 10 ms
 * before the fork that the connector told in nanoseconds. Sorting by time would put execs before their forks. So the
 * connector's stream is the backbone: for one process it is in the order of what happened, and a fork stands before
 * all of its child. It is held at each exec until audit's event of that exec has come, which then stands in its place
 * and takes its time. Other audit events of a process go before its own next exec or exit in what is held, or else to
 * the end; with nothing held they pass at once.
 *      The kernel sends the connector's message before the exec returns, and audit's records when it does. The source
 * therefore reads audit first, then empties the connector, and queues the connector's messages before the audit ones:
 * so audit's event finds the connector's there, and is seldom copied.
 *      A full backlog lets an exec wait in the kernel (audit_log_start, kernel/audit.c) behind others that came later,
 * for seconds. But its process does nothing before audit has it all. So an exec has no hope of audit's part any more
 * once its process did something else and audit told of what came after that; or when audit is silent for `hold_ns`
 * (while we listened), or tells what is 2 s younger than the exec, or after ten times `hold_ns`; or for want of room:
 * `held_max` events, `held_bytes_max`. It then goes out with pid and time only (`alone`), and if audit's event comes
 * afterwards all the same, it is handed out with `late`, COMPLETES_EXEC and the time of that exec. Times handed out do
 * not run backwards by less than the coarse clock's error: they are lifted to the last one.
 *
 * Fork and exit by audit alone. The number that clone returned is the child's in its parent's pid namespace. `resolve`
 * finds it in /proc; a replay has none, and what cannot be resolved waits (2 s, at most 1024) for an event of a child
 * with that parent. */
#pragma once

#include "modules/watch/source/audit_observe.h"
#include "modules/watch/source/connector_raw.h"

enum { AUDIT_JOIN_HELD_MAX = 1 << 15, AUDIT_JOIN_UNRESOLVED_MAX = 1024 };

struct audit_join;

struct audit_join_options {
        enum source_kind source;
        const struct audit_assembler_options *assembler; /* NULL: the defaults */
        int64_t hold_ns;                                 /* 0 = 500 ms */
        size_t held_max;                                 /* events; 0 = AUDIT_JOIN_HELD_MAX, the most */
        size_t held_bytes_max;                           /* of copies; 0 = 8 MiB */
        /* The child's pid as we see it; 0: not found, -1: a thread, no process. NULL: told as the parent saw it. */
        pid_t (*resolve)(void *cookie, pid_t parent, pid_t told, bool perhaps_thread);
        void *resolve_cookie;
};

struct audit_join_counters {
        struct audit_decoder_counters decoder;
        uint64_t connector_events;
        uint64_t joined; /* execs told by both */
        uint64_t alone;  /* execs that only the connector told in time */
        uint64_t late;   /* audit's part of those, afterwards */
        uint64_t copied; /* audit events that had to be kept */
        uint64_t held;   /* now */
        uint64_t held_high;
        uint64_t refused;      /* malformed, or for want of room */
        uint64_t unresolved;   /* forks whose child was never found */
        uint64_t lost[LOSSES]; /* as told by RAW_LOSS */
};

struct audit_join *audit_join_new(const struct audit_join_options *options, struct error *err);
void audit_join_free(struct audit_join *join);

/* A raw message as it lies in the queue: two bytes of type, then an audit record's text, or a whole raw_connector or
 * raw_loss of that type. */
void audit_join_feed(struct audit_join *join, struct sv raw, int64_t now_ns, observe_fn *observe, void *cookie);
/* A line of a log or of --diag; the lines' own times are the clock. False when it is none. */
bool audit_join_feed_line(struct audit_join *join, struct sv line, observe_fn *observe, void *cookie);
/* now_ns = INT64_MAX: hands out everything. */
void audit_join_tick(struct audit_join *join, int64_t now_ns, observe_fn *observe, void *cookie);
/* Of the lines so far: the newest time, 0 before the first. */
int64_t audit_join_clock(const struct audit_join *join);
void audit_join_count(const struct audit_join *join, struct audit_join_counters *ret);

/* All that was lost. A lost event and its lost records are one loss told twice: the larger number counts. */
static inline uint64_t audit_join_lost(const struct audit_join_counters *counters)
{
        uint64_t records = counters->lost[LOSS_BACKLOG] + counters->lost[LOSS_AUDIT_BUFFER];
        uint64_t events = counters->decoder.assembler.lost;
        return (records > events ? records : events) + counters->lost[LOSS_CONNECTOR_BUFFER] +
               counters->lost[LOSS_CONNECTOR_SEQUENCE];
}
