#include "base/cleanup.h"
#include "schema/flags.h"
#include "schema/usage.h"
#include "schema_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <sys/wait.h>

#include <cmocka.h>

enum { TEXT_MAX = 1 << 20 };

static const struct usage_example examples[] = {
        { "tarsier probe --count 3 example.com", "ask three times" },
        { "tarsier probe --path /etc --name '\\.conf$' example.com", NULL },
        { NULL, NULL },
};

static const char description[] =
        "Looks at a host and says what is there.\n\nIt never writes_anything *at all*; # no, not one "
        "byte, whatever the host answers and however long it takes to do so.";

static char *help_text(unsigned width)
{
        static struct buf out;
        buf_done(&out);
        buf_init(&out, TEXT_MAX);
        usage_print(&out, "tarsier probe", "look at a host", description, fixture_record, examples, width);
        assert_false(out.failed);
        return out.data;
}

static void has(const char *text, const char *part)
{
        if (!strstr(text, part))
                fail_msg("\"%s\" is missing in:\n%s", part, text);
}

static void every_accepted_flag_is_shown(void **state)
{
        (void)state;
        struct flag_spec flags[FLAGS_MAX];
        const char *text = help_text(1000);
        size_t count = record_flags(fixture_record, flags, FLAGS_MAX);
        assert_true(count > 25);
        for (size_t i = 0; i < count; i++) {
                char name[80] = "";
                for (size_t n = 0; flags[i].long_name[n] && n < 70; n++)
                        name[n] = flags[i].long_name[n] == '_' ? '-' : flags[i].long_name[n];
                has(text, name);
                has(text, flags[i].field->help);
        }
}

static void the_rules_are_said(void **state)
{
        (void)state;
        const char *text = help_text(200);
        has(text, "tarsier probe: look at a host\n\nExamples:\n  tarsier probe --count 3 example.com\n      ask three "
                  "times\n");
        has(text, "\nUsage: tarsier probe [options] --path PATH TARGET\n");
        has(text, "\nArguments:\n  TARGET                        host to look at (required); also --target\n");
        has(text, "  -f, --follow                  follow links\n");
        has(text, "  -c, --count N                 how many times (1 to 100; default: 3)\n");
        has(text, "      --timeout DURATION        when to give up (a bare number counts 1ms; default: 10s)\n");
        has(text, "  -m, --mode WORD               how to look (one of: fast, full, deep; default: full)\n");
        has(text, "      --file FILE ");
        has(text, "      --word TEXT               words to look for (may be given several times)\n");
        has(text, "      --label KEY=VALUE         labels to set (may be given several times)\n");
        has(text, "      --maxtime DURATION        how long to look (1s to 1h; default: 30s)\n");
        has(text, "      --matchall                all expressions must match (--matchany is its opposite; default: "
                  "true)\n");
        has(text, "      --search NAME ");
        has(text, "only what is newer (since 0.2)");
        has(text, "password of the account (never shown)");
        has(text, "      --serial-number N ");
        assert_null(strstr(text, "--modes"));
}

static void no_line_is_too_long(void **state)
{
        (void)state;
        for (unsigned width = 0; width <= 120; width += 20) {
                struct sv rest = sv_of(help_text(width)), line;
                while (sv_line(&rest, &line)) {
                        if (line.n > (width == 0          ? 80
                                             : width < 40 ? 40
                                                          : width) &&
                                !strstr(line.p, "tarsier probe --") && sv_find(sv_trim(line), ' ') < sv_trim(line).n &&
                                line.p[2] != ' ')
                                fail_msg("width %u: %.*s", width, SV_ARG(line));
                        if (line.n)
                                assert_int_not_equal(line.p[line.n - 1], ' ');
                }
        }
}

static void a_command_without_flags_has_a_help(void **state)
{
        (void)state;
        struct buf out;
        buf_init(&out, TEXT_MAX);
        usage_print(&out, "tarsier x", "do nothing", NULL, &(struct record){ 0 }, NULL, 0);
        assert_string_equal(buf_text(&out), "tarsier x: do nothing\n\nUsage: tarsier x\n");
        buf_done(&out);
}

static void the_manual_page_compiles(void **state)
{
        (void)state;
        struct buf out, page;
        buf_init(&out, TEXT_MAX);
        buf_init(&page, TEXT_MAX);
        usage_scdoc(&out, "tarsier probe", "look at a host", description, fixture_record, fixture_record, examples);
        has(buf_text(&out), "tarsier-probe(1)\n\n# NAME\n\ntarsier-probe - look at a host\n");
        has(buf_text(&out), "*-c*, *--count* _N_\n\thow many times (1 to 100; default: 3)\n");
        has(buf_text(&out), "*limits.maxbytes* (size, 1 B to 1.0 GiB)\n");
        has(buf_text(&out), "*searches.KEY.paths* (list of path)\n");
        has(buf_text(&out), "*4*\n\tpermission, unauthenticated\n");
        has(buf_text(&out), "writes\\_anything \\*at all\\*");
        if (access("/usr/bin/scdoc", X_OK) != 0) {
                buf_done(&out);
                print_message("skipped: needs scdoc\n");
                skip();
        }
        int in[2];
        FILE *source = tmpfile();
        assert_non_null(source);
        assert_int_equal(fwrite(out.data, 1, out.len, source), out.len);
        rewind(source);
        assert_int_equal(pipe(in), 0);
        pid_t pid = fork();
        if (pid == 0) {
                dup2(fileno(source), 0);
                dup2(in[1], 1);
                close(in[0]);
                close(in[1]);
                execl("/usr/bin/scdoc", "scdoc", (char *)NULL);
                _exit(127);
        }
        close(in[1]);
        char chunk[4096];
        for (ssize_t n; (n = read(in[0], chunk, sizeof(chunk))) > 0;)
                buf_append(&page, chunk, (size_t)n);
        close(in[0]);
        int status;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
        has(buf_text(&page), ".SH OPTIONS");
        has(buf_text(&page), "--timeout");
        fclose(source);
        buf_done(&out);
        buf_done(&page);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_accepted_flag_is_shown),
                cmocka_unit_test(the_rules_are_said),
                cmocka_unit_test(no_line_is_too_long),
                cmocka_unit_test(a_command_without_flags_has_a_help),
                cmocka_unit_test(the_manual_page_compiles),
        };
        return cmocka_run_group_tests_name("schema_usage", tests, NULL, NULL);
}
