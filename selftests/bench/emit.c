// SPDX-License-Identifier: GPL-2.0-only
/*
 * A result as a line: suite, case, threads, unit, our best, low, high, peer, their best, low, high.
 */
#include "bench.h"

static void print_value(const struct bench_value *value)
{
	printf("\t%.3f\t%.3f\t%.3f", value->best / 1e3, value->low / 1e3, value->high / 1e3);
}

void bench_emit(const struct bench_row *row)
{
	printf("%s\t%s\t%u\t%s", row->suite, row->name, row->threads, row->unit);
	print_value(&row->ours);
	printf("\t%s", row->peer);
	print_value(&row->theirs);
	printf("\n");
}
