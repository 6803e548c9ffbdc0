// SPDX-License-Identifier: LGPL-2.1-or-later
/* framepool version: the version of the library. */
#include <stdio.h>

#include "cli.h"
#include "output.h"

int cmd_version(struct cli *cli, int argc, char **argv)
{
	const struct field version = field_text("version", framepool_version());
	int status = option_none(cli, argc, argv);

	if (!status)
		status = option_no_pool(cli);
	if (status)
		return status;
	if (cli->json)
		return output(true, &version, 1, NULL);
	printf("framepool %s\n", version.text);
	return EXIT_OK;
}
