/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FP_REGISTRY_H
#define FP_REGISTRY_H

#include <linux/list.h>
#include <linux/types.h>

struct fp_pool;

/**
 * struct fp_registered - what the registry knows of a pool
 * @node: in the list of all pools
 * @serial: its number; no other pool ever has it
 * @is_live: it can be found
 * @nr_refs: references to it
 * @users: kernel modules that found it (struct module_user)
 *
 * All but @serial, which is constant, are protected by the pools lock.
 */
struct fp_registered {
	struct list_head node;
	u64 serial;
	bool is_live;
	u32 nr_refs;
	struct list_head users;
};

int fp_registry_add(struct fp_pool *pool);
void fp_registry_del(struct fp_pool *pool);
void fp_registry_publish(struct fp_pool *pool);
int fp_registry_retire(struct fp_pool *pool);
struct fp_pool *fp_registry_find(u64 serial);
void fp_registry_get(struct fp_pool *pool);
void fp_registry_put(struct fp_pool *pool);
struct fp_pool *fp_registry_find_for(const char *name, const char *module);
void fp_registry_put_for(struct fp_pool *pool, const char *module);
void fp_registry_users_for_each(struct fp_pool *pool,
				void (*show)(const char *module, u32 nr, void *context),
				void *context);

#endif
