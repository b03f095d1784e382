/* The views, one a file view_NAME.c. */
#pragma once

#include "tui/view.h"

extern const struct view view_overview, view_containers, view_processes, view_network, view_disks, view_events,
        view_alerts;
