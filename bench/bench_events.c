/* The event store: what an event costs to write, beside its JSON; bytes an event on disk; and how long queries over
 * 200,000 events take. Arguments: events, directory (a new one below /tmp by default). */
#include "base/path.h"
#include "base/timefmt.h"
#include "modules/watch/event/scan.h"
#include "modules/watch/event/store.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>

static const char *const programs[] = { "bash", "make", "cc1", "as", "ld", "collect2", "gcc", "sed", "grep", "cat",
        "rm", "mkdir", "python3", "perl", "dpkg", "git", "awk", "find", "sort", "curl" };
enum { PROGRAMS = sizeof(programs) / sizeof(programs[0]), ANCESTORS = 6, CONTAINERS = 50 };

struct sample {
        struct event event;
        char exe[64], exec_id[48], parent_id[48], container_id[80], container_name[32], argument[256];
        char *argv[8];
        struct event_ancestor ancestors[ANCESTORS];
        char ancestor_ids[ANCESTORS][48];
};

/* A busy build in containers: two thirds exec and exit, arguments as of a compiler. */
static void make_sample(struct sample *sample, uint64_t i)
{
        const char *name = i % 10007 == 77 ? "nc" : programs[i % PROGRAMS];
        struct event *event = &sample->event;
        *event = (struct event){ .time_ns = 1790000000 * SECOND + (int64_t)i * 700003, .source = SOURCE_AUDIT };
        event->type = i % 3 == 2 ? EVENT_EXIT : EVENT_EXEC;
        event->has_process = true;
        struct event_process *process = &event->process;
        snprintf(sample->exe, sizeof(sample->exe), "/usr/bin/%s", name);
        snprintf(
                sample->exec_id, sizeof(sample->exec_id), "5f3a91c2-%llx-%llx-1", 0x4a1000ULL + i, 1000 + i % 30000ULL);
        snprintf(sample->parent_id, sizeof(sample->parent_id), "5f3a91c2-%llx-%llx-1", 0x4a0000ULL + i / 7,
                900 + i % 3000ULL);
        process->exec_id = sample->exec_id;
        process->parent_exec_id = sample->parent_id;
        process->pid = (int)(1000 + i % 30000);
        process->ppid = (int)(900 + i % 3000);
        process->start_ns = event->time_ns - 400000;
        process->comm = name;
        process->exe = sample->exe;
        process->cwd = "/build/source/linux-6.1/drivers";
        snprintf(sample->argument, sizeof(sample->argument), "drivers/net/ethernet/part%llu/file%llu.c",
                (unsigned long long)(i % 40), (unsigned long long)(i % 3001));
        const char *argv[] = { sample->exe, "-O2", "-Wall", "-D__KERNEL__", "-nostdinc", "-o", "out.o",
                sample->argument };
        memcpy(sample->argv, argv, sizeof(argv));
        process->argv = (struct string_list){ sample->argv, event->type == EVENT_EXEC ? 8 : 0 };
        process->has_ids = process->has_session = true;
        process->uid = process->euid = process->gid = process->egid = 1000 + i % 3;
        process->auid = 1000;
        process->session = 7;
        process->has_container = i % 4 != 0;
        snprintf(sample->container_id, sizeof(sample->container_id), "%016llx%016llx%016llx%016llx",
                (i % CONTAINERS) * 0x9e3779b97f4a7c15ULL, 1ULL, 2ULL, 3ULL);
        snprintf(sample->container_name, sizeof(sample->container_name), "builder-%llu",
                (unsigned long long)(i % CONTAINERS));
        process->container = (struct event_container){ "docker", sample->container_id, sample->container_name,
                "registry.example/build:12", NULL, ATTRIBUTION_INHERITED };
        for (int a = 0; a < ANCESTORS; a++) {
                static const char *const names[] = { "make", "bash", "make", "sh", "containerd-shim", "systemd" };
                snprintf(sample->ancestor_ids[a], 48, "5f3a91c2-%llx-%x-1", 0x4a0000ULL + i / (7 << a), 900 - a);
                sample->ancestors[a] = (struct event_ancestor){ 900 - a, names[a],
                        a < 4 ? "/usr/bin/make" : "/usr/bin/containerd-shim-runc-v2", sample->ancestor_ids[a] };
        }
        process->ancestors.items = sample->ancestors;
        process->ancestors.count = ANCESTORS;
        if (event->type == EVENT_EXIT) {
                event->has_exit = true;
                event->exit = (struct event_exit){ .code = (int)(i % 11 == 0),
                        .duration_ns = 3 * MILLISECOND,
                        .user_ns = MILLISECOND,
                        .system_ns = MILLISECOND,
                        .max_rss = 9 << 20,
                        .has_usage = true };
        }
        event->has_audit = true;
        event->audit = (struct event_audit){
                .serial = i + 100, .key = "tarsier", .syscall = "execve", .has_result = true, .success = true
        };
}

static int64_t now_cpu(void)
{
        struct rusage usage;
        getrusage(RUSAGE_SELF, &usage);
        return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * SECOND +
               (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * MICROSECOND;
}

static bool count_row(const struct event_head *head, struct sv json, void *cookie)
{
        (void)head;
        *(uint64_t *)cookie += json.n > 0;
        return true;
}

static void query(const char *directory, const char *what, const struct events_params *params, bool reverse)
{
        struct error err;
        uint64_t rows = 0;
        int64_t best = INT64_MAX;
        struct event_scan_counters counters;
        for (int round = 0; round < 5; round++) {
                int64_t start = now_cpu();
                struct event_filter *filter = event_filter_new(params, -1, time_unix_ns(), &err);
                struct event_scan_options options = { .directory = directory, .filter = filter, .reverse = reverse };
                struct event_scan *scan = filter ? event_scan_open(&options, &err) : NULL;
                rows = 0;
                int more = scan ? 1 : -1;
                while (more > 0)
                        more = event_scan_step(scan, 4 * MIB, count_row, &rows, &err);
                if (more < 0) {
                        fprintf(stderr, "%s: %s\n", what, err.message);
                        exit(1);
                }
                event_scan_count(scan, &counters);
                event_scan_close(scan);
                event_filter_free(filter);
                int64_t took = now_cpu() - start;
                best = took < best ? took : best;
        }
        printf("query %-34s %8.1f ms CPU, %llu rows; heads of %llu events, texts of %llu of %llu blocks\n", what,
                (double)best / 1e6, (unsigned long long)rows, (unsigned long long)counters.events,
                (unsigned long long)counters.texts, (unsigned long long)(counters.blocks + counters.blocks_skipped));
}

#define WORD(text)                                                                                                     \
        {                                                                                                              \
                (char *[]){ (char *)(text) }, 1                                                                        \
        }

static void queries(const char *directory)
{
        int exec[] = { EVENT_EXEC };
        uint64_t pid[] = { 4711 };
        query(directory, "exe (1 in 10,000)", &(struct events_params){ .exe = WORD("/usr/bin/nc") }, false);
        query(directory, "the same, newest first", &(struct events_params){ .exe = WORD("/usr/bin/nc") }, true);
        query(directory, "exe and container",
                &(struct events_params){ .exe = WORD("/usr/bin/nc"), .container = WORD("builder-7") }, false);
        query(directory, "pid", &(struct events_params){ .pid = { pid, 1 } }, false);
        query(directory, "an ancestor there is none of", &(struct events_params){ .ancestor = WORD("sshd") }, false);
        query(directory, "container (1 in 50)", &(struct events_params){ .container = WORD("builder-7") }, false);
        query(directory, "exe by glob", &(struct events_params){ .exe = WORD("/usr/bin/p*") }, false);
        query(directory, "argv by pattern, of exec",
                &(struct events_params){ .argv = WORD("part3/file300[0-9]"), .types = { exec, 1 } }, false);
        query(directory, "text", &(struct events_params){ .text = WORD("file2999.c") }, false);
        query(directory, "an ancestor that all have", &(struct events_params){ .ancestor = WORD("containerd-shim") },
                false);
        query(directory, "everything", &(struct events_params){ 0 }, false);
}

int main(int argc, char **argv)
{
        uint64_t count = 200000;
        char made[] = "/tmp/bench-events-XXXXXX";
        struct error err;
        static struct sample sample;
        if (argc > 1 && !sv_parse_u64(sv_of(argv[1]), 10, &count))
                return 2;
        const char *directory = argc > 2 ? argv[2] : mkdtemp(made);
        int64_t now = 1790000000 * SECOND;

        struct buf line;
        buf_init(&line, MIB);
        int64_t start = now_cpu();
        for (uint64_t i = 0; i < count; i++)
                make_sample(&sample, i);
        int64_t making = now_cpu() - start;
        start = now_cpu();
        uint64_t text = 0;
        for (uint64_t i = 0; i < count; i++) {
                make_sample(&sample, i);
                buf_clear(&line);
                event_write(&sample.event, false, &line);
                text += line.len;
        }
        int64_t json = now_cpu() - start - making;

        struct event_store_options options = {
                .directory = directory, .retain_bytes = 4 * GIB, .retain_ns = INT64_MAX / 4
        };
        struct event_store *store = event_store_open(&options, now, &err);
        if (!store) {
                fprintf(stderr, "%s\n", err.message);
                return 1;
        }
        int64_t worst = 0;
        start = now_cpu();
        for (uint64_t i = 0; i < count; i++) {
                make_sample(&sample, i);
                int64_t one = time_monotonic_ns();
                event_store_append(store, &sample.event, now + (int64_t)i * 700003, NULL);
                one = time_monotonic_ns() - one;
                worst = one > worst ? one : worst;
        }
        int64_t writing = now_cpu() - start - making - json;
        struct event_store_counters counters;
        event_store_count(store, &counters);
        printf("events %llu of %.0f bytes of JSON\n", (unsigned long long)count, (double)text / (double)count);
        printf("JSON   %.2f us CPU an event\n", (double)json / 1e3 / (double)count);
        printf("store  %.2f us CPU an event beside it, packing included; %llu writes, %llu packed; the longest append "
               "took %.1f ms (sync %.1f ms)\n",
                (double)writing / 1e3 / (double)count, (unsigned long long)counters.writes,
                (unsigned long long)counters.packed, (double)worst / 1e6, (double)counters.sync_max_ns / 1e6);
        start = now_cpu();
        if (event_store_pack(store, &err) < 0)
                return 1;
        event_store_close(store);
        store = event_store_open(&options, now, &err);
        event_store_count(store, &counters);
        printf("disk   %.0f bytes an event in %llu files (%llu of them not packed), retention by default keeps %.1f "
               "million such events\n",
                (double)counters.bytes / (double)count, (unsigned long long)counters.files,
                (unsigned long long)counters.unpacked_files,
                (double)(256 * MIB) / ((double)counters.bytes / (double)count) / 1e6);
        event_store_close(store);
        queries(directory);
        buf_done(&line);
        return 0;
}
