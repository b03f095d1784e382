/* What processes cost, told as they end: a row a container and program. */
#include "modules/metrics/collect/top.h"

#include "base/cleanup.h"
#include "base/map.h"
#include "base/path.h"
#include "base/timefmt.h"
#include "base/vec.h"
#include "linux/process_list.h"

#include <fcntl.h>

enum {
        KEY_MAX = LEDGER_GROUP_MAX + 1 + TASKSTATS_COMM_MAX,
        CGROUP_FILE_MAX = 32 * 1024,
        PARENTS_MAX = 16 /* a power of two */
};

/* Threads that ended before their process. */
struct pending {
        uint64_t cpu_ns, read_bytes, write_bytes, rss_peak;
        bool has_leader;
        char comm[TASKSTATS_COMM_MAX + 1];
        uint32_t exit_status; /* of the leader, which is that of the process */
        bool forked_only;
        uint64_t elapsed_ns;
};

/* Programs run in rows by one shell: its group is read once a drain, and once more when its children were told of only
 * after its own end. */
struct parent_group {
        pid_t pid;
        uint64_t drain; /* that read it */
        bool known;
        char group[LEDGER_GROUP_MAX];
};

struct ledger {
        struct map rows;    /* key: group, NUL, program */
        struct map pending; /* key: bytes of the process's number */
        struct ledger_row *overflow;
        struct ledger_counters counters;
        struct parent_group parents[PARENTS_MAX]; /* each at its pid's place */
        uint64_t drains;
};

struct ledger *ledger_new(size_t max_rows, struct error *err)
{
        struct ledger *ledger = calloc(1, sizeof(*ledger));
        if (!ledger)
                return fail_errno_null(err, "ledger");
        map_init(&ledger->rows, max_rows < LEDGER_ROWS_MAX ? max_rows : LEDGER_ROWS_MAX);
        map_init(&ledger->pending, LEDGER_PENDING_MAX);
        return ledger;
}

void ledger_free(struct ledger *ledger)
{
        if (!ledger)
                return;
        map_foreach (entry, &ledger->rows)
                free(entry->value);
        map_foreach (entry, &ledger->pending)
                free(entry->value);
        map_done(&ledger->rows);
        map_done(&ledger->pending);
        free(ledger->overflow);
        free(ledger);
}

/* One allocation for the row and its group's text. */
static struct ledger_row *new_row(struct sv group, const char *comm)
{
        struct ledger_row *row = calloc(1, sizeof(*row) + group.n + 1);
        if (!row)
                return NULL;
        char *text = (char *)(row + 1);
        memcpy(text, group.p, group.n);
        row->group = text;
        snprintf(row->comm, sizeof(row->comm), "%s", comm);
        return row;
}

/* NULL only without memory. */
static struct ledger_row *overflow_row(struct ledger *ledger)
{
        ledger->counters.rows_refused++;
        if (!ledger->overflow)
                ledger->overflow = new_row(SV(""), "");
        return ledger->overflow;
}

static struct ledger_row *row_of(struct ledger *ledger, struct sv group, const char *comm)
{
        char key[KEY_MAX];
        size_t comm_length = strlen(comm);
        if (group.n > LEDGER_GROUP_MAX)
                return overflow_row(ledger);
        memcpy(key, group.p, group.n);
        key[group.n] = '\0';
        memcpy(key + group.n + 1, comm, comm_length);
        struct sv whole = sv_n(key, group.n + 1 + comm_length);
        struct ledger_row *row = map_get(&ledger->rows, whole);
        if (row)
                return row;
        row = new_row(group, comm);
        if (!row || map_put(&ledger->rows, whole, row) < 0) {
                free(row);
                return overflow_row(ledger);
        }
        return row;
}

static void add_use(struct pending *into, const struct task_usage *usage)
{
        into->cpu_ns += task_usage_cpu_ns(usage);
        into->read_bytes += usage->read_bytes;
        into->write_bytes += usage->write_bytes;
        if (usage->rss_peak > into->rss_peak)
                into->rss_peak = usage->rss_peak;
        if (usage->pid == usage->tgid) {
                into->has_leader = true;
                into->exit_status = usage->exit_status;
                into->forked_only = usage->forked_only;
                into->elapsed_ns = usage->elapsed_ns;
                memcpy(into->comm, usage->comm, sizeof(into->comm));
        }
}

static void enter(struct ledger_row *row, const struct pending *use, int64_t now_unix_ns)
{
        row->cpu_ns += use->cpu_ns;
        row->read_bytes += use->read_bytes;
        row->write_bytes += use->write_bytes;
        row->elapsed_ns += use->elapsed_ns;
        if (use->rss_peak > row->rss_peak)
                row->rss_peak = use->rss_peak;
        row->last_unix_ns = now_unix_ns;
}

/* A thread that ended while others of its process run on. */
static void add_thread(struct ledger *ledger, const struct task_usage *usage, struct sv group, int64_t now_unix_ns)
{
        uint64_t number = (uint64_t)usage->tgid;
        struct pending *pending = map_get(&ledger->pending, map_key_u64(&number));
        if (pending) {
                add_use(pending, usage);
                return;
        }
        pending = calloc(1, sizeof(*pending));
        if (pending && map_put(&ledger->pending, map_key_u64(&number), pending) == 0) {
                add_use(pending, usage);
                return;
        }
        free(pending);
        ledger->counters.pending_refused++;
        struct pending alone = { 0 };
        add_use(&alone, usage);
        struct ledger_row *row = row_of(ledger, group, usage->comm);
        if (row)
                enter(row, &alone, now_unix_ns);
}

void ledger_add(struct ledger *ledger, const struct task_usage *usage, struct sv group, int64_t now_unix_ns)
{
        ledger->counters.records++;
        if (!usage->last) {
                add_thread(ledger, usage, group, now_unix_ns);
                return;
        }
        uint64_t number = (uint64_t)usage->tgid;
        struct pending whole = { 0 };
        struct pending *before = map_remove(&ledger->pending, map_key_u64(&number));
        if (before)
                whole = *before;
        free(before);
        add_use(&whole, usage);
        if (!whole.has_leader) { /* its record was lost: what the last thread says must do */
                memcpy(whole.comm, usage->comm, sizeof(whole.comm));
                whole.exit_status = usage->exit_status;
                whole.elapsed_ns = usage->elapsed_ns; /* a thread never executes: its own flag tells nothing */
        }
        ledger->counters.processes++;
        struct ledger_row *row = row_of(ledger, group, whole.comm);
        if (!row)
                return;
        enter(row, &whole, now_unix_ns);
        row->execs += !whole.forked_only;
        row->forks += whole.forked_only;
        row->failures += whole.exit_status != 0;
}

void ledger_forget(struct ledger *ledger, struct sv group)
{
        for (size_t i = ledger->rows.count; i > 0; i--) { /* the last row moves into a hole: it was looked at */
                const struct map_entry *entry = &ledger->rows.entries[i - 1];
                struct ledger_row *row = entry->value;
                if (!path_within(sv_of(row->group), group))
                        continue;
                char key[KEY_MAX];
                size_t length = entry->key_length < sizeof(key) ? entry->key_length : sizeof(key);
                memcpy(key, entry->key, length);
                free(map_remove(&ledger->rows, sv_n(key, length)));
        }
}

size_t ledger_count(const struct ledger *ledger)
{
        return ledger->rows.count + (ledger->overflow != NULL);
}

const struct ledger_row *ledger_at(const struct ledger *ledger, size_t index)
{
        return index < ledger->rows.count ? ledger->rows.entries[index].value : ledger->overflow;
}

size_t ledger_top(const struct ledger *ledger, struct sv group, const struct ledger_row **ret, size_t limit)
{
        size_t count = 0;
        for (size_t i = 0; i < ledger_count(ledger) && limit; i++) {
                const struct ledger_row *row = ledger_at(ledger, i);
                if (group.n && !path_within(sv_of(row->group), group))
                        continue;
                if (count == limit && ret[count - 1]->cpu_ns >= row->cpu_ns)
                        continue;
                size_t at = count < limit ? count++ : count - 1;
                for (; at > 0 && ret[at - 1]->cpu_ns < row->cpu_ns; at--)
                        ret[at] = ret[at - 1];
                ret[at] = row;
        }
        return count;
}

void ledger_count_all(const struct ledger *ledger, struct ledger_counters *ret)
{
        *ret = ledger->counters;
}

/* ---- /proc ---- */

static bool read_group(int proc, pid_t pid, char *ret)
{
        char path[32];
        char text[CGROUP_FILE_MAX];
        snprintf(path, sizeof(path), "%d/cgroup", pid);
        cleanup(fd_close) int fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
        ssize_t got = fd >= 0 ? read(fd, text, sizeof(text)) : -1;
        if (got <= 0)
                return false;
        struct sv group = process_group_path(sv_n(text, (size_t)got));
        if (group.n >= LEDGER_GROUP_MAX)
                return false;
        memcpy(ret, group.p, group.n);
        ret[group.n] = '\0';
        return true;
}

/* When the parent is gone as well, what it was in when it was last read must do. */
static bool find_parent(int proc, pid_t pid, struct parent_group *parent, uint64_t drain)
{
        char group[LEDGER_GROUP_MAX];
        if (parent->pid == pid && parent->drain == drain)
                return parent->known;
        bool told = read_group(proc, pid, group);
        if (told || parent->pid != pid) {
                parent->known = told;
                snprintf(parent->group, sizeof(parent->group), "%s", told ? group : "/");
        }
        parent->pid = pid;
        parent->drain = drain;
        return parent->known;
}

static bool find_group(int proc, const struct task_usage *usage, struct parent_group *parent, uint64_t drain, char *ret)
{
        bool own = usage->tgid > 0 && read_group(proc, usage->tgid, ret);
        if (own && strcmp(ret, "/") != 0)
                return true;
        bool told = usage->ppid > 0 && find_parent(proc, usage->ppid, parent, drain);
        snprintf(ret, LEDGER_GROUP_MAX, "%s", told ? parent->group : "/");
        return own || told;
}

bool ledger_group_of(int proc, const struct task_usage *usage, char *ret)
{
        struct parent_group parent = { 0 };
        return find_group(proc, usage, &parent, 1, ret);
}

bool ledger_drain(struct ledger *ledger, struct taskstats_listener *listener, int proc, size_t batches)
{
        struct task_usage batch[TASKSTATS_BATCH];
        bool more = true;
        ledger->drains++;
        for (size_t round = 0; round < batches && more; round++) {
                size_t count = taskstats_receive(listener, batch, &more);
                int64_t now = count ? time_unix_ns() : 0;
                for (size_t i = 0; i < count; i++) {
                        char group[LEDGER_GROUP_MAX] = "/";
                        struct parent_group *parent = &ledger->parents[(unsigned)batch[i].ppid % PARENTS_MAX];
                        if (batch[i].last)
                                ledger->counters.unknown_group +=
                                        !find_group(proc, &batch[i], parent, ledger->drains, group);
                        ledger_add(ledger, &batch[i], sv_of(group), now);
                }
        }
        return more;
}
