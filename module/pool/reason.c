// SPDX-License-Identifier: GPL-2.0-only
/*
 * Why something is refused, in words: for the kernel's log, and for the administrator who asked and
 * who may be a program that cannot read the log.
 */
#define pr_fmt(fmt) "framepool: " fmt

#include "pool/reason.h"

#include <linux/export.h>
#include <linux/kernel.h>
#include <linux/printk.h>
#include <linux/string.h>

#include "compat.h"

static __printf(2, 0) void append(struct fp_reason *reason, const char *format, va_list args)
{
	size_t used = strlen(reason->text), room = sizeof(reason->text) - used;
	char *line = reason->text + used;

	if (room < 3)
		return;
	used = vscnprintf(line, room - 1, format, args);
	line[used] = '\n';
	line[used + 1] = '\0';
}

/**
 * fp_refuse() - add a line to a reason, and to the log
 * @reason: the reason; what does not fit is in the log alone
 * @format: the line, without the line break
 *
 * Context: any.
 */
void fp_refuse(struct fp_reason *reason, const char *format, ...)
{
	struct va_format line = { .fmt = format };
	va_list args;

	va_start(args, format);
	line.va = &args;
	pr_err("pool %s: %pV\n", reason->pool, &line);
	va_end(args);
	va_start(args, format);
	append(reason, format, args);
	va_end(args);
}
EXPORT_SYMBOL_NS_GPL(fp_refuse, FP_ADMIN_NAMESPACE);
