/* Sorting and writing. Samples that were added in order cost one comparison each: the sort merges the runs that it
 * finds. */
#include "base/encode.h"
#include "modules/metrics/export/exposition_internal.h"

#include <math.h>

const char *const exposition_content_types[] = { "text/plain; version=0.0.4; charset=utf-8",
        "application/openmetrics-text; version=1.0.0; charset=utf-8" };

/* The labels of a sample with those of its set, by name. */
struct cursor {
        const struct sample *sample;
        size_t own, shared;
};

static const struct stored_label *cursor_next(struct cursor *cursor)
{
        const struct sample *sample = cursor->sample;
        if (cursor->own < sample->count && sample->labels[cursor->own].at <= cursor->shared)
                return &sample->labels[cursor->own++];
        if (sample->set && cursor->shared < sample->set->count)
                return &sample->set->labels[cursor->shared++];
        return NULL;
}

/* The same with the label that orders the series of one histogram or summary left out. */
static const struct stored_label *cursor_next_but(struct cursor *cursor, const char *name)
{
        const struct stored_label *label = cursor_next(cursor);
        if (label && name && strcmp(label->name, name) == 0)
                label = cursor_next(cursor);
        return label;
}

static int values_compare(const struct stored_label *a, const struct stored_label *b)
{
        return a->value == b->value ? 0 : strcmp(a->value, b->value);
}

int exposition_labels_compare(const struct exposition_labels *a, const struct exposition_labels *b)
{
        for (size_t i = 0; i < a->count && i < b->count; i++) {
                int order = values_compare(&a->labels[i], &b->labels[i]);
                if (order)
                        return order;
        }
        return a->count < b->count ? -1 : a->count > b->count;
}

void exposition_labels_follow(struct exposition_labels *set, const struct exposition_labels *before)
{
        if (set->count != before->count)
                return;
        size_t differs = set->count;
        for (size_t i = set->count; i-- > 0;) {
                if (strcmp(set->labels[i].name, before->labels[i].name) != 0)
                        return;
                if (values_compare(&set->labels[i], &before->labels[i]) != 0)
                        differs = i;
        }
        if (differs == set->count || values_compare(&before->labels[differs], &set->labels[differs]) > 0)
                return;
        set->before = before;
        set->differs = differs;
}

enum { SETS_BEFORE_MAX = 16 };

/* a's set is known to be some sets before b's: the first label in which they differ. */
static bool sets_follow(const struct exposition_labels *a, const struct exposition_labels *b, size_t *ret_differs)
{
        size_t differs = SIZE_MAX;
        for (size_t i = 0; b && i < SETS_BEFORE_MAX; b = b->before, i++) {
                if (b == a) {
                        *ret_differs = differs;
                        return i > 0;
                }
                differs = b->differs < differs ? b->differs : differs;
        }
        return false;
}

/* client_golang's order: fewer labels first, then the values one after the other. */
static int labels_compare(const struct sample *a, const struct sample *b, const char *but)
{
        struct cursor left = { .sample = a }, right = { .sample = b };
        size_t left_count = 0, right_count = 0;
        while (cursor_next_but(&left, but))
                left_count++;
        while (cursor_next_but(&right, but))
                right_count++;
        if (left_count != right_count)
                return left_count < right_count ? -1 : 1;
        left = (struct cursor){ .sample = a };
        right = (struct cursor){ .sample = b };
        int names = 0;
        for (size_t i = 0; i < left_count; i++) {
                const struct stored_label *x = cursor_next_but(&left, but), *y = cursor_next_but(&right, but);
                int order = values_compare(x, y);
                if (order)
                        return order;
                if (names == 0 && x->name != y->name)
                        names = strcmp(x->name, y->name); /* other labels of the same values: another series */
        }
        return names;
}

static double label_number(const struct sample *sample, const char *name)
{
        struct cursor cursor = { .sample = sample };
        for (const struct stored_label *label; (label = cursor_next(&cursor));)
                if (strcmp(label->name, name) == 0)
                        return strtod(label->value, NULL);
        return 0;
}

static int grouped_compare(const struct sample *a, const struct sample *b, const char *by)
{
        int order = labels_compare(a, b, by);
        if (order)
                return order;
        if (a->part != b->part)
                return a->part < b->part ? -1 : 1;
        double x = label_number(a, by), y = label_number(b, by);
        if (x != y)
                return x < y ? -1 : 1;
        return labels_compare(a, b, NULL);
}

/* Of their own labels. */
static bool same_names(const struct sample *a, const struct sample *b)
{
        if (a->count != b->count)
                return false;
        for (size_t i = 0; i < a->count; i++)
                if (a->labels[i].name != b->labels[i].name)
                        return false;
        return true;
}

int sample_compare(const struct exposition_family *family, const struct sample *a, const struct sample *b)
{
        if (family->type == EXPOSITION_HISTOGRAM || family->type == EXPOSITION_SUMMARY)
                return grouped_compare(a, b, family->type == EXPOSITION_HISTOGRAM ? "le" : "quantile");
        /* two samples of one set: only their own labels can differ; of two in a row: those before their sets do */
        size_t differs = SIZE_MAX;
        bool one = a->set == b->set;
        if (!same_names(a, b) || (!one && !(a->set && sets_follow(a->set, b->set, &differs))))
                return labels_compare(a, b, NULL);
        for (size_t i = 0; i < a->count && a->labels[i].at <= differs; i++) {
                int order = values_compare(&a->labels[i], &b->labels[i]);
                if (order)
                        return order;
        }
        return one ? 0 : -1;
}

static struct sample *merge(const struct exposition_family *family, struct sample *a, struct sample *b)
{
        struct sample *first = NULL, **link = &first;
        while (a && b) {
                struct sample **from = sample_compare(family, a, b) <= 0 ? &a : &b;
                *link = *from;
                link = &(*from)->next;
                *from = (*from)->next;
        }
        *link = a ? a : b;
        return first;
}

/* Takes the run in order at the front of *rest off it. */
static struct sample *take_run(const struct exposition_family *family, struct sample **rest)
{
        struct sample *first = *rest, *last = first;
        while (last->next && sample_compare(family, last, last->next) <= 0)
                last = last->next;
        *rest = last->next;
        last->next = NULL;
        return first;
}

enum { LEVELS = 32 }; /* 2^32 runs: more than EXPOSITION_SAMPLES_MAX */

void samples_sort(struct exposition_family *family)
{
        struct sample *levels[LEVELS] = { NULL }; /* level n: 2^n runs merged */
        struct sample *rest = family->first;
        while (rest) {
                struct sample *run = take_run(family, &rest);
                size_t level = 0;
                for (; level < LEVELS - 1 && levels[level]; level++) {
                        run = merge(family, levels[level], run);
                        levels[level] = NULL;
                }
                levels[level] = levels[level] ? merge(family, levels[level], run) : run;
        }
        struct sample *sorted = NULL;
        for (size_t level = 0; level < LEVELS; level++)
                if (levels[level])
                        sorted = sorted ? merge(family, levels[level], sorted) : levels[level];
        family->first = sorted;
}

char *label_escape(char *out, const struct stored_label *label)
{
        if (!label->escape) {
                memcpy(out, label->value, label->value_length);
                return out + label->value_length;
        }
        for (const char *p = label->value; *p; p++) {
                if (*p == '\\' || *p == '"' || *p == '\n')
                        *out++ = '\\';
                *out++ = *p == '\n' ? 'n' : *p;
        }
        return out;
}

static char *put(char *out, const char *text, size_t length)
{
        memcpy(out, text, length);
        return out + length;
}

/* The shared labels from..to as they were rendered, with the comma before them where something stands there. */
static char *put_shared(char *out, const struct exposition_labels *set, size_t from, size_t to, bool comma)
{
        if (from == to)
                return out;
        size_t start = from ? set->ends[from - 1] + 1 : 0;
        if (comma)
                *out++ = ',';
        return put(out, set->text + start, set->ends[to - 1] - start);
}

static char *put_labels(char *out, const struct sample *sample)
{
        size_t shared = sample->set ? sample->set->count : 0, done = 0;
        if (sample->count == 0 && shared == 0)
                return out;
        *out++ = '{';
        char *start = out;
        for (size_t i = 0; i < sample->count; i++) {
                const struct stored_label *label = &sample->labels[i];
                out = put_shared(out, sample->set, done, label->at, out > start);
                done = label->at;
                if (out > start)
                        *out++ = ',';
                out = put(out, label->name, label->name_length);
                out = put(out, "=\"", 2);
                out = label_escape(out, label);
                *out++ = '"';
        }
        out = put_shared(out, sample->set, done, shared, out > start);
        *out++ = '}';
        return out;
}

/* OpenMetrics' numbers are the same, but for integers, which have a point: "1.0". */
static char *put_value(char *out, double value, enum exposition_format format)
{
        size_t length = number_format(value, out);
        bool whole = isfinite(value) && !memchr(out, '.', length) && !memchr(out, 'e', length);
        out += length;
        return format == EXPOSITION_OPENMETRICS && whole ? put(out, ".0", 2) : out;
}

/* Milliseconds in the text format, seconds in OpenMetrics. */
static char *put_time(char *out, int64_t time_ms, enum exposition_format format)
{
        if (time_ms == EXPOSITION_NO_TIME)
                return out;
        *out++ = ' ';
        if (time_ms < 0)
                *out++ = '-';
        uint64_t size = time_ms < 0 ? -(uint64_t)time_ms : (uint64_t)time_ms;
        if (format == EXPOSITION_TEXT)
                return out + decimal_format(size, out);
        out += decimal_format(size / 1000, out);
        *out++ = '.';
        *out++ = (char)('0' + size / 100 % 10);
        *out++ = (char)('0' + size / 10 % 10);
        *out++ = (char)('0' + size % 10);
        return out;
}

static const char *const part_suffixes[] = { "", "_bucket", "_sum", "_count" };

enum { SAMPLE_ROOM = 128 }; /* for the suffix, the value, the time and what stands between them */

static void write_sample(const struct exposition_family *family, const struct sample *sample,
        enum exposition_format format, struct buf *out)
{
        size_t need = SAMPLE_ROOM + family->name_length + (sample->set ? sample->set->text_length : 0);
        for (size_t i = 0; i < sample->count; i++)
                need += sample->labels[i].name_length + 2 * (size_t)sample->labels[i].value_length + 4;
        char *start = buf_reserve(out, need);
        if (!start)
                return;
        char *end = put(start, family->name, family->name_length);
        end = put(end, part_suffixes[sample->part], strlen(part_suffixes[sample->part]));
        end = put_labels(end, sample);
        *end++ = ' ';
        end = put_value(end, sample->value, format);
        end = put_time(end, sample->time_ms, format);
        *end++ = '\n';
        *end = '\0';
        out->len += (size_t)(end - start);
}

/* Backslash and newline; in OpenMetrics the double quote too. */
static void put_help(struct buf *out, const char *help, enum exposition_format format)
{
        for (const char *p = help; *p; p++) {
                if (*p == '\\' || *p == '\n' || (*p == '"' && format == EXPOSITION_OPENMETRICS))
                        buf_putc(out, '\\');
                buf_putc(out, *p == '\n' ? 'n' : *p);
        }
}

static const char *const type_names[][2] = {
        [EXPOSITION_COUNTER] = { "counter", "counter" },
        [EXPOSITION_GAUGE] = { "gauge", "gauge" },
        [EXPOSITION_UNTYPED] = { "untyped", "unknown" },
        [EXPOSITION_SUMMARY] = { "summary", "summary" },
        [EXPOSITION_HISTOGRAM] = { "histogram", "histogram" },
};

/* Prometheus' base units; OpenMetrics names a unit only when the family's name ends with it. */
static const char *const units[] = { "seconds", "bytes", "celsius", "volts", "amperes", "joules", "watts", "hertz",
        "meters", "grams", "ratio", NULL };

static void put_unit(struct buf *out, struct sv name)
{
        for (size_t i = 0; units[i]; i++) {
                struct sv unit = sv_of(units[i]);
                if (name.n > unit.n + 1 && sv_ends(name, unit) && name.p[name.n - unit.n - 1] == '_')
                        buf_printf(out, "# UNIT %.*s %s\n", SV_ARG(name), units[i]);
        }
}

/* OpenMetrics: a counter's family is named without the "_total" of its samples; a counter that has none can only be of
 * unknown type, as client_golang says it. */
static void write_head(const struct exposition_family *family, enum exposition_format format, struct buf *out)
{
        struct sv name = sv_n(family->name, family->name_length);
        const char *type = type_names[family->type][format];
        if (format == EXPOSITION_OPENMETRICS && family->type == EXPOSITION_COUNTER) {
                if (sv_ends(name, SV("_total")) && name.n > strlen("_total"))
                        name.n -= strlen("_total");
                else
                        type = "unknown";
        }
        if (family->help) {
                buf_printf(out, "# HELP %.*s ", SV_ARG(name));
                put_help(out, family->help, format);
                buf_putc(out, '\n');
        }
        buf_printf(out, "# TYPE %.*s %s\n", SV_ARG(name), type);
        if (format == EXPOSITION_OPENMETRICS)
                put_unit(out, name);
}

/* From this sample on, until there is enough; the next sample or NULL. */
static struct sample *write_samples(struct exposition_family *family, struct sample *sample,
        enum exposition_format format, struct buf *out, size_t enough)
{
        for (; sample && out->len < enough && !out->failed; sample = sample->next) {
                while (sample->next && sample_compare(family, sample, sample->next) == 0) {
                        family->exposition->refused++;
                        sample->next = sample->next->next;
                }
                write_sample(family, sample, format, out);
                family->last = sample;
        }
        return sample;
}

static int by_family_name(const void *a, const void *b)
{
        const struct exposition_family *const *x = a, *const *y = b;
        return strcmp((*x)->name, (*y)->name);
}

int exposition_write_begin(struct exposition *exposition, enum exposition_format format, struct error *err)
{
        size_t count = 0;
        struct exposition_family **families =
                arena_array(&exposition->arena, exposition->families.count, sizeof(struct exposition_family *));
        if (exposition->no_room || !families)
                return fail(err, E_TOO_LARGE, "the metrics do not fit into %zu bytes", exposition->arena.limit);
        map_foreach (entry, &exposition->families)
                families[count++] = entry->value;
        qsort(families, count, sizeof(struct exposition_family *), by_family_name);
        exposition->writer.format = format;
        exposition->writer.families = families;
        exposition->writer.count = count;
        exposition->writer.at = 0;
        exposition->writer.next = NULL;
        return 0;
}

bool exposition_write_more(struct exposition *exposition, struct buf *out, size_t enough)
{
        enum exposition_format format = exposition->writer.format;
        while (exposition->writer.at < exposition->writer.count) {
                struct exposition_family *family = exposition->writer.families[exposition->writer.at];
                struct sample *sample = exposition->writer.next;
                if (out->len >= enough || out->failed)
                        return !out->failed;
                if (!sample && family->first) {
                        samples_sort(family);
                        write_head(family, format, out);
                        sample = family->first;
                }
                exposition->writer.next = write_samples(family, sample, format, out, enough);
                exposition->writer.at += !exposition->writer.next;
        }
        if (format == EXPOSITION_OPENMETRICS)
                buf_puts(out, "# EOF\n");
        return false;
}

int exposition_write(struct exposition *exposition, enum exposition_format format, struct buf *out, struct error *err)
{
        if (exposition_write_begin(exposition, format, err) < 0)
                return -1;
        exposition_write_more(exposition, out, SIZE_MAX);
        if (out->failed)
                return fail(err, E_TOO_LARGE, "the text of the metrics does not fit into %zu bytes", out->max);
        return 0;
}
