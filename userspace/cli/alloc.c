// SPDX-License-Identifier: LGPL-2.1-or-later
/* framepool alloc: allocate a buffer, fill it from a file, hold it. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cksum.h"
#include "content.h"
#include "output.h"
#include "request.h"

static void *map(struct framepool_buffer *buf)
{
	void *memory = framepool_buffer_map(buf);
	char why[512];

	if (!memory)
		fail("%s", framepool_explain_map(errno, buf, why, sizeof(why)));
	return memory;
}

/* The checksum is taken through a second mapping, so it is that of the buffer itself. */
static int fill(struct framepool_buffer *buf, struct content *content, uint32_t *sum)
{
	void *memory = map(buf);

	if (!memory || content_read(content, memory, framepool_buffer_length(buf)))
		return EXIT_FAILED;
	framepool_buffer_unmap(buf);
	memory = map(buf);
	if (!memory)
		return EXIT_FAILED;
	*sum = cksum(memory, content->bytes);
	return EXIT_OK;
}

static struct field address_of(const struct framepool_buffer *buf)
{
	uint64_t address;

	if (framepool_buffer_address(buf, &address))
		return field_none("address", errno == EADDRNOTAVAIL ? "may change" : "unknown");
	if (!address)
		return field_none("address", "hidden");
	return field_address("address", address);
}

/* @fd is the descriptor of the dma-buf; -1: there is none. */
static int show_json(const struct framepool_buffer *buf, int fd, const struct content *content,
		     uint32_t sum)
{
	struct field fields[8] = {
		field_number("pid", getpid()),
		field_number("handle", framepool_buffer_handle(buf)),
		field_number("offset", framepool_buffer_offset(buf)),
		field_bytes("length", framepool_buffer_length(buf)),
		address_of(buf),
	};
	size_t count = 5;

	if (fd >= 0)
		fields[count++] = field_number("fd", fd);
	if (content->name) {
		fields[count++] = field_number("cksum", sum);
		fields[count++] = field_number("bytes", content->bytes);
	}
	return output(true, fields, count, NULL);
}

static int show(const struct framepool_buffer *buf, int fd, const struct content *content,
		uint32_t sum)
{
	const struct field fields[] = {
		field_number("handle", framepool_buffer_handle(buf)),
		field_number("offset", framepool_buffer_offset(buf)),
		field_bytes("length", framepool_buffer_length(buf)),
		address_of(buf),
		field_number("fd", fd),
	};
	int status = output(false, fields, fd >= 0 ? 5 : 4, NULL);

	if (content->name)
		printf("%" PRIu32 " %" PRIu64 " %s\n", sum, content->bytes, content->name);
	return status;
}

/* The signals are blocked before the message, so one that follows it ends the wait. */
static void hold(const struct cli *cli)
{
	sigset_t signals;
	int received;

	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	if (!cli->json)
		printf("holding, pid %d\n", (int)getpid());
	fflush(stdout);
	sigwait(&signals, &received);
}

static int use_buffer(const struct cli *cli, const struct request *request,
		      struct framepool_buffer *buf, struct content *content)
{
	uint32_t sum = 0;
	int status = EXIT_OK, fd = -1;

	if (content->name)
		status = fill(buf, content, &sum);
	if (!status && request->export) {
		fd = framepool_buffer_export(buf, 0, framepool_buffer_length(buf), 0);
		if (fd < 0)
			status = fail("cannot export the buffer: %m");
	}
	if (!status)
		status = cli->json ? show_json(buf, fd, content, sum) :
				     show(buf, fd, content, sum);
	if (!status && request->hold)
		hold(cli);
	return status;
}

static int alloc(const struct cli *cli, struct request *request, struct content *content)
{
	struct framepool *fp = pool_open(cli);
	struct framepool_buffer *buf;
	int status;

	if (!fp)
		return EXIT_FAILED;
	framepool_wait(fp, request->wait_ns);
	framepool_movable(fp, request->movable);
	buf = framepool_buffer_alloc_constrained(fp, request->size, request->align,
						 request->below);
	if (buf)
		status = use_buffer(cli, request, buf, content);
	else
		status = request_fail(request, fp, errno);
	framepool_buffer_free(buf);
	framepool_close(fp);
	return status;
}

static int alloc_from(const struct cli *cli, struct request *request)
{
	struct content content;
	int status = content_open(&content, request->from);

	if (status)
		return status;
	if (!request->size)
		request->size = content.bytes;
	if (request->size)
		status = alloc(cli, request, &content);
	else
		status = fail("'%s' is empty or its size is not known: give --size",
			      request->from);
	content_close(&content);
	return status;
}

int cmd_alloc(struct cli *cli, int argc, char **argv)
{
	struct content none = { .name = NULL };
	struct request request;
	int status = request_parse(cli, argc, argv, &request);

	if (status)
		return status;
	if (request.from)
		return alloc_from(cli, &request);
	return alloc(cli, &request, &none);
}
