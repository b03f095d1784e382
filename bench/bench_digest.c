/* bench_digest [MiB]: CPU of our digests beside coreutils' programs over the same file in the page cache, same run.
 * The least of several rounds counts; the file lies in TMPDIR and is removed at the end. */
#include "lib/digest/digest.h"

#include <err.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define ROUNDS 4
#define BUFFER ((size_t)128 * 1024)

static double cpu_seconds(const struct rusage *usage)
{
        return (double)(usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) +
               (double)(usage->ru_utime.tv_usec + usage->ru_stime.tv_usec) / 1e6;
}

static void ours(const char *path, unsigned set, size_t buffer_size)
{
        static char buffer[(size_t)1024 * 1024];
        struct error error = { 0 };
        struct digest digest;
        int fd = open(path, O_RDONLY | O_CLOEXEC);

        digest_init(&digest, set);
        if (buffer_size == 0) {
                struct stat stat;

                if (fstat(fd, &stat) < 0)
                        err(1, "fstat");
                void *map = mmap(NULL, (size_t)stat.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);

                if (map == MAP_FAILED)
                        err(1, "mmap");
                digest_update(&digest, map, (size_t)stat.st_size);
        } else if (digest_update_fd(&digest, fd, buffer, buffer_size, UINT64_MAX, &error) < 0) {
                errx(1, "%s", error.message);
        }
        for (int kind = 0; kind < DIGEST_KINDS; kind++) {
                char hex[DIGEST_HEX_MAX];

                if (set & DIGEST_BIT(kind))
                        digest_finish_hex(&digest, (enum digest_kind)kind, false, hex);
        }
        close(fd);
}

static double measure(const char *path, const char *program, unsigned set, size_t buffer_size)
{
        double best = 1e9;

        for (int round = 0; round < ROUNDS; round++) {
                struct rusage usage;
                pid_t pid = fork();

                if (pid == 0 && program) {
                        int fd = open("/dev/null", O_WRONLY);

                        dup2(fd, STDOUT_FILENO);
                        execlp(program, program, path, (char *)NULL);
                        _exit(127);
                }
                if (pid == 0) {
                        ours(path, set, buffer_size);
                        _exit(0);
                }
                if (pid < 0 || wait4(pid, NULL, 0, &usage) < 0)
                        err(1, "fork");
                if (cpu_seconds(&usage) < best)
                        best = cpu_seconds(&usage);
        }
        return best;
}

static void make_file(const char *path, size_t mebibytes)
{
        static unsigned char block[1024 * 1024];
        int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        uint64_t state = 88172645463325252;

        if (fd < 0)
                err(1, "%s", path);
        for (size_t i = 0; i < mebibytes; i++) {
                for (size_t at = 0; at < sizeof(block); at += sizeof(state)) {
                        state ^= state << 13;
                        state ^= state >> 7;
                        state ^= state << 17;
                        memcpy(block + at, &state, sizeof(state));
                }
                if (write(fd, block, sizeof(block)) != sizeof(block))
                        err(1, "write");
        }
        close(fd);
}

int main(int argc, char **argv)
{
        static const struct {
                const char *program;
                enum digest_kind kind;
        } peers[] = { { "md5sum", DIGEST_MD5 }, { "sha1sum", DIGEST_SHA1 }, { "sha256sum", DIGEST_SHA256 },
                { "sha512sum", DIGEST_SHA512 } };
        static const size_t sizes[] = { 32, 64, 128, 256, 1024 };
        size_t mebibytes = argc > 1 ? strtoul(argv[1], NULL, 10) : 256;
        const char *tmp = getenv("TMPDIR");
        char path[4096];
        double sum = 0;

        snprintf(path, sizeof(path), "%s/bench_digest.%d", tmp ? tmp : "/tmp", (int)getpid());
        make_file(path, mebibytes);
        for (size_t i = 0; i < sizeof(peers) / sizeof(*peers); i++) {
                double theirs = measure(path, peers[i].program, 0, 0);
                double mine = measure(path, NULL, DIGEST_BIT(peers[i].kind), BUFFER);

                sum += mine;
                printf("%-9s %6.0f MiB a CPU second, %s %6.0f: %.2f x\n", digest_name(peers[i].kind),
                        (double)mebibytes / mine, peers[i].program, (double)mebibytes / theirs, theirs / mine);
        }
        for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
                printf("sha256, %4zu KiB reads: %6.0f MiB a CPU second\n", sizes[i],
                        (double)mebibytes / measure(path, NULL, DIGEST_BIT(DIGEST_SHA256), sizes[i] * 1024));
        printf("sha256, mmap          : %6.0f MiB a CPU second\n",
                (double)mebibytes / measure(path, NULL, DIGEST_BIT(DIGEST_SHA256), 0));
        printf("reading alone         : %6.0f MiB a CPU second\n", (double)mebibytes / measure(path, NULL, 0, BUFFER));
        printf("sha3-256              : %6.0f MiB a CPU second\n",
                (double)mebibytes / measure(path, NULL, DIGEST_BIT(DIGEST_SHA3_256), BUFFER));
        printf("four kinds in one pass: %.2f of the CPU of four passes\n",
                measure(path, NULL,
                        DIGEST_BIT(DIGEST_MD5) | DIGEST_BIT(DIGEST_SHA1) | DIGEST_BIT(DIGEST_SHA256) |
                                DIGEST_BIT(DIGEST_SHA512),
                        BUFFER) /
                        sum);
        unlink(path);
        return 0;
}
