/* Manual pages as scdoc source, scdoc(5). */
#include "schema/usage_line.h"

enum { RESULT_DEPTH_MAX = 8, RESULT_NAME_MAX = 256 };

/* What means something to scdoc anywhere in a line is escaped; line breaks become spaces. */
static void put_inline(struct buf *out, struct sv text)
{
        for (size_t i = 0; i < text.n; i++) {
                char c = text.p[i];
                if (c == '\n' || c == '\t')
                        c = ' ';
                if (strchr("\\_*+|[]#`~", c))
                        buf_putc(out, '\\');
                buf_putc(out, c);
        }
}

/* The same at the beginning of a line, where a dash would begin a list. */
static void put_plain(struct buf *out, struct sv text)
{
        if (text.n && strchr("-.;", text.p[0]))
                buf_putc(out, '\\');
        put_inline(out, text);
}

static void put_text(struct buf *out, const char *text)
{
        put_plain(out, sv_of(text));
}

static void put_bold(struct buf *out, const char *text)
{
        buf_putc(out, '*');
        put_inline(out, sv_of(text));
        buf_putc(out, '*');
}

static void put_under(struct buf *out, const char *text)
{
        buf_putc(out, '_');
        put_inline(out, sv_of(text));
        buf_putc(out, '_');
}

static void put_option(struct buf *out, const struct usage_line *line)
{
        char name[USAGE_LABEL_MAX], dashed[USAGE_LABEL_MAX + 2], metavar[64];
        usage_metavar(line->field, metavar);
        if (line->entry_option) {
                snprintf(dashed, sizeof(dashed), "--%s", line->entry_option);
                put_bold(out, dashed);
                buf_puts(out, " _NAME_");
        } else if (line->field->positional) {
                put_under(out, metavar);
        } else {
                usage_long_name(line->flag, name);
                snprintf(dashed, sizeof(dashed), "-%c", line->field->flag);
                if (line->field->flag)
                        put_bold(out, dashed);
                if (line->field->flag && *name)
                        buf_puts(out, ", ");
                snprintf(dashed, sizeof(dashed), "--%s", name);
                if (*name)
                        put_bold(out, dashed);
                if (usage_takes_value(line->field)) {
                        buf_putc(out, ' ');
                        put_under(out, metavar);
                }
        }
        struct buf meaning;
        buf_init(&meaning, 1 << 16);
        usage_meaning(&meaning, line);
        buf_puts(out, "\n\t");
        put_text(out, meaning.len ? buf_text(&meaning) : field_json_name(line->field));
        buf_puts(out, "\n\n");
        buf_done(&meaning);
}

static void put_options(struct buf *out, const struct record *params)
{
        struct flag_spec flags[FLAGS_MAX];
        struct usage_line lines[USAGE_LINES_MAX];
        size_t count = usage_lines(params, flags, lines, USAGE_LINES_MAX);
        if (!count)
                return;
        buf_puts(out, "# OPTIONS\n\n");
        for (int positional = 1; positional >= 0; positional--)
                for (size_t i = 0; i < count; i++)
                        if ((!lines[i].entry_option && lines[i].field->positional) == (bool)positional)
                                put_option(out, &lines[i]);
}

static void put_result(struct buf *out, const struct record *record, const char *prefix, unsigned depth)
{
        for (size_t i = 0; i < record->count; i++) {
                const struct field *field = &record->fields[i];
                char name[RESULT_NAME_MAX];
                struct buf type;
                snprintf(name, sizeof(name), "%s%s", prefix, field_json_name(field));
                buf_init(&type, 1 << 16);
                usage_field_type(&type, field);
                put_bold(out, name);
                buf_puts(out, " (");
                put_text(out, buf_text(&type));
                buf_puts(out, ")\n\t");
                buf_done(&type);
                put_text(out, field->help ? field->help : field_json_name(field));
                if (field->private_)
                        buf_puts(out, " (masked in privacy mode)");
                buf_puts(out, "\n\n");
                if (field->type == FIELD_TYPE_RECORD && depth < RESULT_DEPTH_MAX) {
                        static const char *const joints[] = { ".", "[].", ".KEY.", ".KEY[]." };
                        size_t length = strlen(name);
                        snprintf(name + length, sizeof(name) - length, "%s", joints[field->container]);
                        put_result(out, field->record, name, depth + 1);
                }
        }
}

/* One line an exit status, with the codes of JSON errors that end in it. */
static void put_exit_status(struct buf *out)
{
        buf_puts(out, "# EXIT STATUS\n\n");
        for (int code = 0; code < E_CODES_MAX; code++) {
                int status = error_exit_status((enum error_code)code);
                bool again = false;
                for (int i = 0; i < code; i++)
                        again |= error_exit_status((enum error_code)i) == status;
                if (again)
                        continue;
                buf_printf(out, "*%d*\n\t", status);
                if (code == E_NONE)
                        buf_puts(out, "success");
                bool first = true;
                for (int i = code; i < E_CODES_MAX && code != E_NONE; i++)
                        if (error_exit_status((enum error_code)i) == status) {
                                buf_printf(out, "%s%s", first ? "" : ", ", error_code_name((enum error_code)i));
                                first = false;
                        }
                buf_puts(out, "\n\n");
        }
}

void usage_scdoc(struct buf *out, const char *command, const char *summary, const char *description,
        const struct record *params, const struct record *element, const struct usage_example *examples)
{
        struct buf synopsis;
        for (const char *p = command; *p; p++)
                buf_putc(out, *p == ' ' ? '-' : *p);
        buf_puts(out, "(1)\n\n# NAME\n\n");
        for (const char *p = command; *p; p++)
                buf_putc(out, *p == ' ' ? '-' : *p);
        buf_puts(out, " - ");
        put_text(out, summary);
        buf_puts(out, "\n\n# SYNOPSIS\n\n");
        buf_init(&synopsis, 1 << 16);
        usage_synopsis(&synopsis, command, params);
        put_bold(out, command);
        put_text(out, buf_text(&synopsis) + strlen(command));
        buf_done(&synopsis);
        buf_puts(out, "\n\n# DESCRIPTION\n\n");
        struct sv rest = sv_of(description ? description : summary), paragraph;
        while (usage_paragraph(&rest, &paragraph)) {
                put_plain(out, paragraph);
                buf_puts(out, "\n\n");
        }
        put_options(out, params);
        if (element && element->count) {
                buf_puts(out, "# RESULT\n\nThe fields of one result:\n\n");
                put_result(out, element, "", 1);
        }
        put_exit_status(out);
        if (examples && examples->command)
                buf_puts(out, "# EXAMPLES\n\n");
        for (; examples && examples->command; examples++) {
                if (examples->text) {
                        put_text(out, examples->text);
                        buf_puts(out, ":\n\n");
                }
                buf_printf(out, "```\n%s\n```\n\n", examples->command);
        }
}
