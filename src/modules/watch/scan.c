#include "modules/watch/scan.h"

#include "base/cleanup.h"
#include "base/vec.h"
#include "modules/watch/scan_block.h"

#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/stat.h>

enum {
        BLOCKS_MAX = 1 << 20, /* of one file */
        SKIP_COST = 8 << 10,  /* bytes of the budget that a file or block costs of which only the start is read */
};

struct place {
        uint64_t start, end; /* of a block; of some records of a tail */
};

struct event_scan {
        struct event_filter *filter;
        bool reverse;
        uint64_t after, before;
        int directory, notify;

        struct store_listed *listed; /* at open, and read again when its end is reached */
        size_t listed_count, next;   /* reverse: `next` of them are left */

        int fd; /* the open file, -1: none */
        uint64_t number;
        bool packed, newer;       /* newer: a later file is there, so this one grows no more */
        uint64_t position;        /* forward: where to read on */
        VEC(struct place) places; /* reverse: blocks left of this file, taken from the end */

        struct scan_block block;
        size_t row; /* forward: next to look at; reverse: that many are left */
        uint64_t cursor;
        struct event_scan_counters counters;
};

struct event_scan *event_scan_open(const struct event_scan_options *options, struct error *err)
{
        struct event_scan *scan = calloc(1, sizeof(*scan));
        if (!scan)
                return fail_null(err, E_NO_MEMORY, "no memory to read events");
        scan->filter = options->filter;
        scan->reverse = options->reverse;
        scan->after = options->after_id;
        scan->before = options->before_id ? options->before_id : UINT64_MAX;
        scan->cursor = scan->reverse ? scan->before : scan->after;
        scan->notify = scan->fd = -1;
        scan->directory = open(options->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (scan->directory < 0) {
                fail_errno(err, "event store %s", options->directory);
                event_scan_close(scan);
                return NULL;
        }
        if (store_list(scan->directory, &scan->listed, &scan->listed_count, err) < 0) {
                event_scan_close(scan);
                return NULL;
        }
        scan->next = scan->reverse ? scan->listed_count : 0;
        return scan;
}

void event_scan_close(struct event_scan *scan)
{
        if (!scan)
                return;
        fd_close(&scan->directory);
        fd_close(&scan->notify);
        fd_close(&scan->fd);
        free(scan->listed);
        vec_done(&scan->places);
        scan_block_done(&scan->block);
        free(scan);
}

/* ---- files ---- */

/* What of the file is wanted at all? */
static bool wants_file(const struct event_scan *scan, const struct store_file_head *head)
{
        if (head->first_id >= scan->before)
                return false;
        return !head->packed || (head->summary.id_last > scan->after && head->summary.id_first < scan->before &&
                                        event_filter_summary(scan->filter, &head->summary));
}

/* Opens the file of this number in whichever form it has now: it may be packed, or removed, at any moment. */
static int open_number(struct event_scan *scan, uint64_t number, char *name, struct error *err)
{
        static const enum store_file_kind order[] = { STORE_PACK, STORE_TAIL, STORE_PACK };
        for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
                store_file_name(number, order[i], name);
                scan->fd = openat(scan->directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
                if (scan->fd >= 0) {
                        scan->packed = order[i] == STORE_PACK;
                        return 1;
                }
                if (errno != ENOENT)
                        return fail_errno(err, "%s", name);
        }
        scan->counters.removed++;
        return 0;
}

static void leave_file(struct event_scan *scan)
{
        fd_close(&scan->fd);
        scan->places.count = 0;
        scan->block.count = 0;
        scan->row = 0;
        scan->newer = false;
}

/* Reverse: remembers the places of all that is wanted of the file. */
static int find_places(struct event_scan *scan, uint64_t *spent, struct error *err)
{
        struct stat status;
        if (fstat(scan->fd, &status) < 0)
                return fail_errno(err, "reading events");
        uint64_t end = (uint64_t)status.st_size;
        int have = 1;
        while (have > 0) {
                struct store_block start = { 0 };
                uint64_t next = 0;
                have = scan->packed ? scan_block_read(&scan->block, scan->fd, scan->position, &start, &next, err)
                                    : scan_block_tail(&scan->block, scan->fd, scan->position, end, &next, err);
                if (have <= 0)
                        break;
                *spent += scan->packed ? SKIP_COST : next - scan->position;
                bool wanted = !scan->packed ||
                              (start.summary.id_last > scan->after && start.summary.id_first < scan->before &&
                                      event_filter_block(scan->filter, &start));
                struct place *place = wanted ? vec_add(&scan->places, BLOCKS_MAX) : NULL;
                if (wanted && !place)
                        return fail(err, E_NO_MEMORY, "no memory to read events");
                if (place)
                        *place = (struct place){ scan->position, next };
                scan->counters.blocks_skipped += !wanted;
                scan->position = next;
        }
        scan->block.count = 0;
        if (have == 0 && !scan->packed && scan->position < end)
                scan->counters.torn++;
        if (have < 0 && err->code == E_CORRUPT) { /* the blocks before the damage are good */
                scan->counters.corrupt++;
                return 0;
        }
        return have;
}

static int begin_file(struct event_scan *scan, uint64_t number, uint64_t *spent, struct error *err)
{
        char name[STORE_NAME_MAX];
        struct store_file_head head;
        size_t size;
        leave_file(scan);
        scan->number = number;
        *spent += SKIP_COST;
        int have = open_number(scan, number, name, err);
        if (have <= 0)
                return have;
        have = store_read_file_head(scan->fd, name, &head, &size, err);
        if (have < 0 && err->code != E_CORRUPT)
                return -1;
        if (have <= 0 || !wants_file(scan, &head)) {
                scan->counters.corrupt += have < 0;
                scan->counters.torn += have == 0;
                scan->counters.files_skipped += have > 0;
                if (have != 0 || scan->reverse) /* else the writer is about to write it */
                        leave_file(scan);
                scan->position = 0;
                return 0;
        }
        scan->counters.files++;
        scan->position = size;
        return scan->reverse ? find_places(scan, spent, err) : 0;
}

/* The next file in order: 1 when one was begun or passed, 0 when there is none. */
static int next_file(struct event_scan *scan, uint64_t *spent, struct error *err)
{
        if (scan->reverse) {
                while (scan->next > 0) {
                        const struct store_listed *one = &scan->listed[--scan->next];
                        bool twice = scan->next + 1 < scan->listed_count && one[1].number == one->number;
                        if (one->kind != STORE_NEW && !twice)
                                return begin_file(scan, one->number, spent, err) < 0 ? -1 : 1;
                }
                leave_file(scan);
                return 0;
        }
        for (; scan->next < scan->listed_count; scan->next++) {
                const struct store_listed *one = &scan->listed[scan->next];
                if (one->kind != STORE_NEW && one->number > scan->number)
                        return begin_file(scan, one->number, spent, err) < 0 ? -1 : 1;
        }
        return 0;
}

/* Forward, at the end of a file: is there a later one by now? */
static int find_newer(struct event_scan *scan, struct error *err)
{
        struct store_listed *listed;
        size_t count;
        if (store_list(scan->directory, &listed, &count, err) < 0)
                return -1;
        free(scan->listed);
        scan->listed = listed;
        scan->listed_count = count;
        scan->next = 0;
        for (size_t i = 0; i < count; i++)
                if (listed[i].kind != STORE_NEW && listed[i].number > scan->number)
                        return 1;
        return 0;
}

/* ---- blocks ---- */

static int load_block(struct event_scan *scan, struct place place, uint64_t *spent, struct error *err)
{
        struct store_block start;
        uint64_t next;
        int have;
        scan->counters.blocks++;
        if (scan->packed) {
                have = scan_block_read(&scan->block, scan->fd, place.start, &start, &next, err);
                if (have > 0 && scan_block_heads(&scan->block, &start, err) < 0)
                        have = -1;
                *spent += SKIP_COST + scan->block.count * sizeof(struct event_head);
        } else {
                have = scan_block_tail(&scan->block, scan->fd, place.start, place.end, &next, err);
                *spent += place.end - place.start;
        }
        return have;
}

/* Reverse: the block before. 1, 0 when the file has no more, -1. */
static int previous_block(struct event_scan *scan, uint64_t *spent, struct error *err)
{
        if (scan->places.count == 0)
                return 0;
        int have = load_block(scan, scan->places.items[--scan->places.count], spent, err);
        if (have < 0)
                return -1;
        scan->row = scan->block.count;
        return 1;
}

static int next_packed(struct event_scan *scan, uint64_t *spent, struct error *err)
{
        struct store_block start;
        uint64_t next;
        int have = scan_block_read(&scan->block, scan->fd, scan->position, &start, &next, err);
        if (have <= 0)
                return have;
        scan->position = next;
        *spent += SKIP_COST;
        if (start.summary.id_last <= scan->after || start.summary.id_first >= scan->before ||
                !event_filter_block(scan->filter, &start)) {
                scan->counters.blocks_skipped++;
                if (start.summary.id_last > scan->cursor && start.summary.id_last < scan->before)
                        scan->cursor = start.summary.id_last;
                return 1;
        }
        scan->counters.blocks++;
        if (scan_block_heads(&scan->block, &start, err) < 0)
                return -1;
        *spent += scan->block.count * sizeof(struct event_head);
        return 1;
}

/* What the writer appended since; at the end of a tail that has a successor once more, for what came in between. */
static int next_records(struct event_scan *scan, uint64_t *spent, struct error *err)
{
        struct stat status;
        uint64_t next;
        if (scan->position == 0) { /* the head was not whole yet */
                struct store_file_head head;
                size_t size;
                int have = store_read_file_head(scan->fd, "event file", &head, &size, err);
                if (have <= 0)
                        return have;
                scan->position = size;
        }
        if (fstat(scan->fd, &status) < 0)
                return fail_errno(err, "reading events");
        uint64_t end = (uint64_t)status.st_size;
        int have = scan_block_tail(&scan->block, scan->fd, scan->position, end, &next, err);
        if (have > 0) {
                *spent += next - scan->position;
                scan->position = next;
                scan->counters.blocks++;
                return 1;
        }
        scan->block.count = 0;
        if (have == 0 && scan->newer && scan->position < end)
                scan->counters.torn++;
        return have;
}

static int next_block(struct event_scan *scan, uint64_t *spent, struct error *err)
{
        scan->row = 0;
        if (scan->packed)
                return next_packed(scan, spent, err);
        int have = next_records(scan, spent, err);
        if (have != 0 || scan->newer)
                return have;
        int newer = find_newer(scan, err);
        if (newer < 0)
                return -1;
        scan->newer = newer > 0;
        /* written between our last look and the successor's birth */
        return newer > 0 ? next_records(scan, spent, err) : 0;
}

/* ---- rows ---- */

/* The rows of the block in hand: 1 when all were looked at, 0 when take had enough, -1. */
static int take_rows(struct event_scan *scan, uint64_t *spent, event_take_fn *take, void *cookie, struct error *err)
{
        struct scan_block *block = &scan->block;
        while (scan->reverse ? scan->row > 0 : scan->row < block->count) {
                size_t row = scan->reverse ? --scan->row : scan->row++;
                const struct event_head *head = &block->heads[row];
                if (head->id <= scan->after || head->id >= scan->before)
                        continue;
                scan->cursor = head->id;
                scan->counters.events++;
                if (!event_filter_head(scan->filter, head))
                        continue;
                if (!block->texts) {
                        if (scan_block_texts(block, scan->fd, err) < 0)
                                return -1;
                        scan->counters.texts++;
                        *spent += block->texts_size;
                }
                struct sv json = sv_n(block->texts + block->offsets[row], head->size);
                if (!event_filter_match(scan->filter, head, json))
                        continue;
                scan->counters.matched++;
                if (!take(head, json, cookie))
                        return 0;
        }
        return 1;
}

static bool rows_left(const struct event_scan *scan)
{
        return scan->reverse ? scan->row > 0 : scan->row < scan->block.count;
}

/* Rows, or else the next block, or else the next file: 1, 0 at the end of all, -1. */
static int advance(struct event_scan *scan, uint64_t *spent, struct error *err)
{
        int have = 0;
        if (scan->fd >= 0)
                have = scan->reverse ? previous_block(scan, spent, err) : next_block(scan, spent, err);
        if (have < 0 && err->code == E_CORRUPT) {
                scan->counters.corrupt++;
                have = 0;
                leave_file(scan);
        }
        if (have != 0)
                return have;
        /* a tail without a successor stays open: it may grow */
        if (!scan->reverse && scan->fd >= 0 && !scan->packed && !scan->newer)
                return 0;
        have = next_file(scan, spent, err);
        if (have != 0 || scan->reverse)
                return have;
        have = find_newer(scan, err);
        if (have > 0)
                return 1;
        if (scan->packed)
                leave_file(scan);
        return have;
}

int event_scan_step(struct event_scan *scan, uint64_t budget, event_take_fn *take, void *cookie, struct error *err)
{
        struct error problem;
        uint64_t spent = 0;
        int more = 1;
        error_clear(&problem);
        while (more > 0 && spent < budget) {
                if (!rows_left(scan)) {
                        more = advance(scan, &spent, &problem);
                        continue;
                }
                int taken = take_rows(scan, &spent, take, cookie, &problem);
                if (taken == 0)
                        return 1;
                if (taken < 0 && problem.code == E_CORRUPT) {
                        scan->counters.corrupt++;
                        leave_file(scan);
                } else if (taken < 0) {
                        more = -1;
                }
        }
        if (more < 0 && err)
                *err = problem;
        return more;
}

uint64_t event_scan_cursor(const struct event_scan *scan)
{
        return scan->cursor;
}

void event_scan_count(const struct event_scan *scan, struct event_scan_counters *ret)
{
        *ret = scan->counters;
}

/* ---- following ---- */

int event_scan_follow(struct event_scan *scan, struct error *err)
{
        char path[64];
        if (scan->notify >= 0)
                return scan->notify;
        cleanup(fd_close) int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
        if (fd < 0)
                return fail_errno(err, "inotify");
        snprintf(path, sizeof(path), "/proc/self/fd/%d", scan->directory);
        if (inotify_add_watch(fd, path, IN_MODIFY | IN_CREATE | IN_MOVED_TO) < 0)
                return fail_errno(err, "watching the event store");
        scan->notify = take_fd(fd);
        return scan->notify;
}

void event_scan_drain(struct event_scan *scan)
{
        char bytes[4096];
        while (scan->notify >= 0 && read(scan->notify, bytes, sizeof(bytes)) > 0)
                ;
}

struct last {
        uint64_t left;
        uint64_t id;
};

static bool count_down(const struct event_head *head, struct sv json, void *cookie)
{
        struct last *last = cookie;
        (void)json;
        last->id = head->id;
        return --last->left > 0;
}

int event_scan_find_last(
        const struct event_scan_options *options, uint64_t count, uint64_t *ret_after_id, struct error *err)
{
        struct event_scan_options backwards = *options;
        struct last last = { .left = count };
        int more = 1;
        backwards.reverse = true;
        cleanup(event_scan_close) struct event_scan *scan = event_scan_open(&backwards, err);
        if (!scan)
                return -1;
        while (more > 0 && last.left > 0)
                more = event_scan_step(scan, UINT64_MAX, count_down, &last, err);
        if (more < 0)
                return -1;
        *ret_after_id = last.left == 0 && count ? last.id - 1 : options->after_id;
        return 0;
}
