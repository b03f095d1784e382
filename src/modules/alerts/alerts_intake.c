/* What the agent hands over. Alerts wait in memory for the next transaction, which takes many at once; only what is on
 * disk is acknowledged. When the disk takes nothing they go on waiting, and are written when it does again. */
#include "alerts.h"

#include "base/cleanup.h"
#include "linux/process_list.h"

enum { ARENA_MAX = 4 << 20 };

struct muting {
        int64_t id, until_ns;
        int severity;
        char module[ALERT_MODULE_MAX + 1], rule[ALERT_RULE_MAX + 1], container[ALERT_CONTAINER_MAX + 1];
        int64_t count; /* of the batch under way */
};

struct minute_counts {
        int64_t minute;
        int64_t counts[2][ALERT_SEVERITIES]; /* muted ones apart */
};

static void schedule(struct alerts *alerts);

/* ---- mutes in force ---- */

static bool take_mute(const struct alert_mute *mute, void *cookie)
{
        struct alerts *alerts = cookie;
        if (mute->ended_ns || mute->until_ns <= time_unix_ns())
                return true;
        struct muting *muting = calloc(1, sizeof(*muting));
        struct muting **slot = muting ? vec_add(&alerts->mutes, MUTES_MAX) : NULL;
        if (!slot) {
                free(muting);
                return true;
        }
        *slot = muting;
        muting->id = mute->id;
        muting->until_ns = mute->until_ns;
        muting->severity = mute->severity;
        snprintf(muting->module, sizeof(muting->module), "%s", mute->module);
        snprintf(muting->rule, sizeof(muting->rule), "%s", mute->rule);
        snprintf(muting->container, sizeof(muting->container), "%s", mute->container);
        return true;
}

static void forget_mutes(struct alerts *alerts)
{
        vec_foreach (muting, &alerts->mutes)
                free(*muting);
        vec_done(&alerts->mutes);
}

static int load_mutes(struct alerts *alerts, struct error *err)
{
        forget_mutes(alerts);
        return alert_store_mutes(alerts->store, take_mute, alerts, err);
}

void intake_expire_mutes(struct alerts *alerts, int64_t now_ns)
{
        for (size_t i = alerts->mutes.count; i-- > 0;)
                if (alerts->mutes.items[i]->until_ns <= now_ns) {
                        free(alerts->mutes.items[i]);
                        vec_swap_remove(&alerts->mutes, i);
                }
}

/* Of several the one that lasts longest. */
static struct muting *mute_for(const struct alerts *alerts, const struct alert_row *row)
{
        struct muting *found = NULL;
        vec_foreach (slot, &alerts->mutes) {
                struct muting *muting = *slot;
                const struct alert_mute mute = { .module = muting->module,
                        .rule = muting->rule,
                        .container = muting->container,
                        .severity = muting->severity };
                if (muting->until_ns > row->time_ns && alert_mute_match(&mute, row) &&
                        (!found || muting->until_ns > found->until_ns))
                        found = muting;
        }
        return found;
}

/* ---- one alert of a batch ---- */

static const char *user_name(uint32_t uid, void *cookie)
{
        const char *name = process_users_name(cookie, uid);
        return name ? name : "";
}

static void count_minute(struct minute_counts *minutes, const struct alert_row *row)
{
        minutes->counts[row->state == ALERT_MUTED][row->severity]++;
}

static int write_minutes(struct alerts *alerts, struct minute_counts *minutes, struct error *err)
{
        for (int muted = 0; muted < 2; muted++)
                for (int severity = 0; severity < ALERT_SEVERITIES; severity++)
                        if (minutes->counts[muted][severity] &&
                                alert_store_count_minute(alerts->store, minutes->minute, severity, muted,
                                        minutes->counts[muted][severity], err) < 0)
                                return -1;
        *minutes = (struct minute_counts){ .minute = minutes->minute };
        return 0;
}

static void repeat(struct alerts *alerts, struct recent *recent, const struct alert_row *row)
{
        recent->count++;
        recent->last_ns = row->last_ns;
        if (row->severity > recent->severity)
                recent->severity = row->severity;
        if (!recent->touched) {
                recent->touched = true;
                recent->next = alerts->recents.touched;
                alerts->recents.touched = recent;
        }
}

static int write_recent(struct alerts *alerts, const struct recent *recent, struct error *err)
{
        struct alert_row row = {
                .id = recent->id, .last_ns = recent->last_ns, .count = recent->count, .severity = recent->severity
        };
        return alert_store_repeat(alerts->store, &row, err);
}

/* One that is over makes room for the next of its kind: what it counted is written before. */
static struct recent *find_same(struct alerts *alerts, const struct alert_row *row, int *ret_status, struct error *err)
{
        bool over;
        struct recent *recent = recents_find(&alerts->recents, row, &over);
        if (over && recent->touched && write_recent(alerts, recent, err) < 0)
                *ret_status = -1;
        return over ? NULL : recent;
}

static int store_one(struct alerts *alerts, struct alert_row *row, const struct waiting_alert *waiting,
        struct arena *arena, struct alerts_counters *counters, struct error *err)
{
        int status = 0;
        struct muting *muting = mute_for(alerts, row);
        if (muting) {
                row->state = ALERT_MUTED;
                row->mute = muting->id;
                muting->count++;
                counters->muted++;
        }
        struct recent *recent = find_same(alerts, row, &status, err);
        if (!recent && !recents_rule_may(&alerts->recents, row, alerts->config->burst)) {
                row->message = "further alerts of this rule in one minute: too many to keep each";
                row->container = row->container_id = row->exe = row->user = "";
                row->pid = 0;
                recent = find_same(alerts, row, &status, err);
                counters->merged++;
        }
        if (status < 0)
                return -1;
        if (recent) {
                counters->repeated++;
                repeat(alerts, recent, row);
                return 0;
        }
        if (alert_evidence(sv_n(waiting->json, waiting->size), arena, &row->evidence, err) < 0 ||
                alert_store_insert(alerts->store, row, &row->id, err) < 0)
                return -1;
        counters->stored++;
        recents_put(&alerts->recents, row);
        int64_t *id = vec_add(&alerts->news, BATCH_MAX);
        if (id)
                *id = row->id;
        return 0;
}

static int write_touched(struct alerts *alerts, struct error *err)
{
        for (const struct recent *recent = alerts->recents.touched; recent; recent = recent->next)
                if (write_recent(alerts, recent, err) < 0)
                        return -1;
        vec_foreach (slot, &alerts->mutes)
                if ((*slot)->count && alert_store_count_mute(alerts->store, (*slot)->id, (*slot)->count, err) < 0)
                        return -1;
        return 0;
}

/* ---- a batch ---- */

/* The last one that the agent numbered; number 0: none. */
static struct alert_id last_id(const struct alerts *alerts, size_t count)
{
        struct alert_id last = { 0 };
        for (size_t i = count; i-- > 0 && !last.number;)
                last = alerts->waiting.items[i].id;
        return last;
}

static int write_batch(struct alerts *alerts, size_t count, struct alerts_counters *counters, struct error *err)
{
        struct minute_counts minutes = { 0 };
        struct arena arena;
        arena_init(&arena, ARENA_MAX);
        int status = 0;
        for (size_t i = 0; i < count && status == 0; i++) {
                const struct waiting_alert *waiting = &alerts->waiting.items[i];
                struct alert_row row;
                if (waiting->time_ns / MINUTE != minutes.minute) {
                        status = write_minutes(alerts, &minutes, err);
                        minutes.minute = waiting->time_ns / MINUTE;
                }
                if (status == 0)
                        status = alert_derive(sv_n(waiting->json, waiting->size), waiting->module, waiting->time_ns,
                                user_name, alerts->users, &arena, &row, err);
                if (status == 0)
                        status = store_one(alerts, &row, waiting, &arena, counters, err);
                if (status == 0)
                        count_minute(&minutes, &row);
                arena_done(&arena);
        }
        if (status == 0)
                status = write_minutes(alerts, &minutes, err);
        if (status == 0)
                status = write_touched(alerts, err);
        struct alert_id last = count == alerts->waiting.count ? alerts->last : last_id(alerts, count);
        return status == 0 && last.number ? alert_store_set_taken(alerts->store, &last, err) : status;
}

static bool take_recent(const struct alert_row *row, void *cookie)
{
        recents_put(cookie, row);
        return true;
}

/* What memory says of a batch that did not happen is not so: the file is asked. */
static int load_recents(struct alerts *alerts, struct error *err)
{
        recents_done(&alerts->recents);
        recents_init(&alerts->recents);
        vec_foreach (slot, &alerts->mutes)
                (*slot)->count = 0;
        return alert_store_recent(alerts->store, time_unix_ns() - RECENT_WINDOW_S * SECOND, RECENT_MAX / 2, take_recent,
                       &alerts->recents, err) < 0
                       ? -1
                       : 0;
}

static void forget_waiting(struct alerts *alerts, size_t count)
{
        for (size_t i = 0; i < count; i++) {
                struct waiting_alert *waiting = &alerts->waiting.items[i];
                alerts->waiting_bytes -= waiting->size;
                free(waiting->module);
                free(waiting->json);
        }
        alerts->waiting.count -= count;
        if (alerts->waiting.count)
                memmove(alerts->waiting.items, alerts->waiting.items + count,
                        alerts->waiting.count * sizeof(alerts->waiting.items[0]));
        else
                vec_done(&alerts->waiting);
}

/* On disk now: said to the agent, then to whoever follows. */
static void batch_done(struct alerts *alerts, size_t count, const struct alerts_counters *counters)
{
        struct alert_id last = count == alerts->waiting.count ? alerts->last : last_id(alerts, count);
        alerts->counters.stored += counters->stored;
        alerts->counters.repeated += counters->repeated;
        alerts->counters.merged += counters->merged;
        alerts->counters.muted += counters->muted;
        forget_waiting(alerts, count);
        service_alert_taken(alerts->service, &last);
        vec_foreach (id, &alerts->news)
                followers_tell(alerts, "alert", *id);
        while (alerts->recents.touched) {
                struct recent *recent = alerts->recents.touched;
                bool told = false;
                alerts->recents.touched = recent->next;
                recent->next = NULL;
                recent->touched = false;
                for (size_t i = 0; i < alerts->news.count && !told; i++)
                        told = alerts->news.items[i] == recent->id;
                if (!told)
                        followers_tell(alerts, "changed", recent->id);
        }
        vec_foreach (slot, &alerts->mutes)
                (*slot)->count = 0;
}

static void batch_failed(struct alerts *alerts, const struct error *why)
{
        const int64_t now = loop_now_ns(alerts->service->loop);
        alerts->counters.write_errors++;
        alerts->trouble = *why;
        alerts->failing = true;
        alerts->retry_ns = alerts->retry_ns ? 2 * alerts->retry_ns : SECOND;
        if (alerts->retry_ns > RETRY_MAX_S * SECOND)
                alerts->retry_ns = RETRY_MAX_S * SECOND;
        if (!alerts->warned_ns || now - alerts->warned_ns >= WARN_S * SECOND) {
                alerts->warned_ns = now;
                service_log(alerts->service, "warning: alerts are not written, %zu wait: %s", alerts->waiting.count,
                        why->message);
        }
        load_recents(alerts, NULL);
}

int64_t intake_time(struct alerts *alerts)
{
        enum age_change change;
        int64_t now = retention_now(alerts, &change);
        if (change == AGE_RETURNED) /* mutes that were over by a clock that was wrong */
                load_mutes(alerts, NULL);
        return now;
}

static int commit_batch(struct alerts *alerts, size_t count, struct alerts_counters *counters, struct error *err)
{
        if (alert_store_begin(alerts->store, err) < 0)
                return -1;
        if (alert_store_trim(alerts->store, intake_time(alerts), &counters->removed, err) < 0 ||
                write_batch(alerts, count, counters, err) < 0) {
                alert_store_rollback(alerts->store);
                return -1;
        }
        return alert_store_commit(alerts->store, err);
}

/* False when the disk did not take it. */
static bool commit(struct alerts *alerts)
{
        struct error err;
        struct alerts_counters counters = { 0 };
        size_t count = alerts->waiting.count < BATCH_MAX ? alerts->waiting.count : BATCH_MAX;
        if (count == 0)
                return true;
        alerts->news.count = 0;
        alerts->committed_ns = loop_now_ns(alerts->service->loop);
        if (commit_batch(alerts, count, &counters, &err) < 0) {
                batch_failed(alerts, &err);
                return false;
        }
        if (alerts->failing)
                service_log(alerts->service, "alerts are written again");
        alerts->failing = false;
        alerts->retry_ns = alerts->warned_ns = 0;
        alerts->trouble.code = E_NONE;
        alerts->counters.removed += counters.removed;
        batch_done(alerts, count, &counters);
        return true;
}

void intake_flush(struct alerts *alerts)
{
        while (alerts->waiting.count && commit(alerts))
                ;
}

static void on_commit(struct loop *loop, loop_id id, void *cookie)
{
        struct alerts *alerts = cookie;
        (void)loop;
        (void)id;
        alerts->commit_id = 0;
        commit(alerts);
        if (alerts->waiting.count)
                schedule(alerts);
}

/* A lone alert is written at once; of a flood many at a time; after a failure later. */
static void schedule(struct alerts *alerts)
{
        struct loop *loop = alerts->service->loop;
        if (alerts->commit_id)
                return;
        int64_t since = loop_now_ns(loop) - alerts->committed_ns;
        int64_t delay = alerts->waiting.count >= BATCH_MAX || since >= BATCH_MS * MILLISECOND
                                ? 0
                                : BATCH_MS * MILLISECOND - since;
        if (alerts->failing)
                delay = alerts->retry_ns;
        loop_add_timer(loop, delay, 0, on_commit, alerts, &alerts->commit_id, NULL);
}

static bool is_known(const struct alerts *alerts, const struct alert_id *id)
{
        return id->number && id->sender == alerts->last.sender && id->number <= alerts->last.number;
}

static bool keep(struct alerts *alerts, const struct handed_alert *alert)
{
        if (alerts->waiting_bytes + alert->json.n > WAITING_BYTES_MAX)
                return false;
        char *module = strdup(alert->module), *json = malloc(alert->json.n + 1);
        struct waiting_alert *waiting = module && json ? vec_add(&alerts->waiting, WAITING_MAX) : NULL;
        if (!waiting) {
                free(module);
                free(json);
                return false;
        }
        memcpy(json, alert->json.p, alert->json.n);
        json[alert->json.n] = '\0';
        *waiting = (struct waiting_alert){ alert->id, alert->time_ns ? alert->time_ns : time_unix_ns(), module, json,
                alert->json.n };
        alerts->waiting_bytes += alert->json.n;
        return true;
}

void intake_alert(struct service *service, const struct handed_alert *alert)
{
        struct alerts *alerts = alerts_of(service);
        if (alerts->stopped) /* it waits in the agent for the next process */
                return;
        if (is_known(alerts, &alert->id)) {
                alerts->counters.duplicates++;
                if (!alerts->waiting.count) /* else the commit says so */
                        service_alert_taken(service, &alert->id);
                return;
        }
        if (alert->id.number)
                alerts->last = alert->id;
        if (keep(alerts, alert))
                alerts->counters.taken++;
        else
                alerts->counters.lost++; /* told as taken with the next batch: the agent need not keep it */
        if (alerts->waiting.count >= BATCH_MAX && !alerts->failing)
                commit(alerts); /* a flood is written as fast as it comes, and read no faster */
        if (alerts->waiting.count)
                schedule(alerts);
}

/* ---- begin and end ---- */

int intake_start(struct alerts *alerts, struct error *err)
{
        recents_init(&alerts->recents);
        return retention_start(alerts, err) < 0 || alert_store_taken(alerts->store, &alerts->last, err) < 0 ||
                               load_mutes(alerts, err) < 0 || load_recents(alerts, err) < 0
                       ? -1
                       : 0;
}

void intake_done(struct alerts *alerts)
{
        if (alerts->commit_id)
                loop_remove(alerts->service->loop, alerts->commit_id);
        alerts->commit_id = 0;
        forget_waiting(alerts, alerts->waiting.count);
        forget_mutes(alerts);
        recents_done(&alerts->recents);
        vec_done(&alerts->news);
}

/* ---- what people do ---- */

static int acknowledge_all(struct alerts *alerts, const struct int64_list *ids, const char *by, const char *comment,
        enum id_fate *ret_fates, struct error *err)
{
        const int64_t now = time_unix_ns();
        for (size_t i = 0; i < ids->count; i++) {
                bool changed;
                int status = alert_store_acknowledge(alerts->store, ids->items[i], now, by, comment, &changed, err);
                if (status < 0 && err->code != E_NOT_FOUND)
                        return -1;
                ret_fates[i] = status < 0 ? ID_UNKNOWN : changed ? ID_CHANGED : ID_KNOWN;
        }
        return 0;
}

int alerts_acknowledge(struct alerts *alerts, const struct int64_list *ids, const char *by, const char *comment,
        enum id_fate *ret_fates, struct error *err)
{
        intake_flush(alerts); /* or what came before would count on an alert that is seen to */
        if (alert_store_begin(alerts->store, err) < 0)
                return -1;
        if (acknowledge_all(alerts, ids, by, comment, ret_fates, err) < 0) {
                alert_store_rollback(alerts->store);
                return -1;
        }
        if (alert_store_commit(alerts->store, err) < 0)
                return -1;
        for (size_t i = 0; i < ids->count; i++) {
                if (ret_fates[i] != ID_CHANGED)
                        continue;
                recents_forget(&alerts->recents, ids->items[i]);
                followers_tell(alerts, "changed", ids->items[i]);
        }
        return 0;
}

int alerts_reopen(struct alerts *alerts, int64_t id, struct error *err)
{
        bool changed;
        if (alert_store_reopen(alerts->store, id, &changed, err) < 0)
                return -1;
        recents_forget(&alerts->recents, id);
        if (changed)
                followers_tell(alerts, "changed", id);
        return 0;
}

/* The mute and what it does to those that are there: both or none. */
static int add_mute_for_all(struct alerts *alerts, struct alert_mute *mute, int64_t *ret_id, struct error *err)
{
        struct alert_ids ids = { 0 };
        if (alert_store_begin(alerts->store, err) < 0)
                return -1;
        int status = alert_store_add_mute(alerts->store, mute, &mute->id, err);
        if (status == 0)
                status = alert_store_mute_existing(alerts->store, mute, &ids, err);
        if (status < 0)
                alert_store_rollback(alerts->store);
        else
                status = alert_store_commit(alerts->store, err);
        for (size_t i = 0; status == 0 && i < ids.count; i++) {
                recents_forget(&alerts->recents, ids.items[i]);
                followers_tell(alerts, "changed", ids.items[i]);
        }
        vec_done(&ids);
        if (status < 0)
                return -1;
        *ret_id = mute->id;
        return load_mutes(alerts, err);
}

int alerts_mute(
        struct alerts *alerts, const struct mute_params *params, const char *by, int64_t *ret_id, struct error *err)
{
        const int64_t now = time_unix_ns();
        struct alert_mute mute = { .module = params->module ? params->module : "",
                .rule = params->rule ? params->rule : "",
                .container = params->container ? params->container : "",
                .comment = params->comment ? params->comment : "",
                .severity = params->severity,
                .created_ns = now,
                .until_ns = params->until_ns ? params->until_ns : now + params->for_ns,
                .by = by };
        if (params->for_ns && params->until_ns)
                return fail(err, E_INVALID, "until: give either for or until");
        if (!params->for_ns && !params->until_ns)
                return fail(err, E_INVALID, "for: a mute has an end: how long (\"2h\"), or until when");
        if (mute.until_ns <= now || mute.until_ns - now > 3650 * DAY)
                return fail(err, E_INVALID, "until: a time to come, within ten years");
        if (!*mute.module && !*mute.rule && !*mute.container)
                return fail(err, E_INVALID, "rule: which alerts? module, rule or container is needed");
        if (alerts->mutes.count >= MUTES_MAX)
                return fail(err, E_TOO_LARGE, "%d mutes are in force already", MUTES_MAX);
        intake_flush(alerts);
        if (params->existing)
                return add_mute_for_all(alerts, &mute, ret_id, err);
        if (alert_store_add_mute(alerts->store, &mute, ret_id, err) < 0)
                return -1;
        return load_mutes(alerts, err);
}

int alerts_unmute(struct alerts *alerts, int64_t id, const char *by, struct error *err)
{
        intake_flush(alerts);
        if (alert_store_end_mute(alerts->store, id, time_unix_ns(), by, err) < 0)
                return -1;
        return load_mutes(alerts, err);
}
