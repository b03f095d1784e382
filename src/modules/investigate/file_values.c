#include "modules/investigate/file.h"

#include "base/encode.h"

const char *const file_kind_names[] = { "name", "size", "mode", "mtime", "content", "md5", "sha1", "sha2", "sha3",
        NULL };

/* The digits of text, which must not be empty. */
static int parse_number(struct sv digits, const char *text, uint64_t *ret, struct error *err)
{
        for (size_t i = 0; i < digits.n; i++)
                if (digits.p[i] < '0' || digits.p[i] > '9')
                        return fail(err, E_INVALID, "\"%s\" has no number where one must be", text);
        if (digits.n == 0)
                return fail(err, E_INVALID, "\"%s\" has no number", text);
        if (!sv_parse_u64(digits, 10, ret))
                return fail(err, E_INVALID, "\"%s\" is too large", text);
        return 0;
}

static enum file_comparison take_comparison(struct sv *rest)
{
        char c = rest->n ? *rest->p : '\0';
        if (c != '<' && c != '>')
                return FILE_EQUAL;
        rest->p++;
        rest->n--;
        return c == '<' ? FILE_LESS : FILE_MORE;
}

int file_parse_size(const char *text, enum file_comparison *ret_comparison, uint64_t *ret_bytes, struct error *err)
{
        static const char suffixes[] = "kmgt";
        struct sv rest = sv_of(text);
        enum file_comparison comparison = take_comparison(&rest);
        unsigned shift = 0;
        const char *suffix = rest.n ? strchr(suffixes, rest.p[rest.n - 1]) : NULL;
        if (suffix && *suffix) {
                shift = 10 * (unsigned)(suffix - suffixes + 1);
                rest.n--;
        }
        uint64_t number;
        if (parse_number(rest, text, &number, err) < 0)
                return -1;
        if (number > (uint64_t)INT64_MAX >> shift)
                return fail(err, E_INVALID, "\"%s\" is larger than any file", text);
        *ret_comparison = comparison;
        *ret_bytes = number << shift;
        return 0;
}

int file_parse_mtime(const char *text, enum file_comparison *ret_comparison, int64_t *ret_age_ns, struct error *err)
{
        struct sv rest = sv_of(text);
        enum file_comparison comparison = take_comparison(&rest);
        if (comparison == FILE_EQUAL)
                return fail(err, E_INVALID, "\"%s\" does not begin with < (younger) or > (older)", text);
        int64_t unit = 0;
        switch (rest.n ? rest.p[rest.n - 1] : '\0') {
        case 'd':
                unit = DAY;
                break;
        case 'h':
                unit = HOUR;
                break;
        case 'm':
                unit = MINUTE;
                break;
        default:
                return fail(err, E_INVALID, "\"%s\" does not end with d (days), h (hours) or m (minutes)", text);
        }
        rest.n--;
        uint64_t number;
        if (parse_number(rest, text, &number, err) < 0)
                return -1;
        if (number > (uint64_t)(INT64_MAX / unit))
                return fail(err, E_INVALID, "\"%s\" is longer than 292 years", text);
        *ret_comparison = comparison;
        *ret_age_ns = (int64_t)number * unit;
        return 0;
}

int file_parse_digest(
        const char *text, enum digest_family family, enum digest_kind *ret_kind, uint8_t *ret, struct error *err)
{
        static const char *const lengths[] = { "32", "40", "56, 64, 96 or 128", "56, 64, 96 or 128" };
        size_t size;
        if (!digest_by_hex_length(family, strlen(text), ret_kind))
                return fail(err, E_INVALID, "%zu characters are not a digest of this kind: it has %s hex digits",
                        strlen(text), lengths[family]);
        if (!hex_decode(sv_of(text), ret, DIGEST_SIZE_MAX, &size))
                return fail(err, E_INVALID, "\"%s\" is not hexadecimal", text);
        return 0;
}

struct sv file_pattern(const char *text, bool *ret_inverse)
{
        *ret_inverse = text[0] == '!' && text[1] != '\0';
        return sv_of(text + *ret_inverse);
}

int file_check_label(const char *label, struct error *err)
{
        struct sv rest = sv_of(label);
        size_t characters = 0;
        while (rest.n > 0) {
                uint32_t code_point;
                size_t n = utf8_decode(rest, &code_point);
                if (*rest.p == '\n')
                        return fail(err, E_INVALID, "a label is one line");
                n = n ? n : 1;
                rest = sv_n(rest.p + n, rest.n - n);
                characters++;
        }
        if (characters == 0 || characters > FILE_LABEL_MAX)
                return fail(err, E_INVALID, "a label has 1 to %d characters, not %zu", FILE_LABEL_MAX, characters);
        return 0;
}

int file_check_size(const char *text, struct error *err)
{
        enum file_comparison comparison;
        uint64_t bytes;
        return file_parse_size(text, &comparison, &bytes, err);
}

int file_check_mtime(const char *text, struct error *err)
{
        enum file_comparison comparison;
        int64_t age_ns;
        return file_parse_mtime(text, &comparison, &age_ns, err);
}

int file_check_pattern(const char *text, struct error *err)
{
        bool inverse;
        if (!*text)
                return fail(err, E_INVALID, "a regexp must not be empty");
        return regex_validate(file_pattern(text, &inverse).p, err);
}

static int check_digest(const char *text, enum digest_family family, struct error *err)
{
        enum digest_kind kind;
        uint8_t bytes[DIGEST_SIZE_MAX];
        return file_parse_digest(text, family, &kind, bytes, err);
}

int file_check_md5(const char *text, struct error *err)
{
        return check_digest(text, DIGEST_FAMILY_MD5, err);
}

int file_check_sha1(const char *text, struct error *err)
{
        return check_digest(text, DIGEST_FAMILY_SHA1, err);
}

int file_check_sha2(const char *text, struct error *err)
{
        return check_digest(text, DIGEST_FAMILY_SHA2, err);
}

int file_check_sha3(const char *text, struct error *err)
{
        return check_digest(text, DIGEST_FAMILY_SHA3, err);
}

/* Go writes a letter for each special bit, in this order, and '-' when there is none (io/fs, FileMode.String). */
void file_mode_text(mode_t mode, char *ret)
{
        char *end = ret;
        switch (mode & S_IFMT) {
        case S_IFDIR:
                *end++ = 'd';
                break;
        case S_IFLNK:
                *end++ = 'L';
                break;
        case S_IFCHR:
        case S_IFBLK:
                *end++ = 'D';
                break;
        case S_IFIFO:
                *end++ = 'p';
                break;
        case S_IFSOCK:
                *end++ = 'S';
                break;
        default:
                break;
        }
        if (mode & S_ISUID)
                *end++ = 'u';
        if (mode & S_ISGID)
                *end++ = 'g';
        if (S_ISCHR(mode))
                *end++ = 'c';
        if (mode & S_ISVTX)
                *end++ = 't';
        if (end == ret)
                *end++ = '-';
        for (unsigned bit = 0; bit < 9; bit++)
                *end++ = mode & (0400U >> bit) ? "rwxrwxrwx"[bit] : '-';
        *end = '\0';
}
