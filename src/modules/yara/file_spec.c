#include "modules/yara/file_spec.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "schema/flags.h"
#include "schema/json.h"

struct flags {
        struct string_list paths;
        struct string_list names;
        struct string_list sizes;
        int64_t max_depth;
        bool match_all;
};

static const struct field flag_fields[] = {
        FIELD_PATHS(struct flags, paths, .option = "path"),
        FIELD_REGEXES(struct flags, names, .option = "name"),
        FIELD_STRINGS(struct flags, sizes, .option = "size", .max_items = 2),
        FIELD_INT(struct flags, max_depth, .option = "maxdepth", .min = 0, .max = FILE_SPEC_DEPTH, .def = "1000"),
        FIELD_BOOL(struct flags, match_all, .option = "matchall"),
};

/* Words between white space; "…" and '…' keep theirs. */
static int split(const char *text, struct arena *arena, char **words, int *ret_count, struct error *err)
{
        cleanup(buf_done) struct buf word;
        buf_init(&word, 1 << 20);
        for (const char *at = text;; at++) {
                while (*at == ' ' || *at == '\t' || *at == '\n')
                        at++;
                if (!*at)
                        return 0;
                if (*ret_count == FILE_SPEC_WORDS_MAX)
                        return fail(err, E_TOO_LARGE, "filesearch: more than %d words", FILE_SPEC_WORDS_MAX);
                buf_clear(&word);
                char quote = 0;
                for (; *at && (quote || !strchr(" \t\n", *at)); at++) {
                        if (quote ? *at == quote : *at == '"' || *at == '\'')
                                quote = quote ? 0 : *at;
                        else
                                buf_putc(&word, *at);
                }
                if (quote)
                        return fail(err, E_INVALID, "filesearch: a quote is not closed");
                words[*ret_count] = arena_strdup(arena, buf_text(&word));
                if (!words[(*ret_count)++])
                        return fail(err, E_NO_MEMORY, "no memory for the file search");
                if (!*at)
                        return 0;
        }
}

static int read_size(const char *text, struct file_spec *ret, struct error *err)
{
        uint64_t bytes;
        struct sv number = sv_of(text);
        char sign = number.n > 0 && (*text == '<' || *text == '>') ? *text : 0;
        if (sign)
                number = sv_n(number.p + 1, number.n - 1);
        if (!size_parse(number, &bytes))
                return fail(err, E_INVALID, "filesearch: \"%.100s\" is not a size", text);
        if (sign != '<')
                ret->min_size = sign ? bytes + 1 : bytes;
        if (sign != '>')
                ret->max_size = !sign ? bytes : bytes > 0 ? bytes - 1 : 0;
        return 0;
}

static int append(struct string_list *to, const struct string_list *more, struct arena *arena, struct error *err)
{
        char **items = arena_array(arena, to->count + more->count, sizeof(char *));
        if (!items)
                return fail(err, E_NO_MEMORY, "no memory for the file search");
        for (size_t i = 0; i < to->count + more->count; i++)
                items[i] = i < to->count ? to->items[i] : more->items[i - to->count];
        *to = (struct string_list){ .items = items, .count = to->count + more->count };
        return 0;
}

int file_spec_parse(const char *text, struct arena *arena, struct file_spec *ret, struct error *err)
{
        char *words[FILE_SPEC_WORDS_MAX];
        int count = 0;
        struct flags flags;
        const struct record *record = RECORD(struct flags, flag_fields);
        if (split(text, arena, words, &count, err) < 0)
                return -1;
        cleanup(json_decref) json_t *given = flags_parse(record, count, words, err);
        if (!given || record_read(record, given, &flags, arena, READ_STRICT, err) < 0)
                return error_prefix(err, "filesearch");
        list_foreach (size, &flags.sizes)
                if (read_size(*size, ret, err) < 0)
                        return -1;
        if (json_object_get(given, "max_depth"))
                ret->max_depth = flags.max_depth;
        if (append(&ret->paths, &flags.paths, arena, err) < 0)
                return -1;
        return append(&ret->names, &flags.names, arena, err);
}
