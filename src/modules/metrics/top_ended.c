/* What ended, as rows: a container and program each, or a container. */
#include "base/map.h"
#include "base/vec.h"
#include "modules/metrics/top_answer.h"

struct ended {
        struct ledger_row row; /* group and name are those of the first */
        uint32_t group;
};

struct ended_answer {
        struct top_groups *groups;
        const struct top_asked *asked;
        VEC(struct ended) rows;
        struct map sums; /* place + 1, by owner */
        uint64_t refused;
};

static bool is_asked_for(const struct ended_answer *answer, const struct top_group *group)
{
        const char *word = answer->asked->container;
        return !word || !*word || top_group_matches(group, word);
}

static void add_up(struct ledger_row *sum, const struct ledger_row *row)
{
        sum->execs += row->execs;
        sum->forks += row->forks;
        sum->failures += row->failures;
        sum->cpu_ns += row->cpu_ns;
        sum->elapsed_ns += row->elapsed_ns;
        sum->read_bytes += row->read_bytes;
        sum->write_bytes += row->write_bytes;
        if (row->rss_peak > sum->rss_peak)
                sum->rss_peak = row->rss_peak;
        if (row->last_unix_ns > sum->last_unix_ns)
                sum->last_unix_ns = row->last_unix_ns;
}

static void take(struct ended_answer *answer, const struct ledger_row *row)
{
        const uint32_t number = top_groups_number(answer->groups, row->group);
        const struct top_group *group = top_groups_at(answer->groups, number);
        if (!is_asked_for(answer, group))
                return;
        const struct sv owner = sv_of(group->owner);
        const bool sums = answer->asked->sum == TOP_BY_CONTAINER;
        uintptr_t place = sums ? (uintptr_t)map_get(&answer->sums, owner) : 0;
        if (place) {
                add_up(&answer->rows.items[place - 1].row, row);
                return;
        }
        struct ended *fresh = vec_add(&answer->rows, LEDGER_ROWS_MAX + 1);
        if (!fresh || (sums && map_put(&answer->sums, owner, (void *)(uintptr_t)answer->rows.count) < 0)) {
                answer->refused++;
                return;
        }
        *fresh = (struct ended){ *row, number };
}

static uint64_t weight_of(const struct ledger_row *row, enum top_order order)
{
        if (order == TOP_MEMORY)
                return row->rss_peak;
        if (order == TOP_READ)
                return row->read_bytes;
        if (order == TOP_WRITE)
                return row->write_bytes;
        return order == TOP_IO ? row->read_bytes + row->write_bytes : row->cpu_ns;
}

static int compare(const void *a, const void *b, void *cookie)
{
        const struct top_asked *asked = cookie;
        const struct ended *x = a;
        const struct ended *y = b;
        const uint64_t left = weight_of(&x->row, asked->order);
        const uint64_t right = weight_of(&y->row, asked->order);
        if (left != right)
                return left < right ? 1 : -1;
        return strcmp(x->row.comm, y->row.comm);
}

static int tell(struct ended_answer *answer, const struct ended *ended, top_told_fn *each, void *cookie)
{
        const struct ledger_row *row = &ended->row;
        const struct top_group *group = top_groups_at(answer->groups, ended->group);
        const uint64_t count = row->execs + row->forks;
        struct top_told told = { .name = row->comm,
                .execs = row->execs,
                .forks = row->forks,
                .failures = row->failures,
                .cpu_time_ns = (int64_t)row->cpu_ns,
                .cpu_each_ns = count ? (int64_t)(row->cpu_ns / count) : 0,
                .lived_each_ns = count ? (int64_t)(row->elapsed_ns / count) : 0,
                .memory_peak = row->rss_peak,
                .read_bytes = row->read_bytes,
                .write_bytes = row->write_bytes,
                .last_ns = row->last_unix_ns,
                .is_ended = true };
        top_told_identity(group, &told);
        if (answer->asked->sum == TOP_BY_CONTAINER) {
                told.name = NULL;
                if (*group->owner == '/')
                        told.group = group->owner;
        }
        return each(&told, cookie);
}

int top_answer_ended(const struct ledger *ledger, int64_t since_ns, const struct top_source *source,
        const struct top_asked *asked, top_told_fn *each, void *cookie, struct top_figures *ret, struct error *err)
{
        int verdict = 0;
        struct ended_answer answer = { .groups = top_groups_new(source->registry, source->root, err), .asked = asked };
        if (!answer.groups)
                return -1;
        map_init(&answer.sums, TOP_GROUPS_MAX);
        *ret = (struct top_figures){ .span_ns = time_monotonic_ns() - since_ns };
        for (size_t i = 0; i < ledger_count(ledger); i++)
                take(&answer, ledger_at(ledger, i));
        if (answer.rows.count)
                qsort_r(answer.rows.items, answer.rows.count, sizeof(*answer.rows.items), compare, (void *)asked);
        vec_foreach (ended, &answer.rows)
                ret->looked_at += ended->row.execs + ended->row.forks;
        for (size_t i = 0; i < answer.rows.count && i < asked->count && verdict == 0; i++, ret->shown++)
                verdict = tell(&answer, &answer.rows.items[i], each, cookie);
        ret->containers = top_groups_count(answer.groups);
        ret->refused = answer.refused;
        top_groups_free(answer.groups);
        vec_done(&answer.rows);
        map_done(&answer.sums);
        return verdict;
}
