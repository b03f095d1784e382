/* inotify: separate callbacks on one inode, overflow, the end of an inode, and the parser of its records. */
#include "loop/inotify.h"
#include "loop_fixture.h"

struct tree {
        struct fixture *fixture;
        char path[64];
        int fd;
};

static void tree_make(struct tree *tree, struct fixture *fixture)
{
        *tree = (struct tree){ .fixture = fixture, .fd = -1 };
        snprintf(tree->path, sizeof(tree->path), "/tmp/tarsier-loop-XXXXXX");
        assert_non_null(mkdtemp(tree->path));
        tree->fd = open(tree->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_true(tree->fd >= 0);
}

static void tree_remove(struct tree *tree)
{
        fd_close(&tree->fd);
        assert_int_equal(rmdir(tree->path), 0);
}

static void touch(const struct tree *tree, const char *name)
{
        cleanup(fd_close) int fd = openat(tree->fd, name, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
        assert_true(fd >= 0);
}

static void note_watch(struct loop *loop, loop_id id, const struct loop_watch_event *event, void *cookie)
{
        (void)loop, (void)id;
        struct named *named = cookie;
        buf_printf(&named->fixture->calls, "%s:%s%s%s%s%s%s ", named->name, event->mask & IN_CREATE ? "create," : "",
                event->mask & IN_DELETE ? "delete," : "", event->mask & IN_DELETE_SELF ? "self," : "",
                event->mask & IN_IGNORED ? "ignored," : "", event->mask & IN_Q_OVERFLOW ? "overflow," : "",
                event->name);
        named->fixture->count++;
}

static void run_pending(struct fixture *f)
{
        while (loop_run_once(f->loop, 0, &f->err) > 0)
                ;
}

static void test_watches_of_one_inode_are_apart(void **state)
{
        struct fixture *f = *state;
        struct tree tree;
        tree_make(&tree, f);
        struct named a = { f, "a" }, b = { f, "b" }, c = { f, "c" };
        loop_id ids[3];
        assert_ok(f, loop_add_watch(f->loop, AT_FDCWD, tree.path, IN_CREATE, note_watch, &a, &ids[0], &f->err));
        assert_ok(f, loop_add_watch(f->loop, tree.fd, "", IN_DELETE, note_watch, &b, &ids[1], &f->err));
        assert_ok(f, loop_add_watch(f->loop, tree.fd, ".", IN_CREATE | IN_DELETE, note_watch, &c, &ids[2], &f->err));
        touch(&tree, "x");
        run_pending(f);
        assert_calls(f, "a:create,x c:create,x ");
        unlinkat(tree.fd, "x", 0);
        run_pending(f);
        assert_calls(f, "b:delete,x c:delete,x ");
        assert_int_equal(loop_remove(f->loop, ids[2]), 0);
        touch(&tree, "y");
        unlinkat(tree.fd, "y", 0);
        run_pending(f);
        assert_calls(f, "a:create,y b:delete,y ");
        assert_int_equal(loop_remove(f->loop, ids[0]), 0);
        assert_int_equal(loop_remove(f->loop, ids[1]), 0);
        touch(&tree, "z");
        unlinkat(tree.fd, "z", 0);
        run_pending(f); /* the kernel's IN_IGNORED for our own removal is nobody's */
        assert_calls(f, "");
        /* the inode can be watched again */
        assert_ok(f, loop_add_watch(f->loop, tree.fd, "", IN_DELETE, note_watch, &b, &ids[1], &f->err));
        touch(&tree, "z");
        unlinkat(tree.fd, "z", 0);
        run_pending(f);
        assert_calls(f, "b:delete,z ");
        tree_remove(&tree);
}

static void test_the_end_of_an_inode_removes_its_watches(void **state)
{
        struct fixture *f = *state;
        struct tree tree;
        tree_make(&tree, f);
        touch(&tree, "file");
        struct named a = { f, "a" }, b = { f, "b" };
        loop_id ids[2];
        assert_ok(f, loop_add_watch(f->loop, tree.fd, "file", IN_DELETE_SELF, note_watch, &a, &ids[0], &f->err));
        assert_ok(f, loop_add_watch(f->loop, tree.fd, "file", IN_MODIFY, note_watch, &b, &ids[1], &f->err));
        unlinkat(tree.fd, "file", 0);
        run_pending(f);
        assert_calls(f, "a:self, a:ignored, b:ignored, ");
        assert_int_equal(loop_remove(f->loop, ids[0]), -1);
        assert_int_equal(loop_remove(f->loop, ids[1]), -1);
        tree_remove(&tree);
}

static void test_an_overflow_is_told_to_every_watch(void **state)
{
        struct fixture *f = *state;
        struct tree trees[2];
        struct named a = { f, "a" }, b = { f, "b" };
        tree_make(&trees[0], f);
        tree_make(&trees[1], f);
        assert_ok(f, loop_add_watch(f->loop, trees[0].fd, "", IN_CREATE, note_watch, &a, NULL, &f->err));
        assert_ok(f, loop_add_watch(f->loop, trees[1].fd, "", IN_DELETE, note_watch, &b, NULL, &f->err));
        struct inotify_event overflow = { .wd = -1, .mask = IN_Q_OVERFLOW };
        assert_int_equal(loop_deliver_inotify(f->loop, (const char *)&overflow, sizeof(overflow)), 2);
        assert_calls(f, "a:overflow, b:overflow, ");
        struct loop_counters counters;
        loop_read_counters(f->loop, &counters);
        assert_int_equal(counters.watch_overflows, 1);
        tree_remove(&trees[0]);
        tree_remove(&trees[1]);
}

static void swap_watches(struct loop *loop, loop_id id, const struct loop_watch_event *event, void *cookie)
{
        (void)event;
        struct named *named = cookie;
        struct fixture *f = named->fixture;
        note(f, named->name);
        assert_int_equal(loop_remove(loop, id), 0);
        assert_int_equal(loop_remove(loop, named->other), 0);
        struct named *fresh = &((struct named *)cookie)[2];
        assert_ok(f, loop_add_watch(loop, (int)fresh->other, "", IN_CREATE, note_watch, fresh, NULL, &f->err));
}

static void test_remove_and_add_inside_a_callback(void **state)
{
        struct fixture *f = *state;
        struct tree tree;
        tree_make(&tree, f);
        struct named names[3] = { { f, "a" }, { f, "b" }, { f, "fresh" } };
        names[2].other = (loop_id)tree.fd;
        assert_ok(f, loop_add_watch(f->loop, tree.fd, "", IN_CREATE, swap_watches, &names[0], NULL, &f->err));
        assert_ok(f, loop_add_watch(f->loop, tree.fd, "", IN_CREATE, note_watch, &names[1], &names[0].other, &f->err));
        touch(&tree, "x");
        touch(&tree, "y");
        run_pending(f);
        assert_calls(f, "a fresh:create,y ");
        unlinkat(tree.fd, "x", 0);
        unlinkat(tree.fd, "y", 0);
        tree_remove(&tree);
}

static void test_oneshot_ends_only_itself(void **state)
{
        struct fixture *f = *state;
        struct tree tree;
        tree_make(&tree, f);
        struct named a = { f, "a" }, b = { f, "b" };
        loop_id id;
        assert_ok(f, loop_add_watch(f->loop, tree.fd, "", IN_CREATE | IN_ONESHOT, note_watch, &a, &id, &f->err));
        assert_ok(f, loop_add_watch(f->loop, tree.fd, "", IN_CREATE, note_watch, &b, NULL, &f->err));
        touch(&tree, "x");
        touch(&tree, "y");
        run_pending(f);
        assert_calls(f, "a:create,x b:create,x b:create,y ");
        assert_int_equal(loop_remove(f->loop, id), -1);
        unlinkat(tree.fd, "x", 0);
        unlinkat(tree.fd, "y", 0);
        tree_remove(&tree);
}

static void test_what_cannot_be_watched_is_an_error(void **state)
{
        struct fixture *f = *state;
        loop_id id = 42;
        assert_int_equal(
                loop_add_watch(f->loop, AT_FDCWD, "/nonexistent/file", IN_CREATE, note_watch, f, &id, &f->err), -1);
        assert_int_equal(f->err.code, E_NOT_FOUND);
        assert_int_equal(loop_add_watch(f->loop, AT_FDCWD, "/tmp", 0, note_watch, f, &id, &f->err), -1);
        assert_int_equal(f->err.code, E_INVALID);
        char longer[5000];
        memset(longer, 'x', sizeof(longer) - 1);
        longer[sizeof(longer) - 1] = '\0';
        assert_int_equal(loop_add_watch(f->loop, 0, longer, IN_CREATE, note_watch, f, &id, &f->err), -1);
        assert_int_equal(f->err.code, E_TOO_LARGE);
        assert_int_equal(id, 42);
}

static void test_records_that_are_cut_are_refused(void **state)
{
        (void)state;
        char bytes[sizeof(struct inotify_event) * 2 + 16] = { 0 };
        struct inotify_event first = { .wd = 1, .mask = IN_CREATE, .cookie = 7, .len = 16 };
        struct inotify_event second = { .wd = 2, .mask = IN_DELETE };
        memcpy(bytes, &first, sizeof(first));
        memcpy(bytes + sizeof(first), "name", 5);
        memcpy(bytes + sizeof(first) + 16, &second, sizeof(second));
        struct inotify_record record;
        size_t position = 0;
        assert_int_equal(inotify_parse(bytes, sizeof(bytes), &position, &record), 1);
        assert_string_equal(record.name, "name");
        assert_int_equal(record.cookie, 7);
        assert_int_equal(inotify_parse(bytes, sizeof(bytes), &position, &record), 1);
        assert_int_equal(record.wd, 2);
        assert_string_equal(record.name, "");
        assert_int_equal(inotify_parse(bytes, sizeof(bytes), &position, &record), 0);

        position = 0;
        assert_int_equal(inotify_parse(bytes, sizeof(first) - 1, &position, &record), -1);
        assert_int_equal(inotify_parse(bytes, sizeof(first) + 15, &position, &record), -1);
        memset(bytes + sizeof(first), 'x', 16); /* a name without its end */
        assert_int_equal(inotify_parse(bytes, sizeof(bytes), &position, &record), -1);
        assert_int_equal(position, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                LOOP_TEST(test_watches_of_one_inode_are_apart),
                LOOP_TEST(test_the_end_of_an_inode_removes_its_watches),
                LOOP_TEST(test_an_overflow_is_told_to_every_watch),
                LOOP_TEST(test_remove_and_add_inside_a_callback),
                LOOP_TEST(test_oneshot_ends_only_itself),
                LOOP_TEST(test_what_cannot_be_watched_is_an_error),
                LOOP_TEST(test_records_that_are_cut_are_refused),
        };
        return cmocka_run_group_tests_name("loop_watch", tests, NULL, NULL);
}
