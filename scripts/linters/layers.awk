# SPDX-License-Identifier: GPL-2.0-only
#
# awk -f layers.awk CORE MAP SOURCES: checks the includes of the module against the drawing at the top of the MAP, module/README.md.
# A file includes headers that are drawn below it. One without a header of its own is a part of what it is drawn under, and includes that
# header, too. CORE names the sources of the core: what they include, directly or not, is headers of the module alone, and platform.h.

function noun(file) {
	sub(/.*\//, "", file)
	sub(/\.[ch]$/, "", file)
	return file
}

function finding(what) {
	printf "%s:%d: %s\n", FILENAME, FNR, what
}

# What may be included from anywhere, being about the kernel or the interfaces and not about the pool.
BEGIN {
	split("platform compat context locks trace framepool uapi_layout", names)
	for (i in names)
		row[names[i]] = 999
	row["main"] = 0
}

FILENAME == "-" {
	for (i = 1; i <= NF; i++)
		core[$i] = 1
	next
}

FILENAME ~ /README\.md$/ {
	if (/^```/)
		drawing = ++fences == 1
	if (!drawing || !match($0, /[a-z]/))
		next
	depth = RSTART
	for (i = 1; i <= NF && $i ~ /^[a-z_]+\.[ch]$/; i++) {
		name = noun($i)
		row[name] = FNR
		deep[name] = depth
		for (up = depth - 1; up > 0 && !(up in last); up--)
			;
		parent[name] = last[up]
		next_last = name
	}
	for (up in last)
		if (up + 0 > depth)
			delete last[up]
	last[depth] = next_last
	next
}

FNR == 1 {
	self = noun(FILENAME)
	known = self in row
	header = FILENAME
	sub(/\.c$/, ".h", header)
	whole = (getline line < header) > 0
	close(header)
	from = row[whole ? self : parent[self]]
	# What is recorded of an event is taken from anywhere.
	if (FILENAME ~ /\/trace\.c$/)
		from = 0
	if (!known)
		finding("module/README.md does not say where it lies")
	reaches[FILENAME] = ""
}

/^#include "/ {
	split($0, part, "\"")
	name = noun(part[2])
	if (part[2] ~ /_host\.h$/)
		next
	reaches[FILENAME] = reaches[FILENAME] " module/" part[2]
	if (known && name != self && row[name] < from)
		finding("includes " part[2] ", which module/README.md does not draw below it")
	next
}

/^#include </ { foreign[FILENAME] = FNR ": includes " $2 }

function visit(file, from, list, n, i) {
	if (file in seen || file ~ /\/platform\.h$/)
		return
	seen[file] = 1
	if (file in foreign)
		printf "%s:%s, and is part of the core through %s\n", file, foreign[file], from
	n = split(reaches[file], list, " ")
	for (i = 1; i <= n; i++)
		visit(list[i], file)
}

END {
	for (file in core)
		visit(file, file)
}
