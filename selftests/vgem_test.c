// SPDX-License-Identifier: GPL-2.0-only
/*
 * A driver that imports buffers as dma-bufs: vgem, a graphics device without hardware. The module
 * is loaded anew for each test, and left loaded as it was found.
 */
#include "common.h"
#include "child.h"
#include "dmabuf.h"
#include "memory.h"
#include "module.h"

#define BYTES		(4 * MIB)
#define SHUTDOWN	"/sys/class/framepool/" POOL_NAME "/shutdown"

FIXTURE(vgem)
{
	int fd;
	struct buffer buffer;	/* BYTES long, aligned to huge frames */
	int drm;
};

FIXTURE_SETUP(vgem)
{
	if (modprobe("vgem"))
		SKIP(return, "this kernel has no vgem");
	if (is_loaded()) {
		ASSERT_EQ(0, unload());
	}
	ASSERT_EQ(0, load("size=64M"));
	self->drm = open("/dev/dri/card0", O_RDWR | O_CLOEXEC);
	ASSERT_GE(self->drm, 0);
	self->fd = pool_open();
	ASSERT_EQ(0, buffer_alloc_huge(self->fd, BYTES, &self->buffer));
}

FIXTURE_TEARDOWN_PARENT(vgem)
{
	if (access("/sys/module/vgem", F_OK))
		return;
	if (is_loaded()) {
		EXPECT_TRUE(WAIT_FOR(!unload()));
	}
	EXPECT_EQ(0, load(USUAL_PARAMETERS));
	EXPECT_TRUE(wait_all_free());
}

/* What of the interface of graphics devices is used here; its header is a package of its own. */
struct drm_handle {
	__u32 handle;
	__u32 flags;
	__s32 fd;
};

#define DRM_CLOSE		_IOW('d', 0x09, __u64)
#define DRM_HANDLE_TO_FD	_IOWR('d', 0x2d, struct drm_handle)
#define DRM_FD_TO_HANDLE	_IOWR('d', 0x2e, struct drm_handle)

/* Returns vgem's handle, or a negative errno. */
static int import(int drm, int dmabuf)
{
	struct drm_handle arg = { .fd = dmabuf };

	return call(drm, DRM_FD_TO_HANDLE, &arg) ?: (int)arg.handle;
}

static int export_again(int drm, int handle)
{
	struct drm_handle arg = { .handle = handle, .flags = O_RDWR | O_CLOEXEC };

	return call(drm, DRM_HANDLE_TO_FD, &arg) ?: arg.fd;
}

static int forget(int drm, __u64 handle)
{
	return call(drm, DRM_CLOSE, &handle);
}

/* From 7.3 on, vgem maps what it imports only when it needs that, which is never. */
static bool maps_late(void)
{
	return kernel_is("7.");
}

TEST_F(vgem, same_buffer_is_one_object_of_the_driver)
{
	int whole = buffer_export(self->fd, &self->buffer), handle, again;
	char *p = buffer_map(self->fd, &self->buffer), *q;

	stamp_frames(p, BYTES, 0);
	handle = import(self->drm, whole);
	ASSERT_GT(handle, 0);
	EXPECT_EQ(1, client_info(self->fd, "attached"));
	EXPECT_EQ(!maps_late(), client_info(self->fd, "in_use"));
	close(whole);
	whole = buffer_export(self->fd, &self->buffer);
	EXPECT_EQ(handle, import(self->drm, whole));
	again = export_again(self->drm, handle);
	EXPECT_EQ(number_of(whole), number_of(again));
	q = map_dmabuf(again, BYTES, PROT_READ | PROT_WRITE);
	ASSERT_NE(MAP_FAILED, q);
	EXPECT_TRUE(frames_stamped(q, BYTES, 0));
	stamp_frames(q, BYTES, 7);
	EXPECT_TRUE(frames_stamped(p, BYTES, 7));
	EXPECT_EQ(0, forget(self->drm, handle));
	EXPECT_EQ(0, client_info(self->fd, "attached"));
	EXPECT_EQ(0, client_info(self->fd, "in_use"));
}

/* The driver wants to map for both directions. */
TEST_F(vgem, read_only_is_refused_and_then_read_write_works)
{
	int read_only = buffer_export_part(self->fd, self->buffer.handle,
					   FRAMEPOOL_EXPORT_READ_ONLY, 0, BYTES);

	if (!maps_late()) {
		EXPECT_EQ(-EACCES, import(self->drm, read_only));
		EXPECT_EQ(0, client_info(self->fd, "attached"));
	}
	EXPECT_EQ(0, client_info(self->fd, "in_use"));
	EXPECT_LT(0, import(self->drm, buffer_export(self->fd, &self->buffer)));
}

TEST_F(vgem, driver_keeps_the_memory)
{
	struct dma_buf_sync sync = { .flags = DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW };
	int whole = buffer_export(self->fd, &self->buffer), probe = pool_open();

	EXPECT_LT(0, import(self->drm, whole));
	EXPECT_EQ(0, call(whole, DMA_BUF_IOCTL_SYNC, &sync));
	sync.flags = DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW;
	EXPECT_EQ(0, call(whole, DMA_BUF_IOCTL_SYNC, &sync));
	close(whole);
	close(self->fd);
	EXPECT_EQ(BYTES, used_bytes(probe));
	close(self->drm);
	EXPECT_TRUE(wait_idle(probe, 1));
}

TEST_F(vgem, shutdown_refuses_new_devices)
{
	int whole = buffer_export(self->fd, &self->buffer);
	int part = buffer_export_part(self->fd, self->buffer.handle, 0, 0, FRAME);

	EXPECT_LT(0, import(self->drm, whole));
	ASSERT_EQ(0, write_file(SHUTDOWN, "1"));
	EXPECT_EQ(-ENODEV, import(self->drm, part));
}

TEST_HARNESS_MAIN
