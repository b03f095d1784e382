/* Names, images and labels from the engines' state files: fixture trees in the formats that the engines write, and what
 * hostile or broken files must not do. */
#include "linux_fixture.h"

#include "linux/container_state.h"
#include "linux/open_in_root.h"

#include <limits.h>

#define ID "3f29c07c8a1c4f1ab6c7ac0f0b1c87be2c1d7d0d6d2c0a2b0ab8b3f51f0d9a11"
#define ID2 "aaaac07c8a1c4f1ab6c7ac0f0b1c87be2c1d7d0d6d2c0a2b0ab8b3f51f0d9a22"
#define ID3 "bbbbc07c8a1c4f1ab6c7ac0f0b1c87be2c1d7d0d6d2c0a2b0ab8b3f51f0d9a33"
#define POD "2f399ae6-3ae1-4e1b-a6a7-0a3f2a4a5d4e"

static struct error err;
static struct fixture fixture;
static struct arena arena;
static struct container_places places;
static struct container_state found;

static int setup(void **state)
{
        (void)state;
        fixture_make(&fixture);
        arena_init(&arena, CONTAINER_STATE_MEMORY);
        places = (struct container_places){ .root = fixture.root };
        found = (struct container_state){ 0 };
        return 0;
}

static int teardown(void **state)
{
        (void)state;
        arena_done(&arena);
        fixture_remove(&fixture);
        return 0;
}

static int find(enum container_engine engine, const char *id, uint32_t owner, pid_t pid)
{
        struct container_identity identity = { .engine = engine, .owner_uid = owner };
        snprintf(identity.id, sizeof(identity.id), "%s", id);
        memset(&err, 0, sizeof(err));
        return container_state_find(&places, &identity, pid, &arena, &found, &err);
}

static const char docker_config[] =
        "{\"State\":{\"Running\":true,\"Pid\":29261,\"StartedAt\":\"2026-11-22T01:48:14.621358526Z\"},\"ID\":\"" ID
        "\","
        "\"Created\":\"2026-11-22T01:48:14.42884534Z\",\"Config\":{\"Hostname\":\"a47e\",\"Image\":\"nginx:1.25\","
        "\"Labels\":{\"tier\":\"front\",\"empty\":\"\",\"number\":5}},\"Image\":\"sha256:f94c\",\"Name\":\"/web\","
        "\"RestartCount\":3}";

static void docker_tells_all(void **state)
{
        (void)state;
        fixture_text(&fixture, "var/lib/docker/containers/" ID "/config.v2.json", docker_config);
        assert_int_equal(find(CONTAINER_DOCKER, ID, UINT32_MAX, 0), 0);
        assert_int_equal(found.engine, CONTAINER_DOCKER);
        assert_string_equal(found.id, ID);
        assert_string_equal(found.name, "web");
        assert_string_equal(found.image, "nginx:1.25");
        assert_string_equal(found.image_id, "sha256:f94c");
        assert_string_equal(found.hostname, "a47e");
        assert_int_equal(found.created_ns, 1795312094428845340);
        assert_int_equal(found.started_ns, 1795312094621358526);
        assert_int_equal(found.pid, 29261);
        assert_int_equal(found.restarts, 3);
        assert_int_equal(found.label_count, 2);
        assert_int_equal(found.labels_refused, 1);
        assert_string_equal(container_state_label(&found, "tier"), "front");
        assert_string_equal(container_state_label(&found, "empty"), "");
        assert_null(container_state_label(&found, "number"));
        assert_false(found.sandbox);
        /* by a bare id too */
        assert_int_equal(find(CONTAINER_OCI, ID, UINT32_MAX, 0), 0);
        assert_int_equal(found.engine, CONTAINER_DOCKER);
        assert_int_equal(find(CONTAINER_DOCKER, ID2, UINT32_MAX, 0), -1);
        assert_int_equal(err.code, E_NOT_FOUND);
}

static void docker_may_be_anywhere(void **state)
{
        (void)state;
        /* configured */
        fixture_text(&fixture, "etc/docker/daemon.json", "{\"data-root\":\"/srv/docker\"}");
        fixture_text(&fixture, "srv/docker/containers/" ID "/config.v2.json", docker_config);
        assert_int_equal(find(CONTAINER_DOCKER, ID, UINT32_MAX, 0), 0);
        assert_string_equal(found.file, "/srv/docker/containers/" ID "/config.v2.json");
        /* given */
        places.docker_root = "/none";
        assert_int_equal(find(CONTAINER_DOCKER, ID, UINT32_MAX, 0), -1);
        /* told by the mounts of a process: a file system whose root is a part of a disk that is mounted at /data */
        fixture_text(&fixture, "proc/77/mountinfo",
                "90 80 0:39 / / rw - overlay overlay rw,lowerdir=/x,upperdir=/y/overlay2/z/diff,workdir=/w\n"
                "91 90 254:3 /vol/engine/containers/" ID "/hostname /etc/hostname rw - ext4 /dev/vdb rw\n");
        fixture_text(&fixture, "proc/self/mountinfo",
                "1 0 254:0 / / rw - ext4 /dev/vda rw\n2 1 254:3 /vol /data rw - ext4 /dev/vdb rw\n");
        fixture_text(&fixture, "data/engine/containers/" ID "/config.v2.json", docker_config);
        assert_int_equal(find(CONTAINER_DOCKER, ID, UINT32_MAX, 77), 0);
        assert_string_equal(found.file, "/data/engine/containers/" ID "/config.v2.json");
        assert_string_equal(found.name, "web");
}

static void rootless_docker_is_in_the_home(void **state)
{
        (void)state;
        fixture_text(&fixture, "home/ann/.local/share/docker/containers/" ID "/config.v2.json", docker_config);
        char passwd[128];
        uint32_t uid = geteuid() ? geteuid() : 1000;
        snprintf(
                passwd, sizeof(passwd), "root:x:0:0:root:/root:/bin/sh\nann:x:%u:%u:,,,:/home/ann:/bin/sh\n", uid, uid);
        fixture_text(&fixture, "etc/passwd", passwd);
        char path[256];
        snprintf(path, sizeof(path), "%s/home/ann/.local/share/docker/containers/" ID "/config.v2.json", fixture.path);
        if (geteuid() == 0)
                assert_int_equal(chown(path, uid, uid), 0);
        assert_int_equal(find(CONTAINER_DOCKER, ID, uid, 0), 0);
        assert_string_equal(found.name, "web");
        if (geteuid() == 0) { /* a link to somebody else's file */
                assert_int_equal(chown(path, 0, 0), 0);
                assert_int_equal(find(CONTAINER_DOCKER, ID, uid, 0), -1);
        }
}

static void a_pods_containers_by_containerd(void **state)
{
        (void)state;
        fixture_text(&fixture, "run/containerd/io.containerd.runtime.v2.task/k8s.io/" ID "/config.json",
                "{\"ociVersion\":\"1.1.0\",\"hostname\":\"web-0\",\"annotations\":{"
                "\"io.kubernetes.cri.container-name\":\"nginx\",\"io.kubernetes.cri.container-type\":\"container\","
                "\"io.kubernetes.cri.image-name\":\"docker.io/library/nginx:1.25\","
                "\"io.kubernetes.cri.sandbox-id\":\"" ID2 "\",\"io.kubernetes.cri.sandbox-name\":\"web-0\","
                "\"io.kubernetes.cri.sandbox-namespace\":\"shop\"}}");
        fixture_text(&fixture, "run/containerd/io.containerd.runtime.v2.task/k8s.io/" ID "/init.pid", "4711");
        fixture_text(&fixture, "run/containerd/io.containerd.runtime.v2.task/k8s.io/" ID2 "/config.json",
                "{\"annotations\":{\"io.kubernetes.cri.container-type\":\"sandbox\","
                "\"io.kubernetes.cri.sandbox-name\":\"web-0\",\"io.kubernetes.cri.sandbox-namespace\":\"shop\"}}");
        struct container_identity identity;
        assert_true(container_identify(SV("0::/kubepods/burstable/pod" POD "/" ID "\n"), &identity));
        assert_int_equal(identity.engine, CONTAINER_KUBERNETES);
        assert_int_equal(container_state_find(&places, &identity, 0, &arena, &found, &err), 0);
        assert_int_equal(found.engine, CONTAINER_CONTAINERD);
        assert_string_equal(found.name, "nginx");
        assert_string_equal(found.image, "docker.io/library/nginx:1.25");
        assert_string_equal(found.pod, "web-0");
        assert_string_equal(found.name_space, "shop");
        assert_int_equal(found.pid, 4711);
        assert_false(found.sandbox);
        assert_int_equal(find(CONTAINER_CONTAINERD, ID2, UINT32_MAX, 0), 0);
        assert_true(found.sandbox);
        assert_string_equal(found.pod, "web-0");
        assert_null(found.name);
}

static void nerdctl_has_names_of_its_own(void **state)
{
        (void)state;
        fixture_text(&fixture, "run/containerd/io.containerd.runtime.v2.task/default/" ID "/config.json",
                "{\"annotations\":{\"nerdctl/hostname\":\"tiny\"}}");
        fixture_text(&fixture, "var/lib/nerdctl/1935db59/names/default/web", ID);
        fixture_text(&fixture, "var/lib/nerdctl/1935db59/names/default/other", ID2);
        assert_int_equal(find(CONTAINER_CONTAINERD, ID, UINT32_MAX, 0), 0);
        assert_string_equal(found.name, "web");
        assert_string_equal(found.hostname, "tiny");
        assert_string_equal(found.name_space, "default");
        fixture_text(&fixture, "run/containerd/io.containerd.runtime.v2.task/default/" ID2 "/config.json",
                "{\"annotations\":{\"nerdctl/name\":\"by-annotation\"}}");
        assert_int_equal(find(CONTAINER_CONTAINERD, ID2, UINT32_MAX, 0), 0);
        assert_string_equal(found.name, "by-annotation");
}

static void dockers_bundle_leads_to_its_files(void **state)
{
        (void)state;
        fixture_text(&fixture, "run/containerd/io.containerd.runtime.v2.task/moby/" ID "/config.json",
                "{\"mounts\":[{\"destination\":\"/etc/hostname\",\"source\":\"/big/docker/containers/" ID
                "/hostname\"}]}");
        fixture_text(&fixture, "big/docker/containers/" ID "/config.v2.json", docker_config);
        assert_int_equal(find(CONTAINER_DOCKER, ID, UINT32_MAX, 0), 0);
        assert_string_equal(found.name, "web");
        assert_int_equal(found.engine, CONTAINER_DOCKER);
}

static const char podman_list[] =
        "[{\"id\":\"" ID2 "\",\"names\":[\"other\"]},{\"id\":\"" ID "\",\"names\":[\"web\"],\"image\":\"e0dc\","
        "\"layer\":\"930b\",\"metadata\":\"{\\\"image-name\\\":\\\"docker.io/library/nginx:1.25\\\","
        "\\\"image-id\\\":\\\"e0dc\\\",\\\"name\\\":\\\"web\\\",\\\"created-at\\\":1795312176}\","
        "\"created\":\"2026-11-22T01:49:36.423003901Z\",\"flags\":{\"MountLabel\":\"\"}}]";

static void podman_with_and_without_root(void **state)
{
        (void)state;
        fixture_text(&fixture, "var/lib/containers/storage/overlay-containers/containers.json", podman_list);
        fixture_text(&fixture, "var/lib/containers/storage/overlay-containers/" ID "/userdata/config.json",
                "{\"hostname\":\"5288\",\"annotations\":{\"io.container.manager\":\"libpod\"}}");
        fixture_text(&fixture, "run/containers/storage/overlay-containers/" ID "/userdata/pidfile", "812\n");
        assert_int_equal(find(CONTAINER_PODMAN, ID, UINT32_MAX, 0), 0);
        assert_string_equal(found.name, "web");
        assert_string_equal(found.image, "docker.io/library/nginx:1.25");
        assert_string_equal(found.image_id, "e0dc");
        assert_int_equal(found.created_ns, 1795312176423003901);
        assert_string_equal(found.hostname, "5288");
        assert_int_equal(found.pid, 812);
        assert_string_equal(container_state_label(&found, "io.container.manager"), "libpod");

        /* a user's: by passwd, then by the user's own storage.conf */
        uint32_t uid = geteuid() ? geteuid() : 1000;
        char text[256];
        char path[256];
        snprintf(text, sizeof(text), "ann:x:%u:%u:,,,:/home/ann:/bin/sh\n", uid, uid);
        fixture_text(&fixture, "etc/passwd", text);
        static const char list2[] = "[{\"id\":\"" ID2 "\",\"names\":[\"mine\"]}]";
        fixture_text(&fixture, "home/ann/.local/share/containers/storage/overlay-containers/containers.json", list2);
        snprintf(path, sizeof(path), "%s/home/ann/.local/share/containers/storage/overlay-containers/containers.json",
                fixture.path);
        if (geteuid() == 0)
                assert_int_equal(chown(path, uid, uid), 0);
        assert_int_equal(find(CONTAINER_PODMAN, ID2, uid, 0), 0);
        assert_string_equal(found.name, "mine");
        fixture_text(&fixture, "home/ann/.config/containers/storage.conf",
                "[storage]\n driver = \"overlay\"\n graphroot = \"/big/ann\" # moved\n");
        fixture_text(&fixture, "big/ann/overlay-containers/volatile-containers.json",
                "[{\"id\":\"" ID "\",\"names\":[\"removed-later\"]}]");
        static const char *const theirs[] = { "home/ann/.config/containers/storage.conf",
                "big/ann/overlay-containers/volatile-containers.json" };
        for (size_t i = 0; geteuid() == 0 && i < 2; i++) {
                snprintf(path, sizeof(path), "%s/%s", fixture.path, theirs[i]);
                assert_int_equal(chown(path, uid, uid), 0);
        }
        assert_int_equal(find(CONTAINER_PODMAN, ID, uid, 0), 0);
        assert_string_equal(found.name, "removed-later");

        /* a graph root that is told by nothing but the container's own mounts */
        fixture_text(&fixture, "proc/5/mountinfo",
                "90 80 0:39 / / rw - overlay overlay rw,upperdir=/far/graph/overlay/930b/diff,workdir=/w\n");
        fixture_text(&fixture, "proc/self/mountinfo", "1 0 254:0 / / rw - ext4 /dev/vda rw\n");
        fixture_text(
                &fixture, "far/graph/overlay-containers/containers.json", "[{\"id\":\"" ID3 "\",\"names\":[\"far\"]}]");
        assert_int_equal(find(CONTAINER_PODMAN, ID3, UINT32_MAX, 5), 0);
        assert_string_equal(found.name, "far");
}

static void a_pods_containers_by_crio(void **state)
{
        (void)state;
        fixture_text(&fixture, "run/containers/storage/overlay-containers/" ID "/userdata/config.json",
                "{\"hostname\":\"web-0\",\"annotations\":{\"io.kubernetes.container.name\":\"nginx\","
                "\"io.kubernetes.cri-o.ImageName\":\"docker.io/library/nginx:1.25\","
                "\"io.kubernetes.cri-o.ContainerType\":\"container\",\"io.kubernetes.cri-o.Name\":\"k8s_nginx_web-0\","
                "\"io.kubernetes.pod.name\":\"web-0\",\"io.kubernetes.pod.namespace\":\"shop\","
                "\"io.kubernetes.cri-o.Created\":\"2026-11-22T01:48:14Z\","
                "\"io.kubernetes.cri-o.Labels\":\"{\\\"app\\\":\\\"web\\\"}\"}}");
        assert_int_equal(find(CONTAINER_CRIO, ID, UINT32_MAX, 0), 0);
        assert_string_equal(found.name, "nginx");
        assert_string_equal(found.image, "docker.io/library/nginx:1.25");
        assert_string_equal(found.pod, "web-0");
        assert_string_equal(found.name_space, "shop");
        assert_string_equal(container_state_label(&found, "app"), "web");
        assert_int_equal(found.created_ns, 1795312094000000000);
        assert_int_equal(find(CONTAINER_KUBERNETES, ID, UINT32_MAX, 0), 0);
        assert_int_equal(found.engine, CONTAINER_CRIO);
}

static void machines(void **state)
{
        (void)state;
        fixture_text(&fixture, "run/systemd/machines/debian",
                "# This is private data. Do not parse.\nNAME=debian\nCLASS=container\nROOT=/var/lib/machines/debian\n"
                "LEADER=812\nREALTIME=1795312094000000\n");
        fixture_text(&fixture, "var/lib/machines/plain/etc/os-release", "ID=debian\n");
        assert_int_equal(find(CONTAINER_NSPAWN, "debian", UINT32_MAX, 0), 0);
        assert_string_equal(found.name, "debian");
        assert_string_equal(found.image, "/var/lib/machines/debian");
        assert_int_equal(found.pid, 812);
        assert_int_equal(found.started_ns, 1795312094000000000);
        assert_int_equal(find(CONTAINER_NSPAWN, "plain", UINT32_MAX, 0), 0);
        assert_string_equal(found.bundle, "/var/lib/machines/plain");
        assert_int_equal(find(CONTAINER_NSPAWN, "none", UINT32_MAX, 0), -1);
        assert_int_equal(err.code, E_NOT_FOUND);

        fixture_text(&fixture, "var/lib/lxc/c1/config",
                "# c1\nlxc.include = /usr/share/lxc/config/debian.common.conf\n"
                "lxc.rootfs.path = dir:/var/lib/lxc/c1/rootfs\nlxc.uts.name = c1host\n");
        assert_int_equal(find(CONTAINER_LXC, "c1", UINT32_MAX, 0), 0);
        assert_string_equal(found.name, "c1");
        assert_string_equal(found.hostname, "c1host");
        assert_string_equal(found.image, "/var/lib/lxc/c1/rootfs");
        fixture_text(&fixture, "var/lib/incus/containers/c2/backup.yaml",
                "container:\n  config:\n    image.description: Debian bookworm amd64 (20261101)\n"
                "    volatile.base_image: 7c1b\n  created_at: 2026-11-22T01:48:14Z\n");
        assert_int_equal(find(CONTAINER_LXC, "c2", UINT32_MAX, 0), 0);
        assert_string_equal(found.image, "Debian bookworm amd64 (20261101)");
        assert_string_equal(found.image_id, "7c1b");
        assert_int_equal(found.created_ns, 1795312094000000000);
}

/* --- plain runtimes
 * --------------------------------------------------------------------------------------------------- */

static int match(const char *text, struct container_identity *ret)
{
        memset(&err, 0, sizeof(err));
        return container_state_match(&places, sv_of(text), &arena, ret, &found, &err);
}

static void a_group_without_an_engines_name(void **state)
{
        (void)state;
        struct container_identity identity;
        fixture_text(&fixture, "run/runc/web/state.json",
                "{\"id\":\"web\",\"init_process_pid\":26001,\"created\":\"2026-11-22T01:48:14Z\",\"config\":{"
                "\"hostname\":\"runc\",\"labels\":[\"bundle=/srv/"
                "web\",\"org.example.tier=x\",\"odd\"]},\"cgroup_paths\""
                ":{\"\":\"/sys/fs/cgroup/unified/web\",\"memory\":\"/sys/fs/cgroup/memory/web\"}}");
        fixture_text(&fixture, "run/runc/named/state.json",
                "{\"id\":\"named\",\"cgroup_paths\":{\"memory\":\"/sys/fs/cgroup/memory/some/group\"}}");
        fixture_text(&fixture, "run/crun/box/status",
                "{\"pid\":26061,\"cgroup-path\":\"/user.slice/box\",\"bundle\":\"/srv/box\","
                "\"created\":\"2026-11-22T01:48:14Z\"}");
        fixture_text(&fixture, "srv/box/config.json", "{\"hostname\":\"boxed\",\"annotations\":{\"a\":\"b\"}}");
        assert_int_equal(match("4:memory:/web\n0::/web\n", &identity), 0);
        assert_int_equal(identity.engine, CONTAINER_OCI);
        assert_string_equal(identity.id, "web");
        assert_string_equal(found.name, "web");
        assert_string_equal(found.bundle, "/srv/web");
        assert_string_equal(found.hostname, "runc");
        assert_int_equal(found.pid, 26001);
        assert_int_equal(found.label_count, 1);
        assert_string_equal(container_state_label(&found, "org.example.tier"), "x");
        /* a group that the container made below its own */
        assert_int_equal(match("0::/web/sub/deeper\n", &identity), 0);
        assert_string_equal(identity.id, "web");
        /* a group that is not named after it */
        assert_int_equal(match("4:memory:/some/group\n0::/\n", &identity), 0);
        assert_string_equal(identity.id, "named");
        /* crun */
        assert_int_equal(match("0::/user.slice/box\n", &identity), 0);
        assert_string_equal(identity.id, "box");
        assert_string_equal(found.hostname, "boxed");
        assert_string_equal(container_state_label(&found, "a"), "b");
        /* near misses: the same name elsewhere, the root, a longer name */
        static const char *const others[] = { "0::/other/web\n", "0::/\n", "0::/webs\n", "0::/web-2\n", "", "x\n",
                "0::/user.slice/boxes\n", "4:memory:/some\n", "0::/..\n", "0::/../runc/web\n" };
        for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
                if (match(others[i], &identity) == 0)
                        fail_msg("%s matches %s", others[i], identity.id);
                assert_int_equal(err.code, E_NOT_FOUND);
        }
}

static void containerds_own_tasks(void **state)
{
        (void)state;
        struct container_identity identity;
        fixture_text(&fixture, "run/containerd/runc/default/tiny/state.json",
                "{\"id\":\"tiny\",\"created\":\"2026-11-22T01:48:14Z\","
                "\"cgroup_paths\":{\"\":\"/sys/fs/cgroup/default/tiny\"}}");
        fixture_text(&fixture, "run/containerd/io.containerd.runtime.v2.task/default/tiny/config.json",
                "{\"hostname\":\"h\"}");
        assert_int_equal(match("0::/default/tiny\n", &identity), 0);
        assert_int_equal(identity.engine, CONTAINER_CONTAINERD);
        assert_string_equal(identity.id, "tiny");
        assert_string_equal(found.name, "tiny");
        assert_string_equal(found.name_space, "default");
        assert_string_equal(found.hostname, "h");
        assert_int_equal(found.created_ns, 1795312094000000000);
}

/* --- broken and hostile ----------------------------------------------------------------------------------------------
 */

static void hostile_files_are_a_soft_failure(void **state)
{
        (void)state;
        static const char path[] = "var/lib/docker/containers/" ID "/config.v2.json";
        static const char *const texts[] = { "", "{", "[]", "5", "null", "\"x\"", "{\"ID\":5}",
                "{\"ID\":\"" ID2 "\",\"Name\":\"/other\"}", "{\"ID\":\"" ID "\"", "{\"ID\":\"\\ud800\"}" };
        for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
                fixture_text(&fixture, path, texts[i]);
                assert_int_equal(find(CONTAINER_DOCKER, ID, UINT32_MAX, 0), -1);
                assert_int_equal(err.code, E_CORRUPT);
                assert_null(strstr(err.message, "other")); /* no content of the file */
        }
        /* members of wrong types are not told */
        fixture_text(&fixture, path,
                "{\"ID\":\"" ID
                "\",\"Name\":{},\"Config\":[],\"State\":7,\"Created\":\"yesterday\",\"RestartCount\":\"x\"}");
        assert_int_equal(find(CONTAINER_DOCKER, ID, UINT32_MAX, 0), 0);
        assert_null(found.name);
        assert_null(found.image);
        assert_int_equal(found.created_ns, 0);
        assert_int_equal(found.label_count, 0);
        fixture_text(&fixture, path, "{\"ID\":\"" ID "\",\"Name\":\"/\"}");
        assert_int_equal(find(CONTAINER_DOCKER, ID, UINT32_MAX, 0), 0);

        /* too large, too many values, too deep */
        char *large = malloc(CONTAINER_STATE_FILE_MAX + 2);
        memset(large, ' ', CONTAINER_STATE_FILE_MAX + 1);
        fixture_bytes(&fixture, path, large, CONTAINER_STATE_FILE_MAX + 1);
        assert_int_equal(find(CONTAINER_DOCKER, ID, UINT32_MAX, 0), -1);
        assert_int_equal(err.code, E_TOO_LARGE);
        for (size_t i = 0; i < CONTAINER_STATE_FILE_MAX / 2; i++)
                memcpy(large + 2 * i, "1,", 2);
        large[0] = '[';
        fixture_bytes(&fixture, path, large, CONTAINER_STATE_FILE_MAX);
        assert_int_equal(find(CONTAINER_DOCKER, ID, UINT32_MAX, 0), -1);
        assert_int_equal(err.code, E_TOO_LARGE);
        memset(large, '[', 60000);
        fixture_bytes(&fixture, path, large, 60000);
        assert_int_equal(find(CONTAINER_DOCKER, ID, UINT32_MAX, 0), -1);
        assert_int_equal(err.code, E_CORRUPT);
        free(large);
}

static void what_is_no_file_is_not_read(void **state)
{
        (void)state;
        char path[256];
        fixture_text(&fixture, "var/lib/docker/containers/x", "");
        snprintf(path, sizeof(path), "%s/var/lib/docker/containers/" ID, fixture.path);
        assert_int_equal(mkdir(path, 0755), 0);
        snprintf(path, sizeof(path), "%s/var/lib/docker/containers/" ID "/config.v2.json", fixture.path);
        assert_int_equal(mkfifo(path, 0644), 0); /* would block for ever */
        assert_int_equal(find(CONTAINER_DOCKER, ID, UINT32_MAX, 0), -1);
        assert_int_equal(err.code, E_CORRUPT);
        assert_int_equal(unlink(path), 0);
        assert_int_equal(mkdir(path, 0755), 0);
        assert_int_equal(find(CONTAINER_DOCKER, ID, UINT32_MAX, 0), -1);
        assert_int_equal(rmdir(path), 0);
        /* a link leads nowhere but below the root */
        char outside[] = "/tmp/tarsier-outside-XXXXXX";
        cleanup(fd_close) int fd = mkstemp(outside);
        assert_int_equal(write_all(fd, docker_config, strlen(docker_config), NULL), 0);
        assert_int_equal(symlink(outside, path), 0);
        assert_int_equal(find(CONTAINER_DOCKER, ID, UINT32_MAX, 0), -1);
        assert_int_equal(err.code, E_NOT_FOUND);
        assert_int_equal(unlink(outside), 0);
        /* an absolute link below the root is followed as the host would */
        assert_int_equal(unlink(path), 0);
        assert_int_equal(symlink("/elsewhere.json", path), 0);
        fixture_text(&fixture, "elsewhere.json", docker_config);
        assert_int_equal(find(CONTAINER_DOCKER, ID, UINT32_MAX, 0), 0);
}

static void expect_open(const char *path, int errnum, const char *content)
{
        char text[32] = "";
        cleanup(fd_close) int fd = open_in_root(fixture.root, path, O_RDONLY | O_NONBLOCK);
        if ((fd < 0) != (content == NULL) || (fd < 0 && errno != errnum))
                fail_msg("%s: %s", path, fd < 0 ? strerror(errno) : "opened");
        if (fd < 0)
                return;
        assert_true(read(fd, text, sizeof(text) - 1) >= 0 || errno == EISDIR);
        assert_string_equal(text, content);
}

static void nothing_leads_out_of_the_root(void **state)
{
        (void)state;
        char deep[PATH_MAX + 64];
        fixture_text(&fixture, "a/b/file", "inside");
        fixture_text(&fixture, "etc/hostname", "of the fixture");
        fixture_link(&fixture, "a/up", "../../../../../../../../etc/hostname");
        fixture_link(&fixture, "a/absolute", "/etc/hostname");
        fixture_link(&fixture, "a/directory", "b");
        fixture_link(&fixture, "a/chain", "directory/../absolute");
        fixture_link(&fixture, "a/loop", "loop");
        fixture_link(&fixture, "a/dangling", "/nowhere");
        fixture_link(&fixture, "a/tree", "/..//./a/../a/b/");
        fixture_link(&fixture, "a/device", "/dev/null");
        expect_open("a/b/file", 0, "inside");
        expect_open("/a/./b//file", 0, "inside");
        expect_open("../../a/b/file", 0, "inside");
        expect_open("a/b/../b/file", 0, "inside");
        expect_open("a/up", 0, "of the fixture");
        expect_open("a/absolute", 0, "of the fixture");
        expect_open("a/chain", 0, "of the fixture");
        expect_open("a/directory/file", 0, "inside");
        expect_open("a/tree/file", 0, "inside");
        expect_open("a/b", 0, "");
        expect_open("", 0, "");
        expect_open("/", 0, "");
        expect_open("..", 0, "");
        expect_open("a/loop", ELOOP, NULL);
        expect_open("a/loop/x", ELOOP, NULL);
        expect_open("a/dangling", ENOENT, NULL);
        expect_open("a/device", ENOENT, NULL);
        expect_open("a/b/file/x", ENOTDIR, NULL);
        expect_open("a/none", ENOENT, NULL);
        for (size_t i = 0; i < sizeof(deep) - 1; i += 2)
                memcpy(deep + i, "a/", 2);
        deep[sizeof(deep) - 1] = '\0';
        expect_open(deep, ENAMETOOLONG, NULL);
        memset(deep, 'x', 300);
        deep[300] = '\0';
        expect_open(deep, ENAMETOOLONG, NULL);
}

static void ids_are_no_paths(void **state)
{
        (void)state;
        static const char *const ids[] = { "", ".", "..", "a/b", "../../etc" };
        for (size_t i = 0; i < sizeof(ids) / sizeof(*ids); i++)
                for (int engine = CONTAINER_NONE; engine < CONTAINER_ENGINES; engine++)
                        assert_int_equal(find((enum container_engine)engine, ids[i], 0, 0), -1);
        assert_int_equal(find(CONTAINER_NONE, ID, UINT32_MAX, 0), -1);
}

static void many_labels_are_counted(void **state)
{
        (void)state;
        struct buf text;
        buf_init(&text, 1 << 20);
        buf_puts(&text, "{\"ID\":\"" ID "\",\"Config\":{\"Labels\":{");
        for (int i = 0; i < CONTAINER_LABELS_MAX + 10; i++)
                buf_printf(&text, "%s\"k%d\":\"v\"", i ? "," : "", i);
        buf_puts(&text, ",\"long\":\"");
        for (int i = 0; i < CONTAINER_STATE_TEXT_MAX + 10; i++)
                buf_putc(&text, 'x');
        buf_puts(&text, "\"}}}");
        fixture_text(&fixture, "var/lib/docker/containers/" ID "/config.v2.json", buf_text(&text));
        assert_int_equal(find(CONTAINER_DOCKER, ID, UINT32_MAX, 0), 0);
        assert_int_equal(found.label_count, CONTAINER_LABELS_MAX);
        assert_int_equal(found.labels_refused, 11);
        buf_done(&text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(docker_tells_all),
                TEST(docker_may_be_anywhere),
                TEST(rootless_docker_is_in_the_home),
                TEST(a_pods_containers_by_containerd),
                TEST(nerdctl_has_names_of_its_own),
                TEST(dockers_bundle_leads_to_its_files),
                TEST(podman_with_and_without_root),
                TEST(a_pods_containers_by_crio),
                TEST(machines),
                TEST(a_group_without_an_engines_name),
                TEST(containerds_own_tasks),
                TEST(hostile_files_are_a_soft_failure),
                TEST(what_is_no_file_is_not_read),
                TEST(nothing_leads_out_of_the_root),
                TEST(ids_are_no_paths),
                TEST(many_labels_are_counted),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
