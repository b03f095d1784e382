/* The process tree: which container a process is in, through the ways in which engines start them. */
#include "watch_tree_play.h"

#define ID "4f6c8a1d0b2e3f405162738495a6b7c8d9e0f1a2b3c4d5e6f708192a3b4c5d6e"
#define ID2 "aaaaaaaabbbbbbbbccccccccddddddddeeeeeeeeffffffff0000000011111111"
#define SCOPE "cg=0::/system.slice/docker-" ID ".scope"
#define DAEMON "cg=0::/system.slice/containerd.service"
#define SHIM                                                                                                           \
        "/usr/bin/containerd-shim-runc-v2 argv=/usr/bin/containerd-shim-runc-v2,-namespace,moby,-id," ID               \
        ",-address,/run/x"

static void set_up(struct play *p)
{
        play_init_with(p, (struct tree_options){ 0 });
        play(p, "p:proc 1 @100 s=0 /sbin/init cg=0::/init.scope;"
                "p:proc 50 <1 @100 s=10 /usr/bin/containerd " DAEMON);
}

/* Where the process stands: "docker/4f6c8a1d0b2e(cgroup)" or "". */
static void expect_in(struct play *p, pid_t pid, const char *text)
{
        static const char *const how[] = { "", "inherited", "cgroup", "lineage" };
        struct event_process process;
        const struct tree_process *found = tree_find(p->tree, pid);
        assert_non_null(found);
        tree_process_fill(p->tree, found, &process);
        char got[128] = "";
        if (process.has_container)
                snprintf(got, sizeof(got), "%s/%.12s(%s)", process.container.engine, process.container.id,
                        how[process.container.attribution]);
        assert_string_equal(got, text);
}

static void test_containerd(void **state)
{
        (void)state;
        struct play p;
        set_up(&p);
        play(&p,
                "fork 60 <50 @200; exec 60 @201 " SHIM " " DAEMON ";"
                "fork 61 <60 @210; exec 61 @211 /usr/bin/runc argv=runc,--root,/r,create,--bundle,/b," ID " " DAEMON ";"
                "fork 62 <61 @212; exec 62 @213 /usr/bin/runc argv=runc,init " DAEMON ";"
                "fork 63 <62 @214; fork 64 <63 @215");
        expect_in(&p, 60, "");
        expect_in(&p, 61, "");
        expect_in(&p, 64, "");
        buf_clear(&p.lines);
        play(&p, "named docker " ID " web nginx:1.25; exit 63 @216; exit 62 @217; exit 61 @218;"
                 "exec 64 @230 /usr/sbin/nginx argv=nginx,-g " SCOPE "; fork 65 <64 @231; exec 65 @232 /bin/sh " SCOPE);
        play_expect(&p, "exit 63 runc <62\nexit 62 runc <61\nexit 61 runc <60\n"
                        "container 64 nginx <63 start web docker/4f6c8a1d0b2e(cgroup)\n"
                        "exec 64 nginx <63 docker/4f6c8a1d0b2e(cgroup)\nexec 65 sh <64 docker/4f6c8a1d0b2e(cgroup)\n");
        play(&p, "fork 66 <65 @240"); /* known from the fork on */
        expect_in(&p, 66, "docker/4f6c8a1d0b2e(inherited)");
        play(&p, "exit 66 @241; exit 65 @242; exit 64 @250; exit 60 @251");
        buf_clear(&p.lines);
        p.times = true;
        tree_advance(p.tree, play_time(1250), play_take, &p);
        play_expect(&p, "container 64 nginx <63 stop web docker/4f6c8a1d0b2e(cgroup) @250\n");
        play_done(&p);
}

/* docker exec of a program too short for its group to be read: runc init becomes it, so the shim's container is its. */
static void test_docker_exec(void **state)
{
        (void)state;
        struct play p;
        set_up(&p);
        play(&p, "fork 60 <50 @200; exec 60 @201 " SHIM " " DAEMON ";"
                 "fork 70 <60 @300; exec 70 @301 /usr/bin/runc argv=runc,exec,--process,/tmp/p,--detach," ID " " DAEMON
                 ";"
                 "fork 71 <70 @302; exec 71 @303 /memfd:runc_cloned:/proc/self/exe argv=runc,init;"
                 "fork 72 <71 @304; comm 72 @304.5 comm=runc:[2:INIT]; exec 72 @305 /bin/true; fork 73 <72 @306");
        expect_in(&p, 71, "");
        expect_in(&p, 72, "docker/4f6c8a1d0b2e(lineage)");
        expect_in(&p, 73, "docker/4f6c8a1d0b2e(lineage)");
        /* the group, told later, confirms it */
        play(&p, "cgroup 72 @307 " SCOPE);
        expect_in(&p, 72, "docker/4f6c8a1d0b2e(cgroup)");
        play_done(&p);
}

/* A hook stays in the shim's group and is no process of the container; with a group of its own it would be. */
static void test_hook(void **state)
{
        (void)state;
        struct play p;
        set_up(&p);
        play(&p, "fork 60 <50 @200; exec 60 @201 " SHIM " " DAEMON ";"
                 "fork 61 <60 @210; exec 61 @211 /usr/bin/runc argv=runc,create," ID " " DAEMON ";"
                 "fork 62 <61 @212; exec 62 @213 /usr/bin/hook " DAEMON "; fork 63 <62 @214;"
                 "fork 64 <61 @215; exec 64 @216 /usr/bin/app cg=0::/a/group/of/its/own;"
                 "fork 65 <61 @217; exec 65 @218 /usr/bin/app cg=0::/;"
                 "fork 66 <60 @219; exec 66 @220 /usr/bin/logger " DAEMON ";"
                 "fork 67 <61 @221 ns=77; exec 67 @222 /usr/bin/app " DAEMON);
        expect_in(&p, 62, "");
        expect_in(&p, 63, "");
        expect_in(&p, 64, "docker/4f6c8a1d0b2e(lineage)");
        expect_in(&p, 65, "docker/4f6c8a1d0b2e(lineage)");
        expect_in(&p, 66, "");
        play_done(&p);
}

static void test_pod_of_containerd(void **state)
{
        (void)state;
        struct play p;
        set_up(&p);
        play(&p, "fork 60 <50 @200; exec 60 @201 /usr/bin/containerd-shim-runc-v2"
                 " argv=containerd-shim-runc-v2,-namespace,k8s.io,-id," ID ",-address,/run/x " DAEMON ";"
                 /* one shim serves all containers of a pod: runc's arguments tell which */
                 "fork 61 <60 @210; exec 61 @211 /usr/bin/runc argv=runc,create,--bundle,/b," ID2 " " DAEMON ";"
                 "fork 62 <61 @212; exec 62 @213 /usr/bin/runc argv=runc,init; exec 62 @220 /app");
        expect_in(&p, 62, "containerd/aaaaaaaabbbb(lineage)");
        play(&p, "cgroup 62 @221 cg=0::/kubepods.slice/kubepods-pod12345678_1234_1234_1234_123456789012.slice/"
                 "cri-containerd-" ID2 ".scope");
        struct event_process process;
        tree_process_fill(p.tree, tree_find(p.tree, 62), &process);
        assert_string_equal(process.container.pod, "12345678-1234-1234-1234-123456789012");
        assert_int_equal(process.container.attribution, ATTRIBUTION_CGROUP);
        play_done(&p);
}

static void test_podman(void **state)
{
        (void)state;
        struct play p;
        set_up(&p);
        const char *conmon_group = "cg=0::/machine.slice/libpod-conmon-" ID ".scope";
        char text[2048];
        snprintf(text, sizeof(text),
                "fork 80 <1 @200; exec 80 @201 /usr/bin/podman; fork 81 <80 @210;"
                "exec 81 @211 /usr/bin/conmon argv=conmon,--api-version,1,-c," ID ",-u," ID ",-n,web;"
                "exit 80 @211.5; cgroup 81 @212 %s;"
                "fork 82 <81 @213; exec 82 @214 /usr/bin/crun argv=crun,create,--bundle,/b," ID " %s;"
                "fork 83 <82 @215; exec 83 @216 /usr/bin/web cg=0::/machine.slice/libpod-" ID ".scope/container;"
                "fork 84 <82 @217; exec 84 @218 /bin/short; exit 82 @220;"
                "fork 85 <81 @300; exec 85 @301 /usr/bin/podman argv=podman,container,cleanup," ID " %s",
                conmon_group, conmon_group, conmon_group);
        play(&p, text);
        expect_in(&p, 81, "");
        expect_in(&p, 83, "podman/4f6c8a1d0b2e(cgroup)");
        expect_in(&p, 84, "podman/4f6c8a1d0b2e(lineage)");
        expect_in(&p, 85, "");
        play_done(&p);
}

static void test_nspawn_and_lxc(void **state)
{
        (void)state;
        struct play p;
        set_up(&p);
        play(&p, "fork 90 <1 @200; exec 90 @201 /usr/bin/systemd-nspawn argv=systemd-nspawn,-bD,/var/lib/machines/box"
                 " cg=0::/user.slice/user-0.slice/session-1.scope; fork 91 <90 @210;"
                 "exec 91 @211 /usr/lib/systemd/systemd cg=0::/machine.slice/machine-box.scope/payload; fork 92 <91 "
                 "@212;"
                 "fork 100 <1 @300; exec 100 @301 /usr/bin/lxc-start argv=lxc-start,-n,c1 cg=0::/lxc.monitor.c1;"
                 "fork 101 <100 @302; exec 101 @303 /sbin/init cg=0::/lxc.payload.c1/init.scope;"
                 "fork 110 <1 @400; exec 110 @401 /usr/bin/systemd-nspawn argv=systemd-nspawn,--machine=other,-D,/x"
                 " cg=0::/user.slice; fork 111 <110 @402; exec 111 @403 /bin/sh");
        expect_in(&p, 90, "");
        expect_in(&p, 91, "systemd-nspawn/box(cgroup)");
        expect_in(&p, 92, "systemd-nspawn/box(inherited)");
        expect_in(&p, 100, "");
        expect_in(&p, 101, "lxc/c1(cgroup)");
        expect_in(&p, 111, "systemd-nspawn/other(lineage)");
        play_done(&p);
}

/* Inside a container a program may call itself what it likes. */
static void test_names_inside_mean_nothing(void **state)
{
        (void)state;
        struct play p;
        set_up(&p);
        play(&p,
                "fork 60 <50 @200; exec 60 @201 /bin/sh " SCOPE ";"
                "exec 60 @210 /usr/bin/conmon argv=conmon,-c," ID2 " " SCOPE "; fork 61 <60 @211; exec 61 @212 /bin/x");
        expect_in(&p, 60, "docker/4f6c8a1d0b2e(cgroup)");
        expect_in(&p, 61, "docker/4f6c8a1d0b2e(inherited)");
        play_done(&p);
}

/* A child forked before its parent entered the container is not in it, whenever that is told. */
static void test_as_of_the_fork(void **state)
{
        (void)state;
        struct play p;
        set_up(&p);
        play(&p, "fork 60 <1 @200; exec 60 @201 /bin/a cg=0::/user.slice; fork 61 <60 @210; fork 62 <60 @230;"
                 "fork 63 <62 @231; cgroup 60 @220 " SCOPE "; fork 64 <60 @215; fork 65 <60 @240");
        expect_in(&p, 60, "docker/4f6c8a1d0b2e(cgroup)");
        expect_in(&p, 61, "");
        expect_in(&p, 62, "docker/4f6c8a1d0b2e(inherited)");
        expect_in(&p, 63, "docker/4f6c8a1d0b2e(inherited)");
        expect_in(&p, 64, "");
        expect_in(&p, 65, "docker/4f6c8a1d0b2e(inherited)");
        play_done(&p);
}

/* The whole life told backwards still begins and ends its container once. */
static void test_backwards(void **state)
{
        (void)state;
        struct play p;
        set_up(&p);
        buf_clear(&p.lines);
        play(&p, "exit 60 @210; exec 60 @201 /bin/a " SCOPE "; fork 60 <50 @200");
        tree_advance(p.tree, INT64_MAX, play_take, &p);
        play_expect(&p,
                "exit 60  <0\ncontainer 60 a <0 start docker/4f6c8a1d0b2e(cgroup)\n"
                "exec 60 a <0 docker/4f6c8a1d0b2e(cgroup)\ncontainer 60 a <50 stop docker/4f6c8a1d0b2e(cgroup)\n");
        play_done(&p);
}

/* Empty for a moment is not stopped. */
static void test_no_flapping(void **state)
{
        (void)state;
        struct play p;
        set_up(&p);
        play(&p, "fork 60 <50 @200; exec 60 @201 /bin/a " SCOPE "; exit 60 @211; fork 61 <60 @210; exit 61 @900;"
                 "fork 62 <50 @1500; exec 62 @1501 /bin/b " SCOPE "; fork 70 <1 @5000");
        buf_clear(&p.lines);
        play(&p, "exit 62 @6000; fork 71 <1 @7000");
        play_expect(&p, "exit 62 b <50 docker/4f6c8a1d0b2e(cgroup)\n"
                        "container 62 b <50 stop docker/4f6c8a1d0b2e(cgroup)\n");
        play_done(&p);
}

static bool count_container(const struct tree_container *container, void *cookie)
{
        (void)container;
        ++*(size_t *)cookie;
        return true;
}

/* Stopped containers are forgotten after a while; the table has an end. */
static void test_table_of_containers(void **state)
{
        (void)state;
        struct play p;
        set_up(&p);
        for (int i = 0; i < 3000; i++) {
                char text[256];
                snprintf(text, sizeof(text),
                        "fork 60 <50 @%d; exec 60 @%d /bin/a cg=0::/system.slice/docker-%064x.scope; exit 60 @%d",
                        200 + i * 100, 201 + i * 100, i, 202 + i * 100);
                play(&p, text);
        }
        struct tree_counters counters = play_count(&p);
        assert_in_range(counters.containers, 500, 700); /* a minute of ten a second */
        assert_int_equal(counters.refused, 0);
        size_t listed = 0;
        tree_each_container(p.tree, count_container, &listed);
        assert_int_equal(listed, counters.containers);
        tree_advance(p.tree, play_time(1e6), NULL, NULL);
        assert_int_equal(play_count(&p).containers, 0);

        for (int i = 0; i < 5000; i++) {
                char text[256];
                snprintf(text, sizeof(text),
                        "fork %d <50 @%d; exec %d @%d /bin/a cg=0::/system.slice/docker-%064x.scope", 1000 + i,
                        1000000 + i, 1000 + i, 1000000 + i, i);
                play(&p, text);
                buf_clear(&p.lines);
        }
        counters = play_count(&p);
        assert_in_range(counters.containers, 4000, 4096);
        assert_true(counters.refused > 0);
        play_done(&p);
}

/* Containers that ran already are told as found, not as begun. */
static void test_found_running(void **state)
{
        (void)state;
        struct play p;
        set_up(&p);
        buf_clear(&p.lines);
        play(&p, "named docker " ID " web nginx @100; p:proc 60 <50 @100 s=20 syn /bin/a " SCOPE "; fork 61 <60 @90.1");
        play_expect(&p, "container 60 a <50 start web docker/4f6c8a1d0b2e(cgroup) synthetic\n");
        expect_in(&p, 61, "docker/4f6c8a1d0b2e(inherited)"); /* forked while /proc was read, told after */
        play_done(&p);
}

/* Plain runc: the path says nothing, its state file does. */
static void test_known_by_its_group(void **state)
{
        (void)state;
        struct play p;
        set_up(&p);
        play(&p, "fork 60 <1 @200; exec 60 @201 /bin/early cg=0::/web; fork 61 <60 @202; exec 62 @203 /bin/a "
                 "cg=0::/other");
        expect_in(&p, 60, "");
        buf_clear(&p.lines);
        play(&p, "named oci web web tiny:1 cg=0::/web @210; exec 60 @210 /bin/app cg=0::/web;"
                 "named oci next next tiny:2 cg=0::/next @211; fork 63 <1 @212; exec 63 @213 /bin/b cg=0::/next;"
                 "fork 64 <60 @214; exec 64 @215 /bin/c cg=0::/web/sub");
        play_expect(&p, "container 60 early <1 start web oci/web(cgroup)\nexec 60 app <1 oci/web(cgroup)\n"
                        "container 63 b <1 start next oci/next(cgroup)\nexec 63 b <1 oci/next(cgroup)\n"
                        "exec 64 c <60\n");
        expect_in(&p, 61, "oci/web(inherited)");
        expect_in(&p, 62, "");
        /* it does not take what a path names */
        play(&p, "named oci odd odd tiny:3 cg=0::/system.slice/docker-" ID ".scope @220;"
                 "fork 65 <1 @221; exec 65 @222 /bin/d " SCOPE);
        expect_in(&p, 65, "docker/4f6c8a1d0b2e(cgroup)");
        play_done(&p);
}

/* The clock is set back by half a minute where little happens: a container that ends is told all the same. */
static void test_stop_after_the_clock_was_set_back(void **state)
{
        (void)state;
        struct play p;
        set_up(&p);
        play(&p, "named docker " ID
                 " web nginx:1.25; fork 64 <50 @40000; exec 64 @40001 /usr/sbin/nginx argv=nginx " SCOPE
                 "; exit 64 @10100");
        buf_clear(&p.lines);
        for (int i = 0; i < 100; i++)
                tree_advance(p.tree, play_time(10200 + i * 100), play_take, &p);
        play_expect(&p, "container 64 nginx <50 stop web docker/4f6c8a1d0b2e(cgroup)\n");
        play_done(&p);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_stop_after_the_clock_was_set_back),
                cmocka_unit_test(test_containerd),
                cmocka_unit_test(test_docker_exec),
                cmocka_unit_test(test_hook),
                cmocka_unit_test(test_pod_of_containerd),
                cmocka_unit_test(test_podman),
                cmocka_unit_test(test_nspawn_and_lxc),
                cmocka_unit_test(test_names_inside_mean_nothing),
                cmocka_unit_test(test_as_of_the_fork),
                cmocka_unit_test(test_backwards),
                cmocka_unit_test(test_no_flapping),
                cmocka_unit_test(test_table_of_containers),
                cmocka_unit_test(test_found_running),
                cmocka_unit_test(test_known_by_its_group),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
