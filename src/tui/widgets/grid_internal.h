/* What the files of the grid share. */
#pragma once

#include "base/cleanup.h"
#include "base/map.h"
#include "base/vec.h"
#include "tui/widgets/grid.h"

enum { GRID_GAP = 1, GRID_GUTTER = 1, GRID_NONE = UINT32_MAX, GRID_HEADER_ROWS = 1, GRID_WHEEL_ROWS = 3 };

struct grid_entry {
        uint64_t key, parent;
        const void *row;
        uint32_t up, child, next; /* in the tree; GRID_NONE */
        bool matched, kept, visited;
};

/* One line of the screen. */
struct grid_line {
        uint32_t entry;
        uint16_t depth;
        bool last;   /* of its siblings */
        bool parent; /* has children that are shown when it is not folded */
        bool folded;
        uint64_t guides; /* bit d: the ancestor at depth d has siblings below */
};

struct grid {
        const struct grid_column *columns;
        size_t column_count;
        const char *names[GRID_COLUMNS_MAX + 1];
        void *cookie;
        VEC(struct grid_entry) entries;
        VEC(struct grid_line) lines;
        uint32_t *order; /* of entries, sorted */
        uint32_t *table; /* by key: index + 1 */
        size_t order_room, table_room;
        struct filter *filter;
        struct buf text; /* of one row, for the filter and for cells */
        int sort;        /* column; -1: as added */
        bool descending, tree, tail, can_tail;
        bool by_place; /* the selection stays at its place while the rows move */
        bool keyless;  /* another list of the page has the keys */
        bool touched;  /* the user moved it; until then it stays at the top */
        uint64_t selected_key;
        size_t selected, top, page;
        int shift; /* of the wide column, to the left */
        struct map marks, folded;
        uint64_t refused;
};

/* Fills lines from entries: filter, sort, tree (grid_rows.c). */
void grid_arrange(struct grid *grid);
void grid_cell_of(const struct grid *grid, const struct grid_column *column, const void *row, struct grid_cell *ret);
uint64_t grid_line_key(const struct grid *grid, size_t line);

/* Places of the columns in this width (grid_draw.c); 0: left out. */
struct grid_layout {
        int at[GRID_COLUMNS_MAX];
        int width[GRID_COLUMNS_MAX];
};
void grid_layout(const struct grid *grid, int width, struct grid_layout *ret);
