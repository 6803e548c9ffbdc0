/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How one thread takes what others use without a lock. See drain.c. */
#ifndef LIBFRAMEPOOL_DRAIN_H
#define LIBFRAMEPOOL_DRAIN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

bool fp_can_drain(void);
void fp_drain_begin(void);
void fp_wait_until_idle(_Atomic uint32_t *busy);

#endif
