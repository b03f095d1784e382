#include "modules/metrics/node/textfile_parse.h"

#include "base/encode.h"
#include "base/map.h"

#include <math.h>

struct parser {
        struct sv rest;
        size_t line; /* its number */
        struct arena *arena;
        struct map families;
        struct textfile *file;
        size_t samples;
        struct error *err;
        /* of the sample line that is read now */
        struct textfile_label labels[TEXTFILE_LABELS_MAX];
        size_t label_count;
        double bound; /* NaN: none given */
};

/* format: a literal */
#define refuse_as(parser, code, format, ...)                                                                           \
        fail((parser)->err, code, "text format parsing error in line %zu: " format, (parser)->line, ##__VA_ARGS__)
#define refuse(parser, format, ...) refuse_as(parser, E_INVALID, format, ##__VA_ARGS__)

static int no_memory(struct parser *parser)
{
        return refuse_as(parser, E_NO_MEMORY, "no memory");
}

static void skip_blanks(struct sv *text)
{
        while (text->n && (text->p[0] == ' ' || text->p[0] == '\t'))
                *text = sv_n(text->p + 1, text->n - 1);
}

static bool name_byte(char c, bool first, bool colon)
{
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (colon && c == ':') ||
               (!first && c >= '0' && c <= '9');
}

/* Takes a name off *text; empty when there is none. */
static struct sv take_name(struct sv *text, bool colon)
{
        size_t n = 0;
        while (n < text->n && name_byte(text->p[n], n == 0, colon))
                n++;
        struct sv name = sv_n(text->p, n);
        *text = sv_n(text->p + n, text->n - n);
        return name;
}

static struct sv take_word(struct sv *text)
{
        size_t n = 0;
        while (n < text->n && text->p[n] != ' ' && text->p[n] != '\t')
                n++;
        struct sv word = sv_n(text->p, n);
        *text = sv_n(text->p + n, text->n - n);
        return word;
}

static bool parse_number(struct sv text, double *ret)
{
        enum { NUMBER_MAX = 512 };
        char copy[NUMBER_MAX];
        if (text.n == 0 || text.n >= sizeof(copy))
                return false;
        memcpy(copy, text.p, text.n);
        copy[text.n] = '\0';
        /* neither hexadecimal nor underscores nor what strtod takes beyond ("nan(0)", spaces) */
        if (strspn(copy, "+-.0123456789aAeEfFiInNtTyY") != text.n)
                return false;
        char *end;
        *ret = strtod(copy, &end);
        return *end == '\0' && end != copy;
}

static struct textfile_family *family_of(struct parser *parser, struct sv name)
{
        struct textfile_family *family = map_get(&parser->families, name);
        if (family)
                return family;
        family = arena_new(parser->arena, struct textfile_family);
        char *copy = arena_strndup(parser->arena, name.p, name.n);
        if (!family || !copy || map_put(&parser->families, name, family) < 0)
                return NULL;
        family->name = copy;
        family->type = EXPOSITION_UNTYPED;
        if (parser->file->last)
                parser->file->last->next = family;
        else
                parser->file->first = family;
        parser->file->last = family;
        return family;
}

static bool cut_suffix(struct sv name, struct sv suffix, struct sv *ret)
{
        if (name.n <= suffix.n || !sv_ends(name, suffix))
                return false;
        *ret = sv_n(name.p, name.n - suffix.n);
        return true;
}

/* NAME_sum, NAME_count and NAME_bucket belong to a summary or histogram NAME that was declared before. */
static struct textfile_family *sample_family(struct parser *parser, struct sv name, enum exposition_part *ret_part)
{
        static const struct {
                struct sv suffix;
                enum exposition_part part;
                bool histogram_only;
        } rows[] = {
                { { "_count", 6 }, EXPOSITION_COUNT, false },
                { { "_sum", 4 }, EXPOSITION_SUM, false },
                { { "_bucket", 7 }, EXPOSITION_BUCKET, true },
        };
        *ret_part = EXPOSITION_VALUE;
        if (map_get(&parser->families, name))
                return family_of(parser, name);
        for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
                struct sv base;
                struct textfile_family *family =
                        cut_suffix(name, rows[i].suffix, &base) ? map_get(&parser->families, base) : NULL;
                if (!family || (family->type != EXPOSITION_HISTOGRAM &&
                                       (rows[i].histogram_only || family->type != EXPOSITION_SUMMARY)))
                        continue;
                *ret_part = rows[i].part;
                return family;
        }
        return family_of(parser, name);
}

/* Backslash escapes: n, backslash, and with quotes the double quote. -1 for another one. */
static int unescape(struct parser *parser, struct sv text, bool quotes, const char **ret)
{
        char *copy = arena_alloc(parser->arena, text.n + 1);
        size_t n = 0;
        if (!copy)
                return no_memory(parser);
        for (size_t i = 0; i < text.n; i++) {
                char c = text.p[i];
                if (c == '\0')
                        return refuse(parser, "a zero byte");
                if (c == '\\') {
                        c = ++i < text.n ? text.p[i] : '\0';
                        if (c != 'n' && c != '\\' && !(quotes && c == '"'))
                                return refuse(parser, "invalid escape sequence");
                        c = c == 'n' ? '\n' : c;
                }
                copy[n++] = c;
        }
        copy[n] = '\0';
        *ret = copy;
        return 0;
}

static int parse_type(struct parser *parser, struct textfile_family *family, struct sv text)
{
        static const char *const names[] = { [EXPOSITION_COUNTER] = "counter",
                [EXPOSITION_GAUGE] = "gauge",
                [EXPOSITION_UNTYPED] = "untyped",
                [EXPOSITION_SUMMARY] = "summary",
                [EXPOSITION_HISTOGRAM] = "histogram" };
        if (family->has_type)
                return refuse(parser, "second TYPE line for metric name \"%s\", or TYPE reported after samples",
                        family->name);
        for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
                if (!sv_eq_nocase(text, sv_of(names[i])))
                        continue;
                family->type = (enum exposition_type)i;
                family->has_type = true;
                return 0;
        }
        return refuse(parser, "unknown metric type \"%.*s\"", (int)(text.n < 64 ? text.n : 64), text.p);
}

/* "# HELP name text", "# TYPE name type", or any comment. */
static int parse_comment(struct parser *parser, struct sv line)
{
        skip_blanks(&line);
        struct sv keyword = take_word(&line);
        bool help = sv_eq(keyword, SV("HELP"));
        if (!help && !sv_eq(keyword, SV("TYPE")))
                return 0;
        skip_blanks(&line);
        struct sv name = take_name(&line, true);
        if (line.n == 0)
                return 0; /* a name without a text is no error there */
        if (name.n == 0 || name.n > TEXTFILE_NAME_MAX || (line.p[0] != ' ' && line.p[0] != '\t'))
                return refuse(parser, "invalid metric name in comment");
        struct textfile_family *family = family_of(parser, name);
        if (!family)
                return no_memory(parser);
        skip_blanks(&line);
        if (line.n == 0)
                return 0;
        if (!help)
                return parse_type(parser, family, line);
        if (family->help)
                return refuse(parser, "second HELP line for metric name \"%s\"", family->name);
        return unescape(parser, line, true, &family->help);
}

/* The quoted value of a label off *line. */
static int take_value(struct parser *parser, struct sv *line, const char **ret)
{
        if (line->n == 0 || line->p[0] != '"')
                return refuse(parser, "expected '\"' at start of label value");
        size_t n = 1;
        while (n < line->n && line->p[n] != '"')
                n += line->p[n] == '\\' ? 2 : 1;
        if (n >= line->n)
                return refuse(parser, "label value contains unescaped new-line");
        struct sv text = sv_n(line->p + 1, n - 1);
        if (!utf8_valid(text))
                return refuse(parser, "invalid label value");
        *line = sv_n(line->p + n + 1, line->n - n - 1);
        return unescape(parser, text, true, ret);
}

static int add_label(struct parser *parser, const struct textfile_family *family, struct sv name, const char *value)
{
        bool bound = (family->type == EXPOSITION_SUMMARY && sv_eq(name, SV("quantile"))) ||
                     (family->type == EXPOSITION_HISTOGRAM && sv_eq(name, SV("le")));
        if (bound)
                return parse_number(sv_of(value), &parser->bound)
                               ? 0
                               : refuse(parser, "expected float as value for '%.*s' label", SV_ARG(name));
        for (size_t i = 0; i < parser->label_count; i++)
                if (sv_eq(name, sv_of(parser->labels[i].name)))
                        return refuse(parser, "duplicate label names for metric \"%s\"", family->name);
        if (parser->label_count == TEXTFILE_LABELS_MAX)
                return refuse_as(parser, E_TOO_LARGE, "more than %d labels", TEXTFILE_LABELS_MAX);
        char *copy = arena_strndup(parser->arena, name.p, name.n);
        if (!copy)
                return no_memory(parser);
        parser->labels[parser->label_count++] = (struct textfile_label){ copy, value };
        return 0;
}

/* What stands behind '{', the '}' included. */
static int parse_labels(struct parser *parser, const struct textfile_family *family, struct sv *line)
{
        for (;;) {
                const char *value;
                skip_blanks(line);
                if (line->n && line->p[0] == '}')
                        break;
                struct sv name = take_name(line, false);
                if (name.n == 0 || name.n > TEXTFILE_NAME_MAX)
                        return refuse(parser, "invalid label name for metric \"%s\"", family->name);
                if (sv_starts(name, SV("__"))) /* __name__; the others are Prometheus' own and could not be written */
                        return refuse(parser, "label name \"%.*s\" is reserved", SV_ARG(name));
                skip_blanks(line);
                if (line->n == 0 || line->p[0] != '=')
                        return refuse(parser, "expected '=' after label name");
                *line = sv_n(line->p + 1, line->n - 1);
                skip_blanks(line);
                if (take_value(parser, line, &value) < 0 || add_label(parser, family, name, value) < 0)
                        return -1;
                skip_blanks(line);
                if (line->n == 0 || (line->p[0] != ',' && line->p[0] != '}'))
                        return refuse(parser, "unexpected end of label value \"%.64s\"", value);
                if (line->p[0] == ',')
                        *line = sv_n(line->p + 1, line->n - 1);
        }
        *line = sv_n(line->p + 1, line->n - 1);
        skip_blanks(line);
        return 0;
}

/* The value, and a timestamp if any. */
static int parse_rest(struct parser *parser, struct sv line, double *ret)
{
        int64_t time;
        struct sv word = take_word(&line);
        if (!parse_number(word, ret))
                return refuse(
                        parser, "expected float as value, got \"%.*s\"", (int)(word.n < 64 ? word.n : 64), word.p);
        if (line.n == 0)
                return 0;
        skip_blanks(&line);
        word = take_word(&line);
        if (!sv_parse_i64(word, &time))
                return refuse(parser, "expected integer as timestamp");
        if (line.n)
                return refuse(parser, "spurious string after timestamp");
        parser->file->has_timestamps = true;
        return 0;
}

static int keep_sample(struct parser *parser, struct textfile_family *family, enum exposition_part part, double value)
{
        bool compound = family->type == EXPOSITION_SUMMARY || family->type == EXPOSITION_HISTOGRAM;
        if (compound && part == EXPOSITION_VALUE && family->type == EXPOSITION_HISTOGRAM)
                part = EXPOSITION_BUCKET;
        if (compound && (part == EXPOSITION_VALUE || part == EXPOSITION_BUCKET) && isnan(parser->bound))
                return 0; /* says nothing there either */
        if (++parser->samples > TEXTFILE_SAMPLES_MAX)
                return refuse_as(parser, E_TOO_LARGE, "more than %d samples", TEXTFILE_SAMPLES_MAX);
        struct textfile_sample *sample = arena_new(parser->arena, struct textfile_sample);
        struct textfile_label *labels = arena_array(parser->arena, parser->label_count, sizeof(*labels));
        if (!sample || !labels)
                return no_memory(parser);
        if (parser->label_count)
                memcpy(labels, parser->labels, parser->label_count * sizeof(*labels));
        *sample = (struct textfile_sample){ .labels = labels,
                .label_count = parser->label_count,
                .part = part,
                .bound = parser->bound,
                .value = value };
        if (family->last)
                family->last->next = sample;
        else
                family->first = sample;
        family->last = sample;
        return 0;
}

static int parse_sample(struct parser *parser, struct sv line)
{
        enum exposition_part part;
        double value;
        struct sv name = take_name(&line, true);
        if (name.n == 0 || name.n > TEXTFILE_NAME_MAX)
                return refuse(parser, "invalid metric name");
        struct textfile_family *family = sample_family(parser, name, &part);
        if (!family)
                return no_memory(parser);
        family->has_type = true;
        parser->label_count = 0;
        parser->bound = (double)NAN;
        skip_blanks(&line);
        if (line.n && line.p[0] == '{') {
                line = sv_n(line.p + 1, line.n - 1);
                if (parse_labels(parser, family, &line) < 0)
                        return -1;
        }
        if (parse_rest(parser, line, &value) < 0)
                return -1;
        return keep_sample(parser, family, part, value);
}

static void drop_empty(struct textfile *file)
{
        struct textfile_family **link = &file->first;
        file->last = NULL;
        while (*link) {
                if ((*link)->first) {
                        file->last = *link;
                        link = &(*link)->next;
                } else {
                        *link = (*link)->next;
                }
        }
}

int textfile_parse(struct sv text, struct arena *arena, struct textfile *ret, struct error *err)
{
        struct textfile file = { 0 };
        struct parser *parser = arena_new(arena, struct parser);
        if (!parser)
                return fail(err, E_NO_MEMORY, "no memory for a text file");
        *parser = (struct parser){ .rest = text, .arena = arena, .file = &file, .err = err };
        map_init(&parser->families, TEXTFILE_FAMILIES_MAX);
        int result = 0;
        if (text.n && text.p[text.n - 1] != '\n')
                result = refuse(parser, "unexpected end of input stream");
        struct sv line;
        while (result == 0 && sv_line(&parser->rest, &line)) {
                parser->line++;
                skip_blanks(&line);
                if (line.n == 0)
                        continue;
                if (line.p[0] == '#')
                        result = parse_comment(parser, sv_n(line.p + 1, line.n - 1));
                else
                        result = parse_sample(parser, line);
        }
        map_done(&parser->families);
        if (result < 0)
                return -1;
        drop_empty(&file);
        *ret = file;
        return 0;
}
