/* Events from records (assemble.h). An event under way is a slot: its records' texts copied one behind the other into a
 * buffer that is used again for later events. The slots in flight stand in a hash by serial and in a list, by arrival
 * or (in_order) by serial. */
#include "lib/audit/assemble.h"

#include <linux/audit.h>

enum {
        BUCKETS = 1024, /* a power of two */
        CLOSED = 1024,  /* events handed out that are remembered, a power of two */
        SPARE_MAX = 32, /* free slots that are kept */
        TEXT_FIRST = 2048,
        TEXT_KEPT = 64 << 10, /* a free slot keeps no larger buffer */
        RECORDS_FIRST = 16,
        URINGOP = 1336, /* AUDIT_URINGOP of Linux 5.16 */
};

#define MS ((int64_t)1000000)
#define SWEEP_NS (50 * MS)
#define CLOCK_MAX (INT64_MAX / 2) /* and a deadline behind it is still a number */

struct piece { /* of a slot's text */
        uint32_t type, length;
        size_t offset;
};

struct slot {
        struct slot *next_in_bucket;
        struct slot *before, *after;
        int64_t time_ns, begun_ns, deadline_ns;
        uint32_t serial;
        char *text;
        size_t used, capacity;
        struct piece *pieces;
        size_t count, pieces_capacity;
        bool endless; /* of a type that has no end: nothing is remembered of it */
        bool ended, truncated, late;
};

struct closed {
        int64_t time_ns;
        uint32_t serial;
        bool set, ended;
};

struct audit_assembler {
        struct audit_assembler_options options;
        struct audit_assembler_counters counters;
        struct audit_sequence sequence;
        struct slot *buckets[BUCKETS];
        struct slot *first, *last;
        struct slot *spare;
        unsigned spare_count;
        struct closed closed[CLOSED];
        struct audit_event_record *records; /* of the event that is handed out: records_max */
        int64_t now_ns, swept_ns;
        uint32_t newest_out; /* serial of the newest event handed out */
        bool any_out, eoe_seen;
};

/* Types of which no EOE follows; see the header. */
static bool has_no_end(uint32_t type)
{
        return type == AUDIT_USER || (type >= AUDIT_FIRST_USER_MSG && type < AUDIT_SYSCALL) || type >= 2100 ||
               type == AUDIT_KERNEL || type == AUDIT_ANOM_ABEND || type == AUDIT_SECCOMP;
}

static bool is_of_auditd(uint32_t type)
{
        return type >= 1200 && type < AUDIT_SYSCALL;
}

static size_t bucket_of(uint32_t serial)
{
        return (serial * UINT32_C(2654435761)) >> 22;
}

/* --- slots ----------------------------------------------------------------------------------------------------------
 */

static void slot_free(struct audit_assembler *assembler, struct slot *slot)
{
        assembler->counters.memory -= sizeof(*slot) + slot->capacity + slot->pieces_capacity * sizeof(slot->pieces[0]);
        free(slot->text);
        free(slot->pieces);
        free(slot);
}

static struct slot *slot_take(struct audit_assembler *assembler)
{
        struct slot *slot = assembler->spare;

        if (slot) {
                assembler->spare = slot->after;
                assembler->spare_count--;
        } else {
                slot = calloc(1, sizeof(*slot));
                if (!slot)
                        return NULL;
                assembler->counters.memory += sizeof(*slot);
        }
        *slot = (struct slot){
                .text = slot->text,
                .capacity = slot->capacity,
                .pieces = slot->pieces,
                .pieces_capacity = slot->pieces_capacity,
        };
        return slot;
}

static void slot_give_back(struct audit_assembler *assembler, struct slot *slot)
{
        assembler->counters.bytes -= slot->used;
        if (assembler->spare_count == SPARE_MAX || slot->capacity > TEXT_KEPT) {
                slot_free(assembler, slot);
                return;
        }
        slot->after = assembler->spare;
        assembler->spare = slot;
        assembler->spare_count++;
}

static void slot_link(struct audit_assembler *assembler, struct slot *slot)
{
        struct slot **bucket = &assembler->buckets[bucket_of(slot->serial)];
        struct slot *before = assembler->last;

        slot->next_in_bucket = *bucket;
        *bucket = slot;
        while (assembler->options.in_order && before && audit_serial_before(slot->serial, before->serial))
                before = before->before;
        slot->before = before;
        slot->after = before ? before->after : assembler->first;
        *(before ? &before->after : &assembler->first) = slot;
        *(slot->after ? &slot->after->before : &assembler->last) = slot;
        if (++assembler->counters.in_flight > assembler->counters.in_flight_high)
                assembler->counters.in_flight_high = assembler->counters.in_flight;
}

static void slot_unlink(struct audit_assembler *assembler, struct slot *slot)
{
        struct slot **at = &assembler->buckets[bucket_of(slot->serial)];

        while (*at != slot)
                at = &(*at)->next_in_bucket;
        *at = slot->next_in_bucket;
        *(slot->before ? &slot->before->after : &assembler->first) = slot->after;
        *(slot->after ? &slot->after->before : &assembler->last) = slot->before;
        assembler->counters.in_flight--;
}

static struct slot *slot_find(const struct audit_assembler *assembler, uint32_t serial, int64_t time_ns)
{
        struct slot *slot = assembler->buckets[bucket_of(serial)];

        while (slot && (slot->serial != serial || slot->time_ns != time_ns))
                slot = slot->next_in_bucket;
        return slot;
}

/* Room for one more piece and `size` more bytes of text. */
static bool slot_reserve(struct audit_assembler *assembler, struct slot *slot, size_t size)
{
        if (slot->count == slot->pieces_capacity) {
                size_t capacity = slot->pieces_capacity ? 2 * slot->pieces_capacity : RECORDS_FIRST;
                struct piece *pieces = reallocarray(slot->pieces, capacity, sizeof(*pieces));
                if (!pieces)
                        return false;
                assembler->counters.memory += (capacity - slot->pieces_capacity) * sizeof(*pieces);
                slot->pieces = pieces;
                slot->pieces_capacity = capacity;
        }
        if (!slot->text || size > slot->capacity - slot->used) { /* also for an empty text: it is pointed to */
                size_t capacity = slot->capacity ? slot->capacity : TEXT_FIRST;
                while (size > capacity - slot->used)
                        capacity *= 2;
                char *text = realloc(slot->text, capacity);
                if (!text)
                        return false;
                assembler->counters.memory += capacity - slot->capacity;
                slot->text = text;
                slot->capacity = capacity;
        }
        return true;
}

static void slot_add(struct audit_assembler *assembler, struct slot *slot, const struct audit_record *record)
{
        const struct audit_assembler_options *options = &assembler->options;

        if (slot->count >= options->records_max || record->body.n > options->event_bytes_max - slot->used ||
                !slot_reserve(assembler, slot, record->body.n)) {
                slot->truncated = true;
                assembler->counters.refused++;
                return;
        }
        slot->pieces[slot->count++] = (struct piece){ record->type, (uint32_t)record->body.n, slot->used };
        if (record->body.n)
                memcpy(slot->text + slot->used, record->body.p, record->body.n);
        slot->used += record->body.n;
        assembler->counters.bytes += record->body.n;
}

/* --- handing out ----------------------------------------------------------------------------------------------------
 */

static void hand_out(struct audit_assembler *assembler, struct slot *slot, audit_event_fn *take, void *cookie)
{
        bool passed = assembler->any_out && audit_serial_before(slot->serial, assembler->newest_out);
        struct audit_event event = {
                .serial = slot->serial,
                .time_ns = slot->time_ns,
                .records = assembler->records,
                .count = slot->count,
                .ended = slot->ended,
                .truncated = slot->truncated,
                .late = slot->late || (!slot->ended && passed),
        };

        slot_unlink(assembler, slot);
        if (!slot->endless) {
                assembler->closed[slot->serial % CLOSED] =
                        (struct closed){ slot->time_ns, slot->serial, true, slot->ended };
                if (!passed) {
                        assembler->newest_out = slot->serial;
                        assembler->any_out = true;
                }
        }
        for (size_t i = 0; i < slot->count; i++) {
                const struct piece *piece = &slot->pieces[i];
                assembler->records[i] =
                        (struct audit_event_record){ piece->type, sv_n(slot->text + piece->offset, piece->length) };
        }
        if (slot->count) { /* else its only record was refused, and counted */
                assembler->counters.events++;
                take(&event, cookie);
        }
        slot_give_back(assembler, slot);
}

static void give_up(struct audit_assembler *assembler, struct slot *slot, audit_event_fn *take, void *cookie)
{
        if (!slot->ended)
                assembler->counters.evicted++;
        hand_out(assembler, slot, take, cookie);
}

/* in_order: what stands first and is due, and what is too much. */
static void drain(struct audit_assembler *assembler, audit_event_fn *take, void *cookie)
{
        while (assembler->first) {
                struct slot *slot = assembler->first;
                if (slot->ended)
                        hand_out(assembler, slot, take, cookie);
                else if (assembler->counters.in_flight > assembler->options.in_flight_max)
                        give_up(assembler, slot, take, cookie);
                else
                        return;
        }
}

/* What has timed out. In order: only from the front, else all. */
static void sweep(struct audit_assembler *assembler, audit_event_fn *take, void *cookie)
{
        struct slot *next;

        for (struct slot *slot = assembler->first; slot; slot = next) {
                next = slot->after;
                if (slot->deadline_ns > assembler->now_ns) {
                        if (assembler->options.in_order && !slot->ended)
                                break;
                        if (!slot->ended)
                                continue;
                }
                if (!slot->ended)
                        assembler->counters.timed_out++;
                hand_out(assembler, slot, take, cookie);
        }
        assembler->swept_ns = assembler->now_ns;
        audit_sequence_advance(&assembler->sequence, assembler->now_ns, assembler->options.hole_delay_ns);
}

/* --- taking in ------------------------------------------------------------------------------------------------------
 */

static const struct closed *closed_find(const struct audit_assembler *assembler, uint32_t serial, int64_t time_ns)
{
        const struct closed *closed = &assembler->closed[serial % CLOSED];
        return closed->set && closed->serial == serial && closed->time_ns == time_ns ? closed : NULL;
}

static void end(struct audit_assembler *assembler, struct slot *slot, audit_event_fn *take, void *cookie)
{
        slot->ended = true;
        if (!assembler->options.in_order)
                hand_out(assembler, slot, take, cookie);
}

static void feed_eoe(
        struct audit_assembler *assembler, const struct audit_record *record, audit_event_fn *take, void *cookie)
{
        struct slot *slot = slot_find(assembler, record->serial, record->time_ns);

        assembler->eoe_seen = true;
        if (slot) {
                end(assembler, slot, take, cookie);
                return;
        }
        /* An end without a beginning: all else was lost, and the serial stays a hole. */
        const struct closed *closed = closed_find(assembler, record->serial, record->time_ns);
        if (closed && !closed->ended)
                assembler->counters.late++;
}

static struct slot *begin(
        struct audit_assembler *assembler, const struct audit_record *record, audit_event_fn *take, void *cookie)
{
        const struct audit_assembler_options *options = &assembler->options;
        bool late = false;

        if (closed_find(assembler, record->serial, record->time_ns)) {
                assembler->counters.late++;
                return NULL;
        }
        if (!is_of_auditd(record->type)) {
                enum audit_sequence_verdict verdict =
                        audit_sequence_see(&assembler->sequence, record->serial, record->time_ns, assembler->now_ns);
                late = verdict == AUDIT_SEQUENCE_LATE;
                assembler->counters.late += late;
                if (verdict == AUDIT_SEQUENCE_FIRST)
                        assembler->any_out = false;
        }
        if (!options->in_order && assembler->counters.in_flight >= options->in_flight_max)
                give_up(assembler, assembler->first, take, cookie);
        struct slot *slot = slot_take(assembler);
        if (!slot) {
                assembler->counters.refused++;
                return NULL;
        }
        slot->serial = record->serial;
        slot->time_ns = record->time_ns;
        slot->begun_ns = assembler->now_ns;
        slot->deadline_ns = slot->begun_ns + options->alone_timeout_ns;
        slot->endless = has_no_end(record->type);
        slot->late = late;
        slot_link(assembler, slot);
        return slot;
}

void audit_assembler_feed(struct audit_assembler *assembler, const struct audit_record *record, int64_t now_ns,
        audit_event_fn *take, void *cookie)
{
        assembler->counters.records++;
        if (now_ns > assembler->now_ns)
                assembler->now_ns = now_ns < CLOCK_MAX ? now_ns : CLOCK_MAX;
        if (assembler->now_ns - assembler->swept_ns >= SWEEP_NS)
                sweep(assembler, take, cookie);
        if (record->type == AUDIT_EOE) {
                feed_eoe(assembler, record, take, cookie);
        } else {
                struct slot *slot = slot_find(assembler, record->serial, record->time_ns);
                if (!slot)
                        slot = begin(assembler, record, take, cookie);
                if (!slot)
                        return;
                slot_add(assembler, slot, record);
                if (record->type == AUDIT_SYSCALL || record->type == URINGOP)
                        slot->deadline_ns = slot->begun_ns + assembler->options.timeout_ns;
                if (slot->endless || (record->type == AUDIT_PROCTITLE && !assembler->eoe_seen))
                        end(assembler, slot, take, cookie);
        }
        if (assembler->options.in_order)
                drain(assembler, take, cookie);
        while (assembler->counters.bytes > assembler->options.bytes_max)
                give_up(assembler, assembler->first, take, cookie);
}

void audit_assembler_tick(struct audit_assembler *assembler, int64_t now_ns, audit_event_fn *take, void *cookie)
{
        if (now_ns > assembler->now_ns)
                assembler->now_ns = now_ns;
        sweep(assembler, take, cookie);
        if (now_ns == INT64_MAX)
                assembler->now_ns = assembler->swept_ns = 0;
}

/* --- life -----------------------------------------------------------------------------------------------------------
 */

struct audit_assembler *audit_assembler_new(const struct audit_assembler_options *options, struct error *err)
{
        struct audit_assembler *assembler = calloc(1, sizeof(*assembler));

        if (!assembler)
                return fail_null(err, E_NO_MEMORY, "audit assembler: no memory");
        struct audit_assembler_options *ours = &assembler->options;
        if (options)
                *ours = *options;
#define DEFAULT(member, value) (ours->member = ours->member ? ours->member : (value))
        DEFAULT(timeout_ns, 2000 * MS);
        DEFAULT(alone_timeout_ns, 250 * MS);
        DEFAULT(hole_delay_ns, 500 * MS);
        DEFAULT(in_flight_max, 1024);
        DEFAULT(records_max, 256);
        DEFAULT(event_bytes_max, 1 << 20);
        DEFAULT(bytes_max, 4 << 20);
#undef DEFAULT
        if (ours->timeout_ns > CLOCK_MAX)
                ours->timeout_ns = CLOCK_MAX;
        if (ours->alone_timeout_ns > ours->timeout_ns)
                ours->alone_timeout_ns = ours->timeout_ns;
        assembler->records = calloc(ours->records_max, sizeof(assembler->records[0]));
        if (!assembler->records) {
                free(assembler);
                return fail_null(err, E_NO_MEMORY, "audit assembler: no memory");
        }
        assembler->counters.memory = sizeof(*assembler) + ours->records_max * sizeof(assembler->records[0]);
        return assembler;
}

void audit_assembler_free(struct audit_assembler *assembler)
{
        if (!assembler)
                return;
        while (assembler->first) {
                struct slot *slot = assembler->first;
                slot_unlink(assembler, slot);
                slot_free(assembler, slot);
        }
        while (assembler->spare) {
                struct slot *slot = assembler->spare;
                assembler->spare = slot->after;
                slot_free(assembler, slot);
        }
        free(assembler->records);
        free(assembler);
}

void audit_assembler_count(const struct audit_assembler *assembler, struct audit_assembler_counters *ret)
{
        *ret = assembler->counters;
        ret->lost = assembler->sequence.lost;
        ret->restarts = assembler->sequence.restarts;
}
