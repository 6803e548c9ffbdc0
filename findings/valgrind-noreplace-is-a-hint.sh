#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Under valgrind, mmap() with MAP_FIXED_NOREPLACE over an occupied range maps somewhere else.
#
# Version:  valgrind 1:3.19.0-1 (Debian 12), needs gcc.
# Expected: EEXIST, as from every kernel since 4.17.
# Found:    valgrind takes the address for a hint and returns another one, as kernels did that did
#           not know the flag. Where the range is free, the address is the one asked for.
# Matters:  an allocator that places its windows at fixed addresses, and looks for MAP_FAILED only,
#           works under the kernel, and under valgrind uses addresses that it never checked.
# Seen:     see "expected" below
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
apt-get -qq -o APT::Sandbox::User="$(id -un)" download valgrind=1:3.19.0-1
dpkg-deb -x ./*.deb root

cat > place.c << 'EOT'
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

static void place(const char *name, char *at)
{
	char *p = mmap(at, 4096, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	printf("%s: %s\n", name, p == MAP_FAILED ? strerrorname_np(errno) :
	       p == at ? "there" : "somewhere else");
}

int main(void)
{
	char *p = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	place("occupied", p);
	munmap(p, 4096);
	place("free", p);
	return 0;
}
EOT
gcc -O0 -g -o place place.c

expected="alone
occupied: EEXIST
free: there
under valgrind
occupied: somewhere else
free: there"
found=$(echo alone; ./place; echo under valgrind
	VALGRIND_LIB=root/usr/libexec/valgrind root/usr/bin/valgrind -q ./place)
echo "$found"
[ "$found" = "$expected" ]
