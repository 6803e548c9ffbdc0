#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# In mimalloc over a region of its own, each thread that allocates 100 bytes takes 32 MiB of the
# region.
#
# Version:  mimalloc 2.0.9+ds-2 (Debian 12), needs gcc.
# Expected: 64 threads that hold one object of 100 bytes each need 64 pages of 64 KiB, so 4 MiB and
#           some metadata; a region of 256 MiB, given by mi_manage_os_memory() and with
#           limit_os_alloc set, is plenty.
# Found:    a thread's pages come from a segment of its own, and a segment is 32 MiB. In 256 MiB
#           seven threads get their object, the others NULL; 64 threads need more than 2 GiB.
# Matters:  a heap over reserved memory in a program with threads: the region must be 32 MiB for
#           each.
# Seen:     see "expected" below
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
apt-get -qq -o APT::Sandbox::User="$(id -un)" \
	download libmimalloc2.0=2.0.9+ds-2 libmimalloc-dev=2.0.9+ds-2
for deb in *.deb; do
	dpkg-deb -x "$deb" root
done

cat > threads.c << 'EOT'
#include <mimalloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define THREADS 64
#define ALIGN (32UL << 20)

static pthread_barrier_t barrier;
static void *got[THREADS];

static void *run(void *arg)
{
	got[(long)arg] = mi_malloc(100);
	pthread_barrier_wait(&barrier);
	pause();
	return NULL;
}

int main(int argc, char **argv)
{
	size_t bytes = (size_t)atoi(argv[1]) << 20;
	char *p = mmap(NULL, bytes + ALIGN, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	int n = 0;

	p = (char *)(((size_t)p + ALIGN - 1) & ~(ALIGN - 1));
	if (!mi_manage_os_memory(p, bytes, true, false, true, -1))
		return 1;
	mi_option_set(mi_option_limit_os_alloc, 1);
	pthread_barrier_init(&barrier, NULL, THREADS + 1);
	for (long i = 0; i < THREADS; i++) {
		pthread_t thread;

		if (pthread_create(&thread, NULL, run, (void *)i))
			return 1;
	}
	pthread_barrier_wait(&barrier);
	for (int i = 0; i < THREADS; i++)
		n += got[i] && (char *)got[i] >= p && (char *)got[i] < p + bytes;
	printf("%zu MiB: %d of %d threads got 100 bytes\n", bytes >> 20, n, THREADS);
	fflush(stdout);
	_exit(0);
}
EOT
gcc -O2 -pthread -Iroot/usr/include -o threads threads.c \
	root/usr/lib/x86_64-linux-gnu/libmimalloc.so.2.0
cat > expected << 'EOT'
256 MiB: 7 of 64 threads got 100 bytes
1024 MiB: 31 of 64 threads got 100 bytes
2048 MiB: 63 of 64 threads got 100 bytes
EOT
export LD_LIBRARY_PATH=$folder/root/usr/lib/x86_64-linux-gnu
for mebibytes in 256 1024 2048; do
	./threads $mebibytes 2> log || { cat log >&2; exit 1; }
done | tee seen
cmp expected seen
