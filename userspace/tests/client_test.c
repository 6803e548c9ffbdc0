// SPDX-License-Identifier: LGPL-2.1-or-later
#include <string.h>

#include "client.h"
#include "test.h"

static bool has_comm(const char *line, const char *comm)
{
	struct client client;

	return !client_parse(line, &client) && !strcmp(client.comm, comm);
}

int main(void)
{
	struct client client;
	const char *line = " 17 1000  3  3149824 2097152 8388608 4194304 2 1 4 open camera\n";
	int err = client_parse(line, &client);

	check(!err && client.pid == 17 && client.uid == 1000 && client.buffers == 3 &&
	      client.held_bytes == 3149824 && client.mapped_bytes == 2097152 &&
	      client.charged_bytes == 8388608 && client.quarantined_bytes == 4194304 &&
	      client.exports == 2 && client.attached == 1 && client.in_use == 4 &&
	      !strcmp(client.state, "open") && !strcmp(client.comm, "camera"),
	      "client_line_is_read");
	check(has_comm("1 0 0 0 0 0 0 0 0 0 open two words \n", "two words "),
	      "client_comm_keeps_blanks");
	check(has_comm("1 0 0 0 0 0 0 0 0 0 closed\n", "") &&
	      has_comm("1 0 0 0 0 0 0 0 0 0 closed x", "x"),
	      "client_comm_may_be_missing");
	check(has_comm("1 0 0 0 0 0 0 0 0 0 open a\033[2J\377\n", "a?[2J?"),
	      "client_comm_is_made_printable");
	check(client_parse("pid uid buffers held mapped charged quarantined exports attached "
			   "in_use state comm\n", &client) < 0,
	      "client_header_is_no_client");
	check(client_parse("1 0 0 0 0 0 0 0 0 0\n", &client) < 0 && client_parse("", &client) < 0,
	      "client_short_line_is_refused");
	return 0;
}
