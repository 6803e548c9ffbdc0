#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Tests what the command framepool shows of memory that moves. Runs as root in the lab's guest,
# where the pool "default" of 256M is loaded and nobody else uses it. $FRAMEPOOL is the command.
#
# Each function named in $tests is a test; it passes if it returns 0. Its output is shown if it
# fails.
# shellcheck disable=SC2317 # shellcheck does not see that the tests are called
set -u

FRAMEPOOL=${FRAMEPOOL:-/bin/framepool}
dir=$(mktemp -d) || exit 1
holders=
trap 'rm -rf "$dir"' EXIT
chmod 755 "$dir"

# says STATUS PATTERN ARGUMENT...: the command ends with STATUS and prints a line with PATTERN.
says() {
	wanted=$1 pattern=$2
	shift 2
	"$FRAMEPOOL" "$@" > "$dir/said" 2>&1 < /dev/null
	got=$?
	[ "$got" -eq "$wanted" ] && grep -qe "$pattern" "$dir/said" && return
	echo "framepool $*: status $got, wanted $wanted and '$pattern'; it said:"
	cat "$dir/said"
	return 1
}

# value KEY: prints a number from framepool stat.
value() {
	"$FRAMEPOOL" stat | sed -n "s/^$1: *\([0-9]*\).*/\1/p"
}

# soon COMMAND...: repeats the command until it succeeds; fails after 30 seconds.
soon() {
	for _ in $(seq 300); do
		"$@" && return
		sleep 0.1
	done
	echo "still fails after 30 seconds: $*"
	return 1
}

is_idle() {
	[ "$(value free)" = "$(value total)" ]
}

# hold ARGUMENT...: starts a command that holds a buffer; its pid is in $holder, and in $holders.
hold() {
	"$FRAMEPOOL" alloc --hold "$@" > "$dir/held" 2>&1 &
	holder=$!
	holders="$holders $holder"
	while kill -0 "$holder" 2> /dev/null; do
		grep -q "^holding, pid $holder$" "$dir/held" && return
		sleep 0.1
	done
	cat "$dir/held"
	return 1
}

# release PID...: ends such commands.
release() {
	for pid; do
		kill "$pid"
		wait "$pid"
	done
}

release_all() {
	# shellcheck disable=SC2086 # one pid a word
	release $holders
	holders=
	soon is_idle
}

# json KEY ARGUMENT...: prints a number from the command's JSON.
json() {
	key=$1
	shift
	"$FRAMEPOOL" --json "$@" | sed -n "s/^ *\"$key\": \([0-9]*\),\{0,1\}$/\1/p"
}

# largest_extent: prints the bytes of the longest run that the pool can have.
largest_extent() {
	json largest_extent info
}

# fill ARGUMENT...: holds buffers until no other fits. Each has $unit MiB, a sixteenth of the pool's
# longest extent or a little less: a pool made late has many extents, and some are short.
fill() {
	unit=$(($(largest_extent) / 16 / 2097152 * 2))
	[ "$unit" -gt 0 ] || unit=2
	while hold --size "${unit}M" "$@"; do :; done > /dev/null 2>&1
	[ "$(value largest)" -lt $((unit << 20)) ] && return
	echo "a run of $(value largest) bytes is left, but a buffer of ${unit}M fails:"
	cat "$dir/held"
	return 1
}

# checker ARGUMENT...: the same, and frees every other one again; no two of them are neighbours.
checker() {
	fill "$@" || return
	# shellcheck disable=SC2086 # one pid a word
	set -- $holders
	holders=
	while [ $# -gt 1 ]; do
		release "$1"
		holders="$holders $2"
		shift 2
	done
	holders="$holders $*"
	pair=$((2 * unit))M triple=$((3 * unit))M
}

movable_buffer_has_no_address() {
	says 0 '^address: may change$' alloc --size 4K --movable &&
	says 0 '^  "address": null' alloc --size 4K --movable --json &&
	hold --size 2M --movable --export && grep -q '^address: *0x[0-9a-f]*$' "$dir/held"
}

map_tells_movable_and_fixed_apart() {
	hold --size 6M --movable && hold --size 4M || return
	says 0 '^  m  used by what may move  *3$' map --ascii && says 0 '^  #  all used  *2$' map &&
	says 0 '"movable": 3,$' map --json && says 0 '"full": 2,$' map --json &&
	says 0 '"map": "[.]*.*mmm.*"' map --json && says 0 '"map": ".*##.*"' map --json
}

compact_makes_a_run() {
	checker --movable || return
	moved=$(value moved)
	says 0 '^largest: ' compact "$triple" || return
	[ "$(value largest)" -ge $((3 * unit << 20)) ] || {
		echo "largest: $(value largest)"
		return 1
	}
	says 0 "^moves: *0$" compact "$triple" &&
	says 0 '^  "moved": 0$' --json compact "$triple" &&
	[ "$(value moved)" -gt "$moved" ]
}

compact_says_what_it_needs() {
	says 2 'compact needs a SIZE' compact &&
	says 2 "unexpected argument '2M'" compact 1M 2M &&
	says 2 "SIZE: 'much' is not a number" compact much &&
	says 2 'SIZE: must be more than 0' compact 0 &&
	su -s /bin/sh nobody -c "$FRAMEPOOL compact 2M" > "$dir/said" 2>&1
	[ $? -eq 1 ] && grep -q 'only root may' "$dir/said"
}

compact_that_fails_says_what_to_do() {
	fill || return
	says 1 "'framepool frag --why [0-9]*[MG]' tells what stands in the way" compact \
		"$(largest_extent)"
}

why_of_an_idle_pool_is_nothing() {
	says 0 '^16M: nothing stands in the way$' frag --why 16M &&
	[ "$(json lacking frag --why 16M)" = 0 ] && [ "$(json stays frag --why 16M)" = 0 ]
}

why_lists_what_is_unmovable() {
	checker || return
	says 0 "^$pair: 1 obstacle stands in the way, [0-9]*M in all, " frag --why "$pair" &&
	says 0 '^ *[0-9].* framepool  unmovable: allocated to stay' frag --why "$pair" &&
	says 0 '^ *"reason": "unmovable"' frag --why "$pair" --json &&
	[ "$(json stays frag --why "$pair")" -ge 2097152 ] &&
	says 0 "^$triple: [1-9] obstacles* stands* in the way" frag --why "$triple"
}

why_leaves_out_what_may_move() {
	checker --movable && says 0 "^$pair: nothing stands in the way$" frag --why "$pair" &&
	[ "$(json moves frag --why "$pair")" -ge 2097152 ]
}

why_tells_of_a_dmabuf() {
	checker --movable --export &&
	says 0 '  exported: it has a dma-buf$' frag --why "$pair"
}

why_tells_what_must_be_freed() {
	fill --movable || return
	says 0 ': too little is free: [0-9]*[KMG] more must be freed' frag --why \
		"$(largest_extent)" &&
	[ "$(json lacking frag --why "$(largest_extent)")" -gt 0 ] &&
	[ "$(json stays frag --why "$(largest_extent)")" = 0 ]
}

why_beyond_an_extent_says_so() {
	says 1 'no run can have 1T: the largest extent' frag --why 1T &&
	says 2 "^framepool: --why: 'much' is not a number" frag --why much
}

watch_and_stat_count_moves() {
	for key in moves moved moves_refused_pinned moves_refused_referenced moves_refused_bad \
		moves_refused_no_room; do
		says 0 "^$key: *[0-9]" stat || return
	done
	says 0 ' mov_K/s$' watch --count 1 &&
	says 0 '"moved_bytes_per_second":null,"refused_per_second":null}$' watch --count 1 --json &&
	says 0 '"moved_bytes_per_second": 0,$' top --json --interval 0.2
}

tests='
movable_buffer_has_no_address
map_tells_movable_and_fixed_apart
compact_makes_a_run
compact_says_what_it_needs
compact_that_fails_says_what_to_do
why_of_an_idle_pool_is_nothing
why_lists_what_is_unmovable
why_leaves_out_what_may_move
why_tells_of_a_dmabuf
why_tells_what_must_be_freed
why_beyond_an_extent_says_so
watch_and_stat_count_moves
'

echo "TAP version 13"
# shellcheck disable=SC2086 # one name a word
set -- $tests
echo "1..$#"
number=0
failed=0
for name; do
	number=$((number + 1))
	soon is_idle > /dev/null
	if "$name" > "$dir/trace" 2>&1; then
		echo "ok $number $name"
	else
		sed 's/^/# /' "$dir/trace"
		echo "not ok $number $name"
		failed=1
	fi
	release_all > /dev/null 2>&1
done
exit $failed
