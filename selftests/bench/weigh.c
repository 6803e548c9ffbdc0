// SPDX-License-Identifier: GPL-2.0-only
/*
 * The suite "slab", case "memory": how many bytes an object takes beyond its size. The figure of
 * both sides includes what the kernel's caches grow by: that is all of the other side, and the
 * metadata of our slabs. The slabs of our cache are added to it.
 */
#include <linux/mm.h>
#include <linux/vmstat.h>

#include "peers.h"

#define OBJECTS	1000000U

static u64 kernel_slab_bytes(void)
{
	return global_node_page_state_pages(NR_SLAB_UNRECLAIMABLE_B) << PAGE_SHIFT;
}

/* In thousandths; BENCH_NONE: there is not enough memory. */
static u64 measure_side(const struct bench_side *side, u64 *objects, u32 size)
{
	u64 before = kernel_slab_bytes(), bytes = BENCH_NONE;
	u32 nr;

	for (nr = 0; nr < OBJECTS; nr++) {
		objects[nr] = side->ops->alloc(side->contexts[0], 0);
		if (objects[nr] == BENCH_NONE)
			break;
		if (nr % 1024 == 0)
			bench_pause();
	}
	if (nr == OBJECTS)
		bytes = kernel_slab_bytes() - before + bench_cache_bytes(side);
	while (nr--)
		side->ops->free(side->contexts[0], objects[nr], 0);
	return bytes == BENCH_NONE ? bytes : (bytes - (u64)OBJECTS * size) * 1000 / OBJECTS;
}

/**
 * bench_memory() - measure how much memory two allocators of objects take, and report
 * @ours: a cache
 * @theirs: the other
 * @size: of the objects
 *
 * Context: may sleep.
 * Return: 0; -ENOMEM: nothing was reported.
 */
int bench_memory(const struct bench_side *ours, const struct bench_side *theirs, u32 size)
{
	struct bench_row row = {
		.suite = "slab", .threads = 1, .unit = "bytes", .peer = theirs->name,
	};
	u64 *objects = kvcalloc(OBJECTS, sizeof(*objects), GFP_KERNEL);
	char name[32];

	if (!objects)
		return -ENOMEM;
	row.ours.best = measure_side(ours, objects, size);
	row.theirs.best = measure_side(theirs, objects, size);
	kvfree(objects);
	if (row.ours.best == BENCH_NONE || row.theirs.best == BENCH_NONE)
		return -ENOMEM;
	row.ours.low = row.ours.best;
	row.ours.high = row.ours.best;
	row.theirs.low = row.theirs.best;
	row.theirs.high = row.theirs.best;
	snprintf(name, sizeof(name), "%u bytes memory", size);
	row.name = name;
	bench_emit(&row);
	return 0;
}
