/* What the agent's watch and a run of it in the foreground share: settings, and the pipeline with what stands behind
 * it: redaction, rules, numbering. */
#pragma once

#include "modules/watch/event/store.h"
#include "modules/watch/pipeline.h"
#include "modules/watch/rules/redact.h"
#include "modules/watch/rules/rules.h"

struct watch_settings {
        int source; /* 0 auto, else 1 + enum source_kind */
        bool read_only, immutable, forks, digests;
        unsigned rate, backlog;
        uint64_t buffer;
        int64_t delete_delay_ns;
        struct string_list rules, redact, audit_rules;
};

extern const char *const watch_source_names[];

/* The fields of watch_settings in the table of T, where it is the member `settings`. */
#define WATCH_SETTINGS(T)                                                                                              \
        FIELD_ENUM(T, settings.source, watch_source_names, .json = "source", .def = "auto",                            \
                .help = "where events come from; auto takes the first that works of bpf, audit and connector"),        \
                FIELD_BOOL(T, settings.read_only, .json = "ro",                                                        \
                        .help = "audit: listen beside another daemon; nothing is changed in the kernel"),              \
                FIELD_UINT(T, settings.rate, .json = "rate", .help = "audit: most records a second, 0 is no limit"),   \
                FIELD_UINT(T, settings.backlog, .json = "backlog", .def = "8192", .min = 0, .max = 1 << 20,            \
                        .help = "audit: records that the kernel keeps for us; 0 leaves it as it is"),                  \
                FIELD_SIZE(T, settings.buffer, .json = "buffer", .max = 64 << 20,                                      \
                        .help = "the kernel's buffer towards us: the ring of eBPF, a socket's; 0 is the default"),     \
                FIELD_BOOL(T, settings.immutable, .json = "immutable",                                                 \
                        .help = "audit: lock the kernel's settings until the next boot"),                              \
                FIELD_BOOL(T, settings.forks, .json = "forks", .help = "events of forks too"),                         \
                FIELD_BOOL(T, settings.digests, .json = "digests",                                                     \
                        .help = "SHA-256 and package of each program that is executed"),                               \
                FIELD_DURATION(T, settings.delete_delay_ns, .json = "delete_delay", .def = "1s",                       \
                        .min = 10 * MILLISECOND, .max = HOUR,                                                          \
                        .help = "how long an ended process is kept for late relatives"),                               \
                FIELD_STRINGS(T, settings.rules, .json = "rules", .metavar = "starter|PATH", .max_items = 64,          \
                        .help = "rules: files, directories, or the starter set"),                                      \
                FIELD_REGEXES(T, settings.redact, .json = "redact", .max_items = 64,                                   \
                        .help = "what else is a secret in a command line; a group is what is replaced"),               \
                FIELD_STRINGS(T, settings.audit_rules, .json = "audit_rules", .metavar = "RULE", .max_items = 1000,    \
                        .help = "audit: further rules, as auditctl takes them (\"-w /etc/passwd -p wa -k passwd\")")

struct watch;

struct watch_sink {
        void (*event)(struct watch *watch, struct event *event); /* numbered, redacted, with the tags of rules */
        void (*alert)(struct watch *watch, const struct rules_hit *hit); /* may be NULL */
        void (*ended)(struct watch *watch, const struct error *err);     /* may be NULL */
        bool (*blocked)(struct watch *watch);                            /* pipeline.h; may be NULL */
        void (*log)(struct watch *watch, const char *text);
        void (*raw)(struct watch *watch, struct sv line); /* NULL = not wanted */
};

struct watch_counters {
        uint64_t events, execs, alerts, killed, redacted;
};

struct watch {
        const struct watch_settings *settings;
        const struct watch_sink *sink;
        void *owner; /* the run or the service */
        struct loop *loop;
        struct pipeline *pipeline;
        struct rules *rules;
        struct redact *redact;
        struct digests *digests;
        int root;
        bool live; /* not a replay */
        uint64_t last_id;
        struct arena scratch; /* of one event */
        struct string_list alerts;
        struct watch_counters counters;
};

struct watch_inputs {
        const char *replay, *record, *diagnostics; /* NULL = none */
};

/* Fills and starts it; settings and sink must live as long. */
int watch_open(struct watch *watch, struct loop *loop, const struct watch_inputs *inputs, struct error *err);
/* The last events come, then everything is closed and the kernel is as before. */
void watch_close(struct watch *watch);

/* The statistics of a run, and of the service's status. */
struct watch_statistics {
        const char *source;
        uint64_t received, assembled, lost, late, incomplete, truncated, refused, in_flight;
        uint64_t raw_depth, raw_depth_high, raw_lost;
        uint64_t queue_depth, queue_depth_high, queue_lost;
        uint64_t events, execs, gaps, alerts, killed, redacted;
        uint64_t processes, containers, repaired, reordered, pid_reused, duplicates, tree_refused, tree_bytes;
        uint64_t reads, vanished;
};
extern const struct record watch_statistics_record;
void watch_count(const struct watch *watch, struct watch_statistics *ret);
