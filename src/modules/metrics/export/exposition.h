/* Prometheus' text exposition format 0.0.4, and OpenMetrics 1.0. A builder takes samples in any order and gives
 * families sorted by name, samples sorted by the values of their labels in the order of the labels' names, as
 * client_golang does; numbers are written as Go's strconv.FormatFloat(v, 'g', -1, 64) writes them. A second sample with
 * the same labels is refused and counted. */
#pragma once

#include "base/buf.h"
#include "base/error.h"

#include <stdint.h>

enum exposition_type {
        EXPOSITION_COUNTER,
        EXPOSITION_GAUGE,
        EXPOSITION_UNTYPED,
        EXPOSITION_SUMMARY,
        EXPOSITION_HISTOGRAM
};

struct exposition_label {
        const char *name, *value;
};

enum exposition_format { EXPOSITION_TEXT, EXPOSITION_OPENMETRICS };

enum { EXPOSITION_LABELS_MAX = 1024, EXPOSITION_SAMPLES_MAX = 1 << 22, EXPOSITION_NO_TIME = 0 };

struct exposition;
struct exposition_family;
struct exposition_labels;

/* memory_max: bytes the builder may hold. */
struct exposition *exposition_new(size_t memory_max, struct error *err);
void exposition_free(struct exposition *exposition);

/* The family of this name, made at the first call; the first type and help count. Texts are copied. NULL: no room. */
struct exposition_family *exposition_family(
        struct exposition *exposition, const char *name, enum exposition_type type, const char *help);
/* Labels in any order; values are copied, names must live as long as the builder (literals). A NULL value is "".
 * time_ms: Unix, EXPOSITION_NO_TIME for none. family NULL: nothing happens. */
void exposition_add(struct exposition_family *family, const struct exposition_label *labels, size_t count, double value,
        int64_t time_ms);
/* A copy of text that lives as long as the builder, for names of labels that are no literals; NULL: no room. */
const char *exposition_text(struct exposition *exposition, const char *text);
/* A set of labels that many samples share (all series of one container): said once, rendered once. Values are copied.
 * NULL: no room, or refused and counted (an invalid name, a name twice). */
struct exposition_labels *exposition_labels(
        struct exposition *exposition, const struct exposition_label *labels, size_t count);
/* In the order of writing, for two sets of the same names: sets used in this order need no sorting later. */
int exposition_labels_compare(const struct exposition_labels *a, const struct exposition_labels *b);
/* This set is behind that one in the order, and they have the same names: then samples of the two are compared by their
 * own labels at most. */
void exposition_labels_follow(struct exposition_labels *set, const struct exposition_labels *before);
/* A sample with the labels of the set and some of its own. set NULL: its own only. */
void exposition_add_to(struct exposition_family *family, const struct exposition_labels *set,
        const struct exposition_label *labels, size_t count, double value, int64_t time_ms);
/* The series of a histogram or summary: its name gets a suffix; a summary's quantiles have none (EXPOSITION_VALUE).
 * Buckets and quantiles are written by the number in `le` or `quantile`, then sum and count. */
enum exposition_part { EXPOSITION_VALUE, EXPOSITION_BUCKET, EXPOSITION_SUM, EXPOSITION_COUNT };
void exposition_add_part(struct exposition_family *family, enum exposition_part part,
        const struct exposition_label *labels, size_t count, double value, int64_t time_ms);
/* The same without labels. */
void exposition_put(
        struct exposition *exposition, const char *name, enum exposition_type type, const char *help, double value);

/* All families into out; those without samples are left out. -1 when there was no room somewhere (E_TOO_LARGE): a
 * scrape is whole or an error. Sorts, and counts duplicates as refused. */
int exposition_write(struct exposition *exposition, enum exposition_format format, struct buf *out, struct error *err);
/* The same in pieces, for text that goes out as it is made: begin says whether there was room for all, more appends
 * until out has `enough` bytes or somewhat more; false: that was the end. Only a failed out can go wrong in between. */
int exposition_write_begin(struct exposition *exposition, enum exposition_format format, struct error *err);
bool exposition_write_more(struct exposition *exposition, struct buf *out, size_t enough);
uint64_t exposition_refused(const struct exposition *exposition); /* duplicates, invalid names */

size_t exposition_samples(const struct exposition *exposition); /* taken so far */

/* As the format says it: "2.097152e+06", "+Inf", "NaN". */
void exposition_number(struct buf *out, double value);
/* [a-zA-Z_][a-zA-Z0-9_]* of any text, as cAdvisor sanitizes names of labels: each other character is a "_"; appends. */
void exposition_label_name(struct buf *out, const char *text);
extern const char *const exposition_content_types[]; /* by format */
