/* Prints result rows by their table, in several formats. Whatever a row holds, no control byte and no bidirectional
 * control reaches the terminal: they are shown escaped (\x1b, \u202e). Rows stream: a table fits its columns to the
 * first rows (PRINT_PROBE_ROWS or PRINT_PROBE_BYTES) and keeps them. */
#pragma once

#include "schema/field.h"

#include <stdio.h>

enum { PRINT_PROBE_ROWS = 512, PRINT_PROBE_BYTES = 1 << 20, PRINT_COLUMNS_MAX = 256 };

enum print_format {
        PRINT_TABLE,
        PRINT_LINES,
        PRINT_JSON,
        PRINT_NDJSON,
        PRINT_CSV,
        PRINT_YAML,
        PRINT_TEMPLATE,
        PRINT_FORMATS_MAX
};

enum print_shape { PRINT_OBJECT, PRINT_LIST, PRINT_MAP_OF_LISTS, PRINT_SCALAR };

extern const char *const print_format_names[]; /* "table", "lines", "json" …, NULL */

struct printer_options {
        enum print_format format;
        bool results_only; /* print_result: no errors, no statistics, no empty results */
        bool no_header;
        const char *const *fields; /* wire keys to show, "a.b" for nested ones, NULL-terminated; NULL = all */
        /* columns of the terminal; 0 = cut nothing. Columns that do not fit are left out, unless `fields` names them:
         * lists and nested values first, then from the right. */
        unsigned width;
        bool colour;
        bool single;              /* JSON and YAML: there is one row, which stands alone and in no list */
        const char *link_host;    /* the host that paths are on: they become links (OSC 8); NULL: none */
        const char *row_template; /* PRINT_TEMPLATE: "{{pid}} {{upper name}}", docs/term.md */
};

struct printer;

/* out is borrowed; options->fields must stay valid. */
struct printer *printer_new(FILE *out, const struct printer_options *options, struct error *err);
void printer_free(struct printer *printer);

static inline void printer_free_p(struct printer **printer)
{
        printer_free(*printer);
}

/* One section of rows: begin, row…, end. label names the section (a search's name) or is NULL; CSV and NDJSON show it
 * as the first column "label". An unknown name in options->fields is E_INVALID and names the nearest one. */
int printer_begin(struct printer *printer, const struct record *record, const char *label, struct error *err);
int printer_row(struct printer *printer, const json_t *row, struct error *err);
int printer_end(struct printer *printer, struct error *err);

/* After the last section: closes JSON and YAML documents, flushes; E_IO when writing failed at any point. */
int printer_finish(struct printer *printer, struct error *err);

/* How many columns of a table did not fit. */
size_t printer_left_out(const struct printer *printer);

/* A whole result {elements, statistics, errors}. JSON prints it as it is (results_only: the elements alone). statistics
 * may be NULL. Errors go to out too, as lines "error: …". */
int print_result(FILE *out, const struct printer_options *options, const struct record *element, enum print_shape shape,
        const struct record *statistics, const json_t *result, struct error *err);

/* Appends text with control bytes, bidirectional controls and invalid UTF-8 escaped; returns its columns on a terminal.
 */
struct buf;
size_t print_escape(struct buf *out, struct sv text);
