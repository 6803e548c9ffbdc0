// SPDX-License-Identifier: LGPL-2.1-or-later
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "listing.h"
#include "test.h"

static struct listing list;

static bool reads(const char *text)
{
	FILE *file = tmpfile();
	bool done;

	fputs(text, file);
	rewind(file);
	errno = 0;
	done = !listing_read(file, &list);
	fclose(file);
	return done;
}

int main(void)
{
	check(reads("  size   active name\n   64    12  a cache\n 4096 18446744073709551615 b\n") &&
	      list.columns == 3 && list.count == 2 &&
	      listing_number(&list, &list.rows[0], "size") == 64 &&
	      listing_number(&list, &list.rows[0], "active") == 12 &&
	      !strcmp(list.rows[0].text, "a cache") &&
	      listing_number(&list, &list.rows[1], "active") == UINT64_MAX &&
	      !strcmp(list.rows[1].text, "b"), "listing_is_read_by_its_header");
	check(!listing_number(&list, &list.rows[0], "waste") &&
	      !listing_number(&list, &list.rows[0], "name"), "listing_unknown_column_is_0");
	listing_free(&list);
	check(reads("size name\n") && !list.count, "listing_may_have_no_lines");
	listing_free(&list);
	check(reads("size name\nsix a\n-1 b\n\n7 c\n") && list.count == 1 &&
	      !strcmp(list.rows[0].text, "c"), "listing_strange_lines_are_left_out");
	listing_free(&list);
	check(reads("size name\n7 a\033[2J\377\n") && !strcmp(list.rows[0].text, "a?[2J?"),
	      "listing_text_is_made_printable");
	listing_free(&list);
	check(!reads("") && errno == EIO && !reads("\n") && errno == EIO,
	      "listing_without_header_is_an_error");
	return 0;
}
