#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# With gperftools' tcmalloc on a memory file system, parent and child share the heap after fork().
#
# Version:  libtcmalloc-minimal4 2.10-1 (Debian 12), needs gcc.
# Expected: TCMALLOC_MEMFS_MALLOC_PATH says where malloc's memory comes from (hugetlbfs, as a rule),
#           not what fork() means: what the child writes stays its own.
# Found:    the file is mapped shared. The child's write is in the parent's memory. With
#           TCMALLOC_MEMFS_MAP_PRIVATE=1 it is not.
# Matters:  huge pages for an unchanged program that forks to write a snapshot of its memory: the
#           snapshot is of a later time, and a child that allocates uses the parent's free lists.
# Seen:     see "expected" below
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
apt-get -qq -o APT::Sandbox::User="$(id -un)" download libtcmalloc-minimal4=2.10-1
dpkg-deb -x ./*.deb root

cat > snapshot.c << 'EOT'
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void)
{
	volatile char *p = malloc(4 << 20);

	p[0] = 'p';
	if (!fork()) {
		p[0] = 'c';
		_exit(0);
	}
	wait(NULL);
	printf("the parent reads %c\n", p[0]);
	return 0;
}
EOT
gcc -O0 -o snapshot snapshot.c

run() {
	local lib=root/usr/lib/x86_64-linux-gnu

	env LD_PRELOAD="$folder/$lib/libtcmalloc_minimal.so.4" "$@" ./snapshot
}

expected="the parent reads p
the parent reads c
the parent reads p"
found=$(run; run TCMALLOC_MEMFS_MALLOC_PATH="$folder/heap"
	run TCMALLOC_MEMFS_MALLOC_PATH="$folder/heap" TCMALLOC_MEMFS_MAP_PRIVATE=1)
echo "$found"
[ "$found" = "$expected" ]
