/* Checks: what runs, and from where. */
#include "modules/report/checks/checks.h"

#include "base/path.h"
#include "linux/process.h"

static bool need_processes(const struct look *look, struct finding *finding)
{
        if (!look->has_processes)
                finding_blind(finding, "/proc", "not readable");
        return look->has_processes;
}

static void tell_denied(struct finding *finding, uint64_t denied, const char *what)
{
        if (denied) {
                char why[128];
                snprintf(why, sizeof(why), "%s of %llu processes may not be read", what, (unsigned long long)denied);
                finding_blind(finding, "/proc/PID", why);
        }
}

static void check_zombies(struct look *look, struct finding *finding)
{
        unsigned count = 0;
        for (size_t i = 0; need_processes(look, finding) && i < look->processes.count; i++)
                count += look->processes.items[i].state == 'Z';
        if (count < 20) /* a few come and go wherever something ends */
                return;
        finding_say(finding, count >= 1000 ? REPORT_MEDIUM : REPORT_LOW,
                "%u processes have ended and nobody collects them (zombies)", count);
        for (size_t i = 0; i < look->processes.count; i++)
                if (look->processes.items[i].state == 'Z')
                        finding_show(finding, REPORT_LOW, "%s (pid %d)", look->processes.items[i].name,
                                look->processes.items[i].pid);
}

/* In uninterruptible sleep at the start of the sample and still at its end. Kernel threads may sleep so by design. */
static void check_blocked(struct look *look, struct finding *finding)
{
        unsigned count = 0;
        for (size_t i = 0; need_processes(look, finding) && i < look->processes.count; i++) {
                const struct report_process *process = &look->processes.items[i];
                struct process open;
                struct process_stat stat;
                struct error err;
                if (process->state != 'D' || process->kernel_thread ||
                        process_open(look->root, process->pid, &open, &err) < 0)
                        continue;
                if (process_read_stat(&open, &stat, &err) == 0 && stat.state == 'D') {
                        count++;
                        finding_show(finding, REPORT_INFO, "%s (pid %d)", process->name, process->pid);
                }
                process_close(&open);
        }
        if (count)
                finding_say(finding, count >= 5 ? REPORT_MEDIUM : REPORT_INFO,
                        "%u %s for a disk or a file server and cannot be stopped (state D)", count,
                        count == 1 ? "process waits" : "processes wait");
}

static bool is_memory_file(const char *program)
{
        return strncmp(program, "/memfd:", 7) == 0;
}

/* runc and crun start containers from a copy of themselves in memory, so that a container cannot write to the program
 * on disk (CVE-2019-5736); systemd pins its executor the same way. The name can be forged: so not nothing, but info. */
static bool is_known_memory_file(const char *program)
{
        static const char *const known[] = { "/memfd:runc_cloned:", "/memfd:crun", "/memfd:runc", "/memfd:libcrun",
                NULL };
        for (size_t i = 0; known[i]; i++)
                if (strncmp(program, known[i], strlen(known[i])) == 0)
                        return true;
        return false;
}

static void check_deleted(struct look *look, struct finding *finding)
{
        unsigned gone = 0, replaced = 0, memory = 0;
        for (size_t i = 0; need_processes(look, finding) && i < look->processes.count; i++) {
                const struct report_process *process = &look->processes.items[i];
                if (!process->deleted || !process->program)
                        continue;
                if (is_memory_file(process->program)) {
                        bool known = is_known_memory_file(process->program);
                        memory += !known;
                        finding_show(finding, known ? REPORT_INFO : REPORT_HIGH, "%s (pid %d): in memory only, %s",
                                process->name, process->pid, process->program);
                } else if (process->replaced) {
                        replaced++;
                        finding_show(finding, REPORT_LOW, "%s (pid %d): %s was replaced", process->name, process->pid,
                                process->program);
                } else {
                        gone++;
                        if (process->silent)
                                finding_blind(finding, process->program, look_why(ETIMEDOUT));
                        finding_show(finding, REPORT_MEDIUM, "%s (pid %d): %s was deleted", process->name, process->pid,
                                process->program);
                }
        }
        tell_denied(finding, look->processes_denied, "the programs");
        if (memory)
                finding_say(finding, REPORT_HIGH, "%u %s a program that was never a file on disk", memory,
                        memory == 1 ? "process runs" : "processes run");
        else if (gone)
                finding_say(finding, REPORT_MEDIUM, "%u %s a program that was deleted", gone,
                        gone == 1 ? "process runs" : "processes run");
        else if (replaced)
                finding_say(finding, REPORT_LOW, "%u %s an older program than the one on disk: restart %s", replaced,
                        replaced == 1 ? "process runs" : "processes run", replaced == 1 ? "it" : "them");
        else if (finding->evidence_count)
                finding_say(finding, REPORT_INFO, "A container runtime runs from memory");
}

/* Where everybody may put a file. */
static bool is_shared_place(const char *path)
{
        static const char *const places[] = { "/tmp/", "/var/tmp/", "/dev/shm/", "/run/lock/", "/dev/mqueue/", NULL };
        for (size_t i = 0; places[i]; i++)
                if (strncmp(path, places[i], strlen(places[i])) == 0)
                        return true;
        return false;
}

static void check_temporary(struct look *look, struct finding *finding)
{
        unsigned count = 0;
        for (size_t i = 0; need_processes(look, finding) && i < look->processes.count; i++) {
                const struct report_process *process = &look->processes.items[i];
                if (!process->program || !is_shared_place(process->program))
                        continue;
                count++;
                finding_show(finding, REPORT_HIGH, "%s (pid %d, uid %u): %s%s%s", process->name, process->pid,
                        process->uid, process->program, process->container ? " in " : "",
                        process->container ? process->container : "");
        }
        tell_denied(finding, look->processes_denied, "the programs");
        if (count)
                finding_say(finding, REPORT_HIGH, "%u %s a program from a directory that everybody can write", count,
                        count == 1 ? "process runs" : "processes run");
}

/* Libraries that are made to be preloaded. */
static bool is_known_library(struct sv name)
{
        static const char *const known[] = { "libjemalloc.so", "libtcmalloc", "libmimalloc.so", "libeatmydata.so",
                "libfakeroot", "libstdbuf.so", "libasan.so", "libtsan.so", "libubsan.so", "libgtk3-nocsd.so",
                "libpthread_workaround", "libnss_wrapper.so", "libfaketime", "libproxychains", "libtsocks.so", NULL };
        for (size_t i = 0; known[i]; i++)
                if (sv_starts(name, sv_of(known[i])))
                        return true;
        return false;
}

static bool is_system_library(struct sv path)
{
        static const char *const places[] = { "/usr/lib", "/lib", "/usr/local/lib", "/usr/libexec", "/opt/", NULL };
        for (size_t i = 0; places[i]; i++)
                if (sv_starts(path, sv_of(places[i])))
                        return true;
        return false;
}

/* Entries of LD_PRELOAD and of ld.so.preload are separated by spaces, newlines or colons (ld.so(8)). */
static enum report_severity judge_preload(const char *list)
{
        enum report_severity worst = REPORT_OK;
        while (*list) {
                size_t n = strcspn(list, " :\t\r\n");
                struct sv path = sv_n(list, n);
                struct sv name = path_base(path);
                enum report_severity severity = REPORT_OK;
                char text[512];
                snprintf(text, sizeof(text), "%.*s", SV_ARG(path));
                if (n && is_shared_place(text))
                        severity = REPORT_HIGH;
                else if (n && sv_find(path, '/') < n && !is_system_library(path))
                        severity = REPORT_MEDIUM;
                else if (n && !is_known_library(name))
                        severity = REPORT_LOW;
                worst = severity > worst ? severity : worst;
                list += n + (list[n] != '\0');
        }
        return worst;
}

static void check_preload(struct look *look, struct finding *finding)
{
        unsigned count = 0;
        for (size_t i = 0; need_processes(look, finding) && i < look->processes.count; i++) {
                const struct report_process *process = &look->processes.items[i];
                enum report_severity severity = process->preload ? judge_preload(process->preload) : REPORT_OK;
                if (severity == REPORT_OK)
                        continue;
                count++;
                finding_show(finding, severity, "%s (pid %d, uid %u): LD_PRELOAD=%s", process->name, process->pid,
                        process->uid, process->preload);
        }
        tell_denied(finding, look->environments_denied, "the environments");
        if (count)
                finding_say(finding, REPORT_LOW, "%u %s a library that does not belong to the program (LD_PRELOAD)",
                        count, count == 1 ? "process loads" : "processes load");
}

static void check_preload_file(struct look *look, struct finding *finding)
{
        struct sv text, line;
        if (look_file(look, finding, "etc/ld.so.preload", REPORT_TEXT_MAX, &text) != LOOK_READ)
                return;
        unsigned count = 0;
        while (text.n && sv_line(&text, &line)) {
                line = look_strip(line, '#');
                if (!line.n)
                        continue;
                count++;
                enum report_severity severity = judge_preload(look_text(look, "%.*s", SV_ARG(line)));
                finding_show(finding,
                        severity < REPORT_LOW    ? REPORT_INFO
                        : severity == REPORT_LOW ? REPORT_MEDIUM
                                                 : REPORT_HIGH,
                        "/etc/ld.so.preload: %.*s", SV_ARG(line));
        }
        if (count)
                finding_say(finding, REPORT_INFO, "Every program of this host loads %u more %s (/etc/ld.so.preload)",
                        count, count == 1 ? "library" : "libraries");
}

static void check_process_files(struct look *look, struct finding *finding)
{
        unsigned count = 0;
        for (size_t i = 0; need_processes(look, finding) && i < look->processes.count; i++) {
                const struct report_process *process = &look->processes.items[i];
                if (!process->files_limit || process->files < 100 || process->files * 10 < process->files_limit * 9)
                        continue;
                count++;
                finding_show(finding, REPORT_MEDIUM, "%s (pid %d): %llu of %llu files open", process->name,
                        process->pid, (unsigned long long)process->files, (unsigned long long)process->files_limit);
        }
        if (count)
                finding_say(finding, REPORT_MEDIUM, "%u %s hardly open another file or connection", count,
                        count == 1 ? "process can" : "processes can");
}

const struct report_check report_process_checks[] = {
        { "zombies", AREA_PROCESSES, check_zombies, "Processes that ended are collected", "tarsier ps --tree", false },
        { "blocked", AREA_PROCESSES, check_blocked, "No process hangs in a wait", "tarsier ps", true },
        { "deleted-programs", AREA_PROCESSES, check_deleted, "Every process runs the program that is on disk",
                "tarsier ps --fields pid,user,comm,exe", false },
        { "temporary-programs", AREA_PROCESSES, check_temporary,
                "No process runs from a directory that everybody can write", "tarsier ps --fields pid,user,comm,exe",
                false },
        { "preload", AREA_PROCESSES, check_preload, "No process loads a library that does not belong to it",
                "tarsier ps --maps", false },
        { "preload-file", AREA_PROCESSES, check_preload_file, "No library is loaded into every program",
                "tarsier stat /etc/ld.so.preload", false },
        { "process-files", AREA_PROCESSES, check_process_files, "No process is near its limit of open files",
                "tarsier sockstat", false },
        { 0 },
};
