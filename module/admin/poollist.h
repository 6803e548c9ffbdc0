/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FP_POOLLIST_H
#define FP_POOLLIST_H

struct fp_options;

int fp_poollist_create(const char *text, const struct fp_options *defaults);

#endif
