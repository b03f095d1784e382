/* How a result is shown: JSON as it is, a module's own lines, or a table derived from its record. */
#include "base/cleanup.h"
#include "base/path.h"
#include "cli/cli.h"
#include "cli/show_lines.h"
#include "schema/json.h"
#include "schema/json_writer.h"
#include "schema/print.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>

enum { FIELDS_MAX = 64, PAGED_ROWS_MAX = 20000 /* a longer table is shown as it is printed */ };

struct shower {
        const struct catalog_entry *entry;
        const struct run_flags *flags;
        bool own_lines; /* the module prints its rows */
        bool rows_done; /* they were shown as they came */
        char *names;    /* --fields, cut into pieces */
        const char *fields[FIELDS_MAX + 1];
        struct module_lines lines;
        struct printer *printer; /* derived tables */
        FILE *paged;             /* a table that may be longer than the terminal is collected here */
        char *page;
        size_t page_size;
        bool open; /* a section of the printer */
        char group[LABEL_MAX];
        char label[LABEL_MAX];
        struct error err;
};

static int write_stdout(const void *bytes, size_t size, void *cookie)
{
        (void)cookie;
        return write_all(STDOUT_FILENO, bytes, size, NULL);
}

/* ---- lines of the module's own ---- */

static int own_row(const char *group, const char *label, struct sv json, void *cookie)
{
        struct shower *shower = cookie;
        return module_lines_row(&shower->lines, group, label, json, &shower->err);
}

static int show_lines(struct shower *shower, struct result *result)
{
        int status = shower->rows_done ? 0 : result_each_row(result, own_row, shower, &shower->err);
        return module_lines_finish(&shower->lines, result_statistics(result), status, &shower->err);
}

/* ---- derived tables ---- */

static int close_section(struct shower *shower)
{
        if (!shower->open)
                return 0;
        shower->open = false;
        return printer_end(shower->printer, &shower->err);
}

static int table_row(const char *group, const char *label, struct sv json, void *cookie)
{
        struct shower *shower = cookie;
        bool same = shower->open && strcmp(shower->group, group ? group : "") == 0 &&
                    strcmp(shower->label, label ? label : "") == 0;
        if (json.n == 0 && shower->flags->results_only)
                return 0;
        if (!same) {
                char title[2 * LABEL_MAX];
                snprintf(shower->group, sizeof(shower->group), "%s", group ? group : "");
                snprintf(shower->label, sizeof(shower->label), "%s", label ? label : "");
                snprintf(title, sizeof(title), "%s%s%s", shower->group, group && label ? " " : "", shower->label);
                if (close_section(shower) < 0 || printer_begin(shower->printer, shower->entry->module->element,
                                                         label || group ? title : NULL, &shower->err) < 0)
                        return -1;
                shower->open = true;
        }
        if (json.n == 0)
                return 0;
        cleanup(json_decref) json_t *row = json_parse(json, false, &shower->err);
        return row ? printer_row(shower->printer, row, &shower->err) : -1;
}

/* Paths of this host become links where the terminal shows them. */
static const char *own_host(const struct run_flags *flags)
{
        static char name[256];
        if (!cli_out()->links || flags->agent || gethostname(name, sizeof(name) - 1) < 0)
                return NULL;
        for (const char *c = name; *c; c++)
                if (!((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') || *c == '-' ||
                            *c == '.'))
                        return NULL;
        return name;
}

static struct printer *new_printer(struct shower *shower, FILE *out, struct error *err)
{
        const struct module *module = shower->entry->module;
        const struct run_flags *flags = shower->flags;
        enum print_format format = flags->format >= 0              ? (enum print_format)flags->format
                                   : module->shape == SHAPE_OBJECT ? PRINT_LINES
                                                                   : PRINT_TABLE;
        struct printer_options options = { .format = flags->rows_json && module->stream ? PRINT_NDJSON : format,
                .results_only = flags->results_only,
                .no_header = flags->no_header,
                .fields = shower->names ? shower->fields : NULL,
                .width = cli_out()->width,
                .single = module->shape == SHAPE_OBJECT,
                .row_template = flags->row_template,
                .link_host = own_host(flags),
                .colour = cli_out()->depth != COLOUR_NONE };
        return printer_new(out, &options, err);
}

static int open_table(struct shower *shower)
{
        shower->printer = new_printer(shower, shower->paged ? shower->paged : stdout, &shower->err);
        return shower->printer ? 0 : -1;
}

/* A field that is not there is told before the run, not after it. */
static int check_form(struct shower *shower, struct error *err)
{
        const struct module *module = shower->entry->module;
        if (!module->element || (!shower->names && !shower->flags->row_template))
                return 0;
        cleanup(fclose) FILE *nowhere = fopen("/dev/null", "we");
        if (!nowhere)
                return fail_errno(err, "open /dev/null");
        cleanup(printer_free) struct printer *printer = new_printer(shower, nowhere, err);
        return printer ? printer_begin(printer, module->element, NULL, err) : -1;
}

/* For a program: never through the pager. */
static bool is_document(const struct shower *shower)
{
        return shower->flags->format > PRINT_LINES;
}

static int show_table(struct shower *shower, struct result *result)
{
        const struct module *module = shower->entry->module;
        if (!module->element || module->shape == SHAPE_SCALAR)
                return result_write(result, 2, write_stdout, NULL, &shower->err);
        uint64_t rows = result_rows(result);
        bool people = !is_document(shower);
        if (!shower->rows_done && people && cli_out()->tty && rows >= cli_out()->height / 2 && rows <= PAGED_ROWS_MAX)
                shower->paged = open_memstream(&shower->page, &shower->page_size);
        if (!shower->rows_done &&
                (open_table(shower) < 0 || result_each_row(result, table_row, shower, &shower->err) < 0))
                return -1;
        return close_section(shower) < 0 ? -1 : printer_finish(shower->printer, &shower->err);
}

/* Errors, and for derived tables the statistics: talk, so on stderr. */
static void show_talk(struct shower *shower, struct result *result, bool own_lines)
{
        if (shower->flags->results_only && result_success(result))
                return;
        for (size_t i = 0; i < result_error_count(result); i++) {
                struct buf text;
                buf_init(&text, 1 << 20);
                print_escape(&text, sv_of(result_error(result, i)));
                fprintf(stderr, "error: %s\n", buf_text(&text));
                buf_done(&text);
        }
        if (result_partial(result))
                fprintf(stderr, "partial: %s\n", result_partial(result));
        const char *statistics = result_statistics(result);
        if (statistics && !own_lines && !shower->flags->results_only)
                fprintf(stderr, "statistics: %s\n", statistics);
        size_t left_out = shower->printer ? printer_left_out(shower->printer) : 0;
        if (left_out && cli_err()->tty)
                fprintf(stderr, "%zu columns do not fit; --fields A,B chooses them, --format lines shows all\n",
                        left_out);
}

/* Lines that end soon may go through the pager; those of a run without an end never do. */
static bool is_held(const struct shower *shower)
{
        return shower->own_lines && cli_out()->tty && !shower->entry->module->stream;
}

struct shower *shower_new(const struct catalog_entry *entry, const struct run_flags *flags, struct error *err)
{
        struct shower *shower = calloc(1, sizeof(*shower));
        if (!shower)
                return fail_null(err, E_NO_MEMORY, "no memory to show a result");
        shower->entry = entry;
        shower->flags = flags;
        shower->own_lines = entry->prints && flags->format < 0 && !flags->fields;
        shower->names = flags->fields ? strdup(flags->fields) : NULL;
        cli_split_names(shower->names, shower->fields, FIELDS_MAX);
        if (check_form(shower, err) < 0) {
                shower_free(shower);
                return NULL;
        }
        module_lines_init(&shower->lines, entry, flags->results_only, is_held(shower), false);
        return shower;
}

void shower_free(struct shower *shower)
{
        if (!shower)
                return;
        printer_free(shower->printer);
        module_lines_done(&shower->lines);
        if (shower->paged)
                fclose(shower->paged);
        free(shower->page);
        free(shower->names);
        free(shower);
}

bool shower_is_live(struct shower *shower)
{
        const struct run_flags *flags = shower->flags;
        bool streams = shower->own_lines || shower->entry->module->stream || flags->format == PRINT_NDJSON ||
                       flags->format == PRINT_LINES || flags->format == PRINT_TEMPLATE;
        if (shower->entry->module->stream && flags->json)
                return shower->rows_done = true;
        if (flags->json || !streams || shower->entry->module->shape != SHAPE_LIST || !shower->entry->module->element)
                return false;
        shower->lines.live = true;
        shower->rows_done = shower->own_lines || open_table(shower) == 0;
        return shower->rows_done;
}

void show_row(struct shower *shower, struct sv json)
{
        if (shower->err.code != E_NONE)
                return;
        if (shower->flags->json) {
                fwrite(json.p, 1, json.n, stdout);
                putchar('\n');
                fflush(stdout);
        } else if (!shower->own_lines) {
                table_row(NULL, NULL, json, shower);
                fflush(stdout);
        } else {
                own_row(NULL, NULL, json, shower);
        }
}

bool shower_holds(const struct shower *shower)
{
        return shower->own_lines && shower->lines.holding;
}

void shower_release(struct shower *shower)
{
        if (shower->err.code == E_NONE)
                module_lines_release(&shower->lines, &shower->err);
}

int show_result(struct shower *shower, struct result *result)
{
        const struct run_flags *flags = shower->flags;
        int status = 0;
        if (flags->json && shower->rows_done) {
                show_talk(shower, result, false);
        } else if (flags->json || (flags->format == PRINT_JSON && !flags->fields)) {
                status = result_write(result, flags->json ? 0 : 2, write_stdout, NULL, &shower->err);
        } else {
                status = shower->own_lines ? show_lines(shower, result) : show_table(shower, result);
                if (shower->paged && fflush(shower->paged) == 0)
                        cli_page(sv_n(shower->page, shower->page_size));
                fflush(stdout);
                show_talk(shower, result, shower->own_lines);
        }
        if (status < 0 || shower->err.code != E_NONE)
                return cli_fail(&shower->err);
        return error_exit_status(result_code(result));
}
