/* A record of the eBPF program (bpf/record.h) as an observation. The record is not trusted: sizes and texts are checked
 * against what really came. */
#pragma once

#include "modules/watch/source/observation.h"

/* Where a stream of records stands. */
struct bpf_stream {
        int64_t boot_offset_ns; /* CLOCK_REALTIME minus CLOCK_BOOTTIME */
        uint64_t lost;          /* as told by gaps so far */
        uint64_t decoded;       /* records */
        uint64_t truncated;     /* arguments or paths cut, or left out */
        uint64_t refused;       /* could not be understood */
        uint64_t page_size;     /* of the kernel's counts of memory */
};

/* Hands out what the record says, after an OBSERVED_GAP when records before it found no room in the ring. False when it
 * is none (counted). */
bool bpf_record_decode(struct bpf_stream *stream, struct sv raw, observe_fn *observe, void *cookie);

/* Tells what found no room in the ring up to now, `lost` of all time, if that was not told yet. */
void bpf_record_gap(struct bpf_stream *stream, uint64_t lost, int64_t time_ns, observe_fn *observe, void *cookie);

/* One OBSERVED_GAP of events. reason is static. */
void bpf_tell_lost(uint64_t lost, const char *reason, int64_t time_ns, observe_fn *observe, void *cookie);
