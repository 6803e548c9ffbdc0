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
 * The charge of a client is a number of its own, but protected by the lock of its user:
 * what is charged is charged to both or to none.
 *
 * Each huge frame in quarantine bears the user whose free sent it there as its label.
 * That one's charge falls when it leaves.
 *
 * Charges are counted in frames, limits in bytes.
 */
#include "user.h"

#include <linux/mm.h>
#include <linux/slab.h>

#include "platform.h"

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

/**
 * fp_user_charge() - charge frames that are about to be allocated
 * @users: the users of the pool
 * @user: whom to charge
 * @held: what the client is charged (protected by the user's lock)
 * @nr: frames
 *
 * Context: any.
 * Return: 0; -EDQUOT: the client or the user would hold too much; -EAGAIN: the user would
 * not but for what it has in quarantine. Nothing is charged then.
 */
int fp_user_charge(struct fp_users *users, struct fp_user *user, u64 *held, u64 nr)
{
	u64 client_limit = limit_frames(&users->client_quota);
	u64 user_limit = limit_frames(&users->user_quota);
	int ret = 0;

	spin_lock(&user->lock);
	if (!fits(nr, *held, client_limit) || !fits(nr, user->held, user_limit)) {
		ret = -EDQUOT;
	} else if (!fits(nr, user->held + max(user->quarantined, 0LL), user_limit)) {
		ret = -EAGAIN;
	} else {
		WRITE_ONCE(*held, *held + nr);
		user->held += nr;
	}
	spin_unlock(&user->lock);
	return ret;
}

/**
 * fp_user_uncharge() - the memory has gone back
 * @user: the user who was charged for it
 * @held: what the client is charged
 * @nr: frames
 * @nr_quarantined: huge frames that went into quarantine with them
 *
 * These may have left the quarantine already: the user's count of them is then too
 * low until now. The client keeps the user from going away meanwhile.
 *
 * Context: any.
 */
void fp_user_uncharge(struct fp_user *user, u64 *held, u64 nr, u32 nr_quarantined)
{
	spin_lock(&user->lock);
	WRITE_ONCE(*held, *held - nr);
	user->held -= nr;
	user->quarantined += (u64)nr_quarantined * FP_HUGE_FRAMES;
	spin_unlock(&user->lock);
}

/**
 * fp_user_label() - what to label huge frames with
 * @user: the user whose they are
 *
 * Return: a label for its clients' owners.
 */
u32 fp_user_label(const struct fp_user *user)
{
	return __kuid_val(user->uid);
}

static void free_if_unused(struct fp_user *user)
{
	/* Without clients, all that it is charged for is in quarantine. */
	if (user->nr_clients || user->quarantined)
		return;
	list_del(&user->node);
	kfree(user);
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

static struct fp_user *find_locked(struct fp_users *users, kuid_t uid)
{
	struct fp_user *user;

	lockdep_assert_held(&users->lock);
	list_for_each_entry(user, &users->list, node)
		if (uid_eq(user->uid, uid))
			return user;
	return NULL;
}

/* Who is no client, such as another module, has no label, and is not charged. */
static void add_quarantined(struct fp_users *users, u32 label, s64 nr)
{
	struct fp_user *user;

	if (label == FP_NO_LABEL)
		return;
	spin_lock(&users->lock);
	user = find_locked(users, KUIDT_INIT(label));
	if (user) {
		spin_lock(&user->lock);
		user->quarantined += nr * FP_HUGE_FRAMES;
		spin_unlock(&user->lock);
		free_if_unused(user);
	}
	spin_unlock(&users->lock);
}

/**
 * fp_users_quarantine() - huge frames went into quarantine that were no buffer's
 * @users: the users of the pool
 * @label: their label: who is charged for them
 * @nr: how many
 *
 * Those of a buffer are charged by fp_user_uncharge().
 *
 * Context: any.
 */
void fp_users_quarantine(struct fp_users *users, u32 label, u32 nr)
{
	add_quarantined(users, label, nr);
}

/**
 * fp_users_release() - a huge frame is about to leave quarantine
 * @users: the users of the pool
 * @label: its label: who is charged for it
 *
 * Context: any.
 */
void fp_users_release(struct fp_users *users, u32 label)
{
	add_quarantined(users, label, -1);
}

/**
 * fp_user_get() - the user of a new client
 * @users: the users of the pool
 * @uid: who it is
 *
 * Context: may sleep.
 * Return: the user, for fp_user_put(), or NULL: no memory.
 */
struct fp_user *fp_user_get(struct fp_users *users, kuid_t uid)
{
	struct fp_user *user, *new = create_user(uid);

	if (!new)
		return NULL;
	spin_lock(&users->lock);
	user = find_locked(users, uid);
	if (!user) {
		user = new;
		new = NULL;
		list_add_tail(&user->node, &users->list);
	}
	user->nr_clients++;
	spin_unlock(&users->lock);
	kfree(new);
	return user;
}

/**
 * fp_user_put() - the client ends
 * @users: the users of the pool
 * @user: from fp_user_get(); the client holds nothing any more
 *
 * Context: any.
 */
void fp_user_put(struct fp_users *users, struct fp_user *user)
{
	spin_lock(&users->lock);
	user->nr_clients--;
	free_if_unused(user);
	spin_unlock(&users->lock);
}

/**
 * fp_users_list() - what all users are charged
 * @users: the users of the pool
 * @usages: the result, for the first @max
 * @max: room
 *
 * Context: any.
 * Return: how many users there are.
 */
u32 fp_users_list(struct fp_users *users, struct fp_user_usage *usages, u32 max)
{
	struct fp_user *user;
	u32 nr = 0;

	spin_lock(&users->lock);
	list_for_each_entry(user, &users->list, node) {
		if (nr++ >= max)
			continue;
		spin_lock(&user->lock);
		usages->uid = user->uid;
		usages->nr_clients = user->nr_clients;
		usages->held = user->held;
		usages->quarantined = max(user->quarantined, 0LL);
		spin_unlock(&user->lock);
		usages++;
	}
	spin_unlock(&users->lock);
	return nr;
}

/**
 * fp_users_init() - begin without users and limits
 * @users: zeroed but for the limits
 */
void fp_users_init(struct fp_users *users)
{
	spin_lock_init(&users->lock);
	INIT_LIST_HEAD(&users->list);
}

/**
 * fp_users_fini() - forget all users
 * @users: the users of a pool without clients, whose quarantine is over
 *
 * Context: may sleep.
 */
void fp_users_fini(struct fp_users *users)
{
	struct fp_user *user, *next;

	list_for_each_entry_safe(user, next, &users->list, node)
		kfree(user);
}
