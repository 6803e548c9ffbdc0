// SPDX-License-Identifier: GPL-2.0-only
#include "slabs.h"
#include "test.h"

static u8 *arena;

static u32 nr_places(const struct slabs *slabs)
{
	return min_t(u64, ARENA_BYTES >> slabs->cache.shift, sizeof(slabs->taken));
}

/* Takes the lowest free place. */
static u64 get_place(struct fp_slab_cache *cache, bool may_sleep)
{
	struct slabs *slabs = list_entry(cache, struct slabs, cache);
	u64 base = FP_SLAB_NONE;
	u32 i;

	(void)may_sleep;
	spin_lock_bh(&slabs->lock);
	for (i = 0; slabs->nr < slabs->limit && i < nr_places(slabs) && slabs->taken[i]; i++)
		;
	if (slabs->nr < slabs->limit && i < nr_places(slabs)) {
		slabs->taken[i] = true;
		slabs->nr++;
		base = cache->origin + ((u64)i << cache->shift);
	}
	spin_unlock_bh(&slabs->lock);
	return base;
}

static void put_place(struct fp_slab_cache *cache, u64 base, void *private)
{
	struct slabs *slabs = list_entry(cache, struct slabs, cache);
	u32 i = (base - cache->origin) >> cache->shift;

	spin_lock_bh(&slabs->lock);
	EXPECT(i < nr_places(slabs) && slabs->taken[i] && !(base & ((1ULL << cache->shift) - 1)));
	slabs->taken[i] = false;
	slabs->nr--;
	spin_unlock_bh(&slabs->lock);
}

static const struct fp_slab_ops arena_ops = { .get = get_place, .put = put_place };

static struct fp_slab_config begin(struct slabs *slabs, const struct fp_slab_config *config)
{
	struct fp_slab_config on_arena = *config;

	if (!arena)
		arena = aligned_alloc(PLACE_BYTES, ARENA_BYTES);
	memset(slabs, 0, sizeof(*slabs));
	spin_lock_init(&slabs->lock);
	slabs->limit = U32_MAX;
	on_arena.ops = &arena_ops;
	on_arena.origin = (uintptr_t)arena;
	on_arena.span = ARENA_BYTES;
	return on_arena;
}

int slabs_init(struct slabs *slabs, const struct fp_slab_config *config)
{
	struct fp_slab_config on_arena = begin(slabs, config);

	return fp_slab_init(&slabs->cache, &on_arena);
}

int slabs_setup(struct slabs *slabs, const struct fp_slab_config *config)
{
	struct fp_slab_config on_arena = begin(slabs, config);

	return fp_slab_setup(&slabs->cache, &on_arena);
}

void slabs_fini(struct slabs *slabs)
{
	u64 live;

	slabs_expect_sound(slabs);
	EXPECT(fp_slab_fini(&slabs->cache, &live) == 0 && live == 0);
	EXPECT(slabs->nr == 0);
}

void slabs_expect_sound(struct slabs *slabs)
{
	const char *broken = fp_slab_verify(&slabs->cache);

	if (broken)
		printf("# %s\n", broken);
	EXPECT(!broken);
}

u64 slabs_active(struct slabs *slabs)
{
	struct fp_slab_stats stats;

	fp_slab_stats(&slabs->cache, &stats);
	EXPECT(stats.active + stats.cached <= stats.objects);
	return stats.active;
}
