#include "modules/metrics/history/history_batch.h"

enum { MANTISSA = 11, FULL = 1 << MANTISSA }; /* bits behind the leading one */

uint32_t history_code(uint64_t value)
{
        if (value < 2 * FULL)
                return (uint32_t)value;
        int exponent = 63 - __builtin_clzll(value) - MANTISSA;
        uint64_t half = UINT64_C(1) << (exponent - 1);
        uint64_t mantissa = value > UINT64_MAX - half ? 2 * FULL - 1 : (value + half) >> exponent;
        uint32_t code = (uint32_t)exponent * FULL + (uint32_t)mantissa; /* 2 * FULL carries into the exponent */
        return code > HISTORY_CODE_MAX ? HISTORY_CODE_MAX : code;
}

uint64_t history_value(uint32_t code)
{
        if (code < 2 * FULL)
                return code;
        if (code > HISTORY_CODE_MAX)
                code = HISTORY_CODE_MAX;
        int exponent = (int)(code / FULL) - 1;
        return (uint64_t)(code % FULL + FULL) << exponent;
}

void history_put_varint(struct buf *out, uint64_t value)
{
        char *room = buf_reserve(out, 10);
        if (!room)
                return;
        size_t size = 0;
        for (; value >= 0x80; value >>= 7)
                room[size++] = (char)(value | 0x80);
        room[size++] = (char)value;
        room[size] = '\0';
        out->len += size;
}

bool history_take_varint(struct sv *rest, uint64_t *ret)
{
        uint64_t value = 0;
        for (size_t i = 0; i < rest->n && i < 10; i++) {
                uint8_t byte = (uint8_t)rest->p[i];
                if (i == 9 && byte > 1)
                        return false;
                value |= (uint64_t)(byte & 0x7f) << 7 * i;
                if (byte < 0x80) {
                        rest->p += i + 1;
                        rest->n -= i + 1;
                        *ret = value;
                        return true;
                }
        }
        return false;
}

static bool is_unchanged(const struct history_cell *cell, uint32_t before)
{
        if (!cell->known)
                return before == 0;
        return before == cell->average + 1 && cell->minimum == cell->average && cell->maximum == cell->average &&
               cell->last == cell->average;
}

static void put_cell(struct buf *out, const struct history_cell *cell, bool counter, uint32_t before)
{
        if (!cell->known) {
                history_put_varint(out, 1);
                return;
        }
        bool spread = cell->minimum != cell->average || cell->maximum != cell->average ||
                      (!counter && cell->last != cell->average);
        int64_t change = (int64_t)cell->average - (before ? before - 1 : 0);
        history_put_varint(out, (history_zigzag(change) + 1) << 2 | (uint64_t)spread << 1 | 1);
        if (!spread)
                return;
        history_put_varint(out, cell->average - cell->minimum);
        history_put_varint(out, cell->maximum - cell->average);
        if (!counter)
                history_put_varint(out, history_zigzag((int64_t)cell->last - cell->average));
}

void history_encode_row(struct buf *out, const struct history_cell *cells, size_t slots, bool counter, uint32_t *before)
{
        uint64_t run = 0;
        for (size_t i = 0; i < slots; i++) {
                struct history_cell cell = cells[i];
                if (counter)
                        cell.last = cell.average;
                if (is_unchanged(&cell, before[i])) {
                        run++;
                        continue;
                }
                if (run)
                        history_put_varint(out, (run - 1) << 1);
                run = 0;
                put_cell(out, &cell, counter, before[i]);
                before[i] = cell.known ? cell.average + 1 : 0;
        }
        if (run)
                history_put_varint(out, (run - 1) << 1);
}

static bool take_cell(struct history_decoder *decoder, uint64_t head, uint32_t *before, struct history_cell *ret)
{
        uint64_t below = 0;
        uint64_t above = 0;
        uint64_t last = 0;
        *ret = (struct history_cell){ 0 };
        if (head == 1) {
                *before = 0;
                return true;
        }
        uint64_t zigzag = head >> 2;
        if (zigzag == 0 || zigzag > 4 * (uint64_t)HISTORY_CODE_MAX)
                return false;
        int64_t average = (*before ? (int64_t)*before - 1 : 0) + history_unzigzag(zigzag - 1);
        if (average < 0 || average > HISTORY_CODE_MAX)
                return false;
        if (head & 2) {
                if (!history_take_varint(&decoder->rest, &below) || !history_take_varint(&decoder->rest, &above) ||
                        (!decoder->counter && !history_take_varint(&decoder->rest, &last)))
                        return false;
                int64_t behind = average + history_unzigzag(last);
                if (below > (uint64_t)average || above > HISTORY_CODE_MAX || behind < 0 || behind > HISTORY_CODE_MAX)
                        return false;
        }
        ret->known = true;
        ret->average = (uint32_t)average;
        ret->minimum = (uint32_t)(average - (int64_t)below);
        ret->maximum = (uint32_t)(average + (int64_t)above);
        ret->last = (uint32_t)(average + history_unzigzag(last));
        *before = ret->average + 1;
        return true;
}

bool history_decode_row(struct history_decoder *decoder, struct history_cell *ret, size_t slots)
{
        uint64_t head;
        size_t i = 0;
        while (i < slots) {
                if (!history_take_varint(&decoder->rest, &head))
                        return false;
                if (head & 1) {
                        if (!take_cell(decoder, head, &decoder->before[i], &ret[i]))
                                return false;
                        i++;
                        continue;
                }
                if (head >> 1 >= slots - i)
                        return false;
                for (uint64_t left = (head >> 1) + 1; left; left--, i++) {
                        uint32_t average = decoder->before[i] ? decoder->before[i] - 1 : 0;
                        ret[i] = (struct history_cell){ average, average, average, average, decoder->before[i] != 0 };
                }
        }
        return true;
}
