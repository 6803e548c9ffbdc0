/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sizes as people write them. */
#ifndef FRAMEPOOL_CLI_SIZE_H
#define FRAMEPOOL_CLI_SIZE_H

#include <stdint.h>

#define SIZE_TEXT_MAX	32

/**
 * size_parse - parse a size
 * @text: decimal or 0x..., then an optional K, M, G or T (either case; powers of 1024)
 * @bytes: set to its value
 *
 * Return: 0; EINVAL if it is not a size; ERANGE if it exceeds 2^64 - 1.
 */
int size_parse(const char *text, uint64_t *bytes);

/**
 * size_format - write a size in the largest unit in which it is a whole number
 * @bytes: the size
 * @text: where to write it
 *
 * Return: @text.
 */
char *size_format(uint64_t bytes, char text[SIZE_TEXT_MAX]);

#endif
