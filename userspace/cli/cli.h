/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the subcommands share: options, messages, exit codes, the dispatch table. */
#ifndef FRAMEPOOL_CLI_H
#define FRAMEPOOL_CLI_H

#include <getopt.h>
#include <stdbool.h>
#include <stddef.h>

#include <libframepool.h>

enum exit_code {
	EXIT_OK = 0,
	EXIT_FAILED = 1,	/* the machine said no */
	EXIT_USAGE = 2,		/* the command line makes no sense */
};

/**
 * struct cli - the options that every subcommand has
 * @pool: the pool to look at
 * @json: write JSON instead of text
 */
struct cli {
	const char *pool;
	bool json;
};

/**
 * struct command - a subcommand
 * @name: what is typed
 * @run: runs it with its own arguments, its name first; returns an exit code
 * @summary: what it does, in one line
 * @usage: its arguments
 * @help: more to know, in whole lines
 */
struct command {
	const char *name;
	int (*run)(struct cli *cli, int argc, char **argv);
	const char *summary;
	const char *usage;
	const char *help;
};

/* Ends with an entry without a name. */
extern const struct command commands[];

/**
 * command_find - look up a subcommand
 * @name: what was typed
 *
 * Return: the command, or NULL.
 */
const struct command *command_find(const char *name);

/**
 * command_help - explain a command on stdout
 * @command: the command
 */
void command_help(const struct command *command);

int cmd_alloc(struct cli *cli, int argc, char **argv);
int cmd_clients(struct cli *cli, int argc, char **argv);
int cmd_frag(struct cli *cli, int argc, char **argv);
int cmd_help(struct cli *cli, int argc, char **argv);
int cmd_info(struct cli *cli, int argc, char **argv);
int cmd_map(struct cli *cli, int argc, char **argv);
int cmd_slabs(struct cli *cli, int argc, char **argv);
int cmd_stat(struct cli *cli, int argc, char **argv);
int cmd_top(struct cli *cli, int argc, char **argv);
int cmd_version(struct cli *cli, int argc, char **argv);
int cmd_watch(struct cli *cli, int argc, char **argv);

/* The first entries of every option table; own options use other values. */
enum { OPTION_POOL = 'p', OPTION_JSON = 'j' };

#define COMMON_OPTIONS							\
	{ "pool", required_argument, NULL, OPTION_POOL },		\
	{ "json", no_argument, NULL, OPTION_JSON }

enum { OPTIONS_END = -1, OPTIONS_BAD = '?' };

/**
 * option_next - the next option that is not one of the common ones
 * @cli: takes what the common options say
 * @argc: length of @argv
 * @argv: the arguments, after a name; optind is 0 before the first call
 * @options: the table
 *
 * Return: the option's value, OPTIONS_END, or OPTIONS_BAD after a message.
 */
int option_next(struct cli *cli, int argc, char **argv, const struct option *options);

/**
 * option_end - check that nothing follows the options
 * @argc: length of @argv
 * @argv: the arguments
 *
 * Return: EXIT_OK, or EXIT_USAGE after a message.
 */
int option_end(int argc, char **argv);

/**
 * option_none - the arguments of a command that has none of its own
 * @cli: takes what the common options say
 * @argc: length of @argv
 * @argv: the arguments
 *
 * Return: EXIT_OK, or EXIT_USAGE after a message.
 */
int option_none(struct cli *cli, int argc, char **argv);

/**
 * fail - say on stderr what went wrong
 * @format: as for printf(), a line without its newline
 *
 * Return: EXIT_FAILED.
 */
int fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/**
 * fail_usage - say on stderr what is wrong with the command line
 * @format: as for printf(), a line without its newline
 *
 * Return: EXIT_USAGE.
 */
int fail_usage(const char *format, ...) __attribute__((format(printf, 1, 2)));

/**
 * message_hold - keep the next messages to ourselves, and remember the last
 *
 * Ends with message_release().
 */
void message_hold(void);

/**
 * message_release - say what message_hold() kept back
 */
void message_release(void);

/**
 * pool_open - open the pool that the command line names
 * @cli: the options
 *
 * Return: the client, or NULL after a message that says what to do.
 */
struct framepool *pool_open(const struct cli *cli);

/**
 * pool_stats - take a snapshot of the pool
 * @fp: the client
 *
 * Return: the snapshot, or NULL after a message.
 */
struct framepool_stats *pool_stats(const struct framepool *fp);

#endif
