/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A program of the fuzzer: a list of operations, each done by one thread of one process. As text,
 * an operation is a line: process, thread, name and arguments, in hexadecimal:
 *
 *	1 0 alloc 2 5 0 0 3000 0 0
 *
 * Any list of operations is a program, and so is any part of it. Shrinking relies on that. An
 * argument is the slot of a client, buffer or mapping, or a number. An operation whose slot is
 * empty does nothing.
 */
#ifndef FRAMEPOOL_FUZZ_PROGRAM_H
#define FRAMEPOOL_FUZZ_PROGRAM_H

#include <linux/types.h>
#include <stdbool.h>
#include <stdio.h>

#define PROCESSES	3
#define THREADS		2
#define PROGRAM_OPS	600
#define OP_ARGS		8

/* What an argument means, and so how a random one is made. */
enum kind {
	K_NONE,
	K_CLIENT,	/* slot */
	K_BUFFER,	/* slot */
	K_MAP,		/* slot */
	K_QUIRK,	/* how a call is made invalid: see calls.c */
	K_ALLOC_FLAGS,
	K_OWN_FLAGS,
	K_QUERY_FLAGS,
	K_BATCH_FLAGS,
	K_CACHE_FLAGS,
	K_EXPORT_FLAGS,
	K_NO_FLAGS,
	K_LENGTH,	/* bytes of a buffer */
	K_ALIGN,
	K_LIMIT,	/* physical address */
	K_OBJECT,	/* bytes of an object */
	K_COUNT,	/* entries of a batch */
	K_FIRST,	/* page in a buffer or mapping; if negative, before it */
	K_PAGES,	/* 0: all that follow */
	K_PROT,
	K_PLACE,	/* where to map: see maps.c */
	K_ADVICE,
	K_PROCESS,
	K_SMALL,	/* below 8 */
};

struct hand;
struct op;

/**
 * struct op_type - a kind of operation; table.c has them all
 * @name: its name in the text of a program
 * @weight: how often it occurs in random programs
 * @soak: how often it occurs in the soak test, which makes no invalid calls
 * @run: does it
 * @call: number of the ioctl in calls.c, for run_call()
 * @args: the kinds of its arguments
 */
struct op_type {
	const char *name;
	int weight;
	int soak;
	void (*run)(struct hand *hand, const struct op *op);
	int call;
	enum kind args[OP_ARGS];
};

extern const struct op_type op_types[];
extern const int nr_op_types;

/**
 * struct op - an operation
 * @process: the process that does it, below PROCESSES
 * @thread: the thread in that process, below THREADS
 * @type: index in op_types
 * @args: its arguments
 */
struct op {
	unsigned char process;
	unsigned char thread;
	unsigned char type;
	__u64 args[OP_ARGS];
};

struct program {
	int nr;
	struct op ops[PROGRAM_OPS];
};

int op_nr_args(const struct op_type *type);
void op_print(FILE *file, const struct op *op);
bool program_read(FILE *file, struct program *program);
void program_print(FILE *file, const struct program *program);

__u64 random_next(__u64 *state);
void op_generate(__u64 *random, bool soak, struct op *op);
void program_generate(__u64 seed, struct program *program);

#endif
