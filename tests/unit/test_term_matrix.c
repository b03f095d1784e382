/* What a terminal is taken for, for every combination of the variables that speak: the golden file holds the decisions,
 * and the rules of docs/term.md, said here once more, must give the same. TARSIER_GOLDEN=write writes the file. */
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/path.h"
#include "term/term.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>

enum { VARIABLES_MAX = 8, VALUES_MAX = 6, GOLDEN_MAX = 64 << 10 };

struct variable {
        const char *name;
        const char *values[VALUES_MAX]; /* NULL at the end; "-" is not set */
        size_t at;
};

struct matrix {
        struct variable variables[VARIABLES_MAX];
        size_t count;
};

static const char *value_of(const struct variable *variable)
{
        const char *value = variable->values[variable->at];
        return strcmp(value, "-") == 0 ? NULL : value;
}

static const char *look_up(const char *name, void *cookie)
{
        const struct matrix *matrix = cookie;
        for (size_t i = 0; i < matrix->count; i++)
                if (strcmp(matrix->variables[i].name, name) == 0)
                        return value_of(&matrix->variables[i]);
        return NULL;
}

/* The next combination of the variables from `first` on, the last one turning fastest; false after all. */
static bool turn(struct matrix *matrix, size_t first, size_t end)
{
        for (size_t i = end; i-- > first;) {
                struct variable *variable = &matrix->variables[i];
                if (variable->values[++variable->at])
                        return true;
                variable->at = 0;
        }
        return false;
}

static void put_heading(struct buf *out, const char *what, const struct matrix *matrix, size_t first)
{
        buf_printf(out, "# %s; the digits of a line turn", what);
        for (size_t i = first; i < matrix->count; i++) {
                buf_printf(out, " %s", matrix->variables[i].name);
                for (size_t j = 0; matrix->variables[i].values[j]; j++)
                        buf_printf(out, "%c%s", j ? '|' : '=',
                                *matrix->variables[i].values[j] ? matrix->variables[i].values[j] : "''");
        }
        buf_putc(out, '\n');
}

static void put_line_head(struct buf *out, const char *before, const struct matrix *matrix, size_t end)
{
        buf_puts(out, before);
        for (size_t i = 0; i < end; i++)
                buf_printf(
                        out, " %s=%s", matrix->variables[i].name, matrix->variables[i].values[matrix->variables[i].at]);
        buf_puts(out, " : ");
}

/* ---- colours ---- */

static bool is_set(const struct matrix *matrix, const char *name)
{
        const char *value = look_up(name, (void *)(uintptr_t)matrix);
        return value && *value;
}

static bool is_forcing(const struct matrix *matrix, const char *name)
{
        const char *value = look_up(name, (void *)(uintptr_t)matrix);
        return value && *value && strcmp(value, "0") != 0 && strcmp(value, "false") != 0;
}

/* docs/term.md, "The first rule that speaks decides": are there colours at all? */
static bool by_the_rules(enum colour_wish wish, bool tty, const struct matrix *matrix)
{
        const char *term = look_up("TERM", (void *)(uintptr_t)matrix);
        const char *clicolor = look_up("CLICOLOR", (void *)(uintptr_t)matrix);
        if (wish != COLOUR_AUTO)
                return wish == COLOUR_ALWAYS;
        if (is_set(matrix, "NO_COLOR"))
                return false;
        if (is_forcing(matrix, "CLICOLOR_FORCE") || is_forcing(matrix, "FORCE_COLOR"))
                return true;
        if (clicolor && strcmp(clicolor, "0") == 0)
                return false;
        if (!term || !*term || strcmp(term, "dumb") == 0)
                return false;
        return tty;
}

static void colours(struct buf *out)
{
        struct matrix matrix = { .variables = { { "TERM", { "-", "", "dumb", "xterm", "xterm-256color" } },
                                         { "COLORTERM", { "-", "truecolor" } }, { "NO_COLOR", { "-", "", "1" } },
                                         { "CLICOLOR_FORCE", { "-", "0", "1" } },
                                         { "FORCE_COLOR", { "-", "false", "1", "3" } },
                                         { "CLICOLOR", { "-", "0", "1" } } },
                .count = 6 };
        enum { OF_LINE = 2 };
        put_heading(out, "colours: 0 none, 1 16, 2 256, 3 true", &matrix, OF_LINE);
        for (int wish = 0; wish < COLOUR_WISHES_MAX; wish++)
                for (int tty = 0; tty < 2; tty++)
                        do {
                                char before[64];
                                snprintf(before, sizeof(before), "--color=%s tty=%d", colour_wish_names[wish], tty);
                                put_line_head(out, before, &matrix, OF_LINE);
                                do {
                                        enum colour_depth depth =
                                                colour_decide((enum colour_wish)wish, tty, look_up, &matrix);
                                        bool wanted = by_the_rules((enum colour_wish)wish, tty, &matrix);
                                        assert_int_equal(depth != COLOUR_NONE, wanted);
                                        buf_printf(out, "%d", (int)depth);
                                } while (turn(&matrix, OF_LINE, matrix.count));
                                buf_putc(out, '\n');
                        } while (turn(&matrix, 0, OF_LINE));
}

/* ---- links and letters ---- */

static void links(struct buf *out)
{
        struct matrix matrix = { .variables = { { "TERM", { "-", "dumb", "xterm", "xterm-kitty" } },
                                         { "FORCE_HYPERLINK", { "-", "0", "1" } },
                                         { "TERM_PROGRAM", { "-", "iTerm.app", "Apple_Terminal" } },
                                         { "VTE_VERSION", { "-", "4205", "6800", "x" } },
                                         { "KONSOLE_VERSION", { "-", "201100", "201200" } },
                                         { "TMUX", { "-", "/tmp/x" } }, { "STY", { "-", "1" } } },
                .count = 7 };
        enum { OF_LINE = 2 };
        put_heading(out, "links", &matrix, OF_LINE);
        for (int tty = 0; tty < 2; tty++)
                do {
                        put_line_head(out, tty ? "tty=1" : "tty=0", &matrix, OF_LINE);
                        do
                                buf_putc(out, term_knows_links(tty, look_up, &matrix) ? '1' : '0');
                        while (turn(&matrix, OF_LINE, matrix.count));
                        buf_putc(out, '\n');
                } while (turn(&matrix, 0, OF_LINE));
}

static void letters(struct buf *out)
{
        struct matrix matrix = { .variables = { { "LC_ALL", { "-", "", "C", "C.UTF-8" } },
                                         { "LC_CTYPE", { "-", "", "de_DE", "de_DE.utf8" } },
                                         { "LANG", { "-", "", "POSIX", "en_GB.UTF-8" } } },
                .count = 3 };
        enum { OF_LINE = 1 };
        put_heading(out, "UTF-8", &matrix, OF_LINE);
        do {
                put_line_head(out, "", &matrix, OF_LINE);
                do
                        buf_putc(out, term_knows_utf8(look_up, &matrix) ? '1' : '0');
                while (turn(&matrix, OF_LINE, matrix.count));
                buf_putc(out, '\n');
        } while (turn(&matrix, 0, OF_LINE));
}

static void the_decisions_are_those_of_the_golden_file(void **state)
{
        (void)state;
        char path[512];
        struct error err;
        const char *source = getenv("TARSIER_SOURCE");
        const char *mode = getenv("TARSIER_GOLDEN");
        cleanup(buf_done) struct buf ours, golden;
        buf_init(&ours, GOLDEN_MAX);
        buf_init(&golden, GOLDEN_MAX);
        colours(&ours);
        links(&ours);
        letters(&ours);
        assert_false(ours.failed);
        snprintf(path, sizeof(path), "%s/tests/unit/golden/term_matrix.txt", source ? source : ".");
        if (mode && strcmp(mode, "write") == 0)
                assert_int_equal(file_replace(AT_FDCWD, path, ours.data, ours.len, 0644, &err), 0);
        if (file_read(AT_FDCWD, path, &golden, &err) < 0)
                fail_msg("%s", err.message);
        struct sv mine = sv_n(ours.data, ours.len), theirs = sv_n(golden.data, golden.len), a, b;
        while (mine.n && theirs.n && sv_line(&mine, &a) && sv_line(&theirs, &b))
                if (!sv_eq(a, b))
                        fail_msg("decided otherwise:\n%.*s\n%.*s", SV_ARG(a), SV_ARG(b));
        assert_int_equal(ours.len, golden.len);
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(the_decisions_are_those_of_the_golden_file) };
        return cmocka_run_group_tests_name("term_matrix", tests, NULL, NULL);
}
