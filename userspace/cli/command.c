// SPDX-License-Identifier: LGPL-2.1-or-later
/* The dispatch table. */
#include <string.h>

#include "cli.h"

const struct command commands[] = {
	{
		.name = "info",
		.run = cmd_info,
		.summary = "show what is fixed about the pool, and its limits",
		.usage = "",
		.help =
		"'client_quota' is the most that one open file may hold, 'user_quota' the most that\n"
		"all open files of one user may hold together. Both are changed by writing bytes to\n"
		"files of these names in /sys/class/framepool/POOL.\n",
	}, {
		.name = "stat",
		.run = cmd_stat,
		.summary = "show how much is free and used, and how often allocations failed",
		.usage = "",
		.help =
		"'quarantined' memory has been given back, but is not cleared yet, or something\n"
		"(a pipe, direct I/O) still refers to it. 'retired' memory stays out of use, since the\n"
		"hardware found a frame in it bad. 'largest' is the longest buffer that could be had\n"
		"now. 'clients' counts open files, the one of this command too.\n",
	}, {
		.name = "frag",
		.run = cmd_frag,
		.summary = "show free blocks and fragmentation per order",
		.usage = "",
		.help =
		"An order is a block size: 2^order frames. 'unusable' is the share of free memory\n"
		"in blocks too small for a request of that order. 'external' is -1.000 where such\n"
		"a request succeeds; otherwise it tells why it fails: towards 0 for lack of\n"
		"memory, towards 1 because of fragmentation. Both are defined as in the kernel's\n"
		"extfrag/unusable_index and extfrag/extfrag_index. The bar, 'share', is how much\n"
		"of the free memory lies in free blocks of that order.\n",
	}, {
		.name = "clients",
		.run = cmd_clients,
		.summary = "show who holds how much (root only)",
		.usage = "",
		.help =
		"One line per open file: bytes in buffers ('held') and bytes of address space\n"
		"that map them ('mapped'). Above them what one client and one user may hold at\n"
		"most. Read from debugfs and sysfs.\n",
	}, {
		.name = "slabs",
		.run = cmd_slabs,
		.summary = "show the caches of objects of kernel modules (root only)",
		.usage = "",
		.help =
		"A line for each cache: bytes of an object; objects that are allocated, and that there\n"
		"is room for; its slabs, and the bytes of one; bytes of the slabs that are in no\n"
		"object; the share of allocations that a magazine served. With --json all that\n"
		"caches in debugfs says, under the names that it has there.\n",
	}, {
		.name = "map",
		.run = cmd_map,
		.summary = "draw the pool, huge frame by huge frame (root only)",
		.usage = "[--ascii] [--svg FILE]",
		.help =
		"  --ascii     letters and signs, also where the locale is UTF-8\n"
		"  --svg FILE  write a drawing to FILE instead\n"
		"\n"
		"A huge frame that is empty can be used for anything. One that is partly used\n"
		"belongs to one owner, and keeps larger blocks from being formed. A large pool\n"
		"has several huge frames to a character. Colours appear on a terminal only, and\n"
		"not if NO_COLOR is set. With --json, 'map' has a character for each huge frame,\n"
		"as the file map in debugfs.\n",
	}, {
		.name = "watch",
		.run = cmd_watch,
		.summary = "print a line of numbers each second",
		.usage = "[--interval SECONDS] [--count LINES]",
		.help =
		"  --interval SECONDS  0.1 to 3600; default: 1\n"
		"  --count LINES       stop after so many lines\n"
		"\n"
		"Sizes are in units of 1024 bytes, 'wait_K' is what is in quarantine. The last\n"
		"three columns are events a second since the line before: allocations, frees, and\n"
		"allocations that failed. With --json each line is an object.\n",
	}, {
		.name = "top",
		.run = cmd_top,
		.summary = "show the pool and its biggest clients live",
		.usage = "[--interval SECONDS]",
		.help =
		"  --interval SECONDS  0.1 to 3600; default: 1\n"
		"\n"
		"q ends it. Clients are shown to root only. With --json, no screen, but one\n"
		"snapshot with the rates of one interval.\n",
	}, {
		.name = "alloc",
		.run = cmd_alloc,
		.summary = "allocate a buffer, fill it from a file, hold it",
		.usage = "[--size SIZE] [--align SIZE] [--below ADDRESS] [--from FILE] [--hold]",
		.help =
		"  --size SIZE      bytes, rounded up to whole frames; default: the size of FILE\n"
		"  --align SIZE     alignment of the physical address, a power of two\n"
		"  --below ADDRESS  every byte lies below this physical address\n"
		"  --from FILE      fill the buffer from FILE through a mapping, and print the\n"
		"                   checksum of what a second mapping reads, as 'cksum FILE' does\n"
		"  --hold           keep the buffer until SIGINT or SIGTERM arrives\n"
		"\n"
		"'address' is the physical one. It is hidden from those without CAP_SYS_ADMIN.\n"
		"\n"
		"SIZE and ADDRESS are decimal or 0x... with an optional K, M, G or T (powers of\n"
		"1024).\n",
	}, {
		.name = "help",
		.run = cmd_help,
		.summary = "explain a command",
		.usage = "[COMMAND]",
		.help = "",
	}, {
		.name = "version",
		.run = cmd_version,
		.summary = "print the version of the library",
		.usage = "",
		.help = "",
	},
	{ .name = NULL }
};

const struct command *command_find(const char *name)
{
	for (const struct command *command = commands; command->name; command++)
		if (!strcmp(command->name, name))
			return command;
	return NULL;
}
