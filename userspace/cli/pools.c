// SPDX-License-Identifier: LGPL-2.1-or-later
/* framepool pool: makes, removes and shows pools. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "configfs.h"
#include "pools.h"

static const struct {
	const char *name;
	int (*run)(struct cli *cli, int argc, char **argv);
} actions[] = {
	{ "create", pools_create }, { "destroy", pools_destroy }, { "list", pools_list },
	{ "show", pools_show },	    { "apply", pools_apply },
};

static const struct option no_options[] = {
	COMMON_OPTIONS,
	{ NULL, 0, NULL, 0 }
};

const char *pools_first(int argc, char **argv)
{
	optind = argc > 1 && argv[1][0] != '-' ? 2 : 1;
	return optind == 2 ? argv[1] : NULL;
}

int pools_name(int argc, char **argv, const char *what, const char **name)
{
	if (!*name && optind == argc)
		return fail_usage("'pool %s' needs %s", argv[0], what);
	if (!*name)
		*name = argv[optind++];
	return option_end(argc, argv);
}

enum { OPTION_FORCE = 1 };

static const struct option destroy_options[] = {
	COMMON_OPTIONS,
	{ "force", no_argument, NULL, OPTION_FORCE },
	{ NULL, 0, NULL, 0 }
};

/* Take the pool's memory from all programs. */
static int shut_down(const char *name)
{
	char path[128];
	int fd, err = 0;

	snprintf(path, sizeof(path), "/sys/class/framepool/%s/shutdown", name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, "1", 1) != 1)
		err = errno;
	if (fd >= 0)
		close(fd);
	return err ? fail("cannot shut pool '%s' down: %s", name, strerror(err)) : EXIT_OK;
}

int pools_destroy(struct cli *cli, int argc, char **argv)
{
	const char *name;
	bool force = false;
	int option, status;

	name = pools_first(argc, argv);
	while ((option = option_next(cli, argc, argv, destroy_options)) == OPTION_FORCE)
		force = true;
	if (option != OPTIONS_END || option_no_pool(cli))
		return EXIT_USAGE;
	status = pools_name(argc, argv, "the name of a pool", &name);
	if (status)
		return status;
	if (cli->json)
		return fail_usage("'pool destroy' has no use for --json");
	if (configfs_check(name))
		return EXIT_FAILED;
	if (!configfs_has(name))
		return fail("there is no pool '%s'", name);
	if (force && configfs_is_live(name) && shut_down(name))
		return EXIT_FAILED;
	return configfs_remove(name);
}

int cmd_pool(struct cli *cli, int argc, char **argv)
{
	optind = 0;
	if (option_next(cli, argc, argv, no_options) != OPTIONS_END || option_no_pool(cli))
		return EXIT_USAGE;
	if (optind == argc)
		return fail_usage("'pool' needs one of create, destroy, list, show, apply");
	for (size_t i = 0; i < sizeof(actions) / sizeof(*actions); i++)
		if (!strcmp(actions[i].name, argv[optind]))
			return actions[i].run(cli, argc - optind, argv + optind);
	return fail_usage("'pool' cannot '%s'", argv[optind]);
}
