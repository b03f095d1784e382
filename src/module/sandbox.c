#include "module/sandbox.h"

#include "module/sandbox_internal.h"

#include <errno.h>
#include <stdarg.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#if SANDBOX_SANITIZED
/* The leak check at exit traces the process from a helper process of its own, which no sandbox allows. */
static bool locked;
int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void)
{
        return locked;
}
#endif

void sandbox_miss(struct sandbox_report *report, const char *format, ...)
{
        size_t used = strnlen(report->missing, sizeof(report->missing));
        if (used && used + 3 < sizeof(report->missing)) {
                memcpy(report->missing + used, "; ", 3);
                used += 2;
        }
        va_list args;
        va_start(args, format);
        vsnprintf(report->missing + used, sizeof(report->missing) - used, format, args);
        va_end(args);
}

const char *sandbox_layer_name(enum sandbox_layer layer)
{
        static const char *const names[] = {
                [SANDBOX_NO_NEW_PRIVS] = "no_new_privs",
                [SANDBOX_CAPABILITIES] = "capabilities",
                [SANDBOX_LANDLOCK] = "landlock",
                [SANDBOX_LIMITS] = "limits",
                [SANDBOX_SECCOMP] = "seccomp",
        };
        return layer < SANDBOX_LAYERS ? names[layer] : "unknown";
}

/* Lowers one limit; never above what is inherited. */
static int lower(int resource, uint64_t value, const char *name, struct error *err)
{
        struct rlimit64 limit;
        if (prlimit64(0, resource, NULL, &limit) < 0)
                return fail_errno(err, "sandbox: limit of %s", name);
        if (value < limit.rlim_max)
                limit.rlim_max = value;
        if (limit.rlim_cur > limit.rlim_max || value < limit.rlim_cur)
                limit.rlim_cur = limit.rlim_max;
        if (prlimit64(0, resource, &limit, NULL) < 0)
                return fail_errno(err, "sandbox: limit of %s", name);
        return 0;
}

static int apply_limits(const struct sandbox *sandbox, struct sandbox_report *report, struct error *err)
{
        const struct sandbox_limits *limits = &sandbox->limits;
        if (lower(RLIMIT_CORE, 0, "core files", err) < 0)
                return -1;
        if (limits->data && SANDBOX_SANITIZED) /* the sanitizer's shadow memory counts as data */
                sandbox_miss(report, "limit of data: left out under AddressSanitizer");
        else if (limits->data && lower(RLIMIT_DATA, limits->data, "data", err) < 0)
                return -1;
        if (limits->file_size && lower(RLIMIT_FSIZE, limits->file_size, "file size", err) < 0)
                return -1;
        if (limits->files && lower(RLIMIT_NOFILE, limits->files, "open files", err) < 0)
                return -1;
        if (limits->processes && lower(RLIMIT_NPROC, limits->processes, "processes", err) < 0)
                return -1;
        report->active[SANDBOX_LIMITS] = true;
        return 0;
}

/* By system call: libcap-ng's capng_apply reads /proc first and costs 0.2 ms of the 1 ms a start may take. */
static int drop_capabilities(const struct sandbox *sandbox, struct sandbox_report *report, struct error *err)
{
        struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
        struct __user_cap_data_struct sets[2] = { 0 };
        if (syscall(SYS_capget, &header, sets) < 0)
                return fail_errno(err, "sandbox: reading capabilities");
        uint64_t permitted = sets[0].permitted | (uint64_t)sets[1].permitted << 32;
        uint64_t keep = permitted & sandbox->capabilities;
        if (sandbox->capabilities & ~permitted)
                sandbox_miss(report, "capabilities: the process lacks 0x%llx of what is declared",
                        (unsigned long long)(sandbox->capabilities & ~permitted));

        for (int capability = 0; capability < 64; capability++) {
                if (sandbox->capabilities & CAP_BIT(capability))
                        continue;
                if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0)
                        continue;
                if (errno == EINVAL) /* past the last one this kernel knows */
                        break;
                if (errno != EPERM || permitted)
                        return fail_errno(err, "sandbox: capability bounding set");
                break; /* without any capability, no_new_privs alone keeps it so */
        }
        prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
        sets[0] = (struct __user_cap_data_struct){ (uint32_t)keep, (uint32_t)keep, 0 };
        sets[1] = (struct __user_cap_data_struct){ (uint32_t)(keep >> 32), (uint32_t)(keep >> 32), 0 };
        if (syscall(SYS_capset, &header, sets) < 0)
                return fail_errno(err, "sandbox: capabilities");
        report->capabilities = keep;
        report->active[SANDBOX_CAPABILITIES] = true;
        return 0;
}

/* A directory has a link from itself, its name, and each subdirectory: one thread is 3. */
static bool single_threaded(void)
{
        struct stat st;
        return stat("/proc/self/task", &st) < 0 || st.st_nlink <= 3;
}

int sandbox_apply(const struct sandbox *sandbox, struct sandbox_report *ret_report, struct error *err)
{
        struct sandbox_report report = { 0 };
        if (!single_threaded())
                return fail(err, E_INVALID, "sandbox: other threads run already");
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                return fail_errno(err, "sandbox: no_new_privs");
        report.active[SANDBOX_NO_NEW_PRIVS] = true;

        /* Paths first: opening them may need a capability that goes. The filter last: it refuses all that is above. */
        if (sandbox_restrict_paths(sandbox, &report, err) < 0 || apply_limits(sandbox, &report, err) < 0 ||
                drop_capabilities(sandbox, &report, err) < 0 || sandbox_load_filter(sandbox, &report, err) < 0)
                return -1;
#if SANDBOX_SANITIZED
        locked = true;
#endif
        if (ret_report)
                *ret_report = report;
        return 0;
}

int sandbox_narrow_paths(const char *const *read_paths, struct error *err)
{
        struct sandbox_report report = { 0 };
        /* the rest was settled by the first layer, or is none of this one's: layers can only take away (landlock(7)) */
        struct sandbox sandbox = { .network = true, .unix_sockets = true, .signals = true, .read_paths = read_paths };
        if (!single_threaded())
                return fail(err, E_INVALID, "sandbox: other threads run already");
        return sandbox_restrict_paths(&sandbox, &report, err);
}
