// SPDX-License-Identifier: LGPL-2.1-or-later
/* A plugin that contains libframepool.a, for plugin_test, with the fake kernel. */
#include "plugin.h"
#include "fake.h"

static struct framepool *fp;
static struct framepool_cache *cache;

bool plugin_begin(void)
{
	fp = fake_open(4UL << 20);
	cache = framepool_cache_create(fp, 64, 0, 0);
	return cache;
}

bool plugin_use(void)
{
	void *object = framepool_cache_alloc(cache);

	return object && !framepool_cache_free(cache, object);
}

bool plugin_end(void)
{
	bool gone;

	framepool_cache_destroy(cache);
	gone = !fake_caches();
	fake_close(fp);
	return gone;
}
