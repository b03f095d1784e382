/* One level: rows are gathered to batches, batches become records, records go to the end of the level's newest file. */
#include "modules/metrics/history/history_internal.h"

#include "base/cleanup.h"
#include "base/path.h"
#include "lib/segment/segment.h"

#include <fcntl.h>

enum {
        PENDING_MAX = 192 << 10, /* bytes of columns at which a batch ends early: another row of them fits a record */
        OUTBOX_MAX = 384 << 10,  /* what waits for the disk; beyond, the oldest is dropped */
        SLOTS_ROTATE = 1024,     /* slots of a file, when less than half of them live */
        ROTATE_BYTES_MIN = 32 << 10,
        ROTATE_BYTES_MAX = 4 << 20,
        LAST_LEVEL_ROWS = 2,
};
#define RETRY_NS (10 * SECOND)

/* Of the room, in sixteenths; what one level does not need the others may use. */
static const uint64_t shares[HISTORY_LEVELS] = { 8, 4, 3, 1 };

int history_level_init(struct history_level *level, unsigned index, int64_t step_ns)
{
        static const int64_t factors[HISTORY_LEVELS + 1] = { 1, 6, 60, 360, 360 * LAST_LEVEL_ROWS };
        level->index = index;
        level->step_ns = step_ns * factors[index];
        level->batch_ns = step_ns * factors[index + 1];
        level->fd = -1;
        level->next_number = 1;
        buf_init(&level->outbox, OUTBOX_MAX + SEGMENT_RECORD_MAX + SEGMENT_HEADER);
        for (size_t i = 0; i < HISTORY_METRICS; i++)
                buf_init(&level->pending.columns[i], SEGMENT_RECORD_MAX);
        return 0;
}

void history_container_release(struct history_container *container)
{
        if (container->now || container->references)
                return;
        free(container->labels);
        free(container);
}

static void drop_slots(struct history_level *level)
{
        vec_foreach (slot, &level->slots) {
                (*slot)->slots[level->index] = 0;
                (*slot)->references--;
                history_container_release(*slot);
        }
        vec_done(&level->slots);
        level->written_slots = 0;
}

void history_level_done(struct history *history, struct history_level *level)
{
        (void)history;
        drop_slots(level);
        for (size_t i = 0; i < HISTORY_METRICS; i++)
                buf_done(&level->pending.columns[i]);
        free(level->pending.before);
        buf_done(&level->outbox);
        fd_close(&level->fd);
        vec_done(&level->files);
}

int history_scratch(struct history *history, size_t slots)
{
        if (slots <= history->scratch && history->cells)
                return 0;
        size_t size = slots + slots / 2 < 64 ? 64 : slots + slots / 2;
        struct history_cell *cells = realloc(history->cells, size * sizeof(*cells));
        if (cells)
                history->cells = cells;
        double *sums = realloc(history->sums, size * sizeof(*sums));
        if (sums)
                history->sums = sums;
        uint32_t *counts = realloc(history->counts, size * sizeof(*counts));
        if (counts)
                history->counts = counts;
        if (!cells || !sums || !counts)
                return -1;
        history->scratch = size;
        return 0;
}

/* ---- files ---- */

static struct history_stored *current_file(struct history_level *level)
{
        return &level->files.items[level->files.count - 1];
}

static uint64_t rotate_bytes(const struct history *history, const struct history_level *level)
{
        uint64_t bytes = history->options.retain_bytes * shares[level->index] / 16 / 8;
        return bytes < ROTATE_BYTES_MIN ? ROTATE_BYTES_MIN : bytes > ROTATE_BYTES_MAX ? ROTATE_BYTES_MAX : bytes;
}

/* Ends the file; the next write begins another, with the slots that are taken from now on. */
static void rotate(struct history_level *level)
{
        fd_close(&level->fd);
        drop_slots(level);
}

static bool should_rotate(const struct history *history, struct history_level *level)
{
        size_t live = 0;
        if (level->pending.rows || level->outbox.len)
                return false;
        vec_foreach (slot, &level->slots)
                live += (*slot)->now != NULL;
        if (level->slots.count >= SLOTS_ROTATE && live * 2 < level->slots.count)
                return true;
        return level->fd >= 0 && (current_file(level)->bytes >= rotate_bytes(history, level) ||
                                         history->now_ns - level->begun_ns > history->options.retain_ns / 8);
}

static int begin_file(struct history *history, struct history_level *level, struct error *err)
{
        char name[HISTORY_NAME_MAX];
        history_file_name(level->index, level->next_number, name);
        struct history_stored *file = vec_add(&level->files, HISTORY_FILES_MAX + 1);
        if (!file)
                return fail(err, E_NO_MEMORY, "no memory for another file of history");
        level->fd = openat(history->directory, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (level->fd < 0) {
                int failed = fail_errno(err, "%s", name);
                level->files.count--;
                return failed;
        }
        *file = (struct history_stored){ .number = level->next_number, .first_ns = INT64_MAX, .end_ns = INT64_MIN };
        level->begun_ns = history->now_ns;
        level->written_slots = 0;
        return 0;
}

/* What a failed write left behind goes, so that the next one does not stand behind half a record. */
static void undo_write(struct history *history, struct history_level *level)
{
        char name[HISTORY_NAME_MAX];
        struct history_stored *file = current_file(level);
        if (file->bytes && ftruncate(level->fd, (off_t)file->bytes) == 0 &&
                lseek(level->fd, (off_t)file->bytes, SEEK_SET) >= 0)
                return;
        fd_close(&level->fd); /* with what cannot be cut off; readers look behind it */
        if (file->bytes == 0) {
                history_file_name(level->index, file->number, name);
                unlinkat(history->directory, name, 0);
                level->files.count--;
        }
}

/* The times that the records of the outbox have. */
static void note_times(struct history_level *level, struct history_stored *file, uint64_t *batches)
{
        struct history_batch_head head;
        struct sv record;
        size_t size;
        for (struct sv rest = sv_n(level->outbox.data, level->outbox.len); segment_next(rest, &record, &size) > 0;
                rest = sv_n(rest.p + size, rest.n - size)) {
                memcpy(&head, record.p, sizeof(head));
                file->first_ns = head.first_ns < file->first_ns ? head.first_ns : file->first_ns;
                file->end_ns = head.end_ns > file->end_ns ? head.end_ns : file->end_ns;
                (*batches)++;
        }
}

static int write_outbox(struct history *history, struct history_level *level, struct error *err)
{
        struct buf *text = &history->text;
        bool begun = level->fd < 0;
        if (begun && begin_file(history, level, err) < 0)
                return -1;
        buf_clear(text);
        if (begun)
                history_put_head(text, level->index, level->step_ns, history->now_ns);
        for (size_t i = level->written_slots; i < level->slots.count; i++) {
                const struct history_container *container = level->slots.items[i];
                history_put_series(
                        text, (uint32_t)i, sv_n(container->labels, container->labels_size), container->label_count);
        }
        int status = text->failed ? fail(err, E_NO_MEMORY, "no memory to write history")
                     : text->len  ? write_all(level->fd, text->data, text->len, err)
                                  : 0;
        if (status == 0)
                status = write_all(level->fd, level->outbox.data, level->outbox.len, err);
        if (status < 0) {
                undo_write(history, level);
        } else {
                current_file(level)->bytes += text->len + level->outbox.len;
                note_times(level, current_file(level), &history->counters.batches);
                level->written_slots = level->slots.count;
                if (begun)
                        level->next_number++;
        }
        buf_done(text); /* with many series it is large, and needed rarely */
        return status;
}

void history_level_write(struct history *history, struct history_level *level, bool force)
{
        struct error err;
        bool waits = history->retry_ns && history->now_ns < history->retry_ns &&
                     history->now_ns > history->retry_ns - 2 * RETRY_NS;
        if (level->outbox.len == 0 || (waits && !force))
                return;
        if (write_outbox(history, level, &err) < 0) {
                history->counters.write_errors++;
                history->retry_ns = history->now_ns + RETRY_NS;
                error_prefix(&err, "history is not written");
                history->problem = err;
                history->in_trouble = true;
                return;
        }
        history->in_trouble = false;
        history->retry_ns = 0;
        buf_done(&level->outbox);
        if (should_rotate(history, level))
                rotate(level);
}

static void remove_oldest(struct history *history, struct history_level *level)
{
        char name[HISTORY_NAME_MAX];
        struct history_stored *file = &level->files.items[0];
        history_file_name(level->index, file->number, name);
        unlinkat(history->directory, name, 0);
        history->counters.removed++;
        level->files.count--;
        memmove(file, file + 1, level->files.count * sizeof(*file));
}

/* The files that may go: all but the one that is being written. */
static size_t removable(const struct history_level *level)
{
        return level->files.count - (level->fd >= 0);
}

void history_level_retain(struct history *history)
{
        uint64_t bytes[HISTORY_LEVELS] = { 0 };
        uint64_t all = 0;
        for (size_t i = 0; i < HISTORY_LEVELS; i++) {
                struct history_level *level = &history->levels[i];
                while (removable(level) &&
                        (level->files.count > HISTORY_FILES_MAX ||
                                (level->files.items[0].end_ns > 0 &&
                                        level->files.items[0].end_ns < history->now_ns - history->options.retain_ns)))
                        remove_oldest(history, level);
                vec_foreach (file, &level->files)
                        bytes[i] += file->bytes;
                all += bytes[i];
        }
        while (all > history->options.retain_bytes) {
                struct history_level *worst = NULL; /* the most beyond its share */
                for (size_t i = 0; i < HISTORY_LEVELS; i++)
                        if (removable(&history->levels[i]) &&
                                (!worst || bytes[i] * shares[worst->index] > bytes[worst->index] * shares[i]))
                                worst = &history->levels[i];
                if (!worst)
                        break;
                all -= worst->files.items[0].bytes;
                bytes[worst->index] -= worst->files.items[0].bytes;
                remove_oldest(history, worst);
        }
}

/* ---- rows ---- */

static void clear_pending(struct history_pending *pending)
{
        pending->rows = 0;
        for (size_t i = 0; i < HISTORY_METRICS; i++)
                buf_clear(&pending->columns[i]);
        for (size_t i = 0; pending->before && i < HISTORY_METRICS * pending->capacity; i++)
                pending->before[i] = HISTORY_BEFORE;
}

static int grow_before(struct history_pending *pending, size_t slots)
{
        if (slots <= pending->capacity && pending->before)
                return 0;
        size_t capacity = slots + slots / 16 + 4;
        uint32_t *before = calloc(HISTORY_METRICS * capacity, sizeof(*before));
        if (!before)
                return -1;
        for (size_t metric = 0; metric < HISTORY_METRICS; metric++)
                for (size_t i = 0; i < capacity; i++)
                        before[metric * capacity + i] = pending->before && i < pending->capacity
                                                                ? pending->before[metric * pending->capacity + i]
                                                                : HISTORY_BEFORE;
        free(pending->before);
        pending->before = before;
        pending->capacity = capacity;
        return 0;
}

static size_t pending_bytes(const struct history_pending *pending)
{
        size_t bytes = 0;
        for (size_t i = 0; i < HISTORY_METRICS; i++)
                bytes += pending->columns[i].len;
        return bytes;
}

int history_level_slot(struct history *history, struct history_level *level, struct history_container *container)
{
        if (container->slots[level->index])
                return 0;
        if (level->slots.count >= HISTORY_SERIES_MAX) {
                history_level_close_batch(history, level, false);
                history_level_write(history, level, false);
                if (level->outbox.len) /* the slots that it names must stay */
                        return -1;
                rotate(level);
        }
        struct history_container **slot = vec_add(&level->slots, HISTORY_SERIES_MAX);
        if (!slot)
                return -1;
        *slot = container;
        container->slots[level->index] = (uint32_t)level->slots.count;
        container->references++;
        return 0;
}

int history_level_begin(struct history *history, struct history_level *level, int64_t start_ns, bool replay)
{
        struct history_pending *pending = &level->pending;
        if (pending->rows) {
                const int64_t first_ns = pending->starts_ns[0];
                bool other = history_floor(start_ns, level->batch_ns) != history_floor(first_ns, level->batch_ns);
                bool back = start_ns <= pending->starts_ns[pending->rows - 1];
                if (replay && back && !other)
                        return -1; /* the same step, written again after a kill */
                if (other || back || pending->rows >= HISTORY_ROWS_MAX || pending_bytes(pending) > PENDING_MAX)
                        history_level_close_batch(history, level, replay);
        }
        return 0;
}

int history_level_room(struct history *history, struct history_level *level)
{
        if (grow_before(&level->pending, level->slots.count) == 0 && history_scratch(history, level->slots.count) == 0)
                return 0;
        history->counters.lost_rows++;
        return -1;
}

void history_level_put(struct history *history, struct history_level *level, size_t metric)
{
        struct history_pending *pending = &level->pending;
        history_encode_row(&pending->columns[metric], history->cells, level->slots.count,
                history_metric_at(metric)->counter, pending->before + metric * pending->capacity);
}

void history_level_end(struct history *history, struct history_level *level, int64_t start_ns)
{
        struct history_pending *pending = &level->pending;
        pending->starts_ns[pending->rows] = start_ns;
        pending->slots[pending->rows] = (uint32_t)level->slots.count;
        pending->rows++;
        for (size_t i = 0; i < HISTORY_METRICS; i++)
                if (pending->columns[i].failed) {
                        history->counters.lost_rows += pending->rows;
                        clear_pending(pending);
                        return;
                }
        history->counters.rows += level->index == 0;
}

/* ---- batches ---- */

/* The batch's rows of one metric as one cell a slot of the next level. */
static void fold_metric(struct history *history, struct history_level *level, struct history_level *above,
        size_t metric, uint32_t *before)
{
        struct history_pending *pending = &level->pending;
        const bool counter = history_metric_at(metric)->counter;
        struct history_decoder decoder = { sv_n(buf_text(&pending->columns[metric]), pending->columns[metric].len),
                counter, before };
        struct history_cell *cells = history->cells; /* of the level above; behind them those of a row of this one */
        struct history_cell *row = history->cells + above->slots.count;
        memset(cells, 0, above->slots.count * sizeof(*cells));
        memset(history->sums, 0, above->slots.count * sizeof(*history->sums));
        memset(history->counts, 0, above->slots.count * sizeof(*history->counts));
        for (size_t i = 0; i < level->slots.count; i++)
                before[i] = HISTORY_BEFORE;
        for (size_t i = 0; i < pending->rows; i++) {
                if (!history_decode_row(&decoder, row, pending->slots[i]))
                        break;
                for (size_t slot = 0; slot < pending->slots[i]; slot++) {
                        const uint32_t to = level->slots.items[slot]->slots[above->index];
                        if (!row[slot].known || !to)
                                continue;
                        struct history_cell *cell = &cells[to - 1];
                        history->sums[to - 1] += (double)history_value(row[slot].average);
                        history->counts[to - 1]++;
                        cell->minimum =
                                !cell->known || row[slot].minimum < cell->minimum ? row[slot].minimum : cell->minimum;
                        cell->maximum = row[slot].maximum > cell->maximum ? row[slot].maximum : cell->maximum;
                        cell->last = row[slot].last;
                        cell->known = true;
                }
        }
        for (size_t i = 0; i < above->slots.count; i++) {
                struct history_cell *cell = &cells[i];
                if (!cell->known)
                        continue;
                cell->average = history_scaled_code(history->sums[i] / history->counts[i]);
                cell->average = cell->average < cell->minimum   ? cell->minimum
                                : cell->average > cell->maximum ? cell->maximum
                                                                : cell->average;
        }
}

static void fold(struct history *history, struct history_level *level, struct history_level *above)
{
        const int64_t first_ns = level->pending.starts_ns[0];
        const int64_t start_ns = history_floor(first_ns, above->step_ns);
        history_level_begin(history, above, start_ns, false);
        for (int pass = 0; pass < 2; pass++) /* where the first one began another file it took slots back */
                vec_foreach (slot, &level->slots)
                        if ((*slot)->now || (*slot)->seen_ns >= first_ns)
                                history->counters.refused += history_level_slot(history, above, *slot) < 0;
        cleanup(free) uint32_t *before = calloc(level->slots.count + 1, sizeof(*before));
        if (!before || history_level_room(history, above) < 0 ||
                history_scratch(history, above->slots.count + level->slots.count) < 0) {
                history->counters.lost_rows++;
                return;
        }
        for (size_t metric = 0; metric < HISTORY_METRICS; metric++) {
                fold_metric(history, level, above, metric, before);
                history_level_put(history, above, metric);
        }
        history_level_end(history, above, start_ns);
}

static void drop_oldest(struct history *history, struct history_level *level)
{
        struct history_batch_head head;
        struct sv record;
        size_t size;
        if (segment_next(sv_n(level->outbox.data, level->outbox.len), &record, &size) <= 0) {
                buf_clear(&level->outbox);
                return;
        }
        memcpy(&head, record.p, sizeof(head));
        history->counters.lost_rows += head.rows;
        buf_consume(&level->outbox, size);
}

static void put_batch(struct history *history, struct history_level *level)
{
        struct history_pending *pending = &level->pending;
        struct buf *out = &level->outbox;
        const size_t start = out->len;
        struct history_batch_head head = { HISTORY_KIND(HISTORY_BATCH), (uint32_t)pending->rows, pending->starts_ns[0],
                pending->starts_ns[pending->rows - 1] + level->step_ns };
        if (!buf_reserve(out, SEGMENT_HEADER + sizeof(head) + pending_bytes(pending) + 1024)) {
                out->failed = false;
                history->counters.lost_rows += pending->rows;
                return;
        }
        out->len += SEGMENT_HEADER;
        buf_append(out, &head, sizeof(head));
        for (size_t i = 0; i < pending->rows; i++) {
                history_put_varint(out, (uint64_t)((pending->starts_ns[i] - head.first_ns) / level->step_ns));
                history_put_varint(out, pending->slots[i]);
        }
        history_put_varint(out, HISTORY_METRICS);
        for (size_t i = 0; i < HISTORY_METRICS; i++)
                history_put_varint(out, pending->columns[i].len);
        for (size_t i = 0; i < HISTORY_METRICS; i++)
                buf_append(out, pending->columns[i].data, pending->columns[i].len);
        if (out->failed) {
                out->failed = false;
                out->len = start;
                history->counters.lost_rows += pending->rows;
                return;
        }
        segment_seal(out->data + start, out->len - start - SEGMENT_HEADER);
}

void history_level_close_batch(struct history *history, struct history_level *level, bool replay)
{
        if (level->pending.rows == 0)
                return;
        if (level->index + 1 < HISTORY_LEVELS)
                fold(history, level, &history->levels[level->index + 1]);
        if (!replay) {
                put_batch(history, level);
                while (level->outbox.len > OUTBOX_MAX)
                        drop_oldest(history, level);
        }
        clear_pending(&level->pending);
        if (!replay)
                history_level_write(history, level, false);
}
