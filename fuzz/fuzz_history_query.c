/* The language of questions to the history: any text is understood or refused with a position; what is understood is
 * answered from a small history, within bounds, the same each time. */
#include "base/timefmt.h"
#include "modules/metrics/history/history.h"

#include <dirent.h>
#include <fcntl.h>

#define START (INT64_C(1790000000) / 3600 * 3600 * SECOND)

static char directory[64];
static struct history *history;

static void remove_directory(void)
{
        history_close(history);
        DIR *entries = opendir(directory);
        struct dirent *entry;
        while (entries && (entry = readdir(entries)))
                if (entry->d_type == DT_REG)
                        unlinkat(dirfd(entries), entry->d_name, 0);
        closedir(entries);
        rmdir(directory);
}

static void make_history(void)
{
        struct error err;
        struct history_options options = { .directory = directory };
        snprintf(
                directory, sizeof(directory), "%s/fuzz-history-XXXXXX", access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
        history = mkdtemp(directory) ? history_open(&options, START, &err) : NULL;
        if (!history)
                abort();
        atexit(remove_directory);
        for (int64_t i = 0; i < 40; i++)
                for (int j = 0; j < 3; j++) {
                        const char *names[] = { "web", "db", "cache" };
                        char cgroup[32];
                        snprintf(cgroup, sizeof(cgroup), "/docker/%s", names[j]);
                        struct container_ref ref = { .name = cgroup,
                                .id = names[j],
                                .name_space = "docker",
                                .aliases = &names[j],
                                .alias_count = 1 };
                        struct container_spec spec = { .image = j ? "b:1" : "a:1" };
                        struct container_stats stats = { .time_ns = START + i * 10 * SECOND };
                        stats.cgroup.has_cpu = stats.cgroup.has_memory = true;
                        stats.cgroup.cpu.total_ns = (uint64_t)(i * (j + 1)) * 1000000000;
                        stats.cgroup.memory.usage = (uint64_t)(i * 4096 * (j + 1));
                        history_append(history, &ref, &spec, &stats);
                }
}

static int take(const struct history_series *series, const double *values, size_t count, void *cookie)
{
        uint64_t *sum = cookie;
        for (size_t i = 0; i < series->label_count; i++)
                *sum = *sum * 31 + strlen(series->labels[i].name) * 7 + strlen(series->labels[i].value);
        for (size_t i = 0; i < count; i++) {
                uint64_t bits;
                memcpy(&bits, &values[i], sizeof(bits));
                *sum = *sum * 31 + (values[i] != values[i] ? 1 : bits); /* NaN has many forms */
        }
        *sum += strlen(series->metric) + strlen(series->unit);
        return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
        struct error err = { 0 };
        struct arena arena;
        struct history_query query;
        if (size > 8192)
                return 0;
        if (!history)
                make_history();
        char *text = malloc(size + 1);
        if (!text)
                abort();
        memcpy(text, bytes, size);
        text[size] = '\0';
        arena_init(&arena, 1 << 20);
        if (history_query_parse(text, START, START + 400 * SECOND, 20 * SECOND, &arena, &query, &err) == 0) {
                uint64_t first = 0;
                uint64_t again = 0;
                int status = history_ask(history, &query, take, &first, &err);
                if (history_ask(history, &query, take, &again, &err) != status || first != again)
                        abort();
        } else if (strncmp(err.message, "query: ", 7) != 0) {
                abort();
        }
        arena_done(&arena);
        free(text);
        return 0;
}
