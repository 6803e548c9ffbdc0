// SPDX-License-Identifier: LGPL-2.1-or-later
/* What framepool_open() refuses, and what framepool_explain_open() says about it. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <libframepool.h>

#include "test.h"

#define NAME_31	"1234567890123456789012345678901"

static bool fails(const char *pool, int err)
{
	errno = 0;
	return !framepool_open(pool) && errno == err;
}

static bool explains(int err, const char *pool, const char *words)
{
	char text[512];

	errno = ERANGE;
	framepool_explain_open(err, pool, text, sizeof(text));
	if (errno == ERANGE && strstr(text, words))
		return true;
	printf("# %s\n", text);
	return false;
}

static bool cuts_to(size_t size)
{
	char text[64];

	memset(text, 'x', sizeof(text));
	framepool_explain_open(EPROTONOSUPPORT, NULL, text, size);
	return strlen(text) == size - 1 && text[size] == 'x';
}

static void check_absent_module(void)
{
	if (!access("/dev/framepool", F_OK)) {
		puts("ok - open_without_module # SKIP a module is loaded here");
		return;
	}
	check(fails(NULL, ENOENT) && fails("default", ENOENT) && fails(NAME_31, ENOENT),
	      "open_without_module_is_enoent");
	check(explains(ENOENT, NULL, "not loaded"), "explain_says_not_loaded");
	check(explains(EACCES, "dma", "run as root"), "explain_says_run_as_root");
}

int main(void)
{
	check(fails("", EINVAL) && fails("a/b", EINVAL) && fails("/", EINVAL) &&
	      fails(".", EINVAL) && fails("..", EINVAL) && fails(NAME_31 "2", EINVAL),
	      "open_with_impossible_name_is_einval");
	check(explains(EINVAL, "a/b", "'a/b' cannot be the name of a pool"),
	      "explain_names_bad_name");
	check(explains(ENXIO, "dma", "/dev/framepool/dma is left over"), "explain_names_dead_node");
	check(explains(ENODEV, "dma", "/dev/framepool/dma was shut down"),
	      "explain_names_dead_pool");
	check(explains(ENOTTY, "dma", "not a framepool device"), "explain_names_foreign_node");
	check(explains(EPROTONOSUPPORT, NULL, "interface"), "explain_names_other_interface");
	check(explains(EPERM, NULL, "container"), "explain_names_device_policy");
	check(explains(EMFILE, NULL, "Too many open files"), "explain_knows_other_errors");
	check(cuts_to(1) && cuts_to(20), "explain_stays_in_its_buffer");
	check_absent_module();

	errno = ERANGE;
	framepool_close(NULL);
	framepool_buffer_free(NULL);
	framepool_stats_free(NULL);
	check(errno == ERANGE, "ending_nothing_is_harmless");
	return 0;
}
