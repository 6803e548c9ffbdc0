/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FP_REASON_H
#define FP_REASON_H

#include <linux/compiler_attributes.h>

#define FP_REASON_MAX	512

/**
 * struct fp_reason - why something that an administrator asked for is refused
 * @pool: name of the pool in question
 * @text: whole lines
 */
struct fp_reason {
	const char *pool;
	char text[FP_REASON_MAX];
};

__printf(2, 3) void fp_refuse(struct fp_reason *reason, const char *format, ...);

#endif
