#include "lib/pkgdb/evr.h"

#include "lib/pkgdb/evr_apk.h"

static bool is_digit(char c)
{
        return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static void drop(struct sv *text, size_t count)
{
        text->p += count;
        text->n -= count;
}

static int sign(long value)
{
        return value < 0 ? -1 : value > 0;
}

/* Takes the leading run of digits (or letters) off. */
static struct sv take_run(struct sv *text, bool digits)
{
        size_t length = 0;
        while (length < text->n && (digits ? is_digit(text->p[length]) : is_letter(text->p[length])))
                length++;
        struct sv run = sv_n(text->p, length);
        drop(text, length);
        return run;
}

/* Numbers of any length. */
static int compare_digits(struct sv a, struct sv b)
{
        while (a.n > 0 && a.p[0] == '0')
                drop(&a, 1);
        while (b.n > 0 && b.p[0] == '0')
                drop(&b, 1);
        if (a.n != b.n)
                return a.n < b.n ? -1 : 1;
        return a.n ? sign(memcmp(a.p, b.p, a.n)) : 0;
}

static int compare_text(struct sv a, struct sv b)
{
        size_t common = a.n < b.n ? a.n : b.n;
        int order = common ? memcmp(a.p, b.p, common) : 0;
        if (order)
                return sign(order);
        return a.n < b.n ? -1 : a.n > b.n;
}

static bool starts(struct sv text, char c)
{
        return text.n > 0 && text.p[0] == c;
}

static void skip_separators(struct sv *text, bool marks)
{
        while (text->n > 0 && !is_digit(text->p[0]) && !is_letter(text->p[0]) &&
                !(marks && (text->p[0] == '~' || text->p[0] == '^')))
                drop(text, 1);
}

/* '~' sorts before everything, even the end; '^' after the end but before anything else. 2: go on behind both marks. */
static int compare_marks(struct sv *a, struct sv *b)
{
        if (starts(*a, '~') || starts(*b, '~')) {
                if (!starts(*a, '~') || !starts(*b, '~'))
                        return starts(*a, '~') ? -1 : 1;
        } else if (starts(*a, '^') || starts(*b, '^')) {
                if (a->n == 0 || b->n == 0)
                        return a->n == 0 ? -1 : 1;
                if (!starts(*a, '^') || !starts(*b, '^'))
                        return starts(*a, '^') ? -1 : 1;
        } else {
                return 0;
        }
        drop(a, 1);
        drop(b, 1);
        return 2;
}

static int compare_segments(struct sv a, struct sv b, bool marks)
{
        while (marks ? a.n > 0 || b.n > 0 : a.n > 0 && b.n > 0) {
                size_t before_a = a.n;
                size_t before_b = b.n;
                skip_separators(&a, marks);
                skip_separators(&b, marks);
                int mark = marks ? compare_marks(&a, &b) : 0;
                if (mark == 2)
                        continue;
                if (mark)
                        return mark;
                if (a.n == 0 || b.n == 0)
                        break;
                if (!marks && before_a - a.n != before_b - b.n) /* vercmp(8): more separators are newer */
                        return before_a - a.n < before_b - b.n ? -1 : 1;
                bool digits = is_digit(a.p[0]);
                struct sv x = take_run(&a, digits);
                struct sv y = take_run(&b, digits);
                if (y.n == 0) /* a number is newer than a word */
                        return digits ? 1 : -1;
                int order = digits ? compare_digits(x, y) : compare_text(x, y);
                if (order)
                        return order;
        }
        if (a.n == 0 && b.n == 0)
                return 0;
        if (marks)
                return a.n == 0 ? -1 : 1;
        /* vercmp(8): a remaining word is older ("1.0rc" < "1.0"), a remaining number newer */
        if (a.n == 0)
                return is_letter(b.p[0]) ? 1 : -1;
        return is_letter(a.p[0]) ? -1 : 1;
}

int evr_rpmvercmp(struct sv a, struct sv b)
{
        return compare_segments(a, b, true);
}

struct evr {
        struct sv epoch, version, release;
        bool has_release;
};

/* The epoch is digits before the first colon, the release what stands behind the last hyphen. */
static struct evr split(struct sv text)
{
        struct evr evr = { .epoch = SV(""), .release = SV("") };
        struct sv rest = text;
        struct sv digits = take_run(&rest, true);
        if (starts(rest, ':')) {
                evr.epoch = digits;
                text = sv_n(rest.p + 1, rest.n - 1);
        }
        evr.version = text;
        for (size_t i = text.n; i > 0; i--)
                if (text.p[i - 1] == '-') {
                        evr.version = sv_n(text.p, i - 1);
                        evr.release = sv_n(text.p + i, text.n - i);
                        evr.has_release = true;
                        break;
                }
        return evr;
}

static int compare_rpm(struct sv a, struct sv b)
{
        struct evr x = split(a);
        struct evr y = split(b);
        int order = compare_digits(x.epoch, y.epoch);
        if (!order)
                order = evr_rpmvercmp(x.version, y.version);
        if (!order && x.has_release && y.has_release)
                return evr_rpmvercmp(x.release, y.release);
        return order ? order : (int)x.has_release - (int)y.has_release;
}

static int compare_pacman(struct sv a, struct sv b)
{
        struct evr x = split(a);
        struct evr y = split(b);
        int order = compare_digits(x.epoch, y.epoch);
        if (!order)
                order = compare_segments(x.version, y.version, false);
        if (!order && x.has_release && y.has_release)
                order = compare_segments(x.release, y.release, false);
        return order;
}

/* deb-version(7): '~' before the end, the end before letters, letters before everything else. */
static int dpkg_weight(struct sv text)
{
        if (text.n == 0 || is_digit(text.p[0]))
                return 0;
        if (text.p[0] == '~')
                return -1;
        return is_letter(text.p[0]) ? (uint8_t)text.p[0] : (uint8_t)text.p[0] + 256;
}

static int compare_dpkg_part(struct sv a, struct sv b)
{
        while (a.n > 0 || b.n > 0) {
                while ((a.n > 0 && !is_digit(a.p[0])) || (b.n > 0 && !is_digit(b.p[0]))) {
                        int x = dpkg_weight(a);
                        int y = dpkg_weight(b);
                        if (x != y)
                                return x < y ? -1 : 1;
                        drop(&a, a.n > 0);
                        drop(&b, b.n > 0);
                }
                struct sv x = take_run(&a, true);
                struct sv y = take_run(&b, true);
                int order = compare_digits(x, y);
                if (order)
                        return order;
        }
        return 0;
}

static int compare_dpkg(struct sv a, struct sv b)
{
        struct evr x = split(a);
        struct evr y = split(b);
        int order = compare_digits(x.epoch, y.epoch);
        if (!order)
                order = compare_dpkg_part(x.version, y.version);
        return order ? order : compare_dpkg_part(x.release, y.release);
}

int evr_compare(enum evr_order order, struct sv a, struct sv b)
{
        switch (order) {
        case EVR_DPKG:
                return compare_dpkg(a, b);
        case EVR_APK:
                return evr_apk_compare(a, b);
        case EVR_PACMAN:
                return compare_pacman(a, b);
        case EVR_RPM:
        case EVR_SCRIBE:
                break;
        }
        return compare_rpm(a, b);
}

bool evr_order_of_type(struct sv type, enum evr_order *ret)
{
        static const struct {
                const char *type;
                enum evr_order order;
        } orders[] = { { "dpkg", EVR_DPKG }, { "rpm", EVR_RPM }, { "apk", EVR_APK }, { "pacman", EVR_PACMAN } };
        for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++)
                if (sv_eq(type, sv_of(orders[i].type))) {
                        *ret = orders[i].order;
                        return true;
                }
        return false;
}
