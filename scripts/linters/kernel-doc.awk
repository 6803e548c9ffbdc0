# SPDX-License-Identifier: GPL-2.0-only
#
# Finds functions that others may call and that lack a kernel-doc comment, or a part of one. A comment says what it returns
# if it returns anything, and from what context it may be called if it takes a lock, allocates memory or may sleep.

function finding(what) {
	printf "%s:%d: %s() %s\n", FILENAME, start, name, what
}

function judge() {
	if (!documented)
		finding("has no kernel-doc comment")
	else if (!void && comment !~ /\* Return:/)
		finding("returns something, and its comment has no Return:")
	else if (minds && comment !~ /\* Context:/)
		finding("minds its context, and its comment has no Context:")
}

FNR == 1 { comment = ""; inside = documented = 0 }

/^\/\*\*$/ { comment = ""; inside = 1 }
inside { comment = comment $0 "\n" }
inside && /\*\/$/ { inside = 0; documented = 1; next }
inside { next }

# The first line of a definition: a name before a parenthesis, at the left edge.
/^[a-z].*[a-z0-9_]\(/ && !/^(static|typedef|extern|struct [a-z_]* \{|return|if|else|for|while|switch)/ && !/^[a-z_]+\(/ && !/;$/ {
	name = $0
	sub(/\(.*/, "", name)
	void = name ~ /^void [a-z]/
	sub(/.*[ *]/, "", name)
	start = FNR
	minds = 0
}

start && /(^|[^a-z_])(spin_(un)?lock|read_lock|mutex_lock|rcu_read_lock|fp_(owner|buddy)_(lock|freeze)|synchronize_rcu|might_sleep|wait_event|k[vmz]*alloc|alloc_page|GFP_)/ { minds = 1 }
/;$/ && start && !opened { start = 0 }
/^\{$/ { opened = start != 0 }
/^\}$/ {
	if (start)
		judge()
	start = opened = 0
}
/^$/ || /^\}/ { if (!start) documented = 0 }
