/* Samples to where --storage_driver says, as cAdvisor's drivers of these names send them: each sample that is taken, to
 * each driver of the list. All of them share --storage_driver_host. */
#pragma once

#include "modules/metrics/settings.h"
#include "modules/metrics/stats.h"

struct loop;
struct push;

struct push_hooks {
        /* stdout's line, without a newline; false when nobody takes it now. NULL: stdout is refused */
        bool (*line)(const struct container_ref *ref, int64_t time_ns, const char *line, void *cookie);
        void (*log)(const char *text, void *cookie);
        void *cookie;
};

/* *ret is NULL when no driver is asked for. settings must live as long. E_INVALID, E_NOT_FOUND: no such host;
 * E_UNSUPPORTED: stdout without a hook. */
int push_new(struct loop *loop, const struct cadvisor_settings *settings, const struct push_hooks *hooks,
        struct push **ret, struct error *err);
/* What waits is lost. */
void push_free(struct push *push);

void push_sample(struct push *push, const struct container_ref *ref, const struct container_spec *spec,
        const struct container_stats *stats);

/* Requests that were answered well, packets and lines that were handed on; and those that were not. */
void push_count(const struct push *push, uint64_t *ret_pushed, uint64_t *ret_lost);
