/* The action kill: the very process of the event, or none. */
#include "modules/watch/rules/rules.h"

#include "base/cleanup.h"
#include "linux/process.h"

#include <sys/pidfd.h>

/* The second part of "BOOT-STARTTICKS-PID-EXECS"; false when the start is not known. */
static bool start_of(const char *exec_id, uint64_t *ret_ticks)
{
        struct sv rest = sv_of(exec_id), part;
        return sv_split(&rest, '-', &part) && sv_split(&rest, '-', &part) && sv_parse_u64(part, 16, ret_ticks) &&
               *ret_ticks;
}

static int check_process(const struct event *event, uint64_t *ret_ticks, struct error *err)
{
        const struct event_process *process = &event->process;
        if (!event->has_process || process->pid <= 0)
                return fail(err, E_INVALID, "the event has no process to kill");
        if (event->source == SOURCE_REPLAY)
                return fail(err, E_PERMISSION, "a replayed event kills nothing");
        if (process->pid == 1 || process->pid == getpid() || process->pid == getppid())
                return fail(err, E_PERMISSION, "process %d is never killed", process->pid);
        if (!start_of(process->exec_id, ret_ticks))
                return fail(err, E_PERMISSION, "process %d: its start is not known, so it might be another by now",
                        process->pid);
        return 0;
}

int rules_kill(int root, const struct event *event, struct error *err)
{
        cleanup(process_close) struct process process = { .dir = -1 };
        cleanup(fd_close) int fd = -1;
        struct process_stat stat;
        uint64_t ticks;
        if (check_process(event, &ticks, err) < 0)
                return -1;
        /* the pidfd first: what /proc tells after it is about this process, or the signal finds nobody */
        fd = pidfd_open(event->process.pid, 0);
        if (fd < 0)
                return errno == ESRCH ? fail(err, E_NOT_FOUND, "process %d has ended already", event->process.pid)
                                      : fail_errno(err, "opening process %d", event->process.pid);
        if (process_open(root, event->process.pid, &process, err) < 0 || process_read_stat(&process, &stat, err) < 0)
                return -1;
        if (stat.start_ticks != ticks)
                return fail(err, E_NOT_FOUND, "process %d is another one now", event->process.pid);
        if (stat.flags & PROCESS_KTHREAD_FLAG)
                return fail(err, E_PERMISSION, "process %d is a thread of the kernel", event->process.pid);
        if (pidfd_send_signal(fd, SIGKILL, NULL, 0) < 0)
                return errno == ESRCH ? fail(err, E_NOT_FOUND, "process %d has ended already", event->process.pid)
                                      : fail_errno(err, "killing process %d", event->process.pid);
        return 0;
}
