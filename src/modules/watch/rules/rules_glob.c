/* Shell patterns to regular expressions: backtracking over a hostile argument of 128 KB would take quadratic time. */
#include "modules/watch/rules/rules_internal.h"

#include "base/buf.h"

static void put_literal(struct buf *out, char c)
{
        if (c > 0 && strchr("\\.+*?()|[]{}^$", c))
                buf_putc(out, '\\');
        buf_putc(out, c);
}

/* Where the class that begins at i ends (its ']'), or n. */
static size_t class_end(struct sv glob, size_t i)
{
        i++;
        i += i < glob.n && (glob.p[i] == '!' || glob.p[i] == '^');
        for (size_t first = i; i < glob.n && (glob.p[i] != ']' || i == first);)
                i++;
        return i;
}

static void put_class(struct buf *out, struct sv inside)
{
        bool negated = inside.p[0] == '!' || inside.p[0] == '^';
        buf_puts(out, negated ? "[^/" : "[");
        for (size_t i = negated; i < inside.n; i++) {
                bool range = inside.p[i] == '-' && i > negated && i + 1 < inside.n;
                if (!range && inside.p[i] > 0 && strchr("\\[]^-", inside.p[i]))
                        buf_putc(out, '\\');
                buf_putc(out, inside.p[i]);
        }
        buf_putc(out, ']');
}

void rules_glob_pattern(struct sv glob, struct buf *out)
{
        buf_puts(out, "(?s)^");
        for (size_t i = 0; i < glob.n; i++) {
                char c = glob.p[i];
                size_t end;
                if (c == '*' && i + 1 < glob.n && glob.p[i + 1] == '*') {
                        buf_puts(out, ".*");
                        i++;
                } else if (c == '*') {
                        buf_puts(out, "[^/]*");
                } else if (c == '?') {
                        buf_puts(out, "[^/]");
                } else if (c == '[' && (end = class_end(glob, i)) < glob.n) {
                        put_class(out, sv_n(glob.p + i + 1, end - i - 1));
                        i = end;
                } else {
                        i += c == '\\' && i + 1 < glob.n;
                        put_literal(out, glob.p[i]);
                }
        }
        buf_puts(out, "$");
}
