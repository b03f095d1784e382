/* What all outputs have in common: one event at a time, retry with backoff, the cursor. */
#include "dispatch.h"

static void on_retry(struct loop *loop, loop_id id, void *cookie)
{
        struct output *output = cookie;
        (void)loop;
        (void)id;
        output->retry = 0;
        output_kick(output);
}

static void wait_before_retry(struct output *output)
{
        const struct dispatch_config *config = output->dispatch->config;
        struct loop *loop = output->dispatch->service->loop;
        output->backoff_ns = output->backoff_ns ? output->backoff_ns * 2 : config->retry_min_ns;
        if (output->backoff_ns > config->retry_max_ns)
                output->backoff_ns = config->retry_max_ns;
        int64_t wait = output->retry_after_ns > output->backoff_ns ? output->retry_after_ns : output->backoff_ns;
        output->retry_after_ns = 0;
        loop_add_timer(loop, wait, 0, on_retry, output, &output->retry, NULL);
}

static void advance(struct output *output)
{
        output->position.next++;
        spool_save_cursor(&output->dispatch->spool, output->config->name, output->position.next);
        dispatch_trim(output->dispatch);
}

static void on_next(struct loop *loop, void *cookie)
{
        (void)loop;
        output_kick(cookie);
}

void output_done(struct output *output, enum outcome outcome, const char *format, ...)
{
        va_list args;
        va_start(args, format);
        if (outcome != OUTCOME_DELIVERED)
                vsnprintf(output->last_error, sizeof(output->last_error), format, args);
        va_end(args);
        output->busy = false;
        if (outcome == OUTCOME_FAILED) {
                output->counters.failures++;
                if (!output->backoff_ns) /* the first of a row */
                        service_log(output->dispatch->service, "warning: output %s: %s; it is tried again",
                                output->config->name, output->last_error);
                wait_before_retry(output);
                return;
        }
        if (outcome == OUTCOME_REJECTED) {
                output->counters.rejected++;
                service_log(output->dispatch->service, "warning: output %s refused an event: %s", output->config->name,
                        output->last_error);
        } else {
                output->counters.delivered++;
        }
        output->backoff_ns = 0;
        advance(output);
        /* not from here: an output that answers at once would recurse once an event */
        if (loop_defer(output->dispatch->service->loop, on_next, output) < 0)
                wait_before_retry(output);
}

/* The next event at or above the output's severity. */
static bool next_event(struct output *output, struct spool_event *ret)
{
        uint64_t before = output->position.next;
        while (spool_read(&output->dispatch->spool, &output->position, &output->record, ret) > 0) {
                output->counters.dropped += ret->number - before;
                if (event_severity(ret->json, NULL, 0) >= (enum severity)output->config->severity)
                        return true;
                output->counters.filtered++;
                advance(output);
                before = output->position.next;
        }
        return false;
}

void output_kick(struct output *output)
{
        struct spool_event event;
        if (output->busy || output->retry || !next_event(output, &event))
                return;
        output->busy = true;
        buf_clear(&output->text);
        render_event(output->dispatch, output->config->format, &event, &output->text);
        if (output->text.failed)
                output_done(output, OUTCOME_REJECTED, "the event is longer than %d bytes", EVENT_TEXT_MAX);
        else
                output->operations->send(output, &event, sv_n(output->text.data, output->text.len));
}
