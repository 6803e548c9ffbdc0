// SPDX-License-Identifier: GPL-2.0-only
/*
 * How processors cache memory, read from the page tables: those of the process that loads the
 * module, and the kernel's own mapping of all memory. selftests/memtype_test.c tells what it
 * expects. Page tables of x86 only.
 */
#include "pagetable.h"

#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/module.h>
#include <linux/sched.h>
#ifdef CONFIG_X86
#include <asm/set_memory.h>
#endif

#include "block.h"

static char *memory = "";
module_param(memory, charp, 0);
MODULE_PARM_DESC(memory, "expected type of memory: wb, wc or uc");

static ulong at;
module_param(at, ulong, 0);
MODULE_PARM_DESC(at, "address in the process that loads the module");

static ulong entry_bytes;
module_param(entry_bytes, ulong, 0);
MODULE_PARM_DESC(entry_bytes, "expected size of what maps the address");

#ifdef CONFIG_X86

#define TYPE_BITS	(_PAGE_PWT | _PAGE_PCD)

/**
 * struct mapping - a page table entry that maps memory
 * @bits: the entry
 * @bytes: how much it maps; 0: there is none
 */
struct mapping {
	u64 bits;
	u64 bytes;
};

/* There is a bit in between for what is larger than a page, but no type needs it. */
static u64 type_of(const char *name)
{
	pgprot_t prot = PAGE_KERNEL;

	if (!strcmp(name, "wc"))
		prot = pgprot_writecombine(prot);
	else if (!strcmp(name, "uc"))
		prot = pgprot_noncached(prot);
	return pgprot_val(prot) & TYPE_BITS;
}

static struct mapping find_locked(struct mm_struct *mm, unsigned long address)
{
	pgd_t *pgd = pgd_offset(mm, address);
	p4d_t *p4d;
	pud_t *pud;
	pmd_t *pmd;
	pte_t *pte;

	if (pgd_none(*pgd))
		return (struct mapping){ 0 };
	p4d = p4d_offset(pgd, address);
	if (p4d_none(*p4d))
		return (struct mapping){ 0 };
	pud = pud_offset(p4d, address);
	if (pud_none(*pud))
		return (struct mapping){ 0 };
	pmd = pmd_offset(pud, address);
	if (pmd_none(*pmd))
		return (struct mapping){ 0 };
	if (pmd_leaf(*pmd))
		return (struct mapping){ pmd_val(*pmd), PMD_SIZE };
	pte = pte_offset_kernel(pmd, address);
	if (!pte_present(*pte))
		return (struct mapping){ 0 };
	return (struct mapping){ pte_val(*pte), PAGE_SIZE };
}

static struct mapping find_of_kernel(unsigned long pfn)
{
	unsigned int level = PG_LEVEL_NONE;
	pte_t *entry = lookup_address((unsigned long)pfn_to_kaddr(pfn), &level);

	if (!entry || !(pte_val(*entry) & _PAGE_PRESENT))
		return (struct mapping){ 0 };
	return (struct mapping){ pte_val(*entry), page_level_size(level) };
}

/* The entry of the process and that of the kernel have the type. */
static int check_address(void)
{
	struct mapping mapping, kernel;
	u64 type = type_of(memory);
	bool ok;

	mmap_read_lock(current->mm);
	mapping = find_locked(current->mm, at);
	mmap_read_unlock(current->mm);
	kernel = find_of_kernel((mapping.bits & PTE_PFN_MASK) >> PAGE_SHIFT);
	ok = CHECK(mapping.bytes == entry_bytes) && CHECK((mapping.bits & TYPE_BITS) == type) &&
	     CHECK(kernel.bytes) && CHECK((kernel.bits & TYPE_BITS) == type);
	return ok ? 0 : -EBADMSG;
}

/* All memory that the kernel maps is written back. */
static int check_all(void)
{
	unsigned long pfn, end;
	struct mapping mapping;
	int node;

	for_each_online_node(node) {
		end = pgdat_end_pfn(NODE_DATA(node));
		for (pfn = NODE_DATA(node)->node_start_pfn; pfn < end; pfn++) {
			if (!pfn_valid(pfn) || PageReserved(pfn_to_page(pfn)))
				continue;
			mapping = find_of_kernel(pfn);
			if (!CHECK(!mapping.bytes || !(mapping.bits & TYPE_BITS)))
				return -EBADMSG;
			if (mapping.bytes)
				pfn |= (mapping.bytes >> PAGE_SHIFT) - 1;
			cond_resched();
		}
	}
	return 0;
}

#else

static int check_address(void)
{
	return -EOPNOTSUPP;
}

static int check_all(void)
{
	return -EOPNOTSUPP;
}

#endif

bool pagetable_run(const char *name, int *ret)
{
	if (!strcmp(name, "memory_at"))
		*ret = check_address();
	else if (!strcmp(name, "memory_all"))
		*ret = check_all();
	else
		return false;
	return true;
}
