/* What the host runs on: CPU, firmware tables, hypervisor, container, cloud. */
#include "linux/host.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/path.h"
#include "linux/container.h"
#include "linux/text_file.h"

#include <fcntl.h>

enum {
        CPUINFO_MAX = 32 << 20,
        SOCKETS_MAX = 1024,
        CORE_SLOTS = 16384,
        CORES_MAX = CORE_SLOTS / 4 * 3,
        ENVIRON_MAX = 2 << 20
};

struct cpu_scan {
        bool seen[SOCKETS_MAX];
        uint32_t cores[CORE_SLOTS]; /* set of physical id << 16 | core id, plus 1; open addressing */
        uint64_t physical;
        bool has_physical;
        struct sv model, vendor, board;
};

/* Threads of one core share its ids; "cpu cores" would count those that are offline too. */
static void note_core(struct cpu_scan *scan, uint32_t key, struct host_cpu *into)
{
        if (into->cores >= CORES_MAX)
                return;
        uint32_t at = key * UINT32_C(2654435761) % CORE_SLOTS;
        while (scan->cores[at] && scan->cores[at] != key + 1)
                at = (at + 1) % CORE_SLOTS;
        into->cores += scan->cores[at] == 0;
        scan->cores[at] = key + 1;
}

static void scan_cpu_row(struct sv key, struct sv value, struct cpu_scan *scan, struct host_cpu *into)
{
        uint64_t number;
        struct sv word;
        struct sv rest;
        if (sv_eq(key, SV("processor")) || sv_starts(key, SV("processor "))) { /* s390: "processor 0: version = …" */
                into->logical++;
                scan->has_physical = false;
        } else if (sv_eq_nocase(key, SV("model name")) || sv_eq(key, SV("cpu model")) || sv_eq(key, SV("cpu")) ||
                   sv_eq(key, SV("uarch"))) {
                if (!scan->model.n)
                        scan->model = value;
        } else if (sv_eq(key, SV("Model")) || sv_eq(key, SV("Hardware"))) {
                scan->board = value;
        } else if (sv_eq(key, SV("vendor_id"))) {
                scan->vendor = value;
        } else if (sv_eq(key, SV("physical id")) && sv_parse_u64(value, 10, &number) && number < SOCKETS_MAX) {
                scan->physical = number;
                scan->has_physical = true;
                into->sockets += !scan->seen[number];
                scan->seen[number] = true;
        } else if (sv_eq(key, SV("core id")) && scan->has_physical && sv_parse_u64(value, 10, &number) &&
                   number <= UINT16_MAX) {
                note_core(scan, (uint32_t)(scan->physical << 16 | number), into);
        } else if (sv_eq(key, SV("flags")) && !into->hypervisor) {
                for (rest = value; sv_word(&rest, &word);)
                        into->hypervisor |= sv_eq(word, SV("hypervisor"));
        }
}

int host_parse_cpuinfo(struct sv text, struct arena *arena, struct host_cpu *ret, struct error *err)
{
        struct host_cpu cpu = { 0 };
        struct cpu_scan scan = { 0 };
        struct sv line;
        while (sv_line(&text, &line)) {
                size_t colon = sv_find(line, ':');
                if (colon < line.n)
                        scan_cpu_row(sv_trim(sv_n(line.p, colon)),
                                sv_trim(sv_n(line.p + colon + 1, line.n - colon - 1)), &scan, &cpu);
        }
        if (cpu.logical == 0)
                return fail(err, E_CORRUPT, "cpuinfo: no processor");
        struct sv model = scan.model.n ? scan.model : scan.board;
        cpu.model = model.n ? arena_strndup(arena, model.p, model.n) : NULL;
        cpu.vendor = scan.vendor.n ? arena_strndup(arena, scan.vendor.p, scan.vendor.n) : NULL;
        if ((model.n && !cpu.model) || (scan.vendor.n && !cpu.vendor))
                return fail(err, E_NO_MEMORY, "no memory for the CPU's name");
        *ret = cpu;
        return 0;
}

int host_read_cpu(int root, struct arena *arena, struct host_cpu *ret, struct error *err)
{
        cleanup(buf_done) struct buf buf;
        buf_init(&buf, CPUINFO_MAX);
        if (file_read(root, "proc/cpuinfo", &buf, err) < 0)
                return -1;
        return host_parse_cpuinfo(sv_n(buf_text(&buf), buf.len), arena, ret, err);
}

int host_read_dmi(int root, struct arena *arena, struct host_dmi *ret, struct error *err)
{
        struct host_dmi dmi = { 0 };
        const struct {
                const char *name;
                const char **into;
        } rows[] = {
                { "sys_vendor", &dmi.sys_vendor },
                { "product_name", &dmi.product_name },
                { "product_version", &dmi.product_version },
                { "board_vendor", &dmi.board_vendor },
                { "bios_vendor", &dmi.bios_vendor },
                { "bios_version", &dmi.bios_version },
                { "chassis_asset_tag", &dmi.chassis_asset_tag },
        };
        cleanup(fd_close) int dir = openat(root, "sys/class/dmi/id", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (dir < 0)
                return fail_errno(err, "no firmware tables: sys/class/dmi/id");
        for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
                *rows[i].into = text_file_line(dir, rows[i].name, arena);
        *ret = dmi;
        return 0;
}

struct text_row {
        const char *begins;
        const char *means;
};

/* The names are those of systemd-detect-virt(1), so that people find them again. */
const char *host_vm_of_dmi(const struct host_dmi *dmi)
{
        static const struct text_row rows[] = {
                { "KVM", "kvm" },
                { "OpenStack", "kvm" },
                { "KubeVirt", "kvm" },
                { "Amazon EC2", "amazon" },
                { "QEMU", "qemu" },
                { "VMware", "vmware" },
                { "VMW", "vmware" },
                { "innotek GmbH", "oracle" },
                { "VirtualBox", "oracle" },
                { "Xen", "xen" },
                { "Bochs", "bochs" },
                { "Parallels", "parallels" },
                { "BHYVE", "bhyve" },
                { "Hyper-V", "microsoft" },
                { "Virtual Machine", "microsoft" },
                { "Apple Virtualization", "apple" },
                { "Google Compute Engine", "google" },
        };
        const char *const texts[] = { dmi->product_name, dmi->sys_vendor, dmi->board_vendor, dmi->bios_vendor,
                dmi->product_version };
        for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
                for (size_t j = 0; texts[i] && j < sizeof(rows) / sizeof(*rows); j++)
                        if (sv_starts(sv_of(texts[i]), sv_of(rows[j].begins)))
                                return rows[j].means;
        return NULL;
}

const char *host_cloud_of_dmi(const struct host_dmi *dmi)
{
        static const struct text_row tags[] = {
                { "7783-7084-3265-9085-8269-3286-77",
                        "azure" }, /* the same on every Azure VM: "MSFT AZURE VM" in ASCII */
                { "OracleCloud.com", "oracle" },
                { "Amazon EC2", "aws" },
                { "OpenTelekomCloud", "otc" },
                { "SAP CCloud VM", "openstack" },
        };
        static const struct text_row vendors[] = {
                { "Amazon EC2", "aws" },
                { "Google", "gcp" },
                { "Google Compute Engine", "gcp" },
                { "DigitalOcean", "digitalocean" },
                { "Hetzner", "hetzner" },
                { "Alibaba Cloud", "alibaba" },
                { "Tencent Cloud", "tencent" },
                { "Huawei Cloud", "huawei" },
                { "HUAWEICLOUD", "huawei" },
                { "Scaleway", "scaleway" },
                { "Vultr", "vultr" },
                { "Linode", "linode" },
                { "Akamai Connected Cloud", "linode" },
                { "UpCloud", "upcloud" },
                { "Exoscale", "exoscale" },
                { "OpenStack", "openstack" },
        };
        for (size_t i = 0; dmi->chassis_asset_tag && i < sizeof(tags) / sizeof(*tags); i++)
                if (strcmp(dmi->chassis_asset_tag, tags[i].begins) == 0)
                        return tags[i].means;
        const char *const texts[] = { dmi->sys_vendor, dmi->product_name, dmi->bios_vendor };
        for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
                for (size_t j = 0; texts[i] && j < sizeof(vendors) / sizeof(*vendors); j++)
                        if (sv_starts(sv_of(texts[i]), sv_of(vendors[j].begins)))
                                return vendors[j].means;
        /* the older, Xen-based instances of EC2: "4.11.amazon" */
        if (dmi->bios_version && strstr(dmi->bios_version, "amazon"))
                return "aws";
        return NULL;
}

static const char *vm_of_host(int root, const struct host_dmi *dmi, struct arena *arena)
{
        struct host_cpu cpu;
        bool has_cpu = host_read_cpu(root, arena, &cpu, NULL) == 0;
        const char *vm = host_vm_of_dmi(dmi);
        /* a whole EC2 machine carries the same texts as a part of one; an x86 CPU tells them apart */
        if (vm && strcmp(vm, "amazon") == 0 && has_cpu && cpu.vendor && !cpu.hypervisor)
                return NULL;
        if (vm)
                return vm;
        const char *type = text_file_line(root, "sys/hypervisor/type", arena);
        if (type)
                return type;
        const char *compatible = text_file_line(root, "proc/device-tree/hypervisor/compatible", arena);
        if (compatible)
                return strstr(compatible, "xen") ? "xen" : strcmp(compatible, "linux,kvm") == 0 ? "kvm" : "vm-other";
        return has_cpu && cpu.hypervisor ? "vm-other" : NULL;
}

/* "container=lxc" in the environment of the first process: the convention of systemd's container interface. */
static const char *container_of_init(int root, struct arena *arena)
{
        cleanup(buf_done) struct buf buf;
        buf_init(&buf, ENVIRON_MAX);
        if (file_read(root, "proc/1/environ", &buf, NULL) < 0)
                return NULL;
        struct sv rest = sv_n(buf_text(&buf), buf.len);
        struct sv entry;
        while (sv_split(&rest, '\0', &entry))
                if (sv_starts(entry, SV("container=")) && entry.n > sizeof("container=") - 1)
                        return arena_strndup(arena, entry.p + 10, entry.n - 10);
        return NULL;
}

static const char *container_of_cgroup(int root, struct arena *arena)
{
        cleanup(buf_done) struct buf buf;
        struct container_identity identity;
        buf_init(&buf, 60 * 1024);
        if (file_read(root, "proc/1/cgroup", &buf, NULL) < 0 ||
                !container_identify(sv_n(buf_text(&buf), buf.len), &identity))
                return NULL;
        return arena_strdup(arena, container_engine_name(identity.engine));
}

static bool exists(int root, const char *path)
{
        return faccessat(root, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static const char *container_of_host(int root, struct arena *arena)
{
        const char *name = text_file_line(root, "run/host/container-manager", arena);
        if (!name)
                name = text_file_line(root, "run/systemd/container", arena);
        if (!name)
                name = container_of_init(root, arena);
        if (!name && exists(root, "run/.containerenv"))
                name = "podman";
        if (!name && exists(root, ".dockerenv"))
                name = "docker";
        if (!name && exists(root, "proc/vz") && !exists(root, "proc/bc"))
                name = "openvz";
        const char *release = name ? NULL : text_file_line(root, "proc/sys/kernel/osrelease", arena);
        if (release && (strstr(release, "Microsoft") || strstr(release, "WSL")))
                name = "wsl";
        return name ? name : container_of_cgroup(root, arena);
}

int host_read_virtualization(int root, struct arena *arena, struct host_virtualization *ret, struct error *err)
{
        struct host_dmi dmi;
        size_t before = arena->refused;
        if (host_read_dmi(root, arena, &dmi, NULL) < 0)
                dmi = (struct host_dmi){ 0 };
        struct host_virtualization found = { .vm = vm_of_host(root, &dmi, arena),
                .container = container_of_host(root, arena),
                .cloud = host_cloud_of_dmi(&dmi) };
        if (arena->refused != before)
                return fail(err, E_NO_MEMORY, "no memory for the texts of the firmware");
        *ret = found;
        return 0;
}
