#include "tui/theme.h"

#include "base/sv.h"

const char *const tui_role_names[] = {
#define X(name, text) text,
        TUI_ROLES(X)
#undef X
                NULL,
};

/* clang-format off */
#define PALETTE(n) { COLOUR_INDEXED, (n) }
#define RGB(n) { COLOUR_RGB, (n) }
#define FG(n) { .foreground = RGB(n) }
#define FG_BOLD(n) { .foreground = RGB(n), .attributes = STYLE_BOLD }
#define ON(fg, bg, attr) { .foreground = RGB(fg), .background = RGB(bg), .attributes = (attr) }
#define P(n) { .foreground = PALETTE(n) }
#define P_BOLD(n) { .foreground = PALETTE(n), .attributes = STYLE_BOLD }
#define P_ON(fg, bg, attr) { .foreground = PALETTE(fg), .background = PALETTE(bg), .attributes = (attr) }
#define ATTR(n) { .attributes = (n) }

const struct tui_theme tui_themes[] = {
        { "dark", { /* for a dark ground that is the terminal's own: contrast 7 and more on #1c1c1c */
                [ROLE_DIM] = FG(0x9aa4af), [ROLE_STRONG] = ATTR(STYLE_BOLD),
                [ROLE_TITLE] = ON(0xe6edf3, 0x243447, 0), [ROLE_TAB] = ON(0xb7c3cf, 0x1f2833, 0),
                [ROLE_TAB_ACTIVE] = ON(0x0d1117, 0x6fd3d8, STYLE_BOLD),
                [ROLE_HEADER] = ON(0x0d1117, 0x8fb8a8, 0), [ROLE_HEADER_SORT] = ON(0x0d1117, 0xffc857, STYLE_BOLD),
                [ROLE_SELECTED] = ON(0xffffff, 0x1d3b56, 0), [ROLE_MARKED] = FG_BOLD(0xffc857),
                [ROLE_STATUS] = ON(0xb7c3cf, 0x1f2833, 0), [ROLE_KEY] = FG_BOLD(0x6fd3d8),
                [ROLE_INPUT] = ON(0xffffff, 0x1d3b56, 0), [ROLE_MATCH] = FG_BOLD(0xffc857),
                [ROLE_BORDER] = FG(0x6b7a89), [ROLE_DIALOG] = ON(0xe6edf3, 0x243447, 0),
                [ROLE_BUTTON] = ON(0x0d1117, 0x6fd3d8, STYLE_BOLD), [ROLE_LABEL] = FG(0x6fd3d8), [ROLE_VALUE] = FG(0xe6edf3),
                [ROLE_TREE] = FG(0x7c8894), [ROLE_NEW] = FG(0x6bd98b), [ROLE_GONE] = FG(0xff8080),
                [ROLE_SUCCESS] = FG(0x6bd98b), [ROLE_INFO] = FG(0x7ab8ff), [ROLE_WARNING] = FG(0xffc857),
                [ROLE_ERROR] = FG_BOLD(0xff8080), [ROLE_GAUGE_LOW] = FG(0x6bd98b), [ROLE_GAUGE_MIDDLE] = FG(0xffc857),
                [ROLE_GAUGE_HIGH] = FG_BOLD(0xff8080), [ROLE_GAUGE_EMPTY] = FG(0x56616d), [ROLE_SERIES_1] = FG(0x6fd3d8),
                [ROLE_SERIES_2] = FG(0xd5a6ff), [ROLE_SERIES_3] = FG(0x7ab8ff), [ROLE_SERIES_4] = FG(0xffa657),
                [ROLE_SEVERITY_LOW] = FG(0x7ab8ff), [ROLE_SEVERITY_MEDIUM] = FG(0xffc857),
                [ROLE_SEVERITY_HIGH] = FG_BOLD(0xffa657), [ROLE_SEVERITY_CRITICAL] = ON(0xffffff, 0xb3001b, STYLE_BOLD) } },
        { "light", {
                [ROLE_DIM] = FG(0x55606b), [ROLE_STRONG] = ATTR(STYLE_BOLD),
                [ROLE_TITLE] = ON(0x10202f, 0xcfe0ef, 0), [ROLE_TAB] = ON(0x33414e, 0xe3e9ef, 0),
                [ROLE_TAB_ACTIVE] = ON(0xffffff, 0x00616b, STYLE_BOLD),
                [ROLE_HEADER] = ON(0xffffff, 0x3d6b5b, 0), [ROLE_HEADER_SORT] = ON(0xffffff, 0x9a3d00, STYLE_BOLD),
                [ROLE_SELECTED] = ON(0x10202f, 0xc6def5, 0), [ROLE_MARKED] = FG_BOLD(0x9a3d00),
                [ROLE_STATUS] = ON(0x33414e, 0xe3e9ef, 0), [ROLE_KEY] = FG_BOLD(0x00616b),
                [ROLE_INPUT] = ON(0x10202f, 0xc6def5, 0), [ROLE_MATCH] = FG_BOLD(0x9a3d00),
                [ROLE_BORDER] = FG(0x6b7a89), [ROLE_DIALOG] = ON(0x10202f, 0xe3e9ef, 0),
                [ROLE_BUTTON] = ON(0xffffff, 0x00616b, STYLE_BOLD), [ROLE_LABEL] = FG(0x00616b), [ROLE_VALUE] = FG(0x10202f),
                [ROLE_TREE] = FG(0x6b7a89), [ROLE_NEW] = FG(0x00662a), [ROLE_GONE] = FG(0xb3001b),
                [ROLE_SUCCESS] = FG(0x00662a), [ROLE_INFO] = FG(0x004fa3), [ROLE_WARNING] = FG(0x7a5000),
                [ROLE_ERROR] = FG_BOLD(0xb3001b), [ROLE_GAUGE_LOW] = FG(0x00662a), [ROLE_GAUGE_MIDDLE] = FG(0x7a5000),
                [ROLE_GAUGE_HIGH] = FG_BOLD(0xb3001b), [ROLE_GAUGE_EMPTY] = FG(0xaab4be), [ROLE_SERIES_1] = FG(0x00616b),
                [ROLE_SERIES_2] = FG(0x6a1b9a), [ROLE_SERIES_3] = FG(0x004fa3), [ROLE_SERIES_4] = FG(0x9a3d00),
                [ROLE_SEVERITY_LOW] = FG(0x004fa3), [ROLE_SEVERITY_MEDIUM] = FG(0x7a5000),
                [ROLE_SEVERITY_HIGH] = FG_BOLD(0x9a3d00), [ROLE_SEVERITY_CRITICAL] = ON(0xffffff, 0xb3001b, STYLE_BOLD) } },
        { "high-contrast", { /* black, white and the brightest colours; weight beside each colour */
                [ROLE_TEXT] = ON(0xffffff, 0x000000, 0), [ROLE_DIM] = ON(0xffffff, 0x000000, 0),
                [ROLE_STRONG] = ON(0xffffff, 0x000000, STYLE_BOLD), [ROLE_TITLE] = ON(0x000000, 0xffffff, STYLE_BOLD),
                [ROLE_TAB] = ON(0xffffff, 0x000000, 0), [ROLE_TAB_ACTIVE] = ON(0x000000, 0xffff00, STYLE_BOLD),
                [ROLE_HEADER] = ON(0x000000, 0xffffff, STYLE_BOLD), [ROLE_HEADER_SORT] = ON(0x000000, 0xffff00, STYLE_BOLD),
                [ROLE_SELECTED] = ON(0x000000, 0x00ffff, STYLE_BOLD), [ROLE_MARKED] = ON(0xffff00, 0x000000, STYLE_BOLD | STYLE_UNDERLINE),
                [ROLE_STATUS] = ON(0xffffff, 0x000000, 0), [ROLE_KEY] = ON(0xffff00, 0x000000, STYLE_BOLD),
                [ROLE_INPUT] = ON(0x000000, 0xffff00, 0), [ROLE_MATCH] = ON(0xffff00, 0x000000, STYLE_BOLD),
                [ROLE_BORDER] = ON(0xffffff, 0x000000, 0), [ROLE_DIALOG] = ON(0xffffff, 0x000000, 0),
                [ROLE_BUTTON] = ON(0x000000, 0xffff00, STYLE_BOLD), [ROLE_LABEL] = ON(0x00ffff, 0x000000, STYLE_BOLD),
                [ROLE_VALUE] = ON(0xffffff, 0x000000, 0), [ROLE_TREE] = ON(0xffffff, 0x000000, 0),
                [ROLE_NEW] = ON(0x00ff00, 0x000000, STYLE_BOLD), [ROLE_GONE] = ON(0xff8080, 0x000000, STYLE_BOLD),
                [ROLE_SUCCESS] = ON(0x00ff00, 0x000000, STYLE_BOLD), [ROLE_INFO] = ON(0x00ffff, 0x000000, STYLE_BOLD),
                [ROLE_WARNING] = ON(0xffff00, 0x000000, STYLE_BOLD), [ROLE_ERROR] = ON(0xff8080, 0x000000, STYLE_BOLD | STYLE_UNDERLINE),
                [ROLE_GAUGE_LOW] = ON(0x00ff00, 0x000000, 0), [ROLE_GAUGE_MIDDLE] = ON(0xffff00, 0x000000, STYLE_BOLD),
                [ROLE_GAUGE_HIGH] = ON(0xff8080, 0x000000, STYLE_BOLD), [ROLE_GAUGE_EMPTY] = ON(0xaaaaaa, 0x000000, 0),
                [ROLE_SERIES_1] = ON(0x00ffff, 0x000000, 0), [ROLE_SERIES_2] = ON(0xff80ff, 0x000000, 0),
                [ROLE_SERIES_3] = ON(0x80c0ff, 0x000000, 0), [ROLE_SERIES_4] = ON(0xffc000, 0x000000, 0),
                [ROLE_SEVERITY_LOW] = ON(0x80c0ff, 0x000000, 0), [ROLE_SEVERITY_MEDIUM] = ON(0xffff00, 0x000000, 0),
                [ROLE_SEVERITY_HIGH] = ON(0xffc000, 0x000000, STYLE_BOLD),
                [ROLE_SEVERITY_CRITICAL] = ON(0x000000, 0xff8080, STYLE_BOLD) } },
        { "mono", { /* no colour: weight, lines and reversal say it */
                [ROLE_DIM] = ATTR(STYLE_FAINT), [ROLE_STRONG] = ATTR(STYLE_BOLD), [ROLE_TITLE] = ATTR(STYLE_BOLD),
                [ROLE_TAB_ACTIVE] = ATTR(STYLE_REVERSE), [ROLE_HEADER] = ATTR(STYLE_UNDERLINE),
                [ROLE_HEADER_SORT] = ATTR(STYLE_UNDERLINE | STYLE_BOLD), [ROLE_SELECTED] = ATTR(STYLE_REVERSE),
                [ROLE_MARKED] = ATTR(STYLE_BOLD), [ROLE_KEY] = ATTR(STYLE_BOLD), [ROLE_INPUT] = ATTR(STYLE_UNDERLINE),
                [ROLE_MATCH] = ATTR(STYLE_BOLD), [ROLE_BUTTON] = ATTR(STYLE_REVERSE), [ROLE_LABEL] = ATTR(STYLE_BOLD),
                [ROLE_GONE] = ATTR(STYLE_FAINT), [ROLE_NEW] = ATTR(STYLE_BOLD), [ROLE_WARNING] = ATTR(STYLE_BOLD),
                [ROLE_ERROR] = ATTR(STYLE_BOLD | STYLE_REVERSE), [ROLE_GAUGE_MIDDLE] = ATTR(STYLE_BOLD),
                [ROLE_GAUGE_HIGH] = ATTR(STYLE_BOLD), [ROLE_GAUGE_EMPTY] = ATTR(STYLE_FAINT),
                [ROLE_SEVERITY_HIGH] = ATTR(STYLE_BOLD), [ROLE_SEVERITY_CRITICAL] = ATTR(STYLE_BOLD | STYLE_REVERSE) } },
        { NULL, { ATTR(0) } },
};

/* With 16 colours the grounds above would all become black: the palette's own pairs instead, for dark and light alike,
 * since nobody knows what the user's palette is. */
static const struct style sixteen[ROLES_MAX] = {
        [ROLE_DIM] = ATTR(STYLE_FAINT), [ROLE_STRONG] = ATTR(STYLE_BOLD), [ROLE_TITLE] = P_ON(7, 4, STYLE_BOLD),
        [ROLE_TAB] = P_ON(7, 4, 0), [ROLE_TAB_ACTIVE] = P_ON(0, 6, STYLE_BOLD), [ROLE_HEADER] = P_ON(0, 2, 0),
        [ROLE_HEADER_SORT] = P_ON(0, 3, STYLE_BOLD), [ROLE_SELECTED] = P_ON(0, 6, 0), [ROLE_MARKED] = P_BOLD(3),
        [ROLE_STATUS] = P_ON(7, 4, 0), [ROLE_KEY] = ATTR(STYLE_BOLD), [ROLE_INPUT] = P_ON(0, 6, 0),
        [ROLE_MATCH] = P_BOLD(3), [ROLE_DIALOG] = P_ON(7, 4, 0), [ROLE_BUTTON] = P_ON(0, 6, STYLE_BOLD),
        [ROLE_LABEL] = P(6), [ROLE_NEW] = P(2), [ROLE_GONE] = P(1), [ROLE_SUCCESS] = P(2), [ROLE_INFO] = P(6),
        [ROLE_WARNING] = P(3), [ROLE_ERROR] = P_BOLD(1), [ROLE_GAUGE_LOW] = P(2), [ROLE_GAUGE_MIDDLE] = P(3),
        [ROLE_GAUGE_HIGH] = P_BOLD(1), [ROLE_GAUGE_EMPTY] = ATTR(STYLE_FAINT), [ROLE_TREE] = ATTR(STYLE_FAINT),
        [ROLE_BORDER] = ATTR(STYLE_FAINT), [ROLE_SERIES_1] = P(6), [ROLE_SERIES_2] = P(5), [ROLE_SERIES_3] = P(2),
        [ROLE_SERIES_4] = P(3), [ROLE_SEVERITY_LOW] = P(6), [ROLE_SEVERITY_MEDIUM] = P(3), [ROLE_SEVERITY_HIGH] = P_BOLD(1),
        [ROLE_SEVERITY_CRITICAL] = P_ON(7, 1, STYLE_BOLD),
};
/* clang-format on */

enum { THEME_HIGH_CONTRAST = 2, THEME_MONO = 3 };

const struct tui_theme *tui_theme_find(struct sv name)
{
        for (const struct tui_theme *theme = tui_themes; theme->name; theme++)
                if (sv_eq(name, sv_of(theme->name)))
                        return theme;
        return NULL;
}

int look_decide(const struct term *term, const char *name, bool ascii, struct look *ret, struct error *err)
{
        const char *kind = getenv("TERM");
        const char *wish = getenv("TARSIER_THEME");
        const struct tui_theme *theme = name ? tui_theme_find(sv_of(name)) : NULL;
        if (name && !theme)
                return fail(err, E_INVALID, "there is no theme \"%.40s\": dark, light, high-contrast or mono", name);
        if (!theme && wish)
                theme = tui_theme_find(sv_of(wish));
        bool utf8 = term->utf8 && !ascii;
        *ret = (struct look){
                .theme = theme ? theme : &tui_themes[0],
                .depth = term->depth,
                .utf8 = utf8,
                .braille = utf8 && !(kind && strcmp(kind, "linux") == 0),
        };
        return 0;
}

static const struct style *role_style(const struct look *look, enum tui_role role)
{
        if (look->depth == COLOUR_NONE)
                return &tui_themes[THEME_MONO].roles[role];
        if (look->depth == COLOUR_16 && look->theme < &tui_themes[THEME_HIGH_CONTRAST])
                return &sixteen[role];
        return &look->theme->roles[role];
}

/* A role keeps its colour on grounds that are quiet; what is faint anyway would not be read there. */
static bool keeps_colour(enum tui_role role, enum tui_role ground)
{
        bool quiet = ground == ROLE_SELECTED || ground == ROLE_STATUS || ground == ROLE_TAB || ground == ROLE_TITLE ||
                     ground == ROLE_DIALOG || ground == ROLE_INPUT;
        bool faint = role == ROLE_DIM || role == ROLE_TREE || role == ROLE_GAUGE_EMPTY || role == ROLE_BORDER;
        return quiet && !faint;
}

struct style look_style(const struct look *look, enum tui_role role, enum tui_role ground, unsigned attributes)
{
        struct style style = *role_style(look, role);
        if (ground != ROLE_TEXT) {
                const struct style *below = role_style(look, ground);
                if (below->background.kind != COLOUR_UNSET) {
                        /* colours of the palette may be the ground's own: its letters are sure to be read */
                        if (style.foreground.kind == COLOUR_UNSET || look->depth == COLOUR_16 ||
                                style.background.kind != COLOUR_UNSET || !keeps_colour(role, ground))
                                style.foreground = below->foreground;
                        style.background = below->background;
                }
                style.attributes = (style.attributes & ~(unsigned)STYLE_FAINT) | below->attributes;
        }
        style.attributes |= attributes;
        style.foreground = colour_downgrade(style.foreground, look->depth);
        style.background = colour_downgrade(style.background, look->depth);
        return style;
}

enum tui_role role_of_share(double share)
{
        return share < 0.6 ? ROLE_GAUGE_LOW : share < 0.85 ? ROLE_GAUGE_MIDDLE : ROLE_GAUGE_HIGH;
}
