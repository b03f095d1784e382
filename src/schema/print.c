#include "schema/print.h"

#include "base/cleanup.h"
#include "base/vec.h"
#include "schema/print_column.h"
#include "schema/print_template.h"

enum { CELL_LEAST = 4, CELL_READABLE = 12, GAP = 2 };

const char *const print_format_names[] = { "table", "lines", "json", "ndjson", "csv", "yaml", "template", NULL };
_Static_assert(
        sizeof(print_format_names) / sizeof(print_format_names[0]) == PRINT_FORMATS_MAX + 1, "a format without a name");

struct printer {
        FILE *out;
        struct printer_options options;
        struct print_column *columns;
        size_t column_count;
        char *label;
        size_t rows;      /* of this section */
        size_t sections;  /* that printed something */
        bool labelled;    /* the document is a map of sections */
        VEC(char *) held; /* cells of the first rows, while their widths are not known */
        size_t held_bytes;
        bool fitted; /* widths are settled, rows pass through */
        bool in_header;
        size_t first; /* column that is shown */
        size_t left_out;
        struct row_template *row_template;
        struct buf line;
};

struct printer *printer_new(FILE *out, const struct printer_options *options, struct error *err)
{
        struct printer *printer = calloc(1, sizeof(*printer));
        struct print_column *columns = calloc(PRINT_COLUMNS_MAX, sizeof(*columns));
        if (!printer || !columns) {
                free(printer);
                free(columns);
                return fail_null(err, E_NO_MEMORY, "no memory to print with");
        }
        printer->out = out;
        printer->options = *options;
        printer->columns = columns;
        buf_init(&printer->line, PRINT_ROW_MAX);
        return printer;
}

static void drop_held(struct printer *printer)
{
        vec_foreach (cell, &printer->held)
                free(*cell);
        vec_done(&printer->held);
        printer->held_bytes = 0;
}

void printer_free(struct printer *printer)
{
        if (!printer)
                return;
        drop_held(printer);
        buf_done(&printer->line);
        free(printer->columns);
        free(printer->row_template);
        free(printer->label);
        free(printer);
}

static int flush_line(struct printer *printer, struct error *err)
{
        if (printer->line.failed)
                return fail(err, E_TOO_LARGE, "a row is larger than %d bytes", PRINT_ROW_MAX);
        fwrite(buf_text(&printer->line), 1, printer->line.len, printer->out);
        buf_clear(&printer->line);
        return ferror(printer->out) ? fail_errno(err, "writing the output") : 0;
}

static void put_bold(struct printer *printer, const char *text)
{
        buf_printf(&printer->line, printer->options.colour ? "\x1b[1m%s\x1b[0m" : "%s", text);
}

static void put_label_line(struct printer *printer)
{
        struct buf text;
        buf_init(&text, PRINT_ROW_MAX);
        print_escape(&text, sv_of(printer->label));
        buf_putc(&text, ':');
        put_bold(printer, buf_text(&text));
        buf_putc(&printer->line, '\n');
        buf_done(&text);
}

/* --- table --- */

/* A link where the column holds a path and links are wanted. */
static void put_shown(struct printer *printer, const struct print_column *column, struct sv text, struct sv shown)
{
        bool path = column->field->type == FIELD_TYPE_PATH && column->field->container == FIELD_ONE;
        if (path && printer->options.link_host && !printer->in_header)
                print_file_link(&printer->line, printer->options.link_host, text, shown);
        else
                buf_append(&printer->line, shown.p, shown.n);
}

static void put_cell(struct printer *printer, size_t i, struct sv text)
{
        const struct print_column *column = &printer->columns[i];
        struct buf *line = &printer->line;
        size_t width = print_width(text);
        struct sv shown = text;
        struct buf cut;
        if (column->hidden)
                return;
        buf_init(&cut, PRINT_ROW_MAX);
        buf_printf(line, "%*s", i == printer->first ? 0 : GAP, "");
        if (column->right && width < column->width)
                buf_printf(line, "%*s", (int)(column->width - width), "");
        if (printer->options.width && width > column->width) {
                /* a wide character that did not fit leaves a column over */
                print_fitted(&cut, text, column->width);
                shown = sv_n(buf_text(&cut), cut.len);
                width = print_width(shown);
                line->failed |= cut.failed;
        }
        put_shown(printer, column, text, shown);
        if (!column->right && i + 1 < printer->column_count && width < column->width)
                buf_printf(line, "%*s", (int)(column->width - width), "");
        buf_done(&cut);
}

static void end_table_line(struct printer *printer)
{
        struct buf *line = &printer->line;
        while (line->len && line->data[line->len - 1] == ' ')
                line->data[--line->len] = '\0';
        buf_putc(line, '\n');
}

/* What is left out first: lists and trees, then values of nested records, then the others from the right. */
static unsigned rank_column(const struct print_column *column)
{
        bool wide = column->field->container != FIELD_ONE || column->field->type == FIELD_TYPE_ANY ||
                    column->field->type == FIELD_TYPE_RECORD;
        return wide ? 2 : column->depth > 1;
}

/* The width below which a column says little: a number or a time that is cut says nothing. */
static size_t least_width(const struct print_column *column)
{
        bool whole =
                column->right || column->field->type == FIELD_TYPE_TIME || column->field->type == FIELD_TYPE_ADDRESS;
        size_t enough = whole ? 2 * CELL_READABLE : CELL_READABLE;
        return column->width < enough ? column->width : enough;
}

/* Hides columns until the others can be read. */
static void choose_columns(struct printer *printer)
{
        size_t total = 0, shown = printer->column_count;
        for (size_t i = 0; i < printer->column_count; i++)
                total += least_width(&printer->columns[i]) + (i ? GAP : 0);
        while (printer->options.width && !printer->options.fields && total > printer->options.width && shown > 1) {
                size_t out = printer->column_count;
                for (size_t i = printer->column_count; i-- > 0;)
                        if (!printer->columns[i].hidden &&
                                (out == printer->column_count ||
                                        rank_column(&printer->columns[i]) > rank_column(&printer->columns[out])))
                                out = i;
                printer->columns[out].hidden = true;
                total -= least_width(&printer->columns[out]) + GAP;
                shown--;
        }
        printer->first = 0;
        while (printer->first < printer->column_count && printer->columns[printer->first].hidden)
                printer->first++;
        size_t hidden = printer->column_count - shown;
        printer->left_out = hidden > printer->left_out ? hidden : printer->left_out;
}

size_t printer_left_out(const struct printer *printer)
{
        return printer->left_out;
}

static size_t capped_width(const struct print_column *column, size_t cap, bool whole)
{
        size_t least = whole ? least_width(column) : 0;
        cap = cap > least ? cap : least;
        return column->width < cap ? column->width : cap;
}

/* Cuts the columns to `cap` where the line fits then, or with `last` anyway. */
static bool try_cap(struct printer *printer, size_t cap, bool whole, bool last)
{
        size_t total = 0;
        for (size_t i = 0; i < printer->column_count; i++)
                if (!printer->columns[i].hidden)
                        total += capped_width(&printer->columns[i], cap, whole) + (i == printer->first ? 0 : GAP);
        if (total > printer->options.width && !last)
                return false;
        for (size_t i = 0; i < printer->column_count; i++)
                printer->columns[i].width = capped_width(&printer->columns[i], cap, whole);
        return true;
}

/* The widest columns give way until the line fits: first those that say enough when they are cut, then all; none
 * becomes narrower than CELL_LEAST. */
static void fit_columns(struct printer *printer)
{
        size_t widest = 0;
        for (size_t i = 0; i < printer->column_count; i++)
                widest = printer->columns[i].width > widest ? printer->columns[i].width : widest;
        for (int pass = 0; printer->options.width && pass < 2; pass++)
                for (size_t cap = widest; cap >= CELL_LEAST; cap--)
                        if (try_cap(printer, cap, pass == 0, pass == 1 && cap == CELL_LEAST))
                                return;
}

static int put_header(struct printer *printer, struct error *err)
{
        if (printer->options.no_header)
                return 0;
        if (printer->options.colour)
                buf_puts(&printer->line, "\x1b[1m");
        printer->in_header = true;
        for (size_t i = 0; i < printer->column_count; i++) {
                char name[PRINT_NAME_MAX];
                size_t n = 0;
                for (const char *p = printer->columns[i].name; *p; p++)
                        name[n++] = *p >= 'a' && *p <= 'z' ? (char)(*p - 'a' + 'A') : *p;
                put_cell(printer, i, sv_n(name, n));
        }
        printer->in_header = false;
        if (printer->options.colour)
                buf_puts(&printer->line, "\x1b[0m");
        end_table_line(printer);
        return flush_line(printer, err);
}

/* Prints label, header and the rows held back. */
static int settle(struct printer *printer, struct error *err)
{
        if (printer->fitted)
                return 0;
        printer->fitted = true;
        choose_columns(printer);
        fit_columns(printer);
        if (printer->sections++)
                buf_putc(&printer->line, '\n');
        if (printer->label)
                put_label_line(printer);
        if (put_header(printer, err) < 0)
                return -1;
        for (size_t i = 0; i < printer->held.count; i++) {
                put_cell(printer, i % printer->column_count, sv_of(printer->held.items[i]));
                if ((i + 1) % printer->column_count == 0) {
                        end_table_line(printer);
                        if (flush_line(printer, err) < 0)
                                return -1;
                }
        }
        drop_held(printer);
        return 0;
}

static int hold_cell(struct printer *printer, size_t i, const struct buf *cell, struct error *err)
{
        char **held = vec_add(&printer->held, (size_t)PRINT_PROBE_ROWS * PRINT_COLUMNS_MAX);
        if (!held || !(*held = strdup(buf_text(cell))))
                return fail(err, E_NO_MEMORY, "no memory for a table");
        size_t width = print_width(sv_of(*held));
        if (width > printer->columns[i].width)
                printer->columns[i].width = width;
        printer->held_bytes += cell->len + 1;
        return 0;
}

static int table_row(struct printer *printer, const json_t *row, struct error *err)
{
        struct buf cell;
        int result = 0;
        buf_init(&cell, PRINT_ROW_MAX);
        for (size_t i = 0; i < printer->column_count && result == 0; i++) {
                buf_clear(&cell);
                print_cell(&cell, printer->columns[i].field, print_column_value(&printer->columns[i], row), true);
                if (cell.failed)
                        result = fail(err, E_TOO_LARGE, "a row is larger than %d bytes", PRINT_ROW_MAX);
                else if (printer->fitted)
                        put_cell(printer, i, sv_n(buf_text(&cell), cell.len));
                else
                        result = hold_cell(printer, i, &cell, err);
        }
        buf_done(&cell);
        if (result < 0)
                return -1;
        if (!printer->fitted)
                return printer->rows >= PRINT_PROBE_ROWS || printer->held_bytes >= PRINT_PROBE_BYTES
                               ? settle(printer, err)
                               : 0;
        end_table_line(printer);
        return flush_line(printer, err);
}

/* --- the other formats --- */

static void lines_row(struct printer *printer, const json_t *row)
{
        struct buf *line = &printer->line;
        if (printer->rows == 1) {
                if (printer->sections++)
                        buf_putc(line, '\n');
                if (printer->label)
                        put_label_line(printer);
        } else {
                buf_putc(line, '\n');
        }
        for (size_t i = 0; i < printer->column_count; i++) {
                const json_t *value = print_column_value(&printer->columns[i], row);
                if (!value || json_is_null(value))
                        continue;
                struct buf cell;
                buf_init(&cell, PRINT_ROW_MAX);
                put_bold(printer, printer->columns[i].name);
                buf_puts(line, ": ");
                print_cell(&cell, printer->columns[i].field, value, true);
                put_shown(printer, &printer->columns[i], sv_n(buf_text(&cell), cell.len),
                        sv_n(buf_text(&cell), cell.len));
                line->failed |= cell.failed;
                buf_done(&cell);
                buf_putc(line, '\n');
        }
}

static void csv_header(struct printer *printer)
{
        if (printer->options.no_header)
                return;
        if (printer->label)
                buf_puts(&printer->line, "label");
        for (size_t i = 0; i < printer->column_count; i++) {
                if (i || printer->label)
                        buf_putc(&printer->line, ',');
                print_csv(&printer->line, sv_of(printer->columns[i].name));
        }
        buf_puts(&printer->line, "\r\n");
}

static void csv_row(struct printer *printer, const json_t *row)
{
        struct buf cell;
        if (printer->sections++ == 0)
                csv_header(printer);
        buf_init(&cell, PRINT_ROW_MAX);
        if (printer->label)
                print_csv(&printer->line, sv_of(printer->label));
        for (size_t i = 0; i < printer->column_count; i++) {
                buf_clear(&cell);
                print_cell(&cell, printer->columns[i].field, print_column_value(&printer->columns[i], row), false);
                if (i || printer->label)
                        buf_putc(&printer->line, ',');
                print_csv(&printer->line, sv_n(buf_text(&cell), cell.len));
                printer->line.failed |= cell.failed;
        }
        buf_puts(&printer->line, "\r\n");
        buf_done(&cell);
}

static void put_key(struct printer *printer)
{
        json_t *key = json_string(printer->label);
        if (key)
                print_json(&printer->line, key, 0);
        else
                buf_puts(&printer->line, "\"\"");
        json_decref(key);
}

static bool is_single(const struct printer *printer)
{
        return printer->options.single && !printer->label;
}

/* Opens the document, and in a labelled one the section. */
static void json_open(struct printer *printer)
{
        if (printer->rows > 1 || (!printer->label && printer->sections)) {
                buf_puts(&printer->line, ",\n");
                return;
        }
        buf_puts(&printer->line, printer->sections ? ",\n" : printer->label ? "{\n" : "[\n");
        printer->sections++;
        if (printer->label) {
                put_key(printer);
                buf_puts(&printer->line, ": [\n");
        }
}

static void document_row(struct printer *printer, const json_t *row)
{
        struct buf *line = &printer->line;
        unsigned indent = printer->label ? 2 : 0;
        switch (printer->options.format) {
        case PRINT_JSON:
                if (is_single(printer)) {
                        printer->sections++;
                        print_json(line, row, 0);
                        buf_putc(line, '\n');
                        break;
                }
                json_open(printer);
                print_json(line, row, 0);
                break;
        case PRINT_YAML:
                if (printer->label && printer->rows == 1) {
                        put_key(printer);
                        buf_puts(line, ":\n");
                }
                printer->sections++;
                if (!is_single(printer))
                        buf_printf(line, "%*s- ", (int)indent, "");
                print_yaml(line, row, is_single(printer) ? 0 : indent + 2);
                break;
        default:
                if (printer->label) {
                        json_t *with_label = json_pack("{s:s}", "label", printer->label);
                        json_object_update(with_label, (json_t *)(uintptr_t)row);
                        print_json(line, with_label, 0);
                        json_decref(with_label);
                } else {
                        print_json(line, row, 0);
                }
                buf_putc(line, '\n');
        }
}

/* --- sections --- */

static int read_template(struct printer *printer, struct error *err)
{
        if (!printer->options.row_template)
                return fail(err, E_INVALID, "--format template needs --template TEXT");
        if (!printer->row_template)
                printer->row_template = malloc(sizeof(*printer->row_template));
        if (!printer->row_template)
                return fail(err, E_NO_MEMORY, "no memory for the template");
        return template_parse(
                printer->options.row_template, printer->columns, printer->column_count, printer->row_template, err);
}

int printer_begin(struct printer *printer, const struct record *record, const char *label, struct error *err)
{
        free(printer->label);
        printer->label = NULL;
        if (label && !(printer->label = strdup(label)))
                return fail(err, E_NO_MEMORY, "no memory to print with");
        printer->labelled |= label != NULL;
        printer->rows = 0;
        printer->fitted = false;
        drop_held(printer);
        if (print_columns(record, printer->options.fields, printer->columns, &printer->column_count, err) < 0)
                return -1;
        for (size_t i = 0; i < printer->column_count; i++)
                printer->columns[i].width = printer->options.no_header ? 0 : strlen(printer->columns[i].name);
        return printer->options.format == PRINT_TEMPLATE ? read_template(printer, err) : 0;
}

int printer_row(struct printer *printer, const json_t *row, struct error *err)
{
        json_t *chosen = NULL;
        printer->rows++;
        switch (printer->options.format) {
        case PRINT_TABLE:
                return table_row(printer, row, err);
        case PRINT_LINES:
                lines_row(printer, row);
                break;
        case PRINT_CSV:
                csv_row(printer, row);
                break;
        case PRINT_TEMPLATE:
                template_put(&printer->line, printer->row_template, printer->columns, printer->label, row);
                break;
        default:
                if (printer->options.fields)
                        row = chosen = print_selected(printer->columns, printer->column_count, row);
                document_row(printer, row);
                json_decref(chosen);
        }
        return flush_line(printer, err);
}

int printer_end(struct printer *printer, struct error *err)
{
        struct buf *line = &printer->line;
        bool people = printer->options.format == PRINT_TABLE || printer->options.format == PRINT_LINES;
        if (printer->rows && printer->options.format == PRINT_TABLE && settle(printer, err) < 0)
                return -1;
        if (printer->rows && printer->options.format == PRINT_JSON && printer->label)
                buf_puts(line, "\n]");
        if (!printer->rows && printer->label && !printer->options.results_only) {
                if (people) {
                        if (printer->sections++)
                                buf_putc(line, '\n');
                        put_label_line(printer);
                        line->len -= line->len > 0;
                        buf_puts(line, " nothing\n");
                } else if (printer->options.format == PRINT_JSON) {
                        buf_puts(line, printer->sections++ ? ",\n" : "{\n");
                        put_key(printer);
                        buf_puts(line, ": []");
                } else if (printer->options.format == PRINT_YAML) {
                        printer->sections++;
                        put_key(printer);
                        buf_puts(line, ": []\n");
                }
        }
        return flush_line(printer, err);
}

int printer_finish(struct printer *printer, struct error *err)
{
        struct buf *line = &printer->line;
        if (printer->options.single && !printer->labelled) {
                if (!printer->sections &&
                        (printer->options.format == PRINT_JSON || printer->options.format == PRINT_YAML))
                        buf_puts(line, "{}\n");
        } else if (printer->options.format == PRINT_JSON) {
                if (printer->sections)
                        buf_puts(line, printer->labelled ? "\n}\n" : "\n]\n");
                else
                        buf_puts(line, printer->labelled ? "{}\n" : "[]\n");
        } else if (printer->options.format == PRINT_YAML && !printer->sections) {
                buf_puts(line, printer->labelled ? "{}\n" : "[]\n");
        }
        if (flush_line(printer, err) < 0)
                return -1;
        return fflush(printer->out) ? fail_errno(err, "writing the output") : 0;
}
