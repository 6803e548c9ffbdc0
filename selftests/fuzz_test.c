// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random programs: several processes with threads of several clients do everything that can be done
 * with the device and with mappings of it, with valid, nearly valid and invalid arguments. While a
 * program runs, no client may see what another has written. After it, all frames must be free, the
 * allocator consistent and the kernel's log clean.
 *
 * A program follows from its seed, which is printed before the program runs. SEED= in the
 * environment repeats all programs of a test, FUZZ_SECONDS= makes it longer. Besides the tests:
 *
 *	fuzz_test --rounds SECONDS SEED		runs programs for SECONDS
 *	fuzz_test --generate SEED		prints the program of a seed
 *	fuzz_test --run TIMES FILE		runs a program TIMES times, or until it fails
 *	fuzz_test --shrink TIMES FILE FIRST SIZE
 *						runs it without some operations: see shrink()
 *
 * scripts/fuzz-kernel uses these to shorten a program that fails.
 */
#include "common.h"
#include "child.h"
#include "fuzz/hand.h"
#include "fuzz/log.h"

#define TEST_SECONDS	25
#define HANG_SECONDS	100

/* Part of all stamps, to tell them from other numbers. */
#define STAMP		0xf001ULL
#define QUOTA		"/sys/class/framepool/" POOL_NAME "/client_quota"

static struct common *common;
static struct log kernel_log;

static __u64 stamp_of(__u64 seed, int process)
{
	return STAMP << 48 | (seed & 0xffffffff) << 8 | process;
}

static void start_worker(const struct program *program, __u64 seed, int process, int shared_fd)
{
	static struct worker worker;
	pid_t pid = child_fork();

	if (pid) {
		common->pids[process] = pid;
		return;
	}
	CHILD_CHECK(worker_init(&worker, common, process, stamp_of(seed, process), shared_fd));
	while (!__atomic_load_n(&common->pids[PROCESSES], __ATOMIC_ACQUIRE))
		sched_yield();
	worker_run(&worker, program);
}

/* Whether a process exited without an error or was killed by another. */
static bool ended_well(int status)
{
	if (WIFEXITED(status) ? !WEXITSTATUS(status) : WTERMSIG(status) == SIGKILL)
		return true;
	fprintf(stderr, "# a process ended with status %x\n", status);
	return false;
}

/* Waits for the workers and for the children that they have left. */
static bool wait_for_all(void)
{
	double end = seconds_now() + HANG_SECONDS;
	bool well = true;
	int status;
	pid_t pid;

	for (;;) {
		pid = waitpid(-1, &status, WNOHANG);
		if (pid < 0)
			return well;
		if (pid > 0) {
			well = ended_well(status) && well;
		} else if (seconds_now() > end) {
			fprintf(stderr, "# a process hangs\n");
			return false;
		} else {
			sleep_ms(1);
		}
	}
}

static bool pool_is_sound(void)
{
	return drain_pool() && wait_all_free();
}

/* Runs a program; false if the module has shown a fault. */
static bool run_program(const struct program *program, __u64 seed)
{
	int fd = pool_open(), i;
	bool well;

	if (fd < 0) {
		fprintf(stderr, "# cannot open %s: %s\n", DEVICE, strerror(-fd));
		return false;
	}
	memset(common, 0, sizeof(*common));
	if (write_file(QUOTA, "0")) {
		fprintf(stderr, "# cannot write %s\n", QUOTA);
		return false;
	}
	for (i = 0; i < PROCESSES; i++)
		start_worker(program, seed, i, fd);
	close(fd);
	__atomic_store_n(&common->pids[PROCESSES], getpid(), __ATOMIC_RELEASE);
	well = wait_for_all();
	well = !common->failed && well;
	well = pool_is_sound() && well;
	return log_is_clean(&kernel_log) && well;
}

static bool prepare(void)
{
	common = mmap(NULL, sizeof(*common), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	return common != MAP_FAILED && log_open(&kernel_log) &&
	       !prctl(PR_SET_CHILD_SUBREAPER, 1);
}

/* Prints @what, also on the console, where the kernel's messages that follow belong to it. */
static void announce(const char *what)
{
	char text[128];

	snprintf(text, sizeof(text), "framepool fuzz: %s", what);
	ignore(write_file("/dev/kmsg", text));	/* the test does not depend on it */
	printf("@fuzz %s\n", what);
	fflush(stdout);
}

/* Runs programs for @seconds seconds. */
static bool run_rounds(double seconds, __u64 seed)
{
	static struct program program;
	double end = seconds_now() + seconds;
	__u64 random = seed, ops = 0, one;
	char text[64];
	int round = 0;

	do {
		one = random_next(&random);
		snprintf(text, sizeof(text), "program %llx", one);
		announce(text);
		program_generate(one, &program);
		if (!run_program(&program, one)) {
			printf("@fuzz failed\n");
			return false;
		}
		ops += common->ops;
		round++;
	} while (seconds_now() < end);
	printf("# %d programs, %llu operations\n", round, ops);
	return true;
}

FIXTURE(fuzz)
{
	__u64 seed;
	double seconds;
};

FIXTURE_SETUP(fuzz)
{
	const char *seed = getenv("SEED"), *seconds = getenv("FUZZ_SECONDS");

	self->seed = seed ? strtoull(seed, NULL, 0) : time(NULL) ^ getpid();
	self->seconds = seconds ? atof(seconds) : TEST_SECONDS;
	TH_LOG("SEED=%llu", self->seed);
	ASSERT_TRUE(prepare());
}

FIXTURE_TEARDOWN_PARENT(fuzz)
{
	EXPECT_TRUE(wait_all_free());
}

TEST_F(fuzz, program_as_text_is_the_same_program)
{
	static struct program program, copy;
	FILE *file = tmpfile();
	int round;

	ASSERT_TRUE(!!file);
	for (round = 0; round < 50; round++) {
		program_generate(self->seed + round, &program);
		rewind(file);
		ASSERT_EQ(0, ftruncate(fileno(file), 0));
		program_print(file, &program);
		rewind(file);
		ASSERT_TRUE(program_read(file, &copy));
		ASSERT_EQ(program.nr, copy.nr);
		EXPECT_EQ(0, memcmp(program.ops, copy.ops, program.nr * sizeof(*program.ops)));
	}
}

TEST_F_TIMEOUT(fuzz, random_programs_are_harmless, 3600)
{
	EXPECT_TRUE(run_rounds(self->seconds, self->seed));
}

static bool read_program(const char *path, struct program *program)
{
	FILE *file = fopen(path, "re");
	bool done = file && program_read(file, program);

	if (!done)
		fprintf(stderr, "# %s is not a program\n", path);
	if (file)
		fclose(file);
	return done;
}

/* Runs a program @times times, or until it fails. */
static bool run_often(const struct program *program, int times)
{
	int i;

	for (i = 0; i < times; i++) {
		if (!run_program(program, i + 1)) {
			printf("@fuzz failed\n");
			return false;
		}
	}
	return true;
}

static int run_file(int times, const char *path)
{
	static struct program program;

	if (!read_program(path, &program))
		return KSFT_FAIL;
	announce("program");
	return run_often(&program, times) ? KSFT_PASS : KSFT_FAIL;
}

/* @whole without @size operations from @first on. */
static void leave_out(const struct program *whole, int first, int size, struct program *part)
{
	int end = first + size < whole->nr ? first + size : whole->nr;

	part->nr = whole->nr - (end - first);
	memcpy(part->ops, whole->ops, first * sizeof(*part->ops));
	memcpy(part->ops + first, whole->ops + end, (whole->nr - end) * sizeof(*part->ops));
}

/*
 * Runs a program without @size of its operations: first without those from @first on, then without
 * the next @size, and so on, then without half as many, until a run fails. Each run is announced,
 * so that the console shows which one it was if the machine crashes. Nothing is tried after a
 * failure, since the kernel may be damaged.
 */
static int shrink(int times, const char *path, int first, int size)
{
	static struct program whole, part;
	char text[64];

	if (!read_program(path, &whole))
		return KSFT_FAIL;
	for (; size; size /= 2, first = 0) {
		for (; first < whole.nr; first += size) {
			snprintf(text, sizeof(text), "without %d %d", first, size);
			announce(text);
			leave_out(&whole, first, size, &part);
			if (!run_often(&part, times))
				return KSFT_FAIL;
		}
	}
	announce("smallest");
	return KSFT_PASS;
}

static int generate(__u64 seed)
{
	static struct program program;

	program_generate(seed, &program);
	program_print(stdout, &program);
	return KSFT_PASS;
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "--generate"))
		return generate(strtoull(argv[2], NULL, 16));
	if (argc == 4 && !strcmp(argv[1], "--rounds"))
		return prepare() && run_rounds(atof(argv[2]), strtoull(argv[3], NULL, 0)) ?
		       KSFT_PASS : KSFT_FAIL;
	if (argc == 4 && !strcmp(argv[1], "--run"))
		return prepare() ? run_file(atoi(argv[2]), argv[3]) : KSFT_FAIL;
	if (argc == 6 && !strcmp(argv[1], "--shrink"))
		return prepare() ? shrink(atoi(argv[2]), argv[3], atoi(argv[4]), atoi(argv[5])) :
		       KSFT_FAIL;
	return test_harness_run(argc, argv);
}
