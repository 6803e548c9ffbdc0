// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What malloc(3) and its relatives promise, in a program that runs with libframepool-malloc.so.
 * With the argument "where" it says where a long block is; with "twice" it frees a block twice.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

#define LONG_BYTES	(5UL << 20)

static bool is_aligned(const void *block, size_t align)
{
	return block && !((uintptr_t)block & (align - 1));
}

/* Whether an address is in a mapping of the fake pool. */
static bool is_in_pool(const void *at)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	unsigned long begin, end;
	bool found = false;
	char line[512];

	while (maps && fgets(line, sizeof(line), maps))
		if (sscanf(line, "%lx-%lx", &begin, &end) == 2 && (uintptr_t)at >= begin &&
		    (uintptr_t)at < end)
			found = strstr(line, "memfd:fake");
	if (maps)
		fclose(maps);
	return found;
}

static void check_alignment(void)
{
	bool right = true;

	for (size_t size = 0; size < 70000; size = size * 5 / 4 + 1)
		right &= is_aligned(malloc(size), 16) && is_aligned(calloc(size, 1), 16);
	check(right, "malloc_has_the_alignment_of_any_type");
	for (size_t align = 1; align <= 2UL << 20; align *= 2)
		right &= is_aligned(aligned_alloc(align, 100), align) &&
			 is_aligned(memalign(align, 40000), align);
	check(right, "aligned_alloc_has_the_alignment");
	check(is_aligned(memalign(3000, 1), 4096), "memalign_rounds_the_alignment_up");
	check(is_aligned(valloc(1), 4096) && is_aligned(pvalloc(1), 4096) &&
		      malloc_usable_size(pvalloc(4097)) >= 8192,
	      "valloc_and_pvalloc_have_pages");
	errno = 0;
	check(!aligned_alloc(24, 24) && errno == EINVAL, "aligned_alloc_refuses_no_power_of_two");
	errno = 0;
	check(!aligned_alloc(4UL << 20, 1) && errno == ENOMEM,
	      "more_alignment_than_a_heap_has_is_no_memory");
}

static void check_posix_memalign(void)
{
	void *block = &block, *before = block;

	errno = 0;
	check(posix_memalign(&block, 4, 8) == EINVAL && posix_memalign(&block, 24, 8) == EINVAL &&
		      posix_memalign(&block, 64, SIZE_MAX) == ENOMEM && !errno && block == before,
	      "posix_memalign_that_fails_changes_nothing");
	check(!posix_memalign(&block, 512, 3) && is_aligned(block, 512),
	      "posix_memalign_has_the_alignment");
	free(block);
}

static void check_errno(void)
{
	char *block;

	errno = 0;
	check(!malloc(SIZE_MAX) && errno == ENOMEM, "malloc_of_too_much_is_enomem");
	errno = 0;
	check(!calloc(SIZE_MAX / 2, 3) && errno == ENOMEM, "calloc_of_too_much_is_enomem");
	errno = 0;
	check(!reallocarray(NULL, SIZE_MAX / 2, 3) && errno == ENOMEM,
	      "reallocarray_of_too_much_is_enomem");
	block = strcpy(malloc(8), "content");
	check(!realloc(block, SIZE_MAX / 2) && !strcmp(block, "content"),
	      "realloc_that_fails_keeps_the_block");
	errno = EXDEV;
	free(block);
	free(NULL);
	free(malloc(LONG_BYTES));
	check(errno == EXDEV, "free_leaves_errno_alone");
}

static bool is_zero(const char *block, size_t size)
{
	return block && !*block && !memcmp(block, block + 1, size - 1);
}

static void check_content(void)
{
	char *block = malloc(LONG_BYTES);
	bool right = true;

	memset(block, 0x55, LONG_BYTES);
	block = realloc(block, 100);
	block = realloc(block, 100000);
	for (int i = 0; i < 100; i++)
		right &= block[i] == 0x55;
	check(right, "realloc_keeps_the_content");
	memset(block, 0x55, 100000);
	free(block);
	for (size_t size = 1; size < LONG_BYTES; size *= 3)
		for (int i = 0; i < 20; i++) {
			block = calloc(1, size);
			right &= is_zero(block, size);
			memset(block, 1, malloc_usable_size(block));
			free(block);
		}
	check(right, "calloc_is_zero");
	check(!realloc(malloc(1), 0), "realloc_to_nothing_frees");
	block = malloc(0);
	check(block && block != malloc(0), "malloc_of_nothing_is_a_block");
	check(mallinfo2().arena >= mallinfo2().uordblks && mallinfo2().uordblks &&
		      malloc_usable_size(NULL) == 0,
	      "mallinfo_has_figures");
	free(malloc(900000));
	malloc_trim(0);
	check(!malloc_trim(0), "malloc_trim_gives_back_once");
}

static pthread_key_t late;

/* The last destructor of a thread that the C library calls, even after all of the heap's. */
static void free_late(void *block)
{
	free(block);
	pthread_setspecific(late, malloc(50));
}

static void *work(void *argument)
{
	void *blocks[200];

	pthread_setspecific(late, malloc(100));
	for (int i = 0; i < 20000; i++) {
		void **block = &blocks[i % 200];

		if (i >= 200)
			free(*block);
		*block = malloc((size_t)i % 5000);
	}
	for (int i = 0; i < 200; i++)
		free(blocks[i]);
	return argument;
}

/* Children are made while threads allocate. */
static void check_threads(void)
{
	pthread_t threads[8];
	bool right = true;
	int status;

	pthread_key_create(&late, free_late);
	for (int i = 0; i < 8; i++)
		pthread_create(&threads[i], NULL, work, NULL);
	for (int i = 0; i < 10; i++) {
		pid_t pid = fork();

		if (!pid) {
			pthread_t thread;

			alarm(60);
			work(NULL);
			if (pthread_create(&thread, NULL, work, NULL))
				_exit(1);
			_exit(pthread_join(thread, NULL));
		}
		right &= waitpid(pid, &status, 0) == pid && !status;
	}
	for (int i = 0; i < 8; i++)
		pthread_join(threads[i], NULL);
	malloc_trim(0);
	check(right, "child_of_a_program_with_threads_allocates");
}

static pthread_barrier_t barrier;

/* Keeps many free blocks until the second time that all meet. */
static void *keep(void *argument)
{
	void *blocks[1000];

	for (int i = 0; i < 1000; i++)
		blocks[i] = malloc(200);
	for (int i = 0; i < 1000; i++)
		free(blocks[i]);
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	return argument;
}

static void check_kept(void)
{
	pthread_t thread;
	size_t used;
	int status;
	pid_t pid;

	pthread_barrier_init(&barrier, NULL, 2);
	pthread_create(&thread, NULL, keep, NULL);
	pthread_barrier_wait(&barrier);
	used = mallinfo2().uordblks;
	pid = fork();
	if (!pid)
		_exit(mallinfo2().uordblks != used);
	check(waitpid(pid, &status, 0) == pid && !status,
	      "child_has_what_threads_of_its_parent_kept");
	pthread_barrier_wait(&barrier);
	pthread_join(thread, NULL);
}

/* What a child reports by its status. */
static bool child_says(bool (*what)(char **blocks), char **blocks)
{
	pid_t pid = fork();
	int status;

	if (!pid)
		_exit(!what(blocks));
	for (int i = 0; i < 1000; i++)
		memset(blocks[i], 'p', 1000);
	memset(blocks[1000], 'p', LONG_BYTES);
	return waitpid(pid, &status, 0) == pid && !status;
}

static bool has_all(char **blocks, char mark)
{
	bool right = true;

	for (int i = 0; i < 1000; i++)
		for (int j = 0; j < 1000; j++)
			right &= blocks[i][j] == mark;
	for (size_t i = 0; i < LONG_BYTES; i++)
		right &= blocks[1000][i] == mark;
	return right;
}

static bool sees_snapshot(char **blocks)
{
	usleep(200000);
	return has_all(blocks, 'b');
}

static bool writes_and_frees(char **blocks)
{
	for (int i = 0; i < 1000; i++)
		memset(blocks[i], 'c', 1000);
	memset(blocks[1000], 'c', LONG_BYTES);
	usleep(200000);
	if (!has_all(blocks, 'c'))
		return false;
	for (int i = 0; i <= 1000; i++)
		free(blocks[i]);
	return is_in_pool(malloc(LONG_BYTES));
}

static bool has_private_memory(char **blocks)
{
	return !is_in_pool(blocks[0]) && !is_in_pool(blocks[1000]);
}

static void check_fork(void)
{
	char *blocks[1001];

	for (int i = 0; i < 1000; i++)
		blocks[i] = memset(malloc(1000), 'b', 1000);
	blocks[1000] = memset(malloc(LONG_BYTES), 'b', LONG_BYTES);
	check(child_says(sees_snapshot, blocks), "child_has_what_was_there_at_fork");
	check(child_says(has_private_memory, blocks), "child_has_memory_of_its_own");
	check(child_says(writes_and_frees, blocks) && has_all(blocks, 'p'),
	      "parent_does_not_see_what_its_child_writes");
}

int main(int argc, char **argv)
{
	static char output[BUFSIZ];
	void *block = malloc(100), *longer = malloc(LONG_BYTES);

	setvbuf(stdout, output, _IOLBF, sizeof(output));
	if (argc > 1 && !strcmp(argv[1], "twice")) {
		free(block);
		free(block);
		return 0;
	}
	if (argc > 1) {
		printf("%s\n", !longer ? "none" : is_in_pool(longer) ? "inside" : "outside");
		return 0;
	}
	check(is_in_pool(block) && is_in_pool(longer), "blocks_are_in_the_pool");
	check_alignment();
	check_posix_memalign();
	check_errno();
	check_content();
	check_fork();
	check_threads();
	check_kept();
	return 0;
}
