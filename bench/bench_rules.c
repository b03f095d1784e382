/* What the starter rules and the redaction cost for an event that none of them is about. */
#include "base/cleanup.h"
#include "base/timefmt.h"
#include "modules/watch/rules/redact.h"
#include "modules/watch/rules/rules.h"

enum { ROUNDS = 2000000, EVENTS = 4 };

static struct event events[EVENTS];

static void make(void)
{
        static char *lines[EVENTS][8] = {
                { (char *)"ls", (char *)"-la", (char *)"--color=auto", (char *)"/usr/share/doc" },
                { (char *)"gcc", (char *)"-O2", (char *)"-Wall", (char *)"-c", (char *)"-o", (char *)"build/main.o",
                        (char *)"src/main.c" },
                { (char *)"sh", (char *)"-c", (char *)"run-parts --report /etc/cron.hourly" },
                { (char *)"/usr/bin/python3", (char *)"/srv/app/manage.py", (char *)"migrate", (char *)"--noinput" },
        };
        static const char *const programs[EVENTS] = { "/usr/bin/ls", "/usr/bin/x86_64-linux-gnu-gcc-12",
                "/usr/bin/dash", "/usr/bin/python3.11" };
        static struct event_ancestor ancestors[] = { { 900, "bash", "/usr/bin/bash", "1-2-384-1" },
                { 800, "sshd", "/usr/sbin/sshd", "1-2-320-1" }, { 700, "sshd", "/usr/sbin/sshd", "1-2-2bc-1" },
                { 1, "systemd", "/usr/lib/systemd/systemd", "1-1-1-1" } };
        for (size_t i = 0; i < EVENTS; i++) {
                struct event_process *process = &events[i].process;
                events[i] = (struct event){ .type = EVENT_EXEC, .has_process = true };
                process->exec_id = "65f0c1d2-1a2b3c-4d2-1";
                process->parent_exec_id = "65f0c1d2-1a2b00-384-1";
                process->exe = programs[i];
                process->comm = lines[i][0];
                process->cwd = "/root";
                process->tty = "pts0";
                process->argv.items = lines[i];
                while (process->argv.count < 8 && lines[i][process->argv.count])
                        process->argv.count++;
                process->ancestors.items = ancestors;
                process->ancestors.count = 4;
        }
}

int main(void)
{
        cleanup(rules_free) struct rules *rules = NULL;
        cleanup(redact_free) struct redact *redact = NULL;
        static const char *const paths[] = { "starter", NULL };
        struct string_list shown;
        struct error err;
        size_t hits = 0, count = 0;
        make();
        int64_t start = time_cpu_ns();
        if (rules_load(&(struct rules_options){ .paths = paths }, &rules, &err) < 0 ||
                redact_new(NULL, &redact, &err) < 0) {
                fprintf(stderr, "%s\n", err.message);
                return 1;
        }
        printf("loading the starter rules: %.1f ms\n", (double)(time_cpu_ns() - start) / 1e6);
        for (size_t e = 0; e < EVENTS; e++) {
                start = time_cpu_ns();
                for (int i = 0; i < ROUNDS; i++)
                        hits += rules_match(rules, &events[e], i, NULL, NULL);
                int64_t matched = time_cpu_ns();
                for (int i = 0; i < ROUNDS; i++)
                        count += redact_argv(redact, &events[e].process.argv, &shown);
                printf("%-34s rules %4lld ns, redaction %4lld ns an event\n", events[e].process.exe,
                        (long long)((matched - start) / ROUNDS), (long long)((time_cpu_ns() - matched) / ROUNDS));
        }
        return hits || count;
}
