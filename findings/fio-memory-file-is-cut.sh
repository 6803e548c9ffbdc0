#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# fio --mem=mmap:FILE cuts an existing FILE to the size of its buffers, even in a job that only
# reads.
#
# Version:  fio 3.33-3 (Debian 12).
# Expected: the file is mapped as the memory of the I/O buffers. It keeps its length; what is in its
#           first bytes is replaced by the data that the job reads.
# Found:    fio calls ftruncate() on it first, to block size times queue depth. With
#           --mem=mmapshared:FILE, which its manual calls the same but for MAP_SHARED, the file
#           keeps its length.
# Matters:  whoever names a large file, a block of shared memory or a device here. Of the two
#           options only mmapshared works on a file that cannot change its length, such as a device.
# Seen:     before 67108864, after mmap 4096, after mmapshared 67108864
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
mkdir -p debs/partial root

# With all that it depends on, as if nothing were installed: 85 packages, 50 MB.
apt-get -qq -y -o Dir::State::status=/dev/null -o "Dir::Cache=$folder" \
	-o "Dir::Cache::archives=$folder/debs" -o Debug::NoLocking=1 \
	-o APT::Sandbox::User="$(id -un)" --download-only --no-install-recommends \
	install fio=3.33-3 > log 2>&1 || { cat log >&2; exit 1; }
for deb in debs/*.deb; do
	dpkg-deb -x "$deb" root
done
libraries=$(find "$folder/root" -name '*.so*' -printf '%h\n' | sort -u | paste -s -d:)
loader=$(find "$folder/root" -name ld-linux-x86-64.so.2 | head -n 1)

# run OPTION: a job that reads 1 MiB; prints the length of the memory's file afterwards.
run() {
	truncate -s 0 memory
	truncate -s 64M memory
	"$loader" --library-path "$libraries" root/usr/bin/fio --name=job --ioengine=psync \
		--rw=read --filename=data --size=1M --bs=4k "--mem=$1:$folder/memory" > log 2>&1 ||
		{ cat log >&2; exit 1; }
	stat -c %s memory
}

truncate -s 1M data
seen="before 67108864, after mmap $(run mmap), after mmapshared $(run mmapshared)"
echo "$seen"
[ "$seen" = "before 67108864, after mmap 4096, after mmapshared 67108864" ]
