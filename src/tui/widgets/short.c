#include "base/timefmt.h"
#include "tui/widgets/widgets.h"

#include <math.h>

/* Three digits at most before a unit: "999", "1.2k", "12.3k", "123k". */
static void short_number(double value, double step, const char *units, char *ret)
{
        size_t unit = 0;
        double size = fabs(value);
        while (size >= (step > 1000 ? 1000 : 999.5) && units[unit + 1]) {
                size /= step;
                value /= step;
                unit++;
        }
        char letter[2] = { units[unit] == ' ' ? '\0' : units[unit], '\0' };
        if (unit == 0)
                snprintf(ret, SHORT_TEXT_MAX, size != 0 && size < 9.95 && size != floor(size) ? "%.1f" : "%.0f", value);
        else if (size < 99.95)
                snprintf(ret, SHORT_TEXT_MAX, "%.1f%s", value, letter);
        else
                snprintf(ret, SHORT_TEXT_MAX, "%.0f%s", value, letter);
}

void short_bytes(double bytes, char *ret)
{
        if (isnan(bytes) || isinf(bytes))
                snprintf(ret, SHORT_TEXT_MAX, "-");
        else
                short_number(floor(bytes), 1024, " KMGTPE", ret);
}

void short_count(double count, char *ret)
{
        if (isnan(count) || isinf(count))
                snprintf(ret, SHORT_TEXT_MAX, "-");
        else
                short_number(count, 1000, " kMGTPE", ret);
}

void short_duration(int64_t duration_ns, char *ret)
{
        int64_t s = duration_ns / SECOND;
        if (duration_ns < 0)
                snprintf(ret, SHORT_TEXT_MAX, "-");
        else if (s < 60)
                snprintf(ret, SHORT_TEXT_MAX, "%ds", (int)s);
        else if (s < 3600)
                snprintf(ret, SHORT_TEXT_MAX, "%dm%02ds", (int)(s / 60), (int)(s % 60));
        else if (s < 86400)
                snprintf(ret, SHORT_TEXT_MAX, "%dh%02dm", (int)(s / 3600), (int)(s / 60 % 60));
        else
                snprintf(ret, SHORT_TEXT_MAX, "%lldd%02dh", (long long)(s / 86400), (int)(s / 3600 % 24));
}
