/* What a source of data tells: texts, so that they can be written to a file as they come and be played again
 * (--record, --replay), and so that a model is fed by tests as by an agent. */
#pragma once

#include "base/sv.h"

/* One element of a source. `source` is "feed" (docs/modules/metrics-feed.md; event is the kind: "host", "process",
 * "tick" …), "events" (an event of watch), "alerts" ("alert", "changed"), "state" (event "up", "down" and
 * "unsupported": what became of a source; data {"source":NAME,"error":TEXT}), and others that the model knows. */
struct source_message {
        const char *source;
        const char *event;
        struct sv json;  /* one value, as it came; valid during the call */
        int64_t unix_ns; /* when it came */
};

/* Where sources put what they have. Called on the loop's thread. */
struct source_sink {
        void (*put)(const struct source_message *message, void *cookie);
        void *cookie;
};
