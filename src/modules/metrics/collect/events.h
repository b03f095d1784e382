/* What happened to containers, the newest of each kind: a log of packed records, bounded by age, count and bytes. */
#pragma once

#include "modules/metrics/collect/registry.h"

enum {
        EVENT_LOG_BLOCK = 4096,
        EVENT_LOG_BYTES_MAX = 4 << 20, /* of one kind: the oldest go, counted */
        EVENT_TEXT_MAX = 512,          /* bytes of a process' name or command line; longer is cut */
        EVENT_RECORD_MAX = 3 * EVENT_TEXT_MAX + 4096 + 512
};

struct event_block;

struct event_log {
        struct event_block *oldest, *newest;
        size_t count, bytes;
};

struct event_store {
        struct event_log logs[EVENT_KINDS];
        uint64_t next_id, dropped; /* dropped: by count or bytes, not by age */
        const struct metrics_options *options;
};

void event_store_init(struct event_store *store, const struct metrics_options *options);
void event_store_done(struct event_store *store);
/* Numbers the event (event->id) and keeps a copy; one that is too old already is not kept. now_ns: Unix. */
int event_store_add(struct event_store *store, struct container_event *event, int64_t now_ns, struct error *err);
/* As registry_events. */
int event_store_ask(const struct event_store *store, const struct event_query *query, int64_t now_ns,
        int (*each)(const struct container_event *event, void *cookie), void *cookie);
