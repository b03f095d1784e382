/* Single values: text to JSON, and the types that have a text form of their own. */
#include "schema/field.h"
#include "schema/json.h"

#include <arpa/inet.h>
#include <errno.h>
#include <math.h>

int (*schema_regex_check)(const char *pattern, struct error *err);

static const char *const type_words[FIELD_TYPES_MAX] = {
        [FIELD_TYPE_BOOL] = "bool",
        [FIELD_TYPE_INT] = "int",
        [FIELD_TYPE_UINT] = "uint",
        [FIELD_TYPE_DOUBLE] = "double",
        [FIELD_TYPE_SIZE] = "size",
        [FIELD_TYPE_DURATION] = "duration",
        [FIELD_TYPE_TIME] = "time",
        [FIELD_TYPE_STRING] = "string",
        [FIELD_TYPE_ENUM] = "enum",
        [FIELD_TYPE_PATH] = "path",
        [FIELD_TYPE_ADDRESS] = "address",
        [FIELD_TYPE_PORTS] = "ports",
        [FIELD_TYPE_REGEX] = "regex",
        [FIELD_TYPE_HEX] = "hex",
        [FIELD_TYPE_RECORD] = "record",
        [FIELD_TYPE_ANY] = "any",
};

const char *field_type_word(enum field_type type)
{
        return type < FIELD_TYPES_MAX ? type_words[type] : "any";
}

void field_type_name(const struct field *field, char *ret)
{
        static const char *const containers[] = { "", "list of ", "map of ", "map of lists of " };
        snprintf(ret, 64, "%s%s", containers[field->container], field_type_word(field->type));
}

const struct field *record_find(const struct record *record, const char *json_name)
{
        for (size_t i = 0; i < record->count; i++)
                if (strcmp(field_json_name(&record->fields[i]), json_name) == 0)
                        return &record->fields[i];
        return NULL;
}

bool cidr_parse(struct sv text, struct cidr *ret)
{
        char address[INET6_ADDRSTRLEN + 1];
        struct cidr cidr = { 0 };
        size_t slash = sv_find(text, '/');
        if (slash == 0 || slash >= sizeof(address))
                return false;
        memcpy(address, text.p, slash);
        address[slash] = '\0';
        cidr.family = memchr(address, ':', slash) ? 6 : 4;
        if (inet_pton(cidr.family == 6 ? AF_INET6 : AF_INET, address, cidr.bytes) != 1)
                return false;
        uint64_t prefix = cidr.family == 6 ? 128 : 32;
        if (slash < text.n) {
                struct sv digits = sv_n(text.p + slash + 1, text.n - slash - 1);
                uint64_t most = prefix;
                if (digits.n > 3 || !sv_parse_u64(digits, 10, &prefix) || prefix > most)
                        return false;
        }
        cidr.prefix = (uint8_t)prefix;
        *ret = cidr;
        return true;
}

void cidr_format(const struct cidr *cidr, char *ret)
{
        char address[INET6_ADDRSTRLEN] = "";
        inet_ntop(cidr->family == 6 ? AF_INET6 : AF_INET, cidr->bytes, address, sizeof(address));
        if (cidr->family == 0)
                ret[0] = '\0';
        else if (cidr->prefix == (cidr->family == 6 ? 128 : 32))
                snprintf(ret, CIDR_TEXT_MAX, "%s", address);
        else
                snprintf(ret, CIDR_TEXT_MAX, "%s/%u", address, cidr->prefix);
}

static struct cidr unmapped(const struct cidr *cidr)
{
        static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
        if (cidr->family != 6 || cidr->prefix < 96 || memcmp(cidr->bytes, mapped, sizeof(mapped)) != 0)
                return *cidr;
        struct cidr plain = { .family = 4, .prefix = cidr->prefix - 96 };
        memcpy(plain.bytes, cidr->bytes + 12, 4);
        return plain;
}

bool cidr_contains(const struct cidr *network, const struct cidr *address)
{
        struct cidr outer = unmapped(network);
        struct cidr inner = unmapped(address);
        if (outer.family != inner.family || inner.prefix < outer.prefix)
                return false;
        size_t whole = outer.prefix / 8;
        if (memcmp(outer.bytes, inner.bytes, whole) != 0)
                return false;
        unsigned rest = outer.prefix % 8;
        return rest == 0 || ((outer.bytes[whole] ^ inner.bytes[whole]) & (0xff << (8 - rest) & 0xff)) == 0;
}

bool port_set_contains(const struct port_set *set, uint16_t port)
{
        for (size_t i = 0; i < set->count; i++)
                if (port >= set->ranges[i].first && port <= set->ranges[i].last)
                        return true;
        return false;
}

static json_t *enum_from_text(const struct field *field, const char *text, struct error *err)
{
        char choices[256] = "";
        size_t used = 0;
        for (size_t i = 0; field->names[i]; i++) {
                if (strcmp(field->names[i], text) == 0)
                        return json_string(text);
                if (used < sizeof(choices))
                        used += (size_t)snprintf(
                                choices + used, sizeof(choices) - used, "%s%s", i ? ", " : "", field->names[i]);
        }
        return fail_null(err, E_INVALID, "\"%.100s\" is none of %s", text, choices);
}

static json_t *number_from_text(const struct field *field, const char *text, struct error *err)
{
        int64_t number;
        uint64_t natural;
        if (field->type == FIELD_TYPE_DOUBLE) {
                char *end;
                errno = 0;
                double value = strtod(text, &end);
                if (*text == '\0' || *end || errno || !isfinite(value)) /* JSON has neither infinity nor NaN */
                        return fail_null(err, E_INVALID, "\"%.100s\" is not a number", text);
                return json_real(value);
        }
        if (field->type == FIELD_TYPE_UINT && (!sv_parse_u64(sv_of(text), 10, &natural) || natural > INT64_MAX))
                return fail_null(err, E_INVALID, "\"%.100s\" is not a whole number of 0 or more", text);
        if (!sv_parse_i64(sv_of(text), &number))
                return fail_null(err, E_INVALID, "\"%.100s\" is not a whole number", text);
        return json_integer(number);
}

json_t *field_json_from_text(const struct field *field, const char *text, struct error *err)
{
        static const char *const yes[] = { "true", "yes", "on", "1" };
        static const char *const no[] = { "false", "no", "off", "0" };
        json_t *value;
        switch (field->type) {
        case FIELD_TYPE_BOOL:
                for (size_t i = 0; i < 4; i++) {
                        if (strcasecmp(text, yes[i]) == 0)
                                return json_true();
                        if (strcasecmp(text, no[i]) == 0)
                                return json_false();
                }
                return fail_null(err, E_INVALID, "\"%.100s\" is neither true nor false", text);
        case FIELD_TYPE_INT:
        case FIELD_TYPE_UINT:
        case FIELD_TYPE_DOUBLE:
                return number_from_text(field, text, err);
        case FIELD_TYPE_ENUM:
                return enum_from_text(field, text, err);
        case FIELD_TYPE_RECORD:
        case FIELD_TYPE_ANY:
                return json_parse(sv_of(text), true, err);
        case FIELD_TYPE_DURATION: {
                uint64_t bare; /* a number of .unit, as on the wire */
                if (sv_parse_u64(sv_of(text), 10, &bare) && bare <= INT64_MAX)
                        return json_integer((json_int_t)bare);
                break;
        }
        default:
                break;
        }
        value = json_string(text);
        if (!value && field->type == FIELD_TYPE_PATH)
                return fail_null(err, E_INVALID, "the path is not UTF-8; JSON cannot carry it");
        return value ? value : fail_null(err, E_INVALID, "the text is not UTF-8");
}
