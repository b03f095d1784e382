/* The terminal after the worst: a handler for crashes, and for fatal signals that come while a frame is being written,
 * which gives the terminal back with functions that are async-signal-safe (signal-safety(7)), then lets the signal do
 * what it would have done. */
#pragma once

#include "base/error.h"

#include <termios.h>

enum { EMERGENCY_RESET_MAX = 256 };

/* Remembers how the terminal was, and what gives its screen back; installs the handlers. fd stays the caller's. */
int emergency_arm(int fd, const struct termios *before, const char *reset, struct error *err);
/* The terminal was given back in an orderly way. */
void emergency_disarm(void);

/* Around writing to the terminal: the loop keeps SIGTERM, SIGHUP and SIGINT blocked, but a write may wait for a
 * terminal that was stopped (^S) for as long as that lasts. */
void emergency_let_signals(void);
void emergency_hold_signals(void);
