#include "lib/pkgdb/pkgdb.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/path.h"
#include "base/vec.h"
#include "linux/open_in_root.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

enum { MAX_DATABASES = 16 };

struct file_id {
        dev_t dev;
        ino_t ino;
};

struct reading {
        int rootfd;
        const struct pkgdb_visitor *visitor;
        struct pkgdb_counts counts;         /* of all databases */
        struct pkgdb_counts database;       /* of the one being read: ceilings are per database */
        struct file_id seen[MAX_DATABASES]; /* /lib may be a link to /usr/lib: a database counts once */
        size_t seen_count;
        bool stopped;
};

static int hand_out(const struct package *package, void *cookie)
{
        struct reading *reading = cookie;
        if (reading->visitor->package(package, reading->visitor->cookie))
                reading->stopped = true;
        return reading->stopped;
}

static void report(struct reading *reading, const char *path, const struct error *err)
{
        if (reading->visitor->problem)
                reading->visitor->problem(path, err, reading->visitor->cookie);
}

/* The file, or -1: absent (nothing said), seen before, not a regular file, or a problem that was reported. */
static int open_database(struct reading *reading, const char *path, size_t max, struct stat *ret)
{
        struct error err;
        cleanup(fd_close) int fd = open_in_root(reading->rootfd, path, 0);
        if (fd < 0) {
                if (errno == EINVAL) { /* open_in_root */
                        fail(&err, E_INVALID, "%s: not a regular file", path);
                        report(reading, path, &err);
                } else if (errno != ENOENT && errno != ENOTDIR) {
                        fail_errno(&err, "%s", path);
                        report(reading, path, &err);
                }
                return -1;
        }
        if (fstat(fd, ret) < 0 || !S_ISREG(ret->st_mode) || (uint64_t)ret->st_size > max) {
                fail(&err, E_TOO_LARGE, "%s: not a regular file of at most %zu bytes", path, max);
                report(reading, path, &err);
                return -1;
        }
        for (size_t i = 0; i < reading->seen_count; i++)
                if (reading->seen[i].dev == ret->st_dev && reading->seen[i].ino == ret->st_ino)
                        return -1;
        if (reading->seen_count < MAX_DATABASES)
                reading->seen[reading->seen_count++] = (struct file_id){ ret->st_dev, ret->st_ino };
        reading->database = (struct pkgdb_counts){ 0 };
        return take_fd(fd);
}

static void close_database(struct reading *reading, const char *path, int verdict, const struct error *err)
{
        reading->counts.packages += reading->database.packages;
        reading->counts.refused += reading->database.refused;
        if (verdict < 0)
                report(reading, path, err);
}

typedef int text_parser(
        struct sv text, package_visit *visit, void *cookie, struct pkgdb_counts *counts, struct error *err);

static int parse_status(
        struct sv text, package_visit *visit, void *cookie, struct pkgdb_counts *counts, struct error *err)
{
        return dpkg_parse(text, false, visit, cookie, counts, err);
}

static int parse_status_d(
        struct sv text, package_visit *visit, void *cookie, struct pkgdb_counts *counts, struct error *err)
{
        return dpkg_parse(text, true, visit, cookie, counts, err);
}

static int parse_text_fd(struct reading *reading, int fd, size_t size, text_parser *parse, struct error *err)
{
        cleanup(buf_done) struct buf text = { 0 };
        buf_init(&text, PKGDB_MAX_TEXT);
        char *room = buf_reserve(&text, size + 1);
        if (!room)
                return fail(err, E_NO_MEMORY, "no memory for %zu bytes", size);
        ssize_t got = read_all(fd, room, size, err);
        if (got < 0)
                return -1;
        return parse(sv_n(room, (size_t)got), hand_out, reading, &reading->database, err);
}

static void read_text(struct reading *reading, const char *path, text_parser *parse)
{
        struct stat st;
        struct error err;
        if (reading->stopped)
                return;
        cleanup(fd_close) int fd = open_database(reading, path, PKGDB_MAX_TEXT - 1, &st);
        if (fd >= 0)
                close_database(reading, path, parse_text_fd(reading, fd, (size_t)st.st_size, parse, &err), &err);
}

/* Mapped, since such a file may be larger than a worker's memory. Who cuts it short while it is read kills this
 * process with SIGBUS; that process is a worker. */
static bool read_mapped(struct reading *reading, const char *path, text_parser *parse)
{
        struct stat st;
        struct error err;
        cleanup(fd_close) int fd = open_database(reading, path, PKGDB_MAX_BINARY, &st);
        if (fd < 0)
                return false;
        size_t size = (size_t)st.st_size;
        void *bytes = size ? mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0) : NULL;
        int verdict;
        if (bytes == MAP_FAILED)
                verdict = fail_errno(&err, "mapping %s", path);
        else
                verdict = parse(sv_n(bytes ? bytes : "", size), hand_out, reading, &reading->database, &err);
        if (bytes && bytes != MAP_FAILED)
                munmap(bytes, size);
        close_database(reading, path, verdict, &err);
        return true;
}

static bool read_sqlite(struct reading *reading, const char *path)
{
        struct stat st;
        struct error err;
        cleanup(fd_close) int fd = open_database(reading, path, PKGDB_MAX_BINARY, &st);
        if (fd < 0)
                return false;
        close_database(reading, path, rpm_sqlite_read(fd, hand_out, reading, &reading->database, &err), &err);

        char log[256];
        snprintf(log, sizeof(log), "%s-wal", path);
        cleanup(fd_close) int log_fd = open_in_root(reading->rootfd, log, 0);
        if (log_fd >= 0 && fstat(log_fd, &st) == 0 && st.st_size > 0) {
                fail(&err, E_UNAVAILABLE, "%s: a write-ahead log is not merged yet: the latest changes are missing",
                        path);
                report(reading, path, &err);
        }
        return true;
}

/* The directories rpm has used; in each the newest backend wins, since a conversion may leave the old file behind. */
static void read_rpm(struct reading *reading)
{
        static const char *const directories[] = { "var/lib/rpm", "usr/lib/sysimage/rpm", "usr/share/rpm" };
        for (size_t i = 0; i < sizeof(directories) / sizeof(directories[0]); i++) {
                char path[128];
                if (reading->stopped)
                        return;
                snprintf(path, sizeof(path), "%s/rpmdb.sqlite", directories[i]);
                if (read_sqlite(reading, path))
                        continue;
                snprintf(path, sizeof(path), "%s/Packages.db", directories[i]);
                if (read_mapped(reading, path, rpm_ndb_parse))
                        continue;
                snprintf(path, sizeof(path), "%s/Packages", directories[i]);
                read_mapped(reading, path, rpm_bdb_parse);
        }
}

/* One small file a package: DIRECTORY/ENTRY (suffix "") or DIRECTORY/ENTRY/desc. All together are one database. */
static void read_directory(struct reading *reading, const char *directory, const char *suffix, text_parser *parse)
{
        struct error err;
        if (reading->stopped)
                return;
        cleanup(fd_close) int fd = open_in_root(reading->rootfd, directory, O_DIRECTORY);
        cleanup(closedir) DIR *entries = fd >= 0 ? fdopendir(fd) : NULL;
        if (!entries) {
                if (errno != ENOENT && errno != ENOTDIR) {
                        fail_errno(&err, "%s", directory);
                        report(reading, directory, &err);
                }
                return;
        }
        take_fd(fd);
        size_t left = PKGDB_MAX_DIRECTORY;
        reading->database = (struct pkgdb_counts){ 0 };
        for (struct dirent *entry; !reading->stopped && (entry = readdir(entries));) {
                char path[512];
                struct stat st;
                struct sv name = sv_of(entry->d_name);
                if (entry->d_name[0] == '.' || sv_ends(name, SV(".md5sums")) || sv_eq(name, SV("ALPM_DB_VERSION")))
                        continue;
                int length = snprintf(path, sizeof(path), "%s/%s%s", directory, entry->d_name, suffix);
                cleanup(fd_close) int file =
                        left > 0 && length < (int)sizeof(path) ? open_in_root(reading->rootfd, path, 0) : -1;
                if (left > 0)
                        left--;
                if (file < 0 || fstat(file, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size >= PKGDB_MAX_TEXT) {
                        reading->database.refused++;
                        continue;
                }
                if (parse_text_fd(reading, file, (size_t)st.st_size, parse, &err) < 0)
                        report(reading, path, &err);
        }
        close_database(reading, directory, 0, NULL);
}

int pkgdb_read(int rootfd, const struct pkgdb_visitor *visitor, struct pkgdb_counts *ret_counts, struct error *err)
{
        struct stat st;
        struct reading reading = { .rootfd = rootfd, .visitor = visitor };
        if (rootfd < 0 || fstat(rootfd, &st) < 0)
                return fail(err, E_INVALID, "the root of the package databases is not an open directory");
        if (!S_ISDIR(st.st_mode))
                return fail(err, E_INVALID, "the root of the package databases is not a directory");
        read_text(&reading, "var/lib/dpkg/status", parse_status);
        read_directory(&reading, "var/lib/dpkg/status.d", "", parse_status_d);
        read_rpm(&reading);
        read_text(&reading, "lib/apk/db/installed", apk_parse);
        read_text(&reading, "usr/lib/apk/db/installed", apk_parse);
        read_directory(&reading, "var/lib/pacman/local", "/desc", pacman_parse);
        if (ret_counts)
                *ret_counts = reading.counts;
        return 0;
}
