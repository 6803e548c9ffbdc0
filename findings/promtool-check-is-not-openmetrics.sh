#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# "promtool check metrics" refuses OpenMetrics text that promtool itself imports.
#
# Version:  prometheus 2.42.0+ds-5+deb12u1 (Debian 12).
# Expected: the checker of a server that scrapes OpenMetrics, and that was its reference, checks it.
# Found:    it knows the older text format only. A counter in OpenMetrics, whose HELP has the name
#           without _total, "has no help text"; the type info and a time with a fraction are
#           errors. "promtool tsdb create-blocks-from openmetrics" takes the same files.
# Matters:  an exporter that is checked in CI: one that writes correct OpenMetrics fails.
# Seen:     see "expected" below
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
apt-get -qq -o APT::Sandbox::User="$(id -un)" download prometheus=2.42.0+ds-5+deb12u1
dpkg-deb -x ./*.deb root
promtool=root/usr/bin/promtool

cat > counter << 'EOT'
# HELP frames Frames that were allocated.
# TYPE frames counter
frames_total 1 1600000000
# EOF
EOT
cat > info << 'EOT'
# HELP pool What kind of pool it is.
# TYPE pool info
pool_info{memory="wb"} 1 1600000000
# EOF
EOT
cat > time << 'EOT'
# HELP free Bytes that are free.
# TYPE free gauge
free 1 1600000000.5
# EOF
EOT

expected="counter: imported; checked: frames_total no help text
info: imported; checked: error: unknown metric type
time: imported; checked: error: expected integer as timestamp"
found=$(for file in counter info time; do
	printf '%s: ' $file
	$promtool tsdb create-blocks-from openmetrics $file out > log 2>&1 && printf 'imported; '
	printf 'checked: '
	$promtool check metrics < $file 2>&1 |
		sed 's/.*line [0-9]*:/error:/; s/\(type\|timestamp\).*/\1/'
done)
echo "$found"
[ "$found" = "$expected" ]
