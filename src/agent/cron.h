/* Points in time as crontab(5) writes them: "MINUTE HOUR DAY MONTH WEEKDAY" with lists, ranges, steps and names, and
 * the words
 * @hourly, @daily, @weekly, @monthly, @yearly. Pure: the zone is the process's (tzset(3)) or UTC. */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

struct cron {
        uint64_t minutes; /* bits 0 to 59 */
        uint32_t hours;   /* bits 0 to 23 */
        uint32_t days;    /* bits 1 to 31 */
        uint16_t months;  /* bits 1 to 12 */
        uint8_t weekdays; /* bits 0 (Sunday) to 6 */
        bool any_day;     /* the day of the month begins with '*': both day fields must match, else either */
        bool any_weekday;
};

int cron_parse(const char *text, struct cron *ret, struct error *err);

/* The first time after `after` (seconds since 1970) that matches, or -1 when there is none within eight years ("31 2"
 * is never). local: the process's time zone. A time that daylight saving skips runs at the next minute that exists; one
 * that comes twice runs once, at the first. */
int64_t cron_next(const struct cron *cron, int64_t after, bool local);
