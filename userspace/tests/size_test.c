// SPDX-License-Identifier: LGPL-2.1-or-later
#include <errno.h>
#include <string.h>

#include "size.h"
#include "test.h"

static bool parses(const char *text, uint64_t expected)
{
	uint64_t bytes = ~expected;

	return !size_parse(text, &bytes) && bytes == expected;
}

static bool refuses(const char *text, int err)
{
	uint64_t bytes = 42;

	return size_parse(text, &bytes) == err && bytes == 42;
}

static bool formats(uint64_t bytes, const char *expected)
{
	char text[SIZE_TEXT_MAX];

	return !strcmp(size_format(bytes, text), expected);
}

static bool refuses_each_junk(void)
{
	static const char *const junk[] = {
		"", " 1", "1 ", "-1", "+1", "K", "0x", "0xg", "1.5M", "1KK", "1KB", "12a", "1E",
		"x",
	};

	for (size_t i = 0; i < sizeof(junk) / sizeof(*junk); i++) {
		if (!refuses(junk[i], EINVAL)) {
			printf("# '%s'\n", junk[i]);
			return false;
		}
	}
	return true;
}

int main(void)
{
	check(parses("0", 0) && parses("1", 1) && parses("4096", 4096), "size_plain_parses");
	check(parses("010", 10), "size_leading_zero_is_decimal");
	check(parses("0x10", 16) && parses("0XfF", 255), "size_hex_parses");
	check(parses("1K", 1024) && parses("2M", 2 << 20) && parses("3G", 3ULL << 30) &&
	      parses("4T", 4ULL << 40), "size_units_parse");
	check(parses("1k", 1024) && parses("2m", 2 << 20) && parses("0x10k", 16384),
	      "size_lower_case_unit_parses");
	check(parses("18446744073709551615", UINT64_MAX), "size_largest_parses");
	check(parses("16777215T", 16777215ULL << 40), "size_largest_with_unit_parses");
	check(refuses("18446744073709551616", ERANGE), "size_beyond_64_bits_is_out_of_range");
	check(refuses("16777216T", ERANGE), "size_unit_overflow_is_out_of_range");
	check(refuses("99999999999999999999K", ERANGE), "size_both_overflow_is_out_of_range");
	check(refuses("99999999999999999999x", EINVAL), "size_overflow_with_junk_is_junk");
	check(refuses_each_junk(), "size_junk_is_refused");
	check(formats(0, "0") && formats(1023, "1023") && formats(1025, "1025"),
	      "format_odd_is_plain");
	check(formats(1024, "1K") && formats(1536, "1536") && formats(3 << 20, "3M") &&
	      formats((3 << 20) + 4096, "3076K") && formats(1ULL << 50, "1024T"),
	      "format_whole_units");
	return 0;
}
