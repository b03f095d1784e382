#include "modules/watch/event/scan.h"

#include "base/cleanup.h"
#include "base/vec.h"
#include "modules/watch/event/scan_block.h"

#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/stat.h>

enum {
        BLOCKS_MAX = 1 << 20, /* of one file */
        MISSING_MAX = 64,     /* numbers tried in vain before the directory is read again */
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

        uint64_t first, last; /* numbers of files that there were at some time; last 0: none */
        uint64_t number;      /* of the file in hand, or of the next one while fd is -1 */
        bool begun;           /* number was opened, or passed */
        unsigned missing;     /* numbers passed in a row that had no file */

        int fd;                   /* the open file, -1: none */
        bool packed, newer;       /* newer: a later file is there, so this one grows no more */
        uint64_t position;        /* forward: where to read on */
        VEC(struct place) places; /* reverse: blocks left of this file, taken from the end */

        struct scan_block block;
        size_t row; /* forward: next to look at; reverse: that many are left */
        uint64_t cursor;
        struct event_scan_counters counters;
};

/* Opens the file of this number in whichever form it has now: it may be packed, or removed, at any moment. The fd, or
 * -1 with errno. */
static int open_number(const struct event_scan *scan, uint64_t number, char *name, bool *ret_packed)
{
        static const enum store_file_kind order[] = { STORE_PACK, STORE_TAIL, STORE_PACK };
        int fd = -1;
        for (size_t i = 0; fd < 0 && i < sizeof(order) / sizeof(order[0]); i++) {
                store_file_name(number, order[i], name);
                fd = openat(scan->directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
                *ret_packed = order[i] == STORE_PACK;
                if (fd < 0 && errno != ENOENT)
                        break;
        }
        return fd;
}

static bool exists(const struct event_scan *scan, uint64_t number)
{
        char name[STORE_NAME_MAX];
        bool packed;
        cleanup(fd_close) int fd = open_number(scan, number, name, &packed);
        return fd >= 0;
}

/* Which numbers there are. A listing made while a tail becomes a pack may show neither of the two, so it tells only the
 * first and the last; all between are tried by name. */
static int find_range(struct event_scan *scan, struct error *err)
{
        cleanup(free) struct store_listed *listed = NULL;
        size_t count;
        if (store_list(scan->directory, &listed, &count, err) < 0)
                return -1;
        for (size_t i = 0; i < count; i++) {
                if (listed[i].kind == STORE_NEW || listed[i].number == 0)
                        continue;
                if (listed[i].number > scan->last)
                        scan->last = listed[i].number;
                if (scan->first == 0)
                        scan->first = listed[i].number;
        }
        while (scan->first > 1 && exists(scan, scan->first - 1))
                scan->first--;
        while (scan->last && exists(scan, scan->last + 1))
                scan->last++;
        return 0;
}

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
        if (find_range(scan, err) < 0) {
                event_scan_close(scan);
                return NULL;
        }
        scan->number = scan->reverse ? scan->last : scan->first;
        return scan;
}

void event_scan_close(struct event_scan *scan)
{
        if (!scan)
                return;
        fd_close(&scan->directory);
        fd_close(&scan->notify);
        fd_close(&scan->fd);
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
        if (have == 0 && !scan->packed && scan->position < end && scan->number < scan->last)
                scan->counters.torn++;
        if (have < 0 && err->code == E_CORRUPT) { /* the blocks before the damage are good */
                scan->counters.corrupt++;
                return 0;
        }
        return have;
}

static int begin_file(struct event_scan *scan, uint64_t *spent, struct error *err)
{
        char name[STORE_NAME_MAX];
        struct store_file_head head;
        size_t size;
        leave_file(scan);
        scan->begun = true;
        *spent += SKIP_COST;
        scan->fd = open_number(scan, scan->number, name, &scan->packed);
        if (scan->fd < 0 && errno != ENOENT)
                return fail_errno(err, "%s", name);
        scan->missing = scan->fd < 0 ? scan->missing + 1 : 0;
        scan->counters.removed += scan->fd < 0;
        if (scan->fd < 0)
                return 0;
        int have = store_read_file_head(scan->fd, name, &head, &size, err);
        if (have < 0 && err->code != E_CORRUPT)
                return -1;
        scan->position = 0;
        if (have == 0 && !scan->reverse) /* the writer is about to write it */
                return 0;
        if (have <= 0 || !wants_file(scan, &head)) {
                scan->counters.corrupt += have < 0;
                scan->counters.files_skipped += have > 0;
                leave_file(scan);
                return 0;
        }
        scan->counters.files++;
        scan->position = size;
        return scan->reverse ? find_places(scan, spent, err) : 0;
}

/* Numbers are missing where somebody took files away. After some, the listing tells where it goes on. */
static int leap(struct event_scan *scan, struct error *err)
{
        cleanup(free) struct store_listed *listed = NULL;
        size_t count;
        uint64_t below = scan->first - 1;
        uint64_t above = scan->last + 1;
        if (store_list(scan->directory, &listed, &count, err) < 0)
                return -1;
        for (size_t i = 0; i < count; i++) {
                uint64_t number = listed[i].number;
                if (number < scan->number && number > below)
                        below = number;
                if (number > scan->number && number < above)
                        above = number;
        }
        scan->missing = 0;
        if (scan->reverse && scan->number > below + 1)
                scan->number = below + 1;
        else if (!scan->reverse && scan->number + 1 < above)
                scan->number = above - 1;
        return 0;
}

/* The next file in order: 1 when one was begun or passed, 0 when there is none (yet). */
static int next_file(struct event_scan *scan, uint64_t *spent, struct error *err)
{
        if (scan->missing >= MISSING_MAX && leap(scan, err) < 0)
                return -1;
        if (scan->begun && scan->reverse) {
                if (scan->number <= scan->first) {
                        leave_file(scan);
                        return 0;
                }
                scan->number--;
        } else if (scan->begun) {
                if (scan->number >= scan->last && find_range(scan, err) < 0)
                        return -1;
                if (scan->number >= scan->last)
                        return 0;
                scan->number = scan->number + 1 > scan->first ? scan->number + 1 : scan->first;
        } else if (scan->last == 0) { /* an empty directory */
                if (!scan->reverse && find_range(scan, err) < 0)
                        return -1;
                scan->number = scan->first;
                if (scan->last == 0 || scan->reverse)
                        return 0;
        }
        return begin_file(scan, spent, err) < 0 ? -1 : 1;
}

/* Forward, at the end of a tail: is there a later file by now? */
static int find_newer(struct event_scan *scan, struct error *err)
{
        if (scan->number >= scan->last && find_range(scan, err) < 0)
                return -1;
        return scan->number < scan->last;
}

/* ---- blocks ---- */

/* A block that is damaged inside is left out; those around it can still be found. */
static int skip_damaged(struct event_scan *scan, const struct error *err)
{
        if (err->code != E_CORRUPT)
                return -1;
        scan->counters.corrupt++;
        scan->block.count = 0;
        scan->row = 0;
        return 1;
}

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
                return skip_damaged(scan, err);
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
                return skip_damaged(scan, err);
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
                if (have <= 0) {
                        scan->counters.torn += have == 0 && scan->newer;
                        return have;
                }
                scan->counters.files++;
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
        return next_file(scan, spent, err);
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
                if (taken < 0)
                        more = skip_damaged(scan, &problem);
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
