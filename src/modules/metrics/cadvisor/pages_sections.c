/* Isolation, processes, and the containers below that use most. */
#include "linux/process_list.h"
#include "modules/metrics/cadvisor/pages_internal.h"

static void put_limit(struct page *page, const char *name, uint64_t bytes)
{
        buf_printf(page->out, "<tr><th>%s</th><td>", name);
        page_size(page->out, bytes);
        buf_puts(page->out, "</td></tr>\n");
}

void page_isolation(struct page *page)
{
        const struct container_spec *spec = container_spec(page->container);
        const struct cgroup_limits *limits = &spec->limits;
        if (!spec->has_cpu && !spec->has_memory)
                return;
        page_section(page, "Isolation");
        buf_puts(page->out, "<table>\n");
        if (spec->has_cpu) {
                page_row(page, "CPU shares", "%llu", (unsigned long long)limits->cpu_shares);
                if (limits->cpu_quota_us && limits->cpu_period_us)
                        page_row(page, "CPU limit", "%.2f cores",
                                (double)limits->cpu_quota_us / (double)limits->cpu_period_us);
                if (limits->cpu_mask && *limits->cpu_mask)
                        page_row(page, "Allowed cores", "%s", limits->cpu_mask);
        }
        if (spec->has_memory) {
                if (limits->memory_reservation)
                        put_limit(page, "Memory reservation", limits->memory_reservation);
                put_limit(page, "Memory limit",
                        limits->memory_limit ? limits->memory_limit
                                             : registry_machine(page->cadvisor->registry)->memory);
                if (limits->swap_limit)
                        put_limit(page, "Swap limit", limits->swap_limit);
        }
        buf_puts(page->out, "</table>\n");
}

/* ---- processes ---- */

struct process_rows {
        struct process_row *items;
        size_t count, capacity;
        size_t refused;
        struct arena *arena;
};

static int take_process(const struct process_row *row, void *cookie)
{
        struct process_rows *rows = cookie;
        struct process_row *kept = vec_add(rows, PAGE_PROCESSES_MAX);
        if (!kept) {
                rows->refused++;
                return 0;
        }
        *kept = *row;
        kept->arguments = "";
        kept->group = arena_strdup(rows->arena, row->group);
        if (!kept->group)
                kept->group = "";
        return 0;
}

static int compare_processes(const void *a, const void *b)
{
        const struct process_row *one = a, *other = b;
        if (one->cpu_percent != other->cpu_percent)
                return one->cpu_percent < other->cpu_percent ? 1 : -1;
        return (one->pid > other->pid) - (one->pid < other->pid);
}

static void put_process(struct page *page, const struct process_row *row, bool root)
{
        struct buf *out = page->out;
        buf_puts(out, "<tr><td>");
        page_text(out, row->user);
        buf_printf(out, "</td><td class=\"n\">%d</td><td class=\"n\">%d</td><td>", row->pid, row->ppid);
        page_text(out, row->start);
        buf_printf(out, "</td><td class=\"n\">%.1f</td><td class=\"n\">%.1f</td><td class=\"n\">", row->cpu_percent,
                row->memory_percent);
        page_size(out, row->rss);
        buf_puts(out, "</td><td class=\"n\">");
        page_size(out, row->vsz);
        buf_puts(out, "</td><td>");
        page_text(out, row->stat);
        buf_puts(out, "</td><td>");
        page_text(out, row->time);
        buf_puts(out, "</td><td>");
        page_text(out, row->comm);
        buf_printf(out, "</td><td class=\"n\">%d</td>", row->processor);
        if (root) {
                struct container *container = registry_find(page->cadvisor->registry, sv_of(row->group));
                buf_puts(out, "<td>");
                if (container) {
                        cleanup(buf_done) struct buf address;
                        buf_init(&address, 2 * API_NAME_MAX);
                        buf_printf(&address, "/containers%s", row->group);
                        page_link(page, buf_text(&address), row->group);
                } else {
                        page_text(out, row->group);
                }
                buf_puts(out, "</td>");
        }
        buf_puts(out, "</tr>\n");
}

static void put_process_pages(struct page *page, size_t count, size_t shown)
{
        size_t pages = (count + PAGE_PROCESSES - 1) / PAGE_PROCESSES;
        if (pages < 2)
                return;
        buf_puts(page->out, "<p>");
        for (size_t i = 1; i <= pages; i++)
                if (i == shown)
                        buf_printf(page->out, "<b>%zu</b> ", i);
                else
                        buf_printf(page->out, "<a href=\"?page=%zu\">%zu</a> ", i, i);
        buf_puts(page->out, "</p>\n");
}

void page_processes(struct page *page)
{
        const struct metrics_options *options = page->cadvisor->options;
        bool root = container_is_root(page->container);
        struct process_users users = { 0 };
        if (process_users_read(options->root, &page->arena, &users, NULL) < 0)
                users = (struct process_users){ 0 };
        struct process_list_query query = { .group = root ? NULL : container_ref(page->container)->name,
                .users = &users,
                .memory_total = registry_machine(page->cadvisor->registry)->memory };
        struct process_rows rows = { .arena = &page->arena };
        struct process_list_result result;
        struct error err = { 0 };
        buf_puts(page->out, "<h3>Processes</h3>\n");
        if (process_list_each(options->proc, &query, take_process, &rows, &result, &err) < 0) {
                buf_puts(page->out, "<p>");
                page_text(page->out, err.message);
                buf_puts(page->out, "</p>\n");
        }
        if (rows.count)
                qsort(rows.items, rows.count, sizeof(*rows.items), compare_processes);
        size_t shown = page_number(page, "page", 1, 1 + rows.count / PAGE_PROCESSES);
        buf_printf(page->out,
                "<table><tr><th>User<th>PID<th>PPID<th>Start time<th>CPU %%<th>MEM %%<th>RSS<th>Virtual "
                "size<th>Status<th>Running time<th>Command<th>PSR%s</tr>\n",
                root ? "<th>Container" : "");
        for (size_t i = (shown - 1) * PAGE_PROCESSES; i < rows.count && i < shown * PAGE_PROCESSES; i++)
                put_process(page, &rows.items[i], root);
        buf_puts(page->out, "</table>\n");
        put_process_pages(page, rows.count, shown);
        if (rows.refused)
                buf_printf(page->out, "<p>%zu more processes were not looked at.</p>\n", rows.refused);
        vec_done(&rows);
}

/* ---- the containers below, by what they use ---- */

struct user_of { /* one container */
        const char *name;
        double cores;
        uint64_t memory;
};

static int compare_cores(const void *a, const void *b)
{
        const struct user_of *one = a, *other = b;
        return one->cores < other->cores ? 1 : one->cores > other->cores ? -1 : strcmp(one->name, other->name);
}

static int compare_memory(const void *a, const void *b)
{
        const struct user_of *one = a, *other = b;
        return one->memory < other->memory ? 1 : one->memory > other->memory ? -1 : strcmp(one->name, other->name);
}

static void put_top(struct page *page, const char *title, const struct user_of *users, size_t count, bool memory)
{
        double max = memory ? (double)users[0].memory : users[0].cores;
        buf_printf(page->out, "<h3>%s</h3><table>\n", title);
        for (size_t i = 0; i < count; i++) {
                cleanup(buf_done) struct buf address;
                buf_init(&address, 2 * API_NAME_MAX);
                buf_printf(&address, "/containers%s", users[i].name);
                buf_puts(page->out, "<tr><td>");
                page_link(page, buf_text(&address), users[i].name);
                buf_puts(page->out, "</td><td class=\"n\">");
                if (memory)
                        page_size(page->out, users[i].memory);
                else
                        buf_printf(page->out, "%.3f cores", users[i].cores);
                buf_puts(page->out, "</td><td>");
                page_bar(page, 0, max > 0 ? (memory ? (double)users[i].memory : users[i].cores) * 100 / max : 0);
                buf_puts(page->out, "</td></tr>\n");
        }
        buf_puts(page->out, "</table>\n");
}

/* Those directly below. */
static size_t collect_children(struct page *page, struct user_of *ret, size_t max)
{
        const struct registry *registry = page->cadvisor->registry;
        const char *name = container_ref(page->container)->name;
        size_t length = strcmp(name, "/") == 0 ? 0 : strlen(name), first = 0, count = 0;
        size_t below = registry_descendants(registry, page->container, &first);
        cleanup(arena_done) struct arena arena;
        arena_init(&arena, PAGE_MEMORY);
        for (size_t i = first; i < first + below && count < max; i++) {
                const struct container *child = registry_at(registry, i);
                const char *child_name = container_ref(child)->name;
                if (strlen(child_name) < length + 2 || strchr(child_name + length + 1, '/'))
                        continue;
                struct container_stats stats = { 0 };
                bool sampled = container_latest(child, &arena, &stats);
                ret[count++] =
                        (struct user_of){ child_name, sampled && stats.has_rate ? (double)stats.rate_total / 1e9 : 0,
                                sampled ? stats.cgroup.memory.usage : 0 };
                arena_done(&arena);
        }
        return count;
}

void page_subcontainers(struct page *page)
{
        enum { CHILDREN_MAX = 65536 };
        size_t first, below = registry_descendants(page->cadvisor->registry, page->container, &first);
        if (!below)
                return;
        size_t max = below < CHILDREN_MAX ? below : CHILDREN_MAX;
        struct user_of *users = calloc(max, sizeof(*users));
        if (!users)
                return;
        size_t count = collect_children(page, users, max);
        size_t top = page_number(page, "top", PAGE_TOP, PAGE_TOP_MAX);
        if (count) {
                page_section(page, "Subcontainers by usage");
                buf_puts(page->out, "<p>");
                static const unsigned choices[] = { 5, 10, 25, 50 };
                for (size_t i = 0; i < sizeof(choices) / sizeof(choices[0]); i++)
                        buf_printf(page->out, choices[i] == top ? "<b>%u</b> " : "<a href=\"?top=%1$u\">%1$u</a> ",
                                choices[i]);
                buf_puts(page->out, "</p>\n");
                qsort(users, count, sizeof(*users), compare_cores);
                put_top(page, "Top CPU usage", users, count < top ? count : top, false);
                qsort(users, count, sizeof(*users), compare_memory);
                put_top(page, "Top memory usage", users, count < top ? count : top, true);
        }
        free(users);
}
