/* The key=value fields of audit records (record.h). The kernel writes them in kernel/audit.c: audit_log_format, and
 * audit_log_user_recv_msg for msg='…'. */
#include "lib/audit/record.h"

/* Eight bytes at a time, the first in the lowest place. */
static inline uint64_t load(const char *p)
{
        uint64_t word;
        memcpy(&word, p, sizeof(word));
        return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? word : __builtin_bswap64(word);
}

/* The high bit of each byte of `word` that is c; bits above the first one may be wrong. */
static inline uint64_t matches(uint64_t word, char c)
{
        const uint64_t ones = UINT64_C(0x0101010101010101);
        uint64_t other = word ^ ones * (unsigned char)c;
        return (other - ones) & ~other & ones << 7;
}

static inline size_t first_match(uint64_t found)
{
        return (size_t)__builtin_ctzll(found) / 8;
}

static inline bool is_gap(char c)
{
        return c == ' ' || c == ',' || c == '(' || c == '\t' || c == '\n' || c == '\0';
}

static const char *value_end(const char *p, const char *end)
{
        while (end - p >= 8) {
                uint64_t word = load(p), found = matches(word, ' ') | matches(word, '\n');
                if (found)
                        return p + first_match(found);
                p += 8;
        }
        while (p < end && *p != ' ' && *p != '\n')
                p++;
        return p;
}

/* A bare value ends at a space. Commas stand behind some values of user space, and a parenthesis behind the last of
 * "(hostname=?, addr=?, res=success)"; "(null)" keeps its own. */
static struct sv bare_value(const char *from, const char *end)
{
        const char *p = from;

        if (end - from >= 6 && *from == '(' &&
                !memcmp(from, "(null)", 6)) /* also where 0x1D behind it was lost on the way */
                return (struct sv){ from, 6 };
        p = value_end(p, end);
        if (p > from && p[-1] > ',')
                return (struct sv){ from, (size_t)(p - from) };
        while (p > from && p[-1] == ',')
                p--;
        if (p > from && p[-1] == '"') /* of an opening one that is lost: bare values have no quotes */
                p--;
        if (p > from && p[-1] == ')' && !memchr(from, '(', (size_t)(p - from)))
                p--;
        return (struct sv){ from, (size_t)(p - from) };
}

/* From the opening quote; sets *end behind the closing one. Without one the value goes to the end of the text. */
static struct sv quoted_value(const char *from, const char **end)
{
        const char *start = from + 1, *close = memchr(start, *from, (size_t)(*end - start));

        struct sv value = { start, (size_t)((close ? close : *end) - start) };
        *end = close ? close + 1 : *end;
        return value;
}

/* msg='…': what the kernel was given by a program, up to the last quote of the record. */
static void enter_message(struct audit_fields *fields, const char *from, struct audit_field *field)
{
        const char *start = from + 1, *close = memrchr(start, '\'', (size_t)(fields->end - start));

        field->form = AUDIT_NESTED;
        field->value = (struct sv){ start, (size_t)((close ? close : fields->end) - start) };
        fields->outer_end = fields->end;
        fields->end = close ? close : fields->end;
        fields->at = start;
}

static bool leave_message(struct audit_fields *fields)
{
        if (!fields->outer_end)
                return false;
        fields->at = fields->end < fields->outer_end ? fields->end + 1 : fields->end;
        fields->end = fields->outer_end;
        fields->outer_end = NULL;
        return true;
}

/* The name up to '=', passing over words without one; false at the end of the text. */
static bool take_name(struct audit_fields *fields, struct audit_field *field)
{
        const char *p = fields->at, *end = fields->end;

        field->word = (struct sv){ p, 0 };
        for (;;) {
                uint64_t packed = 0;
                while (p < end && is_gap(*p))
                        p++;
                const char *start = p;
                if (end - p >= 8) { /* nearly every name ends in here */
                        uint64_t word = load(p);
                        uint64_t found = matches(word, '=') | matches(word, ' ') | matches(word, '\n');
                        size_t length = found ? first_match(found) : 8;
                        p += length;
                        packed = length ? __builtin_bswap64(word) >> (64 - 8 * length) : 0;
                }
                while (p < end && *p != '=' && *p != ' ' && *p != '\n')
                        packed = packed << 8 | (unsigned char)*p++;
                fields->at = p;
                if (p == end)
                        return false;
                if (*p == '=' && p > start) {
                        field->name = (struct sv){ start, (size_t)(p - start) };
                        field->packed = packed;
                        return true;
                }
                field->word = (struct sv){ start, (size_t)(p - start) };
                p++;
        }
}

/* Fills *ret member by member: a copy of a whole field just written waits for the stores and costs as much as all the
 * rest. */
bool audit_fields_next(struct audit_fields *fields, struct audit_field *ret)
{
        while (!take_name(fields, ret))
                if (!leave_message(fields))
                        return false;
        const char *p = fields->at + 1, *end = fields->end;
        ret->nested = fields->outer_end != NULL;
        if (p < end && *p == '=') /* AppArmor's "subj==unconfined" */
                p++;
        if (p < end && *p == '\'' && !ret->nested && sv_eq(ret->name, SV("msg"))) {
                enter_message(fields, p, ret);
        } else if (p < end && (*p == '"' || *p == '\'')) {
                ret->form = AUDIT_QUOTED;
                ret->value = quoted_value(p, &end);
                fields->at = end;
        } else {
                ret->form = AUDIT_BARE;
                ret->value = bare_value(p, end);
                fields->at = ret->value.p + ret->value.n;
                while (fields->at < end && (*fields->at == ')' || *fields->at == ','))
                        fields->at++;
        }
        return true;
}

bool audit_field_find(struct sv body, struct sv name, struct audit_field *ret)
{
        struct audit_fields fields = audit_fields_of(body);
        struct audit_field field;

        while (audit_fields_next(&fields, &field)) {
                if (sv_eq(field.name, name)) {
                        *ret = field;
                        return true;
                }
        }
        return false;
}

#define PACKED(a, b, c, d, e, f, g, h)                                                                                 \
        ((uint64_t)(a) << 56 | (uint64_t)(b) << 48 | (uint64_t)(c) << 40 | (uint64_t)(d) << 32 | (uint64_t)(e) << 24 | \
                (uint64_t)(f) << 16 | (uint64_t)(g) << 8 | (uint64_t)(h))

enum audit_key audit_key_of(const struct audit_field *field)
{
        if (field->name.n > 8)
                return AUDIT_KEY_OTHER;
        switch (field->packed) {
#define X(name, ...)                                                                                                   \
        case PACKED(__VA_ARGS__):                                                                                      \
                return AUDIT_KEY_##name;
                AUDIT_KEYS(X)
#undef X
        default:
                return AUDIT_KEY_OTHER;
        }
}
