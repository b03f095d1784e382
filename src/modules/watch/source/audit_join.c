#include "modules/watch/source/audit_join.h"

#include "base/timefmt.h"
#include "modules/watch/source/audit_ruleset.h"
#include "modules/watch/source/connector_observe.h"
#include "modules/watch/source/observation_codec.h"

enum {
        NONE = UINT32_MAX,
        FILTER = 4096,       /* counters of a pid's held events, by the low bits: nearly always tells "none" at once */
        ALONE_MAX = 1 << 15, /* execs lately handed out without audit's part, by the low bits of the pid */
        POOL_KEPT = 4096,    /* a larger pool goes when nothing is held */
        PASSED_STEPS = 256   /* of what is held, looked at for the exec that an event proves to be over */
};
#define HOLD_NS (500 * MILLISECOND)
#define BEHIND_NS (2 * SECOND)
#define STANDSTILL_NS                                                                                                  \
        (150 * MILLISECOND) /* a longer time between two calls: we stood still, and audit waits for us                 \
                             */
#define ALONE_NS (10 * SECOND)
#define SET_BACK_NS (10 * SECOND) /* what is older by more was stamped by a clock that was set back: as in the tree */
#define COARSE_NS (11 * MILLISECOND) /* a tick at 100 Hz, and the millisecond that audit writes */
#define UNRESOLVED_NS (2 * SECOND)

/* Something held: an event of the connector as it came, or a copy of an observation, or an exec with both. */
struct held {
        struct raw_connector raw; /* event.what 0: the copy alone */
        char *copy;
        uint32_t copy_size;
        uint32_t next, before; /* in order; `next` also of the free ones */
        pid_t pid;
        int64_t since_ns;  /* on heard_ns's clock */
        int64_t passed_ns; /* of an exec: when its process next did something, so that audit's part was queued; 0 */
        bool waits;        /* an exec without audit's part */
};

struct unresolved {
        struct observation fork; /* no texts */
        int64_t since_ns;        /* on heard_ns's clock */
};

struct audit_join {
        struct audit_join_options options;
        struct audit_decoder *decoder;
        struct connector_threads threads;
        bool connector, live; /* live: the calls' clock is the system's */

        struct held *pool;
        uint32_t pool_size, free, first, last;
        size_t copies_bytes;
        uint16_t by_pid[FILTER];
        struct {
                pid_t pid;
                int64_t time_ns; /* as handed out */
        } alone[ALONE_MAX];

        struct unresolved *forks; /* grows to AUDIT_JOIN_UNRESOLVED_MAX */
        size_t fork_count, fork_capacity;

        int64_t clock_ns, now_ns, last_ns;
        int64_t heard_ns;     /* a clock that runs while audit would be heard */
        int64_t audit_fed_ns; /* on it: when a record came last */
        struct audit_join_counters counters;
        observe_fn *observe; /* during a call */
        void *cookie;
};

struct audit_join *audit_join_new(const struct audit_join_options *options, struct error *err)
{
        struct audit_join *join = calloc(1, sizeof(*join));
        if (!join)
                return fail_errno_null(err, "audit and connector");
        join->options = *options;
        if (!join->options.hold_ns)
                join->options.hold_ns = HOLD_NS;
        if (!join->options.held_max)
                join->options.held_max = AUDIT_JOIN_HELD_MAX;
        if (join->options.held_max > AUDIT_JOIN_HELD_MAX)
                join->options.held_max = AUDIT_JOIN_HELD_MAX;
        if (!join->options.held_bytes_max)
                join->options.held_bytes_max = 8 << 20;
        join->free = join->first = join->last = NONE;
        join->decoder = audit_decoder_new(options->assembler, options->source, err);
        if (!join->decoder) {
                free(join);
                return NULL;
        }
        return join;
}

void audit_join_free(struct audit_join *join)
{
        if (!join)
                return;
        for (uint32_t at = join->first; at != NONE; at = join->pool[at].next)
                free(join->pool[at].copy);
        audit_decoder_free(join->decoder);
        connector_threads_done(&join->threads);
        free(join->pool);
        free(join->forks);
        free(join);
}

/* --- what is held --------------------------------------------------------------------------------------------------
 */

static uint16_t *filter_of(struct audit_join *join, pid_t pid)
{
        return &join->by_pid[(uint32_t)pid % FILTER];
}

static bool grow_pool(struct audit_join *join)
{
        uint32_t size = join->pool_size ? join->pool_size * 2 : 64;
        if (size > AUDIT_JOIN_HELD_MAX)
                return false;
        struct held *pool = realloc(join->pool, size * sizeof(*pool));
        if (!pool)
                return false;
        for (uint32_t i = join->pool_size; i < size; i++)
                pool[i].next = i + 1 < size ? i + 1 : join->free;
        join->free = join->pool_size;
        join->pool = pool;
        join->pool_size = size;
        return true;
}

/* A new one before `next`, or at the end; NULL when there is no room. */
static struct held *hold(struct audit_join *join, pid_t pid, uint32_t next)
{
        if (join->counters.held >= join->options.held_max || (join->free == NONE && !grow_pool(join)))
                return NULL;
        uint32_t at = join->free;
        struct held *held = &join->pool[at];
        join->free = held->next;
        uint32_t before = next == NONE ? join->last : join->pool[next].before;
        memset(held, 0, sizeof(*held));
        held->pid = pid;
        held->since_ns = join->heard_ns;
        held->next = next;
        held->before = before;
        *(before == NONE ? &join->first : &join->pool[before].next) = at;
        *(next == NONE ? &join->last : &join->pool[next].before) = at;
        ++*filter_of(join, pid);
        if (++join->counters.held > join->counters.held_high)
                join->counters.held_high = join->counters.held;
        return held;
}

static void drop_first(struct audit_join *join)
{
        uint32_t at = join->first;
        struct held *held = &join->pool[at];
        join->copies_bytes -= held->copy_size;
        free(held->copy);
        --*filter_of(join, held->pid);
        join->first = held->next;
        *(held->next == NONE ? &join->last : &join->pool[held->next].before) = NONE;
        held->next = join->free;
        join->free = at;
        if (--join->counters.held == 0 && join->pool_size > POOL_KEPT) {
                free(join->pool);
                join->pool = NULL;
                join->pool_size = 0;
                join->free = NONE;
        }
}

static bool keep_copy(struct audit_join *join, struct held *held, const struct observation *observation)
{
        size_t max = observation_size_max(observation);
        if (join->copies_bytes + max > join->options.held_bytes_max)
                return false;
        char *copy = malloc(max);
        if (!copy)
                return false;
        size_t size = observation_encode(observation, copy);
        char *exact = realloc(copy, size ? size : 1);
        held->copy = exact ? exact : copy;
        held->copy_size = (uint32_t)size;
        join->copies_bytes += size;
        join->counters.copied++;
        return true;
}

static void hand_out(struct audit_join *join, struct observation *observation)
{
        if (observation->time_ns < join->last_ns && join->last_ns - observation->time_ns <= COARSE_NS)
                observation->time_ns = join->last_ns;
        else if (observation->time_ns > join->last_ns || observation->time_ns < join->last_ns - SET_BACK_NS)
                join->last_ns = observation->time_ns;
        join->observe(observation, join->cookie);
}

static void hand_out_connector(struct audit_join *join, const struct raw_connector *raw)
{
        struct observation observation;
        if (connector_observe(&join->threads, raw, join->options.source, &observation))
                hand_out(join, &observation);
}

static void hand_out_alone(struct audit_join *join, const struct held *held)
{
        unsigned at = (uint32_t)held->pid % ALONE_MAX;
        struct observation observation;
        join->counters.alone++;
        if (!connector_observe(&join->threads, &held->raw, join->options.source, &observation))
                return;
        hand_out(join, &observation);
        join->alone[at].pid = held->pid;
        join->alone[at].time_ns = observation.time_ns;
}

/* An exec of both: audit's observation with the connector's time. */
static void hand_out_joined(struct audit_join *join, const struct raw_connector *raw, struct observation *observation)
{
        struct observation ignored;
        (void)connector_observe(&join->threads, raw, join->options.source, &ignored); /* its threads are gone */
        join->counters.joined++;
        observation->time_ns = raw->time_ns;
        hand_out(join, observation);
}

static void hand_out_first(struct audit_join *join)
{
        if (!join->pool) /* something is held, so there is one */
                return;
        const struct held *held = &join->pool[join->first];
        struct observation observation;
        if (held->waits)
                hand_out_alone(join, held);
        else if (!held->copy)
                hand_out_connector(join, &held->raw);
        else if (observation_decode(sv_n(held->copy, held->copy_size), &observation, NULL) < 0)
                join->counters.refused++;
        else if (held->raw.event.what)
                hand_out_joined(join, &held->raw, &observation);
        else
                hand_out(join, &observation);
        drop_first(join);
}

/* May audit's part of this exec still come? */
static bool is_hopeful(const struct audit_join *join, const struct held *held)
{
        int64_t audit_ns = audit_decoder_clock(join->decoder), hold_ns = join->options.hold_ns;
        int64_t quiet_ns = held->since_ns > join->audit_fed_ns ? held->since_ns : join->audit_fed_ns;
        if (held->passed_ns && audit_ns > held->passed_ns + COARSE_NS)
                return false;
        return join->heard_ns - quiet_ns < hold_ns && audit_ns < held->raw.time_ns + BEHIND_NS &&
               join->heard_ns - held->since_ns < 10 * hold_ns;
}

/* Everything before the next exec that still waits, and those for which there is no hope. */
static void release(struct audit_join *join)
{
        while (join->first != NONE && join->pool) { /* an empty pool may have been freed */
                const struct held *held = &join->pool[join->first];
                if (held->waits && is_hopeful(join, held))
                        return;
                hand_out_first(join);
        }
}

static void make_room(struct audit_join *join)
{
        if (join->first == NONE)
                return;
        hand_out_first(join);
        release(join);
}

/* --- the connector -------------------------------------------------------------------------------------------------
 */

/* The process of this event is back from its exec. */
static void note_passed(struct audit_join *join, const struct raw_connector *raw)
{
        pid_t pid = raw->event.what == CONNECTOR_FORK ? raw->event.ppid : raw->event.pid;
        if (*filter_of(join, pid) == 0 || raw->event.what == CONNECTOR_COMM)
                return;
        uint32_t at = join->last;
        for (int i = 0; i < PASSED_STEPS && at != NONE; i++, at = join->pool[at].before) {
                struct held *held = &join->pool[at];
                if (held->pid != pid || !held->waits)
                        continue;
                if (!held->passed_ns)
                        held->passed_ns = raw->time_ns;
                return;
        }
}

static void take_connector(struct audit_join *join, const struct raw_connector *raw)
{
        join->connector = true;
        join->counters.connector_events++;
        if (join->first != NONE)
                note_passed(join, raw);
        bool waits = raw->event.what == CONNECTOR_EXEC;
        if (join->first == NONE && !waits) {
                hand_out_connector(join, raw);
                return;
        }
        struct held *held = hold(join, raw->event.pid, NONE);
        if (!held) {
                make_room(join);
                held = hold(join, raw->event.pid, NONE);
        }
        if (!held) { /* no memory at all */
                join->counters.refused++;
                hand_out_connector(join, raw);
                return;
        }
        held->raw = *raw;
        held->waits = waits;
}

/* --- audit ---------------------------------------------------------------------------------------------------------
 */

static uint32_t first_of(const struct audit_join *join, pid_t pid, bool exit_too)
{
        uint32_t at = join->first;
        for (; at != NONE; at = join->pool[at].next) {
                const struct held *held = &join->pool[at];
                if (held->pid == pid && (held->waits || (exit_too && held->raw.event.what == CONNECTOR_EXIT)))
                        break;
        }
        return at;
}

/* Audit's part of an exec that was handed out without: it goes out behind it, marked, with the same time. */
static bool hand_out_late(struct audit_join *join, struct observation *observation)
{
        unsigned at = (uint32_t)observation->pid % ALONE_MAX;
        if (join->alone[at].pid != observation->pid || llabs(join->alone[at].time_ns - observation->time_ns) > ALONE_NS)
                return false;
        join->alone[at].pid = 0;
        join->counters.late++;
        observation->late = true;
        observation->has |= COMPLETES_EXEC;
        observation->time_ns = join->alone[at].time_ns;
        join->observe(observation, join->cookie);
        return true;
}

static void take_exec(struct audit_join *join, struct observation *observation)
{
        uint32_t at = *filter_of(join, observation->pid) ? first_of(join, observation->pid, false) : NONE;
        if (at == NONE) {
                if (!hand_out_late(join, observation))
                        hand_out(join, observation);
                return;
        }
        struct held *held = &join->pool[at];
        if (at == join->first) {
                struct raw_connector raw = held->raw;
                drop_first(join);
                hand_out_joined(join, &raw, observation);
                release(join);
                return;
        }
        if (keep_copy(join, held, observation)) {
                held->waits = false;
                return;
        }
        join->counters.refused++; /* no room for it: what stands before goes out now */
        while (join->first != at)
                hand_out_first(join);
        if (!join->pool) /* there is one: `at` is still held */
                return;
        struct raw_connector raw = join->pool[at].raw;
        drop_first(join);
        hand_out_joined(join, &raw, observation);
        release(join);
}

static void take_other(struct audit_join *join, struct observation *observation)
{
        if (join->first == NONE || (observation->pid && !*filter_of(join, observation->pid))) {
                hand_out(join, observation);
                return;
        }
        uint32_t before = observation->pid ? first_of(join, observation->pid, true) : NONE;
        struct held *held = before == join->first && before != NONE ? NULL : hold(join, observation->pid, before);
        if (!held) { /* before all that is held, or no room */
                hand_out(join, observation);
                return;
        }
        if (!keep_copy(join, held, observation)) { /* goes out now; its place stays empty */
                join->counters.refused++;
                held->raw.event.what = CONNECTOR_ACK;
                hand_out(join, observation);
        }
}

/* --- forks that audit tells ----------------------------------------------------------------------------------------
 */

static void await_child(struct audit_join *join, const struct observation *fork)
{
        if (join->fork_count == join->fork_capacity) {
                size_t capacity = join->fork_capacity ? join->fork_capacity * 2 : 16;
                struct unresolved *forks = NULL;
                if (capacity <= AUDIT_JOIN_UNRESOLVED_MAX)
                        forks = realloc(join->forks, capacity * sizeof(*forks));
                if (!forks) {
                        join->counters.unresolved++;
                        return;
                }
                join->forks = forks;
                join->fork_capacity = capacity;
        }
        struct observation bare;
        observation_init(&bare, OBSERVED_FORK, fork->source);
        bare.time_ns = fork->time_ns;
        bare.serial = fork->serial;
        bare.ppid = fork->ppid;
        bare.ns_pid = fork->pid;
        join->forks[join->fork_count++] = (struct unresolved){ bare, join->heard_ns };
}

static void take_audit_fork(struct audit_join *join, struct observation *fork)
{
        pid_t pid = fork->pid;
        if (join->options.resolve)
                pid = join->options.resolve(
                        join->options.resolve_cookie, fork->ppid, fork->pid, (fork->has & UNRESOLVED_THREAD) != 0);
        if (pid < 0)
                return;
        if (pid == 0) {
                await_child(join, fork);
                return;
        }
        fork->ns_pid = pid == fork->pid ? 0 : fork->pid;
        fork->pid = fork->tid = pid;
        if (join->options.resolve)
                fork->has &= ~(unsigned)(UNRESOLVED_PID | UNRESOLVED_THREAD);
        hand_out(join, fork);
}

/* A fork of this parent waits for its child, which speaks for the first time: the one told by this number, else the
 * oldest. */
static void meet_child(struct audit_join *join, const struct observation *observation)
{
        size_t found = SIZE_MAX;
        for (size_t i = 0; i < join->fork_count; i++) {
                const struct observation *fork = &join->forks[i].fork;
                if (fork->ppid == observation->ppid && (found == SIZE_MAX || fork->ns_pid == observation->pid))
                        found = i;
        }
        if (found == SIZE_MAX)
                return;
        struct observation fork = join->forks[found].fork;
        join->fork_count--;
        memmove(&join->forks[found], &join->forks[found + 1], (join->fork_count - found) * sizeof(join->forks[0]));
        if (fork.ns_pid == observation->pid)
                fork.ns_pid = 0;
        fork.pid = fork.tid = observation->pid;
        hand_out(join, &fork);
}

static void give_up_forks(struct audit_join *join)
{
        size_t due = 0;
        while (due < join->fork_count && join->heard_ns - join->forks[due].since_ns >= UNRESOLVED_NS)
                due++;
        if (due == 0)
                return;
        join->counters.unresolved += due;
        join->fork_count -= due;
        memmove(join->forks, join->forks + due, join->fork_count * sizeof(join->forks[0]));
}

/* --- in ------------------------------------------------------------------------------------------------------------
 */

/* Of a rule that the audit source added for the user: the user's own key. Keys are told separated by commas. */
static struct sv without_our_key(struct sv key)
{
        struct sv ours = SV(AUDIT_RULESET_KEY ",");
        return sv_starts(key, ours) ? sv_n(key.p + ours.n, key.n - ours.n) : key;
}

static void take_audit(const struct observation *told, void *cookie)
{
        struct audit_join *join = cookie;
        struct observation observation = *told;
        if (observation.key.n)
                observation.key = without_our_key(observation.key);
        if (join->connector && (told->type == OBSERVED_FORK || told->type == OBSERVED_EXIT)) {
                observation.type = OBSERVED_SYSCALL;
                if (told->type == OBSERVED_FORK) {
                        observation.pid = observation.tid = told->ppid;
                        observation.ppid = 0;
                        observation.target_pid = told->pid;
                }
        }
        if (!join->connector && observation.type == OBSERVED_FORK) {
                take_audit_fork(join, &observation);
                return;
        }
        if (join->fork_count && observation.ppid && observation.pid)
                meet_child(join, &observation);
        if (observation.type == OBSERVED_EXEC)
                take_exec(join, &observation);
        else
                take_other(join, &observation);
}

static void take_loss(struct audit_join *join, const struct raw_loss *raw)
{
        struct observation gap;
        observation_init(&gap, OBSERVED_GAP, join->options.source);
        gap.time_ns = raw->time_ns;
        gap.lost = raw->lost;
        gap.unit = loss_unit(raw->kind);
        gap.reason = loss_reason(raw->kind);
        join->counters.lost[raw->kind] += raw->lost;
        if (raw->kind == LOSS_CONNECTOR_BUFFER || raw->kind == LOSS_CONNECTOR_SEQUENCE)
                connector_threads_forget(
                        &join->threads, raw->time_ns, join->options.source, join->observe, join->cookie);
        take_other(join, &gap);
}

static void enter(struct audit_join *join, int64_t now_ns, observe_fn *observe, void *cookie)
{
        join->observe = observe;
        join->cookie = cookie;
        if (now_ns > join->now_ns) {
                int64_t step_ns = now_ns - join->now_ns;
                join->heard_ns += join->live && step_ns > STANDSTILL_NS ? STANDSTILL_NS : step_ns;
                join->now_ns = now_ns;
        } else if (join->live && now_ns < join->now_ns - SECOND) { /* set back: what waits goes on to wait from here */
                join->now_ns = now_ns;
        }
        if (join->first != NONE)
                release(join);
        if (join->fork_count)
                give_up_forks(join);
}

void audit_join_feed(struct audit_join *join, struct sv raw, int64_t now_ns, observe_fn *observe, void *cookie)
{
        uint16_t type = 0;
        join->live = true;
        enter(join, now_ns, observe, cookie);
        if (raw.n >= sizeof(type))
                memcpy(&type, raw.p, sizeof(type));
        if (type == RAW_CONNECTOR && raw.n == sizeof(struct raw_connector)) {
                struct raw_connector connector;
                memcpy(&connector, raw.p, sizeof(connector));
                take_connector(join, &connector);
        } else if (type == RAW_LOSS && raw.n == sizeof(struct raw_loss)) {
                struct raw_loss loss;
                memcpy(&loss, raw.p, sizeof(loss));
                if ((unsigned)loss.kind < LOSSES)
                        take_loss(join, &loss);
                else
                        join->counters.refused++;
        } else if (raw.n <= sizeof(type) || type >= RAW_CONNECTOR) {
                join->counters.refused++;
        } else {
                join->audit_fed_ns = join->heard_ns;
                audit_decoder_feed(join->decoder, type, sv_n(raw.p + sizeof(type), raw.n - sizeof(type)),
                        join->heard_ns, take_audit, join);
        }
}

bool audit_join_feed_line(struct audit_join *join, struct sv line, observe_fn *observe, void *cookie)
{
        struct raw_connector connector;
        struct raw_loss loss;
        if (sv_starts(line, SV("type=CONNECTOR ")) && raw_connector_read(line, &connector)) {
                join->clock_ns = connector.time_ns > join->clock_ns ? connector.time_ns : join->clock_ns;
                enter(join, join->clock_ns, observe, cookie);
                take_connector(join, &connector);
                return true;
        }
        if (sv_starts(line, SV("type=LOST ")) && raw_loss_read(line, &loss)) {
                join->clock_ns = loss.time_ns > join->clock_ns ? loss.time_ns : join->clock_ns;
                enter(join, join->clock_ns, observe, cookie);
                take_loss(join, &loss);
                return true;
        }
        enter(join, join->clock_ns, observe, cookie);
        join->audit_fed_ns = join->heard_ns;
        bool taken = audit_decoder_feed_line(join->decoder, line, take_audit, join);
        int64_t clock = audit_decoder_clock(join->decoder);
        join->clock_ns = clock > join->clock_ns ? clock : join->clock_ns;
        return taken;
}

void audit_join_tick(struct audit_join *join, int64_t now_ns, observe_fn *observe, void *cookie)
{
        enter(join, now_ns == INT64_MAX ? join->now_ns : now_ns, observe, cookie);
        bool end = now_ns == INT64_MAX;
        audit_decoder_tick(join->decoder, join->live && !end ? join->heard_ns : now_ns, take_audit, join);
        if (!end)
                return;
        while (join->first != NONE)
                hand_out_first(join);
        join->counters.unresolved += join->fork_count;
        join->fork_count = 0;
}

int64_t audit_join_clock(const struct audit_join *join)
{
        return join->clock_ns;
}

void audit_join_count(const struct audit_join *join, struct audit_join_counters *ret)
{
        *ret = join->counters;
        audit_decoder_count(join->decoder, &ret->decoder);
}
