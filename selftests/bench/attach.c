// SPDX-License-Identifier: GPL-2.0-only
/*
 * What it costs a driver to use a dma-buf: attach a device, map the dma-buf for it, unmap it,
 * detach the device. The device is none, but it can reach all memory, without an IOMMU.
 */
#include "attach.h"

#include <linux/kconfig.h>

#if IS_ENABLED(CONFIG_DMA_SHARED_BUFFER) && IS_ENABLED(CONFIG_HAS_DMA)

#include <linux/dma-buf.h>
#include <linux/dma-mapping.h>
#include <linux/err.h>
#include <linux/module.h>
#include <linux/platform_device.h>

MODULE_IMPORT_NS(DMA_BUF);

static int attach(struct dma_buf *dmabuf, struct device *device, bool map)
{
	struct dma_buf_attachment *attachment = dma_buf_attach(dmabuf, device);
	struct sg_table *table;
	int ret = 0;

	if (IS_ERR(attachment))
		return PTR_ERR(attachment);
	if (map) {
		table = dma_buf_map_attachment_unlocked(attachment, DMA_BIDIRECTIONAL);
		ret = PTR_ERR_OR_ZERO(table);
		if (!ret)
			dma_buf_unmap_attachment_unlocked(attachment, table, DMA_BIDIRECTIONAL);
	}
	dma_buf_detach(dmabuf, attachment);
	return ret;
}

static int measure(const struct bench_config *config, struct dma_buf *dmabuf, struct device *device,
		   bool map, struct bench_value *value)
{
	u64 start = bench_now();
	u32 i;
	int ret = 0;

	for (i = 0; !ret && i < config->repeats; i++)
		ret = attach(dmabuf, device, map);
	bench_note(value, div_u64((bench_now() - start) * 1000, config->repeats));
	return ret;
}

static int run_case(const struct bench_config *config, struct dma_buf *dmabufs[2], const char *peer,
		    struct device *device, bool map)
{
	struct bench_row row = {
		.suite = "share", .threads = 1, .unit = config->unit, .peer = peer,
		.name = map ? "attach, map, unmap, detach 64 MiB" : "attach, detach 64 MiB",
	};
	u32 round;
	int ret = 0;

	for (round = 0; !ret && round < config->rounds; round++)
		ret = measure(config, dmabufs[0], device, map, &row.ours) ?:
		      measure(config, dmabufs[1], device, map, &row.theirs);
	if (!ret)
		bench_emit(&row);
	return ret;
}

static int run_with(const struct bench_config *config, struct dma_buf *dmabufs[2], const char *peer)
{
	struct platform_device *platform =
		platform_device_register_simple("framepool_bench", PLATFORM_DEVID_NONE, NULL, 0);
	int ret;

	if (IS_ERR(platform))
		return PTR_ERR(platform);
	ret = dma_coerce_mask_and_coherent(&platform->dev, DMA_BIT_MASK(64)) ?:
	      run_case(config, dmabufs, peer, &platform->dev, true) ?:
	      run_case(config, dmabufs, peer, &platform->dev, false);
	platform_device_unregister(platform);
	return ret;
}

int bench_attach(const struct bench_config *config, int ours, const char *peer, int theirs)
{
	struct dma_buf *dmabufs[] = { dma_buf_get(ours), dma_buf_get(theirs) };
	int ret = PTR_ERR_OR_ZERO(dmabufs[0]) ?: PTR_ERR_OR_ZERO(dmabufs[1]);
	u32 i;

	if (!ret)
		ret = run_with(config, dmabufs, peer);
	for (i = 0; i < ARRAY_SIZE(dmabufs); i++)
		if (!IS_ERR(dmabufs[i]))
			dma_buf_put(dmabufs[i]);
	return ret;
}

#else

int bench_attach(const struct bench_config *config, int ours, const char *peer, int theirs)
{
	return -ENODEV;
}

#endif
