/* metrics-query: what containers used, from the history that metrics keeps on disk. Where metrics runs in an agent it
 * answers, with what is not written yet; else the files are read. */
#include "base/buf.h"
#include "base/cleanup.h"
#include "module/lines.h"
#include "module/service.h"
#include "modules/metrics/metrics_module.h"

#include <limits.h>
#include <math.h>

enum { DRAWN = 60, QUERY_TREE = 2 << 20, TEXT_MAX = 16 << 10 };

#define HISTORY_DIRECTORY "/var/lib/tarsier/modules/metrics"

struct query_params {
        char *query, *directory;
        int64_t since_ns, start_ns, end_ns, step_ns;
        bool points, csv;
};

static const struct field params_fields[] = {
        FIELD_STRING(struct query_params, query, .required = true, .positional = true, .max_length = 4096,
                .help = "the question, such as 'cpu{container=\"web\"}' or 'topk(5, avg_over_time(memory[1h]))'"),
        FIELD_DURATION(struct query_params, since_ns, .json = "since", .def = "1h", .min = SECOND, .max = 3650 * DAY,
                .help = "how far back to begin"),
        FIELD_TIME(struct query_params, start_ns, .json = "start", .help = "begin at this moment instead"),
        FIELD_TIME(struct query_params, end_ns, .json = "end", .help = "end at this moment; default: now"),
        FIELD_DURATION(struct query_params, step_ns, .json = "step", .min = SECOND, .max = 3650 * DAY,
                .help = "time between points; default: so that about 60 come"),
        FIELD_BOOL(struct query_params, points, .help = "one row a point instead of one row a series"),
        FIELD_BOOL(struct query_params, csv, .help = "lines of CSV, one a point"),
        FIELD_PATH(struct query_params, directory,
                .help = "the history's directory, where no agent answers; default: the agent's"),
};

struct query_row {
        MAP(char *) labels;
        char *metric, *unit, *name, *drawing, *line;
        int64_t start_ns, step_ns, time_ns;
        LIST(double) values;
        double average, minimum, maximum, last, value;
        bool is_series, is_point;
};

static const struct field row_fields[] = {
        FIELD_STRING(struct query_row, metric, .omit_empty = true, .help = "metric, where the series is one's own"),
        FIELD_STRING(struct query_row, unit, .omit_empty = true, .help = "unit of the values, where it is known"),
        FIELD_STRING(struct query_row, name, .omit_empty = true, .help = "the series in short, for people"),
        FIELD_STRING_MAP(struct query_row, labels, .omit_empty = true, .help = "what tells the series from others"),
        FIELD_TIME(struct query_row, start_ns, .json = "start", .has = HAS(struct query_row, is_series),
                .help = "time of the first value"),
        FIELD_DURATION(struct query_row, step_ns, .json = "step", .has = HAS(struct query_row, is_series),
                .help = "time between values"),
        FIELD_DOUBLES(struct query_row, values, .omit_empty = true,
                .help = "each of the step that ends at its time; null where nothing is known"),
        FIELD_DOUBLE(struct query_row, minimum, .json = "min", .has = HAS(struct query_row, is_series),
                .help = "least of the values"),
        FIELD_DOUBLE(struct query_row, average, .json = "avg", .has = HAS(struct query_row, is_series),
                .help = "average of the values"),
        FIELD_DOUBLE(struct query_row, maximum, .json = "max", .has = HAS(struct query_row, is_series),
                .help = "largest of the values"),
        FIELD_DOUBLE(struct query_row, last, .has = HAS(struct query_row, is_series), .help = "last value known"),
        FIELD_STRING(struct query_row, drawing, .omit_empty = true, .help = "the values as a line of blocks"),
        FIELD_TIME(struct query_row, time_ns, .json = "time", .has = HAS(struct query_row, is_point),
                .help = "of the point"),
        FIELD_DOUBLE(struct query_row, value, .has = HAS(struct query_row, is_point), .help = "of the point"),
        FIELD_STRING(struct query_row, line, .omit_empty = true, .help = "a line of CSV"),
};

struct query_statistics {
        uint64_t series, points;
        int64_t start_ns, end_ns, step_ns;
        bool from_agent;
        char *problem;
};

static const struct field statistics_fields[] = {
        FIELD_UINT(struct query_statistics, series, .help = "series in the answer"),
        FIELD_UINT(struct query_statistics, points, .help = "moments asked for"),
        FIELD_TIME(struct query_statistics, start_ns, .json = "start", .help = "the first of them"),
        FIELD_TIME(struct query_statistics, end_ns, .json = "end", .help = "the last of them"),
        FIELD_DURATION(struct query_statistics, step_ns, .json = "step", .help = "time between them"),
        FIELD_BOOL(struct query_statistics, from_agent, .help = "told by the agent's metrics, not read from its files"),
        FIELD_STRING(
                struct query_statistics, problem, .omit_empty = true, .help = "why the history is not written now"),
};

struct asking {
        struct run *run;
        const struct query_params *params;
        const struct history_query *query;
        uint64_t series;
        struct error *err;
};

/* ---- one series ---- */

static const char *label_of(const struct history_series *series, const char *name)
{
        for (size_t i = 0; i < series->label_count; i++)
                if (strcmp(series->labels[i].name, name) == 0)
                        return series->labels[i].value;
        return NULL;
}

/* The container's name, else its group, else all labels there are. */
static void put_name(struct buf *out, const struct history_series *series)
{
        const char *name = label_of(series, "container");
        if (!name)
                name = label_of(series, "cgroup");
        if (name)
                buf_puts(out, name);
        for (size_t i = 0; !name && i < series->label_count; i++)
                buf_printf(out, "%s%s=%s", i ? " " : "", series->labels[i].name, series->labels[i].value);
        if (series->label_count == 0)
                buf_puts(out, "all");
}

static void summarize(const double *values, size_t count, struct query_row *row)
{
        double sum = 0;
        size_t known = 0;
        for (size_t i = 0; i < count; i++) {
                if (isnan(values[i]))
                        continue;
                row->minimum = known == 0 || values[i] < row->minimum ? values[i] : row->minimum;
                row->maximum = known == 0 || values[i] > row->maximum ? values[i] : row->maximum;
                row->last = values[i];
                sum += values[i];
                known++;
        }
        row->average = known ? sum / (double)known : 0;
}

/* From 0, or from the least where there is less, to the largest; a gap is a space. */
static void draw(struct buf *out, const double *values, size_t count, const struct query_row *row)
{
        static const char *const blocks[] = { "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" };
        const size_t columns = count < DRAWN ? count : DRAWN;
        const double low = row->minimum < 0 ? row->minimum : 0;
        for (size_t column = 0; column < columns; column++) {
                double sum = 0;
                size_t known = 0;
                for (size_t i = column * count / columns; i < (column + 1) * count / columns; i++)
                        if (!isnan(values[i])) {
                                sum += values[i];
                                known++;
                        }
                double share = known && row->maximum > low ? (sum / (double)known - low) / (row->maximum - low) : 0;
                size_t block = (size_t)(share * 7.999);
                buf_puts(out, known ? blocks[block > 7 ? 7 : block] : " ");
        }
}

static int emit_series(struct asking *asking, struct query_row *row, const double *values, size_t count)
{
        cleanup(buf_done) struct buf drawing;
        buf_init(&drawing, TEXT_MAX);
        summarize(values, count, row);
        draw(&drawing, values, count, row);
        row->is_series = true;
        row->start_ns = asking->query->start_ns;
        row->step_ns = asking->query->step_ns;
        row->drawing = drawing.data;
        row->values.items = (double *)values; /* written only */
        row->values.count = count;
        return run_emit(asking->run, NULL, row, asking->err);
}

/* RFC 4180: in quotes, quotes twice. */
static void put_csv(struct buf *out, const char *text)
{
        buf_putc(out, '"');
        for (; *text; text++) {
                if (*text == '"')
                        buf_putc(out, '"');
                buf_putc(out, *text);
        }
        buf_putc(out, '"');
}

static void put_csv_labels(struct buf *out, const struct query_row *row)
{
        struct buf labels;
        buf_init(&labels, TEXT_MAX);
        for (size_t i = 0; i < row->labels.count; i++)
                buf_printf(&labels, "%s%s=%s", i ? "," : "", row->labels.keys[i], row->labels.items[i]);
        put_csv(out, buf_text(&labels));
        buf_done(&labels);
}

static int emit_points(struct asking *asking, const struct query_row *series, const double *values, size_t count)
{
        const bool csv = asking->params->csv;
        cleanup(buf_done) struct buf line;
        buf_init(&line, 4 * TEXT_MAX);
        for (size_t i = 0; i < count && !run_checkpoint(asking->run); i++) {
                struct query_row row = *series;
                struct query_row text = { 0 };
                char moment[TIME_TEXT_MAX];
                if (isnan(values[i]))
                        continue;
                row.is_point = true;
                row.time_ns = asking->query->start_ns + (int64_t)i * asking->query->step_ns;
                row.value = values[i];
                if (csv) {
                        buf_clear(&line);
                        time_format_rfc3339(row.time_ns, moment);
                        buf_printf(&line, "%s,%.10g,", moment, row.value);
                        put_csv(&line, row.name);
                        buf_putc(&line, ',');
                        put_csv_labels(&line, &row);
                        text.line = line.data;
                }
                if (run_emit(asking->run, NULL, csv ? &text : &row, asking->err) < 0)
                        return -1;
        }
        return 0;
}

static int take(const struct history_series *series, const double *values, size_t count, void *cookie)
{
        struct asking *asking = cookie;
        char *keys[HISTORY_LABELS_MAX];
        char *items[HISTORY_LABELS_MAX];
        struct query_row row = { .metric = (char *)series->metric, .unit = (char *)series->unit };
        cleanup(buf_done) struct buf name;
        buf_init(&name, TEXT_MAX);
        put_name(&name, series);
        row.name = name.data;
        row.labels.keys = keys;
        row.labels.items = items;
        for (size_t i = 0; i < series->label_count && i < HISTORY_LABELS_MAX; i++) {
                keys[i] = (char *)series->labels[i].name;
                items[i] = (char *)series->labels[i].value;
                row.labels.count++;
        }
        asking->series++;
        if (run_checkpoint(asking->run))
                return 1;
        bool points = asking->params->points || asking->params->csv;
        return points ? emit_points(asking, &row, values, count) : emit_series(asking, &row, values, count);
}

/* ---- the run ---- */

static int ask(struct run *run, struct history *history, const struct history_query *query, struct error *err)
{
        struct query_statistics *statistics = run_statistics(run);
        struct asking asking = { run, run->params, query, 0, err };
        if (asking.params->csv) {
                struct query_row header = { .line = (char *)"time,value,name,labels" };
                if (run_emit(run, NULL, &header, err) < 0)
                        return -1;
        }
        int status = history_ask(history, query, take, &asking, err);
        *statistics = (struct query_statistics){ asking.series, query->count, query->start_ns, query->end_ns,
                query->step_ns, run->service != NULL,
                history_problem(history) ? arena_strdup(&run->arena, history_problem(history)) : NULL };
        return status < 0 ? -1 : 0;
}

static int ask_files(struct run *run, const struct history_query *query, struct error *err)
{
        const struct query_params *params = run->params;
        char above[PATH_MAX];
        const char *directory = params->directory && *params->directory ? params->directory : HISTORY_DIRECTORY;
        if (directory != params->directory && run->modules_state) {
                snprintf(above, sizeof(above), "%s/metrics", run->modules_state);
                directory = above;
        }
        cleanup(history_close) struct history *history = history_open_read(directory, err);
        if (!history && err->code == E_NOT_FOUND)
                return error_prefix(err, "no history is kept in %s (does the agent run with `metrics`?)", directory);
        return history ? ask(run, history, query, err) : -1;
}

static int query_run(struct run *run, struct error *err)
{
        const struct query_params *params = run->params;
        struct history_query query;
        const int64_t end_ns = params->end_ns ? params->end_ns : time_unix_ns();
        const int64_t start_ns = params->start_ns ? params->start_ns : end_ns - params->since_ns;
        struct history *history = run->service && !(params->directory && *params->directory)
                                          ? metrics_service_history(run->service)
                                          : NULL;
        if (history_query_parse(params->query, start_ns, end_ns, params->step_ns, &run->arena, &query, err) < 0)
                return -1;
        return history ? ask(run, history, &query, err) : ask_files(run, &query, err);
}

/* ---- for people ---- */

static void put_value(struct buf *out, const char *unit, double value)
{
        char size[TIME_TEXT_MAX];
        bool bytes = strcmp(unit, "bytes") == 0 || strcmp(unit, "bytes/s") == 0;
        if (bytes && value >= 0 && value < 9e18) {
                size_format((uint64_t)value, size);
                buf_printf(out, "%s%s", size, unit[5] ? "/s" : "");
        } else {
                buf_printf(out, "%.4g", value);
        }
}

static void print_row(struct line_printer *printer, const char *group, const char *label, const void *given)
{
        const struct query_row *row = given;
        const struct {
                const char *name;
                double value;
        } shown[] = { { "min", row->minimum }, { "avg", row->average }, { "max", row->maximum },
                { "last", row->last } };
        const char *unit = row->unit ? row->unit : "";
        char moment[TIME_TEXT_MAX];
        struct buf line;
        (void)group;
        (void)label;
        buf_init(&line, TEXT_MAX);
        if (row->line) {
                buf_puts(&line, row->line);
        } else if (row->is_point) {
                time_format_rfc3339(row->time_ns, moment);
                buf_printf(&line, "%s  %-24s ", moment, row->name ? row->name : "");
                put_value(&line, unit, row->value);
        } else {
                buf_printf(&line, "%-24s %s", row->name ? row->name : "", row->drawing ? row->drawing : "");
                for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++) {
                        buf_printf(&line, "  %s ", shown[i].name);
                        put_value(&line, unit, shown[i].value);
                }
        }
        if (!row->line && *unit && strncmp(unit, "bytes", 5) != 0)
                buf_printf(&line, " %s", unit);
        print_line(printer, "%s", buf_text(&line));
        buf_done(&line);
}

static void print_statistics(struct line_printer *printer, const void *given)
{
        const struct query_statistics *statistics = given;
        char start[TIME_TEXT_MAX];
        char end[TIME_TEXT_MAX];
        char step[TIME_TEXT_MAX];
        time_format_rfc3339(statistics->start_ns, start);
        time_format_rfc3339(statistics->end_ns, end);
        duration_format(statistics->step_ns, step);
        print_line(printer, "%llu series from %s to %s, every %s", (unsigned long long)statistics->series, start, end,
                step);
        if (statistics->problem && *statistics->problem)
                print_line(printer, "%s", statistics->problem);
}

static const struct module_example query_examples[] = {
        { "metrics query 'cpu{container=\"web\"}' --since 6h --step 1m", "what CPU the container web used" },
        { "metrics query 'topk(5, avg_over_time(memory[1h]))' --since 1d", "who used the most memory" },
        { "metrics query 'sum by (image) (net_tx)' --csv --results-only", "what each image sent, for a spreadsheet" },
        { "metrics query 'memory / memory_limit > 0.9' --since 1w", "who came close to the limit, and when" },
        { 0 },
};

const struct module metrics_query_module = {
        .name = "metrics-query",
        .summary = "what containers used over time, from the history that metrics keeps",
        .params = RECORD(struct query_params, params_fields),
        .element = RECORD(struct query_row, row_fields),
        .shape = SHAPE_LIST,
        .statistics = RECORD(struct query_statistics, statistics_fields),
        .sandbox = { .read_all = true },
        .limits = { .wall_ns = MINUTE, .memory = 256 * MIB, .result = 256 * MIB },
        .role = ROLE_VIEWER,
        .asks = "metrics",
        .examples = query_examples,
        .run = query_run,
        .print_row = print_row,
        .print_statistics = print_statistics,
};
