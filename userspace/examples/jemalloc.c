// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * jemalloc 5.3 over contiguous memory: an arena of it whose extents lie in one buffer of framepool.
 * Build: cc jemalloc.c -ljemalloc $(pkg-config --cflags --libs libframepool) -o jemalloc
 *
 * Traps:
 * - Without dirty_decay_ms:0, freed pages wait to be purged, and are not joined with others: it
 *   returns NULL while nearly all of the buffer is free.
 * - Purge hooks must be NULL: madvise(2) frees no memory of a pool, nor makes it zero.
 * - Without MALLOCX_TCACHE_NONE, a thread keeps some of the blocks that it freed, of any arena.
 */
#include <jemalloc/jemalloc.h>
#include <libframepool.h>
#include <stdint.h>
#include <stdio.h>

#define BYTES	(64UL << 20)

const char *malloc_conf = "dirty_decay_ms:0,muzzy_decay_ms:0";

static char *memory;
static size_t used;	/* jemalloc holds a lock while it calls a hook */

static void *take(extent_hooks_t *hooks, void *at, size_t size, size_t align, bool *zero,
		  bool *commit, unsigned int arena)
{
	size_t begin = (used + align - 1) & -align;

	if (at || begin > BYTES || size > BYTES - begin)
		return NULL;
	used = begin + size;
	*zero = true;
	*commit = true;
	return memory + begin;
}

/* All extents lie side by side in one buffer, so they may be split and joined. */
static bool split(extent_hooks_t *hooks, void *at, size_t size, size_t first, size_t second,
		  bool committed, unsigned int arena)
{
	return false;
}

static bool merge(extent_hooks_t *hooks, void *first, size_t first_size, void *second,
		  size_t second_size, bool committed, unsigned int arena)
{
	return false;
}

/* Without dalloc, jemalloc keeps extents and uses them again. */
static extent_hooks_t hooks = { .alloc = take, .split = split, .merge = merge };

static size_t fill(unsigned int arena, size_t size)
{
	static char *blocks[BYTES / 64];
	int flags = MALLOCX_ARENA(arena) | MALLOCX_TCACHE_NONE;
	size_t nr = 0;

	while ((blocks[nr] = mallocx(size, flags)))
		nr++;
	for (size_t i = 0; i < nr; i++)
		dallocx(blocks[i], flags);
	return nr;
}

int main(void)
{
	struct framepool *fp = framepool_open(NULL);
	struct framepool_buffer *buf = fp ? framepool_buffer_alloc(fp, BYTES) : NULL;
	extent_hooks_t *ours = &hooks;
	size_t size = sizeof(unsigned int);
	unsigned int arena;

	memory = buf ? framepool_buffer_map(buf) : NULL;
	if (!memory || mallctl("arenas.create", &arena, &size, &ours, sizeof(ours)))
		return 1;
	printf("%zu blocks of 4000 bytes, ", fill(arena, 4000));
	printf("then %zu of 100000 in %lu MiB\n", fill(arena, 100000), BYTES >> 20);
	return 0;
}
