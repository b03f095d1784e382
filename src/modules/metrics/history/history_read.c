#include "modules/metrics/history/history_read.h"

#include "lib/regex/regex.h"
#include "lib/segment/segment.h"

#include <math.h>

struct reading {
        struct history *history;
        const struct history_load *load;
        struct arena *arena;
        struct history_matrix *matrix;
        struct map series; /* labels → index + 1 into matrix->series */
        size_t capacity;
        const struct history_level *level; /* whose steps come now */
        int64_t step_ns;                   /* of the file, that is */
        int64_t from_ns, to_ns;            /* steps that begin at from or later and end until to */
        bool spread;                       /* coarser than the matrix: fills what is not known */
        int slots[HISTORY_SERIES_MAX];     /* of the file → index into matrix->series, -1: not asked for */
        uint32_t before[HISTORY_SERIES_MAX];
        struct history_cell row[HISTORY_SERIES_MAX];
        struct error *err;
};

static bool matches(const struct history_load *load, struct sv labels)
{
        for (size_t i = 0; i < load->matcher_count; i++) {
                const struct history_matcher *matcher = &load->matchers[i];
                struct sv value = history_label_find(labels, sv_of(matcher->label));
                bool fits = matcher->regex ? regex_match(matcher->regex, value) : sv_eq(value, sv_of(matcher->value));
                if (fits == matcher->negated)
                        return false;
        }
        return true;
}

static int too_large(struct reading *reading)
{
        return fail(reading->err, E_TOO_LARGE,
                "query: needs more memory than there is for one; ask for less time, a longer step or fewer containers");
}

/* The index of the series with these labels; -1: it is not asked for; -2: failed. */
static int series_of(struct reading *reading, struct sv labels, uint32_t label_count)
{
        struct history_matrix *matrix = reading->matrix;
        if (!matches(reading->load, labels))
                return -1;
        size_t found = (size_t)(uintptr_t)map_get(&reading->series, labels);
        if (found)
                return (int)found - 1;
        if (matrix->series_count >= reading->load->series_max) {
                fail(reading->err, E_TOO_LARGE, "query: more than %zu series", reading->load->series_max);
                return -2;
        }
        if (matrix->series_count == reading->capacity) {
                size_t capacity = reading->capacity ? reading->capacity * 2 : 32;
                struct history_loaded *series = arena_array(reading->arena, capacity, sizeof(*series));
                if (!series)
                        return too_large(reading) - 1;
                if (matrix->series_count)
                        memcpy(series, matrix->series, matrix->series_count * sizeof(*series));
                matrix->series = series;
                reading->capacity = capacity;
        }
        struct history_loaded *one = &matrix->series[matrix->series_count];
        *one = (struct history_loaded){ SV(""), label_count,
                arena_array(reading->arena, matrix->count, sizeof(*one->values)),
                arena_array(reading->arena, matrix->count, sizeof(*one->counts)) };
        char *copy = arena_alloc(reading->arena, labels.n ? labels.n : 1);
        if (!copy || !one->values || !one->counts ||
                map_put(&reading->series, labels, (void *)(uintptr_t)(matrix->series_count + 1)) < 0)
                return too_large(reading) - 1;
        memcpy(copy, labels.p, labels.n);
        one->labels = sv_n(copy, labels.n);
        for (size_t i = 0; i < matrix->count; i++)
                one->values[i] = NAN;
        return (int)matrix->series_count++;
}

static void put(const struct reading *reading, struct history_loaded *one, size_t at, float value)
{
        float *known = &one->values[at];
        const bool keep = one->counts[at] && ((reading->load->column == COLUMN_MINIMUM && *known < value) ||
                                                     (reading->load->column == COLUMN_MAXIMUM && *known > value));
        if (one->counts[at] && reading->load->column == COLUMN_AVERAGE)
                *known += (value - *known) / (float)(one->counts[at] + 1);
        else if (!keep)
                *known = value;
        one->counts[at] += one->counts[at] < UINT16_MAX - 1;
}

static float value_of(const struct reading *reading, const struct history_cell *cell)
{
        const uint32_t codes[] = { cell->average, cell->minimum, cell->maximum, cell->last };
        return (float)history_unscaled(reading->load->metric, codes[reading->load->column]);
}

static void take_row(struct reading *reading, int64_t start_ns, size_t slots)
{
        const struct history_matrix *matrix = reading->matrix;
        const int64_t end_ns = start_ns + reading->step_ns;
        if (start_ns < reading->from_ns || end_ns > reading->to_ns || end_ns <= matrix->from_ns)
                return;
        int64_t last = (end_ns - matrix->from_ns - 1) / matrix->step_ns;
        int64_t first = !reading->spread              ? last
                        : start_ns <= matrix->from_ns ? 0
                                                      : (start_ns - matrix->from_ns) / matrix->step_ns;
        if (first >= (int64_t)matrix->count)
                return;
        if (last >= (int64_t)matrix->count) {
                if (!reading->spread)
                        return;
                last = (int64_t)matrix->count - 1;
        }
        for (size_t slot = 0; slot < slots; slot++) {
                if (reading->slots[slot] < 0 || !reading->row[slot].known)
                        continue;
                struct history_loaded *one = &matrix->series[reading->slots[slot]];
                const float value = value_of(reading, &reading->row[slot]);
                for (int64_t i = first; i <= last; i++)
                        if (!reading->spread || one->counts[i] == 0)
                                put(reading, one, (size_t)i, value);
        }
}

static void take_rows(
        struct reading *reading, struct sv column, const int64_t *starts_ns, const uint32_t *slots, size_t rows)
{
        struct history_decoder decoder = { column, history_metric_at(reading->load->metric)->counter, reading->before };
        for (size_t i = 0; i < HISTORY_SERIES_MAX; i++)
                reading->before[i] = HISTORY_BEFORE;
        for (size_t i = 0; i < rows; i++) {
                if (!history_decode_row(&decoder, reading->row, slots[i]))
                        return; /* its checksum was right: written by another version's mistake; the rest is let be */
                take_row(reading, starts_ns[i], slots[i]);
        }
}

static void take_batch(struct reading *reading, struct sv record, int column)
{
        struct history_batch batch;
        if (column >= 0 && history_batch_parse(record, reading->step_ns, &batch) && (size_t)column < batch.column_count)
                take_rows(reading, batch.columns[column], batch.starts_ns, batch.slots, batch.rows);
}

static int take_series(struct reading *reading, struct sv record)
{
        struct history_identity identity;
        if (!history_series_parse(record, &identity))
                return 0;
        int found = series_of(reading, identity.labels, identity.count);
        reading->slots[identity.slot] = found;
        return found == -2 ? -1 : 0;
}

static int read_file(struct reading *reading, const struct history_stored *file)
{
        char name[HISTORY_NAME_MAX];
        struct history_reader reader;
        struct sv record;
        enum history_kind kind;
        struct error problem;
        int have = 0;
        int status = 0;
        history_file_name(reading->level->index, file->number, name);
        if (history_reader_open(reading->history->directory, name, &reader, &problem) < 0)
                return 0; /* removed a moment ago, or damaged: counted when it was listed */
        for (size_t i = 0; i < HISTORY_SERIES_MAX; i++)
                reading->slots[i] = -1;
        reading->step_ns = reader.head.step_ns;
        const int64_t from_ns =
                reading->from_ns > reading->matrix->from_ns ? reading->from_ns : reading->matrix->from_ns;
        while (status == 0 &&
                (have = history_reader_next(&reader, from_ns, reading->to_ns, &record, &kind, &problem)) > 0)
                if (kind == HISTORY_SERIES)
                        status = take_series(reading, record);
                else
                        take_batch(reading, record, reader.column_of[reading->load->metric]);
        if (have < 0 && status == 0) {
                if (reading->err)
                        *reading->err = problem;
                status = -1;
        }
        history_reader_close(&reader);
        return status;
}

/* What the writer has in memory. */
static int read_pending(struct reading *reading)
{
        const struct history_level *level = reading->level;
        const struct history_pending *pending = &level->pending;
        const struct buf *column = &pending->columns[reading->load->metric];
        struct sv record;
        size_t size;
        if (pending->rows == 0 && level->outbox.len == 0)
                return 0;
        for (size_t i = 0; i < level->slots.count; i++) {
                const struct history_container *container = level->slots.items[i];
                reading->slots[i] =
                        series_of(reading, sv_n(container->labels, container->labels_size), container->label_count);
                if (reading->slots[i] == -2)
                        return -1;
        }
        reading->step_ns = level->step_ns;
        for (struct sv rest = sv_n(buf_text(&level->outbox), level->outbox.len); segment_next(rest, &record, &size) > 0;
                rest = sv_n(rest.p + size, rest.n - size))
                take_batch(reading, record, (int)reading->load->metric);
        if (pending->rows)
                take_rows(reading, sv_n(buf_text(column), column->len), pending->starts_ns, pending->slots,
                        pending->rows);
        return 0;
}

static int read_level(struct reading *reading, const struct history_level *level, int64_t from_ns, int64_t to_ns)
{
        reading->level = level;
        reading->from_ns = from_ns;
        reading->to_ns = to_ns;
        const int64_t least_ns = from_ns > reading->matrix->from_ns ? from_ns : reading->matrix->from_ns;
        for (size_t i = 0; i < level->files.count; i++) {
                const struct history_stored *file = &level->files.items[i];
                if (!file->unusable && file->end_ns > least_ns && file->first_ns < to_ns &&
                        read_file(reading, file) < 0)
                        return -1;
        }
        return read_pending(reading);
}

/* From when to when a level has steps at all. */
static void extent(const struct history_level *level, int64_t *ret_first_ns, int64_t *ret_end_ns)
{
        const struct history_pending *pending = &level->pending;
        struct history_batch_head head;
        struct sv record;
        size_t size;
        *ret_first_ns = INT64_MAX;
        *ret_end_ns = INT64_MIN;
        for (size_t i = 0; i < level->files.count; i++) {
                const struct history_stored *file = &level->files.items[i];
                *ret_first_ns = file->first_ns < *ret_first_ns ? file->first_ns : *ret_first_ns;
                *ret_end_ns = file->end_ns > *ret_end_ns ? file->end_ns : *ret_end_ns;
        }
        for (struct sv rest = sv_n(buf_text(&level->outbox), level->outbox.len); segment_next(rest, &record, &size) > 0;
                rest = sv_n(rest.p + size, rest.n - size)) {
                memcpy(&head, record.p, sizeof(head));
                *ret_first_ns = head.first_ns < *ret_first_ns ? head.first_ns : *ret_first_ns;
                *ret_end_ns = head.end_ns > *ret_end_ns ? head.end_ns : *ret_end_ns;
        }
        if (pending->rows) {
                const int64_t end_ns = pending->starts_ns[pending->rows - 1] + level->step_ns;
                *ret_first_ns = pending->starts_ns[0] < *ret_first_ns ? pending->starts_ns[0] : *ret_first_ns;
                *ret_end_ns = end_ns > *ret_end_ns ? end_ns : *ret_end_ns;
        }
}

static int read_levels(struct reading *reading, size_t chosen)
{
        const struct history_level *levels = reading->history->levels;
        int64_t first_ns;
        int64_t end_ns;
        extent(&levels[chosen], &first_ns, &end_ns);
        if (read_level(reading, &levels[chosen], INT64_MIN, INT64_MAX) < 0)
                return -1;
        int64_t known_to_ns = end_ns;
        for (size_t i = chosen; i-- > 0;) { /* what it does not have yet */
                int64_t finer_first_ns;
                int64_t finer_end_ns;
                extent(&levels[i], &finer_first_ns, &finer_end_ns);
                if (read_level(reading, &levels[i], known_to_ns, INT64_MAX) < 0)
                        return -1;
                known_to_ns = finer_end_ns > known_to_ns ? finer_end_ns : known_to_ns;
        }
        reading->spread = true;
        int64_t known_from_ns = first_ns;
        for (size_t i = 0; i < HISTORY_LEVELS && first_ns == INT64_MAX && i < chosen; i++) {
                extent(&levels[i], &known_from_ns, &end_ns);
                first_ns = known_from_ns;
        }
        for (size_t i = chosen + 1; i < HISTORY_LEVELS; i++) { /* what it does not have any more */
                if (known_from_ns <= reading->matrix->from_ns)
                        break;
                extent(&levels[i], &first_ns, &end_ns);
                int64_t to_ns =
                        known_from_ns < INT64_MAX - levels[i].step_ns ? known_from_ns + levels[i].step_ns : INT64_MAX;
                if (read_level(reading, &levels[i], INT64_MIN, to_ns) < 0)
                        return -1;
                known_from_ns = first_ns < known_from_ns ? first_ns : known_from_ns;
        }
        return 0;
}

int history_read(struct history *history, const struct history_load *load, struct arena *arena,
        struct history_matrix *ret, struct error *err)
{
        struct history_matrix matrix = { 0 };
        size_t chosen = 0;
        for (size_t i = 1; i < HISTORY_LEVELS; i++)
                if (history->levels[i].step_ns <= load->step_ns)
                        chosen = i;
        matrix.step_ns = history->levels[chosen].step_ns;
        matrix.from_ns = history_floor(load->from_ns, matrix.step_ns);
        matrix.count = (size_t)((load->to_ns - matrix.from_ns + matrix.step_ns - 1) / matrix.step_ns);
        if (matrix.count > load->cells_max)
                return fail(
                        err, E_TOO_LARGE, "query: so long a time in steps so short; a longer step or range is needed");
        struct reading *reading = calloc(1, sizeof(*reading));
        if (!reading)
                return fail(err, E_NO_MEMORY, "no memory for a query");
        reading->history = history;
        reading->load = load;
        reading->arena = arena;
        reading->matrix = &matrix;
        reading->err = err;
        map_init(&reading->series, load->series_max);
        int status = read_levels(reading, chosen);
        map_done(&reading->series);
        free(reading);
        if (status == 0)
                *ret = matrix;
        return status;
}
