/* Disks, network devices, memory modules and huge pages, as cAdvisor lists them. */
#include "linux/machine_internal.h"

#include "base/cleanup.h"

#include <fcntl.h>
#include <limits.h>

enum { HUGE_PAGE_SIZES_MAX = 16, MEMORY_CONTROLLERS_MAX = 256, DIMMS_MAX = 1024, DIMM_TYPES_MAX = 32, SECTOR = 512 };

static bool has_prefix(const char *name, const char *const *prefixes)
{
        for (size_t i = 0; prefixes[i]; i++)
                if (sv_starts(sv_of(name), sv_of(prefixes[i])))
                        return true;
        return false;
}

int machine_read_huge_pages(
        struct machine_reading *reading, int dir, const char *path, struct machine_huge_pages **ret, size_t *ret_count)
{
        const char **names;
        size_t count;
        *ret = NULL;
        *ret_count = 0;
        if (machine_names(reading, dir, path, "hugepages-", "kB", HUGE_PAGE_SIZES_MAX, &names, &count) < 0)
                return -1;
        struct machine_huge_pages *rows = arena_array(reading->arena, count, sizeof(*rows));
        if (!rows)
                return -1;
        for (size_t i = 0; i < count; i++) {
                size_t prefix = sizeof("hugepages-") - 1;
                struct machine_huge_pages *row = &rows[*ret_count];
                char file[MACHINE_PATH_MAX];
                int n = snprintf(file, sizeof(file), "%s/%s/nr_hugepages", path, names[i]);
                if (n > 0 && (size_t)n < sizeof(file) &&
                        sv_parse_u64(sv_n(names[i] + prefix, strlen(names[i]) - prefix - 2), 10, &row->page_kib) &&
                        machine_number(dir, file, &row->pages))
                        ++*ret_count;
                else
                        reading->machine->refused++;
        }
        *ret = *ret_count ? rows : NULL;
        return 0;
}

/* "254:16" */
static bool parse_numbers(struct sv text, uint32_t *ret_major, uint32_t *ret_minor)
{
        uint64_t major;
        uint64_t minor;
        size_t colon = sv_find(text, ':');
        if (colon == text.n || !sv_parse_u64(sv_n(text.p, colon), 10, &major) || major > UINT32_MAX ||
                !sv_parse_u64(sv_n(text.p + colon + 1, text.n - colon - 1), 10, &minor) || minor > UINT32_MAX)
                return false;
        *ret_major = (uint32_t)major;
        *ret_minor = (uint32_t)minor;
        return true;
}

/* 1 for a disk, 0 for none, -1 without memory. */
static int read_disk(struct machine_reading *reading, int directory, const char *name, struct machine_disk *ret)
{
        char room[MACHINE_VALUE_MAX];
        struct sv text;
        uint64_t number;
        if (machine_number(directory, "hidden", &number) && number == 1) /* a path of a multipath NVMe disk */
                return 0;
        if (!machine_value(directory, "dev", room, &text) || !parse_numbers(text, &ret->major, &ret->minor) ||
                !machine_number(directory, "size", &number) ||
                __builtin_mul_overflow(number, (uint64_t)SECTOR, &ret->size)) {
                reading->machine->refused++;
                return 0;
        }
        ret->name = name;
        ret->scheduler = "none";
        if (machine_value(directory, "queue/scheduler", room, &text) && (text = machine_scheduler_parse(text)).n)
                ret->scheduler = arena_strndup(reading->arena, text.p, text.n);
        return ret->scheduler ? 1 : -1;
}

static int read_disks(struct machine_reading *reading)
{
        static const char *const no_disks[] = { "loop", "ram", "sr", NULL };
        struct machine *machine = reading->machine;
        const char **names;
        size_t count;
        cleanup(fd_close) int block = openat(reading->sys, "block", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (block < 0)
                return 0;
        if (machine_names(reading, block, ".", "", "", MACHINE_DEVICES_MAX, &names, &count) < 0)
                return -1;
        machine->disks = arena_array(reading->arena, count, sizeof(*machine->disks));
        if (!machine->disks)
                return -1;
        for (size_t i = 0; i < count; i++) {
                if (has_prefix(names[i], no_disks))
                        continue;
                cleanup(fd_close) int directory = openat(block, names[i], O_PATH | O_DIRECTORY | O_CLOEXEC);
                if (directory < 0)
                        continue;
                int verdict = read_disk(reading, directory, names[i], &machine->disks[machine->disk_count]);
                if (verdict < 0)
                        return -1;
                machine->disk_count += (size_t)verdict;
        }
        return 0;
}

static int read_network_devices(struct machine_reading *reading)
{
        static const char *const not_listed[] = { "lo", "veth", "docker", "nerdctl", NULL };
        struct machine *machine = reading->machine;
        const char **names;
        size_t count;
        cleanup(fd_close) int net = openat(reading->sys, "class/net", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (net < 0)
                return 0;
        if (machine_names(reading, net, ".", "", "", MACHINE_DEVICES_MAX, &names, &count) < 0)
                return -1;
        machine->network_devices = arena_array(reading->arena, count, sizeof(*machine->network_devices));
        if (!machine->network_devices)
                return -1;
        for (size_t i = 0; i < count; i++) {
                if (has_prefix(names[i], not_listed))
                        continue;
                cleanup(fd_close) int directory = openat(net, names[i], O_PATH | O_DIRECTORY | O_CLOEXEC);
                if (directory < 0) /* bonding_masters is a file */
                        continue;
                struct machine_network_device row = { .name = names[i] };
                if (!(row.mac = machine_text(directory, "address", reading->arena)))
                        return -1;
                if (!machine_signed(directory, "mtu", &row.mtu)) {
                        machine->refused++;
                        continue;
                }
                if (!machine_signed(directory, "speed", &row.speed)) /* EINVAL while it is down; -1 for unknown */
                        row.speed = 0;
                machine->network_devices[machine->network_device_count++] = row;
        }
        return 0;
}

static int add_dimm(struct machine_reading *reading, struct sv type, uint64_t capacity)
{
        struct machine *machine = reading->machine;
        size_t at = 0;
        while (at < machine->dimm_count && !sv_eq(sv_of(machine->dimms[at].type), type))
                at++;
        if (at == DIMM_TYPES_MAX) {
                machine->refused++;
                return 0;
        }
        if (!machine->dimms && !(machine->dimms = arena_array(reading->arena, DIMM_TYPES_MAX, sizeof(*machine->dimms))))
                return -1;
        struct machine_dimm *dimm = &machine->dimms[at];
        if (at == machine->dimm_count) {
                if (!(dimm->type = arena_strndup(reading->arena, type.p, type.n)))
                        return -1;
                machine->dimm_count++;
        }
        dimm->capacity += capacity;
        dimm->count++;
        return 0;
}

/* Documentation/admin-guide/ras.rst: mc0/dimm0/{dimm_mem_type,size}, the size in MiB. */
static int read_dimms(struct machine_reading *reading)
{
        int *controllers;
        size_t controller_count;
        cleanup(fd_close) int mc = openat(reading->sys, "devices/system/edac/mc", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (mc < 0)
                return 0;
        if (machine_numbers(reading, mc, ".", "mc", MEMORY_CONTROLLERS_MAX, &controllers, &controller_count) < 0)
                return -1;
        for (size_t i = 0; i < controller_count; i++) {
                char path[MACHINE_PATH_MAX];
                int *dimms;
                size_t count;
                snprintf(path, sizeof(path), "mc%d", controllers[i]);
                if (machine_numbers(reading, mc, path, "dimm", DIMMS_MAX, &dimms, &count) < 0)
                        return -1;
                for (size_t k = 0; k < count; k++) {
                        char room[MACHINE_VALUE_MAX];
                        struct sv type;
                        uint64_t size;
                        snprintf(path, sizeof(path), "mc%d/dimm%d", controllers[i], dimms[k]);
                        cleanup(fd_close) int dimm = openat(mc, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
                        if (dimm < 0 || !machine_value(dimm, "dimm_mem_type", room, &type) ||
                                !machine_number(dimm, "size", &size) ||
                                __builtin_mul_overflow(size, UINT64_C(1) << 20, &size)) {
                                reading->machine->refused++;
                                continue;
                        }
                        if (add_dimm(reading, type, size) < 0)
                                return -1;
                }
        }
        return 0;
}

int machine_read_devices(struct machine_reading *reading)
{
        if (machine_read_huge_pages(reading, reading->sys, "kernel/mm/hugepages", &reading->machine->huge_pages,
                    &reading->machine->huge_pages_count) < 0 ||
                read_disks(reading) < 0 || read_network_devices(reading) < 0 || read_dimms(reading) < 0)
                return -1;
        return 0;
}
