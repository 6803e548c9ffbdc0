# SPDX-License-Identifier: GPL-2.0-only
#
# nm -A -P OBJECT... | awk -f uses.awk: prints "USER USED SYMBOL" for each symbol that one object
# uses and another defines. Objects are named like their sources.

{
	object = $1
	sub(/\.o:$/, ".c", object)
}

# Upper case: visible to other objects.
$3 == "U" || $3 == "w" { used[object, $2] = 1; next }
$3 ~ /^[A-Z]$/ { definer[$2] = object }

END {
	for (use in used) {
		split(use, part, SUBSEP)
		if (part[2] in definer)
			print part[1], definer[part[2]], part[2]
	}
}
