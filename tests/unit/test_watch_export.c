/* Exports: the real ausearch and aureport read the auditd form and say what the event said; the ECS form has the
 * field names and values of the schema; a stored line becomes the event it was. */
#include "watch_event_fixture.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "modules/watch/event/export.h"
#include "schema/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <sys/wait.h>

static struct error err;

#define CONTAINER_ID "3f29c07c8a1c4f1ab6c7ac0f0b1c87be2c1d7d0d6d2c0a2b0ab8b3f51f0d9a11"

static struct event_ancestor ancestors[] = { { 812, "bash", "/usr/bin/bash", "b007-7-1" },
        { 1, "systemd", "/usr/lib/systemd/systemd", "b007-1-1" } };
static const char *const argv[] = { "curl", "-H", "a b", "http://example.org/\"q\"", "" };
static const char *const tags[] = { "download-and-run" };

static struct event curl_event(void)
{
        return (struct event){
                .time_ns = FIXTURE_START + 123 * MILLISECOND,
                .id = 4711,
                .type = EVENT_EXEC,
                .has_process = true,
                .process = { .exec_id = "b007-9-1",
                        .parent_exec_id = "b007-7-1",
                        .pid = 900,
                        .ppid = 812,
                        .start_ns = FIXTURE_START,
                        .comm = "curl",
                        .exe = "/usr/bin/curl",
                        .cwd = "/tmp/a b",
                        .tty = "pts/3",
                        .argv = { (char **)argv, 5 },
                        .has_ids = true,
                        .uid = 1000,
                        .euid = 0,
                        .gid = 1000,
                        .egid = 0,
                        .has_session = true,
                        .auid = 1000,
                        .session = 5,
                        .has_container = true,
                        .container = { "docker", CONTAINER_ID, "web-1", "registry:5000/web/front:1.2", NULL,
                                ATTRIBUTION_CGROUP },
                        .ancestors = { ancestors, 2 },
                        .sha256 = "ab" },
                .has_audit = true,
                .audit = { .serial = 77, .key = "execs", .syscall = "execve", .has_result = true, .success = true },
                .tags = { (char **)tags, 1 },
        };
}

/* ---- the real programs ---- */

static bool have(const char *program)
{
        return access(program, X_OK) == 0;
}

/* The standard output of a program; its exit status in *ret. */
static void run(char *const arguments[], struct buf *out, int *ret)
{
        int pipe_fds[2];
        assert_int_equal(pipe(pipe_fds), 0);
        pid_t pid = fork();
        if (pid == 0) {
                int null = open("/dev/null", O_RDWR);
                dup2(null, 0);
                dup2(pipe_fds[1], 1);
                dup2(pipe_fds[1], 2);
                close(pipe_fds[0]);
                setenv("TZ", "UTC", 1);
                setenv("LC_ALL", "C", 1);
                execv(arguments[0], arguments);
                _exit(127);
        }
        close(pipe_fds[1]);
        for (;;) {
                char *room = buf_reserve(out, 65536);
                ssize_t got = read(pipe_fds[0], room, 65536);
                if (got <= 0)
                        break;
                out->len += (size_t)got;
                out->data[out->len] = '\0';
        }
        close(pipe_fds[0]);
        int status;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        *ret = WEXITSTATUS(status);
}

static void write_log(const struct buf *text, char *path)
{
        snprintf(path, 64, "/tmp/test-watch-export-XXXXXX");
        int fd = mkstemp(path);
        assert_true(fd >= 0);
        assert_int_equal(write(fd, text->data, text->len), text->len);
        close(fd);
}

static const char *ausearch(const struct event *event, struct buf *answer, const char *option, const char *value)
{
        struct buf text;
        char path[64];
        int status;
        buf_init(&text, 4 * MIB);
        buf_clear(answer);
        export_auditd(event, &text);
        write_log(&text, path);
        char *arguments[] = { (char *)"/usr/sbin/ausearch", (char *)"-i", (char *)"-if", path, (char *)option,
                (char *)value, NULL };
        run(arguments, answer, &status);
        unlink(path);
        buf_done(&text);
        return status == 0 ? buf_text(answer) : "";
}

static void expect(const char *answer, const char *const *wanted)
{
        for (size_t i = 0; wanted[i]; i++)
                if (!strstr(answer, wanted[i]))
                        fail_msg("no \"%s\" in:\n%s", wanted[i], answer);
}

static void test_ausearch_reads_exec(void **state)
{
        (void)state;
        if (!have("/usr/sbin/ausearch"))
                skip(); /* needs ausearch (package auditd) */
        struct buf answer;
        struct event event = curl_event();
        buf_init(&answer, 4 * MIB);
        static const char *const wanted[] = { "type=SYSCALL msg=audit(09/21/26 14:13:20.123:4711)", "syscall=execve",
                "success=yes", "pid=900", "ppid=812", "tty=pts3", "ses=5", "comm=curl", "exe=/usr/bin/curl",
                "key=execs", "euid=root", "a0=curl a1=-H a2=a b a3=http://example.org/\"q\" a4=", "cwd=/tmp/a b",
                "name=/usr/bin/curl", "proctitle=curl -H a b http://example.org/\"q\"", NULL };
        expect(ausearch(&event, &answer, "-k", "execs"), wanted);
        static const char *const options[][2] = { { "-k", "execs" }, { "-x", "/usr/bin/curl" }, { "-p", "900" },
                { "-c", "curl" }, { "-ul", "1000" }, { "-ue", "0" }, { "-sc", "execve" }, { "-a", "4711" },
                { "-f", "/usr/bin/curl" }, { "-m", "EXECVE" }, { "--session", "5" }, { "-sv", "yes" } };
        for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
                if (!strstr(ausearch(&event, &answer, options[i][0], options[i][1]), "4711"))
                        fail_msg("ausearch %s %s: %s", options[i][0], options[i][1], buf_text(&answer));
        assert_null(strstr(ausearch(&event, &answer, "-k", "other"), "4711"));
        buf_done(&answer);
}

/* Arguments over the kernel's limit of a record stand in several, as the kernel does it. */
static void test_ausearch_reads_long_arguments(void **state)
{
        (void)state;
        if (!have("/usr/sbin/ausearch"))
                skip(); /* needs ausearch (package auditd) */
        struct event event = curl_event();
        struct buf answer;
        struct buf text;
        char *many[200];
        char *large = malloc(20001);
        memset(large, 'x', 20000);
        large[20000] = '\0';
        for (int i = 0; i < 200; i++)
                many[i] = i == 100 ? large : large + 20000 - 90;
        many[199] = (char *)"the-end";
        event.process.argv = (struct string_list){ many, 200 };
        buf_init(&answer, 4 * MIB);
        buf_init(&text, 4 * MIB);
        static const char *const wanted[] = { "argc=200", "a199=the-end", NULL };
        expect(ausearch(&event, &answer, "-m", "EXECVE"), wanted);
        export_auditd(&event, &text);
        struct sv rest = sv_n(text.data, text.len);
        struct sv line;
        size_t records = 0;
        while (sv_line(&rest, &line)) {
                assert_true(line.n < 8970); /* MAX_AUDIT_MESSAGE_LENGTH of libaudit.h */
                records += sv_starts(line, SV("type=EXECVE"));
        }
        assert_true(records >= 6);
        assert_non_null(strstr(text.data, " a100_len=20000 "));
        assert_non_null(strstr(text.data, " a100[2]="));
        free(large);
        buf_done(&text);
        buf_done(&answer);
}

static void test_ausearch_reads_every_type(void **state)
{
        (void)state;
        if (!have("/usr/sbin/ausearch"))
                skip(); /* needs ausearch (package auditd) */
        static const struct {
                int type;
                struct event_object object;
                const char *wanted[8];
        } cases[] = {
                { EVENT_FORK, { 0 }, { "syscall=clone", "exit=900", " pid=812", "comm=bash", "exe=/usr/bin/bash" } },
                { EVENT_EXIT, { 0 }, { "syscall=exit_group", "pid=900" } },
                { EVENT_CREDENTIAL, { 0 }, { "syscall=setresuid" } },
                { EVENT_NAMESPACE, { .operation = "setns" }, { "syscall=setns" } },
                { EVENT_PTRACE, { .operation = "attach", .pid = 55, .name = "victim" },
                        { "syscall=ptrace", "type=OBJ_PID", "opid=55", "ocomm=victim" } },
                { EVENT_FILE,
                        { .operation = "create", .path = "/etc/cron.d/a b", .inode = 9, .mode = 0100640, .owner = 0 },
                        { "type=PATH", "name=/etc/cron.d/a b", "inode=9", "mode=file,640", "ouid=root",
                                "nametype=CREATE" } },
                { EVENT_USER, { .operation = "USER_LOGIN" },
                        { "type=USER_LOGIN", "acct=alice", "exe=/usr/bin/curl", "addr=192.0.2.1", "terminal=ssh",
                                "res=failed" } },
                { EVENT_MODULE, { .operation = "load", .name = "dummy" },
                        { "syscall=finit_module", "type=KERN_MODULE", "name=dummy" } },
                { EVENT_MODULE, { .operation = "unload", .name = "dummy" }, { "syscall=delete_module" } },
                { EVENT_MOUNT, { .operation = "umount2", .path = "/mnt" }, { "syscall=umount2", "name=/mnt" } },
                { EVENT_BPF, { .operation = "load", .name = "12" }, { "type=BPF", "prog-id=12", "op=LOAD" } },
                { EVENT_CAPABILITY, { 0 }, { "syscall=capset" } },
                { EVENT_OOM, { 0 }, { "type=ANOM_ABEND", "sig=SIGKILL", "pid=900" } },
                { EVENT_ANOMALY, { .operation = "ANOM_PROMISCUOUS" }, { "type=ANOM_PROMISCUOUS", "pid=900" } },
                { EVENT_CONFIG, { .name = "add_rule" }, { "type=CONFIG_CHANGE", "add_rule" } },
                { EVENT_SYSCALL, { 0 }, { "type=SYSCALL", "success=no" } },
                { EVENT_CONTAINER, { .operation = "stop" },
                        { "type=VIRT_CONTROL", "virt=docker", "op=stop", "vm=web-1", "uuid=" CONTAINER_ID } },
                { EVENT_GAP, { 0 }, { "type=DAEMON_ERR", "op=lost-records", "lost=9", "reason=kernel-backlog" } },
        };
        struct buf answer;
        buf_init(&answer, 4 * MIB);
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct event event = curl_event();
                event.type = cases[i].type;
                event.has_object = true;
                event.object = cases[i].object;
                event.audit.syscall = NULL;
                event.audit.success = cases[i].type != EVENT_USER && cases[i].type != EVENT_SYSCALL;
                event.has_user = true;
                event.user = (struct event_user){ "alice", "192.0.2.1", "ssh", NULL };
                event.has_exit = event.type == EVENT_EXIT;
                event.exit.code = 3;
                event.has_gap = event.type == EVENT_GAP;
                event.has_process = event.type != EVENT_GAP;
                event.gap = (struct event_gap){ 9, "records", "kernel backlog", 0 };
                expect(ausearch(&event, &answer, "-a", "4711"), cases[i].wanted);
        }
        buf_done(&answer);
}

/* A thousand random events: every one of them is an event to ausearch, and aureport counts what they are. */
static void test_aureport_counts(void **state)
{
        (void)state;
        if (!have("/usr/sbin/aureport"))
                skip(); /* needs aureport (package auditd) */
        enum { COUNT = 1000 };
        struct buf text;
        struct buf answer;
        struct fixture_event event;
        uint64_t random = 3;
        char path[64];
        int status;
        buf_init(&text, 16 * MIB);
        buf_init(&answer, 64 * MIB);
        for (uint64_t i = 1; i <= COUNT; i++) {
                fixture_event(&event, i, &random);
                event.event.id = i;
                export_auditd(&event.event, &text);
        }
        write_log(&text, path);
        char *search[] = { (char *)"/usr/sbin/ausearch", (char *)"--raw", (char *)"-if", path, NULL };
        run(search, &answer, &status);
        assert_int_equal(status, 0);
        size_t seen = 0;
        uint64_t last = 0;
        struct sv rest = sv_n(answer.data, answer.len);
        struct sv line;
        while (sv_line(&rest, &line)) {
                size_t colon = sv_find(line, ':');
                struct sv number = sv_n(line.p + colon + 1, line.n > colon ? line.n - colon - 1 : 0);
                uint64_t id;
                assert_true(sv_parse_u64(sv_n(number.p, sv_find(number, ')')), 10, &id));
                seen += id != last;
                last = id;
        }
        assert_true(answer.len >= text.len);
        assert_int_equal(seen, COUNT);
        buf_clear(&answer);
        char *report[] = { (char *)"/usr/sbin/aureport", (char *)"--summary", (char *)"-if", path, NULL };
        run(report, &answer, &status);
        char wanted[64];
        snprintf(wanted, sizeof(wanted), "Number of events: %d\n", COUNT);
        if (status != 0 || !strstr(buf_text(&answer), wanted))
                fail_msg("%s", buf_text(&answer));
        unlink(path);
        buf_done(&text);
        buf_done(&answer);
}

/* ---- ECS ---- */

static json_t *ecs_of(const struct event *event)
{
        struct buf text;
        buf_init(&text, MIB);
        export_ecs(event, &text);
        json_t *value = json_parse(sv_n(buf_text(&text), text.len), true, &err);
        if (!value)
                fail_msg("%s: %s", err.message, buf_text(&text));
        buf_done(&text);
        return value;
}

/* The member "a.b.0.c" as compact JSON; "" when there is none. */
static void expect_member(json_t *value, const char *path, const char *wanted)
{
        struct sv rest = sv_of(path);
        struct sv part;
        const json_t *member = value;
        while (member && sv_split(&rest, '.', &part)) {
                char key[64];
                uint64_t index;
                snprintf(key, sizeof(key), "%.*s", SV_ARG(part));
                member = json_is_array(member) && sv_parse_u64(part, 10, &index) ? json_array_get(member, index)
                                                                                 : json_object_get(member, key);
        }
        char *text = member ? json_dumps(member, JSON_COMPACT | JSON_ENCODE_ANY) : strdup("");
        if (strcmp(text, wanted) != 0)
                fail_msg("%s is %s, not %s", path, text, wanted);
        free(text);
}

static void test_ecs(void **state)
{
        (void)state;
        static const struct {
                const char *path, *value;
        } wanted[] = {
                { "@timestamp", "\"2026-09-21T14:13:20.123Z\"" },
                { "ecs.version", "\"8.11.0\"" },
                { "event.kind", "\"alert\"" },
                { "event.category", "[\"process\"]" },
                { "event.type", "[\"start\"]" },
                { "event.action", "\"exec\"" },
                { "event.outcome", "\"success\"" },
                { "event.id", "\"4711\"" },
                { "event.provider", "\"audit\"" },
                { "process.pid", "900" },
                { "process.entity_id", "\"b007-9-1\"" },
                { "process.parent.pid", "812" },
                { "process.parent.entity_id", "\"b007-7-1\"" },
                { "process.parent.executable", "\"/usr/bin/bash\"" },
                { "process.executable", "\"/usr/bin/curl\"" },
                { "process.name", "\"curl\"" },
                { "process.args.2", "\"a b\"" },
                { "process.args_count", "5" },
                { "process.command_line", "\"curl -H a b http://example.org/\\\"q\\\" \"" },
                { "process.working_directory", "\"/tmp/a b\"" },
                { "process.hash.sha256", "\"ab\"" },
                { "process.exit_code", "" },
                { "user.id", "\"1000\"" },
                { "user.effective.id", "\"0\"" },
                { "user.effective.group.id", "\"0\"" },
                { "container.id", "\"" CONTAINER_ID "\"" },
                { "container.name", "\"web-1\"" },
                { "container.runtime", "\"docker\"" },
                { "container.image.name", "\"registry:5000/web/front\"" },
                { "container.image.tag", "[\"1.2\"]" },
                { "tags", "[\"download-and-run\"]" },
                { "file", "" },
                { "tarsier.key", "\"execs\"" },
                { "tarsier.ancestors.1", "\"b007-1-1\"" },
        };
        struct event event = curl_event();
        cleanup(json_decref) json_t *value = ecs_of(&event);
        for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
                expect_member(value, wanted[i].path, wanted[i].value);
}

static void test_ecs_of_types(void **state)
{
        (void)state;
        struct event event = curl_event();
        event.type = EVENT_EXIT;
        event.has_exit = true;
        event.exit = (struct event_exit){ .code = 0, .signal = 9, .duration_ns = 5 };
        json_t *value = ecs_of(&event);
        expect_member(value, "event.type", "[\"end\"]");
        expect_member(value, "event.duration", "5");
        expect_member(value, "process.exit_code", "137");
        json_decref(value);
        event = curl_event();
        event.type = EVENT_FILE;
        event.has_object = true;
        event.object = (struct event_object){ .operation = "delete", .path = "/etc/x/y", .inode = 3, .mode = 0100644 };
        event.audit.success = false;
        event.tags.count = 0;
        value = ecs_of(&event);
        expect_member(value, "event.category", "[\"file\"]");
        expect_member(value, "event.type", "[\"deletion\"]");
        expect_member(value, "event.action", "\"delete\"");
        expect_member(value, "event.outcome", "\"failure\"");
        expect_member(value, "event.kind", "\"event\"");
        expect_member(value, "file.path", "\"/etc/x/y\"");
        expect_member(value, "file.name", "\"y\"");
        expect_member(value, "file.mode", "\"0644\"");
        json_decref(value);
        event = (struct event){ .type = EVENT_GAP, .has_gap = true, .gap = { 9, "records", "queue", 0 } };
        value = ecs_of(&event);
        expect_member(value, "event.kind", "\"pipeline_error\"");
        expect_member(value, "process", "");
        expect_member(value, "tarsier.lost", "9");
        json_decref(value);
}

/* ---- reading again ---- */

static void test_read_again(void **state)
{
        (void)state;
        struct buf line;
        struct buf again;
        uint64_t random = 8;
        struct fixture_event event;
        buf_init(&line, MIB);
        buf_init(&again, MIB);
        for (uint64_t i = 0; i < 2000; i++) {
                cleanup(arena_done) struct arena arena;
                struct event read;
                arena_init(&arena, MIB);
                fixture_event(&event, i, &random);
                event.event.id = i;
                if (i % 7 == 0 && event.event.has_process) /* no UTF-8 */
                        event.event.process.exe = "/tmp/\xff\xfe";
                if (event.event.type == EVENT_EXIT)
                        event.event.has_exit = true;
                event.event.exit.has_usage = i % 2;
                buf_clear(&line);
                buf_clear(&again);
                assert_int_equal(event_write(&event.event, false, &line), 0);
                if (event_read(sv_n(line.data, line.len), &arena, &read, &err) < 0)
                        fail_msg("%s: %s", err.message, line.data);
                if (i % 7 == 0 && event.event.has_process)
                        assert_string_equal(read.process.exe, "/tmp/\xff\xfe");
                assert_int_equal(event_write(&read, false, &again), 0);
                assert_string_equal(again.data, line.data);
        }
        struct arena arena;
        struct event read;
        arena_init(&arena, MIB);
        static const char *const bad[] = { "", "[]", "{\"type\":\"none-such\"}", "{\"process\":7}",
                "{\"process\":{\"exe_raw\":\"!\"}}", "{\"time\":\"x\"}" };
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
                assert_int_equal(event_read(sv_of(bad[i]), &arena, &read, &err), -1);
        arena_done(&arena);
        buf_done(&line);
        buf_done(&again);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_ausearch_reads_exec),
                cmocka_unit_test(test_ausearch_reads_long_arguments),
                cmocka_unit_test(test_ausearch_reads_every_type),
                cmocka_unit_test(test_aureport_counts),
                cmocka_unit_test(test_ecs),
                cmocka_unit_test(test_ecs_of_types),
                cmocka_unit_test(test_read_again),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
