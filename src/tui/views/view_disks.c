/* Disks with what they do, and file systems with what is left of them. */
#include "tui/views/view_parts.h"
#include "tui/views/views.h"

struct disks_state {
        struct top *top;
        struct grid *disks, *filesystems;
        bool second; /* the file systems have the keys */
        struct spot spots[2];
};

#define C(name) static void name(const void *row, void *cookie, struct grid_cell *ret)

C(disk_name)
{
        (void)cookie;
        put_text(ret->text, ((const struct disk_row *)row)->name);
        ret->role = ROLE_STRONG;
}

C(disk_read)
{
        (void)cookie;
        cell_rate(ret, ((const struct disk_row *)row)->read);
}

C(disk_read_past)
{
        (void)cookie;
        ret->graph = &((const struct disk_row *)row)->read_past;
        ret->graph_max = history_ceiling(ret->graph, RATE_LEAST);
        ret->role = ROLE_SERIES_4;
}

C(disk_write)
{
        (void)cookie;
        cell_rate(ret, ((const struct disk_row *)row)->write);
}

C(disk_write_past)
{
        (void)cookie;
        ret->graph = &((const struct disk_row *)row)->write_past;
        ret->graph_max = history_ceiling(ret->graph, RATE_LEAST);
        ret->role = ROLE_SERIES_4;
}

C(disk_operations)
{
        const struct disk_row *disk = row;
        (void)cookie;
        cell_count(ret, disk->reads + disk->writes);
}

C(disk_busy)
{
        const struct disk_row *disk = row;
        (void)cookie;
        put_percent(ret->text, disk->busy);
        ret->role = disk->busy >= 0.01 ? role_of_share(disk->busy) : ROLE_DIM;
}

C(disk_queue)
{
        const struct disk_row *disk = row;
        (void)cookie;
        if (isnan(disk->queue))
                buf_puts(ret->text, "-");
        else
                buf_printf(ret->text, "%.1f", disk->queue);
        if (!(disk->queue >= 0.05))
                ret->role = ROLE_DIM;
}

C(disk_size)
{
        (void)cookie;
        cell_bytes(ret, ((const struct disk_row *)row)->size);
}

C(disk_model)
{
        (void)cookie;
        cell_text(ret, ((const struct disk_row *)row)->model);
        ret->role = ROLE_DIM;
}

COMPARE_TEXT(disk_by_name, disk_row, name);
COMPARE_NUMBER(disk_by_read, disk_row, read);
COMPARE_NUMBER(disk_by_write, disk_row, write);
COMPARE_NUMBER(disk_by_operations, disk_row, reads);
COMPARE_NUMBER(disk_by_busy, disk_row, busy);
COMPARE_NUMBER(disk_by_queue, disk_row, queue);
COMPARE_NUMBER(disk_by_size, disk_row, size);

static const struct grid_column disk_columns[] = {
        { "name", "DISK", "its name", .least = 10, .cell = disk_name, .compare = disk_by_name },
        { "busy", "BUSY%", "time with work under way", .width = 6, .right = true, .descending = true, .no_match = true,
                .cell = disk_busy, .compare = disk_by_busy },
        { "read", "READ", "read", .width = 8, .right = true, .descending = true, .no_match = true, .cell = disk_read,
                .compare = disk_by_read },
        { "read-past", "", "read lately", .width = 14, .no_match = true, .priority = 2, .cell = disk_read_past },
        { "write", "WRITE", "written", .width = 8, .right = true, .descending = true, .no_match = true,
                .cell = disk_write, .compare = disk_by_write },
        { "write-past", "", "written lately", .width = 14, .no_match = true, .priority = 2, .cell = disk_write_past },
        { "operations", "OPS/s", "reads and writes a second", .width = 6, .right = true, .descending = true,
                .no_match = true, .priority = 3, .cell = disk_operations, .compare = disk_by_operations },
        { "queue", "QUEUE", "requests under way, on average", .width = 6, .right = true, .descending = true,
                .no_match = true, .priority = 3, .cell = disk_queue, .compare = disk_by_queue },
        { "size", "SIZE", "its size", .width = 8, .right = true, .descending = true, .no_match = true, .priority = 4,
                .cell = disk_size, .compare = disk_by_size },
        { "model", "MODEL", "what its maker calls it", .width = 20, .priority = 5, .cell = disk_model },
};

/* ---- file systems ---- */

C(mountpoint_cell)
{
        const struct filesystem_row *filesystem = row;
        (void)cookie;
        put_text(ret->text, filesystem->mountpoint);
        ret->role = filesystem->read_only ? ROLE_DIM : ROLE_STRONG;
}

/* As df(1) has it: what is reserved counts as neither used nor available. */
static double used_share(const struct filesystem_row *filesystem)
{
        double all = filesystem->used + filesystem->available;
        return all > 0 ? filesystem->used / all : NAN;
}

C(use_cell)
{
        double share = used_share(row);
        (void)cookie;
        put_percent(ret->text, share);
        ret->role = isnan(share) ? ROLE_DIM : role_of_share(share);
}

C(use_bar_cell)
{
        double share = used_share(row);
        (void)cookie;
        if (isnan(share))
                return;
        ret->share = share;
        ret->role = role_of_share(share);
}

C(used_cell)
{
        (void)cookie;
        cell_bytes(ret, ((const struct filesystem_row *)row)->used);
}

C(available_cell)
{
        (void)cookie;
        cell_bytes(ret, ((const struct filesystem_row *)row)->available);
        if (used_share(row) >= 0.95)
                ret->role = ROLE_ERROR;
}

C(size_cell)
{
        (void)cookie;
        cell_bytes(ret, ((const struct filesystem_row *)row)->size);
}

C(inodes_cell)
{
        const struct filesystem_row *filesystem = row;
        double share = filesystem->inodes > 0 ? filesystem->inodes_used / filesystem->inodes : NAN;
        (void)cookie;
        put_percent(ret->text, share);
        ret->role = share >= 0.6 ? role_of_share(share) : ROLE_DIM;
}

C(type_cell)
{
        const struct filesystem_row *filesystem = row;
        (void)cookie;
        cell_text(ret, filesystem->type);
        if (filesystem->read_only)
                buf_puts(ret->text, " ro");
        ret->role = ROLE_DIM;
}

C(device_cell)
{
        (void)cookie;
        cell_text(ret, ((const struct filesystem_row *)row)->device);
}

COMPARE_TEXT(by_mountpoint, filesystem_row, mountpoint);
COMPARE_NUMBER(by_used, filesystem_row, used);
COMPARE_NUMBER(by_available, filesystem_row, available);
COMPARE_NUMBER(by_size, filesystem_row, size);
COMPARE_NUMBER(by_inodes, filesystem_row, inodes_used);
COMPARE_TEXT(by_type, filesystem_row, type);
COMPARE_TEXT(by_device, filesystem_row, device);

static int by_use(const void *a, const void *b, void *cookie)
{
        (void)cookie;
        return compare_numbers(used_share(a), used_share(b));
}

static const struct grid_column filesystem_columns[] = {
        { "mountpoint", "MOUNTED AT", "where", .least = 14, .cell = mountpoint_cell, .compare = by_mountpoint },
        { "use", "USE%", "share that is used", .width = 5, .right = true, .descending = true, .no_match = true,
                .cell = use_cell, .compare = by_use },
        { "bar", "", "the same as a bar", .width = 12, .no_match = true, .priority = 3, .cell = use_bar_cell },
        { "used", "USED", "used", .width = 8, .right = true, .descending = true, .no_match = true, .priority = 2,
                .cell = used_cell, .compare = by_used },
        { "available", "FREE", "what users may still write", .width = 8, .right = true, .descending = true,
                .no_match = true, .cell = available_cell, .compare = by_available },
        { "size", "SIZE", "its size", .width = 8, .right = true, .descending = true, .no_match = true, .priority = 3,
                .cell = size_cell, .compare = by_size },
        { "inodes", "INODE%", "share of inodes that is used", .width = 6, .right = true, .descending = true,
                .no_match = true, .priority = 4, .cell = inodes_cell, .compare = by_inodes },
        { "type", "TYPE", "kind of file system", .width = 10, .priority = 5, .cell = type_cell, .compare = by_type },
        { "device", "DEVICE", "what it lies on", .width = 20, .priority = 6, .cell = device_cell,
                .compare = by_device },
};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static int init(void *cookie, struct top *top, struct error *err)
{
        struct disks_state *state = cookie;
        state->top = top;
        state->disks = grid_new(disk_columns, COUNT(disk_columns), "busy", top_model(top), err);
        state->filesystems = grid_new(filesystem_columns, COUNT(filesystem_columns), "use", top_model(top), err);
        return state->disks && state->filesystems ? 0 : -1;
}

static void done(void *cookie)
{
        struct disks_state *state = cookie;
        grid_free(state->disks);
        grid_free(state->filesystems);
}

static void refresh(void *cookie, struct top *top)
{
        struct disks_state *state = cookie;
        const struct model *model = top_model(top);
        say_answer(top);
        grid_begin(state->disks);
        map_foreach (entry, &model->disks.rows)
                grid_add(state->disks, ((const struct row *)entry->value)->id, 0, entry->value);
        grid_end(state->disks);
        grid_begin(state->filesystems);
        map_foreach (entry, &model->filesystems.rows)
                grid_add(state->filesystems, ((const struct row *)entry->value)->id, 0, entry->value);
        grid_end(state->filesystems);
}

static void draw(void *cookie, struct top *top, struct area area)
{
        struct disks_state *state = cookie;
        memset(state->spots, 0, sizeof(state->spots));
        if (draw_waiting(top, area))
                return;
        int above = (int)grid_shown(state->disks) + 1;
        above = above < 2 ? 2 : above > area.rows / 2 ? area.rows / 2 : above;
        grid_set_keys(state->disks, !state->second);
        grid_set_keys(state->filesystems, state->second);
        spot_draw(&state->spots[0], state->disks, area_part(area, 0, 0, above, area.columns), "no disks");
        struct area inner = part_title(area_part(area, above, 0, area.rows - above, area.columns), "File systems",
                "o: the other list", state->second);
        spot_draw(&state->spots[1], state->filesystems, inner, "no file systems");
}

static struct grid *grid_of(void *cookie)
{
        struct disks_state *state = cookie;
        return state->second ? state->filesystems : state->disks;
}

static bool command(void *cookie, struct top *top, const char *name, const char *argument, struct commands *commands)
{
        struct disks_state *state = cookie;
        (void)top;
        (void)argument;
        (void)commands;
        if (strcmp(name, "other") != 0 && strcmp(name, "open") != 0)
                return false;
        state->second = !state->second;
        return true;
}

static void mouse(void *cookie, struct top *top, const struct mouse *mouse, struct area area)
{
        struct disks_state *state = cookie;
        (void)area;
        (void)top;
        for (size_t i = 0; i < 2; i++)
                if (spot_mouse(&state->spots[i], mouse))
                        state->second = i == 1;
}

const struct view view_disks = {
        .name = "disks",
        .title = "Disks",
        .summary = "disks with what they do, file systems with what is left",
        .state_size = sizeof(struct disks_state),
        .init = init,
        .done = done,
        .refresh = refresh,
        .draw = draw,
        .grid = grid_of,
        .command = command,
        .mouse = mouse,
};
