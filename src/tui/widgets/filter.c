#include "tui/widgets/filter.h"

#include "lib/regex/regex.h"

struct filter_term {
        char *word; /* NUL-terminated; as it was typed */
        size_t length;
        struct regex *regex; /* NULL: a plain word */
        int column;          /* -1: all of the row */
        bool inverted;
        bool any_case;
};

struct filter {
        struct filter_term terms[FILTER_TERMS_MAX];
        size_t count;
        char text[FILTER_TEXT_MAX];
};

static bool has_capital(struct sv word)
{
        for (size_t i = 0; i < word.n; i++)
                if (word.p[i] >= 'A' && word.p[i] <= 'Z' && (i == 0 || word.p[i - 1] != '\\'))
                        return true;
        return false;
}

/* A dot alone makes no expression: names of files and units have them. */
static bool is_expression(struct sv word)
{
        for (size_t i = 0; i < word.n; i++)
                if (strchr("*+?[](){}|^$\\", word.p[i]))
                        return true;
        return false;
}

/* Takes the next word off *text, which may be in quotes as a whole or behind its "!" and "name:". */
static bool next_word(struct sv *text, struct sv *ret)
{
        size_t start = 0;
        while (start < text->n && (text->p[start] == ' ' || text->p[start] == '\t'))
                start++;
        if (start == text->n)
                return false;
        size_t end = start;
        bool quoted = false;
        for (; end < text->n && (quoted || (text->p[end] != ' ' && text->p[end] != '\t')); end++)
                if (text->p[end] == '"')
                        quoted = !quoted;
        *ret = sv_n(text->p + start, end - start);
        *text = sv_n(text->p + end, text->n - end);
        return true;
}

static int column_of(struct sv *word, const char *const *names)
{
        size_t colon = sv_find(*word, ':');
        for (int i = 0; colon < word->n && names && names[i]; i++) {
                if (!sv_eq_nocase(sv_n(word->p, colon), sv_of(names[i])))
                        continue;
                *word = sv_n(word->p + colon + 1, word->n - colon - 1);
                return i;
        }
        return -1;
}

static int add_term(struct filter *filter, struct sv word, const char *const *names, struct error *err)
{
        struct filter_term term = { .column = -1 };
        if (word.n > 1 && word.p[0] == '!') {
                term.inverted = true;
                word = sv_n(word.p + 1, word.n - 1);
        }
        term.column = column_of(&word, names);
        if (word.n >= 2 && word.p[0] == '"' && word.p[word.n - 1] == '"')
                word = sv_n(word.p + 1, word.n - 2);
        if (word.n == 0)
                return 0; /* being typed */
        if (filter->count == FILTER_TERMS_MAX)
                return fail(err, E_INVALID, "a filter has %d words at most", FILTER_TERMS_MAX);
        term.any_case = !has_capital(word);
        if (is_expression(word)) {
                term.regex = regex_new(word, term.any_case ? REGEX_NOCASE : 0, err);
                if (!term.regex)
                        return -1;
        }
        term.word = strndup(word.p, word.n);
        term.length = word.n;
        if (!term.word) {
                regex_free(term.regex);
                return fail(err, E_NO_MEMORY, "a filter");
        }
        filter->terms[filter->count++] = term;
        return 0;
}

struct filter *filter_new(struct sv text, const char *const *names, struct error *err)
{
        if (text.n >= FILTER_TEXT_MAX)
                return fail_null(err, E_INVALID, "a filter has %d letters at most", FILTER_TEXT_MAX - 1);
        struct filter *filter = calloc(1, sizeof(*filter));
        if (!filter)
                return fail_null(err, E_NO_MEMORY, "a filter");
        memcpy(filter->text, text.p, text.n);
        struct sv word;
        while (next_word(&text, &word)) {
                if (add_term(filter, word, names, err) == 0)
                        continue;
                filter_free(filter);
                return NULL;
        }
        return filter;
}

void filter_free(struct filter *filter)
{
        if (!filter)
                return;
        for (size_t i = 0; i < filter->count; i++) {
                free(filter->terms[i].word);
                regex_free(filter->terms[i].regex);
        }
        free(filter);
}

const char *filter_text(const struct filter *filter)
{
        return filter->text;
}

static char lower(char c)
{
        return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool contains(struct sv text, const struct filter_term *term)
{
        if (!term->any_case)
                return memmem(text.p, text.n, term->word, term->length) != NULL;
        for (size_t i = 0; i + term->length <= text.n; i++) {
                size_t n = 0;
                while (n < term->length && lower(text.p[i + n]) == lower(term->word[n]))
                        n++;
                if (n == term->length)
                        return true;
        }
        return false;
}

bool filter_match(const struct filter *filter, filter_text_fn *text_of, void *cookie)
{
        for (size_t i = 0; i < filter->count; i++) {
                const struct filter_term *term = &filter->terms[i];
                struct sv text = text_of(cookie, term->column);
                bool found = term->regex ? regex_match(term->regex, text) : contains(text, term);
                if (found == term->inverted)
                        return false;
        }
        return true;
}
