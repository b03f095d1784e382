/* diskstats: /proc/diskstats, with what udev and sysfs know of each disk. */
#include "modules/metrics/node/node_internal.h"
#include "modules/metrics/node/node_parse.h"

enum { SECTOR = 512 };

enum unit { COUNT, SECTORS, MILLISECONDS };

static const struct {
        const char *name, *help;
        enum exposition_type type;
        enum unit unit;
} columns[DISKSTATS_FIELDS] = {
        { "node_disk_reads_completed_total", "The total number of reads completed successfully.", EXPOSITION_COUNTER,
                COUNT },
        { "node_disk_reads_merged_total", "The total number of reads merged.", EXPOSITION_COUNTER, COUNT },
        { "node_disk_read_bytes_total", "The total number of bytes read successfully.", EXPOSITION_COUNTER, SECTORS },
        { "node_disk_read_time_seconds_total", "The total number of seconds spent by all reads.", EXPOSITION_COUNTER,
                MILLISECONDS },
        { "node_disk_writes_completed_total", "The total number of writes completed successfully.", EXPOSITION_COUNTER,
                COUNT },
        { "node_disk_writes_merged_total", "The number of writes merged.", EXPOSITION_COUNTER, COUNT },
        { "node_disk_written_bytes_total", "The total number of bytes written successfully.", EXPOSITION_COUNTER,
                SECTORS },
        { "node_disk_write_time_seconds_total", "This is the total number of seconds spent by all writes.",
                EXPOSITION_COUNTER, MILLISECONDS },
        { "node_disk_io_now", "The number of I/Os currently in progress.", EXPOSITION_GAUGE, COUNT },
        { "node_disk_io_time_seconds_total", "Total seconds spent doing I/Os.", EXPOSITION_COUNTER, MILLISECONDS },
        { "node_disk_io_time_weighted_seconds_total", "The weighted # of seconds spent doing I/Os.", EXPOSITION_COUNTER,
                MILLISECONDS },
        { "node_disk_discards_completed_total", "The total number of discards completed successfully.",
                EXPOSITION_COUNTER, COUNT },
        { "node_disk_discards_merged_total", "The total number of discards merged.", EXPOSITION_COUNTER, COUNT },
        { "node_disk_discarded_sectors_total", "The total number of sectors discarded successfully.",
                EXPOSITION_COUNTER, COUNT },
        { "node_disk_discard_time_seconds_total", "This is the total number of seconds spent by all discards.",
                EXPOSITION_COUNTER, MILLISECONDS },
        { "node_disk_flush_requests_total", "The total number of flush requests completed successfully",
                EXPOSITION_COUNTER, COUNT },
        { "node_disk_flush_requests_time_seconds_total",
                "This is the total number of seconds spent by all flush requests.", EXPOSITION_COUNTER, MILLISECONDS },
};

/* What we want of a device's properties (systemd's udev rules: 60-persistent-storage.rules, 60-block.rules). */
enum property {
        DM_LV_LAYER,
        DM_LV_NAME,
        DM_NAME,
        DM_UUID,
        DM_VG_NAME,
        ID_ATA,
        ID_ATA_ROTATION_RATE_RPM,
        ID_ATA_WRITE_CACHE,
        ID_ATA_WRITE_CACHE_ENABLED,
        ID_FS_TYPE,
        ID_FS_USAGE,
        ID_FS_UUID,
        ID_FS_VERSION,
        ID_MODEL,
        ID_PATH,
        ID_REVISION,
        ID_SERIAL,
        ID_SERIAL_SHORT,
        ID_WWN,
        SCSI_IDENT_SERIAL,
        PROPERTIES
};

static const char *const property_names[PROPERTIES] = { "DM_LV_LAYER", "DM_LV_NAME", "DM_NAME", "DM_UUID", "DM_VG_NAME",
        "ID_ATA", "ID_ATA_ROTATION_RATE_RPM", "ID_ATA_WRITE_CACHE", "ID_ATA_WRITE_CACHE_ENABLED", "ID_FS_TYPE",
        "ID_FS_USAGE", "ID_FS_UUID", "ID_FS_VERSION", "ID_MODEL", "ID_PATH", "ID_REVISION", "ID_SERIAL",
        "ID_SERIAL_SHORT", "ID_WWN", "SCSI_IDENT_SERIAL" };

/* ret: NULL for what the database does not tell. */
static void read_properties(struct node *node, uint32_t major, uint32_t minor, const char *ret[PROPERTIES])
{
        char path[32];
        struct sv text;
        struct sv line;
        snprintf(path, sizeof(path), "b%u:%u", major, minor);
        if (node->udev < 0 || node_read(node, node->udev, path, &text, NULL) < 0)
                return;
        while (sv_line(&text, &line)) {
                struct sv name;
                struct sv value;
                if (!udev_line_parse(line, &name, &value))
                        continue;
                for (size_t i = 0; i < PROPERTIES; i++)
                        if (sv_eq(name, sv_of(property_names[i])))
                                ret[i] = node_copy(node, value);
        }
}

static const char *text_of(const char *property)
{
        return property ? property : "";
}

static void add_identity(const struct node *node, struct exposition *out, const struct diskstats_line *disk,
        const char *device, const char *const properties[PROPERTIES])
{
        char path[300];
        char major[16];
        char minor[16];
        uint64_t rotational = 0;
        const char *serial = text_of(properties[SCSI_IDENT_SERIAL]);
        if (!*serial)
                serial = text_of(properties[ID_SERIAL_SHORT]);
        if (!*serial) /* all that virtio disks have */
                serial = text_of(properties[ID_SERIAL]);
        snprintf(path, sizeof(path), "block/%s/queue/rotational", device);
        node_read_u64(node->options.sys, path, &rotational);
        snprintf(major, sizeof(major), "%u", disk->major);
        snprintf(minor, sizeof(minor), "%u", disk->minor);
        const struct exposition_label labels[] = {
                { "device", device },
                { "major", major },
                { "minor", minor },
                { "path", text_of(properties[ID_PATH]) },
                { "wwn", text_of(properties[ID_WWN]) },
                { "model", text_of(properties[ID_MODEL]) },
                { "serial", serial },
                { "revision", text_of(properties[ID_REVISION]) },
                { "rotational", rotational ? "1" : "0" },
        };
        exposition_add(node_gauge(out, "node_disk_info", "Info of /sys/block/<block_device>."), labels,
                sizeof(labels) / sizeof(*labels), 1, EXPOSITION_NO_TIME);
}

static void add_content(struct exposition *out, const char *device, const char *const properties[PROPERTIES])
{
        if (*text_of(properties[ID_FS_TYPE])) {
                const struct exposition_label labels[] = {
                        { "device", device },
                        { "type", properties[ID_FS_TYPE] },
                        { "usage", text_of(properties[ID_FS_USAGE]) },
                        { "uuid", text_of(properties[ID_FS_UUID]) },
                        { "version", text_of(properties[ID_FS_VERSION]) },
                };
                exposition_add(node_gauge(out, "node_disk_filesystem_info", "Info about disk filesystem."), labels,
                        sizeof(labels) / sizeof(*labels), 1, EXPOSITION_NO_TIME);
        }
        if (*text_of(properties[DM_NAME])) {
                const struct exposition_label labels[] = {
                        { "device", device },
                        { "name", properties[DM_NAME] },
                        { "uuid", text_of(properties[DM_UUID]) },
                        { "vg_name", text_of(properties[DM_VG_NAME]) },
                        { "lv_name", text_of(properties[DM_LV_NAME]) },
                        { "lv_layer", text_of(properties[DM_LV_LAYER]) },
                };
                exposition_add(node_gauge(out, "node_disk_device_mapper_info", "Info about disk device mapper."),
                        labels, sizeof(labels) / sizeof(*labels), 1, EXPOSITION_NO_TIME);
        }
}

static void add_ata(struct exposition *out, const char *device, const char *const properties[PROPERTIES])
{
        static const struct {
                enum property property;
                const char *name, *help;
        } rows[] = {
                { ID_ATA_WRITE_CACHE, "node_disk_ata_write_cache", "ATA disk has a write cache." },
                { ID_ATA_WRITE_CACHE_ENABLED, "node_disk_ata_write_cache_enabled",
                        "ATA disk has its write cache enabled." },
                { ID_ATA_ROTATION_RATE_RPM, "node_disk_ata_rotation_rate_rpm",
                        "ATA disk rotation rate in RPMs (0 for SSDs)." },
        };
        if (!*text_of(properties[ID_ATA]))
                return;
        for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
                double value;
                const char *text = properties[rows[i].property];
                if (text && node_parse_double(sv_of(text), &value))
                        node_add(node_gauge(out, rows[i].name, rows[i].help), "device", device, value);
        }
}

static double column_value(size_t column, uint64_t value)
{
        switch (columns[column].unit) {
        case SECTORS:
                return (double)value * SECTOR;
        case MILLISECONDS:
                return (double)value * (1.0 / 1000.0); /* a product, as there: the last digit depends on it */
        default:
                return (double)value;
        }
}

int node_collect_diskstats(struct node *node, struct exposition *out, struct error *err)
{
        struct sv text;
        struct sv line;
        if (node_read(node, node->options.proc, "diskstats", &text, err) < 0)
                return -1;
        /* the buffer is read into again for each disk's properties */
        const char *copy = node_copy(node, text);
        if (!copy)
                return fail(err, E_NO_MEMORY, "no memory for diskstats");
        struct exposition_family *families[DISKSTATS_FIELDS];
        for (size_t i = 0; i < DISKSTATS_FIELDS; i++)
                families[i] = exposition_family(out, columns[i].name, columns[i].type, columns[i].help);
        for (struct sv rest = sv_n(copy, text.n); sv_line(&rest, &line);) {
                struct diskstats_line disk;
                const char *properties[PROPERTIES] = { 0 };
                if (!diskstats_parse(line, &disk)) {
                        node->refused += sv_trim(line).n > 0;
                        continue;
                }
                if (node_ignored(&node->disks, disk.device))
                        continue;
                const char *device = node_copy(node, disk.device);
                if (!device)
                        return fail(err, E_NO_MEMORY, "no memory for a disk");
                read_properties(node, disk.major, disk.minor, properties);
                add_identity(node, out, &disk, device, properties);
                for (size_t i = 0; i < disk.count; i++)
                        node_add(families[i], "device", device, column_value(i, disk.fields[i]));
                add_content(out, device, properties);
                add_ata(out, device, properties);
        }
        return 0;
}
