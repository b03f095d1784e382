/* The state that syntax.c and syntax_class.c share. */
#pragma once

#include "lib/regex/syntax.h"

enum syntax_flag {
        SYNTAX_FOLD = 1U << 0,
        SYNTAX_MULTILINE = 1U << 1,
        SYNTAX_DOT_NEWLINE = 1U << 2,
        SYNTAX_UNGREEDY = 1U << 3,
};

/* An open group, or the whole pattern. */
struct syntax_frame {
        struct syntax_frame *up;
        unsigned flags; /* to restore at its ')' */
        bool capture;
        struct syntax_node *alternatives, **alternatives_end;
        size_t alternative_count;
        struct syntax_node *items, **items_end;
        struct syntax_node *last;
        size_t item_count;
};

struct syntax_parser {
        struct arena *arena;
        struct sv whole;
        const char *at;
        const char *end;
        unsigned flags; /* enum syntax_flag */
        bool bytes;
        struct syntax_frame *frame;
        struct syntax *result;
        size_t names_capacity;
        struct error *err;
};

/* "error parsing regexp: REASON: `FROM..TO`"; -1 */
int syntax_refuse(struct syntax_parser *parser, const char *reason, const char *from, const char *to);

/* Takes one character at parser->at; -1 on invalid UTF-8. At the end *ret is U+FFFD and nothing is taken. */
int syntax_next(struct syntax_parser *parser, uint32_t *ret);

/* An escape that means one character, at its backslash. */
int syntax_escape(struct syntax_parser *parser, uint32_t *ret);

/* A class of one escape, \d or \pL, at its backslash: 1 taken, added to *set and to the program; 0 nothing of the kind;
 * -1 refused. */
int syntax_class_escape(struct syntax_parser *parser, struct syntax_set *set);

/* A class in brackets, at its '['. */
int syntax_class(struct syntax_parser *parser, struct syntax_set *set);

/* Appends a character to the program in a form that has no other meaning inside and outside of brackets. */
void syntax_emit(struct syntax_parser *parser, uint32_t rune);

/* Notes whether the set can match U+FFFD, as which an invalid byte is seen, or a surrogate, which valid text lacks. */
void syntax_note_range(struct syntax_parser *parser, uint32_t low, uint32_t high);
