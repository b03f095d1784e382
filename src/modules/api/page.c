#include "front.h"

static const char page[] =
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n"
        "<meta name=\"viewport\" content=\"width=device-width\">\n<title>Tarsier</title>\n"
        "<h1>Tarsier</h1>\n<p>This is the agent of one host. It answers questions about the host over HTTP.</p>\n"
        "<ul>\n<li><a href=\"/healthz\">/healthz</a>: is it well\n"
        "<li><a href=\"/v1/openapi.json\">/v1/openapi.json</a>: all that can be asked (needs a token)\n"
        "<li><a href=\"/v1/modules\">/v1/modules</a>: its modules\n<li><a href=\"/v1/runs\">/v1/runs</a>: its runs\n"
        "<li><a href=\"/v1/status\">/v1/status</a>: its state\n<li><a href=\"/metrics\">/metrics</a>: its "
        "figures\n</ul>\n"
        "<p>A token goes into the field <code>Authorization: Bearer TOKEN</code>; over the agent's unix socket the "
        "kernel "
        "says who is asking.</p>\n</html>\n";

void handle_page(struct call *call)
{
        call_reply(call, 200, "text/html; charset=utf-8", sv_n(page, sizeof(page) - 1));
}
