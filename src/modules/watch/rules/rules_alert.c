/* What a hit says: a sentence for people, one JSON object for dispatch. */
#include "modules/watch/rules/rules_internal.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "schema/json_writer.h"

enum { OUTPUT_VALUE_MAX = 256, OUTPUT_MAX = 4096 };

void rules_output(const struct rules_hit *hit, struct buf *out)
{
        const struct compiled_rule *rule =
                (const struct compiled_rule *)((const char *)hit->rule - offsetof(struct compiled_rule, rule));
        for (size_t i = 0; i < rule->output_count; i++) {
                const struct output_part *part = &rule->output[i];
                if (part->operand < 0)
                        buf_append(out, part->text.p, part->text.n);
                else if (!operand_print(&hit->rules->operands[part->operand], hit->event, OUTPUT_VALUE_MAX, out))
                        buf_putc(out, '-');
        }
}

static void put_list(struct json_writer *writer, const char *key, const struct string_list *list)
{
        if (!list->count)
                return;
        json_key(writer, key);
        json_begin_array(writer);
        for (size_t i = 0; i < list->count; i++)
                json_put_text(writer, list->items[i]);
        json_end_array(writer);
}

/* The event's JSON, or that of the same without its long parts. */
static int write_event(const struct event *event, bool privacy, struct buf *out)
{
        if (event_write(event, privacy, out) == 0)
                return 0;
        struct event shorter = *event;
        shorter.process.argv.count = 0;
        shorter.process.argv_truncated = true;
        shorter.audit.detail = NULL;
        shorter.has_object = false;
        shorter.process.ancestors.count = 0;
        shorter.process.ancestors_omitted += event->process.ancestors.count;
        buf_clear(out);
        return event_write(&shorter, privacy, out);
}

int rules_alert(const struct rules_hit *hit, bool privacy, struct buf *out)
{
        enum { HEAD_MAX = 24 << 10 };
        struct json_writer writer;
        cleanup(buf_done) struct buf text, event;
        buf_init(&text, OUTPUT_MAX);
        buf_init(&event, RULES_ALERT_MAX - HEAD_MAX);
        rules_output(hit, &text);
        if (write_event(hit->event, privacy, &event) < 0)
                return -1;
        json_writer_init(&writer, out, 0);
        json_begin_object(&writer);
        json_field(&writer, "severity", json_put_text, hit->rule->severity);
        json_field(&writer, "alert", json_put_string, sv_of(privacy ? hit->rule->name : buf_text(&text)));
        json_field(&writer, "rule", json_put_text, hit->rule->name);
        if (hit->rule->summary[0])
                json_field(&writer, "summary", json_put_text, hit->rule->summary);
        json_field(&writer, "action", json_put_text, rule_action_names[hit->rule->action]);
        put_list(&writer, "mitre", &hit->rule->mitre);
        put_list(&writer, "tags", &hit->rule->tags);
        if (hit->count > 1)
                json_field(&writer, "count", json_put_uint, hit->count);
        if (hit->suppressed)
                json_field(&writer, "suppressed", json_put_uint, hit->suppressed);
        json_field(&writer, "event", json_put_raw, sv_n(buf_text(&event), event.len));
        json_end_object(&writer);
        return out->failed ? -1 : 0;
}
