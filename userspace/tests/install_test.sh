#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# What 'make install' puts down is what a program needs, and 'make uninstall' takes it away.
# $O is the build folder, $CC the compiler.
set -u

cd "$(dirname "$0")/.." || exit 1
# What the outer make was told must not reach the inner one.
unset MAKEFLAGS MAKEOVERRIDES MFLAGS CFLAGS CPPFLAGS LDFLAGS STATIC DESTDIR PREFIX
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
	make O="$stage/build" PREFIX="$root" "$@"
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
result command_finds_its_library "$root/bin/framepool" version
result example_builds_with_pkg_config_alone compile_example
result example_builds_statically_without_warning compile_example_static
result readme_shows_the_example readme_shows_example
result header_needs_no_other compile_header_alone
result header_agrees_with_kernel_interface compile_both_headers
result library_exports_public_names_only exports_public_names_only
result library_exports_the_whole_header exports_whole_header
result uninstall_leaves_nothing leaves_nothing
