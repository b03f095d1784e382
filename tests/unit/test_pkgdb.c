/* Package databases: against dpkg-query and rpm where they are here, and on images made by hand. */
#include "lib/pkgdb/pkgdb.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/path.h"
#include "base/vec.h"

#include <fcntl.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

enum { MAX_LINES = 1 << 20 };

struct lines {
        VEC(char *) all;
        size_t problems;
        size_t stop_after;
};

static void add_line(struct lines *lines, const char *text)
{
        char **slot = vec_add(&lines->all, MAX_LINES);
        assert_non_null(slot);
        *slot = strdup(text);
}

static void lines_free(struct lines *lines)
{
        vec_foreach (line, &lines->all)
                free(*line);
        vec_done(&lines->all);
}

static int by_text(const void *a, const void *b)
{
        return strcmp(*(char *const *)a, *(char *const *)b);
}

static void sort_lines(struct lines *lines)
{
        if (lines->all.count)
                qsort(lines->all.items, lines->all.count, sizeof(char *), by_text);
}

static int collect(const struct package *package, void *cookie)
{
        struct lines *lines = cookie;
        char text[20000];
        snprintf(text, sizeof(text), "%s|%s|%s|%s|%s|%s|%lld", package->type, package->name, package->version,
                package->arch, package->source, package->source_version, (long long)package->installed_size);
        add_line(lines, text);
        return lines->stop_after && lines->all.count >= lines->stop_after;
}

static void problem(const char *path, const struct error *err, void *cookie)
{
        struct lines *lines = cookie;
        lines->problems++;
        print_message("# %s: %s\n", path, err->message);
}

static struct pkgdb_counts read_root(const char *path, struct lines *lines)
{
        struct pkgdb_counts counts;
        cleanup(fd_close) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        struct pkgdb_visitor visitor = { collect, problem, lines };
        assert_true(fd >= 0);
        assert_int_equal(pkgdb_read(fd, &visitor, &counts, NULL), 0);
        return counts;
}

/* stdout of a shell command; false when it failed. */
static bool run(const char *command, struct buf *out)
{
        int ends[2];
        assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
        pid_t pid = fork();
        if (pid == 0) {
                dup2(ends[1], 1);
                int null = open("/dev/null", O_WRONLY);
                dup2(null, 2);
                execl("/bin/sh", "sh", "-c", command, (char *)NULL);
                _exit(127);
        }
        close(ends[1]);
        for (;;) {
                char *room = buf_reserve(out, 64 << 10);
                assert_non_null(room);
                ssize_t got = read(ends[0], room, 64 << 10);
                if (got <= 0)
                        break;
                out->len += (size_t)got;
        }
        close(ends[0]);
        int status;
        waitpid(pid, &status, 0);
        return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void write_file(const char *root, const char *path, const void *bytes, size_t size)
{
        char full[512], directory[512];
        snprintf(full, sizeof(full), "%s/%s", root, path);
        snprintf(directory, sizeof(directory), "%.*s", SV_ARG(path_dir(sv_of(full))));
        assert_int_equal(path_make(directory, 0700, NULL), 0);
        assert_int_equal(file_replace(AT_FDCWD, full, bytes, size, 0600, NULL), 0);
}

static void remove_tree(const char *root)
{
        char command[600];
        struct buf out;
        buf_init(&out, 1 << 20);
        snprintf(command, sizeof(command), "rm -rf '%s'", root);
        run(command, &out);
        buf_done(&out);
}

static void expect(const struct lines *lines, size_t index, const char *text)
{
        assert_true(index < lines->all.count);
        assert_string_equal(lines->all.items[index], text);
}

static void test_dpkg_query(void **state)
{
        (void)state;
        struct lines ours = { 0 }, theirs = { 0 };
        cleanup(buf_done) struct buf out;
        buf_init(&out, 64 << 20);
        if (!run("dpkg-query -W -f '${db:Status-Status} "
                 "dpkg|${Package}|${Version}|${Architecture}|${source:Package}|${source:Version}\\n'",
                    &out)) {
                print_message("# skipped: needs dpkg-query\n");
                skip();
        }
        struct sv rest = sv_n(out.data, out.len), line, status;
        while (sv_line(&rest, &line)) {
                char text[8192];
                if (!sv_word(&line, &status) || !(sv_eq(status, SV("installed")) || sv_starts(status, SV("triggers"))))
                        continue;
                snprintf(text, sizeof(text), "%.*s", SV_ARG(sv_trim(line)));
                add_line(&theirs, text);
        }
        read_root("/", &ours);
        size_t kept = 0; /* as dpkg-query: the source is the package itself unless said otherwise */
        for (size_t i = 0; i < ours.all.count; i++) {
                char *text = ours.all.items[i];
                if (!sv_starts(sv_of(text), SV("dpkg|"))) {
                        free(text);
                        continue;
                }
                struct sv part[7], cut = sv_of(text);
                for (size_t k = 0; k < 7; k++)
                        assert_true(sv_split(&cut, '|', &part[k]));
                struct sv source = part[4].n ? part[4] : part[1];
                struct sv source_version = part[5].n ? part[5] : part[2];
                char again[8192];
                snprintf(again, sizeof(again), "dpkg|%.*s|%.*s|%.*s|%.*s|%.*s", SV_ARG(part[1]), SV_ARG(part[2]),
                        SV_ARG(part[3]), SV_ARG(source), SV_ARG(source_version));
                free(text);
                ours.all.items[kept++] = strdup(again);
        }
        ours.all.count = kept;
        sort_lines(&ours);
        sort_lines(&theirs);
        print_message("# %zu packages, dpkg-query %zu\n", ours.all.count, theirs.all.count);
        for (size_t i = 0; i < ours.all.count && i < theirs.all.count; i++)
                assert_string_equal(ours.all.items[i], theirs.all.items[i]);
        assert_int_equal(ours.all.count, theirs.all.count);
        lines_free(&ours);
        lines_free(&theirs);
}

static void test_dpkg_states(void **state)
{
        (void)state;
        struct lines lines = { 0 };
        struct pkgdb_counts counts = { 0 };
        struct sv text = SV("Package: libc6\nStatus: install ok installed\nInstalled-Size: 12\nMulti-Arch: same\n"
                            "Architecture: amd64\nSource: glibc (2.36-9)\nVersion: 2.36-9+b1\n"
                            "Description: x\n Package: not-a-field\n .\n Version: 9\n\n"
                            "Package: gone\nStatus: deinstall ok config-files\nVersion: 1\n\n"
                            "Package: half\nStatus: install ok half-installed\nVersion: 1\n\n\n"
                            "package: held\nSTATUS: hold ok installed\nversion: 2:1~a\narchitecture: all\n\n"
                            "Package: waiting\nStatus: install ok triggers-awaited\nVersion: 3\n\n"
                            "Package: unversioned\nStatus: install ok installed\n\n"
                            "Package: stateless\nVersion: 4");
        assert_int_equal(dpkg_parse(text, false, collect, &lines, &counts, NULL), 0);
        assert_int_equal(lines.all.count, 3);
        expect(&lines, 0, "dpkg|libc6|2.36-9+b1|amd64|glibc|2.36-9|12288");
        expect(&lines, 1, "dpkg|held|2:1~a|all|||-1");
        expect(&lines, 2, "dpkg|waiting|3||||-1");
        assert_int_equal(counts.refused, 1);
        assert_int_equal(dpkg_parse(text, true, collect, &lines, &counts, NULL), 0);
        expect(&lines, 6, "dpkg|stateless|4||||-1");
        lines_free(&lines);
}

static void test_apk_and_pacman(void **state)
{
        (void)state;
        struct lines lines = { 0 };
        struct pkgdb_counts counts = { 0 };
        struct sv apk =
                SV("C:Q1abc=\nP:musl\nV:1.2.3-r4\nA:x86_64\nS:383152\nI:622592\nT:the C library\no:musl\nF:lib\n"
                   "R:libc.so\na:0:0:755\n\nP:busybox\nV:1.36.1-r5\nA:x86_64\no:busybox\n\n\nP:nameless\n");
        assert_int_equal(apk_parse(apk, collect, &lines, &counts, NULL), 0);
        assert_int_equal(lines.all.count, 2);
        expect(&lines, 0, "apk|musl|1.2.3-r4|x86_64|musl||622592");
        expect(&lines, 1, "apk|busybox|1.36.1-r5|x86_64|busybox||-1");
        assert_int_equal(counts.refused, 1);

        struct sv desc =
                SV("%NAME%\nbash\n\n%VERSION%\n5.2.026-2\n\n%BASE%\nbash\n\n%DESC%\n%NAME%\n\n%ARCH%\nx86_64\n\n"
                   "%SIZE%\n9123456\n\n%LICENSE%\nGPL\nother\n\n");
        assert_int_equal(pacman_parse(desc, collect, &lines, &counts, NULL), 0);
        expect(&lines, 2, "pacman|bash|5.2.026-2|x86_64|bash||9123456");
        assert_int_equal(pacman_parse(SV("%NAME%\n\n%VERSION%\n1\n"), collect, &lines, &counts, NULL), 0);
        assert_int_equal(lines.all.count, 3);
        assert_int_equal(counts.refused, 2);
        lines_free(&lines);
}

/* --- rpm --- */

static void put(struct buf *out, uint32_t value, unsigned width, bool big_endian)
{
        for (unsigned i = 0; i < width; i++)
                buf_putc(out, (char)(value >> 8 * (big_endian ? width - 1 - i : i)));
}

struct tag {
        uint32_t tag, type;
        const char *text;
        uint32_t number;
};

/* An rpm header blob; `padding` bytes behind its strings make it as large as a test needs. */
static void make_header(const struct tag *tags, size_t count, size_t padding, struct buf *out)
{
        struct buf store;
        buf_init(&store, 1 << 20);
        buf_init(out, 1 << 20);
        size_t offsets[16];
        for (size_t i = 0; i < count; i++) {
                while (tags[i].type == 4 && store.len % 4)
                        buf_putc(&store, '\0');
                offsets[i] = store.len;
                if (tags[i].type == 4)
                        put(&store, tags[i].number, 4, true);
                else
                        buf_append(&store, tags[i].text, strlen(tags[i].text) + 1);
        }
        for (size_t i = 0; i < padding; i++)
                buf_putc(&store, 'x');
        put(out, (uint32_t)count, 4, true);
        put(out, (uint32_t)store.len, 4, true);
        for (size_t i = 0; i < count; i++) {
                put(out, tags[i].tag, 4, true);
                put(out, tags[i].type, 4, true);
                put(out, (uint32_t)offsets[i], 4, true);
                put(out, 1, 4, true);
        }
        buf_append(out, store.data, store.len);
        buf_done(&store);
}

static const struct tag bash_tags[] = {
        { 1000, 6, "bash", 0 },
        { 1001, 6, "5.1.8", 0 },
        { 1002, 6, "9.el9", 0 },
        { 1003, 4, NULL, 2 },
        { 1009, 4, NULL, 7738634 },
        { 1022, 6, "x86_64", 0 },
        { 1044, 6, "bash-shell-5.1.8-9.el9.src.rpm", 0 },
};
static const char bash_line[] = "rpm|bash|2:5.1.8-9.el9|x86_64|bash-shell|5.1.8-9.el9|7738634";
static const struct tag key_tags[] = { { 1000, 6, "gpg-pubkey", 0 }, { 1001, 6, "abc", 0 }, { 1002, 6, "def", 0 } };
static const char key_line[] = "rpm|gpg-pubkey|abc-def||||-1";

static void test_rpm_header(void **state)
{
        (void)state;
        struct lines lines = { 0 };
        struct pkgdb_counts counts = { 0 };
        struct error err;
        cleanup(buf_done) struct buf blob;
        make_header(bash_tags, 7, 0, &blob);
        assert_int_equal(rpm_header_parse(sv_n(blob.data, blob.len), collect, &lines, &counts, &err), 0);
        expect(&lines, 0, bash_line);
        for (size_t cut = 0; cut < blob.len; cut++) { /* every cut is an error, none a wrong package */
                char *copy = malloc(cut + 1);
                memcpy(copy, blob.data, cut);
                assert_int_equal(rpm_header_parse(sv_n(copy, cut), collect, &lines, &counts, &err), -1);
                assert_int_equal(err.code, E_CORRUPT);
                free(copy);
        }
        assert_int_equal(lines.all.count, 1);
        lines_free(&lines);
}

static void make_ndb(const struct buf *blobs, size_t count, struct buf *out)
{
        buf_init(out, 1 << 20);
        buf_puts(out, "RpmP");
        put(out, 0, 4, false);
        put(out, 1, 4, false);
        put(out, 1, 4, false); /* pages of slots */
        for (int i = 0; i < 4; i++)
                put(out, 0, 4, false);
        uint32_t block = 4096 / 16;
        for (uint32_t i = 0; i < 254; i++) {
                uint32_t blocks = i < count ? (uint32_t)(16 + blobs[i].len + 12 + 15) / 16 : 0;
                buf_puts(out, "Slot");
                put(out, i < count ? i + 1 : 0, 4, false);
                put(out, i < count ? block : 0, 4, false);
                put(out, blocks, 4, false);
                block += blocks;
        }
        for (size_t i = 0; i < count; i++) {
                buf_puts(out, "BlbS");
                put(out, (uint32_t)i + 1, 4, false);
                put(out, 1, 4, false);
                put(out, (uint32_t)blobs[i].len, 4, false);
                buf_append(out, blobs[i].data, blobs[i].len);
                while (out->len % 16 != 4)
                        buf_putc(out, '\0');
                put(out, 0, 4, false);
                put(out, (uint32_t)blobs[i].len, 4, false);
                buf_puts(out, "BlbE");
        }
}

static void page_head(
        struct buf *out, uint32_t page, uint32_t next, uint32_t entries, uint32_t offset, int type, bool big)
{
        for (int i = 0; i < 8; i++)
                buf_putc(out, '\0');
        put(out, page, 4, big);
        put(out, 0, 4, big);
        put(out, next, 4, big);
        put(out, entries, 2, big);
        put(out, offset, 2, big);
        buf_putc(out, '\0');
        buf_putc(out, (char)type);
}

/* Pages of 512 bytes: the meta page, a hash page with an inline value and a long one, the long one's chain. */
static void make_bdb(const struct buf *inlined, const struct buf *chained, bool big, struct buf *out)
{
        enum { PAGE = 512, ROOM = PAGE - 26 };
        buf_init(out, 1 << 20);
        for (int i = 0; i < 12; i++)
                buf_putc(out, '\0');
        put(out, 0x061561, 4, big);
        put(out, 9, 4, big);
        put(out, PAGE, 4, big);
        buf_putc(out, '\0');
        buf_putc(out, 8);
        while (out->len < PAGE)
                buf_putc(out, '\0');

        uint32_t at[6]; /* items grow down from the end: keys of 5 bytes, values */
        const uint32_t sizes[6] = { 5, 5, 5, 1 + (uint32_t)inlined->len, 5, 12 };
        uint32_t end = PAGE;
        for (int i = 0; i < 6; i++)
                end = at[i] = end - sizes[i];
        page_head(out, 1, 0, 6, end, 13, big);
        for (int i = 0; i < 6; i++)
                put(out, at[i], 2, big);
        while (out->len < PAGE + end)
                buf_putc(out, '\0');
        buf_putc(out, 3); /* from the last item to the first */
        for (int i = 0; i < 3; i++)
                buf_putc(out, '\0');
        put(out, 2, 4, big);
        put(out, (uint32_t)chained->len, 4, big);
        buf_append(out, "\1\2\0\0\0", 5);
        buf_putc(out, 1);
        buf_append(out, inlined->data, inlined->len);
        buf_append(out, "\1\1\0\0\0\1\2\0\0\0\1\0\0\0\0", 15); /* key 0 holds rpm's counter */
        assert_int_equal(out->len, 2 * PAGE);

        uint32_t page = 2;
        for (size_t done = 0; done < chained->len; page++) {
                size_t part = chained->len - done < ROOM ? chained->len - done : ROOM;
                bool last = done + part == chained->len;
                page_head(out, page, last ? 0 : page + 1, 1, (uint32_t)part, 7, big);
                buf_append(out, chained->data + done, part);
                done += part;
                while (out->len % PAGE)
                        buf_putc(out, '\0');
        }
}

static void test_rpm_ndb(void **state)
{
        (void)state;
        struct lines lines = { 0 };
        struct pkgdb_counts counts = { 0 };
        struct error err;
        struct buf blobs[2], image;
        make_header(bash_tags, 7, 100, &blobs[0]);
        make_header(key_tags, 3, 0, &blobs[1]);
        make_ndb(blobs, 2, &image);
        assert_int_equal(rpm_ndb_parse(sv_n(image.data, image.len), collect, &lines, &counts, &err), 0);
        assert_int_equal(lines.all.count, 2);
        expect(&lines, 0, bash_line);
        expect(&lines, 1, key_line);
        assert_int_equal(counts.refused, 0);
        image.data[4096] = 'X'; /* one blob's magic: the other is still read */
        assert_int_equal(rpm_ndb_parse(sv_n(image.data, image.len), collect, &lines, &counts, &err), 0);
        assert_int_equal(lines.all.count, 3);
        assert_int_equal(counts.refused, 1);
        image.data[0] = 'X';
        assert_int_equal(rpm_ndb_parse(sv_n(image.data, image.len), collect, &lines, &counts, &err), -1);
        assert_int_equal(err.code, E_CORRUPT);
        buf_done(&blobs[0]);
        buf_done(&blobs[1]);
        buf_done(&image);
        lines_free(&lines);
}

static void test_rpm_bdb(void **state)
{
        (void)state;
        for (int big = 0; big < 2; big++) {
                struct lines lines = { 0 };
                struct pkgdb_counts counts = { 0 };
                struct error err;
                struct buf small, large, image;
                make_header(key_tags, 3, 0, &small);
                make_header(bash_tags, 7, 2000, &large);
                make_bdb(&small, &large, big, &image);
                assert_int_equal(rpm_bdb_parse(sv_n(image.data, image.len), collect, &lines, &counts, &err), 0);
                assert_int_equal(lines.all.count, 2);
                expect(&lines, 0, key_line);
                expect(&lines, 1, bash_line);
                assert_int_equal(counts.refused, 0);
                image.data[3 * 512 + (big ? 19 : 16)] = 3; /* a chain that bites its tail */
                assert_int_equal(rpm_bdb_parse(sv_n(image.data, image.len), collect, &lines, &counts, &err), 0);
                assert_int_equal(lines.all.count, 3);
                assert_int_equal(counts.refused, 1);
                assert_int_equal(rpm_bdb_parse(sv_n(image.data, 500), collect, &lines, &counts, &err), -1);
                buf_done(&small);
                buf_done(&large);
                buf_done(&image);
                lines_free(&lines);
        }
}

static const char spec[] = "Name: NAME\nEPOCH\nVersion: 1.2~rc1\nRelease: 4.el9\nSummary: x\nLicense: none\n"
                           "BuildArch: noarch\n%description\nx\n%files\n";

/* A real database: two packages built by rpmbuild and installed by rpm into a root of their own. */
static void test_rpm_sqlite(void **state)
{
        (void)state;
        char root[] = "/tmp/test-pkgdb-XXXXXX", command[4096];
        assert_non_null(mkdtemp(root));
        write_file(root, "t.spec", spec, sizeof(spec) - 1);
        cleanup(buf_done) struct buf out;
        buf_init(&out, 1 << 20);
        snprintf(command, sizeof(command),
                "set -e; cd %s; sed 's/NAME/tiny/; s/EPOCH/Epoch: 3/' t.spec > a.spec; sed 's/NAME/plain/; /EPOCH/d' "
                "t.spec > b.spec;"
                "rpmbuild --quiet --define '_topdir %s/b' -bb a.spec b.spec; mkdir root;"
                "R='rpm --root %s/root --dbpath /var/lib/rpm'; $R --initdb;"
                "$R --force-debian --nodeps --nosignature -i b/RPMS/noarch/*.rpm;"
                "test -s root/var/lib/rpm/rpmdb.sqlite;"
                "$R -qa --qf 'rpm|%%{NAME}|%%{EVR}|%%{ARCH}|%%{NAME}|%%{VERSION}-%%{RELEASE}|%%{SIZE}\\n'",
                root, root, root);
        bool built = run(command, &out);
        if (built) {
                struct lines ours = { 0 }, theirs = { 0 };
                char path[256];
                snprintf(path, sizeof(path), "%s/root", root);
                struct sv rest = sv_n(out.data, out.len), line;
                while (sv_line(&rest, &line)) {
                        char text[512];
                        snprintf(text, sizeof(text), "%.*s", SV_ARG(line));
                        add_line(&theirs, text);
                }
                read_root(path, &ours);
                sort_lines(&ours);
                sort_lines(&theirs);
                assert_int_equal(ours.problems, 0);
                assert_int_equal(ours.all.count, 2);
                assert_int_equal(theirs.all.count, 2);
                for (size_t i = 0; i < 2; i++)
                        assert_string_equal(ours.all.items[i], theirs.all.items[i]);
                write_file(path, "var/lib/rpm/rpmdb.sqlite-wal", "x", 1); /* not merged: said, not hidden */
                struct lines behind = { 0 };
                assert_int_equal(read_root(path, &behind).packages, 2);
                assert_int_equal(behind.problems, 1);
                lines_free(&behind);
                expect(&ours, 1, "rpm|tiny|3:1.2~rc1-4.el9|noarch|tiny|1.2~rc1-4.el9|0");
                lines_free(&ours);
                lines_free(&theirs);
        }
        remove_tree(root);
        if (!built) {
                print_message("# skipped: needs rpm and rpmbuild with the SQLite backend\n");
                skip();
        }
}

/* A schema that would compute without end, and one without the table. */
static void test_hostile_sqlite(void **state)
{
        (void)state;
        static const char *const schemas[] = {
                "CREATE VIEW Packages(blob) AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
                "SELECT CAST(i AS BLOB) FROM n",
                "CREATE TABLE Other(blob)",
        };
        for (size_t i = 0; i < 2; i++) {
                char root[] = "/tmp/test-pkgdb-XXXXXX", path[256];
                struct lines lines = { 0 };
                sqlite3 *db;
                assert_non_null(mkdtemp(root));
                write_file(root, "var/lib/rpm/rpmdb.sqlite", "", 0);
                snprintf(path, sizeof(path), "%s/var/lib/rpm/rpmdb.sqlite", root);
                assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
                assert_int_equal(sqlite3_exec(db, schemas[i], NULL, NULL, NULL), SQLITE_OK);
                sqlite3_close(db);
                assert_int_equal(read_root(root, &lines).packages, 0);
                assert_int_equal(lines.problems, 1);
                remove_tree(root);
        }
}

/* --- whole roots --- */

#define LINE_OF_TEXT "not a database at all, only text "
#define NOT_A_DATABASE                                                                                                 \
        LINE_OF_TEXT LINE_OF_TEXT LINE_OF_TEXT LINE_OF_TEXT LINE_OF_TEXT LINE_OF_TEXT LINE_OF_TEXT LINE_OF_TEXT        \
                LINE_OF_TEXT LINE_OF_TEXT LINE_OF_TEXT LINE_OF_TEXT LINE_OF_TEXT LINE_OF_TEXT LINE_OF_TEXT             \
                        LINE_OF_TEXT LINE_OF_TEXT LINE_OF_TEXT

static void test_roots(void **state)
{
        (void)state;
        char root[] = "/tmp/test-pkgdb-XXXXXX", path[256];
        assert_non_null(mkdtemp(root));
        struct lines lines = { 0 };
        assert_int_equal(read_root(root, &lines).packages, 0); /* nothing there is no error */
        assert_int_equal(lines.problems, 0);

        static const char one[] = "Package: base-files\nVersion: 12\nArchitecture: amd64\n";
        static const char apk[] = "P:musl\nV:1-r0\n\n";
        static const char desc[] = "%NAME%\nfoo\n\n%VERSION%\n1-1\n";
        write_file(root, "var/lib/dpkg/status.d/base", one, sizeof(one) - 1);
        write_file(root, "var/lib/dpkg/status.d/base.md5sums", "x", 1);
        write_file(root, "usr/lib/apk/db/installed", apk, sizeof(apk) - 1);
        write_file(root, "var/lib/pacman/local/foo-1-1/desc", desc, sizeof(desc) - 1);
        write_file(root, "var/lib/pacman/local/ALPM_DB_VERSION", "9\n", 2);
        write_file(root, "usr/lib/sysimage/rpm/rpmdb.sqlite", NOT_A_DATABASE, sizeof(NOT_A_DATABASE) - 1);
        snprintf(path, sizeof(path), "%s/lib", root);
        assert_int_equal(symlink("usr/lib", path), 0); /* the same apk database by two names counts once */
        struct pkgdb_counts counts = read_root(root, &lines);
        assert_int_equal(counts.packages, 3);
        assert_int_equal(lines.problems, 1); /* the broken rpm database; the others go on */
        sort_lines(&lines);
        expect(&lines, 0, "apk|musl|1-r0||||-1");
        expect(&lines, 1, "dpkg|base-files|12|amd64|||-1");
        expect(&lines, 2, "pacman|foo|1-1||||-1");

        snprintf(path, sizeof(path), "%s/var/lib/dpkg/status", root); /* a link out of the root leads nowhere */
        assert_int_equal(symlink("/var/lib/dpkg/status", path), 0);
        struct lines again = { 0 };
        assert_int_equal(read_root(root, &again).packages, 3);
        struct lines first = { .stop_after = 1 };
        assert_int_equal(read_root(root, &first).packages, 1);
        lines_free(&lines);
        lines_free(&again);
        lines_free(&first);
        remove_tree(root);
}

static void test_bad_root(void **state)
{
        (void)state;
        struct lines lines = { 0 };
        struct pkgdb_visitor visitor = { collect, problem, &lines };
        struct error err;
        assert_int_equal(pkgdb_read(-1, &visitor, NULL, &err), -1);
        assert_int_equal(err.code, E_INVALID);
}

static void test_long_fields(void **state)
{
        (void)state;
        struct lines lines = { 0 };
        struct pkgdb_counts counts = { 0 };
        cleanup(buf_done) struct buf text;
        buf_init(&text, 1 << 20);
        buf_puts(&text, "P:");
        for (int i = 0; i < PKGDB_MAX_FIELD; i++)
                buf_putc(&text, 'a');
        buf_puts(&text, "\nV:1\n\nP:ok\nV:1\n");
        assert_int_equal(apk_parse(sv_n(text.data, text.len), collect, &lines, &counts, NULL), 0);
        assert_int_equal(lines.all.count, 1);
        assert_int_equal(counts.refused, 1);
        lines_free(&lines);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_dpkg_query),
                cmocka_unit_test(test_dpkg_states),
                cmocka_unit_test(test_apk_and_pacman),
                cmocka_unit_test(test_rpm_header),
                cmocka_unit_test(test_rpm_ndb),
                cmocka_unit_test(test_rpm_bdb),
                cmocka_unit_test(test_rpm_sqlite),
                cmocka_unit_test(test_hostile_sqlite),
                cmocka_unit_test(test_roots),
                cmocka_unit_test(test_bad_root),
                cmocka_unit_test(test_long_fields),
        };
        return cmocka_run_group_tests_name("pkgdb", tests, NULL, NULL);
}
