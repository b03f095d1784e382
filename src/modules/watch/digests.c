#include "modules/watch/digests.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/map.h"
#include "base/path.h"
#include "lib/digest/digest.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ_SIZE = 128 << 10, LIST_MAX = 64 << 20, PACKAGE_MAX = 256 };

struct known {
        char sha256[DIGEST_HEX_MAX];
        char package[PACKAGE_MAX]; /* "" = none */
};

struct digests {
        int root;
        struct map programs; /* identity of the file → struct known */
        char *buffer;
};

struct digests *digests_new(int root, struct error *err)
{
        struct digests *digests = calloc(1, sizeof(*digests));
        if (!digests || !(digests->buffer = malloc(READ_SIZE))) {
                free(digests);
                return fail_null(err, E_NO_MEMORY, "no memory for digests");
        }
        digests->root = root;
        map_init(&digests->programs, DIGESTS_MAX);
        return digests;
}

static void forget_all(struct digests *digests)
{
        while (digests->programs.count)
                free(map_remove(&digests->programs, sv_of(digests->programs.entries[0].key)));
}

void digests_free(struct digests *digests)
{
        if (!digests)
                return;
        forget_all(digests);
        map_done(&digests->programs);
        free(digests->buffer);
        free(digests);
}

/* Is `path` one of the lines? */
static bool has_line(struct sv text, struct sv path)
{
        const char *at = text.p;
        while (at && (at = memmem(at, (size_t)(text.p + text.n - at), path.p, path.n)) != NULL) {
                const char *end = at + path.n;
                if ((at == text.p || at[-1] == '\n') && (end == text.p + text.n || *end == '\n'))
                        return true;
                at++;
        }
        return false;
}

/* dpkg(1): info/PACKAGE[:ARCH].list holds one path a line. A merged /usr may be told either way. */
static bool find_dpkg(int root, struct sv path, char *ret)
{
        int fd = openat(root, "var/lib/dpkg/info", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        DIR *dir = fd < 0 ? NULL : fdopendir(fd);
        bool found = false;
        const struct dirent *entry;
        struct sv short_path = sv_starts(path, SV("/usr/")) ? sv_n(path.p + 4, path.n - 4) : path;
        if (!dir) {
                if (fd >= 0)
                        close(fd);
                return false;
        }
        while (!found && (entry = readdir(dir))) {
                size_t length = strlen(entry->d_name);
                struct buf text;
                if (length < 6 || strcmp(entry->d_name + length - 5, ".list") != 0)
                        continue;
                buf_init(&text, LIST_MAX);
                if (file_read(dirfd(dir), entry->d_name, &text, NULL) == 0)
                        found = has_line(sv_n(buf_text(&text), text.len), path) ||
                                has_line(sv_n(buf_text(&text), text.len), short_path);
                buf_done(&text);
                if (found)
                        snprintf(ret, PACKAGE_MAX, "%.*s", (int)(length - 5), entry->d_name);
        }
        closedir(dir);
        char *colon = strchr(ret, ':');
        if (colon)
                *colon = '\0';
        return found;
}

/* apk: lib/apk/db/installed; P: names the package, F: a directory, R: a file in it. */
static bool find_apk(int root, struct sv path, char *ret)
{
        struct sv line, name = SV(""), directory = SV("");
        cleanup(buf_done) struct buf text;
        buf_init(&text, LIST_MAX);
        if (file_read(root, "lib/apk/db/installed", &text, NULL) < 0)
                return false;
        struct sv rest = sv_n(buf_text(&text), text.len);
        while (rest.n && sv_line(&rest, &line)) {
                struct sv value = sv_n(line.p + 2, line.n > 2 ? line.n - 2 : 0);
                if (line.n < 2 || line.p[1] != ':')
                        continue;
                if (line.p[0] == 'P')
                        name = value;
                else if (line.p[0] == 'F')
                        directory = value;
                else if (line.p[0] == 'R' && path.n == directory.n + value.n + 2 &&
                         memcmp(path.p + 1, directory.p, directory.n) == 0 && path.p[directory.n + 1] == '/' &&
                         memcmp(path.p + directory.n + 2, value.p, value.n) == 0) {
                        snprintf(ret, PACKAGE_MAX, "%.*s", (int)name.n, name.p);
                        return true;
                }
        }
        return false;
}

/* d_path in fs/d_path.c says so of a file that has no name any more; it may have lost it before the event or after. */
static struct sv without_deleted(struct sv path)
{
        static const struct sv deleted = { " (deleted)", 10 };
        return sv_ends(path, deleted) ? sv_n(path.p, path.n - deleted.n) : path;
}

/* The program of the event, or what the process has executed since? Its root may be another, so the end has to do. */
static bool is_told_program(const struct digests *digests, int fd, const char *exe)
{
        char path[64], target[PATH_MAX];
        snprintf(path, sizeof(path), "proc/self/fd/%d", fd);
        ssize_t n = readlinkat(digests->root, path, target, sizeof(target));
        return !exe || (n > 0 && sv_ends(without_deleted(sv_n(target, (size_t)n)), without_deleted(sv_of(exe))));
}

static int open_program(const struct digests *digests, const struct event_process *process)
{
        char path[64];
        snprintf(path, sizeof(path), "proc/%d/exe", process->pid);
        int fd = openat(digests->root, path, O_RDONLY | O_CLOEXEC);
        if (fd >= 0 && !is_told_program(digests, fd, process->exe))
                fd_close(&fd);
        if (fd >= 0 || process->has_container || !process->exe || process->exe[0] != '/' || !process->exe[1])
                return fd;
        return openat(digests->root, process->exe + 1, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
}

static struct known *learn(
        struct digests *digests, int fd, const struct stat *about, const struct event_process *process)
{
        struct digest digest;
        struct known *known = calloc(1, sizeof(*known));
        if (!known)
                return NULL;
        digest_init(&digest, DIGEST_BIT(DIGEST_SHA256));
        if ((uint64_t)about->st_size <= DIGESTS_FILE_MAX &&
                digest_update_fd(&digest, fd, digests->buffer, READ_SIZE, DIGESTS_FILE_MAX, NULL) == 0)
                digest_finish_hex(&digest, DIGEST_SHA256, false, known->sha256);
        if (process->exe && !process->has_container) {
                struct sv path = sv_of(process->exe);
                if (!find_dpkg(digests->root, path, known->package))
                        find_apk(digests->root, path, known->package);
        }
        return known;
}

void digests_fill(struct digests *digests, struct event_process *process)
{
        char key[128];
        struct stat about;
        cleanup(fd_close) int fd = open_program(digests, process);
        if (fd < 0 || fstat(fd, &about) < 0 || !S_ISREG(about.st_mode))
                return;
        snprintf(key, sizeof(key), "%llx.%llx.%llx.%llx.%lx", (unsigned long long)about.st_dev,
                (unsigned long long)about.st_ino, (unsigned long long)about.st_size,
                (unsigned long long)about.st_ctim.tv_sec, (unsigned long)about.st_ctim.tv_nsec);
        struct known *known = map_get(&digests->programs, sv_of(key));
        if (!known) {
                if (digests->programs.count >= DIGESTS_MAX)
                        forget_all(digests);
                known = learn(digests, fd, &about, process);
                if (!known || map_put(&digests->programs, sv_of(key), known) < 0) {
                        free(known);
                        return;
                }
        }
        process->sha256 = known->sha256[0] ? known->sha256 : NULL;
        process->package = known->package[0] ? known->package : NULL;
}
