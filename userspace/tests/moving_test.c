// SPDX-License-Identifier: LGPL-2.1-or-later
/* Moving heaps used by one thread, on the fake kernel. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fake.h"
#include "moving.h"
#include "random.h"
#include "test.h"

#define POOL_BYTES	(16UL << 30)
#define CHUNK		FRAMEPOOL_MOVING_CHUNK
#define MANY		200000
#define FOREVER		UINT64_MAX

static struct framepool *fp;
static struct framepool_moving *heap;
static uint64_t handles[MANY];

static struct framepool_moving *create(uint64_t chunks)
{
	return framepool_moving_create(
		fp, &(struct framepool_moving_options){ .limit = chunks * CHUNK });
}

static void begin(uint64_t chunks)
{
	heap = create(chunks);
	if (!heap)
		abort();
}

static bool end(void)
{
	framepool_moving_destroy(heap);
	return !fake_buffers();
}

static struct framepool_moving_stats stats(void)
{
	struct framepool_moving_stats now;

	if (framepool_moving_stats(heap, &now))
		abort();
	return now;
}

static uint64_t chunks(void)
{
	return stats().memory / CHUNK;
}

static bool pin_matches(uint64_t handle, size_t size, unsigned char mark)
{
	const unsigned char *at = framepool_moving_pin(heap, handle, 0);
	bool right = at && framepool_moving_size(heap, handle) == size;

	for (size_t i = 0; right && i < size; i++)
		right = at[i] == mark;
	return right && !framepool_moving_unpin(heap, handle);
}

static uint64_t alloc_marked(size_t size, unsigned char mark)
{
	uint64_t handle = framepool_moving_alloc(heap, size);
	void *at = handle ? framepool_moving_pin(heap, handle, 0) : NULL;

	if (!at)
		return 0;
	memset(at, mark, size);
	framepool_moving_unpin(heap, handle);
	return handle;
}

/* Allocates until the heap is full; returns how many objects there are. */
static size_t fill(size_t size)
{
	size_t nr = 0;

	while (nr < MANY && (handles[nr] = alloc_marked(size, (unsigned char)nr)))
		nr++;
	return nr;
}

static bool free_all(size_t nr)
{
	bool right = true;

	for (size_t i = 0; i < nr; i++)
		right &= !handles[i] || !framepool_moving_free(heap, handles[i]);
	return right;
}

static bool are_intact(size_t nr, size_t size)
{
	bool right = true;

	for (size_t i = 0; i < nr; i++)
		right &= !handles[i] || pin_matches(handles[i], size, (unsigned char)i);
	return right;
}

/* Whether the objects of a chunk are as moving_chunk.c promises; adds to their number. */
static bool is_valid_chunk(uint32_t which, uint64_t *nr)
{
	const struct fp_moving_chunk *chunk = &heap->chunks[which];
	uint32_t end_of_last = 0, live = 0;

	for (uint32_t i = 0; i < FP_MOVING_SLOTS; i++) {
		const struct fp_object *object = &heap->objects[chunk->slots[i]];
		uint32_t offset;

		if (!chunk->slots[i])
			continue;
		offset = fp_moving_offset(heap, object);
		if (i >= chunk->nr_slots || object->chunk != which || object->slot != i ||
		    !(object->state & FP_MOVING_LIVE) || offset < end_of_last ||
		    offset % FRAMEPOOL_MOVING_ALIGN || offset / FRAMEPOOL_MOVING_ALIGN < i)
			return false;
		live += fp_moving_round(object->size);
		end_of_last = offset + fp_moving_round(object->size);
		++*nr;
	}
	return live == chunk->live && end_of_last <= chunk->top && chunk->top <= CHUNK;
}

static bool is_valid(void)
{
	uint64_t objects = 0, live = 0, memory = 0;

	for (uint32_t i = 0; i < heap->nr_chunks; i++) {
		if (!heap->chunks[i].buf)
			continue;
		if (!is_valid_chunk(i, &objects))
			return false;
		live += heap->chunks[i].live;
		memory += CHUNK;
	}
	return objects == heap->stats.objects && live == heap->stats.bytes &&
	       memory == heap->stats.memory;
}

static void check_objects(void)
{
	uint64_t a, b, first, second;
	char *at, *behind;

	begin(2);
	check(!fake_buffers() && !chunks(), "heap_begins_without_memory");
	errno = 77;
	a = framepool_moving_alloc(heap, 100);
	b = framepool_moving_alloc(heap, 1);
	at = framepool_moving_pin(heap, a, 0);
	behind = framepool_moving_pin(heap, b, 0);
	check(behind == at + 112 && !((uintptr_t)at % FRAMEPOOL_MOVING_ALIGN),
	      "objects_lie_one_behind_the_other");
	check(framepool_moving_size(heap, a) == 100 && framepool_moving_size(heap, b) == 1,
	      "size_is_what_was_asked_for");
	check(!framepool_moving_address(heap, a, &first) && first >= FAKE_ADDRESS &&
	      !framepool_moving_address(heap, b, &second) && second == first + 112,
	      "address_is_that_of_the_memory");
	fake_hide_addresses(true);
	check(!framepool_moving_unpin(heap, a) && !framepool_moving_unpin(heap, b) &&
	      !framepool_moving_free(heap, a) && !framepool_moving_free(heap, b) && errno == 77 &&
	      is_valid(), "calls_that_succeed_leave_errno_alone");
	check(end(), "destroy_gives_all_back");
	begin(2);
	a = framepool_moving_alloc(heap, CHUNK);
	check(a && framepool_moving_pin(heap, a, 0) && !framepool_moving_address(heap, a, &first) &&
	      !first, "address_without_the_right_to_know_is_0");
	fake_hide_addresses(false);
	check(end(), "destroy_frees_pinned_objects");
}

static bool fails(bool failed, int err)
{
	bool right = failed && errno == err;

	errno = 0;
	return right;
}

static void check_bad_input(void)
{
	struct framepool_moving_options bad = { .reserved = { 0, 0, 1 } };
	uint64_t a, address;

	errno = 0;
	check(fails(!framepool_moving_create(fp, &bad), EINVAL) &&
	      fails(!create(1 << 26), EINVAL), "create_with_bad_options_is_einval");
	framepool_moving_destroy(NULL);
	begin(4);
	a = framepool_moving_alloc(heap, 10);
	check(fails(!framepool_moving_alloc(heap, 0), EINVAL) &&
	      fails(!framepool_moving_alloc(heap, CHUNK + 1), EINVAL) &&
	      fails(!framepool_moving_alloc(heap, SIZE_MAX), EINVAL), "bad_size_is_einval");
	check(fails(!framepool_moving_pin(heap, a, 2), EINVAL) &&
	      fails(!framepool_moving_pin(heap, a, 3), EINVAL), "bad_flag_is_einval");
	check(fails(framepool_moving_unpin(heap, a), ENOENT) &&
	      fails(framepool_moving_address(heap, a, &address), ENOENT),
	      "object_that_is_not_pinned_is_enoent");
	framepool_moving_pin(heap, a, 0);
	framepool_moving_pin(heap, a, FRAMEPOOL_MOVING_PIN_LONG);
	check(fails(framepool_moving_free(heap, a), EBUSY) && !framepool_moving_unpin(heap, a) &&
	      fails(framepool_moving_free(heap, a), EBUSY) && !framepool_moving_unpin(heap, a) &&
	      fails(framepool_moving_unpin(heap, a), ENOENT) && !framepool_moving_free(heap, a),
	      "free_of_a_pinned_object_is_ebusy");
	a = framepool_moving_alloc(heap, 10);
	heap->objects[a & FP_MOVING_INDEX].state += FRAMEPOOL_MOVING_PINS_MAX;
	check(fails(!framepool_moving_pin(heap, a, 0), EOVERFLOW) &&
	      fails(!framepool_moving_pin(heap, a, FRAMEPOOL_MOVING_PIN_LONG), EOVERFLOW),
	      "too_many_pins_are_eoverflow");
	check(is_valid(), "bad_input_changes_nothing");
	end();
}

static bool is_refused(uint64_t handle)
{
	uint64_t address;

	errno = 0;
	return fails(framepool_moving_free(heap, handle), EINVAL) &&
	       fails(!framepool_moving_pin(heap, handle, 0), EINVAL) &&
	       fails(!framepool_moving_pin(heap, handle, FRAMEPOOL_MOVING_PIN_LONG), EINVAL) &&
	       fails(framepool_moving_unpin(heap, handle), EINVAL) &&
	       fails(!framepool_moving_size(heap, handle), EINVAL) &&
	       fails(framepool_moving_address(heap, handle, &address), EINVAL);
}

static void check_handles(void)
{
	struct framepool_moving *other = create(1);
	uint64_t a, b, foreign = framepool_moving_alloc(other, 16), index;

	begin(1);
	check(is_refused(0) && is_refused(1) && is_refused(UINT64_MAX) && is_refused(foreign),
	      "foreign_handle_is_einval");
	a = framepool_moving_alloc(heap, 16);
	check(is_refused(foreign) && is_refused(a + 1) &&
	      is_refused(a + (1ULL << FP_MOVING_INDEX_BITS)), "guessed_handle_is_einval");
	framepool_moving_free(heap, a);
	check(is_refused(a), "handle_of_a_freed_object_is_einval");
	b = framepool_moving_alloc(heap, 16);
	index = b & FP_MOVING_INDEX;
	check(index == (a & FP_MOVING_INDEX) && is_refused(a) && framepool_moving_size(heap, b),
	      "stale_handle_is_not_the_next_object");
	heap->objects[index].state |= FP_MOVING_GENERATION_MAX << FP_MOVING_INDEX_BITS;
	b = heap->objects[index].state & ~FP_MOVING_INDEX;
	b |= index;
	check(!framepool_moving_free(heap, b) && is_refused(b) &&
	      (framepool_moving_alloc(heap, 16) & FP_MOVING_INDEX) != index && is_refused(b),
	      "entry_after_its_last_generation_is_not_used_again");
	framepool_moving_destroy(other);
	check(end(), "heaps_end_one_by_one");
}

static void check_limit(void)
{
	size_t nr;

	begin(3);
	nr = fill(100000);
	check(fails(!framepool_moving_alloc(heap, 100000), ENOMEM) && nr == 60 && chunks() == 3,
	      "heap_beyond_its_limit_is_enomem");
	handles[nr] = framepool_moving_alloc(heap, 16);
	check(handles[nr], "smaller_object_still_fits");
	free_all(nr + 1);
	check(is_valid() && chunks() == 1, "chunks_without_objects_go_back");
	check(fill(100000) == 60, "heap_is_filled_again");
	check(end(), "full_heap_ends");
}

static bool refuses(int err)
{
	errno = 0;
	return fails(!framepool_moving_alloc(heap, CHUNK), err) && chunks() == 1 && is_valid() &&
	       fake_buffers() == 1;
}

static void check_errors(void)
{
	static const int errors[] = { EDQUOT, ENODEV, ENOSPC, ENOMEM };
	bool right = true;
	int refused = 0;

	begin(10);
	framepool_moving_alloc(heap, 10);
	for (size_t i = 0; i < sizeof(errors) / sizeof(*errors); i++) {
		fake_fail(FRAMEPOOL_IOC_ALLOC, errors[i]);
		right &= refuses(errors[i]);
		errno = 78;
		right &= framepool_moving_alloc(heap, 10) && errno == 78;
	}
	fake_fail(FRAMEPOOL_IOC_ALLOC, 0);
	check(right, "refused_chunk_gives_its_error_and_old_ones_go_on");
	fake_fail(FRAMEPOOL_IOC_QUERY, ENODEV);
	check(refuses(ENODEV), "chunk_that_is_gone_is_freed");
	fake_fail(FRAMEPOOL_IOC_QUERY, 0);
	for (int i = 1; i < 5; i++) {
		fake_fail_memory(i);
		refused += refuses(i == 1 || i == 4 ? ENOBUFS : ENOMEM);
		fake_fail_memory(0);
	}
	check(refused == 4, "chunk_without_memory_leaves_nothing");
	check(framepool_moving_alloc(heap, CHUNK), "heap_goes_on_after_errors");
	end();
	refused = 0;
	for (int i = 1; i < 4; i++) {
		fake_fail_memory(i);
		errno = 0;
		refused += fails(!create(1), ENOBUFS);
		fake_fail_memory(0);
	}
	check(refused == 3, "create_without_memory_is_enobufs");
	heap = framepool_moving_create(fp, NULL);
	check(heap && heap->nr_chunks_max == POOL_BYTES / CHUNK, "without_a_limit_it_is_the_pools");
	end();
}

/* Frees each object but every @keep'th. */
static void thin_out(size_t nr, size_t keep)
{
	for (size_t i = 0; i < nr; i++)
		if (i % keep) {
			framepool_moving_free(heap, handles[i]);
			handles[i] = 0;
		}
}

static void check_compaction(void)
{
	size_t nr;

	begin(16);
	nr = fill(1000);
	thin_out(nr, 4);
	check(chunks() == 16 && !framepool_moving_compact(heap, FOREVER) && chunks() == 4 &&
	      is_valid() && are_intact(nr, 1000), "compaction_gives_three_of_four_chunks_back");
	errno = 79;
	check(!framepool_moving_compact(heap, FOREVER) && errno == 79 &&
	      stats().returned_chunks == 12, "compaction_of_a_dense_heap_does_nothing");
	free_all(nr);
	check(chunks() <= 1, "moved_objects_are_freed");
	end();
	begin(1);
	nr = fill(1000);
	thin_out(nr, 2);
	check(!framepool_moving_alloc(heap, CHUNK / 3) &&
	      !framepool_moving_compact(heap, FOREVER) &&
	      framepool_moving_alloc(heap, CHUNK / 3) && is_valid() && are_intact(nr, 1000),
	      "compaction_makes_room_within_a_chunk");
	check(end(), "compacted_heap_ends");
}

/* Each kept object is pinned, if its number is one of these. */
static void pin_some(size_t nr, size_t every, unsigned int flags, void **pins)
{
	for (size_t i = 0; i < nr; i += every)
		pins[i] = framepool_moving_pin(heap, handles[i], flags);
}

static bool have_stayed(size_t nr, size_t every, void **pins)
{
	bool right = true;

	for (size_t i = 0; i < nr; i += every)
		right &= pins[i] && framepool_moving_pin(heap, handles[i], 0) == pins[i] &&
			 !framepool_moving_unpin(heap, handles[i]) &&
			 !framepool_moving_unpin(heap, handles[i]);
	return right;
}

static void check_pins(void)
{
	static void *pins[MANY];
	size_t nr;

	begin(16);
	nr = fill(1000);
	thin_out(nr, 4);
	pin_some(nr, 4096, 0, pins);
	check(!framepool_moving_compact(heap, FOREVER) && chunks() == 9 && is_valid() &&
	      are_intact(nr, 1000) && have_stayed(nr, 4096, pins),
	      "chunks_with_pinned_objects_stay_and_the_others_go");
	check(!framepool_moving_compact(heap, FOREVER) && chunks() <= 5 && is_valid() &&
	      are_intact(nr, 1000), "unpinned_objects_move_again");
	end();
	begin(16);
	nr = fill(1000);
	for (size_t i = 3 * nr / 4; i < nr; i++)
		framepool_moving_free(heap, handles[i]);
	nr = 3 * nr / 4;
	thin_out(nr, 2);
	pin_some(nr, 200, FRAMEPOOL_MOVING_PIN_LONG, pins);
	check(chunks() == 14 && !framepool_moving_compact(heap, FOREVER) && chunks() <= 8 &&
	      is_valid() && are_intact(nr, 1000) && have_stayed(nr, 200, pins),
	      "long_pins_lie_together");
	free_all(nr);
	check(end(), "heap_with_long_pins_ends");
	begin(1);
	nr = fill(1000);
	thin_out(nr, 2);
	pin_some(nr, 20, FRAMEPOOL_MOVING_PIN_LONG, pins);
	check(!framepool_moving_compact(heap, FOREVER) && are_intact(nr, 1000) && is_valid() &&
	      have_stayed(nr, 20, pins), "long_pin_without_memory_stays");
	check(end(), "small_heap_ends");
}

static void check_budget(void)
{
	uint64_t moved = 0, most = 0, calls = 0;
	bool right = true;
	size_t nr;

	begin(8);
	nr = fill(3000);
	thin_out(nr, 3);
	while (framepool_moving_compact(heap, 0) == 1) {
		uint64_t now = stats().moved_objects;

		if (now - moved > most)
			most = now - moved;
		moved = now;
		right &= ++calls % 64 || is_valid();
	}
	check(right && most == 1 && chunks() == 3 && are_intact(nr, 3000),
	      "compaction_without_a_budget_moves_one_object_each_time");
	free_all(nr);
	check(end(), "compaction_ends_in_the_end");
}

static bool lives_as_child(uint64_t handle, const char *object)
{
	struct framepool_moving_stats now;
	uint64_t address;

	errno = 0;
	return fails(!framepool_moving_alloc(heap, 10), EPERM) &&
	       fails(framepool_moving_free(heap, handle), EPERM) &&
	       fails(!framepool_moving_pin(heap, handle, 0), EPERM) &&
	       fails(!framepool_moving_pin(heap, handle, FRAMEPOOL_MOVING_PIN_LONG), EPERM) &&
	       fails(framepool_moving_unpin(heap, handle), EPERM) &&
	       fails(!framepool_moving_size(heap, handle), EPERM) &&
	       fails(framepool_moving_address(heap, handle, &address), EPERM) &&
	       fails(framepool_moving_compact(heap, FOREVER) == -1, EPERM) &&
	       fails(framepool_moving_stats(heap, &now), EPERM) && object[0] == 5 &&
	       (framepool_moving_destroy(heap), fake_buffers() == 2);
}

static void check_fork(void)
{
	uint64_t a, b;
	int status = -1;
	pid_t child;
	char *at;

	begin(4);
	a = alloc_marked(CHUNK, 4);
	b = alloc_marked(100, 5);
	at = framepool_moving_pin(heap, b, 0);
	fflush(NULL);
	child = fork();
	if (!child)
		_exit(!lives_as_child(b, at));
	check(waitpid(child, &status, 0) == child && !status, "child_owns_nothing_of_a_heap");
	check(pin_matches(a, CHUNK, 4) && pin_matches(b, 100, 5) && is_valid(),
	      "heap_stays_the_parents");
	end();
}

/* The model: what each object must be. A pinned one must not move. */
struct shadow {
	uint64_t handle;
	size_t size;
	unsigned char mark;
	unsigned int pins;
	void *at;
};

#define SHADOWS	4000

static struct shadow shadows[SHADOWS];

static bool alloc_shadow(struct shadow *shadow, uint64_t *seed)
{
	shadow->size = 1 + random_below(seed, random_below(seed, 30) ? 2000 : 200000);
	shadow->mark = (unsigned char)random_below(seed, 256);
	errno = 0;
	shadow->handle = alloc_marked(shadow->size, shadow->mark);
	return shadow->handle || errno == ENOMEM;
}

static bool free_shadow(struct shadow *shadow)
{
	uint64_t handle = shadow->handle;

	if (shadow->pins)
		return fails(framepool_moving_free(heap, handle), EBUSY);
	if (!pin_matches(handle, shadow->size, shadow->mark) ||
	    framepool_moving_free(heap, handle) || !is_refused(handle))
		return false;
	shadow->handle = 0;
	return true;
}

static bool pin_shadow(struct shadow *shadow, uint64_t *seed)
{
	unsigned int flags = random_below(seed, 3) ? 0 : FRAMEPOOL_MOVING_PIN_LONG;
	void *at = framepool_moving_pin(heap, shadow->handle, flags);
	bool right = at && (!shadow->pins || at == shadow->at);

	shadow->at = at;
	shadow->pins++;
	return right;
}

static bool unpin_shadow(struct shadow *shadow)
{
	if (!shadow->pins)
		return fails(framepool_moving_unpin(heap, shadow->handle), ENOENT);
	shadow->pins--;
	return pin_matches(shadow->handle, shadow->size, shadow->mark) &&
	       !framepool_moving_unpin(heap, shadow->handle);
}

static bool act(uint64_t *seed)
{
	struct shadow *shadow = &shadows[random_below(seed, SHADOWS)];
	uint32_t dice = random_below(seed, 100);

	errno = 0;
	if (dice < 3)
		return framepool_moving_compact(heap, random_below(seed, 4) * 20000) >= 0;
	if (!shadow->handle)
		return alloc_shadow(shadow, seed);
	if (dice < 50)
		return free_shadow(shadow);
	return dice < 70 ? pin_shadow(shadow, seed) : unpin_shadow(shadow);
}

static bool match_shadows(void)
{
	bool right = is_valid();

	for (int i = 0; i < SHADOWS; i++)
		right &= !shadows[i].handle ||
			 pin_matches(shadows[i].handle, shadows[i].size, shadows[i].mark);
	return right;
}

/* Some seeds are short of memory, where compaction and refusals are many. */
static void check_random(void)
{
	uint64_t seed = random_seed();
	bool right = true;

	for (int turn = 0; right && turn < 8; turn++) {
		begin(2 + random_below(&seed, 9));
		memset(shadows, 0, sizeof(shadows));
		for (int i = 0; right && i < 30000; i++) {
			right &= act(&seed);
			if (i % 1500 == 0)
				right &= match_shadows();
		}
		right &= framepool_moving_compact(heap, FOREVER) == 0 && match_shadows();
		for (int i = 0; i < SHADOWS; i++) {
			while (right && shadows[i].handle && shadows[i].pins)
				right &= unpin_shadow(&shadows[i]);
			right &= !right || !shadows[i].handle || free_shadow(&shadows[i]);
		}
		right &= !stats().objects && chunks() <= 1;
		right &= end();
	}
	check(right, "random_objects_are_as_the_model_says");
}

int main(void)
{
	fp = fake_open(POOL_BYTES);
	check_objects();
	check_bad_input();
	check_handles();
	check_limit();
	check_errors();
	check_compaction();
	check_pins();
	check_budget();
	check_fork();
	check_random();
	fake_close(fp);
	return 0;
}
