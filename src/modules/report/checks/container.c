/* Checks: how far containers are from the host. What a container may do is read from its processes, which cannot hide
 * it, and not from the engines' files, which only some have. */
#include "modules/report/checks/checks.h"

#include "base/cleanup.h"
#include "base/map.h"
#include "linux/process.h"

#include <sys/stat.h>

struct host_namespaces {
        uint64_t pid, net;
        uint64_t all_capabilities;
};

static bool read_host(struct look *look, struct finding *finding, struct host_namespaces *ret)
{
        struct error err;
        struct process init;
        *ret = (struct host_namespaces){ 0 };
        uint64_t last;
        if (!look->has_processes || process_open(look->root, 1, &init, &err) < 0) {
                finding_blind(finding, "/proc/1", "not readable");
                return false;
        }
        process_read_namespace(&init, PROCESS_NS_PID, &ret->pid, &err);
        process_read_namespace(&init, PROCESS_NS_NET, &ret->net, &err);
        process_close(&init);
        if (look_number(look, "proc/sys/kernel/cap_last_cap", &last) && last < 63)
                ret->all_capabilities = (UINT64_C(1) << (last + 1)) - 1;
        return true;
}

static void check_privileged(struct look *look, struct finding *finding)
{
        struct host_namespaces host;
        unsigned containers = 0, close = 0;
        cleanup(map_done) struct map seen;
        map_init(&seen, REPORT_PROCESSES_MAX);
        if (!read_host(look, finding, &host))
                return;
        for (size_t i = 0; i < look->processes.count; i++) {
                const struct report_process *process = &look->processes.items[i];
                /* the oldest process speaks for its container: those that were put in later may be the engine's */
                if (!process->container || map_get(&seen, sv_of(process->container)) ||
                        map_put(&seen, sv_of(process->container), look) < 0)
                        continue;
                containers++;
                bool all = host.all_capabilities &&
                           (process->capabilities & host.all_capabilities) == host.all_capabilities;
                bool pids = host.pid && process->pid_namespace == host.pid;
                bool network = host.net && process->net_namespace == host.net;
                enum report_severity severity = all || process->engine_socket ? REPORT_MEDIUM
                                                : pids                        ? REPORT_LOW
                                                : network                     ? REPORT_INFO
                                                                              : REPORT_OK;
                if (severity == REPORT_OK)
                        continue;
                close += severity > REPORT_INFO;
                finding_show(finding, severity, "%s (%s, pid %d):%s%s%s%s", process->container, process->name,
                        process->pid, all ? " every capability," : "", pids ? " the host's processes," : "",
                        network ? " the host's network," : "", process->engine_socket ? " the engine's socket," : "");
        }
        if (containers == 0)
                finding_absent(finding);
        else if (close)
                finding_say(finding, REPORT_LOW, "%u of %u containers could take over the host", close, containers);
        else if (finding->evidence_count)
                finding_say(finding, REPORT_INFO, "Some containers share the network of the host");
}

/* Members of the group that owns the socket: "docker:x:998:alice,bob". */
static void show_members(struct look *look, struct finding *finding, gid_t gid)
{
        struct sv text, line;
        if (look_file(look, finding, "etc/group", REPORT_TEXT_MAX, &text) != LOOK_READ)
                return;
        while (text.n && sv_line(&text, &line)) {
                struct sv name, password, number, members;
                uint64_t id;
                if (sv_split(&line, ':', &name) && sv_split(&line, ':', &password) && sv_split(&line, ':', &number) &&
                        sv_split(&line, ':', &members) && sv_parse_u64(number, 10, &id) && id == gid && members.n)
                        finding_show(
                                finding, REPORT_INFO, "members of group %.*s: %.*s", SV_ARG(name), SV_ARG(members));
        }
}

static void check_engine_socket(struct look *look, struct finding *finding)
{
        static const char *const sockets[] = { "run/docker.sock", "run/containerd/containerd.sock",
                "run/podman/podman.sock", "run/crio/crio.sock", NULL };
        struct stat st;
        unsigned count = 0;
        bool open = false;
        for (size_t i = 0; sockets[i]; i++) {
                if (look_stat(look, finding, sockets[i], 0, &st) < 0)
                        continue;
                count++;
                if (st.st_mode & S_IWOTH) {
                        open = true;
                        finding_show(finding, REPORT_CRITICAL, "/%s (mode %04o)", sockets[i], st.st_mode & 07777);
                } else if (st.st_mode & S_IWGRP) {
                        show_members(look, finding, st.st_gid);
                }
        }
        if (open)
                finding_say(finding, REPORT_CRITICAL, "Everybody may command the container engine, and so become root");
        else if (finding->evidence_count)
                finding_say(finding, REPORT_INFO, "Some users may command the container engine, and so become root");
        else if (count == 0)
                finding_absent(finding);
}

const struct report_check report_container_checks[] = {
        { "container-isolation", AREA_CONTAINERS, check_privileged, "Containers are kept apart from the host",
                "tarsier ps --container any", false },
        { "engine-socket", AREA_CONTAINERS, check_engine_socket, "Only root commands the container engine",
                "tarsier stat /run/docker.sock", false },
        { 0 },
};
