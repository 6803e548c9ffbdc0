/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What 'framepool pool' can do. argv[0] is the name; each returns an exit code. */
#ifndef FRAMEPOOL_CLI_POOLS_H
#define FRAMEPOOL_CLI_POOLS_H

#include "cli.h"

int pools_apply(struct cli *cli, int argc, char **argv);
int pools_create(struct cli *cli, int argc, char **argv);
int pools_destroy(struct cli *cli, int argc, char **argv);
int pools_list(struct cli *cli, int argc, char **argv);
int pools_show(struct cli *cli, int argc, char **argv);

/**
 * pools_first - find a name that stands before the options
 * @argc: length of @argv
 * @argv: the arguments; optind is set to where the options begin
 *
 * Return: the name, or NULL.
 */
const char *pools_first(int argc, char **argv);

/**
 * pools_name - find a name that stands behind the options, and check that nothing follows
 * @argc: length of @argv
 * @argv: the arguments; the options end at optind
 * @what: what it is
 * @name: what pools_first() returned; set to the name
 *
 * Return: EXIT_OK, or another exit code after a message.
 */
int pools_name(int argc, char **argv, const char *what, const char **name);

#endif
