#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Runs the programs of userspace/examples, which lie in /examples, as root in the lab's guest. Where
# a guest lacks what an example needs, the example must say so, and do nothing.
#
# Each function named in $tests is a test; it passes if it returns 0. Its output is shown in any
# case.
# shellcheck disable=SC2317 # shellcheck does not see that the tests are called
set -u

sysfs=/sys/bus/pci/devices
out=$(mktemp) || exit 1
trap 'rm -f "$out"' EXIT

# says STATUS PATTERN EXAMPLE [ARGUMENT...]: the example ends with STATUS and prints a line with
# PATTERN.
says() {
	wanted=$1 pattern=$2 example=$3
	shift 3
	echo "$example $*"
	"/examples/$example" "$@" > "$out" 2>&1 < /dev/null
	got=$?
	cat "$out"
	[ "$got" -eq "$wanted" ] && grep -qe "$pattern" "$out" && return
	echo "status $got, wanted $wanted and '$pattern'"
	return 1
}

# Prints the first edu device.
edu() {
	for device in "$sysfs"/*; do
		[ "$(cat "$device/vendor" "$device/device")" != "0x1234
0x11e8" ] || { echo "${device##*/}"; return; }
	done
}

# behind_iommu DEVICE
behind_iommu() {
	[ -e "$sysfs/$1/iommu_group" ]
}

# give DEVICE: gives it to programs.
give() {
	modprobe vfio_iommu_type1 allow_unsafe_interrupts=1 && modprobe vfio-pci &&
	echo vfio-pci > "$sysfs/$1/driver_override" && echo "$1" > /sys/bus/pci/drivers_probe
}

# take_back DEVICE: leaves it without a driver.
take_back() {
	echo "$1" > "$sysfs/$1/driver/unbind" && echo > "$sysfs/$1/driver_override"
}

hello() {
	says 0 '^hello, contiguous world: 2097152 bytes' hello
}

# It compares what the program can reach before and after each collection.
collector() {
	says 0 '^200000 objects were allocated in 1024 KiB, [1-9][0-9]* collections' collector &&
	grep -q '^  from at *0x[0-9a-f]* |.*[.+].*|$' "$out" &&
	grep -q '^  to   at *0x[0-9a-f]* |##* *|$' "$out"
}

# reload ARGUMENT...: loads the module with these parameters.
reload() {
	rmmod framepool && insmod "$FRAMEPOOL_KO" "$@"
}

hello_without_a_pool() {
	rmmod framepool && says 1 'insmod\|modprobe' hello
	status=$?
	insmod "$FRAMEPOOL_KO" size=256M && return $status
}

vfio() {
	says 1 'no such device' vfio 0000:ff:1f.7 || return
	device=$(edu)
	behind_iommu "$device" || { says 1 'behind no IOMMU' vfio "$device"; return; }
	says 1 /dev/vfio vfio "$device" && give "$device" || return
	says 0 'read 2048 bytes at .* and wrote' vfio "$device"
	status=$?
	[ $status != 0 ] || says 1 'it has a driver' physical "$device" || status=1
	take_back "$device" && return $status
}

physical() {
	says 1 'No such file' physical 0000:ff:1f.7 || return
	device=$(edu)
	if behind_iommu "$device"; then
		says 1 'translates addresses' physical "$device"
		return
	fi
	reload size=16M below=256M && says 0 'read 2048 bytes at .* and wrote' physical "$device"
	status=$?
	reload size=256M && return $status
}

# A device in software, over a network device of the kernel. Before 7.3 it needs crc32_generic.
rdma_link() {
	modprobe -q crc32_generic
	modprobe -q ib_uverbs && modprobe -q rdma_rxe && modprobe -q dummy numdummies=1 &&
	ifconfig dummy0 10.0.0.1 up || return
	[ -e /sys/class/infiniband/rxe0 ] || rdma link add rxe0 type rxe netdev dummy0
}

rdma_example() {
	if rdma_link; then
		says 0 '^4 MiB were written to the other side and read back' rdma
	else
		says 1 'no RDMA device' rdma
	fi
}

# DPDK without hugepages takes the program's addresses.
dpdk_with_addresses_of_the_program() {
	says 0 '^200000 packets of 1000 bytes' dpdk --no-huge --no-shconf --no-telemetry -m 32 &&
	grep -q 'for devices.*IOVA as VA' "$out"
}

dpdk_with_physical_addresses() {
	echo 16 > /proc/sys/vm/nr_hugepages
	says 0 '^200000 packets of 1000 bytes' dpdk --in-memory --no-telemetry -m 32 \
		--iova-mode=pa && grep -q 'for devices.*IOVA as PA' "$out"
	status=$?
	echo 0 > /proc/sys/vm/nr_hugepages
	return $status
}

tests='
hello
hello_without_a_pool
collector
vfio
physical
rdma_example
'

# Only a guest that was given this program has its libraries.
! command -v dpdk > /dev/null || tests="$tests
dpdk_with_addresses_of_the_program
dpdk_with_physical_addresses"

echo "TAP version 13"
# shellcheck disable=SC2086 # one name a word
set -- $tests
echo "1..$#"
number=0
failed=0
for name; do
	number=$((number + 1))
	if "$name" > "$out.all" 2>&1; then
		result=ok
	else
		result='not ok' failed=1
	fi
	sed 's/^/# /' "$out.all"
	echo "$result $number $name"
done
rm -f "$out.all"
exit $failed
