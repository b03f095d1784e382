#include "agent/usage.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/timefmt.h"
#include "linux/process.h"
#include "schema/json_writer.h"

#include <fcntl.h>

enum { ROLLUP_MAX = 16 << 10, FDS_MAX = 1 << 20 };

/* proc(5), /proc/PID/smaps_rollup: "Pss:      1234 kB". Memory that processes share counts for each in part, so that
 * the sum over all services is true. */
static bool read_pss(const struct process *process, uint64_t *ret)
{
        cleanup(buf_done) struct buf text;
        struct sv line;
        struct sv word;
        buf_init(&text, ROLLUP_MAX);
        if (process_read_file(process, "smaps_rollup", &text, NULL) < 0)
                return false;
        for (struct sv rest = sv_n(buf_text(&text), text.len); sv_line(&rest, &line);)
                if (sv_word(&line, &word) && sv_eq(word, SV("Pss:")) && sv_word(&line, &word) &&
                        sv_parse_u64(word, 10, ret)) {
                        *ret *= 1024;
                        return true;
                }
        return false;
}

static bool count_fds(const struct process *process, uint64_t *ret)
{
        cleanup(fd_close) int fd = openat(process->dir, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        cleanup(closedir) DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
        const struct dirent *entry;
        if (!dir)
                return false;
        fd = -1; /* dir's now */
        for (*ret = 0; *ret < FDS_MAX && (entry = readdir(dir));)
                *ret += entry->d_name[0] != '.';
        return true;
}

void usage_write(struct json_writer *writer, pid_t pid)
{
        cleanup(fd_close) int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        cleanup(process_close) struct process process = { .dir = -1 };
        struct process_stat stat;
        uint64_t value;
        if (root < 0 || process_open(root, pid, &process, NULL) < 0 || process_read_stat(&process, &stat, NULL) < 0)
                return;
        int64_t tick_ns = SECOND / sysconf(_SC_CLK_TCK);
        if (!read_pss(&process, &value))
                value = stat.rss > 0 ? (uint64_t)stat.rss * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
        json_field(writer, "memory", json_put_uint, value);
        json_field(writer, "cpu_time", json_put_int, (int64_t)(stat.utime + stat.stime) * tick_ns);
        if (count_fds(&process, &value))
                json_field(writer, "fds", json_put_uint, value);
        json_field(writer, "threads", json_put_int, stat.num_threads);
}
