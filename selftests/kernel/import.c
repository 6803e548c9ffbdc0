// SPDX-License-Identifier: GPL-2.0-only
/*
 * Imports dma-bufs for QEMU's edu devices, which can copy between memory and a small buffer of
 * their own. A program says what to do, by /dev/framepool_import.
 */
#include "import.h"

#include <linux/dma-buf.h>
#include <linux/dma-mapping.h>
#include <linux/dma-resv.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/io.h>
#include <linux/iopoll.h>
#include <linux/iosys-map.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "compat.h"

MODULE_IMPORT_NS(FP_DMA_BUF_NAMESPACE);

#define MAX_EDUS	8

/* Registers of an edu device, and where its own buffer lies */
#define SOURCE		0x80
#define DESTINATION	0x88
#define COUNT		0x90
#define COMMAND		0x98
#define BUFFER		0x40000

/* Bits of COMMAND */
#define RUN		BIT(0)
#define TO_MEMORY	BIT(1)

#define DMA_TIMEOUT_US	(20 * USEC_PER_SEC)

/**
 * struct edu - an edu device
 * @pci: the device; NULL if the driver was not bound to so many
 * @registers: its registers
 * @lock: one transfer at a time
 */
struct edu {
	struct pci_dev *pci;
	void __iomem *registers;
	struct mutex lock;
};

static struct edu edus[MAX_EDUS];

/**
 * struct importer - an open file
 * @lock: protects all below
 * @dmabuf: what it imports, or NULL
 * @edu: for which edu device, or NULL
 * @attachment: of the device, or NULL
 * @dynamic: as a dynamic importer
 * @table: the bus addresses, or NULL
 * @direction: of the device's accesses
 * @is_vmapped: @map is valid
 * @map: where the kernel reaches it
 */
struct importer {
	struct mutex lock;
	struct dma_buf *dmabuf;
	struct edu *edu;
	struct dma_buf_attachment *attachment;
	bool dynamic;
	struct sg_table *table;
	enum dma_data_direction direction;
	bool is_vmapped;
	struct iosys_map map;
};

static struct miscdevice misc;

static void unmap(struct importer *importer)
{
	if (!importer->table)
		return;
	if (importer->dynamic) {
		dma_resv_lock(importer->dmabuf->resv, NULL);
		dma_buf_unmap_attachment(importer->attachment, importer->table,
					 importer->direction);
		dma_resv_unlock(importer->dmabuf->resv);
	} else {
		dma_buf_unmap_attachment_unlocked(importer->attachment, importer->table,
						  importer->direction);
	}
	importer->table = NULL;
}

static void vunmap_dmabuf(struct importer *importer)
{
	if (importer->is_vmapped)
		fp_dma_buf_vunmap(importer->dmabuf, &importer->map);
	importer->is_vmapped = false;
}

static void detach(struct importer *importer)
{
	unmap(importer);
	vunmap_dmabuf(importer);
	if (importer->attachment)
		dma_buf_detach(importer->dmabuf, importer->attachment);
	if (importer->dmabuf)
		dma_buf_put(importer->dmabuf);
	importer->attachment = NULL;
	importer->dmabuf = NULL;
	importer->edu = NULL;
}

/* Nothing tells this importer that memory moved, as long as it stays where it is. */
static void moved(struct dma_buf_attachment *attachment)
{
	pr_err("framepool import test: a buffer is elsewhere now\n");
}

static struct dma_buf_attach_ops dynamic_ops;

/* Attach a device to the importer's dma-buf. */
static int attach_device(struct importer *importer, struct device *device, bool dynamic)
{
	struct dma_buf_attachment *attachment =
		dynamic ? dma_buf_dynamic_attach(importer->dmabuf, device, &dynamic_ops, importer) :
			  dma_buf_attach(importer->dmabuf, device);

	if (IS_ERR(attachment))
		return PTR_ERR(attachment);
	importer->attachment = attachment;
	importer->dynamic = dynamic;
	return 0;
}

static int attach_edu(struct importer *importer, const struct import_attach *args)
{
	struct device *device;
	int ret;

	if (args->device >= MAX_EDUS || !edus[args->device].pci || args->bits > 64)
		return -ENXIO;
	importer->edu = &edus[args->device];
	device = &importer->edu->pci->dev;
	ret = args->bits ? dma_set_mask_and_coherent(device, DMA_BIT_MASK(args->bits)) : 0;
	return ret ?: attach_device(importer, device, args->dynamic);
}

static int attach(struct importer *importer, const struct import_attach *args)
{
	struct dma_buf *dmabuf;
	int ret = 0;

	if (importer->dmabuf)
		return -EALREADY;
	dmabuf = dma_buf_get(args->fd);
	if (IS_ERR(dmabuf))
		return PTR_ERR(dmabuf);
	importer->dmabuf = dmabuf;
	if (args->device == IMPORT_NO_DMA)
		ret = attach_device(importer, misc.this_device, args->dynamic);
	else if (args->device != IMPORT_PROCESSOR)
		ret = attach_edu(importer, args);
	if (ret)
		detach(importer);
	return ret;
}

static struct sg_table *map_attachment(struct importer *importer,
				       enum dma_data_direction direction)
{
	struct sg_table *table;

	if (!importer->dynamic)
		return dma_buf_map_attachment_unlocked(importer->attachment, direction);
	dma_resv_lock(importer->dmabuf->resv, NULL);
	table = dma_buf_map_attachment(importer->attachment, direction);
	dma_resv_unlock(importer->dmabuf->resv);
	return table;
}

/* Return: how many bus addresses there are, or a negative errno. */
static int map(struct importer *importer, unsigned long direction)
{
	struct sg_table *table;

	if (!importer->attachment || importer->table || direction > DMA_FROM_DEVICE)
		return -EINVAL;
	table = map_attachment(importer, direction);
	if (IS_ERR(table))
		return PTR_ERR(table);
	importer->table = table;
	importer->direction = direction;
	return table->nents;
}

static int vmap_dmabuf(struct importer *importer)
{
	int ret;

	if (!importer->dmabuf || importer->is_vmapped)
		return -EINVAL;
	ret = fp_dma_buf_vmap(importer->dmabuf, &importer->map);
	importer->is_vmapped = !ret;
	return ret;
}

/* The bus address of a range, which lies in one entry of the table. */
static int find_address(const struct sg_table *table, u64 offset, u32 length, dma_addr_t *address)
{
	struct scatterlist *entry;
	int i;

	for_each_sgtable_dma_sg(table, entry, i) {
		if (offset < sg_dma_len(entry)) {
			*address = sg_dma_address(entry) + offset;
			return length <= sg_dma_len(entry) - offset ? 0 : -ERANGE;
		}
		offset -= sg_dma_len(entry);
	}
	return -ERANGE;
}

static int transfer(struct importer *importer, const struct import_dma *args)
{
	void __iomem *registers;
	dma_addr_t address;
	u64 command;
	int ret;

	/* The emulator aborts if a transfer is longer than the device's buffer. */
	if (!importer->edu || !importer->table || args->length > IMPORT_DMA_MAX)
		return -EINVAL;
	ret = find_address(importer->table, args->offset, args->length, &address);
	if (ret)
		return ret;
	registers = importer->edu->registers;
	mutex_lock(&importer->edu->lock);
	writeq(args->write ? BUFFER : address, registers + SOURCE);
	writeq(args->write ? address : BUFFER, registers + DESTINATION);
	writeq(args->length, registers + COUNT);
	writeq(args->write ? RUN | TO_MEMORY : RUN, registers + COMMAND);
	ret = read_poll_timeout(readq, command, !(command & RUN), 1000, DMA_TIMEOUT_US, false,
				registers + COMMAND);
	mutex_unlock(&importer->edu->lock);
	return ret;
}

static int call_with_data(struct importer *importer, unsigned int cmd, const void __user *user)
{
	union {
		struct import_attach attach;
		struct import_dma dma;
	} args;

	if (copy_from_user(&args, user, _IOC_SIZE(cmd)))
		return -EFAULT;
	return cmd == IMPORT_ATTACH ? attach(importer, &args.attach) :
				      transfer(importer, &args.dma);
}

static long call(struct file *file, unsigned int cmd, unsigned long argument)
{
	struct importer *importer = file->private_data;
	int ret = 0;

	mutex_lock(&importer->lock);
	switch (cmd) {
	case IMPORT_ATTACH:
	case IMPORT_DMA:
		ret = call_with_data(importer, cmd, (const void __user *)argument);
		break;
	case IMPORT_DETACH:
		detach(importer);
		break;
	case IMPORT_MAP:
		ret = map(importer, argument);
		break;
	case IMPORT_UNMAP:
		unmap(importer);
		break;
	case IMPORT_VMAP:
		ret = vmap_dmabuf(importer);
		break;
	case IMPORT_VUNMAP:
		vunmap_dmabuf(importer);
		break;
	default:
		ret = -ENOTTY;
	}
	mutex_unlock(&importer->lock);
	return ret;
}

static ssize_t read(struct file *file, char __user *user, size_t count, loff_t *pos)
{
	struct importer *importer = file->private_data;
	ssize_t ret = -EINVAL;

	mutex_lock(&importer->lock);
	if (importer->is_vmapped)
		ret = simple_read_from_buffer(user, count, pos, importer->map.vaddr,
					      importer->dmabuf->size);
	mutex_unlock(&importer->lock);
	return ret;
}

static ssize_t write(struct file *file, const char __user *user, size_t count, loff_t *pos)
{
	struct importer *importer = file->private_data;
	ssize_t ret = -EINVAL;

	mutex_lock(&importer->lock);
	if (importer->is_vmapped)
		ret = simple_write_to_buffer(importer->map.vaddr, importer->dmabuf->size, pos,
					     user, count);
	mutex_unlock(&importer->lock);
	return ret;
}

/* No other call of the file may be under way: mmap(2) holds a lock that they may wait for. */
static int mmap(struct file *file, struct vm_area_struct *vma)
{
	const struct importer *importer = file->private_data;

	if (!importer->dmabuf)
		return -EINVAL;
	return dma_buf_mmap(importer->dmabuf, vma, vma->vm_pgoff);
}

static int open(struct inode *inode, struct file *file)
{
	struct importer *importer = kzalloc(sizeof(*importer), GFP_KERNEL);

	if (!importer)
		return -ENOMEM;
	mutex_init(&importer->lock);
	file->private_data = importer;
	return 0;
}

static int release(struct inode *inode, struct file *file)
{
	struct importer *importer = file->private_data;

	detach(importer);
	kfree(importer);
	return 0;
}

static const struct file_operations fops = {
	.owner = THIS_MODULE,
	.open = open,
	.release = release,
	.unlocked_ioctl = call,
	.read = read,
	.write = write,
	.llseek = default_llseek,
	.mmap = mmap,
};

static struct miscdevice misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "framepool_import",
	.fops = &fops,
	.mode = 0600,
};

static int probe(struct pci_dev *pci, const struct pci_device_id *id)
{
	struct edu *edu = edus;
	int ret;

	while (edu->pci)
		if (++edu == edus + MAX_EDUS)
			return -ENOSPC;
	ret = pci_enable_device(pci);
	if (ret)
		return ret;
	edu->registers = pci_iomap(pci, 0, 0);
	if (!edu->registers) {
		pci_disable_device(pci);
		return -ENOMEM;
	}
	pci_set_master(pci);
	mutex_init(&edu->lock);
	pci_set_drvdata(pci, edu);
	edu->pci = pci;
	return 0;
}

static void remove(struct pci_dev *pci)
{
	struct edu *edu = pci_get_drvdata(pci);

	pci_clear_master(pci);
	pci_iounmap(pci, edu->registers);
	pci_disable_device(pci);
	edu->pci = NULL;
}

static const struct pci_device_id ids[] = {
	{ PCI_DEVICE(0x1234, 0x11e8) },
	{}
};
MODULE_DEVICE_TABLE(pci, ids);

static struct pci_driver driver = {
	.name = "framepool_import",
	.id_table = ids,
	.probe = probe,
	.remove = remove,
};

static int __init import_test_init(void)
{
	int ret;

	dynamic_ops = fp_dma_buf_attach_ops(moved);
	ret = pci_register_driver(&driver);
	if (ret)
		return ret;
	ret = misc_register(&misc);
	if (ret)
		pci_unregister_driver(&driver);
	return ret;
}

static void __exit import_test_exit(void)
{
	misc_deregister(&misc);
	pci_unregister_driver(&driver);
}

module_init(import_test_init);
module_exit(import_test_exit);
MODULE_DESCRIPTION("imports dma-bufs, for framepool's tests");
MODULE_LICENSE("GPL");
