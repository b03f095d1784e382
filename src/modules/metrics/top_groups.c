#include "modules/metrics/top_groups.h"

#include "base/map.h"
#include "base/path.h"
#include "base/vec.h"
#include "linux/container_state.h"

#include <fnmatch.h>
#include <limits.h>

enum { TEXTS_MAX = 16 << 20, ID_BEGIN_MIN = 4 };

struct known_group {
        struct top_group group;
        bool resolved;
};

struct top_groups {
        const struct registry *registry;
        struct container_places places;
        struct map numbers; /* by path: number as a pointer */
        VEC(struct known_group) known;
        struct arena texts;
        struct container_identity identity; /* large: not on the stack */
};

struct top_groups *top_groups_new(const struct registry *registry, int root, struct error *err)
{
        struct top_groups *groups = calloc(1, sizeof(*groups));
        if (!groups)
                return fail_errno_null(err, "groups");
        groups->registry = registry;
        groups->places.root = root;
        map_init(&groups->numbers, TOP_GROUPS_MAX);
        arena_init(&groups->texts, TEXTS_MAX);
        struct known_group *unknown = vec_add(&groups->known, TOP_GROUPS_MAX);
        if (!unknown) {
                top_groups_free(groups);
                return fail_null(err, E_NO_MEMORY, "groups");
        }
        *unknown = (struct known_group){ { "", "", "", "", "", "" }, true };
        return groups;
}

void top_groups_free(struct top_groups *groups)
{
        if (!groups)
                return;
        map_done(&groups->numbers);
        vec_done(&groups->known);
        arena_done(&groups->texts);
        free(groups);
}

size_t top_groups_count(const struct top_groups *groups)
{
        return groups->known.count - 1;
}

uint32_t top_groups_number(struct top_groups *groups, const char *path)
{
        void *number = map_get(&groups->numbers, sv_of(path));
        if (number)
                return (uint32_t)(uintptr_t)number;
        const char *text = arena_strdup(&groups->texts, path);
        uintptr_t next = groups->known.count;
        if (!text || !next || next >= TOP_GROUPS_MAX || map_put(&groups->numbers, sv_of(path), (void *)next) < 0)
                return 0;
        struct known_group *added = vec_add(&groups->known, TOP_GROUPS_MAX);
        if (!added) {
                map_remove(&groups->numbers, sv_of(path));
                return 0;
        }
        added->group = (struct top_group){ text, text, "", "", "", "" };
        return (uint32_t)next;
}

static const char *keep(struct top_groups *groups, const char *text)
{
        const char *kept = text && *text ? arena_strdup(&groups->texts, text) : NULL;
        return kept ? kept : "";
}

/* The outermost of those above it (itself too) that an engine made. */
static void resolve_by_registry(struct top_groups *groups, struct top_group *group)
{
        struct sv path = sv_of(group->path);
        const struct container *found = NULL;
        for (; path.n > 1; path = path_dir(path)) {
                const struct container *container = registry_find(groups->registry, path);
                if (container && container_ref(container)->id[0])
                        found = container;
        }
        if (!found)
                return;
        const struct container_ref *ref = container_ref(found);
        group->id = keep(groups, ref->id);
        group->engine = keep(groups, ref->name_space);
        group->container = ref->alias_count ? keep(groups, ref->aliases[0]) : group->id;
        group->owner = keep(groups, ref->name);
}

/* systemd's own units are no containers of a runtime without an engine. */
static bool is_nameless(struct sv path)
{
        return path.n > 1 && !sv_ends(path, SV(".service")) && !sv_ends(path, SV(".slice")) &&
               !sv_ends(path, SV(".socket"));
}

static void resolve_by_files(struct top_groups *groups, struct top_group *group)
{
        struct container_state state = { 0 };
        struct container_identity *identity = &groups->identity;
        struct arena arena;
        char text[PATH_MAX + 8];
        arena_init(&arena, CONTAINER_STATE_MEMORY);
        bool found = false;
        snprintf(text, sizeof(text), "0::%s\n", group->path);
        if (identity->engine != CONTAINER_NONE && identity->id[0]) {
                found = true;
                container_state_find(&groups->places, identity, 0, &arena, &state, NULL); /* else its id must do */
        } else if (is_nameless(sv_of(group->path))) {
                found = container_state_match(&groups->places, sv_of(text), &arena, identity, &state, NULL) == 0;
        }
        if (found) {
                group->id = keep(groups, state.id ? state.id : identity->id);
                group->engine = container_engine_name(state.engine != CONTAINER_NONE ? state.engine : identity->engine);
                group->container = state.name ? keep(groups, state.name) : group->id;
                group->owner = *group->id ? group->id : group->path;
        }
        arena_done(&arena);
}

const struct top_group *top_groups_at(struct top_groups *groups, uint32_t number)
{
        struct known_group *known = &groups->known.items[number < groups->known.count ? number : 0];
        if (known->resolved)
                return &known->group;
        known->resolved = true;
        groups->identity = (struct container_identity){ 0 };
        container_identify_path(sv_of(known->group.path), &groups->identity);
        known->group.unit = keep(groups, groups->identity.unit);
        if (groups->registry)
                resolve_by_registry(groups, &known->group);
        else
                resolve_by_files(groups, &known->group);
        return &known->group;
}

bool top_group_matches(const struct top_group *group, const char *word)
{
        size_t length = strlen(word);
        if (word[0] == '/')
                return path_within(
                        sv_of(group->path), sv_n(word, length > 1 && word[length - 1] == '/' ? length - 1 : length));
        if (strcmp(word, "none") == 0)
                return !*group->engine;
        if (!*group->engine)
                return false;
        if (strcmp(word, "any") == 0 || strcmp(word, group->engine) == 0 || fnmatch(word, group->container, 0) == 0)
                return true;
        return length >= ID_BEGIN_MIN && strncmp(word, group->id, length) == 0;
}
