/* The parent's half of a run's result: rows go to a spool file as they arrive, so that memory does not grow with them,
 * and the envelope is written at the end, since the contract puts its verdict first:
 *
 *      {"foundanything":…,"success":…,"elements":…,"statistics":…,"errors":…}
 *
 * followed by "partial", "skipped" and "cursor" only when set. Labels come sorted, as Go writes maps. */
#pragma once

#include "module/module.h"
#include "module/wire.h"

struct result;

enum { RESULT_LABELS_MAX = 100000, RESULT_ERRORS_MAX = 2000 };

/* spool_max: bytes of rows kept; beyond it rows are counted as lost and the result is partial. */
struct result *result_new(enum shape shape, uint64_t spool_max, struct error *err);
void result_free(struct result *result);

/* Takes a worker's frame (ROW … DONE). -1 for a frame that cannot be: the worker is to be ended then. */
int result_add_frame(struct result *result, const struct frame_header *header, struct sv payload, struct error *err);

/* Rows are counted and not kept: somebody else takes them as they come. */
void result_keep_no_rows(struct result *result);

void result_add_error(struct result *result, const char *text);
void result_fail(struct result *result, const struct error *why); /* success = false and this error */
void result_set_partial(struct result *result, const char *reason);
void result_set_code(struct result *result, enum error_code code); /* why it failed, in place of the worker's word */
bool result_full(const struct result *result);                     /* rows were lost to spool_max */

bool result_done(const struct result *result); /* FRAME_DONE came */
bool result_success(const struct result *result);
bool result_found(const struct result *result);
const char *result_partial(const struct result *result);  /* the reason, or NULL */
enum error_code result_code(const struct result *result); /* E_NONE, or why it failed */
uint64_t result_rows(const struct result *result);
size_t result_error_count(const struct result *result);
const char *result_error(const struct result *result, size_t index);
const char *result_statistics(const struct result *result); /* JSON or NULL */

/* Writes the envelope in pieces to write(bytes, size, cookie), which returns -1 to end early. indent 0 = one line. */
int result_write(struct result *result, unsigned indent, int (*write)(const void *bytes, size_t size, void *cookie),
        void *cookie, struct error *err);

/* Every row in label order; labels without rows come once with json.n == 0. row returns -1 to end early. */
int result_each_row(struct result *result,
        int (*row)(const char *group, const char *label, struct sv json, void *cookie), void *cookie,
        struct error *err);
