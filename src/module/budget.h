/* What a run may use; 0 = the module's own limit, or none. Kept by throttling (cpu_share, io_rate), by a ceiling
 * (memory) and by a stop with what there is so far (wall_ns). */
#pragma once

#include <stdint.h>

struct budget {
        double cpu_share; /* of one core, 0.1 = 10 % */
        uint64_t io_rate; /* bytes a second */
        uint64_t memory;  /* bytes */
        int64_t wall_ns;
};
