# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Sourced by the scripts beside it: messages, Debian packages, and the cache of what is made of them.
#
# The cache is a folder of folders NAME-VERSION. Each is filled in place, as build trees record
# their own path, and counts once it holds the file "done". A lock per name keeps two runs apart.

cache=${FRAMEPOOL_CACHE:-${XDG_CACHE_HOME:-~/.cache}/framepool}
cache=$(realpath -m "$cache")
export LC_ALL=C

say() {
	echo "${0##*/}: $*" >&2
}

die() {
	say "$@"
	exit 1
}

as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		say "must be root, or have sudo, to run: $*"
		return 1
	fi
}

update_lists() {
	say "updating apt's package lists"
	as_root apt-get -qq update >&2
}

# candidate PACKAGE: prints the version that apt would install.
candidate() {
	apt-cache policy "$1" | awk '$1 == "Candidate:" && $2 != "(none)" { print $2; found = 1 }
				     END { exit !found }'
}

# depends PACKAGE PREFIX: prints those packages it depends on whose names start with PREFIX.
depends() {
	apt-cache depends "$1" | awk -v prefix="$2" '$1 == "Depends:" && index($2, prefix) == 1 { print $2 }'
}

# unpack DIR PACKAGE...: downloads packages and unpacks them below DIR; installs nothing.
unpack() {
	local dir=$1 deb
	shift
	mkdir -p "$dir/debs"
	# As root, apt would rather download as a user who cannot write here.
	(cd "$dir/debs" && apt-get -qq -o APT::Sandbox::User=root download "$@") >&2 || return
	for deb in "$dir"/debs/*.deb; do
		dpkg-deb -x "$deb" "$dir"
	done
	rm -r "$dir/debs"
}

# cached NAME VERSION COMMAND...: prints the cache's folder NAME-VERSION, after running COMMAND
# with the folder as last argument if it is not there yet.
cached() {
	local lock=$cache/$1.lock dir=$cache/$1-$2
	shift 2
	mkdir -p "$cache"
	[ -e "$dir/done" ] || flock "$lock" "${BASH_SOURCE[0]%/*}/fill" "$dir" "$@" >&2 || return
	echo "$dir"
}

# newest NAME: prints the newest finished folder NAME-*.
newest() {
	local found
	found=$(find "$cache" -mindepth 2 -maxdepth 2 -path "$cache/$1-*/done" -printf '%T@ %h\n' |
		sort -n | tail -n 1 | cut -d' ' -f2-)
	[ -n "$found" ] && echo "$found"
}

# latest NAME COMMAND...: prints the folder that COMMAND prints. If that fails, tries again
# with fresh package lists, and makes do with the newest folder NAME-* when nothing can be downloaded.
latest() {
	local name=$1
	shift
	command -v apt-cache >/dev/null || die "there is no apt here: the lab takes its kernels from Debian's packages"
	"$@" && return
	update_lists && "$@" && return
	newest "$name" || die "cannot download $name and have none in $cache"
	say "cannot look for a newer $name; taking the one in the cache"
}

# release_of KDIR: prints what uname -r says of the kernel. Debian's include/config/kernel.release
# may say something shorter.
release_of() {
	sed -n 's/^#define UTS_RELEASE "\(.*\)"$/\1/p' "$1/include/generated/utsrelease.h"
}
