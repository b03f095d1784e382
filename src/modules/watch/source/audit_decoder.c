/* Assembler and translation as one object (audit_observe.h). */
#include "modules/watch/source/audit_observe.h"
#include "modules/watch/source/audit_translate.h"

#define BACKWARDS_NS                                                                                                   \
        (INT64_C(10) * 1000000000) /* a log whose times fall back by more is another log, or the clock was set */

struct audit_decoder {
        struct audit_assembler *assembler;
        struct audit_translation *translation;
        enum source_kind source;
        uint64_t refused, observed;
        uint64_t lost_told;  /* of the assembler's `lost` */
        int64_t clock_ns;    /* the newest time of a record */
        int64_t event_ns;    /* of the newest event: the time of a gap */
        observe_fn *observe; /* of the call at hand */
        void *cookie;
};

struct audit_decoder *audit_decoder_new(
        const struct audit_assembler_options *options, enum source_kind source, struct error *err)
{
        struct audit_decoder *decoder = calloc(1, sizeof(*decoder));

        if (!decoder)
                return fail_null(err, E_NO_MEMORY, "audit decoder: no memory");
        decoder->source = source;
        decoder->assembler = audit_assembler_new(options, err);
        decoder->translation = decoder->assembler ? audit_translation_new(err) : NULL;
        if (!decoder->translation) {
                audit_decoder_free(decoder);
                return NULL;
        }
        return decoder;
}

void audit_decoder_free(struct audit_decoder *decoder)
{
        if (!decoder)
                return;
        audit_assembler_free(decoder->assembler);
        audit_translation_free(decoder->translation);
        free(decoder);
}

static void hand_on(const struct observation *observation, void *cookie)
{
        struct audit_decoder *decoder = cookie;
        decoder->observed++;
        decoder->observe(observation, decoder->cookie);
}

static void take_event(const struct audit_event *event, void *cookie)
{
        struct audit_decoder *decoder = cookie;
        if (event->time_ns > decoder->event_ns)
                decoder->event_ns = event->time_ns;
        audit_observe(decoder->translation, event, decoder->source, hand_on, decoder);
}

/* What is missing is told once, as soon as it is certain. */
static void tell_gap(struct audit_decoder *decoder)
{
        struct audit_assembler_counters counters;

        audit_assembler_count(decoder->assembler, &counters);
        if (counters.lost == decoder->lost_told)
                return;
        struct observation gap;
        observation_init(&gap, OBSERVED_GAP, decoder->source);
        gap.time_ns = decoder->event_ns;
        gap.lost = counters.lost - decoder->lost_told;
        gap.unit = "events";
        gap.reason = "sequence";
        decoder->lost_told = counters.lost;
        hand_on(&gap, decoder);
}

static void feed(struct audit_decoder *decoder, const struct audit_record *record, int64_t now_ns, observe_fn *observe,
        void *cookie)
{
        decoder->observe = observe;
        decoder->cookie = cookie;
        audit_assembler_feed(decoder->assembler, record, now_ns, take_event, decoder);
        tell_gap(decoder);
}

bool audit_decoder_feed(
        struct audit_decoder *decoder, uint32_t type, struct sv text, int64_t now_ns, observe_fn *observe, void *cookie)
{
        struct audit_record record;

        if (!audit_record_parse(text, &record)) {
                decoder->refused++;
                return false;
        }
        record.type = type;
        if (record.time_ns > decoder->clock_ns || record.time_ns < decoder->clock_ns - BACKWARDS_NS)
                decoder->clock_ns = record.time_ns;
        feed(decoder, &record, now_ns, observe, cookie);
        return true;
}

bool audit_decoder_feed_line(struct audit_decoder *decoder, struct sv line, observe_fn *observe, void *cookie)
{
        struct audit_record record;

        if (!audit_record_parse(line, &record)) {
                decoder->refused++;
                return false;
        }
        if (record.time_ns < decoder->clock_ns - BACKWARDS_NS) {
                audit_decoder_tick(decoder, INT64_MAX, observe, cookie);
                decoder->clock_ns = 0;
        }
        if (record.time_ns > decoder->clock_ns)
                decoder->clock_ns = record.time_ns;
        feed(decoder, &record, decoder->clock_ns, observe, cookie);
        return true;
}

void audit_decoder_tick(struct audit_decoder *decoder, int64_t now_ns, observe_fn *observe, void *cookie)
{
        decoder->observe = observe;
        decoder->cookie = cookie;
        audit_assembler_tick(decoder->assembler, now_ns, take_event, decoder);
        tell_gap(decoder);
}

int64_t audit_decoder_clock(const struct audit_decoder *decoder)
{
        return decoder->clock_ns;
}

void audit_decoder_count(const struct audit_decoder *decoder, struct audit_decoder_counters *ret)
{
        *ret = (struct audit_decoder_counters){
                .refused = decoder->refused,
                .observed = decoder->observed,
        };
        audit_assembler_count(decoder->assembler, &ret->assembler);
        ret->truncated = decoder->translation->truncated;
}
