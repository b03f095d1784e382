/* Docker: DATA/containers/ID/config.v2.json (container.go: Container.ToDisk), written before the container starts. DATA
 * is /var/lib/docker, "data-root" of /etc/docker/daemon.json, for a rootless daemon ~/.local/share/docker, with
 * userns-remap a directory "UID.GID" below; wherever it is, the container's /etc/hostname is mounted from there. */
#include "base/cleanup.h"
#include "linux/container_state_internal.h"
#include "schema/json.h"

#include <dirent.h>

static int take_config(const struct lookup *lookup, const char *file, const json_t *json, struct container_state *state,
        struct error *err)
{
        const char *id = json_string_value(json_object_get(json, "ID"));
        const json_t *config = json_object_get(json, "Config");
        const json_t *now = json_object_get(json, "State");
        if (!id || strcmp(id, lookup->identity->id) != 0)
                return fail(err, E_CORRUPT, "%s is not of container %s", file, lookup->identity->id);
        const char *name = state_member(lookup, json, "Name");
        state->engine = CONTAINER_DOCKER;
        state->image = state_member(lookup, config, "Image");
        state->image_id = state_member(lookup, json, "Image");
        state->hostname = state_member(lookup, config, "Hostname");
        state->created_ns = state_time(state_member(lookup, json, "Created"));
        state->started_ns = state_time(state_member(lookup, now, "StartedAt"));
        state->restarts = (uint64_t)json_integer_value(json_object_get(json, "RestartCount"));
        json_int_t pid = json_integer_value(json_object_get(now, "Pid"));
        if (pid > 0 && pid <= INT32_MAX)
                state->pid = (pid_t)pid;
        const json_t *labels = json_object_get(config, "Labels");
        state_labels(lookup, state, labels);
        state_annotations(lookup, state, labels); /* of the kubelet, with cri-dockerd: the name in the pod wins */
        if (!state->name && name)
                state->name = *name == '/' ? name + 1 : name;
        state->file = file;
        return 0;
}

static int read_config(const struct lookup *lookup, const char *directory, uint32_t owner,
        struct container_state *state, struct error *err)
{
        const char *file = state_path(lookup, "%s/config.v2.json", directory);
        cleanup(json_decref) json_t *json = state_json(lookup, file, owner, err);
        return json ? take_config(lookup, file, json, state, err) : -1;
}

static int read_below(const struct lookup *lookup, const char *data_root, uint32_t owner, struct container_state *state,
        struct error *err)
{
        const char *directory = state_path(lookup, "%s/containers/%s", data_root, lookup->identity->id);
        return directory ? read_config(lookup, directory, owner, state, err)
                         : fail(err, E_TOO_LARGE, "the path of a state file is too long");
}

static const char *configured_root(const struct lookup *lookup)
{
        cleanup(json_decref) json_t *json = state_json(lookup, "etc/docker/daemon.json", STATE_ANY_OWNER, NULL);
        const char *root = json ? state_member(lookup, json, "data-root") : NULL;
        if (!root && json)
                root = state_member(lookup, json, "graph"); /* its name before Docker 17.05 */
        return root ? root : "/var/lib/docker";
}

int state_docker(const struct lookup *lookup, struct container_state *state, struct error *err)
{
        uint32_t owner = lookup->identity->owner_uid;
        struct error one;
        const char *root = lookup->places->docker_root ? lookup->places->docker_root : configured_root(lookup);
        if (read_below(lookup, root, STATE_ANY_OWNER, state, err) == 0)
                return 0;
        const char *home = owner != UINT32_MAX && owner != 0 ? state_home(lookup, owner) : NULL;
        root = home ? state_path(lookup, "%s/.local/share/docker", home) : NULL;
        if (root && read_below(lookup, root, owner, state, &one) == 0)
                return 0;
        const char *mounted = state_mounts(lookup)->hostname_directory;
        if (mounted && read_config(lookup, mounted, home ? owner : STATE_ANY_OWNER, state, &one) == 0)
                return 0;
        return -1;
}
