/* What a text is, and how that looks: roles are named here, the themes say their colours, and the depth of the terminal
 * says how much of it is left. In `mono` (and where a terminal has no colours) a role differs by attributes alone. */
#pragma once

#include "base/error.h"
#include "term/style.h"

/*        name               meaning */
#define TUI_ROLES(X)                                                                                                   \
        X(TEXT, "text")                                                                                                \
        X(DIM, "dim")       /* what matters less: units, idle rows, absent values */                                   \
        X(STRONG, "strong") /* a figure or a name to be seen first */                                                  \
        X(TITLE, "title")   /* the line at the top */                                                                  \
        X(TAB, "tab")                                                                                                  \
        X(TAB_ACTIVE, "tab-active")                                                                                    \
        X(HEADER, "header") /* names of columns */                                                                     \
        X(HEADER_SORT, "header-sort")                                                                                  \
        X(SELECTED, "selected") /* ground of the selected row */                                                       \
        X(MARKED, "marked")                                                                                            \
        X(STATUS, "status") /* the line at the bottom */                                                               \
        X(KEY, "key")       /* a key in a line of hints */                                                             \
        X(INPUT, "input")   /* what is being typed */                                                                  \
        X(MATCH, "match")   /* the filter that is on */                                                                \
        X(BORDER, "border")                                                                                            \
        X(DIALOG, "dialog") /* ground of a dialog */                                                                   \
        X(BUTTON, "button") /* ground of the chosen button */                                                          \
        X(LABEL, "label")   /* the name of a value */                                                                  \
        X(VALUE, "value")                                                                                              \
        X(TREE, "tree") /* lines of a tree */                                                                          \
        X(NEW, "new")   /* came since the last picture */                                                              \
        X(GONE, "gone")                                                                                                \
        X(SUCCESS, "success")                                                                                          \
        X(INFO, "info")                                                                                                \
        X(WARNING, "warning")                                                                                          \
        X(ERROR, "error")                                                                                              \
        X(GAUGE_LOW, "gauge-low")                                                                                      \
        X(GAUGE_MIDDLE, "gauge-middle")                                                                                \
        X(GAUGE_HIGH, "gauge-high")                                                                                    \
        X(GAUGE_EMPTY, "gauge-empty")                                                                                  \
        X(SERIES_1, "series-1") /* CPU */                                                                              \
        X(SERIES_2, "series-2") /* memory */                                                                           \
        X(SERIES_3, "series-3") /* network */                                                                          \
        X(SERIES_4, "series-4") /* disks */                                                                            \
        X(SEVERITY_LOW, "severity-low")                                                                                \
        X(SEVERITY_MEDIUM, "severity-medium")                                                                          \
        X(SEVERITY_HIGH, "severity-high")                                                                              \
        X(SEVERITY_CRITICAL, "severity-critical")

enum tui_role {
#define X(name, text) ROLE_##name,
        TUI_ROLES(X)
#undef X
                ROLES_MAX
};

extern const char *const tui_role_names[]; /* "text" …, NULL */

struct tui_theme {
        const char *name;
        struct style roles[ROLES_MAX];
};

/* dark, light, high-contrast, mono; ended by one without a name. */
extern const struct tui_theme tui_themes[];
const struct tui_theme *tui_theme_find(struct sv name); /* NULL when there is none */

/* How a canvas is shown: the theme, the colours, and the letters that may be drawn. */
struct look {
        const struct tui_theme *theme;
        enum colour_depth depth; /* COLOUR_NONE: the theme mono, whatever .theme says */
        bool utf8;               /* else ASCII only */
        bool braille;            /* graphs in braille, else in blocks; without utf8 in ASCII */
};

/* name NULL: TARSIER_THEME where it names a theme of this list, else dark. Depth and letters are those of the terminal,
 * ascii leaves ASCII. The linux console has no braille: graphs are in blocks there. */
int look_decide(const struct term *term, const char *name, bool ascii, struct look *ret, struct error *err);

/* The style of a role on the ground of another (ROLE_TEXT: none) with further attributes, as far as the look shows it.
 */
struct style look_style(const struct look *look, enum tui_role role, enum tui_role ground, unsigned attributes);

/* GAUGE_LOW below 0.6, GAUGE_MIDDLE below 0.85, else GAUGE_HIGH. */
enum tui_role role_of_share(double share);
