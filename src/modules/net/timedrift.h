/* timedrift: what the files of the module share. */
#pragma once

#include "module/run.h"
#include "modules/net/timedrift_ntp.h"

/* The servers of chrony.conf (with includes, conf.d and sources.d), ntp.conf, NTPsec's and timesyncd.conf. A file that
 * is absent is nothing special; one that cannot be read is listed as skipped. */
void timedrift_read_configuration(struct run *run, struct ntp_servers *ret);
