// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The checksum of POSIX cksum(1): the CRC-32 of Ethernet, most significant bit first, over the
 * content and then its length (least significant byte first, no leading zeros), complemented.
 */
#include "cksum.h"

static void make_table(uint32_t table[256])
{
	for (uint32_t byte = 0; byte < 256; byte++) {
		uint32_t crc = byte << 24;

		for (int bit = 0; bit < 8; bit++)
			crc = crc << 1 ^ (crc >> 31 ? 0x04c11db7 : 0);
		table[byte] = crc;
	}
}

uint32_t cksum(const void *data, size_t length)
{
	const unsigned char *bytes = data;
	uint32_t table[256];
	uint32_t crc = 0;

	make_table(table);
	for (size_t i = 0; i < length; i++)
		crc = crc << 8 ^ table[crc >> 24 ^ bytes[i]];
	for (size_t rest = length; rest; rest >>= 8)
		crc = crc << 8 ^ table[crc >> 24 ^ (rest & 0xff)];
	return ~crc;
}
