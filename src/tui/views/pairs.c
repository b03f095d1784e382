#include "tui/views/pairs.h"

#include "base/vec.h"
#include "tui/model/scan.h"

struct pair {
        char *path, *value;
};

static void path_cell(const void *row, void *cookie, struct grid_cell *ret)
{
        (void)cookie;
        buf_puts(ret->text, ((const struct pair *)row)->path);
        ret->role = ROLE_LABEL;
}

static void value_cell(const void *row, void *cookie, struct grid_cell *ret)
{
        (void)cookie;
        buf_puts(ret->text, ((const struct pair *)row)->value);
        ret->role = ROLE_VALUE;
}

static const struct grid_column columns[] = {
        { "member", "MEMBER", "place in the object", .width = 22, .cell = path_cell },
        { "value", "VALUE", "its value", .least = 12, .cell = value_cell },
};

int pairs_init(struct pairs *pairs, struct error *err)
{
        *pairs = (struct pairs){ .grid = grid_new(columns, sizeof(columns) / sizeof(columns[0]), NULL, NULL, err) };
        return pairs->grid ? 0 : -1;
}

static void clear(struct pairs *pairs)
{
        for (size_t i = 0; i < pairs->count; i++) {
                free(pairs->items[i].path);
                free(pairs->items[i].value);
        }
        pairs->count = 0;
}

void pairs_done(struct pairs *pairs)
{
        clear(pairs);
        free(pairs->items);
        grid_free(pairs->grid);
        *pairs = (struct pairs){ 0 };
}

static void add(struct pairs *pairs, const char *path, const char *value)
{
        struct pair *pair =
                vec_grow((void **)&pairs->items, &pairs->count, &pairs->capacity, sizeof(*pairs->items), PAIRS_MAX);
        if (!pair)
                return;
        pair->path = strdup(path);
        pair->value = strdup(value);
        if (!pair->path || !pair->value) {
                free(pair->path);
                free(pair->value);
                pairs->count--;
        }
}

static bool is_nested(struct sv value)
{
        return value.n && (value.p[0] == '{' || value.p[0] == '[');
}

/* An array of plain values stands in one line, as a command does. */
static bool put_plain_items(struct sv array, struct buf *out)
{
        char text[PAIR_VALUE_MAX];
        struct scan scan = scan_of(array);
        if (!scan_array(&scan))
                return false;
        while (scan_item(&scan)) {
                struct sv item = scan_value(&scan);
                if (scan.failed || is_nested(item))
                        return false;
                scan_text(item, text, sizeof(text));
                buf_printf(out, "%s%s", out->len ? " " : "", text[0] ? text : "''");
        }
        return !scan.failed;
}

static void add_value(struct pairs *pairs, const char *path, struct sv value, unsigned depth);

static void add_members(struct pairs *pairs, const char *path, struct sv value, unsigned depth)
{
        char below[PAIR_PATH_MAX];
        char name[PAIR_PATH_MAX];
        struct scan scan = scan_of(value);
        struct sv key;
        bool object = scan_object(&scan);
        size_t index = 0;
        if (!object && !scan_array(&scan))
                return;
        while (pairs->count < PAIRS_MAX && (object ? scan_member(&scan, &key) : scan_item(&scan))) {
                struct sv item = scan_value(&scan);
                if (scan.failed)
                        return;
                if (object)
                        snprintf(name, sizeof(name), "%.*s", (int)(key.n < 128 ? key.n : 128), key.p);
                else
                        snprintf(name, sizeof(name), "%zu", index++);
                snprintf(below, sizeof(below), "%s%s%.128s", path, *path ? "." : "", name);
                add_value(pairs, below, item, depth + 1);
        }
}

static void add_value(struct pairs *pairs, const char *path, struct sv value, unsigned depth)
{
        char text[PAIR_VALUE_MAX];
        struct buf plain;
        if (!is_nested(value) || depth > 8) {
                scan_text(value, text, sizeof(text));
                add(pairs, path, text);
                return;
        }
        buf_init(&plain, 64 << 10);
        if (put_plain_items(value, &plain))
                add(pairs, path, buf_text(&plain));
        else
                add_members(pairs, path, value, depth);
        buf_done(&plain);
}

void pairs_set(struct pairs *pairs, struct sv json)
{
        clear(pairs);
        add_members(pairs, "", json, 0);
        grid_begin(pairs->grid);
        for (size_t i = 0; i < pairs->count; i++)
                grid_add(pairs->grid, i + 1, 0, &pairs->items[i]);
        grid_end(pairs->grid);
}
