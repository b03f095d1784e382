/* Where rendered lines go: datagrams (StatsD) or POST requests (InfluxDB). Nothing here blocks. Datagrams are sent at
 * once or lost; requests wait in a queue with a ceiling, one under way at a time, a connection each. What fails for a
 * time (no connection, no answer, 408, 429, 5xx) is tried again with growing pauses; what is refused (other 4xx) is
 * lost; when the queue is full the oldest batch goes. Every loss is counted.
 *
 * Addresses are resolved by the caller: a locked worker asks no name server. No TLS: put a proxy on loopback in front.
 */
#pragma once

#include "base/sv.h"
#include "loop/loop.h"

#include <sys/socket.h>

enum {
        SENDER_BATCH_MAX = 4 << 20,
        SENDER_QUEUE_MAX = 16 << 20, /* default, bytes */
        SENDER_BATCHES_MAX = 4096
};

struct sender_options {
        const struct sockaddr *address;
        socklen_t address_size;
        /* NULL: datagrams. Else the target of the POST: "/write?db=cadvisor" */
        const char *target;
        const char *host;          /* the header Host */
        const char *authorization; /* the header's value: "Basic …", "Token …"; NULL for none */
        size_t queue_max;          /* 0: SENDER_QUEUE_MAX */
        int64_t timeout_ns;        /* without progress on a request; 0: 10 s */
        int64_t pause_ns;          /* before the second try, then doubled up to 64 times it; 0: 1 s */
};

struct sender_counters {
        uint64_t batches, bytes;           /* delivered; of datagrams: handed to the kernel */
        uint64_t lost_batches, lost_bytes; /* the queue was full, the peer refused them, datagrams failed */
        uint64_t retries;
        size_t waiting, waiting_bytes;
        int last_status;      /* of HTTP; 0: no answer yet */
        char last_error[160]; /* "" for none */
};

struct sender;

/* Texts of the options are copied. */
struct sender *sender_new(struct loop *loop, const struct sender_options *options, struct error *err);
/* What waits is lost. */
void sender_free(struct sender *sender);

/* Another address from the next request or packet on. */
int sender_set_address(
        struct sender *sender, const struct sockaddr *address, socklen_t address_size, struct error *err);

/* Lines with their newlines; copied. -1 when the batch was refused (too large, no memory, queue full of one batch under
 * way), which is counted as lost. */
int sender_put(struct sender *sender, struct sv lines, struct error *err);
void sender_count(const struct sender *sender, struct sender_counters *ret);

/* The status in the first bytes of an HTTP answer: 0 when there are too few yet, -1 when it is none. */
int sender_status(struct sv text);
