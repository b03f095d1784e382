/* Secrets out of command lines and texts. */
#include "modules/watch/rules/redact_internal.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "lib/regex/regex.h"
#include "modules/watch/event/event.h"

/* Secrets of one text in order, none within another. */
struct spans {
        struct span items[REDACT_SPANS_MAX];
        size_t count;
};

struct redact {
        struct regex *patterns[REDACT_PATTERNS_MAX];
        size_t pattern_count;
        struct buf texts;  /* of the last command line, each ended by NUL */
        struct buf detail; /* of the last text */
        char **items;
        size_t capacity;
        struct redact_counters counters;
        bool pairs[REDACT_PAIRS]; /* see redact_may_matter */
        struct spans spans;       /* of the argument that is looked at */
};

int redact_new(const struct string_list *patterns, struct redact **ret, struct error *err)
{
        cleanup(redact_free) struct redact *redact = calloc(1, sizeof(*redact));
        if (!redact)
                return fail(err, E_NO_MEMORY, "no memory for redaction");
        redact_pairs(redact->pairs);
        buf_init(&redact->texts, REDACT_MEMORY_MAX);
        buf_init(&redact->detail, REDACT_MEMORY_MAX);
        for (size_t i = 0; patterns && i < patterns->count; i++) {
                if (i == REDACT_PATTERNS_MAX)
                        return fail(err, E_TOO_LARGE, "more than %d patterns", REDACT_PATTERNS_MAX);
                redact->patterns[i] = regex_new(sv_of(patterns->items[i]), 0, err);
                if (!redact->patterns[i])
                        return error_prefix(err, "pattern %zu, \"%.60s\"", i + 1, patterns->items[i]);
                redact->pattern_count++;
        }
        *ret = take_ptr(redact);
        return 0;
}

void redact_free(struct redact *redact)
{
        if (!redact)
                return;
        for (size_t i = 0; i < redact->pattern_count; i++)
                regex_free(redact->patterns[i]);
        buf_done(&redact->texts);
        buf_done(&redact->detail);
        free(redact->items);
        free(redact);
}

/* --- spans --- */

static void add_span(struct spans *spans, struct span span, size_t end)
{
        size_t i = spans->count;
        if (i == REDACT_SPANS_MAX) { /* too many to tell apart */
                spans->items[i - 1].end = end;
                return;
        }
        while (i && spans->items[i - 1].start > span.start) {
                spans->items[i] = spans->items[i - 1];
                i--;
        }
        spans->items[i] = span;
        spans->count++;
        size_t kept = 0;
        for (size_t j = 1; j < spans->count; j++) {
                if (spans->items[j].start <= spans->items[kept].end) {
                        if (spans->items[j].end > spans->items[kept].end)
                                spans->items[kept].end = spans->items[j].end;
                } else {
                        spans->items[++kept] = spans->items[j];
                }
        }
        spans->count = kept + 1;
}

static void add_matches(const struct regex *regex, struct sv text, struct spans *spans)
{
        struct regex_capture captures[2];
        struct error err;
        size_t from = 0;
        while (from <= text.n && spans->count < REDACT_SPANS_MAX) {
                if (regex_find(regex, text, from, captures, 2, &err) <= 0)
                        return;
                bool group = captures[1].start != REGEX_NONE;
                struct span span = { captures[group].start, captures[group].end };
                if (span.start < span.end)
                        add_span(spans, span, text.n);
                from = captures[0].end > from ? captures[0].end : from + 1;
        }
}

static void find_all(const struct redact *redact, struct sv text, bool argument, struct spans *spans)
{
        struct span span;
        size_t from = 0;
        while (spans->count < REDACT_SPANS_MAX && redact_find(text, from, argument, &span)) {
                add_span(spans, span, text.n);
                from = span.end;
        }
        if (spans->count == REDACT_SPANS_MAX)
                spans->items[REDACT_SPANS_MAX - 1].end = text.n;
        for (size_t i = 0; i < redact->pattern_count; i++)
                add_matches(redact->patterns[i], text, spans);
}

static void put_without(struct buf *out, struct sv text, const struct spans *spans)
{
        size_t at = 0;
        for (size_t i = 0; i < spans->count; i++) {
                buf_append(out, text.p + at, spans->items[i].start - at);
                buf_puts(out, REDACTED);
                at = spans->items[i].end;
        }
        buf_append(out, text.p + at, text.n - at);
}

/* --- command lines --- */

struct command {
        const struct string_list *argv;
        const struct client *client;
        bool wrapped; /* the program itself may still come */
        bool pending; /* the next argument is a value that an option wants */
        char separator;
};

static bool span_of_value(struct sv value, size_t start, char separator, struct span *ret)
{
        if (separator)
                start += sv_find(sv_n(value.p + start, value.n - start), separator) + 1;
        if (start >= value.n || sv_eq(sv_n(value.p + start, value.n - start), SV(REDACTED)))
                return false;
        *ret = (struct span){ start, value.n };
        return true;
}

static void expect(struct command *command, size_t index, char separator)
{
        const char *next = index + 1 < command->argv->count ? command->argv->items[index + 1] : NULL;
        if (next && (next[0] != '-' || separator)) {
                command->pending = true;
                command->separator = separator;
        }
}

static bool is_option_of(const struct client *client, struct sv name)
{
        char word[32];
        if (!client || !client->options || name.n + 3 > sizeof(word))
                return false;
        snprintf(word, sizeof(word), " %.*s ", SV_ARG(name));
        return strstr(client->options, word) != NULL;
}

/* A flag of the client: -pVALUE, -p, or -xyp with the value behind it. */
static bool client_flag(struct command *command, size_t index, struct sv argument, struct span *ret)
{
        const struct client *client = command->client;
        if (strchr(client->flags, argument.p[1])) {
                if (argument.n > 2)
                        return client->attached && span_of_value(argument, 2, client->separator, ret);
                if (client->separate)
                        expect(command, index, client->separator);
                return false;
        }
        enum { COMBINED_MAX = 8 };
        if (client->separate && argument.n > 2 && argument.n <= COMBINED_MAX &&
                strchr(client->flags, argument.p[argument.n - 1]))
                expect(command, index, client->separator);
        return false;
}

/* What the place of the argument in the command line tells; the text itself is looked at later. */
static bool by_place(struct command *command, size_t index, struct sv argument, struct span *ret)
{
        if (command->pending) {
                command->pending = false;
                return span_of_value(argument, 0, command->separator, ret);
        }
        if (argument.n < 2 || argument.p[0] != '-') {
                enum { WRAPPED_MAX = 8 };
                if (command->wrapped && !command->client && index <= WRAPPED_MAX)
                        command->client = redact_client(argument);
                return false;
        }
        bool two_dashes = argument.p[1] == '-';
        struct sv name = sv_n(argument.p + 1 + two_dashes, argument.n - 1 - two_dashes);
        if (two_dashes && is_option_of(command->client, name)) {
                expect(command, index, command->client->separator);
                return false;
        }
        if (command->client && !two_dashes)
                return client_flag(command, index, argument, ret);
        if (name.n > 3 && sv_find(name, '=') == name.n && redact_name(name))
                expect(command, index, 0);
        return false;
}

static const struct client *client_of(const struct string_list *argv)
{
        const struct client *client = redact_client(sv_of(argv->items[0]));
        if (client && client->subcommand && (argv->count < 2 || strcmp(argv->items[1], client->subcommand) != 0))
                return NULL;
        return client;
}

/* Beyond the ceiling: the program's name is all that stays. */
static void cut(struct redact *redact, const struct string_list *argv, struct string_list *ret)
{
        static char note[] = REDACTED;
        redact->counters.cut++;
        redact->items[0] = argv->items[0];
        redact->items[1] = note;
        *ret = (struct string_list){ .items = redact->items, .count = 2 };
}

static bool make_room(struct redact *redact, size_t count)
{
        if (redact->capacity >= count)
                return true;
        char **grown = realloc(redact->items, count * sizeof(*grown));
        if (!grown)
                return false;
        redact->items = grown;
        redact->capacity = count;
        return true;
}

/* Redacted arguments are appended to one buffer that may move: until all are there their items are NULL. */
static void point_items(struct redact *redact, const struct string_list *argv, struct string_list *ret)
{
        const char *at = buf_text(&redact->texts), *end = at + redact->texts.len;
        for (size_t i = 0; i < argv->count; i++) {
                if (redact->items[i])
                        continue;
                redact->items[i] = (char *)at;
                at += at < end ? strlen(at) + 1 : 0;
        }
        *ret = (struct string_list){ .items = redact->items, .count = argv->count };
}

bool redact_argv(struct redact *redact, const struct string_list *argv, struct string_list *ret)
{
        bool found = false;
        struct spans *spans = &redact->spans;
        redact->counters.command_lines++;
        if (!argv->count)
                return false;
        struct command command = { .argv = argv };
        if (redact_may_matter(redact->pairs, sv_of(argv->items[0]))) {
                command.client = client_of(argv);
                command.wrapped = !command.client && redact_wrapper(sv_of(argv->items[0]));
        }
        for (size_t i = 1; i < argv->count; i++) {
                struct sv argument = sv_of(argv->items[i]);
                spans->count = 0;
                if (by_place(&command, i, argument, &spans->items[0]))
                        spans->count = 1;
                else
                        find_all(redact, argument, true, spans);
                if (spans->count && !found) {
                        found = true;
                        buf_clear(&redact->texts);
                        if (!make_room(redact, argv->count + 1)) {
                                static char *none[2];
                                *ret = (struct string_list){ .items = none, .count = 0 };
                                return true;
                        }
                        memcpy(redact->items, argv->items, i * sizeof(*argv->items));
                }
                if (!found)
                        continue;
                redact->items[i] = spans->count ? NULL : argv->items[i];
                if (spans->count) {
                        put_without(&redact->texts, argument, spans);
                        buf_putc(&redact->texts, '\0');
                }
        }
        if (!found)
                return false;
        redact->counters.redacted++;
        if (redact->texts.failed)
                cut(redact, argv, ret);
        else
                point_items(redact, argv, ret);
        return true;
}

bool redact_text(struct redact *redact, struct sv text, struct sv *ret)
{
        struct spans spans;
        spans.count = 0;
        find_all(redact, text, false, &spans);
        if (!spans.count)
                return false;
        buf_clear(&redact->detail);
        put_without(&redact->detail, text, &spans);
        *ret = redact->detail.failed ? SV(REDACTED) : sv_n(buf_text(&redact->detail), redact->detail.len);
        return true;
}

/* --- events --- */

/* The details without the lines that repeat the command line (there in hexadecimal), and without other secrets. */
static void redact_detail(struct redact *redact, struct event *event)
{
        struct sv rest = sv_of(event->audit.detail), line;
        struct spans spans;
        buf_clear(&redact->detail);
        while (sv_line(&rest, &line)) {
                if (memmem(line.p, line.n, "EXECVE", 6) || memmem(line.p, line.n, "PROCTITLE", 9) ||
                        memmem(line.p, line.n, "proctitle=", 10))
                        continue;
                spans.count = 0;
                find_all(redact, line, false, &spans);
                if (redact->detail.len)
                        buf_putc(&redact->detail, '\n');
                put_without(&redact->detail, line, &spans);
        }
        event->audit.detail = redact->detail.failed || !redact->detail.len ? NULL : buf_text(&redact->detail);
}

bool redact_event(struct redact *redact, struct event *event)
{
        struct string_list argv;
        struct sv text;
        bool found = event->has_process && redact_argv(redact, &event->process.argv, &argv);
        if (found)
                event->process.argv = argv;
        if (!event->has_audit || !event->audit.detail)
                return found;
        if (found) {
                redact_detail(redact, event);
        } else if (redact_text(redact, sv_of(event->audit.detail), &text)) {
                event->audit.detail = text.p;
                found = true;
        }
        return found;
}

void redact_count(const struct redact *redact, struct redact_counters *ret)
{
        *ret = redact->counters;
}
