// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What threads keep of caches and pools of buffers, which are "keepers" here. This file knows
 * neither; they say by struct fp_keeper_ops what is to be done.
 *
 * A thread finds what it keeps in a table of its own (struct fp_thread), under the index that each
 * keeper has while it exists. The fast path takes no lock. Entries of a table change under the
 * lock, and only
 *  - by its thread, when that uses a keeper for the first time, or
 *  - when a keeper is removed, which no thread uses any more then. A thread that uses the next
 *    keeper with the same index has learned of it from the thread that created it, after the entry
 *    changed.
 *
 * The lock is taken when a keeper, or what a thread keeps of it, is added, when a keeper is
 * removed, when a thread ends, and around fork(). A thread that ends gives back under the lock, so
 * that the keeper cannot be removed meanwhile. Locks of keepers come after this one.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "thread.h"

union fp_nothing fp_nothing;

static struct fp_thread no_thread;
_Thread_local struct fp_thread *fp_thread = &no_thread;

/*
 * This thread's table was taken away. It gets no other one: what the C library frees after the last
 * destructor of a key would make a table that nobody takes away.
 */
static _Thread_local bool has_ended;

/* Its number, or 0 if it was not asked for yet. */
_Thread_local uint32_t fp_thread_id;

/* @lock protects the rest of it, and the tables. */
static struct {
	pthread_mutex_t lock;
	struct fp_thread *threads;
	struct fp_keeper **keepers;
	size_t nr_keepers;
	pthread_key_t key;
	bool has_key;
	bool ready;
} all = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* Calls @call for all that a thread keeps. */
static void each_kept(const struct fp_thread *thread,
		      void (*call)(const struct fp_keeper_ops *ops, void *kept))
{
	for (size_t i = 0; i < thread->nr; i++)
		if (thread->kept[i] != &fp_nothing)
			call(all.keepers[i]->ops, thread->kept[i]);
}

static void give_back(const struct fp_keeper_ops *ops, void *kept)
{
	ops->give_back(kept);
}

static void forget(const struct fp_keeper_ops *ops, void *kept)
{
	ops->forget(kept);
}

static void empty(const struct fp_keeper_ops *ops, void *kept)
{
	ops->empty(kept);
}

static void forget_thread(struct fp_thread *thread)
{
	each_kept(thread, forget);
	*thread->link = thread->next;
	if (thread->next)
		thread->next->link = thread->link;
	free(thread);
}

static void end_thread(void *unused)
{
	struct fp_thread *thread = fp_thread;
	int err = errno;

	(void)unused;
	if (thread == &no_thread)
		return;
	pthread_mutex_lock(&all.lock);
	each_kept(thread, give_back);
	forget_thread(thread);
	fp_thread = &no_thread;
	has_ended = true;
	pthread_mutex_unlock(&all.lock);
	errno = err;
}

/*
 * Called when the process exits, and when a plugin that contains this library is unloaded.
 *
 * A process that ends may share its client with others, and the key's destructor is not called for
 * the thread that calls exit(). Without the key, a thread that ends later does not call
 * end_thread(), which may be gone by then; its table is lost. A thread that keeps its first thing
 * after this, which only a process that exits can have, gets none.
 */
__attribute__((destructor)) static void end_library(void)
{
	end_thread(NULL);
	pthread_mutex_lock(&all.lock);
	if (all.has_key)
		pthread_key_delete(all.key);
	all.has_key = false;
	all.ready = true;
	pthread_mutex_unlock(&all.lock);
}

static void before_fork(void)
{
	pthread_mutex_lock(&all.lock);
}

static void after_fork(void)
{
	pthread_mutex_unlock(&all.lock);
}

/* The parent's other threads do not exist in the child. */
static void begin_child(void)
{
	struct fp_thread *thread, *next;

	fp_thread_id = 0;
	for (thread = all.threads; thread; thread = next) {
		next = thread->next;
		if (thread != fp_thread)
			forget_thread(thread);
	}
	each_kept(fp_thread, empty);
	for (size_t i = 0; i < all.nr_keepers; i++)
		if (all.keepers[i] && all.keepers[i]->ops->begin_child)
			all.keepers[i]->ops->begin_child(all.keepers[i]);
	after_fork();
}

static bool get_ready_locked(void)
{
	if (all.ready)
		return true;
	if (pthread_key_create(&all.key, end_thread))
		return false;
	if (pthread_atfork(before_fork, after_fork, begin_child)) {
		pthread_key_delete(all.key);
		return false;
	}
	all.has_key = true;
	all.ready = true;
	return true;
}

/*
 * Finds the lowest free index, and makes room for it in the table. Returns false if there is no
 * memory.
 */
static bool find_index_locked(uint32_t *index)
{
	struct fp_keeper **keepers;

	for (*index = 0; *index < all.nr_keepers; ++*index)
		if (!all.keepers[*index])
			return true;
	keepers = realloc(all.keepers, (all.nr_keepers + 1) * sizeof(*keepers));
	if (!keepers)
		return false;
	all.keepers = keepers;
	all.nr_keepers++;
	return true;
}

/**
 * fp_thread_number_slowly - see fp_thread_number()
 *
 * Return: the number, which is known from now on.
 */
uint32_t fp_thread_number_slowly(void)
{
	fp_thread_id = (uint32_t)syscall(SYS_gettid);
	return fp_thread_id;
}

/**
 * fp_keeper_add - allow threads to keep something
 * @keeper: of which cache or pool; its ops are set, and its index is set here
 *
 * Return: false if there is no memory.
 */
bool fp_keeper_add(struct fp_keeper *keeper)
{
	bool added;

	pthread_mutex_lock(&all.lock);
	added = get_ready_locked() && find_index_locked(&keeper->index);
	if (added)
		all.keepers[keeper->index] = keeper;
	pthread_mutex_unlock(&all.lock);
	return added;
}

static void remove_locked(const struct fp_keeper *keeper)
{
	uint32_t index = keeper->index;

	for (struct fp_thread *thread = all.threads; thread; thread = thread->next)
		if (index < thread->nr && thread->kept[index] != &fp_nothing) {
			keeper->ops->forget(thread->kept[index]);
			thread->kept[index] = &fp_nothing;
		}
	all.keepers[index] = NULL;
	while (all.nr_keepers && !all.keepers[all.nr_keepers - 1])
		all.nr_keepers--;
	if (!all.nr_keepers) {
		free(all.keepers);
		all.keepers = NULL;
	}
}

/**
 * fp_keeper_remove - forget all that threads keep
 * @keeper: of which cache or pool, which no thread uses any more
 */
void fp_keeper_remove(struct fp_keeper *keeper)
{
	pthread_mutex_lock(&all.lock);
	remove_locked(keeper);
	pthread_mutex_unlock(&all.lock);
}

/* Makes room for @nr entries in this thread's table. Returns false if there is no memory. */
static bool grow_thread_locked(size_t nr)
{
	bool is_new = fp_thread == &no_thread;
	struct fp_thread *thread;

	if (is_new && (has_ended || !all.has_key || pthread_setspecific(all.key, &all)))
		return false;
	thread = realloc(is_new ? NULL : fp_thread,
			 sizeof(*thread) + nr * sizeof(thread->kept[0]));
	if (!thread)
		return false;
	if (is_new)
		*thread = (struct fp_thread){ .next = all.threads, .link = &all.threads };
	while (thread->nr < nr)
		thread->kept[thread->nr++] = &fp_nothing;
	*thread->link = thread;
	if (thread->next)
		thread->next->link = &thread->next;
	fp_thread = thread;
	return true;
}

/**
 * fp_keep - keep something for this thread
 * @keeper: of which cache or pool; the thread keeps nothing of it yet
 * @kept: what
 *
 * Return: false if there is no memory.
 */
bool fp_keep(struct fp_keeper *keeper, void *kept)
{
	bool room;

	pthread_mutex_lock(&all.lock);
	room = keeper->index < fp_thread->nr || grow_thread_locked(all.nr_keepers);
	if (room)
		fp_thread->kept[keeper->index] = kept;
	pthread_mutex_unlock(&all.lock);
	return room;
}

/**
 * fp_keeper_each - call a function for what each thread keeps
 * @keeper: of which cache or pool
 * @call: the function, which is called under the lock of all threads
 * @argument: for the function; it is called once more, with NULL for what is kept
 */
void fp_keeper_each(struct fp_keeper *keeper, void (*call)(void *kept, void *argument),
		    void *argument)
{
	pthread_mutex_lock(&all.lock);
	call(NULL, argument);
	for (struct fp_thread *thread = all.threads; thread; thread = thread->next)
		if (keeper->index < thread->nr && thread->kept[keeper->index] != &fp_nothing)
			call(thread->kept[keeper->index], argument);
	pthread_mutex_unlock(&all.lock);
}
