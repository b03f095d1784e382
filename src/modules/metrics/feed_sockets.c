/* What processes send and receive over TCP: the kernel's counters of each connection (sock_diag) of our own network
 * namespace, added up for the process that holds it. To find the holder means to read the links of open files, so it is
 * done once a connection, when it first carries something, and among those processes that worked meanwhile; now and
 * then among all. A connection that came and went between two looks is not seen. */
#include "modules/metrics/feed_internal.h"

#include "base/cleanup.h"
#include "linux/netlink_dump.h"
#include "linux/socket_owner.h"
#include "linux/socket_traffic.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <sys/stat.h>

enum {
        SOCKETS_MAX = 65536,
        WANTED_MAX = 4096,
        LINKS_MAX = 20000, /* of open files that one look reads */
        TRIES_ALL = 2,     /* in vain among those that work: then among all */
        TRIES_MAX = 6,
        COST_SHARE = 50 /* a dump may take 1/50 of the time */
};
static const int64_t ALL_NS = 10 * SECOND;

void feed_sockets_init(struct feed *feed)
{
        struct feed_sockets *sockets = &feed->sockets;
        struct stat own;
        map_init(&sockets->by_cookie, SOCKETS_MAX);
        sockets->netlink = -1;
        if (fstatat(feed->source.proc, "self/ns/net", &own, 0) < 0)
                return;
        sockets->namespace = own.st_ino;
        sockets->netlink = netlink_open(NETLINK_SOCK_DIAG, NULL);
}

void feed_sockets_done(struct feed *feed)
{
        struct feed_sockets *sockets = &feed->sockets;
        map_foreach (entry, &sockets->by_cookie)
                free(entry->value);
        map_done(&sockets->by_cookie);
        vec_done(&sockets->wanted);
        fd_close(&sockets->netlink);
}

/* ---- what they carried ---- */

static struct sv owner_key(const struct feed_socket *socket)
{
        return sv_n((const char *)socket->owner, sizeof(socket->owner));
}

/* At the first look the past of a connection is nobody's rate; later a new one began since the last look. */
static struct feed_socket *socket_of(struct feed *feed, const struct socket_traffic *traffic)
{
        struct feed_sockets *sockets = &feed->sockets;
        struct feed_socket *socket = map_get(&sockets->by_cookie, map_key_u64(&traffic->cookie));
        if (socket)
                return socket;
        socket = calloc(1, sizeof(*socket));
        if (!socket || map_put(&sockets->by_cookie, map_key_u64(&traffic->cookie), socket) < 0) {
                free(socket);
                return NULL;
        }
        socket->inode = traffic->inode;
        if (!sockets->looks) {
                socket->received = traffic->received;
                socket->sent = traffic->sent;
        }
        return socket;
}

static int each_traffic(const struct socket_traffic *traffic, void *cookie)
{
        struct feed *feed = cookie;
        struct feed_socket *socket = socket_of(feed, traffic);
        if (!socket)
                return 0;
        const uint64_t received = feed_grown(socket->received, traffic->received);
        const uint64_t sent = feed_grown(socket->sent, traffic->sent);
        socket->received = traffic->received;
        socket->sent = traffic->sent;
        socket->looked = feed->look;
        if (!socket->inode) /* it was not accepted yet */
                socket->inode = traffic->inode;
        if (!received && !sent)
                return 0;
        struct feed_process_row *row = socket->owner[0] ? map_get(&feed->processes.rows, owner_key(socket)) : NULL;
        if (row) {
                row->received += received;
                row->sent += sent;
                return 0;
        }
        if (socket->owner[0]) { /* it ended, and another has it */
                socket->owner[0] = socket->owner[1] = 0;
                socket->tries = 0;
        }
        if (socket->inode && socket->tries < TRIES_MAX) {
                struct feed_socket **slot = vec_add(&feed->sockets.wanted, WANTED_MAX);
                if (slot)
                        *slot = socket;
        }
        return 0;
}

static void forget_closed(struct feed *feed)
{
        struct map *sockets = &feed->sockets.by_cookie;
        size_t at = 0;
        while (at < sockets->count) {
                const struct map_entry *entry = &sockets->entries[at];
                struct feed_socket *socket = entry->value;
                if (socket->looked == feed->look) {
                        at++;
                        continue;
                }
                map_remove(sockets, sv_n(entry->key, entry->key_length));
                free(socket);
        }
}

void feed_sockets_look(struct feed *feed)
{
        struct feed_sockets *sockets = &feed->sockets;
        sockets->wanted.count = 0;
        if (sockets->netlink < 0 || sockets->unsupported || feed->now_ns < sockets->due_ns)
                return;
        const int64_t began_ns = time_monotonic_ns();
        if (socket_traffic_dump(sockets->netlink, each_traffic, feed, NULL) < 0) {
                sockets->unsupported = true; /* before Linux 4.1, or not allowed */
                sockets->span_ns = 0;
                sockets->wanted.count = 0;
                return;
        }
        forget_closed(feed);
        sockets->span_ns = sockets->looks ? feed->now_ns - sockets->looked_ns : 0;
        sockets->looked_ns = feed->now_ns;
        sockets->looks++;
        sockets->due_ns = feed->now_ns + (time_monotonic_ns() - began_ns) * COST_SHARE;
}

/* ---- who holds them ---- */

static int compare_inodes(const void *a, const void *b)
{
        const struct feed_socket *const *x = a;
        const struct feed_socket *const *y = b;
        return ((*x)->inode > (*y)->inode) - ((*x)->inode < (*y)->inode);
}

static struct feed_socket *find_wanted(const struct feed_sockets *sockets, uint64_t inode)
{
        size_t low = 0;
        size_t high = sockets->wanted.count;
        while (low < high) {
                size_t middle = low + (high - low) / 2;
                if (sockets->wanted.items[middle]->inode < inode)
                        low = middle + 1;
                else
                        high = middle;
        }
        bool found = low < sockets->wanted.count && sockets->wanted.items[low]->inode == inode;
        return found ? sockets->wanted.items[low] : NULL;
}

static void look_through(struct feed *feed, const struct map_entry *process, size_t *links)
{
        const struct feed_process_row *row = process->value;
        char path[32];
        snprintf(path, sizeof(path), "%lld/fd", (long long)row->record.pid);
        cleanup(fd_close) int fd = openat(feed->source.proc, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        cleanup(closedir) DIR *entries = fd >= 0 ? fdopendir(fd) : NULL;
        if (!entries)
                return;
        take_fd(fd);
        struct dirent *entry;
        while (*links && (entry = readdir(entries))) {
                char target[64];
                uint64_t inode;
                if (entry->d_name[0] == '.')
                        continue;
                --*links;
                ssize_t length = readlinkat(dirfd(entries), entry->d_name, target, sizeof(target));
                if (length < 0 || !socket_link_parse(sv_n(target, (size_t)length), &inode))
                        continue;
                struct feed_socket *socket = find_wanted(&feed->sockets, inode);
                if (socket && !socket->owner[0])
                        memcpy(socket->owner, process->key, sizeof(socket->owner));
        }
}

void feed_sockets_find_owners(struct feed *feed)
{
        struct feed_sockets *sockets = &feed->sockets;
        size_t links = LINKS_MAX;
        bool all = false;
        if (!sockets->wanted.count)
                return;
        qsort(sockets->wanted.items, sockets->wanted.count, sizeof(*sockets->wanted.items), compare_inodes);
        vec_foreach (socket, &sockets->wanted)
                all = all || (*socket)->tries >= TRIES_ALL;
        all = all && (!sockets->all_ns || feed->now_ns - sockets->all_ns > ALL_NS);
        if (all)
                sockets->all_ns = feed->now_ns ? feed->now_ns : 1;
        map_foreach (entry, &feed->processes.rows) {
                const struct feed_process_row *row = entry->value;
                if (row->own_network && (all || row->moved))
                        look_through(feed, entry, &links);
        }
        vec_foreach (socket, &sockets->wanted)
                if (all || (*socket)->tries < TRIES_ALL)
                        (*socket)->tries++;
}
