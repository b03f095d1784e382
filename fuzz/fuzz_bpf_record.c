/* Records of the eBPF program: any bytes, as a sequence of items, each behind its length in two bytes. */
#include "modules/watch/source/bpf_record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void touch(struct sv text, size_t *sum)
{
        for (size_t i = 0; i < text.n; i++)
                *sum += (uint8_t)text.p[i];
}

static void observe(const struct observation *observation, void *cookie)
{
        size_t *sum = cookie;
        touch(observation->comm, sum);
        touch(observation->exe, sum);
        touch(observation->cwd, sum);
        touch(observation->tty, sum);
        touch(observation->argv, sum);
        touch(observation->cgroup, sum);
        touch(observation->syscall, sum);
        touch(observation->operation, sum);
        touch(observation->object, sum);
        touch(observation->path, sum);
        touch(observation->path2, sum);
        if (observation->argv.n && observation->argv.p[observation->argv.n - 1] != '\0')
                __builtin_trap();
        if (observation->user_ns < 0 || observation->system_ns < 0)
                __builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct bpf_stream stream = { .boot_offset_ns = 1700000000000000000, .page_size = 4096 };
        size_t sum = 0, items = 0;
        while (size >= 2) {
                size_t length = (size_t)data[0] | (size_t)data[1] << 8;
                data += 2, size -= 2;
                if (length > size)
                        length = size;
                /* a copy of its very size: a byte read beyond it is seen */
                char *copy = malloc(length ? length : 1);
                if (!copy)
                        return 0;
                memcpy(copy, data, length);
                bpf_record_decode(&stream, sv_n(copy, length), observe, &sum);
                free(copy);
                data += length, size -= length;
                items++;
        }
        if (stream.decoded != items)
                __builtin_trap();
        return (int)(sum & 0);
}
