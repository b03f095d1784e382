/* Signals through one signalfd. */
#include "loop/reactor.h"

static bool has_other_callback(const struct loop *loop, int number)
{
        for (size_t i = 0; i < loop->signals.count; i++) {
                const struct signal_entry *entry = slots_at(&loop->signals, i);
                if (entry->slot.used && entry->number == number)
                        return true;
        }
        return false;
}

static void deliver(struct loop *loop, const struct signalfd_siginfo *signal)
{
        /* Slots are reused in any order: sort the callbacks of this number by age. Few signals, few callbacks. */
        struct {
                uint64_t sequence;
                loop_id id;
        } found[LOOP_SIGNALS_MAX];
        size_t count = 0;
        for (size_t i = 0; i < loop->signals.count; i++) {
                const struct signal_entry *entry = slots_at(&loop->signals, i);
                if (!entry->slot.used || entry->number != (int)signal->ssi_signo)
                        continue;
                size_t at = count++;
                for (; at > 0 && found[at - 1].sequence > entry->sequence; at--)
                        found[at] = found[at - 1];
                found[at].sequence = entry->sequence;
                found[at].id = slots_id(&loop->signals, entry);
        }
        for (size_t i = 0; i < count; i++) {
                const struct signal_entry *entry = slots_get(&loop->signals, found[i].id);
                if (!entry)
                        continue; /* removed by an earlier callback */
                COUNT(loop, signals);
                entry->callback(loop, found[i].id, signal, entry->cookie);
        }
}

static void signals_ready(struct loop *loop, loop_id id, uint32_t events, void *cookie)
{
        (void)id, (void)events, (void)cookie;
        struct signalfd_siginfo signals[16];
        ssize_t size = read(loop->signal_fd, signals, sizeof(signals));
        if (size <= 0)
                return;
        for (size_t i = 0; i < (size_t)size / sizeof(signals[0]); i++)
                deliver(loop, &signals[i]);
}

static int open_signal_fd(struct loop *loop, struct error *err)
{
        cleanup(fd_close) int fd = signalfd(-1, &loop->signal_mask, SFD_CLOEXEC | SFD_NONBLOCK);
        if (fd < 0)
                return fail_errno(err, "signalfd");
        if (loop_add_fd(loop, fd, LOOP_READ, LOOP_LEVEL, signals_ready, NULL, NULL, err) < 0)
                return -1;
        loop->signal_fd = take_fd(fd);
        return 0;
}

static int listen_to(struct loop *loop, int number, struct error *err)
{
        if (sigismember(&loop->signal_mask, number) == 1)
                return 0;
        sigset_t one, before;
        sigemptyset(&one);
        sigaddset(&one, number);
        sigset_t wider = loop->signal_mask;
        sigaddset(&wider, number);
        /* Blocked first: between the two calls the default action would still end us. */
        pthread_sigmask(SIG_BLOCK, &one, &before);
        if (signalfd(loop->signal_fd, &wider, 0) < 0) {
                fail_errno(err, "signalfd");
                pthread_sigmask(SIG_SETMASK, &before, NULL);
                return -1;
        }
        if (sigismember(&before, number) == 1)
                sigaddset(&loop->signals_masked, number);
        loop->signal_mask = wider;
        return 0;
}

int loop_add_signal(
        struct loop *loop, int number, loop_signal_fn *callback, void *cookie, loop_id *ret_id, struct error *err)
{
        sigset_t valid;
        sigemptyset(&valid);
        if (number == SIGKILL || number == SIGSTOP || sigaddset(&valid, number) < 0)
                return fail(err, E_INVALID, "signal %d cannot be caught", number);
        if (loop->signal_fd < 0 && open_signal_fd(loop, err) < 0)
                return -1;
        loop_id id;
        struct signal_entry *entry = slots_take(&loop->signals, &id, err);
        if (!entry) {
                COUNT(loop, refused);
                return -1;
        }
        if (listen_to(loop, number, err) < 0) {
                slots_release(&loop->signals, id);
                return -1;
        }
        entry->number = number;
        entry->sequence = loop->sequence++;
        entry->callback = callback;
        entry->cookie = cookie;
        if (ret_id)
                *ret_id = id;
        return 0;
}

static void unlisten(struct loop *loop, int number)
{
        sigset_t one;
        sigemptyset(&one);
        sigaddset(&one, number);
        sigdelset(&loop->signal_mask, number);
        if (loop->signal_fd >= 0)
                signalfd(loop->signal_fd, &loop->signal_mask, 0);
        if (sigismember(&loop->signals_masked, number) == 1)
                sigdelset(&loop->signals_masked, number);
        else
                pthread_sigmask(SIG_UNBLOCK, &one, NULL);
}

void loop_drop_signal(struct loop *loop, loop_id id)
{
        const struct signal_entry *entry = slots_get(&loop->signals, id);
        int number = entry->number;
        slots_release(&loop->signals, id);
        if (!has_other_callback(loop, number))
                unlisten(loop, number);
}

void loop_end_signals(struct loop *loop)
{
        for (int number = 1; number < NSIG; number++)
                if (sigismember(&loop->signal_mask, number) == 1)
                        unlisten(loop, number);
}

void loop_original_signal_mask(const struct loop *loop, sigset_t *ret_mask)
{
        sigset_t mask;
        pthread_sigmask(SIG_BLOCK, NULL, &mask);
        for (int number = 1; number < NSIG; number++)
                if (sigismember(&loop->signal_mask, number) == 1 && sigismember(&loop->signals_masked, number) != 1)
                        sigdelset(&mask, number);
        *ret_mask = mask;
}
