/* What process_list reads: /proc/PID/cgroup, passwd, stat and names. The first byte chooses one, the rest is its input.
 */
#include "linux/process_list.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
        if (!holds)
                abort();
}

static void fuzz_group(struct sv text)
{
        struct sv group = process_group_path(text);
        check(group.n > 0 && group.n <= text.n + 1);
}

static void fuzz_users(struct sv text)
{
        struct arena arena;
        struct process_users users;
        arena_init(&arena, 1 << 20);
        if (process_users_parse(text, &arena, &users, NULL) == 0)
                for (size_t i = 0; i < users.count; i++) {
                        check(i == 0 || users.rows[i - 1].uid <= users.rows[i].uid);
                        check(users.rows[i].name[0] != '\0' || memchr(text.p, '\0', text.n));
                        check(process_users_name(&users, users.rows[i].uid) != NULL);
                }
        arena_done(&arena);
}

static void fuzz_stat(struct sv text)
{
        struct process_stat stat;
        char letters[8];
        char comm[16];
        if (process_parse_stat(text, &stat, NULL) < 0)
                return;
        process_format_stat(&stat, 1, letters);
        process_format_comm(stat.comm, stat.state, comm);
        check(strnlen(letters, 8) < 8 && strnlen(comm, 16) < 16);
}

static void fuzz_times(struct sv bytes)
{
        int64_t words[2];
        char time[24];
        char start[8];
        if (bytes.n < sizeof(words))
                return;
        memcpy(words, bytes.p, sizeof(words));
        process_format_time(words[0], time);
        process_format_start(words[0], words[1], start);
        check(strnlen(time, 24) < 24 && strnlen(start, 8) < 8);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static void (*const parsers[])(struct sv text) = { fuzz_group, fuzz_users, fuzz_stat, fuzz_times };
        if (size)
                parsers[data[0] % (sizeof(parsers) / sizeof(*parsers))](sv_n((const char *)data + 1, size - 1));
        return 0;
}
