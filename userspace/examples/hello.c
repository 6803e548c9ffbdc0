// SPDX-License-Identifier: LGPL-2.1-or-later
/* Build: cc hello.c $(pkg-config --cflags --libs libframepool) -o hello */
#include <errno.h>
#include <inttypes.h>
#include <libframepool.h>
#include <stdio.h>
#include <string.h>

#define LENGTH	(2 << 20)

int main(void)
{
	struct framepool *fp = framepool_open(NULL);
	struct framepool_buffer *buf = fp ? framepool_buffer_alloc(fp, LENGTH) : NULL;
	char *memory = buf ? framepool_buffer_map(buf) : NULL;
	char why[512];

	if (memory) {
		strcpy(memory, "hello, contiguous world");
		printf("%s: %" PRIu64 " bytes at offset %" PRIu64 "\n", memory,
		       framepool_buffer_length(buf), framepool_buffer_offset(buf));
	} else if (buf) {
		fprintf(stderr, "%s\n", framepool_explain_map(errno, buf, why, sizeof(why)));
	} else if (fp) {
		framepool_explain_alloc(errno, fp, LENGTH, 0, 0, why, sizeof(why));
		fprintf(stderr, "%s\n", why);
	} else {
		fprintf(stderr, "%s\n", framepool_explain_open(errno, NULL, why, sizeof(why)));
	}
	framepool_buffer_free(buf);
	framepool_close(fp);
	return memory ? 0 : 1;
}
