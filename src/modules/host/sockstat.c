/* sockstat: how many sockets there are: the kernel's own counters, TCP connections by state, and who holds most. */
#include "linux/sockstat.h"
#include "base/cleanup.h"
#include "base/vec.h"
#include "linux/cgroup.h"
#include "linux/container.h"
#include "linux/netlink_dump.h"
#include "linux/process.h"
#include "linux/socket_owner.h"
#include "linux/sockets.h"
#include "module/lines.h"
#include "module/run.h"

#include <fcntl.h>
#include <linux/netlink.h>

struct sockstat_params {
        int owners;
};

enum { OWNERS_MAX = 10000, PROCESSES_MAX = 1 << 20 };

static const struct field params_fields[] = {
        FIELD_INT(struct sockstat_params, owners, .help = "how many of the processes with most sockets; 0 for none",
                .def = "10", .max = OWNERS_MAX),
};

struct counter {
        char *protocol, *name;
        uint64_t value;
};

struct state_count {
        char *state;
        uint64_t ipv4, ipv6;
};

struct owner {
        int pid;
        char *comm, *engine, *container;
        uint64_t sockets;
};

struct sockstat_element {
        LIST(struct counter) counters;
        LIST(struct state_count) states;
        LIST(struct owner) owners;
};

struct sockstat_statistics {
        uint64_t processes, sockets, denied, vanished, refused;
};

static const struct field counter_fields[] = {
        FIELD_STRING(struct counter, protocol, .help = "row of the kernel's table"),
        FIELD_STRING(struct counter, name,
                .help = "what is counted: inuse, orphan, tw, alloc, mem (pages), memory "
                        "(bytes)"),
        FIELD_UINT(struct counter, value, .help = "how many"),
};

static const struct field state_fields[] = {
        FIELD_STRING(struct state_count, state, .help = "state of TCP"),
        FIELD_UINT(struct state_count, ipv4, .help = "sockets of IPv4"),
        FIELD_UINT(struct state_count, ipv6, .help = "sockets of IPv6, those that take IPv4 too included"),
};

static const struct field owner_fields[] = {
        FIELD_INT(struct owner, pid, .help = "process id"),
        FIELD_STRING(struct owner, comm, .help = "name the kernel has for it"),
        FIELD_UINT(struct owner, sockets, .help = "sockets it holds, of every family; one held twice counts once"),
        FIELD_STRING(struct owner, engine, .help = "container engine", .omit_empty = true),
        FIELD_STRING(struct owner, container, .help = "id or name of the container", .omit_empty = true),
};

static const struct field element_fields[] = {
        FIELD_RECORDS(struct sockstat_element, counters, struct counter, counter_fields,
                .help = "/proc/net/sockstat and sockstat6"),
        FIELD_RECORDS(struct sockstat_element, states, struct state_count, state_fields, .help = "TCP by state"),
        FIELD_RECORDS(struct sockstat_element, owners, struct owner, owner_fields,
                .help = "processes with most sockets", .omit_empty = true),
};

static const struct field statistics_fields[] = {
        FIELD_UINT(struct sockstat_statistics, processes, .help = "processes that hold sockets"),
        FIELD_UINT(struct sockstat_statistics, sockets, .help = "sockets that a process holds"),
        FIELD_UINT(struct sockstat_statistics, denied, .help = "processes whose sockets may not be read"),
        FIELD_UINT(struct sockstat_statistics, vanished, .help = "processes that ended meanwhile"),
        FIELD_UINT(struct sockstat_statistics, refused, .help = "rows beyond the tables"),
};

static int read_counters(struct run *run, int root, struct sockstat_element *element, struct error *err)
{
        struct sockstat *table = arena_new(&run->arena, struct sockstat);
        struct sockstat_statistics *statistics = run_statistics(run);
        if (!table)
                return fail(err, E_NO_MEMORY, "no memory for the counters");
        if (sockstat_read(root, "proc/net", table, err) < 0)
                return -1;
        statistics->refused += table->refused;
        element->counters.items =
                arena_array(&run->arena, SOCKSTAT_ROWS_MAX * SOCKSTAT_PAIRS_MAX, sizeof(struct counter));
        if (!element->counters.items)
                return fail(err, E_NO_MEMORY, "no memory for the counters");
        for (size_t i = 0; i < table->count; i++)
                for (size_t j = 0; j < table->rows[i].count; j++)
                        element->counters.items[element->counters.count++] = (struct counter){ table->rows[i].protocol,
                                table->rows[i].pairs[j].name, table->rows[i].pairs[j].value };
        return 0;
}

struct tally {
        struct run *run;
        uint64_t ipv4[SOCKET_STATES], ipv6[SOCKET_STATES];
};

static int count_state(const struct socket_entry *entry, void *cookie)
{
        struct tally *tally = cookie;
        if (entry->state < SOCKET_STATES)
                (entry->family == AF_INET ? tally->ipv4 : tally->ipv6)[entry->state]++;
        return run_checkpoint(tally->run);
}

static int read_states(struct run *run, int root, struct sockstat_element *element, struct error *err)
{
        struct tally tally = { .run = run };
        struct sockets_result result;
        cleanup(fd_close) int netlink = netlink_open(NETLINK_SOCK_DIAG, NULL);
        int status = sockets_list(netlink, root, "proc/net", SOCKETS_TCP, 0, count_state, &tally, &result, err);
        if (status < 0)
                return -1;
        element->states.items = arena_array(&run->arena, SOCKET_STATES, sizeof(struct state_count));
        if (!element->states.items)
                return fail(err, E_NO_MEMORY, "no memory for the states");
        for (unsigned state = 1; state < SOCKET_STATES; state++) {
                if (tally.ipv4[state] == 0 && tally.ipv6[state] == 0)
                        continue;
                char *name = arena_strdup(&run->arena, socket_state_name(state));
                element->states.items[element->states.count++] =
                        (struct state_count){ name, tally.ipv4[state], tally.ipv6[state] };
        }
        return 0;
}

struct held { /* a process and the sockets it holds */
        pid_t pid;
        uint64_t sockets;
};
typedef VEC(struct held) held_vec;

static int most_first(const void *a, const void *b)
{
        const struct held *left = a, *right = b;
        if (left->sockets != right->sockets)
                return left->sockets < right->sockets ? 1 : -1;
        return (left->pid > right->pid) - (left->pid < right->pid);
}

static int by_pid_and_inode(const void *a, const void *b)
{
        const struct socket_owner *left = a, *right = b;
        if (left->pid != right->pid)
                return left->pid < right->pid ? -1 : 1;
        return (left->inode > right->inode) - (left->inode < right->inode);
}

/* Sums the scan up by process; a socket behind several descriptors counts once. */
static int sum_up(struct socket_owners *owners, held_vec *ret, struct error *err)
{
        if (owners->count)
                qsort(owners->rows, owners->count, sizeof(owners->rows[0]), by_pid_and_inode);
        for (size_t i = 0; i < owners->count; i++) {
                const struct socket_owner *row = &owners->rows[i];
                bool same = i > 0 && row[-1].pid == row->pid;
                if (same && row[-1].inode == row->inode)
                        continue;
                struct held *held = same ? &ret->items[ret->count - 1] : vec_add(ret, PROCESSES_MAX);
                if (!held)
                        return fail(err, E_NO_MEMORY, "no memory for the owners of sockets");
                held->pid = row->pid;
                held->sockets++;
        }
        if (ret->count)
                qsort(ret->items, ret->count, sizeof(ret->items[0]), most_first);
        return 0;
}

/* False when the process ended meanwhile. */
static bool describe(int root, const struct held *held, struct arena *arena, struct owner *ret)
{
        cleanup(process_close) struct process process = { .dir = -1 };
        cleanup(buf_done) struct buf text;
        struct process_stat stat;
        struct container_identity identity = { 0 };
        buf_init(&text, CGROUP_TEXT_MAX);
        if (process_open(root, held->pid, &process, NULL) < 0 || process_read_stat(&process, &stat, NULL) < 0)
                return false;
        if (process_read_file(&process, "cgroup", &text, NULL) == 0)
                container_identify(sv_n(buf_text(&text), text.len), &identity);
        ret->pid = held->pid;
        ret->sockets = held->sockets;
        ret->comm = arena_strdup(arena, stat.comm);
        ret->engine = arena_strdup(arena, container_engine_name(identity.engine));
        ret->container = arena_strdup(arena, identity.id);
        return true;
}

static int read_owners(struct run *run, int root, struct sockstat_element *element, struct error *err)
{
        const struct sockstat_params *params = run->params;
        struct sockstat_statistics *statistics = run_statistics(run);
        struct socket_owners owners = { 0 };
        held_vec held = { 0 };
        int status = socket_owners_scan(root, SOCKET_OWNERS_MAX, &owners, err);
        if (status == 0)
                status = sum_up(&owners, &held, err);
        element->owners.items = arena_array(&run->arena, (size_t)params->owners, sizeof(struct owner));
        if (status == 0 && !element->owners.items)
                status = fail(err, E_NO_MEMORY, "no memory for the owners of sockets");
        for (size_t i = 0; status == 0 && i < held.count && !run_checkpoint(run); i++) {
                statistics->sockets += held.items[i].sockets;
                if (element->owners.count < (size_t)params->owners &&
                        describe(root, &held.items[i], &run->arena, &element->owners.items[element->owners.count]))
                        element->owners.count++;
        }
        statistics->processes = held.count;
        statistics->denied = owners.denied;
        statistics->vanished = owners.vanished;
        statistics->refused += owners.refused;
        vec_done(&held);
        socket_owners_done(&owners);
        return status;
}

static int sockstat_run(struct run *run, struct error *err)
{
        const struct sockstat_params *params = run->params;
        struct sockstat_element element = { 0 };
        cleanup(fd_close) int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (root < 0)
                return fail_errno(err, "the root directory");
        if (read_counters(run, root, &element, err) < 0)
                return -1;
        struct error seen;
        if (read_states(run, root, &element, &seen) < 0)
                run_error(run, "states of TCP: %s", seen.message);
        if (params->owners && !run_checkpoint(run) && read_owners(run, root, &element, &seen) < 0)
                run_error(run, "owners: %s", seen.message);
        return run_emit(run, NULL, &element, err);
}

static void sockstat_print_row(struct line_printer *printer, const char *group, const char *label, const void *row)
{
        const struct sockstat_element *element = row;
        const char *protocol = "";
        (void)group;
        (void)label;
        print_line(printer, "%-10s %-8s %12s", "PROTOCOL", "COUNTER", "VALUE");
        list_foreach (counter, &element->counters) {
                bool same = strcmp(protocol, counter->protocol) == 0;
                print_line(printer, "%-10s %-8s %12llu", same ? "" : counter->protocol, counter->name,
                        (unsigned long long)counter->value);
                protocol = counter->protocol;
        }
        if (element->states.count)
                print_line(printer, "%-19s %12s %12s", "TCP STATE", "IPV4", "IPV6");
        list_foreach (state, &element->states)
                print_line(printer, "%-19s %12llu %12llu", state->state, (unsigned long long)state->ipv4,
                        (unsigned long long)state->ipv6);
        if (element->owners.count)
                print_line(printer, "%-10s %-20s %8s  %s", "PID", "PROCESS", "SOCKETS", "CONTAINER");
        list_foreach (owner, &element->owners)
                print_line(printer, "%-10d %-20s %8llu  %s %.12s", owner->pid, owner->comm,
                        (unsigned long long)owner->sockets, owner->engine ? owner->engine : "",
                        owner->container ? owner->container : "");
}

static const char *const sockstat_paths[] = { "/proc", NULL };

static const struct module_example sockstat_examples[] = {
        { "sockstat", "the kernel's counters, TCP by state, and who holds most sockets" },
        { "sockstat --owners 0", "without looking at processes" },
        { 0 },
};

const struct module sockstat_module = {
        .name = "sockstat",
        .summary = "count sockets by protocol, by state and by process",
        .params = RECORD(struct sockstat_params, params_fields),
        .element = RECORD(struct sockstat_element, element_fields),
        .shape = SHAPE_OBJECT,
        .statistics = RECORD(struct sockstat_statistics, statistics_fields),
        .sandbox = { .netlink = true,
                .processes = true,
                .capabilities = CAP_BIT(CAP_SYS_PTRACE) | CAP_BIT(CAP_DAC_READ_SEARCH),
                .read_paths = sockstat_paths },
        .limits = { .wall_ns = MINUTE, .memory = 256 * MIB, .result = 16 * MIB },
        .examples = sockstat_examples,
        .run = sockstat_run,
        .print_row = sockstat_print_row,
};
