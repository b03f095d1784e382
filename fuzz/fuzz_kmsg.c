/* The kernel's log: lines to the assembler of out-of-memory kills; a line with a ';' also as a record. */
#include "linux/kmsg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
        if (!holds)
                abort();
}

static void check_kill(const struct kmsg_oom *kill)
{
        check(kill->pid > 0 && kill->uid >= -1 && kill->uid <= UINT32_MAX);
        check(strnlen(kill->process, KMSG_NAME_MAX) < KMSG_NAME_MAX);
        check(strnlen(kill->invoker, KMSG_NAME_MAX) < KMSG_NAME_MAX);
        check(strnlen(kill->constraint, KMSG_CONSTRAINT_MAX) < KMSG_CONSTRAINT_MAX);
        check(strnlen(kill->task_memcg, KMSG_CGROUP_MAX) < KMSG_CGROUP_MAX);
        check(strnlen(kill->oom_memcg, KMSG_CGROUP_MAX) < KMSG_CGROUP_MAX);
        check(!kill->task_memcg[0] || kill->task_memcg[0] == '/');
        check(!kill->oom_memcg[0] || kill->oom_memcg[0] == '/');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct kmsg_oom_assembler assembler = { 0 };
        struct kmsg_oom kill;
        char *copy = malloc(size ? size : 1); /* so that reading beyond the end is seen */
        if (!copy)
                return 0;
        if (size)
                memcpy(copy, data, size);
        struct sv text = sv_n(copy, size);
        struct sv line;
        uint64_t kills = 0;
        for (int64_t now = 0; sv_line(&text, &line); now += INT64_C(1000000000)) {
                struct kmsg_record record;
                if (kmsg_record_parse(line, &record)) {
                        check(record.level < 8 && record.clock_ns >= 0);
                        line = record.message;
                }
                if (kmsg_oom_feed(&assembler, line, now, &kill)) {
                        check_kill(&kill);
                        kills++;
                }
        }
        check(kills == assembler.kills);
        free(copy);
        return 0;
}
