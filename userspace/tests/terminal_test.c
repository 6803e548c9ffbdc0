// SPDX-License-Identifier: LGPL-2.1-or-later
#include <stdlib.h>
#include <string.h>

#include "terminal.h"
#include "test.h"

static bool draws(int thousandths, bool utf8, const char *expected)
{
	char text[BAR_MAX];

	return !strcmp(terminal_bar(thousandths, 4, utf8, text), expected);
}

static bool is_utf8(const char *all, const char *ctype, const char *lang)
{
	setenv("LC_ALL", all, 1);
	setenv("LC_CTYPE", ctype, 1);
	setenv("LANG", lang, 1);
	return terminal_is_utf8();
}

int main(void)
{
	char text[BAR_MAX];

	check(draws(0, false, "") && draws(500, false, "##") && draws(1000, false, "####"),
	      "bar_ascii_is_as_long_as_the_share");
	check(draws(1, false, "#") && draws(1, true, "▏"), "bar_of_anything_is_not_empty");
	check(draws(500, true, "██") && draws(625, true, "██▌") && draws(1000, true, "████"),
	      "bar_utf8_has_eighths");
	check(strlen(terminal_bar(1000, 40, true, text)) == 120, "bar_widest_fits");
	check(is_utf8("", "", "en_GB.UTF-8") && is_utf8("", "C.utf8", "C") &&
	      is_utf8("C.UTF-8", "C", "C"), "locale_utf8_is_seen");
	check(!is_utf8("", "", "") && !is_utf8("C", "", "en_GB.UTF-8") &&
	      !is_utf8("", "", "de_DE.ISO-8859-1"), "locale_without_utf8_is_seen");
	return 0;
}
