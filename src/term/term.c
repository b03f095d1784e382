#include "term/term.h"

#include "base/sv.h"
#include "term/style.h"

#include <sys/ioctl.h>

enum { WIDTH_DEFAULT = 80, HEIGHT_DEFAULT = 24, WIDTH_MOST = 4096 };

const char *const colour_wish_names[] = { "auto", "always", "never", NULL };

/* The variable, or NULL where it is empty too. */
static const char *filled(const char *name, term_getenv_fn *get, void *cookie)
{
        const char *value = get(name, cookie);
        return value && *value ? value : NULL;
}

static bool is_forced(const char *name, term_getenv_fn *get, void *cookie)
{
        const char *value = filled(name, get, cookie);
        return value && strcmp(value, "0") != 0 && strcasecmp(value, "false") != 0;
}

/* How rich, where colours are wanted at all. */
static enum colour_depth richness(term_getenv_fn *get, void *cookie)
{
        static const char *const rich[] = { "xterm-kitty", "xterm-ghostty", "alacritty", "foot", "wezterm", "contour" };
        const char *force = filled("FORCE_COLOR", get, cookie);
        const char *term = filled("TERM", get, cookie);
        const char *colorterm = filled("COLORTERM", get, cookie);
        if (force && (*force == '1' || *force == '2' || *force == '3') && !force[1])
                return *force == '1' ? COLOUR_16 : *force == '2' ? COLOUR_256 : COLOUR_TRUE;
        if (colorterm && (!strcmp(colorterm, "truecolor") || !strcmp(colorterm, "24bit")))
                return COLOUR_TRUE;
        for (size_t i = 0; term && i < sizeof(rich) / sizeof(rich[0]); i++)
                if (sv_starts(sv_of(term), sv_of(rich[i])))
                        return COLOUR_TRUE;
        if (term && strstr(term, "-direct"))
                return COLOUR_TRUE;
        return term && strstr(term, "256color") ? COLOUR_256 : COLOUR_16;
}

enum colour_depth colour_decide(enum colour_wish wish, bool tty, term_getenv_fn *get, void *cookie)
{
        const char *term = filled("TERM", get, cookie);
        const char *clicolor = filled("CLICOLOR", get, cookie);
        if (wish == COLOUR_NEVER)
                return COLOUR_NONE;
        if (wish == COLOUR_ALWAYS)
                return richness(get, cookie);
        if (filled("NO_COLOR", get, cookie))
                return COLOUR_NONE;
        if (is_forced("CLICOLOR_FORCE", get, cookie) || is_forced("FORCE_COLOR", get, cookie))
                return richness(get, cookie);
        if (clicolor && strcmp(clicolor, "0") == 0)
                return COLOUR_NONE;
        if (!term || strcmp(term, "dumb") == 0)
                return COLOUR_NONE;
        return tty ? richness(get, cookie) : COLOUR_NONE;
}

bool term_knows_links(bool tty, term_getenv_fn *get, void *cookie)
{
        static const char *const terms[] = { "xterm-kitty", "xterm-ghostty", "alacritty", "foot", "wezterm",
                "contour" };
        static const char *const programs[] = { "iTerm.app", "WezTerm", "vscode", "ghostty", "Hyper" };
        const char *force = filled("FORCE_HYPERLINK", get, cookie);
        const char *term = filled("TERM", get, cookie);
        const char *program = filled("TERM_PROGRAM", get, cookie);
        uint64_t version;
        if (force)
                return strcmp(force, "0") != 0;
        /* a multiplexer between us and the terminal hides what the terminal can */
        if (!tty || !term || strcmp(term, "dumb") == 0 || filled("TMUX", get, cookie) || filled("STY", get, cookie))
                return false;
        for (size_t i = 0; i < sizeof(terms) / sizeof(terms[0]); i++)
                if (sv_starts(sv_of(term), sv_of(terms[i])))
                        return true;
        for (size_t i = 0; program && i < sizeof(programs) / sizeof(programs[0]); i++)
                if (strcmp(program, programs[i]) == 0)
                        return true;
        /* 0.50.0 and 20.12 are the first with links that do no harm */
        return filled("WT_SESSION", get, cookie) || filled("DOMTERM", get, cookie) ||
               (sv_parse_u64(sv_of(filled("VTE_VERSION", get, cookie)), 10, &version) && version > 5000) ||
               (sv_parse_u64(sv_of(filled("KONSOLE_VERSION", get, cookie)), 10, &version) && version >= 201200);
}

bool term_knows_utf8(term_getenv_fn *get, void *cookie)
{
        static const char *const names[] = { "LC_ALL", "LC_CTYPE", "LANG" };
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                const char *value = filled(names[i], get, cookie);
                if (value)
                        return strcasestr(value, "utf-8") || strcasestr(value, "utf8");
        }
        return false;
}

static const char *own_environment(const char *name, void *cookie)
{
        (void)cookie;
        return getenv(name);
}

void term_open(struct term *ret, int fd, enum colour_wish wish)
{
        struct winsize size = { 0 };
        uint64_t columns;
        bool tty = isatty(fd) == 1;
        *ret = (struct term){ .fd = fd, .tty = tty };
        if (tty) {
                ret->width = WIDTH_DEFAULT;
                ret->height = HEIGHT_DEFAULT;
                bool told = ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col;
                if (told)
                        ret->width = size.ws_col;
                else if (sv_parse_u64(sv_of(getenv("COLUMNS")), 10, &columns) && columns && columns <= WIDTH_MOST)
                        ret->width = (unsigned)columns;
                if (told && size.ws_row)
                        ret->height = size.ws_row;
        }
        const char *name = filled("TERM", own_environment, NULL);
        ret->cursor = tty && name && strcmp(name, "dumb") != 0;
        ret->utf8 = term_knows_utf8(own_environment, NULL);
        ret->links = term_knows_links(tty, own_environment, NULL);
        ret->depth = colour_decide(wish, tty, own_environment, NULL);
        ret->theme = theme_find(getenv("TARSIER_THEME"));
}

void colour_pass_on(enum colour_wish wish)
{
        if (wish == COLOUR_NEVER) {
                setenv("NO_COLOR", "1", 1);
        } else if (wish == COLOUR_ALWAYS) {
                unsetenv("NO_COLOR");
                setenv("CLICOLOR_FORCE", "1", 1);
        }
}
