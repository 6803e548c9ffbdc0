#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# valgrind finds no fault in programs that use buffers and caches. It does not know that the kernel
# writes the results of calls, so the library has to initialise what the kernel writes.
# $O is the build folder.
set -u

log=$O/tests/valgrind/log

for program in "$O"/tests/valgrind/*_test; do
	name=$(basename "$program")
	if FAKE_UNSEEN=1 valgrind --quiet --error-exitcode=9 --leak-check=full \
		--show-leak-kinds=definite --errors-for-leak-kinds=definite \
		"$program" >"$log" 2>&1 && ! grep -q -e '^not ok' -e '^==' "$log"; then
		echo "ok - $name has no faults under valgrind"
	else
		echo "not ok - $name has no faults under valgrind"
		head -n 60 "$log" | sed 's/^/#   /'
	fi
done
