# SPDX-License-Identifier: GPL-2.0-only
#
# Finds non-static functions that lack a kernel-doc comment, or a part of it. A comment needs
# Return: if the function returns a value, and Context: if it takes a lock, allocates memory or may
# sleep.

function finding(what) {
	printf "%s:%d: %s() %s\n", FILENAME, start, name, what
}

function judge() {
	if (!documented)
		finding("has no kernel-doc comment")
	else if (!void && comment !~ /\* Return:/)
		finding("returns a value, and its comment has no Return:")
	else if (minds && comment !~ /\* Context:/)
		finding("depends on its context, and its comment has no Context:")
}

FNR == 1 { comment = ""; inside = documented = 0 }

/^\/\*\*$/ { comment = ""; inside = 1 }
inside { comment = comment $0 "\n" }
inside && /\*\/$/ { inside = 0; documented = 1; next }
inside { next }

function begins_definition(line) {
	return line ~ /^[a-z].*[a-z0-9_]\(/ && line !~ /^[a-z_]+\(/ && line !~ /;$/ &&
		line !~ /^(static|typedef|extern|struct [a-z_]* \{|return|if|else|for|while|switch)/
}

# Does the line take a lock, allocate memory, or maybe sleep?
function depends_on_context(line) {
	return line ~ /(^|[^a-z_])(spin_(un)?lock|read_lock|mutex_lock|rcu_read_lock)/ ||
		line ~ /(^|[^a-z_])fp_(owner|buddy)_(lock|freeze)/ ||
		line ~ /(^|[^a-z_])(synchronize_rcu|might_sleep|wait_event)/ ||
		line ~ /(^|[^a-z_])(k[vmz]*alloc|alloc_page|GFP_)/
}

# The first line of a definition: a name before a parenthesis, at the left edge.
begins_definition($0) {
	name = $0
	sub(/\(.*/, "", name)
	void = name ~ /^void [a-z]/
	sub(/.*[ *]/, "", name)
	start = FNR
	minds = 0
}

start && depends_on_context($0) { minds = 1 }
/;$/ && start && !opened { start = 0 }
/^\{$/ { opened = start != 0 }
/^\}$/ {
	if (start)
		judge()
	start = opened = 0
}
/^$/ || /^\}/ { if (!start) documented = 0 }
