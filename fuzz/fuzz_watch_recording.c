/* A recording's bytes, and one observation's: what is taken can be written again and is then the same. */
#include "lib/segment/segment.h"
#include "modules/watch/source/observation_codec.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void round_trip(struct sv bytes)
{
        struct observation first, second;
        if (observation_decode(bytes, &first, NULL) < 0)
                return;
        size_t room = observation_size_max(&first);
        char *once = malloc(room + 1);
        if (!once)
                return;
        size_t length = observation_encode(&first, once);
        if (length > room || observation_decode(sv_n(once, length), &second, NULL) < 0)
                abort();
        size_t again_room = observation_size_max(&second);
        char *again = malloc(again_room + 1);
        if (again && (again_room != room || observation_encode(&second, again) != length ||
                             memcmp(once, again, length) != 0))
                abort();
        free(again);
        free(once);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct sv rest = sv_n((const char *)data, size);
        struct sv record;
        size_t taken;
        round_trip(rest);
        while (rest.n && segment_next(rest, &record, &taken) > 0) {
                round_trip(record);
                rest = sv_n(rest.p + taken, rest.n - taken);
        }
        return 0;
}
