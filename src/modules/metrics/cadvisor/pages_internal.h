/* The pages that cAdvisor has at /containers/, /docker/ and /podman/, made here: no framework, nothing from the
 * Internet, readable without JavaScript. Every name on them may be hostile. */
#pragma once

#include "base/arena.h"
#include "modules/metrics/cadvisor/api_internal.h"

enum {
        PAGE_POINTS_MAX = 60,
        PAGE_CORES_MAX = 64, /* lines of the chart "per core" */
        PAGE_TOP_MAX = 50,   /* subcontainers compared */
        PAGE_TOP = 10,
        PAGE_PROCESSES = 25, /* rows of one page of processes */
        PAGE_PROCESSES_MAX = 20000,
        PAGE_MEMORY = 8 << 20,
        PAGE_USERS_MEMORY = 20 << 20 /* etc/passwd of a large host */
};

struct page {
        const struct cadvisor *cadvisor;
        const char *prefix; /* of all addresses: --url_base_prefix */
        const char *query;
        struct buf *out;
        struct arena arena;
        const struct container *container; /* of a container's page */
        const char *address;               /* of the page itself, without the prefix: "/docker/4a5b" */
};

/* ---- pages_html.c ---- */

void page_text(struct buf *out, const char *text);         /* escaped for text and attributes */
void page_address(struct page *page, const char *address); /* prefix and percent-encoded path, for an attribute */
void page_link(struct page *page, const char *address, const char *text);
void page_size(struct buf *out, uint64_t bytes); /* "1.50 GiB"; "unlimited" beyond 2^62 */
void page_begin(struct page *page, const char *title);
void page_end(struct page *page, bool live);
void page_section(struct page *page, const char *title);
void page_row(struct page *page, const char *name, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* The number of a query's key between 1 and max; else fallback. */
size_t page_number(const struct page *page, const char *key, size_t fallback, size_t max);

/* ---- pages_chart.c ---- */

struct page_series {
        const char *name;
        const double *values; /* one a point; NaN: none */
};
/* Lines over time. scale: "%.2f cores" for the largest value's label. */
void page_chart(struct page *page, const struct page_series *series, size_t series_count, const int64_t *times_ns,
        size_t count, const char *unit);
void page_gauge(struct page *page, const char *name, double percent);
/* A bar of up to two parts, in percent of the whole. */
void page_bar(struct page *page, double first, double second);

/* ---- sections ---- */

void page_isolation(struct page *page);
void page_usage(struct page *page);
void page_processes(struct page *page);
void page_subcontainers(struct page *page);
