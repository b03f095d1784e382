/* The accumulation; pure. */
#include "modules/metrics/collect/process_series.h"

#include "base/map.h"
#include "base/timefmt.h"
#include "base/vec.h"

#include <math.h>

static const double HALF_LIFE_NS = 300e9; /* of what counts as of late */

struct seen { /* one process at a look */
        pid_t pid;
        uint64_t start_ticks, cpu_ns, read_bytes, write_bytes;
        uint32_t row; /* where it was in its group: a guess, rows move */
};

struct process_group {
        VEC(struct process_counters) rows;
};

struct process_series {
        bool by_pid;
        struct map groups; /* by name of the container */
        VEC(struct seen) now, before;
        bool sorted; /* now is, by pid */
        size_t rows;
        int64_t looked_ns;
        uint64_t refused;
};

struct process_series *process_series_new(bool by_pid, struct error *err)
{
        struct process_series *series = calloc(1, sizeof(*series));
        if (!series)
                return fail_null(err, E_NO_MEMORY, "no memory for the series of processes");
        series->by_pid = by_pid;
        map_init(&series->groups, PROCESS_SERIES_ROWS_MAX);
        return series;
}

static void group_free(struct process_group *group)
{
        vec_done(&group->rows);
        free(group);
}

void process_series_free(struct process_series *series)
{
        if (!series)
                return;
        map_foreach (entry, &series->groups)
                group_free(entry->value);
        map_done(&series->groups);
        vec_done(&series->now);
        vec_done(&series->before);
        free(series);
}

size_t process_series_count(const struct process_series *series)
{
        return series->rows;
}

uint64_t process_series_refused(const struct process_series *series)
{
        return series->refused;
}

int64_t process_series_looked_ns(const struct process_series *series)
{
        return series->looked_ns;
}

void process_series_begin(struct process_series *series, int64_t now_ns)
{
        const double left = exp2(-(double)(now_ns - series->looked_ns) / HALF_LIFE_NS);
        map_foreach (entry, &series->groups) {
                struct process_group *group = entry->value;
                vec_foreach (row, &group->rows) {
                        row->weight *= left;
                        row->rss = row->processes = 0;
                        row->has_io = false;
                }
        }
        series->now.count = 0;
        series->sorted = true;
        series->looked_ns = now_ns;
}

static const struct seen *find_seen(const struct process_series *series, pid_t pid)
{
        size_t low = 0;
        size_t high = series->before.count;
        while (low < high) {
                size_t middle = low + (high - low) / 2;
                if (series->before.items[middle].pid < pid)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low < series->before.count && series->before.items[low].pid == pid ? &series->before.items[low] : NULL;
}

static struct process_group *group_of(struct process_series *series, struct sv container)
{
        struct process_group *group = map_get(&series->groups, container);
        if (group)
                return group;
        group = calloc(1, sizeof(*group));
        if (group && map_put(&series->groups, container, group) < 0) {
                free(group);
                group = NULL;
        }
        return group;
}

static bool is_row(const struct process_counters *row, const char *comm, pid_t pid)
{
        return row->pid == pid && strcmp(row->comm, comm) == 0;
}

static struct process_counters *row_of(
        struct process_series *series, struct process_group *group, const struct process_sample *sample, size_t guess)
{
        const pid_t pid = series->by_pid ? sample->pid : 0;
        if (guess < group->rows.count && is_row(&group->rows.items[guess], sample->comm, pid))
                return &group->rows.items[guess];
        vec_foreach (row, &group->rows)
                if (is_row(row, sample->comm, pid))
                        return row;
        struct process_counters *row =
                series->rows < PROCESS_SERIES_ROWS_MAX ? vec_add(&group->rows, PROCESS_SERIES_ROWS_MAX) : NULL;
        if (!row)
                return NULL;
        series->rows++;
        snprintf(row->comm, sizeof(row->comm), "%s", sample->comm);
        row->pid = pid;
        return row;
}

static uint64_t grown(uint64_t before, uint64_t now)
{
        return now > before ? now - before : 0;
}

void process_series_add(struct process_series *series, struct sv container, const struct process_sample *sample)
{
        const struct seen *before = find_seen(series, sample->pid);
        if (before && before->start_ticks != sample->start_ticks)
                before = NULL;
        struct process_group *group = group_of(series, container);
        struct process_counters *row = group ? row_of(series, group, sample, before ? before->row : 0) : NULL;
        struct seen *now = row ? vec_add(&series->now, PROCESS_SERIES_PROCESSES_MAX) : NULL;
        if (!now) {
                series->refused++;
                return;
        }
        if (series->now.count > 1 && now[-1].pid >= sample->pid)
                series->sorted = false;
        *now = (struct seen){ .pid = sample->pid,
                .start_ticks = sample->start_ticks,
                .cpu_ns = sample->cpu_ns,
                /* unreadable for once: what it had counts, so that it is not added again */
                .read_bytes = sample->has_io || !before ? sample->read_bytes : before->read_bytes,
                .write_bytes = sample->has_io || !before ? sample->write_bytes : before->write_bytes,
                .row = (uint32_t)(row - group->rows.items) };
        const uint64_t cpu_ns = grown(before ? before->cpu_ns : 0, now->cpu_ns);
        row->cpu_ns += cpu_ns;
        row->weight += (double)cpu_ns;
        row->read_bytes += grown(before ? before->read_bytes : 0, now->read_bytes);
        row->write_bytes += grown(before ? before->write_bytes : 0, now->write_bytes);
        row->rss += sample->rss;
        row->processes++;
        row->has_io |= sample->has_io;
}

static int by_pid(const void *a, const void *b)
{
        const struct seen *x = a;
        const struct seen *y = b;
        return (x->pid > y->pid) - (x->pid < y->pid);
}

/* Rows without a process go, and groups without a row. */
static void sweep(struct process_series *series)
{
        size_t at = 0;
        while (at < series->groups.count) {
                const struct map_entry *entry = &series->groups.entries[at];
                struct process_group *group = entry->value;
                for (size_t i = 0; i < group->rows.count;) {
                        if (group->rows.items[i].processes) {
                                i++;
                                continue;
                        }
                        vec_swap_remove(&group->rows, i);
                        series->rows--;
                }
                if (group->rows.count) {
                        at++;
                        continue;
                }
                map_remove(&series->groups, sv_n(entry->key, entry->key_length));
                group_free(group);
        }
}

void process_series_end(struct process_series *series)
{
        if (!series->sorted)
                qsort(series->now.items, series->now.count, sizeof(*series->now.items), by_pid);
        __typeof__(series->before) memory = series->before; /* serves the next look */
        series->before = series->now;
        series->now = memory;
        sweep(series);
}

/* More CPU of late, else more ever, else by name: an order that does not change by itself. */
static bool goes_before(const struct process_counters *a, const struct process_counters *b)
{
        if (a->weight > b->weight || a->weight < b->weight)
                return a->weight > b->weight;
        if (a->cpu_ns != b->cpu_ns)
                return a->cpu_ns > b->cpu_ns;
        const int order = strcmp(a->comm, b->comm);
        return order ? order < 0 : a->pid < b->pid;
}

size_t process_series_of(const struct process_series *series, struct sv container, size_t limit,
        const struct process_counters **ret, size_t *ret_left)
{
        const struct process_group *group = map_get(&series->groups, container);
        size_t count = 0;
        *ret_left = 0;
        if (!group)
                return 0;
        if (limit > PROCESS_SERIES_SHOWN_MAX)
                limit = PROCESS_SERIES_SHOWN_MAX;
        vec_foreach (row, &group->rows) {
                if (count == limit && (!limit || !goes_before(row, ret[count - 1])))
                        continue;
                size_t at = count < limit ? count++ : count - 1;
                for (; at > 0 && goes_before(row, ret[at - 1]); at--)
                        ret[at] = ret[at - 1];
                ret[at] = row;
        }
        *ret_left = group->rows.count - count;
        return count;
}
