#include "tui/model/scan.h"

#include "base/encode.h"

static void skip_space(struct scan *scan)
{
        while (scan->p < scan->end &&
                (*scan->p == ' ' || *scan->p == '\n' || *scan->p == '\t' || *scan->p == '\r' || *scan->p == ','))
                scan->p++;
}

static bool step_into(struct scan *scan, char opener)
{
        skip_space(scan);
        if (scan->failed || scan->p >= scan->end || *scan->p != opener)
                return false;
        scan->p++;
        return true;
}

bool scan_object(struct scan *scan)
{
        return step_into(scan, '{');
}

bool scan_array(struct scan *scan)
{
        return step_into(scan, '[');
}

/* From the quote on to behind the closing one; the text between them. */
static struct sv take_string(struct scan *scan)
{
        const char *begin = ++scan->p;
        while (scan->p < scan->end && *scan->p != '"')
                scan->p += *scan->p == '\\' ? 2 : 1;
        if (scan->p >= scan->end) {
                scan->failed = true;
                scan->p = scan->end;
                return sv_n(begin, 0);
        }
        return sv_n(begin, (size_t)(scan->p++ - begin));
}

static bool at_end(struct scan *scan, char closer)
{
        skip_space(scan);
        if (scan->failed || scan->p >= scan->end) {
                scan->failed = true;
                return true;
        }
        if (*scan->p != closer)
                return false;
        scan->p++;
        return true;
}

bool scan_member(struct scan *scan, struct sv *ret_key)
{
        if (at_end(scan, '}'))
                return false;
        if (*scan->p != '"') {
                scan->failed = true;
                return false;
        }
        struct sv key = take_string(scan);
        skip_space(scan);
        if (scan->p >= scan->end || *scan->p != ':')
                scan->failed = true;
        if (scan->failed)
                return false;
        scan->p++;
        *ret_key = key;
        return true;
}

bool scan_item(struct scan *scan)
{
        return !at_end(scan, ']');
}

static void take_nested(struct scan *scan)
{
        char closers[SCAN_DEPTH_MAX];
        size_t depth = 0;
        do {
                char c = *scan->p;
                if (c == '"') {
                        take_string(scan);
                        continue;
                }
                scan->p++;
                if (c == '{' || c == '[') {
                        if (depth == SCAN_DEPTH_MAX) {
                                scan->failed = true;
                                return;
                        }
                        closers[depth++] = c == '{' ? '}' : ']';
                } else if ((c == '}' || c == ']') && c != closers[--depth]) {
                        scan->failed = true;
                }
        } while (!scan->failed && depth && scan->p < scan->end);
        if (depth)
                scan->failed = true;
}

struct sv scan_value(struct scan *scan)
{
        skip_space(scan);
        const char *begin = scan->p;
        if (scan->failed || begin >= scan->end) {
                scan->failed = true;
                return sv_n("", 0);
        }
        if (*begin == '"')
                take_string(scan);
        else if (*begin == '{' || *begin == '[')
                take_nested(scan);
        else
                while (scan->p < scan->end && !strchr(",]} \t\r\n", *scan->p))
                        scan->p++;
        if (scan->p == begin)
                scan->failed = true;
        return scan->failed ? sv_n("", 0) : sv_n(begin, (size_t)(scan->p - begin));
}

static bool take_unit(struct sv *text, uint32_t *ret)
{
        uint64_t unit;
        if (text->n < 4 || !sv_parse_u64(sv_n(text->p, 4), 16, &unit))
                return false;
        *text = sv_n(text->p + 4, text->n - 4);
        *ret = (uint32_t)unit;
        return true;
}

static size_t encode(uint32_t letter, char *ret)
{
        if (letter < 0x80) {
                ret[0] = (char)letter;
                return 1;
        }
        size_t length = letter < 0x800 ? 2 : letter < 0x10000 ? 3 : 4;
        static const unsigned char marks[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
        for (size_t i = length; i-- > 1; letter >>= 6)
                ret[i] = (char)(0x80 | (letter & 0x3f));
        ret[0] = (char)(marks[length] | letter);
        return length;
}

/* Behind a backslash (RFC 8259 §7): the letter's bytes; a half surrogate is U+FFFD. */
static size_t take_escape(struct sv *text, char *ret)
{
        static const char names[] = "bfnrt";
        static const char letters[] = "\b\f\n\r\t";
        char name = text->p[0];
        *text = sv_n(text->p + 1, text->n - 1);
        const char *found = strchr(names, name);
        if (name && found) {
                ret[0] = letters[found - names];
                return 1;
        }
        uint32_t high = 0xfffd;
        uint32_t low;
        if (name != 'u') {
                ret[0] = name;
                return 1;
        }
        if (!take_unit(text, &high) || high == 0)
                return encode(0xfffd, ret);
        if (high < 0xd800 || high > 0xdfff)
                return encode(high, ret);
        struct sv rest = text->n > 2 ? sv_n(text->p + 2, text->n - 2) : sv_n("", 0);
        if (high < 0xdc00 && text->n > 2 && text->p[0] == '\\' && text->p[1] == 'u' && take_unit(&rest, &low) &&
                low >= 0xdc00 && low <= 0xdfff) {
                *text = rest;
                return encode(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00), ret);
        }
        return encode(0xfffd, ret);
}

size_t scan_text(struct sv value, char *ret, size_t size)
{
        size_t length = 0;
        bool string = value.n >= 2 && value.p[0] == '"';
        struct sv rest = string ? sv_n(value.p + 1, value.n - 2) : value;
        while (rest.n) {
                char letter[4] = { 0 };
                size_t took = 1;
                if (string && rest.p[0] == '\\' && rest.n > 1) {
                        rest = sv_n(rest.p + 1, rest.n - 1);
                        took = take_escape(&rest, letter);
                } else {
                        uint32_t ignored;
                        size_t known = (unsigned char)rest.p[0] < 0x80 ? 1 : utf8_decode(rest, &ignored);
                        took = known ? known : 1;
                        memcpy(letter, rest.p, took);
                        rest = sv_n(rest.p + took, rest.n - took);
                }
                if (length + took >= size)
                        break;
                memcpy(ret + length, letter, took);
                length += took;
        }
        ret[length] = '\0';
        return length;
}

/* Not strtod(3): that follows the locale's decimal point. Seventeen digits and a power of ten are more than a screen
 * shows. */
bool scan_number(struct sv value, double *ret)
{
        const char *p = value.p;
        const char *end = p + value.n;
        bool negative = p < end && *p == '-';
        double number = 0;
        int power = 0;
        bool digits = false;
        p += negative;
        for (; p < end && *p >= '0' && *p <= '9'; p++, digits = true)
                number = number * 10 + (*p - '0');
        if (p < end && *p == '.')
                for (p++; p < end && *p >= '0' && *p <= '9'; p++, power--)
                        number = number * 10 + (*p - '0');
        if (digits && p < end && (*p == 'e' || *p == 'E')) {
                bool down = ++p < end && *p == '-';
                int exponent = 0;
                p += p < end && (*p == '-' || *p == '+');
                for (; p < end && *p >= '0' && *p <= '9'; p++)
                        exponent = exponent < 400 ? exponent * 10 + (*p - '0') : exponent;
                power += down ? -exponent : exponent;
        }
        if (!digits || p != end)
                return false;
        double scale = 1;
        for (int left = power < 0 ? -power : power; left > 0 && scale < 1e300; left--)
                scale *= 10;
        number = power < 0 ? number / scale : number * scale;
        *ret = negative ? -number : number;
        return true;
}

struct sv scan_find(struct sv value, const char *key)
{
        struct scan scan = scan_of(value);
        struct sv wanted = sv_of(key);
        struct sv name;
        if (!scan_object(&scan))
                return sv_n("", 0);
        while (scan_member(&scan, &name)) {
                struct sv text = scan_value(&scan);
                if (!scan.failed && sv_eq(name, wanted))
                        return text;
        }
        return sv_n("", 0);
}
