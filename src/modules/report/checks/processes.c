/* One look at all processes, which several checks share. */
#include "modules/report/checks/bounded.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "linux/container.h"

#include <fcntl.h>
#include <sys/stat.h>

enum { ENVIRONMENT_MAX = 2 << 20, MOUNTS_OF_ONE_MAX = 4 << 20, SHORT_ID = 12 };

/* The value of LD_PRELOAD in an environment, a copy; NULL for none. */
static const char *find_preload(struct arena *arena, struct sv environment)
{
        struct sv variable;
        while (environment.n && sv_split(&environment, '\0', &variable)) {
                static const struct sv name = { "LD_PRELOAD=", 11 };
                if (sv_starts(variable, name) && sv_trim(sv_n(variable.p + name.n, variable.n - name.n)).n)
                        return arena_strndup(arena, variable.p + name.n, variable.n - name.n);
        }
        return NULL;
}

static void read_preload(struct look *look, const struct process *process, struct report_process *row)
{
        struct error err;
        cleanup(buf_done) struct buf text;
        buf_init(&text, ENVIRONMENT_MAX);
        if (process_read_file(process, "environ", &text, &err) == 0)
                row->preload = find_preload(look->arena, sv_n(buf_text(&text), text.len));
        else if (err.code == E_PERMISSION)
                look->environments_denied++;
}

/* Is there a file of this name now, as the process sees names? Its root is another in a container. */
static void look_for_another(struct look *look, const struct process *process, struct report_process *row)
{
        char path[4096 + 8];
        struct stat st;
        int n = snprintf(path, sizeof(path), "root%s", row->program);
        if (n <= 0 || (size_t)n >= sizeof(path))
                return;
        row->replaced = look_stat_at(look, OF_USERS, process->dir, path, AT_SYMLINK_NOFOLLOW, &st) == 0;
        row->silent = !row->replaced && errno == ETIMEDOUT;
}

static void read_program(struct look *look, const struct process *process, struct report_process *row)
{
        struct error err;
        struct process_link link;
        if (process_read_link(process, PROCESS_EXE, look->arena, &link, &err) < 0) {
                row->denied = err.code == E_PERMISSION;
                look->processes_denied += row->denied;
                return;
        }
        row->program = link.path;
        row->deleted = link.deleted;
        if (link.path && link.deleted)
                look_for_another(look, process, row);
}

static void read_container(struct look *look, const struct process *process, struct report_process *row)
{
        struct error err;
        struct container_identity identity;
        cleanup(buf_done) struct buf text;
        buf_init(&text, REPORT_TEXT_MAX);
        if (process_read_file(process, "cgroup", &text, &err) < 0 ||
                !container_identify(sv_n(buf_text(&text), text.len), &identity) || identity.helper)
                return;
        row->container = look_text(look, "%s %.*s", container_engine_name(identity.engine),
                strlen(identity.id) == 64 ? SHORT_ID : CONTAINER_ID_MAX, identity.id);
        process_read_namespace(process, PROCESS_NS_PID, &row->pid_namespace, &err);
        process_read_namespace(process, PROCESS_NS_NET, &row->net_namespace, &err);
        const struct report_process *before =
                look->processes.count ? &look->processes.items[look->processes.count - 1] : NULL;
        if (before && before->container && strcmp(before->container, row->container) == 0) {
                row->engine_socket = before->engine_socket; /* the same mounts */
                return;
        }
        buf_done(&text);
        buf_init(&text, MOUNTS_OF_ONE_MAX);
        if (process_read_file(process, "mountinfo", &text, &err) == 0)
                row->engine_socket = memmem(buf_text(&text), text.len, "docker.sock", 11) ||
                                     memmem(buf_text(&text), text.len, "containerd.sock", 15) ||
                                     memmem(buf_text(&text), text.len, "podman.sock", 11) ||
                                     memmem(buf_text(&text), text.len, "crio.sock", 9);
}

/* "Max open files            1024                 524288               files" */
static uint64_t soft_limit(struct sv text)
{
        struct sv line, word;
        uint64_t limit = 0;
        while (text.n && sv_line(&text, &line)) {
                static const struct sv name = { "Max open files", 14 };
                if (!sv_starts(line, name))
                        continue;
                line = sv_n(line.p + name.n, line.n - name.n);
                return sv_word(&line, &word) && sv_parse_u64(word, 10, &limit) ? limit : 0;
        }
        return 0;
}

static void read_files(const struct process *process, struct report_process *row)
{
        struct error err;
        struct stat st;
        cleanup(buf_done) struct buf text;
        buf_init(&text, REPORT_TEXT_MAX);
        if (process_read_file(process, "limits", &text, &err) < 0)
                return;
        row->files_limit = soft_limit(sv_n(buf_text(&text), text.len));
        /* since Linux 6.2 the size of the directory is the number of files (proc(5)) */
        if (fstatat(process->dir, "fd", &st, 0) == 0 && st.st_size > 0) {
                row->files = (uint64_t)st.st_size;
                return;
        }
        int fd = openat(process->dir, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        cleanup(closedir) DIR *dir = fd < 0 ? NULL : fdopendir(fd);
        if (!dir) {
                fd_close(&fd);
                return;
        }
        for (const struct dirent *entry = readdir(dir); entry && row->files < REPORT_PROCESSES_MAX;
                entry = readdir(dir))
                row->files += entry->d_name[0] != '.';
}

/* The program that prints this report is of the same name, and a child of the same parent. */
static bool is_self(const char *name)
{
        return strcmp(name, program_invocation_short_name) == 0;
}

static void add_process(struct look *look, const struct process *process)
{
        struct error err;
        struct process_stat stat;
        struct process_status status;
        struct report_process row = { .pid = process->pid };
        if (process_read_stat(process, &stat, &err) < 0 || process_read_status(process, &status, &err) < 0)
                return; /* it ended */
        snprintf(row.name, sizeof(row.name), "%s", stat.comm);
        if (look->parent && (row.pid == look->parent || (stat.ppid == look->parent && is_self(row.name))))
                return;
        row.state = stat.state;
        row.kernel_thread = (stat.flags & PROCESS_KTHREAD_FLAG) != 0;
        row.uid = status.uid[1];
        row.capabilities = status.cap_effective;
        if (!row.kernel_thread && row.state != 'Z' && row.state != 'X') {
                read_program(look, process, &row);
                read_preload(look, process, &row);
                read_container(look, process, &row);
                read_files(process, &row);
        }
        struct report_process *slot = vec_add(&look->processes, REPORT_PROCESSES_MAX);
        if (slot)
                *slot = row;
        else
                look->processes_refused++;
}

static int compare_pids(const void *a, const void *b)
{
        const struct report_process *one = a, *other = b;
        return one->pid < other->pid ? -1 : one->pid > other->pid;
}

void look_processes(struct look *look)
{
        struct error err;
        struct process_iter iter;
        struct process next;
        if (process_iter_open(&iter, look->root, &err) < 0)
                return;
        while (process_iter_next(&iter, &next)) {
                cleanup(process_close) struct process process = next;
                if (process.pid != look->self)
                        add_process(look, &process);
        }
        look->processes_denied += iter.refused;
        process_iter_close(&iter);
        if (look->processes.count > 1)
                qsort(look->processes.items, look->processes.count, sizeof(*look->processes.items), compare_pids);
        look->has_processes = true;
}
