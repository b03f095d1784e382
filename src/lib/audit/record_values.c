/* The values in audit records (record.h). The kernel's audit_log_untrustedstring and audit_log_n_hex write upper-case
 * hexadecimal (kernel/audit.c). */
#include "lib/audit/record.h"

#include "lib/audit/record_internal.h"

#include <libaudit.h>

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
