/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FP_OBJECTS_H
#define FP_OBJECTS_H

#include "uapi/framepool.h"
#include "user/client.h"

int fp_objects_create_cache(struct fp_client *client, struct framepool_ioc_cache *args);
int fp_objects_alloc(struct fp_client *client, const struct framepool_ioc_objects *args,
		     struct framepool_ioc_objects __user *user);
int fp_objects_free(struct fp_client *client, const struct framepool_ioc_objects *args,
		    struct framepool_ioc_objects __user *user);

#endif
