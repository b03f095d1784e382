/* Pure parsers of /proc/PID/{stat,status,io,cmdline,environ}, after proc(5) and fs/proc/array.c. */
#include "linux/process.h"

/* The fields behind the comm, in the kernel's order: where each goes and whether it is signed. */
enum stat_kind { STAT_I32, STAT_U32, STAT_I64, STAT_U64 };

struct stat_field {
        size_t offset;
        enum stat_kind kind;
};

#define STAT(member, kind)                                                                                             \
        {                                                                                                              \
                offsetof(struct process_stat, member), kind                                                            \
        }

static const struct stat_field stat_fields[] = {
        STAT(ppid, STAT_I32),
        STAT(pgrp, STAT_I32),
        STAT(session, STAT_I32),
        STAT(tty_nr, STAT_I32),
        STAT(tpgid, STAT_I32),
        STAT(flags, STAT_U32),
        STAT(minflt, STAT_U64),
        STAT(cminflt, STAT_U64),
        STAT(majflt, STAT_U64),
        STAT(cmajflt, STAT_U64),
        STAT(utime, STAT_U64),
        STAT(stime, STAT_U64),
        STAT(cutime, STAT_I64),
        STAT(cstime, STAT_I64),
        STAT(priority, STAT_I64),
        STAT(nice, STAT_I64),
        STAT(num_threads, STAT_I64),
        { SIZE_MAX, STAT_I64 }, /* itrealvalue: always 0 since Linux 2.6.17 */
        STAT(start_ticks, STAT_U64),
        STAT(vsize, STAT_U64),
        STAT(rss, STAT_I64),
        STAT(rss_limit, STAT_U64),
        STAT(start_code, STAT_U64),
        STAT(end_code, STAT_U64),
        STAT(start_stack, STAT_U64),
        STAT(kstk_esp, STAT_U64),
        STAT(kstk_eip, STAT_U64),
        STAT(signal, STAT_U64),
        STAT(blocked, STAT_U64),
        STAT(sigignore, STAT_U64),
        STAT(sigcatch, STAT_U64),
        STAT(wchan, STAT_U64),
        { SIZE_MAX, STAT_U64 }, /* nswap, cnswap: not maintained */
        { SIZE_MAX, STAT_U64 },
        STAT(exit_signal, STAT_I32),
        STAT(processor, STAT_I32),
        STAT(rt_priority, STAT_U32),
        STAT(policy, STAT_U32),
        STAT(blkio_delay_ticks, STAT_U64),
        STAT(guest_time, STAT_U64),
        STAT(cguest_time, STAT_I64),
        STAT(start_data, STAT_U64),
        STAT(end_data, STAT_U64),
        STAT(start_brk, STAT_U64),
        STAT(arg_start, STAT_U64),
        STAT(arg_end, STAT_U64),
        STAT(env_start, STAT_U64),
        STAT(env_end, STAT_U64),
        STAT(exit_code, STAT_I32),
};

enum { STAT_FIELDS_LEAST = 19 /* through start_ticks: without it there is no identity */ };

static bool stat_store(struct sv word, const struct stat_field *field, struct process_stat *into)
{
        uint64_t number = 0;
        int64_t integer = 0;
        bool wide = field->kind == STAT_U64 || field->kind == STAT_U32;
        if (wide ? !sv_parse_u64(word, 10, &number) : !sv_parse_i64(word, &integer))
                return false;
        if (field->offset == SIZE_MAX)
                return true;
        char *at = (char *)into + field->offset;
        switch (field->kind) {
        case STAT_I32:
                if (integer < INT32_MIN || integer > INT32_MAX)
                        return false;
                *(int32_t *)(void *)at = (int32_t)integer;
                break;
        case STAT_U32:
                if (number > UINT32_MAX)
                        return false;
                *(uint32_t *)(void *)at = (uint32_t)number;
                break;
        case STAT_I64:
                *(int64_t *)(void *)at = integer;
                break;
        case STAT_U64:
                *(uint64_t *)(void *)at = number;
                break;
        }
        return true;
}

int process_parse_stat(struct sv text, struct process_stat *ret, struct error *err)
{
        struct process_stat stat = { 0 };
        size_t open = sv_find(text, '(');
        /* the comm may hold anything but NUL, so its end is the last parenthesis of the text */
        const char *close = text.n ? memrchr(text.p, ')', text.n) : NULL;
        uint64_t pid;
        if (open == text.n || !close || close < text.p + open || open < 2 ||
                !sv_parse_u64(sv_trim(sv_n(text.p, open)), 10, &pid) || pid > PROCESS_PID_MAX)
                return fail(err, E_CORRUPT, "stat: no pid and name");
        stat.pid = (pid_t)pid;
        size_t length = (size_t)(close - (text.p + open + 1));
        if (length >= sizeof(stat.comm))
                return fail(err, E_CORRUPT, "stat: a name of %zu bytes", length);
        memcpy(stat.comm, text.p + open + 1, length);

        struct sv rest = sv_trim(sv_n(close + 1, text.n - (size_t)(close + 1 - text.p)));
        struct sv word;
        if (!sv_word(&rest, &word) || word.n != 1)
                return fail(err, E_CORRUPT, "stat: no state");
        stat.state = word.p[0];
        size_t i = 0;
        for (; i < sizeof(stat_fields) / sizeof(*stat_fields) && sv_word(&rest, &word); i++)
                if (!stat_store(word, &stat_fields[i], &stat))
                        return fail(err, E_CORRUPT, "stat: field %zu is \"%.*s\"", i + 4, SV_ARG(word));
        if (i < STAT_FIELDS_LEAST)
                return fail(err, E_CORRUPT, "stat: only %zu fields", i + 3);
        stat.fields = (int)i + 3;
        *ret = stat;
        return 0;
}

enum status_kind { STATUS_U32, STATUS_I32, STATUS_U64, STATUS_HEX, STATUS_KIB };

struct status_row {
        const char *key;
        size_t offset;
        enum status_kind kind;
};

#define STATUS(key, member, kind)                                                                                      \
        {                                                                                                              \
                key, offsetof(struct process_status, member), kind                                                     \
        }

static const struct status_row status_rows[] = {
        STATUS("Tgid", tgid, STATUS_I32),
        STATUS("Ngid", ngid, STATUS_I32),
        STATUS("Pid", pid, STATUS_I32),
        STATUS("PPid", ppid, STATUS_I32),
        STATUS("TracerPid", tracer_pid, STATUS_I32),
        STATUS("FDSize", fd_size, STATUS_U32),
        STATUS("VmPeak", vm_peak, STATUS_KIB),
        STATUS("VmSize", vm_size, STATUS_KIB),
        STATUS("VmLck", vm_locked, STATUS_KIB),
        STATUS("VmPin", vm_pinned, STATUS_KIB),
        STATUS("VmHWM", vm_hwm, STATUS_KIB),
        STATUS("VmRSS", vm_rss, STATUS_KIB),
        STATUS("RssAnon", rss_anon, STATUS_KIB),
        STATUS("RssFile", rss_file, STATUS_KIB),
        STATUS("RssShmem", rss_shmem, STATUS_KIB),
        STATUS("VmData", vm_data, STATUS_KIB),
        STATUS("VmStk", vm_stack, STATUS_KIB),
        STATUS("VmExe", vm_exe, STATUS_KIB),
        STATUS("VmLib", vm_lib, STATUS_KIB),
        STATUS("VmPTE", vm_pte, STATUS_KIB),
        STATUS("VmSwap", vm_swap, STATUS_KIB),
        STATUS("HugetlbPages", hugetlb, STATUS_KIB),
        STATUS("Threads", threads, STATUS_U32),
        STATUS("SigPnd", sig_pending, STATUS_HEX),
        STATUS("ShdPnd", sig_pending_shared, STATUS_HEX),
        STATUS("SigBlk", sig_blocked, STATUS_HEX),
        STATUS("SigIgn", sig_ignored, STATUS_HEX),
        STATUS("SigCgt", sig_caught, STATUS_HEX),
        STATUS("CapInh", cap_inheritable, STATUS_HEX),
        STATUS("CapPrm", cap_permitted, STATUS_HEX),
        STATUS("CapEff", cap_effective, STATUS_HEX),
        STATUS("CapBnd", cap_bounding, STATUS_HEX),
        STATUS("CapAmb", cap_ambient, STATUS_HEX),
        STATUS("NoNewPrivs", no_new_privs, STATUS_I32),
        STATUS("Seccomp_filters", seccomp_filters, STATUS_U32),
        STATUS("voluntary_ctxt_switches", voluntary_switches, STATUS_U64),
        STATUS("nonvoluntary_ctxt_switches", involuntary_switches, STATUS_U64),
};

static bool status_store(struct sv value, const struct status_row *row, struct process_status *into)
{
        char *at = (char *)into + row->offset;
        uint64_t number;
        if (row->kind == STATUS_KIB) {
                if (!sv_ends(value, SV(" kB")))
                        return false;
                value = sv_trim(sv_n(value.p, value.n - 3));
        }
        if (!sv_parse_u64(value, row->kind == STATUS_HEX ? 16 : 10, &number))
                return false;
        switch (row->kind) {
        case STATUS_U32:
                if (number > UINT32_MAX)
                        return false;
                *(uint32_t *)(void *)at = (uint32_t)number;
                return true;
        case STATUS_I32:
                if (number > INT32_MAX)
                        return false;
                *(int32_t *)(void *)at = (int32_t)number;
                return true;
        case STATUS_KIB:
                if (__builtin_mul_overflow(number, UINT64_C(1024), &number))
                        return false;
                break;
        case STATUS_U64:
        case STATUS_HEX:
                break;
        }
        *(uint64_t *)(void *)at = number;
        return true;
}

/* status escapes a newline and a backslash of the name (proc_task_name), with \ooo for other control bytes. */
static void unescape_name(struct sv text, char ret[PROCESS_COMM_MAX])
{
        size_t n = 0;
        for (size_t i = 0; i < text.n && n + 1 < PROCESS_COMM_MAX; i++) {
                if (text.p[i] != '\\' || i + 1 >= text.n) {
                        ret[n++] = text.p[i];
                        continue;
                }
                uint64_t octal;
                if (i + 3 < text.n && sv_parse_u64(sv_n(text.p + i + 1, 3), 8, &octal) && octal < 256) {
                        ret[n++] = (char)octal;
                        i += 3;
                } else {
                        char c = text.p[++i];
                        ret[n++] = c == 'n' ? '\n' : c;
                }
        }
        ret[n] = '\0';
}

static bool parse_ids(struct sv value, uint32_t ret[4])
{
        struct sv word;
        for (int i = 0; i < 4; i++) {
                uint64_t number;
                if (!sv_word(&value, &word) || !sv_parse_u64(word, 10, &number) || number > UINT32_MAX)
                        return false;
                ret[i] = (uint32_t)number;
        }
        return true;
}

static bool parse_groups(struct sv value, struct process_status *into)
{
        struct sv word;
        while (sv_word(&value, &word)) {
                uint64_t number;
                if (!sv_parse_u64(word, 10, &number) || number > UINT32_MAX)
                        return false;
                if (into->groups_count < PROCESS_GROUPS_MAX)
                        into->groups[into->groups_count++] = (uint32_t)number;
                else
                        into->groups_refused++;
        }
        return true;
}

static bool parse_ns_pids(struct sv value, struct process_status *into)
{
        struct sv word;
        while (into->ns_pid_count < PROCESS_NS_DEPTH_MAX && sv_word(&value, &word)) {
                uint64_t number;
                if (!sv_parse_u64(word, 10, &number) || number > INT32_MAX)
                        return false;
                into->ns_pid[into->ns_pid_count++] = (pid_t)number;
        }
        return true;
}

static bool parse_signal_queue(struct sv value, struct process_status *into)
{
        size_t slash = sv_find(value, '/');
        return slash < value.n && sv_parse_u64(sv_n(value.p, slash), 10, &into->sig_queued) &&
               sv_parse_u64(sv_n(value.p + slash + 1, value.n - slash - 1), 10, &into->sig_queue_limit);
}

/* Rows that are no plain number. *ret_known: the key is one of these. */
static bool status_special(struct sv key, struct sv value, struct process_status *into, bool *ret_known)
{
        uint64_t number;
        *ret_known = true;
        if (sv_eq(key, SV("Name"))) {
                unescape_name(value, into->name);
                return true;
        }
        if (sv_eq(key, SV("State"))) {
                into->state = value.n ? value.p[0] : '\0';
                return value.n > 0;
        }
        if (sv_eq(key, SV("Umask")))
                return sv_parse_u64(value, 8, &number) && number <= 0777 && (into->umask = (int)number, true);
        if (sv_eq(key, SV("Uid")))
                return parse_ids(value, into->uid);
        if (sv_eq(key, SV("Gid")))
                return parse_ids(value, into->gid);
        if (sv_eq(key, SV("Groups")))
                return parse_groups(value, into);
        if (sv_eq(key, SV("NSpid")))
                return parse_ns_pids(value, into);
        if (sv_eq(key, SV("SigQ")))
                return parse_signal_queue(value, into);
        if (sv_eq(key, SV("Kthread"))) {
                into->kernel_thread = sv_eq(value, SV("1"));
                return true;
        }
        if (sv_eq(key, SV("Seccomp"))) {
                if (!sv_parse_u64(value, 10, &number) || number > PROCESS_SECCOMP_FILTER)
                        return false;
                into->seccomp = (enum process_seccomp)number;
                return true;
        }
        *ret_known = false;
        return true;
}

int process_parse_status(struct sv text, struct process_status *ret, struct error *err)
{
        struct process_status status = { .umask = -1, .no_new_privs = -1, .seccomp = PROCESS_SECCOMP_UNKNOWN };
        bool has_pid = false;
        bool has_uid = false;
        struct sv line;
        while (sv_line(&text, &line)) {
                size_t colon = sv_find(line, ':');
                if (colon == line.n)
                        return fail(err, E_CORRUPT, "status: a line without a colon");
                struct sv key = sv_n(line.p, colon);
                struct sv value = sv_n(line.p + colon + 1, line.n - colon - 1);
                if (sv_eq(key, SV("Name")) && sv_starts(value, SV("\t")))
                        value = sv_n(value.p + 1, value.n - 1); /* a name may end in a space: do not trim */
                else
                        value = sv_trim(value);
                bool known;
                bool good = status_special(key, value, &status, &known);
                for (size_t i = 0; !known && i < sizeof(status_rows) / sizeof(*status_rows); i++) {
                        if (!sv_eq(key, sv_of(status_rows[i].key)))
                                continue;
                        good = status_store(value, &status_rows[i], &status);
                        break;
                }
                if (!good)
                        return fail(err, E_CORRUPT, "status: %.*s is \"%.*s\"", SV_ARG(key), SV_ARG(value));
                has_pid |= sv_eq(key, SV("Pid"));
                has_uid |= sv_eq(key, SV("Uid"));
        }
        if (!has_pid || !has_uid)
                return fail(err, E_CORRUPT, "status: no Pid or no Uid");
        *ret = status;
        return 0;
}

int process_parse_io(struct sv text, struct process_io *ret, struct error *err)
{
        struct process_io io = { 0 };
        const struct {
                struct sv key;
                uint64_t *into;
        } rows[] = {
                { SV("rchar"), &io.read_chars },
                { SV("wchar"), &io.write_chars },
                { SV("syscr"), &io.read_syscalls },
                { SV("syscw"), &io.write_syscalls },
                { SV("read_bytes"), &io.read_bytes },
                { SV("write_bytes"), &io.write_bytes },
                { SV("cancelled_write_bytes"), &io.cancelled_write_bytes },
        };
        size_t found = 0;
        struct sv line;
        while (sv_line(&text, &line)) {
                size_t colon = sv_find(line, ':');
                for (size_t i = 0; colon < line.n && i < sizeof(rows) / sizeof(*rows); i++) {
                        if (!sv_eq(sv_n(line.p, colon), rows[i].key))
                                continue;
                        if (!sv_parse_u64(sv_trim(sv_n(line.p + colon + 1, line.n - colon - 1)), 10, rows[i].into))
                                return fail(err, E_CORRUPT, "io: \"%.*s\"", SV_ARG(line));
                        found++;
                }
        }
        if (found < 6)
                return fail(err, E_CORRUPT, "io: only %zu rows", found);
        *ret = io;
        return 0;
}

int process_parse_arguments(struct sv text, struct arena *arena, struct process_arguments *ret, struct error *err)
{
        struct process_arguments arguments = { .truncated = text.n > PROCESS_ARGUMENTS_MAX };
        if (arguments.truncated)
                text.n = PROCESS_ARGUMENTS_MAX;
        arguments.length = text.n;
        size_t count = 0;
        for (size_t i = 0; i < text.n; i++)
                count += text.p[i] == '\0';
        if (text.n && text.p[text.n - 1] != '\0')
                count++; /* a rewritten title, or one that was cut */
        arguments.raw = arena_strndup(arena, text.n ? text.p : "", text.n);
        arguments.argv = arena_array(arena, count + 1, sizeof(char *));
        if (!arguments.raw || !arguments.argv)
                return fail(err, E_NO_MEMORY, "%zu arguments do not fit the arena", count);
        for (size_t at = 0; at < text.n; at += strlen(arguments.raw + at) + 1)
                arguments.argv[arguments.argc++] = arguments.raw + at;
        *ret = arguments;
        return 0;
}

bool process_parse_namespace(struct sv link, uint64_t *ret_inode)
{
        size_t open = sv_find(link, '[');
        return open > 1 && open + 2 < link.n && link.p[open - 1] == ':' && link.p[link.n - 1] == ']' &&
               sv_parse_u64(sv_n(link.p + open + 1, link.n - open - 2), 10, ret_inode);
}
