/* A small language for histories, so that a test of the tree reads like a log. Statements stand between semicolons:
 *
 *      fork 10 <1 @100      pid 10 was forked by 1 at 100 ms      exec 10 /usr/bin/web @110 argv=web,-v
 *      exit 10 @120 code=3                                        proc 10 <1 @100 s=90      (s: start since boot, ms)
 *      cgroup 10 @115 cg=/docker/…                                gone 10 @130
 *      named docker ID NAME IMAGE @100                            cred 10 @120 uid=0
 *      comm 10 @120 comm=x                                        ptrace 10 target=11 @120
 *
 * Further words: c: n: b: … in front of the verb set the source (audit without), tid=N, uid=N, ns=N, late,
 * completes, syn.
 * What the tree hands out is kept as lines: "exec 10 web <1 docker/ID(cgroup)". */
#pragma once

#include "base/buf.h"
#include "base/timefmt.h"
#include "modules/watch/process/tree.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

struct play {
        struct tree *tree;
        struct buf lines;
        uint64_t events;
        bool times; /* write the times too */
        char last_exec_id[EVENT_ID_MAX];
        size_t last_argc, last_omitted, last_ancestors;
        char text[4096]; /* of the statement: observations point into it */
};

static inline int64_t play_time(double ms)
{
        return 1000 * SECOND + (int64_t)(ms * 1e6);
}

static inline void play_take(const struct event *event, void *cookie)
{
        static const char *const how[] = { "", "inherited", "cgroup", "lineage" };
        static const char *const types[] = { "exec", "fork", "exit", "credential", "namespace", "ptrace", "file",
                "user", "module", "mount", "bpf", "capability", "oom", "anomaly", "config", "syscall", "container",
                "gap" };
        struct play *play = cookie;
        const struct event_process *process = &event->process;
        struct buf *out = &play->lines;
        play->events++;
        if (process->exec_id)
                snprintf(play->last_exec_id, sizeof(play->last_exec_id), "%s", process->exec_id);
        play->last_argc = process->argv.count;
        play->last_ancestors = process->ancestors.count;
        play->last_omitted = process->ancestors_omitted;
        buf_puts(out, types[event->type]);
        if (event->has_process)
                buf_printf(out, " %d %s <%d", process->pid, process->comm ? process->comm : "", process->ppid);
        if (event->has_object && event->object.operation)
                buf_printf(out, " %s", event->object.operation);
        if (event->has_object && event->object.name)
                buf_printf(out, " %s", event->object.name);
        if (event->has_exit)
                buf_printf(out, " =%d", event->exit.code);
        if (process->has_container)
                buf_printf(out, " %s/%.12s(%s)", process->container.engine, process->container.id,
                        how[process->container.attribution]);
        if (event->synthetic)
                buf_puts(out, " synthetic");
        if (play->times)
                buf_printf(out, " @%d", (int)((event->time_ns - 1000 * SECOND) / MILLISECOND));
        buf_putc(out, '\n');
}

static inline void play_init_with(struct play *play, struct tree_options options)
{
        *play = (struct play){ 0 };
        buf_init(&play->lines, 8 << 20);
        options.boot = 0xb007;
        options.boot_time_ns = 1000 * SECOND;
        struct error err;
        play->tree = tree_new(&options, &err);
        assert_non_null(play->tree);
}

static inline void play_init(struct play *play)
{
        play_init_with(play, (struct tree_options){ .forks = true });
}

static inline void play_done(struct play *play)
{
        tree_free(play->tree);
        buf_done(&play->lines);
}

static inline void play_word(struct observation *o, char *word)
{
        double ms = 0;
        char *value = strchr(word, '=');
        struct sv text = sv_of(value ? value + 1 : word);
        if (word[0] == '<') {
                o->ppid = (pid_t)strtol(word + 1, NULL, 10);
        } else if (word[0] == '@') {
                ms = strtod(word + 1, NULL);
                o->time_ns = play_time(ms);
        } else if (word[0] == '/') {
                const char *slash = strrchr(word, '/');
                o->exe = sv_of(word);
                o->comm = sv_of(slash + 1);
                o->comm.n = o->comm.n > 15 ? 15 : o->comm.n;
        } else if (strncmp(word, "argv=", 5) == 0) {
                o->argv = sv_n(text.p, text.n + 1);
                for (char *c = value + 1; *c; c++)
                        if (*c == ',')
                                *c = '\0';
        } else if (strncmp(word, "cg=", 3) == 0) {
                o->cgroup = text;
                o->has |= HAS_CGROUP;
        } else if (strncmp(word, "comm=", 5) == 0) {
                o->comm = text;
        } else if (strncmp(word, "code=", 5) == 0) {
                o->exit_code = (int)strtol(text.p, NULL, 10);
                o->has |= HAS_EXIT;
        } else if (strncmp(word, "uid=", 4) == 0) {
                o->uid = o->euid = (uint32_t)strtol(text.p, NULL, 10);
                o->has |= HAS_UIDS;
        } else if (strncmp(word, "s=", 2) == 0) {
                o->start_ns = (uint64_t)(strtod(text.p, NULL) * 1e6);
        } else if (strncmp(word, "tid=", 4) == 0) {
                o->tid = (pid_t)strtol(text.p, NULL, 10);
        } else if (strncmp(word, "ns=", 3) == 0) {
                o->pid_namespace = (uint64_t)strtol(text.p, NULL, 10);
        } else if (strncmp(word, "target=", 7) == 0) {
                o->target_pid = (pid_t)strtol(text.p, NULL, 10);
        } else if (strcmp(word, "late") == 0) {
                o->late = true;
        } else if (strcmp(word, "completes") == 0) {
                o->late = true;
                o->has |= COMPLETES_EXEC;
        } else if (strcmp(word, "syn") == 0) {
                o->synthetic = true;
        } else {
                fail_msg("what is \"%s\"?", word);
        }
}

static inline void play_statement(struct play *play, char *statement)
{
        static const struct {
                const char *verb;
                enum observation_type type;
        } verbs[] = { { "fork", OBSERVED_FORK }, { "exec", OBSERVED_EXEC }, { "exit", OBSERVED_EXIT },
                { "cgroup", OBSERVED_CGROUP }, { "proc", OBSERVED_PROCESS }, { "gone", OBSERVED_GONE },
                { "named", OBSERVED_CONTAINER }, { "cred", OBSERVED_CREDENTIAL }, { "comm", OBSERVED_COMM },
                { "ptrace", OBSERVED_PTRACE }, { "file", OBSERVED_FILE } };
        char *rest = NULL;
        char *verb = strtok_r(statement, " \n", &rest);
        if (!verb)
                return;
        enum source_kind source = SOURCE_AUDIT;
        if (verb[1] == ':') {
                source = verb[0] == 'c' ? SOURCE_CONNECTOR : verb[0] == 'b' ? SOURCE_BPF : SOURCE_PROC;
                verb += 2;
        }
        size_t i = 0;
        while (i < sizeof(verbs) / sizeof(*verbs) && strcmp(verb, verbs[i].verb) != 0)
                i++;
        assert_true(i < sizeof(verbs) / sizeof(*verbs));
        struct observation o;
        observation_init(&o, verbs[i].type, source);
        if (o.type == OBSERVED_CONTAINER) {
                struct sv *texts[] = { &o.operation, &o.object, &o.path, &o.path2 };
                for (size_t j = 0; j < 4; j++)
                        *texts[j] = sv_of(strtok_r(NULL, " \n", &rest));
        } else {
                o.pid = (pid_t)strtol(strtok_r(NULL, " \n", &rest), NULL, 10);
        }
        for (char *word; (word = strtok_r(NULL, " \n", &rest));)
                play_word(&o, word);
        if (o.type == OBSERVED_PROCESS && source == SOURCE_AUDIT)
                o.source = SOURCE_PROC;
        tree_apply(play->tree, &o, play_take, play);
}

static inline void play(struct play *play, const char *history)
{
        while (*history) {
                size_t n = strcspn(history, ";");
                assert_true(n < sizeof(play->text));
                memcpy(play->text, history, n);
                play->text[n] = '\0';
                play_statement(play, play->text);
                history += n + (history[n] == ';');
        }
}

/* What was handed out since the last time. */
#define play_expect(play, text)                                                                                        \
        do {                                                                                                           \
                assert_string_equal(buf_text(&(play)->lines), text);                                                   \
                buf_clear(&(play)->lines);                                                                             \
        } while (0)

static inline bool play_take_process(const struct tree_process *process, unsigned depth, void *cookie)
{
        struct buf *out = cookie;
        buf_printf(out, "%s%u:%d%s%s", out->len ? " " : "", depth, tree_process_pid(process),
                tree_process_ended(process) ? "+" : "", tree_process_repaired(process) ? "?" : "");
        return true;
}

/* "0:1 1:10 2:11+": depth and pid in pre-order, + for ended, ? for repaired. */
static inline void play_expect_tree(struct play *play, bool ended_too, const char *text)
{
        struct buf out;
        buf_init(&out, 1 << 20);
        tree_each(play->tree, ended_too, play_take_process, &out);
        assert_string_equal(buf_text(&out), text);
        buf_done(&out);
}

static inline struct tree_counters play_count(const struct play *play)
{
        struct tree_counters counters;
        tree_count(play->tree, &counters);
        return counters;
}
