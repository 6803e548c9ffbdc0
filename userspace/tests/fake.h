/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A small kernel for tests of the library without a module: buffers and caches in a file in memory.
 *
 * The program is linked with --wrap for the calls that the fake answers, or lets fail, instead of
 * the kernel. A child made by fork() shares the fake's state, as it would share the kernel's.
 */
#ifndef FRAMEPOOL_FAKE_H
#define FRAMEPOOL_FAKE_H

#include <framepool.h>
#include <libframepool.h>

#define FAKE_HUGE_BYTES	(2UL << 20)
#define FAKE_ADDRESS	(4ULL << 30)	/* of the first byte of the file */
#define FAKE_SLAB_BYTES	(256UL << 10)

struct framepool *fake_open(uint64_t bytes);
void fake_close(struct framepool *fp);
struct framepool_ioc_info *fake_info(void);
struct framepool_ioc_stats *fake_stats(void);
void fake_limit(uint64_t objects);
void fake_fail(unsigned long request, int err);
void fake_fail_memory(int after);
uint64_t fake_live(const struct framepool_cache *cache);
uint32_t fake_buffers(void);
void fake_hide_addresses(bool hide);
uint32_t fake_caches(void);
uint64_t fake_calls(void);

#endif
