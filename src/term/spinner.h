/* A spinner for work whose length nobody knows. It shows itself on a terminal only, 300 ms after the work began: what
 * is done sooner is not worth a flicker. */
#pragma once

#include "term/style.h"

struct spinner_set {
        const char *name;
        const char *const *frames; /* NULL-terminated */
        unsigned interval_ms;
        bool ascii;
};

extern const struct spinner_set spinner_sets[]; /* ended by one without a name; the first two are the defaults: for
                                                 * UTF-8 and for ASCII */

/* By name; the default of the terminal for NULL, for an unknown name and for one whose letters it does not have. */
const struct spinner_set *spinner_find(const struct term *term, const char *name);

enum { SPINNER_DELAY_MS = 300, SPINNER_TEXT_MAX = 128 };

struct spinner {
        const struct term *term;
        const struct spinner_set *set;
        enum style_role role; /* of the frames */
        char prefix[SPINNER_TEXT_MAX];
        char suffix[SPINNER_TEXT_MAX];
        int64_t started_ns;
        bool shown;
        bool ended;
};

/* prefix and suffix may be NULL; they are copied, and shown escaped. */
void spinner_init(struct spinner *spinner, const struct term *term, const char *set, enum style_role role,
        const char *prefix, const char *suffix, int64_t now_ns);
/* What stands behind the frames from the next drawing on. */
void spinner_suffix(struct spinner *spinner, const char *suffix);
/* When the next drawing is due, in ns from now; -1: never (no terminal, or ended). */
int64_t spinner_due_ns(const struct spinner *spinner, int64_t now_ns);
/* Appends the drawing of this moment; nothing before its time. */
void spinner_draw(struct spinner *spinner, int64_t now_ns, struct buf *out);
/* Appends what takes it off the terminal. It does not come again. */
void spinner_end(struct spinner *spinner, struct buf *out);
