/* With which status a container's program ended, from the files that engines leave behind:
 *
 *      Docker   State of config.v2.json (daemon/container: State.ExitCode, FinishedAt), rewritten after the end
 *      podman   /run/libpod/exits/ID, the status as text: conmon writes it (src/ctr_exit.c), podman removes it some
 *               50 ms later; a rootless user's is /run/user/UID/libpod/tmp/exits/ID
 *      CRI-O    /run/crio/exits/ID, by conmon too
 *
 * containerd keeps it in its shim's memory alone, runc and crun nowhere. */
#include "base/cleanup.h"
#include "base/timefmt.h"
#include "linux/container_state_internal.h"
#include "linux/open_in_root.h"
#include "schema/json.h"

#include <fcntl.h>
#include <sys/stat.h>

enum { EXIT_TEXT_MAX = 16 };

/* conmon's file. The status of an end before since_ns is of an earlier run. */
static int read_conmon(
        const struct lookup *lookup, const char *path, uint32_t owner, int64_t since_ns, int *ret, struct error *err)
{
        char text[EXIT_TEXT_MAX];
        struct stat st;
        uint64_t status;
        cleanup(fd_close) int fd = path ? open_in_root(lookup->places->root, path, O_RDONLY | O_NOCTTY) : -1;
        if (fd < 0 || fstat(fd, &st) < 0)
                return fail(err, E_UNAVAILABLE, "no status of %s yet", lookup->identity->id);
        if ((owner != STATE_ANY_OWNER && st.st_uid != owner) || !S_ISREG(st.st_mode) ||
                st.st_mtim.tv_sec * SECOND + st.st_mtim.tv_nsec < since_ns)
                return fail(err, E_UNAVAILABLE, "no status of %s yet", lookup->identity->id);
        ssize_t size = read(fd, text, sizeof(text));
        if (size <= 0) /* written in two steps */
                return fail(err, E_UNAVAILABLE, "no status of %s yet", lookup->identity->id);
        if (!sv_parse_u64(sv_trim(sv_n(text, (size_t)size)), 10, &status) || status > UINT8_MAX)
                return fail(err, E_CORRUPT, "%s holds no status", path);
        *ret = (int)status;
        return 0;
}

static int read_docker(const struct lookup *lookup, int64_t since_ns, int *ret, struct error *err)
{
        struct container_state state = { .engine = CONTAINER_DOCKER };
        if (state_docker(lookup, &state, err) < 0)
                return -1;
        cleanup(json_decref) json_t *json = state_json(lookup, state.file, STATE_ANY_OWNER, err);
        if (!json)
                return -1;
        const json_t *now = json_object_get(json, "State");
        const json_t *status = json_object_get(now, "ExitCode");
        const int64_t finished_ns = state_time(state_member(lookup, now, "FinishedAt"));
        /* one that its restart policy will start again counts as running (daemon/container: SetRestarting) */
        const bool runs =
                json_is_true(json_object_get(now, "Running")) && !json_is_true(json_object_get(now, "Restarting"));
        if (runs || finished_ns < since_ns || !json_is_integer(status))
                return fail(err, E_UNAVAILABLE, "Docker has not noted the end of %s yet", lookup->identity->id);
        json_int_t value = json_integer_value(status);
        if (value < 0 || value > INT32_MAX)
                return fail(err, E_CORRUPT, "%s holds no status", state.file);
        *ret = (int)value;
        return 0;
}

int container_state_exit(const struct container_places *places, const struct container_identity *identity,
        int64_t since_ns, struct arena *arena, int *ret, struct error *err)
{
        struct state_mounts none = { .read = true };
        const struct lookup lookup = { places, identity, 0, arena, &none };
        const uint32_t uid = identity->owner_uid;
        const bool rootless = uid != UINT32_MAX && uid != 0;
        if (!state_id_is_safe(identity->id))
                return fail(err, E_INVALID, "no container's id");
        switch (identity->engine) {
        case CONTAINER_DOCKER:
                return read_docker(&lookup, since_ns, ret, err);
        case CONTAINER_PODMAN:
                return read_conmon(&lookup,
                        rootless ? state_path(&lookup, "/run/user/%u/libpod/tmp/exits/%s", uid, identity->id)
                                 : state_path(&lookup, "/run/libpod/exits/%s", identity->id),
                        rootless ? uid : STATE_ANY_OWNER, since_ns, ret, err);
        case CONTAINER_CRIO:
                return read_conmon(&lookup, state_path(&lookup, "/run/crio/exits/%s", identity->id), STATE_ANY_OWNER,
                        since_ns, ret, err);
        default:
                return fail(err, E_UNSUPPORTED, "%s leaves no status", container_engine_name(identity->engine));
        }
}
