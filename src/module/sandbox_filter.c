/* The seccomp layer. The program is written here and not by libseccomp: a binary search over the system call number,
 * then at most a few comparisons of one argument. Building it costs some microseconds; seccomp_rule_add for as many
 * calls needs a quarter of a millisecond, and seccomp_load more, of the one that a whole start may take [measured]. */
#include "module/sandbox_internal.h"
#include "module/sandbox_syscalls.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#define X32_BIT 0x40000000u
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#else
#error "the sandbox knows the system calls of x86-64 and arm64"
#endif

#define NAMESPACE_FLAGS                                                                                                \
        (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET)

enum { NUMBERS_MAX = 512 }; /* system call numbers looked at; the rest is refused */

/* A jump to an argument check, aimed once that stands. */
struct leaf {
        unsigned at;
        enum verdict verdict;
};

struct program {
        struct sock_filter *code;
        unsigned length;
        bool failed;
        struct leaf leaves[NUMBERS_MAX + 1];
        unsigned leaves_count;
};

struct range {
        unsigned first;
        enum verdict verdict;
};

static void emit(struct program *program, uint16_t code, uint8_t jt, uint8_t jf, uint32_t k)
{
        if (program->length == SANDBOX_FILTER_MAX) {
                program->failed = true;
                return;
        }
        program->code[program->length++] = (struct sock_filter){ code, jt, jf, k };
}

static void emit_return(struct program *program, uint32_t action)
{
        emit(program, BPF_RET | BPF_K, 0, 0, action);
}

/* The low half of an argument: every one that is looked at is 32 bits wide in the kernel. */
static void emit_load_argument(struct program *program, unsigned index)
{
        emit(program, BPF_LD | BPF_W | BPF_ABS, 0, 0, (uint32_t)(offsetof(struct seccomp_data, args) + 8 * index));
}

static const uint32_t refuse = SECCOMP_RET_ERRNO | EPERM;

/* Goes on when the argument is one of the values, else refuses. */
static void emit_require(struct program *program, unsigned argument, const uint32_t *values, unsigned count)
{
        emit_load_argument(program, argument);
        for (unsigned i = 0; i < count; i++)
                emit(program, BPF_JMP | BPF_JEQ | BPF_K, (uint8_t)(count - i), 0, values[i]);
        emit_return(program, refuse);
}

/* Refuses when the argument has one of the bits, else goes on. */
static void emit_forbid_bits(struct program *program, unsigned argument, uint32_t bits)
{
        emit_load_argument(program, argument);
        emit(program, BPF_JMP | BPF_JSET | BPF_K, 0, 1, bits);
        emit_return(program, refuse);
}

static void emit_socket_check(struct program *program, const struct sandbox *sandbox)
{
        uint32_t families[8];
        unsigned count = 0;
        if (sandbox->network) {
                families[count++] = AF_INET;
                families[count++] = AF_INET6;
        }
        if (sandbox->netlink)
                families[count++] = AF_NETLINK;
        if (sandbox->unix_sockets)
                families[count++] = AF_UNIX;
        if (sandbox->packet)
                families[count++] = AF_PACKET;
        emit_require(program, 0, families, count);
}

static void emit_check(struct program *program, const struct sandbox *sandbox, enum verdict verdict)
{
        static const uint32_t prctl_options[] = { PR_SET_NAME, PR_GET_NAME, PR_SET_VMA, PR_SET_PDEATHSIG,
                PR_GET_PDEATHSIG, PR_GET_DUMPABLE, PR_SET_DUMPABLE, PR_CAPBSET_READ, PR_SET_NO_NEW_PRIVS,
                PR_GET_NO_NEW_PRIVS, PR_GET_SECCOMP, PR_CAP_AMBIENT, PR_SET_TIMERSLACK, PR_GET_TIMERSLACK };
        static const uint32_t unix_only[] = { AF_UNIX }, whose_process[] = { 0, 1 }; /* PRIO_, IOPRIO_WHO_PROCESS */
        static const uint32_t write_flags = O_WRONLY | O_RDWR | O_CREAT | O_TRUNC;
        const uint32_t self[] = { 0, (uint32_t)getpid() };

        switch (verdict) {
        case CHECK_SOCKET:
                emit_socket_check(program, sandbox);
                break;
        case CHECK_SOCKETPAIR:
                emit_require(program, 0, unix_only, 1);
                break;
        case CHECK_OPEN:
                emit_forbid_bits(program, 1, write_flags);
                break;
        case CHECK_OPENAT:
                emit_forbid_bits(program, 2, write_flags);
                break;
        case CHECK_CLONE:
                emit_forbid_bits(program, 0, NAMESPACE_FLAGS);
                if (sandbox->exec)
                        break;
                emit(program, BPF_JMP | BPF_JSET | BPF_K, 1, 0, CLONE_THREAD);
                emit_return(program, refuse);
                break;
        case CHECK_PRCTL:
                emit_require(program, 0, prctl_options, sizeof(prctl_options) / sizeof(prctl_options[0]));
                break;
        case CHECK_IOCTL: /* what would type into, or take over, a terminal */
                emit_load_argument(program, 1);
                emit(program, BPF_JMP | BPF_JEQ | BPF_K, 2, 0, TIOCSTI);
                emit(program, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, TIOCLINUX);
                emit(program, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, TIOCSETD);
                emit_return(program, refuse);
                break;
        case CHECK_FIRST_IS_SELF:
                emit_require(program, 0, self, 2);
                break;
        case CHECK_PRIORITY:
                emit_require(program, 0, whose_process, 2);
                emit_require(program, 1, self, 2);
                break;
        default:
                break;
        }
        emit_return(program, SECCOMP_RET_ALLOW);
}

static void emit_leaf(struct program *program, enum verdict verdict)
{
        switch (verdict) {
        case ALLOW:
                emit_return(program, SECCOMP_RET_ALLOW);
                return;
        case REFUSE:
                emit_return(program, refuse);
                return;
        case ABSENT:
                emit_return(program, SECCOMP_RET_ERRNO | ENOSYS);
                return;
        case KILL:
                emit_return(program, SECCOMP_RET_KILL_PROCESS);
                return;
        default:
                program->leaves[program->leaves_count++] = (struct leaf){ program->length, verdict };
                emit(program, BPF_JMP | BPF_JA, 0, 0, 0);
        }
}

/* A balanced tree over ranges[first, end): one comparison a level. The depth is the logarithm of NUMBERS_MAX. A tree
 * of n ranges takes 2n - 1 instructions while no jump inside exceeds the 255 that a conditional one reaches. */
static void emit_tree(struct program *program, const struct range *ranges, unsigned first, unsigned end)
{
        if (end - first == 1) {
                emit_leaf(program, ranges[first].verdict);
                return;
        }
        unsigned middle = first + (end - first) / 2;
        unsigned lower = 2 * (middle - first) - 1;
        if (lower <= UINT8_MAX) {
                emit(program, BPF_JMP | BPF_JGE | BPF_K, (uint8_t)lower, 0, ranges[middle].first);
                emit_tree(program, ranges, first, middle);
        } else {
                emit(program, BPF_JMP | BPF_JGE | BPF_K, 0, 1, ranges[middle].first);
                unsigned jump = program->length;
                emit(program, BPF_JMP | BPF_JA, 0, 0, 0);
                emit_tree(program, ranges, first, middle);
                if (!program->failed)
                        program->code[jump].k = program->length - jump - 1;
        }
        emit_tree(program, ranges, middle, end);
}

static void emit_checks(struct program *program, const struct sandbox *sandbox)
{
        for (enum verdict verdict = CHECK_SOCKET; verdict < VERDICTS; verdict++) {
                bool used = false;
                for (unsigned i = 0; i < program->leaves_count && !program->failed; i++) {
                        const struct leaf *leaf = &program->leaves[i];
                        if (leaf->verdict == verdict) {
                                program->code[leaf->at].k = program->length - leaf->at - 1;
                                used = true;
                        }
                }
                if (used)
                        emit_check(program, sandbox, verdict);
        }
}

static unsigned collect_ranges(const struct sandbox *sandbox, struct range *ranges)
{
        uint8_t verdicts[NUMBERS_MAX] = { REFUSE };
        sandbox_fill_verdicts(sandbox, verdicts, NUMBERS_MAX);
        unsigned count = 0;
        for (unsigned number = 0; number < NUMBERS_MAX; number++)
                if (count == 0 || ranges[count - 1].verdict != verdicts[number])
                        ranges[count++] = (struct range){ number, verdicts[number] };
        if (ranges[count - 1].verdict != ABSENT) /* calls newer than this program: as on an older kernel */
                ranges[count++] = (struct range){ NUMBERS_MAX, ABSENT };
        return count;
}

int sandbox_build_filter(const struct sandbox *sandbox, struct sock_filter *ret_filter, struct error *err)
{
        struct range ranges[NUMBERS_MAX + 1];
        struct program program = { .code = ret_filter };
        unsigned count = collect_ranges(sandbox, ranges);

        emit(&program, BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(struct seccomp_data, arch));
        emit(&program, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, ARCHITECTURE);
        emit_return(&program, SECCOMP_RET_KILL_PROCESS);
        emit(&program, BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(struct seccomp_data, nr));
#ifdef X32_BIT
        emit(&program, BPF_JMP | BPF_JGE | BPF_K, 0, 1, X32_BIT);
        emit_return(&program, SECCOMP_RET_KILL_PROCESS);
#endif
        emit_tree(&program, ranges, 0, count);
        emit_checks(&program, sandbox);
        if (program.failed)
                return fail(
                        err, E_TOO_LARGE, "sandbox: the seccomp program exceeds %d instructions", SANDBOX_FILTER_MAX);
        return (int)program.length;
}

int sandbox_load_filter(const struct sandbox *sandbox, struct sandbox_report *report, struct error *err)
{
        struct sock_filter code[SANDBOX_FILTER_MAX];
        int length = sandbox_build_filter(sandbox, code, err);
        if (length < 0)
                return -1;
        struct sock_fprog program = { (unsigned short)length, code };
        if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_LOG, &program) == 0) {
                report->active[SANDBOX_SECCOMP] = true;
                return 0;
        }
        if (errno == ENOSYS || errno == EINVAL) { /* a kernel without it, or without the flag */
                if (errno == EINVAL && syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0) {
                        report->active[SANDBOX_SECCOMP] = true;
                        sandbox_miss(report, "seccomp: refusals are not logged");
                        return 0;
                }
                sandbox_miss(report, "seccomp: %s", errno_text(errno));
                return 0;
        }
        return fail_errno(err, "sandbox: seccomp");
}
