#include "modules/investigate/memory_scan.h"

#include "base/cleanup.h"

#include <fcntl.h>

enum { PAGEMAP_ENTRIES = 512 };

/* Documentation/admin-guide/mm/pagemap.rst */
#define PAGEMAP_PRESENT (UINT64_C(1) << 63)
#define PAGEMAP_SWAPPED (UINT64_C(1) << 62)

struct scan {
        int memory;
        int pagemap; /* -1: not to be had, then everything is read */
        uint64_t page;
        char *buffer;
        size_t overlap;
        size_t old; /* bytes kept from the block before */
        const struct scan_visitor *visitor;
        bool ended;
};

static bool scannable(const struct mapping *mapping)
{
        static const struct sv devices = { "/dev/", 5 };
        if (!mapping->readable || mapping->end <= mapping->start || mapping->end > INT64_MAX)
                return false;
        if (sv_starts(mapping->path, devices))
                return sv_starts(mapping->path, SV("/dev/shm/")) || sv_eq(mapping->path, SV("/dev/zero"));
        return !sv_starts(mapping->path, SV("[vvar")) && !sv_eq(mapping->path, SV("[vsyscall]")) &&
               !sv_starts(mapping->path, SV("anon_inode:"));
}

/* The next run of pages at or after *at that hold something, at most `end`: *at and the end of the run; false when
 * there is none. Only for anonymous memory: what was never touched there reads as zeros. */
static bool populated_run(const struct scan *scan, uint64_t *at, uint64_t end, uint64_t *ret_end)
{
        uint64_t entries[PAGEMAP_ENTRIES];
        uint64_t begin = 0;
        bool inside = false;
        for (uint64_t from = *at; from < end;) {
                uint64_t pages = (end - from + scan->page - 1) / scan->page;
                size_t want = pages < PAGEMAP_ENTRIES ? (size_t)pages : PAGEMAP_ENTRIES;
                ssize_t got = pread(scan->pagemap, entries, want * sizeof(entries[0]),
                        (off_t)(from / scan->page * sizeof(entries[0])));
                if (got < (ssize_t)sizeof(entries[0]))
                        break;
                size_t count = (size_t)got / sizeof(entries[0]);
                for (size_t i = 0; i < count; i++) {
                        bool held = entries[i] & (PAGEMAP_PRESENT | PAGEMAP_SWAPPED);
                        if (held && !inside)
                                begin = from + i * scan->page;
                        if (inside && (!held || from + i * scan->page - begin >= SCAN_BLOCK)) {
                                *at = begin;
                                *ret_end = from + i * scan->page;
                                return true;
                        }
                        inside = held;
                }
                from += count * scan->page;
        }
        *at = begin;
        *ret_end = end;
        return inside;
}

/* Reads and hands out [at, end), which is populated. Returns where it got to. */
static uint64_t scan_run(struct scan *scan, const struct mapping *mapping, uint64_t at, uint64_t end, unsigned *faults)
{
        while (at < end && !scan->ended) {
                size_t want = end - at < SCAN_BLOCK ? (size_t)(end - at) : SCAN_BLOCK;
                ssize_t got = pread(scan->memory, scan->buffer + scan->old, want, (off_t)at);
                if (got == 0) { /* the process is gone */
                        scan->ended = true;
                        break;
                }
                if (got < 0) {
                        if (errno == EINTR)
                                continue;
                        scan->old = 0;
                        uint64_t next = (at / scan->page + 1) * scan->page;
                        uint64_t lost = ++*faults >= SCAN_FAULTS_MAX ? mapping->end - at : next - at;
                        scan->visitor->failure(mapping, lost, errno_text(errno), scan->visitor->cookie);
                        at += lost;
                        continue;
                }
                *faults = 0;
                size_t total = scan->old + (size_t)got;
                if (!scan->visitor->block(
                            sv_n(scan->buffer, total), at - scan->old, scan->old, mapping, scan->visitor->cookie))
                        scan->ended = true;
                size_t keep = total < scan->overlap ? total : scan->overlap;
                memmove(scan->buffer, scan->buffer + total - keep, keep);
                scan->old = keep;
                at += (uint64_t)got;
        }
        return at;
}

static void scan_mapping(struct scan *scan, const struct mapping *mapping, uint64_t from)
{
        uint64_t at = mapping->start > from ? mapping->start : from;
        unsigned faults = 0;
        if (mapping->end - mapping->start > SCAN_MAPPING_MAX) {
                scan->visitor->failure(
                        mapping, mapping->end - mapping->start, "the mapping is too large", scan->visitor->cookie);
                scan->old = 0;
                return;
        }
        bool sparse = scan->pagemap >= 0 && mapping->inode == 0;
        while (at < mapping->end && !scan->ended) {
                uint64_t begin = at;
                uint64_t end = mapping->end;
                if (sparse && !populated_run(scan, &begin, mapping->end, &end)) {
                        scan->old = 0;
                        return;
                }
                if (begin > at)
                        scan->old = 0;
                at = scan_run(scan, mapping, begin, end, &faults);
        }
}

int scan_memory(const struct process *process, const struct maps *maps, uint64_t from, char *buffer, size_t overlap,
        const struct scan_visitor *visitor, struct error *err)
{
        cleanup(fd_close) int memory = openat(process->dir, "mem", O_RDONLY | O_CLOEXEC);
        if (memory < 0)
                return fail_errno(err, "the memory of process %d", (int)process->pid);
        cleanup(fd_close) int pagemap = openat(process->dir, "pagemap", O_RDONLY | O_CLOEXEC);
        struct scan scan = {
                .memory = memory,
                .pagemap = pagemap,
                .page = (uint64_t)sysconf(_SC_PAGESIZE),
                .buffer = buffer,
                .overlap = overlap,
                .visitor = visitor,
        };
        uint64_t before = 0;
        for (size_t i = 0; i < maps->count && !scan.ended; i++) {
                const struct mapping *mapping = &maps->rows[i];
                if (mapping->start != before)
                        scan.old = 0;
                before = mapping->end;
                if (mapping->end <= from)
                        continue;
                if (scannable(mapping))
                        scan_mapping(&scan, mapping, from);
                else
                        scan.old = 0;
        }
        return 0;
}
