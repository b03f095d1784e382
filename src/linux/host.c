#include "linux/host.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/path.h"
#include "linux/kernel_stat.h"
#include "linux/text_file.h"

#include <limits.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <utmp.h>

enum { OS_RELEASE_MAX = 64 * 1024, UTMP_BYTES_MAX = 16 << 20 };

/* A value as a shell would read it: quotes off, \ before $ " \ ` taken away (os-release(5)). */
static char *unquote(struct sv value, struct arena *arena)
{
        char quote = value.n >= 2 && (value.p[0] == '"' || value.p[0] == '\'') && value.p[value.n - 1] == value.p[0]
                             ? value.p[0]
                             : '\0';
        if (quote)
                value = sv_n(value.p + 1, value.n - 2);
        char *copy = arena_strndup(arena, value.n ? value.p : "", value.n);
        size_t n = 0;
        for (size_t i = 0; copy && i < value.n; i++) {
                if (value.p[i] == '\\' && quote != '\'' && i + 1 < value.n && strchr("$\"\\`'", value.p[i + 1]))
                        i++;
                copy[n++] = value.p[i];
        }
        if (copy)
                copy[n] = '\0';
        return copy;
}

int os_release_parse(struct sv text, struct arena *arena, struct os_release *ret, struct error *err)
{
        struct os_release release = { 0 };
        const struct {
                struct sv key;
                const char **into;
        } rows[] = {
                { SV("ID"), &release.id },
                { SV("ID_LIKE"), &release.id_like },
                { SV("NAME"), &release.name },
                { SV("VERSION"), &release.version },
                { SV("VERSION_ID"), &release.version_id },
                { SV("VERSION_CODENAME"), &release.version_codename },
                { SV("PRETTY_NAME"), &release.pretty_name },
                { SV("VARIANT"), &release.variant },
                { SV("VARIANT_ID"), &release.variant_id },
                { SV("BUILD_ID"), &release.build_id },
                { SV("IMAGE_ID"), &release.image_id },
                { SV("IMAGE_VERSION"), &release.image_version },
                { SV("SUPPORT_END"), &release.support_end },
        };
        struct sv line;
        while (sv_line(&text, &line)) {
                line = sv_trim(line);
                size_t equals = sv_find(line, '=');
                if (equals == line.n || line.p[0] == '#')
                        continue;
                for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
                        if (!sv_eq(sv_n(line.p, equals), rows[i].key))
                                continue;
                        *rows[i].into = unquote(sv_n(line.p + equals + 1, line.n - equals - 1), arena);
                        if (!*rows[i].into)
                                return fail(err, E_NO_MEMORY, "no memory for os-release");
                }
        }
        *ret = release;
        return 0;
}

int os_release_read(int root, struct arena *arena, struct os_release *ret, struct error *err)
{
        static const char *const paths[] = { "etc/os-release", "usr/lib/os-release" };
        struct error one;
        for (size_t i = 0; i < 2; i++) {
                cleanup(buf_done) struct buf buf;
                buf_init(&buf, OS_RELEASE_MAX);
                if (file_read(root, paths[i], &buf, &one) == 0)
                        return os_release_parse(sv_n(buf_text(&buf), buf.len), arena, ret, err);
        }
        if (err)
                *err = one;
        return -1;
}

int host_read_identity(int root, struct arena *arena, struct host_identity *ret, struct error *err)
{
        struct host_identity identity = { 0 };
        struct utsname name;
        if (uname(&name) < 0)
                return fail_errno(err, "uname");
        identity.architecture = arena_strdup(arena, name.machine);
        identity.hostname = text_file_line(root, "proc/sys/kernel/hostname", arena);
        if (!identity.hostname)
                identity.hostname = text_file_line(root, "etc/hostname", arena);
        identity.domain = text_file_line(root, "proc/sys/kernel/domainname", arena);
        if (identity.domain && strcmp(identity.domain, "(none)") == 0)
                identity.domain = NULL;
        identity.machine_id = text_file_line(root, "etc/machine-id", arena);
        identity.boot_id = text_file_line(root, "proc/sys/kernel/random/boot_id", arena);
        identity.kernel_name = text_file_line(root, "proc/sys/kernel/ostype", arena);
        identity.kernel_release = text_file_line(root, "proc/sys/kernel/osrelease", arena);
        identity.kernel_version = text_file_line(root, "proc/sys/kernel/version", arena);
        struct kernel_stat stat;
        if (kernel_stat_read(root, &stat, NULL) == 0)
                identity.boot_unix_ns = stat.boot_unix_ns;
        if (os_release_read(root, arena, &identity.os, NULL) < 0)
                identity.os = (struct os_release){ 0 };
        *ret = identity;
        return 0;
}

int host_parse_utmp(struct sv bytes, struct arena *arena, struct host_users *ret, struct error *err)
{
        struct host_users users = { 0 };
        size_t records = bytes.n / sizeof(struct utmp);
        size_t room = records < HOST_USERS_MAX ? records : HOST_USERS_MAX;
        users.rows = arena_array(arena, room ? room : 1, sizeof(*users.rows));
        if (!users.rows)
                return fail(err, E_NO_MEMORY, "no memory for %zu sessions", room);
        users.refused = bytes.n % sizeof(struct utmp) != 0; /* a record cut short */
        for (size_t i = 0; i < records; i++) {
                struct utmp record;
                memcpy(&record, bytes.p + i * sizeof(record), sizeof(record));
                if (record.ut_type != USER_PROCESS || record.ut_user[0] == '\0')
                        continue;
                if (users.count == room) {
                        users.refused++;
                        continue;
                }
                /* the texts fill their fields without a NUL (utmp(5)) */
                struct host_user user = { .name = arena_strndup(arena, record.ut_user,
                                                  strnlen(record.ut_user, sizeof(record.ut_user))),
                        .line = arena_strndup(arena, record.ut_line, strnlen(record.ut_line, sizeof(record.ut_line))),
                        .from = arena_strndup(arena, record.ut_host, strnlen(record.ut_host, sizeof(record.ut_host))),
                        .pid = record.ut_pid,
                        .since_unix_ns = (int64_t)record.ut_tv.tv_sec * INT64_C(1000000000) +
                                         (int64_t)record.ut_tv.tv_usec * 1000 };
                if (!user.name || !user.line || !user.from)
                        return fail(err, E_NO_MEMORY, "no memory for %zu sessions", room);
                users.rows[users.count++] = user;
        }
        *ret = users;
        return 0;
}

int host_read_users(int root, struct arena *arena, struct host_users *ret, struct error *err)
{
        static const char *const paths[] = { "run/utmp", "var/run/utmp" };
        for (size_t i = 0; i < 2; i++) {
                cleanup(buf_done) struct buf buf;
                struct error one;
                buf_init(&buf, UTMP_BYTES_MAX);
                if (file_read(root, paths[i], &buf, &one) == 0)
                        return host_parse_utmp(sv_n(buf_text(&buf), buf.len), arena, ret, err);
                if (one.code != E_NOT_FOUND) {
                        if (err)
                                *err = one;
                        return -1;
                }
        }
        *ret = (struct host_users){ 0 };
        return 0;
}

int host_read_self(struct arena *arena, struct host_self *ret, struct error *err)
{
        char cwd[PATH_MAX];
        if (!getcwd(cwd, sizeof(cwd)))
                return fail_errno(err, "current directory");
        struct host_self self = { .pid = getpid(),
                .ppid = getppid(),
                .pgrp = getpgrp(),
                .session = getsid(0),
                .tid = (pid_t)syscall(SYS_gettid),
                .uid = getuid(),
                .euid = geteuid(),
                .gid = getgid(),
                .egid = getegid(),
                .cwd = arena_strdup(arena, cwd) };
        if (!self.cwd)
                return fail(err, E_NO_MEMORY, "no memory for the current directory");
        *ret = self;
        return 0;
}
