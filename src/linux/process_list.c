#include "linux/process_list.h"

#include "base/cleanup.h"
#include "base/timefmt.h"
#include "linux/text_file.h"

#include <dirent.h>
#include <fcntl.h>

enum {
        STATUS_TEXT_MAX = 16 * 1024, /* with a list of some 2,000 groups */
        STAT_TEXT_MAX = 2048,
        CGROUP_FILE_MAX = 32 * 1024,
        MEMINFO_HEAD_MAX = 4096,
        ENTRIES_BUFFER = 8192
};

/* ---- pure ---- */

struct sv process_group_path(struct sv cgroup_text)
{
        static const char *const wanted[] = { "memory", "cpu", "", "name=systemd" };
        struct sv found[4] = { { NULL, 0 } };
        struct sv line;
        while (sv_line(&cgroup_text, &line)) {
                size_t first = sv_find(line, ':');
                struct sv rest = first < line.n ? sv_n(line.p + first + 1, line.n - first - 1) : sv_n("", 0);
                size_t second = sv_find(rest, ':');
                if (second == rest.n)
                        continue;
                struct sv names = sv_n(rest.p, second);
                struct sv path = sv_n(rest.p + second + 1, rest.n - second - 1);
                struct sv name;
                if (sv_ends(path, SV(" (deleted)")))
                        path.n -= sizeof(" (deleted)") - 1;
                while (sv_split(&names, ',', &name))
                        for (size_t i = 0; i < 4; i++)
                                if (sv_eq(name, sv_of(wanted[i])) && !found[i].p)
                                        found[i] = path;
        }
        for (size_t i = 0; i < 4; i++)
                if (found[i].n > 1)
                        return found[i];
        return SV("/");
}

void process_format_stat(const struct process_stat *stat, uint64_t locked, char *ret)
{
        *ret++ = stat->state;
        if (stat->nice < 0)
                *ret++ = '<';
        else if (stat->nice > 0)
                *ret++ = 'N';
        if (locked)
                *ret++ = 'L';
        if (stat->session == stat->pid)
                *ret++ = 's';
        if (stat->num_threads > 1)
                *ret++ = 'l';
        if (stat->pgrp == stat->tpgid)
                *ret++ = '+';
        *ret = '\0';
}

void process_format_time(int64_t cpu_ns, char ret[24])
{
        uint64_t seconds = cpu_ns > 0 ? (uint64_t)(cpu_ns / SECOND) : 0;
        uint64_t days = seconds / 86400;
        char prefix[16] = "";
        if (days)
                snprintf(prefix, sizeof(prefix), "%u-", (unsigned)days);
        snprintf(ret, 24, "%s%02u:%02u:%02u", prefix, (unsigned)(seconds / 3600 % 24), (unsigned)(seconds / 60 % 60),
                (unsigned)(seconds % 60));
}

void process_format_start(int64_t start_unix_ns, int64_t now_unix_ns, char ret[8])
{
        time_t start = (time_t)(start_unix_ns / SECOND);
        time_t now = (time_t)(now_unix_ns / SECOND);
        struct tm then;
        struct tm today;
        ret[0] = '\0';
        if (!localtime_r(&start, &then) || !localtime_r(&now, &today))
                return;
        /* not strftime's month: ps runs in the C locale here */
        static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
        if (then.tm_year != today.tm_year)
                snprintf(ret, 8, "%d", then.tm_year % 10000 + 1900);
        else if (then.tm_yday != today.tm_yday)
                snprintf(ret, 8, "%.3s%02d", months + (size_t)(then.tm_mon % 12) * 3, then.tm_mday % 100);
        else
                snprintf(ret, 8, "%02d:%02d", then.tm_hour % 100, then.tm_min % 100);
}

/* ps has 15 cells for the name and takes 10 of them for " <defunct>". */
void process_format_comm(const char *comm, char state, char ret[16])
{
        bool defunct = state == 'Z';
        int length = snprintf(ret, 16, "%.*s%s", defunct ? 5 : 15, comm, defunct ? " <defunct>" : "");
        for (int i = 0; i < length && i < 15; i++)
                if ((unsigned char)ret[i] < ' ' || ret[i] == 127)
                        ret[i] = '?';
}

/* ---- one process ---- */

struct listing {
        const struct process_list_query *query;
        process_row_fn *each;
        void *cookie;
        struct process_list_result result;
        int proc;
        int64_t now_unix_ns, boot_unix_ns;
        uint64_t memory_total;
        char group[PROCESS_LIST_GROUP_MAX];
        char arguments[PROCESS_LIST_ARGUMENTS_MAX];
};

static bool is_wanted(const struct process_list_query *query, struct sv group)
{
        if (!query->group)
                return true;
        struct sv wanted = sv_of(query->group);
        if (sv_eq(group, wanted))
                return true;
        return query->subgroups && (sv_eq(wanted, SV("/")) || (sv_starts(group, wanted) && group.p[wanted.n] == '/'));
}

/* -1 and counted when the file cannot be read. */
static ssize_t read_file(struct listing *listing, int dir, const char *name, char *text, size_t size)
{
        ssize_t got = text_file_read(dir, name, text, size);
        if (got >= 0)
                return got;
        if (errno == ENOENT || errno == ESRCH)
                listing->result.vanished++;
        else if (errno == EFBIG)
                listing->result.refused++;
        else
                listing->result.denied++;
        return -1;
}

/* A group of one hierarchy alone, as a service's of systemd is where controllers are mounted without it. */
static bool find_wanted(const struct process_list_query *query, struct sv cgroup_text, struct sv *ret)
{
        struct sv line;
        while (!sv_eq(sv_of(query->group), SV("/")) && sv_line(&cgroup_text, &line)) {
                size_t first = sv_find(line, ':');
                struct sv rest = first < line.n ? sv_n(line.p + first + 1, line.n - first - 1) : SV("");
                size_t second = sv_find(rest, ':');
                struct sv path = second < rest.n ? sv_n(rest.p + second + 1, rest.n - second - 1) : SV("");
                if (is_wanted(query, path)) {
                        *ret = path;
                        return true;
                }
        }
        return false;
}

static bool read_group(struct listing *listing, int dir)
{
        char text[CGROUP_FILE_MAX];
        ssize_t got = read_file(listing, dir, "cgroup", text, sizeof(text));
        if (got < 0)
                return false;
        struct sv group = process_group_path(sv_n(text, (size_t)got));
        if (group.n >= sizeof(listing->group)) {
                listing->result.refused++;
                return false;
        }
        if (!is_wanted(listing->query, group) &&
                (!find_wanted(listing->query, sv_n(text, (size_t)got), &group) || group.n >= sizeof(listing->group)))
                return false;
        memcpy(listing->group, group.p, group.n);
        listing->group[group.n] = '\0';
        return true;
}

static uint64_t count_files(int dir)
{
        _Alignas(struct dirent64) char entries[ENTRIES_BUFFER];
        cleanup(fd_close) int fd = openat(dir, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        uint64_t files = 0;
        ssize_t got;
        while (fd >= 0 && (got = getdents64(fd, entries, sizeof(entries))) > 0)
                for (ssize_t at = 0; at < got;) {
                        const struct dirent64 *entry = (const struct dirent64 *)(entries + at);
                        at += entry->d_reclen;
                        files += entry->d_name[0] != '.';
                }
        return files;
}

static void read_arguments(struct listing *listing, int dir)
{
        cleanup(fd_close) int fd = openat(dir, "cmdline", O_RDONLY | O_CLOEXEC);
        ssize_t got = fd >= 0 ? read(fd, listing->arguments, sizeof(listing->arguments) - 1) : 0;
        size_t length = got > 0 ? (size_t)got : 0;
        while (length && listing->arguments[length - 1] == '\0')
                length--;
        for (size_t i = 0; i < length; i++)
                if (listing->arguments[i] == '\0')
                        listing->arguments[i] = ' ';
        listing->arguments[length] = '\0';
}

static void fill_row(const struct listing *listing, const struct process_stat *stat,
        const struct process_status *status, struct process_row *row)
{
        long hertz = sysconf(_SC_CLK_TCK);
        int64_t tick = SECOND / (hertz > 0 ? hertz : 100);
        uint64_t ticks = stat->utime + stat->stime;
        row->pid = stat->pid;
        row->ppid = stat->ppid;
        row->uid = status->uid[1];
        row->processor = stat->processor;
        row->start_ticks = stat->start_ticks;
        row->start_unix_ns = process_start_unix_ns(stat->start_ticks, listing->boot_unix_ns);
        row->cpu_ns = ticks < (uint64_t)(INT64_MAX / tick) ? (int64_t)ticks * tick : INT64_MAX;
        int64_t age_ns = listing->now_unix_ns - row->start_unix_ns;
        double percent = age_ns > 0 ? 100.0 * (double)row->cpu_ns / (double)age_ns : 0;
        row->cpu_percent =
                percent > 99.9 ? (double)(uint64_t)(percent + 0.5) : (double)(uint64_t)(percent * 10 + 0.5) / 10;
        row->rss = status->vm_rss;
        row->vsz = stat->vsize;
        uint64_t total_kib = listing->memory_total / 1024;
        uint64_t tenths = total_kib ? row->rss / 1024 * 1000 / total_kib : 0;
        row->memory_percent = (double)(tenths > 999 ? 999 : tenths) / 10;
        const char *name = listing->query->users ? process_users_name(listing->query->users, row->uid) : NULL;
        if (name)
                snprintf(row->user, sizeof(row->user), "%s", name);
        else
                snprintf(row->user, sizeof(row->user), "%u", row->uid);
        process_format_stat(stat, status->vm_locked, row->stat);
        process_format_time(row->cpu_ns, row->time);
        process_format_start(row->start_unix_ns, listing->now_unix_ns, row->start);
        process_format_comm(stat->comm, stat->state, row->comm);
}

static int list_process(struct listing *listing, int dir)
{
        char text[STATUS_TEXT_MAX];
        struct process_stat stat = { 0 };
        struct process_status status;
        struct process_row row = { .arguments = "", .group = listing->group };
        if (!read_group(listing, dir))
                return 0;
        ssize_t got = read_file(listing, dir, "stat", text, STAT_TEXT_MAX);
        if (got < 0)
                return 0;
        bool sound = process_parse_stat(sv_n(text, (size_t)got), &stat, NULL) == 0;
        /* a process in thousands of groups has a longer one: that costs an allocation */
        got = text_file_read(dir, "status", text, sizeof(text));
        const struct process process = { stat.pid, dir };
        if (got < 0 ? process_read_status(&process, &status, NULL) < 0
                    : process_parse_status(sv_n(text, (size_t)got), &status, NULL) < 0)
                sound = false;
        if (!sound) {
                listing->result.refused += got >= 0;
                listing->result.vanished += got < 0;
                return 0;
        }
        fill_row(listing, &stat, &status, &row);
        if (listing->query->files)
                row.files = count_files(dir);
        if (listing->query->arguments) {
                read_arguments(listing, dir);
                row.arguments = listing->arguments;
        }
        listing->result.rows++;
        return listing->each(&row, listing->cookie);
}

static int list_pid(struct listing *listing, const char *name)
{
        cleanup(fd_close) int dir = openat(listing->proc, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (dir >= 0)
                return list_process(listing, dir);
        if (errno == ENOENT || errno == ESRCH)
                listing->result.vanished++;
        else
                listing->result.denied++;
        return 0;
}

static int list_these(struct listing *listing)
{
        int verdict = 0;
        for (size_t i = 0; i < listing->query->pid_count && !verdict; i++) {
                char name[16];
                snprintf(name, sizeof(name), "%d", listing->query->pids[i]);
                verdict = list_pid(listing, name);
        }
        return verdict;
}

static int list_all(struct listing *listing, struct error *err)
{
        cleanup(fd_close) int fd = openat(listing->proc, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        cleanup(closedir) DIR *entries = fd >= 0 ? fdopendir(fd) : NULL;
        if (!entries)
                return fail_errno(err, "the processes");
        take_fd(fd);
        struct dirent *entry;
        int verdict = 0;
        while (!verdict && (entry = readdir(entries))) {
                uint64_t pid;
                if (entry->d_name[0] != '0' && sv_parse_u64(sv_of(entry->d_name), 10, &pid) && pid <= PROCESS_PID_MAX)
                        verdict = list_pid(listing, entry->d_name);
        }
        return verdict;
}

/* "MemTotal:       24683668 kB" is the first line. */
static uint64_t read_memory_total(int proc)
{
        char text[MEMINFO_HEAD_MAX];
        ssize_t got = text_file_read(proc, "meminfo", text, sizeof(text));
        struct sv rest = sv_n(text, got > 0 ? (size_t)got : 0);
        struct sv word;
        uint64_t kib;
        if (sv_word(&rest, &word) && sv_eq(word, SV("MemTotal:")) && sv_word(&rest, &word) &&
                sv_parse_u64(word, 10, &kib) && kib < UINT64_MAX / 1024)
                return kib * 1024;
        return 0;
}

int process_list_each(int proc, const struct process_list_query *query, process_row_fn *each, void *cookie,
        struct process_list_result *ret, struct error *err)
{
        struct listing listing = { .query = query,
                .each = each,
                .cookie = cookie,
                .proc = proc,
                .now_unix_ns = query->now_unix_ns ? query->now_unix_ns : time_unix_ns(),
                .boot_unix_ns = query->boot_unix_ns ? query->boot_unix_ns : time_boot_unix_ns(),
                .memory_total = query->memory_total ? query->memory_total : read_memory_total(proc) };
        int verdict = query->pids ? list_these(&listing) : list_all(&listing, err);
        if (verdict >= 0)
                *ret = listing.result;
        return verdict;
}
