/* Containers that are machines of their own: systemd-nspawn (/run/systemd/machines/NAME, written by machined as lines
 * of "KEY=value", src/machine/machine.c; images below /var/lib/machines) and LXC with its managers (/var/lib/lxc/NAME/
 * config, lxc.container.conf(5); Incus and LXD: /var/lib/{incus,lxd}/containers/NAME/backup.yaml). */
#include "base/cleanup.h"
#include "linux/container_state_internal.h"

#include <fcntl.h>
#include <sys/stat.h>

/* The trimmed value of "key <separator> value"; quotes around it are taken off. */
static struct sv line_value(struct sv text, const char *key, char separator)
{
        struct sv line;
        while (sv_line(&text, &line)) {
                size_t at = sv_find(line, separator);
                if (at == line.n || !sv_eq(sv_trim(sv_n(line.p, at)), sv_of(key)))
                        continue;
                struct sv value = sv_trim(sv_n(line.p + at + 1, line.n - at - 1));
                if (value.n >= 2 && (value.p[0] == '"' || value.p[0] == '\'') && value.p[value.n - 1] == value.p[0])
                        value = sv_n(value.p + 1, value.n - 2);
                return value;
        }
        return SV("");
}

static bool exists(const struct lookup *lookup, const char *path, int64_t *ret_made_ns)
{
        struct statx st;
        cleanup(fd_close) int fd = path ? state_directory(lookup, path) : -1;
        if (fd < 0)
                return false;
        if (statx(fd, "", AT_EMPTY_PATH, STATX_BTIME, &st) == 0 && st.stx_mask & STATX_BTIME)
                *ret_made_ns = st.stx_btime.tv_sec * 1000000000LL + st.stx_btime.tv_nsec;
        return true;
}

static bool take_machined(const struct lookup *lookup, struct container_state *state)
{
        cleanup(buf_done) struct buf buf;
        const char *file = state_path(lookup, "run/systemd/machines/%s", lookup->identity->id);
        uint64_t number;
        buf_init(&buf, CONTAINER_STATE_FILE_MAX + 16384);
        if (state_read(lookup, file, STATE_ANY_OWNER, &buf, NULL) < 0)
                return false;
        struct sv text = sv_n(buf_text(&buf), buf.len);
        state->file = file;
        state->bundle = state_text(lookup, line_value(text, "ROOT", '='));
        if (sv_parse_u64(line_value(text, "LEADER", '='), 10, &number) && number <= INT32_MAX)
                state->pid = (pid_t)number;
        if (sv_parse_u64(line_value(text, "REALTIME", '='), 10, &number) && number < INT64_MAX / 1000)
                state->started_ns = (int64_t)number * 1000;
        const char *class = state_text(lookup, line_value(text, "CLASS", '='));
        if (class)
                state_label(lookup, state, "class", class);
        return true;
}

int state_nspawn(const struct lookup *lookup, struct container_state *state, struct error *err)
{
        static const char *const places[] = { "var/lib/machines", "etc/machines", "usr/lib/machines" };
        bool registered = take_machined(lookup, state);
        state->name = state->id;
        for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
                const char *path = state_path(lookup, "%s/%s", places[i], lookup->identity->id);
                if (!exists(lookup, path, &state->created_ns))
                        continue;
                state->bundle = state->bundle ? state->bundle : state_path(lookup, "/%s", path);
                state->file = state->file ? state->file : path;
                registered = true;
                break;
        }
        state->image = state->bundle;
        if (!registered)
                return fail(err, E_NOT_FOUND, "no machine %s is registered or has an image", lookup->identity->id);
        return 0;
}

/* "dir:/var/lib/lxc/c1/rootfs", "overlay:/lower:/upper", "zfs:…", or a plain path. */
static void take_lxc(const struct lookup *lookup, struct sv text, struct container_state *state)
{
        struct sv rootfs = line_value(text, "lxc.rootfs.path", '=');
        if (!rootfs.n)
                rootfs = line_value(text, "lxc.rootfs", '='); /* before LXC 2.1 */
        size_t colon = sv_find(rootfs, ':');
        if (colon < rootfs.n && rootfs.p[0] != '/')
                rootfs = sv_n(rootfs.p + colon + 1, rootfs.n - colon - 1);
        struct sv name = line_value(text, "lxc.uts.name", '=');
        if (!name.n)
                name = line_value(text, "lxc.utsname", '=');
        state->bundle = state_text(lookup, rootfs);
        state->hostname = state_text(lookup, name);
        state->image = state->bundle;
}

static void take_backup_yaml(const struct lookup *lookup, struct sv text, struct container_state *state)
{
        state->image = state_text(lookup, line_value(text, "image.description", ':'));
        state->image_id = state_text(lookup, line_value(text, "volatile.base_image", ':'));
        state->created_ns = state_time(state_text(lookup, line_value(text, "created_at", ':')));
}

int state_lxc(const struct lookup *lookup, struct container_state *state, struct error *err)
{
        static const struct {
                const char *format;
                bool yaml;
        } files[] = {
                { "var/lib/lxc/%s/config", false },
                { "var/lib/incus/containers/%s/backup.yaml", true },
                { "var/lib/lxd/containers/%s/backup.yaml", true },
                { "var/snap/lxd/common/lxd/containers/%s/backup.yaml", true },
                { "run/incus/%s/lxc.conf", false },
                { "var/log/lxd/%s/lxc.conf", false },
        };
        cleanup(buf_done) struct buf buf;
        buf_init(&buf, CONTAINER_STATE_FILE_MAX + 16384);
        state->name = state->id;
        for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
                char path[STATE_PATH_MAX];
                struct error one;
                const char *percent = strstr(files[i].format, "%s");
                snprintf(path, sizeof(path), "%.*s%s%s", (int)(percent - files[i].format), files[i].format,
                        lookup->identity->id, percent + 2);
                if (state_read(lookup, path, STATE_ANY_OWNER, &buf, &one) < 0) {
                        if (one.code != E_NOT_FOUND)
                                return err ? (*err = one, -1) : -1;
                        continue;
                }
                state->file = state_text(lookup, sv_of(path));
                if (files[i].yaml)
                        take_backup_yaml(lookup, sv_n(buf_text(&buf), buf.len), state);
                else
                        take_lxc(lookup, sv_n(buf_text(&buf), buf.len), state);
                return 0;
        }
        return fail(err, E_NOT_FOUND, "no configuration of LXC container %s", lookup->identity->id);
}
