/* A table on the screen: rows by reference, columns that give way by priority, sort, selection, marks, filter, scroll,
 * and the shape of a tree. The grid keeps what the user did (by the keys of rows) while the rows come and go. */
#pragma once

#include "tui/input.h"
#include "tui/model/history.h"
#include "tui/screen.h"
#include "tui/widgets/filter.h"

enum {
        GRID_COLUMNS_MAX = 32,
        GRID_ROWS_MAX = 1 << 18,
        GRID_MARKS_MAX = 4096,
        GRID_DEPTH_MAX = 64,
        GRID_CELL_MAX = 4096
};

/* One cell, filled by the column's function. */
struct grid_cell {
        struct buf *text;            /* append; a text of any origin is fine */
        enum tui_role role;          /* ROLE_TEXT at first */
        const struct history *graph; /* set: a sparkline of it up to graph_max instead of text */
        double graph_max;            /* 0: the largest of what is shown */
        double share;                /* >= 0: a gauge of this share instead of text; -1 at first */
};

struct grid_column {
        const char *name;  /* "cpu": --sort, :sort, and `cpu:…` of a filter */
        const char *title; /* "CPU%" */
        const char *help;  /* one line without a full stop */
        int width;         /* columns; the one with 0 takes what is left, at least `least` */
        int least;
        int wish;          /* of the same: columns with a priority give way until it has so many; 0: least */
        int most;          /* of one that takes what is left; 0: as much as there is */
        bool right;        /* numbers */
        bool descending;   /* the way in which it is sorted first: figures are, names are not */
        bool no_match;     /* a plain word of a filter does not look into it */
        bool tree;         /* its cells are indented in a tree */
        unsigned priority; /* 0 is always shown; the highest is left out first where it is narrow */
        void (*cell)(const void *row, void *cookie, struct grid_cell *ret);
        int (*compare)(const void *a, const void *b, void *cookie); /* ascending; NULL: cannot be sorted */
};

struct grid;

/* columns borrowed; cookie goes to their functions. sort: name of the first sort column, NULL: as the rows are added.
 */
struct grid *grid_new(
        const struct grid_column *columns, size_t count, const char *sort, void *cookie, struct error *err);
void grid_free(struct grid *grid);

/* The rows of this moment. row is borrowed until the next grid_begin; key names it in all pictures (0 is none). parent:
 * key of its parent for a tree, 0: none. Rows beyond GRID_ROWS_MAX are counted in grid_refused. */
void grid_begin(struct grid *grid);
void grid_add(struct grid *grid, uint64_t key, uint64_t parent, const void *row);
void grid_end(struct grid *grid); /* filters and sorts; the selection stays on its key, else at its place */

/* Header and rows; scrolls so that the selection is seen. */
void grid_draw(struct grid *grid, struct area area);

/* Of several lists on a page one has the keys: only there is the selected row shown. Without it a list has them. */
void grid_set_keys(struct grid *grid, bool has);
const void *grid_selected(const struct grid *grid); /* NULL when there are no rows */
uint64_t grid_selected_key(const struct grid *grid);
bool grid_select_key(struct grid *grid, uint64_t key);
const void *grid_row(const struct grid *grid, size_t n); /* the n-th shown */
size_t grid_shown(const struct grid *grid);
size_t grid_total(const struct grid *grid);
uint64_t grid_refused(const struct grid *grid);

bool grid_marked(const struct grid *grid, uint64_t key);
size_t grid_marks(const struct grid *grid);
/* The marked rows that exist, else the selected one: what an action acts on. Returns how many were written. */
size_t grid_targets(const struct grid *grid, const void **ret, size_t max);

/* NULL: no filter. Copied. -1: err says what is wrong with it, and the filter before stays. */
int grid_set_filter(struct grid *grid, const char *text, struct error *err);
const char *grid_filter(const struct grid *grid); /* "" for none */
int grid_set_sort(struct grid *grid, const char *column, bool descending, struct error *err);
const char *grid_sort(const struct grid *grid, bool *ret_descending); /* NULL: none */
void grid_set_tree(struct grid *grid, bool tree);
bool grid_tree(const struct grid *grid);
/* The selection stays at the last row as rows are added, until it is moved away from there. For a list without an
 * order, whose `follow` is this one. */
void grid_set_tail(struct grid *grid, bool tail);
bool grid_tail(const struct grid *grid);
const struct grid_column *grid_columns(const struct grid *grid, size_t *ret_count);

/* The common commands: up down page-up page-down top bottom left right mark mark-all unmark sort reverse sort-next
 * sort-previous tree fold fold-all unfold-all follow. false: none of them. err (may be NULL) is cleared, and filled
 * where the command was refused. */
bool grid_command(struct grid *grid, const char *command, const char *argument, struct error *err);
/* A click or the wheel in the area that grid_draw had. Returns 1: a row was selected; 2: it was the selected row
 * already (open it); 0: nothing of the grid's. A click on the header sorts. */
int grid_mouse(struct grid *grid, const struct mouse *mouse, struct area area);
