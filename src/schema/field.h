/* Field tables: parameters, results and configuration are declared once, as an array of `struct field`, and everything
 * else is derived from it: JSON reading with the path of a bad field, JSON writing, command-line flags, help, prompts,
 * JSON Schema, completion, man page, printer and privacy mask.
 *
 *      struct ping_params { char *destination; int protocol; int64_t timeout_ns; STRING_LIST tags; };
 *      static const struct field ping_fields[] = {
 *              FIELD_STRING(struct ping_params, destination, .help = "host name or address", .required = true),
 *              FIELD_ENUM(struct ping_params, protocol, ping_protocols, .help = "what to send", .def = "icmp", .flag =
 * 'p'), FIELD_DURATION(struct ping_params, timeout_ns, .json = "timeout", .unit = SECOND, .def = "5s"),
 *              FIELD_STRINGS(struct ping_params, tags, .help = "words", .option = "tag"),
 *      };
 *      RECORD(struct ping_params, ping_fields)
 *
 * The type of the member is checked against the macro at compile time: a wrong one is "size of array is negative".
 * A table can also be loaded from a descriptor (describe.h); it then has no struct behind it and serves JSON only. */
#pragma once

#include "base/arena.h"
#include "base/error.h"
#include "base/sv.h"
#include "base/timefmt.h"

#include <jansson.h>

enum field_type {
        FIELD_TYPE_BOOL,     /* bool */
        FIELD_TYPE_INT,      /* int or int64_t */
        FIELD_TYPE_UINT,     /* unsigned or uint64_t */
        FIELD_TYPE_DOUBLE,   /* double */
        FIELD_TYPE_SIZE,     /* uint64_t bytes; JSON number or text "10k" */
        FIELD_TYPE_DURATION, /* int64_t ns; JSON text "1m30s", or a number of .unit */
        FIELD_TYPE_TIME,     /* int64_t ns since 1970; JSON text, RFC 3339 */
        FIELD_TYPE_STRING,   /* char * */
        FIELD_TYPE_ENUM,     /* int, index into .names */
        FIELD_TYPE_PATH,     /* char *, any bytes but NUL; written with NAME_raw (base64) when not UTF-8 */
        FIELD_TYPE_ADDRESS,  /* struct cidr; an address or a network in CIDR form */
        FIELD_TYPE_PORTS,    /* struct port_set; "22,80,8000-8100" */
        FIELD_TYPE_REGEX,    /* char *, RE2 syntax; checked by schema_regex_check where that is set */
        FIELD_TYPE_HEX,      /* char *, an even number of hex digits */
        FIELD_TYPE_RECORD,   /* the struct itself, described by .record */
        FIELD_TYPE_ANY,      /* json_t *, owned by the arena */
        FIELD_TYPES_MAX
};

enum field_container {
        FIELD_ONE,
        FIELD_LIST,         /* LIST(type) */
        FIELD_MAP,          /* MAP(type): JSON object with free keys */
        FIELD_MAP_OF_LISTS, /* MAP(struct list) whose lists hold the type */
};

/* Generic layouts; the typed macros below have the same. */
struct list {
        void *items;
        size_t count;
};

struct dict {
        char **keys;
        void *items;
        size_t count;
};

#define LIST(type)                                                                                                     \
        struct {                                                                                                       \
                type *items;                                                                                           \
                size_t count;                                                                                          \
        }
#define MAP(type)                                                                                                      \
        struct {                                                                                                       \
                char **keys;                                                                                           \
                type *items;                                                                                           \
                size_t count;                                                                                          \
        }
#define list_foreach(item, list)                                                                                       \
        for (__typeof__(*(list)->items) *(item) = (list)->items;                                                       \
                (list)->count && (item) < (list)->items + (list)->count; (item)++)

struct string_list {
        char **items;
        size_t count;
};

/* An address or a network. family is 4 or 6, prefix up to 32 or 128, bytes in network order, host bits kept as written.
 */
struct cidr {
        uint8_t family;
        uint8_t prefix;
        uint8_t bytes[16];
};

struct port_range {
        uint16_t first;
        uint16_t last;
};

struct port_set {
        struct port_range *ranges;
        size_t count;
};

struct record;

struct field {
        const char *name; /* member's name */
        enum field_type type;
        enum field_container container;
        size_t offset;    /* of the member */
        size_t item_size; /* of one value of the type */

        const char *json;   /* key on the wire; default: name */
        const char *option; /* long flag; default: the wire key, '_' shown as '-' (both are taken). "" = no flag */
        const char *alias;  /* another long flag for the same, as a peer spells it ("lp") */
        const char *negative_option; /* bool: a flag that sets it false ("matchany") */
        char flag;                   /* short flag, 0 = none */
        const char *metavar;         /* "FILE"; default from the type */
        const char *help;            /* one sentence without a full stop */
        const char *since;           /* version that brought it */

        const char *def;     /* default as text; NULL: zero */
        const char *cli_def; /* default when flags or prompts make the parameters, where it differs from the wire's */
        int64_t min, max;    /* numbers, sizes and durations; active when min < max */
        int64_t unit;        /* duration: ns that a bare JSON number means; 0 = SECOND */
        size_t max_items;    /* containers; 0 = FIELD_ITEMS_MAX */
        size_t max_length;   /* strings, bytes; 0 = FIELD_LENGTH_MAX */
        size_t min_length;   /* strings; min number of items of a container */

        bool required;
        bool positional; /* takes what stands on the command line without a flag; a list takes all of it */
        bool private_;   /* "masked" in privacy mode */
        bool secret;     /* never shown, never logged */
        bool omit_empty; /* writing: left out when false, 0, NULL or empty */
        bool null_empty; /* writing: null when NULL or empty (Go's nil slices and maps) */
        bool upper;      /* hex: stored and written upper case */
        bool as_number;  /* duration: written as a number of .unit instead of text */
        const char
                *entry; /* map of records: flags fill the entry of this key ("s1"); --ENTRY_FLAG NAME starts another */
        const char *entry_option;

        const char *const *names;    /* enum: NULL-terminated; of a text: values that completion offers */
        const struct record *record; /* record */
        size_t has;                  /* 1 + offset of a bool that says whether the value is there; 0 = always there */

        /* A rule of the field's own on one text value; NULL = none. Lives in the program that holds the module. */
        int (*check)(const char *text, struct error *err);
        const char *pattern; /* the same rule for JSON Schema, ECMA-262 */
};

struct record {
        const struct field *fields;
        size_t count;
        size_t size; /* of the struct; 0: loaded from a descriptor */
        const char *name;
};

enum { FIELD_ITEMS_MAX = 100000, FIELD_LENGTH_MAX = 1 << 20 };

#define RECORD(T, table)                                                                                               \
        (&(const struct record){                                                                                       \
                .fields = (table), .count = sizeof(table) / sizeof((table)[0]), .size = sizeof(T), .name = #T })

/* 0 where the member has one of the two types, else a compile error. */
#define FIELD_TYPE_IS(T, member, A, B)                                                                                 \
        (0 * sizeof(char[__builtin_types_compatible_p(__typeof__(((T *)0)->member), A) ||                              \
                                         __builtin_types_compatible_p(__typeof__(((T *)0)->member), B)                 \
                                 ? 1                                                                                   \
                                 : -1]))
#define FIELD_BASE(T, m, TYPE, A, B)                                                                                   \
        .name = #m, .type = (TYPE), .offset = offsetof(T, m) + FIELD_TYPE_IS(T, m, A, B),                              \
        .item_size = sizeof(((T *)0)->m)
#define FIELD_LIST_BASE(T, m, TYPE, A, B)                                                                              \
        .name = #m, .type = (TYPE), .container = FIELD_LIST,                                                           \
        .offset = offsetof(T, m) + FIELD_TYPE_IS(T, m.items, A *, B *), .item_size = sizeof(*((T *)0)->m.items)
#define FIELD_MAP_BASE(T, m, TYPE, A, B)                                                                               \
        .name = #m, .type = (TYPE), .container = FIELD_MAP,                                                            \
        .offset = offsetof(T, m) + FIELD_TYPE_IS(T, m.items, A *, B *) + FIELD_TYPE_IS(T, m.keys, char **, char **),   \
        .item_size = sizeof(*((T *)0)->m.items)

#define HAS(T, m) (offsetof(T, m) + FIELD_TYPE_IS(T, m, bool, bool) + 1)

#define FIELD_BOOL(T, m, ...)                                                                                          \
        {                                                                                                              \
                FIELD_BASE(T, m, FIELD_TYPE_BOOL, bool, bool), ##__VA_ARGS__                                           \
        }
#define FIELD_INT(T, m, ...)                                                                                           \
        {                                                                                                              \
                FIELD_BASE(T, m, FIELD_TYPE_INT, int, int64_t), ##__VA_ARGS__                                          \
        }
#define FIELD_UINT(T, m, ...)                                                                                          \
        {                                                                                                              \
                FIELD_BASE(T, m, FIELD_TYPE_UINT, unsigned, uint64_t), ##__VA_ARGS__                                   \
        }
#define FIELD_DOUBLE(T, m, ...)                                                                                        \
        {                                                                                                              \
                FIELD_BASE(T, m, FIELD_TYPE_DOUBLE, double, double), ##__VA_ARGS__                                     \
        }
#define FIELD_SIZE(T, m, ...)                                                                                          \
        {                                                                                                              \
                FIELD_BASE(T, m, FIELD_TYPE_SIZE, uint64_t, uint64_t), ##__VA_ARGS__                                   \
        }
#define FIELD_DURATION(T, m, ...)                                                                                      \
        {                                                                                                              \
                FIELD_BASE(T, m, FIELD_TYPE_DURATION, int64_t, int64_t), ##__VA_ARGS__                                 \
        }
#define FIELD_TIME(T, m, ...)                                                                                          \
        {                                                                                                              \
                FIELD_BASE(T, m, FIELD_TYPE_TIME, int64_t, int64_t), ##__VA_ARGS__                                     \
        }
#define FIELD_STRING(T, m, ...)                                                                                        \
        {                                                                                                              \
                FIELD_BASE(T, m, FIELD_TYPE_STRING, char *, const char *), ##__VA_ARGS__                               \
        }
#define FIELD_PATH(T, m, ...)                                                                                          \
        {                                                                                                              \
                FIELD_BASE(T, m, FIELD_TYPE_PATH, char *, const char *), ##__VA_ARGS__                                 \
        }
#define FIELD_REGEX(T, m, ...)                                                                                         \
        {                                                                                                              \
                FIELD_BASE(T, m, FIELD_TYPE_REGEX, char *, const char *), ##__VA_ARGS__                                \
        }
#define FIELD_HEX(T, m, ...)                                                                                           \
        {                                                                                                              \
                FIELD_BASE(T, m, FIELD_TYPE_HEX, char *, const char *), ##__VA_ARGS__                                  \
        }
#define FIELD_ENUM(T, m, list, ...)                                                                                    \
        {                                                                                                              \
                FIELD_BASE(T, m, FIELD_TYPE_ENUM, int, int), .names = (list), ##__VA_ARGS__                            \
        }
#define FIELD_ADDRESS(T, m, ...)                                                                                       \
        {                                                                                                              \
                FIELD_BASE(T, m, FIELD_TYPE_ADDRESS, struct cidr, struct cidr), ##__VA_ARGS__                          \
        }
#define FIELD_PORTS(T, m, ...)                                                                                         \
        {                                                                                                              \
                FIELD_BASE(T, m, FIELD_TYPE_PORTS, struct port_set, struct port_set), ##__VA_ARGS__                    \
        }
#define FIELD_ANY(T, m, ...)                                                                                           \
        {                                                                                                              \
                FIELD_BASE(T, m, FIELD_TYPE_ANY, json_t *, json_t *), ##__VA_ARGS__                                    \
        }
#define FIELD_RECORD(T, m, R, table, ...)                                                                              \
        {                                                                                                              \
                FIELD_BASE(T, m, FIELD_TYPE_RECORD, R, R), .record = RECORD(R, table), ##__VA_ARGS__                   \
        }

#define FIELD_STRINGS(T, m, ...)                                                                                       \
        {                                                                                                              \
                FIELD_LIST_BASE(T, m, FIELD_TYPE_STRING, char *, const char *), ##__VA_ARGS__                          \
        }
#define FIELD_PATHS(T, m, ...)                                                                                         \
        {                                                                                                              \
                FIELD_LIST_BASE(T, m, FIELD_TYPE_PATH, char *, const char *), ##__VA_ARGS__                            \
        }
#define FIELD_REGEXES(T, m, ...)                                                                                       \
        {                                                                                                              \
                FIELD_LIST_BASE(T, m, FIELD_TYPE_REGEX, char *, const char *), ##__VA_ARGS__                           \
        }
#define FIELD_HEXES(T, m, ...)                                                                                         \
        {                                                                                                              \
                FIELD_LIST_BASE(T, m, FIELD_TYPE_HEX, char *, const char *), ##__VA_ARGS__                             \
        }
#define FIELD_INTS(T, m, ...)                                                                                          \
        {                                                                                                              \
                FIELD_LIST_BASE(T, m, FIELD_TYPE_INT, int, int64_t), ##__VA_ARGS__                                     \
        }
#define FIELD_UINTS(T, m, ...)                                                                                         \
        {                                                                                                              \
                FIELD_LIST_BASE(T, m, FIELD_TYPE_UINT, unsigned, uint64_t), ##__VA_ARGS__                              \
        }
#define FIELD_DOUBLES(T, m, ...)                                                                                       \
        {                                                                                                              \
                FIELD_LIST_BASE(T, m, FIELD_TYPE_DOUBLE, double, double), ##__VA_ARGS__                                \
        }
#define FIELD_ENUMS(T, m, list, ...)                                                                                   \
        {                                                                                                              \
                FIELD_LIST_BASE(T, m, FIELD_TYPE_ENUM, int, int), .names = (list), ##__VA_ARGS__                       \
        }
#define FIELD_ADDRESSES(T, m, ...)                                                                                     \
        {                                                                                                              \
                FIELD_LIST_BASE(T, m, FIELD_TYPE_ADDRESS, struct cidr, struct cidr), ##__VA_ARGS__                     \
        }
#define FIELD_RECORDS(T, m, R, table, ...)                                                                             \
        {                                                                                                              \
                FIELD_LIST_BASE(T, m, FIELD_TYPE_RECORD, R, R), .record = RECORD(R, table), ##__VA_ARGS__              \
        }

#define FIELD_STRING_MAP(T, m, ...)                                                                                    \
        {                                                                                                              \
                FIELD_MAP_BASE(T, m, FIELD_TYPE_STRING, char *, const char *), ##__VA_ARGS__                           \
        }
#define FIELD_RECORD_MAP(T, m, R, table, ...)                                                                          \
        {                                                                                                              \
                FIELD_MAP_BASE(T, m, FIELD_TYPE_RECORD, R, R), .record = RECORD(R, table), ##__VA_ARGS__               \
        }
/* MAP(struct string_list): a list of strings behind each key */
#define FIELD_STRING_LISTS(T, m, ...)                                                                                  \
        {                                                                                                              \
                .name = #m, .type = FIELD_TYPE_STRING, .container = FIELD_MAP_OF_LISTS,                                \
                .offset = offsetof(T, m) + FIELD_TYPE_IS(T, m.items, struct string_list *, struct string_list *),      \
                .item_size = sizeof(char *), ##__VA_ARGS__                                                             \
        }

/* The key on the wire. */
static inline const char *field_json_name(const struct field *field)
{
        return field->json ? field->json : field->name;
}

/* The field with this wire key, or NULL. */
const struct field *record_find(const struct record *record, const char *json_name);

/* "duration", "list of regex", … for messages and pages. ret has 64 bytes. */
void field_type_name(const struct field *field, char *ret);
const char *field_type_word(enum field_type type); /* "bool", "int" … "any" */

/* Set by a program that links the regex engine; then FIELD_TYPE_REGEX is checked while reading. */
extern int (*schema_regex_check)(const char *pattern, struct error *err);

/* --- read.h: JSON to struct -----------------------------------------------------------------------------------------
 */

enum read_flags {
        READ_STRICT =
                1 << 0, /* unknown keys are errors and keys match exactly; else as Go: any case, unknown ignored */
        READ_PARTIAL = 1 << 1, /* required fields may be missing (defaults are not filled in either) */
};

/* Checks `value` against the record and, when `ret` is given, fills the struct (zeroed here first, then defaults).
 * Strings and arrays live in the arena. A member that is null counts as absent, as in Go; an item of a list or a map
 * that is null is the zero value ("" for texts). When `value` itself is NULL or null, all defaults. Errors name the
 * path: "searches.s1.sizes[0]: …". With a descriptor-loaded record ret must be NULL. */
int record_read(const struct record *record, const json_t *value, void *ret, struct arena *arena, unsigned flags,
        struct error *err);

/* Check only; arena not needed. */
int record_check(const struct record *record, const json_t *value, unsigned flags, struct error *err);

/* --- scalars
 * ---------------------------------------------------------------------------------------------------------- */

/* The JSON value that a text (flag, prompt, default) means for one value of this field; new reference, or NULL. ANY
 * takes JSON. */
json_t *field_json_from_text(const struct field *field, const char *text, struct error *err);
/* The default as JSON, of a list all its items; NULL where there is none. New reference. */
json_t *field_default_json(const struct field *field);

bool cidr_parse(struct sv text, struct cidr *ret);
/* "10.0.0.0/8", or "10.0.0.1" when the prefix is whole. ret has CIDR_TEXT_MAX bytes. */
enum { CIDR_TEXT_MAX = 64 };
void cidr_format(const struct cidr *cidr, char *ret);
/* Is `address` (whole prefix) inside `network`? An IPv4-mapped IPv6 address counts as its IPv4 address. */
bool cidr_contains(const struct cidr *network, const struct cidr *address);
bool port_set_contains(const struct port_set *set, uint16_t port);
