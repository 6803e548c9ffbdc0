// SPDX-License-Identifier: GPL-2.0-only
/* Programs as text. */
#include "program.h"

#include <stdlib.h>
#include <string.h>

/**
 * op_nr_args() - how many arguments an operation takes
 * @type: the operation
 *
 * Return: their number.
 */
int op_nr_args(const struct op_type *type)
{
	int nr = 0;

	while (nr < OP_ARGS && type->args[nr] != K_NONE)
		nr++;
	return nr;
}

/**
 * op_print() - print an operation as a line of text
 * @file: where to print
 * @op: the operation
 */
void op_print(FILE *file, const struct op *op)
{
	const struct op_type *type = &op_types[op->type];
	int i, nr = op_nr_args(type);

	fprintf(file, "%x %x %s", op->process, op->thread, type->name);
	for (i = 0; i < nr; i++)
		fprintf(file, " %llx", op->args[i]);
	fputc('\n', file);
}

/**
 * program_print() - print a program as text
 * @file: where to print
 * @program: the program
 */
void program_print(FILE *file, const struct program *program)
{
	int i;

	for (i = 0; i < program->nr; i++)
		op_print(file, &program->ops[i]);
}

static int find_type(const char *name)
{
	int i;

	for (i = 0; i < nr_op_types; i++)
		if (!strcmp(op_types[i].name, name))
			return i;
	return -1;
}

static bool parse_op(char *line, struct op *op)
{
	char *at, *end, name[16];
	int i, type, used = 0;
	unsigned int process, thread;

	if (sscanf(line, "%x %x %15s%n", &process, &thread, name, &used) != 3)
		return false;
	type = find_type(name);
	if (type < 0 || process >= PROCESSES || thread >= THREADS)
		return false;
	*op = (struct op){ .process = process, .thread = thread, .type = type };
	at = line + used;
	for (i = 0; i < op_nr_args(&op_types[type]); i++, at = end) {
		op->args[i] = strtoull(at, &end, 16);
		if (end == at)
			return false;
	}
	return true;
}

/**
 * program_read() - read a program from text
 * @file: the text; empty lines and lines that begin with # are skipped
 * @program: the result
 *
 * Return: whether the text is a program.
 */
bool program_read(FILE *file, struct program *program)
{
	char line[256];

	program->nr = 0;
	while (fgets(line, sizeof(line), file)) {
		if (line[0] == '\n' || line[0] == '#')
			continue;
		if (program->nr == PROGRAM_OPS || !parse_op(line, &program->ops[program->nr])) {
			fprintf(stderr, "# not an operation: %s", line);
			return false;
		}
		program->nr++;
	}
	return true;
}
