/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the output can show. */
#ifndef FRAMEPOOL_CLI_TERMINAL_H
#define FRAMEPOOL_CLI_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>

#define BAR_MAX		128	/* bytes that a bar may take, the NUL included */

/**
 * terminal_columns - how wide a line may be
 *
 * Return: the width of the terminal that stdout is; 80 if it is none.
 */
unsigned int terminal_columns(void);

/**
 * terminal_is_utf8 - does the locale say that text is UTF-8?
 *
 * Goes by the variables alone, since a static program may find no locales.
 *
 * Return: whether it does.
 */
bool terminal_is_utf8(void);

/**
 * terminal_has_colour - may stdout be coloured?
 *
 * Return: whether it is a terminal, a capable one, and NO_COLOR is unset or empty.
 */
bool terminal_has_colour(void);

/**
 * terminal_bar - draw a share as a bar
 * @thousandths: the share, 0 to 1000; a bar is empty only if it is 0
 * @width: columns of the whole, at most 40
 * @utf8: with eighths of a column, otherwise with whole ones
 * @text: where it goes
 *
 * Return: @text.
 */
char *terminal_bar(int thousandths, unsigned int width, bool utf8, char text[BAR_MAX]);

#endif
