/* The memory of one process, block after block. Blocks overlap, so that a match of up to the overlap's length plus one
 * byte is seen whole wherever it lies; memory that was never touched is skipped and not made present by looking. */
#pragma once

#include "base/arena.h"
#include "base/error.h"
#include "base/sv.h"
#include "linux/maps.h"
#include "linux/process.h"

enum {
        SCAN_BLOCK = 256 << 10,
        SCAN_OVERLAP_MAX = 64 << 10,
        SCAN_FAULTS_MAX = 64, /* unreadable pages in a row before the rest of a mapping is given up */
};

#define SCAN_MAPPING_MAX                                                                                               \
        (UINT64_C(256) << 30) /* larger mappings are reservations, a shadow or a heap's address space */

struct scan_visitor {
        /* text.p[0] lies at `address`; the first `old` bytes were seen before. False ends the scan. */
        bool (*block)(struct sv text, uint64_t address, size_t old, const struct mapping *mapping, void *cookie);
        /* So many bytes of a mapping could not be read. */
        void (*failure)(const struct mapping *mapping, uint64_t bytes, const char *reason, void *cookie);
        void *cookie;
};

/* Reads all readable mappings from address `from` on; those of devices and of the kernel ([vvar], [vsyscall]) are left
 * out, since reading them may act or fail. buffer has overlap + SCAN_BLOCK bytes. -1: the memory cannot be opened. */
int scan_memory(const struct process *process, const struct maps *maps, uint64_t from, char *buffer, size_t overlap,
        const struct scan_visitor *visitor, struct error *err);
