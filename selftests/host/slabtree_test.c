// SPDX-License-Identifier: GPL-2.0-only
/* The radix tree that finds a slab by its address. */
#include "slab/slab.h"
#include "test.h"

static void tree_finds_what_is_there(void)
{
	u64 keys[300], key;
	struct fp_slabtree tree = {};
	u32 i, j;

	for (i = 0; i < 300; i++) {
		/* All are different: the lowest digits tell them apart. */
		keys[i] = (test_random() >> test_random() % 50) / 300 * 300 + i;
		EXPECT(fp_slabtree_insert(&tree, keys[i], (struct fp_slab *)&keys[i]) == 0);
	}
	EXPECT(tree.nr == 300);
	for (i = 0; i < 300; i++) {
		for (j = 0; j < 300; j++)
			EXPECT(fp_slabtree_find(&tree, keys[j]) ==
			       (j < i ? NULL : (void *)&keys[j]));
		key = test_random() / 600 * 600 + 599;
		EXPECT(!fp_slabtree_find(&tree, key));
		fp_slabtree_erase(&tree, keys[i]);
	}
	EXPECT(!tree.nr && !tree.levels && !tree.root && !fp_slabtree_find(&tree, 0));
}

static const struct test tests[] = {
	{ "tree_finds_what_is_there", tree_finds_what_is_there },
};

int main(int argc, char **argv)
{
	return test_main(argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
