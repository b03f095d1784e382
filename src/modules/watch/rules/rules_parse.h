/* The parser of conditions, as its two files share it. Private to rules_parse.c and rules_values.c. */
#pragma once

#include "modules/watch/rules/rules_internal.h"

enum token_kind { TOKEN_END, TOKEN_WORD, TOKEN_STRING, TOKEN_LIST, TOKEN_SYMBOL };

struct token {
        enum token_kind kind;
        struct sv text;   /* STRING without its quotes and escapes; LIST without its '$' */
        const char *from; /* where it begins */
};

struct parser {
        struct rules *rules;
        const struct name_table *names;
        const char *begin, *at, *end;
        struct token token; /* the next one */
        unsigned depth;
        bool glob; /* the pattern to come is a shell's */
        size_t *spent;
        struct error *err;
};

/* The next token into parser->token; -1 where there is none. */
int parser_next(struct parser *parser);
bool parser_at(const struct parser *parser, enum token_kind kind, const char *text);
/* "WHAT is missing at …"; -1 */
int parser_expected(struct parser *parser, const char *what);
int parser_no_memory(struct parser *parser);

/* What stands behind an operator: one value, or with `many` several or a list. */
int parser_values(struct parser *parser, struct test *test, bool many);
