// SPDX-License-Identifier: LGPL-2.1-or-later
/* The pool that the command line names. */
#include <errno.h>

#include "cli.h"

struct framepool *pool_open(const struct cli *cli)
{
	struct framepool *fp = framepool_open(cli->pool);
	char text[512];

	if (!fp)
		fail("%s", framepool_explain_open(errno, cli->pool, text, sizeof(text)));
	return fp;
}

struct framepool_stats *pool_stats(const struct framepool *fp)
{
	struct framepool_stats *stats = framepool_stats_read(fp);

	if (!stats)
		fail("cannot read the statistics of pool '%s': %m", framepool_name(fp));
	return stats;
}
