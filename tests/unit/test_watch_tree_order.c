/* The process tree under disorder and load: a history told in a perturbed order ends as the same tree; bounds hold. */
#include "watch_tree_play.h"

enum { STEPS = 4000, PIDS = 40, CONTAINERS = 3 };

struct fact {
        enum observation_type type;
        pid_t pid, ppid;
        int64_t time_ns;
        uint64_t start_ns;
        int container; /* -1: not told */
        int64_t place; /* in the order of delivery */
};

struct history {
        struct fact facts[STEPS];
        size_t count;
};

/* xorshift64*: the same numbers everywhere. */
static uint64_t next(uint64_t *state)
{
        *state ^= *state >> 12;
        *state ^= *state << 25;
        *state ^= *state >> 27;
        return *state * 0x2545f4914f6cdd1dU;
}

struct model {
        bool lives[PIDS];
        bool moved[PIDS];
        uint64_t start[PIDS];
        int64_t began[PIDS], ended[PIDS];
};

static void add(struct history *history, enum observation_type type, int pid, int ppid, int64_t time, uint64_t start,
        int container)
{
        history->facts[history->count++] = (struct fact){ .type = type,
                .pid = pid + 1,
                .ppid = ppid + 1,
                .time_ns = time,
                .start_ns = start,
                .container = container };
}

/* Pid 1 lives for ever; the others come and go, and their pids are used again. Facts about one process are at least
 * `apart` from those of the next with its pid, as a kernel that deals out pids in turn has it. */
static void make(struct history *history, uint64_t seed, int64_t apart, bool starts)
{
        struct model model = { .lives = { true } };
        uint64_t random = seed * 0x9e3779b97f4a7c15U + 1;
        history->count = 0;
        int64_t time = 2000 * SECOND;
        for (size_t i = 0; i < STEPS; i++) {
                time += MILLISECOND + (int64_t)(next(&random) % (4 * MILLISECOND));
                int pid = (int)(next(&random) % PIDS);
                unsigned act = next(&random) % 10;
                if (!model.lives[pid]) {
                        int parent = (int)(next(&random) % PIDS);
                        if (!model.lives[parent])
                                parent = 0;
                        if (time - model.ended[pid] < apart || pid == parent)
                                continue;
                        model.lives[pid] = true;
                        model.moved[pid] = false;
                        model.start[pid] = (uint64_t)(time - 1000 * SECOND);
                        model.began[pid] = time;
                        add(history, OBSERVED_FORK, pid, parent, time, starts ? model.start[pid] : 0, -1);
                } else if (act < 4 && pid != 0) {
                        model.lives[pid] = false;
                        model.ended[pid] = time;
                        add(history, OBSERVED_EXIT, pid, -1, time, starts ? model.start[pid] : 0, -1);
                } else if (act < 7) {
                        int container = -1;
                        if (!model.moved[pid] && act == 4 && pid != 0) { /* one move a life, as runtimes do it */
                                container = (int)(next(&random) % CONTAINERS);
                                model.moved[pid] = true;
                        }
                        add(history, OBSERVED_EXEC, pid, -1, time, starts && pid ? model.start[pid] : 0, container);
                }
        }
}

static int by_place(const void *a, const void *b)
{
        const struct fact *one = a;
        const struct fact *other = b;
        return one->place < other->place ? -1 : one->place > other->place;
}

static void perturb(struct history *history, uint64_t seed, int64_t disorder)
{
        uint64_t random = seed * 0xd1342543de82ef95U + 7;
        for (size_t i = 0; i < history->count; i++) {
                struct fact *fact = &history->facts[i];
                fact->place = fact->time_ns + (disorder ? (int64_t)(next(&random) % (uint64_t)disorder) : 0);
        }
        qsort(history->facts, history->count, sizeof(history->facts[0]), by_place);
}

static void deliver(struct play *play, const struct history *history)
{
        static const char groups[CONTAINERS][96] = {
                "0::/system.slice/docker-1111111111111111111111111111111111111111111111111111111111111111.scope",
                "0::/system.slice/docker-2222222222222222222222222222222222222222222222222222222222222222.scope",
                "0::/system.slice/docker-3333333333333333333333333333333333333333333333333333333333333333.scope",
        };
        for (size_t i = 0; i < history->count; i++) {
                const struct fact *fact = &history->facts[i];
                struct observation o;
                observation_init(&o, fact->type, SOURCE_BPF);
                o.pid = fact->pid;
                o.ppid = fact->ppid;
                o.time_ns = fact->time_ns;
                o.start_ns = fact->start_ns;
                o.exe = fact->type == OBSERVED_EXEC ? SV("/bin/program") : SV("");
                if (fact->container >= 0) {
                        o.cgroup = sv_of(groups[fact->container]);
                        o.has |= HAS_CGROUP;
                }
                tree_apply(play->tree, &o, play_take, play);
        }
}

struct shown {
        struct play *play;
        struct buf text;
};

static bool show(const struct tree_process *process, unsigned depth, void *cookie)
{
        struct shown *shown = cookie;
        struct event_process filled;
        tree_process_fill(shown->play->tree, process, &filled);
        buf_printf(&shown->text, "%u:%d<%d%s/%.1s\n", depth, filled.pid, filled.ppid,
                tree_process_ended(process) ? "+" : "", filled.has_container ? filled.container.id : "");
        return true;
}

/* The tree at the end: pids, parents, ends and containers, in pre-order. */
static char *tell(const struct history *history, bool ended_too, struct tree_counters *ret)
{
        struct play play;
        play_init_with(&play, (struct tree_options){ .delete_delay_ns = 1000 * SECOND });
        deliver(&play, history);
        struct shown shown = { .play = &play };
        buf_init(&shown.text, 4 << 20);
        tree_each(play.tree, ended_too, show, &shown);
        *ret = play_count(&play);
        char *text = strdup(buf_text(&shown.text));
        buf_done(&shown.text);
        play_done(&play);
        return text;
}

static void check(int64_t disorder, int64_t apart, bool starts)
{
        static struct history history;
        for (uint64_t seed = 1; seed <= 60; seed++) {
                struct tree_counters counters;
                make(&history, seed, apart, starts);
                perturb(&history, seed, 0);
                char *in_order = tell(&history, true, &counters);
                assert_int_equal(counters.repaired, 1); /* pid 1, which nobody forked */
                for (uint64_t round = 0; round < 3; round++) {
                        perturb(&history, seed * 10 + round, disorder);
                        char *perturbed = tell(&history, true, &counters);
                        size_t same = 0;
                        while (in_order[same] && in_order[same] == perturbed[same])
                                same++;
                        if (in_order[same] || perturbed[same])
                                fail_msg("seed %d round %d differs at %zu: \"%.60s\" in order, \"%.60s\" perturbed",
                                        (int)seed, (int)round, same, in_order + same, perturbed + same);
                        assert_int_equal(counters.repaired, 1);
                        free(perturbed);
                }
                free(in_order);
        }
}

/* Without start times, and pids that are not used again within the disorder: ended processes and their places too. */
static void test_shuffled(void **state)
{
        (void)state;
        check(50 * MILLISECOND, 60 * MILLISECOND, false);
}

/* With start times pids may be used again at once. */
static void test_shuffled_with_starts(void **state)
{
        (void)state;
        check(50 * MILLISECOND, 11 * MILLISECOND, true);
}

static void test_same_events_twice(void **state)
{
        (void)state;
        static struct history history;
        struct play plays[2];
        for (int i = 0; i < 2; i++) {
                make(&history, 99, 0, false);
                perturb(&history, 5, 20 * MILLISECOND);
                play_init_with(&plays[i], (struct tree_options){ .forks = true, .delete_delay_ns = 30 * MILLISECOND });
                plays[i].times = true;
                deliver(&plays[i], &history);
                tree_advance(plays[i].tree, INT64_MAX, play_take, &plays[i]);
        }
        assert_string_equal(buf_text(&plays[0].lines), buf_text(&plays[1].lines));
        assert_true(plays[0].events > 1000);
        play_done(&plays[0]);
        play_done(&plays[1]);
}

static void test_fork_bomb(void **state)
{
        (void)state;
        struct play p;
        play_init_with(&p, (struct tree_options){ .processes_max = 10000 });
        play(&p, "proc 1 @0 s=0 /sbin/init");
        for (int i = 2; i <= 30000; i++) {
                char text[64];
                snprintf(text, sizeof(text), "fork %d <%d @%d", i, i / 2, i);
                play(&p, text);
        }
        struct tree_counters counters = play_count(&p);
        assert_in_range(counters.processes, 9990, 10000);
        assert_true(counters.refused >= 20000);
        assert_int_equal(counters.forks, 29999);
        buf_clear(&p.lines);
        play(&p, "exec 25000 @40000 /bin/sh argv=sh,-c,x");
        play_expect(&p, "exec 25000 sh <0\n"); /* told all the same */
        for (int i = 30000; i >= 2; i--) {
                char text[64];
                snprintf(text, sizeof(text), "exit %d @%d", i, 80000 - i);
                play(&p, text);
        }
        play(&p, "fork 5 <1 @100000; fork 6 <5 @100001");
        play_expect_tree(&p, true, "0:1 1:5 2:6");
        play_done(&p);
}

static void test_memory_ceiling(void **state)
{
        (void)state;
        struct play p;
        play_init_with(&p, (struct tree_options){ .memory_max = 1 << 20 });
        for (int i = 2; i <= 20000; i++) {
                char text[512];
                snprintf(text, sizeof(text),
                        "fork %d <1 @%d; exec %d @%d /bin/program-%d argv=program,%0100d; exit %d @%d", i, i, i, i, i,
                        i, i - 1000, i);
                play(&p, text);
                buf_clear(&p.lines);
                assert_true(play_count(&p).bytes <= 1 << 20);
        }
        struct tree_counters counters = play_count(&p);
        assert_in_range(counters.bytes_high, 700 << 10, 1 << 20);
        assert_true(counters.deleted > 10000);
        play_done(&p);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_shuffled),
                cmocka_unit_test(test_shuffled_with_starts),
                cmocka_unit_test(test_same_events_twice),
                cmocka_unit_test(test_fork_bomb),
                cmocka_unit_test(test_memory_ceiling),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
