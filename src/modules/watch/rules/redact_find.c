/* Secrets in a text. A table names the bytes at which one can be recognised; everything else is passed over. */
#include "modules/watch/rules/redact_internal.h"

#include <ctype.h>

static const bool triggers[256] = { ['='] = true, [':'] = true, ['-'] = true, ['.'] = true, ['_'] = true };

struct finder {
        struct sv text;
        size_t from;
        bool argument;
};

static bool is_name(char c)
{
        return isalnum((unsigned char)c) || c == '_' || c == '-' || c == '.';
}

static bool is_space(char c)
{
        return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_quote(char c)
{
        return c == '"' || c == '\'';
}

/* A-Z a-z 0-9 - _ : base64url, and most tokens */
static bool is_token(char c)
{
        return isalnum((unsigned char)c) || c == '_' || c == '-';
}

/* Nothing that could be a secret: empty, a switch's value, a variable that the shell fills in, redacted already. */
static bool is_harmless(struct sv value, bool argument)
{
        static const char *const words[] = { "", "true", "false", "yes", "no", "on", "off", "none", "null", "prompt",
                "stdin", "-", REDACTED, NULL };
        for (size_t i = 0; words[i]; i++)
                if (sv_eq(value, sv_of(words[i])))
                        return true;
        if (argument || value.p[0] != '$' || value.n < 2)
                return value.p[0] == '`' && !argument;
        if (value.p[1] == '(')
                return true;
        size_t i = 1 + (value.p[1] == '{');
        while (i < value.n && (isalnum((unsigned char)value.p[i]) || value.p[i] == '_'))
                i++;
        return i >= value.n || value.p[i] == '}' || value.p[i] == ':';
}

static bool take(const struct finder *finder, size_t start, size_t end, bool argument, struct span *ret)
{
        if (start >= end || start < finder->from || is_harmless(sv_n(finder->text.p + start, end - start), argument))
                return false;
        *ret = (struct span){ start, end };
        return true;
}

/* Where a value that begins at `at` ends: at its quote (\" inside of another text's quotes too), or at what ends a word
 * of a shell, a query or a list. */
static size_t value_end(struct sv text, size_t *at, bool comma)
{
        size_t i = *at;
        bool escaped = i + 1 < text.n && text.p[i] == '\\' && is_quote(text.p[i + 1]);
        i += escaped;
        if (i < text.n && is_quote(text.p[i])) {
                char quote = text.p[i];
                *at = ++i;
                while (i < text.n && text.p[i] != quote)
                        i += 1 + (!escaped && text.p[i] == '\\');
                return i < text.n ? i - (escaped && i > *at) : text.n;
        }
        while (i < text.n && !is_space(text.p[i]) && !is_quote(text.p[i]) && !strchr("&;|)<>", text.p[i]) &&
                !(comma && text.p[i] == ','))
                i++;
        return i;
}

/* The name that ends before `at`. */
static struct sv name_before(const struct finder *finder, size_t at)
{
        size_t start = at;
        while (start && is_name(finder->text.p[start - 1]))
                start--;
        while (start < at && finder->text.p[start] == '-') /* of an option */
                start++;
        return sv_n(finder->text.p + start, at - start);
}

/* Is the name the beginning of the text, dashes left out? */
static bool is_first(const struct finder *finder, struct sv name)
{
        const char *c = finder->text.p;
        while (c < name.p && *c == '-')
                c++;
        return c == name.p;
}

/* NAME=value */
static bool at_equals(const struct finder *finder, size_t at, struct span *ret)
{
        struct sv text = finder->text;
        if (at + 1 >= text.n || text.p[at + 1] == '=')
                return false;
        struct sv name = name_before(finder, at);
        if (!redact_name(name))
                return false;
        if (finder->argument && is_first(finder, name))
                return take(finder, at + 1, text.n, true, ret);
        size_t start = at + 1;
        bool comma = name.p > text.p && name.p[-1] == ',';
        size_t end = value_end(text, &start, comma);
        return take(finder, start, end, false, ret);
}

/* user:password@ behind "://" */
static bool in_url(const struct finder *finder, size_t at, struct span *ret)
{
        enum { TOKEN_MIN = 20 }; /* a user of that length is a token */
        struct sv text = finder->text;
        size_t start = at + 3, end = start, sign = 0, colon = 0;
        for (; end < text.n && !is_space(text.p[end]) && !strchr("/?#\"'<>\\", text.p[end]); end++) {
                if (text.p[end] == '@')
                        sign = end;
                if (text.p[end] == ':' && !colon && !sign)
                        colon = end;
        }
        if (!sign)
                return false;
        if (colon)
                return take(finder, colon + 1, sign, false, ret);
        for (size_t i = start; i < sign; i++)
                if (!is_token(text.p[i]))
                        return false;
        return sign - start >= TOKEN_MIN && take(finder, start, sign, false, ret);
}

/* "Bearer " and the like stay. */
static size_t skip_scheme(struct sv text, size_t at)
{
        static const char *const schemes[] = { "Bearer ", "Basic ", "Digest ", "Token ", "Negotiate ", "NTLM ",
                "ApiKey " };
        struct sv rest = sv_n(text.p + at, text.n - at);
        for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
                size_t length = strlen(schemes[i]);
                if (rest.n > length && sv_eq_nocase(sv_n(rest.p, length), sv_of(schemes[i])))
                        return at + length;
        }
        return at;
}

/* An image's tag (my-token:v1) has neither a space, nor quotes, nor capitals. */
static bool may_be_tag(struct sv name)
{
        for (size_t i = 0; i < name.n; i++)
                if (isupper((unsigned char)name.p[i]))
                        return false;
        return true;
}

/* Name: value of a header, "name": "value" of JSON, pass:value of openssl */
static bool at_colon(const struct finder *finder, size_t at, struct span *ret)
{
        struct sv text = finder->text;
        if (at + 2 < text.n && text.p[at + 1] == '/' && text.p[at + 2] == '/')
                return in_url(finder, at, ret);
        size_t name_end = at;
        bool quoted = at && is_quote(text.p[at - 1]);
        if (quoted)
                name_end -= 1 + (at > 1 && text.p[at - 2] == '\\');
        struct sv name = name_before(finder, name_end);
        if (!redact_header(name))
                return false;
        bool first = is_first(finder, name);
        bool openssl = sv_eq(name, SV("pass")) && (first || is_space(name.p[-1]));
        size_t start = at + 1;
        while (start < text.n && text.p[start] == ' ')
                start++;
        if (start == at + 1 && !quoted && !openssl && may_be_tag(name))
                return false;
        if (finder->argument && first && !quoted)
                return take(finder, skip_scheme(text, start), text.n, true, ret);
        if (!quoted && !first && is_quote(name.p[-1])) { /* -H "Authorization: Bearer x" in a script */
                size_t end = start;
                while (end < text.n && text.p[end] != name.p[-1] && text.p[end] != '\n')
                        end++;
                return take(finder, skip_scheme(text, start), end, false, ret);
        }
        start = skip_scheme(text, start);
        size_t end = value_end(text, &start, quoted);
        size_t inner = skip_scheme(text, start);
        return take(finder, inner < end ? inner : start, end, false, ret);
}

/* The body of a private key; the line that says so stays. */
static bool at_key(const struct finder *finder, size_t at, struct span *ret)
{
        enum { HEAD_MAX = 80 };
        struct sv rest = sv_n(finder->text.p + at, finder->text.n - at);
        if (!sv_starts(rest, SV("-----BEGIN ")))
                return false;
        const char *head = memmem(rest.p, rest.n < HEAD_MAX ? rest.n : HEAD_MAX, "PRIVATE KEY", 11);
        if (!head)
                return false;
        size_t start = (size_t)(head + 11 - finder->text.p);
        while (start < finder->text.n && finder->text.p[start] == '-')
                start++;
        const char *foot = memmem(finder->text.p + start, finder->text.n - start, "-----END", 8);
        return take(finder, start, foot ? (size_t)(foot - finder->text.p) : finder->text.n, true, ret);
}

/* header.payload.signature of a JSON web token (RFC 7519): the payload begins as every JSON object does in base64 */
static bool at_web_token(const struct finder *finder, size_t at, struct span *ret)
{
        struct sv text = finder->text;
        size_t start = at, end = at + 1;
        if (text.n - at < 8 || memcmp(text.p + at + 1, "eyJ", 3) != 0)
                return false;
        while (start > finder->from && is_token(text.p[start - 1]))
                start--;
        if (at - start < 8 || memcmp(text.p + start, "eyJ", 3) != 0)
                return false;
        while (end < text.n && (is_token(text.p[end]) || text.p[end] == '.'))
                end++;
        return take(finder, start, end, true, ret);
}

/* Tokens that say what they are by their beginning; `at` is its last byte. */
static bool at_known_token(const struct finder *finder, size_t at, struct span *ret)
{
        enum { LENGTH_MIN = 16 };
        static const char *const beginnings[] = { "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "sk_live_",
                "rk_live_", "npm_", "glpat-", "xoxb-", "xoxp-", "xoxa-", "xoxr-", "xoxs-", "sk-", "dop_v1_" };
        struct sv text = finder->text;
        if (text.n - at - 1 < LENGTH_MIN)
                return false;
        for (size_t i = 0; i < sizeof(beginnings) / sizeof(beginnings[0]); i++) {
                size_t length = strlen(beginnings[i]);
                if (at + 1 < length || beginnings[i][length - 1] != text.p[at] ||
                        beginnings[i][length - 2] != text.p[at - 1])
                        continue;
                size_t start = at + 1 - length, end = at + 1;
                if (memcmp(text.p + start, beginnings[i], length) != 0 || (start && is_token(text.p[start - 1])))
                        continue;
                while (end < text.n && is_token(text.p[end]))
                        end++;
                if (end - at - 1 >= LENGTH_MIN && take(finder, start, end, true, ret))
                        return true;
        }
        return false;
}

/* The program of the simple command that holds `at`, as far as a text can tell; only so far back, so that a text made
 * of flags takes linear time. */
static const struct client *client_before(const struct finder *finder, size_t at)
{
        enum { BACK_MAX = 512, WORDS_MAX = 8 };
        struct sv text = finder->text, rest, word;
        size_t start = at, least = at > BACK_MAX ? at - BACK_MAX : 0;
        while (start > least && !strchr("|&;(\n`\"'", text.p[start - 1]))
                start--;
        rest = sv_n(text.p + start, at - start);
        for (int words = 0; words < WORDS_MAX && sv_word(&rest, &word); words++) {
                const struct client *client = redact_client(word);
                if (client)
                        return !client->subcommand || (sv_word(&rest, &word) && sv_eq(word, sv_of(client->subcommand)))
                                       ? client
                                       : NULL;
                if (words == 0 && sv_find(word, '=') == word.n && !redact_wrapper(word))
                        return NULL;
        }
        return NULL;
}

/* --password VALUE, and -pVALUE of a known client, inside of a script */
static bool at_option(const struct finder *finder, size_t at, struct span *ret)
{
        struct sv text = finder->text;
        if (finder->argument && at == 0)
                return false;
        if (at && !is_space(text.p[at - 1]))
                return false;
        size_t end = at;
        while (end < text.n && is_name(text.p[end]))
                end++;
        struct sv option = sv_n(text.p + at, end - at);
        size_t start = end;
        while (start < text.n && (text.p[start] == ' ' || text.p[start] == '\t'))
                start++;
        if (sv_starts(option, SV("--"))) {
                if (!redact_name(sv_n(option.p + 2, option.n - 2)) || start == end || start >= text.n ||
                        text.p[start] == '-')
                        return false;
                size_t until = value_end(text, &start, false);
                return take(finder, start, until, false, ret);
        }
        if (option.n < 2 || !strchr("pPuUwasAX", option.p[1])) /* the flags of all clients */
                return false;
        const struct client *client = client_before(finder, at);
        if (!client || !strchr(client->flags, option.p[1]))
                return false;
        if (option.n > 2 || start == end) {
                if (!client->attached || at + 2 >= text.n || is_space(text.p[at + 2]))
                        return false;
                start = at + 2;
        } else if (!client->separate || start >= text.n) {
                return false;
        }
        size_t until = value_end(text, &start, false);
        if (client->separator) {
                size_t skip = sv_find(sv_n(text.p + start, until - start), client->separator);
                start += skip + 1;
        }
        return take(finder, start, until, false, ret);
}

static bool look_at(const struct finder *finder, size_t at, struct span *ret)
{
        switch (finder->text.p[at]) {
        case '=':
                return at_equals(finder, at, ret);
        case ':':
                return at_colon(finder, at, ret);
        case '.':
                return at_web_token(finder, at, ret);
        case '_':
                return at_known_token(finder, at, ret);
        default:
                return at_key(finder, at, ret) || at_known_token(finder, at, ret) || at_option(finder, at, ret);
        }
}

bool redact_find(struct sv text, size_t from, bool argument, struct span *ret)
{
        struct finder finder = { .text = text, .from = from, .argument = argument };
        for (size_t i = from; i < text.n; i++)
                if (triggers[(unsigned char)text.p[i]] && look_at(&finder, i, ret))
                        return true;
        return false;
}
