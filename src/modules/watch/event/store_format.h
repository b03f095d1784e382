/* How events lie on disk, shared by the writer (store.c), the one that packs (store_pack.c) and the reader (scan.c).
 *
 * A store is a directory (0700) of files (0600), numbered in the order in which they were begun:
 *
 *      events-NNNNNNNNNN.tail  what is being written: file head, then one record an event, as it comes
 *      events-NNNNNNNNNN.pack  the same events packed in blocks, and then never changed again
 *      events-NNNNNNNNNN.new   a pack that is not ready yet; of no meaning to a reader
 *      lock                    held by the one writer (flock)
 *
 * Every record has the frame of lib/segment (length, CRC-32C). The first four bytes of each tell its kind:
 *
 *      FILE    struct store_file_head: format, first id; in a pack also what it holds in all
 *      EVENT   struct event_head, then the event's JSON of head.size bytes (tails only)
 *      CLOSED  the writer ended in order; more may follow (tails only)
 *      BLOCK   struct store_block, then the event heads of the block, zstd (packs only)
 *      TEXTS   the JSON of those events, one behind the other, zstd; directly behind its BLOCK
 *
 * So a query that the fixed heads can decide reads no JSON, one that the summary of a block can decide unpacks nothing,
 * and one that the file head can decide reads nothing else of a file. A number of one kind is always larger in a later
 * file: ids rise through the store. Numbers are as the machine has them (little endian everywhere we run); the magic
 * tells a store of another machine. */
#pragma once

#include "base/error.h"
#include "base/sv.h"
#include "modules/watch/event/event.h"

enum {
        STORE_VERSION = 1,
        STORE_FILES_MAX = 1 << 16,
        STORE_NAME_MAX = 32,
        STORE_EVENT_MAX = 512 << 10,  /* bytes of one event's JSON */
        STORE_BLOCK_TEXT = 128 << 10, /* JSON of a block, unless one event has more */
        STORE_BLOCK_EVENTS = 4096,
        STORE_BLOOM_WORDS = 16,
        STORE_TAIL_MAX = 1 << 30, /* bytes of one tail that are ever read */
};

#define STORE_MAGIC UINT32_C(0x54455654) /* "TVET" */
#define STORE_ID_MAX (UINT64_C(1) << 62) /* ids are 1 to here */

enum store_kind { STORE_FILE = 1, STORE_EVENT = 2, STORE_CLOSED = 3, STORE_BLOCK = 4, STORE_TEXTS = 5 };

/* What can be asked of an event without its JSON. Texts stand as hashes: unequal hashes are unequal texts. */
struct event_head {
        int64_t time_ns;
        uint64_t id;
        uint64_t container_digits; /* hex digits that the container's id begins with, the first 16 */
        uint64_t ancestors[2];     /* bloom: comm, exe, last part of exe, exec_id, pid of each ancestor */
        uint64_t exec_id;          /* hashes from here on; 0: there is none */
        uint32_t exe, exe_name, comm, container_id, container_name, engine, key, path;
        uint32_t tags; /* bloom */
        uint32_t pid, ppid, uid, euid, auid;
        uint32_t size; /* of the JSON */
        uint8_t type, source;
        uint16_t flags; /* enum event_head_flags */
};
_Static_assert(sizeof(struct event_head) == 112, "its layout is the file's");
_Static_assert(EVENT_TYPES <= 32, "types are a set of 32 bits");

enum event_head_flags {
        HEAD_PROCESS = 1 << 0,
        HEAD_IDS = 1 << 1,
        HEAD_SESSION = 1 << 2,
        HEAD_CONTAINER = 1 << 3,
        HEAD_SYNTHETIC = 1 << 4,
        HEAD_LATE = 1 << 5,
};

struct store_summary {
        int64_t time_min, time_max;
        uint64_t id_first, id_last;
        uint32_t events;
        uint32_t types; /* bit a type */
};

struct store_file_head {
        uint32_t kind; /* STORE_FILE */
        uint32_t magic;
        uint32_t version;
        uint32_t packed;
        uint64_t first_id; /* of the first event that was to come */
        int64_t begun_ns;
        struct store_summary summary; /* packs */
        uint64_t text_bytes;          /* packs: of JSON, unpacked */
};

struct store_block {
        uint32_t kind;                   /* STORE_BLOCK */
        uint32_t text_size, text_packed; /* bytes of the JSON; of the record TEXTS that follows, without its kind */
        uint32_t reserved;
        struct store_summary summary;
        uint64_t bloom[STORE_BLOOM_WORDS]; /* of what store_bloom_head puts in */
};

/* Not 0; the same in every version of the program, since it is stored. */
uint32_t store_hash(struct sv text);
uint64_t store_hash_long(struct sv text);
uint32_t store_hash_number(uint64_t number);

/* Two of the 128 bits. */
void store_bloom_ancestor(uint64_t bloom[2], uint32_t hash);
bool store_bloom_has_ancestor(const uint64_t bloom[2], uint32_t hash);
static inline uint32_t store_bloom_tag(uint32_t hash)
{
        return UINT32_C(1) << (hash & 31);
}

/* What a block's bloom holds: the hash under the name of its member, so that equal texts of two members are apart. */
enum store_bloom_member {
        BLOOM_EXE,
        BLOOM_EXE_NAME,
        BLOOM_COMM,
        BLOOM_CONTAINER_ID,
        BLOOM_CONTAINER_NAME,
        BLOOM_ENGINE,
        BLOOM_KEY,
        BLOOM_PATH,
        BLOOM_UID,
        BLOOM_EUID,
        BLOOM_AUID,
};
void store_bloom_head(uint64_t bloom[STORE_BLOOM_WORDS], const struct event_head *head);
bool store_bloom_has(const uint64_t bloom[STORE_BLOOM_WORDS], enum store_bloom_member member, uint32_t hash);

/* The head of an event but its size; the event needs its id. */
void event_head_fill(const struct event *event, struct event_head *ret);

/* The digits of a hexadecimal container id, as event_head has them; false when it does not begin with any. *ret_count
 * (1..16) of them stand in the upper bits of *ret. */
bool store_container_digits(struct sv id, uint64_t *ret, unsigned *ret_count);

void store_summary_init(struct store_summary *summary);
void store_summary_add(struct store_summary *summary, const struct event_head *head);
void store_summary_join(struct store_summary *summary, const struct store_summary *other);

/* "events-0000000007.tail"; ret has STORE_NAME_MAX bytes. */
enum store_file_kind { STORE_TAIL, STORE_PACK, STORE_NEW };
void store_file_name(uint64_t number, enum store_file_kind kind, char *ret);
bool store_file_parse(const char *name, uint64_t *ret_number, enum store_file_kind *ret_kind);

struct store_listed {
        uint64_t number;
        enum store_file_kind kind;
};
/* The files of the directory by number, a pack before the tail of the same number. *ret is malloc'd. E_TOO_LARGE beyond
 * STORE_FILES_MAX. */
int store_list(int directory, struct store_listed **ret, size_t *ret_count, struct error *err);

/* Reads the first record of an open file: 1, or 0 when it is not whole yet. -1: E_UNSUPPORTED for a newer format,
 * E_CORRUPT for what is no store file. *ret_size: where the next record stands. */
int store_read_file_head(int fd, const char *name, struct store_file_head *ret, size_t *ret_size, struct error *err);

static inline bool store_id_valid(uint64_t id)
{
        return id > 0 && id <= STORE_ID_MAX;
}

/* An event record (EVENT) as stored: false when it is none. Views into it. */
bool store_event_record(struct sv record, struct event_head *ret_head, struct sv *ret_json);
