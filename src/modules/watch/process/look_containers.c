/* From cgroup text to container: known texts cost one look into a map. Names come from the engines' state files and are
 * looked up once a container, again after a while, and soon when they were not there yet. */
#include "modules/watch/process/look_internal.h"

#include "base/cleanup.h"
#include "base/timefmt.h"

static const int64_t RETRY_FIRST_NS = 20 * MILLISECOND;
static const int64_t AGAIN_NS = MINUTE;
enum { RETRY_STEPS = 6 }; /* 20 ms × 4^6 is beyond a minute */

void look_containers_init(struct look *look)
{
        map_init(&look->cgroups, LOOK_CGROUPS_MAX);
        map_init(&look->cgroup_ids, LOOK_CGROUPS_MAX);
        map_init(&look->containers, LOOK_CONTAINERS_MAX);
        map_init(&look->unknown, LOOK_CGROUPS_MAX);
}

static void clear_values(struct map *map)
{
        map_foreach (entry, map)
                free(entry->value);
        map_done(map);
}

void look_containers_done(struct look *look)
{
        map_done(&look->cgroups);
        clear_values(&look->cgroup_ids);
        clear_values(&look->containers);
        clear_values(&look->unknown);
}

/* What is full is forgotten as a whole: nothing of it is lost but the time to learn it again. */
static void make_room(struct look *look)
{
        if (look->cgroups.count < LOOK_CGROUPS_MAX && look->containers.count < LOOK_CONTAINERS_MAX &&
                look->unknown.count < LOOK_CGROUPS_MAX)
                return;
        look_containers_done(look);
        look_containers_init(look);
}

static struct look_container *remember(struct map *map, struct sv key, enum container_engine engine, const char *id)
{
        struct look_container *container = map_get(map, key);
        if (container)
                return container;
        container = calloc(1, sizeof(*container));
        if (!container)
                return NULL;
        container->engine = engine;
        snprintf(container->id, sizeof(container->id), "%s", id);
        if (map_put(map, key, container) < 0) {
                free(container);
                return NULL;
        }
        return container;
}

static struct sv container_key(enum container_engine engine, const char *id, char *buffer, size_t size)
{
        int n = snprintf(buffer, size, "%s:%s", container_engine_name(engine), id);
        return sv_n(buffer, n > 0 && (size_t)n < size ? (size_t)n : 0);
}

/* A source may tell one path of the v2 hierarchy instead of the whole text. */
static struct sv whole_text(struct look *look, struct sv cgroup)
{
        if (!cgroup.n || cgroup.p[0] != '/')
                return cgroup;
        int n = snprintf(look->text, sizeof(look->text), "0::%.*s\n", SV_ARG(cgroup));
        return sv_n(look->text, n > 0 && (size_t)n < sizeof(look->text) ? (size_t)n : 0);
}

/* Could a plain OCI runtime have made this group? Not where systemd named the unit and not in the root. */
static bool is_nameless(struct sv text, const struct container_identity *identity)
{
        struct sv line;
        if (identity->unit[0] && !sv_ends(sv_of(identity->unit), SV(".scope")))
                return false;
        while (sv_line(&text, &line))
                if (!sv_ends(line, SV(":/")))
                        return true;
        return false;
}

static struct look_container *learn(struct look *look, struct sv cgroup)
{
        struct container_identity identity;
        struct look_container *container = &look->host;
        char key[CONTAINER_ID_MAX + 32];
        struct sv text = whole_text(look, cgroup);
        make_room(look);
        if (container_identify(text, &identity))
                container = remember(&look->containers, container_key(identity.engine, identity.id, key, sizeof(key)),
                        identity.engine, identity.id);
        else if (is_nameless(text, &identity))
                container = remember(&look->unknown, cgroup, CONTAINER_NONE, "");
        if (container)
                map_put(&look->cgroups, cgroup, container);
        return container;
}

static void hand_out(const struct look_container *container, const struct container_state *state,
        const struct observation *cause, observe_fn *observe, void *cookie)
{
        struct observation named;
        observation_init(&named, OBSERVED_CONTAINER, SOURCE_PROC);
        named.time_ns = cause->time_ns;
        named.pid = cause->pid;
        named.operation = sv_of(container_engine_name(state->engine)); /* the path may have told less */
        named.object = sv_of(container->id);
        named.path = sv_of(state->name);
        named.path2 = sv_of(state->image);
        named.cgroup = cause->cgroup;
        observe(&named, cookie);
}

/* Texts whose group no engine's name is in: is it in the state files of a plain runtime? */
static int look_up_unknown(struct look *look, struct look_container *container, struct sv text, struct arena *arena,
        struct container_state *state)
{
        struct container_identity identity;
        if (container_state_match(&look->places, text, arena, &identity, state, NULL) < 0)
                return -1;
        container->engine = identity.engine;
        snprintf(container->id, sizeof(container->id), "%s", identity.id);
        return 0;
}

static void look_up(struct look *look, struct look_container *container, const struct observation *cause,
        observe_fn *observe, void *cookie)
{
        cleanup(arena_done) struct arena arena;
        struct container_identity identity;
        struct container_state state;
        int found;
        struct sv text = whole_text(look, cause->cgroup);
        arena_init(&arena, CONTAINER_STATE_MEMORY);
        if (container->engine == CONTAINER_NONE) {
                found = look_up_unknown(look, container, text, &arena, &state);
        } else {
                container_identify(text, &identity);
                if (identity.engine == CONTAINER_NONE) { /* known by its text only */
                        identity.engine = container->engine;
                        memcpy(identity.id, container->id, sizeof(identity.id));
                }
                found = container_state_find(&look->places, &identity, cause->pid, &arena, &state, NULL);
                look->counters.containers++;
        }
        if (found == 0) {
                container->failures = 0;
                container->again_ns = time_monotonic_ns() + AGAIN_NS;
                hand_out(container, &state, cause, observe, cookie);
                return;
        }
        look->counters.nameless += container->engine != CONTAINER_NONE;
        unsigned steps = container->failures < RETRY_STEPS ? container->failures++ : RETRY_STEPS;
        int64_t wait = RETRY_FIRST_NS << 2 * steps;
        container->again_ns = time_monotonic_ns() + (wait < AGAIN_NS ? wait : AGAIN_NS);
}

void look_note_cgroup(struct look *look, const struct observation *observation, observe_fn *observe, void *cookie)
{
        struct look_container *container = map_get(&look->cgroups, observation->cgroup);
        if (container)
                look->counters.cached++;
        else
                container = learn(look, observation->cgroup);
        if (!container || container == &look->host)
                return;
        if (container->again_ns && time_monotonic_ns() < container->again_ns)
                return;
        look_up(look, container, observation, observe, cookie);
}

static void forget(struct map *map, const char *id)
{
        map_foreach (entry, map) {
                struct look_container *known = entry->value;
                if (strcmp(known->id, id) == 0)
                        known->again_ns = 0;
        }
}

/* By its id alone: the path may have told another engine than the state files. */
void look_forget_container(struct look *look, const char *id)
{
        forget(&look->containers, id);
        forget(&look->unknown, id);
}
