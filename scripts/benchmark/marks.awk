# SPDX-License-Identifier: GPL-2.0-only
# marks.awk MARKS ROWS: prints a table of the marks (see the file marks) and what was measured for
# them (the rows: see json.awk).
function measured(kind, i) {
	if (kind == "more")
		return ours[i] - theirs[i]
	if (kind == "self")
		return ours[i] / single[lab[i], name[i], peer[i]]
	return kind == "ratio" ? ours[i] / theirs[i] : ours[i]
}

# Returns the worst figure that mark m is about, or "" if there is none.
function worst(m,    i, x, found) {
	found = ""
	for (i = 1; i <= nr; i++) {
		if (lab[i] != mark[m, 3] || suite[i] != mark[m, 4] ||
		    name[i] !~ "^" mark[m, 5] "$" || threads[i] != mark[m, 6] ||
		    peer[i] != mark[m, 7])
			continue
		x = measured(mark[m, 2], i)
		if (found == "" || (mark[m, 8] == "<" ? x > found : x < found))
			found = x
	}
	return found
}

function verdict(m, x) {
	if (x == "")
		return "not measured"
	return (mark[m, 8] == "<" ? x <= mark[m, 9] + 0 : x >= mark[m, 9] + 0) ? "met" : "missed"
}

function against(m) {
	if (mark[m, 2] == "ratio" || mark[m, 2] == "more")
		return mark[m, 7]
	return mark[m, 2] == "self" ? "1 thread" : "–"
}

BEGIN { FS = "\t" }
/^#/ { next }

FNR == NR {
	marks++
	for (i = 1; i <= 9; i++)
		mark[marks, i] = $i
	next
}

{
	nr++
	lab[nr] = $1; suite[nr] = $2; name[nr] = $3; threads[nr] = $4
	ours[nr] = $6; peer[nr] = $9; theirs[nr] = $10
	if ($4 == 1)
		single[$1, $3, $9] = $6
}

END {
	print "## Marks\n"
	print "| lab | case | threads | against | mark | measured | |"
	print "|---|---|---:|---|---:|---:|---|"
	for (m = 1; m <= marks; m++) {
		x = worst(m)
		printf "| %s | %s | %d | %s | at %s %s | %s | %s |\n",
			mark[m, 3], mark[m, 1], mark[m, 6], against(m),
			mark[m, 8] == "<" ? "most" : "least", mark[m, 9],
			x == "" ? "–" : sprintf(x < 0.1 ? "%.4f" : "%.2f", x), verdict(m, x)
	}
}
