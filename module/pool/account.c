// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who is charged for how much of a pool, and the limits.
 *
 * A buffer is charged to the client that allocated it and to the user who opened that client,
 * from before it is allocated until its memory has gone back. What then goes into quarantine,
 * because somebody might still reference it, remains charged to the user: otherwise one who
 * keeps pages in pipes could take memory from the others without end. It is charged by whole huge frames,
 * since nobody else can have any of it.
 *
 * Each client has an account, whose number labels the huge frames in quarantine that the client used last. The charge
 * falls when they leave; so the account outlives its client while there are any.
 *
 * Charges are counted in frames, limits in bytes.
 */
#include "pool/account.h"

#include <linux/cred.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "core/platform.h"

/* Charges this large cannot be reached by buffers that exist; sums of them stay below 2^64. */
#define NO_LIMIT	(1ULL << 63)

static u64 limit_frames(const u64 *quota)
{
	u64 bytes = READ_ONCE(*quota);

	return bytes ? bytes >> PAGE_SHIFT : NO_LIMIT;
}

static bool fits(u64 nr, u64 charged, u64 limit)
{
	return charged <= limit && nr <= limit - charged;
}

static void add_held_locked(struct fp_account *account, s64 nr)
{
	lockdep_assert_held(&account->user->lock);
	WRITE_ONCE(account->held, account->held + nr);
	account->user->held += nr;
}

static void add_quarantined_locked(struct fp_account *account, s64 nr)
{
	lockdep_assert_held(&account->user->lock);
	WRITE_ONCE(account->quarantined, account->quarantined + nr * FP_HUGE_FRAMES);
	account->user->quarantined += nr * FP_HUGE_FRAMES;
}

/**
 * fp_account_charge() - charge frames that are about to be allocated
 * @accounts: the accounts of the pool
 * @account: whom to charge
 * @nr: frames
 *
 * Context: process.
 * Return: 0; -EDQUOT: the client or the user would hold too much; -EAGAIN: the user would
 * not but for what it has in quarantine. Nothing is charged then.
 */
int fp_account_charge(struct fp_accounts *accounts, struct fp_account *account, u64 nr)
{
	u64 client_limit = limit_frames(&accounts->client_quota);
	u64 user_limit = limit_frames(&accounts->user_quota);
	struct fp_user *user = account->user;
	int ret = 0;

	spin_lock(&user->lock);
	if (!fits(nr, account->held, client_limit) || !fits(nr, user->held, user_limit))
		ret = -EDQUOT;
	else if (!fits(nr, user->held + max(user->quarantined, 0LL), user_limit))
		ret = -EAGAIN;
	else
		add_held_locked(account, nr);
	spin_unlock(&user->lock);
	return ret;
}

/**
 * fp_account_uncharge() - the memory has gone back
 * @account: who was charged for it
 * @nr: frames
 * @nr_quarantined: huge frames that went into quarantine with them
 *
 * These may have left the quarantine already: the count of them is then too low until now.
 *
 * Context: process.
 */
void fp_account_uncharge(struct fp_account *account, u64 nr, u32 nr_quarantined)
{
	spin_lock(&account->user->lock);
	add_held_locked(account, -nr);
	add_quarantined_locked(account, nr_quarantined);
	spin_unlock(&account->user->lock);
}

static void close_if_unused_locked(struct fp_accounts *accounts, struct fp_account *account)
{
	struct fp_user *user = account->user;

	lockdep_assert_held(&accounts->lock);
	if (account->is_open || account->quarantined)
		return;
	xa_erase(&accounts->accounts, account->label);
	kfree(account);
	if (--user->nr_accounts)
		return;
	list_del(&user->node);
	kfree(user);
}

/* Who is no client, such as another module, has no account, and is not charged. */
static void add_quarantined(struct fp_accounts *accounts, u32 label, s64 nr)
{
	struct fp_account *account;

	if (label == FP_NO_LABEL)
		return;
	spin_lock(&accounts->lock);
	account = xa_load(&accounts->accounts, label);
	if (account) {
		spin_lock(&account->user->lock);
		add_quarantined_locked(account, nr);
		spin_unlock(&account->user->lock);
		close_if_unused_locked(accounts, account);
	}
	spin_unlock(&accounts->lock);
}

/**
 * fp_accounts_quarantine() - huge frames went into quarantine that were no buffer's
 * @accounts: the accounts of the pool
 * @label: their label: who is charged for them
 * @nr: how many
 *
 * Those of a buffer are charged by fp_account_uncharge().
 *
 * Context: process.
 */
void fp_accounts_quarantine(struct fp_accounts *accounts, u32 label, u32 nr)
{
	if (nr)
		add_quarantined(accounts, label, nr);
}

/**
 * fp_accounts_release() - a huge frame is about to leave quarantine
 * @accounts: the accounts of the pool
 * @label: its label: who is charged for it
 *
 * Context: process.
 */
void fp_accounts_release(struct fp_accounts *accounts, u32 label)
{
	add_quarantined(accounts, label, -1);
}

static struct fp_user *find_user_locked(struct fp_accounts *accounts, kuid_t uid)
{
	struct fp_user *user;

	lockdep_assert_held(&accounts->lock);
	list_for_each_entry(user, &accounts->users, node)
		if (uid_eq(user->uid, uid))
			return user;
	return NULL;
}

static struct fp_user *create_user(kuid_t uid)
{
	struct fp_user *user = kzalloc(sizeof(*user), GFP_KERNEL_ACCOUNT);

	if (user) {
		user->uid = uid;
		spin_lock_init(&user->lock);
	}
	return user;
}

/* The account becomes one of its user's. */
static int join_user(struct fp_accounts *accounts, struct fp_account *account, kuid_t uid)
{
	struct fp_user *user, *new = create_user(uid);

	if (!new)
		return -ENOMEM;
	spin_lock(&accounts->lock);
	user = find_user_locked(accounts, uid);
	if (!user) {
		user = new;
		new = NULL;
		list_add_tail(&user->node, &accounts->users);
	}
	user->nr_accounts++;
	account->user = user;
	spin_lock(&user->lock);
	user->nr_open++;
	spin_unlock(&user->lock);
	spin_unlock(&accounts->lock);
	kfree(new);
	return 0;
}

/* From now on its label says something. */
static int publish(struct fp_accounts *accounts, struct fp_account *account)
{
	int ret;

	ret = xa_alloc_cyclic(&accounts->accounts, &account->label, account,
			      XA_LIMIT(0, FP_NO_LABEL - 1), &accounts->next_label, GFP_KERNEL_ACCOUNT);
	return min(ret, 0);
}

/**
 * fp_account_open() - an account for a client of the current process
 * @accounts: the accounts of the pool
 * @uid: whose
 *
 * Context: may sleep.
 * Return: the account, for fp_account_close(), or NULL: no memory.
 */
struct fp_account *fp_account_open(struct fp_accounts *accounts, kuid_t uid)
{
	struct fp_account *account = kzalloc(sizeof(*account), GFP_KERNEL_ACCOUNT);

	if (!account)
		return NULL;
	account->pid = task_tgid_nr(current);
	get_task_comm(account->comm, current);
	account->is_open = true;
	if (join_user(accounts, account, uid)) {
		kfree(account);
		return NULL;
	}
	if (publish(accounts, account)) {
		account->label = FP_NO_LABEL;
		fp_account_close(accounts, account);
		return NULL;
	}
	return account;
}

/**
 * fp_account_close() - the client ends
 * @accounts: the accounts of the pool
 * @account: the account; its client holds nothing any more
 *
 * Context: process.
 */
void fp_account_close(struct fp_accounts *accounts, struct fp_account *account)
{
	spin_lock(&accounts->lock);
	spin_lock(&account->user->lock);
	account->is_open = false;
	account->user->nr_open--;
	spin_unlock(&account->user->lock);
	close_if_unused_locked(accounts, account);
	spin_unlock(&accounts->lock);
}

/**
 * fp_accounts_list_users() - what all users are charged
 * @accounts: the accounts of the pool
 * @usages: the result, for the first @max
 * @max: room
 *
 * Context: process.
 * Return: how many users there are.
 */
u32 fp_accounts_list_users(struct fp_accounts *accounts, struct fp_user_usage *usages, u32 max)
{
	struct fp_user *user;
	u32 nr = 0;

	spin_lock(&accounts->lock);
	list_for_each_entry(user, &accounts->users, node) {
		if (nr++ >= max)
			continue;
		spin_lock(&user->lock);
		usages->uid = user->uid;
		usages->nr_clients = user->nr_open;
		usages->held = user->held;
		usages->quarantined = max(user->quarantined, 0LL);
		spin_unlock(&user->lock);
		usages++;
	}
	spin_unlock(&accounts->lock);
	return nr;
}

/**
 * fp_account_usage() - what a client is charged
 * @account: its account, which cannot go away meanwhile
 * @usage: the result
 *
 * Context: process.
 */
void fp_account_usage(struct fp_account *account, struct fp_account_usage *usage)
{
	spin_lock(&account->user->lock);
	usage->uid = account->user->uid;
	usage->pid = account->pid;
	memcpy(usage->comm, account->comm, sizeof(usage->comm));
	usage->is_open = account->is_open;
	usage->held = account->held;
	usage->quarantined = max(account->quarantined, 0LL);
	spin_unlock(&account->user->lock);
}

/**
 * fp_accounts_next() - look at one account after the other
 * @accounts: the accounts of the pool
 * @label: in: look from this label on; out: the label of the account
 * @usage: the result
 *
 * Context: process.
 * Return: false: there is none.
 */
bool fp_accounts_next(struct fp_accounts *accounts, u32 *label, struct fp_account_usage *usage)
{
	unsigned long index = *label;
	struct fp_account *account;

	spin_lock(&accounts->lock);
	account = xa_find(&accounts->accounts, &index, FP_NO_LABEL - 1, XA_PRESENT);
	if (account) {
		*label = index;
		fp_account_usage(account, usage);
	}
	spin_unlock(&accounts->lock);
	return account;
}

/**
 * fp_accounts_init() - begin without accounts and limits
 * @accounts: zeroed but for the limits
 *
 * Context: any; nobody else knows of them yet.
 */
void fp_accounts_init(struct fp_accounts *accounts)
{
	spin_lock_init(&accounts->lock);
	INIT_LIST_HEAD(&accounts->users);
	xa_init_flags(&accounts->accounts, XA_FLAGS_ALLOC);
}

/**
 * fp_accounts_fini() - forget all accounts
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
	list_for_each_entry_safe(user, next, &accounts->users, node)
		kfree(user);
}
