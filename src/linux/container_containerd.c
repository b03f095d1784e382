/* containerd: RUN/io.containerd.runtime.v2.task/NAMESPACE/ID/config.json is the OCI bundle of a running container
 * (core/runtime/v2/bundle.go). Its annotations tell names where a client put them there: the CRI plugin and nerdctl do,
 * `ctr` gives a container no name but its id. nerdctl also keeps DATA/ADDRESS/names/NAMESPACE/NAME, a file that holds
 * the id (pkg/namestore). */
#include "base/cleanup.h"
#include "base/path.h"
#include "linux/container_state_internal.h"
#include "schema/json.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

static const char *const task_directories[] = { "io.containerd.runtime.v2.task", "io.containerd.runtime.v1.linux" };

/* Docker's own containers are in the namespace "moby": their bundle tells where Docker keeps its files. */
static void take_docker_root(const struct lookup *lookup, const json_t *json, struct container_state *state)
{
        size_t index;
        json_t *mount;
        json_array_foreach(json_object_get(json, "mounts"), index, mount)
        {
                const char *point = json_string_value(json_object_get(mount, "destination"));
                const char *source = json_string_value(json_object_get(mount, "source"));
                struct sv containers = sv_of(source);
                if (!point || !source || strcmp(point, "/etc/hostname") != 0)
                        continue;
                containers = path_dir(path_dir(containers)); /* DATA/containers/ID/hostname */
                if (!sv_eq(path_base(containers), SV("containers")))
                        continue;
                struct container_places places = *lookup->places;
                places.docker_root = state_text(lookup, path_dir(containers));
                struct lookup docker = *lookup;
                struct container_state found = { .engine = CONTAINER_DOCKER, .id = state->id, .pod = state->pod };
                docker.places = &places;
                struct state_mounts none = { .read = true };
                docker.mounts = &none;
                if (places.docker_root && state_docker(&docker, &found, NULL) == 0)
                        *state = found;
                return;
        }
}

static void find_nerdctl_name(const struct lookup *lookup, struct container_state *state)
{
        static const char base[] = "var/lib/nerdctl";
        cleanup(fd_close) int fd = state_directory(lookup, base);
        cleanup(closedir) DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
        struct dirent *address;
        if (!dir)
                return;
        take_fd(fd);
        for (int seen = 0; !state->name && seen < STATE_DIRECTORY_MAX && (address = readdir(dir)); seen++) {
                const char *path = state_path(lookup, "%s/%s/names/%s", base, address->d_name, state->name_space);
                cleanup(fd_close) int names_fd = path && address->d_name[0] != '.' ? state_directory(lookup, path) : -1;
                cleanup(closedir) DIR *names = names_fd >= 0 ? fdopendir(names_fd) : NULL;
                struct dirent *name;
                if (!names)
                        continue;
                take_fd(names_fd);
                for (int files = 0; files < STATE_DIRECTORY_MAX && (name = readdir(names)); files++) {
                        cleanup(buf_done) struct buf id;
                        buf_init(&id, 256);
                        if (name->d_name[0] != '.' && name->d_type == DT_REG &&
                                file_read(dirfd(names), name->d_name, &id, NULL) == 0 &&
                                sv_eq(sv_trim(sv_n(buf_text(&id), id.len)), sv_of(lookup->identity->id))) {
                                state->name = state_text(lookup, sv_of(name->d_name));
                                break;
                        }
                }
        }
}

static int read_bundle(const struct lookup *lookup, const char *bundle, const char *name_space,
        struct container_state *state, struct error *err)
{
        cleanup(buf_done) struct buf pid;
        uint64_t number;
        const char *file = state_path(lookup, "%s/config.json", bundle);
        cleanup(json_decref) json_t *json = state_json(lookup, file, STATE_ANY_OWNER, err);
        if (!json)
                return -1;
        const json_t *annotations = json_object_get(json, "annotations");
        state->engine = CONTAINER_CONTAINERD;
        state->file = file;
        state->bundle = bundle;
        state->hostname = state_member(lookup, json, "hostname");
        state->name_space = state_text(lookup, sv_of(name_space));
        state_labels(lookup, state, annotations);
        buf_init(&pid, 64 + 16384);
        if (state_read(lookup, state_path(lookup, "%s/init.pid", bundle), STATE_ANY_OWNER, &pid, NULL) == 0 &&
                sv_parse_u64(sv_trim(sv_n(buf_text(&pid), pid.len)), 10, &number) && number <= INT32_MAX)
                state->pid = (pid_t)number;
        if (strcmp(name_space, "moby") == 0) {
                take_docker_root(lookup, json, state);
                return 0;
        }
        state_annotations(lookup, state, annotations);
        if (!state->name)
                find_nerdctl_name(lookup, state);
        return 0;
}

int state_containerd(const struct lookup *lookup, struct container_state *state, struct error *err)
{
        const char *run = lookup->places->containerd_run ? lookup->places->containerd_run : "/run/containerd";
        for (size_t i = 0; i < sizeof(task_directories) / sizeof(*task_directories); i++) {
                const char *tasks = state_path(lookup, "%s/%s", run, task_directories[i]);
                cleanup(fd_close) int fd = tasks ? state_directory(lookup, tasks) : -1;
                cleanup(closedir) DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
                struct dirent *entry;
                if (!dir)
                        continue;
                take_fd(fd);
                for (int seen = 0; seen < STATE_DIRECTORY_MAX && (entry = readdir(dir)); seen++) {
                        if (entry->d_name[0] == '.')
                                continue;
                        const char *bundle = state_path(lookup, "%s/%s/%s", tasks, entry->d_name, lookup->identity->id);
                        if (bundle && state_is_directory(lookup, bundle))
                                return read_bundle(lookup, bundle, entry->d_name, state, err);
                }
        }
        return fail(err, E_NOT_FOUND, "containerd has no bundle of %s", lookup->identity->id);
}
