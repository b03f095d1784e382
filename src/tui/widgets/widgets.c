#include "tui/widgets/widgets.h"

#include <math.h>

/* ---- sparkline ---- */

/* U+2800 and the dots 7 3 2 1 (left) and 8 6 5 4 (right), from below. */
static const unsigned char dots_left[] = { 0x40, 0x04, 0x02, 0x01 };
static const unsigned char dots_right[] = { 0x80, 0x20, 0x10, 0x08 };
static const char *const blocks[] = { " ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" };
static const char ascii_heights[] = " .:-=+*#@";

enum { BLOCK_HEIGHTS = 8, BRAILLE_HEIGHTS = 4 };

/* Height of a sample in steps, at least one for what is not nothing. */
static int height_of(const struct history *history, unsigned back, double max, int steps)
{
        double value = history_at(history, back);
        if (isnan(value) || value <= 0 || max <= 0)
                return 0;
        double height = ceil(value / max * steps);
        return height > steps ? steps : (int)height;
}

static void braille_cell(int left, int right, int above, char *ret)
{
        unsigned bits = 0;
        for (int i = 0; i < BRAILLE_HEIGHTS; i++) {
                if (left > above + i)
                        bits |= dots_left[i];
                if (right > above + i)
                        bits |= dots_right[i];
        }
        ret[0] = (char)0xe2;
        ret[1] = (char)(0xa0 | bits >> 6);
        ret[2] = (char)(0x80 | (bits & 0x3f));
        ret[3] = '\0';
        if (!bits)
                snprintf(ret, 4, " ");
}

void sparkline_draw(struct area area, enum tui_role role, const struct history *history, double max)
{
        const struct look *look = area.canvas->look;
        if (area_empty(area))
                return;
        int per_cell = look->braille ? 2 : 1;
        int per_row = look->braille ? BRAILLE_HEIGHTS : BLOCK_HEIGHTS;
        int steps = per_row * area.rows;
        unsigned shown = (unsigned)(area.columns * per_cell);
        double largest = max > 0 ? max : 0;
        for (unsigned back = 0; max <= 0 && back < shown; back++) {
                double value = history_at(history, back);
                if (!isnan(value) && value > largest)
                        largest = value;
        }
        for (int column = 0; column < area.columns; column++) {
                unsigned back = (unsigned)((area.columns - 1 - column) * per_cell);
                int right = height_of(history, back, largest, steps);
                int left = look->braille ? height_of(history, back + 1, largest, steps) : 0;
                for (int row = 0; row < area.rows; row++) {
                        int above = (area.rows - 1 - row) * per_row; /* what the rows below show already */
                        char cell[8] = " ";
                        int here = right - above < 0 ? 0 : right - above > per_row ? per_row : right - above;
                        if (look->braille)
                                braille_cell(left, right, above, cell);
                        else if (look->utf8)
                                snprintf(cell, sizeof(cell), "%s", blocks[here]);
                        else
                                cell[0] = ascii_heights[here];
                        if (strcmp(cell, " ") != 0)
                                area_text(area, row, column, role, sv_of(cell));
                }
        }
}

/* ---- gauge ---- */

void gauge_bar(struct area area, const double *shares, const enum tui_role *roles, size_t count)
{
        double sum = 0;
        int at = 0;
        for (size_t i = 0; i < count; i++) {
                if (!isnan(shares[i]) && shares[i] > 0)
                        sum += shares[i];
                int to = (int)lround((sum > 1 ? 1 : sum) * area.columns);
                if (to == at && i == 0 && sum > 0 && area.columns > 1)
                        to = 1; /* not nothing */
                area_repeat(area, 0, at, to - at, roles[i], "█", "|");
                at = to > at ? to : at;
        }
        area_repeat(area, 0, at, area.columns - at, ROLE_GAUGE_EMPTY, "░", ".");
}

void gauge_draw(struct area area, struct sv label, double share, struct sv text)
{
        int label_width = label.n ? area_text(area, 0, 0, ROLE_LABEL, label) + 1 : 0;
        int text_width = text.n ? (int)text.n + 1 : 0;
        enum tui_role role = isnan(share) ? ROLE_DIM : role_of_share(share);
        struct area bar = area_part(area, 0, label_width, 1, area.columns - label_width - text_width);
        if (!area_empty(bar))
                gauge_bar(bar, &share, &role, 1);
        area_put(area, 0, area.columns - text_width, text_width, ALIGN_RIGHT, role, text);
}

/* ---- tabs ---- */

/* The first tab that is shown, so that the active one is seen. */
static size_t first_tab(struct area area, const char *const *titles, size_t active)
{
        int width = 0;
        size_t first = active;
        for (;; first--) {
                width += (int)strlen(titles[first]) + 4;
                if (width > area.columns)
                        return first < active ? first + 1 : active;
                if (first == 0)
                        return 0;
        }
}

void tabs_draw(struct area area, const char *const *titles, size_t count, size_t active)
{
        int column = 0;
        for (size_t i = count ? first_tab(area, titles, active) : 0; i < count && column < area.columns; i++) {
                int width = area_printf(area, 0, column, ROLE_TAB, " %zu %s ", i + 1, titles[i]);
                area_paint(area, 0, column, width, i == active ? ROLE_TAB_ACTIVE : ROLE_TEXT, 0);
                column += width;
        }
}

int tabs_at(struct area area, const char *const *titles, size_t count, size_t active, int column)
{
        int at = 0;
        for (size_t i = count ? first_tab(area, titles, active) : 0; i < count; i++) {
                int width = (int)strlen(titles[i]) + 4;
                if (column >= at && column < at + width)
                        return (int)i;
                at += width;
        }
        return -1;
}

int pair_draw(struct area area, int row, int width, const char *label, enum tui_role role, struct sv value)
{
        area_put(area, row, 0, width, ALIGN_LEFT, ROLE_LABEL, sv_of(label));
        area_put(area, row, width + 1, area.columns - width - 1, ALIGN_LEFT, role, value);
        return row + 1;
}
