// SPDX-License-Identifier: LGPL-2.1-or-later
/* Buffers, one by one and in batches, on the fake kernel. */
#include <errno.h>
#include <string.h>

#include "fake.h"
#include "test.h"

#define POOL_BYTES	(32UL << 20)
#define MANY		1500	/* more than one call allocates */

static struct framepool *fp;
static struct framepool_buffer *bufs[MANY];

/* Writes to all of the buffer; false if it did not read as zeros. */
static bool use(struct framepool_buffer *buf)
{
	char *memory = framepool_buffer_map(buf);
	bool zero = memory && !memory[0] && !memory[framepool_buffer_length(buf) - 1];

	if (memory)
		memset(memory, 1, framepool_buffer_length(buf));
	return zero && framepool_buffer_map(buf) == memory;
}

static void check_one(void)
{
	struct framepool_buffer *buf = framepool_buffer_alloc(fp, 5000);
	uint64_t bytes = 1;

	check(buf && framepool_buffer_length(buf) == 8192 && framepool_buffer_handle(buf),
	      "buffer_has_whole_frames");
	check(use(buf), "buffer_is_mapped_once");
	check(!framepool_buffer_mapped_bytes(buf, &bytes) && !bytes, "buffer_can_be_asked_about");
	framepool_buffer_unmap(buf);
	framepool_buffer_free(buf);
	check(!fake_buffers(), "buffer_that_is_freed_is_gone");
}

static void check_refused(void)
{
	errno = 0;
	check(!framepool_buffer_alloc(fp, 0) && errno == EINVAL, "length_zero_is_refused");
	check(!framepool_buffer_alloc(fp, 2 * POOL_BYTES) && errno == ENOMEM,
	      "more_than_the_pool_is_refused");
	fake_fail_memory(1);
	check(!framepool_buffer_alloc(fp, 1) && errno == ENOBUFS && !fake_buffers(),
	      "buffer_without_memory_for_the_object_is_enobufs");
	fake_fail_memory(0);
	errno = ERANGE;
	framepool_buffer_free(NULL);
	check(errno == ERANGE, "free_leaves_errno_alone");
}

static void check_own(void)
{
	struct framepool_buffer *buf = framepool_buffer_alloc_own(fp, 5000, 0, 0), *same, *other;

	check(buf && !framepool_buffer_offset(buf), "own_buffer_lies_at_the_beginning");
	errno = 0;
	check(!framepool_buffer_alloc_own(fp, 1, 0, 0) && errno == EEXIST, "there_is_one_only");
	same = framepool_buffer_at(fp, 4096);
	other = framepool_buffer_alloc(fp, 1);
	check(same && framepool_buffer_handle(same) == framepool_buffer_handle(buf) &&
	      framepool_buffer_length(same) == framepool_buffer_length(buf),
	      "buffer_is_found_by_offset");
	fake_fail_memory(1);
	check(!framepool_buffer_at(fp, 0) && errno == ENOBUFS, "search_without_memory_is_enobufs");
	fake_fail_memory(0);
	framepool_buffer_free(same);
	check(!framepool_buffer_at(fp, 0) && errno == ENOENT && fake_buffers() == 1,
	      "found_buffer_can_be_freed");
	/* Its handle is gone, so this ends the object only. */
	framepool_buffer_free(buf);
	framepool_buffer_free(other);
	check(!fake_buffers(), "own_buffer_is_freed_once");
}

static void check_movable(void)
{
	struct framepool_buffer *buf, *stays = framepool_buffer_alloc(fp, 4096), *many[2];
	uint64_t address = 1, pinned = 2;

	framepool_movable(fp, true);
	buf = framepool_buffer_alloc(fp, 4096);
	check(framepool_alloc_batch(fp, 4096, 0, 0, false, many, 2) == 2 &&
	      framepool_buffer_address(many[1], &address) && errno == EADDRNOTAVAIL,
	      "movable_buffers_of_a_batch_have_no_address");
	framepool_free_batch(many, 2);
	framepool_movable(fp, false);
	errno = 0;
	check(framepool_buffer_address(buf, &address) && errno == EADDRNOTAVAIL && address == 1,
	      "movable_buffer_has_no_address");
	check(!framepool_buffer_address(stays, &address) && address, "other_buffer_has_one");
	check(!framepool_buffer_pin(buf, &pinned) && !framepool_buffer_address(buf, &address) &&
	      address == pinned, "pin_tells_the_address");
	check(!framepool_buffer_pin(buf, NULL) && !framepool_buffer_unpin(buf) &&
	      !framepool_buffer_address(buf, &address) && !framepool_buffer_unpin(buf) &&
	      framepool_buffer_address(buf, &address), "pins_are_counted");
	errno = 0;
	check(framepool_buffer_unpin(buf) && errno == EINVAL, "unpin_without_a_pin_is_einval");
	fake_hide_addresses(true);
	check(!framepool_buffer_address(buf, &address) && !address, "hidden_address_is_zero");
	fake_hide_addresses(false);
	framepool_buffer_free(buf);
	framepool_buffer_free(stays);
}

static void check_batch(void)
{
	bool right = true;

	check(framepool_alloc_batch(fp, 1, 0, 0, false, bufs, MANY) == MANY &&
	      fake_buffers() == MANY, "batch_of_more_than_a_call_allocates_all");
	for (int i = 0; i < MANY; i++)
		right &= use(bufs[i]);
	check(right, "each_buffer_of_a_batch_is_its_own");
	framepool_free_batch(bufs, MANY);
	check(!fake_buffers(), "batch_that_is_freed_is_gone");
}

static void check_batch_that_fails(void)
{
	size_t nr = framepool_alloc_batch(fp, 1UL << 20, 0, 0, true, bufs, MANY);

	check(nr && nr <= POOL_BYTES >> 20 && errno == ENOMEM && fake_buffers() == nr,
	      "partial_batch_allocates_what_there_is");
	framepool_free_batch(bufs, nr);
	check(!framepool_alloc_batch(fp, 1, 0, 0, true, bufs, 0), "batch_of_none_is_none");
	for (int after = 1; after < 4; after++) {
		fake_fail_memory(after);
		check(!framepool_alloc_batch(fp, 1, 0, 0, false, bufs, MANY) && errno == ENOBUFS &&
		      !fake_buffers(), "batch_without_memory_is_enobufs");
		fake_fail_memory(0);
	}
}

int main(void)
{
	fp = fake_open(POOL_BYTES);
	check_one();
	check_refused();
	check_own();
	check_movable();
	check_batch();
	check_batch_that_fails();
	fake_close(fp);
	return 0;
}
