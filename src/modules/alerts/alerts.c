/* The module: settings, start, stop. */
#include "alerts.h"

#include "base/cleanup.h"
#include "linux/process_list.h"

#include <fcntl.h>

static const struct field config_fields[] = {
        FIELD_SIZE(struct alerts_config, retain, .def = "64m", .min = 1 << 20, .max = INT64_C(1) << 40,
                .help = "size of the store, beyond which alerts go: muted ones first, then the oldest"),
        FIELD_DURATION(struct alerts_config, retain_ns, .json = "retain_time", .def = "30d", .min = HOUR,
                .max = 3650 * DAY, .help = "age at which alerts go"),
        FIELD_INT(struct alerts_config, burst, .def = "300", .min = 1, .max = 1000000,
                .help = "different alerts of one rule in a minute that are kept each; the rest is one, with a count"),
};

struct alerts *alerts_of(const struct service *service)
{
        return service->state;
}

void alerts_write_counters(struct alerts *alerts, struct json_writer *writer)
{
        json_begin_object(writer);
#define X(name, help) json_field(writer, #name, json_put_uint, alerts->counters.name);
        ALERTS_COUNTERS(X)
#undef X
        json_field(writer, "waiting", json_put_uint, alerts->waiting.count);
        json_field(writer, "mutes", json_put_uint, alerts->mutes.count);
        json_field(writer, "bytes", json_put_uint, alert_store_size(alerts->store));
        if (alerts->trouble.code)
                json_field(writer, "trouble", json_put_text, alerts->trouble.message);
        json_end_object(writer);
}

/* Also where no alert comes, what is too old goes. */
static void on_tick(struct loop *loop, loop_id id, void *cookie)
{
        struct alerts *alerts = cookie;
        const int64_t now = time_unix_ns();
        (void)loop;
        (void)id;
        intake_expire_mutes(alerts, now);
        recents_expire(&alerts->recents, now);
        const int64_t age = intake_time(alerts);
        if (!alerts->failing && alert_store_trim(alerts->store, age, &alerts->counters.removed, NULL) < 0)
                alerts->counters.write_errors++;
        retention_save(alerts, false);
}

static void read_users(struct alerts *alerts)
{
        static struct process_users users;
        cleanup(fd_close) int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        arena_init(&alerts->users_arena, 4 << 20);
        alerts->users = &users; /* without names where they cannot be read */
        if (root >= 0)
                process_users_read(root, &alerts->users_arena, &users, NULL);
}

static void alerts_stop(struct service *service)
{
        struct alerts *alerts = alerts_of(service);
        if (alerts->store) {
                intake_flush(alerts);
                retention_save(alerts, true);
        }
        alerts->stopped = true;
        if (alerts->waiting.count)
                service_log(
                        service, "warning: %zu alerts are not on disk; the agent keeps them", alerts->waiting.count);
        if (alerts->tick_id)
                loop_remove(service->loop, alerts->tick_id);
        alerts->tick_id = 0;
        followers_end(alerts);
        countings_end(alerts);
        intake_done(alerts);
        alert_store_close(alerts->store);
        alerts->store = NULL;
        arena_done(&alerts->users_arena);
}

static struct alert_limits limits_of(const struct alerts_config *config)
{
        return (struct alert_limits){ config->retain, config->retain_ns };
}

static int alerts_start(struct service *service, struct error *err)
{
        static struct alerts alerts; /* one a process */
        bool damaged;
        alerts.service = service;
        alerts.config = service->config;
        service->state = &alerts;
        if (!service->state_directory)
                return fail(err, E_INVALID, "no state directory to keep alerts in");
        const struct alert_limits limits = limits_of(alerts.config);
        read_users(&alerts);
        alerts.store = alert_store_open(service->state_directory, &limits, &damaged, err);
        if (!alerts.store)
                return -1;
        if (damaged)
                service_log(service, "warning: the store of alerts was damaged; it is alerts.db.damaged now, and a new "
                                     "one has begun");
        return intake_start(&alerts, err) < 0 ? -1
                                              : loop_add_timer(service->loop, TICK_S * SECOND, TICK_S * SECOND, on_tick,
                                                        &alerts, &alerts.tick_id, err);
}

static int alerts_reload(struct service *service, struct error *err)
{
        struct alerts *alerts = alerts_of(service);
        (void)err;
        alerts->config = service->config;
        const struct alert_limits limits = limits_of(alerts->config);
        alert_store_set_limits(alerts->store, &limits);
        return 0;
}

static const char *const read_paths[] = { "/etc/passwd", NULL };

static const struct module_example alerts_examples[] = {
        { "alerts --state open --severity high", "what nobody has seen to yet" },
        { "alerts --container web --since 1d --json", "all about the container web since yesterday" },
        { "alerts acknowledge 12 13 --comment 'the nightly backup'", "somebody has seen to these" },
        { "alerts mute --rule shell-in-container --container build --for 2h --comment 'upgrade'",
                "these need nobody for two hours" },
        { 0 },
};

const struct module alerts_module = {
        .name = "alerts",
        .summary = "the alerts of all modules, kept on disk, and who has seen to them",
        .description =
                "Takes the alerts of the other modules and keeps them until they are too old or too many. An alert "
                "that "
                "comes again within a minute is counted; one can be acknowledged with a comment, and alerts of a kind "
                "can be muted for a while.\n"
                "tarsier alerts lists them; tarsier alerts acknowledge, reopen, mute, unmute, mutes and counts do the "
                "rest.",
        .params = &alerts_params_record,
        .element = &alert_record,
        .shape = SHAPE_LIST,
        .config = RECORD(struct alerts_config, config_fields),
        .sandbox = { .read_paths = read_paths },
        .limits = { .memory = 192 * MIB, .result = 64 * MIB },
        .role = ROLE_VIEWER,
        .persistent = true,
        .queries = alert_queries,
        .examples = alerts_examples,
        .run = alerts_list_run,
        .print_row = alert_print_row,
        .start = alerts_start,
        .stop = alerts_stop,
        .reload = alerts_reload,
        .alert = intake_alert,
        .takes_alerts = true,
        .routes = alert_routes,
};
