/* A canvas of cells that views draw on, and its two ways out: text (for --once, batches and tests) and, in terminal.h,
 * the terminal. Everything is clipped here: a view that draws outside of its area, at negative places or beyond the
 * edge, draws nothing there. A text of any origin goes through the filter of term/escape.h first, so that no byte of it
 * steers the terminal. */
#pragma once

#include "base/buf.h"
#include "base/error.h"
#include "tui/theme.h"

enum { CANVAS_ROWS_MAX = 500, CANVAS_COLUMNS_MAX = 1000, CELL_TEXT_MAX = 24 };

struct cell {
        char text[CELL_TEXT_MAX]; /* one picture in UTF-8, NUL-terminated; "" is a space, or the right half of a wide
                                     one */
        uint8_t columns;          /* 1; 2: the next cell is its right half; 0: the right half */
        uint8_t role;
        uint8_t ground;
        uint8_t attributes; /* STYLE_BOLD | … */
};

struct canvas {
        struct cell *cells;
        int rows, columns;
        const struct look *look;       /* borrowed; says whether UTF-8 can be drawn */
        int cursor_row, cursor_column; /* where the cursor blinks; -1: hidden */
};

/* A part of a canvas with coordinates of its own. Passed by value. */
struct area {
        struct canvas *canvas;
        int row, column; /* on the canvas */
        int rows, columns;
};

/* Empty; size clamped to 1..CANVAS_…_MAX. */
int canvas_init(struct canvas *canvas, int rows, int columns, const struct look *look, struct error *err);
void canvas_done(struct canvas *canvas);
void canvas_clear(struct canvas *canvas);

static inline void canvas_done_p(struct canvas *canvas)
{
        canvas_done(canvas);
}

struct area canvas_area(struct canvas *canvas);
/* Cut to what lies in area; may have no rows or columns. */
struct area area_part(struct area area, int row, int column, int rows, int columns);
bool area_empty(struct area area);
bool area_utf8(struct area area); /* may other letters than ASCII be drawn? */

/* Draws text from (row, column) to the edge at most and returns its columns (those that lie outside too). What steers a
 * terminal is shown escaped; what the look cannot show becomes '?'. */
int area_text(struct area area, int row, int column, enum tui_role role, struct sv text);
int area_printf(struct area area, int row, int column, enum tui_role role, const char *format, ...)
        __attribute__((format(printf, 5, 6)));

enum align { ALIGN_LEFT, ALIGN_RIGHT, ALIGN_CENTRE };
/* Exactly `width` columns: cut with "…" ("~" in ASCII), or filled with spaces. */
void area_put(struct area area, int row, int column, int width, enum align align, enum tui_role role, struct sv text);
/* `count` times one letter: utf8 where it can be drawn, else ascii. */
void area_repeat(
        struct area area, int row, int column, int count, enum tui_role role, const char *utf8, const char *ascii);
void area_fill(struct area area, enum tui_role role); /* with spaces of that role as ground */
/* Ground and further attributes of what is drawn already. */
void area_paint(struct area area, int row, int column, int width, enum tui_role ground, unsigned attributes);
/* A frame along the edge, with a title in its upper line (may be empty); returns what lies inside. */
struct area area_box(struct area area, enum tui_role role, struct sv title);
void area_cursor(struct area area, int row, int column);

/* The canvas as lines of text: without spaces at their ends, with SGR where styles. */
void canvas_text(const struct canvas *canvas, bool styles, struct buf *out);
