/* A question as it was understood: made by query.c, answered by query_eval.c. All lives in the caller's arena. */
#pragma once

#include "modules/metrics/history/history.h"
#include "modules/metrics/history/history_read.h"

enum {
        QUERY_LENGTH_MAX = 4096, /* bytes of a query */
        QUERY_DEPTH_MAX = 64,
        QUERY_NODES_MAX = 200,
        QUERY_MATCHERS_MAX = 16, /* of one selector */
        QUERY_REGEXES_MAX = 16,  /* of one query */
        QUERY_TEXT_MAX = 512,    /* bytes of a label's value or pattern */
        QUERY_LABELS_MAX = 16,   /* of by and without */
        QUERY_TOP_MAX = 10000,
        QUERY_POINTS_MAX = 11000,
        QUERY_CELLS_MAX = 50000,    /* stored steps of one series that are looked at */
        QUERY_SERIES_MAX = 5000,    /* of one selector */
        QUERY_WORK_MAX = 100000000, /* points times series times stored steps in a range */
        QUERY_MEMORY = 32 << 20,
};

enum query_kind { QUERY_NUMBER, QUERY_SELECTOR, QUERY_AGGREGATE, QUERY_BINARY };

enum query_window {  /* what is made of the stored steps in a range */
        WINDOW_STEP, /* no function: the average over the step */
        WINDOW_AVERAGE,
        WINDOW_MINIMUM,
        WINDOW_MAXIMUM,
        WINDOW_QUANTILE,
        WINDOW_LAST,
        WINDOW_RATE,
        WINDOW_INCREASE,
};

enum query_aggregate {
        AGGREGATE_SUM,
        AGGREGATE_AVG,
        AGGREGATE_MIN,
        AGGREGATE_MAX,
        AGGREGATE_COUNT,
        AGGREGATE_TOPK,
        AGGREGATE_BOTTOMK
};

enum query_operator {
        OPERATOR_ADD,
        OPERATOR_SUBTRACT,
        OPERATOR_MULTIPLY,
        OPERATOR_DIVIDE,
        OPERATOR_EQUAL,
        OPERATOR_UNEQUAL,
        OPERATOR_GREATER_EQUAL,
        OPERATOR_LESS_EQUAL,
        OPERATOR_GREATER,
        OPERATOR_LESS
};

struct query_expression {
        enum query_kind kind;
        bool scalar;   /* a number, not series */
        double number; /* QUERY_NUMBER; the quantile; how many of topk */

        size_t metric; /* QUERY_SELECTOR */
        struct history_matcher *matchers;
        size_t matcher_count;
        enum query_window window;
        int64_t range_ns; /* 0: the step */

        enum query_aggregate aggregate;
        bool without;
        const char **labels;
        size_t label_count;

        enum query_operator operator;
        struct query_expression *left, *right; /* of an aggregate: left */
};

static inline bool query_compares(enum query_operator operator)
{
        return operator>= OPERATOR_EQUAL;
}
