// SPDX-License-Identifier: GPL-2.0-only
/*
 * The benchmarks of large pools as a program on the host. Prints a line for each result (see
 * emit.c).
 */
#include "scale.h"

#define GIB	(1024 / HUGE_MIB)	/* huge frames */

/**
 * scale_size() - name the size of a pool
 * @nr: huge frames
 * @name: the result
 *
 * Return: @name.
 */
const char *scale_size(u32 nr, char name[16])
{
	static const char *const units[] = { "MiB", "GiB", "TiB" };
	u64 size = nr * HUGE_MIB;
	u32 unit = 0;

	while (unit < 2 && size % 1024 == 0) {
		size /= 1024;
		unit++;
	}
	snprintf(name, 16, "%llu %s", (unsigned long long)size, units[unit]);
	return name;
}

static int run_suite(const struct scale_config *config, const char *suite)
{
	int ret = 0;

	if (!*suite || !strcmp(suite, "scale"))
		ret = bench_mixed(config) ?: bench_still(config);
	if (!ret && (!*suite || !strcmp(suite, "packing")))
		ret = bench_packing(config);
	return ret;
}

int main(int argc, char **argv)
{
	struct scale_config config = {
		.rounds = 5, .pairs = 50000, .large = 1024 * GIB, .small = 4 * GIB,
		.packed = 64 * GIB, .clients = 20000,
	};
	const char *suite = "";
	int i;

	for (i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--quick"))
			config = (struct scale_config){
				.rounds = 1, .pairs = 1000, .large = 16 * GIB, .small = 4 * GIB,
				.packed = 4 * GIB, .clients = 2000,
			};
		else if (!strncmp(argv[i], "--pairs=", 8) && atoi(argv[i] + 8) > 0)
			config.pairs = atoi(argv[i] + 8);
		else if (!strcmp(argv[i], "scale") || !strcmp(argv[i], "packing"))
			suite = argv[i];
		else {
			fprintf(stderr, "usage: bench_scale [--quick] [--pairs=N] [SUITE]\n");
			return 2;
		}
	}
	fprintf(stderr, "bench_scale: the seed is %llu\n", SCALE_SEED);
	if (run_suite(&config, suite)) {
		fprintf(stderr, "bench_scale: out of memory; it needs 1 GB\n");
		return 1;
	}
	return 0;
}
