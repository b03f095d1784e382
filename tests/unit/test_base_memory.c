/* Arena, buffer, vector and map: what they hold, what they refuse, and that they count it. */
#include "base/arena.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/map.h"
#include "base/vec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static void test_arena_zeroed_and_aligned(void **state)
{
        (void)state;
        cleanup(arena_done) struct arena arena;
        arena_init(&arena, 1 << 20);
        for (size_t size = 0; size < 300; size += 7) {
                unsigned char *memory = arena_alloc(&arena, size);
                assert_non_null(memory);
                assert_int_equal((uintptr_t)memory % 16, 0);
                for (size_t i = 0; i < size; i++)
                        assert_int_equal(memory[i], 0);
                memset(memory, 0xff, size);
        }
        /* larger than a block: does not spoil the open one */
        char *small = arena_alloc(&arena, 16);
        char *large = arena_alloc(&arena, 100000);
        char *next = arena_alloc(&arena, 16);
        assert_non_null(large);
        assert_ptr_equal(next, small + 16);
        assert_int_equal(arena.refused, 0);
}

static void test_arena_limit(void **state)
{
        (void)state;
        cleanup(arena_done) struct arena arena;
        arena_init(&arena, 64);
        assert_non_null(arena_alloc(&arena, 32));
        assert_null(arena_alloc(&arena, 33)); /* 48 with alignment */
        assert_non_null(arena_alloc(&arena, 32));
        assert_int_equal(arena.used, 64);
        assert_null(arena_alloc(&arena, 1));
        volatile size_t huge = SIZE_MAX; /* volatile: the compiler must not know, it would warn */
        assert_null(arena_alloc(&arena, huge));
        assert_null(arena_alloc(&arena, huge - 15));
        assert_null(arena_array(&arena, huge / 2, 3));
        assert_int_equal(arena.refused, 5);
        assert_int_equal(arena_defer(&arena, free, NULL), -1);
        arena_done(&arena); /* and it can be used again */
        assert_int_equal(arena.used, 0);
        assert_non_null(arena_alloc(&arena, 64));
}

static void test_arena_text(void **state)
{
        (void)state;
        cleanup(arena_done) struct arena arena;
        arena_init(&arena, 1 << 16);
        assert_null(arena_strdup(&arena, NULL));
        assert_string_equal(arena_strdup(&arena, ""), "");
        assert_string_equal(arena_strndup(&arena, "abcdef", 3), "abc");
        assert_string_equal(arena_printf(&arena, "%s-%d", "x", 42), "x-42");
        assert_null(arena_printf(&arena, "%100000d", 1));
        assert_int_equal(arena.refused, 1);
}

static char order[16];

static void note(void *cookie)
{
        size_t length = strlen(order);
        order[length] = *(const char *)cookie;
        order[length + 1] = '\0';
}

static void test_arena_deferred_run_last_first(void **state)
{
        (void)state;
        struct arena arena;
        arena_init(&arena, 1 << 16);
        /* the cookies live in the arena: still readable when the functions run */
        assert_int_equal(arena_defer(&arena, note, arena_strdup(&arena, "1")), 0);
        assert_int_equal(arena_defer(&arena, note, arena_strdup(&arena, "2")), 0);
        assert_int_equal(arena_defer(&arena, note, arena_strdup(&arena, "3")), 0);
        assert_string_equal(order, "");
        arena_done(&arena);
        assert_string_equal(order, "321");
        arena_done(&arena);
        assert_string_equal(order, "321");
}

static void test_buf_grows_and_terminates(void **state)
{
        (void)state;
        cleanup(buf_done) struct buf buf;
        buf_init(&buf, 10000);
        assert_string_equal(buf_text(&buf), "");
        assert_non_null(buf_reserve(&buf, 10)); /* reserved, nothing added: still a text */
        assert_string_equal(buf_text(&buf), "");
        for (int i = 0; i < 1000; i++)
                buf_printf(&buf, "%d,", i % 10);
        assert_int_equal(buf.len, 2000);
        assert_false(buf.failed);
        assert_int_equal(strlen(buf_text(&buf)), 2000);
        buf_consume(&buf, 1998);
        assert_string_equal(buf_text(&buf), "9,");
        buf_consume(&buf, 99);
        assert_string_equal(buf_text(&buf), "");
}

static void test_buf_ceiling_is_sticky(void **state)
{
        (void)state;
        cleanup(buf_done) struct buf buf;
        buf_init(&buf, 8);
        buf_puts(&buf, "12345678"); /* exactly the ceiling */
        assert_false(buf.failed);
        buf_putc(&buf, '9');
        assert_true(buf.failed);
        assert_string_equal(buf_text(&buf), "12345678");
        buf_consume(&buf, 8);
        buf_putc(&buf, 'x'); /* there is room now, but something was lost before: no text with a hole */
        assert_string_equal(buf_text(&buf), "");
        assert_null(buf_reserve(&buf, 0));
        buf_clear(&buf);
        assert_false(buf.failed);
        buf_printf(&buf, "%s", "123456789");
        assert_true(buf.failed);
        assert_int_equal(buf.len, 0);
}

static void test_buf_extreme_ceilings(void **state)
{
        (void)state;
        cleanup(buf_done) struct buf none;
        buf_init(&none, 0);
        buf_append(&none, "", 0);
        assert_false(none.failed);
        buf_putc(&none, 'x');
        assert_true(none.failed);
        cleanup(buf_done) struct buf boundless;
        buf_init(&boundless, SIZE_MAX);
        buf_puts(&boundless, "text");
        assert_string_equal(buf_text(&boundless), "text");
        assert_null(buf_reserve(&boundless, SIZE_MAX));
        assert_true(boundless.failed);
}

static void test_vec(void **state)
{
        (void)state;
        VEC(int) numbers = { 0 };
        for (int i = 0; i < 100; i++) {
                int *item = vec_add(&numbers, 100);
                assert_non_null(item);
                assert_int_equal(*item, 0);
                *item = i;
        }
        assert_null(vec_add(&numbers, 100));
        assert_int_equal(numbers.count, 100);
        vec_swap_remove(&numbers, 0);
        assert_int_equal(numbers.items[0], 99);
        int sum = 0;
        vec_foreach (item, &numbers)
                sum += *item;
        assert_int_equal(sum, 99 * 100 / 2);
        vec_done(&numbers);
        assert_int_equal(numbers.count, 0);
}

static void test_map_basics(void **state)
{
        (void)state;
        cleanup(map_done) struct map map;
        map_init(&map, 3);
        int one = 1;
        int two = 2;
        assert_null(map_get(&map, SV("a")));
        assert_null(map_remove(&map, SV("a")));
        assert_int_equal(map_put(&map, SV("a"), &one), 0);
        assert_int_equal(map_put(&map, SV(""), &two), 0);
        assert_int_equal(map_put(&map, sv_n("a\0b", 3), &two), 0);
        assert_ptr_equal(map_get(&map, SV("a")), &one);
        assert_ptr_equal(map_get(&map, SV("")), &two);
        assert_ptr_equal(map_get(&map, sv_n("a\0b", 3)), &two);
        assert_int_equal(map_put(&map, SV("a"), &two), 0); /* replacing needs no room */
        assert_int_equal(map_put(&map, SV("d"), &one), -1);
        assert_int_equal(map.refused, 1);
        assert_int_equal(map.count, 3);
        assert_ptr_equal(map_remove(&map, SV("a")), &two);
        assert_int_equal(map_put(&map, SV("d"), &one), 0);
}

static void test_map_insertion_order(void **state)
{
        (void)state;
        cleanup(map_done) struct map map;
        map_init(&map, 1000);
        for (uint64_t i = 0; i < 1000; i++)
                assert_int_equal(map_put(&map, map_key_u64(&i), &map), 0);
        uint64_t expected = 0;
        map_foreach (entry, &map) {
                assert_memory_equal(entry->key, &expected, sizeof(expected));
                expected++;
        }
        assert_int_equal(expected, 1000);
}

enum { MODEL_KEYS = 700, MODEL_MAX = 500, MODEL_OPERATIONS = 100000 };

/* A fixed generator (Knuth's MMIX constants): the same operations in every run. */
static uint32_t next_number(uint64_t *generator)
{
        *generator = *generator * 6364136223846793005U + 1442695040888963407U;
        return (uint32_t)(*generator >> 33);
}

static void test_map_against_a_model(void **state)
{
        (void)state;
        static int values[MODEL_OPERATIONS];
        void *model[MODEL_KEYS] = { 0 };
        size_t count = 0;
        size_t refused = 0;
        uint64_t generator = 20261121;
        cleanup(map_done) struct map map;
        map_init(&map, MODEL_MAX);
        for (int i = 0; i < MODEL_OPERATIONS; i++) {
                uint32_t key = next_number(&generator) % MODEL_KEYS;
                char text[32];
                struct sv name = sv_n(text, (size_t)snprintf(text, sizeof(text), "%*u", (int)(key % 20), key));
                switch (next_number(&generator) % 8) {
                case 0:
                case 1:
                case 2:
                case 3:
                        if (model[key] || count < MODEL_MAX) {
                                count += !model[key];
                                model[key] = &values[i];
                                assert_int_equal(map_put(&map, name, &values[i]), 0);
                        } else {
                                refused++;
                                assert_int_equal(map_put(&map, name, &values[i]), -1);
                        }
                        break;
                case 4:
                        assert_ptr_equal(map_remove(&map, name), model[key]);
                        count -= model[key] != NULL;
                        model[key] = NULL;
                        break;
                default:
                        assert_ptr_equal(map_get(&map, name), model[key]);
                }
                assert_int_equal(map.count, count);
        }
        assert_int_equal(map.refused, refused);
        assert_true(refused > 0);
        map_foreach (entry, &map) {
                char *end;
                unsigned long key = strtoul(entry->key, &end, 10);
                assert_true(key < MODEL_KEYS && *end == '\0');
                assert_ptr_equal(entry->value, model[key]);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_arena_zeroed_and_aligned),
                cmocka_unit_test(test_arena_limit),
                cmocka_unit_test(test_arena_text),
                cmocka_unit_test(test_arena_deferred_run_last_first),
                cmocka_unit_test(test_buf_grows_and_terminates),
                cmocka_unit_test(test_buf_ceiling_is_sticky),
                cmocka_unit_test(test_buf_extreme_ceilings),
                cmocka_unit_test(test_vec),
                cmocka_unit_test(test_map_basics),
                cmocka_unit_test(test_map_insertion_order),
                cmocka_unit_test(test_map_against_a_model),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
