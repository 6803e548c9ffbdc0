# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Sourced by the linters: which files there are. They run in the top folder of the tree.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
export BUILD=${BUILD:-$PWD/build} LC_ALL=C.UTF-8

# need TOOL...: fails unless all are there. What tools say is looked at, rather than their status.
need() {
	local tool
	for tool; do
		[ -e "$tool" ] || command -v "$tool" > /dev/null || {
			echo "there is no $tool; make setup-lint installs it" >&2
			exit 1
		}
	done
}

# core: the sources that are compiled on the host, too.
core() {
	printf '%s\n' module/core/*.c module/slab/*.c
}

# in_kernel: the C files that are compiled for the kernel only, or for it as well.
in_kernel() {
	find module selftests/kernel -name '*.[ch]' | sort
	sed -n 's|.*-y += \([a-z_]*\)\.o$|selftests/bench/\1.c|p' selftests/bench/Kbuild
}

# of_programs: the sources of the library and of the command.
of_programs() {
	find userspace/lib userspace/cli -name '*.c' | sort
}

# parallel N COMMAND...: runs COMMAND with N words of stdin at a time, on all processors. That it exits with 1 is no failure.
parallel() {
	local status=0
	xargs -r -P "$(nproc)" -n "$1" "${@:2}" || status=$?
	[ $status = 0 ] || [ $status = 123 ]
}

# How the sources of the core, and of programs, are compiled on the host.
# shellcheck disable=SC2034 # for those that source this
on_host=(-std=gnu11 -D_GNU_SOURCE -Imodule -Iselftests/host)
# shellcheck disable=SC2034
as_programs=(-std=gnu11 '-DFP_VERSION="0"' -Iuserspace/include -Iuserspace/lib -Iuserspace/cli -Imodule/uapi)
