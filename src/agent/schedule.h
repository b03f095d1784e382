/* Runs by the clock, of the configuration and those that were saved: every so often, or at cron's points in time. What
 * was missed while the agent was down runs once; a run that is still under way makes the next one be skipped, and
 * counted. A clock that is set forward or a host that slept is seen within a minute; what became due runs once. After a
 * clock was set back an interval goes on from then; points in time come again only when it was more than three hours.
 */
#pragma once

#include "agent/agent.h"

struct json_writer;

/* now_ns: wall clock (time_unix_ns, or a test's). Starts nothing before schedule_start. */
struct schedule *schedule_new(struct agent *agent, int64_t (*now_ns)(void), struct error *err);
int schedule_start(struct agent *agent, struct error *err);
void schedule_stop(struct agent *agent);
void schedule_free(struct schedule *schedule);

/* The configuration, or what is saved, changed: entries of the same name keep their last time. */
int schedule_reload(struct agent *agent, struct error *err);

/* The configuration's entry of this name, or NULL. */
const struct config_schedule *schedule_of_config(const struct agent *agent, const char *name);

/* "schedule": [{name, module, enabled, saved, last, next or suspended, running, run}] */
void schedule_write(const struct agent *agent, struct json_writer *writer);

/* When an entry that ran last at last_ns (0 = never) is due; now_ns tells what "never" means. INT64_MAX = never. Pure.
 */
int64_t schedule_due(const struct config_schedule *entry, int64_t last_ns, int64_t now_ns, bool local);
