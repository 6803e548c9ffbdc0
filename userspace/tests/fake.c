// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * See fake.h. A cache always allocates its lowest free object. A window is as long as the pool and
 * has memory everywhere, so slabs show in the addresses of objects only.
 *
 * If the environment has FAKE_UNSEEN, answers are written as a kernel writes them, unseen by tools
 * that watch what the program writes: what the library did not initialise remains uninitialised for
 * valgrind.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "fake.h"
#include "internal.h"

#define CACHES		8
#define BUFFERS		2048
#define FRAME_BYTES	4096UL
#define REQUESTS	16
#define OBJECTS_MAX	(1U << 21)
#define FIRST_HANDLE	1000U

/**
 * struct fake_cache - a cache
 * @handle: 0: this one does not exist
 * @stride: bytes of an object
 * @per_slab: objects in a slab
 * @nr: objects in the window
 * @nr_live: objects that are allocated
 * @first: all objects before this one are allocated
 * @live: a bit for each object: whether it is allocated
 */
struct fake_cache {
	uint64_t handle;
	uint32_t stride;
	uint32_t per_slab;
	uint32_t nr;
	uint32_t nr_live;
	uint32_t first;
	uint64_t live[OBJECTS_MAX / 64];
};

/**
 * struct fake_buffer - a buffer
 * @handle: 0: this one does not exist
 * @offset: where in the file it lies, behind the windows of all caches
 * @length: its length
 * @movable: it may move, but never does
 * @nr_pins: how often it is pinned
 */
struct fake_buffer {
	uint64_t handle;
	uint64_t offset;
	uint64_t length;
	bool movable;
	uint32_t nr_pins;
};

/* Shared by all processes; @lock protects the rest. */
struct fake {
	pthread_mutex_t lock;
	int fd;
	uint64_t bytes;
	uint64_t limit;
	uint64_t nr_calls;
	uint64_t last_handle;
	int fail[REQUESTS];
	struct framepool_ioc_info info;
	struct framepool_ioc_stats stats;
	struct fake_cache caches[CACHES];
	uint64_t buffers_end;
	uint32_t nr_buffers;
	bool hides_addresses;
	struct fake_buffer buffers[BUFFERS];
};

static struct fake *fake;
static bool unseen;
static atomic_int memory_countdown;

int __real_ioctl(int fd, unsigned long request, ...);
int __wrap_ioctl(int fd, unsigned long request, ...);
void *__real_mmap64(void *at, size_t bytes, int prot, int flags, int fd, off64_t offset);
void *__wrap_mmap64(void *at, size_t bytes, int prot, int flags, int fd, off64_t offset);
int __real_fcntl64(int fd, int command, ...);
int __wrap_fcntl64(int fd, int command, ...);
struct framepool *__wrap_framepool_open(const char *pool);
void *__real_malloc(size_t bytes);
void *__wrap_malloc(size_t bytes);
void *__real_calloc(size_t nr, size_t bytes);
void *__wrap_calloc(size_t nr, size_t bytes);
void *__real_realloc(void *p, size_t bytes);
void *__wrap_realloc(void *p, size_t bytes);

static struct fake_cache *find(uint64_t handle)
{
	for (int i = 0; handle && i < CACHES; i++)
		if (fake->caches[i].handle == handle)
			return &fake->caches[i];
	return NULL;
}

/* Writes an answer into the library's memory. */
static void put_user(void *to, const void *from, size_t bytes)
{
	struct iovec local = { (void *)(uintptr_t)from, bytes }, remote = { to, bytes };

	if (!unseen)
		memcpy(to, from, bytes);
	else if (process_vm_writev(getpid(), &local, 1, &remote, 1, 0) != (ssize_t)bytes)
		abort();
}

static int create(struct framepool_ioc_cache *call)
{
	uint32_t align = call->align ? call->align : 8;
	struct fake_cache *cache = fake->caches;

	if (call->size != sizeof(*call) ||
	    call->flags & ~(FRAMEPOOL_CACHE_RANDOM | FRAMEPOOL_CACHE_MOVABLE) ||
	    align & (align - 1) || align > FAKE_HUGE_BYTES ||
	    call->object_size < FRAMEPOOL_OBJECT_MIN || call->object_size > FAKE_SLAB_BYTES)
		return EINVAL;
	while (cache < fake->caches + CACHES && cache->handle)
		cache++;
	if (cache == fake->caches + CACHES)
		return EMFILE;
	memset(cache, 0, sizeof(*cache));
	cache->handle = ++fake->last_handle;
	cache->stride = (call->object_size + align - 1) & -align;
	cache->per_slab = FAKE_SLAB_BYTES / cache->stride;
	cache->nr = fake->bytes / FAKE_SLAB_BYTES * cache->per_slab;
	if (cache->nr > OBJECTS_MAX)
		cache->nr = OBJECTS_MAX;
	call->handle = cache->handle;
	call->offset = (cache - fake->caches) * fake->bytes;
	call->window_bytes = fake->bytes;
	call->stride = cache->stride;
	call->slab_bytes = FAKE_SLAB_BYTES;
	return 0;
}

static int destroy(const struct framepool_ioc_cache_destroy *call)
{
	struct fake_cache *cache = find(call->handle);

	if (call->size != sizeof(*call) || call->flags)
		return EINVAL;
	if (!cache)
		return ENOENT;
	cache->handle = 0;
	return 0;
}

static uint64_t offset_of(const struct fake_cache *cache, uint32_t object)
{
	return (uint64_t)(object / cache->per_slab) * FAKE_SLAB_BYTES +
	       object % cache->per_slab * cache->stride;
}

/* The number of the object at @offset; @cache->nr if there is none. */
static uint32_t object_at(const struct fake_cache *cache, uint64_t offset)
{
	uint64_t in_slab = offset % FAKE_SLAB_BYTES, object;

	if (in_slab % cache->stride || in_slab / cache->stride >= cache->per_slab)
		return cache->nr;
	object = offset / FAKE_SLAB_BYTES * cache->per_slab + in_slab / cache->stride;
	return object < cache->nr ? object : cache->nr;
}

static bool is_live(const struct fake_cache *cache, uint32_t object)
{
	return cache->live[object / 64] >> object % 64 & 1;
}

/* At least one object must be free. */
static uint32_t take_lowest(struct fake_cache *cache)
{
	uint32_t object = cache->first;

	while (is_live(cache, object))
		object++;
	cache->live[object / 64] |= 1ULL << object % 64;
	cache->nr_live++;
	cache->first = object + 1;
	return object;
}

static int check_objects(const struct framepool_ioc_objects *call, uint32_t flags)
{
	if (call->size != sizeof(*call) || call->flags & ~flags || call->reserved || !call->count ||
	    call->count > FRAMEPOOL_BATCH_MAX)
		return EINVAL;
	return find(call->cache) ? 0 : ENOENT;
}

static int alloc(struct framepool_ioc_objects *call)
{
	uint64_t offsets[FRAMEPOOL_BATCH_MAX];
	int err = check_objects(call, FRAMEPOOL_BATCH_PARTIAL);
	struct fake_cache *cache = find(call->cache);
	uint32_t left;

	if (err)
		return err;
	left = (cache->nr < fake->limit ? cache->nr : fake->limit) - cache->nr_live;
	if (!left || (left < call->count && !(call->flags & FRAMEPOOL_BATCH_PARTIAL)))
		return ENOMEM;
	call->done = left < call->count ? left : call->count;
	call->error = call->done < call->count ? ENOMEM : 0;
	for (uint32_t i = 0; i < call->done; i++)
		offsets[i] = offset_of(cache, take_lowest(cache));
	put_user((void *)(uintptr_t)call->offsets, offsets, call->done * sizeof(offsets[0]));
	return 0;
}

/* Frees @nr objects up to the first one that is not live; returns how many. */
static uint32_t put(struct fake_cache *cache, const uint64_t *offsets, uint32_t nr)
{
	uint32_t i, object;

	for (i = 0; i < nr; i++) {
		object = object_at(cache, offsets[i]);
		if (object == cache->nr || !is_live(cache, object))
			break;
		cache->live[object / 64] &= ~(1ULL << object % 64);
		cache->nr_live--;
		if (object < cache->first)
			cache->first = object;
	}
	return i;
}

static int free_objects(struct framepool_ioc_objects *call)
{
	const uint64_t *offsets = (const uint64_t *)(uintptr_t)call->offsets;
	int err = check_objects(call, 0);
	struct fake_cache *cache = find(call->cache);
	uint32_t nr, object;

	if (err)
		return err;
	nr = put(cache, offsets, call->count);
	call->done = nr;
	if (nr == call->count)
		return 0;
	while (nr--) {
		object = object_at(cache, offsets[nr]);
		cache->live[object / 64] |= 1ULL << object % 64;
		cache->nr_live++;
	}
	return ENOENT;
}

static struct fake_buffer *find_buffer(uint64_t handle)
{
	for (int i = 0; i < BUFFERS; i++)
		if (fake->buffers[i].handle == handle)
			return &fake->buffers[i];
	return NULL;
}

static struct fake_buffer *find_buffer_at(uint64_t offset)
{
	for (int i = 0; i < BUFFERS; i++)
		if (fake->buffers[i].handle && offset - fake->buffers[i].offset <
					       fake->buffers[i].length)
			return &fake->buffers[i];
	return NULL;
}

/*
 * Where a buffer may begin, from an offset on: as in the kernel, long ones begin at a huge frame.
 */
static uint64_t round_begin(const struct framepool_ioc_alloc *call, uint64_t from)
{
	uint64_t align = call->length < FAKE_HUGE_BYTES ? FRAME_BYTES : FAKE_HUGE_BYTES;

	if (align < call->align)
		align = call->align;
	return (from + align - 1) & -align;
}

static bool is_past(uint64_t begin, uint64_t length)
{
	return begin > fake->bytes || length > fake->bytes - begin;
}

/* The first place where nothing is, past all buffers in its way. */
static uint64_t find_room(const struct framepool_ioc_alloc *call)
{
	uint64_t begin = round_begin(call, 0);

	for (int i = 0; i < BUFFERS && !is_past(begin, call->length); i++) {
		const struct fake_buffer *buffer = &fake->buffers[i];
		uint64_t at = buffer->offset ? buffer->offset - CACHES * fake->bytes : 0;

		if (!buffer->handle || at >= begin + call->length || at + buffer->length <= begin)
			continue;
		begin = round_begin(call, at + buffer->length);
		i = -1;
	}
	return begin;
}

/*
 * Buffers lie one behind the other. The room of those that are freed is used again only when none
 * is left behind.
 */
static int alloc_buffer(struct framepool_ioc_alloc *call)
{
	struct fake_buffer *buffer = find_buffer(0);
	bool own = call->flags & FRAMEPOOL_ALLOC_OWN;
	uint64_t begin = round_begin(call, fake->buffers_end);

	if (call->size != sizeof(*call) || !call->length ||
	    call->flags & ~(FRAMEPOOL_ALLOC_NOCLEAR | FRAMEPOOL_ALLOC_OWN |
			    FRAMEPOOL_ALLOC_MOVABLE))
		return EINVAL;
	if (own && find_buffer_at(0))
		return EEXIST;
	if (call->length > fake->bytes)
		return ENOMEM;
	call->length = (call->length + FRAME_BYTES - 1) & -FRAME_BYTES;
	if (is_past(begin, call->length))
		begin = find_room(call);
	if (is_past(begin, call->length) || !buffer)
		return ENOMEM;
	call->handle = ++fake->last_handle;
	call->offset = own ? 0 : CACHES * fake->bytes + begin;
	if (fake->buffers_end < begin + call->length)
		fake->buffers_end = begin + call->length;
	fake->nr_buffers++;
	if (!(call->flags & FRAMEPOOL_ALLOC_NOCLEAR) &&
	    fallocate(fake->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)call->offset,
		      (off_t)call->length))
		abort();
	*buffer = (struct fake_buffer){
		.handle = call->handle,
		.offset = call->offset,
		.length = call->length,
		.movable = call->flags & FRAMEPOOL_ALLOC_MOVABLE,
	};
	return 0;
}

static int free_buffer(const struct framepool_ioc_free *call)
{
	struct fake_buffer *buffer = call->handle ? find_buffer(call->handle) : NULL;

	if (call->size != sizeof(*call) || call->flags)
		return EINVAL;
	if (!buffer)
		return ENOENT;
	buffer->handle = 0;
	if (!--fake->nr_buffers)
		fake->buffers_end = 0;
	return 0;
}

static uint64_t address_of(const struct fake_buffer *buffer)
{
	if (fake->hides_addresses)
		return 0;
	return buffer->movable && !buffer->nr_pins ? FRAMEPOOL_ADDRESS_MOVES :
						     FAKE_ADDRESS + buffer->offset;
}

static int pin_buffer(struct framepool_ioc_pin *call)
{
	struct fake_buffer *buffer = call->handle ? find_buffer(call->handle) : NULL;

	if (call->size != sizeof(*call) || call->flags)
		return EINVAL;
	if (!buffer)
		return ENOENT;
	buffer->nr_pins++;
	call->address = address_of(buffer);
	return 0;
}

static int unpin_buffer(const struct framepool_ioc_pin *call)
{
	struct fake_buffer *buffer = call->handle ? find_buffer(call->handle) : NULL;

	if (call->size != sizeof(*call) || call->flags)
		return EINVAL;
	if (!buffer)
		return ENOENT;
	if (!buffer->nr_pins)
		return EINVAL;
	buffer->nr_pins--;
	return 0;
}

static int query_buffer(struct framepool_ioc_query *call)
{
	const struct fake_buffer *buffer = NULL;

	if (call->size != sizeof(*call) || call->flags & ~FRAMEPOOL_QUERY_AT)
		return EINVAL;
	if (call->flags)
		buffer = find_buffer_at(call->offset);
	else if (call->handle)
		buffer = find_buffer(call->handle);
	if (!buffer)
		return ENOENT;
	call->handle = buffer->handle;
	call->length = buffer->length;
	call->offset = buffer->offset;
	call->address = address_of(buffer);
	return 0;
}

/* Does one entry of a batch, which is read and written as the structure of a call is. */
static int do_entry(unsigned long request, void *entry)
{
	struct framepool_ioc_alloc wanted;
	int err;

	if (request == FRAMEPOOL_IOC_FREE_BATCH)
		return free_buffer(entry);
	memcpy(&wanted, entry, sizeof(wanted));
	err = alloc_buffer(&wanted);
	if (!err)
		put_user(entry, &wanted, sizeof(wanted));
	return err;
}

/* Only with FRAMEPOOL_BATCH_PARTIAL, or if no entry fails, is this as the kernel does it. */
static int do_batch(unsigned long request, struct framepool_ioc_batch *call)
{
	char *entries = (char *)(uintptr_t)call->entries;

	if (call->size != sizeof(*call) || !call->count || call->count > FRAMEPOOL_BATCH_MAX)
		return EINVAL;
	call->error = 0;
	for (call->done = 0; call->done < call->count && !call->error; call->done += !call->error)
		call->error = (uint32_t)do_entry(request, entries + call->done * call->entry_size);
	call->failed = call->done;
	return call->flags & FRAMEPOOL_BATCH_PARTIAL ? 0 : (int)call->error;
}

static int answer(unsigned long request, void *call)
{
	fake->nr_calls++;
	if (fake->fail[_IOC_NR(request) % REQUESTS])
		return fake->fail[_IOC_NR(request) % REQUESTS];
	switch (request) {
	case FRAMEPOOL_IOC_INFO:
		memcpy(call, &fake->info, sizeof(fake->info));
		return 0;
	case FRAMEPOOL_IOC_STATS:
		memcpy(call, &fake->stats, sizeof(fake->stats));
		return 0;
	case FRAMEPOOL_IOC_ALLOC:
		return alloc_buffer(call);
	case FRAMEPOOL_IOC_FREE:
		return free_buffer(call);
	case FRAMEPOOL_IOC_QUERY:
		return query_buffer(call);
	case FRAMEPOOL_IOC_PIN:
		return pin_buffer(call);
	case FRAMEPOOL_IOC_UNPIN:
		return unpin_buffer(call);
	case FRAMEPOOL_IOC_ALLOC_BATCH:
	case FRAMEPOOL_IOC_FREE_BATCH:
		return do_batch(request, call);
	case FRAMEPOOL_IOC_CACHE_CREATE:
		return create(call);
	case FRAMEPOOL_IOC_CACHE_DESTROY:
		return destroy(call);
	case FRAMEPOOL_IOC_OBJ_ALLOC:
		return alloc(call);
	case FRAMEPOOL_IOC_OBJ_FREE:
		return free_objects(call);
	default:
		return ENOTTY;
	}
}

/* The library may move the client's descriptor. */
int __wrap_fcntl64(int fd, int command, ...)
{
	va_list args;
	int argument, made;

	va_start(args, command);
	argument = va_arg(args, int);
	va_end(args);
	made = __real_fcntl64(fd, command, argument);
	if (made >= 0 && fake && fd == fake->fd && command == F_DUPFD_CLOEXEC)
		fake->fd = made;
	return made;
}

int __wrap_ioctl(int fd, unsigned long request, ...)
{
	uint64_t copy[sizeof(struct framepool_ioc_stats) / sizeof(uint64_t)];
	va_list args;
	void *call;
	uint32_t size;
	int err;

	va_start(args, request);
	call = va_arg(args, void *);
	va_end(args);
	if (!fake || fd != fake->fd)
		return __real_ioctl(fd, request, call);
	/* Each call begins with its own size. */
	memcpy(&size, call, sizeof(size));
	if (size > sizeof(copy))
		abort();
	memcpy(copy, call, size);
	pthread_mutex_lock(&fake->lock);
	err = answer(request, copy);
	pthread_mutex_unlock(&fake->lock);
	put_user(call, copy, size);
	if (err)
		errno = err;
	return err ? -1 : 0;
}

static bool memory_fails(void)
{
	if (!memory_countdown || --memory_countdown)
		return false;
	errno = ENOMEM;
	return true;
}

/* Memory of a pool is in huge frames where it can, as the kernel module has it. */
void *__wrap_mmap64(void *at, size_t bytes, int prot, int flags, int fd, off64_t offset)
{
	void *memory;

	if (memory_fails())
		return MAP_FAILED;
	memory = __real_mmap64(at, bytes, prot, flags, fd, offset);
	if (memory != MAP_FAILED && fake && fd == fake->fd)
		madvise(memory, bytes, MADV_HUGEPAGE);
	return memory;
}

void *__wrap_malloc(size_t bytes)
{
	return memory_fails() ? NULL : __real_malloc(bytes);
}

void *__wrap_calloc(size_t nr, size_t bytes)
{
	return memory_fails() ? NULL : __real_calloc(nr, bytes);
}

void *__wrap_realloc(void *p, size_t bytes)
{
	return memory_fails() ? NULL : __real_realloc(p, bytes);
}

/* Makes a pool of @bytes and its only client. */
struct framepool *fake_open(uint64_t bytes)
{
	struct framepool *fp = calloc(1, sizeof(*fp));
	pthread_mutexattr_t attr;

	fake = mmap(NULL, sizeof(*fake), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (!fp || fake == MAP_FAILED)
		abort();
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_mutex_init(&fake->lock, &attr);
	unseen = getenv("FAKE_UNSEEN");
	fake->bytes = bytes;
	fake->limit = UINT64_MAX;
	fake->last_handle = FIRST_HANDLE;
	fake->fd = memfd_create("fake", MFD_CLOEXEC);
	if (fake->fd < 0 || ftruncate(fake->fd, (off_t)((CACHES + 1) * bytes)))
		abort();
	fp->fd = fake->fd;
	fake->info = (struct framepool_ioc_info){
		.size = sizeof(fake->info),
		.abi = FRAMEPOOL_ABI,
		.frame_bytes = FRAME_BYTES,
		.huge_bytes = FAKE_HUGE_BYTES,
		.total_bytes = bytes,
		.name = "default",
	};
	fake->stats = (struct framepool_ioc_stats){
		.size = sizeof(fake->stats),
		.total_bytes = bytes,
		.free_bytes = bytes,
		.largest_bytes = bytes,
	};
	fp->info = fake->info;
	return fp;
}

/*
 * For programs that open a pool by its name, which is the number of its MiB. Without a name it has
 * 256 MiB. There is no pool of 0 MiB.
 */
struct framepool *__wrap_framepool_open(const char *pool)
{
	if (pool && !strcmp(pool, "0")) {
		errno = ENOENT;
		return NULL;
	}
	return fake_open((pool ? strtoull(pool, NULL, 10) : 256) << 20);
}

void fake_close(struct framepool *fp)
{
	framepool_close(fp);
	munmap(fake, sizeof(*fake));
	fake = NULL;
}

/* What INFO and STATS answer from now on. */
struct framepool_ioc_info *fake_info(void)
{
	return &fake->info;
}

struct framepool_ioc_stats *fake_stats(void)
{
	return &fake->stats;
}

/* From now on a cache has at most this many objects. */
void fake_limit(uint64_t objects)
{
	fake->limit = objects;
}

/* From now on calls of @request fail with @err; 0: they do not fail. */
void fake_fail(unsigned long request, int err)
{
	pthread_mutex_lock(&fake->lock);
	fake->fail[_IOC_NR(request) % REQUESTS] = err;
	pthread_mutex_unlock(&fake->lock);
}

/* The library's @after'th allocation of memory from now fails, counted from 1; 0: none fails. */
void fake_fail_memory(int after)
{
	memory_countdown = after;
}

uint64_t fake_live(const struct framepool_cache *cache)
{
	uint64_t nr;

	pthread_mutex_lock(&fake->lock);
	nr = find(framepool_cache_handle(cache))->nr_live;
	pthread_mutex_unlock(&fake->lock);
	return nr;
}

uint32_t fake_buffers(void)
{
	return fake->nr_buffers;
}

/* From now on addresses are told, or not, as to programs without CAP_SYS_ADMIN. */
void fake_hide_addresses(bool hide)
{
	fake->hides_addresses = hide;
}

uint32_t fake_caches(void)
{
	uint32_t nr = 0;

	for (int i = 0; i < CACHES; i++)
		nr += fake->caches[i].handle != 0;
	return nr;
}

uint64_t fake_calls(void)
{
	return fake->nr_calls;
}
