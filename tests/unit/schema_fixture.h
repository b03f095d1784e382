/* One table with every field type and container, for the tests of all that is derived from tables. */
#pragma once

#include "schema/field.h"

static const char *const fixture_modes[] = { "fast", "full", "deep", NULL };

struct fixture_limits {
        int64_t time_ns;
        uint64_t bytes;
        double share;
};

static const struct field fixture_limits_fields[] = {
        FIELD_DURATION(struct fixture_limits, time_ns, .json = "maxtime", .help = "how long to look", .def = "30s",
                .min = SECOND, .max = HOUR),
        FIELD_SIZE(
                struct fixture_limits, bytes, .json = "maxbytes", .help = "how much to read", .min = 1, .max = 1 << 30),
        FIELD_DOUBLE(struct fixture_limits, share, .help = "share of one processor", .min = 0, .max = 4),
};

struct fixture_search {
        LIST(char *) names;
        LIST(char *) paths;
        bool match_all;
};

static const struct field fixture_search_fields[] = {
        FIELD_REGEXES(struct fixture_search, names, .json = "names", .option = "name",
                .help = "regular expression for names"),
        FIELD_PATHS(struct fixture_search, paths, .json = "paths", .option = "path", .help = "where to look",
                .required = true),
        FIELD_BOOL(struct fixture_search, match_all, .json = "matchall", .help = "all expressions must match",
                .def = "true", .negative_option = "matchany"),
};

struct fixture {
        char *target;
        bool follow;
        int count;
        uint64_t serial;
        double ratio;
        uint64_t size;
        int64_t timeout_ns;
        int64_t since_ns;
        int mode;
        char *path;
        struct cidr network;
        struct port_set ports;
        char *pattern;
        char *digest;
        json_t *extra;
        char *password;
        LIST(char *) words;
        LIST(int) numbers;
        LIST(double) weights;
        LIST(int) modes;
        LIST(struct cidr) hosts;
        LIST(char *) digests;
        MAP(char *) labels;
        MAP(struct string_list) groups;
        struct fixture_limits limits;
        LIST(struct fixture_limits) steps;
        MAP(struct fixture_search) searches;
};

#define X struct fixture
static const struct field fixture_fields[] = {
        FIELD_STRING(X, target, .help = "host to look at", .required = true, .positional = true, .max_length = 255,
                .min_length = 1),
        FIELD_BOOL(X, follow, .flag = 'f', .help = "follow links"),
        FIELD_INT(X, count, .flag = 'c', .help = "how many times", .def = "3", .min = 1, .max = 100),
        FIELD_UINT(X, serial, .json = "serial_number", .help = "serial number", .omit_empty = true),
        FIELD_DOUBLE(X, ratio, .help = "part of the whole", .def = "0.5", .max = 1),
        FIELD_SIZE(X, size, .help = "least size", .def = "10k"),
        FIELD_DURATION(X, timeout_ns, .json = "timeout", .help = "when to give up", .def = "5s", .cli_def = "10s",
                .unit = MILLISECOND),
        FIELD_TIME(X, since_ns, .json = "since", .help = "only what is newer", .omit_empty = true, .since = "0.2"),
        FIELD_ENUM(X, mode, fixture_modes, .flag = 'm', .help = "how to look", .def = "full"),
        FIELD_PATH(X, path, .option = "file", .help = "file to read", .metavar = "FILE", .private_ = true),
        FIELD_ADDRESS(X, network, .help = "network to stay in"),
        FIELD_PORTS(X, ports, .help = "ports to try", .def = "22,80,8000-8100"),
        FIELD_REGEX(X, pattern, .help = "what lines must match"),
        FIELD_HEX(X, digest, .help = "expected digest", .upper = true, .max_length = 64),
        FIELD_ANY(X, extra, .help = "handed on as it is"),
        FIELD_STRING(X, password, .help = "password of the account", .secret = true),
        FIELD_STRINGS(X, words, .option = "word", .help = "words to look for", .max_items = 5, .null_empty = true),
        FIELD_INTS(X, numbers, .option = "number", .help = "numbers to look for"),
        FIELD_DOUBLES(X, weights, .option = "weight", .help = "weights"),
        FIELD_ENUMS(X, modes, fixture_modes, .option = "", .help = "more ways to look"),
        FIELD_ADDRESSES(X, hosts, .option = "host", .help = "hosts to ask"),
        FIELD_HEXES(X, digests, .option = "digests", .help = "more digests"),
        FIELD_STRING_MAP(X, labels, .option = "label", .help = "labels to set"),
        FIELD_STRING_LISTS(X, groups, .option = "group", .help = "groups of words"),
        FIELD_RECORD(X, limits, struct fixture_limits, fixture_limits_fields, .help = "limits of the run"),
        FIELD_RECORDS(X, steps, struct fixture_limits, fixture_limits_fields, .option = "step",
                .help = "limits of each step"),
        FIELD_RECORD_MAP(X, searches, struct fixture_search, fixture_search_fields, .help = "what to search",
                .entry = "s1", .entry_option = "search"),
};
#undef X

static const struct record *const fixture_record = RECORD(struct fixture, fixture_fields);
