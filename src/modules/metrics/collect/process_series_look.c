/* Reads the processes for a look. */
#include "modules/metrics/collect/process_series.h"

#include "base/path.h"
#include "base/timefmt.h"
#include "linux/process_list.h"

#include <fcntl.h>

static const int64_t PAUSE_NS = SECOND; /* between looks, at least */

struct look {
        struct process_series *series;
        const struct registry *registry;
        int proc;
};

static int each_row(const struct process_row *row, void *cookie)
{
        const struct look *look = cookie;
        char name[16];
        struct process_io io;
        const struct container *container = NULL;
        if (row->stat[0] == 'Z') /* it uses nothing any more, and its program's name is no more its own */
                return 0;
        for (struct sv path = sv_of(row->group); path.n && !container; path = path_dir(path)) {
                container = registry_find(look->registry, path);
                if (path.n == 1)
                        break;
        }
        if (!container)
                return 0;
        struct process_sample sample = { .pid = row->pid,
                .start_ticks = row->start_ticks,
                .cpu_ns = row->cpu_ns > 0 ? (uint64_t)row->cpu_ns : 0,
                .rss = row->rss };
        snprintf(sample.comm, sizeof(sample.comm), "%s", row->comm);
        snprintf(name, sizeof(name), "%d", row->pid);
        struct process process = { row->pid, openat(look->proc, name, O_PATH | O_DIRECTORY | O_CLOEXEC) };
        if (process.dir >= 0) {
                sample.has_io = process_read_io(&process, &io, NULL) == 0;
                if (sample.has_io) {
                        sample.read_bytes = io.read_bytes;
                        sample.write_bytes = io.write_bytes;
                }
                process_close(&process);
        }
        process_series_add(look->series, sv_of(container_ref(container)->name), &sample);
        return 0;
}

int process_series_look(
        struct process_series *series, const struct registry *registry, int proc, int64_t now_ns, struct error *err)
{
        struct look look = { series, registry, proc };
        const struct process_list_query query = { .now_unix_ns = time_unix_ns() };
        struct process_list_result result;
        const int64_t looked_ns = process_series_looked_ns(series);
        if (looked_ns && now_ns - looked_ns < PAUSE_NS)
                return 0;
        process_series_begin(series, now_ns);
        int verdict = process_list_each(proc, &query, each_row, &look, &result, err);
        process_series_end(series);
        return verdict;
}
