/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The files of a pool in debugfs. */
#ifndef FRAMEPOOL_CLI_DEBUGFS_H
#define FRAMEPOOL_CLI_DEBUGFS_H

#include <stdio.h>

#include "cli.h"

/**
 * debugfs_open - open a file of the pool that the command line names
 * @cli: the options
 * @name: the file's name
 *
 * Return: the file, or NULL after a message that says what to do.
 */
FILE *debugfs_open(const struct cli *cli, const char *name);

#endif
