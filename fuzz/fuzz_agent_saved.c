/* The file of saved runs: whatever it holds, the store is one that can be used, or says why not and refuses changes. */
#include "agent/saved.h"
#include "base/cleanup.h"
#include "schema/json_writer.h"

#include <fcntl.h>
#include <sys/mman.h>

static char path[64];

static void keep(const uint8_t *bytes, size_t size)
{
        static int fd = -1;
        if (fd < 0) {
                fd = memfd_create("saved", MFD_CLOEXEC);
                snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        }
        if (ftruncate(fd, 0) < 0 || pwrite(fd, bytes, size, 0) != (ssize_t)size)
                __builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
        struct error err;
        struct buf text;
        struct json_writer writer;
        bool created;
        keep(bytes, size);
        struct saved_store *store = saved_open(path, &err);
        if (!store)
                return 0;
        buf_init(&text, 64 << 20);
        json_writer_init(&writer, &text, 0);
        json_begin_array(&writer);
        for (size_t i = 0; i < saved_count(store); i++) {
                const struct saved *saved = saved_at(store, i);
                if (saved_find(store, saved->run.name) != saved || saved_check_name(saved->run.name, &err) < 0)
                        __builtin_trap();
                saved_schedule(store, saved->run.name);
                saved_write(saved, NULL, &writer);
        }
        json_end_array(&writer);
        if (saved_problem(store)[0] && (saved_count(store) || saved_put(store, "a", NULL, "", 0, &created, &err) == 0))
                __builtin_trap();
        buf_done(&text);
        saved_close(store);
        return 0;
}
