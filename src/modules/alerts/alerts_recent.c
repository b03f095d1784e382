/* Which alerts are the same one that came again, and which rule says too much. */
#include "alerts.h"

#include "base/cleanup.h"

struct recent_rule {
        int64_t minute;
        int64_t count;
};

/* Length-prefixed, so that no two have the same bytes. */
static void put_part(struct buf *key, const char *text)
{
        buf_printf(key, "%zu:%s", strlen(text), text);
}

static void put_key(struct buf *key, const struct alert_row *row)
{
        buf_init(key, 4 * (ALERT_MESSAGE_MAX + ALERT_RULE_MAX + ALERT_CONTAINER_MAX));
        buf_printf(key, "%lld|", (long long)row->mute);
        put_part(key, row->module);
        put_part(key, row->rule);
        put_part(key, row->container);
        put_part(key, row->message);
}

void recents_init(struct recents *recents)
{
        *recents = (struct recents){ 0 };
        map_init(&recents->alerts, RECENT_MAX);
        map_init(&recents->rules, RECENT_RULES_MAX);
}

void recents_done(struct recents *recents)
{
        map_foreach (entry, &recents->alerts)
                free(entry->value);
        map_foreach (entry, &recents->rules)
                free(entry->value);
        map_done(&recents->alerts);
        map_done(&recents->rules);
        recents->touched = NULL;
}

/* What lies in the future is of before the clock was set back. */
static bool is_over(const struct recent *recent, int64_t now_ns)
{
        return llabs(now_ns - recent->last_ns) > RECENT_WINDOW_S * SECOND ||
               now_ns - recent->first_ns > RECENT_LENGTH_S * SECOND;
}

struct recent *recents_find(struct recents *recents, const struct alert_row *row, bool *ret_over)
{
        cleanup(buf_done) struct buf key;
        put_key(&key, row);
        struct recent *recent = map_get(&recents->alerts, sv_n(buf_text(&key), key.len));
        *ret_over = recent && is_over(recent, row->time_ns);
        return recent;
}

static void remove_at(struct recents *recents, size_t index)
{
        struct map_entry *entry = &recents->alerts.entries[index];
        free(map_remove(&recents->alerts, sv_n(entry->key, entry->key_length)));
}

void recents_expire(struct recents *recents, int64_t now_ns)
{
        for (size_t i = recents->alerts.count; i-- > 0;) {
                const struct recent *recent = recents->alerts.entries[i].value;
                if (!recent->touched && is_over(recent, now_ns))
                        remove_at(recents, i);
        }
        for (size_t i = recents->rules.count; i-- > 0;) {
                const struct map_entry *entry = &recents->rules.entries[i];
                const struct recent_rule *rule = entry->value;
                if (rule->minute != now_ns / MINUTE)
                        free(map_remove(&recents->rules, sv_n(entry->key, entry->key_length)));
        }
}

/* Full tables are rare: then what is over goes, and if that is not enough some that are not behind, at once. */
static void make_room(struct recents *recents, int64_t now_ns)
{
        recents_expire(recents, now_ns);
        for (size_t i = recents->alerts.count; i-- > 0 && recents->alerts.count > RECENT_MAX / 4 * 3;) {
                const struct recent *recent = recents->alerts.entries[i].value;
                if (recent->touched)
                        continue;
                remove_at(recents, i);
                recents->evicted++;
        }
}

void recents_put(struct recents *recents, const struct alert_row *row)
{
        cleanup(buf_done) struct buf key;
        put_key(&key, row);
        struct sv name = sv_n(buf_text(&key), key.len);
        struct recent *recent = map_get(&recents->alerts, name);
        if (!recent && recents->alerts.count >= RECENT_MAX)
                make_room(recents, row->time_ns);
        bool fresh = !recent;
        if (fresh)
                recent = calloc(1, sizeof(*recent));
        if (!recent)
                return; /* the next one is an alert of its own */
        struct recent *next = recent->next;
        bool touched = recent->touched;
        *recent = (struct recent){ .id = row->id,
                .first_ns = row->time_ns,
                .last_ns = row->last_ns,
                .count = row->count,
                .severity = row->severity,
                .touched = touched,
                .next = next };
        if (fresh && map_put(&recents->alerts, name, recent) < 0)
                free(recent);
}

void recents_forget(struct recents *recents, int64_t id)
{
        for (size_t i = recents->alerts.count; i-- > 0;) {
                const struct recent *recent = recents->alerts.entries[i].value;
                if (recent->id == id && !recent->touched)
                        remove_at(recents, i);
        }
}

bool recents_rule_may(struct recents *recents, const struct alert_row *row, int64_t burst)
{
        cleanup(buf_done) struct buf key;
        buf_init(&key, 2 * (ALERT_MODULE_MAX + ALERT_RULE_MAX) + 64);
        put_part(&key, row->module);
        put_part(&key, row->rule);
        struct sv name = sv_n(buf_text(&key), key.len);
        struct recent_rule *rule = map_get(&recents->rules, name);
        if (!rule && recents->rules.count >= RECENT_RULES_MAX) {
                recents_expire(recents, row->time_ns);
                if (recents->rules.count >= RECENT_RULES_MAX)
                        return false; /* somebody makes up rules */
        }
        if (!rule) {
                rule = calloc(1, sizeof(*rule));
                if (!rule || map_put(&recents->rules, name, rule) < 0) {
                        free(rule);
                        return false;
                }
        }
        if (rule->minute != row->time_ns / MINUTE)
                *rule = (struct recent_rule){ .minute = row->time_ns / MINUTE };
        return ++rule->count <= burst;
}
