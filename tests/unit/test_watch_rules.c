/* The rule language: what conditions mean, what is refused and where, thresholds, suppression, exceptions, merging. */
#include "rules_fixture.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/path.h"
#include "schema/json.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

static struct rules *load(const char *text)
{
        struct rules *rules = NULL;
        struct error err = { 0 };
        if (rules_load_text("test.yaml", sv_of(text), &rules, &err) < 0)
                fail_msg("%s", err.message);
        return rules;
}

/* Is the condition true for the event? */
static bool is_true(const char *condition, const struct event *event)
{
        cleanup(buf_done) struct buf yaml;
        buf_init(&yaml, 64 << 10);
        buf_puts(&yaml,
                "lists:\n  few: [a, b]\n  many: [q, w, e, r, t, y, u, sh, nc]\n  numbers: [1, 1000]\n"
                "macros:\n  is_shell: basename(process.exe) = sh\n  both: is_shell or is_shell and not is_shell\n"
                "rules:\n  - name: r\n    types: [exec, exit, file, gap]\n    condition: |\n      ");
        buf_puts(&yaml, condition);
        buf_puts(&yaml, "\n");
        cleanup(rules_free) struct rules *rules = load(buf_text(&yaml));
        return hits(rules, event, "r");
}

static const struct {
        const char *condition;
        bool expected;
} operator_cases[] = {
        { "process.exe = /usr/bin/sh", true },
        { "process.exe = \"/usr/bin/sh\"", true },
        { "process.exe = '/usr/bin/sh'", true },
        { "process.exe = /usr/bin/s", false },
        { "process.exe != /usr/bin/s", true },
        { "process.exe!=/usr/bin/sh", false },
        { "basename(process.exe) = sh", true },
        { "basename(process.comm) = comm", true },
        { "process.exe startswith /usr/", true },
        { "process.exe startswith (/bin/, /usr/)", true },
        { "process.exe startswith /bin", false },
        { "process.exe endswith /sh", true },
        { "process.exe endswith sh/", false },
        { "process.exe contains bin", true },
        { "process.exe contains nib", false },
        { "process.exe matches '^/usr/(s)?bin/[a-z]+$'", true },
        { "process.exe matches bash", false },
        { "process.exe glob '/usr/*/sh'", true },
        { "process.exe glob '/usr/*'", false },
        { "process.exe glob '/**'", true },
        { "process.exe glob '/usr/bin/[a-z]h'", true },
        { "process.exe glob '/usr/bin/[!a-z]h'", false },
        { "process.exe glob '/usr/bin/s?'", true },
        { "process.exe glob '/usr?bin/sh'", false },
        { "process.exe in (/usr/bin/sh, /bin/sh)", true },
        { "process.exe in (/bin/sh)", false },
        { "process.exe not in (/bin/sh)", true },
        { "basename(process.exe) in $many", true },
        { "basename(process.exe) in $few", false },
        { "process.pid = 100", true },
        { "process.pid = 0x64", true },
        { "process.pid & 0o4", true },
        { "process.pid & 3", false },
        { "process.pid < 101 and process.pid <= 100 and process.pid > 99 and process.pid >= 100", true },
        { "process.pid < 100 or process.pid > 100", false },
        { "process.uid in $numbers", true },
        { "process.uid != 1000", false },
        { "type = exec", true },
        { "type in (exit, gap)", false },
        { "source = audit", true },
        { "time > 1970-01-01", true },
        { "time > 2026-01-01T00:00:00Z", false },
        /* lists: any element */
        { "process.argv = -c", true },
        { "process.argv != -c", false },
        { "process.argv = id", false },
        { "process.argv contains uname", true },
        { "process.argv intersects (x, sh)", true },
        { "process.argv intersects $few", false },
        { "process.argv[0] = sh", true },
        { "process.argv[1] = sh", false },
        { "process.argv[1] != sh", true },
        { "process.argv[9] = sh", false },
        { "process.argv[9] exists", false },
        { "process.argv[2] exists", true },
        { "process.argv exists", true },
        { "process.ancestors exists", false },
        { "process.ancestors.exe exists", false },
        /* what is not there is equal to nothing */
        { "process.cwd = /", false },
        { "process.cwd != /", true },
        { "process.cwd exists", false },
        { "process.cwd not exists", true },
        { "process.auid = 0", false },
        { "process.auid exists", false },
        { "process.uid exists", true },
        { "process.container exists", false },
        { "process.container.name = web", false },
        { "object.mode & 0o4000", false },
        { "audit.success = false", false },
        { "not audit.success = false", true },
        { "audit.success", false },
        { "exit.code = 0", false },
        /* bools and connectives */
        { "process.argv_truncated", false },
        { "not process.argv_truncated", true },
        { "process.argv_truncated = false", true },
        { "process.pid = 100 and process.exe contains zz or process.uid = 1000", true },
        { "process.pid = 100 and (process.exe contains zz or process.uid = 1)", false },
        { "not not process.pid = 100", true },
        { "not (process.pid = 100 and process.uid = 1)", true },
        { "not process.pid = 100 or process.uid = 1", false },
        { "is_shell", true },
        { "both", true },
        { "not both and is_shell", false },
};

static void test_operators(void **state)
{
        (void)state;
        struct event event = exec_event("/usr/bin/sh", "sh", "-c", "id; uname", NULL);
        for (size_t i = 0; i < sizeof(operator_cases) / sizeof(operator_cases[0]); i++)
                if (is_true(operator_cases[i].condition, &event) != operator_cases[i].expected)
                        fail_msg("%s should be %s", operator_cases[i].condition,
                                operator_cases[i].expected ? "true" : "false");
}

static void test_present_values(void **state)
{
        (void)state;
        struct event event = exec_event("/bin/x", "x", NULL);
        set_container(&event, "web");
        set_parent(&event, "nginx", "/usr/sbin/nginx");
        event.process.has_session = true;
        event.process.auid = 4294967295;
        assert_true(is_true("process.container exists and process.container.name = web", &event));
        assert_true(is_true("process.container.engine in (docker, podman)", &event));
        assert_true(is_true("process.container.attribution = cgroup", &event));
        assert_true(is_true("process.container.attribution not in (none, lineage)", &event));
        assert_true(is_true("basename(process.ancestors.exe) = nginx", &event));
        assert_true(is_true("process.ancestors.comm = systemd", &event));
        assert_false(is_true("process.ancestors[0].comm = systemd", &event));
        assert_true(is_true("process.ancestors[1].comm = systemd", &event));
        assert_true(is_true("process.ancestors.pid = 1 and process.ancestors[0].pid > 1", &event));
        assert_true(is_true("process.auid = 4294967295", &event));
        event = object_event(EVENT_FILE, "/bin/x", "write", "/etc/passwd", "k");
        event.object.mode = 0104755;
        assert_true(is_true("object.mode & 0o4000 and object.path = /etc/passwd and audit.success", &event));
        event.has_object = false; /* what stands behind a record that is not there does not count */
        assert_false(is_true("object.path = /etc/passwd", &event));
        event = (struct event){
                .type = EVENT_EXIT, .has_exit = true, .exit = { .duration_ns = 90 * SECOND, .max_rss = 20 << 20 }
        };
        assert_true(is_true("exit.duration > 1m and exit.duration < 2h", &event));
        assert_false(is_true("exit.max_rss > 10m", &event));
        event.exit.has_usage = true;
        assert_true(is_true("exit.max_rss > 10m and exit.code = 0", &event));
}

static void test_glob_is_linear_and_exact(void **state)
{
        (void)state;
        static char text[100000];
        struct event event = exec_event("/a/b.c/d", text, NULL);
        memset(text, 'a', sizeof(text) - 1);
        assert_false(is_true("process.argv glob '**a*a*a*a*a*a*a*a*a*b'", &event));
        assert_true(is_true("process.argv glob '**a*a*a*a'", &event));
        assert_true(is_true("process.exe glob '/a/b.c/d'", &event));
        assert_false(is_true("process.exe glob '/a/bxc/d'", &event));
        assert_false(is_true("process.exe glob '/a/b.c/d?'", &event));
        assert_true(is_true("process.exe glob '/a/**d'", &event));
        assert_true(is_true("process.exe glob '/a/b[.]c/[a-d]'", &event));
        assert_true(is_true("process.exe glob '/a/b\\.c/\\d'", &event));
        event.process.exe = "/x/[y]+(z)";
        assert_true(is_true("process.exe glob '/x/\\[y\\]+(z)'", &event));
        assert_true(is_true("process.exe glob '/x/[[]y[]]+(z)'", &event));
        assert_true(is_true("process.exe glob '/x/[!a]y?+(z)'", &event));
}

/* --- refusals --- */

static void refused(const char *text, const char *expected)
{
        struct rules *rules = NULL;
        struct error err = { 0 };
        if (rules_load_text("test.yaml", sv_of(text), &rules, &err) == 0)
                fail_msg("taken: %s", text);
        if (!strstr(err.message, expected))
                fail_msg("\"%s\" instead of \"%s\"", err.message, expected);
        assert_null(rules);
}

static void condition_refused(const char *condition, const char *expected)
{
        cleanup(buf_done) struct buf yaml;
        buf_init(&yaml, 64 << 10);
        buf_printf(&yaml,
                "lists: {few: [a, b]}\nmacros: {is_shell: process.pid = 1}\nrules:\n  - name: r\n    types: [exec]\n"
                "    condition: |\n      %s\n",
                condition);
        refused(buf_text(&yaml), expected);
}

static void test_errors_name_the_place(void **state)
{
        (void)state;
        condition_refused("process.exee = /bin/sh",
                "test.yaml:7: rule r: condition: an event has no field process.exee; did you mean process.exe?");
        condition_refused("process.pid = 1 and\n      exe = /bin/sh",
                "test.yaml:8: rule r: condition: an event has no field exe; did you mean process.exe?");
        condition_refused("process.pid = 1 and\n\n      process.uid = abc", "test.yaml:9:");
        condition_refused("process.pid = abc", "process.pid is a number (10, 0x1f, 0o755), and \"abc\" is none");
        condition_refused("process.pid = 0755", "process.pid is a number");
        condition_refused("process.pid = 0o9", "process.pid is a number");
        condition_refused("process.pid = 99999999999999999999", "process.pid is a number");
        condition_refused("exit.duration > 10", "a duration");
        condition_refused("time > yesterday", "a time");
        condition_refused("process.pid contains 1", "process.pid is a number: contains cannot be asked of it");
        condition_refused("process.exe < a", "process.exe is a text: < cannot be asked of it");
        condition_refused("process.exe", "an operator (=, in, contains …) is missing at the end");
        condition_refused("process.exe =", "a value is missing at the end");
        condition_refused("process.exe = )", "a value is missing at \")\"");
        condition_refused("process.exe in (a b)", "\")\" or \",\" is missing at \"b)");
        condition_refused("process.exe in ()", "a value is missing");
        condition_refused("process.exe = (a, b)", "one value (several stand behind in)");
        condition_refused("process.exe = $few", "one value (a list stands behind in)");
        condition_refused("process.exe in $fwe", "unknown list $fwe; did you mean $few?");
        condition_refused("is_shel", "neither a field nor a macro: is_shel; did you mean is_shell?");
        condition_refused("(process.pid = 1", "\")\", and, or is missing at the end");
        condition_refused("process.pid = 1 process.pid = 2", "and, or is missing at \"process.pid = 2");
        condition_refused("process.pid = 1 and", "a field or macro is missing at the end");
        condition_refused("process.exe matches '('", "error parsing regexp: missing closing )");
        condition_refused("process.exe = 'a", "a quote is not closed");
        condition_refused("process.exe = \"\\d\"", "unknown escape");
        condition_refused("process.exe contains ''", "an empty text is in every text");
        condition_refused("process.exe # comment", "unexpected character");
        condition_refused("type = exek", "type is never \"exek\"; did you mean exec?");
        condition_refused("process.argv_truncated = maybe", "true or false");
        condition_refused("process = 1", "process is a group of fields: = cannot be asked of it");
        condition_refused("process.exe[0] = a", "exe is no list");
        condition_refused("process.argv[x] = a", "an index is a number in brackets");
        condition_refused("process.exe intersects (a)", "process.exe is no list: use in instead of intersects");
        condition_refused("basename(process.pid) = 1", "basename() is for texts");
        condition_refused("basename process.exe = a", "\"(\" behind basename");
        condition_refused("process.exe not = a", "in, contains");
        condition_refused("process.exe == a", "a value is missing");
        condition_refused("process..exe = a", "an event has no field");
}

static void test_bad_files(void **state)
{
        (void)state;
        refused("rules:\n  - name: a\n   types: x\n", "test.yaml:");
        refused("rulez: []\n", "unknown rulez; did you mean rules?");
        refused("- a\n", "a file has lists, macros and rules");
        refused("rules: {}\n", "rules: expected a list");
        refused("rules:\n  - severity: low\n", "test.yaml:2: a rule is a group of members");
        refused("rules:\n  - name: Big Name\n    condition: type = exec\n", "names are of a-z");
        refused("rules:\n  - name: a\n    types: [exec]\n    condition: type = exec\n    severety: low\n",
                "test.yaml:5: rule a: severety: a rule has no such member; did you mean severity?");
        refused("rules:\n  - name: a\n    types: [exec]\n    condition: type = exec\n    severity: hgh\n",
                "test.yaml:5: rule a: severity:");
        refused("rules:\n  - name: a\n    condition: type = exec\n", "test.yaml:2: rule a: types");
        refused("rules:\n  - name: a\n    types: []\n    condition: type = exec\n", "rule a: types");
        refused("rules:\n  - name: a\n    types: [exek]\n    condition: type = exec\n", "rule a: types");
        refused("rules:\n  - name: a\n    types: [exec]\n",
                "rule a has no condition, and no rule before has this name");
        refused("rules:\n  - name: a\n    types: [exec]\n    condition: type = exec\n  - name: a\n    enabled: false\n",
                "test.yaml:5: rule a stands twice in this file");
        refused("rules:\n  - name: a\n    types: [exec]\n    condition: type = exec\n    threshold: {count: 1, window: "
                "1s}\n",
                "rule a: threshold.count");
        refused("rules:\n  - name: a\n    types: [exec]\n    condition: type = exec\n    threshold: {count: 3, window: "
                "1s, by: [process.exex]}\n",
                "test.yaml:5: rule a: threshold: by: an event has no field process.exex");
        refused("rules:\n  - name: a\n    types: [exec]\n    condition: type = exec\n    output: 100% of "
                "%process.exx\n",
                "rule a: output: ");
        refused("rules:\n  - name: a\n    types: [exec]\n    condition: type = exec\n    exceptions:\n      - name: "
                "x\n        condition: process.pif = 1\n",
                "test.yaml:7: rule a: exception x: an event has no field process.pif");
        refused("lists: {a: [$b]}\n", "list a: no list $b stands above it");
        refused("lists: {a: [1.5]}\n", "texts and whole numbers only");
        refused("lists: {a: b}\n", "list a: expected a list");
        refused("macros:\n  time: type = exec\n",
                "test.yaml:2: macro time: that is a word of the language, or a field");
        refused("macros: {and: type = exec}\n", "macro and");
        refused("macros:\n  ok: type = exec\n  bad: proces.pid = 1\n",
                "test.yaml:3: macro bad: an event has no field proces.pid; did you mean process.pid?");
        refused("macros: {a: b, b: a}\n", "nested deeper than 64 (does a macro use itself?)");
        refused("lists: {a: [x], a: [y]}\n", "duplicate key a");
        cleanup(rules_free) struct rules *empty = load("");
        assert_int_equal(rules_match(empty, &(struct event){ .type = EVENT_EXEC }, 0, NULL, NULL), 0);
}

/* Each macro doubles the one before it: 2^40 tests would not be parsed. */
static void test_macros_are_bounded(void **state)
{
        (void)state;
        cleanup(buf_done) struct buf yaml;
        buf_init(&yaml, 64 << 10);
        buf_puts(&yaml, "macros:\n  m0: process.pid = 1\n");
        for (int i = 1; i <= 40; i++)
                buf_printf(&yaml, "  m%d: m%d or m%d\n", i, i - 1, i - 1);
        refused(buf_text(&yaml), "more than 2000 tests, macros expanded");
        buf_clear(&yaml);
        buf_puts(&yaml, "rules:\n  - name: r\n    types: [exec]\n    condition: ");
        for (int i = 0; i < 100; i++)
                buf_putc(&yaml, '(');
        refused(buf_text(&yaml), "nested deeper than 64");
}

static void count_problem(void *cookie, bool warning, const char *text)
{
        (void)text;
        ((int *)cookie)[warning]++;
}

static char *temporary_file(char path[64], const char *text)
{
        snprintf(path, 64, "/tmp/test-rules-XXXXXX.yaml");
        int fd = mkstemps(path, 5);
        assert_true(fd >= 0);
        assert_int_equal(write(fd, text, strlen(text)), strlen(text));
        close(fd);
        return path;
}

static void test_check_tells_every_problem(void **state)
{
        (void)state;
        char path[64];
        int problems[2] = { 0 };
        temporary_file(path, "lists: {unused: [a]}\nmacros: {bad: process.pix = 1}\nrules:\n"
                             "  - {name: one, types: [exec], condition: process.pie = 1}\n"
                             "  - {name: two, types: [exek], condition: process.pid = 1}\n"
                             "  - {name: three, types: [exec], condition: process.pid = 1}\n"
                             "  - {name: four}\n");
        const char *paths[] = { path, NULL };
        struct error err = { 0 };
        assert_int_equal(rules_check(&(struct rules_options){ .paths = paths }, count_problem, problems, &err), 4);
        assert_int_equal(problems[0], 4);
        assert_int_equal(problems[1], 2); /* the list and the macro */
        unlink(path);
        assert_int_equal(rules_check(&(struct rules_options){ .paths = paths }, count_problem, problems, &err), -1);
        assert_int_equal(err.code, E_NOT_FOUND);
}

/* --- merging --- */

static const char *const base_rules = "lists:\n  shells: [sh, bash]\nrules:\n"
                                      "  - name: shell\n    summary: a shell\n    severity: low\n    types: [exec]\n"
                                      "    condition: basename(process.exe) in $shells\n"
                                      "    exceptions:\n      - {name: root, condition: process.uid = 0}\n"
                                      "  - name: other\n    types: [exec]\n    condition: process.pid = 100\n";

static struct rules *load_two(const char *second)
{
        char first_path[64], second_path[64];
        const char *paths[] = { temporary_file(first_path, base_rules), temporary_file(second_path, second), NULL };
        struct rules *rules = NULL;
        struct error err = { 0 };
        int result = rules_load(&(struct rules_options){ .paths = paths }, &rules, &err);
        unlink(first_path);
        unlink(second_path);
        if (result < 0)
                fail_msg("%s", err.message);
        return rules;
}

static void test_later_files_change_earlier_rules(void **state)
{
        (void)state;
        struct event bash = exec_event("/bin/bash", "bash", NULL), zsh = exec_event("/bin/zsh", "zsh", NULL);
        struct event root = exec_event("/bin/bash", "bash", NULL), fifty = exec_event("/bin/bash", "bash", NULL);
        root.process.uid = 0;
        fifty.process.uid = 50;
        struct rules *rules = load_two("rules:\n  - {name: shell, enabled: false}\n");
        assert_false(hits(rules, &bash, "shell"));
        assert_true(hits(rules, &bash, "other"));
        rules_free(rules);
        rules = load_two("lists: {shells: [$shells, zsh]}\nrules:\n  - {name: shell, exceptions: [{name: fifty, "
                         "condition: process.uid = 50}]}\n");
        assert_true(hits(rules, &bash, "shell"));
        assert_true(hits(rules, &zsh, "shell"));
        assert_false(hits(rules, &root, "shell")); /* its exceptions before hold on */
        assert_false(hits(rules, &fifty, "shell"));
        rules_free(rules);
        rules = load_two("rules:\n  - {name: shell, exceptions: [{name: root, condition: process.uid = 50}]}\n");
        assert_true(hits(rules, &root, "shell")); /* of the same name: replaced */
        assert_false(hits(rules, &fifty, "shell"));
        rules_free(rules);
        rules = load_two("rules:\n  - {name: shell, condition: basename(process.exe) = zsh}\n");
        assert_false(hits(rules, &bash, "shell"));
        assert_true(hits(rules, &zsh, "shell"));
        rules_free(rules);
}

static void test_directories(void **state)
{
        (void)state;
        char directory[] = "/tmp/test-rules-XXXXXX", path[128];
        assert_non_null(mkdtemp(directory));
        static const struct {
                const char *name, *text;
        } files[] = {
                { "10-a.yaml", "rules:\n  - {name: a, types: [exec], condition: process.pid = 1}\n" },
                { "20-b.yaml", "rules:\n  - {name: a, condition: process.pid = 100}\n" },
                { "notes.txt", "not: [yaml" },
                { ".hidden.yaml", "not: [yaml" },
        };
        for (size_t i = 0; i < 4; i++) {
                snprintf(path, sizeof(path), "%s/%s", directory, files[i].name);
                assert_int_equal(file_replace(AT_FDCWD, path, files[i].text, strlen(files[i].text), 0600, NULL), 0);
        }
        const char *paths[] = { "/nonexistent/rules.d", directory, NULL };
        struct rules *rules = NULL;
        struct error err = { 0 };
        if (rules_load(&(struct rules_options){ .paths = paths }, &rules, &err) < 0)
                fail_msg("%s", err.message);
        struct event event = exec_event("/bin/x", "x", NULL);
        assert_true(hits(rules, &event, "a"));
        rules_free(rules);
        for (size_t i = 0; i < 4; i++) {
                snprintf(path, sizeof(path), "%s/%s", directory, files[i].name);
                unlink(path);
        }
        rmdir(directory);
}

/* --- thresholds and suppression --- */

struct heard {
        unsigned hits, alerts, kills;
        uint64_t suppressed, count;
};

static void hear(const struct rules_hit *hit, void *cookie)
{
        struct heard *heard = cookie;
        heard->hits++;
        heard->alerts += hit->alert;
        heard->kills += hit->kill;
        heard->count = hit->count;
        if (hit->alert)
                heard->suppressed = hit->suppressed;
}

static struct heard at(struct rules *rules, struct event *event, int64_t seconds)
{
        struct heard heard = { 0 };
        event->time_ns = seconds * SECOND;
        rules_match(rules, event, event->time_ns, hear, &heard);
        return heard;
}

static void test_threshold(void **state)
{
        (void)state;
        cleanup(rules_free) struct rules *rules =
                load("rules:\n  - name: r\n    types: [exec]\n    condition: process.pid = 100\n"
                     "    threshold: {count: 3, window: 10s, by: [process.exe]}\n    suppress: {window: 0s}\n");
        struct event a = exec_event("/a", NULL), b = exec_event("/b", NULL);
        assert_int_equal(at(rules, &a, 100).hits, 0);
        assert_int_equal(at(rules, &a, 101).hits, 0);
        assert_int_equal(at(rules, &b, 102).hits, 0); /* another group */
        struct heard third = at(rules, &a, 110);      /* 100, 101, 110: all within ten seconds */
        assert_int_equal(third.hits, 1);
        assert_int_equal(third.count, 3);
        assert_int_equal(at(rules, &a, 110).hits, 0); /* begins anew */
        assert_int_equal(at(rules, &a, 111).hits, 0);
        assert_int_equal(at(rules, &a, 121).hits, 0); /* 110, 111, 121: eleven seconds */
        assert_int_equal(at(rules, &a, 121).hits, 1); /* 111, 121, 121 */
        assert_int_equal(at(rules, &b, 103).hits, 0);
        assert_int_equal(at(rules, &b, 104).hits, 1);
}

static void test_groups_are_bounded(void **state)
{
        (void)state;
        cleanup(rules_free) struct rules *rules =
                load("rules:\n  - name: r\n    types: [exec]\n    condition: process.pid = 100\n"
                     "    threshold: {count: 2, window: 1h, by: [process.uid]}\n    suppress: {window: 1h}\n");
        struct event event = exec_event("/a", NULL);
        unsigned total = 0;
        for (uint64_t uid = 0; uid < 20000; uid++) {
                event.process.uid = uid;
                total += at(rules, &event, 100).hits + at(rules, &event, 100).hits;
        }
        assert_int_equal(total, 20000); /* each group's two came together */
        struct rules_counters counters;
        rules_count(rules, &counters);
        assert_int_equal(counters.events, 40000);
        assert_int_equal(counters.hits, 20000);
        assert_true(counters.evicted > 0 || counters.untold == 0);
        for (uint64_t uid = 0; uid < 20000; uid++) {
                event.process.uid = uid;
                at(rules, &event, 101);
        }
        rules_count(rules, &counters);
        assert_true(counters.evicted > 15000); /* counted, not silent */
}

static void test_suppression(void **state)
{
        (void)state;
        cleanup(rules_free) struct rules *rules =
                load("rules:\n  - name: r\n    types: [exec]\n    condition: process.pid = 100\n"
                     "  - name: tagged\n    types: [exec]\n    condition: process.pid = 100\n    action: tag\n");
        struct event event = exec_event("/a", NULL), other = exec_event("/a", NULL);
        other.process.exec_id = "1-2b-64-1";
        struct heard heard = at(rules, &event, 100);
        assert_int_equal(heard.hits, 2);
        assert_int_equal(heard.alerts, 1); /* a tag is no alert */
        assert_int_equal(heard.suppressed, 0);
        for (int i = 1; i <= 5; i++) {
                heard = at(rules, &event, 100 + i);
                assert_int_equal(heard.hits, 2); /* the event is tagged all the same */
                assert_int_equal(heard.alerts, 0);
        }
        assert_int_equal(at(rules, &other, 101).alerts, 1); /* another execution */
        heard = at(rules, &event, 160);
        assert_int_equal(heard.alerts, 1);
        assert_int_equal(heard.suppressed, 5);
        heard = at(rules, &event, 221);
        assert_int_equal(heard.suppressed, 0);
        struct rules_counters counters;
        rules_count(rules, &counters);
        assert_int_equal(counters.alerts, 4);
        assert_int_equal(counters.suppressed, 5);
}

static void test_suppression_by_fields(void **state)
{
        (void)state;
        cleanup(rules_free) struct rules *rules =
                load("rules:\n  - name: r\n    types: [exec]\n    condition: process.pid = 100\n"
                     "    suppress: {window: 5s, by: [process.uid]}\n");
        struct event event = exec_event("/a", NULL), other = exec_event("/b", NULL);
        other.process.exec_id = "1-2b-64-1";
        assert_int_equal(at(rules, &event, 100).alerts, 1);
        assert_int_equal(at(rules, &other, 101).alerts, 0); /* the same user */
        other.process.uid = 7;
        assert_int_equal(at(rules, &other, 101).alerts, 1);
        assert_int_equal(at(rules, &event, 106).alerts, 1);
}

/* --- what a hit says --- */

struct said {
        struct buf text, json;
};

static void say(const struct rules_hit *hit, void *cookie)
{
        struct said *said = cookie;
        rules_output(hit, &said->text);
        assert_int_equal(rules_alert(hit, false, &said->json), 0);
}

static void test_alert(void **state)
{
        (void)state;
        cleanup(rules_free) struct rules *rules =
                load("rules:\n  - name: r\n    summary: what it is\n    severity: critical\n    mitre: [T1059]\n    "
                     "tags: [x, y]\n    types: [exec]\n"
                     "    condition: process.pid = 100\n    output: \"100%% %process.argv, %process.ancestors[0].exe "
                     "in %process.cwd. %type %time\"\n");
        struct event event = exec_event("/bin/sh", "sh", "-c", "id\n", NULL);
        struct said said;
        buf_init(&said.text, 4096);
        buf_init(&said.json, 1 << 20);
        set_parent(&event, "nginx", "/usr/sbin/nginx");
        assert_int_equal(rules_match(rules, &event, event.time_ns, say, &said), 1);
        assert_string_equal(buf_text(&said.text), "100% sh -c id\n, /usr/sbin/nginx in -. exec 1970-01-01T00:16:40Z");
        struct error err;
        json_t *alert = json_parse(sv_of(buf_text(&said.json)), true, &err);
        assert_non_null(alert);
        assert_string_equal(json_string_value(json_object_get(alert, "severity")), "critical");
        assert_string_equal(json_string_value(json_object_get(alert, "rule")), "r");
        assert_string_equal(json_string_value(json_object_get(alert, "alert")), buf_text(&said.text));
        assert_int_equal(json_array_size(json_object_get(alert, "tags")), 2);
        json_t *process = json_object_get(json_object_get(alert, "event"), "process");
        assert_string_equal(json_string_value(json_object_get(process, "exe")), "/bin/sh");
        assert_null(memchr(said.json.data, '\n', said.json.len));
        json_decref(alert);
        buf_done(&said.text);
        buf_done(&said.json);
}

/* Arguments far beyond what an alert may hold: they go, the alert stays. */
static void test_alert_is_bounded(void **state)
{
        (void)state;
        static char huge[400000];
        memset(huge, 'x', sizeof(huge) - 1);
        cleanup(rules_free) struct rules *rules = load("rules:\n  - name: r\n    types: [exec]\n    condition: "
                                                       "process.pid = 100\n    output: \"%process.argv\"\n");
        struct event event = exec_event("/bin/sh", huge, huge, NULL);
        struct said said;
        struct error err;
        buf_init(&said.text, 1 << 20);
        buf_init(&said.json, RULES_ALERT_MAX);
        assert_int_equal(rules_match(rules, &event, event.time_ns, say, &said), 1);
        assert_true(said.text.len < 300);
        json_t *alert = json_parse(sv_of(buf_text(&said.json)), true, &err);
        assert_true(json_is_true(
                json_object_get(json_object_get(json_object_get(alert, "event"), "process"), "argv_truncated")));
        json_decref(alert);
        buf_done(&said.text);
        buf_done(&said.json);
}

/* --- kill --- */

/* exec_id of a live process, as the tree would make it. */
static void id_of(pid_t pid, int64_t shift, char ret[64])
{
        char path[64], stat[1024];
        snprintf(path, sizeof(path), "/proc/%d/stat", pid);
        cleanup(fd_close) int fd = open(path, O_RDONLY);
        ssize_t n = read(fd, stat, sizeof(stat) - 1);
        assert_true(n > 0);
        stat[n] = '\0';
        struct sv rest = sv_of(strrchr(stat, ')') + 2), field = { 0 };
        for (int i = 3; i <= 22; i++)
                sv_split(&rest, ' ', &field);
        uint64_t ticks;
        assert_true(sv_parse_u64(field, 10, &ticks));
        snprintf(ret, 64, "1-%llx-%x-1", (unsigned long long)(ticks + (uint64_t)shift), pid);
}

static void test_kill(void **state)
{
        (void)state;
        cleanup(rules_free) struct rules *rules =
                load("rules:\n  - {name: r, types: [exec], condition: process.pid > 1, action: kill}\n");
        cleanup(fd_close) int root = open("/", O_PATH | O_DIRECTORY);
        struct event event = exec_event("/bin/x", NULL);
        struct error err = { 0 };
        char id[64];
        pid_t pid = fork();
        if (pid == 0) {
                while (true)
                        pause();
        }
        event.process.pid = pid;
        struct heard heard = at(rules, &event, 1);
        assert_int_equal(heard.kills, 1);
        assert_int_equal(heard.alerts, 1);
        id_of(pid, 1, id);
        event.process.exec_id = id;
        assert_int_equal(rules_kill(root, &event, &err), -1); /* of another start */
        assert_int_equal(err.code, E_NOT_FOUND);
        id_of(pid, 0, id);
        event.source = SOURCE_REPLAY;
        assert_int_equal(rules_kill(root, &event, &err), -1);
        assert_int_equal(err.code, E_PERMISSION);
        event.source = SOURCE_AUDIT;
        assert_int_equal(rules_kill(root, &event, &err), 0);
        int status;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        assert_int_equal(rules_kill(root, &event, &err), -1);
        assert_int_equal(err.code, E_NOT_FOUND);
        static const pid_t never[] = { 1, 0, -1 };
        for (size_t i = 0; i < 5; i++) {
                pid_t target = i < 3 ? never[i] : i == 3 ? getpid() : getppid();
                if (target > 0)
                        id_of(target, 0, id);
                event.process.pid = target;
                assert_int_equal(rules_kill(root, &event, &err), -1);
                assert_true(err.code == E_PERMISSION || err.code == E_INVALID);
        }
        event.process.pid = 2; /* kthreadd, or nobody in a pid namespace */
        if (access("/proc/2/stat", R_OK) == 0) {
                id_of(2, 0, id);
                assert_int_equal(rules_kill(root, &event, &err), -1);
                assert_true(kill(2, 0) == 0 || errno == EPERM);
        }
}

static bool take_rule(const struct rule *rule, void *cookie)
{
        unsigned *count = cookie;
        assert_non_null(rule->name);
        return ++*count < 1;
}

static void test_counts_of_rules(void **state)
{
        (void)state;
        cleanup(rules_free) struct rules *rules = load(base_rules);
        unsigned seen = 0;
        rules_each(rules, take_rule, &seen);
        assert_int_equal(seen, 1); /* ended by the taker */
        struct event event = { .type = 1000 };
        assert_int_equal(rules_match(rules, &event, 0, NULL, NULL), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_operators),
                cmocka_unit_test(test_present_values),
                cmocka_unit_test(test_glob_is_linear_and_exact),
                cmocka_unit_test(test_errors_name_the_place),
                cmocka_unit_test(test_bad_files),
                cmocka_unit_test(test_macros_are_bounded),
                cmocka_unit_test(test_check_tells_every_problem),
                cmocka_unit_test(test_later_files_change_earlier_rules),
                cmocka_unit_test(test_directories),
                cmocka_unit_test(test_threshold),
                cmocka_unit_test(test_groups_are_bounded),
                cmocka_unit_test(test_suppression),
                cmocka_unit_test(test_suppression_by_fields),
                cmocka_unit_test(test_alert),
                cmocka_unit_test(test_alert_is_bounded),
                cmocka_unit_test(test_kill),
                cmocka_unit_test(test_counts_of_rules),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
