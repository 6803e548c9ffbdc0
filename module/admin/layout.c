// SPDX-License-Identifier: GPL-2.0-only
/*
 * Files in debugfs that show what each huge frame of a pool is used for: map, owners, extents. Each
 * file shows what was seen in a walk over the pool, when it was opened or reading began.
 * docs/debugfs.md explains every line.
 */
#include "admin/layout.h"

#include <linux/debugfs.h>
#include <linux/mm.h>
#include <linux/seq_file.h>
#include <linux/string_helpers.h>
#include <linux/user_namespace.h>

#include "pool/account.h"
#include "pool/pool.h"
#include "user/movable.h"

#define MAP_LINE	64	/* huge frames in a line of the map */

/* How full it is; as a letter if all that is in it may move. */
static char used_char(u32 nr_used, bool moves)
{
	if (nr_used == FP_HUGE_FRAMES)
		return moves ? 'm' : '#';
	return (moves ? 'a' : '0') + nr_used * 10 / FP_HUGE_FRAMES;
}

static char map_char(struct fp_pool *pool, u32 index, u32 nr,
		     const struct fp_huge_view *view)
{
	u64 frame = (u64)index * FP_HUGE_FRAMES;

	switch (view->state) {
	case FP_HUGE_EMPTY:
		return '.';
	case FP_HUGE_QUARANTINED:
		return 'q';
	case FP_HUGE_RETIRED:
		return 'x';
	default:
		return used_char(view->nr_used,
				 fp_movables_is_all(&pool->movables, frame, nr * FP_HUGE_FRAMES,
						    nr * view->nr_used));
	}
}

/**
 * struct map_text - the contents of the file map
 * @length: length in bytes
 * @bytes: the text
 */
struct map_text {
	size_t length;
	char bytes[];
};

static void write_map(struct fp_pool *pool, struct map_text *text)
{
	u32 i, end = 0, nr = pool->source.nr;
	struct fp_huge_view view;
	char *at = text->bytes, seen = '.';

	for (i = 0; i < nr; i++) {
		if (i == end) {
			end += fp_buddy_view(&pool->buddy, i, &view);
			seen = map_char(pool, i, end - i, &view);
		}
		*at++ = seen;
		if (i % MAP_LINE == MAP_LINE - 1 || i == nr - 1)
			*at++ = '\n';
		cond_resched();
	}
	text->length = at - text->bytes;
}

static int map_open(struct inode *inode, struct file *file)
{
	struct fp_pool *pool = inode->i_private;
	size_t length = pool->source.nr + DIV_ROUND_UP(pool->source.nr, MAP_LINE);
	struct map_text *text = kvmalloc(sizeof(*text) + length, GFP_KERNEL | __GFP_NOWARN);

	if (!text)
		return -ENOMEM;
	write_map(pool, text);
	file->private_data = text;
	return 0;
}

static ssize_t map_read(struct file *file, char __user *to, size_t count, loff_t *pos)
{
	const struct map_text *text = file->private_data;

	return simple_read_from_buffer(to, count, pos, text->bytes, text->length);
}

static int map_release(struct inode *inode, struct file *file)
{
	kvfree(file->private_data);
	return 0;
}

static const struct file_operations map_fops = {
	.owner = THIS_MODULE,
	.open = map_open,
	.read = map_read,
	.llseek = default_llseek,
	.release = map_release,
};

/**
 * struct share - one owner's share of a pool
 * @nr_huge: huge frames of the owner
 * @label: label of the budget that is charged for them, or FP_NO_LABEL
 * @nr_used: allocated frames in them
 */
struct share {
	u32 nr_huge;
	u32 label;
	u64 nr_used;
};

/* Add up huge frames and allocated frames by the owner's id. */
static void sum_up(const struct fp_pool *pool, struct share *by_id)
{
	struct fp_huge_view view;
	u32 i, nr;

	for (i = 0; i < pool->source.nr; i += nr) {
		nr = fp_buddy_view(&pool->buddy, i, &view);
		if (view.id == FP_NO_ID)
			continue;
		by_id[view.id].nr_huge += nr;
		by_id[view.id].nr_used += (u64)nr * view.nr_used;
		by_id[view.id].label = view.label;
		cond_resched();
	}
}

static void show_client(struct seq_file *file, struct fp_pool *pool, u32 label)
{
	struct fp_usage usage;
	u32 found = label;

	/* The client may have ended since the snapshot. */
	if (!fp_accounts_next(&pool->accounts, &found, &usage) || found != label) {
		seq_puts(file, "ended        -          - -\n");
		return;
	}
	seq_printf(file, "%-6s %7d %10u ", usage.nr_clients ? "client" : "ended", usage.pid,
		   from_kuid_munged(&init_user_ns, usage.uid));
	/* A thread's name may contain any character, even line breaks. */
	seq_escape_str(file, usage.comm, ESCAPE_ANY_NP, NULL);
	seq_putc(file, '\n');
}

static void show_owner(struct seq_file *file, struct fp_pool *pool, u32 id,
		       const struct share *share)
{
	seq_printf(file, "%11u %12llu %12llu ", share->nr_huge, share->nr_used << PAGE_SHIFT,
		   ((u64)share->nr_huge * FP_HUGE_FRAMES - share->nr_used) << PAGE_SHIFT);
	if (share->label != FP_NO_LABEL)
		show_client(file, pool, share->label);
	else if (id < pool->buddy.nr_fixed)
		seq_printf(file, "kernel       -          - cpu%u\n", id);
	else
		seq_puts(file, "kernel       -          - -\n");
}

static int owners_show(struct seq_file *file, void *unused)
{
	struct fp_pool *pool = file->private;
	struct share *by_id = kvcalloc(FP_NO_ID + 1, sizeof(*by_id), GFP_KERNEL | __GFP_NOWARN);
	u32 id;

	if (!by_id)
		return -ENOMEM;
	sum_up(pool, by_id);
	seq_puts(file, "huge_frames         used         free ");
	seq_puts(file, "owner      pid        uid name\n");
	for (id = 0; id < FP_NO_ID; id++)
		if (by_id[id].nr_huge)
			show_owner(file, pool, id, &by_id[id]);
	kvfree(by_id);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(owners);

/* Position 0 is the header, position n the extent n - 1. */
static void *extents_start(struct seq_file *file, loff_t *pos)
{
	const struct fp_pool *pool = file->private;
	const struct fp_extents *extents = &pool->buddy.runs.extents;

	if (!*pos)
		return SEQ_START_TOKEN;
	return *pos <= extents->nr ? &extents->at[*pos - 1] : NULL;
}

static void *extents_next(struct seq_file *file, void *token, loff_t *pos)
{
	++*pos;
	return extents_start(file, pos);
}

static void extents_stop(struct seq_file *file, void *token)
{
}

static int extents_show(struct seq_file *file, void *token)
{
	const struct fp_extent *extent = token;
	u64 address = 0;
	u32 nr;

	if (token == SEQ_START_TOKEN) {
		seq_puts(file, "     first huge_frames          bytes            address\n");
		return 0;
	}
	/* Check the process that opened the file, since descriptors can be passed on. */
	if (file_ns_capable(file->file, &init_user_ns, CAP_SYS_ADMIN))
		address = PFN_PHYS((u64)extent->hpfn << FP_HUGE_ORDER);
	nr = extent[1].first - extent->first;
	seq_printf(file, "%10u %11u %14llu %#18llx\n", extent->first, nr,
		   ((u64)nr * FP_HUGE_FRAMES) << PAGE_SHIFT, address);
	return 0;
}

static const struct seq_operations extents_sops = {
	.start = extents_start,
	.next = extents_next,
	.stop = extents_stop,
	.show = extents_show,
};
DEFINE_SEQ_ATTRIBUTE(extents);

/**
 * fp_layout_create() - create the files
 * @pool: the pool
 * @dir: where to create them
 *
 * Context: may sleep.
 */
void fp_layout_create(struct fp_pool *pool, struct dentry *dir)
{
	debugfs_create_file("map", 0400, dir, pool, &map_fops);
	debugfs_create_file("owners", 0400, dir, pool, &owners_fops);
	debugfs_create_file("extents", 0400, dir, pool, &extents_fops);
}
