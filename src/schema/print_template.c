#include "schema/print_template.h"

#include "schema/flags.h"

static const char *const function_names[] = { "exact", "json", "upper", "lower", "pad", NULL };
static const enum template_verb function_verbs[] = { TEMPLATE_EXACT, TEMPLATE_JSON, TEMPLATE_UPPER, TEMPLATE_LOWER,
        TEMPLATE_PAD };

static int unknown_word(const char *what, struct sv word, const char *const *names, size_t count, struct error *err)
{
        char text[128];
        snprintf(text, sizeof(text), "%.*s", SV_ARG(word));
        const char *near = nearest_word(text, names, count);
        return near ? fail(err, E_INVALID, "--template: unknown %s \"%.100s\"; did you mean %s?", what, text, near)
                    : fail(err, E_INVALID, "--template: unknown %s \"%.100s\"", what, text);
}

/* ".name" is taken too, as templates of other programs have it. */
static int find_column(struct sv word, const struct print_column *columns, size_t count, size_t *ret, struct error *err)
{
        const char *names[PRINT_COLUMNS_MAX];
        if (word.n > 1 && word.p[0] == '.')
                word = sv_n(word.p + 1, word.n - 1);
        for (size_t i = 0; i < count; i++) {
                names[i] = columns[i].name;
                if (!sv_eq(word, sv_of(columns[i].name)))
                        continue;
                *ret = i;
                return 0;
        }
        return unknown_word("field", word, names, count, err);
}

static int parse_function(struct sv word, enum template_verb *ret, struct error *err)
{
        for (size_t i = 0; function_names[i]; i++)
                if (sv_eq(word, sv_of(function_names[i]))) {
                        *ret = function_verbs[i];
                        return 0;
                }
        return unknown_word("function", word, function_names, sizeof(function_verbs) / sizeof(*function_verbs), err);
}

/* "name", "upper name", "pad name 20", "json .", "label". */
static int parse_action(struct sv action, const struct print_column *columns, size_t count, struct template_part *part,
        struct error *err)
{
        struct sv words[3] = { SV(""), SV(""), SV("") }, word;
        size_t n = 0;
        int64_t width;
        while (n < 3 && sv_word(&action, &words[n]))
                n++;
        if (n == 0 || sv_word(&action, &word))
                return fail(err, E_INVALID, "--template: {{FIELD}}, {{FUNCTION FIELD}} or {{pad FIELD WIDTH}}");
        if (n == 1 && sv_eq(words[0], SV("label"))) {
                part->verb = TEMPLATE_LABEL;
                for (size_t i = 0; i < count; i++) /* a field of that name goes first */
                        if (sv_eq(words[0], sv_of(columns[i].name)))
                                part->verb = TEMPLATE_SHOW, part->column = i;
                return 0;
        }
        part->verb = TEMPLATE_SHOW;
        if (n > 1 && parse_function(words[0], &part->verb, err) < 0)
                return -1;
        if (n == 2 && part->verb == TEMPLATE_JSON && sv_eq(words[1], SV("."))) {
                part->verb = TEMPLATE_ROW;
                return 0;
        }
        if ((n == 3) != (part->verb == TEMPLATE_PAD))
                return fail(err, E_INVALID, "--template: pad takes a field and a width, the others a field alone");
        if (find_column(words[n > 1], columns, count, &part->column, err) < 0)
                return -1;
        if (n == 3 && (!sv_parse_i64(words[2], &width) || width > TEMPLATE_WIDTH_MAX || width < -TEMPLATE_WIDTH_MAX))
                return fail(err, E_INVALID, "--template: a width is a number from %d to %d", -TEMPLATE_WIDTH_MAX,
                        TEMPLATE_WIDTH_MAX);
        part->width = n == 3 ? (int)width : 0;
        return 0;
}

int template_parse(const char *text, const struct print_column *columns, size_t column_count, struct row_template *ret,
        struct error *err)
{
        ret->count = 0;
        while (*text) {
                if (ret->count == TEMPLATE_PARTS_MAX)
                        return fail(err, E_TOO_LARGE, "--template: more than %d parts", TEMPLATE_PARTS_MAX);
                struct template_part *part = &ret->parts[ret->count++];
                const char *open = strstr(text, "{{");
                *part = (struct template_part){ .text = sv_n(text, open ? (size_t)(open - text) : strlen(text)) };
                if (part->text.n) {
                        text += part->text.n;
                        continue;
                }
                const char *close = strstr(text, "}}");
                if (!close)
                        return fail(err, E_INVALID, "--template: \"{{\" without \"}}\"");
                if (parse_action(sv_n(text + 2, (size_t)(close - text) - 2), columns, column_count, part, err) < 0)
                        return -1;
                text = close + 2;
        }
        return 0;
}

static void put_literal(struct buf *out, struct sv text)
{
        for (size_t i = 0; i < text.n; i++) {
                char next = i + 1 < text.n ? text.p[i + 1] : '\0';
                bool escape = text.p[i] == '\\' && (next == 'n' || next == 't' || next == '\\');
                buf_putc(out, !escape ? text.p[i] : next == 'n' ? '\n' : next == 't' ? '\t' : '\\');
                i += escape;
        }
}

/* ASCII, as the names of the kernel are; letters of other scripts stay as they are. */
static void change_case(struct buf *out, size_t start, bool upper)
{
        for (size_t i = start; !out->failed && i < out->len; i++) {
                char c = out->data[i];
                if (upper ? c >= 'a' && c <= 'z' : c >= 'A' && c <= 'Z')
                        out->data[i] = (char)(c ^ 0x20);
        }
}

static void put_padded(struct buf *out, struct sv text, int width)
{
        int columns = (int)print_width(text);
        int room = (width < 0 ? -width : width) - columns;
        if (width < 0 && room > 0)
                buf_printf(out, "%*s", room, "");
        buf_append(out, text.p, text.n);
        if (width > 0 && room > 0)
                buf_printf(out, "%*s", room, "");
}

static void put_exact(struct buf *out, const struct field *field, const json_t *value)
{
        struct buf text;
        buf_init(&text, PRINT_ROW_MAX);
        print_cell(&text, field, value, false);
        print_escape(out, sv_n(buf_text(&text), text.len));
        out->failed |= text.failed;
        buf_done(&text);
}

static void put_part(struct buf *out, const struct template_part *part, const struct print_column *columns,
        const char *label, const json_t *row)
{
        const struct print_column *column = &columns[part->column];
        size_t start = out->len;
        struct buf text;
        const json_t *value;
        switch (part->verb) {
        case TEMPLATE_TEXT:
                put_literal(out, part->text);
                return;
        case TEMPLATE_LABEL:
                print_escape(out, sv_of(label));
                return;
        case TEMPLATE_ROW:
                print_json(out, row, 0);
                return;
        case TEMPLATE_JSON:
                value = print_column_value(column, row);
                if (value)
                        print_json(out, value, 0);
                else
                        buf_puts(out, "null");
                return;
        case TEMPLATE_EXACT:
                put_exact(out, column->field, print_column_value(column, row));
                return;
        case TEMPLATE_PAD:
                buf_init(&text, PRINT_ROW_MAX);
                print_cell(&text, column->field, print_column_value(column, row), true);
                put_padded(out, sv_n(buf_text(&text), text.len), part->width);
                out->failed |= text.failed;
                buf_done(&text);
                return;
        case TEMPLATE_SHOW:
        case TEMPLATE_UPPER:
        case TEMPLATE_LOWER:
                print_cell(out, column->field, print_column_value(column, row), true);
                if (part->verb != TEMPLATE_SHOW)
                        change_case(out, start, part->verb == TEMPLATE_UPPER);
        }
}

void template_put(struct buf *out, const struct row_template *template, const struct print_column *columns,
        const char *label, const json_t *row)
{
        for (size_t i = 0; i < template->count; i++)
                put_part(out, &template->parts[i], columns, label, row);
        buf_putc(out, '\n');
}
