# SPDX-License-Identifier: GPL-2.0-only
# Rows of the benchmarks (see json.awk) to tables, one for each lab and suite.
function value(best, low, high) {
	return low == high ? figure(best) : figure(best) " (" figure(low) "–" figure(high) ")"
}

function figure(x) {
	return x >= 1048576 ? sprintf("%d Mi", x / 1048576) : sprintf(x >= 100 ? "%.0f" : "%.1f", x)
}

BEGIN { FS = "\t" }

$1 "\t" $2 != table {
	table = $1 "\t" $2
	print "\n## Lab " $1 ", suite " $2 "\n"
	print "| case | threads | unit | framepool | peer | theirs | ratio |"
	print "|---|---:|---|---:|---|---:|---:|"
}

{
	printf "| %s | %d | %s | %s | %s | %s | %s |\n", $3, $4, $5, value($6, $7, $8), $9, value($10, $11, $12),
		($10 > 0 ? sprintf("%.2f", $6 / $10) : "–")
}
