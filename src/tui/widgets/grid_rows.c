/* From the rows that were added to the lines that are shown: filter, order, tree. */
#include "tui/widgets/grid_internal.h"

void grid_cell_of(const struct grid *grid, const struct grid_column *column, const void *row, struct grid_cell *ret)
{
        struct buf *text = ret->text;
        buf_clear(text);
        *ret = (struct grid_cell){ .text = text, .role = ROLE_TEXT, .share = -1 };
        column->cell(row, grid->cookie, ret);
}

/* ---- filter ---- */

struct row_text {
        struct grid *grid;
        const void *row;
        struct buf *cell;
};

static struct sv text_of(void *cookie, int column)
{
        struct row_text *row = cookie;
        struct grid *grid = row->grid;
        struct grid_cell cell = { .text = row->cell };
        if (column >= 0) {
                grid_cell_of(grid, &grid->columns[column], row->row, &cell);
                return sv_n(buf_text(row->cell), row->cell->len);
        }
        buf_clear(&grid->text);
        for (size_t i = 0; i < grid->column_count; i++) {
                if (grid->columns[i].no_match)
                        continue;
                grid_cell_of(grid, &grid->columns[i], row->row, &cell);
                if (grid->text.len)
                        buf_putc(&grid->text, '\t');
                buf_append(&grid->text, row->cell->data ? row->cell->data : "", row->cell->len);
        }
        return sv_n(buf_text(&grid->text), grid->text.len);
}

static void match_all(struct grid *grid)
{
        cleanup(buf_done) struct buf cell;
        buf_init(&cell, GRID_CELL_MAX);
        vec_foreach (entry, &grid->entries) {
                struct row_text row = { grid, entry->row, &cell };
                entry->matched = !grid->filter || filter_match(grid->filter, text_of, &row);
                entry->kept = entry->matched;
        }
}

/* ---- order ---- */

static int compare_entries(const void *a, const void *b, void *cookie)
{
        const struct grid *grid = cookie;
        const struct grid_entry *x = &grid->entries.items[*(const uint32_t *)a];
        const struct grid_entry *y = &grid->entries.items[*(const uint32_t *)b];
        int order = grid->columns[grid->sort].compare(x->row, y->row, grid->cookie);
        if (grid->descending)
                order = -order;
        if (order == 0)
                order = x->key < y->key ? -1 : x->key > y->key;
        return order;
}

/* Room for at least `count` numbers; false without memory, and then nothing is shown. */
static bool room_for(uint32_t **array, size_t *room, size_t count)
{
        if (count <= *room)
                return true;
        size_t size = *room ? *room : 64;
        while (size < count)
                size *= 2;
        uint32_t *grown = reallocarray(*array, size, sizeof(**array));
        if (!grown)
                return false;
        *array = grown;
        *room = size;
        return true;
}

static bool order_all(struct grid *grid)
{
        size_t count = grid->entries.count;
        if (!room_for(&grid->order, &grid->order_room, count))
                return false;
        for (size_t i = 0; i < count; i++)
                grid->order[i] = (uint32_t)i;
        if (grid->sort >= 0 && count > 1)
                qsort_r(grid->order, count, sizeof(*grid->order), compare_entries, grid);
        return true;
}

/* ---- tree ---- */

static uint32_t find_key(const struct grid *grid, size_t slots, uint64_t key)
{
        for (size_t i = map_hash(map_key_u64(&key)) & (slots - 1); grid->table[i]; i = (i + 1) & (slots - 1))
                if (grid->entries.items[grid->table[i] - 1].key == key)
                        return grid->table[i] - 1;
        return GRID_NONE;
}

static bool link_parents(struct grid *grid)
{
        size_t slots = 16;
        while (slots < grid->entries.count * 2)
                slots *= 2;
        if (!room_for(&grid->table, &grid->table_room, slots))
                return false;
        memset(grid->table, 0, slots * sizeof(*grid->table));
        for (size_t n = 0; n < grid->entries.count; n++) {
                uint64_t key = grid->entries.items[n].key;
                size_t i = map_hash(map_key_u64(&key)) & (slots - 1);
                while (grid->table[i])
                        i = (i + 1) & (slots - 1);
                grid->table[i] = (uint32_t)n + 1;
        }
        vec_foreach (entry, &grid->entries) {
                entry->up =
                        entry->parent && entry->parent != entry->key ? find_key(grid, slots, entry->parent) : GRID_NONE;
                entry->child = entry->next = GRID_NONE;
                entry->visited = false;
        }
        return true;
}

/* What stands above a match is kept, so that it has its place. */
static void keep_ancestors(struct grid *grid)
{
        vec_foreach (entry, &grid->entries) {
                if (!entry->matched)
                        continue;
                for (uint32_t up = entry->up; up != GRID_NONE && !grid->entries.items[up].kept;
                        up = grid->entries.items[up].up)
                        grid->entries.items[up].kept = true;
        }
}

static void add_line(struct grid *grid, uint32_t index, unsigned depth, uint64_t guides)
{
        const struct grid_entry *entry = &grid->entries.items[index];
        struct grid_line *line = vec_add(&grid->lines, GRID_ROWS_MAX);
        if (!line)
                return;
        *line = (struct grid_line){
                .entry = index,
                .depth = (uint16_t)(depth < GRID_DEPTH_MAX ? depth : GRID_DEPTH_MAX - 1),
                .last = entry->next == GRID_NONE,
                .parent = entry->child != GRID_NONE,
                .folded = entry->child != GRID_NONE && map_get(&grid->folded, map_key_u64(&entry->key)),
                .guides = guides,
        };
}

/* The first of a list of siblings that has no line yet: with parents in a loop one may have. */
static uint32_t unvisited(const struct grid_entry *entries, uint32_t at)
{
        while (at != GRID_NONE && entries[at].visited)
                at = entries[at].next;
        return at;
}

/* One root and what is below it, in pre-order without a stack: up leads back. */
static void walk_tree(struct grid *grid, uint32_t root)
{
        struct grid_entry *entries = grid->entries.items;
        uint32_t at = root;
        unsigned depth = 0;
        uint64_t guides = 0;
        while (at != GRID_NONE) {
                entries[at].visited = true;
                add_line(grid, at, depth, guides);
                bool folded = grid->lines.count && grid->lines.items[grid->lines.count - 1].entry == at &&
                              grid->lines.items[grid->lines.count - 1].folded;
                uint32_t child = folded ? GRID_NONE : unvisited(entries, entries[at].child);
                if (child != GRID_NONE) {
                        if (depth > 0 && depth < GRID_DEPTH_MAX && entries[at].next != GRID_NONE)
                                guides |= UINT64_C(1) << (depth - 1);
                        depth++;
                        at = child;
                        continue;
                }
                uint32_t next = unvisited(entries, entries[at].next);
                while (at != root && next == GRID_NONE) {
                        at = entries[at].up;
                        depth--;
                        if (depth > 0 && depth < GRID_DEPTH_MAX)
                                guides &= ~(UINT64_C(1) << (depth - 1));
                        next = unvisited(entries, entries[at].next);
                }
                at = at == root ? GRID_NONE : next;
        }
}

/* Below a folded row nothing was visited, which is no loop of parents. */
static bool below_visited(const struct grid *grid, uint32_t index)
{
        uint32_t at = grid->entries.items[index].up;
        for (size_t steps = 0; at != GRID_NONE && steps < grid->entries.count; steps++) {
                if (grid->entries.items[at].visited)
                        return true;
                at = grid->entries.items[at].up;
        }
        return false;
}

static void arrange_tree(struct grid *grid)
{
        struct grid_entry *entries = grid->entries.items;
        if (!link_parents(grid))
                return;
        keep_ancestors(grid);
        for (size_t i = grid->entries.count; i > 0; i--) { /* backwards: each list ends up in order */
                uint32_t n = grid->order[i - 1];
                uint32_t up = entries[n].up;
                if (!entries[n].kept || up == GRID_NONE)
                        continue;
                entries[n].next = entries[up].child;
                entries[up].child = n;
        }
        for (size_t i = 0; i < grid->entries.count; i++)
                if (entries[grid->order[i]].kept && entries[grid->order[i]].up == GRID_NONE)
                        walk_tree(grid, grid->order[i]);
        for (size_t i = 0; i < grid->entries.count; i++) { /* parents in a loop: each of them once, as a root */
                uint32_t n = grid->order[i];
                if (!entries[n].kept || entries[n].visited || below_visited(grid, n))
                        continue;
                entries[n].up = GRID_NONE;
                walk_tree(grid, n);
        }
}

void grid_arrange(struct grid *grid)
{
        grid->lines.count = 0;
        match_all(grid);
        if (!order_all(grid))
                return;
        if (grid->tree) {
                arrange_tree(grid);
                return;
        }
        for (size_t i = 0; i < grid->entries.count; i++) {
                const struct grid_entry *entry = &grid->entries.items[grid->order[i]];
                struct grid_line *line = entry->kept ? vec_add(&grid->lines, GRID_ROWS_MAX) : NULL;
                if (line)
                        line->entry = grid->order[i];
        }
}
