#include "modules/metrics/collect/hints.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "schema/json.h"

#include <fcntl.h>
#include <unistd.h>

/* The member, which null and absence leave out; false: it is of another type. */
static bool take_text(const json_t *object, const char *key, const char **ret)
{
        const json_t *value = json_get_nocase(object, key);
        *ret = json_is_string(value) ? json_string_value(value) : "";
        return !value || json_is_null(value) || json_is_string(value);
}

static int take_mounts(
        const json_t *list, size_t index, struct arena *arena, struct container_hint *hint, struct error *err)
{
        const size_t count = json_array_size(list);
        if (list && !json_is_null(list) && !json_is_array(list))
                return fail(err, E_INVALID, "all_hosts[%zu].mounts: is no list", index);
        if (count > HINT_MOUNTS_MAX)
                return fail(err, E_TOO_LARGE, "all_hosts[%zu].mounts: more than %d", index, HINT_MOUNTS_MAX);
        const char **mounts = arena_array(arena, count ? count : 1, sizeof(*mounts));
        for (size_t i = 0; mounts && i < count; i++) {
                const json_t *mount = json_array_get(list, i);
                const char *host = "";
                const char *inside;
                if (!json_is_object(mount))
                        return fail(err, E_INVALID, "all_hosts[%zu].mounts[%zu]: is no object", index, i);
                if (!take_text(mount, "host_dir", &host) || !take_text(mount, "container_dir", &inside))
                        return fail(err, E_INVALID, "all_hosts[%zu].mounts[%zu]: a directory is no text", index, i);
                if (*host && !(mounts[hint->mount_count++] = arena_strdup(arena, host)))
                        return fail(err, E_NO_MEMORY, "no memory for hints");
        }
        hint->mounts = mounts;
        return mounts ? 0 : fail(err, E_NO_MEMORY, "no memory for hints");
}

static int take_hint(
        const json_t *given, size_t index, struct arena *arena, struct container_hint *hint, struct error *err)
{
        const char *name = "";
        const char *text;
        const json_t *interface = json_get_nocase(given, "network_interface");
        if (!json_is_object(given))
                return fail(err, E_INVALID, "all_hosts[%zu]: is no object", index);
        if (!take_text(given, "full_path", &name))
                return fail(err, E_INVALID, "all_hosts[%zu].full_path: is no text", index);
        if (interface && !json_is_null(interface) &&
                (!json_is_object(interface) || !take_text(interface, "veth_host", &text) ||
                        !take_text(interface, "veth_child", &text)))
                return fail(err, E_INVALID, "all_hosts[%zu].network_interface: is no object of texts", index);
        hint->name = arena_strdup(arena, name);
        if (!hint->name)
                return fail(err, E_NO_MEMORY, "no memory for hints");
        return take_mounts(json_get_nocase(given, "mounts"), index, arena, hint, err);
}

int hints_parse(struct sv text, struct arena *arena, struct container_hints *ret, struct error *err)
{
        cleanup(json_decref) json_t *json = json_parse(text, false, err);
        if (!json)
                return -1;
        if (!json_is_object(json))
                return fail(err, E_INVALID, "is no object");
        const json_t *list = json_get_nocase(json, "all_hosts");
        const size_t count = json_array_size(list);
        if (list && !json_is_null(list) && !json_is_array(list))
                return fail(err, E_INVALID, "all_hosts: is no list");
        if (count > HINTS_MAX)
                return fail(err, E_TOO_LARGE, "all_hosts: more than %d", HINTS_MAX);
        struct container_hint *items = arena_array(arena, count ? count : 1, sizeof(*items));
        if (!items)
                return fail(err, E_NO_MEMORY, "no memory for hints");
        memset(items, 0, (count ? count : 1) * sizeof(*items));
        for (size_t i = 0; i < count; i++)
                if (take_hint(json_array_get(list, i), i, arena, &items[i], err) < 0)
                        return -1;
        *ret = (struct container_hints){ items, count };
        return 0;
}

int hints_read(const char *path, struct arena *arena, struct container_hints *ret, struct error *err)
{
        cleanup(buf_done) struct buf text;
        char piece[16384];
        ssize_t n;
        buf_init(&text, HINTS_FILE_MAX + 1);
        /* O_NONBLOCK: a FIFO at that place would stop us */
        cleanup(fd_close) int fd = path && *path ? open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY) : -1;
        if (fd < 0) {
                if (path && *path && errno != ENOENT)
                        return fail_errno(err, "container_hints: %s", path);
                *ret = (struct container_hints){ NULL, 0 };
                return 0;
        }
        while ((n = read(fd, piece, sizeof(piece))) > 0 && !text.failed)
                buf_append(&text, piece, (size_t)n);
        if (n < 0)
                return fail_errno(err, "container_hints: %s", path);
        if (text.failed)
                return fail(err, E_TOO_LARGE, "container_hints: %s: more than %d bytes", path, HINTS_FILE_MAX);
        if (hints_parse(sv_n(buf_text(&text), text.len), arena, ret, err) < 0)
                return error_prefix(err, "container_hints: %s", path);
        return 0;
}

const struct container_hint *hints_find(const struct container_hints *hints, struct sv name)
{
        for (size_t i = 0; i < hints->count; i++)
                if (sv_eq(sv_of(hints->items[i].name), name))
                        return &hints->items[i];
        return NULL;
}
