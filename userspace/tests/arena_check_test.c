// SPDX-License-Identifier: LGPL-2.1-or-later
/* Arenas with FRAMEPOOL_ARENA_CHECK notice what a program does wrong. Built with ASan, too. */
#include <errno.h>
#include <fcntl.h>
#include <libframepool_arena.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

static char region[8192] __attribute__((aligned(64)));
static struct framepool_arena arena;

/* Writes a byte past what compilers and sanitizers see. */
static __attribute__((no_sanitize("address"), noinline)) void poke(volatile char *at)
{
	*at = 1;
}

static void write_behind(void)
{
	char *piece = framepool_arena_alloc(&arena, 20, 0);

	framepool_arena_alloc(&arena, 20, 0);
	poke(piece + 20);
	framepool_arena_check(&arena);
}

static void write_behind_and_pop(void)
{
	char *piece = framepool_arena_alloc(&arena, 32, 0);

	poke(piece + 32);
	framepool_arena_pop(&arena, piece, 32);
}

static void write_before(void)
{
	char *piece = framepool_arena_alloc(&arena, 20, 256);

	poke(piece - 1);
	framepool_arena_reset(&arena);
}

static void write_after_release(void)
{
	struct framepool_arena_mark mark = framepool_arena_mark(&arena);
	char *piece = framepool_arena_alloc(&arena, 100, 0);

	framepool_arena_release(&arena, mark);
	poke(piece + 99);
	framepool_arena_alloc(&arena, 100, 0);
}

static void write_after_reset(void)
{
	char *piece = framepool_arena_alloc(&arena, 100, 0);

	framepool_arena_reset(&arena);
	poke(piece);
	framepool_arena_fini(&arena);
}

static void read_after_release(void)
{
	volatile char *piece = framepool_arena_alloc(&arena, 100, 0);

	framepool_arena_reset(&arena);
	(void)*piece;
}

static void do_nothing_wrong(void)
{
	char *a = framepool_arena_alloc(&arena, 10, 0), *b;

	memset(a, 1, 10);
	b = framepool_arena_alloc(&arena, 1000, 1024);
	memset(b, 2, 1000);
	framepool_arena_check(&arena);
	if (framepool_arena_pop(&arena, b, 1000) || framepool_arena_pop(&arena, a, 10) ||
	    framepool_arena_used(&arena))
		abort();
	memset(framepool_arena_alloc(&arena, 3000, 64), 3, 3000);
	framepool_arena_fini(&arena);
	memset(region, 4, sizeof(region));
}

/* Does something wrong in a child, which must say @words; NULL: it must succeed. */
static bool says(void (*mistake)(void), const char *words)
{
	struct rlimit no_core = { 0, 0 };
	char text[4096] = "";
	size_t length = 0;
	int ends[2], status;
	ssize_t got;
	pid_t child;

	if (pipe(ends))
		abort();
	fflush(NULL);
	child = fork();
	if (!child) {
		setrlimit(RLIMIT_CORE, &no_core);
		dup2(ends[1], STDERR_FILENO);
		mistake();
		_exit(0);
	}
	close(ends[1]);
	while ((got = read(ends[0], text + length, sizeof(text) - 1 - length)) > 0)
		length += (size_t)got;
	close(ends[0]);
	if (waitpid(child, &status, 0) != child)
		return false;
	return words ? status && strstr(text, words) : !status && !length;
}

int main(void)
{
	char *piece;

	if (framepool_arena_init(&arena, region, sizeof(region), 0, FRAMEPOOL_ARENA_CHECK))
		abort();
	check(says(do_nothing_wrong, NULL), "right_program_ends_well");
	check(says(write_behind, "behind the end of a piece"), "write_behind_a_piece_is_noticed");
	check(says(write_behind_and_pop, "behind the end of a piece"),
	      "write_behind_a_piece_is_noticed_by_pop");
	check(says(write_before, "before the piece"), "write_before_a_piece_is_noticed");
	check(says(write_after_release, "it had released"), "write_after_release_is_noticed");
	check(says(write_after_reset, "it had released"), "write_after_reset_is_noticed_by_fini");
#ifdef __SANITIZE_ADDRESS__
	check(says(read_after_release, "use-after-poison"), "read_after_release_is_noticed");
#else
	check(says(read_after_release, NULL), "read_after_release_is_not_noticed");
#endif
	piece = framepool_arena_alloc(&arena, 10, 0);
	errno = 0;
	check(framepool_arena_pop(&arena, piece, 11) == -1 && errno == EINVAL &&
	      framepool_arena_pop(&arena, piece + 1, 10) == -1,
	      "pop_with_another_size_is_einval");
	framepool_arena_reset(&arena);
	check(framepool_arena_alloc(&arena, sizeof(region) - 48, 0) &&
	      !framepool_arena_alloc(&arena, 1, 0), "checks_take_48_bytes_of_a_piece");
	return 0;
}
