/* auditctl's language: the bytes that auditctl itself sends, the text back, and what is refused. */
#include "lib/auditrule/auditrule.h"

#include "base/cleanup.h"
#include "base/encode.h"
#include "base/path.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

/* The recorded directories are those whose path ends in a slash in the rule; -w cuts it off before it asks. */
static bool is_directory(void *cookie, const char *path)
{
        char with_slash[4200];
        snprintf(with_slash, sizeof(with_slash), "%s/ ", path);
        return strstr(cookie, with_slash) != NULL;
}

static bool no_name(void *cookie, const char *name, uint32_t *ret)
{
        (void)cookie;
        if (strcmp(name, "alice") != 0)
                return false;
        *ret = 1001;
        return true;
}

static struct auditrule_options options_of(char *line)
{
        return (struct auditrule_options){
                .is_directory = is_directory, .user = no_name, .group = no_name, .cookie = line, .arch = "x86_64"
        };
}

static const char *testdata(void)
{
        const char *given = getenv("TARSIER_TESTDATA");
        static char path[4096];
        const char *source = getenv("TARSIER_SOURCE");
        snprintf(path, sizeof(path), "%s%s/watch/go-libaudit/rule/testdata",
                given    ? given
                : source ? source
                         : ".",
                given ? "" : "/../shared/testdata");
        return path;
}

struct golden {
        char line[4096];
        struct buf bytes;
};

/* The bytes as recorded hold the padding of the message behind the strings. */
static void assert_same(const struct golden *golden, struct sv made)
{
        struct audit_rule_data head;
        assert_true(made.n >= sizeof(head));
        if (golden->bytes.len < made.n || memcmp(golden->bytes.data, made.p, made.n) != 0)
                print_error("differs: %s\n", golden->line);
        assert_true(golden->bytes.len >= made.n && golden->bytes.len < made.n + 4);
        assert_memory_equal(golden->bytes.data, made.p, made.n);
}

static void check_golden(struct golden *golden)
{
        struct error err;
        cleanup(auditrule_done) struct auditrule rule, again;
        cleanup(buf_done) struct buf text;
        auditrule_init(&rule);
        auditrule_init(&again);
        buf_init(&text, 65536);
        struct auditrule_options options = options_of(golden->line);
        if (auditrule_parse(sv_of(golden->line), &options, &rule, &err) < 0)
                fail_msg("%s: %s", golden->line, err.message);
        assert_int_equal(rule.kind, AUDITRULE_ADD);
        assert_same(golden, auditrule_bytes(&rule));
        /* to text and back: the same bytes */
        assert_int_equal(auditrule_format(auditrule_bytes(&rule), &text, &err), 0);
        if (auditrule_parse(sv_n(text.data, text.len), &options, &again, &err) < 0)
                fail_msg("%s: %s", text.data, err.message);
        assert_same(golden, auditrule_bytes(&again));
        auditrule_done(&again);
}

static struct sv unquote(struct sv text)
{
        text = sv_trim(text);
        if (text.n >= 2 && text.p[0] == '"' && text.p[text.n - 1] == '"')
                return sv_n(text.p + 1, text.n - 2);
        return text;
}

/* As much of YAML as these files need: `- flags:` over one or more lines, `bytes: !!binary |`, and base64. */
static size_t check_file(const char *path)
{
        cleanup(buf_done) struct buf file, base64;
        struct golden golden = { 0 };
        struct error err;
        size_t count = 0;
        enum { OUTSIDE, FLAGS, BYTES } part = OUTSIDE;
        buf_init(&file, 1 << 20);
        buf_init(&base64, 1 << 16);
        buf_init(&golden.bytes, 1 << 16);
        if (file_read(AT_FDCWD, path, &file, &err) < 0)
                fail_msg("%s", err.message);
        struct sv rest = sv_n(file.data, file.len), line;
        for (bool more = true; more;) {
                more = sv_line(&rest, &line);
                struct sv text = more ? sv_trim(line) : SV("");
                bool begins = sv_starts(text, SV("- flags:"));
                if ((begins || !more) && base64.len > 0) {
                        buf_clear(&golden.bytes);
                        assert_true(base64_decode(sv_n(base64.data, base64.len), &golden.bytes));
                        check_golden(&golden);
                        count++;
                        buf_clear(&base64);
                }
                if (begins) {
                        part = FLAGS;
                        snprintf(golden.line, sizeof(golden.line), "%.*s ",
                                SV_ARG(unquote(sv_n(text.p + 8, text.n - 8))));
                } else if (sv_starts(text, SV("bytes:"))) {
                        part = BYTES;
                } else if (part == FLAGS) {
                        size_t length = strlen(golden.line);
                        snprintf(golden.line + length, sizeof(golden.line) - length, "%.*s ", SV_ARG(text));
                } else if (part == BYTES) {
                        buf_append(&base64, text.p, text.n);
                }
        }
        buf_done(&golden.bytes);
        return count;
}

static void test_bytes_of_auditctl(void **state)
{
        (void)state;
        static const struct {
                const char *name;
                size_t rules;
        } files[] = { { "01-file-watch-spaces.rules.golden.yml", 2 }, { "20-dont-audit.rules.golden.yml", 4 },
                { "22-ignore-chrony.rules.golden.yml", 2 }, { "30-nispom.rules.golden.yml", 0 },
                { "30-pci-dss-v31.rules.golden.yml", 0 }, { "30-stig.rules.golden.yml", 0 },
                { "32-power-abuse.rules.golden.yml", 1 }, { "41-containers.rules.golden.yml", 4 },
                { "42-injection.rules.golden.yml", 7 }, { "43-module-load.rules.golden.yml", 7 },
                { "70-einval.rules.golden.yml", 2 }, { "71-networking.rules.golden.yml", 3 }, { "rule_data.yml", 3 } };
        size_t total = 0;
        char path[8192];
        if (access(testdata(), R_OK) != 0) {
                print_message("skipped: needs %s\n", testdata());
                skip();
        }
        for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
                snprintf(path, sizeof(path), "%s/%s", testdata(), files[i].name);
                size_t count = check_file(path);
                if (files[i].rules)
                        assert_int_equal(count, files[i].rules);
                assert_true(count > 0);
                total += count;
        }
        assert_int_equal(total, 126);
}

/* Every line of the rule files themselves is taken. */
static void test_rule_files(void **state)
{
        (void)state;
        DIR *directory = opendir(testdata());
        if (!directory) {
                print_message("skipped: needs %s\n", testdata());
                skip();
        }
        size_t rules = 0;
        for (struct dirent *entry; (entry = readdir(directory));) {
                cleanup(buf_done) struct buf file;
                struct error err;
                struct auditrule rule;
                char line_text[4096];
                buf_init(&file, 1 << 20);
                if (!sv_ends(sv_of(entry->d_name), SV(".rules")) ||
                        file_read(dirfd(directory), entry->d_name, &file, &err) < 0)
                        continue;
                struct sv rest = sv_n(file.data, file.len), line;
                while (sv_line(&rest, &line)) {
                        snprintf(line_text, sizeof(line_text), "%.*s ", SV_ARG(line));
                        struct auditrule_options options = options_of(line_text);
                        auditrule_init(&rule);
                        if (auditrule_parse(line, &options, &rule, &err) < 0)
                                fail_msg("%s: %.*s: %s", entry->d_name, SV_ARG(line), err.message);
                        rules += rule.kind == AUDITRULE_ADD;
                        auditrule_done(&rule);
                }
        }
        closedir(directory);
        assert_true(rules > 100);
}

static int parse(const char *line, struct auditrule *rule, struct error *err)
{
        static char copy[8192];
        snprintf(copy, sizeof(copy), "%s ", line);
        struct auditrule_options options = options_of(copy);
        return auditrule_parse(sv_of(line), &options, rule, err);
}

static void test_text_and_back(void **state)
{
        (void)state;
        static const char *const pairs[][2] = {
                { "-w /etc/passwd", "-w /etc/passwd -p rwxa" },
                { "-w /etc/ -p wa -k one -k two", "-w /etc -p wa -k one -k two" },
                { "-a exit,always -F arch=x86_64 -S 59", "-a always,exit -F arch=b64 -S execve" },
                { "-A always,exit -F arch=b32 -S execve -F auid!=unset",
                        "-A always,exit -F arch=b32 -S execve -F auid!=unset" },
                { "-a always,exit -F arch=c000003e -S all -F exit!=-13",
                        "-a always,exit -F arch=b64 -S all -F exit!=-EACCES" },
                { "-a always,exit -S all -F a1&0x100 -F a2&=0x7", "-a always,exit -S all -F a1&0x100 -F a2&=0x7" },
                { "-a always,exit -S all -F uid=alice -F gid>=010 -F sessionid!=unset",
                        "-a always,exit -S all -F uid=1001 -F gid>=8 -F sessionid!=unset" },
                { "-a always,exit -S all -C obj_uid!=uid -C euid=uid",
                        "-a always,exit -S all -C uid!=obj_uid -C uid=euid" },
                { "-a never,exclude -F msgtype>=2000 -F msgtype<=CRYPTO_KEY_USER",
                        "-a never,exclude -F msgtype>=KERNEL -F msgtype<=CRYPTO_KEY_USER" },
                { "-a never,filesystem -F fstype=tracefs", "-a never,filesystem -F fstype=tracefs" },
                { "-a never,task -F pid=7", "-a never,task -F pid=7" },
                { "-a always,exit -S all -F exe=\"/opt/a b\" -F filetype=fifo -F key='k 1'",
                        "-a always,exit -S all -F exe='/opt/a b' -F filetype=fifo -F key='k 1'" },
        };
        for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
                struct error err;
                struct auditrule rule;
                struct buf text;
                auditrule_init(&rule);
                buf_init(&text, 4096);
                if (parse(pairs[i][0], &rule, &err) < 0)
                        fail_msg("%s: %s", pairs[i][0], err.message);
                assert_int_equal(auditrule_format(auditrule_bytes(&rule), &text, &err), 0);
                assert_string_equal(text.data, pairs[i][1]);
                buf_done(&text);
                auditrule_done(&rule);
        }
}

static void test_settings(void **state)
{
        (void)state;
        struct error err;
        struct auditrule rule;
        auditrule_init(&rule);
        assert_int_equal(parse("-b 8192 -f 1 -r 100 --backlog_wait_time 60000", &rule, &err), 0);
        assert_int_equal(rule.kind, AUDITRULE_SET);
        assert_int_equal(rule.status.mask, AUDIT_STATUS_BACKLOG_LIMIT | AUDIT_STATUS_FAILURE | AUDIT_STATUS_RATE_LIMIT |
                                                   AUDIT_STATUS_BACKLOG_WAIT_TIME);
        assert_int_equal(rule.status.backlog_limit, 8192);
        assert_int_equal(rule.status.backlog_wait_time, 60000);
        assert_int_equal(parse("-e 2", &rule, &err), 0);
        assert_int_equal(rule.status.enabled, 2);
        assert_int_equal(parse("  # a comment", &rule, &err), 0);
        assert_int_equal(rule.kind, AUDITRULE_NOTHING);
        assert_int_equal(parse("-c", &rule, &err), 0);
        assert_int_equal(rule.kind, AUDITRULE_NOTHING);
        assert_int_equal(parse("-D -k mine", &rule, &err), 0);
        assert_int_equal(rule.kind, AUDITRULE_DELETE_ALL);
        assert_string_equal(rule.key, "mine");
        assert_int_equal(parse("-d always,exit -F arch=b64 -S open", &rule, &err), 0);
        assert_int_equal(rule.kind, AUDITRULE_DELETE);
        auditrule_done(&rule);
}

static void test_refused(void **state)
{
        (void)state;
        static const char *const wrong[] = { "-a always", "-a always,entry", "-a possible,exit", "-S open",
                "-a always,exit -S no_such_call", "-a always,exit -S open -F arch=b64", "-a always,exit -F arch=b99",
                "-a always,exit -F nothing=1", "-a always,exit -F uid", "-a always,exit -F uid=nobody-of-that-name",
                "-a always,exit -F perm=q", "-a always,exit -F perm>w", "-a always,exit -F path=relative",
                "-a always,task -F exit=1", "-a always,exit -F msgtype=1300", "-a always,exit -C uid=gid",
                "-a always,exit -C uid>euid", "-w relative", "-w /a -S open", "-p wa", "-w /a -p wa -p r",
                "-a always,exit -a never,exit", "-w '/a", "-b many", "-e 3", "-x", "word", "-a",
                "-a always,exit -F exit=-ENOSUCHERROR", "-a always,exit -S 4000", "-a always,task -S open",
                "-a never,exclude -S 1 -F msgtype=1300", "-a always,user -S open", "-a always,exit -F success>=1" };
        struct auditrule rule;
        auditrule_init(&rule);
        for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
                struct error err = { 0 };
                if (parse(wrong[i], &rule, &err) == 0)
                        fail_msg("taken: %s", wrong[i]);
                assert_true(err.message[0] != '\0');
        }
        auditrule_done(&rule);
}

static void test_keys(void **state)
{
        (void)state;
        struct error err;
        struct auditrule rule;
        auditrule_init(&rule);
        assert_int_equal(parse("-a always,exit -F arch=b64 -S open -F key=a -F dir=/x", &rule, &err), 0);
        assert_true(sv_eq(auditrule_key(auditrule_bytes(&rule)), SV("a")));
        assert_int_equal(auditrule_put_key(&rule, "first", &err), 0);
        assert_true(sv_eq(auditrule_key(auditrule_bytes(&rule)), SV("first\001a")));
        assert_int_equal(parse("-w /x -p r", &rule, &err), 0);
        assert_int_equal(auditrule_key(auditrule_bytes(&rule)).n, 0);
        assert_int_equal(auditrule_put_key(&rule, "only", &err), 0);
        struct buf text;
        buf_init(&text, 1024);
        assert_int_equal(auditrule_format(auditrule_bytes(&rule), &text, &err), 0);
        assert_string_equal(text.data, "-w /x -p r -k only");
        buf_done(&text);
        char key[AUDIT_MAX_KEY_LEN];
        memset(key, 'k', sizeof(key));
        key[sizeof(key) - 1] = '\0';
        assert_int_equal(auditrule_put_key(&rule, key, &err), -1);
        assert_true(sv_eq(auditrule_key(auditrule_bytes(&rule)), SV("only"))); /* as before */
        auditrule_done(&rule);
}

/* Bytes that are no rule: every cut of one, and counts that lie. */
static void test_bytes_that_lie(void **state)
{
        (void)state;
        struct error err;
        struct auditrule rule;
        struct buf text;
        auditrule_init(&rule);
        buf_init(&text, 4096);
        assert_int_equal(parse("-w /etc/passwd -p wa -k key", &rule, &err), 0);
        struct sv bytes = auditrule_bytes(&rule);
        for (size_t size = 0; size < bytes.n; size++)
                assert_int_equal(auditrule_format(sv_n(bytes.p, size), &text, &err), -1);
        struct audit_rule_data head;
        memcpy(&head, bytes.p, sizeof(head));
        head.field_count = AUDIT_MAX_FIELDS + 1;
        memcpy(rule.data.data, &head, sizeof(head));
        assert_int_equal(auditrule_format(auditrule_bytes(&rule), &text, &err), -1);
        head.field_count = 3;
        head.values[0] = UINT32_MAX;
        memcpy(rule.data.data, &head, sizeof(head));
        assert_int_equal(auditrule_format(auditrule_bytes(&rule), &text, &err), -1);
        assert_int_equal(auditrule_key(auditrule_bytes(&rule)).n, 0);
        buf_done(&text);
        auditrule_done(&rule);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_bytes_of_auditctl),
                cmocka_unit_test(test_rule_files),
                cmocka_unit_test(test_text_and_back),
                cmocka_unit_test(test_settings),
                cmocka_unit_test(test_refused),
                cmocka_unit_test(test_keys),
                cmocka_unit_test(test_bytes_that_lie),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
