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

static void write_message(const struct alert_queue *queue, const char *text, struct buf *out)
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
        json_end_object(&writer);
        json_end_object(&writer);
}

const struct alert_waiting *alerts_add(struct alert_queue *queue, const char *text)
{
        cleanup(buf_done) struct buf message;
        buf_init(&message, ALERTS_BYTES_MAX - queue->bytes + 1);
        write_message(queue, text, &message);
        char *copy = message.failed || message.len > ALERTS_BYTES_MAX - queue->bytes
                             ? NULL
                             : strndup(message.data, message.len);
        struct alert_waiting *alert = copy ? vec_add(&queue->waiting, ALERTS_MAX) : NULL;
        if (!alert) {
                free(copy);
                return NULL;
        }
        *alert = (struct alert_waiting){ queue->next++, sv_n(copy, message.len) };
        queue->bytes += message.len;
        return alert;
}

size_t alerts_taken(struct alert_queue *queue, uint64_t sender, uint64_t number)
{
        size_t taken = 0;
        if (sender != queue->sender)
                return 0;
        while (taken < queue->waiting.count && queue->waiting.items[taken].number <= number)
                forget(queue, &queue->waiting.items[taken++]);
        queue->waiting.count -= taken;
        if (!queue->waiting.count)
                vec_done(&queue->waiting); /* a burst leaves no memory behind */
        else if (taken)
                memmove(queue->waiting.items, queue->waiting.items + taken,
                        queue->waiting.count * sizeof(queue->waiting.items[0]));
        return taken;
}
