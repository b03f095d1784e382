/* A file of lines, renamed to NAME.1, NAME.2 … when it is full. */
#include "dispatch.h"

#include "base/cleanup.h"

#include <fcntl.h>
#include <sys/stat.h>

struct line_file {
        int fd;
        uint64_t size;
};

static int file_open(struct output *output, struct error *err)
{
        const char *path = output->config->path;
        if (!path || path[0] != '/')
                return fail(err, E_INVALID, "path must begin with /");
        struct line_file *file = calloc(1, sizeof(*file));
        if (!file)
                return fail(err, E_NO_MEMORY, "no memory for a file");
        file->fd = -1;
        output->state = file;
        return 0;
}

static void numbered(char *ret, size_t size, const char *path, int number)
{
        if (number)
                snprintf(ret, size, "%s.%d", path, number);
        else
                snprintf(ret, size, "%s", path);
}

static void rotate(const char *path, int keep)
{
        char from[4200], to[4200];
        if (keep == 0)
                unlink(path);
        for (int number = keep - 1; number >= 0; number--) {
                numbered(from, sizeof(from), path, number);
                numbered(to, sizeof(to), path, number + 1);
                rename(from, to);
        }
}

/* Opens it anew when somebody else renamed or removed it. */
static int ready(struct output *output, size_t more)
{
        struct line_file *file = output->state;
        const char *path = output->config->path;
        struct stat here, there;
        if (file->fd >= 0 && (fstat(file->fd, &here) < 0 || stat(path, &there) < 0 || here.st_ino != there.st_ino ||
                                     here.st_dev != there.st_dev))
                fd_close(&file->fd);
        if (file->fd >= 0 && file->size && file->size + more > output->config->max_size) {
                fd_close(&file->fd);
                rotate(path, output->config->keep);
        }
        if (file->fd >= 0)
                return 0;
        file->fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
        if (file->fd < 0 || fstat(file->fd, &here) < 0)
                return -1;
        file->size = (uint64_t)here.st_size;
        if (!S_ISREG(here.st_mode)) {
                fd_close(&file->fd);
                errno = EINVAL;
                return -1;
        }
        /* a full file of an earlier run */
        if (file->size && file->size + more > output->config->max_size) {
                fd_close(&file->fd);
                rotate(path, output->config->keep);
                file->size = 0;
                file->fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
        }
        return file->fd < 0 ? -1 : 0;
}

static void file_send(struct output *output, const struct spool_event *event, struct sv text)
{
        struct line_file *file = output->state;
        (void)event;
        (void)text;
        buf_putc(&output->text, '\n');
        size_t size = output->text.len;
        if (output->text.failed) {
                output_done(output, OUTCOME_REJECTED, "the event is too long");
                return;
        }
        if (ready(output, size) < 0) {
                output_done(output, OUTCOME_FAILED, "%s: %s", output->config->path, errno_text(errno));
                return;
        }
        ssize_t put = write(file->fd, output->text.data, size);
        if (put == (ssize_t)size) {
                file->size += size;
                output_done(output, OUTCOME_DELIVERED, "%s", "");
                return;
        }
        int why = put < 0 ? errno : ENOSPC;
        if (put > 0 && ftruncate(file->fd, (off_t)file->size) < 0) /* half a line */
                why = errno;
        fd_close(&file->fd);
        output_done(output, OUTCOME_FAILED, "%s: %s", output->config->path, errno_text(why));
}

static void file_close(struct output *output)
{
        struct line_file *file = output->state;
        if (file)
                fd_close(&file->fd);
        free(file);
        output->state = NULL;
}

const struct output_operations file_operations = { file_open, file_send, file_close };
