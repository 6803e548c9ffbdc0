# SPDX-License-Identifier: GPL-2.0-only
#
# diff FILE FORMATTED | awk -v file=FILE -f format.awk -: prints where FORMATTED differs from FILE
# in blanks alone.

function indent(line) {
	match(line, /^[ \t]*/)
	return substr(line, 1, RLENGTH)
}

function words(line) {
	gsub(/[ \t]+/, " ", line)
	sub(/^ /, "", line)
	return line
}

function bare(line) {
	gsub(/[ \t]/, "", line)
	return line
}

# Does a statement begin after the line?
function ends(line) {
	return line ~ /([;{}]|\*\/|^#.*[^\\])[ \t]*(\/\*.*\*\/)?$/ ||
		line ~ /^([ \t]*(case .*|default|[a-z_]+):)?[ \t]*(\/\*.*\*\/)?$/
}

function judge(i, before) {
	if (nr_old != nr_new)
		return
	for (i = 1; i <= nr_old; i++)
		if (bare(old[i]) != bare(new[i]))
			return
	for (i = 1; i <= nr_old; i++) {
		before = lines[first + i - 2]
		if (old[i] ~ /\\$/ || before ~ /\\$/)
			continue
		if (words(old[i]) != words(new[i]))
			printf "%s:%d: blanks within the line: should be: %s\n",
				file, first + i - 1, words(new[i])
		else if (indent(old[i]) != indent(new[i]) && ends(before))
			printf "%s:%d: indentation: %s\n", file, first + i - 1, words(old[i])
	}
}

BEGIN {
	while ((getline line < file) > 0)
		lines[++nr] = line
}

/^[0-9]/ {
	judge()
	nr_old = nr_new = 0
	first = $0 + 0
}
/^</ { old[++nr_old] = substr($0, 3) }
/^>/ { new[++nr_new] = substr($0, 3) }
END { judge() }
