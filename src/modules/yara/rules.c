#include "modules/yara/rules.h"

#include "base/path.h"

#include <yara.h>

struct rules {
        YR_RULES *compiled;
};

struct first_error {
        char text[400];
        int line;
};

static const char *const externals[] = { "filename", "filepath", "extension" };

static void on_compiler_message(
        int level, const char *file, int line, const YR_RULE *rule, const char *message, void *cookie)
{
        struct first_error *first = cookie;
        (void)file;
        (void)rule;
        if (level != YARA_ERROR_LEVEL_ERROR || *first->text)
                return;
        first->line = line;
        snprintf(first->text, sizeof(first->text), "%s", message);
}

static const char *yara_error(int code)
{
        switch (code) {
        case ERROR_INSUFFICIENT_MEMORY:
                return "out of memory";
        case ERROR_COULD_NOT_MAP_FILE:
                return "the file cannot be mapped, or was cut while it was read";
        case ERROR_TOO_MANY_MATCHES:
                return "a string matches too often";
        case ERROR_EXEC_STACK_OVERFLOW:
                return "a condition needs too much stack";
        case ERROR_TOO_MANY_RE_FIBERS:
                return "a regular expression is too complex for this file";
        default:
                return "libyara refused";
        }
}

static int compile(YR_COMPILER *compiler, const char *text, YR_RULES **ret, struct error *err)
{
        struct first_error first = { .text = "" };
        yr_compiler_set_callback(compiler, on_compiler_message, &first);
        yr_compiler_set_include_callback(compiler, NULL, NULL, NULL); /* includes are an error */
        for (size_t i = 0; i < sizeof(externals) / sizeof(externals[0]); i++)
                if (yr_compiler_define_string_variable(compiler, externals[i], "") != ERROR_SUCCESS)
                        return fail(err, E_NO_MEMORY, "no memory for the rules");
        if (yr_compiler_add_string(compiler, text, NULL) > 0)
                return first.line ? fail(err, E_INVALID, "rules: line %d: %s", first.line, first.text)
                                  : fail(err, E_INVALID, "rules: %s", first.text); /* at the end of the text */
        int code = yr_compiler_get_rules(compiler, ret);
        if (code != ERROR_SUCCESS)
                return fail(err, E_FAILED, "rules: %s (%d)", yara_error(code), code);
        return 0;
}

struct rules *rules_new(const char *text, struct error *err)
{
        YR_COMPILER *compiler;
        if (strlen(text) > RULES_TEXT_MAX)
                return fail_null(err, E_TOO_LARGE, "rules: more than %d bytes", RULES_TEXT_MAX);
        struct rules *rules = calloc(1, sizeof(*rules));
        if (!rules)
                return fail_null(err, E_NO_MEMORY, "no memory for the rules");
        if (yr_initialize() != ERROR_SUCCESS) {
                free(rules);
                return fail_null(err, E_FAILED, "libyara cannot be initialised");
        }
        yr_set_configuration_uint32(YR_CONFIG_MAX_STRINGS_PER_RULE, RULES_STRINGS_MAX);
        int status = -1;
        if (yr_compiler_create(&compiler) != ERROR_SUCCESS) {
                fail(err, E_NO_MEMORY, "no memory for the rules");
        } else {
                status = compile(compiler, text, &rules->compiled, err);
                yr_compiler_destroy(compiler);
        }
        if (status < 0) {
                yr_finalize();
                free(rules);
                return NULL;
        }
        return rules;
}

void rules_free(struct rules *rules)
{
        if (!rules)
                return;
        yr_rules_destroy(rules->compiled);
        yr_finalize();
        free(rules);
}

static int on_scan(YR_SCAN_CONTEXT *context, int message, void *argument, void *cookie)
{
        struct rules_matched *matched = cookie;
        YR_RULE *rule = argument;
        (void)context;
        if (message != CALLBACK_MSG_RULE_MATCHING || RULE_IS_PRIVATE(rule))
                return CALLBACK_CONTINUE;
        if (matched->count < RULES_MATCHED_MAX)
                matched->names[matched->count++] = (char *)(uintptr_t)rule->identifier;
        else
                matched->refused++;
        return CALLBACK_CONTINUE;
}

int rules_scan(struct rules *rules, int fd, const char *path, int seconds, struct rules_matched *ret, struct error *err)
{
        struct sv base = path_base(sv_of(path)); /* ends where path ends, so it is terminated */
        const char *dot = memrchr(base.p, '.', base.n);
        yr_rules_define_string_variable(rules->compiled, "filename", base.p);
        yr_rules_define_string_variable(rules->compiled, "filepath", path);
        yr_rules_define_string_variable(rules->compiled, "extension", dot ? dot : "");
        ret->count = ret->refused = 0;
        int code = yr_rules_scan_fd(rules->compiled, fd, SCAN_FLAGS_REPORT_RULES_MATCHING, on_scan, ret, seconds);
        if (code == ERROR_SCAN_TIMEOUT)
                return fail(err, E_TIMEOUT, "not finished after %d s", seconds);
        if (code != ERROR_SUCCESS)
                return fail(err, E_FAILED, "%s (%d)", yara_error(code), code);
        return 0;
}
