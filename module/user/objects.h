/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FP_OBJECTS_H
#define FP_OBJECTS_H

struct fp_client;

int fp_objects_create_cache(struct fp_client *client, void *data, void __user *user);
int fp_objects_alloc(struct fp_client *client, void *args, void __user *user);
int fp_objects_free(struct fp_client *client, void *args, void __user *user);

#endif
