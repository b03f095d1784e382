/* file: searches files by name, metadata, content and digest. Private to the module.
 *
 * file.c         tables, printing, the run
 * file_values.c  the texts of checks (sizes, ages, digests, regexps): their syntax and meaning
 * file_search.c  searches made ready: compiled checks in order of cost
 * file_roots.c   which paths are walked, and which searches are active in which directory
 * file_check.c   one file against the active searches, and the rows
 * file_read.c    the one reading of a file: line scanners and digests over its content, plain and decompressed
 * file_cache.c   digests already known of files that are reached by several names */
#pragma once

#include "lib/digest/digest.h"
#include "lib/regex/lines.h"
#include "lib/unpack/unpack.h"
#include "lib/walk/walk.h"
#include "module/run.h"
#include "modules/investigate/file_cache.h"

enum {
        FILE_SEARCHES_MAX = 1000,
        FILE_PATTERNS_MAX = REGEX_LINES_PATTERNS_MAX, /* of one kind in one search */
        FILE_DIGESTS_MAX = 20000,                     /* of one family in one search */
        FILE_PATHS_MAX = 10000,                       /* of one search */
        FILE_PAIRS_MAX = 100000,                      /* paths of all searches */
        FILE_LABEL_MAX = 64,                          /* characters */
        FILE_BLOCK = 128 << 10 /* bytes read at once: more would leave the second-level cache (bench_digest.c) */
};

/* In the order in which they are tried: cheapest first. */
enum file_kind {
        FILE_NAME,
        FILE_SIZE,
        FILE_MODE,
        FILE_MTIME,
        FILE_CONTENT,
        FILE_MD5,
        FILE_SHA1,
        FILE_SHA2,
        FILE_SHA3,
        FILE_KINDS
};

struct file_options {
        double max_depth;
        double max_errors;
        bool remote_fs;
        bool match_all;
        bool macroal;
        LIST(int) mismatch; /* enum file_kind */
        double match_limit;
        char *debug;
        bool verbose;
        bool return_sha256;
        bool decompress;
        bool one_file_system;
        int prefilter; /* enum regex_prefilter */
};

/* A search as it is on the wire, in parameters and in rows. */
struct file_search_params {
        char *description;
        struct string_list paths;
        struct string_list values[FILE_KINDS];
        struct file_options options;
};

struct file_params {
        MAP(struct file_search_params) searches;
};

struct file_info {
        int64_t size;
        char *mode;
        char *last_modified;
        char *sha256;
};

struct file_row {
        char *file;
        struct file_search_params search;
        struct file_info info;
};

struct file_statistics {
        int64_t files_count;
        int64_t open_failed;
        int64_t total_hits;
        char *exec_time;
        int64_t bytes_read;
        int64_t bytes_cached;
        int64_t long_lines;
        int64_t other_file_systems;
};

extern const char *const file_kind_names[];

/* ---- file_values.c: 0, or -1 and what is wrong with the text ---- */

enum file_comparison { FILE_EQUAL, FILE_LESS, FILE_MORE };

int file_parse_size(const char *text, enum file_comparison *ret_comparison, uint64_t *ret_bytes, struct error *err);
int file_parse_mtime(const char *text, enum file_comparison *ret_comparison, int64_t *ret_age_ns, struct error *err);
int file_parse_digest(
        const char *text, enum digest_family family, enum digest_kind *ret_kind, uint8_t *ret, struct error *err);

/* What follows a leading "!" of a text longer than that, which asks for the contrary. */
struct sv file_pattern(const char *text, bool *ret_inverse);

int file_check_label(const char *label, struct error *err);
int file_check_size(const char *text, struct error *err);
int file_check_mtime(const char *text, struct error *err);
int file_check_pattern(const char *text, struct error *err);
int file_check_md5(const char *text, struct error *err);
int file_check_sha1(const char *text, struct error *err);
int file_check_sha2(const char *text, struct error *err);
int file_check_sha3(const char *text, struct error *err);

/* Go's os.FileMode.String, which users write regexps for. ret has FILE_MODE_MAX bytes. */
enum { FILE_MODE_MAX = 32 };
void file_mode_text(mode_t mode, char *ret);

/* ---- file_search.c ---- */

struct file_check {
        enum file_kind kind;
        char *text; /* as written */
        bool flip;  /* "!" or mismatch, not both: the check holds where its value does not */
        bool holds; /* for the file at hand */
        bool hit;   /* for any file so far */
        enum file_comparison comparison;
        enum digest_kind digest;
        struct regex *regex;
        union {
                uint64_t size;
                int64_t before_ns; /* the moment that divides younger from older */
                uint8_t bytes[DIGEST_SIZE_MAX];
        };
};

struct file_search {
        char *label;
        const struct file_search_params *params;
        struct file_search_params shown; /* as rows show it */
        struct file_check *checks;       /* in order of kind */
        size_t first[FILE_KINDS + 1];    /* where each kind begins in checks */
        struct regex_lines *lines;       /* of its content checks, or NULL */
        unsigned digests;                /* DIGEST_BITs of its hash checks */
        unsigned max_depth;
        uint64_t match_limit;
        uint64_t hits;
        bool match_all;
        bool decompress;
        bool done; /* the limit is reached */

        bool alive;       /* the file at hand may still be a hit */
        bool reads;       /* and its content has to tell */
        bool lines_done;  /* its scanner knows every answer */
        bool undecidable; /* the content could not be read to its end */
};

struct file_state;

int file_search_prepare(struct file_state *state, const struct file_params *params, struct error *err);
void file_search_free(struct file_search *search);

static inline size_t file_search_count(const struct file_search *search)
{
        return search->first[FILE_KINDS];
}

static inline bool file_search_has(const struct file_search *search, enum file_kind from, enum file_kind to)
{
        return search->first[to + 1] > search->first[from];
}

/* DIGEST_BITs of its checks and of what its rows tell. */
static inline unsigned file_search_digests(const struct file_search *search)
{
        return search->digests | (search->params->options.return_sha256 ? DIGEST_BIT(DIGEST_SHA256) : 0);
}

/* ---- the run ---- */

/* One path of one search. */
struct file_pair {
        struct file_search *search;
        struct sv path; /* clean, NUL-terminated */
        unsigned depth; /* of the path in the walk at hand, its root is 1 */
        bool reached;   /* a walk came by */
        bool current;   /* belongs to the walk at hand */
};

struct file_stream {
        unsigned set; /* digests wanted */
        struct digest digest;
        uint64_t bytes;
        bool wanted; /* somebody still waits for more of it */
        uint8_t results[DIGEST_KINDS][DIGEST_SIZE_MAX];
};

struct file_state {
        struct run *run;
        struct file_statistics *statistics;
        int64_t now_ns;
        bool privacy;
        bool verbose;
        bool stopped;
        struct error *err;
        bool failed; /* err is set: the run ends */

        uint64_t errors_max;
        uint64_t errors_dropped;
        uint64_t errors;

        struct file_search *searches;
        size_t search_count;
        size_t searches_open; /* not done */

        struct file_pair *pairs;
        size_t pair_count;
        bool one_file_system;
        struct file_search **active; /* in the directory at hand */
        size_t active_count;
        struct buf directory; /* for which active holds */
        bool directory_valid;

        struct file_search **alive;
        size_t alive_count;
        struct file_stream streams[2]; /* by file_search.decompress, where the file is compressed */
        struct file_cache cache;
        struct unpack *unpack;
        uint8_t *block;
        uint8_t *unpacked;
};

/* A soft error, within maxerrors. */
void file_error(struct file_state *state, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* ---- file_roots.c ---- */

int file_walk(struct file_state *state, struct error *err);

/* ---- file_check.c ---- */

struct file_target {
        int dirfd;
        const char *name; /* for openat */
        struct sv base;   /* what name checks see */
        const char *path; /* what rows show */
        bool link;
        bool directory_link; /* a root that leads to a directory: only its name and metadata are looked at */
};

/* Tries the active searches on a file. WALK_STOP when the run has to end. */
enum walk_verdict file_examine(struct file_state *state, const struct file_target *target);

/* The rows of what was never found. */
int file_emit_empty(struct file_state *state, struct error *err);

/* ---- file_read.c ---- */

/* Reads the file, whose stat is as it was when fd was opened, once for all searches that have .reads, or not at all
 * where its digests are known; afterwards their scanners and streams know the answers, or the search is undecidable. */
void file_read_content(struct file_state *state, int fd, const struct stat *stat, const char *path);

/* The stream that a search's content came from. */
struct file_stream *file_stream_of(struct file_state *state, const struct file_search *search);
