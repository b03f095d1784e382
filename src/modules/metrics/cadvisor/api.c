/* Paths below /api: versions, request types, and what cAdvisor says to wrong ones (cmd/internal/api/handler.go in its
 * repository; the reference in watch.md 1.1 was checked against a live one). */
#include "modules/metrics/cadvisor/api_internal.h"

static const char *const version_names[API_VERSIONS] = { "v1.0", "v1.1", "v1.2", "v1.3", "v2.0", "v2.1" };

enum {
        FROM_V1_0 = 1 << API_V1_0 | 1 << API_V1_1 | 1 << API_V1_2 | 1 << API_V1_3,
        FROM_V1_1 = 1 << API_V1_1 | 1 << API_V1_2 | 1 << API_V1_3,
        FROM_V1_2 = 1 << API_V1_2 | 1 << API_V1_3,
        ONLY_V1_3 = 1 << API_V1_3,
        ONLY_V2_0 = 1 << API_V2_0,
        ONLY_V2_1 = 1 << API_V2_1,
        BOTH_V2 = ONLY_V2_0 | ONLY_V2_1
};

static const struct {
        const char *name;
        unsigned versions;
        void (*answer)(struct api_call *call);
} request_types[] = {
        /* sorted by name, as they are listed */
        { "appmetrics", BOTH_V2, api_appmetrics },
        { "attributes", BOTH_V2, api_attributes },
        { "containers", FROM_V1_0, api_containers },
        { "docker", FROM_V1_2, api_docker },
        { "events", ONLY_V1_3 | BOTH_V2, api_events },
        { "machine", FROM_V1_0 | BOTH_V2, api_machine },
        { "machinestats", ONLY_V2_1, api_machinestats },
        { "ps", BOTH_V2, api_ps },
        { "spec", BOTH_V2, api_spec },
        { "stats", ONLY_V2_0, api_stats_v20 },
        { "stats", ONLY_V2_1, api_stats_v21 },
        { "storage", BOTH_V2, api_storage },
        { "subcontainers", FROM_V1_1, api_subcontainers },
        { "summary", BOTH_V2, api_summary },
        { "version", BOTH_V2, api_version_text },
};
#define REQUEST_TYPES (sizeof(request_types) / sizeof(request_types[0]))

/* ---- errors ---- */

void api_error_status(struct cadvisor_reply *reply, int status, struct sv text)
{
        buf_clear(&reply->body);
        reply->status = status;
        reply->content_type = "text/plain; charset=utf-8";
        reply->nosniff = true;
        buf_append(&reply->body, text.p, text.n);
        buf_putc(&reply->body, '\n');
}

void api_error(struct api_call *call, const char *format, ...)
{
        enum { ERROR_MAX = 8 * API_NAME_MAX }; /* a name of escapes twice */
        cleanup(buf_done) struct buf text;
        buf_init(&text, ERROR_MAX);
        va_list args;
        va_start(args, format);
        for (const char *at = format; *at; at++) {
                if (*at != '%') {
                        buf_putc(&text, *at);
                        continue;
                }
                at++;
                /* NOLINTBEGIN(clang-analyzer-valist.Uninitialized): it was started */
                if (*at == 's')
                        buf_puts(&text, va_arg(args, const char *));
                else if (*at == 'q')
                        go_quote(&text, sv_of(va_arg(args, const char *)));
                else if (*at == 'd')
                        buf_printf(&text, "%lld", (long long)va_arg(args, int64_t));
                /* NOLINTEND(clang-analyzer-valist.Uninitialized) */
        }
        va_end(args);
        api_error_status(call->reply, 500, sv_n(buf_text(&text), text.len));
}

/* ---- redirects: what Go's ServeMux sends to a path that is not clean ---- */

static void put_escaped_path(struct buf *out, const char *path)
{
        for (const char *at = path; *at; at++) {
                unsigned char c = (unsigned char)*at;
                bool letter = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
                if (letter || strchr("-_.~$&+,/:;=@", c))
                        buf_putc(out, (char)c);
                else
                        buf_printf(out, "%%%02X", c);
        }
}

static void put_html(struct buf *out, struct sv text)
{
        for (size_t i = 0; i < text.n; i++) {
                switch (text.p[i]) {
                case '&':
                        buf_puts(out, "&amp;");
                        break;
                case '<':
                        buf_puts(out, "&lt;");
                        break;
                case '>':
                        buf_puts(out, "&gt;");
                        break;
                case '"':
                        buf_puts(out, "&#34;");
                        break;
                case '\'':
                        buf_puts(out, "&#39;");
                        break;
                default:
                        buf_putc(out, text.p[i]);
                }
        }
}

/* The body ends with the location itself behind a NUL, so that it lives as long as the body and is not sent. */
static void redirect(struct api_call *call, const char *path)
{
        static const char open[] = "<a href=\"", close[] = "\">Moved Permanently</a>.\n\n";
        cleanup(buf_done) struct buf location;
        buf_init(&location, 4 * API_NAME_MAX);
        if (call->cadvisor->options->url_prefix)
                buf_puts(&location, call->cadvisor->options->url_prefix);
        put_escaped_path(&location, path);
        if (*call->request->query)
                buf_printf(&location, "?%s", call->request->query);
        struct cadvisor_reply *reply = call->reply;
        bool get = strcmp(call->request->method, "GET") == 0;
        if (get)
                buf_puts(call->out, open);
        if (get)
                put_html(call->out, sv_n(buf_text(&location), location.len));
        if (get)
                buf_puts(call->out, close);
        size_t length = call->out->len;
        buf_putc(call->out, '\0');
        buf_append(call->out, buf_text(&location), location.len + 1);
        if (location.failed || call->out->failed) {
                api_error(call, "malformed request %q", call->request->path);
                return;
        }
        call->out->len = length;
        reply->status = 301;
        reply->location = call->out->data + length + 1;
        if (get || strcmp(call->request->method, "HEAD") == 0)
                reply->content_type = "text/html; charset=utf-8";
}

/* Registered with a slash at their end: without it they are sent there. */
static bool is_tree(const char *path)
{
        static const char *const trees[] = { "/api", "/containers", "/docker", "/podman", "/static", "/validate" };
        for (size_t i = 0; i < sizeof(trees) / sizeof(trees[0]); i++)
                if (strcmp(path, trees[i]) == 0)
                        return true;
        return false;
}

/* True when the path was not clean and has been answered. */
static bool redirect_unclean(struct api_call *call)
{
        char clean[API_NAME_MAX];
        struct sv path = sv_of(call->request->path);
        if (path.n + 2 >= sizeof(clean) || !api_path_clean(path, clean)) {
                api_error(call, "malformed request %q", call->request->path);
                return true;
        }
        size_t length = strlen(clean);
        bool slash = length > 1 && path.n && path.p[path.n - 1] == '/';
        if (slash || is_tree(clean))
                memcpy(clean + length, "/", 2);
        if (sv_eq(sv_of(clean), path))
                return false;
        redirect(call, clean);
        return true;
}

bool cadvisor_redirect(
        const struct cadvisor *cadvisor, const struct cadvisor_request *request, struct cadvisor_reply *reply)
{
        struct api_call call = { .cadvisor = cadvisor, .request = request, .reply = reply, .out = &reply->body };
        return redirect_unclean(&call);
}

/* ---- dispatch ---- */

static void list_versions(struct api_call *call)
{
        cleanup(buf_done) struct buf text;
        buf_init(&text, API_NAME_MAX);
        buf_puts(&text, "Supported API versions: ");
        for (unsigned i = 0; i < API_VERSIONS; i++)
                buf_printf(&text, "%s%s", i ? "," : "", version_names[i]);
        api_error_status(call->reply, 400, sv_n(buf_text(&text), text.len));
}

static void list_types(struct api_call *call, unsigned version)
{
        cleanup(buf_done) struct buf text;
        buf_init(&text, API_NAME_MAX);
        buf_puts(&text, "Supported request types: \"");
        bool first = true;
        for (size_t i = 0; i < REQUEST_TYPES; i++) {
                if (!(request_types[i].versions & 1U << version))
                        continue;
                buf_printf(&text, "%s%s", first ? "" : ",", request_types[i].name);
                first = false;
        }
        buf_putc(&text, '"');
        api_error_status(call->reply, 400, sv_n(buf_text(&text), text.len));
}

static void answer(struct api_call *call, unsigned version)
{
        if (version >= API_V2_0) {
                cleanup(buf_done) struct buf problem;
                buf_init(&problem, 4 * API_NAME_MAX);
                if (api_options_parse(call->request->query, &call->options, &problem) < 0) {
                        api_error(call, "%s", buf_text(&problem));
                        return;
                }
        }
        for (size_t i = 0; i < REQUEST_TYPES; i++) {
                if (!(request_types[i].versions & 1U << version) || strcmp(request_types[i].name, call->type) != 0)
                        continue;
                request_types[i].answer(call);
                if (call->out->failed)
                        api_error(call, "the answer is larger than %d bytes: ask for fewer samples or fewer containers",
                                (int64_t)call->out->max);
                return;
        }
        api_error(call, "unknown request type %q", call->type);
}

/* /api/VERSION[/TYPE[ARGS]]; the arguments end with their line, as the dot of a regular expression has it. */
static void split_and_answer(struct api_call *call)
{
        char version_text[API_NAME_MAX], type_text[API_NAME_MAX];
        struct sv rest = sv_of(call->request->path + strlen("/api/"));
        size_t end = sv_find(rest, '/');
        snprintf(version_text, sizeof(version_text), "%.*s", (int)end, rest.p);
        rest = end < rest.n ? sv_n(rest.p + end + 1, rest.n - end - 1) : sv_n(rest.p + end, 0);
        unsigned version = 0;
        while (version < API_VERSIONS && strcmp(version_names[version], version_text) != 0)
                version++;
        if (version == API_VERSIONS) {
                api_error(call, "unsupported API version %q", version_text);
                return;
        }
        if (rest.n == 0) {
                list_types(call, version);
                return;
        }
        end = sv_find(rest, '/');
        snprintf(type_text, sizeof(type_text), "%.*s", (int)end, rest.p);
        call->type = type_text;
        call->args = sv_n(rest.p + end, rest.n - end);
        call->args.n = sv_find(call->args, '\n');
        if (!api_path_clean(call->args, call->name)) {
                api_error(call, "malformed request %q", call->request->path);
                return;
        }
        answer(call, version);
        call->type = NULL;
}

void cadvisor_api(const struct cadvisor *cadvisor, const struct cadvisor_request *request, struct cadvisor_reply *reply)
{
        struct api_call call = { .cadvisor = cadvisor, .request = request, .reply = reply, .out = &reply->body };
        buf_clear(&reply->body);
        reply->status = 200;
        reply->content_type = "application/json";
        reply->location = NULL;
        reply->stream = reply->nosniff = false;
        struct sv path = sv_of(request->path);
        if (!sv_starts(path, SV("/api"))) {
                api_error(&call, "incomplete API request %q", request->path);
                return;
        }
        if (redirect_unclean(&call))
                return;
        if (sv_eq(path, SV("/api/")))
                list_versions(&call);
        else if (!sv_starts(path, SV("/api/")))
                api_error(&call, "malformed request %q", request->path);
        else
                split_and_answer(&call);
}
