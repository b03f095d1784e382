/* The OCI runtimes' own state: runc keeps ROOT/ID/state.json (libcontainer/container_linux.go: State), crun ROOT/ID/
 * status (src/libcrun/status.c). ROOT is /run/runc and /run/crun, of a user /run/user/UID/…, and engines give theirs:
 * containerd /run/containerd/runc/NAMESPACE, Docker /run/docker/runtime-runc/moby. What is started by hand has a group
 * of its name only, so the group is compared with those that the states name. */
#include "base/cleanup.h"
#include "linux/container_state_internal.h"
#include "schema/json.h"

#include <dirent.h>

enum { ROOTS_MAX = 24, COMPONENTS_MAX = 32, CANDIDATES_MAX = 256 };

struct runtime_root {
        const char *path;
        bool crun;
        enum container_engine engine; /* whose root it is */
        uint32_t owner;
};

struct runtime_roots {
        struct runtime_root list[ROOTS_MAX];
        size_t count;
};

static void add_root(struct runtime_roots *roots, struct runtime_root root)
{
        if (root.path && roots->count < ROOTS_MAX)
                roots->list[roots->count++] = root;
}

/* An engine's roots: one directory a namespace. */
static void add_namespaces(
        const struct lookup *lookup, struct runtime_roots *roots, const char *base, enum container_engine engine)
{
        cleanup(fd_close) int fd = base ? state_directory(lookup, base) : -1;
        cleanup(closedir) DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
        struct dirent *entry;
        if (!dir)
                return;
        take_fd(fd);
        while (roots->count < ROOTS_MAX && (entry = readdir(dir)))
                if (entry->d_name[0] != '.')
                        add_root(roots, (struct runtime_root){ state_path(lookup, "%s/%s", base, entry->d_name), false,
                                                engine, STATE_ANY_OWNER });
}

static void roots_of(const struct lookup *lookup, struct runtime_roots *ret)
{
        const struct container_places *places = lookup->places;
        uint32_t uid = lookup->identity->owner_uid;
        const char *containerd = places->containerd_run ? places->containerd_run : "/run/containerd";
        ret->count = 0;
        add_root(ret, (struct runtime_root){ places->runc_root ? places->runc_root : "/run/runc", false, CONTAINER_OCI,
                              STATE_ANY_OWNER });
        add_root(ret, (struct runtime_root){ places->crun_root ? places->crun_root : "/run/crun", true, CONTAINER_OCI,
                              STATE_ANY_OWNER });
        if (uid != UINT32_MAX && uid != 0) {
                add_root(ret, (struct runtime_root){
                                      state_path(lookup, "/run/user/%u/runc", uid), false, CONTAINER_OCI, uid });
                add_root(ret, (struct runtime_root){
                                      state_path(lookup, "/run/user/%u/crun", uid), true, CONTAINER_OCI, uid });
        }
        add_namespaces(lookup, ret, state_path(lookup, "%s/runc", containerd), CONTAINER_CONTAINERD);
        add_namespaces(lookup, ret, "/run/docker/runtime-runc", CONTAINER_DOCKER);
}

/* "bundle=/path" and the annotations as "key=value" (libcontainer/specconv). */
static void take_runc_labels(const struct lookup *lookup, const json_t *labels, struct container_state *state)
{
        size_t index;
        json_t *value;
        json_array_foreach(labels, index, value)
        {
                struct sv text = sv_of(json_string_value(value));
                size_t equals = sv_find(text, '=');
                if (equals == text.n)
                        continue;
                const char *name = state_text(lookup, sv_n(text.p, equals));
                const char *told = state_text(lookup, sv_n(text.p + equals + 1, text.n - equals - 1));
                if (!name || !told)
                        continue;
                if (strcmp(name, "bundle") == 0) {
                        state->bundle = told;
                } else {
                        state_label(lookup, state, name, told);
                        state_annotation(lookup, state, name, told);
                }
        }
}

static void take_pid(const json_t *value, struct container_state *state)
{
        json_int_t pid = json_integer_value(value);
        if (pid > 0 && pid <= INT32_MAX)
                state->pid = (pid_t)pid;
}

static void take_runc(const struct lookup *lookup, const json_t *json, struct container_state *state)
{
        const json_t *config = json_object_get(json, "config");
        take_pid(json_object_get(json, "init_process_pid"), state);
        state->created_ns = state_time(state_member(lookup, json, "created"));
        state->hostname = state_member(lookup, config, "hostname");
        take_runc_labels(lookup, json_object_get(config, "labels"), state);
}

static void take_crun(const struct lookup *lookup, const json_t *json, struct container_state *state, uint32_t owner)
{
        take_pid(json_object_get(json, "pid"), state);
        state->created_ns = state_time(state_member(lookup, json, "created"));
        state->bundle = state_member(lookup, json, "bundle");
        const char *file = state->bundle ? state_path(lookup, "%s/config.json", state->bundle) : NULL;
        cleanup(json_decref) json_t *config = file ? state_json(lookup, file, owner, NULL) : NULL;
        const json_t *annotations = json_object_get(config, "annotations");
        if (config)
                state->hostname = state_member(lookup, config, "hostname");
        state_labels(lookup, state, annotations);
        state_annotations(lookup, state, annotations);
}

/* By hand nothing but the id is given: it is the name. Of an engine's container the engine's files tell it. */
static void take_state(const struct lookup *lookup, const struct runtime_root *root, const char *file,
        const json_t *json, struct container_state *state)
{
        state->file = file;
        if (root->crun)
                take_crun(lookup, json, state, root->owner);
        else
                take_runc(lookup, json, state);
        if (!state->name && root->engine == CONTAINER_OCI && lookup->identity->engine == CONTAINER_OCI)
                state->name = state->id;
}

static const char *state_file(const struct lookup *lookup, const struct runtime_root *root, const char *id)
{
        return root->path ? state_path(lookup, "%s/%s/%s", root->path, id, root->crun ? "status" : "state.json") : NULL;
}

int state_runtime(const struct lookup *lookup, struct container_state *state, struct error *err)
{
        struct runtime_roots roots;
        struct error first = { 0 };
        roots_of(lookup, &roots);
        for (size_t i = 0; i < roots.count; i++) {
                struct error one;
                const char *file = state_file(lookup, &roots.list[i], lookup->identity->id);
                cleanup(json_decref) json_t *json = state_json(lookup, file, roots.list[i].owner, &one);
                if (json) {
                        take_state(lookup, &roots.list[i], file, json, state);
                        return 0;
                }
                if (one.code != E_NOT_FOUND && first.code == E_NONE)
                        first = one;
        }
        if (first.code == E_NONE)
                return fail(err, E_NOT_FOUND, "no runtime's state of %s", lookup->identity->id);
        if (err)
                *err = first;
        return -1;
}

/* --- by the group ---------------------------------------------------------------------------------------------------
 */

/* Is `path` (as of /proc/PID/cgroup) the group `told` (as the state has it), or one below? v1 and v2 of runc are told
 * with their mount point. */
static bool is_within_group(struct sv path, struct sv told, bool with_mount)
{
        while (told.n && told.p[told.n - 1] == '/')
                told.n--;
        if (told.n < 2)
                return false;
        if (!with_mount)
                return path.n >= told.n && memcmp(path.p, told.p, told.n) == 0 &&
                       (path.n == told.n || path.p[told.n] == '/');
        /* the mount point is not known here: the group must be the end of `told`, whole components and not the root */
        for (size_t n = path.n; n > 1; n--)
                if ((n == path.n || path.p[n] == '/') && told.n > n && memcmp(told.p + told.n - n, path.p, n) == 0 &&
                        sv_starts(told, SV("/sys/fs/cgroup/")))
                        return true;
        return false;
}

static bool text_is_within(struct sv text, struct sv told, bool with_mount)
{
        struct sv line;
        while (sv_line(&text, &line)) {
                size_t first = sv_find(line, ':');
                struct sv rest = first < line.n ? sv_n(line.p + first + 1, line.n - first - 1) : SV("");
                size_t second = sv_find(rest, ':');
                if (second < rest.n &&
                        is_within_group(sv_n(rest.p + second + 1, rest.n - second - 1), told, with_mount))
                        return true;
        }
        return false;
}

static bool state_names_group(const struct runtime_root *root, const json_t *json, struct sv text)
{
        if (root->crun)
                return text_is_within(text, sv_of(json_string_value(json_object_get(json, "cgroup-path"))), false);
        const char *controller;
        json_t *path;
        json_object_foreach(json_object_get((json_t *)json, "cgroup_paths"), controller,
                path) if (text_is_within(text, sv_of(json_string_value(path)), true)) return true;
        return false;
}

struct match {
        const struct lookup *lookup;
        struct sv text;
        struct container_identity *identity;
        struct container_state *state;
};

/* An engine that names no container by its group (`ctr run`) has more to tell than the runtime. */
static void ask_engine(const struct lookup *lookup, const struct runtime_root *root, struct container_state *state)
{
        struct container_state told = { .engine = root->engine, .id = state->id };
        state_finder *finder = root->engine == CONTAINER_DOCKER ? state_docker : state_containerd;
        if (root->engine == CONTAINER_OCI || finder(lookup, &told, NULL) < 0)
                return;
        if (!told.name)
                told.name = state->id;
        if (!told.created_ns)
                told.created_ns = state->created_ns;
        *state = told;
}

static bool try_id(const struct match *match, const struct runtime_root *root, struct sv id)
{
        char name[CONTAINER_ID_MAX];
        if (!id.n || id.n >= sizeof(name) || memchr(id.p, '/', id.n))
                return false;
        memcpy(name, id.p, id.n);
        name[id.n] = '\0';
        if (!state_id_is_safe(name))
                return false;
        const char *file = state_file(match->lookup, root, name);
        cleanup(json_decref) json_t *json = state_json(match->lookup, file, root->owner, NULL);
        if (!json || !state_names_group(root, json, match->text))
                return false;
        struct container_identity found = *match->identity;
        found.engine = root->engine;
        memcpy(found.id, name, id.n + 1);
        struct lookup lookup = *match->lookup;
        lookup.identity = &found;
        *match->state = (struct container_state){ .engine = root->engine, .id = state_text(&lookup, id) };
        take_state(&lookup, root, file, json, match->state);
        ask_engine(&lookup, root, match->state);
        *match->identity = found;
        return true;
}

/* The id is nearly always a component of the path: no directory has to be read then. */
static bool try_components(const struct match *match, const struct runtime_root *root)
{
        struct sv text = match->text;
        struct sv line;
        struct sv previous = SV("");
        while (sv_line(&text, &line)) {
                size_t first = sv_find(line, ':');
                struct sv rest = first < line.n ? sv_n(line.p + first + 1, line.n - first - 1) : SV("");
                size_t second = sv_find(rest, ':');
                if (second == rest.n)
                        continue;
                struct sv path = sv_n(rest.p + second + 1, rest.n - second - 1);
                struct sv component;
                if (sv_eq(path, previous))
                        continue;
                previous = path;
                for (int n = 0; n < COMPONENTS_MAX && sv_split(&path, '/', &component); n++) {
                        struct sv id = component;
                        bool scope = sv_starts(id, SV("crun-")) || sv_starts(id, SV("runc-")); /* systemd drivers */
                        if (scope && sv_ends(id, SV(".scope")))
                                id = sv_n(id.p + 5, id.n - 11);
                        if (try_id(match, root, id))
                                return true;
                }
        }
        return false;
}

static bool try_all(const struct match *match, const struct runtime_root *root)
{
        cleanup(fd_close) int fd = root->path ? state_directory(match->lookup, root->path) : -1;
        cleanup(closedir) DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
        struct dirent *entry;
        if (!dir)
                return false;
        take_fd(fd);
        for (int seen = 0; seen < CANDIDATES_MAX && (entry = readdir(dir)); seen++)
                if (entry->d_name[0] != '.' && try_id(match, root, sv_of(entry->d_name)))
                        return true;
        return false;
}

int container_state_match(const struct container_places *places, struct sv cgroup_text, struct arena *arena,
        struct container_identity *ret_identity, struct container_state *ret, struct error *err)
{
        struct container_identity identity;
        container_identify(cgroup_text, &identity);
        struct state_mounts mounts = { 0 };
        struct lookup lookup = { places, &identity, 0, arena, &mounts };
        struct container_state state;
        struct match match = { &lookup, cgroup_text, &identity, &state };
        struct runtime_roots roots;
        roots_of(&lookup, &roots);
        for (int all = 0; all < 2; all++)
                for (size_t i = 0; i < roots.count; i++)
                        if (all ? try_all(&match, &roots.list[i]) : try_components(&match, &roots.list[i])) {
                                *ret_identity = identity;
                                *ret = state;
                                return 0;
                        }
        return fail(err, E_NOT_FOUND, "no runtime's state names this control group");
}
