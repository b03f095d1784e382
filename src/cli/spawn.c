/* `tarsier spawn -- PROGRAM ARGUMENTS`: be the parent of any program that speaks the worker handshake. */
#include "cli/cli.h"

#include "base/cleanup.h"
#include "base/timefmt.h"
#include "module/worker.h"
#include "schema/field.h"

#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/stat.h>

/* What the command line says. The table is what --help and completion show; the words behind PROGRAM are its own, so
 * they are read by getopt, which ends at the first that is no option, with options made from the table. */
struct spawn_flags {
        char *config, *secret_file;
        int64_t timeout_ns;
        char *extra_file;
        bool seed_protocol, no_protocol;
        struct string_list program;
};

enum spawn_flag { CONFIG, SECRET_FILE, TIMEOUT, EXTRA_FILE, SEED_PROTOCOL, NO_PROTOCOL, PROGRAM, HELP = PROGRAM };

static const struct field spawn_fields[] = {
        [CONFIG] = FIELD_STRING(struct spawn_flags, config, .metavar = "KEY=VALUE",
                .help = "a configuration entry; may be given more than once"),
        [SECRET_FILE] = FIELD_PATH(struct spawn_flags, secret_file, .option = "secret-file", .metavar = "FILE",
                .help = "the secret, at most 64 KiB"),
        [TIMEOUT] = FIELD_DURATION(struct spawn_flags, timeout_ns, .json = "timeout", .def = "30s",
                .help = "how long the program may take to become ready; 0 for ever"),
        [EXTRA_FILE] = FIELD_PATH(struct spawn_flags, extra_file, .option = "extra-file", .metavar = "FILE",
                .help = "opened for reading and handed over as fd 5, 6, ...; may be given more than once"),
        [SEED_PROTOCOL] = FIELD_BOOL(struct spawn_flags, seed_protocol, .option = "seed-protocol",
                .help = "the older handshake (VEYRON_EXEC_VERSION)"),
        [NO_PROTOCOL] = FIELD_BOOL(struct spawn_flags, no_protocol, .option = "no-protocol",
                .help = "start it without handshake; extra files begin at fd 3"),
        [PROGRAM] = FIELD_PATHS(struct spawn_flags, program, .positional = true, .option = "", .required = true,
                .help = "what to start, with its arguments"),
};

const struct record spawn_flags_record = { spawn_fields, sizeof(spawn_fields) / sizeof(spawn_fields[0]),
        sizeof(struct spawn_flags), "spawn_flags" };

enum { EXIT_SIGNAL_BASE = 128 }; /* as shells report a signal */

struct spawn_options {
        struct tarsier_config *config;
        char secret[WORKER_SECRET_MAX + 1];
        ssize_t secret_length;
        int files[WORKER_FILES_MAX];
        unsigned files_count;
        int64_t timeout_ns;
        bool seed_form;
        bool plain;
        bool help;
};

static void options_done(struct spawn_options *options)
{
        tarsier_config_free(options->config);
        explicit_bzero(options->secret, sizeof(options->secret));
        for (unsigned i = 0; i < options->files_count; i++)
                close(options->files[i]);
}

static int add_config(struct spawn_options *options, const char *entry, struct error *err)
{
        const char *equals = strchr(entry, '=');
        if (!equals || equals == entry)
                return fail(err, E_INVALID, "--config %s: KEY=VALUE is expected", entry);
        cleanup(free) char *key = strndup(entry, (size_t)(equals - entry));
        int result = key ? tarsier_config_set(options->config, key, equals + 1) : TARSIER_CHILD_ERR_NO_MEMORY;
        return result < 0 ? fail(err, E_TOO_LARGE, "--config: %s", tarsier_child_strerror(result)) : 0;
}

static int read_secret(struct spawn_options *options, const char *path, struct error *err)
{
        cleanup(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return fail_errno(err, "%s", path);
        size_t length = 0;
        ssize_t n;
        while ((n = read(fd, options->secret + length, sizeof(options->secret) - length)) > 0)
                length += (size_t)n;
        if (n < 0)
                return fail_errno(err, "%s", path);
        if (length > WORKER_SECRET_MAX)
                return fail(err, E_TOO_LARGE, "%s: secret is too large", path);
        options->secret_length = (ssize_t)length;
        return 0;
}

static int add_file(struct spawn_options *options, const char *path, struct error *err)
{
        if (options->files_count == WORKER_FILES_MAX)
                return fail(err, E_TOO_LARGE, "more than %d extra files", WORKER_FILES_MAX);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return fail_errno(err, "%s", path);
        options->files[options->files_count++] = fd;
        return 0;
}

static int take_flag(struct spawn_options *options, int flag, const char *value, struct error *err)
{
        switch (flag) {
        case CONFIG:
                return add_config(options, value, err);
        case SECRET_FILE:
                return read_secret(options, value, err);
        case TIMEOUT:
                if (!duration_parse(sv_of(value), &options->timeout_ns) || options->timeout_ns < 0)
                        return fail(err, E_INVALID, "--timeout %s: not a duration (30s, 1m30s)", value);
                return 0;
        case EXTRA_FILE:
                return add_file(options, value, err);
        case SEED_PROTOCOL:
                options->seed_form = true;
                return 0;
        case NO_PROTOCOL:
                options->plain = true;
                return 0;
        case HELP:
        case 'h':
                options->help = true;
                return 0;
        case ':':
                return fail(err, E_INVALID, "an option lacks its value; `tarsier spawn --help`");
        default:
                return fail(err, E_INVALID, "unknown option; `tarsier spawn --help`");
        }
}

/* The index of the program in argv, or -1. */
static int parse(struct spawn_options *options, int argc, char **argv, struct error *err)
{
        struct option flags[HELP + 2] = { [HELP] = { "help", no_argument, NULL, HELP } };
        for (int i = 0; i < PROGRAM; i++) {
                const struct field *field = &spawn_fields[i];
                flags[i].name = field->option ? field->option : field_json_name(field);
                flags[i].has_arg = field->type == FIELD_TYPE_BOOL ? no_argument : required_argument;
                flags[i].val = i;
        }
        opterr = 0;
        optind = 0;
        int flag;
        while ((flag = getopt_long(argc, argv, "+:h", flags, NULL)) != -1)
                if (take_flag(options, flag, optarg, err) < 0)
                        return -1;
        if (optind >= argc && !options->help)
                return fail(err, E_INVALID, "no program; `tarsier spawn --help`");
        return optind;
}

static struct worker *make_worker(const struct spawn_options *options, char **argv, struct error *err)
{
        struct worker_option list[8 + WORKER_FILES_MAX];
        unsigned count = 0;
        list[count++] = WORKER_OPT_PROGRAM(argv[0]);
        list[count++] = WORKER_OPT_ARGV(argv);
        list[count++] = WORKER_OPT_CONFIG(options->config);
        list[count++] = WORKER_OPT_SECRET(options->secret, (size_t)options->secret_length);
        list[count++] = WORKER_OPT_SEED_FORM(options->seed_form);
        list[count++] = WORKER_OPT_PROTOCOL(!options->plain);
        for (unsigned i = 0; i < options->files_count; i++)
                list[count++] = WORKER_OPT_FILE(options->files[i]);
        list[count] = WORKER_OPT_END;
        return worker_new(list, err);
}

static int block_signals(struct error *err)
{
        static const int passed_on[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGCONT, SIGWINCH };
        sigset_t set;
        sigemptyset(&set);
        for (size_t i = 0; i < sizeof(passed_on) / sizeof(passed_on[0]); i++)
                sigaddset(&set, passed_on[i]);
        sigprocmask(SIG_BLOCK, &set, NULL);
        int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
        return fd >= 0 ? fd : fail_errno(err, "signalfd");
}

static void pass_signals_on(struct worker *worker, int signal_fd)
{
        struct signalfd_siginfo signal;
        while (read(signal_fd, &signal, sizeof(signal)) == sizeof(signal)) {
                /* What a terminal sends goes to its whole foreground group: the child has it already. */
                if (signal.ssi_code == SI_KERNEL && (signal.ssi_signo == SIGINT || signal.ssi_signo == SIGQUIT))
                        continue;
                worker_signal(worker, (int)signal.ssi_signo, NULL);
        }
}

static int64_t sooner(int64_t a_ns, int64_t b_ns)
{
        return a_ns < b_ns ? a_ns : b_ns;
}

/* Until the child ended, with one line on stderr once it is ready. */
static int watch(struct worker *worker, int signal_fd, const struct spawn_options *options, struct error *err)
{
        int64_t deadline_ns = options->timeout_ns ? time_monotonic_ns() + options->timeout_ns : INT64_MAX;
        bool told = options->plain;
        while (!worker_exited(worker, NULL)) {
                enum worker_state state = worker_progress(worker);
                if (state == WORKER_FAILED)
                        return worker_verdict(worker, err);
                if (state == WORKER_READY && !told) {
                        fprintf(stderr, "ready: pid %d\n", (int)worker_child_pid(worker));
                        told = true;
                }
                int64_t now_ns = time_monotonic_ns();
                if (state == WORKER_HANDSHAKE && now_ns >= deadline_ns)
                        return fail(err, E_TIMEOUT, "timeout waiting for child");
                int64_t next_ns =
                        state == WORKER_HANDSHAKE ? sooner(deadline_ns, worker_deadline_ns(worker)) : INT64_MAX;
                int64_t left_ns = next_ns > now_ns ? next_ns - now_ns : 0;
                struct timespec left = { left_ns / SECOND, left_ns % SECOND };
                struct pollfd fds[] = {
                        { .fd = signal_fd, .events = POLLIN },
                        { .fd = worker_pidfd(worker), .events = POLLIN },
                        { .fd = worker_status_fd(worker), .events = POLLIN },
                        { .fd = worker_write_fd(worker), .events = POLLOUT },
                };
                if (ppoll(fds, 4, next_ns == INT64_MAX ? NULL : &left, NULL) > 0)
                        pass_signals_on(worker, signal_fd);
        }
        if (worker_progress(worker) == WORKER_FAILED)
                return worker_verdict(worker, err);
        if (!told)
                fprintf(stderr, "ready: pid %d\n", (int)worker_child_pid(worker));
        return 0;
}

/* The status to exit with: the child's own once there is one. */
static int run(const struct spawn_options *options, char **argv)
{
        struct error err = { 0 };
        cleanup(worker_free) struct worker *worker = make_worker(options, argv, &err);
        if (!worker)
                return cli_fail(&err);
        cleanup(fd_close) int signal_fd = block_signals(&err);
        if (signal_fd < 0 || worker_start(worker, &err) < 0)
                return cli_fail(&err);

        struct worker_exit end = { 0 };
        if (watch(worker, signal_fd, options, &err) < 0) {
                int status = cli_fail(&err);
                if (!worker_exited(worker, &end) || (end.status == 0 && !end.signal))
                        return status;
        }
        worker_exited(worker, &end);
        return end.signal ? EXIT_SIGNAL_BASE + end.signal : end.status;
}

int cmd_spawn(int argc, char **argv)
{
        struct error err = { 0 };
        struct spawn_options options = { .config = tarsier_config_new(), .timeout_ns = 30 * SECOND };
        int program = options.config ? parse(&options, argc, argv, &err) : fail(&err, E_NO_MEMORY, "configuration");
        int status = 0;
        if (program < 0)
                status = cli_fail(&err);
        else if (options.help)
                cli_verb_help("spawn", 2, (char *[]){ argv[0], (char[]){ "--help" }, NULL });
        else
                status = run(&options, argv + program);
        options_done(&options);
        return status;
}
