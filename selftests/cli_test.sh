#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Tests the command framepool against the module. Runs as root in the lab's guest, where the pool
# "default" of 256M is loaded and nobody else uses it. $FRAMEPOOL is the command, $FRAMEPOOL_KO the
# module. The last tests load the module with other parameters, and restore it.
#
# Each function named in $tests is a test; it passes if it returns 0. Its output is shown if it
# fails.
# shellcheck disable=SC2317 # shellcheck does not see that the tests are called
set -u

FRAMEPOOL=${FRAMEPOOL:-/bin/framepool}
FRAMEPOOL_KO=${FRAMEPOOL_KO:-/framepool.ko}
dir=$(mktemp -d) || exit 1
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

# hold ARGUMENT...: starts a command in the background that holds a buffer; its pid is in $holder.
hold() {
	"$FRAMEPOOL" alloc --hold "$@" > "$dir/held" 2>&1 &
	holder=$!
	soon grep -q "^holding, pid $holder$" "$dir/held" && return
	cat "$dir/held"
	return 1
}

# release SIGNAL STATUS: ends that command by a signal, and expects STATUS.
release() {
	kill "-$1" "$holder"
	wait "$holder"
	got=$?
	[ "$got" -eq "$2" ] && return
	echo "after SIG$1 the command ended with $got, not $2"
	return 1
}

# reload ARGUMENT...: reloads the module with these parameters.
reload() {
	soon rmmod framepool && insmod "$FRAMEPOOL_KO" "$@"
}

# as_nobody COMMAND: runs a shell command without privileges.
as_nobody() {
	su -s /bin/sh nobody -c "$1" > "$dir/said" 2>&1
}

# refused_to_nobody PATTERN ARGUMENTS: without privileges the command fails and prints PATTERN.
refused_to_nobody() {
	as_nobody "$FRAMEPOOL $2"
	got=$?
	[ "$got" -eq 1 ] && grep -q "$1" "$dir/said" && return
	echo "status $got; it said:"
	cat "$dir/said"
	return 1
}

info_tells_what_is_fixed() {
	says 0 '^pool: *default$' info && says 0 '^abi: *1$' info &&
	says 0 '^total: *268435456 (256M)$' info &&
	says 0 '^client_quota: *none$' info && says 0 '^user_quota: *none$' info &&
	says 0 '^frame: *4096 (4K)$' info && says 0 '^huge: *2097152 (2M)$' info &&
	says 0 '^node: *any$' info && says 0 '^max_order: *[0-9]*$' info &&
	says 0 '^memory: *wb$' info &&
	says 0 '^extents: *[1-9][0-9]*$' info && says 0 '^largest_extent: *[1-9]' info &&
	says 0 '^first_address: *0x[0-9a-f]*$' info && says 0 '^end_address: *0x[0-9a-f]*$' info
}

info_json_has_the_same_keys() {
	says 0 '^{$' info --json && says 0 '"pool": "default",' --json info &&
	says 0 '"abi": 1,' info --json && says 0 '"total": 268435456,' info --json &&
	says 0 '"client_quota": null,' info --json && says 0 '"user_quota": null,' info --json &&
	says 0 '"node": null,' info --json && says 0 '"memory": "wb",' info --json &&
	says 0 '"max_order": [0-9]*,$' info --json && says 0 '"extents": [0-9]*,$' info --json &&
	says 0 '"end_address": [0-9]*$' info --json && says 0 '^}$' info --json
}

stat_adds_up() {
	"$FRAMEPOOL" stat | awk '
		{ sub(":", "", $1); is[$1] = $2 }
		END { exit !(is["total"] == 268435456 && is["clients"] == 1 &&
			     is["total"] == is["free"] + is["used"] + is["quarantined"] +
					    is["retired"]) }'
}

stat_json_has_the_same_keys() {
	for key in total free used quarantined retired largest charged clients buffers allocs \
		frees fail_nomem fail_nospace fail_quota moves moved moves_refused_pinned \
		moves_refused_referenced moves_refused_bad moves_refused_no_room; do
		says 0 "^  \"$key\": [0-9]*,\{0,1\}$" stat --json || return
	done
}

stat_counts_a_held_buffer() {
	hold --size 3076K &&
	says 0 '^used: *3149824 (3076K)$' stat && says 0 '^charged: *4194304 (4M)$' stat &&
	says 0 '^buffers: *1$' stat && says 0 '^clients: *2$' stat && release TERM 0 &&
	says 0 '^used: *0$' stat && says 0 '^buffers: *0$' stat && soon is_idle
}

frag_of_an_idle_pool_is_none() {
	soon is_idle && says 0 '^free: *268435456 (256M)$' frag &&
	says 0 '^ *order  *bytes  *free_blocks  *unusable  *external  *share$' frag &&
	says 0 '^ *9  *2M  *[0-9]*  *0.000  *-1.000 *#*$' frag
}

frag_blocks_add_up_to_free() {
	hold --size 12K || return
	"$FRAMEPOOL" frag --json | awk -F '[:,]' '
		/"free":/ { free = $2 }
		/"bytes":/ { bytes = $2 }
		/"free_blocks":/ { sum += bytes * $2; if ($2 > 0) orders++ }
		END { printf "free %d, in %d orders %d\n", free, orders, sum
		      exit !(free == 268435456 - 12288 && sum == free && orders > 1) }'
	added_up=$?
	release TERM 0 && return "$added_up"
}

frag_bars_are_shares_of_free() {
	hold --size 12K || return
	"$FRAMEPOOL" frag | awk '
		NR > 5 && $3 == 0 && $6 != "" { print "a bar of nothing: " $0; bad = 1 }
		NR > 5 && $3 > 0 && $6 == "" { print "no bar: " $0; bad = 1 }
		NR > 5 { sum += length($6) }
		END {
			if (sum < 25 || sum > 45) { print "all bars together: " sum; bad = 1 }
			exit bad
		}' &&
	"$FRAMEPOOL" frag --json | awk -F '[:,]' '
		/"share":/ { sum += $2 }
		END { print "shares: " sum; exit !(sum > 0.98 && sum < 1.02) }' &&
	LC_ALL=C.UTF-8 "$FRAMEPOOL" frag | grep -q '█' &&
	! LC_ALL=C "$FRAMEPOOL" frag | grep -q '█'
	drawn=$?
	release TERM 0 && return "$drawn"
}

caches_of_a_pool_without_caches_are_none() {
	says 0 '^caches: *0$' caches && says 0 '"caches": \[\]' caches --json
}

# metric NAME: prints a sample from what framepool metrics wrote.
metric() {
	sed -n "s/^framepool_$1 //p" "$dir/metrics"
}

# Those of sizes, of a counter, of failures, and of what frag shows.
metrics_are_the_figures_of_stat_and_frag() {
	hold --size 3076K || return
	"$FRAMEPOOL" alloc --size 1T > /dev/null 2>&1
	"$FRAMEPOOL" metrics > "$dir/metrics" &&
	[ "$(metric 'up{pool="default"}')" = 1 ] &&
	[ "$(metric 'used_bytes{pool="default"}')" = 3149824 ] &&
	[ "$(metric 'total_bytes{pool="default"}')" = 268435456 ] &&
	[ "$(metric 'buffers{pool="default"}')" = 1 ] &&
	[ "$(metric 'clients{pool="default"}')" = 2 ] &&
	[ "$(metric 'allocs_total{pool="default"}')" = "$(value allocs)" ] &&
	[ "$(metric 'alloc_failures_total{pool="default",reason="nomem"}')" = \
		"$(value fail_nomem)" ] && [ "$(value fail_nomem)" -gt 0 ] &&
	[ "$(metric 'unusable_ratio{pool="default",order="9"}')" = \
		"$("$FRAMEPOOL" frag | awk '$1 == 9 { print $4 }')" ] &&
	[ "$(tail -n 1 "$dir/metrics")" = '# EOF' ] &&
	[ "$(grep -c '^framepool_free_blocks{' "$dir/metrics")" -eq \
		"$("$FRAMEPOOL" frag --json | grep -c '"order":')" ]
	agree=$?
	cat "$dir/metrics"
	release TERM 0 && return "$agree"
}

# Each reader sees one whole file; what cannot be written leaves the old one, and nothing else.
metrics_replace_the_textfile_at_once() {
	mkdir "$dir/textfiles" && file=$dir/textfiles/framepool.prom || return
	"$FRAMEPOOL" metrics --textfile "$file" || return
	lines=$(wc -l < "$file")
	(for _ in 1 2 3 4 5 6 7 8 9 10; do
		"$FRAMEPOOL" metrics --textfile "$file" || exit
	done) &
	writer=$!
	while kill -0 "$writer" 2> /dev/null; do
		[ "$(wc -l < "$file")" -eq "$lines" ] || return
	done
	wait "$writer" && [ "$(ls "$dir/textfiles")" = framepool.prom ] &&
	[ "$(stat -c %a "$file")" = 644 ] && ! grep -q '^# EOF' "$file" &&
	says 1 "cannot write '/proc/a.prom': " metrics --textfile /proc/a.prom &&
	mount -t tmpfs -o size=4k tmpfs "$dir/textfiles" &&
	{ says 1 'No space left on device' metrics --textfile "$file"; full=$?; }
	left=$(ls "$dir/textfiles")
	umount "$dir/textfiles" && [ "$full" -eq 0 ] && [ -z "$left" ]
}

metrics_of_a_pool_that_was_shut_down() {
	echo 1 > /sys/class/framepool/default/shutdown
	"$FRAMEPOOL" metrics > "$dir/metrics"
	status=$?
	grep pool= "$dir/metrics"
	reload size=256M && [ "$status" -eq 0 ] &&
	[ "$(metric 'up{pool="default"}')" = 0 ] && [ "$(grep -c pool= "$dir/metrics")" -eq 1 ]
}

# The drawing without offsets and line breaks.
drawn_map() {
	"$FRAMEPOOL" map | sed -n 's/^ *\(0\|[0-9]*[KMGT]\)  \([^ ]*\)$/\2/p' | tr -d '\n'
}

# The extents in debugfs, drawn as by framepool map: a dot for each huge frame.
drawn_extents() {
	awk 'NR > 1 { if (NR > 2) printf "|"; for (i = 0; i < $2; i++) printf "." }' \
		/sys/kernel/debug/framepool/default/extents
}

# The lengths of the extents in huge frames, as the JSON of framepool map tells them.
extents_in_json() {
	"$FRAMEPOOL" map --json | awk -F '[:,]' '
		/"extents":/ { inside = 1 }
		inside && /"huge_frames":/ { print $2 + 0 }'
}

# has_bars NUMBER: text, SVG and JSON show this number of extents, and where they are.
has_bars() {
	drawn_map > "$dir/map"
	drawn_extents > "$dir/extents"
	cmp "$dir/map" "$dir/extents" &&
	says 0 "^$1 physically contiguous extents\{0,1\}[.;]" map &&
	"$FRAMEPOOL" map --svg "$dir/map.svg" &&
	[ "$(grep -c '^<line ' "$dir/map.svg")" -eq "$1" ] &&
	awk 'NR > 1 { print $2 }' /sys/kernel/debug/framepool/default/extents > "$dir/lengths" &&
	extents_in_json | cmp - "$dir/lengths" &&
	[ "$(grep -c "extent $1 of $1</title>" "$dir/map.svg")" -eq "$(tail -n 1 "$dir/lengths")" ]
}

nr_extents() {
	sed -n 's/^extents: //p' /sys/kernel/debug/framepool/default/summary
}

map_shows_where_extents_end() {
	soon is_idle && has_bars "$(nr_extents)"
}

# The map of an idle pool has lines of the same number of cells, a power of two from 8 to 64: the
# greatest one for which each line has room for its bars, of which a pool may have any number.
lines_are_even() {
	"$FRAMEPOOL" map | sed -n 's/^ *\(0\|[0-9]*[KMGT]\)  \([.|]*\)$/\2/p' | awk '
		{ width = length; cells = gsub(/\./, "") }
		NR == 1 { first = cells }
		width > longest { longest = width }
		cells != first || width > 70 { print "line of", cells, "in", width; bad = 1 }
		END { exit bad || first * NR != 128 || (first < 64 && longest * 2 <= 70) }'
}

map_shows_the_layout() {
	soon is_idle && says 0 '^  \.  free  *128$' map && lines_are_even || return
	hold --size 6M --align 2M || return
	drawn_map | tr -d '|' > "$dir/map"
	cat "$dir/map"
	grep -q '^\.*###\.*$' "$dir/map" && [ "$(wc -c < "$dir/map")" -eq 128 ] &&
	says 0 '^  \.  free  *125$' map && says 0 '^  #  all used  *3$' map &&
	says 0 '"map": "\.*###\.*",$' map --json && says 0 '"full": 3,$' map --json &&
	says 0 '"empty": 125,$' map --json && says 0 '"retired": 0,$' map --json &&
	says 0 '^A character is 1 huge frame of 2M;' map
	shown=$?
	release TERM 0 && return "$shown"
}

map_has_blocks_where_they_can_be_shown() {
	hold --size 6M --align 2M || return
	[ "$(LC_ALL=C.UTF-8 "$FRAMEPOOL" map | grep -c '███')" -eq 1 ] &&
	[ "$(LC_ALL=C.UTF-8 "$FRAMEPOOL" map --ascii | grep -c '█')" -eq 0 ] &&
	[ "$(LC_ALL=C "$FRAMEPOOL" map | grep -c '█')" -eq 0 ] &&
	! LC_ALL=C.UTF-8 "$FRAMEPOOL" map | grep -q "$(printf '\033')"
	shown=$?
	release TERM 0 && return "$shown"
}

map_svg_shows_the_layout() {
	hold --size 6M --align 2M || return
	says 0 '^$' map --svg "$dir/map.svg" || [ ! -s "$dir/said" ] &&
	sed -n 1,3p "$dir/map.svg" &&
	[ "$(grep -c '^<rect class="s4".*<title>' "$dir/map.svg")" -eq 3 ] &&
	[ "$(grep -c '^<rect class="s0".*<title>' "$dir/map.svg")" -eq 125 ] &&
	grep -q '>all used: 3 huge frames<' "$dir/map.svg" &&
	grep -q '>free: 125 huge frames<' "$dir/map.svg" &&
	[ "$(tail -n 1 "$dir/map.svg")" = '</svg>' ] &&
	says 1 "cannot write '/proc/none'" map --svg /proc/none
	shown=$?
	release TERM 0 && return "$shown"
}

watch_prints_a_line_each_interval() {
	hold --size 3M || return
	"$FRAMEPOOL" watch --interval 0.2 --count 3 > "$dir/watched"
	status=$?
	cat "$dir/watched"
	[ "$status" -eq 0 ] && awk '
		NR == 1 { bad = !/^ *free_K  *used_K  *wait_K  *largest_K  *clients  *buffers  */ }
		NR > 1 && ($1 + $2 + $3 != 262144 || $2 != 3072 || $5 != 2 || $6 != 1) { bad = 1 }
		NR == 2 && $7 != "-" || NR > 2 && $7 != 0 { bad = 1 }
		length($0) > 80 { bad = 1 }
		END { exit bad || NR != 4 }' "$dir/watched" &&
	"$FRAMEPOOL" watch --json --interval 0.2 --count 2 > "$dir/watched" &&
	[ "$(grep -c '^{"free":[0-9]*,"used":3145728,.*}$' "$dir/watched")" -eq 2 ]
	watched=$?
	release TERM 0 && return "$watched"
}

watch_counts_what_happens() {
	"$FRAMEPOOL" watch --interval 2 --count 2 > "$dir/watched" &
	watcher=$!
	soon grep -q largest "$dir/watched" || return
	for _ in 1 2 3 4; do
		"$FRAMEPOOL" alloc --size 1M > /dev/null
		"$FRAMEPOOL" alloc --size 1T > /dev/null 2>&1
	done
	wait "$watcher"
	cat "$dir/watched"
	awk 'NR == 3 { exit !($7 >= 1 && $8 >= 1 && $9 >= 1) }' "$dir/watched"
}

watch_ends_when_the_pool_does() {
	"$FRAMEPOOL" watch --interval 0.1 > "$dir/watched" 2>&1 &
	watcher=$!
	soon grep -q largest "$dir/watched" && echo 1 > /sys/class/framepool/default/shutdown
	wait "$watcher"
	status=$?
	tail -n 2 "$dir/watched"
	reload size=256M || return
	[ "$status" -eq 1 ] &&
	grep -q '^framepool: cannot read the statistics of pool .default.: No such device$' \
		"$dir/watched"
}

# Each terminal has a server of its own: one that still ends takes no new session.
terminal=0
in_tmux() {
	tmux -L "cli$terminal" -f /dev/null "$@"
}

# shows PATTERN: a line of the screen matches it.
shows() {
	in_tmux capture-pane -p > "$dir/screen" && grep -q -e "$1" "$dir/screen"
}

has_lines() {
	shows '' && [ "$(wc -l < "$dir/screen")" -eq "$1" ]
}

# start_top COLUMNS LINES: runs top in a terminal. Its exit status will be in $dir/ended, the state
# of the terminal before and after it in $dir/before and $dir/after.
start_top() {
	rm -f "$dir/ended" "$dir/before" "$dir/after"
	LC_ALL=C.UTF-8 in_tmux new-session -d -x "$1" -y "$2" "trap : INT
		stty -a > $dir/before
		$FRAMEPOOL top --interval 0.2 2> $dir/top.err; echo \$? > $dir/ended
		stty -a > $dir/after; sleep 60"
}

stop_tmux() {
	in_tmux kill-server
	terminal=$((terminal + 1))
}

# The screen is complete, and nothing is longer or wider than the terminal.
top_fits() {
	soon shows 'framepool top: pool default, total 256M; every 0.2 s; q quits' &&
	soon shows '^used  *\[###* *\]  18.8%      48M$' &&
	soon shows '^free  *\[###* *\]  81.2%     208M$' &&
	soon shows '^waiting  *\[ *\]   0.0%        0$' &&
	soon shows '^clients 2  *buffers 1  *alloc/s 0' &&
	soon shows '^largest free run [0-9.]*M  *unusable for 64K 0.0%, 2M 0.0%' &&
	soon shows '^ *PID  *UID  *BUFFERS  *HELD  *MAPPED  NAME$' &&
	soon shows "^ *$holder  *0  *1  *48M  *0  framepool$"
	fits=$?
	cat "$dir/screen"
	return "$fits"
}

top_fits_two_sizes_and_quits() {
	hold --size 48M && start_top 80 24 && top_fits && has_lines 24 &&
	in_tmux resize-window -x 120 -y 40 && soon has_lines 40 && top_fits &&
	in_tmux resize-window -x 20 -y 4 && soon has_lines 4 &&
	soon shows '^framepool top: pool$' && in_tmux resize-window -x 80 -y 24 && top_fits &&
	in_tmux send-keys q && soon [ -s "$dir/after" ] &&
	[ "$(cat "$dir/ended")" = 0 ] && cmp "$dir/before" "$dir/after"
	fits=$?
	cat "$dir/top.err"
	stop_tmux
	release TERM 0 && return "$fits"
}

top_interrupted_restores_the_terminal() {
	start_top 80 24 && soon shows 'q quits' && in_tmux send-keys C-c &&
	soon [ -s "$dir/after" ] &&
	[ "$(cat "$dir/ended")" = 130 ] && cmp "$dir/before" "$dir/after"
	restored=$?
	cat "$dir/ended" "$dir/before" "$dir/after"
	stop_tmux
	return "$restored"
}

top_says_on_stderr_why_it_ends() {
	start_top 80 24 && soon shows 'q quits' && echo 1 > /sys/class/framepool/default/shutdown &&
	soon [ -s "$dir/after" ] && [ "$(cat "$dir/ended")" = 1 ] &&
	cmp "$dir/before" "$dir/after" &&
	grep -q '^framepool: cannot read the statistics' "$dir/top.err"
	told=$?
	cat "$dir/top.err"
	stop_tmux
	reload size=256M && return "$told"
}

top_without_a_terminal() {
	says 1 "top needs a terminal; 'framepool watch' needs none" top &&
	says 0 '"allocs_per_second": 0,$' top --json --interval 0.1 &&
	hold --size 4M && says 0 "\"pid\": $holder,$" top --json --interval 0.1 && release TERM 0
}

top_on_an_unknown_terminal_says_so() {
	in_tmux new-session -d -x 80 -y 24 "TERM=nonsense $FRAMEPOOL top; echo status \$?; sleep 60"
	soon shows "^framepool: the terminal 'nonsense' is unknown here: set TERM$" &&
	soon shows '^status 1$'
	told=$?
	cat "$dir/screen"
	stop_tmux
	return "$told"
}

feed_until_shown() {
	echo more >&3
	shows '^filling the buffer: [0-9]* KiB$'
}

# The test is the writer, so the command runs until its progress was seen.
filling_shows_progress_on_a_terminal_only() {
	mkfifo "$dir/feed"
	in_tmux new-session -d -x 80 -y 24 "$FRAMEPOOL alloc --size 1M --from $dir/feed; sleep 60"
	exec 3<> "$dir/feed"
	soon feed_until_shown
	shown=$?
	exec 3>&-
	soon shows " $dir/feed$" && ! shows 'filling' && [ "$shown" -eq 0 ]
	shown=$?
	cat "$dir/screen"
	stop_tmux
	{ cat "$dir/small"; sleep 1; cat "$dir/small"; } |
		"$FRAMEPOOL" alloc --size 1M --from /proc/self/fd/0 2> "$dir/said" > /dev/null
	[ ! -s "$dir/said" ] && return "$shown"
}

# A hundred commands at once, while buffers are allocated and freed.
hundred_commands_at_once_all_succeed() {
	while [ ! -e "$dir/enough" ]; do
		"$FRAMEPOOL" alloc --size 5M > /dev/null
	done &
	storm=$!
	: > "$dir/failed"
	readers=
	for _ in $(seq 20); do
		for command in stat frag clients map "watch --count 1"; do
			# shellcheck disable=SC2086 # split into words on purpose
			{ "$FRAMEPOOL" $command > /dev/null || echo "$command"; } \
				>> "$dir/failed" 2>&1 &
			readers="$readers $!"
		done
	done
	# shellcheck disable=SC2086 # split into words on purpose
	wait $readers
	: > "$dir/enough"
	wait "$storm"
	cat "$dir/failed"
	[ ! -s "$dir/failed" ]
}

clients_shows_who_holds_what() {
	hold --size 2M &&
	says 0 "^ *$holder  *0  *1  *2M  *0  *2M  *0  *0  *0  *0  *open  framepool$" clients &&
	says 0 "\"pid\": $holder," clients --json && says 0 '"held": 2097152,' clients --json &&
	says 0 '"charged": 2097152,' clients --json &&
	says 0 '^clients: *1$' clients && release TERM 0
}

export_makes_a_dmabuf() {
	hold --size 2M --export && fd=$(sed -n 's/^fd: *//p' "$dir/held") &&
	grep -q '^/dmabuf:' << EOT &&
$(readlink "/proc/$holder/fd/$fd")
EOT
	says 0 "^ *$holder  *0  *1  *2M  *0  *2M  *0  *1  *0  *0  *open  framepool$" clients &&
	says 0 '"exports": 1,' clients --json && release TERM 0
}

clients_of_an_idle_pool_are_none() {
	says 0 '^clients: *0$' clients && says 0 '"clients": \[\]' clients --json
}

# no_trailing_blanks ARGUMENT...: the command succeeds, and no line that it prints ends in a blank.
no_trailing_blanks() {
	"$FRAMEPOOL" "$@" > "$dir/said" 2>&1 < /dev/null || { cat "$dir/said"; return 1; }
	! grep -n '[[:blank:]]$' "$dir/said" && [ -s "$dir/said" ] && return
	echo "in the output of framepool $*"
	return 1
}

# A client whose name ends in a blank, and orders without free blocks.
no_line_of_any_command_ends_in_a_blank() {
	program="$dir/blank "
	cp "$FRAMEPOOL" "$program" &&
	{ "$program" alloc --hold --size 12K > "$dir/held" 2>&1 & } && holder=$! &&
	soon grep -q "^holding, pid $holder$" "$dir/held" && says 0 ' blank$' clients &&
	says 0 '^ .* 0  *[01][.0-9]*  *-\{0,1\}[01][.0-9]*$' frag || return
	blanks=0
	for command in $("$FRAMEPOOL" help | sed -n 's/^  \([a-z]*\)  .*/\1/p'); do
		no_trailing_blanks help "$command" || blanks=1
		case $command in
		alloc) set -- alloc --size 4K ;;
		watch) set -- watch --count 2 --interval 0.1 ;;
		top) set -- top --json --interval 0.1 ;;
		compact) set -- compact 2M ;;
		# Their tests are in record_test.sh and pool_cli_test.sh.
		record | replay | pool) set -- help "$command" ;;
		*) set -- "$command" ;;
		esac
		no_trailing_blanks "$@" || blanks=1
		case $command in
		help | metrics | record | replay | pool) ;;
		compact) no_trailing_blanks compact --json 2M || blanks=1 ;;
		*) no_trailing_blanks "$@" --json || blanks=1 ;;
		esac
	done
	for command in map frag; do
		LC_ALL=C.UTF-8 no_trailing_blanks "$command" || blanks=1
	done
	release TERM 0 && return "$blanks"
}

alloc_rounds_up_to_frames() {
	says 0 '^length: *8192 (8K)$' alloc --size 5000 &&
	says 0 '^length: *4096 (4K)$' alloc --size 1 &&
	says 0 '^length: *3149824 (3076K)$' alloc --size 0x301000
}

alloc_aligned_offset_is_congruent() {
	says 0 '^handle: *[1-9][0-9]*$' alloc --size 4K --align 2M &&
	[ $(($(sed -n 's/^offset: *\([0-9]*\).*/\1/p' "$dir/said") % 2097152)) -eq 0 ]
}

alloc_json_has_the_same_keys() {
	says 0 '^  "handle": [1-9][0-9]*,$' alloc --size 4K --json &&
	says 0 '^  "offset": [0-9]*,$' alloc --size 4K --json &&
	says 0 '^  "length": 4096,$' alloc --size 4K --json &&
	says 0 '^  "address": [1-9][0-9]*$' alloc --size 4K --json &&
	says 0 '^  "bytes": 108894$' alloc --json --from "$dir/small" &&
	says 0 '^  "cksum": 3231941463,$' alloc --json --from "$dir/small"
}

alloc_below_an_address() {
	says 0 '^length: *1048576 (1M)$' alloc --size 1M --below 1T &&
	says 1 "no memory of pool 'default' lies below 4K: all of it lies between 0x" \
		alloc --size 1M --below 4K
}

alloc_waits_as_long_as_it_is_told() {
	says 1 "no memory of pool 'default' lies below 4K" alloc --size 4M --wait 60 --below 4K &&
	says 0 '^length: *4194304' alloc --size 4M --wait 0.2 &&
	says 2 "'never' is not a number of seconds" alloc --size 4M --wait never &&
	says 2 "'0' is not a number of seconds above 0" alloc --size 4M --wait 0
}

alloc_beyond_any_alignment() {
	says 1 'no run of 4K with that alignment' alloc --size 4K --align 1024T
}

# The numbers are what cksum(1) prints for these files; the guest may lack it.
alloc_from_file_agrees_with_cksum() {
	says 0 "^3231941463 108894 $dir/small$" alloc --from "$dir/small" &&
	says 0 "^2195812683 5000000 $dir/large$" alloc --from "$dir/large" --size 8M || return
	! command -v cksum > /dev/null ||
		says 0 "^$(cksum "$FRAMEPOOL")$" alloc --from "$FRAMEPOOL"
}

alloc_from_file_has_its_size() {
	says 0 '^length: *110592 (108K)$' alloc --from "$dir/small" &&
	says 0 '^length: *5001216 (4884K)$' alloc --from "$dir/large"
}

alloc_from_pipe_reads_it_all() {
	got=$(seq 1 20000 | "$FRAMEPOOL" alloc --size 1M --from /proc/self/fd/0 | tail -n 1)
	echo "$got"
	[ "$got" = '3231941463 108894 /proc/self/fd/0' ]
}

alloc_from_longer_file_is_refused() {
	says 1 "'$dir/small' is longer than the buffer of 4096 bytes" \
		alloc --size 4K --from "$dir/small" &&
	says 1 "cannot open '$dir/none'" alloc --from "$dir/none"
}

hold_ends_properly_by_signal() {
	hold --size 4M && release TERM 0 && hold --size 4M && release INT 0 && soon is_idle
}

hold_killed_gives_all_back() {
	hold --from "$dir/large" && release KILL 137 && soon is_idle
}

alloc_beyond_the_pool_says_so() {
	says 1 '257M is more than the whole pool .default. has, which is 256M' alloc --size 257M &&
	says 1 'is more than any pool can have' alloc --size 18446744073709551615
}

alloc_beyond_what_is_free_says_so() {
	hold --size "$(value largest)" &&
	says 1 "pool 'default' has .* free, less than the" alloc --size $(($(value free) + 4096)) &&
	release TERM 0
}

wrong_usage_ends_with_2() {
	says 2 '--size: must be more than 0' alloc --size 0 &&
	says 2 "'many' is not a number" alloc --size many &&
	says 2 "'3K' is not a power of two" alloc --size 4K --align 3K &&
	says 2 'does not fit into 64 bits' alloc --size 99999999T &&
	says 2 "unknown command 'nonsense'" nonsense
}

impossible_name_of_a_pool_is_told() {
	for command in info clients; do
		for name in '' .. a/b; do
			says 1 "^framepool: '$name' cannot be the name of a pool" "$command" \
				--pool "$name" || return
		done
	done
}

absent_pool_is_told_with_those_present() {
	says 1 "there is no pool 'camera'; pools here: default$" --pool camera info &&
	says 1 "there is no pool 'camera'; pools here: default$" clients --pool camera
}

unprivileged_user_is_told_to_be_root() {
	refused_to_nobody 'only root may open /dev/framepool/default (group' info &&
	refused_to_nobody 'or make the group framepool' info &&
	refused_to_nobody 'only root may read .*: run as root' clients
}

outsider_is_told_the_group() {
	gid=$(sed -n 's/^framepool:[^:]*:\([0-9]*\):.*/\1/p' /etc/group)
	reload size=256M "gid=${gid:-900}" || return
	# A group before it may have any number of members.
	cp /etc/group "$dir/group" &&
	{ echo "crowd:x:99:$(seq -s , 1 3000)" && cat "$dir/group"; } >/etc/group &&
	refused_to_nobody "not in group ${gid:+framepool}" stat
	told=$?
	cp "$dir/group" /etc/group
	reload size=256M && return "$told"
}

member_of_the_group_may_allocate() {
	reload size=256M "gid=$(id -g nobody)" || return
	as_nobody "$FRAMEPOOL alloc --size 4K"
	status=$?
	cat "$dir/said"
	reload size=256M && return "$status"
}

address_is_shown_to_root_alone() {
	says 0 '^address: 0x[0-9a-f]*000$' alloc --size 4K || return
	reload size=256M "gid=$(id -g nobody)" || return
	as_nobody "$FRAMEPOOL alloc --size 4K" && grep -q '^address: hidden$' "$dir/said" &&
	as_nobody "$FRAMEPOOL alloc --size 4K --json" && grep -q '"address": null$' "$dir/said"
	status=$?
	cat "$dir/said"
	reload size=256M && return "$status"
}

user_quota_is_told() {
	reload size=256M user_quota=4M && hold --size 3M || return
	says 0 '^user_quota: *4194304 (4M)$' info && says 0 '^user_quota: *4194304 (4M)$' clients &&
	says 0 '^client_quota: *none$' clients && says 0 '"user_quota": 4194304,' clients --json &&
	more="with 2M more this user would be charged more than pool 'default' allows" &&
	says 1 "$more, which is 4M" alloc --size 2M
	told=$?
	release TERM 0 && reload size=256M && return "$told"
}

quota_is_told() {
	reload size=256M client_quota=2M || return
	says 0 '^client_quota: *2097152 (2M)$' info && says 0 '^length: *2097152' alloc --size 2M &&
	says 1 "3M is more than pool 'default' lets one client be charged, which is 2M" \
		alloc --size 3M
	told=$?
	reload size=256M && return "$told"
}

# The module's name is in the list that depmod makes.
installed_module_is_told() {
	list=/lib/modules/$(uname -r)
	soon rmmod framepool || return
	mkdir -p "$list" && echo updates/dkms/framepool.ko.xz: >"$list/modules.dep" &&
	says 1 "module is not loaded: load it with 'modprobe framepool'" info
	told=$?
	rm -r "$list"
	insmod "$FRAMEPOOL_KO" size=256M && return "$told"
}

absent_module_is_told() {
	soon rmmod framepool || return
	says 1 "module is not loaded: load it with 'insmod framepool.ko'" info &&
	says 1 'module is not loaded' alloc --size 4K && says 1 'module is not loaded' clients
	told=$?
	insmod "$FRAMEPOOL_KO" size=256M && return "$told"
}

tests='
info_tells_what_is_fixed
info_json_has_the_same_keys
stat_adds_up
stat_json_has_the_same_keys
stat_counts_a_held_buffer
frag_of_an_idle_pool_is_none
frag_blocks_add_up_to_free
frag_bars_are_shares_of_free
caches_of_a_pool_without_caches_are_none
metrics_are_the_figures_of_stat_and_frag
metrics_replace_the_textfile_at_once
metrics_of_a_pool_that_was_shut_down
map_shows_where_extents_end
map_shows_the_layout
map_has_blocks_where_they_can_be_shown
map_svg_shows_the_layout
watch_prints_a_line_each_interval
watch_counts_what_happens
watch_ends_when_the_pool_does
top_fits_two_sizes_and_quits
top_interrupted_restores_the_terminal
top_says_on_stderr_why_it_ends
top_without_a_terminal
top_on_an_unknown_terminal_says_so
filling_shows_progress_on_a_terminal_only
hundred_commands_at_once_all_succeed
clients_shows_who_holds_what
export_makes_a_dmabuf
clients_of_an_idle_pool_are_none
no_line_of_any_command_ends_in_a_blank
alloc_rounds_up_to_frames
alloc_aligned_offset_is_congruent
alloc_json_has_the_same_keys
alloc_below_an_address
alloc_waits_as_long_as_it_is_told
alloc_beyond_any_alignment
alloc_from_file_agrees_with_cksum
alloc_from_file_has_its_size
alloc_from_pipe_reads_it_all
alloc_from_longer_file_is_refused
hold_ends_properly_by_signal
hold_killed_gives_all_back
alloc_beyond_the_pool_says_so
alloc_beyond_what_is_free_says_so
wrong_usage_ends_with_2
impossible_name_of_a_pool_is_told
absent_pool_is_told_with_those_present
unprivileged_user_is_told_to_be_root
outsider_is_told_the_group
member_of_the_group_may_allocate
address_is_shown_to_root_alone
quota_is_told
user_quota_is_told
installed_module_is_told
absent_module_is_told
'

seq 1 20000 > "$dir/small"
yes framepool | head -c 5000000 > "$dir/large"

echo "TAP version 13"
# shellcheck disable=SC2086 # one name a word
set -- $tests
echo "1..$#"
number=0
failed=0
for name; do
	number=$((number + 1))
	if "$name" > "$dir/trace" 2>&1; then
		echo "ok $number $name"
	else
		sed 's/^/# /' "$dir/trace"
		echo "not ok $number $name"
		failed=1
	fi
done
exit $failed
