/* Charts and gauges as SVG in the page. */
#include "modules/metrics/cadvisor/pages_internal.h"

#include <math.h>

static const char *const colours[] = { "#3366cc", "#dc3912", "#ff9900", "#109618", "#990099", "#0099c6", "#dd4477",
        "#66aa00" };
#define COLOURS (sizeof(colours) / sizeof(colours[0]))

enum { WIDTH = 800, HEIGHT = 180, LEFT = 90, BOTTOM = 20, TOP = 10 };

static double largest(const struct page_series *series, size_t series_count, size_t count)
{
        double max = 0;
        for (size_t s = 0; s < series_count; s++)
                for (size_t i = 0; i < count; i++)
                        if (isfinite(series[s].values[i]) && series[s].values[i] > max)
                                max = series[s].values[i];
        return max;
}

static void put_line(struct buf *out, const struct page_series *series, const char *colour, const int64_t *times_ns,
        size_t count, double max)
{
        double span = (double)(times_ns[count - 1] - times_ns[0]);
        buf_printf(out, "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"1.5\" points=\"", colour);
        for (size_t i = 0; i < count; i++) {
                double value = series->values[i];
                if (!isfinite(value))
                        continue;
                double x = LEFT + (span > 0 ? (double)(times_ns[i] - times_ns[0]) / span : 0) * (WIDTH - LEFT - 10);
                double y = HEIGHT - BOTTOM - (max > 0 ? value / max : 0) * (HEIGHT - BOTTOM - TOP);
                buf_printf(out, "%.1f,%.1f ", x, y);
        }
        buf_puts(out, "\"/>");
}

static void put_scale(struct buf *out, double max, const char *unit)
{
        for (int i = 0; i <= 2; i++) {
                double y = HEIGHT - BOTTOM - i / 2.0 * (HEIGHT - BOTTOM - TOP);
                buf_printf(out, "<line x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\" stroke=\"#8884\"/>", LEFT,
                        WIDTH - 10, y, y);
                buf_printf(out, "<text x=\"%d\" y=\"%.1f\" font-size=\"11\" text-anchor=\"end\">%.4g %s</text>",
                        LEFT - 5, y + 4, max * i / 2, unit);
        }
}

void page_chart(struct page *page, const struct page_series *series, size_t series_count, const int64_t *times_ns,
        size_t count, const char *unit)
{
        struct buf *out = page->out;
        if (count < 2) {
                buf_puts(out, "<p class=\"quiet\">not enough samples yet</p>\n");
                return;
        }
        double max = largest(series, series_count, count);
        buf_printf(out, "<svg viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" role=\"img\">", WIDTH, HEIGHT, WIDTH,
                HEIGHT);
        put_scale(out, max, unit);
        for (size_t s = 0; s < series_count; s++)
                put_line(out, &series[s], colours[s % COLOURS], times_ns, count, max);
        buf_printf(out,
                "<text x=\"%d\" y=\"%d\" font-size=\"11\">%.0f s ago</text><text x=\"%d\" y=\"%d\" font-size=\"11\" "
                "text-anchor=\"end\">now</text></svg>\n<p class=\"quiet\">",
                LEFT, HEIGHT - 5, (double)(times_ns[count - 1] - times_ns[0]) / 1e9, WIDTH - 10, HEIGHT - 5);
        for (size_t s = 0; s < series_count; s++) {
                buf_printf(out, "<span style=\"color:%s\">&#9632;</span> ", colours[s % COLOURS]);
                page_text(out, series[s].name);
                buf_puts(out, " &nbsp; ");
        }
        buf_puts(out, "</p>\n");
}

void page_gauge(struct page *page, const char *name, double percent)
{
        double shown = !(percent > 0) ? 0 : percent > 100 ? 100 : percent;
        double angle = M_PI * (1 - shown / 100); /* half a circle from left to right */
        buf_printf(page->out,
                "<svg viewBox=\"0 0 120 80\" width=\"150\" height=\"100\" role=\"img\"><path d=\"M10 60A50 50 0 0 1 "
                "110 60\" "
                "fill=\"none\" stroke=\"#8884\" stroke-width=\"12\"/><path d=\"M10 60A50 50 0 0 1 %.1f %.1f\" "
                "fill=\"none\" "
                "stroke=\"%s\" stroke-width=\"12\"/><text x=\"60\" y=\"58\" text-anchor=\"middle\" "
                "font-size=\"16\">%.0f%%</text><text x=\"60\" y=\"76\" text-anchor=\"middle\" font-size=\"11\">",
                60 + 50 * cos(angle), 60 - 50 * sin(angle),
                shown >= 90   ? "#dc3912"
                : shown >= 75 ? "#ff9900"
                              : "#109618",
                shown);
        page_text(page->out, name);
        buf_puts(page->out, "</text></svg>");
}

void page_bar(struct page *page, double first, double second)
{
        buf_printf(page->out,
                "<svg viewBox=\"0 0 100 4\" width=\"500\" height=\"20\" preserveAspectRatio=\"none\" "
                "role=\"img\"><rect "
                "width=\"100\" height=\"4\" fill=\"#8884\"/><rect width=\"%.2f\" height=\"4\" fill=\"#dc3912\"/><rect "
                "x=\"%.2f\" width=\"%.2f\" height=\"4\" fill=\"#3366cc\"/></svg>",
                first > 0 ? first : 0, first > 0 ? first : 0, second > 0 ? second : 0);
}
