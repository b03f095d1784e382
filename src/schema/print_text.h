/* Cells and quoting of the printer. Private to print*.c. */
#pragma once

#include "base/buf.h"
#include "schema/field.h"
#include "schema/print.h"

enum { PRINT_DEPTH_MAX = 8, PRINT_NAME_MAX = 256, PRINT_ROW_MAX = 16 << 20, PRINT_DOCUMENT_MAX = 64 << 20 };

/* The value as one line of text: lists joined by ",", maps as key=value. `human` shows sizes, durations and times as
 * people read them and escapes what must not reach a terminal; else the text is exact. value may be NULL. */
void print_cell(struct buf *out, const struct field *field, const json_t *value, bool human);

/* Columns that escaped text takes on a terminal. */
size_t print_width(struct sv text);
/* Appends at most `width` columns of it, with "…" where something was cut. */
void print_fitted(struct buf *out, struct sv text, size_t width);

/* An absolute path as a link to the file (OSC 8), which shows `shown`; any other text as it is. Both are escaped
 * already. */
void print_file_link(struct buf *out, const char *host, struct sv path, struct sv shown);

/* A JSON value with every control that could steer a terminal as \uXXXX; indent 0 is one line. */
void print_json(struct buf *out, const json_t *value, unsigned indent);
/* RFC 4180: quoted where a comma, a quote or a line break stands in it. */
void print_csv(struct buf *out, struct sv text);
/* A YAML value; further lines are indented by `indent` spaces. Ends with a line break. */
void print_yaml(struct buf *out, const json_t *value, unsigned indent);
