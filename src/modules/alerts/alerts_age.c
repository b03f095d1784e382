/* The time that retention goes by, and what the module does with it. */
#include "modules/alerts/alerts_age.h"

#include "modules/alerts/alerts.h"

#include <time.h>

int64_t age_believed(const struct age_clock *clock, int64_t boot_ns)
{
        return clock->wall_ns + (boot_ns - clock->boot_ns);
}

int64_t age_tried(const struct age_clock *clock, int64_t boot_ns)
{
        return clock->tried_ns + (clock->doubted_ns ? boot_ns - clock->doubted_ns : 0);
}

int64_t age_now(struct age_clock *clock, int64_t wall_ns, int64_t boot_ns, int64_t retain_ns, enum age_change *ret)
{
        const int64_t expected = age_believed(clock, boot_ns);
        const int64_t tolerance = retain_ns / 4 < 7 * DAY ? retain_ns / 4 : 7 * DAY;
        const bool near = wall_ns >= expected - tolerance && wall_ns <= expected + tolerance;
        const bool tried = age_tried(clock, boot_ns) >= age_trial_ns;
        *ret = AGE_SAME;
        if (near || tried) {
                if (clock->doubted_ns || clock->tried_ns)
                        *ret = near ? AGE_RETURNED : AGE_BELIEVED;
                *clock = (struct age_clock){ .wall_ns = wall_ns, .boot_ns = boot_ns };
                return wall_ns;
        }
        if (!clock->doubted_ns) {
                clock->doubted_ns = boot_ns > 0 ? boot_ns : 1;
                *ret = AGE_DOUBTED;
        }
        return wall_ns < expected ? wall_ns : expected;
}

/* ---- of the module ---- */

enum { SAVE_S = 600 };

static int64_t boot_now(void)
{
        struct timespec now = { 0 };
        clock_gettime(CLOCK_BOOTTIME, &now); /* goes on while the host sleeps */
        return (int64_t)now.tv_sec * SECOND + now.tv_nsec;
}

int retention_start(struct alerts *alerts, struct error *err)
{
        int64_t known, tried;
        if (alert_store_age(alerts->store, &known, &tried, err) < 0)
                return -1;
        alerts->age = (struct age_clock){ .wall_ns = known ? known : time_unix_ns(),
                .boot_ns = boot_now(),
                .tried_ns = tried < 0              ? 0
                            : tried < age_trial_ns ? tried
                                                   : age_trial_ns };
        return 0;
}

int64_t retention_now(struct alerts *alerts, enum age_change *ret)
{
        const int64_t wall = time_unix_ns();
        const int64_t expected = age_believed(&alerts->age, boot_now());
        const int64_t now = age_now(&alerts->age, wall, boot_now(), alerts->config->retain_ns, ret);
        char away[TIME_TEXT_MAX];
        const char *where = wall > expected ? "ahead of" : "behind";
        duration_format((wall > expected ? wall - expected : expected - wall) / MINUTE * MINUTE, away);
        if (*ret == AGE_DOUBTED)
                service_log(alerts->service,
                        "warning: the clock is %s %s the last time known: until the host has run for a day with it, or "
                        "it is set again, no alert is removed for the age that it has by this clock",
                        away, where);
        else if (*ret == AGE_RETURNED)
                service_log(alerts->service, "the clock is where it should be again");
        else if (*ret == AGE_BELIEVED)
                service_log(alerts->service,
                        "warning: for a day the clock has been %s %s the last time known: it is believed now", away,
                        where);
        return now;
}

void retention_save(struct alerts *alerts, bool now)
{
        const int64_t at = boot_now();
        if (!now && alerts->age_saved_ns && at - alerts->age_saved_ns < SAVE_S * SECOND)
                return;
        if (alert_store_set_age(alerts->store, age_believed(&alerts->age, at), age_tried(&alerts->age, at), NULL) == 0)
                alerts->age_saved_ns = at;
}
