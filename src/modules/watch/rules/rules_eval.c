/* Evaluation: no allocation, no recursion. */
#include "modules/watch/rules/rules_internal.h"

/* --- tests --- */

static bool set_has(const struct rules *rules, const struct test_values *values, struct sv text)
{
        uint32_t slot = (uint32_t)rules_hash(text.p, text.n, rules->seed) & values->mask;
        for (; values->slots[slot]; slot = (slot + 1) & values->mask)
                if (sv_eq(values->items[values->slots[slot] - 1].text, text))
                        return true;
        return false;
}

static bool value_meets_text(enum test_op op, const struct test_value *value, struct sv text)
{
        switch (op) {
        case TEST_EQUAL:
                return text.n == value->text.n && !memcmp(text.p, value->text.p, text.n);
        case TEST_CONTAINS:
                return memmem(text.p, text.n, value->text.p, value->text.n) != NULL;
        case TEST_STARTS: /* the first byte tells mostly: no value is empty */
                return text.n && text.p[0] == value->text.p[0] && sv_starts(text, value->text);
        case TEST_ENDS:
                return sv_ends(text, value->text);
        case TEST_MATCHES:
                return regex_match(value->regex, text);
        default:
                return false;
        }
}

static bool text_meets(const struct rules *rules, const struct test *test, struct sv text)
{
        const struct test_values *values = test->values;
        if (values->slots)
                return set_has(rules, values, text);
        for (uint32_t i = 0; i < values->count; i++)
                if (value_meets_text(test->op, &values->items[i], text))
                        return true;
        return false;
}

static bool number_meets(const struct test *test, int64_t number)
{
        const struct test_values *values = test->values;
        for (uint32_t i = 0; i < values->count; i++) {
                int64_t value = values->items[i].number;
                bool met = false;
                switch ((enum test_op)test->op) {
                case TEST_EQUAL:
                        met = number == value;
                        break;
                case TEST_LESS:
                        met = number < value;
                        break;
                case TEST_LESS_EQUAL:
                        met = number <= value;
                        break;
                case TEST_GREATER:
                        met = number > value;
                        break;
                case TEST_GREATER_EQUAL:
                        met = number >= value;
                        break;
                case TEST_BITS:
                        met = (number & value) != 0;
                        break;
                default:
                        break;
                }
                if (met)
                        return true;
        }
        return false;
}

static bool value_meets(
        const struct rules *rules, const struct test *test, const struct operand *operand, const void *at)
{
        struct sv text;
        switch (operand->kind) {
        case OPERAND_TEXT:
                return operand_text(operand, at, &text) && text_meets(rules, test, text);
        case OPERAND_BOOL:
                return number_meets(test, *(const bool *)at);
        case OPERAND_NUMBER:
        case OPERAND_ENUM:
                return number_meets(test, operand_number(operand, at));
        default:
                return false;
        }
}

/* A text that there is one of: found once an event. */
static bool one_text(
        struct rules *rules, size_t index, const struct operand *operand, const struct event *event, struct sv *ret)
{
        struct cached_text *cached = &rules->cache[index];
        if (cached->epoch != rules->epoch) {
                const char *at = NULL;
                if (!operand->list)
                        at = operand_at(operand, event);
                else
                        at = operand_items(operand, event, &at) ? at + operand->inner : NULL;
                cached->epoch = rules->epoch;
                cached->present = at && operand_text(operand, at, &cached->text);
        }
        *ret = cached->text;
        return cached->present;
}

static bool any_meets(
        const struct rules *rules, const struct test *test, const struct operand *operand, const struct event *event)
{
        const char *items = NULL;
        size_t count = operand_items(operand, event, &items);
        for (size_t i = 0; i < count; i++, items += operand->stride)
                if (value_meets(rules, test, operand, items + operand->inner))
                        return true;
        return false;
}

static bool test_true(struct rules *rules, const struct test *test, const struct event *event)
{
        const struct operand *operand = &rules->operands[test->operand];
        struct sv text;
        if (test->op == TEST_PRESENT)
                return operand_present(operand, event);
        if (operand->kind == OPERAND_TEXT && operand_is_one(operand))
                return one_text(rules, test->operand, operand, event, &text) && text_meets(rules, test, text);
        if (operand->list)
                return any_meets(rules, test, operand, event);
        const void *at = operand_at(operand, event);
        if (!at)
                return false;
        if (test->op == TEST_TRUE)
                return *(const bool *)at;
        return value_meets(rules, test, operand, at);
}

bool program_run(struct rules *rules, const struct compiled_rule *rule, const struct event *event)
{
        uint16_t at = rule->entry;
        while (at < PROGRAM_REJECT) {
                const struct test *test = &rule->program[at];
                at = test_true(rules, test, event) ? test->yes : test->no;
        }
        return at == PROGRAM_ACCEPT;
}

/* --- rules --- */

/* Tags, threshold, suppression, and the caller's part. */
static bool meet(
        struct rules *rules, size_t index, const struct event *event, int64_t now_ns, rules_hit_fn *hit, void *cookie)
{
        struct compiled_rule *rule = &rules->rules[index];
        rule->rule.matched++;
        rules->counters.matched++;
        if (rule->window.count && !window_count(rules, &rule->window, event, now_ns))
                return false;
        struct rules_hit found = {
                .rule = &rule->rule,
                .event = event,
                .count = rule->window.count ? rule->window.count : 1,
                .kill = rule->rule.action == RULE_KILL,
                .rules = rules,
        };
        rules->tags[rules->tag_count++] = (char *)rule->rule.name;
        rules->counters.hits++;
        if (rule->rule.action != RULE_TAG) {
                found.alert = silence_ask(rules, rule, event, now_ns, &found.suppressed);
                rule->rule.alerted += found.alert;
                rule->rule.suppressed += !found.alert;
                rules->counters.alerts += found.alert;
                rules->counters.suppressed += !found.alert;
        }
        if (hit)
                hit(&found, cookie);
        return true;
}

size_t rules_match(struct rules *rules, const struct event *event, int64_t now_ns, rules_hit_fn *hit, void *cookie)
{
        rules->counters.events++;
        rules->tag_count = 0;
        if (event->type < 0 || event->type >= EVENT_TYPES)
                return 0;
        if (++rules->epoch == 0) { /* after 2^32 events: what was cached must not look new */
                memset(rules->cache, 0, sizeof(rules->cache));
                rules->epoch = 1;
        }
        for (size_t i = 0; i < rules->by_type_count[event->type]; i++) {
                uint16_t index = rules->by_type[event->type][i];
                if (program_run(rules, &rules->rules[index], event))
                        meet(rules, index, event, now_ns, hit, cookie);
        }
        return rules->tag_count;
}

struct string_list rules_tags(const struct rules *rules)
{
        return (struct string_list){ .items = (char **)rules->tags, .count = rules->tag_count };
}

void rules_count(const struct rules *rules, struct rules_counters *ret)
{
        *ret = rules->counters;
}

void rules_each(const struct rules *rules, rules_take_fn *take, void *cookie)
{
        for (size_t i = 0; i < rules->count; i++)
                if (!take(&rules->rules[i].rule, cookie))
                        return;
}
