/* An audit event between its records and its JSON (event.c, event_write.c). */
#pragma once

#include "base/arena.h"
#include "lib/audit/event.h"
#include "lib/audit/normal.h"
#include "lib/audit/pairs.h"
#include "schema/json_writer.h"

struct whole {
        const struct audit_record *first;
        uint32_t type;
        struct arena arena;
        struct audit_pairs pairs;   /* all that is not somewhere else */
        struct audit_pairs ids;     /* of the actor, from the main record */
        struct audit_pairs context; /* subj_… */
        struct audit_pairs paths[AUDIT_EVENT_PATHS_MAX];
        size_t path_count;
        struct audit_pairs arguments; /* of EXECVE: a0 … */
        struct sv result, session, pid, ppid, title, comm, exe, cwd;
        const struct audit_normal *normal, *of_syscall;
        const struct audit_pairs *object_path;
        uint64_t refused;
};

static inline struct sv first_of(struct sv a, struct sv b)
{
        return a.n ? a : b;
}

/* The object of JSON. Takes out of `pairs` what it writes elsewhere. */
void whole_write(struct whole *whole, struct buf *out);

/* Parts that the JSON of a single record has too. */
void event_put_time(struct json_writer *json, int64_t time_ns);
void event_put_type(struct json_writer *json, uint32_t type);
void event_put_keys(struct json_writer *json, const char *name, const struct audit_pairs *pairs);
void event_put_pairs(struct json_writer *json, const char *key, const struct audit_pairs *pairs);
