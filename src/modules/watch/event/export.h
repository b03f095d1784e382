/* Events in the forms of other tools. A stored line becomes a struct event again (event_read) and then text. */
#pragma once

#include "base/arena.h"
#include "modules/watch/event/event.h"

/* A stored line as the event it was written from: what was told, and paths with their exact bytes. Texts live in the
 * arena. E_INVALID for a line that is no event. */
int event_read(struct sv json, struct arena *arena, struct event *ret, struct error *err);

/* As auditd writes it to its log, one record a line, each ended by a line break: ausearch -if FILE, aureport -if FILE
 * and libauparse read it. The event's number in the store stands as its serial, so that every event is one there. What
 * audit has no record for is said with the nearest: a container's start is VIRT_CONTROL, an OOM kill ANOM_ABEND, a gap
 * DAEMON_ERR. */
void export_auditd(const struct event *event, struct buf *out);

/* One JSON object of the Elastic Common Schema 8, without a line break. What ECS has no field for stands below
 * "tarsier". */
void export_ecs(const struct event *event, struct buf *out);
