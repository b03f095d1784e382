/* What the parts of the rules share: the compiled form. */
#pragma once

#include "base/arena.h"
#include "lib/regex/regex.h"
#include "modules/watch/rules/rules.h"

/* --- operands: where a value stands in struct event -----------------------------------------------------------------
 */

enum operand_kind {
        OPERAND_TEXT,
        OPERAND_NUMBER,
        OPERAND_BOOL,
        OPERAND_ENUM,    /* a text that is kept as its index */
        OPERAND_PRESENT, /* a record, or a list of records: it can only be asked whether it is there */
};

enum { OPERAND_HAS_MAX = 4, OPERAND_NAME_MAX = 128, OPERAND_DIFFERENT = UINT16_MAX };

struct operand {
        char name[OPERAND_NAME_MAX]; /* as written */
        enum operand_kind kind;
        enum field_type type;
        bool basename;            /* of the text only what stands behind its last slash */
        bool omit_empty;          /* zero is not there */
        bool list;                /* the value is in a list: of texts, or of records */
        bool narrow, is_unsigned; /* numbers: int instead of int64_t */
        bool has_index;           /* only the item of this index */
        uint32_t index;
        uint16_t offset;               /* in the event: of the value, or of its list */
        uint16_t stride, inner;        /* lists: size of an item, offset of the value in it */
        uint16_t has[OPERAND_HAS_MAX]; /* offsets of the bools that must all be set */
        unsigned has_count;
        const char *const *names; /* of an enum */
};

/* Is it one value (of which there may be none), not any of several? */
static inline bool operand_is_one(const struct operand *operand)
{
        return !operand->list || operand->has_index;
}

/* "process.argv[0]", "basename(process.exe)" is given as the path and the flag. An unknown name is E_INVALID with the
 * nearest one. */
int operand_resolve(struct sv path, bool basename, struct operand *ret, struct error *err);
/* The top-level or dotted name exists in the event's table? */
bool operand_exists(struct sv path);

/* The address of the value, or of the list; NULL when a record around it is not there. */
const void *operand_at(const struct operand *operand, const struct event *event);
/* The items of a list operand; 0 when not there. *ret is the first. */
size_t operand_items(const struct operand *operand, const struct event *event, const char **ret);
/* One text: of the value, or of an item. false when not there. */
bool operand_text(const struct operand *operand, const void *at, struct sv *ret);
int64_t operand_number(const struct operand *operand, const void *at);
/* Does the event's JSON have it, with a value? */
bool operand_present(const struct operand *operand, const struct event *event);
/* For people and for groups: the value's text appended; lists joined with spaces. false when it is not there. */
bool operand_print(const struct operand *operand, const struct event *event, size_t max, struct buf *out);
uint64_t operand_hash(const struct operand *operand, const struct event *event, uint64_t seed);
uint64_t rules_hash(const void *bytes, size_t size, uint64_t seed);

/* --- the program
 * ------------------------------------------------------------------------------------------------------ */

enum test_op {
        TEST_TRUE, /* a bool */
        TEST_PRESENT,
        TEST_EQUAL, /* to any of the values; texts and numbers */
        TEST_LESS,
        TEST_LESS_EQUAL,
        TEST_GREATER,
        TEST_GREATER_EQUAL,
        TEST_BITS, /* a bit of the value is set */
        TEST_CONTAINS,
        TEST_STARTS,
        TEST_ENDS,
        TEST_MATCHES, /* patterns, and those of glob */
};

struct test_value {
        struct sv text;
        int64_t number;
        const struct regex *regex;
};

struct test_values {
        const struct test_value *items;
        uint32_t count;
        uint32_t *slots; /* hash set of the texts for TEST_EQUAL, NULL for few: index + 1, 0 = free */
        uint32_t mask;
};

/* A decision: the next test stands before this one in the program, so that every walk ends. */
struct test {
        uint8_t op;
        uint16_t operand;
        uint16_t yes, no; /* index in the program, or one of the two below */
        const struct test_values *values;
};

enum { PROGRAM_ACCEPT = UINT16_MAX, PROGRAM_REJECT = UINT16_MAX - 1 };

enum node_kind { NODE_TEST, NODE_AND, NODE_OR, NODE_NOT };

struct node {
        enum node_kind kind;
        const struct node *left, *right;
        struct test test;
};

struct window_group {
        uint64_t key; /* 0 = free */
        int64_t last_ns;
        uint32_t head, count;
};

/* The last `count` times of each group. */
struct window {
        uint32_t count;
        int64_t window_ns;
        uint16_t by[RULES_BY_MAX];
        unsigned by_count;
        struct window_group *groups; /* RULES_GROUPS_MAX in sets of WINDOW_WAYS */
        int64_t *times;              /* count for each group */
};

struct silence {
        uint64_t key;
        int64_t until_ns;
        uint64_t suppressed;
};

enum { WINDOW_WAYS = 4 };

struct output_part {
        struct sv text;
        int operand; /* -1: plain text */
};

struct compiled_rule {
        struct rule rule;
        struct test *program;
        uint16_t entry;
        struct window window; /* count 0: none */
        int64_t suppress_ns;
        uint16_t suppress_by[RULES_BY_MAX];
        unsigned suppress_by_count;
        struct output_part *output;
        size_t output_count;
};

/* A scalar text of the event that is looked at: found once an event, whatever number of tests ask for it. */
struct cached_text {
        uint32_t epoch;
        bool present;
        struct sv text;
};

struct rules {
        struct arena arena;
        struct compiled_rule *rules;
        size_t count;
        uint16_t *by_type[EVENT_TYPES]; /* indices of enabled rules */
        size_t by_type_count[EVENT_TYPES];
        struct operand *operands; /* RULES_OPERANDS_MAX */
        size_t operand_count;
        struct cached_text cache[RULES_OPERANDS_MAX];
        uint32_t epoch;
        struct silence *silences; /* RULES_SILENCED_MAX in sets of WINDOW_WAYS */
        uint64_t seed;
        size_t patterns;
        char *tags[RULES_MAX];
        size_t tag_count;
        struct rules_counters counters;
};

/* Index of the operand in rules->operands, an equal one taken again. */
int rules_operand(struct rules *rules, struct sv path, bool basename, uint16_t *ret, struct error *err);

/* --- from text to program
 * --------------------------------------------------------------------------------------------- */

/* Lists and macros as the parser asks for them. Where a name is not known it returns NULL and the parser names the
 * nearest of `names`. */
struct name_table {
        /* the condition's text; *ret_place is handed back when a problem is inside of it */
        const char *(*macro)(void *cookie, struct sv name);
        /* the list's values and their number */
        const struct sv *(*list)(void *cookie, struct sv name, size_t *ret_count);
        /* the nearest known name, or NULL */
        const char *(*near)(void *cookie, struct sv name, bool list);
        void *cookie;
};

/* One condition; *ret is in the rules' arena. Problems name the words where they are; *ret_line is the number of lines
 * above it in the text. spent counts the nodes of one rule. */
int rules_parse(struct rules *rules, const struct name_table *names, struct sv text, size_t *spent,
        const struct node **ret, unsigned *ret_line, struct error *err);

/* `condition` and none of the exceptions. */
int rules_compile(struct rules *rules, const struct node *condition, const struct node *const *exceptions,
        size_t exception_count, struct compiled_rule *rule, struct error *err);

/* A shell pattern on paths as a regular expression, for linear time: * and ? stop at '/', ** does not, [a-z] and
 * [!a-z], \ quotes. An unclosed '[' is itself. */
void rules_glob_pattern(struct sv glob, struct buf *out);

int output_parse(struct rules *rules, struct sv text, struct compiled_rule *rule, struct error *err);

/* --- evaluation
 * -------------------------------------------------------------------------------------------------------- */

bool program_run(struct rules *rules, const struct compiled_rule *rule, const struct event *event);
/* Counts a match at now_ns; true when it makes the count full: the group then begins anew. */
bool window_count(struct rules *rules, struct window *window, const struct event *event, int64_t now_ns);
/* May the rule's alert for this event be told? Then *ret_suppressed is how many were held back before. */
bool silence_ask(struct rules *rules, const struct compiled_rule *rule, const struct event *event, int64_t now_ns,
        uint64_t *ret_suppressed);
