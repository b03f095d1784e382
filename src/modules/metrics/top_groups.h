/* The groups that one look met, each with a number: whose they are, and which sums they share. A group is read once
 * however many processes are in it; names come from the registry where there is one, else from the engines' state
 * files. Lives for one answer. */
#pragma once

#include "base/cleanup.h"
#include "modules/metrics/collect/registry.h"

enum { TOP_GROUPS_MAX = 16384 }; /* what does not fit has number 0 */

struct top_group {
        const char *path;      /* of the group */
        const char *owner;     /* what is summed as one: path of the container's own group, else the path */
        const char *container; /* what its engine calls it, else its id; "" for none */
        const char *id, *engine, *unit;
};

struct top_groups;

/* registry may be NULL. root: an open "/". */
struct top_groups *top_groups_new(const struct registry *registry, int root, struct error *err);
void top_groups_free(struct top_groups *groups);
DEFINE_CLEANUP(struct top_groups *, top_groups_free);

uint32_t top_groups_number(struct top_groups *groups, const char *path);
/* Valid as long as the groups. */
const struct top_group *top_groups_at(struct top_groups *groups, uint32_t number);
/* Is it what the word means? A name or a pattern of names, an id or its begin, an engine, "any", "none", or the path of
 * a group, which holds those below it. */
bool top_group_matches(const struct top_group *group, const char *word);
size_t top_groups_count(const struct top_groups *groups);
