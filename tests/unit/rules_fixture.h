/* Events for tests of the rules: what a source would tell, without one. */
#pragma once

#include "modules/watch/event/event.h"
#include "modules/watch/rules/rules.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

/* exec_event("/usr/bin/nc", "nc", "-e", "/bin/sh", NULL): the program and its arguments. */
static inline struct event exec_event(const char *exe, ...)
{
        static char *argv[8][32];
        static unsigned next;
        char **items = argv[next++ % 8];
        struct event event = {
                .time_ns = 1000 * SECOND,
                .type = EVENT_EXEC,
                .source = SOURCE_AUDIT,
                .has_process = true,
                .process = { .exec_id = "1-2a-64-1",
                        .parent_exec_id = "1-29-63-1",
                        .pid = 100,
                        .ppid = 99,
                        .exe = exe,
                        .comm = "comm",
                        .has_ids = true,
                        .uid = 1000,
                        .euid = 1000 },
        };
        va_list args;
        va_start(args, exe);
        while (event.process.argv.count < 31 && (items[event.process.argv.count] = va_arg(args, char *)))
                event.process.argv.count++;
        va_end(args);
        event.process.argv.items = items;
        return event;
}

static inline void set_parent(struct event *event, const char *comm, const char *exe)
{
        static struct event_ancestor ancestors[8][2];
        static unsigned next;
        struct event_ancestor *items = ancestors[next++ % 8];
        items[0] = (struct event_ancestor){ .pid = 99, .comm = comm, .exe = exe, .exec_id = "1-29-63-1" };
        items[1] = (struct event_ancestor){
                .pid = 1, .comm = "systemd", .exe = "/usr/lib/systemd/systemd", .exec_id = "1-1-1-1"
        };
        event->process.ancestors.items = items;
        event->process.ancestors.count = 2;
}

static inline void set_container(struct event *event, const char *name)
{
        event->process.has_container = true;
        event->process.container = (struct event_container){
                .engine = "docker",
                .id = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
                .name = name,
                .attribution = ATTRIBUTION_CGROUP,
        };
}

static inline struct event object_event(
        int type, const char *exe, const char *operation, const char *path, const char *key)
{
        struct event event = exec_event(exe, NULL);
        event.type = type;
        event.has_object = event.has_audit = true;
        event.object = (struct event_object){ .operation = operation, .path = path };
        event.audit = (struct event_audit){ .serial = 7, .key = key, .has_result = true, .success = true };
        return event;
}

/* Does the rule of this name hit the event? */
static inline bool hits(struct rules *rules, const struct event *event, const char *name)
{
        rules_match(rules, event, event->time_ns, NULL, NULL);
        struct string_list tags = rules_tags(rules);
        for (size_t i = 0; i < tags.count; i++)
                if (!strcmp(tags.items[i], name))
                        return true;
        return false;
}
