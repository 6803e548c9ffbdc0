// SPDX-License-Identifier: GPL-2.0-only
/*
 * An example: a receiver with a ring of large buffers that a device writes to, and a small
 * descriptor for each received message. The buffers are blocks of a pool, physically contiguous
 * however long the machine has run; the descriptors are objects of a cache in the same pool.
 *
 * There is no real device: when loaded, the module "receives" some messages, prints a sum, and
 * keeps the ring until it is unloaded.
 */
#define pr_fmt(fmt) "framepool_example: " fmt

#include <linux/err.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/module.h>

#include <framepool_kernel.h>

#define RING		16	/* buffers */
#define BUFFER_ORDER	6	/* 256 KiB each */
#define MESSAGES	1000

static char *name = "default";
module_param(name, charp, 0444);
MODULE_PARM_DESC(name, "name of the pool");

/* Descriptor of a received message. */
struct message {
	struct list_head node;
	u32 number;
	u32 buffer;
};

static struct fp_pool *pool;
static struct fp_cache *messages;
static struct page *ring[RING];

/* Stands in for a device, which would be given page_to_phys(ring[i]). */
static void write_message(u32 number)
{
	*(u32 *)page_address(ring[number % RING]) = number;
}

/* What the softirq of an interrupt would do: it must not sleep. */
static int receive(u32 number, struct list_head *queue)
{
	struct message *message = framepool_cache_alloc(messages, GFP_ATOMIC);

	if (!message)
		return -ENOMEM;
	message->number = number;
	message->buffer = number % RING;
	list_add_tail(&message->node, queue);
	return 0;
}

/* Returns the sum of the numbers in the buffers. */
static u64 consume(struct list_head *queue)
{
	struct message *message, *next;
	u64 sum = 0;

	list_for_each_entry_safe(message, next, queue, node) {
		sum += *(u32 *)page_address(ring[message->buffer]);
		list_del(&message->node);
		framepool_cache_free(messages, message);
	}
	return sum;
}

static int run(void)
{
	u64 sum = 0, expected = 0;
	LIST_HEAD(queue);
	int ret = 0;
	u32 i;

	for (i = 0; !ret && i < MESSAGES; i++) {
		write_message(i);
		ret = receive(i, &queue);
		expected += i;
		/* Consume before the device reuses a buffer. */
		if (i % RING == RING - 1)
			sum += consume(&queue);
	}
	sum += consume(&queue);
	pr_info("%u messages, sum %llu\n", i, sum);
	return ret ?: sum == expected ? 0 : -EBADMSG;
}

static void free_ring(void)
{
	u32 i;

	for (i = 0; i < RING && ring[i]; i++)
		framepool_free_pages(pool, ring[i], BUFFER_ORDER);
}

static int alloc_ring(void)
{
	/* All or none: a ring with holes is useless. */
	if (framepool_alloc_bulk(pool, GFP_KERNEL | __GFP_ZERO, BUFFER_ORDER, RING, ring) == RING)
		return 0;
	free_ring();
	return -ENOMEM;
}

static int __init example_init(void)
{
	const struct framepool_cache_args args = { .size = sizeof(struct message) };
	int ret;

	pool = framepool_get(name);
	if (!pool)
		return -ENODEV;
	messages = framepool_cache_create(pool, "example_message", &args);
	if (IS_ERR(messages)) {
		ret = PTR_ERR(messages);
		goto err_pool;
	}
	ret = alloc_ring();
	if (ret)
		goto err_cache;
	ret = run();
	if (ret)
		goto err_ring;
	return 0;

err_ring:
	free_ring();
err_cache:
	framepool_cache_destroy(messages);
err_pool:
	framepool_put(pool);
	return ret;
}

static void __exit example_exit(void)
{
	free_ring();
	framepool_cache_destroy(messages);
	framepool_put(pool);
}

module_init(example_init);
module_exit(example_exit);
MODULE_DESCRIPTION("An example of a module that uses framepool");
MODULE_LICENSE("GPL");
