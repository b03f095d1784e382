/* From the tree of tests to a decision graph: every test knows which one is next when it is true and when it is false.
 * It is built from its end, so a walk goes to lower and lower indices and needs no stack. */
#include "modules/watch/rules/rules_internal.h"

struct builder {
        struct rules *rules;
        struct test *tests;
        size_t count, capacity;
        struct error *err;
};

/* Appends the tests of `node` that lead to `yes` or `no`; the first one to run, or -1. */
static int build(struct builder *builder, const struct node *node, uint16_t yes, uint16_t no)
{
        int entry;
        switch (node->kind) {
        case NODE_NOT:
                return build(builder, node->left, no, yes);
        case NODE_AND:
                entry = build(builder, node->right, yes, no);
                return entry < 0 ? -1 : build(builder, node->left, (uint16_t)entry, no);
        case NODE_OR:
                entry = build(builder, node->right, yes, no);
                return entry < 0 ? -1 : build(builder, node->left, yes, (uint16_t)entry);
        case NODE_TEST:
                break;
        }
        if (builder->count == builder->capacity)
                return fail(builder->err, E_TOO_LARGE, "more than %zu tests", builder->capacity);
        struct test *test = &builder->tests[builder->count];
        *test = node->test;
        test->yes = yes;
        test->no = no;
        return (int)builder->count++;
}

static size_t count_tests(const struct node *node)
{
        if (!node)
                return 0;
        return (node->kind == NODE_TEST) + count_tests(node->left) + count_tests(node->right);
}

int rules_compile(struct rules *rules, const struct node *condition, const struct node *const *exceptions,
        size_t exception_count, struct compiled_rule *rule, struct error *err)
{
        struct builder builder = { .rules = rules, .err = err };
        builder.capacity = count_tests(condition);
        for (size_t i = 0; i < exception_count; i++)
                builder.capacity += count_tests(exceptions[i]);
        builder.tests = arena_array(&rules->arena, builder.capacity, sizeof(*builder.tests));
        if (!builder.tests)
                return fail(err, E_NO_MEMORY, "the rules need more than %d bytes", RULES_MEMORY_MAX);
        uint16_t accept = PROGRAM_ACCEPT;
        for (size_t i = exception_count; i-- > 0;) {
                int entry = build(&builder, exceptions[i], PROGRAM_REJECT, accept);
                if (entry < 0)
                        return -1;
                accept = (uint16_t)entry;
        }
        int entry = build(&builder, condition, accept, PROGRAM_REJECT);
        if (entry < 0)
                return -1;
        rule->program = builder.tests;
        rule->entry = (uint16_t)entry;
        return 0;
}

int rules_operand(struct rules *rules, struct sv path, bool basename, uint16_t *ret, struct error *err)
{
        struct operand operand;
        if (operand_resolve(path, basename, &operand, err) < 0)
                return -1;
        for (size_t i = 0; i < rules->operand_count; i++)
                if (!strcmp(rules->operands[i].name, operand.name) && rules->operands[i].basename == basename) {
                        *ret = (uint16_t)i;
                        return 0;
                }
        if (rules->operand_count == RULES_OPERANDS_MAX)
                return fail(err, E_TOO_LARGE, "more than %d different fields", RULES_OPERANDS_MAX);
        *ret = (uint16_t)rules->operand_count;
        rules->operands[rules->operand_count++] = operand;
        return 0;
}

/* --- output: text with %field ----------------------------------------------------------------------------------------
 */

static bool is_name(char c)
{
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '[' || c == ']';
}

int output_parse(struct rules *rules, struct sv text, struct compiled_rule *rule, struct error *err)
{
        size_t parts = 2;
        for (size_t i = 0; i < text.n; i++)
                parts += 2 * (text.p[i] == '%');
        rule->output = arena_array(&rules->arena, parts, sizeof(*rule->output));
        if (!rule->output)
                return fail(err, E_NO_MEMORY, "the rules need more than %d bytes", RULES_MEMORY_MAX);
        while (text.n) {
                struct output_part *part = &rule->output[rule->output_count++];
                size_t percent = sv_find(text, '%');
                *part = (struct output_part){ sv_n(text.p, percent), -1 };
                text = sv_n(text.p + percent, text.n - percent);
                if (!text.n)
                        break;
                if (text.n > 1 && text.p[1] == '%') {
                        part->text.n++;
                        text = sv_n(text.p + 2, text.n - 2);
                        continue;
                }
                size_t length = 1;
                uint16_t operand;
                while (length < text.n && is_name(text.p[length]))
                        length++;
                while (length > 1 && text.p[length - 1] == '.') /* the sentence's */
                        length--;
                if (rules_operand(rules, sv_n(text.p + 1, length - 1), false, &operand, err) < 0)
                        return error_prefix(err, "a %% stands before a field's name, %%%% for itself");
                rule->output[rule->output_count++] = (struct output_part){ { NULL, 0 }, operand };
                text = sv_n(text.p + length, text.n - length);
        }
        return 0;
}
