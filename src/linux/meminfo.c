#include "linux/meminfo.h"

#include "base/cleanup.h"
#include "base/path.h"

struct named_row {
        const char *name;
        size_t offset;
};

#define ROW(name, member)                                                                                              \
        {                                                                                                              \
                name, offsetof(struct meminfo, member)                                                                 \
        }

static const struct named_row named_rows[] = {
        ROW("MemTotal", total),
        ROW("MemFree", free),
        ROW("MemAvailable", available),
        ROW("Buffers", buffers),
        ROW("Cached", cached),
        ROW("SwapCached", swap_cached),
        ROW("SwapTotal", swap_total),
        ROW("SwapFree", swap_free),
        ROW("Slab", slab),
        ROW("SReclaimable", slab_reclaimable),
        ROW("SUnreclaim", slab_unreclaimable),
        ROW("Active", active),
        ROW("Inactive", inactive),
        ROW("Dirty", dirty),
        ROW("Writeback", writeback),
        ROW("AnonPages", anonymous),
        ROW("Mapped", mapped),
        ROW("Shmem", shared),
        ROW("PageTables", page_tables),
        ROW("KernelStack", kernel_stack),
        ROW("CommitLimit", commit_limit),
        ROW("Committed_AS", committed),
        ROW("HugePages_Total", hugepages_total),
        ROW("HugePages_Free", hugepages_free),
        ROW("HugePages_Rsvd", hugepages_reserved),
        ROW("HugePages_Surp", hugepages_surplus),
        ROW("Hugepagesize", hugepage_size),
        ROW("Hugetlb", hugetlb),
};

static bool parse_row(struct sv line, struct meminfo_row *ret)
{
        size_t colon = sv_find(line, ':');
        if (colon == line.n || colon == 0 || colon >= MEMINFO_NAME_MAX)
                return false;
        struct meminfo_row row = { 0 };
        memcpy(row.name, line.p, colon);
        struct sv rest = sv_n(line.p + colon + 1, line.n - colon - 1);
        struct sv number;
        struct sv unit;
        if (!sv_word(&rest, &number) || !sv_parse_u64(number, 10, &row.value))
                return false;
        if (sv_word(&rest, &unit)) {
                if (!sv_eq(unit, SV("kB")) || __builtin_mul_overflow(row.value, UINT64_C(1024), &row.value))
                        return false;
                row.bytes = true;
        }
        *ret = row;
        return true;
}

int meminfo_parse(struct sv text, struct meminfo *ret, struct error *err)
{
        struct meminfo memory = { 0 };
        struct sv line;
        bool has_total = false;
        while (sv_line(&text, &line)) {
                struct meminfo_row row;
                if (memory.count == MEMINFO_ROWS_MAX || !parse_row(line, &row)) {
                        memory.refused++;
                        continue;
                }
                memory.rows[memory.count++] = row;
                has_total |= strcmp(row.name, "MemTotal") == 0;
                memory.has_available |= strcmp(row.name, "MemAvailable") == 0;
                for (size_t i = 0; i < sizeof(named_rows) / sizeof(*named_rows); i++)
                        if (strcmp(row.name, named_rows[i].name) == 0)
                                memcpy((char *)&memory + named_rows[i].offset, &row.value, sizeof(row.value));
        }
        if (!has_total)
                return fail(err, E_CORRUPT, "meminfo: no MemTotal");
        if (!memory.has_available)
                memory.available = memory.free + memory.buffers + memory.cached;
        *ret = memory;
        return 0;
}

int meminfo_read(int root, struct meminfo *ret, struct error *err)
{
        cleanup(buf_done) struct buf buf;
        buf_init(&buf, MEMINFO_TEXT_MAX);
        if (file_read(root, "proc/meminfo", &buf, err) < 0)
                return -1;
        return meminfo_parse(sv_n(buf_text(&buf), buf.len), ret, err);
}
