/* From audit records to observations: the assembler and the translation of its events, as one object. Every event that
 * the assembler completes gives at least one observation; what has no typed form is OBSERVED_SYSCALL with its text.
 *
 *      EXEC        execve, execveat that succeeded. path: the file that was named (a script, exe then is its
 *                  interpreter), with inode, mode and owner. argv from EXECVE, else from PROCTITLE (then cut at 128
 *                  bytes). Capabilities from BPRM_FCAPS.
 *      FORK        fork, vfork, clone, clone3 that succeeded, unless clone's flags say thread. The child's pid is what
 *                  the caller got: UNRESOLVED_PID. clone3 does not tell its flags: UNRESOLVED_THREAD.
 *      EXIT        exit_group; exit with UNRESOLVED_THREAD (it ends one thread). A process that a signal ends leaves no
 *                  audit event but ANOM_ABEND.
 *      CREDENTIAL  the setuid family and capset, NAMESPACE  setns and unshare, when they succeeded
 *      MOUNT       mount, umount2, pivot_root, move_mount, fsmount …; MODULE with KERN_MODULE's name; PTRACE; BPF when
 *                  a program is loaded or unloaded
 *      FILE        system calls on files with PATH records. operation: read, write, create, delete, rename, link,
 *                  symlink, attribute, open (by openat2, when its flags are not told). Paths are made absolute with the
 *                  working directory and cleaned; what is relative to a directory's descriptor stays relative, since
 *                  audit does not tell that directory.
 *                  rename, link: path is the new name, path2 the old one.
 *      USER        LOGIN (1006), messages of user space (1100..1199, 2200..2999) and terminals. operation: the type's
 *                  name; object: what `op`, `cmd` or `unit` tell.
 *      ANOMALY     1700..1799, 2100..2199, SECCOMP, denials of AppArmor and SELinux (AVC, SELINUX_ERR, USER_AVC).
 *                  operation: the type's name; object: the device, the operation or the permissions.
 *      CONFIG      CONFIG_CHANGE, the records of auditd itself, MAC_STATUS and other changes of a security module's
 *                  policy
 *      GAP         serials that never came: unit "events", reason "sequence"
 *      SYSCALL     all else that was audited, and of the above what failed (EXEC, FORK, CREDENTIAL, NAMESPACE)
 *
 * A denial in a system call that also changes the tree (exec, fork, ids) gives both, the denial first. */
#pragma once

#include "lib/audit/assemble.h"
#include "modules/watch/source/observation.h"

struct audit_translation; /* tables of system calls and scratch memory */

struct audit_translation *audit_translation_new(struct error *err);
void audit_translation_free(struct audit_translation *translation);
void audit_observe(struct audit_translation *translation, const struct audit_event *event, enum source_kind source,
        observe_fn *observe, void *cookie);

/* --- assembler and translation together -----------------------------------------------------------------------------
 */

struct audit_decoder;

struct audit_decoder_counters {
        struct audit_assembler_counters assembler;
        uint64_t refused;   /* texts that are no audit record */
        uint64_t truncated; /* arguments, texts or events that were cut */
        uint64_t observed;  /* observations handed out, gaps too */
};

/* options may be NULL: the defaults. source is what the observations bear. */
struct audit_decoder *audit_decoder_new(
        const struct audit_assembler_options *options, enum source_kind source, struct error *err);
void audit_decoder_free(struct audit_decoder *decoder);

/* A record as netlink gives it: its type apart, the text from "audit(" on. False when it is no record. */
bool audit_decoder_feed(struct audit_decoder *decoder, uint32_t type, struct sv text, int64_t now_ns,
        observe_fn *observe, void *cookie);
/* A line of a log: `type=EXECVE msg=audit(…): …`, with or without `node=…`; types as names or numbers. The records'
 * own times are the clock, and time-outs are run by them. False when it is no record. */
bool audit_decoder_feed_line(struct audit_decoder *decoder, struct sv line, observe_fn *observe, void *cookie);
/* now_ns = INT64_MAX: hands out everything. */
void audit_decoder_tick(struct audit_decoder *decoder, int64_t now_ns, observe_fn *observe, void *cookie);

/* The time of the newest record, 0 before the first. */
int64_t audit_decoder_clock(const struct audit_decoder *decoder);
void audit_decoder_count(const struct audit_decoder *decoder, struct audit_decoder_counters *ret);
