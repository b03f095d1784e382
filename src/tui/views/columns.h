/* The columns of containers and processes, as their own views, details and the overview list them. */
#pragma once

#include "tui/views/view_parts.h"

/* cookie of both: struct model *. Rows: struct container_row, struct process_row. */
extern const struct grid_column container_columns[];
extern const size_t container_column_count;
extern const struct grid_column process_columns[];
extern const size_t process_column_count;
extern const struct grid_column traffic_columns[]; /* of processes by what they send and receive */
extern const size_t traffic_column_count;

/* The container or unit that a process is in, as people call it; NULL for none. */
const char *process_place(const struct model *model, const struct process_row *process);

/* Adds the processes within the container `group` (NULL: all); those of the kernel only where wanted. */
void add_processes(struct grid *grid, const struct model *model, const char *group, bool kernel);

enum container_choice {
        CHOICE_LEAVES /* containers, units, groups that hold no others */,
        CHOICE_CONTAINERS,
        CHOICE_ALL
};
void add_containers(struct grid *grid, const struct model *model, enum container_choice choice);
