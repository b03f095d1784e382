#include "modules/metrics/top_answer.h"

#include "base/map.h"
#include "base/vec.h"
#include "linux/process_list.h"

enum { PASSWD_MAX = 4 << 20, TEXTS_MAX = 1 << 20, COMMAND_LINE_MAX = 4096 };

const char *const top_sum_names[] = { "process", "container", NULL };

#define T struct top_told
static const struct field told_fields[] = {
        FIELD_STRING(T, container, .omit_empty = true, .help = "what its engine calls the container"),
        FIELD_STRING(T, id, .omit_empty = true, .help = "the engine's id of it"),
        FIELD_STRING(T, engine, .omit_empty = true, .help = "docker, containerd, podman, crio, nspawn …"),
        FIELD_STRING(T, unit, .omit_empty = true, .help = "systemd unit"),
        FIELD_STRING(T, group, .help = "path of the control group"),
        FIELD_INT(T, pid, .has = HAS(T, is_process), .help = "its number"),
        FIELD_STRING(T, name, .omit_empty = true, .help = "name of the program, at most 15 bytes"),
        FIELD_STRING(T, executable, .omit_empty = true, .help = "path of the program"),
        FIELD_STRING(T, command_line, .omit_empty = true, .private_ = true, .help = "its arguments"),
        FIELD_STRING(T, user, .omit_empty = true, .help = "effective user"),
        FIELD_TIME(T, start_ns, .json = "start", .has = HAS(T, is_process), .help = "when it began"),
        FIELD_UINT(T, processes, .omit_empty = true, .help = "how many are summed here"),
        FIELD_DOUBLE(T, cpu, .has = HAS(T, is_living), .help = "CPUs: 1 is one whole"),
        FIELD_SIZE(T, memory, .has = HAS(T, is_living), .help = "resident set; what processes share counts for each"),
        FIELD_DOUBLE(T, read, .has = HAS(T, has_io), .help = "bytes a second from storage"),
        FIELD_DOUBLE(T, write, .has = HAS(T, has_io), .help = "bytes a second to storage"),
        FIELD_DOUBLE(T, receive, .has = HAS(T, has_network), .help = "bytes a second that came over TCP"),
        FIELD_DOUBLE(
                T, send, .has = HAS(T, has_network), .help = "bytes a second that went over TCP and were acknowledged"),
        FIELD_UINT(T, execs, .has = HAS(T, is_ended), .help = "processes that ran a program, and ended"),
        FIELD_UINT(T, forks, .has = HAS(T, is_ended), .help = "processes that only forked, and ended"),
        FIELD_UINT(T, failures, .omit_empty = true, .help = "of both: ended by a signal or with another status than 0"),
        FIELD_DURATION(T, cpu_time_ns, .json = "cpu_time", .has = HAS(T, is_ended), .help = "CPU time of all"),
        FIELD_DURATION(
                T, cpu_each_ns, .json = "cpu_each", .has = HAS(T, is_ended), .help = "CPU time of one on average"),
        FIELD_DURATION(T, lived_each_ns, .json = "lived_each", .has = HAS(T, is_ended),
                .help = "how long one lived on average"),
        FIELD_SIZE(T, memory_peak, .has = HAS(T, is_ended), .help = "highest resident set of one"),
        FIELD_SIZE(T, read_bytes, .has = HAS(T, is_ended), .help = "bytes from storage, of all"),
        FIELD_SIZE(T, write_bytes, .has = HAS(T, is_ended), .help = "bytes to storage, of all"),
        FIELD_TIME(T, last_ns, .json = "last", .has = HAS(T, is_ended), .help = "when the last one ended"),
};

const struct record top_told_record = { .fields = told_fields,
        .count = sizeof(told_fields) / sizeof(told_fields[0]),
        .size = sizeof(struct top_told),
        .name = "metrics_top_row" };

/* What one answer works with. */
struct answer {
        struct top_groups *groups;
        const struct top_source *source;
        const struct top_asked *asked;
        struct top_figures *figures;
        VEC(struct top_row) rows; /* the most, the most first; or the sums */
        size_t filled;
        VEC(uint64_t) processes; /* sums: how many are in the row of the same place */
        struct map sums;         /* place + 1 of a container's row, by owner */
        uint64_t matched;
};

static int answer_begin(struct answer *answer, const struct top_source *source, const struct top_asked *asked,
        struct top_figures *figures, struct error *err)
{
        *answer = (struct answer){ .source = source, .asked = asked, .figures = figures };
        map_init(&answer->sums, TOP_GROUPS_MAX);
        answer->groups = top_groups_new(source->registry, source->root, err);
        return answer->groups ? 0 : -1;
}

static void answer_end(struct answer *answer)
{
        top_groups_free(answer->groups);
        vec_done(&answer->rows);
        vec_done(&answer->processes);
        map_done(&answer->sums);
}

static bool is_asked_for(struct answer *answer, uint32_t group)
{
        const char *word = answer->asked->container;
        bool asked = !word || !*word || top_group_matches(top_groups_at(answer->groups, group), word);
        answer->matched += asked;
        return asked;
}

static int not_found(const struct answer *answer, struct error *err)
{
        const char *word = answer->asked->container;
        if (!word || !*word || answer->matched)
                return 0;
        return fail(err, E_NOT_FOUND, "no process is in a container \"%.200s\"", word);
}

/* ---- processes that live ---- */

static uint32_t number_of(const char *group, void *cookie)
{
        struct answer *answer = cookie;
        return top_groups_number(answer->groups, group);
}

/* What is summed stands in one row a container; all have to be there before the most can be told. */
static void add_to_sum(struct answer *answer, const struct top_row *row)
{
        struct sv owner = sv_of(top_groups_at(answer->groups, row->group)->owner);
        uintptr_t place = (uintptr_t)map_get(&answer->sums, owner);
        if (!place) {
                struct top_row *fresh = vec_add(&answer->rows, TOP_GROUPS_MAX);
                uint64_t *processes = fresh ? vec_add(&answer->processes, TOP_GROUPS_MAX) : NULL;
                if (!processes || map_put(&answer->sums, owner, (void *)(uintptr_t)answer->rows.count) < 0) {
                        answer->figures->refused++;
                        return;
                }
                *fresh = *row;
                *processes = 1;
                return;
        }
        struct top_row *sum = &answer->rows.items[place - 1];
        sum->cpu += row->cpu;
        sum->rss += row->rss;
        sum->read_rate += row->read_rate;
        sum->write_rate += row->write_rate;
        sum->receive_rate += row->receive_rate;
        sum->send_rate += row->send_rate;
        sum->has_io = sum->has_io || row->has_io;
        sum->has_network = sum->has_network || row->has_network;
        answer->processes.items[place - 1]++;
}

static void take_row(const struct top_row *row, void *cookie)
{
        struct answer *answer = cookie;
        struct top_figures *figures = answer->figures;
        if (!is_asked_for(answer, row->group))
                return;
        figures->looked_at++;
        figures->without_io += !row->has_io;
        figures->without_network += !row->has_network;
        if (answer->asked->sum == TOP_BY_CONTAINER) {
                add_to_sum(answer, row);
                return;
        }
        if (answer->filled == answer->rows.count && answer->filled < answer->asked->count &&
                !vec_add(&answer->rows, TOP_COUNT_MAX)) {
                figures->refused++;
                return;
        }
        answer->filled = top_insert(answer->rows.items, answer->filled, answer->rows.count, row, answer->asked->order);
}

void top_told_identity(const struct top_group *group, struct top_told *told)
{
        told->container = group->container;
        told->id = group->id;
        told->engine = group->engine;
        told->unit = group->unit;
        told->group = group->path;
}

/* What only those that are shown are asked: nothing, when it has ended meanwhile. */
static void put_process(
        const struct answer *answer, const struct top_row *row, struct arena *arena, struct top_told *told)
{
        struct process process;
        struct process_stat stat;
        struct process_link link;
        struct process_arguments arguments;
        if (process_open(answer->source->root, row->pid, &process, NULL) < 0)
                return;
        if (process_read_stat(&process, &stat, NULL) == 0 && stat.start_ticks == row->start_ticks) {
                if (process_read_link(&process, PROCESS_EXE, arena, &link, NULL) == 0)
                        told->executable = link.path;
                if (process_read_cmdline(&process, arena, &arguments, NULL) == 0 && arguments.length) {
                        size_t length = arguments.length < COMMAND_LINE_MAX ? arguments.length : COMMAND_LINE_MAX;
                        while (length && arguments.raw[length - 1] == '\0')
                                length--;
                        for (size_t i = 0; i < length; i++)
                                if (arguments.raw[i] == '\0')
                                        arguments.raw[i] = ' ';
                        told->command_line = arena_strndup(arena, arguments.raw, length);
                }
        }
        process_close(&process);
}

static int tell_row(struct answer *answer, const struct top_row *row, uint64_t processes,
        const struct process_users *users, top_told_fn *each, void *cookie)
{
        struct arena arena;
        char number[16];
        const struct top_group *group = top_groups_at(answer->groups, row->group);
        struct top_told told = { .processes = processes,
                .cpu = row->cpu,
                .memory = row->rss,
                .read = row->read_rate,
                .write = row->write_rate,
                .receive = row->receive_rate,
                .send = row->send_rate,
                .is_living = true,
                .is_process = !processes,
                .has_io = row->has_io,
                .has_network = row->has_network };
        arena_init(&arena, TEXTS_MAX);
        top_told_identity(group, &told);
        if (processes) {
                if (*group->owner == '/')
                        told.group = group->owner;
        } else {
                told.pid = row->pid;
                told.name = row->comm;
                told.start_ns = row->start_unix_ns;
                snprintf(number, sizeof(number), "%u", row->uid);
                const char *user = process_users_name(users, row->uid);
                told.user = user ? user : number;
                put_process(answer, row, &arena, &told);
        }
        answer->figures->shown++;
        int verdict = each(&told, cookie);
        arena_done(&arena);
        return verdict;
}

static int tell_processes(struct answer *answer, top_told_fn *each, void *cookie, struct error *err)
{
        struct arena arena;
        struct process_users users = { 0 };
        int verdict = 0;
        arena_init(&arena, PASSWD_MAX);
        if (answer->asked->sum == TOP_BY_PROCESS)
                verdict = process_users_read(answer->source->root, &arena, &users, err);
        for (size_t i = 0; i < answer->filled && verdict == 0; i++)
                verdict = tell_row(answer, &answer->rows.items[i], 0, &users, each, cookie);
        arena_done(&arena);
        return verdict;
}

/* Sorts a copy of the places: the sums keep theirs. */
static int tell_sums(struct answer *answer, top_told_fn *each, void *cookie)
{
        int verdict = 0;
        size_t count = 0;
        struct top_row *rows = calloc(answer->rows.count + 1, sizeof(*rows));
        if (!rows) {
                answer->figures->refused += answer->rows.count;
                return 0;
        }
        for (size_t i = 0; i < answer->rows.count; i++) {
                struct top_row row = answer->rows.items[i];
                row.start_ticks = answer->processes.items[i];
                count = top_insert(rows, count, answer->asked->count, &row, answer->asked->order);
        }
        for (size_t i = 0; i < count && verdict == 0; i++)
                verdict = tell_row(answer, &rows[i], rows[i].start_ticks, NULL, each, cookie);
        free(rows);
        return verdict;
}

static int look(struct top *top, const struct top_source *source, struct answer *answer,
        void (*each)(const struct top_row *row, void *cookie), struct error *err)
{
        const struct top_query query = { .proc = source->proc,
                .netlinks = source->netlinks,
                .netlink_count = source->netlink_count,
                .number = answer ? number_of : NULL,
                .each = each,
                .cookie = answer };
        return top_look(top, &query, NULL, NULL, err);
}

static void pass(const struct top_row *row, void *cookie)
{
        (void)row;
        (void)cookie;
}

int top_look_first(struct top *top, const struct top_source *source, struct error *err)
{
        return look(top, source, NULL, pass, err);
}

int top_answer(struct top *top, const struct top_source *source, const struct top_asked *asked, top_told_fn *each,
        void *cookie, struct top_figures *ret, struct error *err)
{
        struct answer answer;
        const int64_t before_ns = top_looked_ns(top);
        const uint64_t refused = top_refused(top);
        *ret = (struct top_figures){ 0 };
        int verdict = answer_begin(&answer, source, asked, ret, err);
        if (verdict == 0)
                verdict = look(top, source, &answer, take_row, err);
        if (verdict == 0)
                verdict = not_found(&answer, err);
        if (verdict == 0) {
                ret->span_ns = top_looked_ns(top) - before_ns;
                ret->containers = top_groups_count(answer.groups);
                ret->refused += top_refused(top) - refused;
                verdict = asked->sum == TOP_BY_CONTAINER ? tell_sums(&answer, each, cookie)
                                                         : tell_processes(&answer, each, cookie, err);
        }
        answer_end(&answer);
        return verdict;
}
