/* sd_notify(3) in its own words: datagrams to $NOTIFY_SOCKET. Nothing happens without one. */
#pragma once

#include <stdint.h>

/* "READY=1\nSTATUS=…". Waits some seconds at most while the manager has more datagrams than its socket queues
 * (net.unix.max_dgram_qlen); "WATCHDOG=1" does not wait. */
void notify_send(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Half of $WATCHDOG_USEC (sd_watchdog_enabled(3)) in nanoseconds, 0 = no watchdog. */
int64_t notify_watchdog_ns(void);

/* One line to the system's log, /dev/log (syslog(3)); nothing happens where there is none. */
void notify_journal(const char *format, ...) __attribute__((format(printf, 1, 2)));
