/* passwd(5), without the name services: these would open sockets and load libraries. */
#include "linux/process_list.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "linux/open_in_root.h"

#include <fcntl.h>

static bool parse_line(struct sv line, uint32_t *ret_uid, struct sv *ret_name)
{
        struct sv password;
        struct sv uid;
        uint64_t number;
        if (line.n == 0 || !sv_split(&line, ':', ret_name) || !sv_split(&line, ':', &password) ||
                !sv_split(&line, ':', &uid) || ret_name->n == 0 || !sv_parse_u64(uid, 10, &number) ||
                number > UINT32_MAX)
                return false;
        *ret_uid = (uint32_t)number;
        return true;
}

/* Stable, since the arena gives out rising addresses: the first line of a uid stays first. */
static int compare_users(const void *a, const void *b)
{
        const struct process_user *x = a;
        const struct process_user *y = b;
        if (x->uid != y->uid)
                return x->uid < y->uid ? -1 : 1;
        return (x->name > y->name) - (x->name < y->name);
}

int process_users_parse(struct sv passwd, struct arena *arena, struct process_users *ret, struct error *err)
{
        struct process_users users = { 0 };
        struct sv rest = passwd;
        struct sv line;
        size_t lines = 0;
        while (sv_line(&rest, &line) && lines < PROCESS_USERS_MAX)
                lines++;
        users.rows = arena_array(arena, lines, sizeof(*users.rows));
        char *names = arena_alloc(arena, passwd.n + 1);
        if (!users.rows || !names)
                return fail(err, E_NO_MEMORY, "no memory for the names of users");
        while (sv_line(&passwd, &line)) {
                uint32_t uid;
                struct sv name;
                if (users.count == lines || !parse_line(line, &uid, &name)) {
                        users.refused += line.n > 0 && line.p[0] != '#' && line.p[0] != '+' && line.p[0] != '-';
                        continue;
                }
                users.rows[users.count++] = (struct process_user){ uid, names };
                memcpy(names, name.p, name.n);
                names[name.n] = '\0';
                names += name.n + 1;
        }
        if (users.count)
                qsort(users.rows, users.count, sizeof(*users.rows), compare_users);
        *ret = users;
        return 0;
}

int process_users_read(int root, struct arena *arena, struct process_users *ret, struct error *err)
{
        cleanup(buf_done) struct buf text;
        buf_init(&text, PROCESS_USERS_TEXT_MAX);
        cleanup(fd_close) int fd = open_in_root(root, "etc/passwd", O_RDONLY);
        if (fd < 0 && errno == ENOENT) {
                *ret = (struct process_users){ 0 };
                return 0;
        }
        if (fd < 0)
                return fail_errno(err, "etc/passwd");
        ssize_t got;
        do {
                char *room = buf_reserve(&text, 64 * 1024);
                if (!room)
                        return fail(err, E_TOO_LARGE, "etc/passwd is beyond %d bytes", PROCESS_USERS_TEXT_MAX);
                got = read(fd, room, 64 * 1024);
                if (got < 0)
                        return fail_errno(err, "etc/passwd");
                text.len += (size_t)got;
        } while (got > 0);
        return process_users_parse(sv_n(buf_text(&text), text.len), arena, ret, err);
}

const char *process_users_name(const struct process_users *users, uint32_t uid)
{
        size_t low = 0;
        size_t high = users->count;
        while (low < high) {
                size_t middle = low + (high - low) / 2;
                if (users->rows[middle].uid < uid)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low < users->count && users->rows[low].uid == uid ? users->rows[low].name : NULL;
}
