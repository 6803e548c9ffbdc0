/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Shared by the subcommands: options, messages, exit codes, the dispatch table. */
#ifndef FRAMEPOOL_CLI_H
#define FRAMEPOOL_CLI_H

#include <getopt.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libframepool.h>

enum exit_code {
	EXIT_OK = 0,
	EXIT_FAILED = 1,	/* the command is right, but it failed */
	EXIT_USAGE = 2,		/* the command line is wrong */
};

/**
 * struct cli - the command and the options that every subcommand has
 * @command: the subcommand; NULL before it is known
 * @pool: the pool to look at
 * @json: write JSON instead of text
 * @helped: --help was given and has been answered: nothing else is to be done
 */
struct cli {
	const struct command *command;
	const char *pool;
	bool json;
	bool helped;
};

/* The value of @pool in struct cli until there is a --pool. */
extern const char default_pool[];

/**
 * struct command - a subcommand
 * @name: the name
 * @run: runs it; argv[0] is the name; returns an exit code
 * @summary: what it does, in one line
 * @usage: its arguments
 * @help: details, in whole lines
 */
struct command {
	const char *name;
	int (*run)(struct cli *cli, int argc, char **argv);
	const char *summary;
	const char *usage;
	const char *help;
};

/* The last entry has no name. */
extern const struct command commands[];

/**
 * command_find - look up a subcommand
 * @name: the name
 *
 * Return: the command, or NULL.
 */
const struct command *command_find(const char *name);

/**
 * command_help - explain a command on stdout
 * @command: the command
 */
void command_help(const struct command *command);

/**
 * command_list - list the commands on stdout
 */
void command_list(void);

int cmd_alloc(struct cli *cli, int argc, char **argv);
int cmd_caches(struct cli *cli, int argc, char **argv);
int cmd_clients(struct cli *cli, int argc, char **argv);
int cmd_compact(struct cli *cli, int argc, char **argv);
int cmd_frag(struct cli *cli, int argc, char **argv);
int cmd_help(struct cli *cli, int argc, char **argv);
int cmd_info(struct cli *cli, int argc, char **argv);
int cmd_map(struct cli *cli, int argc, char **argv);
int cmd_metrics(struct cli *cli, int argc, char **argv);
int cmd_pool(struct cli *cli, int argc, char **argv);
int cmd_record(struct cli *cli, int argc, char **argv);
int cmd_replay(struct cli *cli, int argc, char **argv);
int cmd_stat(struct cli *cli, int argc, char **argv);
int cmd_top(struct cli *cli, int argc, char **argv);
int cmd_version(struct cli *cli, int argc, char **argv);
int cmd_watch(struct cli *cli, int argc, char **argv);

/* Every option table begins with these; the values of other options differ. */
enum { OPTION_POOL = 'p', OPTION_JSON = 'j', OPTION_HELP = 'h' };

#define COMMON_OPTIONS							\
	{ "pool", required_argument, NULL, OPTION_POOL },		\
	{ "json", no_argument, NULL, OPTION_JSON },			\
	{ "help", no_argument, NULL, OPTION_HELP }

enum { OPTIONS_END = -1, OPTIONS_BAD = '?' };

/**
 * option_next - find the next option that is not one of the common ones
 * @cli: where the common options are stored
 * @argc: length of @argv
 * @argv: the arguments, after a name; set optind to 0 before the first call
 * @options: the table
 *
 * --help and -h are answered here. The caller then returns EXIT_USAGE as for a bad option, and
 * main() ends with EXIT_OK.
 *
 * Return: the option's value, OPTIONS_END, or OPTIONS_BAD after a message or the help.
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
 * option_none - parse the arguments of a command that has only the common options
 * @cli: where the common options are stored
 * @argc: length of @argv
 * @argv: the arguments
 *
 * Return: EXIT_OK, or EXIT_USAGE after a message.
 */
int option_none(struct cli *cli, int argc, char **argv);

/**
 * option_size - parse a size from the command line, which must not be 0
 * @name: what it is, for messages: "--size", or "SIZE"
 * @text: the size, as for size_parse()
 * @bytes: set to it
 *
 * Return: EXIT_OK, or EXIT_USAGE after a message.
 */
int option_size(const char *name, const char *text, uint64_t *bytes);

/**
 * option_no_pool - refuse --pool
 * @cli: the options of a command that does not look at a pool
 *
 * Return: EXIT_OK, or EXIT_USAGE after a message.
 */
int option_no_pool(const struct cli *cli);

/**
 * fail - write an error message to stderr
 * @format: as for printf(), a line without its newline
 *
 * Return: EXIT_FAILED.
 */
int fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/**
 * fail_usage - write a message about a wrong command line to stderr
 * @format: as for printf(), a line without its newline
 *
 * Return: EXIT_USAGE.
 */
int fail_usage(const char *format, ...) __attribute__((format(printf, 1, 2)));

/**
 * message_hold - hold messages back; only the last one is kept
 *
 * Ends with message_release().
 */
void message_hold(void);

/**
 * message_release - write the message that message_hold() held back
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
