// SPDX-License-Identifier: GPL-2.0-only
/*
 * The cases of heaps in the suite "layers": CPU time and peak memory of programs that allocate
 * (heap_programs.c), each a process of its own, and how much fits into a pool.
 *
 * Other allocators replace malloc() in the same programs (LD_PRELOAD); those that are not installed
 * are left out. Rounds of all allocators alternate; the least counts.
 */
#include <errno.h>
#include <fcntl.h>
#include <libframepool_heap.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "heap_programs.h"
#include "layers.h"

#define OURS		0
#define MIB		(1ULL << 20)
#define FIT_BYTES	(256 * MIB)
#define IDLE_BYTES	(64 * MIB)
#define IDLE_THREADS	64
#define ROUNDS_MAX	7

static const struct {
	const char *name;
	const char *program;
	const char *library;
} allocators[] = {
	{ "framepool", "heap_ours", "" },
	{ "malloc", "heap_malloc", "" },
	{ "mimalloc", "heap_malloc", "libmimalloc.so.2" },
	{ "jemalloc", "heap_malloc", "libjemalloc.so.2" },
	{ "tcmalloc", "heap_malloc", "libtcmalloc_minimal.so.4" },
};
#define ALLOCATORS	(sizeof(allocators) / sizeof(*allocators))

static const char *const programs[] = {
	"cfrac", "espresso", "larson", "xmalloc", "sh6bench",
	"cache-scratch", "mstress", "glibc-simple", "alloc-test", "rptest",
};
#define PROGRAMS	(sizeof(programs) / sizeof(*programs))

/**
 * struct result - of an allocator
 * @is_here: it is installed
 * @cpu: CPU time of the program that was measured last, in microseconds
 * @rss: its peak memory, in KiB
 * @log_cpu: sum of logarithms, over all programs
 * @log_rss: likewise
 */
struct result {
	bool is_here;
	struct bench_value cpu;
	struct bench_value rss;
	double log_cpu;
	double log_rss;
};

/* In the child: becomes the program, which lies beside this one. */
static void become(u32 which, const char *program, const char *threads)
{
	char path[4096];
	ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 32);

	if (length < 0)
		_exit(1);
	path[length] = '\0';
	strcpy(strrchr(path, '/') + 1, allocators[which].program);
	if (*allocators[which].library)
		setenv("LD_PRELOAD", allocators[which].library, 1);
	/* What the dynamic linker says about a library that is not there. */
	dup2(open("/dev/null", O_WRONLY), 2);
	execl(path, path, program, threads, allocators[which].library, NULL);
	_exit(1);
}

static u64 us_of(struct timeval time)
{
	return time.tv_sec * 1000000ULL + time.tv_usec;
}

static void run_program(u32 which, const char *program, const char *threads, struct result *result)
{
	pid_t pid = fork();
	struct rusage usage;
	int status;

	if (!pid)
		become(which, program, threads);
	if (pid < 0 || wait4(pid, &status, 0, &usage) != pid ||
	    (status && status != HEAP_SKIPPED << 8)) {
		fprintf(stderr, "%s with %s ended with status %x\n", program,
			allocators[which].name, status);
		exit(1);
	}
	result->is_here = !status;
	if (status)
		return;
	bench_note(&result->cpu, us_of(usage.ru_utime) + us_of(usage.ru_stime));
	bench_note(&result->rss, usage.ru_maxrss);
}

static void emit(const char *name, u32 threads, const char *unit, struct bench_value ours,
		 const char *peer, struct bench_value theirs)
{
	struct bench_row row = {
		.suite = "layers", .name = name, .threads = threads, .unit = unit,
		.ours = ours, .peer = peer, .theirs = theirs,
	};

	bench_emit(&row);
}

static struct bench_value value_of(double figure)
{
	u64 thousandths = (u64)(figure * 1000 + 0.5);

	return (struct bench_value){ thousandths, thousandths, thousandths };
}

/* Runs one program with all allocators. Returns the logarithm of the least time of the others. */
static double measure(const struct layers_config *config, const char *program, u32 threads,
		      struct result *results)
{
	char number[16], name[64];
	u64 best = U64_MAX;
	u32 i, which;

	snprintf(number, sizeof(number), "%u", threads);
	snprintf(name, sizeof(name), "heap, %s", program);
	for (which = 0; which < ALLOCATORS; which++)
		results[which].cpu = results[which].rss = (struct bench_value){ };
	for (i = 0; i < min(config->rounds, ROUNDS_MAX); i++)
		for (which = 0; which < ALLOCATORS; which++)
			run_program(which, program, number, &results[which]);
	for (which = 0; which < ALLOCATORS; which++) {
		struct result *result = &results[which];

		if (!result->is_here)
			continue;
		result->log_cpu += log(max(result->cpu.best, 1));
		result->log_rss += log(result->rss.best);
		if (which == OURS)
			continue;
		best = min(best, result->cpu.best);
		emit(name, threads, "ms", results[OURS].cpu, allocators[which].name, result->cpu);
	}
	return log(max(best, 1));
}

/**
 * bench_heap_programs() - measure and report programs that allocate
 * @config: how long to measure
 *
 * To be called first: a process inherits the peak memory of the one that started it.
 */
void bench_heap_programs(const struct layers_config *config)
{
	bool is_quick = config->rounds == 1;
	u32 nr = is_quick ? 2 : PROGRAMS, threads, i, which;

	for (threads = 1; threads <= (is_quick ? 1 : 2); threads++) {
		struct result results[ALLOCATORS] = { };
		double best = 0;

		for (i = 0; i < nr; i++)
			best += measure(config, programs[i], threads, results);
		emit("heap, CPU time of all programs", threads, "ms",
		     value_of(exp(results[OURS].log_cpu / nr) / 1000), "the best of each",
		     value_of(exp(best / nr) / 1000));
		for (which = 1; which < ALLOCATORS; which++) {
			if (!results[which].is_here)
				continue;
			emit("heap, CPU time of all programs", threads, "ms",
			     value_of(exp(results[OURS].log_cpu / nr) / 1000),
			     allocators[which].name,
			     value_of(exp(results[which].log_cpu / nr) / 1000));
			emit("heap, peak memory of all programs", threads, "KiB",
			     value_of(exp(results[OURS].log_rss / nr)), allocators[which].name,
			     value_of(exp(results[which].log_rss / nr)));
		}
	}
}

static struct framepool_heap *create(struct framepool *fp, u64 limit)
{
	struct framepool_heap_options options = { .limit_bytes = limit };
	struct framepool_heap *heap = framepool_heap_create(fp, &options);

	if (!heap) {
		perror("framepool_heap_create");
		exit(1);
	}
	return heap;
}

/* How many blocks fit. They are freed again. */
static u64 fill(struct framepool_heap *heap, u64 size)
{
	void **blocks = calloc(FIT_BYTES / size + 1, sizeof(*blocks));
	u64 nr = 0, i;

	while ((blocks[nr] = framepool_heap_alloc(heap, size)))
		nr++;
	for (i = 0; i < nr; i++)
		framepool_heap_free(heap, blocks[i]);
	free(blocks);
	return nr;
}

static void fit(struct framepool *fp, u64 size)
{
	struct framepool_heap *heap = create(fp, FIT_BYTES);
	u32 again;

	for (again = 0; again < 2; again++) {
		char name[64];

		snprintf(name, sizeof(name), "heap, %u bytes in 256 MiB%s", (u32)size,
			 again ? ", again" : "");
		emit(name, 1, "blocks", value_of((double)fill(heap, size)), "ceiling",
		     value_of((double)(FIT_BYTES / size)));
	}
	framepool_heap_destroy(heap);
}

struct idle {
	struct framepool_heap *heap;
	pthread_barrier_t barrier;
};

static void *be_idle(void *argument)
{
	static const size_t sizes[] = { 100, 5000, 300000 };
	struct idle *idle = argument;
	void *blocks[3];
	u32 i;

	for (i = 0; i < 3; i++) {
		blocks[i] = framepool_heap_alloc(idle->heap, sizes[i]);
		if (!blocks[i])
			abort();
		memset(blocks[i], 1, sizes[i]);
	}
	for (i = 0; i < 4; i++)
		pthread_barrier_wait(&idle->barrier);
	for (i = 0; i < 3; i++)
		framepool_heap_free(idle->heap, blocks[i]);
	for (i = 0; i < 2; i++)
		pthread_barrier_wait(&idle->barrier);
	return NULL;
}

static void emit_left(const char *name, struct framepool_heap *heap, u64 ceiling)
{
	struct framepool_heap_stats stats;

	framepool_heap_stats(heap, &stats);
	emit(name, IDLE_THREADS, "MiB", value_of((double)(IDLE_BYTES - stats.memory) / MIB),
	     "ceiling", value_of((double)ceiling / MIB));
}

/* Blocks of 100, 5000 and 300000 bytes of each thread: first in use, then freed. */
static void idle(struct framepool *fp)
{
	struct idle idle = { .heap = create(fp, IDLE_BYTES) };
	pthread_t threads[IDLE_THREADS];
	u32 i;

	pthread_barrier_init(&idle.barrier, NULL, IDLE_THREADS + 1);
	for (i = 0; i < IDLE_THREADS; i++)
		if (pthread_create(&threads[i], NULL, be_idle, &idle))
			abort();
	for (i = 0; i < 3; i++)
		pthread_barrier_wait(&idle.barrier);
	emit_left("heap, left of 64 MiB while blocks are in use", idle.heap,
		  IDLE_BYTES - IDLE_THREADS * 305100);
	for (i = 0; i < 2; i++)
		pthread_barrier_wait(&idle.barrier);
	emit_left("heap, left of 64 MiB by idle threads", idle.heap, IDLE_BYTES);
	pthread_barrier_wait(&idle.barrier);
	for (i = 0; i < IDLE_THREADS; i++)
		pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&idle.barrier);
	framepool_heap_destroy(idle.heap);
}

/**
 * bench_heap() - measure and report how much fits into a heap
 * @fp: client of a pool
 */
void bench_heap(struct framepool *fp)
{
	fit(fp, 48);
	fit(fp, 65536);
	idle(fp);
}
