/* Looks at the parts that somebody wants, and tells what changed since a reader's last picture. */
#include "modules/metrics/feed_internal.h"

#include "base/cleanup.h"
#include "base/path.h"

enum { NAMES_MAX = 256 << 10, GONE_MAX = 16 << 20, TRASH_MAX = 1 << 18 };

struct sv feed_read(struct feed *feed, int dir, const char *path)
{
        buf_clear(&feed->text);
        if (file_read(dir, path, &feed->text, NULL) < 0)
                buf_clear(&feed->text);
        return sv_n(buf_text(&feed->text), feed->text.len);
}

void feed_trash(struct feed *feed, void *text)
{
        void **slot = text ? vec_add(&feed->trash, TRASH_MAX) : NULL;
        if (slot)
                *slot = text;
        else
                free(text);
}

static void empty_trash(struct feed *feed)
{
        vec_foreach (text, &feed->trash)
                free(*text);
        feed->trash.count = 0;
}

void feed_keep_text(struct feed *feed, char **kept, struct sv text)
{
        if (*kept ? sv_eq(sv_of(*kept), text) : !text.n)
                return;
        feed_trash(feed, *kept);
        *kept = text.n ? strndup(text.p, text.n) : NULL;
}

struct feed *feed_new(const struct feed_source *source, struct error *err)
{
        struct feed *feed = calloc(1, sizeof(*feed));
        if (!feed)
                return fail_null(err, E_NO_MEMORY, "no memory for the feed");
        feed->source = *source;
        feed->boot_unix_ns = source->boot_unix_ns ? source->boot_unix_ns : time_boot_unix_ns();
        feed->clock_ns = time_boot_unix_ns();
        feed->graves.max = FEED_GRAVES_MAX;
        buf_init(&feed->text, FEED_TEXT_MAX);
        arena_init(&feed->host_past.names, NAMES_MAX);
        feed_containers_init(feed);
        feed_processes_init(feed);
        feed_network_init(feed);
        feed_disks_init(feed);
        feed_filesystems_init(feed);
        return feed;
}

void feed_free(struct feed *feed)
{
        if (!feed)
                return;
        feed_host_done(feed);
        feed_table_done(&feed->containers);
        feed_table_done(&feed->networks);
        feed_disks_done(feed);
        feed_filesystems_done(feed);
        feed_processes_done(feed);
        empty_trash(feed);
        vec_done(&feed->trash);
        feed_graves_done(&feed->graves);
        buf_done(&feed->text);
        free(feed);
}

int64_t feed_looked_ns(const struct feed *feed, enum feed_part part)
{
        return feed->looks[part].looked_ns;
}

int64_t feed_rested_ns(const struct feed *feed)
{
        return feed->ended_ns + FEED_REST_NS;
}

uint64_t feed_looks(const struct feed *feed, enum feed_part part)
{
        return feed->looks[part].count;
}

/* The time since the look before; 0 at the first. */
static int64_t begin_part(struct feed *feed, enum feed_part part)
{
        struct feed_look *look = &feed->looks[part];
        look->span_ns = look->count ? feed->now_ns - look->looked_ns : 0;
        look->looked_ns = feed->now_ns;
        look->count++;
        return look->span_ns;
}

bool feed_unwanted(const struct feed *feed)
{
        return feed->source.unwanted && feed->source.unwanted(feed->source.cookie);
}

void feed_collect(struct feed *feed, unsigned parts, int64_t now_ns, int64_t freshness_ns)
{
        feed->look++;
        feed->now_ns = now_ns;
        feed->unix_ns = time_unix_ns();
        feed->offset_ns = feed->unix_ns - time_monotonic_ns();
        feed->freshness_ns = freshness_ns;
        const unsigned host = 1U << FEED_PART_HOST; /* its row has sums over devices */
        if (parts & (1U << FEED_PART_NETWORK | host)) {
                begin_part(feed, FEED_PART_NETWORK);
                feed_network_look(feed);
        }
        if (parts & (1U << FEED_PART_DISKS | host))
                feed_disks_look(feed);
        if (parts & 1U << FEED_PART_DISKS) {
                begin_part(feed, FEED_PART_DISKS); /* the host's row takes no look at file systems */
                feed_filesystems_look(feed);
        }
        if (parts & 1U << FEED_PART_CONTAINERS) {
                begin_part(feed, FEED_PART_CONTAINERS);
                feed_blocks_look(feed);
                feed_containers_look(feed);
        }
        if (parts & 1U << FEED_PART_PROCESSES)
                feed_processes_look(feed, begin_part(feed, FEED_PART_PROCESSES));
        if (parts & host)
                feed_host_look(feed, begin_part(feed, FEED_PART_HOST));
        empty_trash(feed);
        feed->ended_ns = time_monotonic_ns();
}

/* ---- telling ---- */

static int tell_table(
        const struct feed *feed, const struct feed_table *table, uint64_t seen, feed_told_fn *told, void *cookie)
{
        int verdict = 0;
        (void)feed;
        for (size_t i = 0; i < table->rows.count && verdict == 0; i++) {
                const struct feed_row *row = table->rows.entries[i].value;
                if (row->changed > seen)
                        verdict = told(table->kind, feed_table_record(table, row), cookie);
        }
        return verdict;
}

static int tell_gone(
        const struct feed *feed, struct feed_reader *reader, uint64_t *seen, feed_told_fn *told, void *cookie)
{
        struct feed_gone gone;
        cleanup(arena_done) struct arena arena;
        arena_init(&arena, GONE_MAX);
        if (!feed_graves_tell(&feed->graves, reader->seen, reader->parts, &arena, &gone))
                return 0;
        if (gone.all)
                *seen = 0;
        return told(FEED_GONE, &gone, cookie);
}

static void fill_tick(const struct feed *feed, const struct feed_reader *reader, struct feed_tick *tick)
{
        *tick = (struct feed_tick){ .time_ns = feed->unix_ns,
                .sequence = reader->pictures,
                .has_host = reader->parts & 1U << FEED_PART_HOST && feed->host.has_rates && feed->host.has_memory,
                .has_containers = reader->parts & 1U << FEED_PART_CONTAINERS,
                .has_processes = reader->parts & 1U << FEED_PART_PROCESSES };
        for (size_t part = 0; part < FEED_PARTS; part++)
                if (reader->parts & 1U << part && feed->looks[part].span_ns > tick->interval_ns)
                        tick->interval_ns = feed->looks[part].span_ns;
        const struct feed_table *const tables[FEED_PARTS] = { [FEED_PART_CONTAINERS] = &feed->containers,
                [FEED_PART_PROCESSES] = &feed->processes,
                [FEED_PART_NETWORK] = &feed->networks,
                [FEED_PART_DISKS] = &feed->disks };
        for (size_t part = 0; part < FEED_PARTS; part++)
                if (tables[part] && reader->parts & 1U << part)
                        tick->refused += tables[part]->refused;
        if (reader->parts & 1U << FEED_PART_DISKS)
                tick->refused += feed->filesystems.refused;
        tick->containers = feed->containers.rows.count;
        tick->processes = feed->processes.rows.count;
        if (!tick->has_host)
                return;
        tick->cpu = feed->host.cpu;
        tick->memory_total = feed->host.memory_total;
        tick->memory_used = feed->host.memory_total - feed->host.memory_available;
}

int feed_tell(struct feed *feed, struct feed_reader *reader, feed_told_fn *told, void *cookie)
{
        const struct {
                enum feed_part part;
                const struct feed_table *table;
        } tables[] = { { FEED_PART_CONTAINERS, &feed->containers }, { FEED_PART_PROCESSES, &feed->processes },
                { FEED_PART_NETWORK, &feed->networks }, { FEED_PART_DISKS, &feed->disks },
                { FEED_PART_DISKS, &feed->filesystems } };
        struct feed_tick tick;
        uint64_t seen = reader->full ? 0 : reader->seen;
        int verdict = tell_gone(feed, reader, &seen, told, cookie);
        if (verdict == 0 && reader->parts & 1U << FEED_PART_HOST && feed->host_changed > seen)
                verdict = told(FEED_HOST, &feed->host, cookie);
        for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]) && verdict == 0; i++)
                if (reader->parts & 1U << tables[i].part)
                        verdict = tell_table(feed, tables[i].table, seen, told, cookie);
        if (verdict != 0)
                return verdict;
        reader->seen = feed->look;
        reader->pictures++;
        fill_tick(feed, reader, &tick);
        return told(FEED_TICK, &tick, cookie);
}

void feed_forget(struct feed *feed, uint64_t seen)
{
        feed_graves_forget(&feed->graves, seen);
}
