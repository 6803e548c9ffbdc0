// SPDX-License-Identifier: GPL-2.0-only
/*
 * The suite "objects" compares a cache of libframepool, whose calls mostly stay in the thread's
 * magazine, with malloc() of the C library ("malloc") and of jemalloc. All sides write a word to
 * each object that they allocate. One thread.
 *
 * The case "memory" allocates a million objects, or as many as fit into BYTES, and asks how much
 * memory each side took: the pool for framepool, the length of its blocks for malloc(), its
 * statistics for jemalloc.
 */
#include <malloc.h>

#include "objects.h"

#define OBJECTS	1000000U
#define BYTES	(96U << 20)

/* jemalloc's functions, which the Makefile gives other names. */
void *je_malloc(size_t size);
void je_free(void *object);
int je_mallctl(const char *name, void *old, size_t *old_size, void *new, size_t new_size);

void bench_parallel(u32 threads, void (*run)(void *argument, u32 thread), void *argument)
{
	(void)threads;
	run(argument, 0);
}

void bench_barrier(void)
{
}

static u64 touched(void *object)
{
	if (!object)
		return BENCH_NONE;
	*(volatile u64 *)object = 1;
	return (uintptr_t)object;
}

static u64 cache_alloc(void *cache, u32 order)
{
	(void)order;
	return touched(framepool_cache_alloc(cache));
}

static void cache_free(void *cache, u64 object, u32 order)
{
	(void)order;
	framepool_cache_free(cache, (void *)(uintptr_t)object);
}

static u64 malloc_alloc(void *size, u32 order)
{
	(void)order;
	return touched(malloc(*(u32 *)size));
}

static void malloc_free(void *size, u64 object, u32 order)
{
	(void)size;
	(void)order;
	free((void *)(uintptr_t)object);
}

static u64 jemalloc_alloc(void *size, u32 order)
{
	(void)order;
	return touched(je_malloc(*(u32 *)size));
}

static void jemalloc_free(void *size, u64 object, u32 order)
{
	(void)size;
	(void)order;
	je_free((void *)(uintptr_t)object);
}

static const struct bench_ops cache_ops = { .alloc = cache_alloc, .free = cache_free };
static const struct bench_ops malloc_ops = { .alloc = malloc_alloc, .free = malloc_free };
static const struct bench_ops jemalloc_ops = { .alloc = jemalloc_alloc, .free = jemalloc_free };

static u64 cache_bytes(struct framepool *fp)
{
	struct framepool_stats *stats = framepool_stats_read(fp);
	u64 bytes = stats ? framepool_stats_used_bytes(stats) : 0;

	framepool_stats_free(stats);
	return bytes;
}

static u64 malloc_bytes(struct framepool *fp)
{
	struct mallinfo2 info = mallinfo2();

	(void)fp;
	return info.uordblks + info.hblkhd;
}

/* Pages in use, and their metadata. */
static u64 jemalloc_bytes(struct framepool *fp)
{
	u64 epoch = 1;
	size_t active = 0, metadata = 0, size = sizeof(size_t);

	(void)fp;
	je_mallctl("epoch", NULL, NULL, &epoch, sizeof(epoch));
	je_mallctl("stats.active", &active, &size, NULL, 0);
	je_mallctl("stats.metadata", &metadata, &size, NULL, 0);
	return active + metadata;
}

/**
 * struct maker - a side of the comparison
 * @name: its name in the results
 * @ops: its operations
 * @bytes: returns how many bytes of memory it has taken
 */
struct maker {
	const char *name;
	const struct bench_ops *ops;
	u64 (*bytes)(struct framepool *fp);
};

static const struct maker ours = { "framepool", &cache_ops, cache_bytes };
static const struct maker peers[] = {
	{ "malloc", &malloc_ops, malloc_bytes },
	{ "jemalloc", &jemalloc_ops, jemalloc_bytes },
};

#define PEERS	(sizeof(peers) / sizeof(*peers))

/* Measures objects of @size bytes of the cache against each peer; returns 0 or a negative errno. */
static int compare(const struct bench_config *config, struct framepool *fp, u32 size)
{
	struct framepool_cache *cache = framepool_cache_create(fp, size, 0, 0);
	struct bench_side side = { .name = ours.name, .ops = ours.ops, .contexts = { cache } };
	int ret = cache ? 0 : -ENOMEM;
	u32 i;

	for (i = 0; !ret && i < PEERS; i++) {
		struct bench_side peer = {
			.name = peers[i].name,
			.ops = peers[i].ops,
			.contexts = { &size },
		};

		ret = bench_slab(config, &side, &peer, size, 1);
	}
	framepool_cache_destroy(cache);
	return ret;
}

/**
 * bench_objects() - measure and report what allocating and freeing objects costs
 * @config: how long to measure, and the size of the pool
 * @fp: the pool's client
 *
 * Return: 0, or -ENOMEM if there was not enough memory.
 */
int bench_objects(const struct bench_config *config, struct framepool *fp)
{
	static const u32 sizes[] = { 64, 256, 1024, 4096 };
	u32 i;
	int ret = 0;

	for (i = 0; !ret && i < sizeof(sizes) / sizeof(*sizes); i++)
		ret = compare(config, fp, sizes[i]);
	return ret;
}

/* Bytes that an object takes beyond its size, in thousandths. */
static u64 beside(const struct maker *maker, struct framepool *fp, void *context, u32 size)
{
	u32 nr = min(OBJECTS, BYTES / size), i;
	u64 *objects = calloc(nr, sizeof(*objects));
	u64 before = maker->bytes(fp), bytes;

	for (i = 0; objects && i < nr; i++) {
		objects[i] = maker->ops->alloc(context, 0);
		if (objects[i] == BENCH_NONE)
			break;
	}
	bytes = maker->bytes(fp) - before;
	if (i < nr) {
		fprintf(stderr, "%s: no memory for %u objects of %u bytes\n", maker->name, nr,
			size);
		exit(1);
	}
	while (i--)
		maker->ops->free(context, objects[i], 0);
	free(objects);
	return (bytes - (u64)nr * size) * 1000 / nr;
}

static void report(struct framepool *fp, u32 size)
{
	struct framepool_cache *cache = framepool_cache_create(fp, size, 0, 0);
	struct bench_row row = { .suite = "objects", .threads = 1, .unit = "bytes" };
	char name[32];
	u32 i;

	if (!cache) {
		perror("framepool_cache_create");
		exit(1);
	}
	snprintf(name, sizeof(name), "%u bytes memory", size);
	row.name = name;
	row.ours.best = beside(&ours, fp, cache, size);
	framepool_cache_destroy(cache);
	row.ours.low = row.ours.high = row.ours.best;
	for (i = 0; i < PEERS; i++) {
		row.peer = peers[i].name;
		row.theirs.best = beside(&peers[i], fp, &size, size);
		row.theirs.low = row.theirs.high = row.theirs.best;
		bench_emit(&row);
	}
}

/**
 * bench_objects_memory() - measure and report how much memory objects take
 * @fp: client of a pool with more than BYTES
 */
void bench_objects_memory(struct framepool *fp)
{
	static const u32 sizes[] = { 40, 72, 200, 1000 };
	u32 i;

	for (i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
		report(fp, sizes[i]);
}
