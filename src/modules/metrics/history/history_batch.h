/* How steps lie in a batch: a pure codec, no I/O.
 *
 * A value is an unsigned number of its metric's scale (history_metrics.h), rounded to 12 significant bits and stood for
 * by a code that rises with it: the mantissa and exponent as one number, so that a small relative change is a small
 * difference of codes. A cell is what a container had of a metric in one step: average, minimum, maximum and last, or
 * nothing.
 *
 * For each metric the cells stand row after row (a row a step), in a row slot after slot (a slot a container), as
 * varints (LEB128) u against the cell of the same slot in the row before, which is 0 before the first row:
 *
 *      u & 1 == 0      the next (u >> 1) + 1 slots have the average of the row before, or nothing as there, and no
 * spread u == 1          nothing is known else            v = u >> 2: the difference of the averages' codes is v - 1,
 * zigzag; with u & 2 follow: average - minimum, maximum - average, last - average (zigzag; left out for counters)
 *
 * A row's end needs no mark: how many slots each row has stands in the batch's head. */
#pragma once

#include "base/buf.h"
#include "base/sv.h"

enum {
        HISTORY_ROWS_MAX = 60, /* of a batch */
        HISTORY_METRICS_MAX = 64,
        HISTORY_CODE_MAX = (52 << 11) + 4095,
};

uint32_t history_code(uint64_t value);
uint64_t history_value(uint32_t code);

struct history_cell {
        uint32_t average, minimum, maximum, last; /* codes */
        bool known;
};

/* The state of a row before: average + 1, or 0 where nothing was known. Before the first row: 1 (the value 0). */
#define HISTORY_BEFORE UINT32_C(1)

/* Appends one row of one metric; before[slot] is read and set. */
void history_encode_row(
        struct buf *out, const struct history_cell *cells, size_t slots, bool counter, uint32_t *before);

struct history_decoder {
        struct sv rest;
        bool counter;
        uint32_t *before; /* as many as the largest row has slots */
};

/* One row: false where the bytes are damaged. */
bool history_decode_row(struct history_decoder *decoder, struct history_cell *ret, size_t slots);

/* ---- numbers as records have them ---- */

void history_put_varint(struct buf *out, uint64_t value);
bool history_take_varint(struct sv *rest, uint64_t *ret);

static inline uint64_t history_zigzag(int64_t value)
{
        return (uint64_t)value << 1 ^ (uint64_t)(value >> 63);
}

static inline int64_t history_unzigzag(uint64_t value)
{
        return (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
}
