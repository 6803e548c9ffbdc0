// SPDX-License-Identifier: GPL-2.0-only
/*
 * Each allocation of each call, and each of its accesses to user memory, is made to fail, alone or
 * with all allocations after it. The call must then fail with an errno that is documented for it,
 * and change nothing. The same is done to loading the module, to making and removing a pool, and to
 * what another module does with it.
 *
 * Needs a kernel with fault injection, such as the debugging kernel of the lab.
 */
#include "common.h"
#include "cache.h"
#include "injector.h"
#include "memory.h"
#include "module.h"
#include "pools.h"

#include <dirent.h>

#define DEBUGFS		"/sys/kernel/debug/framepool/" POOL_NAME
#define MOST_STEPS	400
#define BYTES		(HUGE_FRAME + 3 * FRAME)
#define BATCH		70	/* so many that the call's own memory for them exceeds a frame */
#define OBJECTS		600	/* of 1000 bytes: likewise, and they exceed a slab */
#define SMALL_POOL	"size=4M"

/* Loading a module takes half a second on such a kernel, and is done some 250 times. */
#define LOADING_SECONDS	1200

FIXTURE(failure)
{
	int fd;
	struct injector injector;
	struct buffer buffer;	/* BYTES long */
	char *p;		/* what the last map_buffer() mapped */
};

FIXTURE_SETUP(failure)
{
	ASSERT_TRUE(injector_open(&self->injector));
	self->fd = pool_open();
	ASSERT_GE(self->fd, 0);
	ASSERT_EQ(0, buffer_alloc(self->fd, BYTES, &self->buffer));
	self->p = MAP_FAILED;
}

FIXTURE_TEARDOWN_PARENT(failure)
{
	EXPECT_TRUE(wait_all_free());
}

static bool same_use(const struct framepool_ioc_stats *a, const struct framepool_ioc_stats *b)
{
	return a->used_bytes == b->used_bytes && a->buffers == b->buffers &&
	       a->clients == b->clients;
}

/**
 * struct call - a call that is made to fail
 * @name: for messages
 * @prepare: called before it, and does not fail; or NULL
 * @run: makes the call; 0 or a negative errno
 * @undo: undoes everything, whether the call failed or not; or NULL
 * @errors: errnos that it may fail with
 */
struct call {
	const char *name;
	void (*prepare)(FIXTURE_DATA(failure) *self);
	int (*run)(FIXTURE_DATA(failure) *self);
	void (*undo)(FIXTURE_DATA(failure) *self);
	int errors[4];
};

static bool may_fail_with(const int *errors, int ret)
{
	int i;

	for (i = 0; i < 4; i++)
		if (ret && errors[i] == -ret)
			return true;
	return false;
}

static void complain(const char *what, struct failure failure, const char *how)
{
	fprintf(stderr, "# %s: step %d%s: %s\n", what, failure.nth,
		failure.onward ? " and all after it" : "", how);
}

/*
 * Makes the call with a failure and undoes it. Sets *@injected to whether the failure happened, and
 * *@ret to the result of the call. Returns whether that was right.
 */
static bool fail_step(FIXTURE_DATA(failure) *self, const struct call *call, struct failure failure,
		      bool *injected, int *ret)
{
	struct framepool_ioc_stats start, before, after, end;
	bool ok = !pool_stats(self->fd, &start);

	if (call->prepare)
		call->prepare(self);
	ok = ok && !pool_stats(self->fd, &before);
	fail_at(&self->injector, failure);
	*ret = call->run(self);
	*injected = has_failed(&self->injector);
	if (*ret) {
		/* Slabs that were added in vain stay, empty, until somebody needs the memory. */
		ok = drain_pool() && ok;
		ok = ok && !pool_stats(self->fd, &after) && same_use(&before, &after);
	}
	if (call->undo)
		call->undo(self);
	ok = ok && !pool_stats(self->fd, &end) && same_use(&start, &end);
	if (!ok)
		complain(call->name, failure, "leaves something behind");
	if (*ret && !(*injected && may_fail_with(call->errors, *ret))) {
		complain(call->name, failure, strerror(-*ret));
		return false;
	}
	return ok;
}

/* Makes the call with each of its steps failing in turn; the number of failures, or -1. */
static int fail_each_step(FIXTURE_DATA(failure) *self, const struct call *call)
{
	struct failure failure;
	int ret, failed = 0;
	bool injected;

	for (failure = first_failure; failure.nth < MOST_STEPS; failure = next_failure(failure)) {
		if (!fail_step(self, call, failure, &injected, &ret))
			return -1;
		failed += ret != 0;
		if (!injected)
			return failed;
	}
	complain(call->name, failure, "never succeeds");
	return -1;
}

static int opened;
static struct buffer allocated;
static struct framepool_ioc_alloc batch_allocs[BATCH];
static struct framepool_ioc_batch batch;
static int exported = -1;
static char path[512];

static int open_pool(FIXTURE_DATA(failure) *self)
{
	opened = pool_open();
	return opened < 0 ? opened : 0;
}

static void close_pool(FIXTURE_DATA(failure) *self)
{
	close(opened);
}

static int alloc(FIXTURE_DATA(failure) *self, __u32 flags, __u64 length)
{
	allocated.handle = 0;
	return buffer_alloc_any(self->fd, flags, length, 0, 0, &allocated);
}

static int alloc_frame(FIXTURE_DATA(failure) *self)
{
	return alloc(self, 0, FRAME);
}

static int alloc_huge(FIXTURE_DATA(failure) *self)
{
	return alloc(self, 0, BYTES);
}

static int alloc_unclear(FIXTURE_DATA(failure) *self)
{
	return alloc(self, FRAMEPOOL_ALLOC_NOCLEAR, BYTES);
}

static void prepare_buffer(FIXTURE_DATA(failure) *self)
{
	if (alloc_huge(self))
		abort();
}

static int free_buffer(FIXTURE_DATA(failure) *self)
{
	return handle_free(self->fd, allocated.handle);
}

/* After a call that failed, or that freed it, there is nothing to undo. */
static void undo_alloc(FIXTURE_DATA(failure) *self)
{
	ignore(handle_free(self->fd, allocated.handle));
}

static int alloc_all(FIXTURE_DATA(failure) *self)
{
	int i;

	for (i = 0; i < BATCH; i++)
		batch_allocs[i] = (struct framepool_ioc_alloc){
			.size = sizeof(batch_allocs[i]),
			.length = i == 1 ? BYTES : FRAME,
		};
	return alloc_batch(self->fd, 0, batch_allocs, BATCH, &batch);
}

static void undo_batch(FIXTURE_DATA(failure) *self)
{
	int i;

	for (i = 0; i < BATCH; i++)
		ignore(handle_free(self->fd, batch_allocs[i].handle));
}

static void prepare_batch(FIXTURE_DATA(failure) *self)
{
	if (alloc_all(self))
		abort();
}

/* Results are written last, so everything may be done although they cannot be written. */
static int free_all(FIXTURE_DATA(failure) *self)
{
	struct framepool_ioc_free frees[BATCH];
	struct framepool_ioc_query query;
	int i, ret;

	for (i = 0; i < BATCH; i++)
		frees[i] = (struct framepool_ioc_free){
			.size = sizeof(frees[i]),
			.handle = batch_allocs[i].handle,
		};
	ret = free_batch(self->fd, 0, frees, BATCH, &batch);
	if (ret == -EFAULT && handle_query(self->fd, frees[0].handle, &query) == -ENOENT)
		return 0;
	return ret;
}

static int query_buffer(FIXTURE_DATA(failure) *self)
{
	struct framepool_ioc_query query;

	return handle_query(self->fd, self->buffer.handle, &query);
}

static int read_stats(FIXTURE_DATA(failure) *self)
{
	struct framepool_ioc_stats stats;

	return pool_stats(self->fd, &stats);
}

static int read_info(FIXTURE_DATA(failure) *self)
{
	struct framepool_ioc_info info;

	return pool_info(self->fd, &info);
}

static int map_buffer(FIXTURE_DATA(failure) *self)
{
	self->p = buffer_map(self->fd, &self->buffer);
	return self->p == MAP_FAILED ? -errno : 0;
}

static void unmap_buffer(FIXTURE_DATA(failure) *self)
{
	if (self->p != MAP_FAILED && munmap(self->p, BYTES))
		abort();
	self->p = MAP_FAILED;
}

static int alloc_own(FIXTURE_DATA(failure) *self)
{
	return alloc(self, FRAMEPOOL_ALLOC_OWN, BYTES);
}

static int query_own(FIXTURE_DATA(failure) *self, struct framepool_ioc_query *query)
{
	*query = (struct framepool_ioc_query){
		.size = sizeof(*query),
		.flags = FRAMEPOOL_QUERY_AT,
	};
	return call(self->fd, FRAMEPOOL_IOC_QUERY, query);
}

static void prepare_own(FIXTURE_DATA(failure) *self)
{
	if (alloc_own(self))
		abort();
}

static int find_own(FIXTURE_DATA(failure) *self)
{
	struct framepool_ioc_query query;

	return query_own(self, &query);
}

/* There need not be any. */
static void free_own(FIXTURE_DATA(failure) *self)
{
	struct framepool_ioc_query query;

	if (!query_own(self, &query))
		ignore(handle_free(self->fd, query.handle));
}

/* The kernel may fail to map it after it was made. The failure is used up by then. */
static int map_own(FIXTURE_DATA(failure) *self)
{
	int ret;

	self->p = map_raw(NULL, BYTES, PROT_READ, MAP_SHARED, self->fd, 0);
	ret = self->p == MAP_FAILED ? -errno : 0;
	if (ret)
		free_own(self);
	return ret;
}

static void undo_map_own(FIXTURE_DATA(failure) *self)
{
	unmap_buffer(self);
	free_own(self);
}

static void prepare_mapping(FIXTURE_DATA(failure) *self)
{
	if (map_buffer(self))
		abort();
}

/* Has the kernel fault in all pages of a mapping, which has no page tables yet. */
static int touch_buffer(FIXTURE_DATA(failure) *self)
{
	return madvise(self->p, BYTES, MADV_POPULATE_WRITE) ? -errno : 0;
}

static int read_buffer(FIXTURE_DATA(failure) *self)
{
	return madvise(self->p, BYTES, MADV_POPULATE_READ) ? -errno : 0;
}

static void prepare_touched(FIXTURE_DATA(failure) *self)
{
	prepare_mapping(self);
	if (touch_buffer(self))
		abort();
}

static int punch_hole(FIXTURE_DATA(failure) *self)
{
	return munmap(self->p + FRAME, FRAME) ? -errno : 0;
}

static struct cache cache, second_cache;
static __u64 objects[OBJECTS];
static char *window;

static int create_cache(FIXTURE_DATA(failure) *self)
{
	cache = (struct cache){ .fd = self->fd };
	return cache_create(self->fd, 1000, &cache);
}

static int destroy_cache(FIXTURE_DATA(failure) *self)
{
	return cache_destroy(self->fd, cache.handle);
}

static void undo_cache(FIXTURE_DATA(failure) *self)
{
	ignore(destroy_cache(self));
}

static void prepare_cache(FIXTURE_DATA(failure) *self)
{
	if (create_cache(self))
		abort();
}

/* The first one takes no node of the kernel's XArray, all others do. */
static int create_second_cache(FIXTURE_DATA(failure) *self)
{
	second_cache = (struct cache){ .fd = self->fd };
	return cache_create(self->fd, 1000, &second_cache);
}

static void undo_second_cache(FIXTURE_DATA(failure) *self)
{
	ignore(cache_destroy(self->fd, second_cache.handle));
	undo_cache(self);
}

static int alloc_objects(FIXTURE_DATA(failure) *self)
{
	return objects_alloc(&cache, objects, OBJECTS);
}

static void prepare_objects(FIXTURE_DATA(failure) *self)
{
	prepare_cache(self);
	if (alloc_objects(self))
		abort();
}

static int free_objects(FIXTURE_DATA(failure) *self)
{
	return objects_free(&cache, objects, OBJECTS);
}

static int map_window(FIXTURE_DATA(failure) *self)
{
	window = cache_map(&cache);
	return window == MAP_FAILED ? -errno : 0;
}

static void undo_window(FIXTURE_DATA(failure) *self)
{
	if (window != MAP_FAILED && munmap(window, cache.window_bytes))
		abort();
	undo_cache(self);
}

static void prepare_window(FIXTURE_DATA(failure) *self)
{
	prepare_objects(self);
	if (map_window(self))
		abort();
}

static int touch_window(FIXTURE_DATA(failure) *self)
{
	return madvise(window, cache.slab_bytes, MADV_POPULATE_WRITE) ? -errno : 0;
}

static int alloc_movable(FIXTURE_DATA(failure) *self)
{
	return alloc(self, FRAMEPOOL_ALLOC_MOVABLE, BYTES);
}

static int pin(FIXTURE_DATA(failure) *self, unsigned long cmd)
{
	struct framepool_ioc_pin arg = { .size = sizeof(arg), .handle = allocated.handle };

	return call(self->fd, cmd, &arg);
}

static void prepare_movable(FIXTURE_DATA(failure) *self)
{
	if (alloc_movable(self))
		abort();
}

static int pin_buffer(FIXTURE_DATA(failure) *self)
{
	int ret = pin(self, FRAMEPOOL_IOC_PIN);

	/* If it failed, the buffer has no pin. */
	return ret && pin(self, FRAMEPOOL_IOC_UNPIN) != -EINVAL ? -EBADE : ret;
}

static void prepare_pinned(FIXTURE_DATA(failure) *self)
{
	prepare_movable(self);
	if (pin(self, FRAMEPOOL_IOC_PIN))
		abort();
}

static int unpin_buffer(FIXTURE_DATA(failure) *self)
{
	return pin(self, FRAMEPOOL_IOC_UNPIN);
}

/* Of another buffer each time, so that there is no dma-buf yet. */
static int export_part(FIXTURE_DATA(failure) *self, __u64 length)
{
	exported = buffer_export_part(self->fd, allocated.handle, 0, 0, length);
	return exported < 0 ? exported : 0;
}

static int export_buffer(FIXTURE_DATA(failure) *self)
{
	return export_part(self, allocated.length);
}

static int export_frame(FIXTURE_DATA(failure) *self)
{
	return export_part(self, FRAME);
}

static void close_export(FIXTURE_DATA(failure) *self)
{
	if (exported >= 0)
		close(exported);
	exported = -1;
	undo_alloc(self);
}

static void prepare_export(FIXTURE_DATA(failure) *self)
{
	prepare_buffer(self);
	if (export_buffer(self))
		abort();
}

static int describe_export(FIXTURE_DATA(failure) *self)
{
	struct framepool_ioc_describe arg = { .size = sizeof(arg), .fd = exported };

	return call(self->fd, FRAMEPOOL_IOC_DESCRIBE, &arg);
}

static int sync_export(FIXTURE_DATA(failure) *self)
{
	return dmabuf_sync(self->fd, exported, 0, 1, 1);
}

static int map_export(FIXTURE_DATA(failure) *self)
{
	self->p = map_raw(NULL, BYTES, PROT_READ, MAP_SHARED, exported, 0);
	return self->p == MAP_FAILED ? -errno : 0;
}

static void undo_map_export(FIXTURE_DATA(failure) *self)
{
	if (self->p != MAP_FAILED && munmap(self->p, BYTES))
		abort();
	self->p = MAP_FAILED;
	close_export(self);
}

static int drain(FIXTURE_DATA(failure) *self)
{
	return write_file("/sys/class/framepool/" POOL_NAME "/drain", "1");
}

static int read_path(FIXTURE_DATA(failure) *self)
{
	char text[4096];
	int fd = open_errno(path, O_RDONLY);
	ssize_t n;

	if (fd < 0)
		return fd;
	while ((n = read(fd, text, sizeof(text))) > 0)
		;
	n = n < 0 ? -errno : 0;
	close(fd);
	return n;
}

TEST_F_TIMEOUT(failure, each_step_of_each_call_fails_cleanly, SLOW_TEST_SECONDS)
{
	static const struct call calls[] = {
		{ "open", NULL, open_pool, close_pool, { ENOMEM, ENFILE, EFAULT } },
		{ "ALLOC of a frame", NULL, alloc_frame, undo_alloc, { ENOBUFS, EFAULT } },
		{ "ALLOC of huge frames", NULL, alloc_huge, undo_alloc, { ENOBUFS, EFAULT } },
		{ "ALLOC without clearing", NULL, alloc_unclear, undo_alloc, { ENOBUFS, EFAULT } },
		{ "ALLOC of the own buffer", NULL, alloc_own, undo_alloc, { ENOBUFS, EFAULT } },
		{ "ALLOC_BATCH", NULL, alloc_all, undo_batch, { ENOBUFS, EFAULT } },
		{ "FREE_BATCH", prepare_batch, free_all, undo_batch, { ENOBUFS, EFAULT } },
		{ "QUERY", NULL, query_buffer, NULL, { EFAULT } },
		{ "QUERY of the own buffer", prepare_own, find_own, undo_alloc, { EFAULT } },
		{ "STATS", NULL, read_stats, NULL, { EFAULT } },
		{ "INFO", NULL, read_info, NULL, { EFAULT } },
		{ "FREE", prepare_buffer, free_buffer, undo_alloc, { EFAULT } },
		{ "mmap", NULL, map_buffer, unmap_buffer, { ENOMEM } },
		{ "mmap of the own buffer", NULL, map_own, undo_map_own, { ENOMEM, ENOBUFS } },
		{ "fault by writing", prepare_mapping, touch_buffer, unmap_buffer, { ENOMEM } },
		{ "fault by reading", prepare_mapping, read_buffer, unmap_buffer, { ENOMEM } },
		{ "CACHE_CREATE", NULL, create_cache, undo_cache, { ENOBUFS, EFAULT } },
		{ "CACHE_CREATE, the second", prepare_cache, create_second_cache, undo_second_cache,
		  { ENOBUFS, EFAULT } },
		{ "CACHE_DESTROY", prepare_cache, destroy_cache, undo_cache, { EFAULT } },
		{ "OBJ_ALLOC", prepare_cache, alloc_objects, undo_cache, { ENOBUFS, EFAULT } },
		{ "OBJ_FREE", prepare_objects, free_objects, undo_cache, { ENOBUFS, EFAULT } },
		{ "mmap of a window", prepare_cache, map_window, undo_window, { ENOMEM } },
		{ "fault in a window", prepare_window, touch_window, undo_window, { ENOMEM } },
		{ "munmap of a part", prepare_touched, punch_hole, unmap_buffer, { ENOMEM } },
		{ "EXPORT", prepare_buffer, export_buffer, close_export,
		  { ENOBUFS, ENFILE, EFAULT } },
		{ "EXPORT of a part", prepare_buffer, export_frame, close_export,
		  { ENOBUFS, ENFILE, EFAULT } },
		{ "DESCRIBE", prepare_export, describe_export, close_export, { EFAULT } },
		{ "SYNC", prepare_export, sync_export, close_export, { EFAULT } },
		{ "ALLOC of a movable buffer", NULL, alloc_movable, undo_alloc,
		  { ENOBUFS, EFAULT } },
		{ "PIN", prepare_movable, pin_buffer, undo_alloc, { EFAULT } },
		{ "UNPIN", prepare_pinned, unpin_buffer, undo_alloc, { EFAULT } },
		{ "mmap of a dma-buf", prepare_export, map_export, undo_map_export, { ENOMEM } },
		{ "drain", NULL, drain, NULL, { ENOMEM, ENFILE, EFAULT } },
	};
	int i;

	for (i = 0; i < ARRAY_SIZE(calls); i++) {
		EXPECT_GT(fail_each_step(self, &calls[i]), 0);
	}
}

TEST_F_TIMEOUT(failure, each_step_of_each_debugfs_file_fails_cleanly, SLOW_TEST_SECONDS)
{
	struct call call = { path, NULL, read_path, NULL, { ENOMEM, ENFILE, EFAULT } };
	DIR *dir = opendir(DEBUGFS);
	struct dirent *entry;
	int files = 0;

	ASSERT_NE(NULL, dir);
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", DEBUGFS, entry->d_name);
		EXPECT_GT(fail_each_step(self, &call), 0);
		files++;
	}
	closedir(dir);
	EXPECT_GT(files, 0);
}

TEST_F_TIMEOUT(failure, each_step_of_a_fault_fails_cleanly, SLOW_TEST_SECONDS)
{
	struct failure failure;
	bool injected = true;
	int ret, failed = 0;

	for (failure = first_failure; injected && failure.nth < MOST_STEPS;
	     failure = next_failure(failure)) {
		ASSERT_EQ(0, map_buffer(self));
		fail_at(&self->injector, failure);
		ret = touch_buffer(self);
		injected = has_failed(&self->injector);
		if (ret) {
			EXPECT_EQ(-ENOMEM, ret);
			failed++;
		}
		stamp_frames(self->p, BYTES, failure.nth);
		EXPECT_TRUE(frames_stamped(self->p, BYTES, failure.nth));
		unmap_buffer(self);
	}
	EXPECT_FALSE(injected);
	EXPECT_GT(failed, 0);
}

TEST_F_TIMEOUT(failure, each_step_of_splitting_a_mapping_fails_cleanly, SLOW_TEST_SECONDS)
{
	struct failure failure;
	bool injected = true;
	int ret, failed = 0;

	for (failure = first_failure; injected && failure.nth < MOST_STEPS;
	     failure = next_failure(failure)) {
		ASSERT_EQ(0, map_buffer(self));
		stamp_frames(self->p, BYTES, failure.nth);
		fail_at(&self->injector, failure);
		ret = punch_hole(self);
		injected = has_failed(&self->injector);
		if (ret) {
			EXPECT_EQ(-ENOMEM, ret);
			EXPECT_TRUE(frames_stamped(self->p, BYTES, failure.nth));
			failed++;
		}
		EXPECT_TRUE(frames_stamped(self->p + 2 * FRAME, BYTES - 2 * FRAME,
					   failure.nth + 2));
		unmap_buffer(self);
	}
	EXPECT_FALSE(injected);
	EXPECT_GT(failed, 0);
}

FIXTURE(loading)
{
	struct injector injector;
};

/* Steps fail only in the initialisation of a module, not in what the kernel does to load it. */
FIXTURE_SETUP(loading)
{
	unsigned long start, end;

	ASSERT_TRUE(injector_open(&self->injector));
	ASSERT_TRUE(find_function("do_one_initcall", &start, &end));
	ASSERT_TRUE(set_range("require", start, end));
}

/* Also cleans up after a test that failed. */
FIXTURE_TEARDOWN_PARENT(loading)
{
	EXPECT_TRUE(set_range("require", 0, ~0UL));
	ignore(unload_case());
	if (!is_loaded())
		EXPECT_EQ(0, load(USUAL_PARAMETERS));
	EXPECT_TRUE(wait_all_free());
}

/**
 * struct loading - a module whose loading is made to fail
 * @load: loads it; 0 or a negative errno
 * @unload: unloads it
 * @parameters: for it
 * @other_error: how it may fail beside -ENOMEM, or 0
 */
struct loading {
	int (*load)(const char *parameters);
	int (*unload)(void);
	const char *parameters;
	int other_error;
};

/* Loads with each step failing in turn; the number of failures, or -1. */
static int fail_each_step_of_loading(const struct injector *injector, const struct loading *loading)
{
	struct failure failure;
	int ret, failed = 0;
	bool injected = true, is_expected;

	for (failure = first_failure; injected && failure.nth < MOST_STEPS;
	     failure = next_failure(failure)) {
		fail_at(injector, failure);
		ret = loading->load(loading->parameters);
		injected = has_failed(injector);
		failed += ret != 0;
		is_expected = injected && (ret == -ENOMEM || ret == loading->other_error);
		if (ret ? !is_expected : loading->unload()) {
			complain(loading->parameters, failure, strerror(-ret));
			return -1;
		}
		/* Failing alone it ended the loading, so no step came after it. Save the time. */
		if (ret && !failure.onward)
			failure.onward = true;
	}
	printf("# %s: %d steps, %d failures\n", loading->parameters, failure.nth - 1, failed);
	return injected ? -1 : failed;
}

TEST_F_TIMEOUT(loading, each_step_of_loading_fails_cleanly, LOADING_SECONDS)
{
	/* To change the memory type, the kernel may have to split an entry of its page tables. */
	static const struct loading loading = { load, unload, SMALL_POOL " memory=uc", 0 };
	long before;
	int failed;

	ASSERT_EQ(0, unload());
	before = free_bytes();
	failed = fail_each_step_of_loading(&self->injector, &loading);
	EXPECT_GT(failed, 0);
	EXPECT_FALSE(is_loaded());
	/* KASAN holds back freed memory, but not whole pools. */
	EXPECT_LT(before - free_bytes(), failed * (long)MIB);
	EXPECT_EQ(0, load(USUAL_PARAMETERS));
}

TEST_F_TIMEOUT(loading, each_step_of_blocks_and_caches_for_a_module_fails_cleanly, LOADING_SECONDS)
{
	/* framepool_get() cannot tell a lack of memory from that of a pool. Blocks need none. */
	static const struct loading steps[] = {
		{ load_case, unload_case, "run=step_blocks", -ENODEV },
		{ load_case, unload_case, "run=step_cache", -ENODEV },
		{ load_case, unload_case, "run=step_debugged_cache", -ENODEV },
	};
	int i;

	for (i = 0; i < ARRAY_SIZE(steps); i++) {
		EXPECT_GT(fail_each_step_of_loading(&self->injector, &steps[i]), 0);
	}
	EXPECT_TRUE(pool_verifies());
}

FIXTURE(pools)
{
	struct injector injector;
	int live;	/* the file of a pool that is not live */
};

/* Steps fail only in what framepool does when the file is written. */
FIXTURE_SETUP(pools)
{
	unsigned long start, end;

	ASSERT_TRUE(injector_open(&self->injector));
	ASSERT_TRUE(find_function("configfs_write_iter", &start, &end));
	ASSERT_TRUE(set_range("require", start, end));
	ASSERT_EQ(0, load_configfs());
	ASSERT_EQ(0, pools_mkdir("video"));
	ASSERT_EQ(0, pools_set("video", "size", "4M"));
	self->live = open(pools_path("video", "live"), O_WRONLY | O_CLOEXEC);
	ASSERT_GE(self->live, 0);
}

FIXTURE_TEARDOWN_PARENT(pools)
{
	EXPECT_TRUE(set_range("require", 0, ~0UL));
	EXPECT_TRUE(pools_clean());
	EXPECT_EQ(0, unload_configfs());
	/* devtmpfs does not remove a node if it lacks memory for the node's path. */
	EXPECT_TRUE(!unlink("/dev/framepool/video") || errno == ENOENT);
	EXPECT_TRUE(wait_all_free());
}

static int write_live(FIXTURE_DATA(pools) *self, const char *text)
{
	return write(self->live, text, 1) == 1 ? 0 : -errno;
}

TEST_F_TIMEOUT(pools, each_step_of_making_one_fails_cleanly, SLOW_TEST_SECONDS)
{
	struct failure failure;
	bool injected = true;
	int ret, failed = 0;

	for (failure = first_failure; injected && failure.nth < MOST_STEPS;
	     failure = next_failure(failure)) {
		fail_at(&self->injector, failure);
		ret = write_live(self, "1");
		injected = has_failed(&self->injector);
		if (!ret) {
			EXPECT_EQ(0, write_live(self, "0"));
			continue;
		}
		EXPECT_TRUE(injected);
		EXPECT_TRUE(ret == -ENOMEM || ret == -EFAULT);
		EXPECT_TRUE(pools_says("video", "live", "0\n"));
		EXPECT_NE(0, access("/sys/class/framepool/video", F_OK));
		EXPECT_NE(0, access("/sys/kernel/debug/framepool/video", F_OK));
		failed++;
	}
	TH_LOG("%d steps, %d failures", failure.nth - 1, failed);
	EXPECT_FALSE(injected);
	EXPECT_GT(failed, 0);
	EXPECT_EQ(0, pools_rmdir("video"));
}

TEST_F_TIMEOUT(pools, removing_one_needs_no_memory, SLOW_TEST_SECONDS)
{
	struct failure failure;
	bool injected = true;
	int ret;

	for (failure = first_failure; injected && failure.nth < MOST_STEPS;
	     failure = next_failure(failure)) {
		ASSERT_EQ(0, write_live(self, "1"));
		fail_at(&self->injector, failure);
		ret = write_live(self, "0");
		injected = has_failed(&self->injector);
		/* The write itself may fail before framepool learns of it. */
		if (ret) {
			EXPECT_TRUE(injected && (ret == -EFAULT || ret == -ENOMEM));
			EXPECT_EQ(0, write_live(self, "0"));
		}
		EXPECT_NE(0, access("/sys/class/framepool/video", F_OK));
	}
	EXPECT_FALSE(injected);
	EXPECT_EQ(0, pools_rmdir("video"));
}

int main(int argc, char **argv)
{
	if (access(FAIL_NTH, W_OK)) {
		printf("TAP version 13\n1..0 # SKIP this kernel has no fault injection "
		       "(make check-debug runs one that has)\n");
		return KSFT_SKIP;
	}
	return test_harness_run(argc, argv);
}
