#include "modules/watch/source/queue.h"

#include <sys/mman.h>

/* Each item is a header and its bytes, rounded up to the header's size. An item never wraps: where the end of the ring
 * has no room for it, a header with SKIP stands there. */
struct header {
        uint32_t size;
};
enum { HEADER = sizeof(struct header) };
#define SKIP UINT32_MAX

static size_t padded(size_t size)
{
        return HEADER + ((size + HEADER - 1) & ~(size_t)(HEADER - 1));
}

int queue_init(struct queue *queue, size_t size, struct error *err)
{
        memset(queue, 0, sizeof(*queue));
        queue->size = (size + 4095) & ~(size_t)4095;
        queue->ring =
                mmap(NULL, queue->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (queue->ring == MAP_FAILED) {
                queue->ring = NULL;
                return fail_errno(err, "a queue of %zu bytes", queue->size);
        }
        return 0;
}

void queue_done(struct queue *queue)
{
        if (queue->ring)
                munmap(queue->ring, queue->size);
        memset(queue, 0, sizeof(*queue));
}

static struct header *header_at(const struct queue *queue, size_t at)
{
        return (struct header *)(void *)(queue->ring + at);
}

char *queue_reserve(struct queue *queue, size_t size)
{
        size_t need = padded(size);
        if (queue->used == 0)
                queue->head = 0; /* keeps to the pages that are in memory already */
        size_t tail = (queue->head + queue->used) % queue->size;
        size_t to_end = queue->size - tail;
        size_t skipped = tail >= queue->head && to_end < need ? to_end : 0;
        if (size > QUEUE_ITEM_MAX || queue->used + skipped + need > queue->size) {
                queue->counters.lost++;
                return NULL;
        }
        if (skipped) {
                header_at(queue, tail)->size = SKIP;
                queue->used += skipped;
                tail = 0;
        }
        return queue->ring + tail + HEADER;
}

void queue_commit(struct queue *queue, size_t size)
{
        struct queue_counters *counters = &queue->counters;
        if (size == 0)
                return;
        header_at(queue, (queue->head + queue->used) % queue->size)->size = (uint32_t)size;
        queue->used += padded(size);
        counters->pushed++;
        counters->bytes += size;
        if (++counters->depth > counters->depth_high)
                counters->depth_high = counters->depth;
        if (counters->bytes > counters->bytes_high)
                counters->bytes_high = counters->bytes;
}

bool queue_push(struct queue *queue, struct sv item)
{
        char *room = queue_reserve(queue, item.n);
        if (!room)
                return false;
        memcpy(room, item.p, item.n);
        queue_commit(queue, item.n);
        return true;
}

/* Steps over the rest of the ring that held no item. */
static size_t front_at(const struct queue *queue)
{
        return header_at(queue, queue->head)->size == SKIP ? 0 : queue->head;
}

bool queue_front(const struct queue *queue, struct sv *ret)
{
        if (queue->counters.depth == 0)
                return false;
        size_t at = front_at(queue);
        *ret = sv_n(queue->ring + at + HEADER, header_at(queue, at)->size);
        return true;
}

void queue_pop(struct queue *queue)
{
        if (queue->counters.depth == 0)
                return;
        size_t at = front_at(queue);
        if (at != queue->head)
                queue->used -= queue->size - queue->head;
        size_t size = header_at(queue, at)->size;
        queue->head = (at + padded(size)) % queue->size;
        queue->used -= padded(size);
        queue->counters.depth--;
        queue->counters.bytes -= size;
}
