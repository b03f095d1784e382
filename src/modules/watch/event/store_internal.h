/* The writer of the store as store.c (writing, packing, limits) and store_open.c (opening, recovery) share it. */
#pragma once

#include "base/buf.h"
#include "base/vec.h"
#include "modules/watch/event/store.h"
#include "modules/watch/event/store_format.h"
#include "modules/watch/event/store_pack.h"

struct stored_file {
        uint64_t number;
        uint64_t bytes, events;
        int64_t time_max;
        bool packed;
};

struct event_store {
        struct event_store_options options;
        int directory, lock, tail;
        VEC(struct stored_file) files; /* oldest first; the last is the tail */
        uint64_t next_id;
        int64_t tail_begun_ns;
        struct buf batch; /* whole records */
        struct store_summary batch_summary;
        int64_t batch_since_ns, retry_ns, retain_ns, pack_retry_ns;
        struct buf scratch; /* the JSON of an event that is dropped */
        uint64_t lost_untold;
        struct store_pack *pack;
        struct event_store_counters counters;
        struct error trouble;
        bool in_trouble;
};

static inline struct stored_file *store_tail(struct event_store *store)
{
        return &store->files.items[store->files.count - 1];
}

/* Makes the directory and takes the writer's lock. */
int store_open_directory(struct event_store *store, struct error *err);
/* Takes in what is there, tidies up after a writer that was killed, and goes on in its tail or begins one. */
int store_open_files(struct event_store *store, int64_t now_ns, struct error *err);
/* Makes tail `number` and writes to it from now on. */
int store_begin_tail(struct event_store *store, uint64_t number, int64_t now_ns, struct error *err);
