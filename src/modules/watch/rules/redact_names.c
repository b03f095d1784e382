/* Which names say that their value is a secret, and which programs take secrets by short flags. */
#include "modules/watch/rules/redact_internal.h"

#include <ctype.h>

static char lower(char c)
{
        return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static bool is_boundary(struct sv name, size_t at)
{
        return at >= name.n || name.p[at] == '_' || name.p[at] == '-' || name.p[at] == '.';
}

/* Does `word` (lower case; '_' is any of "_", "-", ".", or nothing) stand at name[at]? Its length there, or 0. */
static size_t word_at(struct sv name, size_t at, const char *word)
{
        size_t i = at;
        for (; *word; word++) {
                if (*word == '_') {
                        i += i < name.n && is_boundary(name, i);
                        continue;
                }
                if (i >= name.n || lower(name.p[i]) != *word)
                        return 0;
                i++;
        }
        return i - at;
}

static bool one_of(struct sv part, const char *const *words)
{
        for (; *words; words++)
                if (sv_eq_nocase(part, sv_of(*words)))
                        return true;
        return false;
}

/* A last part that makes it the name of something about a secret. */
static bool is_about(struct sv name)
{
        static const char *const words[] = { "file", "path", "dir", "name", "id", "ids", "url", "uri", "type", "length",
                "len", "size", "ttl", "policy", "prompt", "stdin", "env", "fd", "store", "expiry", "expires",
                "expiration", "age", "count", "limit", "alg", "algorithm", "mode", "version", "required", "enabled",
                "disabled", "endpoint", "location", "format", "provider", "backend", "ref", "arn", "version", NULL };
        size_t start = name.n;
        while (start && !is_boundary(name, start - 1))
                start--;
        return one_of(sv_n(name.p + start, name.n - start), words);
}

/* A first part that makes it a switch. */
static bool is_switch(struct sv name)
{
        static const char *const words[] = { "no", "ask", "prompt", "with", "without", "use", "show", "has", "require",
                "enable", "disable", "print", "get", "list", "generate", "gen", "skip", "allow", "max", "min", NULL };
        size_t end = 0;
        while (!is_boundary(name, end))
                end++;
        return end < name.n && one_of(sv_n(name.p, end), words);
}

/* Do any of the words below begin with these two letters? */
static bool may_begin(char first, char second)
{
        switch (first) {
        case 'p':
                return second == 'a' || second == 'r' || second == 'w';
        case 't':
                return second == 'o';
        case 's':
                return second == 'e';
        case 'a':
                return second == 'p' || second == 'c' || second == 'u';
        case 'm':
                return second == 'a';
        case 'e':
                return second == 'n';
        default:
                return false;
        }
}

bool redact_name(struct sv name)
{
        static const struct {
                const char *word;
                bool alone;    /* a boundary must stand before it too, and nothing behind it */
                bool prefixed; /* and something before that */
        } words[] = {
                { "password", false, false },
                { "passwd", false, false },
                { "passphrase", false, false },
                { "token", false, false },
                { "secret", false, false },
                { "api_key", false, false },
                { "access_key", false, false },
                { "private_key", false, false },
                { "auth_key", false, false },
                { "account_key", false, false },
                { "master_key", false, false },
                { "encryption_key", false, false },
                { "pass", true, false },
                { "passin", true, false },
                { "passout", true, false },
                { "pwd", true, true },
                { "pw", true, true },
        };
        if (name.n < 4)
                return false;
        for (size_t at = 0; at + 2 <= name.n; at++) {
                char c = lower(name.p[at]);
                if (!may_begin(c, lower(name.p[at + 1])))
                        continue;
                for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
                        if (words[i].word[0] != c || (words[i].alone && at && !is_boundary(name, at - 1)) ||
                                (words[i].prefixed && at < 2))
                                continue;
                        size_t length = word_at(name, at, words[i].word);
                        if (!length)
                                continue;
                        size_t end = at + length;
                        while (end < name.n && isdigit((unsigned char)name.p[end]))
                                end++;
                        if (words[i].alone ? end == name.n : is_boundary(name, end))
                                return !is_about(name) && !is_switch(name);
                }
        }
        return false;
}

bool redact_header(struct sv name)
{
        static const char *const words[] = { "authorization", "proxy-authorization", "cookie", "set-cookie",
                "x-amz-security-token", "x-vault-token", NULL };
        return one_of(name, words) || redact_name(name);
}

static const struct client clients[] = {
        { "7z", NULL, "p", true, false, 0, NULL },
        { "7za", NULL, "p", true, false, 0, NULL },
        { "7zr", NULL, "p", true, false, 0, NULL },
        { "bcp", NULL, "P", true, true, 0, NULL },
        { "curl", NULL, "uU", true, true, ':', " user proxy-user " },
        { "docker", "login", "p", true, true, 0, NULL },
        { "helm", "registry", "p", true, true, 0, NULL },
        { "ipmitool", NULL, "P", true, true, 0, NULL },
        { "ldapadd", NULL, "w", true, true, 0, NULL },
        { "ldapdelete", NULL, "w", true, true, 0, NULL },
        { "ldapmodify", NULL, "w", true, true, 0, NULL },
        { "ldappasswd", NULL, "was", true, true, 0, NULL },
        { "ldapsearch", NULL, "w", true, true, 0, NULL },
        { "ldapwhoami", NULL, "w", true, true, 0, NULL },
        { "lftp", NULL, "u", true, true, ',', " user " },
        { "mariadb", NULL, "p", true, false, 0, NULL },
        { "mariadb-admin", NULL, "p", true, false, 0, NULL },
        { "mariadb-dump", NULL, "p", true, false, 0, NULL },
        { "mongo", NULL, "p", true, true, 0, NULL },
        { "mongodump", NULL, "p", true, true, 0, NULL },
        { "mongorestore", NULL, "p", true, true, 0, NULL },
        { "mongosh", NULL, "p", true, true, 0, NULL },
        { "mosquitto_pub", NULL, "P", true, true, 0, NULL },
        { "mosquitto_sub", NULL, "P", true, true, 0, NULL },
        { "mysql", NULL, "p", true, false, 0, NULL },
        { "mysqladmin", NULL, "p", true, false, 0, NULL },
        { "mysqldump", NULL, "p", true, false, 0, NULL },
        { "mysqlimport", NULL, "p", true, false, 0, NULL },
        { "mysqlshow", NULL, "p", true, false, 0, NULL },
        { "podman", "login", "p", true, true, 0, NULL },
        { "rar", NULL, "p", true, false, 0, NULL },
        { "redis-cli", NULL, "a", true, true, 0, NULL },
        { "skopeo", "login", "p", true, true, 0, NULL },
        { "smbclient", NULL, "U", true, true, '%', " user " },
        { "smbget", NULL, "U", true, true, '%', " user " },
        { "snmpget", NULL, "AX", true, true, 0, NULL },
        { "snmpwalk", NULL, "AX", true, true, 0, NULL },
        { "sqlcmd", NULL, "P", true, true, 0, NULL },
        { "sshpass", NULL, "p", true, true, 0, NULL },
        { "unrar", NULL, "p", true, false, 0, NULL },
        { "unzip", NULL, "P", true, true, 0, NULL },
        { "zip", NULL, "P", true, true, 0, NULL },
};

static struct sv base_of(struct sv program)
{
        const char *slash = memrchr(program.p, '/', program.n);
        return slash ? sv_n(slash + 1, program.n - (size_t)(slash + 1 - program.p)) : program;
}

const struct client *redact_client(struct sv program)
{
        struct sv base = base_of(program);
        for (size_t i = 0; base.n && i < sizeof(clients) / sizeof(clients[0]); i++)
                if (clients[i].name[0] == base.p[0] && sv_eq(sv_of(clients[i].name), base))
                        return &clients[i];
        return NULL;
}

static const char *const wrappers[] = { "sudo", "doas", "env", "nice", "ionice", "nohup", "timeout", "time", "setsid",
        "stdbuf", "chroot", "docker", "podman", "kubectl", "nsenter", "ssh", "xargs", "strace", "watch", "chrt", NULL };

bool redact_wrapper(struct sv program)
{
        struct sv base = base_of(program);
        for (size_t i = 0; base.n && wrappers[i]; i++)
                if (wrappers[i][0] == base.p[0] && sv_eq(sv_of(wrappers[i]), base))
                        return true;
        return false;
}

/* The first two letters as a number below REDACT_PAIRS; names have at least two. */
static unsigned pair_of(const char *name)
{
        return ((unsigned char)name[0] * 37U + (unsigned char)name[1]) % REDACT_PAIRS;
}

void redact_pairs(bool ret[REDACT_PAIRS])
{
        for (size_t i = 0; i < sizeof(clients) / sizeof(clients[0]); i++)
                ret[pair_of(clients[i].name)] = true;
        for (size_t i = 0; wrappers[i]; i++)
                ret[pair_of(wrappers[i])] = true;
}

bool redact_may_matter(const bool pairs[REDACT_PAIRS], struct sv program)
{
        struct sv base = base_of(program);
        return base.n > 1 && pairs[pair_of(base.p)];
}
