/* Puts the eBPF program into the kernel and attaches it. What stays are file descriptors: closing them takes the
 * program out again, also when the process is killed. */
#pragma once

#include "base/error.h"
#include "modules/watch/source/bpf/record.h"

#include <stdbool.h>
#include <stdint.h>

enum { BPF_PROGRAMS_MAX = 16 };

struct bpf_loaded {
        int ring;   /* BPF_MAP_TYPE_RINGBUF */
        int shared; /* an array of one struct watch_bpf_shared, to be mapped */
        int programs[BPF_PROGRAMS_MAX], links[BPF_PROGRAMS_MAX];
        int count;
        uint64_t ring_size; /* bytes of its data part */
        /* hooks that this kernel lacks, ", " between; "" when all are there */
        char absent[256];
};

/* legacy_cgroups: also tell the groups of v1 hierarchies. calls: hook the end of each system call (record.h, "what a
 * system call did"). ring_size is rounded up to a power of two. E_UNSUPPORTED without BTF, on an old kernel, or in a
 * build without eBPF; E_PERMISSION without CAP_BPF and CAP_PERFMON (or CAP_SYS_ADMIN). */
int bpf_load(uint64_t ring_size, bool legacy_cgroups, bool calls, struct bpf_loaded *ret, struct error *err);
void bpf_unload(struct bpf_loaded *loaded);

/* Runs of the programs that the kernel skipped because one of them was running on that CPU: those events are lost, too.
 */
uint64_t bpf_read_missed(const struct bpf_loaded *loaded);
