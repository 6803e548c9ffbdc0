/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A small kernel: caches over a file in memory, for tests of the library without a module.
 *
 * The program is linked with --wrap for the calls that it answers, or lets fail, in the kernel's stead. Its state
 * is shared over fork(), as the kernel's is.
 */
#ifndef FRAMEPOOL_FAKE_H
#define FRAMEPOOL_FAKE_H

#include <libframepool.h>

#define FAKE_HUGE_BYTES	(2UL << 20)
#define FAKE_SLAB_BYTES	(256UL << 10)

struct framepool *fake_open(uint64_t bytes);
void fake_close(struct framepool *fp);
void fake_limit(uint64_t objects);
void fake_fail(unsigned long request, int err);
void fake_fail_memory(int after);
uint64_t fake_live(const struct framepool_cache *cache);
uint32_t fake_caches(void);
uint64_t fake_calls(void);

#endif
