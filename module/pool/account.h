/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FP_ACCOUNT_H
#define FP_ACCOUNT_H

#include <linux/llist.h>
#include <linux/rbtree.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/uidgid.h>
#include <linux/xarray.h>

#include "core/buddy.h"

/**
 * struct fp_user - what a pool knows of one user
 * @uid: constant
 * @node: in the pool's tree (protected by the accounts lock)
 * @nr_accounts: the user's accounts (protected by the accounts lock)
 * @nr_open: those whose client has not ended (likewise)
 * @budget: parent of the budgets of its accounts
 */
struct fp_user {
	kuid_t uid;
	struct rb_node node;
	u32 nr_accounts;
	u32 nr_open;
	struct fp_budget budget;
};

/**
 * struct fp_account - what one client owns and is charged for; outlives it while any of that is in
 * quarantine
 * @budget: its label is the account's number; huge frames that the client had last bear it in
 *	    quarantine
 * @owner: owner of its huge frames; ends with the client
 * @user: who opened the client, and is charged as well; constant
 * @pid: process that opened it, as the initial PID namespace sees it; constant
 * @comm: name of the thread that opened it; constant
 * @is_open: the client has not ended (protected by the accounts lock)
 * @bad_runs: its runs with a bad frame, which were set aside (pool.c)
 */
struct fp_account {
	struct fp_budget budget;
	struct fp_owner owner;
	struct fp_user *user;
	pid_t pid;
	char comm[TASK_COMM_LEN];
	bool is_open;
	struct llist_head bad_runs;
};

/**
 * struct fp_accounts - what clients and users of a pool are charged for, and the limits
 * @buddy: the buddy of the pool; constant
 * @client_quota: most that one client may be charged, in bytes; 0: no limit. Read and written at
 *		  any time.
 * @user_quota: most that one user may be charged, likewise
 * @lock: protects the fields below; process context only
 * @users: users that have an account, by uid
 * @accounts: by label
 * @next_label: where to look for the next one
 */
struct fp_accounts {
	struct fp_buddy *buddy;
	u64 client_quota;
	u64 user_quota;
	spinlock_t lock;
	struct rb_root users;
	struct xarray accounts;
	u32 next_label;
};

/**
 * struct fp_usage - snapshot of a client, or of a user
 * @uid: the user
 * @nr_clients: clients
 * @pid: as in struct fp_account
 * @comm: likewise
 * @held: frames in buffers and slabs
 * @charged: frames of all charged huge frames
 * @quarantined: those of them that are in quarantine
 */
struct fp_usage {
	kuid_t uid;
	u32 nr_clients;
	pid_t pid;
	char comm[TASK_COMM_LEN];
	u64 held;
	u64 charged;
	u64 quarantined;
};

void fp_accounts_init(struct fp_accounts *accounts, struct fp_buddy *buddy);
void fp_accounts_fini(struct fp_accounts *accounts);
bool fp_quota_is_valid(u64 bytes);
struct fp_account *fp_account_open(struct fp_accounts *accounts, kuid_t uid, u32 max_kept);
void fp_account_close(struct fp_accounts *accounts, struct fp_account *account);
void fp_accounts_reap(struct fp_accounts *accounts, u32 label);
void fp_account_usage(struct fp_accounts *accounts, struct fp_account *account,
		      struct fp_usage *usage);
u32 fp_accounts_list_users(struct fp_accounts *accounts, struct fp_usage *usages, u32 max);
bool fp_accounts_next(struct fp_accounts *accounts, u32 *label, struct fp_usage *usage);

#endif
