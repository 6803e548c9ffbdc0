// SPDX-License-Identifier: LGPL-2.1-or-later
/* framepool version: which release this is. */
#include <stdio.h>

#include "cli.h"

int cmd_version(struct cli *cli, int argc, char **argv)
{
	int status = option_none(cli, argc, argv);

	if (!status)
		printf("framepool %s\n", framepool_version());
	return status;
}
