#include "agent/authority.h"

#include "base/cleanup.h"
#include "base/encode.h"
#include "base/log.h"
#include "base/path.h"
#include "lib/digest/digest.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>

enum { TOKEN_BYTES = 32, HEX_SIZE = 64, TOKEN_TEXT_MAX = 1024 };

struct authority {
        char admin[HEX_SIZE + 1]; /* SHA-256 of the token file's token; "" = none */
};

static void hash_token(struct sv token, char ret[HEX_SIZE + 1])
{
        struct digest digest;
        char hex[DIGEST_HEX_MAX];
        digest_init(&digest, DIGEST_BIT(DIGEST_SHA256));
        digest_update(&digest, token.p, token.n);
        digest_finish_hex(&digest, DIGEST_SHA256, false, hex);
        snprintf(ret, HEX_SIZE + 1, "%.64s", hex);
}

static int make_token(const char *path, struct buf *out, struct error *err)
{
        unsigned char bytes[TOKEN_BYTES];
        if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
                return fail_errno(err, "getrandom");
        base64_encode(bytes, sizeof(bytes), out);
        explicit_bzero(bytes, sizeof(bytes));
        while (out->len && out->data[out->len - 1] == '=')
                out->data[--out->len] = '\0';
        for (size_t i = 0; i < out->len; i++) /* base64url, RFC 4648 section 5: it travels in headers and URLs */
                out->data[i] = out->data[i] == '+' ? '-' : out->data[i] == '/' ? '_' : out->data[i];
        buf_putc(out, '\n');
        if (file_replace(AT_FDCWD, path, out->data, out->len, 0600, err) < 0)
                return -1;
        log_notice("no token is configured: %s holds one for the role admin", path);
        return 0;
}

struct authority *authority_new(struct agent *agent, struct error *err)
{
        char path[AGENT_PATH_MAX];
        struct error why;
        struct authority *authority = calloc(1, sizeof(*authority));
        if (!authority)
                return fail_null(err, E_NO_MEMORY, "no memory for tokens");
        if (agent->config->tokens.count)
                return authority;
        cleanup(buf_done) struct buf text;
        buf_init(&text, TOKEN_TEXT_MAX);
        snprintf(path, sizeof(path), "%.4000s/admin.token", agent->state);
        if (file_read(AT_FDCWD, path, &text, &why) < 0) {
                buf_clear(&text);
                if (why.code != E_NOT_FOUND || make_token(path, &text, &why) < 0) {
                        *err = why;
                        free(authority);
                        return NULL;
                }
        }
        struct sv token = sv_trim(sv_n(buf_text(&text), text.len));
        if (token.n >= 16)
                hash_token(token, authority->admin);
        else
                log_warning("%s holds no token; remove the file to get a new one", path);
        explicit_bzero(text.data, text.len);
        return authority;
}

void authority_free(struct authority *authority)
{
        free(authority);
}

/* Without an early end, so that time tells nothing about how much agrees. */
static bool same_hash(const char *left, const char *right)
{
        unsigned char difference = strlen(right) != HEX_SIZE;
        for (size_t i = 0; i < HEX_SIZE && right[i]; i++)
                difference |= (unsigned char)(left[i] ^ (right[i] | (right[i] >= 'A' && right[i] <= 'F' ? 0x20 : 0)));
        return difference == 0;
}

int authority_of_token(struct agent *agent, const char *token, struct caller *ret, struct error *err)
{
        char hash[HEX_SIZE + 1];
        if (strlen(token) > TOKEN_TEXT_MAX)
                return fail(err, E_UNAUTHENTICATED, "the token is not known here");
        hash_token(sv_of(token), hash);
        *ret = (struct caller){ .remote = true };
        if (agent->authority->admin[0] && same_hash(hash, agent->authority->admin)) {
                ret->role = ROLE_ADMIN;
                snprintf(ret->identity, sizeof(ret->identity), "token admin.token");
                return 0;
        }
        list_foreach (known, &agent->config->tokens) {
                if (!same_hash(hash, known->sha256))
                        continue;
                ret->role = (enum role)(known->role + 1);
                ret->granted = &known->modules;
                snprintf(ret->identity, sizeof(ret->identity), "token %s", known->name);
                return 0;
        }
        return fail(err, E_UNAUTHENTICATED, "the token is not known here");
}

static enum role local_role(const struct agent *agent, uid_t uid, const char *name)
{
        char number[16];
        enum role role = ROLE_NONE;
        if (uid == 0 || uid == geteuid())
                return ROLE_ADMIN;
        snprintf(number, sizeof(number), "%u", uid);
        for (size_t i = 0; i < agent->config->local_roles.count; i++) {
                const char *key = agent->config->local_roles.keys[i];
                if (strcmp(key, name) == 0 || strcmp(key, number) == 0)
                        return config_role(agent->config->local_roles.items[i]);
                if (strcmp(key, "*") == 0)
                        role = config_role(agent->config->local_roles.items[i]);
        }
        return role;
}

static void be_local(const struct agent *agent, uid_t uid, struct caller *ret)
{
        /* names come from /etc/passwd alone: a lookup over the network must not hold the agent up */
        const struct passwd *user = NULL;
        cleanup(fclose) FILE *file = fopen("/etc/passwd", "re");
        while (file && (user = fgetpwent(file)) && user->pw_uid != uid)
                continue;
        const char *name = user ? user->pw_name : "?";
        *ret = (struct caller){ .role = local_role(agent, uid, name) };
        snprintf(ret->identity, sizeof(ret->identity), "uid %u (%.64s)", uid, name);
}

int authority_of_connection(struct agent *agent, int fd, const char *accepted, struct caller *ret, struct error *err)
{
        struct sockaddr_un at = { 0 };
        socklen_t size = sizeof(at);
        struct ucred peer;
        if (getsockname(fd, (struct sockaddr *)&at, &size) < 0)
                return fail_errno(err, "the connection");
        if (at.sun_family != AF_UNIX)
                return fail(err, E_UNAUTHENTICATED, "a token is needed over TCP");
        if (accepted && strncmp(at.sun_path, accepted, sizeof(at.sun_path)) != 0)
                return fail(err, E_UNAUTHENTICATED, "the connection did not come through %s", accepted);
        size = sizeof(peer);
        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
                return fail_errno(err, "SO_PEERCRED");
        be_local(agent, peer.uid, ret);
        return 0;
}

static int be_token(struct agent *agent, const char *name, struct caller *ret, struct error *err)
{
        *ret = (struct caller){ .remote = true };
        snprintf(ret->identity, sizeof(ret->identity), "token %.100s", name);
        if (agent->authority->admin[0] && strcmp(name, "admin.token") == 0) {
                ret->role = ROLE_ADMIN;
                return 0;
        }
        list_foreach (known, &agent->config->tokens) {
                if (strcmp(known->name, name) != 0)
                        continue;
                ret->role = (enum role)(known->role + 1);
                ret->granted = &known->modules;
                return 0;
        }
        return fail(err, E_PERMISSION, "token %.100s is not known any more", name);
}

int authority_of_identity(struct agent *agent, const char *identity, struct caller *ret, struct error *err)
{
        uint64_t uid;
        struct sv rest = sv_of(identity), number;
        if (sv_starts(rest, SV("token ")))
                return be_token(agent, identity + 6, ret, err);
        if (!sv_starts(rest, SV("uid ")))
                return fail(err, E_PERMISSION, "nobody knows who \"%.100s\" was", identity);
        rest = sv_n(rest.p + 4, rest.n - 4);
        if (!sv_split(&rest, ' ', &number) || !sv_parse_u64(number, 10, &uid) || uid > UINT32_MAX - 1)
                return fail(err, E_PERMISSION, "nobody knows who \"%.100s\" was", identity);
        be_local(agent, (uid_t)uid, ret);
        return 0;
}

int authority_check(const struct caller *caller, enum role needed, struct error *err)
{
        if (caller->role >= needed)
                return 0;
        return fail(err, E_PERMISSION, "%s has the role %s; this needs %s", caller->identity,
                config_role_name(caller->role), config_role_name(needed));
}

int authority_check_module(const struct caller *caller, const struct module *module, struct error *err)
{
        if (authority_check(caller, module_role(module), err) < 0)
                return -1;
        if (!module->local_only || !caller->remote)
                return 0;
        for (size_t i = 0; caller->granted && i < caller->granted->count; i++)
                if (strcmp(caller->granted->items[i], module->name) == 0)
                        return 0;
        return fail(err, E_PERMISSION,
                "module %s shows contents of this host; it is run here, or with a token that names it", module->name);
}
