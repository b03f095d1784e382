#include "modules/watch/source/connector_observe.h"

#include <sys/wait.h>

enum { SLOTS_FIRST = 64, SLOTS_MAX = 2 * CONNECTOR_THREADED_MAX };

void connector_threads_done(struct connector_threads *threads)
{
        free(threads->slots);
        memset(threads, 0, sizeof(*threads));
}

/* Pids are handed out in sequence: this spreads them well enough, and nobody gains by colliding. */
static size_t home(const struct connector_threads *threads, pid_t pid)
{
        return ((uint32_t)pid * 2654435761u >> 7) & (threads->size - 1);
}

static struct threaded *find(const struct connector_threads *threads, pid_t pid)
{
        if (threads->used == 0)
                return NULL;
        size_t at = home(threads, pid);
        while (threads->slots[at].pid && threads->slots[at].pid != pid)
                at = (at + 1) & (threads->size - 1);
        return threads->slots[at].pid ? &threads->slots[at] : NULL;
}

static struct threaded *insert(struct connector_threads *threads, pid_t pid)
{
        size_t at = home(threads, pid);
        while (threads->slots[at].pid)
                at = (at + 1) & (threads->size - 1);
        threads->used++;
        threads->slots[at] = (struct threaded){ .pid = pid };
        return &threads->slots[at];
}

static bool grow(struct connector_threads *threads)
{
        struct connector_threads wider = { .size = threads->size ? threads->size * 2 : SLOTS_FIRST };
        if (wider.size > SLOTS_MAX)
                return false;
        wider.slots = calloc(wider.size, sizeof(*wider.slots));
        if (!wider.slots)
                return false;
        for (size_t i = 0; i < threads->size; i++)
                if (threads->slots[i].pid)
                        *insert(&wider, threads->slots[i].pid) = threads->slots[i];
        free(threads->slots);
        threads->slots = wider.slots;
        threads->size = wider.size;
        return true;
}

static void erase(struct connector_threads *threads, struct threaded *entry)
{
        size_t mask = threads->size - 1;
        size_t hole = (size_t)(entry - threads->slots);
        for (size_t at = (hole + 1) & mask; threads->slots[at].pid; at = (at + 1) & mask) {
                size_t distance = (at - home(threads, threads->slots[at].pid)) & mask;
                if (distance < ((at - hole) & mask))
                        continue;
                threads->slots[hole] = threads->slots[at];
                hole = at;
        }
        threads->slots[hole].pid = 0;
        threads->used--;
}

static void thread_begins(struct connector_threads *threads, pid_t pid)
{
        struct threaded *entry = find(threads, pid);
        if (!entry && threads->used * 2 >= threads->size && !grow(threads)) {
                threads->refused++;
                return;
        }
        if (!entry)
                entry = insert(threads, pid);
        entry->threads++;
}

static void observe_exit(struct observation *ret, pid_t pid, pid_t ppid, uint32_t status)
{
        ret->type = OBSERVED_EXIT;
        ret->pid = ret->tid = pid;
        ret->ppid = ppid;
        ret->has |= HAS_EXIT;
        ret->exit_code = WEXITSTATUS((int)status);
        ret->exit_signal = WTERMSIG((int)status);
        ret->core = WCOREDUMP((int)status) != 0;
}

static bool thread_ends(struct connector_threads *threads, const struct connector_event *event, struct observation *ret)
{
        struct threaded *entry = find(threads, event->pid);
        bool leader = event->tid == event->pid;
        if (entry && leader) {
                entry->leader_ended = true;
                entry->status = event->status;
                entry->ppid = event->ppid;
                return false;
        }
        if (leader) {
                observe_exit(ret, event->pid, event->ppid, event->status);
                return true;
        }
        if (!entry || --entry->threads > 0)
                return false;
        struct threaded last = *entry;
        erase(threads, entry);
        if (last.leader_ended)
                observe_exit(ret, last.pid, last.ppid, last.status);
        return last.leader_ended;
}

/* A new process, or a new program in it, has one thread. */
static void single_thread(struct connector_threads *threads, pid_t pid)
{
        struct threaded *entry = find(threads, pid);
        if (entry)
                erase(threads, entry);
}

bool connector_observe(struct connector_threads *threads, const struct raw_connector *raw, enum source_kind source,
        struct observation *ret)
{
        const struct connector_event *event = &raw->event;
        observation_init(ret, OBSERVED_FORK, source);
        ret->time_ns = raw->time_ns;
        ret->pid = event->pid;
        ret->tid = event->tid;
        switch (event->what) {
        case CONNECTOR_FORK:
                if (event->tid != event->pid) {
                        thread_begins(threads, event->pid);
                        return false;
                }
                single_thread(threads, event->pid);
                ret->ppid = event->ppid;
                ret->start_ns = raw->boot_ns;
                return true;
        case CONNECTOR_EXEC:
                single_thread(threads, event->pid);
                ret->type = OBSERVED_EXEC;
                ret->success = true;
                return true;
        case CONNECTOR_EXIT:
                return thread_ends(threads, event, ret);
        case CONNECTOR_COMM:
                ret->type = OBSERVED_COMM;
                ret->comm = sv_n(event->comm, strnlen(event->comm, sizeof(event->comm)));
                return event->tid == event->pid;
        case CONNECTOR_UID:
                ret->type = OBSERVED_CREDENTIAL;
                ret->has |= HAS_UIDS;
                ret->uid = event->id;
                ret->euid = ret->suid = ret->fsuid = event->effective_id; /* the other two are not told */
                return event->tid == event->pid;
        case CONNECTOR_GID:
                ret->type = OBSERVED_CREDENTIAL;
                ret->has |= HAS_GIDS;
                ret->gid = event->id;
                ret->egid = ret->sgid = ret->fsgid = event->effective_id;
                return event->tid == event->pid;
        case CONNECTOR_PTRACE:
                ret->type = OBSERVED_PTRACE;
                ret->pid = event->ppid;
                ret->tid = event->ptid;
                ret->target_pid = event->pid;
                ret->operation = SV("attach");
                ret->success = true;
                return event->ppid != 0; /* 0: a detach */
        default:
                return false;
        }
}

void connector_threads_forget(
        struct connector_threads *threads, int64_t time_ns, enum source_kind source, observe_fn *observe, void *cookie)
{
        for (size_t i = 0; i < threads->size && threads->used > 0; i++) {
                struct threaded entry = threads->slots[i];
                if (!entry.pid || !entry.leader_ended)
                        continue;
                struct observation observation;
                observation_init(&observation, OBSERVED_EXIT, source);
                observation.time_ns = time_ns;
                observe_exit(&observation, entry.pid, entry.ppid, entry.status);
                observe(&observation, cookie);
        }
        if (threads->size)
                memset(threads->slots, 0, threads->size * sizeof(*threads->slots));
        threads->used = 0;
}
