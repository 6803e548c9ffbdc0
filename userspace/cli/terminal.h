/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What stdout can show. */
#ifndef FRAMEPOOL_CLI_TERMINAL_H
#define FRAMEPOOL_CLI_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>

#define BAR_MAX		128	/* bytes of the longest bar, including the NUL */

/**
 * terminal_columns - how wide a line may be
 *
 * Return: the width of the terminal; 80 if stdout is not a terminal.
 */
unsigned int terminal_columns(void);

/**
 * terminal_is_utf8 - whether the locale says that text is UTF-8
 *
 * Looks only at the environment variables, because a static program may find no locales.
 *
 * Return: whether it does.
 */
bool terminal_is_utf8(void);

/**
 * terminal_has_colour - whether the output may be coloured
 *
 * Return: whether stdout is a terminal with colours, and NO_COLOR is unset or empty.
 */
bool terminal_has_colour(void);

/**
 * terminal_bar - draw a share as a bar
 * @thousandths: the share, 0 to 1000; the bar is empty only for 0
 * @width: columns of the longest bar, at most 40
 * @utf8: draw eighths of a column, otherwise only whole columns
 * @text: where to write it
 *
 * Return: @text.
 */
char *terminal_bar(int thousandths, unsigned int width, bool utf8, char text[BAR_MAX]);

#endif
