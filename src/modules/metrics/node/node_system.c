/* What system calls tell: time, timex, uname; and which system it is: os. */
#include "modules/metrics/node/node_internal.h"

#include "base/timefmt.h"
#include "linux/host.h"

#include <sys/timex.h>
#include <sys/utsname.h>

static int take_clocksource(int directory, const char *name, void *cookie)
{
        static const char prefix[] = "clocksource";
        struct exposition *out = cookie;
        char path[300];
        char into[NODE_SMALL_MAX];
        struct sv text;
        if (strncmp(name, prefix, sizeof(prefix) - 1) != 0 || strlen(name) > 200)
                return 0;
        const char *device = name + sizeof(prefix) - 1;
        snprintf(path, sizeof(path), "%s/available_clocksource", name);
        if (node_read_small(directory, path, into, &text) == 0) {
                struct exposition_family *available = node_gauge(out, "node_time_clocksource_available_info",
                        "Available clocksources read from '/sys/devices/system/clocksource'.");
                struct sv word;
                while (sv_word(&text, &word)) {
                        char source[64];
                        snprintf(source, sizeof(source), "%.*s", SV_ARG(word));
                        node_add2(available, "device", device, "clocksource", source, 1);
                }
        }
        snprintf(path, sizeof(path), "%s/current_clocksource", name);
        if (node_read_small(directory, path, into, &text) == 0)
                node_add2(node_gauge(out, "node_time_clocksource_current_info",
                                  "Current clocksource read from '/sys/devices/system/clocksource'."),
                        "device", device, "clocksource", text.p, 1);
        return 0;
}

int node_collect_time(struct node *node, struct exposition *out, struct error *err)
{
        int64_t now_ns = time_unix_ns();
        time_t now = (time_t)(now_ns / SECOND);
        struct tm local;
        node_put(out, "node_time_seconds", "System time in seconds since epoch (1970).", (double)now_ns / 1e9);
        if (localtime_r(&now, &local))
                node_add(node_gauge(out, "node_time_zone_offset_seconds", "System time zone offset in seconds."),
                        "time_zone", local.tm_zone, (double)local.tm_gmtoff);
        return node_directory(node->options.sys, "devices/system/clocksource", take_clocksource, out, err);
}

int node_collect_timex(struct node *node, struct exposition *out, struct error *err)
{
        static const double ppm = 1e6 * 65536; /* scaled parts per million, adjtimex(2) NOTES */
        static const double micros = 1e6;
        struct timex timex = { .modes = 0 };
        (void)node;
        int status = adjtimex(&timex);
        if (status < 0)
                return fail_errno(err, "adjtimex");
        double unit = timex.status & STA_NANO ? 1e9 : micros;
        node_put(out, "node_timex_sync_status", "Is clock synchronized to a reliable server (1 = yes, 0 = no).",
                status != TIME_ERROR);
        node_put(out, "node_timex_offset_seconds", "Time offset in between local system and reference clock.",
                (double)timex.offset / unit);
        node_put(out, "node_timex_frequency_adjustment_ratio", "Local clock frequency adjustment.",
                1 + (double)timex.freq / ppm);
        node_put(out, "node_timex_maxerror_seconds", "Maximum error in seconds.", (double)timex.maxerror / micros);
        node_put(out, "node_timex_estimated_error_seconds", "Estimated error in seconds.",
                (double)timex.esterror / micros);
        node_put(out, "node_timex_status", "Value of the status array bits.", timex.status);
        node_put(out, "node_timex_loop_time_constant", "Phase-locked loop time constant.", (double)timex.constant);
        node_put(out, "node_timex_tick_seconds", "Seconds between clock ticks.", (double)timex.tick / micros);
        node_put(out, "node_timex_pps_frequency_hertz", "Pulse per second frequency.", (double)timex.ppsfreq / ppm);
        node_put(out, "node_timex_pps_jitter_seconds", "Pulse per second jitter.", (double)timex.jitter / unit);
        node_put(out, "node_timex_pps_shift_seconds", "Pulse per second interval duration.", timex.shift);
        node_put(out, "node_timex_pps_stability_hertz",
                "Pulse per second stability, average of recent frequency changes.", (double)timex.stabil / ppm);
        node_count(out, "node_timex_pps_jitter_total", "Pulse per second count of jitter limit exceeded events.",
                (double)timex.jitcnt);
        node_count(out, "node_timex_pps_calibration_total", "Pulse per second count of calibration intervals.",
                (double)timex.calcnt);
        node_count(out, "node_timex_pps_error_total", "Pulse per second count of calibration errors.",
                (double)timex.errcnt);
        node_count(out, "node_timex_pps_stability_exceeded_total",
                "Pulse per second count of stability limit exceeded events.", (double)timex.stbcnt);
        node_put(out, "node_timex_tai_offset_seconds", "International Atomic Time (TAI) offset.", timex.tai);
        return 0;
}

int node_collect_uname(struct node *node, struct exposition *out, struct error *err)
{
        struct utsname name;
        (void)node;
        if (uname(&name) < 0)
                return fail_errno(err, "uname");
        const struct exposition_label labels[] = {
                { "sysname", name.sysname },
                { "release", name.release },
                { "version", name.version },
                { "machine", name.machine },
                { "nodename", name.nodename },
                { "domainname", name.domainname },
        };
        exposition_add(
                node_gauge(out, "node_uname_info", "Labeled system information as provided by the uname system call."),
                labels, sizeof(labels) / sizeof(*labels), 1, EXPOSITION_NO_TIME);
        return 0;
}

/* What leads VERSION_ID: "20.04" of "20.04.2"; 0 for none ("rolling"). */
static double leading_version(const char *text)
{
        double version = 0;
        size_t n = strspn(text, "0123456789");
        if (n && text[n] == '.')
                n += 1 + strspn(text + n + 1, "0123456789");
        if (n)
                node_parse_double(sv_n(text, n), &version);
        return version;
}

static void put_support_end(struct exposition *out, const char *date)
{
        struct tm tm = { 0 };
        const char *end = strptime(date, "%Y-%m-%d", &tm);
        if (end && !*end)
                node_put(out, "node_os_support_end_timestamp_seconds",
                        "Metric containing the end-of-life date timestamp of the OS.", (double)timegm(&tm));
}

int node_collect_os(struct node *node, struct exposition *out, struct error *err)
{
        struct os_release os;
        if (os_release_read(node->options.root, &node->arena, &os, err) < 0)
                return -1;
        const struct exposition_label labels[] = {
                { "build_id", os.build_id },
                { "id", os.id },
                { "id_like", os.id_like },
                { "image_id", os.image_id },
                { "image_version", os.image_version },
                { "name", os.name },
                { "pretty_name", os.pretty_name },
                { "variant", os.variant },
                { "variant_id", os.variant_id },
                { "version", os.version },
                { "version_codename", os.version_codename },
                { "version_id", os.version_id },
        };
        exposition_add(node_gauge(out, "node_os_info",
                               "A metric with a constant '1' value labeled by build_id, id, id_like, image_id, "
                               "image_version, name, pretty_name, variant, variant_id, version, version_codename, "
                               "version_id."),
                labels, sizeof(labels) / sizeof(*labels), 1, EXPOSITION_NO_TIME);
        double version = os.version_id ? leading_version(os.version_id) : 0;
        if (version > 0) {
                const struct exposition_label of[] = { { "id", os.id }, { "id_like", os.id_like },
                        { "name", os.name } };
                exposition_add(
                        node_gauge(out, "node_os_version", "Metric containing the major.minor part of the OS version."),
                        of, 3, version, EXPOSITION_NO_TIME);
        }
        if (os.support_end)
                put_support_end(out, os.support_end);
        return 0;
}
