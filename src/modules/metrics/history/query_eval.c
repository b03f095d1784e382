/* The answer to a question: series of points, node after node. NaN is "not known" throughout. */
#include "modules/metrics/history/query.h"

#include <math.h>

struct series {
        struct container_pair *labels;
        size_t label_count;
        double *values;
};

struct vector { /* scalar: number only */
        bool scalar;
        double number;
        struct series *items;
        size_t count;
        const char *metric, *unit;
};

struct evaluation {
        struct history *history;
        const struct history_query *query;
        struct arena *arena;
        struct error *err;
};

static int evaluate(struct evaluation *evaluation, const struct query_expression *node, struct vector *ret);

static int no_memory(struct evaluation *evaluation)
{
        return fail(evaluation->err, E_TOO_LARGE,
                "query: needs more memory than there is for one; ask for less time, a longer step or fewer containers");
}

static double *new_values(struct evaluation *evaluation)
{
        double *values = arena_array(evaluation->arena, evaluation->query->count, sizeof(*values));
        for (size_t i = 0; values && i < evaluation->query->count; i++)
                values[i] = NAN;
        return values;
}

/* ---- selectors: stored steps to points ---- */

static int by_value(const void *a, const void *b)
{
        const float one = *(const float *)a;
        const float other = *(const float *)b;
        return one < other ? -1 : one > other;
}

/* Between the two values about it, as Prometheus does. scratch has room for all. */
static double quantile(const float *values, size_t first, size_t end, double wanted, float *scratch)
{
        size_t count = 0;
        for (size_t i = first; i < end; i++)
                if (!isnan(values[i]))
                        scratch[count++] = values[i];
        if (count == 0)
                return NAN;
        qsort(scratch, count, sizeof(*scratch), by_value);
        const double rank = wanted * (double)(count - 1);
        const size_t low = (size_t)rank;
        const size_t high = low + 1 < count ? low + 1 : low;
        return scratch[low] + (scratch[high] - scratch[low]) * (rank - (double)low);
}

static double window_value(const struct query_expression *node, const float *values, size_t first, size_t end,
        int64_t range_ns, float *scratch)
{
        double sum = 0;
        double least = NAN;
        double most = NAN;
        double last = NAN;
        size_t known = 0;
        if (node->window == WINDOW_QUANTILE)
                return quantile(values, first, end, node->number, scratch);
        for (size_t i = first; i < end; i++) {
                if (isnan(values[i]))
                        continue;
                sum += values[i];
                least = known == 0 || values[i] < least ? values[i] : least;
                most = known == 0 || values[i] > most ? values[i] : most;
                last = values[i];
                known++;
        }
        switch (node->window) {
        case WINDOW_MINIMUM:
                return least;
        case WINDOW_MAXIMUM:
                return most;
        case WINDOW_LAST:
                return last;
        case WINDOW_INCREASE: /* of the time that is known: nothing is added for the rest */
                return known ? sum / (double)(end - first) * (double)range_ns / 1e9 : NAN;
        default:
                return known ? sum / (double)known : NAN;
        }
}

static int64_t clamp_index(int64_t index, size_t count)
{
        return index < 0 ? 0 : index > (int64_t)count ? (int64_t)count : index;
}

static void fill_points(struct evaluation *evaluation, const struct query_expression *node,
        const struct history_matrix *matrix, const float *values, int64_t range_ns, float *scratch, double *ret)
{
        const struct history_query *query = evaluation->query;
        const int64_t window_ns = range_ns < matrix->step_ns ? matrix->step_ns : range_ns;
        for (size_t i = 0; i < query->count; i++) {
                const int64_t behind_ns = query->start_ns + (int64_t)i * query->step_ns - matrix->from_ns;
                /* the steps that end in (point - window, point] */
                int64_t first = clamp_index(
                        behind_ns < window_ns ? 0 : (behind_ns - window_ns) / matrix->step_ns, matrix->count);
                int64_t end = clamp_index(behind_ns < 0 ? 0 : behind_ns / matrix->step_ns, matrix->count);
                if (first < end)
                        ret[i] = window_value(node, values, (size_t)first, (size_t)end, range_ns, scratch);
        }
}

static const char *window_unit(const struct query_expression *node)
{
        static const struct {
                const char *rate, *amount;
        } amounts[] = { { "cores", "s" }, { "ratio", "s" }, { "bytes/s", "bytes" }, { "packets/s", "packets" },
                { "operations/s", "operations" }, { "events/s", "events" } };
        const char *unit = history_metric_at(node->metric)->unit;
        for (size_t i = 0; node->window == WINDOW_INCREASE && i < sizeof(amounts) / sizeof(amounts[0]); i++)
                if (strcmp(amounts[i].rate, unit) == 0)
                        return amounts[i].amount;
        return unit;
}

static int take_labels(struct evaluation *evaluation, const struct history_loaded *loaded, struct series *ret)
{
        struct sv rest = loaded->labels;
        struct sv name;
        struct sv value;
        ret->labels = arena_array(evaluation->arena, loaded->label_count + 1, sizeof(*ret->labels));
        if (!ret->labels)
                return no_memory(evaluation);
        while (ret->label_count < loaded->label_count && history_label_next(&rest, &name, &value))
                ret->labels[ret->label_count++] = (struct container_pair){ name.p, value.p };
        return 0;
}

static enum history_column column_of(enum query_window window)
{
        return window == WINDOW_MINIMUM   ? COLUMN_MINIMUM
               : window == WINDOW_MAXIMUM ? COLUMN_MAXIMUM
               : window == WINDOW_LAST    ? COLUMN_LAST
                                          : COLUMN_AVERAGE;
}

static int evaluate_selector(struct evaluation *evaluation, const struct query_expression *node, struct vector *ret)
{
        const struct history_query *query = evaluation->query;
        const int64_t finest_ns = evaluation->history->levels[0].step_ns;
        const int64_t range_ns = node->range_ns ? node->range_ns : query->step_ns;
        int64_t wanted_ns = node->window == WINDOW_QUANTILE ? range_ns / 20 : range_ns;
        wanted_ns = wanted_ns > query->step_ns ? query->step_ns : wanted_ns;
        struct history_matrix matrix;
        struct history_load load = { node->metric, node->matchers, node->matcher_count, column_of(node->window),
                query->start_ns - range_ns, query->end_ns, wanted_ns, QUERY_SERIES_MAX, QUERY_CELLS_MAX };
        if (load.from_ns < 0)
                load.from_ns = 0;
        if (load.from_ns > load.to_ns - finest_ns)
                load.from_ns = load.to_ns > finest_ns ? load.to_ns - finest_ns : 0;
        if (history_read(evaluation->history, &load, evaluation->arena, &matrix, evaluation->err) < 0)
                return -1;
        const double work = (double)range_ns / (double)matrix.step_ns * (double)query->count *
                            (double)(matrix.series_count ? matrix.series_count : 1);
        if (work > QUERY_WORK_MAX)
                return fail(evaluation->err, E_TOO_LARGE,
                        "query: a range of so many steps at so many points; a longer step or a shorter range is "
                        "needed");
        ret->metric = node->window == WINDOW_STEP ? history_metric_at(node->metric)->name : "";
        ret->unit = window_unit(node);
        ret->items = arena_array(evaluation->arena, matrix.series_count + 1, sizeof(*ret->items));
        float *scratch = arena_array(evaluation->arena, matrix.count + 1, sizeof(*scratch));
        if (!ret->items || !scratch)
                return no_memory(evaluation);
        for (size_t i = 0; i < matrix.series_count; i++) {
                struct series *series = &ret->items[i];
                series->values = new_values(evaluation);
                if (!series->values)
                        return no_memory(evaluation);
                if (take_labels(evaluation, &matrix.series[i], series) < 0)
                        return -1;
                fill_points(evaluation, node, &matrix, matrix.series[i].values, range_ns, scratch, series->values);
        }
        ret->count = matrix.series_count;
        return 0;
}

/* ---- aggregates ---- */

static bool is_chosen(const struct query_expression *node, const char *label)
{
        for (size_t i = 0; i < node->label_count; i++)
                if (strcmp(node->labels[i], label) == 0)
                        return !node->without;
        return node->without;
}

static void put_key(struct buf *out, const struct container_pair *label)
{
        buf_append(out, label->name, strlen(label->name) + 1);
        buf_append(out, label->value, strlen(label->value) + 1);
}

struct grouping {
        struct series *groups;
        size_t count;
        size_t *group_of; /* a series each */
};

static int make_groups(struct evaluation *evaluation, const struct query_expression *node, const struct vector *vector,
        struct grouping *ret)
{
        struct map map;
        struct buf key;
        int status = 0;
        ret->groups = arena_array(evaluation->arena, vector->count + 1, sizeof(*ret->groups));
        ret->group_of = arena_array(evaluation->arena, vector->count + 1, sizeof(*ret->group_of));
        if (!ret->groups || !ret->group_of)
                return no_memory(evaluation);
        map_init(&map, vector->count + 1);
        buf_init(&key, HISTORY_IDENTITY_MAX + 64);
        for (size_t i = 0; i < vector->count && status == 0; i++) {
                const struct series *series = &vector->items[i];
                buf_clear(&key);
                for (size_t j = 0; j < series->label_count; j++)
                        if (is_chosen(node, series->labels[j].name))
                                put_key(&key, &series->labels[j]);
                struct sv text = sv_n(buf_text(&key), key.len);
                size_t found = (size_t)(uintptr_t)map_get(&map, text);
                if (!found) {
                        struct series *group = &ret->groups[ret->count];
                        found = ++ret->count;
                        group->labels = arena_array(evaluation->arena, series->label_count + 1, sizeof(*group->labels));
                        group->values = new_values(evaluation);
                        if (key.failed || !group->labels || !group->values ||
                                map_put(&map, text, (void *)(uintptr_t)found) < 0) {
                                status = no_memory(evaluation);
                                break;
                        }
                        for (size_t j = 0; j < series->label_count; j++)
                                if (is_chosen(node, series->labels[j].name))
                                        group->labels[group->label_count++] = series->labels[j];
                }
                ret->group_of[i] = found - 1;
        }
        map_done(&map);
        buf_done(&key);
        return status;
}

static void aggregate_into(
        enum query_aggregate aggregate, double *to, const double *from, uint32_t *counts, size_t count)
{
        for (size_t i = 0; i < count; i++) {
                if (isnan(from[i]))
                        continue;
                if (counts[i]++ == 0)
                        to[i] = from[i];
                else if (aggregate == AGGREGATE_MIN)
                        to[i] = from[i] < to[i] ? from[i] : to[i];
                else if (aggregate == AGGREGATE_MAX)
                        to[i] = from[i] > to[i] ? from[i] : to[i];
                else
                        to[i] += from[i];
        }
}

static int evaluate_sums(struct evaluation *evaluation, const struct query_expression *node,
        const struct vector *vector, const struct grouping *grouping, struct vector *ret)
{
        const size_t points = evaluation->query->count;
        ret->items = arena_array(evaluation->arena, grouping->count + 1, sizeof(*ret->items));
        uint32_t *counts = arena_array(evaluation->arena, points, sizeof(*counts));
        if (!ret->items || !counts)
                return no_memory(evaluation);
        for (size_t group = 0; group < grouping->count; group++) {
                struct series *series = &grouping->groups[group];
                memset(counts, 0, points * sizeof(*counts));
                for (size_t i = 0; i < vector->count; i++)
                        if (grouping->group_of[i] == group)
                                aggregate_into(
                                        node->aggregate, series->values, vector->items[i].values, counts, points);
                for (size_t i = 0; i < points; i++) {
                        if (counts[i] && node->aggregate == AGGREGATE_AVG)
                                series->values[i] /= counts[i];
                        if (counts[i] && node->aggregate == AGGREGATE_COUNT)
                                series->values[i] = counts[i];
                }
                ret->items[ret->count++] = *series;
        }
        return 0;
}

struct ranked {
        double value;
        size_t index;
};

static int by_rank(const void *a, const void *b)
{
        const struct ranked *one = a;
        const struct ranked *other = b;
        if (one->value != other->value)
                return one->value > other->value ? -1 : 1;
        return one->index < other->index ? -1 : one->index > other->index;
}

/* At each point by itself the largest of each group stay, as in Prometheus. */
static int evaluate_top(struct evaluation *evaluation, const struct query_expression *node, const struct vector *vector,
        const struct grouping *grouping, struct vector *ret)
{
        const double sign = node->aggregate == AGGREGATE_TOPK ? 1 : -1;
        ret->items = arena_array(evaluation->arena, vector->count + 1, sizeof(*ret->items));
        struct ranked *ranked = arena_array(evaluation->arena, vector->count + 1, sizeof(*ranked));
        if (!ret->items || !ranked)
                return no_memory(evaluation);
        for (size_t i = 0; i < vector->count; i++) {
                ret->items[i] = vector->items[i];
                ret->items[i].values = new_values(evaluation);
                if (!ret->items[i].values)
                        return no_memory(evaluation);
        }
        for (size_t point = 0; point < evaluation->query->count; point++)
                for (size_t group = 0; group < grouping->count; group++) {
                        size_t count = 0;
                        for (size_t i = 0; i < vector->count; i++)
                                if (grouping->group_of[i] == group && !isnan(vector->items[i].values[point]))
                                        ranked[count++] = (struct ranked){ sign * vector->items[i].values[point], i };
                        qsort(ranked, count, sizeof(*ranked), by_rank);
                        for (size_t i = 0; i < count && i < (size_t)node->number; i++)
                                ret->items[ranked[i].index].values[point] = sign * ranked[i].value;
                }
        ret->count = vector->count;
        ret->metric = vector->metric;
        return 0;
}

static int evaluate_aggregate(struct evaluation *evaluation, const struct query_expression *node, struct vector *ret)
{
        struct vector vector = { 0 };
        struct grouping grouping = { 0 };
        if (evaluate(evaluation, node->left, &vector) < 0 || make_groups(evaluation, node, &vector, &grouping) < 0)
                return -1;
        if ((double)grouping.count * (double)vector.count *
                        (node->aggregate >= AGGREGATE_TOPK ? (double)evaluation->query->count : 1) >
                QUERY_WORK_MAX)
                return fail(evaluation->err, E_TOO_LARGE, "query: too many groups of too many series");
        ret->metric = "";
        ret->unit = node->aggregate == AGGREGATE_COUNT ? "" : vector.unit;
        return node->aggregate >= AGGREGATE_TOPK ? evaluate_top(evaluation, node, &vector, &grouping, ret)
                                                 : evaluate_sums(evaluation, node, &vector, &grouping, ret);
}

/* ---- arithmetic and comparisons ---- */

static double compare(enum query_operator operator, double left, double right)
{
        bool holds = operator== OPERATOR_EQUAL   ? left == right :
                     operator== OPERATOR_UNEQUAL ? left != right
                     :
                     operator== OPERATOR_GREATER_EQUAL ? left >= right
                     :
                     operator== OPERATOR_LESS_EQUAL ? left <= right
                     :
                     operator== OPERATOR_GREATER ? left > right
                                                 : left<right;
        return holds && !isnan(left) && !isnan(right) ? left : NAN;
}

static double calculate(enum query_operator operator, double left, double right)
{
        switch (operator) {
        case OPERATOR_ADD:
                return left + right;
        case OPERATOR_SUBTRACT:
                return left - right;
        case OPERATOR_MULTIPLY:
                return left * right;
        case OPERATOR_DIVIDE: /* n / 0 is unknown rather than infinite: nobody can draw it, and JSON has no word for it
                               */
                return right == 0 ? NAN : left / right;
        default:
                return compare(operator, left, right);
        }
}

static int with_number(struct evaluation *evaluation, enum query_operator operator, const struct vector * left,
        const struct vector *right, struct vector *ret)
{
        const struct vector *vector = left->scalar ? right : left;
        ret->items = arena_array(evaluation->arena, vector->count + 1, sizeof(*ret->items));
        if (!ret->items)
                return no_memory(evaluation);
        for (size_t i = 0; i < vector->count; i++) {
                struct series *series = &ret->items[i];
                *series = vector->items[i];
                series->values = new_values(evaluation);
                if (!series->values)
                        return no_memory(evaluation);
                for (size_t j = 0; j < evaluation->query->count; j++) {
                        const double value = vector->items[i].values[j];
                        double result = calculate(operator, left->scalar ? left->number : value,
                                right->scalar ? right->number : value);
                        /* a filter hands on the series, on whichever side it stands */
                        series->values[j] = query_compares(operator) && left->scalar && !isnan(result) ? value : result;
                }
        }
        ret->count = vector->count;
        ret->metric = query_compares(operator) ? vector->metric : "";
        ret->unit = query_compares(operator) ? vector->unit : "";
        return 0;
}

static int with_series(struct evaluation *evaluation, enum query_operator operator, const struct vector * left,
        const struct vector *right, struct vector *ret)
{
        struct map map;
        struct buf key;
        int status = 0;
        ret->items = arena_array(evaluation->arena, left->count + 1, sizeof(*ret->items));
        if (!ret->items)
                return no_memory(evaluation);
        map_init(&map, right->count + 1);
        buf_init(&key, HISTORY_IDENTITY_MAX + 64);
        for (size_t i = 0; i < right->count && status == 0; i++) {
                buf_clear(&key);
                for (size_t j = 0; j < right->items[i].label_count; j++)
                        put_key(&key, &right->items[i].labels[j]);
                if (map_put(&map, sv_n(buf_text(&key), key.len), &right->items[i]) < 0)
                        status = no_memory(evaluation);
        }
        for (size_t i = 0; i < left->count && status == 0; i++) {
                buf_clear(&key);
                for (size_t j = 0; j < left->items[i].label_count; j++)
                        put_key(&key, &left->items[i].labels[j]);
                const struct series *other = map_get(&map, sv_n(buf_text(&key), key.len));
                if (!other)
                        continue;
                struct series *series = &ret->items[ret->count++];
                *series = left->items[i];
                series->values = new_values(evaluation);
                if (!series->values)
                        status = no_memory(evaluation);
                for (size_t j = 0; status == 0 && j < evaluation->query->count; j++)
                        series->values[j] = calculate(operator, left->items[i].values[j], other->values[j]);
        }
        map_done(&map);
        buf_done(&key);
        bool same = strcmp(left->unit, right->unit) == 0 && (operator== OPERATOR_ADD || operator== OPERATOR_SUBTRACT);
        ret->metric = query_compares(operator) ? left->metric : "";
        ret->unit = query_compares(operator) || same ? left->unit : "";
        return status;
}

static int evaluate_binary(struct evaluation *evaluation, const struct query_expression *node, struct vector *ret)
{
        struct vector left = { 0 };
        struct vector right = { 0 };
        if (evaluate(evaluation, node->left, &left) < 0 || evaluate(evaluation, node->right, &right) < 0)
                return -1;
        if (left.scalar && right.scalar) {
                ret->scalar = true;
                ret->number = calculate(node->operator, left.number, right.number);
                return 0;
        }
        return left.scalar || right.scalar ? with_number(evaluation, node->operator, & left, &right, ret)
                                           : with_series(evaluation, node->operator, & left, &right, ret);
}

static int evaluate(struct evaluation *evaluation, const struct query_expression *node, struct vector *ret)
{
        ret->metric = ret->unit = "";
        switch (node->kind) {
        case QUERY_NUMBER:
                ret->scalar = true;
                ret->number = node->number;
                return 0;
        case QUERY_SELECTOR:
                return evaluate_selector(evaluation, node, ret);
        case QUERY_AGGREGATE:
                return evaluate_aggregate(evaluation, node, ret);
        default:
                return evaluate_binary(evaluation, node, ret);
        }
}

/* ---- handing out ---- */

static int by_labels(const void *a, const void *b)
{
        const struct series *one = a;
        const struct series *other = b;
        for (size_t i = 0; i < one->label_count && i < other->label_count; i++) {
                int order = strcmp(one->labels[i].name, other->labels[i].name);
                if (order == 0)
                        order = strcmp(one->labels[i].value, other->labels[i].value);
                if (order)
                        return order;
        }
        return one->label_count < other->label_count ? -1 : one->label_count > other->label_count;
}

static bool has_any(const double *values, size_t count)
{
        for (size_t i = 0; i < count; i++)
                if (!isnan(values[i]))
                        return true;
        return false;
}

int history_ask(struct history *history, const struct history_query *query,
        int (*each)(const struct history_series *series, const double *values, size_t count, void *cookie),
        void *cookie, struct error *err)
{
        struct arena arena;
        struct vector vector = { 0 };
        struct evaluation evaluation = { history, query, &arena, err };
        arena_init(&arena, QUERY_MEMORY);
        int status = evaluate(&evaluation, query->expression, &vector);
        if (status == 0 && vector.count)
                qsort(vector.items, vector.count, sizeof(*vector.items), by_labels);
        for (size_t i = 0; i < vector.count && status == 0; i++) {
                const struct series *one = &vector.items[i];
                struct history_series series = { one->labels, one->label_count, vector.metric, vector.unit };
                if (has_any(one->values, query->count))
                        status = each(&series, one->values, query->count, cookie);
        }
        arena_done(&arena);
        return status;
}
