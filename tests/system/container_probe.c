/* Says in one line of JSON which container a process is in and what the engines' state files tell of it: for the tests
 * with real engines. Usage: container_probe PID [without-pid] (then no process's mounts are looked at). */
#include "base/buf.h"
#include "base/cleanup.h"
#include "linux/container_state.h"
#include "linux/process.h"

#include <fcntl.h>
#include <jansson.h>

static json_t *text(const char *value)
{
        return value ? json_string(value) : json_null();
}

static void print(const struct container_identity *identity, const struct container_state *state)
{
        json_t *object = json_object();
        json_t *labels = json_object();
        json_object_set_new(object, "recognised", text(container_engine_name(identity->engine)));
        json_object_set_new(object, "id", text(identity->id));
        json_object_set_new(object, "engine", text(container_engine_name(state->engine)));
        json_object_set_new(object, "name", text(state->name));
        json_object_set_new(object, "image", text(state->image));
        json_object_set_new(object, "image_id", text(state->image_id));
        json_object_set_new(object, "pod", text(state->pod));
        json_object_set_new(object, "namespace", text(state->name_space));
        json_object_set_new(object, "hostname", text(state->hostname));
        json_object_set_new(object, "bundle", text(state->bundle));
        json_object_set_new(object, "file", text(state->file));
        json_object_set_new(object, "created_ns", json_integer(state->created_ns));
        json_object_set_new(object, "started_ns", json_integer(state->started_ns));
        json_object_set_new(object, "pid", json_integer(state->pid));
        for (size_t i = 0; i < state->label_count; i++)
                json_object_set_new(labels, state->labels[i].name, text(state->labels[i].value));
        json_object_set_new(object, "labels", labels);
        json_dumpf(object, stdout, JSON_SORT_KEYS);
        putchar('\n');
        json_decref(object);
}

static int probe(int root, pid_t pid, bool mounts, struct error *err)
{
        cleanup(arena_done) struct arena arena;
        cleanup(process_close) struct process process = { .dir = -1 };
        cleanup(buf_done) struct buf cgroup;
        struct container_places places = { .root = root };
        struct container_identity identity;
        struct container_state state;
        arena_init(&arena, CONTAINER_STATE_MEMORY);
        buf_init(&cgroup, 65536);
        if (process_open(root, pid, &process, err) < 0 || process_read_file(&process, "cgroup", &cgroup, err) < 0)
                return -1;
        struct sv told = sv_n(buf_text(&cgroup), cgroup.len);
        if (container_identify(told, &identity)) {
                if (container_state_find(&places, &identity, mounts ? pid : 0, &arena, &state, err) < 0)
                        return -1;
        } else if (container_state_match(&places, told, &arena, &identity, &state, err) < 0) {
                return -1;
        }
        print(&identity, &state);
        return 0;
}

int main(int argc, char **argv)
{
        struct error err;
        uint64_t pid;
        cleanup(fd_close) int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (argc < 2 || !sv_parse_u64(sv_of(argv[1]), 10, &pid) || pid > PROCESS_PID_MAX || root < 0) {
                fprintf(stderr, "usage: container_probe PID [without-pid]\n");
                return 2;
        }
        if (probe(root, (pid_t)pid, argc < 3, &err) < 0) {
                fprintf(stderr, "container_probe: %s\n", err.message);
                return error_exit_status(err.code);
        }
        return 0;
}
