#include "modules/investigate/file.h"

#include <math.h>

static const enum digest_family families[FILE_KINDS] = {
        [FILE_MD5] = DIGEST_FAMILY_MD5,
        [FILE_SHA1] = DIGEST_FAMILY_SHA1,
        [FILE_SHA2] = DIGEST_FAMILY_SHA2,
        [FILE_SHA3] = DIGEST_FAMILY_SHA3,
};

void file_search_free(struct file_search *search)
{
        regex_lines_free(search->lines);
        for (size_t i = 0; search->checks && i < file_search_count(search); i++)
                regex_free(search->checks[i].regex);
}

/* A count on the wire is a number of any sign and fraction; below one it is no limit. */
static uint64_t whole(double number, uint64_t max)
{
        return number >= 1 && number < (double)max ? (uint64_t)number : max;
}

static int compile(const struct file_state *state, struct file_check *check, bool mismatch, struct error *err)
{
        bool inverse = false;
        int64_t age_ns;
        switch (check->kind) {
        case FILE_NAME:
        case FILE_MODE:
        case FILE_CONTENT:
                check->regex = regex_new(file_pattern(check->text, &inverse), 0, err);
                if (!check->regex)
                        return -1;
                break;
        case FILE_SIZE:
                if (file_parse_size(check->text, &check->comparison, &check->size, err) < 0)
                        return -1;
                break;
        case FILE_MTIME:
                if (file_parse_mtime(check->text, &check->comparison, &age_ns, err) < 0)
                        return -1;
                check->before_ns = state->now_ns - age_ns;
                break;
        default:
                if (file_parse_digest(check->text, families[check->kind], &check->digest, check->bytes, err) < 0)
                        return -1;
        }
        check->flip = inverse != mismatch;
        return 0;
}

/* A scanner that knows its answers early lets the file be closed early, so each pattern asks for no more than it needs.
 * With macroal a plain regexp holds for a file all of whose lines match. */
static int prepare_lines(struct file_state *state, struct file_search *search, struct error *err)
{
        size_t count = search->first[FILE_CONTENT + 1] - search->first[FILE_CONTENT];
        const struct file_check *checks = search->checks + search->first[FILE_CONTENT];
        if (count == 0)
                return 0;
        const struct regex **patterns = arena_array(&state->run->arena, count, sizeof(const struct regex *));
        unsigned *questions = arena_array(&state->run->arena, count, sizeof(*questions));
        if (!patterns || !questions)
                return fail(err, E_NO_MEMORY, "no memory for the searches");
        for (size_t i = 0; i < count; i++) {
                bool inverse;
                file_pattern(checks[i].text, &inverse);
                patterns[i] = checks[i].regex;
                questions[i] = search->params->options.macroal && !inverse ? REGEX_ANY_MISMATCH : REGEX_ANY_MATCH;
        }
        regex_set_prefilter((enum regex_prefilter)search->params->options.prefilter);
        search->lines = regex_lines_new(patterns, questions, count, err);
        return search->lines ? 0 : -1;
}

static int prepare_checks(struct file_state *state, struct file_search *search, struct error *err)
{
        const struct file_search_params *params = search->params;
        size_t count = 0;
        bool mismatch[FILE_KINDS] = { false };
        list_foreach (kind, &params->options.mismatch)
                mismatch[*kind] = true;
        for (size_t kind = 0; kind < FILE_KINDS; kind++)
                count += params->values[kind].count;
        search->checks = arena_array(&state->run->arena, count, sizeof(*search->checks));
        if (!search->checks)
                return fail(err, E_NO_MEMORY, "no memory for %zu checks", count);
        for (size_t kind = 0, at = 0; kind < FILE_KINDS; kind++) {
                list_foreach (value, &params->values[kind]) {
                        struct file_check *check = &search->checks[at++];
                        for (size_t later = kind + 1; later <= FILE_KINDS; later++)
                                search->first[later] = at;
                        check->kind = (enum file_kind)kind;
                        check->text = *value;
                        if (compile(state, check, mismatch[kind], err) < 0)
                                return error_prefix(err, "%ss \"%s\"", file_kind_names[kind], *value);
                        if (kind >= FILE_MD5)
                                search->digests |= DIGEST_BIT(check->digest);
                }
        }
        return prepare_lines(state, search, err);
}

static char *masked_path[] = { (char[]){ "masked" } };

static int prepare_search(struct file_state *state, struct file_search *search, struct error *err)
{
        const struct file_options *options = &search->params->options;
        search->match_all = options->match_all;
        search->decompress = options->decompress;
        search->max_depth = (unsigned)whole(options->max_depth, UINT32_MAX);
        search->match_limit = whole(options->match_limit, UINT64_MAX);
        search->shown = *search->params;
        search->shown.options.max_depth = search->shown.options.max_errors = search->shown.options.match_limit = 0;
        if (state->privacy)
                search->shown.paths = (struct string_list){ masked_path, 1 };
        state->verbose |= options->verbose || (options->debug && *options->debug);
        uint64_t errors_max = whole(options->max_errors, UINT64_MAX);
        if (errors_max > state->errors_max)
                state->errors_max = errors_max;
        return prepare_checks(state, search, err);
}

int file_search_prepare(struct file_state *state, const struct file_params *params, struct error *err)
{
        size_t count = params->searches.count;
        state->searches = arena_array(&state->run->arena, count, sizeof(*state->searches));
        state->active = arena_array(&state->run->arena, count, sizeof(struct file_search *));
        state->alive = arena_array(&state->run->arena, count, sizeof(struct file_search *));
        if (!state->searches || !state->active || !state->alive)
                return fail(err, E_NO_MEMORY, "no memory for %zu searches", count);
        for (size_t i = 0; i < count; i++) {
                struct file_search *search = &state->searches[state->search_count++];
                search->label = params->searches.keys[i];
                search->params = &params->searches.items[i];
                if (prepare_search(state, search, err) < 0)
                        return error_prefix(err, "searches.%s", search->label);
                search->done = file_search_count(search) == 0;
                state->searches_open += !search->done;
                bool nothing = search->done && !search->match_all;
                if (run_declare(state->run, NULL, search->label, nothing, err) < 0)
                        return -1;
        }
        return 0;
}
