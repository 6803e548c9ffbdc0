// SPDX-License-Identifier: LGPL-2.1-or-later
/* Build: cc hello.c $(pkg-config --cflags --libs libframepool) -o hello */
#include <inttypes.h>
#include <libframepool.h>
#include <stdio.h>
#include <string.h>

int main(void)
{
	struct framepool *fp = framepool_open(NULL);
	struct framepool_buffer *buf = fp ? framepool_buffer_alloc(fp, 2 << 20) : NULL;
	char *memory = buf ? framepool_buffer_map(buf) : NULL;

	if (memory) {
		strcpy(memory, "hello, contiguous world");
		printf("%s: %" PRIu64 " bytes at offset %" PRIu64 "\n", memory,
		       framepool_buffer_length(buf), framepool_buffer_offset(buf));
	} else {
		perror("framepool");
	}
	framepool_buffer_free(buf);
	framepool_close(fp);
	return memory ? 0 : 1;
}
