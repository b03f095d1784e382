/* Packs one finished tail into blocks, a block a call, so that the event loop never waits long for it. */
#pragma once

#include "modules/watch/event/store_format.h"

struct store_pack;

struct store_packed {
        struct store_summary summary;
        uint64_t bytes; /* size of the pack */
        uint64_t torn;  /* bytes at the end of the tail that are no whole record */
        int64_t sync_ns;
};

/* Begins to pack tail `number` of the directory. */
struct store_pack *store_pack_new(int directory, uint64_t number, struct error *err);
/* Without finishing: the unfinished file goes. NULL is fine. */
void store_pack_free(struct store_pack *pack);

/* Packs one block. 1: there is more; 0: the pack is written, synced and in its place, the tail is gone, *ret is filled;
 * -1: failed, nothing has changed. */
int store_pack_step(struct store_pack *pack, struct store_packed *ret, struct error *err);
