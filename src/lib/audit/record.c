/* The text of audit records (record.h). The kernel writes them in kernel/audit.c: audit_log_start (the header),
 * audit_log_untrustedstring and audit_log_n_hex (upper-case hexadecimal), audit_log_user_recv_msg (msg='…'); auditd
 * puts node=, type= and msg= before, and what it interpreted behind 0x1D. */
#include "lib/audit/record.h"

#include <libaudit.h>

enum {
        ENRICHED_SEPARATOR = 0x1d, /* auditd's AUDIT_INTERP_SEPARATOR */
        TYPE_NAME_MAX = 64,
};

static bool take(struct sv *rest, struct sv prefix)
{
        if (!sv_starts(*rest, prefix))
                return false;
        rest->p += prefix.n;
        rest->n -= prefix.n;
        return true;
}

/* Decimal digits off the front, at most `digits` of them; their number. */
static size_t take_digits(struct sv *rest, size_t digits, uint64_t *ret)
{
        uint64_t value = 0;
        size_t i = 0;

        while (i < digits && i < rest->n && rest->p[i] >= '0' && rest->p[i] <= '9')
                value = value * 10 + (uint64_t)(rest->p[i++] - '0');
        rest->p += i;
        rest->n -= i;
        *ret = value;
        return i;
}

static struct sv take_until_space(struct sv *rest)
{
        struct sv word = { rest->p, sv_find(*rest, ' ') };
        size_t used = word.n < rest->n ? word.n + 1 : word.n;

        rest->p += used;
        rest->n -= used;
        return word;
}

/* "1481077231.371:479)", a colon may follow: auditd's own records (DAEMON_…) lack it. */
static bool take_stamp(struct sv *rest, struct audit_record *ret)
{
        uint64_t seconds, milliseconds, serial;

        if (!take_digits(rest, 11, &seconds) || seconds > INT64_MAX / 1000000000 - 1 || !take(rest, SV(".")) ||
                take_digits(rest, 3, &milliseconds) != 3 || !take(rest, SV(":")) || !take_digits(rest, 10, &serial) ||
                serial > UINT32_MAX || !take(rest, SV(")")))
                return false;
        ret->time_ns = (int64_t)seconds * 1000000000 + (int64_t)milliseconds * 1000000;
        ret->serial = (uint32_t)serial;
        take(rest, SV(":"));
        return true;
}

bool audit_record_parse(struct sv text, struct audit_record *ret)
{
        struct audit_record record = { .node = { "", 0 }, .type_name = { "", 0 } };

        while (text.n && (text.p[text.n - 1] == '\n' || text.p[text.n - 1] == '\0' || text.p[text.n - 1] == '\r' ||
                                 text.p[text.n - 1] == ' '))
                text.n--;
        if (take(&text, SV("node=")))
                record.node = take_until_space(&text);
        if (take(&text, SV("type="))) {
                record.type_name = take_until_space(&text);
                record.type = audit_type_number(record.type_name);
        }
        take(&text, SV("msg="));
        record.message = text;
        if (!take(&text, SV("audit(")) || !take_stamp(&text, &record))
                return false;
        while (text.n && text.p[0] == ' ') {
                text.p++;
                text.n--;
        }
        record.body = text;
        record.enriched = (struct sv){ text.p + text.n, 0 };
        const char *separator = text.n ? memchr(text.p, ENRICHED_SEPARATOR, text.n) : NULL;
        if (separator) {
                record.body.n = (size_t)(separator - text.p);
                record.enriched = (struct sv){ separator + 1, text.n - record.body.n - 1 };
                record.message.n = (size_t)(separator - record.message.p);
        }
        *ret = record;
        return true;
}

/* --- types ----------------------------------------------------------------------------------------------------------
 */

/* Newer than the libaudit of Debian 12 (linux/audit.h). */
static const struct {
        uint32_t type;
        const char *name;
} newer_types[] = {
        { 1336, "URINGOP" },
        { 1337, "OPENAT2" },
        { 1338, "DM_CTRL" },
        { 1339, "DM_EVENT" },
        { 1420, "MAC_TASK_CONTEXTS" },
        { 1421, "MAC_OBJ_CONTEXTS" },
        { 1423, "LANDLOCK_ACCESS" },
        { 1424, "LANDLOCK_DOMAIN" },
};

const char *audit_type_name(uint32_t type)
{
        const char *name = type && type <= INT32_MAX ? audit_msg_type_to_name((int)type) : NULL;

        for (size_t i = 0; !name && i < sizeof(newer_types) / sizeof(newer_types[0]); i++)
                if (newer_types[i].type == type)
                        name = newer_types[i].name;
        return name;
}

/* The eight or so that are most of every log: no search for them. */
static uint32_t common_type(struct sv name)
{
        switch (name.n) {
        case 3:
                return !memcmp(name.p, "CWD", 3) ? AUDIT_CWD : !memcmp(name.p, "EOE", 3) ? AUDIT_EOE : 0;
        case 4:
                return !memcmp(name.p, "PATH", 4) ? AUDIT_PATH : 0;
        case 6:
                return !memcmp(name.p, "EXECVE", 6) ? AUDIT_EXECVE : 0;
        case 7:
                return !memcmp(name.p, "SYSCALL", 7) ? AUDIT_SYSCALL : 0;
        case 8:
                return !memcmp(name.p, "SOCKADDR", 8) ? AUDIT_SOCKADDR : 0;
        case 9:
                return !memcmp(name.p, "PROCTITLE", 9) ? AUDIT_PROCTITLE : 0;
        default:
                return 0;
        }
}

uint32_t audit_type_number(struct sv name)
{
        char text[TYPE_NAME_MAX];
        uint32_t number = common_type(name);

        if (number || !name.n || name.n >= sizeof(text))
                return number;
        if (audit_value_u32(name, &number))
                return number;
        if (sv_starts(name, SV("UNKNOWN[")) && name.p[name.n - 1] == ']')
                return audit_value_u32(sv_n(name.p + 8, name.n - 9), &number) ? number : 0;
        for (size_t i = 0; i < sizeof(newer_types) / sizeof(newer_types[0]); i++)
                if (sv_eq(name, sv_of(newer_types[i].name)))
                        return newer_types[i].type;
        memcpy(text, name.p, name.n);
        text[name.n] = '\0';
        int found = audit_name_to_msg_type(text);
        return found > 0 ? (uint32_t)found : 0;
}

/* --- fields ---------------------------------------------------------------------------------------------------------
 */

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

/* --- values ---------------------------------------------------------------------------------------------------------
 */

bool audit_value_u32(struct sv value, uint32_t *ret)
{
        uint64_t number = 0;

        if (!value.n || value.n > 10)
                return false;
        for (size_t i = 0; i < value.n; i++) {
                unsigned digit = (unsigned char)value.p[i] - (unsigned)'0';
                if (digit > 9)
                        return false;
                number = number * 10 + digit;
        }
        if (number > UINT32_MAX)
                return false;
        *ret = (uint32_t)number;
        return true;
}

bool audit_value_u64(struct sv value, int base, uint64_t *ret)
{
        uint32_t small;

        if (base == 10 && audit_value_u32(value, &small)) {
                *ret = small;
                return true;
        }
        if (base == 16 && value.n > 2 && value.p[0] == '0' && (value.p[1] == 'x' || value.p[1] == 'X'))
                value = sv_n(value.p + 2, value.n - 2);
        return sv_parse_u64(value, base, ret);
}

bool audit_value_i64(struct sv value, int64_t *ret)
{
        uint32_t small;

        if (audit_value_u32(value, &small)) {
                *ret = small;
                return true;
        }
        return sv_parse_i64(value, ret);
}

bool audit_field_is_absent(const struct audit_field *field)
{
        return field->form == AUDIT_BARE &&
               (!field->value.n || sv_eq(field->value, SV("?")) || sv_eq(field->value, SV("(null)")) ||
                       sv_eq(field->value, SV("(none)")));
}

static int hex_digit(char c)
{
        if (c >= '0' && c <= '9')
                return c - '0';
        return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The kernel and libaudit write upper case only, so that "cafe" stays a word. */
static bool is_upper_hex(struct sv text)
{
        if (!text.n || text.n % 2)
                return false;
        for (size_t i = 0; i < text.n; i++)
                if (hex_digit(text.p[i]) < 0)
                        return false;
        return true;
}

struct sv audit_field_decode(const struct audit_field *field, char *buffer, size_t size, bool *ret_cut)
{
        size_t length = field->value.n / 2;

        if (field->form != AUDIT_BARE || !is_upper_hex(field->value))
                return field->value;
        if (length > size) {
                length = size;
                if (ret_cut)
                        *ret_cut = true;
        }
        for (size_t i = 0; i < length; i++)
                buffer[i] = (char)(hex_digit(field->value.p[2 * i]) * 16 + hex_digit(field->value.p[2 * i + 1]));
        return (struct sv){ buffer, length };
}

/* Written by audit_log_untrustedstring, audit_log_d_path or audit_log_n_untrustedstring in the kernel, or by
 * audit_encode_nv_string in programs, whatever the record; those that are no AUDIT_KEY. Sorted. */
static const char *const encoded_names[] = { "cgroup", "cmd", "cmdline", "device", "dir", "file", "grp",
        "invalid_context", "loader", "module", "new-chardev", "new-disk", "new-fs", "new-mem", "new-net", "new_gpio",
        "new_group", "newcontext", "old-chardev", "old-disk", "old-fs", "old-net", "parent", "proctitle", "root_dir",
        "srcname", "sw", "trigger_file", "vm", "watch_name" };

static int compare_name(const void *name, const void *entry)
{
        const struct sv *sv = name, text = sv_of(*(const char *const *)entry);
        int order = memcmp(sv->p, text.p, sv->n < text.n ? sv->n : text.n);
        return order ? order : (sv->n > text.n) - (sv->n < text.n);
}

bool audit_field_is_encoded(uint32_t type, const struct audit_field *field)
{
        if (field->form != AUDIT_BARE || field->name.n < 2)
                return false;
        if (type == AUDIT_EXECVE && field->name.p[0] == 'a' && field->name.p[1] >= '0' && field->name.p[1] <= '9') {
                enum audit_argument argument;
                uint32_t index, part;
                return audit_argument_name(field->name, &argument, &index, &part) && argument != AUDIT_ARGUMENT_LENGTH;
        }
        switch (audit_key_of(field)) {
        case AUDIT_KEY_ACCT:
        case AUDIT_KEY_COMM:
        case AUDIT_KEY_CWD:
        case AUDIT_KEY_DATA:
        case AUDIT_KEY_EXE:
        case AUDIT_KEY_KEY:
        case AUDIT_KEY_NAME:
        case AUDIT_KEY_OCOMM:
        case AUDIT_KEY_PATH:
        case AUDIT_KEY_UNIT:
                return true;
        case AUDIT_KEY_OTHER:
                return bsearch(&field->name, encoded_names, sizeof(encoded_names) / sizeof(encoded_names[0]),
                               sizeof(encoded_names[0]), compare_name) != NULL;
        default:
                return false;
        }
}

bool audit_argument_name(struct sv name, enum audit_argument *ret, uint32_t *ret_index, uint32_t *ret_part)
{
        enum audit_argument argument = AUDIT_ARGUMENT_WHOLE;
        uint64_t index = 0, part = 0;

        if (!take(&name, SV("a")) || !take_digits(&name, 9, &index))
                return false;
        if (take(&name, SV("_len")))
                argument = AUDIT_ARGUMENT_LENGTH;
        else if (take(&name, SV("["))) {
                argument = AUDIT_ARGUMENT_PART;
                if (!take_digits(&name, 9, &part) || !take(&name, SV("]")))
                        return false;
        }
        if (name.n)
                return false;
        *ret = argument;
        *ret_index = (uint32_t)index;
        *ret_part = (uint32_t)part;
        return true;
}

bool audit_avc_parse(struct sv body, struct audit_avc *ret)
{
        struct audit_avc avc;
        struct sv rest = body;

        if (!take(&rest, SV("avc:")))
                return false;
        rest = sv_trim(rest);
        avc.verdict = take_until_space(&rest);
        size_t open = sv_find(rest, '{'), close = sv_find(rest, '}');
        if (close >= rest.n || open > close)
                return false;
        avc.permissions = sv_trim(sv_n(rest.p + open + 1, close - open - 1));
        avc.rest = sv_trim(sv_n(rest.p + close + 1, rest.n - close - 1));
        if (take(&avc.rest, SV("for ")))
                avc.rest = sv_trim(avc.rest);
        *ret = avc;
        return true;
}
