/* Which page an address is, and what stands around its sections. */
#include "modules/metrics/cadvisor/pages_internal.h"

#include "base/cleanup.h"

static const char html[] = "text/html; charset=utf-8";

/* "root / docker / 4a5b", each a link. */
static void put_breadcrumbs(struct page *page, const char *name)
{
        char address[API_NAME_MAX + 16];
        buf_puts(page->out, "<nav>");
        page_link(page, "/containers/", "root");
        for (const char *at = name; *at == '/' && at[1];) {
                const char *end = strchr(at + 1, '/');
                size_t length = end ? (size_t)(end - name) : strlen(name),
                       part = end ? (size_t)(end - at - 1) : strlen(at + 1);
                char text[API_NAME_MAX];
                snprintf(address, sizeof(address), "/containers%.*s", (int)length, name);
                snprintf(text, sizeof(text), "%.*s", (int)part, at + 1);
                buf_puts(page->out, " / ");
                page_link(page, address, text);
                at = name + length;
        }
        buf_puts(page->out, "</nav>\n");
}

/* Links to those directly below. */
static void put_children(struct page *page)
{
        const struct registry *registry = page->cadvisor->registry;
        const char *name = container_ref(page->container)->name;
        size_t length = strcmp(name, "/") == 0 ? 0 : strlen(name), first = 0;
        size_t count = registry_descendants(registry, page->container, &first);
        bool any = false;
        for (size_t i = first; i < first + count && !page->out->failed; i++) {
                const char *below = container_ref(registry_at(registry, i))->name;
                if (strlen(below) < length + 2 || strchr(below + length + 1, '/'))
                        continue;
                if (!any) {
                        page_section(page, "Subcontainers");
                        buf_puts(page->out, "<div class=\"names\">");
                        any = true;
                }
                char address[API_NAME_MAX + 16];
                snprintf(address, sizeof(address), "/containers%s", below);
                page_link(page, address, below);
        }
        if (any)
                buf_puts(page->out, "</div>\n");
}

static void container_page(struct page *page, const char *title)
{
        page_begin(page, title);
        const struct container_ref *ref = container_ref(page->container);
        put_breadcrumbs(page, ref->name);
        if (container_is_root(page->container)) {
                buf_puts(page->out, "<p>");
                page_link(page, "/docker/", "Docker Containers");
                buf_puts(page->out, " &nbsp; ");
                page_link(page, "/podman/", "Podman Containers");
                buf_puts(page->out, "</p>\n");
        }
        put_children(page);
        page_isolation(page);
        buf_puts(page->out, "<div id=\"live\">\n");
        page_usage(page);
        page_subcontainers(page);
        buf_puts(page->out, "</div>\n");
        page_end(page, true);
}

/* ---- an engine's containers ---- */

static void put_driver(struct page *page, const char *engine, size_t containers)
{
        const struct machine *machine = registry_machine(page->cadvisor->registry);
        page_section(page, "Driver Status");
        buf_puts(page->out, "<table>\n");
        buf_printf(page->out, "<tr><th>%s version</th><td>Unknown: the engine is not asked</td></tr>\n", engine);
        buf_printf(page->out, "<tr><th>%s API version</th><td>Unknown</td></tr>\n", engine);
        page_row(page, "Kernel version", "%s", machine->kernel_version ? machine->kernel_version : "");
        page_row(page, "OS version", "%s", machine->os_version ? machine->os_version : "");
        if (strcmp(engine, "Docker") == 0) {
                const char *driver = api_docker_storage_driver(page->cadvisor->options->root);
                page_row(page, "Storage driver", "%s", driver ? driver : "Unknown");
        }
        page_row(page, "Number of containers", "%zu", containers);
        buf_puts(page->out, "</table>\n");
}

static void engine_page(struct page *page, const char *engine, const char *name_space)
{
        cleanup(api_selection_done) struct api_selection selection = { 0 };
        api_select_namespace(page->cadvisor->registry, name_space, &selection);
        char title[64];
        snprintf(title, sizeof(title), "%s Containers", engine);
        page_begin(page, title);
        put_breadcrumbs(page, "/");
        page_section(page, "Subcontainers");
        buf_puts(page->out, "<div class=\"names\">");
        for (size_t i = 0; i < selection.count && !page->out->failed; i++) {
                const struct container_ref *ref = container_ref(selection.items[i]);
                char address[API_NAME_MAX + 16], text[2 * API_NAME_MAX];
                const char *name = ref->alias_count ? ref->aliases[0] : ref->id;
                snprintf(address, sizeof(address), "/%s/%s", name_space, ref->id && *ref->id ? ref->id : name);
                snprintf(text, sizeof(text), "%s (%s)", name, ref->name);
                page_link(page, address, text);
        }
        buf_puts(page->out, "</div>\n");
        put_driver(page, engine, selection.count);
        page_end(page, false);
}

static void not_found(struct cadvisor_reply *reply, const char *name, const char *problem)
{
        cleanup(buf_done) struct buf text;
        buf_init(&text, 8 * API_NAME_MAX);
        buf_puts(&text, "failed to get container ");
        go_quote(&text, sv_of(name));
        buf_printf(&text, " with error: %s", problem);
        api_error_status(reply, 404, sv_n(buf_text(&text), text.len));
}

static void engine_or_container(
        struct page *page, const char *engine, const char *name_space, const char *name, struct cadvisor_reply *reply)
{
        if (!*name) {
                engine_page(page, engine, name_space);
                return;
        }
        cleanup(buf_done) struct buf problem;
        buf_init(&problem, 8 * API_NAME_MAX);
        page->container = api_find_alias(page->cadvisor->registry, name_space, name, &problem);
        if (!page->container) {
                not_found(reply, name, buf_text(&problem));
                return;
        }
        const struct container_ref *ref = container_ref(page->container);
        container_page(page, ref->alias_count ? ref->aliases[0] : name);
}

static void route(struct page *page, const char *path, struct cadvisor_reply *reply)
{
        char clean[API_NAME_MAX];
        if (!api_path_clean(sv_of(path), clean)) {
                api_error_status(reply, 404, SV("404 page not found"));
                return;
        }
        static const struct {
                const char *prefix, *engine, *name_space;
        } engines[] = { { "/docker", "Docker", "docker" }, { "/podman", "Podman", "podman" } };
        for (size_t i = 0; i < sizeof(engines) / sizeof(engines[0]); i++) {
                size_t length = strlen(engines[i].prefix);
                if (strncmp(clean, engines[i].prefix, length) != 0 || (clean[length] && clean[length] != '/'))
                        continue;
                engine_or_container(
                        page, engines[i].engine, engines[i].name_space, clean + length + (clean[length] == '/'), reply);
                return;
        }
        static const char containers[] = "/containers";
        if (strncmp(clean, containers, strlen(containers)) != 0) {
                api_error_status(reply, 404, SV("404 page not found"));
                return;
        }
        const char *name = clean[strlen(containers)] ? clean + strlen(containers) : "/";
        page->container = registry_find(page->cadvisor->registry, sv_of(name));
        if (page->container) {
                container_page(page, name);
                return;
        }
        cleanup(buf_done) struct buf problem;
        buf_init(&problem, 8 * API_NAME_MAX);
        buf_puts(&problem, "unknown container ");
        go_quote(&problem, sv_of(name));
        not_found(reply, name, buf_text(&problem));
}

void cadvisor_page(
        const struct cadvisor *cadvisor, const struct cadvisor_request *request, struct cadvisor_reply *reply)
{
        const char *prefix = cadvisor->options->url_prefix;
        struct page page = {
                .cadvisor = cadvisor, .prefix = prefix ? prefix : "", .query = request->query, .out = &reply->body
        };
        arena_init(&page.arena, PAGE_MEMORY + PAGE_USERS_MEMORY);
        buf_clear(&reply->body);
        reply->status = 200;
        reply->content_type = html;
        reply->location = NULL;
        reply->stream = reply->nosniff = false;
        route(&page, request->path, reply);
        arena_done(&page.arena);
        if (reply->body.failed)
                api_error_status(reply, 500, SV("the page is too large"));
}
