#include "tui/views/views.h"

const struct view *const views[] = { &view_overview, &view_containers, &view_processes, &view_network, &view_disks,
        &view_events, &view_alerts, NULL };
