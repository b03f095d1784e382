/* Normalised fields of a record (pairs.h). */
#include "lib/audit/pairs.h"

#include "lib/audit/address.h"
#include "lib/audit/interpret.h"

#include <libaudit.h>
#include <sys/socket.h>

enum { VALUE_MAX = 64 << 10 };

struct reading {
        struct audit_pairs *pairs;
        struct arena *arena;
        struct audit_meaning meaning;
        struct buf text;
        bool failed; /* no room in the arena */
};

void audit_pairs_done(struct audit_pairs *pairs)
{
        vec_done(&pairs->list);
        vec_done(&pairs->keys);
}

struct sv audit_pairs_get(const struct audit_pairs *pairs, const char *name)
{
        struct sv wanted = sv_of(name);

        for (size_t i = 0; i < pairs->list.count; i++)
                if (sv_eq(pairs->list.items[i].name, wanted))
                        return pairs->list.items[i].value;
        return SV("");
}

struct sv audit_pairs_take(struct audit_pairs *pairs, const char *name)
{
        struct sv wanted = sv_of(name);

        for (size_t i = 0; i < pairs->list.count; i++) {
                struct audit_pair pair = pairs->list.items[i];
                if (!sv_eq(pair.name, wanted))
                        continue;
                memmove(pairs->list.items + i, pairs->list.items + i + 1,
                        (pairs->list.count - i - 1) * sizeof(*pairs->list.items));
                pairs->list.count--;
                return pair.value;
        }
        return SV("");
}

void audit_pairs_add(struct audit_pairs *pairs, struct sv name, struct sv value)
{
        for (size_t i = 0; i < pairs->list.count; i++) {
                if (sv_eq(pairs->list.items[i].name, name)) {
                        pairs->duplicates++;
                        return;
                }
        }
        struct audit_pair *pair = vec_add(&pairs->list, AUDIT_PAIRS_MAX);
        if (pair)
                *pair = (struct audit_pair){ name, value };
        else
                pairs->refused++;
}

static struct sv kept(struct reading *reading, struct sv text)
{
        char *copy = arena_strndup(reading->arena, text.n ? text.p : "", text.n);

        reading->failed = reading->failed || !copy;
        return copy ? sv_n(copy, text.n) : SV("");
}

static void add(struct reading *reading, struct sv name, struct sv value)
{
        audit_pairs_add(reading->pairs, name, value);
}

/* "user:role:type:level:categories", or one word where it is another security module's. */
static void add_context(struct reading *reading, struct sv name, struct sv value)
{
        static const char *const parts[] = { "user", "role", "domain", "level", "category" };

        for (size_t i = 0; i < 5 && value.n; i++) {
                size_t length = i < 4 ? sv_find(value, ':') : value.n;
                char *member = arena_printf(reading->arena, "%.*s_%s", SV_ARG(name), parts[i]);
                if (!member) {
                        reading->failed = true;
                        return;
                }
                add(reading, sv_of(member), sv_n(value.p, length));
                length += length < value.n;
                value = sv_n(value.p + length, value.n - length);
        }
}

/* Several keys are put together with 0x01 (linux/audit.h: AUDIT_KEY_SEPARATOR); auditctl of old wrote "key=" before
 * them. */
static void add_keys(struct reading *reading, const struct audit_field *field)
{
        char buffer[AUDIT_MAX_KEY_LEN + 1];
        bool cut = false;
        struct sv rest = audit_field_decode(field, buffer, sizeof(buffer), &cut), key;

        reading->pairs->refused += cut;
        rest = kept(reading, rest);
        while (sv_split(&rest, '\1', &key)) {
                if (sv_starts(key, SV("key=")))
                        key = sv_n(key.p + 4, key.n - 4);
                struct sv *place = key.n ? vec_add(&reading->pairs->keys, AUDIT_PAIR_KEYS_MAX) : NULL;
                if (place)
                        *place = key;
                else
                        reading->pairs->refused += key.n != 0;
        }
}

static void add_number(struct reading *reading, struct sv name, uint64_t value)
{
        char text[24];
        int length = snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
        add(reading, name, kept(reading, sv_n(text, (size_t)length)));
}

static void add_address(struct reading *reading, const struct audit_field *field)
{
        struct audit_address address;

        if (!audit_address_parse(field->value, &address)) {
                add(reading, field->name, field->value);
                return;
        }
        const char *family = audit_family_name(address.family);
        if (family)
                add(reading, SV("family"), sv_of(family));
        else
                add_number(reading, SV("family"), address.family);
        if (address.family == AF_UNIX) {
                add(reading, SV("path"), kept(reading, address.path));
        } else if (address.ip[0]) {
                add(reading, SV("addr"), kept(reading, sv_of(address.ip)));
                add_number(reading, SV("port"), address.port);
        } else {
                add(reading, field->name, field->value);
        }
}

static bool is_success(struct sv value)
{
        return sv_eq(value, SV("1")) || sv_eq(value, SV("yes")) || sv_eq(value, SV("success"));
}

/* Of the typed values those that Elastic's users have as names; modes, lists and flags they have as numbers. */
static bool is_named(const struct audit_field *field)
{
        switch (audit_key_of(field)) {
        case AUDIT_KEY_ARCH:
        case AUDIT_KEY_SYSCALL:
        case AUDIT_KEY_EXIT:
        case AUDIT_KEY_SIG:
        case AUDIT_KEY_AUID:
        case AUDIT_KEY_OLD_AUID:
        case AUDIT_KEY_OAUID:
        case AUDIT_KEY_SES:
        case AUDIT_KEY_OSES:
                return true;
        default:
                return sv_eq(field->name, SV("old-ses"));
        }
}

static void add_value(struct reading *reading, struct sv name, const struct audit_field *field)
{
        struct sv value = field->value;

        if (is_named(field) || audit_field_is_encoded(reading->meaning.type, field)) {
                buf_clear(&reading->text);
                if (audit_interpret(&reading->meaning, field, &reading->text))
                        value = kept(reading, sv_n(buf_text(&reading->text), reading->text.len));
        }
        add(reading, name, value);
}

static bool is_interpretation(struct sv name)
{
        for (size_t i = 0; i < name.n; i++)
                if (!(name.p[i] >= 'A' && name.p[i] <= 'Z') && name.p[i] != '_')
                        return false;
        return true;
}

static void add_field(struct reading *reading, const struct audit_field *field)
{
        struct sv name = field->name;

        if (field->form == AUDIT_NESTED || !field->value.n || sv_eq(field->value, SV("?")) ||
                sv_eq(field->value, SV("(null)")) || is_interpretation(name))
                return;
        /* "login pid=1 uid=0 old auid=4294967295 new auid=0" of old kernels */
        if (sv_eq(field->word, SV("old")) || sv_eq(field->word, SV("new"))) {
                char *both = arena_printf(reading->arena, "%.*s_%.*s", SV_ARG(field->word), SV_ARG(name));
                reading->failed = reading->failed || !both;
                if (both)
                        add_value(reading, sv_of(both), field);
                return;
        }
        switch (audit_key_of(field)) {
        case AUDIT_KEY_SUBJ:
        case AUDIT_KEY_OBJ:
                add_context(reading, name, field->value);
                break;
        case AUDIT_KEY_KEY:
                add_keys(reading, field);
                break;
        case AUDIT_KEY_SUCCESS:
        case AUDIT_KEY_RES:
                add(reading, SV("result"), is_success(field->value) ? SV("success") : SV("fail"));
                break;
        case AUDIT_KEY_SADDR:
                add_address(reading, field);
                break;
        default:
                add_value(reading, name, field);
        }
}

int audit_pairs_read(
        struct audit_pairs *pairs, const struct audit_record *record, struct arena *arena, struct error *err)
{
        struct reading reading = { .pairs = pairs, .arena = arena, .meaning = audit_meaning_of(record) };
        struct sv body = record->body;
        struct audit_avc avc;
        struct audit_field field;

        if (audit_avc_parse(body, &avc)) {
                add(&reading, SV("seresult"), avc.verdict);
                add(&reading, SV("seperms"), avc.permissions);
                body = avc.rest;
        }
        struct audit_fields fields = audit_fields_of(body);
        buf_init(&reading.text, VALUE_MAX);
        while (!reading.failed && audit_fields_next(&fields, &field))
                add_field(&reading, &field);
        buf_done(&reading.text);
        return reading.failed ? fail(err, E_NO_MEMORY, "an audit record of %zu bytes is too large", body.n) : 0;
}
