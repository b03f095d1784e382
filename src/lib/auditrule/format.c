/* From the kernel's form back to auditctl's. */
#include "lib/auditrule/internal.h"

#include <libaudit.h>
#include <sys/utsname.h>

struct rule_text {
        struct rule_head head;
        struct sv strings;
        size_t taken; /* of strings */
        int machine;  /* of the arch field, for names of system calls */
        int native;
};

static bool is_text(uint32_t field)
{
        const struct field_of_rule *known = field_by_number(field);
        return known && (known->kind == FIELD_TEXT || known->kind == FIELD_PATH);
}

static int begin(struct rule_text *text, struct sv data, struct error *err)
{
        struct utsname machine;
        memset(text, 0, sizeof(*text));
        if (data.n < sizeof(text->head))
                return fail(err, E_CORRUPT, "an audit rule of %zu bytes", data.n);
        memcpy(&text->head, data.p, sizeof(text->head));
        text->strings = sv_n(data.p + sizeof(text->head), data.n - sizeof(text->head));
        if (text->head.field_count > AUDIT_MAX_FIELDS || text->head.buflen > text->strings.n)
                return fail(err, E_CORRUPT, "an audit rule whose counts are wrong");
        text->strings.n = text->head.buflen;
        text->native = uname(&machine) == 0 ? audit_name_to_machine(machine.machine) : -1;
        text->machine =
                text->head.flags == AUDIT_FILTER_URING_EXIT ? -1 : text->native; /* there: numbers of operations */
        size_t total = 0;
        for (uint32_t i = 0; i < text->head.field_count; i++) {
                if (text->head.fields[i] == AUDIT_ARCH && text->machine >= 0)
                        text->machine = audit_elf_to_machine(text->head.values[i]);
                if (is_text(text->head.fields[i]))
                        total += text->head.values[i];
        }
        return total <= text->strings.n ? 0 : fail(err, E_CORRUPT, "an audit rule whose texts are cut");
}

static struct sv take_text(struct rule_text *text, uint32_t length)
{
        struct sv part = sv_n(text->strings.p + text->taken, length);
        text->taken += length;
        return part;
}

struct sv auditrule_key(struct sv data)
{
        struct rule_text text;
        if (begin(&text, data, NULL) < 0)
                return SV("");
        for (uint32_t i = 0; i < text.head.field_count; i++) {
                if (!is_text(text.head.fields[i]))
                        continue;
                struct sv part = take_text(&text, text.head.values[i]);
                if (text.head.fields[i] == AUDIT_FILTERKEY)
                        return part;
        }
        return SV("");
}

int auditrule_put_key(struct auditrule *rule, const char *key, struct error *err)
{
        struct rule_text text;
        if (begin(&text, auditrule_bytes(rule), err) < 0)
                return -1;
        struct sv old = auditrule_key(auditrule_bytes(rule));
        size_t added = strlen(key) + (old.n > 0);
        uint32_t at = text.head.field_count;
        if (old.n > 0)
                for (at = 0; text.head.fields[at] != AUDIT_FILTERKEY;)
                        at++;
        if (at >= AUDIT_MAX_FIELDS || old.n + added > AUDIT_MAX_KEY_LEN)
                return fail(err, E_TOO_LARGE, "an audit rule has no room for the key \"%s\"", key);
        size_t offset = old.n > 0 ? (size_t)(old.p - text.strings.p) : text.strings.n;
        struct buf data;
        buf_init(&data, rule->data.max);
        text.head.fields[at] = AUDIT_FILTERKEY;
        text.head.fieldflags[at] = AUDIT_EQUAL;
        text.head.values[at] = (uint32_t)(old.n + added);
        text.head.field_count += old.n == 0;
        text.head.buflen += (uint32_t)added;
        buf_append(&data, &text.head, sizeof(text.head));
        buf_append(&data, text.strings.p, offset);
        buf_puts(&data, key);
        if (old.n > 0)
                buf_putc(&data, AUDIT_KEY_SEPARATOR);
        buf_append(&data, text.strings.p + offset, text.strings.n - offset);
        if (data.failed) {
                buf_done(&data);
                return fail(err, E_TOO_LARGE, "an audit rule is too long");
        }
        buf_done(&rule->data);
        rule->data = data;
        return 0;
}

/* --- writing -------------------------------------------------------------------------------------------------------
 */

/* Quoted where the reader would take it for more than one word. A text with both kinds of quotes comes piecewise. */
static void write_word(struct buf *out, struct sv word)
{
        bool plain = word.n > 0;
        for (size_t i = 0; i < word.n; i++)
                plain = plain && !memchr(" \t\r\n\"'#", word.p[i], 7);
        if (plain) {
                buf_append(out, word.p, word.n);
                return;
        }
        char quote = memchr(word.p, '\'', word.n) ? '"' : '\'';
        buf_putc(out, quote);
        for (size_t i = 0; i < word.n; i++) {
                if (word.p[i] == quote) {
                        buf_putc(out, quote);
                        quote = quote == '"' ? '\'' : '"';
                        buf_putc(out, quote);
                }
                buf_putc(out, word.p[i]);
        }
        buf_putc(out, quote);
}

static void write_keys(struct buf *out, const char *option, struct sv keys)
{
        struct sv key;
        while (sv_split(&keys, AUDIT_KEY_SEPARATOR, &key)) {
                buf_puts(out, option);
                write_word(out, key);
        }
}

static void write_permissions(struct buf *out, uint32_t bits)
{
        static const struct {
                uint32_t bit;
                char letter;
        } letters[] = { { AUDIT_PERM_READ, 'r' }, { AUDIT_PERM_WRITE, 'w' }, { AUDIT_PERM_EXEC, 'x' },
                { AUDIT_PERM_ATTR, 'a' } };
        for (size_t i = 0; i < sizeof(letters) / sizeof(letters[0]); i++)
                if (bits & letters[i].bit)
                        buf_putc(out, letters[i].letter);
}

static bool is_all(const uint32_t *mask)
{
        const unsigned char *bytes = (const unsigned char *)mask;
        for (size_t i = 0; i < CALLS_MAX / 8; i++)
                if (bytes[i] != 0xff)
                        return false;
        return true;
}

static void write_calls(struct buf *out, const struct rule_text *text)
{
        bool first = true;
        for (int i = 0; i < CALLS_MAX; i++) {
                if (!(text->head.mask[i / 32] >> (i % 32) & 1))
                        continue;
                const char *name = text->machine >= 0 ? audit_syscall_to_name(i, text->machine) : NULL;
                buf_puts(out, first ? " -S " : ",");
                first = false;
                if (name)
                        buf_puts(out, name);
                else
                        buf_printf(out, "%d", i);
        }
}

static void write_arch(struct buf *out, const struct rule_text *text, uint32_t value)
{
        int machine = audit_elf_to_machine(value);
        const char *name = machine >= 0 ? audit_machine_to_name(machine) : NULL;
        if (machine >= 0 && machine == machine_of(SV("b64"), text->native))
                buf_puts(out, "b64");
        else if (machine >= 0 && machine == machine_of(SV("b32"), text->native))
                buf_puts(out, "b32");
        else if (name)
                buf_puts(out, name);
        else
                buf_printf(out, "0x%x", value);
}

static void write_exit(struct buf *out, uint32_t value)
{
        int number = (int)value;
        const char *name = number < 0 && number > -4096 ? audit_errno_to_name(-number) : NULL;
        if (name)
                buf_printf(out, "-%s", name);
        else
                buf_printf(out, "%d", number);
}

static void write_value(
        struct buf *out, const struct rule_text *text, const struct field_of_rule *field, uint32_t value)
{
        const char *name = NULL;
        switch (field->kind) {
        case FIELD_ARCH:
                write_arch(out, text, value);
                return;
        case FIELD_PERMISSION:
                write_permissions(out, value);
                return;
        case FIELD_EXIT:
                write_exit(out, value);
                return;
        case FIELD_REGISTER:
                buf_printf(out, "0x%x", value);
                return;
        case FIELD_USER:
        case FIELD_SESSION:
                if (value == UINT32_MAX)
                        name = "unset";
                break;
        case FIELD_MESSAGE:
                name = audit_msg_type_to_name((int)value);
                break;
        case FIELD_FILE_TYPE:
                name = name_of(file_type_names, value);
                break;
        case FIELD_FS_TYPE:
                name = name_of(fs_type_names, value);
                break;
        default:
                break;
        }
        if (name)
                buf_puts(out, name);
        else
                buf_printf(out, "%u", value);
}

static const char *relation_text(uint32_t number)
{
        for (size_t i = 0; i < relations_count; i++)
                if (relations[i].number == number)
                        return relations[i].text;
        return "=";
}

static void write_field(struct buf *out, struct rule_text *text, uint32_t i)
{
        uint32_t number = text->head.fields[i], value = text->head.values[i], field, other;
        const char *relation = relation_text(text->head.fieldflags[i]);
        const struct field_of_rule *known = field_by_number(number);
        if (number == AUDIT_FIELD_COMPARE && comparison_fields(value, &field, &other)) {
                buf_printf(out, " -C %s%s%s", field_by_number(field)->name, relation, field_by_number(other)->name);
                return;
        }
        if (number == AUDIT_FILTERKEY) {
                write_keys(out, " -F key=", take_text(text, value));
                return;
        }
        if (known)
                buf_printf(out, " -F %s%s", known->name, relation);
        else
                buf_printf(out, " -F f%u%s", number, relation);
        if (known && is_text(number))
                write_word(out, take_text(text, value));
        else if (known)
                write_value(out, text, known, value);
        else
                buf_printf(out, "%u", value);
}

/* -w: exit,always of all system calls on one path with permissions, with or without a key. -w would take a slash off
 * the path's end. */
static bool is_watch(const struct rule_text *text)
{
        const struct rule_head *head = &text->head;
        if (head->flags != AUDIT_FILTER_EXIT || head->action != AUDIT_ALWAYS || !is_all(head->mask))
                return false;
        if (head->field_count != 2 && (head->field_count != 3 || head->fields[2] != AUDIT_FILTERKEY))
                return false;
        if ((head->fields[0] != AUDIT_WATCH && head->fields[0] != AUDIT_DIR) || head->fields[1] != AUDIT_PERM ||
                head->fieldflags[0] != AUDIT_EQUAL || head->fieldflags[1] != AUDIT_EQUAL)
                return false;
        struct sv path = sv_n(text->strings.p, head->values[0]);
        return path.n > 0 && (path.n == 1 || path.p[path.n - 1] != '/');
}

static void write_watch(struct buf *out, struct rule_text *text)
{
        buf_puts(out, "-w ");
        write_word(out, take_text(text, text->head.values[0]));
        buf_puts(out, " -p ");
        write_permissions(out, text->head.values[1]);
        if (text->head.field_count == 3)
                write_keys(out, " -k ", take_text(text, text->head.values[2]));
}

int auditrule_format(struct sv data, struct buf *out, struct error *err)
{
        struct rule_text text;
        if (begin(&text, data, err) < 0)
                return -1;
        struct rule_head *head = &text.head;
        uint32_t list = head->flags & ~(uint32_t)AUDIT_FILTER_PREPEND;
        const char *list_name = name_of(list_names, list), *action = name_of(action_names, head->action);
        if (!list_name || !action)
                return fail(err, E_CORRUPT, "an audit rule of list %u, action %u", list, head->action);
        if (is_watch(&text)) {
                write_watch(out, &text);
                return out->failed ? fail(err, E_TOO_LARGE, "an audit rule is too long") : 0;
        }
        buf_printf(out, "%s %s,%s", head->flags & AUDIT_FILTER_PREPEND ? "-A" : "-a", action, list_name);
        uint32_t i = 0;
        if (head->field_count > 0 && head->fields[0] == AUDIT_ARCH)
                write_field(out, &text, i++);
        if (list == AUDIT_FILTER_EXIT || list == AUDIT_FILTER_URING_EXIT) {
                if (is_all(head->mask))
                        buf_puts(out, " -S all");
                else
                        write_calls(out, &text);
        }
        for (; i < head->field_count; i++)
                write_field(out, &text, i);
        return out->failed ? fail(err, E_TOO_LARGE, "an audit rule is too long") : 0;
}
