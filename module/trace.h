/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The tracepoints, in the kernel's form: an event says what the caller passes, what is recorded of
 * it, and how that is printed. docs/tracing.md says what they mean. An event that is switched off
 * costs one instruction that does nothing.
 *
 * core/ includes this through platform.h, which gives the host tests macros of the same names.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM framepool

#if !defined(FP_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define FP_TRACE_H

#include <linux/tracepoint.h>
#include <linux/types.h>

#ifndef FP_TRACE_ONCE
#define FP_TRACE_ONCE

#define FP_TRACE_NAME	32	/* bytes of a name, as FRAMEPOOL_NAME_MAX */

#define FP_TRACE_ALLOC_FORMAT	"pool=%s client=%d handle=%#llx offset=%#llx length=%llu "	\
				"align=%llu limit=%#llx frame=%lld error=%d"
#define FP_TRACE_FAULT_FORMAT	"pool=%s client=%d address=%#llx offset=%#llx frame=%lld "	\
				"write=%u huge=%u error=%d"

struct fp_buddy;
struct fp_account;
struct fp_buffer;
struct fp_client;
struct fp_movable;
struct fp_owner;
struct fp_pool;
struct fp_request;
struct fp_slab_cache;
struct vm_fault;

/* What happens to a huge frame in quarantine. */
enum fp_trace_step {
	FP_TRACE_ENTERED,
	FP_TRACE_RELEASED,
	FP_TRACE_REFERENCED,
	FP_TRACE_RETIRED,
};

#endif

TRACE_DEFINE_ENUM(FP_TRACE_ENTERED);
TRACE_DEFINE_ENUM(FP_TRACE_RELEASED);
TRACE_DEFINE_ENUM(FP_TRACE_REFERENCED);
TRACE_DEFINE_ENUM(FP_TRACE_RETIRED);

/* @buffer: the buffer, which nobody finds yet; or NULL if there is none, and @error says why. */
TRACE_EVENT(alloc,
	TP_PROTO(const struct fp_client *client, const struct fp_request *request,
		 const struct fp_buffer *buffer, int error),
	TP_ARGS(client, request, buffer, error),
	TP_STRUCT__entry(
		__array(char, pool, FP_TRACE_NAME)
		__field(s32, client)
		__field(s32, error)
		__field(u64, handle)
		__field(u64, offset)
		__field(u64, length)
		__field(u64, align)
		__field(u64, limit)
		__field(s64, frame)
	),
	TP_fast_assign(
		strscpy(__entry->pool, client->pool->name, FP_TRACE_NAME);
		__entry->client = client->account->budget.label;
		__entry->error = error;
		__entry->handle = buffer ? buffer->handle : 0;
		__entry->offset = buffer ? (u64)buffer->pgoff << PAGE_SHIFT : 0;
		__entry->length = request->nr << PAGE_SHIFT;
		__entry->align = request->align << PAGE_SHIFT;
		__entry->limit = request->end_pfn == FP_ANYWHERE ? 0 :
				 request->end_pfn << PAGE_SHIFT;
		__entry->frame = buffer ? (s64)buffer->run.frame : -1;
	),
	TP_printk(FP_TRACE_ALLOC_FORMAT,
		  __entry->pool, __entry->client, __entry->handle, __entry->offset, __entry->length,
		  __entry->align, __entry->limit, __entry->frame, __entry->error)
);

TRACE_EVENT(free,
	TP_PROTO(const struct fp_buffer *buffer),
	TP_ARGS(buffer),
	TP_STRUCT__entry(
		__array(char, pool, FP_TRACE_NAME)
		__field(s32, client)
		__field(u64, offset)
		__field(u64, length)
		__field(s64, frame)
	),
	TP_fast_assign(
		strscpy(__entry->pool, buffer->client->pool->name, FP_TRACE_NAME);
		__entry->client = buffer->client->account->budget.label;
		__entry->offset = (u64)buffer->pgoff << PAGE_SHIFT;
		__entry->length = buffer->run.nr << PAGE_SHIFT;
		__entry->frame = buffer->run.frame;
	),
	TP_printk("pool=%s client=%d offset=%#llx length=%llu frame=%lld",
		  __entry->pool, __entry->client, __entry->offset, __entry->length, __entry->frame)
);

/* @index: a huge frame of the owner that was wholly free until now */
TRACE_EVENT(split,
	TP_PROTO(const struct fp_owner *owner, u32 index),
	TP_ARGS(owner, index),
	TP_STRUCT__entry(
		__array(char, pool, FP_TRACE_NAME)
		__field(s32, client)
		__field(u32, huge)
	),
	TP_fast_assign(
		strscpy(__entry->pool, owner->buddy->name, FP_TRACE_NAME);
		__entry->client = owner->budget->label;
		__entry->huge = index;
	),
	TP_printk("pool=%s client=%d huge=%u", __entry->pool, __entry->client, __entry->huge)
);

/* @index: a huge frame that is wholly free now; @kept: it stays with the owner */
TRACE_EVENT(merge,
	TP_PROTO(const struct fp_owner *owner, u32 index, bool kept),
	TP_ARGS(owner, index, kept),
	TP_STRUCT__entry(
		__array(char, pool, FP_TRACE_NAME)
		__field(s32, client)
		__field(u32, huge)
		__field(u8, kept)
	),
	TP_fast_assign(
		strscpy(__entry->pool, owner->buddy->name, FP_TRACE_NAME);
		__entry->client = owner->budget->label;
		__entry->huge = index;
		__entry->kept = kept;
	),
	TP_printk("pool=%s client=%d huge=%u kept=%u",
		  __entry->pool, __entry->client, __entry->huge, __entry->kept)
);

/*
 * @frame: the frame at the address, or -1 if there is none; @huge: the kernel may map all of the
 *         huge frame; @error: 0, or the errno for which the program gets a signal
 */
TRACE_EVENT(fault,
	TP_PROTO(const struct fp_pool *pool, const struct fp_account *account,
		 const struct vm_fault *vmf, s64 frame, bool huge, int error),
	TP_ARGS(pool, account, vmf, frame, huge, error),
	TP_STRUCT__entry(
		__array(char, pool, FP_TRACE_NAME)
		__field(s32, client)
		__field(s32, error)
		__field(u64, address)
		__field(u64, offset)
		__field(s64, frame)
		__field(u8, write)
		__field(u8, huge)
	),
	TP_fast_assign(
		strscpy(__entry->pool, pool->name, FP_TRACE_NAME);
		__entry->client = account->budget.label;
		__entry->error = error;
		__entry->address = vmf->address;
		__entry->offset = (u64)vmf->pgoff << PAGE_SHIFT;
		__entry->frame = frame;
		__entry->write = !!(vmf->flags & FAULT_FLAG_WRITE);
		__entry->huge = huge;
	),
	TP_printk(FP_TRACE_FAULT_FORMAT,
		  __entry->pool, __entry->client, __entry->address, __entry->offset, __entry->frame,
		  __entry->write, __entry->huge, __entry->error)
);

/* @wanted: blocks asked for; @got: blocks that the buddy had */
TRACE_EVENT(refill,
	TP_PROTO(const struct fp_buddy *buddy, u32 order, u32 wanted, u32 got),
	TP_ARGS(buddy, order, wanted, got),
	TP_STRUCT__entry(
		__array(char, pool, FP_TRACE_NAME)
		__field(u32, order)
		__field(u32, wanted)
		__field(u32, got)
	),
	TP_fast_assign(
		strscpy(__entry->pool, buddy->name, FP_TRACE_NAME);
		__entry->order = order;
		__entry->wanted = wanted;
		__entry->got = got;
	),
	TP_printk("pool=%s order=%u wanted=%u got=%u",
		  __entry->pool, __entry->order, __entry->wanted, __entry->got)
);

/* @cpu: whose magazine loses @nr blocks */
TRACE_EVENT(drain,
	TP_PROTO(const struct fp_buddy *buddy, u32 cpu, u32 order, u32 nr),
	TP_ARGS(buddy, cpu, order, nr),
	TP_STRUCT__entry(
		__array(char, pool, FP_TRACE_NAME)
		__field(u32, of_cpu)
		__field(u32, order)
		__field(u32, blocks)
	),
	TP_fast_assign(
		strscpy(__entry->pool, buddy->name, FP_TRACE_NAME);
		__entry->of_cpu = cpu;
		__entry->order = order;
		__entry->blocks = nr;
	),
	TP_printk("pool=%s of_cpu=%u order=%u blocks=%u",
		  __entry->pool, __entry->of_cpu, __entry->order, __entry->blocks)
);

DECLARE_EVENT_CLASS(framepool_slab,
	TP_PROTO(const struct fp_pool *pool, const struct fp_account *account, const char *name,
		 u32 index, const struct fp_slab_cache *slabs, u64 frame),
	TP_ARGS(pool, account, name, index, slabs, frame),
	TP_STRUCT__entry(
		__array(char, pool, FP_TRACE_NAME)
		__field(s32, client)
		__array(char, cache, FP_TRACE_NAME)
		__field(s64, frame)
		__field(u32, order)
		__field(u32, objects)
	),
	TP_fast_assign(
		strscpy(__entry->pool, pool->name, FP_TRACE_NAME);
		__entry->client = account ? account->budget.label : -1;
		if (name)
			strscpy(__entry->cache, name, FP_TRACE_NAME);
		else
			snprintf(__entry->cache, FP_TRACE_NAME, "%u", index);
		__entry->frame = frame;
		__entry->order = slabs->order;
		__entry->objects = slabs->per_slab;
	),
	TP_printk("pool=%s client=%d cache=%s frame=%lld order=%u objects=%u",
		  __entry->pool, __entry->client, __entry->cache, __entry->frame, __entry->order,
		  __entry->objects)
);

/*
 * The cache of a kernel module has a @name and no @account; a program's has an @account and an
 * @index. @frame: first of the slab
 */
DEFINE_EVENT(framepool_slab, slab_grow,
	TP_PROTO(const struct fp_pool *pool, const struct fp_account *account, const char *name,
		 u32 index, const struct fp_slab_cache *slabs, u64 frame),
	TP_ARGS(pool, account, name, index, slabs, frame)
);

/* As slab_grow. */
DEFINE_EVENT(framepool_slab, slab_shrink,
	TP_PROTO(const struct fp_pool *pool, const struct fp_account *account, const char *name,
		 u32 index, const struct fp_slab_cache *slabs, u64 frame),
	TP_ARGS(pool, account, name, index, slabs, frame)
);

/* @label: label of the client that had the huge frames last; @step: enum fp_trace_step */
TRACE_EVENT(quarantine,
	TP_PROTO(const struct fp_buddy *buddy, u32 index, u32 nr, u32 label, u32 step),
	TP_ARGS(buddy, index, nr, label, step),
	TP_STRUCT__entry(
		__array(char, pool, FP_TRACE_NAME)
		__field(s32, client)
		__field(u32, huge)
		__field(u32, nr)
		__field(u32, step)
	),
	TP_fast_assign(
		strscpy(__entry->pool, buddy->name, FP_TRACE_NAME);
		__entry->client = label;
		__entry->huge = index;
		__entry->nr = nr;
		__entry->step = step;
	),
	TP_printk("pool=%s client=%d huge=%u nr=%u step=%s",
		  __entry->pool, __entry->client, __entry->huge, __entry->nr,
		  __print_symbolic(__entry->step,
				   { FP_TRACE_ENTERED, "entered" },
				   { FP_TRACE_RELEASED, "released" },
				   { FP_TRACE_REFERENCED, "referenced" },
				   { FP_TRACE_RETIRED, "retired" }))
);

/*
 * What begins to move lies in @nr huge frames from @from on: one buffer or slab, @first, or
 * @buffers small ones, of which it is the first. @to: where to; FP_NIL: to several huge frames of
 * the client, or not known yet
 */
DECLARE_EVENT_CLASS(framepool_move,
	TP_PROTO(const struct fp_pool *pool, const struct fp_movable *first, u32 buffers, u32 from,
		 u32 to, u32 nr, int error),
	TP_ARGS(pool, first, buffers, from, to, nr, error),
	TP_STRUCT__entry(
		__array(char, pool, FP_TRACE_NAME)
		__field(s32, client)
		__field(s32, error)
		__field(u64, offset)
		__field(u32, buffers)
		__field(u32, huge)
		__field(s64, to)
		__field(u32, nr)
	),
	TP_fast_assign(
		strscpy(__entry->pool, pool->name, FP_TRACE_NAME);
		__entry->client = first->home->owner->budget->label;
		__entry->error = error;
		__entry->offset = (u64)first->pgoff << PAGE_SHIFT;
		__entry->buffers = buffers;
		__entry->huge = from;
		__entry->to = to == FP_NIL ? -1 : (s64)to;
		__entry->nr = nr;
	),
	TP_printk("pool=%s client=%d offset=%#llx buffers=%u huge=%u to=%lld nr=%u error=%d",
		  __entry->pool, __entry->client, __entry->offset, __entry->buffers, __entry->huge,
		  __entry->to, __entry->nr, __entry->error)
);

/* @error: 0 */
DEFINE_EVENT(framepool_move, move_begin,
	TP_PROTO(const struct fp_pool *pool, const struct fp_movable *first, u32 buffers, u32 from,
		 u32 to, u32 nr, int error),
	TP_ARGS(pool, first, buffers, from, to, nr, error)
);

/* @error: 0, or the errno that says why it did not move */
DEFINE_EVENT(framepool_move, move_end,
	TP_PROTO(const struct fp_pool *pool, const struct fp_movable *first, u32 buffers, u32 from,
		 u32 to, u32 nr, int error),
	TP_ARGS(pool, first, buffers, from, to, nr, error)
);

TRACE_EVENT(revoke,
	TP_PROTO(const struct fp_client *client),
	TP_ARGS(client),
	TP_STRUCT__entry(
		__array(char, pool, FP_TRACE_NAME)
		__field(s32, client)
		__field(s32, of_pid)
		__field(u32, buffers)
	),
	TP_fast_assign(
		strscpy(__entry->pool, client->pool->name, FP_TRACE_NAME);
		__entry->client = client->account->budget.label;
		__entry->of_pid = client->account->pid;
		__entry->buffers = READ_ONCE(client->nr_buffers);
	),
	TP_printk("pool=%s client=%d of_pid=%d buffers=%u",
		  __entry->pool, __entry->client, __entry->of_pid, __entry->buffers)
);

#endif

/* The kernel includes this file again by this name, and finds it through ccflags in Kbuild. */
#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
