#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# A map as SVG: an XML parser reads it and finds the layout. $O is the build folder.
set -u

svg=$O/tests/heatmap.svg
"$O/tests/heatmap_test" svg > "$svg"

# finds NAME XPATH VALUE
finds()
{
	got=$(xmllint --xpath "$2" "$svg" 2>&1)
	if [ "$got" = "$3" ]; then
		echo "ok - $1"
	else
		echo "not ok - $1"
		echo "# $2 is '$got', not '$3'"
	fi
}

cells='//*[@id="map"]/*[local-name()="rect"]'
finds svg_is_xml 'local-name(/*)' svg
finds svg_has_a_square_for_each_huge_frame "count($cells)" 13
finds svg_first_two_are_used \
	"concat(${cells}[1]/@class, ${cells}[2]/@class, ${cells}[3]/@class)" s4s4s0
finds svg_last_is_bad_memory "string(${cells}[13]/*[local-name()=\"title\"])" \
	'at 24M: bad memory, out of use; extent 2 of 2'
finds svg_squares_do_not_overlap \
	"count(${cells}[@x = following-sibling::*/@x and @y = following-sibling::*/@y])" 0
finds svg_has_a_bar_where_an_extent_ends 'count(//*[@id="map"]/*[local-name()="line"])' 1
finds svg_bar_is_before_the_first_of_an_extent \
	"string(${cells}[@x - 1 = //*[@id=\"map\"]/*[local-name()=\"line\"]/@x1]/*)" \
	'at 10M: free; extent 2 of 2'
finds svg_legend_names_all_states_and_the_bar 'count(//*[@id="legend"]/*[local-name()="text"])' 9
finds svg_legend_shows_the_bar 'count(//*[@id="legend"]/*[local-name()="line"])' 1
