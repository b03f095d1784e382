/* The small files and directories that tell of the machine, and the texts in them. */
#include "linux/machine_internal.h"

#include "base/cleanup.h"
#include "base/path.h"
#include "base/vec.h"
#include "linux/decimal.h"

#include <fcntl.h>

bool machine_value(int dir, const char *path, char room[static MACHINE_VALUE_MAX], struct sv *ret)
{
        cleanup(fd_close) int fd = openat(dir, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        if (fd < 0)
                return false;
        ssize_t got = read_all(fd, room, MACHINE_VALUE_MAX, NULL);
        if (got < 0 || got == MACHINE_VALUE_MAX)
                return false;
        *ret = sv_trim(sv_n(room, strnlen(room, (size_t)got)));
        return true;
}

bool machine_number(int dir, const char *path, uint64_t *ret)
{
        char room[MACHINE_VALUE_MAX];
        struct sv text;
        return machine_value(dir, path, room, &text) && sv_parse_u64(text, 10, ret);
}

bool machine_signed(int dir, const char *path, int64_t *ret)
{
        char room[MACHINE_VALUE_MAX];
        struct sv text;
        return machine_value(dir, path, room, &text) && sv_parse_i64(text, ret);
}

const char *machine_text(int dir, const char *path, struct arena *arena)
{
        char room[MACHINE_VALUE_MAX];
        struct sv text;
        if (!machine_value(dir, path, room, &text))
                return "";
        return arena_strndup(arena, text.p, text.n);
}

int machine_open_directory(int at, const char *path)
{
        return openat(at, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int compare_names(const void *a, const void *b)
{
        return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int compare_ints(const void *a, const void *b)
{
        int x = *(const int *)a;
        int y = *(const int *)b;
        return (x > y) - (x < y);
}

int machine_names(struct machine_reading *reading, int dir, const char *path, const char *prefix, const char *suffix,
        size_t max, const char ***ret, size_t *ret_count)
{
        *ret = NULL;
        *ret_count = 0;
        int fd = machine_open_directory(dir, path);
        cleanup(closedir) DIR *stream = fd >= 0 ? fdopendir(fd) : NULL;
        if (!stream) {
                fd_close(&fd);
                return 0;
        }
        VEC(const char *) names = { 0 };
        int status = 0;
        struct dirent *entry;
        while (status == 0 && (entry = readdir(stream))) {
                struct sv name = sv_of(entry->d_name);
                if (name.p[0] == '.' || !sv_starts(name, sv_of(prefix)) || !sv_ends(name, sv_of(suffix)))
                        continue;
                if (names.count == max) {
                        reading->machine->refused++;
                        continue;
                }
                char *copy = arena_strndup(reading->arena, name.p, name.n);
                const char **into = copy ? vec_add(&names, max) : NULL;
                if (into)
                        *into = copy;
                else
                        status = -1;
        }
        if (status == 0 && names.count) {
                const char **rows = arena_array(reading->arena, names.count, sizeof(*rows));
                if (rows) {
                        memcpy(rows, names.items, names.count * sizeof(*rows));
                        qsort(rows, names.count, sizeof(*rows), compare_names);
                        *ret = rows;
                        *ret_count = names.count;
                } else {
                        status = -1;
                }
        }
        vec_done(&names);
        return status;
}

int machine_numbers(struct machine_reading *reading, int dir, const char *path, const char *prefix, size_t max,
        int **ret, size_t *ret_count)
{
        *ret = NULL;
        *ret_count = 0;
        int fd = machine_open_directory(dir, path);
        cleanup(closedir) DIR *stream = fd >= 0 ? fdopendir(fd) : NULL;
        if (!stream) {
                fd_close(&fd);
                return 0;
        }
        VEC(int) numbers = { 0 };
        size_t length = strlen(prefix);
        int status = 0;
        struct dirent *entry;
        while (status == 0 && (entry = readdir(stream))) {
                struct sv name = sv_of(entry->d_name);
                uint64_t number;
                if (!sv_starts(name, sv_of(prefix)) ||
                        !sv_parse_u64(sv_n(name.p + length, name.n - length), 10, &number))
                        continue;
                if (number > INT32_MAX || numbers.count == max) {
                        reading->machine->refused++;
                        continue;
                }
                int *into = vec_add(&numbers, max);
                if (into)
                        *into = (int)number;
                else
                        status = -1;
        }
        if (status == 0 && numbers.count) {
                int *rows = arena_array(reading->arena, numbers.count, sizeof(*rows));
                if (rows) {
                        memcpy(rows, numbers.items, numbers.count * sizeof(*rows));
                        qsort(rows, numbers.count, sizeof(*rows), compare_ints);
                        *ret = rows;
                        *ret_count = numbers.count;
                } else {
                        status = -1;
                }
        }
        vec_done(&numbers);
        return status;
}

bool machine_cpu_list_parse(struct sv text, struct machine_cpu_set *ret)
{
        struct machine_cpu_set set = { 0 };
        struct sv part;
        text = sv_trim(text);
        bool more = text.n > 0;
        while (more && (more = sv_split(&text, ',', &part))) {
                uint64_t first;
                uint64_t last;
                size_t dash = sv_find(part, '-');
                if (!sv_parse_u64(sv_n(part.p, dash), 10, &first))
                        return false;
                last = first;
                if (dash < part.n && !sv_parse_u64(sv_n(part.p + dash + 1, part.n - dash - 1), 10, &last))
                        return false;
                if (first > last || last >= MACHINE_CPUS_MAX)
                        return false;
                for (uint64_t cpu = first; cpu <= last; cpu++)
                        set.words[cpu / 64] |= UINT64_C(1) << cpu % 64;
        }
        *ret = set;
        return true;
}

bool machine_cpu_set_has(const struct machine_cpu_set *set, int cpu)
{
        return cpu >= 0 && cpu < MACHINE_CPUS_MAX && (set->words[cpu / 64] >> cpu % 64 & 1);
}

size_t machine_cpu_set_count(const struct machine_cpu_set *set)
{
        size_t count = 0;
        for (size_t i = 0; i < sizeof(set->words) / sizeof(*set->words); i++)
                count += (size_t)__builtin_popcountll(set->words[i]);
        return count;
}

bool machine_cpu_mask_count(struct sv text, size_t *ret)
{
        size_t count = 0;
        struct sv part;
        text = sv_trim(text);
        while (sv_split(&text, ',', &part)) {
                uint64_t word;
                if (!sv_parse_u64(part, 16, &word))
                        return false;
                count += (size_t)__builtin_popcountll(word);
        }
        *ret = count;
        return true;
}

bool machine_cache_size_parse(struct sv text, uint64_t *ret)
{
        uint64_t unit = 1;
        if (text.n && (text.p[text.n - 1] == 'K' || text.p[text.n - 1] == 'M')) {
                unit = text.p[text.n - 1] == 'K' ? 1024 : 1024 * 1024;
                text.n--;
        }
        uint64_t number;
        return sv_parse_u64(text, 10, &number) && !__builtin_mul_overflow(number, unit, ret);
}

struct sv machine_scheduler_parse(struct sv text)
{
        size_t open = sv_find(text, '[');
        if (open == text.n)
                return sv_n("", 0);
        struct sv inside = sv_n(text.p + open + 1, text.n - open - 1);
        inside.n = sv_find(inside, ']') < inside.n ? sv_find(inside, ']') : 0;
        return inside;
}

uint64_t machine_frequency_parse(struct sv cpuinfo)
{
        struct sv line;
        while (sv_line(&cpuinfo, &line)) {
                size_t colon = sv_find(line, ':');
                struct sv key = sv_trim(sv_n(line.p, colon));
                if (colon == line.n || (!sv_eq_nocase(key, SV("cpu MHz")) && !sv_eq(key, SV("clock"))))
                        continue;
                struct sv value = sv_trim(sv_n(line.p + colon + 1, line.n - colon - 1));
                if (sv_ends(value, SV("MHz"))) /* Power: "clock : 3425.000000MHz" */
                        value.n -= 3;
                int64_t billionths;
                if (decimal_parse(value, &billionths))
                        return (uint64_t)billionths / 1000000;
        }
        return 0;
}
