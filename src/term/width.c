#include "term/width.h"

#include "base/encode.h"
#include "term/width_table.h"

enum { ZWJ = 0x200d, VS16 = 0xfe0f, KEYCAP = 0x20e3 };

static bool in_ranges(uint32_t code_point, const struct range *ranges, size_t count)
{
        size_t low = 0;
        while (low < count) {
                size_t middle = (low + count) / 2;
                if (code_point > ranges[middle].last)
                        low = middle + 1;
                else if (code_point < ranges[middle].first)
                        count = middle;
                else
                        return true;
        }
        return false;
}

static bool is_zero(uint32_t c)
{
        return c >= 0x300 && in_ranges(c, zero_ranges, sizeof(zero_ranges) / sizeof(zero_ranges[0]));
}

static bool is_wide(uint32_t c)
{
        return c >= 0x1100 && in_ranges(c, wide_ranges, sizeof(wide_ranges) / sizeof(wide_ranges[0]));
}

static bool is_flag_half(uint32_t c)
{
        return c >= 0x1f1e6 && c <= 0x1f1ff;
}

static bool is_skin(uint32_t c)
{
        return c >= 0x1f3fb && c <= 0x1f3ff;
}

/* Pictures begin here; a joiner between letters joins nothing that is drawn as one. */
static bool is_picture(uint32_t c)
{
        return c >= 0x1f000 || (c >= 0x2190 && c < 0x3300);
}

/* Length of an SGR sequence at the front, 0 for none. */
static size_t sgr_length(struct sv text)
{
        size_t i = 2;
        if (text.n < 3 || text.p[0] != '\x1b' || text.p[1] != '[')
                return 0;
        while (i < text.n && ((text.p[i] >= '0' && text.p[i] <= '9') || text.p[i] == ';' || text.p[i] == ':'))
                i++;
        return i < text.n && text.p[i] == 'm' ? i + 1 : 0;
}

size_t term_cluster(struct sv text, size_t *ret_columns)
{
        uint32_t first, next;
        size_t sgr = sgr_length(text);
        if (sgr) {
                *ret_columns = 0;
                return sgr;
        }
        size_t n = utf8_decode(text, &first);
        if (!n || utf8_is_control(first)) {
                *ret_columns = 1;
                return n ? n : 1;
        }
        size_t columns = is_zero(first) ? 0 : is_wide(first) ? 2 : 1;
        bool flag = is_flag_half(first);
        bool joined = false;
        while (n < text.n) {
                size_t more = utf8_decode(sv_n(text.p + n, text.n - n), &next);
                if (!more || utf8_is_control(next))
                        break;
                if (joined && is_picture(next)) {
                        joined = false;
                } else if (flag && is_flag_half(next)) {
                        flag = false;
                        columns = 2;
                } else if (next == VS16 && (is_picture(first) || first < 0x80 || first == 0xa9 || first == 0xae)) {
                        columns = columns ? 2 : 0;
                } else if (is_skin(next) && is_picture(first)) {
                        columns = 2;
                } else if (next == ZWJ && is_picture(first)) {
                        joined = true;
                } else if (!is_zero(next)) {
                        break;
                }
                n += more;
        }
        *ret_columns = columns;
        return n;
}

size_t term_width(struct sv text)
{
        size_t width = 0, columns;
        while (text.n) {
                size_t n = term_cluster(text, &columns);
                width += columns;
                text = sv_n(text.p + n, text.n - n);
        }
        return width;
}

size_t term_truncate(struct buf *out, struct sv text, size_t width, bool utf8)
{
        size_t full = term_width(text);
        if (full <= width) {
                buf_append(out, text.p, text.n);
                return full;
        }
        size_t used = 0, columns;
        bool styled = false;
        while (text.n) {
                size_t n = term_cluster(text, &columns);
                if (used + columns + 1 > width)
                        break;
                if (text.p[0] == '\x1b' && columns == 0)
                        styled = n > 4 || (n == 4 && text.p[2] != '0');
                buf_append(out, text.p, n);
                used += columns;
                text = sv_n(text.p + n, text.n - n);
        }
        if (used < width) {
                buf_puts(out, utf8 ? "\u2026" : "~");
                used++;
        }
        if (styled)
                buf_puts(out, "\x1b[0m");
        return used;
}

bool term_wrap(struct sv *rest, size_t width, struct sv *ret_line)
{
        size_t used = 0, columns, i = 0, space = 0;
        while (rest->n && rest->p[0] == ' ')
                *rest = sv_n(rest->p + 1, rest->n - 1);
        if (!rest->n)
                return false;
        while (i < rest->n) {
                size_t n = term_cluster(sv_n(rest->p + i, rest->n - i), &columns);
                if (rest->p[i] == ' ')
                        space = i;
                if (used + columns > width && i)
                        break;
                used += columns;
                i += n;
        }
        if (i < rest->n && space)
                i = space;
        *ret_line = sv_n(rest->p, i);
        *rest = sv_n(rest->p + i, rest->n - i);
        while (ret_line->n && ret_line->p[ret_line->n - 1] == ' ')
                ret_line->n--;
        return true;
}
