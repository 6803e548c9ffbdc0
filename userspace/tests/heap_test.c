// SPDX-License-Identifier: LGPL-2.1-or-later
/* Heaps on the fake kernel: what each function does, bad input and shortage. */
#include <errno.h>
#include <libframepool_heap.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fake.h"
#include "random.h"
#include "test.h"

#define POOL_BYTES	(64UL << 20)
#define MIB		(1UL << 20)
#define SLOT		(2 * MIB)

static struct framepool *fp;
static struct framepool_heap *heap;

static void begin_with(const struct framepool_heap_options *options)
{
	heap = framepool_heap_create(fp, options);
	if (!heap)
		abort();
}

static void begin(void)
{
	begin_with(NULL);
}

static bool end(void)
{
	bool clean = !framepool_heap_destroy(heap);

	return clean && !fake_buffers();
}

static struct framepool_heap_stats stats(void)
{
	struct framepool_heap_stats now;

	if (framepool_heap_stats(heap, &now))
		abort();
	return now;
}

/* Whether the whole block is in memory and has one physical address for each of its bytes. */
static bool is_block(char *block, size_t size)
{
	size_t usable = framepool_heap_usable_size(heap, block);
	uint64_t address;

	if (!block || usable < size || (uintptr_t)block % FRAMEPOOL_HEAP_ALIGN ||
	    !framepool_heap_owns(heap, block) || framepool_heap_address(heap, block, &address))
		return false;
	memset(block, 0x5a, usable);
	return address >= FAKE_ADDRESS && address % 4096 == (uintptr_t)block % 4096;
}

static void check_sizes(void)
{
	bool right = true, tight = true;

	begin();
	check(!fake_buffers(), "heap_begins_without_memory");
	for (size_t size = 0; size < 5 * MIB; size += size / 9 + 1) {
		char *block = framepool_heap_alloc(heap, size);

		right &= is_block(block, size);
		tight &= framepool_heap_usable_size(heap, block) <= size + size / 4 + 16 ||
			 size > 32768;
		right &= !framepool_heap_free(heap, block);
	}
	check(right, "blocks_of_all_sizes_are_usable");
	check(tight, "blocks_are_at_most_a_quarter_longer");
	errno = 0;
	check(!framepool_heap_alloc(heap, SIZE_MAX) && errno == ENOMEM,
	      "block_of_all_sizes_at_once_is_enomem");
	errno = 0;
	check(!framepool_heap_alloc(heap, (size_t)PTRDIFF_MAX) && errno == ENOMEM,
	      "block_of_half_the_sizes_at_once_is_enomem");
	check(end(), "destroy_gives_all_memory_back");
}

static void check_alignment(void)
{
	bool right = true;
	uint64_t address;

	begin();
	for (size_t align = 1; align <= FRAMEPOOL_HEAP_ALIGN_MAX; align *= 2)
		for (size_t size = 0; size < 3 * MIB; size = size * 3 + 1) {
			char *block = framepool_heap_aligned_alloc(heap, align, size);

			right &= is_block(block, size) && !((uintptr_t)block & (align - 1)) &&
				 !framepool_heap_address(heap, block, &address) &&
				 !(address & (align - 1));
			right &= !framepool_heap_free(heap, block);
		}
	check(right, "blocks_are_aligned_in_both_addresses");
	errno = 0;
	check(!framepool_heap_aligned_alloc(heap, 0, 1) && errno == EINVAL,
	      "alignment_0_is_einval");
	errno = 0;
	check(!framepool_heap_aligned_alloc(heap, 48, 1) && errno == EINVAL,
	      "alignment_that_is_no_power_of_two_is_einval");
	errno = 0;
	check(!framepool_heap_aligned_alloc(heap, 4 * MIB, 1) && errno == EINVAL,
	      "alignment_of_more_than_2_mib_is_einval");
	check(end(), "aligned_blocks_leave_nothing");
}

static bool is_zero(const char *block, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (block[i])
			return false;
	return true;
}

/* Every size is used dirty, in spans that other sizes used before. */
static void check_zeros(void)
{
	static const size_t sizes[] = { 1, 40, 700, 3000, 20000, 40000, 300000, 2000000 };
	uint64_t seed = random_seed();
	bool right = true;

	begin();
	for (int i = 0; i < 3000; i++) {
		size_t size = sizes[random_below(&seed, 8)];
		bool clear = random_below(&seed, 2);
		char *block = clear ? framepool_heap_calloc(heap, size, 1) :
				      framepool_heap_alloc(heap, size);
		static char *blocks[32];
		uint32_t at = random_below(&seed, 32);

		right &= block && (!clear || is_zero(block, size));
		memset(block, 0xff, framepool_heap_usable_size(heap, block));
		framepool_heap_free(heap, blocks[at]);
		blocks[at] = block;
		if (i == 2999)
			for (at = 0; at < 32; at++)
				framepool_heap_free(heap, blocks[at]);
	}
	check(right, "calloc_gives_zeros");
	errno = 0;
	check(!framepool_heap_calloc(heap, SIZE_MAX / 2, 3) && errno == ENOMEM,
	      "calloc_of_a_product_that_overflows_is_enomem");
	check(end(), "zeros_leave_nothing");
}

/* Pages have blocks that were known to be zero and never used, then one long block, then blocks. */
static void check_zeros_of_other_blocks(void)
{
	char *first, *block, *blocks[4];
	bool right = true;

	begin();
	first = framepool_heap_alloc(heap, 40000);
	framepool_heap_free(heap, framepool_heap_alloc(heap, 512));
	framepool_heap_trim(heap);
	block = framepool_heap_alloc(heap, 100000);
	memset(block, 0xff, 100000);
	framepool_heap_free(heap, block);
	for (int i = 0; i < 4; i++) {
		blocks[i] = framepool_heap_calloc(heap, 1, 512);
		right &= blocks[i] > first && blocks[i] < first + 200000 &&
			 is_zero(blocks[i], 512);
	}
	check(right, "what_was_known_to_be_zero_is_forgotten_with_its_blocks");
	for (int i = 0; i < 4; i++)
		framepool_heap_free(heap, blocks[i]);
	check(!framepool_heap_free(heap, first) && end(), "forgotten_zeros_leave_nothing");
}

/* Then the memory of chunks and long blocks is what was left there. */
static void check_noclear(void)
{
	bool right = true;
	char *block;

	begin_with(&(struct framepool_heap_options){ .keep_bytes = 1 });
	framepool_noclear(fp, true);
	for (size_t size = 300; size < 4 * MIB; size = size * 3 / 2) {
		for (int i = 0; i < 2; i++) {
			block = framepool_heap_calloc(heap, 1, size);
			right &= is_zero(block, size);
			memset(block, 1, size);
			framepool_heap_free(heap, block);
			framepool_heap_trim(heap);
		}
	}
	check(right, "calloc_gives_zeros_after_noclear");
	framepool_noclear(fp, false);
	check(end(), "noclear_leaves_nothing");
}

static void check_realloc(void)
{
	size_t size = 1, filled = 0;
	char *block = NULL;
	bool right = true;

	begin();
	for (; size < 3 * MIB; size = size * 5 / 3 + 1) {
		block = framepool_heap_realloc(heap, block, size);
		for (; filled < size; filled++)
			block[filled] = (char)filled;
	}
	for (size_t i = 0; i < filled; i++)
		right &= block[i] == (char)i;
	check(right, "realloc_keeps_the_content_of_blocks_that_grow");
	block = framepool_heap_realloc(heap, block, 1100);
	check(block && block[1050] == (char)1050 && framepool_heap_usable_size(heap, block) < 1300,
	      "realloc_gives_back_what_is_not_needed");
	check(framepool_heap_realloc(heap, block, 1000) == block, "realloc_to_nearly_all_stays");
	fake_fail(FRAMEPOOL_IOC_ALLOC, ENOMEM);
	errno = 0;
	check(!framepool_heap_realloc(heap, block, 2 * MIB) && errno == ENOMEM &&
	      block[900] == (char)900, "realloc_that_fails_leaves_the_block");
	fake_fail(FRAMEPOOL_IOC_ALLOC, 0);
	errno = 0;
	check(!framepool_heap_realloc(heap, block + 16, 10) && errno == EINVAL,
	      "realloc_of_no_block_is_einval");
	block = framepool_heap_realloc(heap, block, 0);
	check(block && !framepool_heap_free(heap, block) && end(), "realloc_to_0_is_a_block");
}

static bool refuses(void *pointer)
{
	uint64_t bad = stats().bad_frees, address;

	errno = 0;
	if (framepool_heap_free(heap, pointer) != -1 || errno != EINVAL ||
	    stats().bad_frees != bad + 1 || framepool_heap_owns(heap, pointer))
		return false;
	errno = 0;
	if (framepool_heap_usable_size(heap, pointer) || errno != EINVAL)
		return false;
	errno = 0;
	return framepool_heap_address(heap, pointer, &address) == -1 && errno == EINVAL;
}

static void check_bad_pointers(void)
{
	static const size_t sizes[] = { 16, 500, 20000, 100000, 3 * MIB };
	bool twice = true, inside = true;
	struct framepool_heap *other;
	char *own = malloc(100);

	begin();
	for (int i = 0; i < 5; i++) {
		char *block = framepool_heap_alloc(heap, sizes[i]);

		inside &= refuses(block + 1) && refuses(block + sizes[i] - 1) &&
			  (sizes[i] < 32 || refuses(block + 16));
		framepool_heap_free(heap, block);
		twice &= refuses(block);
		framepool_heap_trim(heap);
		twice &= refuses(block);
	}
	check(twice, "second_free_is_einval");
	check(inside, "free_inside_of_a_block_is_einval");
	check(refuses(own) && refuses(&own) && refuses((void *)16) && refuses((void *)-16L),
	      "free_of_foreign_memory_is_einval");
	free(own);
	other = framepool_heap_create(fp, NULL);
	own = framepool_heap_alloc(other, 100);
	check(refuses(own) && !framepool_heap_free(other, own),
	      "free_of_a_block_of_another_heap_is_einval");
	framepool_heap_destroy(other);
	errno = 77;
	check(!framepool_heap_free(heap, NULL) && errno == 77, "free_of_null_does_nothing");
	check(end(), "bad_pointers_leave_nothing");
}

/* What a program writes beyond its blocks reaches other blocks, never the heap. */
static void check_overflow(void)
{
	static char *blocks[2000];
	bool right = true;

	begin();
	for (int i = 0; i < 2000; i++)
		blocks[i] = framepool_heap_alloc(heap, 100);
	for (int i = 0; i < 2000; i += 2) {
		size_t left = (SLOT - (uintptr_t)blocks[i] % SLOT);

		memset(blocks[i], 0xee, left < 5000 ? left : 5000);
		right &= !framepool_heap_free(heap, blocks[i]);
		memset(blocks[i], 0xee, 100);
	}
	for (int i = 0; i < 2000; i += 2)
		blocks[i] = framepool_heap_alloc(heap, 100);
	for (int i = 0; i < 2000; i++)
		right &= !framepool_heap_free(heap, blocks[i]);
	check(right && !stats().blocks && end(), "overflow_does_not_reach_the_heap");
}

static void check_options(void)
{
	struct framepool_heap_options options = { .reserved = { 0, 1 } };
	char *blocks[8];

	errno = 0;
	check(!framepool_heap_create(fp, &options) && errno == EINVAL, "reserved_field_is_einval");
	options = (struct framepool_heap_options){ .growth_bytes = POOL_BYTES + 1 };
	errno = 0;
	check(!framepool_heap_create(fp, &options) && errno == EINVAL,
	      "growth_of_more_than_the_pool_is_einval");
	options = (struct framepool_heap_options){ .limit_bytes = 4 * MIB, .keep_bytes = 1 };
	begin_with(&options);
	for (int i = 0; i < 4; i++)
		blocks[i] = framepool_heap_alloc(heap, MIB);
	errno = 0;
	check(blocks[3] && !framepool_heap_alloc(heap, 1) && errno == ENOMEM &&
	      stats().memory == 4 * MIB, "limit_holds");
	framepool_heap_free(heap, blocks[0]);
	check(framepool_heap_alloc(heap, 900000) == blocks[0], "limit_leaves_what_was_freed");
	for (int i = 0; i < 4; i++)
		framepool_heap_free(heap, blocks[i]);
	check(!stats().memory && !fake_buffers() && end(), "nothing_is_kept_if_that_is_said");
	options = (struct framepool_heap_options){ .growth_bytes = 6 * MIB, .keep_bytes = 4 * MIB };
	begin_with(&options);
	framepool_heap_free(heap, framepool_heap_alloc(heap, 100));
	check(stats().memory == 6 * MIB && fake_buffers() == 3 && stats().empty == 4 * MIB,
	      "heap_grows_by_what_was_said");
	check(framepool_heap_trim(heap) == 6 * MIB && !stats().memory && !fake_buffers(),
	      "trim_gives_back_what_is_kept");
	for (int i = 0; i < 8; i++)
		blocks[i] = framepool_heap_alloc(heap, MIB);
	for (int i = 0; i < 8; i++)
		framepool_heap_free(heap, blocks[i]);
	check(stats().memory == 4 * MIB && stats().empty == 4 * MIB && end(),
	      "heap_keeps_as_much_as_was_said");
}

static size_t fill(size_t size, char ***blocks)
{
	size_t nr = 0;

	*blocks = malloc((POOL_BYTES / size + 1) * sizeof(char *));
	while (((*blocks)[nr] = framepool_heap_alloc(heap, size)))
		nr++;
	return nr;
}

static size_t fill_and_free(size_t size)
{
	char **blocks;
	size_t nr = fill(size, &blocks);

	for (size_t i = nr; i--;)
		framepool_heap_free(heap, blocks[i]);
	free(blocks);
	return nr;
}

static void check_exhaustion(void)
{
	static const size_t sizes[] = { 48, 5120, 65536 };
	size_t first, again;
	char **blocks;
	bool most = true, same = true;

	begin();
	for (int i = 0; i < 3; i++) {
		first = fill_and_free(sizes[i]);
		again = fill_and_free(sizes[i]);
		most &= first >= POOL_BYTES / sizes[i] * 98 / 100;
		same &= first == again;
		framepool_heap_trim(heap);
	}
	check(most, "blocks_fill_the_pool");
	check(same, "as_many_blocks_fit_again");
	check(errno == ENOMEM, "full_pool_is_enomem");
	/* Small blocks keep all chunks; then what threads keep is a whole chunk's worth. */
	first = fill(65536, &blocks);
	for (size_t i = 0; i < 8; i++)
		framepool_heap_free(heap, blocks[i]);
	check(framepool_heap_alloc(heap, 500000) != NULL,
	      "pages_of_freed_blocks_serve_longer_ones");
	framepool_heap_destroy(heap);
	free(blocks);
	check(!fake_buffers(), "destroy_frees_blocks_that_are_left");
}

/* The bins hold blocks of all pages of the only chunk, which a longer block needs. */
static void check_drain(void)
{
	char *blocks[60];

	begin_with(&(struct framepool_heap_options){ .limit_bytes = SLOT });
	for (int i = 0; i < 60; i++)
		blocks[i] = framepool_heap_alloc(heap, 32768);
	for (int i = 0; i < 60; i++)
		framepool_heap_free(heap, blocks[i]);
	check(stats().kept && !stats().drains, "thread_keeps_blocks");
	blocks[0] = framepool_heap_alloc(heap, MIB);
	blocks[1] = framepool_heap_alloc(heap, MIB);
	check(blocks[0] && blocks[1] && stats().drains && !stats().kept,
	      "what_is_kept_comes_back_before_enomem");
	framepool_heap_free(heap, blocks[0]);
	framepool_heap_free(heap, blocks[1]);
	blocks[0] = framepool_heap_alloc(heap, 2 * MIB);
	check(blocks[0] != NULL, "empty_chunk_comes_back_before_enomem");
	framepool_heap_free(heap, blocks[0]);
	check(end(), "drain_leaves_nothing");
}

static void check_bound(void)
{
	uint64_t seed = random_seed(), most = 0;
	static char *blocks[4096];

	begin();
	for (int i = 0; i < 200000; i++) {
		uint32_t at = random_below(&seed, 4096);
		size_t size = 16U << random_below(&seed, 12);

		if (blocks[at]) {
			framepool_heap_free(heap, blocks[at]);
			blocks[at] = NULL;
		} else if (random_below(&seed, 4096) < 2000) {
			blocks[at] = framepool_heap_alloc(heap, size - random_below(&seed, 15));
		}
		if (i % 1000 == 0 && stats().kept > most)
			most = stats().kept;
	}
	for (int i = 0; i < 4096; i++)
		framepool_heap_free(heap, blocks[i]);
	if (stats().kept > most)
		most = stats().kept;
	check(most > 100000 && most <= 512 << 10, "thread_keeps_at_most_512_kib");
	check(end(), "bound_leaves_nothing");
}

static void check_errors(void)
{
	static const int errs[] = { ENOMEM, ENOSPC, EDQUOT };
	bool right = true;
	char *block;

	begin();
	for (int i = 0; i < 3; i++) {
		fake_fail(FRAMEPOOL_IOC_ALLOC, errs[i]);
		errno = 0;
		right &= !framepool_heap_alloc(heap, 10) && errno == errs[i];
		errno = 0;
		right &= !framepool_heap_alloc(heap, 2 * MIB) && errno == errs[i];
	}
	fake_fail(FRAMEPOOL_IOC_ALLOC, 0);
	check(right && !fake_buffers(), "shortage_has_the_errno_of_the_kernel");
	fake_fail(FRAMEPOOL_IOC_QUERY, EIO);
	check(!framepool_heap_alloc(heap, 10) && errno == EIO && !fake_buffers(),
	      "failed_query_frees_the_buffer");
	fake_fail(FRAMEPOOL_IOC_QUERY, 0);
	errno = 77;
	block = framepool_heap_alloc(heap, 10);
	framepool_heap_free(heap, block);
	check(errno == 77, "success_leaves_errno_alone");
	check(end(), "errors_leave_nothing");
	for (int after = 1; after < 30; after++) {
		fake_fail_memory(after);
		heap = framepool_heap_create(fp, NULL);
		errno = 0;
		block = heap ? framepool_heap_alloc(heap, 10) : NULL;
		right &= heap || errno == 0 || errno == ENOBUFS;
		if (block)
			right &= !framepool_heap_free(heap, block);
		fake_fail_memory(0);
		right &= !framepool_heap_destroy(heap) && !fake_buffers();
	}
	check(right, "shortage_of_other_memory_leaves_nothing");
}

static void check_shutdown(void)
{
	char *kept, *small, *run, *large;

	begin();
	kept = framepool_heap_alloc(heap, 100);
	small = framepool_heap_alloc(heap, 100);
	run = framepool_heap_alloc(heap, 100000);
	large = framepool_heap_alloc(heap, 2 * MIB);
	framepool_heap_free(heap, kept);
	fake_fail(FRAMEPOOL_IOC_ALLOC, ENODEV);
	errno = 0;
	check(!framepool_heap_alloc(heap, 4 * MIB) && errno == ENODEV, "shutdown_is_enodev");
	fake_fail(FRAMEPOOL_IOC_ALLOC, 0);
	errno = 0;
	check(!framepool_heap_alloc(heap, 100) && errno == ENODEV &&
	      !framepool_heap_alloc(heap, 100000) && !framepool_heap_alloc(heap, 2 * MIB),
	      "all_allocations_after_a_shutdown_are_enodev");
	framepool_heap_trim(heap);
	check(!framepool_heap_alloc(heap, 100), "trim_does_not_undo_a_shutdown");
	check(!framepool_heap_free(heap, small) && !framepool_heap_free(heap, run) &&
	      !framepool_heap_free(heap, large) && end(), "blocks_are_freed_after_a_shutdown");
}

static bool is_refused(char *block)
{
	struct framepool_heap_stats now;
	uint64_t address;
	bool right = true;

	errno = 0;
	right &= framepool_heap_free(heap, block) == -1 && errno == EPERM;
	errno = 0;
	right &= !framepool_heap_alloc(heap, 100) && errno == EPERM;
	errno = 0;
	right &= !framepool_heap_calloc(heap, 1, MIB) && errno == EPERM;
	errno = 0;
	right &= !framepool_heap_realloc(heap, block, 10000) && errno == EPERM;
	errno = 0;
	right &= !framepool_heap_aligned_alloc(heap, 64, 10) && errno == EPERM;
	errno = 0;
	right &= !framepool_heap_usable_size(heap, block) && errno == EPERM;
	errno = 0;
	right &= framepool_heap_address(heap, block, &address) == -1 && errno == EPERM;
	errno = 0;
	right &= framepool_heap_stats(heap, &now) == -1 && errno == EPERM;
	return right && !framepool_heap_owns(heap, block) && !framepool_heap_trim(heap);
}

static void check_fork(void)
{
	char *block, *other;
	int status;
	pid_t pid;

	begin();
	block = framepool_heap_alloc(heap, 100);
	other = framepool_heap_alloc(heap, 100);
	framepool_heap_free(heap, other);
	strcpy(block, "parent");
	pid = fork();
	if (!pid) {
		bool right = is_refused(block) && !strcmp(block, "parent");

		strcpy(block, "child");
		framepool_heap_destroy(heap);
		_exit(!right);
	}
	waitpid(pid, &status, 0);
	check(!status, "child_may_not_use_the_heap");
	check(!strcmp(block, "child"), "child_shares_blocks");
	check(fake_buffers() == 1 && stats().blocks == 1 &&
	      framepool_heap_alloc(heap, 100) == other, "child_takes_nothing_from_its_parent");
	framepool_heap_free(heap, other);
	check(!framepool_heap_free(heap, block) && end(), "fork_leaves_nothing");
}

int main(void)
{
	fp = fake_open(POOL_BYTES);
	check_sizes();
	check_alignment();
	check_zeros();
	check_zeros_of_other_blocks();
	check_noclear();
	check_realloc();
	check_bad_pointers();
	check_overflow();
	check_options();
	check_exhaustion();
	check_drain();
	check_bound();
	check_errors();
	check_shutdown();
	check_fork();
	framepool_heap_destroy(NULL);
	fake_close(fp);
	return 0;
}
