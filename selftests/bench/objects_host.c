// SPDX-License-Identifier: GPL-2.0-only
/*
 * What objects cost a program, on the host: libframepool on top of the fake kernel of its tests
 * (userspace/tests/fake.c). Prints a line for each result (see emit.c).
 */
#include "fake.h"
#include "objects.h"

#define POOL_BYTES	(1ULL << 30)

int main(int argc, char **argv)
{
	struct bench_config config = {
		.rounds = 15, .repeats = 100000, .bulk = 8192,
		.frames = POOL_BYTES / BENCH_FRAME_BYTES, .unit = "ns",
		.objects = "objects",
	};
	struct framepool *fp = fake_open(POOL_BYTES);
	int ret;

	if (argc == 2 && !strcmp(argv[1], "--quick")) {
		config.rounds = 1;
		config.repeats = 1000;
	}
	ret = bench_objects(&config, fp);
	fake_close(fp);
	if (ret)
		fprintf(stderr, "bench_objects: out of memory\n");
	return ret ? 1 : 0;
}
