#include "linux/machine_internal.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/path.h"
#include "base/timefmt.h"
#include "linux/host.h"
#include "linux/meminfo.h"

#include <ctype.h>
#include <fcntl.h>
#include <sys/utsname.h>

enum { CPUINFO_MAX = 32 << 20 };

static int no_memory(struct error *err)
{
        return fail(err, E_NO_MEMORY, "no memory for the machine's description");
}

static int read_processors(struct machine_reading *reading)
{
        struct machine *machine = reading->machine;
        struct host_cpu cpu = { 0 };
        uint64_t number;
        cleanup(buf_done) struct buf text;
        buf_init(&text, CPUINFO_MAX);
        machine->vendor = "";
        if (file_read(reading->proc, "cpuinfo", &text, NULL) == 0) {
                struct sv rows = sv_n(buf_text(&text), text.len);
                machine->frequency_khz = machine_frequency_parse(rows);
                struct error parse_error = { 0 };
                if (host_parse_cpuinfo(rows, reading->arena, &cpu, &parse_error) < 0 && parse_error.code == E_NO_MEMORY)
                        return -1;
        }
        /* the fastest it can be: what cpuinfo says changes with the load */
        if (machine_number(reading->sys, "devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq", &number))
                machine->frequency_khz = number;
        if (cpu.vendor) { /* cAdvisor takes the first word: "IBM" of "IBM/S390" */
                size_t n = 0;
                while (isalnum((unsigned char)cpu.vendor[n]) || cpu.vendor[n] == '_')
                        n++;
                if (!(machine->vendor = arena_strndup(reading->arena, cpu.vendor, n)))
                        return -1;
        }
        machine->physical_cores = cpu.cores;
        machine->sockets = cpu.sockets;
        if (machine_read_topology(reading) < 0)
                return -1;
        if (machine->cores == 0) /* a sandbox that hides sysfs */
                machine->cores = cpu.logical;
        return 0;
}

static int read_memory(struct machine_reading *reading, struct error *err)
{
        struct meminfo memory;
        cleanup(buf_done) struct buf text;
        buf_init(&text, MEMINFO_TEXT_MAX);
        if (file_read(reading->proc, "meminfo", &text, err) < 0 ||
                meminfo_parse(sv_n(buf_text(&text), text.len), &memory, err) < 0)
                return -1;
        reading->machine->memory = memory.total;
        reading->machine->swap = memory.swap_total;
        return 0;
}

/* The first of the comma-separated files, relative to root, that says something; "" for none, NULL without memory. */
static const char *first_of(struct machine_reading *reading, const char *files)
{
        struct sv rest = sv_of(files);
        struct sv file;
        while (sv_split(&rest, ',', &file)) {
                char path[MACHINE_PATH_MAX];
                file = sv_trim(file);
                while (file.n && file.p[0] == '/')
                        file = sv_n(file.p + 1, file.n - 1);
                if (!file.n || (size_t)snprintf(path, sizeof(path), "%.*s", SV_ARG(file)) >= sizeof(path))
                        continue;
                const char *text = machine_text(reading->root, path, reading->arena);
                if (!text || text[0])
                        return text;
        }
        return "";
}

static int read_ids(struct machine_reading *reading, const struct machine_places *places)
{
        struct machine *machine = reading->machine;
        struct arena *arena = reading->arena;
        const char *machine_ids = places && places->machine_id_files ? places->machine_id_files : NULL;
        machine->machine_id = first_of(reading, machine_ids ? machine_ids : "etc/machine-id,var/lib/dbus/machine-id");
        machine->boot_id = places && places->boot_id_files
                                   ? first_of(reading, places->boot_id_files)
                                   : machine_text(reading->proc, "sys/kernel/random/boot_id", arena);
        /* firmware; Power; and what cAdvisor takes where there is none */
        const struct {
                int dir;
                const char *path;
        } uuids[] = {
                { reading->sys, "class/dmi/id/product_uuid" },
                { reading->proc, "device-tree/system-id" },
                { reading->proc, "device-tree/vm,uuid" },
                { reading->root, "etc/machine-id" },
        };
        machine->system_uuid = "";
        for (size_t i = 0; i < sizeof(uuids) / sizeof(*uuids) && machine->system_uuid && !machine->system_uuid[0]; i++)
                machine->system_uuid = machine_text(uuids[i].dir, uuids[i].path, arena);
        return machine->machine_id && machine->boot_id && machine->system_uuid ? 0 : -1;
}

static int read_cloud(struct machine_reading *reading, const struct os_release *os)
{
        struct machine *machine = reading->machine;
        struct arena *arena = reading->arena;
        struct host_dmi dmi = { 0 };
        const struct {
                const char *path;
                const char **into;
        } rows[] = {
                { "class/dmi/id/sys_vendor", &dmi.sys_vendor },
                { "class/dmi/id/product_name", &dmi.product_name },
                { "class/dmi/id/product_version", &dmi.product_version },
                { "class/dmi/id/board_vendor", &dmi.board_vendor },
                { "class/dmi/id/bios_vendor", &dmi.bios_vendor },
                { "class/dmi/id/bios_version", &dmi.bios_version },
                { "class/dmi/id/chassis_asset_tag", &dmi.chassis_asset_tag },
        };
        for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
                if (!(*rows[i].into = machine_text(reading->sys, rows[i].path, arena)))
                        return -1;
        machine->cloud_provider = "Unknown";
        machine->instance_type = "Unknown";
        machine->instance_id = "None";
        const char *cloud = host_cloud_of_dmi(&dmi);
        if (cloud && strcmp(cloud, "gcp") == 0) {
                machine->cloud_provider = "GCE";
                machine->instance_id = "Unknown"; /* only its metadata server tells */
        } else if (cloud && strcmp(cloud, "azure") == 0) {
                machine->cloud_provider = "Azure";
                machine->instance_id = machine_text(reading->sys, "class/dmi/id/product_uuid", arena);
        } else if ((cloud && strcmp(cloud, "aws") == 0) || strstr(dmi.product_version, "amazon") ||
                   strstr(dmi.bios_vendor, "amazon") || (os->id && strcmp(os->id, "amzn") == 0)) {
                machine->cloud_provider = "AWS";
                machine->instance_id = "Unknown";
                /* a Nitro instance's firmware says both: "m5.large", "i-0123456789abcdef0" */
                const char *tag = machine_text(reading->sys, "class/dmi/id/board_asset_tag", arena);
                if (!tag)
                        return -1;
                if (sv_starts(sv_of(tag), SV("i-"))) {
                        machine->instance_id = tag;
                        machine->instance_type = dmi.product_name[0] ? dmi.product_name : "Unknown";
                }
        }
        return machine->instance_id ? 0 : -1;
}

static int read_software(struct machine_reading *reading)
{
        struct machine *machine = reading->machine;
        struct os_release os = { 0 };
        struct utsname name;
        machine->kernel_version = machine_text(reading->proc, "sys/kernel/osrelease", reading->arena);
        if (machine->kernel_version && !machine->kernel_version[0] && uname(&name) == 0)
                machine->kernel_version = arena_strdup(reading->arena, name.release);
        machine->os_version = "Unknown";
        if (os_release_read(reading->root, reading->arena, &os, NULL) == 0)
                machine->os_version = os.pretty_name && os.pretty_name[0] ? os.pretty_name : "Linux";
        return machine->kernel_version ? read_cloud(reading, &os) : -1;
}

int machine_read(
        int root, const struct machine_places *places, struct arena *arena, struct machine *ret, struct error *err)
{
        struct machine machine = { .read_unix_ns = time_unix_ns() };
        const char *procfs = places && places->procfs ? places->procfs : "proc";
        const char *sysfs = places && places->sysfs ? places->sysfs : "sys";
        cleanup(fd_close) int proc = openat(root, procfs, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (proc < 0)
                return fail_errno(err, "open %s", procfs);
        /* absent: what it tells stays empty, since openat(-1, …) fails */
        cleanup(fd_close) int sys = openat(root, sysfs, O_PATH | O_DIRECTORY | O_CLOEXEC);
        struct machine_reading reading = {
                .root = root, .proc = proc, .sys = sys, .arena = arena, .machine = &machine
        };
        if (read_memory(&reading, err) < 0)
                return -1;
        if (read_processors(&reading) < 0 || read_ids(&reading, places) < 0 || read_software(&reading) < 0 ||
                machine_read_devices(&reading) < 0 || machine_read_filesystems(&reading) < 0)
                return no_memory(err);
        *ret = machine;
        return 0;
}
