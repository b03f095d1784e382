/* Holes in the serials of a stream (sequence.h). The kernel gives an event its serial when its first record is begun
 * and queues the record later (kernel/audit.c, audit_log_start and audit_log_end), so that two CPUs swap places. */
#include "lib/audit/sequence.h"

#include <string.h>

enum { RESTART_NS = 1000000000 }; /* a lower serial that is this much younger than all before is of another count */

static void remove_hole(struct audit_sequence *sequence, unsigned index)
{
        sequence->hole_count--;
        memmove(&sequence->holes[index], &sequence->holes[index + 1],
                (sequence->hole_count - index) * sizeof(sequence->holes[0]));
}

static void give_up_oldest(struct audit_sequence *sequence)
{
        sequence->lost += sequence->holes[0].count;
        remove_hole(sequence, 0);
}

static void give_up_all(struct audit_sequence *sequence)
{
        for (unsigned i = 0; i < sequence->hole_count; i++)
                sequence->lost += sequence->holes[i].count;
        sequence->hole_count = 0;
}

/* At `place`, which keeps them in the order of their age. place > 0 in a full list: the oldest
 * is given up then. */
static void add_hole(struct audit_sequence *sequence, unsigned place, struct audit_hole hole)
{
        if (sequence->hole_count == AUDIT_HOLES_MAX) {
                give_up_oldest(sequence);
                place--;
        }
        memmove(&sequence->holes[place + 1], &sequence->holes[place],
                (sequence->hole_count - place) * sizeof(sequence->holes[0]));
        sequence->holes[place] = hole;
        sequence->hole_count++;
}

static enum audit_sequence_verdict begin(struct audit_sequence *sequence, uint32_t serial, int64_t time_ns)
{
        give_up_all(sequence);
        sequence->begun = true;
        sequence->highest = serial;
        sequence->highest_time_ns = time_ns;
        return AUDIT_SEQUENCE_FIRST;
}

/* Takes a serial out of the hole that it is in. */
static bool fill(struct audit_sequence *sequence, uint32_t serial)
{
        for (unsigned i = 0; i < sequence->hole_count; i++) {
                struct audit_hole *hole = &sequence->holes[i];
                uint32_t at = serial - hole->first;
                if (at >= hole->count)
                        continue;
                uint32_t behind = hole->count - at - 1;
                if (at == 0 && behind == 0) {
                        remove_hole(sequence, i);
                } else if (at == 0) {
                        hole->first++;
                        hole->count--;
                } else if (behind == 0) {
                        hole->count--;
                } else {
                        hole->count = at;
                        add_hole(sequence, i + 1, (struct audit_hole){ serial + 1, behind, hole->since_ns });
                }
                return true;
        }
        return false;
}

enum audit_sequence_verdict audit_sequence_see(
        struct audit_sequence *sequence, uint32_t serial, int64_t time_ns, int64_t now_ns)
{
        if (!sequence->begun)
                return begin(sequence, serial, time_ns);
        bool younger = time_ns > sequence->highest_time_ns;
        uint32_t ahead = serial - sequence->highest;
        if (ahead && ahead <= AUDIT_HOLE_MAX) {
                if (ahead > 1)
                        add_hole(sequence, sequence->hole_count,
                                (struct audit_hole){ sequence->highest + 1, ahead - 1, now_ns });
                sequence->highest = serial;
                if (younger)
                        sequence->highest_time_ns = time_ns;
                return AUDIT_SEQUENCE_NEW;
        }
        if (fill(sequence, serial))
                return AUDIT_SEQUENCE_HOLE;
        /* far ahead, or behind: late if it is old, else another count */
        if (younger &&
                (audit_serial_before(sequence->highest, serial) || time_ns - RESTART_NS > sequence->highest_time_ns)) {
                sequence->restarts++;
                return begin(sequence, serial, time_ns);
        }
        return AUDIT_SEQUENCE_LATE;
}

void audit_sequence_advance(struct audit_sequence *sequence, int64_t now_ns, int64_t delay_ns)
{
        while (sequence->hole_count && sequence->holes[0].since_ns <= now_ns - delay_ns)
                give_up_oldest(sequence);
}
