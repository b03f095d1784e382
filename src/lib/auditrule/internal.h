/* Shared by the files of this library. */
#pragma once

#include "lib/auditrule/auditrule.h"

enum field_kind {
        FIELD_NUMBER,   /* any base as of C */
        FIELD_REGISTER, /* a0..a3: printed in hexadecimal */
        FIELD_USER,
        FIELD_GROUP,
        FIELD_SESSION, /* a number or "unset" */
        FIELD_EXIT,
        FIELD_MESSAGE,
        FIELD_ARCH,
        FIELD_PERMISSION,
        FIELD_FILE_TYPE,
        FIELD_FS_TYPE,
        FIELD_TEXT,
        FIELD_PATH,
};

struct field_of_rule {
        uint32_t number;
        enum field_kind kind;
        const char *name;
        bool equality_only; /* = and != */
};

const struct field_of_rule *field_by_name(struct sv name);
const struct field_of_rule *field_by_number(uint32_t number);

struct relation_of_rule {
        uint32_t number;
        const char *text;
};
/* Longer ones first. */
extern const struct relation_of_rule relations[];
extern const size_t relations_count;

/* AUDIT_COMPARE_… of two fields in either order, 0 when there is none. */
uint32_t comparison_of(uint32_t field, uint32_t other);
bool comparison_fields(uint32_t comparison, uint32_t *ret_field, uint32_t *ret_other);

struct number_name {
        int64_t number;
        const char *name;
};
extern const struct number_name list_names[], action_names[], file_type_names[], fs_type_names[]; /* NULL-ended */
const char *name_of(const struct number_name *names, int64_t number);
bool number_of_name(const struct number_name *names, struct sv name, int64_t *ret);

/* libaudit's number of an architecture (MACH_…): "b64", "b32", "x86_64", "0xc000003e"; -1 when not known. */
int machine_of(struct sv arch, int native);

/* Bits of the mask that are system calls; those above are classes of calls (linux/audit.h). */
enum { CALLS_MAX = AUDIT_BITMASK_SIZE * 32 - AUDIT_SYSCALL_CLASSES };

/* struct audit_rule_data without its flexible end, so that it can stand in other structs. */
struct rule_head {
        uint32_t flags, action, field_count;
        uint32_t mask[AUDIT_BITMASK_SIZE];
        uint32_t fields[AUDIT_MAX_FIELDS], values[AUDIT_MAX_FIELDS], fieldflags[AUDIT_MAX_FIELDS];
        uint32_t buflen;
};
_Static_assert(sizeof(struct rule_head) == sizeof(struct audit_rule_data), "linux/audit.h");

struct builder { /* a rule in the making */
        const struct auditrule_options *options;
        struct rule_head head;
        struct buf strings;
        struct buf key;
        int machine, native;
        bool has_list, has_calls, has_arch, has_permission, watch;
        bool remove;
};

/* One -F, -C, -S. */
int builder_field(struct builder *builder, struct sv text, struct error *err);
int builder_comparison(struct builder *builder, struct sv text, struct error *err);
int builder_calls(struct builder *builder, struct sv text, struct error *err);
int builder_add(struct builder *builder, uint32_t field, uint32_t relation, uint32_t value, struct error *err);
int builder_text(struct builder *builder, uint32_t field, uint32_t relation, struct sv text, struct error *err);
int builder_permissions(struct builder *builder, struct sv text, uint32_t *ret, struct error *err);
