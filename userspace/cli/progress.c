// SPDX-License-Identifier: LGPL-2.1-or-later
/* The progress of a long command, shown on a terminal. */
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "clock.h"
#include "progress.h"

#define PATIENCE	0.5	/* seconds */

void progress_begin(struct progress *progress, const char *what, uint64_t total)
{
	*progress = (struct progress){ .what = what, .total = total };
	if (isatty(STDERR_FILENO))
		progress->next = clock_now() + PATIENCE;
}

void progress_update(struct progress *progress, uint64_t done)
{
	if (!progress->next || clock_now() < progress->next)
		return;
	if (progress->total)
		fprintf(stderr, "\r%s: %3.0f%%", progress->what,
			(double)done * 100 / (double)progress->total);
	else
		fprintf(stderr, "\r%s: %" PRIu64 " KiB", progress->what, done / 1024);
	progress->next = clock_now() + PATIENCE;
	progress->shown = true;
}

void progress_end(struct progress *progress)
{
	if (progress->shown)
		fputs("\r\033[K", stderr);
	progress->shown = false;
}
