/* Makes a filter of its parameters. */
#include "base/cleanup.h"
#include "base/path.h"
#include "modules/watch/event/filter_internal.h"
#include "schema/json_writer.h"

#include <fcntl.h>

enum { PASSWD_MAX = 4 << 20, JOINED_MAX = 1 << 20 };

static int word_make(struct event_filter *filter, const char *text, struct word *ret, struct error *err)
{
        char *copy = arena_strdup(&filter->arena, text);
        if (!copy)
                return fail(err, E_NO_MEMORY, "no memory for a filter");
        ret->text = sv_of(copy);
        ret->glob = strpbrk(copy, "*?[") != NULL;
        ret->whole = strchr(copy, '/') != NULL;
        ret->hash = *copy ? store_hash(ret->text) : 0;
        ret->hash_long = *copy ? store_hash_long(ret->text) : 0;
        return 0;
}

static int words_make(struct event_filter *filter, const struct string_list *from, struct words *ret, struct error *err)
{
        if (from->count > FILTER_WORDS_MAX)
                return fail(err, E_TOO_LARGE, "more than %d words of one kind", FILTER_WORDS_MAX);
        struct word *items = arena_array(&filter->arena, from->count + 1, sizeof(*items));
        if (!items)
                return fail(err, E_NO_MEMORY, "no memory for a filter");
        for (size_t i = 0; i < from->count; i++)
                if (word_make(filter, from->items[i], &items[i], err) < 0)
                        return -1;
        *ret = (struct words){ items, from->count };
        return 0;
}

/* The text as it stands inside a JSON string, so that it can be sought in the line itself. */
static int escape_texts(struct event_filter *filter, struct error *err)
{
        for (size_t i = 0; i < filter->text.count; i++) {
                struct word *word = &filter->text.items[i];
                struct json_writer writer;
                struct buf escaped;
                buf_init(&escaped, 8 * MIB);
                json_writer_init(&writer, &escaped, 0);
                json_put_string(&writer, word->text);
                char *copy = escaped.failed ? NULL : arena_strndup(&filter->arena, escaped.data + 1, escaped.len - 2);
                if (copy)
                        word->text = sv_n(copy, escaped.len - 2);
                buf_done(&escaped);
                if (!copy)
                        return fail(err, E_NO_MEMORY, "no memory for a filter");
        }
        return 0;
}

static int regexes_make(struct event_filter *filter, const struct string_list *from, struct error *err)
{
        if (from->count > FILTER_WORDS_MAX)
                return fail(err, E_TOO_LARGE, "more than %d patterns", FILTER_WORDS_MAX);
        filter->argv.items = arena_array(&filter->arena, from->count + 1, sizeof(*filter->argv.items));
        if (!filter->argv.items)
                return fail(err, E_NO_MEMORY, "no memory for a filter");
        for (size_t i = 0; i < from->count; i++) {
                filter->argv.items[i] = regex_new(sv_of(from->items[i]), 0, err);
                if (!filter->argv.items[i])
                        return error_prefix(err, "argv");
                filter->argv.count = i + 1;
        }
        return 0;
}

static bool find_user(struct sv passwd, struct sv name, uint32_t *ret)
{
        struct sv line;
        struct sv part;
        while (sv_line(&passwd, &line)) {
                uint64_t uid;
                if (!sv_split(&line, ':', &part) || !sv_eq(part, name) || !sv_split(&line, ':', &part) ||
                        !sv_split(&line, ':', &part) || !sv_parse_u64(part, 10, &uid) || uid > UINT32_MAX)
                        continue;
                *ret = (uint32_t)uid;
                return true;
        }
        return false;
}

/* Numbers, or names of etc/passwd: the file itself, since asking the name service is not for a locked worker. */
static int users_make(struct event_filter *filter, const struct string_list *from, int root, uint32_t **ret_items,
        size_t *ret_count, struct error *err)
{
        cleanup(buf_done) struct buf passwd;
        bool have = false;
        buf_init(&passwd, PASSWD_MAX);
        if (from->count > FILTER_WORDS_MAX)
                return fail(err, E_TOO_LARGE, "more than %d users", FILTER_WORDS_MAX);
        uint32_t *items = arena_array(&filter->arena, from->count + 1, sizeof(*items));
        if (!items)
                return fail(err, E_NO_MEMORY, "no memory for a filter");
        for (size_t i = 0; i < from->count; i++) {
                struct sv word = sv_of(from->items[i]);
                uint64_t number;
                if (sv_parse_u64(word, 10, &number) && number <= UINT32_MAX) {
                        items[i] = (uint32_t)number;
                        continue;
                }
                if (sv_eq(word, SV("unset"))) {
                        items[i] = AUDIT_UNSET;
                        continue;
                }
                if (!have && file_read(root < 0 ? AT_FDCWD : root, root < 0 ? "/etc/passwd" : "etc/passwd", &passwd,
                                     err) < 0)
                        return error_prefix(err, "user \"%.100s\"", from->items[i]);
                have = true;
                if (!find_user(sv_n(buf_text(&passwd), passwd.len), word, &items[i]))
                        return fail(err, E_INVALID, "user \"%.100s\" is not known", from->items[i]);
        }
        *ret_items = items;
        *ret_count = from->count;
        return 0;
}

static int containers_make(struct event_filter *filter, const struct string_list *from, struct error *err)
{
        struct words words;
        if (words_make(filter, from, &words, err) < 0)
                return -1;
        filter->container.items = arena_array(&filter->arena, words.count + 1, sizeof(*filter->container.items));
        if (!filter->container.items)
                return fail(err, E_NO_MEMORY, "no memory for a filter");
        filter->container.count = words.count;
        for (size_t i = 0; i < words.count; i++) {
                struct container_word *container = &filter->container.items[i];
                const struct word *word = &words.items[i];
                unsigned count;
                container->word = *word;
                container->kind = sv_eq(word->text, SV("none"))  ? CONTAINER_NONE
                                  : sv_eq(word->text, SV("any")) ? CONTAINER_ANY
                                                                 : CONTAINER_WORD;
                /* as docker: a beginning of the id, in digits; three would be too many names by chance */
                if (store_container_digits(word->text, &container->digits, &count) && count >= 4 &&
                        (count == word->text.n || count == 16))
                        container->mask = UINT64_MAX << (64 - 4 * count);
        }
        return 0;
}

static int times_make(
        struct event_filter *filter, const struct events_params *params, int64_t now_ns, struct error *err)
{
        filter->since = INT64_MIN;
        filter->until = INT64_MAX;
        if (params->since && *params->since && event_time_parse(params->since, now_ns, &filter->since, err) < 0)
                return error_prefix(err, "since");
        if (params->until && *params->until && event_time_parse(params->until, now_ns, &filter->until, err) < 0)
                return error_prefix(err, "until");
        return 0;
}

static int fill(
        struct event_filter *filter, const struct events_params *params, int root, int64_t now_ns, struct error *err)
{
        const struct {
                const struct string_list *from;
                struct words *to;
        } lists[] = { { &params->exe, &filter->exe }, { &params->comm, &filter->comm },
                { &params->ancestor, &filter->ancestor }, { &params->exec_id, &filter->exec_id },
                { &params->path, &filter->path }, { &params->key, &filter->key }, { &params->tag, &filter->tag },
                { &params->text, &filter->text } };
        for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
                if (words_make(filter, lists[i].from, lists[i].to, err) < 0)
                        return -1;
        if (times_make(filter, params, now_ns, err) < 0 || escape_texts(filter, err) < 0 ||
                regexes_make(filter, &params->argv, err) < 0 || containers_make(filter, &params->container, err) < 0 ||
                users_make(filter, &params->user, root, &filter->user.items, &filter->user.count, err) < 0 ||
                users_make(filter, &params->auid, root, &filter->auid.items, &filter->auid.count, err) < 0)
                return -1;
        filter->pid.items = arena_array(&filter->arena, params->pid.count + 1, sizeof(*filter->pid.items));
        if (!filter->pid.items)
                return fail(err, E_NO_MEMORY, "no memory for a filter");
        for (size_t i = 0; i < params->pid.count; i++)
                filter->pid.items[i] = (uint32_t)params->pid.items[i];
        filter->pid.count = params->pid.count;
        for (size_t i = 0; i < params->types.count; i++)
                filter->types |= UINT32_C(1) << (params->types.items[i] & 31);
        if (filter->types == 0)
                filter->types = UINT32_MAX;
        return 0;
}

struct event_filter *event_filter_new(const struct events_params *params, int root, int64_t now_ns, struct error *err)
{
        struct event_filter *filter = calloc(1, sizeof(*filter));
        if (!filter)
                return fail_null(err, E_NO_MEMORY, "no memory for a filter");
        arena_init(&filter->arena, 16 * MIB);
        buf_init(&filter->joined, JOINED_MAX);
        buf_init(&filter->scratch, JOINED_MAX);
        if (fill(filter, params, root, now_ns, err) < 0) {
                event_filter_free(filter);
                return NULL;
        }
        return filter;
}

void event_filter_free(struct event_filter *filter)
{
        if (!filter)
                return;
        list_foreach (regex, &filter->argv)
                regex_free(*regex);
        buf_done(&filter->joined);
        buf_done(&filter->scratch);
        arena_done(&filter->arena);
        free(filter);
}
