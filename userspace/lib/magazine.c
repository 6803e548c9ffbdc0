// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Creates and ends the magazines of all threads. cache.c moves objects into them and out of them.
 *
 * A thread finds its magazines in a table of its own (struct fp_thread), under the index that each
 * cache has while it exists. The fast path takes no lock. Entries of a table change under the lock,
 * and only
 *  - by its thread, when that uses a cache for the first time, or
 *  - when a cache is destroyed, which no thread uses any more then. A thread that uses the next
 *    cache with the same index has learned of it from the thread that created it, after the entry
 *    changed.
 *
 * The lock is taken when a cache or a magazine is created, when a cache is destroyed, when a thread
 * ends, and around fork(). A thread that ends gives its objects back under the lock, so that their
 * cache cannot be destroyed meanwhile.
 *
 * fork(): parent and child share the client, and therefore the objects. Objects in magazines stay
 * the parent's. The child forgets them, and begins with empty magazines.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "magazine.h"
#include "objects.h"

struct fp_magazine fp_no_magazine;

static struct fp_thread no_thread;
_Thread_local struct fp_thread *fp_thread = &no_thread;

/* @lock protects the rest of it, and the tables. */
static struct {
	pthread_mutex_t lock;
	struct fp_thread *threads;
	struct framepool_cache **caches;
	size_t nr_caches;
	pthread_key_t key;
	bool has_key;
	bool ready;
} all = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void forget(struct fp_magazine *magazine)
{
	if (magazine == &fp_no_magazine)
		return;
	atomic_fetch_add_explicit(&magazine->cache->nr_allocs, magazine->nr_allocs,
				  memory_order_relaxed);
	free(magazine);
}

static void forget_thread(struct fp_thread *thread)
{
	for (size_t i = 0; i < thread->nr; i++)
		forget(thread->magazines[i]);
	*thread->link = thread->next;
	if (thread->next)
		thread->next->link = thread->link;
	free(thread);
}

/*
 * Gives this thread's objects back to their caches. Objects that are refused are counted; nobody is
 * left to report them to.
 */
static void end_thread(void *unused)
{
	struct fp_thread *thread = fp_thread;
	int err = errno;

	(void)unused;
	if (thread == &no_thread)
		return;
	pthread_mutex_lock(&all.lock);
	for (size_t i = 0; i < thread->nr; i++)
		if (thread->magazines[i]->nr)
			fp_objects_free(thread->magazines[i]->cache, thread->magazines[i]->offsets,
					thread->magazines[i]->nr);
	forget_thread(thread);
	fp_thread = &no_thread;
	pthread_mutex_unlock(&all.lock);
	errno = err;
}

/*
 * Called when the process exits, and when a plugin that contains this library is unloaded.
 *
 * A process that ends may share its client with others, and the key's destructor is not called for
 * the thread that calls exit(). Without the key, a thread that ends later does not call
 * end_thread(), which may be gone by then; its table is lost. A thread that uses its first cache
 * after this, which only a process that exits can have, gets no magazine.
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

	for (thread = all.threads; thread; thread = next) {
		next = thread->next;
		if (thread != fp_thread)
			forget_thread(thread);
	}
	for (size_t i = 0; i < fp_thread->nr; i++)
		fp_thread->magazines[i]->nr = 0;
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
	struct framepool_cache **caches;

	for (*index = 0; *index < all.nr_caches; ++*index)
		if (!all.caches[*index])
			return true;
	caches = realloc(all.caches, (all.nr_caches + 1) * sizeof(*caches));
	if (!caches)
		return false;
	all.caches = caches;
	all.nr_caches++;
	return true;
}

/**
 * fp_magazines_add_cache - allow magazines of a cache
 * @cache: the cache; its index is set
 *
 * Return: false if there is no memory.
 */
bool fp_magazines_add_cache(struct framepool_cache *cache)
{
	bool added;

	pthread_mutex_lock(&all.lock);
	added = get_ready_locked() && find_index_locked(&cache->index);
	if (added)
		all.caches[cache->index] = cache;
	pthread_mutex_unlock(&all.lock);
	return added;
}

static void remove_locked(uint32_t index)
{
	for (struct fp_thread *thread = all.threads; thread; thread = thread->next)
		if (index < thread->nr) {
			forget(thread->magazines[index]);
			thread->magazines[index] = &fp_no_magazine;
		}
	all.caches[index] = NULL;
	while (all.nr_caches && !all.caches[all.nr_caches - 1])
		all.nr_caches--;
	if (!all.nr_caches) {
		free(all.caches);
		all.caches = NULL;
	}
}

/**
 * fp_magazines_remove_cache - free all magazines of a cache
 * @cache: the cache, which no thread uses any more
 *
 * The objects in them are not given back, because they end with the cache.
 */
void fp_magazines_remove_cache(struct framepool_cache *cache)
{
	pthread_mutex_lock(&all.lock);
	remove_locked(cache->index);
	pthread_mutex_unlock(&all.lock);
}

/* Makes room for @nr entries in this thread's table. Returns NULL if there is no memory. */
static struct fp_thread *grow_thread_locked(size_t nr)
{
	bool is_new = fp_thread == &no_thread;
	struct fp_thread *thread;

	if (is_new && (!all.has_key || pthread_setspecific(all.key, &all)))
		return NULL;
	thread = realloc(is_new ? NULL : fp_thread,
			 sizeof(*thread) + nr * sizeof(thread->magazines[0]));
	if (!thread)
		return NULL;
	if (is_new)
		*thread = (struct fp_thread){ .next = all.threads, .link = &all.threads };
	while (thread->nr < nr)
		thread->magazines[thread->nr++] = &fp_no_magazine;
	*thread->link = thread;
	if (thread->next)
		thread->next->link = &thread->next;
	fp_thread = thread;
	return thread;
}

static struct fp_magazine *create_locked(struct framepool_cache *cache)
{
	struct fp_magazine *magazine;

	if (cache->index >= fp_thread->nr && !grow_thread_locked(all.nr_caches))
		return &fp_no_magazine;
	magazine = malloc(sizeof(*magazine) + cache->capacity * sizeof(magazine->offsets[0]));
	if (!magazine)
		return &fp_no_magazine;
	*magazine = (struct fp_magazine){ .cache = cache, .capacity = cache->capacity };
	fp_thread->magazines[cache->index] = magazine;
	return magazine;
}

/**
 * fp_magazine_create - create this thread's magazine of a cache
 * @cache: the cache, of which the thread has no magazine yet
 *
 * errno is left alone.
 *
 * Return: the magazine, which is empty, or fp_no_magazine if there is no memory or the cache has no
 * magazines.
 */
struct fp_magazine *fp_magazine_create(struct framepool_cache *cache)
{
	struct fp_magazine *magazine;
	int err = errno;

	if (!cache->capacity)
		return &fp_no_magazine;
	pthread_mutex_lock(&all.lock);
	magazine = create_locked(cache);
	pthread_mutex_unlock(&all.lock);
	errno = err;
	return magazine;
}

/**
 * fp_magazines_allocs - how many objects of a cache were allocated
 * @cache: the cache
 *
 * Return: the sum over all threads, including those that have ended.
 */
uint64_t fp_magazines_allocs(struct framepool_cache *cache)
{
	uint64_t nr;

	pthread_mutex_lock(&all.lock);
	nr = atomic_load(&cache->nr_allocs);
	for (struct fp_thread *thread = all.threads; thread; thread = thread->next)
		if (cache->index < thread->nr && thread->magazines[cache->index] != &fp_no_magazine)
			nr += thread->magazines[cache->index]->nr_allocs;
	pthread_mutex_unlock(&all.lock);
	return nr;
}
