# SPDX-License-Identifier: GPL-2.0-only
#
# Counts test results. Input: TAP of any number of programs, each between the lines
#   @lab test NAME
#   @lab exit STATUS
# followed by results about the program after its exit. Prints a line for each program, all output
# of failed and skipped tests, and as the last line "N passed, N failed[, N skipped]". A program
# counts as failed if its exit status says so but no test failed, or if it printed no result or
# fewer than planned.

function fail(reason) {
	failures++
	details = details "  not ok - " reason "\n"
}

function finish() {
	if (program == "")
		return
	if (!ended)
		fail("it did not finish")
	if (passes + failures + skips == 0)
		fail("it gave no results")
	printf "%-32s %4d passed, %d failed%s\n%s", program, passes, failures,
	       skips ? ", " skips " skipped" : "", details
	passed += passes; failed += failures; skipped += skips
	passes = failures = skips = ended = results = 0
	planned = -1
	details = notes = last = program = ""
}

function leave(status) {
	ended = 1
	if (status == 4 && results == 0) {
		skips++
		details = details notes
	} else if (status != 0 && status != 4 && failures == 0) {
		fail("exit status " status "; its last line was:\n  " last)
	} else if (planned > 0 && results != planned) {
		fail(results " results instead of " planned)
	}
}

BEGIN { planned = -1 }

{ sub(/\r$/, "") }

/^@lab test / { finish(); program = $3; next }
/^@lab exit / { leave($3); next }
/^@lab / || /^$/ { next }
{ last = $0 }

/^1\.\.[0-9]+/ && !ended { planned = substr($1, 4) + 0 }

/^ok / {
	results++
	if ($0 ~ /# SKIP/) {
		skips++
		details = details notes "  " $0 "\n"
	} else {
		passes++
	}
	notes = ""
	next
}

/^not ok / {
	results++
	failures++
	details = details notes "  " $0 "\n"
	notes = ""
	next
}

{ notes = notes "  " $0 "\n" }

END {
	finish()
	printf "%d passed, %d failed%s\n", passed, failed, skipped ? ", " skipped " skipped" : ""
	exit failed > 0 || passed == 0
}
