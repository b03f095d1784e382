/* Alerts on their way to `dispatch`. Each is numbered and kept until dispatch says that it has it on disk; when
 * dispatch dies in between, all that it did not acknowledge go to the next one, in their order. The numbers belong to
 * one start of the agent, which a random `sender` names, so that dispatch knows an alert that it has already. */
#pragma once

#include "base/error.h"
#include "base/sv.h"
#include "base/vec.h"

#include <stdint.h>

enum {
        ALERTS_MAX = 8192,
        ALERTS_BYTES_MAX = 8 << 20, /* of messages; all of them fit in the queue of a link (LINK_OUT_MAX) */
};

/* {"class":"alert","parameters":{"message":…,"id":NUMBER,"sender":"16 hex digits"}} */
struct alert_waiting {
        uint64_t number;
        struct sv message; /* owned */
};

struct alert_queue {
        VEC(struct alert_waiting) waiting; /* oldest first */
        size_t bytes;
        uint64_t next;
        uint64_t sender;
};

int alerts_init(struct alert_queue *queue, struct error *err);
void alerts_done(struct alert_queue *queue);

/* The alert as it waits now; NULL when the queue is full. */
const struct alert_waiting *alerts_add(struct alert_queue *queue, const char *text);

/* Forgets all up to number; how many. Of another sender: none. */
size_t alerts_taken(struct alert_queue *queue, uint64_t sender, uint64_t number);
