/* The error value, its one table of codes, and log lines. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#undef fail /* cmocka's own, which ends a test: fail_msg does it as well */
#include "base/error.h"
#include "base/log.h"

static void test_fail_fills_everything(void **state)
{
        (void)state;
        struct error err = { 0 };
        int line = __LINE__ + 1;
        assert_int_equal(fail(&err, E_INVALID, "port %d is %s", 70000, "too large"), -1);
        assert_int_equal(err.code, E_INVALID);
        assert_int_equal(err.errnum, 0);
        assert_int_equal(err.line, line);
        assert_non_null(strstr(err.file, "test_base_error.c"));
        assert_string_equal(err.message, "port 70000 is too large");
        error_clear(&err);
        assert_int_equal(err.code, E_NONE);
        assert_string_equal(err.message, "");
}

static void test_fail_errno_appends_its_text(void **state)
{
        (void)state;
        struct error err = { 0 };
        errno = ENOENT;
        assert_int_equal(fail_errno(&err, "open %s", "/x"), -1);
        assert_int_equal(err.code, E_NOT_FOUND);
        assert_int_equal(err.errnum, ENOENT);
        assert_string_equal(err.message, "open /x: No such file or directory");
        errno = 99999;
        fail_errno(&err, "call");
        assert_int_equal(err.code, E_IO);
        assert_string_equal(err.message, "call: unknown error");
}

static void test_null_error_is_a_verdict_only(void **state)
{
        (void)state;
        assert_int_equal(fail(NULL, E_FAILED, "%s", "x"), -1);
        assert_int_equal(error_prefix(NULL, "%s", "x"), -1);
        assert_null(fail_null(NULL, E_FAILED, "x"));
        error_clear(NULL);
}

static void test_long_messages_are_cut(void **state)
{
        (void)state;
        struct error err = { 0 };
        char longer[2000];
        memset(longer, 'a', sizeof(longer) - 1);
        longer[sizeof(longer) - 1] = '\0';
        fail(&err, E_FAILED, "%s", longer);
        assert_int_equal(strlen(err.message), sizeof(err.message) - 1);
        errno = EACCES;
        fail_errno(&err, "%s", longer); /* no room for the errno text: still terminated, still the right code */
        assert_int_equal(strlen(err.message), sizeof(err.message) - 1);
        assert_int_equal(err.code, E_PERMISSION);
}

static void test_prefix(void **state)
{
        (void)state;
        struct error err = { 0 };
        fail(&err, E_CORRUPT, "bad magic");
        assert_int_equal(error_prefix(&err, "reading %s", "a.db"), -1);
        assert_string_equal(err.message, "reading a.db: bad magic");
        assert_int_equal(err.code, E_CORRUPT);
        /* a huge context keeps half of the room for what went wrong */
        char longer[2000];
        memset(longer, 'c', sizeof(longer) - 1);
        longer[sizeof(longer) - 1] = '\0';
        error_prefix(&err, "%s", longer);
        assert_non_null(strstr(err.message, ": reading a.db: bad magic"));
        assert_true(strlen(err.message) < sizeof(err.message));
        for (int i = 0; i < 100; i++)
                error_prefix(&err, "level %d", i);
        assert_true(strlen(err.message) < sizeof(err.message));
        assert_memory_equal(err.message, "level 99: level 98: ", 20);
}

static void test_table_of_codes(void **state)
{
        (void)state;
        assert_string_equal(error_code_name(E_TOO_LARGE), "too-large");
        assert_int_equal(error_exit_status(E_NONE), 0);
        assert_int_equal(error_http_status(E_NONE), 200);
        assert_string_equal(error_code_name(E_CODES_MAX), "failed");
        for (int code = E_NONE + 1; code < E_CODES_MAX; code++) {
                assert_non_null(error_code_name((enum error_code)code));
                assert_in_range(error_exit_status((enum error_code)code), 1, 125);
                assert_in_range(error_http_status((enum error_code)code), 400, 599);
                for (int other = E_NONE; other < code; other++)
                        assert_string_not_equal(
                                error_code_name((enum error_code)code), error_code_name((enum error_code)other));
        }
}

static void test_code_of_errno(void **state)
{
        (void)state;
        static const struct {
                int errnum;
                enum error_code code;
        } table[] = { { ENOENT, E_NOT_FOUND }, { ESRCH, E_NOT_FOUND }, { EPERM, E_PERMISSION }, { EROFS, E_PERMISSION },
                { EEXIST, E_EXISTS }, { ENOMEM, E_NO_MEMORY }, { ENAMETOOLONG, E_TOO_LARGE }, { ETIMEDOUT, E_TIMEOUT },
                { ENOSYS, E_UNSUPPORTED }, { EINVAL, E_INVALID }, { EIO, E_IO }, { EPIPE, E_IO } };
        for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
                assert_int_equal(error_code_of_errno(table[i].errnum), table[i].code);
}

static char last_line[2048];
static int lines;

static void keep_line(enum log_level level, const char *line, void *cookie)
{
        (void)level;
        (void)cookie;
        lines++;
        snprintf(last_line, sizeof(last_line), "%s", line);
}

static void test_log_level_and_control_bytes(void **state)
{
        (void)state;
        log_set_sink(keep_line, NULL);
        log_set_level(LOG_LEVEL_WARNING);
        assert_int_equal(log_get_level(), LOG_LEVEL_WARNING);
        log_notice("not shown");
        assert_int_equal(lines, 0);
        errno = ENOENT;
        log_warning("name %s", "a\nb\x1b[31m\x7f");
        assert_int_equal(errno, ENOENT);
        assert_int_equal(lines, 1);
        assert_string_equal(last_line, "name a b [31m ");
        char longer[4000];
        memset(longer, '\n', sizeof(longer) - 1);
        longer[sizeof(longer) - 1] = '\0';
        log_error("%s", longer);
        assert_null(strchr(last_line, '\n'));
        assert_int_equal(strlen(last_line), 1023);
        log_set_sink(NULL, NULL);
        log_set_level(LOG_LEVEL_NOTICE);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_fail_fills_everything),
                cmocka_unit_test(test_fail_errno_appends_its_text),
                cmocka_unit_test(test_null_error_is_a_verdict_only),
                cmocka_unit_test(test_long_messages_are_cut),
                cmocka_unit_test(test_prefix),
                cmocka_unit_test(test_table_of_codes),
                cmocka_unit_test(test_code_of_errno),
                cmocka_unit_test(test_log_level_and_control_bytes),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
