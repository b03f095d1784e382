#include "tui/widgets/grid_internal.h"
#include "tui/widgets/widgets.h"

static int least_width(const struct grid_column *column)
{
        return column->width ? column->width : column->least ? column->least : 8;
}

/* What it should have while there are columns that can give way. */
static int wished_width(const struct grid_column *column)
{
        return column->wish && !column->width ? column->wish : least_width(column);
}

void grid_layout(const struct grid *grid, int width, struct grid_layout *ret)
{
        bool out[GRID_COLUMNS_MAX] = { false };
        int room = width - GRID_GUTTER;
        *ret = (struct grid_layout){ .at = { 0 } };
        int needed = 0, wide = 0;
        for (;;) {
                int least_wanted = -1;
                needed = 0;
                wide = 0;
                for (size_t i = 0; i < grid->column_count; i++) {
                        const struct grid_column *column = &grid->columns[i];
                        if (out[i])
                                continue;
                        needed += wished_width(column) + GRID_GAP;
                        wide += column->width == 0;
                        if (column->priority &&
                                (least_wanted < 0 || column->priority >= grid->columns[least_wanted].priority))
                                least_wanted = (int)i;
                }
                if (needed - GRID_GAP <= room || least_wanted < 0)
                        break;
                out[least_wanted] = true;
        }
        for (size_t i = 0; i < grid->column_count; i++)
                if (!out[i])
                        needed -= wished_width(&grid->columns[i]) - least_width(&grid->columns[i]);
        int spare = room - (needed - GRID_GAP);
        int at = GRID_GUTTER;
        for (size_t i = 0; i < grid->column_count; i++) {
                if (out[i])
                        continue;
                int cell = least_width(&grid->columns[i]);
                if (grid->columns[i].width == 0 && spare > 0 && wide > 0) {
                        int more = spare / wide;
                        int most = grid->columns[i].most;
                        if (most && cell + more > most)
                                more = most > cell ? most - cell : 0;
                        cell += more;
                        spare -= more;
                        wide--;
                }
                ret->at[i] = at;
                ret->width[i] = cell;
                at += cell + GRID_GAP;
        }
}

static void draw_header(const struct grid *grid, struct area area, const struct grid_layout *layout)
{
        area_fill(area_part(area, 0, 0, 1, area.columns), ROLE_HEADER);
        for (size_t i = 0; i < grid->column_count; i++) {
                const struct grid_column *column = &grid->columns[i];
                if (!layout->width[i])
                        continue;
                char title[64];
                bool sorted = grid->sort == (int)i;
                const char *arrow = !sorted            ? ""
                                    : area_utf8(area)  ? (grid->descending ? "▼" : "▲")
                                    : grid->descending ? "v"
                                                       : "^";
                if (column->right)
                        snprintf(title, sizeof(title), "%s%s", arrow, column->title);
                else
                        snprintf(title, sizeof(title), "%s%s", column->title, arrow);
                area_put(area, 0, layout->at[i], layout->width[i], column->right ? ALIGN_RIGHT : ALIGN_LEFT, ROLE_TEXT,
                        sv_of(title));
                area_paint(area, 0, layout->at[i], layout->width[i], sorted ? ROLE_HEADER_SORT : ROLE_HEADER, 0);
        }
}

/* The lines of the tree before a cell; returns their columns. */
static int draw_guides(const struct grid_line *line, struct area area)
{
        int at = 0;
        bool utf8 = area_utf8(area);
        for (unsigned d = 0; d + 1 < line->depth && at + 6 < area.columns; d++, at += 2)
                area_text(area, 0, at, ROLE_TREE, sv_of(line->guides & UINT64_C(1) << d ? (utf8 ? "│ " : "| ") : "  "));
        if (line->depth && at + 4 < area.columns) {
                area_text(area, 0, at, ROLE_TREE, sv_of(line->last ? (utf8 ? "└─" : "`-") : (utf8 ? "├─" : "|-")));
                at += 2;
        }
        if (line->folded && at + 3 < area.columns) {
                area_text(area, 0, at, ROLE_MATCH, SV("+"));
                at += 2;
        }
        return at;
}

/* A text without its first `shift` bytes, cut between letters. */
static struct sv shifted(struct sv text, int shift)
{
        size_t n = (size_t)shift < text.n ? (size_t)shift : text.n;
        while (n < text.n && ((unsigned char)text.p[n] & 0xc0) == 0x80)
                n++;
        return sv_n(text.p + n, text.n - n);
}

static void draw_cell(const struct grid *grid, const struct grid_line *line, const struct grid_column *column,
        struct area area, struct buf *text)
{
        const struct grid_entry *entry = &grid->entries.items[line->entry];
        struct grid_cell cell = { .text = text };
        grid_cell_of(grid, column, entry->row, &cell);
        enum tui_role role = entry->matched ? cell.role : ROLE_DIM;
        if (grid->tree && column->tree) {
                int at = draw_guides(line, area);
                area = area_part(area, 0, at, 1, area.columns - at);
        }
        if (cell.graph) {
                sparkline_draw(area, role, cell.graph, cell.graph_max);
        } else if (cell.share >= 0) {
                enum tui_role share_role = role == ROLE_TEXT ? role_of_share(cell.share) : role;
                gauge_bar(area, &cell.share, &share_role, 1);
        } else {
                struct sv shown = sv_n(buf_text(text), text->len);
                if (column->width == 0 && grid->shift)
                        shown = shifted(shown, grid->shift);
                area_put(area, 0, 0, area.columns, column->right ? ALIGN_RIGHT : ALIGN_LEFT, role, shown);
        }
}

void grid_draw(struct grid *grid, struct area area)
{
        cleanup(buf_done) struct buf text;
        struct grid_layout layout;
        buf_init(&text, GRID_CELL_MAX);
        if (area_empty(area))
                return;
        grid_layout(grid, area.columns, &layout);
        draw_header(grid, area, &layout);
        size_t page = area.rows > GRID_HEADER_ROWS ? (size_t)(area.rows - GRID_HEADER_ROWS) : 1;
        grid->page = page;
        if (grid->selected < grid->top)
                grid->top = grid->selected;
        if (grid->selected >= grid->top + page)
                grid->top = grid->selected - page + 1;
        if (grid->top + page > grid->lines.count)
                grid->top = grid->lines.count > page ? grid->lines.count - page : 0;
        for (size_t i = 0; i < page && grid->top + i < grid->lines.count; i++) {
                const struct grid_line *line = &grid->lines.items[grid->top + i];
                struct area row = area_part(area, GRID_HEADER_ROWS + (int)i, 0, 1, area.columns);
                bool marked = grid_marked(grid, grid_line_key(grid, grid->top + i));
                for (size_t c = 0; c < grid->column_count; c++)
                        if (layout.width[c] && !area_empty(row))
                                draw_cell(grid, line, &grid->columns[c],
                                        area_part(row, 0, layout.at[c], 1, layout.width[c]), &text);
                if (marked)
                        area_repeat(row, 0, 0, 1, ROLE_MARKED, "●", "*");
                if (marked)
                        area_paint(row, 0, 0, row.columns, ROLE_TEXT, STYLE_BOLD);
                if (grid->top + i == grid->selected && !grid->keyless)
                        area_paint(row, 0, 0, row.columns, ROLE_SELECTED, 0);
        }
        if (grid->lines.count == 0)
                area_text(area, GRID_HEADER_ROWS, 1, ROLE_DIM,
                        grid->filter && grid->entries.count ? SV("nothing matches the filter") : SV("nothing to show"));
}

int grid_mouse(struct grid *grid, const struct mouse *mouse, struct area area)
{
        int row = mouse->row - area.row, column = mouse->column - area.column;
        if (row < 0 || column < 0 || row >= area.rows || column >= area.columns)
                return 0;
        if (mouse->action == MOUSE_WHEEL_UP || mouse->action == MOUSE_WHEEL_DOWN) {
                for (int i = 0; i < GRID_WHEEL_ROWS; i++)
                        grid_command(grid, mouse->action == MOUSE_WHEEL_UP ? "up" : "down", "", NULL);
                return 1;
        }
        if (mouse->action != MOUSE_PRESS || mouse->button != 1)
                return 0;
        if (row < GRID_HEADER_ROWS) {
                struct grid_layout layout;
                grid_layout(grid, area.columns, &layout);
                for (size_t i = 0; i < grid->column_count; i++) {
                        if (!layout.width[i] || column < layout.at[i] || column > layout.at[i] + layout.width[i])
                                continue;
                        if (grid->sort == (int)i)
                                grid_command(grid, "reverse", "", NULL);
                        else
                                grid_command(grid, "sort", grid->columns[i].name, NULL);
                        return 1;
                }
                return 0;
        }
        size_t line = grid->top + (size_t)(row - GRID_HEADER_ROWS);
        if (line >= grid->lines.count)
                return 0;
        int answer = line == grid->selected && grid->touched ? 2 : 1;
        grid_select_key(grid, grid_line_key(grid, line));
        return answer;
}
