// SPDX-License-Identifier: GPL-2.0-only
/*
 * The file obstacles in debugfs: what would not move now if a long run were wanted, and why.
 *
 * It is found in one piece after another: a run, or what lies in one huge frame. For each the locks
 * are taken anew, so no allocation waits for a reader for longer than that takes.
 * docs/debugfs.md explains every line.
 */
#include "admin/obstacles.h"

#include <linux/debugfs.h>
#include <linux/mm.h>
#include <linux/seq_file.h>
#include <linux/string_helpers.h>

#include "pool/pool.h"
#include "user/client.h"
#include "user/movable.h"

enum reason {
	UNMOVABLE,
	PINNED,
	DMABUF,
	REFERENCED,
	CACHE,
	KERNEL,
	QUARANTINED,
	RETIRED,
};

static const char * const reasons[] = {
	[UNMOVABLE] = "unmovable",
	[PINNED] = "pinned",
	[DMABUF] = "exported",
	[REFERENCED] = "referenced",
	[CACHE] = "cache",
	[KERNEL] = "kernel",
	[QUARANTINED] = "quarantined",
	[RETIRED] = "retired",
};

/**
 * struct obstacle - frames that would not move
 * @handle: of the buffer; 0: it has none
 * @frame: the first
 * @nr: how many
 * @reason: why not
 */
struct obstacle {
	u64 handle;
	u64 frame;
	u32 nr;
	enum reason reason;
};

/**
 * struct piece - a run of huge frames, or what lies in one huge frame
 * @index: the first huge frame
 * @nr_huge: how many
 * @label: label of whom it belongs to, or FP_NO_LABEL
 * @nr_moving: frames in it whose place is known to the movables
 * @nr_fixed: other frames in it whose buffer is known
 * @nr: how many obstacles there are in it
 * @at: the obstacles, at most one for each frame, and one for the rest
 */
struct piece {
	u32 index;
	u32 nr_huge;
	u32 label;
	u32 nr_moving;
	u32 nr_fixed;
	u32 nr;
	struct obstacle at[FP_HUGE_FRAMES + 1];
};

static u64 first_frame(const struct piece *piece)
{
	return (u64)piece->index * FP_HUGE_FRAMES;
}

static u32 nr_frames(const struct piece *piece)
{
	return piece->nr_huge * FP_HUGE_FRAMES;
}

static void add(struct piece *piece, u64 handle, u64 frame, u32 nr, enum reason reason)
{
	if (piece->nr < ARRAY_SIZE(piece->at))
		piece->at[piece->nr++] = (struct obstacle){ handle, frame, nr, reason };
}

static enum reason reason_of(enum fp_stay stay)
{
	switch (stay) {
	case FP_STAY_PINNED:
		return PINNED;
	case FP_STAY_EXPORTED:
		return DMABUF;
	default:
		return REFERENCED;
	}
}

static void add_movable(struct fp_pool *pool, struct piece *piece, struct fp_movable *movable)
{
	const struct fp_buffer *buffer = fp_movable_buffer(movable);
	enum fp_stay stay = fp_movables_stay(&pool->movables, movable);

	piece->nr_moving += movable->run->nr;
	if (stay != FP_STAY_NOT)
		add(piece, buffer ? READ_ONCE(buffer->handle) : 0, movable->run->frame,
		    movable->run->nr, reason_of(stay));
}

/* Movable buffers and slabs of which something keeps them where they are. */
static void list_movable(struct fp_pool *pool, struct piece *piece)
{
	u64 end = first_frame(piece) + nr_frames(piece);
	struct fp_movable *movable;

	spin_lock(&pool->movables.lock);
	movable = fp_movables_first(&pool->movables, first_frame(piece));
	for (; movable && movable->run->frame < end; movable = fp_movables_next(movable))
		add_movable(pool, piece, movable);
	spin_unlock(&pool->movables.lock);
}

static void list_fixed_of(struct fp_client *client, struct piece *piece)
{
	u64 frame = first_frame(piece), end = frame + nr_frames(piece), run_end, handle;
	struct fp_run run;

	while (frame < end && fp_client_find_fixed(client, frame, end - frame, &run, &handle)) {
		run_end = min(run.frame + run.nr, end);
		frame = max(run.frame, frame);
		piece->nr_fixed += run_end - frame;
		add(piece, handle, frame, run_end - frame, UNMOVABLE);
		frame = run_end;
	}
}

/* Buffers that never move. */
static void list_fixed(struct fp_pool *pool, struct piece *piece)
{
	struct fp_client *client;

	mutex_lock(&pool->clients_lock);
	list_for_each_entry(client, &pool->clients, node)
		if (client->account->budget.label == piece->label) {
			list_fixed_of(client, piece);
			break;
		}
	mutex_unlock(&pool->clients_lock);
}

/* What is left when all buffers are known are slabs that never move. */
static void list_used(struct fp_pool *pool, struct piece *piece, u32 nr_used)
{
	if (piece->label == FP_NO_LABEL) {
		add(piece, 0, first_frame(piece), nr_used, KERNEL);
		return;
	}
	list_movable(pool, piece);
	if (piece->nr_moving < nr_used)
		list_fixed(pool, piece);
	if (piece->nr_moving + piece->nr_fixed < nr_used)
		add(piece, 0, first_frame(piece), nr_used - piece->nr_moving - piece->nr_fixed,
		    CACHE);
}

/* Find what would not move in the huge frame @piece->index, and those that belong to it. */
static void list_piece(struct fp_pool *pool, struct piece *piece)
{
	struct fp_huge_view view;
	u32 nr = fp_buddy_view(&pool->buddy, piece->index, &view);

	*piece = (struct piece){
		.index = piece->index,
		/* A reader without locks may see the length of another moment. */
		.nr_huge = min(nr, fp_extents_contiguous(&pool->buddy.runs.extents, piece->index)),
		.label = view.label,
	};
	switch (view.state) {
	case FP_HUGE_OWNED:
	case FP_HUGE_RUN:
		list_used(pool, piece, piece->nr_huge * view.nr_used);
		break;
	case FP_HUGE_QUARANTINED:
		add(piece, 0, first_frame(piece), nr_frames(piece), QUARANTINED);
		break;
	case FP_HUGE_RETIRED:
		add(piece, 0, first_frame(piece), nr_frames(piece), RETIRED);
		break;
	default:
		break;
	}
}

/* Position 0 is the header, position n the piece that begins with the huge frame n - 1. */
static void *obstacles_start(struct seq_file *file, loff_t *pos)
{
	struct fp_pool *pool = file_inode(file->file)->i_private;
	struct piece *piece = file->private;

	if (!*pos)
		return SEQ_START_TOKEN;
	if (*pos > pool->source.nr)
		return NULL;
	piece->index = *pos - 1;
	list_piece(pool, piece);
	return piece;
}

static void *obstacles_next(struct seq_file *file, void *token, loff_t *pos)
{
	const struct piece *piece = token;

	*pos += token == SEQ_START_TOKEN ? 1 : piece->nr_huge;
	cond_resched();
	return obstacles_start(file, pos);
}

static void obstacles_stop(struct seq_file *file, void *token)
{
}

/* The process that opened the client; 0 and "-": there is none, or it is not known any more. */
static pid_t find_owner(struct fp_pool *pool, u32 label, struct fp_usage *usage)
{
	u32 found = label;

	if (label != FP_NO_LABEL && fp_accounts_next(&pool->accounts, &found, usage) &&
	    found == label)
		return usage->pid;
	strscpy(usage->comm, "-", sizeof(usage->comm));
	return 0;
}

static int obstacles_show(struct seq_file *file, void *token)
{
	struct fp_pool *pool = file_inode(file->file)->i_private;
	const struct piece *piece = token;
	const struct obstacle *obstacle;
	struct fp_usage usage;
	pid_t pid;

	if (token == SEQ_START_TOKEN) {
		seq_puts(file, "        offset       length     pid               handle ");
		seq_puts(file, "reason      comm\n");
		return 0;
	}
	if (!piece->nr)
		return 0;
	pid = find_owner(pool, piece->label, &usage);
	for (obstacle = piece->at; obstacle < piece->at + piece->nr; obstacle++) {
		seq_printf(file, "%14llu %12llu %7d %20llu %-11s ", obstacle->frame << PAGE_SHIFT,
			   (u64)obstacle->nr << PAGE_SHIFT, pid, obstacle->handle,
			   reasons[obstacle->reason]);
		/* A thread's name may contain any character, even line breaks. */
		seq_escape_str(file, usage.comm, ESCAPE_ANY_NP, NULL);
		seq_putc(file, '\n');
	}
	return 0;
}

static const struct seq_operations obstacles_sops = {
	.start = obstacles_start,
	.next = obstacles_next,
	.stop = obstacles_stop,
	.show = obstacles_show,
};

static int obstacles_open(struct inode *inode, struct file *file)
{
	return seq_open_private(file, &obstacles_sops, sizeof(struct piece));
}

static const struct file_operations obstacles_fops = {
	.owner = THIS_MODULE,
	.open = obstacles_open,
	.read = seq_read,
	.llseek = seq_lseek,
	.release = seq_release_private,
};

/**
 * fp_obstacles_create() - create the file
 * @pool: the pool
 * @dir: where to create it
 *
 * Context: may sleep.
 */
void fp_obstacles_create(struct fp_pool *pool, struct dentry *dir)
{
	debugfs_create_file("obstacles", 0400, dir, pool, &obstacles_fops);
}
