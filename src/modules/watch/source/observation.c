/* Observations as bytes: for the second queue and for recordings. A record is a sequence of fields, each one byte of
 * its number and then a varint (LEB128; signed ones zigzag) or, for texts, a varint length and the bytes. Members with
 * their initial value are left out. Numbers are never given twice. */
#include "modules/watch/source/observation_codec.h"

enum kind { KIND_INT, KIND_I64, KIND_U32, KIND_U64, KIND_BOOL, KIND_TEXT, KIND_WORD };

struct member {
        uint8_t number;
        uint8_t kind;
        uint16_t offset;
};

#define MEMBER(number, kind, name)                                                                                     \
        {                                                                                                              \
                number, KIND_##kind, offsetof(struct observation, name)                                                \
        }
static const struct member members[] = {
        MEMBER(1, INT, type),
        MEMBER(2, INT, source),
        MEMBER(3, U32, has),
        MEMBER(4, I64, time_ns),
        MEMBER(5, U64, serial),
        MEMBER(6, BOOL, synthetic),
        MEMBER(7, BOOL, late),
        MEMBER(8, INT, pid),
        MEMBER(9, INT, tid),
        MEMBER(10, INT, ppid),
        MEMBER(11, U64, start_ns),
        MEMBER(12, INT, ns_pid),
        MEMBER(13, U64, pid_namespace),
        MEMBER(14, U64, mount_namespace),
        MEMBER(15, U32, uid),
        MEMBER(16, U32, euid),
        MEMBER(17, U32, suid),
        MEMBER(18, U32, fsuid),
        MEMBER(19, U32, gid),
        MEMBER(20, U32, egid),
        MEMBER(21, U32, sgid),
        MEMBER(22, U32, fsgid),
        MEMBER(23, U32, auid),
        MEMBER(24, U32, session),
        MEMBER(25, U64, cap_effective),
        MEMBER(26, U64, cap_permitted),
        MEMBER(27, TEXT, comm),
        MEMBER(28, TEXT, exe),
        MEMBER(29, TEXT, cwd),
        MEMBER(30, TEXT, tty),
        MEMBER(31, TEXT, argv),
        MEMBER(32, U32, argc),
        MEMBER(33, BOOL, argv_truncated),
        MEMBER(34, TEXT, cgroup),
        MEMBER(35, U64, cgroup_id),
        MEMBER(36, INT, exit_code),
        MEMBER(37, INT, exit_signal),
        MEMBER(38, BOOL, core),
        MEMBER(39, I64, user_ns),
        MEMBER(40, I64, system_ns),
        MEMBER(41, U64, max_rss),
        MEMBER(42, U64, minor_faults),
        MEMBER(43, U64, major_faults),
        MEMBER(44, U64, read_bytes),
        MEMBER(45, U64, write_bytes),
        MEMBER(46, BOOL, success),
        MEMBER(47, I64, result),
        MEMBER(48, TEXT, syscall),
        MEMBER(49, TEXT, operation),
        MEMBER(50, TEXT, key),
        MEMBER(51, TEXT, path),
        MEMBER(52, TEXT, path2),
        MEMBER(53, TEXT, object),
        MEMBER(54, U64, inode),
        MEMBER(55, U32, mode),
        MEMBER(56, U32, owner),
        MEMBER(57, INT, target_pid),
        MEMBER(58, TEXT, account),
        MEMBER(59, TEXT, address),
        MEMBER(60, TEXT, terminal),
        MEMBER(61, TEXT, hostname),
        MEMBER(62, U64, flags),
        MEMBER(63, TEXT, detail),
        MEMBER(64, U64, lost),
        MEMBER(65, WORD, unit),
        MEMBER(66, WORD, reason),
};
enum { MEMBERS = sizeof(members) / sizeof(members[0]), VARINT_MAX = 10 };

_Static_assert(sizeof(enum observation_type) == sizeof(int), "enums are ints here");

/* The words of .unit and .reason, which are static texts: as a text they travel, as one of these they arrive. */
static const char *const words[] = { "records", "events", "messages", "observations", "kernel backlog", "socket buffer",
        "ring buffer", "raw queue", "observation queue", "sequence", "rate limit", "store", "in-flight table", "queue",
        "record queue", "processes", "repair" };

static const char *word_of(struct sv text)
{
        for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
                if (sv_eq(text, sv_of(words[i])))
                        return words[i];
        return "other";
}

static char *put_varint(char *at, uint64_t value)
{
        while (value >= 0x80) {
                *at++ = (char)(value | 0x80);
                value >>= 7;
        }
        *at++ = (char)value;
        return at;
}

static uint64_t zigzag(int64_t value)
{
        return ((uint64_t)value << 1) ^ (uint64_t)(value >> 63);
}

static int64_t unzigzag(uint64_t value)
{
        return (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
}

static struct sv text_of(const char *member, int kind)
{
        struct sv text;
        const char *word;
        if (kind == KIND_TEXT) {
                memcpy(&text, member, sizeof(text));
                return text;
        }
        memcpy(&word, member, sizeof(word));
        return word ? sv_of(word) : sv_n(NULL, 0);
}

/* The member as the number that goes out; KIND_TEXT and KIND_WORD have none. */
static uint64_t number_of(const char *member, int kind)
{
        int32_t i32;
        uint32_t u32;
        int64_t i64;
        uint64_t u64;
        switch (kind) {
        case KIND_INT:
                memcpy(&i32, member, sizeof(i32));
                return zigzag(i32);
        case KIND_I64:
                memcpy(&i64, member, sizeof(i64));
                return zigzag(i64);
        case KIND_U32:
                memcpy(&u32, member, sizeof(u32));
                return u32;
        case KIND_U64:
                memcpy(&u64, member, sizeof(u64));
                return u64;
        default:
                return (unsigned char)*member;
        }
}

static const struct observation *initial(void)
{
        static struct observation zero;
        if (zero.auid != AUDIT_UNSET)
                observation_init(&zero, OBSERVED_FORK, SOURCE_AUDIT);
        return &zero;
}

size_t observation_size_max(const struct observation *observation)
{
        size_t size = MEMBERS * (1 + VARINT_MAX);
        for (size_t i = 0; i < MEMBERS; i++)
                if (members[i].kind == KIND_TEXT || members[i].kind == KIND_WORD)
                        size += text_of((const char *)observation + members[i].offset, members[i].kind).n;
        return size;
}

size_t observation_encode(const struct observation *observation, char *out)
{
        const char *base = (const char *)initial();
        char *at = out;
        for (size_t i = 0; i < MEMBERS; i++) {
                const char *member = (const char *)observation + members[i].offset;
                if (members[i].kind == KIND_TEXT || members[i].kind == KIND_WORD) {
                        struct sv text = text_of(member, members[i].kind);
                        if (text.n == 0)
                                continue;
                        *at++ = (char)members[i].number;
                        at = put_varint(at, text.n);
                        memcpy(at, text.p, text.n);
                        at += text.n;
                        continue;
                }
                uint64_t value = number_of(member, members[i].kind);
                if (value == number_of(base + members[i].offset, members[i].kind))
                        continue;
                *at++ = (char)members[i].number;
                at = put_varint(at, value);
        }
        return (size_t)(at - out);
}

static bool take_varint(struct sv *in, uint64_t *ret)
{
        uint64_t value = 0;
        for (unsigned shift = 0; shift < 64 && in->n; shift += 7) {
                unsigned char byte = (unsigned char)*in->p;
                in->p++;
                in->n--;
                value |= (uint64_t)(byte & 0x7f) << shift;
                if (!(byte & 0x80)) {
                        *ret = value;
                        return true;
                }
        }
        return false;
}

static bool store_number(char *member, int kind, uint64_t value)
{
        int64_t i64 = unzigzag(value);
        int32_t i32 = (int32_t)i64;
        uint32_t u32 = (uint32_t)value;
        switch (kind) {
        case KIND_INT:
                memcpy(member, &i32, sizeof(i32));
                return i32 == i64;
        case KIND_I64:
                memcpy(member, &i64, sizeof(i64));
                return true;
        case KIND_U32:
                memcpy(member, &u32, sizeof(u32));
                return u32 == value;
        case KIND_U64:
                memcpy(member, &value, sizeof(value));
                return true;
        default:
                *(bool *)member = value != 0;
                return value <= 1;
        }
}

int observation_decode(struct sv bytes, struct observation *ret, struct error *err)
{
        struct observation observation = *initial();
        while (bytes.n) {
                unsigned number = (unsigned char)*bytes.p;
                uint64_t value;
                bytes.p++;
                bytes.n--;
                if (number == 0 || number > MEMBERS || !take_varint(&bytes, &value))
                        return fail(err, E_PROTOCOL, "an observation with field %u cannot be read", number);
                const struct member *member = &members[number - 1];
                char *at = (char *)&observation + member->offset;
                if (member->kind != KIND_TEXT && member->kind != KIND_WORD) {
                        if (!store_number(at, member->kind, value))
                                return fail(err, E_PROTOCOL, "field %u of an observation is out of range", number);
                        continue;
                }
                if (value > bytes.n)
                        return fail(err, E_PROTOCOL, "field %u of an observation is cut", number);
                struct sv text = sv_n(bytes.p, (size_t)value);
                bytes.p += value;
                bytes.n -= (size_t)value;
                if (member->kind == KIND_TEXT) {
                        memcpy(at, &text, sizeof(text));
                } else {
                        const char *word = word_of(text);
                        memcpy(at, &word, sizeof(word));
                }
        }
        if ((unsigned)observation.type >= OBSERVATION_TYPES || (unsigned)observation.source >= SOURCES)
                return fail(err, E_PROTOCOL, "an observation of an unknown type or source");
        *ret = observation;
        return 0;
}
