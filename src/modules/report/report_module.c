/* report, as a module: parameters, the run over this host, and the page for people. */
#include "modules/report/checks/checks.h"

#include "base/cleanup.h"
#include "module/lines.h"
#include "module/local_agent.h"
#include "module/run.h"
#include "term/width.h"

#include <fcntl.h>
#include <sys/timex.h>

/* ---- tables ---- */

static const char *const fail_on_names[] = { "never", "info", "low", "medium", "high", "critical", NULL };

struct report_params {
        int fail_on; /* a severity, but for the first: never */
        int least;
        LIST(int) areas;
        struct string_list checks;
        int64_t sample_ns;
};

static const struct field params_fields[] = {
        FIELD_ENUM(struct report_params, fail_on, fail_on_names, .def = "never", .metavar = "SEVERITY",
                .help = "the run fails when a finding is this severe or more"),
        FIELD_ENUM(struct report_params, least, report_severity_names, .def = "ok", .metavar = "SEVERITY",
                .help = "leave out what is less severe; ok are the checks that passed"),
        FIELD_ENUMS(struct report_params, areas, report_area_names, .json = "area", .metavar = "AREA",
                .max_items = REPORT_AREAS, .help = "only what concerns this"),
        FIELD_STRINGS(struct report_params, checks, .json = "check", .metavar = "NAME", .max_items = 100,
                .help = "only this check"),
        FIELD_DURATION(struct report_params, sample_ns, .json = "sample", .def = "200ms", .min = 0, .max = MINUTE,
                .help = "how long to watch counters for rates"),
};

struct report_row {
        int severity, area;
        const char *check, *finding;
        struct string_list evidence;
        uint64_t more;
        const char *command;
};

static const struct field row_fields[] = {
        FIELD_ENUM(struct report_row, severity, report_severity_names, .help = "how bad it is; ok: the check passed"),
        FIELD_ENUM(struct report_row, area, report_area_names, .help = "what it concerns"),
        FIELD_STRING(struct report_row, check, .help = "name of the check"),
        FIELD_STRING(struct report_row, finding, .help = "what was found, one sentence"),
        FIELD_STRINGS(
                struct report_row, evidence, .help = "figures, names, paths", .private_ = true, .omit_empty = true),
        FIELD_UINT(struct report_row, more, .help = "lines of evidence beyond these", .omit_empty = true),
        FIELD_STRING(struct report_row, command, .help = "what to look further with", .omit_empty = true),
};

struct report_statistics {
        char *verdict;
        uint64_t critical, high, medium, low, info, ok;
        uint64_t checks, absent, blind, processes, refused;
};

static const struct field statistics_fields[] = {
        FIELD_STRING(struct report_statistics, verdict,
                .help = "healthy, attention (something is medium or high) or critical"),
        FIELD_UINT(struct report_statistics, critical, .help = "findings that are critical"),
        FIELD_UINT(struct report_statistics, high, .help = "findings that are high"),
        FIELD_UINT(struct report_statistics, medium, .help = "findings that are medium"),
        FIELD_UINT(struct report_statistics, low, .help = "findings that are low"),
        FIELD_UINT(struct report_statistics, info, .help = "findings that are worth to know"),
        FIELD_UINT(struct report_statistics, ok, .help = "checks that passed"),
        FIELD_UINT(struct report_statistics, checks, .help = "checks that were made"),
        FIELD_UINT(struct report_statistics, absent, .help = "checks of what this host does not have"),
        FIELD_UINT(struct report_statistics, blind, .help = "checks that could not see everything"),
        FIELD_UINT(struct report_statistics, processes, .help = "processes looked at"),
        FIELD_UINT(struct report_statistics, refused, .help = "processes beyond the table"),
};

/* ---- the run ---- */

enum { FINDINGS_MAX = 128 };

struct report {
        struct look look;
        struct finding findings[FINDINGS_MAX];
        size_t count;
};

static bool is_wanted(const struct report_params *params, const struct report_check *check)
{
        bool named = params->checks.count == 0, within = params->areas.count == 0;
        list_foreach (name, &params->checks)
                named |= strcmp(*name, check->name) == 0;
        list_foreach (area, &params->areas)
                within |= *area == (int)check->area;
        return named && within;
}

static int check_names(const struct report_params *params, struct error *err)
{
        list_foreach (name, &params->checks) {
                bool known = false;
                for (size_t i = 0; report_checks[i]; i++)
                        for (const struct report_check *check = report_checks[i]; check->name; check++)
                                known |= strcmp(*name, check->name) == 0;
                if (!known)
                        return fail(err, E_INVALID, "there is no check \"%.64s\"", *name);
        }
        return 0;
}

static int report_validate(const void *params, struct error *err)
{
        return check_names(params, err);
}

static void run_checks(struct run *run, struct report *report, bool sampled)
{
        for (size_t i = 0; report_checks[i]; i++)
                for (const struct report_check *check = report_checks[i]; check->name; check++)
                        if (check->sampled == sampled && is_wanted(run->params, check) &&
                                report->count < FINDINGS_MAX && !run_checkpoint(run))
                                report_run_check(check, &report->look, &report->findings[report->count++]);
}

static struct report_clock read_clock(void)
{
        struct timex clock = { 0 };
        int state = adjtimex(&clock);
        return (struct report_clock){ .known = state >= 0,
                .synchronised = state != TIME_ERROR && !(clock.status & STA_UNSYNC),
                .maximal_error_ns = (int64_t)clock.maxerror * MICROSECOND };
}

/* What could not be looked at, as one finding: nothing is passed over in silence. */
static const struct report_check coverage = { .name = "coverage", .area = AREA_AGENT, .passed = "" };

static void add_coverage(struct run *run, struct report *report)
{
        struct report_statistics *statistics = run_statistics(run);
        if (report->count == FINDINGS_MAX)
                return;
        struct finding blind = { .check = &coverage, .arena = &run->arena };
        for (size_t i = 0; i < report->count; i++) {
                const struct finding *finding = &report->findings[i];
                if (finding->blind_count == 0)
                        continue;
                statistics->blind++;
                finding_show(&blind, REPORT_INFO, "%s: %s%s", finding->check->name, finding->blind,
                        finding->blind_count > 1 ? ", and more" : "");
                run_skipped(run, finding->check->name, "%s", finding->blind);
        }
        if (statistics->blind == 0)
                return;
        finding_say(&blind, REPORT_INFO, "%llu of %zu checks could not see everything%s",
                (unsigned long long)statistics->blind, report->count, geteuid() ? ": root sees more" : "");
        report->findings[report->count++] = blind;
}

/* A check that saw nothing at all has not passed: it is in the coverage only. */
static bool is_shown(const struct finding *finding)
{
        return finding->said || (!finding->absent && finding->blind_count == 0);
}

static int emit(struct run *run, const struct finding *finding, struct error *err)
{
        const struct report_params *params = run->params;
        struct report_row row = { .severity = (int)finding->severity,
                .area = (int)finding->check->area,
                .check = finding->check->name,
                .finding = finding->text,
                .evidence = { (char **)finding->evidence, finding->evidence_count },
                .more = finding->evidence_more,
                .command = finding->check->command };
        return row.severity < params->least ? 0 : run_emit(run, NULL, &row, err);
}

static int tell(struct run *run, struct report *report, struct error *err)
{
        const struct report_params *params = run->params;
        struct report_statistics *statistics = run_statistics(run);
        uint64_t counts[REPORT_SEVERITIES] = { 0 };
        enum report_severity worst = REPORT_OK;
        statistics->checks = report->count;
        add_coverage(run, report);
        report_sort(report->findings, report->count);
        for (size_t i = 0; i < report->count; i++) {
                const struct finding *finding = &report->findings[i];
                statistics->absent += finding->absent && !finding->said;
                if (!is_shown(finding))
                        continue;
                counts[finding->severity]++;
                worst = finding->severity > worst ? finding->severity : worst;
                if (emit(run, finding, err) < 0)
                        return -1;
        }
        statistics->critical = counts[REPORT_CRITICAL];
        statistics->high = counts[REPORT_HIGH];
        statistics->medium = counts[REPORT_MEDIUM];
        statistics->low = counts[REPORT_LOW];
        statistics->info = counts[REPORT_INFO];
        statistics->ok = counts[REPORT_OK];
        statistics->verdict = arena_strdup(&run->arena, report_verdict(worst));
        statistics->processes = report->look.processes.count;
        statistics->refused = report->look.processes_refused;
        if (params->fail_on > REPORT_OK && (int)worst >= params->fail_on)
                return fail(err, E_FAILED, "the worst finding is %s: --fail-on %s", report_severity_names[worst],
                        fail_on_names[params->fail_on]);
        return 0;
}

static const struct report_answer *agent_answers(struct run *run)
{
        struct report_answer *answers = run->agent_answers ? arena_array(&run->arena, ASKED, sizeof(*answers)) : NULL;
        for (size_t i = 0; answers && i < ASKED; i++)
                answers[i] = (struct report_answer){ run->agent_answers[i].status, run->agent_answers[i].body,
                        run->agent_answers[i].size };
        return answers;
}

static int report_run(struct run *run, struct error *err)
{
        const struct report_params *params = run->params;
        struct report *report = arena_new(&run->arena, struct report);
        cleanup(fd_close) int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (root < 0)
                return fail_errno(err, "open /");
        if (!report)
                return fail(err, E_NO_MEMORY, "no memory for the findings");
        look_open(&report->look, root, &run->arena);
        report->look.own = true;
        report->look.agent = agent_answers(run);
        report->look.clock = read_clock();
        report->look.self = getpid();
        report->look.parent = getppid();
        look_sample(&report->look, &report->look.before);
        look_processes(&report->look);
        run_checks(run, report, false);
        int64_t left = params->sample_ns - (time_monotonic_ns() - report->look.before.at_ns);
        struct error stopped;
        if (left > 0 && !run_stopped(run))
                run_poll(run, NULL, 0, left, &stopped);
        look_sample(&report->look, &report->look.after);
        run_checks(run, report, true);
        int status = tell(run, report, err);
        look_done(&report->look);
        return status;
}

/* ---- the page ---- */

enum { INDENT = 22, LEAST_WIDTH = 24 };

static void print_severity(struct line_printer *printer, int severity, const char *area, const char *text)
{
        static const char *const templates[REPORT_SEVERITIES] = { "<success>%s</>  <dim>%s</>%s",
                "<info>%s</>  <dim>%s</>%s", "<accent>%s</>  <dim>%s</>%s", "<warning>%s</>  <dim>%s</>%s",
                "<error>%s</>  <dim>%s</><bold>%s</>", "<error><reverse>%s</></>  <dim>%s</><bold>%s</>" };
        char word[16], place[16];
        snprintf(word, sizeof(word), "%-8s", report_severity_names[severity]);
        snprintf(place, sizeof(place), "%-12s", area);
        for (char *at = word; severity >= REPORT_HIGH && *at; at++)
                *at = *at >= 'a' && *at <= 'z' ? (char)(*at - 'a' + 'A') : *at;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral" /* one of the constants above */
        print_styled(printer, templates[severity], word, place, text);
#pragma GCC diagnostic pop
}

/* The first line behind the severity, further ones below it. */
static void print_sentence(struct line_printer *printer, const struct report_row *row)
{
        size_t width =
                printer->term && printer->term->width > INDENT + LEAST_WIDTH ? printer->term->width - INDENT : 4096;
        struct sv rest = sv_of(row->finding), line;
        for (bool first = true; rest.n && term_wrap(&rest, width, &line); first = false) {
                char text[4096];
                snprintf(text, sizeof(text), "%.*s", SV_ARG(line));
                if (first)
                        print_severity(printer, row->severity, report_area_names[row->area], text);
                else
                        print_styled(printer, "                      %s", text);
        }
}

static void print_evidence(struct line_printer *printer, const char *text)
{
        print_styled(printer, "                        <dim>%s</>", text);
}

static void report_print_row(struct line_printer *printer, const char *group, const char *label, const void *value)
{
        const struct report_row *row = value;
        (void)group;
        (void)label;
        print_sentence(printer, row);
        if (row->severity == REPORT_OK)
                return;
        list_foreach (text, &row->evidence)
                print_evidence(printer, *text);
        if (row->more) {
                char text[64];
                snprintf(text, sizeof(text), "and %llu more", (unsigned long long)row->more);
                print_evidence(printer, text);
        }
        if (row->command && *row->command)
                print_styled(printer, "                        look further: <command>%s</>", row->command);
}

static void count_word(char *out, size_t size, uint64_t count, const char *word)
{
        size_t n = strlen(out);
        if (count)
                snprintf(out + n, size - n, "%s%llu %s", n ? ", " : "", (unsigned long long)count, word);
}

static void report_print_statistics(struct line_printer *printer, const void *value)
{
        const struct report_statistics *counts = value;
        char text[256] = "";
        const char *verdict = counts->verdict ? counts->verdict : "";
        count_word(text, sizeof(text), counts->critical, "critical");
        count_word(text, sizeof(text), counts->high, "high");
        count_word(text, sizeof(text), counts->medium, "medium");
        count_word(text, sizeof(text), counts->low, "low");
        count_word(text, sizeof(text), counts->info, "info");
        count_word(text, sizeof(text), counts->ok, "passed");
        count_word(text, sizeof(text), counts->blind, "not wholly seen");
        if (strcmp(verdict, "healthy") == 0)
                print_styled(printer, "<success>%s</>: %s", verdict, text);
        else if (strcmp(verdict, "attention") == 0)
                print_styled(printer, "<warning>%s</>: %s", verdict, text);
        else
                print_styled(printer, "<error>%s</>: %s", verdict, text);
}

static const struct module_example report_examples[] = {
        { "report", "is this host healthy and safe: everything worth to know, worst first" },
        { "report --least medium", "only what calls for action" },
        { "report --fail-on high --results-only", "for cron: fails when something is high or critical" },
        { "report --area ssh --area accounts --json", "who gets in, for a program" },
        { 0 },
};

const struct module report_module = {
        .name = "report",
        .summary = "tell whether this host is healthy and safe, worst findings first",
        .description = "Looks once at load, memory, disks, the kernel, processes, the network, accounts, SSH, "
                       "containers, updates and the clock, and changes nothing. Each finding has a severity, what it "
                       "rests on, and a command to look further. The last line is the verdict: critical, attention "
                       "(something is medium or high), or healthy.\n\n"
                       "Without privileges some checks see less; the finding \"coverage\" names them.",
        .params = RECORD(struct report_params, params_fields),
        .element = RECORD(struct report_row, row_fields),
        .shape = SHAPE_LIST,
        .statistics = RECORD(struct report_statistics, statistics_fields),
        .sandbox = { .read_all = true,
                .processes = true,
                .capabilities = CAP_BIT(CAP_DAC_READ_SEARCH) | CAP_BIT(CAP_SYS_PTRACE) | CAP_BIT(CAP_SYSLOG) },
        .limits = { .wall_ns = 2 * MINUTE, .memory = 256 * MIB, .result = 4 * MIB },
        .agent_paths = report_agent_paths,
        .examples = report_examples,
        .validate = report_validate,
        .run = report_run,
        .print_row = report_print_row,
        .print_statistics = report_print_statistics,
};
