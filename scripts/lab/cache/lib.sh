# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Sourced by the scripts beside it: Debian packages, and the cache of what is made from them.
#
# The cache is a folder of folders NAME-VERSION. Each is filled in place, because build trees record
# their own path. It is complete once it contains the file "done". A lock for each name keeps two
# runs apart.

# shellcheck source=scripts/lab/lib.sh
. "${BASH_SOURCE[0]%/*}/../lib.sh"

cache=${FRAMEPOOL_CACHE:-${XDG_CACHE_HOME:-~/.cache}/framepool}
cache=$(realpath -m "$cache")

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

# Packages come from what the machine's apt knows, unless use_suite was called.
suite=
apt=()

# use_suite SUITE: from here on takes packages from a suite of backports and from the release that
# it extends, whatever release the machine runs. The cache keeps their package lists. To apt it
# looks as if nothing were installed.
use_suite() {
	suite=$1
	local state=$cache/apt-$suite
	mkdir -p "$state/lists/partial" "$state/archives/partial"
	: > "$state/status"
	printf '%s\n' 'Package: *' "Pin: release n=$suite" 'Pin-Priority: 990' \
		> "$state/preferences"
	apt=(-o "Dir::State=$state" -o "Dir::State::status=$state/status" -o "Dir::Cache=$state"
		-o "Dir::Etc::SourceList=$state/sources.list" -o Dir::Etc::SourceParts=/dev/null
		-o "Dir::Etc::Preferences=$state/preferences"
		-o Dir::Etc::PreferencesParts=/dev/null
		-o APT::Sandbox::User=root)
}

# debian_mirror: prints the address from which apt itself takes Debian.
debian_mirror() {
	apt-get indextargets --format '$(ORIGIN) $(LABEL) $(REPO_URI)' 'Created-By: Packages' |
		awk '$1 == "Debian" && $2 == "Debian" { print $3; found = 1; exit }
		     END { exit !found }'
}

update_suite() {
	local state=$cache/apt-$suite mirror
	mirror=$(debian_mirror) || {
		say "apt has no Debian mirror for $suite: name one in /etc/apt/sources.list"
		return 1
	}
	printf 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s %s main\n' \
		"$mirror" "${suite%-backports}" "$mirror" "$suite" > "$state/sources.list"
	flock "$state.lock" apt-get "${apt[@]}" -qq --error-on=any update >&2 || {
		say "$mirror does not offer $suite, or is not available now: let apt use a full" \
			"Debian mirror, or name the kernels to check: make check KERNELS='6.1 6.12'"
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
	apt-cache "${apt[@]}" policy "$1" |
		awk '$1 == "Candidate:" && $2 != "(none)" { print $2; found = 1 }
		     END { exit !found }'
}

# depends PACKAGE PREFIX: prints the packages it depends on whose names start with PREFIX. Prints
# nothing for an unknown package.
depends() {
	apt-cache "${apt[@]}" depends "$1" 2> /dev/null |
		awk -v prefix="$2" '$1 == "Depends:" && index($2, prefix) == 1 { print $2 }'
}

# unpack DIR PACKAGE...: downloads packages and unpacks them below DIR. Installs nothing.
unpack() {
	local dir=$1
	shift
	mkdir -p "$dir/debs"
	# As root, apt would otherwise download as a user who cannot write here.
	(cd "$dir/debs" && apt-get "${apt[@]}" -qq -o APT::Sandbox::User=root download "$@") >&2 ||
		return
	unpack_debs "$dir"
}

# unpack_all DIR PACKAGE...: the same with all dependencies. Works only after use_suite, when
# nothing counts as installed.
unpack_all() {
	local dir=$1
	shift
	mkdir -p "$dir/debs/partial"
	apt-get "${apt[@]}" -qq -y -o "Dir::Cache::archives=$dir/debs" --download-only \
		--no-install-recommends install "$@" >&2 || return
	unpack_debs "$dir"
}

unpack_debs() {
	local deb
	for deb in "$1"/debs/*.deb; do
		dpkg-deb -x "$deb" "$1"
	done
	rm -r "$1/debs"
}

# fragments NAME: prints the files that make up the configuration of a kernel that is built here.
# Prints nothing for other kernels.
fragments() {
	local here=${BASH_SOURCE[0]%/*}
	case $1 in
	debug | kcsan) printf '%s\n' "$here/machine.config" "$here/$1.config" ;;
	uml) echo "$here/uml.config" ;;
	esac
}

# settings NAME: prints their lines without comments and blank lines.
settings() {
	fragments "$1" | xargs -d '\n' cat | grep -E '^(# )?CONFIG_'
}

# cached NAME VERSION COMMAND...: prints the cache's folder NAME-VERSION. If it does not exist yet,
# first runs COMMAND with the folder as its last argument.
cached() {
	local lock=$cache/$1.lock dir=$cache/$1-$2
	shift 2
	mkdir -p "$cache"
	[ -e "$dir/done" ] ||
		flock "$lock" "${BASH_SOURCE[0]%/*}/fill" "$dir" "$@" >&2 || return
	echo "$dir"
}

# newest NAME: prints the newest complete folder NAME-VERSION.
newest() {
	local found
	found=$(find "$cache" -mindepth 2 -maxdepth 2 -path "$cache/$1-[0-9]*/done" \
			-printf '%T@ %h\n' | sort -n | tail -n 1 | cut -d' ' -f2-)
	[ -n "$found" ] && echo "$found"
}

# latest NAME COMMAND...: prints the folder that COMMAND prints. If COMMAND fails, tries again with
# fresh package lists. If nothing can be downloaded, takes the newest folder of that name.
latest() {
	local name=$1
	shift
	command -v apt-cache >/dev/null ||
		die "there is no apt here: the lab takes its kernels from Debian's packages"
	"$@" && return
	update_lists && "$@" && return
	newest "$name" || die "cannot download $name, and the cache $cache does not have it"
	say "cannot look for a newer $name; using the one in the cache"
}

# release_of KDIR: prints what uname -r prints on that kernel. Debian's
# include/config/kernel.release may contain a shorter form.
release_of() {
	sed -n 's/^#define UTS_RELEASE "\(.*\)"$/\1/p' "$1/include/generated/utsrelease.h"
}
