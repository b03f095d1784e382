#include "tui/screen.h"

#include "base/cleanup.h"
#include "term/escape.h"
#include "term/width.h"

enum { TEXT_MAX = 16 << 10 };

static int clamp(int value, int least, int most)
{
        return value < least ? least : value > most ? most : value;
}

int canvas_init(struct canvas *canvas, int rows, int columns, const struct look *look, struct error *err)
{
        rows = clamp(rows, 1, CANVAS_ROWS_MAX);
        columns = clamp(columns, 1, CANVAS_COLUMNS_MAX);
        struct cell *cells = calloc((size_t)rows * (size_t)columns, sizeof(*cells));
        if (!cells)
                return fail(err, E_NO_MEMORY, "a screen of %d by %d", rows, columns);
        *canvas = (struct canvas){ .cells = cells, .rows = rows, .columns = columns, .look = look };
        canvas_clear(canvas);
        return 0;
}

void canvas_done(struct canvas *canvas)
{
        free(canvas->cells);
        *canvas = (struct canvas){ 0 };
}

void canvas_clear(struct canvas *canvas)
{
        size_t count = (size_t)canvas->rows * (size_t)canvas->columns;
        memset(canvas->cells, 0, count * sizeof(*canvas->cells));
        for (size_t i = 0; i < count; i++)
                canvas->cells[i].columns = 1;
        canvas->cursor_row = canvas->cursor_column = -1;
}

struct area canvas_area(struct canvas *canvas)
{
        return (struct area){ canvas, 0, 0, canvas->rows, canvas->columns };
}

struct area area_part(struct area area, int row, int column, int rows, int columns)
{
        int top = clamp(row, 0, area.rows), left = clamp(column, 0, area.columns);
        int bottom = clamp(rows < 0 ? row : rows > area.rows - row ? area.rows : row + rows, top, area.rows);
        int right = clamp(columns < 0                       ? column
                          : columns > area.columns - column ? area.columns
                                                            : column + columns,
                left, area.columns);
        return (struct area){ area.canvas, area.row + top, area.column + left, bottom - top, right - left };
}

bool area_empty(struct area area)
{
        return area.rows <= 0 || area.columns <= 0;
}

bool area_utf8(struct area area)
{
        return area.canvas->look->utf8;
}

/* NULL outside of the area. */
static struct cell *cell_at(struct area area, int row, int column)
{
        if (row < 0 || row >= area.rows || column < 0 || column >= area.columns)
                return NULL;
        return &area.canvas->cells[(size_t)(area.row + row) * (size_t)area.canvas->columns +
                                   (size_t)(area.column + column)];
}

static void cell_empty(struct cell *cell)
{
        cell->text[0] = '\0';
        cell->columns = 1;
}

/* Half of a wide letter cannot be shown: the other half goes too when one is drawn over. It may lie outside of the
 * area. */
static void cell_release(struct area area, struct cell *cell)
{
        struct cell *first = area.canvas->cells;
        struct cell *end = first + (size_t)area.canvas->rows * (size_t)area.canvas->columns;
        if (cell->columns == 2 && cell + 1 < end && cell[1].columns == 0)
                cell_empty(cell + 1);
        if (cell->columns == 0 && cell > first && cell[-1].columns == 2)
                cell_empty(cell - 1);
        cell_empty(cell);
}

/* One picture; returns its columns. What does not fit whole is left out. */
static void cell_set(struct area area, int row, int column, int columns, enum tui_role role, struct sv text)
{
        struct cell *cell = cell_at(area, row, column);
        struct cell *right = columns == 2 ? cell_at(area, row, column + 1) : NULL;
        if (!cell)
                return;
        cell_release(area, cell);
        cell->role = (uint8_t)role;
        if (columns == 2 && !right)
                return; /* cut by the edge: a space */
        if (right) {
                cell_release(area, right);
                right->columns = 0;
                right->role = (uint8_t)role;
        }
        size_t n = text.n;
        if (n >= CELL_TEXT_MAX) { /* marks without end: the letter and as many as there is room for */
                n = CELL_TEXT_MAX - 1;
                while (n > 0 && ((unsigned char)text.p[n] & 0xc0) == 0x80)
                        n--;
        }
        if (n == 1 && text.p[0] == ' ')
                n = 0;
        memcpy(cell->text, text.p, n);
        cell->text[n] = '\0';
        cell->columns = (uint8_t)columns;
}

static bool is_plain(struct sv text)
{
        for (size_t i = 0; i < text.n; i++)
                if ((unsigned char)text.p[i] < ' ' || (unsigned char)text.p[i] > '~')
                        return false;
        return true;
}

/* A filtered text; where the look has ASCII only, each other picture is a '?' of its width. */
static int draw_pictures(struct area area, int row, int column, enum tui_role role, struct sv text)
{
        int at = column;
        while (text.n) {
                size_t columns = 0;
                size_t n = term_cluster(text, &columns);
                struct sv picture = sv_n(text.p, n);
                text = sv_n(text.p + n, text.n - n);
                if (columns == 0)
                        continue; /* a mark without a letter */
                bool shown = area_utf8(area) || is_plain(picture);
                if (shown && columns <= 2) {
                        cell_set(area, row, at, (int)columns, role, picture);
                } else {
                        for (size_t i = 0; i < columns; i++)
                                cell_set(area, row, at + (int)i, 1, role, SV("?"));
                }
                at += (int)columns;
        }
        return at - column;
}

int area_text(struct area area, int row, int column, enum tui_role role, struct sv text)
{
        if (text.n > TEXT_MAX)
                text.n = TEXT_MAX;
        if (is_plain(text)) { /* what nearly all texts are: a letter a byte */
                for (size_t i = 0; i < text.n; i++)
                        cell_set(area, row, column + (int)i, 1, role, sv_n(text.p + i, 1));
                return (int)text.n;
        }
        cleanup(buf_done) struct buf safe;
        buf_init(&safe, TEXT_MAX * 8);
        term_filter(&safe, text, TERM_SHOW);
        return draw_pictures(area, row, column, role, sv_n(buf_text(&safe), safe.len));
}

int area_printf(struct area area, int row, int column, enum tui_role role, const char *format, ...)
{
        char text[512];
        va_list args;
        va_start(args, format);
        int n = vsnprintf(text, sizeof(text), format, args);
        va_end(args);
        if (n < 0)
                return 0;
        return area_text(area, row, column, role, sv_n(text, (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1));
}

void area_repeat(
        struct area area, int row, int column, int count, enum tui_role role, const char *utf8, const char *ascii)
{
        struct sv text = sv_of(area_utf8(area) ? utf8 : ascii);
        for (int i = 0; i < count && column + i < area.columns; i++)
                cell_set(area, row, column + i, 1, role, text);
}

void area_put(struct area area, int row, int column, int width, enum align align, enum tui_role role, struct sv text)
{
        cleanup(buf_done) struct buf safe, cut;
        buf_init(&safe, TEXT_MAX * 8);
        buf_init(&cut, TEXT_MAX * 8);
        if (width <= 0)
                return;
        if (text.n > TEXT_MAX)
                text.n = TEXT_MAX;
        struct area part = area_part(area, row, column, 1, width);
        if (column < 0 || row < 0 || row >= area.rows || area_empty(part))
                return;
        struct sv shown = text;
        int columns = (int)text.n;
        if (!is_plain(text)) {
                term_filter(&safe, text, TERM_SHOW);
                shown = sv_n(buf_text(&safe), safe.len);
                columns = (int)term_width(shown);
        }
        if (columns > width) {
                columns = (int)term_truncate(&cut, shown, (size_t)width, area_utf8(area));
                shown = sv_n(buf_text(&cut), cut.len);
        }
        int before = align == ALIGN_RIGHT ? width - columns : align == ALIGN_CENTRE ? (width - columns) / 2 : 0;
        area_repeat(part, 0, 0, width, role, " ", " ");
        draw_pictures(part, 0, before, role, shown);
}

void area_fill(struct area area, enum tui_role role)
{
        for (int row = 0; row < area.rows; row++)
                for (int column = 0; column < area.columns; column++) {
                        struct cell *cell = cell_at(area, row, column);
                        cell_release(area, cell);
                        cell->role = ROLE_TEXT;
                        cell->ground = (uint8_t)role;
                        cell->attributes = 0;
                }
}

void area_paint(struct area area, int row, int column, int width, enum tui_role ground, unsigned attributes)
{
        for (int i = 0; i < width && column + i < area.columns; i++) {
                struct cell *cell = cell_at(area, row, column + i);
                if (!cell)
                        continue;
                if (ground != ROLE_TEXT)
                        cell->ground = (uint8_t)ground;
                cell->attributes |= (uint8_t)attributes;
        }
}

struct area area_box(struct area area, enum tui_role role, struct sv title)
{
        int bottom = area.rows - 1, right = area.columns - 1;
        if (bottom < 1 || right < 1)
                return area_part(area, 0, 0, 0, 0);
        area_repeat(area, 0, 1, right - 1, role, "─", "-");
        area_repeat(area, bottom, 1, right - 1, role, "─", "-");
        for (int row = 1; row < bottom; row++) {
                area_repeat(area, row, 0, 1, role, "│", "|");
                area_repeat(area, row, right, 1, role, "│", "|");
        }
        area_repeat(area, 0, 0, 1, role, "┌", "+");
        area_repeat(area, 0, right, 1, role, "┐", "+");
        area_repeat(area, bottom, 0, 1, role, "└", "+");
        area_repeat(area, bottom, right, 1, role, "┘", "+");
        if (title.n && right > 4) {
                struct area line = area_part(area, 0, 2, 1, right - 3);
                int columns = area_text(line, 0, 1, ROLE_STRONG, title);
                area_repeat(line, 0, 0, 1, role, " ", " ");
                area_repeat(line, 0, columns + 1, 1, role, " ", " ");
        }
        return area_part(area, 1, 1, bottom - 1, right - 1);
}

void area_cursor(struct area area, int row, int column)
{
        if (!cell_at(area, row, column))
                return;
        area.canvas->cursor_row = area.row + row;
        area.canvas->cursor_column = area.column + column;
}

/* ---- the canvas as text ---- */

static bool style_eq(const struct style *a, const struct style *b)
{
        return a->attributes == b->attributes && a->foreground.kind == b->foreground.kind &&
               a->foreground.value == b->foreground.value && a->background.kind == b->background.kind &&
               a->background.value == b->background.value;
}

static void line_text(const struct canvas *canvas, int row, bool styles, struct buf *out)
{
        const struct cell *cells = canvas->cells + (size_t)row * (size_t)canvas->columns;
        struct term term = { .depth = canvas->look->depth ? canvas->look->depth : COLOUR_16 };
        struct style open = { .attributes = 0 };
        int end = canvas->columns;
        while (end > 0 && !cells[end - 1].text[0] && cells[end - 1].columns == 1 && (!styles || !cells[end - 1].ground))
                end--;
        for (int column = 0; column < end; column++) {
                const struct cell *cell = &cells[column];
                if (cell->columns == 0)
                        continue;
                if (styles) {
                        struct style style = look_style(canvas->look, cell->role, cell->ground, cell->attributes);
                        if (!style_eq(&style, &open)) {
                                style_end(out, &term, &open);
                                style_begin(out, &term, &style);
                                open = style;
                        }
                }
                buf_puts(out, cell->text[0] ? cell->text : " ");
        }
        if (styles)
                style_end(out, &term, &open);
        buf_putc(out, '\n');
}

void canvas_text(const struct canvas *canvas, bool styles, struct buf *out)
{
        for (int row = 0; row < canvas->rows; row++)
                line_text(canvas, row, styles, out);
}
