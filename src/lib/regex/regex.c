#include "lib/regex/regex.h"

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/encode.h"
#include "lib/regex/approximation.h"
#include "lib/regex/re2_shim.h"
#include "lib/regex/regex_internal.h"
#include "lib/regex/syntax.h"

#define APPROXIMATION_MAX (64U << 10)
#define SYNTAX_MEMORY_MAX (48U << 20) /* the tree of the longest pattern; given back at once */

_Static_assert(sizeof(((struct regex *)0)->literal) == APPROXIMATION_LITERAL_MAX, "room for the longest literal");
_Static_assert(RE2_SPANS_MAX == REGEX_CAPTURES_MAX, "the shim holds as many groups as the API");

static int compile(
        struct regex *regex, struct sv pattern, unsigned flags, const struct syntax *syntax, struct error *err)
{
        char argument[256] = "";
        cleanup(buf_done) struct buf program;
        buf_init(&program, syntax->program.len + sizeof(RE2_LATIN1_LITERALS));
        buf_puts(&program, syntax->high_literal ? RE2_LATIN1_LITERALS : "");
        buf_append(&program, buf_text(&syntax->program), syntax->program.len);
        if (program.failed)
                return fail(err, E_NO_MEMORY, "no memory to compile a regexp");
        unsigned mode = (flags & REGEX_BYTES ? RE2_LATIN1 : 0) | (flags & REGEX_NOCASE ? RE2_NOCASE : 0);
        enum re2_status status = re2_program_new(
                buf_text(&program), program.len, mode, REGEX_MEMORY_MAX, &regex->program, argument, sizeof(argument));
        switch (status) {
        case RE2_OK:
                return 0;
        case RE2_BAD_CHARACTER_RANGE:
                return fail(err, E_INVALID, "error parsing regexp: invalid character class range: `%s`", argument);
        case RE2_TOO_LARGE:
                return fail(err, E_TOO_LARGE, "error parsing regexp: expression too large: `%.*s`", SV_ARG(pattern));
        case RE2_NO_MEMORY:
                return fail(err, E_NO_MEMORY, "no memory to compile a regexp");
        case RE2_REFUSED:
                break;
        }
        return fail(err, E_INVALID, "error parsing regexp: regexp/syntax: internal error: `%.*s`", SV_ARG(pattern));
}

static int copy_names(struct regex *regex, const struct syntax *syntax, struct error *err)
{
        regex->groups = syntax->groups;
        regex->names = calloc(syntax->groups + 1, sizeof(*regex->names));
        if (!regex->names)
                return fail(err, E_NO_MEMORY, "no memory to compile a regexp");
        for (size_t i = 1; i <= syntax->groups; i++) {
                if (syntax->names[i] && !(regex->names[i] = strdup(syntax->names[i])))
                        return fail(err, E_NO_MEMORY, "no memory to compile a regexp");
        }
        return 0;
}

/* A pattern without one is searched more slowly, not wrongly. */
static void approximate(struct regex *regex, const struct syntax *syntax)
{
        cleanup(buf_done) struct buf text;
        buf_init(&text, APPROXIMATION_MAX);
        regex->literal_length = approximation_literal(syntax, regex->literal);
        if (approximation_write(syntax, &text))
                regex->approximation = strdup(buf_text(&text));
}

struct regex *regex_new(struct sv pattern, unsigned flags, struct error *err)
{
        if (pattern.n > REGEX_PATTERN_MAX)
                return fail_null(
                        err, E_TOO_LARGE, "regexp of %zu bytes: the longest one is %u", pattern.n, REGEX_PATTERN_MAX);
        cleanup(arena_done) struct arena arena;
        arena_init(&arena, SYNTAX_MEMORY_MAX);
        struct syntax syntax;
        cleanup(regex_free) struct regex *regex = calloc(1, sizeof(*regex));
        if (!regex || !(regex->pattern = strndup(pattern.n ? pattern.p : "", pattern.n)))
                return fail_null(err, E_NO_MEMORY, "no memory to compile a regexp");
        int failed = syntax_parse(&arena, pattern, flags, &syntax, err);
        if (!failed)
                failed = compile(regex, pattern, flags, &syntax, err) || copy_names(regex, &syntax, err);
        regex->flags = flags;
        regex->pattern_length = pattern.n;
        regex->sees_invalid = syntax.sees_invalid && !(flags & REGEX_BYTES);
        regex->not_word_boundary = syntax.not_word_boundary && !(flags & REGEX_BYTES);
        if (!failed && !(flags & REGEX_BYTES))
                approximate(regex, &syntax);
        buf_done(&syntax.program);
        return failed ? NULL : take_ptr(regex);
}

void regex_free(struct regex *regex)
{
        if (!regex)
                return;
        re2_program_free(regex->program);
        for (size_t i = 0; regex->names && i <= regex->groups; i++)
                free(regex->names[i]);
        free(regex->names);
        free(regex->approximation);
        free(regex->pattern);
        free(regex);
}

bool regex_text_valid(struct sv text)
{
        size_t at = 0;
        for (; at + 8 <= text.n; at += 8) {
                uint64_t word;
                memcpy(&word, text.p + at, sizeof(word));
                if (word & UINT64_C(0x8080808080808080))
                        break;
        }
        return utf8_valid(sv_n(text.p + at, text.n - at));
}

/* Is `at` inside of a character of this valid text? */
static bool inside_character(struct sv text, size_t at)
{
        return at < text.n && ((unsigned char)text.p[at] & 0xc0) == 0x80;
}

/* Search in text that is valid or whose invalid bytes cannot matter. */
static int search(const struct regex *regex, struct sv text, size_t start, struct re2_span *spans, size_t count)
{
        if (!regex->not_word_boundary)
                return re2_program_search(regex->program, text.p, text.n, start, spans, count);
        /* libre2 looks at every byte for a \B, Go at every character. A match that begins inside of a character is
         * empty (no other one could), and its follower is at the next character or later. */
        struct re2_span own[1];
        struct re2_span *first = count ? spans : own;
        for (;;) {
                int found = re2_program_search(regex->program, text.p, text.n, start, first, count ? count : 1);
                if (found <= 0 || !inside_character(text, first->start))
                        return found;
                start = first->start + 1;
                while (inside_character(text, start))
                        start++;
        }
}

/* The offset in the original of `target` in its sanitized form; with `forward` the other way round. */
static size_t map_offset(struct sv original, size_t target, bool forward)
{
        size_t clean = 0;
        size_t at = 0;
        while (at < original.n && (forward ? at : clean) < target) {
                uint32_t code;
                size_t length = utf8_decode(sv_n(original.p + at, original.n - at), &code);
                at += length ? length : 1;
                clean += length ? length : 3;
        }
        return forward ? clean : at;
}

static int search_sanitized(
        const struct regex *regex, struct sv text, size_t start, struct re2_span *spans, size_t count)
{
        cleanup(buf_done) struct buf clean;
        buf_init(&clean, 3 * text.n);
        utf8_sanitize(text, &clean);
        if (clean.failed)
                return -1;
        size_t clean_start = start ? map_offset(text, start, true) : 0;
        int found = search(regex, sv_n(buf_text(&clean), clean.len), clean_start, spans, count);
        for (size_t i = 0; found > 0 && i < count; i++) {
                if (spans[i].start == SIZE_MAX)
                        continue;
                spans[i].start = map_offset(text, spans[i].start, false);
                spans[i].end = map_offset(text, spans[i].end, false);
        }
        return found;
}

int regex_find(const struct regex *regex, struct sv text, size_t start, struct regex_capture *captures, size_t count,
        struct error *err)
{
        struct re2_span spans[REGEX_CAPTURES_MAX];
        size_t wanted = count < REGEX_CAPTURES_MAX ? count : REGEX_CAPTURES_MAX;
        if (wanted > regex->groups + 1)
                wanted = regex->groups + 1;
        if (!text.p)
                text = SV("");
        if (start > text.n)
                return 0;
        int found;
        if (regex->sees_invalid && !regex_text_valid(text))
                found = search_sanitized(regex, text, start, spans, wanted);
        else
                found = search(regex, text, start, spans, wanted);
        if (found < 0)
                return fail(err, E_NO_MEMORY, "no memory to search %zu bytes for a regexp", text.n);
        if (found == 0)
                return 0;
        for (size_t i = 0; i < count; i++) {
                captures[i].start = i < wanted ? spans[i].start : REGEX_NONE;
                captures[i].end = i < wanted ? spans[i].end : REGEX_NONE;
        }
        return 1;
}

bool regex_match(const struct regex *regex, struct sv text)
{
        return regex_find(regex, text, 0, NULL, 0, NULL) > 0;
}

size_t regex_groups(const struct regex *regex)
{
        return regex->groups;
}

const char *regex_group_name(const struct regex *regex, size_t group)
{
        return group <= regex->groups ? regex->names[group] : NULL;
}

size_t regex_group_index(const struct regex *regex, struct sv name)
{
        for (size_t i = 1; i <= regex->groups; i++) {
                if (regex->names[i] && sv_eq(sv_of(regex->names[i]), name))
                        return i;
        }
        return 0;
}

const char *regex_pattern(const struct regex *regex)
{
        return regex->pattern;
}

size_t regex_memory(const struct regex *regex)
{
        size_t total = sizeof(*regex) + regex->pattern_length + 1 + (regex->groups + 1) * sizeof(*regex->names);
        for (size_t i = 1; i <= regex->groups; i++)
                total += regex->names[i] ? strlen(regex->names[i]) + 1 : 0;
        total += regex->approximation ? strlen(regex->approximation) + 1 : 0;
        return total + re2_program_memory(regex->program);
}

int regex_validate(const char *pattern, struct error *err)
{
        cleanup(regex_free) struct regex *regex = regex_new(sv_of(pattern), 0, err);
        return regex ? 0 : -1;
}
