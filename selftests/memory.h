/* SPDX-License-Identifier: GPL-2.0-only */
/* Patterns in memory, and page tables and mappings as /proc shows them. */
#ifndef FRAMEPOOL_SELFTESTS_MEMORY_H
#define FRAMEPOOL_SELFTESTS_MEMORY_H

#include "common.h"

#include <sys/uio.h>

#define PAGEMAP_PRESENT	(1ULL << 63)
#define PAGEMAP_PFN	((1ULL << 55) - 1)

/* Buffers are filled with these, to tell them from other buffers and from cleared memory. */
#define PATTERN_MINE	0x5a
#define PATTERN_OTHER	0xb1

static inline bool all_bytes(const char *p, unsigned char byte, size_t length)
{
	return (unsigned char)p[0] == byte && !memcmp(p, p + 1, length - 1);
}

/* A kernel with PREEMPT_RT has no huge pages and maps everything by frames. */
static inline bool has_huge_pages(void)
{
	return !access("/sys/kernel/mm/transparent_hugepage", F_OK);
}

/* The expected smaps_kib("FilePmdMapped") for @bytes that can be mapped huge. */
static inline long kib_if_huge(size_t bytes)
{
	return has_huge_pages() ? bytes / KIB : 0;
}

/* How many bytes one fault maps. */
static inline size_t fault_bytes(void)
{
	return has_huge_pages() ? HUGE_FRAME : FRAME;
}

/* Applies MADV_HUGEPAGE or MADV_NOHUGEPAGE, which a kernel without huge pages refuses. */
static inline __must_check bool advise_huge(void *p, size_t length, int advice)
{
	int error = madvise(p, length, advice) ? errno : 0;

	return error == (has_huge_pages() ? 0 : EINVAL);
}

/* Writes a stamp into every frame: its number, counted from @first. */
static inline void stamp_frames(char *p, size_t length, __u64 first)
{
	size_t at;

	for (at = 0; at < length; at += FRAME)
		*(volatile __u64 *)(p + at) = first + at / FRAME + 1;
}

/* Whether every frame has the stamp of stamp_frames(). */
static inline bool frames_stamped(const char *p, size_t length, __u64 first)
{
	size_t at;

	for (at = 0; at < length; at += FRAME)
		if (*(const volatile __u64 *)(p + at) != first + at / FRAME + 1)
			return false;
	return true;
}

/* Whether no frame has a stamp. */
static inline bool frames_unstamped(const char *p, size_t length)
{
	size_t at;

	for (at = 0; at < length; at += FRAME)
		if (*(const volatile __u64 *)(p + at))
			return false;
	return true;
}

/* Reads a byte of every frame, so that all of them get mapped. */
static inline void touch(const char *p, size_t length)
{
	size_t at;

	for (at = 0; at < length; at += FRAME)
		(void)*(const volatile char *)(p + at);
}

/*
 * Reads the page table entries of [p, p + length). If that fails, they are all ones. No entry
 * has that value, so neither "absent" nor any address compares equal.
 */
static inline void pagemap_read(const void *p, size_t length, __u64 *entries)
{
	size_t bytes = length / FRAME * sizeof(*entries);
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);

	if (pread(fd, entries, bytes, (unsigned long)p / FRAME * sizeof(*entries)) != bytes)
		memset(entries, 0xff, bytes);
	close(fd);
}

/* Number of frames of [p, p + length) that are in the page tables. */
static inline size_t frames_present(const void *p, size_t length)
{
	size_t i, present = 0, frames = length / FRAME;
	__u64 *entries = calloc(frames, sizeof(*entries));

	pagemap_read(p, length, entries);
	for (i = 0; i < frames; i++)
		present += !!(entries[i] & PAGEMAP_PRESENT);
	free(entries);
	return present;
}

/* Physical address of the frame at @p, which is touched first; 0 if it cannot be read. */
static inline __u64 physical_address(const void *p)
{
	__u64 entry;

	touch(p, FRAME);
	pagemap_read(p, FRAME, &entry);
	if (entry == ~0ULL || !(entry & PAGEMAP_PRESENT))
		return 0;
	return (entry & PAGEMAP_PFN) * FRAME;
}

/* Whether [p, p + length) is physically contiguous, in ascending order. */
static inline bool is_contiguous(const char *p, size_t length)
{
	__u64 start = physical_address(p);
	size_t i, frames = length / FRAME;
	__u64 *entries = calloc(frames, sizeof(*entries));
	bool contiguous = start != 0;

	touch(p, length);
	pagemap_read(p, length, entries);
	for (i = 0; i < frames; i++)
		if ((entries[i] & PAGEMAP_PFN) != start / FRAME + i)
			contiguous = false;
	free(entries);
	return contiguous;
}

/* Whether memory, once it is written to, is contiguous and where the library says it is. */
static inline bool lies_at(char *p, size_t length, __u64 address)
{
	size_t before = (unsigned long)p % FRAME;

	memset(p, PATTERN_MINE, length);
	return address && physical_address(p - before) + before == address &&
	       is_contiguous(p - before, ROUND_UP(before + length, FRAME));
}

/* Physical address of a buffer, found by mapping its first frame briefly. */
static inline __u64 buffer_physical(int fd, const struct buffer *buffer)
{
	char *p = map_raw(NULL, FRAME, PROT_READ, MAP_SHARED, fd, buffer->offset);
	__u64 address;

	if (p == MAP_FAILED)
		return 0;
	address = physical_address(p);
	return munmap(p, FRAME) ? 0 : address;
}

/* The number after "@key:" in @path, at or after the line that starts with @from; -1: none. */
static inline long proc_number(const char *path, const char *from, const char *key)
{
	FILE *file = fopen(path, "re");
	bool found = !from;
	long value = -1;
	char line[512];

	while (file && value < 0 && fgets(line, sizeof(line), file)) {
		if (!found && !strncmp(line, from, strlen(from)))
			found = true;
		if (found && !strncmp(line, key, strlen(key)) && line[strlen(key)] == ':')
			sscanf(line + strlen(key) + 1, "%ld", &value);
	}
	if (file)
		fclose(file);
	return value;
}

/* The number behind @name in the fdinfo of a client; -1: none. */
static inline long client_info(int fd, const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	return proc_number(path, NULL, name);
}

/* A field of smaps, in KiB, of the mapping that starts at @p; -1: no such mapping. */
static inline long smaps_kib(const void *p, const char *field)
{
	char from[32];

	snprintf(from, sizeof(from), "%08lx-", (unsigned long)p);
	return proc_number("/proc/self/smaps", from, field);
}

static inline long status_kib(const char *field)
{
	return proc_number("/proc/self/status", NULL, field);
}

/* Whether the mapping that starts at @p has the two-letter @flag of smaps. */
static inline bool smaps_has_flag(const void *p, const char *flag)
{
	FILE *file = fopen("/proc/self/smaps", "re");
	bool found = false, has = false;
	char line[512], from[32];

	snprintf(from, sizeof(from), "%08lx-", (unsigned long)p);
	while (file && fgets(line, sizeof(line), file)) {
		if (!strncmp(line, from, strlen(from)))
			found = true;
		if (found && !strncmp(line, "VmFlags:", 8)) {
			has = strstr(line, flag);
			break;
		}
	}
	if (file)
		fclose(file);
	return has;
}

/* Inaccessible address space of at least @length bytes that starts at a huge frame. */
static inline __must_check char *reserve(size_t length)
{
	char *p = mmap(NULL, length + HUGE_FRAME, PROT_NONE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		abort();
	return (char *)ROUND_UP((unsigned long)p, HUGE_FRAME);
}

/* Makes [p, p + length) inaccessible again. */
static inline __must_check bool reserve_again(void *p, size_t length)
{
	return mmap(p, length, PROT_NONE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) == p;
}

/*
 * Allocates all huge frames that @fd can get and overwrites them; each must read as zeros before.
 * Returns their number; -1 if something was wrong with them.
 */
static inline __must_check int overwrite_pool(int fd)
{
	static struct buffer buffers[POOL_BYTES / HUGE_FRAME];
	int i, why, n;

	n = alloc_until_refused(fd, HUGE_FRAME, HUGE_FRAME, buffers, ARRAY_SIZE(buffers), &why);
	if (n < ARRAY_SIZE(buffers) && why != -ENOMEM)
		return -1;
	for (i = 0; i < n; i++) {
		char *p = buffer_map(fd, &buffers[i]);

		if (p == MAP_FAILED || !all_bytes(p, 0, HUGE_FRAME))
			return -1;
		memset(p, PATTERN_OTHER, HUGE_FRAME);
		if (munmap(p, HUGE_FRAME))
			return -1;
	}
	return n;
}

/* Puts a page of a buffer of @length into a pipe and frees the buffer; returns the read end. */
static inline __must_check int strand_any(int fd, __u32 flags, __u64 length)
{
	struct buffer buffer;
	struct iovec frame;
	int ends[2];
	char *p;

	if (buffer_alloc_any(fd, flags, length, HUGE_FRAME, 0, &buffer) || pipe(ends))
		return -1;
	p = buffer_map(fd, &buffer);
	if (p == MAP_FAILED)
		return -1;
	memset(p, PATTERN_MINE, length);
	frame = (struct iovec){ p, FRAME };
	if (vmsplice(ends[1], &frame, 1, 0) != FRAME || munmap(p, length) ||
	    handle_free(fd, buffer.handle))
		return -1;
	close(ends[1]);
	return ends[0];
}

static inline __must_check int strand(int fd, __u64 length)
{
	return strand_any(fd, 0, length);
}

/* Whether @p can be read: the kernel tries to copy a byte from there. */
static inline bool is_readable(const void *p)
{
	static int sink = -1;

	if (sink < 0)
		sink = memfd_create("sink", MFD_CLOEXEC);
	return pwrite(sink, p, 1, 0) == 1;
}

/* Bits of /proc/kpageflags */
#define KPF_COMPOUND_HEAD	(1ULL << 15)
#define KPF_HWPOISON		(1ULL << 19)

static inline __u64 page_flags(__u64 address)
{
	int fd = open("/proc/kpageflags", O_RDONLY | O_CLOEXEC);
	__u64 flags;

	if (pread(fd, &flags, sizeof(flags), address / FRAME * sizeof(flags)) != sizeof(flags))
		flags = 0;
	close(fd);
	return flags;
}

static inline void report_bad(const char *path, __u64 number)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	/* The write fails if the kernel could not recover the page, which it never can here. */
	if (fd >= 0 && dprintf(fd, "%#llx", number) < 0 && errno == EINVAL)
		fprintf(stderr, "# %s refuses %#llx\n", path, number);
	close(fd);
}

/* Makes the kernel treat a frame as bad, as if the hardware had reported it. */
static inline __must_check bool poison_physical(__u64 address)
{
	report_bad("/sys/devices/system/memory/hard_offline_page", address);
	if (!(page_flags(address) & KPF_HWPOISON))
		report_bad("/sys/kernel/debug/hwpoison/corrupt-pfn", address / FRAME);
	return page_flags(address) & KPF_HWPOISON;
}

#endif
