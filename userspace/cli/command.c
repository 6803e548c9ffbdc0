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
		"A pool consists of physically contiguous 'extents'. No buffer is longer than\n"
		"the 'largest_extent'. The pool lies between 'first_address' and 'end_address',\n"
		"which are rounded to powers of two without CAP_SYS_ADMIN.\n"
		"\n"
		"'memory' is how processors cache the pool: 'wb' (written back, like all other\n"
		"memory), 'wc' (not cached, writes are combined) or 'uc' (not cached).\n"
		"\n"
		"A client is an open file. 'client_quota' is the most that one client may be\n"
		"charged, 'user_quota' the most that all clients of one user may be charged\n"
		"together, in whole huge frames. To change one, write a number of bytes to the\n"
		"file of that name in /sys/class/framepool/POOL.\n",
	}, {
		.name = "stat",
		.run = cmd_stat,
		.summary = "show how much is free and used, and how often allocations failed",
		.usage = "",
		.help =
		"'quarantined' memory was freed, but is not cleared yet, is still referenced (by\n"
		"a pipe or by direct I/O), or is kept by a client that needs no clearing.\n"
		"'retired' memory is out of use, because the hardware found a bad frame in it.\n"
		"'largest' is the longest run of empty huge frames, or if there is none, the\n"
		"largest free block of any client or the kernel. Memory in quarantine, and\n"
		"memory that is kept, can make longer buffers possible. 'clients' counts this\n"
		"command, too. The failures do not count allocations that waited in vain.\n"
		"'moves' are buffers moved to make room for longer runs, 'moved' the bytes\n"
		"copied for that, 'moves_refused_...' attempts to move something that failed.\n",
	}, {
		.name = "frag",
		.run = cmd_frag,
		.summary = "show free blocks and fragmentation, or what is in a run's way",
		.usage = "[--why SIZE]",
		.help =
		"  --why SIZE  tell what stands in the way of a run of SIZE bytes (root only)\n"
		"\n"
		"The order of a block gives its size: 2^order frames. 'unusable' is the share of\n"
		"free memory in blocks that are too small for a request of that order.\n"
		"'external' is -1.000 if such a request succeeds. Otherwise it tells why the\n"
		"request fails: towards 0 (and below it where very few blocks are free) for lack\n"
		"of memory, towards 1 because of fragmentation. Both are defined as in the\n"
		"kernel's extfrag/unusable_index and extfrag/extfrag_index. 'share', the bar, is\n"
		"the share of free memory in free blocks of that order.\n"
		"\n"
		"With --why, it looks for the place with the fewest bytes that would not move,\n"
		"and lists what they are: the process that opened the client, the handle of the\n"
		"buffer, where in the pool it lies, its length, the name of the thread, and why\n"
		"it stays. It first clears what is in quarantine, as an allocation would. SIZE is\n"
		"decimal or 0x..., with an optional K, M, G or T (powers of 1024).\n",
	}, {
		.name = "clients",
		.run = cmd_clients,
		.summary = "show what each client holds (root only)",
		.usage = "",
		.help =
		"A line for each client (an open file): the process and user that opened it, its\n"
		"buffers, the bytes in its buffers and slabs ('held'), bytes of address space\n"
		"that map them ('mapped'), the bytes of all huge frames that no other client can\n"
		"use because of it ('charged'), and those of them in quarantine ('quarantined');\n"
		"its dma-bufs ('exports'), the devices attached to them ('attached'), and how\n"
		"often drivers have them mapped ('in_use'). A client is 'closed' when its file is\n"
		"closed and only dma-bufs keep it; 'exports' in debugfs shows who has them.\n"
		"Above them are the limits of what one client and one user may be charged. Read\n"
		"from debugfs and sysfs.\n",
	}, {
		.name = "caches",
		.run = cmd_caches,
		.summary = "show the caches of objects of kernel modules and programs (root only)",
		.usage = "",
		.help =
		"A line for each cache, those of kernel modules first: bytes of an object;\n"
		"objects that are allocated, and objects that there is room for; slabs, and\n"
		"bytes of a slab; bytes of the slabs that are in no object; the share of\n"
		"allocations that a magazine of the kernel served; the name. A program has its\n"
		"magazines in the library, so its caches have no such hits, and what lies in its\n"
		"magazines counts as allocated. Its caches are named PID/NUMBER and the thread\n"
		"that opened the client. With --json there are all columns of the file 'caches'\n"
		"in debugfs, under the same names.\n",
	}, {
		.name = "map",
		.run = cmd_map,
		.summary = "draw the pool, huge frame by huge frame (root only)",
		.usage = "[--ascii] [--svg FILE]",
		.help =
		"  --ascii     use ASCII characters only, even if the locale is UTF-8\n"
		"  --svg FILE  write a drawing to FILE instead\n"
		"\n"
		"An empty huge frame can be used for anything. A partly used one belongs to one\n"
		"owner, and prevents larger blocks, unless all that is in it may move. A pool\n"
		"consists of physically contiguous extents; a bar shows where one ends. A run\n"
		"never crosses a bar, even if all huge frames around it are free. In a large pool\n"
		"a character stands for several huge frames. Colours appear on a terminal only,\n"
		"and not if NO_COLOR is set.\n"
		"\n"
		"With --json, 'map' has a character for each huge frame, as in the file 'map' in\n"
		"debugfs, and 'extents' tells the first huge frame and the length of each\n"
		"extent. Only one of --ascii, --svg and --json can be given.\n",
	}, {
		.name = "metrics",
		.run = cmd_metrics,
		.summary = "print the figures of all pools in the OpenMetrics format",
		.usage = "[--textfile FILE]",
		.help =
		"  --textfile FILE  write FILE for node_exporter's textfile collector instead;\n"
		"                   it must end in .prom\n"
		"\n"
		"Each metric has a label 'pool'. They are the figures of 'stat' and 'frag', and\n"
		"limits of 'info'. 'framepool_up' is 0 for a pool that was shut down, which has\n"
		"no other figures. FILE is replaced at once, so nobody reads half of it, and left\n"
		"alone if the figures cannot be read. It is in the text format of Prometheus,\n"
		"which is all that the collector reads.\n",
	}, {
		.name = "watch",
		.run = cmd_watch,
		.summary = "print a line of numbers each second",
		.usage = "[--interval SECONDS] [--count LINES]",
		.help =
		"  --interval SECONDS  0.1 to 3600; default: 1\n"
		"  --count LINES       stop after so many lines\n"
		"\n"
		"Sizes are in units of 1024 bytes; 'wait_K' is what is in quarantine. The last\n"
		"four columns are allocations, frees, failed allocations, and what was moved to\n"
		"make room for longer runs, per second since the previous line. With --json each\n"
		"line is an object.\n",
	}, {
		.name = "top",
		.run = cmd_top,
		.summary = "show the pool and its biggest clients live",
		.usage = "[--interval SECONDS]",
		.help =
		"  --interval SECONDS  0.1 to 3600; default: 1\n"
		"\n"
		"q ends it. Only root sees the clients. With --json there is no screen, but one\n"
		"snapshot with the rates of one interval.\n",
	}, {
		.name = "alloc",
		.run = cmd_alloc,
		.summary = "allocate a buffer, fill it from a file, hold it",
		.usage = "[--size SIZE] [--align SIZE] [--below ADDRESS] [--wait SECONDS] "
			 "[--from FILE] [--movable] [--hold] [--export]",
		.help =
		"  --size SIZE      bytes, rounded up to whole frames; default: the size of FILE\n"
		"  --align SIZE     alignment of the physical address, a power of two\n"
		"  --below ADDRESS  every byte lies below this physical address\n"
		"  --wait SECONDS   if there is not enough memory, wait for it, at most so long\n"
		"  --from FILE      fill the buffer from FILE through a mapping, and print the\n"
		"                   checksum of what a second mapping reads, as 'cksum FILE' does\n"
		"  --movable        the buffer may be moved to make room for a longer one\n"
		"  --hold           keep the buffer until SIGINT or SIGTERM arrives\n"
		"  --export         make a dma-buf of it, and hold it: another process takes the\n"
		"                   descriptor 'fd' from this one with pidfd_getfd(2)\n"
		"\n"
		"'address' is the physical address. It is hidden without CAP_SYS_ADMIN, and\n"
		"ADDRESS is then rounded down to a power of two. That of a movable buffer may\n"
		"change, unless --export keeps the buffer where it is.\n"
		"\n"
		"SIZE and ADDRESS are decimal or 0x..., with an optional K, M, G or T (powers of\n"
		"1024).\n",
	}, {
		.name = "compact",
		.run = cmd_compact,
		.summary = "move buffers until so much memory lies side by side (root only)",
		.usage = "SIZE",
		.help =
		"Buffers that may move (framepool_movable(3)) are moved until a run of SIZE is\n"
		"free. An allocation that needs such a run does the same, so this only does it\n"
		"earlier. If it fails, 'framepool frag' can tell what stands in the way.\n"
		"\n"
		"SIZE is decimal or 0x..., with an optional K, M, G or T (powers of 1024).\n",
	}, {
		.name = "record",
		.run = cmd_record,
		.summary = "write down what programs allocate and free (root only)",
		.usage = "[--time SECONDS] [--buffer SIZE] FILE",
		.help =
		"  --time SECONDS  stop after so long; default: when SIGINT or SIGTERM arrives\n"
		"  --buffer SIZE   memory for events that wait, for each processor: 4K to 1G;\n"
		"                  default: 4M\n"
		"\n"
		"FILE gets a line for each buffer that programs allocate, fail to allocate or\n"
		"free, from the module's tracepoints, and tells where the pool lies in memory.\n"
		"Events that came too fast are counted as 'lost'. What kernel modules and caches\n"
		"of objects allocate is not recorded. 'framepool replay' does the same again.\n",
	}, {
		.name = "replay",
		.run = cmd_replay,
		.summary = "do again what was recorded, and measure fragmentation",
		.usage = "[--simulate] [--svg FILE] RECORDING",
		.help =
		"  --simulate  without a kernel, in the module's core and in a plain binary buddy\n"
		"              allocator, whose figures begin with 'buddy_'\n"
		"  --svg FILE  also draw the table; needs gnuplot\n"
		"\n"
		"The requests come in the same order, as fast as they are answered; each\n"
		"recorded client is a client. 'failed_only_now' counts allocations that\n"
		"succeeded when they were recorded, 'failed_only_then' the opposite.\n"
		"'inferred_frees' are not in the recording, but their memory was allocated\n"
		"again; 'unknown_frees' are of buffers from before it began. 'used' to 'whole'\n"
		"are of the end of the recording, and in the table of other moments: 'largest',\n"
		"the longest free run, and 'whole', what is free in whole huge frames, are\n"
		"shares of 'free' there. Then all is freed.\n",
	}, {
		.name = "pool",
		.run = cmd_pool,
		.summary = "make, remove and show pools",
		.usage = "create NAME --size SIZE [OPTIONS] | destroy NAME [--force] | list | "
			 "show NAME | apply FILE",
		.help =
		"  create   make the pool /dev/framepool/NAME; OPTIONS are\n"
		"    --size SIZE           memory, rounded up to whole huge frames\n"
		"    --node NODE           NUMA node that it comes from\n"
		"    --below ADDRESS[:SIZE]  all of it, or so much, lies below this address\n"
		"    --min-run SIZE        fail if its largest contiguous piece is shorter\n"
		"    --min-largest SIZE    keep an empty run of this length by moving buffers\n"
		"    --memory TYPE         wb, wc or uc: how processors cache it\n"
		"    --partial             accept less memory\n"
		"    --gid GROUP, --mode MODE  of the node: a number, and octal; default: 0, 0660\n"
		"    --client-quota SIZE   most that one client may be charged\n"
		"    --user-quota SIZE     most that all clients of one user may be charged\n"
		"    --debug, --cache-debug  look for mistakes of kernel modules; slow\n"
		"  destroy  remove it, unless it is in use; with --force shut it down first, so\n"
		"           that programs lose its memory: then it goes if they have closed and\n"
		"           unmapped it\n"
		"  list     all pools\n"
		"  show     how a pool was made\n"
		"  apply    make the pools that FILE lists, one a line: NAME OPTION=VALUE...,\n"
		"           with the names of files in configfs, such as size and min_run; those\n"
		"           that are there already must be as FILE says\n"
		"\n"
		"Only root makes and removes pools.\n",
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
