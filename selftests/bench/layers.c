// SPDX-License-Identifier: GPL-2.0-only
/*
 * The suite "layers" on the host: what the library builds on buffers, on top of the fake kernel of
 * its tests (userspace/tests/fake.c). Prints a line for each result (see emit.c).
 *
 * What counts is mostly the CPU time of the thread. Rounds of both sides alternate; the least
 * counts.
 */
#include "fake.h"
#include "layers.h"
#include "mempool.h"

#define POOL_BYTES	(16ULL << 30)

/**
 * layers_cpu_now() - CPU time of this thread
 *
 * Return: nanoseconds.
 */
u64 layers_cpu_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

static void measure(const struct layers_side *side, u32 repeats, u32 operations,
		    struct bench_value *value)
{
	u64 start = layers_cpu_now();

	side->run(side->context, repeats);
	bench_note(value, (layers_cpu_now() - start) * 1000 / ((u64)repeats * operations));
}

/**
 * layers_compare() - measure and report one case
 * @config: how long to measure
 * @name: of the case
 * @operations: in a repeat; the result is the time of one
 * @ours: our side
 * @theirs: the other side
 */
void layers_compare(const struct layers_config *config, const char *name, u32 operations,
		    const struct layers_side *ours, const struct layers_side *theirs)
{
	struct bench_row row = {
		.suite = "layers", .name = name, .threads = 1, .unit = "ns", .peer = theirs->name,
	};
	u32 i;

	ours->run(ours->context, config->repeats / 10 + 1);
	theirs->run(theirs->context, config->repeats / 10 + 1);
	for (i = 0; i < config->rounds; i++) {
		measure(ours, config->repeats, operations, &row.ours);
		measure(theirs, config->repeats, operations, &row.theirs);
	}
	bench_emit(&row);
}

int main(int argc, char **argv)
{
	struct layers_config config = { .rounds = 15, .repeats = 1000000, .milliseconds = 2000 };
	struct framepool *fp;

	if (argc == 2 && !strcmp(argv[1], "--quick"))
		config = (struct layers_config){ .rounds = 1, .repeats = 1000, .milliseconds = 20 };
	bench_heap_programs(&config);
	fp = fake_open(POOL_BYTES);
	bench_heap(fp);
	bench_contention(&config, fp);
	bench_arena(&config, fp);
	bench_moving(&config, fp);
#ifdef BENCH_MEMPOOL
	mempool_begin();
#endif
	bench_bufpool(&config, fp);
	fake_close(fp);
	return 0;
}
