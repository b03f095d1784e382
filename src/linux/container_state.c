#include "linux/container_state.h"

#include "base/cleanup.h"
#include "base/timefmt.h"
#include "linux/container_state_internal.h"

#include <fcntl.h>

enum { FINDERS_MAX = 6 };

/* By which engine's files an identity is looked up, in this order. A bare id may be of any engine that was told to use
 * a parent group of its own; state_runtime finds those that only their runtime knows. */
static state_finder *const finders[CONTAINER_ENGINES][FINDERS_MAX] = {
        [CONTAINER_DOCKER] = { state_docker, state_containerd },
        [CONTAINER_CONTAINERD] = { state_containerd, state_runtime },
        [CONTAINER_PODMAN] = { state_podman, state_runtime },
        [CONTAINER_CRIO] = { state_crio, state_runtime },
        [CONTAINER_NSPAWN] = { state_nspawn },
        [CONTAINER_LXC] = { state_lxc },
        [CONTAINER_KUBERNETES] = { state_containerd, state_crio, state_docker, state_runtime },
        [CONTAINER_OCI] = { state_docker, state_containerd, state_podman, state_crio, state_runtime },
};

int container_state_find(const struct container_places *places, const struct container_identity *identity, pid_t pid,
        struct arena *arena, struct container_state *ret, struct error *err)
{
        struct state_mounts mounts = { 0 };
        struct lookup lookup = { places, identity, pid, arena, &mounts };
        struct error corrupt = { 0 };
        if ((unsigned)identity->engine >= CONTAINER_ENGINES || !state_id_is_safe(identity->id))
                return fail(err, E_INVALID, "no container's id");
        for (size_t i = 0; i < FINDERS_MAX && finders[identity->engine][i]; i++) {
                struct container_state state = { .engine = identity->engine,
                        .id = state_text(&lookup, sv_of(identity->id)) };
                struct error one;
                if (identity->pod[0])
                        state.pod = state_text(&lookup, sv_of(identity->pod));
                if (finders[identity->engine][i](&lookup, &state, &one) == 0) {
                        *ret = state;
                        return 0;
                }
                if (one.code != E_NOT_FOUND)
                        corrupt = one;
        }
        if (corrupt.code != E_NONE) {
                if (err)
                        *err = corrupt;
                return -1;
        }
        return fail(err, E_NOT_FOUND, "no state file tells of %s container %s", container_engine_name(identity->engine),
                identity->id);
}

const char *container_state_label(const struct container_state *state, const char *name)
{
        for (size_t i = 0; i < state->label_count; i++)
                if (strcmp(state->labels[i].name, name) == 0)
                        return state->labels[i].value;
        return NULL;
}

/* --- filling --------------------------------------------------------------------------------------------------------
 */

const char *state_text(const struct lookup *lookup, struct sv text)
{
        size_t n = text.n < CONTAINER_STATE_TEXT_MAX ? text.n : CONTAINER_STATE_TEXT_MAX;
        return n ? arena_strndup(lookup->arena, text.p, n) : NULL;
}

const char *state_member(const struct lookup *lookup, const json_t *object, const char *key)
{
        const json_t *value = json_object_get(object, key);
        if (!json_is_string(value))
                return NULL;
        return state_text(lookup, sv_n(json_string_value(value), json_string_length(value)));
}

int64_t state_time(const char *text)
{
        int64_t unix_ns;
        return text && time_parse(sv_of(text), &unix_ns) && unix_ns > 0 ? unix_ns : 0;
}

void state_label(const struct lookup *lookup, struct container_state *state, const char *name, const char *value)
{
        if (!state->labels)
                state->labels = arena_array(lookup->arena, CONTAINER_LABELS_MAX, sizeof(*state->labels));
        if (!state->labels || state->label_count == CONTAINER_LABELS_MAX) {
                state->labels_refused++;
                return;
        }
        const char *copy = state_text(lookup, sv_of(name));
        const char *text = value && *value ? state_text(lookup, sv_of(value)) : "";
        if (copy && text)
                state->labels[state->label_count++] = (struct container_label){ copy, text };
        else
                state->labels_refused++;
}

void state_labels(const struct lookup *lookup, struct container_state *state, const json_t *object)
{
        const char *name;
        json_t *value;
        json_object_foreach((json_t *)object, name, value)
        {
                if (json_is_string(value))
                        state_label(lookup, state, name, json_string_value(value));
                else
                        state->labels_refused++;
        }
}

/* Which member an annotation tells. Sources: containerd's internal/cri/annotations, CRI-O's pkg/annotations, the label
 * keys of the kubelet (k8s.io/kubelet/pkg/types), nerdctl's pkg/labels. The earlier of a member is the better. */
enum member { MEMBER_NAME, MEMBER_IMAGE, MEMBER_IMAGE_ID, MEMBER_POD, MEMBER_NAMESPACE, MEMBER_HOSTNAME, MEMBER_TYPE };

static const struct {
        const char *name;
        enum member member;
} known_annotations[] = {
        { "io.kubernetes.cri.container-name", MEMBER_NAME },
        { "io.kubernetes.cri.image-name", MEMBER_IMAGE },
        { "io.kubernetes.cri.sandbox-name", MEMBER_POD },
        { "io.kubernetes.cri.sandbox-namespace", MEMBER_NAMESPACE },
        { "io.kubernetes.cri.container-type", MEMBER_TYPE },
        { "io.kubernetes.container.name", MEMBER_NAME },
        { "io.kubernetes.pod.name", MEMBER_POD },
        { "io.kubernetes.pod.namespace", MEMBER_NAMESPACE },
        { "io.kubernetes.cri-o.ImageName", MEMBER_IMAGE },
        { "io.kubernetes.cri-o.Image", MEMBER_IMAGE_ID },
        { "io.kubernetes.cri-o.KubeName", MEMBER_POD },
        { "io.kubernetes.cri-o.Namespace", MEMBER_NAMESPACE },
        { "io.kubernetes.cri-o.ContainerType", MEMBER_TYPE },
        { "io.kubernetes.cri-o.ContainerName", MEMBER_NAME },
        { "io.kubernetes.cri-o.Name", MEMBER_NAME },
        { "io.kubernetes.docker.type", MEMBER_TYPE },
        { "nerdctl/name", MEMBER_NAME },
        { "nerdctl/hostname", MEMBER_HOSTNAME },
};

void state_annotation(const struct lookup *lookup, struct container_state *state, const char *name, const char *value)
{
        for (size_t i = 0; i < sizeof(known_annotations) / sizeof(*known_annotations); i++) {
                if (strcmp(known_annotations[i].name, name) != 0 || !value || !*value)
                        continue;
                const char **const members[] = { [MEMBER_NAME] = &state->name,
                        [MEMBER_IMAGE] = &state->image,
                        [MEMBER_IMAGE_ID] = &state->image_id,
                        [MEMBER_POD] = &state->pod,
                        [MEMBER_NAMESPACE] = &state->name_space,
                        [MEMBER_HOSTNAME] = &state->hostname };
                enum member member = known_annotations[i].member;
                if (member == MEMBER_TYPE)
                        state->sandbox = strcmp(value, "sandbox") == 0 || strcmp(value, "podsandbox") == 0;
                else if (!*members[member] || member == MEMBER_NAMESPACE || member == MEMBER_POD)
                        *members[member] = state_text(lookup, sv_of(value));
                return;
        }
}

void state_annotations(const struct lookup *lookup, struct container_state *state, const json_t *object)
{
        for (size_t i = 0; i < sizeof(known_annotations) / sizeof(*known_annotations); i++) {
                const char *name = known_annotations[i].name;
                state_annotation(lookup, state, name, json_string_value(json_object_get(object, name)));
        }
}
