/* An alert is what a module says, in the end what a process does: any bytes. Whatever comes, the row is bounded, and
 * what is written of it is one JSON object that the schema knows. */
#include "base/cleanup.h"
#include "modules/alerts/alerts.h"
#include "schema/json.h"

static void need(bool holds)
{
        if (!holds)
                abort();
}

static void check(const struct alert_row *row, bool privacy, struct arena *arena)
{
        struct error err;
        struct json_writer writer;
        struct alert_element element;
        cleanup(buf_done) struct buf out;
        buf_init(&out, 16 << 20);
        json_writer_init(&writer, &out, 0);
        alert_write(&writer, row, privacy);
        need(!out.failed && !memchr(out.data, '\n', out.len));
        cleanup(json_decref) json_t *value = json_parse(sv_n(out.data, out.len), true, &err);
        need(value && record_read(&alert_record, value, &element, arena, READ_STRICT, &err) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct error err;
        struct alert_row row;
        struct alert_filter filter;
        char text[64];
        bool over;
        struct alerts_params params = { .since = text, .rule = text, .container = text, .text = text };
        cleanup(arena_done) struct arena arena;
        struct recents recents;
        arena_init(&arena, 256 << 20);
        snprintf(text, sizeof(text), "%.*s", (int)(size < 63 ? size : 63), (const char *)data);
        need(alert_derive(sv_n((const char *)data, size), text, SECOND, NULL, NULL, &arena, &row, &err) == 0);
        need(alert_evidence(sv_n((const char *)data, size), &arena, &row.evidence, &err) == 0);
        need(strlen(row.message) <= ALERT_MESSAGE_MAX && strlen(row.rule) <= ALERT_RULE_MAX &&
                strlen(row.container) <= ALERT_CONTAINER_MAX && strlen(row.exe) <= ALERT_EXE_MAX &&
                strlen(row.user) <= ALERT_USER_MAX && strlen(row.module) <= ALERT_MODULE_MAX &&
                strlen(row.evidence) < 2 * ALERT_TEXT_MAX);
        row.module = "m"; /* of the agent, never these bytes */
        check(&row, false, &arena);
        check(&row, true, &arena);
        for (int privacy = 0; privacy < 2; privacy++)
                if (alert_filter_init(&filter, &params, 1000 * SECOND, privacy, &err) == 0)
                        alert_filter_match(&filter, &row);
        recents_init(&recents);
        recents_put(&recents, &row);
        need(recents_find(&recents, &row, &over) && !over);
        recents_done(&recents);
        return 0;
}
