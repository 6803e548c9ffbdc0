// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A copying garbage collector, to watch. Build:
 * cc collector.c $(pkg-config --cflags --libs libframepool) -o collector
 *
 * The allocator deals out objects one behind the other in a space. When the space is full, the
 * collector copies what can be reached from the roots into another one, and gives the old one back
 * to the pool, with all that was left in it. So its time depends on what lives, not on what died.
 * The order is that of Cheney ("A Nonrecursive List Compacting Algorithm", 1970): objects that were
 * copied, but whose references still lead to the old space, lie between two pointers, "scan" and
 * "next". When they meet, all is done. No stack is needed, and cycles do no harm.
 *
 * The mutator is the rest of the program: it pushes objects onto lists and drops lists. Since any
 * allocation may move all objects, it keeps what it needs in the table of roots, and nowhere else.
 */
#include <errno.h>
#include <inttypes.h>
#include <libframepool.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SPACE_BYTES	(1UL << 20)
#define BLOCK_BYTES	(16UL << 10)	/* a character of a map */
#define BLOCKS		(SPACE_BYTES / BLOCK_BYTES)
#define ROOTS		16
#define ALLOCATIONS	200000U

/**
 * struct object - an object
 * @forward: in the old space: its copy, or NULL
 * @value: what the program keeps in it
 * @nr: number of @refs
 * @refs: other objects, itself, or NULL
 */
struct object {
	struct object *forward;
	uint32_t value;
	uint32_t nr;
	struct object *refs[];
};

/**
 * struct space - where objects lie
 * @buf: its memory
 * @base: the first byte
 * @next: where the next object goes
 * @end: behind the last byte
 * @address: the physical address of @base, or 0
 */
struct space {
	struct framepool_buffer *buf;
	char *base;
	char *next;
	char *end;
	uint64_t address;
};

static struct framepool *fp;
static struct space space;
static struct object *roots[ROOTS];
static unsigned int collections;

static void die(const char *what)
{
	fprintf(stderr, "collector: %s\n", what);
	exit(1);
}

static struct space new_space(void)
{
	struct space new = { .buf = framepool_buffer_alloc(fp, SPACE_BYTES) };
	char why[512];

	if (!new.buf)
		die(framepool_explain_alloc(errno, fp, SPACE_BYTES, 0, 0, why, sizeof(why)));
	new.base = framepool_buffer_map(new.buf);
	if (!new.base)
		die(framepool_explain_map(errno, new.buf, why, sizeof(why)));
	if (framepool_buffer_address(new.buf, &new.address))
		die(strerror(errno));
	new.next = new.base;
	new.end = new.base + SPACE_BYTES;
	return new;
}

static size_t size_of(uint32_t nr)
{
	return sizeof(struct object) + nr * sizeof(struct object *);
}

static struct object *object_at(char *at)
{
	return (struct object *)(void *)at;
}

/* Copies an object, if that was not done yet; returns its copy. */
static struct object *copy(struct object *object, struct space *to)
{
	if (!object || object->forward)
		return object ? object->forward : NULL;
	memcpy(to->next, object, size_of(object->nr));
	object->forward = object_at(to->next);
	to->next += size_of(object->nr);
	return object->forward;
}

/* Prints a space, in which the objects with a copy are those that live. */
static void print_old(const struct space *old, const char *what)
{
	bool lives[BLOCKS] = { false }, dead[BLOCKS] = { false };
	struct object *object;
	char map[BLOCKS + 1] = "";
	char *at;

	for (at = old->base; at < old->next; at += size_of(object->nr)) {
		object = object_at(at);
		(object->forward ? lives : dead)[(size_t)(at - old->base) / BLOCK_BYTES] = true;
	}
	for (size_t i = 0; i < BLOCKS; i++)
		map[i] = lives[i] ? dead[i] ? '+' : '#' : dead[i] ? '.' : ' ';
	printf("  %s at %#10" PRIx64 " |%s|\n", what, old->address, map);
}

static void print_new(const struct space *new, const char *what)
{
	size_t blocks = ((size_t)(new->next - new->base) + BLOCK_BYTES - 1) / BLOCK_BYTES;
	char map[BLOCKS + 1] = "";

	memset(map, ' ', BLOCKS);
	memset(map, '#', blocks);
	printf("  %s at %#10" PRIx64 " |%s|\n", what, new->address, map);
}

/* What the program can reach: all lists, as a sum that depends on the order. */
static uint64_t checksum(void)
{
	uint64_t sum = 0;

	for (int i = 0; i < ROOTS; i++)
		for (const struct object *object = roots[i]; object; object = object->refs[0])
			sum = sum * 31 + object->value + (object->refs[1] == object);
	return sum;
}

static void collect(void)
{
	struct space to = new_space();
	uint64_t before = checksum();
	char *scan = to.base;

	for (int i = 0; i < ROOTS; i++)
		roots[i] = copy(roots[i], &to);
	while (scan < to.next) {
		struct object *object = object_at(scan);

		for (uint32_t i = 0; i < object->nr; i++)
			object->refs[i] = copy(object->refs[i], &to);
		scan += size_of(object->nr);
	}
	printf("collection %u: %zu of %zu KiB live\n", ++collections,
	       (size_t)(to.next - to.base) / 1024, (size_t)(space.next - space.base) / 1024);
	print_old(&space, "from");
	print_new(&to, "to  ");
	framepool_buffer_free(space.buf);
	space = to;
	if (checksum() != before)
		die("objects have changed");
}

/* The references of the object must be set before the next allocation. */
static struct object *allocate(uint32_t nr, uint32_t value)
{
	struct object *object;

	if ((size_t)(space.end - space.next) < size_of(nr))
		collect();
	if ((size_t)(space.end - space.next) < size_of(nr))
		die("all objects live");
	object = object_at(space.next);
	space.next += size_of(nr);
	*object = (struct object){ .value = value, .nr = nr };
	return object;
}

static void mutate(uint32_t turn)
{
	uint32_t root = (uint32_t)rand() % ROOTS;
	struct object *object;

	if (rand() % (int)(50 * (root + 1)) == 0) {
		roots[root] = NULL;
		return;
	}
	object = allocate(2, turn);
	object->refs[0] = roots[root];
	object->refs[1] = turn % 2 ? object : NULL;
	roots[root] = object;
}

int main(void)
{
	char why[512];

	fp = framepool_open(NULL);
	if (!fp)
		die(framepool_explain_open(errno, NULL, why, sizeof(why)));
	space = new_space();
	puts("a character is 16 KiB: # objects that live, . that died, + both");
	for (uint32_t turn = 0; turn < ALLOCATIONS; turn++)
		mutate(turn);
	printf("%u objects were allocated in %lu KiB, %u collections\n", ALLOCATIONS,
	       SPACE_BYTES / 1024, collections);
	framepool_buffer_free(space.buf);
	framepool_close(fp);
	return 0;
}
