/* The eBPF source: a program in the kernel (bpf/watch.bpf.c) writes records into a ring which is read here.
 *
 * The ring is read in place, through a window: a mapping of all of it would count twice its size as memory of this
 * process, since the kernel maps its data two times in a row (Documentation/bpf/ringbuf.rst).
 *
 * Waking: the first record after a pause wakes us; then a timer of our own looks every 10 ms, until nothing came for
 * two looks. So there are at most about 100 wake-ups a second, none when nothing happens, and no record waits longer
 * than 10 ms. */
#include "base/cleanup.h"
#include "base/timefmt.h"
#include "modules/watch/source/bpf/load.h"
#include "modules/watch/source/bpf_record.h"
#include "modules/watch/source/source.h"

#include <fcntl.h>
#include <linux/bpf.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/timerfd.h>

enum {
        RING_DEFAULT = 8 << 20,
        WINDOW_MAX = 256 << 10,
        RECEIVE_MAX = 1 << 20, /* bytes a call */
        RECORD_MAX = sizeof(struct watch_bpf_record) + WATCH_BPF_TEXT_MAX,
        CGROUPS_TEXT_MAX = 4096,
};
#define LOOK_NS (10 * MILLISECOND)
#define MISSED_NS SECOND /* between two looks at what the kernel skipped */
#define CLOCK_STEP_NS MILLISECOND
#define INITIAL_PID_NAMESPACE 0xEFFFFFFCu /* PROC_PID_INIT_INO, include/linux/proc_ns.h */

struct source {
        struct bpf_loaded loaded;
        struct watch_bpf_shared *shared;
        uint64_t *consumer;       /* how far we read: a page that we may write */
        const uint64_t *producer; /* how far was written */
        const char *window;       /* part of the ring's data, from window_at on */
        size_t page, window_at, window_size;
        int timer;
        bool armed, quiet;
        uint64_t queued; /* records handed to the queue */
        uint64_t received, bytes, assembled, missed, starved;
        int64_t missed_read_ns;
        struct bpf_stream stream;
};

static void source_bpf_close(struct source *source)
{
        if (!source)
                return;
        bpf_unload(&source->loaded);
        if (source->shared)
                munmap(source->shared, source->page);
        if (source->consumer)
                munmap(source->consumer, source->page);
        if (source->producer)
                munmap((void *)(uintptr_t)source->producer, source->page);
        if (source->window)
                munmap((void *)(uintptr_t)source->window, source->window_size);
        fd_close(&source->timer);
        free(source);
}

/* ---- opening ---- */

/* Pids are told as the initial namespace has them: elsewhere they would name other processes. */
static int check_namespace(struct error *err)
{
        struct stat namespace;
        if (stat("/proc/self/ns/pid", &namespace) == 0 && namespace.st_ino != INITIAL_PID_NAMESPACE)
                return fail(err, E_UNSUPPORTED, "eBPF: only in the initial pid namespace of the host");
        return 0;
}

/* Whether a controller is in a v1 hierarchy: a number but 0 in the second column of /proc/cgroups. */
static bool legacy_cgroups(void)
{
        cleanup(fd_close) int fd = open("/proc/cgroups", O_RDONLY | O_CLOEXEC);
        char text[CGROUPS_TEXT_MAX];
        ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text));
        if (n < 0)
                return true; /* costs a little, and loses nothing */
        struct sv rest = sv_n(text, (size_t)n), line, word;
        while (sv_line(&rest, &line)) {
                uint64_t hierarchy;
                if (sv_word(&line, &word) && word.n && word.p[0] != '#' && sv_word(&line, &word) &&
                        sv_parse_u64(word, 10, &hierarchy) && hierarchy != 0)
                        return true;
        }
        return false;
}

/* NULL when it cannot be mapped. */
static void *map(size_t size, int protection, int fd, size_t at, struct error *err)
{
        void *mapped = mmap(NULL, size, protection, MAP_SHARED, fd, (off_t)at);
        return mapped == MAP_FAILED ? fail_errno_null(err, "eBPF: mapping the ring") : mapped;
}

static int open_ring(struct source *source, struct error *err)
{
        const struct bpf_loaded *loaded = &source->loaded;
        source->shared = map(source->page, PROT_READ | PROT_WRITE, loaded->shared, 0, err);
        source->consumer = source->shared ? map(source->page, PROT_READ | PROT_WRITE, loaded->ring, 0, err) : NULL;
        source->producer = source->consumer ? map(source->page, PROT_READ, loaded->ring, source->page, err) : NULL;
        if (!source->producer)
                return -1;
        source->window_size = loaded->ring_size < WINDOW_MAX ? loaded->ring_size : WINDOW_MAX;
        source->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
        if (source->timer < 0)
                return fail_errno(err, "eBPF: a timer");
        return 0;
}

static void say_opened(const struct source_options *options, const struct bpf_loaded *loaded)
{
        if (!options->log)
                return;
        char text[400];
        snprintf(text, sizeof(text), "eBPF: %d programs attached, a ring of %llu KiB%s%s", loaded->count,
                (unsigned long long)(loaded->ring_size >> 10), loaded->absent[0] ? "; this kernel lacks " : "",
                loaded->absent);
        options->log(options->log_cookie, text);
}

static int source_bpf_open(const struct source_options *options, struct source **ret, struct error *err)
{
        if (check_namespace(err) < 0)
                return -1;
        struct source *source = calloc(1, sizeof(*source));
        if (!source)
                return fail(err, E_NO_MEMORY, "eBPF: out of memory");
        source->page = (size_t)sysconf(_SC_PAGESIZE);
        source->timer = -1;
        source->loaded = (struct bpf_loaded){ .ring = -1, .shared = -1 };
        source->stream = (struct bpf_stream){ .boot_offset_ns = time_boot_unix_ns(), .page_size = source->page };
        uint64_t size = options->buffer ? options->buffer : RING_DEFAULT;
        if (bpf_load(size, legacy_cgroups(), !options->no_calls, &source->loaded, err) < 0 ||
                open_ring(source, err) < 0) {
                source_bpf_close(source);
                return -1;
        }
        __atomic_store_n(&source->shared->sleeping, 1, __ATOMIC_SEQ_CST);
        source->quiet = true;
        say_opened(options, &source->loaded);
        *ret = source;
        return 0;
}

/* ---- receiving ---- */

static int source_bpf_fds(const struct source *source, int *ret, int max)
{
        if (max < 2)
                return 0;
        ret[0] = source->loaded.ring;
        ret[1] = source->timer;
        return 2;
}

/* `size` bytes of the ring from position `at` on; NULL when they cannot be mapped. Behind the data the same data is
 * mapped again, so what wraps around the end is in one piece. */
static const char *look_at(struct source *source, uint64_t at, size_t size)
{
        size_t offset = at & (source->loaded.ring_size - 1);
        if (!source->window || offset < source->window_at || offset + size > source->window_at + source->window_size) {
                if (source->window)
                        munmap((void *)(uintptr_t)source->window, source->window_size);
                source->window = NULL;
                source->window_at = offset & ~(source->page - 1);
                source->window = map(source->window_size, PROT_READ, source->loaded.ring,
                        2 * source->page + source->window_at, NULL);
                if (!source->window)
                        return NULL;
        }
        return source->window + (offset - source->window_at);
}

/* The next record; false when there is none, or no room for it: what the ring holds beyond the queue stays in it, which
 * is a buffer as good as the queue, and counts what it refuses. */
static bool take(struct source *source, struct queue *raw, uint64_t *consumed, uint64_t produced)
{
        if (*consumed >= produced)
                return false;
        const char *at = look_at(source, *consumed, BPF_RINGBUF_HDR_SZ);
        if (!at)
                return false;
        uint32_t header = __atomic_load_n((const uint32_t *)(const void *)at, __ATOMIC_ACQUIRE);
        if (header & BPF_RINGBUF_BUSY_BIT) /* being written */
                return false;
        size_t size = header & ~BPF_RINGBUF_DISCARD_BIT;
        if (!(header & BPF_RINGBUF_DISCARD_BIT) && size <= RECORD_MAX + sizeof(struct watch_bpf_usage)) {
                if (!queue_has_room(raw, size)) {
                        source->starved++;
                        return false;
                }
                at = look_at(source, *consumed, BPF_RINGBUF_HDR_SZ + size);
                if (!at)
                        return false;
                source->received++;
                if (queue_push(raw, sv_n(at + BPF_RINGBUF_HDR_SZ, size)))
                        source->queued++;
        } else if (!(header & BPF_RINGBUF_DISCARD_BIT)) {
                source->stream.refused++;
        }
        *consumed += BPF_RINGBUF_HDR_SZ + ((size + 7) & ~(size_t)7);
        __atomic_store_n(source->consumer, *consumed, __ATOMIC_RELEASE);
        return true;
}

static void arm(struct source *source, bool on)
{
        if (source->armed == on)
                return;
        int64_t every_ns = on ? LOOK_NS : 0;
        struct itimerspec spec = { .it_interval.tv_nsec = every_ns, .it_value.tv_nsec = every_ns };
        if (timerfd_settime(source->timer, 0, &spec, NULL) == 0)
                source->armed = on;
}

/* A record may have been committed without a wake-up while `sleeping` was being set: hence one more look before the
 * timer ends. */
static void rest(struct source *source, bool busy)
{
        uint64_t expired;
        bool looked = read(source->timer, &expired, sizeof(expired)) == sizeof(expired);
        if (busy) {
                source->quiet = false;
                arm(source, true);
        } else if (!source->quiet) {
                source->quiet = true;
                __atomic_store_n(&source->shared->sleeping, 1, __ATOMIC_SEQ_CST);
        } else if (looked) {
                arm(source, false);
        }
}

static bool source_bpf_receive(struct source *source, struct queue *raw)
{
        uint64_t consumed = __atomic_load_n(source->consumer, __ATOMIC_RELAXED);
        uint64_t produced = __atomic_load_n(source->producer, __ATOMIC_ACQUIRE);
        uint64_t begin = consumed, end = consumed + RECEIVE_MAX;
        if (produced > end)
                produced = end;
        while (take(source, raw, &consumed, produced))
                ;
        source->bytes += consumed - begin;
        rest(source, consumed != begin);
        return consumed >= end;
}

/* ---- decoding ---- */

static void source_bpf_decode(struct source *source, struct sv raw, int64_t now_ns, observe_fn *observe, void *cookie)
{
        (void)now_ns;
        if (bpf_record_decode(&source->stream, raw, observe, cookie))
                source->assembled++;
}

static uint64_t lost_in_ring(const struct source *source)
{
        return __atomic_load_n(&source->shared->lost, __ATOMIC_RELAXED);
}

static void source_bpf_tick(struct source *source, int64_t now_ns, observe_fn *observe, void *cookie)
{
        bool last = now_ns == INT64_MAX;
        int64_t time_ns = time_unix_ns();
        if (last || time_ns - source->missed_read_ns >= MISSED_NS || time_ns < source->missed_read_ns) {
                source->missed_read_ns = time_ns;
                uint64_t missed = bpf_read_missed(&source->loaded), more = missed - source->missed;
                source->missed = missed;
                if (more)
                        bpf_tell_lost(more, "program busy", time_ns, observe, cookie);
        }
        /* the clock may have been set */
        int64_t offset_ns = time_boot_unix_ns(), step_ns = offset_ns - source->stream.boot_offset_ns;
        if (step_ns > CLOCK_STEP_NS || step_ns < -CLOCK_STEP_NS)
                source->stream.boot_offset_ns = offset_ns;

        /* A loss is told where it stands between records; when none came afterwards, here. */
        bool drained = source->queued == source->stream.decoded &&
                       __atomic_load_n(source->producer, __ATOMIC_ACQUIRE) == *source->consumer;
        if (last || drained)
                bpf_record_gap(&source->stream, lost_in_ring(source), time_ns, observe, cookie);
}

static void source_bpf_count(const struct source *source, struct source_counters *ret)
{
        *ret = (struct source_counters){
                .received = source->received,
                .assembled = source->assembled,
                .lost = lost_in_ring(source) + source->missed,
                .truncated = source->stream.truncated,
                .refused = source->stream.refused,
        };
}

const struct source_ops source_bpf = {
        .name = "bpf",
        .kind = SOURCE_BPF,
        .open = source_bpf_open,
        .close = source_bpf_close,
        .fds = source_bpf_fds,
        .receive = source_bpf_receive,
        .decode = source_bpf_decode,
        .tick = source_bpf_tick,
        .count = source_bpf_count,
};
