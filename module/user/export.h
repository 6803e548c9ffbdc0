/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FP_EXPORT_H
#define FP_EXPORT_H

#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/types.h>

struct device;
struct dma_buf;
struct fp_buffer;
struct fp_client;
struct fp_pool;

/**
 * struct fp_export - a dma-buf
 * @client: its client, with a reference; constant, as is everything before @node
 * @buffer: the buffer, with a reference
 * @dmabuf: the dma-buf, whose file may be gone before it
 * @ino: the inode number of that file
 * @first: page of the buffer that it begins at
 * @nr: length in pages
 * @read_only: neither programs nor devices may write
 * @node: entry in the client's list (protected by the client's exports lock)
 * @lock: protects @attached and @maps
 * @attached: devices that are attached to it
 * @maps: their mappings
 */
struct fp_export {
	struct fp_client *client;
	struct fp_buffer *buffer;
	struct dma_buf *dmabuf;
	unsigned long ino;
	unsigned long first;
	u64 nr;
	bool read_only;
	struct list_head node;
	struct mutex lock;
	struct list_head attached;
	struct list_head maps;
};

int fp_export_create(struct fp_client *client, void *args, void __user *user);
struct dma_buf *fp_export_whole(struct fp_buffer *buffer, int fd_flags);
int fp_export_describe(struct fp_client *client, void *args, void __user *user);
int fp_export_sync(struct fp_client *client, void *args, void __user *user);
void fp_exports_for_each(struct fp_pool *pool,
			 void (*show)(struct fp_export *export, void *context), void *context);
u32 fp_export_vmaps(const struct fp_export *export);
void fp_export_devices_for_each(struct fp_export *export,
				void (*show)(const struct device *device, u32 nr_maps,
					     void *context),
				void *context);

#endif
