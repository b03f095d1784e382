/* What node_exporter's collectors could not do: its exposition has a 0 for each that failed, and no word why. A line a
 * change in the log, at most one a minute and collector; /status counts. */
#include "modules/metrics/metrics.h"

#include "base/timefmt.h"

static const int64_t COLLECTOR_PAUSE_NS = MINUTE; /* between two lines about one collector */
static const int64_t REFUSED_PAUSE_NS = HOUR;
enum { REASON_MAX = 200 };

struct collector_note {
        char told[REASON_MAX]; /* the reason that was logged last; "": it works, or that was logged */
        int64_t told_ns;       /* monotonic; 0: never */
};

struct collector_notes {
        int64_t refused_ns;
        uint64_t refused;
        size_t count;
        struct collector_note items[];
};

static const char *reason_of(const struct metrics *metrics, size_t collector)
{
        const struct error *failure = node_failure(metrics->node, (int)collector);
        if (!failure || failure->code == E_NOT_FOUND || failure->code == E_UNSUPPORTED) /* the host has none */
                return "";
        return *failure->message ? failure->message : "failed";
}

uint64_t metrics_collectors_failed(const struct metrics *metrics)
{
        uint64_t count = 0;
        for (size_t i = 0; metrics->node && node_collectors[i].name; i++)
                count += *reason_of(metrics, i) != '\0';
        return count;
}

static void note_one(struct metrics *metrics, struct collector_note *note, size_t collector, int64_t now_ns)
{
        const char *reason = reason_of(metrics, collector);
        char told[REASON_MAX];
        char text[REASON_MAX + 100];
        snprintf(told, sizeof(told), "%.*s", REASON_MAX - 1, reason);
        if (strcmp(told, note->told) == 0 || (note->told_ns && now_ns - note->told_ns < COLLECTOR_PAUSE_NS))
                return;
        memcpy(note->told, told, sizeof(told));
        note->told_ns = now_ns;
        if (*told)
                snprintf(text, sizeof(text), "collector %s: %s", node_collectors[collector].name, told);
        else
                snprintf(text, sizeof(text), "collector %s works again", node_collectors[collector].name);
        metrics->sink->log(metrics, text);
}

static void note_refused(struct metrics *metrics, int64_t now_ns)
{
        struct collector_notes *notes = metrics->collector_notes;
        const uint64_t refused = node_refused(metrics->node);
        char text[120];
        if (refused == notes->refused || (notes->refused_ns && now_ns - notes->refused_ns < REFUSED_PAUSE_NS))
                return;
        snprintf(text, sizeof(text), "collectors left out %llu rows, names or samples that were malformed or too many",
                (unsigned long long)(refused - notes->refused));
        notes->refused = refused;
        notes->refused_ns = now_ns;
        metrics->sink->log(metrics, text);
}

void metrics_note_collectors(struct metrics *metrics, int64_t now_ns)
{
        size_t count = 0;
        if (!metrics->sink->log)
                return;
        while (node_collectors[count].name)
                count++;
        if (!metrics->collector_notes) {
                struct collector_notes *notes = calloc(1, sizeof(*notes) + count * sizeof(notes->items[0]));
                if (!notes)
                        return;
                notes->count = count;
                metrics->collector_notes = notes;
        }
        for (size_t i = 0; i < metrics->collector_notes->count; i++)
                note_one(metrics, &metrics->collector_notes->items[i], i, now_ns);
        note_refused(metrics, now_ns);
}
