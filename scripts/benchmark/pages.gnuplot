# SPDX-License-Identifier: GPL-2.0-only
# The suite pages: repeat by order in the kernels, and one and two threads on the host. rows: see
# json.awk; picture: the SVG.
set terminal svg size 900,340 font "sans,11" background "white"
set output picture
set datafile separator "\t"
set style fill solid 0.8 noborder
set grid ytics
set key top left reverse Left
set logscale y
set multiplot layout 1,3

# series(lab, peer, threads, column, case): order and value
series(lab, peer, threads, column, case) = sprintf("< awk -F'\\t' " \
	. "'$1 == \"%s\" && $9 == \"%s\" && $4 == %d && $3 ~ / %s$/ " \
	. "{ split($3, w, \" \"); print w[2] \"\\t\" $%d }' %s", \
	lab, peer, threads, case, column, rows)
has(lab) = system(sprintf("grep -c '^%s' %s || true", lab, rows)) > 0

set xlabel "order"
set xrange [-0.5:9.5]
set title "uml: allocate and free, ns"
if (has("uml")) {
	plot series("uml", "alloc_pages", 1, 6, "repeat") using 1:2 \
		with linespoints lw 2 title "framepool", \
	     series("uml", "alloc_pages", 1, 10, "repeat") using 1:2 \
		with linespoints title "alloc_pages", \
	     series("uml", "gen_pool", 1, 10, "repeat") using 1:2 \
		with points title "gen_pool"
}
set title "vm: allocate and free, instructions"
if (has("vm")) {
	plot series("vm", "alloc_pages", 1, 6, "repeat") using 1:2 \
		with linespoints lw 2 title "framepool", \
	     series("vm", "alloc_pages", 1, 10, "repeat") using 1:2 \
		with linespoints title "alloc_pages", \
	     series("vm", "gpu_buddy", 1, 10, "repeat") using 1:2 \
		with linespoints title "gpu_buddy"
}
set title "host: allocate, one of a bulk, ns"
if (has("host")) {
	plot series("host", "floor", 1, 6, "bulk get") using 1:2 \
		with linespoints lw 2 title "framepool", \
	     series("host", "floor", 2, 6, "bulk get") using 1:2 \
		with linespoints lw 2 title "2 threads", \
	     series("host", "floor", 1, 10, "bulk get") using 1:2 \
		with linespoints title "floor"
}
unset multiplot
