#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# An arena of jemalloc over a fixed region is filled and emptied, and then the same fill gets a
# quarter less.
#
# Version:  jemalloc 5.3.0-1 (Debian 12), needs gcc.
# Expected: when all is freed, the region is as good as new: the same allocations in the same order
#           fit again, and so does one of 6 MiB.
# Found:    freed memory is merged while it waits to be purged, and what has become more than 64
#           times as large as a request (opt.lg_extent_max_active_fit) is not used for it. As the
#           hooks have nothing more to give, the request fails. And 6 MiB cannot be had of 16 MiB
#           that are all free, in any round. With dirty_decay_ms=0 for the arena each fill gets as
#           much as the first.
# Matters:  jemalloc over reserved memory (a pool, a huge page, a device's memory) with hooks that
#           can refuse.
# Seen:     see "expected" below
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
apt-get -qq -o APT::Sandbox::User="$(id -un)" download libjemalloc2=5.3.0-1 libjemalloc-dev=5.3.0-1
for deb in *.deb; do
	dpkg-deb -x "$deb" root
done

cat > fill.c << 'EOT'
#include <jemalloc/jemalloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#define REGION (16UL << 20)
#define ALIGN (2UL << 20)

static char *region;
static size_t used;
static void *got[REGION / 4096];

static void *take(extent_hooks_t *h, void *at, size_t size, size_t align, bool *zero, bool *commit,
		  unsigned int arena)
{
	size_t start = (used + align - 1) & ~(align - 1);

	if (at || start + size > REGION)
		return NULL;
	used = start + size;
	*zero = *commit = true;
	return region + start;
}

/* Nothing is given back, so jemalloc keeps it; it may be split and merged at will. */
static bool keep(extent_hooks_t *h, void *p, size_t size, bool committed, unsigned int arena)
{
	return true;
}

static bool split(extent_hooks_t *h, void *p, size_t size, size_t a, size_t b, bool committed,
		  unsigned int arena)
{
	return false;
}

static bool merge(extent_hooks_t *h, void *p, size_t a, void *q, size_t b, bool committed,
		  unsigned int arena)
{
	return false;
}

int main(int argc, char **argv)
{
	static const size_t sizes[] = { 4096, 8192, 16384, 20480, 65536 };
	extent_hooks_t table = { .alloc = take, .dalloc = keep, .split = split, .merge = merge };
	extent_hooks_t *hooks = &table;
	unsigned int arena;
	size_t len = sizeof(arena);
	ssize_t decay = 0;
	char name[64];
	int flags;

	region = mmap(NULL, REGION + ALIGN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		      -1, 0);
	region = (char *)(((size_t)region + ALIGN - 1) & ~(ALIGN - 1));
	if (mallctl("arenas.create", &arena, &len, &hooks, sizeof(hooks)))
		return 1;
	snprintf(name, sizeof(name), "arena.%u.dirty_decay_ms", arena);
	if (argc > 1 && mallctl(name, NULL, NULL, &decay, sizeof(decay)))
		return 1;
	flags = MALLOCX_ARENA(arena) | MALLOCX_TCACHE_NONE;
	for (int round = 1; round <= 3; round++) {
		size_t n = 0, bytes = 0;
		void *large;

		while ((got[n] = mallocx(sizes[n % 5], flags)))
			bytes += sizes[n++ % 5];
		while (n)
			dallocx(got[--n], flags);
		large = mallocx(6 << 20, flags);
		printf("%s: fill %d gets %zu KiB; all freed, 6 MiB: %s\n",
		       argc > 1 ? "no decay" : "default", round, bytes >> 10,
		       large ? "yes" : "NULL");
		if (large)
			dallocx(large, flags);
	}
	return 0;
}
EOT
gcc -O2 -Iroot/usr/include -o fill fill.c root/usr/lib/x86_64-linux-gnu/libjemalloc.so.2
cat > expected << 'EOT'
default: fill 1 gets 12928 KiB; all freed, 6 MiB: NULL
default: fill 2 gets 9756 KiB; all freed, 6 MiB: NULL
default: fill 3 gets 9756 KiB; all freed, 6 MiB: NULL
no decay: fill 1 gets 12928 KiB; all freed, 6 MiB: NULL
no decay: fill 2 gets 12928 KiB; all freed, 6 MiB: NULL
no decay: fill 3 gets 12928 KiB; all freed, 6 MiB: NULL
EOT
export LD_LIBRARY_PATH=$folder/root/usr/lib/x86_64-linux-gnu
unset MALLOC_CONF
{ ./fill; ./fill 0; } | tee seen
cmp expected seen
