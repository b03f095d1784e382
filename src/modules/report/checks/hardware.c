/* Checks: memory errors, heat, and time. */
#include "modules/report/checks/checks.h"

#include "linux/meminfo.h"

static uint64_t number_or_zero(struct look *look, const char *path)
{
        uint64_t value = 0;
        return look_number(look, path, &value) ? value : 0;
}

/* Documentation/driver-api/edac.rst */
static void check_edac(struct look *look, struct finding *finding)
{
        static const char directory[] = "sys/devices/system/edac/mc";
        struct string_list names = look_names(look, finding, directory);
        unsigned controllers = 0;
        list_foreach (name, &names) {
                if (strncmp(*name, "mc", 2) != 0 || !(*name)[2])
                        continue;
                controllers++;
                uint64_t lost = number_or_zero(look, look_text(look, "%s/%s/ue_count", directory, *name));
                uint64_t mended = number_or_zero(look, look_text(look, "%s/%s/ce_count", directory, *name));
                if (lost)
                        finding_show(finding, REPORT_HIGH, "%s: %llu errors that could not be corrected", *name,
                                (unsigned long long)lost);
                if (mended) /* a cosmic ray now and then is no broken module */
                        finding_show(finding, mended >= 100 ? REPORT_MEDIUM : REPORT_LOW, "%s: %llu errors corrected",
                                *name, (unsigned long long)mended);
        }
        struct error err;
        struct meminfo memory;
        if (meminfo_read(look->root, &memory, &err) == 0)
                for (size_t i = 0; i < memory.count; i++)
                        if (strcmp(memory.rows[i].name, "HardwareCorrupted") == 0 && memory.rows[i].value > 0)
                                finding_show(finding, REPORT_HIGH, "%llu KiB taken out of use as broken",
                                        (unsigned long long)(memory.rows[i].value / KIB));
        if (finding->severity > REPORT_OK)
                finding_say(finding, REPORT_LOW, "The memory has errors");
        else if (controllers == 0)
                finding_absent(finding);
}

/* Within this of what a zone calls hot or critical. */
enum { CLOSE_MILLIDEGREES = 5000, TRIPS_MAX = 16 };

static bool judge_zone(struct look *look, struct finding *finding, const char *zone)
{
        struct sv temperature = look_line(look, look_text(look, "%s/temp", zone));
        struct sv type = look_line(look, look_text(look, "%s/type", zone));
        int64_t now;
        if (!sv_parse_i64(temperature, &now))
                return false;
        for (int i = 0; i < TRIPS_MAX; i++) {
                struct sv kind = look_line(look, look_text(look, "%s/trip_point_%d_type", zone, i));
                int64_t limit;
                if (!kind.n)
                        break;
                if ((!sv_eq(kind, SV("critical")) && !sv_eq(kind, SV("hot"))) ||
                        !sv_parse_i64(look_line(look, look_text(look, "%s/trip_point_%d_temp", zone, i)), &limit) ||
                        limit <= 0 || now < limit - CLOSE_MILLIDEGREES)
                        continue;
                finding_show(finding, REPORT_HIGH, "%.*s: %.1f °C, %.*s at %.1f °C", SV_ARG(type), (double)now / 1000,
                        SV_ARG(kind), (double)limit / 1000);
        }
        return true;
}

static void check_heat(struct look *look, struct finding *finding)
{
        struct string_list zones = look_names(look, finding, "sys/class/thermal");
        struct string_list cpus = look_names(look, finding, "sys/devices/system/cpu");
        bool known = false;
        uint64_t throttled = 0;
        list_foreach (name, &zones)
                if (strncmp(*name, "thermal_zone", 12) == 0)
                        known |= judge_zone(look, finding, look_text(look, "sys/class/thermal/%s", *name));
        list_foreach (name, &cpus) {
                uint64_t count;
                if (strncmp(*name, "cpu", 3) != 0 ||
                        !look_number(look,
                                look_text(look, "sys/devices/system/cpu/%s/thermal_throttle/package_throttle_count",
                                        *name),
                                &count))
                        continue;
                known = true;
                throttled = count > throttled ? count : throttled;
        }
        /* since the boot; a laptop under load throttles now and then */
        if (throttled)
                finding_show(finding, throttled >= 1000 ? REPORT_LOW : REPORT_INFO,
                        "a CPU was slowed %llu times since the boot", (unsigned long long)throttled);
        if (finding->severity >= REPORT_HIGH)
                finding_say(finding, REPORT_HIGH, "The machine is nearly as hot as it may become");
        else if (throttled)
                finding_say(finding, REPORT_INFO, "CPUs were slowed down because they were hot");
        else if (!known)
                finding_absent(finding);
}

static void check_synchronised(struct look *look, struct finding *finding)
{
        enum { SETTLE = 15 }; /* minutes after the boot */
        if (!look->clock.known) {
                finding_blind(finding, "adjtimex", "the clock's state is not known");
                return;
        }
        if (look->clock.synchronised)
                return;
        bool young = look->uptime_ns > 0 && look->uptime_ns < SETTLE * MINUTE;
        finding_say(finding, young ? REPORT_INFO : REPORT_LOW, "Nothing keeps the clock right%s",
                young ? " yet: the host has just started" : "");
        finding_show(finding, REPORT_INFO, "the kernel's clock is not synchronised (STA_UNSYNC)");
}

static void check_clocksource(struct look *look, struct finding *finding)
{
        static const char directory[] = "sys/devices/system/clocksource/clocksource0";
        static const char *const slow[] = { "acpi_pm", "hpet", "jiffies", "refined-jiffies", "pit", NULL };
        struct sv current = look_line(look, look_text(look, "%s/current_clocksource", directory));
        struct sv all = look_line(look, look_text(look, "%s/available_clocksource", directory));
        if (!current.n) {
                finding_absent(finding);
                return;
        }
        for (size_t i = 0; slow[i]; i++) {
                if (!sv_eq(current, sv_of(slow[i])))
                        continue;
                finding_say(finding, REPORT_LOW, "Reading the time is slow here: the clock source is %s", slow[i]);
                finding_show(finding, REPORT_LOW, "available: %.*s", SV_ARG(all));
        }
}

const struct report_check report_hardware_checks[] = {
        { "memory-errors", AREA_MEMORY, check_edac, "The memory has no errors", "tarsier mem --all", false },
        { "heat", AREA_CPU, check_heat, "The machine is not too hot", "tarsier host", false },
        { "clock-synchronised", AREA_TIME, check_synchronised, "The clock is synchronised", "tarsier timedrift",
                false },
        { "clock-source", AREA_TIME, check_clocksource, "Reading the time is fast", "tarsier host", false },
        { 0 },
};
