#include "modules/watch/source/bpf/load.h"

#include "base/cleanup.h"
#include "modules/watch/source/bpf/calls.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <malloc.h>
#include <sys/syscall.h>

/* unsigned char watch_bpf_program[], made by the build from watch.bpf.c */
#include "watch_bpf_program.h"

enum { RING_MIN = 64 * 1024, RING_MAX = 1 << 30 };

static const struct hook {
        const char *program;
        const char *tracepoint; /* NULL: its section tells all (tp_btf) */
        bool optional;
        const char *instead_of; /* attached only when that one is not */
        bool of_calls;
} hooks[] = {
        { "watch_fork", NULL, false, NULL },
        { "watch_exec", NULL, false, NULL },
        { "watch_rename", NULL, false, NULL },
        { "watch_exit", "sched_process_exit", true, NULL },
        { "watch_exit_once", "sched_process_exit", false, "watch_exit" },
        { "watch_attach", NULL, false, NULL },
        { "watch_call", NULL, false, NULL, .of_calls = true },
        { "watch_oom", "mark_victim", true, NULL },
        { "watch_module_load", "module_load", true, NULL },
        { "watch_module_free", "module_free", true, NULL },
};
enum { HOOKS = sizeof(hooks) / sizeof(hooks[0]) };
_Static_assert((int)HOOKS <= (int)BPF_PROGRAMS_MAX, "a place for each");

/* The last warning of libbpf says what its errno does not: which structure or which hook. */
static char warning[256];

__attribute__((format(printf, 2, 0))) static int keep_warning(
        enum libbpf_print_level level, const char *format, va_list args)
{
        if (level != LIBBPF_WARN)
                return 0;
        char text[sizeof(warning)];
        vsnprintf(text, sizeof(text), format, args);
        /* the verifier's log is one warning of many lines, told about by those around it */
        if (strchr(text, '\n') == strrchr(text, '\n')) {
                text[strcspn(text, "\n")] = '\0';
                memcpy(warning, text, sizeof(warning));
        }
        return 0;
}

static int refused(struct error *err, const char *what)
{
        int number = errno;
        if (number == EPERM || number == EACCES)
                return fail(err, E_PERMISSION, "eBPF: %s: not permitted; it needs CAP_BPF and CAP_PERFMON, or root%s%s",
                        what, warning[0] ? ": " : "", warning);
        if (number == ENOMEM)
                return fail(err, E_NO_MEMORY, "eBPF: %s: no memory in the kernel", what);
        return fail(err, E_UNSUPPORTED, "eBPF: %s: %s%s%s", what, errno_text(number), warning[0] ? ": " : "", warning);
}

static uint64_t power_of_two(uint64_t size)
{
        uint64_t power = RING_MIN;
        while (power < size && power < RING_MAX)
                power *= 2;
        return power;
}

/* A descriptor that outlives the object. */
static int keep_fd(int fd, int *ret, struct error *err)
{
        *ret = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        return *ret < 0 ? fail_errno(err, "eBPF: a file descriptor") : 0;
}

static struct bpf_program *find_program(struct bpf_object *object, const char *name)
{
        return bpf_object__find_program_by_name(object, name);
}

static void note_absent(struct bpf_loaded *loaded, const char *name)
{
        size_t used = strlen(loaded->absent);
        snprintf(loaded->absent + used, sizeof(loaded->absent) - used, "%s%s", used ? ", " : "", name);
}

static bool attached(const bool *done, const char *program)
{
        for (int i = 0; i < HOOKS; i++)
                if (done[i] && strcmp(hooks[i].program, program) == 0)
                        return true;
        return false;
}

static int attach(struct bpf_object *object, bool calls, struct bpf_loaded *loaded, struct error *err)
{
        bool done[HOOKS] = { 0 };
        for (int i = 0; i < HOOKS; i++) {
                const struct hook *hook = &hooks[i];
                if ((hook->instead_of && attached(done, hook->instead_of)) || (hook->of_calls && !calls))
                        continue;
                int program = bpf_program__fd(find_program(object, hook->program));
                int link = bpf_raw_tracepoint_open(hook->tracepoint, program);
                if (link < 0) {
                        if (!hook->optional)
                                return refused(err, hook->program);
                        /* EINVAL: the tracepoint passes fewer arguments than the program reads */
                        if (errno != EINVAL)
                                note_absent(loaded, hook->tracepoint);
                        continue;
                }
                done[i] = true;
                loaded->links[loaded->count] = link;
                loaded->programs[loaded->count] = -1;
                loaded->count++;
                if (keep_fd(program, &loaded->programs[loaded->count - 1], err) < 0)
                        return -1;
        }
        return 0;
}

#if defined(__x86_64__)
#define COMPAT(i386, arm) (i386)
#else
#define COMPAT(i386, arm) (arm)
#endif

static void fill_calls(struct watch_bpf_options *options)
{
#define X(name, i386, arm, type_)                                                                                      \
        options->calls[0][SYS_##name] = options->calls[1][COMPAT(i386, arm)] =                                         \
                (struct watch_bpf_call){ .type = WATCH_BPF_##type_, .index = WATCH_BPF_CALL_##name };
        WATCH_BPF_CALLS(X)
#undef X
}

static int configure(struct bpf_object *object, uint64_t ring_size, bool legacy_cgroups, struct error *err)
{
        struct watch_bpf_options options = { .wake_at = ring_size / 4, .legacy_cgroups = legacy_cgroups };
        fill_calls(&options);
        struct bpf_map *map = bpf_object__find_map_by_name(object, "ring");
        struct bpf_map *constants = bpf_object__find_map_by_name(object, ".rodata");
        if (!map || !constants)
                return fail(err, E_FAILED, "eBPF: the program lacks its maps");
        if (bpf_map__set_max_entries(map, (uint32_t)ring_size) < 0)
                return refused(err, "the ring's size");
        if (bpf_map__set_initial_value(constants, &options, sizeof(options)) < 0)
                return refused(err, "the options");
        return 0;
}

static int load(struct bpf_object *object, uint64_t ring_size, bool legacy_cgroups, bool calls,
        struct bpf_loaded *loaded, struct error *err)
{
        for (int i = 0; i < HOOKS; i++)
                if (!find_program(object, hooks[i].program))
                        return fail(err, E_FAILED, "eBPF: the program lacks %s", hooks[i].program);
                else if (hooks[i].of_calls && !calls)
                        bpf_program__set_autoload(find_program(object, hooks[i].program), false);
        if (configure(object, ring_size, legacy_cgroups, err) < 0)
                return -1;
        if (bpf_object__load(object) < 0)
                return refused(err, "loading");
        int ring = bpf_object__find_map_fd_by_name(object, "ring");
        int shared = bpf_object__find_map_fd_by_name(object, ".bss");
        if (ring < 0 || shared < 0)
                return fail(err, E_FAILED, "eBPF: the program lacks its maps");
        if (keep_fd(ring, &loaded->ring, err) < 0 || keep_fd(shared, &loaded->shared, err) < 0)
                return -1;
        loaded->ring_size = ring_size;
        return attach(object, calls, loaded, err);
}

int bpf_load(uint64_t ring_size, bool legacy_cgroups, bool calls, struct bpf_loaded *ret, struct error *err)
{
        if (access("/sys/kernel/btf/vmlinux", R_OK) < 0)
                return fail(err, E_UNSUPPORTED,
                        "eBPF: the kernel does not tell its types (/sys/kernel/btf/vmlinux: %s)", errno_text(errno));
        libbpf_print_fn_t before = libbpf_set_print(keep_warning);
        warning[0] = '\0';
        LIBBPF_OPTS(bpf_object_open_opts, options, .object_name = "tarsier_watch");
        struct bpf_object *object = bpf_object__open_mem(watch_bpf_program, sizeof(watch_bpf_program), &options);
        struct bpf_loaded loaded = { .ring = -1, .shared = -1 };
        int failed = object ? load(object, power_of_two(ring_size), legacy_cgroups, calls, &loaded, err)
                            : refused(err, "the program");
        bpf_object__close(object);
        libbpf_set_print(before);
        malloc_trim(0); /* the kernel's types took 6 MiB for a moment */
        if (failed) {
                bpf_unload(&loaded);
                return -1;
        }
        *ret = loaded;
        return 0;
}

void bpf_unload(struct bpf_loaded *loaded)
{
        for (int i = 0; i < loaded->count; i++) {
                fd_close(&loaded->links[i]);
                fd_close(&loaded->programs[i]);
        }
        loaded->count = 0;
        fd_close(&loaded->ring);
        fd_close(&loaded->shared);
}

uint64_t bpf_read_missed(const struct bpf_loaded *loaded)
{
        uint64_t missed = 0;
        for (int i = 0; i < loaded->count; i++) {
                struct bpf_prog_info about = { 0 };
                uint32_t size = sizeof(about);
                if (bpf_obj_get_info_by_fd(loaded->programs[i], &about, &size) == 0)
                        missed += about.recursion_misses;
        }
        return missed;
}
