/* scribe: runs a policy document against this host: objects gather values from files and packages, tests judge them. */
#include "base/cleanup.h"
#include "base/path.h"
#include "lib/pkgdb/evr.h"
#include "lib/regex/regex.h"
#include "module/lines.h"
#include "module/run.h"
#include "modules/investigate/scribe_objects.h"
#include "schema/write.h"

#include <fcntl.h>

enum { DOCUMENT_MAX = 8 << 20, DEPENDENCY_DEPTH_MAX = 1000 };

struct scribe_params {
        json_t *document;
        char *path;
        bool only_true;
        bool human_output;
        bool json_output;
        bool self_test;
        char *root;
};

struct scribe_sub_result {
        bool result;
        const char *identifier;
};

struct scribe_result {
        const char *id;
        const char *name;
        const char *description;
        LIST(struct scribe_tag) tags;
        bool is_error;
        const char *error;
        bool master_result;
        bool has_true_results;
        LIST(struct scribe_sub_result) results;
        bool unexpected;
};

struct scribe_element {
        LIST(struct scribe_result) results;
        bool human_output;
        bool json_output;
};

struct scribe_statistics {
        int64_t runtime_ns;
};

static const struct field params_fields[] = {
        FIELD_ANY(struct scribe_params, document, .json = "scribedoc", .metavar = "JSON",
                .help = "the document, or its text as a string"),
        FIELD_PATH(struct scribe_params, path, .metavar = "FILE",
                .help = "file with the document, JSON or YAML, read on the host that runs it"),
        FIELD_BOOL(struct scribe_params, only_true, .json = "onlytrue", .help = "tell only tests that are true"),
        FIELD_BOOL(struct scribe_params, human_output, .json = "humanoutput", .option = "human",
                .help = "print several lines a test"),
        FIELD_BOOL(struct scribe_params, json_output, .json = "jsonoutput", .option = "json-lines",
                .help = "print one line of JSON a test"),
        FIELD_BOOL(struct scribe_params, self_test, .json = "selftest",
                .help = "fail when a test does not end as its expectedresult and expecterror say"),
        FIELD_PATH(struct scribe_params, root, .metavar = "DIR", .def = "/",
                .help = "directory whose package databases are read"),
};

static const struct field sub_result_fields[] = {
        FIELD_BOOL(struct scribe_sub_result, result, .help = "what the test says of this value"),
        FIELD_STRING(struct scribe_sub_result, identifier, .private_ = true,
                .help = "file or package that the value is from"),
};

static const struct field result_fields[] = {
        FIELD_STRING(struct scribe_result, id, .json = "testid", .help = "name of the test in the document"),
        FIELD_STRING(struct scribe_result, name, .help = "its title"),
        FIELD_STRING(struct scribe_result, description, .help = "its description"),
        FIELD_RECORDS(struct scribe_result, tags, struct scribe_tag, scribe_tag_fields, .omit_empty = true,
                .help = "its tags"),
        FIELD_BOOL(struct scribe_result, is_error, .json = "iserror", .help = "the test could not be made"),
        FIELD_STRING(struct scribe_result, error, .help = "why not"),
        FIELD_BOOL(struct scribe_result, master_result, .json = "masterresult",
                .help = "true for at least one value, and so are all tests it depends on"),
        FIELD_BOOL(struct scribe_result, has_true_results, .json = "hastrueresults",
                .help = "true for at least one value"),
        FIELD_RECORDS(struct scribe_result, results, struct scribe_sub_result, sub_result_fields, .null_empty = true,
                .help = "each value that was judged"),
        FIELD_BOOL(struct scribe_result, unexpected, .omit_empty = true,
                .help = "the result is not the one the document expects; with selftest"),
};

static const struct field element_fields[] = {
        FIELD_RECORDS(struct scribe_element, results, struct scribe_result, result_fields, .help = "one a test"),
        FIELD_BOOL(struct scribe_element, human_output, .json = "humanoutput", .help = "as asked"),
        FIELD_BOOL(struct scribe_element, json_output, .json = "jsonoutput", .help = "as asked"),
};

static const struct field statistics_fields[] = {
        FIELD_DURATION(struct scribe_statistics, runtime_ns, .json = "execruntime", .help = "time the tests took"),
};

/* ---- tests ---- */

struct test_state {
        bool evaluated;
        bool failed;
        struct error error;
        bool has_true;
        bool master;
        LIST(struct scribe_sub_result) results;
};

struct judging {
        struct scribe_evaluation evaluation;
        struct test_state *tests;
};

static int judge_evr(const struct scribe_evr *evr, const char *value, bool *ret, struct error *err)
{
        const char *operation = evr->operation;
        if (strlen(operation) != 1 || !strchr("<>=", *operation))
                return fail(err, E_INVALID, "invalid evr operation %s", operation);
        int order = evr_compare(EVR_SCRIBE, sv_of(value), sv_of(evr->value));
        *ret = *operation == '<' ? order < 0 : *operation == '>' ? order > 0 : order == 0;
        return 0;
}

static bool given(const char *text)
{
        return text && *text;
}

static int judge_values(struct judging *judging, const struct scribe_test *test, const struct scribe_criteria *criteria,
        struct test_state *state, struct error *err)
{
        size_t count = criteria->list.count;
        struct regex *regex = NULL;
        int status = 0;
        state->results.items = arena_array(&judging->evaluation.run->arena, count, sizeof(*state->results.items));
        if (!state->results.items)
                return fail(err, E_NO_MEMORY, "no memory for %zu results", count);
        /* a bad pattern is an error of a test that has something to judge */
        if (count > 0 && !given(test->evr.value) && given(test->regexp.value) &&
                !(regex = regex_new(sv_of(test->regexp.value), 0, err)))
                return -1;
        for (size_t i = 0; i < count && status == 0 && !run_checkpoint(judging->evaluation.run); i++) {
                const struct scribe_criterion *criterion = &criteria->list.items[i];
                bool result = true; /* a test without a condition asks whether there is a value */
                if (given(test->evr.value))
                        status = judge_evr(&test->evr, criterion->value, &result, err);
                else if (regex)
                        result = regex_match(regex, sv_of(criterion->value));
                else if (given(test->exact.value))
                        result = strcmp(criterion->value, test->exact.value) == 0;
                if (status < 0)
                        break;
                state->results.items[state->results.count++] =
                        (struct scribe_sub_result){ .result = result, .identifier = criterion->identifier };
                state->has_true = state->has_true || result;
        }
        regex_free(regex);
        return status;
}

static int judge_object(struct judging *judging, const struct scribe_test *test, struct test_state *state)
{
        struct error *err = &state->error;
        size_t object = scribe_find_object(judging->evaluation.document, test->object);
        if (object == SIZE_MAX)
                return fail(err, E_NOT_FOUND, "unknown object \"%s\"", test->object);
        const struct scribe_state *prepared = &judging->evaluation.objects[object];
        if (prepared->failed) {
                *err = prepared->error;
                return -1;
        }
        if (!prepared->prepared)
                return fail(err, E_INVALID, "object not prepared");
        struct scribe_criteria criteria = { 0 };
        int status = scribe_criteria_of(&judging->evaluation, object, &criteria, err);
        if (status == 0)
                status = judge_values(judging, test, &criteria, state, err);
        vec_done(&criteria.list);
        return status;
}

/* Tests it depends on come first. A circle of dependencies ends at the test that is being judged already, which counts
 * as false. */
static int judge(struct judging *judging, size_t index, unsigned depth)
{
        const struct scribe_document *document = judging->evaluation.document;
        const struct scribe_test *test = &document->tests.items[index];
        struct test_state *state = &judging->tests[index];
        if (state->evaluated)
                return state->failed ? -1 : 0;
        state->evaluated = true;
        if (depth >= DEPENDENCY_DEPTH_MAX)
                state->failed = fail(&state->error, E_TOO_LARGE, "dependencies are nested too deep") < 0;
        for (size_t i = 0; !state->failed && i < test->dependencies.count; i++) {
                const char *other = test->dependencies.items[i];
                if (judge(judging, scribe_find_test(document, other), depth + 1) < 0)
                        state->failed = fail(&state->error, E_FAILED, "a test dependency failed (\"%s\")", other) < 0;
        }
        if (!state->failed)
                state->failed = judge_object(judging, test, state) < 0;
        if (state->failed)
                return -1;
        state->master = state->has_true;
        list_foreach (other, &test->dependencies)
                if (!judging->tests[scribe_find_test(document, *other)].master)
                        state->master = false;
        return 0;
}

/* ---- the run ---- */

static int load(struct run *run, struct scribe_document *ret, struct error *err)
{
        const struct scribe_params *params = run->params;
        if (given(params->path)) {
                cleanup(buf_done) struct buf text;
                buf_init(&text, DOCUMENT_MAX);
                if (file_read(AT_FDCWD, params->path, &text, err) < 0)
                        return -1;
                if (scribe_parse(sv_n(buf_text(&text), text.len), &run->arena, ret, err) < 0)
                        return error_prefix(err, "%s", params->path);
                return 0;
        }
        if (json_is_string(params->document))
                return scribe_parse(sv_n(json_string_value(params->document), json_string_length(params->document)),
                        &run->arena, ret, err);
        return scribe_read(params->document, &run->arena, ret, err);
}

static struct scribe_result describe(struct judging *judging, size_t index)
{
        const struct scribe_params *params = judging->evaluation.run->params;
        const struct scribe_test *test = &judging->evaluation.document->tests.items[index];
        const struct test_state *state = &judging->tests[index];
        struct scribe_result ret = {
                .id = test->id,
                .name = test->name,
                .description = test->description,
                .tags.items = test->tags.items,
                .tags.count = test->tags.count,
                .is_error = state->failed,
                .error = state->failed ? state->error.message : "",
                .master_result = !state->failed && state->master,
                .has_true_results = !state->failed && state->has_true,
        };
        if (!state->failed) {
                ret.results.items = state->results.items;
                ret.results.count = state->results.count;
        }
        if (params->self_test)
                ret.unexpected = state->failed ? !test->expect_error
                                               : test->expect_error || state->master != test->expected_result;
        return ret;
}

static int judge_all(struct judging *judging, struct error *err)
{
        struct run *run = judging->evaluation.run;
        const struct scribe_params *params = run->params;
        size_t count = judging->evaluation.document->tests.count;
        struct scribe_element element = { .human_output = params->human_output, .json_output = params->json_output };
        element.results.items = arena_array(&run->arena, count, sizeof(*element.results.items));
        judging->tests = arena_array(&run->arena, count, sizeof(*judging->tests));
        if (!judging->tests || !element.results.items)
                return fail(err, E_NO_MEMORY, "no memory for %zu tests", count);
        for (size_t i = 0; i < count && !run_checkpoint(run); i++) {
                judge(judging, i, 0);
                if (run_stopped(run)) /* half of its values are not a verdict */
                        break;
                struct scribe_result result = describe(judging, i);
                if (result.unexpected)
                        run_set_success(run, false);
                if (params->only_true && !result.master_result)
                        continue;
                if (result.is_error)
                        run_error(run, "Error: %s in \"%s\"", result.error, result.id);
                if (result.unexpected)
                        run_error(run, "Error: the result is not the expected one in \"%s\"", result.id);
                element.results.items[element.results.count++] = result;
        }
        if (run_emit(run, NULL, &element, err) < 0)
                return -1;
        run_set_found(run, element.results.count > 0);
        return 0;
}

static int scribe_run(struct run *run, struct error *err)
{
        const struct scribe_params *params = run->params;
        struct scribe_statistics *statistics = run_statistics(run);
        struct scribe_document document;
        if (load(run, &document, err) < 0)
                return -1;
        struct judging judging = { .evaluation = { .run = run, .document = &document, .root = params->root } };
        int status = scribe_prepare_objects(&judging.evaluation, err);
        if (status == 0)
                status = judge_all(&judging, err);
        scribe_release_objects(&judging.evaluation);
        statistics->runtime_ns = time_monotonic_ns() - run->started_ns;
        return status;
}

static int scribe_validate(const void *value, struct error *err)
{
        const struct scribe_params *params = value;
        bool document = params->document && !json_is_null(params->document);
        if (document && given(params->path))
                return fail(err, E_INVALID, "scribedoc and path are two documents");
        if (!document && !given(params->path))
                return fail(err, E_INVALID, "no document: scribedoc or path is needed");
        if (document && !json_is_object(params->document) && !json_is_string(params->document))
                return fail(err, E_INVALID, "scribedoc: not an object");
        return 0;
}

/* ---- lines ---- */

static void print_human(struct line_printer *printer, const struct scribe_result *result)
{
        if (given(result->name))
                print_line(printer, "result for \"%s\" (%s)", result->name, result->id);
        else
                print_line(printer, "result for \"%s\"", result->id);
        if (given(result->description))
                print_line(printer, "    description: %s", result->description);
        print_line(printer, "    master result: %s%s", result->master_result ? "true" : "false",
                !result->master_result && result->has_true_results ? ", has true results, failure caused by dependency"
                                                                   : "");
        list_foreach (tag, &result->tags)
                print_line(printer, "    tag: %s: %s", tag->key, tag->value);
        if (result->is_error)
                print_line(printer, "    [error] error: %s", result->error);
        list_foreach (sub, &result->results)
                print_line(printer, "    [%s] identifier: \"%s\"", sub->result ? "true" : "false", sub->identifier);
}

static void print_single_lines(struct line_printer *printer, const struct scribe_result *result)
{
        const char *name = given(result->name) ? result->name : result->id;
        print_line(printer, "master [%s] name:\"%s\" id:\"%s\" hastrue:%s error:\"%s\"",
                result->is_error        ? "error"
                : result->master_result ? "true"
                                        : "false",
                name, result->id, result->has_true_results ? "true" : "false", result->error);
        list_foreach (sub, &result->results)
                print_line(printer, "sub [%s] name:\"%s\" id:\"%s\" identifier:\"%s\"", sub->result ? "true" : "false",
                        name, result->id, sub->identifier);
}

static void print_json(struct line_printer *printer, const struct scribe_result *result)
{
        cleanup(buf_done) struct buf text;
        struct json_writer writer;
        buf_init(&text, 64 << 20);
        json_writer_init(&writer, &text, 0);
        record_write(&writer, RECORD(struct scribe_result, result_fields), result, 0);
        print_line(printer, "%s", buf_text(&text));
}

static void scribe_print_row(struct line_printer *printer, const char *group, const char *label, const void *row)
{
        const struct scribe_element *element = row;
        (void)group;
        (void)label;
        list_foreach (result, &element->results) {
                if (element->human_output)
                        print_human(printer, result);
                else if (element->json_output)
                        print_json(printer, result);
                else
                        print_single_lines(printer, result);
        }
}

static void scribe_print_statistics(struct line_printer *printer, const void *value)
{
        char runtime[TIME_TEXT_MAX];
        duration_format(((const struct scribe_statistics *)value)->runtime_ns, runtime);
        print_line(printer, "Statistics: runtime %s", runtime);
}

static const struct module_example scribe_examples[] = {
        { "scribe --path policy.yaml", "how each test of the document ends on this host" },
        { "scribe --path policy.json --onlytrue --human", "the tests that are true, in several lines each" },
        { 0 },
};

const struct module scribe_module = {
        .name = "scribe",
        .summary = "run the tests of a policy document against files and packages",
        .description =
                "Documents of MIG's scribe module run unchanged: objects gather values (filecontent, filename, "
                "hasline, package, raw), tests judge them (evr, regexp, exactmatch) and may depend on each other.",
        .since = "0.1.0",
        .params = RECORD(struct scribe_params, params_fields),
        .element = RECORD(struct scribe_element, element_fields),
        .shape = SHAPE_OBJECT,
        .statistics = RECORD(struct scribe_statistics, statistics_fields),
        .sandbox = { .read_all = true },
        .limits = { .memory = 512 * MIB, .result = 64 * MIB },
        .examples = scribe_examples,
        .validate = scribe_validate,
        .run = scribe_run,
        .print_row = scribe_print_row,
        .print_statistics = scribe_print_statistics,
};
