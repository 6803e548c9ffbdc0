// SPDX-License-Identifier: LGPL-2.1-or-later
/* The expected values are what cksum(1) of coreutils prints. */
#include <stdlib.h>
#include <string.h>

#include "cksum.h"
#include "test.h"

static unsigned char zeros[1 << 20];

int main(void)
{
	unsigned char all[256];

	for (int i = 0; i < 256; i++)
		all[i] = (unsigned char)i;
	check(cksum("", 0) == 4294967295, "cksum_empty");
	check(cksum("a", 1) == 1220704766, "cksum_one_byte");
	check(cksum("123456789", 9) == 930766865, "cksum_digits");
	check(cksum(all, sizeof(all)) == 1313719201, "cksum_all_bytes_two_byte_length");
	check(cksum(zeros, sizeof(zeros)) == 3018728591, "cksum_zeros_three_byte_length");
	return 0;
}
