// SPDX-License-Identifier: LGPL-2.1-or-later
/* The directories of pools in configfs. */
#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli.h"
#include "configfs.h"

#define CONFIGFS	"/sys/kernel/config"
#define CONFIGFS_TYPE	0x62656570
#define PATH_BYTES	512
#define ERROR_BYTES	900

const char * const configfs_options[CONFIGFS_OPTIONS] = {
	"size", "node", "below", "min_run", "min_largest", "memory", "partial", "gid", "mode",
	"client_quota", "user_quota", "debug", "cache_debug",
};

static const char *path_of(const char *name, const char *file, char path[PATH_BYTES])
{
	snprintf(path, PATH_BYTES, CONFIGFS_FOLDER "/%s%s%s", name, *file ? "/" : "", file);
	return path;
}

static bool name_is_valid(const char *name)
{
	if (!*name || *name == '.')
		return false;
	for (; *name; name++)
		if (!isascii(*name) || (!isalnum(*name) && !strchr("_.-", *name)))
			return false;
	return true;
}

static int check_name(const char *name)
{
	if (!name_is_valid(name))
		return fail("'%s' cannot be the name of a pool: use letters, digits, '_', '-' and "
			    "'.', and no '.' in front", name);
	if (strlen(name) >= CONFIGFS_NAME)
		return fail("'%s' has %zu bytes, but the name of a pool has at most %d", name,
			    strlen(name), CONFIGFS_NAME - 1);
	return EXIT_OK;
}

int configfs_check(const char *name)
{
	struct statfs fs;

	if (name && check_name(name))
		return EXIT_FAILED;
	if (!access(CONFIGFS_FOLDER, F_OK))
		return EXIT_OK;
	if (access("/sys/module/framepool_configfs", F_OK))
		return fail("pools are made by a module that is not loaded: "
			    "'modprobe framepool_configfs'");
	if (statfs(CONFIGFS, &fs) || (unsigned long)fs.f_type != CONFIGFS_TYPE)
		return fail("configfs is not mounted: 'mount -t configfs none %s'", CONFIGFS);
	return fail("cannot open %s: %s", CONFIGFS_FOLDER, strerror(errno));
}

bool configfs_has(const char *name)
{
	char path[PATH_BYTES];

	return !access(path_of(name, "", path), F_OK);
}

char *configfs_read(const char *name, const char *file, char *text, size_t size)
{
	char path[PATH_BYTES];
	int fd = open(path_of(name, file, path), O_RDONLY | O_CLOEXEC);
	ssize_t length = fd < 0 ? 0 : read(fd, text, size - 1);

	if (fd >= 0)
		close(fd);
	if (length > 0 && text[length - 1] == '\n')
		length--;
	text[length > 0 ? length : 0] = '\0';
	return text;
}

bool configfs_is_live(const char *name)
{
	char text[8];

	return !strcmp(configfs_read(name, "live", text, sizeof(text)), "1");
}

/* Returns 0 or an errno. */
static int write_option(const char *name, const char *file, const char *value)
{
	char path[PATH_BYTES];
	int fd = open(path_of(name, file, path), O_WRONLY | O_CLOEXEC), err = 0;

	if (fd < 0)
		return errno;
	/* The kernel does not see an empty write. */
	if (write(fd, *value ? value : "\n", *value ? strlen(value) : 1) < 0)
		err = errno;
	close(fd);
	return err;
}

/* What the kernel says about the last write, in one line; otherwise what the errno means. */
static int fail_because(const char *what, const char *name, int err)
{
	char text[ERROR_BYTES];

	configfs_read(name, "error", text, sizeof(text));
	for (char *at = text; (at = strchr(at, '\n')); at++)
		*at = ';';
	if (err == EINTR)
		return fail("%s '%s': interrupted", what, name);
	return fail("%s '%s': %s", what, name, *text ? text : strerror(err));
}

static int fail_mkdir(const char *name, int err)
{
	if (err == EEXIST && configfs_is_live(name))
		return fail("there is a pool '%s' already", name);
	if (err == EEXIST)
		return fail("there is a directory '%s' of a pool that is not live: "
			    "'framepool pool destroy' removes it", name);
	if (err == EACCES || err == EPERM)
		return fail("only root may make pools: run as root");
	return fail("cannot make the directory of pool '%s': %s", name, strerror(err));
}

int configfs_mkdir(const char *name, const struct settings *settings)
{
	char path[PATH_BYTES];
	int err = 0;

	if (mkdir(path_of(name, "", path), 0755))
		return fail_mkdir(name, errno);
	for (size_t i = 0; !err && i < settings->count; i++)
		err = write_option(name, settings->at[i].file, settings->at[i].value);
	if (!err)
		return EXIT_OK;
	fail_because("cannot make pool", name, err);
	rmdir(path);
	return EXIT_FAILED;
}

int configfs_rmdir(const char *name)
{
	char path[PATH_BYTES];

	if (rmdir(path_of(name, "", path)))
		return fail("cannot remove the directory of pool '%s': %s", name, strerror(errno));
	return EXIT_OK;
}

static volatile pid_t child;

static void pass_on(int signal_number)
{
	if (child > 0)
		kill(child, signal_number);
}

static void set_signals(sigset_t *both)
{
	sigemptyset(both);
	sigaddset(both, SIGINT);
	sigaddset(both, SIGTERM);
}

/*
 * A fatal signal ends the making of a pool. A child does that, so that somebody is left to remove
 * the directory. The signals are blocked but while the child runs, when they are passed on to it;
 * @mask does not block them. Returns 0 or an errno.
 */
static int write_live(const char *name, const sigset_t *mask)
{
	const struct sigaction action = { .sa_handler = pass_on, .sa_flags = SA_RESTART };
	struct sigaction old_int, old_term;
	int status = 0, err = 0;
	sigset_t both;

	child = fork();
	if (child < 0)
		return errno;
	if (!child) {
		sigprocmask(SIG_SETMASK, mask, NULL);
		_exit(write_option(name, "live", "1"));
	}
	sigaction(SIGINT, &action, &old_int);
	sigaction(SIGTERM, &action, &old_term);
	sigprocmask(SIG_SETMASK, mask, NULL);
	if (waitpid(child, &status, 0) < 0)
		err = errno;
	child = 0;
	set_signals(&both);
	sigprocmask(SIG_BLOCK, &both, NULL);
	sigaction(SIGINT, &old_int, NULL);
	sigaction(SIGTERM, &old_term, NULL);
	return err ? err : WIFSIGNALED(status) ? EINTR : WEXITSTATUS(status);
}

static int make(const char *name, const struct settings *settings, const sigset_t *mask)
{
	int err;

	if (configfs_mkdir(name, settings))
		return EXIT_FAILED;
	err = write_live(name, mask);
	/* The signal may have come too late. */
	if (err == EINTR && configfs_is_live(name))
		write_option(name, "live", "0");
	if (!err)
		return EXIT_OK;
	fail_because("cannot make pool", name, err);
	configfs_rmdir(name);
	return EXIT_FAILED;
}

/* Whatever a signal interrupts, nothing is left. */
int configfs_make(const char *name, const struct settings *settings)
{
	sigset_t both, mask;
	int status;

	set_signals(&both);
	sigprocmask(SIG_BLOCK, &both, &mask);
	status = make(name, settings, &mask);
	sigprocmask(SIG_SETMASK, &mask, NULL);
	return status;
}

int configfs_remove(const char *name)
{
	int err = configfs_is_live(name) ? write_option(name, "live", "0") : 0;

	if (err == EACCES)
		return fail("only root may remove pools: run as root");
	if (err)
		return fail_because("cannot remove pool", name, err);
	return configfs_rmdir(name);
}
