# SPDX-License-Identifier: GPL-2.0-only
# Turns rows of the benchmarks into a JSON list of objects. Fields: lab, suite, case, threads, unit,
# ours: best, low, high, peer, theirs: best, low, high.
BEGIN { FS = "\t"; print "[" }
NR > 1 { print "," }
{
	printf "{\"lab\": \"%s\", \"suite\": \"%s\", \"case\": \"%s\", ", $1, $2, $3
	printf "\"threads\": %d, \"unit\": \"%s\", ", $4, $5
	printf "\"ours\": %.15g, \"peer\": \"%s\", \"theirs\": %.15g, ", $6, $9, $10
	printf "\"ratio\": %s}", ($10 > 0 ? sprintf("%.4f", $6 / $10) : "null")
}
END { print NR ? "\n]" : "]" }
