/* podman and CRI-O keep their containers in containers/storage: GRAPHROOT/DRIVER-containers/containers.json lists them
 * with names and with a "metadata" text that is JSON of the engine's own (store.go, containers.go; podman:
 * libpod/storage.go, CRI-O: internal/storage/runtime.go), volatile-containers.json those of `--rm`, and
 * RUNROOT/DRIVER-containers/ID/userdata/config.json is the OCI configuration of one that runs.
 *
 * Roots: storage.conf(5) in /etc/containers; a rootless user's are ~/.local/share/containers/storage and
 * /run/user/UID/containers, or of ~/.config/containers/storage.conf. The upper directory of a container's root lies
 * below the graph root too, wherever that is. */
#include "base/cleanup.h"
#include "base/path.h"
#include "linux/container_state_internal.h"
#include "schema/json.h"

static const char *const drivers[] = { "overlay", "vfs", "btrfs", "zfs", "overlay2" };

enum { DRIVERS = sizeof(drivers) / sizeof(*drivers) };

struct storage {
        const char *graph_root, *run_root;
        uint32_t owner;
};

/* `key = "value"` of a TOML file, in whatever table: these keys stand in [storage] only. */
static const char *toml_value(const struct lookup *lookup, struct sv text, const char *key)
{
        struct sv line;
        while (sv_line(&text, &line)) {
                size_t equals = sv_find(line, '=');
                struct sv value = sv_trim(line);
                if (equals == line.n || !sv_eq(sv_trim(sv_n(line.p, equals)), sv_of(key)))
                        continue;
                value = sv_trim(sv_n(line.p + equals + 1, line.n - equals - 1));
                size_t end;
                if (value.n < 2 || (value.p[0] != '"' && value.p[0] != '\''))
                        continue;
                end = sv_find(sv_n(value.p + 1, value.n - 1), value.p[0]);
                return state_text(lookup, sv_n(value.p + 1, end < value.n - 1 ? end : value.n - 1));
        }
        return NULL;
}

static void read_conf(const struct lookup *lookup, const char *path, uint32_t owner, struct storage *storage)
{
        cleanup(buf_done) struct buf buf;
        buf_init(&buf, CONTAINER_STATE_FILE_MAX + 16384);
        if (!path || state_read(lookup, path, owner, &buf, NULL) < 0)
                return;
        const char *graph = toml_value(lookup, sv_n(buf_text(&buf), buf.len), "graphroot");
        const char *run = toml_value(lookup, sv_n(buf_text(&buf), buf.len), "runroot");
        if (graph && !strchr(graph, '$'))
                storage->graph_root = graph;
        if (run && !strchr(run, '$'))
                storage->run_root = run;
}

static struct storage system_storage(const struct lookup *lookup)
{
        struct storage storage = { "/var/lib/containers/storage", "/run/containers/storage", STATE_ANY_OWNER };
        read_conf(lookup, "usr/share/containers/storage.conf", STATE_ANY_OWNER, &storage);
        read_conf(lookup, "etc/containers/storage.conf", STATE_ANY_OWNER, &storage);
        if (lookup->places->containers_root)
                storage.graph_root = lookup->places->containers_root;
        if (lookup->places->containers_run)
                storage.run_root = lookup->places->containers_run;
        return storage;
}

static bool user_storage(const struct lookup *lookup, uint32_t uid, struct storage *ret)
{
        const char *home = state_home(lookup, uid);
        if (!home)
                return false;
        *ret = (struct storage){ state_path(lookup, "%s/.local/share/containers/storage", home),
                state_path(lookup, "/run/user/%u/containers", uid), uid };
        read_conf(lookup, state_path(lookup, "%s/.config/containers/storage.conf", home), uid, ret);
        return ret->graph_root && ret->run_root;
}

/* GRAPHROOT of "GRAPHROOT/overlay/LAYER/diff". */
static bool mounted_storage(const struct lookup *lookup, struct storage *storage)
{
        const char *upper = state_mounts(lookup)->upper_directory;
        if (!upper)
                return false;
        struct sv driver = path_dir(path_dir(sv_of(upper)));
        if (!sv_eq(path_base(driver), SV("overlay")))
                return false;
        storage->graph_root = state_text(lookup, path_dir(driver));
        return storage->graph_root != NULL;
}

/* --- containers.json ------------------------------------------------------------------------------------------------
 */

/* podman: {"image-name", "image-id", "name", "created-at"}; CRI-O: {"image-name", "image-id", "name", "pod-name",
 * "pod-id", "metadata-name", "namespace", "created-at", …}. */
static void take_metadata(const struct lookup *lookup, const json_t *entry, struct container_state *state)
{
        json_t *text = json_object_get(entry, "metadata");
        cleanup(json_decref) json_t *metadata =
                json_is_string(text) ? state_json_text(sv_n(json_string_value(text), json_string_length(text)),
                                               "metadata of a container", NULL)
                                     : NULL;
        if (!metadata)
                return;
        const char *in_pod = state_member(lookup, metadata, "metadata-name");
        const char *name = state_member(lookup, metadata, "name");
        const char *pod = state_member(lookup, metadata, "pod-name");
        const char *image = state_member(lookup, metadata, "image-name");
        const char *image_id = state_member(lookup, metadata, "image-id");
        if (in_pod)
                state->name = in_pod;
        else if (name)
                state->name = name;
        if (pod)
                state->pod = pod;
        if (image)
                state->image = image;
        if (image_id)
                state->image_id = image_id;
        json_int_t created = json_integer_value(json_object_get(metadata, "created-at"));
        if (created > 0 && created < INT64_MAX / 1000000000)
                state->created_ns = created * 1000000000;
}

static void take_entry(const struct lookup *lookup, const json_t *entry, struct container_state *state)
{
        const json_t *names = json_object_get(entry, "names");
        const char *name = json_string_value(json_array_get(names, 0));
        int64_t created = state_time(state_member(lookup, entry, "created"));
        if (name)
                state->name = state_text(lookup, sv_of(name));
        state->image_id = state_member(lookup, entry, "image");
        take_metadata(lookup, entry, state);
        if (created)
                state->created_ns = created; /* with its fraction, which the metadata has not */
}

static int find_in_list(
        const struct lookup *lookup, const char *file, uint32_t owner, struct container_state *state, struct error *err)
{
        cleanup(json_decref) json_t *list = state_json(lookup, file, owner, err);
        size_t index;
        json_t *entry;
        if (!list)
                return -1;
        json_array_foreach(list, index, entry)
        {
                const char *id = json_string_value(json_object_get(entry, "id"));
                if (!id || strcmp(id, lookup->identity->id) != 0)
                        continue;
                take_entry(lookup, entry, state);
                state->file = file;
                return 0;
        }
        return fail(err, E_NOT_FOUND, "%s does not list %s", file, lookup->identity->id);
}

/* --- userdata/config.json -------------------------------------------------------------------------------------------
 */

/* CRI-O writes the labels as a JSON text into one annotation; podman none at all. */
static void take_labels(const struct lookup *lookup, const json_t *annotations, struct container_state *state)
{
        json_t *text = json_object_get(annotations, "io.kubernetes.cri-o.Labels");
        cleanup(json_decref) json_t *labels =
                json_is_string(text) ? state_json_text(sv_n(json_string_value(text), json_string_length(text)),
                                               "labels of a container", NULL)
                                     : NULL;
        state_labels(lookup, state, labels ? labels : annotations);
}

static int read_userdata(const struct lookup *lookup, const char *directory, uint32_t owner,
        struct container_state *state, struct error *err)
{
        const char *file = state_path(lookup, "%s/config.json", directory);
        cleanup(json_decref) json_t *json = state_json(lookup, file, owner, err);
        if (!json)
                return -1;
        const json_t *annotations = json_object_get(json, "annotations");
        const char *created = state_member(lookup, annotations, "io.kubernetes.cri-o.Created");
        state->hostname = state_member(lookup, json, "hostname");
        state->bundle = directory;
        take_labels(lookup, annotations, state);
        state_annotations(lookup, state, annotations);
        if (!state->created_ns)
                state->created_ns = state_time(created);
        if (!state->file)
                state->file = file;
        return 0;
}

static void read_pid(const struct lookup *lookup, const char *path, uint32_t owner, struct container_state *state)
{
        cleanup(buf_done) struct buf buf;
        uint64_t pid;
        buf_init(&buf, CONTAINER_STATE_FILE_MAX + 16384);
        if (state_read(lookup, path, owner, &buf, NULL) == 0 &&
                sv_parse_u64(sv_trim(sv_n(buf_text(&buf), buf.len)), 10, &pid) && pid <= INT32_MAX)
                state->pid = (pid_t)pid;
}

/* --- both -----------------------------------------------------------------------------------------------------------
 */

static bool has_driver(const struct lookup *lookup, const char *root, const char *driver)
{
        const char *path = state_path(lookup, "%s/%s-containers", root, driver);
        return path && state_is_directory(lookup, path);
}

/* Fills from every file there is; the list tells the name that the user gave, the configuration labels. */
static int read_storage(
        const struct lookup *lookup, const struct storage *storage, struct container_state *state, struct error *err)
{
        const char *const lists[][2] = { { storage->graph_root, "containers.json" },
                { storage->graph_root, "volatile-containers.json" },
                { storage->run_root, "volatile-containers.json" } }; /* the last with transient_store */
        const char *id = lookup->identity->id;
        bool found = false;
        struct error corrupt = { 0 };
        struct error one;
        if (!state_is_directory(lookup, storage->graph_root) && !state_is_directory(lookup, storage->run_root))
                return fail(err, E_NOT_FOUND, "no containers/storage at %s", storage->graph_root);
        for (size_t i = 0; i < DRIVERS && !found; i++) {
                if (!has_driver(lookup, storage->graph_root, drivers[i]) &&
                        !has_driver(lookup, storage->run_root, drivers[i]))
                        continue;
                for (size_t l = 0; l < 3 && !found; l++) {
                        const char *file =
                                state_path(lookup, "%s/%s-containers/%s", lists[l][0], drivers[i], lists[l][1]);
                        found = find_in_list(lookup, file, storage->owner, state, &one) == 0;
                        if (!found && one.code != E_NOT_FOUND)
                                corrupt = one;
                }
                const char *userdata =
                        state_path(lookup, "%s/%s-containers/%s/userdata", storage->run_root, drivers[i], id);
                const char *kept =
                        state_path(lookup, "%s/%s-containers/%s/userdata", storage->graph_root, drivers[i], id);
                found |= userdata && read_userdata(lookup, userdata, storage->owner, state, &one) == 0;
                read_pid(lookup, state_path(lookup, "%s/pidfile", userdata ? userdata : ""), storage->owner, state);
                if (!state->bundle)
                        found |= kept && read_userdata(lookup, kept, storage->owner, state, &one) == 0;
        }
        if (found)
                return 0;
        if (corrupt.code != E_NONE) {
                if (err)
                        *err = corrupt;
                return -1;
        }
        return fail(err, E_NOT_FOUND, "containers/storage below %s does not know %s", storage->graph_root, id);
}

int state_podman(const struct lookup *lookup, struct container_state *state, struct error *err)
{
        uint32_t uid = lookup->identity->owner_uid;
        struct storage storage = system_storage(lookup);
        struct storage user;
        struct error one;
        int result = -1;
        /* a rootful podman started from a user's session has a group below user.slice too */
        bool rootless = uid != UINT32_MAX && uid != 0 && user_storage(lookup, uid, &user);
        if (rootless)
                result = read_storage(lookup, &user, state, err);
        if (result < 0)
                result = read_storage(lookup, &storage, state, rootless ? &one : err);
        if (result < 0 && mounted_storage(lookup, rootless ? &user : &storage))
                result = read_storage(lookup, rootless ? &user : &storage, state, &one);
        if (result == 0)
                state->engine = CONTAINER_PODMAN;
        return result;
}

int state_crio(const struct lookup *lookup, struct container_state *state, struct error *err)
{
        struct storage storage = system_storage(lookup);
        if (read_storage(lookup, &storage, state, err) < 0)
                return -1;
        state->engine = CONTAINER_CRIO;
        return 0;
}
