/* Did anything run in a group? One system call, where a sample takes dozens. */
#include "base/cleanup.h"
#include "linux/cgroup_stats_internal.h"

#include <fcntl.h>
#include <limits.h>

enum { PROBE_TEXT = 1024 }; /* cpu.stat of v2 has 300 bytes */

static int open_file(int root, const struct cgroup_hierarchy *hierarchy, const char *path, const char *name)
{
        char full[PATH_MAX];
        if (!hierarchy)
                return -1;
        int length = snprintf(full, sizeof(full), ".%s%s/%s", hierarchy->mount_point, path, name);
        if (length < 0 || (size_t)length >= sizeof(full))
                return -1;
        return openat(root, full, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
}

int cgroup_probe_open(
        int root, const struct cgroup_mounts *mounts, const char *path, struct cgroup_probe *ret, struct error *err)
{
        struct cgroup_probe probe = { .fd = -1 };
        if (!cgroup_path_is_plain(path))
                return fail(err, E_INVALID, "control group \"%s\": no absolute path", path);
        probe.fd = open_file(root, cgroup_mounts_find(mounts, "cpuacct"), path, "cpuacct.usage");
        if (probe.fd < 0) {
                probe.unified = true;
                probe.fd = open_file(root, cgroup_mounts_find(mounts, ""), path, "cpu.stat");
        }
        if (probe.fd < 0)
                return fail(err, E_NOT_FOUND, "control group %s: no file that tells its CPU time", path);
        *ret = probe;
        return 0;
}

void cgroup_probe_close(struct cgroup_probe *probe)
{
        fd_close(&probe->fd);
}

int cgroup_probe_read(const struct cgroup_probe *probe, uint64_t *ret_total_ns, struct error *err)
{
        char text[PROBE_TEXT];
        struct cgroup_cpu cpu = { 0 };
        size_t refused = 0;
        ssize_t n = pread(probe->fd, text, sizeof(text), 0);
        if (n < 0 && errno == ENODEV)
                return fail(err, E_NOT_FOUND, "the control group is gone");
        if (n < 0)
                return fail_errno(err, "CPU time of a control group");
        struct sv whole = sv_n(text, (size_t)n);
        if (probe->unified ? !cgroup_parse_cpu_stat_v2(whole, &cpu, &refused)
                           : !cgroup_parse_number(whole, &cpu.total_ns))
                return fail(err, E_CORRUPT, "CPU time of a control group: \"%.*s\"", (int)(n < 80 ? n : 80), text);
        *ret_total_ns = cpu.total_ns;
        return 0;
}
