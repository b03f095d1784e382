#include "modules/metrics/feed_rows.h"

void feed_table_init(
        struct feed_table *table, enum feed_kind kind, size_t size, size_t record, size_t max, void (*done)(void *))
{
        *table = (struct feed_table){ .kind = kind, .size = size, .record = record, .done = done };
        map_init(&table->rows, max);
}

static void row_free(const struct feed_table *table, void *row)
{
        if (table->done)
                table->done(row);
        free(row);
}

void feed_table_done(struct feed_table *table)
{
        map_foreach (entry, &table->rows)
                row_free(table, entry->value);
        map_done(&table->rows);
}

void feed_table_begin(struct feed_table *table)
{
        table->refused = 0;
}

void *feed_table_see(struct feed_table *table, struct sv key, uint64_t look, bool *ret_new)
{
        struct feed_row *row = map_get(&table->rows, key);
        *ret_new = !row;
        if (!row) {
                row = calloc(1, table->size);
                if (!row || map_put(&table->rows, key, row) < 0) {
                        free(row);
                        table->refused++;
                        return NULL;
                }
                row->changed = look;
        }
        row->looked = look;
        return row;
}

static size_t record_size(const struct feed_table *table)
{
        return feed_records[table->kind]->size;
}

void feed_table_set(const struct feed_table *table, void *row, const void *record, uint64_t look)
{
        struct feed_row *head = row;
        char *kept = (char *)row + table->record;
        if (memcmp(kept, record, record_size(table)) == 0)
                return;
        memcpy(kept, record, record_size(table));
        head->changed = look;
}

/* ---- graves ---- */

static void lose_oldest(struct feed_graves *graves)
{
        size_t lost = graves->max / 2 < graves->list.count ? graves->max / 2 + 1 : graves->list.count;
        for (size_t i = 0; i < lost; i++)
                free(graves->list.items[i].name);
        if (lost)
                graves->lost = graves->list.items[lost - 1].look;
        graves->list.count -= lost;
        memmove(graves->list.items, graves->list.items + lost, graves->list.count * sizeof(*graves->list.items));
}

/* Without memory for its grave all readers begin anew. */
static void bury(
        struct feed_graves *graves, const struct feed_table *table, const struct map_entry *entry, uint64_t look)
{
        struct feed_grave grave = { .look = look, .kind = table->kind };
        if (graves->list.count >= graves->max)
                lose_oldest(graves);
        if (table->kind == FEED_PROCESS) {
                const struct feed_process *process = feed_table_record(table, entry->value);
                grave.key = (struct feed_key){ process->pid, process->start_ns };
        } else {
                grave.name = strndup(entry->key, entry->key_length);
        }
        struct feed_grave *slot =
                table->kind == FEED_PROCESS || grave.name ? vec_add(&graves->list, graves->max) : NULL;
        if (!slot) {
                free(grave.name);
                feed_graves_lose(graves, look);
                return;
        }
        *slot = grave;
}

void feed_table_sweep(struct feed_table *table, uint64_t look, struct feed_graves *graves)
{
        size_t at = 0;
        while (at < table->rows.count) {
                const struct map_entry *entry = &table->rows.entries[at];
                struct feed_row *row = entry->value;
                if (row->looked == look) {
                        at++;
                        continue;
                }
                bury(graves, table, entry, look);
                map_remove(&table->rows, sv_n(entry->key, entry->key_length)); /* the last moves here */
                row_free(table, row);
        }
}

void feed_graves_done(struct feed_graves *graves)
{
        vec_foreach (grave, &graves->list)
                free(grave->name);
        vec_done(&graves->list);
}

void feed_graves_lose(struct feed_graves *graves, uint64_t look)
{
        graves->lost = look;
}

void feed_graves_forget(struct feed_graves *graves, uint64_t seen)
{
        size_t old = 0;
        while (old < graves->list.count && graves->list.items[old].look <= seen)
                free(graves->list.items[old++].name);
        graves->list.count -= old;
        if (old)
                memmove(graves->list.items, graves->list.items + old, graves->list.count * sizeof(*graves->list.items));
}

static unsigned part_of(enum feed_kind kind)
{
        static const enum feed_part parts[FEED_KINDS] = { [FEED_CONTAINER] = FEED_PART_CONTAINERS,
                [FEED_PROCESS] = FEED_PART_PROCESSES,
                [FEED_NETWORK] = FEED_PART_NETWORK,
                [FEED_DISK] = FEED_PART_DISKS,
                [FEED_FILESYSTEM] = FEED_PART_DISKS };
        return 1U << parts[kind];
}

static struct string_list *names_of(struct feed_gone *gone, enum feed_kind kind)
{
        return kind == FEED_CONTAINER ? &gone->containers
               : kind == FEED_NETWORK ? &gone->networks
               : kind == FEED_DISK    ? &gone->disks
                                      : &gone->filesystems;
}

bool feed_graves_tell(
        const struct feed_graves *graves, uint64_t seen, unsigned parts, struct arena *arena, struct feed_gone *ret)
{
        size_t counts[FEED_KINDS] = { 0 };
        size_t first = graves->list.count;
        *ret = (struct feed_gone){ .all = seen && seen < graves->lost };
        if (ret->all || !seen)
                return ret->all;
        while (first > 0 && graves->list.items[first - 1].look > seen)
                first--;
        for (size_t i = first; i < graves->list.count; i++)
                counts[graves->list.items[i].kind]++;
        for (enum feed_kind kind = 0; kind < FEED_KINDS; kind++) {
                if (!counts[kind])
                        continue;
                void *items = kind == FEED_PROCESS ? arena_array(arena, counts[kind], sizeof(struct feed_key))
                                                   : arena_array(arena, counts[kind], sizeof(char *));
                if (!items) {
                        *ret = (struct feed_gone){ .all = true };
                        return true;
                }
                if (kind == FEED_PROCESS)
                        ret->processes.items = items;
                else
                        names_of(ret, kind)->items = items;
        }
        bool any = false;
        for (size_t i = first; i < graves->list.count; i++) {
                const struct feed_grave *grave = &graves->list.items[i];
                if (!(parts & part_of(grave->kind)))
                        continue;
                any = true;
                if (grave->kind == FEED_PROCESS) {
                        ret->processes.items[ret->processes.count++] = grave->key;
                } else {
                        struct string_list *names = names_of(ret, grave->kind);
                        names->items[names->count++] = grave->name;
                }
        }
        return any;
}

/* ---- rates ---- */

double feed_rounded(double value)
{
        if (!(value > 0))
                return 0;
        if (value >= 100)
                return value < 1e18 ? (double)(uint64_t)(value + 0.5) : value;
        return (double)(uint64_t)(value * 10000 + 0.5) / 10000;
}

double feed_rate(double amount, int64_t span_ns)
{
        return span_ns > 0 ? feed_rounded(amount * (double)SECOND / (double)span_ns) : 0;
}
