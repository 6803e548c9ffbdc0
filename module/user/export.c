// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exports: buffers, and parts of them, as dma-bufs for devices and for other processes.
 *
 * An export has a reference to its buffer and to its client. So the memory stays, and stays charged
 * to the client, until the dma-buf is gone, even if the handle was freed or the client's file was
 * closed. The dma-buf itself has a reference to the module.
 *
 * A whole buffer has one dma-buf for reading and writing, however often it is exported. Otherwise
 * importers would see several objects that are not synchronised with each other. That dma-buf stays
 * until the handle is freed or the client's file is closed, because fp_buffer.exported has a
 * reference to it. A pointer without a reference would not do: the dma-buf's file may be freed long
 * before its dentry, and release() is called for the dentry. Anybody can keep that with O_PATH.
 *
 * The file of a dma-buf shares the client's address_space, so that mappings of it are mappings of
 * the client's pages: huge, and revoked with them. Its mappings refer to the file of the dma-buf,
 * not to the client's. With the latter, remap_file_pages() would reach all buffers of the client.
 *
 * Shutdown takes the memory away from programs, and refuses new mappings by devices. Devices that
 * have it mapped keep it until they unmap it, as with direct I/O.
 */
#include "user/export.h"

#include <linux/dma-buf.h>
#include <linux/dma-direct.h>
#include <linux/dma-mapping.h>
#include <linux/file.h>
#include <linux/iommu.h>
#include <linux/iosys-map.h>
#include <linux/module.h>
#include <linux/scatterlist.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/swiotlb.h>
#include <linux/uaccess.h>

#include "compat.h"
#include "uapi/framepool.h"
#include "user/client.h"
#include "user/mmap.h"
#include "user/movable.h"
#include "user/compact.h"

MODULE_IMPORT_NS(FP_DMA_BUF_NAMESPACE);

/* The length of an entry has 32 bits. */
#define MAX_ENTRY_BYTES	SZ_2G

/**
 * struct attached - a device is attached to an export
 * @node: entry in the export's list
 * @device: the device
 * @nr_maps: how often it has the export mapped (protected by the export's lock)
 */
struct attached {
	struct list_head node;
	struct device *device;
	u32 nr_maps;
};

/**
 * struct map - a device has an export mapped
 * @node: entry in the export's list
 * @attached: the device
 * @direction: of its accesses
 * @table: the bus addresses
 * @entry: of @table, if one is enough
 */
struct map {
	struct list_head node;
	struct attached *attached;
	enum dma_data_direction direction;
	struct sg_table table;
	struct scatterlist entry;
};

static struct page *first_page(const struct fp_export *export)
{
	return pfn_to_page(export->buffer->pfn + export->first);
}

/* Somebody else will write to the frames, and we will not know when. */
static void set_dirty(const struct fp_export *export)
{
	WRITE_ONCE(export->buffer->run.dirty, true);
}

static int attach(struct dma_buf *dmabuf, struct dma_buf_attachment *attachment)
{
	struct fp_export *export = dmabuf->priv;
	struct attached *attached;

	if (fp_client_is_revoked(export->client))
		return -ENODEV;
	attached = kzalloc(sizeof(*attached), GFP_KERNEL);
	if (!attached)
		return -ENOMEM;
	attached->device = attachment->dev;
	attachment->priv = attached;
	mutex_lock(&export->lock);
	list_add_tail(&attached->node, &export->attached);
	mutex_unlock(&export->lock);
	atomic_inc(&export->client->nr_attached);
	return 0;
}

static void detach(struct dma_buf *dmabuf, struct dma_buf_attachment *attachment)
{
	struct fp_export *export = dmabuf->priv;
	struct attached *attached = attachment->priv;

	atomic_dec(&export->client->nr_attached);
	mutex_lock(&export->lock);
	list_del(&attached->node);
	mutex_unlock(&export->lock);
	kfree(attached);
}

/*
 * Does the device reach all of the export? The kernel warns if a device is to map what it does not
 * reach, and any program could cause that. Bounce buffers, which some systems put between memory
 * and all devices, lie anywhere below 4 GiB.
 */
static bool is_reached(struct device *device, const struct fp_export *export)
{
	struct iommu_domain *domain = iommu_get_domain_for_dev(device);
	dma_addr_t first = phys_to_dma(device, page_to_phys(first_page(export)));
	u64 bytes = export->nr << PAGE_SHIFT, limit;

	if (!device->dma_mask)
		return false;
	if (domain && iommu_is_dma_domain(domain))
		return true;
	limit = min_not_zero(*device->dma_mask, device->bus_dma_limit);
	if (is_swiotlb_force_bounce(device))
		return limit >= DMA_BIT_MASK(32) && bytes <= dma_max_mapping_size(device);
	return first + bytes - 1 <= limit;
}

/*
 * How long an entry may be. One alone may have any length. Of several, none is longer than a
 * segment of the device, as the kernel expects where it joins adjacent ones for an IOMMU.
 */
static unsigned int max_entry_bytes(const struct map *map, u64 bytes)
{
	unsigned int segment = dma_get_max_seg_size(map->attached->device);

	if (bytes <= MAX_ENTRY_BYTES)
		return MAX_ENTRY_BYTES;
	return clamp_t(unsigned int, round_down(segment, PAGE_SIZE), PAGE_SIZE, MAX_ENTRY_BYTES);
}

/* One entry, as for nearly all exports, needs no memory of its own. */
static int create_table(struct map *map, u64 bytes, unsigned int max)
{
	if (bytes > max)
		return sg_alloc_table(&map->table, DIV_ROUND_UP_ULL(bytes, max), GFP_KERNEL);
	sg_init_table(&map->entry, 1);
	map->table.sgl = &map->entry;
	map->table.nents = 1;
	map->table.orig_nents = 1;
	return 0;
}

static void destroy_table(struct map *map)
{
	if (map->table.sgl != &map->entry)
		sg_free_table(&map->table);
}

static int fill_table(struct map *map, const struct fp_export *export)
{
	u64 left = export->nr << PAGE_SHIFT;
	unsigned int max = max_entry_bytes(map, left), i, bytes;
	struct page *page = first_page(export);
	struct sg_table *table = &map->table;
	struct scatterlist *entry;
	int ret;

	ret = create_table(map, left, max);
	if (ret)
		return ret;
	for_each_sgtable_sg(table, entry, i) {
		bytes = min_t(u64, left, max);
		sg_set_page(entry, page, bytes, 0);
		page += bytes >> PAGE_SHIFT;
		left -= bytes;
	}
	return 0;
}

static struct map *create_map(const struct fp_export *export, struct attached *attached,
			      enum dma_data_direction direction)
{
	struct map *map = kzalloc(sizeof(*map), GFP_KERNEL);
	int ret = -ENOMEM;

	if (!map)
		return ERR_PTR(ret);
	map->attached = attached;
	map->direction = direction;
	ret = fill_table(map, export);
	if (ret)
		goto err_free;
	ret = dma_map_sgtable(attached->device, &map->table, direction, DMA_ATTR_NO_WARN);
	if (ret)
		goto err_table;
	return map;

err_table:
	destroy_table(map);
err_free:
	kfree(map);
	return ERR_PTR(ret);
}

static struct sg_table *map_dma_buf(struct dma_buf_attachment *attachment,
				    enum dma_data_direction direction)
{
	struct fp_export *export = attachment->dmabuf->priv;
	struct map *map;

	if (fp_client_is_revoked(export->client))
		return ERR_PTR(-ENODEV);
	if (export->read_only && direction != DMA_TO_DEVICE)
		return ERR_PTR(-EACCES);
	if (!is_reached(attachment->dev, export))
		return ERR_PTR(-EBUSY);
	set_dirty(export);
	map = create_map(export, attachment->priv, direction);
	if (IS_ERR(map))
		return ERR_CAST(map);
	mutex_lock(&export->lock);
	list_add(&map->node, &export->maps);
	map->attached->nr_maps++;
	mutex_unlock(&export->lock);
	atomic_inc(&export->client->nr_in_use);
	return &map->table;
}

static void unmap_dma_buf(struct dma_buf_attachment *attachment, struct sg_table *table,
			  enum dma_data_direction direction)
{
	struct fp_export *export = attachment->dmabuf->priv;
	struct map *map = container_of(table, struct map, table);

	mutex_lock(&export->lock);
	list_del(&map->node);
	map->attached->nr_maps--;
	mutex_unlock(&export->lock);
	atomic_dec(&export->client->nr_in_use);
	dma_unmap_sgtable(attachment->dev, table, map->direction, 0);
	destroy_table(map);
	kfree(map);
}

/**
 * struct part - a part of an export
 * @begin: offset of its first byte
 * @end: offset behind its last one
 * @sync_single: makes what the processors and a device see the same
 */
struct part {
	u64 begin;
	u64 end;
	void (*sync_single)(struct device *device, dma_addr_t address, size_t bytes,
			    enum dma_data_direction direction);
};

/*
 * The pages in a table are none of our business while an importer has it: with DMABUF_DEBUG they
 * are mangled.
 */
static void sync_map(struct map *map, const struct part *part)
{
	u64 begin, end, at = 0;
	struct scatterlist *entry;
	int i;

	for_each_sgtable_dma_sg(&map->table, entry, i) {
		begin = max(part->begin, at);
		end = min(part->end, at + sg_dma_len(entry));
		if (begin < end)
			part->sync_single(map->attached->device,
					   sg_dma_address(entry) + (begin - at), end - begin,
					   map->direction);
		at += sg_dma_len(entry);
	}
}

static void sync(struct fp_export *export, const struct part *part)
{
	struct map *map;

	mutex_lock(&export->lock);
	list_for_each_entry(map, &export->maps, node)
		sync_map(map, part);
	mutex_unlock(&export->lock);
}

static void sync_for_cpu(struct device *device, dma_addr_t address, size_t bytes,
			 enum dma_data_direction direction)
{
	dma_sync_single_for_cpu(device, address, bytes, direction);
}

static void sync_for_device(struct device *device, dma_addr_t address, size_t bytes,
			    enum dma_data_direction direction)
{
	dma_sync_single_for_device(device, address, bytes, direction);
}

static int begin_cpu_access(struct dma_buf *dmabuf, enum dma_data_direction direction)
{
	sync(dmabuf->priv, &(struct part){ .end = dmabuf->size, .sync_single = sync_for_cpu });
	return 0;
}

static int end_cpu_access(struct dma_buf *dmabuf, enum dma_data_direction direction)
{
	sync(dmabuf->priv, &(struct part){ .end = dmabuf->size, .sync_single = sync_for_device });
	return 0;
}

/* Importers call this as well, with a VMA for writing even if the dma-buf is read-only. */
static int map_into_program(struct dma_buf *dmabuf, struct vm_area_struct *vma)
{
	const struct fp_export *export = dmabuf->priv;
	int ret;

	if (export->read_only && vma->vm_flags & VM_WRITE)
		return -EACCES;
	ret = fp_mmap_buffer(export->buffer, vma);
	if (ret)
		return ret;
	if (export->read_only)
		fp_vma_change_flags(vma, 0, VM_MAYWRITE);
	vma->vm_pgoff += export->buffer->pgoff + export->first;
	return 0;
}

/* This must not fail: the kernel would warn. */
static int map_into_kernel(struct dma_buf *dmabuf, struct iosys_map *map)
{
	const struct fp_export *export = dmabuf->priv;

	set_dirty(export);
	atomic_inc(&export->client->nr_in_use);
	iosys_map_set_vaddr(map, page_address(first_page(export)));
	return 0;
}

static void unmap_from_kernel(struct dma_buf *dmabuf, struct iosys_map *map)
{
	const struct fp_export *export = dmabuf->priv;

	atomic_dec(&export->client->nr_in_use);
}

static void destroy(struct fp_export *export)
{
	struct fp_client *client = export->client;

	atomic_dec(&client->nr_exports);
	fp_movable_unpin(export->buffer, FP_PIN_EXPORT);
	fp_client_put_buffer(export->buffer);
	kfree(export);
	fp_client_put(client);
}

static void release(struct dma_buf *dmabuf)
{
	struct fp_export *export = dmabuf->priv;

	mutex_lock(&export->client->exports_lock);
	list_del(&export->node);
	mutex_unlock(&export->client->exports_lock);
	destroy(export);
}

#define COMMON_OPS					\
	.attach = attach,				\
	.detach = detach,				\
	.map_dma_buf = map_dma_buf,			\
	.unmap_dma_buf = unmap_dma_buf,			\
	.begin_cpu_access = begin_cpu_access,		\
	.end_cpu_access = end_cpu_access,		\
	.mmap = map_into_program,			\
	.release = release

static const struct dma_buf_ops ops = {
	COMMON_OPS,
	.vmap = map_into_kernel,
	.vunmap = unmap_from_kernel,
};

/* The kernel could write through a vmap(), which must not fail. So there is none. */
static const struct dma_buf_ops read_only_ops = {
	COMMON_OPS,
};

/* Takes over the reference to the buffer, and a pin. */
static struct fp_export *create(struct fp_client *client, struct fp_buffer *buffer,
				const struct framepool_ioc_export *args)
{
	struct fp_export *export = kzalloc(sizeof(*export), GFP_KERNEL_ACCOUNT);

	if (export && atomic_inc_return(&client->nr_exports) > FRAMEPOOL_EXPORTS_MAX) {
		atomic_dec(&client->nr_exports);
		kfree(export);
		export = ERR_PTR(-EMFILE);
	}
	if (IS_ERR_OR_NULL(export)) {
		fp_movable_unpin(buffer, FP_PIN_EXPORT);
		fp_client_put_buffer(buffer);
		return export ?: ERR_PTR(-ENOMEM);
	}
	fp_client_get(client);
	export->client = client;
	export->buffer = buffer;
	export->first = args->offset >> PAGE_SHIFT;
	export->nr = args->length >> PAGE_SHIFT;
	export->read_only = args->flags & FRAMEPOOL_EXPORT_READ_ONLY;
	mutex_init(&export->lock);
	INIT_LIST_HEAD(&export->attached);
	INIT_LIST_HEAD(&export->maps);
	return export;
}

/*
 * Create a dma-buf; takes over the reference to the buffer, and a pin. Returns its file, with
 * @flags.
 */
static struct file *create_file(struct fp_client *client, struct fp_buffer *buffer,
				const struct framepool_ioc_export *args, int flags)
{
	DEFINE_DMA_BUF_EXPORT_INFO(info);
	struct fp_export *export = create(client, buffer, args);
	struct dma_buf *dmabuf;

	if (IS_ERR(export))
		return ERR_CAST(export);
	info.ops = export->read_only ? &read_only_ops : &ops;
	info.size = args->length;
	info.flags = flags;
	info.priv = export;
	dmabuf = dma_buf_export(&info);
	if (IS_ERR(dmabuf)) {
		destroy(export);
		return ERR_CAST(dmabuf);
	}
	dmabuf->file->f_mapping = client->inode->i_mapping;
	export->dmabuf = dmabuf;
	export->ino = file_inode(dmabuf->file)->i_ino;
	mutex_lock(&client->exports_lock);
	list_add_tail(&export->node, &client->exports);
	mutex_unlock(&client->exports_lock);
	return dmabuf->file;
}

static bool is_whole(const struct fp_buffer *buffer, const struct framepool_ioc_export *args)
{
	return !args->flags && args->length == buffer->run.nr << PAGE_SHIFT;
}

static int check_range(const struct fp_buffer *buffer, const struct framepool_ioc_export *args)
{
	u64 bytes = buffer->run.nr << PAGE_SHIFT;

	if (!args->length || !PAGE_ALIGNED(args->offset) || !PAGE_ALIGNED(args->length))
		return -EINVAL;
	return args->offset < bytes && args->length <= bytes - args->offset ? 0 : -EINVAL;
}

/* The file of the dma-buf that the program asked for, with a reference. */
static struct file *get_file_of(struct fp_client *client, const struct framepool_ioc_export *args)
{
	struct fp_buffer *buffer = fp_client_get_handle(client, args->handle);
	struct file *file;
	bool whole;
	int ret;

	if (!buffer)
		return ERR_PTR(-ENOENT);
	ret = check_range(buffer, args);
	whole = !ret && is_whole(buffer, args);
	file = whole ? fp_client_get_exported(buffer) : NULL;
	if (!ret && !file)
		ret = fp_compact_pin(buffer, FP_PIN_EXPORT);
	if (ret || file) {
		fp_client_put_buffer(buffer);
		return file ?: ERR_PTR(ret);
	}
	file = create_file(client, buffer, args,
			   args->flags & FRAMEPOOL_EXPORT_READ_ONLY ? O_RDONLY : O_RDWR);
	if (IS_ERR(file) || !whole)
		return file;
	return fp_client_set_exported(client, args->handle, file);
}

/* Nothing may fail once the program can see the descriptor. */
static int deliver(struct file *file, struct framepool_ioc_export __user *user)
{
	int fd = get_unused_fd_flags(O_CLOEXEC);

	if (fd < 0)
		return fd;
	if (put_user(fd, &user->fd)) {
		put_unused_fd(fd);
		return -EFAULT;
	}
	fd_install(fd, get_file(file));
	return 0;
}

/**
 * fp_export_create() - FRAMEPOOL_IOC_EXPORT
 * @client: the client
 * @data: copy of the structure (struct framepool_ioc_export)
 * @user: the program's structure, for the result
 *
 * Context: process; may sleep.
 * Return: 0, or a negative errno as in uapi/framepool.h.
 */
int fp_export_create(struct fp_client *client, void *data, void __user *user)
{
	const struct framepool_ioc_export *args = data;
	struct file *file;
	int ret;

	if (args->flags & ~FRAMEPOOL_EXPORT_READ_ONLY || args->reserved)
		return -EINVAL;
	file = get_file_of(client, args);
	ret = PTR_ERR_OR_ZERO(file);
	if (!ret) {
		ret = deliver(file, user);
		fput(file);
	}
	return ret == -ENOMEM ? -ENOBUFS : ret;
}

/*
 * The export behind a descriptor of a dma-buf of the client's pool. The caller drops the reference
 * to @export->dmabuf.
 */
static struct fp_export *get_export(const struct fp_client *client, int fd)
{
	struct dma_buf *dmabuf = dma_buf_get(fd);
	struct fp_export *export;

	if (IS_ERR(dmabuf))
		return ERR_CAST(dmabuf);
	export = dmabuf->priv;
	if (dmabuf->ops->release == release && export->client->pool == client->pool)
		return export;
	dma_buf_put(dmabuf);
	return ERR_PTR(-EINVAL);
}

/**
 * fp_export_whole() - make a dma-buf of a whole buffer
 * @buffer: the buffer; its reference passes to the function
 * @fd_flags: as of open(2)
 *
 * Context: process; may sleep.
 * Return: the dma-buf, or an error pointer: -ENOMEM.
 */
struct dma_buf *fp_export_whole(struct fp_buffer *buffer, int fd_flags)
{
	const struct framepool_ioc_export args = { .length = buffer->run.nr << PAGE_SHIFT };
	struct file *file = create_file(buffer->client, buffer, &args, fd_flags);

	return IS_ERR(file) ? ERR_CAST(file) : file->private_data;
}

/**
 * fp_export_describe() - FRAMEPOOL_IOC_DESCRIBE
 * @client: the client
 * @data: copy of the structure (struct framepool_ioc_describe); gets the results
 * @user: unused
 *
 * Context: process; may sleep.
 * Return: 0, or a negative errno as in uapi/framepool.h.
 */
int fp_export_describe(struct fp_client *client, void *data, void __user *user)
{
	struct framepool_ioc_describe *args = data;
	const struct fp_export *export;

	if (args->flags || args->reserved)
		return -EINVAL;
	export = get_export(client, args->fd);
	if (IS_ERR(export))
		return PTR_ERR(export);
	args->length = export->nr << PAGE_SHIFT;
	args->address = client->sees_addresses ? page_to_phys(first_page(export)) : 0;
	dma_buf_put(export->dmabuf);
	return 0;
}

/**
 * fp_export_sync() - FRAMEPOOL_IOC_SYNC
 * @client: the client
 * @data: copy of the structure (struct framepool_ioc_sync)
 * @user: unused
 *
 * Context: process; may sleep.
 * Return: 0, or a negative errno as in uapi/framepool.h.
 */
int fp_export_sync(struct fp_client *client, void *data, void __user *user)
{
	const struct framepool_ioc_sync *args = data;
	const struct part part = {
		.begin = args->offset,
		.end = args->offset + args->length,
		.sync_single = args->flags & FRAMEPOOL_SYNC_END ? sync_for_device : sync_for_cpu,
	};
	struct fp_export *export;
	int ret = -EINVAL;

	if (args->flags & ~FRAMEPOOL_SYNC_END || args->reserved)
		return ret;
	export = get_export(client, args->fd);
	if (IS_ERR(export))
		return PTR_ERR(export);
	if (part.begin < part.end && part.end <= export->nr << PAGE_SHIFT) {
		sync(export, &part);
		ret = 0;
	}
	dma_buf_put(export->dmabuf);
	return ret;
}

/**
 * fp_exports_for_each() - call a function for the exports of all clients of a pool
 * @pool: the pool
 * @show: called for each; may sleep
 * @context: passed on
 *
 * Context: may sleep.
 */
void fp_exports_for_each(struct fp_pool *pool,
			 void (*show)(struct fp_export *export, void *context), void *context)
{
	struct fp_client *client;
	struct fp_export *export;

	mutex_lock(&pool->clients_lock);
	list_for_each_entry(client, &pool->clients, node) {
		mutex_lock(&client->exports_lock);
		list_for_each_entry(export, &client->exports, node)
			show(export, context);
		mutex_unlock(&client->exports_lock);
	}
	mutex_unlock(&pool->clients_lock);
}

/**
 * fp_export_vmaps() - count how often drivers reach an export by the processor
 * @export: the export
 *
 * Context: any.
 * Return: the number.
 */
u32 fp_export_vmaps(const struct fp_export *export)
{
	return READ_ONCE(export->dmabuf->vmapping_counter);
}

/**
 * fp_export_devices_for_each() - call a function for each attached device
 * @export: the export, which the caller found by fp_exports_for_each()
 * @show: called with the device, and how often it has the export mapped; may sleep
 * @context: passed on
 *
 * Context: may sleep.
 */
void fp_export_devices_for_each(struct fp_export *export,
				void (*show)(const struct device *device, u32 nr_maps,
					     void *context),
				void *context)
{
	const struct attached *attached;

	mutex_lock(&export->lock);
	list_for_each_entry(attached, &export->attached, node)
		show(attached->device, attached->nr_maps, context);
	mutex_unlock(&export->lock);
}
