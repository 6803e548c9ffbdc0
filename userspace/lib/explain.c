// SPDX-License-Identifier: LGPL-2.1-or-later
/* Sentences for failures: to open a pool, to allocate a buffer, to create a cache. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "internal.h"

#define GROUP_NAME_MAX	64

/* Whether a line of /etc/group, "NAME:PASSWORD:GID:MEMBERS", is that of a group. */
static bool is_group(const char *line, gid_t gid)
{
	const char *password = strchr(line, ':'), *number = NULL;
	unsigned int found;

	if (password)
		number = strchr(password + 1, ':');
	return number && sscanf(number, ":%u:", &found) == 1 && found == gid;
}

/*
 * Reads /etc/group itself, because getgrgid() would load NSS modules, which a static program
 * cannot. A line may be of any length. A group that is not in the file is named by its number.
 */
static void name_group(gid_t gid, char name[GROUP_NAME_MAX])
{
	FILE *file = fopen("/etc/group", "re");
	char *line = NULL;
	size_t size = 0;

	snprintf(name, GROUP_NAME_MAX, "%u", gid);
	while (file && getline(&line, &size, file) > 0)
		if (is_group(line, gid)) {
			snprintf(name, GROUP_NAME_MAX, "%.*s", (int)strcspn(line, ":"), line);
			break;
		}
	free(line);
	if (file)
		fclose(file);
}

/* Whether modprobe knows the module. */
static bool is_installed(void)
{
	char path[sizeof("/lib/modules//modules.dep") + SYS_NMLN], line[256];
	struct utsname kernel;
	bool found = false;
	FILE *file;

	if (uname(&kernel))
		return false;
	snprintf(path, sizeof(path), "/lib/modules/%s/modules.dep", kernel.release);
	file = fopen(path, "re");
	while (file && !found && fgets(line, sizeof(line), file))
		found = strstr(line, "/framepool.ko");
	if (file)
		fclose(file);
	return found;
}

static const char *load_command(void)
{
	return is_installed() ? "modprobe framepool" : "insmod framepool.ko";
}

static int is_shown(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

/* Writes the names of as many pools as fit; returns how many there are. */
static int list_pools(char *text, size_t size)
{
	struct dirent **entries = NULL;
	int count = scandir(FP_NODE_DIR, &entries, is_shown, alphasort);
	size_t used = 0;

	text[0] = '\0';
	for (int i = 0; i < count; i++) {
		if (used < size)
			used += snprintf(text + used, size - used, "%s%s", i ? ", " : "",
					 entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	return count > 0 ? count : 0;
}

static void explain_missing(const char *pool, char *text, size_t size)
{
	char pools[160];

	if (list_pools(pools, sizeof(pools)))
		snprintf(text, size, "there is no pool '%s'; pools here: %s", pool, pools);
	else if (!access("/sys/module/framepool", F_OK))
		snprintf(text, size, "the framepool module is loaded, but %s is missing: "
			 "mount devtmpfs on /dev, or pass the node into the container",
			 FP_NODE_DIR);
	else
		snprintf(text, size, "the framepool module is not loaded: load it with '%s'",
			 load_command());
}

static void explain_permission(const char *path, char *text, size_t size)
{
	char group[GROUP_NAME_MAX];
	struct stat node;

	if (stat(path, &node)) {
		snprintf(text, size, "no permission to open %s: run as root", path);
		return;
	}
	name_group(node.st_gid, group);
	if (!node.st_gid || (node.st_mode & 0060) != 0060)
		snprintf(text, size, "only root may open %s (group %s, mode %04o): run as root, "
			 "or make the group framepool with 'systemd-sysusers', then run 'udevadm "
			 "control --reload' and 'udevadm trigger --subsystem-match=framepool "
			 "--subsystem-match=dma_heap'; without udev, load the module with gid= the "
			 "number of a group", path, group, node.st_mode & 07777);
	else
		snprintf(text, size, "not in group %s, which may open %s: run as root, or "
			 "'usermod -aG %s USER' and log in again", group, path, group);
}

static void explain_open(int err, const char *pool, const char *path, char *text, size_t size)
{
	switch (err) {
	case ENOENT:
		explain_missing(pool, text, size);
		break;
	case EACCES:
		explain_permission(path, text, size);
		break;
	case EPERM:
		snprintf(text, size, "the device policy of this container or service does not "
			 "allow %s: allow the device there", path);
		break;
	case ENODEV:
		snprintf(text, size, "the pool behind %s was shut down by force: end the programs "
			 "that use it, then load the module again", path);
		break;
	case ENXIO:
		snprintf(text, size, "%s is left over from a module that is not loaded any more: "
			 "remove it, then load the module with '%s'", path, load_command());
		break;
	case ENOTTY:
		snprintf(text, size, "%s is not a framepool device: remove it, "
			 "then load the module again", path);
		break;
	case EPROTONOSUPPORT:
		snprintf(text, size, "the loaded module does not speak version %d of the "
			 "interface, as library %s does: install both from one release",
			 FRAMEPOOL_ABI, framepool_version());
		break;
	default:
		errno = err;
		snprintf(text, size, "cannot open %s: %m", path);
	}
}

char *framepool_explain_open(int err, const char *pool, char *text, size_t size)
{
	char path[FP_NODE_PATH_MAX];
	int saved = errno;

	if (fp_node_path(pool, path))
		explain_open(err, pool ? pool : FP_DEFAULT_POOL, path, text, size);
	else
		snprintf(text, size, "'%s' cannot be the name of a pool: names have 1 to %d "
			 "characters and no '/'", pool, FRAMEPOOL_NAME_MAX - 1);
	errno = saved;
	return text;
}

#define BYTES_TEXT_MAX	24

/* In the largest unit in which it is a whole number: "2M", "2049K". */
static const char *name_bytes(uint64_t bytes, char text[BYTES_TEXT_MAX])
{
	static const char * const units[] = { "", "K", "M", "G", "T" };
	size_t unit = 0;

	while (bytes && bytes % 1024 == 0 && unit + 1 < sizeof(units) / sizeof(*units)) {
		bytes /= 1024;
		unit++;
	}
	snprintf(text, BYTES_TEXT_MAX, "%" PRIu64 "%s", bytes, units[unit]);
	return text;
}

/* What was asked for; as for framepool_buffer_alloc_constrained(). */
struct request {
	uint64_t length;
	uint64_t align;
	uint64_t limit;
};

static void explain_invalid(const struct request *request, char *text, size_t size)
{
	char bytes[BYTES_TEXT_MAX];

	if (!request->length)
		snprintf(text, size, "a buffer has at least 1 byte");
	else if (request->align & (request->align - 1))
		snprintf(text, size, "an alignment is a power of two, which %s is not",
			 name_bytes(request->align, bytes));
	else
		snprintf(text, size, "%s is more than any pool can have",
			 name_bytes(request->length, bytes));
}

/* Free bytes in whole huge frames, which any client can have. */
static uint64_t whole_bytes(const struct framepool *fp, const struct framepool_stats *stats)
{
	uint64_t bytes = framepool_frame_bytes(fp), sum = 0;

	for (unsigned int i = 0; i < framepool_stats_orders(stats); i++, bytes *= 2)
		if (bytes >= framepool_huge_bytes(fp))
			sum += framepool_stats_free_blocks(stats, i) * bytes;
	return sum;
}

static void explain_nomem(const struct framepool *fp, const struct framepool_stats *stats,
			  const struct request *request, char *text, size_t size)
{
	uint64_t total = framepool_stats_total_bytes(stats);
	uint64_t free_now = framepool_stats_free_bytes(stats);
	uint64_t partly = free_now - whole_bytes(fp, stats);
	char wanted[BYTES_TEXT_MAX], have[BYTES_TEXT_MAX], rest[BYTES_TEXT_MAX];
	const char *pool = framepool_name(fp);

	name_bytes(request->length, wanted);
	if (request->length > total)
		snprintf(text, size, "%s is more than the whole pool '%s' has, which is %s: "
			 "ask for less, or load the module with a larger size=", wanted, pool,
			 name_bytes(total, have));
	else if (request->length > free_now)
		snprintf(text, size, "pool '%s' has %s free, less than the %s asked for: "
			 "'framepool clients' shows who holds the rest", pool,
			 name_bytes(free_now, have), wanted);
	else if (request->length > free_now - partly)
		snprintf(text, size, "pool '%s' has %s free, but %s of that lie in huge frames "
			 "that other clients use partly, and only they can have it: "
			 "'framepool clients' shows who is charged for them", pool,
			 name_bytes(free_now, have), name_bytes(partly, rest));
	else
		snprintf(text, size, "pool '%s' had less free than the %s asked for, but has %s "
			 "now: try again", pool, wanted, name_bytes(free_now, have));
}

/* No byte of the pool lies below the limit. */
static void explain_limit(const struct framepool *fp, const struct request *request, char *text,
			  size_t size)
{
	char limit[BYTES_TEXT_MAX];

	name_bytes(request->limit, limit);
	snprintf(text, size, "no memory of pool '%s' lies below %s: all of it lies between "
		 "%#" PRIx64 " and %#" PRIx64 "; load the module with below=%s, or "
		 "below=%s:BYTES for a part of it", framepool_name(fp), limit,
		 framepool_first_address(fp), framepool_end_address(fp), limit, limit);
}

static void explain_nospace(const struct framepool *fp, const struct framepool_stats *stats,
			    const struct request *request, char *text, size_t size)
{
	const char *pool = framepool_name(fp);
	char wanted[BYTES_TEXT_MAX], have[BYTES_TEXT_MAX], largest[BYTES_TEXT_MAX];

	if (request->limit && request->limit <= framepool_first_address(fp)) {
		explain_limit(fp, request, text, size);
		return;
	}
	snprintf(text, size, "pool '%s' has %s free, but no run of %s%s%s: "
		 "the largest free run is %s; 'framepool frag --why %s' tells what is in the way",
		 pool,
		 name_bytes(framepool_stats_free_bytes(stats), have),
		 name_bytes(request->length, wanted),
		 request->align ? " with that alignment" : "",
		 request->limit ? " below that address" : "",
		 name_bytes(framepool_stats_largest_bytes(stats), largest), wanted);
}

static void explain_other(int err, const struct request *request, char *text, size_t size)
{
	char bytes[BYTES_TEXT_MAX];

	errno = err;
	snprintf(text, size, "cannot allocate %s: %m", name_bytes(request->length, bytes));
}

static void explain_shutdown(const char *pool, char *text, size_t size)
{
	snprintf(text, size, "pool '%s' was shut down by force: end the programs that use it, "
		 "then load the module again", pool);
}

/* The pool has no memory, or no run, for the request. */
static void explain_lack(int err, const struct framepool *fp, const struct request *request,
			 char *text, size_t size)
{
	struct framepool_stats *stats = framepool_stats_read(fp);

	if (stats && err == ENOMEM)
		explain_nomem(fp, stats, request, text, size);
	else if (stats)
		explain_nospace(fp, stats, request, text, size);
	else if (errno == ENODEV)
		explain_shutdown(framepool_name(fp), text, size);
	else
		explain_other(err, request, text, size);
	framepool_stats_free(stats);
}

/* Only the kernel knows what the client and its user hold, so both limits may be the cause. */
static void explain_quota(const struct framepool *fp, const struct request *request, char *text,
			  size_t size)
{
	uint64_t of_client = framepool_client_quota_bytes(fp);
	uint64_t of_user = framepool_user_quota_bytes(fp);
	char wanted[BYTES_TEXT_MAX], client[BYTES_TEXT_MAX], user[BYTES_TEXT_MAX];
	const char *pool = framepool_name(fp);

	name_bytes(request->length, wanted);
	name_bytes(of_client, client);
	name_bytes(of_user, user);
	if (of_client && request->length > of_client)
		snprintf(text, size, "%s is more than pool '%s' lets one client be charged, which "
			 "is %s: ask for less, or write a larger limit to "
			 "/sys/class/framepool/%s/client_quota", wanted, pool, client, pool);
	else if (of_user && (!of_client || request->length > of_user))
		snprintf(text, size, "with %s more this user would be charged more than pool '%s' "
			 "allows, which is %s: end other programs, or write a larger limit "
			 "to /sys/class/framepool/%s/user_quota", wanted, pool, user, pool);
	else if (of_client && !of_user)
		snprintf(text, size, "with %s more this client would be charged more than pool "
			 "'%s' allows, which is %s: free buffers, or write a larger limit to "
			 "/sys/class/framepool/%s/client_quota", wanted, pool, client, pool);
	else if (of_client)
		snprintf(text, size, "with %s more this client would be charged more than %s, or "
			 "this user more than %s: free buffers, end other programs, or write "
			 "larger limits to client_quota and user_quota in "
			 "/sys/class/framepool/%s", wanted, client, user, pool);
	else
		snprintf(text, size, "%s was more than a quota of pool '%s' allowed, but it has no "
			 "quotas now: try again", wanted, pool);
}

/* What was in the way until the end can only be told from how things are now. */
static void explain_timeout(const struct framepool *fp, const struct request *request, char *text,
			    size_t size)
{
	struct framepool_stats *stats = framepool_stats_read(fp);
	char bytes[BYTES_TEXT_MAX];
	size_t used = snprintf(text, size, "no %s came free in time; ",
			       name_bytes(request->length, bytes));

	if (used > size)
		used = size;
	if (stats && framepool_stats_free_bytes(stats) < request->length)
		explain_nomem(fp, stats, request, text + used, size - used);
	else if (stats && (framepool_stats_largest_bytes(stats) < request->length ||
			   request->align || request->limit))
		explain_nospace(fp, stats, request, text + used, size - used);
	else if (framepool_client_quota_bytes(fp) || framepool_user_quota_bytes(fp))
		explain_quota(fp, request, text + used, size - used);
	else
		snprintf(text + used, size - used,
			 "'framepool clients' shows who holds the memory");
	framepool_stats_free(stats);
}

char *framepool_explain_alloc(int err, const struct framepool *fp, uint64_t length, uint64_t align,
			      uint64_t limit, char *text, size_t size)
{
	const struct request request = { .length = length, .align = align, .limit = limit };
	char bytes[BYTES_TEXT_MAX];
	int saved = errno;

	switch (err) {
	case EINVAL:
		explain_invalid(&request, text, size);
		break;
	case EPERM:
		name_bytes(framepool_huge_bytes(fp), bytes);
		snprintf(text, size, "an alignment above %s is for who opens the pool with "
			 "CAP_SYS_ADMIN, since it tells about physical addresses: align to %s, or "
			 "run as root", bytes, bytes);
		break;
	case ENOMEM:
	case ENOSPC:
		explain_lack(err, fp, &request, text, size);
		break;
	case EDQUOT:
		explain_quota(fp, &request, text, size);
		break;
	case ENOBUFS:
		snprintf(text, size, "there is no memory outside the pool for the bookkeeping of a "
			 "buffer");
		break;
	case EEXIST:
		snprintf(text, size, "there is a buffer at the beginning of the file already: use "
			 "it, or free it first");
		break;
	case ETIMEDOUT:
		explain_timeout(fp, &request, text, size);
		break;
	case E2BIG:
		snprintf(text, size, "the loaded module does not know what was asked for: install "
			 "it from the same release as library %s", framepool_version());
		break;
	case ENODEV:
		explain_shutdown(framepool_name(fp), text, size);
		break;
	default:
		explain_other(err, &request, text, size);
	}
	errno = saved;
	return text;
}

static void explain_cache(int err, char *text, size_t size)
{
	switch (err) {
	case EINVAL:
		snprintf(text, size, "objects have %u to %u bytes, and are aligned to a power of "
			 "two of at most a huge frame", FRAMEPOOL_OBJECT_MIN, FRAMEPOOL_OBJECT_MAX);
		break;
	case EMFILE:
		snprintf(text, size, "there are %d caches, as many as a client can have: use one "
			 "cache for all objects of a size, or open the pool a second time",
			 FRAMEPOOL_CACHES_MAX);
		break;
	case ENOTTY:
		snprintf(text, size, "the loaded module has no caches for programs: install it "
			 "from the same release as library %s", framepool_version());
		break;
	case ENOMEM:
	case EAGAIN:
		fp_explain_map(err, "a window as large as the pool", text, size);
		break;
	case ENOBUFS:
		snprintf(text, size, "there is no memory outside the pool for the bookkeeping of a "
			 "cache");
		break;
	case ENODEV:
		snprintf(text, size, "the pool was shut down by force");
		break;
	default:
		errno = err;
		snprintf(text, size, "cannot make a cache: %m");
	}
}

char *framepool_explain_cache(int err, char *text, size_t size)
{
	int saved = errno;

	explain_cache(err, text, size);
	errno = saved;
	return text;
}
