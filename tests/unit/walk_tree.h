/* Trees in /tmp for the tests of the walker, and a recorder of what a walk says about them. */
#pragma once

#include "base/cleanup.h"
#include "base/vec.h"
#include "lib/walk/walk.h"

#include <setjmp.h> /* cmocka.h needs these three */
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>

#define SEEN_MAX ((size_t)1 << 21)

struct tree {
        char path[64];
        int fd;
};

static inline void tree_make_in(struct tree *tree, const char *directory)
{
        snprintf(tree->path, sizeof(tree->path), "%s/tarsier-walk-XXXXXX", directory);
        assert_non_null(mkdtemp(tree->path));
        tree->fd = open(tree->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_true(tree->fd >= 0);
}

/* rm(1) knows how to remove trees deeper than PATH_MAX. */
static inline void tree_remove(struct tree *tree)
{
        pid_t pid = fork();
        int status;

        fd_close(&tree->fd);
        assert_true(pid >= 0);
        if (pid == 0) {
                execlp("rm", "rm", "-rf", "--", tree->path, (char *)NULL);
                _exit(127);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
}

static inline void tree_make(struct tree *tree)
{
        tree_make_in(tree, "/tmp");
}

/* For trees of many thousand entries: in memory where that is mounted. */
static inline void tree_make_large(struct tree *tree)
{
        tree_make_in(tree, access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
}

static inline void tree_file(const struct tree *tree, const char *path)
{
        int fd = openat(tree->fd, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

        assert_true(fd >= 0);
        assert_int_equal(write(fd, path, strlen(path)), strlen(path));
        close(fd);
}

static inline void tree_directory(const struct tree *tree, const char *path)
{
        assert_int_equal(mkdirat(tree->fd, path, 0755), 0);
}

/* What a walk said: "TYPE path", the root's path cut off, a line each; sorted on demand. */
struct record {
        VEC(char *) seen;
        size_t prefix;       /* bytes of the root to leave out */
        const char *prune;   /* directory name not to enter */
        uint64_t stop_after; /* entries, 0: never */
        uint64_t checkpoints;
        uint64_t stop_at_checkpoint;
        int last_errno;
        enum walk_stage last_stage;
        void (*during)(const struct walk_entry *entry); /* extra work in a callback */
};

static inline void record_line(struct record *record, const char *mark, struct sv path)
{
        char **line = vec_add(&record->seen, SEEN_MAX);

        assert_non_null(line);
        assert_true(path.n >= record->prefix);
        assert_int_equal(strlen(path.p), path.n);
        assert_true(asprintf(line, "%s %s", mark, path.p + record->prefix) > 0);
}

static inline char type_letter(unsigned char type)
{
        switch (type) {
        case DT_REG:
                return 'f';
        case DT_DIR:
                return 'd';
        case DT_LNK:
                return 'l';
        case DT_FIFO:
                return 'p';
        case DT_SOCK:
                return 's';
        case DT_CHR:
                return 'c';
        case DT_BLK:
                return 'b';
        default:
                return '?';
        }
}

static inline enum walk_verdict record_entry(void *cookie, const struct walk_entry *entry)
{
        struct record *record = cookie;
        char mark[3] = { type_letter(entry->type) };

        if (entry->target != entry->type)
                mark[1] = type_letter(entry->target);
        assert_string_equal(entry->name, entry->path.p + entry->path.n - entry->name_length);
        record_line(record, mark, entry->path);
        if (record->during)
                record->during(entry);
        if (record->stop_after && record->seen.count >= record->stop_after)
                return WALK_STOP;
        if (record->prune && entry->type == DT_DIR && strcmp(entry->name, record->prune) == 0)
                return WALK_PRUNE;
        return WALK_ON;
}

static inline enum walk_verdict record_error(void *cookie, struct sv path, enum walk_stage stage, int errnum)
{
        struct record *record = cookie;

        record_line(record, "!", path);
        record->last_errno = errnum;
        record->last_stage = stage;
        return WALK_ON;
}

static inline bool record_checkpoint(void *cookie)
{
        struct record *record = cookie;

        return ++record->checkpoints == record->stop_at_checkpoint;
}

static inline void record_done(struct record *record)
{
        vec_foreach (line, &record->seen)
                free(*line);
        vec_done(&record->seen);
}

static inline void record_walk(
        struct record *record, const char *root, struct walk_options options, struct walk_counts *counts)
{
        struct error error = { 0 };

        record->prefix = strlen(root);
        options.on_file = record_entry;
        options.on_directory = record_entry;
        options.on_error = record_error;
        options.checkpoint = record_checkpoint;
        options.cookie = record;
        *counts = (struct walk_counts){ 0 };
        assert_int_equal(walk_tree(AT_FDCWD, root, &options, counts, &error), 0);
}

static inline bool record_has(const struct record *record, const char *line)
{
        for (size_t i = 0; i < record->seen.count; i++) {
                if (strcmp(record->seen.items[i], line) == 0)
                        return true;
        }
        return false;
}
