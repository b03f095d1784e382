/* Secrets leave command lines, and nothing else does. */
#include "modules/watch/event/event.h"
#include "modules/watch/rules/redact.h"

#include "base/buf.h"
#include "base/cleanup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

enum { WORDS_MAX = 16 };

/* A command line and what of it may be shown; NULL: all. Words are separated by '\x1f' so that arguments may hold
 * spaces. */
struct example {
        const char *given, *expected;
};

#define US "\x1f"

static const struct example positive[] = {
        { "mysql" US "-psecret" US "-u" US "root", "mysql" US "-p[redacted]" US "-u" US "root" },
        { "/usr/bin/mysqldump" US "--password=secret" US "db",
                "/usr/bin/mysqldump" US "--password=[redacted]" US "db" },
        { "sudo" US "mysql" US "-psecret", "sudo" US "mysql" US "-p[redacted]" },
        { "sshpass" US "-p" US "secret" US "ssh" US "host", "sshpass" US "-p" US "[redacted]" US "ssh" US "host" },
        { "sshpass" US "-psecret" US "ssh" US "host", "sshpass" US "-p[redacted]" US "ssh" US "host" },
        { "x" US "--password" US "secret" US "y", "x" US "--password" US "[redacted]" US "y" },
        { "x" US "--token" US "secret", "x" US "--token" US "[redacted]" },
        { "x" US "--client-secret" US "s", "x" US "--client-secret" US "[redacted]" },
        { "x" US "--api-key=abc", "x" US "--api-key=[redacted]" },
        { "x" US "-password" US "secret", "x" US "-password" US "[redacted]" },
        { "env" US "DB_PASSWORD=a b c" US "server", "env" US "DB_PASSWORD=[redacted]" US "server" },
        { "env" US "AWS_SECRET_ACCESS_KEY=abc/def", "env" US "AWS_SECRET_ACCESS_KEY=[redacted]" },
        { "x" US "GITHUB_TOKEN=abc", "x" US "GITHUB_TOKEN=[redacted]" },
        { "x" US "mypassword1=abc", "x" US "mypassword1=[redacted]" },
        { "x" US "DB_PWD=abc", "x" US "DB_PWD=[redacted]" },
        { "x" US "db.pass=abc", "x" US "db.pass=[redacted]" },
        { "mount" US "-o" US "username=u,password=p,uid=0" US "//s/x" US "/mnt",
                "mount" US "-o" US "username=u,password=[redacted],uid=0" US "//s/x" US "/mnt" },
        { "curl" US "https://user:secret@host/x", "curl" US "https://user:[redacted]@host/x" },
        { "git" US "clone" US "https://u:p@ss@host/x", "git" US "clone" US "https://u:[redacted]@host/x" },
        { "git" US "clone" US "https://0123456789abcdefghij@host/x", "git" US "clone" US "https://[redacted]@host/x" },
        { "psql" US "postgresql://u:s3cret@h:5432/db?sslmode=require",
                "psql" US "postgresql://u:[redacted]@h:5432/db?sslmode=require" },
        { "curl" US "https://h/x?access_token=abc&y=1", "curl" US "https://h/x?access_token=[redacted]&y=1" },
        { "curl" US "-u" US "user:secret" US "h", "curl" US "-u" US "user:[redacted]" US "h" },
        { "curl" US "-uuser:secret" US "h", "curl" US "-uuser:[redacted]" US "h" },
        { "curl" US "-su" US "user:secret" US "h", "curl" US "-su" US "user:[redacted]" US "h" },
        { "curl" US "--user" US "user:secret" US "h", "curl" US "--user" US "user:[redacted]" US "h" },
        { "curl" US "-H" US "Authorization: Bearer abc.def" US "h",
                "curl" US "-H" US "Authorization: Bearer [redacted]" US "h" },
        { "curl" US "-H" US "authorization: Basic dTpw" US "h",
                "curl" US "-H" US "authorization: Basic [redacted]" US "h" },
        { "curl" US "-H" US "X-Api-Key:abc" US "h", "curl" US "-H" US "X-Api-Key:[redacted]" US "h" },
        { "curl" US "-HPRIVATE-TOKEN: abc" US "h", "curl" US "-HPRIVATE-TOKEN: [redacted]" US "h" },
        { "curl" US "-H" US "Cookie: session=abc; x=y" US "h", "curl" US "-H" US "Cookie: [redacted]" US "h" },
        { "curl" US "-d" US "{\"user\":\"u\",\"password\":\"a b\",\"x\":1}",
                "curl" US "-d" US "{\"user\":\"u\",\"password\":\"[redacted]\",\"x\":1}" },
        { "curl" US "-d" US "{\"password\": \"a\\\"b\"}", "curl" US "-d" US "{\"password\": \"[redacted]\"}" },
        { "curl" US "-d" US "user=u&password=p&x=1", "curl" US "-d" US "user=u&password=[redacted]&x=1" },
        { "x" US "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
                "x" US "[redacted]" },
        { "echo" US "a eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.x b", "echo" US "a [redacted] b" },
        { "x" US "ghp_0123456789abcdefghij0123456789", "x" US "[redacted]" },
        { "x" US "glpat-0123456789abcdefghij", "x" US "[redacted]" },
        { "echo" US "-----BEGIN RSA PRIVATE KEY-----\nMIIE\nabc\n-----END RSA PRIVATE KEY-----\n",
                "echo" US "-----BEGIN RSA PRIVATE KEY-----[redacted]-----END RSA PRIVATE KEY-----\n" },
        { "echo" US "-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl",
                "echo" US "-----BEGIN OPENSSH PRIVATE KEY-----[redacted]" },
        { "openssl" US "rsa" US "-passin" US "pass:secret", "openssl" US "rsa" US "-passin" US "[redacted]" },
        { "docker" US "login" US "-u" US "u" US "-p" US "secret" US "r",
                "docker" US "login" US "-u" US "u" US "-p" US "[redacted]" US "r" },
        { "redis-cli" US "-a" US "secret" US "ping", "redis-cli" US "-a" US "[redacted]" US "ping" },
        { "ldapsearch" US "-x" US "-D" US "cn=a" US "-w" US "secret",
                "ldapsearch" US "-x" US "-D" US "cn=a" US "-w" US "[redacted]" },
        { "ldapsearch" US "-xw" US "secret", "ldapsearch" US "-xw" US "[redacted]" },
        { "smbclient" US "-U" US "user%secret" US "//h/s", "smbclient" US "-U" US "user%[redacted]" US "//h/s" },
        { "7z" US "x" US "-psecret" US "a.7z", "7z" US "x" US "-p[redacted]" US "a.7z" },
        /* inside of scripts */
        { "sh" US "-c" US "mysql -psecret db", "sh" US "-c" US "mysql -p[redacted] db" },
        { "sh" US "-c" US "cd /x && sshpass -p 'a b' ssh h; ls -p",
                "sh" US "-c" US "cd /x && sshpass -p '[redacted]' ssh h; ls -p" },
        { "sh" US "-c" US "X=1 sudo mysqldump -psecret a | gzip",
                "sh" US "-c" US "X=1 sudo mysqldump -p[redacted] a | gzip" },
        { "sh" US "-c" US "PGPASSWORD=secret psql; id", "sh" US "-c" US "PGPASSWORD=[redacted]" },
        { "sh" US "-c" US "export PGPASSWORD=secret; psql", "sh" US "-c" US "export PGPASSWORD=[redacted]; psql" },
        { "sh" US "-c" US "x --password secret y", "sh" US "-c" US "x --password [redacted] y" },
        { "sh" US "-c" US "curl -u u:secret h", "sh" US "-c" US "curl -u u:[redacted] h" },
        { "sh" US "-c" US "curl -H \"Authorization: Bearer a b\" h",
                "sh" US "-c" US "curl -H \"Authorization: Bearer [redacted]\" h" },
        { "sh" US "-c" US "curl -d \"{\\\"password\\\":\\\"x\\\"}\" h",
                "sh" US "-c" US "curl -d \"{\\\"password\\\":\\\"[redacted]\\\"}\" h" },
        { "sh" US "-c" US "openssl rsa -passin pass:secret -in x",
                "sh" US "-c" US "openssl rsa -passin pass:[redacted] -in x" },
        { "sh" US "-c" US "a TOKEN=1 b SECRET=2 c", "sh" US "-c" US "a TOKEN=[redacted] b SECRET=[redacted] c" },
};

static const char *const near_misses[] = {
        "ls" US "-la" US "/tmp",
        "gcc" US "-O2" US "-Wall" US "-o" US "x" US "x.c",
        "mkdir" US "-p" US "/a/b",
        "mysql" US "-p" US "db", /* asks for it */
        "mysql" US "-P" US "3306",
        "cp" US "-p" US "a" US "b",
        "docker" US "run" US "-p" US "80:80" US "nginx",
        "docker" US "run" US "--name" US "mysql" US "-p" US "3306:3306" US "mysql",
        "docker" US "login" US "--password-stdin",
        "sh" US "-c" US "docker run -p 80:80 x",
        "sh" US "-c" US "mkdir -p /a; ps -p 1",
        "ssh" US "-p" US "22" US "git@host",
        "git" US "clone" US "git@github.com:a/b.git",
        "git" US "clone" US "ssh://git@host/x",
        "curl" US "http://host:8080/a@b",
        "curl" US "http://[::1]:80/x",
        "curl" US "-u" US "user" US "h",
        "curl" US "-H" US "Accept: application/json",
        "x" US "PWD=/home/u",
        "x" US "OLDPWD=/home/u",
        "x" US "PATH=/bin",
        "x" US "--max-tokens=100",
        "x" US "--token-file=/run/x",
        "x" US "--password-file" US "/run/x",
        "x" US "--passwordfile=/run/x",
        "x" US "tokenizer=bert",
        "x" US "AWS_ACCESS_KEY_ID=abc",
        "x" US "--no-password" US "db",
        "x" US "--ask-pass" US "host",
        "x" US "--password",
        "x" US "--password" US "--user" US "u",
        "x" US "--token=",
        "x" US "compass=north",
        "x" US "--bypass=proxy",
        "ld" US "-plugin-opt=-pass-through=-lgcc",
        "x" US "--pass-through" US "host",
        "x" US "monkey=1",
        "x" US "--secret-name" US "web",
        "kubectl" US "get" US "secrets",
        "kubectl" US "get" US "secret" US "-n" US "x",
        "docker" US "pull" US "vault-token:latest",
        "chown" US "root:secret" US "x",
        "test" US "a" US "==" US "b",
        "python3" US "-c" US "if password == x: pass",
        "sh" US "-c" US "x --password \"$PASS\"",
        "sh" US "-c" US "PASSWORD2FILE=x",
        "sh" US "-c" US "export TOKEN=$(cat /run/token)",
        "sh" US "-c" US "x --token ${TOKEN}",
        "echo" US "-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----",
        "echo" US "-----BEGIN PUBLIC KEY-----\nMIIE\n-----END PUBLIC KEY-----",
        "x" US "a.eyJ",
        "x" US "version.1.2.eyJx",
        "x" US "ghp_short",
        "x" US "task-0123456789abcdefghij",
        "ps" US "-eo" US "pid,args",
        "a" US "-" US "--" US "=" US ":" US "." US "_" US "",
        "://" US "://@" US "x://:@" US "=x" US ":x",
        "tar" US "-cpf" US "x.tar" US "--exclude=token",
};

static struct string_list split(char *line, char *words[WORDS_MAX])
{
        struct string_list list = { .items = words };
        for (char *next = line; next && list.count < WORDS_MAX;) {
                words[list.count++] = next;
                next = strchr(next, '\x1f');
                if (next)
                        *next++ = '\0';
        }
        return list;
}

static struct redact *new_redact(struct string_list *patterns)
{
        struct redact *redact = NULL;
        struct error err = { 0 };
        if (redact_new(patterns, &redact, &err) < 0)
                fail_msg("%s", err.message);
        return redact;
}

static void joined(const struct string_list *list, char ret[4096])
{
        size_t n = 0;
        for (size_t i = 0; i < list->count; i++)
                n += (size_t)snprintf(ret + n, 4096 - n, "%s%s", i ? US : "", list->items[i]);
}

static void test_secrets_go(void **state)
{
        (void)state;
        cleanup(redact_free) struct redact *redact = new_redact(NULL);
        for (size_t i = 0; i < sizeof(positive) / sizeof(positive[0]); i++) {
                char line[1024], found[4096], *words[WORDS_MAX];
                snprintf(line, sizeof(line), "%s", positive[i].given);
                struct string_list argv = split(line, words), shown;
                if (!redact_argv(redact, &argv, &shown))
                        fail_msg("nothing found in %s", positive[i].given);
                joined(&shown, found);
                assert_string_equal(found, positive[i].expected);
                joined(&argv, found);
                assert_string_equal(found, positive[i].given); /* the given one is as it was */
                argv = shown;                                  /* what was redacted holds no secret any more */
                struct string_list again;
                char copy[4096], *copied[WORDS_MAX];
                snprintf(copy, sizeof(copy), "%s", positive[i].expected);
                argv = split(copy, copied);
                if (redact_argv(redact, &argv, &again))
                        fail_msg("found again in %s", positive[i].expected);
        }
        struct redact_counters counters;
        redact_count(redact, &counters);
        assert_int_equal(counters.redacted, sizeof(positive) / sizeof(positive[0]));
        assert_int_equal(counters.cut, 0);
}

static void test_near_misses_stay(void **state)
{
        (void)state;
        cleanup(redact_free) struct redact *redact = new_redact(NULL);
        for (size_t i = 0; i < sizeof(near_misses) / sizeof(near_misses[0]); i++) {
                char line[1024], found[4096], *words[WORDS_MAX];
                snprintf(line, sizeof(line), "%s", near_misses[i]);
                struct string_list argv = split(line, words), shown;
                if (redact_argv(redact, &argv, &shown)) {
                        joined(&shown, found);
                        fail_msg("%s became %s", near_misses[i], found);
                }
        }
}

static void test_own_patterns(void **state)
{
        (void)state;
        char *items[] = { (char *)"id=([0-9]+)", (char *)"(?i)hush", (char *)"x*" };
        cleanup(redact_free) struct redact *redact = new_redact(&(struct string_list){ items, 3 });
        char line[] = "a" US "id=123,id=45" US "Hush hush" US "plain", found[4096], *words[WORDS_MAX];
        struct string_list argv = split(line, words), shown;
        assert_true(redact_argv(redact, &argv, &shown));
        joined(&shown, found);
        assert_string_equal(found, "a" US "id=[redacted],id=[redacted]" US "[redacted] [redacted]" US "plain");
        struct error err = { 0 };
        struct redact *bad = NULL;
        char *wrong[] = { (char *)"ok", (char *)"(" };
        assert_int_equal(redact_new(&(struct string_list){ wrong, 2 }, &bad, &err), -1);
        assert_non_null(strstr(err.message, "pattern 2"));
        assert_null(bad);
}

/* More secrets than are told apart: nothing behind them is shown. */
static void test_very_many(void **state)
{
        (void)state;
        cleanup(redact_free) struct redact *redact = new_redact(NULL);
        cleanup(buf_done) struct buf script;
        buf_init(&script, 1 << 20);
        for (int i = 0; i < 1000; i++)
                buf_printf(&script, "echo TOKEN=leak%d; ", i);
        struct sv shown;
        assert_true(redact_text(redact, sv_n(script.data, script.len), &shown));
        assert_null(memmem(shown.p, shown.n, "leak", 4));
        assert_int_equal(strlen(shown.p), shown.n);
}

/* 2 MB of arguments, made to be slow: linear time, or this test does not end. */
static void test_hostile_lengths(void **state)
{
        (void)state;
        cleanup(redact_free) struct redact *redact = new_redact(NULL);
        static const char *const units[] = { " -p", "=", ":", "-", "a=", "://", "\"", "-----BEGIN ", ".eyJ",
                "password=$a ", "--token ", "token:", "eyJ_", "mysql -" };
        for (size_t u = 0; u < sizeof(units) / sizeof(units[0]); u++) {
                size_t unit = strlen(units[u]), size = 128 << 10;
                char *text = malloc(size + 1);
                for (size_t i = 0; i < size; i++)
                        text[i] = units[u][i % unit];
                text[size] = '\0';
                char *items[] = { (char *)"sh", (char *)"-c", text, text, text, text };
                struct string_list argv = { items, 6 }, shown;
                redact_argv(redact, &argv, &shown);
                free(text);
        }
}

static void test_too_long_is_cut(void **state)
{
        (void)state;
        cleanup(redact_free) struct redact *redact = new_redact(NULL);
        size_t size = (size_t)REDACT_MEMORY_MAX + 100;
        char *text = malloc(size + 1);
        memset(text, 'x', size);
        memcpy(text + size - 10, " TOKEN=abc", 10);
        text[size] = '\0';
        char *items[] = { (char *)"sh", text };
        struct string_list argv = { items, 2 }, shown;
        assert_true(redact_argv(redact, &argv, &shown));
        assert_int_equal(shown.count, 2);
        assert_string_equal(shown.items[0], "sh");
        assert_string_equal(shown.items[1], REDACTED);
        struct redact_counters counters;
        redact_count(redact, &counters);
        assert_int_equal(counters.cut, 1);
        free(text);
}

static void test_events(void **state)
{
        (void)state;
        cleanup(redact_free) struct redact *redact = new_redact(NULL);
        char *items[] = { (char *)"mysql", (char *)"-psecret" };
        struct event event = { .type = EVENT_EXEC, .has_process = true, .has_audit = true };
        event.process.argv = (struct string_list){ items, 2 };
        event.audit.detail = "type=SYSCALL arch=c000003e\ntype=EXECVE argc=2 a0=\"mysql\" a1=2D70736563726574\n"
                             "type=PROCTITLE proctitle=6D7973716C002D70736563726574\ntype=CWD cwd=\"/\"";
        assert_true(redact_event(redact, &event));
        assert_string_equal(event.process.argv.items[1], "-p[redacted]");
        assert_string_equal(event.audit.detail, "type=SYSCALL arch=c000003e\ntype=CWD cwd=\"/\"");
        event.process.argv.count = 1;
        event.audit.detail = "type=USER_CMD cmd=\"x --password secret\"";
        assert_true(redact_event(redact, &event));
        assert_string_equal(event.audit.detail, "type=USER_CMD cmd=\"x --password [redacted]\"");
        event.audit.detail = "type=EXECVE argc=1 a0=\"ls\"";
        assert_false(redact_event(redact, &event));
        assert_string_equal(event.audit.detail, "type=EXECVE argc=1 a0=\"ls\"");
        assert_false(redact_event(redact, &(struct event){ 0 }));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_secrets_go),
                cmocka_unit_test(test_near_misses_stay),
                cmocka_unit_test(test_own_patterns),
                cmocka_unit_test(test_very_many),
                cmocka_unit_test(test_hostile_lengths),
                cmocka_unit_test(test_too_long_is_cut),
                cmocka_unit_test(test_events),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
