/* /proc/meminfo (proc(5)). Sizes in bytes, HugePages_* are counts. */
#pragma once

#include "base/error.h"
#include "base/sv.h"

enum { MEMINFO_ROWS_MAX = 96, MEMINFO_NAME_MAX = 32, MEMINFO_TEXT_MAX = 60 * 1024 };

struct meminfo_row {
        char name[MEMINFO_NAME_MAX]; /* "MemTotal", "Active(anon)" */
        uint64_t value;              /* bytes where the kernel says kB, else the bare number */
        bool bytes;
};

struct meminfo {
        uint64_t total, free, available, buffers, cached, swap_cached;
        uint64_t swap_total, swap_free;
        uint64_t slab, slab_reclaimable, slab_unreclaimable;
        uint64_t active, inactive, dirty, writeback, anonymous, mapped, shared;
        uint64_t page_tables, kernel_stack, commit_limit, committed;
        uint64_t hugepages_total, hugepages_free, hugepages_reserved, hugepages_surplus; /* pages */
        uint64_t hugepage_size, hugetlb;
        bool has_available;                        /* Linux 3.14; else `available` is free + buffers + cached */
        struct meminfo_row rows[MEMINFO_ROWS_MAX]; /* every row, in the kernel's order */
        size_t count;
        size_t refused; /* malformed or beyond the table */
};

int meminfo_parse(struct sv text, struct meminfo *ret, struct error *err);
int meminfo_read(int root, struct meminfo *ret, struct error *err);
