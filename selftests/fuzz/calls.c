// SPDX-License-Identifier: GPL-2.0-only
/*
 * Clients, and the ioctls on them. A table tells which fields the structure of each ioctl has, and
 * which of them the arguments of the operation go to. A quirk makes a valid call invalid.
 */
#include "calls.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "framepool.h"
#include "hand.h"

#define DEVICE		"/dev/framepool/default"
#define NONE		0xffff

/* The shared client's descriptors begin here, so that no other client ever has the same number. */
#define SHARED_FD	500

/* How many new buffers of a batch are checked. */
#define LOOKED_AT	4

/* In the soak test, one in so many is checked, since that takes most of the time. */
#define SOAK_LOOKED_AT	4

/**
 * struct field - where an argument goes
 * @at: its offset in the structure
 * @bytes: its size; 0 if there is no field
 */
struct field {
	unsigned short at;
	unsigned short bytes;
};

#define FIELD(_type, _name) \
	{ offsetof(struct _type, _name), sizeof(((struct _type *)0)->_name) }

/* Records what a call returned in @arg. */
typedef void keep_t(struct hand *hand, struct client client, const struct op *op, const void *arg);

/**
 * struct call - an ioctl
 * @cmd: its number
 * @bytes: size of its structure
 * @handle: offset of the handle that it takes, or NONE
 * @length: offset of the length of that buffer, or 0
 * @array: offset of the address of an array of offsets of objects, or 0
 * @entry: for a batch, the call that has the same structure as its entries; otherwise 0
 * @fields: for the arguments from the fourth on; the fields of a batch's entries follow its own
 * @keep: records the result; may be NULL
 */
struct call {
	unsigned int cmd;
	unsigned short bytes;
	unsigned short handle;
	int entry;
	unsigned short array;
	unsigned short length;
	struct field fields[OP_ARGS - 3];
	keep_t *keep;
};

static keep_t keep_alloc, keep_batch, keep_cache, keep_objects;

static const struct call calls[NR_CALLS] = {
	[CALL_INFO] = { FRAMEPOOL_IOC_INFO, sizeof(struct framepool_ioc_info), NONE },
	[CALL_STATS] = { FRAMEPOOL_IOC_STATS, sizeof(struct framepool_ioc_stats), NONE },
	[CALL_ALLOC] = {
		FRAMEPOOL_IOC_ALLOC, sizeof(struct framepool_ioc_alloc), NONE,
		.fields = { FIELD(framepool_ioc_alloc, flags), FIELD(framepool_ioc_alloc, length),
			    FIELD(framepool_ioc_alloc, align), FIELD(framepool_ioc_alloc, limit) },
		.keep = keep_alloc,
	},
	[CALL_FREE] = {
		FRAMEPOOL_IOC_FREE, sizeof(struct framepool_ioc_free),
		offsetof(struct framepool_ioc_free, handle),
		.fields = { FIELD(framepool_ioc_free, flags) },
	},
	[CALL_QUERY] = {
		FRAMEPOOL_IOC_QUERY, sizeof(struct framepool_ioc_query),
		offsetof(struct framepool_ioc_query, handle),
		.fields = { FIELD(framepool_ioc_query, flags),
			    FIELD(framepool_ioc_query, offset) },
	},
	[CALL_ALLOC_BATCH] = {
		FRAMEPOOL_IOC_ALLOC_BATCH, sizeof(struct framepool_ioc_batch), NONE, CALL_ALLOC,
		.fields = { FIELD(framepool_ioc_batch, flags), FIELD(framepool_ioc_batch, count) },
		.keep = keep_batch,
	},
	[CALL_FREE_BATCH] = {
		FRAMEPOOL_IOC_FREE_BATCH, sizeof(struct framepool_ioc_batch), NONE, CALL_FREE,
		.fields = { FIELD(framepool_ioc_batch, flags), FIELD(framepool_ioc_batch, count) },
	},
	[CALL_CACHE_CREATE] = {
		FRAMEPOOL_IOC_CACHE_CREATE, sizeof(struct framepool_ioc_cache), NONE,
		.fields = { FIELD(framepool_ioc_cache, flags),
			    FIELD(framepool_ioc_cache, object_size),
			    FIELD(framepool_ioc_cache, align) },
		.keep = keep_cache,
	},
	[CALL_CACHE_DESTROY] = {
		FRAMEPOOL_IOC_CACHE_DESTROY, sizeof(struct framepool_ioc_cache_destroy),
		offsetof(struct framepool_ioc_cache_destroy, handle),
		.fields = { FIELD(framepool_ioc_cache_destroy, flags) },
	},
	[CALL_OBJ_ALLOC] = {
		FRAMEPOOL_IOC_OBJ_ALLOC, sizeof(struct framepool_ioc_objects),
		offsetof(struct framepool_ioc_objects, cache),
		.array = offsetof(struct framepool_ioc_objects, offsets),
		.fields = { FIELD(framepool_ioc_objects, flags),
			    FIELD(framepool_ioc_objects, count) },
		.keep = keep_objects,
	},
	/* Frees what the thread allocated last, unless it has done a batch since. */
	[CALL_OBJ_FREE] = {
		FRAMEPOOL_IOC_OBJ_FREE, sizeof(struct framepool_ioc_objects),
		offsetof(struct framepool_ioc_objects, cache),
		.array = offsetof(struct framepool_ioc_objects, offsets),
		.fields = { FIELD(framepool_ioc_objects, flags),
			    FIELD(framepool_ioc_objects, count) },
	},
	[CALL_EXPORT] = {
		FRAMEPOOL_IOC_EXPORT, sizeof(struct framepool_ioc_export),
		offsetof(struct framepool_ioc_export, handle),
		.length = offsetof(struct framepool_ioc_export, length),
		.fields = { FIELD(framepool_ioc_export, flags),
			    FIELD(framepool_ioc_export, offset) },
	},
	[CALL_DESCRIBE] = {
		FRAMEPOOL_IOC_DESCRIBE, sizeof(struct framepool_ioc_describe), NONE,
		.fields = { FIELD(framepool_ioc_describe, flags),
			    FIELD(framepool_ioc_describe, fd) },
	},
	[CALL_SYNC] = {
		FRAMEPOOL_IOC_SYNC, sizeof(struct framepool_ioc_sync), NONE,
		.length = offsetof(struct framepool_ioc_sync, length),
		.fields = { FIELD(framepool_ioc_sync, flags),
			    FIELD(framepool_ioc_sync, fd) },
	},
	[CALL_PIN] = {
		FRAMEPOOL_IOC_PIN, sizeof(struct framepool_ioc_pin),
		offsetof(struct framepool_ioc_pin, handle),
		.fields = { FIELD(framepool_ioc_pin, flags) },
	},
	[CALL_UNPIN] = {
		FRAMEPOOL_IOC_UNPIN, sizeof(struct framepool_ioc_pin),
		offsetof(struct framepool_ioc_pin, handle),
		.fields = { FIELD(framepool_ioc_pin, flags) },
	},
};

/**
 * client_of() - the client that an argument names
 * @hand: the thread
 * @arg: the argument
 *
 * Return: the client; its fd may be -1.
 */
struct client client_of(struct hand *hand, __u64 arg)
{
	struct worker *worker = hand->worker;
	struct client client;

	pthread_mutex_lock(&worker->lock);
	client = worker->clients[arg % CLIENTS];
	pthread_mutex_unlock(&worker->lock);
	return client;
}

static struct held buffer_of(struct hand *hand, __u64 arg)
{
	struct worker *worker = hand->worker;
	struct held buffer;

	pthread_mutex_lock(&worker->lock);
	buffer = worker->buffers[arg % SLOTS];
	pthread_mutex_unlock(&worker->lock);
	return buffer;
}

/* Puts a client into a slot, with a new id if its own is -1. Closes the client that was there. */
static void put_client(struct hand *hand, __u64 slot, struct client client)
{
	struct worker *worker = hand->worker;
	int old;

	pthread_mutex_lock(&worker->lock);
	if (client.id < 0)
		client.id = ++worker->nr_clients;
	old = worker->clients[slot % CLIENTS].fd;
	worker->clients[slot % CLIENTS] = client;
	pthread_mutex_unlock(&worker->lock);
	if (old >= 0)
		close(old);
}

/**
 * run_open() - open: opens a new client in a slot
 * @hand: the thread
 * @op: slot
 */
void run_open(struct hand *hand, const struct op *op)
{
	struct client client = { .fd = open(DEVICE, O_RDWR | O_CLOEXEC), .id = -1 };

	if (client.fd >= 0)
		put_client(hand, op->args[0], client);
}

/**
 * run_close() - close: closes a slot's client
 * @hand: the thread
 * @op: slot
 */
void run_close(struct hand *hand, const struct op *op)
{
	put_client(hand, op->args[0], (struct client){ .fd = -1 });
}

/**
 * client_hold() - a new descriptor of the client that an argument names
 * @hand: the thread
 * @arg: the argument
 *
 * The slot's own descriptor may be closed at any time, and its number then be another client's.
 *
 * Return: the client, whose fd the caller must close; it may be -1.
 */
struct client client_hold(struct hand *hand, __u64 arg)
{
	struct worker *worker = hand->worker;
	struct client client;

	pthread_mutex_lock(&worker->lock);
	client = worker->clients[arg % CLIENTS];
	if (client.fd >= 0)
		client.fd = fcntl(client.fd, F_DUPFD_CLOEXEC, client.shared ? SHARED_FD : 3);
	pthread_mutex_unlock(&worker->lock);
	return client;
}

/**
 * run_seek() - seek: asks where the file of a slot's client ends
 * @hand: the thread
 * @op: client, whence, offset
 */
void run_seek(struct hand *hand, const struct op *op)
{
	struct client client = client_hold(hand, op->args[0]);

	if (client.fd < 0)
		return;
	lseek(client.fd, op->args[2], op->args[1]);
	close(client.fd);
}

/**
 * run_dup() - dup: copies one slot's client to another slot
 * @hand: the thread
 * @op: from, to
 */
void run_dup(struct hand *hand, const struct op *op)
{
	struct client client = client_hold(hand, op->args[0]);

	if (client.fd >= 0)
		put_client(hand, op->args[1], client);
}

/**
 * handle_is_live() - whether QUERY knows a handle
 * @fd: the client
 * @handle: the handle
 *
 * Return: whether QUERY finds a buffer.
 */
bool handle_is_live(int fd, __u64 handle)
{
	struct framepool_ioc_query query = { .size = sizeof(query), .handle = handle };

	return !ioctl(fd, FRAMEPOOL_IOC_QUERY, &query);
}

static void free_handle(struct client client, __u64 handle)
{
	struct framepool_ioc_cache_destroy cache = { .size = sizeof(cache), .handle = handle };
	struct framepool_ioc_free arg = { .size = sizeof(arg), .handle = handle };

	/* The handle is of a buffer or of a cache. */
	if (handle && ioctl(client.fd, FRAMEPOOL_IOC_FREE, &arg))
		ioctl(client.fd, FRAMEPOOL_IOC_CACHE_DESTROY, &cache);
}

/*
 * Puts a buffer into a slot. The one that was there is freed in the soak test. Otherwise it lives
 * on without being known, until its client ends.
 */
static void keep_held(struct hand *hand, __u64 slot, struct client client, struct held buffer)
{
	struct worker *worker = hand->worker;
	struct held old;

	pthread_mutex_lock(&worker->lock);
	old = worker->buffers[slot % SLOTS];
	worker->buffers[slot % SLOTS] = buffer;
	pthread_mutex_unlock(&worker->lock);
	if (worker->is_soaking && old.client == client.id)
		free_handle(client, old.handle);
}

static void keep_buffer(struct hand *hand, __u64 slot, struct client client, bool look,
			const struct framepool_ioc_alloc *alloc)
{
	struct held buffer = { alloc->handle, alloc->offset, alloc->length, client.id };
	__u32 serial = alloc->handle >> 32;

	if (look && !(hand->worker->is_soaking && serial % SOAK_LOOKED_AT))
		buffer_check_new(hand, client, &buffer, !(alloc->flags & FRAMEPOOL_ALLOC_NOCLEAR));
	keep_held(hand, slot, client, buffer);
}

/* A cache takes the slot of a buffer. It has no length, so mappings of it are read-only. */
static void keep_cache(struct hand *hand, struct client client, const struct op *op,
		       const void *arg)
{
	const struct framepool_ioc_cache *cache = arg;

	keep_held(hand, op->args[1], client,
		  (struct held){ cache->handle, cache->offset, 0, client.id });
}

static void keep_objects(struct hand *hand, struct client client, const struct op *op,
			 const void *arg)
{
	const struct framepool_ioc_objects *objects = arg;
	struct held cache = buffer_of(hand, op->args[1]);
	const __u64 *offsets = (void *)hand->entries;

	if (objects->done && cache.handle == objects->cache)
		object_stamp(hand, client, cache.offset + offsets[0]);
}

static void keep_alloc(struct hand *hand, struct client client, const struct op *op,
		       const void *arg)
{
	keep_buffer(hand, op->args[1], client, true, arg);
}

static void keep_batch(struct hand *hand, struct client client, const struct op *op,
		       const void *arg)
{
	const struct framepool_ioc_alloc *entries = (void *)hand->entries;
	const struct framepool_ioc_batch *batch = arg;
	__u32 i;

	for (i = 0; i < batch->done && i < SLOTS; i++)
		keep_buffer(hand, op->args[1] + i, client, i < LOOKED_AT, &entries[i]);
	for (; hand->worker->is_soaking && i < batch->done; i++)
		free_handle(client, entries[i].handle);
}

static void set_field(char *at, struct field field, __u64 value)
{
	memcpy(at + field.at, &value, field.bytes);
}

/* Fills in a structure; returns how many arguments it used. */
static int fill(struct hand *hand, const struct call *call, char *at, const __u64 *args,
		__u64 slot)
{
	const __u32 bytes = call->bytes;
	int i;

	memset(at, 0, bytes);
	memcpy(at, &bytes, sizeof(bytes));
	for (i = 0; i < OP_ARGS - 3 && call->fields[i].bytes; i++)
		set_field(at, call->fields[i], args[i]);
	if (call->handle != NONE) {
		struct held buffer = buffer_of(hand, slot);

		memcpy(at + call->handle, &buffer.handle, sizeof(buffer.handle));
		if (call->length)
			memcpy(at + call->length, &buffer.length, sizeof(buffer.length));
	}
	if (call->array) {
		__u64 array = (unsigned long)hand->entries;

		memcpy(at + call->array, &array, sizeof(array));
	}
	return i;
}

static void fill_batch(struct hand *hand, const struct call *call, const struct op *op,
		       int nr_args)
{
	const struct call *like = &calls[call->entry];
	struct framepool_ioc_batch *batch = (void *)hand->page;
	__u32 i, nr = batch->count < FRAMEPOOL_BATCH_MAX ? batch->count : FRAMEPOOL_BATCH_MAX;

	batch->entries = (unsigned long)hand->entries;
	batch->entry_size = like->bytes;
	for (i = 0; i < nr; i++)
		fill(hand, like, hand->entries + i * like->bytes, op->args + 3 + nr_args,
		     op->args[1] + i);
}

/**
 * struct attempt - the arguments of ioctl()
 * @cmd: the number
 * @arg: the structure
 * @bytes: its size
 */
struct attempt {
	unsigned int cmd;
	char *arg;
	__u32 bytes;
};

/* Makes a call invalid as the quirk says; see any_quirk(). */
static void spoil(struct hand *hand, struct attempt *attempt, __u64 quirk)
{
	__u64 number = quirk >> 4;
	__u32 size = number, part = 1 + number % attempt->bytes;
	struct map map;

	switch (quirk & 15) {
	case 1:		/* another size */
		memcpy(attempt->arg, &size, sizeof(size));
		break;
	case 2:		/* another call */
		attempt->cmd = number & 1 ? number >> 1 : attempt->cmd ^ (1 << number / 2 % 32);
		break;
	case 3:		/* a word of the structure */
		memcpy(attempt->arg + number / 8 % attempt->bytes / 8 * 8, &number, sizeof(number));
		break;
	case 4:		/* at an invalid address */
		attempt->arg = number & 1 ? (char *)number : hand->page + FRAME_BYTES;
		break;
	case 5:		/* across the end of accessible memory */
		memmove(hand->page + FRAME_BYTES - part, attempt->arg, part);
		attempt->arg = hand->page + FRAME_BYTES - part;
		break;
	case 6:		/* a longer structure, with a value in the excess */
		size = attempt->bytes + 8 + number % 64;
		memcpy(attempt->arg, &size, sizeof(size));
		attempt->arg[size - 1] = number >> 6;
		break;
	case 7:		/* in the pool's memory, behind a stamp */
		map = map_of(hand, number);
		if (map.p && !map.readonly)
			attempt->arg = map.p + 64;
		break;
	}
}

/* Looks at the memory behind a new descriptor, which a quirk may have had made, too. */
static void use_export(const struct framepool_ioc_export *arg)
{
	int fd = arg->fd;
	void *p = mmap(NULL, FRAME_BYTES, PROT_READ, MAP_SHARED, fd, 0);

	if (p != MAP_FAILED) {
		(void)*(volatile char *)p;
		munmap(p, FRAME_BYTES);
	}
	close(fd);
}

/**
 * run_call() - do an ioctl
 * @hand: the thread
 * @op: client, slot of a buffer, quirk, fields
 */
void run_call(struct hand *hand, const struct op *op)
{
	const struct call *call = &calls[op_types[op->type].call];
	struct client client = (call->keep ? client_hold : client_of)(hand, op->args[0]);
	struct attempt attempt = { call->cmd, hand->page, call->bytes };
	int nr_args;
	bool done;

	if (client.fd < 0)
		return;
	memset(hand->page, 0, FRAME_BYTES);
	nr_args = fill(hand, call, hand->page, op->args + 3, op->args[1]);
	if (call->entry)
		fill_batch(hand, call, op, nr_args);
	if (op->args[2])
		spoil(hand, &attempt, op->args[2]);
	done = !ioctl(client.fd, attempt.cmd, attempt.arg);
	if (done && attempt.cmd == FRAMEPOOL_IOC_EXPORT)
		use_export((void *)attempt.arg);
	if (done && !op->args[2] && call->keep)
		call->keep(hand, client, op, hand->page);
	if (call->keep)
		close(client.fd);
}
