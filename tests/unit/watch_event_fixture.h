/* Events made of small vocabularies by a fixed random sequence, so that any two agree in something. */
#pragma once

#include "base/timefmt.h"
#include "modules/watch/event/event.h"

enum { FIXTURE_ANCESTORS = 5, FIXTURE_ARGUMENTS = 4 };
#define FIXTURE_START (INT64_C(1790000000) * SECOND)

struct fixture_event {
        struct event event;
        char exec_id[EVENT_ID_MAX], ancestor_ids[FIXTURE_ANCESTORS][EVENT_ID_MAX];
        char *argv[FIXTURE_ARGUMENTS], *tags[2];
        struct event_ancestor ancestors[FIXTURE_ANCESTORS];
};

static inline uint32_t fixture_random(uint64_t *state)
{
        *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        return (uint32_t)(*state >> 33);
}

#define FIXTURE_PICK(state, list) ((list)[fixture_random(state) % (sizeof(list) / sizeof((list)[0]))])

static inline void fixture_process(struct fixture_event *ret, uint64_t *state)
{
        static const char *const programs[] = { "/usr/bin/curl", "/usr/bin/bash", "/opt/curl", "/usr/sbin/sshd",
                "/usr/bin/a\"b", "/tmp/caf\xc3\xa9", "" };
        static const char *const names[] = { "curl", "bash", "sshd", "a\"b\\c", "kworker/0:1", "" };
        static const char *const arguments[] = { "-l", "--password=x", "http://example.org/a b", "quote\"d",
                "back\\slash", "", "line\nbreak", "\x01" };
        static const char *const ids[] = { "3f29c07c8a1c4f1ab6c7ac0f0b1c87be2c1d7d0d6d2c0a2b0ab8b3f51f0d9a11",
                "3f29ffff8a1c4f1ab6c7ac0f0b1c87be2c1d7d0d6d2c0a2b0ab8b3f51f0d9a11", "machine", "beef-box" };
        static const char *const containers[] = { "web", "web-2", NULL, "db" };
        static const char *const engines[] = { "docker", "podman", "nspawn" };
        struct event_process *process = &ret->event.process;
        ret->event.has_process = true;
        snprintf(ret->exec_id, sizeof(ret->exec_id), "b007-%x-1", fixture_random(state) % 50);
        process->exec_id = ret->exec_id;
        process->pid = (int)(fixture_random(state) % 30 + 1);
        process->ppid = (int)(fixture_random(state) % 30 + 1);
        process->start_ns = ret->event.time_ns - SECOND;
        process->exe = FIXTURE_PICK(state, programs);
        process->comm = FIXTURE_PICK(state, names);
        process->argv.items = ret->argv;
        process->argv.count = fixture_random(state) % (FIXTURE_ARGUMENTS + 1);
        for (size_t i = 0; i < process->argv.count; i++)
                ret->argv[i] = (char *)FIXTURE_PICK(state, arguments);
        process->has_ids = fixture_random(state) % 4 > 0;
        process->uid = fixture_random(state) % 3;
        process->euid = fixture_random(state) % 3;
        process->has_session = fixture_random(state) % 4 > 0;
        process->auid = fixture_random(state) % 2 ? 1000 : AUDIT_UNSET;
        process->has_container = fixture_random(state) % 2;
        if (process->has_container) {
                process->container.engine = FIXTURE_PICK(state, engines);
                process->container.id = FIXTURE_PICK(state, ids);
                process->container.name = FIXTURE_PICK(state, containers);
        }
        process->ancestors.items = ret->ancestors;
        process->ancestors.count = fixture_random(state) % (FIXTURE_ANCESTORS + 1);
        for (size_t i = 0; i < process->ancestors.count; i++) {
                snprintf(ret->ancestor_ids[i], EVENT_ID_MAX, "b007-%x-1", fixture_random(state) % 50);
                ret->ancestors[i] = (struct event_ancestor){ (int)(fixture_random(state) % 30 + 1),
                        FIXTURE_PICK(state, names), FIXTURE_PICK(state, programs), ret->ancestor_ids[i] };
        }
}

static inline void fixture_event(struct fixture_event *ret, uint64_t number, uint64_t *state)
{
        static const char *const paths[] = { "/etc/passwd", "/etc/cron.d/job", "passwd", "/var/log/a\tb" };
        static const char *const keys[] = { "identity", "time", NULL };
        static const char *const tags[] = { "reverse-shell", "setuid-write", "two" };
        *ret = (struct fixture_event){ 0 };
        struct event *event = &ret->event;
        event->time_ns = FIXTURE_START + (int64_t)number * SECOND - (int64_t)(fixture_random(state) % 5) * SECOND;
        event->type = (int)(fixture_random(state) % EVENT_TYPES);
        event->source = (int)(fixture_random(state) % SOURCES);
        event->late = fixture_random(state) % 8 == 0;
        if (fixture_random(state) % 8)
                fixture_process(ret, state);
        if (fixture_random(state) % 3 == 0) {
                event->has_object = true;
                event->object.operation = "write";
                event->object.path = FIXTURE_PICK(state, paths);
        }
        if (fixture_random(state) % 2 == 0) {
                event->has_audit = true;
                event->audit.serial = number;
                event->audit.key = FIXTURE_PICK(state, keys);
        }
        event->tags.items = ret->tags;
        event->tags.count = fixture_random(state) % 3 ? 0 : fixture_random(state) % 3;
        for (size_t i = 0; i < event->tags.count; i++)
                ret->tags[i] = (char *)FIXTURE_PICK(state, tags);
}
