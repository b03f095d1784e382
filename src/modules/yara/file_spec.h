/* Which files to scan, in the words of MIG's yara module: the flags of its file module in one text. */
#pragma once

#include "schema/field.h"

enum { FILE_SPEC_WORDS_MAX = 256, FILE_SPEC_DEPTH = 1000 };

struct file_spec {
        struct string_list paths;
        struct string_list names; /* one of them must match; none: every name */
        int64_t max_depth;
        uint64_t min_size, max_size; /* max_size 0: any */
};

/* Reads "-path /bin -name ssh -size <1m" (also quoted words) into ret, whose other members stay. Flags of the file
 * module that choose by anything else are refused, never ignored. */
int file_spec_parse(const char *text, struct arena *arena, struct file_spec *ret, struct error *err);
