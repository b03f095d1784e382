/* Tables: filter, sort, selection, marks, tree, narrow terminals. */
#include "base/buf.h"
#include "tui/widgets/grid.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

struct animal {
        uint64_t key, parent;
        const char *name;
        int legs;
};

static const struct animal animals[] = {
        { 1, 0, "animal", 0 },
        { 2, 1, "bird", 2 },
        { 3, 2, "Owl", 2 },
        { 4, 2, "duck", 2 },
        { 5, 1, "spider", 8 },
        { 6, 0, "日本", 4 },
};
enum { ANIMALS = sizeof(animals) / sizeof(animals[0]) };

static void name_cell(const void *row, void *cookie, struct grid_cell *ret)
{
        (void)cookie;
        buf_puts(ret->text, ((const struct animal *)row)->name);
}

static void legs_cell(const void *row, void *cookie, struct grid_cell *ret)
{
        (void)cookie;
        buf_printf(ret->text, "%d", ((const struct animal *)row)->legs);
}

static void share_cell(const void *row, void *cookie, struct grid_cell *ret)
{
        (void)cookie;
        ret->share = ((const struct animal *)row)->legs / 8.0;
}

static int by_name(const void *a, const void *b, void *cookie)
{
        (void)cookie;
        return strcmp(((const struct animal *)a)->name, ((const struct animal *)b)->name);
}

static int by_legs(const void *a, const void *b, void *cookie)
{
        (void)cookie;
        return ((const struct animal *)a)->legs - ((const struct animal *)b)->legs;
}

static const struct grid_column columns[] = {
        { .name = "legs",
                .title = "LEGS",
                .width = 5,
                .right = true,
                .descending = true,
                .cell = legs_cell,
                .compare = by_legs },
        { .name = "share", .title = "SHARE", .width = 6, .priority = 2, .no_match = true, .cell = share_cell },
        { .name = "name", .title = "NAME", .least = 6, .tree = true, .cell = name_cell, .compare = by_name },
        { .name = "again", .title = "AGAIN", .width = 6, .priority = 1, .no_match = true, .cell = name_cell },
};

static struct grid *open_grid(const char *sort)
{
        struct error err;
        struct grid *grid = grid_new(columns, 4, sort, NULL, &err);
        assert_non_null(grid);
        return grid;
}

static void fill(struct grid *grid, size_t count)
{
        grid_begin(grid);
        for (size_t i = 0; i < count; i++)
                grid_add(grid, animals[i].key, animals[i].parent, &animals[i]);
        grid_end(grid);
}

/* Names of the rows in the order in which they are shown. */
static void assert_rows(const struct grid *grid, const char *expected)
{
        struct buf text;
        buf_init(&text, 4096);
        for (size_t i = 0; i < grid_shown(grid); i++)
                buf_printf(&text, "%s%s", i ? " " : "", ((const struct animal *)grid_row(grid, i))->name);
        assert_string_equal(buf_text(&text), expected);
        buf_done(&text);
}

static const char *selected(const struct grid *grid)
{
        const struct animal *animal = grid_selected(grid);
        return animal ? animal->name : "";
}

static void press(struct grid *grid, const char *command)
{
        assert_true(grid_command(grid, command, "", NULL));
}

static void assert_drawn(struct grid *grid, int rows, int width, bool utf8, const char *expected)
{
        struct look look = { .theme = &tui_themes[0], .utf8 = utf8, .braille = utf8 };
        struct canvas canvas;
        struct buf text;
        buf_init(&text, 1 << 16);
        assert_int_equal(canvas_init(&canvas, rows, width, &look, NULL), 0);
        grid_draw(grid, canvas_area(&canvas));
        canvas_text(&canvas, false, &text);
        assert_string_equal(buf_text(&text), expected);
        buf_done(&text);
        canvas_done(&canvas);
}

static void test_sort(void **state)
{
        (void)state;
        struct grid *grid = open_grid(NULL);
        bool descending;
        fill(grid, ANIMALS);
        assert_rows(grid, "animal bird Owl duck spider 日本"); /* as added */
        assert_null(grid_sort(grid, &descending));
        assert_true(grid_command(grid, "sort", "legs", NULL)); /* figures from the largest */
        assert_rows(grid, "spider 日本 bird Owl duck animal");
        press(grid, "reverse");
        assert_rows(grid, "animal bird Owl duck 日本 spider");
        press(grid, "sort-next"); /* share cannot be sorted by: the one behind it */
        assert_string_equal(grid_sort(grid, &descending), "name");
        assert_false(descending);
        assert_rows(grid, "Owl animal bird duck spider 日本");
        press(grid, "sort-next");
        assert_string_equal(grid_sort(grid, &descending), "legs");
        press(grid, "sort-previous");
        assert_string_equal(grid_sort(grid, &descending), "name");
        struct error err;
        assert_int_equal(grid_set_sort(grid, "share", false, &err), -1);
        assert_non_null(strstr(err.message, "legs, name"));
        assert_true(grid_command(grid, "sort", "nosuch", &err));
        assert_int_equal(err.code, E_INVALID);
        grid_free(grid);
}

static void test_selection(void **state)
{
        (void)state;
        struct grid *grid = open_grid("name");
        fill(grid, ANIMALS);
        assert_string_equal(selected(grid), "Owl");
        press(grid, "down");
        press(grid, "down");
        assert_string_equal(selected(grid), "bird");
        press(grid, "reverse"); /* on its row, wherever that goes */
        assert_string_equal(selected(grid), "bird");
        fill(grid, 1); /* the row went: what is at its place */
        assert_string_equal(selected(grid), "animal");
        fill(grid, ANIMALS);
        press(grid, "bottom");
        assert_string_equal(selected(grid), "Owl");
        press(grid, "down");
        assert_string_equal(selected(grid), "Owl"); /* the last is the last */
        press(grid, "top");                         /* and stays there, whatever comes first */
        press(grid, "reverse");
        assert_string_equal(selected(grid), "Owl");
        press(grid, "down");
        press(grid, "follow"); /* at its place */
        press(grid, "reverse");
        assert_string_equal(selected(grid), "spider");
        assert_true(grid_select_key(grid, 3));
        assert_string_equal(selected(grid), "Owl");
        assert_false(grid_select_key(grid, 99));
        fill(grid, 0);
        assert_null(grid_selected(grid));
        assert_int_equal(grid_selected_key(grid), 0);
        static const char *const all[] = { "up", "down", "page-up", "page-down", "top", "bottom", "mark", "fold",
                "left", "right" };
        for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
                press(grid, all[i]); /* nothing there, nothing done */
        assert_false(grid_command(grid, "nosuch", "", NULL));
        grid_free(grid);
}

static bool shows_selection(struct grid *grid)
{
        struct look look = { .theme = &tui_themes[0] };
        struct canvas canvas;
        bool found = false;
        assert_int_equal(canvas_init(&canvas, 6, 30, &look, NULL), 0);
        grid_draw(grid, canvas_area(&canvas));
        for (int i = 0; i < canvas.rows * canvas.columns; i++)
                found = found || canvas.cells[i].ground == ROLE_SELECTED || canvas.cells[i].role == ROLE_SELECTED;
        canvas_done(&canvas);
        return found;
}

/* Of two lists on a page one shows where the keys go. */
static void test_keys_of_one_list(void **state)
{
        struct grid *grid = open_grid(NULL);
        (void)state;
        fill(grid, 4);
        assert_true(shows_selection(grid));
        grid_set_keys(grid, false);
        assert_false(shows_selection(grid));
        assert_non_null(grid_selected(grid)); /* and it stays where it is */
        grid_set_keys(grid, true);
        assert_true(shows_selection(grid));
        grid_free(grid);
}

static void test_tail(void **state)
{
        (void)state;
        struct grid *grid = open_grid(NULL);
        grid_set_tail(grid, true);
        fill(grid, 3);
        assert_string_equal(selected(grid), "Owl");
        fill(grid, 4);
        assert_string_equal(selected(grid), "duck");
        press(grid, "up"); /* left the end: stays on its row */
        fill(grid, 5);
        assert_string_equal(selected(grid), "Owl");
        assert_false(grid_tail(grid));
        press(grid, "bottom"); /* and at the end it follows again */
        assert_true(grid_tail(grid));
        fill(grid, ANIMALS);
        assert_string_equal(selected(grid), "日本");
        press(grid, "follow");
        assert_false(grid_tail(grid));
        grid_free(grid);
}

static void test_marks(void **state)
{
        (void)state;
        struct grid *grid = open_grid(NULL);
        const void *rows[8];
        fill(grid, ANIMALS);
        assert_int_equal(grid_targets(grid, rows, 8), 1); /* none marked: the one that is selected */
        assert_ptr_equal(rows[0], &animals[0]);
        press(grid, "mark");
        press(grid, "down");
        press(grid, "mark");
        assert_int_equal(grid_marks(grid), 2);
        assert_true(grid_marked(grid, 1) && grid_marked(grid, 3));
        assert_int_equal(grid_targets(grid, rows, 8), 2);
        assert_ptr_equal(rows[1], &animals[2]);
        fill(grid, 2); /* one of them is gone: not acted on */
        assert_int_equal(grid_targets(grid, rows, 8), 1);
        assert_int_equal(grid_marks(grid), 1);
        assert_int_equal(grid_targets(grid, rows, 0), 0);
        press(grid, "unmark");
        assert_int_equal(grid_marks(grid), 0);
        assert_int_equal(grid_set_filter(grid, "bird", NULL), 0);
        press(grid, "mark-all"); /* of those that are shown */
        assert_int_equal(grid_set_filter(grid, NULL, NULL), 0);
        assert_int_equal(grid_marks(grid), 1);
        grid_free(grid);
}

static void test_filter(void **state)
{
        (void)state;
        struct grid *grid = open_grid(NULL);
        struct error err;
        fill(grid, ANIMALS);
#define assert_filter(text, expected)                                                                                  \
        do {                                                                                                           \
                assert_int_equal(grid_set_filter(grid, text, &err), 0);                                                \
                assert_rows(grid, expected);                                                                           \
        } while (0)
        assert_filter("d", "bird duck spider");
        assert_filter("d !u", "bird spider");
        assert_filter("!d", "animal Owl 日本");
        assert_filter("owl", "Owl"); /* smart case */
        assert_filter("OWL", "");
        assert_filter("Owl", "Owl");
        assert_filter("^(bird|duck)$", "");               /* all columns: figures are before the names */
        assert_filter("name:^(bird|duck)$", "bird duck"); /* one column */
        assert_filter("legs:8", "spider");
        assert_filter("!legs:2 !legs:0", "spider 日本");
        assert_filter("NAME:d", "bird duck spider");
        assert_filter("nosuch:d", ""); /* no column: text */
        assert_filter("\"an\" im", "animal");
        assert_filter("日", "日本");
        assert_filter("name:", "animal bird Owl duck spider 日本"); /* being typed */
        assert_filter("  ", "animal bird Owl duck spider 日本");
        assert_filter("!", "");
        assert_filter("bird", "bird");
        assert_int_equal(grid_set_filter(grid, "a(", &err), -1); /* the one before stays */
        assert_int_equal(err.code, E_INVALID);
        assert_rows(grid, "bird");
        assert_string_equal(grid_filter(grid), "bird");
        assert_int_equal(grid_set_filter(grid, "a b c d e f g h i j k l m n o p q", &err), -1);
        assert_int_equal(grid_total(grid), ANIMALS);
        grid_free(grid);
}

static void test_tree(void **state)
{
        (void)state;
        struct grid *grid = open_grid("name");
        fill(grid, ANIMALS);
        press(grid, "tree");
        assert_rows(grid, "animal bird Owl duck spider 日本"); /* sorted among siblings */
        assert_drawn(grid, 7, 36, true,
                "  LEGS SHARE  NAME▲           AGAIN\n"
                "     0 ░░░░░░ animal          animal\n"
                "     2 ██░░░░ ├─bird          bird\n"
                "     2 ██░░░░ │ ├─Owl         Owl\n"
                "     2 ██░░░░ │ └─duck        duck\n"
                "     8 ██████ └─spider        spider\n"
                "     4 ███░░░ 日本            日本\n");
        assert_drawn(grid, 7, 36, false,
                "  LEGS SHARE  NAME^           AGAIN\n"
                "     0 ...... animal          animal\n"
                "     2 ||.... |-bird          bird\n"
                "     2 ||.... | |-Owl         Owl\n"
                "     2 ||.... | `-duck        duck\n"
                "     8 |||||| `-spider        spider\n"
                "     4 |||... ????            ????\n");
        assert_int_equal(grid_set_filter(grid, "duck", NULL), 0); /* with what is above it */
        assert_rows(grid, "animal bird duck");
        assert_int_equal(grid_set_filter(grid, "", NULL), 0);
        assert_true(grid_select_key(grid, 2));
        press(grid, "fold");
        assert_rows(grid, "animal bird spider 日本");
        fill(grid, ANIMALS); /* stays folded */
        assert_rows(grid, "animal bird spider 日本");
        press(grid, "right");
        assert_rows(grid, "animal bird Owl duck spider 日本");
        press(grid, "right"); /* to the first child */
        assert_string_equal(selected(grid), "Owl");
        press(grid, "left"); /* to the parent */
        assert_string_equal(selected(grid), "bird");
        press(grid, "fold-all");
        assert_rows(grid, "animal 日本");
        press(grid, "unfold-all");
        assert_rows(grid, "animal bird Owl duck spider 日本");
        grid_free(grid);
}

/* A picture taken while processes come and go may hold anything: each row has one place. */
static void test_tree_of_loops(void **state)
{
        (void)state;
        static const uint64_t parents[][5] = {
                { 2, 1, 0, 3, 4 },
                { 1, 2, 3, 4, 5 },
                { 5, 1, 2, 3, 4 },
                { 2, 3, 1, 1, 2 },
                { 9, 9, 9, 1, 9 },
        };
        for (size_t n = 0; n < sizeof(parents) / sizeof(parents[0]); n++)
                for (int fold = 0; fold < 2; fold++) {
                        struct grid *grid = open_grid(fold ? "name" : NULL);
                        grid_set_tree(grid, true);
                        for (int round = 0; round < 2; round++) {
                                grid_begin(grid);
                                for (size_t i = 0; i < 5; i++)
                                        grid_add(grid, i + 1, parents[n][i], &animals[i]);
                                grid_end(grid);
                                assert_int_equal(grid_shown(grid), 5);
                        }
                        if (fold)
                                press(grid, "fold-all");
                        assert_true(grid_shown(grid) <= 5);
                        grid_free(grid);
                }
}

static void test_deep_tree(void **state)
{
        (void)state;
        enum { DEPTH = 300 };
        struct grid *grid = open_grid(NULL);
        grid_set_tree(grid, true);
        grid_begin(grid);
        for (uint64_t i = 1; i <= DEPTH; i++)
                grid_add(grid, i, i - 1, &animals[i % ANIMALS]);
        grid_end(grid);
        assert_int_equal(grid_shown(grid), DEPTH);
        press(grid, "bottom");
        struct look look = { .theme = &tui_themes[0], .utf8 = true };
        struct canvas canvas;
        assert_int_equal(canvas_init(&canvas, 20, 60, &look, NULL), 0);
        grid_draw(grid, canvas_area(&canvas));
        canvas_done(&canvas);
        grid_free(grid);
}

static void test_narrow(void **state)
{
        (void)state;
        struct grid *grid = open_grid("legs");
        fill(grid, 3);
        assert_drawn(grid, 2, 30, true, " ▼LEGS SHARE  NAME      AGAIN\n     2 ██░░░░ bird      bird\n");
        assert_drawn(grid, 2, 24, true, " ▼LEGS NAME       AGAIN\n     2 bird       bird\n");
        assert_drawn(grid, 2, 14, true, " ▼LEGS NAME\n     2 bird\n");
        assert_drawn(grid, 2, 9, true, " ▼LEGS NA\n     2 b…\n"); /* cut, since no column is left to leave out */
        assert_drawn(grid, 1, 14, true, " ▼LEGS NAME\n");
        grid_free(grid);
}

static void test_scroll(void **state)
{
        (void)state;
        struct grid *grid = open_grid(NULL);
        fill(grid, ANIMALS);
        assert_drawn(grid, 3, 14, true, "  LEGS NAME\n     0 animal\n     2 bird\n");
        press(grid, "page-down");
        press(grid, "page-down");
        press(grid, "page-down");
        assert_drawn(grid, 3, 14, true, "  LEGS NAME\n     2 Owl\n     2 duck\n");
        press(grid, "bottom");
        press(grid, "mark");
        assert_drawn(grid, 3, 14, true, "  LEGS NAME\n     8 spider\n●    4 日本\n");
        fill(grid, 1); /* fewer rows than were scrolled over */
        assert_drawn(grid, 3, 14, true, "  LEGS NAME\n     0 animal\n\n");
        fill(grid, 0);
        assert_drawn(grid, 3, 24, true, "  LEGS NAME       AGAIN\n nothing to show\n\n");
        grid_free(grid);
}

static void test_mouse(void **state)
{
        (void)state;
        struct grid *grid = open_grid(NULL);
        struct look look = { .theme = &tui_themes[0], .utf8 = true };
        struct canvas canvas;
        assert_int_equal(canvas_init(&canvas, 10, 40, &look, NULL), 0);
        struct area area = area_part(canvas_area(&canvas), 2, 5, 5, 30);
        fill(grid, ANIMALS);
        grid_draw(grid, area);
        struct mouse mouse = { .action = MOUSE_PRESS, .button = 1, .row = 4, .column = 10 };
        assert_int_equal(grid_mouse(grid, &mouse, area), 1);
        assert_string_equal(selected(grid), "bird");
        assert_int_equal(grid_mouse(grid, &mouse, area), 2); /* again: open it */
        mouse.row = 2;                                       /* the header */
        assert_int_equal(grid_mouse(grid, &mouse, area), 1);
        bool descending;
        assert_string_equal(grid_sort(grid, &descending), "legs");
        assert_true(descending);
        assert_int_equal(grid_mouse(grid, &mouse, area), 1);
        grid_sort(grid, &descending);
        assert_false(descending);
        mouse.row = 0; /* outside */
        assert_int_equal(grid_mouse(grid, &mouse, area), 0);
        mouse = (struct mouse){ .action = MOUSE_WHEEL_DOWN, .row = 3, .column = 10 };
        assert_int_equal(grid_mouse(grid, &mouse, area), 1);
        mouse = (struct mouse){ .action = MOUSE_RELEASE, .button = 1, .row = 3, .column = 10 };
        assert_int_equal(grid_mouse(grid, &mouse, area), 0);
        canvas_done(&canvas);
        grid_free(grid);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_sort),
                cmocka_unit_test(test_selection),
                cmocka_unit_test(test_keys_of_one_list),
                cmocka_unit_test(test_tail),
                cmocka_unit_test(test_marks),
                cmocka_unit_test(test_filter),
                cmocka_unit_test(test_tree),
                cmocka_unit_test(test_tree_of_loops),
                cmocka_unit_test(test_deep_tree),
                cmocka_unit_test(test_narrow),
                cmocka_unit_test(test_scroll),
                cmocka_unit_test(test_mouse),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
