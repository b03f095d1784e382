/* The terminal, by ncursesw: only here is it linked. Keys are read by input.h; ncurses knows how to draw and what this
 * terminal is. The terminal is given back however the program ends: close, a fatal signal, a crash. */
#pragma once

#include "tui/program.h"

/* Is there a terminal to draw on? */
bool curses_available(void);

/* How much of the colours that the environment promises the terminal's description has. */
enum colour_depth terminal_depth(enum colour_depth wish);

extern const struct tui_backend curses_backend;
