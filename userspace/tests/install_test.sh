#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# 'make install' installs what a program and an administrator need, and 'make uninstall' removes it.
# $O is the build folder, $CC the compiler.
set -u

cd "$(dirname "$0")/.." || exit 1
# The inner make must not see what the outer one was told.
unset MAKEFLAGS MAKEOVERRIDES MFLAGS CFLAGS CPPFLAGS LDFLAGS STATIC DESTDIR PREFIX BUILD V
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
	as_root make -C .. BUILD="$stage/build" PREFIX="$root" SOURCEDIR="$root/src" "$@"
}

# The same files are installed below DESTDIR as without it, and none contains DESTDIR.
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
	has bin/framepool bin/framepool-simulate \
		lib/libframepool.so lib/libframepool.so.0 lib/libframepool.a \
		lib/libframepool-malloc.so share/man/man7/framepool-malloc.7 \
		lib/pkgconfig/libframepool.pc include/libframepool.h include/framepool.h \
		include/libframepool_arena.h include/libframepool_bufpool.h \
		include/libframepool_heap.h \
		include/libframepool_moving.h \
		lib/udev/rules.d/60-framepool.rules lib/sysusers.d/framepool.conf \
		include/framepool-kernel/framepool_kernel.h share/doc/framepool/module/example.c \
		share/doc/framepool/monitoring/framepool.rules.yml \
		share/doc/framepool/monitoring/framepool-metrics.timer \
		share/doc/framepool/modprobe.conf share/doc/framepool/modules-load.conf \
		share/bash-completion/completions/framepool \
		share/man/man1/framepool.1 share/man/man4/framepool.4 share/man/man3/libframepool.3
}

# functions: the names of those that the headers declare.
functions()
{
	sed -n 's/^[a-z].*[ *]\(framepool_[a-z_]*\)(.*/\1/p' "$root"/include/libframepool*.h
}

# inline_functions: the names of those that programs compile themselves.
inline_functions()
{
	sed -n 's/^static inline .*[ *]\(framepool_[a-z_]*\)(.*/\1/p' \
		"$root"/include/libframepool*.h
}

# page FILE: its text without the markup.
page()
{
	sed 's/\\f[BIR]//g; s/\\&//g; s/\\//g' "$root/share/man/$1"
}

# Each function has a page that shows how it is declared.
functions_have_pages()
{
	for function in $(functions); do
		page "man3/$function.3" | grep -q "[ *]$function(" || {
			echo "no page of $function"
			return 1
		}
	done
}

# A page that names the errors of calls of the kernel has that of a pool that was shut down.
pages_name_enodev()
{
	grep -l ENOBUFS "$root"/share/man/man[34]/*.[34] >"$stage/pages" &&
	[ "$(wc -l <"$stage/pages")" -ge 10 ] && while read -r file; do
		grep -q ENODEV "$file" || {
			echo "no ENODEV in $file"
			return 1
		}
	done <"$stage/pages"
}

# It lies beside the command, which need not be on the PATH. Without it, a message says so.
finds_simulator()
{
	PATH=/none "$root/bin/framepool" replay --simulate ../selftests/simulate/sample.rec \
		>"$stage/replayed" && grep -q '^lost: *0$' "$stage/replayed" &&
	cp "$root/bin/framepool" "$stage/framepool" &&
	! PATH=/none "$stage/framepool" replay --simulate none 2>"$stage/replayed" &&
	grep -q "^framepool: framepool-simulate is missing: 'make simulate' builds it" \
		"$stage/replayed"
}

# The example in framepool(4) is a whole program.
compile_page()
{
	sed -e '1,/^# EXAMPLES/d' man/framepool.4.scd |
		sed -n -e '/^```$/,//{//!p}' >"$stage/page.c" &&
	grep -q munmap "$stage/page.c" &&
	$CC -Wall -Wextra -Werror -I"$root/include" "$stage/page.c" -o "$stage/page"
}

# The command, its help, its manual page and its completion know the same subcommands.
commands_are_documented()
{
	"$root/bin/framepool" help | sed -n 's/^  \([a-z]*\)  .*/\1/p' >"$stage/commands"
	[ -s "$stage/commands" ] || return
	while read -r command; do
		"$root/bin/framepool" help "$command" | grep -o -e '--[a-z][a-z-]*' \
			>"$stage/options"
		grep -q "^\\\\fB$command\\\\fR" "$root/share/man/man1/framepool.1" || {
			echo "$command is not in framepool.1"
			return 1
		}
		while read -r option; do
			page man1/framepool.1 | grep -q -e "$option" || {
				echo "$command $option is not in framepool.1"
				return 1
			}
			completes "$option" framepool "$command" "$option" || return
		done <"$stage/options"
		completes "$command" framepool "$command" || return
	done <"$stage/commands"
}

# completes EXPECTED WORD...: EXPECTED is among the completions of the last word.
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

# Everything that the module's sources include and Kbuild names is installed.
module_sources_are_complete()
{
	(
		cd "$root"/src/framepool-*/ || exit
		grep -qx 'PACKAGE_VERSION="[0-9.]*"' dkms.conf &&
		[ "$(sed -n 's/PACKAGE_VERSION="\(.*\)"/framepool \1/p' dkms.conf)" = \
			"$("$root/bin/framepool" version)" ] || exit
		for object in $(grep -o 'module/[a-z_/]*\.o' Kbuild); do
			[ -e "${object%.o}.c" ] || exit
		done
		sed -n 's/^#include "\(.*\)"/\1/p' module/*.[ch] module/*/*.[ch] |
			grep -vx platform_host.h | while read -r header; do
			[ -e "module/$header" ] || exit
		done
	)
}

# compile_example NAME PACKAGE [OPTION...]: as the comment in it says, if the package is there.
compile_example()
{
	example=$1 package=$2
	shift 2
	# shellcheck disable=SC2046 # split into options on purpose
	! pkg-config --exists "$package" || $CC -Wall -Wextra -Werror "examples/$example.c" \
		$(pkg-config --cflags --libs libframepool "$package") "$@" -o "$stage/$example"
}

compile_examples()
{
	compile_example hello libframepool && compile_example vfio libframepool &&
	compile_example physical libframepool && compile_example rdma libibverbs &&
	compile_example dpdk libdpdk -lrte_net_ring
}

# package_is_below FOLDER OPTION...: pkg-config, with the options, names folders below FOLDER.
package_is_below()
{
	folder=$1
	shift
	flags=$(pkg-config "$@" --cflags --libs libframepool) && echo "$flags" &&
	[ "$(echo "$flags" | tr ' ' '\n' | grep -c "^-[IL]$folder/")" = 2 ]
}

# The installed tree can be moved, and be looked at as the root of another machine.
package_can_be_relocated()
{
	(
		stray=$stage/stray
		make O="$stage/build/userspace" PREFIX=/opt/framepool DESTDIR="$stray" install &&
		PKG_CONFIG_PATH=$stray/opt/framepool/lib/pkgconfig || exit
		export PKG_CONFIG_PATH
		package_is_below /opt/framepool &&
		package_is_below "$stray/opt/framepool" --define-prefix &&
		PKG_CONFIG_SYSROOT_DIR=$stray package_is_below "$stray/opt/framepool" &&
		mv "$stray/opt/framepool" "$stray/moved" &&
		PKG_CONFIG_PATH=$stray/moved/lib/pkgconfig &&
		package_is_below "$stray/moved" --define-prefix
	)
}

# A folder that is not below PREFIX stays as it is.
package_has_other_folders()
{
	make O="$stage/build/userspace" PREFIX=/opt/framepool LIBDIR=/srv/lib \
		"$stage/build/userspace/libframepool.pc" &&
	grep -qx 'libdir=/srv/lib' "$stage/build/userspace/libframepool.pc" &&
	grep -qFx 'includedir=${prefix}/include' "$stage/build/userspace/libframepool.pc"
}

# A second build with another PREFIX compiles nothing.
prefix_recompiles_nothing()
{
	make O="$stage/build/userspace" PREFIX=/opt/other >"$stage/said" && cat "$stage/said" &&
	grep -q 'GEN  *libframepool.pc' "$stage/said" && ! grep -qE '^  (CC|LD|MAN) ' "$stage/said"
}

# Without scdoc everything but the manual pages is installed, and a message says why.
install_without_scdoc()
{
	mkdir -p "$stage/unread" && cp -r "$stage/build/userspace" "$stage/unread/build" &&
	rm -r "$stage/unread/build/man" &&
	make O="$stage/unread/build" SCDOC=no-scdoc DESTDIR="$stage/unread/root" install 2>&1 |
		tee "$stage/said" &&
	grep -q 'no manual pages, because scdoc is missing' "$stage/said" &&
	[ -e "$stage/unread/root/usr/local/bin/framepool" ] &&
	[ -z "$(find "$stage/unread/root/usr/local/share/man" ! -type d)" ]
}

# lacks WORDS OPTION...: make fails because a package is missing, and the only message is WORDS.
lacks()
{
	words=$1
	shift
	! make --no-print-directory O="$stage/poor" "$stage/poor/framepool" "$@" \
		>"$stage/built" 2>"$stage/said" || return
	cat "$stage/said"
	[ "$(grep '^framepool:' "$stage/said")" = "framepool: $words" ]
}

missing_packages_are_named()
{
	printf '#!/bin/sh\ncase $* in *jansson) exit 1 ;; esac\n' >"$stage/no-jansson" &&
	printf '#!/bin/sh\ncase $* in *ncursesw) exit 1 ;; esac\n' >"$stage/no-ncurses" &&
	chmod +x "$stage/no-jansson" "$stage/no-ncurses" &&
	lacks 'no-pkg-config is missing (Debian: pkg-config)' PKG_CONFIG=no-pkg-config &&
	lacks 'jansson is missing (Debian: libjansson-dev)' PKG_CONFIG="$stage/no-jansson" &&
	lacks 'ncursesw is missing (Debian: libncurses-dev)' PKG_CONFIG="$stage/no-ncurses"
}

lines_are_short_unless_asked()
{
	make --no-print-directory O="$stage/terse" "$stage/terse/lib/node.o" >"$stage/said" &&
	cat "$stage/said" && [ "$(cat "$stage/said")" = '  CC      lib/node.o' ] &&
	rm "$stage/terse/lib/node.o" &&
	make --no-print-directory O="$stage/terse" V=1 "$stage/terse/lib/node.o" >"$stage/said" &&
	cat "$stage/said" && grep -q -e ' -c -o .*/lib/node.o lib/node.c$' "$stage/said" &&
	! grep -q '^  CC ' "$stage/said"
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

# A program's malloc() is replaced, and nothing else.
malloc_exports_malloc_only()
{
	nm -D --defined-only "$root/lib/libframepool-malloc.so" | sed 's/.* //' |
		sort >"$stage/exported" && tr ' ' '\n' >"$stage/expected" <<-'END' &&
	aligned_alloc calloc free mallinfo mallinfo2 malloc malloc_trim malloc_usable_size memalign
	posix_memalign pvalloc realloc reallocarray valloc
	END
	diff "$stage/expected" "$stage/exported"
}

exports_whole_header()
{
	nm -D --defined-only "$root/lib/libframepool.so" | sed -n 's/.* T \(.*\)@@.*/\1/p' |
		sort >"$stage/exported"
	functions | grep -vxF "$(inline_functions)" | sort >"$stage/declared"
	diff "$stage/declared" "$stage/exported"
}

# The group that the udev rule names is the one that systemd-sysusers makes.
group_is_made()
{
	group=$(sed -n 's/.*GROUP="\([^"]*\)".*/\1/p' "$root/lib/udev/rules.d/60-framepool.rules" |
		sort -u)
	[ -n "$group" ] && grep -qx "g $group -" "$root/lib/sysusers.d/framepool.conf"
}

# Every file that README tells the reader to copy or to name is installed there.
readme_names_installed_files()
{
	grep -o '/usr/local/[a-zA-Z0-9_./-]*[a-z]' ../README.md | sort -u >"$stage/named" &&
	grep -q modules-load "$stage/named" && while read -r file; do
		has "${file#/usr/local/}" || return
	done <"$stage/named"
}

# as_root COMMAND...: DKMS wants to be run by root.
as_root()
{
	if [ "$(id -u)" = 0 ]; then
		"$@"
	else
		fakeroot "$@"
	fi
}

# manage COMMAND OPTION...: DKMS with a tree of its own.
manage()
{
	command=$1
	shift
	as_root dkms "$command" --dkmstree "$stage/dkms" --sourcetree "$root/src" "$@"
}

# DKMS does not forget sources that it cannot find any more.
leaves_nothing()
{
	version=$("$root/bin/framepool" version | sed 's/.* //') && mkdir -p "$stage/dkms" &&
	manage add "framepool/$version" && [ -n "$(manage status)" ] &&
	build DKMSTREE="$stage/dkms" uninstall && [ -z "$(find "$root" ! -type d)" ] &&
	[ -z "$(manage status)" ] && [ -z "$(find "$stage/dkms" -name 'framepool*')" ]
}

result install build install
result install_is_complete everything_is_installed
result manual_has_all_functions functions_have_pages
result manual_names_enodev_where_calls_can_fail pages_name_enodev
result manual_has_a_program_that_compiles compile_page
result manual_and_completion_have_all_commands commands_are_documented
result module_sources_are_complete module_sources_are_complete
result install_below_destdir_is_the_same honours_destdir
result build_names_missing_packages missing_packages_are_named
result build_prints_short_lines_unless_asked lines_are_short_unless_asked
result package_file_can_be_relocated package_can_be_relocated
result package_file_has_folders_outside_the_prefix package_has_other_folders
result another_prefix_recompiles_nothing prefix_recompiles_nothing
result install_without_scdoc_says_so install_without_scdoc
result command_finds_the_simulator finds_simulator
result command_finds_its_library "$root/bin/framepool" version
result examples_build_with_pkg_config_alone compile_examples
result example_builds_statically_without_warning compile_example_static
result readme_shows_the_example readme_shows_example
result header_needs_no_other compile_header_alone
result header_agrees_with_kernel_interface compile_both_headers
result library_exports_public_names_only exports_public_names_only
result library_exports_the_whole_header exports_whole_header
result malloc_library_exports_malloc_only malloc_exports_malloc_only
result group_of_the_udev_rule_is_made group_is_made
result readme_names_installed_files readme_names_installed_files
result uninstall_leaves_nothing_nor_in_dkms leaves_nothing
