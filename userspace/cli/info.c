// SPDX-License-Identifier: LGPL-2.1-or-later
/* framepool info: what is fixed about the pool, and its limits. */
#include "cli.h"
#include "output.h"

static int show(const struct cli *cli, const struct framepool *fp)
{
	uint64_t client_quota = framepool_client_quota_bytes(fp);
	uint64_t user_quota = framepool_user_quota_bytes(fp);
	int node = framepool_node(fp);
	const struct field fields[] = {
		field_text("pool", framepool_name(fp)),
		field_number("abi", framepool_abi(fp)),
		field_bytes("total", framepool_total_bytes(fp)),
		field_limit("client_quota", client_quota),
		field_limit("user_quota", user_quota),
		field_bytes("frame", framepool_frame_bytes(fp)),
		field_bytes("huge", framepool_huge_bytes(fp)),
		node < 0 ? field_none("node", "any") : field_number("node", node),
		field_number("max_order", framepool_max_order(fp)),
		field_text("memory", framepool_memory(fp)),
		field_number("extents", framepool_extents(fp)),
		field_bytes("largest_extent", framepool_largest_extent_bytes(fp)),
		field_address("first_address", framepool_first_address(fp)),
		field_address("end_address", framepool_end_address(fp)),
	};

	return output(cli->json, fields, sizeof(fields) / sizeof(*fields), NULL);
}

int cmd_info(struct cli *cli, int argc, char **argv)
{
	struct framepool *fp;
	int status = option_none(cli, argc, argv);

	if (status)
		return status;
	fp = pool_open(cli);
	if (!fp)
		return EXIT_FAILED;
	status = show(cli, fp);
	framepool_close(fp);
	return status;
}
