/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FP_USER_H
#define FP_USER_H

#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/uidgid.h>

#include "buddy.h"

/**
 * struct fp_user - what a pool knows of one user
 * @uid: constant
 * @node: in the pool's list (protected by the users lock)
 * @nr_clients: open files (protected by the users lock)
 * @lock: protects what follows, and what each client of the user is charged
 * @held: frames in the buffers of all its clients
 * @quarantined: frames in quarantine that it used last; can be negative for a moment, see
 *               fp_user_uncharge()
 */
struct fp_user {
	kuid_t uid;
	struct list_head node;
	u32 nr_clients;
	spinlock_t lock;
	u64 held;
	s64 quarantined;
};

/**
 * struct fp_users - the users of a pool, and its limits
 * @client_quota: most that one client may hold, in bytes; 0: no limit. Read and written at any time.
 * @user_quota: most that one user may be charged, likewise
 * @lock: protects @list
 * @list: those who have a client or are charged for something in quarantine
 */
struct fp_users {
	u64 client_quota;
	u64 user_quota;
	spinlock_t lock;
	struct list_head list;
};

/**
 * struct fp_user_usage - snapshot of a user
 * @uid: who
 * @nr_clients: open files
 * @held: frames in buffers
 * @quarantined: frames in quarantine
 */
struct fp_user_usage {
	kuid_t uid;
	u32 nr_clients;
	u64 held;
	u64 quarantined;
};

void fp_users_init(struct fp_users *users);
void fp_users_fini(struct fp_users *users);
struct fp_user *fp_user_get(struct fp_users *users, kuid_t uid);
void fp_user_put(struct fp_users *users, struct fp_user *user);
int fp_user_charge(struct fp_users *users, struct fp_user *user, u64 *held, u64 nr);
void fp_user_uncharge(struct fp_user *user, u64 *held, u64 nr, u32 nr_quarantined);
u32 fp_user_label(const struct fp_user *user);
void fp_users_quarantine(struct fp_users *users, u32 label, u32 nr);
void fp_users_release(struct fp_users *users, u32 label);
u32 fp_users_list(struct fp_users *users, struct fp_user_usage *usages, u32 max);

#endif
