/* What the files of the module watch share: the run in the foreground (watch_module.c), the agent's service
 * (watch_service.c), its HTTP (watch_http.c), and the modules that ask it (tree_module.c). */
#pragma once

#include "base/buf.h"
#include "module/run.h"
#include "module/service.h"
#include "modules/watch/watch.h"

struct watch_config {
        struct watch_settings settings;
        uint64_t retain_bytes;
        int64_t retain_ns;
};

enum { FOLLOWERS_MAX = 32 };

struct follower;

struct watch_service {
        struct watch watch;
        struct service *service;
        struct event_store *store;
        loop_id tick_id;
        struct follower *followers[FOLLOWERS_MAX];
        struct buf masked; /* an event's line in privacy mode */
        uint64_t followers_refused, follower_drops;
};

/* Is it in the container of this word: name or glob, begin of the id (4 digits or more), engine, any, none? */
bool watch_in_container(const struct event_process *process, const char *word);

int watch_start(struct service *service, struct error *err);
void watch_stop(struct service *service);

/* The new event's line, to everyone who follows. */
void watch_followers_take(struct watch_service *watch, const struct event *event, struct sv json);
void watch_followers_end(struct watch_service *watch);

extern const struct route watch_routes[];
extern const struct module *const watch_queries[];
