# SPDX-License-Identifier: GPL-2.0-only
# The suite frag: share of wholly free huge frames by round, in each lab. rows: see json.awk;
# picture: the SVG.
set terminal svg size 900,340 font "sans,11" background "white"
set output picture
set datafile separator "\t"
set grid ytics
set key top left reverse Left
set xlabel "round"
set xrange [15:105]
set yrange [0:75]
set multiplot layout 1,3

# series(lab, peer, column): round and share
series(lab, peer, column) = sprintf("< awk -F'\\t' " \
	. "'$1 == \"%s\" && $9 == \"%s\" && $3 ~ /, round/ " \
	. "{ n = split($3, w, \" \"); print w[n] \"\\t\" $%d }' %s", lab, peer, column, rows)
has(lab) = system(sprintf("grep -c '^%s' %s || true", lab, rows)) > 0

do for [lab in "host uml vm"] {
	set title lab . ": huge frames wholly free, %"
	if (has(lab) && lab eq "host") {
		plot series(lab, "ceiling", 6) using 1:2 \
		with linespoints lw 2 title "framepool", \
		     series(lab, "ceiling", 10) using 1:2 \
		with lines dt 2 title "ceiling"
	}
	if (has(lab) && lab ne "host") {
		plot series(lab, "ceiling", 6) using 1:2 \
		with linespoints lw 2 title "framepool", \
		     series(lab, "alloc_pages", 10) using 1:2 \
		with linespoints title "alloc_pages", \
		     series(lab, "ceiling", 10) using 1:2 \
		with lines dt 2 title "ceiling"
	}
}
unset multiplot
