// SPDX-License-Identifier: LGPL-2.1-or-later
/* The file that fills a buffer. */
#define _FILE_OFFSET_BITS 64
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"
#include "content.h"
#include "progress.h"

#define PIECE	(4 << 20)	/* bytes to read between two updates of the progress */

int content_open(struct content *content, const char *name)
{
	struct stat file;

	content->name = name;
	content->bytes = 0;
	content->fd = open(name, O_RDONLY | O_CLOEXEC);
	if (content->fd < 0)
		return fail("cannot open '%s': %s", name, strerror(errno));
	if (!fstat(content->fd, &file) && S_ISREG(file.st_mode))
		content->bytes = (uint64_t)file.st_size;
	return EXIT_OK;
}

/* Reads directly into the buffer: no copy in memory. */
static ssize_t read_fully(int fd, char *memory, uint64_t room, uint64_t expected)
{
	struct progress progress;
	uint64_t done = 0;
	ssize_t got = 1;

	progress_begin(&progress, "filling the buffer", expected);
	while (done < room && got > 0) {
		got = read(fd, memory + done, room - done < PIECE ? room - done : PIECE);
		if (got > 0)
			done += (uint64_t)got;
		progress_update(&progress, done);
	}
	progress_end(&progress);
	return got < 0 ? -1 : (ssize_t)done;
}

int content_read(struct content *content, void *memory, uint64_t room)
{
	ssize_t got = read_fully(content->fd, memory, room, content->bytes);
	char more;

	if (got < 0)
		return fail("cannot read '%s': %s", content->name, strerror(errno));
	content->bytes = (uint64_t)got;
	if (content->bytes == room && read(content->fd, &more, 1) > 0)
		return fail("'%s' is longer than the buffer of %" PRIu64 " bytes: "
			    "give a larger --size", content->name, room);
	return EXIT_OK;
}

void content_close(struct content *content)
{
	close(content->fd);
}
