/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The directories of pools in configfs: docs/configfs.md. Calls return EXIT_OK, or EXIT_FAILED
 * after a message.
 */
#ifndef FRAMEPOOL_CLI_CONFIGFS_H
#define FRAMEPOOL_CLI_CONFIGFS_H

#include <stdbool.h>
#include <stddef.h>

#define CONFIGFS_FOLDER		"/sys/kernel/config/framepool"
#define CONFIGFS_OPTIONS	13	/* how many options a pool has */
#define CONFIGFS_NAME		32	/* bytes of the name of a pool, at most, with its end */
#define CONFIGFS_VALUE		64	/* bytes of an option's value, at most */

/**
 * struct setting - an option, and its value as the file takes it
 * @file: name of the file
 * @value: its value
 */
struct setting {
	const char *file;
	const char *value;
};

/**
 * struct settings - some options of a pool
 * @count: number of @at
 * @at: the options; one that is there twice has the last value
 */
struct settings {
	size_t count;
	struct setting at[2 * CONFIGFS_OPTIONS];
};

/* The files of all options. */
extern const char * const configfs_options[CONFIGFS_OPTIONS];

/**
 * configfs_check - is there a folder for pools, and can this be the name of one?
 * @name: the name, or NULL
 */
int configfs_check(const char *name);

/**
 * configfs_has - does a pool have a directory?
 * @name: the name
 */
bool configfs_has(const char *name);

/**
 * configfs_read - read a file of a pool
 * @name: name of the pool
 * @file: name of the file
 * @text: the result, without the line break at the end; "" if it cannot be read
 * @size: bytes of @text
 *
 * Return: @text.
 */
char *configfs_read(const char *name, const char *file, char *text, size_t size);

/**
 * configfs_is_live - is a pool live?
 * @name: the name
 */
bool configfs_is_live(const char *name);

/**
 * configfs_mkdir - make a directory, and set options
 * @name: name of the pool
 * @settings: the options
 *
 * After a failure there is no directory.
 */
int configfs_mkdir(const char *name, const struct settings *settings);

/**
 * configfs_rmdir - remove the directory of a pool that is not live
 * @name: name of the pool
 */
int configfs_rmdir(const char *name);

/**
 * configfs_make - make a directory, and a pool
 * @name: name of the pool
 * @settings: the options
 *
 * After a failure, or when SIGINT or SIGTERM arrives, there is neither.
 */
int configfs_make(const char *name, const struct settings *settings);

/**
 * configfs_remove - remove a pool, if it is live, and its directory
 * @name: name of the pool
 */
int configfs_remove(const char *name);

#endif
