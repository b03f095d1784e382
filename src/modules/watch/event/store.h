/* The store of events: append-only files in a directory of the module's own (store_format.h has the layout). One
 * writer; any number of readers in other processes at the same time (scan.h).
 *
 * Events are gathered in memory and written together: `batch_bytes` or `batch_ns` late at most. There is no fsync an
 * event: a power cut loses what the kernel had not written back yet, a crash of the writer loses the batch. Files are
 * rotated by size and age; a full one is packed (zstd, blocks with an index) a block at a time, by the calls of append
 * and tick, and synced before its unpacked form goes. The oldest files go when all are larger than `retain_bytes` or
 * older than `retain_ns`.
 *
 * When the disk refuses (full, quota, error) events wait in the batch; what does not fit there is dropped and counted,
 * and when writing works again a gap event tells how many. Ids go on after a restart; after a crash they leave a step
 * of EVENT_STORE_ID_STEP, so that no id that somebody was shown is given twice. */
#pragma once

#include "base/timefmt.h"
#include "modules/watch/event/event.h"

struct event_store;

#define EVENT_STORE_ID_STEP UINT64_C(100000)

struct event_store_options {
        const char *directory; /* made when it is not there */
        uint64_t rotate_bytes; /* 0 = 8 MiB */
        int64_t rotate_ns;     /* 0 = 1 h */
        uint64_t retain_bytes; /* 0 = 256 MiB */
        int64_t retain_ns;     /* 0 = 7 days */
        uint64_t batch_bytes;  /* 0 = 256 KiB */
        int64_t batch_ns;      /* 0 = 1 s */
        /* told of the gap event that the store wrote of its own accord; may be NULL */
        void (*gap)(const struct event *event, struct sv json, void *cookie);
        void *gap_cookie;
};

struct event_store_counters {
        uint64_t events;     /* appended in this run, those still waiting too */
        uint64_t text_bytes; /* of their JSON */
        uint64_t waiting;    /* events of the batch */
        uint64_t lost;       /* dropped: no room on the disk, or too large */
        uint64_t gaps;       /* gap events written for them */
        uint64_t writes, write_errors, syncs;
        int64_t sync_max_ns; /* the longest wait for the disk */
        uint64_t rotated, packed;
        uint64_t removed_files, removed_events; /* by size or age */
        uint64_t torn_bytes;                    /* cut off at open, or found when packing */
        uint64_t corrupt_files;                 /* that cannot be read, or went away: not in files */
        uint64_t files, bytes;                  /* on disk now */
        uint64_t unpacked_files;                /* of them not packed yet, the tail included */
};

/* Opens or makes the store and takes its lock: E_UNAVAILABLE when another process writes there, E_UNSUPPORTED when a
 * newer version wrote it. now_ns: Unix time, as in all calls here. */
struct event_store *event_store_open(const struct event_store_options *options, int64_t now_ns, struct error *err);
/* Writes what waits, marks the end, syncs. NULL is fine. */
void event_store_close(struct event_store *store);

/* Numbers the event (event->id), writes its JSON and keeps it. *ret_json (may be NULL) is the line without a break,
 * valid until the next call; empty when even that found no memory. false: dropped, and counted in lost. */
bool event_store_append(struct event_store *store, struct event *event, int64_t now_ns, struct sv *ret_json);

/* The id that the next event gets. */
uint64_t event_store_next_id(const struct event_store *store);

/* To be called about every 100 ms: writes a batch that is due, packs one block, removes what is too old. True when
 * there is more to pack now. */
bool event_store_tick(struct event_store *store, int64_t now_ns);

/* Writes what waits; with `sync` also to the disk itself. */
int event_store_flush(struct event_store *store, bool sync, int64_t now_ns, struct error *err);

/* Packs everything but the tail, now; for tests and orderly ends. */
int event_store_pack(struct event_store *store, struct error *err);
/* Begins a new tail now. */
int event_store_rotate(struct event_store *store, int64_t now_ns, struct error *err);

/* The last failure, while it lasts; NULL when all is well. */
const struct error *event_store_trouble(const struct event_store *store);

void event_store_count(const struct event_store *store, struct event_store_counters *ret);
