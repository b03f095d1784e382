/* Exporters: the lines that they render, and that the sender delivers them over loopback, tries again, gives up, and
 * counts what is lost. */
#include "base/cleanup.h"
#include "base/timefmt.h"
#include "loop/stream.h"
#include "modules/metrics/export/address.h"
#include "modules/metrics/export/influx.h"
#include "modules/metrics/export/json.h"
#include "modules/metrics/export/sender.h"
#include "modules/metrics/export/statsd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netdb.h>
#include <netinet/in.h>

enum { TEXT_MAX = 1 << 20 };
#define BUF cleanup(buf_done) struct buf

static const char *const aliases[] = { "web server" };
static const struct container_ref ref = { .name = "/docker/4a5b", .aliases = aliases, .alias_count = 1 };
static const struct container_ref plain_ref = { .name = "/" };
static uint64_t per_cpu[] = { 11, 22 };
static struct net_interface_stats interfaces[] = { { "eth0", 1, 2, 3, 4, 5, 6, 7, 8 }, { "eth1", 100 } };
static struct filesystem_stats filesystems[] = { { .device = "/dev/sda1", .capacity = 100, .usage = 40 },
        { .device = "/dev/sdb1", .capacity = 50, .usage = 2 } };
static struct cgroup_huge huge[] = { { "2MB", 9, 10, 1 } };

static struct container_stats sample(void)
{
        struct container_stats stats = { .time_ns = 1395066363 * SECOND + 5,
                .load_average = 77,
                .has_net = true,
                .has_filesystems = true,
                .filesystems = filesystems,
                .filesystem_count = 2 };
        stats.cgroup.has_cpu = stats.cgroup.has_memory = true;
        stats.cgroup.cpu = (struct cgroup_cpu){
                .total_ns = 33, .user_ns = 20, .system_ns = 13, .per_cpu_ns = per_cpu, .per_cpu_count = 2
        };
        stats.cgroup.memory = (struct cgroup_memory){ .usage = 1000,
                .max_usage = UINT64_MAX,
                .cache = 3,
                .rss = 4,
                .swap = 5,
                .mapped_file = 6,
                .working_set = 900,
                .failcnt = 7,
                .pgfault = 71,
                .pgmajfault = 72,
                .hierarchical_pgfault = 73,
                .hierarchical_pgmajfault = 74 };
        stats.cgroup.huge = huge;
        stats.cgroup.huge_count = 1;
        stats.net.interfaces = interfaces;
        stats.net.interface_count = 2;
        return stats;
}

static void test_influx(void **state)
{
        (void)state;
        static struct container_pair labels[] = { { "a,b", "c=d e" }, { "empty", "" }, { "line", "one\ntwo" },
                { "tail", "back\\" } };
        const struct container_spec spec = { .labels = labels, .label_count = 4 };
        const struct container_stats stats = sample();
        BUF out = { .max = TEXT_MAX };
        influx_render("host 1", &ref, &spec, &stats, &out);
#define TAGS "container_name=web\\ server,machine=host\\ 1,a\\,b=c\\=d\\ e,line=one\\ two,tail=back_ value="
#define TIME " 1395066363000000005\n"
        assert_string_equal(buf_text(&out),
                "cpu_usage_total," TAGS "33i" TIME "cpu_usage_system," TAGS "13i" TIME "cpu_usage_user," TAGS "20i" TIME
                "cpu_usage_per_cpu,instance=0," TAGS "11i" TIME "cpu_usage_per_cpu,instance=1," TAGS "22i" TIME
                "load_average," TAGS "77i" TIME "rx_bytes," TAGS "1i" TIME "rx_errors," TAGS "3i" TIME "tx_bytes," TAGS
                "5i" TIME "tx_errors," TAGS "7i" TIME "memory_usage," TAGS "1000i" TIME "memory_max_usage," TAGS
                "9223372036854775807i" TIME "memory_cache," TAGS "3i" TIME "memory_rss," TAGS "4i" TIME
                "memory_swap," TAGS "5i" TIME "memory_mapped_file," TAGS "6i" TIME "memory_working_set," TAGS
                "900i" TIME "memory_failcnt," TAGS "7i" TIME "memory_failure,failure_type=pgfault,scope=container," TAGS
                "71i" TIME "memory_failure,failure_type=pgmajfault,scope=container," TAGS "72i" TIME
                "memory_failure,failure_type=pgfault,scope=hierarchical," TAGS "73i" TIME
                "memory_failure,failure_type=pgmajfault,scope=hierarchical," TAGS "74i" TIME
                "hugetlb_usage,page_size=2MB," TAGS "9i" TIME "hugetlb_max_usage,page_size=2MB," TAGS "10i" TIME
                "hugetlb_failcnt,page_size=2MB," TAGS "1i" TIME "fs_usage,device=/dev/sda1,type=usage," TAGS "40i" TIME
                "fs_limit,device=/dev/sda1,type=limit," TAGS "100i" TIME "fs_usage,device=/dev/sdb1,type=usage," TAGS
                "2i" TIME "fs_limit,device=/dev/sdb1,type=limit," TAGS "50i" TIME);
        static struct container_pair own[] = { { "machine", "told" } };
        const struct container_spec other = { .labels = own, .label_count = 1 };
        const struct container_stats none = { .time_ns = 1, .cgroup.has_cpu = true };
        buf_clear(&out);
        influx_render("host", &plain_ref, &other, &none, &out);
        assert_non_null(strstr(buf_text(&out), "cpu_usage_total,container_name=/,machine=told value=0i 1\n"));
        assert_null(strstr(buf_text(&out), "memory")); /* not told */
}

static void test_influx_target(void **state)
{
        (void)state;
        BUF out = { .max = TEXT_MAX };
        influx_target("my db", NULL, NULL, &out);
        assert_string_equal(buf_text(&out), "/write?db=my%20db");
        buf_clear(&out);
        influx_target("cadvisor", "a&b", NULL, &out);
        assert_string_equal(buf_text(&out), "/write?db=cadvisor&rp=a%26b");
        buf_clear(&out);
        influx_target("bucket/1", NULL, "my-org", &out);
        assert_string_equal(buf_text(&out), "/api/v2/write?org=my-org&bucket=bucket%2F1&precision=ns");
}

static void test_statsd(void **state)
{
        (void)state;
        const struct container_stats stats = sample();
        BUF out = { .max = TEXT_MAX };
        assert_int_equal(statsd_render("cadvisor", &ref, &stats, &out), 0);
#define S "cadvisor.web_server."
        assert_string_equal(buf_text(&out),
                S "cpu_cumulative_usage:33|g\n" S "cpu_usage_system:13|g\n" S "cpu_usage_user:20|g\n" S
                  "cpu_load_average:77|g\n" S "rx_bytes:1|g\n" S "rx_errors:3|g\n" S "tx_bytes:5|g\n" S
                  "tx_errors:7|g\n" S "memory_usage:1000|g\n" S "memory_rss:4|g\n" S "memory_mapped_file:6|g\n" S
                  "memory_working_set:900|g\n" S "/dev/sda1.fs_usage:40|g\n" S "/dev/sda1.fs_limit:100|g\n" S
                  "/dev/sdb1.fs_usage:2|g\n" S "/dev/sdb1.fs_limit:50|g\n" S "fs_summary.fs_limit:150|g\n" S
                  "fs_summary.fs_usage:42|g\n");
        static char name[2000];
        memset(name, 'n', sizeof(name) - 1);
        const struct container_ref longest = { .name = name };
        buf_clear(&out);
        assert_int_equal(statsd_render("cadvisor", &longest, &stats, &out), 18);
        assert_int_equal(out.len, 0);
        const struct container_ref hostile = { .name = "a:1|c\nb@" };
        buf_clear(&out);
        statsd_render("x", &hostile, &stats, &out);
        assert_non_null(strstr(buf_text(&out), "x.a_1_c_b_.rx_bytes:1|g\n"));
}

static void test_stdout(void **state)
{
        (void)state;
        const struct container_stats stats = sample();
        BUF out = { .max = TEXT_MAX };
        stdout_render("localhost:8086", &ref, &stats, 99, &out);
        assert_string_equal(buf_text(&out),
                "cName=web_server host=localhost:8086 timestamp=99 cpu_cumulative_usage=33 cpu_usage_total=33 "
                "cpu_usage_system=13 cpu_usage_user=20 cpu_usage_per_cpu.0=11 cpu_usage_per_cpu.1=22 load_average=77 "
                "rx_bytes=1 rx_errors=3 tx_bytes=5 tx_errors=7 memory_usage=1000 "
                "memory_max_usage=18446744073709551615 memory_cache=3 memory_rss=4 memory_swap=5 memory_mapped_file=6 "
                "memory_working_set=900 memory_failcnt=7 memory_failure.container.pgfault=71 "
                "memory_failure.container.pgmajfault=72 memory_failure.hierarchical.pgfault=73 "
                "memory_failure.hierarchical.pgmajfault=74 hugetlb_usage.2MB=9 hugetlb_max_usage.2MB=10 "
                "hugetlb_failcnt.2MB=1 /dev/sda1.fs_usage=40 /dev/sda1.fs_limit=100 /dev/sdb1.fs_usage=2 "
                "/dev/sdb1.fs_limit=50 fs_summary.fs_limit=150 fs_summary.fs_usage=42\n");
}

static void test_json(void **state)
{
        (void)state;
        static struct container_pair labels[] = { { "k\"", "v\n" } };
        const struct container_spec spec = { .labels = labels, .label_count = 1, .image = "nginx" };
        const struct container_stats stats = { .time_ns = 1395066363 * SECOND, .cgroup.has_cpu = true };
        BUF out = { .max = TEXT_MAX };
        json_render("host", &ref, &spec, &stats, &out);
        assert_string_equal(buf_text(&out),
                "{\"time\":\"2014-03-17T14:26:03Z\",\"machine\":\"host\",\"container\":\"/docker/4a5b\","
                "\"name\":\"web server\",\"namespace\":\"\",\"image\":\"nginx\",\"labels\":{\"k\\\"\":\"v\\n\"},"
                "\"figures\":{\"cpu_usage_total\":0,\"cpu_usage_system\":0,\"cpu_usage_user\":0,\"load_average\":0}}"
                "\n");
}

static void test_status(void **state)
{
        (void)state;
        assert_int_equal(sender_status(SV("")), 0);
        assert_int_equal(sender_status(SV("HTT")), 0);
        assert_int_equal(sender_status(SV("HTTP/1.1 20")), 0);
        assert_int_equal(sender_status(SV("HTTP/1.1 204\r")), 204);
        assert_int_equal(sender_status(SV("HTTP/1.0 503 Service Unavailable\r\n")), 503);
        assert_int_equal(sender_status(SV("HTTP/2 200 OK\r\n")), -1);
        assert_int_equal(sender_status(SV("HTTP/1.1 2x4 ")), -1);
        assert_int_equal(sender_status(SV("HTTP/1.1 999 ")), -1);
        assert_int_equal(sender_status(SV("HTTP/1.1 2045")), -1);
        assert_int_equal(sender_status(SV("SSH-2.0")), -1);
}

/* ---- the sender, against a peer in the same loop ---- */

struct peer {
        struct loop *loop;
        int listener;
        loop_id id;
        const char *const *answers; /* one a connection; "" closes without one; NULL: no answer at all */
        size_t connections;
        struct buf seen;
};

static void peer_read(struct stream *stream, struct buf *input, void *cookie)
{
        struct peer *peer = cookie;
        char *end = strstr(buf_text(input), "\r\n\r\n"), *length = strstr(buf_text(input), "Content-Length: ");
        if (!end || !length)
                return;
        size_t body = strtoul(length + strlen("Content-Length: "), NULL, 10);
        if (input->len < (size_t)(end + 4 - input->data) + body)
                return;
        buf_append(&peer->seen, input->data, input->len);
        buf_consume(input, input->len);
        const char *answer = peer->answers[peer->connections - 1];
        if (answer)
                stream_write(stream, answer, strlen(answer), NULL);
        if (answer)
                stream_finish(stream);
}

static const struct stream_callbacks peer_callbacks = { .on_read = peer_read };

static void peer_accept(struct loop *loop, loop_id id, uint32_t events, void *cookie)
{
        struct peer *peer = cookie;
        (void)id;
        (void)events;
        int fd = accept4(peer->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0)
                return;
        peer->connections++;
        const struct stream_options options = { .callbacks = &peer_callbacks, .cookie = peer, .read_max = TEXT_MAX };
        assert_non_null(stream_new(loop, fd, &options, NULL));
}

static int bound(int type, struct sockaddr_in *ret)
{
        socklen_t size = sizeof(*ret);
        int fd = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        assert_true(fd >= 0);
        *ret = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        assert_int_equal(bind(fd, (struct sockaddr *)ret, sizeof(*ret)), 0);
        assert_int_equal(getsockname(fd, (struct sockaddr *)ret, &size), 0);
        return fd;
}

static void peer_start(struct peer *peer, const char *const *answers, struct sockaddr_in *ret)
{
        *peer = (struct peer){ .answers = answers };
        buf_init(&peer->seen, TEXT_MAX);
        peer->loop = loop_new(NULL, NULL);
        assert_non_null(peer->loop);
        peer->listener = bound(SOCK_STREAM, ret);
        assert_int_equal(listen(peer->listener, 16), 0);
        assert_int_equal(
                loop_add_fd(peer->loop, peer->listener, LOOP_READ, LOOP_LEVEL, peer_accept, peer, &peer->id, NULL), 0);
}

static void peer_stop(struct peer *peer)
{
        loop_remove(peer->loop, peer->id);
        close(peer->listener);
        loop_free(peer->loop);
        buf_done(&peer->seen);
}

/* Runs the loop until the sender has nothing to wait for, or as many requests were lost or delivered as expected. */
static void settle(struct peer *peer, const struct sender *sender, uint64_t finished, struct sender_counters *ret)
{
        for (int i = 0; i < 2000; i++) {
                sender_count(sender, ret);
                if (ret->batches + ret->lost_batches >= finished)
                        return;
                assert_true(loop_run_once(peer->loop, 100 * MILLISECOND, NULL) >= 0);
        }
        fail_msg("nothing was delivered: %s", ret->last_error);
}

static struct sender *sender_to(struct peer *peer, const struct sockaddr_in *address, int64_t timeout_ns)
{
        const struct sender_options options = { .address = (const struct sockaddr *)address,
                .address_size = sizeof(*address),
                .target = "/write?db=cadvisor",
                .host = "influx:8086",
                .authorization = "Token abc",
                .timeout_ns = timeout_ns,
                .pause_ns = MILLISECOND,
                .queue_max = 100 };
        struct sender *sender = sender_new(peer->loop, &options, NULL);
        assert_non_null(sender);
        return sender;
}

static void test_sender_delivers(void **state)
{
        (void)state;
        static const char *const answers[] = { "HTTP/1.1 204 No Content\r\n\r\n", "HTTP/1.1 204 No Content\r\n\r\n" };
        struct peer peer;
        struct sockaddr_in address;
        struct sender_counters counters;
        peer_start(&peer, answers, &address);
        struct sender *sender = sender_to(&peer, &address, 0);
        assert_int_equal(sender_put(sender, SV("a value=1i 1\n"), NULL), 0);
        assert_int_equal(sender_put(sender, SV("b value=2i 2\n"), NULL), 0);
        settle(&peer, sender, 2, &counters);
        assert_int_equal(counters.batches, 2);
        assert_int_equal(counters.bytes, 26);
        assert_int_equal(counters.lost_batches, 0);
        assert_int_equal(counters.waiting, 0);
        assert_int_equal(counters.last_status, 204);
        assert_string_equal(counters.last_error, "");
        assert_int_equal(peer.connections, 2);
        const char *first = "POST /write?db=cadvisor HTTP/1.1\r\nHost: influx:8086\r\n";
        assert_memory_equal(buf_text(&peer.seen), first, strlen(first));
        assert_non_null(strstr(buf_text(&peer.seen), "\r\nAuthorization: Token abc\r\n\r\na value=1i 1\n"));
        sender_free(sender);
        peer_stop(&peer);
}

static void test_sender_tries_again(void **state)
{
        (void)state;
        static const char *const answers[] = { "HTTP/1.1 503 Busy\r\n\r\n", "", "HTTP/1.1 429 Slow\r\n\r\n",
                "SSH-2.0-OpenSSH\r\n", "HTTP/1.1 204 No Content\r\n\r\n" };
        struct peer peer;
        struct sockaddr_in address;
        struct sender_counters counters;
        peer_start(&peer, answers, &address);
        struct sender *sender = sender_to(&peer, &address, 0);
        assert_int_equal(sender_put(sender, SV("a value=1i 1\n"), NULL), 0);
        settle(&peer, sender, 1, &counters);
        assert_int_equal(counters.batches, 1);
        assert_int_equal(counters.retries, 4);
        assert_int_equal(peer.connections, 5);
        sender_free(sender);
        peer_stop(&peer);
}

static void test_sender_gives_up(void **state)
{
        (void)state;
        static const char *const answers[] = { "HTTP/1.1 400 Bad Request\r\n\r\n", "HTTP/1.1 204 No Content\r\n\r\n" };
        struct peer peer;
        struct sockaddr_in address;
        struct sender_counters counters;
        peer_start(&peer, answers, &address);
        struct sender *sender = sender_to(&peer, &address, 0);
        assert_int_equal(sender_put(sender, SV("wrong\n"), NULL), 0);
        settle(&peer, sender, 1, &counters);
        assert_int_equal(counters.lost_batches, 1);
        assert_int_equal(counters.lost_bytes, 6);
        assert_string_equal(counters.last_error, "the server answered with status 400");
        assert_int_equal(sender_put(sender, SV("right value=1i\n"), NULL), 0); /* the next is not held up */
        settle(&peer, sender, 2, &counters);
        assert_int_equal(counters.batches, 1);
        sender_free(sender);
        peer_stop(&peer);
}

static void test_sender_silence(void **state)
{
        (void)state;
        static const char *const answers[] = { NULL, "HTTP/1.1 204 No Content\r\n\r\n" };
        struct peer peer;
        struct sockaddr_in address;
        struct sender_counters counters;
        peer_start(&peer, answers, &address);
        struct sender *sender = sender_to(&peer, &address, 5 * MILLISECOND);
        assert_int_equal(sender_put(sender, SV("a value=1i 1\n"), NULL), 0);
        settle(&peer, sender, 1, &counters);
        assert_int_equal(counters.batches, 1);
        assert_true(counters.retries >= 1);
        sender_free(sender);
        peer_stop(&peer);
}

static void test_sender_queue(void **state)
{
        (void)state;
        struct peer peer;
        struct sockaddr_in address;
        struct sender_counters counters;
        peer_start(&peer, NULL, &address);
        struct sender *sender = sender_to(&peer, &address, 0); /* nothing runs: all waits */
        char lines[60];
        memset(lines, 'x', sizeof(lines));
        assert_int_equal(sender_put(sender, sv_n(lines, 60), NULL), 0);
        assert_int_equal(sender_put(sender, sv_n(lines, 40), NULL), 0);
        assert_int_equal(sender_put(sender, sv_n(lines, 30), NULL), 0); /* the oldest goes */
        sender_count(sender, &counters);
        assert_int_equal(counters.waiting, 2);
        assert_int_equal(counters.waiting_bytes, 70);
        assert_int_equal(counters.lost_batches, 1);
        assert_int_equal(counters.lost_bytes, 60);
        static char large[200];
        struct error err;
        assert_int_equal(sender_put(sender, sv_n(large, sizeof(large)), &err), -1);
        assert_int_equal(err.code, E_TOO_LARGE);
        sender_free(sender);
        peer_stop(&peer);
}

static void test_sender_nobody(void **state)
{
        (void)state;
        struct peer peer;
        struct sockaddr_in address;
        struct sender_counters counters;
        peer_start(&peer, NULL, &address);
        loop_remove(peer.loop, peer.id);
        close(peer.listener);
        peer.listener = bound(SOCK_STREAM, &address); /* bound, not listening: refused */
        struct sender *sender = sender_to(&peer, &address, 0);
        assert_int_equal(sender_put(sender, SV("a value=1i 1\n"), NULL), 0);
        for (int i = 0; i < 100; i++) {
                assert_true(loop_run_once(peer.loop, 20 * MILLISECOND, NULL) >= 0);
                sender_count(sender, &counters);
                if (counters.retries >= 3)
                        break;
        }
        assert_true(counters.retries >= 3);
        assert_int_equal(counters.waiting, 1);
        assert_string_not_equal(counters.last_error, "");
        sender_free(sender);
        peer_stop(&peer);
}

static void test_sender_options(void **state)
{
        (void)state;
        struct sockaddr_in address = { .sin_family = AF_INET };
        struct sender_options options = {
                .address = (struct sockaddr *)&address, .address_size = sizeof(address), .target = "/write?db=a\r\nX: y"
        };
        struct error err;
        assert_null(sender_new(NULL, &options, &err));
        assert_int_equal(err.code, E_INVALID);
        options.target = "/write";
        options.authorization = "Token a\nb";
        assert_null(sender_new(NULL, &options, &err));
        options.authorization = NULL;
        options.address_size = 0;
        assert_null(sender_new(NULL, &options, &err));
}

static void test_datagrams(void **state)
{
        (void)state;
        struct sockaddr_in address;
        struct sender_counters counters;
        int server = bound(SOCK_DGRAM, &address);
        const struct sender_options options = { .address = (struct sockaddr *)&address,
                .address_size = sizeof(address) };
        struct sender *sender = sender_new(NULL, &options, NULL);
        assert_non_null(sender);
        BUF lines = { .max = TEXT_MAX };
        for (int i = 0; i < 200; i++)
                buf_printf(&lines, "cadvisor.container.figure%03d:%d|g\n", i, i);
        static char longest[2 * STATSD_PACKET_MAX];
        memset(longest, 'l', sizeof(longest) - 1);
        buf_printf(&lines, "%s\nlast:1|g\n", longest);
        assert_int_equal(sender_put(sender, sv_n(buf_text(&lines), lines.len), NULL), 0);
        char packet[65536];
        size_t packets = 0, seen = 0;
        bool last = false;
        for (ssize_t size; (size = recv(server, packet, sizeof(packet), MSG_DONTWAIT)) >= 0; packets++) {
                assert_true(size > 0 && size <= STATSD_PACKET_MAX);
                struct sv rest = sv_n(packet, (size_t)size), line;
                assert_int_not_equal(packet[size - 1], '\n');
                while (sv_line(&rest, &line)) {
                        seen += sv_starts(line, SV("cadvisor.container.figure"));
                        last |= sv_eq(line, SV("last:1|g"));
                }
        }
        assert_int_equal(seen, 200);
        assert_true(last);
        sender_count(sender, &counters);
        assert_int_equal(counters.batches, packets);
        assert_int_equal(counters.lost_batches, 1); /* the line that no packet takes */
        close(server);
        for (int i = 0; i < 3; i++) /* nobody listens any more: told by the kernel with the next one */
                assert_int_equal(sender_put(sender, SV("a:1|g\n"), NULL), 0);
        sender_count(sender, &counters);
        assert_true(counters.lost_batches > 1);
        sender_free(sender);
}

static void test_address(void **state)
{
        static const char hosts[] =
                "127.0.0.1\tlocalhost\n# 10.0.0.9 influx\nnonsense other\n10.0.0.1  db influx.lan Influx # main\n"
                "10.0.0.2 influx\nfd00::7 six";
        static const struct {
                const char *text, *address; /* NULL: refused */
                uint16_t port;
                bool named;
        } cases[] = { { "10.1.2.3:8086", "10.1.2.3", 8086, false }, { "[fd00::1]:8125", "fd00::1", 8125, false },
                { "influx:1", "10.0.0.1", 1, true }, { "INFLUX.LAN:65535", "10.0.0.1", 65535, true },
                { "six:9", "fd00::7", 9, true }, { "localhost:80", "127.0.0.1", 80, true },
                { "other:1", NULL, 0, false }, { "main:1", NULL, 0, false }, { "influx.example:1", NULL, 0, false },
                { "10.1.2.3", NULL, 0, false }, { "10.1.2.3:", NULL, 0, false }, { "10.1.2.3:0", NULL, 0, false },
                { "10.1.2.3:65536", NULL, 0, false }, { ":8086", NULL, 0, false }, { "fd00::1:8086", NULL, 0, false },
                { "", NULL, 0, false } };
        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct sockaddr_storage address;
                socklen_t size;
                bool named = false;
                struct error err;
                int status = address_resolve(cases[i].text, SV(hosts), &address, &size, &named, &err);
                if ((status == 0) != (cases[i].address != NULL))
                        fail_msg("%s: %d", cases[i].text, status);
                if (status < 0)
                        continue;
                char host[NI_MAXHOST], port[NI_MAXSERV];
                assert_int_equal(getnameinfo((struct sockaddr *)&address, size, host, sizeof(host), port, sizeof(port),
                                         NI_NUMERICHOST | NI_NUMERICSERV),
                        0);
                assert_string_equal(host, cases[i].address);
                assert_int_equal(strtol(port, NULL, 10), cases[i].port);
                assert_int_equal(named, cases[i].named);
        }
        struct sockaddr_storage address;
        socklen_t size;
        bool named;
        assert_int_equal(
                address_resolve("localhost:1", SV(""), &address, &size, &named, NULL), 0); /* without the file */
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(test_influx), cmocka_unit_test(test_influx_target),
                cmocka_unit_test(test_statsd), cmocka_unit_test(test_stdout), cmocka_unit_test(test_json),
                cmocka_unit_test(test_status), cmocka_unit_test(test_sender_delivers),
                cmocka_unit_test(test_sender_tries_again), cmocka_unit_test(test_sender_gives_up),
                cmocka_unit_test(test_sender_silence), cmocka_unit_test(test_sender_queue),
                cmocka_unit_test(test_sender_nobody), cmocka_unit_test(test_sender_options),
                cmocka_unit_test(test_datagrams), cmocka_unit_test(test_address) };
        return cmocka_run_group_tests_name("metrics_export", tests, NULL, NULL);
}
