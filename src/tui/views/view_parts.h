/* What the views share: figures as people read them, cells of grids, blocks of facts, and what stands where nothing is
 * to be shown. */
#pragma once

#include "tui/model/model.h"
#include "tui/view.h"
#include "tui/widgets/widgets.h"

/* Appended; "-" for what is not known. */
void put_bytes(struct buf *out, double bytes);             /* "1.2 GiB", powers of 1024 */
void put_rate(struct buf *out, double bytes);              /* "340 kB/s", powers of 1000 */
void put_count(struct buf *out, double count);             /* "12", "1.2k", "34M" */
void put_fixed(struct buf *out, double value, int digits); /* "2.41" */
void put_percent(struct buf *out, double share);           /* 0.123: "12.3", 1: "100" */
void put_duration(struct buf *out, double ns);             /* "3d04h", "12:34" */
void put_clock(struct buf *out, int64_t unix_ns);          /* "08:27:04", local time */
void put_text(struct buf *out, const char *text);          /* "-" for NULL */

/* The same as the text of a cell; what is nothing or not known is dim. */
void cell_bytes(struct grid_cell *cell, double bytes);
void cell_rate(struct grid_cell *cell, double bytes);
void cell_count(struct grid_cell *cell, double count);
void cell_cpu(struct grid_cell *cell, double cpus, double whole); /* % of one CPU; role by its share of `whole` */
void cell_text(struct grid_cell *cell, const char *text);

/* Orders figures; what is not known is the least. */
int compare_numbers(double a, double b);
int compare_texts(const char *a, const char *b);

#define COMPARE_NUMBER(name, type, member)                                                                             \
        static int name(const void *a, const void *b, void *cookie)                                                    \
        {                                                                                                              \
                (void)cookie;                                                                                          \
                return compare_numbers(((const struct type *)a)->member, ((const struct type *)b)->member);            \
        }                                                                                                              \
        struct swallow_semicolon_
#define COMPARE_TEXT(name, type, member)                                                                               \
        static int name(const void *a, const void *b, void *cookie)                                                    \
        {                                                                                                              \
                (void)cookie;                                                                                          \
                return compare_texts(((const struct type *)a)->member, ((const struct type *)b)->member);              \
        }                                                                                                              \
        struct swallow_semicolon_

/* A block of labels and values, in as many columns as fit. */
#define RATE_LEAST 10e3 /* bytes a second: sparklines of less are flat */

enum { FACTS_MAX = 40, FACTS_LABEL = 10, FACTS_WIDTH = 36 };
struct facts {
        struct buf text; /* all values, each ended by NUL */
        struct {
                const char *label;
                size_t at;
                enum tui_role role;
        } items[FACTS_MAX];
        size_t count;
};
void facts_init(struct facts *facts);
void facts_done(struct facts *facts);
/* Begins a fact: its value is appended to the buffer that comes back. */
struct buf *facts_add(struct facts *facts, const char *label);
void facts_add_text(struct facts *facts, const char *label, const char *text); /* left out when NULL */
void facts_role(struct facts *facts, enum tui_role role);                      /* of the last one */
/* Draws them from the area's top; returns the rows taken. */
int facts_draw(struct area area, struct facts *facts);
int facts_rows(const struct facts *facts, int columns);

/* "CPU   12.3 %  ▁▂▃▅▆": label, figure and a sparkline over `rows` lines. */
void trend_draw(struct area area, const char *label, enum tui_role role, const struct history *history, double max,
        struct sv figure);

/* A line with a title that separates parts; returns what lies below it. active: its list has the keys. */
struct area part_title(struct area area, const char *title, const char *note, bool active);

/* Where a list was drawn last, so that a click finds it. */
struct spot {
        struct grid *grid;
        struct area area;
};
/* Draws a grid, or why it has no rows: `none` without a filter. */
void spot_draw(struct spot *spot, struct grid *grid, struct area area, const char *none);
/* Hands a click or the wheel to the list it hit: 0 none of it; 1 selected; 2 to be opened. */
int spot_mouse(const struct spot *spot, const struct mouse *mouse);

/* "sh -c id", or "sed: write /etc/passwd" */
void put_event_text(struct buf *out, const struct event *event);

/* The latest events, a line each, newest first; of one container only where it is given. Returns how many there were.
 */
int draw_events(struct area area, const struct model *model, const struct container_row *container);
enum { EVENT_KIND = 11 }; /* columns of an event's type there, and of a severity beside it */
/* A name, cut where it is longer; the columns taken. */
int draw_short(struct area area, int row, int column, int most, const char *name);

/* The middle of an empty page: what is missing, and what to do about it (may be NULL). */
void draw_nothing(struct area area, enum tui_role role, const char *what, const char *why);

/* While the feed has told nothing yet: says so, and returns true. */
bool draw_waiting(struct top *top, struct area area);

/* Tells the user what became of the last action, once. */
void say_answer(struct top *top);

/* The value of "container=/x" for "container"; NULL where the argument is something else. */
const char *argument_value(const char *argument, const char *name);

enum tui_role role_of_severity(enum severity severity);
enum tui_role role_of_pressure(double percent); /* PSI avg10 */
