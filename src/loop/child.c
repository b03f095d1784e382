/* Children through pidfds: readable when the process has ended (pidfd_open(2)). */
#include "loop/reactor.h"

#include <sys/syscall.h>
#include <sys/wait.h>

static void reap(int pidfd, struct loop_child_exit *exit)
{
        siginfo_t status = { 0 };
        /* The system call, unlike the C function, also tells what the child consumed. */
        long result;
        do
                result = syscall(SYS_waitid, P_PIDFD, pidfd, &status, WEXITED | WNOHANG, &exit->usage);
        while (result < 0 && errno == EINTR);
        if (result < 0 || status.si_pid == 0)
                return; /* ECHILD: not ours to reap */
        exit->reaped = true;
        exit->pid = status.si_pid;
        exit->status = status.si_status;
        exit->signaled = status.si_code != CLD_EXITED;
        exit->dumped_core = status.si_code == CLD_DUMPED;
}

static void child_ended(struct loop *loop, loop_id fd_id, uint32_t events, void *cookie)
{
        (void)events, (void)cookie;
        loop_id id = ((struct fd_entry *)slots_get(&loop->fds, fd_id))->owner;
        struct child_entry child = *(struct child_entry *)slots_get(&loop->children, id);
        struct loop_child_exit exit = { .pid = child.pid };
        reap(child.pidfd, &exit);
        loop_drop_child(loop, id);
        COUNT(loop, children);
        child.callback(loop, id, &exit, child.cookie);
}

static int add_child(struct loop *loop, const struct child_entry *wanted, loop_id *ret_id, struct error *err)
{
        loop_id id;
        struct child_entry *child = slots_take(&loop->children, &id, err);
        if (!child) {
                COUNT(loop, refused);
                return -1;
        }
        struct slot slot = child->slot;
        *child = *wanted;
        child->slot = slot;
        if (loop_add_fd(loop, child->pidfd, LOOP_READ, LOOP_LEVEL, child_ended, NULL, &child->fd_id, err) < 0) {
                slots_release(&loop->children, id);
                return -1;
        }
        ((struct fd_entry *)slots_get(&loop->fds, child->fd_id))->owner = id;
        if (ret_id)
                *ret_id = id;
        return 0;
}

int loop_add_child_pidfd(
        struct loop *loop, int pidfd, loop_child_fn *callback, void *cookie, loop_id *ret_id, struct error *err)
{
        struct child_entry wanted = { .pidfd = pidfd, .callback = callback, .cookie = cookie };
        return add_child(loop, &wanted, ret_id, err);
}

int loop_add_child(
        struct loop *loop, pid_t pid, loop_child_fn *callback, void *cookie, loop_id *ret_id, struct error *err)
{
        cleanup(fd_close) int pidfd = (int)syscall(SYS_pidfd_open, pid, 0); /* always close-on-exec */
        if (pidfd < 0)
                return fail_errno(err, "pidfd_open %d", (int)pid);
        struct child_entry wanted = {
                .pidfd = pidfd, .owned = true, .pid = pid, .callback = callback, .cookie = cookie
        };
        if (add_child(loop, &wanted, ret_id, err) < 0)
                return -1;
        pidfd = -1;
        return 0;
}

void loop_drop_child(struct loop *loop, loop_id id)
{
        struct child_entry *child = slots_get(&loop->children, id);
        loop_drop_fd(loop, child->fd_id);
        if (child->owned)
                fd_close(&child->pidfd);
        slots_release(&loop->children, id);
}

void loop_end_children(struct loop *loop)
{
        for (size_t i = 0; i < loop->children.count; i++) {
                struct child_entry *child = slots_at(&loop->children, i);
                if (child->slot.used && child->owned)
                        fd_close(&child->pidfd);
        }
}
