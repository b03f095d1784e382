/* Observations from bytes, nine and more for each, into one small tree: no order and no contradiction may harm it. Then
 * all of it is asked for, and every process ends. */
#include "base/timefmt.h"
#include "modules/watch/process/tree.h"

#include <stdint.h>
#include <stdlib.h>

struct input {
        const uint8_t *at, *end;
};

static unsigned byte(struct input *input)
{
        return input->at < input->end ? *input->at++ : 0;
}

static const char *const texts[] = { "", "/bin/sh", "/usr/bin/conmon", "/usr/bin/runc",
        "/usr/bin/containerd-shim-runc-v2", "/usr/bin/systemd-nspawn", "[lxc monitor] /var/lib/lxc c1", "runc:[2:INIT]",
        "/usr/bin/crun" };
static const char *const groups[] = { "", "0::/", "/system.slice/ssh.service", "0::/../../x",
        "0::/system.slice/docker-4f6c8a1d0b2e3f405162738495a6b7c8d9e0f1a2b3c4d5e6f708192a3b4c5d6e.scope",
        "/machine.slice/libpod-conmon-4f6c8a1d0b2e3f405162738495a6b7c8d9e0f1a2b3c4d5e6f708192a3b4c5d6e.scope",
        "0::/machine.slice/machine-box.scope/payload" };
/* runs of arguments, each ended by NUL */
static const struct sv arguments[] = { { "", 0 }, { "sh\0-c\0x", 8 }, { "runc\0init", 10 }, { "runc\0create\0box", 16 },
        { "conmon\0-c\0box\0-n\0x", 19 }, { "systemd-nspawn\0-bD\0/x/", 23 },
        { "shim\0-namespace\0moby\0-id\0abc", 29 }, { "-", 1 }, { "\0\0", 2 } };

#define PICK(list, n) (list)[(n) % (sizeof(list) / sizeof(*(list)))]

static volatile size_t kept;

static void take(const struct event *event, void *cookie)
{
        (void)cookie;
        const struct event_process *process = &event->process;
        const char *strings[] = { process->exec_id, process->parent_exec_id, process->comm, process->exe, process->cwd,
                process->tty, process->capabilities, process->unit, process->container.engine, process->container.id,
                process->container.name, event->object.operation, event->object.name, event->object.exec_id };
        for (size_t i = 0; i < sizeof(strings) / sizeof(*strings); i++)
                kept += strings[i] ? strlen(strings[i]) : 0;
        for (size_t i = 0; i < process->argv.count; i++)
                kept += strlen(process->argv.items[i]);
        for (size_t i = 0; i < process->ancestors.count; i++)
                kept += strlen(process->ancestors.items[i].exec_id) + strlen(process->ancestors.items[i].comm);
        if (process->exec_id && strlen(process->exec_id) >= EVENT_ID_MAX)
                abort();
}

static bool ask(const struct tree_process *process, unsigned depth, void *cookie)
{
        struct event event = { .has_process = true };
        if (depth > 100000)
                abort();
        tree_process_fill(cookie, process, &event.process);
        take(&event, NULL);
        return true;
}

static bool ask_container(const struct tree_container *container, void *cookie)
{
        size_t *processes = cookie;
        *processes += container->processes;
        return true;
}

static void apply(struct tree *tree, struct input *input, int64_t *now)
{
        struct observation o;
        unsigned kind = byte(input);
        unsigned flags = byte(input);
        unsigned shape = byte(input);
        observation_init(&o, (enum observation_type)(kind % 24), (enum source_kind)((kind / 24) % 6));
        o.pid = (pid_t)(byte(input) % 32);
        o.ppid = (pid_t)(byte(input) % 32);
        *now += (int64_t)byte(input) * MILLISECOND;
        o.time_ns = *now - (int64_t)byte(input) * MILLISECOND;
        if (flags & 1)
                o.start_ns = (uint64_t)byte(input) * 10 * MILLISECOND + 1;
        if (flags & 2)
                o.exe = sv_of(PICK(texts, shape));
        if (flags & 4)
                o.comm = sv_of(PICK(texts, shape / 2));
        if (flags & 8)
                o.argv = PICK(arguments, shape);
        if (flags & 16) {
                o.cgroup = sv_of(PICK(groups, shape));
                o.has |= HAS_CGROUP;
        }
        if (flags & 32) {
                o.has |= byte(input) & 0x1ff;
                o.uid = o.gid = o.auid = shape;
                o.cap_effective = shape * UINT64_C(0x0101010101010101);
                o.tty = sv_of(PICK(texts, shape));
                o.operation = sv_of(PICK(texts, shape / 3));
                o.object = sv_of(PICK(groups, shape));
                o.path = o.object;
                o.target_pid = (pid_t)(shape % 32);
                o.flags = shape * UINT64_C(0x1000000);
        }
        if (flags & 64)
                o.pid_namespace = shape % 3;
        o.late = (flags & 128) != 0;
        if (kind == 255)
                o.time_ns = (int64_t)((uint64_t)shape << 56 | *now);
        tree_apply(tree, &o, take, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct input input = { data, data + size };
        struct tree_options options = { .delete_delay_ns = 100 * MILLISECOND,
                .processes_max = 16 + byte(&input) % 64,
                .memory_max = 1,
                .boot_time_ns = 1000 * SECOND,
                .forks = true };
        struct tree *tree = tree_new(&options, NULL);
        if (!tree)
                return 0;
        int64_t now = 1001 * SECOND;
        while (input.at < input.end)
                apply(tree, &input, &now);
        struct tree_counters counters;
        tree_count(tree, &counters);
        if (counters.processes + counters.ended > options.processes_max || counters.bytes > 1 << 20)
                abort();
        size_t inside = 0;
        tree_each(tree, true, ask, tree);
        tree_each(tree, false, ask, tree);
        tree_each_container(tree, ask_container, &inside);
        if (inside > counters.processes)
                abort();
        for (pid_t pid = 0; pid < 32; pid++) {
                struct observation o;
                observation_init(&o, OBSERVED_GONE, SOURCE_PROC);
                o.pid = pid;
                o.time_ns = INT64_MAX / 4;
                tree_apply(tree, &o, take, NULL);
        }
        tree_advance(tree, INT64_MAX, take, NULL);
        tree_count(tree, &counters);
        if (counters.processes + counters.ended != 0)
                abort();
        tree_free(tree);
        return 0;
}
