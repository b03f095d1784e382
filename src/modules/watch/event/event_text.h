/* Looks into an event's JSON line without building a tree of it: one pass finds the members that filters ask for, as
 * views into the line. The line may be anything; what is no JSON object is refused, never read beyond its end. */
#pragma once

#include "base/buf.h"
#include "base/sv.h"

/* Each the value as it stands in the line, quotes and brackets included; p is NULL where the member is absent. */
struct event_text {
        struct sv exec_id, exe, comm, argv, ancestors; /* process */
        struct sv engine, container_id, container_name;
        struct sv pid, uid, euid, auid;
        struct sv path, key, tags;
};

struct ancestor_text {
        struct sv pid, comm, exe, exec_id;
};

/* The bit of a member in a set of those that are wanted. */
#define EVENT_TEXT(member) (1U << (offsetof(struct event_text, member) / sizeof(struct sv)))
#define EVENT_TEXT_ALL UINT32_MAX

/* Reads until all that is wanted was found, or to the end. false: no JSON object, as far as it was read. */
bool event_text_read(struct sv json, uint32_t wanted, struct event_text *ret);
bool ancestor_text_read(struct sv object, struct ancestor_text *ret);

/* Takes the next value off an array; begin with *rest the array itself. */
bool json_text_item(struct sv *rest, struct sv *ret_value);

/* Is this value the string `text`? */
bool json_text_equals(struct sv value, struct sv text);

/* Appends what a string value means; false when it is no string. */
bool json_text_decode(struct sv value, struct buf *out);

/* The bytes of a string value: in the line itself where nothing is escaped, else decoded into scratch (cleared first).
 * Empty for what is no string. */
struct sv json_text_view(struct sv value, struct buf *scratch);
