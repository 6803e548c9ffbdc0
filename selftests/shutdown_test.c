// SPDX-License-Identifier: GPL-2.0-only
/*
 * A pool that is shut down by force while programs use it. Afterwards no program can access a byte
 * of it. Leaves the module loaded as it found it.
 */
#include "common.h"
#include "cache.h"
#include "child.h"
#include "memory.h"
#include "module.h"
#include "sigbus.h"

#include <grp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/uio.h>

#define PARAMETERS	"size=64M"
#define SHUTDOWN	"/sys/class/framepool/" POOL_NAME "/shutdown"
#define SUMMARY		"/sys/kernel/debug/framepool/" POOL_NAME "/summary"
#define BYTES		(2 * HUGE_FRAME)
#define SIEGE_BYTES	HUGE_FRAME	/* available however scattered the pool is */
#define SMALL_BYTES	(16 * FRAME)
#define NOBODY		65534
#define WORKERS		3
#define SMALL		8	/* threads of a worker that fault small pages in */
#define THREADS		(SMALL + 3)
#define SIEGES_SECONDS	40

FIXTURE(shutdown)
{
	long free_bytes;	/* of the machine, without the module */
	int fd;
	struct buffer large;	/* BYTES long, aligned to huge frames */
	struct buffer small;	/* SMALL_BYTES long */
	char *p;		/* the large one, stamped */
	char *q;		/* the small one, stamped */
};

FIXTURE_SETUP(shutdown)
{
	if (is_loaded()) {
		ASSERT_EQ(0, unload());
	}
	self->free_bytes = free_bytes();
	ASSERT_EQ(0, load(PARAMETERS));
	self->fd = pool_open();
	ASSERT_GE(self->fd, 0);
	ASSERT_EQ(0, buffer_alloc_huge(self->fd, BYTES, &self->large));
	ASSERT_EQ(0, buffer_alloc(self->fd, SMALL_BYTES, &self->small));
	self->p = buffer_map(self->fd, &self->large);
	self->q = buffer_map(self->fd, &self->small);
	ASSERT_NE(MAP_FAILED, self->p);
	ASSERT_NE(MAP_FAILED, self->q);
	stamp_frames(self->p, BYTES, 0);
	stamp_frames(self->q, SMALL_BYTES, 0);
}

FIXTURE_TEARDOWN_PARENT(shutdown)
{
	if (is_loaded()) {
		EXPECT_EQ(0, unload());
	}
	EXPECT_TRUE(memory_is_back(self->free_bytes));
	EXPECT_EQ(0, load(USUAL_PARAMETERS));
	EXPECT_TRUE(wait_all_free());
}

static int write_shutdown(const char *text)
{
	int ret, fd = open_errno(SHUTDOWN, O_WRONLY);

	if (fd < 0)
		return fd;
	ret = write(fd, text, strlen(text)) == strlen(text) ? 0 : -errno;
	close(fd);
	return ret;
}

static long summary(const char *key)
{
	return proc_number(SUMMARY, NULL, key);
}

/* Whether neither the program nor the kernel can read or write a byte of [p, p + length). */
static bool is_unreachable(char *p, size_t length)
{
	size_t at;

	if (frames_present(p, length))
		return false;
	for (at = 0; at < length; at += FRAME)
		if (sigbus_code(p + at, false) != BUS_ADRERR ||
		    sigbus_code(p + at + FRAME - 1, true) != BUS_ADRERR || is_readable(p + at))
			return false;
	return !frames_present(p, length);
}

TEST_F(shutdown, attribute_is_for_root_to_write)
{
	struct stat file;
	pid_t pid;

	ASSERT_EQ(0, stat(SHUTDOWN, &file));
	EXPECT_EQ(S_IFREG | 0200, file.st_mode);
	EXPECT_EQ(0, file.st_uid);
	pid = child_fork();
	if (!pid) {
		CHILD_CHECK(!setgroups(0, NULL) && !setgid(NOBODY) && !setuid(NOBODY));
		CHILD_CHECK(write_shutdown("1") == -EACCES);
		_exit(0);
	}
	EXPECT_EQ(0, child_wait(pid));
}

TEST_F(shutdown, anything_but_1_is_refused_and_changes_nothing)
{
	static const char * const bad[] = {
		"0", "2", "11", "y", "yes", "on", " 1", "1 ", "-1", "\n",
	};
	int i, fd;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_EQ(-EINVAL, write_shutdown(bad[i]));
	}
	EXPECT_TRUE(frames_stamped(self->p, BYTES, 0));
	fd = pool_open();
	EXPECT_GE(fd, 0);
	EXPECT_EQ(0, handle_free(self->fd, self->small.handle));
}

TEST_F(shutdown, mapped_memory_gives_sigbus)
{
	catch_sigbus();
	EXPECT_EQ(kib_if_huge(BYTES), smaps_kib(self->p, "FilePmdMapped"));
	ASSERT_EQ(0, write_shutdown("1\n"));
	EXPECT_TRUE(is_unreachable(self->p, BYTES));
	EXPECT_TRUE(is_unreachable(self->q, SMALL_BYTES));
	EXPECT_EQ(0, smaps_kib(self->p, "Rss"));
}

TEST_F(shutdown, memory_that_was_never_touched_gives_sigbus)
{
	char *p = buffer_map(self->fd, &self->large);

	catch_sigbus();
	ASSERT_NE(MAP_FAILED, p);
	ASSERT_EQ(0, write_shutdown("1"));
	EXPECT_TRUE(is_unreachable(p, BYTES));
}

TEST_F(shutdown, window_of_a_cache_gives_sigbus)
{
	struct framepool_ioc_objects arg;
	struct cache cache;
	__u64 offsets[900];
	size_t length;
	char *p;

	catch_sigbus();
	ASSERT_EQ(0, cache_create(self->fd, 1000, &cache));
	ASSERT_EQ(0, objects_alloc(&cache, offsets, ARRAY_SIZE(offsets)));
	p = cache_map(&cache);
	ASSERT_NE(MAP_FAILED, p);
	length = ROUND_UP(offsets[ARRAY_SIZE(offsets) - 1], FRAME);
	stamp_frames(p, length / 2, 0);
	ASSERT_EQ(0, write_shutdown("1"));
	EXPECT_TRUE(is_unreachable(p, length));
	EXPECT_EQ(-ENODEV, objects_call(&cache, FRAMEPOOL_IOC_OBJ_ALLOC, 0, offsets, 1, &arg));
	EXPECT_EQ(-ENODEV, cache_destroy(self->fd, cache.handle));
	EXPECT_EQ(ENODEV, map_errno(FRAME, PROT_READ, MAP_SHARED, self->fd, cache.offset));
}

TEST_F(shutdown, mapping_of_a_freed_buffer_gives_sigbus)
{
	catch_sigbus();
	ASSERT_EQ(0, handle_free(self->fd, self->large.handle));
	ASSERT_EQ(0, close(self->fd));
	ASSERT_EQ(0, write_shutdown("1"));
	EXPECT_TRUE(is_unreachable(self->p, BYTES));
	EXPECT_TRUE(is_unreachable(self->q, SMALL_BYTES));
}

TEST_F(shutdown, mapping_changed_afterwards_gives_sigbus)
{
	char *to = reserve(BYTES);

	catch_sigbus();
	ASSERT_EQ(0, write_shutdown("1"));
	ASSERT_EQ(0, madvise(self->p, BYTES, MADV_DONTNEED));
	EXPECT_NE(0, madvise(self->p, BYTES, MADV_POPULATE_READ));
	EXPECT_EQ(EFAULT, errno);
	ASSERT_EQ(to, mremap(self->p, BYTES, BYTES, MREMAP_MAYMOVE | MREMAP_FIXED, to));
	EXPECT_TRUE(is_unreachable(to, BYTES));
	ASSERT_EQ(0, mprotect(self->q, SMALL_BYTES, PROT_READ));
	EXPECT_EQ(BUS_ADRERR, sigbus_code(self->q, false));
}

static char *map_new(int fd)
{
	struct buffer buffer;
	char *p;

	CHILD_CHECK(!buffer_alloc(fd, BYTES, &buffer));
	p = buffer_map(fd, &buffer);
	CHILD_CHECK(p != MAP_FAILED);
	return p;
}

TEST_F(shutdown, memory_of_every_process_and_client_gives_sigbus)
{
	int ready[2], go[2], i;
	pid_t pids[3];
	char *p;

	ASSERT_EQ(0, pipe(ready) | pipe(go));
	for (i = 0; i < 3; i++) {
		pids[i] = child_fork();
		if (pids[i])
			continue;
		catch_sigbus();
		/* One of them is a client of its own. */
		p = i == 1 ? map_new(pool_open()) : self->p;
		touch(p, BYTES);
		tell(ready[1]);
		CHILD_CHECK(hear(go[0]));
		CHILD_CHECK(is_unreachable(p, BYTES));
		CHILD_CHECK(pool_open() == -ENODEV);
		_exit(0);
	}
	for (i = 0; i < 3; i++) {
		ASSERT_TRUE(hear(ready[0]));
	}
	ASSERT_EQ(0, write_shutdown("1"));
	for (i = 0; i < 3; i++)
		tell(go[1]);
	for (i = 0; i < 3; i++) {
		EXPECT_EQ(0, child_wait(pids[i]));
	}
}

TEST_F(shutdown, open_calls_and_mmap_give_enodev)
{
	struct framepool_ioc_query query;
	struct framepool_ioc_stats stats;
	struct framepool_ioc_info info;
	int twin = dup(self->fd);
	struct buffer buffer;

	ASSERT_EQ(0, write_shutdown("1"));
	EXPECT_EQ(-ENODEV, pool_open());
	EXPECT_EQ(-ENODEV, pool_info(self->fd, &info));
	EXPECT_EQ(-ENODEV, pool_stats(twin, &stats));
	EXPECT_EQ(-ENODEV, buffer_alloc(self->fd, FRAME, &buffer));
	EXPECT_EQ(-ENODEV, handle_free(self->fd, self->small.handle));
	EXPECT_EQ(-ENODEV, handle_query(self->fd, self->small.handle, &query));
	EXPECT_EQ(-ENODEV, call(self->fd, _IO(FRAMEPOOL_IOC_TYPE, 0x7f), NULL));
	EXPECT_EQ(ENODEV, map_errno(BYTES, PROT_READ, MAP_SHARED, self->fd, self->large.offset));
	EXPECT_EQ(ENODEV, map_errno(FRAME, PROT_EXEC, MAP_PRIVATE, twin, 0));
}

TEST_F(shutdown, allocation_that_waits_gives_enodev)
{
	struct pollfd ready = { .fd = self->fd, .events = POLLOUT };
	struct pollfd end = { .fd = self->fd };
	struct buffer buffer;
	pid_t pid = child_fork(), other;

	if (!pid) {
		while (!buffer_alloc(self->fd, HUGE_FRAME, &buffer))
			;
		CHILD_CHECK(buffer_alloc_waiting(self->fd, HUGE_FRAME, ~0ULL, &buffer) == -ENODEV);
		_exit(0);
	}
	while (poll(&ready, 1, 0))
		sleep_ms(10);
	/* It does not wait for memory. */
	other = child_fork();
	if (!other) {
		CHILD_CHECK(poll(&end, 1, IDLE_SECONDS * 1000) == 1);
		CHILD_CHECK(end.revents == (POLLERR | POLLHUP));
		_exit(0);
	}
	sleep_ms(200);
	ASSERT_EQ(0, write_shutdown("1"));
	EXPECT_EQ(0, child_wait(pid));
	EXPECT_EQ(0, child_wait(other));
	EXPECT_EQ(1, poll(&ready, 1, 0));
	EXPECT_EQ(POLLERR | POLLHUP, ready.revents);
}

TEST_F(shutdown, second_shutdown_is_harmless)
{
	catch_sigbus();
	ASSERT_EQ(0, write_shutdown("1"));
	ASSERT_EQ(0, write_shutdown("1"));
	EXPECT_TRUE(is_unreachable(self->p, BYTES));
}

TEST_F(shutdown, memory_is_held_until_its_users_let_go)
{
	double end = seconds_now() + IDLE_SECONDS;

	ASSERT_EQ(0, write_shutdown("1"));
	EXPECT_EQ(BYTES + SMALL_BYTES, summary("used"));
	EXPECT_EQ(1, summary("clients"));
	EXPECT_EQ(-EWOULDBLOCK, unload());
	ASSERT_EQ(0, close(self->fd));
	ASSERT_EQ(0, munmap(self->p, BYTES));
	EXPECT_EQ(BYTES + SMALL_BYTES, summary("used"));
	ASSERT_EQ(0, munmap(self->q, SMALL_BYTES));
	EXPECT_EQ(0, summary("used"));
	EXPECT_EQ(0, summary("clients"));
	while (summary("free") != summary("total") && seconds_now() < end)
		sleep_ms(10);
	EXPECT_EQ(summary("total"), summary("free"));
	EXPECT_EQ(0, unload());
}

TEST_F(shutdown, frame_in_a_pipe_keeps_its_bytes)
{
	static char copy[4 * FRAME];
	struct iovec frames = { .iov_base = self->p + MIB, .iov_len = sizeof(copy) };
	int ends[2];

	ASSERT_EQ(0, pipe(ends));
	ASSERT_EQ(sizeof(copy), vmsplice(ends[1], &frames, 1, 0));
	ASSERT_EQ(0, write_shutdown("1"));
	ASSERT_EQ(0, close(self->fd));
	ASSERT_EQ(0, munmap(self->p, BYTES) | munmap(self->q, SMALL_BYTES));
	EXPECT_EQ(0, summary("used"));
	ASSERT_EQ(sizeof(copy), read(ends[0], copy, sizeof(copy)));
	EXPECT_TRUE(frames_stamped(copy, sizeof(copy), MIB / FRAME));
}

/**
 * struct siege - a process whose threads use their pool while it is shut down
 * @fd: their client
 * @large: a buffer, SIEGE_BYTES long
 * @p: where it is mapped
 * @huge: a second mapping of it
 * @small: a small mapping for each thread of fault_small_work(): in turn, the beginning of @large
 *	and of a cache's window
 * @taken: how many of @small are taken
 * @begun: how many threads have started their work
 * @over: the shutdown has returned
 * @wrong: number of results that must not occur
 */
struct siege {
	int fd;
	struct buffer large;
	char *p;
	char *huge;
	char *small[SMALL];
	int taken;
	int begun;
	bool over;
	int wrong;
};

static bool goes_on(const struct siege *siege)
{
	return !__atomic_load_n(&siege->over, __ATOMIC_ACQUIRE);
}

static void count_begun(struct siege *siege)
{
	__atomic_fetch_add(&siege->begun, 1, __ATOMIC_ACQ_REL);
}

static void count_wrong(struct siege *siege, const char *what)
{
	fprintf(stderr, "# %s (errno %d)\n", what, errno);
	__atomic_fetch_add(&siege->wrong, 1, __ATOMIC_ACQ_REL);
}

/*
 * Drops the pages of a mapping and has the kernel fault them in again, until the kernel refuses.
 * From then on nothing unmaps a page that a fault has mapped too late.
 */
static void fault_until_refused(struct siege *siege, char *p, size_t length)
{
	count_begun(siege);
	while (!madvise(p, length, MADV_POPULATE_WRITE))
		if (madvise(p, length, MADV_DONTNEED))
			count_wrong(siege, "MADV_DONTNEED was refused");
	if (errno != EFAULT)
		count_wrong(siege, "a fault was refused with another error");
	while (goes_on(siege))
		sleep_ms(1);
	if (!is_unreachable(p, length))
		count_wrong(siege, "a fault mapped a page too late");
}

static void *fault_huge_work(void *arg)
{
	struct siege *siege = arg;

	fault_until_refused(siege, siege->huge, HUGE_FRAME);
	return NULL;
}

static void *fault_small_work(void *arg)
{
	struct siege *siege = arg;
	int mine = __atomic_fetch_add(&siege->taken, 1, __ATOMIC_ACQ_REL);

	fault_until_refused(siege, siege->small[mine], SMALL_BYTES);
	return NULL;
}

/* Maps, accesses and unmaps; allocates and frees. */
static void *map_work(void *arg)
{
	struct siege *siege = arg;
	struct buffer buffer;
	int ret;

	count_begun(siege);
	while (goes_on(siege)) {
		char *p = buffer_map(siege->fd, &siege->large);

		if (p == MAP_FAILED && errno != ENODEV)
			count_wrong(siege, "mmap was refused with another error");
		if (p != MAP_FAILED) {
			ignore(sigbus_code(p + MIB, true));	/* it may be gone or not */
			if (munmap(p, siege->large.length))
				count_wrong(siege, "munmap was refused");
		}
		ret = buffer_alloc(siege->fd, 3 * FRAME, &buffer);
		if (!ret)
			ret = handle_free(siege->fd, buffer.handle);
		if (ret && ret != -ENODEV)
			count_wrong(siege, "a call was refused with another error");
	}
	return NULL;
}

/* Forks. The child accesses what it inherited, which may be gone or not. */
static void *fork_work(void *arg)
{
	struct siege *siege = arg;
	int i, status;

	count_begun(siege);
	while (goes_on(siege)) {
		pid_t pid = fork();

		if (!pid) {
			for (i = 0; i < 64; i++)
				ignore(sigbus_code(siege->p + i * (SIEGE_BYTES / 64), true));
			_exit(0);
		}
		if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
			count_wrong(siege, "a child did not exit as it should");
	}
	return NULL;
}

/* A process whose threads use the pool. Tells when all do, and checks after the shutdown. */
static void besieged(int ready, int go)
{
	static void *(*const work[THREADS])(void *) = {
		[0 ... SMALL - 1] = fault_small_work, fault_huge_work, map_work, fork_work,
	};
	struct siege siege = { .fd = pool_open() };
	__u64 offsets[SMALL_BYTES / FRAME];
	pthread_t threads[THREADS];
	struct cache cache;
	int i;

	CHILD_CHECK(!buffer_alloc_huge(siege.fd, SIEGE_BYTES, &siege.large));
	siege.p = buffer_map(siege.fd, &siege.large);
	siege.huge = buffer_map(siege.fd, &siege.large);
	CHILD_CHECK(siege.p != MAP_FAILED && siege.huge != MAP_FAILED);
	CHILD_CHECK(!cache_create(siege.fd, FRAME, &cache));
	CHILD_CHECK(!objects_alloc(&cache, offsets, ARRAY_SIZE(offsets)));
	for (i = 0; i < SMALL; i++) {
		siege.small[i] = map_raw(NULL, SMALL_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED,
					 siege.fd, i % 2 ? cache.offset : siege.large.offset);
		CHILD_CHECK(siege.small[i] != MAP_FAILED);
	}
	for (i = 0; i < THREADS; i++)
		CHILD_CHECK(!pthread_create(&threads[i], NULL, work[i], &siege));
	while (__atomic_load_n(&siege.begun, __ATOMIC_ACQUIRE) < THREADS)
		sleep_ms(1);
	tell(ready);
	CHILD_CHECK(hear(go));
	__atomic_store_n(&siege.over, true, __ATOMIC_RELEASE);
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	CHILD_CHECK(!siege.wrong);
	CHILD_CHECK(is_unreachable(siege.p, SIEGE_BYTES));
	_exit(0);
}

/*
 * On a preemptible kernel, a task that wakes with real-time priority interrupts a fault at any
 * point. If the shutdown did not wait for that fault, it would finish before it.
 */
static bool shut_down_suddenly(unsigned int *seed)
{
	struct sched_param first = { .sched_priority = 1 }, usual = { 0 };
	bool done;

	done = !sched_setscheduler(0, SCHED_FIFO, &first);
	usleep(20000 + rand_r(seed) % 50000);
	done &= !write_shutdown("1");
	return !sched_setscheduler(0, SCHED_OTHER, &usual) && done;
}

static bool siege_holds(unsigned int *seed)
{
	int ready[2], go[2], i;
	pid_t pids[WORKERS];
	bool holds = true;

	if (pipe(ready) || pipe(go))
		return false;
	for (i = 0; i < WORKERS; i++) {
		pids[i] = child_fork();
		if (!pids[i])
			besieged(ready[1], go[0]);
	}
	close(ready[1]);
	for (i = 0; i < WORKERS; i++)
		holds &= hear(ready[0]);
	holds &= shut_down_suddenly(seed);
	for (i = 0; i < WORKERS; i++)
		tell(go[1]);
	for (i = 0; i < WORKERS; i++)
		holds &= !child_wait(pids[i]);
	close(ready[0]);
	close(go[0]);
	close(go[1]);
	return holds;
}

TEST_F_TIMEOUT(shutdown, racing_faults_forks_and_calls_leaves_nothing_reachable, SLOW_TEST_SECONDS)
{
	const char *text = getenv("SEED");
	unsigned int seed = text ? strtoul(text, NULL, 0) : time(NULL) ^ getpid();
	double end;

	TH_LOG("SEED=%u", seed);
	catch_sigbus();
	ASSERT_EQ(0, close(self->fd));
	ASSERT_EQ(0, munmap(self->p, BYTES) | munmap(self->q, SMALL_BYTES));
	for (end = seconds_now() + SIEGES_SECONDS; seconds_now() < end;) {
		ASSERT_TRUE(siege_holds(&seed));
		ASSERT_EQ(0, unload());
		ASSERT_EQ(0, load(PARAMETERS));
	}
}

TEST_HARNESS_MAIN
