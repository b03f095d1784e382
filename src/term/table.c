#include "term/table.h"

#include "base/vec.h"
#include "term/escape.h"
#include "term/width.h"

enum { CELL_MAX = 64 << 10, TABLE_BYTES_MAX = 64 << 20, LEAST_DEFAULT = 4 };

struct row {
        const char **cells;
};

struct term_table {
        const struct table_column *columns;
        size_t count;
        VEC(struct row) rows;
        struct arena arena;
};

struct layout {
        size_t widths[TABLE_COLUMNS_MAX]; /* 0: left out */
        bool hidden[TABLE_COLUMNS_MAX];
};

struct term_table *term_table_new(const struct table_column *columns, size_t count, struct error *err)
{
        if (!count || count > TABLE_COLUMNS_MAX)
                return fail_null(err, E_INVALID, "a table has 1 to %d columns, not %zu", TABLE_COLUMNS_MAX, count);
        struct term_table *table = calloc(1, sizeof(*table));
        if (!table)
                return fail_null(err, E_NO_MEMORY, "no memory for a table");
        table->columns = columns;
        table->count = count;
        arena_init(&table->arena, TABLE_BYTES_MAX);
        return table;
}

void term_table_free(struct term_table *table)
{
        if (!table)
                return;
        vec_done(&table->rows);
        arena_done(&table->arena);
        free(table);
}

int term_table_row(struct term_table *table, const char *const *cells, struct error *err)
{
        const char **copies = arena_array(&table->arena, table->count, sizeof(*copies));
        struct buf cell;
        bool failed = !copies;
        buf_init(&cell, CELL_MAX);
        for (size_t i = 0; !failed && i < table->count; i++) {
                buf_clear(&cell);
                term_filter(&cell, sv_of(cells[i]), TERM_SHOW);
                copies[i] = arena_strdup(&table->arena, buf_text(&cell));
                failed = cell.failed || !copies[i];
        }
        buf_done(&cell);
        struct row *row = failed ? NULL : vec_add(&table->rows, TABLE_ROWS_MAX);
        if (!row)
                return fail(err, E_TOO_LARGE, "a table is too large to be shown");
        row->cells = copies;
        return 0;
}

/* --- layout --- */

static size_t least_width(const struct term_table *table, const struct layout *layout, size_t i)
{
        size_t least = table->columns[i].least ? table->columns[i].least : LEAST_DEFAULT;
        return least < layout->widths[i] ? least : layout->widths[i];
}

/* Columns of a line when no column is wider than cap (or its least, where that is more). */
static size_t line_width(const struct term_table *table, const struct layout *layout, size_t cap)
{
        size_t total = 0, shown = 0;
        for (size_t i = 0; i < table->count; i++) {
                if (layout->hidden[i])
                        continue;
                size_t least = least_width(table, layout, i);
                size_t width = layout->widths[i] < cap ? layout->widths[i] : cap;
                total += width > least ? width : least;
                shown++;
        }
        return total + (shown ? (shown - 1) * TABLE_GAP : 0);
}

static bool hide_one(const struct term_table *table, struct layout *layout)
{
        size_t worst = table->count;
        for (size_t i = 0; i < table->count; i++)
                if (!layout->hidden[i] && table->columns[i].priority &&
                        (worst == table->count || table->columns[i].priority >= table->columns[worst].priority))
                        worst = i;
        if (worst == table->count)
                return false;
        return layout->hidden[worst] = true;
}

static void fit(const struct term_table *table, bool header, size_t room, struct layout *layout)
{
        size_t widest = 1;
        for (size_t i = 0; i < table->count; i++) {
                size_t width = header ? term_width(sv_of(table->columns[i].title)) : 0;
                for (size_t r = 0; r < table->rows.count; r++) {
                        size_t cell = term_width(sv_of(table->rows.items[r].cells[i]));
                        width = cell > width ? cell : width;
                }
                layout->widths[i] = width;
                widest = width > widest ? width : widest;
        }
        if (!room)
                return;
        while (line_width(table, layout, 1) > room && hide_one(table, layout))
                ;
        size_t cap = widest;
        while (cap > 1 && line_width(table, layout, cap) > room)
                cap--;
        size_t total = line_width(table, layout, cap);
        for (size_t i = 0; i < table->count; i++) {
                size_t least = least_width(table, layout, i);
                size_t width = layout->widths[i] < cap ? layout->widths[i] : cap > least ? cap : least;
                /* what the cap left over goes to the first columns that can use it */
                if (!layout->hidden[i] && width < layout->widths[i] && total < room) {
                        size_t more =
                                layout->widths[i] - width < room - total ? layout->widths[i] - width : room - total;
                        width += more;
                        total += more;
                }
                layout->widths[i] = width;
        }
}

/* --- lines --- */

static void put_spaces(struct buf *out, size_t count)
{
        buf_printf(out, "%*s", (int)count, "");
}

/* One line of one cell. last: no spaces behind it. */
static void put_piece(struct buf *out, const struct term *term, enum style_role role, struct sv text, size_t width,
        bool right, bool last)
{
        struct buf cut;
        buf_init(&cut, CELL_MAX);
        size_t columns = term_truncate(&cut, text, term->width ? width : SIZE_MAX, term->utf8);
        size_t free_columns = width > columns ? width - columns : 0;
        if (right)
                put_spaces(out, free_columns);
        if (cut.len)
                style_put(out, term, role, sv_n(buf_text(&cut), cut.len));
        if (!right && !last)
                put_spaces(out, free_columns);
        buf_done(&cut);
}

/* A row takes as many lines as its longest wrapped cell. */
static void put_row(struct buf *out, const struct term *term, const struct term_table *table,
        const struct layout *layout, const char *const *cells, bool header)
{
        struct sv rests[TABLE_COLUMNS_MAX];
        size_t last = 0;
        for (size_t i = 0; i < table->count; i++) {
                rests[i] = sv_of(header ? table->columns[i].title : cells[i]);
                last = layout->hidden[i] ? last : i;
        }
        bool more = true;
        for (bool first = true; more; first = false) {
                size_t start = out->len;
                more = false;
                for (size_t i = 0, shown = 0; i < table->count; i++) {
                        const struct table_column *column = &table->columns[i];
                        struct sv piece = SV("");
                        if (layout->hidden[i])
                                continue;
                        bool wraps = term->width && !header && column->overflow == TABLE_WRAP && layout->widths[i];
                        if (wraps) {
                                if (!term_wrap(&rests[i], layout->widths[i], &piece))
                                        piece = SV("");
                                more |= rests[i].n > 0;
                        } else if (first) {
                                piece = rests[i];
                        }
                        put_spaces(out, shown++ ? TABLE_GAP : 0);
                        enum style_role role = header            ? STYLE_HEADING
                                               : column->role_of ? column->role_of(cells[i])
                                                                 : column->role;
                        put_piece(out, term, role, piece, layout->widths[i], column->right, i == last);
                }
                while (out->len > start && out->data[out->len - 1] == ' ')
                        out->data[--out->len] = '\0';
                buf_putc(out, '\n');
                more &= !out->failed;
        }
}

void term_table_put(struct buf *out, const struct term *term, const struct term_table *table, bool header)
{
        struct layout layout = { 0 };
        fit(table, header, term->width, &layout);
        if (header)
                put_row(out, term, table, &layout, NULL, true);
        for (size_t i = 0; i < table->rows.count; i++)
                put_row(out, term, table, &layout, table->rows.items[i].cells, false);
}
