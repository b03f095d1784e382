#include "agent/saved.h"

#include "base/cleanup.h"
#include "base/path.h"
#include "base/vec.h"
#include "schema/json.h"
#include "schema/write.h"

#include <ctype.h>
#include <fcntl.h>

enum { ENTRY_ARENA = 4 << 20 };

struct saved_store {
        char *path;
        char problem[512];
        VEC(struct saved *) entries; /* sorted by name */
};

#define SAVED_REQUEST_FIELDS                                                                                           \
        FIELD_STRING(struct saved, run.module, .json = "module", .required = true, .min_length = 1, .max_length = 63,  \
                .help = "module to run"),                                                                              \
                FIELD_ANY(struct saved, run.parameters, .json = "parameters",                                          \
                        .help = "its parameters; left out: all defaults"),                                             \
                FIELD_STRING(                                                                                          \
                        struct saved, description, .max_length = 1000, .omit_empty = true, .help = "what it is for"),  \
                FIELD_DURATION(struct saved, run.every_ns, .json = "every", .min = SECOND, .max = 366 * DAY,           \
                        .omit_empty = true, .help = "time from one run to the next; or cron"),                         \
                FIELD_STRING(struct saved, run.cron, .json = "cron", .max_length = 200, .omit_empty = true,            \
                        .help = "points in time as in crontab(5); or every"),                                          \
                FIELD_BOOL(struct saved, run.enabled, .json = "enabled", .def = "true",                                \
                        .help = "false: not by the clock, only by hand"),                                              \
                FIELD_BOOL(struct saved, run.privacy, .json = "privacy",                                               \
                        .help = "mask what tells about people and contents"),                                          \
                FIELD_DURATION(struct saved, run.max_time_ns, .json = "max_time", .min = 1, .max = 366 * DAY,          \
                        .omit_empty = true, .help = "time after which it ends with what it has")

static const struct field request_fields[] = { SAVED_REQUEST_FIELDS };

const struct record saved_request_record = { request_fields, sizeof(request_fields) / sizeof(request_fields[0]),
        sizeof(struct saved), "saved_request" };

static const struct field saved_fields[] = {
        FIELD_STRING(struct saved, run.name, .json = "name", .required = true, .help = "its name"),
        SAVED_REQUEST_FIELDS,
        FIELD_STRING(struct saved, saved_by, .help = "who saved it"),
        FIELD_TIME(struct saved, saved_ns, .json = "saved_at", .help = "when"),
};

static const struct field shown_fields[] = {
        FIELD_STRING(struct saved, run.name, .json = "name", .required = true, .help = "its name"),
        SAVED_REQUEST_FIELDS,
        FIELD_STRING(struct saved, saved_by, .help = "who saved it"),
        FIELD_TIME(struct saved, saved_ns, .json = "saved_at", .help = "when"),
        FIELD_STRING(struct saved, suspended, .omit_empty = true,
                .help = "why it is not run by the clock: who saved it may not any more"),
};

static const struct record shown_record = { shown_fields, sizeof(shown_fields) / sizeof(shown_fields[0]),
        sizeof(struct saved), "saved" };

static const struct record saved_record = { saved_fields, sizeof(saved_fields) / sizeof(saved_fields[0]),
        sizeof(struct saved), "saved" };

static void saved_free(struct saved *saved)
{
        if (!saved)
                return;
        struct arena arena = saved->arena;
        arena_done(&arena);
        free(saved);
}

DEFINE_CLEANUP(struct saved *, saved_free);

int saved_check_name(const char *name, struct error *err)
{
        size_t length = strlen(name);
        bool good = length >= 1 && length <= SAVED_NAME_MAX && isalnum((unsigned char)name[0]);
        for (size_t i = 0; good && i < length; i++)
                good = isalnum((unsigned char)name[i]) || strchr("._-", name[i]);
        return good ? 0
                    : fail(err, E_INVALID, "name: at most %d letters, digits, '.', '_' and '-', not one of these first",
                              SAVED_NAME_MAX);
}

/* The rules that no table says. */
static int check(struct saved *saved, struct error *err)
{
        struct error why;
        if (saved_check_name(saved->run.name, err) < 0)
                return -1;
        if (saved->run.cron && !*saved->run.cron)
                saved->run.cron = NULL;
        if (saved->run.every_ns && saved->run.cron)
                return fail(err, E_INVALID, "cron: there is an every already");
        if (saved->run.cron && cron_parse(saved->run.cron, &saved->run.points, &why) < 0)
                return fail(err, E_INVALID, "cron: %s", why.message);
        return 0;
}

static struct saved *read_entry(const struct record *record, const json_t *value, struct error *err)
{
        cleanup(saved_free) struct saved *saved = calloc(1, sizeof(*saved));
        struct arena arena;
        if (!saved)
                return fail_null(err, E_NO_MEMORY, "no memory for a saved run");
        arena_init(&arena, ENTRY_ARENA);
        int status = record_read(record, value, saved, &arena, READ_STRICT, err);
        saved->arena = arena; /* reading has cleared it */
        return status < 0 ? NULL : take_ptr(saved);
}

/* ---- the file ---- */

static size_t place_of(const struct saved_store *store, const char *name, bool *ret_there)
{
        size_t low = 0, high = store->entries.count;
        while (low < high) {
                size_t middle = low + (high - low) / 2;
                int order = strcmp(store->entries.items[middle]->run.name, name);
                if (order == 0) {
                        *ret_there = true;
                        return middle;
                }
                if (order < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        *ret_there = false;
        return low;
}

static int insert(struct saved_store *store, size_t at, struct saved *saved, struct error *err)
{
        struct saved **slot = vec_add(&store->entries, SAVED_MAX);
        if (!slot)
                return fail(err, E_TOO_LARGE, "more than %d saved runs: delete some", SAVED_MAX);
        struct saved **items = store->entries.items;
        memmove(&items[at + 1], &items[at], (store->entries.count - 1 - at) * sizeof(items[0]));
        items[at] = saved;
        return 0;
}

static struct saved *take_out(struct saved_store *store, size_t at)
{
        struct saved **items = store->entries.items;
        struct saved *saved = items[at];
        memmove(&items[at], &items[at + 1], (store->entries.count - 1 - at) * sizeof(items[0]));
        store->entries.count--;
        return saved;
}

static int load(struct saved_store *store, struct error *err)
{
        cleanup(buf_done) struct buf text;
        size_t index;
        json_t *item;
        buf_init(&text, SAVED_FILE_MAX + 1);
        if (file_read(AT_FDCWD, store->path, &text, err) < 0)
                return err->code == E_NOT_FOUND ? 0 : -1;
        cleanup(json_decref) json_t *document = json_parse(sv_n(buf_text(&text), text.len), true, err);
        const json_t *list = json_object_get(document, "saved");
        if (!document)
                return -1;
        if (json_integer_value(json_object_get(document, "version")) != 1 || !json_is_array(list))
                return fail(err, E_UNSUPPORTED, "it is of another version");
        json_array_foreach(list, index, item)
        {
                bool there;
                cleanup(saved_free) struct saved *saved = read_entry(&saved_record, item, err);
                if (!saved || check(saved, err) < 0)
                        return error_prefix(err, "saved[%zu]", index);
                size_t at = place_of(store, saved->run.name, &there);
                if (there)
                        return fail(err, E_INVALID, "saved[%zu]: \"%s\" is there twice", index, saved->run.name);
                if (insert(store, at, saved, err) < 0)
                        return -1;
                saved = NULL; /* the store's now */
        }
        return 0;
}

static int store_file(const struct saved_store *store, struct error *err)
{
        cleanup(buf_done) struct buf text;
        struct json_writer writer;
        buf_init(&text, SAVED_FILE_MAX);
        json_writer_init(&writer, &text, 0);
        json_begin_object(&writer);
        json_field(&writer, "version", json_put_int, 1);
        json_key(&writer, "saved");
        json_begin_array(&writer);
        vec_foreach (saved, &store->entries)
                record_write(&writer, &saved_record, *saved, WRITE_SECRETS);
        json_end_array(&writer);
        json_end_object(&writer);
        buf_putc(&text, '\n');
        if (text.failed)
                return fail(err, E_TOO_LARGE, "all saved runs together are more than %d MiB: delete some",
                        SAVED_FILE_MAX >> 20);
        return file_replace(AT_FDCWD, store->path, text.data, text.len, 0600, err);
}

struct saved_store *saved_open(const char *path, struct error *err)
{
        struct saved_store *store = calloc(1, sizeof(*store));
        struct error why;
        if (store)
                store->path = strdup(path);
        if (!store || !store->path) {
                free(store);
                return fail_null(err, E_NO_MEMORY, "no memory for saved runs");
        }
        if (load(store, &why) < 0) {
                while (store->entries.count)
                        saved_free(take_out(store, store->entries.count - 1));
                snprintf(store->problem, sizeof(store->problem), "%.200s cannot be read: %.250s", path, why.message);
        }
        return store;
}

void saved_close(struct saved_store *store)
{
        if (!store)
                return;
        while (store->entries.count)
                saved_free(take_out(store, store->entries.count - 1));
        vec_done(&store->entries);
        free(store->path);
        free(store);
}

const char *saved_problem(const struct saved_store *store)
{
        return store->problem;
}

/* ---- entries ---- */

size_t saved_count(const struct saved_store *store)
{
        return store->entries.count;
}

const struct saved *saved_at(const struct saved_store *store, size_t index)
{
        return store->entries.items[index];
}

const struct saved *saved_find(const struct saved_store *store, const char *name)
{
        bool there;
        size_t at = place_of(store, name, &there);
        return there ? store->entries.items[at] : NULL;
}

const struct config_schedule *saved_schedule(const struct saved_store *store, const char *name)
{
        const struct saved *saved = saved_find(store, name);
        return saved && (saved->run.every_ns || saved->run.cron) ? &saved->run : NULL;
}

static int check_writable(const struct saved_store *store, struct error *err)
{
        return store->problem[0]
                       ? fail(err, E_UNAVAILABLE, "%s; mend or remove it and start the agent again", store->problem)
                       : 0;
}

int saved_put(struct saved_store *store, const char *name, const json_t *entry, const char *by, int64_t now_ns,
        bool *ret_created, struct error *err)
{
        bool there;
        if (check_writable(store, err) < 0)
                return -1;
        cleanup(saved_free) struct saved *saved = read_entry(&saved_request_record, entry, err);
        if (!saved)
                return -1;
        saved->run.name = arena_strdup(&saved->arena, name);
        saved->saved_by = arena_strdup(&saved->arena, by);
        saved->saved_ns = now_ns / SECOND * SECOND;
        if (!saved->run.name || !saved->saved_by)
                return fail(err, E_NO_MEMORY, "no memory for a saved run");
        if (check(saved, err) < 0)
                return -1;
        size_t at = place_of(store, name, &there);
        struct saved *before = there ? take_out(store, at) : NULL;
        if (insert(store, at, saved, err) < 0)
                return -1; /* never after take_out: there is room for what was there */
        if (store_file(store, err) < 0) {
                take_out(store, at);
                if (before)
                        insert(store, at, before, NULL);
                return -1;
        }
        saved = NULL; /* the store's now */
        saved_free(before);
        *ret_created = !there;
        return 0;
}

int saved_remove(struct saved_store *store, const char *name, struct error *err)
{
        bool there;
        size_t at = place_of(store, name, &there);
        if (check_writable(store, err) < 0)
                return -1;
        if (!there)
                return fail(err, E_NOT_FOUND, "there is no saved run %s", name);
        struct saved *saved = take_out(store, at);
        if (store_file(store, err) < 0) {
                insert(store, at, saved, NULL);
                return -1;
        }
        saved_free(saved);
        return 0;
}

void saved_write(const struct saved *saved, const struct record *params, struct json_writer *writer)
{
        struct saved shown = *saved;
        cleanup(json_decref) json_t *parameters = json_deep_copy(saved->run.parameters);
        if (params)
                record_hide(params, parameters);
        shown.run.parameters = parameters ? parameters : json_null();
        record_write(writer, &shown_record, &shown, 0);
}
