/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A test prints a line "ok - name" or "not ok - name"; tests/run counts these lines. */
#ifndef FRAMEPOOL_TEST_H
#define FRAMEPOOL_TEST_H

#include <stdbool.h>
#include <stdio.h>

static inline void check(bool passed, const char *name)
{
	printf("%s - %s\n", passed ? "ok" : "not ok", name);
}

#endif
