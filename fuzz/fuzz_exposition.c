/* Expositions of any labels, names and numbers: what is written is valid UTF-8, one sample a line in order without a
 * duplicate, every label closed, and every number reads back. */
#include "base/encode.h"
#include "modules/metrics/export/exposition.h"

#include <math.h>
#include <string.h>

enum { MEMORY = 1 << 20, LABELS = 4, TEXT_MAX = 64 };

struct input {
        const uint8_t *p;
        size_t n;
};

static uint8_t byte(struct input *input)
{
        if (input->n == 0)
                return 0;
        input->n--;
        return *input->p++;
}

static const char *text(struct input *input, char ret[TEXT_MAX])
{
        size_t size = byte(input) % TEXT_MAX, length = 0;
        while (length < size && input->n > 0)
                ret[length++] = (char)byte(input);
        ret[length] = '\0';
        return ret;
}

static double number(struct input *input)
{
        uint64_t bits = 0;
        double value;
        unsigned how = byte(input);
        for (int i = 0; i < 8; i++)
                bits = bits << 8 | byte(input);
        memcpy(&value, &bits, sizeof(value));
        return how % 4 == 0   ? value
               : how % 4 == 1 ? (double)bits
                              : (double)(bits >> how % 60) / (how % 8 < 4 ? 1e9 : 1e6);
}

static size_t labels_of(struct input *input, struct exposition_label labels[LABELS], char texts[LABELS][TEXT_MAX])
{
        static const char *const names[] = { "a", "b", "c", "d", "le", "quantile", "id", "zone", "bad-name", "__x",
                "" };
        size_t count = byte(input) % (LABELS + 1);
        for (size_t i = 0; i < count; i++)
                labels[i] = (struct exposition_label){ names[byte(input) % (sizeof(names) / sizeof(names[0]))],
                        byte(input) % 16 ? text(input, texts[i]) : NULL };
        return count;
}

/* The labels end where they must: quotes are balanced, and escapes are of three kinds. */
static size_t line_labels(struct sv line, size_t at)
{
        bool quoted = false;
        for (; at < line.n; at++) {
                char c = line.p[at];
                if (quoted && c == '\\') {
                        at++;
                        if (at >= line.n || !strchr("\\\"n", line.p[at]))
                                abort();
                } else if (c == '"') {
                        quoted = !quoted;
                } else if (c == '}' && !quoted) {
                        return at + 1;
                }
        }
        abort();
}

static void check_sample(struct sv line)
{
        size_t at = 0;
        while (at < line.n && line.p[at] != '{' && line.p[at] != ' ')
                at++;
        if (at == 0 || at == line.n)
                abort();
        if (line.p[at] == '{')
                at = line_labels(line, at);
        if (at >= line.n || line.p[at] != ' ')
                abort();
        char value[64];
        int length = snprintf(value, sizeof(value), "%.*s", (int)(line.n - at - 1), line.p + at + 1);
        char *end;
        strtod(value, &end);
        if (length <= 0 || end == value || (*end && *end != ' '))
                abort();
}

static void check(const struct buf *out, bool openmetrics)
{
        struct sv rest = sv_n(buf_text(out), out->len), line, last = { NULL, 0 };
        if (!utf8_valid(rest))
                abort();
        while (sv_line(&rest, &line)) {
                last = line;
                if (line.n == 0)
                        abort();
                if (line.p[0] != '#')
                        check_sample(line);
        }
        if (openmetrics && !sv_eq(last, SV("# EOF")))
                abort();
}

static void round_trip(double value)
{
        struct buf out;
        buf_init(&out, 100);
        exposition_number(&out, value);
        double back = strtod(buf_text(&out), NULL);
        if (out.failed || (isnan(value) ? !isnan(back) : back != value))
                abort();
        buf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const char *const families[] = { "f", "f_total", "g_seconds", "h", "s", "1bad", "x:y" };
        struct input input = { data, size };
        struct exposition *exposition = exposition_new(byte(&input) % 8 ? MEMORY : 4096, NULL);
        struct exposition_labels *set = NULL;
        if (!exposition)
                return 0;
        while (input.n > 0) {
                char texts[LABELS][TEXT_MAX], help[TEXT_MAX];
                struct exposition_label labels[LABELS];
                unsigned what = byte(&input);
                size_t count = labels_of(&input, labels, texts);
                if (what % 5 == 0) {
                        set = exposition_labels(exposition, labels, count);
                        continue;
                }
                unsigned which = byte(&input) % (sizeof(families) / sizeof(families[0]));
                enum exposition_type type = which == 3   ? EXPOSITION_HISTOGRAM
                                            : which == 4 ? EXPOSITION_SUMMARY
                                                         : (enum exposition_type)(what % 3);
                struct exposition_family *family =
                        exposition_family(exposition, families[which], type, text(&input, help));
                double value = number(&input);
                round_trip(value);
                int64_t time_ms = what % 7 ? 0 : (int64_t)(value < 1e15 && value > -1e15 ? value : INT64_MIN);
                if (what % 5 == 1)
                        exposition_add_part(family, (enum exposition_part)(what % 4), labels, count, value, time_ms);
                else
                        exposition_add_to(family, what % 5 == 2 ? set : NULL, labels, count, value, time_ms);
        }
        struct buf first, second;
        buf_init(&first, MEMORY);
        buf_init(&second, MEMORY);
        int whole = exposition_write(exposition, EXPOSITION_TEXT, &first, NULL);
        uint64_t refused = exposition_refused(exposition);
        if (whole == 0)
                check(&first, false);
        if (exposition_write(exposition, EXPOSITION_TEXT, &second, NULL) == 0 &&
                (whole != 0 || first.len != second.len || memcmp(buf_text(&first), buf_text(&second), first.len) != 0 ||
                        refused != exposition_refused(exposition)))
                abort(); /* writing again gives the same, with nothing more to refuse */
        buf_clear(&second);
        if (exposition_write(exposition, EXPOSITION_OPENMETRICS, &second, NULL) == 0)
                check(&second, true);
        buf_done(&first);
        buf_done(&second);
        exposition_free(exposition);
        return 0;
}
