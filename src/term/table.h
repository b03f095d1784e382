/* A table that fits the terminal: columns give way by their priority, cells are cut or wrapped. For tables of a
 * module's rows there is schema/print.h, which streams; this one is for what a command lists itself. */
#pragma once

#include "base/arena.h"
#include "base/error.h"
#include "term/style.h"

enum { TABLE_COLUMNS_MAX = 32, TABLE_ROWS_MAX = 1 << 16, TABLE_GAP = 2 };

enum table_overflow { TABLE_CUT, TABLE_WRAP };

struct table_column {
        const char *title;
        enum style_role role;                         /* of the cells */
        enum style_role (*role_of)(const char *cell); /* of each cell by what it says, in place of role; may be NULL */
        enum table_overflow overflow;
        bool right;        /* numbers stand at the right */
        unsigned priority; /* 0 is always shown; the highest number is left out first when the table does not fit */
        unsigned least;    /* columns below which it is not cut; 0 = 4 */
};

struct term_table;

/* columns is borrowed and must live as long as the table. */
struct term_table *term_table_new(const struct table_column *columns, size_t count, struct error *err);
void term_table_free(struct term_table *table);

static inline void term_table_free_p(struct term_table **table)
{
        term_table_free(*table);
}

/* A row of one text a column (NULL is empty), copied with everything that steers a terminal shown escaped. */
int term_table_row(struct term_table *table, const char *const *cells, struct error *err);

/* Appends the table. width of the terminal 0: nothing is cut, wrapped or left out. */
void term_table_put(struct buf *out, const struct term *term, const struct term_table *table, bool header);
