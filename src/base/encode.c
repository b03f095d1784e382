#include "base/encode.h"

size_t utf8_decode(struct sv text, uint32_t *ret)
{
        const unsigned char *p = (const unsigned char *)text.p;
        size_t length;
        uint32_t code;
        uint32_t least;
        if (p[0] < 0x80) {
                *ret = p[0];
                return 1;
        }
        if ((p[0] & 0xe0) == 0xc0) {
                length = 2;
                code = p[0] & 0x1f;
                least = 0x80;
        } else if ((p[0] & 0xf0) == 0xe0) {
                length = 3;
                code = p[0] & 0x0f;
                least = 0x800;
        } else if ((p[0] & 0xf8) == 0xf0) {
                length = 4;
                code = p[0] & 0x07;
                least = 0x10000;
        } else {
                return 0;
        }
        if (text.n < length)
                return 0;
        for (size_t i = 1; i < length; i++) {
                if ((p[i] & 0xc0) != 0x80)
                        return 0;
                code = code << 6 | (p[i] & 0x3f);
        }
        if (code < least || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
                return 0;
        *ret = code;
        return length;
}

bool utf8_valid(struct sv text)
{
        for (size_t at = 0; at < text.n;) {
                uint64_t eight;
                if (text.n - at >= sizeof(eight)) { /* most texts are ASCII */
                        memcpy(&eight, text.p + at, sizeof(eight));
                        if (!(eight & UINT64_C(0x8080808080808080))) {
                                at += sizeof(eight);
                                continue;
                        }
                }
                uint32_t code;
                size_t length = utf8_decode(sv_n(text.p + at, text.n - at), &code);
                if (length == 0)
                        return false;
                at += length;
        }
        return true;
}

void utf8_sanitize(struct sv text, struct buf *out)
{
        for (size_t at = 0; at < text.n;) {
                uint32_t code;
                size_t length = utf8_decode(sv_n(text.p + at, text.n - at), &code);
                if (length == 0)
                        buf_puts(out, "\xef\xbf\xbd");
                else
                        buf_append(out, text.p + at, length);
                at += length ? length : 1;
        }
}

size_t decimal_format(uint64_t value, char *ret)
{
        char digits[DECIMAL_MAX];
        size_t at = sizeof(digits);
        do
                digits[--at] = (char)('0' + value % 10);
        while ((value /= 10) != 0);
        memcpy(ret, digits + at, sizeof(digits) - at);
        return sizeof(digits) - at;
}

void hex_encode(const void *bytes, size_t size, struct buf *out)
{
        static const char digits[] = "0123456789abcdef";
        const unsigned char *p = bytes;
        char *room = buf_reserve(out, size * 2);
        if (!room)
                return;
        for (size_t i = 0; i < size; i++) {
                room[2 * i] = digits[p[i] >> 4];
                room[2 * i + 1] = digits[p[i] & 15];
        }
        out->len += size * 2;
        out->data[out->len] = '\0';
}

bool hex_decode(struct sv text, uint8_t *ret, size_t max, size_t *ret_size)
{
        if (text.n % 2 || text.n / 2 > max)
                return false;
        for (size_t i = 0; i < text.n; i += 2) {
                uint64_t byte;
                if (!sv_parse_u64(sv_n(text.p + i, 2), 16, &byte))
                        return false;
                ret[i / 2] = (uint8_t)byte;
        }
        *ret_size = text.n / 2;
        return true;
}

static const char base64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(const void *bytes, size_t size, struct buf *out)
{
        const unsigned char *p = bytes;
        for (size_t i = 0; i < size; i += 3) {
                size_t left = size - i;
                uint32_t group =
                        (uint32_t)p[i] << 16 | (left > 1 ? (uint32_t)p[i + 1] << 8 : 0) | (left > 2 ? p[i + 2] : 0);
                char quad[4] = { base64_digits[group >> 18], base64_digits[group >> 12 & 63],
                        left > 1 ? base64_digits[group >> 6 & 63] : '=', left > 2 ? base64_digits[group & 63] : '=' };
                buf_append(out, quad, 4);
        }
}

bool base64_decode(struct sv text, struct buf *out)
{
        if (text.n % 4)
                return false;
        size_t padding = 0;
        while (padding < 2 && padding < text.n && text.p[text.n - 1 - padding] == '=')
                padding++;
        for (size_t i = 0; i < text.n; i += 4) {
                bool last = i + 4 == text.n;
                uint32_t group = 0;
                for (size_t j = 0; j < 4; j++) {
                        char c = text.p[i + j];
                        const char *digit = c ? strchr(base64_digits, c) : NULL;
                        if (last && j >= 4 - padding)
                                digit = base64_digits;
                        if (!digit)
                                return false;
                        group = group << 6 | (uint32_t)(digit - base64_digits);
                }
                char bytes[3] = { (char)(group >> 16), (char)(group >> 8), (char)group };
                buf_append(out, bytes, last ? 3 - padding : 3);
        }
        return !out->failed;
}

bool utf8_is_control(uint32_t code_point)
{
        return code_point < 0x20 || (code_point >= 0x7f && code_point <= 0x9f) || code_point == 0x061c ||
               code_point == 0x200e || code_point == 0x200f || (code_point >= 0x2028 && code_point <= 0x202e) ||
               (code_point >= 0x2066 && code_point <= 0x2069);
}
