#include "modules/watch/process/look.h"

#include "base/cleanup.h"
#include "base/path.h"
#include "base/timefmt.h"
#include "modules/watch/process/look_internal.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/vfs.h>

/* Nobody forks faster on one processor: about 25 µs were measured for the cheapest. */
static const int64_t FORK_LEAST_NS = 10 * MICROSECOND;
static const int64_t REUSE_MOST_NS = 500 * MILLISECOND;

static int64_t reuse_time(int root)
{
        cleanup(buf_done) struct buf buf;
        uint64_t pids = 32768; /* the kernel's default */
        uint64_t told;
        buf_init(&buf, 64);
        if (file_read(root, "proc/sys/kernel/pid_max", &buf, NULL) == 0 &&
                sv_parse_u64(sv_trim(sv_n(buf_text(&buf), buf.len)), 10, &told) && told <= PROCESS_PID_MAX)
                pids = told;
        long processors = sysconf(_SC_NPROCESSORS_CONF);
        int64_t round = (int64_t)pids * FORK_LEAST_NS / (processors > 0 ? processors : 1);
        return round < REUSE_MOST_NS ? round : REUSE_MOST_NS;
}

static bool is_own_proc(int proc)
{
        char target[24];
        char own[24];
        struct statfs proc_system;
        ssize_t n = readlinkat(proc, "self", target, sizeof(target));
        snprintf(own, sizeof(own), "%d", getpid());
        return n > 0 && sv_eq(sv_n(target, (size_t)n), sv_of(own)) && fstatfs(proc, &proc_system) == 0 &&
               proc_system.f_type == PROC_SUPER_MAGIC;
}

struct look *look_new(const struct look_options *options, struct error *err)
{
        cleanup(fd_close) int proc = openat(options->root, "proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (proc < 0)
                return fail_errno_null(err, "open proc");
        struct look *look = calloc(1, sizeof(*look));
        if (!look)
                return fail_null(err, E_NO_MEMORY, "no memory to look at /proc");
        long hertz = sysconf(_SC_CLK_TCK);
        if (options->places)
                look->places = *options->places;
        else
                look->places.root = options->root;
        look->root = options->root;
        look->proc = take_fd(proc);
        look->fork_start = options->fork_start;
        look->own_pids = is_own_proc(look->proc);
        look->tick_ns = SECOND / (hertz > 0 ? hertz : 100);
        look->reuse_ns = reuse_time(options->root);
        look_containers_init(look);
        return look;
}

void look_free(struct look *look)
{
        if (!look)
                return;
        look_containers_done(look);
        fd_close(&look->proc);
        free(look);
}

void look_count(const struct look *look, struct look_counters *ret)
{
        *ret = look->counters;
}

/* The text that a v2 group's id stands for, learnt from a process that was read. With v1 mounted beside it, the group
 * of v2 does not tell those of v1. */
static bool find_by_id(struct look *look, uint64_t id, struct sv *ret)
{
        char *text = id ? map_get(&look->cgroup_ids, map_key_u64(&id)) : NULL;
        if (!text)
                return false;
        *ret = sv_of(text);
        return true;
}

static void learn_id(struct look *look, uint64_t id, struct sv text)
{
        if (!id || !sv_starts(text, SV("0::")) || sv_find(text, '\n') + 1 < text.n)
                return;
        if (look->cgroup_ids.count == LOOK_CGROUPS_MAX) {
                map_foreach (entry, &look->cgroup_ids)
                        free(entry->value);
                map_done(&look->cgroup_ids);
        }
        char *copy = strndup(text.p, text.n);
        if (copy && map_put(&look->cgroup_ids, map_key_u64(&id), copy) < 0)
                free(copy);
}

static unsigned lacking_parts(const struct observation *observation)
{
        unsigned parts = 0;
        if (!(observation->has & HAS_CGROUP))
                parts |= LOOK_CGROUP;
        if (!observation->exe.n)
                parts |= LOOK_EXE;
        if (!observation->argv.n)
                parts |= LOOK_ARGUMENTS;
        if (!observation->cwd.n)
                parts |= LOOK_CWD;
        if ((observation->has & (HAS_UIDS | HAS_GIDS)) != (HAS_UIDS | HAS_GIDS))
                parts |= LOOK_IDS;
        if (!(observation->has & HAS_SESSION))
                parts |= LOOK_SESSION;
        if (!observation->comm.n)
                parts |= LOOK_STAT | LOOK_NAMESPACES; /* a source that tells no more than the pid */
        return parts;
}

/* pid was gone: what its parent hands down is all that is left to know. Of several children that were gone together the
 * parent is read once: what was read after the exec is as good as what would be read now. */
static void observe_parent(struct look *look, const struct observation *observation, observe_fn *observe, void *cookie)
{
        struct observation parent;
        int64_t now = time_unix_ns();
        if (observation->ppid <= 0)
                return;
        if (observation->ppid == look->parent && observation->time_ns && observation->time_ns <= look->parent_read_ns) {
                look->counters.cached++;
                return;
        }
        look->parent = 0;
        observation_init(&parent, OBSERVED_CGROUP, SOURCE_PROC);
        if (!look_read_cgroup(look, observation->ppid, look->parent_cgroup, &parent.cgroup))
                return;
        if (!look_is_same(look, observation->ppid, observation->time_ns, 0)) {
                look->counters.reused++;
                return;
        }
        parent.time_ns = observation->time_ns;
        parent.serial = observation->serial;
        parent.pid = observation->ppid;
        parent.has = HAS_CGROUP;
        look_note_cgroup(look, &parent, observe, cookie);
        observe(&parent, cookie);
        look->parent = observation->ppid;
        look->parent_read_ns = now;
}

static void complete_exec(struct look *look, const struct observation *observation, observe_fn *observe, void *cookie)
{
        struct observation full = *observation;
        if (!(full.has & HAS_CGROUP) && find_by_id(look, full.cgroup_id, &full.cgroup)) {
                full.has |= HAS_CGROUP;
                look->counters.cached++;
        }
        unsigned parts = lacking_parts(&full);
        if (parts && look_is_gone(look, full.pid)) {
                look->counters.vanished++;
        } else if (parts) {
                struct observation told = full;
                look_fill(look, &full, parts);
                if (!look_is_same(look, full.pid, observation->time_ns, observation->start_ns)) {
                        look->counters.reused++;
                        full = told;
                } else if (parts & LOOK_CGROUP && full.has & HAS_CGROUP) {
                        learn_id(look, full.cgroup_id, full.cgroup);
                }
        }
        if (full.has & HAS_CGROUP)
                look_note_cgroup(look, &full, observe, cookie);
        else
                observe_parent(look, &full, observe, cookie);
        observe(&full, cookie);
}

static void complete_fork(struct look *look, const struct observation *observation, observe_fn *observe, void *cookie)
{
        struct observation full = *observation;
        if (look->fork_start && !full.start_ns && look_read_stat(look, full.pid) &&
                look_is_same(look, full.pid, full.time_ns, 0))
                full.start_ns = look_start_ns(look);
        if (full.has & HAS_CGROUP)
                look_note_cgroup(look, &full, observe, cookie);
        observe(&full, cookie);
}

/* audit's exit(2) ends one thread: the process ended unless it is still there with another. */
static void complete_exit(struct look *look, const struct observation *observation, observe_fn *observe, void *cookie)
{
        struct observation full = *observation;
        if (full.has & UNRESOLVED_THREAD && look_read_stat(look, full.pid) && !look_is_zombie(look) &&
                look_is_same(look, full.pid, full.time_ns, full.start_ns)) {
                look->counters.threads++;
                return;
        }
        full.has &= ~(unsigned)UNRESOLVED_THREAD;
        observe(&full, cookie);
}

void look_complete(struct look *look, const struct observation *observation, observe_fn *observe, void *cookie)
{
        switch (observation->type) {
        case OBSERVED_EXEC:
                complete_exec(look, observation, observe, cookie);
                break;
        case OBSERVED_FORK:
                complete_fork(look, observation, observe, cookie);
                break;
        case OBSERVED_EXIT:
                complete_exit(look, observation, observe, cookie);
                break;
        default:
                if (observation->has & HAS_CGROUP)
                        look_note_cgroup(look, observation, observe, cookie);
                observe(observation, cookie);
        }
}
