/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The checksum of POSIX cksum(1). */
#ifndef FRAMEPOOL_CLI_CKSUM_H
#define FRAMEPOOL_CLI_CKSUM_H

#include <stddef.h>
#include <stdint.h>

/**
 * cksum - compute what cksum(1) prints for a file of this content
 * @data: the content
 * @length: its length in bytes
 *
 * Return: the checksum.
 */
uint32_t cksum(const void *data, size_t length);

#endif
