/* GET /counts: how many alerts came, by severity and time. Without a filter from the counts by minute, which outlive
 * the alerts; with one from the alerts themselves, in slices so that the loop goes on. An alert that came several times
 * has its first time and its last: the others are spread evenly between them (an hour at most, RECENT_LENGTH_S). */
#include "alerts.h"

#include "base/cleanup.h"
#include "schema/json.h"

enum { BINS_MAX = 2000, REPLY_MAX = 4 << 20, SPREAD_MAX = 3600 };

struct counts_query {
        char *since, *module, *rule, *container, *text;
        LIST(int) states;
        int severity;
        int64_t step_ns;
};

static const struct field counts_fields[] = {
        FIELD_STRING(struct counts_query, since, .def = "24h", .max_length = 64, .help = "from then on"),
        FIELD_DURATION(struct counts_query, step_ns, .json = "step", .min = 0, .max = 366 * DAY,
                .help = "width of a bin, whole minutes; 0: about 60 bins"),
        FIELD_ENUMS(struct counts_query, states, alert_state_names, .json = "state", .max_items = ALERT_STATES,
                .help = "only those in this state now; left out: all but muted ones"),
        FIELD_ENUM(struct counts_query, severity, alert_severity_names, .def = "low", .help = "this bad or worse"),
        FIELD_STRING(struct counts_query, module, .max_length = ALERT_MODULE_MAX, .help = "as of the list"),
        FIELD_STRING(struct counts_query, rule, .max_length = ALERT_RULE_MAX, .help = "as of the list"),
        FIELD_STRING(struct counts_query, container, .max_length = ALERT_CONTAINER_MAX, .help = "as of the list"),
        FIELD_STRING(struct counts_query, text, .max_length = 256, .help = "as of the list"),
};

struct counting {
        struct alerts *alerts;
        struct request *request; /* NULL: the client went away while a slice was due */
        struct arena arena;
        struct counts_query query;
        struct alerts_params params;
        struct alert_filter filter;
        int64_t now_ns, since_ns, first_ns, step_ns;
        uint64_t (*bins)[ALERT_SEVERITIES];
        size_t bin_count;
        struct alert_counts counts;
        int64_t first;  /* id: those before came to their end before the time that is asked for */
        int64_t before; /* id of the last that was looked at */
        unsigned found; /* of this slice */
        bool scheduled, past;
};

static void counting_free(struct counting *counting)
{
        struct alerts *alerts = counting->alerts;
        for (size_t i = 0; i < COUNTINGS_MAX; i++)
                if (alerts->countings[i] == counting)
                        alerts->countings[i] = NULL;
        free(counting->bins);
        arena_done(&counting->arena);
        free(counting);
}

static void fail_counting(struct counting *counting, const struct error *err)
{
        struct request *request = counting->request;
        counting_free(counting);
        request_fail(request, err);
}

/* ---- the answer ---- */

static bool put_bin(int64_t start_ns, const uint64_t counts[ALERT_SEVERITIES], void *cookie)
{
        struct json_writer *writer = cookie;
        char text[TIME_TEXT_MAX];
        time_format_rfc3339(start_ns, text);
        json_begin_object(writer);
        json_field(writer, "time", json_put_text, text);
        for (int i = 0; i < ALERT_SEVERITIES; i++)
                json_field(writer, alert_severity_names[i], json_put_uint, counts[i]);
        json_end_object(writer);
        return true;
}

static void put_counts(struct json_writer *writer, const char *key, const uint64_t counts[ALERT_SEVERITIES])
{
        json_key(writer, key);
        json_begin_object(writer);
        for (int i = 0; i < ALERT_SEVERITIES; i++)
                json_field(writer, alert_severity_names[i], json_put_uint, counts[i]);
        json_end_object(writer);
}

/* bins NULL: those of the counts by minute. */
static int put_answer(struct counting *counting, struct buf *out, struct error *err)
{
        struct json_writer writer;
        struct alert_counts told;
        char text[TIME_TEXT_MAX];
        const bool filtered = counting->bins != NULL;
        duration_format(counting->step_ns, text);
        json_writer_init(&writer, out, 0);
        json_begin_object(&writer);
        json_field(&writer, "step", json_put_text, text);
        json_key(&writer, "histogram");
        json_begin_array(&writer);
        if (alert_store_counts(counting->alerts->store, counting->since_ns, counting->now_ns, counting->step_ns, &told,
                    filtered ? NULL : put_bin, &writer, err) < 0)
                return -1;
        for (size_t i = 0; filtered && i < counting->bin_count; i++)
                put_bin(counting->first_ns + (int64_t)i * counting->step_ns, counting->bins[i], &writer);
        json_end_array(&writer);
        put_counts(&writer, "open", told.open);
        put_counts(&writer, "total", filtered ? counting->counts.total : told.total);
        put_counts(&writer, "muted", filtered ? counting->counts.muted : told.muted);
        json_end_object(&writer);
        return 0;
}

static void answer(struct counting *counting)
{
        struct error err;
        cleanup(buf_done) struct buf out;
        struct request *request = counting->request;
        buf_init(&out, REPLY_MAX);
        int status = put_answer(counting, &out, &err);
        if (status == 0 && out.failed)
                status = fail(&err, E_NO_MEMORY, "no memory for the answer");
        counting_free(counting);
        if (status < 0)
                request_fail(request, &err);
        else
                request_reply(request, 200, NULL, sv_n(out.data, out.len));
}

/* ---- the alerts themselves ---- */

static void add(struct counting *counting, int64_t time_ns, int severity, uint64_t count)
{
        if (time_ns < counting->first_ns)
                return;
        const size_t bin = (size_t)((time_ns - counting->first_ns) / counting->step_ns);
        if (bin >= counting->bin_count)
                return;
        counting->bins[bin][severity] += count;
        counting->counts.total[severity] += count;
}

/* The i-th time stands at time + i * (last - time) / (count - 1); a storm is added in lumps. */
static void spread(struct counting *counting, const struct alert_row *row)
{
        const int64_t count = row->count > 0 ? row->count : 1;
        const int64_t lumps = count < SPREAD_MAX ? count : SPREAD_MAX;
        const int64_t length_ns = row->last_ns > row->time_ns ? row->last_ns - row->time_ns : 0;
        for (int64_t i = 0, told = 0; i < lumps; i++) {
                const int64_t upto = count / lumps * (i + 1) + count % lumps * (i + 1) / lumps;
                const int64_t at_ns =
                        row->time_ns + (lumps > 1 ? (int64_t)((double)length_ns * (double)i / (double)(lumps - 1)) : 0);
                add(counting, at_ns, row->severity, (uint64_t)(upto - told));
                told = upto;
        }
}

static bool take(const struct alert_row *row, void *cookie)
{
        struct counting *counting = cookie;
        counting->before = row->id;
        counting->found++;
        if (row->id < counting->first) {
                counting->past = true;
                return false;
        }
        if (row->last_ns < counting->first_ns || !alert_filter_match(&counting->filter, row))
                return true;
        if (row->state == ALERT_MUTED)
                counting->counts.muted[row->severity] += (uint64_t)row->count;
        if (row->state != ALERT_MUTED || counting->filter.states)
                spread(counting, row);
        return true;
}

static void slice(struct loop *loop, void *cookie)
{
        struct error err;
        struct counting *counting = cookie;
        (void)loop;
        counting->scheduled = false;
        if (!counting->request) {
                counting_free(counting);
                return;
        }
        counting->found = 0;
        if (alert_store_scan(counting->alerts->store, counting->before, false, SLICE_ROWS, take, counting, &err) < 0) {
                fail_counting(counting, &err);
                return;
        }
        if (counting->past || counting->found < SLICE_ROWS) {
                answer(counting);
                return;
        }
        counting->scheduled = loop_defer(counting->alerts->service->loop, slice, counting) == 0;
        if (!counting->scheduled) {
                fail(&err, E_NO_MEMORY, "no memory to go on counting");
                fail_counting(counting, &err);
        }
}

static void on_cancel(struct request *request)
{
        struct counting *counting = request->state;
        if (counting->scheduled)
                counting->request = NULL; /* the deferred call frees it */
        else
                counting_free(counting);
}

void countings_end(struct alerts *alerts)
{
        for (size_t i = 0; i < COUNTINGS_MAX; i++) {
                struct counting *counting = alerts->countings[i];
                if (!counting)
                        continue;
                if (counting->request)
                        request_end(counting->request);
                counting->request = NULL;
                if (!counting->scheduled)
                        counting_free(counting);
        }
}

/* ---- the request ---- */

static int read_times(struct counting *counting, struct error *err)
{
        const int64_t now_ns = counting->now_ns;
        if (alert_time_parse(counting->query.since, now_ns, &counting->since_ns, err) < 0)
                return error_prefix(err, "since");
        if (counting->since_ns > now_ns || counting->since_ns < now_ns - 3660 * DAY)
                return fail(err, E_INVALID, "since: a time of the last ten years");
        int64_t step_ns = counting->query.step_ns ? counting->query.step_ns : (now_ns - counting->since_ns) / 60;
        step_ns = (step_ns + MINUTE - 1) / MINUTE * MINUTE;
        counting->step_ns = step_ns ? step_ns : MINUTE;
        if ((now_ns - counting->since_ns) / counting->step_ns > BINS_MAX)
                return fail(err, E_INVALID, "step: more than %d bins; take wider ones", BINS_MAX);
        counting->first_ns = counting->since_ns / counting->step_ns * counting->step_ns;
        return 0;
}

static bool is_filtered(const struct counts_query *query)
{
        return query->states.count || query->severity || (query->module && *query->module) ||
               (query->rule && *query->rule) || (query->container && *query->container) ||
               (query->text && *query->text);
}

static int counting_open(struct counting *counting, struct error *err)
{
        struct counts_query *query = &counting->query;
        if (request_parameters(
                    counting->request, RECORD(struct counts_query, counts_fields), query, &counting->arena, err) < 0 ||
                read_times(counting, err) < 0)
                return -1;
        if (!is_filtered(query))
                return 0;
        counting->params = (struct alerts_params){ .severity = query->severity,
                .module = query->module,
                .rule = query->rule,
                .container = query->container,
                .text = query->text };
        counting->params.states.items = query->states.items;
        counting->params.states.count = query->states.count;
        counting->bin_count = (size_t)((counting->now_ns - counting->first_ns) / counting->step_ns) + 1;
        counting->bins = calloc(counting->bin_count, sizeof(*counting->bins));
        if (!counting->bins)
                return fail(err, E_NO_MEMORY, "no memory for %zu bins", counting->bin_count);
        if (alert_store_first_since(counting->alerts->store, counting->first_ns, &counting->first, err) < 0)
                return -1;
        return alert_filter_init(
                &counting->filter, &counting->params, counting->now_ns, counting->alerts->service->privacy, err);
}

void handle_counts(struct service *service, struct request *request)
{
        struct error err;
        size_t place = 0;
        struct alerts *alerts = alerts_of(service);
        while (place < COUNTINGS_MAX && alerts->countings[place])
                place++;
        struct counting *counting = place < COUNTINGS_MAX ? calloc(1, sizeof(*counting)) : NULL;
        if (!counting) {
                alerts->counters.followers_refused++;
                fail(&err, E_UNAVAILABLE, "%d requests for counts are open already", COUNTINGS_MAX);
                request_fail(request, &err);
                return;
        }
        intake_flush(alerts);
        alerts->countings[place] = counting;
        counting->alerts = alerts;
        counting->request = request;
        counting->now_ns = time_unix_ns();
        arena_init(&counting->arena, 1 << 16);
        if (counting_open(counting, &err) < 0) {
                fail_counting(counting, &err);
        } else if (!counting->bins) {
                answer(counting);
        } else {
                request->state = counting;
                request->on_cancel = on_cancel;
                slice(service->loop, counting);
        }
}
