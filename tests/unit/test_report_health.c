/* report: is the host healthy? Each check on trees that are bad, good, without the thing, and hostile. */
#include "report_scene.h"

#define LOADAVG(load)                                                                                                  \
        {                                                                                                              \
                "proc/loadavg", load " 3/200 4711\n"                                                                   \
        }
#define CPUS2                                                                                                          \
        {                                                                                                              \
                "proc/cpuinfo", "processor\t: 0\nprocessor\t: 1\n"                                                     \
        }
#define MEMORY(available)                                                                                              \
        {                                                                                                              \
                "proc/meminfo", "MemTotal: 1000000 kB\nMemFree: 10 kB\nMemAvailable: " available " kB\n"               \
        }
#define PRESSURE(what, some60, some300, full60, full300)                                                               \
        {                                                                                                              \
                "proc/pressure/" what, "some avg10=0.00 avg60=" some60 " avg300=" some300 " total=1\n"                 \
                                       "full avg10=0.00 avg60=" full60 " avg300=" full300 " total=1\n"                 \
        }

static void load_and_pressure(void **state)
{
        (void)state;
        static const struct scene scenes[] = {
                { "load", "quiet", { CPUS2, LOADAVG("0.10 0.20 0.30") }, .expected = REPORT_OK },
                { "load", "a burst", { CPUS2, LOADAVG("40.0 12.0 3.00") }, .expected = REPORT_OK },
                { "load", "twice the CPUs", { CPUS2, LOADAVG("4 4 4.50") }, .expected = REPORT_LOW, .says = "2 CPUs" },
                { "load", "four times", { CPUS2, LOADAVG("9 9 9.00") }, .expected = REPORT_MEDIUM },
                { "load", "no file", { { 0 } }, .expected = BLIND },
                { "load", "garbage", { { "proc/loadavg", "\xff\xfe load" } }, .expected = BLIND },
                { "cpu-pressure", "quiet", { PRESSURE("cpu", "3.10", "2.00", "0.00", "0.00") }, .expected = REPORT_OK },
                { "cpu-pressure", "a burst", { PRESSURE("cpu", "90.0", "10.0", "0.00", "0.00") },
                        .expected = REPORT_OK },
                { "cpu-pressure", "long", { PRESSURE("cpu", "60.0", "55.0", "0.00", "0.00") }, .expected = REPORT_LOW },
                { "cpu-pressure", "starved", { PRESSURE("cpu", "95.0", "85.0", "0", "0") }, .expected = REPORT_MEDIUM },
                { "cpu-pressure", "no PSI", { { 0 } }, .expected = ABSENT },
                { "memory-pressure", "thrashing", { PRESSURE("memory", "60.0", "55.0", "40.0", "25.0") },
                        .expected = REPORT_HIGH, .says = "full avg10" },
                { "memory-pressure", "some", { PRESSURE("memory", "6.0", "6.0", "1.0", "1.0") },
                        .expected = REPORT_LOW },
                { "io-pressure", "a backup", { PRESSURE("io", "50.0", "50.0", "40.0", "40.0") },
                        .expected = REPORT_OK },
                { "io-pressure", "all wait", { PRESSURE("io", "90.0", "80.0", "70.0", "65.0") },
                        .expected = REPORT_MEDIUM },
                { "io-pressure", "garbage", { { "proc/pressure/io", "some avg10=x" } }, .expected = BLIND },
        };
        SCENES(scenes);
}

static void memory_and_swap(void **state)
{
        (void)state;
        static const struct scene scenes[] = {
                { "memory-available", "enough", { MEMORY("500000") }, .expected = REPORT_OK },
                { "memory-available", "9 %", { MEMORY("90000") }, .expected = REPORT_MEDIUM, .says = "9 %" },
                { "memory-available", "4 %", { MEMORY("40000") }, .expected = REPORT_HIGH },
                { "memory-available", "1 %", { MEMORY("10000") }, .expected = REPORT_CRITICAL },
                { "memory-available", "none told", { { 0 } }, .expected = BLIND },
                { "memory-available", "nonsense", { { "proc/meminfo", "MemTotal: 99999999999999999999999 kB\n" } },
                        .expected = BLIND },
                { "swap", "none", { MEMORY("1") }, .expected = ABSENT },
                { "swap", "full but quiet",
                        { { "proc/meminfo", "MemTotal: 9 kB\nSwapTotal: 100 kB\nSwapFree: 5 kB\n" },
                                { "proc/vmstat", "pgfault 1\npswpin 7\npswpout 8\noom_kill 0\n" } },
                        .expected = REPORT_LOW, .says = "95 %" },
                { "swap", "half full", { { "proc/meminfo", "MemTotal: 9 kB\nSwapTotal: 100 kB\nSwapFree: 50 kB\n" } },
                        .expected = REPORT_OK },
                { "swap", "thrashing",
                        { { "proc/meminfo", "MemTotal: 9 kB\nSwapTotal: 100 kB\nSwapFree: 50 kB\n" },
                                { "proc/vmstat", "pgfault 1\npswpin 10\npswpout 10\n" } },
                        .later = { { "proc/vmstat", "pgfault 1\npswpin 2010\npswpout 1010\n" } },
                        .expected = REPORT_MEDIUM, .says = "3000 pages" },
                { "swap", "a counter that went back",
                        { { "proc/meminfo", "MemTotal: 9 kB\nSwapTotal: 100 kB\nSwapFree: 50 kB\n" },
                                { "proc/vmstat", "pgfault 1\npswpin 99999\npswpout 1\n" } },
                        .later = { { "proc/vmstat", "pgfault 1\npswpin 5\npswpout 1\n" } }, .expected = REPORT_OK },
                { "oom-kills", "none", { { "proc/vmstat", "pgfault 1\npswpin 0\noom_kill 0\n" } },
                        .expected = REPORT_OK },
                { "oom-kills", "one, not told why", { { "proc/vmstat", "pgfault 1\noom_kill 1\n" } },
                        .expected = REPORT_LOW },
                { "oom-kills", "of a group",
                        { { "proc/vmstat", "pgfault 1\noom_kill 1\n" }, { "proc/uptime", "3600.0 10.0\n" },
                                { "dev/kmsg", "6,10,100,-;oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/"
                                              ",mems_allowed=0,oom_memcg=/a,task_memcg=/a,task=x,pid=77,uid=0\n" } },
                        .expected = REPORT_MEDIUM }, /* chosen, never killed: the log tells of none */
                { "oom-kills", "not readable", { { 0 } }, .expected = BLIND },
                { "memory-errors", "no EDAC", { MEMORY("1") }, .expected = ABSENT },
                { "memory-errors", "good",
                        { { "sys/devices/system/edac/mc/mc0/ue_count", "0\n" },
                                { "sys/devices/system/edac/mc/mc0/ce_count", "0\n" } },
                        .expected = REPORT_OK },
                { "memory-errors", "a cosmic ray", { { "sys/devices/system/edac/mc/mc0/ce_count", "1\n" } },
                        .expected = REPORT_LOW },
                { "memory-errors", "a module dies", { { "sys/devices/system/edac/mc/mc0/ce_count", "4000\n" } },
                        .expected = REPORT_MEDIUM, .says = "mc0: 4000" },
                { "memory-errors", "lost", { { "sys/devices/system/edac/mc/mc1/ue_count", "2\n" } },
                        .expected = REPORT_HIGH },
                { "memory-errors", "pages broken", { { "proc/meminfo", "MemTotal: 9 kB\nHardwareCorrupted: 4 kB\n" } },
                        .expected = REPORT_HIGH },
        };
        SCENES(scenes);
}

/* The space is that of the file system the tree is in, so only what mountinfo says can be played. */
#define MOUNT(point, options, type, super)                                                                             \
        {                                                                                                              \
                "proc/self/mountinfo", "36 1 8:1 / " point " " options " - " type " /dev/sda1 " super "\n"             \
        }

static void disks(void **state)
{
        (void)state;
        static const struct scene scenes[] = {
                { "filesystem-space", "no mounts", { { 0 } }, .expected = BLIND },
                { "filesystem-space", "garbage", { { "proc/self/mountinfo", "36 x\n\xff\n" } }, .expected = REPORT_OK },
                { "filesystem-space", "gone", { MOUNT("/away", "rw", "ext4", "rw") }, .expected = BLIND,
                        .says = "/away" },
                { "filesystem-space", "on the network: not asked", { MOUNT("/away", "rw", "nfs4", "rw") },
                        .expected = REPORT_OK },
                { "filesystem-read-only", "as fstab wants",
                        { MOUNT("/", "ro", "ext4", "ro"), { "etc/fstab", "# x\n/dev/sda1 / ext4 ro,noatime 0 1\n" } },
                        .expected = REPORT_OK },
                { "filesystem-read-only", "not in fstab", { MOUNT("/", "ro", "ext4", "ro") }, .expected = REPORT_OK },
                { "filesystem-read-only", "turned",
                        { MOUNT("/", "rw", "ext4", "ro,errors=remount-ro"),
                                { "etc/fstab", "/dev/sda1\t/\text4\terrors=remount-ro\t0 1\n" } },
                        .expected = REPORT_HIGH, .says = "/: ext4 on /dev/sda1" },
                { "filesystem-read-only", "emergency", { MOUNT("/", "rw", "ext4", "rw,emergency_ro") },
                        .expected = REPORT_HIGH },
                { "filesystem-read-only", "a mount made read-only",
                        { MOUNT("/", "ro", "ext4", "rw"), { "etc/fstab", "/dev/sda1 / ext4 defaults 0 1\n" } },
                        .expected = REPORT_OK },
                { "filesystem-read-only", "fstab is a FIFO", { MOUNT("/", "rw", "ext4", "rw"), { "etc/fstab", "| " } },
                        .expected = BLIND },
                { "filesystem-errors", "none", { { "sys/fs/ext4/sda1/errors_count", "0\n" } }, .expected = REPORT_OK },
                { "filesystem-errors", "ext4", { { "sys/fs/ext4/sda1/errors_count", "3\n" } }, .expected = REPORT_HIGH,
                        .says = "sda1: 3" },
                { "filesystem-errors", "btrfs",
                        { { "sys/fs/btrfs/abc/devinfo/1/error_stats", "write_errs 0\nread_errs 7\n" } },
                        .expected = REPORT_HIGH, .says = "read_errs of btrfs abc device 1: 7" },
                { "filesystem-errors", "hostile", { { "sys/fs/ext4/x/errors_count", "-1\n" } }, .expected = REPORT_OK },
                { "disk-busy", "no disks", { { 0 } }, .expected = ABSENT },
                { "disk-busy", "idle", { { "proc/diskstats", "8 0 sda 1 0 8 1 1 0 8 1 0 100 2\n" } },
                        .later = { { "proc/diskstats", "8 0 sda 1 0 8 1 1 0 8 1 0 110 2\n" } }, .expected = REPORT_OK },
                { "disk-busy", "busy", { { "proc/diskstats", "8 0 sda 1 0 8 1 1 0 8 1 0 100 2\n" } },
                        .later = { { "proc/diskstats", "8 0 sda 1 0 8 1 1 0 8 1 0 1100 2\n" } },
                        .expected = REPORT_INFO, .says = "sda: 100 %" },
                { "disk-state", "none", { { 0 } }, .expected = ABSENT },
                { "disk-state", "running", { { "sys/block/sda/device/state", "running\n" } }, .expected = REPORT_OK },
                { "disk-state", "offline", { { "sys/block/sda/device/state", "offline\n" } }, .expected = REPORT_HIGH },
                { "raid", "none", { { "proc/mdstat", "Personalities : \nunused devices: <none>\n" } },
                        .expected = ABSENT },
                { "raid", "no md", { { 0 } }, .expected = ABSENT },
                { "raid", "good",
                        { { "proc/mdstat",
                                "Personalities : [raid1]\nmd0 : active raid1 sdb1[1] sda1[0]\n"
                                "      1046528 blocks super 1.2 [2/2] [UU]\n      \nunused devices: <none>\n" } },
                        .expected = REPORT_OK },
                { "raid", "degraded",
                        { { "proc/mdstat", "md0 : active raid1 sda1[0]\n      1046528 blocks [2/1] [U_]\n" } },
                        .expected = REPORT_HIGH, .says = "md0: 1046528 blocks" },
                { "raid", "inactive",
                        { { "proc/mdstat", "md127 : inactive sdc[2](S)\n      976631 blocks super 1.2\n" } },
                        .expected = REPORT_HIGH, .says = "md127 is inactive" },
                { "raid", "hostile", { { "proc/mdstat", "md\nmd0 :\n[] [_ [ _] [__x]\n" } }, .expected = REPORT_OK },
        };
        SCENES(scenes);
}

static void kernel(void **state)
{
        (void)state;
        static const struct scene scenes[] = {
                { "taint", "clean", { { "proc/sys/kernel/tainted", "0\n" } }, .expected = REPORT_OK },
                { "taint", "a foreign module", { { "proc/sys/kernel/tainted", "12288\n" } }, .expected = REPORT_INFO,
                        .says = "(O)" },
                { "taint", "an oops", { { "proc/sys/kernel/tainted", "128\n" } }, .expected = REPORT_HIGH,
                        .says = "died recently" },
                { "taint", "garbage", { { "proc/sys/kernel/tainted", "yes\n" } }, .expected = BLIND },
                { "kernel-log", "no log", { { 0 } }, .expected = BLIND },
                { "kernel-log", "quiet", { { "dev/kmsg", "6,1,1,-;usb 1-1: new device\n" } }, .expected = REPORT_OK },
                { "kernel-log", "an I/O error",
                        { { "dev/kmsg", "3,1,1,-;I/O error, dev sda, sector 12 op 0x0:(READ)\n" } },
                        .expected = REPORT_MEDIUM, .says = "dev sda" },
                { "kernel-log", "a medium taken out", { { "dev/kmsg", "3,1,1,-;I/O error, dev sr0, sector 12\n" } },
                        .expected = REPORT_OK },
                { "kernel-log", "a process wrote it", { { "dev/kmsg", "12,1,1,-;EXT4-fs error (device sda1)\n" } },
                        .expected = REPORT_OK },
                { "kernel-log", "ext4", { { "dev/kmsg", "2,1,1,-;EXT4-fs error (device sda1): \x1b[2J\n" } },
                        .expected = REPORT_HIGH },
                { "kernel-log", "a link elsewhere", { { "dev/kmsg", "-> /etc/passwd" } }, .expected = BLIND },
                { "entropy", "enough", { { "proc/sys/kernel/random/entropy_avail", "256\n" } }, .expected = REPORT_OK },
                { "entropy", "little", { { "proc/sys/kernel/random/entropy_avail", "12\n" } }, .expected = REPORT_LOW },
                { "entropy", "not told", { { 0 } }, .expected = BLIND },
                { "open-files", "room", { { "proc/sys/fs/file-nr", "1000\t0\t9223372036854775807\n" } },
                        .expected = REPORT_OK },
                { "open-files", "nearly", { { "proc/sys/fs/file-nr", "85000\t0\t100000\n" } },
                        .expected = REPORT_MEDIUM, .says = "85000 of 100000" },
                { "open-files", "full", { { "proc/sys/fs/file-nr", "99000\t0\t100000\n" } }, .expected = REPORT_HIGH },
                { "open-files", "garbage", { { "proc/sys/fs/file-nr", "many\n" } }, .expected = BLIND },
                { "threads", "room", { LOADAVG("0 0 0"), { "proc/sys/kernel/pid_max", "32768\n" } },
                        .expected = REPORT_OK },
                { "threads", "nearly",
                        { LOADAVG("0 0 0"), { "proc/sys/kernel/threads-max", "210\n" },
                                { "proc/sys/kernel/pid_max", "32768\n" } },
                        .expected = REPORT_HIGH },
                { "threads", "not told", { LOADAVG("0 0 0") }, .expected = BLIND },
                { "heat", "no sensors", { { 0 } }, .expected = ABSENT },
                { "heat", "cool",
                        { { "sys/class/thermal/thermal_zone0/temp", "45000\n" },
                                { "sys/class/thermal/thermal_zone0/trip_point_0_type", "critical\n" },
                                { "sys/class/thermal/thermal_zone0/trip_point_0_temp", "100000\n" } },
                        .expected = REPORT_OK },
                { "heat", "hot",
                        { { "sys/class/thermal/thermal_zone0/temp", "97000\n" },
                                { "sys/class/thermal/thermal_zone0/type", "x86_pkg_temp\n" },
                                { "sys/class/thermal/thermal_zone0/trip_point_0_type", "critical\n" },
                                { "sys/class/thermal/thermal_zone0/trip_point_0_temp", "100000\n" } },
                        .expected = REPORT_HIGH, .says = "x86_pkg_temp: 97.0" },
                { "heat", "a passive trip is normal",
                        { { "sys/class/thermal/thermal_zone0/temp", "97000\n" },
                                { "sys/class/thermal/thermal_zone0/trip_point_0_type", "passive\n" },
                                { "sys/class/thermal/thermal_zone0/trip_point_0_temp", "80000\n" } },
                        .expected = REPORT_OK },
                { "heat", "throttled",
                        { { "sys/devices/system/cpu/cpu0/thermal_throttle/package_throttle_count", "5\n" } },
                        .expected = REPORT_INFO },
                { "clock-source", "tsc",
                        { { "sys/devices/system/clocksource/clocksource0/current_clocksource", "tsc\n" } },
                        .expected = REPORT_OK },
                { "clock-source", "hpet",
                        { { "sys/devices/system/clocksource/clocksource0/current_clocksource", "hpet\n" },
                                { "sys/devices/system/clocksource/clocksource0/available_clocksource", "tsc hpet\n" } },
                        .expected = REPORT_LOW, .says = "tsc hpet" },
                { "clock-source", "not told", { { 0 } }, .expected = ABSENT },
        };
        SCENES(scenes);
}

#define DEV(numbers)                                                                                                   \
        {                                                                                                              \
                "proc/net/dev", "Inter-| x\n face |y\n  eth0: " numbers "\n"                                           \
        }

static void network(void **state)
{
        (void)state;
        static const struct scene scenes[] = {
                { "listen-queues", "good",
                        { { "proc/net/netstat", "TcpExt: ListenOverflows ListenDrops\nTcpExt: 0 0\n" },
                                { "proc/net/snmp", "Tcp: PassiveOpens RetransSegs OutSegs\nTcp: 500 1 9\n" } },
                        .expected = REPORT_OK },
                { "listen-queues", "once, long ago",
                        { { "proc/net/netstat", "TcpExt: ListenOverflows ListenDrops\nTcpExt: 3 3\n" },
                                { "proc/net/snmp", "Tcp: PassiveOpens RetransSegs OutSegs\nTcp: 50000 1 9\n" } },
                        .expected = REPORT_OK },
                { "listen-queues", "now",
                        { { "proc/net/netstat", "TcpExt: ListenOverflows ListenDrops\nTcpExt: 3 3\n" },
                                { "proc/net/snmp", "Tcp: PassiveOpens RetransSegs OutSegs\nTcp: 50000 1 9\n" } },
                        .later = { { "proc/net/netstat", "TcpExt: ListenOverflows ListenDrops\nTcpExt: 9 9\n" } },
                        .expected = REPORT_MEDIUM, .says = "6 now" },
                { "listen-queues", "not told", { { 0 } }, .expected = BLIND },
                { "listen-queues", "hostile",
                        { { "proc/net/netstat", "TcpExt: ListenDrops" }, { "proc/net/snmp", "Tcp: \nTcp: -1\n" } },
                        .expected = REPORT_OK },
                { "retransmits", "few segments",
                        { { "proc/net/netstat", "" }, { "proc/net/snmp", "Tcp: RetransSegs OutSegs\nTcp: 50 100\n" } },
                        .expected = REPORT_OK },
                { "retransmits", "bad",
                        { { "proc/net/netstat", "x\n" },
                                { "proc/net/snmp", "Tcp: RetransSegs OutSegs\nTcp: 20000 100000\n" } },
                        .expected = REPORT_MEDIUM, .says = "20.0 %" },
                { "interface-errors", "good", { DEV("9 1000000 10 0 0 0 0 0 9 1000000 0 0 0 0 0 0") },
                        .expected = REPORT_OK },
                { "interface-errors", "bad", { DEV("9 1000000 50000 0 0 0 0 0 9 1000000 50000 0 0 0 0 0") },
                        .expected = REPORT_MEDIUM, .says = "eth0" },
                { "interface-errors", "hostile", { DEV("18446744073709551615 2 x") }, .expected = REPORT_OK },
                { "interface-errors", "not told", { { 0 } }, .expected = BLIND },
                { "promiscuous", "none", { { "sys/class/net/eth0/flags", "0x1003\n" } }, .expected = REPORT_OK },
                { "promiscuous", "one", { { "sys/class/net/eth0/flags", "0x1103\n" } }, .expected = REPORT_LOW },
                { "promiscuous", "a bridge's port",
                        { { "sys/class/net/veth1/flags", "0x1103\n" }, { "sys/class/net/veth1/master", "-> ../br0" },
                                { "sys/class/net/br0", NULL } },
                        .expected = REPORT_OK },
                { "promiscuous", "garbage", { { "sys/class/net/eth0/flags", "0xzz\n" } }, .expected = REPORT_OK },
                { "connection-table", "none", { { 0 } }, .expected = ABSENT },
                { "connection-table", "room",
                        { { "proc/sys/net/netfilter/nf_conntrack_count", "5\n" },
                                { "proc/sys/net/netfilter/nf_conntrack_max", "65536\n" } },
                        .expected = REPORT_OK },
                { "connection-table", "full",
                        { { "proc/sys/net/netfilter/nf_conntrack_count", "65000\n" },
                                { "proc/sys/net/netfilter/nf_conntrack_max", "65536\n" } },
                        .expected = REPORT_HIGH },
                { "connection-table", "a maximum of 0",
                        { { "proc/sys/net/netfilter/nf_conntrack_count", "1\n" },
                                { "proc/sys/net/netfilter/nf_conntrack_max", "0\n" } },
                        .expected = ABSENT },
        };
        SCENES(scenes);
}

static void updates(void **state)
{
        (void)state;
        static const struct scene scenes[] = {
                { "reboot", "none", { { 0 } }, .expected = REPORT_OK },
                { "reboot", "waits",
                        { { "run/reboot-required", "*** System restart required ***\n" },
                                { "run/reboot-required.pkgs", "linux-image-6.1.0-33-amd64\nlibc6\n" } },
                        .expected = REPORT_MEDIUM, .says = "libc6" },
                { "running-kernel", "newest",
                        { { "proc/sys/kernel/osrelease", "6.1.0-33-amd64\n" }, { "boot/vmlinuz-6.1.0-33-amd64", "" },
                                { "boot/vmlinuz-6.1.0-9-amd64", "" } },
                        .expected = REPORT_OK },
                { "running-kernel", "older",
                        { { "proc/sys/kernel/osrelease", "6.1.0-9-amd64\n" }, { "boot/vmlinuz-6.1.0-33-amd64", "" },
                                { "boot/vmlinuz-6.1.0-9-amd64", "" } },
                        .expected = REPORT_LOW, .says = "6.1.0-33-amd64" },
                { "running-kernel", "of somebody else",
                        { { "proc/sys/kernel/osrelease", "6.18.44-cloud\n" }, { "boot/vmlinuz-6.1.0-33-amd64", "" } },
                        .expected = ABSENT },
                { "running-kernel", "no boot", { { "proc/sys/kernel/osrelease", "6.1\n" } }, .expected = ABSENT },
                { "packages", "good",
                        { { "var/lib/dpkg/status", "Package: a\nStatus: install ok installed\n\n"
                                                   "Package: b\nStatus: deinstall ok config-files\n" } },
                        .expected = REPORT_OK },
                { "packages", "half", { { "var/lib/dpkg/status", "Package: a\nStatus: install ok half-configured\n" } },
                        .expected = REPORT_MEDIUM, .says = "a: ok half-configured" },
                { "packages", "no dpkg", { { 0 } }, .expected = ABSENT },
                { "packages", "a directory in its place", { { "var/lib/dpkg/status", NULL } }, .expected = BLIND },
                { "packages", "hostile", { { "var/lib/dpkg/status", "Status: \nStatus: x\nPackage: \n\xff" } },
                        .expected = REPORT_OK },
                { "package-lists", "fresh", { { "var/lib/apt/lists", NULL } }, .expected = REPORT_OK },
                { "package-lists", "no apt", { { 0 } }, .expected = ABSENT },
                { "support", "not told", { { "etc/os-release", "ID=debian\n" } }, .expected = ABSENT },
                { "support", "ended", { { "etc/os-release", "ID=x\nPRETTY_NAME=\"X 1\"\nSUPPORT_END=2020-01-01\n" } },
                        .expected = REPORT_HIGH, .says = "X 1" },
                { "support", "goes on", { { "etc/os-release", "ID=x\nSUPPORT_END=2199-01-01\n" } },
                        .expected = REPORT_OK },
                { "support", "garbage", { { "etc/os-release", "SUPPORT_END=soon\n" } }, .expected = ABSENT },
        };
        SCENES(scenes);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(load_and_pressure),
                cmocka_unit_test(memory_and_swap),
                cmocka_unit_test(disks),
                cmocka_unit_test(kernel),
                cmocka_unit_test(network),
                cmocka_unit_test(updates),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
