/* A record: uint16_t size, then varints (id, time, pid, exit code, how many figures, the figures' distances) and four
 * NUL-terminated texts. Records are never split over blocks; the oldest of a block goes by moving its `first`. */
#include "modules/metrics/collect/events.h"

#include "base/path.h"
#include "base/vec.h"
#include "modules/metrics/collect/packed.h"

struct event_block {
        struct event_block *next;
        uint16_t first, used, size;
        uint8_t bytes[];
};

enum { TEXTS = 4, RECORD_HEAD = 2, QUERY_MAX = 1 << 20 };

void event_store_init(struct event_store *store, const struct metrics_options *options)
{
        *store = (struct event_store){ .next_id = 1, .options = options };
}

static void drop_block(struct event_log *log)
{
        struct event_block *block = log->oldest;
        log->oldest = block->next;
        if (!log->oldest)
                log->newest = NULL;
        log->bytes -= sizeof(*block) + block->size;
        free(block);
}

void event_store_done(struct event_store *store)
{
        for (size_t i = 0; i < EVENT_KINDS; i++)
                while (store->logs[i].oldest)
                        drop_block(&store->logs[i]);
}

static size_t record_size(const struct event_block *block, size_t at)
{
        return (size_t)block->bytes[at] | (size_t)block->bytes[at + 1] << 8;
}

static void read_record(const struct event_block *block, size_t at, enum event_kind kind, struct container_event *ret)
{
        const uint8_t *p = block->bytes + at + RECORD_HEAD;
        size_t left = record_size(block, at) - RECORD_HEAD;
        uint64_t head[5] = { 0 };
        for (size_t i = 0; i < 5; i++) {
                size_t n = packed_get_varint(p, left, &head[i]);
                p += n;
                left -= n;
        }
        *ret = (struct container_event){ .id = head[0],
                .time_ns = packed_unzigzag(head[1]),
                .kind = kind,
                .pid = (pid_t)head[2],
                .exit_code = (int)packed_unzigzag(head[3]),
                .memory_before_count = head[4] };
        uint64_t value = 0;
        for (size_t i = 0; i < head[4]; i++) {
                uint64_t distance = 0;
                size_t n = packed_get_varint(p, left, &distance);
                value += (uint64_t)packed_unzigzag(distance);
                ret->memory_before[i] = value;
                p += n;
                left -= n;
        }
        const char **const texts[TEXTS] = { &ret->container, &ret->process, &ret->constraint, &ret->command_line };
        for (size_t i = 0; i < TEXTS; i++) {
                *texts[i] = (const char *)p;
                p += strlen((const char *)p) + 1;
        }
}

static void put_text(const char *text, size_t max, uint8_t *record, size_t *at)
{
        size_t n = strnlen(text ? text : "", max);
        memcpy(record + *at, text ? text : "", n);
        record[*at + n] = '\0';
        *at += n + 1;
}

static size_t write_record(const struct container_event *event, uint8_t record[EVENT_RECORD_MAX])
{
        enum { FIGURES_MAX = sizeof(event->memory_before) / sizeof(*event->memory_before), NAME_MAX_BYTES = 4096 };
        size_t count = event->memory_before_count < FIGURES_MAX ? event->memory_before_count : FIGURES_MAX;
        const uint64_t head[] = { event->id, packed_zigzag(event->time_ns), (uint64_t)event->pid & UINT32_MAX,
                packed_zigzag(event->exit_code), count };
        size_t at = RECORD_HEAD;
        for (size_t i = 0; i < sizeof(head) / sizeof(*head); i++)
                at += packed_put_varint(head[i], record + at);
        uint64_t before = 0;
        for (size_t i = 0; i < count; i++) {
                at += packed_put_varint(packed_zigzag((int64_t)(event->memory_before[i] - before)), record + at);
                before = event->memory_before[i];
        }
        put_text(event->container, NAME_MAX_BYTES - 1, record, &at);
        put_text(event->process, EVENT_TEXT_MAX - 1, record, &at);
        put_text(event->constraint, EVENT_TEXT_MAX - 1, record, &at);
        put_text(event->command_line, EVENT_TEXT_MAX - 1, record, &at);
        record[0] = (uint8_t)at;
        record[1] = (uint8_t)(at >> 8);
        return at;
}

static void drop_oldest(struct event_log *log)
{
        struct event_block *block = log->oldest;
        block->first += (uint16_t)record_size(block, block->first);
        log->count--;
        if (block->first == block->used)
                drop_block(log);
}

static int append(struct event_log *log, const uint8_t *record, size_t size, struct error *err)
{
        struct event_block *block = log->newest;
        if (!block || size > (size_t)(block->size - block->used)) {
                size_t room = size > EVENT_LOG_BLOCK ? size : EVENT_LOG_BLOCK - sizeof(*block);
                block = malloc(sizeof(*block) + room);
                if (!block)
                        return fail(err, E_NO_MEMORY, "no memory for an event");
                *block = (struct event_block){ .size = (uint16_t)room };
                if (log->newest)
                        log->newest->next = block;
                else
                        log->oldest = block;
                log->newest = block;
                log->bytes += sizeof(*block) + room;
        }
        memcpy(block->bytes + block->used, record, size);
        block->used += (uint16_t)size;
        log->count++;
        return 0;
}

int event_store_add(struct event_store *store, struct container_event *event, int64_t now_ns, struct error *err)
{
        uint8_t record[EVENT_RECORD_MAX];
        struct event_log *log = &store->logs[event->kind];
        int64_t oldest_ns = now_ns - store->options->event_age_ns[event->kind];
        event->id = store->next_id++;
        if (event->time_ns < oldest_ns)
                return 0;
        if (append(log, record, write_record(event, record), err) < 0) {
                store->dropped++;
                return -1;
        }
        while (log->count > store->options->event_count[event->kind] || log->bytes > EVENT_LOG_BYTES_MAX) {
                drop_oldest(log);
                store->dropped++;
        }
        while (log->count) {
                struct container_event oldest;
                read_record(log->oldest, log->oldest->first, event->kind, &oldest);
                if (oldest.time_ns >= oldest_ns)
                        break;
                drop_oldest(log);
        }
        return 0;
}

bool event_matches(const struct event_query *query, const struct container_event *event)
{
        if (!(query->kinds & 1u << event->kind))
                return false;
        if ((query->start_ns && event->time_ns < query->start_ns) || (query->end_ns && event->time_ns > query->end_ns))
                return false;
        if (!query->container || strcmp(query->container, event->container) == 0)
                return true;
        return query->subcontainers && path_within(sv_of(event->container), sv_of(query->container));
}

struct found {
        int64_t time_ns;
        uint64_t id;
        const struct event_block *block;
        uint32_t at;
        enum event_kind kind;
};
typedef VEC(struct found) found_vec;

static int by_time(const void *a, const void *b)
{
        const struct found *x = a;
        const struct found *y = b;
        if (x->time_ns != y->time_ns)
                return x->time_ns < y->time_ns ? -1 : 1;
        return x->id < y->id ? -1 : x->id > y->id;
}

static void find(const struct event_log *log, enum event_kind kind, const struct event_query *query, int64_t oldest_ns,
        found_vec *into)
{
        for (const struct event_block *block = log->oldest; block; block = block->next) {
                for (size_t at = block->first; at < block->used; at += record_size(block, at)) {
                        struct container_event event;
                        read_record(block, at, kind, &event);
                        if (event.time_ns < oldest_ns || !event_matches(query, &event))
                                continue;
                        struct found *found = vec_add(into, QUERY_MAX);
                        if (found)
                                *found = (struct found){ event.time_ns, event.id, block, (uint32_t)at, kind };
                }
        }
}

int event_store_ask(const struct event_store *store, const struct event_query *query, int64_t now_ns,
        int (*each)(const struct container_event *event, void *cookie), void *cookie)
{
        found_vec found = { 0 };
        for (enum event_kind kind = 0; kind < EVENT_KINDS; kind++)
                if (query->kinds & 1u << kind)
                        find(&store->logs[kind], kind, query, now_ns - store->options->event_age_ns[kind], &found);
        if (found.count)
                qsort(found.items, found.count, sizeof(*found.items), by_time);
        size_t first = query->max && found.count > query->max ? found.count - query->max : 0;
        int stop = 0;
        for (size_t i = first; i < found.count && !stop; i++) {
                struct container_event event;
                read_record(found.items[i].block, found.items[i].at, found.items[i].kind, &event);
                stop = each(&event, cookie);
        }
        vec_done(&found);
        return stop;
}
