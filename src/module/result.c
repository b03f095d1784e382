#include "module/result.h"

#include "base/cleanup.h"
#include "module/result_internal.h"
#include "schema/json.h"

enum {
        TEXT_BYTES_MAX = 64 << 10,  /* of one error or skipped path */
        TEXTS_BYTES_MAX = 16 << 20, /* of all of them: a worker that lies must not fill our memory */
        STATISTICS_BYTES_MAX = 1 << 20,
        LABELS_BYTES_MAX = 32 << 20,
        SKIPPED_MAX = 2 * RESULT_ERRORS_MAX + 10000,
        OWN_ERRORS_MAX = 16, /* of ours, beyond those of the worker */
};

struct result *result_new(enum shape shape, uint64_t spool_max, struct error *err)
{
        struct result *result = calloc(1, sizeof(*result));
        if (!result)
                return fail_null(err, E_NO_MEMORY, "no memory for a result");
        result->shape = shape;
        result->spool_max = spool_max;
        spool_init(&result->spool);
        map_init(&result->labels, RESULT_LABELS_MAX);
        return result;
}

void result_free(struct result *result)
{
        if (!result)
                return;
        map_foreach (entry, &result->labels)
                free(entry->value);
        map_done(&result->labels);
        spool_done(&result->spool);
        vec_foreach (text, &result->errors)
                free(*text);
        vec_done(&result->errors);
        vec_foreach (text, &result->skipped)
                free(*text);
        vec_done(&result->skipped);
        free(result->statistics);
        free(result->partial);
        free(result->cursor);
        free(result);
}

static struct label *label_of(struct result *result, struct sv name, struct error *err)
{
        struct label *label = map_get(&result->labels, name);
        if (label)
                return label;
        if (memchr(name.p, '\0', name.n)) /* as a JSON key it would be cut there and meet another */
                return fail_null(err, E_PROTOCOL, "a label with a NUL byte");
        if (result->labels_bytes + name.n > LABELS_BYTES_MAX)
                return fail_null(err, E_TOO_LARGE, "more than %d bytes of labels in one result", LABELS_BYTES_MAX);
        label = calloc(1, sizeof(*label));
        if (!label || map_put(&result->labels, name, label) < 0) {
                free(label);
                return fail_null(err, E_TOO_LARGE, "more than %d labels in one result", RESULT_LABELS_MAX);
        }
        result->labels_bytes += name.n;
        return label;
}

int result_close_extent(struct result *result, struct error *err)
{
        struct label *label = result->current;
        result->current = NULL;
        return label ? spool_patch(&result->spool, label->last, &label->open, sizeof(label->open), err) : 0;
}

static int open_extent(struct result *result, struct label *label, struct error *err)
{
        if (result_close_extent(result, err) < 0)
                return -1;
        uint64_t at = spool_size(&result->spool);
        const struct extent fresh = { 0 };
        if (spool_append(&result->spool, &fresh, sizeof(fresh), err) < 0)
                return -1;  /* the label knows nothing of it */
        if (label->first) { /* the label's last extent now has a successor */
                label->open.next = at;
                if (spool_patch(&result->spool, label->last, &label->open, sizeof(label->open), err) < 0)
                        return -1;
        } else {
                label->first = at + 1;
        }
        label->open = fresh;
        label->last = at;
        result->current = label;
        return 0;
}

static int add_row(struct result *result, struct sv payload, struct error *err)
{
        struct sv name;
        struct sv json;
        if (frame_split_row(payload, &name, &json, err) < 0)
                return -1;
        if (!json_valid(json))
                return fail(err, E_PROTOCOL, "a row of %zu bytes is not JSON", json.n);
        if (result->rows_pass) {
                result->rows++;
                return 0;
        }
        if (spool_size(&result->spool) + json.n > result->spool_max) {
                if (result->rows_lost++ == 0)
                        result_set_partial(result, "result limit");
                return 0;
        }
        struct label *label = label_of(result, name, err);
        if (!label || (result->current != label && open_extent(result, label, err) < 0))
                return -1;
        uint32_t length = (uint32_t)json.n;
        if (spool_append(&result->spool, &length, sizeof(length), err) < 0 ||
                spool_append(&result->spool, json.p, json.n, err) < 0) {
                result_close_extent(result, NULL); /* half a row may stand behind it */
                return -1;
        }
        label->open.size += sizeof(length) + json.n;
        label->rows++;
        result->rows++;
        return 0;
}

static int add_label(struct result *result, struct sv payload, struct error *err)
{
        struct sv name;
        unsigned flags;
        if (frame_split_label(payload, &name, &flags, err) < 0)
                return -1;
        struct label *label = label_of(result, name, err);
        if (!label)
                return -1;
        label->flags = flags;
        return 0;
}

static char *copy_of(struct sv text)
{
        return text.n ? strndup(text.p, text.n < TEXT_BYTES_MAX ? text.n : TEXT_BYTES_MAX) : strdup("");
}

static void replace(char **text, char *fresh)
{
        free(*text);
        *text = fresh;
}

static int add_done(struct result *result, struct sv payload, struct error *err)
{
        cleanup(json_decref) json_t *done = json_parse(payload, false, err);
        if (!json_is_object(done))
                return fail(err, E_PROTOCOL, "the worker's last frame is not an object");
        result->done = true;
        result->found = json_is_true(json_object_get(done, "foundanything"));
        result->success = json_is_true(json_object_get(done, "success"));
        json_int_t code = json_integer_value(json_object_get(done, "code"));
        if (!result->failed) /* else our own word stands */
                result->code = code > 0 && code < E_CODES_MAX ? (enum error_code)code : E_NONE;
        const char *partial = json_string_value(json_object_get(done, "partial"));
        if (partial && !result->partial)
                replace(&result->partial, copy_of(sv_of(partial)));
        const char *cursor = json_string_value(json_object_get(done, "cursor"));
        if (cursor)
                replace(&result->cursor, copy_of(sv_of(cursor)));
        return 0;
}

static int add_skipped(struct result *result, struct sv payload, struct error *err)
{
        if (!json_valid(payload))
                return fail(err, E_PROTOCOL, "a skipped path is not JSON");
        bool fits = payload.n <= TEXT_BYTES_MAX && result->texts_bytes + payload.n <= TEXTS_BYTES_MAX;
        char *copy = fits ? strndup(payload.p, payload.n) : NULL;
        char **slot = copy ? vec_add(&result->skipped, SKIPPED_MAX) : NULL;
        if (slot) {
                *slot = copy;
                result->texts_bytes += payload.n;
        } else {
                free(copy);
                result->skipped_lost++;
        }
        return 0;
}

int result_add_frame(struct result *result, const struct frame_header *header, struct sv payload, struct error *err)
{
        if (result->done)
                return fail(err, E_PROTOCOL, "the worker sent a frame after its last one");
        switch (header->type) {
        case FRAME_ROW:
                return add_row(result, payload, err);
        case FRAME_LABEL:
                return add_label(result, payload, err);
        case FRAME_STATISTICS:
                if (!json_valid(payload))
                        return fail(err, E_PROTOCOL, "the statistics are not JSON");
                if (payload.n > STATISTICS_BYTES_MAX)
                        return fail(err, E_TOO_LARGE, "%zu bytes of statistics: at most %d are taken", payload.n,
                                STATISTICS_BYTES_MAX);
                replace(&result->statistics, strndup(payload.p, payload.n));
                return 0;
        case FRAME_ERROR: {
                char *text = copy_of(payload);
                if (text)
                        result_add_error(result, text);
                free(text);
                return 0;
        }
        case FRAME_SKIPPED:
                return add_skipped(result, payload, err);
        case FRAME_DONE:
                return add_done(result, payload, err);
        default:
                return fail(err, E_PROTOCOL, "unexpected frame of type %u", header->type);
        }
}

static void add_error(struct result *result, const char *text, size_t max, uint64_t bytes_max)
{
        size_t length = strlen(text);
        char *copy = result->texts_bytes + length <= bytes_max ? strdup(text) : NULL;
        char **slot = copy ? vec_add(&result->errors, max) : NULL;
        if (slot) {
                *slot = copy;
                result->texts_bytes += length;
        } else {
                free(copy);
                result->errors_lost++;
        }
}

void result_keep_no_rows(struct result *result)
{
        result->rows_pass = true;
}

void result_add_error(struct result *result, const char *text)
{
        add_error(result, text, RESULT_ERRORS_MAX, TEXTS_BYTES_MAX);
}

void result_fail(struct result *result, const struct error *why)
{
        result->failed = true;
        if (result->code == E_NONE)
                result->code = why->code;
        add_error(result, why->message, RESULT_ERRORS_MAX + OWN_ERRORS_MAX, UINT64_MAX);
}

void result_set_partial(struct result *result, const char *reason)
{
        replace(&result->partial, strdup(reason));
}

void result_set_code(struct result *result, enum error_code code)
{
        result->code = code;
}

bool result_full(const struct result *result)
{
        return result->rows_lost > 0;
}

bool result_done(const struct result *result)
{
        return result->done;
}

bool result_success(const struct result *result)
{
        return result->success && !result->failed;
}

bool result_found(const struct result *result)
{
        return result->found || (!result->done && result->rows > 0);
}

const char *result_partial(const struct result *result)
{
        return result->partial;
}

enum error_code result_code(const struct result *result)
{
        if (result_success(result))
                return E_NONE;
        return result->code != E_NONE ? result->code : E_FAILED;
}

uint64_t result_rows(const struct result *result)
{
        return result->rows;
}

size_t result_error_count(const struct result *result)
{
        return result->errors.count;
}

const char *result_error(const struct result *result, size_t index)
{
        return index < result->errors.count ? result->errors.items[index] : NULL;
}

const char *result_statistics(const struct result *result)
{
        return result->statistics;
}
