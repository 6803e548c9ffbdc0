// SPDX-License-Identifier: LGPL-2.1-or-later
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "output.h"
#include "test.h"

/* Runs output() with stdout going to a file, and compares what arrives there. */
static bool writes(bool json, const struct table *table, const char *expected)
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
	output(json, fields, 5, table);
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

	check(writes(false, NULL,
		     "pool:  dma\ntotal: 3145728 (3M)\nodd:   1025\nquota: none\nat:    0xfedcba000\n"),
	      "record_as_text_is_aligned");
	check(writes(false, &table,
		     "pool:  dma\ntotal: 3145728 (3M)\nodd:   1025\nquota: none\nat:    0xfedcba000\n"
		     "\n"
		     "  order  bytes   index\n"
		     "      0     4K  -0.500\n"
		     "     10     4M   1.000\n"), "table_as_text_is_aligned");
	check(writes(true, NULL,
		     "{\n  \"pool\": \"dma\",\n  \"total\": 3145728,\n  \"odd\": 1025,\n"
		     "  \"quota\": null,\n  \"at\": 68414054400\n}\n"), "record_as_json");
	check(writes(true, &none,
		     "{\n  \"pool\": \"dma\",\n  \"total\": 3145728,\n  \"odd\": 1025,\n"
		     "  \"quota\": null,\n  \"at\": 68414054400,\n  \"orders\": []\n}\n"), "empty_table_as_json");
	return 0;
}
