/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* framepool frag --why: what stands in the way of a run. */
#ifndef FRAMEPOOL_CLI_WHY_H
#define FRAMEPOOL_CLI_WHY_H

#include <stdint.h>

#include "cli.h"

/**
 * why - tell what stands in the way of a run
 * @cli: the options
 * @bytes: length of the run, more than 0
 *
 * Return: EXIT_OK, or EXIT_FAILED after a message.
 */
int why(const struct cli *cli, uint64_t bytes);

#endif
