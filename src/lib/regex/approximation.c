/* Why the result never matches less than the pattern does on a line:
 *  - a line holds no '\n', so no set needs it, and with no set holding it no match leaves its line;
 *  - a non-ASCII character is one to four bytes from 0x80 up, an invalid byte (seen as U+FFFD) is one of them;
 *  - a repetition may be widened: fewer needed, more allowed;
 *  - ^ and \A are the line's start; $ and \z are its end, before or after one '\r' that is no part of the line;
 *  - \b and \B look at ASCII word characters only, and what surrounds a line, '\n' or '\r', is none.
 * The one trap: `\r?$` may consume a '\r', after which ^ or \b no longer see where the line ended. Where such an
 * assertion could follow, $ is left out.
 */
#include "lib/regex/approximation.h"

#include "lib/regex/re2_shim.h"

#define RUNE_ERROR 0xfffdU

struct writer {
        struct buf *out;
        size_t positions;
        bool drop_end;
        bool end_seen;
        bool high_literal; /* bytes from 0x80 up outside of a class */
};

/* Does an assertion follow an END, or is an END repeated? Are there characters beyond ASCII? */
static void survey(struct writer *writer, const struct syntax_node *node, bool repeated)
{
        switch (node->op) {
        case SYNTAX_END:
                writer->end_seen = true;
                writer->drop_end = writer->drop_end || repeated;
                break;
        case SYNTAX_BEGIN:
        case SYNTAX_WORD_BOUNDARY:
        case SYNTAX_NOT_WORD_BOUNDARY:
                writer->drop_end = writer->drop_end || writer->end_seen;
                break;
        case SYNTAX_CHARACTER:
                writer->high_literal = writer->high_literal || node->set.rune_count > 0;
                break;
        default:
                break;
        }
        for (const struct syntax_node *child = node->child; child; child = child->next)
                survey(writer, child, repeated || node->op == SYNTAX_REPEAT);
}

static bool in_set(const struct syntax_set *set, unsigned c)
{
        if (c == '\n')
                return false;
        return c < 0x80 ? set->ascii[c >> 6] >> (c & 63) & 1 : set->wide;
}

static void write_byte(struct buf *out, unsigned c)
{
        if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
                buf_putc(out, (char)c);
        else
                buf_printf(out, "\\x%02x", c);
}

/* The set's single bytes as one byte or a class; false if there are none. */
static bool write_bytes(struct buf *out, const struct syntax_set *set)
{
        unsigned count = 0;
        unsigned only = 0;
        for (unsigned c = 0; c < 256; c++) {
                if (in_set(set, c)) {
                        only = c;
                        count++;
                }
        }
        if (count == 0)
                return false;
        if (count == 1) {
                write_byte(out, only);
                return true;
        }
        buf_putc(out, '[');
        for (unsigned c = 0; c < 256; c++) {
                if (!in_set(set, c))
                        continue;
                unsigned last = c;
                while (last < 255 && in_set(set, last + 1))
                        last++;
                write_byte(out, c);
                if (last > c) {
                        buf_putc(out, '-');
                        write_byte(out, last);
                }
                c = last;
        }
        buf_putc(out, ']');
        return true;
}

static void write_rune(struct buf *out, uint32_t rune)
{
        unsigned char bytes[4];
        size_t n = 0;
        if (rune >= 0x10000) {
                bytes[n++] = (unsigned char)(0xf0 | rune >> 18);
                bytes[n++] = (unsigned char)(0x80 | (rune >> 12 & 0x3f));
        } else if (rune >= 0x800) {
                bytes[n++] = (unsigned char)(0xe0 | rune >> 12);
        } else {
                bytes[n++] = (unsigned char)(0xc0 | rune >> 6);
        }
        if (rune >= 0x800)
                bytes[n++] = (unsigned char)(0x80 | (rune >> 6 & 0x3f));
        bytes[n++] = (unsigned char)(0x80 | (rune & 0x3f));
        for (size_t i = 0; i < n; i++)
                write_byte(out, bytes[i]);
}

static void write_counts(struct buf *out, int min, int max)
{
        min = min > APPROXIMATION_COUNT_MAX ? APPROXIMATION_COUNT_MAX : min;
        max = max > APPROXIMATION_COUNT_MAX ? -1 : max;
        if (max < 0 && min <= 1)
                buf_putc(out, min ? '+' : '*');
        else if (max < 0)
                buf_printf(out, "{%d,}", min);
        else if (min == 0 && max == 1)
                buf_putc(out, '?');
        else if (min != 1 || max != 1)
                buf_printf(out, "{%d,%d}", min, max);
}

/* A character, min..max times (max -1: unlimited). */
static void write_set(struct writer *writer, const struct syntax_set *given, int min, int max)
{
        struct syntax_set set = *given;
        for (size_t i = 0; i < set.rune_count; i++) {
                if (set.runes[i] == RUNE_ERROR || (set.runes[i] >= 0xd800 && set.runes[i] <= 0xdfff))
                        set.wide = true;
        }
        struct buf *out = writer->out;
        if (set.wide) {
                write_bytes(out, &set);
                write_counts(out, min, max < 0 ? -1 : 4 * max);
                return;
        }
        if (set.rune_count == 0) {
                if (!write_bytes(out, &set))
                        buf_puts(out, "\\x0a"); /* matches no line */
                write_counts(out, min, max);
                return;
        }
        buf_puts(out, "(?:");
        bool any = write_bytes(out, &set);
        for (size_t i = 0; i < set.rune_count; i++) {
                if (any || i > 0)
                        buf_putc(out, '|');
                write_rune(out, set.runes[i]);
        }
        buf_putc(out, ')');
        write_counts(out, min, max);
}

/* Recursion is bounded by SYNTAX_HEIGHT_MAX. False when the pattern is too large. */
static bool write_node(struct writer *writer, const struct syntax_node *node, size_t copies)
{
        struct buf *out = writer->out;
        switch (node->op) {
        case SYNTAX_EMPTY:
                return true;
        case SYNTAX_CHARACTER:
                write_set(writer, &node->set, 1, 1);
                writer->positions += copies;
                return writer->positions <= APPROXIMATION_POSITIONS_MAX;
        case SYNTAX_BEGIN:
                buf_putc(out, '^');
                return true;
        case SYNTAX_END:
                buf_puts(out, writer->drop_end ? "" : "\\x0d?$");
                return true;
        case SYNTAX_WORD_BOUNDARY:
                buf_puts(out, "\\b");
                return true;
        case SYNTAX_NOT_WORD_BOUNDARY:
                buf_puts(out, "\\B");
                return true;
        case SYNTAX_CONCAT:
        case SYNTAX_CAPTURE:
                for (const struct syntax_node *child = node->child; child; child = child->next) {
                        if (!write_node(writer, child, copies))
                                return false;
                }
                return true;
        case SYNTAX_ALTERNATE:
                buf_puts(out, "(?:");
                for (const struct syntax_node *child = node->child; child; child = child->next) {
                        if (!write_node(writer, child, copies))
                                return false;
                        buf_puts(out, child->next ? "|" : ")");
                }
                return true;
        case SYNTAX_REPEAT:
                break;
        }
        if (node->max == 0)
                return true;
        if (node->child->op == SYNTAX_CHARACTER) {
                write_set(writer, &node->child->set, node->min, node->max);
                writer->positions += copies * APPROXIMATION_COUNT_MAX / 4;
                return writer->positions <= APPROXIMATION_POSITIONS_MAX;
        }
        int count = node->max > node->min ? node->max : node->min;
        count = count > APPROXIMATION_COUNT_MAX ? APPROXIMATION_COUNT_MAX : count < 1 ? 1 : count;
        buf_puts(out, "(?:");
        if (!write_node(writer, node->child, copies * (size_t)count))
                return false;
        buf_putc(out, ')');
        write_counts(out, node->min, node->max);
        return true;
}

bool approximation_write(const struct syntax *syntax, struct buf *out)
{
        struct writer writer = { .out = out };
        survey(&writer, syntax->root, false);
        buf_puts(out, "(?m)");
        if (writer.high_literal)
                buf_puts(out, RE2_LATIN1_LITERALS);
        return write_node(&writer, syntax->root, 1) && !out->failed;
}

/* The one byte that a set is, or -1. */
static int single_byte(const struct syntax_node *node)
{
        const struct syntax_set *set = &node->set;
        if (node->op != SYNTAX_CHARACTER || set->wide || set->rune_count > 0)
                return -1;
        if (__builtin_popcountll(set->ascii[0]) + __builtin_popcountll(set->ascii[1]) != 1)
                return -1;
        int byte = set->ascii[0] ? __builtin_ctzll(set->ascii[0]) : 64 + __builtin_ctzll(set->ascii[1]);
        return byte == '\n' ? -1 : byte;
}

size_t approximation_literal(const struct syntax *syntax, char *ret)
{
        char run[APPROXIMATION_LITERAL_MAX];
        size_t length = 0;
        size_t longest = 0;
        const struct syntax_node *node = syntax->root;
        while (node->op == SYNTAX_CAPTURE)
                node = node->child;
        for (node = node->op == SYNTAX_CONCAT ? node->child : node; node; node = node->next) {
                int byte = single_byte(node);
                if (byte < 0 || length == sizeof(run))
                        length = 0;
                if (byte < 0)
                        continue;
                run[length++] = (char)byte;
                if (length > longest) {
                        longest = length;
                        memcpy(ret, run, length);
                }
        }
        return longest;
}
