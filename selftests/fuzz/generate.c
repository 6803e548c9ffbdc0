// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random programs. A program follows from its seed alone. Most arguments are valid, some are nearly
 * valid, and some are any number.
 */
#include "program.h"

#include <sys/mman.h>

#include "framepool.h"

#define FRAME_BYTES	4096ULL
#define HUGE_BYTES	(512 * FRAME_BYTES)

/**
 * random_next() - a random number, by the generator splitmix64
 * @state: state of the generator, initially any number
 *
 * Return: the number.
 */
__u64 random_next(__u64 *state)
{
	__u64 z = *state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

static __u64 below(__u64 *random, __u64 end)
{
	return random_next(random) % end;
}

/* One buffer in so many has about a huge frame or more. These take long, as they are cleared. */
#define HUGE_IN		11
#define HUGE_IN_SOAK	200

static __u64 any_length(__u64 *random, bool soak)
{
	if (below(random, soak ? HUGE_IN_SOAK : HUGE_IN))
		return below(random, 16) ? 1 + below(random, 16 * FRAME_BYTES) :
					   FRAME_BYTES * (1 + below(random, 128));
	switch (below(random, 3)) {
	case 0:
		return HUGE_BYTES * (1 + below(random, 4));
	case 1:
		return HUGE_BYTES + FRAME_BYTES * below(random, 1024) + 1;
	default:
		return HUGE_BYTES - FRAME_BYTES * below(random, 4);
	}
}

static __u64 any_advice(__u64 *random)
{
	/* Without MADV_HWPOISON and MADV_SOFT_OFFLINE, which take memory away for good. */
	static const unsigned char advices[] = {
		MADV_NORMAL, MADV_RANDOM, MADV_SEQUENTIAL, MADV_WILLNEED, MADV_DONTNEED,
		MADV_DONTNEED, MADV_FREE, MADV_REMOVE, MADV_DONTFORK, MADV_DOFORK, MADV_MERGEABLE,
		MADV_UNMERGEABLE, MADV_HUGEPAGE, MADV_NOHUGEPAGE, MADV_DONTDUMP, MADV_DODUMP,
		MADV_WIPEONFORK, MADV_KEEPONFORK, MADV_COLD, MADV_PAGEOUT, MADV_POPULATE_READ,
		MADV_POPULATE_WRITE, 24 /* DONTNEED_LOCKED */, 25 /* COLLAPSE */,
	};

	return advices[below(random, sizeof(advices))];
}

/* Bits 0 to 3 are the kind of quirk, or 0 for none. The rest is a number that it uses. */
static __u64 any_quirk(__u64 *random)
{
	__u64 number = below(random, 4) ? below(random, 512) : random_next(random);

	return below(random, 7) ? 0 : 1 + below(random, 7) + (number << 4);
}

/* A valid argument. */
static __u64 good_arg(__u64 *random, enum kind kind, bool soak)
{
	switch (kind) {
	case K_ALLOC_FLAGS:
		return (below(random, 3) == 0) |
		       (below(random, 2) ? FRAMEPOOL_ALLOC_MOVABLE : 0);
	case K_BATCH_FLAGS:
	case K_CACHE_FLAGS:
	case K_EXPORT_FLAGS:
		return below(random, 3) == 0;
	case K_QUERY_FLAGS:
		return below(random, 4) ? 0 : FRAMEPOOL_QUERY_AT;
	case K_OWN_FLAGS:
		return FRAMEPOOL_ALLOC_OWN | (below(random, 3) == 0) |
		       (below(random, 2) ? FRAMEPOOL_ALLOC_MOVABLE : 0);
	case K_LENGTH:
		return any_length(random, soak);
	case K_ALIGN:
		return below(random, 4) ? 0 : 1ULL << below(random, 23);
	case K_LIMIT:
		return below(random, 8) ? 0 : (1 + below(random, 64)) << 26;
	case K_OBJECT:
		return below(random, 4) ? 8 + below(random, 2000) : 8 + below(random, 1 << 20);
	case K_COUNT:
		return 1 + below(random, below(random, 32) ? 8 : FRAMEPOOL_BATCH_MAX);
	case K_FIRST:
		return below(random, 2) ? 0 : below(random, 16);
	case K_PAGES:
		return below(random, 2) ? 0 : 1 + below(random, 16);
	case K_PROT:
		return below(random, 6) ? PROT_READ | PROT_WRITE : below(random, 4);
	case K_ADVICE:
		return any_advice(random);
	case K_NO_FLAGS:
	case K_QUIRK:
		return 0;
	default:
		return below(random, 8);
	}
}

/* An argument that is nearly valid, or any number. */
static __u64 odd_arg(__u64 *random, enum kind kind)
{
	__u64 arg = good_arg(random, kind, false);

	switch (below(random, 4)) {
	case 0:
		return arg - 1;
	case 1:
		return arg + 1;
	case 2:
		return arg ^ 1ULL << below(random, 64);
	default:
		return random_next(random) >> below(random, 64);
	}
}

static bool may_be_odd(enum kind kind)
{
	return kind != K_QUIRK && kind != K_ADVICE && kind != K_PROCESS && kind != K_SMALL;
}

static int pick_type(__u64 *random, bool soak)
{
	int i, at, sum = 0;

	for (i = 0; i < nr_op_types; i++)
		sum += soak ? op_types[i].soak : op_types[i].weight;
	at = below(random, sum);
	for (i = 0; ; i++) {
		at -= soak ? op_types[i].soak : op_types[i].weight;
		if (at < 0)
			return i;
	}
}

/**
 * op_generate() - a random operation
 * @random: state of the generator
 * @soak: use the weights of the soak test, and only valid arguments
 * @op: the result; process and thread are left to the caller
 */
void op_generate(__u64 *random, bool soak, struct op *op)
{
	const struct op_type *type;
	int i;

	op->type = pick_type(random, soak);
	type = &op_types[op->type];
	for (i = 0; i < OP_ARGS; i++) {
		enum kind kind = type->args[i];

		if (kind == K_NONE)
			op->args[i] = 0;
		else if (soak)
			op->args[i] = good_arg(random, kind, true);
		else if (kind == K_QUIRK)
			op->args[i] = any_quirk(random);
		else if (may_be_odd(kind) && !below(random, 20))
			op->args[i] = odd_arg(random, kind);
		else
			op->args[i] = good_arg(random, kind, false);
	}
}

/**
 * program_generate() - a random program
 * @seed: its seed
 * @program: the result
 */
void program_generate(__u64 seed, struct program *program)
{
	__u64 random = seed;
	int i;

	program->nr = PROGRAM_OPS / 4 + below(&random, PROGRAM_OPS * 3 / 4);
	for (i = 0; i < program->nr; i++) {
		struct op *op = &program->ops[i];

		op->process = below(&random, PROCESSES);
		op->thread = below(&random, THREADS);
		op_generate(&random, false, op);
	}
}
