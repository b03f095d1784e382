/* The terminal of this process: what the verbs know of it, and the ways they write to it. */
#include "base/cleanup.h"
#include "base/path.h"
#include "cli/cli.h"
#include "term/demo.h"
#include "term/pager.h"
#include "term/style.h"

static enum colour_wish wish; /* --color */
static struct term streams[2];
static bool opened[2];

static const struct term *stream(int fd)
{
        struct term *term = &streams[fd == STDERR_FILENO];
        if (!opened[fd == STDERR_FILENO])
                term_open(term, fd, wish);
        opened[fd == STDERR_FILENO] = true;
        return term;
}

const struct term *cli_out(void)
{
        return stream(STDOUT_FILENO);
}

const struct term *cli_err(void)
{
        return stream(STDERR_FILENO);
}

void cli_set_colour(enum colour_wish wanted)
{
        wish = wanted;
        opened[0] = opened[1] = false;
        colour_pass_on(wanted);
}

int cli_take_colour(int *argc, char ***argv)
{
        static const char option[] = "--color";
        const size_t length = sizeof(option) - 1;
        const char *word = (*argv)[1];
        if (*argc < 2 || strncmp(word, option, length) != 0 || (word[length] && word[length] != '='))
                return 0;
        int words = word[length] ? 1 : 2;
        const char *value = word[length] ? word + length + 1 : *argc > 2 ? (*argv)[2] : "";
        for (int i = 0; colour_wish_names[i]; i++)
                if (strcmp(value, colour_wish_names[i]) == 0) {
                        cli_set_colour((enum colour_wish)i);
                        *argc -= words;
                        *argv += words;
                        return words;
                }
        fprintf(stderr, "tarsier: --color is auto, always or never\n");
        return -1;
}

int cli_fail(const struct error *err)
{
        cleanup(buf_done) struct buf line;
        buf_init(&line, 64 << 10);
        style_put(&line, cli_err(), STYLE_ERROR, SV("tarsier:"));
        fprintf(stderr, "%s %s\n", buf_text(&line), err->message);
        return error_exit_status(err->code);
}

int cli_page(struct sv text)
{
        struct error err;
        if (fflush(stdout) == 0 && pager_show(cli_out(), text, &err) == 0)
                return 0;
        return cli_fail(&err);
}

/* Headings end with a colon at the left edge ("Usage:" has its text behind it), commands to type stand below
 * "Examples:". */
int cli_show_help(struct sv text)
{
        const struct term *out = cli_out();
        cleanup(buf_done) struct buf shown;
        struct sv line;
        bool examples = false;
        buf_init(&shown, 4 << 20);
        if (out->depth == COLOUR_NONE)
                return cli_page(text);
        while (text.n && sv_line(&text, &line)) {
                bool heading = line.n && line.p[0] >= 'A' && line.p[0] <= 'Z' && line.p[line.n - 1] == ':';
                size_t n = sv_starts(line, SV("Usage: ")) ? 6 : heading ? line.n : 0;
                if (n)
                        examples = sv_starts(line, SV("Examples:"));
                style_put(&shown, out, STYLE_HEADING, sv_n(line.p, n));
                line = sv_n(line.p + n, line.n - n);
                if (examples && sv_starts(line, SV("  tarsier"))) {
                        buf_puts(&shown, "  ");
                        style_put(&shown, out, STYLE_COMMAND, sv_n(line.p + 2, line.n - 2));
                } else {
                        buf_append(&shown, line.p, line.n);
                }
                buf_putc(&shown, '\n');
        }
        return cli_page(sv_n(buf_text(&shown), shown.len));
}

struct term_flags {
        int action;
        char *part;
};

static const char *const term_actions[] = { "demo", NULL };

static const struct field term_fields[] = {
        FIELD_ENUM(struct term_flags, action, term_actions, .positional = true, .option = "", .required = true,
                .help = "show what this terminal can"),
        FIELD_STRING(struct term_flags, part, .names = term_demo_parts, .positional = true, .option = "",
                .help = "only this part: colours, styles, tables, links, spinners or bars"),
};

const struct record term_flags_record = { term_fields, sizeof(term_fields) / sizeof(term_fields[0]),
        sizeof(struct term_flags), "term_flags" };

int cmd_term(int argc, char **argv)
{
        struct error err;
        if (cli_verb_help("term", argc, argv))
                return 0;
        if (argc < 2 || argc > 3 || strcmp(argv[1], "demo") != 0) {
                fputs("usage: tarsier term demo [PART]\nparts:", stderr);
                for (size_t i = 0; term_demo_parts[i]; i++)
                        fprintf(stderr, " %s", term_demo_parts[i]);
                fputc('\n', stderr);
                return 2;
        }
        return term_demo(cli_out(), cli_err(), argc == 3 ? argv[2] : NULL, &err) < 0 ? cli_fail(&err) : 0;
}
