/* All parsers of the kernel readers: the first byte chooses one, the rest is its input. */
#include "base/arena.h"
#include "base/buf.h"
#include "linux/capability_names.h"
#include "linux/cgroup.h"
#include "linux/container.h"
#include "linux/host.h"
#include "linux/interfaces.h"
#include "linux/kernel_stat.h"
#include "linux/lsm.h"
#include "linux/maps.h"
#include "linux/meminfo.h"
#include "linux/mounts.h"
#include "linux/netlink_dump.h"
#include "linux/netns.h"
#include "linux/pressure.h"
#include "linux/process.h"
#include "linux/process_tree.h"
#include "linux/sockets.h"
#include "linux/sockstat.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
        if (!holds)
                abort();
}

static void fuzz_stat(struct sv text, struct arena *arena)
{
        struct process_stat stat;
        (void)arena;
        if (process_parse_stat(text, &stat, NULL) == 0)
                check(strnlen(stat.comm, sizeof(stat.comm)) < sizeof(stat.comm) && stat.fields >= 22);
}

static void fuzz_status(struct sv text, struct arena *arena)
{
        struct process_status status;
        (void)arena;
        if (process_parse_status(text, &status, NULL) == 0)
                check(status.groups_count <= PROCESS_GROUPS_MAX && status.ns_pid_count <= PROCESS_NS_DEPTH_MAX);
}

static void fuzz_io(struct sv text, struct arena *arena)
{
        struct process_io io;
        (void)arena;
        process_parse_io(text, &io, NULL);
}

static void fuzz_arguments(struct sv text, struct arena *arena)
{
        struct process_arguments arguments;
        if (process_parse_arguments(text, arena, &arguments, NULL) < 0)
                return;
        size_t length = 0;
        for (size_t i = 0; i < arguments.argc; i++)
                length += strlen(arguments.argv[i]) + 1;
        check(arguments.argv[arguments.argc] == NULL && length <= text.n + 1);
}

static void fuzz_maps(struct sv text, struct arena *arena)
{
        struct maps maps;
        if (maps_parse(text, arena, &maps, NULL) < 0)
                return;
        for (size_t i = 0; i < maps.count; i++)
                check(maps.rows[i].start <= maps.rows[i].end && maps.rows[i].path.n <= text.n);
}

static void fuzz_mounts(struct sv text, struct arena *arena)
{
        struct mounts mounts;
        struct cgroup_mounts groups;
        if (mounts_parse(text, arena, &mounts, NULL) < 0)
                return;
        for (size_t i = 0; i < mounts.count; i++)
                mount_classify(sv_of(mounts.rows[i].type));
        cgroup_find_mounts(&mounts, arena, &groups);
        cgroup_mounts_find(&groups, "memory");
        mounts_find(&mounts, SV("/var/lib"));
}

static void fuzz_cgroup(struct sv text, struct arena *arena)
{
        struct cgroup_memberships memberships;
        struct container_identity identity;
        if (cgroup_parse(text, arena, &memberships, NULL) == 0)
                cgroup_path(&memberships, "memory");
        bool found = container_identify(text, &identity);
        check(found == (identity.engine != CONTAINER_NONE));
        check(memchr(identity.id, '\0', sizeof(identity.id)) && memchr(identity.unit, '\0', sizeof(identity.unit)));
        container_identify_path(text, &identity);
}

static void fuzz_socket_lines(struct sv text, struct arena *arena)
{
        (void)arena;
        struct sv line;
        while (sv_line(&text, &line)) {
                struct socket_entry entry;
                char address[INET6_ADDRSTRLEN];
                if (sockets_parse_line(line, SOCKET_TCP, AF_INET, &entry))
                        socket_format_address(&entry, &entry.local, address);
                if (sockets_parse_line(line, SOCKET_UDP, AF_INET6, &entry))
                        socket_format_address(&entry, &entry.remote, address);
        }
}

static void fuzz_arp(struct sv text, struct arena *arena)
{
        (void)arena;
        struct sv line;
        while (sv_line(&text, &line)) {
                struct neighbour entry;
                char address[LINK_ADDRESS_TEXT_MAX];
                if (neighbour_parse_arp_line(line, &entry))
                        link_address_format(&entry.mac, address);
        }
}

static void fuzz_memory(struct sv text, struct arena *arena)
{
        struct meminfo memory;
        struct sockstat sockets = { 0 };
        struct pressure pressure;
        (void)arena;
        if (meminfo_parse(text, &memory, NULL) == 0)
                check(memory.count <= MEMINFO_ROWS_MAX);
        sockstat_parse(text, &sockets);
        check(sockets.count <= SOCKSTAT_ROWS_MAX);
        pressure_parse(text, &pressure, NULL);
}

static void fuzz_kernel(struct sv text, struct arena *arena)
{
        struct loadavg load;
        struct uptime uptime;
        struct kernel_stat stat;
        struct vmstat vm;
        (void)arena;
        loadavg_parse(text, &load, NULL);
        uptime_parse(text, &uptime, NULL);
        kernel_stat_parse(text, &stat, NULL);
        vmstat_parse(text, &vm, NULL);
}

static void fuzz_host(struct sv text, struct arena *arena)
{
        struct os_release release;
        struct host_cpu cpu;
        struct host_users users;
        os_release_parse(text, arena, &release, NULL);
        host_parse_cpuinfo(text, arena, &cpu, NULL);
        if (host_parse_utmp(text, arena, &users, NULL) == 0)
                check(users.count <= HOST_USERS_MAX);
}

static void fuzz_words(struct sv text, struct arena *arena)
{
        uint64_t inode;
        struct sv name;
        struct sv mode;
        struct link_address address;
        (void)arena;
        process_parse_namespace(text, &inode);
        check(lsm_parse_choice(text).n <= text.n);
        lsm_parse_apparmor_label(text, &name, &mode);
        link_address_parse(text, &address);
        capability_number(text);
}

static void fuzz_netlink(struct sv bytes, struct arena *arena)
{
        struct netlink_message message;
        bool malformed = false;
        (void)arena;
        while (netlink_next_message(&bytes, &message, &malformed)) {
                struct socket_entry entry;
                struct unix_socket local;
                struct interface interface;
                struct interface_address address;
                struct neighbour neighbour;
                sockets_parse_diag(message.payload, SOCKET_TCP, &entry);
                if (sockets_parse_unix_diag(message.payload, &local))
                        check(local.path_length <= UNIX_PATH_MAX_BYTES);
                if (interface_parse(message.payload, &interface))
                        check(memchr(interface.name, '\0', sizeof(interface.name)) != NULL);
                interface_address_parse(message.payload, &address);
                neighbour_parse(message.payload, &neighbour);
        }
}

static void fuzz_tree(struct sv bytes, struct arena *arena)
{
        size_t count = bytes.n / 2;
        struct process_parent *list = arena_array(arena, count + 1, sizeof(*list));
        bool *seen = arena_array(arena, count + 1, sizeof(*seen));
        struct process_tree_node *nodes;
        for (size_t i = 0; list && i < count; i++)
                list[i] = (struct process_parent){ (unsigned char)bytes.p[2 * i], (unsigned char)bytes.p[2 * i + 1] };
        if (!list || !seen || process_tree_order(list, count, arena, &nodes, NULL) < 0)
                return;
        for (size_t i = 0; i < count; i++) {
                check(nodes[i].index < count && !seen[nodes[i].index]);
                check(nodes[i].depth == 0 || (i > 0 && nodes[i].depth <= nodes[i - 1].depth + 1));
                seen[nodes[i].index] = true;
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static void (*const parsers[])(struct sv text, struct arena * arena) = { fuzz_stat, fuzz_status, fuzz_io,
                fuzz_arguments, fuzz_maps, fuzz_mounts, fuzz_cgroup, fuzz_socket_lines, fuzz_arp, fuzz_memory,
                fuzz_kernel, fuzz_host, fuzz_words, fuzz_netlink, fuzz_tree };
        if (size == 0)
                return 0;
        struct arena arena;
        arena_init(&arena, 1 << 20);
        parsers[data[0] % (sizeof(parsers) / sizeof(*parsers))](sv_n((const char *)data + 1, size - 1), &arena);
        arena_done(&arena);
        return 0;
}
