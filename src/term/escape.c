#include "term/escape.h"

#include "base/encode.h"

enum { ESC = 0x1b, BEL = 0x07, DEL = 0x7f };

static unsigned char at(struct sv text, size_t i)
{
        return i < text.n ? (unsigned char)text.p[i] : 0;
}

/* Length of the introducer at the front (ESC x, or its form as one C1 code, which UTF-8 writes as 0xc2 0x80..0x9f) and
 * its letter as it stands behind ESC; 0 for none. */
static size_t introducer(struct sv text, unsigned char *ret_letter)
{
        unsigned char second = at(text, 1);
        if (at(text, 0) == ESC && text.n > 1) {
                *ret_letter = second;
                return 2;
        }
        if (at(text, 0) == 0xc2 && second >= 0x80 && second <= 0x9f) {
                *ret_letter = (unsigned char)(second - 0x40);
                return 2;
        }
        return 0;
}

/* OSC, DCS, SOS, PM, APC: up to ST (ESC \ or U+009C), or BEL as xterm has it for OSC; ECMA-48 5.6. */
static size_t string_length(struct sv text)
{
        for (size_t i = 2; i < text.n && i < TERM_SEQUENCE_MAX; i++) {
                unsigned char byte = at(text, i);
                if (byte == BEL)
                        return i + 1;
                if ((byte == ESC && at(text, i + 1) == '\\') || (byte == 0xc2 && at(text, i + 1) == 0x9c))
                        return i + 2;
                /* 0x18 CAN and 0x1a SUB end a string in every terminal that follows the VT500 */
                if (byte == 0x18 || byte == 0x1a || byte == ESC)
                        return 0;
        }
        return 0;
}

/* Length of the whole sequence at the front; 0 where there is none, or none that ends. */
static size_t sequence_length(struct sv text, unsigned char *ret_letter)
{
        size_t i = introducer(text, ret_letter);
        if (!i)
                return 0;
        switch (*ret_letter) {
        case '[': /* CSI: parameters 0x30..0x3f, intermediates 0x20..0x2f, final 0x40..0x7e; ECMA-48 5.4 */
                while (i < TERM_SEQUENCE_MAX && at(text, i) >= 0x30 && at(text, i) <= 0x3f)
                        i++;
                while (i < TERM_SEQUENCE_MAX && at(text, i) >= 0x20 && at(text, i) <= 0x2f)
                        i++;
                return at(text, i) >= 0x40 && at(text, i) < DEL ? i + 1 : 0;
        case ']':
        case 'P':
        case 'X':
        case '^':
        case '_':
                return string_length(text);
        default: /* ESC, intermediates, final; ECMA-35 13.1 */
                if (at(text, 0) != ESC)
                        return 0;
                for (i = 1; i < TERM_SEQUENCE_MAX && at(text, i) >= 0x20 && at(text, i) <= 0x2f; i++)
                        ;
                return at(text, i) >= 0x30 && at(text, i) < DEL ? i + 1 : 0;
        }
}

/* ESC [ digits ; : m and nothing else. Concealed text (8) does not pass: what is there must be seen. */
static bool is_style(struct sv sequence)
{
        if (sequence.n > TERM_SGR_MAX || sequence.p[0] != ESC || sequence.p[sequence.n - 1] != 'm')
                return false;
        bool colour = false; /* 38 or 48 came: what follows are numbers of a colour */
        struct sv rest = sv_n(sequence.p + 2, sequence.n - 3), part;
        for (size_t i = 0; i < rest.n; i++)
                if (!strchr("0123456789;:", rest.p[i]))
                        return false;
        while (sv_split(&rest, ';', &part)) {
                uint64_t number = 0;
                if (sv_parse_u64(part, 10, &number) && number == 8 && !colour)
                        return false;
                colour |= number == 38 || number == 48 || number == 58;
        }
        return true;
}

static size_t show_one(struct buf *out, struct sv text, size_t *changed)
{
        uint32_t code_point;
        size_t n = utf8_decode(text, &code_point);
        unsigned char byte = at(text, 0);
        if (n && !utf8_is_control(code_point)) {
                buf_append(out, text.p, n);
                return n;
        }
        ++*changed;
        if (!n)
                buf_printf(out, "\\x%02x", byte);
        else if (byte == '\n' || byte == '\t' || byte == '\r')
                buf_puts(out, byte == '\n' ? "\\n" : byte == '\t' ? "\\t" : "\\r");
        else
                buf_printf(out, code_point < 0x100 ? "\\x%02x" : "\\u%04x", code_point);
        return n ? n : 1;
}

size_t term_filter(struct buf *out, struct sv text, enum term_filter_mode mode)
{
        size_t changed = 0;
        bool styled = false;
        while (text.n && !out->failed) {
                unsigned char letter;
                size_t n = mode == TERM_SHOW ? 0 : sequence_length(text, &letter);
                if (!n) {
                        n = show_one(out, text, &changed);
                } else if (mode == TERM_STYLES && letter == '[' && is_style(sv_n(text.p, n))) {
                        buf_append(out, text.p, n);
                        styled = !(n == 3 || (n == 4 && text.p[2] == '0'));
                } else {
                        changed++;
                }
                text = sv_n(text.p + n, text.n - n);
        }
        if (styled)
                buf_puts(out, "\x1b[0m");
        return changed;
}
