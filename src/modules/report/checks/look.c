/* What the checks look with: files below a root, and the findings themselves. */
#include "modules/report/checks/bounded.h"

#include "base/cleanup.h"
#include "base/path.h"
#include "linux/diskstats.h"
#include "linux/host.h"
#include "linux/net_stats.h"

#include <fcntl.h>
#include <sys/stat.h>

const char *const report_severity_names[] = { "ok", "info", "low", "medium", "high", "critical", NULL };
const char *const report_area_names[] = { "cpu", "memory", "disk", "filesystem", "kernel", "processes", "network",
        "accounts", "ssh", "updates", "containers", "time", "agent", NULL };

/* ---- findings ---- */

__attribute__((format(printf, 2, 0))) static char *vtext(struct arena *arena, const char *format, va_list args)
{
        enum { SENTENCE_MAX = 1024 };
        char text[SENTENCE_MAX];
        /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): it was started */
        vsnprintf(text, sizeof(text), format, args);
        return arena_strdup(arena, text);
}

void finding_say(struct finding *finding, enum report_severity severity, const char *format, ...)
{
        va_list args;
        va_start(args, format);
        finding->text = vtext(finding->arena, format, args);
        va_end(args);
        finding->said = true;
        if (severity > finding->severity)
                finding->severity = severity;
}

void finding_show(struct finding *finding, enum report_severity severity, const char *format, ...)
{
        if (severity > finding->severity)
                finding->severity = severity;
        size_t at = finding->evidence_count;
        while (at > 0 && finding->weights[at - 1] < severity)
                at--;
        bool full = finding->evidence_count == REPORT_EVIDENCE_MAX;
        finding->evidence_more += full;
        if (at == REPORT_EVIDENCE_MAX)
                return;
        va_list args;
        va_start(args, format);
        char *text = vtext(finding->arena, format, args);
        va_end(args);
        if (!text)
                return;
        size_t behind = finding->evidence_count - at - full;
        memmove(&finding->evidence[at + 1], &finding->evidence[at], behind * sizeof(finding->evidence[0]));
        memmove(&finding->weights[at + 1], &finding->weights[at], behind * sizeof(finding->weights[0]));
        finding->evidence[at] = text;
        finding->weights[at] = severity;
        finding->evidence_count += !full;
}

void finding_blind(struct finding *finding, const char *path, const char *why)
{
        if (finding->blind_count++ == 0)
                finding->blind = arena_printf(finding->arena, "%s: %s", path, why);
}

void finding_absent(struct finding *finding)
{
        finding->absent = true;
}

void report_run_check(const struct report_check *check, struct look *look, struct finding *ret)
{
        *ret = (struct finding){ .check = check, .arena = look->arena };
        check->look(look, ret);
        if (!ret->said)
                ret->text = arena_strdup(look->arena, check->passed);
}

static int compare_findings(const void *a, const void *b)
{
        const struct finding *one = a, *other = b;
        if (one->severity != other->severity)
                return one->severity > other->severity ? -1 : 1;
        if (one->check->area != other->check->area)
                return one->check->area < other->check->area ? -1 : 1;
        return strcmp(one->check->name, other->check->name);
}

void report_sort(struct finding *findings, size_t count)
{
        if (count > 1)
                qsort(findings, count, sizeof(*findings), compare_findings);
}

const char *report_verdict(enum report_severity worst)
{
        return worst == REPORT_CRITICAL ? "critical" : worst >= REPORT_MEDIUM ? "attention" : "healthy";
}

/* ---- files ---- */

char *look_text(struct look *look, const char *format, ...)
{
        va_list args;
        va_start(args, format);
        char *text = vtext(look->arena, format, args);
        va_end(args);
        return text ? text : (char *)"";
}

enum look_result look_file(struct look *look, struct finding *finding, const char *path, size_t max, struct sv *ret)
{
        struct stat st;
        *ret = SV("");
        if (look_text_of(look, path, max, &st, ret) == 0 && S_ISREG(st.st_mode))
                return LOOK_READ;
        if (errno == ENOENT || errno == ENOTDIR)
                return LOOK_ABSENT;
        finding_blind(finding, path, errno ? look_why(errno) : "not a regular file");
        return LOOK_BLIND;
}

struct sv look_line(struct look *look, const char *path)
{
        enum { LINE_MAX_BYTES = 4096 };
        char text[LINE_MAX_BYTES];
        /* O_NONBLOCK: a FIFO in a tree that only looks like /proc must not hold the run */
        cleanup(fd_close) int fd = openat(look->root, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text));
        if (n <= 0)
                return SV("");
        struct sv line = sv_trim(sv_n(text, sv_find(sv_n(text, (size_t)n), '\n')));
        char *copy = arena_strndup(look->arena, line.p, line.n);
        return copy ? sv_n(copy, line.n) : SV("");
}

bool look_number(struct look *look, const char *path, uint64_t *ret)
{
        return sv_parse_u64(look_line(look, path), 10, ret);
}

struct string_list look_names(struct look *look, struct finding *finding, const char *directory)
{
        struct look_entries entries = look_entries(look, finding, directory, false);
        struct string_list names = { .items = arena_array(look->arena, entries.count + 1, sizeof(char *)) };
        for (size_t i = 0; names.items && i < entries.count; i++)
                names.items[names.count++] = (char *)entries.items[i].name;
        return names;
}

struct sv look_strip(struct sv line, char comment)
{
        line.n = sv_find(line, comment);
        return sv_trim(line);
}

int report_compare_release(const char *a, const char *b)
{
        while (*a && *b) {
                bool digits = *a >= '0' && *a <= '9' && *b >= '0' && *b <= '9';
                if (!digits) {
                        if (*a != *b)
                                return (unsigned char)*a < (unsigned char)*b ? -1 : 1;
                        a++;
                        b++;
                        continue;
                }
                a += strspn(a, "0");
                b += strspn(b, "0");
                size_t n = strspn(a, "0123456789"), m = strspn(b, "0123456789");
                if (n != m)
                        return n < m ? -1 : 1;
                int order = memcmp(a, b, n);
                if (order)
                        return order;
                a += n;
                b += m;
        }
        return *a ? 1 : *b ? -1 : 0;
}

/* ---- what several checks need ---- */

void look_open(struct look *ret, int root, struct arena *arena)
{
        struct error err;
        struct uptime uptime;
        struct host_cpu cpu;
        *ret = (struct look){ .root = root, .arena = arena, .cpus = 1, .now_unix_ns = time_unix_ns() };
        if (uptime_read(root, &uptime, &err) == 0)
                ret->uptime_ns = uptime.uptime_ns;
        if (host_read_cpu(root, arena, &cpu, &err) == 0 && cpu.logical > 0)
                ret->cpus = cpu.logical;
        ret->has_mounts = mounts_read(root, "proc/self/mountinfo", arena, &ret->mounts, &err) == 0;
}

void look_done(struct look *look)
{
        bounded_end(look);
        vec_done(&look->processes);
}

/* Pairs of "Tcp: NAME …" and "Tcp: 1 …" lines; *ret is untouched where there is no such name. */
static void take_counter(struct sv text, const char *prefix, const char *name, uint64_t *ret)
{
        struct sv names, values, word, value;
        while (text.n && sv_line(&text, &names)) {
                if (!sv_starts(names, sv_of(prefix)) || !sv_line(&text, &values))
                        continue;
                while (sv_word(&names, &word) && sv_word(&values, &value))
                        if (sv_eq(word, sv_of(name)))
                                sv_parse_u64(value, 10, ret);
                return;
        }
}

static void sample_tcp(struct look *look, struct report_sample *ret)
{
        struct error err;
        cleanup(buf_done) struct buf text;
        buf_init(&text, REPORT_TEXT_MAX);
        if (file_read(look->root, "proc/net/netstat", &text, &err) < 0)
                return;
        struct sv extended = sv_n(buf_text(&text), text.len);
        take_counter(extended, "TcpExt: ", "ListenOverflows", &ret->listen_overflows);
        take_counter(extended, "TcpExt: ", "ListenDrops", &ret->listen_drops);
        buf_clear(&text);
        if (file_read(look->root, "proc/net/snmp", &text, &err) < 0)
                return;
        struct sv basic = sv_n(buf_text(&text), text.len);
        take_counter(basic, "Tcp: ", "PassiveOpens", &ret->passive_opens);
        take_counter(basic, "Tcp: ", "RetransSegs", &ret->retransmits);
        take_counter(basic, "Tcp: ", "OutSegs", &ret->segments_out);
        ret->has_tcp = true;
}

static void sample_disks(struct look *look, struct report_sample *ret)
{
        struct error err;
        struct sv line;
        cleanup(buf_done) struct buf text;
        buf_init(&text, REPORT_TEXT_MAX);
        if (file_read(look->root, "proc/diskstats", &text, &err) < 0)
                return;
        struct sv rest = sv_n(buf_text(&text), text.len);
        while (ret->disk_count < REPORT_DISKS_MAX && rest.n && sv_line(&rest, &line)) {
                struct diskstats stats;
                if (!diskstats_parse_line(line, &stats) || stats.fields < 11)
                        continue;
                struct report_disk *disk = &ret->disks[ret->disk_count++];
                snprintf(disk->name, sizeof(disk->name), "%s", stats.name);
                disk->io_time_ms = stats.io_time_ms;
        }
}

void look_sample(struct look *look, struct report_sample *ret)
{
        struct error err;
        memset(ret, 0, sizeof(*ret));
        ret->at_ns = time_monotonic_ns();
        ret->has_cpu = kernel_stat_read(look->root, &ret->cpu, &err) == 0;
        ret->has_vmstat = vmstat_read(look->root, &ret->vmstat, &err) == 0;
        sample_tcp(look, ret);
        sample_disks(look, ret);
}
