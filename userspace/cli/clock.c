// SPDX-License-Identifier: LGPL-2.1-or-later
/* Time in seconds. */
#include <errno.h>
#include <time.h>

#include "clock.h"

double clock_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

void clock_sleep(double seconds)
{
	struct timespec rest = {
		.tv_sec = (time_t)seconds,
		.tv_nsec = (long)((seconds - (double)(time_t)seconds) * 1e9),
	};

	while (nanosleep(&rest, &rest) && errno == EINTR)
		;
}
