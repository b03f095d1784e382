/* Audit records that are events of their own, and the decoder: gaps, clocks, bounds; nothing is ever lost. */
#include "audit_fixture.h"

/* --- records of their own -------------------------------------------------------------------------------------------
 */

static void test_user(void **state)
{
        const struct observation *o = only(*state,
                "type=USER_LOGIN msg=audit(1700000000.123:10): pid=1298 uid=0 auid=1000 ses=1 subj=x msg='op=login "
                "id=1000 pid=1 uid=99 exe=\"/usr/sbin/sshd\" hostname=h.example addr=192.0.2.7 terminal=/dev/pts/0 "
                "res=success'\x1dUID=\"root\" AUID=\"u\"\n");
        assert_int_equal(o->type, OBSERVED_USER);
        assert_text(o->operation, "USER_LOGIN");
        assert_text(o->object, "login");
        assert_int_equal(o->pid, 1298); /* not what stands in the program's own message */
        assert_int_equal(o->uid, 0);
        assert_int_equal(o->auid, 1000);
        assert_int_equal(o->session, 1);
        assert_int_equal(o->has, HAS_SESSION | HAS_RESULT);
        assert_text(o->account, "1000");
        assert_text(o->exe, "/usr/sbin/sshd");
        assert_text(o->hostname, "h.example");
        assert_text(o->address, "192.0.2.7");
        assert_text(o->terminal, "/dev/pts/0");
        assert_true(o->success);
        assert_true(o->detail.n > 0);
        o = only(*state,
                "type=USER_LOGIN msg=audit(1700000001.123:11): pid=1 uid=0 auid=4294967295 ses=4294967295 "
                "msg='op=login "
                "acct=28696E76616C6964207573657229 exe=\"/usr/sbin/sshd\" hostname=? addr=192.0.2.7 terminal=sshd "
                "res=failed'\n");
        assert_text(o->account, "(invalid user)");
        assert_text(o->hostname, "");
        assert_false(o->success);
        o = only(*state,
                "type=USER_CMD msg=audit(1700000002.123:12): pid=1 uid=1000 auid=1000 ses=1 msg='cwd=\"/home/u\" "
                "cmd=617074206F6E65 exe=\"/usr/bin/sudo\" terminal=pts/0 res=success'\n");
        assert_text(o->object, "apt one");
        assert_text(o->cwd, "/home/u");
        o = only(*state, "type=SERVICE_START msg=audit(1700000003.123:13): pid=1 uid=0 auid=4294967295 ses=4294967295 "
                         "msg='unit=cron comm=\"systemd\" exe=\"/lib/systemd/systemd\" hostname=? addr=? terminal=? "
                         "res=success'\n");
        assert_text(o->operation, "SERVICE_START");
        assert_text(o->object, "cron");
}

/* LOGIN, alone and with the system call that set the login uid; the old form too. */
static void test_login(void **state)
{
        const struct observation *o = only(*state, "type=LOGIN msg=audit(1700000000.123:10): pid=1298 uid=0 subj=x "
                                                   "old-auid=4294967295 auid=1000 tty=(none) "
                                                   "old-ses=4294967295 ses=3 res=1\n" CALL("1700000000.123:10", "1",
                                                           "yes", "4", ARGS) EOE("1700000000.123:10"));
        assert_int_equal(o->type, OBSERVED_USER);
        assert_text(o->operation, "LOGIN");
        assert_int_equal(o->pid, 401);
        assert_int_equal(o->auid, 1000);
        assert_int_equal(o->session, 3);
        assert_true(o->success);
        o = only(*state,
                "type=LOGIN msg=audit(1700000001.123:11): login pid=13015 uid=0 old auid=4294967295 new auid=7\n");
        assert_int_equal(o->pid, 13015);
        assert_int_equal(o->auid, 7);
}

static void test_anomaly(void **state)
{
        const struct observation *o = only(*state, "type=ANOM_ABEND msg=audit(1700000000.123:10): auid=1000 uid=0 "
                                                   "gid=0 ses=3 subj=x pid=77 comm=\"crash\" "
                                                   "exe=\"/tmp/crash\" sig=11 res=1\n");
        assert_int_equal(o->type, OBSERVED_ANOMALY);
        assert_text(o->operation, "ANOM_ABEND");
        assert_int_equal(o->pid, 77);
        assert_int_equal(o->exit_signal, 11);
        assert_text(o->exe, "/tmp/crash");
        o = only(*state,
                "type=ANOM_PROMISCUOUS msg=audit(1700000001.123:11): dev=eth0 prom=256 old_prom=0 auid=0 uid=0 gid=0 "
                "ses=3\n" CALL("1700000001.123:11", "54", "yes", "0", ARGS) EOE("1700000001.123:11"));
        assert_int_equal(o->type, OBSERVED_ANOMALY);
        assert_text(o->object, "eth0");
        assert_int_equal(o->pid, 401);
        assert_text(o->syscall, "setsockopt");
        o = only(*state,
                "type=SECCOMP msg=audit(1700000002.123:12): auid=1000 uid=1000 gid=1000 ses=3 pid=88 comm=\"x\" "
                "exe=\"/usr/bin/x\" sig=31 arch=c000003e syscall=41 compat=0 ip=0x7f code=0x80000000\n");
        assert_text(o->operation, "SECCOMP");
        assert_text(o->syscall, "socket");
        assert_int_equal(o->exit_signal, 31);
        assert_int_equal(o->flags, 0x80000000);
}

static void test_security_modules(void **state)
{
        struct fixture *fixture = *state;
        const struct observation *o = only(fixture,
                "type=AVC msg=audit(1700000000.123:10): avc:  denied  { read write } for  pid=77 comm=\"pickup\" "
                "name=\"maildrop\" dev=hda7 ino=14911367 scontext=a tcontext=b tclass=dir\n");
        assert_int_equal(o->type, OBSERVED_ANOMALY);
        assert_text(o->operation, "AVC");
        assert_text(o->object, "read write");
        assert_int_equal(o->pid, 77);
        o = only(fixture, "type=AVC msg=audit(1700000001.123:11): apparmor=\"DENIED\" operation=\"open\" profile=\"p\" "
                          "name=\"/etc/shadow\" pid=77 comm=\"x\" requested_mask=\"r\" denied_mask=\"r\"\n");
        assert_int_equal(o->type, OBSERVED_ANOMALY);
        assert_text(o->object, "open");
        assert_text(o->path, "/etc/shadow");
        o = only(fixture, "type=AVC msg=audit(1700000002.123:12): apparmor=\"STATUS\" operation=\"profile_load\" "
                          "profile=\"unconfined\" name=\"p\" pid=77 comm=\"apparmor_parser\"\n");
        assert_int_equal(o->type, OBSERVED_CONFIG);
        assert_text(o->object, "profile_load");
        /* allowed: a system call like others */
        o = only(fixture,
                "type=AVC msg=audit(1700000003.123:13): apparmor=\"ALLOWED\" operation=\"open\" name=\"/x\" pid=77\n");
        assert_int_equal(o->type, OBSERVED_SYSCALL);
        assert_text(o->operation, "AVC");
        /* permissive: the denial, and the exec that happened all the same */
        fixture->count = 0;
        feed(fixture,
                "type=AVC msg=audit(1700000004.123:14): avc:  denied  { execute } for  pid=401 comm=\"bash\" "
                "path=\"/tmp/x\"\n" CALL("1700000004.123:14", "59", "yes", "0",
                        ARGS) "type=EXECVE msg=audit(1700000004.123:14): argc=1 a0=\"x\"\n" EOE("1700000004.123:14"));
        assert_int_equal(fixture->count, 2);
        assert_int_equal(fixture->observed[0].type, OBSERVED_ANOMALY);
        assert_text(fixture->observed[0].path, "/tmp/x");
        assert_int_equal(fixture->observed[1].type, OBSERVED_EXEC);
}

static void test_config(void **state)
{
        const struct observation *o = only(*state,
                "type=CONFIG_CHANGE msg=audit(1700000000.123:10): auid=1000 ses=3 subj=x op=add_rule key=\"k\" list=4 "
                "res=1\n" CALL("1700000000.123:10", "44", "yes", "1072", ARGS) EOE("1700000000.123:10"));
        assert_int_equal(o->type, OBSERVED_CONFIG);
        assert_text(o->operation, "CONFIG_CHANGE");
        assert_text(o->object, "add_rule");
        assert_text(o->key, "k");
        assert_true(o->success);
        assert_int_equal(o->pid, 401);
        o = only(*state,
                "type=CONFIG_CHANGE msg=audit(1700000001.123:11): audit_enabled=0 old=1 auid=0 ses=3 subj=x res=1\n");
        assert_text(o->object, "audit_enabled=0");
        o = only(*state, "type=DAEMON_START msg=audit(1700000002.123:7798): op=start ver=3.0.9 format=enriched "
                         "kernel=6.1 auid=0 "
                         "pid=251 uid=0 ses=3 subj=x res=success\n");
        assert_int_equal(o->type, OBSERVED_CONFIG);
        assert_text(o->operation, "DAEMON_START");
        assert_int_equal(o->pid, 251);
}

static void test_other_system_calls(void **state)
{
        const struct observation *o = only(*state,
                CALL("1700000000.123:10", "42", "no", "-115",
                        "a0=6 a1=7f a2=10 a3=fe") "type=SOCKADDR msg=audit(1700000000.123:10): "
                                                  "saddr=02000050C00002070000000000000000\n" EOE("1700000000.123:10"));
        assert_int_equal(o->type, OBSERVED_SYSCALL);
        assert_text(o->syscall, "connect");
        assert_text(o->address, "192.0.2.7:80");
        assert_int_equal(o->result, -115);
        assert_text(o->operation, "");
        assert_true(sv_starts(o->detail, SV("type=SYSCALL msg=audit(1700000000.123:10): arch=c000003e")));
        assert_true(sv_ends(
                o->detail, SV("\ntype=SOCKADDR msg=audit(1700000000.123:10): saddr=02000050C00002070000000000000000")));
        /* no SYSCALL record, and a type without a name */
        o = only(*state, "type=UNKNOWN[1399] msg=audit(1700000001.123:11): what=ever\n");
        assert_int_equal(o->type, OBSERVED_SYSCALL);
        assert_text(o->operation, "UNKNOWN[1399]");
        assert_text(o->detail, "type=UNKNOWN[1399] msg=audit(1700000001.123:11): what=ever");
        o = only(*state,
                "type=URINGOP msg=audit(1700000002.123:12): uring_op=18 success=yes exit=5 items=1 ppid=1 pid=2 uid=0 "
                "gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 subj=x key=\"k\"\n"
                "type=PATH msg=audit(1700000002.123:12): item=0 name=\"/etc/shadow\" inode=1 mode=0100600 ouid=0 "
                "nametype=NORMAL\n" EOE("1700000002.123:12"));
        assert_int_equal(o->type, OBSERVED_FILE);
        assert_text(o->syscall, "io_uring");
        assert_text(o->path, "/etc/shadow");
}

/* --- the decoder ----------------------------------------------------------------------------------------------------
 */

static void test_gap(void **state)
{
        struct fixture *fixture = *state;
        feed(fixture, "type=USER_ACCT msg=audit(1700000000.123:10): pid=1\n"
                      "type=USER_ACCT msg=audit(1700000000.123:14): pid=1\n");
        assert_int_equal(fixture->count, 2);
        audit_decoder_tick(fixture->decoder, audit_decoder_clock(fixture->decoder) + 499000000, take, fixture);
        assert_int_equal(fixture->count, 2);
        audit_decoder_tick(fixture->decoder, audit_decoder_clock(fixture->decoder) + 500000000, take, fixture);
        assert_int_equal(fixture->count, 3);
        const struct observation *gap = &fixture->observed[2];
        assert_int_equal(gap->type, OBSERVED_GAP);
        assert_int_equal(gap->lost, 3);
        assert_string_equal(gap->unit, "events");
        assert_string_equal(gap->reason, "sequence");
        assert_int_equal(gap->time_ns, 1700000000123000000);
        audit_decoder_tick(fixture->decoder, INT64_MAX, take, fixture);
        assert_int_equal(fixture->count, 3); /* told once */
}

/* Netlink's form: the type apart, no `type=` in the text. */
static void test_netlink_form(void **state)
{
        struct fixture *fixture = *state;
        assert_true(audit_decoder_feed(fixture->decoder, 1300,
                SV("audit(1700000000.123:10): arch=c000003e syscall=59 success=yes exit=0 pid=5 ppid=4"), 1, take,
                fixture));
        assert_true(audit_decoder_feed(
                fixture->decoder, 1309, SV("audit(1700000000.123:10): argc=1 a0=\"x\""), 2, take, fixture));
        assert_false(audit_decoder_feed(fixture->decoder, 1300, SV("no record"), 2, take, fixture));
        assert_int_equal(fixture->count, 0);
        assert_true(audit_decoder_feed(fixture->decoder, 1320, SV("audit(1700000000.123:10): "), 3, take, fixture));
        assert_int_equal(fixture->count, 1);
        assert_text(fixture->observed[0].argv, "x\0");
        struct audit_decoder_counters counters;
        audit_decoder_count(fixture->decoder, &counters);
        assert_int_equal(counters.refused, 1);
        assert_int_equal(counters.assembler.records, 3);
        assert_int_equal(counters.observed, 1);
}

/* The log's own times run the time-outs; a log that follows another one begins anew. */
static void test_log_clock(void **state)
{
        struct fixture *fixture = *state;
        feed(fixture, CALL("1700000000.000:10", "59", "yes", "0", ARGS));
        feed(fixture, "type=USER_ACCT msg=audit(1700000001.900:11): pid=1\n");
        assert_int_equal(fixture->count, 1);
        feed(fixture, "type=USER_ACCT msg=audit(1700000002.100:12): pid=1\n");
        assert_int_equal(fixture->count, 3);
        assert_int_equal(fixture->observed[1].type, OBSERVED_EXEC);
        assert_int_equal(audit_decoder_clock(fixture->decoder), 1700000002100000000);
        feed(fixture, CALL("1700000003.000:13", "59", "yes", "0", ARGS));
        feed(fixture, CALL("1600000000.000:5", "59", "yes", "0", ARGS));
        assert_int_equal(fixture->count, 4);
        assert_int_equal(audit_decoder_clock(fixture->decoder), 1600000000000000000);
        feed(fixture, "type=USER_ACCT msg=audit(1600000002.000:6): pid=1\n");
        assert_int_equal(fixture->count, 6);
}

static void test_bounds(void **state)
{
        struct fixture *fixture = *state;
        /* more argv than an observation holds */
        cleanup(free) char *text = malloc(300 << 10);
        assert_non_null(text);
        feed(fixture, CALL("1700000000.000:10", "59", "yes", "0", ARGS));
        for (int i = 0; i < 20; i++) {
                int n = snprintf(
                        text, 300 << 10, "type=EXECVE msg=audit(1700000000.000:10): %sa%d=\"", i ? "" : "argc=20 ", i);
                memset(text + n, 'x', 8000);
                snprintf(text + n + 8000, 10, "\"\n");
                feed(fixture, text);
        }
        feed(fixture, EOE("1700000000.000:10"));
        assert_int_equal(fixture->count, 1);
        assert_int_equal(fixture->observed[0].argc, 20);
        assert_true(fixture->observed[0].argv_truncated);
        assert_true(fixture->observed[0].argv.n <= 128 << 10);
        assert_int_equal(fixture->observed[0].argv.p[fixture->observed[0].argv.n - 1], 0);
        /* and more detail */
        fixture->count = 0;
        int n = snprintf(text, 300 << 10, "type=USER_ACCT msg=audit(1700000001.000:11): pid=1 msg='op=x acct=\"");
        memset(text + n, 'x', 8000);
        snprintf(text + n + 8000, 30, "\" res=success'\n");
        feed(fixture, text);
        assert_int_equal(fixture->count, 1);
        assert_int_equal(fixture->observed[0].detail.n, 4096);
        assert_int_equal(fixture->observed[0].account.n, 8000);
        struct audit_decoder_counters counters;
        audit_decoder_count(fixture->decoder, &counters);
        assert_int_equal(counters.truncated, 2);
}

/* --- logs of others: nothing is lost --------------------------------------------------------------------------------
 */

static void test_logs(void **state)
{
        struct fixture *fixture = *state;
        static const char *const names[] = { "auparse/testdata/audit-rhel6.log", "auparse/testdata/audit-rhel7.log",
                "auparse/testdata/audit-ubuntu14.log", "auparse/testdata/audit-ubuntu16.log",
                "auparse/testdata/audit-ubuntu17.log", "auparse/testdata/test2.log", "auparse/testdata/test3.log",
                "aucoalesce/testdata/random-internet.yaml", "aucoalesce/testdata/rhel-7-linux-3.10.0.yaml",
                "aucoalesce/testdata/ubuntu-16.04-linux-4.13.0.yaml",
                "aucoalesce/testdata/ubuntu-16.10-linux-4.8.0.yaml",
                "aucoalesce/testdata/ubuntu-17.04-linux-4.10.0.yaml",
                "aucoalesce/testdata/ubuntu-20.04.6-linux-5.15.0-1034-gcp.yaml",
                "aucoalesce/testdata/ubuntu-21.10-linux-5.13.yaml",
                "aucoalesce/testdata/ubuntu-24.04-linux-6.8.0.yaml" };
        const char *root = getenv("TARSIER_TESTDATA"), *source = getenv("TARSIER_SOURCE");
        size_t events = 0;

        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                char path[512];
                struct buf text;
                if (root)
                        snprintf(path, sizeof(path), "%s/watch/go-libaudit/%s", root, names[i]);
                else
                        snprintf(path, sizeof(path), "%s/../shared/testdata/watch/go-libaudit/%s",
                                source ? source : ".", names[i]);
                buf_init(&text, 1 << 20);
                if (file_read(AT_FDCWD, path, &text, NULL) < 0) {
                        buf_done(&text);
                        print_message("# skipped: needs %s\n", path);
                        skip();
                }
                struct audit_decoder *decoder = audit_decoder_new(NULL, SOURCE_REPLAY, NULL);
                assert_non_null(decoder);
                fixture->count = 0;
                struct sv rest = sv_n(text.data, text.len), line;
                uint64_t records = 0, refused = 0;
                while (sv_line(&rest, &line)) {
                        line = sv_trim(line);
                        if (!sv_starts(line, SV("type=")))
                                continue;
                        if (audit_decoder_feed_line(decoder, line, take, fixture))
                                records++;
                        else
                                refused++;
                }
                audit_decoder_tick(decoder, INT64_MAX, take, fixture);
                struct audit_decoder_counters counters;
                audit_decoder_count(decoder, &counters);
                assert_true(records > 0);
                assert_int_equal(counters.assembler.records, records);
                assert_int_equal(counters.refused, refused);
                /* each event gave an observation: take away the gaps, whose number is theirs */
                size_t gaps = 0;
                for (size_t j = 0; j < fixture->count; j++)
                        gaps += fixture->observed[j].type == OBSERVED_GAP;
                assert_true(fixture->count - gaps >= counters.assembler.events);
                assert_int_equal(counters.assembler.in_flight, 0);
                assert_int_equal(counters.assembler.refused, 0);
                events += counters.assembler.events;
                print_message("# %s: %llu records, %llu refused, %llu events, %llu late, %zu observations\n", names[i],
                        (unsigned long long)records, (unsigned long long)refused,
                        (unsigned long long)counters.assembler.events, (unsigned long long)counters.assembler.late,
                        fixture->count - gaps);
                audit_decoder_free(decoder);
                buf_done(&text);
        }
        assert_true(events > 100);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_user),
                TEST(test_login),
                TEST(test_anomaly),
                TEST(test_security_modules),
                TEST(test_config),
                TEST(test_other_system_calls),
                TEST(test_gap),
                TEST(test_netlink_form),
                TEST(test_log_clock),
                TEST(test_bounds),
                TEST(test_logs),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
