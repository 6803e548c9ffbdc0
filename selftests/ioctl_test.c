// SPDX-License-Identifier: GPL-2.0-only
/* What all calls have in common: size, tail and address of the structure; and handles. */
#include "common.h"
#include "cache.h"
#include "memory.h"

#include <stddef.h>

#define PAGE		4096
#define POISON		0xa5
#define KERNEL_ADDRESS	((void *)0xffff888000000000UL)

union argument {
	__u32 size;
	struct framepool_ioc_info info;
	struct framepool_ioc_alloc alloc;
	struct framepool_ioc_free free;
	struct framepool_ioc_query query;
	struct framepool_ioc_stats stats;
	struct framepool_ioc_batch batch;
	struct framepool_ioc_cache cache;
	struct framepool_ioc_cache_destroy cache_destroy;
	struct framepool_ioc_objects objects;
	struct framepool_ioc_export export;
	struct framepool_ioc_describe describe;
	struct framepool_ioc_sync sync;
	unsigned char bytes[2 * PAGE];
};

FIXTURE(call)
{
	int fd;
	struct buffer buffer;
	union argument *arg;	/* two pages between inaccessible ones */
};

FIXTURE_VARIANT(call)
{
	unsigned long cmd;
	size_t size;
	size_t first;		/* size of the first version, if that was shorter */
	bool has_results;
};

FIXTURE_VARIANT_ADD(call, info)
{
	.cmd = FRAMEPOOL_IOC_INFO,
	.size = sizeof(struct framepool_ioc_info),
	.first = offsetof(struct framepool_ioc_info, extents),
	.has_results = true,
};

FIXTURE_VARIANT_ADD(call, alloc)
{
	.cmd = FRAMEPOOL_IOC_ALLOC,
	.size = sizeof(struct framepool_ioc_alloc),
	.first = offsetof(struct framepool_ioc_alloc, timeout_ns),
	.has_results = true,
};

FIXTURE_VARIANT_ADD(call, free)
{
	.cmd = FRAMEPOOL_IOC_FREE,
	.size = sizeof(struct framepool_ioc_free),
};

FIXTURE_VARIANT_ADD(call, query)
{
	.cmd = FRAMEPOOL_IOC_QUERY,
	.size = sizeof(struct framepool_ioc_query),
	.has_results = true,
};

FIXTURE_VARIANT_ADD(call, stats)
{
	.cmd = FRAMEPOOL_IOC_STATS,
	.size = sizeof(struct framepool_ioc_stats),
	.has_results = true,
};

FIXTURE_VARIANT_ADD(call, alloc_batch)
{
	.cmd = FRAMEPOOL_IOC_ALLOC_BATCH,
	.size = sizeof(struct framepool_ioc_batch),
	.has_results = true,
};

FIXTURE_VARIANT_ADD(call, free_batch)
{
	.cmd = FRAMEPOOL_IOC_FREE_BATCH,
	.size = sizeof(struct framepool_ioc_batch),
	.has_results = true,
};

FIXTURE_VARIANT_ADD(call, cache_create)
{
	.cmd = FRAMEPOOL_IOC_CACHE_CREATE,
	.size = sizeof(struct framepool_ioc_cache),
	.has_results = true,
};

FIXTURE_VARIANT_ADD(call, cache_destroy)
{
	.cmd = FRAMEPOOL_IOC_CACHE_DESTROY,
	.size = sizeof(struct framepool_ioc_cache_destroy),
};

FIXTURE_VARIANT_ADD(call, obj_alloc)
{
	.cmd = FRAMEPOOL_IOC_OBJ_ALLOC,
	.size = sizeof(struct framepool_ioc_objects),
	.has_results = true,
};

FIXTURE_VARIANT_ADD(call, obj_free)
{
	.cmd = FRAMEPOOL_IOC_OBJ_FREE,
	.size = sizeof(struct framepool_ioc_objects),
	.has_results = true,
};

FIXTURE_VARIANT_ADD(call, export)
{
	.cmd = FRAMEPOOL_IOC_EXPORT,
	.size = sizeof(struct framepool_ioc_export),
	.has_results = true,
};

FIXTURE_VARIANT_ADD(call, describe)
{
	.cmd = FRAMEPOOL_IOC_DESCRIBE,
	.size = sizeof(struct framepool_ioc_describe),
	.has_results = true,
};

FIXTURE_VARIANT_ADD(call, sync)
{
	.cmd = FRAMEPOOL_IOC_SYNC,
	.size = sizeof(struct framepool_ioc_sync),
};

static void fill_batch(struct framepool_ioc_batch *batch, void *entries, __u32 entry_size,
		       __u32 count)
{
	batch->flags = 0;
	batch->entries = (unsigned long)entries;
	batch->count = count;
	batch->entry_size = entry_size;
	batch->reserved = 0;
}

static struct framepool_ioc_alloc alloc_entries[2];
static struct framepool_ioc_free free_entry;
static struct cache cache;
static int dmabuf;		/* of the fixture's buffer */
static __u64 objects[2];	/* the first is allocated, the other is room for a result */

static void fill_objects(struct framepool_ioc_objects *arg, const __u64 *offset)
{
	arg->flags = 0;
	arg->cache = cache.handle;
	arg->offsets = (unsigned long)offset;
	arg->count = 1;
	arg->reserved = 0;
}

/* Makes a valid argument. Its results are poisoned, and its tail is zero. */
static void fill_valid(union argument *arg, const FIXTURE_VARIANT(call) *variant, __u64 handle)
{
	int i;

	memset(arg, POISON, variant->size);
	memset(arg->bytes + variant->size, 0, sizeof(*arg) - variant->size);
	arg->size = variant->size;

	switch (variant->cmd) {
	case FRAMEPOOL_IOC_ALLOC:
		arg->alloc.flags = 0;
		arg->alloc.timeout_ns = 0;
		arg->alloc.length = 3 * FRAME;
		arg->alloc.align = 0;
		arg->alloc.limit = 0;
		break;
	case FRAMEPOOL_IOC_FREE:
		arg->free.flags = 0;
		arg->free.handle = handle;
		break;
	case FRAMEPOOL_IOC_QUERY:
		arg->query.flags = 0;
		arg->query.handle = handle;
		break;
	case FRAMEPOOL_IOC_ALLOC_BATCH:
		for (i = 0; i < 2; i++)
			alloc_entries[i] = (struct framepool_ioc_alloc){
				.size = sizeof(*alloc_entries),
				.length = FRAME,
			};
		fill_batch(&arg->batch, alloc_entries, sizeof(*alloc_entries), 2);
		break;
	case FRAMEPOOL_IOC_FREE_BATCH:
		free_entry = (struct framepool_ioc_free){
			.size = sizeof(free_entry),
			.handle = handle,
		};
		fill_batch(&arg->batch, &free_entry, sizeof(free_entry), 1);
		break;
	case FRAMEPOOL_IOC_CACHE_CREATE:
		arg->cache.flags = 0;
		arg->cache.object_size = 100;
		arg->cache.align = 32;
		break;
	case FRAMEPOOL_IOC_CACHE_DESTROY:
		arg->cache_destroy.flags = 0;
		arg->cache_destroy.handle = cache.handle;
		break;
	case FRAMEPOOL_IOC_OBJ_ALLOC:
		fill_objects(&arg->objects, &objects[1]);
		break;
	case FRAMEPOOL_IOC_OBJ_FREE:
		fill_objects(&arg->objects, &objects[0]);
		break;
	case FRAMEPOOL_IOC_EXPORT:
		arg->export.flags = 0;
		arg->export.handle = handle;
		arg->export.offset = 0;
		arg->export.length = FRAME;
		arg->export.reserved = 0;
		break;
	case FRAMEPOOL_IOC_DESCRIBE:
		arg->describe.flags = 0;
		arg->describe.fd = dmabuf;
		arg->describe.reserved = 0;
		break;
	case FRAMEPOOL_IOC_SYNC:
		arg->sync.flags = 0;
		arg->sync.fd = dmabuf;
		arg->sync.reserved = 0;
		arg->sync.offset = 0;
		arg->sync.length = FRAME;
		break;
	}
}

FIXTURE_SETUP(call)
{
	char *p = mmap(NULL, 4 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, p);
	ASSERT_EQ(0, mprotect(p + PAGE, 2 * PAGE, PROT_READ | PROT_WRITE));
	self->arg = (union argument *)(p + PAGE);
	self->fd = pool_open();
	ASSERT_GE(self->fd, 0);
	ASSERT_EQ(0, buffer_alloc(self->fd, FRAME, &self->buffer));
	ASSERT_EQ(0, cache_create(self->fd, 64, &cache));
	ASSERT_EQ(0, objects_alloc(&cache, objects, 1));
	dmabuf = buffer_export(self->fd, &self->buffer);
	ASSERT_GE(dmabuf, 0);
	fill_valid(self->arg, variant, self->buffer.handle);
}

FIXTURE_TEARDOWN_PARENT(call)
{
	EXPECT_TRUE(wait_all_free());
}

/*
 * The errno with which a call refuses self->arg. A value that is no errno if the call changed the
 * argument, freed the fixture's buffer or allocated anything.
 */
static int refusal(FIXTURE_DATA(call) *self, const FIXTURE_VARIANT(call) *variant)
{
	static union argument before;
	static __u64 more[32768 / 64 - 1];
	struct framepool_ioc_query query;
	struct framepool_ioc_stats stats;
	int ret;

	memcpy(&before, self->arg, sizeof(before));
	ret = call(self->fd, variant->cmd, self->arg);
	if (memcmp(&before, self->arg, sizeof(before)))
		return -1000;
	if (handle_query(self->fd, self->buffer.handle, &query))
		return -1001;
	if (pool_stats(self->fd, &stats) || stats.buffers != 1)
		return -1002;
	/* Of the slab only the fixture's object is allocated. */
	if (objects_alloc(&cache, more, ARRAY_SIZE(more)) ||
	    objects_free(&cache, more, ARRAY_SIZE(more)) ||
	    pool_stats(self->fd, &stats) || stats.used_bytes != FRAME + cache.slab_bytes)
		return -1003;
	return ret;
}

/* The same for an argument at an address that cannot be read. */
static int refusal_at(FIXTURE_DATA(call) *self, const FIXTURE_VARIANT(call) *variant,
		      const void *at)
{
	struct framepool_ioc_query query;
	int ret = call(self->fd, variant->cmd, (void *)at);

	if (handle_query(self->fd, self->buffer.handle, &query))
		return -1001;
	return ret;
}

TEST_F(call, exact_struct_is_accepted)
{
	EXPECT_EQ(0, call(self->fd, variant->cmd, self->arg));
	EXPECT_EQ(variant->size, self->arg->size);
	EXPECT_EQ(0, self->arg->bytes[variant->size]);
}

TEST_F(call, struct_without_size_is_refused)
{
	self->arg->size = 0;
	EXPECT_EQ(-EINVAL, refusal(self, variant));
}

TEST_F(call, struct_of_size_field_alone_is_refused)
{
	self->arg->size = sizeof(self->arg->size);
	EXPECT_EQ(-EINVAL, refusal(self, variant));
}

TEST_F(call, struct_one_byte_short_is_refused)
{
	self->arg->size = (variant->first ?: variant->size) - 1;
	EXPECT_EQ(-EINVAL, refusal(self, variant));
}

TEST_F(call, struct_of_the_first_version_is_accepted)
{
	size_t first = variant->first ?: variant->size;

	self->arg->size = first;
	memset(self->arg->bytes + first, 0xff, 16);
	EXPECT_EQ(0, call(self->fd, variant->cmd, self->arg));
	EXPECT_TRUE(all_bytes((char *)self->arg->bytes + first, 0xff, 16));
}

TEST_F(call, longer_struct_with_zero_tail_is_accepted)
{
	int i;

	self->arg->size = variant->size + 24;
	EXPECT_EQ(0, call(self->fd, variant->cmd, self->arg));
	EXPECT_EQ(variant->size + 24, self->arg->size);
	for (i = 0; i < 24; i++) {
		EXPECT_EQ(0, self->arg->bytes[variant->size + i]);
	}
}

TEST_F(call, struct_of_a_page_with_zero_tail_is_accepted)
{
	self->arg->size = PAGE;
	EXPECT_EQ(0, call(self->fd, variant->cmd, self->arg));
}

TEST_F(call, longer_struct_with_dirty_first_byte_is_refused)
{
	self->arg->size = variant->size + 24;
	self->arg->bytes[variant->size] = 1;
	EXPECT_EQ(-E2BIG, refusal(self, variant));
}

TEST_F(call, longer_struct_with_dirty_last_byte_is_refused)
{
	self->arg->size = PAGE;
	self->arg->bytes[PAGE - 1] = 1;
	EXPECT_EQ(-E2BIG, refusal(self, variant));
}

TEST_F(call, byte_after_named_size_does_not_matter)
{
	self->arg->bytes[variant->size] = 1;
	EXPECT_EQ(0, call(self->fd, variant->cmd, self->arg));
	EXPECT_EQ(1, self->arg->bytes[variant->size]);
}

TEST_F(call, struct_longer_than_a_page_is_refused)
{
	self->arg->size = PAGE + 1;
	EXPECT_EQ(-E2BIG, refusal(self, variant));
	self->arg->size = 0x80000000;
	EXPECT_EQ(-E2BIG, refusal(self, variant));
	self->arg->size = 0xffffffff;
	EXPECT_EQ(-E2BIG, refusal(self, variant));
}

TEST_F(call, address_that_is_none_gives_efault)
{
	EXPECT_EQ(-EFAULT, refusal_at(self, variant, NULL));
	EXPECT_EQ(-EFAULT, refusal_at(self, variant, (void *)1));
	EXPECT_EQ(-EFAULT, refusal_at(self, variant, KERNEL_ADDRESS));
	EXPECT_EQ(-EFAULT, refusal_at(self, variant, (void *)-1L));
	EXPECT_EQ(-EFAULT, refusal_at(self, variant, self->arg->bytes - PAGE));
}

TEST_F(call, struct_that_runs_into_unmapped_memory_gives_efault)
{
	unsigned char *end = self->arg->bytes + sizeof(*self->arg);
	unsigned char *at = end - variant->size + 1;
	__u32 size = variant->size;

	memmove(at, self->arg, size - 1);
	EXPECT_EQ(-EFAULT, refusal_at(self, variant, at));
	memcpy(end - sizeof(size), &size, sizeof(size));
	EXPECT_EQ(-EFAULT, refusal_at(self, variant, end - sizeof(size)));
	EXPECT_EQ(-EFAULT, refusal_at(self, variant, end - 2));
}

TEST_F(call, struct_that_ends_where_memory_ends_is_accepted)
{
	unsigned char *at = self->arg->bytes + sizeof(*self->arg) - variant->size;

	memmove(at, self->arg, variant->size);
	EXPECT_EQ(0, call(self->fd, variant->cmd, at));
}

TEST_F(call, results_to_read_only_memory_give_efault_and_undo)
{
	ASSERT_EQ(0, mprotect(self->arg, sizeof(*self->arg), PROT_READ));
	if (variant->has_results) {
		EXPECT_EQ(-EFAULT, refusal(self, variant));
	} else {
		EXPECT_EQ(0, call(self->fd, variant->cmd, self->arg));
	}
}

TEST_F(call, input_fields_are_left_alone)
{
	union argument *arg = self->arg;

	ASSERT_EQ(0, call(self->fd, variant->cmd, arg));
	EXPECT_EQ(variant->size, arg->size);
	switch (variant->cmd) {
	case FRAMEPOOL_IOC_ALLOC:
		EXPECT_EQ(0, arg->alloc.flags);
		EXPECT_EQ(3 * FRAME, arg->alloc.length);
		EXPECT_EQ(0, arg->alloc.align);
		EXPECT_EQ(0, arg->alloc.limit);
		break;
	case FRAMEPOOL_IOC_FREE:
		EXPECT_EQ(0, arg->free.flags);
		EXPECT_EQ(self->buffer.handle, arg->free.handle);
		break;
	case FRAMEPOOL_IOC_QUERY:
		EXPECT_EQ(0, arg->query.flags);
		EXPECT_EQ(self->buffer.handle, arg->query.handle);
		break;
	case FRAMEPOOL_IOC_ALLOC_BATCH:
	case FRAMEPOOL_IOC_FREE_BATCH:
		EXPECT_EQ(0, arg->batch.flags);
		EXPECT_EQ(arg->batch.done, arg->batch.count);
		EXPECT_EQ(0, arg->batch.error);
		EXPECT_EQ(0, arg->batch.reserved);
		break;
	case FRAMEPOOL_IOC_CACHE_CREATE:
		EXPECT_EQ(0, arg->cache.flags);
		EXPECT_EQ(100, arg->cache.object_size);
		EXPECT_EQ(32, arg->cache.align);
		break;
	case FRAMEPOOL_IOC_OBJ_ALLOC:
	case FRAMEPOOL_IOC_OBJ_FREE:
		EXPECT_EQ(0, arg->objects.flags);
		EXPECT_EQ(cache.handle, arg->objects.cache);
		EXPECT_EQ(1, arg->objects.count);
		EXPECT_EQ(1, arg->objects.done);
		EXPECT_EQ(0, arg->objects.error);
		break;
	case FRAMEPOOL_IOC_EXPORT:
		EXPECT_EQ(0, arg->export.flags);
		EXPECT_EQ(self->buffer.handle, arg->export.handle);
		EXPECT_EQ(0, arg->export.offset);
		EXPECT_EQ(FRAME, arg->export.length);
		EXPECT_EQ(0, arg->export.reserved);
		break;
	case FRAMEPOOL_IOC_DESCRIBE:
		EXPECT_EQ(0, arg->describe.flags);
		EXPECT_EQ(dmabuf, arg->describe.fd);
		EXPECT_EQ(0, arg->describe.reserved);
		break;
	}
}

FIXTURE(handle)
{
	int fd;
	struct buffer buffer;
};

FIXTURE_SETUP(handle)
{
	self->fd = pool_open();
	ASSERT_GE(self->fd, 0);
	ASSERT_EQ(0, buffer_alloc(self->fd, FRAME, &self->buffer));
}

FIXTURE_TEARDOWN_PARENT(handle)
{
	EXPECT_TRUE(wait_all_free());
}

/* The errno of both QUERY and FREE for a handle; 1 if they differ. */
static int handle_errno(int fd, __u64 handle)
{
	struct framepool_ioc_query query;
	int ret = handle_query(fd, handle, &query);

	return ret == handle_free(fd, handle) ? ret : 1;
}

TEST_F(handle, first_handle_is_not_zero)
{
	EXPECT_NE(0, self->buffer.handle);
}

TEST_F(handle, unknown_flags_are_refused)
{
	struct framepool_ioc_alloc alloc = { .size = sizeof(alloc), .length = FRAME };
	struct framepool_ioc_query query = { .size = sizeof(query) };
	struct framepool_ioc_free free = { .size = sizeof(free) };
	int bit;

	query.handle = self->buffer.handle;
	free.handle = self->buffer.handle;
	for (bit = 0; bit < 32; bit++) {
		alloc.flags = query.flags = free.flags = 1U << bit;
		if (alloc.flags > FRAMEPOOL_ALLOC_MOVABLE)
			EXPECT_EQ(-EINVAL, call(self->fd, FRAMEPOOL_IOC_ALLOC, &alloc));
		EXPECT_EQ(-EINVAL, call(self->fd, FRAMEPOOL_IOC_FREE, &free));
		if (query.flags > FRAMEPOOL_QUERY_AT)
			EXPECT_EQ(-EINVAL, call(self->fd, FRAMEPOOL_IOC_QUERY, &query));
	}
	EXPECT_EQ(0, handle_free(self->fd, self->buffer.handle));
}

TEST_F(handle, never_given_out_gives_enoent)
{
	__u64 good = self->buffer.handle;
	const __u64 bad[] = {
		0, good + 1, ~0ULL, ~good, good + (1ULL << 32), good | 1ULL << 63,
		1ULL << 31, INT32_MAX, UINT32_MAX, INT64_MAX, 1ULL << 63,
	};
	struct framepool_ioc_query query;
	int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_EQ(-ENOENT, handle_errno(self->fd, bad[i]))
			TH_LOG("handle %#llx", bad[i]);
	}
	EXPECT_EQ(0, handle_query(self->fd, good, &query));
}

TEST_F(handle, double_free_gives_enoent)
{
	EXPECT_EQ(0, handle_free(self->fd, self->buffer.handle));
	EXPECT_EQ(-ENOENT, handle_errno(self->fd, self->buffer.handle));
}

TEST_F(handle, of_other_client_gives_enoent)
{
	struct framepool_ioc_query query;
	int other = pool_open();

	ASSERT_GE(other, 0);
	EXPECT_EQ(-ENOENT, handle_errno(other, self->buffer.handle));
	EXPECT_EQ(0, handle_query(self->fd, self->buffer.handle, &query));
}

TEST_F(handle, stale_after_many_reuses_gives_enoent)
{
	__u64 stale = self->buffer.handle;
	struct buffer buffer;
	int i;

	ASSERT_EQ(0, handle_free(self->fd, stale));
	for (i = 0; i < 2000; i++) {
		ASSERT_EQ(0, buffer_alloc(self->fd, FRAME, &buffer));
		ASSERT_NE(stale, buffer.handle);
		ASSERT_EQ(-ENOENT, handle_free(self->fd, stale));
		ASSERT_EQ(0, handle_free(self->fd, buffer.handle));
	}
}

TEST_F(handle, of_many_live_buffers_are_distinct)
{
	enum { MANY = 1000 };
	static struct buffer buffers[MANY];
	int i, j;

	for (i = 0; i < MANY; i++) {
		ASSERT_EQ(0, buffer_alloc(self->fd, FRAME, &buffers[i]));
		ASSERT_NE(0, buffers[i].handle);
		for (j = 0; j < i; j++) {
			ASSERT_NE(buffers[j].handle, buffers[i].handle);
			ASSERT_NE(buffers[j].offset, buffers[i].offset);
		}
	}
	for (i = 0; i < MANY; i++) {
		ASSERT_EQ(0, handle_free(self->fd, buffers[i].handle));
	}
}

TEST_HARNESS_MAIN
