#include "agent/alerts.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "schema/json_writer.h"

#include <sys/random.h>

int alerts_init(struct alert_queue *queue, struct error *err)
{
        *queue = (struct alert_queue){ .next = 1 };
        if (getrandom(&queue->sender, sizeof(queue->sender), 0) != (ssize_t)sizeof(queue->sender))
                return fail_errno(err, "random bytes");
        return 0;
}

static void forget(struct alert_queue *queue, struct alert_waiting *alert)
{
        queue->bytes -= alert->message.n;
        free((char *)alert->message.p);
}

void alerts_done(struct alert_queue *queue)
{
        vec_foreach (alert, &queue->waiting)
                forget(queue, alert);
        vec_done(&queue->waiting);
}

const struct alert_receiver *alerts_find(const struct alert_queue *queue, const char *name)
{
        for (size_t i = 0; i < queue->receiver_count; i++)
                if (strcmp(queue->receivers[i].name, name) == 0)
                        return &queue->receivers[i];
        return NULL;
}

bool alerts_wanted(const struct alert_queue *queue)
{
        for (size_t i = 0; i < queue->receiver_count; i++)
                if (queue->receivers[i].enabled)
                        return true;
        return false;
}

/* Forgets the oldest so many. */
static void drop(struct alert_queue *queue, size_t count)
{
        for (size_t i = 0; i < count; i++)
                forget(queue, &queue->waiting.items[i]);
        queue->waiting.count -= count;
        if (!queue->waiting.count)
                vec_done(&queue->waiting); /* a burst leaves no memory behind */
        else if (count)
                memmove(queue->waiting.items, queue->waiting.items + count,
                        queue->waiting.count * sizeof(queue->waiting.items[0]));
}

/* Up to which number it has all that it is to have; UINT64_MAX: it waits for nothing. */
static uint64_t taken_of(const struct alert_receiver *receiver)
{
        if (receiver->enabled)
                return receiver->taken;
        return receiver->leaving && receiver->taken < receiver->until ? receiver->taken : UINT64_MAX;
}

/* The number up to which all receivers have them (or the first enabled one of them: who is furthest). */
static uint64_t taken_by(const struct alert_queue *queue, bool all)
{
        uint64_t least = UINT64_MAX, most = 0;
        for (size_t i = 0; i < queue->receiver_count; i++) {
                const struct alert_receiver *receiver = &queue->receivers[i];
                if (taken_of(receiver) < least)
                        least = taken_of(receiver);
                if (receiver->enabled && receiver->taken > most)
                        most = receiver->taken;
        }
        return all ? least : most;
}

static size_t count_up_to(const struct alert_queue *queue, uint64_t number)
{
        size_t count = 0;
        while (count < queue->waiting.count && queue->waiting.items[count].number <= number)
                count++;
        return count;
}

static size_t trim(struct alert_queue *queue)
{
        size_t count = count_up_to(queue, taken_by(queue, true));
        drop(queue, count);
        return count;
}

int alerts_receiver(struct alert_queue *queue, const char *name, bool enabled)
{
        struct alert_receiver *receiver = (struct alert_receiver *)alerts_find(queue, name);
        if (!receiver && !enabled)
                return 0;
        if (!receiver && queue->receiver_count == ALERT_RECEIVERS_MAX)
                return -1;
        if (!receiver) {
                receiver = &queue->receivers[queue->receiver_count++];
                snprintf(receiver->name, sizeof(receiver->name), "%s", name);
        }
        if (enabled && !receiver->enabled && !receiver->leaving)
                receiver->taken = queue->next - 1;
        if (receiver->enabled && !enabled)
                receiver->until = queue->next - 1;
        receiver->leaving = !enabled && (receiver->enabled || receiver->leaving);
        receiver->enabled = enabled;
        trim(queue);
        return 0;
}

size_t alerts_untaken(
        const struct alert_queue *queue, const struct alert_receiver *receiver, const struct alert_waiting **ret_first)
{
        size_t have = count_up_to(queue, taken_of(receiver));
        size_t all = receiver->enabled ? queue->waiting.count : count_up_to(queue, receiver->until);
        *ret_first = have < all ? &queue->waiting.items[have] : NULL;
        return have < all ? all - have : 0;
}

size_t alerts_receiver_ended(struct alert_queue *queue, const char *name, char *ret_first, size_t size)
{
        struct alert_receiver *receiver = (struct alert_receiver *)alerts_find(queue, name);
        const struct alert_waiting *first = NULL;
        size_t untaken = receiver && receiver->leaving ? alerts_untaken(queue, receiver, &first) : 0;
        if (ret_first)
                snprintf(ret_first, size, "%s", first ? first->message.p : "");
        if (receiver)
                receiver->leaving = false;
        trim(queue);
        return untaken;
}

static void write_message(
        const struct alert_queue *queue, const char *module, int64_t time_ns, const char *text, struct buf *out)
{
        struct json_writer writer;
        char sender[17];
        snprintf(sender, sizeof(sender), "%016llx", (unsigned long long)queue->sender);
        json_writer_init(&writer, out, 0);
        json_begin_object(&writer);
        json_field(&writer, "class", json_put_text, "alert");
        json_key(&writer, "parameters");
        json_begin_object(&writer);
        json_field(&writer, "message", json_put_text, text);
        json_field(&writer, "id", json_put_uint, queue->next);
        json_field(&writer, "sender", json_put_text, sender);
        json_field(&writer, "module", json_put_text, module);
        json_field(&writer, "time_ns", json_put_int, time_ns);
        json_end_object(&writer);
        json_end_object(&writer);
}

/* So that a message of this size fits; false when it cannot be had. */
static bool make_room(struct alert_queue *queue, size_t size)
{
        size_t count = 0, bytes = queue->bytes;
        const size_t can_go = count_up_to(queue, taken_by(queue, false));
        if (size > ALERTS_BYTES_MAX)
                return false;
        while (count < can_go && (queue->waiting.count - count >= ALERTS_MAX || bytes + size > ALERTS_BYTES_MAX))
                bytes -= queue->waiting.items[count++].message.n;
        if (queue->waiting.count - count >= ALERTS_MAX || bytes + size > ALERTS_BYTES_MAX)
                return false;
        queue->skipped += count;
        drop(queue, count);
        return true;
}

const struct alert_waiting *alerts_add(struct alert_queue *queue, const char *module, int64_t time_ns, const char *text)
{
        cleanup(buf_done) struct buf message;
        buf_init(&message, ALERTS_BYTES_MAX + 1);
        write_message(queue, module, time_ns, text, &message);
        if (message.failed || !make_room(queue, message.len))
                return NULL;
        char *copy = strndup(message.data, message.len);
        struct alert_waiting *alert = copy ? vec_add(&queue->waiting, ALERTS_MAX) : NULL;
        if (!alert) {
                free(copy);
                return NULL;
        }
        *alert = (struct alert_waiting){ queue->next++, sv_n(copy, message.len) };
        queue->bytes += message.len;
        return alert;
}

size_t alerts_taken(struct alert_queue *queue, const char *name, uint64_t sender, uint64_t number)
{
        struct alert_receiver *receiver = (struct alert_receiver *)alerts_find(queue, name);
        if (sender != queue->sender || !receiver || number <= receiver->taken || number >= queue->next)
                return 0;
        receiver->taken = number;
        return trim(queue);
}
