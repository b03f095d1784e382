/* host: who this host is. The asker's own ids (pid, directory …) cannot be told by a run that is done for somebody
 * else: the ids are those of the process that answered, and of the one that started it, and are named so. */
#include "linux/host.h"

#include "base/cleanup.h"
#include "base/path.h"
#include "linux/cgroup.h"
#include "linux/interfaces.h"
#include "linux/kernel_stat.h"
#include "linux/meminfo.h"
#include "linux/netlink_dump.h"
#include "module/lines.h"
#include "module/run.h"

#include <arpa/inet.h>
#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#endif
#include <fcntl.h>
#include <linux/netlink.h>
#include <time.h>

enum { ADDRESSES_MAX = 4096 };

struct host_params {
        bool no_addresses, no_users;
};

static const struct field params_fields[] = {
        FIELD_BOOL(struct host_params, no_addresses, .option = "no-addresses", .help = "leave the addresses out"),
        FIELD_BOOL(struct host_params, no_users, .option = "no-users", .help = "leave out who is logged in"),
};

struct answerer {
        int pid, ppid, pgrp, session, tid;
        uint64_t uid, gid;
        char *cwd;
};

struct login {
        char *name, *line, *from;
        int64_t since_ns;
};

struct distribution {
        char *id, *name, *version, *pretty_name;
};

struct machine {
        char *vm, *container, *cloud, *vendor, *product, *cpu_model;
        unsigned cpus, cores, sockets;
        uint64_t memory, swap;
};

struct host_element {
        char *hostname, *domain, *machine_id, *boot_id, *kernel_name, *kernel_release, *kernel_version, *architecture;
        struct distribution os;
        struct machine machine;
        int64_t booted_ns, uptime_ns, time_ns;
        double load1, load5, load15;
        char *cgroup_layout, *timezone, *utc_offset;
        struct answerer answered_by;
        LIST(struct login) users;
        struct string_list addresses;
};

static const struct field answerer_fields[] = {
        FIELD_INT(struct answerer, pid, .help = "process id of the worker that did the run"),
        FIELD_INT(struct answerer, ppid, .help = "process that started it: the agent, or tarsier on the command line"),
        FIELD_INT(struct answerer, pgrp, .help = "process group of the worker"),
        FIELD_INT(struct answerer, session, .help = "session of the worker"),
        FIELD_INT(struct answerer, tid, .help = "thread id of the worker"),
        FIELD_UINT(struct answerer, uid, .help = "user id it runs as"),
        FIELD_UINT(struct answerer, gid, .help = "group id it runs as"),
        FIELD_PATH(struct answerer, cwd, .help = "current directory of the worker", .private_ = true),
};

static const struct field login_fields[] = {
        FIELD_STRING(struct login, name, .help = "user", .private_ = true),
        FIELD_STRING(struct login, line, .help = "terminal"),
        FIELD_STRING(struct login, from, .help = "remote host", .omit_empty = true, .private_ = true),
        FIELD_TIME(struct login, since_ns, .json = "since", .help = "time of login"),
};

static const struct field distribution_fields[] = {
        FIELD_STRING(struct distribution, id, .help = "short name of the distribution", .omit_empty = true),
        FIELD_STRING(struct distribution, name, .help = "name of the distribution", .omit_empty = true),
        FIELD_STRING(struct distribution, version, .help = "version", .omit_empty = true),
        FIELD_STRING(struct distribution, pretty_name, .help = "name and version for people", .omit_empty = true),
};

static const struct field machine_fields[] = {
        FIELD_STRING(struct machine, vm, .help = "hypervisor it runs under", .omit_empty = true),
        FIELD_STRING(struct machine, container, .help = "container the run is in", .omit_empty = true),
        FIELD_STRING(struct machine, cloud, .help = "cloud provider", .omit_empty = true),
        FIELD_STRING(struct machine, vendor, .help = "maker", .omit_empty = true),
        FIELD_STRING(struct machine, product, .help = "model", .omit_empty = true),
        FIELD_STRING(struct machine, cpu_model, .help = "model of the CPU", .omit_empty = true),
        FIELD_UINT(struct machine, cpus, .help = "CPUs online"),
        FIELD_UINT(struct machine, cores, .help = "cores, 0 when not told"),
        FIELD_UINT(struct machine, sockets, .help = "sockets, 0 when not told"),
        FIELD_SIZE(struct machine, memory, .help = "bytes of memory"),
        FIELD_SIZE(struct machine, swap, .help = "bytes of swap space"),
};

static const struct field element_fields[] = {
        FIELD_STRING(struct host_element, hostname, .help = "name of the host"),
        FIELD_STRING(struct host_element, domain, .help = "NIS domain", .omit_empty = true),
        FIELD_STRING(struct host_element, machine_id, .help = "id of the installation", .omit_empty = true,
                .private_ = true),
        FIELD_STRING(struct host_element, boot_id, .help = "id of this boot", .omit_empty = true),
        FIELD_STRING(struct host_element, kernel_name, .help = "uname -s", .omit_empty = true),
        FIELD_STRING(struct host_element, kernel_release, .help = "uname -r", .omit_empty = true),
        FIELD_STRING(struct host_element, kernel_version, .help = "uname -v", .omit_empty = true),
        FIELD_STRING(struct host_element, architecture, .help = "uname -m", .omit_empty = true),
        FIELD_RECORD(struct host_element, os, struct distribution, distribution_fields, .help = "the distribution"),
        FIELD_RECORD(struct host_element, machine, struct machine, machine_fields, .help = "the hardware"),
        FIELD_TIME(struct host_element, booted_ns, .json = "booted", .help = "time of boot"),
        FIELD_DURATION(struct host_element, uptime_ns, .json = "uptime", .help = "time since boot"),
        FIELD_TIME(struct host_element, time_ns, .json = "time", .help = "time of the host"),
        FIELD_DOUBLE(struct host_element, load1, .help = "load of one minute"),
        FIELD_DOUBLE(struct host_element, load5, .help = "load of five minutes"),
        FIELD_DOUBLE(struct host_element, load15, .help = "load of fifteen minutes"),
        FIELD_STRING(struct host_element, cgroup_layout, .help = "layout of control groups: v1, v2, hybrid or none"),
        FIELD_STRING(struct host_element, timezone, .help = "time zone of the host", .omit_empty = true),
        FIELD_STRING(struct host_element, utc_offset, .help = "its distance from UTC now", .omit_empty = true),
        FIELD_RECORD(struct host_element, answered_by, struct answerer, answerer_fields,
                .help = "the process that answered, which is not the one that asked"),
        FIELD_RECORDS(
                struct host_element, users, struct login, login_fields, .help = "who is logged in", .omit_empty = true),
        FIELD_STRINGS(struct host_element, addresses, .help = "addresses of this network namespace, without loopback",
                .omit_empty = true, .private_ = true),
};

/* The name behind etc/localtime, else etc/timezone (Debian), as timedatectl(1) finds it. */
static char *find_timezone(struct arena *arena)
{
        char target[PATH_MAX];
        ssize_t length = readlink("/etc/localtime", target, sizeof(target) - 1);
        target[length > 0 ? length : 0] = '\0';
        const char *mark = strstr(target, "zoneinfo/");
        if (mark)
                return arena_strdup(arena, mark + strlen("zoneinfo/"));
        cleanup(buf_done) struct buf text;
        buf_init(&text, 256);
        if (file_read(AT_FDCWD, "/etc/timezone", &text, NULL) < 0)
                return NULL;
        struct sv name = sv_trim(sv_n(buf_text(&text), text.len));
        return name.n ? arena_strndup(arena, name.p, name.n) : NULL;
}

static void fill_time(struct arena *arena, int root, const struct host_identity *identity, struct host_element *ret)
{
        struct uptime uptime;
        struct loadavg load;
        struct tm local;
        char offset[16];
        time_t now = time(NULL);
        ret->time_ns = time_unix_ns();
        ret->booted_ns = identity->boot_unix_ns;
        if (uptime_read(root, &uptime, NULL) == 0)
                ret->uptime_ns = uptime.uptime_ns;
        if (loadavg_read(root, &load, NULL) == 0) {
                ret->load1 = load.load1;
                ret->load5 = load.load5;
                ret->load15 = load.load15;
        }
        ret->timezone = find_timezone(arena);
        if (localtime_r(&now, &local) && strftime(offset, sizeof(offset), "%z", &local))
                ret->utc_offset = arena_strdup(arena, offset);
}

static void fill_identity(struct arena *arena, const struct host_identity *identity, struct host_element *ret)
{
        ret->hostname = arena_strdup(arena, identity->hostname);
        ret->domain = arena_strdup(arena, identity->domain);
        ret->machine_id = arena_strdup(arena, identity->machine_id);
        ret->boot_id = arena_strdup(arena, identity->boot_id);
        ret->kernel_name = arena_strdup(arena, identity->kernel_name);
        ret->kernel_release = arena_strdup(arena, identity->kernel_release);
        ret->kernel_version = arena_strdup(arena, identity->kernel_version);
        ret->architecture = arena_strdup(arena, identity->architecture);
        ret->os.id = arena_strdup(arena, identity->os.id);
        ret->os.name = arena_strdup(arena, identity->os.name);
        ret->os.version = arena_strdup(arena, identity->os.version ? identity->os.version : identity->os.version_id);
        ret->os.pretty_name = arena_strdup(arena, identity->os.pretty_name);
}

/* The hypervisor's name for itself (CPUID leaf 0x40000000), for machines whose firmware does not tell. The names are
 * those of systemd-detect-virt(1). */
static const char *vm_of_cpu(void)
{
#if defined(__x86_64__) || defined(__i386__)
        static const struct {
                const char *signature, *name;
        } known[] = { { "KVMKVMKVM", "kvm" }, { "Linux KVM Hv", "kvm" }, { "VMwareVMware", "vmware" },
                { "Microsoft Hv", "microsoft" }, { "XenVMMXenVMM", "xen" }, { "TCGTCGTCGTCG", "qemu" },
                { "bhyve bhyve ", "bhyve" }, { "ACRNACRNACRN", "acrn" }, { "QNXQVMBSQG", "qnx" },
                { "SRESRESRESRE", "sre" } };
        enum { HYPERVISOR_LEAF = 0x40000000, HYPERVISOR_BIT = 1U << 31 };
        unsigned a, b, c, d;
        uint32_t words[4] = { 0 };
        if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & HYPERVISOR_BIT))
                return NULL;
        __cpuid(HYPERVISOR_LEAF, a, words[0], words[1], words[2]);
        for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
                if (strcmp((const char *)words, known[i].signature) == 0)
                        return known[i].name;
#endif
        return NULL;
}

static void fill_machine(struct run *run, int root, struct machine *ret)
{
        struct host_virtualization virtualization;
        struct host_dmi dmi;
        struct host_cpu cpu;
        struct error seen;
        struct meminfo *memory = arena_new(&run->arena, struct meminfo);
        if (host_read_virtualization(root, &run->arena, &virtualization, &seen) == 0) {
                const char *named = vm_of_cpu();
                bool vague = virtualization.vm && strcmp(virtualization.vm, "vm-other") == 0;
                ret->vm = arena_strdup(&run->arena, vague && named ? named : virtualization.vm);
                ret->container = arena_strdup(&run->arena, virtualization.container);
                ret->cloud = arena_strdup(&run->arena, virtualization.cloud);
        } else {
                run_error(run, "virtualisation: %s", seen.message);
        }
        if (host_read_dmi(root, &run->arena, &dmi, &seen) == 0) {
                ret->vendor = arena_strdup(&run->arena, dmi.sys_vendor);
                ret->product = arena_strdup(&run->arena, dmi.product_name);
        }
        if (host_read_cpu(root, &run->arena, &cpu, &seen) == 0) {
                ret->cpu_model = arena_strdup(&run->arena, cpu.model);
                ret->cpus = cpu.logical;
                ret->cores = cpu.cores;
                ret->sockets = cpu.sockets;
        } else {
                run_error(run, "CPUs: %s", seen.message);
        }
        if (memory && meminfo_read(root, memory, &seen) == 0) {
                ret->memory = memory->total;
                ret->swap = memory->swap_total;
        }
}

static int fill_users(struct run *run, int root, struct host_element *ret)
{
        struct host_users users;
        struct error seen;
        if (host_read_users(root, &run->arena, &users, &seen) < 0) {
                run_error(run, "users: %s", seen.message);
                return 0;
        }
        ret->users.items = arena_array(&run->arena, users.count, sizeof(struct login));
        for (size_t i = 0; ret->users.items && i < users.count; i++)
                ret->users.items[ret->users.count++] = (struct login){ arena_strdup(&run->arena, users.rows[i].name),
                        arena_strdup(&run->arena, users.rows[i].line), arena_strdup(&run->arena, users.rows[i].from),
                        users.rows[i].since_unix_ns };
        return 0;
}

struct address_list {
        struct run *run;
        struct string_list *list;
        size_t refused;
};

static int add_address(const struct interface_address *entry, void *cookie)
{
        struct address_list *addresses = cookie;
        char text[INET6_ADDRSTRLEN];
        bool loopback = entry->family == AF_INET
                                ? entry->address[0] == 127
                                : memcmp(entry->address, &in6addr_loopback, sizeof(in6addr_loopback)) == 0;
        if (loopback || !inet_ntop(entry->family, entry->address, text, sizeof(text)))
                return 0;
        char *copy = arena_printf(&addresses->run->arena, "%s/%u", text, entry->prefix);
        if (addresses->list->count < ADDRESSES_MAX && copy)
                addresses->list->items[addresses->list->count++] = copy;
        else
                addresses->refused++;
        return 0;
}

static void fill_addresses(struct run *run, struct string_list *ret)
{
        struct address_list addresses = { run, ret, 0 };
        struct interfaces_result result;
        struct error seen;
        cleanup(fd_close) int netlink = netlink_open(NETLINK_ROUTE, &seen);
        ret->items = arena_array(&run->arena, ADDRESSES_MAX, sizeof(char *));
        if (netlink < 0 || !ret->items ||
                interface_addresses_dump(netlink, add_address, &addresses, &result, &seen) < 0)
                run_error(run, "addresses: %s", ret->items ? seen.message : "no memory");
        if (addresses.refused)
                run_error(run, "%zu addresses more than %d are not shown", addresses.refused, ADDRESSES_MAX);
}

static int host_run(struct run *run, struct error *err)
{
        const struct host_params *params = run->params;
        struct host_element element = { 0 };
        struct host_identity identity;
        struct host_self self;
        struct cgroup_mounts *cgroups = arena_new(&run->arena, struct cgroup_mounts);
        cleanup(fd_close) int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (root < 0)
                return fail_errno(err, "the root directory");
        if (host_read_identity(root, &run->arena, &identity, err) < 0)
                return -1;
        fill_identity(&run->arena, &identity, &element);
        fill_time(&run->arena, root, &identity, &element);
        fill_machine(run, root, &element.machine);
        if (cgroups && cgroup_read_mounts(root, &run->arena, cgroups, NULL) == 0)
                element.cgroup_layout = arena_strdup(&run->arena, cgroup_layout_name(cgroups->layout));
        if (host_read_self(&run->arena, &self, err) < 0)
                return -1;
        element.answered_by = (struct answerer){ self.pid, self.ppid, self.pgrp, self.session, self.tid, self.euid,
                self.egid, arena_strdup(&run->arena, self.cwd) };
        if (!params->no_users && fill_users(run, root, &element) < 0)
                return -1;
        if (!params->no_addresses)
                fill_addresses(run, &element.addresses);
        if (run->arena.refused)
                return fail(err, E_NO_MEMORY, "no memory for the host's facts");
        return run_emit(run, NULL, &element, err);
}

static void print_fact(struct line_printer *printer, const char *name, const char *value)
{
        if (value && *value)
                print_line(printer, "%-14s: %s", name, value);
}

static void host_print_row(struct line_printer *printer, const char *group, const char *label, const void *row)
{
        const struct host_element *host = row;
        char text[TIME_TEXT_MAX];
        (void)group;
        (void)label;
        print_fact(printer, "Host", host->hostname);
        print_fact(printer, "Machine id", host->machine_id);
        print_fact(printer, "System", host->os.pretty_name);
        print_line(printer, "%-14s: %s %s %s", "Kernel", host->kernel_name, host->kernel_release, host->architecture);
        print_fact(printer, "Virtual", host->machine.vm);
        print_fact(printer, "Container", host->machine.container);
        print_fact(printer, "Cloud", host->machine.cloud);
        print_fact(printer, "Model", host->machine.product);
        print_line(printer, "%-14s: %u%s%s", "CPUs", host->machine.cpus, host->machine.cpu_model ? ", " : "",
                host->machine.cpu_model ? host->machine.cpu_model : "");
        size_format(host->machine.memory, text);
        print_fact(printer, "Memory", text);
        time_format_rfc3339(host->booted_ns, text);
        print_fact(printer, "Booted", text);
        duration_format(host->uptime_ns, text);
        print_fact(printer, "Up", text);
        print_line(printer, "%-14s: %.2f %.2f %.2f", "Load", host->load1, host->load5, host->load15);
        print_line(printer, "%-14s: %s %s", "Time zone", host->timezone ? host->timezone : "",
                host->utc_offset ? host->utc_offset : "");
        list_foreach (address, &host->addresses)
                print_fact(printer, "Address", *address);
        list_foreach (user, &host->users)
                print_line(printer, "%-14s: %s on %s %s", "User", user->name, user->line, user->from ? user->from : "");
        print_line(printer, "%-14s: pid %d, parent %d, group %d, session %d, thread %d, in %s", "Answered by",
                host->answered_by.pid, host->answered_by.ppid, host->answered_by.pgrp, host->answered_by.session,
                host->answered_by.tid, host->answered_by.cwd);
}

static const char *const host_paths[] = { "/proc", "/sys", "/etc", "/usr/lib/os-release", "/usr/share/zoneinfo",
        "/run/utmp", "/run/systemd", "/.dockerenv", "/run/.containerenv", NULL };

static const struct module_example host_examples[] = {
        { "host", "name, system, kernel, hardware, cloud, boot, load, addresses, users" },
        { "host --json --privacy", "the same with ids, addresses and people masked" },
        { 0 },
};

const struct module host_module = {
        .name = "host",
        .summary = "tell who this host is: ids, system, kernel, hardware, virtualisation, boot, load, addresses, users",
        .params = RECORD(struct host_params, params_fields),
        .element = RECORD(struct host_element, element_fields),
        .shape = SHAPE_OBJECT,
        .sandbox = { .netlink = true, .read_paths = host_paths },
        .limits = { .wall_ns = MINUTE, .memory = 32 * MIB, .result = 4 * MIB },
        .role = ROLE_VIEWER,
        .examples = host_examples,
        .run = host_run,
        .print_row = host_print_row,
};
