// SPDX-License-Identifier: GPL-2.0-only
/*
 * The cases of the suite "layers" with BUFFERS buffers and many more threads, each of which borrows
 * one, writes to it and returns it, over and over, for some time. What counts is the CPU time of
 * all threads for each of these operations, and how many the slowest thread did for each of the
 * fastest.
 *
 * The peer is the rule of Kafka's BufferPool (org.apache.kafka.clients.producer.internals), with a
 * mutex and condition variables of the C library: who comes takes a buffer if there is one. Who
 * finds none waits in a queue. Who returns a buffer wakes the first, which looks again, and waits
 * on if somebody was faster; when it has one and there are more, it wakes the next.
 */
#include <libframepool_bufpool.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "layers.h"

#define BUFFERS	8
#define THREADS	32
#define SIZE	2048

struct queued {
	struct queued *next;
	pthread_cond_t woken;
};

static struct {
	pthread_mutex_t lock;
	char memory[BUFFERS][SIZE];
	void *free[BUFFERS];
	u32 nr;
	struct queued *first;
	struct queued **last;
} kafka = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void kafka_begin(void)
{
	kafka.last = &kafka.first;
	for (kafka.nr = 0; kafka.nr < BUFFERS; kafka.nr++)
		kafka.free[kafka.nr] = kafka.memory[kafka.nr];
}

static void kafka_leave(struct queued *me)
{
	struct queued **link = &kafka.first;

	while (*link != me)
		link = &(*link)->next;
	*link = me->next;
	if (!me->next)
		kafka.last = link;
}

static void kafka_wait(void)
{
	struct queued me = { .woken = PTHREAD_COND_INITIALIZER };

	*kafka.last = &me;
	kafka.last = &me.next;
	while (!kafka.nr)
		pthread_cond_wait(&me.woken, &kafka.lock);
	kafka_leave(&me);
}

static void *kafka_borrow(void *unused)
{
	void *buffer;

	pthread_mutex_lock(&kafka.lock);
	if (!kafka.nr)
		kafka_wait();
	buffer = kafka.free[--kafka.nr];
	if (kafka.nr && kafka.first)
		pthread_cond_signal(&kafka.first->woken);
	pthread_mutex_unlock(&kafka.lock);
	return buffer;
}

static void kafka_return(void *unused, void *buffer)
{
	pthread_mutex_lock(&kafka.lock);
	kafka.free[kafka.nr++] = buffer;
	if (kafka.first)
		pthread_cond_signal(&kafka.first->woken);
	pthread_mutex_unlock(&kafka.lock);
}

static void *our_borrow(void *pool)
{
	return framepool_bufpool_borrow(pool, -1);
}

static void our_return(void *pool, void *buffer)
{
	framepool_bufpool_return(pool, buffer);
}

/**
 * struct side - one side of the comparison
 * @borrow: waits for a buffer
 * @give_back: returns it
 * @context: for both
 * @stop: tells the threads to end
 */
struct side {
	void *(*borrow)(void *context);
	void (*give_back)(void *context, void *buffer);
	void *context;
	atomic_bool stop;
};

struct worker {
	pthread_t thread;
	struct side *side;
	u64 nr;
};

static void *work(void *argument)
{
	struct worker *worker = argument;
	struct side *side = worker->side;

	while (!atomic_load_explicit(&side->stop, memory_order_relaxed)) {
		void *buffer = side->borrow(side->context);

		memset(buffer, 1, 64);
		side->give_back(side->context, buffer);
		worker->nr++;
	}
	return NULL;
}

static u64 cpu_us(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000ULL +
	       usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
}

/* One round. Notes nanoseconds for an operation, and the slowest thread's share in percent. */
static void run(struct side *side, u32 milliseconds, struct bench_value *cost,
		struct bench_value *share)
{
	struct worker workers[THREADS] = { };
	u64 start = cpu_us(), all = 0, least = U64_MAX, most = 1;
	u32 i;

	atomic_store(&side->stop, false);
	for (i = 0; i < THREADS; i++) {
		workers[i].side = side;
		if (pthread_create(&workers[i].thread, NULL, work, &workers[i]))
			abort();
	}
	usleep(milliseconds * 1000);
	atomic_store(&side->stop, true);
	for (i = 0; i < THREADS; i++) {
		pthread_join(workers[i].thread, NULL);
		all += workers[i].nr;
		least = min(least, workers[i].nr);
		most = max(most, workers[i].nr);
	}
	bench_note(cost, (cpu_us() - start) * 1000000 / max(all, 1));
	bench_note(share, least * 100000 / most);
}

static void emit(const char *name, const char *unit, struct bench_value ours,
		 struct bench_value theirs)
{
	struct bench_row row = {
		.suite = "layers", .name = name, .threads = THREADS, .unit = unit,
		.ours = ours, .peer = "Kafka's rule", .theirs = theirs,
	};

	bench_emit(&row);
}

/**
 * bench_contention() - measure and report the cases with many threads
 * @config: how long to measure
 * @fp: client of a pool
 */
void bench_contention(const struct layers_config *config, struct framepool *fp)
{
	struct framepool_bufpool_options options = { .size = SIZE, .count = BUFFERS };
	struct framepool_bufpool *pool = framepool_bufpool_create(fp, &options);
	struct side ours = { our_borrow, our_return, pool, false };
	struct side theirs = { kafka_borrow, kafka_return, NULL, false };
	struct bench_value values[4] = { };
	u32 i;

	if (!pool) {
		perror("framepool_bufpool_create");
		exit(1);
	}
	kafka_begin();
	for (i = 0; i < (config->rounds < 5 ? config->rounds : 5); i++) {
		run(&ours, config->milliseconds, &values[0], &values[1]);
		run(&theirs, config->milliseconds, &values[2], &values[3]);
	}
	emit("bufpool, 8 buffers, CPU time", "ns", values[0], values[2]);
	emit("bufpool, 8 buffers, slowest of fastest", "%", values[1], values[3]);
	framepool_bufpool_destroy(pool);
}
