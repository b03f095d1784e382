/* Filters: each kind of word where it matches and where it does not; the cheap tests never say no where the verdict is
 * yes; a scan with a filter gives what a naive evaluation of each event gives. */
#include "watch_event_fixture.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "lib/regex/regex.h"
#include "modules/watch/event/event_text.h"
#include "modules/watch/event/scan.h"
#include "modules/watch/event/store.h"
#include "schema/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#define NOW (FIXTURE_START + 7200 * SECOND)

static struct error err;

/* Parameters as the command line and HTTP make them: through their table. */
static struct event_filter *filter_of(const char *json, struct arena *arena)
{
        struct events_params params;
        cleanup(json_decref) json_t *value = json_parse(sv_of(json), true, &err);
        if (!value || record_read(&events_params_record, value, &params, arena, READ_STRICT, &err) < 0)
                return NULL;
        return event_filter_new(&params, -1, NOW, &err);
}

/* ---- one event, many filters ---- */

static struct event_ancestor ancestors[] = { { 812, "bash", "/usr/bin/bash", "b007-7-1" },
        { 800, "sshd", "/usr/sbin/sshd", "b007-6-1" }, { 1, "systemd", "/usr/lib/systemd/systemd", "b007-1-1" } };
static const char *const argv[] = { "curl", "-o", "/tmp/x y", "http://example.org/\"q\"" };
static const char *const tags[] = { "download-and-run", "two" };

static const struct event curl = {
        .time_ns = FIXTURE_START,
        .id = 1,
        .type = EVENT_EXEC,
        .has_process = true,
        .process = { .exec_id = "b007-9-1",
                .pid = 900,
                .ppid = 812,
                .comm = "curl",
                .exe = "/usr/bin/curl",
                .argv = { (char **)argv, 4 },
                .has_ids = true,
                .uid = 1000,
                .euid = 0,
                .has_session = true,
                .auid = 1001,
                .has_container = true,
                .container = { "docker", "3f29c07c8a1c4f1ab6c7ac0f0b1c87be2c1d7d0d6d2c0a2b0ab8b3f51f0d9a11", "web-1",
                        NULL, NULL, ATTRIBUTION_CGROUP },
                .ancestors = { ancestors, 3 } },
        .has_object = true,
        .object = { .operation = "write", .path = "/etc/cron.d/job" },
        .has_audit = true,
        .audit = { .key = "identity" },
        .tags = { (char **)tags, 2 },
};

static bool matches(const struct event *event, const char *params)
{
        struct arena arena;
        struct buf json;
        struct event_head head;
        arena_init(&arena, MIB);
        buf_init(&json, MIB);
        struct event_filter *filter = filter_of(params, &arena);
        if (!filter)
                fail_msg("%s: %s", params, err.message);
        event_write(event, false, &json);
        event_head_fill(event, &head);
        head.size = (uint32_t)json.len;
        bool verdict = event_filter_match(filter, &head, sv_n(json.data, json.len));
        struct store_block block = { 0 };
        store_summary_init(&block.summary);
        store_summary_add(&block.summary, &head);
        store_bloom_head(block.bloom, &head);
        if (verdict) /* what is cheap may not lose it */
                assert_true(event_filter_head(filter, &head) && event_filter_block(filter, &block) &&
                            event_filter_summary(filter, &block.summary));
        event_filter_free(filter);
        buf_done(&json);
        arena_done(&arena);
        return verdict;
}

static void test_each_word(void **state)
{
        (void)state;
        static const struct {
                const char *yes, *no;
        } cases[] = {
                { "{}", "{\"type\":[\"exit\"]}" },
                { "{\"type\":[\"exit\",\"exec\"]}", "{\"type\":[\"gap\",\"exit\"]}" },
                { "{\"since\":\"2h\"}", "{\"since\":\"119m\"}" },
                { "{\"until\":\"2h\"}", "{\"until\":\"2h1s\"}" },
                { "{\"since\":\"2026-09-21T14:13:20Z\",\"until\":\"2026-09-21T14:13:20Z\"}",
                        "{\"since\":\"2026-09-21T14:13:21Z\"}" },
                { "{\"exe\":[\"/usr/bin/curl\"]}", "{\"exe\":[\"/usr/bin/cur\"]}" },
                { "{\"exe\":[\"curl\"]}", "{\"exe\":[\"bin/curl\"]}" },
                { "{\"exe\":[\"/nothing\",\"cu?l\"]}", "{\"exe\":[\"cu?\"]}" },
                { "{\"exe\":[\"/usr/*/curl\"]}", "{\"exe\":[\"/usr/*\"]}" },
                { "{\"exe\":[\"/usr/**\"]}", "{\"exe\":[\"/opt/**\"]}" },
                { "{\"comm\":[\"curl\"]}", "{\"comm\":[\"/usr/bin/curl\"]}" },
                { "{\"comm\":[\"[a-d]url\"]}", "{\"comm\":[\"[!a-d]url\"]}" },
                { "{\"argv\":[\"^curl -o /tmp\"]}", "{\"argv\":[\"^-o /tmp\"]}" },
                { "{\"argv\":[\"^/tmp/x y$\"]}", "{\"argv\":[\"^/tmp/x$\"]}" },
                { "{\"argv\":[\"nothing\",\"\\\"q\\\"$\"]}", "{\"argv\":[\"wget\"]}" },
                { "{\"user\":[\"1000\"]}", "{\"user\":[\"1001\"]}" },
                { "{\"user\":[\"root\"]}", "{\"user\":[\"daemon\"]}" },
                { "{\"auid\":[\"1001\"]}", "{\"auid\":[\"unset\"]}" },
                { "{\"container\":[\"web-1\"]}", "{\"container\":[\"web\"]}" },
                { "{\"container\":[\"web-*\"]}", "{\"container\":[\"db-*\"]}" },
                { "{\"container\":[\"3f29\"]}", "{\"container\":[\"3f2\"]}" },
                { "{\"container\":[\"3f29c07c8a1c\"]}", "{\"container\":[\"3f29c07c8a1d\"]}" },
                { "{\"container\":[\"3f29c07c8a1c4f1ab6c7ac0f\"]}", "{\"container\":[\"3f29c07c8a1c4f1ab6c7ac00\"]}" },
                { "{\"container\":[\"docker\"]}", "{\"container\":[\"podman\"]}" },
                { "{\"container\":[\"any\"]}", "{\"container\":[\"none\"]}" },
                { "{\"pid\":[1,900]}", "{\"pid\":[812]}" },
                { "{\"ancestor\":[\"sshd\"]}", "{\"ancestor\":[\"curl\"]}" },
                { "{\"ancestor\":[\"/usr/sbin/sshd\"]}", "{\"ancestor\":[\"/usr/bin/sshd\"]}" },
                { "{\"ancestor\":[\"800\"]}", "{\"ancestor\":[\"900\"]}" },
                { "{\"ancestor\":[\"b007-6-1\"]}", "{\"ancestor\":[\"b007-9-1\"]}" },
                { "{\"ancestor\":[\"ss*\"]}", "{\"ancestor\":[\"zz*\"]}" },
                { "{\"exec_id\":[\"b007-9-1\"]}", "{\"exec_id\":[\"b007-9\"]}" },
                { "{\"path\":[\"/etc/cron.d/job\"]}", "{\"path\":[\"/etc/cron.d\"]}" },
                { "{\"path\":[\"job\"]}", "{\"path\":[\"cron.d\"]}" },
                { "{\"path\":[\"/etc/cron.*/*\"]}", "{\"path\":[\"/etc/*\"]}" },
                { "{\"key\":[\"identity\"]}", "{\"key\":[\"ident\"]}" },
                { "{\"tag\":[\"two\"]}", "{\"tag\":[\"three\"]}" },
                { "{\"tag\":[\"download-*\"]}", "{\"tag\":[\"upload-*\"]}" },
                { "{\"text\":[\"org/\\\"q\"]}", "{\"text\":[\"org/q\"]}" },
                { "{\"exe\":[\"curl\"],\"container\":[\"web-1\"],\"user\":[\"0\"]}",
                        "{\"exe\":[\"curl\"],\"container\":[\"web-1\"],\"user\":[\"7\"]}" },
        };
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                if (!matches(&curl, cases[i].yes))
                        fail_msg("%s should match", cases[i].yes);
                if (matches(&curl, cases[i].no))
                        fail_msg("%s should not match", cases[i].no);
        }
}

/* An event that lacks what is asked for does not match, and is outside of every container. */
static void test_absent(void **state)
{
        (void)state;
        static const struct event gap = { .time_ns = FIXTURE_START,
                .id = 1,
                .type = EVENT_GAP,
                .has_gap = true,
                .gap = { 9, "records", "kernel backlog", 0 } };
        static const char *const words[] = { "{\"exe\":[\"*\"]}", "{\"exe\":[\"\"]}", "{\"comm\":[\"**\"]}",
                "{\"argv\":[\"\"]}", "{\"user\":[\"0\"]}", "{\"auid\":[\"0\"]}", "{\"pid\":[0]}", "{\"key\":[\"*\"]}",
                "{\"container\":[\"any\"]}", "{\"container\":[\"*\"]}", "{\"ancestor\":[\"**\"]}",
                "{\"path\":[\"**\"]}", "{\"tag\":[\"*\"]}", "{\"exec_id\":[\"*\"]}" };
        for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
                if (matches(&gap, words[i]))
                        fail_msg("%s should not match", words[i]);
        assert_true(matches(&gap, "{\"container\":[\"none\"],\"type\":[\"gap\"],\"text\":[\"kernel backlog\"]}"));
}

static void test_refused(void **state)
{
        (void)state;
        static const struct {
                const char *params, *message;
        } cases[] = {
                { "{\"since\":\"yesterday\"}", "is no time" },
                { "{\"until\":\"12\"}", "is no time" },
                { "{\"argv\":[\"(\"]}", "missing closing )" },
                { "{\"user\":[\"nobody-of-that-name\"]}", "is not known" },
                { "{\"type\":[\"execs\"]}", "execs" },
                { "{\"pid\":[-1]}", "pid" },
        };
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct arena arena;
                arena_init(&arena, MIB);
                assert_null(filter_of(cases[i].params, &arena));
                if (!strstr(err.message, cases[i].message))
                        fail_msg("%s: %s", cases[i].params, err.message);
                assert_int_equal(err.code, E_INVALID);
                arena_done(&arena);
        }
}

static void test_times(void **state)
{
        (void)state;
        static const struct {
                const char *text;
                int64_t ns;
        } cases[] = { { "now", NOW }, { "2h", NOW - 2 * HOUR }, { "-2h", NOW - 2 * HOUR }, { " 1d ", NOW - DAY },
                { "90s", NOW - 90 * SECOND }, { "2026-09-21T14:13:20Z", FIXTURE_START },
                { "2026-09-21T16:13:20+02:00", FIXTURE_START }, { "2026-09-21 14:13:20", FIXTURE_START } };
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                int64_t ns;
                assert_int_equal(event_time_parse(cases[i].text, NOW, &ns, &err), 0);
                assert_true(ns == cases[i].ns);
        }
}

static void test_names_of_users(void **state)
{
        (void)state;
        char root[] = "/tmp/test-watch-filter-XXXXXX";
        assert_non_null(mkdtemp(root));
        int fd = open(root, O_RDONLY | O_DIRECTORY);
        assert_int_equal(mkdirat(fd, "etc", 0700), 0);
        int passwd = openat(fd, "etc/passwd", O_WRONLY | O_CREAT, 0600);
        static const char text[] = "root:x:0:0::/:/bin/sh\nbroken\nweb:x:1000:33::/:\nx:y\n";
        assert_int_equal(write(passwd, text, sizeof(text) - 1), sizeof(text) - 1);
        close(passwd);
        const char *const users[] = { "web" };
        struct events_params params = { .user = { (char **)users, 1 } };
        struct event_head head = { .flags = HEAD_IDS, .uid = 1000, .euid = 1000 };
        struct event_filter *filter = event_filter_new(&params, fd, NOW, &err);
        assert_non_null(filter);
        assert_true(event_filter_head(filter, &head));
        head.uid = head.euid = 33;
        assert_false(event_filter_head(filter, &head));
        event_filter_free(filter);
        unlinkat(fd, "etc/passwd", 0);
        unlinkat(fd, "etc", AT_REMOVEDIR);
        close(fd);
        rmdir(root);
}

static void test_globs(void **state)
{
        (void)state;
        static const struct {
                const char *glob, *text;
                bool matches;
        } cases[] = { { "", "", true }, { "", "a", false }, { "*", "", true }, { "*", "abc", true },
                { "*", "a/b", false }, { "**", "a/b", true }, { "a*b*c", "aXbYc", true }, { "a*b*c", "aXbYd", false },
                { "*a", "bababa", true }, { "**/b", "a/c/b", true }, { "**/b", "b", false },
                { "/etc/**/x", "/etc/a/b/x", true }, { "/etc/*/x", "/etc/a/b/x", false },
                { "/etc/**/*.conf", "/etc/a/b.d/c.conf", true }, { "/etc/**/*.conf", "/etc/a/b.d/c.confx", false },
                { "?", "/", false }, { "?", "x", true }, { "[a-c]x", "bx", true }, { "[!a-c]x", "bx", false },
                { "[^a]", "/", false }, { "[]a]", "]", true }, { "[a", "[a", true }, { "\\*", "*", true },
                { "\\*", "x", false }, { "a**b*c", "a/x/b/bYc", true }, { "***", "a/b", true },
                { "a*a*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false } };
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
                if (glob_match(sv_of(cases[i].glob), sv_of(cases[i].text)) != cases[i].matches)
                        fail_msg("%s on %s", cases[i].glob, cases[i].text);
}

/* ---- against a naive evaluation ---- */

static bool naive_word(const char *word, const char *value)
{
        if (!value)
                return false;
        return strpbrk(word, "*?[") ? glob_match(sv_of(word), sv_of(value)) : strcmp(word, value) == 0;
}

static bool naive_path(const char *word, const char *value)
{
        const char *slash = value ? strrchr(value, '/') : NULL;
        return naive_word(word, slash && !strchr(word, '/') ? slash + 1 : value);
}

/* As the JSON has it: what is empty and left out there is absent. */
static const char *left_out(const char *text)
{
        return text && *text ? text : NULL;
}

static const char *always(const char *text)
{
        return text ? text : "";
}

static bool naive_container(const char *word, const struct event *event)
{
        bool inside = event->has_process && event->process.has_container;
        const struct event_container *container = &event->process.container;
        if (strcmp(word, "none") == 0 || strcmp(word, "any") == 0)
                return inside == (*word == 'a');
        if (!inside)
                return false;
        size_t digits = strspn(word, "0123456789abcdef");
        bool prefix = digits >= 4 && (digits == strlen(word) || digits >= 16) &&
                      strncmp(always(container->id), word, strlen(word)) == 0;
        return prefix || naive_word(word, always(container->id)) || naive_word(word, always(container->engine)) ||
               naive_word(word, left_out(container->name));
}

static bool naive_ancestor(const char *word, const struct event *event)
{
        for (size_t i = 0; event->has_process && i < event->process.ancestors.count; i++) {
                const struct event_ancestor *ancestor = &event->process.ancestors.items[i];
                char pid[16];
                snprintf(pid, sizeof(pid), "%d", ancestor->pid);
                if (naive_path(word, left_out(ancestor->exe)) || naive_word(word, always(ancestor->comm)) ||
                        naive_word(word, always(ancestor->exec_id)) || strcmp(word, pid) == 0)
                        return true;
        }
        return false;
}

static bool naive_tag(const char *word, const struct event *event)
{
        for (size_t i = 0; i < event->tags.count; i++)
                if (naive_word(word, event->tags.items[i]))
                        return true;
        return false;
}

static bool naive_argv(const char *word, const struct event *event)
{
        struct regex *regex = regex_new(sv_of(word), 0, &err);
        struct buf joined;
        bool found = false;
        buf_init(&joined, MIB);
        for (size_t i = 0; event->has_process && i < event->process.argv.count; i++) {
                found = found || regex_match(regex, sv_of(event->process.argv.items[i]));
                buf_puts(&joined, joined.len ? " " : "");
                buf_puts(&joined, event->process.argv.items[i]);
        }
        found = found || (event->has_process && event->process.argv.count &&
                                 regex_match(regex, sv_n(buf_text(&joined), joined.len)));
        buf_done(&joined);
        regex_free(regex);
        return found;
}

#define ANY(list, test)                                                                                                \
        ({                                                                                                             \
                bool any_ = (list).count == 0;                                                                         \
                for (size_t n = 0; n < (list).count; n++) {                                                            \
                        __typeof__(*(list).items) word = (list).items[n];                                              \
                        any_ = any_ || (test);                                                                         \
                }                                                                                                      \
                any_;                                                                                                  \
        })

static bool naive(const struct events_params *params, const struct event *event, const char *json)
{
        const struct event_process *process = &event->process;
        bool has = event->has_process;
        const char *path = event->has_object ? left_out(event->object.path) : NULL;
        const char *key = event->has_audit ? left_out(event->audit.key) : NULL;
        return ANY(params->types, word == event->type) &&
               ANY(params->exe, naive_path(word, has ? left_out(process->exe) : NULL)) &&
               ANY(params->comm, has && naive_word(word, left_out(process->comm))) &&
               ANY(params->argv, naive_argv(word, event)) &&
               ANY(params->user,
                       has && process->has_ids &&
                               (process->uid == strtoul(word, NULL, 10) || process->euid == strtoul(word, NULL, 10))) &&
               ANY(params->container, naive_container(word, event)) &&
               ANY(params->ancestor, naive_ancestor(word, event)) && ANY(params->path, naive_path(word, path)) &&
               ANY(params->key, naive_word(word, key)) && ANY(params->pid, has && word == (uint64_t)process->pid) &&
               ANY(params->exec_id, has && naive_word(word, process->exec_id)) &&
               ANY(params->tag, naive_tag(word, event)) && ANY(params->text, strstr(json, word) != NULL);
}

/* Words that hit, words that miss, globs; each kind is asked for now and then. */
static const char *const exe_words[] = { "/usr/bin/curl", "curl", "/opt/*", "bash", "/usr/**", "a\"b", "caf?",
        "/none" };
static const char *const comm_words[] = { "curl", "s*", "a\"b\\c", "kworker**", "none", "kworker/0:1" };
static const char *const argv_words[] = { "pass", "^-l$", "example.org/a b", "\\n", "^$", "back\\\\slash", "zzz" };
static const char *const user_words[] = { "0", "1", "2", "9" };
static const char *const container_words[] = { "any", "none", "web", "web*", "3f29", "3f29c07c8a1c4f1a", "docker",
        "nspawn", "machine", "beef", "beef-box", "3f29c07c8a1c4f1ab6c7", "3f29c07c8a1c4f1abbbb" };
static const char *const ancestor_words[] = { "sshd", "7", "/opt/curl", "b007-5-1", "b*", "a\"b", "caf*", "none",
        "**sshd" };
static const char *const path_words[] = { "/etc/passwd", "passwd", "/etc/**", "job", "/var/log/a\tb", "zzz" };
static const char *const key_words[] = { "identity", "t*", "none" };
static const char *const tag_words[] = { "two", "*-*", "none", "reverse-shell" };
static const char *const exec_id_words[] = { "b007-5-1", "b007-1?-1", "none" };
static const char *const text_words[] = { "setuid", "b007-11-1", "\"type\":\"gap\"", "zzz" };

static void pick(struct string_list *list, char **room, const char *const *words, size_t count, uint64_t *state)
{
        if (fixture_random(state) % 6)
                return;
        list->items = room;
        list->count = 1 + fixture_random(state) % 2;
        for (size_t i = 0; i < list->count; i++)
                room[i] = (char *)words[fixture_random(state) % count];
}

#define PICK(member)                                                                                                   \
        pick(&params->member, room[n++], member##_words, sizeof(member##_words) / sizeof(member##_words[0]), state)

static void random_params(struct events_params *params, char *room[][2], int *types, uint64_t *pid, uint64_t *state)
{
        int n = 0;
        *params = (struct events_params){ 0 };
        PICK(exe);
        PICK(comm);
        PICK(argv);
        PICK(user);
        PICK(container);
        PICK(ancestor);
        PICK(path);
        PICK(key);
        PICK(tag);
        PICK(exec_id);
        if (fixture_random(state) % 16 == 0) { /* the one kind in which text is sought as it stands in JSON */
                params->text.items = room[n];
                params->text.count = 1;
                room[n][0] = (char *)text_words[fixture_random(state) % 2];
        }
        if (fixture_random(state) % 3 == 0) {
                params->types.items = types;
                params->types.count = 1 + fixture_random(state) % 3;
                for (size_t i = 0; i < 3; i++)
                        types[i] = (int)(fixture_random(state) % EVENT_TYPES);
        }
        if (fixture_random(state) % 8 == 0) {
                *pid = fixture_random(state) % 30;
                params->pid.items = pid;
                params->pid.count = 1;
        }
}

enum { EVENTS = 3000, FILTERS = 500 };

struct found {
        uint64_t ids[EVENTS];
        size_t count;
};

static bool find(const struct event_head *head, struct sv json, void *cookie)
{
        struct found *found = cookie;
        (void)json;
        assert_true(found->count < EVENTS);
        found->ids[found->count++] = head->id;
        return true;
}

static void scan_ids(const char *directory, struct event_filter *filter, bool reverse, struct found *ret)
{
        struct event_scan_options options = { .directory = directory, .filter = filter, .reverse = reverse };
        struct event_scan *scan = event_scan_open(&options, &err);
        int more = 1;
        ret->count = 0;
        while (more > 0)
                more = event_scan_step(scan, 100000, find, ret, &err);
        assert_int_equal(more, 0);
        event_scan_close(scan);
}

static void fill_store(const char *directory, struct fixture_event *events, char **lines)
{
        struct event_store_options options = { .directory = directory, .rotate_bytes = 512 << 10 };
        struct event_store *store = event_store_open(&options, FIXTURE_START, &err);
        struct sv json;
        uint64_t state = 2026;
        assert_non_null(store);
        for (size_t i = 0; i < EVENTS; i++) {
                fixture_event(&events[i], i, &state);
                assert_true(event_store_append(store, &events[i].event, FIXTURE_START, &json));
                lines[i] = strndup(json.p, json.n);
        }
        assert_int_equal(event_store_pack(store, &err), 0); /* the last part stays in the tail */
        event_store_close(store);
}

static void test_as_a_naive_evaluation(void **test_state)
{
        (void)test_state;
        char directory[] = "/tmp/test-watch-filter-XXXXXX";
        assert_non_null(mkdtemp(directory));
        struct fixture_event *events = calloc(EVENTS, sizeof(*events));
        char **lines = calloc(EVENTS, sizeof(*lines));
        struct found *found = malloc(sizeof(*found));
        fill_store(directory, events, lines);
        uint64_t state = 77;
        size_t matched = 0;
        for (int f = 0; f < FILTERS; f++) {
                struct events_params params;
                char *room[12][2];
                int types[3];
                uint64_t pid;
                random_params(&params, room, types, &pid, &state);
                params.since = f % 5 == 0 ? "2026-09-21T14:30:00Z" : NULL;
                struct event_filter *filter = event_filter_new(&params, -1, NOW, &err);
                assert_non_null(filter);
                bool reverse = f % 2;
                scan_ids(directory, filter, reverse, found);
                size_t expected = 0;
                for (size_t n = 0; n < EVENTS; n++) {
                        size_t i = reverse ? EVENTS - 1 - n : n;
                        const struct event *event = &events[i].event;
                        if (!naive(&params, event, lines[i]) ||
                                (params.since && event->time_ns < FIXTURE_START + 1000 * SECOND))
                                continue;
                        if (expected >= found->count || found->ids[expected] != event->id)
                                fail_msg("filter %d misses %s", f, lines[i]);
                        expected++;
                }
                assert_int_equal(found->count, expected);
                matched += expected;
                event_filter_free(filter);
        }
        assert_true(matched > 30000);
        for (size_t i = 0; i < EVENTS; i++)
                free(lines[i]);
        free(lines);
        free(events);
        free(found);
        DIR *entries = opendir(directory);
        struct dirent *entry;
        while ((entry = readdir(entries)))
                unlinkat(dirfd(entries), entry->d_name, 0);
        closedir(entries);
        rmdir(directory);
}

/* ---- the reader of lines ---- */

static void test_lines(void **state)
{
        (void)state;
        struct event_text text;
        static const char *const bad[] = { "", "{", "[]", "{\"a\"}", "{\"a\":}", "{\"a\":1", "{\"a\":\"", "{\"a\":\"\\",
                "{\"process\":{\"pid\":1}", "{\"process\":{\"argv\":[1}}", "x" };
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
                if (event_text_read(sv_of(bad[i]), EVENT_TEXT_ALL, &text) &&
                        i != 9) /* brackets are counted, not matched */
                        fail_msg("%s", bad[i]);
        struct sv line = SV(
                " { \"x\" : [1,{\"pid\":5}] , \"process\" : { \"pid\" : 7 , \"comm\":\"a\\u00e9\\ud83d\\ude00\\n\" },"
                "\"tags\":[\"a\",[\"b,]\"],\"c\"],\"audit\":null}");
        assert_true(event_text_read(line, EVENT_TEXT_ALL, &text));
        assert_true(sv_eq(text.pid, SV("7")));
        assert_null(text.key.p);
        struct buf decoded;
        buf_init(&decoded, 64);
        assert_true(json_text_decode(text.comm, &decoded));
        assert_string_equal(buf_text(&decoded), "a\xc3\xa9\xf0\x9f\x98\x80\n");
        struct sv item;
        size_t count = 0;
        while (json_text_item(&text.tags, &item))
                count++;
        assert_int_equal(count, 3);
        assert_true(sv_eq(item, SV("\"c\"")));
        assert_false(json_text_decode(SV("7"), &decoded));
        buf_done(&decoded);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_each_word),
                cmocka_unit_test(test_absent),
                cmocka_unit_test(test_refused),
                cmocka_unit_test(test_times),
                cmocka_unit_test(test_names_of_users),
                cmocka_unit_test(test_globs),
                cmocka_unit_test(test_lines),
                cmocka_unit_test(test_as_a_naive_evaluation),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
