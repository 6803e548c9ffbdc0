# SPDX-License-Identifier: GPL-2.0-only
#
# awk -f layers.awk USES: prints the uses (see uses.awk) of a higher folder, or of one at the same
# height. The files in module/ itself, except the tracepoints, are above all folders.

function height(file, part) {
	if (split(file, part, "/") == 2)
		return file == "module/trace.c" ? 0 : 9
	return part[2] in layer ? layer[part[2]] : 8
}

BEGIN {
	layer["core"] = 1
	layer["slab"] = 2
	layer["pool"] = 3
	layer["user"] = layer["kernel"] = 4
	layer["admin"] = 5
}

function folder(file) {
	sub(/\/[^\/]*$/, "", file)
	return file
}

folder($1) != folder($2) && height($1) <= height($2) {
	printf "%s:1: uses %s, which is defined in %s\n", $1, $3, $2
}
