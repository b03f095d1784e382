/* sshkey: where SSH keys lie on this host, and which: type, size and fingerprints, never the key. */
#include "lib/sshkey/sshkey.h"
#include "base/cleanup.h"
#include "base/map.h"
#include "base/path.h"
#include "lib/walk/walk.h"
#include "module/run.h"

#include <fcntl.h>

enum {
        PATHS_MAX = 1000,
        DEPTH_DEFAULT = 8,
        DEPTH_MAX = 1000,
        HEAD_SIZE = 4096,    /* bytes looked at before a whole file is read */
        FILES_MAX = 1 << 17, /* files with keys that are remembered, so that overlapping paths tell them once */
};

static const char *const default_paths[] = { "/root", "/home", "/etc/ssh" };

struct sshkey_params {
        struct string_list paths;
        int64_t max_depth;
};

struct sshkey_element {
        const char *md5;
        const char *sha256;
        const char *path;
        bool encrypted;
        const char *type;
        const char *key_type;
        int64_t bits;
        const char *algorithm;
        bool certificate;
        const char *format;
        const char *comment;
        int64_t line;
};

struct sshkey_statistics {
        uint64_t examined;
        uint64_t candidates;
        uint64_t keys;
        uint64_t unparsable;
        uint64_t refused;
};

static const struct field sshkey_params_fields[] = {
        FIELD_PATHS(struct sshkey_params, paths, .option = "path", .positional = true, .max_items = PATHS_MAX,
                .help = "directories or files to search; without any /root, /home and /etc/ssh"),
        FIELD_INT(struct sshkey_params, max_depth, .json = "maxdepth", .min = 0, .max = DEPTH_MAX, .def = "8",
                .help = "deepest directory to look into, 1 is the path alone; 0 is 8"),
};

static const struct field sshkey_element_fields[] = {
        FIELD_STRING(struct sshkey_element, md5, .json = "fingerprint_md5",
                .help = "MD5 of the public key; empty where the file does not show the public half"),
        FIELD_STRING(struct sshkey_element, sha256, .json = "fingerprint_sha256",
                .help = "SHA-256 of the public key as ssh-keygen -l shows it; empty as above"),
        FIELD_PATH(struct sshkey_element, path, .help = "file that holds the key", .private_ = true),
        FIELD_BOOL(struct sshkey_element, encrypted, .help = "the key needs a passphrase"),
        FIELD_STRING(struct sshkey_element, type, .help = "private, public, authorizedkeys or knownhosts"),
        FIELD_STRING(struct sshkey_element, key_type, .json = "keytype",
                .help = "rsa, dsa, ecdsa, ed25519, ecdsa-sk, ed25519-sk or unknown"),
        FIELD_INT(struct sshkey_element, bits, .help = "size of the key", .omit_empty = true),
        FIELD_STRING(struct sshkey_element, algorithm, .help = "name in the SSH protocol", .omit_empty = true),
        FIELD_BOOL(struct sshkey_element, certificate, .help = "the key is a certificate", .omit_empty = true),
        FIELD_STRING(struct sshkey_element, format, .help = "line, rfc4716, pem, pkcs8, openssh or ppk"),
        FIELD_STRING(
                struct sshkey_element, comment, .help = "comment of the key", .omit_empty = true, .private_ = true),
        FIELD_INT(struct sshkey_element, line, .help = "line of the file where the key begins"),
};

static const struct field sshkey_statistics_fields[] = {
        FIELD_UINT(struct sshkey_statistics, examined, .help = "regular files that were opened"),
        FIELD_UINT(struct sshkey_statistics, candidates, .help = "files that were read because they look like keys"),
        FIELD_UINT(struct sshkey_statistics, keys, .help = "keys found"),
        FIELD_UINT(struct sshkey_statistics, unparsable, .help = "lines or blocks that look like a key and are none"),
        FIELD_UINT(struct sshkey_statistics, refused, .help = "keys and files beyond a limit"),
};

struct search {
        struct run *run;
        struct sshkey_statistics *statistics;
        struct map seen; /* paths of files that held keys */
        const char *path;
        struct error *err;
        bool failed;
        bool quiet_root; /* a default path that is absent is no news */
};

static int on_key(const struct sshkey *key, void *cookie)
{
        struct search *search = cookie;
        struct sshkey_element element = {
                .md5 = key->has_fingerprint ? key->md5 : "",
                .sha256 = key->has_fingerprint ? key->sha256 : "",
                .path = search->path,
                .encrypted = key->encrypted,
                .type = sshkey_kind_name(key->kind),
                .key_type = key->type,
                .bits = key->bits,
                .algorithm = key->algorithm,
                .certificate = key->certificate,
                .format = sshkey_format_name(key->format),
                .comment = key->comment,
                .line = (int64_t)key->line,
        };
        search->statistics->keys++;
        if (run_emit(search->run, "keys", &element, search->err) < 0)
                search->failed = true;
        return search->failed || run_checkpoint(search->run);
}

/* A private key may pass through this buffer: it is cleared before the memory goes back. */
static void search_text(struct search *search, struct sv text)
{
        struct sshkey_counts counts = { 0 };
        enum sshkey_kind kind = sshkey_kind_of_path(sv_of(search->path));
        sshkey_parse(text, kind, on_key, search, &counts);
        search->statistics->unparsable += counts.unparsable;
        search->statistics->refused += counts.refused;
        if (counts.unparsable > 0)
                run_error(search->run, "%s contained unparsable data", search->path);
        if (counts.keys > 0 && map_put(&search->seen, sv_of(search->path), search) < 0)
                search->statistics->refused++;
}

static int read_candidate(struct search *search, int fd, size_t size, struct error *err)
{
        char *bytes = malloc(size);
        if (!bytes)
                return fail(err, E_NO_MEMORY, "no memory for %zu bytes", size);
        size_t head = size < HEAD_SIZE ? size : HEAD_SIZE;
        size_t used = head;
        enum sshkey_kind kind = sshkey_kind_of_path(sv_of(search->path));
        ssize_t got = read_all(fd, bytes, head, err);
        /* lists of keys are read whole: they may begin with pages of comments */
        if (got > 0 && (kind != SSHKEY_PUBLIC || sshkey_likely(sv_n(bytes, (size_t)got)))) {
                search->statistics->candidates++;
                ssize_t more = read_all(fd, bytes + got, size - (size_t)got, err);
                used = size;
                if (more >= 0)
                        search_text(search, sv_n(bytes, (size_t)(got + more)));
                got = more;
        }
        run_charge_io(search->run, used);
        explicit_bzero(bytes, used);
        free(bytes);
        return got < 0 ? -1 : 0;
}

static enum walk_verdict on_file(void *cookie, const struct walk_entry *entry)
{
        struct search *search = cookie;
        struct error err;
        struct stat st;
        if (entry->target != DT_REG || map_get(&search->seen, entry->path))
                return WALK_ON;
        search->path = entry->path.p;
        cleanup(fd_close) int fd = walk_open_regular(entry->dirfd, entry->name, WALK_OPEN_FOLLOW, &st, &err);
        if (fd < 0) {
                if (err.errnum != ENOENT)
                        run_skipped(
                                search->run, entry->path.p, "%s", err.errnum ? errno_text(err.errnum) : err.message);
                return WALK_ON;
        }
        search->statistics->examined++;
        if (st.st_size > 0 && st.st_size < SSHKEY_MAX_TEXT && read_candidate(search, fd, (size_t)st.st_size, &err) < 0)
                run_skipped(search->run, entry->path.p, "%s", err.errnum ? errno_text(err.errnum) : err.message);
        return search->failed || run_checkpoint(search->run) ? WALK_STOP : WALK_ON;
}

static enum walk_verdict on_error(void *cookie, struct sv path, enum walk_stage stage, int errnum)
{
        struct search *search = cookie;
        bool dangling = stage == WALK_STAGE_FOLLOW || errnum == ENOENT;
        if (!dangling || (!search->quiet_root && stage == WALK_STAGE_STAT))
                run_skipped(search->run, path.p, "%s", errno_text(errnum));
        return WALK_ON;
}

static bool checkpoint(void *cookie)
{
        return run_checkpoint(((struct search *)cookie)->run);
}

static int sshkey_run(struct run *run, struct error *err)
{
        const struct sshkey_params *params = run->params;
        struct search search = { .run = run, .statistics = run_statistics(run), .err = err };
        bool defaults = params->paths.count == 0;
        size_t count = defaults ? sizeof(default_paths) / sizeof(default_paths[0]) : params->paths.count;
        struct walk_options options = {
                .max_depth = params->max_depth ? (unsigned)params->max_depth : DEPTH_DEFAULT,
                .follow_files = true,
                .on_file = on_file,
                .on_error = on_error,
                .checkpoint = checkpoint,
                .cookie = &search,
        };
        if (run_declare(run, NULL, "keys", false, err) < 0)
                return -1;
        map_init(&search.seen, FILES_MAX);
        search.quiet_root = defaults;
        int status = 0;
        for (size_t i = 0; i < count && status == 0 && !run_stopped(run); i++)
                status = walk_tree(AT_FDCWD, defaults ? default_paths[i] : params->paths.items[i], &options, NULL, err);
        map_done(&search.seen);
        return search.failed ? -1 : status;
}

static const struct module_example sshkey_examples[] = {
        { "sshkey", "the keys below /root, /home and /etc/ssh" },
        { "sshkey --path /srv --maxdepth 20 --fields path,type,keytype,bits,encrypted",
                "every key below /srv, and which need no passphrase" },
        { 0 },
};

const struct module sshkey_module = {
        .name = "sshkey",
        .summary = "find SSH keys and tell their types and fingerprints",
        .description =
                "Private keys (OpenSSH, PEM, PKCS#8, PuTTY), public keys, authorized_keys and known_hosts of every "
                "type that OpenSSH knows. Keys themselves never leave the worker.",
        .since = "0.1.0",
        .params = RECORD(struct sshkey_params, sshkey_params_fields),
        .element = RECORD(struct sshkey_element, sshkey_element_fields),
        .shape = SHAPE_MAP_OF_LISTS,
        .statistics = RECORD(struct sshkey_statistics, sshkey_statistics_fields),
        .sandbox = { .read_all = true },
        .limits = { .memory = 64 * MIB, .result = 64 * MIB },
        .errors_private = true,
        .examples = sshkey_examples,
        .run = sshkey_run,
};
