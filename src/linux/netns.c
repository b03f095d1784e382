#include "linux/netns.h"

#include "base/cleanup.h"
#include "base/vec.h"
#include "linux/netlink_dump.h"
#include "linux/process.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/stat.h>

enum { THREAD_STACK = 64 * 1024 };

/* inode → row, open addressing: a host with 10,000 containers must not cost a quadratic scan. */
struct index {
        uint32_t *slots; /* row + 1 */
        size_t size;     /* a power of two, grown with the rows */
};

static size_t slot_of(const struct index *index, const struct netns *rows, uint64_t inode)
{
        size_t at = (size_t)((inode * UINT64_C(0x9E3779B97F4A7C15)) >> 32) & (index->size - 1);
        while (index->slots[at] && rows[index->slots[at] - 1].inode != inode)
                at = (at + 1) & (index->size - 1);
        return at;
}

static bool index_grow(struct index *index, const struct netns_list *list)
{
        struct index bigger = { .size = index->size ? index->size * 2 : 64 };
        bigger.slots = calloc(bigger.size, sizeof(*bigger.slots));
        if (!bigger.slots)
                return false;
        for (size_t i = 0; i < list->count; i++)
                bigger.slots[slot_of(&bigger, list->rows, list->rows[i].inode)] = (uint32_t)i + 1;
        free(index->slots);
        *index = bigger;
        return true;
}

static void add(struct netns_list *list, struct index *index, uint64_t inode, pid_t pid, uint64_t own)
{
        if (list->count * 2 >= index->size && !index_grow(index, list)) {
                list->refused++;
                return;
        }
        size_t slot = slot_of(index, list->rows, inode);
        if (index->slots[slot]) {
                list->rows[index->slots[slot] - 1].processes++;
                return;
        }
        struct netns *row = vec_grow((void **)&list->rows, &list->count, &list->capacity, sizeof(*row), NETNS_MAX);
        if (!row) {
                list->refused++;
                return;
        }
        *row = (struct netns){ .inode = inode, .pid = pid, .processes = 1, .own = inode == own };
        index->slots[slot] = (uint32_t)list->count;
}

int netns_list_read(int root, struct netns_list *ret, struct error *err)
{
        struct netns_list list = { 0 };
        struct process_iter iter;
        if (process_iter_open(&iter, root, err) < 0)
                return -1;
        struct stat self;
        uint64_t own = fstatat(root, "proc/thread-self/ns/net", &self, 0) == 0 ? self.st_ino : 0;
        struct index index = { 0 };
        struct process process;
        while (process_iter_next(&iter, &process)) {
                uint64_t inode;
                struct error one;
                if (process_read_namespace(&process, PROCESS_NS_NET, &inode, &one) == 0)
                        add(&list, &index, inode, process.pid, own);
                else if (process_vanished(&one))
                        list.vanished++;
                else
                        list.denied++;
                process_close(&process);
        }
        list.vanished += iter.vanished;
        list.denied += iter.refused;
        process_iter_close(&iter);
        free(index.slots);
        *ret = list;
        return 0;
}

void netns_list_done(struct netns_list *list)
{
        free(list->rows);
        *list = (struct netns_list){ 0 };
}

struct visit {
        int namespace;
        int protocol;
        int fd;
        struct error err;
};

static void *visit_namespace(void *cookie)
{
        struct visit *visit = cookie;
        if (setns(visit->namespace, CLONE_NEWNET) < 0)
                fail_errno(&visit->err, "enter network namespace");
        else
                visit->fd = netlink_open(visit->protocol, &visit->err);
        return NULL;
}

/* Runs the visit in a thread that ends with it and takes no signal meant for the others. */
static int visit_in_thread(struct visit *visit, struct error *err)
{
        pthread_attr_t attributes;
        pthread_t thread;
        sigset_t all;
        sigset_t before;
        pthread_attr_init(&attributes);
        pthread_attr_setstacksize(&attributes, THREAD_STACK);
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        int verdict = pthread_create(&thread, &attributes, visit_namespace, visit);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        pthread_attr_destroy(&attributes);
        if (verdict != 0) {
                errno = verdict;
                return fail_errno(err, "thread for a network namespace");
        }
        pthread_join(thread, NULL);
        return 0;
}

int netns_netlink(int root, const struct netns *netns, int protocol, struct error *err)
{
        char path[48];
        struct stat there;
        struct stat own;
        snprintf(path, sizeof(path), "proc/%d/ns/net", netns->pid);
        cleanup(fd_close) int fd = openat(root, path, O_RDONLY | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &there) < 0)
                return fail_errno(err, "network namespace of process %d", netns->pid);
        if (there.st_ino != netns->inode)
                return fail(err, E_NOT_FOUND, "process %d has left its network namespace", netns->pid);
        if (stat("/proc/thread-self/ns/net", &own) == 0 && own.st_dev == there.st_dev && own.st_ino == there.st_ino)
                return netlink_open(protocol, err);
        struct visit visit = { .namespace = fd, .protocol = protocol, .fd = -1 };
        if (visit_in_thread(&visit, err) < 0)
                return -1;
        if (visit.fd < 0 && err)
                *err = visit.err;
        return visit.fd;
}
