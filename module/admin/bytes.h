/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FP_BYTES_H
#define FP_BYTES_H

#include <linux/types.h>

int fp_bytes_parse(const char *text, u64 *bytes);

#endif
