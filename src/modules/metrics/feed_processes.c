/* Processes: one read of /proc/PID/stat each look. What changes rarely (program, arguments, user, group) is read when a
 * process is first seen, when it executed another program, while it is young, and then every half minute; its I/O where
 * its CPU time moved, while it goes on, and now and then. */
#include "modules/metrics/feed_internal.h"

#include "base/cleanup.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>

enum {
        PATH_ROOM = 32,
        STAT_MAX = 2048,
        STATUS_HEAD = 1024, /* "Uid:" is the ninth line */
        CGROUP_MAX = 16 << 10,
        COMMAND_LINE_MAX = 4096,
        IO_EVERY = 8 /* looks */
};
static const int64_t DETAILS_NS = 30 * SECOND;
static const int64_t YOUNG_NS = 5 * SECOND; /* so old is a process that may still change user and group */
static const int64_t YOUNG_AGAIN_NS = 400 * MILLISECOND;
static const int64_t STEP_NS = SECOND; /* less than what two who ask for the boot's time may differ by is no step */

static void row_done(void *given)
{
        struct feed_process_row *row = given;
        free(row->name);
        free(row->executable);
        free(row->command_line);
}

void feed_processes_init(struct feed *feed)
{
        feed_table_init(&feed->processes, FEED_PROCESS, sizeof(struct feed_process_row),
                offsetof(struct feed_process_row, record), FEED_PROCESSES_MAX, row_done);
        feed_groups_init(feed);
        feed_users_init(feed);
        feed_sockets_init(feed);
        feed_stats_init(feed);
}

void feed_processes_done(struct feed *feed)
{
        feed_table_done(&feed->processes);
        feed_groups_done(feed);
        feed_users_done(feed);
        feed_sockets_done(feed);
        feed_stats_done(feed);
}

/* What fits of a file, in one read; -1 with errno. */
static ssize_t read_once(const struct feed *feed, pid_t pid, const char *name, char *text, size_t size)
{
        char path[PATH_ROOM];
        snprintf(path, sizeof(path), "%d/%s", pid, name);
        cleanup(fd_close) int fd = openat(feed->source.proc, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        return fd < 0 ? -1 : read(fd, text, size);
}

/* ---- what changes rarely ---- */

static void look_at_user(struct feed *feed, struct feed_process *record)
{
        char text[STATUS_HEAD];
        ssize_t got = read_once(feed, (pid_t)record->pid, "status", text, sizeof(text));
        struct sv rest = sv_n(text, got > 0 ? (size_t)got : 0);
        struct sv line, word;
        uint64_t uid;
        while (sv_line(&rest, &line)) {
                if (!sv_starts(line, SV("Uid:")))
                        continue;
                sv_word(&line, &word);
                if (!sv_word(&line, &word) || !sv_word(&line, &word) || !sv_parse_u64(word, 10, &uid) ||
                        uid > UINT32_MAX)
                        return; /* real, then effective */
                record->uid = uid;
                record->user = feed_user_name(feed, (uint32_t)uid);
                record->has_user = true;
                return;
        }
}

static void look_at_command_line(struct feed *feed, struct feed_process_row *row)
{
        char text[COMMAND_LINE_MAX];
        ssize_t got = read_once(feed, (pid_t)row->record.pid, "cmdline", text, sizeof(text));
        size_t length = got > 0 ? (size_t)got : 0;
        while (length && text[length - 1] == '\0')
                length--;
        for (size_t i = 0; i < length; i++)
                if (text[i] == '\0')
                        text[i] = ' ';
        feed_keep_text(feed, &row->command_line, sv_n(text, length));
}

static void look_at_executable(struct feed *feed, struct feed_process_row *row)
{
        char path[PATH_ROOM], target[PATH_MAX];
        snprintf(path, sizeof(path), "%lld/exe", (long long)row->record.pid);
        ssize_t length = readlinkat(feed->source.proc, path, target, sizeof(target));
        struct sv text = sv_n(target, length > 0 ? (size_t)length : 0);
        if (sv_ends(text, SV(" (deleted)")))
                text.n -= sizeof(" (deleted)") - 1;
        feed_keep_text(feed, &row->executable, text);
}

static void look_at_group(struct feed *feed, struct feed_process_row *row)
{
        char text[CGROUP_MAX];
        ssize_t got = read_once(feed, (pid_t)row->record.pid, "cgroup", text, sizeof(text));
        if (got > 0)
                row->group = feed_group_of(feed, process_group_path(sv_n(text, (size_t)got)));
        else if (row->group) /* no files left, or it is about to go: where it was stands */
                feed_group_see(feed, row->group);
}

/* Whether its connections are among those that are asked for. */
static void look_at_network(struct feed *feed, struct feed_process_row *row)
{
        char path[PATH_ROOM], target[64];
        uint64_t namespace;
        snprintf(path, sizeof(path), "%lld/ns/net", (long long)row->record.pid);
        ssize_t length = feed->sockets.netlink >= 0 ? readlinkat(feed->source.proc, path, target, sizeof(target)) : -1;
        row->own_network = length > 0 && process_parse_namespace(sv_n(target, (size_t)length), &namespace) &&
                           namespace == feed->sockets.namespace;
}

static void look_at_details(struct feed *feed, struct feed_process_row *row, struct feed_process *record)
{
        row->detailed_ns = feed->now_ns;
        look_at_user(feed, record);
        row->io_denied = false;
        if (row->record.kernel) {
                row->group = feed_group_of(feed, SV("/"));
                return;
        }
        look_at_command_line(feed, row);
        look_at_executable(feed, row);
        look_at_group(feed, row);
        look_at_network(feed, row);
}

static bool details_are_due(const struct feed *feed, const struct feed_process_row *row)
{
        const int64_t since_ns = feed->now_ns - row->detailed_ns;
        const int64_t spread_ns = row->record.pid % 16 * SECOND; /* not all at once */
        if (row->record.kernel)
                return since_ns > 10 * DETAILS_NS + spread_ns;
        return since_ns > DETAILS_NS + spread_ns ||
               (since_ns > YOUNG_AGAIN_NS && feed->unix_ns - row->record.start_ns < YOUNG_NS);
}

/* ---- I/O ---- */

static bool io_is_due(const struct feed *feed, const struct feed_process_row *row, bool moved)
{
        if (row->io_denied || row->record.kernel)
                return false;
        return moved || !row->record.has_io || row->record.read > 0 || row->record.write > 0 ||
               (feed->look + (uint64_t)row->record.pid) % IO_EVERY == 0;
}

static void look_at_io(struct feed *feed, struct feed_process_row *row, struct feed_process *record, int64_t since_ns)
{
        char text[STAT_MAX];
        struct process_io io;
        ssize_t got = read_once(feed, (pid_t)record->pid, "io", text, sizeof(text));
        if (got <= 0 || process_parse_io(sv_n(text, (size_t)got), &io, NULL) < 0) {
                row->io_denied = got < 0 && (errno == EACCES || errno == EPERM);
                return;
        }
        const int64_t span_ns = row->io_ns ? feed->now_ns - row->io_ns : since_ns;
        record->read = feed_rate((double)feed_grown(row->read_bytes, io.read_bytes), span_ns);
        record->write = feed_rate((double)feed_grown(row->write_bytes, io.write_bytes), span_ns);
        record->has_io = true;
        row->read_bytes = io.read_bytes;
        row->write_bytes = io.write_bytes;
        row->io_ns = feed->now_ns ? feed->now_ns : 1;
}

/* ---- one process ---- */

static const char *state_text(char state)
{
        static const char letters[][2] = { "R", "S", "D", "Z", "T", "t", "X", "I", "P" };
        for (size_t i = 0; i < sizeof(letters) / sizeof(letters[0]); i++)
                if (letters[i][0] == state)
                        return letters[i];
        return "?";
}

static int64_t tick_ns(void)
{
        long hertz = sysconf(_SC_CLK_TCK);
        return SECOND / (hertz > 0 ? hertz : 100);
}

static void fill(const struct feed_process_row *row, const struct process_stat *stat, struct feed_process *record)
{
        const uint64_t ticks = stat->utime + stat->stime;
        record->ppid = stat->ppid;
        record->state = state_text(stat->state);
        record->nice = stat->nice;
        record->priority = stat->priority;
        record->threads = stat->num_threads > 0 ? (uint64_t)stat->num_threads : 0;
        record->cpu_time_ns = ticks < (uint64_t)(INT64_MAX / tick_ns()) ? (int64_t)ticks * tick_ns() : INT64_MAX;
        record->memory = stat->rss > 0 ? (uint64_t)stat->rss * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
        record->virtual_size = stat->vsize;
        record->name = row->name;
        record->executable = row->executable;
        record->command_line = row->command_line;
        record->group = row->group ? row->group->name : NULL;
        record->container = row->group ? row->group->container : NULL;
}

/* One that began since the last look is told by what it used since then. */
static int64_t own_span_ns(const struct feed *feed, const struct feed_process_row *row, bool fresh, int64_t span_ns)
{
        if (!fresh)
                return span_ns;
        return feed->unix_ns - row->record.start_ns <= span_ns + tick_ns() ? span_ns : 0;
}

/* The sockets were looked at just before; else what was told of them stands. */
static void put_network(const struct feed *feed, struct feed_process_row *row, struct feed_process *record)
{
        const struct feed_sockets *sockets = &feed->sockets;
        record->has_network = row->own_network && sockets->span_ns > 0;
        if (sockets->looked_ns != feed->now_ns)
                return;
        record->receive = record->has_network ? feed_rate((double)row->received, sockets->span_ns) : 0;
        record->send = record->has_network ? feed_rate((double)row->sent, sockets->span_ns) : 0;
        row->received = row->sent = 0;
}

static void set_row(struct feed *feed, struct feed_process_row *row, const struct process_stat *stat, bool fresh,
        int64_t look_span_ns)
{
        const uint64_t ticks = stat->utime + stat->stime;
        const bool named = strcmp(row->comm, stat->comm) != 0;
        const bool executed =
                !fresh && (named || row->arg_start != stat->arg_start || row->start_code != stat->start_code);
        const bool moved = fresh || ticks != row->ticks || stat->majflt != row->major_faults;
        if (fresh) {
                row->record.pid = stat->pid;
                row->record.start_ns = process_start_unix_ns(stat->start_ticks, feed->boot_unix_ns);
                row->record.kernel = stat->flags & PROCESS_KTHREAD_FLAG;
        }
        if (named) {
                memcpy(row->comm, stat->comm, sizeof(row->comm));
                feed_keep_text(feed, &row->name, sv_of(stat->comm));
        }
        struct feed_process record;
        memcpy(&record, &row->record, sizeof(record));
        const bool dead = stat->state == 'Z' || stat->state == 'X'; /* has no program and no group any more */
        if (fresh || (!dead && (executed || details_are_due(feed, row))))
                look_at_details(feed, row, &record);
        else if (row->group)
                feed_group_see(feed, row->group);
        const int64_t span_ns = own_span_ns(feed, row, fresh, look_span_ns);
        record.has_cpu = span_ns > 0;
        record.cpu = feed_rate((double)feed_grown(row->ticks, ticks) * (double)tick_ns() / (double)SECOND, span_ns);
        if (io_is_due(feed, row, moved))
                look_at_io(feed, row, &record, span_ns);
        put_network(feed, row, &record);
        fill(row, stat, &record);
        row->moved = moved;
        row->ticks = ticks;
        row->major_faults = stat->majflt;
        row->arg_start = stat->arg_start;
        row->start_code = stat->start_code;
        feed_table_set(&feed->processes, row, &record, feed->look);
}

static void look_at_process(struct feed *feed, pid_t pid, int64_t span_ns)
{
        char text[STAT_MAX];
        struct process_stat stat;
        ssize_t got = feed_stats_read(feed, pid, text, sizeof(text));
        if (got <= 0) {
                if (got < 0 && errno != ENOENT && errno != ESRCH)
                        feed->processes.refused++;
                return;
        }
        if (process_parse_stat(sv_n(text, (size_t)got), &stat, NULL) < 0) {
                feed->processes.refused++;
                return;
        }
        bool fresh;
        const uint64_t key[2] = { (uint64_t)pid, stat.start_ticks };
        struct feed_process_row *row =
                feed_table_see(&feed->processes, sv_n((const char *)key, sizeof(key)), feed->look, &fresh);
        if (row)
                set_row(feed, row, &stat, fresh, span_ns);
}

/* ---- all ---- */

static DIR *open_processes(const struct feed *feed)
{
        cleanup(fd_close) int fd = openat(feed->source.proc, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        DIR *entries = fd >= 0 ? fdopendir(fd) : NULL;
        if (entries)
                take_fd(fd);
        return entries;
}

static bool next_process(DIR *entries, pid_t *ret)
{
        struct dirent *entry;
        uint64_t pid;
        while ((entry = readdir(entries)))
                if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9' &&
                        sv_parse_u64(sv_of(entry->d_name), 10, &pid) && pid <= PROCESS_PID_MAX) {
                        *ret = (pid_t)pid;
                        return true;
                }
        return false;
}

uint64_t feed_processes_count(const struct feed *feed)
{
        cleanup(closedir) DIR *entries = open_processes(feed);
        uint64_t count = 0;
        pid_t pid;
        while (entries && next_process(entries, &pid))
                count++;
        return count;
}

/* The clock was set: processes are known by other starts now, and whoever asks for one by its start (kill) goes by the
 * clock as it is. Readers begin anew. */
static void follow_clock(struct feed *feed)
{
        const int64_t clock_ns = time_boot_unix_ns();
        const int64_t step_ns = clock_ns - feed->clock_ns;
        if (llabs(step_ns) < STEP_NS)
                return;
        feed->clock_ns = clock_ns;
        feed->boot_unix_ns += step_ns;
        map_foreach (entry, &feed->processes.rows) {
                struct feed_process_row *row = entry->value;
                row->record.start_ns += step_ns;
        }
        feed_graves_lose(&feed->graves, feed->look);
}

void feed_processes_look(struct feed *feed, int64_t span_ns)
{
        cleanup(closedir) DIR *entries = open_processes(feed);
        pid_t pid;
        follow_clock(feed);
        feed_users_begin(feed);
        feed_groups_begin(feed);
        feed_sockets_look(feed);
        feed_table_begin(&feed->processes);
        while (entries && !feed_unwanted(feed) && next_process(entries, &pid))
                look_at_process(feed, pid, span_ns);
        if (feed_unwanted(feed))
                return;
        feed_table_sweep(&feed->processes, feed->look, &feed->graves);
        feed_groups_sweep(feed);
        feed_stats_sweep(feed);
        feed_sockets_find_owners(feed);
}
