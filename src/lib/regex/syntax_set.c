#include "lib/regex/syntax.h"

#define KELVIN_SIGN 0x212aU /* folds to k */
#define LONG_S 0x17fU       /* folds to s */

void syntax_set_add_wide(struct syntax_set *set)
{
        set->wide = true;
        set->rune_count = 0;
}

static void add_ascii(struct syntax_set *set, uint32_t c)
{
        set->ascii[c >> 6] |= UINT64_C(1) << (c & 63);
}

static void add_rune(struct syntax_set *set, uint32_t rune)
{
        if (set->wide)
                return;
        for (size_t i = 0; i < set->rune_count; i++) {
                if (set->runes[i] == rune)
                        return;
        }
        if (set->rune_count == SYNTAX_SET_RUNES)
                syntax_set_add_wide(set);
        else
                set->runes[set->rune_count++] = rune;
}

static void add_folded_ascii(struct syntax_set *set, uint32_t c)
{
        add_ascii(set, c);
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
                add_ascii(set, c ^ 0x20);
        if ((c | 0x20) == 'k')
                add_rune(set, KELVIN_SIGN);
        if ((c | 0x20) == 's')
                add_rune(set, LONG_S);
}

void syntax_set_add(struct syntax_set *set, uint32_t low, uint32_t high, bool fold)
{
        uint32_t c = low;
        for (; c <= high && c < 0x80; c++) {
                if (fold)
                        add_folded_ascii(set, c);
                else
                        add_ascii(set, c);
        }
        if (c > high)
                return;
        /* K and long s are the only characters beyond ASCII that fold into it (Unicode CaseFolding.txt, status C and
         * S). */
        if (fold && c <= KELVIN_SIGN && KELVIN_SIGN <= high)
                add_folded_ascii(set, 'k');
        if (fold && c <= LONG_S && LONG_S <= high)
                add_folded_ascii(set, 's');
        if (fold || high - c >= SYNTAX_SET_RUNES) {
                syntax_set_add_wide(set);
                return;
        }
        for (; c <= high; c++)
                add_rune(set, c);
}

void syntax_set_negate(struct syntax_set *set)
{
        for (size_t i = 0; i < 2; i++)
                set->ascii[i] = set->inexact ? UINT64_MAX : ~set->ascii[i];
        syntax_set_add_wide(set);
}

bool syntax_set_named(struct syntax_set *set, struct sv name, bool fold)
{
        static const struct {
                const char *name;
                const char *ranges; /* pairs of low and high */
        } classes[] = {
                { "alnum", "09AZaz" },
                { "alpha", "AZaz" },
                { "blank", "\t\t  " },
                { "digit", "09" },
                { "graph", "!~" },
                { "lower", "az" },
                { "perl-space", "\t\n\f\r  " }, /* \s has no vertical tab */
                { "print", " ~" },
                { "punct", "!/:@[`{~" },
                { "space", "\t\r  " },
                { "upper", "AZ" },
                { "word", "09AZaz__" },
                { "xdigit", "09AFaf" },
        };
        if (sv_eq(name, SV("ascii"))) {
                syntax_set_add(set, 0, 0x7f, fold);
                return true;
        }
        if (sv_eq(name, SV("cntrl"))) {
                syntax_set_add(set, 0, 0x1f, fold);
                syntax_set_add(set, 0x7f, 0x7f, fold);
                return true;
        }
        for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
                if (!sv_eq(name, sv_of(classes[i].name)))
                        continue;
                for (const char *range = classes[i].ranges; *range; range += 2)
                        syntax_set_add(set, (unsigned char)range[0], (unsigned char)range[1], fold);
                return true;
        }
        return false;
}
