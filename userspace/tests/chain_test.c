// SPDX-License-Identifier: LGPL-2.1-or-later
/* Arenas that grow by buffers, on the fake kernel, and arenas of all kinds at random. */
#include <errno.h>
#include <libframepool_arena.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fake.h"
#include "random.h"
#include "test.h"

#define POOL_BYTES	(256UL << 20)
#define CHUNK		65536

static struct framepool *fp;
static struct framepool_arena arena;

static void begin(unsigned int flags)
{
	if (framepool_arena_init_chain(&arena, fp, CHUNK, flags))
		abort();
}

static void check_growth(void)
{
	char *a, *b, *c;

	begin(0);
	check(!fake_buffers(), "chain_begins_without_a_buffer");
	errno = 77;
	a = framepool_arena_alloc(&arena, 60000, 0);
	b = framepool_arena_alloc(&arena, 60000, 0);
	c = framepool_arena_alloc(&arena, 1000000, 64);
	memset(a, 1, 60000);
	memset(b, 2, 60000);
	memset(c, 3, 1000000);
	check(errno == 77 && fake_buffers() == 3 && a[59999] == 1 && b[59999] == 2,
	      "chain_grows_by_buffers");
	check(framepool_arena_used(&arena) == 60000 + 60000 + 1000000, "chain_knows_what_is_used");
	framepool_arena_reset(&arena);
	check(fake_buffers() == 1 && framepool_arena_alloc(&arena, 1, 0) == a,
	      "reset_keeps_the_first_buffer");
	framepool_arena_fini(&arena);
	check(!fake_buffers(), "fini_frees_all_buffers");
}

static void check_marks(void)
{
	struct framepool_arena_mark first, second, third;
	char *a;

	begin(0);
	first = framepool_arena_mark(&arena);
	a = framepool_arena_alloc(&arena, 40000, 0);
	second = framepool_arena_mark(&arena);
	for (int i = 0; i < 300; i++)
		framepool_arena_alloc(&arena, 40000, 0);
	third = framepool_arena_mark(&arena);
	check(!framepool_arena_release(&arena, second) && fake_buffers() == 1 &&
	      framepool_arena_alloc(&arena, 100, 0) == a + 40000, "release_frees_later_buffers");
	errno = 0;
	check(framepool_arena_release(&arena, third) == -1 && errno == EINVAL &&
	      fake_buffers() == 1, "release_to_a_mark_in_a_later_buffer_is_einval");
	check(!framepool_arena_release(&arena, first) && !fake_buffers(),
	      "release_to_the_beginning_frees_all_buffers");
	framepool_arena_fini(&arena);
}

static void check_pops(void)
{
	char *pieces[50];
	bool right = true;

	begin(0);
	for (int i = 0; i < 50; i++)
		pieces[i] = framepool_arena_alloc(&arena, 30000, i % 3 ? 0 : 1024);
	errno = 0;
	right &= framepool_arena_pop(&arena, pieces[48], 30000) == -1 && errno == EINVAL;
	for (int i = 49; i >= 0; i--)
		right &= !framepool_arena_pop(&arena, pieces[i], 30000);
	check(right && fake_buffers() == 1 && !framepool_arena_used(&arena),
	      "pieces_are_popped_across_buffers");
	framepool_arena_fini(&arena);
}

static void check_addresses(void)
{
	uint64_t address;
	bool right = true;

	begin(0);
	for (size_t align = 16; align <= FRAMEPOOL_ARENA_ALIGN_MAX; align *= 2) {
		char *piece = framepool_arena_alloc(&arena, 5000, align);

		right &= piece && !((uintptr_t)piece & (align - 1)) &&
			 !framepool_arena_address(&arena, piece, &address) &&
			 !(address & (align - 1)) &&
			 !framepool_arena_address(&arena, piece + 4999, &address);
	}
	check(right, "piece_of_a_chain_is_aligned_in_both_addresses");
	errno = 0;
	check(framepool_arena_address(&arena, &right, &address) == -1 && errno == EINVAL,
	      "address_outside_a_chain_is_einval");
	framepool_arena_fini(&arena);
}

static bool grows_with(int err)
{
	errno = 0;
	return !framepool_arena_alloc(&arena, CHUNK, 0) && errno == err && fake_buffers() == 1;
}

static void check_errors(void)
{
	char *a;
	int refused = 0;

	errno = 0;
	check(framepool_arena_init_chain(&arena, fp, 0, 0) == -1 && errno == EINVAL &&
	      framepool_arena_init_chain(&arena, fp, SIZE_MAX, 0) == -1 &&
	      framepool_arena_init_chain(&arena, fp, CHUNK, 2) == -1 &&
	      !framepool_arena_alloc(&arena, 1, 0), "chain_with_bad_arguments_is_einval");
	begin(0);
	a = framepool_arena_alloc(&arena, 16, 0);
	fake_fail(FRAMEPOOL_IOC_ALLOC, EDQUOT);
	check(grows_with(EDQUOT) && framepool_arena_alloc(&arena, 16, 0) == a + 16,
	      "chain_beyond_its_quota_is_edquot");
	fake_fail(FRAMEPOOL_IOC_ALLOC, ENODEV);
	check(grows_with(ENODEV), "chain_in_a_dead_pool_is_enodev");
	fake_fail(FRAMEPOOL_IOC_ALLOC, 0);
	fake_fail(FRAMEPOOL_IOC_QUERY, ENODEV);
	check(grows_with(ENODEV), "chain_whose_buffer_is_gone_frees_it");
	fake_fail(FRAMEPOOL_IOC_QUERY, 0);
	for (int i = 1; i < 5; i++) {
		fake_fail_memory(i);
		refused += grows_with(i < 3 ? ENOBUFS : ENOMEM);
		fake_fail_memory(0);
	}
	check(refused == 4, "chain_without_memory_leaves_nothing");
	errno = 0;
	check(!framepool_arena_alloc(&arena, SIZE_MAX / 2, 0) && errno == ENOMEM &&
	      !framepool_arena_alloc(&arena, POOL_BYTES, 0) && errno == ENOMEM &&
	      framepool_arena_alloc(&arena, CHUNK, 0), "full_pool_is_enomem");
	framepool_arena_fini(&arena);
	fake_fail_memory(1);
	errno = 0;
	check(framepool_arena_init_chain(&arena, fp, CHUNK, 0) == -1 && errno == ENOBUFS,
	      "chain_without_memory_is_enobufs");
	fake_fail_memory(0);
}

static bool lives_as_child(void)
{
	struct framepool_arena_mark mark = framepool_arena_mark(&arena);

	mark.buffers = 1;
	errno = 0;
	if (framepool_arena_alloc(&arena, CHUNK, 0) || errno != EPERM)
		return false;
	framepool_arena_release(&arena, mark);
	framepool_arena_fini(&arena);
	return fake_buffers() == 3;
}

static void check_fork(void)
{
	int status = -1;
	pid_t child;
	char *a;

	begin(0);
	a = framepool_arena_alloc(&arena, CHUNK, 0);
	framepool_arena_alloc(&arena, CHUNK, 0);
	framepool_arena_alloc(&arena, CHUNK, 0);
	a[0] = 1;
	fflush(NULL);
	child = fork();
	if (!child)
		_exit(!lives_as_child());
	check(waitpid(child, &status, 0) == child && !status, "child_frees_nothing_of_a_chain");
	check(a[0] == 1 && framepool_arena_alloc(&arena, CHUNK, 0), "chain_stays_the_parents");
	framepool_arena_fini(&arena);
}

/* A piece of the model: its bytes are all @mark. */
struct piece {
	unsigned char *at;
	size_t size;
	unsigned char mark;
};

#define PIECES	3000

struct model {
	struct framepool_arena arena;
	struct piece pieces[PIECES];
	size_t nr;
	struct framepool_arena_mark mark;
	size_t mark_nr;
	bool has_mark;
};

static bool is_intact(const struct piece *piece)
{
	for (size_t i = 0; i < piece->size; i++)
		if (piece->at[i] != piece->mark)
			return false;
	return true;
}

static bool overlaps(const struct model *model, const struct piece *piece)
{
	for (size_t i = 0; i < model->nr; i++)
		if (piece->at < model->pieces[i].at + model->pieces[i].size &&
		    model->pieces[i].at < piece->at + piece->size)
			return true;
	return false;
}

static bool add(struct model *model, uint64_t *seed)
{
	size_t size = random_below(seed, random_below(seed, 20) ? 300 : 20000);
	size_t align = 1ULL << random_below(seed, random_below(seed, 10) ? 5 : 13);
	struct piece *piece = &model->pieces[model->nr];

	if (model->nr == PIECES)
		return true;
	piece->at = framepool_arena_alloc(&model->arena, size, align);
	if (!piece->at)
		return errno == ENOMEM;
	piece->size = size;
	piece->mark = (unsigned char)random_below(seed, 256);
	if ((uintptr_t)piece->at & (align - 1) || overlaps(model, piece))
		return false;
	memset(piece->at, piece->mark, size);
	model->nr++;
	return true;
}

/* Frees the pieces from @nr on, of which all are intact. */
static bool cut(struct model *model, size_t nr)
{
	bool right = true;

	while (model->nr > nr)
		right &= is_intact(&model->pieces[--model->nr]);
	if (model->has_mark && model->mark_nr > nr)
		model->has_mark = false;
	return right;
}

static bool pop(struct model *model, uint64_t *seed)
{
	struct piece *last = model->pieces + model->nr;

	if (!model->nr)
		return true;
	last--;
	if (model->nr > 1 && last->size && !random_below(seed, 4))
		return framepool_arena_pop(&model->arena, last[-1].at, last[-1].size) == -1;
	return cut(model, model->nr - 1) &&
	       !framepool_arena_pop(&model->arena, last->at, last->size);
}

static bool release(struct model *model)
{
	bool right;

	if (!model->has_mark) {
		model->mark = framepool_arena_mark(&model->arena);
		model->mark_nr = model->nr;
		return model->has_mark = true;
	}
	right = cut(model, model->mark_nr) && !framepool_arena_release(&model->arena, model->mark);
	model->has_mark = false;
	return right;
}

static bool step(struct model *model, uint64_t *seed)
{
	switch (random_below(seed, 200)) {
	case 0:
	case 1:
	case 2:
	case 3:
		return release(model);
	case 4:
		framepool_arena_check(&model->arena);
		if (!cut(model, 0))
			return false;
		framepool_arena_reset(&model->arena);
		return !framepool_arena_used(&model->arena);
	default:
		return *seed >> 60 < 5 ? pop(model, seed) : add(model, seed);
	}
}

/* Any number of threads, each with arenas of its own. */
static bool run(uint64_t seed, unsigned int flags, bool is_chain)
{
	struct model *model = calloc(1, sizeof(*model));
	size_t bytes = 100000 + random_below(&seed, 100000);
	char *memory = malloc(bytes);
	bool right = true;

	if (is_chain ? framepool_arena_init_chain(&model->arena, fp, CHUNK, flags) :
		       framepool_arena_init(&model->arena, memory, bytes, 0, flags))
		abort();
	for (int i = 0; right && i < 1500; i++)
		right = step(model, &seed);
	right &= cut(model, 0);
	framepool_arena_fini(&model->arena);
	free(memory);
	free(model);
	return right;
}

static void *run_all(void *argument)
{
	uint64_t seed = *(uint64_t *)argument;
	bool right = true;

	for (unsigned int i = 0; i < 8; i++)
		right &= run(seed + i, i & 1 ? FRAMEPOOL_ARENA_CHECK : 0, i & 2);
	return right ? argument : NULL;
}

#define THREADS	3

static void check_random(void)
{
	uint64_t seed = random_seed(), seeds[THREADS];
	pthread_t threads[THREADS];
	bool right = true;
	void *ret;

	for (int i = 0; i < THREADS; i++) {
		seeds[i] = seed + 1000 * (uint64_t)i;
		if (pthread_create(&threads[i], NULL, run_all, &seeds[i]))
			abort();
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], &ret);
		right &= !!ret;
	}
	check(right && !fake_buffers(), "random_calls_agree_with_the_model");
}

int main(void)
{
	fp = fake_open(POOL_BYTES);
	check_growth();
	check_marks();
	check_pops();
	check_addresses();
	check_errors();
	check_fork();
	check_random();
	fake_close(fp);
	return 0;
}
