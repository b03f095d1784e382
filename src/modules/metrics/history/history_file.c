#include "modules/metrics/history/history_file.h"

#include "base/cleanup.h"
#include "lib/segment/segment.h"

#include <fcntl.h>
#include <sys/stat.h>

enum { PEEK = SEGMENT_HEADER + sizeof(struct history_batch_head), WINDOW = 64 << 10 };

/* ---- names ---- */

void history_file_name(unsigned level, uint64_t number, char *ret)
{
        snprintf(ret, HISTORY_NAME_MAX, "history-%u-%010llu.seg", level % 10, (unsigned long long)number);
}

bool history_file_parse(const char *name, unsigned *ret_level, uint64_t *ret_number)
{
        char again[HISTORY_NAME_MAX];
        struct sv text = sv_of(name);
        uint64_t level;
        uint64_t number;
        if (!sv_starts(text, SV("history-")) || !sv_ends(text, SV(".seg")) || text.n < 8 + 2 + 10 + 4 ||
                !sv_parse_u64(sv_n(name + 8, 1), 10, &level) || level >= HISTORY_LEVELS ||
                !sv_parse_u64(sv_n(name + 10, text.n - 14), 10, &number) || number == 0)
                return false;
        history_file_name((unsigned)level, number, again);
        *ret_level = (unsigned)level;
        *ret_number = number;
        return strcmp(again, name) == 0;
}

/* ---- records ---- */

bool history_batch_parse(struct sv record, int64_t step_ns, struct history_batch *ret)
{
        struct history_batch_head head;
        uint64_t value;
        if (record.n < sizeof(head))
                return false;
        memcpy(&head, record.p, sizeof(head));
        if (head.kind != HISTORY_KIND(HISTORY_BATCH) || head.rows == 0 || head.rows > HISTORY_ROWS_MAX ||
                head.first_ns < 0 || head.end_ns <= head.first_ns)
                return false;
        struct sv rest = sv_n(record.p + sizeof(head), record.n - sizeof(head));
        *ret = (struct history_batch){ .first_ns = head.first_ns, .end_ns = head.end_ns, .rows = head.rows };
        for (size_t i = 0; i < head.rows; i++) {
                if (!history_take_varint(&rest, &value) ||
                        value >= (uint64_t)(head.end_ns - head.first_ns) / (uint64_t)step_ns)
                        return false;
                ret->starts_ns[i] = head.first_ns + (int64_t)value * step_ns;
                if (!history_take_varint(&rest, &value) || value > HISTORY_SERIES_MAX)
                        return false;
                ret->slots[i] = (uint32_t)value;
                ret->slots_max = value > ret->slots_max ? value : ret->slots_max;
        }
        if (!history_take_varint(&rest, &value) || value > HISTORY_METRICS_MAX)
                return false;
        ret->column_count = value;
        for (size_t i = 0; i < ret->column_count; i++) {
                if (!history_take_varint(&rest, &value) || value > record.n)
                        return false;
                ret->columns[i].n = value;
        }
        for (size_t i = 0; i < ret->column_count; i++) {
                if (ret->columns[i].n > rest.n)
                        return false;
                ret->columns[i].p = rest.p;
                rest.p += ret->columns[i].n;
                rest.n -= ret->columns[i].n;
        }
        return true;
}

static bool take_text(struct sv *rest, struct sv *ret)
{
        size_t end = sv_find(*rest, '\0');
        if (end == rest->n)
                return false;
        *ret = sv_n(rest->p, end);
        rest->p += end + 1;
        rest->n -= end + 1;
        return true;
}

bool history_label_next(struct sv *rest, struct sv *ret_name, struct sv *ret_value)
{
        return take_text(rest, ret_name) && take_text(rest, ret_value);
}

struct sv history_label_find(struct sv labels, struct sv name)
{
        struct sv one;
        struct sv value;
        while (history_label_next(&labels, &one, &value))
                if (sv_eq(one, name))
                        return value;
        return SV("");
}

bool history_series_parse(struct sv record, struct history_identity *ret)
{
        struct history_series_head head;
        struct sv name;
        struct sv value;
        struct sv before = SV("");
        if (record.n < sizeof(head) || record.n > sizeof(head) + HISTORY_IDENTITY_MAX)
                return false;
        memcpy(&head, record.p, sizeof(head));
        if (head.kind != HISTORY_KIND(HISTORY_SERIES) || head.slot >= HISTORY_SERIES_MAX ||
                head.labels > HISTORY_LABELS_MAX)
                return false;
        *ret = (struct history_identity){ sv_n(record.p + sizeof(head), record.n - sizeof(head)), head.slot,
                head.labels };
        struct sv rest = ret->labels;
        for (uint32_t i = 0; i < head.labels; i++) {
                if (!history_label_next(&rest, &name, &value) || strcmp(before.p, name.p) >= 0)
                        return false;
                before = name;
        }
        return rest.n == 0;
}

void history_put_head(struct buf *out, unsigned level, int64_t step_ns, int64_t begun_ns)
{
        struct history_file_head head = { HISTORY_KIND(HISTORY_HEAD), HISTORY_VERSION, level,
                (uint32_t)history_metric_count(), step_ns, begun_ns };
        const size_t start = out->len;
        if (!buf_reserve(out, SEGMENT_HEADER))
                return;
        out->len += SEGMENT_HEADER;
        buf_append(out, &head, sizeof(head));
        for (size_t i = 0; i < history_metric_count(); i++) {
                const char *name = history_metric_at(i)->name;
                buf_append(out, name, strlen(name) + 1);
        }
        if (!out->failed)
                segment_seal(out->data + start, out->len - start - SEGMENT_HEADER);
}

void history_put_series(struct buf *out, uint32_t slot, struct sv labels, uint32_t count)
{
        struct history_series_head head = { HISTORY_KIND(HISTORY_SERIES), slot, count, 0 };
        const size_t start = out->len;
        if (!buf_reserve(out, SEGMENT_HEADER))
                return;
        out->len += SEGMENT_HEADER;
        buf_append(out, &head, sizeof(head));
        buf_append(out, labels.p, labels.n);
        if (!out->failed)
                segment_seal(out->data + start, out->len - start - SEGMENT_HEADER);
}

/* ---- reading ---- */

/* Bytes from `offset`; fewer at the end of the file. */
static ssize_t read_at(
        const struct history_reader *reader, char *bytes, size_t size, uint64_t offset, struct error *err)
{
        size_t have = 0;
        while (have < size) {
                ssize_t got = pread(reader->fd, bytes + have, size - have, (off_t)(offset + have));
                if (got < 0 && errno == EINTR)
                        continue;
                if (got < 0)
                        return fail_errno(err, "reading history");
                if (got == 0)
                        break;
                have += (size_t)got;
        }
        return (ssize_t)have;
}

static uint32_t load_u32(const char *at)
{
        uint32_t value;
        memcpy(&value, at, sizeof(value));
        return le32toh(value);
}

/* Reads the record at `offset` whole and checks it: 1, 0 when there is none, -1. */
static int read_record(
        struct history_reader *reader, uint64_t offset, uint32_t length, struct sv *ret, struct error *err)
{
        size_t size;
        buf_clear(&reader->record);
        char *room = buf_reserve(&reader->record, SEGMENT_HEADER + (size_t)length);
        if (!room)
                return fail(err, E_NO_MEMORY, "no memory for a record of history");
        ssize_t got = read_at(reader, room, SEGMENT_HEADER + (size_t)length, offset, err);
        if (got < 0)
                return -1;
        return segment_next(sv_n(room, (size_t)got), ret, &size) > 0;
}

static bool kind_is_known(uint32_t kind)
{
        return kind == HISTORY_KIND(HISTORY_HEAD) || kind == HISTORY_KIND(HISTORY_SERIES) ||
               kind == HISTORY_KIND(HISTORY_BATCH);
}

/* Goes on at the next whole record behind a damaged place: 1, 0 when there is none, -1. */
static int resync(struct history_reader *reader, struct error *err)
{
        cleanup(free) char *window = malloc(WINDOW);
        unsigned tries = 0;
        if (!window)
                return fail(err, E_NO_MEMORY, "no memory to read history");
        for (uint64_t at = reader->offset + 1; at + PEEK <= reader->size;) {
                ssize_t got = read_at(reader, window, WINDOW, at, err);
                if (got < 0)
                        return -1;
                if (got < SEGMENT_HEADER + 4)
                        return 0;
                char *found = memmem(window + SEGMENT_HEADER, (size_t)got - SEGMENT_HEADER, HISTORY_KIND_MARK, 3);
                if (!found) {
                        at += (uint64_t)got - SEGMENT_HEADER - 2;
                        continue;
                }
                struct sv record;
                uint64_t offset = at + (uint64_t)(found - window) - SEGMENT_HEADER;
                uint32_t length = load_u32(found - SEGMENT_HEADER);
                int have = length <= SEGMENT_RECORD_MAX ? read_record(reader, offset, length, &record, err) : 0;
                if (have < 0 || ++tries > HISTORY_RESYNC_MAX)
                        return have < 0 ? -1 : 0;
                if (have > 0) {
                        reader->offset = offset;
                        return 1;
                }
                at = offset + 1;
        }
        return 0;
}

static int damaged(struct history_reader *reader, bool whole, struct error *err)
{
        int found = reader->corrupt < HISTORY_RESYNC_MAX ? resync(reader, err) : 0;
        if (found < 0)
                return -1;
        if (found > 0 || whole) /* else it is only the record that a killed writer began */
                reader->corrupt++;
        if (found == 0)
                reader->offset = reader->size;
        return found;
}

int history_reader_next(struct history_reader *reader, int64_t from_ns, int64_t to_ns, struct sv *ret_record,
        enum history_kind *ret_kind, struct error *err)
{
        while (reader->offset + SEGMENT_HEADER < reader->size) {
                char peek[PEEK];
                struct history_batch_head head = { 0 };
                ssize_t got = read_at(reader, peek, sizeof(peek), reader->offset, err);
                if (got < 0)
                        return -1;
                if (got < SEGMENT_HEADER + 4)
                        break;
                uint32_t length = load_u32(peek);
                memcpy(&head, peek + SEGMENT_HEADER, (size_t)got - SEGMENT_HEADER);
                bool fits = reader->offset + SEGMENT_HEADER + length <= reader->size;
                int have = 0;
                bool skip = head.kind == HISTORY_KIND(HISTORY_HEAD);
                if (head.kind == HISTORY_KIND(HISTORY_BATCH) && got == sizeof(peek))
                        skip = head.end_ns <= from_ns || head.first_ns > to_ns;
                if (fits && length >= 4 && length <= SEGMENT_RECORD_MAX && kind_is_known(head.kind))
                        have = skip ? 1 : read_record(reader, reader->offset, length, ret_record, err);
                if (have < 0)
                        return -1;
                if (!have) {
                        int found = damaged(reader, fits, err);
                        if (found <= 0)
                                return found;
                        continue;
                }
                if (head.kind == HISTORY_KIND(HISTORY_BATCH) && head.first_ns < head.end_ns) {
                        reader->first_ns = head.first_ns < reader->first_ns ? head.first_ns : reader->first_ns;
                        reader->end_ns = head.end_ns > reader->end_ns ? head.end_ns : reader->end_ns;
                }
                reader->offset += SEGMENT_HEADER + (uint64_t)length;
                if (skip)
                        continue;
                *ret_kind = head.kind == HISTORY_KIND(HISTORY_SERIES) ? HISTORY_SERIES : HISTORY_BATCH;
                return 1;
        }
        return 0;
}

static int take_head(struct history_reader *reader, const char *name, struct error *err)
{
        struct sv record;
        char peek[SEGMENT_HEADER];
        ssize_t got = read_at(reader, peek, sizeof(peek), 0, err);
        uint32_t length = got == sizeof(peek) ? load_u32(peek) : 0;
        if (got < 0)
                return -1;
        int have =
                length >= sizeof(reader->head) && length <= 64 << 10 ? read_record(reader, 0, length, &record, err) : 0;
        if (have < 0)
                return -1;
        if (!have)
                return fail(err, E_CORRUPT, "%s: no history file", name);
        memcpy(&reader->head, record.p, sizeof(reader->head));
        if (reader->head.kind != HISTORY_KIND(HISTORY_HEAD))
                return fail(err, E_CORRUPT, "%s: no history file", name);
        if (reader->head.version > HISTORY_VERSION)
                return fail(err, E_UNSUPPORTED, "%s: written by a newer version", name);
        if (reader->head.metrics > HISTORY_METRICS_MAX || reader->head.step_ns <= 0 || reader->head.step_ns > 100 * DAY)
                return fail(err, E_CORRUPT, "%s: its head is damaged", name);
        struct sv rest = sv_n(record.p + sizeof(reader->head), record.n - sizeof(reader->head));
        for (uint32_t i = 0; i < reader->head.metrics; i++) {
                struct sv metric;
                if (!take_text(&rest, &metric))
                        return fail(err, E_CORRUPT, "%s: its head is damaged", name);
                for (size_t ours = 0; ours < history_metric_count(); ours++)
                        if (sv_eq(metric, sv_of(history_metric_at(ours)->name)) && reader->column_of[ours] < 0) {
                                reader->metric_of[i] = (int)ours;
                                reader->column_of[ours] = (int)i;
                        }
        }
        reader->offset = SEGMENT_HEADER + (uint64_t)length;
        return 0;
}

int history_reader_open(int directory, const char *name, struct history_reader *ret, struct error *err)
{
        struct stat status;
        struct history_reader reader = { .first_ns = INT64_MAX, .end_ns = INT64_MIN };
        memset(reader.metric_of, -1, sizeof(reader.metric_of));
        memset(reader.column_of, -1, sizeof(reader.column_of));
        reader.fd = openat(directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        if (reader.fd < 0)
                return fail_errno(err, "%s", name);
        buf_init(&reader.record, SEGMENT_RECORD_MAX + SEGMENT_HEADER);
        int failed = fstat(reader.fd, &status) < 0 ? fail_errno(err, "%s", name)
                     : !S_ISREG(status.st_mode)    ? fail(err, E_CORRUPT, "%s: no history file", name)
                                                   : 0;
        reader.size = failed < 0 ? 0 : (uint64_t)status.st_size;
        reader.size = reader.size > HISTORY_FILE_MAX ? HISTORY_FILE_MAX : reader.size;
        if (failed < 0 || take_head(&reader, name, err) < 0) {
                history_reader_close(&reader);
                return -1;
        }
        *ret = reader;
        return 0;
}

void history_reader_close(struct history_reader *reader)
{
        fd_close(&reader->fd);
        buf_done(&reader->record);
}
