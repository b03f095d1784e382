#include "tui/views/columns.h"

#include "base/timefmt.h"

static double whole_of(const void *cookie)
{
        const struct model *model = cookie;
        return model->host.cpus;
}

/* ---- containers ---- */

/* A column's cell. */
#define C(name) static void name(const void *row, void *cookie, struct grid_cell *ret)

C(container_name)
{
        const struct container_row *container = row;
        (void)cookie;
        buf_puts(ret->text, container_title(container));
        if (container->kind == CONTAINER_CONTAINER)
                ret->role = ROLE_STRONG;
        else if (container->kind != CONTAINER_UNIT)
                ret->role = ROLE_DIM;
}

C(container_kind)
{
        const struct container_row *container = row;
        (void)cookie;
        ret->role = ROLE_DIM;
        buf_puts(ret->text, container->engine && container->kind == CONTAINER_CONTAINER
                                    ? container->engine
                                    : container_kind_names[container->kind]);
}

C(container_cpu)
{
        const struct container_row *container = row;
        cell_cpu(ret, container->cpu, container->cpu_limit > 0 ? container->cpu_limit : whole_of(cookie));
}

C(container_cpu_past)
{
        const struct container_row *container = row;
        (void)cookie;
        ret->graph = &container->cpu_past;
        ret->graph_max = history_ceiling(&container->cpu_past, 0.2);
        ret->role = ROLE_SERIES_1;
}

C(container_memory)
{
        (void)cookie;
        cell_bytes(ret, ((const struct container_row *)row)->memory);
}

C(container_limit)
{
        const struct container_row *container = row;
        double share = container->memory_limit > 0 ? container->memory / container->memory_limit : NAN;
        (void)cookie;
        put_percent(ret->text, share);
        ret->role = isnan(share) ? ROLE_DIM : role_of_share(share);
}

C(container_limit_bar)
{
        const struct container_row *container = row;
        (void)cookie;
        if (!(container->memory_limit > 0))
                return;
        ret->share = container->memory / container->memory_limit;
        ret->role = role_of_share(ret->share);
}

C(container_receive)
{
        (void)cookie;
        cell_rate(ret, ((const struct container_row *)row)->receive);
}

C(container_send)
{
        (void)cookie;
        cell_rate(ret, ((const struct container_row *)row)->send);
}

C(container_read)
{
        (void)cookie;
        cell_rate(ret, ((const struct container_row *)row)->read);
}

C(container_write)
{
        (void)cookie;
        cell_rate(ret, ((const struct container_row *)row)->write);
}

static double pressure(const struct container_row *container)
{
        return fmax(fmax(container->psi_cpu, container->psi_memory), container->psi_io);
}

C(container_pressure)
{
        const struct container_row *container = row;
        double worst = pressure(container);
        (void)cookie;
        ret->role = role_of_pressure(worst);
        if (isnan(worst))
                buf_puts(ret->text, "-");
        else
                buf_printf(ret->text, "%.1f", worst);
}

C(container_tasks)
{
        (void)cookie;
        cell_count(ret, ((const struct container_row *)row)->processes);
}

C(container_image)
{
        (void)cookie;
        cell_text(ret, ((const struct container_row *)row)->image);
        if (ret->role == ROLE_TEXT)
                ret->role = ROLE_INFO;
}

COMPARE_NUMBER(container_by_cpu, container_row, cpu);
COMPARE_NUMBER(container_by_memory, container_row, memory);
COMPARE_NUMBER(container_by_receive, container_row, receive);
COMPARE_NUMBER(container_by_send, container_row, send);
COMPARE_NUMBER(container_by_read, container_row, read);
COMPARE_NUMBER(container_by_write, container_row, write);
COMPARE_NUMBER(container_by_tasks, container_row, processes);
COMPARE_NUMBER(container_by_kind, container_row, kind);
COMPARE_TEXT(container_by_image, container_row, image);

static int container_by_name(const void *a, const void *b, void *cookie)
{
        (void)cookie;
        return compare_texts(container_title(a), container_title(b));
}

static int container_by_limit(const void *a, const void *b, void *cookie)
{
        const struct container_row *one = a;
        const struct container_row *other = b;
        (void)cookie;
        return compare_numbers(one->memory / one->memory_limit, other->memory / other->memory_limit);
}

static int container_by_pressure(const void *a, const void *b, void *cookie)
{
        (void)cookie;
        return compare_numbers(pressure(a), pressure(b));
}

const struct grid_column container_columns[] = {
        { "name", "NAME", "what people call it", .least = 14, .most = 44, .tree = true, .cell = container_name,
                .compare = container_by_name },
        { "cpu", "CPU%", "CPU time, % of one CPU", .width = 6, .right = true, .descending = true, .no_match = true,
                .cell = container_cpu, .compare = container_by_cpu },
        { "cpu-past", "CPU", "CPU time lately", .width = 10, .no_match = true, .priority = 6,
                .cell = container_cpu_past },
        { "memory", "MEMORY", "working set", .width = 8, .right = true, .descending = true, .no_match = true,
                .cell = container_memory, .compare = container_by_memory },
        { "limit", "LIM%", "working set, share of the memory limit", .width = 5, .right = true, .descending = true,
                .no_match = true, .priority = 3, .cell = container_limit, .compare = container_by_limit },
        { "limit-bar", "", "the same as a bar", .width = 8, .no_match = true, .priority = 6,
                .cell = container_limit_bar },
        { "receive", "NET IN", "received", .width = 8, .right = true, .descending = true, .no_match = true,
                .priority = 2, .cell = container_receive, .compare = container_by_receive },
        { "send", "NET OUT", "sent", .width = 8, .right = true, .descending = true, .no_match = true, .priority = 2,
                .cell = container_send, .compare = container_by_send },
        { "read", "READ", "read from storage", .width = 8, .right = true, .descending = true, .no_match = true,
                .priority = 5, .cell = container_read, .compare = container_by_read },
        { "write", "WRITE", "written to storage", .width = 8, .right = true, .descending = true, .no_match = true,
                .priority = 3, .cell = container_write, .compare = container_by_write },
        { "pressure", "PSI%", "its tasks waited for CPU, memory or I/O: the worst, % of the last 10 s", .width = 5,
                .right = true, .descending = true, .no_match = true, .priority = 5, .cell = container_pressure,
                .compare = container_by_pressure },
        { "tasks", "TASKS", "processes and threads", .width = 6, .right = true, .descending = true, .no_match = true,
                .priority = 1, .cell = container_tasks, .compare = container_by_tasks },
        { "kind", "KIND", "engine, or unit, group, root", .width = 10, .priority = 7, .cell = container_kind,
                .compare = container_by_kind },
        { "image", "IMAGE", "what it was started from", .least = 24, .priority = 8, .cell = container_image,
                .compare = container_by_image },
};
const size_t container_column_count = sizeof(container_columns) / sizeof(container_columns[0]);

void add_containers(struct grid *grid, const struct model *model, enum container_choice choice)
{
        grid_begin(grid);
        map_foreach (entry, &model->containers.rows) {
                const struct container_row *container = entry->value;
                const struct container_row *parent =
                        choice == CHOICE_ALL ? model_container_parent(model, container) : NULL;
                /* a group that is nobody's part and holds no other is as good as a container */
                bool group = container->kind == CONTAINER_GROUP && container->leaf && !container->inside;
                bool shown = choice == CHOICE_ALL || container->kind == CONTAINER_CONTAINER ||
                             (choice == CHOICE_LEAVES && (container->kind == CONTAINER_UNIT || group));
                if (shown)
                        grid_add(grid, container->row.id, parent ? parent->row.id : 0, container);
        }
        grid_end(grid);
}

/* ---- processes ---- */

const char *process_place(const struct model *model, const struct process_row *process)
{
        const struct container_row *container;
        if (process->container)
                return process->container;
        container = model_container(model, process->group);
        if (container && container->kind != CONTAINER_ROOT)
                return container_title(container);
        const char *slash = process->group ? strrchr(process->group, '/') : NULL;
        return slash && slash[1] ? slash + 1 : NULL;
}

C(process_pid)
{
        const struct process_row *process = row;
        (void)cookie;
        buf_printf(ret->text, "%.0f", process->pid);
        if (process->kernel)
                ret->role = ROLE_DIM;
}

C(process_user)
{
        const struct process_row *process = row;
        (void)cookie;
        if (process->user)
                buf_puts(ret->text, process->user);
        else
                put_count(ret->text, process->uid);
        if (process->uid == 0)
                ret->role = ROLE_DIM;
}

C(process_container)
{
        const struct process_row *process = row;
        cell_text(ret, process_place(cookie, process));
        if (!process->container)
                ret->role = ROLE_DIM;
}

C(process_state)
{
        const struct process_row *process = row;
        (void)cookie;
        char state = process->state ? process->state[0] : '-';
        ret->role = state == 'r' || state == 'R'   ? ROLE_SUCCESS
                    : state == 'd' || state == 'D' ? ROLE_WARNING
                    : state == 'z' || state == 'Z' ? ROLE_ERROR
                                                   : ROLE_DIM;
        buf_putc(ret->text, state >= 'a' && state <= 'z' ? (char)(state - 32) : state);
}

C(process_cpu)
{
        cell_cpu(ret, ((const struct process_row *)row)->cpu, whole_of(cookie));
}

C(process_cpu_past)
{
        (void)cookie;
        ret->graph = &((const struct process_row *)row)->cpu_past;
        ret->graph_max = history_ceiling(ret->graph, 0.2);
        ret->role = ROLE_SERIES_1;
}

C(process_memory)
{
        (void)cookie;
        cell_bytes(ret, ((const struct process_row *)row)->memory);
}

C(process_memory_share)
{
        const struct process_row *process = row;
        const struct model *model = cookie;
        double share = process->memory / model->host.memory_total;
        if (!(share >= 0.0005))
                ret->role = ROLE_DIM;
        put_percent(ret->text, share);
}

C(process_time)
{
        const struct process_row *process = row;
        (void)cookie;
        if (!(process->cpu_time >= 1e9))
                ret->role = ROLE_DIM;
        put_duration(ret->text, process->cpu_time);
}

C(process_read)
{
        (void)cookie;
        cell_rate(ret, ((const struct process_row *)row)->read);
}

C(process_write)
{
        (void)cookie;
        cell_rate(ret, ((const struct process_row *)row)->write);
}

static double traffic(const struct process_row *process)
{
        return (isnan(process->receive) ? 0 : process->receive) + (isnan(process->send) ? 0 : process->send);
}

C(process_network)
{
        (void)cookie;
        cell_rate(ret, traffic(row));
}

C(process_threads)
{
        const struct process_row *process = row;
        (void)cookie;
        put_count(ret->text, process->threads);
        if (!(process->threads > 1))
                ret->role = ROLE_DIM;
}

C(process_nice)
{
        const struct process_row *process = row;
        (void)cookie;
        if (isnan(process->nice))
                buf_puts(ret->text, "-");
        else
                buf_printf(ret->text, "%.0f", process->nice);
        if (!(process->nice != 0))
                ret->role = ROLE_DIM;
}

/* "/usr/libexec/gcc/12/cc1 -quiet": the directory says least and would fill the column; details have it. */
static const char *without_directory(const char *command_line)
{
        size_t program = strcspn(command_line, " ");
        const char *name = command_line;
        if (command_line[0] != '/')
                return command_line;
        for (size_t i = 0; i < program; i++)
                if (command_line[i] == '/' && i + 1 < program)
                        name = command_line + i + 1;
        return name;
}

C(process_command)
{
        const struct process_row *process = row;
        (void)cookie;
        if (process->command_line) {
                buf_puts(ret->text, without_directory(process->command_line));
        } else {
                buf_printf(ret->text, "[%s]", process->name ? process->name : "?");
                ret->role = ROLE_DIM;
        }
}

COMPARE_NUMBER(process_by_pid, process_row, pid);
COMPARE_TEXT(process_by_user, process_row, user);
COMPARE_TEXT(process_by_state, process_row, state);
COMPARE_NUMBER(process_by_cpu, process_row, cpu);
COMPARE_NUMBER(process_by_memory, process_row, memory);
COMPARE_NUMBER(process_by_time, process_row, cpu_time);
COMPARE_NUMBER(process_by_read, process_row, read);
COMPARE_NUMBER(process_by_write, process_row, write);
COMPARE_NUMBER(process_by_threads, process_row, threads);
COMPARE_NUMBER(process_by_nice, process_row, nice);

static int process_by_container(const void *a, const void *b, void *cookie)
{
        return compare_texts(process_place(cookie, a), process_place(cookie, b));
}

static int process_by_network(const void *a, const void *b, void *cookie)
{
        (void)cookie;
        return compare_numbers(traffic(a), traffic(b));
}

static int process_by_command(const void *a, const void *b, void *cookie)
{
        const struct process_row *one = a;
        const struct process_row *other = b;
        (void)cookie;
        return compare_texts(one->command_line ? one->command_line : one->name,
                other->command_line ? other->command_line : other->name);
}

const struct grid_column process_columns[] = {
        { "pid", "PID", "process", .width = 7, .right = true, .cell = process_pid, .compare = process_by_pid },
        { "user", "USER", "whose it is", .width = 9, .priority = 3, .cell = process_user, .compare = process_by_user },
        { "container", "CONTAINER", "container or unit that it is in", .width = 14, .priority = 2,
                .cell = process_container, .compare = process_by_container },
        { "state", "S", "running, sleeping, waiting for a disk, traced, zombie, idle", .width = 1, .no_match = true,
                .priority = 5, .cell = process_state, .compare = process_by_state },
        { "cpu", "CPU%", "CPU time, % of one CPU", .width = 6, .right = true, .descending = true, .no_match = true,
                .cell = process_cpu, .compare = process_by_cpu },
        { "cpu-past", "CPU", "CPU time lately", .width = 10, .no_match = true, .priority = 8,
                .cell = process_cpu_past },
        { "memory", "MEMORY", "resident memory", .width = 8, .right = true, .descending = true, .no_match = true,
                .cell = process_memory, .compare = process_by_memory },
        { "share", "MEM%", "resident memory, % of the host's", .width = 5, .right = true, .descending = true,
                .no_match = true, .priority = 9, .cell = process_memory_share, .compare = process_by_memory },
        { "time", "TIME", "CPU time since it began", .width = 7, .right = true, .descending = true, .no_match = true,
                .priority = 4, .cell = process_time, .compare = process_by_time },
        { "read", "READ", "read from storage", .width = 8, .right = true, .descending = true, .no_match = true,
                .priority = 7, .cell = process_read, .compare = process_by_read },
        { "write", "WRITE", "written to storage", .width = 8, .right = true, .descending = true, .no_match = true,
                .priority = 6, .cell = process_write, .compare = process_by_write },
        { "network", "NET", "sent and received over TCP", .width = 8, .right = true, .descending = true,
                .no_match = true, .priority = 8, .cell = process_network, .compare = process_by_network },
        { "threads", "THR", "threads", .width = 4, .right = true, .descending = true, .no_match = true, .priority = 9,
                .cell = process_threads, .compare = process_by_threads },
        { "nice", "NI", "nice value", .width = 3, .right = true, .no_match = true, .priority = 10, .cell = process_nice,
                .compare = process_by_nice },
        { "command", "COMMAND", "command line, or the name in brackets", .least = 12, .wish = 28, .tree = true,
                .cell = process_command, .compare = process_by_command },
};
const size_t process_column_count = sizeof(process_columns) / sizeof(process_columns[0]);

/* ---- processes by their traffic ---- */

C(process_receive)
{
        (void)cookie;
        cell_rate(ret, ((const struct process_row *)row)->receive);
}

C(process_send)
{
        (void)cookie;
        cell_rate(ret, ((const struct process_row *)row)->send);
}

COMPARE_NUMBER(process_by_receive, process_row, receive);
COMPARE_NUMBER(process_by_send, process_row, send);

const struct grid_column traffic_columns[] = {
        { "pid", "PID", "process", .width = 7, .right = true, .cell = process_pid, .compare = process_by_pid },
        { "network", "NET", "both ways", .width = 8, .right = true, .descending = true, .no_match = true, .priority = 3,
                .cell = process_network, .compare = process_by_network },
        { "receive", "IN", "received over TCP", .width = 8, .right = true, .descending = true, .no_match = true,
                .cell = process_receive, .compare = process_by_receive },
        { "send", "OUT", "sent over TCP", .width = 8, .right = true, .descending = true, .no_match = true,
                .cell = process_send, .compare = process_by_send },
        { "container", "CONTAINER", "container or unit that it is in", .width = 16, .priority = 1,
                .cell = process_container, .compare = process_by_container },
        { "user", "USER", "whose it is", .width = 9, .priority = 2, .cell = process_user, .compare = process_by_user },
        { "command", "COMMAND", "command line, or the name in brackets", .least = 10, .cell = process_command,
                .compare = process_by_command },
};
const size_t traffic_column_count = sizeof(traffic_columns) / sizeof(traffic_columns[0]);

/* Parents are known by their pid; a reused pid has one living process at a time. */
void add_processes(struct grid *grid, const struct model *model, const char *group, bool kernel)
{
        struct map by_pid;
        map_init(&by_pid, MODEL_PROCESSES_MAX);
        if (grid_tree(grid))
                map_foreach (entry, &model->processes.rows) {
                        struct process_row *process = entry->value;
                        uint64_t pid = process->pid > 0 ? (uint64_t)process->pid : 0;
                        map_put(&by_pid, map_key_u64(&pid), process);
                }
        grid_begin(grid);
        map_foreach (entry, &model->processes.rows) {
                const struct process_row *process = entry->value;
                uint64_t parent_pid = process->ppid > 0 ? (uint64_t)process->ppid : 0;
                const struct process_row *parent = map_get(&by_pid, map_key_u64(&parent_pid));
                if ((process->kernel && !kernel) || (group && !model_container_within(process->group, group)))
                        continue;
                grid_add(grid, process->row.id, parent && parent != process ? parent->row.id : 0, process);
        }
        grid_end(grid);
        map_done(&by_pid);
}
