/* Timers in a binary heap ordered by (deadline, order of setting). */
#include "loop/reactor.h"

static bool before(const struct heap_entry *a, const struct heap_entry *b)
{
        return a->deadline_ns != b->deadline_ns ? a->deadline_ns < b->deadline_ns : a->sequence < b->sequence;
}

static void heap_place(struct loop *loop, size_t position, struct heap_entry entry)
{
        loop->heap.items[position] = entry;
        ((struct timer_entry *)slots_at(&loop->timers, entry.index))->position = position + 1;
}

static void heap_sift_up(struct loop *loop, size_t position, struct heap_entry entry)
{
        while (position > 0) {
                size_t parent = (position - 1) / 2;
                if (!before(&entry, &loop->heap.items[parent]))
                        break;
                heap_place(loop, position, loop->heap.items[parent]);
                position = parent;
        }
        heap_place(loop, position, entry);
}

static void heap_sift_down(struct loop *loop, size_t position, struct heap_entry entry)
{
        for (;;) {
                size_t child = position * 2 + 1;
                if (child >= loop->heap.count)
                        break;
                if (child + 1 < loop->heap.count && before(&loop->heap.items[child + 1], &loop->heap.items[child]))
                        child++;
                if (!before(&loop->heap.items[child], &entry))
                        break;
                heap_place(loop, position, loop->heap.items[child]);
                position = child;
        }
        heap_place(loop, position, entry);
}

/* Moves an entry whose key changed, or that took a removed one's place, to where it belongs. */
static void heap_settle(struct loop *loop, size_t position, struct heap_entry entry)
{
        if (position > 0 && before(&entry, &loop->heap.items[(position - 1) / 2]))
                heap_sift_up(loop, position, entry);
        else
                heap_sift_down(loop, position, entry);
}

static void put_to_sleep(struct loop *loop, struct timer_entry *timer)
{
        if (!timer->position)
                return;
        size_t position = timer->position - 1;
        timer->position = 0;
        struct heap_entry last = loop->heap.items[--loop->heap.count];
        if (position < loop->heap.count)
                heap_settle(loop, position, last);
}

/* The heap has room for every timer of the table, so setting an existing timer cannot fail (loop_add_timer_at sees to
 * it). A deadline in the past counts as now: it must not overtake those which are due already and wait in this very
 * round. */
static void set_deadline(struct loop *loop, struct timer_entry *timer, int64_t deadline_ns)
{
        if (deadline_ns == LOOP_NEVER) {
                put_to_sleep(loop, timer);
                return;
        }
        int64_t now_ns = loop_now_ns(loop);
        struct heap_entry entry = {
                .deadline_ns = deadline_ns < now_ns ? now_ns : deadline_ns,
                .sequence = loop->sequence++,
                .index = (uint32_t)slots_id(&loop->timers, timer),
        };
        if (timer->position) {
                heap_settle(loop, timer->position - 1, entry);
                return;
        }
        loop->heap.count++;
        heap_sift_up(loop, loop->heap.count - 1, entry);
}

int loop_add_timer_at(struct loop *loop, int64_t deadline_ns, int64_t period_ns, loop_timer_fn *callback, void *cookie,
        loop_id *ret_id, struct error *err)
{
        loop_id id;
        struct timer_entry *timer = slots_take(&loop->timers, &id, err);
        if (!timer) {
                COUNT(loop, refused);
                return -1;
        }
        if (loop->heap.capacity < loop->timers.count) {
                struct heap_entry *grown = realloc(loop->heap.items, loop->timers.capacity * sizeof(*grown));
                if (!grown) {
                        slots_release(&loop->timers, id);
                        COUNT(loop, refused);
                        return fail(err, E_NO_MEMORY, "no memory for a timer");
                }
                loop->heap.items = grown;
                loop->heap.capacity = loop->timers.capacity;
        }
        timer->period_ns = period_ns > 0 ? period_ns : 0;
        timer->callback = callback;
        timer->cookie = cookie;
        set_deadline(loop, timer, deadline_ns);
        if (ret_id)
                *ret_id = id;
        return 0;
}

static int64_t after(const struct loop *loop, int64_t delay_ns)
{
        int64_t now_ns = loop_now_ns(loop);
        if (delay_ns <= 0)
                return now_ns;
        return delay_ns > LOOP_NEVER - now_ns ? LOOP_NEVER : now_ns + delay_ns;
}

int loop_add_timer(struct loop *loop, int64_t delay_ns, int64_t period_ns, loop_timer_fn *callback, void *cookie,
        loop_id *ret_id, struct error *err)
{
        return loop_add_timer_at(loop, after(loop, delay_ns), period_ns, callback, cookie, ret_id, err);
}

int loop_rearm_timer_at(struct loop *loop, loop_id id, int64_t deadline_ns)
{
        struct timer_entry *timer = slots_get(&loop->timers, id);
        if (!timer)
                return -1;
        timer->kept = true;
        set_deadline(loop, timer, deadline_ns);
        return 0;
}

int loop_rearm_timer(struct loop *loop, loop_id id, int64_t delay_ns)
{
        return loop_rearm_timer_at(loop, id, after(loop, delay_ns));
}

void loop_drop_timer(struct loop *loop, loop_id id)
{
        struct timer_entry *timer = slots_get(&loop->timers, id);
        if (!timer)
                return;
        put_to_sleep(loop, timer);
        slots_release(&loop->timers, id);
}

int64_t loop_next_deadline_ns(const struct loop *loop)
{
        return loop->heap.count ? loop->heap.items[0].deadline_ns : LOOP_NEVER;
}

static void set_next_period(struct loop *loop, struct timer_entry *timer, int64_t deadline_ns)
{
        int64_t missed = (loop->now_ns - deadline_ns) / timer->period_ns;
        COUNT_N(loop, timers_skipped, missed);
        int64_t step_ns;
        if (__builtin_mul_overflow(missed + 1, timer->period_ns, &step_ns) || step_ns > LOOP_NEVER - deadline_ns)
                put_to_sleep(loop, timer);
        else
                set_deadline(loop, timer, deadline_ns + step_ns);
}

int loop_fire_timers(struct loop *loop)
{
        int fired = 0;
        uint64_t first_new = loop->sequence; /* what a callback sets waits for the next iteration */
        while (loop->heap.count) {
                struct heap_entry due = loop->heap.items[0];
                if (due.deadline_ns > loop->now_ns || due.sequence >= first_new)
                        break;
                struct timer_entry *timer = slots_at(&loop->timers, due.index);
                loop_id id = slots_id(&loop->timers, timer);
                if (timer->period_ns)
                        set_next_period(loop, timer, due.deadline_ns);
                else
                        put_to_sleep(loop, timer);
                timer->kept = timer->period_ns > 0;
                timer->callback(loop, id, timer->cookie);
                fired++;
                timer = slots_get(&loop->timers, id);
                if (timer && !timer->kept)
                        loop_drop_timer(loop, id);
        }
        COUNT_N(loop, timers_fired, fired);
        return fired;
}
