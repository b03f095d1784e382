/* The canvas: whatever text is drawn wherever, every cell stays whole and nothing that steers a terminal comes out; the
 * filter line and the line of commands take any text. */
#include "base/encode.h"
#include "tui/keys.h"
#include "tui/screen.h"
#include "tui/widgets/filter.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void check_cells(const struct canvas *canvas)
{
        for (int row = 0; row < canvas->rows; row++)
                for (int column = 0; column < canvas->columns; column++) {
                        const struct cell *cell = &canvas->cells[row * canvas->columns + column];
                        bool right = column > 0 && cell[-1].columns == 2;
                        if (cell->columns > 2 || (cell->columns == 0) != right || (cell->columns == 0 && cell->text[0]))
                                abort();
                        if (cell->columns == 2 && column + 1 == canvas->columns)
                                abort();
                        if (!utf8_valid(sv_of(cell->text)) || strlen(cell->text) >= CELL_TEXT_MAX)
                                abort();
                        if (!canvas->look->utf8)
                                for (const char *c = cell->text; *c; c++)
                                        if ((unsigned char)*c > '~')
                                                abort();
                }
}

static void check_text(const struct canvas *canvas)
{
        struct buf text;
        buf_init(&text, 1 << 22);
        canvas_text(canvas, false, &text);
        struct sv rest = sv_n(buf_text(&text), text.len);
        while (rest.n) {
                uint32_t rune;
                size_t n = utf8_decode(rest, &rune);
                if (!n || (rune != '\n' && utf8_is_control(rune)))
                        abort();
                rest = sv_n(rest.p + n, rest.n - n);
        }
        buf_clear(&text);
        canvas_text(canvas, true, &text);
        buf_done(&text);
}

static struct sv row_text(void *cookie, int column)
{
        (void)column;
        return *(struct sv *)cookie;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
        static const char *const names[] = { "name", "cpu", NULL };
        struct look look = { .theme = &tui_themes[0], .depth = COLOUR_TRUE };
        struct canvas canvas;
        struct error err;
        if (size < 4 || size > 4096)
                return 0;
        struct sv text = sv_n((const char *)bytes + 4, size - 4);
        look.utf8 = bytes[0] & 1;
        look.depth = (enum colour_depth)(bytes[0] >> 1 & 3);
        if (canvas_init(&canvas, 4, 1 + bytes[1] % 24, &look, &err) < 0)
                return 0;
        struct area area = area_part(canvas_area(&canvas), (int8_t)bytes[2] / 16, (int8_t)bytes[3] / 8, 3, 20);
        for (int column = -3; column < 24; column += 3) {
                area_text(area, column % 4, column, ROLE_ERROR, text);
                area_put(area, column & 3, column, 7, (enum align)(column % 3 < 0 ? 0 : column % 3), ROLE_TEXT, text);
                check_cells(&canvas);
        }
        area_paint(area, 0, -2, 100, ROLE_SELECTED, STYLE_BOLD);
        area_box(area, ROLE_BORDER, text);
        check_cells(&canvas);
        check_text(&canvas);
        canvas_done(&canvas);

        struct filter *filter = filter_new(text, names, &err);
        if (filter)
                filter_match(filter, row_text, &text);
        filter_free(filter);
        struct buf line, list;
        buf_init(&line, 4096);
        buf_init(&list, 4096);
        buf_append(&line, text.p, text.n);
        bindings_complete(&line, "processes", false, NULL, NULL, &list);
        buf_done(&line);
        buf_done(&list);
        return 0;
}
