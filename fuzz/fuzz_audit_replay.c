/* A replay file's lines, as `tarsier watch --replay` reads them: the same input gives the same observations twice, and
 * each record is either taken or refused. */
#include "modules/watch/source/audit_observe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct told {
        uint64_t hash;
        size_t count;
};

static void mix(struct told *told, const void *bytes, size_t size)
{
        const unsigned char *p = bytes;
        for (size_t i = 0; i < size; i++)
                told->hash = (told->hash ^ p[i]) * UINT64_C(1099511628211);
}

static void look(const struct observation *observation, void *cookie)
{
        struct told *told = cookie;
        const struct sv texts[] = { observation->comm, observation->exe, observation->cwd, observation->tty,
                observation->argv, observation->syscall, observation->operation, observation->key, observation->path,
                observation->path2, observation->object, observation->account, observation->address,
                observation->terminal, observation->hostname, observation->detail };
        const uint64_t numbers[] = { observation->type, observation->has, (uint64_t)observation->time_ns,
                observation->serial, observation->late, (uint64_t)observation->pid, (uint64_t)observation->ppid,
                observation->uid, observation->auid, observation->cap_effective, observation->argc,
                observation->argv_truncated, (uint64_t)observation->exit_code, (uint64_t)observation->result,
                observation->inode, observation->mode, observation->flags, observation->lost };
        told->count++;
        for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
                told->hash = (told->hash ^ numbers[i]) * UINT64_C(1099511628211);
        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
                mix(told, texts[i].p, texts[i].n);
        if (observation->argv.n && observation->argv.p[observation->argv.n - 1] && !observation->argv_truncated)
                abort();
}

static struct told replay(struct sv text)
{
        struct told told = { .hash = UINT64_C(14695981039346656037) };
        struct audit_decoder *decoder = audit_decoder_new(NULL, SOURCE_REPLAY, NULL);
        struct audit_decoder_counters counters;
        uint64_t taken = 0, refused = 0;
        struct sv line;

        if (!decoder)
                abort();
        while (sv_line(&text, &line)) {
                if (audit_decoder_feed_line(decoder, line, look, &told))
                        taken++;
                else
                        refused++;
        }
        audit_decoder_tick(decoder, INT64_MAX, look, &told);
        audit_decoder_count(decoder, &counters);
        if (counters.assembler.records != taken || counters.refused != refused || counters.assembler.in_flight ||
                counters.observed != told.count)
                abort();
        audit_decoder_free(decoder);
        return told;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct sv text = sv_n((const char *)data, size);
        struct told first = replay(text), second = replay(text);

        if (first.hash != second.hash || first.count != second.count)
                abort();
        return 0;
}
