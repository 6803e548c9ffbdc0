// SPDX-License-Identifier: GPL-2.0-only
/*
 * Accounts: how much of a pool each client and user is charged for, and the limits.
 *
 * A client is charged for each huge frame that it has any part of, or had until it went into
 * quarantine (core/budget.c), and so is the user who opened it. Other clients cannot use any part
 * of these, so the quotas bound what a client, and a user, keep from others.
 *
 * Each client has an account, whose number labels the huge frames in quarantine that the client had
 * last. The account outlives its client while there are any: a program that leaves pages in pipes
 * is charged for them.
 */
#include "pool/account.h"

#include <linux/bsearch.h>
#include <linux/cred.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "core/platform.h"

/**
 * fp_quota_is_valid() - can a quota admit anything?
 * @bytes: the quota; 0: no limit
 *
 * Context: any.
 * Return: false: it is less than a huge frame, which is the least that can be charged.
 */
bool fp_quota_is_valid(u64 bytes)
{
	return !bytes || bytes >= (u64)PAGE_SIZE << FP_HUGE_ORDER;
}

static void forget_user_locked(struct fp_accounts *accounts, struct fp_user *user)
{
	lockdep_assert_held(&accounts->lock);
	if (--user->nr_accounts)
		return;
	rb_erase(&user->node, &accounts->users);
	kfree(user);
}

/* An account ends when its client has ended and nothing is charged to it any more. */
static void close_if_unused_locked(struct fp_accounts *accounts, struct fp_account *account)
{
	lockdep_assert_held(&accounts->lock);
	if (account->is_open || fp_buddy_is_charged(accounts->buddy, &account->budget))
		return;
	xa_erase(&accounts->accounts, account->budget.label);
	forget_user_locked(accounts, account->user);
	kfree(account);
}

/**
 * fp_accounts_reap() - end an account if a huge frame in quarantine was its last
 * @accounts: the accounts of the pool
 * @label: label of the budget that was charged for the huge frame, which has left the quarantine
 *
 * Context: process.
 */
void fp_accounts_reap(struct fp_accounts *accounts, u32 label)
{
	struct fp_account *account;

	if (label == FP_NO_LABEL)
		return;
	spin_lock(&accounts->lock);
	account = xa_load(&accounts->accounts, label);
	if (account)
		close_if_unused_locked(accounts, account);
	spin_unlock(&accounts->lock);
}

static struct fp_user *to_user(const struct rb_node *node)
{
	return rb_entry(node, struct fp_user, node);
}

static int compare_uids(kuid_t a, kuid_t b)
{
	return uid_gt(a, b) - uid_lt(a, b);
}

static int compare_users(struct rb_node *a, const struct rb_node *b)
{
	return compare_uids(to_user(a)->uid, to_user(b)->uid);
}

/* Add an account to those of its user. */
static int join_user(struct fp_accounts *accounts, struct fp_account *account, kuid_t uid)
{
	struct fp_user *new = kzalloc(sizeof(*new), GFP_KERNEL_ACCOUNT);
	struct rb_node *old;

	if (!new)
		return -ENOMEM;
	new->uid = uid;
	fp_budget_init(&new->budget, accounts->buddy->order, NULL, &accounts->user_quota,
		       FP_NO_LABEL);
	spin_lock(&accounts->lock);
	old = rb_find_add(&new->node, &accounts->users, compare_users);
	account->user = old ? to_user(old) : new;
	account->user->nr_accounts++;
	account->user->nr_open++;
	spin_unlock(&accounts->lock);
	if (old)
		kfree(new);
	return 0;
}

static void leave_user(struct fp_accounts *accounts, struct fp_account *account)
{
	spin_lock(&accounts->lock);
	account->user->nr_open--;
	forget_user_locked(accounts, account->user);
	spin_unlock(&accounts->lock);
}

/**
 * fp_account_open() - make an account for a client of the current process
 * @accounts: the accounts of the pool
 * @uid: the user
 * @max_kept: how many wholly free huge frames its owner may keep
 *
 * Context: may sleep.
 * Return: the account, for fp_account_close(), or NULL: no memory.
 */
struct fp_account *fp_account_open(struct fp_accounts *accounts, kuid_t uid, u32 max_kept)
{
	struct fp_account *account = kzalloc(sizeof(*account), GFP_KERNEL_ACCOUNT);

	if (!account)
		return NULL;
	account->pid = task_tgid_nr(current);
	get_task_comm(account->comm, current);
	account->is_open = true;
	if (join_user(accounts, account, uid))
		goto err_account;
	fp_budget_init(&account->budget, accounts->buddy->order, &account->user->budget,
		       &accounts->client_quota, FP_NO_LABEL);
	fp_owner_init(&account->owner, accounts->buddy, &account->budget);
	account->owner.max_kept = max_kept;
	/* By the label it can be found. */
	if (xa_alloc_cyclic(&accounts->accounts, &account->budget.label, account,
			    XA_LIMIT(0, FP_NO_LABEL - 1), &accounts->next_label,
			    GFP_KERNEL_ACCOUNT) < 0)
		goto err_owner;
	return account;

err_owner:
	fp_owner_fini(&account->owner);
	leave_user(accounts, account);
err_account:
	kfree(account);
	return NULL;
}

/**
 * fp_account_close() - the client ends
 * @accounts: the accounts of the pool
 * @account: the account; its owner has no huge frames any more
 *
 * Context: process.
 */
void fp_account_close(struct fp_accounts *accounts, struct fp_account *account)
{
	fp_owner_fini(&account->owner);
	spin_lock(&accounts->lock);
	account->is_open = false;
	account->user->nr_open--;
	close_if_unused_locked(accounts, account);
	spin_unlock(&accounts->lock);
}

static void read_budget(const struct fp_budget *budget, struct fp_usage *usage)
{
	usage->charged = (u64)READ_ONCE(budget->charged) * FP_HUGE_FRAMES;
	usage->quarantined = (u64)READ_ONCE(budget->quarantined) * FP_HUGE_FRAMES;
}

static void read_account_locked(struct fp_accounts *accounts, struct fp_account *account,
				struct fp_usage *usage)
{
	lockdep_assert_held(&accounts->lock);
	usage->uid = account->user->uid;
	usage->nr_clients = account->is_open;
	usage->pid = account->pid;
	memcpy(usage->comm, account->comm, sizeof(usage->comm));
	usage->held = account->is_open ? fp_owner_held(&account->owner) : 0;
	read_budget(&account->budget, usage);
}

/**
 * fp_account_usage() - what a client holds and is charged
 * @accounts: the accounts of the pool
 * @account: its account, which must not end meanwhile
 * @usage: the result; the figures are of one moment if the client does nothing meanwhile
 *
 * Context: process.
 */
void fp_account_usage(struct fp_accounts *accounts, struct fp_account *account,
		      struct fp_usage *usage)
{
	spin_lock(&accounts->lock);
	read_account_locked(accounts, account, usage);
	spin_unlock(&accounts->lock);
}

/**
 * fp_accounts_next() - iterate over the accounts
 * @accounts: the accounts of the pool
 * @label: in: look from this label on; out: the label of the account
 * @usage: the result, as in fp_account_usage()
 *
 * Context: process.
 * Return: false if there is no other account.
 */
bool fp_accounts_next(struct fp_accounts *accounts, u32 *label, struct fp_usage *usage)
{
	unsigned long index = *label;
	struct fp_account *account;

	spin_lock(&accounts->lock);
	account = xa_find(&accounts->accounts, &index, FP_NO_LABEL - 1, XA_PRESENT);
	if (account) {
		*label = index;
		read_account_locked(accounts, account, usage);
	}
	spin_unlock(&accounts->lock);
	return account;
}

/* For rb_find_first(): the first user that this finds equal has the lowest uid from *@least on. */
static int is_below(const void *least, const struct rb_node *node)
{
	return __kuid_val(to_user(node)->uid) < *(const u64 *)least;
}

/* Look at the first user whose uid is at least @uid. False: there is none. */
static bool read_user(struct fp_accounts *accounts, u64 uid, struct fp_usage *usage)
{
	struct fp_user *user;
	struct rb_node *node;

	spin_lock(&accounts->lock);
	node = rb_find_first(&uid, &accounts->users, is_below);
	if (node) {
		user = to_user(node);
		*usage = (struct fp_usage){ .uid = user->uid, .nr_clients = user->nr_open };
		read_budget(&user->budget, usage);
	}
	spin_unlock(&accounts->lock);
	return node;
}

static int compare_usages(const void *a, const void *b)
{
	return compare_uids(((const struct fp_usage *)a)->uid, ((const struct fp_usage *)b)->uid);
}

/**
 * fp_accounts_list_users() - what all users hold and are charged
 * @accounts: the accounts of the pool
 * @usages: the result, for the first @max users, by uid, without processes
 * @max: length of @usages
 *
 * They are looked at one after the other, so the figures are not of one moment.
 *
 * Context: may sleep.
 * Return: how many users there are.
 */
u32 fp_accounts_list_users(struct fp_accounts *accounts, struct fp_usage *usages, u32 max)
{
	struct fp_usage usage, *user;
	u32 nr = 0, label;
	u64 uid;

	for (uid = 0; read_user(accounts, uid, &usage); uid = __kuid_val(usage.uid) + 1ULL) {
		if (nr < max)
			usages[nr] = usage;
		nr++;
		cond_resched();
	}
	for (label = 0; fp_accounts_next(accounts, &label, &usage); label++) {
		user = bsearch(&usage, usages, min(nr, max), sizeof(usage), compare_usages);
		if (user)
			user->held += usage.held;
		cond_resched();
	}
	return nr;
}

/**
 * fp_accounts_init() - begin without accounts
 * @accounts: zeroed except for the limits
 * @buddy: the buddy of the pool
 *
 * Context: any; nobody else uses them yet.
 */
void fp_accounts_init(struct fp_accounts *accounts, struct fp_buddy *buddy)
{
	accounts->buddy = buddy;
	spin_lock_init(&accounts->lock);
	accounts->users = RB_ROOT;
	xa_init_flags(&accounts->accounts, XA_FLAGS_ALLOC);
}

/**
 * fp_accounts_fini() - free all accounts
 * @accounts: the accounts of a pool without clients, whose quarantine is over
 *
 * Context: may sleep.
 */
void fp_accounts_fini(struct fp_accounts *accounts)
{
	struct fp_account *account;
	struct fp_user *user, *next;
	unsigned long label;

	xa_for_each(&accounts->accounts, label, account)
		kfree(account);
	xa_destroy(&accounts->accounts);
	rbtree_postorder_for_each_entry_safe(user, next, &accounts->users, node)
		kfree(user);
}
