/* Puts events together from audit records. The records of one event share time and serial, those of several events
 * interleave; an event ends with EOE. Pure: no I/O, no clock but what the caller gives (a log's clock in replay).
 *
 * When an event is complete:
 *   - at EOE (1320);
 *   - at PROCTITLE (1327), as long as the stream has shown no EOE: auditd's log holds none. Current kernels send
 *     PROCTITLE right before EOE, so that nothing of the event can follow but the EOE, which is then swallowed;
 *   - at once, for types that have no end: messages of user space (1100..1299, 2100 and above), the kernel's own 2000,
 *     ANOM_ABEND, SECCOMP, and what auditd writes itself;
 *   - after the time-out. Before a SYSCALL (or URINGOP) record was seen the time-out is short, since such an event may
 *     have no end either (AVC from a softirq, BPF unload, LOGIN without audit rules).
 *
 * Order. Records of one system call are sent by its task at its end, so the events of one task complete in the order in
 * which they happened; between tasks the kernel promises nothing, a child's exec may stand before its parent's fork.
 * The process tree therefore copes with any order between tasks, and needs nothing but the order in a task. So events
 * are handed out as they complete, and one that lacks its end keeps none of the others waiting.
 * With `in_order` they are handed out by serial, and wait for those before them, up to in_flight_max of them.
 *
 * Loss is judged by serials (sequence.h), except for records of auditd itself (1200..1299), which have their own. */
#pragma once

#include "base/error.h"
#include "lib/audit/record.h"
#include "lib/audit/sequence.h"

struct audit_assembler;

struct audit_assembler_options {
        bool in_order;
        int64_t timeout_ns;       /* 0 = 2 s */
        int64_t alone_timeout_ns; /* before a SYSCALL record: 0 = 250 ms, at most timeout_ns */
        int64_t hole_delay_ns;    /* a missing serial counts as lost after: 0 = 500 ms */
        size_t in_flight_max;     /* events: 0 = 1024; beyond it the oldest is given up */
        size_t records_max;       /* an event: 0 = 256; more are refused */
        size_t event_bytes_max;   /* text of an event: 0 = 1 MiB; more is refused */
        size_t bytes_max;         /* text of all: 0 = 4 MiB; beyond it the oldest is given up */
};

struct audit_assembler_counters {
        uint64_t records;        /* taken in, EOE too */
        uint64_t events;         /* handed out */
        uint64_t lost;           /* serials never seen */
        uint64_t restarts;       /* the kernel's count began anew */
        uint64_t late;           /* records of events that had been given up, and events of serials counted as lost */
        uint64_t timed_out;      /* events handed out for want of their end */
        uint64_t evicted;        /* events given up for want of room */
        uint64_t refused;        /* records beyond a ceiling, or for want of memory */
        uint64_t in_flight;      /* events, now */
        uint64_t in_flight_high; /* the most at a time */
        uint64_t bytes;          /* of text, now */
        uint64_t memory;         /* bytes allocated */
};

struct audit_event_record {
        uint32_t type;
        struct sv body; /* behind the header */
};

/* Lives until the call that hands it over returns. */
struct audit_event {
        uint32_t serial;
        int64_t time_ns;                          /* since 1970 */
        const struct audit_event_record *records; /* in order of arrival, without EOE */
        size_t count;                             /* > 0 */
        bool ended;     /* with its end, or of a type that has none; else timed out or given up */
        bool truncated; /* records were refused */
        bool late;      /* the serial had been counted as lost; or given up, and later events were handed out before */
};

typedef void audit_event_fn(const struct audit_event *event, void *cookie);

struct audit_assembler *audit_assembler_new(const struct audit_assembler_options *options, struct error *err);
void audit_assembler_free(struct audit_assembler *assembler);

/* One record; hands out what is complete by it. now_ns must not be of another clock than in the other calls; when it
 * runs backwards it counts as standing still. The record's texts are copied. */
void audit_assembler_feed(struct audit_assembler *assembler, const struct audit_record *record, int64_t now_ns,
        audit_event_fn *take, void *cookie);

/* Time has come to now_ns: hands out what has timed out. INT64_MAX hands out everything; the clock begins anew. */
void audit_assembler_tick(struct audit_assembler *assembler, int64_t now_ns, audit_event_fn *take, void *cookie);

void audit_assembler_count(const struct audit_assembler *assembler, struct audit_assembler_counters *ret);
