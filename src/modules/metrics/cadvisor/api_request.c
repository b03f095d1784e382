/* The words of a request: its path, its query, Go's durations and times with Go's errors. */
#include "modules/metrics/cadvisor/api_internal.h"

#include "base/encode.h"
#include "base/timefmt.h"
#include "lib/http/http.h"

/* ---- paths ---- */

bool api_path_clean(struct sv path, char ret[API_NAME_MAX])
{
        size_t length = 0;
        struct sv part;
        while (sv_split(&path, '/', &part)) {
                if (part.n == 0 || sv_eq(part, SV(".")))
                        continue;
                if (sv_eq(part, SV(".."))) {
                        while (length && ret[--length] != '/')
                                continue;
                        continue;
                }
                if (length + 1 + part.n >= API_NAME_MAX)
                        return false;
                ret[length] = '/';
                memcpy(ret + length + 1, part.p, part.n);
                length += 1 + part.n;
        }
        if (length == 0)
                ret[length++] = '/';
        ret[length] = '\0';
        return true;
}

/* ---- queries (net/url ParseQuery: a bad pair is left out) ---- */

static bool query_unescape(struct sv text, struct buf *ret)
{
        buf_clear(ret);
        char *room = buf_reserve(ret, text.n);
        if (!room || !http_unescape(text, true, room))
                return false;
        ret->len = strlen(room);
        return true;
}

const char *api_query(const char *query, const char *key, struct buf *ret)
{
        struct sv rest = sv_of(query), pair;
        while (sv_split(&rest, '&', &pair)) {
                if (pair.n == 0 || sv_find(pair, ';') < pair.n)
                        continue;
                size_t equals = sv_find(pair, '=');
                if (!query_unescape(sv_n(pair.p, equals), ret) || !sv_eq(sv_n(buf_text(ret), ret->len), sv_of(key)))
                        continue;
                size_t value = equals < pair.n ? equals + 1 : pair.n;
                if (query_unescape(sv_n(pair.p + value, pair.n - value), ret))
                        return buf_text(ret);
        }
        return NULL;
}

/* ---- values ---- */

bool api_bool_parse(const char *text, bool *ret)
{
        static const char *const truths[] = { "1", "t", "T", "TRUE", "true", "True" };
        static const char *const lies[] = { "0", "f", "F", "FALSE", "false", "False" };
        for (size_t i = 0; i < sizeof(truths) / sizeof(truths[0]); i++) {
                bool truth = strcmp(text, truths[i]) == 0;
                if (truth || strcmp(text, lies[i]) == 0) {
                        *ret = truth;
                        return true;
                }
        }
        return false;
}

bool api_int_parse(const char *text, int64_t *ret)
{
        if (*text == '+') {
                text++;
                if (*text == '-' || *text == '+')
                        return false;
        }
        return sv_parse_i64(sv_of(text), ret);
}

/* How package time quotes: all that is not printable ASCII byte by byte. */
static void time_quote(struct buf *out, struct sv text)
{
        buf_putc(out, '"');
        for (size_t i = 0; i < text.n; i++) {
                unsigned char c = (unsigned char)text.p[i];
                if (c >= 0x80 || c < 0x20) {
                        buf_printf(out, "\\x%02x", c);
                        continue;
                }
                if (c == '"' || c == '\\')
                        buf_putc(out, '\\');
                buf_putc(out, (char)c);
        }
        buf_putc(out, '"');
}

static int duration_problem(struct buf *problem, const char *what, struct sv unit, struct sv text)
{
        if (problem) {
                buf_printf(problem, "time: %s ", what);
                if (unit.p) {
                        time_quote(problem, unit);
                        buf_puts(problem, " in duration ");
                }
                time_quote(problem, text);
        }
        return -1;
}

static size_t digits_of(struct sv text)
{
        size_t n = 0;
        while (n < text.n && text.p[n] >= '0' && text.p[n] <= '9')
                n++;
        return n;
}

int api_duration_parse(struct sv text, int64_t *ret_ns, struct buf *problem)
{
        struct sv rest = text;
        if (rest.n && (*rest.p == '-' || *rest.p == '+'))
                rest = sv_n(rest.p + 1, rest.n - 1);
        if (sv_eq(rest, SV("0"))) {
                *ret_ns = 0;
                return 0;
        }
        if (rest.n == 0)
                return duration_problem(problem, "invalid duration", (struct sv){ 0 }, text);
        while (rest.n) {
                size_t whole = digits_of(rest), fraction = 0;
                size_t point = whole < rest.n && rest.p[whole] == '.';
                if (point)
                        fraction = digits_of(sv_n(rest.p + whole + 1, rest.n - whole - 1));
                if (!whole && !fraction)
                        return duration_problem(problem, "invalid duration", (struct sv){ 0 }, text);
                rest = sv_n(rest.p + whole + point + fraction, rest.n - whole - point - fraction);
                size_t unit = 0;
                while (unit < rest.n && rest.p[unit] != '.' && (rest.p[unit] < '0' || rest.p[unit] > '9'))
                        unit++;
                if (!unit)
                        return duration_problem(problem, "missing unit in duration", (struct sv){ 0 }, text);
                struct sv name = sv_n(rest.p, unit);
                if (!sv_eq(name, SV("ns")) && !sv_eq(name, SV("us")) && !sv_eq(name, SV("\xc2\xb5s")) &&
                        !sv_eq(name, SV("\xce\xbcs")) && !sv_eq(name, SV("ms")) && !sv_eq(name, SV("s")) &&
                        !sv_eq(name, SV("m")) && !sv_eq(name, SV("h")))
                        return duration_problem(problem, "unknown unit", name, text);
                rest = sv_n(rest.p + unit, rest.n - unit);
        }
        if (!duration_parse(text, ret_ns)) /* only too large by now */
                return duration_problem(problem, "invalid duration", (struct sv){ 0 }, text);
        return 0;
}

/* ---- v2's options ---- */

int api_options_parse(const char *query, struct api_options *ret, struct buf *problem)
{
        cleanup(buf_done) struct buf scratch;
        buf_init(&scratch, API_NAME_MAX);
        *ret = (struct api_options){ .type = API_NAME, .count = API_SAMPLES_V2 };
        const char *value = api_query(query, "type", &scratch);
        if (value && *value) {
                if (strcmp(value, "docker") == 0) {
                        ret->type = API_DOCKER;
                } else if (strcmp(value, "podman") == 0) {
                        ret->type = API_PODMAN;
                } else if (strcmp(value, "name") != 0) {
                        buf_puts(problem, "unknown 'type' ");
                        go_quote(problem, sv_n(value, scratch.len));
                        return -1;
                }
        }
        value = api_query(query, "count", &scratch);
        if (value && *value) {
                if (!api_int_parse(value, &ret->count)) {
                        buf_printf(problem, "failed to parse 'count' option: %s", value);
                        return -1;
                }
                if (ret->count < -1) {
                        buf_printf(problem, "invalid 'count' option: only -1 and larger values allowed, not %lld",
                                (long long)ret->count);
                        return -1;
                }
        }
        value = api_query(query, "recursive", &scratch);
        ret->recursive = value && strcmp(value, "true") == 0;
        value = api_query(query, "max_age", &scratch);
        if (value && *value) {
                size_t start = problem->len;
                buf_puts(problem, "failed to parse 'max_age' option: ");
                if (api_duration_parse(sv_n(value, scratch.len), &ret->max_age_ns, problem) < 0)
                        return -1;
                problem->len = start;
                ret->has_max_age = true;
        }
        return 0;
}

/* ---- events ---- */

/* The flag's value where it is one; else as it was. */
static void query_bool(const char *query, const char *key, struct buf *scratch, bool *flag)
{
        const char *value = api_query(query, key, scratch);
        if (value)
                api_bool_parse(value, flag);
}

static void query_time(const char *query, const char *key, struct buf *scratch, int64_t *time_ns)
{
        const char *value = api_query(query, key, scratch);
        if (value)
                api_time_parse(sv_n(value, scratch->len), time_ns, NULL);
}

void api_events_parse(const char *query, struct event_query *ret, bool *ret_stream)
{
        static const char *const flags[EVENT_KINDS] = { [EVENT_OOM] = "oom_events",
                [EVENT_OOM_KILL] = "oom_kill_events",
                [EVENT_CREATION] = "creation_events",
                [EVENT_DELETION] = "deletion_events" };
        cleanup(buf_done) struct buf scratch;
        buf_init(&scratch, API_NAME_MAX);
        *ret = (struct event_query){ .max = API_EVENTS };
        *ret_stream = false;
        query_bool(query, "stream", &scratch, ret_stream);
        query_bool(query, "subcontainers", &scratch, &ret->subcontainers);
        bool all = false;
        query_bool(query, "all_events", &scratch, &all);
        for (unsigned kind = 0; kind < EVENT_KINDS; kind++) {
                bool asked = all;
                if (!all)
                        query_bool(query, flags[kind], &scratch, &asked);
                if (asked)
                        ret->kinds |= 1U << kind;
        }
        const char *value = api_query(query, "max_events", &scratch);
        int64_t max;
        if (value && api_int_parse(value, &max))
                ret->max = max > 0 ? (size_t)max : 0;
        query_time(query, "start_time", &scratch, &ret->start_ns);
        query_time(query, "end_time", &scratch, &ret->end_ns);
}
