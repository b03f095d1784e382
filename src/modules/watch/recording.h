/* A recording: the observations as the tree got them, with what was read from /proc, so that a replay needs neither. A
 * file of segment records (lib/segment/segment.h): first a JSON header, then one encoded observation each.
 *
 * Replays of text logs (auditd's format, --diag dumps) come through the same door: lines are decoded as the audit
 * source decodes its records. */
#pragma once

#include "base/error.h"
#include "modules/watch/source/source.h"

struct recorder;

/* Makes the file (0600); refuses one that is there. */
struct recorder *recorder_open(const char *path, const char *source, struct error *err);
/* Buffered. After a failed write nothing more is written; recorder_close tells. */
void recorder_add(struct recorder *recorder, const struct observation *observation);
int recorder_close(struct recorder *recorder, struct error *err);

struct replay;

/* The kind is seen from the first bytes. */
struct replay *replay_open(const char *path, struct error *err);
void replay_close(struct replay *replay);

/* Reads some more and hands out what it says; false at the end, when everything was handed out. -1 in *ret_status and
 * err when reading failed or the recording is broken. */
bool replay_step(struct replay *replay, observe_fn *observe, void *cookie, int *ret_status, struct error *err);
void replay_count(const struct replay *replay, struct source_counters *ret);
