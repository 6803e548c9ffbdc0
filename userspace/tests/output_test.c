// SPDX-License-Identifier: LGPL-2.1-or-later
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "output.h"
#include "test.h"

/* Runs output() with stdout redirected to a file, and compares what it wrote. */
static bool writes_fields(bool json, size_t count, const struct table *table, const char *expected)
{
	const struct field fields[] = {
		field_text("pool", "dma"),
		field_bytes("total", 3 << 20),
		field_bytes("odd", 1025),
		field_limit("quota", 0),
		field_address("at", 0xfedcba000),
	};
	char text[1024] = "";
	FILE *file = tmpfile();
	int kept = dup(STDOUT_FILENO);

	fflush(stdout);
	dup2(fileno(file), STDOUT_FILENO);
	output(json, fields, count, table);
	fflush(stdout);
	dup2(kept, STDOUT_FILENO);
	close(kept);

	rewind(file);
	text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
	fclose(file);
	if (!strcmp(text, expected))
		return true;
	printf("# %s\n", text);
	return false;
}

#define TEXT \
	"pool:  dma\n" \
	"total: 3145728 (3M)\n" \
	"odd:   1025\n" \
	"quota: none\n" \
	"at:    0xfedcba000\n"

static bool writes(bool json, const struct table *table, const char *expected)
{
	return writes_fields(json, 5, table, expected);
}

/* A bar of nothing, and a name that ends in blanks or has nothing else. */
static void test_line_ends(void)
{
	const struct field bars[] = {
		field_number("order", 0), field_share("share", 0),
		field_number("order", 1), field_share("share", 1000),
	};
	const struct field names[] = {
		field_number("pid", 1), field_text("comm", "two words  "),
		field_number("pid", 2), field_text("comm", " "),
		field_number("pid", 3), field_text("comm", ""),
	};
	const struct table shares = { "orders", bars, 2, 2 };
	const struct table clients = { "clients", names, 2, 3 };

	setenv("LC_ALL", "C", 1);
	check(writes_fields(false, 1, &shares, "pool: dma\n\n  order  share\n      0\n"
			    "      1  ############################\n"),
	      "empty_bar_has_no_trailing_blank");
	check(writes_fields(false, 1, &clients, "pool: dma\n\n  pid  comm\n    1  two words\n"
			    "    2\n    3\n"), "text_has_no_trailing_blank");
}

int main(void)
{
	const struct field cells[] = {
		field_number("order", 0), field_bytes("bytes", 4096),
		field_index("index", -500),
		field_number("order", 10), field_bytes("bytes", 4 << 20),
		field_index("index", 1000),
	};
	const struct table table = { "orders", cells, 3, 2 };
	const struct table none = { "orders", cells, 3, 0 };

	check(writes(false, NULL, TEXT),
	      "record_as_text_is_aligned");
	check(writes(false, &table, TEXT
		     "\n"
		     "  order  bytes   index\n"
		     "      0     4K  -0.500\n"
		     "     10     4M   1.000\n"), "table_as_text_is_aligned");
	check(writes(true, NULL,
		     "{\n  \"pool\": \"dma\",\n  \"total\": 3145728,\n  \"odd\": 1025,\n"
		     "  \"quota\": null,\n  \"at\": 68414054400\n}\n"), "record_as_json");
	check(writes(true, &none,
		     "{\n  \"pool\": \"dma\",\n  \"total\": 3145728,\n  \"odd\": 1025,\n"
		     "  \"quota\": null,\n  \"at\": 68414054400,\n  \"orders\": []\n}\n"),
	      "empty_table_as_json");
	test_line_ends();
	return 0;
}
