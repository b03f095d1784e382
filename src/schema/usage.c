#include "schema/usage.h"

#include "schema/usage_line.h"

enum {
        TEXT_COLUMN = 32, /* where the meaning of a flag begins */
        WIDTH_DEFAULT = 80,
        WIDTH_LEAST = 40,
};

/* --- words for a field --- */

void usage_metavar(const struct field *field, char *ret)
{
        static const char *const words[FIELD_TYPES_MAX] = {
                [FIELD_TYPE_BOOL] = "true|false",
                [FIELD_TYPE_INT] = "N",
                [FIELD_TYPE_UINT] = "N",
                [FIELD_TYPE_DOUBLE] = "NUMBER",
                [FIELD_TYPE_SIZE] = "SIZE",
                [FIELD_TYPE_DURATION] = "DURATION",
                [FIELD_TYPE_TIME] = "TIME",
                [FIELD_TYPE_STRING] = "TEXT",
                [FIELD_TYPE_ENUM] = "WORD",
                [FIELD_TYPE_PATH] = "PATH",
                [FIELD_TYPE_ADDRESS] = "ADDRESS",
                [FIELD_TYPE_PORTS] = "PORTS",
                [FIELD_TYPE_REGEX] = "REGEX",
                [FIELD_TYPE_HEX] = "HEX",
                [FIELD_TYPE_RECORD] = "JSON",
                [FIELD_TYPE_ANY] = "JSON",
        };
        const char *word = words[field->type];
        if (field->metavar)
                word = field->metavar;
        else if (field->positional) {
                size_t i = 0;
                const char *key = field_json_name(field);
                for (; key[i] && i < 63; i++)
                        ret[i] = key[i] >= 'a' && key[i] <= 'z' ? (char)(key[i] - 'a' + 'A') : key[i];
                ret[i] = '\0';
                return;
        }
        bool map = !field->metavar && (field->container == FIELD_MAP || field->container == FIELD_MAP_OF_LISTS);
        snprintf(ret, 64, "%s%s", map ? "KEY=" : "", map && field->type == FIELD_TYPE_STRING ? "VALUE" : word);
}

/* "1h", where Go's form is "1h0m0s" */
static void drop_zeros(char *text)
{
        size_t n = strlen(text);
        if (n > 3 && !strcmp(text + n - 3, "m0s"))
                text[n -= 2] = '\0';
        if (n > 3 && !strcmp(text + n - 3, "h0m"))
                text[n - 2] = '\0';
}

static void put_bound(struct buf *out, const struct field *field, int64_t bound)
{
        char text[TIME_TEXT_MAX];
        if (field->type == FIELD_TYPE_DURATION) {
                duration_format(bound, text);
                drop_zeros(text);
        } else if (field->type == FIELD_TYPE_SIZE && bound >= 0) {
                size_format((uint64_t)bound, text);
        } else {
                snprintf(text, sizeof(text), "%lld", (long long)bound);
        }
        buf_puts(out, text);
}

static bool has_range(const struct field *field)
{
        return field->min < field->max;
}

static void put_range(struct buf *out, const struct field *field)
{
        bool natural = field->type == FIELD_TYPE_UINT || field->type == FIELD_TYPE_SIZE;
        bool low = field->min != INT64_MIN && !(natural && field->min == 0 && field->max != INT64_MAX);
        bool high = field->max != INT64_MAX;
        if (low && high) {
                put_bound(out, field, field->min);
                buf_puts(out, " to ");
                put_bound(out, field, field->max);
        } else {
                buf_puts(out, low ? "at least " : "at most ");
                put_bound(out, field, low ? field->min : field->max);
        }
}

static void put_names(struct buf *out, const struct field *field)
{
        for (size_t i = 0; field->names && field->names[i]; i++)
                buf_printf(out, "%s%s", i ? ", " : "", field->names[i]);
}

void usage_field_type(struct buf *out, const struct field *field)
{
        char type[64];
        field_type_name(field, type);
        if (field->type == FIELD_TYPE_ENUM) {
                type[strlen(type) - strlen("enum")] = '\0';
                buf_printf(out, "%sone of: ", type);
                put_names(out, field);
        } else {
                buf_puts(out, type);
        }
        if (has_range(field)) {
                buf_puts(out, ", ");
                put_range(out, field);
        }
}

/* "one of: a, b; 1 to 10; default: 5; required" */
static void put_notes(struct buf *out, const struct field *field)
{
        struct buf notes;
        const char *def = field->cli_def ? field->cli_def : field->def;
        buf_init(&notes, 1 << 16);
        if (field->type == FIELD_TYPE_ENUM) {
                buf_puts(&notes, "; one of: ");
                put_names(&notes, field);
        }
        if (has_range(field)) {
                buf_puts(&notes, "; ");
                put_range(&notes, field);
        }
        if (field->alias)
                buf_printf(&notes, "; also -%s", field->alias);
        if (field->type == FIELD_TYPE_BOOL && field->container == FIELD_ONE) {
                if (field->negative_option)
                        buf_printf(&notes, "; --%s is its opposite", field->negative_option);
        }
        if (field->type == FIELD_TYPE_DURATION && field->unit && field->unit != SECOND) {
                buf_puts(&notes, "; a bare number counts ");
                put_bound(&notes, field, field->unit);
        }
        if (def && *def && !field->secret && !(field->type == FIELD_TYPE_BOOL && !strcmp(def, "false")))
                buf_printf(&notes, "; default: %s", def);
        if (field->required)
                buf_puts(&notes, "; required");
        if (field->container != FIELD_ONE)
                buf_puts(&notes, "; may be given several times");
        if (field->secret)
                buf_puts(&notes, "; never shown");
        if (field->since)
                buf_printf(&notes, "; since %s", field->since);
        if (notes.len > 2)
                buf_printf(out, "%s(%s)", field->help ? " " : "", buf_text(&notes) + 2);
        buf_done(&notes);
}

/* --- flags as they are shown --- */

/* The long flag with '_' as '-', "" for none; "no-" stands before one that is on already. */
void usage_long_name(const struct flag_spec *flag, char *ret)
{
        const struct field *field = flag->field;
        const char *def = field->cli_def ? field->cli_def : field->def;
        bool on = field->type == FIELD_TYPE_BOOL && field->container == FIELD_ONE && def && !strcmp(def, "true");
        size_t i = 0;
        if (on && !field->negative_option && *flag->long_name)
                i = (size_t)snprintf(ret, USAGE_LABEL_MAX, "[no-]");
        for (const char *p = flag->long_name; *p && i < USAGE_LABEL_MAX - 1; p++)
                ret[i++] = *p == '_' ? '-' : *p;
        ret[i] = '\0';
}

bool usage_takes_value(const struct field *field)
{
        return field->type != FIELD_TYPE_BOOL || field->container != FIELD_ONE;
}

size_t usage_lines(const struct record *params, struct flag_spec *flags, struct usage_line *ret, size_t max)
{
        size_t count = 0;
        for (size_t i = 0; i < params->count && count < max; i++)
                if (params->fields[i].entry && params->fields[i].entry_option)
                        ret[count++] = (struct usage_line){ .field = &params->fields[i],
                                .entry_option = params->fields[i].entry_option };
        size_t n = record_flags(params, flags, FLAGS_MAX);
        for (size_t i = 0; i < n && count < max; i++)
                ret[count++] = (struct usage_line){ .field = flags[i].field, .flag = &flags[i] };
        return count;
}

static void put_label(struct buf *out, const struct usage_line *line)
{
        char name[USAGE_LABEL_MAX], metavar[64];
        if (line->entry_option) {
                buf_printf(out, "    --%s NAME", line->entry_option);
                return;
        }
        usage_long_name(line->flag, name);
        usage_metavar(line->field, metavar);
        if (line->field->flag)
                buf_printf(out, "-%c%s", line->field->flag, *name ? ", " : "");
        else
                buf_puts(out, "    ");
        if (*name)
                buf_printf(out, "--%s", name);
        if (usage_takes_value(line->field))
                buf_printf(out, " %s", metavar);
}

void usage_meaning(struct buf *out, const struct usage_line *line)
{
        const struct field *field = line->field;
        char name[USAGE_LABEL_MAX];
        if (line->entry_option) {
                buf_printf(out,
                        "the flags behind it fill the entry NAME of %s (default: %s; may be given several times)",
                        field_json_name(field), field->entry);
                return;
        }
        buf_puts(out, field->help ? field->help : "");
        put_notes(out, field);
        usage_long_name(line->flag, name);
        if (field->positional && *name)
                buf_printf(out, "; also --%s", name);
}

void usage_synopsis(struct buf *out, const char *command, const struct record *params)
{
        struct flag_spec flags[FLAGS_MAX];
        size_t count = record_flags(params, flags, FLAGS_MAX);
        bool options = false;
        char metavar[64], name[USAGE_LABEL_MAX];
        for (size_t i = 0; i < count; i++)
                options |= !flags[i].field->positional && !flags[i].field->required;
        buf_printf(out, "%s%s", command, options ? " [options]" : "");
        for (size_t i = 0; i < count; i++)
                if (flags[i].field->required && !flags[i].field->positional) {
                        usage_long_name(&flags[i], name);
                        usage_metavar(flags[i].field, metavar);
                        buf_printf(out, " --%s%s%s", name, usage_takes_value(flags[i].field) ? " " : "",
                                usage_takes_value(flags[i].field) ? metavar : "");
                }
        for (size_t i = 0; i < count; i++)
                if (flags[i].field->positional) {
                        const struct field *field = flags[i].field;
                        usage_metavar(field, metavar);
                        buf_printf(out, field->required ? " %s%s" : " [%s%s]", metavar,
                                field->container == FIELD_LIST ? "..." : "");
                }
}

/* --- help text --- */

/* Columns of a help text: its code points; the tables hold no wide characters. */
static size_t columns(struct sv text)
{
        size_t n = 0;
        for (size_t i = 0; i < text.n; i++)
                n += ((unsigned char)text.p[i] & 0xc0) != 0x80;
        return n;
}

/* Words of `text` from column `at` on, broken before `width`; further lines begin at `indent`. */
static void put_wrapped(struct buf *out, struct sv text, size_t at, size_t indent, size_t width)
{
        struct sv word;
        bool first = true;
        while (text.n) {
                size_t end = 0;
                while (end < text.n && !strchr(" \t\n", text.p[end]))
                        end++;
                word = sv_n(text.p, end);
                text = sv_n(text.p + end + (end < text.n), text.n - end - (end < text.n));
                if (!word.n)
                        continue;
                if (!first && at + 1 + columns(word) > width) {
                        buf_printf(out, "\n%*s", (int)indent, "");
                        at = indent;
                } else if (!first) {
                        buf_putc(out, ' ');
                        at++;
                }
                buf_append(out, word.p, word.n);
                at += columns(word);
                first = false;
        }
        buf_putc(out, '\n');
}

static void put_entry(struct buf *out, const char *label, const char *meaning, size_t width)
{
        size_t at = columns(sv_of(label)) + 2;
        buf_printf(out, "  %s", label);
        if (!*meaning) {
                buf_putc(out, '\n');
                return;
        }
        if (at + 2 > TEXT_COLUMN) {
                buf_printf(out, "\n%*s", TEXT_COLUMN, "");
        } else {
                buf_printf(out, "%*s", (int)(TEXT_COLUMN - at), "");
        }
        put_wrapped(out, sv_of(meaning), TEXT_COLUMN, TEXT_COLUMN, width);
}

static void put_section(
        struct buf *out, const char *name, const struct usage_line *lines, size_t count, bool positional, size_t width)
{
        bool title = false;
        for (size_t i = 0; i < count; i++) {
                if ((!lines[i].entry_option && lines[i].field->positional) != positional)
                        continue;
                if (!title)
                        buf_printf(out, "\n%s:\n", name);
                title = true;
                struct buf label, meaning;
                buf_init(&label, 1024);
                buf_init(&meaning, 1 << 16);
                if (positional) {
                        char metavar[64];
                        usage_metavar(lines[i].field, metavar);
                        buf_puts(&label, metavar);
                } else {
                        put_label(&label, &lines[i]);
                }
                usage_meaning(&meaning, &lines[i]);
                put_entry(out, buf_text(&label), buf_text(&meaning), width);
                buf_done(&label);
                buf_done(&meaning);
        }
}

/* The next paragraph of *rest: up to an empty line. */
bool usage_paragraph(struct sv *rest, struct sv *ret)
{
        *rest = sv_trim(*rest);
        if (!rest->n)
                return false;
        size_t end = 0;
        while (end < rest->n && !(rest->p[end] == '\n' && end + 1 < rest->n && rest->p[end + 1] == '\n'))
                end++;
        *ret = sv_n(rest->p, end);
        *rest = sv_n(rest->p + end, rest->n - end);
        return true;
}

void usage_print(struct buf *out, const char *command, const char *summary, const char *description,
        const struct record *params, const struct usage_example *examples, unsigned width)
{
        struct flag_spec flags[FLAGS_MAX];
        struct usage_line lines[USAGE_LINES_MAX];
        size_t count = usage_lines(params, flags, lines, USAGE_LINES_MAX);
        size_t columns_max = !width ? WIDTH_DEFAULT : width < WIDTH_LEAST ? WIDTH_LEAST : width;
        buf_printf(out, "%s: ", command);
        put_wrapped(out, sv_of(summary), columns(sv_of(command)) + 2, 2, columns_max);
        if (examples && examples->command)
                buf_puts(out, "\nExamples:\n");
        for (; examples && examples->command; examples++) {
                buf_printf(out, "  %s\n", examples->command);
                if (examples->text) {
                        buf_puts(out, "      ");
                        put_wrapped(out, sv_of(examples->text), 6, 6, columns_max);
                }
        }
        buf_puts(out, "\nUsage: ");
        struct buf synopsis;
        buf_init(&synopsis, 1 << 16);
        usage_synopsis(&synopsis, command, params);
        put_wrapped(out, sv_of(buf_text(&synopsis)), 7, 9, columns_max);
        buf_done(&synopsis);
        struct sv rest = sv_of(description), paragraph;
        while (usage_paragraph(&rest, &paragraph)) {
                buf_putc(out, '\n');
                put_wrapped(out, paragraph, 0, 0, columns_max);
        }
        put_section(out, "Arguments", lines, count, true, columns_max);
        put_section(out, "Options", lines, count, false, columns_max);
}

void usage_options(struct buf *out, const char *title, const struct record *params, unsigned width)
{
        struct flag_spec flags[FLAGS_MAX];
        struct usage_line lines[USAGE_LINES_MAX];
        size_t count = usage_lines(params, flags, lines, USAGE_LINES_MAX);
        put_section(out, title, lines, count, false,
                !width                ? WIDTH_DEFAULT
                : width < WIDTH_LEAST ? WIDTH_LEAST
                                      : width);
}
