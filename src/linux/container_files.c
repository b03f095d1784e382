/* Reading the engines' state files: bounded, below the root, never of another user, and never through a magic link. */
#include "base/cleanup.h"
#include "base/path.h"
#include "linux/container_state_internal.h"
#include "linux/mounts.h"
#include "linux/open_in_root.h"
#include "schema/json.h"

#include <fcntl.h>
#include <sys/stat.h>

int state_directory(const struct lookup *lookup, const char *path)
{
        return open_in_root(lookup->places->root, path, O_RDONLY | O_DIRECTORY);
}

bool state_is_directory(const struct lookup *lookup, const char *path)
{
        cleanup(fd_close) int fd = open_in_root(lookup->places->root, path, O_PATH | O_DIRECTORY);
        return fd >= 0;
}

/* ENOTDIR, ELOOP: the path is not what an engine makes there, so its file is not there either. */
static int fail_open(const char *path, struct error *err)
{
        if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP || errno == ENAMETOOLONG)
                return fail(err, E_NOT_FOUND, "no %s", path);
        if (errno == EINVAL)
                return fail(err, E_CORRUPT, "%s is no regular file", path);
        return fail_errno(err, "open %s", path);
}

int state_read(const struct lookup *lookup, const char *path, uint32_t owner, struct buf *out, struct error *err)
{
        struct stat st;
        if (!path)
                return fail(err, E_TOO_LARGE, "the path of a state file is too long");
        /* O_NONBLOCK: a named pipe put in the file's place meanwhile would be waited for */
        cleanup(fd_close) int fd = open_in_root(lookup->places->root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
        if (fd < 0)
                return fail_open(path, err);
        if (fstat(fd, &st) < 0)
                return fail_errno(err, "stat %s", path);
        if (!S_ISREG(st.st_mode))
                return fail(err, E_CORRUPT, "%s is no regular file", path);
        if (owner != STATE_ANY_OWNER && st.st_uid != owner)
                return fail(err, E_PERMISSION, "%s belongs to user %u, not to %u", path, st.st_uid, owner);
        if (st.st_size > CONTAINER_STATE_FILE_MAX)
                return fail(err, E_TOO_LARGE, "%s is larger than %d bytes", path, CONTAINER_STATE_FILE_MAX);
        buf_clear(out);
        for (;;) {
                char *room = buf_reserve(out, 16384);
                if (!room)
                        return fail(err, E_TOO_LARGE, "%s is larger than %d bytes", path, CONTAINER_STATE_FILE_MAX);
                ssize_t n = read(fd, room, 16384);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return fail_errno(err, "read %s", path);
                if (n == 0)
                        return 0;
                out->len += (size_t)n;
        }
}

/* jansson spends about 100 bytes on a value that takes two bytes of text ("[]"). */
static bool has_few_values(struct sv text)
{
        size_t count = 0;
        for (size_t i = 0; i < text.n; i++)
                count += text.p[i] == ',' || text.p[i] == '[' || text.p[i] == '{';
        return count <= CONTAINER_STATE_VALUES_MAX;
}

json_t *state_json_text(struct sv text, const char *what, struct error *err)
{
        if (!has_few_values(text))
                return fail_null(err, E_TOO_LARGE, "%s has more than %d values", what, CONTAINER_STATE_VALUES_MAX);
        json_t *json = json_parse(text, false, NULL);
        if (!json)
                return fail_null(err, E_CORRUPT, "%s is no valid JSON", what);
        return json;
}

json_t *state_json(const struct lookup *lookup, const char *path, uint32_t owner, struct error *err)
{
        cleanup(buf_done) struct buf buf;
        buf_init(&buf, CONTAINER_STATE_FILE_MAX + 16384);
        if (state_read(lookup, path, owner, &buf, err) < 0)
                return NULL;
        return state_json_text(sv_n(buf_text(&buf), buf.len), path, err);
}

bool state_id_is_safe(const char *id)
{
        return *id && !strchr(id, '/') && strcmp(id, ".") != 0 && strcmp(id, "..") != 0;
}

const char *state_path(const struct lookup *lookup, const char *format, ...)
{
        char path[STATE_PATH_MAX];
        va_list args;
        va_start(args, format);
        int n = vsnprintf(path, sizeof(path), format, args);
        va_end(args);
        return n >= 0 && (size_t)n < sizeof(path) ? arena_strdup(lookup->arena, path) : NULL;
}

const char *state_home(const struct lookup *lookup, uint32_t uid)
{
        cleanup(buf_done) struct buf buf;
        struct sv line;
        buf_init(&buf, CONTAINER_STATE_FILE_MAX + 16384);
        if (state_read(lookup, "etc/passwd", STATE_ANY_OWNER, &buf, NULL) < 0)
                return NULL;
        struct sv rest = sv_n(buf_text(&buf), buf.len);
        while (sv_line(&rest, &line)) {
                struct sv fields[6]; /* name, password, uid, gid, comment, home (passwd(5)) */
                uint64_t number;
                size_t n = 0;
                while (n < 6 && sv_split(&line, ':', &fields[n]))
                        n++;
                if (n == 6 && sv_parse_u64(fields[2], 10, &number) && number == uid && fields[5].n)
                        return state_text(lookup, fields[5]);
        }
        return NULL;
}

/* Where on the host is `path` of the file system major:minor? By the host's mount of it whose root holds it; of several
 * the deepest root. */
static const char *host_path(const struct lookup *lookup, const struct mounts *host, const struct mount *inner)
{
        const struct mount *best = NULL;
        for (size_t i = 0; i < host->count; i++) {
                const struct mount *one = &host->rows[i];
                if (one->major == inner->major && one->minor == inner->minor &&
                        path_within(sv_of(inner->root), sv_of(one->root)) &&
                        (!best || strlen(one->root) > strlen(best->root)))
                        best = one;
        }
        if (!best)
                return NULL;
        const char *below = strcmp(best->root, "/") == 0 ? inner->root : inner->root + strlen(best->root);
        return state_path(lookup, "%s%s", strcmp(best->point, "/") == 0 ? "" : best->point, below);
}

static const char *upper_of(const struct lookup *lookup, const struct mount *mount)
{
        struct sv options = sv_of(mount->super_options);
        struct sv option;
        while (sv_split(&options, ',', &option))
                if (sv_starts(option, SV("upperdir=/")))
                        return state_text(lookup, sv_n(option.p + 9, option.n - 9));
        return NULL;
}

static void read_mounts(const struct lookup *lookup, struct state_mounts *ret)
{
        static const char *const files[] = { "/etc/hostname", "/etc/hosts", "/etc/resolv.conf" };
        struct mounts inner;
        struct mounts host;
        const char *path = lookup->pid > 0 ? state_path(lookup, "proc/%d/mountinfo", lookup->pid) : NULL;
        if (!path || mounts_read(lookup->places->root, path, lookup->arena, &inner, NULL) < 0 ||
                mounts_read(lookup->places->root, "proc/self/mountinfo", lookup->arena, &host, NULL) < 0)
                return;
        for (size_t i = 0; i < inner.count; i++) {
                const struct mount *mount = &inner.rows[i];
                if (strcmp(mount->point, "/") == 0 && strcmp(mount->type, "overlay") == 0)
                        ret->upper_directory = upper_of(lookup, mount);
                for (size_t f = 0; f < sizeof(files) / sizeof(*files) && !ret->hostname_directory; f++) {
                        const char *file = strcmp(mount->point, files[f]) == 0 ? host_path(lookup, &host, mount) : NULL;
                        if (file)
                                ret->hostname_directory = state_text(lookup, path_dir(sv_of(file)));
                }
        }
}

const struct state_mounts *state_mounts(const struct lookup *lookup)
{
        if (!lookup->mounts->read)
                read_mounts(lookup, lookup->mounts);
        lookup->mounts->read = true;
        return lookup->mounts;
}
