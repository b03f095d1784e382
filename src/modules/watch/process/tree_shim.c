/* Programs that start and keep containers, and what their arguments tell of the container:
 *      containerd-shim-runc-v2 -namespace moby -id ID -address …      (containerd, runtime/v2/README.md)
 *      conmon --api-version 1 -c ID -u ID -r /usr/bin/crun … -n NAME  (conmon.8)
 *      runc … create --bundle … ID; runc init                         (runc.8, libcontainer's re-execution of itself)
 *      systemd-nspawn --machine=NAME, -D DIRECTORY                    (systemd-nspawn.1)
 *      lxc-start -n NAME; the title "[lxc monitor] PATH NAME"         (lxc-start.1)
 * Pure: bytes in, a verdict out. */
#include "modules/watch/process/tree_internal.h"

enum { ARGUMENTS_LOOKED_AT = 64 };

struct arguments {
        struct sv items[ARGUMENTS_LOOKED_AT];
        size_t count;
        struct sv last;
};

static void split(struct sv argv, struct arguments *ret)
{
        ret->count = 0;
        ret->last = SV("");
        while (argv.n) {
                struct sv one;
                if (!sv_split(&argv, '\0', &one))
                        break;
                if (ret->count < ARGUMENTS_LOOKED_AT)
                        ret->items[ret->count++] = one;
                if (one.n)
                        ret->last = one;
        }
}

/* "-id X", "--id X", "-id=X", "--id=X". */
static struct sv option(const struct arguments *arguments, struct sv name)
{
        for (size_t i = 1; i < arguments->count; i++) {
                struct sv one = arguments->items[i];
                if (one.n < 2 || one.p[0] != '-')
                        continue;
                size_t dashes = one.p[1] == '-' ? 2 : 1;
                one = sv_n(one.p + dashes, one.n - dashes);
                if (sv_eq(one, name) && i + 1 < arguments->count)
                        return arguments->items[i + 1];
                if (one.n > name.n && one.p[name.n] == '=' && sv_starts(one, name))
                        return sv_n(one.p + name.n + 1, one.n - name.n - 1);
        }
        return SV("");
}

static struct sv base_of(struct sv path)
{
        if (sv_ends(path, SV(" (deleted)")))
                path.n -= sizeof(" (deleted)") - 1;
        const char *slash = path.n ? memrchr(path.p, '/', path.n) : NULL;
        return slash ? sv_n(slash + 1, path.n - (size_t)(slash + 1 - path.p)) : path;
}

static bool is_id(struct sv id)
{
        for (size_t i = 0; i < id.n; i++)
                if (!((id.p[i] >= '0' && id.p[i] <= '9') || (id.p[i] >= 'a' && id.p[i] <= 'f')))
                        return false;
        return id.n == 64;
}

static void containerd_shim(const struct arguments *arguments, struct shim *ret)
{
        struct sv name_space = option(arguments, SV("namespace"));
        ret->engine = sv_eq(name_space, SV("moby")) ? CONTAINER_DOCKER : CONTAINER_CONTAINERD;
        ret->id = option(arguments, SV("id"));
        if (!ret->id.n) /* shims of containerd 1.1 and before */
                ret->id = base_of(option(arguments, SV("workdir")));
        if (!ret->id.n && arguments->count > 1 && is_id(arguments->items[1]))
                ret->id = arguments->items[1];
}

static void conmon(const struct arguments *arguments, struct shim *ret)
{
        ret->id = option(arguments, SV("c"));
        if (!ret->id.n)
                ret->id = option(arguments, SV("cid"));
        struct sv name = option(arguments, SV("n"));
        struct sv command = base_of(option(arguments, SV("exit-command")));
        struct sv exits = option(arguments, SV("exit-dir"));
        bool crio = sv_starts(name, SV("k8s_")) || (exits.n && memmem(exits.p, exits.n, "/crio", 5));
        ret->engine = crio && !sv_eq(command, SV("podman")) ? CONTAINER_CRIO : CONTAINER_PODMAN;
}

static void nspawn(const struct arguments *arguments, struct shim *ret)
{
        ret->engine = CONTAINER_NSPAWN;
        ret->id = option(arguments, SV("machine"));
        if (!ret->id.n)
                ret->id = option(arguments, SV("M"));
        struct sv directory = option(arguments, SV("directory"));
        /* short options may stand together, the last with the value: -bD DIRECTORY, -qM NAME */
        for (size_t i = 1; i + 1 < arguments->count && !ret->id.n; i++) {
                struct sv one = arguments->items[i];
                if (one.n < 2 || one.p[0] != '-' || one.p[1] == '-')
                        continue;
                if (one.p[one.n - 1] == 'M')
                        ret->id = arguments->items[i + 1];
                else if (one.p[one.n - 1] == 'D')
                        directory = arguments->items[i + 1];
        }
        if (ret->id.n)
                return;
        while (directory.n > 1 && directory.p[directory.n - 1] == '/')
                directory.n--;
        ret->id = base_of(directory);
}

static void lxc(const struct arguments *arguments, struct shim *ret)
{
        ret->engine = CONTAINER_LXC;
        ret->id = option(arguments, SV("n"));
        if (!ret->id.n)
                ret->id = option(arguments, SV("name"));
}

static void runtime(const struct arguments *arguments, struct shim *ret)
{
        for (size_t i = 1; i < arguments->count; i++) {
                struct sv command = arguments->items[i];
                if (sv_eq(command, SV("init")) && i == 1) {
                        ret->role = ROLE_INIT;
                        return;
                }
                bool makes = sv_eq(command, SV("create")) || sv_eq(command, SV("run")) || sv_eq(command, SV("restore"));
                if (!makes && !sv_eq(command, SV("exec")))
                        continue;
                /* the last argument of exec may be one of its command's */
                if ((makes && arguments->last.p != command.p && arguments->last.p[0] != '-') || is_id(arguments->last))
                        ret->id = arguments->last;
                return;
        }
}

static bool by_name(struct sv name, const struct arguments *arguments, struct shim *ret)
{
        static const struct {
                struct sv name;
                enum tree_role role;
                enum container_engine engine;
                void (*look)(const struct arguments *arguments, struct shim *ret);
        } programs[] = {
                { { "conmon", 6 }, ROLE_SHIM, CONTAINER_PODMAN, conmon },
                { { "crio-conmon", 11 }, ROLE_SHIM, CONTAINER_CRIO, conmon },
                { { "systemd-nspawn", 14 }, ROLE_SHIM, CONTAINER_NSPAWN, nspawn },
                { { "lxc-start", 9 }, ROLE_SHIM, CONTAINER_LXC, lxc },
                { { "lxc-execute", 11 }, ROLE_SHIM, CONTAINER_LXC, lxc },
                { { "runc", 4 }, ROLE_RUNTIME, CONTAINER_OCI, runtime },
                { { "docker-runc", 11 }, ROLE_RUNTIME, CONTAINER_DOCKER, runtime },
                { { "crun", 4 }, ROLE_RUNTIME, CONTAINER_OCI, runtime },
                { { "youki", 5 }, ROLE_RUNTIME, CONTAINER_OCI, runtime },
                { { "runsc", 5 }, ROLE_RUNTIME, CONTAINER_OCI, runtime },
                { { "tarsier-oci", 11 }, ROLE_RUNTIME, CONTAINER_TARSIER, runtime },
        };
        for (size_t i = 0; i < sizeof(programs) / sizeof(*programs); i++) {
                if (!sv_eq(name, programs[i].name))
                        continue;
                ret->role = programs[i].role;
                ret->engine = programs[i].engine;
                programs[i].look(arguments, ret);
                return true;
        }
        if (!sv_starts(name, SV("containerd-shim")) && !sv_starts(name, SV("docker-containerd-shim")))
                return false;
        ret->role = ROLE_SHIM;
        containerd_shim(arguments, ret);
        return true;
}

/* Most programs are none of these: told by the first letter of their name before anything is taken apart. */
static bool may_be(struct sv name)
{
        return name.n > 3 && memchr("cdslryti[", name.p[0], 9);
}

void tree_recognise_shim(struct sv exe, struct sv comm, struct sv argv, struct shim *ret)
{
        *ret = (struct shim){ .id = SV("") };
        struct sv first = sv_n(argv.p, argv.n ? strnlen(argv.p, argv.n) : 0);
        struct sv names[] = { base_of(exe), base_of(first), comm };
        bool cloned = sv_starts(exe, SV("/memfd:runc_cloned")); /* runc runs a sealed copy of itself (CVE-2019-5736) */
        if (!cloned && !may_be(names[0]) && !may_be(names[1]) && !may_be(names[2]) && !may_be(first))
                return;
        struct arguments arguments;
        split(argv, &arguments);
        if (cloned)
                names[0] = SV("runc");
        for (size_t i = 0; i < 3; i++)
                if (by_name(names[i], &arguments, ret))
                        return;
        if (sv_starts(comm, SV("runc:["))) {
                ret->role = ROLE_INIT;
        } else if (sv_starts(first, SV("[lxc monitor] "))) {
                const char *space = memrchr(first.p, ' ', first.n);
                *ret = (struct shim){ ROLE_SHIM, CONTAINER_LXC,
                        sv_n(space + 1, first.n - (size_t)(space + 1 - first.p)) };
        } else if (arguments.count > 2 && sv_eq(arguments.items[1], SV("forkstart")) &&
                   (sv_eq(names[0], SV("lxd")) || sv_eq(names[0], SV("incusd")))) {
                *ret = (struct shim){ ROLE_SHIM, CONTAINER_LXC, arguments.items[2] };
        }
}
