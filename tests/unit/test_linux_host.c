/* Memory, load, pressure, socket counts, mounts, identity and security modules: fixtures, and this machine. */
#include "linux_fixture.h"

#include "base/timefmt.h"
#include "linux/host.h"
#include "linux/kernel_stat.h"
#include "linux/lsm.h"
#include "linux/meminfo.h"
#include "linux/mounts.h"
#include "linux/pressure.h"
#include "linux/process.h"
#include "linux/sockstat.h"

#include <sys/statvfs.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <utmp.h>

static struct error err;
static struct arena arena;

static int setup(void **state)
{
        (void)state;
        arena_init(&arena, 64 << 20);
        return 0;
}

static int teardown(void **state)
{
        (void)state;
        arena_done(&arena);
        return 0;
}

static void memory_rows(void **state)
{
        (void)state;
        struct meminfo memory;
        assert_int_equal(meminfo_parse(SV("MemTotal:  100 kB\nMemFree: 40 kB\nBuffers: 1 kB\nCached:  2 kB\n"
                                          "Active(anon): 7 kB\nHugePages_Total:  3\nHugepagesize: 2048 kB\nbroken\n"
                                          "Odd: 5 MB\n"),
                                 &memory, &err),
                0);
        assert_int_equal(memory.total, 100 * 1024);
        assert_false(memory.has_available);
        assert_int_equal(memory.available, 43 * 1024);
        assert_int_equal(memory.hugepages_total, 3);
        assert_int_equal(memory.hugepage_size, 2048 * 1024);
        assert_int_equal(memory.count, 7);
        assert_string_equal(memory.rows[4].name, "Active(anon)");
        assert_false(memory.rows[5].bytes);
        assert_int_equal(memory.refused, 2);
        assert_int_equal(meminfo_parse(SV("MemFree: 1 kB\n"), &memory, &err), -1);
        assert_int_equal(meminfo_parse(SV("MemTotal: 99999999999999999999 kB\n"), &memory, &err), -1);

        struct sysinfo info;
        cleanup(fd_close) int root = real_root();
        assert_int_equal(sysinfo(&info), 0);
        assert_int_equal(meminfo_read(root, &memory, &err), 0);
        assert_int_equal(memory.total, (uint64_t)info.totalram * info.mem_unit);
        assert_int_equal(memory.swap_total, (uint64_t)info.totalswap * info.mem_unit);
        assert_true(memory.has_available && memory.available <= memory.total);
        assert_int_equal(memory.refused, 0);
}

static void load_uptime_and_counters(void **state)
{
        (void)state;
        struct loadavg load;
        assert_int_equal(loadavg_parse(SV("0.21 12.37 0.39 1/719 19737\n"), &load, &err), 0);
        assert_true(load.load5 > 12.36 && load.load5 < 12.38);
        assert_int_equal(load.total, 719);
        assert_int_equal(load.last_pid, 19737);
        assert_int_equal(loadavg_parse(SV("0.21 x 0.39 1/719 19737\n"), &load, &err), -1);
        assert_int_equal(loadavg_parse(SV("0.21 0.3 0.39 1719 19737\n"), &load, &err), -1);
        struct uptime uptime;
        assert_int_equal(uptime_parse(SV("12345.67 99.10\n"), &uptime, &err), 0);
        assert_true(uptime.uptime_ns == 12345670 * MILLISECOND);
        assert_int_equal(uptime_parse(SV("-1 2\n"), &uptime, &err), -1);
        struct kernel_stat stat;
        assert_int_equal(
                kernel_stat_parse(SV("cpu  1 2 3 4 5 6 7 8 9 10\ncpu0 1 2 3 4\ncpu1 1 2 3 4\nintr 77 1 2\n"
                                     "ctxt 5\nbtime 1418183276\nprocesses 9\nprocs_running 2\nprocs_blocked 1\n"),
                        &stat, &err),
                0);
        assert_int_equal(stat.kernel, 3);
        assert_int_equal(stat.guest_nice, 10);
        assert_int_equal(stat.cpus, 2);
        assert_int_equal(stat.interrupts, 77);
        assert_true(stat.boot_unix_ns == 1418183276 * SECOND);
        assert_int_equal(kernel_stat_parse(SV("cpu 1 2\n"), &stat, &err), -1);
        struct vmstat vm;
        assert_int_equal(
                vmstat_parse(SV("pgfault 5\nallocstall_dma 1\nallocstall_normal 2\noom_kill 4\n"), &vm, &err), 0);
        assert_int_equal(vm.allocation_stalls, 3);
        assert_int_equal(vm.out_of_memory_kills, 4);

        cleanup(fd_close) int root = real_root();
        assert_int_equal(loadavg_read(root, &load, &err), 0);
        assert_int_equal(uptime_read(root, &uptime, &err), 0);
        assert_int_equal(kernel_stat_read(root, &stat, &err), 0);
        assert_int_equal(vmstat_read(root, &vm, &err), 0);
        assert_int_equal(stat.cpus, sysconf(_SC_NPROCESSORS_ONLN));
        int64_t now = time_unix_ns();
        int64_t difference = now - uptime.uptime_ns - stat.boot_unix_ns;
        assert_true(difference > -10 * SECOND && difference < 10 * SECOND);
        /* the start of a process lies between boot and now */
        struct process self;
        struct process_stat process;
        assert_int_equal(process_open(root, getpid(), &self, &err), 0);
        assert_int_equal(process_read_stat(&self, &process, &err), 0);
        process_close(&self);
        int64_t start = process_start_unix_ns(process.start_ticks, stat.boot_unix_ns);
        assert_true(start > stat.boot_unix_ns && start < now + 2 * SECOND);
}

static void pressure_lines(void **state)
{
        (void)state;
        struct pressure pressure;
        assert_int_equal(pressure_parse(SV("some avg10=0.10 avg60=2.00 avg300=3.85 total=15\n"
                                           "full avg10=0.20 avg60=0.00 avg300=0.00 total=25\n"),
                                 &pressure, &err),
                0);
        assert_true(pressure.some.avg300 > 3.84 && pressure.some.avg300 < 3.86);
        assert_int_equal(pressure.full.total_ns, 25000);
        assert_int_equal(pressure_parse(SV("full avg10=0.00 avg60=0.00 avg300=0.00 total=8494\n"), &pressure, &err), 0);
        assert_false(pressure.has_some);
        assert_int_equal(pressure_parse(SV("some avg10=x avg60=2.00 avg300=3.85 total=15\n"), &pressure, &err), -1);
        assert_int_equal(pressure_parse(SV(""), &pressure, &err), -1);
        cleanup(fd_close) int root = real_root();
        assert_int_equal(pressure_read(root, "proc/pressure/none", &pressure, &err), -1);
        assert_int_equal(err.code, E_NOT_FOUND);
        if (pressure_read(root, "proc/pressure/memory", &pressure, &err) < 0)
                assert_true(err.code == E_NOT_FOUND || err.code == E_UNSUPPORTED);
        else
                assert_true(pressure.has_some && pressure.has_full);
}

static void socket_counts(void **state)
{
        (void)state;
        struct sockstat stat = { 0 };
        sockstat_parse(SV("sockets: used 229\nTCP: inuse 4 orphan 0 tw 4 alloc 17 mem 1\nUDPLITE: inuse 0\n"
                          "FRAG: inuse 0 memory 9\nbad row\nX: odd\n"),
                &stat);
        uint64_t value;
        assert_int_equal(stat.count, 4);
        assert_int_equal(stat.refused, 2);
        assert_true(sockstat_value(&stat, "TCP", "alloc", &value) && value == 17);
        assert_true(sockstat_value(&stat, "sockets", "used", &value) && value == 229);
        assert_true(sockstat_value(&stat, "FRAG", "memory", &value) && value == 9);
        assert_false(sockstat_value(&stat, "UDP", "inuse", &value));
        assert_false(sockstat_value(&stat, "TCP", "nothing", &value));
        cleanup(fd_close) int root = real_root();
        assert_int_equal(sockstat_read(root, "proc/net", &stat, &err), 0);
        assert_true(sockstat_value(&stat, "TCP", "inuse", &value));
        assert_int_equal(stat.refused, 0);
}

static void mount_rows(void **state)
{
        (void)state;
        struct mount mount;
        assert_true(mount_parse_line(SV("36 35 98:0 /mnt1 /mnt\\0402\\134 rw,noatime master:1 shared:7 unbindable - "
                                        "ext3 /dev/ro\\011ot rw,errors=continue"),
                &arena, &mount));
        assert_string_equal(mount.point, "/mnt 2\\");
        assert_string_equal(mount.source, "/dev/ro\tot");
        assert_int_equal(mount.major, 98);
        assert_int_equal(mount.master, 1);
        assert_int_equal(mount.shared, 7);
        assert_true(mount.unbindable);
        assert_true(mount_has_option(mount.options, "noatime"));
        assert_false(mount_has_option(mount.options, "noa"));
        assert_true(mount_parse_line(SV("36 35 0:9 / /x rw - tmpfs  rw"), &arena, &mount)); /* an empty source */
        assert_string_equal(mount.source, "");
        assert_string_equal(mount.super_options, "rw");
        static const char *const bad[] = { "", "36 35 98:0 / /mnt rw", "36 35 98 / /mnt rw - a b c",
                "x 35 9:8 / / rw - a b c", "36 35 98:0 / /mnt rw shared:x - a b c", "36 35 98:0 / /mnt rw - ext3" };
        for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
                assert_false(mount_parse_line(sv_of(bad[i]), &arena, &mount));

        struct mounts mounts;
        assert_int_equal(
                mounts_parse(SV("1 0 8:1 / / rw - ext4 a rw\n2 1 8:2 / /var rw - xfs b rw\n"
                                "3 1 8:3 / /var rw - btrfs c rw\nnonsense\n4 1 8:4 / /variety rw - ext4 d rw\n"),
                        &arena, &mounts, &err),
                0);
        assert_int_equal(mounts.count, 4);
        assert_int_equal(mounts.refused, 1);
        assert_string_equal(mounts_find(&mounts, SV("/var/log"))->source, "c");
        assert_string_equal(mounts_find(&mounts, SV("/var"))->source, "c");
        assert_string_equal(mounts_find(&mounts, SV("/varx"))->source, "a");
        assert_int_equal(mount_classify(SV("proc")), MOUNT_PSEUDO);
        assert_int_equal(mount_classify(SV("ext4")), MOUNT_DISK);
        assert_int_equal(mount_classify(SV("overlay")), MOUNT_DISK);
        assert_int_equal(mount_classify(SV("fuse.sshfs")), MOUNT_NETWORK);
        assert_int_equal(mount_classify(SV("fuseblk")), MOUNT_DISK);
        assert_int_equal(mount_classify(SV("nfs4")), MOUNT_NETWORK);
        assert_string_equal(mount_class_name(mount_classify(SV("tmpfs"))), "memory");
        assert_string_equal(mount_class_name(mount_classify(SV("squashfs"))), "image");
}

static void space_agrees_with_statvfs(void **state)
{
        (void)state;
        cleanup(fd_close) int root = real_root();
        struct filesystem_usage usage;
        struct statvfs st;
        bool same = false; /* where inodes are made as they are needed their number changes meanwhile: XFS, Btrfs */
        for (int tries = 0; tries < 1000 && !same; tries++) {
                assert_int_equal(filesystem_usage_read(root, ".", &usage, &err), 0);
                assert_int_equal(statvfs("/", &st), 0);
                same = usage.total == st.f_blocks * st.f_frsize && usage.inodes == st.f_files;
        }
        assert_true(same);
        assert_true(usage.available <= usage.free && usage.free <= usage.total);
        assert_int_equal(filesystem_usage_read(root, "no/such/place", &usage, &err), -1);
        struct mounts mounts;
        assert_int_equal(mounts_read(root, "proc/self/mountinfo", &arena, &mounts, &err), 0);
        assert_int_equal(mounts.refused, 0);
        assert_non_null(mounts_find(&mounts, SV("/proc/1")));
        assert_string_equal(mounts_find(&mounts, SV("/proc/1"))->type, "proc");
}

static void os_release_values(void **state)
{
        (void)state;
        struct os_release release;
        assert_int_equal(os_release_parse(SV("# comment\nID=debian\nPRETTY_NAME=\"Debian \\\"12\\\" \\$x\"\n"
                                             "VERSION_ID='12'\nNAME=\"\"\nEMPTY\nVERSION=\"unterminated\n"),
                                 &arena, &release, &err),
                0);
        assert_string_equal(release.id, "debian");
        assert_string_equal(release.pretty_name, "Debian \"12\" $x");
        assert_string_equal(release.version_id, "12");
        assert_string_equal(release.name, "");
        assert_string_equal(release.version, "\"unterminated");
        assert_null(release.id_like);
}

static void identity_of_a_fixture_and_of_this_host(void **state)
{
        (void)state;
        struct fixture fixture;
        fixture_make(&fixture);
        fixture_text(&fixture, "etc/hostname", "alpha\n");
        fixture_text(&fixture, "etc/machine-id", "0123456789abcdef0123456789abcdef\n");
        fixture_text(&fixture, "proc/sys/kernel/domainname", "(none)\n");
        fixture_text(&fixture, "usr/lib/os-release", "ID=other\n");
        struct host_identity identity;
        assert_int_equal(host_read_identity(fixture.root, &arena, &identity, &err), 0);
        assert_string_equal(identity.hostname, "alpha");
        assert_null(identity.domain);
        assert_string_equal(identity.machine_id, "0123456789abcdef0123456789abcdef");
        assert_string_equal(identity.os.id, "other");
        assert_null(identity.boot_id);
        assert_int_equal(identity.boot_unix_ns, 0);
        fixture_remove(&fixture);

        struct utsname name;
        assert_int_equal(uname(&name), 0);
        cleanup(fd_close) int root = real_root();
        assert_int_equal(host_read_identity(root, &arena, &identity, &err), 0);
        assert_string_equal(identity.hostname, name.nodename);
        assert_string_equal(identity.kernel_release, name.release);
        assert_string_equal(identity.kernel_name, name.sysname);
        assert_string_equal(identity.architecture, name.machine);
        assert_int_equal(strlen(identity.boot_id), 36);
        struct host_cpu cpu;
        assert_int_equal(host_read_cpu(root, &arena, &cpu, &err), 0);
        assert_int_equal(cpu.logical, sysconf(_SC_NPROCESSORS_ONLN));
        struct host_self self;
        assert_int_equal(host_read_self(&arena, &self, &err), 0);
        assert_int_equal(self.pid, getpid());
        assert_int_equal(self.tid, getpid());
}

static void virtualization_of(
        const char *product, const char *vendor, const char *tag, const char *flags, const char *vm, const char *cloud)
{
        struct fixture fixture;
        fixture_make(&fixture);
        char cpuinfo[256];
        snprintf(cpuinfo, sizeof(cpuinfo), "processor : 0\nvendor_id : GenuineIntel\nflags : fpu %s\n", flags);
        fixture_text(&fixture, "proc/cpuinfo", cpuinfo);
        if (product)
                fixture_text(&fixture, "sys/class/dmi/id/product_name", product);
        if (vendor)
                fixture_text(&fixture, "sys/class/dmi/id/sys_vendor", vendor);
        if (tag)
                fixture_text(&fixture, "sys/class/dmi/id/chassis_asset_tag", tag);
        struct host_virtualization found;
        assert_int_equal(host_read_virtualization(fixture.root, &arena, &found, &err), 0);
        if (strcmp(found.vm ? found.vm : "-", vm) != 0 || strcmp(found.cloud ? found.cloud : "-", cloud) != 0)
                fail_msg("%s/%s: vm %s cloud %s", product, vendor, found.vm ? found.vm : "-",
                        found.cloud ? found.cloud : "-");
        fixture_remove(&fixture);
}

static void machines_and_clouds(void **state)
{
        (void)state;
        virtualization_of("Standard PC (Q35 + ICH9, 2009)\n", "QEMU\n", NULL, "hypervisor", "qemu", "-");
        virtualization_of("VMware Virtual Platform\n", "VMware, Inc.\n", NULL, "hypervisor", "vmware", "-");
        virtualization_of("VirtualBox\n", "innotek GmbH\n", NULL, "hypervisor", "oracle", "-");
        virtualization_of("t3.micro\n", "Amazon EC2\n", "Amazon EC2\n", "hypervisor", "amazon", "aws");
        virtualization_of("m5.metal\n", "Amazon EC2\n", "Amazon EC2\n", "", "-", "aws");
        virtualization_of("Google Compute Engine\n", "Google\n", NULL, "hypervisor", "google", "gcp");
        virtualization_of("Virtual Machine\n", "Microsoft Corporation\n", "7783-7084-3265-9085-8269-3286-77\n",
                "hypervisor", "microsoft", "azure");
        virtualization_of("Virtual Machine\n", "Microsoft Corporation\n", NULL, "hypervisor", "microsoft", "-");
        virtualization_of("Droplet\n", "DigitalOcean\n", NULL, "hypervisor", "vm-other", "digitalocean");
        virtualization_of("OpenStack Nova\n", "OpenStack Foundation\n", NULL, "hypervisor", "kvm", "openstack");
        virtualization_of("PowerEdge R640\n", "Dell Inc.\n", NULL, "", "-", "-");
        virtualization_of(NULL, NULL, NULL, "hypervisor", "vm-other", "-");
}

static void container_of(const char *path, const char *bytes, size_t size, const char *expected)
{
        struct fixture fixture;
        fixture_make(&fixture);
        if (path)
                fixture_bytes(&fixture, path, bytes, size);
        struct host_virtualization found;
        assert_int_equal(host_read_virtualization(fixture.root, &arena, &found, &err), 0);
        assert_string_equal(found.container ? found.container : "-", expected);
        fixture_remove(&fixture);
}

static void containers(void **state)
{
        (void)state;
        static const char environ_bytes[] = "PATH=/bin\0container=lxc\0TERM=x";
        static const char group[] = "0::/docker/3f29c07c8a1c4f1ab6c7ac0f0b1c87be2c1d7d0d6d2c0a2b0ab8b3f51f0d9a11\n";
        container_of(NULL, NULL, 0, "-");
        container_of("run/systemd/container", "systemd-nspawn\n", 15, "systemd-nspawn");
        container_of("proc/1/environ", environ_bytes, sizeof(environ_bytes), "lxc");
        container_of("proc/1/environ", "container=", 10, "-");
        container_of(".dockerenv", "", 0, "docker");
        container_of("run/.containerenv", "", 0, "podman");
        container_of("proc/sys/kernel/osrelease", "5.15.90.1-microsoft-standard-WSL2\n", 34, "wsl");
        container_of("proc/1/cgroup", group, sizeof(group) - 1, "docker");
}

static void cpus_of_several_kinds(void **state)
{
        (void)state;
        struct host_cpu cpu;
        assert_int_equal(host_parse_cpuinfo(SV("processor\t: 0\nmodel name\t: X 9\nphysical id\t: 0\ncore id\t: 7\n\n"
                                               "processor\t: 1\nmodel name\t: X 9\nphysical id\t: 0\ncore id\t: 7\n\n"
                                               "processor\t: 2\nmodel name\t: X 9\nphysical id\t: 3\ncore id\t: 7\n"),
                                 &arena, &cpu, &err),
                0);
        assert_int_equal(cpu.logical, 3);
        assert_int_equal(cpu.sockets, 2);
        assert_int_equal(cpu.cores, 2);
        assert_string_equal(cpu.model, "X 9");
        assert_int_equal(
                host_parse_cpuinfo(SV("processor 0: version = FF\nprocessor 1: version = FF\n"), &arena, &cpu, &err),
                0);
        assert_int_equal(cpu.logical, 2);
        assert_null(cpu.model);
        assert_int_equal(
                host_parse_cpuinfo(SV("processor : 0\nBogoMIPS : 1\n\nModel : Raspberry Pi 4\n"), &arena, &cpu, &err),
                0);
        assert_string_equal(cpu.model, "Raspberry Pi 4");
        assert_int_equal(host_parse_cpuinfo(SV(""), &arena, &cpu, &err), -1);
}

static void users_of_utmp(void **state)
{
        (void)state;
        struct utmp records[3] = { { .ut_type = BOOT_TIME, .ut_user = "reboot" },
                { .ut_type = USER_PROCESS,
                        .ut_pid = 42,
                        .ut_line = "pts/0",
                        .ut_host = "192.0.2.7",
                        .ut_tv = { 1700000000, 5 } },
                { .ut_type = DEAD_PROCESS, .ut_user = "gone" } };
        memset(records[1].ut_user, 'u', sizeof(records[1].ut_user)); /* fills its field: no NUL */
        struct host_users users;
        assert_int_equal(host_parse_utmp(sv_n((const char *)records, sizeof(records) - 10), &arena, &users, &err), 0);
        assert_int_equal(users.count, 1);
        assert_int_equal(users.refused, 1);
        assert_int_equal(strlen(users.rows[0].name), sizeof(records[1].ut_user));
        assert_string_equal(users.rows[0].line, "pts/0");
        assert_string_equal(users.rows[0].from, "192.0.2.7");
        assert_int_equal(users.rows[0].since_unix_ns, 1700000000 * SECOND + 5000);
        struct fixture fixture;
        fixture_make(&fixture);
        assert_int_equal(host_read_users(fixture.root, &arena, &users, &err), 0);
        assert_int_equal(users.count, 0);
        fixture_remove(&fixture);
}

static void security_modules(void **state)
{
        (void)state;
        struct sv name;
        struct sv mode;
        assert_true(sv_eq(lsm_parse_choice(SV("none [integrity] confidentiality")), SV("integrity")));
        assert_int_equal(lsm_parse_choice(SV("none")).n, 0);
        assert_int_equal(lsm_parse_choice(SV("none [x")).n, 0);
        assert_true(lsm_parse_apparmor_label(SV("/usr/bin/a (b) (enforce)\n"), &name, &mode));
        assert_true(sv_eq(name, SV("/usr/bin/a (b)")) && sv_eq(mode, SV("enforce")));
        assert_true(lsm_parse_apparmor_label(SV("unconfined\n"), &name, &mode));
        assert_true(sv_eq(mode, SV("unconfined")));
        assert_false(lsm_parse_apparmor_label(SV("\n"), &name, &mode));

        struct fixture fixture;
        fixture_make(&fixture);
        fixture_text(&fixture, "sys/kernel/security/lsm", "lockdown,capability,yama,apparmor");
        fixture_text(&fixture, "sys/kernel/security/lockdown", "none [integrity] confidentiality\n");
        fixture_text(&fixture, "sys/kernel/security/apparmor/profiles", "/usr/sbin/x (enforce)\ny z (complain)\n");
        fixture_text(&fixture, "sys/module/apparmor/parameters/enabled", "Y\n");
        fixture_text(&fixture, "sys/module/apparmor/parameters/mode", "enforce\n");
        fixture_text(&fixture, "sys/fs/selinux/enforce", "0");
        fixture_text(&fixture, "etc/selinux/config", "# x\nSELINUX=permissive\nSELINUXTYPE=targeted\n");
        fixture_text(&fixture, "proc/sys/kernel/yama/ptrace_scope", "1\n");
        fixture_text(&fixture, "proc/sys/kernel/seccomp/actions_avail", "kill_process trap allow \n");
        fixture_bytes(&fixture, "proc/9/attr/current", "system_u:object_r:init_t:s0\0", 28);
        struct lsm lsm;
        assert_int_equal(lsm_read(fixture.root, &arena, &lsm, &err), 0);
        assert_int_equal(lsm.active_count, 4);
        assert_string_equal(lsm.active[3], "apparmor");
        assert_string_equal(lsm.lockdown, "integrity");
        assert_int_equal(lsm.apparmor_enabled, LSM_YES);
        assert_string_equal(lsm.apparmor_mode, "enforce");
        assert_int_equal(lsm.apparmor_profiles_count, 2);
        assert_string_equal(lsm.apparmor_profiles[1].name, "y z");
        assert_string_equal(lsm.apparmor_profiles[1].mode, "complain");
        assert_int_equal(lsm.selinux_enforcing, LSM_NO);
        assert_string_equal(lsm.selinux_policy, "targeted");
        assert_int_equal(lsm.yama_ptrace_scope, 1);
        assert_int_equal(lsm.seccomp_actions_count, 3);
        struct process process;
        char *label;
        assert_int_equal(process_open(fixture.root, 9, &process, &err), 0);
        assert_int_equal(lsm_read_process_label(&process, &arena, &label, &err), 0);
        assert_string_equal(label, "system_u:object_r:init_t:s0");
        process_close(&process);
        fixture_remove(&fixture);

        fixture_make(&fixture); /* nothing is there: all unknown, no error */
        assert_int_equal(lsm_read(fixture.root, &arena, &lsm, &err), 0);
        assert_int_equal(lsm.apparmor_enabled, LSM_UNKNOWN);
        assert_int_equal(lsm.selinux_enforcing, LSM_UNKNOWN);
        assert_int_equal(lsm.yama_ptrace_scope, -1);
        assert_false(lsm.securityfs || lsm.apparmor_present || lsm.selinux_present);
        fixture_remove(&fixture);

        cleanup(fd_close) int root = real_root();
        assert_int_equal(lsm_read(root, &arena, &lsm, &err), 0);
        assert_int_equal(process_open(root, getpid(), &process, &err), 0);
        assert_int_equal(lsm_read_process_label(&process, &arena, &label, &err), 0);
        process_close(&process);
}

static void the_reference_host_is_read(void **state)
{
        (void)state;
        cleanup(fd_close) int root = -1;
        if (!testdata_open("watch/node_exporter/collector/fixtures", &root)) {
                print_message("skipped: needs the reference data\n");
                skip();
        }
        struct meminfo memory;
        assert_int_equal(meminfo_read(root, &memory, &err), 0);
        assert_int_equal(memory.total, UINT64_C(3742148) * 1024);
        assert_int_equal(memory.refused, 0);
        struct loadavg load;
        assert_int_equal(loadavg_read(root, &load, &err), 0);
        struct kernel_stat stat;
        assert_int_equal(kernel_stat_read(root, &stat, &err), 0);
        assert_true(stat.boot_unix_ns == 1418183276 * SECOND);
        struct vmstat vm;
        assert_int_equal(vmstat_read(root, &vm, &err), 0);
        struct sockstat sockets;
        uint64_t value;
        assert_int_equal(sockstat_read(root, "proc/net", &sockets, &err), 0);
        assert_int_equal(sockets.count, 11);
        assert_true(sockstat_value(&sockets, "TCP6", "inuse", &value) && value == 17);
        static const char *const kinds[] = { "cpu", "io", "memory", "irq" };
        for (size_t i = 0; i < 4; i++) {
                char path[64];
                struct pressure pressure;
                snprintf(path, sizeof(path), "proc/pressure/%s", kinds[i]);
                assert_int_equal(pressure_read(root, path, &pressure, &err), 0);
        }
        struct mounts mounts;
        assert_int_equal(mounts_read(root, "proc/10/mountinfo", &arena, &mounts, &err), 0);
        assert_int_equal(mounts.refused, 0);
        struct os_release release;
        assert_int_equal(os_release_read(root, &arena, &release, &err), 0);
        assert_string_equal(release.id, "ubuntu");
        struct host_cpu cpu;
        assert_int_equal(host_read_cpu(root, &arena, &cpu, &err), 0);
        assert_int_equal(cpu.logical, 8);
}

static void cpus_of_the_reference_machines(void **state)
{
        (void)state;
        cleanup(fd_close) int root = -1;
        if (!testdata_open("watch/cadvisor/lib/machine/testdata", &root)) {
                print_message("skipped: needs the reference data\n");
                skip();
        }
        static const struct {
                const char *file;
                uint32_t logical, sockets, cores;
        } rows[] = { { "cpuinfo", 12, 2, 6 }, { "cpuinfo_arm", 4, 0, 0 },
                { "cpuinfo_onesocket_many_NUMAs", 32, 16, 16 } };
        for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
                cleanup(buf_done) struct buf buf;
                struct host_cpu cpu;
                buf_init(&buf, 1 << 20);
                assert_int_equal(file_read(root, rows[i].file, &buf, &err), 0);
                assert_int_equal(host_parse_cpuinfo(sv_n(buf_text(&buf), buf.len), &arena, &cpu, &err), 0);
                if (cpu.logical != rows[i].logical || cpu.sockets != rows[i].sockets || cpu.cores != rows[i].cores)
                        fail_msg(
                                "%s: %u CPUs, %u sockets, %u cores", rows[i].file, cpu.logical, cpu.sockets, cpu.cores);
        }
}

/* src/ is searched before the system's directories: <linux/NAME.h> would find ours. */
static void no_header_hides_one_of_the_kernel(void **state)
{
        (void)state;
        char path[512];
        const char *source = getenv("TARSIER_SOURCE");
        snprintf(path, sizeof(path), "%s/src/linux", source ? source : ".");
        cleanup(closedir) DIR *dir = opendir(path);
        if (!dir || access("/usr/include/linux/netlink.h", F_OK) < 0) {
                print_message("skipped: needs the source tree and the kernel's headers\n");
                skip();
        }
        struct dirent *entry;
        while ((entry = readdir(dir))) {
                if (!sv_ends(sv_of(entry->d_name), SV(".h")))
                        continue;
                snprintf(path, sizeof(path), "/usr/include/linux/%s", entry->d_name);
                if (access(path, F_OK) == 0)
                        fail_msg("src/linux/%s has the name of a kernel header", entry->d_name);
        }
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(memory_rows),
                TEST(load_uptime_and_counters),
                TEST(pressure_lines),
                TEST(socket_counts),
                TEST(mount_rows),
                TEST(space_agrees_with_statvfs),
                TEST(os_release_values),
                TEST(identity_of_a_fixture_and_of_this_host),
                TEST(machines_and_clouds),
                TEST(containers),
                TEST(cpus_of_several_kinds),
                TEST(users_of_utmp),
                TEST(security_modules),
                TEST(the_reference_host_is_read),
                TEST(cpus_of_the_reference_machines),
                TEST(no_header_hides_one_of_the_kernel),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
