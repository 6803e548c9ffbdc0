/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Time in seconds. */
#ifndef FRAMEPOOL_CLI_CLOCK_H
#define FRAMEPOOL_CLI_CLOCK_H

/**
 * clock_now - read the monotonic clock
 *
 * Return: seconds.
 */
double clock_now(void);

/**
 * clock_sleep - sleep for the whole time, even if signals are handled meanwhile
 * @seconds: how long
 */
void clock_sleep(double seconds);

#endif
