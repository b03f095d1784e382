#include "module/prove.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "base/path.h"
#include "module/descriptor.h"
#include "module/service_run.h"
#include "schema/json_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/netlink.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

/* An act returns 0 or the errno it got. EINVAL and the like are as good as 0: the kernel got as far as the arguments.
 */
struct act {
        const char *name;
        const char *what;
        int (*attempt)(void);
};

#define RESULT(call) ((call) < 0 ? errno : 0)

static int write_tmp(void)
{
        char path[64];
        snprintf(path, sizeof(path), "/tmp/.tarsier-prove-%d", (int)getpid());
        cleanup(fd_close) int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0)
                return errno;
        unlink(path);
        return 0;
}

static int read_shadow(void)
{
        cleanup(fd_close) int fd = open("/etc/shadow", O_RDONLY | O_CLOEXEC);
        return RESULT(fd);
}

static int try_socket(int family, int type, int protocol)
{
        cleanup(fd_close) int fd = socket(family, type | SOCK_CLOEXEC, protocol);
        return RESULT(fd);
}

static int inet_socket(void)
{
        return try_socket(AF_INET, SOCK_STREAM, 0);
}

static int inet6_socket(void)
{
        return try_socket(AF_INET6, SOCK_DGRAM, 0);
}

static int netlink_socket(void)
{
        return try_socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
}

static int unix_socket(void)
{
        return try_socket(AF_UNIX, SOCK_STREAM, 0);
}

static int packet_socket(void)
{
        return try_socket(AF_PACKET, SOCK_RAW, 0); /* protocol 0: receives nothing (packet(7)) */
}

/* Does not come back where it is allowed. */
static int execute(void)
{
        static char name[] = "true";
        char *argv[] = { name, NULL };
        execve("/bin/true", argv, NULL);
        return errno;
}

static int ptrace_parent(void)
{
        return RESULT(ptrace(PTRACE_SEIZE, getppid(), NULL, NULL)); /* stops nothing; ends with this process */
}

static int read_parent_environ(void)
{
        char path[64];
        snprintf(path, sizeof(path), "/proc/%d/environ", (int)getppid());
        cleanup(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
        return RESULT(fd);
}

static const int in_parent = 1;

static int read_parent_memory(void)
{
        int here;
        struct iovec mine = { &here, sizeof(here) }, theirs = { (void *)(uintptr_t)&in_parent, sizeof(in_parent) };
        return RESULT(process_vm_readv(getppid(), &mine, 1, &theirs, 1, 0));
}

static int signal_parent(void)
{
        return RESULT(kill(getppid(), 0));
}

static int mount_nothing(void)
{
        return RESULT(mount("none", "/", NULL, 0, NULL)); /* no type: EINVAL once the caller may mount */
}

static int unshare_namespace(void)
{
        return RESULT(unshare(CLONE_NEWUTS));
}

static int bpf_call(void)
{
        union bpf_attr attr = { 0 };
        return RESULT(syscall(SYS_bpf, 9999, &attr, sizeof(attr)));
}

static int fanotify_group(void)
{
        cleanup(fd_close) int fd = (int)syscall(SYS_fanotify_init, 0, O_RDONLY);
        return RESULT(fd);
}

static int load_module(void)
{
        return RESULT(syscall(SYS_finit_module, -1, "", 0));
}

static int io_uring(void)
{
        return RESULT(syscall(SYS_io_uring_setup, 0, NULL));
}

/* The sandbox lowers this limit to 0; the program as it is only lowers it. */
static int raise_limit(void)
{
        struct rlimit limit = { 1, 1 };
        return RESULT(setrlimit(RLIMIT_CORE, &limit));
}

static const struct act acts[] = {
        { "write-tmp", "create a file in /tmp", write_tmp },
        { "read-shadow", "read /etc/shadow", read_shadow },
        { "inet-socket", "open an IPv4 socket", inet_socket },
        { "inet6-socket", "open an IPv6 socket", inet6_socket },
        { "netlink-socket", "open a netlink socket", netlink_socket },
        { "unix-socket", "open a unix socket", unix_socket },
        { "packet-socket", "open a packet socket", packet_socket },
        { "execute", "execute /bin/true", execute },
        { "ptrace-parent", "trace its parent", ptrace_parent },
        { "read-parent-environ", "read its parent's environment", read_parent_environ },
        { "read-parent-memory", "read its parent's memory", read_parent_memory },
        { "signal-parent", "signal its parent", signal_parent },
        { "mount", "mount a file system", mount_nothing },
        { "unshare", "make a namespace", unshare_namespace },
        { "bpf", "call bpf(2)", bpf_call },
        { "fanotify", "make a fanotify group", fanotify_group },
        { "load-module", "load a kernel module", load_module },
        { "io-uring", "set up io_uring", io_uring },
        { "raise-limit", "raise a resource limit", raise_limit },
};
enum { ACTS = sizeof(acts) / sizeof(acts[0]) };

enum outcome { ALLOWED, REFUSED, KILLED, ABSENT };
static const char *const outcome_names[] = { "allowed", "refused", "killed", "absent" };

/* Shared with the process that tries. */
struct attempt {
        int refusal; /* errno; stays 0 when an act does not come back */
        bool failed; /* the lock itself: why */
        struct error why;
        struct sandbox_report report;
};

static enum outcome outcome_of(int refusal)
{
        switch (refusal) {
        case EPERM:
        case EACCES:
                return REFUSED;
        case ENOSYS:
        case ENOENT:
        case EAFNOSUPPORT:
        case EPROTONOSUPPORT:
        case EOPNOTSUPP:
                return ABSENT;
        default:
                return ALLOWED;
        }
}

static int attempt(const struct act *act, const struct module *module, struct attempt *shared, enum outcome *ret,
        struct error *err)
{
        *shared = (struct attempt){ 0 };
        pid_t pid = fork();
        if (pid < 0)
                return fail_errno(err, "fork");
        if (pid == 0) {
                shared->failed = module && worker_lock(&module->sandbox, (struct budget){ 0 }, module_memory(module),
                                                   &shared->report, &shared->why) < 0;
                if (!shared->failed)
                        shared->refusal = act->attempt();
                _exit(0);
        }
        int status;
        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        return fail_errno(err, "waitpid");
        if (shared->failed) {
                *err = shared->why;
                return -1;
        }
        bool killed = WIFSIGNALED(status);
        if (killed && WTERMSIG(status) != SIGSYS)
                return fail(err, E_FAILED, "%s ended by signal %d", act->name, WTERMSIG(status));
        *ret = killed ? KILLED : outcome_of(shared->refusal);
        return 0;
}

static void put_outcomes(struct json_writer *writer, const char *key, const enum outcome *outcomes)
{
        json_key(writer, key);
        json_begin_object(writer);
        for (unsigned i = 0; i < ACTS; i++)
                json_field(writer, acts[i].name, json_put_text, outcome_names[outcomes[i]]);
        json_end_object(writer);
}

static void put_json(const struct module *module, const enum outcome *locked, const enum outcome *unlocked,
        const struct sandbox_report *report, struct buf *out)
{
        struct json_writer writer;
        json_writer_init(&writer, out, 0);
        json_begin_object(&writer);
        json_field(&writer, "module", json_put_text, module->name);
        put_outcomes(&writer, "acts", locked);
        put_outcomes(&writer, "unlocked", unlocked);
        json_key(&writer, "declared");
        put_sandbox_clauses(&writer, &module->sandbox);
        json_key(&writer, "layers");
        json_begin_array(&writer);
        for (enum sandbox_layer layer = 0; layer < SANDBOX_LAYERS; layer++)
                if (report->active[layer])
                        json_put_text(&writer, sandbox_layer_name(layer));
        json_end_array(&writer);
        json_field(&writer, "missing", json_put_text, report->missing);
        json_end_object(&writer);
        buf_putc(out, '\n');
}

static void put_lines(const struct module *module, const enum outcome *locked, const enum outcome *unlocked,
        const struct sandbox_report *report, struct buf *out)
{
        buf_printf(out, "%-20s %-9s %-9s\n", "ACT", "LOCKED", "UNLOCKED");
        for (unsigned i = 0; i < ACTS; i++)
                buf_printf(out, "%-20s %-9s %-9s %s\n", acts[i].name, outcome_names[locked[i]],
                        outcome_names[unlocked[i]], acts[i].what);
        buf_printf(out, "\n%s declares:\n", module->name);
        sandbox_describe(&module->sandbox, out);
        if (report->missing[0])
                buf_printf(out, "\nnot enforced here: %s\n", report->missing);
}

static int prove(const struct module *module, bool lines, struct attempt *shared, struct error *err)
{
        enum outcome locked[ACTS] = { 0 }, unlocked[ACTS] = { 0 };
        for (unsigned i = 0; i < ACTS; i++)
                if (attempt(&acts[i], NULL, shared, &unlocked[i], err) < 0 ||
                        attempt(&acts[i], module, shared, &locked[i], err) < 0)
                        return -1;
        cleanup(buf_done) struct buf out;
        buf_init(&out, 1 << 20);
        (lines ? put_lines : put_json)(module, locked, unlocked, &shared->report, &out);
        return write_all(STDOUT_FILENO, buf_text(&out), out.len, err);
}

int prove_main(const struct module *module, bool lines)
{
        struct error err;
        struct attempt *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        int status = shared == MAP_FAILED ? fail_errno(&err, "shared memory") : prove(module, lines, shared, &err);
        if (shared != MAP_FAILED)
                munmap(shared, sizeof(*shared));
        if (status < 0)
                log_error("%s: %s", module->name, err.message);
        return status < 0 ? error_exit_status(err.code) : 0;
}
