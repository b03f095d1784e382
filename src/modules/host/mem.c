/* mem: the memory of this host, once or as a sampler with a rate: one row a sample, sent as it is taken. */
#include "base/cleanup.h"
#include "linux/kernel_stat.h"
#include "linux/meminfo.h"
#include "linux/pressure.h"
#include "module/lines.h"
#include "module/run.h"

#include <fcntl.h>

struct mem_params {
        bool watch;
        int64_t interval_ns;
        uint64_t count;
        bool all;
};

static const struct field params_fields[] = {
        FIELD_BOOL(struct mem_params, watch, .help = "go on until stopped, or until --count"),
        FIELD_DURATION(struct mem_params, interval_ns, .json = "interval", .def = "1s", .min = 10 * MILLISECOND,
                .max = DAY, .help = "time between two samples"),
        FIELD_UINT(struct mem_params, count, .help = "number of samples; 0: one, or without end with --watch"),
        FIELD_BOOL(struct mem_params, all, .help = "with every row of /proc/meminfo"),
};

struct mem_stall {
        double some10, some60, some300, full10, full60, full300;
        int64_t some_ns, full_ns;
};

struct mem_rate {
        int64_t used, available;
        double faults, major_faults, swapped_in, swapped_out;
};

struct mem_entry {
        char *name;
        uint64_t value;
};

struct mem_row {
        int64_t time_ns;
        uint64_t total, free, used, available, buffers, cached, slab, shared, anonymous, mapped, dirty, writeback;
        uint64_t page_tables, kernel_stack, committed, commit_limit, swap_total, swap_free, swap_used, swap_cached;
        uint64_t hugepages_total, hugepages_free, hugepage_size, oom_kills;
        struct mem_stall pressure;
        bool has_pressure;
        struct mem_rate rate;
        bool has_rate;
        LIST(struct mem_entry) rows;
};

static const struct field stall_fields[] = {
        FIELD_DOUBLE(struct mem_stall, some10, .help = "percent of the last 10 s in which some task waited for memory"),
        FIELD_DOUBLE(struct mem_stall, some60, .help = "the same of 60 s"),
        FIELD_DOUBLE(struct mem_stall, some300, .help = "the same of 300 s"),
        FIELD_DOUBLE(struct mem_stall, full10, .help = "percent of the last 10 s in which all tasks waited for memory"),
        FIELD_DOUBLE(struct mem_stall, full60, .help = "the same of 60 s"),
        FIELD_DOUBLE(struct mem_stall, full300, .help = "the same of 300 s"),
        FIELD_DURATION(struct mem_stall, some_ns, .json = "some", .help = "some task waited, since boot"),
        FIELD_DURATION(struct mem_stall, full_ns, .json = "full", .help = "all tasks waited, since boot"),
};

static const struct field rate_fields[] = {
        FIELD_INT(struct mem_rate, used, .help = "bytes a second that used grew by"),
        FIELD_INT(struct mem_rate, available, .help = "bytes a second that available grew by"),
        FIELD_DOUBLE(struct mem_rate, faults, .help = "page faults a second"),
        FIELD_DOUBLE(struct mem_rate, major_faults, .help = "page faults a second that read from disk"),
        FIELD_DOUBLE(struct mem_rate, swapped_in, .help = "pages a second read from swap"),
        FIELD_DOUBLE(struct mem_rate, swapped_out, .help = "pages a second written to swap"),
};

static const struct field entry_fields[] = {
        FIELD_STRING(struct mem_entry, name, .help = "name of the row"),
        FIELD_UINT(struct mem_entry, value, .help = "bytes, or a number where the kernel gives no unit"),
};

static const struct field row_fields[] = {
        FIELD_TIME(struct mem_row, time_ns, .json = "time", .help = "when it was read"),
        FIELD_SIZE(struct mem_row, total, .help = "memory that the kernel manages"),
        FIELD_SIZE(struct mem_row, free, .help = "memory that nothing uses, caches included"),
        FIELD_SIZE(struct mem_row, used, .help = "total - free: caches count as used"),
        FIELD_SIZE(struct mem_row, available, .help = "what programs can get without swapping"),
        FIELD_SIZE(struct mem_row, buffers, .help = "cache of block devices"),
        FIELD_SIZE(struct mem_row, cached, .help = "cache of files, tmpfs included"),
        FIELD_SIZE(struct mem_row, slab, .help = "objects of the kernel"),
        FIELD_SIZE(struct mem_row, shared, .help = "tmpfs and shared memory"),
        FIELD_SIZE(struct mem_row, anonymous, .help = "memory of programs that no file holds"),
        FIELD_SIZE(struct mem_row, mapped, .help = "files mapped into programs"),
        FIELD_SIZE(struct mem_row, dirty, .help = "waiting to be written"),
        FIELD_SIZE(struct mem_row, writeback, .help = "being written"),
        FIELD_SIZE(struct mem_row, page_tables, .help = "page tables"),
        FIELD_SIZE(struct mem_row, kernel_stack, .help = "stacks of the kernel"),
        FIELD_SIZE(struct mem_row, committed, .help = "promised to programs"),
        FIELD_SIZE(struct mem_row, commit_limit, .help = "most that may be promised, where that is enforced"),
        FIELD_SIZE(struct mem_row, swap_total, .help = "swap space"),
        FIELD_SIZE(struct mem_row, swap_free, .help = "swap space that is free"),
        FIELD_SIZE(struct mem_row, swap_used, .help = "swap space in use"),
        FIELD_SIZE(struct mem_row, swap_cached, .help = "in swap and in memory too"),
        FIELD_UINT(struct mem_row, hugepages_total, .help = "huge pages in the pool"),
        FIELD_UINT(struct mem_row, hugepages_free, .help = "huge pages that are free"),
        FIELD_SIZE(struct mem_row, hugepage_size, .help = "bytes of one huge page"),
        FIELD_UINT(struct mem_row, oom_kills, .help = "processes killed for lack of memory since boot"),
        FIELD_RECORD(struct mem_row, pressure, struct mem_stall, stall_fields, .help = "time lost for lack of memory",
                .has = HAS(struct mem_row, has_pressure)),
        FIELD_RECORD(struct mem_row, rate, struct mem_rate, rate_fields, .help = "change since the sample before",
                .has = HAS(struct mem_row, has_rate)),
        FIELD_RECORDS(struct mem_row, rows, struct mem_entry, entry_fields, .help = "all of /proc/meminfo (--all)",
                .omit_empty = true),
};

struct mem_statistics {
        uint64_t samples;
};

static const struct field statistics_fields[] = {
        FIELD_UINT(struct mem_statistics, samples, .help = "samples taken"),
};

struct sample {
        int64_t monotonic_ns;
        struct meminfo memory;
        struct vmstat counters;
};

static int take_sample(int root, struct sample *ret, struct error *err)
{
        struct error ignored;
        ret->monotonic_ns = time_monotonic_ns();
        if (vmstat_read(root, &ret->counters, &ignored) < 0)
                ret->counters = (struct vmstat){ 0 };
        return meminfo_read(root, &ret->memory, err);
}

static uint64_t less(uint64_t whole, uint64_t part)
{
        return whole > part ? whole - part : 0;
}

static void fill_row(const struct sample *sample, struct mem_row *row)
{
        const struct meminfo *memory = &sample->memory;
        row->time_ns = time_unix_ns();
        row->total = memory->total;
        row->free = memory->free;
        row->used = less(memory->total, memory->free);
        row->available = memory->available;
        row->buffers = memory->buffers;
        row->cached = memory->cached;
        row->slab = memory->slab;
        row->shared = memory->shared;
        row->anonymous = memory->anonymous;
        row->mapped = memory->mapped;
        row->dirty = memory->dirty;
        row->writeback = memory->writeback;
        row->page_tables = memory->page_tables;
        row->kernel_stack = memory->kernel_stack;
        row->committed = memory->committed;
        row->commit_limit = memory->commit_limit;
        row->swap_total = memory->swap_total;
        row->swap_free = memory->swap_free;
        row->swap_used = less(memory->swap_total, memory->swap_free);
        row->swap_cached = memory->swap_cached;
        row->hugepages_total = memory->hugepages_total;
        row->hugepages_free = memory->hugepages_free;
        row->hugepage_size = memory->hugepage_size;
        row->oom_kills = sample->counters.out_of_memory_kills;
}

static void fill_pressure(int root, struct mem_row *row)
{
        struct pressure pressure;
        struct error ignored;
        if (pressure_read(root, "proc/pressure/memory", &pressure, &ignored) < 0)
                return;
        row->has_pressure = true;
        row->pressure =
                (struct mem_stall){ pressure.some.avg10, pressure.some.avg60, pressure.some.avg300, pressure.full.avg10,
                        pressure.full.avg60, pressure.full.avg300, pressure.some.total_ns, pressure.full.total_ns };
}

static double per_second(uint64_t before, uint64_t after, int64_t passed_ns)
{
        double difference = (double)after - (double)before;
        return passed_ns > 0 ? difference * (double)SECOND / (double)passed_ns : 0;
}

static void fill_rate(const struct sample *before, const struct sample *after, struct mem_row *row)
{
        int64_t passed = after->monotonic_ns - before->monotonic_ns;
        const struct meminfo *a = &before->memory, *b = &after->memory;
        row->has_rate = true;
        row->rate.used = (int64_t)per_second(less(a->total, a->free), less(b->total, b->free), passed);
        row->rate.available = (int64_t)per_second(a->available, b->available, passed);
        row->rate.faults = per_second(before->counters.page_faults, after->counters.page_faults, passed);
        row->rate.major_faults = per_second(before->counters.major_faults, after->counters.major_faults, passed);
        row->rate.swapped_in = per_second(before->counters.swapped_in, after->counters.swapped_in, passed);
        row->rate.swapped_out = per_second(before->counters.swapped_out, after->counters.swapped_out, passed);
}

static int mem_run(struct run *run, struct error *err)
{
        const struct mem_params *params = run->params;
        struct mem_statistics *statistics = run_statistics(run);
        struct mem_entry entries[MEMINFO_ROWS_MAX];
        struct sample samples[2];
        uint64_t count = params->count ? params->count : params->watch ? UINT64_MAX : 1;
        cleanup(fd_close) int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (root < 0)
                return fail_errno(err, "the root directory");
        int64_t next_ns = time_monotonic_ns();
        for (uint64_t i = 0; i < count && !run_checkpoint(run); i++) {
                struct sample *now = &samples[i % 2];
                struct mem_row row = { .rows = { entries, 0 } };
                if (take_sample(root, now, err) < 0)
                        return -1;
                fill_row(now, &row);
                fill_pressure(root, &row);
                if (i > 0)
                        fill_rate(&samples[(i - 1) % 2], now, &row);
                for (size_t r = 0; params->all && r < now->memory.count; r++)
                        entries[row.rows.count++] =
                                (struct mem_entry){ now->memory.rows[r].name, now->memory.rows[r].value };
                if (run_emit(run, NULL, &row, err) < 0)
                        return -1;
                statistics->samples++;
                next_ns += params->interval_ns;
                int64_t wait_ns = next_ns - time_monotonic_ns(); /* from the start on: late samples do not add up */
                if (wait_ns < 0)
                        next_ns -= wait_ns;
                if (i + 1 < count && run_poll(run, NULL, 0, wait_ns > 0 ? wait_ns : 0, err) < 0)
                        return run_stopped(run) ? 0 : -1;
        }
        return 0;
}

static void print_size(struct line_printer *printer, const char *name, uint64_t bytes)
{
        print_line(printer, "%-12s: %12llu KB", name, (unsigned long long)(bytes / 1024));
}

static void mem_print_row(struct line_printer *printer, const char *group, const char *label, const void *row)
{
        const struct mem_row *memory = row;
        (void)group;
        (void)label;
        print_size(printer, "MemTotal", memory->total);
        print_size(printer, "MemFree", memory->free);
        print_size(printer, "MemUsed", memory->used);
        print_size(printer, "MemAvailable", memory->available);
        print_size(printer, "Buffers", memory->buffers);
        print_size(printer, "Cached", memory->cached);
        print_size(printer, "Slab", memory->slab);
        print_size(printer, "SwapTotal", memory->swap_total);
        print_size(printer, "SwapUsed", memory->swap_used);
        if (memory->hugepages_total)
                print_line(printer, "%-12s: %12llu of %llu KB, %llu free", "HugePages",
                        (unsigned long long)memory->hugepages_total, (unsigned long long)(memory->hugepage_size / 1024),
                        (unsigned long long)memory->hugepages_free);
        if (memory->has_pressure)
                print_line(printer, "%-12s: some %.2f %.2f %.2f, full %.2f %.2f %.2f percent of 10, 60, 300 s",
                        "Pressure", memory->pressure.some10, memory->pressure.some60, memory->pressure.some300,
                        memory->pressure.full10, memory->pressure.full60, memory->pressure.full300);
        if (memory->has_rate)
                print_line(printer,
                        "%-12s: used %+lld KB/s, %.0f faults/s, %.0f from disk, swap in %.0f out %.0f pages/s", "Rate",
                        (long long)(memory->rate.used / 1024), memory->rate.faults, memory->rate.major_faults,
                        memory->rate.swapped_in, memory->rate.swapped_out);
        list_foreach (entry, &memory->rows)
                print_line(printer, "  %-24s %llu", entry->name, (unsigned long long)entry->value);
}

static const char *const mem_paths[] = { "/proc", NULL };

static const struct module_example mem_examples[] = {
        { "mem", "total, free, used, available, caches, swap, pressure" },
        { "mem --watch --interval 1s", "a sample a second with the rate of change, until stopped" },
        { "mem --count 10 --interval 100ms --format csv --fields time,used,rate.used", "ten samples as a table" },
        { 0 },
};

const struct module mem_module = {
        .name = "mem",
        .summary = "tell how memory is used, once or as a sampler with rates",
        .params = RECORD(struct mem_params, params_fields),
        .element = RECORD(struct mem_row, row_fields),
        .shape = SHAPE_LIST,
        .statistics = RECORD(struct mem_statistics, statistics_fields),
        .sandbox = { .read_paths = mem_paths },
        .limits = { .wall_ns = DAY, .memory = 32 * MIB, .result = 256 * MIB },
        .role = ROLE_VIEWER,
        .examples = mem_examples,
        .run = mem_run,
        .print_row = mem_print_row,
};
