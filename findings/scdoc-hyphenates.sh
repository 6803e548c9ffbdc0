#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Manual pages that scdoc makes are hyphenated, names of functions included, although each begins
# with .nh.
#
# Version:  scdoc 1.11.2-1, groff 1.22.4-10 (Debian 12).
# Expected: .nh at the beginning of the page switches hyphenation off: no name is broken at a line's
#           end.
# Found:    scdoc writes .nh before .TH, and the .TH of groff's man macros switches hyphenation on
#           again. A reader who copies the name of a function from the page copies a hyphen that is
#           not in it.
# Matters:  every page about a C interface. An .nh after .TH works.
# Seen:     as scdoc wrote it: 1 broken name; with .nh after .TH: 0
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
apt-get -qq -o APT::Sandbox::User="$(id -un)" \
	download scdoc=1.11.2-1 groff-base=1.22.4-10 libuchardet0
for deb in *.deb; do
	dpkg-deb -x "$deb" root
done

cat > page.scd << 'EOT'
region(3)

# NAME

region - a region of memory

# DESCRIPTION

A program gets memory by calling region_buffer_allocate_contiguous, and returns it later.
EOT
root/usr/bin/scdoc < page.scd > page.3
sed -n '/^\.TH/q; s/^\.nh$/scdoc wrote: .nh before .TH/p' page.3
sed '/^\.TH/a .nh' page.3 > better.3

# broken PAGE: prints how many lines of the page, formatted for 60 columns, end with a hyphen.
broken() {
	PATH=$folder/root/usr/bin:$PATH LD_LIBRARY_PATH=$folder/root/usr/lib/x86_64-linux-gnu \
	GROFF_FONT_PATH=$folder/root/usr/share/groff/1.22.4/font \
	GROFF_TMAC_PATH=$folder/root/usr/share/groff/1.22.4/tmac \
		groff -man -Tutf8 -rLL=60n "$1" | grep -c '‐$' || true
}
seen="as scdoc wrote it: $(broken page.3) broken name; with .nh after .TH: $(broken better.3)"
echo "$seen"
[ "$seen" = "as scdoc wrote it: 1 broken name; with .nh after .TH: 0" ]
