/* What the builder (exposition.c) and the writer (exposition_write.c) share. */
#pragma once

#include "base/arena.h"
#include "base/map.h"
#include "modules/metrics/export/exposition.h"

struct stored_label {
        const char *name, *value; /* value: valid UTF-8, not escaped */
        uint32_t name_length, value_length;
        uint16_t at; /* of a sample's own label: how many labels of the set stand before it */
        bool escape; /* value has bytes to be escaped */
};

struct exposition_labels {
        size_t count;
        const char *text; /* `a="b",c="d"` */
        size_t text_length;
        const uint32_t *ends; /* of each label in text, without its comma */
        const struct stored_label *labels;
        const struct exposition_labels *before; /* the set before this one in the order of writing; NULL: not told */
        size_t differs;                         /* the first label that is another than before's */
};

struct sample {
        struct sample *next;
        const struct exposition_labels *set; /* or NULL */
        double value;
        int64_t time_ms;
        uint16_t count;
        uint8_t part; /* enum exposition_part */
        struct stored_label labels[];
};

struct exposition_family {
        struct exposition *exposition;
        const char *name, *help;
        size_t name_length;
        enum exposition_type type;
        struct sample *first, *last;
};

struct exposition {
        struct arena arena;
        struct map families;
        struct buf scratch; /* a value made valid UTF-8, a set's text */
        size_t samples;
        uint64_t refused;
        bool no_room;
        struct { /* where the writing is */
                enum exposition_format format;
                struct exposition_family **families; /* by name */
                size_t count, at;
                struct sample *next; /* of families[at]; NULL: it has not begun */
        } writer;
};

enum { NUMBER_MAX = 32 };
/* exposition_number into ret (NUMBER_MAX bytes, no NUL); its length. */
size_t number_format(double value, char *ret);

/* In the order of writing: <0, 0 (the same series), >0. */
int sample_compare(const struct exposition_family *family, const struct sample *a, const struct sample *b);
/* Stable; does nothing to what is in order. */
void samples_sort(struct exposition_family *family);
/* value with backslash, newline and double quote escaped: at most twice its length; the end. */
char *label_escape(char *out, const struct stored_label *label);
