/* A directory tree in /tmp that stands in for "/" in the tests of the kernel readers. */
#pragma once

#include "base/cleanup.h"
#include "base/path.h"

#include <setjmp.h> /* cmocka.h needs these three */
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>

struct fixture {
        char path[64];
        int root;
};

static inline void fixture_make(struct fixture *fixture)
{
        snprintf(fixture->path, sizeof(fixture->path), "/tmp/tarsier-linux-XXXXXX");
        assert_non_null(mkdtemp(fixture->path));
        fixture->root = open(fixture->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        assert_true(fixture->root >= 0);
}

static inline void fixture_parent(const struct fixture *fixture, const char *path, char *full, size_t size)
{
        assert_true((size_t)snprintf(full, size, "%s/%s", fixture->path, path) < size);
        struct sv parent = path_dir(sv_of(full));
        char directory[512];
        snprintf(directory, sizeof(directory), "%.*s", SV_ARG(parent));
        assert_int_equal(path_make(directory, 0755, NULL), 0);
}

static inline void fixture_bytes(const struct fixture *fixture, const char *path, const void *bytes, size_t size)
{
        char full[512];
        fixture_parent(fixture, path, full, sizeof(full));
        cleanup(fd_close) int fd = open(full, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        assert_true(fd >= 0);
        assert_int_equal(write_all(fd, bytes, size, NULL), 0);
}

static inline void fixture_text(const struct fixture *fixture, const char *path, const char *text)
{
        fixture_bytes(fixture, path, text, strlen(text));
}

static inline void fixture_link(const struct fixture *fixture, const char *path, const char *target)
{
        char full[512];
        fixture_parent(fixture, path, full, sizeof(full));
        assert_int_equal(symlink(target, full), 0);
}

static inline int fixture_unlink_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
        (void)st;
        (void)flag;
        (void)ftw;
        return remove(path);
}

static inline void fixture_remove(struct fixture *fixture)
{
        fd_close(&fixture->root);
        nftw(fixture->path, fixture_unlink_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* The real root of this machine. */
static inline int real_root(void)
{
        int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        assert_true(root >= 0);
        return root;
}

/* A file of the reference data, or false where that is not installed. */
static inline bool testdata_open(const char *path, int *ret_dir)
{
        char full[1024];
        const char *base = getenv("TARSIER_TESTDATA");
        const char *source = getenv("TARSIER_SOURCE");
        if (base)
                snprintf(full, sizeof(full), "%s/%s", base, path);
        else
                snprintf(full, sizeof(full), "%s/../shared/testdata/%s", source ? source : ".", path);
        *ret_dir = open(full, O_PATH | O_DIRECTORY | O_CLOEXEC);
        return *ret_dir >= 0;
}
