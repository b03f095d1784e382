/* Events as lines for people. */
#pragma once

#include "modules/watch/event/event.h"

struct line_printer;

/* "01:02:03.456 exec       web          nginx[7] → sh[12] uid=33 /bin/sh -c id", and a line for each alert. */
void event_print(struct line_printer *printer, const struct event *event);
