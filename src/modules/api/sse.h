/* Server-sent events, read as they come (WHATWG HTML, "Interpreting an event stream"): bytes in, events out. The bytes
 * are the network's: an event is bounded. */
#pragma once

#include "base/buf.h"
#include "base/error.h"
#include "base/sv.h"

#include <stdint.h>

enum { SSE_EVENT_MAX = (8 << 20) + (64 << 10), SSE_NAME_MAX = 64 };

struct sse {
        struct buf line;
        struct buf text; /* data lines so far */
        char event[SSE_NAME_MAX];
        bool any;      /* a data line came */
        bool after_cr; /* a line break may be CR LF */
        bool failed;
};

void sse_init(struct sse *sse);
void sse_done(struct sse *sse);

/* Calls on_event("message" when it has no name) for each complete event; -1 from it ends the feeding with -1. -1 with
 * E_TOO_LARGE for an event that is too long: the stream cannot be read on. */
int sse_feed(struct sse *sse, struct sv bytes, int (*on_event)(const char *event, struct sv text, void *cookie),
        void *cookie, struct error *err);
