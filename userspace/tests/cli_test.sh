#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# The command line without a module: help, refused arguments, messages, exit status.
# $O is the build folder.
set -u

out=$(mktemp -d) || exit 1
trap 'rm -rf "$out"' EXIT

# expect NAME STATUS STREAM PATTERN ARGUMENT...: the command ends with STATUS, STREAM has a line
# with PATTERN and none that ends in a blank, and the other stream is empty.
expect()
{
	name=$1 status=$2 stream=$3 pattern=$4
	shift 4
	"$O/framepool" "$@" >"$out/stdout" 2>"$out/stderr" </dev/null
	got=$?
	other=stdout
	[ "$stream" = stdout ] && other=stderr
	if [ "$got" -eq "$status" ] && grep -qe "$pattern" "$out/$stream" &&
	   ! grep -q '[[:blank:]]$' "$out/$stream" && [ ! -s "$out/$other" ]; then
		echo "ok - $name"
	else
		echo "not ok - $name"
		echo "# framepool $*: status $got, not $status; wanted '$pattern' on $stream:"
		sed 's/^/#   /' "$out/stdout" "$out/stderr"
	fi
}

expect help_lists_commands 0 stdout '^  alloc ' help
expect help_option_lists_commands 0 stdout '^  alloc ' --help
expect help_explains_command 0 stdout '--below ADDRESS' help alloc
expect help_after_command_explains_it 0 stdout '--below ADDRESS' alloc --help
expect help_short_option_lists_commands 0 stdout '^  alloc ' -h
expect help_short_option_follows_others 0 stdout '^  alloc ' --json -h
expect help_short_option_explains_command 0 stdout '--below ADDRESS' alloc -h
expect help_follows_other_options 0 stdout '--below ADDRESS' alloc --size 4K --help
expect help_short_option_may_be_a_value 1 stderr "cannot open '-h'" alloc --from -h
for command in info stat frag clients caches map metrics watch top alloc record replay pool help \
	version; do
	expect "help_$command" 0 stdout "^framepool $command: " help "$command"
	expect "help_option_$command" 0 stdout "^framepool $command: " "$command" --help
	expect "help_short_option_$command" 0 stdout "^framepool $command: " "$command" -h
done
expect help_of_caches_has_those_of_programs 0 stdout 'kernel modules and programs' help caches
expect help_of_unknown_command 2 stderr "unknown command 'nonsense'" help nonsense
expect help_of_two_commands 2 stderr 'one command at a time' help info stat
expect help_with_json 2 stderr "'help' has no use for --json" help --json
expect help_with_json_before 2 stderr "'help' has no use for --json" --json help
expect help_with_pool 2 stderr "'help' has no use for --pool" --pool default help
expect version_is_printed 0 stdout "^framepool $VERSION\$" version
expect version_option_is_printed 0 stdout "^framepool $VERSION\$" --version
expect version_as_json 0 stdout "^  \"version\": \"$VERSION\"\$" version --json
expect version_as_json_option_before 0 stdout "^  \"version\": \"$VERSION\"\$" --json version
expect version_option_as_json 0 stdout "^  \"version\": \"$VERSION\"\$" --version --json
expect version_with_pool 2 stderr "'version' has no use for --pool" version --pool default
expect version_option_with_pool 2 stderr "'version' has no use for --pool" --pool a --version
expect version_option_with_argument 2 stderr "unexpected argument 'info'" --version info

expect no_command 2 stderr 'no command given'
expect unknown_command 2 stderr "unknown command 'nonsense'" nonsense
expect command_slabs_is_called_caches 2 stderr "unknown command 'slabs'" slabs
expect unknown_option 2 stderr "bad option '--nonsense'" --nonsense info
expect unknown_option_of_command 2 stderr "bad option '--nonsense'" info --nonsense
expect unknown_short_option 2 stderr "bad option '-xy'" info -xy
expect option_with_unwanted_value 2 stderr "bad option '--json=1'" info --json=1
expect option_without_value 2 stderr "option '--pool' needs a value" --pool
expect unexpected_argument 2 stderr "unexpected argument 'twice'" info twice
expect alloc_unexpected_argument 2 stderr "unexpected argument '4K'" alloc --size 4K 4K

expect alloc_without_size 2 stderr 'alloc needs --size or --from' alloc
expect alloc_size_zero 2 stderr '--size: must be more than 0' alloc --size 0
expect alloc_size_junk 2 stderr "--size: '1.5M' is not a number" alloc --size 1.5M
expect alloc_size_negative 2 stderr "--size: '-1' is not a number" alloc --size -1
expect alloc_size_overflow 2 stderr "--size: '16777216T' does not fit" alloc --size 16777216T
expect alloc_align_not_a_power 2 stderr "--align: '3K' is not a power of two" \
	alloc --size 4K --align 3K
expect alloc_align_junk 2 stderr "--align: 'big' is not a number" alloc --size 4K --align big
expect alloc_below_junk 2 stderr "--below: '4GB' is not a number" alloc --size 4K --below 4GB
expect alloc_from_missing_file 1 stderr "cannot open '.*/none': No such file" \
	alloc --from "$out/none"
expect alloc_from_empty_file 1 stderr "is empty or its size is not known" alloc --from /dev/null
expect impossible_pool_name 1 stderr "'a/b' cannot be the name of a pool" --pool a/b info
expect impossible_pool_name_of_clients 1 stderr "'a/b' cannot be the name" --pool a/b clients
expect impossible_pool_name_of_map 1 stderr "'a/b' cannot be the name" --pool a/b map

expect pool_without_action 2 stderr "'pool' needs one of create" pool
expect pool_of_unknown_action 2 stderr "'pool' cannot 'resize'" pool resize
expect pool_with_pool 2 stderr "'pool' has no use for --pool" --pool a pool list
expect pool_create_without_name 2 stderr "'pool create' needs the name" pool create --size 1M
expect pool_create_without_size 2 stderr "'pool create' needs --size" pool create video
expect pool_create_of_two 2 stderr "unexpected argument 'b'" pool create a --size 1M b
expect pool_create_as_json 2 stderr 'no use for --json' --json pool create a --size 1M
expect pool_create_bad_name 1 stderr "'a/b' cannot be the name" pool create a/b --size 1M
expect pool_create_long_name 1 stderr 'has 32 bytes, but the name of a pool has at most 31' \
	pool create 0123456789abcdef0123456789abcdef --size 1M
expect pool_destroy_without_name 2 stderr "'pool destroy' needs the name" pool destroy --force
expect pool_destroy_of_two 2 stderr "unexpected argument 'b'" pool destroy a --force b
expect pool_list_with_argument 2 stderr "unexpected argument 'a'" pool list a
expect pool_show_without_name 2 stderr "'pool show' needs the name" pool show
expect pool_apply_without_file 2 stderr "'pool apply' needs a file" pool apply

expect watch_interval_junk 2 stderr "--interval: 'soon' is not a number" watch --interval soon
expect watch_interval_negative 2 stderr "--interval: '-1' is not a number" watch --interval -1
expect watch_interval_too_short 2 stderr "--interval: '0.01' is not" watch --interval 0.01
expect watch_interval_too_long 2 stderr "--interval: '1e9' is not" watch --interval 1e9
expect watch_count_zero 2 stderr "--count: '0' is not a number of lines" watch --count 0
expect watch_count_junk 2 stderr "--count: '3x' is not a number of lines" watch --count 3x
expect top_interval_junk 2 stderr "--interval: '' is not a number" top --interval ''
expect metrics_with_json 2 stderr "'metrics' has no use for --json" metrics --json
expect metrics_with_pool 2 stderr "'metrics' has no use for --pool" --pool default metrics
expect metrics_unexpected_argument 2 stderr "unexpected argument 'a.prom'" metrics a.prom
expect metrics_textfile_without_file 2 stderr "option '--textfile' needs a value" metrics --textfile
expect metrics_textfile_of_another_name 2 stderr "'a.txt' does not end in '.prom'" \
	metrics --textfile a.txt
expect record_without_file 2 stderr "'record' needs the name of a file" record
expect record_with_json 2 stderr "'record' has no use for --json" record --json "$out/a"
expect record_time_junk 2 stderr "--time: 'soon' is not a number" record --time soon "$out/a"
expect record_time_zero 2 stderr "--time: '0' is not a number" record --time 0 "$out/a"
expect record_buffer_too_small 2 stderr "--buffer: '1K' is not a size from 4K to 1G" \
	record --buffer 1K "$out/a"
expect record_buffer_junk 2 stderr "--buffer: 'big' is not a size" record --buffer big "$out/a"
expect record_two_files 2 stderr "unexpected argument 'b'" record a b
expect replay_without_recording 2 stderr "'replay' needs the name of a recording" replay
expect replay_simulated_pool 2 stderr 'simulate and --pool exclude each other' \
	replay --pool default --simulate a
expect replay_simulated_json 2 stderr 'simulate and --json exclude each other' \
	replay --simulate --json a
expect replay_missing_recording 1 stderr "cannot open '.*/none': No such file" replay "$out/none"
expect replay_other_file 1 stderr "cli_test.sh: line 1: '#!/bin/sh' is not" replay "$0"
expect map_svg_without_file 2 stderr "option '--svg' needs a value" map --svg
expect map_ascii_and_svg 2 stderr 'ascii and --svg exclude each other' map --ascii --svg "$out/svg"
expect map_json_and_svg 2 stderr 'json and --svg exclude each other' map --svg "$out/svg" --json
expect map_json_and_ascii 2 stderr 'json and --ascii exclude each other' --json map --ascii

if [ -e /dev/framepool ]; then
	echo "ok - module_not_loaded # SKIP a module is loaded here"
	exit 0
fi
for command in info stat frag map metrics watch top "record $out/a" "alloc --size 4K" \
	"info --json --pool other" \
	"alloc --from $0"; do
	# shellcheck disable=SC2086 # split into words on purpose
	expect "not_loaded: ${command%% /*}" 1 stderr "module is not loaded: load it with" $command
done
expect not_loaded_metrics_leave_no_file 1 stderr "module is not loaded" \
	metrics --textfile "$out/a.prom"
[ -e "$out/a.prom" ] && echo "not ok - not_loaded_metrics_leave_no_file: there is one"
for command in "pool list" "pool show a" "pool destroy a" "pool create a --size 1M"; do
	# shellcheck disable=SC2086 # split into words on purpose
	expect "not_loaded: $command" 1 stderr "modprobe framepool_configfs" $command
done
for command in clients caches; do
	expect "not_loaded: $command" 1 stderr \
		"module is not loaded\|debugfs is not mounted\|run as root" $command
done
