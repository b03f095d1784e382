/* The naming schemes below were read off the engines: Docker (daemon/oci_linux.go), containerd's CRI plugin, CRI-O
 * (internal/config/cgmgr), podman (libpod/container_internal_linux.go), LXC (cgroups/cgfsng.c), systemd-nspawn and
 * machined (systemd.resource-control(5), org.freedesktop.machine1(5)). */
#include "linux/container.h"

#include <ctype.h>

enum { ID_DIGITS = 64 };

const char *container_engine_name(enum container_engine engine)
{
        static const char *const names[CONTAINER_ENGINES] = { [CONTAINER_NONE] = "",
                [CONTAINER_DOCKER] = "docker",
                [CONTAINER_CONTAINERD] = "containerd",
                [CONTAINER_PODMAN] = "podman",
                [CONTAINER_CRIO] = "cri-o",
                [CONTAINER_NSPAWN] = "systemd-nspawn",
                [CONTAINER_LXC] = "lxc",
                [CONTAINER_KUBERNETES] = "kubernetes",
                [CONTAINER_BUILDAH] = "buildah",
                [CONTAINER_GARDEN] = "garden",
                [CONTAINER_TARSIER] = "tarsier",
                [CONTAINER_OCI] = "oci" };
        return (unsigned)engine < CONTAINER_ENGINES ? names[engine] : "";
}

static bool is_hex(struct sv text, size_t least)
{
        for (size_t i = 0; i < text.n; i++)
                if (!isxdigit((unsigned char)text.p[i]))
                        return false;
        return text.n >= least && text.n <= ID_DIGITS;
}

static bool is_id(struct sv text)
{
        return is_hex(text, ID_DIGITS);
}

static void copy(char *ret, size_t size, struct sv text)
{
        size_t n = text.n < size ? text.n : size - 1;
        memcpy(ret, text.p, n);
        ret[n] = '\0';
}

/* Undoes systemd's escapes ("\x2d" is "-"). */
static void copy_unescaped(char *ret, size_t size, struct sv text)
{
        size_t n = 0;
        for (size_t i = 0; i < text.n && n + 1 < size; i++) {
                uint64_t byte;
                if (text.n - i > 3 && text.p[i] == '\\' && text.p[i + 1] == 'x' &&
                        sv_parse_u64(sv_n(text.p + i + 2, 2), 16, &byte) && byte) {
                        ret[n++] = (char)byte;
                        i += 3;
                } else {
                        ret[n++] = text.p[i];
                }
        }
        ret[n] = '\0';
}

static bool strip(struct sv *text, struct sv prefix, struct sv suffix)
{
        if (text->n <= prefix.n + suffix.n || !sv_starts(*text, prefix) || !sv_ends(*text, suffix))
                return false;
        *text = sv_n(text->p + prefix.n, text->n - prefix.n - suffix.n);
        return true;
}

/* What one component of a path says by its own name. */
struct finding {
        enum container_engine engine;
        struct sv id;
        bool helper;
        bool escaped;
};

struct scheme {
        struct sv prefix;
        enum container_engine engine;
        size_t least_digits; /* the rest must be hexadecimal with so many digits at least; 0: any name */
        bool helper;
};

#define PREFIX(text)                                                                                                   \
        {                                                                                                              \
                (text), sizeof(text) - 1                                                                               \
        }

/* "PREFIX" and an id, as a scope of systemd or a plain group. Longer prefixes stand before those they begin with. */
static const struct scheme schemes[] = {
        { PREFIX("docker-"), CONTAINER_DOCKER, ID_DIGITS, false },
        { PREFIX("cri-containerd-"), CONTAINER_CONTAINERD, 12, false },
        { PREFIX("cri-containerd:"), CONTAINER_CONTAINERD, 12, false },
        { PREFIX("nerdctl-"), CONTAINER_CONTAINERD, ID_DIGITS, false },
        { PREFIX("containerd-"), CONTAINER_CONTAINERD, ID_DIGITS, false },
        { PREFIX("runc-"), CONTAINER_OCI, ID_DIGITS, false },
        { PREFIX("crun-"), CONTAINER_OCI, ID_DIGITS, false },
        { PREFIX("crio-conmon-"), CONTAINER_CRIO, ID_DIGITS, true },
        { PREFIX("crio-"), CONTAINER_CRIO, ID_DIGITS, false },
        { PREFIX("crio:"), CONTAINER_CRIO, ID_DIGITS, false },
        { PREFIX("libpod-conmon-"), CONTAINER_PODMAN, ID_DIGITS, true },
        { PREFIX("libpod-payload-"), CONTAINER_PODMAN, ID_DIGITS, false },
        { PREFIX("libpod-"), CONTAINER_PODMAN, ID_DIGITS, false },
        { PREFIX("conmon-"), CONTAINER_PODMAN, ID_DIGITS, true },
        { PREFIX("buildah-"), CONTAINER_BUILDAH, 0, false },
        { PREFIX("tarsier-"), CONTAINER_TARSIER, 12, false },
        { PREFIX("lxc.payload."), CONTAINER_LXC, 0, false },
        { PREFIX("lxc.monitor."), CONTAINER_LXC, 0, true },
};

static bool find_scheme(struct sv component, struct finding *ret)
{
        for (size_t i = 0; i < sizeof(schemes) / sizeof(*schemes); i++) {
                struct sv id = component;
                if (!strip(&id, schemes[i].prefix, SV(".scope")) && !strip(&id, schemes[i].prefix, SV("")))
                        continue;
                if (schemes[i].least_digits && !is_hex(id, schemes[i].least_digits))
                        continue;
                *ret = (struct finding){ schemes[i].engine, id, schemes[i].helper, false };
                return true;
        }
        return false;
}

/* Units of machined and nspawn. A virtual machine registers in the same way: its name begins with "qemu-". */
static bool find_machine(struct sv component, struct finding *ret)
{
        struct sv name = component;
        if (strip(&name, SV("systemd-nspawn@"), SV(".service"))) {
                *ret = (struct finding){ CONTAINER_NSPAWN, name, false, true };
                return true;
        }
        if (!strip(&name, SV("machine-"), SV(".scope")) || sv_starts(name, SV("qemu")))
                return false;
        bool libvirt = strip(&name, SV("lxc\\x2d"), SV(""));
        *ret = (struct finding){ libvirt ? CONTAINER_LXC : CONTAINER_NSPAWN, name, false, true };
        return true;
}

/* "/ecs/TASK/TASK-NUMBER" as ECS names them where it is no cluster of Docker engines: 32 digits and a number. */
static bool is_task_container(struct sv component)
{
        uint64_t number;
        return component.n > 33 && component.p[32] == '-' && is_hex(sv_n(component.p, 32), 32) &&
               sv_parse_u64(sv_n(component.p + 33, component.n - 33), 10, &number);
}

/* A parent group that gives its child a meaning: "/docker/ID". */
static bool find_child(struct sv parent, struct sv component, bool in_pod, struct finding *ret)
{
        static const struct {
                struct sv parent;
                enum container_engine engine;
                size_t least_digits;
                bool helper;
        } rows[] = {
                { PREFIX("docker"), CONTAINER_DOCKER, ID_DIGITS, false },
                { PREFIX("libpod_parent"), CONTAINER_PODMAN, ID_DIGITS, false },
                { PREFIX("lxc"), CONTAINER_LXC, 0, false },
                { PREFIX("lxc.payload"), CONTAINER_LXC, 0, false },
                { PREFIX("lxc.monitor"), CONTAINER_LXC, 0, true },
                { PREFIX("garden"), CONTAINER_GARDEN, 0, false },
                { PREFIX("tarsier"), CONTAINER_TARSIER, 12, false },
        };
        for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
                if (!sv_eq(parent, rows[i].parent) || component.n == 0)
                        continue;
                if (rows[i].least_digits && !is_hex(component, rows[i].least_digits))
                        continue;
                *ret = (struct finding){ rows[i].engine, component, rows[i].helper, false };
                return true;
        }
        if (!is_id(component) && !is_task_container(component))
                return false;
        *ret = (struct finding){ in_pod ? CONTAINER_KUBERNETES : CONTAINER_OCI, component, false, false };
        return true;
}

/* "pod8f3…" of the cgroupfs driver, "kubepods-burstable-pod8f3_….slice" of the systemd driver, podman's
 * "machine-libpod_pod_ID.slice". Fills pod; true for a pod of Kubernetes. */
static bool find_pod(struct sv component, struct container_identity *into)
{
        struct sv uid = component;
        struct sv podman = component;
        if ((strip(&podman, SV("machine-libpod_pod_"), SV(".slice")) ||
                    strip(&podman, SV("user-libpod_pod_"), SV(".slice"))) &&
                is_id(podman)) {
                copy(into->pod, sizeof(into->pod), podman);
                return false;
        }
        struct sv slice = component;
        if (sv_starts(slice, SV("kubelet-"))) /* --cgroup-root=/kubelet */
                slice = sv_n(slice.p + 8, slice.n - 8);
        if (sv_starts(slice, SV("kubepods")) && sv_ends(slice, SV(".slice"))) {
                uid.n -= sizeof(".slice") - 1;
                const char *at = memmem(uid.p, uid.n, "-pod", 4);
                if (!at)
                        return true;
                uid = sv_n(at + 4, uid.n - (size_t)(at + 4 - uid.p));
        } else if (!strip(&uid, SV("pod"), SV("")) || uid.n < 32) {
                return sv_eq(component, SV("kubepods"));
        }
        copy(into->pod, sizeof(into->pod), uid);
        for (char *c = into->pod; *c; c++)
                if (*c == '_') /* a dash would be a level of slices */
                        *c = '-';
        return true;
}

static bool is_unit(struct sv component)
{
        static const char *const suffixes[] = { ".service", ".scope", ".socket", ".mount", ".swap" };
        for (size_t i = 0; i < sizeof(suffixes) / sizeof(*suffixes); i++) {
                struct sv suffix = sv_of(suffixes[i]);
                if (component.n > suffix.n && sv_ends(component, suffix))
                        return true;
        }
        return false;
}

static void note_owner(struct sv component, struct sv prefix, struct sv suffix, struct container_identity *into)
{
        uint64_t uid;
        if (strip(&component, prefix, suffix) && sv_parse_u64(component, 10, &uid) && uid < UINT32_MAX)
                into->owner_uid = (uint32_t)uid;
}

/* Slices and units on the host's side: those down to and including the container's own scope. */
static void note_unit(struct sv component, struct container_identity *into)
{
        if (component.n > 6 && sv_ends(component, SV(".slice"))) {
                copy(into->slice, sizeof(into->slice), component);
                note_owner(component, SV("user-"), SV(".slice"), into);
        } else if (is_unit(component)) {
                bool of_user = sv_starts(sv_of(into->unit), SV("user@"));
                copy(of_user ? into->user_unit : into->unit, sizeof(into->unit), component);
                note_owner(component, SV("user@"), SV(".service"), into);
        }
}

static void note_container(const struct finding *finding, struct container_identity *into)
{
        if (into->engine != CONTAINER_NONE) {
                into->nested++;
                return;
        }
        into->engine = finding->engine;
        into->helper = finding->helper;
        if (finding->escaped)
                copy_unescaped(into->id, sizeof(into->id), finding->id);
        else
                copy(into->id, sizeof(into->id), finding->id);
}

bool container_identify_path(struct sv path, struct container_identity *ret)
{
        struct container_identity found = { .owner_uid = UINT32_MAX };
        struct sv parent = SV("");
        struct sv component;
        bool in_pod = false;
        path.n = strnlen(path.p, path.n); /* the identity is text */
        if (sv_ends(path, SV(" (deleted)")))
                path.n -= sizeof(" (deleted)") - 1;
        while (sv_split(&path, '/', &component)) {
                if (component.n == 0 || sv_eq(component, SV("..")))
                        continue; /* ".." leads out of a cgroup namespace */
                bool inside = found.engine != CONTAINER_NONE;
                if (!inside) {
                        note_unit(component, &found);
                        in_pod |= find_pod(component, &found);
                }
                /* the cgroupfs driver given systemd's notation: "kubepods-…-podX.slice:cri-containerd:ID" */
                struct sv name = component;
                size_t colon = sv_find(component, ':');
                if (colon < component.n && sv_ends(sv_n(component.p, colon), SV(".slice"))) {
                        if (!inside)
                                in_pod |= find_pod(sv_n(component.p, colon), &found);
                        name = sv_n(component.p + colon + 1, component.n - colon - 1);
                }
                struct finding finding;
                if (find_scheme(name, &finding) || find_machine(name, &finding) ||
                        find_child(parent, name, in_pod, &finding))
                        note_container(&finding, &found);
                else if (inside && found.engine == CONTAINER_NSPAWN && sv_eq(component, SV("supervisor")))
                        found.helper = true;
                parent = component;
        }
        *ret = found;
        return found.engine != CONTAINER_NONE;
}

/* How much an identity says of the container: an engine by name beats an id of which only the place is known. */
static int weight(const struct container_identity *identity)
{
        if (identity->engine == CONTAINER_NONE)
                return 0;
        return identity->engine == CONTAINER_OCI ? 1 : identity->engine == CONTAINER_KUBERNETES ? 2 : 3;
}

bool container_identify(struct sv cgroup_text, struct container_identity *ret)
{
        struct container_identity best = { .owner_uid = UINT32_MAX };
        struct container_identity unit = { .owner_uid = UINT32_MAX };
        struct sv line;
        while (sv_line(&cgroup_text, &line)) {
                size_t first = sv_find(line, ':');
                if (first == line.n)
                        continue;
                struct sv rest = sv_n(line.p + first + 1, line.n - first - 1);
                size_t second = sv_find(rest, ':');
                if (second == rest.n)
                        continue;
                struct container_identity one;
                container_identify_path(sv_n(rest.p + second + 1, rest.n - second - 1), &one);
                if (weight(&one) > weight(&best))
                        best = one;
                bool better = one.unit[0] || (one.slice[0] && !unit.slice[0]);
                if (better && !unit.unit[0])
                        unit = one;
        }
        /* with v1 the container may be told by one hierarchy and the unit by that of systemd only */
        if (!best.unit[0] && !best.slice[0]) {
                memcpy(best.unit, unit.unit, sizeof(best.unit));
                memcpy(best.slice, unit.slice, sizeof(best.slice));
                memcpy(best.user_unit, unit.user_unit, sizeof(best.user_unit));
                best.owner_uid = unit.owner_uid;
        }
        *ret = best;
        return best.engine != CONTAINER_NONE;
}
