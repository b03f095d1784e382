/* What the files of cAdvisor's API share: a call as it is being answered, and the shapes. The shapes take what they
 * show as arguments, so that tests render data of their own; only api_v1.c, api_v2.c and api_select.c ask the registry.
 */
#pragma once

#include "base/vec.h"
#include "modules/metrics/cadvisor/api_json.h"
#include "modules/metrics/cadvisor/cadvisor.h"

enum {
        API_NAME_MAX = 4096,
        API_SAMPLES_V1 = 60, /* num_stats where the body says nothing */
        API_SAMPLES_V2 = 64, /* count */
        API_EVENTS = 10,     /* max_events */
        API_DEPTH_MAX = 10000
};

enum api_version { API_V1_0, API_V1_1, API_V1_2, API_V1_3, API_V2_0, API_V2_1, API_VERSIONS };

enum api_id_type { API_NAME, API_DOCKER, API_PODMAN };

struct api_options { /* v2: the query */
        enum api_id_type type;
        int64_t count; /* -1: all */
        bool recursive, has_max_age;
        int64_t max_age_ns;
};

struct api_body { /* v1: ContainerInfoRequest */
        int64_t num_stats;
        int64_t start_ns, end_ns; /* 0: open */
};

struct api_call {
        const struct cadvisor *cadvisor;
        const struct cadvisor_request *request;
        struct cadvisor_reply *reply;
        struct buf *out; /* of the reply */
        const char *type;
        struct sv args;          /* behind the type, with its slash; "" for none */
        char name[API_NAME_MAX]; /* args as the name of a container: "/", "/docker/4a5b" */
        struct api_options options;
};

/* ---- answers ---- */

/* Replaces what was written by an error as Go's http.Error sends it. format knows %s, %q (Go's quoting of a text) and
 * %d (int64_t). */
void api_error(struct api_call *call, const char *format, ...);
void api_error_status(struct cadvisor_reply *reply, int status, struct sv text);

/* ---- requests (api_request.c, api_body.c) ---- */

/* The first value of a key in a raw query, decoded, as url.Values.Get; NULL when it is not there. Memory: ret. */
const char *api_query(const char *query, const char *key, struct buf *ret);
/* 0, or -1 with the text of cAdvisor's error in `problem`. */
int api_options_parse(const char *query, struct api_options *ret, struct buf *problem);
void api_events_parse(const char *query, struct event_query *ret, bool *ret_stream);
int api_body_parse(struct sv body, struct api_body *ret, struct buf *problem);
/* Go's time.ParseDuration and time.Parse(time.RFC3339, …) with their errors. problem may be NULL. */
int api_duration_parse(struct sv text, int64_t *ret_ns, struct buf *problem);
int api_time_parse(struct sv text, int64_t *ret_unix_ns, struct buf *problem);
bool api_bool_parse(const char *text, bool *ret);
bool api_int_parse(const char *text, int64_t *ret);
/* path.Clean of a rooted path; false when it does not fit. */
bool api_path_clean(struct sv path, char ret[API_NAME_MAX]);

/* ---- which containers (api_select.c) ---- */

struct api_selection {
        struct container **items;
        size_t count, capacity;
};
void api_selection_done(struct api_selection *selection);
static inline void api_selection_done_p(struct api_selection *selection)
{
        api_selection_done(selection);
}
/* The containers that a v2 request is about, sorted by name; -1: the call has been answered with an error. prefix
 * stands before the error's text. */
int api_select(struct api_call *call, const char *prefix, struct api_selection *ret);
/* A container and those below it. */
int api_select_below(const struct registry *registry, const char *name, struct api_selection *ret);
int api_select_namespace(const struct registry *registry, const char *name_space, struct api_selection *ret);
/* Drops those that were made this moment and have no sample yet: cAdvisor shows none of them with its samples. */
void api_select_sampled(struct api_selection *selection);
/* By alias, id or the unique beginning of one; NULL with the text in problem. */
struct container *api_find_alias(
        const struct registry *registry, const char *name_space, const char *name, struct buf *problem);

/* ---- shapes (api_stats.c, api_spec.c, api_machine.c) ---- */

void api_put_stats_v1(struct buf *out, const struct machine *machine, const struct container_stats *stats);
void api_put_stats_deprecated(struct buf *out, const struct machine *machine, const struct container_spec *spec,
        const struct container_stats *stats);
void api_put_stats_v2(struct buf *out, const struct machine *machine, const struct container_spec *spec,
        const struct container_stats *stats);
void api_put_stats_machine(struct buf *out, const struct container_spec *spec, const struct container_stats *stats);
void api_put_reference(struct buf *out, const struct container_ref *ref); /* members only */
/* What of it may be told: without the variables of the environment in privacy mode. */
const struct container_spec *api_spec_shown(
        const struct api_call *call, const struct container *container, struct container_spec *scratch);
void api_put_spec_v1(struct buf *out, const struct machine *machine, const struct container_spec *spec);
void api_put_spec_v2(struct buf *out, const struct machine *machine, const struct container_ref *ref,
        const struct container_spec *spec);
void api_put_machine(struct buf *out, const struct machine *machine);
void api_put_attributes(struct buf *out, const struct machine *machine, const char *version);
void api_put_summary(struct buf *out, const struct container_summary *summary);
/* One file system; labels is what cAdvisor knows it by ("root", "docker-images"). */
void api_put_storage(
        struct buf *out, const struct machine *machine, int64_t time_ns, const struct filesystem_stats *filesystem);
const struct machine_filesystem *api_find_filesystem(const struct machine *machine, const char *device); /* or NULL */
bool api_storage_has_label(const struct machine *machine, const char *device, const char *label);
void api_put_custom_metrics(struct buf *out, const struct container_stats *stats);

/* "overlay2", by the directories that Docker's engine keeps below root; NULL when there are none. */
const char *api_docker_storage_driver(int root);

/* ---- endpoints ---- */

void api_containers(struct api_call *call);
void api_subcontainers(struct api_call *call);
void api_docker(struct api_call *call);
void api_machine(struct api_call *call);
void api_events(struct api_call *call);
void api_version_text(struct api_call *call);
void api_attributes(struct api_call *call);
void api_summary(struct api_call *call);
void api_stats_v20(struct api_call *call);
void api_stats_v21(struct api_call *call);
void api_machinestats(struct api_call *call);
void api_spec(struct api_call *call);
void api_storage(struct api_call *call);
void api_ps(struct api_call *call);
void api_appmetrics(struct api_call *call);
