// SPDX-License-Identifier: LGPL-2.1-or-later
/* All pools of this machine. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "fleet.h"

#define POOLS	"/sys/class/framepool"

/* A pool that was shut down refuses both calls. */
static int read_pool(struct fleet_pool *pool)
{
	struct framepool *fp = framepool_open(pool->name);
	char text[512];

	if (fp) {
		pool->huge_bytes = framepool_huge_bytes(fp);
		pool->largest_extent_bytes = framepool_largest_extent_bytes(fp);
		pool->client_quota_bytes = framepool_client_quota_bytes(fp);
		pool->user_quota_bytes = framepool_user_quota_bytes(fp);
		pool->stats = framepool_stats_read(fp);
		framepool_close(fp);
	}
	if (pool->stats || errno == ENODEV)
		return EXIT_OK;
	if (!fp)
		return fail("%s", framepool_explain_open(errno, pool->name, text, sizeof(text)));
	return fail("cannot read the statistics of pool '%s': %m", pool->name);
}

static int add_pool(struct fleet *fleet, const char *name)
{
	struct fleet_pool *pool = &fleet->pools[fleet->count];

	pool->name = strdup(name);
	if (!pool->name)
		return fail("no memory for the name of a pool");
	fleet->count++;
	return read_pool(pool);
}

static int is_shown(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static int fail_list(int err)
{
	char text[512];

	if (err == ENOENT)
		return fail("%s", framepool_explain_open(err, NULL, text, sizeof(text)));
	return fail("cannot list the pools in %s: %s", POOLS, strerror(err));
}

int fleet_read(struct fleet *fleet)
{
	struct dirent **entries = NULL;
	int count = scandir(POOLS, &entries, is_shown, alphasort);
	int status = EXIT_OK;

	*fleet = (struct fleet){ NULL, 0 };
	if (count < 0)
		return fail_list(errno);
	fleet->pools = calloc((size_t)count + 1, sizeof(*fleet->pools));
	if (!fleet->pools)
		status = fail("no memory for %d pools", count);
	for (int i = 0; i < count; i++) {
		if (fleet->pools && !status)
			status = add_pool(fleet, entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	if (status)
		fleet_free(fleet);
	return status;
}

void fleet_free(struct fleet *fleet)
{
	for (size_t i = 0; fleet->pools && i < fleet->count; i++) {
		framepool_stats_free(fleet->pools[i].stats);
		free(fleet->pools[i].name);
	}
	free(fleet->pools);
	*fleet = (struct fleet){ NULL, 0 };
}
