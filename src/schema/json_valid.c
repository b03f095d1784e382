#include "base/encode.h"
#include "schema/json.h"

enum { DEPTH_MAX = 128 };

struct scanner {
        const char *at;
        const char *end;
};

static void skip_space(struct scanner *scanner)
{
        while (scanner->at < scanner->end &&
                (*scanner->at == ' ' || *scanner->at == '\n' || *scanner->at == '\t' || *scanner->at == '\r'))
                scanner->at++;
}

static bool take(struct scanner *scanner, char c)
{
        if (scanner->at == scanner->end || *scanner->at != c)
                return false;
        scanner->at++;
        return true;
}

static bool take_word(struct scanner *scanner, const char *word)
{
        size_t length = strlen(word);
        if ((size_t)(scanner->end - scanner->at) < length || memcmp(scanner->at, word, length) != 0)
                return false;
        scanner->at += length;
        return true;
}

static size_t take_digits(struct scanner *scanner)
{
        const char *start = scanner->at;
        while (scanner->at < scanner->end && *scanner->at >= '0' && *scanner->at <= '9')
                scanner->at++;
        return (size_t)(scanner->at - start);
}

static bool take_number(struct scanner *scanner)
{
        take(scanner, '-');
        if (!take(scanner, '0') && take_digits(scanner) == 0)
                return false;
        if (take(scanner, '.') && take_digits(scanner) == 0)
                return false;
        if (take(scanner, 'e') || take(scanner, 'E')) {
                if (!take(scanner, '+'))
                        take(scanner, '-');
                if (take_digits(scanner) == 0)
                        return false;
        }
        return true;
}

static bool take_escape(struct scanner *scanner)
{
        if (scanner->at == scanner->end)
                return false;
        char c = *scanner->at++;
        if (c != 'u')
                return c && strchr("\"\\/bfnrt", c);
        for (int i = 0; i < 4; i++, scanner->at++) {
                if (scanner->at == scanner->end)
                        return false;
                char digit = *scanner->at;
                if (!((digit >= '0' && digit <= '9') || ((digit | 0x20) >= 'a' && (digit | 0x20) <= 'f')))
                        return false;
        }
        return true;
}

static bool take_string(struct scanner *scanner)
{
        if (!take(scanner, '"'))
                return false;
        while (scanner->at < scanner->end) {
                unsigned char c = (unsigned char)*scanner->at;
                if (c == '"') {
                        scanner->at++;
                        return true;
                }
                if (c < 0x20)
                        return false;
                if (c == '\\') {
                        scanner->at++;
                        if (!take_escape(scanner))
                                return false;
                        continue;
                }
                uint32_t code;
                size_t length =
                        c < 0x80 ? 1 : utf8_decode(sv_n(scanner->at, (size_t)(scanner->end - scanner->at)), &code);
                if (length == 0)
                        return false;
                scanner->at += length;
        }
        return false;
}

/* A value that is not a list or an object. */
static bool take_scalar(struct scanner *scanner)
{
        switch (*scanner->at) {
        case '"':
                return take_string(scanner);
        case 't':
                return take_word(scanner, "true");
        case 'f':
                return take_word(scanner, "false");
        case 'n':
                return take_word(scanner, "null");
        default:
                return take_number(scanner);
        }
}

static bool take_key(struct scanner *scanner)
{
        skip_space(scanner);
        if (!take_string(scanner))
                return false;
        skip_space(scanner);
        return take(scanner, ':');
}

/* After a value: closes what ends here. 1 = another value follows, 0 = the whole is complete, -1 = wrong. */
static int after_value(struct scanner *scanner, const char *open, size_t *depth)
{
        for (;;) {
                skip_space(scanner);
                if (*depth == 0)
                        return 0;
                bool object = open[*depth - 1] == '{';
                if (take(scanner, ','))
                        return !object || take_key(scanner) ? 1 : -1;
                if (!take(scanner, object ? '}' : ']'))
                        return -1;
                (*depth)--;
        }
}

bool json_valid(struct sv text)
{
        struct scanner scanner = { text.p, text.p + text.n };
        char open[DEPTH_MAX];
        size_t depth = 0;
        for (;;) {
                skip_space(&scanner);
                if (scanner.at == scanner.end)
                        return false;
                char c = *scanner.at;
                if (c == '{' || c == '[') {
                        scanner.at++;
                        skip_space(&scanner);
                        if (depth == DEPTH_MAX)
                                return false;
                        if (!take(&scanner, c == '{' ? '}' : ']')) {
                                if (c == '{' && !take_key(&scanner))
                                        return false;
                                open[depth++] = c;
                                continue;
                        }
                } else if (!take_scalar(&scanner)) {
                        return false;
                }
                int more = after_value(&scanner, open, &depth);
                if (more <= 0)
                        return more == 0 && scanner.at == scanner.end;
        }
}
