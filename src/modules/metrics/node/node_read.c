/* Reading files and choosing names, for all collectors. */
#include "modules/metrics/node/node_internal.h"

#include "base/path.h"

#include <fcntl.h>

int node_read(struct node *node, int dirfd, const char *path, struct sv *ret, struct error *err)
{
        buf_clear(&node->text);
        if (file_read(dirfd, path, &node->text, err) < 0)
                return -1;
        *ret = sv_n(buf_text(&node->text), node->text.len);
        return 0;
}

int node_read_small(int dirfd, const char *path, char *into, struct sv *ret)
{
        cleanup(fd_close) int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        if (fd < 0)
                return -1;
        ssize_t n = read(fd, into, NODE_SMALL_MAX - 1);
        if (n < 0)
                return -1;
        into[n] = '\0';
        struct sv text = sv_trim(sv_n(into, (size_t)n));
        into[text.p - into + (ssize_t)text.n] = '\0';
        *ret = text;
        return 0;
}

bool node_read_u64(int dirfd, const char *path, uint64_t *ret)
{
        char into[NODE_SMALL_MAX];
        struct sv text;
        return node_read_small(dirfd, path, into, &text) == 0 && sv_parse_u64(text, 10, ret);
}

bool node_parse_double(struct sv text, double *ret)
{
        enum { NUMBER_MAX = 512 };
        uint64_t whole;
        if (text.n <= 15 && sv_parse_u64(text, 10, &whole)) { /* most are; 15 digits are exact in a double */
                *ret = (double)whole;
                return true;
        }
        char copy[NUMBER_MAX];
        if (text.n == 0 || text.n >= sizeof(copy) || memchr(text.p, '\0', text.n))
                return false;
        memcpy(copy, text.p, text.n);
        copy[text.n] = '\0';
        if (copy[strspn(copy, "+-.0123456789aAdDeEfFiInNtTyY")] !=
                '\0') /* what strtod takes beyond: spaces, 0x, nan() */
                return false;
        char *end;
        *ret = strtod(copy, &end);
        return *end == '\0' && end != copy;
}

const char *node_copy(struct node *node, struct sv text)
{
        char *copy = arena_strndup(&node->arena, text.n ? text.p : "", text.n);
        node->refused += copy == NULL;
        return copy;
}

bool node_ignored(const struct node_filter *filter, struct sv name)
{
        return (filter->exclude && regex_match(filter->exclude, name)) ||
               (filter->include && !regex_match(filter->include, name));
}

bool node_chosen(struct node *node, struct map *choices, const struct regex *pattern, struct sv name)
{
        static char yes, no;
        void *choice = map_get(choices, name);
        if (!choice) {
                choice = regex_match(pattern, name) ? &yes : &no;
                if (map_put(choices, name, choice) < 0)
                        node->refused++; /* not remembered, found again each time */
        }
        return choice == &yes;
}

int node_directory(int dirfd, const char *path, int (*each)(int directory, const char *name, void *cookie),
        void *cookie, struct error *err)
{
        int fd = openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return fail_errno(err, "open %s", path);
        cleanup(closedir) DIR *directory = fdopendir(fd);
        if (!directory) {
                fd_close(&fd);
                return fail_errno(err, "read %s", path);
        }
        const struct dirent *entry;
        for (size_t count = 0; count < NODE_DIRECTORY_MAX && (entry = readdir(directory)); count++) {
                if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
                        continue;
                int result = each(fd, entry->d_name, cookie);
                if (result)
                        return result;
        }
        return 0;
}
