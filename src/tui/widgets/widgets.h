/* Small pictures: sparkline, gauge, tabs, rows of labels. Each draws into an area and keeps nothing. */
#pragma once

#include "tui/model/history.h"
#include "tui/screen.h"

/* The latest values at the right edge. In braille two values and four heights a cell and row, in blocks one value and
 * eight heights, in ASCII one value of " .:-=+*#". max 0: the largest of what is shown. Not a number: a gap. */
void sparkline_draw(struct area area, enum tui_role role, const struct history *history, double max);

/* A bar of the area's first line with text on it: "CPU [||||    12 %]" is label, bar, text. Role by the share. */
void gauge_draw(struct area area, struct sv label, double share, struct sv text);
/* The bar alone, of several shares one after the other (user, system, …), each in its role. */
void gauge_bar(struct area area, const double *shares, const enum tui_role *roles, size_t count);

/* Tabs in the area's first line; returns nothing, tab_at tells which one a click hit (-1: none). */
void tabs_draw(struct area area, const char *const *titles, size_t count, size_t active);
int tabs_at(struct area area, const char *const *titles, size_t count, size_t active, int column);

/* "label  value" from row on; labels have `width` columns. Returns the next row. */
int pair_draw(struct area area, int row, int width, const char *label, enum tui_role role, struct sv value);

/* Short forms that fit a column: "1.2G" (bytes in powers of 1024), "12.3k" (counts), "3d04h" "12:34" (durations). ret
 * has SHORT_TEXT_MAX bytes. */
enum { SHORT_TEXT_MAX = 24 };
void short_bytes(double bytes, char *ret);
void short_count(double count, char *ret);
void short_duration(int64_t duration_ns, char *ret);
