#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Other allocators over our memory (examples/), on the fake kernel. Those that are not installed are
# left out. $O is the build folder.
set -u

# says NAME EXAMPLE PATTERN...: the example prints lines with all patterns.
says() {
	name=$1 program=$O/tests/adapters/$2
	[ -x "$program" ] || { echo "# $2 is not installed"; return; }
	shift 2
	out=$("$program" 2>&1)
	for pattern; do
		echo "$out" | grep -Eqe "$pattern" && continue
		echo "not ok - $name"
		echo "$out" | sed 's/^/#   /'
		return
	done
	echo "ok - $name"
}

# 64 MiB have room for 16384 blocks of one page, and for 585 of 112 KiB, as jemalloc rounds them up.
says jemalloc_uses_memory_for_one_size_after_another jemalloc \
	'^1[56][0-9]{3} blocks of 4000 bytes, then [45][0-9]{2} of 100000 in 64 MiB$'
MALLOC_CONF=dirty_decay_ms:10000 says jemalloc_with_decay_lacks_memory_that_is_free jemalloc \
	'^1[56][0-9]{3} blocks of 4000 bytes, then [0-9]{1,2} of 100000 in 64 MiB$'
says mimalloc_has_all_blocks_in_the_buffer mimalloc '^10000 of 10000 blocks lie in the buffer$' \
	'^a block of 192 MiB is refused$'
