/* The web page. Its files are open to all, since they hold nothing of this host: what they show they ask for with a
 * token. A page that was made to run something else is stopped by its policy, and the browser tells us. */
#include "asset.h"
#include "front.h"

#include "base/cleanup.h"
#include "schema/json.h"

enum { REPORTS_LOGGED = 10 /* a minute */, REPORT_TEXT_MAX = 200 };

bool page_covers(const char *path)
{
        return asset_find(path);
}

static void put_fields(struct call *call, const struct asset *asset, bool packed)
{
        static const char *const fields[][2] = {
                { "Cache-Control", "no-cache" }, /* may be kept, is asked for each time */
                { "Vary", "Accept-Encoding" },
                { "Content-Security-Policy",
                        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src "
                        "'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; report-uri "
                        "/v1/csp-report" },
                { "Cross-Origin-Opener-Policy", "same-origin" },
                { "Permissions-Policy",
                        "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), hid=(), "
                        "magnetometer=(), microphone=(), midi=(), payment=(), serial=(), usb=()" },
        };
        char tag[64];
        for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
                call_field(call, fields[i][0], fields[i][1]);
        snprintf(tag, sizeof(tag), "\"%s%s\"", asset->tag, packed ? "" : "-plain");
        call_field(call, "ETag", tag);
}

void handle_page(struct call *call)
{
        const struct asset *asset = asset_find(call->path);
        const unsigned char *bytes = asset_bytes + asset->offset;
        bool packed = asset_takes_gzip(call_header(call, MHD_HTTP_HEADER_ACCEPT_ENCODING));
        struct error err;
        put_fields(call, asset, packed);
        if (asset_unchanged(call_header(call, MHD_HTTP_HEADER_IF_NONE_MATCH), asset->tag)) {
                call_reply(call, 304, "", (struct sv){ 0 });
                return;
        }
        if (packed) {
                call_field(call, "Content-Encoding", "gzip");
                call_reply(call, 200, asset->type, sv_n((const char *)bytes, asset->packed));
                return;
        }
        cleanup(free) unsigned char *plain = malloc(asset->size + 1);
        int status = plain ? asset_inflate(asset, bytes, plain, &err) : fail(&err, E_NO_MEMORY, "no memory for it");
        if (status < 0)
                call_fail(call, &err);
        else
                call_reply(call, 200, asset->type, sv_n((const char *)plain, asset->size));
}

/* Printable and short: anybody may send it. */
static void text_of(const json_t *report, const char *name, const char *other_name, char ret[REPORT_TEXT_MAX])
{
        const json_t *value = json_object_get(report, name);
        const char *text = json_string_value(value ? value : json_object_get(report, other_name));
        size_t length = 0;
        for (; text && text[length] && length < REPORT_TEXT_MAX - 1; length++)
                ret[length] = text[length] > ' ' && text[length] < 0x7f ? text[length] : '_';
        if (length == 0)
                ret[length++] = '?';
        ret[length] = '\0';
}

static bool may_log(struct api *api)
{
        int64_t now = loop_now_ns(api->loop);
        if (now - api->reports_since_ns >= MINUTE || api->reports_since_ns == 0) {
                api->reports_since_ns = now;
                api->reports_logged = 0;
        }
        return api->reports_logged++ < REPORTS_LOGGED;
}

/* CSP 3 section 5.3: {"csp-report": {"blocked-uri", …}}; Reporting API: [{"body": {"blockedURL", …}}, …]. */
void handle_csp_report(struct call *call)
{
        struct error err;
        struct api *api = call->api;
        char blocked[REPORT_TEXT_MAX];
        char directive[REPORT_TEXT_MAX];
        char document[REPORT_TEXT_MAX];
        cleanup(json_decref) json_t *body = json_parse(sv_n(buf_text(&call->body), call->body.len), false, &err);
        const json_t *report = json_is_array(body) ? json_object_get(json_array_get(body, 0), "body")
                                                   : json_object_get(body, "csp-report");
        if (!json_is_object(report)) {
                call_fail_status(call, 400, "invalid", "no report of a violated policy", NULL);
                return;
        }
        api->counters.csp_reports++;
        if (may_log(api)) {
                text_of(report, "blocked-uri", "blockedURL", blocked);
                text_of(report, "effective-directive", "effectiveDirective", directive);
                text_of(report, "document-uri", "documentURL", document);
                service_log(api->service, "a browser at %s says: the policy %s of %s stopped %s", call->client->address,
                        directive, document, blocked);
        }
        call_reply(call, 204, "", (struct sv){ 0 });
}
