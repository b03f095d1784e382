#include "linux/cgroup.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "linux/mounts.h"
#include "linux/process.h"

const char *cgroup_layout_name(enum cgroup_layout layout)
{
        static const char *const names[] = { "none", "v1", "v2", "hybrid" };
        return layout <= CGROUP_HYBRID ? names[layout] : "";
}

/* Of the super-block options of a v1 mount those that name controllers (cgroup_show_options in cgroup-v1.c). */
static bool is_controller(struct sv option)
{
        static const char *const others[] = { "rw", "ro", "xattr", "noprefix", "clone_children", "cpuset_v2_mode",
                "favordynmods", "seclabel" };
        for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
                if (sv_eq(option, sv_of(others[i])))
                        return false;
        return option.n && (sv_starts(option, SV("name=")) || sv_find(option, '=') == option.n);
}

static const char *controllers_of(const char *super_options, struct arena *arena)
{
        size_t size = strlen(super_options) + 1;
        char *list = arena_alloc(arena, size);
        struct sv rest = sv_of(super_options);
        struct sv option;
        size_t n = 0;
        while (list && sv_split(&rest, ',', &option)) {
                if (!is_controller(option))
                        continue;
                n += (size_t)snprintf(list + n, size - n, "%s%.*s", n ? "," : "", SV_ARG(option));
        }
        return list;
}

void cgroup_find_mounts(const struct mounts *mounts, struct arena *arena, struct cgroup_mounts *ret)
{
        struct cgroup_mounts found = { 0 };
        bool v1 = false;
        bool v2 = false;
        for (size_t i = 0; i < mounts->count; i++) {
                const struct mount *mount = &mounts->rows[i];
                bool unified = strcmp(mount->type, "cgroup2") == 0;
                if (!unified && strcmp(mount->type, "cgroup") != 0)
                        continue;
                const char *controllers = unified ? "" : controllers_of(mount->super_options, arena);
                if (found.count == CGROUP_HIERARCHIES_MAX || !controllers) {
                        found.refused++;
                        continue;
                }
                if (cgroup_mounts_find(&found, controllers))
                        continue; /* mounted a second time: the first is where programs look */
                found.hierarchies[found.count++] = (struct cgroup_hierarchy){ .unified = unified,
                        .controllers = controllers,
                        .mount_point = mount->point,
                        .mount_root = mount->root };
                *(unified ? &v2 : &v1) = true;
        }
        found.layout = v1 && v2 ? CGROUP_HYBRID : v2 ? CGROUP_V2 : v1 ? CGROUP_V1 : CGROUP_NONE;
        *ret = found;
}

int cgroup_read_mounts(int root, struct arena *arena, struct cgroup_mounts *ret, struct error *err)
{
        struct mounts mounts;
        if (mounts_read(root, "proc/self/mountinfo", arena, &mounts, err) < 0)
                return -1;
        cgroup_find_mounts(&mounts, arena, ret);
        return 0;
}

/* Is controller one of the comma-separated list, or both empty? */
static bool names_controller(const char *list, const char *controller)
{
        return *controller ? mount_has_option(list, controller) : *list == '\0';
}

const struct cgroup_hierarchy *cgroup_mounts_find(const struct cgroup_mounts *mounts, const char *controller)
{
        for (size_t i = 0; i < mounts->count; i++)
                if (names_controller(mounts->hierarchies[i].controllers, controller) ||
                        (*controller && strcmp(mounts->hierarchies[i].controllers, controller) == 0))
                        return &mounts->hierarchies[i];
        return NULL;
}

static bool parse_line(struct sv line, struct arena *arena, struct cgroup_membership *ret)
{
        size_t first = sv_find(line, ':');
        if (first == line.n)
                return false;
        struct sv rest = sv_n(line.p + first + 1, line.n - first - 1);
        uint64_t hierarchy;
        size_t second = sv_find(rest, ':');
        if (second == rest.n || !sv_parse_u64(sv_n(line.p, first), 10, &hierarchy) || hierarchy > UINT32_MAX)
                return false;
        struct sv path = sv_n(rest.p + second + 1, rest.n - second - 1);
        if (path.n == 0 || path.p[0] != '/')
                return false;
        struct cgroup_membership row = { .hierarchy = (uint32_t)hierarchy };
        if (sv_ends(path, SV(" (deleted)"))) {
                row.deleted = true;
                path.n -= sizeof(" (deleted)") - 1;
        }
        row.controllers = arena_strndup(arena, rest.p, second);
        row.path = arena_strndup(arena, path.p, path.n);
        *ret = row;
        return row.controllers && row.path;
}

int cgroup_parse(struct sv text, struct arena *arena, struct cgroup_memberships *ret, struct error *err)
{
        struct cgroup_memberships found = { 0 };
        size_t before = arena->refused;
        struct sv line;
        while (sv_line(&text, &line)) {
                if (found.count < CGROUP_HIERARCHIES_MAX && parse_line(line, arena, &found.rows[found.count]))
                        found.count++;
                else
                        found.refused++;
        }
        if (arena->refused != before)
                return fail(err, E_NO_MEMORY, "no memory for %zu control groups", found.count);
        *ret = found;
        return 0;
}

int cgroup_read(const struct process *process, struct arena *arena, struct cgroup_memberships *ret, struct error *err)
{
        cleanup(buf_done) struct buf buf;
        buf_init(&buf, CGROUP_TEXT_MAX);
        if (process_read_file(process, "cgroup", &buf, err) < 0)
                return -1;
        return cgroup_parse(sv_n(buf_text(&buf), buf.len), arena, ret, err);
}

const char *cgroup_path(const struct cgroup_memberships *memberships, const char *controller)
{
        for (size_t i = 0; i < memberships->count; i++)
                if (names_controller(memberships->rows[i].controllers, controller))
                        return memberships->rows[i].path;
        return NULL;
}
