/* The parts of a sample, each with its key where not said otherwise. */
#pragma once

#include "modules/metrics/cadvisor/api_internal.h"

void api_put_cpu(struct buf *out, const struct container_stats *stats);
void api_put_cpu_inst(struct buf *out, const struct container_stats *stats); /* nothing before there is a rate */
void api_put_diskio(struct buf *out, const struct machine *machine, const struct container_stats *stats);
void api_put_memory(struct buf *out, const struct container_stats *stats);
/* Behind its key: a map by page size, sorted as texts. */
void api_put_huge(struct buf *out, const struct container_stats *stats);
/* v1 has the first interface's members before the rest, as Go shows an embedded struct. */
void api_put_network(struct buf *out, const struct container_stats *stats, bool v1);
void api_put_filesystems(struct buf *out, const struct container_stats *stats); /* nothing when there is none */
void api_put_machine_filesystems(struct buf *out, const struct container_stats *stats);
/* v2.1: only of a container with one file system, its own. */
void api_put_own_filesystem(struct buf *out, const struct container_stats *stats);
