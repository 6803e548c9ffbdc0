# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Sourced by the linters: lists of files, and helpers. Linters run in the top folder of the tree.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
export BUILD=${BUILD:-$PWD/build} LC_ALL=C.UTF-8

# need TOOL...: fails unless all tools are there. Linters judge a tool by its output rather than by
# its exit status, so a missing tool would pass.
need() {
	local tool
	for tool; do
		[ -e "$tool" ] || command -v "$tool" > /dev/null || {
			echo "there is no $tool; make setup-lint installs it" >&2
			exit 1
		}
	done
}

# core: prints the sources that are also compiled on the host.
core() {
	printf '%s\n' module/core/*.c module/slab/*.c
}

# in_kernel: prints the C files that are compiled for the kernel, alone or also for programs.
in_kernel() {
	find module selftests/kernel -name '*.[ch]' | sort
	sed -n 's|.*-y += \([a-z_]*\)\.o$|selftests/bench/\1.c|p' selftests/bench/Kbuild
}

# of_programs: prints the sources of the library and of the CLI.
of_programs() {
	find userspace/lib userspace/cli -name '*.c' | sort
}

# parallel N COMMAND...: runs COMMAND with N words of stdin at a time, on all processors. An exit
# status of 1 does not count as a failure.
parallel() {
	local status=0
	xargs -r -P "$(nproc)" -n "$1" "${@:2}" || status=$?
	[ $status = 0 ] || [ $status = 123 ]
}

# make_alone ARGUMENT...: runs a make that shares nothing with a make that may have called the
# linter, while no part of scripts/check builds.
make_alone() {
	(flock 9 && env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL \
		make --no-print-directory -j"$(nproc)" "$@") 9> "$BUILD/build.lock"
}

# How the sources of the core, and of programs, are compiled on the host.
# shellcheck disable=SC2034 # used by scripts that source this
on_host=(-std=gnu11 -D_GNU_SOURCE -Imodule -Iselftests/host)
# shellcheck disable=SC2034
as_programs=(-std=gnu11 '-DFP_VERSION="0"' -Iuserspace/include -Iuserspace/lib -Iuserspace/cli
	-Imodule/uapi)
