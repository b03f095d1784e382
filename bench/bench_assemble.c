/* bench_assemble [LOG]: how many audit records a second one core parses, assembles and translates to observations.
 * Without LOG: exec events as Linux 6.1 sends them (SYSCALL, EXECVE, CWD, two PATH, PROCTITLE, EOE), those of two CPUs
 * interleaved, in netlink's form. With LOG: the lines of an auditd log or of a recording. Prints the best of several
 * passes, and the mean. */
#include "base/cleanup.h"
#include "base/path.h"
#include "modules/watch/source/audit_observe.h"

#include <fcntl.h>
#include <libaudit.h>

enum { EVENTS = 20000, PASSES = 12, TEXT_MAX = 1 << 30 };

struct message {
        uint32_t type;
        size_t offset, length;
};

static struct message *messages;
static size_t message_count, message_capacity;
static struct buf texts;

__attribute__((format(printf, 2, 3))) static void add(uint32_t type, const char *format, ...)
{
        va_list args;
        if (message_count == message_capacity) {
                message_capacity = message_capacity ? 2 * message_capacity : 4096;
                messages = reallocarray(messages, message_capacity, sizeof(*messages));
                if (!messages)
                        abort();
        }
        size_t offset = texts.len;
        va_start(args, format);
        buf_vprintf(&texts, format, args);
        va_end(args);
        messages[message_count++] = (struct message){ type, offset, texts.len - offset };
}

/* One record of an event; false when there are no more. */
static bool generate(uint32_t serial, unsigned step)
{
        unsigned ms = serial / 2 % 1000, s = 1700000000 + serial / 2000, pid = 10000 + serial;
#define STAMP "audit(%u.%03u:%u): "
        switch (step) {
        case 0:
                add(AUDIT_SYSCALL,
                        STAMP "arch=c000003e syscall=59 success=yes exit=0 a0=55d85d6719d0 a1=55d85d69c970 "
                              "a2=55d85d720450 a3=8 items=2 ppid=%u pid=%u auid=1000 uid=1000 gid=1000 euid=1000 "
                              "suid=1000 fsuid=1000 egid=1000 sgid=1000 fsgid=1000 tty=pts0 ses=3 comm=\"cc1\" "
                              "exe=\"/usr/lib/gcc/x86_64-linux-gnu/12/cc1\" subj=unconfined key=\"tarsier-exec\"",
                        s, ms, serial, pid - 1, pid);
                return true;
        case 1:
                add(AUDIT_EXECVE,
                        STAMP "argc=12 a0=\"/usr/lib/gcc/x86_64-linux-gnu/12/cc1\" a1=\"-quiet\" a2=\"-I\" "
                              "a3=\"src\" a4=\"-imultiarch\" a5=\"x86_64-linux-gnu\" a6=\"-D_GNU_SOURCE\" "
                              "a7=\"../src/lib/audit/file-%u.c\" a8=\"-quiet\" a9=2D444E414D453D226120622063 "
                              "a10=\"-o\" a11=\"/tmp/ccHx81a.s\"",
                        s, ms, serial, serial);
                return true;
        case 2:
                add(AUDIT_CWD, STAMP "cwd=\"/home/user/project/build\"", s, ms, serial);
                return true;
        case 3:
        case 4:
                add(AUDIT_PATH,
                        STAMP "item=%u name=\"%s\" inode=%u dev=08:01 mode=0100755 ouid=0 ogid=0 rdev=00:00 "
                              "nametype=NORMAL cap_fp=0 cap_fi=0 cap_fe=0 cap_fver=0 cap_frootid=0",
                        s, ms, serial, step - 3,
                        step == 3 ? "/usr/lib/gcc/x86_64-linux-gnu/12/cc1" : "/lib64/ld-linux-x86-64.so.2",
                        1593 + step);
                return true;
        case 5:
                add(AUDIT_PROCTITLE,
                        STAMP "proctitle="
                              "2F7573722F6C69622F6763632F7838365F36342D6C696E75782D676E752F31322F636331002D717569657400"
                              "2D49007372630078",
                        s, ms, serial);
                return true;
        case 6:
                add(AUDIT_EOE, STAMP, s, ms, serial);
                return true;
        default:
                return false;
        }
#undef STAMP
}

static size_t argument_bytes, execs;

static void look(const struct observation *observation, void *cookie)
{
        (void)cookie;
        execs += observation->type == OBSERVED_EXEC;
        argument_bytes += observation->argv.n + observation->path.n;
}

static double cpu_seconds(void)
{
        struct timespec now;
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
        return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static uint64_t pass(bool lines)
{
        struct audit_decoder_counters counters;
        struct audit_decoder *decoder = audit_decoder_new(NULL, SOURCE_AUDIT, NULL);
        if (!decoder)
                abort();
        if (lines) {
                struct sv rest = sv_n(texts.data, texts.len), line;
                while (sv_line(&rest, &line))
                        audit_decoder_feed_line(decoder, line, look, NULL);
        } else {
                for (size_t i = 0; i < message_count; i++)
                        audit_decoder_feed(decoder, messages[i].type,
                                sv_n(texts.data + messages[i].offset, messages[i].length), (int64_t)i * 1000, look,
                                NULL);
        }
        audit_decoder_tick(decoder, INT64_MAX, look, NULL);
        audit_decoder_count(decoder, &counters);
        audit_decoder_free(decoder);
        if (counters.assembler.lost || counters.assembler.late || counters.refused)
                printf("lost %llu, late %llu, refused %llu\n", (unsigned long long)counters.assembler.lost,
                        (unsigned long long)counters.assembler.late, (unsigned long long)counters.refused);
        return counters.assembler.records;
}

int main(int argc, char **argv)
{
        struct error err;

        buf_init(&texts, TEXT_MAX);
        if (argc > 1) {
                if (file_read(AT_FDCWD, argv[1], &texts, &err) < 0) {
                        fprintf(stderr, "%s\n", err.message);
                        return 1;
                }
        } else {
                for (uint32_t i = 0; i < EVENTS; i += 2)
                        for (unsigned step = 0; generate(i, step); step++)
                                generate(i + 1, step);
        }
        double best = 0, sum = 0;
        uint64_t records = 0;
        for (int i = 0; i < PASSES; i++) {
                double from = cpu_seconds();
                records = pass(argc > 1);
                double took = cpu_seconds() - from;
                sum += took;
                if (i == 0 || took < best)
                        best = took;
        }
        printf("%llu records, %zu bytes, %zu execs: best %.0f records/s, mean %.0f records/s of one core\n",
                (unsigned long long)records, texts.len, execs / PASSES, (double)records / best,
                (double)records * PASSES / sum);
        free(messages);
        buf_done(&texts);
        return argument_bytes == 0;
}
