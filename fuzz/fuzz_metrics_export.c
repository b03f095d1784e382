/* Exporters with names of containers, labels and devices of any bytes: every line of InfluxDB's protocol has three
 * parts and ends in a time, every StatsD line is one figure, a sample is one line of text or JSON; and the first bytes
 * of an HTTP answer. */
#include "modules/metrics/export/influx.h"
#include "modules/metrics/export/json.h"
#include "modules/metrics/export/sender.h"
#include "modules/metrics/export/statsd.h"
#include "schema/json.h"

enum { TEXT = 1 << 20, WORD_MAX = 64, WORDS = 8 };

struct input {
        const uint8_t *p;
        size_t n;
};

static const char *word(struct input *input, char ret[WORD_MAX])
{
        size_t length = 0;
        while (input->n > 0 && length < WORD_MAX - 1) {
                char c = (char)*input->p++;
                input->n--;
                if (c == '\0')
                        break;
                ret[length++] = c;
        }
        ret[length] = '\0';
        return ret;
}

/* Bytes that no backslash stands before. */
static size_t count_bare(struct sv text, char c)
{
        size_t count = 0;
        for (size_t i = 0; i < text.n; i++)
                count += text.p[i] == c && (i == 0 || text.p[i - 1] != '\\');
        return count;
}

static void check_influx(struct sv line)
{
        if (count_bare(line, ' ') != 2 || line.p[0] == ',' || !memmem(line.p, line.n, " value=", 7))
                abort();
        size_t tags = count_bare(line, ','), equals = count_bare(line, '=');
        if (equals != tags + 1) /* one a tag, and the field's */
                abort();
}

static void check_statsd(struct sv line)
{
        if (line.n > STATSD_PACKET_MAX || !sv_ends(line, SV("|g")) || count_bare(line, ':') + count_bare(line, '|') > 2)
                abort();
}

static void lines(const struct buf *out, void (*check)(struct sv line))
{
        struct sv rest = sv_n(buf_text(out), out->len), line;
        if (out->len > 0 && out->data[out->len - 1] != '\n')
                abort();
        while (sv_line(&rest, &line)) {
                if (line.n == 0)
                        abort();
                check(line);
        }
}

static size_t seen;

static void count_line(struct sv line)
{
        (void)line;
        seen++;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct input input = { data, size };
        int status = sender_status(sv_n((const char *)data, size));
        if (status != 0 && status != -1 && (status < 100 || status > 599))
                abort();
        char words[WORDS][WORD_MAX];
        for (int i = 0; i < WORDS; i++)
                word(&input, words[i]);
        const char *aliases[] = { words[1] };
        struct container_pair labels[] = { { words[2], words[3] }, { words[4], words[5] } };
        const struct container_ref ref = { .name = words[0], .aliases = aliases, .alias_count = words[1][0] != '\0' };
        const struct container_spec spec = { .labels = labels, .label_count = size % 3, .image = words[6] };
        struct filesystem_stats filesystem = { .device = words[7], .capacity = size, .usage = UINT64_MAX };
        struct net_interface_stats interface = { .name = words[6], .rx_bytes = UINT64_MAX };
        struct container_stats stats = { .time_ns = (int64_t)size,
                .has_net = true,
                .has_filesystems = true,
                .filesystems = &filesystem,
                .filesystem_count = 1 };
        stats.net.interfaces = &interface;
        stats.net.interface_count = 1;
        stats.cgroup.has_cpu = stats.cgroup.has_memory = true;
        struct buf out;
        buf_init(&out, TEXT);
        influx_render(words[6], &ref, &spec, &stats, &out);
        lines(&out, check_influx);
        buf_clear(&out);
        statsd_render(words[6], &ref, &stats, &out);
        lines(&out, check_statsd);
        buf_clear(&out);
        stdout_render(words[6], &ref, &stats, 1, &out);
        seen = 0;
        lines(&out, count_line);
        if (seen != 1)
                abort();
        buf_clear(&out);
        json_render(words[6], &ref, &spec, &stats, &out);
        seen = 0;
        lines(&out, count_line);
        json_t *json = json_loadb(buf_text(&out), out.len, JSON_DECODE_INT_AS_REAL, NULL);
        if (seen != 1 || !json)
                abort();
        json_decref(json);
        buf_clear(&out);
        influx_target(words[0], words[1], size % 2 ? words[2] : NULL, &out);
        if (out.len == 0 || memchr(buf_text(&out), ' ', out.len) || memchr(buf_text(&out), '\n', out.len))
                abort();
        buf_done(&out);
        return 0;
}
