/* Audit events of system calls as observations: processes, kernel objects, files, from records as the kernel writes
 * them. */
#include "audit_fixture.h"

/* --- processes ------------------------------------------------------------------------------------------------------
 */

static void test_exec(void **state)
{
        const struct observation *o = only(*state,
                CALL("1700000000.123:10", "59", "yes", "0",
                        "a0=1 a1=2 a2=3 a3=4") "type=BPRM_FCAPS msg=audit(1700000000.123:10): fver=0 fp=0 fi=0 fe=0 "
                                               "old_pp=0 old_pi=0 old_pe=0 old_pa=0 "
                                               "pp=00000000a80425fb pi=0 pe=00000000a80425fa pa=0 frootid=0\n"
                                               "type=EXECVE msg=audit(1700000000.123:10): argc=4 a0=\"ls\" a1=\"-l\" "
                                               "a2=612062 a3=\"\"\n"
                                               "type=CWD msg=audit(1700000000.123:10): cwd=\"/home/u\"\n"
                                               "type=PATH msg=audit(1700000000.123:10): item=0 "
                                               "name=\"../../usr/bin/ls\" inode=77 dev=08:01 "
                                               "mode=0104755 ouid=5 ogid=0 rdev=00:00 nametype=NORMAL cap_fp=0 "
                                               "cap_fi=0 cap_fe=0 cap_fver=0 cap_frootid=0\n"
                                               "type=PATH msg=audit(1700000000.123:10): item=1 name=\"/lib64/ld.so\" "
                                               "inode=78 dev=08:01 mode=0100755 "
                                               "ouid=0 ogid=0 rdev=00:00 nametype=NORMAL cap_fp=0\n"
                                               "type=PROCTITLE msg=audit(1700000000.123:10): "
                                               "proctitle=6C73002D6C\n" EOE("1700000000.123:10"));
        assert_int_equal(o->type, OBSERVED_EXEC);
        assert_int_equal(o->source, SOURCE_REPLAY);
        assert_int_equal(o->time_ns, 1700000000123000000);
        assert_int_equal(o->serial, 10);
        assert_int_equal(o->has, HAS_UIDS | HAS_GIDS | HAS_SESSION | HAS_RESULT | HAS_FILE_ID | HAS_CAPABILITIES);
        assert_int_equal(o->pid, 401);
        assert_int_equal(o->ppid, 400);
        assert_int_equal(o->uid, 1001);
        assert_int_equal(o->euid, 1003);
        assert_int_equal(o->suid, 1004);
        assert_int_equal(o->fsuid, 1005);
        assert_int_equal(o->gid, 1002);
        assert_int_equal(o->egid, 1006);
        assert_int_equal(o->sgid, 1007);
        assert_int_equal(o->fsgid, 1008);
        assert_int_equal(o->auid, 1000);
        assert_int_equal(o->session, 7);
        assert_text(o->comm, "bash");
        assert_text(o->exe, "/usr/bin/bash");
        assert_text(o->cwd, "/home/u");
        assert_text(o->tty, "pts0");
        assert_text(o->key, "rule");
        assert_text(o->syscall, "execve");
        assert_text(o->path, "/usr/bin/ls");
        assert_int_equal(o->inode, 77);
        assert_int_equal(o->mode, 0104755);
        assert_int_equal(o->owner, 5);
        assert_int_equal(o->cap_permitted, 0xa80425fb);
        assert_int_equal(o->cap_effective, 0xa80425fa);
        assert_int_equal(o->argc, 4);
        assert_text(o->argv, "ls\0-l\0a b\0\0");
        assert_false(o->argv_truncated);
        assert_true(o->success);
        assert_int_equal(o->detail.n, 0);
}

/* One argument in parts over several records, in hexadecimal and quoted, others before and after it. */
static void test_exec_long(void **state)
{
        const struct observation *o = only(*state,
                CALL("1700000000.123:10", "59", "yes", "0",
                        ARGS) "type=EXECVE msg=audit(1700000000.123:10): argc=4 a0=\"sh\" a1_len=12 a1[0]=6120\n"
                              "type=EXECVE msg=audit(1700000000.123:10): a1[1]=\"bcd\"\n"
                              "type=EXECVE msg=audit(1700000000.123:10): a1[2]=65 a2_len=2 a2[0]=\"yz\"\n"
                              "type=EXECVE msg=audit(1700000000.123:10): a3=\"end\"\n" EOE("1700000000.123:10"));
        assert_text(o->argv, "sh\0a bcde\0yz\0end\0");
        assert_int_equal(o->argc, 4);
        assert_false(o->argv_truncated);
}

static void test_exec_with_a_record_missing(void **state)
{
        const struct observation *o = only(*state,
                CALL("1700000000.123:10", "59", "yes", "0",
                        ARGS) "type=EXECVE msg=audit(1700000000.123:10): argc=5 a0=\"sh\"\n"
                              "type=EXECVE msg=audit(1700000000.123:10): a3=\"x\"\n" EOE("1700000000.123:10"));
        assert_text(o->argv, "sh\0x\0");
        assert_int_equal(o->argc, 5);
        assert_true(o->argv_truncated);
        o = only(*state,
                CALL("1700000001.123:11", "59", "yes", "0",
                        ARGS) "type=EXECVE msg=audit(1700000001.123:11): argc=2 a0=\"sh\" a1_len=9 a1[0]=\"abc\"\n"
                              "type=EXECVE msg=audit(1700000001.123:11): a1[2]=\"ghi\"\n" EOE("1700000001.123:11"));
        assert_text(o->argv, "sh\0abcghi\0");
        assert_true(o->argv_truncated);
}

/* Rules may exclude EXECVE; PROCTITLE holds the first 128 bytes. */
static void test_exec_by_proctitle(void **state)
{
        const struct observation *o = only(*state,
                CALL("1700000000.123:10", "59", "yes", "0", ARGS) "type=PROCTITLE msg=audit(1700000000.123:10): "
                                                                  "proctitle=6C73002D6C\n" EOE("1700000000.123:10"));
        assert_text(o->argv, "ls\0-l\0");
        assert_int_equal(o->argc, 2);
        assert_false(o->argv_truncated);
        assert_text(o->path, "");
        o = only(*state,
                CALL("1700000001.123:11", "59", "yes", "0", ARGS) "type=PROCTITLE msg=audit(1700000001.123:11): "
                                                                  "proctitle=\"bash\"\n" EOE("1700000001.123:11"));
        assert_text(o->argv, "bash\0");
        o = only(*state,
                CALL("1700000002.123:12", "59", "yes", "0", ARGS) "type=PROCTITLE msg=audit(1700000002.123:12): "
                                                                  "proctitle=(null)\n" EOE("1700000002.123:12"));
        assert_int_equal(o->type, OBSERVED_EXEC);
        assert_int_equal(o->argc, 0);
}

static void test_exec_of_other_architectures(void **state)
{
        const struct observation *o = only(*state,
                "type=SYSCALL msg=audit(1700000000.123:10): arch=40000003 syscall=11 success=yes exit=0 a0=1 a1=2 a2=3 "
                "a3=4 items=2 ppid=1 pid=2 auid=4294967295 uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 "
                "tty=(none) ses=4294967295 comm=612062 "
                "exe=2F746D702F61202864656C6574656429 key=6F6E650174776F\n" EOE("1700000000.123:10"));
        assert_int_equal(o->type, OBSERVED_EXEC);
        assert_text(o->comm, "a b");
        assert_text(o->exe, "/tmp/a (deleted)");
        assert_text(o->key, "one,two");
        assert_text(o->tty, "");
        assert_int_equal(o->auid, AUDIT_UNSET);
        assert_int_equal(o->session, AUDIT_UNSET);
        o = only(*state, "type=SYSCALL msg=audit(1700000001.123:11): arch=c00000b7 syscall=221 success=yes exit=0 "
                         "ppid=1 pid=2\n" EOE("1700000001.123:11"));
        assert_int_equal(o->type, OBSERVED_EXEC);
        /* an architecture that we have no table for is told as what it is */
        o = only(*state, "type=SYSCALL msg=audit(1700000002.123:12): arch=80000016 syscall=11 success=yes exit=0 "
                         "ppid=1 pid=2\n" EOE("1700000002.123:12"));
        assert_int_equal(o->type, OBSERVED_SYSCALL);
        assert_text(o->syscall, "execve");
        /* and a number that none can have */
        o = only(*state, "type=SYSCALL msg=audit(1700000003.123:13): arch=c000003e syscall=-1 success=no exit=-38 "
                         "ppid=1 pid=2\n" EOE("1700000003.123:13"));
        assert_int_equal(o->type, OBSERVED_SYSCALL);
        assert_text(o->syscall, "");
}

static void test_exec_that_failed(void **state)
{
        const struct observation *o =
                only(*state, CALL("1700000000.123:10", "59", "no", "-13",
                                     ARGS) "type=EXECVE msg=audit(1700000000.123:10): argc=1 a0=\"sh\"\n"
                                           "type=CWD msg=audit(1700000000.123:10): cwd=\"/root\"\n"
                                           "type=PATH msg=audit(1700000000.123:10): item=0 name=\"./x\" inode=77 "
                                           "dev=08:01 mode=0100644 ouid=0 "
                                           "ogid=0 rdev=00:00 nametype=NORMAL\n" EOE("1700000000.123:10"));
        assert_int_equal(o->type, OBSERVED_SYSCALL);
        assert_text(o->syscall, "execve");
        assert_text(o->path, "/root/x");
        assert_text(o->argv, "sh\0");
        assert_int_equal(o->result, -13);
        assert_false(o->success);
        assert_true(o->detail.n > 0);
        /* PROCTITLE is of the program that called */
        o = only(*state,
                CALL("1700000001.123:11", "59", "no", "-2", ARGS) "type=PROCTITLE msg=audit(1700000001.123:11): "
                                                                  "proctitle=\"bash\"\n" EOE("1700000001.123:11"));
        assert_int_equal(o->argc, 0);
}

static void test_fork(void **state)
{
        const struct observation *o = only(*state,
                CALL("1700000000.123:10", "56", "yes", "402", "a0=1200011 a1=0 a2=0 a3=7f") EOE("1700000000.123:10"));
        assert_int_equal(o->type, OBSERVED_FORK);
        assert_int_equal(o->pid, 402);
        assert_int_equal(o->ppid, 401);
        assert_int_equal(o->flags, 0x1200011);
        assert_true(o->has & UNRESOLVED_PID);
        assert_false(o->has & UNRESOLVED_THREAD);
        assert_text(o->comm, "bash");
        o = only(*state, CALL("1700000001.123:11", "57", "yes", "403", ARGS) EOE("1700000001.123:11"));
        assert_int_equal(o->type, OBSERVED_FORK);
        o = only(*state, CALL("1700000002.123:12", "58", "yes", "404", ARGS) EOE("1700000002.123:12"));
        assert_int_equal(o->type, OBSERVED_FORK);
        o = only(*state, CALL("1700000003.123:13", "435", "yes", "405", ARGS) EOE("1700000003.123:13"));
        assert_int_equal(o->type, OBSERVED_FORK);
        assert_true(o->has & UNRESOLVED_THREAD);
        /* CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD … */
        o = only(*state,
                CALL("1700000004.123:14", "56", "yes", "406", "a0=3d0f00 a1=1 a2=2 a3=3") EOE("1700000004.123:14"));
        assert_int_equal(o->type, OBSERVED_SYSCALL);
        assert_text(o->operation, "thread");
        assert_int_equal(o->pid, 401);
        o = only(*state, CALL("1700000005.123:15", "57", "no", "-11", ARGS) EOE("1700000005.123:15"));
        assert_int_equal(o->type, OBSERVED_SYSCALL);
}

/* A process ends within its system call: the record has neither success nor exit. */
static void test_exit(void **state)
{
        const struct observation *o = only(*state,
                "type=SYSCALL msg=audit(1700000000.123:10): arch=c000003e syscall=231 a0=103 a1=3c a2=e7 a3=0 items=0 "
                "ppid=400 pid=401 auid=1000 uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 tty=pts0 ses=7 "
                "comm=\"true\" exe=\"/bin/true\" key=(null)\n"
                "type=PROCTITLE msg=audit(1700000000.123:10): proctitle=\"true\"\n" EOE("1700000000.123:10"));
        assert_int_equal(o->type, OBSERVED_EXIT);
        assert_int_equal(o->pid, 401);
        assert_int_equal(o->exit_code, 3);
        assert_true(o->has & HAS_EXIT);
        assert_false(o->has & (HAS_RESULT | UNRESOLVED_THREAD));
        assert_text(o->key, "");
        o = only(*state, "type=SYSCALL msg=audit(1700000001.123:11): arch=c000003e syscall=60 a0=0 pid=401\n" EOE(
                                 "1700000001.123:11"));
        assert_int_equal(o->type, OBSERVED_EXIT);
        assert_true(o->has & UNRESOLVED_THREAD);
}

static void test_kill(void **state)
{
        const struct observation *o =
                only(*state, CALL("1700000000.123:10", "62", "yes", "0",
                                     "a0=1f a1=9 a2=0 a3=0") "type=OBJ_PID msg=audit(1700000000.123:10): opid=4711 "
                                                             "oauid=1000 ouid=0 oses=7 obj=unconfined "
                                                             "ocomm=\"sleep\"\n" EOE("1700000000.123:10"));
        assert_int_equal(o->type, OBSERVED_SYSCALL);
        assert_text(o->operation, "kill");
        assert_int_equal(o->target_pid, 4711);
        assert_text(o->object, "sleep");
        assert_int_equal(o->flags, 9);
        o = only(*state, CALL("1700000001.123:11", "62", "yes", "0", "a0=1f a1=9 a2=0 a3=0") EOE("1700000001.123:11"));
        assert_int_equal(o->target_pid, 31);
        /* a group */
        o = only(*state, CALL("1700000002.123:12", "62", "yes", "0", "a0=ffffffffffffffe1 a1=9 a2=0 a3=0")
                                 EOE("1700000002.123:12"));
        assert_int_equal(o->target_pid, 0);
}

static void test_credential(void **state)
{
        static const char *const numbers[] = { "105", "106", "113", "114", "116", "117", "119", "122", "123" };
        for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
                char text[512];
                snprintf(text, sizeof(text),
                        "type=SYSCALL msg=audit(1700000000.123:%zu): arch=c000003e syscall=%s success=yes exit=0 a0=0 "
                        "ppid=1 pid=2 auid=3 uid=4 gid=5 euid=6 suid=7 fsuid=8 egid=9 sgid=10 fsgid=11\n"
                        "type=EOE msg=audit(1700000000.123:%zu):\n",
                        i + 1, numbers[i], i + 1);
                const struct observation *o = only(*state, text);
                assert_int_equal(o->type, OBSERVED_CREDENTIAL);
                assert_int_equal(o->euid, 6);
                assert_true(sv_eq(o->operation, o->syscall));
        }
        const struct observation *o =
                only(*state, CALL("1700000001.123:10", "126", "yes", "0",
                                     ARGS) "type=CAPSET msg=audit(1700000001.123:10): pid=401 cap_pi=0000000000000000 "
                                           "cap_pp=0000000000000021 "
                                           "cap_pe=0000000000000020 cap_pa=0\n" EOE("1700000001.123:10"));
        assert_int_equal(o->type, OBSERVED_CREDENTIAL);
        assert_text(o->operation, "capset");
        assert_int_equal(o->cap_permitted, 0x21);
        assert_int_equal(o->cap_effective, 0x20);
        o = only(*state, CALL("1700000002.123:11", "105", "no", "-1", ARGS) EOE("1700000002.123:11"));
        assert_int_equal(o->type, OBSERVED_SYSCALL); /* nothing changed */
}

static void test_namespace(void **state)
{
        const struct observation *o = only(*state,
                CALL("1700000000.123:10", "308", "yes", "0", "a0=3 a1=20000 a2=0 a3=0") EOE("1700000000.123:10"));
        assert_int_equal(o->type, OBSERVED_NAMESPACE);
        assert_text(o->operation, "setns");
        assert_int_equal(o->flags, 0x20000);
        o = only(*state,
                CALL("1700000001.123:11", "272", "yes", "0", "a0=10000000 a1=0 a2=0 a3=0") EOE("1700000001.123:11"));
        assert_int_equal(o->type, OBSERVED_NAMESPACE);
        assert_text(o->operation, "unshare");
        assert_int_equal(o->flags, 0x10000000);
        o = only(*state,
                CALL("1700000002.123:12", "272", "no", "-1", "a0=10000000 a1=0 a2=0 a3=0") EOE("1700000002.123:12"));
        assert_int_equal(o->type, OBSERVED_SYSCALL);
        assert_text(o->operation, "unshare");
}

static void test_ptrace(void **state)
{
        const struct observation *o =
                only(*state, CALL("1700000000.123:10", "101", "yes", "0",
                                     "a0=4206 a1=5 a2=0 a3=0") "type=OBJ_PID msg=audit(1700000000.123:10): opid=4711 "
                                                               "oauid=1000 ouid=0 oses=7 "
                                                               "ocomm=7665727920\n" EOE("1700000000.123:10"));
        assert_int_equal(o->type, OBSERVED_PTRACE);
        assert_text(o->operation, "seize");
        assert_int_equal(o->target_pid, 4711);
        assert_text(o->object, "very ");
        o = only(*state, CALL("1700000001.123:11", "101", "no", "-1", "a0=10 a1=5 a2=0 a3=0") EOE("1700000001.123:11"));
        assert_int_equal(o->type, OBSERVED_PTRACE);
        assert_text(o->operation, "attach");
        assert_int_equal(o->target_pid, 5);
        assert_false(o->success);
        o = only(*state, CALL("1700000002.123:12", "101", "yes", "0", "a0=0 a1=5 a2=0 a3=0") EOE("1700000002.123:12"));
        assert_text(o->operation, "traceme");
        assert_int_equal(o->target_pid, 0);
}

/* --- kernel objects -------------------------------------------------------------------------------------------------
 */

#define PATH_OF(stamp, item, name, type)                                                                               \
        "type=PATH msg=audit(" stamp "): item=" item " name=" name " inode=" item "7 dev=08:01 mode=0100644 ouid=5 "   \
        "ogid=0 rdev=00:00 nametype=" type " cap_fp=0 cap_fi=0 cap_fe=0 cap_fver=0 cap_frootid=0\n"
#define CWD_OF(stamp, cwd) "type=CWD msg=audit(" stamp "): cwd=\"" cwd "\"\n"

static void test_mount(void **state)
{
        const struct observation *o = only(*state,
                CALL("1700000000.123:10", "165", "yes", "0", "a0=1 a1=2 a2=3 a3=1000")
                        CWD_OF("1700000000.123:10", "/srv") PATH_OF("1700000000.123:10", "0", "\"mnt\"", "NORMAL")
                                PATH_OF("1700000000.123:10", "1", "\"/source/\"", "NORMAL") EOE("1700000000.123:10"));
        assert_int_equal(o->type, OBSERVED_MOUNT);
        assert_text(o->operation, "mount");
        assert_text(o->path, "/srv/mnt");
        assert_text(o->path2, "/source");
        assert_int_equal(o->flags, 0x1000);
        o = only(*state, CALL("1700000001.123:11", "166", "yes", "0", "a0=1 a1=2 a2=3 a3=4")
                                 PATH_OF("1700000001.123:11", "0", "\"/mnt\"", "NORMAL") EOE("1700000001.123:11"));
        assert_text(o->operation, "umount2");
        assert_text(o->path, "/mnt");
        assert_int_equal(o->flags, 2);
        /* move_mount: from a descriptor, then from a path */
        o = only(*state, CALL("1700000002.123:12", "429", "yes", "0", "a0=4 a1=2 a2=ffffff9c a3=4")
                                 CWD_OF("1700000002.123:12", "/") PATH_OF("1700000002.123:12", "0", "\"mnt\"", "NORMAL")
                                         EOE("1700000002.123:12"));
        assert_text(o->operation, "move_mount");
        assert_text(o->path, "mnt"); /* relative to a descriptor, as far as is known */
        o = only(*state, CALL("1700000003.123:13", "429", "yes", "0", "a0=ffffff9c a1=2 a2=ffffffffffffff9c a3=4")
                                 CWD_OF("1700000003.123:13", "/x") PATH_OF("1700000003.123:13", "0", "\"a\"", "NORMAL")
                                         PATH_OF("1700000003.123:13", "1", "\"b\"", "NORMAL") EOE("1700000003.123:13"));
        assert_text(o->path, "/x/b");
        assert_text(o->path2, "/x/a");
        o = only(*state, CALL("1700000004.123:14", "432", "no", "-1", "a0=4 a1=1 a2=0 a3=4") EOE("1700000004.123:14"));
        assert_int_equal(o->type, OBSERVED_MOUNT);
        assert_text(o->operation, "fsmount");
        assert_false(o->success);
}

static void test_module(void **state)
{
        const struct observation *o =
                only(*state, CALL("1700000000.123:10", "313", "yes", "0",
                                     "a0=3 a1=2 a2=0 a3=4") "type=KERN_MODULE msg=audit(1700000000.123:10): "
                                                            "name=\"dummy\"\n" EOE("1700000000.123:10"));
        assert_int_equal(o->type, OBSERVED_MODULE);
        assert_text(o->operation, "load");
        assert_text(o->object, "dummy");
        o = only(*state,
                CALL("1700000001.123:11", "176", "no", "-1",
                        ARGS) "type=KERN_MODULE msg=audit(1700000001.123:11): name=612062\n" EOE("1700000001.123:11"));
        assert_text(o->operation, "unload");
        assert_text(o->object, "a b");
        assert_false(o->success);
        o = only(*state, CALL("1700000002.123:12", "175", "no", "-1", ARGS) EOE("1700000002.123:12"));
        assert_int_equal(o->type, OBSERVED_MODULE);
}

static void test_bpf(void **state)
{
        const struct observation *o =
                only(*state, "type=BPF msg=audit(1700000000.123:10): prog-id=75 op=LOAD\n" CALL("1700000000.123:10",
                                     "321", "yes", "5", "a0=5 a1=2 a2=0 a3=4") EOE("1700000000.123:10"));
        assert_int_equal(o->type, OBSERVED_BPF);
        assert_text(o->operation, "load");
        assert_text(o->object, "75");
        assert_int_equal(o->pid, 401);
        /* from a work queue: a record of its own */
        o = only(*state, "type=BPF msg=audit(1700000001.123:11): prog-id=75 op=UNLOAD\n");
        assert_int_equal(o->type, OBSERVED_BPF);
        assert_text(o->operation, "unload");
        assert_int_equal(o->pid, 0);
        o = only(*state, CALL("1700000002.123:12", "321", "no", "-1", "a0=5 a1=2 a2=0 a3=4") EOE("1700000002.123:12"));
        assert_int_equal(o->type, OBSERVED_BPF);
        assert_false(o->success);
        o = only(*state, CALL("1700000003.123:13", "321", "yes", "3", "a0=0 a1=2 a2=0 a3=4") EOE("1700000003.123:13"));
        assert_int_equal(o->type, OBSERVED_SYSCALL); /* a map */
}

/* --- files ----------------------------------------------------------------------------------------------------------
 */

static void test_file_open(void **state)
{
        const struct observation *o = only(*state,
                CALL("1700000000.123:10", "257", "yes", "3", "a0=ffffff9c a1=2 a2=241 a3=1b6")
                        CWD_OF("1700000000.123:10", "/etc") PATH_OF("1700000000.123:10", "0", "\"/etc\"", "PARENT")
                                PATH_OF("1700000000.123:10", "1", "\"cron.d/./x\"", "CREATE") EOE("1700000000.123:10"));
        assert_int_equal(o->type, OBSERVED_FILE);
        assert_text(o->operation, "create");
        assert_text(o->path, "/etc/cron.d/x");
        assert_int_equal(o->inode, 17);
        assert_int_equal(o->mode, 0100644);
        assert_int_equal(o->owner, 5);
        assert_text(o->key, "rule");
        assert_int_equal(o->flags, 0x241);
        assert_int_equal(o->detail.n, 0);
        o = only(*state, CALL("1700000001.123:11", "257", "yes", "3", "a0=ffffff9c a1=2 a2=2 a3=1b6")
                                 PATH_OF("1700000001.123:11", "0", "\"/etc/../etc//shadow\"", "NORMAL")
                                         EOE("1700000001.123:11"));
        assert_text(o->operation, "write");
        assert_text(o->path, "/etc/shadow");
        o = only(*state, CALL("1700000002.123:12", "2", "no", "-13", "a0=5 a1=80000 a2=2 a3=1b6") PATH_OF(
                                 "1700000002.123:12", "0", "\"/etc/shadow\"", "NORMAL") EOE("1700000002.123:12"));
        assert_text(o->operation, "read");
        assert_int_equal(o->type, OBSERVED_FILE);
        assert_false(o->success);
        /* relative to a descriptor that audit does not name */
        o = only(*state,
                CALL("1700000003.123:13", "257", "yes", "3", "a0=5 a1=2 a2=1 a3=1b6") CWD_OF("1700000003.123:13",
                        "/etc") PATH_OF("1700000003.123:13", "0", "\"shadow\"", "NORMAL") EOE("1700000003.123:13"));
        assert_text(o->path, "shadow");
        /* openat2 tells its flags in a record of its own */
        o = only(*state,
                CALL("1700000004.123:14", "437", "yes", "3",
                        "a0=ffffff9c a1=2 a2=7f a3=18") "type=UNKNOWN[1337] msg=audit(1700000004.123:14): "
                                                        "oflag=0100001 mode=0 resolve=0x0\n" PATH_OF("1700000004.123:"
                                                                                                     "14",
                                                                "0", "\"/etc/shadow\"", "NORMAL")
                                                                EOE("1700000004.123:14"));
        assert_text(o->operation, "write");
        o = only(*state, CALL("1700000005.123:15", "437", "yes", "3", "a0=ffffff9c a1=2 a2=7f a3=18") PATH_OF(
                                 "1700000005.123:15", "0", "\"/etc/shadow\"", "NORMAL") EOE("1700000005.123:15"));
        assert_text(o->operation, "open");
        /* no path at all: nothing is known of a file */
        o = only(*state, CALL("1700000006.123:16", "77", "yes", "0", ARGS) EOE("1700000006.123:16"));
        assert_int_equal(o->type, OBSERVED_SYSCALL);
        assert_text(o->syscall, "ftruncate");
}

static void test_file_rename(void **state)
{
        const struct observation *o = only(*state,
                CALL("1700000000.123:10", "264", "yes", "0", "a0=ffffff9c a1=1 a2=ffffff9c a3=2")
                        CWD_OF("1700000000.123:10", "/tmp") PATH_OF("1700000000.123:10", "0", "\"/tmp\"", "PARENT")
                                PATH_OF("1700000000.123:10", "1", "\"/etc/\"", "PARENT")
                                        PATH_OF("1700000000.123:10", "2", "\"new\"", "DELETE")
                                                PATH_OF("1700000000.123:10", "3", "\"/etc/passwd\"", "DELETE")
                                                        PATH_OF("1700000000.123:10", "4", "\"/etc/passwd\"", "CREATE")
                                                                EOE("1700000000.123:10"));
        assert_int_equal(o->type, OBSERVED_FILE);
        assert_text(o->operation, "rename");
        assert_text(o->path, "/etc/passwd");
        assert_text(o->path2, "/tmp/new");
        assert_int_equal(o->inode, 47);
        o = only(*state, CALL("1700000001.123:11", "86", "yes", "0", "a0=1 a1=2 a2=3 a3=2") CWD_OF(
                                 "1700000001.123:11", "/tmp") PATH_OF("1700000001.123:11", "0", "\"old\"", "NORMAL")
                                 PATH_OF("1700000001.123:11", "1", "\"/tmp\"", "PARENT") PATH_OF(
                                         "1700000001.123:11", "2", "\"new\"", "CREATE") EOE("1700000001.123:11"));
        assert_text(o->operation, "link");
        assert_text(o->path, "/tmp/new");
        assert_text(o->path2, "/tmp/old");
        o = only(*state,
                CALL("1700000002.123:12", "88", "yes", "0", "a0=1 a1=2 a2=3 a3=2") CWD_OF("1700000002.123:12",
                        "/tmp") "type=PATH msg=audit(1700000002.123:12): item=0 name=\"../etc\" "
                                "nametype=UNKNOWN\n" PATH_OF("1700000002.123:12", "1", "\"/tmp\"", "PARENT")
                                        PATH_OF("1700000002.123:12", "2", "\"s\"", "CREATE") EOE("1700000002.123:12"));
        assert_text(o->operation, "symlink");
        assert_text(o->path, "/tmp/s");
        assert_text(o->path2, "../etc");
}

static void test_file_others(void **state)
{
        static const struct {
                const char *number, *nametype, *operation;
        } cases[] = {
                { "87", "DELETE", "delete" },                                       /* unlink */
                { "263", "DELETE", "delete" },                                      /* unlinkat */
                { "84", "DELETE", "delete" },                                       /* rmdir */
                { "83", "CREATE", "create" },                                       /* mkdir */
                { "133", "CREATE", "create" },                                      /* mknod */
                { "85", "CREATE", "create" },                                       /* creat */
                { "85", "NORMAL", "write" },                                        /* creat of what is there */
                { "76", "NORMAL", "write" },                                        /* truncate */
                { "90", "NORMAL", "attribute" },                                    /* chmod */
                { "268", "NORMAL", "attribute" }, { "452", "NORMAL", "attribute" }, /* fchmodat2 */
                { "92", "NORMAL", "attribute" },                                    /* chown */
                { "188", "NORMAL", "attribute" },                                   /* setxattr */
                { "280", "NORMAL", "attribute" },                                   /* utimensat */
        };
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                char text[1024];
                snprintf(text, sizeof(text),
                        "type=SYSCALL msg=audit(17000%05zu.123:1): arch=c000003e syscall=%s success=yes exit=0 "
                        "a0=ffffff9c a1=1 a2=2 a3=3 ppid=1 pid=2 key=\"k\"\n"
                        "type=CWD msg=audit(17000%05zu.123:1): cwd=\"/d\"\n"
                        "type=PATH msg=audit(17000%05zu.123:1): item=0 name=\"/d\" inode=1 mode=040755 ouid=0 "
                        "nametype=PARENT\n"
                        "type=PATH msg=audit(17000%05zu.123:1): item=1 name=2E2F6120622F inode=2 mode=0100644 ouid=0 "
                        "nametype=%s\n"
                        "type=EOE msg=audit(17000%05zu.123:1):\n",
                        i, cases[i].number, i, i, i, cases[i].nametype, i);
                const struct observation *o = only(*state, text);
                assert_int_equal(o->type, OBSERVED_FILE);
                assert_true(sv_eq(o->operation, sv_of(cases[i].operation)));
                assert_text(o->path, "/d/a b");
                assert_int_equal(o->inode, 2);
        }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_exec),
                TEST(test_exec_long),
                TEST(test_exec_with_a_record_missing),
                TEST(test_exec_by_proctitle),
                TEST(test_exec_of_other_architectures),
                TEST(test_exec_that_failed),
                TEST(test_fork),
                TEST(test_exit),
                TEST(test_kill),
                TEST(test_credential),
                TEST(test_namespace),
                TEST(test_ptrace),
                TEST(test_mount),
                TEST(test_module),
                TEST(test_bpf),
                TEST(test_file_open),
                TEST(test_file_rename),
                TEST(test_file_others),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
