#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# What 'make install' puts down is what a program and an administrator need, and 'make uninstall' takes it away.
# $O is the build folder, $CC the compiler.
set -u

cd "$(dirname "$0")/.." || exit 1
# What the outer make was told must not reach the inner one.
unset MAKEFLAGS MAKEOVERRIDES MFLAGS CFLAGS CPPFLAGS LDFLAGS STATIC DESTDIR PREFIX BUILD
stage=$O/stage
root=$stage/root
log=$stage/log
export PKG_CONFIG_PATH="$root/lib/pkgconfig" LD_LIBRARY_PATH="$root/lib"
rm -rf "$stage"
mkdir -p "$stage"

# result NAME COMMAND...
result()
{
	name=$1
	shift
	if "$@" >"$log" 2>&1; then
		echo "ok - $name"
	else
		echo "not ok - $name"
		sed 's/^/#   /' "$log"
	fi
}

build()
{
	make -C .. BUILD="$stage/build" PREFIX="$root" SOURCEDIR="$root/src" "$@"
}

# What is put below DESTDIR is the same as without it, and says nothing of DESTDIR.
honours_destdir()
{
	make -C .. BUILD="$stage/build" PREFIX=/usr DESTDIR="$stage/system" install &&
	(cd "$stage/system" && find . ! -type d | sort) | sed 's|^./usr|.|' >"$stage/below" &&
	(cd "$root" && find . ! -type d | sort) | diff - "$stage/below" &&
	! grep -rIl "$stage" "$stage/system" &&
	grep -qx 'prefix=/usr' "$stage/system/usr/lib/pkgconfig/libframepool.pc" &&
	make -C .. BUILD="$stage/build" PREFIX=/usr DESTDIR="$stage/system" uninstall &&
	[ -z "$(find "$stage/system" ! -type d)" ]
}

# has FILE...: each is installed.
has()
{
	for file; do
		[ -e "$root/$file" ] || {
			echo "no $file"
			return 1
		}
	done
}

everything_is_installed()
{
	has bin/framepool lib/libframepool.so lib/libframepool.so.0 lib/libframepool.a lib/pkgconfig/libframepool.pc \
		include/libframepool.h include/framepool.h lib/udev/rules.d/60-framepool.rules \
		share/bash-completion/completions/framepool share/man/man1/framepool.1 share/man/man4/framepool.4 \
		share/man/man3/libframepool.3
}

# Each function has a page that shows how it is declared.
functions_have_pages()
{
	for function in $(sed -n 's/^[a-z].*[ *]\(framepool_[a-z_]*\)(.*/\1/p' "$root/include/libframepool.h"); do
		grep -q "$function(" "$root/share/man/man3/$function.3" || sed 's/\\f[BIR]//g; s/\\//g' \
			"$root/share/man/man3/$function.3" | grep -q "$function(" || {
			echo "no page of $function"
			return 1
		}
	done
}

# The command line, its help, its manual page and its completion have the same commands.
commands_are_documented()
{
	"$root/bin/framepool" help | sed -n 's/^  \([a-z]*\)  .*/\1/p' >"$stage/commands"
	[ -s "$stage/commands" ] || return
	while read -r command; do
		grep -q "^\\\\fB$command\\\\fR" "$root/share/man/man1/framepool.1" || {
			echo "$command is not in framepool.1"
			return 1
		}
		for option in $("$root/bin/framepool" help "$command" | grep -o -e '--[a-z]*' | sort -u); do
			sed 's/\\-/-/g' "$root/share/man/man1/framepool.1" | grep -q -e "$option" || {
				echo "$command $option is not in framepool.1"
				return 1
			}
			completes "$option" framepool "$command" "$option" || return
		done
		completes "$command" framepool "$command" || return
	done <"$stage/commands"
}

# completes EXPECTED WORD...: bash completes the last word to one that is EXPECTED.
completes()
{
	expected=$1
	shift
	# shellcheck disable=SC2016 # for the other shell
	bash -c '. "$0/share/bash-completion/completions/framepool"
		COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
		_framepool
		printf "%s\n" "${COMPREPLY[@]}"' "$root" "$@" | grep -qxe "$expected" || {
		echo "$* is not completed to $expected"
		return 1
	}
}

# All that the module's sources include and Kbuild names is there.
module_sources_are_complete()
{
	(
		cd "$root"/src/framepool-*/ || exit
		grep -qx 'PACKAGE_VERSION="[0-9.]*"' dkms.conf &&
		[ "$(sed -n 's/PACKAGE_VERSION="\(.*\)"/\1/p' dkms.conf)" = "$("$root/bin/framepool" version |
			cut -d ' ' -f 2)" ] || exit
		for object in $(grep -o 'module/[a-z_/]*\.o' Kbuild); do
			[ -e "${object%.o}.c" ] || exit
		done
		for header in $(sed -n 's/^#include "\(.*\)"/\1/p' module/*.[ch] module/*/*.[ch]); do
			[ "$header" = platform_host.h ] || [ -e "module/$header" ] || exit
		done
	)
}

compile_example()
{
	# shellcheck disable=SC2046 # split into options on purpose
	$CC -Wall -Wextra -Werror examples/hello.c $(pkg-config --cflags --libs libframepool) \
		-o "$stage/hello"
}

compile_example_static()
{
	# shellcheck disable=SC2046 # split into options on purpose
	$CC -static examples/hello.c $(pkg-config --static --cflags --libs libframepool) \
		-o "$stage/hello-static" && [ ! -s "$log" ]
}

# The example in the README is the one that is compiled here.
readme_shows_example()
{
	sed -n '/^```c$/,/^```$/p' ../README.md | sed '1d;$d' >"$stage/readme.c" &&
	sed 1,2d examples/hello.c | diff - "$stage/readme.c"
}

compile_header_alone()
{
	echo '#include <libframepool.h>' >"$stage/alone.c" &&
	$CC -std=c99 -pedantic -Wall -Wextra -Wundef -Werror -fsyntax-only \
		-I"$root/include" "$stage/alone.c"
}

compile_both_headers()
{
	printf '#include <framepool.h>\n#include <libframepool.h>\n' >"$stage/both.c" &&
	$CC -Wall -Wextra -Werror -fsyntax-only -I"$root/include" "$stage/both.c"
}

exports_public_names_only()
{
	nm -D --defined-only "$root/lib/libframepool.so" | awk '
		$2 == "A" { next }
		$3 !~ /^framepool_[a-z_]+@@LIBFRAMEPOOL_[0-9.]+$/ { print; bad = 1 }
		END { exit bad }'
}

exports_whole_header()
{
	nm -D --defined-only "$root/lib/libframepool.so" | sed -n 's/.* T \(.*\)@@.*/\1/p' |
		sort >"$stage/exported"
	sed -n 's/^[a-z].*[ *]\(framepool_[a-z_]*\)(.*/\1/p' "$root/include/libframepool.h" |
		sort >"$stage/declared"
	diff "$stage/declared" "$stage/exported"
}

leaves_nothing()
{
	build uninstall && [ -z "$(find "$root" ! -type d)" ]
}

result install build install
result install_is_complete everything_is_installed
result manual_has_all_functions functions_have_pages
result manual_and_completion_have_all_commands commands_are_documented
result module_sources_are_complete module_sources_are_complete
result install_below_destdir_is_the_same honours_destdir
result command_finds_its_library "$root/bin/framepool" version
result example_builds_with_pkg_config_alone compile_example
result example_builds_statically_without_warning compile_example_static
result readme_shows_the_example readme_shows_example
result header_needs_no_other compile_header_alone
result header_agrees_with_kernel_interface compile_both_headers
result library_exports_public_names_only exports_public_names_only
result library_exports_the_whole_header exports_whole_header
result uninstall_leaves_nothing leaves_nothing
