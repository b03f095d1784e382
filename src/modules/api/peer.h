/* Requests over one link (module/link.h), seen from `api`: to the agent, or to a persistent module. Each is an exchange
 * on a stream of its own. */
#pragma once

#include "module/link.h"

struct peer;
struct exchange;

enum {
        PEER_OUT_MAX = 48 << 20, /* bytes that the other end did not take yet */
        PEER_EXCHANGES_MAX = 1024,
        PEER_OWED_MIN = 16 << 10, /* credit is granted in portions of at least this much */
};

struct exchange_events {
        /* One frame of this stream. The exchange may be closed in it. */
        void (*on_frame)(struct exchange *exchange, const struct frame_header *header, struct sv payload);
        /* The other end is gone; the exchange is closed already. */
        void (*on_gone)(struct exchange *exchange);
};

struct exchange { /* zero: closed */
        struct peer *peer;
        const struct exchange_events *events;
        void *cookie;
        uint16_t stream;
        size_t owed; /* payload bytes that came and were not yet granted again */
};

struct peer_options {
        void (*on_message)(struct peer *peer, struct sv payload, void *cookie); /* stream 0; may be NULL */
        void (*on_gone)(struct peer *peer, void *cookie);                       /* once; peer_free is allowed in it */
        void *cookie;
};

/* Takes fd, also on failure. */
struct peer *peer_new(struct loop *loop, int fd, const struct peer_options *options, struct error *err);
/* Open exchanges hear on_gone. Allowed in callbacks. NULL is fine. */
void peer_free(struct peer *peer);

/* In on_message: the fd that was attached to it, or -1. The caller's then. */
int peer_take_fd(struct peer *peer);

int exchange_open(struct exchange *exchange, struct peer *peer, const struct exchange_events *events, void *cookie,
        struct error *err);
/* fd: a copy goes with the frame's first byte; -1 = none. -1 when the other end does not read. */
int exchange_send(struct exchange *exchange, enum frame_type type, struct sv payload, int fd, struct error *err);
/* What came was passed on: grants it again, in portions. */
void exchange_credit(struct exchange *exchange);
/* cancel: tells the other end. Closed already is fine. */
void exchange_close(struct exchange *exchange, bool cancel);
