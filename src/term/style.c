#include "term/style.h"

#include "term/escape.h"

#include <stdarg.h>

const char *const style_role_names[] = { "plain", "error", "warning", "success", "info", "heading", "key", "value",
        "command", "link", "accent", "dim", NULL };
_Static_assert(sizeof(style_role_names) / sizeof(style_role_names[0]) == STYLE_ROLES_MAX + 1, "a role without a name");

/* clang-format off */
#define PALETTE(n) { COLOUR_INDEXED, (n) }
#define RGB(n) { COLOUR_RGB, (n) }

const struct theme style_themes[] = {
        { "default", { /* the terminal's own 16 colours: they fit whatever its background is */
                [STYLE_ERROR] = { .foreground = PALETTE(1), .attributes = STYLE_BOLD },
                [STYLE_WARNING] = { .foreground = PALETTE(3) },
                [STYLE_SUCCESS] = { .foreground = PALETTE(2) },
                [STYLE_INFO] = { .foreground = PALETTE(4) },
                [STYLE_HEADING] = { .attributes = STYLE_BOLD },
                [STYLE_KEY] = { .foreground = PALETTE(6) },
                [STYLE_VALUE] = { .foreground = PALETTE(5) },
                [STYLE_COMMAND] = { .foreground = PALETTE(6) },
                [STYLE_LINK] = { .foreground = PALETTE(4), .attributes = STYLE_UNDERLINE },
                [STYLE_ACCENT] = { .foreground = PALETTE(6), .attributes = STYLE_BOLD },
                [STYLE_DIM] = { .attributes = STYLE_FAINT } } },
        { "dark", {
                [STYLE_ERROR] = { .foreground = RGB(0xff6b6b), .attributes = STYLE_BOLD },
                [STYLE_WARNING] = { .foreground = RGB(0xffc857) },
                [STYLE_SUCCESS] = { .foreground = RGB(0x6bd98b) },
                [STYLE_INFO] = { .foreground = RGB(0x7ab8ff) },
                [STYLE_HEADING] = { .attributes = STYLE_BOLD },
                [STYLE_KEY] = { .foreground = RGB(0x6fd3d8) },
                [STYLE_VALUE] = { .foreground = RGB(0xd5a6ff) },
                [STYLE_COMMAND] = { .foreground = RGB(0x6fd3d8) },
                [STYLE_LINK] = { .foreground = RGB(0x7ab8ff), .attributes = STYLE_UNDERLINE },
                [STYLE_ACCENT] = { .foreground = RGB(0xffa657), .attributes = STYLE_BOLD },
                [STYLE_DIM] = { .foreground = RGB(0x8b949e) } } },
        { "light", {
                [STYLE_ERROR] = { .foreground = RGB(0xb3001b), .attributes = STYLE_BOLD },
                [STYLE_WARNING] = { .foreground = RGB(0x8a5a00) },
                [STYLE_SUCCESS] = { .foreground = RGB(0x006b2d) },
                [STYLE_INFO] = { .foreground = RGB(0x004fa3) },
                [STYLE_HEADING] = { .attributes = STYLE_BOLD },
                [STYLE_KEY] = { .foreground = RGB(0x00616b) },
                [STYLE_VALUE] = { .foreground = RGB(0x6a1b9a) },
                [STYLE_COMMAND] = { .foreground = RGB(0x00616b) },
                [STYLE_LINK] = { .foreground = RGB(0x004fa3), .attributes = STYLE_UNDERLINE },
                [STYLE_ACCENT] = { .foreground = RGB(0x9a3d00), .attributes = STYLE_BOLD },
                [STYLE_DIM] = { .foreground = RGB(0x5c6670) } } },
        { "mono", { /* no colour at all: weight and lines say it */
                [STYLE_ERROR] = { .attributes = STYLE_BOLD | STYLE_REVERSE },
                [STYLE_WARNING] = { .attributes = STYLE_BOLD },
                [STYLE_HEADING] = { .attributes = STYLE_BOLD },
                [STYLE_COMMAND] = { .attributes = STYLE_BOLD },
                [STYLE_LINK] = { .attributes = STYLE_UNDERLINE },
                [STYLE_ACCENT] = { .attributes = STYLE_BOLD },
                [STYLE_DIM] = { .attributes = STYLE_FAINT } } },
        { NULL, { { .attributes = 0 } } },
};
/* clang-format on */

const struct theme *theme_find(const char *name)
{
        for (const struct theme *theme = style_themes; name && theme->name; theme++)
                if (strcmp(theme->name, name) == 0)
                        return theme;
        return &style_themes[0];
}

/* --- colours --- */

/* xterm's first 16 colours, as its default resources have them. */
static const uint32_t palette16[] = { 0x000000, 0xcd0000, 0x00cd00, 0xcdcd00, 0x0000ee, 0xcd00cd, 0x00cdcd, 0xe5e5e5,
        0x7f7f7f, 0xff0000, 0x00ff00, 0xffff00, 0x5c5cff, 0xff00ff, 0x00ffff, 0xffffff };
static const unsigned cube_levels[] = { 0x00, 0x5f, 0x87, 0xaf, 0xd7, 0xff };

enum { CUBE_FIRST = 16, GREY_FIRST = 232, PALETTE_COUNT = 256 };

static uint32_t palette_rgb(uint32_t index)
{
        if (index < CUBE_FIRST)
                return palette16[index];
        if (index >= GREY_FIRST)
                return (8 + 10 * (index - GREY_FIRST)) * 0x010101;
        index -= CUBE_FIRST;
        return cube_levels[index / 36] << 16 | cube_levels[index / 6 % 6] << 8 | cube_levels[index % 6];
}

static uint32_t distance(uint32_t a, uint32_t b)
{
        int red = (int)(a >> 16 & 255) - (int)(b >> 16 & 255);
        int green = (int)(a >> 8 & 255) - (int)(b >> 8 & 255);
        int blue = (int)(a & 255) - (int)(b & 255);
        /* the eye sees green best and blue least */
        return (uint32_t)(2 * red * red + 4 * green * green + 3 * blue * blue);
}

static uint32_t nearest(uint32_t rgb, uint32_t first, uint32_t end)
{
        uint32_t best = first;
        for (uint32_t i = first; i < end; i++)
                if (distance(rgb, palette_rgb(i)) < distance(rgb, palette_rgb(best)))
                        best = i;
        return best;
}

struct colour colour_downgrade(struct colour colour, enum colour_depth depth)
{
        if (depth == COLOUR_NONE || colour.kind == COLOUR_UNSET)
                return (struct colour){ COLOUR_UNSET, 0 };
        /* the first 16 are the user's own choice: nothing is known about them, so none is an answer for 256 */
        if (depth == COLOUR_256 && colour.kind == COLOUR_RGB)
                return (struct colour){ COLOUR_INDEXED, nearest(colour.value, CUBE_FIRST, PALETTE_COUNT) };
        if (depth == COLOUR_16 && colour.kind == COLOUR_RGB)
                return (struct colour){ COLOUR_INDEXED, nearest(colour.value, 0, CUBE_FIRST) };
        if (depth == COLOUR_16 && colour.value >= CUBE_FIRST)
                return (struct colour){ COLOUR_INDEXED, nearest(palette_rgb(colour.value & 255), 0, CUBE_FIRST) };
        return colour;
}

/* --- sequences (ECMA-48 8.3.117 SGR; ISO 8613-6 for 38 and 48) --- */

static void put_colour(struct buf *out, struct colour colour, bool background)
{
        unsigned add = background ? 10 : 0;
        if (colour.kind == COLOUR_RGB)
                buf_printf(out, ";%u;2;%u;%u;%u", 38 + add, colour.value >> 16 & 255, colour.value >> 8 & 255,
                        colour.value & 255);
        else if (colour.kind == COLOUR_INDEXED && colour.value < 8)
                buf_printf(out, ";%u", 30 + add + colour.value);
        else if (colour.kind == COLOUR_INDEXED && colour.value < 16)
                buf_printf(out, ";%u", 90 + add + colour.value - 8);
        else if (colour.kind == COLOUR_INDEXED)
                buf_printf(out, ";%u;5;%u", 38 + add, colour.value);
}

static bool is_plain(const struct style *style)
{
        return style->foreground.kind == COLOUR_UNSET && style->background.kind == COLOUR_UNSET && !style->attributes;
}

void style_begin(struct buf *out, const struct term *term, const struct style *style)
{
        static const char *const codes[] = { "1", "2", "3", "4", "7", "9" };
        if (term->depth == COLOUR_NONE || is_plain(style))
                return;
        size_t start = out->len;
        for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
                if (style->attributes & 1U << i)
                        buf_printf(out, ";%s", codes[i]);
        put_colour(out, colour_downgrade(style->foreground, term->depth), false);
        put_colour(out, colour_downgrade(style->background, term->depth), true);
        if (out->failed || out->len == start)
                return;
        /* the first separator becomes the introducer, which has one byte more */
        buf_putc(out, 'm');
        buf_putc(out, 0);
        if (out->failed)
                return;
        memmove(out->data + start + 1, out->data + start, out->len - 1 - start);
        out->data[start] = '\x1b';
        out->data[start + 1] = '[';
}

void style_end(struct buf *out, const struct term *term, const struct style *style)
{
        if (term->depth != COLOUR_NONE && !is_plain(style))
                buf_puts(out, "\x1b[0m");
}

static const struct style *role_style(const struct term *term, enum style_role role)
{
        return &(term->theme ? term->theme : &style_themes[0])->roles[role];
}

void style_put(struct buf *out, const struct term *term, enum style_role role, struct sv text)
{
        const struct style *style = role_style(term, role);
        if (!text.n)
                return;
        style_begin(out, term, style);
        term_filter(out, text, TERM_SHOW);
        style_end(out, term, style);
}

/* --- tags --- */

static bool parse_colour(struct sv text, struct colour *ret)
{
        uint64_t value;
        if (text.n == 7 && text.p[0] == '#' && sv_parse_u64(sv_n(text.p + 1, 6), 16, &value)) {
                *ret = (struct colour){ COLOUR_RGB, (uint32_t)value };
                return true;
        }
        if (!sv_parse_u64(text, 10, &value) || value >= PALETTE_COUNT)
                return false;
        *ret = (struct colour){ COLOUR_INDEXED, (uint32_t)value };
        return true;
}

/* Adds what the tag says to *style; false where it says nothing known. */
static bool apply_tag(const struct term *term, struct sv tag, struct style *style)
{
        static const char *const attributes[] = { "bold", "faint", "italic", "underline", "reverse", "strike" };
        for (unsigned i = 0; i < sizeof(attributes) / sizeof(attributes[0]); i++)
                if (sv_eq(tag, sv_of(attributes[i]))) {
                        style->attributes |= 1U << i;
                        return true;
                }
        if (sv_starts(tag, SV("fg=")))
                return parse_colour(sv_n(tag.p + 3, tag.n - 3), &style->foreground);
        if (sv_starts(tag, SV("bg=")))
                return parse_colour(sv_n(tag.p + 3, tag.n - 3), &style->background);
        for (int role = 0; role < STYLE_ROLES_MAX; role++)
                if (sv_eq(tag, sv_of(style_role_names[role]))) {
                        const struct style *named = role_style(term, (enum style_role)role);
                        if (named->foreground.kind != COLOUR_UNSET)
                                style->foreground = named->foreground;
                        if (named->background.kind != COLOUR_UNSET)
                                style->background = named->background;
                        style->attributes |= named->attributes;
                        return true;
                }
        return false;
}

struct nest {
        struct style styles[STYLE_NEST_MAX];
        unsigned depth;
};

/* Takes "<…>" off the front of *rest where it is a tag. */
static bool take_tag(struct buf *out, const struct term *term, struct nest *nest, const char **rest)
{
        const char *end = strchr(*rest, '>');
        if (!end)
                return false;
        struct sv tag = sv_n(*rest + 1, (size_t)(end - *rest) - 1);
        const struct style *now = &nest->styles[nest->depth];
        struct style next = *now;
        if (sv_eq(tag, SV("/"))) {
                if (!nest->depth)
                        return false;
                style_end(out, term, now);
                style_begin(out, term, &nest->styles[--nest->depth]);
        } else {
                if (nest->depth + 1 == STYLE_NEST_MAX || !apply_tag(term, tag, &next))
                        return false;
                style_end(out, term, now);
                nest->styles[++nest->depth] = next;
                style_begin(out, term, &next);
        }
        *rest = end + 1;
        return true;
}

void style_markup(struct buf *out, const struct term *term, const char *template, ...)
{
        va_list args;
        va_start(args, template);
        style_vmarkup(out, term, template, args);
        va_end(args);
}

void style_vmarkup(struct buf *out, const struct term *term, const char *template, va_list args)
{
        struct nest nest = { 0 };
        while (*template) {
                if (template[0] == '<' && template[1] == '<') {
                        buf_putc(out, '<');
                        template += 2;
                } else if (template[0] == '<' && take_tag(out, term, &nest, &template)) {
                        continue;
                } else if (template[0] == '%' && template[1] == 's') {
                        /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): it was started */
                        const char *text = va_arg(args, const char *);
                        term_filter(out, sv_of(text), TERM_SHOW);
                        template += 2;
                } else {
                        buf_putc(out, *template);
                        template += 1 + (template[0] == '%' && template[1] == '%');
                }
        }
        if (nest.depth)
                style_end(out, term, &nest.styles[nest.depth]);
}

/* --- links --- */

void link_put(struct buf *out, const struct term *term, const char *url, struct sv text)
{
        static const char *const schemes[] = { "https://", "http://", "mailto:", "file://" };
        bool known = false;
        for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
                known |= sv_starts(sv_of(url), sv_of(schemes[i]));
        if (!term->links || !known) {
                term_filter(out, text, TERM_SHOW);
                return;
        }
        buf_puts(out, "\x1b]8;;");
        for (const char *p = url; *p; p++) {
                unsigned char byte = (unsigned char)*p;
                buf_printf(out, byte > 0x20 && byte < 0x7f ? "%c" : "%%%02X", byte);
        }
        buf_puts(out, "\x1b\\");
        term_filter(out, text, TERM_SHOW);
        buf_puts(out, "\x1b]8;;\x1b\\");
}
