// SPDX-License-Identifier: GPL-2.0-only
/* Numbers of bytes as an administrator writes them: in module parameters and in sysfs. */
#include "admin/bytes.h"

#include <linux/ctype.h>
#include <linux/kstrtox.h>
#include <linux/slab.h>
#include <linux/string.h>

/* Parse all of @digits; the number is in units of 2^@shift bytes. */
static int parse_digits(const char *digits, u32 shift, u64 *bytes)
{
	u64 number;
	int ret = kstrtou64(digits, 0, &number);

	if (ret)
		return ret;
	if (number > S64_MAX >> shift)
		return -ERANGE;
	*bytes = number << shift;
	return 0;
}

/**
 * fp_bytes_parse() - parse a number of bytes
 * @text: a number, decimal or hexadecimal (0x...) as kstrtou64() takes it, then an optional K, M, G
 *        or T in either case (powers of 1024), then an optional newline
 * @bytes: the result; unchanged on failure
 *
 * Unlike memparse(), it refuses what does not fit and what follows the unit.
 *
 * Context: may sleep.
 * Return: 0; -EINVAL: not such a number; -ERANGE: more than 2^63 - 1 bytes; -ENOMEM: no kernel
 * memory.
 */
int fp_bytes_parse(const char *text, u64 *bytes)
{
	static const char units[] = "KMGT";
	size_t length = strlen(text);
	const char *unit;
	char *digits;
	int ret;

	if (length && text[length - 1] == '\n')
		length--;
	unit = length ? strchr(units, toupper(text[length - 1])) : NULL;
	length -= !!unit;
	/* kstrtou64() would accept another newline. */
	if (!length || text[length - 1] == '\n')
		return -EINVAL;
	digits = kmemdup_nul(text, length, GFP_KERNEL);
	if (!digits)
		return -ENOMEM;
	ret = parse_digits(digits, unit ? 10 * (unit - units + 1) : 0, bytes);
	kfree(digits);
	return ret;
}
