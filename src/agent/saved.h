/* Runs that somebody saved under a name. They are kept in one file of the state directory, written anew and synced with
 * each change; with a time they are scheduled beside the configuration's entries (schedule.h). */
#pragma once

#include "agent/config.h"

#include <jansson.h>

struct saved_store;
struct json_writer;

enum {
        SAVED_MAX = 256,
        SAVED_NAME_MAX = 63,
        SAVED_FILE_MAX = 4 << 20, /* bytes of all; one comes in a control message (AGENT_CONTROL_MAX) */
};

struct saved {
        struct config_schedule run; /* neither every_ns nor cron: only by hand */
        char *description;
        char *saved_by; /* identity of who did */
        int64_t saved_ns;
        char *suspended;    /* why the scheduler does not run it; only where it is shown, never in the file */
        struct arena arena; /* owns all of it */
};

/* What a request may say: all but the name, and who saved it when. */
extern const struct record saved_request_record;

/* Reads the file at path; none is an empty store. One that cannot be read makes a store which refuses all changes and
 * says why, so that nothing is lost. NULL only without memory. */
struct saved_store *saved_open(const char *path, struct error *err);
void saved_close(struct saved_store *store);
const char *saved_problem(const struct saved_store *store); /* why the file was not read; "" = it was */

size_t saved_count(const struct saved_store *store);
const struct saved *saved_at(const struct saved_store *store, size_t index); /* sorted by name; until the next change */
const struct saved *saved_find(const struct saved_store *store, const char *name);
/* For the scheduler: NULL when there is none of this name or it has no time. */
const struct config_schedule *saved_schedule(const struct saved_store *store, const char *name);

/* Letters, digits, '.', '_' and '-', the first one a letter or digit. */
int saved_check_name(const char *name, struct error *err);

/* The entry of this name is what `entry` says from now on. Module and parameters are the caller's to check. When this
 * fails nothing has changed. */
int saved_put(struct saved_store *store, const char *name, const json_t *entry, const char *by, int64_t now_ns,
        bool *ret_created, struct error *err);
/* E_NOT_FOUND. */
int saved_remove(struct saved_store *store, const char *name, struct error *err);

/* {"name","module","parameters",…,"suspended"}. params (may be NULL): of its module, whose secrets are hidden. */
void saved_write(const struct saved *saved, const struct record *params, struct json_writer *writer);
