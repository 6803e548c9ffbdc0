// SPDX-License-Identifier: LGPL-2.1-or-later
/* What stdout can show. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "terminal.h"

unsigned int terminal_columns(void)
{
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) || !size.ws_col)
		return 80;
	return size.ws_col;
}

/* As in setlocale(3), the first of them that is set and not empty decides. */
bool terminal_is_utf8(void)
{
	static const char * const names[] = { "LC_ALL", "LC_CTYPE", "LANG" };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		const char *value = getenv(names[i]);
		const char *charset;

		if (!value || !*value)
			continue;
		charset = strchr(value, '.');
		return charset && (!strncasecmp(charset, ".utf-8", 6) ||
				   !strncasecmp(charset, ".utf8", 5));
	}
	return false;
}

bool terminal_has_colour(void)
{
	const char *off = getenv("NO_COLOR"), *type = getenv("TERM");

	return isatty(STDOUT_FILENO) && !(off && *off) && type && *type && strcmp(type, "dumb");
}

char *terminal_bar(int thousandths, unsigned int width, bool utf8, char text[BAR_MAX])
{
	static const char * const eighths[] = { "", "▏", "▎", "▍", "▌", "▋", "▊", "▉" };
	unsigned int steps = utf8 ? 8 : 1;
	unsigned int filled = ((unsigned int)thousandths * width * steps + 500) / 1000;

	if (!filled && thousandths > 0)
		filled = 1;
	text[0] = '\0';
	for (unsigned int i = 0; i < filled / steps; i++)
		strcat(text, utf8 ? "█" : "#");
	if (utf8)
		strcat(text, eighths[filled % steps]);
	return text;
}
