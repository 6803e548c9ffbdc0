# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Sourced by the lab's scripts: messages.

export LC_ALL=C

say() {
	echo "${0##*/}: $*" >&2
}

die() {
	say "$@"
	exit 1
}
