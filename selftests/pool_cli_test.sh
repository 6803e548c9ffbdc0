#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Tests "framepool pool" against the modules. Runs as root in the lab's guest, where the pool
# "default" of 256M is loaded. $FRAMEPOOL is the command, $FRAMEPOOL_CONFIGFS_KO the second module.
#
# Each function named in $tests is a test; it passes if it returns 0. Its output is shown if it
# fails.
# shellcheck disable=SC2317 # shellcheck does not see that the tests are called
set -u

FRAMEPOOL=${FRAMEPOOL:-/bin/framepool}
FRAMEPOOL_CONFIGFS_KO=${FRAMEPOOL_CONFIGFS_KO:-/framepool_configfs.ko}
config=/sys/kernel/config/framepool
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT

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

# does ARGUMENT...: the command succeeds and prints nothing.
does() {
	"$FRAMEPOOL" "$@" > "$dir/said" 2>&1 < /dev/null && [ ! -s "$dir/said" ] && return
	echo "framepool $*:"
	cat "$dir/said"
	return 1
}

tests="create_shows_and_destroys refusals_say_why busy_pool_says_who force_shuts_down
	interrupted_create_leaves_nothing apply_makes_pools_once apply_tells_differences
	default_pool_stays"

create_shows_and_destroys() {
	does pool create video --size 8M --below 4G:2M --gid 900 --mode 0640 --client-quota 4M &&
		[ -c /dev/framepool/video ] &&
		says 0 '^total: *8388608' --pool video info &&
		says 0 'video .*1 .*8M' pool list &&
		says 0 '"pool": "video"' --json pool list &&
		says 0 '^client_quota: *4194304' pool show video &&
		says 0 '"below_size": 2097152' pool show video --json &&
		says 0 '"below": 4294967296' --json pool show video &&
		does pool destroy video &&
		[ ! -e /dev/framepool/video ] && [ ! -e $config/video ]
}

refusals_say_why() {
	does pool create video --size 8M &&
		says 1 "there is a pool 'video' already" pool create video --size 8M &&
		does pool destroy video &&
		says 1 "there is no pool 'video'" pool destroy video &&
		says 1 "there is no pool 'video'" pool show video &&
		says 1 "'a b' cannot be the name" pool create 'a b' --size 8M &&
		says 1 'size=0: expected a positive number' pool create video --size 0 &&
		says 1 'size=some: expected' pool create video --size some &&
		says 1 '65536 MiB requested, [0-9]* MiB poss' pool create video --size 64G &&
		says 1 'node=99: there is no such' pool create video --size 8M --node 99 &&
		says 1 'memory=ram: expected' pool create video --size 8M --memory ram &&
		says 1 'mode=0777: expected' pool create video --size 8M --mode 0777 &&
		[ ! -e $config/video ]
}

busy_pool_says_who() {
	does pool create video --size 8M || return
	"$FRAMEPOOL" --pool video alloc --size 2M --hold > "$dir/held" 2>&1 &
	holder=$!
	until grep -q "^holding" "$dir/held"; do sleep 0.1; done
	says 1 "in use by process $holder (framepool): open or mapped, 1 buffers" \
		pool destroy video &&
		[ -c /dev/framepool/video ]
	busy=$?
	kill $holder
	wait $holder
	does pool destroy video && return $busy
}

force_shuts_down() {
	does pool create video --size 8M || return
	"$FRAMEPOOL" --pool video alloc --size 2M --hold > "$dir/held" 2>&1 &
	holder=$!
	until grep -q "^holding" "$dir/held"; do sleep 0.1; done
	says 1 "in use by process $holder" pool destroy --force video &&
		says 1 'shut' --pool video info
	busy=$?
	kill $holder
	wait $holder
	does pool destroy video --force && return $busy
}

interrupted_create_leaves_nothing() {
	size=$(($(sed -n 's/^MemAvailable: *\([0-9]*\).*/\1/p' /proc/meminfo) / 2))
	"$FRAMEPOOL" pool create video --size ${size}K > "$dir/said" 2>&1 &
	maker=$!
	until [ -e $config/video/live ] || [ ! -d /proc/$maker ]; do :; done
	kill -TERM $maker
	wait $maker
	status=$?
	cat "$dir/said"
	[ $status != 0 ] && [ ! -e /dev/framepool/video ] && [ ! -e $config/video ] && return
	# It may have been too quick.
	[ $status = 0 ] && does pool destroy video
}

apply_makes_pools_once() {
	cat > "$dir/conf" << EOT
# two pools

red size=4M user_quota=2M	# the first
  green   size=6M below=4G:2M mode=0600
EOT
	does pool apply "$dir/conf" && [ -c /dev/framepool/red ] && [ -c /dev/framepool/green ] &&
		does pool apply "$dir/conf" &&
		says 0 'green .*6M .*0600' pool list &&
		does pool destroy red && does pool destroy green
}

apply_tells_differences() {
	printf '%s\n' 'red size=4M' 'green size=2M colour=red' 'blue size' 'x size=2M' > "$dir/conf"
	does pool create red --size 6M &&
		says 1 "'red' is there, but with size=6291456 instead of 4194304" \
			pool apply "$dir/conf" &&
		grep -q "conf:1: this pool is not as it should be" "$dir/said" &&
		grep -q "there is no option 'colour'" "$dir/said" &&
		grep -q "'size' is not OPTION=VALUE" "$dir/said" &&
		[ -c /dev/framepool/x ] && [ ! -e $config/green ] && [ ! -e $config/blue ] &&
		says 1 "cannot open '/nonesuch'" pool apply /nonesuch
	status=$?
	does pool destroy red && does pool destroy x && return $status
}

default_pool_stays() {
	says 1 'until framepool is unloaded' pool destroy default &&
		says 0 '^size: *268435456' pool show default
}

# Removes what a test that failed left behind.
clean() {
	for pool in "$config"/*; do
		[ "$pool" = $config/default ] && continue
		echo 0 > "$pool/live"
		rmdir "$pool"
	done
}

[ -d /sys/kernel/config ] || modprobe configfs
mount -t configfs none /sys/kernel/config 2> /dev/null
insmod "$FRAMEPOOL_CONFIGFS_KO" || exit 1
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
		clean
	fi
done
rmmod framepool_configfs || failed=1
exit $failed
