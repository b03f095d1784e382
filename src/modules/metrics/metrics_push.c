#include "modules/metrics/metrics_push.h"

#include "base/cleanup.h"
#include "base/encode.h"
#include "base/timefmt.h"
#include "loop/loop.h"
#include "modules/metrics/export/address.h"
#include "modules/metrics/export/influx.h"
#include "modules/metrics/export/json.h"
#include "modules/metrics/export/sender.h"
#include "modules/metrics/export/statsd.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/utsname.h>
#include <unistd.h>

enum {
        BATCH_SIZE = 256 << 10,    /* of InfluxDB's lines: more are a request before the buffer's time is over */
        QUEUE_MAX = 8 << 20,       /* of requests that wait for a server that is away */
        HOSTS_MAX = 1 << 20,       /* of /etc/hosts */
        SAMPLE_TEXT_MAX = 1 << 20, /* one sample's lines */
        TEXT_MAX = 8192            /* a target, an authorization */
};

enum driver_kind { DRIVER_INFLUXDB, DRIVER_STATSD, DRIVER_STDOUT, DRIVER_KINDS };
static const char *const driver_names[] = { "influxdb", "statsd", "stdout" };

struct driver {
        bool on;
        struct sender *sender;        /* not of stdout */
        bool told;                    /* that it fails */
        uint64_t failures, delivered; /* at the last look that found a failure */
        uint64_t pushed, lost;        /* what the sender does not count */
};

struct push {
        struct loop *loop;
        const struct cadvisor_settings *settings;
        struct push_hooks hooks;
        struct driver drivers[DRIVER_KINDS];
        bool named; /* the host is a name of /etc/hosts */
        char machine[sizeof(((struct utsname *)0)->nodename)];
        struct buf batch;  /* InfluxDB's lines that gather */
        struct buf sample; /* the lines of one sample */
        loop_id flush_id, look_id;
};

static int read_hosts(struct buf *ret)
{
        cleanup(fd_close) int fd = open("/etc/hosts", O_RDONLY | O_CLOEXEC);
        for (;;) {
                char *room = fd < 0 ? NULL : buf_reserve(ret, 4096);
                if (!room)
                        return -1;
                ssize_t n = read(fd, room, 4096);
                if (n <= 0)
                        return n < 0 ? -1 : 0;
                ret->len += (size_t)n;
        }
}

static int find_address(
        const char *host, struct sockaddr_storage *ret, socklen_t *ret_size, bool *ret_named, struct error *err)
{
        cleanup(buf_done) struct buf hosts;
        buf_init(&hosts, HOSTS_MAX);
        if (read_hosts(&hosts) < 0)
                buf_clear(&hosts); /* a host without the file: numbers and localhost work all the same */
        if (address_resolve(host, sv_n(buf_text(&hosts), hosts.len), ret, ret_size, ret_named, err) < 0)
                return error_prefix(err, "storage_driver_host");
        return 0;
}

/* ---- making ---- */

static int open_sender(struct push *push, enum driver_kind kind, const struct sockaddr_storage *address,
        socklen_t address_size, struct error *err)
{
        const struct cadvisor_settings *settings = push->settings;
        cleanup(buf_done) struct buf target, authorization;
        buf_init(&target, TEXT_MAX);
        buf_init(&authorization, TEXT_MAX);
        struct sender_options options = { .address = (const struct sockaddr *)address,
                .address_size = address_size,
                .host = settings->storage_driver_host,
                .queue_max = QUEUE_MAX };
        if (kind == DRIVER_INFLUXDB) {
                const char *user = settings->storage_driver_user, *password = settings->storage_driver_password;
                influx_target(
                        settings->storage_driver_db, settings->storage_driver_influxdb_retention_policy, NULL, &target);
                options.target = buf_text(&target);
                if (user && *user) {
                        cleanup(buf_done) struct buf plain;
                        buf_init(&plain, TEXT_MAX);
                        buf_printf(&plain, "%s:%s", user, password ? password : "");
                        buf_puts(&authorization, "Basic ");
                        base64_encode(buf_text(&plain), plain.len, &authorization);
                        authorization.failed |= plain.failed;
                        options.authorization = buf_text(&authorization);
                }
        }
        if (target.failed || authorization.failed)
                return fail(err, E_TOO_LARGE, "storage_driver_db, _user or _password is too long");
        push->drivers[kind].sender = sender_new(push->loop, &options, err);
        return push->drivers[kind].sender ? 0 : -1;
}

static void on_flush(struct loop *loop, loop_id id, void *cookie);
static void on_look(struct loop *loop, loop_id id, void *cookie);

static int open_drivers(struct push *push, struct error *err)
{
        struct sockaddr_storage address;
        socklen_t address_size;
        struct sv part;
        bool sends = false;
        for (struct sv rest = sv_of(push->settings->storage_driver); rest.n && sv_split(&rest, ',', &part);)
                for (size_t i = 0; i < DRIVER_KINDS; i++)
                        push->drivers[i].on |= sv_eq(part, sv_of(driver_names[i]));
        if (push->drivers[DRIVER_STDOUT].on && !push->hooks.line)
                return fail(
                        err, E_UNSUPPORTED, "storage_driver: stdout is for a run in the foreground, an agent has none");
        for (size_t i = 0; i < DRIVER_STDOUT; i++)
                sends |= push->drivers[i].on;
        if (!sends)
                return 0;
        if (find_address(push->settings->storage_driver_host, &address, &address_size, &push->named, err) < 0)
                return -1;
        for (size_t i = 0; i < DRIVER_STDOUT; i++)
                if (push->drivers[i].on && open_sender(push, i, &address, address_size, err) < 0)
                        return -1;
        int64_t every_ns = push->settings->storage_driver_buffer_ns;
        if (push->drivers[DRIVER_INFLUXDB].on && every_ns > 0 &&
                loop_add_timer(push->loop, every_ns, every_ns, on_flush, push, &push->flush_id, err) < 0)
                return -1;
        return loop_add_timer(push->loop, SECOND, SECOND, on_look, push, &push->look_id, err);
}

int push_new(struct loop *loop, const struct cadvisor_settings *settings, const struct push_hooks *hooks,
        struct push **ret, struct error *err)
{
        struct utsname name;
        *ret = NULL;
        if (!settings->storage_driver || !*settings->storage_driver)
                return 0;
        struct push *push = calloc(1, sizeof(*push));
        if (!push)
                return fail(err, E_NO_MEMORY, "no memory to push samples");
        push->loop = loop;
        push->settings = settings;
        push->hooks = *hooks;
        buf_init(&push->batch, SENDER_BATCH_MAX);
        buf_init(&push->sample, SAMPLE_TEXT_MAX);
        snprintf(push->machine, sizeof(push->machine), "%s", uname(&name) == 0 ? name.nodename : "");
        if (open_drivers(push, err) < 0) {
                push_free(push);
                return -1;
        }
        *ret = push;
        return 0;
}

void push_free(struct push *push)
{
        if (!push)
                return;
        if (push->flush_id)
                loop_remove(push->loop, push->flush_id);
        if (push->look_id)
                loop_remove(push->loop, push->look_id);
        for (size_t i = 0; i < DRIVER_KINDS; i++)
                sender_free(push->drivers[i].sender);
        buf_done(&push->batch);
        buf_done(&push->sample);
        free(push);
}

/* ---- samples ---- */

static void flush(struct push *push)
{
        /* a batch that is refused is counted by the sender */
        (void)sender_put(push->drivers[DRIVER_INFLUXDB].sender, sv_n(buf_text(&push->batch), push->batch.len), NULL);
        buf_clear(&push->batch);
}

static void on_flush(struct loop *loop, loop_id id, void *cookie)
{
        (void)loop;
        (void)id;
        flush(cookie);
}

static void push_influx(struct push *push, const struct container_ref *ref, const struct container_spec *spec,
        const struct container_stats *stats)
{
        influx_render(push->machine, ref, spec, stats, &push->sample);
        if (push->sample.failed) {
                push->drivers[DRIVER_INFLUXDB].lost++;
                return;
        }
        buf_append(&push->batch, push->sample.data, push->sample.len);
        if (push->batch.failed) { /* no memory: both are less than its ceiling */
                push->drivers[DRIVER_INFLUXDB].lost++;
                push->batch.failed = false;
        }
        if (push->batch.len >= BATCH_SIZE || push->settings->storage_driver_buffer_ns == 0)
                flush(push);
}

static void push_statsd(struct push *push, const struct container_ref *ref, const struct container_stats *stats)
{
        struct driver *driver = &push->drivers[DRIVER_STATSD];
        driver->lost += statsd_render(push->settings->storage_driver_db, ref, stats, &push->sample);
        if (push->sample.failed)
                driver->lost++;
        else
                (void)sender_put(driver->sender, sv_n(buf_text(&push->sample), push->sample.len), NULL); /* as above */
}

static void push_stdout(struct push *push, const struct container_ref *ref, const struct container_stats *stats)
{
        struct driver *driver = &push->drivers[DRIVER_STDOUT];
        struct buf *line = &push->sample;
        stdout_render(push->settings->storage_driver_host, ref, stats, time_unix_ns(), line);
        bool taken = false;
        if (!line->failed && line->len > 0) {
                line->data[--line->len] = '\0'; /* the newline */
                taken = push->hooks.line(ref, stats->time_ns, line->data, push->hooks.cookie);
        }
        driver->pushed += taken;
        driver->lost += !taken;
}

void push_sample(struct push *push, const struct container_ref *ref, const struct container_spec *spec,
        const struct container_stats *stats)
{
        for (size_t i = 0; i < DRIVER_KINDS; i++) {
                if (!push->drivers[i].on)
                        continue;
                buf_clear(&push->sample);
                if (i == DRIVER_INFLUXDB)
                        push_influx(push, ref, spec, stats);
                else if (i == DRIVER_STATSD)
                        push_statsd(push, ref, stats);
                else
                        push_stdout(push, ref, stats);
        }
}

/* ---- how it goes ---- */

static void find_again(struct push *push, struct sender *sender)
{
        struct sockaddr_storage address;
        socklen_t size;
        struct error err;
        if (push->named && find_address(push->settings->storage_driver_host, &address, &size, &push->named, &err) == 0)
                (void)sender_set_address(sender, (const struct sockaddr *)&address, size, NULL);
}

static void look(struct push *push, enum driver_kind kind)
{
        struct driver *driver = &push->drivers[kind];
        struct sender_counters counters;
        char text[500];
        sender_count(driver->sender, &counters);
        uint64_t failures = counters.lost_batches + counters.retries;
        if (failures != driver->failures) {
                driver->failures = failures;
                driver->delivered = counters.batches;
                if (!driver->told) {
                        snprintf(text, sizeof(text), "storage driver %s at %.200s fails: %s", driver_names[kind],
                                push->settings->storage_driver_host,
                                counters.last_error[0] ? counters.last_error : "more samples than it takes");
                        push->hooks.log(text, push->hooks.cookie);
                }
                driver->told = true;
                find_again(push, driver->sender);
        } else if (driver->told && counters.batches != driver->delivered) {
                snprintf(text, sizeof(text), "storage driver %s at %.200s takes samples again; lost so far: %llu %s",
                        driver_names[kind], push->settings->storage_driver_host,
                        (unsigned long long)counters.lost_batches, kind == DRIVER_INFLUXDB ? "requests" : "packets");
                push->hooks.log(text, push->hooks.cookie);
                driver->told = false;
        }
}

static void on_look(struct loop *loop, loop_id id, void *cookie)
{
        struct push *push = cookie;
        (void)loop;
        (void)id;
        for (size_t i = 0; i < DRIVER_KINDS; i++)
                if (push->drivers[i].sender)
                        look(push, i);
}

void push_count(const struct push *push, uint64_t *ret_pushed, uint64_t *ret_lost)
{
        *ret_pushed = *ret_lost = 0;
        for (size_t i = 0; push && i < DRIVER_KINDS; i++) {
                struct sender_counters counters = { 0 };
                if (push->drivers[i].sender)
                        sender_count(push->drivers[i].sender, &counters);
                *ret_pushed += push->drivers[i].pushed + counters.batches;
                *ret_lost += push->drivers[i].lost + counters.lost_batches;
        }
}
