// SPDX-License-Identifier: LGPL-2.1-or-later
/* Arenas in one piece of memory: the caller's, or a buffer of the fake kernel. */
#include <errno.h>
#include <libframepool_arena.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "fake.h"
#include "test.h"

#define POOL_BYTES	(32UL << 20)
#define REGION		4096

static char region[REGION] __attribute__((aligned(64)));

static struct framepool_arena make(size_t bytes, unsigned int flags)
{
	struct framepool_arena arena;

	if (framepool_arena_init(&arena, region, bytes, 0, flags))
		abort();
	return arena;
}

static void check_alloc(void)
{
	struct framepool_arena arena = make(REGION, 0);
	char *a = framepool_arena_alloc(&arena, 1, 0), *b = framepool_arena_alloc(&arena, 16, 1);
	char *c = framepool_arena_alloc(&arena, 17, 8), *d = framepool_arena_alloc(&arena, 0, 16);

	check(a == region && b == a + 16 && c == b + 16 && d == c + 32 &&
	      framepool_arena_used(&arena) == 64,
	      "pieces_lie_one_behind_the_other");
	check(framepool_arena_alloc(&arena, REGION - 64, 0) == region + 64 &&
	      framepool_arena_used(&arena) == REGION, "piece_may_fill_the_arena");
	errno = 0;
	check(!framepool_arena_alloc(&arena, 1, 0) && errno == ENOMEM, "full_arena_is_enomem");
	framepool_arena_reset(&arena);
	check(framepool_arena_alloc(&arena, 1, 0) == region, "reset_frees_all");
	framepool_arena_fini(&arena);
	errno = 0;
	check(!framepool_arena_alloc(&arena, 1, 0) && errno == ENOMEM &&
	      !framepool_arena_used(&arena), "arena_that_has_ended_is_enomem");
}

static bool is_refused(size_t size, size_t align, int err)
{
	struct framepool_arena arena = make(REGION, 0), before = arena;

	errno = 0;
	return !framepool_arena_alloc(&arena, size, align) && errno == err &&
	       !memcmp(&arena, &before, sizeof(arena));
}

static void check_bad_alloc(void)
{
	check(is_refused(REGION + 1, 0, ENOMEM) && is_refused(SIZE_MAX, 0, ENOMEM) &&
	      is_refused(SIZE_MAX - 15, 32, ENOMEM) && is_refused(SIZE_MAX / 2, 2U << 20, ENOMEM),
	      "too_large_a_size_is_enomem");
	check(is_refused(16, 3, EINVAL) && is_refused(16, 24, EINVAL) &&
	      is_refused(16, 4U << 20, EINVAL) && is_refused(16, SIZE_MAX, EINVAL),
	      "bad_alignment_is_einval");
}

static bool init_fails(void *memory, size_t bytes, uint64_t address, unsigned int flags)
{
	struct framepool_arena arena;

	errno = 0;
	return framepool_arena_init(&arena, memory, bytes, address, flags) == -1 &&
	       errno == EINVAL && !framepool_arena_alloc(&arena, 1, 0);
}

static void check_init(void)
{
	struct framepool_arena arena;

	check(init_fails(NULL, REGION, 0, 0) && init_fails(region, 15, 0, 0) &&
	      init_fails(region + 1, 30, 0, 0) && init_fails(region, 0, 0, 0) &&
	      init_fails(region, SIZE_MAX, 0, 0) && init_fails(region, REGION, UINT64_MAX, 0) &&
	      init_fails(region, REGION, 0, 2), "init_with_bad_arguments_is_einval");
	check(!framepool_arena_init(&arena, region + 1, 47, 0, 0) &&
	      framepool_arena_alloc(&arena, 32, 0) == region + 16 &&
	      !framepool_arena_alloc(&arena, 1, 0), "unaligned_memory_is_rounded_inwards");
}

static void check_pop(void)
{
	struct framepool_arena arena = make(REGION, 0), first = arena;
	char *a = framepool_arena_alloc(&arena, 5, 0), *b = framepool_arena_alloc(&arena, 100, 512);
	char *c = framepool_arena_alloc(&arena, 0, 256);
	char *d = framepool_arena_alloc(&arena, 33, 1024);

	errno = 0;
	check(framepool_arena_pop(&arena, c, 0) == -1 && errno == EINVAL &&
	      framepool_arena_pop(&arena, d, 49) == -1 && framepool_arena_pop(&arena, NULL, 1) &&
	      framepool_arena_pop(&arena, d + 16, 33) && framepool_arena_pop(&arena, d, SIZE_MAX),
	      "pop_of_another_piece_is_einval");
	errno = 77;
	check(!framepool_arena_pop(&arena, d, 33) && !framepool_arena_pop(&arena, c, 0) &&
	      !framepool_arena_pop(&arena, b, 100) && !framepool_arena_pop(&arena, a, 5) &&
	      errno == 77 && !memcmp(&arena, &first, sizeof(arena)),
	      "pieces_are_popped_in_reverse_order");
	a = framepool_arena_alloc(&arena, 0, 0);
	b = framepool_arena_alloc(&arena, 8, 0);
	check(a == b && !framepool_arena_pop(&arena, b, 8) && !framepool_arena_pop(&arena, a, 0) &&
	      !framepool_arena_used(&arena), "piece_of_no_bytes_takes_none");
	check(framepool_arena_pop(&arena, a, 5) == -1, "pop_from_an_empty_arena_is_einval");
}

static void check_release(void)
{
	struct framepool_arena arena = make(REGION, 0), other = make(1024, 0);
	struct framepool_arena_mark first = framepool_arena_mark(&arena), second, third;
	char *a = framepool_arena_alloc(&arena, 40, 0);

	second = framepool_arena_mark(&arena);
	framepool_arena_alloc(&arena, 40, 256);
	framepool_arena_alloc(&arena, 1500, 1024);
	third = framepool_arena_mark(&arena);
	check(!framepool_arena_release(&arena, second) && !framepool_arena_pop(&arena, a, 40),
	      "release_frees_what_came_after_the_mark");
	errno = 0;
	check(framepool_arena_release(&arena, second) == -1 && errno == EINVAL &&
	      framepool_arena_release(&other, third) == -1, "release_to_a_later_mark_is_einval");
	check(!framepool_arena_release(&arena, first) && !framepool_arena_used(&arena),
	      "release_of_nothing_is_harmless");
}

/* What the program writes beyond a piece may be taken for what the arena left there. */
static void check_overflow(void)
{
	bool inside = true;

	for (int value = 0; value < 256; value += 5) {
		struct framepool_arena arena = make(REGION, 0);
		char *a = framepool_arena_alloc(&arena, 16, 0);
		char *b = framepool_arena_alloc(&arena, 64, 1024);

		memset(a, value, 1024);
		inside &= !framepool_arena_pop(&arena, b, 64);
		a = framepool_arena_alloc(&arena, 16, 0);
		inside &= a >= region && a <= region + 1024;
	}
	check(inside, "overwritten_room_does_not_lead_outside");
}

static void check_buffer(void)
{
	struct framepool *fp = fake_open(POOL_BYTES);
	struct framepool_buffer *small = framepool_buffer_alloc(fp, 12345);
	struct framepool_buffer *buf = framepool_buffer_alloc(fp, 8UL << 20);
	struct framepool_arena arena;
	uint64_t address, first;
	char *a, *b;

	framepool_buffer_address(buf, &first);
	check(!framepool_arena_init_buffer(&arena, buf, 0), "buffer_becomes_an_arena");
	a = framepool_arena_alloc(&arena, 10, 0);
	check(a == framepool_buffer_map(buf) &&
	      !framepool_arena_address(&arena, a + 9, &address) && address == first + 9,
	      "arena_knows_addresses");
	errno = 0;
	check(framepool_arena_address(&arena, a + 16, &address) == -1 && errno == EINVAL &&
	      framepool_arena_address(&arena, a - 1, &address) == -1,
	      "address_of_a_byte_not_in_use_is_einval");
	b = framepool_arena_alloc(&arena, 100, 4096);
	check(!((uintptr_t)b % 4096) && !framepool_arena_address(&arena, b, &address) &&
	      !(address % 4096), "piece_is_aligned_in_both_addresses");
	framepool_arena_fini(&arena);
	check(fake_buffers() == 2, "buffer_stays_the_callers");
	fake_hide_addresses(true);
	check(!framepool_arena_init_buffer(&arena, small, 0) &&
	      framepool_arena_alloc(&arena, 4096, 4096) &&
	      !framepool_arena_address(&arena, framepool_buffer_map(small), &address) && !address,
	      "hidden_address_is_0");
	errno = 0;
	check(!framepool_arena_alloc(&arena, 1, 8192) && errno == EINVAL,
	      "alignment_that_the_mapping_lacks_is_einval");
	errno = 0;
	check(framepool_arena_init_buffer(&arena, small, 4) == -1 && errno == EINVAL &&
	      !framepool_arena_alloc(&arena, 1, 0), "buffer_with_bad_flags_is_einval");
	fake_fail(FRAMEPOOL_IOC_QUERY, ENODEV);
	errno = 0;
	check(framepool_arena_init_buffer(&arena, small, 0) == -1 && errno == ENODEV &&
	      !framepool_arena_alloc(&arena, 1, 0), "buffer_of_a_dead_pool_is_enodev");
	framepool_buffer_free(small);
	framepool_buffer_free(buf);
	fake_close(fp);
}

/* Memory whose two addresses differ in bit 16 has no common alignment above that. */
static void check_address(void)
{
	static char memory[1 << 18] __attribute__((aligned(1 << 18)));
	struct framepool_arena arena;
	uint64_t address = 0;
	char *a;

	framepool_arena_init(&arena, memory + 8, sizeof(memory) - 8, (5ULL << 16) + 8, 0);
	a = framepool_arena_alloc(&arena, 1, 1 << 16);
	check(a == memory + (1 << 16) && !framepool_arena_address(&arena, a, &address) &&
	      address == 6ULL << 16, "given_address_is_used");
	errno = 0;
	check(!framepool_arena_alloc(&arena, 1, 1 << 17) && errno == EINVAL,
	      "alignment_without_both_addresses_is_einval");
}

/* A handler uses an arena of its own, while the program uses another. */
static struct framepool_arena handlers;
static volatile sig_atomic_t handled, handler_fails;

static void handle(int signal)
{
	static char memory[1024];
	int err = errno;

	(void)signal;
	if (framepool_arena_init(&handlers, memory, sizeof(memory), 0, FRAMEPOOL_ARENA_CHECK))
		handler_fails = 1;
	for (int i = 1; i <= 8; i++) {
		char *piece = framepool_arena_alloc(&handlers, (size_t)i, 0);

		if (!piece)
			handler_fails = 1;
		else
			memset(piece, i, (size_t)i);
	}
	framepool_arena_reset(&handlers);
	if (framepool_arena_alloc(&handlers, 2000, 64) || errno != ENOMEM)
		handler_fails = 1;
	handled++;
	errno = err;
}

static void check_signals(void)
{
	struct itimerval often = { { 0, 200 }, { 0, 200 } }, never = { { 0, 0 }, { 0, 0 } };
	struct framepool_arena arena = make(REGION, 0);
	bool right = true;

	signal(SIGALRM, handle);
	setitimer(ITIMER_REAL, &often, NULL);
	while (handled < 100) {
		for (int i = 0; i < 60; i++) {
			char *piece = framepool_arena_alloc(&arena, 33, i % 7 ? 0 : 32);

			right &= piece && piece + 33 <= region + REGION;
		}
		framepool_arena_reset(&arena);
	}
	setitimer(ITIMER_REAL, &never, NULL);
	signal(SIGALRM, SIG_DFL);
	check(right && !handler_fails, "handler_uses_an_arena");
}

int main(void)
{
	check_alloc();
	check_bad_alloc();
	check_init();
	check_pop();
	check_release();
	check_overflow();
	check_buffer();
	check_address();
	check_signals();
	return 0;
}
