/* A line of auditctl's language: its words, its options, and what they make together. */
#include "lib/auditrule/internal.h"

#include "base/cleanup.h"

#include <libaudit.h>
#include <sys/stat.h>
#include <sys/utsname.h>

void auditrule_init(struct auditrule *rule)
{
        memset(rule, 0, sizeof(*rule));
        buf_init(&rule->data, AUDITRULE_SIZE_MAX);
}

void auditrule_done(struct auditrule *rule)
{
        buf_done(&rule->data);
        memset(rule, 0, sizeof(*rule));
}

/* --- words ---------------------------------------------------------------------------------------------------------
 */

struct words {
        struct sv items[AUDITRULE_WORDS_MAX];
        size_t count, at;
        char text[AUDITRULE_LINE_MAX]; /* of words with quotes taken off */
        size_t used;
};

static bool is_space(char c)
{
        return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Quotes may stand within a word, as in a shell. */
static int take_word(struct words *words, struct sv *rest, struct error *err)
{
        size_t begin = words->used;
        char quote = '\0';
        while (rest->n > 0 && (quote || !is_space(*rest->p))) {
                char c = *rest->p;
                *rest = sv_n(rest->p + 1, rest->n - 1);
                if (c == '\0')
                        return fail(err, E_INVALID, "a NUL in an audit rule");
                if (quote ? c == quote : (c == '"' || c == '\'')) {
                        quote = quote ? '\0' : c;
                        continue;
                }
                words->text[words->used++] = c; /* fits: the line does */
        }
        if (quote)
                return fail(err, E_INVALID, "an audit rule ends within quotes");
        if (words->count == AUDITRULE_WORDS_MAX)
                return fail(err, E_TOO_LARGE, "an audit rule has at most %d words", AUDITRULE_WORDS_MAX);
        words->items[words->count++] = sv_n(words->text + begin, words->used - begin);
        return 0;
}

static int split_words(struct sv line, struct words *words, struct error *err)
{
        words->count = words->at = words->used = 0;
        if (line.n > AUDITRULE_LINE_MAX)
                return fail(err, E_TOO_LARGE, "an audit rule has at most %d bytes", AUDITRULE_LINE_MAX);
        while (line.n > 0) {
                if (is_space(*line.p)) {
                        line = sv_n(line.p + 1, line.n - 1);
                        continue;
                }
                if (*line.p == '#' && words->count == 0)
                        return 0;
                if (take_word(words, &line, err) < 0)
                        return -1;
        }
        return 0;
}

/* --- options -------------------------------------------------------------------------------------------------------
 */

struct parse {
        struct words words;
        struct builder builder;
        struct auditrule *rule;
        bool has_command, remove_all;
        char path[4096];
};

static int command(struct parse *parse, enum auditrule_kind kind, struct sv option, struct error *err)
{
        if (parse->has_command && parse->rule->kind != kind)
                return fail(err, E_INVALID, "%.*s cannot stand with what is before it", SV_ARG(option));
        if (parse->has_command && kind != AUDITRULE_SET)
                return fail(err, E_INVALID, "%.*s: one rule a line", SV_ARG(option));
        parse->has_command = true;
        parse->rule->kind = kind;
        return 0;
}

static int list_and_action(struct parse *parse, struct sv option, struct sv value, struct error *err)
{
        struct builder *builder = &parse->builder;
        struct sv left, right = value;
        int64_t list, action;
        if (!sv_split(&right, ',', &left) || right.p == NULL)
                return fail(err, E_INVALID, "%.*s needs list,action", SV_ARG(option));
        if (!(number_of_name(list_names, left, &list) && number_of_name(action_names, right, &action)) &&
                !(number_of_name(list_names, right, &list) && number_of_name(action_names, left, &action)))
                return fail(err, E_INVALID,
                        "%.*s %.*s: lists are exit, task, user, exclude, filesystem, io_uring, actions always and "
                        "never",
                        SV_ARG(option), SV_ARG(value));
        builder->head.flags = (uint32_t)list;
        builder->head.action = (uint32_t)action;
        builder->has_list = true;
        if (sv_eq(option, SV("-A")))
                builder->head.flags |= AUDIT_FILTER_PREPEND;
        return command(parse, sv_eq(option, SV("-d")) ? AUDITRULE_DELETE : AUDITRULE_ADD, option, err);
}

static bool is_directory(const struct auditrule_options *options, const char *path)
{
        struct stat status;
        if (options->is_directory)
                return options->is_directory(options->cookie, path);
        return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

static int watch(struct parse *parse, struct sv option, struct sv path, struct error *err)
{
        struct builder *builder = &parse->builder;
        if (path.n == 0 || path.p[0] != '/' || path.n >= sizeof(parse->path))
                return fail(err, E_INVALID, "%.*s needs an absolute path", SV_ARG(option));
        if (command(parse, sv_eq(option, SV("-W")) ? AUDITRULE_DELETE : AUDITRULE_ADD, option, err) < 0)
                return -1;
        while (path.n > 1 && path.p[path.n - 1] == '/')
                path.n--;
        memcpy(parse->path, path.p, path.n);
        parse->path[path.n] = '\0';
        builder->head.flags = AUDIT_FILTER_EXIT;
        builder->head.action = AUDIT_ALWAYS;
        builder->has_list = builder->watch = true;
        uint32_t field = is_directory(builder->options, parse->path) ? AUDIT_DIR : AUDIT_WATCH;
        return builder_text(builder, field, AUDIT_EQUAL, path, err);
}

static int rule_option(struct parse *parse, char letter, struct sv value, struct error *err)
{
        struct builder *builder = &parse->builder;
        uint32_t permissions;
        const uint32_t list = builder->head.flags & ~(uint32_t)AUDIT_FILTER_PREPEND;
        char key[AUDIT_MAX_KEY_LEN + 16];
        if (letter == 'k') {
                int length = snprintf(key, sizeof(key), "key=%.*s", SV_ARG(value));
                if (value.n > AUDIT_MAX_KEY_LEN)
                        return fail(err, E_INVALID, "a key has 1 to %d bytes", AUDIT_MAX_KEY_LEN);
                return builder_field(builder, sv_n(key, (size_t)length), err);
        }
        if (!builder->has_list)
                return fail(err, E_INVALID, "-%c needs -a, -A or -w before it", letter);
        switch (letter) {
        case 'S':
                if (builder->watch)
                        return fail(err, E_INVALID, "-S does not go with -w");
                /* as auditctl has it: the other lists are not asked at the end of a system call */
                if (list != AUDIT_FILTER_EXIT && list != AUDIT_FILTER_URING_EXIT)
                        return fail(err, E_INVALID, "-S goes with the lists \"exit\" and \"io_uring\" only");
                return builder_calls(builder, value, err);
        case 'F':
                return builder_field(builder, value, err);
        case 'C':
                return builder_comparison(builder, value, err);
        default: /* p */
                if (!builder->watch)
                        return fail(err, E_INVALID, "-p needs -w before it");
                if (builder->has_permission)
                        return fail(err, E_INVALID, "-p stands twice");
                if (builder_permissions(builder, value, &permissions, err) < 0)
                        return -1;
                return builder_add(builder, AUDIT_PERM, AUDIT_EQUAL, permissions, err);
        }
}

static int setting(struct parse *parse, struct sv option, struct sv value, struct error *err)
{
        static const struct {
                const char *option;
                uint32_t mask, max;
                size_t offset;
        } settings[] = {
                { "-b", AUDIT_STATUS_BACKLOG_LIMIT, UINT32_MAX, offsetof(struct audit_status, backlog_limit) },
                { "-e", AUDIT_STATUS_ENABLED, 2, offsetof(struct audit_status, enabled) },
                { "-f", AUDIT_STATUS_FAILURE, 2, offsetof(struct audit_status, failure) },
                { "-r", AUDIT_STATUS_RATE_LIMIT, UINT32_MAX, offsetof(struct audit_status, rate_limit) },
                { "--backlog_wait_time", AUDIT_STATUS_BACKLOG_WAIT_TIME, UINT32_MAX,
                        offsetof(struct audit_status, backlog_wait_time) },
        };
        uint64_t number;
        for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
                if (!sv_eq(option, sv_of(settings[i].option)))
                        continue;
                if (!sv_parse_u64(value, 10, &number) || number > settings[i].max)
                        return fail(
                                err, E_INVALID, "%.*s takes a number from 0 to %u", SV_ARG(option), settings[i].max);
                uint32_t narrow = (uint32_t)number;
                memcpy((char *)&parse->rule->status + settings[i].offset, &narrow, sizeof(narrow));
                parse->rule->status.mask |= settings[i].mask;
                return command(parse, AUDITRULE_SET, option, err);
        }
        return fail(err, E_UNSUPPORTED, "option %.*s of auditctl has no place in a rule", SV_ARG(option));
}

static int option_with_value(struct parse *parse, struct sv option, struct error *err)
{
        struct words *words = &parse->words;
        if (words->at == words->count)
                return fail(err, E_INVALID, "%.*s needs a value", SV_ARG(option));
        struct sv value = words->items[words->at++];
        if (sv_eq(option, SV("-a")) || sv_eq(option, SV("-A")) || sv_eq(option, SV("-d")))
                return list_and_action(parse, option, value, err);
        if (sv_eq(option, SV("-w")) || sv_eq(option, SV("-W")))
                return watch(parse, option, value, err);
        if (option.n == 2 && memchr("SFCpk", option.p[1], 5))
                return rule_option(parse, option.p[1], value, err);
        return setting(parse, option, value, err);
}

static int take_option(struct parse *parse, struct error *err)
{
        struct words *words = &parse->words;
        struct sv option = words->items[words->at++];
        if (option.n < 2 || option.p[0] != '-')
                return fail(err, E_INVALID, "\"%.*s\" is no option of auditctl", SV_ARG(option));
        if (sv_eq(option, SV("-i")) || sv_eq(option, SV("-c")))
                return 0;
        if (sv_eq(option, SV("-D"))) {
                parse->remove_all = true;
                return command(parse, AUDITRULE_DELETE_ALL, option, err);
        }
        if (sv_eq(option, SV("--reset-lost"))) {
                parse->rule->status.mask |= AUDIT_STATUS_LOST;
                return command(parse, AUDITRULE_SET, option, err);
        }
        return option_with_value(parse, option, err);
}

/* --- the whole -----------------------------------------------------------------------------------------------------
 */

static int finish_rule(struct parse *parse, struct error *err)
{
        struct builder *builder = &parse->builder;
        struct rule_head *head = &builder->head;
        if (builder->watch && !builder->has_permission &&
                builder_add(builder, AUDIT_PERM, AUDIT_EQUAL,
                        AUDIT_PERM_READ | AUDIT_PERM_WRITE | AUDIT_PERM_EXEC | AUDIT_PERM_ATTR, err) < 0)
                return -1;
        if (builder->key.len > AUDIT_MAX_KEY_LEN)
                return fail(err, E_INVALID, "the keys of a rule have at most %d bytes", AUDIT_MAX_KEY_LEN);
        if (builder->key.len > 0 &&
                builder_text(builder, AUDIT_FILTERKEY, AUDIT_EQUAL, sv_n(builder->key.data, builder->key.len), err) < 0)
                return -1;
        if (!builder->has_calls)
                (void)builder_calls(builder, SV("all"), err);
        head->buflen = (uint32_t)builder->strings.len;
        buf_append(&parse->rule->data, head, sizeof(*head));
        buf_append(&parse->rule->data, builder->strings.data, builder->strings.len);
        return parse->rule->data.failed ? fail(err, E_TOO_LARGE, "an audit rule is too long") : 0;
}

static int finish(struct parse *parse, struct error *err)
{
        struct auditrule *rule = parse->rule;
        const struct buf *key = &parse->builder.key;
        switch (rule->kind) {
        case AUDITRULE_ADD:
        case AUDITRULE_DELETE:
                return finish_rule(parse, err);
        case AUDITRULE_DELETE_ALL:
                if (key->len > AUDIT_MAX_KEY_LEN)
                        return fail(err, E_INVALID, "a key has at most %d bytes", AUDIT_MAX_KEY_LEN);
                memcpy(rule->key, buf_text(key), key->len);
                rule->key[key->len] = '\0';
                return 0;
        default:
                if (key->len > 0)
                        return fail(err, E_INVALID, "-k stands alone");
                return 0;
        }
}

int auditrule_parse(struct sv line, const struct auditrule_options *options, struct auditrule *rule, struct error *err)
{
        static const struct auditrule_options defaults;
        struct utsname machine;
        cleanup(free) struct parse *parse = calloc(1, sizeof(*parse));
        if (!parse)
                return fail_errno(err, "audit rule");
        struct builder *builder = &parse->builder;
        parse->rule = rule;
        rule->kind = AUDITRULE_NOTHING;
        memset(&rule->status, 0, sizeof(rule->status));
        rule->key[0] = '\0';
        buf_clear(&rule->data);
        builder->options = options ? options : &defaults;
        const char *arch = builder->options->arch;
        if (!arch && uname(&machine) == 0)
                arch = machine.machine;
        builder->native = builder->machine = arch ? audit_name_to_machine(arch) : -1;
        if (builder->native < 0)
                return fail(err, E_UNSUPPORTED, "machine \"%s\" is not known to libaudit", arch ? arch : "");
        buf_init(&builder->strings, AUDITRULE_SIZE_MAX - sizeof(struct audit_rule_data));
        buf_init(&builder->key, AUDITRULE_LINE_MAX);
        int result = split_words(line, &parse->words, err);
        while (result == 0 && parse->words.at < parse->words.count)
                result = take_option(parse, err);
        if (result == 0)
                result = finish(parse, err);
        buf_done(&builder->strings);
        buf_done(&builder->key);
        return result;
}
