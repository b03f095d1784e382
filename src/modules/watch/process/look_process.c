/* Reads what an observation lacks from /proc/PID. The files are read by "PID/name" below one kept directory and into
 * kept buffers: no allocation, and two system calls less than by a directory of the process. That all were of one
 * process is proved afterwards (look_is_same). */
#include "modules/watch/process/look_internal.h"

#include "base/cleanup.h"
#include "base/timefmt.h"

#include <fcntl.h>

enum {
        EXITING_FLAG = 0x00000004, /* PF_EXITING in field 9 of stat (include/linux/sched.h) */
};

static void count_failure(struct look *look, int errnum)
{
        if (errnum == ENOENT || errnum == ESRCH)
                look->counters.vanished++;
        else
                look->counters.refused++;
}

static void process_path(char *ret, size_t size, pid_t pid, const char *name)
{
        snprintf(ret, size, "%d/%s", pid, name);
}

/* One read is enough: these files are made whole at the first (seq_file's single_open), and size is beyond them. */
ssize_t look_read(struct look *look, pid_t pid, const char *name, char *buffer, size_t size)
{
        char path[40];
        process_path(path, sizeof(path), pid, name);
        cleanup(fd_close) int fd = openat(look->proc, path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return -1;
        ssize_t n;
        do
                n = read(fd, buffer, size);
        while (n < 0 && errno == EINTR);
        look->counters.reads++;
        return n;
}

static ssize_t read_link(struct look *look, pid_t pid, const char *name, char *buffer, size_t size)
{
        char path[40];
        process_path(path, sizeof(path), pid, name);
        look->counters.reads++;
        return readlinkat(look->proc, path, buffer, size);
}

/* getpgid fails with ESRCH for a process that was waited for, with nothing else for any process. */
bool look_is_gone(const struct look *look, pid_t pid)
{
        return look->own_pids && pid > 0 && getpgid(pid) < 0 && errno == ESRCH;
}

bool look_read_stat(struct look *look, pid_t pid)
{
        ssize_t n = look_read(look, pid, "stat", look->text, sizeof(look->text));
        return n > 0 && process_parse_stat(sv_n(look->text, (size_t)n), &look->stat, NULL) == 0;
}

bool look_is_zombie(const struct look *look)
{
        bool ended = look->stat.state == 'Z' || look->stat.state == 'X';
        return ended && look->stat.num_threads <= 1; /* a leader may end before its threads */
}

uint64_t look_start_ns(const struct look *look)
{
        return look->stat.start_ticks * (uint64_t)look->tick_ns;
}

/* A pid comes round only after all others were given out. While less time has passed than that takes, no look is
 * needed. Otherwise the process must have started before it was observed: its start is cut to ticks, and audit's clock
 * is that of the last tick too (ktime_get_coarse_real_ts64), hence two. */
bool look_is_same(struct look *look, pid_t pid, int64_t time_ns, uint64_t start_ns)
{
        int64_t now = time_unix_ns();
        if (time_ns && now - time_ns < look->reuse_ns)
                return true;
        if (!time_ns && !start_ns)
                return true; /* nothing to compare */
        if (!look_read_stat(look, pid))
                return false; /* gone by now, and nobody can tell any more who it was */
        int64_t since_boot = (int64_t)look_start_ns(look);
        if (start_ns)
                return llabs(since_boot - (int64_t)start_ns) < 2 * look->tick_ns;
        int64_t boot = now - time_boot_ns();
        return boot + since_boot <= time_ns + 2 * look->tick_ns;
}

/* Are all groups of v1 the root? *ret_v1: there is one of v1 at all. */
static bool is_root_of_v1(struct sv text)
{
        struct sv line;
        bool v1 = false;
        while (sv_line(&text, &line)) {
                if (sv_starts(line, SV("0::")))
                        continue;
                v1 = true;
                if (!sv_ends(line, SV(":/")))
                        return false;
        }
        return v1;
}

/* In the v1 hierarchies a process that ends is shown in the root, while v2 still tells where it was
 * (proc_cgroup_show in kernel/cgroup/cgroup.c). Such a text would move the process out of its container. */
bool look_read_cgroup(struct look *look, pid_t pid, char *buffer, struct sv *ret)
{
        ssize_t n = look_read(look, pid, "cgroup", buffer, LOOK_CGROUP_MAX);
        if (n <= 0) {
                count_failure(look, n < 0 ? errno : ESRCH);
                return false;
        }
        struct sv text = sv_n(buffer, (size_t)n);
        if (text.n == LOOK_CGROUP_MAX) {
                look->counters.truncated++;
                while (text.n && text.p[text.n - 1] != '\n')
                        text.n--;
        }
        if (is_root_of_v1(text) && (!look_read_stat(look, pid) || look->stat.flags & EXITING_FLAG)) {
                struct container_identity identity;
                if (!container_identify(text, &identity)) {
                        look->counters.vanished++;
                        return false;
                }
        }
        *ret = text;
        return true;
}

/* The kernel's own name of a terminal, as audit tells it: "pts0", "ttyS0" (Documentation/admin-guide/devices.txt). */
static void format_tty(struct look *look, struct sv *ret)
{
        unsigned number = (unsigned)look->stat.tty_nr;
        unsigned major = number >> 8 & 0xfff;
        unsigned minor = (number & 0xff) | (number >> 12 & 0xfff00);
        if (!number)
                return;
        if (major >= 136 && major <= 143)
                snprintf(look->tty, sizeof(look->tty), "pts%u", (major - 136) * 256 + minor);
        else if (major == 4)
                snprintf(look->tty, sizeof(look->tty), "%s%u", minor < 64 ? "tty" : "ttyS",
                        minor < 64 ? minor : minor - 64);
        else if (major == 5 && minor < 2)
                snprintf(look->tty, sizeof(look->tty), "%s", minor ? "console" : "tty");
        else
                snprintf(look->tty, sizeof(look->tty), "%u:%u", major, minor);
        *ret = sv_of(look->tty);
}

static void fill_stat(struct look *look, struct observation *observation)
{
        if (!look_read_stat(look, observation->pid))
                return;
        if (!observation->start_ns)
                observation->start_ns = look_start_ns(look);
        if (observation->ppid <= 0)
                observation->ppid = look->stat.ppid;
        if (!observation->comm.n)
                observation->comm = sv_of(look->stat.comm);
        if (!observation->tty.n)
                format_tty(look, &observation->tty);
}

static void fill_arguments(struct look *look, struct observation *observation)
{
        ssize_t n = look_read(look, observation->pid, "cmdline", look->arguments, LOOK_ARGUMENTS_MAX);
        if (n <= 0)
                return;
        size_t length = (size_t)n;
        if (length == LOOK_ARGUMENTS_MAX) {
                observation->argv_truncated = true;
                look->counters.truncated++;
        }
        if (look->arguments[length - 1] != '\0')
                look->arguments[length++] = '\0'; /* cut, or a process that wrote its own title */
        observation->argv = sv_n(look->arguments, length);
        observation->argc = 0;
        for (size_t at = 0; at < length; at += strlen(look->arguments + at) + 1)
                observation->argc++;
}

static void fill_ids(struct look *look, struct observation *observation)
{
        struct process_status status;
        ssize_t n = look_read(look, observation->pid, "status", look->text, sizeof(look->text));
        if (n <= 0 || process_parse_status(sv_n(look->text, (size_t)n), &status, NULL) < 0)
                return;
        if (!(observation->has & HAS_UIDS)) {
                observation->uid = status.uid[0];
                observation->euid = status.uid[1];
                observation->suid = status.uid[2];
                observation->fsuid = status.uid[3];
        }
        if (!(observation->has & HAS_GIDS)) {
                observation->gid = status.gid[0];
                observation->egid = status.gid[1];
                observation->sgid = status.gid[2];
                observation->fsgid = status.gid[3];
        }
        if (!(observation->has & HAS_CAPABILITIES)) {
                observation->cap_effective = status.cap_effective;
                observation->cap_permitted = status.cap_permitted;
        }
        if (!observation->ns_pid && status.ns_pid_count)
                observation->ns_pid = status.ns_pid[status.ns_pid_count - 1];
        observation->has |= HAS_UIDS | HAS_GIDS | HAS_CAPABILITIES;
}

static bool read_id(struct look *look, pid_t pid, const char *name, uint32_t *ret)
{
        char text[24];
        uint64_t value;
        ssize_t n = look_read(look, pid, name, text, sizeof(text));
        if (n <= 0 || !sv_parse_u64(sv_trim(sv_n(text, (size_t)n)), 10, &value) || value > UINT32_MAX)
                return false;
        *ret = (uint32_t)value;
        return true;
}

static void fill_session(struct look *look, struct observation *observation)
{
        uint32_t auid;
        uint32_t session;
        if (!read_id(look, observation->pid, "loginuid", &auid) ||
                !read_id(look, observation->pid, "sessionid", &session))
                return;
        observation->auid = auid;
        observation->session = session;
        observation->has |= HAS_SESSION;
}

static void fill_namespace(struct look *look, pid_t pid, const char *name, uint64_t *ret)
{
        char target[64];
        ssize_t n = read_link(look, pid, name, target, sizeof(target));
        if (n > 0)
                process_parse_namespace(sv_n(target, (size_t)n), ret);
}

static void fill_link(struct look *look, pid_t pid, const char *name, char *buffer, struct sv *ret)
{
        ssize_t n = read_link(look, pid, name, buffer, PATH_MAX);
        if (n > 0)
                *ret = sv_n(buffer, (size_t)n);
}

void look_fill(struct look *look, struct observation *observation, unsigned parts)
{
        if (parts & LOOK_CGROUP && look_read_cgroup(look, observation->pid, look->cgroup, &observation->cgroup))
                observation->has |= HAS_CGROUP;
        if (parts & LOOK_STAT)
                fill_stat(look, observation);
        if (parts & LOOK_EXE)
                fill_link(look, observation->pid, "exe", look->exe, &observation->exe);
        if (parts & LOOK_CWD)
                fill_link(look, observation->pid, "cwd", look->cwd, &observation->cwd);
        if (parts & LOOK_ARGUMENTS)
                fill_arguments(look, observation);
        if (parts & LOOK_IDS)
                fill_ids(look, observation);
        if (parts & LOOK_SESSION)
                fill_session(look, observation);
        if (parts & LOOK_NAMESPACES) {
                fill_namespace(look, observation->pid, "ns/pid", &observation->pid_namespace);
                fill_namespace(look, observation->pid, "ns/mnt", &observation->mount_namespace);
        }
}
