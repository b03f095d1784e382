#include "linux/process.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/path.h"
#include "base/timefmt.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

enum { STATUS_TEXT_MAX = 2 << 20 }; /* a group list may have 65536 entries (NGROUPS_MAX) */

const char *const process_namespace_names[PROCESS_NS_COUNT] = { [PROCESS_NS_CGROUP] = "cgroup",
        [PROCESS_NS_IPC] = "ipc",
        [PROCESS_NS_MNT] = "mnt",
        [PROCESS_NS_NET] = "net",
        [PROCESS_NS_PID] = "pid",
        [PROCESS_NS_TIME] = "time",
        [PROCESS_NS_USER] = "user",
        [PROCESS_NS_UTS] = "uts" };

int process_iter_open(struct process_iter *iter, int root, struct error *err)
{
        cleanup(fd_close) int fd = openat(root, "proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return fail_errno(err, "open proc");
        DIR *dir = fdopendir(fd);
        if (!dir)
                return fail_errno(err, "open proc");
        take_fd(fd);
        *iter = (struct process_iter){ .dir = dir };
        return 0;
}

bool process_iter_next(struct process_iter *iter, struct process *ret)
{
        struct dirent *entry;
        while ((entry = readdir(iter->dir))) {
                uint64_t pid;
                if (entry->d_name[0] < '1' || entry->d_name[0] > '9' || !sv_parse_u64(sv_of(entry->d_name), 10, &pid) ||
                        pid > PROCESS_PID_MAX)
                        continue;
                int dir = openat(dirfd(iter->dir), entry->d_name, O_PATH | O_DIRECTORY | O_CLOEXEC);
                if (dir < 0) {
                        if (errno == ENOENT || errno == ESRCH)
                                iter->vanished++;
                        else
                                iter->refused++;
                        continue;
                }
                iter->seen++;
                *ret = (struct process){ (pid_t)pid, dir };
                return true;
        }
        return false;
}

void process_iter_close(struct process_iter *iter)
{
        if (iter->dir)
                closedir(iter->dir);
        iter->dir = NULL;
}

int process_open(int root, pid_t pid, struct process *ret, struct error *err)
{
        char path[32];
        snprintf(path, sizeof(path), "proc/%d", pid);
        int dir = openat(root, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (dir < 0)
                return fail_errno(err, "process %d", pid);
        *ret = (struct process){ pid, dir };
        return 0;
}

void process_close(struct process *process)
{
        fd_close(&process->dir);
}

bool process_vanished(const struct error *err)
{
        return err->errnum == ESRCH || err->errnum == ENOENT;
}

int process_read_file(const struct process *process, const char *name, struct buf *out, struct error *err)
{
        if (file_read(process->dir, name, out, err) < 0)
                return error_prefix(err, "process %d", process->pid);
        return 0;
}

/* Reads one small file and gives its text to a parser through *ret. */
static int read_text(
        const struct process *process, const char *name, struct buf *out, struct sv *ret, struct error *err)
{
        if (process_read_file(process, name, out, err) < 0)
                return -1;
        *ret = sv_n(buf_text(out), out->len);
        return 0;
}

/* A file that is small for nearly every process and large for some: a small buffer first, since a large one would be
 * mapped and unmapped for each process. *ret_cut: there was more than max. *buf is initialised in every case. */
static int read_growing(
        const struct process *process, const char *name, size_t max, struct buf *buf, bool *ret_cut, struct error *err)
{
        struct error one;
        *ret_cut = false;
        buf_init(buf, PROCESS_FILE_MAX);
        if (process_read_file(process, name, buf, &one) == 0)
                return 0;
        if (one.code == E_TOO_LARGE) {
                buf_done(buf);
                buf_init(buf, max);
                if (process_read_file(process, name, buf, &one) == 0)
                        return 0;
                if (one.code == E_TOO_LARGE) {
                        *ret_cut = true;
                        return 0;
                }
        }
        if (err)
                *err = one;
        return -1;
}

int process_read_stat(const struct process *process, struct process_stat *ret, struct error *err)
{
        cleanup(buf_done) struct buf buf;
        buf_init(&buf, PROCESS_FILE_MAX);
        struct sv text;
        if (read_text(process, "stat", &buf, &text, err) < 0)
                return -1;
        return process_parse_stat(text, ret, err);
}

int64_t process_start_unix_ns(uint64_t start_ticks, int64_t boot_unix_ns)
{
        long hertz = sysconf(_SC_CLK_TCK);
        uint64_t rate = hertz > 0 ? (uint64_t)hertz : 100;
        uint64_t whole = start_ticks / rate;
        if (whole > (uint64_t)(INT64_MAX / SECOND) / 2)
                return boot_unix_ns;
        return boot_unix_ns + (int64_t)whole * SECOND + (int64_t)(start_ticks % rate) * (SECOND / (int64_t)rate);
}

int process_read_status(const struct process *process, struct process_status *ret, struct error *err)
{
        cleanup(buf_done) struct buf buf;
        bool cut;
        if (read_growing(process, "status", STATUS_TEXT_MAX, &buf, &cut, err) < 0)
                return -1;
        if (cut)
                return fail(err, E_TOO_LARGE, "process %d: status beyond %d bytes", process->pid, STATUS_TEXT_MAX);
        return process_parse_status(sv_n(buf_text(&buf), buf.len), ret, err);
}

int process_read_io(const struct process *process, struct process_io *ret, struct error *err)
{
        cleanup(buf_done) struct buf buf;
        buf_init(&buf, PROCESS_FILE_MAX);
        struct sv text;
        if (read_text(process, "io", &buf, &text, err) < 0)
                return -1;
        return process_parse_io(text, ret, err);
}

static int read_arguments(const struct process *process, const char *name, struct arena *arena,
        struct process_arguments *ret, struct error *err)
{
        cleanup(buf_done) struct buf buf;
        bool cut;
        if (read_growing(process, name, PROCESS_ARGUMENTS_MAX, &buf, &cut, err) < 0 ||
                process_parse_arguments(sv_n(buf_text(&buf), buf.len), arena, ret, err) < 0)
                return -1;
        ret->truncated |= cut;
        return 0;
}

int process_read_cmdline(
        const struct process *process, struct arena *arena, struct process_arguments *ret, struct error *err)
{
        return read_arguments(process, "cmdline", arena, ret, err);
}

int process_read_environ(
        const struct process *process, struct arena *arena, struct process_arguments *ret, struct error *err)
{
        return read_arguments(process, "environ", arena, ret, err);
}

/* The kernel appends " (deleted)" to the path of an unlinked file; a file may also be named so. It is the latter when
 * that very name, seen from the process's root, is the file behind the link. */
static bool link_is_deleted(const struct process *process, const char *name, const char *target)
{
        struct stat behind;
        struct stat named;
        char path[PATH_MAX + 16];
        if ((size_t)snprintf(path, sizeof(path), "root/%s", target[0] == '/' ? target + 1 : target) >= sizeof(path))
                return true;
        if (fstatat(process->dir, name, &behind, 0) < 0 || fstatat(process->dir, path, &named, 0) < 0)
                return true;
        return behind.st_dev != named.st_dev || behind.st_ino != named.st_ino;
}

/* errno of a failed readlink below /proc/PID. The links of a process that ended under an open handle answer EACCES, as
 * if it were forbidden (proc_pid_readlink), so EACCES counts only while the process is there. */
static int link_errno(const struct process *process)
{
        int saved = errno;
        if (saved == EACCES && faccessat(process->dir, "stat", F_OK, 0) < 0)
                saved = ESRCH;
        return saved;
}

int process_read_link(const struct process *process, enum process_link_name which, struct arena *arena,
        struct process_link *ret, struct error *err)
{
        static const char *const names[] = { [PROCESS_EXE] = "exe", [PROCESS_CWD] = "cwd", [PROCESS_ROOT] = "root" };
        static const char suffix[] = " (deleted)";
        char target[PATH_MAX + 1];
        ssize_t length = readlinkat(process->dir, names[which], target, sizeof(target) - 1);
        if (length < 0) {
                int saved = link_errno(process);
                /* a kernel thread or a zombie has no exe, a process that is gone has no stat either */
                if (saved == ENOENT && faccessat(process->dir, "stat", F_OK, 0) == 0) {
                        *ret = (struct process_link){ 0 };
                        return 0;
                }
                errno = saved;
                return fail_errno(err, "process %d: %s", process->pid, names[which]);
        }
        target[length] = '\0';
        size_t cut = sizeof(suffix) - 1;
        struct process_link link = { 0 };
        if ((size_t)length > cut && memcmp(target + length - cut, suffix, cut) == 0 &&
                link_is_deleted(process, names[which], target)) {
                link.deleted = true;
                length -= (ssize_t)cut;
        }
        link.path = arena_strndup(arena, target, (size_t)length);
        if (!link.path)
                return fail(err, E_NO_MEMORY, "process %d: no memory for %s", process->pid, names[which]);
        *ret = link;
        return 0;
}

int process_read_namespace(
        const struct process *process, enum process_namespace which, uint64_t *ret_inode, struct error *err)
{
        char path[24];
        char target[64];
        snprintf(path, sizeof(path), "ns/%s", process_namespace_names[which]);
        ssize_t length = readlinkat(process->dir, path, target, sizeof(target));
        if (length < 0) {
                errno = link_errno(process);
                return fail_errno(err, "process %d: %s", process->pid, path);
        }
        if (!process_parse_namespace(sv_n(target, (size_t)length), ret_inode))
                return fail(err, E_CORRUPT, "process %d: %s is \"%.*s\"", process->pid, path, (int)length, target);
        return 0;
}

int process_read_namespaces(const struct process *process, uint64_t ret_inodes[PROCESS_NS_COUNT], struct error *err)
{
        uint64_t inodes[PROCESS_NS_COUNT] = { 0 };
        for (int i = 0; i < PROCESS_NS_COUNT; i++) {
                struct error one;
                if (process_read_namespace(process, (enum process_namespace)i, &inodes[i], &one) == 0)
                        continue;
                if (one.errnum == ENOENT && faccessat(process->dir, "ns", F_OK, 0) == 0)
                        continue; /* a kind of namespace this kernel does not have */
                if (err)
                        *err = one;
                return -1;
        }
        memcpy(ret_inodes, inodes, sizeof(inodes));
        return 0;
}

static int read_number(const struct process *process, const char *name, int64_t *ret, struct error *err)
{
        cleanup(buf_done) struct buf buf;
        buf_init(&buf, 64);
        struct sv text;
        if (read_text(process, name, &buf, &text, err) < 0)
                return -1;
        if (!sv_parse_i64(sv_trim(text), ret))
                return fail(err, E_CORRUPT, "process %d: %s is \"%.*s\"", process->pid, name, SV_ARG(text));
        return 0;
}

int process_read_oom(const struct process *process, struct process_oom *ret, struct error *err)
{
        int64_t score;
        int64_t adjustment;
        if (read_number(process, "oom_score", &score, err) < 0 ||
                read_number(process, "oom_score_adj", &adjustment, err) < 0)
                return -1;
        if (score < INT_MIN || score > INT_MAX || adjustment < -1000 || adjustment > 1000)
                return fail(err, E_CORRUPT, "process %d: an OOM score out of range", process->pid);
        *ret = (struct process_oom){ (int)score, (int)adjustment };
        return 0;
}

int process_read_audit(const struct process *process, uint32_t *ret_loginuid, uint32_t *ret_session, struct error *err)
{
        struct error one;
        int64_t loginuid;
        int64_t session;
        if (read_number(process, "loginuid", &loginuid, &one) < 0 ||
                read_number(process, "sessionid", &session, &one) < 0) {
                if (one.errnum == ENOENT && faccessat(process->dir, "stat", F_OK, 0) == 0)
                        return fail(err, E_UNSUPPORTED, "the kernel has no audit");
                if (err)
                        *err = one;
                return -1;
        }
        if (loginuid < 0 || loginuid > UINT32_MAX || session < 0 || session > UINT32_MAX)
                return fail(err, E_CORRUPT, "process %d: login uid out of range", process->pid);
        *ret_loginuid = (uint32_t)loginuid;
        *ret_session = (uint32_t)session;
        return 0;
}
