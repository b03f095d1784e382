/* Thresholds and suppression: bounded tables of groups in sets of four; in a full set the one unused longest goes. */
#include "modules/watch/rules/rules_internal.h"

static uint64_t group_key(
        const struct rules *rules, const uint16_t *by, unsigned count, const struct event *event, const void *owner)
{
        uint64_t key = rules_hash(&owner, sizeof(owner), rules->seed);
        for (unsigned i = 0; i < count; i++)
                key = operand_hash(&rules->operands[by[i]], event, key ^ rules->seed);
        return key ? key : 1;
}

bool window_count(struct rules *rules, struct window *window, const struct event *event, int64_t now_ns)
{
        uint64_t key = group_key(rules, window->by, window->by_count, event, NULL);
        size_t set = (key % (RULES_GROUPS_MAX / WINDOW_WAYS)) * WINDOW_WAYS, at = set;
        for (size_t i = set; i < set + WINDOW_WAYS; i++) {
                if (window->groups[i].key == key) {
                        at = i;
                        break;
                }
                if (!window->groups[i].key ||
                        (window->groups[at].key && window->groups[i].last_ns < window->groups[at].last_ns))
                        at = i;
        }
        struct window_group *group = &window->groups[at];
        if (group->key != key) {
                rules->counters.evicted += group->key && now_ns - group->last_ns <= window->window_ns;
                *group = (struct window_group){ .key = key };
        }
        int64_t *times = window->times + at * window->count;
        group->last_ns = now_ns;
        times[group->head] = now_ns;
        group->head = (group->head + 1) % window->count;
        if (group->count < window->count)
                group->count++;
        /* head is now the oldest of the last `count` */
        if (group->count < window->count || now_ns - times[group->head] > window->window_ns)
                return false;
        group->count = 0;
        group->head = 0;
        return true;
}

bool silence_ask(struct rules *rules, const struct compiled_rule *rule, const struct event *event, int64_t now_ns,
        uint64_t *ret_suppressed)
{
        if (rule->suppress_ns <= 0)
                return true;
        size_t index = (size_t)(rule - rules->rules);
        uint64_t key = group_key(rules, rule->suppress_by, rule->suppress_by_count, event, (const void *)(index + 1));
        size_t set = (key % (RULES_SILENCED_MAX / WINDOW_WAYS)) * WINDOW_WAYS, at = set;
        for (size_t i = set; i < set + WINDOW_WAYS; i++) {
                if (rules->silences[i].key == key) {
                        at = i;
                        break;
                }
                if (!rules->silences[i].key ||
                        (rules->silences[at].key && rules->silences[i].until_ns < rules->silences[at].until_ns))
                        at = i;
        }
        struct silence *silence = &rules->silences[at];
        if (silence->key == key && now_ns < silence->until_ns && silence->until_ns - now_ns <= rule->suppress_ns) {
                silence->suppressed++;
                return false;
        }
        if (silence->key == key)
                *ret_suppressed = silence->suppressed;
        else
                rules->counters.untold += silence->suppressed;
        *silence = (struct silence){ .key = key, .until_ns = now_ns + rule->suppress_ns };
        return true;
}
