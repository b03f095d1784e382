/* Who is this container: paths as the engines and systemd write them. */
#include "linux_fixture.h"

#include "linux/cgroup.h"
#include "linux/container.h"
#include "linux/mounts.h"
#include "linux/process.h"

#define ID "3f29c07c8a1c4f1ab6c7ac0f0b1c87be2c1d7d0d6d2c0a2b0ab8b3f51f0d9a11"
#define ID2 "aaaac07c8a1c4f1ab6c7ac0f0b1c87be2c1d7d0d6d2c0a2b0ab8b3f51f0d9a22"

static struct error err;

struct path_case {
        const char *path;
        enum container_engine engine;
        const char *id, *pod, *unit, *slice, *user_unit;
        uint32_t owner;
        bool helper;
        uint32_t nested;
};

#define NOBODY UINT32_MAX

static const struct path_case cases[] = {
        /* the host */
        { "/", CONTAINER_NONE, "", "", "", "", "", NOBODY, false, 0 },
        { "/init.scope", CONTAINER_NONE, "", "", "init.scope", "", "", NOBODY, false, 0 },
        { "/system.slice/nginx.service", CONTAINER_NONE, "", "", "nginx.service", "system.slice", "", NOBODY, false,
                0 },
        { "/system.slice/system-getty.slice/getty@tty1.service", CONTAINER_NONE, "", "", "getty@tty1.service",
                "system-getty.slice", "", NOBODY, false, 0 },
        { "/user.slice/user-1000.slice/session-3.scope", CONTAINER_NONE, "", "", "session-3.scope", "user-1000.slice",
                "", 1000, false, 0 },
        { "/user.slice/user-1000.slice/user@1000.service/app.slice/pipewire.service", CONTAINER_NONE, "", "",
                "user@1000.service", "app.slice", "pipewire.service", 1000, false, 0 },
        { "/system.slice/docker.service", CONTAINER_NONE, "", "", "docker.service", "system.slice", "", NOBODY, false,
                0 },
        { "/system.slice/containerd.service", CONTAINER_NONE, "", "", "containerd.service", "system.slice", "", NOBODY,
                false, 0 },
        { "/docker", CONTAINER_NONE, "", "", "", "", "", NOBODY, false, 0 },
        { "/docker/buildx", CONTAINER_NONE, "", "", "", "", "", NOBODY, false, 0 },
        { "/machine.slice/machine-qemu\\x2d1\\x2ddebian.scope", CONTAINER_NONE, "", "",
                "machine-qemu\\x2d1\\x2ddebian.scope", "machine.slice", "", NOBODY, false, 0 },
        { "/system.slice/tarsier.service", CONTAINER_NONE, "", "", "tarsier.service", "system.slice", "", NOBODY, false,
                0 },
        /* Docker: cgroupfs driver, systemd driver, rootless, a parent of its own, in Docker again */
        { "/docker/" ID, CONTAINER_DOCKER, ID, "", "", "", "", NOBODY, false, 0 },
        { "/system.slice/docker-" ID ".scope", CONTAINER_DOCKER, ID, "", "docker-" ID ".scope", "system.slice", "",
                NOBODY, false, 0 },
        { "/user.slice/user-1000.slice/user@1000.service/user.slice/docker-" ID ".scope", CONTAINER_DOCKER, ID, "",
                "user@1000.service", "user.slice", "docker-" ID ".scope", 1000, false, 0 },
        { "/system.slice/docker-" ID ".scope/init.scope", CONTAINER_DOCKER, ID, "", "docker-" ID ".scope",
                "system.slice", "", NOBODY, false, 0 },
        { "/docker/" ID "/docker/" ID2, CONTAINER_DOCKER, ID, "", "", "", "", NOBODY, false, 1 },
        { "/docker/" ID "/system.slice/nginx.service", CONTAINER_DOCKER, ID, "", "", "", "", NOBODY, false, 0 },
        { "/build/" ID, CONTAINER_OCI, ID, "", "", "", "", NOBODY, false, 0 },
        { "/docker/" ID " (deleted)", CONTAINER_DOCKER, ID, "", "", "", "", NOBODY, false, 0 },
        { "/../../docker/" ID, CONTAINER_DOCKER, ID, "", "", "", "", NOBODY, false, 0 },
        { "/docker/" ID "/docker/buildx", CONTAINER_DOCKER, ID, "", "", "", "", NOBODY, false, 0 },
        { "/actions_job/" ID, CONTAINER_OCI, ID, "", "", "", "", NOBODY, false, 0 },
        /* podman: rootful, rootless, its monitor, cgroupfs, split under a service, a pod */
        { "/machine.slice/libpod-" ID ".scope", CONTAINER_PODMAN, ID, "", "libpod-" ID ".scope", "machine.slice", "",
                NOBODY, false, 0 },
        { "/machine.slice/libpod-" ID ".scope/container", CONTAINER_PODMAN, ID, "", "libpod-" ID ".scope",
                "machine.slice", "", NOBODY, false, 0 },
        { "/machine.slice/libpod-conmon-" ID ".scope", CONTAINER_PODMAN, ID, "", "libpod-conmon-" ID ".scope",
                "machine.slice", "", NOBODY, true, 0 },
        { "/user.slice/user-1001.slice/user@1001.service/user.slice/libpod-" ID ".scope/container", CONTAINER_PODMAN,
                ID, "", "user@1001.service", "user.slice", "libpod-" ID ".scope", 1001, false, 0 },
        { "/user.slice/user-1001.slice/user@1001.service/user.slice/user-libpod_pod_" ID2 ".slice/libpod-" ID
          ".scope/container",
                CONTAINER_PODMAN, ID, ID2, "user@1001.service", "user-libpod_pod_" ID2 ".slice", "libpod-" ID ".scope",
                1001, false, 0 },
        { "/user.slice/user-1001.slice/user@1001.service/app.slice/web.service/libpod-payload-" ID, CONTAINER_PODMAN,
                ID, "", "user@1001.service", "app.slice", "web.service", 1001, false, 0 },
        { "/user.slice/libpod_parent/libpod-" ID, CONTAINER_PODMAN, ID, "", "", "user.slice", "", NOBODY, false, 0 },
        { "/libpod_parent/libpod-" ID, CONTAINER_PODMAN, ID, "", "", "", "", NOBODY, false, 0 },
        { "/libpod_parent/libpod-conmon-" ID, CONTAINER_PODMAN, ID, "", "", "", "", NOBODY, true, 0 },
        { "/libpod_parent/conmon", CONTAINER_NONE, "", "", "", "", "", NOBODY, false, 0 },
        { "/system.slice/web.service/libpod-payload-" ID, CONTAINER_PODMAN, ID, "", "web.service", "system.slice", "",
                NOBODY, false, 0 },
        { "/machine.slice/machine-libpod_pod_" ID2 ".slice/libpod-" ID ".scope", CONTAINER_PODMAN, ID, ID2,
                "libpod-" ID ".scope", "machine-libpod_pod_" ID2 ".slice", "", NOBODY, false, 0 },
        { "/user.slice/buildah-buildah1234567.scope", CONTAINER_BUILDAH, "buildah1234567", "",
                "buildah-buildah1234567.scope", "user.slice", "", NOBODY, false, 0 },
        /* Kubernetes: cgroupfs and systemd drivers, containerd and CRI-O */
        { "/kubepods/burstable/pod2f399ae6-3ae1-4e1b-a6a7-0a3f2a4a5d4e/" ID, CONTAINER_KUBERNETES, ID,
                "2f399ae6-3ae1-4e1b-a6a7-0a3f2a4a5d4e", "", "", "", NOBODY, false, 0 },
        { "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod2f399ae6_3ae1_4e1b_a6a7_0a3f2a4a5d4e.slice/"
          "cri-containerd-" ID ".scope",
                CONTAINER_CONTAINERD, ID, "2f399ae6-3ae1-4e1b-a6a7-0a3f2a4a5d4e", "cri-containerd-" ID ".scope",
                "kubepods-burstable-pod2f399ae6_3ae1_4e1b_a6a7_0a3f2a4a5d4e.slice", "", NOBODY, false, 0 },
        { "/kubepods.slice/kubepods-pod2f399ae6_3ae1_4e1b_a6a7_0a3f2a4a5d4e.slice/crio-" ID ".scope", CONTAINER_CRIO,
                ID, "2f399ae6-3ae1-4e1b-a6a7-0a3f2a4a5d4e", "crio-" ID ".scope",
                "kubepods-pod2f399ae6_3ae1_4e1b_a6a7_0a3f2a4a5d4e.slice", "", NOBODY, false, 0 },
        { "/system.slice/crio-conmon-" ID ".scope", CONTAINER_CRIO, ID, "", "crio-conmon-" ID ".scope", "system.slice",
                "", NOBODY, true, 0 },
        { "/system.slice/containerd.service/kubepods-besteffort-pod2f399ae6_3ae1_4e1b_a6a7_0a3f2a4a5d4e.slice:"
          "cri-containerd:" ID,
                CONTAINER_CONTAINERD, ID, "2f399ae6-3ae1-4e1b-a6a7-0a3f2a4a5d4e", "containerd.service", "system.slice",
                "", NOBODY, false, 0 },
        { "/kubepods/pod0123456789abcdef0123456789abcdef/" ID, CONTAINER_KUBERNETES, ID,
                "0123456789abcdef0123456789abcdef", "", "", "", NOBODY, false, 0 },
        { "/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-burstable.slice/"
          "kubelet-kubepods-burstable-pod2f399ae6_3ae1_4e1b_a6a7_0a3f2a4a5d4e.slice/cri-containerd-" ID ".scope",
                CONTAINER_CONTAINERD, ID, "2f399ae6-3ae1-4e1b-a6a7-0a3f2a4a5d4e", "cri-containerd-" ID ".scope",
                "kubelet-kubepods-burstable-pod2f399ae6_3ae1_4e1b_a6a7_0a3f2a4a5d4e.slice", "", NOBODY, false, 0 },
        { "/kubepods/besteffort/pod2f399ae6-3ae1-4e1b-a6a7-0a3f2a4a5d4e/crio-" ID, CONTAINER_CRIO, ID,
                "2f399ae6-3ae1-4e1b-a6a7-0a3f2a4a5d4e", "", "", "", NOBODY, false, 0 },
        { "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod2f399ae6_3ae1_4e1b_a6a7_0a3f2a4a5d4e.slice/"
          "docker-" ID ".scope",
                CONTAINER_DOCKER, ID, "2f399ae6-3ae1-4e1b-a6a7-0a3f2a4a5d4e", "docker-" ID ".scope",
                "kubepods-burstable-pod2f399ae6_3ae1_4e1b_a6a7_0a3f2a4a5d4e.slice", "", NOBODY, false, 0 },
        { "/k8s.io/" ID, CONTAINER_OCI, ID, "", "", "", "", NOBODY, false, 0 },
        { "/default/" ID, CONTAINER_OCI, ID, "", "", "", "", NOBODY, false, 0 },
        { "/ecs/0123456789abcdef0123456789abcdef/" ID, CONTAINER_OCI, ID, "", "", "", "", NOBODY, false, 0 },
        { "/ecs/0123456789abcdef0123456789abcdef/0123456789abcdef0123456789abcdef-2531612879", CONTAINER_OCI,
                "0123456789abcdef0123456789abcdef-2531612879", "", "", "", "", NOBODY, false, 0 },
        { "/ecs/0123456789abcdef0123456789abcdef/0123456789abcdef0123456789abcdef-x", CONTAINER_NONE, "", "", "", "",
                "", NOBODY, false, 0 },
        { "/system.slice/runc-" ID ".scope", CONTAINER_OCI, ID, "", "runc-" ID ".scope", "system.slice", "", NOBODY,
                false, 0 },
        { "/system.slice/nerdctl-" ID ".scope", CONTAINER_CONTAINERD, ID, "", "nerdctl-" ID ".scope", "system.slice",
                "", NOBODY, false, 0 },
        /* machines */
        { "/machine.slice/systemd-nspawn@debian.service/payload/system.slice/ssh.service", CONTAINER_NSPAWN, "debian",
                "", "systemd-nspawn@debian.service", "machine.slice", "", NOBODY, false, 0 },
        { "/machine.slice/systemd-nspawn@debian.service/supervisor", CONTAINER_NSPAWN, "debian", "",
                "systemd-nspawn@debian.service", "machine.slice", "", NOBODY, true, 0 },
        { "/machine.slice/machine-web\\x2d1.scope/payload", CONTAINER_NSPAWN, "web-1", "", "machine-web\\x2d1.scope",
                "machine.slice", "", NOBODY, false, 0 },
        { "/machine.slice/machine-lxc\\x2d123\\x2dvm1.scope", CONTAINER_LXC, "123-vm1", "",
                "machine-lxc\\x2d123\\x2dvm1.scope", "machine.slice", "", NOBODY, false, 0 },
        { "/lxc.payload.c1/system.slice/nginx.service", CONTAINER_LXC, "c1", "", "", "", "", NOBODY, false, 0 },
        { "/lxc.monitor.c1", CONTAINER_LXC, "c1", "", "", "", "", NOBODY, true, 0 },
        { "/user.slice/user-1000.slice/session-1.scope/lxc.payload.c3/init.scope", CONTAINER_LXC, "c3", "",
                "session-1.scope", "user-1000.slice", "", 1000, false, 0 },
        { "/lxc.payload.project_c4/ns", CONTAINER_LXC, "project_c4", "", "", "", "", NOBODY, false, 0 },
        { "/lxc/100/ns", CONTAINER_LXC, "100", "", "", "", "", NOBODY, false, 0 },
        { "/lxc.payload/c2", CONTAINER_LXC, "c2", "", "", "", "", NOBODY, false, 0 },
        { "/lxc.payload.c1/docker/" ID, CONTAINER_LXC, "c1", "", "", "", "", NOBODY, false, 1 },
        { "/system.slice/garden.service/garden/7c4ab1f2", CONTAINER_GARDEN, "7c4ab1f2", "", "garden.service",
                "system.slice", "", NOBODY, false, 0 },
        { "/tarsier/" ID, CONTAINER_TARSIER, ID, "", "", "", "", NOBODY, false, 0 },
        /* near misses */
        { "/docker/" ID "0", CONTAINER_NONE, "", "", "", "", "", NOBODY, false, 0 },
        { "/system.slice/docker-compose.service", CONTAINER_NONE, "", "", "docker-compose.service", "system.slice", "",
                NOBODY, false, 0 },
        { "/system.slice/crio-wipe.service", CONTAINER_NONE, "", "", "crio-wipe.service", "system.slice", "", NOBODY,
                false, 0 },
        { "/system.slice/libpod-tools.service", CONTAINER_NONE, "", "", "libpod-tools.service", "system.slice", "",
                NOBODY, false, 0 },
        { "/.service/.slice", CONTAINER_NONE, "", "", "", "", "", NOBODY, false, 0 },
};

static void every_known_path_is_recognised(void **state)
{
        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                const struct path_case *one = &cases[i];
                struct container_identity identity;
                bool found = container_identify_path(sv_of(one->path), &identity);
                if (found != (one->engine != CONTAINER_NONE) || identity.engine != one->engine ||
                        strcmp(identity.id, one->id) != 0 || strcmp(identity.pod, one->pod) != 0 ||
                        strcmp(identity.unit, one->unit) != 0 || strcmp(identity.slice, one->slice) != 0 ||
                        strcmp(identity.user_unit, one->user_unit) != 0 || identity.owner_uid != one->owner ||
                        identity.helper != one->helper || identity.nested != one->nested)
                        fail_msg("%s: engine \"%s\" id \"%s\" pod \"%s\" unit \"%s\" slice \"%s\" user unit \"%s\" "
                                 "owner %u helper %d nested %u",
                                one->path, container_engine_name(identity.engine), identity.id, identity.pod,
                                identity.unit, identity.slice, identity.user_unit, identity.owner_uid, identity.helper,
                                identity.nested);
        }
}

static void the_line_that_says_most_wins(void **state)
{
        (void)state;
        struct container_identity identity;
        /* hybrid: v2 empty, the container in v1 */
        assert_true(
                container_identify(SV("12:memory:/docker/" ID "\n1:name=systemd:/docker/" ID "\n0::/\n"), &identity));
        assert_int_equal(identity.engine, CONTAINER_DOCKER);
        /* the container by one hierarchy, the unit by another */
        assert_true(container_identify(
                SV("4:memory:/docker/" ID
                   "\n1:name=systemd:/system.slice/docker.service\n0::/system.slice/docker.service\n"),
                &identity));
        assert_string_equal(identity.id, ID);
        assert_string_equal(identity.unit, "docker.service");
        /* an engine by name beats a bare id */
        assert_true(container_identify(SV("3:cpu:/x/" ID2 "\n0::/system.slice/docker-" ID ".scope\n"), &identity));
        assert_int_equal(identity.engine, CONTAINER_DOCKER);
        assert_string_equal(identity.id, ID);
        assert_false(
                container_identify(SV("9:name=systemd:/\n0::/user.slice/user-0.slice/session-1.scope\n"), &identity));
        assert_string_equal(identity.unit, "session-1.scope");
        assert_int_equal(identity.owner_uid, 0);
        assert_false(container_identify(SV(""), &identity));
        assert_false(container_identify(SV("::::\n:\nnothing"), &identity));
        assert_int_equal(identity.owner_uid, UINT32_MAX);
        /* a name that is empty as text is none */
        assert_false(container_identify(SV("0::/lxc.payload.\0c1\n"), &identity));
}

static void long_names_are_cut_not_overrun(void **state)
{
        (void)state;
        char path[3000];
        memset(path, 'a', sizeof(path));
        memcpy(path, "/lxc/", 5);
        struct container_identity identity;
        assert_true(container_identify_path(sv_n(path, sizeof(path)), &identity));
        assert_int_equal(strlen(identity.id), CONTAINER_ID_MAX - 1);
}

static void memberships_and_layouts(void **state)
{
        (void)state;
        cleanup(arena_done) struct arena arena;
        arena_init(&arena, 1 << 20);
        struct cgroup_memberships memberships;
        assert_int_equal(cgroup_parse(SV("4:cpu,cpuacct:/a:b/c\n1:name=systemd:/x\n0::/gone (deleted)\nbad\n5:x:rel\n"),
                                 &arena, &memberships, &err),
                0);
        assert_int_equal(memberships.count, 3);
        assert_int_equal(memberships.refused, 2);
        assert_string_equal(cgroup_path(&memberships, "cpuacct"), "/a:b/c");
        assert_string_equal(cgroup_path(&memberships, "name=systemd"), "/x");
        assert_string_equal(cgroup_path(&memberships, ""), "/gone");
        assert_true(memberships.rows[2].deleted);
        assert_null(cgroup_path(&memberships, "memory"));

        static const struct {
                const char *mountinfo;
                enum cgroup_layout layout;
        } layouts[] = {
                { "1 0 0:1 / / rw - ext4 /dev/a rw\n", CGROUP_NONE },
                { "2 1 0:2 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate\n", CGROUP_V2 },
                { "2 1 0:2 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n", CGROUP_V1 },
                { "2 1 0:2 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,seclabel,cpu,cpuacct\n"
                  "3 1 0:3 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,release_agent=/x,name=systemd\n"
                  "4 1 0:4 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
                  "5 1 0:4 / /mnt/again rw - cgroup2 cgroup2 rw\n",
                        CGROUP_HYBRID },
        };
        struct cgroup_mounts mounts;
        for (size_t i = 0; i < sizeof(layouts) / sizeof(*layouts); i++) {
                struct mounts table;
                assert_int_equal(mounts_parse(sv_of(layouts[i].mountinfo), &arena, &table, &err), 0);
                cgroup_find_mounts(&table, &arena, &mounts);
                assert_int_equal(mounts.layout, layouts[i].layout);
        }
        assert_int_equal(mounts.count, 3);
        assert_string_equal(cgroup_mounts_find(&mounts, "cpu")->mount_point, "/sys/fs/cgroup/cpu,cpuacct");
        assert_string_equal(cgroup_mounts_find(&mounts, "name=systemd")->controllers, "name=systemd");
        assert_string_equal(cgroup_mounts_find(&mounts, "")->mount_point, "/sys/fs/cgroup/unified");
        assert_null(cgroup_mounts_find(&mounts, "memory"));
}

static void this_machine_is_understood(void **state)
{
        (void)state;
        cleanup(arena_done) struct arena arena;
        arena_init(&arena, 4 << 20);
        cleanup(fd_close) int root = real_root();
        struct cgroup_mounts mounts;
        assert_int_equal(cgroup_read_mounts(root, &arena, &mounts, &err), 0);
        cleanup(process_close) struct process self;
        assert_int_equal(process_open(root, getpid(), &self, &err), 0);
        struct cgroup_memberships memberships;
        assert_int_equal(cgroup_read(&self, &arena, &memberships, &err), 0);
        assert_int_equal(memberships.refused, 0);
        /* where the process is said to be there is such a directory, unless we see less of the tree than it */
        for (size_t i = 0; i < mounts.count; i++) {
                const struct cgroup_hierarchy *hierarchy = &mounts.hierarchies[i];
                const char *controller = hierarchy->controllers;
                char first[256];
                snprintf(first, sizeof(first), "%.*s", (int)sv_find(sv_of(controller), ','), controller);
                const char *path = cgroup_path(&memberships, first);
                assert_non_null(path);
                char full[4096];
                struct stat st;
                snprintf(full, sizeof(full), "%s%s", hierarchy->mount_point, path);
                if (strcmp(hierarchy->mount_root, "/") == 0 && !strstr(path, ".."))
                        assert_int_equal(stat(full, &st), 0);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_known_path_is_recognised),
                cmocka_unit_test(the_line_that_says_most_wins),
                cmocka_unit_test(long_names_are_cut_not_overrun),
                cmocka_unit_test(memberships_and_layouts),
                cmocka_unit_test(this_machine_is_understood),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
