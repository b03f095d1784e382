/* What Go's regexp accepts, its error texts, the tree of an accepted pattern, and the same pattern in the words of
 * libre2. The grammar is that of Go's regexp/syntax with the flags of regexp.Compile. Internal to lib/regex.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/sv.h"

#define SYNTAX_REPEAT_MAX 1000     /* Go's maxRepeat, also for the product of nested counts */
#define SYNTAX_HEIGHT_MAX 1000     /* Go's maxHeight */
#define SYNTAX_SIZE_MAX (3355443L) /* Go's maxSize: instructions */
#define SYNTAX_SET_RUNES 4

enum syntax_op {
        SYNTAX_EMPTY,
        SYNTAX_CHARACTER, /* one character of .set */
        SYNTAX_BEGIN,     /* ^ or \A */
        SYNTAX_END,       /* $ or \z */
        SYNTAX_WORD_BOUNDARY,
        SYNTAX_NOT_WORD_BOUNDARY,
        SYNTAX_CONCAT,
        SYNTAX_ALTERNATE,
        SYNTAX_REPEAT, /* one child, min..max times; max -1 is unlimited */
        SYNTAX_CAPTURE /* one child */
};

/* A superset of the characters that one character of the pattern may be: exact in ASCII unless \p was involved. */
struct syntax_set {
        uint64_t ascii[2];
        uint32_t runes[SYNTAX_SET_RUNES]; /* non-ASCII ones, when there are few */
        uint8_t rune_count;
        bool wide;    /* may be any non-ASCII character */
        bool inexact; /* \p: ASCII may hold too much, so that its complement would hold too little */
};

struct syntax_node {
        enum syntax_op op;
        int min;
        int max;
        struct syntax_set set;
        struct syntax_node *child; /* first */
        struct syntax_node *next;  /* sibling */
        int height;
        int repeats;  /* largest product of nested counts */
        int64_t size; /* Go's estimate of instructions */
};

struct syntax {
        struct syntax_node *root;
        struct buf program; /* for libre2 */
        bool high_literal;  /* with REGEX_BYTES: has a byte from 0x80 up, see RE2_LATIN1_LITERALS */
        size_t groups;      /* without the whole match */
        const char **names; /* [groups + 1], NULL where unnamed */
        /* An invalid byte (or a coded surrogate) might match here: text that is not UTF-8 must be made so first. */
        bool sees_invalid;
        bool not_word_boundary; /* \B, which libre2 also finds inside of a character */
};

/* Everything in *ret lives in the arena except program, which the caller releases with buf_done (also on failure).
 * flags: enum regex_flag. */
int syntax_parse(struct arena *arena, struct sv pattern, unsigned flags, struct syntax *ret, struct error *err);

/* Sets. fold adds what Unicode's simple case folding makes equal. */
void syntax_set_add(struct syntax_set *set, uint32_t low, uint32_t high, bool fold);
void syntax_set_add_wide(struct syntax_set *set);
void syntax_set_negate(struct syntax_set *set);
bool syntax_set_named(struct syntax_set *set, struct sv name, bool fold); /* "alpha"; false if there is no such class */
