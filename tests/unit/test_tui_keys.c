/* The key table: no key means two things in one view, each key has a name that the decoder knows, and docs/top.md says
 * what the table says. */
#include "tui/keys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static const char *const all_views[] = { "overview", "containers", "processes", "network", "disks", "events",
        "alerts" };
enum { VIEWS = sizeof(all_views) / sizeof(all_views[0]) };

static bool says(const char *keys, struct sv name)
{
        struct sv rest = sv_of(keys), word;
        while (sv_word(&rest, &word))
                if (sv_eq(word, name))
                        return true;
        return false;
}

static void test_no_key_means_two_things(void **state)
{
        (void)state;
        for (const struct binding *a = bindings; a->command; a++) {
                struct sv rest = sv_of(a->keys), name;
                assert_non_null(a->help);
                assert_non_null(a->section);
                while (sv_word(&rest, &name)) {
                        struct key key;
                        char again[KEY_NAME_MAX];
                        assert_true(key_parse(name, &key));
                        key_text(&key, again);
                        assert_true(sv_eq(name, sv_of(again)));
                        for (const struct binding *b = a + 1; b->command; b++)
                                for (size_t v = 0; v < VIEWS; v++)
                                        if (says(b->keys, name) && binding_holds(a, all_views[v], false) &&
                                                binding_holds(b, all_views[v], false))
                                                fail_msg("%.*s is both %s and %s in %s", SV_ARG(name), a->command,
                                                        b->command, all_views[v]);
                }
        }
}

static void test_views_are_named_rightly(void **state)
{
        (void)state;
        for (const struct binding *binding = bindings; binding->command; binding++) {
                struct sv rest = sv_of(binding->views), name;
                while (sv_word(&rest, &name)) {
                        bool known = false;
                        for (size_t v = 0; v < VIEWS; v++)
                                known |= sv_eq(name, sv_of(all_views[v]));
                        assert_true(known);
                }
        }
}

static void test_lookup(void **state)
{
        (void)state;
        struct key key;
        assert_true(key_parse(SV("c"), &key)); /* one key, two views, two meanings */
        assert_string_equal(binding_of_key(&key, "containers", false)->command, "units");
        assert_string_equal(binding_of_key(&key, "network", false)->command, "connections");
        assert_null(binding_of_key(&key, "processes", false));
        assert_true(key_parse(SV("x"), &key));
        assert_string_equal(binding_of_key(&key, "processes", false)->command, "kill");
        assert_null(binding_of_key(&key, "processes", true)); /* --readonly */
        assert_string_equal(binding_of_command(SV("red"), "processes", false)->command, "redraw");
        assert_null(binding_of_command(SV("s"), "processes", false)); /* sort, slower, suspend */
        assert_string_equal(binding_of_command(SV("sort"), "processes", false)->command, "sort");
        assert_null(binding_of_command(SV("kill"), "containers", false));
        assert_null(binding_of_command(SV(""), "containers", false));
}

static const char *themes(const struct binding *binding, size_t n, void *cookie)
{
        static const char *const words[] = { "dark", "darker", "light", NULL };
        (void)cookie;
        return strcmp(binding->command, "theme") == 0 && n < 3 ? words[n] : NULL;
}

static void assert_completes(const char *typed, const char *line, const char *list)
{
        struct buf text, candidates;
        buf_init(&text, 256);
        buf_init(&candidates, 4096);
        buf_puts(&text, typed);
        bindings_complete(&text, "processes", false, themes, NULL, &candidates);
        assert_string_equal(buf_text(&text), line);
        assert_string_equal(buf_text(&candidates), list);
        buf_done(&text);
        buf_done(&candidates);
}

static void test_completion(void **state)
{
        (void)state;
        assert_completes("pau", "pause ", "pause");
        assert_completes("unm", "unmark ", "unmark");
        assert_completes("theme d", "theme dark", "dark darker");
        assert_completes("theme l", "theme light ", "light");
        assert_completes("nosuch", "nosuch", "");
        assert_completes("pause x", "pause x", "");
}

static void test_documented(void **state)
{
        (void)state;
        const char *source = getenv("TARSIER_SOURCE");
        char path[4096], line[512];
        struct buf wanted, page;
        buf_init(&wanted, 1 << 20);
        buf_init(&page, 1 << 20);
        snprintf(path, sizeof(path), "%s/docs/top.md", source ? source : ".");
        FILE *file = fopen(path, "re");
        assert_non_null(file);
        while (fgets(line, sizeof(line), file))
                buf_puts(&page, line);
        fclose(file);
        bindings_markdown(&wanted);
        if (!strstr(buf_text(&page), buf_text(&wanted)))
                fail_msg("docs/top.md lacks the table of keys as it is:\n%s", buf_text(&wanted));
        buf_done(&wanted);
        buf_done(&page);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_no_key_means_two_things),
                cmocka_unit_test(test_views_are_named_rightly),
                cmocka_unit_test(test_lookup),
                cmocka_unit_test(test_completion),
                cmocka_unit_test(test_documented),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
