/* What the parameters of talk mean: with whom, how, and what is sent. */
#include "modules/net/talk.h"

enum { HTTP_PORT = 80, HTTPS_PORT = 443, QOTD_PORT = 17, TALK_AUTHORITY_MAX = 300 };

static int hex_value(char c)
{
        return c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
}

/* out may be NULL: only checked. */
static int unescape(const char *text, struct buf *out, struct error *err)
{
        static const char letters[] = "rnt\\", bytes[] = "\r\n\t\\";
        for (const char *at = text; *at; at++) {
                char byte = *at;
                if (*at == '\\') {
                        const char *found = at[1] ? strchr(letters, at[1]) : NULL;
                        bool hex = at[1] == 'x' && hex_value(at[2]) >= 0 && hex_value(at[3]) >= 0;
                        if (!found && !hex)
                                return fail(err, E_INVALID, "send: \"%.4s\" is none of \\r \\n \\t \\\\ \\xHH", at);
                        byte = hex ? (char)(hex_value(at[2]) << 4 | hex_value(at[3])) : bytes[found - letters];
                        at += hex ? 3 : 1;
                }
                if (out)
                        buf_putc(out, byte);
        }
        return 0;
}

/* http://HOST[:PORT][/PATH][?QUERY][#FRAGMENT] (RFC 3986); true when the target is one. */
static bool split_url(
        const char *target, struct talk_plan *plan, char *ret_authority, struct error *err, int *ret_status)
{
        bool https = strncasecmp(target, "https://", 8) == 0;
        if (!https && strncasecmp(target, "http://", 7) != 0)
                return false;
        const char *authority = target + (https ? 8 : 7);
        size_t size = strcspn(authority, "/?#");
        plan->tls = https;
        plan->path = authority + size;
        plan->path_size = strcspn(plan->path, "#");
        *ret_status = 0;
        if (memchr(authority, '@', size))
                *ret_status = fail(err, E_INVALID, "target: a user in an address is not supported");
        else if (!size || size >= TALK_AUTHORITY_MAX)
                *ret_status = fail(err, E_INVALID, "target: %s", size ? "the host is too long" : "no host");
        else if (plan->kind != TALK_TCP && plan->kind != TALK_HTTP)
                *ret_status = fail(err, E_INVALID, "an http:// address is not for %s", talk_kinds[plan->kind]);
        else
                snprintf(ret_authority, TALK_AUTHORITY_MAX, "%.*s", (int)size, authority);
        plan->kind = TALK_HTTP;
        return true;
}

static int check_tls(const struct talk_params *params, const struct talk_plan *plan, struct error *err)
{
        bool has_key = params->key && *params->key, has_certificate = params->certificate && *params->certificate;
        bool asks = params->insecure || has_key || has_certificate || (params->ca && *params->ca) ||
                    (params->server_name && *params->server_name) || params->alpn.count;
        if (plan->tls && (plan->kind == TALK_UDP || plan->kind == TALK_QOTD))
                return fail(err, E_INVALID, "tls: there is none over UDP here");
        if (asks && !plan->tls)
                return fail(err, E_INVALID, "these options need tls, or an https:// address");
        if (has_key && !has_certificate)
                return fail(err, E_INVALID, "key: needs a certificate too");
        return tls_check_alpn(params->alpn.items, params->alpn.count, err);
}

int talk_plan_make(const struct talk_params *params, struct talk_plan *ret, struct error *err)
{
        char authority[TALK_AUTHORITY_MAX];
        int status = 0;
        *ret = (struct talk_plan){ .kind = (enum talk_kind)params->kind, .path = params->path ? params->path : "" };
        ret->path_size = strlen(ret->path);
        bool url = split_url(params->target, ret, authority, err, &status);
        ret->tls |= params->tls;
        if (ret->kind == TALK_HTTP)
                ret->port = ret->tls ? HTTPS_PORT : HTTP_PORT;
        else if (ret->kind == TALK_QOTD)
                ret->port = QOTD_PORT;
        if (status < 0 || endpoint_split(url ? authority : params->target, ret->host, &ret->port, err) < 0)
                return -1;
        if (!ret->port)
                return fail(err, E_INVALID, "%s needs a port: %s:PORT", talk_kinds[ret->kind], ret->host);
        bool named = params->server_name && *params->server_name;
        /* an address' zone is this host's affair, and a name's last dot is no part of it (RFC 6066, section 3) */
        const char *name = named ? params->server_name : ret->host;
        snprintf(ret->name, sizeof(ret->name), "%.*s", (int)strcspn(name, "%"), name);
        size_t size = strlen(ret->name);
        if (size > 1 && ret->name[size - 1] == '.')
                ret->name[size - 1] = '\0';
        return check_tls(params, ret, err);
}

int talk_validate(const void *given, struct error *err)
{
        const struct talk_params *params = given;
        struct talk_plan plan;
        if (talk_plan_make(params, &plan, err) < 0)
                return -1;
        for (size_t i = 0; i < plan.path_size; i++)
                if (strchr(" \r\n", plan.path[i]))
                        return fail(err, E_INVALID, "path: spaces and line ends must be written as %%20 and the like");
        return params->send ? unescape(params->send, NULL, err) : 0;
}

int talk_write_request(
        const struct talk_params *params, const struct talk_plan *plan, struct buf *out, struct error *err)
{
        if (plan->kind == TALK_HTTP) {
                bool v6 = strchr(plan->host, ':'), rooted = plan->path_size && plan->path[0] == '/';
                /* 1.0: the answer ends with the connection and is not cut into chunks */
                buf_printf(out, "GET %s%.*s HTTP/1.0\r\nHost: %s%s%s", rooted ? "" : "/", (int)plan->path_size,
                        plan->path, v6 ? "[" : "", plan->host, v6 ? "]" : "");
                if (plan->port != (plan->tls ? HTTPS_PORT : HTTP_PORT))
                        buf_printf(out, ":%u", plan->port);
                buf_puts(out, "\r\nUser-Agent: tarsier\r\nAccept: */*\r\nConnection: close\r\n\r\n");
        }
        if (params->send && unescape(params->send, out, err) < 0)
                return -1;
        for (const char *at = params->hex ? params->hex : ""; at[0] && at[1]; at += 2)
                buf_putc(out, (char)((unsigned)hex_value(at[0]) << 4 | (unsigned)hex_value(at[1])));
        return out->failed ? fail(err, E_NO_MEMORY, "no memory for what is sent") : 0;
}
