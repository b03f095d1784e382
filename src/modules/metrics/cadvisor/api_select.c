/* Which containers a request is about. */
#include "modules/metrics/cadvisor/api_internal.h"

enum { SELECTION_MAX = 1 << 20 };

void api_selection_done(struct api_selection *selection)
{
        vec_done(selection);
}

static int add(struct api_selection *selection, struct container *container)
{
        struct container **item = vec_add(selection, SELECTION_MAX);
        if (!item)
                return -1;
        *item = container;
        return 0;
}

static int compare_names(const void *a, const void *b)
{
        const struct container *one = *(struct container *const *)a, *other = *(struct container *const *)b;
        return strcmp(container_ref(one)->name, container_ref(other)->name);
}

/* The answers are maps, and Go sorts their keys. */
static void sort(struct api_selection *selection)
{
        if (selection->count)
                qsort(selection->items, selection->count, sizeof(*selection->items), compare_names);
}

int api_select_below(const struct registry *registry, const char *name, struct api_selection *ret)
{
        size_t length = strlen(name);
        bool root = strcmp(name, "/") == 0;
        for (size_t i = 0; i < registry_count(registry); i++) {
                struct container *container = registry_at(registry, i);
                const char *other = container_ref(container)->name;
                if (!root && (strncmp(other, name, length) != 0 || (other[length] && other[length] != '/')))
                        continue;
                if (add(ret, container) < 0)
                        return -1;
        }
        sort(ret);
        return 0;
}

int api_select_namespace(const struct registry *registry, const char *name_space, struct api_selection *ret)
{
        for (size_t i = 0; i < registry_count(registry); i++) {
                struct container *container = registry_at(registry, i);
                const char *other = container_ref(container)->name_space;
                if (other && strcmp(other, name_space) == 0 && add(ret, container) < 0)
                        return -1;
        }
        sort(ret);
        return 0;
}

/* 2: one of its names is this; 1: one begins with it; 0: neither. */
static int alias_matches(const struct container_ref *ref, const char *name, size_t length)
{
        int best = 0;
        for (size_t i = 0; i < ref->alias_count; i++) {
                if (strncmp(ref->aliases[i], name, length) != 0)
                        continue;
                if (!ref->aliases[i][length])
                        return 2;
                best = 1;
        }
        if (ref->id && strncmp(ref->id, name, length) == 0)
                return ref->id[length] ? 1 : 2;
        return best;
}

struct container *api_find_alias(
        const struct registry *registry, const char *name_space, const char *name, struct buf *problem)
{
        struct container *found = NULL;
        size_t length = strlen(name), beginnings = 0;
        for (size_t i = 0; i < registry_count(registry); i++) {
                struct container *container = registry_at(registry, i);
                const struct container_ref *ref = container_ref(container);
                if (!ref->name_space || strcmp(ref->name_space, name_space) != 0)
                        continue;
                int match = alias_matches(ref, name, length);
                if (match == 2)
                        return container;
                if (match == 1) {
                        found = container;
                        beginnings++;
                }
        }
        if (beginnings == 1)
                return found;
        if (beginnings > 1) {
                buf_puts(problem, "unable to find container in ");
                go_quote(problem, sv_of(name_space));
                buf_puts(problem, " namespace. Container ");
                go_quote(problem, sv_of(name));
                buf_puts(problem, " is not unique");
                return NULL;
        }
        buf_puts(problem, "unable to find container ");
        go_quote(problem, sv_of(name));
        buf_puts(problem, " in ");
        go_quote(problem, sv_of(name_space));
        buf_puts(problem, " namespace");
        return NULL;
}

void api_select_sampled(struct api_selection *selection)
{
        size_t kept = 0;
        for (size_t i = 0; i < selection->count; i++)
                if (container_last_seen_ns(selection->items[i]))
                        selection->items[kept++] = selection->items[i];
        selection->count = kept;
}

static int no_memory(struct api_call *call)
{
        api_error(call, "no memory for so many containers");
        return -1;
}

static int select_by_name(struct api_call *call, const char *prefix, struct api_selection *ret)
{
        const struct registry *registry = call->cadvisor->registry;
        if (call->options.recursive) {
                if (api_select_below(registry, call->name, ret) < 0)
                        return no_memory(call);
                if (ret->count)
                        return 0;
                api_error(call, "%sunknown container: %q", prefix, call->name);
                return -1;
        }
        struct container *container = registry_find(registry, sv_of(call->name));
        if (!container) {
                api_error(call, "%sunknown container %q", prefix, call->name);
                return -1;
        }
        return add(ret, container) < 0 ? no_memory(call) : 0;
}

static int select_by_engine(
        struct api_call *call, const char *prefix, const char *name_space, struct api_selection *ret)
{
        const struct registry *registry = call->cadvisor->registry;
        if (call->options.recursive) {
                if (strcmp(call->name, "/") != 0) {
                        api_error(call, "%sinvalid request for %s container %q with subcontainers", prefix, name_space,
                                call->name);
                        return -1;
                }
                return api_select_namespace(registry, name_space, ret) < 0 ? no_memory(call) : 0;
        }
        cleanup(buf_done) struct buf problem;
        buf_init(&problem, 4 * API_NAME_MAX);
        struct container *container = api_find_alias(registry, name_space, call->name + 1, &problem);
        if (!container) {
                api_error(call, "%s%s", prefix, buf_text(&problem));
                return -1;
        }
        return add(ret, container) < 0 ? no_memory(call) : 0;
}

int api_select(struct api_call *call, const char *prefix, struct api_selection *ret)
{
        int result =
                call->options.type == API_NAME
                        ? select_by_name(call, prefix, ret)
                        : select_by_engine(call, prefix, call->options.type == API_DOCKER ? "docker" : "podman", ret);
        if (result < 0 || !call->options.has_max_age)
                return result;
        int64_t max_age_ns = call->options.max_age_ns > 0 ? call->options.max_age_ns : 0;
        for (size_t i = 0; i < ret->count; i++) /* one that cannot be read now is shown as it was */
                registry_refresh(call->cadvisor->registry, ret->items[i], max_age_ns, NULL);
        return 0;
}
