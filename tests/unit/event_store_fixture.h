/* A store of events in a directory of its own, and what stands in it as rows. */
#pragma once

#include "watch_event_fixture.h"

#include "base/buf.h"
#include "base/path.h"
#include "base/vec.h"
#include "modules/watch/event/scan.h"
#include "modules/watch/event/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

static struct error err;
static char directory[64];

/* ---- what stands in the store ---- */

struct rows {
        VEC(uint64_t) ids;
        struct buf text; /* every line */
        size_t stop_at;
};

static inline bool take(const struct event_head *head, struct sv json, void *cookie)
{
        struct rows *rows = cookie;
        uint64_t *id = vec_add(&rows->ids, 1 << 24);
        assert_non_null(id);
        *id = head->id;
        buf_append(&rows->text, json.p, json.n);
        buf_putc(&rows->text, '\n');
        return rows->ids.count != rows->stop_at;
}

static inline void rows_init(struct rows *rows)
{
        *rows = (struct rows){ 0 };
        buf_init(&rows->text, 256 * MIB);
}

static inline void rows_done(struct rows *rows)
{
        vec_done(&rows->ids);
        buf_done(&rows->text);
}

static inline struct event_scan *open_scan(bool reverse, uint64_t after, uint64_t before)
{
        struct event_scan_options options = {
                .directory = directory, .reverse = reverse, .after_id = after, .before_id = before
        };
        struct event_scan *scan = event_scan_open(&options, &err);
        if (!scan)
                fail_msg("%s", err.message);
        return scan;
}

static inline void scan_all(struct event_scan *scan, uint64_t budget, struct rows *rows)
{
        int more = 1;
        while (more > 0)
                more = event_scan_step(scan, budget, take, rows, &err);
        assert_int_equal(more, 0);
}

static inline void read_all_rows(bool reverse, struct rows *rows, struct event_scan_counters *ret)
{
        struct event_scan *scan = open_scan(reverse, 0, 0);
        rows_init(rows);
        scan_all(scan, UINT64_MAX, rows);
        if (ret)
                event_scan_count(scan, ret);
        event_scan_close(scan);
}

/* ---- writing ---- */

static struct event_store_options small = { .directory = directory, .rotate_bytes = 64 << 10, .batch_bytes = 8 << 10 };

static inline struct event_store *open_store(const struct event_store_options *options)
{
        struct event_store *store = event_store_open(options, FIXTURE_START, &err);
        if (!store)
                fail_msg("%s", err.message);
        return store;
}

/* Appends `count` events, a second apart, and keeps their lines. */
static inline void append(struct event_store *store, size_t count, uint64_t *state, struct buf *ret_text)
{
        struct fixture_event event;
        struct sv json;
        for (size_t i = 0; i < count; i++) {
                uint64_t id = event_store_next_id(store);
                fixture_event(&event, id, state);
                assert_true(event_store_append(store, &event.event, FIXTURE_START + (int64_t)i * MILLISECOND, &json));
                assert_int_equal(event.event.id, id);
                if (ret_text) {
                        buf_append(ret_text, json.p, json.n);
                        buf_putc(ret_text, '\n');
                }
        }
}

static inline size_t files_of(const char *suffix, char *ret_first)
{
        size_t count = 0;
        DIR *entries = opendir(directory);
        struct dirent *entry;
        while ((entry = readdir(entries))) {
                if (!sv_ends(sv_of(entry->d_name), sv_of(suffix)))
                        continue;
                if (ret_first && (count == 0 || strcmp(entry->d_name, ret_first) > 0)) /* the newest */
                        snprintf(ret_first, STORE_NAME_MAX, "%.*s", STORE_NAME_MAX - 1, entry->d_name);
                count++;
        }
        closedir(entries);
        return count;
}

static inline void path_of(const char *name, char *ret)
{
        snprintf(ret, 128, "%s/%s", directory, name);
}

static inline int setup(void **state)
{
        (void)state;
        snprintf(directory, sizeof(directory), "/tmp/test-watch-store-XXXXXX");
        return mkdtemp(directory) ? 0 : -1;
}

static inline int remove_one(const char *path, const struct stat *status, int type, struct FTW *walk)
{
        (void)status, (void)type, (void)walk;
        return remove(path);
}

static inline int teardown(void **state)
{
        (void)state;
        nftw(directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
        return 0;
}

#define STORE_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
