# SPDX-License-Identifier: GPL-2.0-only
#
# awk -v linter=NAME -f except.awk EXCEPTIONS FINDINGS: prints the findings that match no exception
# of that linter, and the exceptions that match no finding.

FILENAME == ARGV[1] {
	if ($0 !~ /^(#|$)/ && split($0, part, /\t+/) == 3 && part[1] == linter)
		patterns[part[2]] = 0
	else if ($0 !~ /^(#|$)/ && split($0, part, /\t+/) != 3)
		printf "%s:%d: not a linter, a pattern and a reason\n", FILENAME, FNR
	next
}

{
	known = 0
	for (pattern in patterns)
		if ($0 ~ pattern) {
			patterns[pattern]++
			known = 1
		}
	if (!known)
		print
}

END {
	for (pattern in patterns)
		if (!patterns[pattern])
			print "scripts/linters/exceptions: " linter " finds nothing like " pattern
}
