/* What the tests of the machine share: a tree that stands in for "/", and the reference data in it. */
#pragma once

#include "linux_fixture.h"

#include "linux/machine_internal.h"

#define DATA "watch/cadvisor/lib/"

static struct error err;
static struct arena arena;
static struct fixture tree;
static struct machine machine;

static inline int setup(void **state)
{
        (void)state;
        arena_init(&arena, MACHINE_MEMORY);
        fixture_make(&tree);
        fixture_text(&tree, "proc/meminfo", "MemTotal: 1024 kB\nSwapTotal: 512 kB\n");
        memset(&machine, 0, sizeof(machine));
        return 0;
}

static inline int teardown(void **state)
{
        (void)state;
        fixture_remove(&tree);
        arena_done(&arena);
        return 0;
}

static inline void read_tree(void)
{
        int status = machine_read(tree.root, NULL, &arena, &machine, &err);
        if (status < 0)
                print_message("%s\n", err.message);
        assert_int_equal(status, 0);
}

/* The absolute path of a directory of the reference data; skips the test where it is not installed. */
static inline const char *data_path(const char *path)
{
        static char full[PATH_MAX];
        char link[64];
        int dir;
        if (!testdata_open(path, &dir)) {
                print_message("skipped: needs the reference data %s\n", path);
                skip();
        }
        snprintf(link, sizeof(link), "/proc/self/fd/%d", dir);
        ssize_t n = readlink(link, full, sizeof(full) - 1);
        close(dir);
        assert_true(n > 0);
        full[n] = '\0';
        return full;
}

static inline void link_data(const char *path, const char *data)
{
        fixture_link(&tree, path, data_path(data));
}

#define WITH_TREE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
