/* Styles by role: a command says what a text is ("error", "heading"), the theme says how that looks, and the terminal's
 * depth says how much of it is shown. On a stream without colours nothing but the text is written. */
#pragma once

#include "base/buf.h"
#include "base/sv.h"
#include "term/term.h"

enum style_role {
        STYLE_PLAIN,
        STYLE_ERROR,
        STYLE_WARNING,
        STYLE_SUCCESS,
        STYLE_INFO,
        STYLE_HEADING, /* titles and column names */
        STYLE_KEY,     /* names of values */
        STYLE_VALUE,
        STYLE_COMMAND, /* what can be typed */
        STYLE_LINK,
        STYLE_ACCENT,
        STYLE_DIM,
        STYLE_ROLES_MAX
};

extern const char *const style_role_names[]; /* "plain", "error" …, NULL */

enum { STYLE_BOLD = 1, STYLE_FAINT = 2, STYLE_ITALIC = 4, STYLE_UNDERLINE = 8, STYLE_REVERSE = 16, STYLE_STRIKE = 32 };

/* A colour: none, one of the palette, or red, green, blue. */
struct colour {
        enum { COLOUR_UNSET, COLOUR_INDEXED, COLOUR_RGB } kind;
        uint32_t value; /* 0..255, or 0xrrggbb */
};

struct style {
        struct colour foreground, background;
        unsigned attributes; /* STYLE_BOLD | … */
};

struct theme {
        const char *name;
        struct style roles[STYLE_ROLES_MAX];
};

extern const struct theme style_themes[]; /* ended by one without a name; the first is the default */

/* By name; the default for NULL and for a name that there is not. */
const struct theme *theme_find(const char *name);

/* The nearest colour that a terminal of this depth can show; COLOUR_UNSET for COLOUR_NONE. */
struct colour colour_downgrade(struct colour colour, enum colour_depth depth);

/* The start of a style (CSI … m) and its end (CSI 0 m); nothing where the terminal shows none of it. */
void style_begin(struct buf *out, const struct term *term, const struct style *style);
void style_end(struct buf *out, const struct term *term, const struct style *style);

/* A text of any origin in the style of a role: what could steer a terminal is shown escaped. */
void style_put(struct buf *out, const struct term *term, enum style_role role, struct sv text);

/* A template with tags: "<error>no</> <bold>x</>". Names are roles, bold, faint, italic, underline, reverse, strike,
 * "fg=COLOUR" and "bg=COLOUR" with COLOUR 0..255 or #rrggbb; "</>" ends the innermost, "<<" is "<". Tags nest up to
 * STYLE_NEST_MAX. A word that names no style stands as it is. The only conversions are %s (a text of any origin, shown
 * escaped, no tag in it counts) and %%. The template must not come from outside. */
enum { STYLE_NEST_MAX = 8 };
void style_markup(struct buf *out, const struct term *term, const char *template, ...)
        __attribute__((format(printf, 3, 4)));
void style_vmarkup(struct buf *out, const struct term *term, const char *template, va_list args)
        __attribute__((format(printf, 3, 0)));

/* A link (OSC 8) where the terminal knows them, else the text alone. A url that is not http, https, mailto or file is
 * not linked; its bytes outside 0x21..0x7e are percent-encoded. */
void link_put(struct buf *out, const struct term *term, const char *url, struct sv text);
