/* What lines.c knows of a compiled pattern. */
#pragma once

#include "lib/regex/regex.h"

struct re2_program;

struct regex {
        struct re2_program *program;
        char *pattern;
        size_t pattern_length;
        unsigned flags;
        size_t groups;
        char **names;        /* [groups + 1] */
        char *approximation; /* for prefilters, see approximation.h; NULL if there is none */
        char literal[64];    /* bytes that every match holds */
        size_t literal_length;
        bool sees_invalid;      /* see struct syntax */
        bool not_word_boundary; /* see struct syntax */
};

/* utf8_valid, fast on ASCII */
bool regex_text_valid(struct sv text);
