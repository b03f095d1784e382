/* How a result is shown: JSON as it is, a module's own lines, or a table derived from its record. */
#include "base/cleanup.h"
#include "base/path.h"
#include "cli/cli.h"
#include "module/lines.h"
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
        FILE *pipe;     /* to the program that prints for the module */
        pid_t pid;      /* of that program */
        char *names;    /* --fields, cut into pieces */
        const char *fields[FIELDS_MAX + 1];
        struct line_printer lines;
        struct buf text;
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

/* ---- lines of the module's own, printed here or by its program ---- */

static int flush_lines(struct shower *shower)
{
        int status = write_all(STDOUT_FILENO, buf_text(&shower->text), shower->text.len, &shower->err);
        buf_clear(&shower->text);
        return status;
}

static int own_row(const char *group, const char *label, struct sv json, void *cookie)
{
        struct shower *shower = cookie;
        int status = print_module_row(shower->entry->module, &shower->lines, group, label, json, &shower->err);
        if (shower->text.len > 32 << 10 && flush_lines(shower) < 0)
                return -1;
        return status;
}

static int piped_row(const char *group, const char *label, struct sv json, void *cookie)
{
        struct shower *shower = cookie;
        struct json_writer writer;
        buf_clear(&shower->text);
        json_writer_init(&writer, &shower->text, 0);
        json_begin_object(&writer);
        json_field(&writer, "group", json_put_text, group);
        json_field(&writer, "label", json_put_text, label);
        if (json.n)
                json_field(&writer, "row", json_put_raw, json);
        json_end_object(&writer);
        buf_putc(&shower->text, '\n');
        if (shower->text.failed)
                return fail(&shower->err, E_NO_MEMORY, "no memory to print a row");
        if (fwrite(shower->text.data, 1, shower->text.len, shower->pipe) != shower->text.len)
                return fail(&shower->err, E_IO, "the program that prints the rows is gone");
        return 0;
}

static int start_printer(struct shower *shower)
{
        int ends[2];
        if (shower->entry->origin == ORIGIN_BUILTIN)
                return 0;
        if (pipe2(ends, O_CLOEXEC) < 0)
                return fail_errno(&shower->err, "pipe");
        shower->pid = fork();
        if (shower->pid == 0) {
                dup2(ends[0], STDIN_FILENO);
                signal(SIGINT, SIG_IGN); /* an interrupt stops the run; its rows are still to be shown */
                execl(shower->entry->program, shower->entry->program, "print", shower->entry->module->name,
                        shower->flags->results_only ? "--results-only" : NULL, NULL);
                _exit(127);
        }
        close(ends[0]);
        shower->pipe = shower->pid > 0 ? fdopen(ends[1], "w") : NULL;
        if (shower->pipe)
                return 0;
        close(ends[1]);
        return fail_errno(&shower->err, "starting %s", shower->entry->program);
}

/* The statistics, and the end of the program that prints. */
static int finish_lines(struct shower *shower, const char *statistics, int status)
{
        if (!shower->pipe) {
                if (status == 0 && statistics)
                        status = print_module_statistics(
                                shower->entry->module, &shower->lines, sv_of(statistics), &shower->err);
                return flush_lines(shower) < 0 ? -1 : status;
        }
        if (status == 0 && statistics)
                fprintf(shower->pipe, "{\"statistics\":%s}\n", statistics);
        fclose(shower->pipe);
        int ended = 0;
        while (waitpid(shower->pid, &ended, 0) < 0 && errno == EINTR)
                ;
        if (status == 0 && ended != 0)
                status = fail(&shower->err, E_FAILED, "the program that prints the rows failed");
        return status;
}

static int show_lines(struct shower *shower, struct result *result)
{
        int status = 0;
        if (!shower->rows_done) {
                if (start_printer(shower) < 0)
                        return -1;
                status = result_each_row(result, shower->pipe ? piped_row : own_row, shower, &shower->err);
        }
        return finish_lines(shower, result_statistics(result), status);
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

/* "a,b.c" as the list the printer takes; text is cut in place. */
static void split_fields(char *text, const char **ret)
{
        size_t count = 0;
        for (char *at = text; at && *at && count < FIELDS_MAX; count++) {
                char *comma = strchr(at, ',');
                ret[count] = at;
                if (comma)
                        *comma++ = '\0';
                at = comma;
        }
        ret[count] = NULL;
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

struct shower *shower_new(const struct catalog_entry *entry, const struct run_flags *flags, struct error *err)
{
        struct shower *shower = calloc(1, sizeof(*shower));
        if (!shower)
                return fail_null(err, E_NO_MEMORY, "no memory to show a result");
        shower->entry = entry;
        shower->flags = flags;
        shower->own_lines = entry->prints && flags->format < 0 && !flags->fields;
        buf_init(&shower->text, 64 << 20);
        shower->names = flags->fields ? strdup(flags->fields) : NULL;
        split_fields(shower->names, shower->fields);
        if (check_form(shower, err) < 0) {
                shower_free(shower);
                return NULL;
        }
        shower->lines = (struct line_printer){ &shower->text, flags->results_only, cli_out() };
        return shower;
}

void shower_free(struct shower *shower)
{
        if (!shower)
                return;
        printer_free(shower->printer);
        buf_done(&shower->text);
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
        shower->rows_done = (shower->own_lines ? start_printer(shower) : open_table(shower)) == 0;
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
        } else if (shower->pipe) {
                piped_row(NULL, NULL, json, shower);
                fflush(shower->pipe);
        } else {
                own_row(NULL, NULL, json, shower);
                flush_lines(shower);
        }
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
