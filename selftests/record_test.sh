#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Tests 'framepool record' and 'framepool replay' against the module. Runs as root in the lab's
# guest, where the pool "default" of 256M is loaded and nobody else uses it. $FRAMEPOOL is the
# command.
#
# Recording switches tracepoints on and off, for which the kernel patches its code. QEMU's emulator
# does not stand that with more than one processor, so the tests are then skipped.
#
# Each function named in $tests is a test; it passes if it returns 0. Its output is shown if it
# fails.
# shellcheck disable=SC2317 # shellcheck does not see that the tests are called
set -u

FRAMEPOOL=${FRAMEPOOL:-/bin/framepool}
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT

# soon COMMAND...: repeats the command until it succeeds; fails after 30 seconds.
soon() {
	for _ in $(seq 300); do
		"$@" && return
		sleep 0.1
	done
	echo "still fails after 30 seconds: $*"
	return 1
}

# value KEY: prints a number from framepool stat.
value() {
	"$FRAMEPOOL" stat | sed -n "s/^$1: *\([0-9]*\).*/\1/p"
}

is_idle() {
	[ "$(value free)" = "$(value total)" ]
}

is_settled() {
	[ "$(value quarantined)" = 0 ]
}

# start_recording FILE ARGUMENT...: its pid is in $recorder.
start_recording() {
	file=$1
	shift
	"$FRAMEPOOL" record "$@" "$file" > "$dir/recorded" 2>&1 &
	recorder=$!
	soon grep -q "^recording pool 'default'" "$dir/recorded" && return
	cat "$dir/recorded"
	return 1
}

# stop_recording SIGNAL: the recording ends properly.
stop_recording() {
	kill "-$1" "$recorder"
	wait "$recorder"
	status=$?
	cat "$dir/recorded"
	[ "$status" -eq 0 ] && no_instance_is_left
}

no_instance_is_left() {
	[ -z "$(ls /sys/kernel/debug/tracing/instances)" ]
}

# told KEY: prints a number that the recording ended with.
told() {
	sed -n "s/^$1: //p" "$dir/recorded"
}

# hold NAME ARGUMENT...: holds a buffer until "release NAME".
hold() {
	held=$1
	shift
	"$FRAMEPOOL" alloc --hold "$@" > "$dir/held.$held" 2>&1 &
	eval "pid_$held=$!"
	soon grep -q '^holding, ' "$dir/held.$held"
}

release() {
	for held; do
		eval "kill \$pid_$held && wait \$pid_$held"
	done
	soon is_settled
}

# replayed KEY: prints a number of the replay.
replayed() {
	sed -n "s/^$1: *\([0-9]*\).*/\1/p" "$dir/replayed"
}

# The state in which the recording ends: used, free and the longest run.
state() {
	echo "$(value used) $(value free) $(value largest)"
}

# Frees come last. Otherwise it would depend on when memory is cleared where the next buffer lies.
replay_ends_in_the_recorded_state() {
	soon is_idle && start_recording "$dir/recording" || return
	hold a --size 3076K && hold b --size 12K && hold c --size 8M --align 2M &&
	hold d --size 20M && hold e --size 1M && hold f --size 6M &&
	hold g --size 40K --below 4G || return
	"$FRAMEPOOL" alloc --size 1T > /dev/null 2>&1
	release c d && soon is_settled && state > "$dir/then"
	stop_recording INT || return
	release a b e f g && soon is_idle || return
	cat "$dir/recording"
	[ "$(told events)" = 10 ] && [ "$(told lost)" = 0 ] &&
	"$FRAMEPOOL" replay "$dir/recording" > "$dir/replayed" || return
	cat "$dir/replayed" "$dir/then"
	[ "$(replayed allocs)" = 7 ] && [ "$(replayed frees)" = 2 ] &&
	[ "$(replayed failures)" = 1 ] && [ "$(replayed failed_only_now)" = 0 ] &&
	[ "$(replayed failed_only_then)" = 0 ] &&
	[ "$(replayed used) $(replayed free) $(replayed largest)" = "$(cat "$dir/then")" ] &&
	"$FRAMEPOOL" replay --json "$dir/recording" | grep -q "\"used\": $(replayed used)," &&
	soon is_idle
}

# requests FILE: prints its events, with buffers in the order in which they came.
requests() {
	awk '
		$1 == "a" { buffer[$7] = ++count; print "a", count, $4, $5, $6 }
		$1 == "f" { print "f", buffer[$4] }
		$1 == "x" { print "x", $4, $5, $6, $7 }' "$1"
}

# Then all that is left is freed.
recording_of_a_replay_is_the_same() {
	start_recording "$dir/again" && "$FRAMEPOOL" replay "$dir/recording" > /dev/null &&
	stop_recording TERM || return
	cat "$dir/again" "$dir/recording"
	requests "$dir/recording" > "$dir/requests" &&
	requests "$dir/again" | head -n 10 | cmp - "$dir/requests" &&
	[ "$(told events)" = 15 ]
}

# many: writes a recording of 2000 events.
many() {
	awk 'BEGIN {
		print "framepool-recording 1\npool default\nframe 4096\nhuge 512\nextent 100 128"
		for (i = 0; i < 1000; i++)
			print "a", i, 0, 1, 1, 0, i "\nf", i, 0, i
		print "end 2000 0"
	}'
}

lost_events_are_counted() {
	many > "$dir/many" && start_recording "$dir/lossy" --buffer 4K || return
	kill -STOP "$recorder"
	"$FRAMEPOOL" replay "$dir/many" > "$dir/replayed"
	kill -CONT "$recorder"
	stop_recording INT || return
	[ "$(replayed allocs)" = 1000 ] && [ "$(told lost)" -gt 0 ] &&
	[ $(($(told lost) + $(told events))) = 2000 ] &&
	grep -q "$(told lost) events came too fast: a larger --buffer loses fewer" \
		"$dir/recorded" &&
	"$FRAMEPOOL" replay "$dir/lossy" > "$dir/replayed" &&
	[ "$(replayed lost)" = "$(told lost)" ] && soon is_idle
}

recording_stops_after_a_time() {
	start_recording "$dir/short" --time 0.5 && wait "$recorder" && cat "$dir/short" &&
	[ "$(tail -n 1 "$dir/short")" = 'end 0 0' ] && no_instance_is_left &&
	[ "$(stat -c %a "$dir/short")" = 600 ] &&
	"$FRAMEPOOL" replay "$dir/short" > "$dir/replayed" && [ "$(replayed events)" = 0 ]
}

# refused PATTERN COMMAND...: it fails and says so, and leaves no instance.
refused() {
	pattern=$1
	shift
	"$@" > "$dir/said" 2>&1
	status=$?
	cat "$dir/said"
	[ "$status" -eq 1 ] && grep -q "$pattern" "$dir/said" && no_instance_is_left
}

failures_say_why_and_leave_nothing() {
	chmod 755 "$dir"
	refused "cannot write '/proc/none'" "$FRAMEPOOL" record --time 1 /proc/none &&
	refused "there is no pool 'other'" "$FRAMEPOOL" --pool other record "$dir/none" &&
	refused 'run as root' su -s /bin/sh nobody -c "$FRAMEPOOL record /tmp/none" &&
	refused "cannot open '$dir/none'" "$FRAMEPOOL" replay "$dir/none"
}

tests='
replay_ends_in_the_recorded_state
recording_of_a_replay_is_the_same
lost_events_are_counted
recording_stops_after_a_time
failures_say_why_and_leave_nothing
'

echo "TAP version 13"
# shellcheck disable=SC2086 # one name a word
set -- $tests
echo "1..$#"
number=0
failed=0
for name; do
	number=$((number + 1))
	if [ "$(grep -c ^processor /proc/cpuinfo)" -gt 1 ]; then
		echo "ok $number $name # SKIP more than one processor"
	elif "$name" > "$dir/trace" 2>&1; then
		echo "ok $number $name"
	else
		sed 's/^/# /' "$dir/trace"
		echo "not ok $number $name"
		failed=1
	fi
done
exit $failed
