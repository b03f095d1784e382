/* A registry made by hand, for tests and fuzzing of what reads one: the functions of collect/registry.h on arrays. */
#pragma once

#include "modules/metrics/collect/registry.h"

struct container {
        struct container_ref ref;
        struct container_spec spec;
        struct container_stats *samples;
        size_t sample_count;
        struct container_summary summary;
        bool has_summary;
};

enum { FAKE_CONTAINERS_MAX = 64, FAKE_EVENTS_MAX = 64 };

struct registry {
        struct container containers[FAKE_CONTAINERS_MAX]; /* in registry.h's order: by name, "/" first */
        size_t count;
        struct container_event events[FAKE_EVENTS_MAX];
        size_t event_count;
        struct machine machine;
        int64_t refreshed_max_age_ns; /* of the last registry_refresh; -1: none */
        size_t refreshed;
};

struct container *registry_find(const struct registry *registry, struct sv name)
{
        for (size_t i = 0; i < registry->count; i++)
                if (sv_eq(sv_of(registry->containers[i].ref.name), name))
                        return (struct container *)(uintptr_t)&registry->containers[i];
        return NULL;
}

size_t registry_count(const struct registry *registry)
{
        return registry->count;
}

struct container *registry_at(const struct registry *registry, size_t index)
{
        return (struct container *)(uintptr_t)&registry->containers[index];
}

size_t registry_descendants(const struct registry *registry, const struct container *container, size_t *ret_first)
{
        size_t self = (size_t)(container - registry->containers), n = 0;
        size_t length = strcmp(container->ref.name, "/") == 0 ? 0 : strlen(container->ref.name);
        while (self + 1 + n < registry->count &&
                strncmp(registry->containers[self + 1 + n].ref.name, container->ref.name, length) == 0 &&
                registry->containers[self + 1 + n].ref.name[length] == '/')
                n++;
        *ret_first = self + 1;
        return n;
}

const struct container_ref *container_ref(const struct container *container)
{
        return &container->ref;
}

const struct container_spec *container_spec(const struct container *container)
{
        return &container->spec;
}

int64_t container_last_seen_ns(const struct container *container)
{
        return container->sample_count ? container->samples[container->sample_count - 1].time_ns : 0;
}

bool container_is_root(const struct container *container)
{
        return strcmp(container->ref.name, "/") == 0;
}

int container_samples(const struct container *container, size_t max, int64_t start_ns, int64_t end_ns,
        int (*each)(const struct container_stats *stats, void *cookie), void *cookie)
{
        size_t first = 0, end = container->sample_count;
        while (start_ns && first < end && container->samples[first].time_ns < start_ns)
                first++;
        while (end_ns && first < end && container->samples[end - 1].time_ns > end_ns)
                end--;
        if (end - first > max)
                first = end - max;
        for (size_t i = first; i < end; i++) {
                int result = each(&container->samples[i], cookie);
                if (result)
                        return result;
        }
        return 0;
}

bool container_latest(const struct container *container, struct arena *arena, struct container_stats *ret)
{
        (void)arena;
        if (!container->sample_count)
                return false;
        *ret = container->samples[container->sample_count - 1];
        return true;
}

int registry_refresh(struct registry *registry, struct container *container, int64_t max_age_ns, struct error *err)
{
        (void)container;
        (void)err;
        registry->refreshed_max_age_ns = max_age_ns;
        registry->refreshed++;
        return 0;
}

bool container_summary(const struct container *container, struct container_summary *ret)
{
        if (container->has_summary)
                *ret = container->summary;
        return container->has_summary;
}

const struct machine *registry_machine(const struct registry *registry)
{
        return &registry->machine;
}

bool event_matches(const struct event_query *query, const struct container_event *event)
{
        size_t length = strcmp(query->container, "/") == 0 ? 0 : strlen(query->container);
        bool below = strncmp(event->container, query->container, length) == 0 && event->container[length] == '/';
        return query->kinds & 1U << event->kind &&
               (strcmp(event->container, query->container) == 0 || (query->subcontainers && below));
}

int registry_events(const struct registry *registry, const struct event_query *query,
        int (*each)(const struct container_event *event, void *cookie), void *cookie)
{
        size_t matches = 0, seen = 0;
        for (size_t i = 0; i < registry->event_count; i++)
                matches += event_matches(query, &registry->events[i]);
        for (size_t i = 0; i < registry->event_count; i++) {
                if (!event_matches(query, &registry->events[i]))
                        continue;
                if ((!query->max || matches - seen++ <= query->max) && each(&registry->events[i], cookie))
                        return 1;
        }
        return 0;
}

void registry_count_all(const struct registry *registry, struct registry_counters *ret)
{
        *ret = (struct registry_counters){ .containers = registry->count };
}
