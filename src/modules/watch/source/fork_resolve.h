/* Who the child is that audit tells of: clone's result is its pid in its parent's pid namespace (kernel/fork.c). */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <sys/types.h>

/* root: an open "/" or a fixture tree. told as the parent got it. The child's pid in /proc; -1 when it is a thread of
 * the parent; 0 when it is not found (ended, or the parent has). perhaps_thread: one that has ended already is not
 * taken for a process. */
pid_t fork_resolve(int root, pid_t parent, pid_t told, bool perhaps_thread);
