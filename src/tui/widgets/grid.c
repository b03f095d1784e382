#include "tui/widgets/grid_internal.h"

enum { SHIFT_STEP = 8, SHIFT_MAX = 1024 };

static int column_named(const struct grid *grid, const char *name)
{
        for (size_t i = 0; name && i < grid->column_count; i++)
                if (strcasecmp(grid->columns[i].name, name) == 0)
                        return (int)i;
        return -1;
}

struct grid *grid_new(
        const struct grid_column *columns, size_t count, const char *sort, void *cookie, struct error *err)
{
        if (count > GRID_COLUMNS_MAX)
                return fail_null(err, E_INVALID, "a table of %zu columns", count);
        struct grid *grid = calloc(1, sizeof(*grid));
        if (!grid)
                return fail_null(err, E_NO_MEMORY, "a table");
        grid->columns = columns;
        grid->column_count = count;
        grid->cookie = cookie;
        grid->page = 1;
        for (size_t i = 0; i < count; i++)
                grid->names[i] = columns[i].name;
        buf_init(&grid->text, GRID_CELL_MAX * 8);
        map_init(&grid->marks, GRID_MARKS_MAX);
        map_init(&grid->folded, GRID_MARKS_MAX);
        grid->sort = column_named(grid, sort);
        if (grid->sort >= 0)
                grid->descending = columns[grid->sort].descending;
        return grid;
}

void grid_free(struct grid *grid)
{
        if (!grid)
                return;
        vec_done(&grid->entries);
        vec_done(&grid->lines);
        free(grid->order);
        free(grid->table);
        filter_free(grid->filter);
        buf_done(&grid->text);
        map_done(&grid->marks);
        map_done(&grid->folded);
        free(grid);
}

/* ---- rows ---- */

void grid_begin(struct grid *grid)
{
        grid->entries.count = 0;
        grid->lines.count = 0;
}

void grid_add(struct grid *grid, uint64_t key, uint64_t parent, const void *row)
{
        struct grid_entry *entry = vec_add(&grid->entries, GRID_ROWS_MAX);
        if (!entry) {
                grid->refused++;
                return;
        }
        *entry = (struct grid_entry){ .key = key, .parent = parent, .row = row };
}

uint64_t grid_line_key(const struct grid *grid, size_t line)
{
        return line < grid->lines.count ? grid->entries.items[grid->lines.items[line].entry].key : 0;
}

static void select_line(struct grid *grid, size_t line)
{
        size_t last = grid->lines.count ? grid->lines.count - 1 : 0;
        grid->selected = line > last ? last : line;
        grid->selected_key = grid_line_key(grid, grid->selected);
}

static bool find_line(const struct grid *grid, uint64_t key, size_t *ret)
{
        for (size_t i = 0; key && i < grid->lines.count; i++) {
                if (grid_line_key(grid, i) != key)
                        continue;
                *ret = i;
                return true;
        }
        return false;
}

/* After the lines changed. */
static void keep_selection(struct grid *grid)
{
        size_t line;
        if (grid->tail)
                select_line(grid, grid->lines.count);
        else if (!grid->touched)
                select_line(grid, 0);
        else if (!grid->by_place && find_line(grid, grid->selected_key, &line))
                select_line(grid, line);
        else
                select_line(grid, grid->selected);
}

void grid_end(struct grid *grid)
{
        grid_arrange(grid);
        keep_selection(grid);
}

static void arrange_again(struct grid *grid)
{
        grid_arrange(grid);
        keep_selection(grid);
}

const void *grid_row(const struct grid *grid, size_t n)
{
        return n < grid->lines.count ? grid->entries.items[grid->lines.items[n].entry].row : NULL;
}

void grid_set_keys(struct grid *grid, bool has)
{
        grid->keyless = !has;
}

const void *grid_selected(const struct grid *grid)
{
        return grid_row(grid, grid->selected);
}

uint64_t grid_selected_key(const struct grid *grid)
{
        return grid_line_key(grid, grid->selected);
}

bool grid_select_key(struct grid *grid, uint64_t key)
{
        size_t line;
        grid->touched = true;
        grid->tail = false;
        if (find_line(grid, key, &line)) {
                select_line(grid, line);
                return true;
        }
        grid->selected_key = key; /* once it comes */
        return false;
}

size_t grid_shown(const struct grid *grid)
{
        return grid->lines.count;
}

size_t grid_total(const struct grid *grid)
{
        return grid->entries.count;
}

uint64_t grid_refused(const struct grid *grid)
{
        return grid->refused + grid->marks.refused + grid->folded.refused;
}

/* ---- marks ---- */

bool grid_marked(const struct grid *grid, uint64_t key)
{
        return grid->marks.count && map_get(&grid->marks, map_key_u64(&key));
}

size_t grid_marks(const struct grid *grid)
{
        size_t count = 0;
        vec_foreach (entry, &grid->entries)
                count += grid_marked(grid, entry->key);
        return count;
}

static void mark(struct grid *grid, uint64_t key, bool on)
{
        if (on)
                (void)map_put(&grid->marks, map_key_u64(&key), grid);
        else
                (void)map_remove(&grid->marks, map_key_u64(&key));
}

size_t grid_targets(const struct grid *grid, const void **ret, size_t max)
{
        size_t count = 0;
        vec_foreach (entry, &grid->entries)
                if (count < max && grid_marked(grid, entry->key))
                        ret[count++] = entry->row;
        if (count == 0 && max > 0 && grid_selected(grid))
                ret[count++] = grid_selected(grid);
        return count;
}

/* ---- what the user set ---- */

int grid_set_filter(struct grid *grid, const char *text, struct error *err)
{
        struct filter *filter = NULL;
        if (text && *text) {
                filter = filter_new(sv_of(text), grid->names, err);
                if (!filter)
                        return -1;
        }
        filter_free(grid->filter);
        grid->filter = filter;
        arrange_again(grid);
        return 0;
}

const char *grid_filter(const struct grid *grid)
{
        return grid->filter ? filter_text(grid->filter) : "";
}

int grid_set_sort(struct grid *grid, const char *name, bool descending, struct error *err)
{
        int column = column_named(grid, name);
        if (column < 0 || !grid->columns[column].compare) {
                char known[256] = "";
                for (size_t i = 0, n = 0; i < grid->column_count && n < sizeof(known) - 1; i++)
                        if (grid->columns[i].compare)
                                n += (size_t)snprintf(
                                        known + n, sizeof(known) - n, "%s%s", n ? ", " : "", grid->names[i]);
                return fail(err, E_INVALID, "no column \"%.40s\" to sort by; there are %s", name ? name : "", known);
        }
        grid->sort = column;
        grid->descending = descending;
        arrange_again(grid);
        return 0;
}

const char *grid_sort(const struct grid *grid, bool *ret_descending)
{
        if (grid->sort < 0)
                return NULL;
        *ret_descending = grid->descending;
        return grid->names[grid->sort];
}

void grid_set_tree(struct grid *grid, bool tree)
{
        if (grid->tree == tree)
                return;
        grid->tree = tree;
        arrange_again(grid);
}

bool grid_tree(const struct grid *grid)
{
        return grid->tree;
}

void grid_set_tail(struct grid *grid, bool tail)
{
        grid->tail = tail;
        grid->can_tail = true;
        keep_selection(grid);
}

bool grid_tail(const struct grid *grid)
{
        return grid->tail;
}

const struct grid_column *grid_columns(const struct grid *grid, size_t *ret_count)
{
        *ret_count = grid->column_count;
        return grid->columns;
}

/* ---- commands ---- */

static void move_to(struct grid *grid, size_t line)
{
        grid->touched = true;
        grid->tail = false;
        select_line(grid, line);
        if (grid->can_tail && grid->lines.count && grid->selected == grid->lines.count - 1)
                grid->tail = true;
}

static bool move_command(struct grid *grid, const char *command)
{
        size_t at = grid->selected, page = grid->page > 1 ? grid->page - 1 : 1;
        if (strcmp(command, "up") == 0)
                move_to(grid, at ? at - 1 : 0);
        else if (strcmp(command, "down") == 0)
                move_to(grid, at + 1);
        else if (strcmp(command, "page-up") == 0)
                move_to(grid, at > page ? at - page : 0);
        else if (strcmp(command, "page-down") == 0)
                move_to(grid, at + page);
        else if (strcmp(command, "bottom") == 0)
                move_to(grid, grid->lines.count);
        else if (strcmp(command, "top") == 0)
                move_to(grid, 0), grid->touched = false;
        else
                return false;
        return true;
}

/* The next column that can be sorted by, from the present one on. */
static void sort_step(struct grid *grid, int step)
{
        int count = (int)grid->column_count;
        for (int i = 1; i <= count; i++) {
                int column = ((grid->sort < 0 ? (step > 0 ? -1 : 0) : grid->sort) + step * i % count + count) % count;
                if (!grid->columns[column].compare)
                        continue;
                (void)grid_set_sort(grid, grid->names[column], grid->columns[column].descending, NULL);
                return;
        }
}

static bool sort_command(struct grid *grid, const char *command, const char *argument, struct error *err)
{
        if (strcmp(command, "sort") == 0 && *argument) {
                int column = column_named(grid, argument);
                (void)grid_set_sort(grid, argument, column >= 0 && grid->columns[column].descending, err);
        } else if (strcmp(command, "reverse") == 0) {
                grid->descending = !grid->descending;
                arrange_again(grid);
        } else if (strcmp(command, "sort-next") == 0 || strcmp(command, "sort") == 0) {
                sort_step(grid, 1);
        } else if (strcmp(command, "sort-previous") == 0) {
                sort_step(grid, -1);
        } else {
                return false;
        }
        return true;
}

static bool mark_command(struct grid *grid, const char *command)
{
        uint64_t key = grid_selected_key(grid);
        if (strcmp(command, "mark") == 0) {
                if (key)
                        mark(grid, key, !grid_marked(grid, key));
                move_to(grid, grid->selected + 1);
        } else if (strcmp(command, "mark-all") == 0) {
                for (size_t i = 0; i < grid->lines.count; i++)
                        mark(grid, grid_line_key(grid, i), true);
        } else if (strcmp(command, "unmark") == 0) {
                map_done(&grid->marks);
                map_init(&grid->marks, GRID_MARKS_MAX);
        } else {
                return false;
        }
        return true;
}

static void fold(struct grid *grid, bool folded)
{
        uint64_t key = grid_selected_key(grid);
        if (!key)
                return;
        if (folded)
                (void)map_put(&grid->folded, map_key_u64(&key), grid);
        else
                (void)map_remove(&grid->folded, map_key_u64(&key));
        grid->touched = true;
        arrange_again(grid);
}

/* To the left: fold, or go to the parent; to the right: unfold, or go to the first child. Without a tree the wide
 * column moves. */
static void sideways(struct grid *grid, bool left)
{
        const struct grid_line *line = grid->selected < grid->lines.count ? &grid->lines.items[grid->selected] : NULL;
        size_t up;
        if (!grid->tree) {
                grid->shift += left ? -SHIFT_STEP : SHIFT_STEP;
                grid->shift = grid->shift < 0 ? 0 : grid->shift > SHIFT_MAX ? SHIFT_MAX : grid->shift;
        } else if (line && left && line->parent && !line->folded) {
                fold(grid, true);
        } else if (line && left) {
                if (find_line(grid, grid->entries.items[line->entry].parent, &up))
                        move_to(grid, up);
        } else if (line && line->folded) {
                fold(grid, false);
        } else if (line && line->parent) {
                move_to(grid, grid->selected + 1);
        }
}

static bool shape_command(struct grid *grid, const char *command)
{
        if (strcmp(command, "tree") == 0) {
                grid_set_tree(grid, !grid->tree);
        } else if (strcmp(command, "fold") == 0) {
                uint64_t key = grid_selected_key(grid);
                fold(grid, !map_get(&grid->folded, map_key_u64(&key)));
        } else if (strcmp(command, "fold-all") == 0) {
                for (size_t i = 0; i < grid->lines.count; i++) {
                        uint64_t key = grid_line_key(grid, i);
                        if (grid->lines.items[i].parent)
                                (void)map_put(&grid->folded, map_key_u64(&key), grid);
                }
                arrange_again(grid);
        } else if (strcmp(command, "unfold-all") == 0) {
                map_done(&grid->folded);
                map_init(&grid->folded, GRID_MARKS_MAX);
                arrange_again(grid);
        } else if (strcmp(command, "left") == 0 || strcmp(command, "right") == 0) {
                sideways(grid, command[0] == 'l');
        } else if (strcmp(command, "follow") == 0) {
                if (grid->can_tail)
                        grid->tail = !grid->tail;
                else
                        grid->by_place = !grid->by_place;
                grid->touched = true;
                keep_selection(grid);
        } else {
                return false;
        }
        return true;
}

bool grid_command(struct grid *grid, const char *command, const char *argument, struct error *err)
{
        if (err)
                error_clear(err);
        return move_command(grid, command) || sort_command(grid, command, argument ? argument : "", err) ||
               mark_command(grid, command) || shape_command(grid, command);
}
