/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A process of the fuzzer, and a thread of it.
 *
 * All mappings of the pool lie in one arena, or where the kernel chose. Nothing else is mapped
 * while operations run. So when another thread has unmapped a mapping, there is either nothing in
 * its place, or another mapping of the pool.
 *
 * Each frame of a buffer begins with zeros, or with a stamp that names the process that wrote it.
 * A writable mapping always shows a buffer whose handle was live after it was mapped. So no stamp
 * gets into a new buffer.
 */
#ifndef FRAMEPOOL_FUZZ_HAND_H
#define FRAMEPOOL_FUZZ_HAND_H

#include <pthread.h>
#include <setjmp.h>
#include <sys/types.h>

#include "program.h"

#define SLOTS		8
#define CLIENTS		4
#define FRAME_BYTES	4096UL
#define HUGE_BYTES	(512 * FRAME_BYTES)

/* Where the windows of caches begin in a file. */
#define CACHE_WINDOWS	(1ULL << 43)

/* Size of a slot of the arena, and of a thread's place where it checks new buffers. */
#define WINDOW		(12 * HUGE_BYTES)

/* Largest length of a mapping. */
#define MAP_BYTES	(8 * HUGE_BYTES)

/**
 * struct client - an open file
 * @fd: its descriptor; -1 if there is none
 * @id: distinguishes clients that had the same descriptor; 0 for the shared client
 * @shared: opened by the parent, for all processes
 */
struct client {
	int fd;
	int id;
	bool shared;
};

/**
 * struct held - what a call returned for a buffer; freed handles stay, to be tried again
 * @handle: its handle; 0 if there is none
 * @offset: its place in the client's file
 * @length: in bytes
 * @client: id of its client, since other clients may have equal handles and offsets
 */
struct held {
	__u64 handle;
	__u64 offset;
	__u64 length;
	int client;
};

/**
 * struct map - a mapping
 * @p: its address; NULL if there is none
 * @length: in bytes
 * @shared: it belongs to the shared client, where other processes write as well
 * @readonly: it is not known which buffer it shows, so it must not be written to
 * @has_holes: it may show the window of a cache, which may have no memory in places
 */
struct map {
	char *p;
	size_t length;
	bool shared;
	bool readonly;
	bool has_holes;
};

/**
 * struct common - what all processes of a run share
 * @failed: a process has found a fault in the module
 * @pids: the processes
 * @ops: number of operations done
 */
struct common {
	int failed;
	pid_t pids[16];
	__u64 ops;
};

/**
 * struct worker - a process
 * @lock: protects the slots; no call of the module is made under it
 * @common: shared with the other processes
 * @process: its number
 * @stamp: what it writes into frames
 * @is_soaking: it frees buffers that it has no slot for, and checks few new ones
 * @disk: a file for direct I/O, or -1
 * @arena: SLOTS windows for writable mappings, SLOTS for read-only ones, THREADS for new buffers
 * @nr_clients: (protected by @lock) number of clients opened so far
 * @clients: (protected by @lock)
 * @buffers: (protected by @lock)
 * @maps: (protected by @lock) the second half is read-only
 */
struct worker {
	pthread_mutex_t lock;
	struct common *common;
	int process;
	__u64 stamp;
	bool is_soaking;
	int disk;
	char *arena;
	int nr_clients;
	struct client clients[CLIENTS];
	struct held buffers[SLOTS];
	struct map maps[2 * SLOTS];
};

/**
 * struct hand - a thread
 * @worker: its process
 * @thread: its number in the process
 * @pipe: read and write end of its pipe
 * @page: a page, followed by one that cannot be accessed
 * @entries: the entries of its batches
 * @op: the current operation
 */
struct hand {
	struct worker *worker;
	int thread;
	int pipe[2];
	char *page;
	char *entries;
	const struct op *op;
};

/* calls.c */
void run_open(struct hand *hand, const struct op *op);
void run_close(struct hand *hand, const struct op *op);
void run_seek(struct hand *hand, const struct op *op);
void run_dup(struct hand *hand, const struct op *op);
void run_call(struct hand *hand, const struct op *op);
struct client client_of(struct hand *hand, __u64 arg);
struct client client_hold(struct hand *hand, __u64 arg);
bool handle_is_live(int fd, __u64 handle);

/* maps.c */
void run_map(struct hand *hand, const struct op *op);
void run_unmap(struct hand *hand, const struct op *op);
void run_remap(struct hand *hand, const struct op *op);
void run_protect(struct hand *hand, const struct op *op);
void run_advise(struct hand *hand, const struct op *op);
void run_lock(struct hand *hand, const struct op *op);
void run_sync(struct hand *hand, const struct op *op);
struct map map_of(struct hand *hand, __u64 arg);
struct map map_part(struct hand *hand, const struct op *op);

/* frames.c */
void run_touch(struct hand *hand, const struct op *op);
void run_check(struct hand *hand, const struct op *op);
void run_splice(struct hand *hand, const struct op *op);
void run_drain_pipe(struct hand *hand, const struct op *op);
void run_direct(struct hand *hand, const struct op *op);
void run_peek(struct hand *hand, const struct op *op);
void catch_faults(void);
void frames_check(struct hand *hand, const struct map *map);
void frames_stamp(struct hand *hand, const struct map *map);
void object_stamp(struct hand *hand, struct client client, __u64 offset);
void buffer_check_new(struct hand *hand, struct client client, const struct held *buffer,
		      bool cleared);

/* process.c */
void run_fork(struct hand *hand, const struct op *op);
void run_kill(struct hand *hand, const struct op *op);
void run_nap(struct hand *hand, const struct op *op);
void run_look(struct hand *hand, const struct op *op);
void run_drain(struct hand *hand, const struct op *op);
void run_quota(struct hand *hand, const struct op *op);
void run_room(struct hand *hand, const struct op *op);
void hand_fail(struct hand *hand, const char *why, __u64 number);
bool worker_init(struct worker *worker, struct common *common, int process, __u64 stamp,
		 int shared_fd);
bool hand_init(struct hand *hand, struct worker *worker, int thread);
void hand_do(struct hand *hand, const struct op *op);
void worker_run(struct worker *worker, const struct program *program);

#endif
