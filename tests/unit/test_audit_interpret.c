/* The meaning of audit fields: names, flags, addresses. */
#include "lib/audit/address.h"
#include "lib/audit/event.h"
#include "lib/audit/interpret.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>
#include <libaudit.h>
#include <sys/socket.h>
#include <sys/stat.h>

static char text[8192];

/* A record of `type` with this body, interpreted. */
static const char *meaning(uint32_t type, const char *body)
{
        struct audit_record record = { .type = type, .body = sv_of(body) };
        struct buf out;

        buf_init(&out, sizeof(text) - 1);
        audit_interpret_record(&record, &out);
        snprintf(text, sizeof(text), "%s", buf_text(&out));
        buf_done(&out);
        return text;
}

static void syscalls(void **state)
{
        (void)state;
        assert_string_equal(meaning(AUDIT_SYSCALL,
                                    "arch=c000003e syscall=257 success=yes exit=3 a0=ffffff9c a1=7ffc a2=80241 a3=1b6"),
                "arch=x86_64 syscall=openat success=yes exit=3 a0=AT_FDCWD a1=7ffc "
                "a2=O_WRONLY|O_CREAT|O_TRUNC|O_CLOEXEC a3=0666");
        assert_string_equal(
                meaning(AUDIT_SYSCALL, "arch=40000003 syscall=132 exit=-13 auid=4294967295 ses=4294967295 uid=0"),
                "arch=i386 syscall=getpgid exit=EACCES auid=unset ses=unset uid=0");
        assert_string_equal(meaning(AUDIT_SYSCALL, "arch=c00000b7 syscall=220 exit=-4095 a0=1200011"),
                "arch=aarch64 syscall=clone exit=-4095 a0=CLONE_CHILD_CLEARTID|CLONE_CHILD_SETTID|SIGCHLD");
        assert_string_equal(meaning(AUDIT_SYSCALL, "arch=c000003e syscall=62 a0=1fde a1=9"),
                "arch=x86_64 syscall=kill a0=8158 a1=SIGKILL");
        assert_string_equal(meaning(AUDIT_SYSCALL, "arch=c000003e syscall=101 a0=4206 a1=64"),
                "arch=x86_64 syscall=ptrace a0=PTRACE_SEIZE a1=100");
        assert_string_equal(meaning(AUDIT_SYSCALL, "arch=c000003e syscall=165 a0=1 a1=2 a2=3 a3=1021"),
                "arch=x86_64 syscall=mount a0=1 a1=2 a2=3 a3=MS_RDONLY|MS_REMOUNT|MS_BIND");
        assert_string_equal(meaning(AUDIT_SYSCALL, "arch=c000003e syscall=10 a0=7f0000 a1=1000 a2=5"),
                "arch=x86_64 syscall=mprotect a0=7f0000 a1=1000 a2=PROT_READ|PROT_EXEC");
        assert_string_equal(
                meaning(AUDIT_SYSCALL, "arch=c000003e syscall=321 a0=5"), "arch=x86_64 syscall=bpf a0=BPF_PROG_LOAD");
        assert_string_equal(meaning(AUDIT_SYSCALL, "arch=c000003e syscall=41 a0=2 a1=80001"),
                "arch=x86_64 syscall=socket a0=ipv4 a1=SOCK_STREAM|SOCK_CLOEXEC");
        assert_string_equal(meaning(AUDIT_SYSCALL, "arch=c000003e syscall=272 a0=7c020000"),
                "arch=x86_64 syscall=unshare "
                "a0=CLONE_NEWNS|CLONE_NEWUTS|CLONE_NEWIPC|CLONE_NEWUSER|CLONE_NEWPID|CLONE_NEWNET");
        assert_string_equal(
                meaning(AUDIT_SYSCALL, "arch=c000003e syscall=105 a0=ffffffff"), "arch=x86_64 syscall=setuid a0=unset");
        assert_string_equal(meaning(AUDIT_SYSCALL, "arch=c000003e syscall=2 a0=1 a1=0 a2=7f4d"),
                "arch=x86_64 syscall=open a0=1 a1=O_RDONLY a2=7f4d"); /* creates nothing: a2 is no mode */
        /* without what they depend on, and beyond what is known, numbers stay */
        assert_string_equal(meaning(AUDIT_SYSCALL, "syscall=59 a0=1"), "syscall=59 a0=1");
        assert_string_equal(
                meaning(AUDIT_SYSCALL, "arch=c000003e syscall=99999 a0=5"), "arch=x86_64 syscall=99999 a0=5");
        assert_string_equal(
                meaning(AUDIT_SYSCALL, "arch=zz syscall=x exit=-99999 a0=g"), "arch=zz syscall=x exit=-99999 a0=g");
}

static void records(void **state)
{
        (void)state;
        assert_string_equal(meaning(AUDIT_PATH, "item=0 name=2F746D702F6120622063 mode=0100755 nametype=NORMAL"),
                "item=0 name=/tmp/a b c mode=file,755 nametype=NORMAL");
        assert_string_equal(meaning(AUDIT_PATH, "mode=041777 cap_fp=0000000000002000 cap_fi=0"),
                "mode=dir,sticky,777 cap_fp=net_raw cap_fi=0");
        assert_string_equal(meaning(AUDIT_PROCTITLE, "proctitle=6C73002D6C0000"), "proctitle=ls -l");
        assert_string_equal(meaning(AUDIT_EXECVE, "argc=2 a0=\"ls\" a1=2D6C2061"), "argc=2 a0=ls a1=-l a");
        assert_string_equal(meaning(AUDIT_SECCOMP, "sig=31 arch=c000003e syscall=57 code=0x80000000"),
                "sig=SIGSYS arch=x86_64 syscall=fork code=kill-process");
        assert_string_equal(
                meaning(AUDIT_CONFIG_CHANGE, "op=\"add_rule\" list=4 res=1"), "op=add_rule list=exit res=success");
        assert_string_equal(
                meaning(AUDIT_SOCKADDR, "saddr=02000050A9FEA9FE0000000000000000"), "saddr=169.254.169.254:80");
        assert_string_equal(meaning(AUDIT_SYSCALL, "key=65786563013634626974"), "key=exec,64bit");
        assert_string_equal(meaning(AUDIT_USER_LOGIN, "pid=1 msg='op=login acct=28756E29 res=failed'"),
                "pid=1 op=login acct=(un) res=failed");
        assert_string_equal(meaning(AUDIT_MMAP, "fd=3 flags=0x2"), "fd=3 flags=MAP_PRIVATE");
        /* a terminal must not obey what a file is called */
        assert_string_equal(meaning(AUDIT_PATH, "name=1B5B324AFF0A"), "name=\\x1b[2J\\xff\\x0a");
}

static void addresses(void **state)
{
        (void)state;
        static const struct {
                const char *saddr, *text;
        } cases[] = {
                { "02000050A9FEA9FE0000000000000000", "169.254.169.254:80" },
                { "0A000016000000000000000000000000000000000000000000000000", "[::]:22" },
                { "01002F7661722F72756E2F6E7363642F736F636B65740000603B", "/var/run/nscd/socket" },
                { "010000616263", "@abc" }, { "0100", "unix unnamed" },
                { "100000000000000000000000", "netlink pid=0 groups=0" },
                { "280000000004000002000000", "vsock cid=2 port=1024" }, { "0000", "unspec" }, { "6300", "family 99" },
                { "000200507F000001", "127.0.0.1:80" }, /* of a big-endian machine */
        };
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct audit_address address;
                struct buf out;
                assert_true(audit_address_parse(sv_of(cases[i].saddr), &address));
                buf_init(&out, 256);
                audit_address_append(&address, &out);
                assert_string_equal(buf_text(&out), cases[i].text);
                buf_done(&out);
        }
        static const char *const refused[] = { "", "0", "02", "0200", "02000050A9", "0A000016", "zz", "1000" };
        for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
                struct audit_address address;
                if (audit_address_parse(sv_of(refused[i]), &address))
                        fail_msg("taken: %s", refused[i]);
        }
}

static const char *capabilities(uint64_t set)
{
        struct buf out;
        buf_init(&out, sizeof(text) - 1);
        audit_capabilities_append(set, &out);
        snprintf(text, sizeof(text), "%s", buf_text(&out));
        buf_done(&out);
        return text;
}

static void names(void **state)
{
        (void)state;
        assert_string_equal(capabilities(0), "none");
        assert_string_equal(capabilities(0x200021), "chown,kill,sys_admin");
        assert_string_equal(capabilities(0x1ffffffffff), "all");
        assert_string_equal(capabilities(UINT64_C(1) << 63 | 1), "chown,0x8000000000000000");
        assert_string_equal(audit_capability_name(40), "checkpoint_restore");
        assert_null(audit_capability_name(41));
        assert_string_equal(audit_signal_name(31), "SIGSYS");
        assert_null(audit_signal_name(0));
        assert_null(audit_signal_name(-1));
        assert_string_equal(audit_errno_name(2), "ENOENT");
        assert_null(audit_errno_name(0));
        assert_int_equal(audit_syscall_number(AUDIT_ARCH_X86_64, "execve"), 59);
        assert_int_equal(audit_syscall_number(AUDIT_ARCH_X86_64, "no_such_call"), -1);
        assert_null(audit_arch_name(0));
        assert_null(audit_syscall_name(0, 59));
        assert_string_equal(audit_seccomp_action(0x00050001), "errno");
        assert_string_equal(audit_file_type(S_IFSOCK), "socket");
        assert_null(audit_file_type(0755));
}

/* An event whose records tell too much, or nothing. */
static void hard_events(void **state)
{
        (void)state;
        struct audit_record records_[AUDIT_EVENT_PATHS_MAX + 2];
        struct audit_event_counters counters;
        struct error err;
        struct buf out;

        buf_init(&out, 1 << 20);
        assert_int_equal(audit_event_write(records_, 0, &out, NULL, &err), -1);
        assert_int_equal(err.code, E_INVALID);
        for (size_t i = 0; i < AUDIT_EVENT_PATHS_MAX + 2; i++)
                assert_true(audit_record_parse(SV("type=PATH msg=audit(1.000:1): item=0 name=\"/a\""), &records_[i]));
        assert_int_equal(audit_event_write(records_, AUDIT_EVENT_PATHS_MAX + 2, &out, &counters, &err), 0);
        assert_int_equal(counters.refused, 2);
        buf_done(&out);

        buf_init(&out, 64); /* no room for it */
        assert_int_equal(audit_event_write(records_, 1, &out, NULL, &err), -1);
        assert_int_equal(err.code, E_TOO_LARGE);
        buf_done(&out);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(syscalls),
                cmocka_unit_test(records),
                cmocka_unit_test(addresses),
                cmocka_unit_test(names),
                cmocka_unit_test(hard_events),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
