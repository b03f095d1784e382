/* The loader's own form of rule files: read, merged by name, not yet compiled. Private to rules_load*.c. */
#pragma once

#include "base/map.h"
#include "modules/watch/rules/rules_internal.h"

struct rules_file {
        char *name; /* in messages */
        json_t *root;
        struct map lines; /* see yaml_parse_lines */
};

/* Where something stands. */
struct place {
        const char *file;
        unsigned line;
};

struct list_value {
        struct sv *items;
        size_t count;
        struct place place;
        bool used;
};

struct macro_text {
        const char *text;
        struct place place;
        bool used;
};

struct rule_entry {
        const char *name;
        json_t *members; /* merged */
        struct place place;
};

struct loader {
        struct rules *rules;
        struct rules_file files[RULES_FILES_MAX];
        size_t file_count;
        struct map lists, macros;   /* struct list_value, struct macro_text, in the rules' arena */
        struct rule_entry *entries; /* RULES_MAX */
        size_t entry_count;
        int64_t suppress_ns;
        rules_problem_fn *problem; /* NULL: the first one ends it */
        void *cookie;
        int problems;
        struct error *err;
};

/* Reports the error that is in loader->err as one at this place. -1 when that ends the loading, else 0. */
int loader_bad(struct loader *loader, struct place place, const char *context);
int loader_problem(struct loader *loader, struct place place, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

/* Reads what a path names, "starter" too. */
int loader_add_path(struct loader *loader, const char *path);
int loader_add_text(struct loader *loader, const char *name, struct sv text);
/* Of the value itself; `otherwise` where it has no line of its own. */
struct place loader_place(const struct loader *loader, const json_t *value, struct place otherwise);
/* Into lists, macros and entries. */
int loader_merge(struct loader *loader, const struct rules_file *file);
/* From entries to loader->rules. */
int loader_build(struct loader *loader);

void loader_init(struct loader *loader, const struct rules_options *options, struct error *err);
void loader_done(struct loader *loader);
