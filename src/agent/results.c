#include "agent/results.h"

#include "base/cleanup.h"
#include "base/path.h"
#include "schema/json.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

enum { READ_SIZE = 256 << 10, OUTPUT_MAX = 64 << 10, FILES_MAX = 1100000 };

bool results_id_valid(const char *run)
{
        size_t length = strlen(run);
        return length && length < RUN_ID_MAX && strspn(run, "0123456789abcdef") == length;
}

static void path_of(const struct agent *agent, const char *run, char *ret)
{
        snprintf(ret, AGENT_PATH_MAX, "%.4000s/results/%s", agent->state, run);
}

int results_create(struct agent *agent, const char *run, const struct module *module, struct error *err)
{
        char path[AGENT_PATH_MAX];
        char head[512];
        struct buf frame;
        path_of(agent, run, path);
        int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd < 0)
                return fail_errno(err, "%s", path);
        snprintf(head, sizeof(head), "{\"run\":\"%s\",\"module\":\"%s\",\"shape\":%d}", run, module->name,
                (int)module->shape);
        buf_init(&frame, 4096);
        frame_append(&frame, FRAME_MESSAGE, 0, sv_of(head));
        int status = write_all(fd, frame.data, frame.len, err);
        buf_done(&frame);
        if (status < 0) {
                unlink(path);
                close(fd);
                return -1;
        }
        return fd;
}

int results_open(struct agent *agent, const char *run, struct error *err)
{
        char path[AGENT_PATH_MAX];
        if (!results_id_valid(run))
                return fail(err, E_NOT_FOUND, "there is no run %.32s", run);
        path_of(agent, run, path);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0 && errno == ENOENT)
                return fail(err, E_NOT_FOUND, "the result of run %s is not kept", run);
        return fd < 0 ? fail_errno(err, "%s", path) : fd;
}

/* The next frame of a file, through a buffer; 1, 0 at the end (a torn last frame too), -1. */
struct frame_reader {
        int fd;
        struct buf in;
        size_t at;
};

static int next_frame(struct frame_reader *reader, struct frame_header *header, struct sv *payload, struct error *err)
{
        for (;;) {
                size_t size;
                int have = frame_next(&reader->in, reader->at, header, payload, &size, err);
                if (have != 0) {
                        reader->at += size;
                        return have;
                }
                buf_consume(&reader->in, reader->at);
                reader->at = 0;
                char *room = buf_reserve(&reader->in, READ_SIZE);
                if (!room)
                        return fail(err, E_NO_MEMORY, "no memory for a result");
                ssize_t got = read_all(reader->fd, room, READ_SIZE, err);
                if (got <= 0)
                        return (int)got;
                reader->in.len += (size_t)got;
        }
}

static int replay(struct frame_reader *reader, struct result **ret, struct error *err)
{
        struct frame_header header;
        struct sv payload;
        int have = next_frame(reader, &header, &payload, err);
        if (have < 0)
                return -1;
        cleanup(json_decref) json_t *head = have ? json_parse(payload, true, NULL) : NULL;
        json_int_t shape = json_integer_value(json_object_get(head, "shape"));
        if (!head || header.type != FRAME_MESSAGE || shape < 0 || shape > SHAPE_SCALAR)
                return fail(err, E_CORRUPT, "the file of the result has no beginning");
        struct result *result = result_new((enum shape)shape, UINT64_MAX / 2, err);
        if (!result)
                return -1;
        while ((have = next_frame(reader, &header, &payload, err)) > 0)
                if (result_add_frame(result, &header, payload, err) < 0)
                        break;
        if (have != 0) {
                result_free(result);
                return -1;
        }
        if (!result_done(result)) {
                struct error why;
                fail(&why, E_UNAVAILABLE, "the run is not over, or its end was lost with the agent");
                result_fail(result, &why);
                result_set_partial(result, "no end");
        }
        *ret = result;
        return 0;
}

struct file_output {
        int fd;
        struct error *err;
};

static int to_file(const void *bytes, size_t size, void *cookie)
{
        struct file_output *output = cookie;
        return write_all(output->fd, bytes, size, output->err);
}

int results_render(struct agent *agent, const char *run, int *ret_fd, struct error *err)
{
        char directory[AGENT_PATH_MAX];
        struct result *result = NULL;
        cleanup(fd_close) int from = results_open(agent, run, err);
        if (from < 0)
                return -1;
        struct frame_reader reader = { .fd = from };
        buf_init(&reader.in, FRAME_LENGTH_MAX + READ_SIZE * 2);
        int status = replay(&reader, &result, err);
        buf_done(&reader.in);
        if (status < 0)
                return error_prefix(err, "run %s", run);
        path_of(agent, "", directory);
        cleanup(fd_close) int fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
        struct file_output output = { fd, err };
        if (fd < 0)
                status = fail_errno(err, "%s", directory);
        else
                status = result_write(result, 0, to_file, &output, err);
        result_free(result);
        if (status < 0 || lseek(fd, 0, SEEK_SET) < 0)
                return -1;
        *ret_fd = take_fd(fd);
        return 0;
}

struct kept {
        char run[RUN_ID_MAX];
        uint64_t size;
};

static int newest_first(const void *left, const void *right)
{
        return strcmp(((const struct kept *)right)->run, ((const struct kept *)left)->run);
}

void results_prune(struct agent *agent)
{
        char path[AGENT_PATH_MAX];
        VEC(struct kept) files = { 0 };
        const struct config_limits *limits = &agent->config->limits;
        path_of(agent, "", path);
        cleanup(closedir) DIR *directory = opendir(path);
        for (struct dirent *file; directory && (file = readdir(directory));) {
                struct stat there;
                if (!results_id_valid(file->d_name) ||
                        fstatat(dirfd(directory), file->d_name, &there, AT_SYMLINK_NOFOLLOW) < 0)
                        continue;
                struct kept *kept = vec_add(&files, FILES_MAX);
                if (!kept)
                        break;
                snprintf(kept->run, sizeof(kept->run), "%.23s", file->d_name);
                kept->size = (uint64_t)there.st_size;
        }
        if (files.count)
                qsort(files.items, files.count, sizeof(files.items[0]), newest_first);
        /* an ID begins with the time in milliseconds: names sort by age */
        char oldest[RUN_ID_MAX];
        snprintf(oldest, sizeof(oldest), "%012llx",
                (unsigned long long)((time_unix_ns() - limits->results_age_ns) / MILLISECOND));
        uint64_t total = 0;
        for (size_t i = 0; i < files.count; i++) {
                total += files.items[i].size;
                if (i < (size_t)limits->results && total <= limits->results_size &&
                        strcmp(files.items[i].run, oldest) >= 0)
                        continue;
                if (unlinkat(dirfd(directory), files.items[i].run, 0) == 0)
                        agent->counters.results_removed++;
        }
        vec_done(&files);
}
