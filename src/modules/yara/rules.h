/* Rules of YARA, compiled and run over open files. One set at a time. */
#pragma once

#include "base/error.h"
#include "schema/field.h"

enum {
        RULES_TEXT_MAX = 8 << 20,
        RULES_STRINGS_MAX = 10000, /* of one rule */
        RULES_MATCHED_MAX = 1000,  /* names told of one file */
};

struct rules;

/* The rules may import libyara's modules but not include files. The error says the line. */
struct rules *rules_new(const char *text, struct error *err);
void rules_free(struct rules *rules);

struct rules_matched {
        char *names[RULES_MATCHED_MAX]; /* owned by the rules */
        size_t count;
        size_t refused;
};

/* Runs the rules over the bytes of a regular file. The external variables filename, filepath and extension are set from
 * path. E_TIMEOUT after so many seconds: what matched until then is in *ret. */
int rules_scan(
        struct rules *rules, int fd, const char *path, int seconds, struct rules_matched *ret, struct error *err);
