/* The events of containers that went, with the status of their end. Engines note that in files, a little after the
 * group is gone: then the event waits for a second at most, and the deletions after it do too, so that all stay in
 * their order. Groups of no such engine are told at once. */
#include "modules/metrics/collect/collect_internal.h"

#include "linux/container_state.h"

static const int64_t WAIT_NS = SECOND;
static const int64_t PAUSE_NS = 50 * MILLISECOND; /* between two looks */
static const int64_t BEFORE_NS = 10 * SECOND;     /* an end so long before its group went is still that one's */
enum { DELETIONS_MAX = 1024 };                    /* that wait; beyond, the oldest is told as it is */

struct deletion {
        struct deletion *next;
        int64_t time_ns, until_ns; /* Unix; the loop's clock */
        bool known;                /* there is nothing to wait for */
        int exit_code;
        uint32_t owner_uid;
        uint8_t engine;
        char *name; /* of the container, in the same block as its id */
        char id[];
};

/* podman's are known before, or never: exits.c. */
static bool notes_ends(enum container_engine engine)
{
        return engine == CONTAINER_DOCKER || engine == CONTAINER_CRIO;
}

static void look_at(struct registry *registry, struct deletion *deletion)
{
        const struct container_places places = { .root = registry->options->root,
                .docker_root = registry->options->docker_root };
        struct container_identity *identity = &registry->identity; /* large: not on the stack */
        struct arena arena;
        struct error err;
        if (deletion->known)
                return;
        *identity = (struct container_identity){ .engine = deletion->engine, .owner_uid = deletion->owner_uid };
        snprintf(identity->id, sizeof(identity->id), "%s", deletion->id);
        arena_init(&arena, CONTAINER_STATE_MEMORY);
        deletion->known = container_state_exit(&places, identity, deletion->time_ns - BEFORE_NS, &arena,
                                  &deletion->exit_code, &err) == 0 ||
                          err.code != E_UNAVAILABLE;
        arena_done(&arena);
}

static void tell(struct registry *registry, const char *name, int64_t time_ns, int exit_code)
{
        struct container_event event = {
                .time_ns = time_ns, .kind = EVENT_DELETION, .container = name, .exit_code = exit_code
        };
        registry_add_event(registry, &event);
}

static void tell_first(struct registry *registry)
{
        struct deletion *first = registry->deletions;
        registry->deletions = first->next;
        registry->deletion_count--;
        tell(registry, first->name, first->time_ns, first->exit_code);
        free(first);
}

static void tell_due(struct registry *registry)
{
        const int64_t now_ns = loop_now_ns(registry->loop);
        while (registry->deletions) {
                struct deletion *first = registry->deletions;
                look_at(registry, first);
                if (!first->known && now_ns < first->until_ns)
                        return;
                tell_first(registry);
        }
        loop_remove(registry->loop, registry->deletions_timer);
        registry->deletions_timer = 0;
}

static void on_pause(struct loop *loop, loop_id id, void *cookie)
{
        (void)loop;
        (void)id;
        tell_due(cookie);
}

static struct deletion *deletion_new(const struct container *container)
{
        const size_t id_size = strlen(container->ref.id) + 1;
        struct deletion *deletion = calloc(1, sizeof(*deletion) + id_size + container->name_size + 1);
        if (!deletion)
                return NULL;
        const struct container_identity *identity = container_identity(container);
        deletion->time_ns = registry_unix_ns(container->registry);
        deletion->until_ns = loop_now_ns(container->registry->loop) + WAIT_NS;
        deletion->engine = container->engine;
        deletion->owner_uid = identity->owner_uid;
        deletion->exit_code = -1;
        deletion->known =
                exits_take(container, &deletion->exit_code) || !notes_ends(container->engine) || !*container->ref.id;
        memcpy(deletion->id, container->ref.id, id_size);
        deletion->name = deletion->id + id_size;
        memcpy(deletion->name, container->name, container->name_size + 1);
        return deletion;
}

/* Behind those that wait. */
static void put_last(struct registry *registry, struct deletion *deletion)
{
        struct deletion **at = &registry->deletions;
        while (*at)
                at = &(*at)->next;
        *at = deletion;
        registry->deletion_count++;
        if (!registry->deletions_timer && loop_add_timer(registry->loop, PAUSE_NS, PAUSE_NS, on_pause, registry,
                                                  &registry->deletions_timer, NULL) < 0)
                while (registry->deletions) /* nobody would come back to them */
                        tell_first(registry);
}

void deletion_tell(struct container *container)
{
        struct registry *registry = container->registry;
        struct deletion *deletion = NULL;
        int status = -1;
        if (registry->deletions || notes_ends(container->engine))
                deletion = deletion_new(container);
        if (!deletion) {
                exits_take(container, &status);
                tell(registry, container->name, registry_unix_ns(registry), status);
                return;
        }
        if (registry->deletions && registry->deletion_count >= DELETIONS_MAX)
                tell_first(registry);
        put_last(registry, deletion);
        tell_due(registry);
}

void deletions_tell_before(struct registry *registry, struct sv name)
{
        const struct deletion *last = NULL;
        for (const struct deletion *at = registry->deletions; at; at = at->next)
                if (sv_eq(sv_of(at->name), name))
                        last = at;
        for (bool more = last != NULL; more;) {
                more = registry->deletions != last;
                look_at(registry, registry->deletions);
                tell_first(registry);
        }
}

void registry_tell_waiting(struct registry *registry)
{
        while (registry->deletions) {
                look_at(registry, registry->deletions);
                tell_first(registry);
        }
}

void deletions_forget(struct registry *registry)
{
        loop_remove(registry->loop, registry->deletions_timer);
        registry->deletions_timer = 0;
        while (registry->deletions) {
                struct deletion *first = registry->deletions;
                registry->deletions = first->next;
                free(first);
        }
        registry->deletion_count = 0;
}
