/* A socket that carries frames (module/wire.h) on the loop, both ways, with fds attached to frames. It never blocks:
 * what the peer does not take waits, up to a ceiling. */
#pragma once

#include "loop/loop.h"
#include "module/wire.h"

struct link;

/* One frame came. -1 ends the link (the peer broke the protocol). */
typedef int link_frame_fn(struct link *link, const struct frame_header *header, struct sv payload, void *cookie);
/* The peer is gone, or was ended for a wrong frame (why != NULL). Called once; the link may be freed in it. */
typedef void link_gone_fn(struct link *link, const struct error *why, void *cookie);
/* Everything queued was sent. */
typedef void link_drained_fn(struct link *link, void *cookie);

enum {
        LINK_FDS_MAX = 64,      /* received and not yet taken; waiting to be sent */
        LINK_OUT_MAX = 16 << 20 /* default ceiling on bytes that wait to be sent */
};

struct link_options {
        link_frame_fn *on_frame;
        link_gone_fn *on_gone;
        link_drained_fn *on_drained; /* may be NULL */
        void *cookie;
        size_t frame_max;      /* longer ones end the link */
        size_t out_max;        /* 0: LINK_OUT_MAX */
        bool refuse_when_full; /* a frame for which there is no room is refused, and the link stays whole */
};

/* Takes fd on success. */
struct link *link_new(struct loop *loop, int fd, const struct link_options *options, struct error *err);
/* Closes the socket. Allowed in a callback of the link. NULL is fine. */
void link_free(struct link *link);

/* Queues one frame. -1 when the queue is full (or no memory, no fd is left): without refuse_when_full the link is then
 * broken and ends by itself. E_UNAVAILABLE: gone or full. */
int link_send(struct link *link, enum frame_type type, uint16_t stream, struct sv payload);
/* With a copy of fd; -1: none. */
int link_send_fd(
        struct link *link, enum frame_type type, uint16_t stream, struct sv payload, int fd, struct error *err);

/* Hands out what a peer that is gone has sent before its end; on_gone is called for a wrong frame only. */
void link_drain(struct link *link);

size_t link_queued(const struct link *link);
int link_fd(const struct link *link);

/* In on_frame: the fd that was attached to this frame's first byte, or -1. The caller's then. What no frame took is
 * closed. */
int link_take_fd(struct link *link);
