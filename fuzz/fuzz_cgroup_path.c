/* cgroup text → identity of the container. What a path says holds in any text that it stands in, and an identity is
 * always text that came from the path. */
#include "linux/container.h"
#include "linux/container_state.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
        if (!holds)
                abort();
}

static bool ended(const char *text, size_t size)
{
        return memchr(text, '\0', size) != NULL;
}

static void check_identity(const struct container_identity *identity, bool found)
{
        check(found == (identity->engine != CONTAINER_NONE));
        check((unsigned)identity->engine < CONTAINER_ENGINES);
        check(ended(identity->id, sizeof(identity->id)) && ended(identity->pod, sizeof(identity->pod)));
        check(ended(identity->unit, sizeof(identity->unit)) && ended(identity->slice, sizeof(identity->slice)));
        check(ended(identity->user_unit, sizeof(identity->user_unit)));
        check(found == (identity->id[0] != '\0'));
        check(found || (!identity->helper && identity->nested == 0));
        check(!strchr(identity->unit, '/') && !strchr(identity->pod, '/'));
}

/* Every engine finds nothing in an empty tree, and nobody opens a path that the id leads to. */
static void look_up(const struct container_identity *identity, struct sv text)
{
        struct container_places places = { .root = -1 };
        struct container_identity matched;
        struct container_state state;
        struct arena arena;
        arena_init(&arena, CONTAINER_STATE_MEMORY);
        check(container_state_find(&places, identity, 0, &arena, &state, NULL) < 0);
        check(container_state_match(&places, text, &arena, &matched, &state, NULL) < 0);
        arena_done(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct sv text = sv_n((const char *)data, size);
        struct container_identity whole;
        struct container_identity one;
        struct container_identity again;
        struct sv line;
        check_identity(&whole, container_identify(text, &whole));
        bool any = false;
        for (struct sv rest = text; sv_line(&rest, &line);) {
                size_t first = sv_find(line, ':');
                size_t second = first < line.n ? first + 1 + sv_find(sv_n(line.p + first + 1, line.n - first - 1), ':')
                                               : line.n;
                if (second >= line.n)
                        continue;
                struct sv path = sv_n(line.p + second + 1, line.n - second - 1);
                bool found = container_identify_path(path, &one);
                check_identity(&one, found);
                any |= found;
                check(container_identify_path(path, &again) == found && again.engine == one.engine &&
                        strcmp(again.id, one.id) == 0);
        }
        check(any == (whole.engine != CONTAINER_NONE));
        if (size < 512)
                look_up(&whole, text);
        return 0;
}
