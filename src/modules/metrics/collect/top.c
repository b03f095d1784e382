/* Rates between two looks; pure. */
#include "modules/metrics/collect/top.h"

#include "base/timefmt.h"
#include "base/vec.h"

const char *const top_order_names[] = { "cpu", "memory", "read", "write", "receive", "send", "io", "network", NULL };

struct top_process {
        struct top_sample sample;
        uint64_t received, sent; /* since the last look */
};

struct top_socket {
        uint64_t cookie, received, sent;
};

struct top_view { /* what one look saw; sorted when it is over */
        VEC(struct top_process) processes;
        VEC(struct top_socket) sockets;
        int64_t at_ns;
};

struct top {
        struct top_view now, before;
        int64_t now_unix_ns;
        uint64_t refused;
};

struct top *top_new(struct error *err)
{
        struct top *top = calloc(1, sizeof(*top));
        return top ? top : fail_errno_null(err, "top");
}

static void view_done(struct top_view *view)
{
        vec_done(&view->processes);
        vec_done(&view->sockets);
}

void top_free(struct top *top)
{
        if (!top)
                return;
        view_done(&top->now);
        view_done(&top->before);
        free(top);
}

int64_t top_looked_ns(const struct top *top)
{
        return top->before.at_ns;
}

uint64_t top_refused(const struct top *top)
{
        return top->refused;
}

size_t top_memory(const struct top *top)
{
        return sizeof(*top) +
               (top->now.processes.capacity + top->before.processes.capacity) * sizeof(struct top_process) +
               (top->now.sockets.capacity + top->before.sockets.capacity) * sizeof(struct top_socket);
}

void top_begin(struct top *top, int64_t now_ns, int64_t now_unix_ns)
{
        top->now.processes.count = 0;
        top->now.sockets.count = 0;
        top->now.at_ns = now_ns;
        top->now_unix_ns = now_unix_ns;
}

/* Processes come by pid nearly always: then the list stays sorted without work. */
bool top_add(struct top *top, const struct top_sample *sample)
{
        size_t at = top->now.processes.count;
        struct top_process *row = vec_add(&top->now.processes, TOP_PROCESSES_MAX);
        if (!row) {
                top->refused++;
                return false;
        }
        struct top_process *rows = top->now.processes.items;
        while (at > 0 && rows[at - 1].sample.pid > sample->pid)
                at--;
        memmove(rows + at + 1, rows + at, (top->now.processes.count - 1 - at) * sizeof(*rows));
        rows[at] = (struct top_process){ .sample = *sample };
        return true;
}

static struct top_process *find_process(const struct top_view *view, pid_t pid)
{
        size_t low = 0;
        size_t high = view->processes.count;
        while (low < high) {
                size_t middle = low + (high - low) / 2;
                if (view->processes.items[middle].sample.pid < pid)
                        low = middle + 1;
                else
                        high = middle;
        }
        bool found = low < view->processes.count && view->processes.items[low].sample.pid == pid;
        return found ? &view->processes.items[low] : NULL;
}

static const struct top_socket *find_socket(const struct top_view *view, uint64_t cookie)
{
        size_t low = 0;
        size_t high = view->sockets.count;
        while (low < high) {
                size_t middle = low + (high - low) / 2;
                if (view->sockets.items[middle].cookie < cookie)
                        low = middle + 1;
                else
                        high = middle;
        }
        bool found = low < view->sockets.count && view->sockets.items[low].cookie == cookie;
        return found ? &view->sockets.items[low] : NULL;
}

static uint64_t grown(uint64_t before, uint64_t now)
{
        return now > before ? now - before : 0;
}

/* At the first look the past of a connection is not this process's rate; later a new one began since the last look. */
void top_add_socket(struct top *top, pid_t pid, uint64_t cookie, uint64_t received, uint64_t sent)
{
        struct top_process *process = find_process(&top->now, pid);
        struct top_socket *slot = process ? vec_add(&top->now.sockets, TOP_SOCKETS_MAX) : NULL;
        if (!slot) {
                top->refused++;
                return;
        }
        *slot = (struct top_socket){ cookie, received, sent };
        if (!top->before.at_ns)
                return;
        const struct top_socket *before = find_socket(&top->before, cookie);
        process->received += grown(before ? before->received : 0, received);
        process->sent += grown(before ? before->sent : 0, sent);
}

static double per_second(uint64_t amount, int64_t span_ns)
{
        return span_ns > 0 ? (double)amount * (double)SECOND / (double)span_ns : 0;
}

static struct top_row rates_of(const struct top *top, const struct top_process *process)
{
        const struct top_sample *sample = &process->sample;
        struct top_row row = { .pid = sample->pid,
                .group = sample->group,
                .start_ticks = sample->start_ticks,
                .start_unix_ns = sample->start_unix_ns,
                .uid = sample->uid,
                .rss = sample->rss,
                .has_io = sample->has_io,
                .has_network = sample->has_network };
        memcpy(row.comm, sample->comm, sizeof(row.comm));
        const struct top_process *before = find_process(&top->before, sample->pid);
        int64_t look_ns = top->now.at_ns - top->before.at_ns;
        int64_t span_ns = look_ns;
        struct top_sample zero = { 0 };
        const struct top_sample *base = before ? &before->sample : &zero;
        if (!before || base->start_ticks != sample->start_ticks) { /* not seen before: since its start */
                base = &zero;
                span_ns = top->now_unix_ns - sample->start_unix_ns;
        }
        uint64_t cpu = sample->cpu_ns > base->cpu_ns ? (uint64_t)(sample->cpu_ns - base->cpu_ns) : 0;
        row.cpu = per_second(cpu, span_ns) / (double)SECOND;
        row.read_rate = per_second(grown(base->read_bytes, sample->read_bytes), span_ns);
        row.write_rate = per_second(grown(base->write_bytes, sample->write_bytes), span_ns);
        if (top->before.at_ns) {
                row.receive_rate = per_second(process->received, look_ns);
                row.send_rate = per_second(process->sent, look_ns);
        }
        return row;
}

static double weight_of(const struct top_row *row, enum top_order order)
{
        switch (order) {
        case TOP_MEMORY:
                return (double)row->rss;
        case TOP_READ:
                return row->read_rate;
        case TOP_WRITE:
                return row->write_rate;
        case TOP_RECEIVE:
                return row->receive_rate;
        case TOP_SEND:
                return row->send_rate;
        case TOP_IO:
                return row->read_rate + row->write_rate;
        case TOP_NETWORK:
                return row->receive_rate + row->send_rate;
        case TOP_CPU:
        case TOP_ORDERS:
                break;
        }
        return row->cpu;
}

/* Keeps ret sorted, the most first; equal ones by pid, as they come. */
size_t top_insert(struct top_row *ret, size_t count, size_t limit, const struct top_row *row, enum top_order order)
{
        double weight = weight_of(row, order);
        if (count == limit && (limit == 0 || weight <= weight_of(&ret[count - 1], order)))
                return count;
        size_t at = count < limit ? count++ : count - 1;
        while (at > 0 && weight_of(&ret[at - 1], order) < weight) {
                ret[at] = ret[at - 1];
                at--;
        }
        ret[at] = *row;
        return count;
}

static int compare_sockets(const void *a, const void *b)
{
        const struct top_socket *x = a;
        const struct top_socket *y = b;
        return (x->cookie > y->cookie) - (x->cookie < y->cookie);
}

void top_finish_each(struct top *top, void (*each)(const struct top_row *row, void *cookie), void *cookie)
{
        vec_foreach (process, &top->now.processes) {
                struct top_row row = rates_of(top, process);
                each(&row, cookie);
        }
        if (top->now.sockets.count)
                qsort(top->now.sockets.items, top->now.sockets.count, sizeof(struct top_socket), compare_sockets);
        struct top_view view = top->before; /* its memory serves the next look */
        top->before = top->now;
        top->now = view;
}

struct chosen {
        struct top_row *rows;
        size_t count, limit;
        enum top_order order;
};

static void choose(const struct top_row *row, void *cookie)
{
        struct chosen *chosen = cookie;
        chosen->count = top_insert(chosen->rows, chosen->count, chosen->limit, row, chosen->order);
}

size_t top_finish(struct top *top, enum top_order order, struct top_row *ret, size_t limit)
{
        struct chosen chosen = { ret, 0, limit, order };
        top_finish_each(top, choose, &chosen);
        return chosen.count;
}
