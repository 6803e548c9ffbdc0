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

# Where packages come from: from what the machine's apt knows, unless use_suite was called.
suite=
apt=()

# use_suite SUITE: takes packages from here on from a suite of backports and the release that it is for, whatever
# the machine itself runs. Their lists are kept in the cache, and nothing counts as installed.
use_suite() {
	suite=$1
	local state=$cache/apt-$suite
	mkdir -p "$state/lists/partial" "$state/archives/partial"
	: > "$state/status"
	printf '%s\n' 'Package: *' "Pin: release n=$suite" 'Pin-Priority: 990' > "$state/preferences"
	apt=(-o "Dir::State=$state" -o "Dir::State::status=$state/status" -o "Dir::Cache=$state"
		-o "Dir::Etc::SourceList=$state/sources.list" -o Dir::Etc::SourceParts=/dev/null
		-o "Dir::Etc::Preferences=$state/preferences" -o Dir::Etc::PreferencesParts=/dev/null
		-o APT::Sandbox::User=root)
}

# debian_mirror: prints the address that apt itself has Debian from.
debian_mirror() {
	apt-get indextargets --format '$(ORIGIN) $(LABEL) $(REPO_URI)' 'Created-By: Packages' |
		awk '$1 == "Debian" && $2 == "Debian" { print $3; found = 1; exit }
		     END { exit !found }'
}

update_suite() {
	local state=$cache/apt-$suite mirror
	mirror=$(debian_mirror) || {
		say "apt has no Debian mirror to take $suite from: name one in /etc/apt/sources.list"
		return 1
	}
	printf 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s %s main\n' \
		"$mirror" "${suite%-backports}" "$mirror" "$suite" > "$state/sources.list"
	flock "$state.lock" apt-get "${apt[@]}" -qq --error-on=any update >&2 || {
		say "$mirror does not offer $suite, or not now: let apt use a full Debian mirror," \
			"or name the kernels to check, as in: make check KERNELS='6.1 6.12'"
		return 1
	}
}

update_lists() {
	say "updating apt's package lists"
	as_root apt-get -qq update >&2 || return
	[ -z "$suite" ] || update_suite
}

# candidate PACKAGE: prints the version that apt would install.
candidate() {
	apt-cache "${apt[@]}" policy "$1" | awk '$1 == "Candidate:" && $2 != "(none)" { print $2; found = 1 }
				     END { exit !found }'
}

# depends PACKAGE PREFIX: prints those packages it depends on whose names start with PREFIX. Nothing of one that is unknown.
depends() {
	apt-cache "${apt[@]}" depends "$1" 2> /dev/null | awk -v prefix="$2" '$1 == "Depends:" && index($2, prefix) == 1 { print $2 }'
}

# unpack DIR PACKAGE...: downloads packages and unpacks them below DIR; installs nothing.
unpack() {
	local dir=$1
	shift
	mkdir -p "$dir/debs"
	# As root, apt would rather download as a user who cannot write here.
	(cd "$dir/debs" && apt-get "${apt[@]}" -qq -o APT::Sandbox::User=root download "$@") >&2 || return
	unpack_debs "$dir"
}

# unpack_all DIR PACKAGE...: does so with all that they depend on. Only of a suite, where nothing counts as installed.
unpack_all() {
	local dir=$1
	shift
	mkdir -p "$dir/debs/partial"
	apt-get "${apt[@]}" -qq -y -o "Dir::Cache::archives=$dir/debs" --download-only --no-install-recommends \
		install "$@" >&2 || return
	unpack_debs "$dir"
}

unpack_debs() {
	local deb
	for deb in "$1"/debs/*.deb; do
		dpkg-deb -x "$deb" "$1"
	done
	rm -r "$1/debs"
}

# fragments NAME: prints the files of which the configuration of a kernel that is built here is made; nothing of others.
fragments() {
	local here=${BASH_SOURCE[0]%/*}
	case $1 in
	debug | kcsan) printf '%s\n' "$here/machine.config" "$here/$1.config" ;;
	uml) echo "$here/uml.config" ;;
	esac
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

# newest NAME: prints the newest finished folder NAME-VERSION.
newest() {
	local found
	found=$(find "$cache" -mindepth 2 -maxdepth 2 -path "$cache/$1-[0-9]*/done" -printf '%T@ %h\n' |
		sort -n | tail -n 1 | cut -d' ' -f2-)
	[ -n "$found" ] && echo "$found"
}

# latest NAME COMMAND...: prints the folder that COMMAND prints. If that fails, tries again
# with fresh package lists, and makes do with the newest folder of that name when nothing can be downloaded.
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
