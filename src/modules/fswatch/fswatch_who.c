/* Who changed it. fanotify names the process by a pidfd (FAN_REPORT_PIDFD, Linux 5.15), so that a number which another
 * process has by now is never mistaken: what is read of /proc/PID counts only when the pidfd still has that number
 * afterwards. A process that has been reaped leaves nothing to read; one that has ended and was not yet reaped leaves
 * all but its program. */
#include "fswatch.h"

#include "base/cleanup.h"
#include "linux/container_state.h"
#include "linux/maps.h"
#include "linux/process.h"

#include <elf.h>
#include <fcntl.h>

enum {
        WHO_ARENA = 16 << 10,
        WHO_MAPS_MAX = 4096,  /* the program's own mappings come first, but for odd layouts */
        WHO_CGROUPS_MAX = 64, /* texts remembered; then all are forgotten and learnt again */
        WHO_CGROUP_TEXT_MAX = 8 << 10,
        WHO_AGAIN_S = 60, /* a container may be renamed, or its files come late */
};

/* What the cgroup text of a process tells, and the state files of the engine it names. */
struct placed {
        struct arena arena;
        struct who_container container;
        const char *unit;
        bool contained;
        int64_t until_ns;
};

struct who_reader {
        int root;
        int64_t boot_unix_ns;
        struct map cgroups; /* text: struct placed */
};

const struct field who_container_fields[WHO_CONTAINER_FIELDS] = {
        FIELD_STRING(struct who_container, engine, .help = "docker, podman, containerd, …"),
        FIELD_STRING(struct who_container, id, .help = "the engine's"),
        FIELD_STRING(struct who_container, name, .help = "where the engine's state files tell it", .omit_empty = true),
        FIELD_STRING(struct who_container, image, .help = "it was started from", .omit_empty = true),
};

struct who_reader *who_reader_new(struct error *err)
{
        struct who_reader *reader = calloc(1, sizeof(*reader));
        if (!reader)
                return fail_null(err, E_NO_MEMORY, "no memory for processes");
        reader->root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (reader->root < 0) {
                free(reader);
                return fail_errno_null(err, "/");
        }
        reader->boot_unix_ns = time_boot_unix_ns();
        map_init(&reader->cgroups, WHO_CGROUPS_MAX);
        return reader;
}

static void placed_free(struct placed *placed)
{
        if (placed)
                arena_done(&placed->arena);
        free(placed);
}

static void forget_cgroups(struct who_reader *reader)
{
        map_foreach (entry, &reader->cgroups)
                placed_free(entry->value);
        map_done(&reader->cgroups);
        map_init(&reader->cgroups, WHO_CGROUPS_MAX);
}

void who_reader_free(struct who_reader *reader)
{
        if (!reader)
                return;
        forget_cgroups(reader);
        map_done(&reader->cgroups);
        fd_close(&reader->root);
        free(reader);
}

/* Does the pidfd's process still have this number? fdinfo says so ("Pid:", pidfd_open(2)); -1 once it was reaped. */
static bool still_has(int pidfd, pid_t pid)
{
        char path[64], text[512];
        snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", pidfd);
        cleanup(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t size = fd >= 0 ? read(fd, text, sizeof(text)) : -1;
        struct sv line;
        for (struct sv rest = sv_n(text, size > 0 ? (size_t)size : 0); sv_line(&rest, &line);) {
                int64_t number;
                if (sv_starts(line, SV("Pid:")))
                        return sv_parse_i64(sv_trim(sv_n(line.p + 4, line.n - 4)), &number) && number == pid;
        }
        return false;
}

/* The link needs ptrace rights, which Landlock denies to everyone it holds; the mapping of the program's entry point
 * needs CAP_SYS_ADMIN only, on kernels that have may_access_mm (kernel/fork.c). NULL: neither. */
static const char *read_exe(const struct process *process, struct arena *arena)
{
        cleanup(arena_done) struct arena scratch;
        cleanup(buf_done) struct buf auxv, maps;
        struct process_link link;
        struct mapping mapping;
        struct sv line;
        uint64_t entry = 0;
        arena_init(&scratch, 64 << 10);
        buf_init(&auxv, 4096);
        buf_init(&maps, WHO_MAPS_MAX);
        if (process_read_link(process, PROCESS_EXE, &scratch, &link, NULL) == 0 && link.path)
                return arena_strdup(arena, link.path);
        if (process_read_file(process, "auxv", &auxv, NULL) < 0)
                return NULL;
        for (size_t at = 0; at + sizeof(Elf64_auxv_t) <= auxv.len; at += sizeof(Elf64_auxv_t)) {
                Elf64_auxv_t item;
                memcpy(&item, auxv.data + at, sizeof(item));
                if (item.a_type == AT_ENTRY)
                        entry = item.a_un.a_val;
        }
        process_read_file(process, "maps", &maps, NULL); /* too long: what fitted is there */
        for (struct sv rest = sv_n(buf_text(&maps), maps.len); entry && sv_line(&rest, &line);)
                if (maps_parse_line(line, &mapping) && mapping.start <= entry && entry < mapping.end)
                        return mapping.path.n && mapping.path.p[0] == '/'
                                       ? arena_strndup(arena, mapping.path.p, mapping.path.n)
                                       : NULL;
        return NULL;
}

/* Could a plain OCI runtime have made this group? Not where systemd named the unit, nor at the root. */
static bool may_be_plain(struct sv text, const struct container_identity *identity)
{
        struct sv line;
        if (identity->unit[0] && !sv_ends(sv_of(identity->unit), SV(".scope")))
                return false;
        while (sv_line(&text, &line))
                if (!sv_ends(line, SV(":/")))
                        return true;
        return false;
}

static void place(struct who_reader *reader, struct placed *placed, struct sv text, pid_t pid)
{
        const struct container_places places = { .root = reader->root };
        cleanup(arena_done) struct arena scratch;
        struct container_identity identity;
        struct container_state state = { 0 };
        arena_init(&scratch, CONTAINER_STATE_MEMORY);
        placed->contained = container_identify(text, &identity) && identity.id[0];
        if (placed->contained)
                container_state_find(&places, &identity, pid, &scratch, &state, NULL);
        else if (may_be_plain(text, &identity))
                placed->contained =
                        container_state_match(&places, text, &scratch, &identity, &state, NULL) == 0 && identity.id[0];
        if (identity.unit[0])
                placed->unit = arena_strdup(&placed->arena, identity.unit);
        if (!placed->contained)
                return;
        enum container_engine engine = state.engine != CONTAINER_NONE ? state.engine : identity.engine;
        placed->container = (struct who_container){
                .engine = (char *)container_engine_name(engine),
                .id = arena_strdup(&placed->arena, identity.id),
                .name = arena_strdup(&placed->arena, state.name),
                .image = arena_strdup(&placed->arena, state.image),
        };
}

static const struct placed *placed_of(struct who_reader *reader, struct sv text, pid_t pid, int64_t now_ns)
{
        struct placed *placed = map_get(&reader->cgroups, text);
        if (placed && now_ns < placed->until_ns)
                return placed;
        if (placed)
                placed_free(map_remove(&reader->cgroups, text));
        if (reader->cgroups.count == WHO_CGROUPS_MAX)
                forget_cgroups(reader);
        placed = calloc(1, sizeof(*placed));
        if (!placed)
                return NULL;
        arena_init(&placed->arena, 64 << 10);
        place(reader, placed, text, pid);
        /* a container whose files do not tell its name yet is looked up again at the next change */
        placed->until_ns =
                placed->contained && !placed->container.name ? now_ns + SECOND : now_ns + WHO_AGAIN_S * SECOND;
        if (map_put(&reader->cgroups, text, placed) == 0)
                return placed;
        placed_free(placed);
        return NULL;
}

static void read_place(struct who_reader *reader, struct who *who, const struct process *process, int64_t now_ns)
{
        cleanup(buf_done) struct buf text;
        buf_init(&text, WHO_CGROUP_TEXT_MAX);
        if (process_read_file(process, "cgroup", &text, NULL) < 0)
                return;
        const struct placed *placed = placed_of(reader, sv_n(buf_text(&text), text.len), process->pid, now_ns);
        if (!placed)
                return;
        who->unit = arena_strdup(&who->arena, placed->unit);
        who->has_container = placed->contained;
        if (placed->contained)
                who->container = (struct who_container){
                        .engine = placed->container.engine,
                        .id = arena_strdup(&who->arena, placed->container.id),
                        .name = arena_strdup(&who->arena, placed->container.name),
                        .image = arena_strdup(&who->arena, placed->container.image),
                };
}

/* Its name, when it was the parent from before to after the reading. */
static void read_parent(const struct who_reader *reader, struct who *who, const struct process *process)
{
        cleanup(process_close) struct process parent = { .dir = -1 };
        struct process_stat stat, child;
        if (who->ppid <= 0 || process_open(reader->root, (pid_t)who->ppid, &parent, NULL) < 0 ||
                process_read_stat(&parent, &stat, NULL) < 0 || process_read_stat(process, &child, NULL) < 0 ||
                child.ppid != who->ppid)
                return;
        who->parent = arena_strdup(&who->arena, stat.comm);
}

static int read_who(struct who_reader *reader, struct who *who, const struct process *process, int64_t now_ns)
{
        struct process_stat stat;
        struct process_status status;
        uint32_t login, session;
        if (process_read_stat(process, &stat, NULL) < 0 || process_read_status(process, &status, NULL) < 0)
                return -1;
        who->comm = arena_strdup(&who->arena, stat.comm);
        who->exe = (char *)read_exe(process, &who->arena);
        who->uid = status.uid[0];
        who->euid = status.uid[1];
        who->has_euid = who->uid != who->euid;
        who->has_login_uid = process_read_audit(process, &login, &session, NULL) == 0 && login != UINT32_MAX;
        who->login_uid = who->has_login_uid ? login : 0;
        who->started_ns = process_start_unix_ns(stat.start_ticks, reader->boot_unix_ns);
        who->ppid = stat.ppid;
        read_parent(reader, who, process);
        read_place(reader, who, process, now_ns);
        return who->comm ? 0 : -1;
}

struct who *who_read(struct who_reader *reader, pid_t pid, int pidfd, int64_t now_ns)
{
        cleanup(process_close) struct process process = { .dir = -1 };
        if (pid <= 0 || pidfd < 0 || process_open(reader->root, pid, &process, NULL) < 0 || !still_has(pidfd, pid))
                return NULL;
        struct who *who = calloc(1, sizeof(*who));
        if (!who)
                return NULL;
        who->references = 1;
        arena_init(&who->arena, WHO_ARENA);
        if (read_who(reader, who, &process, now_ns) == 0)
                return who;
        who_unref(who);
        return NULL;
}

struct who *who_ref(struct who *who)
{
        if (who)
                who->references++;
        return who;
}

void who_unref(struct who *who)
{
        if (!who || --who->references)
                return;
        arena_done(&who->arena);
        free(who);
}
