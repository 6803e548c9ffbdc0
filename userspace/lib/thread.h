/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What each thread keeps of a cache or of a pool of buffers. See thread.c.
 */
#ifndef LIBFRAMEPOOL_THREAD_H
#define LIBFRAMEPOOL_THREAD_H

#include "internal.h"

#define fp_likely(condition)	__builtin_expect(!!(condition), 1)

/**
 * struct fp_keeper_ops - what to do with what threads keep
 * @give_back: its thread ends: gives back what is in it; @forget follows
 * @forget: it is not used any more: frees it. Also called in a child for threads that it lacks.
 * @empty: it now belongs to a child made by fork(), which owns nothing
 * @begin_child: in a child made by fork(), or NULL
 *
 * All are called under the lock of all threads.
 */
struct fp_keeper_ops {
	void (*give_back)(void *kept);
	void (*forget)(void *kept);
	void (*empty)(void *kept);
	void (*begin_child)(struct fp_keeper *keeper);
};

/**
 * struct fp_thread - what one thread keeps
 * @next: in the list of all threads that keep something
 * @link: the pointer that points here
 * @nr: length of @kept
 * @kept: by the index of the keeper; &fp_nothing where there is nothing
 */
struct fp_thread {
	struct fp_thread *next;
	struct fp_thread **link;
	size_t nr;
	void *kept[];
};

/*
 * Stands for nothing. It is all zeros and never written. What threads keep is laid out so that this
 * means: empty, and full. So the fast paths need no check for it.
 */
union fp_nothing {
	void *pointers[8];
	uint64_t numbers[8];
};
extern union fp_nothing fp_nothing __attribute__((visibility("hidden")));

/* initial-exec: one instruction reaches it, and every program has room for so small a variable. */
extern _Thread_local struct fp_thread *fp_thread
	__attribute__((visibility("hidden"), tls_model("initial-exec")));

extern _Thread_local uint32_t fp_thread_id
	__attribute__((visibility("hidden"), tls_model("initial-exec")));

uint32_t fp_thread_number_slowly(void);
bool fp_keeper_add(struct fp_keeper *keeper);
void fp_keeper_remove(struct fp_keeper *keeper);
bool fp_keep(struct fp_keeper *keeper, void *kept);
void fp_keeper_each(struct fp_keeper *keeper, void (*call)(void *kept, void *argument),
		    void *argument);

/**
 * fp_kept - what this thread keeps
 * @keeper: of which cache or pool
 *
 * Return: it, or &fp_nothing.
 */
static inline void *fp_kept(const struct fp_keeper *keeper)
{
	const struct fp_thread *thread = fp_thread;

	return fp_likely(keeper->index < thread->nr) ? thread->kept[keeper->index] : &fp_nothing;
}

/**
 * fp_thread_number - the kernel's number of this thread
 *
 * Return: the number, as from gettid(2).
 */
static inline uint32_t fp_thread_number(void)
{
	uint32_t id = fp_thread_id;

	return fp_likely(id) ? id : fp_thread_number_slowly();
}

#endif
