#include "agent/schedule.h"

#include "agent/runs.h"
#include "agent/saved_rights.h"
#include "base/log.h"
#include "schema/json_writer.h"

/* The wall clock may be set while we wait: we look at least this often. */
#define LOOK_NS (60 * SECOND)
#define SET_BACK_NS (3 * HOUR)

/* Those that are gone stay while a run of theirs is under way. */
enum { ENTRIES_MAX = 2 * (CONFIG_SCHEDULES_MAX + SAVED_MAX) };

struct entry {
        struct schedule *schedule;
        char name[72];
        int64_t last_ns; /* wall clock of the last intent, or of what was skipped in its place; 0 = never */
        int64_t from_ns; /* wall clock when next_ns was made */
        int64_t next_ns; /* INT64_MAX: never */
        unsigned running;
        char run[RUN_ID_MAX];
        char suspended[256]; /* why it is not run: who saved it may not any more; "" = it is */
};

struct schedule {
        struct agent *agent;
        int64_t (*now_ns)(void);
        VEC(struct entry *) entries;
        loop_id timer;
        bool started;
};

int64_t schedule_due(const struct config_schedule *entry, int64_t last_ns, int64_t now_ns, bool local)
{
        if (!entry->enabled)
                return INT64_MAX;
        if (entry->every_ns)
                return last_ns ? last_ns + entry->every_ns : now_ns;
        int64_t next = cron_next(&entry->points, (last_ns ? last_ns : now_ns) / SECOND, local);
        return next < 0 ? INT64_MAX : next * SECOND;
}

const struct config_schedule *schedule_of_config(const struct agent *agent, const char *name)
{
        list_foreach (entry, &agent->config->schedule)
                if (strcmp(entry->name, name) == 0)
                        return entry;
        return NULL;
}

/* Of the file, else of what was saved: a file that was changed since may use the name of a saved run. */
static const struct config_schedule *configured(const struct agent *agent, const char *name)
{
        const struct config_schedule *entry = schedule_of_config(agent, name);
        return entry ? entry : saved_schedule(agent->saved, name);
}

/* What was saved runs in the name of who saved it; what the file says, in that of the file. False: it is suspended. */
static bool may_run(struct schedule *schedule, struct entry *entry)
{
        struct agent *agent = schedule->agent;
        struct error why;
        const struct saved *saved =
                schedule_of_config(agent, entry->name) ? NULL : saved_find(agent->saved, entry->name);
        bool allowed = !saved || saved_check_rights(agent, saved, &why) == 0;
        bool told = entry->suspended[0];
        if (!allowed && !told)
                log_warning("saved run %s is suspended: %s", entry->name, why.message);
        if (allowed && told)
                log_notice("saved run %s is scheduled again", entry->name);
        snprintf(entry->suspended, sizeof(entry->suspended), "%.250s", allowed ? "" : why.message);
        if (!allowed && entry->running && runs_cancel_queued(agent, entry->run, "who saved it may not run it any more"))
                log_warning("saved run %s: the run that waited for its turn is cancelled", entry->name);
        return allowed;
}

static void plan(struct schedule *schedule);

static void on_end(struct agent *agent, void *cookie)
{
        struct entry *entry = cookie;
        (void)agent;
        entry->running--;
}

static void begin(struct schedule *schedule, struct entry *entry, const struct config_schedule *config)
{
        struct agent *agent = schedule->agent;
        struct error err;
        struct caller caller = { .role = ROLE_ADMIN };
        snprintf(caller.identity, sizeof(caller.identity), "schedule %s", entry->name);
        const struct catalog_entry *module = catalog_find(agent->catalog, config->module, &err);
        char *parameters = module && config->parameters ? json_dumps(config->parameters, JSON_COMPACT) : NULL;
        struct run_request request = { .entry = module,
                .caller = &caller,
                .door = "schedule",
                .parameters = sv_of(parameters ? parameters : "{}"),
                .privacy = config->privacy,
                .budget = { .cpu_share = config->max_cpu,
                        .io_rate = config->max_io,
                        .memory = config->max_memory,
                        .wall_ns = config->max_time_ns },
                .on_end = on_end,
                .cookie = entry };
        entry->running++;
        if (!module || runs_start(agent, &request, entry->run, &err) < 0) {
                entry->running--;
                log_error("schedule %s: %s", entry->name, err.message);
        } else {
                agent->counters.schedule_started++;
        }
        free(parameters);
}

static void set_next(struct schedule *schedule, struct entry *entry, const struct config_schedule *config, int64_t now)
{
        entry->from_ns = now;
        entry->next_ns = schedule_due(config, entry->last_ns, now, schedule->agent->config->local_time);
}

/* The last run lies in the future: the clock was set back since. An interval goes on from now. Points in time that have
 * been are not run twice when it was some hours; more is a correction of the clock, and what it says now counts, as in
 * cron(8). */
static void look_back(struct schedule *schedule, struct entry *entry, const struct config_schedule *config, int64_t now)
{
        int64_t last = entry->last_ns ? entry->last_ns : entry->from_ns;
        if (last <= now || (!config->every_ns && last - now <= SET_BACK_NS))
                return;
        log_notice("schedule %s: the clock was set back", entry->name);
        if (entry->last_ns)
                entry->last_ns = now;
        set_next(schedule, entry, config, now);
}

/* Rights may come back by themselves, when a user is known again. What was due meanwhile is not made up for. */
static void look_again(
        struct schedule *schedule, struct entry *entry, const struct config_schedule *config, int64_t now)
{
        bool was_suspended = entry->suspended[0];
        if (may_run(schedule, entry) && was_suspended && entry->last_ns)
                entry->last_ns = now;
        set_next(schedule, entry, config, now);
}

static void look(struct schedule *schedule)
{
        struct agent *agent = schedule->agent;
        int64_t now = schedule->now_ns();
        for (size_t i = 0; i < schedule->entries.count; i++) {
                struct entry *entry = schedule->entries.items[i];
                const struct config_schedule *config = configured(agent, entry->name);
                if (config)
                        look_back(schedule, entry, config, now);
                if (config && entry->suspended[0] && now - entry->from_ns >= LOOK_NS)
                        look_again(schedule, entry, config, now);
                if (!config || entry->suspended[0] || entry->next_ns > now || !may_run(schedule, entry))
                        continue;
                int64_t due = entry->next_ns;
                if (entry->running) {
                        agent->counters.schedule_skipped++;
                        log_info("schedule %s: the run before is not over; skipped", entry->name);
                } else {
                        begin(schedule, entry, config);
                }
                /* every-N keeps its phase while it can; what lies further back runs once, not as often as it was missed
                 */
                bool late = config->every_ns && now - due >= config->every_ns;
                entry->last_ns = config->every_ns && !late ? due : now;
                set_next(schedule, entry, config, now);
        }
        plan(schedule);
}

static void on_timer(struct loop *loop, loop_id id, void *cookie)
{
        (void)loop;
        (void)id;
        struct schedule *schedule = cookie;
        if (schedule->started)
                look(schedule);
}

static void plan(struct schedule *schedule)
{
        int64_t next = INT64_MAX;
        int64_t now = schedule->now_ns();
        for (size_t i = 0; i < schedule->entries.count; i++) {
                const struct entry *entry = schedule->entries.items[i];
                bool never = entry->next_ns == INT64_MAX || !configured(schedule->agent, entry->name);
                int64_t at = entry->suspended[0] ? entry->from_ns + LOOK_NS : entry->next_ns;
                if (!never && at < next)
                        next = at;
        }
        if (next == INT64_MAX) {
                loop_rearm_timer_at(schedule->agent->loop, schedule->timer, LOOP_NEVER);
                return;
        }
        int64_t wait = next > now ? next - now : 0;
        loop_rearm_timer(schedule->agent->loop, schedule->timer, wait < LOOK_NS ? wait : LOOK_NS);
}

static struct entry *find(struct schedule *schedule, const char *name)
{
        for (size_t i = 0; i < schedule->entries.count; i++)
                if (strcmp(schedule->entries.items[i]->name, name) == 0)
                        return schedule->entries.items[i];
        return NULL;
}

static int add(struct schedule *schedule, const struct config_schedule *config, struct error *err)
{
        struct agent *agent = schedule->agent;
        char identity[96];
        struct entry *entry = find(schedule, config->name);
        if (entry) {
                look_again(schedule, entry, config, schedule->now_ns());
                return 0;
        }
        entry = calloc(1, sizeof(*entry));
        struct entry **slot = entry ? vec_add(&schedule->entries, ENTRIES_MAX) : NULL;
        if (!slot) {
                free(entry);
                return fail(err, E_NO_MEMORY, "no memory for the schedule");
        }
        *slot = entry;
        entry->schedule = schedule;
        snprintf(entry->name, sizeof(entry->name), "%s", config->name);
        snprintf(identity, sizeof(identity), "schedule %s", config->name);
        if (runlog_last_intent(agent->log, identity, &entry->last_ns, err) < 0)
                return -1;
        int64_t now = schedule->now_ns();
        set_next(schedule, entry, config, now);
        look_back(schedule, entry, config, now);
        if (entry->last_ns && entry->next_ns <= now) {
                agent->counters.schedule_missed++;
                entry->next_ns = now;
        }
        may_run(schedule, entry);
        return 0;
}

static int read_entries(struct schedule *schedule, struct error *err)
{
        list_foreach (config, &schedule->agent->config->schedule)
                if (add(schedule, config, err) < 0)
                        return -1;
        const struct saved_store *saved = schedule->agent->saved;
        for (size_t i = 0; i < saved_count(saved); i++) {
                const char *name = saved_at(saved, i)->run.name;
                const struct config_schedule *config = saved_schedule(saved, name);
                if (config && schedule_of_config(schedule->agent, name))
                        log_warning(
                                "saved run %s is not scheduled: the configuration has a schedule of this name", name);
                else if (config && add(schedule, config, err) < 0)
                        return -1;
        }
        return 0;
}

struct schedule *schedule_new(struct agent *agent, int64_t (*now_ns)(void), struct error *err)
{
        struct schedule *schedule = calloc(1, sizeof(*schedule));
        if (!schedule)
                return fail_null(err, E_NO_MEMORY, "no memory for the schedule");
        schedule->agent = agent;
        schedule->now_ns = now_ns;
        return schedule;
}

int schedule_start(struct agent *agent, struct error *err)
{
        struct schedule *schedule = agent->schedule;
        if (read_entries(schedule, err) < 0 ||
                loop_add_timer_at(agent->loop, LOOP_NEVER, 0, on_timer, schedule, &schedule->timer, err) < 0)
                return -1;
        schedule->started = true;
        plan(schedule);
        return 0;
}

void schedule_stop(struct agent *agent)
{
        struct schedule *schedule = agent->schedule;
        if (schedule->timer)
                loop_remove(agent->loop, schedule->timer);
        schedule->timer = 0;
        schedule->started = false;
}

/* Entries that are not configured any more go, unless a run of theirs is under way. */
static void drop_entries(struct schedule *schedule, bool all)
{
        for (size_t i = schedule->entries.count; i-- > 0;) {
                struct entry *entry = schedule->entries.items[i];
                if (!all && (entry->running || configured(schedule->agent, entry->name)))
                        continue;
                free(entry);
                vec_swap_remove(&schedule->entries, i);
        }
}

void schedule_free(struct schedule *schedule)
{
        if (!schedule)
                return;
        drop_entries(schedule, true);
        vec_done(&schedule->entries);
        free(schedule);
}

int schedule_reload(struct agent *agent, struct error *err)
{
        struct schedule *schedule = agent->schedule;
        if (!schedule->started)
                return 0;
        drop_entries(schedule, false);
        int status = read_entries(schedule, err);
        plan(schedule);
        return status;
}

static void put_time(struct json_writer *writer, const char *key, int64_t ns)
{
        char text[TIME_TEXT_MAX];
        if (ns <= 0 || ns == INT64_MAX)
                return;
        time_format_rfc3339(ns / MILLISECOND * MILLISECOND, text);
        json_field(writer, key, json_put_text, text);
}

void schedule_write(const struct agent *agent, struct json_writer *writer)
{
        const struct schedule *schedule = agent->schedule;
        json_key(writer, "schedule");
        json_begin_array(writer);
        for (size_t i = 0; schedule && i < schedule->entries.count; i++) {
                const struct entry *entry = schedule->entries.items[i];
                const struct config_schedule *config = configured(agent, entry->name);
                if (!config)
                        continue;
                json_begin_object(writer);
                json_field(writer, "name", json_put_text, entry->name);
                json_field(writer, "module", json_put_text, config->module);
                json_field(writer, "enabled", json_put_bool, config->enabled);
                json_field(writer, "saved", json_put_bool, !schedule_of_config(agent, entry->name));
                put_time(writer, "last", entry->last_ns);
                if (entry->suspended[0])
                        json_field(writer, "suspended", json_put_text, entry->suspended);
                else
                        put_time(writer, "next", entry->next_ns);
                json_field(writer, "running", json_put_bool, entry->running > 0);
                if (entry->run[0])
                        json_field(writer, "run", json_put_text, entry->run);
                json_end_object(writer);
        }
        json_end_array(writer);
}
