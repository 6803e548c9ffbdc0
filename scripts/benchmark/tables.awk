# SPDX-License-Identifier: GPL-2.0-only
# Turns rows of the benchmarks (see json.awk) into tables, one for each lab and suite.
function value(unit, best, low, high) {
	if (low == high)
		return figure(unit, best)
	return figure(unit, best) " (" figure(unit, low) "–" figure(unit, high) ")"
}

function figure(unit, x) {
	if (unit == "bytes" && x >= 1048576)
		return sprintf("%d Mi", x / 1048576)
	return sprintf(x >= 100 ? "%.0f" : x >= 1 ? "%.1f" : "%.3f", x)
}

BEGIN { FS = "\t" }

$1 "\t" $2 != table {
	table = $1 "\t" $2
	print "\n## Lab " $1 ", suite " $2 "\n"
	print "| case | threads | unit | framepool | peer | theirs | ratio |"
	print "|---|---:|---|---:|---|---:|---:|"
}

{
	printf "| %s | %d | %s | %s | %s | %s | %s |\n", $3, $4, $5, value($5, $6, $7, $8), $9,
		value($5, $10, $11, $12),
		($10 > 0 ? sprintf($6 < $10 / 10 ? "%.4f" : "%.2f", $6 / $10) : "–")
}
