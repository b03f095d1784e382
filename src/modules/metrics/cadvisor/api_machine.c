/* The machine: MachineInfo, Attributes, and its file systems as v2.0's storage. */
#include "modules/metrics/cadvisor/api_internal.h"

static void put_filesystem(struct buf *out, const struct machine_filesystem *filesystem)
{
        static const struct go_field fields[] = {
                GO(struct machine_filesystem, device, "device"),
                GO(struct machine_filesystem, capacity, "capacity"),
                GO(struct machine_filesystem, type, "type"),
                GO(struct machine_filesystem, inodes, "inodes"),
                GO(struct machine_filesystem, has_inodes, "has_inodes"),
                GO_LAST,
        };
        go_object(out, fields, filesystem);
}

static void put_filesystems(struct buf *out, const void *value)
{
        const struct machine *machine = value;
        go_key(out, "filesystems");
        if (!machine->filesystem_count) {
                go_null(out);
                return;
        }
        go_begin(out, '[');
        for (size_t i = 0; i < machine->filesystem_count; i++)
                put_filesystem(out, &machine->filesystems[i]);
        buf_putc(out, ']');
}

static const struct go_field disk_fields[] = {
        GO(struct machine_disk, name, "name"),
        GO(struct machine_disk, major, "major"),
        GO(struct machine_disk, minor, "minor"),
        GO(struct machine_disk, size, "size"),
        GO(struct machine_disk, scheduler, "scheduler"),
        GO_LAST,
};

static void disk_key(const struct machine_disk *disk, char ret[32])
{
        snprintf(ret, 32, "%u:%u", disk->major, disk->minor);
}

/* A map by "major:minor", sorted as texts: "254:0", "8:0". */
static void put_disks(struct buf *out, const void *value)
{
        const struct machine *machine = value;
        char last[32] = "";
        go_key(out, "disk_map");
        go_begin(out, '{');
        for (;;) {
                const struct machine_disk *next = NULL;
                char best[32] = "";
                for (size_t i = 0; i < machine->disk_count; i++) {
                        char key[32];
                        disk_key(&machine->disks[i], key);
                        if (strcmp(key, last) > 0 && (!next || strcmp(key, best) < 0)) {
                                next = &machine->disks[i];
                                memcpy(best, key, sizeof(best));
                        }
                }
                if (!next)
                        break;
                memcpy(last, best, sizeof(last));
                go_map_key(out, sv_of(best));
                go_object(out, disk_fields, next);
        }
        buf_putc(out, '}');
}

static void put_network_devices(struct buf *out, const void *value)
{
        static const struct go_field fields[] = {
                GO(struct machine_network_device, name, "name"),
                GO(struct machine_network_device, mac, "mac_address"),
                GO(struct machine_network_device, speed, "speed"),
                GO(struct machine_network_device, mtu, "mtu"),
                GO_LAST,
        };
        const struct machine *machine = value;
        go_key(out, "network_devices");
        if (!machine->network_device_count) {
                go_null(out);
                return;
        }
        go_begin(out, '[');
        for (size_t i = 0; i < machine->network_device_count; i++)
                go_object(out, fields, &machine->network_devices[i]);
        buf_putc(out, ']');
}

static void put_huge_pages(struct buf *out, const struct machine_huge_pages *pages, size_t count)
{
        static const struct go_field fields[] = {
                GO(struct machine_huge_pages, page_kib, "page_size"),
                GO(struct machine_huge_pages, pages, "num_pages"),
                GO_LAST,
        };
        go_key(out, "hugepages");
        if (!count) {
                go_null(out);
                return;
        }
        go_begin(out, '[');
        for (size_t i = 0; i < count; i++)
                go_object(out, fields, &pages[i]);
        buf_putc(out, ']');
}

static void put_all_huge_pages(struct buf *out, const void *value)
{
        const struct machine *machine = value;
        put_huge_pages(out, machine->huge_pages, machine->huge_pages_count);
}

/* ---- topology ---- */

static void put_caches(struct buf *out, const struct machine_cache *caches, size_t count)
{
        static const struct go_field fields[] = {
                GO(struct machine_cache, id, "id"),
                GO(struct machine_cache, size, "size"),
                GO(struct machine_cache, type, "type"),
                GO(struct machine_cache, level, "level"),
                GO_LAST,
        };
        if (!count) {
                go_null(out);
                return;
        }
        go_begin(out, '[');
        for (size_t i = 0; i < count; i++)
                go_object(out, fields, &caches[i]);
        buf_putc(out, ']');
}

static void put_core(struct buf *out, const struct machine_core *core)
{
        static const struct go_field fields[] = {
                GO(struct machine_core, socket, "socket_id"),
                GO_OMIT(struct machine_core, book, "book_id"),
                GO_OMIT(struct machine_core, drawer, "drawer_id"),
                GO_LAST,
        };
        go_begin(out, '{');
        go_key(out, "core_id");
        go_int(out, core->id);
        go_key(out, "thread_ids");
        if (core->thread_count) {
                go_begin(out, '[');
                for (size_t i = 0; i < core->thread_count; i++)
                        go_int(out, core->threads[i]);
                buf_putc(out, ']');
        } else {
                go_null(out);
        }
        go_key(out, "caches");
        put_caches(out, core->caches, core->cache_count);
        go_key(out, "uncore_caches");
        put_caches(out, core->uncore_caches, core->uncore_cache_count);
        go_members(out, fields, core);
        buf_putc(out, '}');
}

static void put_node(struct buf *out, const struct machine_node *node)
{
        static const struct go_field distances[] = {
                GO_ARRAY(struct machine_node, distances, distance_count, "distances"),
                GO_LAST,
        };
        go_begin(out, '{');
        go_key(out, "node_id");
        go_int(out, node->id);
        go_key(out, "memory");
        go_uint(out, node->memory);
        put_huge_pages(out, node->huge_pages, node->huge_pages_count);
        go_key(out, "cores");
        if (node->core_count) {
                go_begin(out, '[');
                for (size_t i = 0; i < node->core_count; i++)
                        put_core(out, &node->cores[i]);
                buf_putc(out, ']');
        } else {
                go_null(out);
        }
        go_key(out, "caches");
        put_caches(out, node->caches, node->cache_count);
        go_members(out, distances, node);
        buf_putc(out, '}');
}

static void put_topology(struct buf *out, const void *value)
{
        const struct machine *machine = value;
        go_key(out, "topology");
        if (!machine->node_count) {
                go_null(out);
                return;
        }
        go_begin(out, '[');
        for (size_t i = 0; i < machine->node_count; i++)
                put_node(out, &machine->nodes[i]);
        buf_putc(out, ']');
}

/* ---- MachineInfo ---- */

static void put_dimms(struct buf *out, const void *value)
{
        const struct machine *machine = value;
        const char *last = NULL;
        go_key(out, "memory_by_type");
        go_begin(out, '{');
        for (;;) {
                const struct machine_dimm *next = NULL;
                for (size_t i = 0; i < machine->dimm_count; i++) {
                        const struct machine_dimm *dimm = &machine->dimms[i];
                        if ((!last || strcmp(dimm->type, last) > 0) && (!next || strcmp(dimm->type, next->type) < 0))
                                next = dimm;
                }
                if (!next)
                        break;
                last = next->type;
                go_map_key(out, sv_of(next->type));
                go_begin(out, '{');
                go_key(out, "capacity");
                go_uint(out, next->capacity);
                go_key(out, "dimm_count");
                go_uint(out, next->count);
                buf_putc(out, '}');
        }
        buf_putc(out, '}');
}

/* No reader of persistent memory: the shape is there, as where cAdvisor was built without ipmctl. */
static void put_persistent_memory(struct buf *out, const void *value)
{
        (void)value;
        go_key(out, "nvm");
        go_begin(out, '{');
        go_key(out, "memory_mode_capacity");
        go_uint(out, 0);
        go_key(out, "app direct_mode_capacity");
        go_uint(out, 0);
        go_key(out, "avg_power_budget");
        go_uint(out, 0);
        buf_putc(out, '}');
}

static void put_time(struct buf *out, const void *value)
{
        go_time(out, *(const int64_t *)value);
}

#define MACHINE(member, text) GO(struct machine, member, text)

void api_put_machine(struct buf *out, const struct machine *machine)
{
        static const struct go_field fields[] = {
                GO_PUT(struct machine, read_unix_ns, "timestamp", put_time),
                MACHINE(vendor, "vendor_id"),
                MACHINE(cores, "num_cores"),
                MACHINE(physical_cores, "num_physical_cores"),
                MACHINE(sockets, "num_sockets"),
                GO_OMIT(struct machine, books, "num_books"),
                GO_OMIT(struct machine, drawers, "num_drawers"),
                MACHINE(frequency_khz, "cpu_frequency_khz"),
                MACHINE(memory, "memory_capacity"),
                MACHINE(swap, "swap_capacity"),
                GO_EMBED(put_dimms),
                GO_EMBED(put_persistent_memory),
                GO_EMBED(put_all_huge_pages),
                MACHINE(machine_id, "machine_id"),
                MACHINE(system_uuid, "system_uuid"),
                MACHINE(boot_id, "boot_id"),
                GO_EMBED(put_filesystems),
                GO_EMBED(put_disks),
                GO_EMBED(put_network_devices),
                GO_EMBED(put_topology),
                MACHINE(cloud_provider, "cloud_provider"),
                MACHINE(instance_type, "instance_type"),
                MACHINE(instance_id, "instance_id"),
                GO_LAST,
        };
        go_object(out, fields, machine);
}

void api_put_attributes(struct buf *out, const struct machine *machine, const char *version)
{
        static const struct go_field fields[] = {
                MACHINE(cores, "num_cores"),
                MACHINE(frequency_khz, "cpu_frequency_khz"),
                MACHINE(memory, "memory_capacity"),
                MACHINE(machine_id, "machine_id"),
                MACHINE(system_uuid, "system_uuid"),
                GO_EMBED(put_all_huge_pages),
                GO_EMBED(put_filesystems),
                GO_EMBED(put_disks),
                GO_EMBED(put_network_devices),
                GO_EMBED(put_topology),
                MACHINE(cloud_provider, "cloud_provider"),
                MACHINE(instance_type, "instance_type"),
                GO_LAST,
        };
        go_begin(out, '{');
        go_key(out, "kernel_version");
        go_text(out, machine->kernel_version);
        go_key(out, "container_os_version");
        go_text(out, machine->os_version);
        /* the engine is not asked: these are what cAdvisor says when none answers */
        go_key(out, "docker_version");
        go_text(out, "Unknown");
        go_key(out, "docker_api_version");
        go_text(out, "Unknown");
        go_key(out, "cadvisor_version");
        go_text(out, version);
        go_members(out, fields, machine);
        buf_putc(out, '}');
}

/* ---- storage ---- */

/* A sample has the device's name only. */
const struct machine_filesystem *api_find_filesystem(const struct machine *machine, const char *device)
{
        for (size_t i = 0; device && i < machine->filesystem_count; i++)
                if (strcmp(machine->filesystems[i].device, device) == 0)
                        return &machine->filesystems[i];
        return NULL;
}

/* The file system that holds a directory: that of the longest mount point before it. */
static const struct machine_filesystem *filesystem_of(const struct machine *machine, const char *directory)
{
        const struct machine_filesystem *best = NULL;
        size_t best_length = 0;
        for (size_t i = 0; i < machine->filesystem_count; i++) {
                const char *mount = machine->filesystems[i].mount_point;
                size_t length = strlen(mount);
                bool root = strcmp(mount, "/") == 0;
                if (!root &&
                        (strncmp(mount, directory, length) != 0 || (directory[length] && directory[length] != '/')))
                        continue;
                if (!best || length > best_length) {
                        best = &machine->filesystems[i];
                        best_length = length;
                }
        }
        return best;
}

static const struct {
        const char *label, *directory;
} storage_labels[] = { { "docker-images", "/var/lib/docker" }, { "root", "/" } };

bool api_storage_has_label(const struct machine *machine, const char *device, const char *label)
{
        for (size_t i = 0; i < sizeof(storage_labels) / sizeof(storage_labels[0]); i++) {
                if (strcmp(storage_labels[i].label, label) != 0)
                        continue;
                const struct machine_filesystem *holder = filesystem_of(machine, storage_labels[i].directory);
                return holder && (!device || strcmp(holder->device, device) == 0);
        }
        return false;
}

void api_put_storage(
        struct buf *out, const struct machine *machine, int64_t time_ns, const struct filesystem_stats *filesystem)
{
        static const struct go_field inode_fields[] = {
                GO(struct filesystem_stats, inodes, "inodes"),
                GO(struct filesystem_stats, inodes_free, "inodes_free"),
                GO_LAST,
        };
        const struct machine_filesystem *mounted = api_find_filesystem(machine, filesystem->device);
        go_begin(out, '{');
        go_key(out, "timestamp");
        go_time(out, time_ns);
        go_key(out, "device");
        go_text(out, filesystem->device);
        go_key(out, "mountpoint");
        go_text(out, mounted ? mounted->mount_point : "");
        go_key(out, "capacity");
        go_uint(out, filesystem->capacity);
        go_key(out, "available");
        go_uint(out, filesystem->available);
        go_key(out, "usage");
        go_uint(out, filesystem->usage);
        go_key(out, "labels");
        go_begin(out, '[');
        for (size_t i = 0; i < sizeof(storage_labels) / sizeof(storage_labels[0]); i++)
                if (api_storage_has_label(machine, filesystem->device, storage_labels[i].label))
                        go_text(out, storage_labels[i].label);
        buf_putc(out, ']');
        if (filesystem->has_inodes)
                go_members(out, inode_fields, filesystem);
        buf_putc(out, '}');
}
