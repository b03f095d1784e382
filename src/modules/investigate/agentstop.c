/* agentstop: makes an agent stop by a signed order, and writes such orders. An order names one process in one of its
 * lives (host, boot, pid and start), so that it cannot be used on another one, nor again once it was carried out. The
 * agent gets SIGTERM and ends as it always does; nothing is deleted. */
#include "base/cleanup.h"
#include "base/path.h"
#include "lib/sshkey/sshsig.h"
#include "linux/process.h"
#include "module/lines.h"
#include "module/run.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define SIGNERS "/etc/tarsier/stop_signers"
#define NAME_SPACE "tarsier"
#define AGENT "tarsier-agent"

enum {
        ORDER_MAX = 4096,
        SIGNERS_MAX = 64 << 10,
        REASON_MAX = 500,
};

#define VALID_MAX (24 * 60 * MINUTE)

struct agentstop_params {
        bool prepare;
        int64_t pid;
        char *reason;
        int64_t valid_ns;
        char *order;
        char *signature;
};

struct agentstop_element {
        const char *order;
        int64_t pid;
        const char *version;
        const char *reason;
        const char *signer;
        const char *signal;
};

/* An order's lines, each "name: value", in this order and no others: one order has one text. */
static const char *const order_names[] = {
        "host",
        "boot",
        "pid",
        "start",
        "version",
        "not-before",
        "not-after",
        "reason",
};
enum order_line { HOST, BOOT, PID, START, VERSION, NOT_BEFORE, NOT_AFTER, REASON, ORDER_LINES };
#define ORDER_TITLE "tarsier agentstop 1"

struct order {
        struct sv values[ORDER_LINES]; /* into the text */
        uint64_t pid;
        uint64_t start_ticks;
        int64_t not_before_ns, not_after_ns;
};

static int check_reason(const char *text, struct error *err)
{
        for (const char *c = text; *c; c++)
                if ((unsigned char)*c < 0x20 || *c == 0x7f)
                        return fail(err, E_INVALID, "the reason is not one line of text");
        return 0;
}

static const struct field params_fields[] = {
        FIELD_BOOL(struct agentstop_params, prepare, .help = "write an order for a running agent, to be signed"),
        FIELD_INT(struct agentstop_params, pid, .min = 0, .max = PROCESS_PID_MAX,
                .help = "process id of the agent; an order must name the same one"),
        FIELD_STRING(struct agentstop_params, reason, .max_length = REASON_MAX, .check = check_reason,
                .help = "why, with prepare"),
        FIELD_DURATION(struct agentstop_params, valid_ns, .json = "valid", .def = "10m", .min = SECOND,
                .max = VALID_MAX, .help = "how long the order is valid from now, with prepare"),
        FIELD_STRING(struct agentstop_params, order, .metavar = "TEXT", .max_length = ORDER_MAX, .help = "the order"),
        FIELD_STRING(struct agentstop_params, signature, .metavar = "TEXT", .max_length = SSHSIG_TEXT_MAX,
                .help = "its signature, as ssh-keygen -Y sign -n tarsier makes it"),
};

static const struct field element_fields[] = {
        FIELD_STRING(struct agentstop_element, order, .omit_empty = true, .help = "the order to be signed"),
        FIELD_INT(struct agentstop_element, pid, .omit_empty = true, .help = "process that was told to stop"),
        FIELD_STRING(struct agentstop_element, version, .omit_empty = true, .help = "its version"),
        FIELD_STRING(struct agentstop_element, reason, .omit_empty = true, .help = "why, as the order says"),
        FIELD_STRING(
                struct agentstop_element, signer, .omit_empty = true, .help = "fingerprint of the key that signed"),
        FIELD_STRING(struct agentstop_element, signal, .omit_empty = true, .help = "the signal that is sent"),
};

/* ---- what this host is ---- */

static int read_word(const char *path, char *ret, size_t size, struct error *err)
{
        cleanup(buf_done) struct buf text;
        buf_init(&text, 4096);
        if (file_read(AT_FDCWD, path, &text, err) < 0)
                return -1;
        struct sv word = sv_trim(sv_n(buf_text(&text), text.len));
        if (word.n == 0 || word.n >= size)
                return fail(err, E_UNAVAILABLE, "%s says nothing", path);
        memcpy(ret, word.p, word.n);
        ret[word.n] = '\0';
        return 0;
}

struct host_ids {
        char machine[128];
        char boot[128];
};

static int read_host(struct host_ids *ret, struct error *err)
{
        if (read_word("/etc/machine-id", ret->machine, sizeof(ret->machine), err) < 0)
                return -1;
        return read_word("/proc/sys/kernel/random/boot_id", ret->boot, sizeof(ret->boot), err);
}

static int read_agent(pid_t pid, struct process_stat *ret, struct error *err)
{
        cleanup(fd_close) int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        cleanup(process_close) struct process process = { .dir = -1 };
        if (root < 0)
                return fail_errno(err, "/");
        if (process_open(root, pid, &process, err) < 0 || process_read_stat(&process, ret, err) < 0)
                return -1;
        if (strcmp(ret->comm, AGENT) != 0)
                return fail(err, E_INVALID, "process %d is no %s", (int)pid, AGENT);
        return 0;
}

/* ---- orders ---- */

static int parse_order(struct sv text, struct order *ret, struct error *err)
{
        struct sv line;
        struct sv rest = text;
        if (!sv_line(&rest, &line) || !sv_eq(line, SV(ORDER_TITLE)))
                return fail(err, E_INVALID, "order: the first line is not \"%s\"", ORDER_TITLE);
        for (size_t i = 0; i < ORDER_LINES; i++) {
                struct sv name = sv_of(order_names[i]);
                if (!sv_line(&rest, &line) || !sv_starts(line, name) ||
                        !sv_starts(sv_n(line.p + name.n, line.n - name.n), SV(": ")))
                        return fail(err, E_INVALID, "order: line %zu is not \"%s: …\"", i + 2, order_names[i]);
                ret->values[i] = sv_n(line.p + name.n + 2, line.n - name.n - 2);
        }
        if (rest.n > 0)
                return fail(err, E_INVALID, "order: there is more behind the reason");
        if (!sv_parse_u64(ret->values[PID], 10, &ret->pid) || ret->pid < 2 || ret->pid > PROCESS_PID_MAX)
                return fail(err, E_INVALID, "order: the pid is not between 2 and %d", PROCESS_PID_MAX);
        if (!sv_parse_u64(ret->values[START], 10, &ret->start_ticks))
                return fail(err, E_INVALID, "order: the start is not a number");
        if (!time_parse(ret->values[NOT_BEFORE], &ret->not_before_ns) ||
                !time_parse(ret->values[NOT_AFTER], &ret->not_after_ns))
                return fail(err, E_INVALID, "order: a time cannot be read");
        if (ret->not_after_ns <= ret->not_before_ns || ret->not_after_ns - ret->not_before_ns > VALID_MAX)
                return fail(err, E_INVALID, "order: it is not valid for some time up to 24h");
        return 0;
}

static int check_order(const struct order *order, const struct agentstop_params *params, struct error *err)
{
        struct host_ids host;
        int64_t now = time_unix_ns();
        if (read_host(&host, err) < 0)
                return -1;
        if (!sv_eq(order->values[HOST], sv_of(host.machine)))
                return fail(err, E_INVALID, "order: it is for another host");
        if (!sv_eq(order->values[BOOT], sv_of(host.boot)))
                return fail(err, E_INVALID, "order: the host was started anew since");
        if (now < order->not_before_ns)
                return fail(err, E_INVALID, "order: it is not valid yet");
        if (now >= order->not_after_ns)
                return fail(err, E_INVALID, "order: it has expired");
        if (params->pid && (uint64_t)params->pid != order->pid)
                return fail(err, E_INVALID, "order: it is for process %" PRIu64, order->pid);
        if (!sv_eq(order->values[VERSION], SV(TARSIER_VERSION)))
                return fail(err, E_INVALID, "order: it is for version %.*s, here is %s", SV_ARG(order->values[VERSION]),
                        TARSIER_VERSION);
        return 0;
}

/* Is the key one of the file, and is the file root's alone? */
static int check_signer(const uint8_t key[SSHSIG_KEY_SIZE], struct error *err)
{
        struct stat st;
        struct sv line;
        cleanup(fd_close) int fd = open(SIGNERS, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        cleanup(buf_done) struct buf text;
        buf_init(&text, SIGNERS_MAX);
        if (fd < 0 || fstat(fd, &st) < 0)
                return fail_errno(err, SIGNERS);
        if (!S_ISREG(st.st_mode) || st.st_uid != 0 || st.st_mode & (S_IWGRP | S_IWOTH) || st.st_size >= SIGNERS_MAX)
                return fail(err, E_PERMISSION,
                        SIGNERS ": not a file below 64 KiB that belongs to root and that only root can write");
        char *room = buf_reserve(&text, (size_t)st.st_size + 1);
        ssize_t got = room ? read_all(fd, room, (size_t)st.st_size, err) : fail(err, E_NO_MEMORY, "no memory");
        if (got < 0)
                return -1;
        for (struct sv rest = sv_n(room, (size_t)got); sv_line(&rest, &line);) {
                uint8_t trusted[SSHSIG_KEY_SIZE];
                if (sshsig_key_of_line(line, trusted) && memcmp(trusted, key, sizeof(trusted)) == 0)
                        return 0;
        }
        return fail(err, E_PERMISSION, "the key that signed is not in " SIGNERS);
}

/* ---- the two acts ---- */

static int prepare(struct run *run, const struct agentstop_params *params, struct error *err)
{
        struct host_ids host;
        struct process_stat agent;
        char from[TIME_TEXT_MAX];
        char until[TIME_TEXT_MAX];
        int64_t now = time_unix_ns() / SECOND * SECOND;
        if (read_host(&host, err) < 0 || read_agent((pid_t)params->pid, &agent, err) < 0)
                return -1;
        time_format_rfc3339(now, from);
        time_format_rfc3339(now + params->valid_ns, until);
        struct agentstop_element element = {
                .order = arena_printf(&run->arena,
                        ORDER_TITLE "\nhost: %s\nboot: %s\npid: %" PRId64 "\nstart: %" PRIu64
                                    "\nversion: %s\nnot-before: %s\nnot-after: %s\nreason: %s\n",
                        host.machine, host.boot, params->pid, agent.start_ticks, TARSIER_VERSION, from, until,
                        params->reason && *params->reason ? params->reason : "none given"),
        };
        if (!element.order)
                return fail(err, E_NO_MEMORY, "no memory for the order");
        return run_emit(run, NULL, &element, err);
}

/* The pidfd is taken before the start is compared, so that the signal goes to the process that was looked at. */
static int stop(struct run *run, const struct order *order, const uint8_t key[SSHSIG_KEY_SIZE], struct error *err)
{
        struct process_stat agent;
        char fingerprint[SSHSIG_FINGERPRINT_MAX];
        cleanup(fd_close) int pidfd = (int)syscall(SYS_pidfd_open, (pid_t)order->pid, 0);
        if (pidfd < 0)
                return fail_errno(err, "process %" PRIu64, order->pid);
        if (read_agent((pid_t)order->pid, &agent, err) < 0)
                return -1;
        if (agent.start_ticks != order->start_ticks)
                return fail(err, E_INVALID, "order: process %" PRIu64 " is another one than it was", order->pid);
        if (syscall(SYS_pidfd_send_signal, pidfd, 0, NULL, 0) < 0)
                return fail_errno(err, "process %" PRIu64, order->pid);
        sshsig_fingerprint(key, fingerprint);
        struct agentstop_element element = {
                .pid = (int64_t)order->pid,
                .version = TARSIER_VERSION,
                .reason = arena_strndup(&run->arena, order->values[REASON].p, order->values[REASON].n),
                .signer = fingerprint,
                .signal = "SIGTERM",
        };
        /* told first: the agent may be the one that this answer goes through */
        if (run_emit(run, NULL, &element, err) < 0)
                return -1;
        if (syscall(SYS_pidfd_send_signal, pidfd, SIGTERM, NULL, 0) < 0)
                return fail_errno(err, "process %" PRIu64, order->pid);
        return 0;
}

static int agentstop_run(struct run *run, struct error *err)
{
        const struct agentstop_params *params = run->params;
        struct order order;
        uint8_t key[SSHSIG_KEY_SIZE];
        if (params->prepare)
                return prepare(run, params, err);
        /* shells cut the last newline off; the text that was signed ends with one */
        struct sv text = sv_of(params->order);
        while (text.n > 0 && text.p[text.n - 1] == '\n')
                text.n--;
        char *whole = arena_printf(&run->arena, "%.*s\n", SV_ARG(text));
        if (!whole)
                return fail(err, E_NO_MEMORY, "no memory for the order");
        text = sv_of(whole);
        if (sshsig_verify(sv_of(params->signature), text, NAME_SPACE, key, err) < 0 || check_signer(key, err) < 0)
                return -1;
        if (parse_order(text, &order, err) < 0 || check_order(&order, params, err) < 0)
                return -1;
        return stop(run, &order, key, err);
}

static int agentstop_validate(const void *value, struct error *err)
{
        const struct agentstop_params *params = value;
        bool order = params->order && *params->order;
        bool signature = params->signature && *params->signature;
        if (params->prepare && (order || signature))
                return fail(err, E_INVALID, "prepare writes an order, it does not take one");
        if (params->prepare && params->pid < 2)
                return fail(err, E_INVALID, "pid: prepare needs the process id of the agent");
        if (!params->prepare && (!order || !signature))
                return fail(err, E_INVALID, "an order and its signature are needed");
        return 0;
}

/* With prepare the order alone, so that the output can be signed as it is. */
static void agentstop_print_row(struct line_printer *printer, const char *group, const char *label, const void *row)
{
        const struct agentstop_element *element = row;
        struct sv line;
        (void)group;
        (void)label;
        if (element->order && *element->order)
                for (struct sv rest = sv_of(element->order); rest.n > 0 && sv_line(&rest, &line);)
                        print_line(printer, "%.*s", SV_ARG(line));
        else
                print_line(printer, "agent %lld (version %s) is told to stop by %s: %s", (long long)element->pid,
                        element->version, element->signer, element->reason);
}

static const struct module_example agentstop_examples[] = {
        { "agentstop --prepare --pid 812 --reason 'host is rebuilt'", "the order to sign" },
        { "agentstop --order \"$(cat order)\" --signature \"$(cat order.sig)\"", "carries it out" },
        { 0 },
};

static const char *const agentstop_reads[] = { "/proc", "/etc/machine-id", "/etc/tarsier", NULL };

const struct module agentstop_module = {
        .name = "agentstop",
        .summary = "stop an agent by a signed order",
        .description =
                "The order names one process of one host in one of its lives, is valid for a time, and is signed "
                "with ssh-keygen by an Ed25519 key of /etc/tarsier/stop_signers. The agent gets SIGTERM; nothing is "
                "deleted.",
        .since = "0.1.0",
        .params = RECORD(struct agentstop_params, params_fields),
        .element = RECORD(struct agentstop_element, element_fields),
        .shape = SHAPE_OBJECT,
        .sandbox = { .capabilities = CAP_BIT(CAP_KILL), .signals = true, .read_paths = agentstop_reads },
        .limits = { .wall_ns = MINUTE, .memory = 64 * MIB, .result = 1 * MIB },
        .role = ROLE_ADMIN,
        .examples = agentstop_examples,
        .validate = agentstop_validate,
        .run = agentstop_run,
        .print_row = agentstop_print_row,
};
