#include "loop/clock.h"

static int64_t monotonic_now_ns(void *cookie)
{
        (void)cookie;
        return time_monotonic_ns();
}

const struct loop_clock loop_clock_monotonic = { .now_ns = monotonic_now_ns };

static int64_t fake_now_ns(void *cookie)
{
        return ((struct loop_fake_clock *)cookie)->now_ns;
}

static bool fake_jump(void *cookie, int64_t to_ns)
{
        struct loop_fake_clock *fake = cookie;
        if (fake->manual)
                return false;
        if (to_ns > fake->now_ns)
                fake->now_ns = to_ns;
        return true;
}

void fake_clock_init(struct loop_fake_clock *fake, int64_t now_ns)
{
        *fake = (struct loop_fake_clock){
                .clock = { .now_ns = fake_now_ns, .jump = fake_jump, .cookie = fake },
                .now_ns = now_ns,
        };
}

void fake_clock_advance(struct loop_fake_clock *fake, int64_t by_ns)
{
        fake->now_ns += by_ns;
}
