/* SSH keys: every type and format that ssh-keygen and openssl make, against `ssh-keygen -l`. */
#include "lib/sshkey/sshkey.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/encode.h"
#include "base/path.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/wait.h>

#include <cmocka.h>

enum { MAX_FOUND = 64 };

struct found {
        struct sshkey keys[MAX_FOUND];
        size_t count;
        struct sshkey_counts counts;
};

static int collect(const struct sshkey *key, void *cookie)
{
        struct found *found = cookie;
        assert_true(found->count < MAX_FOUND);
        found->keys[found->count++] = *key;
        return 0;
}

static void parse(struct sv text, enum sshkey_kind kind, struct found *found)
{
        found->count = 0;
        assert_int_equal(sshkey_parse(text, kind, collect, found, &found->counts), 0);
}

static bool run(struct buf *out, const char *format, ...) __attribute__((format(printf, 2, 3)));

static bool run(struct buf *out, const char *format, ...)
{
        int ends[2];
        char command[4096];
        va_list args;
        va_start(args, format);
        vsnprintf(command, sizeof(command), format, args);
        va_end(args);
        assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
        pid_t pid = fork();
        if (pid == 0) {
                dup2(ends[1], 1);
                int null = open("/dev/null", O_RDWR);
                dup2(null, 0);
                dup2(null, 2);
                execl("/bin/sh", "sh", "-c", command, (char *)NULL);
                _exit(127);
        }
        close(ends[1]);
        buf_clear(out);
        for (;;) {
                char *room = buf_reserve(out, 4096);
                assert_non_null(room);
                ssize_t got = read(ends[0], room, 4096);
                if (got <= 0)
                        break;
                out->len += (size_t)got;
        }
        close(ends[0]);
        int status;
        waitpid(pid, &status, 0);
        return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* "2048 SHA256:… comment (RSA)" of ssh-keygen -l. */
struct expected {
        unsigned bits;
        char md5[64], sha256[64], type[32];
};

static bool ask_one(const char *path, const char *hash, struct expected *ret, char *digest, size_t size)
{
        cleanup(buf_done) struct buf out;
        buf_init(&out, 1 << 16);
        struct sv rest, bits, print, word, last = SV("");
        uint64_t number;
        if (!run(&out, "ssh-keygen -l -E %s -f '%s'", hash, path))
                return false;
        rest = sv_trim(sv_n(out.data, out.len));
        if (!sv_word(&rest, &bits) || !sv_word(&rest, &print) || !sv_parse_u64(bits, 10, &number))
                return false;
        while (sv_word(&rest, &word))
                last = word;
        ret->bits = (unsigned)number;
        if (sv_starts(print, SV("MD5:")))
                print = sv_n(print.p + 4, print.n - 4);
        snprintf(digest, size, "%.*s", SV_ARG(print));
        snprintf(ret->type, sizeof(ret->type), "%.*s", (int)last.n - 2, last.p + 1);
        return true;
}

static bool ask(const char *path, struct expected *ret)
{
        return ask_one(path, "md5", ret, ret->md5, sizeof(ret->md5)) &&
               ask_one(path, "sha256", ret, ret->sha256, sizeof(ret->sha256));
}

static void check(const char *what, const struct sshkey *key, const struct expected *expected)
{
        char type[64];
        snprintf(type, sizeof(type), "%s%s", key->type, key->certificate ? "-cert" : "");
        if (!key->has_fingerprint || strcmp(key->md5, expected->md5) != 0 ||
                strcmp(key->sha256, expected->sha256) != 0 || key->bits != expected->bits ||
                strcasecmp(type, expected->type) != 0)
                fail_msg("%s: %s %u %s %s, ssh-keygen %s %u %s %s", what, type, key->bits, key->md5, key->sha256,
                        expected->type, expected->bits, expected->md5, expected->sha256);
}

/* Parses one file that must hold one key and nothing unreadable. */
static struct sshkey one_key(const char *path)
{
        cleanup(buf_done) struct buf text;
        struct found found;
        buf_init(&text, 1 << 20);
        assert_int_equal(file_read(AT_FDCWD, path, &text, NULL), 0);
        parse(sv_n(text.data, text.len), sshkey_kind_of_path(sv_of(path)), &found);
        if (found.count != 1 || found.counts.unparsable != 0)
                fail_msg("%s: %zu keys, %zu unparsable", path, found.count, found.counts.unparsable);
        assert_true(sshkey_likely(sv_n(text.data, text.len)));
        return found.keys[0];
}

struct directory {
        char path[64];
};

static int make_directory(void **state)
{
        static struct directory directory;
        snprintf(directory.path, sizeof(directory.path), "/tmp/test-sshkey-XXXXXX");
        *state = &directory;
        return mkdtemp(directory.path) ? 0 : -1;
}

static int drop_directory(void **state)
{
        struct directory *directory = *state;
        struct buf out;
        buf_init(&out, 4096);
        run(&out, "rm -rf '%s'", directory->path);
        buf_done(&out);
        return 0;
}

static const struct {
        const char *name, *flags;
        bool pem; /* ssh-keygen can write it as PEM and PKCS#8 */
} kinds[] = {
        { "rsa2048", "-t rsa -b 2048", true },
        { "rsa1031", "-t rsa -b 1031", true },
        { "dsa", "-t dsa", true },
        { "p256", "-t ecdsa -b 256", true },
        { "p384", "-t ecdsa -b 384", true },
        { "p521", "-t ecdsa -b 521", true },
        { "ed25519", "-t ed25519", false },
};

/* The private file is moved away from its .pub, since ssh-keygen would read that instead. */
static void one_format(const char *root, const char *name, const char *flags, const char *extra,
        enum sshkey_format format, bool encrypted, size_t *made)
{
        cleanup(buf_done) struct buf out;
        char path[300];
        struct expected expected;
        buf_init(&out, 1 << 16);
        snprintf(path, sizeof(path), "%s/%s", root, name);
        if (!run(&out,
                    "cd %s && rm -f k k.pub && ssh-keygen -q -C 'me@host x' -N '%s' %s %s -f k && mv k %s && mv k.pub "
                    "%s.pub",
                    root, encrypted ? "secret words" : "", flags, extra, name, name))
                return; /* a type this ssh-keygen no longer makes */
        ++*made;
        struct sshkey key = one_key(path);
        assert_int_equal(key.kind, SSHKEY_PRIVATE);
        assert_int_equal(key.format, format);
        assert_int_equal(key.encrypted, encrypted);
        snprintf(path, sizeof(path), "%s/%s.pub", root, name);
        assert_true(ask(path, &expected));
        if (key.has_fingerprint || !encrypted)
                check(name, &key, &expected);
        if (format == SSHKEY_FORMAT_OPENSSH)
                assert_string_equal(key.comment, encrypted ? "" : "me@host x");
        key = one_key(path);
        assert_int_equal(key.kind, SSHKEY_PUBLIC);
        assert_string_equal(key.comment, "me@host x");
        check(path, &key, &expected);
}

static void test_private_formats(void **state)
{
        struct directory *directory = *state;
        size_t made = 0;
        for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
                for (int encrypted = 0; encrypted < 2; encrypted++) {
                        char name[64];
                        snprintf(name, sizeof(name), "%s-%d", kinds[i].name, encrypted);
                        one_format(directory->path, name, kinds[i].flags, "", SSHKEY_FORMAT_OPENSSH, encrypted, &made);
                        if (!kinds[i].pem)
                                continue;
                        snprintf(name, sizeof(name), "%s-%d-pem", kinds[i].name, encrypted);
                        one_format(
                                directory->path, name, kinds[i].flags, "-m PEM", SSHKEY_FORMAT_PEM, encrypted, &made);
                        snprintf(name, sizeof(name), "%s-%d-pkcs8", kinds[i].name, encrypted);
                        one_format(directory->path, name, kinds[i].flags, "-m PKCS8", SSHKEY_FORMAT_PKCS8, encrypted,
                                &made);
                }
        }
        if (made == 0) {
                print_message("# skipped: needs ssh-keygen\n");
                skip();
        }
        print_message("# %zu private keys agree with ssh-keygen\n", made);
}

/* Public halves in the exchange formats, and certificates. */
static void test_public_formats(void **state)
{
        struct directory *directory = *state;
        cleanup(buf_done) struct buf out;
        buf_init(&out, 1 << 16);
        size_t made = 0;
        if (!run(&out, "cd %s && ssh-keygen -q -N '' -t ed25519 -f ca", directory->path)) {
                print_message("# skipped: needs ssh-keygen\n");
                skip();
        }
        for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
                static const char *const formats[] = { "RFC4716", "PKCS8", "PEM" };
                char path[300];
                struct expected expected;
                if (!run(&out, "cd %s && rm -f p p.pub && ssh-keygen -q -N '' -C c %s -f p", directory->path,
                            kinds[i].flags))
                        continue;
                snprintf(path, sizeof(path), "%s/p.pub", directory->path);
                assert_true(ask(path, &expected));
                for (size_t f = 0; f < 3; f++) {
                        snprintf(path, sizeof(path), "%s/exported", directory->path);
                        if (!run(&out, "cd %s && ssh-keygen -e -m %s -f p.pub > exported", directory->path, formats[f]))
                                continue;
                        struct sshkey key = one_key(path);
                        assert_int_equal(key.kind, SSHKEY_PUBLIC);
                        check(formats[f], &key, &expected);
                        made++;
                }
                assert_true(run(&out, "cd %s && ssh-keygen -q -s ca -I id -n user p.pub", directory->path));
                snprintf(path, sizeof(path), "%s/p-cert.pub", directory->path);
                assert_true(ask(path, &expected));
                struct sshkey key = one_key(path);
                assert_true(key.certificate);
                check("certificate", &key, &expected);
                made++;
        }
        print_message("# %zu exported keys and certificates agree with ssh-keygen\n", made);
}

/* What ssh-keygen does not write: Ed25519 in PKCS#8, EC keys without their public half. */
static void test_openssl(void **state)
{
        struct directory *directory = *state;
        cleanup(buf_done) struct buf out;
        buf_init(&out, 1 << 16);
        static const char *const makers[] = {
                "openssl genpkey -algorithm ed25519 -out k && openssl pkey -in k -pubout -out q",
                "openssl ecparam -name prime256v1 -genkey -out f && openssl ec -in f -no_public -out k && openssl ec "
                "-in f -pubout -out q",
                "openssl ecparam -name secp521r1 -genkey -noout -out f && openssl ec -in f -no_public -out k && "
                "openssl ec -in f -pubout -out q",
                "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -out k && openssl pkey -in k -pubout "
                "-out q",
                "openssl ecparam -name secp384r1 -genkey -out k && openssl ec -in k -pubout -out q",
        };
        size_t made = 0;
        for (size_t i = 0; i < sizeof(makers) / sizeof(makers[0]); i++) {
                char path[300];
                if (!run(&out, "cd %s && rm -f f k q && %s", directory->path, makers[i]))
                        continue;
                snprintf(path, sizeof(path), "%s/k", directory->path);
                struct sshkey key = one_key(path);
                snprintf(path, sizeof(path), "%s/q", directory->path);
                struct sshkey public_key = one_key(path);
                assert_true(key.has_fingerprint);
                assert_int_equal(key.kind, SSHKEY_PRIVATE);
                assert_int_equal(public_key.kind, SSHKEY_PUBLIC);
                assert_string_equal(key.sha256, public_key.sha256);
                made++;
        }
        if (made == 0) {
                print_message("# skipped: needs openssl\n");
                skip();
        }
        assert_int_equal(made, sizeof(makers) / sizeof(makers[0]));
}

/* --- lines made by hand --- */

static void put(struct buf *out, struct sv text)
{
        for (int shift = 24; shift >= 0; shift -= 8)
                buf_putc(out, (char)(text.n >> shift));
        buf_append(out, text.p, text.n);
}

static const char key_bytes[33] = "0123456789abcdef0123456789abcdef";

static void ed25519_line(const char *before, const char *after, struct buf *line)
{
        cleanup(buf_done) struct buf blob;
        buf_init(&blob, 4096);
        put(&blob, SV("ssh-ed25519"));
        put(&blob, sv_n(key_bytes, 32));
        buf_puts(line, before);
        buf_puts(line, "ssh-ed25519 ");
        base64_encode(blob.data, blob.len, line);
        buf_puts(line, after);
        buf_putc(line, '\n');
}

/* Security keys need a device to make; ssh-keygen reads their public halves all the same. */
static void test_security_keys(void **state)
{
        struct directory *directory = *state;
        for (int ecdsa = 0; ecdsa < 2; ecdsa++) {
                cleanup(buf_done) struct buf blob, line;
                char path[300], point[65] = { 4 };
                /* the base point of P-256 (SEC 2): ssh-keygen wants a point on the curve */
                size_t size;
                assert_true(hex_decode(SV("6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
                                          "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"),
                        (uint8_t *)point + 1, 64, &size));
                struct sv name = ecdsa ? SV("sk-ecdsa-sha2-nistp256@openssh.com") : SV("sk-ssh-ed25519@openssh.com");
                struct expected expected;
                buf_init(&blob, 4096);
                buf_init(&line, 4096);
                put(&blob, name);
                if (ecdsa)
                        put(&blob, SV("nistp256"));
                put(&blob, ecdsa ? sv_n(point, 65) : sv_n(key_bytes, 32));
                put(&blob, SV("ssh:"));
                buf_append(&line, name.p, name.n);
                buf_putc(&line, ' ');
                base64_encode(blob.data, blob.len, &line);
                buf_puts(&line, " token\n");
                snprintf(path, sizeof(path), "%s/sk.pub", directory->path);
                assert_int_equal(file_replace(AT_FDCWD, path, line.data, line.len, 0600, NULL), 0);
                struct sshkey key = one_key(path);
                assert_string_equal(key.type, ecdsa ? "ecdsa-sk" : "ed25519-sk");
                if (ask(path, &expected))
                        check("security key", &key, &expected);
        }
}

static void test_authorized_keys(void **state)
{
        (void)state;
        struct found found;
        cleanup(buf_done) struct buf text;
        buf_init(&text, 1 << 16);
        buf_puts(&text, "# comment\n\n");
        ed25519_line("", " a b  c\r", &text);
        ed25519_line("command=\"echo \\\"ssh-rsa x\\\" y\",no-pty ", "", &text);
        ed25519_line("  restrict\t", " tab\x01\xff", &text);
        buf_puts(&text, "ssh-rsa AAAA broken\nfrom=\"unfinished ssh-rsa AAAA\n1024 65537 12345 old\n");
        parse(sv_n(text.data, text.len), SSHKEY_AUTHORIZED_KEYS, &found);
        assert_int_equal(found.count, 3);
        assert_int_equal(found.counts.unparsable, 3);
        assert_string_equal(found.keys[0].comment, "a b  c");
        assert_int_equal(found.keys[0].line, 3);
        assert_int_equal(found.keys[0].kind, SSHKEY_AUTHORIZED_KEYS);
        assert_false(found.keys[0].has_options);
        assert_true(found.keys[1].has_options && found.keys[2].has_options);
        assert_string_equal(found.keys[1].comment, "");
        assert_string_equal(found.keys[2].comment, "tab??");
        assert_string_equal(found.keys[0].sha256, found.keys[2].sha256);

        buf_clear(&text);
        buf_puts(&text, "this is prose about ssh-rsa keys\nssh-rsa is a type\n");
        parse(sv_n(text.data, text.len), SSHKEY_PUBLIC, &found);
        assert_int_equal(found.count, 0);
        assert_int_equal(found.counts.unparsable, 1);
}

static void test_known_hosts(void **state)
{
        (void)state;
        struct found found;
        cleanup(buf_done) struct buf text;
        buf_init(&text, 1 << 16);
        ed25519_line("example.org,192.0.2.1 ", "", &text);
        ed25519_line("@cert-authority *.example.org ", " ca", &text);
        ed25519_line("|1|c2FsdA==|aGFzaA== ", "", &text);
        buf_puts(&text, "host only\n");
        parse(sv_n(text.data, text.len), sshkey_kind_of_path(SV("/root/.ssh/known_hosts")), &found);
        assert_int_equal(found.count, 3);
        assert_int_equal(found.counts.unparsable, 1);
        assert_int_equal(found.keys[1].kind, SSHKEY_KNOWN_HOSTS);
        assert_string_equal(found.keys[1].comment, "ca");
}

static void test_putty(void **state)
{
        (void)state;
        for (int version = 2; version <= 3; version++) {
                struct found found;
                cleanup(buf_done) struct buf text, blob, base64;
                buf_init(&text, 1 << 16);
                buf_init(&blob, 4096);
                buf_init(&base64, 4096);
                put(&blob, SV("ssh-ed25519"));
                put(&blob, sv_n(key_bytes, 32));
                base64_encode(blob.data, blob.len, &base64);
                buf_printf(&text, "PuTTY-User-Key-File-%d: ssh-ed25519\r\nEncryption: %s\r\nComment: my key\r\n",
                        version, version == 2 ? "none" : "aes256-cbc");
                buf_printf(&text, "Public-Lines: 2\r\n%.64s\r\n%s\r\n", base64.data, base64.data + 64);
                buf_puts(&text, "Private-Lines: 1\r\nAAAA\r\nPrivate-MAC: 00\r\n");
                parse(sv_n(text.data, text.len), SSHKEY_PUBLIC, &found);
                assert_int_equal(found.count, 1);
                assert_int_equal(found.counts.unparsable, 0);
                assert_int_equal(found.keys[0].kind, SSHKEY_PRIVATE);
                assert_int_equal(found.keys[0].format, SSHKEY_FORMAT_PPK);
                assert_int_equal(found.keys[0].encrypted, version == 3);
                assert_string_equal(found.keys[0].comment, "my key");
                struct found line;
                buf_clear(&text);
                ed25519_line("", "", &text);
                parse(sv_n(text.data, text.len), SSHKEY_PUBLIC, &line);
                assert_string_equal(found.keys[0].sha256, line.keys[0].sha256);
        }
}

static void test_refuses_what_is_broken(void **state)
{
        (void)state;
        struct found found;
        parse(SV(""), SSHKEY_PUBLIC, &found);
        assert_int_equal(found.count, 0);
        parse(SV("-----BEGIN RSA PRIVATE KEY-----\nAAAA\n"), SSHKEY_PUBLIC, &found); /* no end */
        assert_int_equal(found.counts.unparsable, 1);
        parse(SV("-----BEGIN RSA PRIVATE KEY-----\nMIIB\n-----END RSA PRIVATE KEY-----\n"), SSHKEY_PUBLIC, &found);
        assert_int_equal(found.count, 0);
        assert_int_equal(found.counts.unparsable, 1);
        parse(SV("-----BEGIN CERTIFICATE-----\nssh-rsa AAAA\n-----END CERTIFICATE-----\n"), SSHKEY_PUBLIC, &found);
        assert_int_equal(found.count, 0);
        assert_int_equal(found.counts.unparsable, 0); /* not a key */
        parse(SV("-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n"), SSHKEY_PUBLIC,
                &found);
        assert_int_equal(found.count, 1);
        assert_true(found.keys[0].encrypted);
        assert_false(found.keys[0].has_fingerprint);
        assert_string_equal(found.keys[0].type, "unknown");
        assert_int_equal(sshkey_kind_of_path(SV("/home/x/.ssh/authorized_keys2")), SSHKEY_AUTHORIZED_KEYS);
        assert_int_equal(sshkey_kind_of_path(SV("/home/x/.ssh/id_rsa.pub")), SSHKEY_PUBLIC);
        assert_false(sshkey_likely(SV("nothing here")));
        assert_string_equal(sshkey_kind_name(SSHKEY_AUTHORIZED_KEYS), "authorizedkeys");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_private_formats),
                cmocka_unit_test(test_public_formats),
                cmocka_unit_test(test_openssl),
                cmocka_unit_test(test_security_keys),
                cmocka_unit_test(test_authorized_keys),
                cmocka_unit_test(test_known_hosts),
                cmocka_unit_test(test_putty),
                cmocka_unit_test(test_refuses_what_is_broken),
        };
        return cmocka_run_group_tests_name("sshkey", tests, make_directory, drop_directory);
}
