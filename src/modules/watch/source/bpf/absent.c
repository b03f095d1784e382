/* In place of load.c where the build found no clang that makes eBPF, or no libbpf. */
#include "modules/watch/source/bpf/load.h"

int bpf_load(uint64_t ring_size, bool legacy_cgroups, bool calls, struct bpf_loaded *ret, struct error *err)
{
        (void)ring_size, (void)legacy_cgroups, (void)calls, (void)ret;
        return fail(err, E_UNSUPPORTED, "built without eBPF");
}

void bpf_unload(struct bpf_loaded *loaded)
{
        (void)loaded;
}

uint64_t bpf_read_missed(const struct bpf_loaded *loaded)
{
        (void)loaded;
        return 0;
}
