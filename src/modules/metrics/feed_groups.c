/* Which container's row a process belongs to: the innermost group above it that is one, and what the engine calls the
 * outermost that an engine made. Resolved once a group, and again when containers came, went or were named. */
#include "modules/metrics/feed_internal.h"

#include "base/path.h"

static const int64_t NAMES_NS = 5 * SECOND; /* engines name a container after its group is there */

void feed_groups_init(struct feed *feed)
{
        map_init(&feed->groups, FEED_CONTAINERS_MAX);
}

static void group_free(struct feed_group *group)
{
        free(group->name);
        free(group->container);
        free(group);
}

void feed_groups_done(struct feed *feed)
{
        map_foreach (entry, &feed->groups)
                group_free(entry->value);
        map_done(&feed->groups);
}

void feed_groups_begin(struct feed *feed)
{
        struct registry_counters counters = { 0 };
        if (feed->source.registry)
                registry_count_all(feed->source.registry, &counters);
        const uint64_t seen = counters.created + counters.deleted;
        if (feed->names && seen == feed->names_seen && feed->now_ns - feed->names_ns < NAMES_NS)
                return;
        feed->names++;
        feed->names_seen = seen;
        feed->names_ns = feed->now_ns;
}

static void resolve(struct feed *feed, struct feed_group *group)
{
        const struct registry *registry = feed->source.registry;
        struct sv path = sv_of(group->path);
        struct sv name = registry ? SV("") : path, alias = SV("");
        for (; registry && path.n; path = path_dir(path)) {
                const struct container *container = registry_find(registry, path);
                const struct container_ref *ref = container ? container_ref(container) : NULL;
                if (ref && !name.n)
                        name = sv_of(ref->name);
                if (ref && ref->id[0])
                        alias = sv_of(ref->alias_count ? ref->aliases[0] : ref->id);
                if (path.n == 1)
                        break;
        }
        feed_keep_text(feed, &group->name, name);
        feed_keep_text(feed, &group->container, alias);
        group->resolved = feed->names;
}

void feed_group_see(struct feed *feed, struct feed_group *group)
{
        group->looked = feed->look;
        if (group->resolved != feed->names)
                resolve(feed, group);
}

struct feed_group *feed_group_of(struct feed *feed, struct sv path)
{
        struct feed_group *group = map_get(&feed->groups, path);
        if (!group) {
                group = calloc(1, sizeof(*group) + path.n + 1);
                if (!group)
                        return NULL;
                memcpy(group->path, path.p, path.n);
                if (map_put(&feed->groups, path, group) < 0) {
                        free(group);
                        return NULL;
                }
        }
        feed_group_see(feed, group);
        return group;
}

void feed_groups_sweep(struct feed *feed)
{
        size_t at = 0;
        while (at < feed->groups.count) {
                struct feed_group *group = feed->groups.entries[at].value;
                if (group->looked == feed->look) {
                        at++;
                        continue;
                }
                map_remove(&feed->groups, sv_of(group->path));
                group_free(group);
        }
}
