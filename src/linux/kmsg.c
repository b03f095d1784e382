#include "linux/kmsg.h"

#include "base/cleanup.h"
#include "base/timefmt.h"

#include <fcntl.h>

enum { OVERRUNS_A_CALL = 8 };

static bool next_number(struct sv *rest, uint64_t *ret)
{
        struct sv part;
        return sv_split(rest, ',', &part) && sv_parse_u64(part, 10, ret);
}

/* "6,1234,567890,-,caller=T1;message\n DEVICE=…\n": fields may be added before the ';'. */
bool kmsg_record_parse(struct sv text, struct kmsg_record *ret)
{
        struct kmsg_record record = { 0 };
        size_t end = sv_find(text, ';');
        if (end == text.n)
                return false;
        struct sv head = sv_n(text.p, end);
        uint64_t priority;
        uint64_t microseconds;
        struct sv flag;
        if (!next_number(&head, &priority) || priority > UINT32_MAX || !next_number(&head, &record.sequence) ||
                !next_number(&head, &microseconds) || microseconds > (uint64_t)(INT64_MAX / MICROSECOND))
                return false;
        if (head.p && sv_split(&head, ',', &flag) && flag.n == 1)
                record.flag = flag.p[0];
        record.level = (unsigned)priority & 7;
        record.facility = (unsigned)(priority >> 3);
        record.clock_ns = (int64_t)microseconds * MICROSECOND;
        record.message = sv_n(text.p + end + 1, text.n - end - 1);
        record.message.n = sv_find(record.message, '\n');
        *ret = record;
        return true;
}

int kmsg_open(int root, const char *path, struct kmsg_reader *ret, struct error *err)
{
        cleanup(fd_close) int fd = openat(root, path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
        if (fd < 0)
                return fail_errno(err, "open %s", path);
        if (lseek(fd, 0, SEEK_END) < 0)
                return fail_errno(err, "go to the end of %s", path);
        memset(ret, 0, sizeof(*ret));
        ret->fd = take_fd(fd);
        return 0;
}

void kmsg_close(struct kmsg_reader *reader)
{
        fd_close(&reader->fd);
}

int kmsg_read(struct kmsg_reader *reader, struct kmsg_record *ret, struct error *err)
{
        for (int overruns = 0; overruns < OVERRUNS_A_CALL;) {
                ssize_t got = read(reader->fd, reader->buffer, sizeof(reader->buffer) - 1);
                if (got < 0 && errno == EINTR)
                        continue;
                if (got < 0 && errno == EPIPE) { /* overwritten meanwhile; the next read is the oldest there is */
                        reader->overruns++;
                        overruns++;
                        continue;
                }
                if (got == 0 || (got < 0 && errno == EAGAIN))
                        return 0;
                if (got < 0)
                        return fail_errno(err, "read the kernel's log");
                reader->buffer[got] = '\0';
                struct kmsg_record record;
                if (!kmsg_record_parse(sv_n(reader->buffer, (size_t)got), &record)) {
                        reader->malformed++;
                        overruns++;
                        continue;
                }
                if (reader->has_sequence && record.sequence > reader->sequence + 1)
                        reader->lost += record.sequence - reader->sequence - 1;
                reader->has_sequence = true;
                reader->sequence = record.sequence;
                reader->records++;
                *ret = record;
                return 1;
        }
        return 0;
}

int kmsg_read_oom(struct kmsg_reader *reader, struct kmsg_oom *ret, struct error *err)
{
        for (int i = 0; i < KMSG_RECORDS_A_CALL; i++) {
                struct kmsg_record record;
                int verdict = kmsg_read(reader, &record, err);
                if (verdict <= 0)
                        return verdict;
                if (record.facility == KMSG_FACILITY_KERNEL &&
                        kmsg_oom_feed(&reader->oom, record.message, time_unix_ns(), ret))
                        return 1;
        }
        return 0;
}
