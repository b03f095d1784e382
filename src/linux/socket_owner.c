#include "linux/socket_owner.h"

#include "base/cleanup.h"
#include "base/vec.h"
#include "linux/process.h"

#include <fcntl.h>

bool socket_link_parse(struct sv link, uint64_t *ret_inode)
{
        return link.n > 9 && sv_starts(link, SV("socket:[")) && link.p[link.n - 1] == ']' &&
               sv_parse_u64(sv_n(link.p + 8, link.n - 9), 10, ret_inode);
}

static int compare_owners(const void *a, const void *b)
{
        const struct socket_owner *x = a;
        const struct socket_owner *y = b;
        if (x->inode != y->inode)
                return x->inode < y->inode ? -1 : 1;
        if (x->pid != y->pid)
                return x->pid < y->pid ? -1 : 1;
        return x->fd < y->fd ? -1 : x->fd > y->fd;
}

static void add_row(struct socket_owners *owners, size_t max, struct socket_owner row)
{
        struct socket_owner *slot =
                vec_grow((void **)&owners->rows, &owners->count, &owners->capacity, sizeof(*owners->rows), max);
        if (slot)
                *slot = row;
        else
                owners->refused++;
}

static void scan_process(const struct process *process, size_t max, struct socket_owners *owners)
{
        cleanup(fd_close) int fd = openat(process->dir, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        cleanup(closedir) DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
        if (!dir) {
                if (errno == ENOENT || errno == ESRCH)
                        owners->vanished++;
                else
                        owners->denied++;
                return;
        }
        take_fd(fd);
        struct dirent *entry;
        errno = 0;
        for (size_t seen = 0; (entry = readdir(dir));) {
                uint64_t number;
                if (!sv_parse_u64(sv_of(entry->d_name), 10, &number) || number > INT32_MAX)
                        continue; /* "." and ".." */
                if (++seen > SOCKET_OWNER_FDS_MAX) {
                        owners->refused++;
                        break;
                }
                char target[64]; /* longer ones are files: cut, they cannot look like a socket */
                ssize_t length = readlinkat(dirfd(dir), entry->d_name, target, sizeof(target));
                uint64_t inode;
                if (length < 0)
                        owners->vanished++;
                else if (socket_link_parse(sv_n(target, (size_t)length), &inode))
                        add_row(owners, max, (struct socket_owner){ inode, process->pid, (int)number });
        }
        if (errno == EACCES || errno == EPERM)
                owners->denied++;
}

int socket_owners_scan(int root, size_t max, struct socket_owners *ret, struct error *err)
{
        struct socket_owners owners = { 0 };
        struct process_iter iter;
        if (process_iter_open(&iter, root, err) < 0)
                return -1;
        struct process process;
        if (max > SOCKET_OWNERS_MAX)
                max = SOCKET_OWNERS_MAX;
        while (process_iter_next(&iter, &process)) {
                scan_process(&process, max, &owners);
                process_close(&process);
        }
        owners.vanished += iter.vanished;
        owners.denied += iter.refused;
        process_iter_close(&iter);
        if (owners.count)
                qsort(owners.rows, owners.count, sizeof(*owners.rows), compare_owners);
        *ret = owners;
        return 0;
}

const struct socket_owner *socket_owners_find(const struct socket_owners *owners, uint64_t inode, size_t *ret_count)
{
        size_t low = 0;
        size_t high = owners->count;
        while (low < high) {
                size_t middle = low + (high - low) / 2;
                if (owners->rows[middle].inode < inode)
                        low = middle + 1;
                else
                        high = middle;
        }
        size_t count = 0;
        while (low + count < owners->count && owners->rows[low + count].inode == inode)
                count++;
        *ret_count = count;
        return count ? &owners->rows[low] : NULL;
}

void socket_owners_done(struct socket_owners *owners)
{
        free(owners->rows);
        *owners = (struct socket_owners){ 0 };
}
