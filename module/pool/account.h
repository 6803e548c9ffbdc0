/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FP_ACCOUNT_H
#define FP_ACCOUNT_H

#include <linux/list.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/uidgid.h>
#include <linux/xarray.h>

#include "core/buddy.h"

/**
 * struct fp_user - what a pool knows of one user
 * @uid: constant
 * @node: in the pool's list (protected by the accounts lock)
 * @nr_accounts: that are the user's (protected by the accounts lock)
 * @lock: protects what follows, and likewise in each account of the user
 * @nr_open: accounts whose client has not ended
 * @held: sum over its accounts
 * @quarantined: sum over its accounts
 */
struct fp_user {
	kuid_t uid;
	struct list_head node;
	u32 nr_accounts;
	spinlock_t lock;
	u32 nr_open;
	u64 held;
	s64 quarantined;
};

/**
 * struct fp_account - what one client is charged; outlives it while some of that is in quarantine
 * @label: its number, which huge frames that it used last bear in quarantine; constant
 * @user: who opened the client, and is charged, too; constant
 * @pid: process that opened it, as the first PID namespace sees it; constant
 * @comm: name of the thread that opened it; constant
 * @is_open: the client has not ended (protected by the user's lock)
 * @held: frames in buffers, about to be, or not quite gone (protected by the user's lock, read without)
 * @quarantined: frames in quarantine that it used last; can be negative for a moment, see
 *		 fp_account_uncharge() (protected by the user's lock, read without)
 */
struct fp_account {
	u32 label;
	struct fp_user *user;
	pid_t pid;
	char comm[TASK_COMM_LEN];
	bool is_open;
	u64 held;
	s64 quarantined;
};

/**
 * struct fp_accounts - who is charged for how much of a pool, and the limits
 * @client_quota: most that one client may hold, in bytes; 0: no limit. Read and written at any time.
 * @user_quota: most that one user may be charged, likewise
 * @lock: protects what follows; process context only
 * @users: those who have an account
 * @accounts: by label
 * @next_label: where to look for the next one
 */
struct fp_accounts {
	u64 client_quota;
	u64 user_quota;
	spinlock_t lock;
	struct list_head users;
	struct xarray accounts;
	u32 next_label;
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

/**
 * struct fp_account_usage - snapshot of an account
 * @uid: whose it is
 * @pid: as in struct fp_account
 * @comm: likewise
 * @is_open: its client has not ended
 * @held: frames in buffers
 * @quarantined: frames in quarantine
 */
struct fp_account_usage {
	kuid_t uid;
	pid_t pid;
	char comm[TASK_COMM_LEN];
	bool is_open;
	u64 held;
	u64 quarantined;
};

void fp_accounts_init(struct fp_accounts *accounts);
void fp_accounts_fini(struct fp_accounts *accounts);
struct fp_account *fp_account_open(struct fp_accounts *accounts, kuid_t uid);
void fp_account_close(struct fp_accounts *accounts, struct fp_account *account);
int fp_account_charge(struct fp_accounts *accounts, struct fp_account *account, u64 nr);
void fp_account_usage(struct fp_account *account, struct fp_account_usage *usage);
void fp_account_uncharge(struct fp_account *account, u64 nr, u32 nr_quarantined);
void fp_accounts_quarantine(struct fp_accounts *accounts, u32 label, u32 nr);
void fp_accounts_release(struct fp_accounts *accounts, u32 label);
u32 fp_accounts_list_users(struct fp_accounts *accounts, struct fp_user_usage *usages, u32 max);
bool fp_accounts_next(struct fp_accounts *accounts, u32 *label, struct fp_account_usage *usage);

#endif
