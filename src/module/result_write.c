/* What a result gives out: its labels in order, their rows, the envelope. */
#include "module/result_internal.h"
#include "schema/json_writer.h"

static int by_name(const void *left, const void *right)
{
        const struct label *a = *(const struct label *const *)left;
        const struct label *b = *(const struct label *const *)right;
        size_t least = a->length < b->length ? a->length : b->length;
        int order = memcmp(a->name, b->name, least);
        return order ? order : (a->length > b->length) - (a->length < b->length);
}

/* The same with a group before its labels and all of them together: the separator comes before every other byte. */
static int by_group(const void *left, const void *right)
{
        const struct label *a = *(const struct label *const *)left;
        const struct label *b = *(const struct label *const *)right;
        size_t a_group = sv_find(sv_n(a->name, a->length), LABEL_SEPARATOR);
        size_t b_group = sv_find(sv_n(b->name, b->length), LABEL_SEPARATOR);
        size_t least = a_group < b_group ? a_group : b_group;
        int order = memcmp(a->name, b->name, least);
        if (order == 0)
                order = (a_group > b_group) - (a_group < b_group);
        return order ? order : by_name(left, right);
}

/* All labels in the order of their bytes; to be freed. */
static struct label **sorted_labels(struct result *result, struct error *err)
{
        struct label **labels = calloc(result->labels.count + 1, sizeof(struct label *));
        if (!labels)
                return fail_null(err, E_NO_MEMORY, "no memory to sort the labels");
        if (result_close_extent(result, err) < 0) {
                free(labels);
                return NULL;
        }
        size_t count = 0;
        map_foreach (entry, &result->labels) {
                struct label *label = entry->value;
                label->name = entry->key; /* the map moves no keys, but its entries: taken anew each time */
                label->length = entry->key_length;
                labels[count++] = label;
        }
        qsort(labels, count, sizeof(struct label *), result->shape == SHAPE_GROUPS ? by_group : by_name);
        return labels;
}

struct row_reader {
        const struct result *result;
        struct extent extent;
        uint64_t at;   /* of the next row */
        uint64_t left; /* bytes in this extent */
        struct buf row;
};

static int reader_enter(struct row_reader *reader, uint64_t offset, struct error *err)
{
        if (spool_read(&reader->result->spool, offset, &reader->extent, sizeof(reader->extent), err) < 0)
                return -1;
        reader->at = offset + sizeof(struct extent);
        reader->left = reader->extent.size;
        return 0;
}

static int reader_begin(struct row_reader *reader, const struct label *label, struct error *err)
{
        reader->left = 0;
        reader->extent = (struct extent){ 0 };
        return label->first ? reader_enter(reader, label->first - 1, err) : 0;
}

/* 1 = the next row is in reader->row, 0 = no more. */
static int reader_next(struct row_reader *reader, struct error *err)
{
        while (reader->left == 0) { /* an extent may be empty when the disk was full */
                if (reader->extent.next == 0)
                        return 0;
                if (reader_enter(reader, reader->extent.next, err) < 0)
                        return -1;
        }
        uint32_t length;
        if (spool_read(&reader->result->spool, reader->at, &length, sizeof(length), err) < 0)
                return -1;
        buf_clear(&reader->row);
        char *room = buf_reserve(&reader->row, length);
        if (!room)
                return fail(err, E_NO_MEMORY, "no memory for a row of %u bytes", length);
        if (spool_read(&reader->result->spool, reader->at + sizeof(length), room, length, err) < 0)
                return -1;
        reader->row.len = length;
        reader->at += sizeof(length) + length;
        reader->left -= sizeof(length) + length;
        return 1;
}

struct envelope {
        struct json_writer json;
        struct buf out;
        int (*write)(const void *bytes, size_t size, void *cookie);
        void *cookie;
        struct row_reader reader;
        struct error *err;
};

static int drain(struct envelope *envelope)
{
        if (envelope->out.failed)
                return fail(envelope->err, E_NO_MEMORY, "no memory to write the result");
        if (envelope->out.len && envelope->write(envelope->out.data, envelope->out.len, envelope->cookie) < 0)
                return fail(envelope->err, E_IO, "the result could not be written");
        buf_clear(&envelope->out);
        return 0;
}

/* The rows of one label as a list, or the one row of an object or a scalar. */
static int write_rows(struct envelope *envelope, const struct label *label, bool list)
{
        if (label->rows == 0) {
                if (list && !(label->flags & LABEL_NULL)) {
                        json_begin_array(&envelope->json);
                        json_end_array(&envelope->json);
                } else {
                        json_put_null(&envelope->json);
                }
                return 0;
        }
        if (reader_begin(&envelope->reader, label, envelope->err) < 0)
                return -1;
        if (list)
                json_begin_array(&envelope->json);
        int more;
        while ((more = reader_next(&envelope->reader, envelope->err)) > 0) {
                json_put_raw(&envelope->json, sv_n(envelope->reader.row.data, envelope->reader.row.len));
                if (!list) /* an object is emitted once; a second would make two values */
                        return 0;
                if (envelope->out.len > 48 << 10 && drain(envelope) < 0)
                        return -1;
        }
        if (list)
                json_end_array(&envelope->json);
        return more;
}

static void put_key(struct envelope *envelope, struct sv key)
{
        char name[LABEL_MAX + 1];
        memcpy(name, key.p, key.n);
        name[key.n] = '\0';
        json_key(&envelope->json, name);
}

static int write_map(struct envelope *envelope, struct label **labels)
{
        if (!labels[0]) {
                json_put_null(&envelope->json);
                return 0;
        }
        json_begin_object(&envelope->json);
        for (size_t i = 0; labels[i]; i++) {
                put_key(envelope, sv_n(labels[i]->name, labels[i]->length));
                if (write_rows(envelope, labels[i], true) < 0)
                        return -1;
        }
        json_end_object(&envelope->json);
        return 0;
}

/* {group: {label: rows}}; a group that was declared alone is null, or {} . */
static int write_groups(struct envelope *envelope, struct label **labels)
{
        if (!labels[0]) {
                json_put_null(&envelope->json);
                return 0;
        }
        json_begin_object(&envelope->json);
        for (size_t i = 0; labels[i];) {
                struct sv whole = sv_n(labels[i]->name, labels[i]->length);
                struct sv group = sv_n(whole.p, sv_find(whole, LABEL_SEPARATOR));
                put_key(envelope, group);
                bool alone = group.n == whole.n;
                struct label *first = labels[i];
                if (alone)
                        i++;
                bool open = false;
                for (; labels[i]; i++) {
                        struct sv next = sv_n(labels[i]->name, labels[i]->length);
                        if (next.n <= group.n || next.p[group.n] != LABEL_SEPARATOR ||
                                !sv_eq(sv_n(next.p, group.n), group))
                                break;
                        if (!open)
                                json_begin_object(&envelope->json);
                        open = true;
                        put_key(envelope, sv_n(next.p + group.n + 1, next.n - group.n - 1));
                        if (write_rows(envelope, labels[i], true) < 0)
                                return -1;
                }
                if (open) {
                        json_end_object(&envelope->json);
                } else if (first->flags & LABEL_NULL) {
                        json_put_null(&envelope->json);
                } else {
                        json_begin_object(&envelope->json);
                        json_end_object(&envelope->json);
                }
        }
        json_end_object(&envelope->json);
        return 0;
}

static int write_elements(struct envelope *envelope, struct result *result)
{
        struct label **labels = sorted_labels(result, envelope->err);
        if (!labels)
                return -1;
        int status = 0;
        if (result->shape == SHAPE_MAP_OF_LISTS)
                status = write_map(envelope, labels);
        else if (result->shape == SHAPE_GROUPS)
                status = write_groups(envelope, labels);
        else if (labels[0])
                status = write_rows(envelope, labels[0], result->shape == SHAPE_LIST);
        else
                json_put_null(&envelope->json);
        free(labels);
        return status;
}

/* Drains between the texts: they may be many megabytes. */
static int put_errors(struct envelope *envelope, const struct result *result)
{
        struct json_writer *json = &envelope->json;
        json_begin_array(json);
        for (size_t i = 0; i < result->errors.count; i++) {
                json_put_text(json, result->errors.items[i]);
                if (envelope->out.len > 48 << 10 && drain(envelope) < 0)
                        return -1;
        }
        const struct {
                uint64_t count;
                const char *what;
        } lost[] = { { result->errors_lost, "errors" }, { result->skipped_lost, "skipped paths" } };
        for (size_t i = 0; i < sizeof(lost) / sizeof(lost[0]); i++) {
                char text[64];
                snprintf(text, sizeof(text), "%llu more %s are not listed", (unsigned long long)lost[i].count,
                        lost[i].what);
                if (lost[i].count)
                        json_put_text(json, text);
        }
        json_end_array(json);
        return 0;
}

static int put_skipped(struct envelope *envelope, const struct result *result)
{
        json_key(&envelope->json, "skipped");
        json_begin_array(&envelope->json);
        for (size_t i = 0; i < result->skipped.count; i++) {
                json_put_raw(&envelope->json, sv_of(result->skipped.items[i]));
                if (envelope->out.len > 48 << 10 && drain(envelope) < 0)
                        return -1;
        }
        json_end_array(&envelope->json);
        return 0;
}

static int write_tail(struct envelope *envelope, const struct result *result)
{
        struct json_writer *json = &envelope->json;
        json_key(json, "statistics");
        if (result->statistics)
                json_put_raw(json, sv_of(result->statistics));
        else
                json_put_null(json);
        json_key(json, "errors");
        if (result->errors.count == 0 && result->errors_lost == 0 && result->skipped_lost == 0)
                json_put_null(json);
        else if (put_errors(envelope, result) < 0)
                return -1;
        if (result->partial)
                json_field(json, "partial", json_put_text, result->partial);
        if (result->cursor)
                json_field(json, "cursor", json_put_text, result->cursor);
        return result->skipped.count ? put_skipped(envelope, result) : 0;
}

int result_write(struct result *result, unsigned indent, int (*write)(const void *bytes, size_t size, void *cookie),
        void *cookie, struct error *err)
{
        struct envelope envelope = { .write = write, .cookie = cookie, .err = err };
        buf_init(&envelope.out, 2 * (size_t)FRAME_LENGTH_MAX + (4 << 20));
        buf_init(&envelope.reader.row, FRAME_LENGTH_MAX);
        envelope.reader.result = result;
        json_writer_init(&envelope.json, &envelope.out, indent);

        json_begin_object(&envelope.json);
        json_field(&envelope.json, "foundanything", json_put_bool, result_found(result));
        json_field(&envelope.json, "success", json_put_bool, result_success(result));
        json_key(&envelope.json, "elements");
        int status = write_elements(&envelope, result);
        if (status == 0)
                status = write_tail(&envelope, result);
        if (status == 0) {
                json_end_object(&envelope.json);
                buf_putc(&envelope.out, '\n');
                status = drain(&envelope);
        }
        buf_done(&envelope.out);
        buf_done(&envelope.reader.row);
        return status;
}

static int each_row_of(struct row_reader *reader, const struct label *label, const char *group, const char *name,
        int (*row)(const char *group, const char *label, struct sv json, void *cookie), void *cookie, struct error *err)
{
        if (label->rows == 0)
                return row(group, name, (struct sv){ 0 }, cookie);
        if (reader_begin(reader, label, err) < 0)
                return -1;
        int more;
        while ((more = reader_next(reader, err)) > 0)
                if (row(group, name, sv_n(reader->row.data, reader->row.len), cookie) < 0)
                        return -1;
        return more;
}

int result_each_row(struct result *result,
        int (*row)(const char *group, const char *label, struct sv json, void *cookie), void *cookie, struct error *err)
{
        struct label **labels = sorted_labels(result, err);
        if (!labels)
                return -1;
        struct row_reader reader = { .result = result };
        buf_init(&reader.row, FRAME_LENGTH_MAX);
        bool labelled = result->shape == SHAPE_MAP_OF_LISTS || result->shape == SHAPE_GROUPS;
        int status = 0;
        for (size_t i = 0; labels[i] && status == 0; i++) {
                char *name = labels[i]->name;
                char *split = result->shape == SHAPE_GROUPS ? strchr(name, LABEL_SEPARATOR) : NULL;
                if (result->shape == SHAPE_GROUPS && !split)
                        continue; /* a group without labels has no rows */
                if (split)
                        *split = '\0';
                status = each_row_of(&reader, labels[i], split ? name : NULL,
                        !labelled ? NULL
                        : split   ? split + 1
                                  : name,
                        row, cookie, err);
                if (split)
                        *split = LABEL_SEPARATOR;
        }
        free(labels);
        buf_done(&reader.row);
        return status;
}
