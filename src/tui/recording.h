/* A recording: what the sources told, with times, as lines of JSON. The first line is {"tarsier-top":1,"time":NS}, with
 * the time at which it began (Unix, ns); each other one {"at":NS,"record":OBJECT}, at counted from there. */
#pragma once

#include "base/cleanup.h"
#include "loop/loop.h"
#include "tui/top.h"

enum { RECORDING_VERSION = 1, RECORDING_LINE_MAX = 10 << 20 };

struct recorder;

/* Made anew, for its owner only: there are command lines in it. */
struct recorder *recorder_new(const char *path, struct error *err);
void recorder_free(struct recorder *recorder);
DEFINE_CLEANUP(struct recorder *, recorder_free);
/* -1 when the file cannot be written any more; nothing is written after that. */
int recorder_add(struct recorder *recorder, struct sv record, struct error *err);

struct player;

struct player_options {
        struct loop *loop;
        double speed; /* 2: twice as fast */
        void (*on_record)(struct sv record, void *cookie);
        void (*on_reset)(void *cookie);  /* it is read from the beginning again */
        void (*on_sought)(void *cookie); /* a place that was asked for is reached */
        void *cookie;
};

/* Reads the file as it plays. E_INVALID where it is no recording. */
struct player *player_new(const char *path, const struct player_options *options, struct error *err);
void player_free(struct player *player);
DEFINE_CLEANUP(struct player *, player_free);
/* Begins to play by the loop's clock. */
int player_start(struct player *player, struct error *err);
/* Plays all that is left at once. */
void player_finish(struct player *player);
uint64_t player_bad_lines(const struct player *player);
/* speed, time and end for the program. */
struct top_replay player_doors(struct player *player);
