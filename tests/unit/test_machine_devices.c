/* The machine's disks, network devices and file systems, their space and their I/O. */
#include "machine_tree.h"

#include "linux/diskstats.h"

#include <sys/statvfs.h>
#include <sys/sysmacros.h>

static void make_disk(const char *name, const char *dev, const char *size, const char *scheduler)
{
        char path[128];
        snprintf(path, sizeof(path), "sys/block/%s/dev", name);
        fixture_text(&tree, path, dev);
        snprintf(path, sizeof(path), "sys/block/%s/size", name);
        fixture_text(&tree, path, size);
        snprintf(path, sizeof(path), "sys/block/%s/queue/scheduler", name);
        if (scheduler)
                fixture_text(&tree, path, scheduler);
}

static void make_network_device(const char *name, const char *mac, const char *mtu, const char *speed)
{
        char path[128];
        snprintf(path, sizeof(path), "sys/class/net/%s/address", name);
        fixture_text(&tree, path, mac);
        snprintf(path, sizeof(path), "sys/class/net/%s/mtu", name);
        fixture_text(&tree, path, mtu);
        snprintf(path, sizeof(path), "sys/class/net/%s/speed", name);
        if (speed)
                fixture_text(&tree, path, speed);
}

static void devices(void **state)
{
        (void)state;
        static const char *const not_disks[] = { "loop0", "ram1", "sr0" };
        for (size_t i = 0; i < 3; i++)
                make_disk(not_disks[i], "7:0", "8", "none");
        make_disk("sda", "8:0\n", "2048\n", "none [mq-deadline] kyber\n");
        make_disk("nvme0n1", "259:3\n", "1000215216\n", "[none] mq-deadline\n");
        make_disk("dm-0", "253:0", "16", NULL);
        make_disk("nvme0c0n1", "0:0", "16", NULL);
        fixture_text(&tree, "sys/block/nvme0c0n1/hidden", "1\n");
        make_disk("broken", "8", "16", NULL);
        make_disk("huge", "8:1", "99999999999999999999", NULL);
        static const char *const not_listed[] = { "lo", "veth1a2b", "docker0", "nerdctl0" };
        for (size_t i = 0; i < 4; i++)
                make_network_device(not_listed[i], "00:00:00:00:00:00\n", "1500\n", NULL);
        make_network_device("eth0", "02:fc:00:00:00:01\n", "1400\n", "-1\n");
        make_network_device("bond0", "02:fc:00:00:00:02\n", "9000\n", "25000\n");
        make_network_device("wg0", "\n", "1420\n", NULL);
        make_network_device("odd0", "02:fc:00:00:00:03\n", "x\n", NULL);
        fixture_text(&tree, "sys/class/net/bonding_masters", "bond0\n");
        fixture_text(&tree, "sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "128\n");
        read_tree();
        assert_int_equal(machine.disk_count, 3);
        assert_string_equal(machine.disks[0].name, "dm-0");
        assert_string_equal(machine.disks[0].scheduler, "none");
        assert_string_equal(machine.disks[1].name, "nvme0n1");
        assert_string_equal(machine.disks[1].scheduler, "none");
        assert_int_equal(machine.disks[1].size, INT64_C(1000215216) * 512);
        assert_string_equal(machine.disks[2].scheduler, "mq-deadline");
        assert_int_equal(machine.disks[2].major, 8);
        assert_int_equal(machine.network_device_count, 3);
        assert_string_equal(machine.network_devices[0].name, "bond0");
        assert_int_equal(machine.network_devices[0].speed, 25000);
        assert_string_equal(machine.network_devices[1].mac, "02:fc:00:00:00:01");
        assert_int_equal(machine.network_devices[1].speed, -1);
        assert_int_equal(machine.network_devices[1].mtu, 1400);
        assert_string_equal(machine.network_devices[2].mac, "");
        assert_int_equal(machine.network_devices[2].speed, 0);
        assert_int_equal(machine.huge_pages_count, 1);
        assert_int_equal(machine.huge_pages[0].pages, 128);
        assert_int_equal(machine.refused, 3); /* broken, huge, odd0 */
}

static const struct machine_filesystem *filesystem(const char *device)
{
        for (size_t i = 0; i < machine.filesystem_count; i++)
                if (strcmp(machine.filesystems[i].device, device) == 0)
                        return &machine.filesystems[i];
        return NULL;
}

/* Others write to the file system too, between two looks. */
static void read_at_one_moment(struct filesystem_stats **ret, size_t *ret_count, struct statvfs *ret_space)
{
        bool same = false;
        for (int tries = 0; tries < 1000 && !same; tries++) {
                assert_int_equal(machine_filesystems_read(tree.root, NULL, &machine, &arena, ret, ret_count, &err), 0);
                assert_int_equal(statvfs(tree.path, ret_space), 0);
                same = *ret_count > 1 &&
                       (*ret)[1].usage == (*ret)[1].capacity - ret_space->f_bfree * ret_space->f_frsize;
        }
        assert_true(same);
}

static void filesystems(void **state)
{
        (void)state;
        static const char *const points[] = { "a", "c", "d", "f", "home", "run", "tmp", "z", "snap" };
        for (size_t i = 0; i < sizeof(points) / sizeof(*points); i++)
                assert_int_equal(mkdirat(tree.root, points[i], 0755), 0);
        fixture_text(&tree, "proc/self/mountinfo", "1 0 1:1 / / rw - ext4 /dev/wrong rw\n");
        fixture_text(&tree, "proc/1/mountinfo",
                "20 1 8:2 / / rw,relatime - xfs /dev/sda2 rw\n"
                "21 20 8:2 /home /home rw - xfs /dev/sda2 rw\n" /* a bind mount */
                "22 20 8:3 / /a rw - ext3 /dev/sda3 rw\n"
                "23 20 0:40 / /c rw - btrfs /dev/sdc rw,subvol=/\n"
                "24 20 0:41 / /run rw - tmpfs tmpfs rw\n"
                "25 20 0:42 / /tmp rw - tmpfs tmpfs rw\n"
                "26 20 0:43 / /f rw - overlay overlay rw\n"
                "27 20 0:44 / /d rw - nfs4 127.0.0.1:/nfs rw\n"
                "28 20 0:45 / /d rw - proc proc rw\n"
                "29 20 0:46 / /z rw - zfs tank/home rw\n"
                "30 20 7:1 / /snap ro - squashfs /dev/loop1 ro\n"
                "31 20 8:9 / /gone rw - ext4 /dev/sda9 rw\n");
        fixture_link(&tree, "dev/disk/by-uuid/1c4f-0001", "../../sda2");
        fixture_link(&tree, "dev/disk/by-uuid/1c4f-0002", "../../sdc");
        fixture_link(&tree, "dev/disk/by-uuid/1c4f-0003", "../../sdx");
        fixture_text(&tree, "proc/diskstats",
                "   8       2 sda2 1 2 3 4 5 6 7 8 9 10 11\n   8  16 sdc 21 22 23 24 25 26 27 28 29 30 31 0 0 0 0 1 2\n"
                "   8 3 sda3 1\n");
        read_tree();
        static const char *const devices[] = { "/dev/loop1", "/dev/sda2", "/dev/sda3", "/dev/sdc", "/run", "/tmp",
                "tank/home" };
        assert_int_equal(machine.filesystem_count, 7);
        for (size_t i = 0; i < 7; i++) {
                assert_string_equal(machine.filesystems[i].device, devices[i]);
                assert_string_equal(machine.filesystems[i].type, "vfs");
                assert_true(machine.filesystems[i].has_inodes);
        }
        assert_string_equal(machine.filesystems[1].mount_point, "/");
        assert_string_equal(machine.filesystems[1].uuid, "1c4f-0001");
        assert_string_equal(machine.filesystems[3].uuid, "1c4f-0002");
        assert_string_equal(machine.filesystems[2].uuid, "");
        assert_string_equal(machine.filesystems[2].fs_type, "ext3");
        struct stat st;
        assert_int_equal(fstatat(tree.root, "c", &st, 0), 0);
        assert_int_equal(machine.filesystems[3].major, major(st.st_dev)); /* not the 0:40 of mountinfo */
        assert_int_equal(machine.filesystems[3].minor, minor(st.st_dev));
        assert_int_equal(machine.network_filesystems, 1);

        struct statvfs space;
        struct filesystem_stats *stats;
        size_t count;
        read_at_one_moment(&stats, &count, &space);
        assert_int_equal(count, 7);
        assert_string_equal(stats[1].device, "/dev/sda2");
        assert_int_equal(stats[1].capacity, space.f_blocks * space.f_frsize);
        assert_int_equal(stats[1].reads_completed, 1);
        assert_int_equal(stats[1].weighted_io_time_ms, 11);
        assert_int_equal(stats[2].reads_completed, 0);  /* its row is malformed */
        assert_int_equal(stats[3].reads_completed, 21); /* btrfs: by name */
        assert_int_equal(stats[3].io_in_progress, 29);
        assert_int_equal(stats[4].writes_completed, 0);
        assert_int_equal(unlinkat(tree.root, "a", AT_REMOVEDIR), 0);
        assert_int_equal(machine_filesystems_read(tree.root, NULL, &machine, &arena, &stats, &count, &err), 0);
        assert_int_equal(count, 6);

        /* in a container */
        fixture_text(&tree, "proc/1/mountinfo",
                "19 1 0:2 / / rw - rootfs rootfs rw\n"
                "20 1 0:50 / / rw - overlay overlay rw\n21 20 0:51 / /f rw - overlay overlay rw\n");
        fixture_text(&tree, "dev/zfs", "");
        read_tree();
        assert_int_equal(machine.filesystem_count, 1);
        assert_non_null(filesystem("overlay"));
        fixture_text(
                &tree, "proc/1/mountinfo", "29 20 0:46 / /z rw - zfs tank/home rw\n20 1 0:9 / / rw - nfs s:/ rw\n");
        read_tree();
        assert_int_equal(machine.filesystem_count, 1);
        assert_string_equal(machine.filesystems[0].type, "zfs");
        assert_false(machine.filesystems[0].has_inodes);
}

/* Of its 30 disks and partitions, and the ram and loop devices that cAdvisor passes over. */
static void disk_statistics(void **state)
{
        (void)state;
        static const char *const wanted[] = { "sda", "sdb", "sdc", "sdd", "sde", "sdf", "sdg", "sdh", "sda1", "sda2",
                "sdb1", "sdb2", "sdc1", "sdc2", "sdc3", "sdc4", "sdd1", "sdd2", "sdd3", "sdd4", "sde1", "sde2", "sdf1",
                "sdf2", "sdg1", "sdg2", "sdh1", "sdh2", "dm-0", "dm-1" };
        char path[PATH_MAX + 16];
        snprintf(path, sizeof(path), "%s/diskstats", data_path(DATA "fs/test_resources"));
        cleanup(buf_done) struct buf text;
        buf_init(&text, 1 << 20);
        assert_int_equal(file_read(AT_FDCWD, path, &text, &err), 0);
        struct sv rest = sv_n(buf_text(&text), text.len);
        struct sv line;
        size_t rows = 0;
        size_t found = 0;
        struct diskstats row = { 0 };
        while (sv_line(&rest, &line)) {
                assert_true(diskstats_parse_line(line, &row));
                rows++;
                bool disk = false;
                for (size_t i = 0; i < sizeof(wanted) / sizeof(*wanted); i++)
                        disk |= strcmp(row.name, wanted[i]) == 0;
                found += disk;
                assert_true(disk || sv_starts(sv_of(row.name), SV("ram")) || sv_starts(sv_of(row.name), SV("loop")));
        }
        assert_int_equal(found, 30);
        assert_int_equal(rows, 54);
        assert_string_equal(row.name, "dm-1"); /* the last row */
        assert_int_equal(row.major, 252);
        assert_int_equal(row.minor, 1);
        assert_int_equal(row.reads_completed, 58415638);
        assert_int_equal(row.sectors_read, INT64_C(2682446960));
        assert_int_equal(row.read_time_ms, 1719953592);
        assert_int_equal(row.sectors_written, 543988240);
        assert_int_equal(row.io_in_progress, 0);
        assert_int_equal(row.weighted_io_time_ms, INT64_C(3695556828));
        assert_int_equal(row.fields, 11);
        assert_true(diskstats_parse_line(SV(" 259 0 nvme0n1 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18\n"), &row));
        assert_int_equal(row.flush_time_ms, 17);
        assert_int_equal(row.discards_completed, 12);
        assert_int_equal(row.fields, 17);
        assert_true(diskstats_parse_line(SV("8 1 sda1 477 3895 1 8"), &row));
        assert_int_equal(row.sectors_read, 3895);
        assert_int_equal(row.sectors_written, 8);
        static const char *const malformed[] = { "", "8", "8 0", "8 0 sda", "8 0 sda 1 2 3 4 5 6 7 8 9 10",
                "8 0 sda 1 2 3 4 5 6 7 8 9 10 x", "x 0 sda 1 2 3 4 5 6 7 8 9 10 11",
                "8 4294967296 sda 1 2 3 4 5 6 7 8 9 10 11", "8 0 sda 1 2 3 4 5 6 7 8 9 10 -1",
                "8 0 a-name-that-is-longer-than-a-device-has 1 2 3 4 5 6 7 8 9 10 11" };
        for (size_t i = 0; i < sizeof(malformed) / sizeof(*malformed); i++)
                assert_false(diskstats_parse_line(sv_of(malformed[i]), &row));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                WITH_TREE(devices),
                WITH_TREE(filesystems),
                WITH_TREE(disk_statistics),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
