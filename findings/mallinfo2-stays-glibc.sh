#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# With another malloc preloaded, mallinfo2() is glibc's and says that nothing is allocated, even
# where mallinfo() is replaced and right.
#
# Version:  libtcmalloc-minimal4 2.10-1, libjemalloc2 5.3.0-1, libmimalloc2.0 2.0.9+ds-2 (Debian
#           12), needs gcc and glibc 2.33 or later.
# Expected: a library that replaces mallinfo() replaces mallinfo2(), which glibc's manual says to
#           use instead; at least, the figures are not those of an allocator that is not in use.
# Found:    tcmalloc: mallinfo() counts the blocks, mallinfo2() has zeros. jemalloc and mimalloc:
#           zeros in both. No call fails.
# Matters:  a program that watches its heap by mallinfo2() sees an empty one.
# Seen:     see "expected" below
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
apt-get -qq -o APT::Sandbox::User="$(id -un)" download libtcmalloc-minimal4=2.10-1 \
	libjemalloc2=5.3.0-1 libmimalloc2.0=2.0.9+ds-2
for deb in *.deb; do
	dpkg-deb -x "$deb" root
done

cat > info.c << 'EOT'
#include <malloc.h>
#include <stdio.h>

#define BYTES 10000000

int main(void)
{
	struct mallinfo old;
	struct mallinfo2 new;

	for (int i = 0; i < BYTES; i += 10000)
		if (!malloc(10000))
			return 1;
	old = mallinfo();
	new = mallinfo2();
	printf("mallinfo %s, mallinfo2 %s\n", old.uordblks >= BYTES ? "right" : "0",
	       new.uordblks >= BYTES ? "right" : new.uordblks ? "wrong" : "0");
	return 0;
}
EOT
gcc -O0 -Wno-deprecated-declarations -o info info.c

expected="glibc: mallinfo right, mallinfo2 right
libtcmalloc_minimal.so.4: mallinfo right, mallinfo2 0
libjemalloc.so.2: mallinfo 0, mallinfo2 0
libmimalloc.so.2.0: mallinfo 0, mallinfo2 0"
found=$(echo "glibc: $(./info)"
	for library in libtcmalloc_minimal.so.4 libjemalloc.so.2 libmimalloc.so.2.0; do
		preload=root/usr/lib/x86_64-linux-gnu/$library
		echo "$library: $(LD_PRELOAD=$folder/$preload ./info)"
	done)
echo "$found"
[ "$found" = "$expected" ]
