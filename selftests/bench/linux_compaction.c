// SPDX-License-Identifier: GPL-2.0-only
/*
 * The suite "move", what Linux does: single anonymous pages fill 90% of the free memory, and a
 * random half of them is freed. Then all zones are compacted. What is free in blocks of huge pages
 * is compared with all that is free; beside it, what a pool of framepool's makes of the case
 * "single" (compaction.c).
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "guest.h"

#define COMPACT		"/proc/sys/vm/compact_memory"
#define BLOCKS		"/proc/buddyinfo"
#define PAGE		(4 * KIB)
#define HUGE_ORDER	9
#define MAX_ORDERS	16

/* Free blocks by order, of all zones. */
static void read_blocks(u64 blocks[MAX_ORDERS])
{
	FILE *file = fopen(BLOCKS, "r");
	char line[512], *at;
	u32 order;
	int length;

	if (!file)
		err(1, BLOCKS);
	memset(blocks, 0, MAX_ORDERS * sizeof(*blocks));
	while (fgets(line, sizeof(line), file)) {
		unsigned long long nr;

		at = strstr(line, "zone");
		if (!at || sscanf(at, "zone %*s%n", &length))
			continue;
		at += length;
		for (order = 0; order < MAX_ORDERS && sscanf(at, "%llu%n", &nr, &length) == 1;
		     order++, at += length)
			blocks[order] += nr;
	}
	fclose(file);
}

/* Pages that are free, and those of them that are in blocks of at least a huge page. */
static u64 free_pages(u64 *in_huge)
{
	u64 blocks[MAX_ORDERS], nr = 0;
	u32 order;

	read_blocks(blocks);
	*in_huge = 0;
	for (order = 0; order < MAX_ORDERS; order++) {
		nr += blocks[order] << order;
		if (order >= HUGE_ORDER)
			*in_huge += blocks[order] << order;
	}
	return nr;
}

static void compact(void)
{
	int fd = open(COMPACT, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, "1", 1) != 1)
		err(1, COMPACT);
	close(fd);
}

static void drop_half(char *p, u64 nr, u64 seed)
{
	u64 i;

	for (i = 0; i < nr; i++)
		if (bench_random(&seed, 2) && madvise(p + i * PAGE, PAGE, MADV_DONTNEED))
			err(1, "freeing a page");
}

/**
 * linux_compaction() - have Linux compact memory
 * @seed: of what is freed; not 0
 *
 * Return: what is free in huge pages afterwards, in thousandths of a percent of what is free.
 */
u64 linux_compaction(u64 seed)
{
	u64 in_huge, nr = free_pages(&in_huge) / 10 * 9;
	char *p = mmap(NULL, nr * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	u64 i, all;

	if (p == MAP_FAILED || madvise(p, nr * PAGE, MADV_NOHUGEPAGE))
		err(1, "anonymous memory");
	for (i = 0; i < nr; i++)
		p[i * PAGE] = 1;
	drop_half(p, nr, seed);
	compact();
	all = free_pages(&in_huge);
	if (munmap(p, nr * PAGE))
		err(1, "munmap");
	return in_huge * 100000 / all;
}
