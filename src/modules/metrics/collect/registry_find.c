/* Containers in the order of their names: a group, then all below it, then its next sibling. Two arrays of pointers and
 * a binary search serve lookups by name, listings and "all below" alike. */
#include "modules/metrics/collect/collect_internal.h"

#include "base/path.h"

/* '/' counts as less than every other byte; "/" itself is the empty path. */
int name_compare(struct sv a, struct sv b)
{
        a.n = sv_eq(a, SV("/")) ? 0 : a.n;
        b.n = sv_eq(b, SV("/")) ? 0 : b.n;
        size_t common = a.n < b.n ? a.n : b.n;
        for (size_t i = 0; i < common; i++) {
                unsigned char x = (unsigned char)a.p[i];
                unsigned char y = (unsigned char)b.p[i];
                if (x == y)
                        continue;
                if (x == '/' || y == '/')
                        return x == '/' ? -1 : 1;
                return x < y ? -1 : 1;
        }
        return a.n < b.n ? -1 : a.n > b.n;
}

static struct sv name_of(const struct container *container)
{
        return sv_n(container->name, container->name_size);
}

bool find_name(const container_vec *containers, struct sv name, size_t *ret_index)
{
        size_t low = 0;
        size_t high = containers->count;
        while (low < high) {
                size_t middle = low + (high - low) / 2;
                int order = name_compare(name_of(containers->items[middle]), name);
                if (order == 0) {
                        *ret_index = middle;
                        return true;
                }
                if (order < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        *ret_index = low;
        return false;
}

int insert_container(container_vec *containers, struct container *container, struct error *err)
{
        size_t index;
        find_name(containers, name_of(container), &index);
        if (!vec_add(containers, REGISTRY_CONTAINERS_MAX))
                return fail(err, E_TOO_LARGE, "more than %d control groups, or no memory", REGISTRY_CONTAINERS_MAX);
        memmove(containers->items + index + 1, containers->items + index,
                (containers->count - 1 - index) * sizeof(*containers->items));
        containers->items[index] = container;
        return 0;
}

void remove_container(container_vec *containers, const struct container *container)
{
        size_t index;
        if (!find_name(containers, name_of(container), &index))
                return;
        memmove(containers->items + index, containers->items + index + 1,
                (containers->count - 1 - index) * sizeof(*containers->items));
        containers->count--;
}

static bool is_below(const struct container *container, struct sv name)
{
        return name.n == 1 || path_within(name_of(container), name);
}

size_t end_of_descendants(const container_vec *containers, size_t index)
{
        struct sv name = name_of(containers->items[index]);
        size_t low = index + 1;
        size_t high = containers->count;
        while (low < high) {
                size_t middle = low + (high - low) / 2;
                if (is_below(containers->items[middle], name))
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

struct container *registry_find(const struct registry *registry, struct sv name)
{
        size_t index;
        return name.n && find_name(&registry->visible, name, &index) ? registry->visible.items[index] : NULL;
}

enum { ID_DIGITS_MIN = 4 };

/* 2: by a whole name; 1: by the beginning of its id. */
static int matches_alias(const struct container *container, struct sv alias)
{
        const struct container_ref *ref = &container->ref;
        for (size_t i = 0; i < ref->alias_count; i++)
                if (sv_eq(sv_of(ref->aliases[i]), alias))
                        return 2;
        return alias.n >= ID_DIGITS_MIN && sv_starts(sv_of(ref->id), alias) ? 1 : 0;
}

struct container *registry_find_alias(const struct registry *registry, const char *name_space, struct sv alias)
{
        struct container *found = NULL;
        size_t begun = 0;
        for (size_t i = 0; i < registry->visible.count; i++) {
                struct container *container = registry->visible.items[i];
                if (!container->ref.id[0] || (name_space && strcmp(container->ref.name_space, name_space) != 0))
                        continue;
                int match = matches_alias(container, alias);
                if (match == 2)
                        return container;
                if (match == 1) {
                        found = container;
                        begun++;
                }
        }
        return begun == 1 ? found : NULL;
}

size_t registry_count(const struct registry *registry)
{
        return registry->visible.count;
}

struct container *registry_at(const struct registry *registry, size_t index)
{
        return index < registry->visible.count ? registry->visible.items[index] : NULL;
}

size_t registry_descendants(const struct registry *registry, const struct container *container, size_t *ret_first)
{
        size_t index;
        if (!find_name(&registry->visible, name_of(container), &index))
                return 0;
        *ret_first = index + 1;
        return end_of_descendants(&registry->visible, index) - index - 1;
}
