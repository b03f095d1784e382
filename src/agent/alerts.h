/* Alerts on their way to the modules that take them (`dispatch`, `alerts`). Each is numbered and kept until every
 * receiver says that it has it on disk; when a receiver dies in between, all that it did not acknowledge go to its next
 * process, in their order. The numbers belong to one start of the agent, which a random `sender` names, so that a
 * receiver knows an alert that it has already. */
#pragma once

#include "base/error.h"
#include "base/sv.h"
#include "base/vec.h"

#include <stdint.h>

enum {
        ALERTS_MAX = 8192,
        ALERTS_BYTES_MAX = 8 << 20, /* of messages; all of them fit in the queue of a link (LINK_OUT_MAX) */
        ALERT_RECEIVERS_MAX = 8,
};

/* {"class":"alert","parameters":{"message":…,"id":NUMBER,"sender":"16 hex digits","module":NAME,"time_ns":UNIX}} */
struct alert_waiting {
        uint64_t number;
        struct sv message; /* owned */
};

struct alert_receiver {
        char name[64];
        bool enabled;
        bool leaving;   /* enabled no more; what it was handed before waits until its process has ended */
        uint64_t taken; /* it has all up to this one */
        uint64_t until; /* leaving: those after this one are not for it */
};

struct alert_queue {
        VEC(struct alert_waiting) waiting; /* oldest first */
        struct alert_receiver receivers[ALERT_RECEIVERS_MAX];
        size_t receiver_count;
        size_t bytes;
        uint64_t next;
        uint64_t sender;
        uint64_t skipped; /* alerts that made room although a receiver, far behind another, did not have them */
};

int alerts_init(struct alert_queue *queue, struct error *err);
void alerts_done(struct alert_queue *queue);

/* A module that takes alerts is part of the configuration, or no more. It gets what is added from now on, and, when it
 * comes back before its end, all that it has not acknowledged. One that is no more may still acknowledge what it was
 * handed, until alerts_receiver_ended. -1: more than ALERT_RECEIVERS_MAX names. */
int alerts_receiver(struct alert_queue *queue, const char *name, bool enabled);
/* The process of a receiver has ended for good. Of one that is no more, what waits only for it is forgotten: how many
 * it did not acknowledge, and the first of them in ret_first (may be NULL; "" without one). */
size_t alerts_receiver_ended(struct alert_queue *queue, const char *name, char *ret_first, size_t size);
/* How many of those that wait this receiver did not acknowledge, and the first of them (NULL: none). */
size_t alerts_untaken(
        const struct alert_queue *queue, const struct alert_receiver *receiver, const struct alert_waiting **ret_first);
/* Is there an enabled receiver? And of this name? */
bool alerts_wanted(const struct alert_queue *queue);
const struct alert_receiver *alerts_find(const struct alert_queue *queue, const char *name);

/* The alert as it waits now; NULL when the queue is full. An alert that another receiver has makes room for a new one:
 * who is far behind loses it (skipped), and the others go on. One that nobody has is never given up for a new one. */
const struct alert_waiting *alerts_add(
        struct alert_queue *queue, const char *module, int64_t time_ns, const char *text);

/* This receiver has all up to number: forgets what all have; how many these are. Of another sender, or a number that
 * was not given out yet: none. */
size_t alerts_taken(struct alert_queue *queue, const char *name, uint64_t sender, uint64_t number);
