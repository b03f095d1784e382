/* apk's versions: number{.number}[letter]{_suffix[number]}[~hash][-rnumber] (apk-package(5)). Two versions are compared
 * token by token; where one has a token that the other lacks, the kind of token decides. */
#include "lib/pkgdb/evr_apk.h"

enum kind { /* in the order in which they may follow each other */
        FIRST_NUMBER,
        NUMBER,
        LETTER,
        SUFFIX,
        SUFFIX_NUMBER,
        HASH,
        REVISION,
        END,
        INVALID,
};

struct token {
        enum kind kind;
        struct sv text; /* digits, letter, hash */
        int suffix;     /* negative: before the release ("_rc"), positive: after it ("_p") */
};

static bool is_digit(char c)
{
        return c >= '0' && c <= '9';
}

static bool is_hex(char c)
{
        return is_digit(c) || (c >= 'a' && c <= 'f');
}

static struct sv take(struct sv *rest, size_t count)
{
        struct sv taken = sv_n(rest->p, count);
        rest->p += count;
        rest->n -= count;
        return taken;
}

static struct sv take_while(struct sv *rest, bool (*wanted)(char))
{
        size_t length = 0;
        while (length < rest->n && wanted(rest->p[length]))
                length++;
        return take(rest, length);
}

static bool is_lower(char c)
{
        return c >= 'a' && c <= 'z';
}

static void suffix_token(struct sv *rest, struct token *token)
{
        static const struct {
                const char *name;
                int order;
        } suffixes[] = { { "alpha", -4 }, { "beta", -3 }, { "pre", -2 }, { "rc", -1 }, { "cvs", 1 }, { "svn", 2 },
                { "git", 3 }, { "hg", 4 }, { "p", 5 } };
        struct sv name = take_while(rest, is_lower);
        token->kind = INVALID;
        token->text = name;
        for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++)
                if (sv_eq(name, sv_of(suffixes[i].name))) {
                        token->kind = SUFFIX;
                        token->suffix = suffixes[i].order;
                }
}

/* Missing digits count as 0, as in apk 2; evr_apk_valid refuses them. */
static void number_token(struct sv *rest, enum kind kind, struct token *token)
{
        token->text = take_while(rest, is_digit);
        token->kind = kind;
}

/* Replaces *token by the one that follows it. */
static void next_token(struct sv *rest, struct token *token)
{
        enum kind last = token->kind;
        *token = (struct token){ .kind = INVALID, .text = SV("") };
        if (rest->n == 0) {
                token->kind = END;
                return;
        }
        char c = rest->p[0];
        if (is_digit(c) && (last == SUFFIX || last == LETTER)) { /* "1.2p1": the letter's number, as apk 2 */
                number_token(rest, last == SUFFIX ? SUFFIX_NUMBER : NUMBER, token);
        } else if (is_lower(c) && last <= NUMBER) {
                token->text = take(rest, 1);
                token->kind = LETTER;
        } else if (c == '.' && last <= LETTER) {
                take(rest, 1);
                number_token(rest, NUMBER, token);
        } else if (c == '_' && last <= SUFFIX_NUMBER) {
                take(rest, 1);
                suffix_token(rest, token);
        } else if (c == '~' && last < HASH) {
                take(rest, 1);
                token->text = take_while(rest, is_hex);
                token->kind = token->text.n > 0 ? HASH : INVALID;
        } else if (c == '-' && last < REVISION && rest->n > 1 && rest->p[1] == 'r') {
                take(rest, 2);
                number_token(rest, REVISION, token);
        }
}

static void first_token(struct sv *rest, struct token *token)
{
        token->suffix = 0;
        number_token(rest, FIRST_NUMBER, token);
}

static int sign(int value)
{
        return value < 0 ? -1 : value > 0;
}

static int compare_text(struct sv a, struct sv b)
{
        size_t common = a.n < b.n ? a.n : b.n;
        int order = common ? memcmp(a.p, b.p, common) : 0;
        return order ? sign(order) : a.n < b.n ? -1 : a.n > b.n;
}

static int compare_numbers(struct sv a, struct sv b)
{
        while (a.n > 0 && a.p[0] == '0')
                take(&a, 1);
        while (b.n > 0 && b.p[0] == '0')
                take(&b, 1);
        if (a.n != b.n)
                return a.n < b.n ? -1 : 1;
        return compare_text(a, b);
}

/* Both tokens are of one kind. A later number with a leading zero is a fraction: 1.01 < 1.1. */
static int compare_tokens(const struct token *a, const struct token *b)
{
        switch (a->kind) {
        case NUMBER:
                if ((a->text.n && a->text.p[0] == '0') || (b->text.n && b->text.p[0] == '0'))
                        return compare_text(a->text, b->text);
                return compare_numbers(a->text, b->text);
        case FIRST_NUMBER:
        case SUFFIX_NUMBER:
        case REVISION:
                return compare_numbers(a->text, b->text);
        case SUFFIX:
                return sign(a->suffix - b->suffix);
        default:
                return compare_text(a->text, b->text);
        }
}

int evr_apk_compare(struct sv a, struct sv b)
{
        struct token x, y;
        first_token(&a, &x);
        first_token(&b, &y);
        while (x.kind == y.kind && x.kind < END) {
                int order = compare_tokens(&x, &y);
                if (order)
                        return order;
                next_token(&a, &x);
                next_token(&b, &y);
        }
        if (x.kind == y.kind)
                return 0;
        if (x.kind == SUFFIX && x.suffix < 0)
                return -1;
        if (y.kind == SUFFIX && y.suffix < 0)
                return 1;
        return x.kind > y.kind ? -1 : 1;
}

bool evr_apk_valid(struct sv version)
{
        struct token token;
        for (first_token(&version, &token); token.kind < END; next_token(&version, &token)) {
                bool number = token.kind == FIRST_NUMBER || token.kind == NUMBER || token.kind == REVISION;
                bool letter_number =
                        token.kind == LETTER && version.n > 0 && (is_digit(version.p[0]) || version.p[0] == '.');
                if ((number && token.text.n == 0) || letter_number)
                        return false;
        }
        return token.kind == END;
}
