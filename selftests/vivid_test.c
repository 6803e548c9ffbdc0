// SPDX-License-Identifier: GPL-2.0-only
/*
 * A driver that is not ours takes buffers: vivid, a camera and a screen without hardware. Its
 * pictures lie in our memory, given as dma-bufs or as addresses (USERPTR). It reaches them as one
 * of two kinds of drivers: by the processor, or for a device that wants contiguous memory.
 */
#include "common.h"
#include "child.h"
#include "memory.h"
#include "module.h"

#include <linux/v4l2-dv-timings.h>
#include <linux/videodev2.h>
#include <poll.h>

#define WIDTH		1280
#define HEIGHT		720
#define FRAME_BYTES	(WIDTH * HEIGHT * 2)
#define BUFFERS		4
#define FRAMES		100	/* how many may come before the right one */
#define FRAME_MS	20000	/* how long one may take */

/* One camera that is connected to one screen, or shows a picture of its own. */
#define PARAMETERS \
	"n_devs=1 node_types=0x101 num_inputs=1 input_types=3 num_outputs=1 output_types=1 " \
	"no_error_inj=1"

static int load_vivid(int allocator)
{
	char line[200];

	snprintf(line, sizeof(line), "vivid " PARAMETERS " allocators=%d", allocator);
	return modprobe(line);
}

/* Opens the node of the screen, or of the camera. */
static int open_node(bool is_screen)
{
	struct v4l2_capability capability;
	char path[32];
	__u32 wanted = is_screen ? V4L2_CAP_VIDEO_OUTPUT : V4L2_CAP_VIDEO_CAPTURE;
	int i, fd;

	for (i = 0; i < 8; i++) {
		snprintf(path, sizeof(path), "/dev/video%d", i);
		fd = open_errno(path, O_RDWR);
		if (fd >= 0 && !call(fd, VIDIOC_QUERYCAP, &capability) &&
		    capability.device_caps & wanted)
			return fd;
		close(fd);
	}
	return -ENODEV;
}

/* Sets the control whose name begins and ends like this. */
static int set_control(int node, const char *begin, const char *end, int value)
{
	struct v4l2_queryctrl query = { .id = V4L2_CTRL_FLAG_NEXT_CTRL };
	struct v4l2_control control = { .value = value };

	for (; !call(node, VIDIOC_QUERYCTRL, &query); query.id |= V4L2_CTRL_FLAG_NEXT_CTRL) {
		const char *name = (const char *)query.name;
		size_t length = strlen(name);

		if (strncmp(name, begin, strlen(begin)) || length < strlen(end) ||
		    strcmp(name + length - strlen(end), end))
			continue;
		control.id = query.id;
		return call(node, VIDIOC_S_CTRL, &control);
	}
	return -ENOENT;
}

/* Whether the camera sees the screen. Until 6.11 it is a switch, then a list of screens. */
static int connect_camera(int camera, bool to_screen)
{
	int ret = set_control(camera, "HDMI ", " Is Connected To", to_screen ? 2 : 0);

	return ret == -ENOENT ? set_control(camera, "Loop Video", "", to_screen) : ret;
}

/**
 * struct stream - a node with its buffers
 * @node: the node
 * @type: of the node
 * @memory: kind of memory
 * @frames: the contents of the buffers; only those of V4L2_MEMORY_MMAP lie in memory of the kernel
 * @dmabufs: their dma-bufs, unless @memory is another
 */
struct stream {
	int node;
	__u32 type;
	__u32 memory;
	char *frames[BUFFERS];
	int dmabufs[BUFFERS];
};

static int set_format(const struct stream *stream)
{
	/*
	 * The slowest that there is: where vivid's thread is late by a picture, between looking at
	 * the clock and going to sleep, it sleeps for a negative time, and the kernel logs that.
	 */
	static const struct v4l2_dv_timings timings = V4L2_DV_BT_CEA_1280X720P24;
	struct v4l2_dv_timings copy = timings;
	struct v4l2_format format = { .type = stream->type };
	int ret = call(stream->node, VIDIOC_S_DV_TIMINGS, &copy);

	if (ret)
		return ret;
	format.fmt.pix.width = WIDTH;
	format.fmt.pix.height = HEIGHT;
	format.fmt.pix.pixelformat = V4L2_PIX_FMT_YUYV;
	format.fmt.pix.field = V4L2_FIELD_NONE;
	ret = call(stream->node, VIDIOC_S_FMT, &format);
	return ret ?: format.fmt.pix.sizeimage == FRAME_BYTES ? 0 : -EMSGSIZE;
}

static int request_buffers(const struct stream *stream, __u32 count)
{
	struct v4l2_requestbuffers arg = {
		.count = count, .type = stream->type, .memory = stream->memory,
	};

	return call(stream->node, VIDIOC_REQBUFS, &arg);
}

static int queue(const struct stream *stream, int i)
{
	struct v4l2_buffer arg = {
		.index = i, .type = stream->type, .memory = stream->memory,
		.bytesused = FRAME_BYTES, .length = ROUND_UP(FRAME_BYTES, FRAME),
	};

	if (stream->memory == V4L2_MEMORY_DMABUF)
		arg.m.fd = stream->dmabufs[i];
	else if (stream->memory == V4L2_MEMORY_USERPTR)
		arg.m.userptr = (unsigned long)stream->frames[i];
	return call(stream->node, VIDIOC_QBUF, &arg);
}

/* Returns the number of a buffer that is done, or a negative errno. */
static int dequeue(const struct stream *stream)
{
	struct v4l2_buffer arg = { .type = stream->type, .memory = stream->memory };
	int ret = call(stream->node, VIDIOC_DQBUF, &arg);

	if (ret)
		return ret;
	return arg.flags & V4L2_BUF_FLAG_ERROR ? -EIO : (int)arg.index;
}

static int map_buffer_of_kernel(struct stream *stream, int i)
{
	struct v4l2_buffer arg = {
		.index = i, .type = stream->type, .memory = stream->memory,
	};
	int ret = call(stream->node, VIDIOC_QUERYBUF, &arg);

	if (ret)
		return ret;
	stream->frames[i] = map_raw(NULL, arg.length, PROT_READ, MAP_SHARED, stream->node,
				    arg.m.offset);
	return stream->frames[i] == MAP_FAILED ? -errno : 0;
}

/* Makes a buffer of the pool; only its frame differs from PATTERN_OTHER afterwards. */
static int make_buffer(struct stream *stream, int pool, int i)
{
	struct buffer buffer;
	int ret = buffer_alloc(pool, ROUND_UP(FRAME_BYTES, FRAME), &buffer);

	if (ret)
		return ret;
	stream->frames[i] = buffer_map(pool, &buffer);
	if (stream->frames[i] == MAP_FAILED)
		return -errno;
	memset(stream->frames[i], PATTERN_OTHER, buffer.length);
	if (stream->memory != V4L2_MEMORY_DMABUF)
		return 0;
	stream->dmabufs[i] = buffer_export(pool, &buffer);
	return stream->dmabufs[i] < 0 ? stream->dmabufs[i] : 0;
}

static int begin_stream(struct stream *stream, int pool, bool is_screen, __u32 memory)
{
	int i, ret;

	stream->node = open_node(is_screen);
	stream->type = is_screen ? V4L2_BUF_TYPE_VIDEO_OUTPUT : V4L2_BUF_TYPE_VIDEO_CAPTURE;
	stream->memory = memory;
	ret = set_format(stream) ?: request_buffers(stream, BUFFERS);
	for (i = 0; !ret && i < BUFFERS; i++)
		ret = memory == V4L2_MEMORY_MMAP ? map_buffer_of_kernel(stream, i) :
						   make_buffer(stream, pool, i);
	return ret;
}

static int start_stream(const struct stream *stream)
{
	int i, ret = 0;

	for (i = 0; !ret && i < BUFFERS; i++)
		ret = queue(stream, i);
	return ret ?: call(stream->node, VIDIOC_STREAMON, (void *)&stream->type);
}

static int end_stream(const struct stream *stream)
{
	int ret = call(stream->node, VIDIOC_STREAMOFF, (void *)&stream->type);

	/* This also detaches dma-bufs and unpins addresses. */
	return ret ?: request_buffers(stream, 0);
}

/* Waits for a buffer that is done. */
static int wait_done(const struct stream *stream, short event)
{
	struct pollfd poll_fd = { .fd = stream->node, .events = event };

	if (poll(&poll_fd, 1, FRAME_MS) != 1)
		return -ETIME;
	return dequeue(stream);
}

/* Shows its frames again and again. */
static int feed_screen(const struct stream *screen)
{
	struct pollfd poll_fd = { .fd = screen->node, .events = POLLOUT };
	int i;

	while (poll(&poll_fd, 1, 0) == 1 && poll_fd.revents & POLLOUT) {
		i = dequeue(screen);
		if (i < 0 || queue(screen, i))
			return -EIO;
	}
	return 0;
}

/* Whether the camera takes a picture that equals @frame, while the screen, if any, shows it. */
static bool is_seen(const struct stream *camera, const struct stream *screen, const char *frame)
{
	int n, i;

	for (n = 0; n < FRAMES; n++) {
		i = wait_done(camera, POLLIN);
		if (i < 0)
			return false;
		if (!memcmp(camera->frames[i], frame, FRAME_BYTES))
			return true;
		memset(camera->frames[i], PATTERN_OTHER, FRAME_BYTES);
		if (queue(camera, i) || (screen && feed_screen(screen)))
			return false;
	}
	return false;
}

FIXTURE(vivid)
{
	int fd;
};

FIXTURE_VARIANT(vivid)
{
	int allocator;
	__u32 memory;		/* for the buffers of the camera */
	__u32 other_memory;	/* and for those of the screen */
};

FIXTURE_VARIANT_ADD(vivid, processor_dmabuf)
{
	.allocator = 0,
	.memory = V4L2_MEMORY_DMABUF,
	.other_memory = V4L2_MEMORY_USERPTR,
};

FIXTURE_VARIANT_ADD(vivid, processor_userptr)
{
	.allocator = 0,
	.memory = V4L2_MEMORY_USERPTR,
	.other_memory = V4L2_MEMORY_DMABUF,
};

/* As such a driver, vivid does not take addresses. */
FIXTURE_VARIANT_ADD(vivid, contiguous_dmabuf)
{
	.allocator = 1,
	.memory = V4L2_MEMORY_DMABUF,
	.other_memory = V4L2_MEMORY_DMABUF,
};

FIXTURE_SETUP(vivid)
{
	if (variant->allocator && strstr(read_file("/proc/cmdline"), "swiotlb=force"))
		SKIP(return, "pictures are too long for bounce buffers");
	if (load_vivid(variant->allocator))
		SKIP(return, "this kernel has no vivid");
	self->fd = pool_open();
	ASSERT_GE(self->fd, 0);
}

FIXTURE_TEARDOWN_PARENT(vivid)
{
	if (access("/sys/module/vivid", F_OK))
		return;
	EXPECT_TRUE(WAIT_FOR(!unload_module("vivid")));
	EXPECT_TRUE(wait_all_free());
}

/* The picture of the camera is the same whoever's memory it lies in. */
TEST_F(vivid, camera_writes_to_the_pool)
{
	struct stream reference, camera;
	static char picture[FRAME_BYTES];
	int i;

	ASSERT_EQ(0, begin_stream(&reference, self->fd, false, V4L2_MEMORY_MMAP));
	ASSERT_EQ(0, connect_camera(reference.node, false));
	/* No clock in the picture */
	ASSERT_EQ(0, set_control(reference.node, "OSD Text Mode", "", 2));
	ASSERT_EQ(0, start_stream(&reference));
	i = wait_done(&reference, POLLIN);
	ASSERT_GE(i, 0);
	memcpy(picture, reference.frames[i], FRAME_BYTES);
	EXPECT_FALSE(all_bytes(picture, picture[0], FRAME_BYTES));
	for (i = 0; i < BUFFERS; i++) {
		ASSERT_EQ(0, munmap(reference.frames[i], ROUND_UP(FRAME_BYTES, FRAME)));
	}
	ASSERT_EQ(0, end_stream(&reference));
	close(reference.node);

	ASSERT_EQ(0, begin_stream(&camera, self->fd, false, variant->memory));
	ASSERT_EQ(0, start_stream(&camera));
	EXPECT_TRUE(is_seen(&camera, NULL, picture));
	if (variant->memory == V4L2_MEMORY_DMABUF) {
		EXPECT_EQ(variant->allocator ? BUFFERS : 0, client_info(self->fd, "attached"));
		EXPECT_LE(BUFFERS, client_info(self->fd, "in_use"));
	}
	ASSERT_EQ(0, end_stream(&camera));
	EXPECT_EQ(0, client_info(self->fd, "attached"));
	EXPECT_EQ(0, client_info(self->fd, "in_use"));
}

/* The camera sees what the screen reads from the pool. */
TEST_F(vivid, screen_reads_from_the_pool)
{
	struct stream camera, screen;
	int i, j;

	ASSERT_EQ(0, begin_stream(&camera, self->fd, false, variant->memory));
	ASSERT_EQ(0, begin_stream(&screen, self->fd, true, variant->other_memory));
	ASSERT_EQ(0, connect_camera(camera.node, true));
	ASSERT_EQ(0, set_control(camera.node, "OSD Text Mode", "", 2));
	for (i = 0; i < BUFFERS; i++)
		for (j = 0; j < FRAME_BYTES; j++)
			screen.frames[i][j] = j * 251 >> 3;
	ASSERT_EQ(0, start_stream(&screen));
	ASSERT_EQ(0, start_stream(&camera));
	EXPECT_TRUE(is_seen(&camera, &screen, screen.frames[0]));
	ASSERT_EQ(0, end_stream(&camera));
	ASSERT_EQ(0, end_stream(&screen));
}

TEST_F(vivid, killed_while_streaming)
{
	int ready[2];
	pid_t pid;

	ASSERT_EQ(0, pipe(ready));
	pid = child_fork();
	if (!pid) {
		struct stream camera, screen;
		int pool = pool_open();

		CHILD_CHECK(!begin_stream(&camera, pool, false, variant->memory));
		CHILD_CHECK(!begin_stream(&screen, pool, true, variant->other_memory));
		CHILD_CHECK(!connect_camera(camera.node, true));
		CHILD_CHECK(!start_stream(&screen) && !start_stream(&camera));
		tell(ready[1]);
		is_seen(&camera, &screen, "");
		pause();
	}
	ASSERT_TRUE(hear(ready[0]));
	sleep_ms(100);
	EXPECT_EQ(CHILD_KILLED + SIGKILL, child_kill(pid));
	EXPECT_TRUE(wait_idle(self->fd, 1));
}

/* What may only be read is no place for pictures. */
TEST_F(vivid, camera_refuses_read_only_buffers)
{
	struct stream camera;
	struct buffer buffer;

	if (variant->memory != V4L2_MEMORY_DMABUF)
		return;
	ASSERT_EQ(0, begin_stream(&camera, self->fd, false, variant->memory));
	ASSERT_EQ(0, buffer_alloc(self->fd, ROUND_UP(FRAME_BYTES, FRAME), &buffer));
	camera.dmabufs[0] = buffer_export_part(self->fd, buffer.handle,
					       FRAMEPOOL_EXPORT_READ_ONLY, 0, buffer.length);
	EXPECT_GT(0, queue(&camera, 0));
	EXPECT_EQ(0, client_info(self->fd, "in_use"));
}

TEST_HARNESS_MAIN
