/* Opening a store: the lock, the files that are there, and the coarser steps that a writer had not written yet. */
#include "modules/metrics/history/history_internal.h"

#include "base/cleanup.h"
#include "base/path.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

enum { REPLAY_SERIES_MAX = 8 * HISTORY_SERIES_MAX };

int history_open_directory(struct history *history, const char *path, struct error *err)
{
        if (history->writable && path_make(path, 0700, err) < 0)
                return -1;
        history->directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (history->directory < 0)
                return fail_errno(err, "%s", path);
        history->options.directory = NULL; /* the caller's */
        if (!history->writable)
                return 0;
        history->lock = openat(history->directory, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (history->lock < 0)
                return fail_errno(err, "%s/lock", path);
        if (flock(history->lock, LOCK_EX | LOCK_NB) < 0)
                return errno == EWOULDBLOCK
                               ? fail(err, E_UNAVAILABLE, "another process writes to the history in %s", path)
                               : fail_errno(err, "%s/lock", path);
        return 0;
}

static int by_number(const void *a, const void *b)
{
        const struct history_stored *one = a;
        const struct history_stored *other = b;
        return one->number < other->number ? -1 : one->number > other->number;
}

/* The times of what is in it; a file that cannot be read counts for its room only. */
static int look_into(struct history *history, unsigned level, struct history_stored *file, struct error *err)
{
        char name[HISTORY_NAME_MAX];
        struct history_reader reader;
        struct sv record;
        enum history_kind kind;
        struct stat status;
        struct error problem;
        int have;
        history_file_name(level, file->number, name);
        file->first_ns = INT64_MAX;
        file->end_ns = INT64_MIN;
        if (fstatat(history->directory, name, &status, AT_SYMLINK_NOFOLLOW) == 0)
                file->bytes = (uint64_t)status.st_size;
        if (history_reader_open(history->directory, name, &reader, &problem) < 0) {
                if (problem.code == E_UNSUPPORTED) { /* half an answer would look like a whole one */
                        if (err)
                                *err = problem;
                        return -1;
                }
                file->unusable = true;
                history->counters.corrupt += file->bytes > 0;
                return 0;
        }
        while ((have = history_reader_next(&reader, INT64_MAX, INT64_MIN, &record, &kind, &problem)) > 0)
                ;
        if (!history->writable) /* as its writer was told */
                history->levels[level].step_ns = reader.head.step_ns;
        file->first_ns = reader.first_ns;
        file->end_ns = reader.end_ns;
        history->counters.corrupt += reader.corrupt;
        history_reader_close(&reader);
        return 0;
}

int history_list_files(struct history *history, struct error *err)
{
        int copy = openat(history->directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        cleanup(closedir) DIR *entries = copy >= 0 ? fdopendir(copy) : NULL;
        if (!entries) {
                fd_close(&copy);
                return fail_errno(err, "reading the directory of the history");
        }
        for (struct dirent *entry; (entry = readdir(entries));) {
                unsigned level;
                uint64_t number;
                if (!history_file_parse(entry->d_name, &level, &number))
                        continue;
                struct history_stored *file = vec_add(&history->levels[level].files, 4 * HISTORY_FILES_MAX);
                if (!file)
                        return fail(err, E_TOO_LARGE, "the history has more than %d files of one level",
                                4 * HISTORY_FILES_MAX);
                file->number = number;
        }
        size_t files = 0;
        for (unsigned i = 0; i < HISTORY_LEVELS; i++) {
                struct history_level *level = &history->levels[i];
                if (level->files.count)
                        qsort(level->files.items, level->files.count, sizeof(*level->files.items), by_number);
                vec_foreach (file, &level->files) {
                        if (look_into(history, i, file, err) < 0)
                                return -1;
                        level->next_number = file->number + 1;
                        files++;
                }
        }
        return history->writable || files ? 0 : fail(err, E_NOT_FOUND, "there is no history yet");
}

/* ---- replay ---- */

struct replay {
        struct history *history;
        struct history_level *level;
        struct history_reader reader;
        struct map series;                                   /* labels → container, over all levels */
        struct history_container *slots[HISTORY_SERIES_MAX]; /* of the file */
        struct history_decoder decoders[HISTORY_METRICS];
        uint32_t *before;          /* [metric][capacity] */
        struct history_cell *rows; /* the same */
        size_t capacity;
};

static void take_series(struct replay *replay, struct sv record)
{
        struct history_identity identity;
        if (!history_series_parse(record, &identity))
                return;
        struct history_container *container = map_get(&replay->series, identity.labels);
        if (!container) {
                container = history_container_of(replay->history, identity.labels, identity.count);
                if (container && map_put(&replay->series, identity.labels, container) < 0) {
                        history_container_release(container);
                        container = NULL;
                }
                if (container)
                        container->references++; /* of the map */
        }
        replay->slots[identity.slot] = container;
}

static int make_room(struct replay *replay, size_t slots)
{
        if (slots <= replay->capacity)
                return 0;
        free(replay->before);
        free(replay->rows);
        replay->before = calloc(HISTORY_METRICS * slots, sizeof(*replay->before));
        replay->rows = calloc(HISTORY_METRICS * slots, sizeof(*replay->rows));
        replay->capacity = replay->before && replay->rows ? slots : 0;
        return replay->capacity ? 0 : -1;
}

static struct history_cell *row_of(const struct replay *replay, size_t metric)
{
        return replay->rows + metric * replay->capacity;
}

static bool row_has(const struct replay *replay, size_t slot)
{
        for (size_t metric = 0; metric < HISTORY_METRICS; metric++)
                if (row_of(replay, metric)[slot].known)
                        return true;
        return false;
}

static void play_row(struct replay *replay, const struct history_batch *batch, size_t index)
{
        struct history *history = replay->history;
        struct history_level *level = replay->level;
        const int64_t start_ns = batch->starts_ns[index];
        if (history_level_begin(history, level, start_ns, true) < 0)
                return;
        for (size_t slot = 0; slot < batch->slots[index]; slot++) {
                struct history_container *container = replay->slots[slot];
                if (!container || !row_has(replay, slot))
                        continue;
                if (start_ns > container->seen_ns)
                        container->seen_ns = start_ns;
                history_level_slot(history, level, container);
        }
        if (history_level_room(history, level) < 0)
                return;
        for (size_t metric = 0; metric < HISTORY_METRICS; metric++) {
                memset(history->cells, 0, level->slots.count * sizeof(*history->cells));
                for (size_t slot = 0; slot < batch->slots[index]; slot++) {
                        const struct history_container *container = replay->slots[slot];
                        if (container && container->slots[level->index])
                                history->cells[container->slots[level->index] - 1] = row_of(replay, metric)[slot];
                }
                history_level_put(history, level, metric);
        }
        history_level_end(history, level, start_ns);
}

static void begin_columns(struct replay *replay, const struct history_batch *batch)
{
        for (size_t metric = 0; metric < HISTORY_METRICS; metric++) {
                const int column = replay->reader.column_of[metric];
                struct sv bytes = column >= 0 && (size_t)column < batch->column_count ? batch->columns[column] : SV("");
                uint32_t *before = replay->before + metric * replay->capacity;
                replay->decoders[metric] =
                        (struct history_decoder){ bytes, history_metric_at(metric)->counter, before };
                for (size_t slot = 0; slot < batch->slots_max; slot++)
                        before[slot] = HISTORY_BEFORE;
        }
}

/* A column that is damaged in spite of its record's checksum has nothing from there on. */
static void next_row(struct replay *replay, size_t slots)
{
        for (size_t metric = 0; metric < HISTORY_METRICS; metric++) {
                struct history_decoder *decoder = &replay->decoders[metric];
                struct history_cell *row = row_of(replay, metric);
                if (decoder->rest.n && history_decode_row(decoder, row, slots))
                        continue;
                memset(row, 0, slots * sizeof(*row));
                decoder->rest = SV("");
        }
}

static void play_batch(struct replay *replay, struct sv record, int64_t from_ns)
{
        struct history_batch batch;
        if (!history_batch_parse(record, replay->level->step_ns, &batch) || make_room(replay, batch.slots_max) < 0)
                return;
        if (batch.slots_max == 0)
                return;
        begin_columns(replay, &batch);
        for (size_t i = 0; i < batch.rows; i++) {
                next_row(replay, batch.slots[i]);
                if (batch.starts_ns[i] >= from_ns && batch.starts_ns[i] <= replay->history->now_ns)
                        play_row(replay, &batch, i);
        }
}

static int play_file(struct replay *replay, const struct history_stored *file, int64_t from_ns, struct error *err)
{
        char name[HISTORY_NAME_MAX];
        struct sv record;
        enum history_kind kind;
        int have;
        history_file_name(replay->level->index, file->number, name);
        if (history_reader_open(replay->history->directory, name, &replay->reader, err) < 0)
                return -1;
        memset(replay->slots, 0, sizeof(replay->slots));
        bool same = replay->reader.head.step_ns == replay->level->step_ns;
        while (same && (have = history_reader_next(&replay->reader, from_ns, INT64_MAX, &record, &kind, err)) > 0)
                if (kind == HISTORY_SERIES)
                        take_series(replay, record);
                else
                        play_batch(replay, record, from_ns);
        history_reader_close(&replay->reader);
        return 0;
}

static void end_replay(struct replay *replay)
{
        map_foreach (entry, &replay->series) {
                struct history_container *container = entry->value;
                container->references--;
                history_container_release(container);
        }
        map_done(&replay->series);
        free(replay->before);
        free(replay->rows);
        free(replay);
}

int history_replay(struct history *history, struct error *err)
{
        struct replay *replay = calloc(1, sizeof(*replay));
        if (!replay)
                return fail(err, E_NO_MEMORY, "no memory to open history");
        replay->history = history;
        map_init(&replay->series, REPLAY_SERIES_MAX);
        for (size_t i = HISTORY_LEVELS - 1; i-- > 0;) { /* the coarsest first: what the finer one adds stands behind */
                int64_t from_ns = INT64_MIN;
                vec_foreach (file, &history->levels[i + 1].files)
                        from_ns = file->end_ns > from_ns ? file->end_ns : from_ns;
                replay->level = &history->levels[i];
                for (size_t file = 0; file < history->levels[i].files.count; file++) {
                        const struct history_stored stored = history->levels[i].files.items[file];
                        struct error problem; /* such a file was counted when it was looked into */
                        if (!stored.unusable && stored.end_ns > from_ns)
                                play_file(replay, &stored, from_ns, &problem);
                }
        }
        end_replay(replay);
        return 0;
}
