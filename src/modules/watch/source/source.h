/* A source of observations: where they are received from the kernel (stage 1), and how a raw message becomes
 * observations (stage 2). Between the two stands a bounded queue of raw messages, so that a slow second or third stage
 * never keeps the first from emptying the kernel's buffers. A replayed log enters at the same queue.
 *
 *      kernel ──receive──► queue of raw messages ──decode──► queue of observations ──► look, tree ──► events */
#pragma once

#include "base/error.h"
#include "modules/watch/source/observation.h"
#include "modules/watch/source/queue.h"

struct source;

struct source_options {
        bool read_only;           /* audit: multicast beside another daemon, nothing is changed */
        uint32_t rate, backlog;   /* audit: as auditctl -r and -b; backlog 0 leaves it */
        bool immutable;           /* audit: as auditctl -e 2 */
        const char *const *rules; /* audit: further rules in auditctl's language, NULL-terminated; may be NULL */
        int64_t event_timeout_ns; /* audit: an event without its end is complete after this; 0 = 2 s */
        uint64_t buffer;          /* bytes of the kernel's buffer towards us; 0 = the source's default */
        /* bpf: without changes of credentials and namespaces, ptrace, mounts and eBPF programs. Their hook costs each
         * system call on the machine about 0.1 us (audit: 0.15 to 0.25); exec and exit tell ids all the same */
        bool no_calls;
        /* file for every raw message as text, NULL = none. It replays; lines that are no audit records: connector_raw.h
         */
        const char *diagnostics;
        /* the same lines ("type=SYSCALL msg=audit(…): …"), without the line break; NULL = nobody wants them */
        void (*raw)(void *cookie, struct sv line);
        void *raw_cookie;
        /* says what was found and what is changed, before it is */
        void (*log)(void *cookie, const char *text);
        void *log_cookie;
};

struct source_counters {
        uint64_t received;   /* messages */
        uint64_t assembled;  /* events (audit), or observations */
        uint64_t lost;       /* as counted by the kernel, the socket and gaps in the numbering */
        uint64_t late;       /* came after their event was given up, or out of order */
        uint64_t incomplete; /* execs whose part from audit did not come: told without what only audit knows */
        uint64_t truncated;  /* arguments or records cut */
        uint64_t refused;    /* could not be understood */
        uint64_t in_flight;  /* events begun and not complete */
};

struct source_ops {
        const char *name;
        enum source_kind kind;
        /* -1 with E_PERMISSION, E_UNSUPPORTED or E_UNAVAILABLE (somebody else is the daemon) and a text that says what
         * would help; `auto` then tries the next. Blocks only for the kernel's own answers. */
        int (*open)(const struct source_options *options, struct source **ret, struct error *err);
        /* Undoes exactly what open did (rules, enabled flag, registration). NULL is fine. */
        void (*close)(struct source *source);
        /* At most `max` fds to wait for (readable); their number. */
        int (*fds)(const struct source *source, int *ret, int max);
        /* Empties the kernel's buffers into the queue, at most about 1 MiB; true when there may be more. What the queue
         * refuses it counts itself. */
        bool (*receive)(struct source *source, struct queue *raw);
        /* One raw message, as receive queued it. */
        void (*decode)(struct source *source, struct sv raw, int64_t now_ns, observe_fn *observe, void *cookie);
        /* Called about every 100 ms of the clock (the log's clock in replay), unless raw messages wait for decode, and
         * with now_ns = INT64_MAX at the end:
         * time-outs of the assembler, loss counters of the kernel. */
        void (*tick)(struct source *source, int64_t now_ns, observe_fn *observe, void *cookie);
        void (*count)(const struct source *source, struct source_counters *ret);
};

extern const struct source_ops source_audit, source_bpf, source_connector;
