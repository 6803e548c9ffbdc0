// SPDX-License-Identifier: GPL-2.0-only
/*
 * How processors cache the memory of a pool.
 *
 * A frame has one type, in every mapping of it: processors may lose or invent writes if the same
 * memory is cached in one mapping and not in another. So the kernel's own mapping of all memory
 * changes when the pool is made, before anybody can use it, and every mapping by a program gets the
 * same type by fp_memtype_prot(). The kernel keeps the type when it changes, copies or splits a
 * mapping. Before a huge frame goes back to the kernel, it is written back again, like the rest of
 * memory; if that fails, it never goes back.
 *
 * The type changes for whole huge frames. So the kernel's page tables stay as coarse as a huge
 * frame. Only where the kernel maps memory by 1 GiB, it has to split such an entry into huge ones.
 *
 * This is for x86 alone. Elsewhere a module cannot change the kernel's mapping.
 */
#include "pool/memtype.h"

#include <linux/mm.h>
#include <linux/string.h>
#ifdef CONFIG_X86
#include <asm/cacheflush.h>
#include <asm/memtype.h>
#include <asm/set_memory.h>
#endif

#include "core/platform.h"
#include "pool/reason.h"

static const char * const names[] = {
	[FP_MEMTYPE_WB] = "wb",
	[FP_MEMTYPE_WC] = "wc",
	[FP_MEMTYPE_UC] = "uc",
};

#ifdef CONFIG_X86

/* Why cannot this machine have memory of this type? */
static const char *why_not(enum fp_memtype type)
{
	if (type != FP_MEMTYPE_WC || pat_enabled())
		return NULL;
	return "the kernel does not use the processor's page attribute table (PAT)";
}

static int set(enum fp_memtype type, unsigned long address)
{
	switch (type) {
	case FP_MEMTYPE_WC:
		return set_memory_wc(address, FP_HUGE_FRAMES);
	case FP_MEMTYPE_UC:
		return set_memory_uc(address, FP_HUGE_FRAMES);
	default:
		return set_memory_wb(address, FP_HUGE_FRAMES);
	}
}

static void flush(unsigned long pfn)
{
	clflush_cache_range(pfn_to_kaddr(pfn), FP_HUGE_FRAMES << PAGE_SHIFT);
}

static pgprot_t prot_of(enum fp_memtype type, pgprot_t prot)
{
	return type == FP_MEMTYPE_WC ? pgprot_writecombine(prot) : pgprot_noncached(prot);
}

#else

static const char *why_not(enum fp_memtype type)
{
	return "only on x86 can a module change how processors cache memory";
}

static int set(enum fp_memtype type, unsigned long address)
{
	return -EOPNOTSUPP;
}

static void flush(unsigned long pfn)
{
}

static pgprot_t prot_of(enum fp_memtype type, pgprot_t prot)
{
	return prot;
}

#endif

/**
 * fp_memtype_name() - what an administrator calls a type
 * @type: the type
 *
 * Return: its name.
 */
const char *fp_memtype_name(enum fp_memtype type)
{
	return names[type];
}

/**
 * fp_memtype_parse() - find a type by its name
 * @text: the name
 * @type: the result
 *
 * Context: any.
 * Return: 0, or -EINVAL: there is none with that name.
 */
int fp_memtype_parse(const char *text, enum fp_memtype *type)
{
	int ret = match_string(names, ARRAY_SIZE(names), text);

	if (ret < 0)
		return -EINVAL;
	*type = ret;
	return 0;
}

/**
 * fp_memtype_check() - can this machine have memory of a type?
 * @type: the type
 * @reason: says why not
 *
 * Context: any.
 * Return: 0, or -EOPNOTSUPP.
 */
int fp_memtype_check(enum fp_memtype type, struct fp_reason *reason)
{
	const char *why = type == FP_MEMTYPE_WB ? NULL : why_not(type);

	if (!why)
		return 0;
	fp_refuse(reason, "memory=%s: %s", names[type], why);
	return -EOPNOTSUPP;
}

/**
 * fp_memtype_set() - give a huge frame a type
 * @type: the type
 * @pfn: PFN of its first frame; its type is wb
 *
 * Context: may sleep. Nobody else uses the huge frame.
 * Return: 0, or a negative errno; then fp_memtype_reset() is needed all the same.
 */
int fp_memtype_set(enum fp_memtype type, unsigned long pfn)
{
	return type == FP_MEMTYPE_WB ? 0 : set(type, (unsigned long)pfn_to_kaddr(pfn));
}

/**
 * fp_memtype_reset() - let a huge frame be written back, as it was before fp_memtype_set()
 * @type: the type that was set, or was to be set
 * @pfn: PFN of its first frame
 *
 * Context: may sleep. No program has it mapped.
 * Return: 0, or a negative errno: it must not be given to anybody.
 */
int fp_memtype_reset(enum fp_memtype type, unsigned long pfn)
{
	if (type == FP_MEMTYPE_WB)
		return 0;
	return set(FP_MEMTYPE_WB, (unsigned long)pfn_to_kaddr(pfn));
}

/**
 * fp_memtype_flush() - have processors forget what they have cached of a huge frame all the same
 * @type: its type
 * @pfn: PFN of its first frame, which nobody has mapped
 *
 * Some mappings that the kernel makes of a program's memory ignore its type: those of a virtual
 * machine (KVM), and of rings that a program gives to io_uring (Linux 6.12). What is written back
 * later must not end up in what somebody else has by then.
 *
 * Context: any.
 */
void fp_memtype_flush(enum fp_memtype type, unsigned long pfn)
{
	if (type != FP_MEMTYPE_WB)
		flush(pfn);
}

/**
 * fp_memtype_prot() - add a type to the protection of a mapping
 * @type: type of the memory
 * @prot: protection of a mapping that is written back
 *
 * Context: any.
 * Return: the protection.
 */
pgprot_t fp_memtype_prot(enum fp_memtype type, pgprot_t prot)
{
	return type == FP_MEMTYPE_WB ? prot : prot_of(type, prot);
}
