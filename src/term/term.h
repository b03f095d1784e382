/* A terminal as one stream sees it: may it be coloured and how richly, how wide is it, which letters and links does it
 * know. Decided once per stream from flags, environment and the file descriptor; nothing is asked of the terminal, so
 * nothing can hang. Sequences are ECMA-48's: no terminal database is needed. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum colour_wish { COLOUR_AUTO, COLOUR_ALWAYS, COLOUR_NEVER, COLOUR_WISHES_MAX };

extern const char *const colour_wish_names[]; /* "auto", "always", "never", NULL */

enum colour_depth { COLOUR_NONE, COLOUR_16, COLOUR_256, COLOUR_TRUE };

struct theme;

struct term {
        int fd;
        bool tty;
        bool cursor; /* lines can be drawn again: a terminal that is not dumb */
        bool utf8;   /* else only ASCII is drawn */
        bool links;  /* known to show OSC 8 links */
        enum colour_depth depth;
        unsigned width; /* columns; 0 = no terminal: nothing is cut */
        unsigned height;
        const struct theme *theme;
};

/* Where variables come from: getenv() in a program, a table in a test. NULL: not set. */
typedef const char *term_getenv_fn(const char *name, void *cookie);

/* How many colours a stream may have. The first rule that speaks decides: wish (--color), NO_COLOR (set and not empty,
 * https://no-color.org), CLICOLOR_FORCE or FORCE_COLOR (set, neither empty nor 0), CLICOLOR=0, TERM empty or dumb, is
 * it a terminal. */
enum colour_depth colour_decide(enum colour_wish wish, bool tty, term_getenv_fn *get, void *cookie);

/* Does this environment name a terminal that shows OSC 8 links? FORCE_HYPERLINK decides where it is set. */
bool term_knows_links(bool tty, term_getenv_fn *get, void *cookie);

/* LC_ALL, LC_CTYPE, LANG: the first that is set and not empty. */
bool term_knows_utf8(term_getenv_fn *get, void *cookie);

/* The terminal of fd in the environment of this process. COLUMNS replaces the width where the terminal tells none. */
void term_open(struct term *ret, int fd, enum colour_wish wish);

/* Passes a wish on to the programs that this one starts: NO_COLOR or CLICOLOR_FORCE in the environment. */
void colour_pass_on(enum colour_wish wish);
