/* The Landlock layer. Debian 12's headers know its second ABI; the kernel may know more, so the newer bits stand here
 * (include/uapi/linux/landlock.h of Linux 6.12) and are used as far as the running kernel has them. */
#include "module/sandbox_internal.h"

#include "base/cleanup.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define ACCESS_FS_TRUNCATE (UINT64_C(1) << 14)  /* ABI 3 */
#define ACCESS_FS_IOCTL_DEV (UINT64_C(1) << 15) /* ABI 5 */
#define ACCESS_NET_BIND_TCP (UINT64_C(1) << 0)  /* ABI 4 */
#define ACCESS_NET_CONNECT_TCP (UINT64_C(1) << 1)
#define SCOPE_ABSTRACT_UNIX_SOCKET (UINT64_C(1) << 0) /* ABI 6 */
#define SCOPE_SIGNAL (UINT64_C(1) << 1)

#define ACCESS_READ (UINT64_C(0) | LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define ACCESS_WRITE                                                                                                   \
        (LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |              \
                LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |             \
                LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK |          \
                LANDLOCK_ACCESS_FS_MAKE_SYM | LANDLOCK_ACCESS_FS_REFER | ACCESS_FS_TRUNCATE)
/* What a rule may say of something that is no directory; more is EINVAL. */
#define ACCESS_FILE                                                                                                    \
        (LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE |                   \
                ACCESS_FS_TRUNCATE | ACCESS_FS_IOCTL_DEV)

struct ruleset_attr {
        uint64_t handled_access_fs;
        uint64_t handled_access_net; /* ABI 4 */
        uint64_t scoped;             /* ABI 6 */
};

static size_t attr_size(int abi)
{
        return abi >= 6 ? sizeof(struct ruleset_attr) : abi >= 4 ? 16 : 8;
}

static uint64_t known_access(int abi)
{
        uint64_t known = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1;
        if (abi >= 2)
                known |= LANDLOCK_ACCESS_FS_REFER;
        if (abi >= 3)
                known |= ACCESS_FS_TRUNCATE;
        if (abi >= 5)
                known |= ACCESS_FS_IOCTL_DEV;
        return known;
}

static struct ruleset_attr handled(const struct sandbox *sandbox, int abi)
{
        struct ruleset_attr attr = { .handled_access_fs = ACCESS_WRITE | ACCESS_FS_IOCTL_DEV };
        if (!sandbox->read_all)
                attr.handled_access_fs |= ACCESS_READ;
        if (!sandbox->exec)
                attr.handled_access_fs |= LANDLOCK_ACCESS_FS_EXECUTE;
        attr.handled_access_fs &= known_access(abi);
        if (!sandbox->network)
                attr.handled_access_net = ACCESS_NET_BIND_TCP | ACCESS_NET_CONNECT_TCP;
        if (!sandbox->unix_sockets)
                attr.scoped |= SCOPE_ABSTRACT_UNIX_SOCKET;
        if (!sandbox->signals)
                attr.scoped |= SCOPE_SIGNAL;
        return attr;
}

static int allow_paths(
        int ruleset, const char *const *paths, uint64_t access, struct sandbox_report *report, struct error *err)
{
        for (; paths && *paths; paths++) {
                cleanup(fd_close) int fd = open(*paths, O_PATH | O_CLOEXEC);
                if (fd < 0 && (errno == ENOENT || errno == ENOTDIR || errno == EACCES)) {
                        report->paths_absent++;
                        continue;
                }
                struct stat st;
                if (fd < 0 || fstat(fd, &st) < 0)
                        return fail_errno(err, "sandbox: %s", *paths);
                struct landlock_path_beneath_attr rule = { access & (S_ISDIR(st.st_mode) ? ~UINT64_C(0) : ACCESS_FILE),
                        fd };
                if (rule.allowed_access &&
                        syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0)
                        return fail_errno(err, "sandbox: landlock rule for %s", *paths);
        }
        return 0;
}

static void report_age(int abi, struct sandbox_report *report)
{
        if (abi < 3)
                sandbox_miss(report, "landlock %d does not control truncate", abi);
        if (abi < 4)
                sandbox_miss(report, "landlock %d does not control TCP", abi);
        if (abi < 6)
                sandbox_miss(report, "landlock %d does not control signals and abstract sockets", abi);
}

int sandbox_restrict_paths(const struct sandbox *sandbox, struct sandbox_report *report, struct error *err)
{
        int abi = (int)syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
        report->landlock_abi = abi > 0 ? abi : 0;
        if (!sandbox_uses_landlock(sandbox)) {
                sandbox_miss(report, "landlock: left out, it would refuse %s",
                        sandbox->mounts ? "mounts" : "other processes' /proc files");
                return 0;
        }
        if (abi <= 0) { /* ENOSYS, or EOPNOTSUPP when switched off at boot */
                sandbox_miss(report, "landlock: %s", errno_text(errno));
                return 0;
        }
        report_age(abi, report);

        struct ruleset_attr attr = handled(sandbox, abi);
        cleanup(fd_close) int ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, attr_size(abi), 0);
        if (ruleset < 0)
                return fail_errno(err, "sandbox: landlock ruleset");
        uint64_t all = attr.handled_access_fs;
        if (allow_paths(ruleset, sandbox->read_paths, ACCESS_READ & all, report, err) < 0 ||
                allow_paths(ruleset, sandbox->write_paths, (ACCESS_READ | ACCESS_WRITE) & all, report, err) < 0)
                return -1;
        if (syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
                return fail_errno(err, "sandbox: landlock");
        report->active[SANDBOX_LANDLOCK] = true;
        return 0;
}
