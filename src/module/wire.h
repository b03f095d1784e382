/* Frames on the socket between a worker and its parent, and between `api` and a persistent module. Native byte order:
 * both ends are one build (the handshake carries its id). Every length is checked; a wrong frame ends the connection.
 *
 *      struct frame_header, then `length` bytes
 *
 * A one-shot run is stream 0. A persistent module serves queries on streams the agent chooses (1, 2, …). */
#pragma once

#include "base/buf.h"
#include "base/error.h"
#include "base/sv.h"

#include <stdint.h>

enum frame_type {
        FRAME_MESSAGE = 1, /* both ways: JSON {"class": …, "parameters": …}, the contract's messages (message.h) */
        FRAME_LABEL = 2,   /* from the worker: a label that exists even without rows; u8 flags, label */
        FRAME_ROW = 3,     /* u16 length of label, label, JSON of one element */
        FRAME_STATISTICS = 4, /* JSON */
        FRAME_ERROR = 5,      /* text of a soft or hard error */
        FRAME_SKIPPED = 6,    /* JSON {"path": …, "reason": …} */
        FRAME_DONE = 7,       /* JSON {"foundanything", "success", "code", "partial", "cursor"}: the run is over */
        FRAME_ASK = 8, /* to a persistent module: u16 length of a module's name, the name, the message of its query */

        /* HTTP through a persistent module (service.h); payloads other than REQUEST and HEAD are opaque bytes */
        FRAME_REQUEST = 16, /* to the module: JSON {"method","path","query","headers","credential"} */
        FRAME_BODY = 17,    /* to the module: bytes of the request's body; empty: the end of it */
        FRAME_HEAD = 18,    /* from the module: JSON {"status","headers"} */
        FRAME_DATA = 19,    /* from the module: bytes of the answer's body, within the credit */
        FRAME_END = 20,     /* from the module: the answer is complete */
        FRAME_CANCEL = 21,  /* to the module: the client went away */
        FRAME_CREDIT = 22,  /* to the module: u32, so many more DATA bytes may be sent on this stream */
};

struct frame_header {
        uint32_t length;
        uint16_t type;
        uint16_t stream;
};

enum {
        FRAME_LENGTH_MAX = (8 << 20) + 4096, /* one message is at most 8 MiB */
        FRAME_CREDIT_WINDOW = 64 << 10,
        LABEL_MAX = 4096,
        LABEL_SEPARATOR = '\x1f', /* between the two levels of SHAPE_GROUPS labels */
};

enum label_flags { LABEL_NULL = 1 << 0 /* null instead of [] when it has no rows */ };

/* Appends one frame. -1 when `out` is full (its ceiling) or a part is too long. */
int frame_append(struct buf *out, enum frame_type type, uint16_t stream, struct sv payload);
int frame_append_row(struct buf *out, uint16_t stream, struct sv label, struct sv json);
int frame_append_label(struct buf *out, uint16_t stream, struct sv label, unsigned flags);

/* Takes one frame off the front of `input`: 1 and *ret_header, *ret_payload (views into input, valid until buf_consume
 * of *ret_size bytes), 0 when more bytes are needed, -1 for a frame that cannot be. */
int frame_next(const struct buf *input, size_t at, struct frame_header *ret_header, struct sv *ret_payload,
        size_t *ret_size, struct error *err);

int frame_split_row(struct sv payload, struct sv *ret_label, struct sv *ret_json, struct error *err);
int frame_split_label(struct sv payload, struct sv *ret_label, unsigned *ret_flags, struct error *err);
