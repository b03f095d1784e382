/* Text encodings: UTF-8, hex, base64. */
#pragma once

#include "base/buf.h"
#include "base/sv.h"

bool utf8_valid(struct sv text);

/* Decodes one code point off the front: its length 1..4 and *ret, or 0 for an invalid byte (one byte to skip). Overlong
 * forms, surrogates and values beyond U+10FFFF are invalid (RFC 3629). text.n must be > 0. */
size_t utf8_decode(struct sv text, uint32_t *ret);

/* Appends text with each invalid byte replaced by U+FFFD. */
void utf8_sanitize(struct sv text, struct buf *out);

/* Must this code point not reach a terminal as it is? C0, DEL, C1, line separators, and the controls that turn the
 * direction of writing (Unicode UAX #9), with which one text can pass for another. */
bool utf8_is_control(uint32_t code_point);

enum { DECIMAL_MAX = 20 };

/* The digits of a number into ret (DECIMAL_MAX bytes, no NUL); how many. */
size_t decimal_format(uint64_t value, char *ret);

void hex_encode(const void *bytes, size_t size, struct buf *out); /* lower case */

/* Decodes at most max bytes; false on an odd length, a bad digit or too much. */
bool hex_decode(struct sv text, uint8_t *ret, size_t max, size_t *ret_size);

/* RFC 4648 with padding. */
void base64_encode(const void *bytes, size_t size, struct buf *out);
bool base64_decode(struct sv text, struct buf *out);
